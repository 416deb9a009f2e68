/* render.c -- a value as text, in four forms.
 *
 *            DUCK_AS_JSON               DUCK_AS_TEXT (Spark's CAST)   DUCK_AS_PG
 * NULL       null                       (nothing; inside: null)       (nothing; in arrays: NULL)
 * boolean    true                       true                          t
 * double     1.5, "NaN", "Infinity"     1.5, 1.0E10, NaN, Infinity    1.5, 1e+10, NaN, Infinity
 * decimal    10.50                      10.50                         10.50
 * blob       base64, quoted             its bytes                     \x0a0b
 * date       "2024-01-02"               2024-01-02                    2024-01-02
 * timestamp  "2024-01-02T03:04:05.123"  2024-01-02 03:04:05.123       2024-01-02 03:04:05.123
 * with zone  "2024-01-02T03:04:05.123Z" 2024-01-02 03:04:05.123       2024-01-02 03:04:05.123+00
 * list       [1,2]                      [1, 2]                        {1,2}
 * struct     {"a":1}                    {1}                           {"a":1}  (json)
 * map        {"k":1}                    {k -> 1}                      {"k":1}  (json)
 * DUCK_AS_EXACT is JSON from which every value can be read back whatever its type: a map is
 * [{"key":k,"value":v}], a float has the digits of the double it equals, a fraction of a second has
 * six digits, and a JSON value stands as it is.
 * Fractions of a second lose trailing zeros, JSON timestamps too. Doubles are the shortest text
 * that reads back the same; Spark's form is Java's. Recursion follows the type, whose depth
 * duck_node_of() limits. */
#include "duck/duck_int.h"
#include "duck/render.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <inttypes.h>
#include <math.h>

static bool is_json(enum duck_style style)
{
    return style == DUCK_AS_JSON || style == DUCK_AS_EXACT;
}

static void put_int(struct buf *out, __int128 v)
{
    char digits[48];
    size_t at = sizeof digits;
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    do
        digits[--at] = (char)('0' + (int)(u % 10));
    while (u /= 10);
    if (v < 0)
        digits[--at] = '-';
    buf_add(out, digits + at, sizeof digits - at);
}

void render_decimal(struct buf *out, __int128 v, int scale)
{
    char digits[96];
    size_t at = sizeof digits;
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    for (int i = 0; u || i <= scale; i++) {
        if (i == scale && scale)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(u % 10));
        u /= 10;
    }
    if (v < 0)
        digits[--at] = '-';
    buf_add(out, digits + at, sizeof digits - at);
}

/* Shortest digits that read back as `v`, as "[-]d.ddde±xx". */
static void shortest(double v, bool is_float, char out[40])
{
    for (int precision = 0; precision <= 17; precision++) {
        snprintf(out, 40, "%.*e", precision, v);
        if (is_float ? strtof(out, NULL) == (float)v : strtod(out, NULL) == v)
            return;
    }
}

static void put_plain(struct buf *out, const char *digits, int count, int exponent)
{
    if (exponent < 0) {
        buf_z(out, "0.");
        for (int i = -1; i > exponent; i--)
            buf_char(out, '0');
        buf_add(out, digits, (size_t)count);
        return;
    }
    for (int i = 0; i <= exponent || i < count; i++) {
        if (i == exponent + 1)
            buf_char(out, '.');
        buf_char(out, i < count ? digits[i] : '0');
    }
}

