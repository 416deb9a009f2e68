/* prelude_text.c -- text functions that SQL cannot say: masks, sums, number formats, URLs. */
#include "engine/prelude_int.h"
#include <openssl/evp.h>

static int crc(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)is_null, (void)err;
    put_i64(out, (int64_t)crc32_ieee(0, a[0].text.ptr, a[0].text.len));
    return 0;
}

static int sha2(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    (void)ctx, (void)count, (void)err;
    const EVP_MD *md = a[1].i64 == 0 || a[1].i64 == 256 ? EVP_sha256() : a[1].i64 == 224 ? EVP_sha224()
                       : a[1].i64 == 384 ? EVP_sha384() : a[1].i64 == 512 ? EVP_sha512() : NULL;
    if (!md || !EVP_Digest(a[0].text.ptr ? a[0].text.ptr : "", a[0].text.len, sum, &n, md, NULL)) {
        *is_null = true;
        return 0;
    }
    hex_put(out, str_of((char *)sum, n));
    return 0;
}

static int soundex(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    static const char codes[] = "01230127022455012623017202"; /* 7: H and W, which do not separate */
    struct str s = a[0].text;
    (void)ctx, (void)count, (void)is_null, (void)err;
    if (!s.len || !((s.ptr[0] | 32) >= 'a' && (s.ptr[0] | 32) <= 'z')) {
        buf_str(out, s);
        return 0;
    }
    char last = codes[(s.ptr[0] | 32) - 'a'], text[5] = "0000";
    size_t n = 1;
    text[0] = (char)(s.ptr[0] & ~32);
    for (size_t i = 1; i < s.len && n < 4; i++) {
        int c = s.ptr[i] | 32;
        if (c < 'a' || c > 'z') {
            last = '0';
            continue;
        }
        char code = codes[c - 'a'];
        if (code == '7')
            continue;
        if (code != '0' && code != last)
            text[n++] = code;
        last = code;
    }
    buf_z(out, text);
    return 0;
}

static int luhn(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    int64_t sum = 0, n = 0;
    (void)ctx, (void)count, (void)is_null, (void)err;
    bool ok = a[0].text.len > 0;
    for (size_t i = a[0].text.len; i-- && ok; n++) {
        int d = a[0].text.ptr[i] - '0';
        ok = d >= 0 && d <= 9;
        d = n % 2 ? 2 * d : d;
        sum += d > 9 ? d - 9 : d;
    }
    put_i64(out, ok && sum % 10 == 0);
    return 0;
}

/* Bytes as text: what is not UTF-8 becomes U+FFFD, one for each longest beginning of a character. */
static int bytes_text(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = a[0].text;
    (void)ctx, (void)count, (void)is_null, (void)err;
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        size_t n = c < 0x80 ? 1 : c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0, got = 1;
        while (got < n && i + got < s.len) {
            unsigned char k = (unsigned char)s.ptr[i + got];
            unsigned char low = got > 1 ? 0x80 : c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
            unsigned char high = got > 1 ? 0xBF : c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
            if (k < low || k > high)
                break;
            got++;
        }
        if (got == n)
            buf_add(out, s.ptr + i, n);
        else
            buf_z(out, "\xEF\xBF\xBD");
        i += got;
    }
    return 0;
}

/* Edits between two texts, by characters: one row of the matrix at a time. */
static int distance(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    enum { MAX_CHARS = 1 << 16 };
    (void)ctx, (void)count, (void)is_null;
    if (a[0].text.len > MAX_CHARS || a[1].text.len > MAX_CHARS)
        return err_set(err, ERR_LIMIT, "levenshtein() takes texts of up to %d bytes", MAX_CHARS);
    int32_t *row = mem_alloc((a[1].text.len + 1) * sizeof *row);
    size_t n = 0;
    for (size_t j = 0; j < a[1].text.len; j += text_char(a[1].text, j)) {
        n++;
        row[n] = (int32_t)n;
    }
    for (size_t i = 0; i < a[0].text.len;) {
        size_t ci = text_char(a[0].text, i), at = 1;
        int32_t before = row[0]++;
        for (size_t j = 0; j < a[1].text.len; at++) {
            size_t cj = text_char(a[1].text, j);
            bool same = ci == cj && memcmp(a[0].text.ptr + i, a[1].text.ptr + j, ci) == 0;
            int32_t change = before + !same, drop = row[at] + 1, add = row[at - 1] + 1;
            before = row[at];
            row[at] = change < drop ? (change < add ? change : add) : (drop < add ? drop : add);
            j += cj;
        }
        i += ci;
    }
    put_i64(out, row[n]);
    mem_free(row);
    return 0;
}

