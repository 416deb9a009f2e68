/* mem.c -- see mem.h.
 *
 * An arena is a list of blocks, newest first; allocations are cut off the newest block's front. A
 * new block is twice as large as the one before, from BLOCK_MIN to BLOCK_MAX bytes, so that small
 * arenas stay small and large ones make few calls. What is larger than a quarter of the next block
 * gets a block of its own, placed second in the list, so that the rest of the newest is not lost.
 * Blocks of the largest kind lie in huge pages where the system has them: filling them costs few faults.
 * Memory is zeroed when it is handed out. `last` remembers the newest allocation: arena_grow()
 * extends it in place when its block has room.
 *
 * Under AddressSanitizer what is not handed out is poisoned, so an overrun inside a block is seen
 * as one of a malloc() would be. */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGN = 16, HUGE_PAGE = 2 << 20 };

static _Noreturn void out_of_memory(const char *what, size_t bytes)
{
    fprintf(stderr, "paystreak: out of memory: %s of %zu bytes\n", what, bytes);
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        out_of_memory("allocation", bytes);
    return p;
}

/* Not zeroed; whole huge pages, or NULL. A system that has none gives small ones. */
static void *huge(size_t bytes)
{
    size_t rounded = (bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *p = rounded >= bytes ? aligned_alloc(HUGE_PAGE, rounded) : NULL;
    if (p)
        (void)madvise(p, rounded, MADV_HUGEPAGE);
    return p;
}

void *mem_alloc_table(size_t bytes)
{
    if (bytes < HUGE_PAGE)
        return mem_alloc(bytes);
    void *p = huge(bytes);
    if (!p)
        out_of_memory("table", bytes);
    return memset(p, 0, bytes);
}

void *mem_realloc(void *p, size_t bytes)
{
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        out_of_memory("reallocation", bytes);
    return q;
}

void mem_free(void *p)
{
    free(p);
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t len)
{
    char *copy = mem_alloc(len + 1);
    if (len)
        memcpy(copy, s, len);
    return copy;
}

/* The capacity to grow to: at least `need`, else double; aborts where bytes would overflow. */
static size_t grown(size_t cap, size_t need, size_t item_bytes)
{
    size_t bytes, next = cap < 8 ? 8 : cap;
    while (next < need)
        if (__builtin_mul_overflow(next, 2, &next))
            out_of_memory("array items", need);
    if (__builtin_mul_overflow(next, item_bytes, &bytes))
        out_of_memory("array items", need);
    return next;
}

void *mem_grow(void *p, size_t *cap, size_t need, size_t item_bytes)
{
    if (need <= *cap)
        return p;
    size_t next = grown(*cap, need, item_bytes);
    p = mem_realloc(p, next * item_bytes);
    memset((char *)p + *cap * item_bytes, 0, (next - *cap) * item_bytes);
    *cap = next;
    return p;
}

struct block {
    struct block *next;
    size_t cap, used;
    _Alignas(ALIGN) char bytes[];
};
enum { BLOCK_MIN = 4 << 10, BLOCK_MAX = 2 * HUGE_PAGE - (int)sizeof(struct block) };

struct arena {
    struct block *head; /* NULL until the first allocation */
    char *last;         /* newest allocation in head, or NULL */
    size_t total;       /* bytes handed out, rounded up */
    size_t reserved;    /* bytes of all blocks */
    size_t max;
};

struct arena *arena_new(void)
{
    return arena_new_max((size_t)ARENA_DEFAULT_MAX_MB << 20);
}

struct arena *arena_new_max(size_t max_bytes)
{
    struct arena *a = NEW(struct arena);
    a->max = max_bytes;
    return a;
}

static void block_free(struct block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->cap);
    free(b);
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->head, *next; b; b = next) {
        next = b->next;
        block_free(b);
    }
    mem_free(a);
}

void arena_reset(struct arena *a)
{
    struct block *keep = NULL;
    for (struct block *b = a->head, *next; b; b = next) {
        next = b->next;
        if (!keep && b->cap <= BLOCK_MAX)
            keep = b;
        else
            block_free(b);
    }
    a->head = keep;
    a->last = NULL;
    a->total = 0;
    a->reserved = keep ? keep->cap : 0;
    if (!keep)
        return;
    keep->next = NULL;
    keep->used = 0;
    ASAN_POISON_MEMORY_REGION(keep->bytes, keep->cap);
}

size_t arena_used(const struct arena *a)
{
    return a->total;
}

static struct block *block_new(struct arena *a, size_t cap)
{
    struct block *b = cap == BLOCK_MAX ? huge(sizeof *b + cap) : malloc(sizeof *b + cap);
    if (!b)
        out_of_memory("arena block", cap);
    b->cap = cap;
    b->used = 0;
    a->reserved += cap;
    ASAN_POISON_MEMORY_REGION(b->bytes, cap);
    return b;
}

/* A block with room for `bytes`, in its place in the list. */
static struct block *block_add(struct arena *a, size_t bytes)
{
    size_t cap = a->head ? a->head->cap * 2 : BLOCK_MIN;
    if (cap > BLOCK_MAX)
        cap = BLOCK_MAX;
    bool own = bytes > cap / 4;
    struct block *b = block_new(a, own ? bytes : cap);
    if (own && a->head) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t rounded = ((bytes ? bytes : 1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (rounded < bytes || rounded > a->max || a->total > a->max - rounded)
        out_of_memory("arena full, allocation", bytes);
    struct block *b = a->head;
    if (!b || b->cap - b->used < rounded)
        b = block_add(a, rounded);
    char *p = b->bytes + b->used;
    b->used += rounded;
    a->total += rounded;
    if (b == a->head)
        a->last = p;
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    return memset(p, 0, bytes);
}

void *arena_copy(struct arena *a, const void *p, size_t bytes)
{
    void *copy = arena_alloc(a, bytes);
    if (bytes)
        memcpy(copy, p, bytes);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    char *copy = arena_alloc(a, len + 1);
    if (len)
        memcpy(copy, s, len);
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    CHECK(len >= 0);
    if ((size_t)len < sizeof small)
        return arena_strndup(a, small, (size_t)len);
    char *text = arena_alloc(a, (size_t)len + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return text;
}

/* Extends the newest allocation to `bytes` where it lies; false if that cannot be done. */
static bool extend_last(struct arena *a, void *p, size_t old_bytes, size_t bytes)
{
    struct block *b = a->head;
    if (!p || p != a->last)
        return false;
    size_t at = (size_t)(a->last - b->bytes);
    size_t rounded = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (rounded > b->cap - at || a->total - (b->used - at) + rounded > a->max)
        return false;
    a->total = a->total - (b->used - at) + rounded;
    b->used = at + rounded;
    ASAN_UNPOISON_MEMORY_REGION((char *)p, bytes);
    memset((char *)p + old_bytes, 0, bytes - old_bytes);
    return true;
}

void *arena_grow(struct arena *a, void *p, size_t *cap, size_t need, size_t item_bytes)
{
    if (need <= *cap)
        return p;
    size_t old_bytes = *cap * item_bytes;
    *cap = grown(*cap, need, item_bytes);
    if (extend_last(a, p, old_bytes, *cap * item_bytes))
        return p;
    void *q = arena_alloc(a, *cap * item_bytes);
    if (old_bytes)
        memcpy(q, p, old_bytes);
    return q;
}