void render_f64(struct buf *out, double v, bool is_float, enum duck_style style)
{
    if (isnan(v) || isinf(v)) {
        const char *name = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
        buf_printf(out, is_json(style) ? "\"%s\"" : "%s", name);
        return;
    }
    char text[40], digits[24];
    shortest(v, is_float && style != DUCK_AS_EXACT, text);
    int count = 0;
    char *e = strchr(text, 'e');
    for (char *c = text; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    int exponent = (int)strtol(e + 1, NULL, 10);
    if (text[0] == '-')
        buf_char(out, '-');
    bool java = style != DUCK_AS_PG;
    if (v == 0) {
        buf_z(out, java ? "0.0" : "0");
    } else if (java ? exponent >= -3 && exponent < 7 : exponent >= -5 && exponent < 15) {
        put_plain(out, digits, count, exponent);
        if (java && exponent >= 0 && count <= exponent + 1)
            buf_z(out, ".0");
    } else {
        buf_char(out, digits[0]);
        if (count > 1 || java)
            buf_char(out, '.');
        if (count > 1)
            buf_add(out, digits + 1, (size_t)count - 1);
        else if (java)
            buf_char(out, '0');
        buf_printf(out, java ? "E%d" : "e%+03d", exponent);
    }
}

static void put_fraction(struct buf *out, int us, enum duck_style style)
{
    if (!us)
        return;
    char text[16];
    snprintf(text, sizeof text, ".%06d", us);
    size_t n = 7;
    while (style != DUCK_AS_EXACT && text[n - 1] == '0')
        n--;
    buf_add(out, text, n);
}

static void put_year_day(struct buf *out, const struct civil *c, enum duck_style style)
{
    if (style == DUCK_AS_PG && c->year <= 0)
        buf_printf(out, "%04d-%02d-%02d", 1 - c->year, c->month, c->day);
    else if (c->year > 9999 && style != DUCK_AS_PG)
        buf_printf(out, "+%d-%02d-%02d", c->year, c->month, c->day);
    else
        buf_printf(out, c->year < 0 ? "%05d-%02d-%02d" : "%04d-%02d-%02d", c->year, c->month, c->day);
}

void render_date(struct buf *out, int32_t days, enum duck_style style)
{
    if (days == INT32_MAX || days == -INT32_MAX) {
        buf_z(out, days > 0 ? "infinity" : "-infinity");
        return;
    }
    struct civil c = civil_of((struct tp){(int64_t)days * 86400000000});
    put_year_day(out, &c, style);
    if (style == DUCK_AS_PG && c.year <= 0)
        buf_z(out, " BC");
}

static void put_clock(struct buf *out, int hour, int minute, int second, int us, enum duck_style style)
{
    buf_printf(out, "%02d:%02d:%02d", hour, minute, second);
    put_fraction(out, us, style);
}

void render_timestamp(struct buf *out, int64_t us, bool zone, enum duck_style style)
{
    if (us == INT64_MAX || us == -INT64_MAX) {
        buf_z(out, us > 0 ? "infinity" : "-infinity");
        return;
    }
    struct civil c = civil_of((struct tp){us});
    put_year_day(out, &c, style);
    buf_char(out, is_json(style) ? 'T' : ' ');
    put_clock(out, c.hour, c.minute, c.second, c.us, style);
    if (zone && style != DUCK_AS_TEXT)
        buf_z(out, is_json(style) ? "Z" : "+00");
    if (style == DUCK_AS_PG && c.year <= 0)
        buf_z(out, " BC");
}

static void put_interval(struct buf *out, const duckdb_interval *v, enum duck_style style)
{
    int64_t us = v->micros;
    if (style == DUCK_AS_PG) {
        buf_printf(out, "%d mons %d days %s", v->months, v->days, us < 0 ? "-" : "");
        us = us < 0 ? -us : us;
        put_clock(out, (int)(us / 3600000000), (int)(us / 60000000 % 60), (int)(us / 1000000 % 60), (int)(us % 1000000), style);
        return;
    }
    const struct { int64_t n; const char *unit; } parts[] = {
        {v->months / 12, "years"}, {v->months % 12, "months"}, {v->days, "days"},
        {us / 3600000000, "hours"}, {us / 60000000 % 60, "minutes"},
    };
    size_t from = out->len;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].n)
            buf_printf(out, "%s%" PRId64 " %s", out->len > from ? " " : "", parts[i].n, parts[i].unit);
    int64_t rest = us % 60000000;
    if (rest || out->len == from) {
        buf_printf(out, "%s%s%" PRId64, out->len > from ? " " : "", rest < 0 ? "-" : "", (rest < 0 ? -rest : rest) / 1000000);
        put_fraction(out, (int)((rest < 0 ? -rest : rest) % 1000000), style);
        buf_z(out, " seconds");
    }
}

