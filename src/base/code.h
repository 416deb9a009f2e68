/* code -- small codecs and sums: base64, hex, percent, uuid, crc32c, random. */
#ifndef PAYSTREAK_BASE_CODE_H
#define PAYSTREAK_BASE_CODE_H
#include "base/str.h"

void base64_put(struct buf *out, struct str bytes);               /* RFC 4648, padded */
bool base64_get(struct buf *out, struct str text);                /* padding optional; false if malformed */
void hex_put(struct buf *out, struct str bytes);                  /* lower case */
void percent_put(struct buf *out, struct str s, const char *keep);/* keeps A-Z a-z 0-9 - _ . ~ and `keep` */
bool percent_get(struct buf *out, struct str s);                  /* false on a bad escape */
enum { UUID_TEXT = 37 };
char *uuid_make(char out[UUID_TEXT]);                             /* random (v4), lower case, NUL */
uint32_t crc32c(uint32_t seed, const void *bytes, size_t n);      /* seed 0 to start; chainable */
uint32_t crc32_ieee(uint32_t seed, const void *bytes, size_t n);
void random_bytes(void *out, size_t n);                           /* getrandom(2) */
uint64_t random_u64(void);
#endif
