/* prelude_number.c -- numbers: Java's text of doubles, rounding by decimal text, exact decimal
 * arithmetic, Spark's hashes.
 *
 * Decimals come as text and are computed as big integers of base 10^9, least significant first, with
 * a scale beside. Rounding is half up, away from zero, as java.math.BigDecimal's. */
#include "engine/prelude_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMBS = 24, BASE = 1000000000 }; /* 216 digits: two 38-digit operands, scaled */
struct big { uint32_t limb[LIMBS]; int n; bool negative; int scale; };

static void shortest(double v, bool narrow, char t[48])
{
    /* A decimal of up to 15 (6) digits comes back as it was, so shorter ones show as trailing zeros. */
    for (int digits = narrow ? 6 : 15; digits <= 17; digits++) {
        snprintf(t, 48, "%.*e", digits - 1, v);
        if (narrow ? strtof(t, NULL) == (float)v : strtod(t, NULL) == v)
            return;
    }
}

void java_real(struct buf *out, double v, bool narrow)
{
    char t[48], digits[24];
    int n = 0;
    if (isnan(v) || isinf(v)) {
        buf_z(out, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
        return;
    }
    shortest(v, narrow, t);
    const char *e = strchr(t, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    for (const char *c = t; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (t[0] == '-')
        buf_char(out, '-');
    if (v == 0) {
        buf_z(out, "0.0");
    } else if (exponent >= -3 && exponent < 7) {
        for (int i = exponent < 0 ? exponent : 0; i <= exponent || i < n; i++) {
            if (i == (exponent < 0 ? exponent + 1 : exponent + 1))
                buf_char(out, '.');
            buf_char(out, i >= 0 && i < n ? digits[i] : '0');
        }
        if (exponent >= 0 && n <= exponent + 1)
            buf_z(out, ".0");
    } else {
        buf_printf(out, "%c.%.*s", digits[0], n - 1, digits + 1);
        buf_printf(out, n == 1 ? "0E%d" : "E%d", exponent);
    }
}

static int real_text(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)count, (void)is_null, (void)err;
    java_real(out, a[0].f64, ctx != NULL);
    return 0;
}

/* ------------------------------------------------------------------ big decimals */

static void trim_big(struct big *b)
{
    while (b->n && !b->limb[b->n - 1])
        b->n--;
}

static bool mul_small(struct big *b, uint32_t by, uint32_t add)
{
    uint64_t carry = add;
    for (int i = 0; i < b->n; i++) {
        carry += (uint64_t)b->limb[i] * by;
        b->limb[i] = (uint32_t)(carry % BASE);
        carry /= BASE;
    }
    if (!carry)
        return true;
    if (b->n >= LIMBS)
        return false;
    b->limb[b->n++] = (uint32_t)carry;
    return true;
}

static bool big_of(struct str s, struct big *b)
{
    int64_t exponent = 0;
    bool point = false, any = false;
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '-' && i == 0) {
            b->negative = true;
        } else if (c == '.') {
            point = true;
        } else if (c == 'e' || c == 'E') {
            if (!str_i64(str_from(s, i + 1 + (s.ptr[i + 1] == '+')), &exponent))
                return false;
            break;
        } else if (c >= '0' && c <= '9') {
            any = true;
            b->scale += point;
            if (!mul_small(b, 10, (uint32_t)(c - '0')))
                return false;
        } else {
            return false;
        }
    }
    b->scale -= (int)exponent;
    for (; b->scale < 0; b->scale++)
        if (!mul_small(b, 10, 0))
            return false;
    return any;
}

