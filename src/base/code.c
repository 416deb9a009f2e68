/* code.c -- see code.h.
 *
 * CRC-32C runs on the processor's own instruction where there is one (SSE 4.2, asked once), else
 * by tables, eight bytes a step ("slicing by 8"): table k holds the sum of a byte followed by k
 * zero bytes, so the eight bytes of a word are looked up independently. CRC-32 (IEEE) has tables
 * only. The sums are reflected, start from ~seed and end inverted, so they chain. */
#include "base/code.h"
#include "base/code_int.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t n = bytes.len, text_len = (n + 2) / 3 * 4;
    char *to = n ? buf_room(out, text_len) : NULL;
    if (!to)
        return;
    for (; n >= 3; n -= 3, p += 3, to += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        to[0] = base64_digits[v >> 18];
        to[1] = base64_digits[v >> 12 & 63];
        to[2] = base64_digits[v >> 6 & 63];
        to[3] = base64_digits[v & 63];
    }
    if (n) {
        uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
        to[0] = base64_digits[v >> 18];
        to[1] = base64_digits[v >> 12 & 63];
        to[2] = n == 2 ? base64_digits[v >> 6 & 63] : '=';
        to[3] = '=';
    }
    buf_took(out, text_len);
}

/* The digit's value, or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_get(struct buf *out, struct str text)
{
    size_t padding = 0;
    uint32_t v = 0;
    while (text.len && text.ptr[text.len - 1] == '=' && padding < 2) {
        text.len--;
        padding++;
    }
    if (text.len % 4 == 1 || (padding && (text.len + padding) % 4 != 0))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_value(text.ptr[i]);
        if (digit < 0)
            return false;
        v = v << 6 | (uint32_t)digit;
        if (i % 4 == 0)
            continue;
        int unused = 6 - 2 * (int)(i % 4); /* bits of this digit that start the next byte */
        buf_char(out, (char)(v >> unused));
    }
    size_t tail = text.len % 4; /* the bits after the last byte must be 0: one text a value */
    return tail == 0 || (v & (tail == 2 ? 0xFu : 0x3u)) == 0;
}

static const char hex_digits[] = "0123456789abcdef";

void hex_put(struct buf *out, struct str bytes)
{
    char *to = bytes.len ? buf_room(out, bytes.len * 2) : NULL;
    if (!to)
        return;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        to[2 * i] = hex_digits[c >> 4];
        to[2 * i + 1] = hex_digits[c & 15];
    }
    buf_took(out, bytes.len * 2);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void percent_put(struct buf *out, struct str s, const char *keep)
{
    static const char upper_hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_unreserved(s.ptr[i]) || (c && keep && strchr(keep, c))) {
            buf_char(out, s.ptr[i]);
            continue;
        }
        char escape[3] = {'%', upper_hex[c >> 4], upper_hex[c & 15]};
        buf_add(out, escape, sizeof escape);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool percent_get(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            buf_char(out, s.ptr[i]);
            continue;
        }
        int high = i + 2 < s.len ? hex_value(s.ptr[i + 1]) : -1;
        int low = i + 2 < s.len ? hex_value(s.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        buf_char(out, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}

char *uuid_make(char out[UUID_TEXT])
{
    unsigned char b[16];
    char *to = out;
    random_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80); /* variant of RFC 9562 */
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = hex_digits[b[i] >> 4];
        *to++ = hex_digits[b[i] & 15];
    }
    *to = '\0';
    return out;
}

struct crc_tables {
    uint32_t t[8][256];
};
static struct crc_tables castagnoli, ieee;
static bool has_crc_instruction;

static void tables_make(struct crc_tables *c, uint32_t polynomial_reflected)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int bit = 0; bit < 8; bit++)
            v = v & 1 ? v >> 1 ^ polynomial_reflected : v >> 1;
        c->t[0][i] = v;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            c->t[k][i] = c->t[k - 1][i] >> 8 ^ c->t[0][c->t[k - 1][i] & 255];
}

static void crc_setup(void)
{
    tables_make(&castagnoli, 0x82F63B78u);
    tables_make(&ieee, 0xEDB88320u);
#ifdef __x86_64__
    has_crc_instruction = __builtin_cpu_supports("sse4.2") > 0;
#endif
}

static void crc_setup_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, crc_setup);
}

static uint32_t crc_by_tables(const struct crc_tables *c, uint32_t sum, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t low = le32_get(p) ^ sum, high = le32_get(p + 4);
        sum = c->t[7][low & 255] ^ c->t[6][low >> 8 & 255] ^ c->t[5][low >> 16 & 255] ^
              c->t[4][low >> 24] ^ c->t[3][high & 255] ^ c->t[2][high >> 8 & 255] ^
              c->t[1][high >> 16 & 255] ^ c->t[0][high >> 24];
    }
    for (; n; n--, p++)
        sum = sum >> 8 ^ c->t[0][(sum ^ *p) & 255];
    return sum;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t sum, const uint8_t *p,
                                                                     size_t n)
{
    uint64_t wide = sum;
    for (; n >= 8; n -= 8, p += 8)
        wide = __builtin_ia32_crc32di(wide, le64_get(p));
    sum = (uint32_t)wide;
    for (; n; n--, p++)
        sum = __builtin_ia32_crc32qi(sum, *p);
    return sum;
}
#else
static uint32_t crc32c_instruction(uint32_t sum, const uint8_t *p, size_t n)
{
    return crc_by_tables(&castagnoli, sum, p, n);
}
#endif

uint32_t crc32c(uint32_t seed, const void *bytes, size_t n)
{
    crc_setup_once();
    if (has_crc_instruction)
        return ~crc32c_instruction(~seed, bytes, n);
    return ~crc_by_tables(&castagnoli, ~seed, bytes, n);
}

uint32_t crc32c_portable(uint32_t seed, const void *bytes, size_t n)
{
    crc_setup_once();
    return ~crc_by_tables(&castagnoli, ~seed, bytes, n);
}

uint32_t crc32_ieee(uint32_t seed, const void *bytes, size_t n)
{
    crc_setup_once();
    return ~crc_by_tables(&ieee, ~seed, bytes, n);
}

void random_bytes(void *out, size_t n)
{
    uint8_t *to = out;
    while (n) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        CHECK(got > 0);
        to += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t v;
    random_bytes(&v, sizeof v);
    return v;
}
