/* DelimitedText: see rows.h for the rules. The reader looks at a window of the file and copies the
 * fields of one row into a buffer; offsets become pointers when the row is whole. */
#include "factory/rows.h"
#include "factory/expr.h"

#include <string.h>

enum { CSV_WINDOW = 256 << 10, CSV_MAX_DELIMITER = 16 };

struct dialect {
    struct str column, row;       /* row: "" any of CRLF, CR, LF */
    int quote, escape;            /* -1: none */
    struct str null_value;
    bool header;
};

/* "\t" and "\u0001" as people write them in a dataset. */
static struct str unescaped(struct arena *a, struct str s)
{
    static const struct { const char *text, *value; } rows[] = {
        {"\\t", "\t"}, {"\\n", "\n"}, {"\\r\\n", "\r\n"}, {"\\r", "\r"}, {"\\u0001", "\x01"},
        {"\\u0007", "\x07"}, {"\\x01", "\x01"}};
    (void)a;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_eqz(s, rows[i].text))
            return str_z(rows[i].value);
    return s;
}

static int one_char(const struct doc *d, const char *key, int otherwise, int *out, struct err *err)
{
    const struct doc *v = doc_get(d, key);
    *out = otherwise;
    if (!v)
        return 0;
    struct str s = unescaped(NULL, doc_str(v, STR("")));
    if (s.len > 1)
        return doc_err(v, ERR_UNSUPPORTED, err, "\"%s\" is one character", key);
    *out = s.len ? (unsigned char)s.ptr[0] : -1;
    return 0;
}

static int read_dialect(const struct doc *dataset, struct dialect *d, struct err *err)
{
    const struct doc *column = doc_get(dataset, "columnDelimiter");
    d->column = unescaped(NULL, doc_str(column, STR(",")));
    d->row = unescaped(NULL, data_text(dataset, "rowDelimiter"));
    d->null_value = data_text(dataset, "nullValue");
    d->header = data_flag(dataset, "firstRowAsHeader", false);
    if (d->column.len > CSV_MAX_DELIMITER || d->row.len > CSV_MAX_DELIMITER)
        return doc_err(dataset, ERR_LIMIT, err, "a delimiter of more than %d bytes",
                       CSV_MAX_DELIMITER);
    return one_char(dataset, "quoteChar", '"', &d->quote, err) ||
                   one_char(dataset, "escapeChar", '\\', &d->escape, err)
               ? -1
               : 0;
}

/* ---------------------------------------------------------------- reading */

struct csv_in {
    struct rows_in base;
    struct arena *a;              /* names and dialect */
    struct datastore_in *in;
    struct dialect d;
    char *window;
    size_t at, len;
    bool end;
    int64_t line;                 /* where the window stands */
    int64_t dropped, line_start;  /* bytes of the file before the window; where the line begins in it */
    struct spot { int64_t line, col; } from; /* of the field being read */
    struct buf row;
    struct field { size_t from, len; bool quoted; struct spot at; } *fields;
    size_t count, cap;
    struct cell *cells;
};

/* Makes `n` bytes visible at the window's front, if the file has them. */
static int fill(struct csv_in *c, size_t n, struct err *err)
{
    while (c->len - c->at < n && !c->end) {
        memmove(c->window, c->window + c->at, c->len - c->at);
        c->len -= c->at;
        c->dropped += (int64_t)c->at;
        c->at = 0;
        int64_t got = datastore_read(c->in, c->window + c->len, CSV_WINDOW - c->len, err);
        if (got < 0)
            return -1;
        c->end = got == 0;
        c->len += (size_t)got;
    }
    return 0;
}

static inline int peek(struct csv_in *c)
{
    return c->at < c->len ? (unsigned char)c->window[c->at] : -1;
}

static bool here(struct csv_in *c, struct str s)
{
    return s.len && c->len - c->at >= s.len && memcmp(c->window + c->at, s.ptr, s.len) == 0;
}