static void put_uuid(struct buf *out, struct duck_at v)
{
    unsigned __int128 bits = (unsigned __int128)duck_at_int(v) ^ ((unsigned __int128)1 << 127);
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            buf_char(out, '-');
        buf_char(out, "0123456789abcdef"[(unsigned)(bits >> (124 - 4 * i)) & 15]);
    }
}

static void put_text(struct buf *out, struct duck_at v, enum duck_style style)
{
    struct str s = duck_at_text(v);
    if (v.node->type == DUCK_VARCHAR) {
        if (is_json(style) && !(style == DUCK_AS_EXACT && v.node->is_json))
            json_quote(out, s);
        else
            buf_str(out, s);
    } else if (is_json(style)) {
        buf_char(out, '"');
        base64_put(out, s);
        buf_char(out, '"');
    } else if (style == DUCK_AS_PG) {
        buf_z(out, "\\x");
        hex_put(out, s);
    } else {
        buf_str(out, s);
    }
}

/* ---- nested values */

static void span_of(struct duck_at v, size_t *from, size_t *n)
{
    if (v.node->array_size) {
        *from = v.row * v.node->array_size;
        *n = v.node->array_size;
        return;
    }
    const duckdb_list_entry *e = (const duckdb_list_entry *)duckdb_vector_get_data(v.vector) + v.row;
    *from = e->offset;
    *n = e->length;
}

/* An element of a PostgreSQL array: quoted if its text would be read as something else. */
static void put_pg_element(struct buf *out, struct duck_at v)
{
    if (duck_at_null(v)) {
        buf_z(out, "NULL");
        return;
    }
    if (v.node->type == DUCK_LIST) {
        duck_render_at(v, DUCK_AS_PG, out);
        return;
    }
    struct buf text;
    buf_init(&text);
    duck_render_at(v, DUCK_AS_PG, &text);
    bool plain = text.len && !str_ieqz(buf_view(&text), "NULL") && !strpbrk(text.ptr, "{},\"\\ \t\n\r\v\f");
    if (plain) {
        buf_str(out, buf_view(&text));
    } else {
        buf_char(out, '"');
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i] == '"' || text.ptr[i] == '\\')
                buf_char(out, '\\');
            buf_char(out, text.ptr[i]);
        }
        buf_char(out, '"');
    }
    buf_release(&text);
}

static void put_inner(struct buf *out, struct duck_at v, enum duck_style style)
{
    if (style == DUCK_AS_TEXT && duck_at_null(v))
        buf_z(out, "null");
    else
        duck_render_at(v, style, out);
}

static void put_list(struct buf *out, struct duck_at v, enum duck_style style)
{
    size_t from, n;
    span_of(v, &from, &n);
    duckdb_vector inner = v.node->array_size ? duckdb_array_vector_get_child(v.vector)
                                             : duckdb_list_vector_get_child(v.vector);
    buf_char(out, style == DUCK_AS_PG ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        buf_z(out, !i ? "" : style == DUCK_AS_TEXT ? ", " : ",");
        struct duck_at e = {v.node->child[0], inner, from + i};
        if (style == DUCK_AS_PG)
            put_pg_element(out, e);
        else
            put_inner(out, e, style);
    }
    buf_char(out, style == DUCK_AS_PG ? '}' : ']');
}

static void put_struct(struct buf *out, struct duck_at v, enum duck_style style)
{
    buf_char(out, '{');
    for (size_t i = 0; i < v.node->count; i++) {
        buf_z(out, !i ? "" : style == DUCK_AS_TEXT ? ", " : ",");
        if (is_json(style)) {
            json_quote(out, v.node->names[i]);
            buf_char(out, ':');
        }
        struct duck_at e = {v.node->child[i], duckdb_struct_vector_get_child(v.vector, i), v.row};
        put_inner(out, e, style);
    }
    buf_char(out, '}');
}

