/* pg_types.c -- one table joins Spark's type names, PostgreSQL's OIDs and both codecs.
 *
 * Binary forms (network byte order): bool u8; int2/4/8; float4/8 IEEE; date i32 days and timestamp
 * i64 microseconds since 2000-01-01; numeric: u16 digits, i16 weight, u16 sign (0, 0x4000, NaN
 * 0xC000), u16 scale, then base-10000 digits; uuid 16 bytes; bytea and text their bytes. Values
 * come as PostgreSQL text, so the encoder reads text. */
#include "serve/pg_types.h"
#include <stdio.h>
#include <string.h>

enum { NUMERIC_MAX_GROUPS = 64, DAYS_TO_2000 = 10957 };
#define US_PER_DAY INT64_C(86400000000)

/* ------------------------------------------------------------------ binary encoders */

typedef int (*encode_fn)(struct buf *out, struct str text, struct err *err);

static int bad_value(struct str text, const char *type, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "'%.*s' is no %s", STR_ARGS(text), type);
}

static int put_be(struct buf *out, uint64_t v, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;)
        buf_char(out, (char)(v >> (8 * i)));
    return 0;
}

static int enc_bool(struct buf *out, struct str t, struct err *err)
{
    (void)err;
    buf_char(out, t.len > 0 && (t.ptr[0] == 't' || t.ptr[0] == 'T'));
    return 0;
}

static int enc_int(struct buf *out, struct str t, size_t bytes, struct err *err)
{
    int64_t v;
    return str_i64(t, &v) ? put_be(out, (uint64_t)v, bytes) : bad_value(t, "integer", err);
}
static int enc_int2(struct buf *out, struct str t, struct err *err)
{
    return enc_int(out, t, 2, err);
}
static int enc_int4(struct buf *out, struct str t, struct err *err)
{
    return enc_int(out, t, 4, err);
}
static int enc_int8(struct buf *out, struct str t, struct err *err)
{
    return enc_int(out, t, 8, err);
}

static int enc_float4(struct buf *out, struct str t, struct err *err)
{
    double d;
    uint32_t bits;
    if (!str_f64(t, &d))
        return bad_value(t, "number", err);
    float f = (float)d;
    memcpy(&bits, &f, sizeof bits);
    return put_be(out, bits, 4);
}

static int enc_float8(struct buf *out, struct str t, struct err *err)
{
    double d;
    uint64_t bits;
    if (!str_f64(t, &d))
        return bad_value(t, "number", err);
    memcpy(&bits, &d, sizeof bits);
    return put_be(out, bits, 8);
}