/* Bytes of the row end here, 0 if there is none. */
static size_t row_end(struct csv_in *c)
{
    if (c->d.row.len)
        return here(c, c->d.row) ? c->d.row.len : 0;
    if (peek(c) == '\n')
        return 1;
    if (peek(c) != '\r')
        return 0;
    return c->at + 1 < c->len && c->window[c->at + 1] == '\n' ? 2 : 1;
}

/* Byte `at` of the window begins a line. */
static void line_begins(struct csv_in *c, size_t at)
{
    c->line++;
    c->line_start = c->dropped + (int64_t)at;
}

static struct spot spot(const struct csv_in *c)
{
    return (struct spot){c->line, c->dropped + (int64_t)c->at - c->line_start + 1};
}

static int bad(struct csv_in *c, struct spot at, struct err *err, const char *what)
{
    c->base.bad_row = true;
    return err_at(err, ERR_INPUT, c->base.shown, (int)at.line, (int)at.col, "%s", what);
}

/* The quoted field whose opening quote is next. 1: closed; 0: the file ended inside; -1. */
static int read_quoted(struct csv_in *c, struct err *err)
{
    c->at++;
    for (;;) {
        if (fill(c, 2, err))
            return -1;
        int ch = peek(c), next = c->at + 1 < c->len ? (unsigned char)c->window[c->at + 1] : -1;
        if (ch < 0)
            return 0;
        if (ch == c->d.quote && next == c->d.quote) {
            c->at++; /* a doubled quote */
        } else if (ch == c->d.escape && c->d.escape != c->d.quote &&
                   (next == c->d.quote || next == c->d.escape)) {
            ch = next;
            c->at++;
        } else if (ch == c->d.quote) {
            c->at++;
            return 1;
        }
        buf_char(&c->row, (char)ch);
        c->at++;
        if (ch == '\n')
            line_begins(c, c->at);
    }
}

static void add_field(struct csv_in *c, size_t from, bool quoted)
{
    c->fields = mem_grow(c->fields, &c->cap, c->count + 1, sizeof *c->fields);
    c->fields[c->count++] = (struct field){from, c->row.len - from, quoted, c->from};
}

static void skip_line(struct csv_in *c)
{
    struct err ignored;
    while (fill(c, CSV_MAX_DELIMITER, &ignored) == 0 && peek(c) >= 0) {
        size_t n = row_end(c);
        c->at += n ? n : 1;
        if (n) {
            line_begins(c, c->at);
            return;
        }
    }
}

/* One field and what ends it: 1 a delimiter, 0 the row or the file, -1. */
static int read_field(struct csv_in *c, struct err *err)
{
    size_t from = c->row.len;
    bool quoted = peek(c) >= 0 && peek(c) == c->d.quote;
    c->from = spot(c);
    if (quoted) {
        int rc = read_quoted(c, err);
        if (rc == 0)
            return bad(c, c->from, err, "the quotes of a field do not end");
        if (rc < 0)
            return -1;
    }
    for (;;) {
        if (fill(c, CSV_MAX_DELIMITER, err))
            return -1;
        size_t n = row_end(c);
        if (here(c, c->d.column)) {
            add_field(c, from, quoted);
            c->at += c->d.column.len;
            return 1;
        }
        if (n || peek(c) < 0) {
            add_field(c, from, quoted);
            c->at += n;
            if (n)
                line_begins(c, c->at);
            return 0;
        }
        if (quoted) {
            struct spot at = spot(c);
            skip_line(c);
            return bad(c, at, err, "text follows the closing quote of a field");
        }
        buf_char(&c->row, c->window[c->at++]);
    }
}

/* One row of fields: 1, 0 at the end of the file, -1. */
static int read_row(struct csv_in *c, struct err *err)
{
    int more = 1;
    c->base.bad_row = false;
    for (;;) { /* empty lines are no rows */
        if (fill(c, CSV_MAX_DELIMITER, err))
            return -1;
        size_t n = row_end(c);
        if (!n)
            break;
        c->at += n;
        line_begins(c, c->at);
    }
    if (peek(c) < 0)
        return 0;
    buf_clear(&c->row);
    c->count = 0;
    c->base.line = c->line;
    while (more == 1) {
        if ((more = read_field(c, err)) < 0)
            return -1;
        if (c->row.len > ROWS_MAX_ROW || c->count > ROWS_MAX_COLUMNS)
            return err_at(err, ERR_LIMIT, c->base.shown, (int)c->from.line, (int)c->from.col,
                          "a row of more than %d columns or %d bytes", ROWS_MAX_COLUMNS,
                          ROWS_MAX_ROW);
    }
    return 1;
}

