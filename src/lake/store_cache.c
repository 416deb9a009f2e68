/* store_cache.c -- the folder of local copies.
 *
 *     DIR/objects/<hash>-<name>     one object: 32 hex digits of the SHA-256 of its address, its name's last part
 *     DIR/users/<id>.lock           held locked by one process while it lives
 *     DIR/users/<id>/<hash>-<name>  hard links: what this process has pinned; also its half-fetched and staged files
 *
 * A reader is given the hard link, so that nobody can take the file from under it: removing an object only
 * drops a name. A link that nobody pins any more is loose: it stays, for who reads the file again, until this process needs
 * room. A copy is fetched
 * beside the links, fsynced, and renamed into objects/, so it is whole or absent after any crash; a process that
 * died leaves an unlocked lock file, and the next one to open the cache removes its folder.
 *
 * A copy is known by its address (and etag where a name is used again: checkpoints), and taken only if it has the
 * size that the table's log says: data files under one name never change, but for a table that was removed and made
 * anew.
 *
 * Room. `stored` is what objects/ held when it was last looked at plus what was added since. Before a fetch that
 * would pass the maximum the folder is looked at again, and the objects with the oldest mtime, which pinning
 * sets, go, but for those that this process has pinned. What another one holds open under its own link is not
 * counted: each process holds at most the maximum. */
#include "lake/store_cache.h"
#include "lake/store_int.h"
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { HASH_BYTES = 16, SHOWN_NAME = 80, OPEN_TRIES = 10, TOUCH_US = 60 * 1000000 };

enum pin_state { PIN_FETCHING, PIN_HERE, PIN_FAILED };
struct pin { enum pin_state state; int count; int64_t size, touched_us; struct err err; };

static struct cache {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *dir, *objects, *own;            /* own NULL: not open */
    int64_t max, stored, coming;          /* bytes in objects/, and of fetches under way */
    struct map *pins;                     /* file name → struct pin */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

struct store_pins { pthread_mutex_t lock; char **names; size_t count, cap; };

/* ---- opening */

void store_cache_setup(const char *dir, int64_t max_bytes)
{
    pthread_mutex_lock(&cache.lock);
    if (!cache.own) {
        mem_free(cache.dir);
        cache.dir = dir ? mem_strdup(dir) : NULL;
        cache.max = max_bytes;
    }
    pthread_mutex_unlock(&cache.lock);
}

static int settle(struct err *err)
{
    const char *env = getenv("PAYSTREAK_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *bytes = getenv("PAYSTREAK_CACHE_BYTES");
    struct buf b;
    buf_init(&b);
    if (env && env[0])
        buf_z(&b, env);
    else if (xdg && xdg[0])
        buf_printf(&b, "%s/paystreak", xdg);
    else
        buf_printf(&b, "%s/.cache/paystreak", home && home[0] ? home : "/tmp");
    if (!cache.dir)
        cache.dir = mem_strdup(b.ptr);
    buf_release(&b);
    bool given = cache.max <= 0 && bytes && bytes[0];
    if (given && (!str_i64(str_z(bytes), &cache.max) || cache.max <= 0)) {
        cache.max = 0;
        return err_set(err, ERR_INPUT, "PAYSTREAK_CACHE_BYTES is '%.100s': write how many bytes, more than 0", bytes);
    }
    if (cache.max <= 0)
        cache.max = STORE_CACHE_BYTES;
    return 0;
}

/* Folders of processes that are gone. */
static void clean_users(struct arena *a, const char *users)
{
    char **names;
    struct err err;
    int64_t n = fs_list(a, users, &names, &err);
    for (int64_t i = 0; i < n; i++) {
        if (!str_ends_z(str_z(names[i]), ".lock"))
            continue;
        char *lock = path_join(a, users, names[i]), *dir = arena_strndup(a, lock, strlen(lock) - 5);
        int fd = fs_open(lock, FS_WRITE, &err);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && (fs_remove_tree(dir, &err) || fs_unlink(lock, &err)) && err.code != ERR_NOT_FOUND)
            log_err(LOG_WARN, "cache", &err);
        fs_close(fd);
    }
}

/* A lock file that is still there once it is locked; it stays open as long as we live. */
static int open_own(struct arena *a, const char *users, struct err *err)
{
    char id[UUID_TEXT];
    for (int i = 0; i < OPEN_TRIES; i++) {
        char *dir = path_join(a, users, uuid_make(id)), *lock = arena_printf(a, "%s.lock", dir);
        int fd = fs_open(lock, FS_WRITE | FS_CREATE | FS_EXCL, err);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX) == 0 && fs_exists(lock)) {
            if (fs_mkdirs(dir, err)) {
                fs_close(fd);
                return -1;
            }
            cache.own = mem_strdup(dir);
            return 0;
        }
        fs_close(fd);
    }
    return err_set(err, ERR_IO, "cannot lock a file in '%s'", users);
}

