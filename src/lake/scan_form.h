/* scan_form -- what is special about the files of a scan, as far as their footers must be asked before the scan is bound. */
#ifndef PAYSTREAK_LAKE_SCAN_FORM_H
#define PAYSTREAK_LAKE_SCAN_FORM_H
#include "lake/log.h"

enum { FORM_BARE = 1 /* variants are not annotated */, FORM_JULIAN_DATES = 2, FORM_JULIAN_TIMES = 4,
       FORM_BY_ID = 8 /* columns have other names: their field ids tell */,
       FORM_FOREIGN = 16 /* a struct has none of the fields that it has now */, FORMS = 32 };

/* A field that files have in the struct `of`, which has none of the table's fields there. */
struct scan_foreign { const struct type *of; struct str name; };

struct scan_asked {
    struct arena *arena;
    const struct lake_snapshot *snap;
    const struct type_field **fields; /* the columns that are read from files */
    size_t count;
    bool changes_rows;            /* rows must be those of the files as logged, not of copies */
    struct scan_foreign *foreign; /* out, in the arena: of all files of FORM_FOREIGN */
    size_t foreign_count, foreign_cap;
    struct map *copies;           /* out: logged path -> an annotated copy of the file; NULL: none. The caller frees it, on error too */
};
/* Sets forms[i] to the bits FORM_* of files[i], which are there (pinned). A file that is no Parquet has none: DuckDB
 * will say so. Errors: ERR_UNSUPPORTED names what cannot be read; ERR_IO of a copy. Any thread. */
int scan_forms(struct scan_asked *p, const struct lake_file *const *files, size_t count, uint8_t *forms, struct err *err) MUST_CHECK;
/* Is it, or does it hold, a value of the kind? `depth`: 0. */
bool scan_has_kind(const struct type *t, enum type_kind kind, int depth);
/* A column's id in column mapping, 0 if it has none. */
int64_t scan_field_id(const struct type_field *f);
#endif