/* Base 64 in lines of 76 characters, as MIME has it. */
static int base64_lines(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    enum { LINE = 57 }; /* bytes of 76 characters */
    (void)ctx, (void)count, (void)is_null, (void)err;
    for (size_t i = 0; i < a[0].text.len; i += LINE) {
        buf_z(out, i ? "\r\n" : "");
        base64_put(out, str_sub(a[0].text, i, a[0].text.len - i < LINE ? a[0].text.len - i : LINE));
    }
    return 0;
}

/* Reads base 64 as MIME does: what is not of the alphabet is skipped, padding may lack. */
static int unbase64(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int n = 0;
    (void)ctx, (void)count, (void)is_null;
    for (size_t i = 0; i < a[0].text.len && a[0].text.ptr[i] != '='; i++) {
        const char *at = a[0].text.ptr[i] ? strchr(alphabet, a[0].text.ptr[i]) : NULL;
        if (!at)
            continue;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        if (++n % 4)
            continue;
        buf_add(out, (char[]){(char)(bits >> 16), (char)(bits >> 8), (char)bits}, 3);
    }
    if (n % 4 == 1)
        return err_set(err, ERR_INPUT, "[CONVERSION_INVALID_INPUT] The value '%.*s' cannot be read as base 64", STR_ARGS(a[0].text));
    if (n % 4 == 2)
        buf_char(out, (char)(bits >> 4));
    else if (n % 4 == 3)
        buf_add(out, (char[]){(char)(bits >> 10), (char)(bits >> 2)}, 2);
    return 0;
}

/* mask(text, upper, lower, digit, other, the text in upper case, in lower case): NULL leaves that class as it is. A
 * letter's case is known by what changes it. */
static int mask(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)err;
    *is_null = a[0].is_null;
    struct str up = a[5].text, low = a[6].text;
    for (size_t i = 0, u = 0, l = 0; i < a[0].text.len && !*is_null;) {
        unsigned char c = (unsigned char)a[0].text.ptr[i];
        size_t n = text_char(a[0].text, i), un = u < up.len ? text_char(up, u) : 0, ln = l < low.len ? text_char(low, l) : 0;
        bool upper = ln != n || memcmp(low.ptr + l, a[0].text.ptr + i, n) != 0;
        bool lower = un != n || memcmp(up.ptr + u, a[0].text.ptr + i, n) != 0;
        size_t class = upper ? 1 : lower ? 2 : c >= '0' && c <= '9' ? 3 : 4;
        u += un;
        l += ln;
        if (a[class].is_null)
            buf_add(out, a[0].text.ptr + i, n);
        else
            buf_str(out, a[class].text);
        i += n;
    }
    return 0;
}

static int url_encode(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)is_null, (void)err;
    for (size_t i = 0; i < a[0].text.len; i++) {
        unsigned char c = (unsigned char)a[0].text.ptr[i];
        bool keep = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("-_.*", c);
        if (keep && c)
            buf_char(out, (char)c);
        else if (c == ' ')
            buf_char(out, '+');
        else
            buf_printf(out, "%%%02X", c);
    }
    return 0;
}

static int url_decode(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct buf t;
    (void)ctx, (void)count, (void)is_null;
    buf_init(&t);
    for (size_t i = 0; i < a[0].text.len; i++)
        buf_char(&t, a[0].text.ptr[i] == '+' ? ' ' : a[0].text.ptr[i]);
    bool ok = percent_get(out, buf_view(&t));
    buf_release(&t);
    return ok ? 0 : err_set(err, ERR_INPUT, "[CANNOT_DECODE_URL] The provided URL cannot be decoded: %.*s", STR_ARGS(a[0].text));
}