static int64_t look_at_objects(struct arena *a, char ***names, struct fs_stat **stats, int64_t *total, struct err *err)
{
    int64_t n = fs_list(a, cache.objects, names, err);
    *total = 0;
    *stats = ARENA_ARRAY(a, struct fs_stat, n > 0 ? n : 1);
    for (int64_t i = 0; i < n; i++) {
        struct err gone;
        if (fs_stat(path_join(a, cache.objects, (*names)[i]), &(*stats)[i], &gone))
            (*stats)[i] = (struct fs_stat){};
        *total += (*stats)[i].size;
    }
    return n;
}

/* With the lock. */
static int open_cache(struct err *err)
{
    if (cache.own)
        return 0;
    struct arena *a = arena_new();
    char **names;
    struct fs_stat *stats;
    if (settle(err)) {
        arena_free(a);
        return -1;
    }
    char *users = path_join(a, cache.dir, "users"), *objects = path_join(a, cache.dir, "objects");
    mem_free(cache.objects);
    cache.objects = mem_strdup(objects);
    if (!cache.pins)
        cache.pins = map_new();
    int rc = fs_mkdirs(users, err) || fs_mkdirs(objects, err) ? -1 : 0;
    if (rc == 0)
        clean_users(a, users);
    if (rc == 0 && look_at_objects(a, &names, &stats, &cache.stored, err) < 0)
        rc = -1;
    if (rc == 0)
        rc = open_own(a, users, err);
    arena_free(a);
    return rc ? err_wrap(err, "the cache of remote files") : 0;
}

/* ---- names */

static char *file_name(struct arena *a, const struct store_want *w)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    struct buf b;
    struct str last = path_base(str_z(w->name));
    buf_init(&b);
    buf_printf(&b, "%s/%s\n%jx", w->root, w->name, (uintmax_t)w->tag);
    SHA256((const unsigned char *)b.ptr, b.len, sum);
    buf_clear(&b);
    hex_put(&b, str_of((const char *)sum, HASH_BYTES));
    buf_char(&b, '-');
    last = str_from(last, last.len > SHOWN_NAME ? last.len - SHOWN_NAME : 0);
    for (size_t i = 0; i < last.len; i++) {
        char c = last.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        buf_char(&b, plain ? c : '_');
    }
    char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

char *store_cache_path(struct arena *a, const struct store_want *w)
{
    struct err err;
    pthread_mutex_lock(&cache.lock);
    if (open_cache(&err)) /* the fetch, which comes next, tells */
        log_err(LOG_WARN, "cache", &err);
    char *path = path_join(a, cache.own ? cache.own : "/nonexistent", file_name(a, w));
    pthread_mutex_unlock(&cache.lock);
    return path;
}

/* ---- room */

struct aged { const char *name; int64_t mtime_us, size; };

static int by_age(const void *x, const void *y)
{
    const struct aged *a = x, *b = y;
    return a->mtime_us < b->mtime_us ? -1 : a->mtime_us > b->mtime_us;
}

/* With the lock: takes the loose links away. */
static void drop_loose(struct arena *a)
{
    struct str key, *loose = ARENA_ARRAY(a, struct str, map_count(cache.pins));
    struct err err;
    void *value;
    size_t n = 0;
    for (size_t at = 0; map_next(cache.pins, &at, &key, &value);)
        if (((struct pin *)value)->count == 0)
            loose[n++] = str_copy(a, key);
    for (size_t i = 0; i < n; i++) {
        mem_free(map_remove(cache.pins, loose[i]));
        if (fs_unlink(path_join(a, cache.own, loose[i].ptr), &err))
            log_err(LOG_WARN, "cache", &err);
    }
}

