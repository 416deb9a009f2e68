/* mem -- allocation that cannot fail, and arenas: a lifetime is an arena.
 *
 * Running out of memory aborts; what protects us are limits on input. Arena results are never
 * freed alone, they live until arena_free() or arena_reset(). An arena belongs to one thread at a
 * time. Every arena has a maximum: passing it aborts, so callers limit their input first. */
#ifndef PAYSTREAK_BASE_MEM_H
#define PAYSTREAK_BASE_MEM_H
#include "base/err.h"

void *mem_alloc(size_t bytes);                 /* zeroed; free with mem_free() */
void *mem_alloc_table(size_t bytes);           /* the same, for what is large and met at random: in huge pages */
void *mem_realloc(void *p, size_t bytes);      /* new bytes are not zeroed */
void mem_free(void *p);                        /* NULL is allowed */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len);
/* Makes room for `need` items of `item_bytes`; grows `*cap` by doubling. New items are zeroed. */
void *mem_grow(void *p, size_t *cap, size_t need, size_t item_bytes);

#define NEW(type) ((type *)mem_alloc(sizeof(type)))

struct arena; /* opaque */
enum { ARENA_DEFAULT_MAX_MB = 1024 };
struct arena *arena_new(void);                 /* at most ARENA_DEFAULT_MAX_MB */
struct arena *arena_new_max(size_t max_bytes);
void arena_free(struct arena *a);              /* NULL is allowed */
void arena_reset(struct arena *a);             /* forgets all, keeps one block */
size_t arena_used(const struct arena *a);
void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, 16-byte aligned */
void *arena_copy(struct arena *a, const void *p, size_t bytes);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len); /* NUL-terminated */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Growable array in an arena: as mem_grow, the old block is abandoned to the arena. */
void *arena_grow(struct arena *a, void *p, size_t *cap, size_t need, size_t item_bytes);
#define ARENA_NEW(a, type) ((type *)arena_alloc(a, sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc(a, sizeof(type) * (size_t)(n)))
#endif