static int enc_bytes(struct buf *out, struct str t, struct err *err)
{
    (void)err;
    buf_str(out, t);
    return 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static int put_hex(struct buf *out, struct str hex, struct err *err)
{
    int high = -1;
    for (size_t i = 0; i < hex.len; i++) {
        int d = hex_digit(hex.ptr[i]);
        if (d < 0)
            return bad_value(hex, "hexadecimal text", err);
        if (high < 0) {
            high = d;
        } else {
            buf_char(out, (char)(high << 4 | d));
            high = -1;
        }
    }
    return high < 0 ? 0 : bad_value(hex, "hexadecimal text", err);
}

static int enc_bytea(struct buf *out, struct str t, struct err *err)
{
    return str_starts_z(t, "\\x") ? put_hex(out, str_from(t, 2), err) : bad_value(t, "bytea", err);
}

static int enc_uuid(struct buf *out, struct str t, struct err *err)
{
    struct buf hex;
    buf_init(&hex);
    for (size_t i = 0; i < t.len; i++)
        if (t.ptr[i] != '-')
            buf_char(&hex, t.ptr[i]);
    int rc = hex.len == 32 ? put_hex(out, buf_view(&hex), err) : bad_value(t, "uuid", err);
    buf_release(&hex);
    return rc;
}

static int enc_date(struct buf *out, struct str t, struct err *err)
{
    struct tp tp;
    if (!time_parse_iso(t, &tp))
        return bad_value(t, "date", err);
    int64_t days = tp.us / US_PER_DAY - (tp.us % US_PER_DAY < 0);
    return put_be(out, (uint64_t)(days - DAYS_TO_2000), 4);
}

static int enc_timestamp(struct buf *out, struct str t, struct err *err)
{
    struct tp tp;
    char iso[64];
    if (t.len >= sizeof iso - 3)
        return bad_value(t, "timestamp", err);
    /* PostgreSQL's text has a blank where ISO has T, and a short offset: +00 */
    size_t n = t.len;
    memcpy(iso, t.ptr, n);
    if (n > 10 && iso[10] == ' ')
        iso[10] = 'T';
    if (n > 3 && (iso[n - 3] == '+' || (iso[n - 3] == '-' && n > 19))) {
        memcpy(iso + n, ":00", 3);
        n += 3;
    }
    if (!time_parse_iso(str_of(iso, n), &tp))
        return bad_value(t, "timestamp", err);
    return put_be(out, (uint64_t)(tp.us - DAYS_TO_2000 * US_PER_DAY), 8);
}

/* Groups of four decimal digits around the point: "12345.6" -> 1 2345 . 6000 */
static int enc_numeric(struct buf *out, struct str t, struct err *err)
{
    uint16_t groups[NUMERIC_MAX_GROUPS] = {0};
    bool negative = t.len > 0 && t.ptr[0] == '-';
    struct str digits = negative ? str_from(t, 1) : t;
    int64_t dot = str_chr(digits, '.');
    size_t whole = dot < 0 ? digits.len : (size_t)dot, scale = dot < 0 ? 0 : digits.len - whole - 1;
    size_t lead = (4 - whole % 4) % 4, n = 0, filled = lead;
    if (str_eqz(t, "NaN"))
        return put_be(out, 0x0000000000000000C000ULL << 16, 8);
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        if (c == '.')
            continue;
        if (c < '0' || c > '9' || n >= NUMERIC_MAX_GROUPS)
            return bad_value(t, "number", err);
        groups[n] = (uint16_t)(groups[n] * 10 + (c - '0'));
        if (++filled == 4) {
            filled = 0;
            n++;
        }
    }
    if (filled > 0 && n < NUMERIC_MAX_GROUPS)
        for (n++; filled < 4; filled++)
            groups[n - 1] = (uint16_t)(groups[n - 1] * 10);
    int weight = (int)((whole + lead) / 4) - 1;
    size_t first = 0;
    while (first < n && groups[first] == 0) {
        first++;
        weight--;
    }
    while (n > first && groups[n - 1] == 0)
        n--;
    put_be(out, n - first, 2);
    put_be(out, n == first ? 0 : (uint16_t)weight, 2);
    put_be(out, negative && n > first ? 0x4000 : 0, 2);
    put_be(out, scale, 2);
    for (size_t i = first; i < n; i++)
        put_be(out, groups[i], 2);
    return 0;
}

static int enc_jsonb(struct buf *out, struct str t, struct err *err)
{
    buf_char(out, 1);
    return enc_bytes(out, t, err);
}

/* ------------------------------------------------------------------ the table */