static bool fits(int64_t need) { return cache.stored + cache.coming + need <= cache.max; }

/* With the lock: makes room for `need` bytes, which are coming. */
static int make_room(int64_t need, struct err *err)
{
    char **names;
    struct fs_stat *stats;
    int rc = 0;
    if (!fits(need)) {
        struct arena *a = arena_new();
        drop_loose(a);
        int64_t n = look_at_objects(a, &names, &stats, &cache.stored, err);
        struct aged *list = ARENA_ARRAY(a, struct aged, n > 0 ? n : 1);
        rc = n < 0 ? -1 : 0;
        for (int64_t i = 0; i < n; i++)
            list[i] = (struct aged){names[i], map_has(cache.pins, str_z(names[i])) ? INT64_MAX : stats[i].mtime_us, stats[i].size};
        if (n > 1)
            qsort(list, (size_t)n, sizeof *list, by_age);
        for (int64_t i = 0; i < n && rc == 0 && !fits(need) && list[i].mtime_us != INT64_MAX; i++) {
            rc = fs_unlink(path_join(a, cache.objects, list[i].name), err);
            cache.stored -= rc ? 0 : list[i].size;
        }
        arena_free(a);
        if (rc == 0 && !fits(need))
            rc = err_set(err, ERR_LIMIT, "the cache of remote files (%jd bytes) is full of files that are being read: raise PAYSTREAK_CACHE_BYTES",
                         (intmax_t)cache.max);
    }
    if (rc == 0)
        cache.coming += need;
    return rc;
}

/* What was coming is there, under the object's name, or will not come. */
static int arrive(const char *from, const char *object, int64_t size, bool whole, struct err *err)
{
    pthread_mutex_lock(&cache.lock);
    int rc = whole ? fs_rename(from, object, err) : -1;
    cache.coming -= size;
    cache.stored += rc ? 0 : size;
    pthread_mutex_unlock(&cache.lock);
    return rc;
}

/* ---- fetching */

struct job { const struct store_want *want; char *name; int64_t size; };
struct jobs { struct job *items; size_t count; };

static void finish_pin(const struct job *j, enum pin_state state, const struct err *err)
{
    pthread_mutex_lock(&cache.lock);
    struct pin *p = map_get(cache.pins, str_z(j->name));
    p->state = state;
    if (state == PIN_FAILED)
        p->err = *err;
    p->size = j->size;
    p->touched_us = time_mono_us();
    pthread_cond_broadcast(&cache.changed);
    pthread_mutex_unlock(&cache.lock);
}

static int fetch(struct job *j, struct arena *a, struct err *err)
{
    char *part = arena_printf(a, "%s/%s.part", cache.own, j->name), *object = path_join(a, cache.objects, j->name);
    char *link = path_join(a, cache.own, j->name);
    struct store *s = store_shared(j->want->root, err);
    struct store_entry e;
    if (!s || (j->size < 0 && store_stat(s, j->want->name, &e, a, err)))
        return -1;
    if (j->size < 0)
        j->size = e.size;
    if (j->size > cache.max)
        return err_set(err, ERR_LIMIT, "the file '%s/%s' of %jd bytes is larger than the cache of remote files (%jd bytes): raise PAYSTREAK_CACHE_BYTES",
                       j->want->root, j->want->name, (intmax_t)j->size, (intmax_t)cache.max);
    pthread_mutex_lock(&cache.lock);
    int rc = make_room(j->size, err);
    pthread_mutex_unlock(&cache.lock);
    if (rc)
        return -1;
    rc = store_get_file(s, j->want->name, part, j->size, err);
    rc = arrive(part, object, j->size, rc == 0, err);
    if (rc == 0)
        rc = fs_unlink(link, err);
    return rc ? -1 : fs_link(object, link, err);
}