/* parse_url(url, part, key): scheme://user@host:port/path?query#ref. */
static int parse_url(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = a[0].text, scheme = STR_NONE, auth = STR_NONE, query = STR_NONE, ref = STR_NONE, path, got = STR_NONE;
    (void)ctx, (void)count;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || strchr("<>{}|\\^`\"", s.ptr[i]))
            return err_set(err, ERR_INPUT, "[INVALID_URL] The url is invalid: %.*s. Use `try_parse_url` to tolerate invalid URL and "
                           "return NULL instead", STR_ARGS(a[0].text));
    int64_t at = str_chr(s, '#');
    if (at >= 0) {
        ref = str_from(s, (size_t)at + 1);
        s = str_sub(s, 0, (size_t)at);
    }
    if ((at = str_find(s, STR("://"))) > 0) {
        scheme = str_sub(s, 0, (size_t)at);
        s = str_from(s, (size_t)at + 3);
        at = str_chr(s, '/');
        int64_t q = str_chr(s, '?');
        size_t end = at >= 0 && (q < 0 || at < q) ? (size_t)at : q >= 0 ? (size_t)q : s.len;
        auth = str_sub(s, 0, end);
        s = str_from(s, end);
    }
    struct str file = s;
    path = s;
    if ((at = str_chr(s, '?')) >= 0) {
        path = str_sub(s, 0, (size_t)at);
        query = str_from(s, (size_t)at + 1);
    }
    int64_t user = str_chr(auth, '@');
    struct str host = user >= 0 ? str_from(auth, (size_t)user + 1) : auth;
    int64_t port = str_rchr(host, ':');
    host = port >= 0 ? str_sub(host, 0, (size_t)port) : host;
    const struct { const char *part; struct str value; } parts[] = {
        {"PROTOCOL", scheme}, {"HOST", host}, {"PATH", path}, {"QUERY", query}, {"REF", ref}, {"AUTHORITY", auth},
        {"FILE", file}, {"USERINFO", user >= 0 ? str_sub(auth, 0, (size_t)user) : STR_NONE}};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (str_eqz(a[1].text, parts[i].part))
            got = parts[i].value;
    if (a[2].text.len && str_eqz(a[1].text, "QUERY")) {
        struct str rest = query, pair;
        got = STR_NONE;
        while (str_split(&rest, '&', &pair)) {
            int64_t eq = str_chr(pair, '=');
            if (eq >= 0 && str_eq(str_sub(pair, 0, (size_t)eq), a[2].text) && !got.ptr)
                got = str_from(pair, (size_t)eq + 1);
        }
    }
    *is_null = !got.ptr;
    buf_str(out, got);
    return 0;
}

/* ------------------------------------------------------------------ numbers as text */

/* Digits of plain or exponent decimal text: value 0.DIGITS × 10^*point. */
static size_t digits_of(struct str s, char *digits, size_t max, int64_t *point, bool *negative)
{
    size_t n = 0;
    bool dot = false, lead = true;
    int64_t exponent = 0;
    *negative = s.len && s.ptr[0] == '-';
    *point = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == 'e' || c == 'E') {
            (void)str_i64(str_from(s, i + 1 + (i + 1 < s.len && s.ptr[i + 1] == '+')), &exponent);
            break;
        }
        dot |= c == '.';
        if (c < '0' || c > '9')
            continue;
        if (lead && c == '0') {
            *point -= dot;
            continue;
        }
        lead = false;
        *point += !dot;
        if (n < max)
            digits[n++] = c;
    }
    *point += exponent;
    return n;
}

