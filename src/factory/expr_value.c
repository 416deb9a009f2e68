/* Values: numbers as .NET prints them, text in UTF-16 units, culture order, lenient JSON. */
#include "factory/expr_int.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

/* ---------------------------------------------------------------- numbers */

double adf_num(const struct doc *d)
{
    double v = 0;
    if (!doc_f64(d, &v) && d->kind == DOC_FLOAT)
        v = str_eqz(d->text, "NaN") ? NAN : d->text.ptr[0] == '-' ? -INFINITY : INFINITY;
    return v;
}

/* Digits and decimal exponent of the shortest text that reads back as `v`: 0.d1d2… × 10^exp. */
static int shortest(double v, char digits[20], int *exp10)
{
    char text[40];
    int n = 0;
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, v);
        if (strtod(text, NULL) == v)
            break;
    }
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    *exp10 = (int)strtol(p + 1, NULL, 10) + 1;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    return n;
}

void adf_put_double(struct buf *out, double v)
{
    char digits[20];
    int exp10, n;
    if (isnan(v) || isinf(v)) {
        buf_z(out, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
        return;
    }
    if (signbit(v))
        buf_char(out, '-');
    n = shortest(fabs(v), digits, &exp10);
    if (v == 0) {
        buf_char(out, '0');
    } else if (exp10 > 15 || exp10 < -3) {
        buf_char(out, digits[0]);
        if (n > 1)
            buf_printf(out, ".%s", digits + 1);
        buf_printf(out, "E%c%02d", exp10 - 1 < 0 ? '-' : '+', abs(exp10 - 1));
    } else if (exp10 <= 0) {
        buf_z(out, "0.");
        for (int i = exp10; i < 0; i++)
            buf_char(out, '0');
        buf_z(out, digits);
    } else {
        for (int i = 0; i < exp10 || i < n; i++) {
            if (i == exp10)
                buf_char(out, '.');
            buf_char(out, i < n ? digits[i] : '0');
        }
    }
}

const struct doc *adf_float(struct arena *a, double v)
{
    struct buf b;
    struct doc *d = ARENA_NEW(a, struct doc);
    buf_init(&b);
    adf_put_double(&b, v);
    if (isfinite(v) && !strpbrk(b.ptr, ".E"))
        buf_z(&b, ".0");
    d->kind = isfinite(v) ? DOC_FLOAT : DOC_STRING; /* JSON has no NaN: the engine writes "NaN" */
    d->text = str_copy(a, buf_view(&b));
    buf_release(&b);
    return d;
}

bool adf_equal(const struct doc *a, const struct doc *b)
{
    int64_t x, y;
    if (adf_is_num(a) && adf_is_num(b)) {
        if (doc_i64(a, &x) && doc_i64(b, &y))
            return x == y;
        return adf_num(a) == adf_num(b);
    }
    return doc_equal(a, b);
}

struct str adf_to_string(struct arena *a, const struct doc *v)
{
    struct buf b;
    struct str out, bytes, type;
    switch (v->kind) {
    case DOC_NULL:
        return STR("");
    case DOC_BOOL:
        return v->boolean ? STR("True") : STR("False");
    case DOC_INT:
    case DOC_STRING:
        return v->text;
    default:
        break;
    }
    if (adf_binary(a, v, &bytes, &type))
        return bytes;
    buf_init(&b);
    if (v->kind == DOC_FLOAT)
        adf_put_double(&b, adf_num(v));
    else
        doc_write(&b, v);
    out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

/* ---------------------------------------------------------------- text */

struct adf_chars adf_decode(struct arena *a, struct str s)
{
    struct adf_chars out = {.c = ARENA_ARRAY(a, uint32_t, s.len + 1)};
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        uint32_t v = more == 0 ? c : c & (0x3fu >> more);
        for (i++; more > 0 && i < s.len; more--, i++)
            v = v << 6 | ((unsigned char)s.ptr[i] & 0x3f);
        out.c[out.count++] = v;
    }
    return out;
}

struct str adf_encode(struct arena *a, const uint32_t *c, size_t count)
{
    char *out = arena_alloc(a, count * 4 + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t v = c[i];
        int more = v < 0x80 ? 0 : v < 0x800 ? 1 : v < 0x10000 ? 2 : 3;
        static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
        out[n++] = (char)(lead[more] | v >> (6 * more));
        for (int k = more - 1; k >= 0; k--)
            out[n++] = (char)(0x80 | (v >> (6 * k) & 0x3f));
    }
    return str_of(out, n);
}

size_t adf_units(struct str s)
{
    size_t units = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        units += (c & 0xc0) != 0x80;
        units += c >= 0xf0; /* beyond the basic plane: two units */
    }
    return units;
}

size_t adf_unit_to_byte(struct str s, size_t unit)
{
    size_t at = 0, units = 0;
    while (at < s.len && units < unit) {
        units += (unsigned char)s.ptr[at] >= 0xf0 ? 2 : 1;
        for (at++; at < s.len && ((unsigned char)s.ptr[at] & 0xc0) == 0x80; at++)
            ;
    }
    return at;
}