/* Pins a copy that is here already. */
static bool link_here(struct job *j, struct arena *a)
{
    char *object = path_join(a, cache.objects, j->name), *link = path_join(a, cache.own, j->name);
    struct fs_stat st;
    struct err err;
    if (fs_unlink(link, &err) || fs_link(object, link, &err))
        return false;
    if (fs_stat(link, &st, &err) == 0 && (j->size < 0 || st.size == j->size)) {
        j->size = st.size;
        fs_touch(link);
        return true;
    }
    if (fs_unlink(link, &err) || fs_unlink(object, &err)) /* of another table's life */
        log_err(LOG_WARN, "cache", &err);
    return false;
}

static int one_job(void *ctx, size_t i, struct err *err)
{
    struct job *j = &((struct jobs *)ctx)->items[i];
    struct arena *a = arena_new();
    int rc = link_here(j, a) ? 0 : fetch(j, a, err);
    finish_pin(j, rc ? PIN_FAILED : PIN_HERE, err);
    arena_free(a);
    return rc;
}

/* ---- pins */

struct store_pins *store_pins_new(void)
{
    struct store_pins *p = NEW(struct store_pins);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void unpin(const char *name)
{
    pthread_mutex_lock(&cache.lock);
    struct pin *p = map_get(cache.pins, str_z(name));
    if (--p->count == 0 && p->state == PIN_FAILED)
        mem_free(map_remove(cache.pins, str_z(name)));
    pthread_mutex_unlock(&cache.lock);
}

static void unpin_all(struct store_pins *p)
{
    for (size_t i = 0; i < p->count; i++) {
        unpin(p->names[i]);
        mem_free(p->names[i]);
    }
    p->count = 0;
}

void store_pins_clear(struct store_pins *p)
{
    pthread_mutex_lock(&p->lock);
    unpin_all(p);
    pthread_mutex_unlock(&p->lock);
}

void store_pins_free(struct store_pins *p)
{
    if (!p)
        return;
    unpin_all(p);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->names);
    mem_free(p);
}

static int check_sizes(const struct store_want *wants, size_t count, struct err *err)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (wants[i].size > cache.max)
            return err_set(err, ERR_LIMIT, "the file '%s/%s' of %jd bytes is larger than the cache of remote files (%jd bytes): raise PAYSTREAK_CACHE_BYTES",
                           wants[i].root, wants[i].name, (intmax_t)wants[i].size, (intmax_t)cache.max);
        total += wants[i].size > 0 ? wants[i].size : 0;
    }
    if (total > cache.max)
        return err_set(err, ERR_LIMIT, "a scan of '%s' needs %zu files of %jd bytes at once, the cache of remote files holds %jd bytes: "
                       "raise PAYSTREAK_CACHE_BYTES or read less", wants[0].root, count, (intmax_t)total, (intmax_t)cache.max);
    return 0;
}

/* Counts each file up; those that nobody has pinned yet become jobs. */
static void begin_pins(struct arena *a, const struct store_want *wants, char **names, size_t count, struct jobs *todo)
{
    todo->items = ARENA_ARRAY(a, struct job, count);
    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < count; i++) {
        struct pin *p = map_get(cache.pins, str_z(names[i]));
        if (!p) {
            map_put(cache.pins, str_z(names[i]), p = NEW(struct pin));
            todo->items[todo->count++] = (struct job){&wants[i], names[i], wants[i].size};
        } else if (p->state == PIN_FAILED || (p->state == PIN_HERE && wants[i].size >= 0 && wants[i].size != p->size)) {
            p->state = PIN_FETCHING; /* whoever tried it has not let go yet; or it is of another table's life */
            todo->items[todo->count++] = (struct job){&wants[i], names[i], wants[i].size};
        }
        p->count++;
        if (p->state == PIN_HERE && p->touched_us + TOUCH_US < time_mono_us()) {
            fs_touch(path_join(a, cache.own, names[i]));
            p->touched_us = time_mono_us();
        }
    }
    pthread_mutex_unlock(&cache.lock);
}

/* Waits for files that others fetch. */
static int await_pins(char **names, size_t count, struct err *err)
{
    int rc = 0;
    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct pin *p;
        while ((p = map_get(cache.pins, str_z(names[i])))->state == PIN_FETCHING)
            pthread_cond_wait(&cache.changed, &cache.lock);
        if (p->state == PIN_FAILED) {
            *err = p->err;
            rc = -1;
        }
    }
    pthread_mutex_unlock(&cache.lock);
    return rc;
}

