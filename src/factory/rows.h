/* rows -- tables on their way through a copy: readers and writers of DelimitedText and JSON.
 *
 * A reader gives one row at a time as cells; a writer takes them. Cells of a row are valid until
 * the next row is read. A row that does not fit its format is a *bad row*: the reader reports it
 * with file and line, sets bad_row, and may be asked for the next one.
 *
 * DelimitedText as Data Factory reads it: fields between column delimiters; a field that starts
 * with the quote character goes on to the closing quote and may hold delimiters and line ends; a
 * quote inside is escaped by the escape character, or doubled. A field equal to nullValue (by
 * default the empty text) is null. Rows end at CRLF, CR or LF, unless a rowDelimiter is set. Empty
 * lines are no rows. A row with more fields than the header is bad; missing fields are null. Written:
 * CRLF unless set, quotes where needed or everywhere (quoteAllText).
 *
 * JSON: one object, an array of objects, JSON lines or objects one after the other, all told apart
 * by what is there. Written: one object a line, or an array (filePattern arrayOfObjects).
 *
 * Pure but for the datastore_in/datastore_out they are given. Workers only. */
#ifndef PAYSTREAK_FACTORY_ROWS_H
#define PAYSTREAK_FACTORY_ROWS_H
#include "factory/datastore.h"

enum {
    ROWS_MAX_COLUMNS = 10000,
    ROWS_MAX_ROW = 64 << 20,      /* bytes */
    ROWS_MAX_JSON = 512 << 20,    /* a whole JSON file */
};

enum cell_kind { CELL_NULL, CELL_TEXT, CELL_DOC };
struct cell { enum cell_kind kind; struct str text; const struct doc *doc; };

struct rows_in {
    struct str *names;            /* columns; for JSON: keys of the first object */
    size_t count;
    bool bad_row;                 /* the error was about one row; the next can be read */
    int64_t line;                 /* of the row just read, 1-based */
    const char *shown;
    const struct rows_in_type *type;
};
struct rows_in_type {
    /* 1: a row, its `in->count` cells at *cells; 0: the end; -1. */
    int (*next)(struct rows_in *in, const struct cell **cells, struct err *err);
    /* The row just read as a whole; JSON only, else NULL. */
    const struct doc *(*whole)(struct rows_in *in);
    int64_t (*bytes_read)(struct rows_in *in);
    void (*close)(struct rows_in *in);
};

/* Both read the columns at once. `in` is owned by the reader from here on, even on error. */
struct rows_in *csv_open(struct datastore_in *in, const char *shown, const struct doc *dataset,
                         const struct doc *settings, struct err *err) MUST_CHECK;
struct rows_in *json_open(struct datastore_in *in, const char *shown, struct err *err) MUST_CHECK;
static inline int rows_next(struct rows_in *in, const struct cell **cells, struct err *err)
{
    return in->type->next(in, cells, err);
}
void rows_close(struct rows_in *in); /* NULL is allowed */

struct rows_out {
    struct buf b;                 /* what to write; the caller empties it */
    int64_t rows;
    const struct rows_out_type *type;
};
struct rows_out_type {
    void (*header)(struct rows_out *o, const struct str *names, size_t count);
    int (*row)(struct rows_out *o, const struct str *names, const struct cell *cells, size_t count,
               struct err *err);
    void (*end)(struct rows_out *o);
};
/* `dataset`: the sink's typeProperties; `settings`: its formatSettings. Errors: ERR_INPUT. */
struct rows_out *csv_writer(const struct doc *dataset, const struct doc *settings,
                            struct err *err) MUST_CHECK;
struct rows_out *json_writer(const struct doc *settings);
void rows_out_free(struct rows_out *o); /* NULL is allowed */

/* A cell as text, as string() prints it; null is "". */
struct str cell_text(struct arena *a, const struct cell *c);
#endif