static int compare(const struct big *a, const struct big *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (int i = a->n - 1; i >= 0; i--)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

static bool upscale(struct big *b, int scale)
{
    for (; b->scale < scale; b->scale++)
        if (!mul_small(b, 10, 0))
            return false;
    return true;
}

static uint32_t div_small(struct big *b, uint32_t by)
{
    uint64_t rest = 0;
    for (int i = b->n - 1; i >= 0; i--) {
        rest = rest * BASE + b->limb[i];
        b->limb[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    trim_big(b);
    return (uint32_t)rest;
}

static bool add_big(struct big *a, const struct big *b) /* magnitudes */
{
    uint64_t carry = 0;
    for (int i = 0; i < a->n || i < b->n || carry; i++) {
        if (i >= LIMBS)
            return false;
        if (i >= a->n)
            a->limb[a->n++] = 0;
        carry += (uint64_t)a->limb[i] + (i < b->n ? b->limb[i] : 0);
        a->limb[i] = (uint32_t)(carry % BASE);
        carry /= BASE;
    }
    return true;
}

static void sub_big(struct big *a, const struct big *b) /* magnitudes, a >= b */
{
    int64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        int64_t v = (int64_t)a->limb[i] - (i < b->n ? b->limb[i] : 0) - borrow;
        borrow = v < 0;
        a->limb[i] = (uint32_t)(v + (borrow ? BASE : 0));
    }
    trim_big(a);
}

/* Rounding modes of round_to_scale. */
enum { HALF_UP, HALF_EVEN, FLOOR, CEILING, DOWN };

static void round_to_scale(struct big *b, int scale, int mode)
{
    uint32_t last = 0;
    bool rest = false;
    if (b->scale <= scale)
        return;
    for (; b->scale > scale; b->scale--) {
        rest |= last != 0;
        last = div_small(b, 10);
    }
    bool odd = b->n && (b->limb[0] & 1), any = rest || last;
    bool up = mode == HALF_UP ? last >= 5 : mode == HALF_EVEN ? last > 5 || (last == 5 && (rest || odd))
              : mode == FLOOR ? any && b->negative : mode == CEILING ? any && !b->negative : false;
    struct big one = {.limb = {1}, .n = 1};
    if (up)
        (void)add_big(b, &one);
}

static void put_big(struct buf *out, const struct big *b)
{
    char digits[LIMBS * 9 + 1];
    int n = 0;
    for (int i = b->n - 1; i >= 0; i--)
        n += snprintf(digits + n, sizeof digits - (size_t)n, n ? "%09u" : "%u", b->limb[i]);
    if (b->negative && b->n)
        buf_char(out, '-');
    if (b->scale <= 0) {
        buf_add(out, n ? digits : "0", n ? (size_t)n : 1);
        for (int i = 0; i < -b->scale && n; i++)
            buf_char(out, '0');
        return;
    }
    int whole = n - b->scale;
    if (whole <= 0)
        buf_char(out, '0');
    if (whole > 0)
        buf_add(out, digits, (size_t)whole);
    buf_char(out, '.');
    for (int i = whole; i < 0; i++)
        buf_char(out, '0');
    buf_add(out, digits + (whole > 0 ? whole : 0), (size_t)(whole > 0 ? n - whole : n));
}

static bool mul_big(const struct big *a, const struct big *b, struct big *r)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < b->n || carry; j++) {
            if (i + j >= LIMBS)
                return false;
            carry += r->limb[i + j] + (j < b->n ? (uint64_t)a->limb[i] * b->limb[j] : 0);
            r->limb[i + j] = (uint32_t)(carry % BASE);
            carry /= BASE;
        }
    }
    r->n = LIMBS;
    trim_big(r);
    r->scale = a->scale + b->scale;
    r->negative = a->negative != b->negative;
    return true;
}

/* Quotient of magnitudes by long division, a digit at a time from the top. */
static void div_big(const struct big *a, const struct big *b, struct big *q)
{
    struct big rest = {0};
    memset(q, 0, sizeof *q);
    for (int i = a->n - 1; i >= 0; i--)
        for (uint32_t unit = BASE / 10; unit; unit /= 10) {
            uint32_t digit = 0;
            (void)mul_small(&rest, 10, a->limb[i] / unit % 10);
            trim_big(&rest);
            while (compare(&rest, b) >= 0) {
                sub_big(&rest, b);
                digit++;
            }
            (void)mul_small(q, 10, digit);
        }
    trim_big(q);
}

enum decimal_op { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_IDIV };

/* The same in 128 bits, for operands that fit; false: not here. */
struct small { __int128 v; int scale; };

static bool small_of(struct str s, struct small *x)
{
    bool negative = s.len && s.ptr[0] == '-', point = false;
    *x = (struct small){0, 0};
    if (s.len > 36)
        return false;
    for (size_t i = negative; i < s.len; i++) {
        if (s.ptr[i] == '.') {
            point = true;
            continue;
        }
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        x->v = x->v * 10 + (s.ptr[i] - '0');
        x->scale += point;
    }
    x->v = negative ? -x->v : x->v;
    return true;
}

static bool small_scale(struct small *x, int scale)
{
    for (; x->scale < scale; x->scale++)
        if (__builtin_mul_overflow(x->v, (__int128)10, &x->v))
            return false;
    return true;
}

