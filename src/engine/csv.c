#include "engine/csv.h"
#include <string.h>

void csv_record_init(struct csv_record *r)
{
    *r = (struct csv_record){0};
    buf_init_max(&r->text, (size_t)CSV_MAX_RECORD * 2);
}

void csv_record_release(struct csv_record *r)
{
    buf_release(&r->text);
    mem_free(r->fields);
}

/* Where a record is being read. `end`: one past the last byte that belongs to it, or to `in` while
 * its end is not known (multi_line). */
struct cursor { const struct csv_dialect *d; const char *at, *end; struct csv_record *out; };

static bool delimiter_at(const struct cursor *c, const char *p)
{
    struct str d = c->d->delimiter;
    return p < c->end && *p == d.ptr[0] && (d.len == 1 || ((size_t)(c->end - p) >= d.len && memcmp(p, d.ptr, d.len) == 0));
}

/* Bytes of the line end at p, 0 if there is none. */
static size_t line_end_at(const struct csv_dialect *d, const char *p, const char *end)
{
    if (d->line_end.len)
        return (size_t)(end - p) >= d->line_end.len && memcmp(p, d->line_end.ptr, d->line_end.len) == 0 ? d->line_end.len : 0;
    if (*p == '\n')
        return 1;
    return *p != '\r' ? 0 : p + 1 < end && p[1] == '\n' ? 2 : 1;
}

static bool field_ends(const struct cursor *c, const char *p)
{
    return p >= c->end || delimiter_at(c, p) || (c->d->multi_line && line_end_at(c->d, p, c->end));
}

static bool blank(char ch)
{
    return (unsigned char)ch <= ' ';
}

static int add(struct cursor *c, size_t from, bool quoted, struct err *err)
{
    struct csv_record *r = c->out;
    if (r->count == CSV_MAX_COLUMNS)
        return err_set(err, ERR_LIMIT, "a CSV row has more than CSV_MAX_COLUMNS fields");
    r->fields = mem_grow(r->fields, &r->cap, r->count + 1, sizeof *r->fields);
    size_t len = r->text.len - from;
    r->fields[r->count++] = (struct csv_field){from, len, quoted, !quoted && !len};
    return 0;
}

/* The delimiter or end at or after p. */
static const char *field_end(const struct cursor *c, const char *p)
{
    if (c->d->multi_line) {
        while (!field_ends(c, p))
            p++;
        return p;
    }
    while (p < c->end && (p = memchr(p, c->d->delimiter.ptr[0], (size_t)(c->end - p))) && !delimiter_at(c, p))
        p++;
    return p ? p : c->end;
}

static int plain_field(struct cursor *c, struct err *err)
{
    const char *from = c->at, *p = field_end(c, from);
    c->at = p;
    while (c->d->trim_back && p > from && blank(p[-1]))
        p--;
    size_t at = c->out->text.len;
    buf_add(&c->out->text, from, (size_t)(p - from));
    return add(c, at, false, err);
}

/* The closing quote at `close` was none: the field is its text with that quote, up to a delimiter. */
static int unescaped_field(struct cursor *c, size_t from, const char *close, struct err *err)
{
    struct buf *text = &c->out->text;
    const char *p = field_end(c, close + 1);
    buf_char(text, 0);
    memmove(text->ptr + from + 1, text->ptr + from, text->len - from - 1);
    text->ptr[from] = (char)c->d->quote;
    c->at = p;
    while (c->d->trim_back && p > close + 1 && blank(p[-1]))
        p--;
    buf_add(text, close, (size_t)(p - close));
    return add(c, from, true, err);
}

/* What stands at a quote or an escape, given the special character before it (0: none). Returns
 * what is "before" for the next one. */
static int special(struct cursor *c, int ch, int before)
{
    const struct csv_dialect *d = c->d;
    bool doubles = d->escape == d->quote;
    if (before == d->escape && before && (ch == d->quote || (!doubles && ch == d->escape))) {
        buf_char(&c->out->text, (char)ch);
        return 0;
    }
    if (ch == d->quote && before == d->quote)
        buf_char(&c->out->text, (char)ch);
    return ch;
}

/* Bytes that mean nothing, and the line end after them: inside quotes that is one LF, however the file
 * writes it. */