/* format_number(x, d): #,##0.ddd, half even as java.text.DecimalFormat. */
static int format_number(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    enum { MAX = 400, MAX_DECIMALS = 60 };
    char digits[MAX + 2];
    int64_t point, d = a[1].i64;
    bool negative;
    (void)ctx, (void)count, (void)err;
    if (d < 0 || d > MAX_DECIMALS) {
        *is_null = true;
        return 0;
    }
    size_t n = digits_of(a[0].text, digits + 1, MAX, &point, &negative);
    digits[0] = '0';
    int64_t keep = point + d; /* digits that stay */
    if (keep < (int64_t)n) {
        int64_t k = keep < 0 ? -1 : keep;
        bool up = false;
        if (k >= 0) {
            char next = digits[1 + k];
            bool rest = false;
            for (size_t i = (size_t)k + 1; i < n; i++)
                rest |= digits[1 + i] != '0';
            up = next > '5' || (next == '5' && (rest || ((digits[k] - '0') & 1)));
        }
        n = k < 0 ? 0 : (size_t)k;
        for (int64_t i = k; up && i >= 0; i--) {
            up = digits[i] == '9';
            digits[i] = up ? '0' : (char)(digits[i] + 1);
        }
    }
    bool carried = digits[0] != '0';
    const char *p = carried ? digits : digits + 1;
    n += carried;
    point += carried;
    if (negative)
        buf_char(out, '-');
    if (point <= 0)
        buf_char(out, '0');
    for (int64_t i = 0; i < point; i++) {
        buf_char(out, i < (int64_t)n ? p[i] : '0');
        if ((point - i - 1) % 3 == 0 && i + 1 < point)
            buf_char(out, ',');
    }
    if (d)
        buf_char(out, '.');
    for (int64_t i = 0; i < d; i++) {
        int64_t at = point + i;
        buf_char(out, at >= 0 && at < (int64_t)n ? p[at] : '0');
    }
    return 0;
}

/* to_number(text, format, strict): 9 0 digits, . D point, , G group, $ and S signs. */
static int to_number(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = str_trim(a[0].text), f = a[1].text;
    size_t whole = 0, scale = 0, got_whole = 0, got_scale = 0, commas = 0;
    bool dot = false, dollar = false, sign = false, ok = true, digits = false;
    (void)ctx, (void)count;
    for (size_t i = 0; i < f.len; i++) {
        char c = f.ptr[i];
        if (c == '.' || c == 'D' || c == 'd')
            dot = true;
        else if (c == '9' || c == '0')
            *(dot ? &scale : &whole) += 1;
        commas += c == ',' || c == 'G' || c == 'g';
        dollar |= c == '$';
        sign |= c == 'S' || c == 's' || c == 'M';
    }
    dot = false;
    for (size_t i = 0; i < s.len && ok; i++) {
        char c = s.ptr[i];
        if (c == '-' || c == '+') {
            ok = sign && !digits;
            if (c == '-')
                buf_char(out, c);
        } else if (c == '$') {
            ok = dollar;
        } else if (c == ',') {
            ok = commas > 0 && !dot;
        } else if (c == '.') {
            ok = scale && !dot;
            dot = true;
            buf_char(out, c);
        } else if (c >= '0' && c <= '9') {
            digits = true;
            *(dot ? &got_scale : &got_whole) += 1;
            buf_char(out, c);
        } else {
            ok = false;
        }
    }
    if (ok && digits && got_whole <= whole && got_scale <= scale)
        return 0;
    *is_null = true;
    return a[2].i64 ? err_set(err, ERR_USER, "[INVALID_FORMAT.MISMATCH_INPUT] The text '%.*s' does not match the format '%.*s'",
                              STR_ARGS(a[0].text), STR_ARGS(f)) : 0;
}

const struct native natives_text[] = {
    {"spark_crc32", "x", "l", crc, false, NULL}, {"spark_sha2", "xi", "s", sha2, false, NULL},
    {"spark_soundex", "s", "s", soundex, false, NULL}, {"spark_luhn_check", "s", "b", luhn, false, NULL},
    {"spark_mask", "sssssss", "s", mask, true, NULL}, {"spark_url_encode", "s", "s", url_encode, false, NULL},
    {"spark_url_decode", "s", "s", url_decode, false, NULL}, {"spark_parse_url", "sss", "s", parse_url, false, NULL},
    {"spark_distance", "ss", "i", distance, false, NULL}, {"spark_bytes_text", "x", "s", bytes_text, false, NULL},
    {"spark_base64", "x", "s", base64_lines, false, NULL},
    {"spark_unbase64", "s", "x", unbase64, false, NULL},
    {"spark_format_number", "si", "s", format_number, false, NULL},
    {"spark_to_number", "ssb", "s", to_number, false, NULL},
    {0},
};
