/* files_int -- what files.c and files_read.c share: the format table and small helpers. */
#ifndef PAYSTREAK_ENGINE_FILES_INT_H
#define PAYSTREAK_ENGINE_FILES_INT_H
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
#endif
