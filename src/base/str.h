/* str -- byte strings: `struct str`, a slice by value, and `struct buf`, a growable buffer.
 *
 * A `struct str` does not own its bytes and need not end in NUL; ptr may be NULL only if len is 0.
 * A `struct buf` owns its bytes; `ptr` is never NULL and always NUL-terminated at `len`, so it can
 * be given to any C function. It has a maximum: appending past it sets `overflow` and drops the
 * bytes, and the owner asks once, at the end, with buf_check(). */
#ifndef PAYSTREAK_BASE_STR_H
#define PAYSTREAK_BASE_STR_H
#include "base/mem.h"

struct str { const char *ptr; size_t len; };

#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
#define STR_NONE ((struct str){0})
#define STR_ARGS(s) (int)(s).len, (s).ptr ? (s).ptr : "" /* for "%.*s" */

static inline struct str str_of(const char *ptr, size_t len) { return (struct str){ptr, len}; }
struct str str_z(const char *z);              /* of a C string; NULL gives STR_NONE */
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
bool str_ieq(struct str a, struct str b);     /* ASCII case-insensitive */
bool str_ieqz(struct str a, const char *z);
int str_cmp(struct str a, struct str b);      /* bytewise, as memcmp then length */
bool str_starts(struct str s, struct str prefix);
bool str_starts_z(struct str s, const char *prefix);
bool str_ends_z(struct str s, const char *suffix);
struct str str_trim(struct str s);            /* ASCII white space off both ends */
struct str str_sub(struct str s, size_t from, size_t len); /* clipped to s */
struct str str_from(struct str s, size_t from);
int64_t str_chr(struct str s, char c);        /* index or -1 */
int64_t str_rchr(struct str s, char c);
int64_t str_find(struct str s, struct str needle); /* index or -1 */
/* Takes the part before `sep` off the front of `*rest`; false when nothing is left. "a,,b" gives
 * three parts; "" gives none; "a," gives one. */
bool str_split(struct str *rest, char sep, struct str *part);
bool str_i64(struct str s, int64_t *out);     /* whole string, decimal, optional sign; false if not */
bool str_u64(struct str s, uint64_t *out);
bool str_f64(struct str s, double *out);      /* whole string, C locale */
bool str_utf8_ok(struct str s);
int64_t str_utf8_bad(struct str s);           /* index of the first byte that is not UTF-8, or -1 */
char *str_dup(struct str s);                  /* NUL-terminated; mem_free() */
struct str str_copy(struct arena *a, struct str s); /* also NUL-terminated */
char *str_cz(struct arena *a, struct str s);  /* C string copy */
struct str str_lower(struct arena *a, struct str s); /* ASCII */
struct str str_upper(struct arena *a, struct str s); /* ASCII */
struct str str_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
uint64_t str_hash(struct str s);

struct buf { char *ptr; size_t len, cap, max; bool overflow; };
enum { BUF_DEFAULT_MAX = 1 << 30 };
void buf_init(struct buf *b);                 /* maximum BUF_DEFAULT_MAX */
void buf_init_max(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b);              /* frees; buf_init() before the next use */
void buf_clear(struct buf *b);                /* length 0, keeps the memory */
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_z(struct buf *b, const char *z);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void *buf_room(struct buf *b, size_t n);      /* n writable bytes at the end, or NULL past max; then buf_took() */
void buf_took(struct buf *b, size_t n);
void buf_drop_front(struct buf *b, size_t n); /* moves the rest down */
char *buf_detach(struct buf *b);              /* caller owns (mem_free); b is as after buf_init */
static inline struct str buf_view(const struct buf *b) { return (struct str){b->ptr, b->len}; }
int buf_check(const struct buf *b, const char *what, struct err *err) MUST_CHECK; /* ERR_LIMIT on overflow */

/* Fixed-width integers in wire bytes. */
uint16_t be16_get(const void *p); uint32_t be32_get(const void *p); uint64_t be64_get(const void *p);
uint16_t le16_get(const void *p); uint32_t le32_get(const void *p); uint64_t le64_get(const void *p);
void be16_put(void *p, uint16_t v); void be32_put(void *p, uint32_t v); void be64_put(void *p, uint64_t v);
void le16_put(void *p, uint16_t v); void le32_put(void *p, uint32_t v); void le64_put(void *p, uint64_t v);
#endif