static locale_t unicode(void)
{
    static _Thread_local locale_t loc;
    if (!loc)
        loc = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return loc;
}

uint32_t adf_lower_char(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c | 32 : c;
    return unicode() ? (uint32_t)towlower_l((wint_t)c, unicode()) : c;
}

uint32_t adf_upper_char(uint32_t c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c & ~32u : c;
    return unicode() ? (uint32_t)towupper_l((wint_t)c, unicode()) : c;
}

/* The letter under an accent, for the Latin-1 letters. */
static uint32_t without_accent(uint32_t c)
{
    static const char plain[] = "aaaaaaaceeeeiiiidnooooo/ouuuuyts"; /* U+00E0 … U+00FF */
    return c >= 0xe0 && c <= 0xff && c != 0xf7 ? (uint32_t)plain[c - 0xe0] : c;
}

/* Blanks and marks before digits before letters; letters first without case and accent. */
static uint32_t primary(uint32_t c)
{
    uint32_t low = adf_lower_char(c);
    if (low >= '0' && low <= '9')
        return 1u << 22 | low;
    if (low < 0x80 && !(low >= 'a' && low <= 'z'))
        return low;
    return 2u << 22 | without_accent(low);
}

int adf_compare_text(struct arena *a, struct str x, struct str y)
{
    struct adf_chars p = adf_decode(a, x), q = adf_decode(a, y);
    int tie = 0;
    for (size_t i = 0; i < p.count && i < q.count; i++) {
        uint32_t u = primary(p.c[i]), v = primary(q.c[i]);
        if (u != v)
            return u < v ? -1 : 1;
        if (tie || p.c[i] == q.c[i])
            continue;
        uint32_t lu = adf_lower_char(p.c[i]), lv = adf_lower_char(q.c[i]);
        tie = lu != lv ? (lu < lv ? -1 : 1) : p.c[i] == lu ? -1 : 1; /* a before A */
    }
    if (p.count != q.count)
        return p.count < q.count ? -1 : 1;
    return tie;
}

/* ---------------------------------------------------------------- JSON as the engine reads it */

/* Rewrites one quoted string, '…' or "…", as a double-quoted one. Returns the bytes it took. */
static size_t strict_string(struct buf *out, struct str s)
{
    char quote = s.ptr[0];
    size_t i = 1;
    buf_char(out, '"');
    for (; i < s.len && s.ptr[i] != quote; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\\' && i + 1 < s.len) {
            if (s.ptr[++i] != '\'')
                buf_char(out, '\\');
            buf_char(out, s.ptr[i]);
        } else if (c == '"') {
            buf_z(out, "\\\"");
        } else if (c < 0x20) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_char(out, (char)c);
        }
    }
    if (i < s.len)
        buf_char(out, '"');
    return i < s.len ? i + 1 : s.len;
}

static void strict_json(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len;) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\'') {
            i += strict_string(out, str_from(s, i));
            continue;
        }
        if (s.ptr[i] == ']' || s.ptr[i] == '}') {
            size_t n = out->len;
            while (n && strchr(" \t\r\n", out->ptr[n - 1]))
                n--;
            if (n && out->ptr[n - 1] == ',')
                out->ptr[n - 1] = ' ';
        }
        buf_char(out, s.ptr[i++]);
    }
}

/* Floats get the text the engine would print, so that equal values have equal text. */
static void normalize(struct arena *a, struct doc *d)
{
    double v;
    if (d->kind == DOC_FLOAT && str_f64(d->text, &v))
        d->text = adf_float(a, v)->text;
    for (size_t i = 0; i < d->count; i++)
        normalize(a, d->items[i]);
}

const struct doc *adf_read_json(struct arena *a, struct str text)
{
    struct buf b;
    struct err ignored;
    struct doc *d;
    if (!str_trim(text).len)
        return doc_new_null(a);
    buf_init_max(&b, ADF_MAX_RESULT);
    strict_json(&b, text);
    d = b.overflow ? NULL : doc_json(a, NULL, str_copy(a, buf_view(&b)), &ignored);
    buf_release(&b);
    if (d)
        normalize(a, d);
    return d;
}

bool adf_binary(struct arena *a, const struct doc *d, struct str *bytes, struct str *type)
{
    const struct doc *t = doc_get(d, "$content-type"), *c = doc_get(d, "$content");
    struct buf b;
    bool ok;
    if (!doc_is(t, DOC_STRING) || !doc_is(c, DOC_STRING) || d->count != 2)
        return false;
    buf_init_max(&b, ADF_MAX_RESULT);
    ok = base64_get(&b, c->text) && !b.overflow;
    *bytes = str_copy(a, buf_view(&b));
    *type = t->text;
    buf_release(&b);
    return ok;
}

const struct doc *adf_make_binary(struct adf_env *e, struct str bytes, struct str type)
{
    struct doc *d = doc_new_object(e->a);
    struct buf b;
    buf_init(&b);
    base64_put(&b, bytes);
    doc_set(e->a, d, STR("$content-type"), doc_new_str(e->a, type));
    doc_set(e->a, d, STR("$content"), doc_new_str(e->a, buf_view(&b)));
    buf_release(&b);
    return d;
}
