/* csv_scan -- CSV files as a table function: SELECT … FROM spark_csv('{"files":[…],…}').
 *
 * The argument is JSON that csv_scan_spec() writes. Columns: the data columns as text, the
 * partition columns (from k=v folders) as text, then what the reader knows of the row:
 *   COL_FILE     the file's path            COL_LINE    the row's first line, from 1
 *   COL_WIDTH    -1 too few fields, 1 too many, 0 as many as there should be
 *   COL_SURPLUS  fields without a column: `"_c7":"text",…`, NULL if there are none
 *   COL_RECORD   the row as it stands in the file
 *
 * Data columns find their fields by position; with `by_name` and a header, by the header's names
 * (missing ones are NULL). A header's names beyond the columns name the surplus, else `_c<i>`. If
 * nobody reads COL_SURPLUS, COL_WIDTH or COL_RECORD, rows with surplus are counted and told in the
 * log, one line a file. Bytes that are not UTF-8 become U+FFFD, as in Java. */
#ifndef PAYSTREAK_ENGINE_CSV_SCAN_H
#define PAYSTREAK_ENGINE_CSV_SCAN_H
#include "duck/duck.h"
#include "engine/csv.h"

#define COL_FILE "__file"
#define COL_LINE "__line"
#define COL_WIDTH "__width"
#define COL_SURPLUS "__surplus"
#define COL_RECORD "__record"

struct csv_spec {
    struct csv_dialect dialect;
    bool header, by_name, check_header; /* check_header: names must be the columns' (enforceSchema=false) */
    bool case_sensitive;                /* of by_name */
    bool latin1;                        /* the bytes are ISO-8859-1, else UTF-8 */
    struct str null_value, empty_value;
    struct str *files, *columns, *partitions;
    size_t file_count, column_count, partition_count;
};
/* Writes the relation `spark_csv('…')`. */
void csv_scan_print(const struct csv_spec *spec, struct buf *out);
int csv_scan_register(struct duck *db, struct err *err) MUST_CHECK;
/* The first row of a file, for its names or its width: fields in `a`; *count 0 if it has none. */
int csv_first_row(const struct csv_spec *spec, struct str file, struct arena *a, struct str **fields, size_t *count,
                  struct err *err) MUST_CHECK;
#endif
