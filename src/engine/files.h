/* files -- data files as relations: read_files(), cloud_files(), format.`path`, DataFrameReader.
 *
 * A file source is opened from a plan's leaf: format, options, path (a cloud name resolved to a
 * local folder, a file, or a glob). It lists its files, infers a schema where none is declared and
 * prints a DuckDB relation over any list of them, so that a stream can read just the new ones.
 *
 * What does not fit goes where `mode` says (files_read.c). In PERMISSIVE mode a field that does not
 * parse as its column's type is NULL, and it and fields without a column go with the file's path
 * into the rescued-data column as JSON, if the source has one. read_files and cloud_files have one
 * (`_rescued_data`) when the schema is inferred, or when the schema or the option
 * rescuedDataColumn names it; a DataFrameReader has one when the option asks for it. `_metadata` is a hidden column of every file source.
 * Files whose names start with `_` or `.` are not data. The table of files.c has the options and the
 * values that they take here; anything else is refused by name.
 *
 * Thread: a worker; all calls may block. */
#ifndef PAYSTREAK_ENGINE_FILES_H
#define PAYSTREAK_ENGINE_FILES_H
#include "duck/duck.h"
#include "plan/plan.h"

struct resolver_names; /* resolve/resolve.h */
enum { FILES_MAX_LISTED = 1000000, FILES_INFER_SAMPLE = 20 };

struct data_file { struct str path; /* absolute, local */ int64_t size, mtime_us; };
struct file_format; /* a row of the format table */

struct file_source {
    const struct file_format *format;
    struct place at;
    struct options options;
    struct str uri;                  /* as the user wrote it */
    struct str root, pattern;        /* local folder; glob below it, NONE: everything, recursively */
    bool single_file;
    const struct type *schema;       /* output: data columns, partition columns, rescued, _metadata */
    size_t data_columns;             /* how many of them are read from the files' contents */
    struct str rescued;              /* name of the rescued-data column, NONE if absent */
    bool declared;                   /* the schema was given, not inferred */
    struct str function;             /* read_files, cloud_files; "": a DataFrameReader, a table */
    bool named;                      /* read_files, cloud_files: columns by name, a rescued-data column */
};

/* From REL_FUNCTION read_files/cloud_files or REL_SOURCE. Errors name the option or format. */
struct file_source *file_source_open(struct arena *a, const struct rel *leaf, struct resolver_names *names,
                                     struct err *err) MUST_CHECK;
/* Files now there, by path. Returns the count; no file is no error. */
int64_t file_source_list(const struct file_source *f, struct arena *a, struct data_file **files,
                         struct err *err) MUST_CHECK;
/* Sets f->schema from the declared schema or, looking at up to FILES_INFER_SAMPLE of the files, by
 * inference. ERR_INPUT "CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE" if there is nothing to infer from. */
int file_source_schema(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files,
                       size_t count, struct err *err) MUST_CHECK;
/* Writes `(SELECT … FROM …)` over these files with f->schema's columns; of none, an empty relation. */
int file_source_print(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                      struct err *err) MUST_CHECK;
/* An option's value, case-insensitive; NONE if absent. */
struct str file_source_option(const struct file_source *f, const char *key);
bool path_glob_match(struct str pattern, struct str path); /* * ? [] {a,b} **; `*` does not cross / */
#endif
