/* pg_out.c -- PostgreSQL's protocol 3.0 messages, as chapter "Message Formats" of its manual has them. */
#include "serve/pg_out.h"
#include <string.h>

struct str pg_get_bytes(struct pg_in *in, size_t n)
{
    if (in->rest.len < n) {
        in->bad = true;
        in->rest = STR_NONE;
        return STR_NONE;
    }
    struct str s = str_sub(in->rest, 0, n);
    in->rest = str_from(in->rest, n);
    return s;
}

uint32_t pg_get_u32(struct pg_in *in)
{
    struct str s = pg_get_bytes(in, 4);
    return s.len ? be32_get(s.ptr) : 0;
}

uint16_t pg_get_u16(struct pg_in *in)
{
    struct str s = pg_get_bytes(in, 2);
    return s.len ? be16_get(s.ptr) : 0;
}

uint8_t pg_get_u8(struct pg_in *in)
{
    struct str s = pg_get_bytes(in, 1);
    return s.len ? (uint8_t)s.ptr[0] : 0;
}

struct str pg_get_z(struct pg_in *in)
{
    int64_t n = str_chr(in->rest, 0);
    if (n < 0) {
        in->bad = true;
        in->rest = STR_NONE;
        return STR_NONE;
    }
    struct str s = str_sub(in->rest, 0, (size_t)n);
    in->rest = str_from(in->rest, (size_t)n + 1);
    return s;
}

size_t pg_begin(struct buf *b, char type)
{
    size_t mark = b->len;
    buf_char(b, type);
    buf_add(b, "\0\0\0\0", 4);
    return mark;
}

void pg_finish(struct buf *b, size_t mark)
{
    if (!b->overflow)
        be32_put(b->ptr + mark + 1, (uint32_t)(b->len - mark - 1));
}

void pg_put_u16(struct buf *b, uint16_t v)
{
    char out[2];
    be16_put(out, v);
    buf_add(b, out, 2);
}

void pg_put_u32(struct buf *b, uint32_t v)
{
    char out[4];
    be32_put(out, v);
    buf_add(b, out, 4);
}

void pg_put_z(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i])
            buf_char(b, s.ptr[i]);
    buf_char(b, 0);
}

void pg_empty(struct buf *b, char type)
{
    pg_finish(b, pg_begin(b, type));
}

void pg_auth(struct buf *b, uint32_t kind, struct str data)
{
    size_t mark = pg_begin(b, 'R');
    pg_put_u32(b, kind);
    buf_str(b, data);
    pg_finish(b, mark);
}

void pg_parameter(struct buf *b, const char *name, struct str value)
{
    size_t mark = pg_begin(b, 'S');
    pg_put_z(b, str_z(name));
    pg_put_z(b, value);
    pg_finish(b, mark);
}

void pg_ready(struct buf *b, char status)
{
    size_t mark = pg_begin(b, 'Z');
    buf_char(b, status);
    pg_finish(b, mark);
}

void pg_complete(struct buf *b, const char *tag)
{
    size_t mark = pg_begin(b, 'C');
    pg_put_z(b, str_z(tag));
    pg_finish(b, mark);
}

static void field(struct buf *b, char code, struct str value)
{
    buf_char(b, code);
    pg_put_z(b, value);
}

void pg_report(struct buf *b, char type, const struct pg_report *r)
{
    size_t mark = pg_begin(b, type);
    field(b, 'S', str_z(r->severity));
    field(b, 'V', str_z(r->severity));
    field(b, 'C', str_z(r->sqlstate));
    field(b, 'M', str_z(r->msg));
    if (r->hint)
        field(b, 'H', str_z(r->hint));
    if (r->position) {
        buf_char(b, 'P');
        buf_printf(b, "%zu", r->position);
        buf_char(b, 0);
    }
    buf_char(b, 0);
    pg_finish(b, mark);
}