static int csv_next(struct rows_in *in, const struct cell **cells, struct err *err)
{
    struct csv_in *c = (struct csv_in *)in;
    int rc = read_row(c, err);
    if (rc != 1)
        return rc;
    if (c->count > in->count) {
        in->bad_row = true;
        struct spot at = c->fields[in->count].at;
        return err_at(err, ERR_INPUT, in->shown, (int)at.line, (int)at.col,
                      "the row has %zu columns, %zu are expected", c->count, in->count);
    }
    for (size_t i = 0; i < in->count; i++) {
        struct str text = i < c->count ? str_of(c->row.ptr + c->fields[i].from, c->fields[i].len)
                                       : STR_NONE;
        bool null = i >= c->count || str_eq(text, c->d.null_value);
        c->cells[i] = (struct cell){null ? CELL_NULL : CELL_TEXT, text, NULL};
        if (!null && !str_utf8_ok(text)) {
            in->bad_row = true;
            struct spot at = c->fields[i].at;
            return err_at(err, ERR_INPUT, in->shown, (int)at.line, (int)at.col,
                          "column %zu is not UTF-8 text; set the dataset's encodingName", i + 1);
        }
    }
    *cells = c->cells;
    return 1;
}

static int64_t csv_bytes(struct rows_in *in)
{
    return datastore_bytes_read(((struct csv_in *)in)->in);
}

static void csv_close(struct rows_in *in)
{
    struct csv_in *c = (struct csv_in *)in;
    datastore_close(c->in);
    arena_free(c->a);
    mem_free(c->window);
    mem_free(c->fields);
    mem_free(c->cells);
    buf_release(&c->row);
    mem_free(c);
}

static const struct rows_in_type csv_type = {csv_next, NULL, csv_bytes, csv_close};

/* The header, or Prop_0, Prop_1 … for a file without one (then the row is read again). */
static int read_columns(struct csv_in *c, struct err *err)
{
    size_t at;
    int rc;
    if (fill(c, 3, err))
        return -1;
    if (here(c, STR("\xef\xbb\xbf"))) {
        c->at += 3;
        c->line_start = c->dropped + 3;
    }
    if (!c->d.header) {
        if (fill(c, CSV_WINDOW, err)) /* the first row must lie in the window to be read twice */
            return -1;
        at = c->at;
        size_t len = c->len;
        int64_t line = c->line, line_start = c->line_start;
        if ((rc = read_row(c, err)) < 0)
            return -1;
        if (c->len != len || c->at < at)
            return err_at(err, ERR_LIMIT, c->base.shown, (int)line, 1,
                          "the first row is longer than %d bytes", CSV_WINDOW);
        c->at = at;
        c->line = line;
        c->line_start = line_start;
    } else if ((rc = read_row(c, err)) < 0) {
        return -1;
    }
    c->base.count = rc == 1 ? c->count : 0;
    c->base.names = ARENA_ARRAY(c->a, struct str, c->base.count + 1);
    c->cells = mem_alloc((c->base.count + 1) * sizeof *c->cells);
    for (size_t i = 0; i < c->base.count; i++) {
        struct str text = str_of(c->row.ptr + c->fields[i].from, c->fields[i].len);
        c->base.names[i] = c->d.header && text.len ? str_copy(c->a, text)
                                                   : str_fmt(c->a, "Prop_%zu", i);
    }
    return 0;
}