int store_pins_add(struct store_pins *p, const struct store_want *wants, size_t count, struct err *err)
{
    pthread_mutex_lock(&cache.lock);
    int rc = open_cache(err);
    pthread_mutex_unlock(&cache.lock);
    if (rc || !count || check_sizes(wants, count, err))
        return rc || count ? -1 : 0;
    struct arena *a = arena_new();
    struct jobs todo = {};
    char **names = ARENA_ARRAY(a, char *, count);
    for (size_t i = 0; i < count; i++)
        names[i] = file_name(a, &wants[i]);
    begin_pins(a, wants, names, count, &todo);
    rc = store_parallel(todo.count, one_job, &todo, err);
    if (rc == 0)
        rc = await_pins(names, count, err);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < count; i++) {
        if (rc) {
            unpin(names[i]);
            continue;
        }
        p->names = mem_grow(p->names, &p->cap, p->count + 1, sizeof *p->names);
        p->names[p->count++] = mem_strdup(names[i]);
    }
    pthread_mutex_unlock(&p->lock);
    arena_free(a);
    return rc;
}

/* ---- stages */

char *store_cache_stage(struct arena *a, struct err *err)
{
    char id[UUID_TEXT];
    pthread_mutex_lock(&cache.lock);
    int rc = open_cache(err);
    char *dir = rc ? NULL : arena_printf(a, "%s/stage-%s", cache.own, uuid_make(id));
    pthread_mutex_unlock(&cache.lock);
    return dir && fs_mkdirs(dir, err) == 0 ? dir : NULL;
}

struct upload { struct store *store; const char *stage; char *const *paths; };

static int one_upload(void *ctx, size_t i, struct err *err)
{
    const struct upload *u = ctx;
    if (store_file_sync(u->paths[i], err)) /* it will be the cache's copy */
        return -1;
    return store_put_file(u->store, u->paths[i] + strlen(u->stage) + 1, u->paths[i], err);
}

int store_cache_upload(const char *root, const char *stage, char *const *paths, size_t count, struct err *err)
{
    struct upload u = {store_shared(root, err), stage, paths};
    return u.store ? store_parallel(count, one_upload, &u, err) : -1;
}

void store_cache_unstage(const char *stage, const char *keep_root)
{
    struct arena *a = arena_new();
    struct err err;
    char **names;
    int64_t n = keep_root ? fs_walk(a, stage, &names, &err) : 0;
    for (int64_t i = 0; i < n; i++) {
        struct fs_stat st;
        char *from = path_join(a, stage, names[i]);
        struct store_want w = {keep_root, names[i], -1, 0};
        pthread_mutex_lock(&cache.lock);
        bool room = fs_stat(from, &st, &err) == 0 && make_room(st.size, &err) == 0;
        pthread_mutex_unlock(&cache.lock);
        if (room && arrive(from, path_join(a, cache.objects, file_name(a, &w)), st.size, true, &err))
            log_err(LOG_WARN, "cache", &err);
    }
    if (fs_remove_tree(stage, &err))
        log_err(LOG_WARN, "cache", &err);
    arena_free(a);
}

/* ---- threads */

struct crew {
    int (*one)(void *ctx, size_t i, struct err *err);
    void *ctx;
    size_t n;
    atomic_size_t next;
    pthread_mutex_t lock;
    int rc;
    struct err *err;
};

static void *work(void *arg)
{
    struct crew *c = arg;
    for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < c->n;) {
        struct err err = {};
        if (c->one(c->ctx, i, &err) == 0)
            continue;
        pthread_mutex_lock(&c->lock);
        if (c->rc == 0)
            *c->err = err;
        c->rc = -1;
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

int store_parallel(size_t n, int (*one)(void *ctx, size_t i, struct err *err), void *ctx, struct err *err)
{
    struct crew c = {.one = one, .ctx = ctx, .n = n, .err = err, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[STORE_CACHE_THREADS];
    size_t started = 0, most = n < STORE_CACHE_THREADS ? n : STORE_CACHE_THREADS;
    atomic_init(&c.next, 0);
    while (started + 1 < most && pthread_create(&threads[started], NULL, work, &c) == 0)
        started++;
    work(&c); /* the caller is one of them */
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return c.rc;
}
