/* csv -- one CSV record as Spark's reader takes it apart (univocity, STOP_AT_DELIMITER).
 *
 * A field that begins with the quote character goes to the next quote that is not escaped; blanks
 * between it and the delimiter are dropped. Inside, the escape character before a quote or before
 * itself stands for that character, and is itself before anything else. A closing quote that is
 * followed by anything but blanks was none: the field is then its text as it stands, first quote
 * and all, up to the next delimiter. A field that does not begin with a quote is taken as it is.
 * A quote that is never closed ends with the record. An unquoted field without text is NULL.
 *
 * Records are lines; a quote spans lines with `multi_line` only. Pure: bytes in, fields out. */
#ifndef PAYSTREAK_ENGINE_CSV_H
#define PAYSTREAK_ENGINE_CSV_H
#include "base/base.h"

enum { CSV_MAX_COLUMNS = 20480, CSV_MAX_DELIMITER = 16, CSV_MAX_RECORD = 64 << 20 };

struct csv_dialect {
    struct str delimiter;      /* 1 to CSV_MAX_DELIMITER bytes */
    struct str line_end;       /* "": any of LF, CRLF, CR */
    int quote, escape, comment; /* a byte; -1: none */
    bool trim_front, trim_back; /* blanks around unquoted fields */
    bool multi_line;
    bool blank_rows;           /* a line without text is a row, as the text format has it */
};

/* A record's fields; offsets lie in `text`. Kept from record to record. */
struct csv_record {
    struct buf text;
    struct csv_field { size_t at, len; bool quoted, null; } *fields;
    size_t count, cap;
    size_t lines, skipped;     /* line ends in the bytes taken; those of them before the record */
    struct str raw;            /* the record as it stands in the file, without its line end */
};
void csv_record_init(struct csv_record *r);
void csv_record_release(struct csv_record *r);
static inline struct str csv_text(const struct csv_record *r, size_t i)
{
    return str_of(r->text.ptr + r->fields[i].at, r->fields[i].len);
}

/* Takes the next record off the front of `in`, with the blank and comment lines before it. `all`:
 * the file ends with `in`. Returns 1 a record, 0 nothing but the end, 2 `in` may end inside a
 * record: come again with more bytes from the same place. *took: bytes to drop, also with 0.
 * Errors: ERR_LIMIT, more than CSV_MAX_COLUMNS fields. */
int csv_next(const struct csv_dialect *d, struct str in, bool all, struct csv_record *out, size_t *took,
             struct err *err) MUST_CHECK;
#endif
