/* str.c -- see str.h. */
#include "base/str.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT_TEXT_MAX = 1100 }; /* longest text str_f64() reads: a double has up to 1,077 digits */

struct str str_z(const char *z)
{
    return z ? (struct str){z, strlen(z)} : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_z(z));
}

static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

bool str_ieq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool str_ieqz(struct str a, const char *z)
{
    return str_ieq(a, str_z(z));
}

int str_cmp(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_starts_z(struct str s, const char *prefix)
{
    return str_starts(s, str_z(prefix));
}

bool str_ends_z(struct str s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.len >= n && (n == 0 || memcmp(s.ptr + s.len - n, suffix, n) == 0);
}

static inline bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct str str_sub(struct str s, size_t from, size_t len)
{
    s = str_from(s, from);
    if (s.len > len)
        s.len = len;
    return s;
}

struct str str_from(struct str s, size_t from)
{
    if (from > s.len)
        from = s.len;
    return (struct str){s.ptr ? s.ptr + from : NULL, s.len - from};
}

int64_t str_chr(struct str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

int64_t str_rchr(struct str s, char c)
{
    const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

int64_t str_find(struct str s, struct str needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return -1;
    const char *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at ? at - s.ptr : -1;
}

bool str_split(struct str *rest, char sep, struct str *part)
{
    if (rest->len == 0)
        return false;
    int64_t at = str_chr(*rest, sep);
    *part = at >= 0 ? str_sub(*rest, 0, (size_t)at) : *rest;
    *rest = str_from(*rest, at >= 0 ? (size_t)at + 1 : rest->len);
    return true;
}

bool str_u64(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.len && s.ptr[0] == '+')
        s = str_from(s, 1);
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_i64(struct str s, int64_t *out)
{
    uint64_t v;
    bool negative = s.len && s.ptr[0] == '-';
    if (negative) {
        s = str_from(s, 1);
        if (s.len && s.ptr[0] == '+')
            return false;
    }
    if (!str_u64(s, &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static locale_t c_locale;

static void c_locale_make(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    CHECK(c_locale != (locale_t)0);
}

/* strtod() also takes blanks, hexadecimal and words: only decimal digits, and the words inf,
 * infinity and nan with a sign, pass here. */
static bool float_shaped(struct str s)
{
    struct str body = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+') ? str_from(s, 1) : s;
    if (str_ieqz(body, "inf") || str_ieqz(body, "infinity") || str_ieqz(body, "nan"))
        return true;
    for (size_t i = 0; i < body.len; i++)
        if (!strchr("0123456789.eE+-", body.ptr[i]) || !body.ptr[i])
            return false;
    return body.len > 0;
}

bool str_f64(struct str s, double *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char text[FLOAT_TEXT_MAX + 1], *end;
    if (s.len > FLOAT_TEXT_MAX || !float_shaped(s))
        return false;
    pthread_once(&once, c_locale_make);
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    double v = strtod_l(text, &end, c_locale);
    if (end != text + s.len)
        return false;
    *out = v;
    return true;
}

/* Bytes of the well-formed sequence at `p`, 0 if there is none: table 3-7 of the Unicode standard.
 */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0], low = 0x80, high = 0xBF;
    size_t n = lead >= 0xC2 && lead <= 0xDF   ? 2
               : lead >= 0xE0 && lead <= 0xEF ? 3
               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                              : 0;
    if (n == 0 || left < n)
        return 0;
    if (lead == 0xE0)
        low = 0xA0; /* overlong */
    else if (lead == 0xED)
        high = 0x9F; /* surrogates */
    else if (lead == 0xF0)
        low = 0x90; /* overlong */
    else if (lead == 0xF4)
        high = 0x8F; /* beyond U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

int64_t str_utf8_bad(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (p[i] < 0x80) {
            i++;
            while (i + sizeof word <= s.len) {
                memcpy(&word, p + i, sizeof word);
                if (word & 0x8080808080808080u)
                    break;
                i += sizeof word;
            }
            continue;
        }
        size_t n = utf8_sequence(p + i, s.len - i);
        if (n == 0)
            return (int64_t)i;
        i += n;
    }
    return -1;
}

bool str_utf8_ok(struct str s)
{
    return str_utf8_bad(s) < 0;
}

char *str_dup(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

struct str str_copy(struct arena *a, struct str s)
{
    return (struct str){arena_strndup(a, s.ptr, s.len), s.len};
}

char *str_cz(struct arena *a, struct str s)
{
    return arena_strndup(a, s.ptr, s.len);
}

struct str str_lower(struct arena *a, struct str s)
{
    char *p = arena_strndup(a, s.ptr, s.len);
    for (size_t i = 0; i < s.len; i++)
        p[i] = lower(p[i]);
    return (struct str){p, s.len};
}

struct str str_upper(struct arena *a, struct str s)
{
    char *p = arena_strndup(a, s.ptr, s.len);
    for (size_t i = 0; i < s.len; i++)
        p[i] = upper(p[i]);
    return (struct str){p, s.len};
}

struct str str_fmt(struct arena *a, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    struct str s = str_copy(a, buf_view(&b));
    buf_release(&b);
    return s;
}

/* Eight bytes a step, multiplied and folded; good for hash tables, not against an adversary who
 * chooses keys (map.c mixes in a secret of its own). */
uint64_t str_hash(struct str s)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t h = odd ^ s.len, word;
    size_t i = 0;
    for (; i + sizeof word <= s.len; i += sizeof word) {
        memcpy(&word, s.ptr + i, sizeof word);
        h = (h ^ word) * odd;
        h ^= h >> 32;
    }
    word = 0;
    if (s.len > i)
        memcpy(&word, s.ptr + i, s.len - i);
    h = (h ^ word) * odd;
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    return h ^ h >> 32;
}

uint16_t be16_get(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

uint32_t be32_get(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

uint64_t be64_get(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

uint16_t le16_get(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

uint32_t le32_get(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

uint64_t le64_get(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

void be16_put(void *p, uint16_t v)
{
    le16_put(p, __builtin_bswap16(v));
}

void be32_put(void *p, uint32_t v)
{
    le32_put(p, __builtin_bswap32(v));
}

void be64_put(void *p, uint64_t v)
{
    le64_put(p, __builtin_bswap64(v));
}

void le16_put(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

void le32_put(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

void le64_put(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the le/be calls assume little endian");