static const struct row {
    uint32_t oid, array_oid;
    int16_t size;
    const char *spark;   /* the type of CAST for a parameter; also names the Spark type it shows */
    encode_fn encode;
    bool quoted;         /* a literal of it is a string to be cast */
} rows[] = {
    {PG_BOOL, 1000, 1, "boolean", enc_bool, true},
    {PG_INT2, 1005, 2, "smallint", enc_int2, false},
    {PG_INT4, 1007, 4, "int", enc_int4, false},
    {PG_INT8, 1016, 8, "bigint", enc_int8, false},
    {PG_FLOAT4, 1021, 4, "float", enc_float4, true},
    {PG_FLOAT8, 1022, 8, "double", enc_float8, true},
    {PG_TEXT, 1009, -1, "string", enc_bytes, true},
    {PG_VARCHAR, 1015, -1, "string", enc_bytes, true},
    {PG_BPCHAR, 1014, -1, "string", enc_bytes, true},
    {PG_NAME, 1003, 64, "string", enc_bytes, true},
    {PG_UNKNOWN, 0, -2, "string", enc_bytes, true},
    {PG_JSON, 199, -1, "string", enc_bytes, true},
    {PG_JSONB, 3807, -1, "string", enc_jsonb, true},
    {PG_BYTEA, 1001, -1, "binary", enc_bytea, true},
    {PG_DATE, 1182, 4, "date", enc_date, true},
    {PG_TIMESTAMPTZ, 1185, 8, "timestamp", enc_timestamp, true},
    {PG_TIMESTAMP, 1115, 8, "timestamp_ntz", enc_timestamp, true},
    {PG_UUID, 2951, 16, "string", enc_uuid, true},
    {PG_NUMERIC, 1231, -1, "decimal", enc_numeric, false},
    {PG_OID, 1028, 4, "bigint", enc_int4, false},
    {PG_CHAR, 1002, 1, "string", enc_bytes, true},
};

/* Spark names that the table does not list first. */
static const struct { const char *spark; uint32_t oid; } aliases[] = {
    {"tinyint", PG_INT2}, {"byte", PG_INT2}, {"short", PG_INT2}, {"integer", PG_INT4},
    {"long", PG_INT8}, {"real", PG_FLOAT4}, {"varchar", PG_VARCHAR}, {"char", PG_BPCHAR},
    {"void", PG_TEXT}, {"timestamp_ltz", PG_TIMESTAMPTZ}, {"struct", PG_JSON}, {"map", PG_JSON},
    {"array", PG_JSON}, {"variant", PG_JSON},
    {"oid", PG_OID}, {"name", PG_NAME}, {"pgchar", PG_CHAR}, /* of PostgreSQL's own catalog */
};

static const struct row *by_oid(uint32_t oid)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].oid == oid)
            return &rows[i];
    return NULL;
}

static const struct row *by_spark(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (str_ieqz(name, aliases[i].spark))
            return by_oid(aliases[i].oid);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_ieqz(name, rows[i].spark))
            return &rows[i];
    return by_oid(PG_TEXT);
}

/* decimal(p,s), varchar(n): PostgreSQL's typmod. */
static int32_t typmod_of(const struct row *r, struct str args)
{
    struct str a = args, part;
    int64_t p = 0, s = 0;
    if (!str_split(&a, ',', &part) || !str_i64(str_trim(part), &p))
        return -1;
    if (str_split(&a, ',', &part) && !str_i64(str_trim(part), &s))
        return -1;
    if (p < 0 || p > INT16_MAX || s < 0 || s > p)
        return -1;
    if (r->oid == PG_NUMERIC)
        return (int32_t)(p << 16 | s) + 4;
    return r->oid == PG_VARCHAR || r->oid == PG_BPCHAR ? (int32_t)p + 4 : -1;
}

struct pg_type pg_type_of(struct str spark)
{
    struct str name = str_trim(spark), args = STR_NONE;
    size_t n = 0;
    while (n < name.len && name.ptr[n] != '(' && name.ptr[n] != '<' && name.ptr[n] != ' ')
        n++;
    if (n < name.len && name.ptr[n] == '(')
        args = str_sub(name, n + 1, name.len - n - 2);
    if (str_ieqz(str_sub(name, 0, n), "array") && n < name.len && name.ptr[n] == '<') {
        struct str item = str_sub(name, n + 1, name.len - n - 2);
        bool nested = str_chr(item, '<') >= 0;
        const struct row *r = by_spark(str_sub(item, 0, str_chr(item, '(') < 0 ? item.len : (size_t)str_chr(item, '(')));
        if (!nested && r->array_oid)
            return (struct pg_type){r->array_oid, -1, -1};
        return (struct pg_type){PG_JSON, -1, -1};
    }
    const struct row *r = by_spark(str_sub(name, 0, n));
    return (struct pg_type){r->oid, r->size, args.ptr ? typmod_of(r, args) : -1};
}