static void quoted_run(struct cursor *c)
{
    const struct csv_dialect *d = c->d;
    const char *from = c->at;
    size_t n = 0;
    while (c->at < c->end && (unsigned char)*c->at != d->quote && (unsigned char)*c->at != d->escape &&
           !(d->multi_line && (n = line_end_at(d, c->at, c->end)) > 0))
        c->at++;
    buf_add(&c->out->text, from, (size_t)(c->at - from));
    if (!n)
        return;
    buf_char(&c->out->text, '\n');
    c->out->lines++;
    c->at += n;
}

static int quoted_field(struct cursor *c, struct err *err)
{
    const struct csv_dialect *d = c->d;
    size_t from = c->out->text.len;
    int before = 0;
    for (c->at++; c->at < c->end;) {
        int ch = (unsigned char)*c->at;
        if (before == d->quote && (blank((char)ch) || field_ends(c, c->at)))
            break;
        if (ch != d->quote && ch != d->escape) {
            if (before == d->quote)
                return unescaped_field(c, from, c->at - 1, err);
            if (before && before == d->escape)
                buf_char(&c->out->text, (char)d->escape);
            before = 0;
            quoted_run(c);
            continue;
        }
        if (before == d->quote && ch != d->quote)
            return unescaped_field(c, from, c->at - 1, err);
        before = special(c, ch, before);
        c->at++;
    }
    if (before && before == d->escape && before != d->quote)
        buf_char(&c->out->text, (char)d->escape);
    const char *close = c->at - 1;
    while (c->at < c->end && blank(*c->at) && !field_ends(c, c->at))
        c->at++;
    if (!field_ends(c, c->at))
        return unescaped_field(c, from, close, err);
    return add(c, from, true, err);
}

/* Reads fields up to the record's end, which is at c->at then. */
static int read_fields(struct cursor *c, struct err *err)
{
    for (;;) {
        while (c->d->trim_front && c->at < c->end && blank(*c->at) && !field_ends(c, c->at))
            c->at++;
        bool quoted = c->at < c->end && (unsigned char)*c->at == c->d->quote;
        if (quoted ? quoted_field(c, err) : plain_field(c, err))
            return -1;
        if (!delimiter_at(c, c->at))
            return 0;
        c->at += c->d->delimiter.len;
    }
}

static const char *find_line_end(const struct csv_dialect *d, const char *p, const char *end, size_t *bytes)
{
    for (; p < end; p++) {
        while (!d->line_end.len && p < end && *p != '\n' && *p != '\r')
            p++;
        if (p < end && (*bytes = line_end_at(d, p, end)) > 0)
            return p;
    }
    *bytes = 0;
    return end;
}

static bool is_record(const struct csv_dialect *d, const char *p, const char *end)
{
    if (p < end && (unsigned char)*p == d->comment)
        return false;
    while (p < end && blank(*p))
        p++;
    return p < end;
}

/* A CR at the very end may be half a CRLF; nothing is known of a line that goes on. */
static bool may_go_on(const struct csv_dialect *d, struct str in, bool all, const char *stop, size_t bytes)
{
    const char *end = in.ptr + in.len;
    return !all && (stop == end || (!d->line_end.len && bytes == 1 && *stop == '\r' && stop + 1 == end));
}

int csv_next(const struct csv_dialect *d, struct str in, bool all, struct csv_record *out, size_t *took,
             struct err *err)
{
    const char *p = in.ptr, *end = in.ptr + in.len, *stop;
    size_t bytes;
    out->count = out->lines = 0;
    buf_clear(&out->text);
    for (;;) {
        if (p == end) {
            *took = (size_t)(p - in.ptr);
            return all ? 0 : 2;
        }
        stop = find_line_end(d, p, end, &bytes);
        if (may_go_on(d, in, all, stop, bytes))
            return 2;
        if (d->blank_rows || is_record(d, p, stop))
            break;
        out->lines += bytes > 0;
        p = stop + bytes;
    }
    out->skipped = out->lines;
    struct cursor c = {d, p, d->multi_line ? end : stop, out};
    if (read_fields(&c, err))
        return -1;
    if (d->multi_line) {
        bytes = c.at < end ? line_end_at(d, c.at, end) : 0;
        if (may_go_on(d, in, all, c.at, bytes))
            return 2;
    }
    out->raw = str_of(p, (size_t)(c.at - p));
    out->lines += bytes > 0;
    *took = (size_t)(c.at - in.ptr) + bytes;
    return 1;
}