static void small_put(struct buf *out, struct small x)
{
    char digits[48];
    int n = sizeof digits, places = x.scale;
    unsigned __int128 v = x.v < 0 ? -(unsigned __int128)x.v : (unsigned __int128)x.v;
    do {
        digits[--n] = (char)('0' + (int)(v % 10));
        v /= 10;
        if (--places == 0)
            digits[--n] = '.';
    } while (v || places >= 0);
    if (x.v < 0)
        buf_char(out, '-');
    buf_add(out, digits + n, sizeof digits - (size_t)n);
}

static bool small_divide(struct small x, struct small y, int scale, struct buf *out)
{
    if (!y.v || !small_scale(&x, scale + y.scale) || x.scale != scale + y.scale)
        return false;
    __int128 q = x.v / y.v, rest = x.v % y.v;
    rest = rest < 0 ? -rest : rest;
    __int128 d = y.v < 0 ? -y.v : y.v;
    if (rest >= d - rest)
        q += (x.v < 0) == (y.v < 0) ? 1 : -1;
    small_put(out, (struct small){q, scale});
    return true;
}

static int by_zero(bool strict, bool *is_null, struct err *err)
{
    *is_null = true;
    return strict ? err_set(err, ERR_USER, "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and "
                            "return NULL instead") : 0;
}

static bool decimal_calc(enum decimal_op op, struct big *x, struct big *y, int scale, struct big *r)
{
    int s = x->scale > y->scale ? x->scale : y->scale;
    if (op == OP_MUL)
        return mul_big(x, y, r);
    if (op == OP_DIV || op == OP_IDIV) { /* one digit more than asked for, then rounded */
        int want = (op == OP_DIV ? scale + 1 : 0) + y->scale;
        if (!upscale(x, want))
            return false;
        int got = x->scale - y->scale;
        div_big(x, y, r);
        r->scale = got;
        r->negative = x->negative != y->negative;
        return true;
    }
    if (!upscale(x, s) || !upscale(y, s))
        return false;
    if (op == OP_SUB)
        y->negative = !y->negative;
    if (x->negative == y->negative) {
        *r = *x;
        return add_big(r, y);
    }
    bool larger = compare(x, y) >= 0;
    *r = larger ? *x : *y;
    sub_big(r, larger ? y : x);
    return true;
}

static int decimal_op(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    enum decimal_op op = (enum decimal_op)(intptr_t)ctx;
    struct big x, y, r;
    struct small sx, sy;
    bool strict = a[3].i64 != 0;
    (void)count;
    if (op == OP_DIV && small_of(a[0].text, &sx) && small_of(a[1].text, &sy) && small_divide(sx, sy, (int)a[2].i64, out))
        return 0;
    if (!big_of(a[0].text, &x) || !big_of(a[1].text, &y))
        return err_set(err, ERR_INPUT, "not a decimal: %.*s", STR_ARGS(a[0].text));
    trim_big(&x);
    trim_big(&y);
    if ((op == OP_DIV || op == OP_IDIV) && !y.n)
        return by_zero(strict, is_null, err);
    if (!decimal_calc(op, &x, &y, (int)a[2].i64, &r))
        return err_set(err, ERR_USER, "[NUMERIC_VALUE_OUT_OF_RANGE] a decimal is too large");
    round_to_scale(&r, (int)a[2].i64, op == OP_IDIV ? DOWN : HALF_UP);
    put_big(out, &r);
    return 0;
}

/* spark_decimal_round(text, scale, mode): floor, ceil, round, round_even. */
static int decimal_round(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct big x;
    (void)ctx, (void)count, (void)is_null;
    int mode = str_eqz(a[2].text, "floor") ? FLOOR : str_eqz(a[2].text, "ceil") ? CEILING
               : str_eqz(a[2].text, "round_even") ? HALF_EVEN : HALF_UP;
    if (!big_of(a[0].text, &x))
        return err_set(err, ERR_INPUT, "not a decimal: %.*s", STR_ARGS(a[0].text));
    trim_big(&x);
    round_to_scale(&x, (int)a[1].i64, mode);
    put_big(out, &x);
    return 0;
}

/* Where the fraction is clearly on one side of a half the text need not be made. */
static bool quick_round(double *v, int64_t scale)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    if (scale < 0 || scale > 6)
        return false;
    double t = fabs(*v) * powers[scale], whole = floor(t), fraction = t - whole;
    if (!(t < 1e9) || fabs(fraction - 0.5) < 1e-6)
        return false;
    t = (whole + (fraction > 0.5)) / powers[scale];
    *v = *v < 0 ? -t : t;
    return true;
}

