/* files_int -- what files.c and files_read.c share: the format table and small helpers. */
#ifndef PAYSTREAK_ENGINE_FILES_INT_H
#define PAYSTREAK_ENGINE_FILES_INT_H
#include "engine/csv_scan.h"
#include "engine/files.h"
#include <string.h>

struct file_format {
    const char *name;
    /* Writes the relation of the raw columns, one a data column of f->schema (all text for csv). */
    int (*raw)(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
               struct err *err);
    /* Writes the typed value of a raw column. NULL: raw values are typed already. */
    int (*value)(const struct file_source *f, const struct type_field *field, struct buf *out, struct err *err);
    const char *infer_function; /* DuckDB reader that can infer; NULL: the schema is `fixed` */
    const char *fixed;          /* DDL of a format whose schema never varies */
    bool rescues;
};
const struct file_format *file_format_find(struct str name);
bool file_source_flag(const struct file_source *f, const char *key, bool otherwise);
int file_err(const struct file_source *f, enum err_code code, struct err *err, const char *what,
             struct str name, const char *advice);

enum read_mode { MODE_PERMISSIVE, MODE_DROP, MODE_FAIL };
enum read_mode file_mode(const struct file_source *f);
/* The data column that takes malformed rows as they stand; NULL if the schema has none. */
const struct type_field *file_corrupt_column(const struct file_source *f);
bool file_loses(const struct file_source *f);   /* what does not fit is kept nowhere, only told in the log */
bool file_reads_column(const struct file_source *f, size_t i); /* is field i read from the files' contents? */
bool file_is_partition(const struct file_source *f, size_t i); /* or from k=v folders? */

/* files_read.c: documents d of files in which they span lines, with their text as COL_RECORD. */
void json_objects(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out);

/* files_value.c */
bool file_value_may_fail(const struct type *t);
void file_raw_name(struct buf *out, struct str name);          /* r."name" */
int csv_value(const struct file_source *f, const struct type_field *field, struct buf *out, struct err *err);
int json_value(const struct file_source *f, const struct type_field *field, struct buf *out, struct err *err);

/* files_lines.c */
int csv_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out, struct err *err);
int text_lines(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out, struct err *err);
int json_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out, struct err *err);
/* Sets f->schema from the files' first rows; `typed`: and from all values. */
int csv_infer(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files, size_t count,
              bool typed, struct err *err);
int json_infer(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files, size_t count,
               bool typed, struct err *err); /* of JSON lines */
#endif
