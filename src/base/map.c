/* map.c -- see map.h.
 *
 * Entries stand in an array in order of insertion; `slots` is an open-addressed table (linear
 * probing, a power of two, at most half full) of entry numbers plus one, 0 for empty. Removal
 * leaves a hole in the array (key.ptr NULL) whose slot stays taken, so probing goes on past it;
 * holes go when the table is rebuilt. Hashes are mixed with a random number of this process, so
 * that keys from outside cannot be chosen to collide. */
#include "base/map.h"

#include <pthread.h>
#include <string.h>

#include "base/code.h"

struct entry {
    struct str key; /* owned, unless borrowed; ptr NULL: removed */
    void *value;
    uint64_t hash;
};

struct map {
    struct entry *entries;
    size_t used, cap; /* entries with holes */
    size_t count;     /* without */
    uint32_t *slots;
    size_t slot_count;
    bool icase, borrowed;
};

static uint64_t secret;

static void secret_make(void)
{
    secret = random_u64();
}

struct map *map_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, secret_make);
    return NEW(struct map);
}

struct map *map_new_icase(void)
{
    struct map *m = map_new();
    m->icase = true;
    return m;
}

struct map *map_new_borrowed(void)
{
    struct map *m = map_new();
    m->borrowed = true;
    return m;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->used && !m->borrowed; i++)
        mem_free((char *)m->entries[i].key.ptr);
    mem_free(m->entries);
    mem_free(m->slots);
    mem_free(m);
}

size_t map_count(const struct map *m)
{
    return m->count;
}

static uint64_t hash_icase(struct str key)
{
    uint64_t h = secret;
    char folded[64];
    for (size_t at = 0; at < key.len; at += sizeof folded) {
        struct str part = str_sub(key, at, sizeof folded);
        for (size_t i = 0; i < part.len; i++) {
            char c = part.ptr[i];
            folded[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        h = (h ^ str_hash(str_of(folded, part.len))) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    return h;
}

static uint64_t hash_of(const struct map *m, struct str key)
{
    if (m->icase)
        return hash_icase(key);
    uint64_t h = (str_hash(key) ^ secret) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

static struct entry *find(const struct map *m, struct str key, uint64_t hash)
{
    if (m->slot_count == 0)
        return NULL;
    size_t mask = m->slot_count - 1;
    for (size_t i = hash & mask; m->slots[i]; i = (i + 1) & mask) {
        struct entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash != hash || !e->key.ptr)
            continue;
        if (m->icase ? str_ieq(e->key, key) : str_eq(e->key, key))
            return e;
    }
    return NULL;
}

/* Closes the holes and builds the table anew, with room for one more entry. */
static void rebuild(struct map *m)
{
    size_t kept = 0, slot_count = 16;
    for (size_t i = 0; i < m->used; i++)
        if (m->entries[i].key.ptr)
            m->entries[kept++] = m->entries[i];
    m->used = kept;
    while (slot_count < (kept + 1) * 4)
        slot_count *= 2;
    CHECK(slot_count <= UINT32_MAX);
    mem_free(m->slots);
    m->slots = mem_alloc(slot_count * sizeof *m->slots);
    m->slot_count = slot_count;
    for (size_t i = 0; i < kept; i++) {
        size_t at = m->entries[i].hash & (slot_count - 1);
        while (m->slots[at])
            at = (at + 1) & (slot_count - 1);
        m->slots[at] = (uint32_t)i + 1;
    }
}

void *map_get(const struct map *m, struct str key)
{
    struct entry *e = m->count ? find(m, key, hash_of(m, key)) : NULL;
    return e ? e->value : NULL;
}

bool map_has(const struct map *m, struct str key)
{
    return m->count && find(m, key, hash_of(m, key)) != NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = hash_of(m, key);
    struct entry *e = find(m, key, hash);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    if ((m->used + 1) * 2 > m->slot_count)
        rebuild(m);
    m->entries = mem_grow(m->entries, &m->cap, m->used + 1, sizeof *m->entries);
    const char *bytes = !m->borrowed ? str_dup(key) : key.ptr ? key.ptr : "";
    m->entries[m->used] = (struct entry){{bytes, key.len}, value, hash};
    size_t at = hash & (m->slot_count - 1);
    while (m->slots[at])
        at = (at + 1) & (m->slot_count - 1);
    m->slots[at] = (uint32_t)++m->used;
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, struct str key)
{
    struct entry *e = m->count ? find(m, key, hash_of(m, key)) : NULL;
    if (!e)
        return NULL;
    if (!m->borrowed)
        mem_free((char *)e->key.ptr);
    e->key = STR_NONE;
    m->count--;
    return e->value;
}

bool map_next(const struct map *m, size_t *at, struct str *key, void **value)
{
    while (*at < m->used && !m->entries[*at].key.ptr)
        ++*at;
    if (*at >= m->used)
        return false;
    *key = m->entries[*at].key;
    *value = m->entries[*at].value;
    ++*at;
    return true;
}