bool pg_has_binary(uint32_t oid)
{
    return by_oid(oid) != NULL;
}

int pg_binary_put(struct buf *out, uint32_t oid, struct str text, struct err *err)
{
    const struct row *r = by_oid(oid);
    if (!r)
        return err_set(err, ERR_UNSUPPORTED, "type %u has no binary form here: ask for text", oid);
    return r->encode(out, text, err);
}

/* ------------------------------------------------------------------ parameters */

void pg_string_literal(struct buf *out, struct str text)
{
    buf_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, text.ptr[i]);
    }
    buf_char(out, '\'');
}

static uint64_t get_be(struct str s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | (unsigned char)s.ptr[i];
    return v;
}

static int dec_numeric(struct buf *out, struct str v, struct err *err)
{
    const uint8_t *p = (const uint8_t *)v.ptr;
    if (v.len < 8 || v.len != 8 + 2u * be16_get(p))
        return err_set(err, ERR_INPUT, "malformed binary numeric");
    int n = be16_get(p), weight = (int16_t)be16_get(p + 2), sign = be16_get(p + 4), scale = be16_get(p + 6);
    if ((sign != 0 && sign != 0x4000) || weight > NUMERIC_MAX_GROUPS || weight < -NUMERIC_MAX_GROUPS || scale > 4 * NUMERIC_MAX_GROUPS)
        return err_set(err, ERR_INPUT, "numeric parameter is not finite or too large");
    if (sign)
        buf_char(out, '-');
    if (weight < 0)
        buf_char(out, '0');
    for (int g = 0; g <= weight; g++)
        buf_printf(out, g ? "%04d" : "%d", g < n ? be16_get(p + 8 + 2 * g) : 0);
    if (scale > 0)
        buf_char(out, '.');
    for (int at = 0, g = weight + 1; at < scale; g++) {
        char digits[16];
        snprintf(digits, sizeof digits, "%04d", g >= 0 && g < n ? be16_get(p + 8 + 2 * g) : 0);
        for (int i = 0; i < 4 && at < scale; i++, at++)
            buf_char(out, digits[i]);
    }
    return 0;
}

static int dec_float(struct buf *out, struct str v, struct err *err)
{
    double d;
    if (v.len == 4) {
        uint32_t bits = (uint32_t)get_be(v);
        float f;
        memcpy(&f, &bits, sizeof f);
        d = (double)f;
    } else if (v.len == 8) {
        uint64_t bits = get_be(v);
        memcpy(&d, &bits, sizeof d);
    } else {
        return err_set(err, ERR_INPUT, "malformed binary float");
    }
    buf_printf(out, "%.17g", d);
    return 0;
}

static int dec_time(struct buf *out, uint32_t oid, struct str v, struct err *err)
{
    char iso[40];
    if (v.len != (oid == PG_DATE ? 4u : 8u))
        return err_set(err, ERR_INPUT, "malformed binary date or timestamp");
    int64_t us = (int64_t)get_be(v);
    if (oid == PG_DATE && __builtin_mul_overflow((int64_t)(int32_t)us, US_PER_DAY, &us))
        us = INT64_MAX;
    if (us > INT64_MAX / 4 || us < INT64_MIN / 4)
        return err_set(err, ERR_INPUT, "infinite dates and timestamps are not taken");
    time_iso((struct tp){us + DAYS_TO_2000 * US_PER_DAY}, oid == PG_DATE ? 0 : 6, iso);
    if (oid == PG_DATE)
        iso[10] = 0;
    else if (oid == PG_TIMESTAMP)
        iso[strlen(iso) - 1] = 0; /* no Z */
    buf_z(out, iso);
    return 0;
}