struct rows_in *csv_open(struct datastore_in *in, const char *shown, const struct doc *dataset,
                         const struct doc *settings, struct err *err)
{
    struct csv_in *c = NEW(struct csv_in);
    int64_t skip = 0;
    c->base.type = &csv_type;
    c->a = arena_new();
    c->base.shown = arena_strdup(c->a, shown);
    c->in = in;
    c->line = 1;
    c->window = mem_alloc(CSV_WINDOW);
    buf_init_max(&c->row, ROWS_MAX_ROW + CSV_WINDOW);
    if (read_dialect(dataset, &c->d, err))
        goto fail;
    if (!doc_i64(doc_get(settings, "skipLineCount"), &skip))
        str_i64(data_text(settings, "skipLineCount"), &skip);
    for (; skip > 0; skip--)
        skip_line(c);
    if (read_columns(c, err))
        goto fail;
    return &c->base;
fail:
    csv_close(&c->base);
    return NULL;
}

void rows_close(struct rows_in *in)
{
    if (in)
        in->type->close(in);
}

/* ---------------------------------------------------------------- writing */

struct csv_out {
    struct rows_out base;
    struct arena *a;
    struct dialect d;
    bool quote_all;
};

struct str cell_text(struct arena *a, const struct cell *c)
{
    return c->kind == CELL_NULL ? STR("") : c->kind == CELL_TEXT ? c->text : adf_to_string(a, c->doc);
}

static bool needs_quotes(const struct csv_out *o, struct str s)
{
    if (o->quote_all)
        return true;
    for (size_t i = 0; i < s.len; i++) {
        int c = (unsigned char)s.ptr[i];
        if (c == o->d.quote || c == '\n' || c == '\r')
            return true;
    }
    return str_find(s, o->d.column) >= 0 || (o->d.row.len && str_find(s, o->d.row) >= 0);
}

static void put_field(struct csv_out *o, struct str s)
{
    struct buf *b = &o->base.b;
    if (o->d.quote < 0 || !needs_quotes(o, s)) {
        buf_str(b, s);
        return;
    }
    buf_char(b, (char)o->d.quote);
    for (size_t i = 0; i < s.len; i++) {
        int c = (unsigned char)s.ptr[i];
        if (c == o->d.quote || c == o->d.escape)
            buf_char(b, (char)(o->d.escape >= 0 ? o->d.escape : o->d.quote));
        buf_char(b, (char)c);
    }
    buf_char(b, (char)o->d.quote);
}

static void end_row(struct csv_out *o)
{
    buf_str(&o->base.b, o->d.row.len ? o->d.row : STR("\r\n"));
}

static void csv_header(struct rows_out *base, const struct str *names, size_t count)
{
    struct csv_out *o = (struct csv_out *)base;
    if (!o->d.header)
        return;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_str(&base->b, o->d.column);
        put_field(o, names[i]);
    }
    end_row(o);
}

static int csv_row(struct rows_out *base, const struct str *names, const struct cell *cells,
                   size_t count, struct err *err)
{
    struct csv_out *o = (struct csv_out *)base;
    (void)names;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_str(&base->b, o->d.column);
        if (cells[i].kind == CELL_NULL) {
            put_field(o, o->d.null_value);
        } else {
            put_field(o, cell_text(o->a, &cells[i]));
        }
    }
    end_row(o);
    base->rows++;
    if (arena_used(o->a) > 1 << 20)
        arena_reset(o->a);
    return 0;
}

static void csv_end(struct rows_out *base)
{
    (void)base;
}

static const struct rows_out_type csv_out_type = {csv_header, csv_row, csv_end};

struct rows_out *csv_writer(const struct doc *dataset, const struct doc *settings, struct err *err)
{
    struct csv_out *o = NEW(struct csv_out);
    o->base.type = &csv_out_type;
    buf_init(&o->base.b);
    o->a = arena_new();
    o->quote_all = data_flag(settings, "quoteAllText", false);
    if (read_dialect(dataset, &o->d, err) == 0)
        return &o->base;
    rows_out_free(&o->base);
    return NULL;
}

void rows_out_free(struct rows_out *o)
{
    if (!o)
        return;
    buf_release(&o->b);
    if (o->type == &csv_out_type)
        arena_free(((struct csv_out *)o)->a);
    mem_free(o);
}
