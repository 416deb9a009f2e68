/* scan_form -- what is special about the files of a scan, as far as their footers must be asked before the scan is bound. */
#ifndef PAYSTREAK_LAKE_SCAN_FORM_H
#define PAYSTREAK_LAKE_SCAN_FORM_H
#include "lake/log.h"

enum { FORM_BARE = 1 /* variants are not annotated */, FORM_JULIAN_DATES = 2, FORM_JULIAN_TIMES = 4,
       FORM_BY_ID = 8 /* columns have other names: their field ids tell */, FORMS = 16 };

struct scan_asked {
    struct arena *arena;
    const struct lake_snapshot *snap;
    const struct type_field **fields; /* the columns that are read from files */
    size_t count;
    bool changes_rows;            /* rows must be those of the files as logged, not of copies */
    struct map *copies;           /* out: logged path -> an annotated copy of the file; NULL: none. The caller frees it, on error too */
};
/* Sets forms[i] to the bits FORM_* of files[i], which are there (pinned). A file that is no Parquet has none: DuckDB
 * will say so. Errors: ERR_UNSUPPORTED names what cannot be read; ERR_IO of a copy. Any thread. */
int scan_forms(struct scan_asked *p, const struct lake_file *const *files, size_t count, uint8_t *forms, struct err *err) MUST_CHECK;
/* A column's id in column mapping, 0 if it has none. */
int64_t scan_field_id(const struct type_field *f);
#endif