bool pg_is_binary(const struct pg_formats *f, size_t column)
{
    if (f->count == 0)
        return false;
    return f->codes[f->count == 1 ? 0 : column < f->count ? column : 0] == 1;
}

void pg_row_description(struct buf *b, const struct query_column *cols, size_t n, const struct pg_formats *f)
{
    size_t mark = pg_begin(b, 'T');
    pg_put_u16(b, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        struct pg_type t = pg_type_of(cols[i].type);
        pg_put_z(b, cols[i].name);
        pg_put_u32(b, 0); /* of no table that pg_attribute knows */
        pg_put_u16(b, 0);
        pg_put_u32(b, t.oid);
        pg_put_u16(b, (uint16_t)t.size);
        pg_put_u32(b, (uint32_t)t.typmod);
        pg_put_u16(b, pg_is_binary(f, i));
    }
    pg_finish(b, mark);
}

int pg_data_row(struct buf *b, const struct query_cell *cells, size_t n, const struct pg_type *types,
                const struct pg_formats *f, struct err *err)
{
    size_t mark = pg_begin(b, 'D');
    pg_put_u16(b, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        if (!cells[i].ptr) {
            pg_put_u32(b, UINT32_MAX);
            continue;
        }
        struct str text = str_of(cells[i].ptr, cells[i].len);
        if (!pg_is_binary(f, i)) {
            pg_put_u32(b, (uint32_t)text.len);
            buf_str(b, text);
            continue;
        }
        size_t at = b->len;
        pg_put_u32(b, 0);
        if (pg_binary_put(b, types[i].oid, text, err) != 0)
            return -1;
        be32_put(b->ptr + at, (uint32_t)(b->len - at - 4));
    }
    pg_finish(b, mark);
    return 0;
}

/* Spark's error conditions that PostgreSQL has a code of its own for. */
static const struct { const char *condition, *sqlstate; } conditions[] = {
    {"[PARSE_SYNTAX_ERROR]", "42601"}, {"[PARSE_EMPTY_STATEMENT]", "42601"},
    {"[TABLE_OR_VIEW_NOT_FOUND]", "42P01"}, {"[SCHEMA_NOT_FOUND]", "3F000"},
    {"[UNRESOLVED_COLUMN", "42703"}, {"[UNRESOLVED_ROUTINE]", "42883"},
    {"[AMBIGUOUS_REFERENCE]", "42702"}, {"[TABLE_OR_VIEW_ALREADY_EXISTS]", "42P07"},
    {"[DATATYPE_MISMATCH", "42804"}, {"[DIVIDE_BY_ZERO]", "22012"},
    {"[CAST_INVALID_INPUT]", "22P02"}, {"[CAST_OVERFLOW]", "22003"}, {"[ARITHMETIC_OVERFLOW]", "22003"},
    {"[NUMERIC_VALUE_OUT_OF_RANGE", "22003"}, {"[MISSING_AGGREGATION]", "42803"},
    {"[WRONG_NUM_ARGS", "42883"},
};

const char *pg_sqlstate(const struct err *err)
{
    static const char *const codes[ERR_CODE_COUNT] = {
        [ERR_USAGE] = "42601", [ERR_INPUT] = "42000", [ERR_UNSUPPORTED] = "0A000", [ERR_NOT_FOUND] = "42P01",
        [ERR_EXISTS] = "42P07", [ERR_CONFLICT] = "40001", [ERR_LIMIT] = "54000", [ERR_CORRUPT] = "XX001",
        [ERR_IO] = "58030", [ERR_TIMEOUT] = "57014", [ERR_CANCELED] = "57014", [ERR_AUTH] = "28P01",
        [ERR_DENIED] = "42501", [ERR_USER] = "P0001", [ERR_INTERNAL] = "XX000",
    };
    for (size_t i = 0; i < COUNT_OF(conditions); i++)
        if (strstr(err->msg, conditions[i].condition))
            return conditions[i].sqlstate;
    return err->code < ERR_CODE_COUNT && codes[err->code] ? codes[err->code] : "XX000";
}