/* A double rounded as its shortest decimal text is. */
static int real_round(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct big x;
    struct buf t;
    (void)count, (void)is_null, (void)err;
    double v = a[0].f64;
    if (quick_round(&v, a[1].i64)) {
        put_f64(out, v);
        return 0;
    }
    if (!isfinite(v) || fabs(v) > 1e18 || fabs(v) < 1e-60) {
        put_f64(out, v);
        return 0;
    }
    buf_init(&t);
    java_real(&t, v, false);
    if (big_of(buf_view(&t), &x)) {
        trim_big(&x);
        round_to_scale(&x, (int)a[1].i64, ctx ? HALF_EVEN : HALF_UP);
        buf_clear(&t);
        put_big(&t, &x);
        v = strtod(t.ptr, NULL);
    }
    buf_release(&t);
    put_f64(out, v);
    return 0;
}

/* spark_to_bigint-like: conv(text, from, to). */
static int conv(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = str_trim(a[0].text);
    int64_t from = a[1].i64, to = a[2].i64;
    char digits[66];
    int n = sizeof digits;
    (void)ctx, (void)count, (void)err;
    if (from < 2 || from > 36 || llabs(to) < 2 || llabs(to) > 36 || !s.len) {
        *is_null = true;
        return 0;
    }
    bool negative = s.ptr[0] == '-';
    uint64_t v = 0;
    for (size_t i = negative; i < s.len; i++) {
        int c = s.ptr[i] | 32, d = c >= 'a' && c <= 'z' ? c - 'a' + 10 : s.ptr[i] >= '0' && s.ptr[i] <= '9' ? s.ptr[i] - '0' : 99;
        if (d >= from)
            break;
        if (__builtin_mul_overflow(v, (uint64_t)from, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
            v = UINT64_MAX;
    }
    if (negative && to > 0)
        v = 0 - v;
    bool minus = to < 0 && (negative || (int64_t)v < 0);
    if (to < 0 && !negative && (int64_t)v < 0)
        v = 0 - v;
    do
        digits[--n] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[v % (uint64_t)llabs(to)];
    while (v /= (uint64_t)llabs(to));
    if (minus)
        buf_char(out, '-');
    buf_add(out, digits + n, sizeof digits - (size_t)n);
    return 0;
}

/* ------------------------------------------------------------------ hashes */

static uint32_t rotl32(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

static uint32_t mix(uint32_t h, uint32_t k)
{
    k = rotl32(k * 0xcc9e2d51u, 15) * 0x1b873593u;
    return rotl32(h ^ k, 13) * 5 + 0xe6546b64u;
}

static uint32_t finish(uint32_t h, uint32_t len)
{
    h ^= len;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

/* Spark's Murmur3: whole words, then each trailing byte as a sign-extended word. */
static uint32_t murmur_bytes(uint32_t seed, struct str s)
{
    size_t i = 0;
    for (; i + 4 <= s.len; i += 4)
        seed = mix(seed, le32_get(s.ptr + i));
    for (; i < s.len; i++)
        seed = mix(seed, (uint32_t)(int32_t)(int8_t)s.ptr[i]);
    return finish(seed, (uint32_t)s.len);
}

static const uint64_t P1 = 0x9E3779B185EBCA87u, P2 = 0xC2B2AE3D27D4EB4Fu, P3 = 0x165667B19E3779F9u, P4 = 0x85EBCA77C2B2AE63u,
                      P5 = 0x27D4EB2F165667C5u;

static uint64_t rotl64(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

static uint64_t avalanche(uint64_t h)
{
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

static uint64_t xx_round(uint64_t acc, uint64_t in)
{
    return rotl64(acc + in * P2, 31) * P1;
}

static uint64_t xx_bytes(uint64_t seed, struct str s)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    uint64_t h;
    if (s.len >= 32) {
        uint64_t v[4] = {seed + P1 + P2, seed + P2, seed, seed - P1};
        for (; p + 32 <= end; p += 32)
            for (int i = 0; i < 4; i++)
                v[i] = xx_round(v[i], le64_get(p + 8 * i));
        h = rotl64(v[0], 1) + rotl64(v[1], 7) + rotl64(v[2], 12) + rotl64(v[3], 18);
        for (int i = 0; i < 4; i++)
            h = (h ^ xx_round(0, v[i])) * P1 + P4;
    } else {
        h = seed + P5;
    }
    h += s.len;
    for (; p + 8 <= end; p += 8)
        h = rotl64(h ^ xx_round(0, le64_get(p)), 27) * P1 + P4;
    if (p + 4 <= end) {
        h = rotl64(h ^ le32_get(p) * P1, 23) * P2 + P3;
        p += 4;
    }
    for (; p < end; p++)
        h = rotl64(h ^ (uint8_t)*p * P5, 11) * P1;
    return avalanche(h);
}

/* spark_murmur3|xxhash64(seed, kind, bytes): NULL leaves the seed. */
static int hash(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    bool xx = ctx != NULL;
    (void)count, (void)is_null, (void)err;
    if (a[2].is_null) {
        put_i64(out, a[0].i64);
        return 0;
    }
    char kind = a[1].text.ptr[0], bytes[8];
    struct str s = a[2].text;
    int64_t v = 0;
    if (kind == 'd') {
        double d = 0;
        (void)str_f64(s, &d);
        d = d == 0 ? 0 : d;
        memcpy(&v, &d, sizeof v);
    } else if (kind == 'f') {
        double d = 0;
        (void)str_f64(s, &d);
        float f = d == 0 ? 0 : (float)d;
        memcpy(&v, &f, sizeof f);
    } else if (kind == 'i' || kind == 'l') {
        (void)str_i64(s, &v);
    }
    if (kind != 's' && kind != 'x') {
        le64_put(bytes, (uint64_t)v);
        s = str_of(bytes, kind == 'i' || kind == 'f' ? 4 : 8);
    }
    if (xx)
        put_i64(out, (int64_t)xx_bytes((uint64_t)a[0].i64, s));
    else
        put_i64(out, (int32_t)murmur_bytes((uint32_t)a[0].i64, s));
    return 0;
}

static int cube_root(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)is_null, (void)err;
    double r = cbrt(a[0].f64); /* one step of Newton's makes cubes exact */
    put_f64(out, r != 0 && isfinite(r) ? r - (r * r * r - a[0].f64) / (3 * r * r) : r);
    return 0;
}

/* ANSI off: reals are cut and stay within INT or BIGINT, NaN is 0; decimals are cut and lose their high bits. What is
 * narrower then keeps its low bits. spark_legacy_real(x, bits), spark_legacy_decimal(text, bits). */
static int64_t narrowed(int64_t v, int64_t bits)
{
    return bits == 8 ? (int8_t)v : bits == 16 ? (int16_t)v : bits == 32 ? (int32_t)v : v;
}

static int legacy_real(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    double x = a[0].f64, low = a[1].i64 == 64 ? -0x1p63 : INT32_MIN, high = a[1].i64 == 64 ? 0x1p63 : INT32_MAX;
    (void)ctx, (void)count, (void)is_null, (void)err;
    int64_t v = isnan(x) ? 0 : x <= low ? (int64_t)low : x < high ? (int64_t)x : a[1].i64 == 64 ? INT64_MAX : INT32_MAX;
    put_i64(out, narrowed(v, a[1].i64));
    return 0;
}

static int legacy_decimal(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = a[0].text;
    uint64_t v = 0;
    (void)ctx, (void)count, (void)is_null, (void)err;
    for (size_t i = 0; i < s.len && s.ptr[i] != '.'; i++)
        if (s.ptr[i] >= '0' && s.ptr[i] <= '9')
            v = v * 10 + (uint64_t)(s.ptr[i] - '0');
    put_i64(out, narrowed((int64_t)(s.len && s.ptr[0] == '-' ? 0 - v : v), a[1].i64));
    return 0;
}

/* Number text as DuckDB reads it: Java's suffix of a double (1d, 2.5F) is left off, 1_000 made unreadable. */
static int plain_number(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = str_trim(a[0].text);
    (void)ctx, (void)count, (void)is_null, (void)err;
    if (str_chr(s, '_') >= 0) {
        buf_char(out, '?');
        return 0;
    }
    char last = s.len > 1 ? s.ptr[s.len - 1] : 0, before = s.len > 1 ? s.ptr[s.len - 2] : 0;
    bool suffix = last && strchr("dDfF", last) && ((before >= '0' && before <= '9') || before == '.');
    buf_add(out, s.ptr ? s.ptr : "", s.len - suffix);
    return 0;
}

/* Java's shifts: the count modulo the width; >>> of a negative number fills with zeros. */
enum shift { SHIFT_LEFT, SHIFT_RIGHT, SHIFT_RIGHT_ZERO };

static int shift(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    bool wide = a[2].i64 == 64;
    unsigned n = (unsigned)a[1].i64 & (wide ? 63 : 31);
    uint64_t v = wide ? (uint64_t)a[0].i64 : (uint32_t)a[0].i64;
    (void)count, (void)is_null, (void)err;
    if ((intptr_t)ctx == SHIFT_LEFT)
        v <<= n;
    else if ((intptr_t)ctx == SHIFT_RIGHT_ZERO)
        v >>= n;
    else
        v = (uint64_t)(a[0].i64 >> n);
    put_i64(out, wide ? (int64_t)v : (int32_t)(uint32_t)v);
    return 0;
}

/* What DuckDB has not, or with fewer digits near zero. NaN of log1p() is NULL in Spark. */
enum real { REAL_EXPM1, REAL_LOG1P, REAL_HYPOT, REAL_LOG, REAL_INVERSE, REAL_ATANH, REAL_ACOSH };

static int real_function(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    double x = a[0].f64, v = 0;
    (void)count, (void)err;
    switch ((enum real)(intptr_t)ctx) {
    case REAL_EXPM1:
        v = expm1(x);
        break;
    case REAL_LOG1P:
        *is_null = x <= -1;
        v = *is_null ? 0 : log1p(x);
        break;
    case REAL_HYPOT:
        v = hypot(x, a[1].f64);
        break;
    case REAL_LOG:
        *is_null = x <= 0 || a[1].f64 <= 0;
        v = *is_null ? 0 : log(a[1].f64) / log(x);
        break;
    case REAL_INVERSE:
        v = 1 / x;
        break;
    case REAL_ATANH:
        v = atanh(x);
        break;
    case REAL_ACOSH:
        v = acosh(x);
        break;
    }
    put_f64(out, v);
    return 0;
}

const struct native natives_number[] = {
    {"spark_double_text", "d", "s", real_text, false, NULL}, {"spark_float_text", "f", "s", real_text, false, (void *)1},
    {"spark_decimal_add", "ssib", "s", decimal_op, false, (void *)OP_ADD},
    {"spark_decimal_sub", "ssib", "s", decimal_op, false, (void *)OP_SUB},
    {"spark_decimal_mul", "ssib", "s", decimal_op, false, (void *)OP_MUL},
    {"spark_decimal_div", "ssib", "s", decimal_op, false, (void *)OP_DIV},
    {"spark_decimal_idiv", "ssib", "s", decimal_op, false, (void *)OP_IDIV},
    {"spark_decimal_round", "sis", "s", decimal_round, false, NULL},
    {"spark_round", "di", "d", real_round, false, NULL}, {"spark_round_even", "di", "d", real_round, false, (void *)1},
    {"spark_cbrt", "d", "d", cube_root, false, NULL},
    {"spark_conv", "sii", "s", conv, false, NULL}, 
    {"spark_shift_left", "lii", "l", shift, false, (void *)SHIFT_LEFT},
    {"spark_legacy_real", "di", "l", legacy_real, false, NULL}, {"spark_legacy_decimal", "si", "l", legacy_decimal, false, NULL},
    {"spark_plain_number", "s", "s", plain_number, false, NULL},
    {"spark_shift_right", "lii", "l", shift, false, (void *)SHIFT_RIGHT},
    {"spark_shift_right_zero", "lii", "l", shift, false, (void *)SHIFT_RIGHT_ZERO},
    {"spark_expm1", "d", "d", real_function, false, (void *)REAL_EXPM1},
    {"spark_log1p", "d", "d", real_function, false, (void *)REAL_LOG1P},
    {"spark_hypot", "dd", "d", real_function, false, (void *)REAL_HYPOT},
    {"spark_log", "dd", "d", real_function, false, (void *)REAL_LOG},
    {"spark_inverse", "d", "d", real_function, false, (void *)REAL_INVERSE},
    {"spark_atanh", "d", "d", real_function, false, (void *)REAL_ATANH},
    {"spark_acosh", "d", "d", real_function, false, (void *)REAL_ACOSH},
    {"spark_murmur3", "lsx", "l", hash, true, NULL}, {"spark_xxhash64", "lsx", "l", hash, true, (void *)1},
    {0},
};