static void put_key(struct buf *out, struct duck_at key, enum duck_style style)
{
    if (style == DUCK_AS_TEXT) {
        put_inner(out, key, style);
        buf_z(out, " -> ");
        return;
    }
    struct buf text; /* a JSON key is a string whatever its type */
    buf_init(&text);
    duck_render_at(key, DUCK_AS_TEXT, &text);
    json_quote(out, buf_view(&text));
    buf_char(out, ':');
    buf_release(&text);
}

static void put_pairs(struct buf *out, struct duck_at v, duckdb_vector pairs, size_t from, size_t n)
{
    buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_z(out, i ? ",{\"key\":" : "{\"key\":");
        put_inner(out, (struct duck_at){v.node->child[0], duckdb_struct_vector_get_child(pairs, 0), from + i}, DUCK_AS_EXACT);
        buf_z(out, ",\"value\":");
        put_inner(out, (struct duck_at){v.node->child[1], duckdb_struct_vector_get_child(pairs, 1), from + i}, DUCK_AS_EXACT);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void put_map(struct buf *out, struct duck_at v, enum duck_style style)
{
    size_t from, n;
    span_of(v, &from, &n);
    duckdb_vector pairs = duckdb_list_vector_get_child(v.vector);
    if (style == DUCK_AS_EXACT) {
        put_pairs(out, v, pairs, from, n);
        return;
    }
    buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        buf_z(out, !i ? "" : style == DUCK_AS_TEXT ? ", " : ",");
        put_key(out, (struct duck_at){v.node->child[0], duckdb_struct_vector_get_child(pairs, 0), from + i}, style);
        put_inner(out, (struct duck_at){v.node->child[1], duckdb_struct_vector_get_child(pairs, 1), from + i}, style);
    }
    buf_char(out, '}');
}

static void put_temporal(struct buf *out, struct duck_at v, enum duck_style style)
{
    int64_t us = v.node->type == DUCK_INTERVAL ? 0 : (int64_t)duck_at_int(v);
    if (is_json(style))
        buf_char(out, '"');
    if (v.node->type == DUCK_DATE)
        render_date(out, (int32_t)us, style);
    else if (v.node->type == DUCK_TIME)
        put_clock(out, (int)(us / 3600000000), (int)(us / 60000000 % 60), (int)(us / 1000000 % 60), (int)(us % 1000000), style);
    else if (v.node->type == DUCK_INTERVAL)
        put_interval(out, (const duckdb_interval *)duckdb_vector_get_data(v.vector) + v.row, style);
    else
        render_timestamp(out, us, v.node->type == DUCK_TIMESTAMPTZ, style);
    if (is_json(style))
        buf_char(out, '"');
}

void duck_render_at(struct duck_at v, enum duck_style style, struct buf *out)
{
    if (v.node->type == DUCK_NULL || duck_at_null(v)) {
        buf_z(out, is_json(style) ? "null" : "");
        return;
    }
    bool json = is_json(style);
    switch (v.node->type) {
    case DUCK_BOOL:
        buf_z(out, style == DUCK_AS_PG ? (duck_at_int(v) ? "t" : "f") : duck_at_int(v) ? "true" : "false");
        break;
    case DUCK_F32: case DUCK_F64:
        render_f64(out, duck_at_f64(v), v.node->type == DUCK_F32, style);
        break;
    case DUCK_DECIMAL: render_decimal(out, duck_at_int(v), v.node->scale); break;
    case DUCK_VARCHAR: case DUCK_BLOB: put_text(out, v, style); break;
    case DUCK_DATE: case DUCK_TIME: case DUCK_TIMESTAMP: case DUCK_TIMESTAMPTZ: case DUCK_INTERVAL:
        put_temporal(out, v, style);
        break;
    case DUCK_UUID:
        buf_z(out, json ? "\"" : "");
        put_uuid(out, v);
        buf_z(out, json ? "\"" : "");
        break;
    case DUCK_LIST: put_list(out, v, style); break;
    case DUCK_STRUCT: put_struct(out, v, style == DUCK_AS_PG ? DUCK_AS_JSON : style); break;
    case DUCK_MAP: put_map(out, v, style == DUCK_AS_PG ? DUCK_AS_JSON : style); break;
    default: put_int(out, duck_at_int(v)); break;
    }
}