/* A binary parameter as text. */
static int dec_binary(struct buf *out, uint32_t oid, struct str v, struct err *err)
{
    int64_t i;
    switch (oid) {
    case PG_BOOL:
        buf_z(out, v.len == 1 && v.ptr[0] ? "true" : "false");
        return 0;
    case PG_INT2: case PG_INT4: case PG_INT8:
        if (v.len != 2 && v.len != 4 && v.len != 8)
            return err_set(err, ERR_INPUT, "malformed binary integer");
        i = (int64_t)(get_be(v) << (64 - 8 * v.len)) >> (64 - 8 * v.len);
        buf_printf(out, "%jd", (intmax_t)i);
        return 0;
    case PG_FLOAT4: case PG_FLOAT8:
        return dec_float(out, v, err);
    case PG_NUMERIC:
        return dec_numeric(out, v, err);
    case PG_DATE: case PG_TIMESTAMP: case PG_TIMESTAMPTZ:
        return dec_time(out, oid, v, err);
    case PG_BYTEA:
        buf_z(out, "\\x");
        hex_put(out, v);
        return 0;
    case PG_UUID:
        for (size_t at = 0; at < v.len && v.len == 16; at++) {
            if (at == 4 || at == 6 || at == 8 || at == 10)
                buf_char(out, '-');
            hex_put(out, str_sub(v, at, 1));
        }
        return 0;
    case PG_JSONB:
        buf_str(out, str_from(v, 1));
        return 0;
    default:
        buf_str(out, v);
        return 0;
    }
}

static bool is_number(struct str s)
{
    double d;
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("+-0123456789.eE", s.ptr[i]))
            return false;
    return str_f64(s, &d);
}

static int put_typed(struct buf *out, const struct row *r, struct str text, struct err *err)
{
    if (r->oid == PG_BYTEA) {
        if (!str_starts_z(text, "\\x"))
            return err_set(err, ERR_INPUT, "a bytea parameter is not in hexadecimal form");
        buf_z(out, "unhex(");
        pg_string_literal(out, str_from(text, 2));
        buf_char(out, ')');
        return 0;
    }
    if (!r->quoted) {
        text = str_trim(text);
        if (!is_number(text))
            return err_set(err, ERR_INPUT, "'%.*s' is no number", STR_ARGS(text));
        if (r->oid == PG_NUMERIC) /* its own precision and scale */
            buf_printf(out, text.ptr[0] == '-' ? "(%.*s)" : "%.*s", STR_ARGS(text));
        else
            buf_printf(out, "CAST(%.*s AS %s)", STR_ARGS(text), r->spark);
        return 0;
    }
    bool cast = strcmp(r->spark, "string") != 0;
    buf_z(out, cast ? "CAST(" : "");
    pg_string_literal(out, text);
    if (cast)
        buf_printf(out, " AS %s)", r->spark);
    return 0;
}

int pg_literal_put(struct buf *out, uint32_t oid, bool binary, struct str value, struct err *err)
{
    const struct row *r = by_oid(oid ? oid : PG_TEXT);
    struct buf text;
    if (!r)
        return err_set(err, ERR_UNSUPPORTED, "parameters of type %u are not taken", oid);
    buf_init(&text);
    int rc = 0;
    if (binary)
        rc = dec_binary(&text, oid, value, err);
    else
        buf_str(&text, value);
    if (rc == 0 && !str_utf8_ok(buf_view(&text)))
        rc = err_set(err, ERR_INPUT, "a parameter is not UTF-8");
    if (rc == 0)
        rc = put_typed(out, r, buf_view(&text), err);
    buf_release(&text);
    return rc;
}

void pg_null_literal(struct buf *out, uint32_t oid)
{
    const struct row *r = oid ? by_oid(oid) : NULL;
    if (!r)
        buf_z(out, "NULL");
    else
        buf_printf(out, "CAST(NULL AS %s)", r->oid == PG_NUMERIC ? "decimal(38,10)" : r->spark);
}
