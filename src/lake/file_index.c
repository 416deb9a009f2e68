#include "lake/file_index.h"
#include "base/code.h"
#include "lake/log_int.h"

enum { MIN_SLOTS = 16, PLACE_BITS = 32, AHEAD = 32 /* slots fetched at once */ };

void file_index_init(struct file_index *ix)
{
    *ix = (struct file_index){.secret = random_u64()};
    buf_init(&ix->key);
    buf_init(&ix->other);
}

void file_index_release(struct file_index *ix)
{
    mem_free(ix->files);
    mem_free(ix->slots);
    buf_release(&ix->key);
    buf_release(&ix->other);
    *ix = (struct file_index){};
}

/* Most keys are the path itself: nothing to make. */
static struct str key_of(const struct lake_file *f, struct buf *scratch)
{
    if (!f->dv.storage && str_chr(f->path, '%') < 0 && !str_starts_z(f->path, "file:"))
        return f->path;
    buf_clear(scratch);
    action_file_key(scratch, f);
    return buf_view(scratch);
}

static uint32_t hash_of(struct file_index *ix, const struct lake_file *f)
{
    uint64_t h = (str_hash(key_of(f, &ix->key)) ^ ix->secret) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

/* The place in the array of the file with the identity of `like`, or -1. */
static int64_t find(struct file_index *ix, const struct lake_file *like, uint32_t hash)
{
    size_t mask = ix->slot_count - 1;
    for (size_t i = hash & mask; ix->slot_count && ix->slots[i]; i = (i + 1) & mask) {
        if (ix->slots[i] >> PLACE_BITS != hash)
            continue;
        size_t place = (uint32_t)ix->slots[i] - 1;
        if (ix->files[place] && str_eq(key_of(ix->files[place], &ix->other), key_of(like, &ix->key)))
            return (int64_t)place;
    }
    return -1;
}

static void take_slot(struct file_index *ix, uint32_t hash, size_t place)
{
    size_t mask = ix->slot_count - 1, i = hash & mask;
    while (ix->slots[i])
        i = (i + 1) & mask;
    ix->slots[i] = (uint64_t)hash << PLACE_BITS | (uint32_t)(place + 1);
}

/* Twice the table, or the same one without its holes. */
static void rebuild(struct file_index *ix)
{
    struct file_index old = *ix;
    size_t slot_count = MIN_SLOTS, kept = 0;
    while (slot_count < (old.count + 1) * 2)
        slot_count *= 2;
    CHECK(slot_count <= UINT32_MAX);
    uint32_t *moved = mem_alloc(sizeof *moved * (old.used + 1));
    for (size_t i = 0; i < old.used; i++) {
        if (!ix->files[i])
            continue;
        ix->files[kept++] = ix->files[i];
        moved[i] = (uint32_t)kept; /* its place plus one; 0: a hole */
    }
    ix->used = kept;
    ix->slot_count = slot_count;
    ix->slots = mem_alloc_table(sizeof *ix->slots * slot_count);
    for (size_t i = 0; i < old.slot_count; i++) {
        uint32_t place = old.slots[i] ? moved[(uint32_t)old.slots[i] - 1] : 0;
        if (place)
            take_slot(ix, (uint32_t)(old.slots[i] >> PLACE_BITS), place - 1);
    }
    mem_free(moved);
    mem_free(old.slots);
}

static struct lake_file *put_hashed(struct file_index *ix, struct lake_file *f, uint32_t hash)
{
    int64_t at = find(ix, f, hash);
    if (at >= 0) {
        struct lake_file *old = ix->files[at];
        ix->files[at] = f;
        return old;
    }
    if ((ix->used + 1) * 3 > ix->slot_count * 2)
        rebuild(ix);
    ix->files = mem_grow(ix->files, &ix->cap, ix->used + 1, sizeof(struct lake_file *));
    take_slot(ix, hash, ix->used);
    ix->files[ix->used++] = f;
    ix->count++;
    return NULL;
}

struct lake_file *file_index_put(struct file_index *ix, struct lake_file *f)
{
    return put_hashed(ix, f, hash_of(ix, f));
}

size_t file_index_put_many(struct file_index *ix, struct lake_file **files, size_t count)
{
    uint32_t hashes[AHEAD];
    size_t replaced = 0;
    for (size_t from = 0; from < count; from += AHEAD) {
        size_t n = count - from < AHEAD ? count - from : AHEAD;
        for (size_t i = 0; i < n; i++) {
            hashes[i] = hash_of(ix, files[from + i]);
            if (ix->slot_count)
                __builtin_prefetch(&ix->slots[hashes[i] & (ix->slot_count - 1)], 1);
        }
        for (size_t i = 0; i < n; i++)
            replaced += put_hashed(ix, files[from + i], hashes[i]) != NULL;
    }
    return replaced;
}

struct lake_file *file_index_get(struct file_index *ix, const struct lake_file *like)
{
    int64_t at = find(ix, like, hash_of(ix, like));
    return at < 0 ? NULL : ix->files[at];
}

struct lake_file *file_index_remove(struct file_index *ix, const struct lake_file *like)
{
    int64_t at = ix->count ? find(ix, like, hash_of(ix, like)) : -1;
    if (at < 0)
        return NULL;
    struct lake_file *f = ix->files[at];
    ix->files[at] = NULL;
    ix->count--;
    return f;
}

struct lake_file *file_index_next(const struct file_index *ix, size_t *at)
{
    while (*at < ix->used && !ix->files[*at])
        ++*at;
    return *at < ix->used ? ix->files[(*at)++] : NULL;
}
