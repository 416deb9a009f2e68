/* store.c -- stores by address, repeated calls, large objects, put if absent.
 *
 * Repeating. A call that failed with a retriable error is made again after a random wait that doubles,
 * STORE_TRIES times in all. That is harmless for all calls but put-if-absent, whose second try may meet the
 * first one's object. There, after a try whose outcome is not known, the object is read: the same bytes are
 * ours; other bytes are somebody else's, and objects are never overwritten, so ours can never have been
 * there; none means that the next try of the same name is safe, since whichever of our tries arrives
 * first makes the later ones fail. "The name is taken" and "what was to be renamed is not there" are looked into as
 * well: libcurl sends a request again by itself when a connection that it kept dies unanswered, so that such an answer
 * to our only try may speak of our own object. A try that never left this machine leaves no doubt. If in the end
 * nobody could say, the outcome is STORE_UNKNOWN, and whoever asked must act as if the object were there and as if it
 * were not.
 *
 * Large objects go up in blocks, which become the object at once at the end. A file is sent in one piece
 * up to STORE_BLOCK_BYTES. The upload's id is ours alone and gone once the end has landed: an end that does not find it is
 * one whose first answer was lost, if the object is there. */
#include "lake/store_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCKS = 10000, MAX_BLOCK_BYTES = 100 << 20, READ_STEP = 64 << 10, PARTIAL_CONTENT = 206 };

struct store_staged { char *temp; struct str bytes; bool durable; };

/* ---- addresses */

bool store_is_remote(struct str root)
{
    return store_azure_is(root) || store_s3_is(root);
}

bool store_follows(struct str named, struct str by)
{
    return str_eq(named, by) || !store_azure_is(named) || store_azure_follows(named, by);
}

const char *store_setting(const struct store_settings *from, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        const char *v = from ? from->get(from->ctx, names[i]) : getenv(names[i]);
        if (v && v[0])
            return v;
    }
    return NULL;
}

int store_setting_word(const struct store_settings *from, const char *name, const struct store_word *words, size_t count, int otherwise,
                       struct err *err)
{
    const char *v = store_setting(from, (const char *const[]){name, NULL});
    char list[100] = "";
    if (!v)
        return otherwise;
    for (size_t i = 0, at = 0; i < count; i++) {
        if (str_ieqz(str_trim(str_z(v)), words[i].text))
            return words[i].value;
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", words[i].text);
        CHECK(at < sizeof list);
    }
    return err_set(err, ERR_INPUT, "%s is '%.100s': it may be one of %s", name, v, list);
}

int store_setting_bool(const struct store_settings *from, const char *name, bool otherwise, struct err *err)
{
    static const struct store_word words[] = {{"true", 1}, {"false", 0}, {"1", 1}, {"0", 0}};
    return store_setting_word(from, name, words, COUNT_OF(words), otherwise, err);
}

struct store *store_open(struct str root, const struct store_settings *from, struct err *err)
{
    struct store *s = NEW(struct store);
    int rc = 0;
    while (root.len > 1 && root.ptr[root.len - 1] == '/')
        root.len--;
    if (store_azure_is(root))
        rc = store_azure_open(s, root, from, err);
    else if (store_s3_is(root))
        rc = store_s3_open(s, root, from, err);
    else if (str_starts_z(root, "file:") || str_find(root, STR("://")) < 0)
        store_file_open(s, root);
    else
        rc = err_set(err, ERR_UNSUPPORTED, "'%.*s' is no address of a store: abfss://, s3:// and folders are", STR_ARGS(root));
    if (rc == 0 && s->kind)
        s->root = str_dup(root);
    if (rc == 0)
        return s;
    store_close(s);
    return NULL;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->kind && s->state)
        s->kind->close(s);
    mem_free(s->root);
    mem_free(s->prefix);
    mem_free(s);
}

struct store *store_shared(const char *root, struct err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct map *stores;
    struct str key = str_z(root);
    while (key.len > 1 && key.ptr[key.len - 1] == '/')
        key.len--;
    pthread_mutex_lock(&lock);
    if (!stores)
        stores = map_new();
    struct store *s = map_get(stores, key);
    if (!s && (s = store_open(key, NULL, err)))
        map_put(stores, key, s);
    pthread_mutex_unlock(&lock);
    return s;
}

bool store_is_local(const struct store *s) { return !s->kind; }
const char *store_root(const struct store *s) { return s->root; }

static int check_name(const char *name, struct err *err)
{
    struct str rest = str_z(name), part;
    bool bad = !rest.len || rest.len > STORE_MAX_NAME || rest.ptr[rest.len - 1] == '/';
    while (!bad && str_split(&rest, '/', &part))
        bad = !part.len || str_eqz(part, ".") || str_eqz(part, "..");
    return bad ? err_set(err, ERR_INPUT, "'%.200s' cannot be an object's name", name) : 0;
}

/* ---- repeating */

void store_pause(int64_t least_us, int64_t more_us)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    int64_t until_us = time_mono_us() + least_us + (int64_t)(random_u64() % (uint64_t)more_us);
    struct timespec when = {until_us / 1000000, until_us % 1000000 * 1000};
    pthread_mutex_lock(&lock);
    while (pthread_cond_clockwait(&never, &lock, CLOCK_MONOTONIC, &when) == 0)
        ;
    pthread_mutex_unlock(&lock);
}

static void wait_before(int attempt)
{
    int64_t most_ms = (int64_t)STORE_WAIT_MS << (attempt - 1);
    most_ms = most_ms < STORE_MAX_WAIT_MS ? most_ms : STORE_MAX_WAIT_MS;
    store_pause(most_ms * 500, most_ms * 500);
}

/* One try after another: `for (int i = 0; again(i, rc, err); i++) rc = call(…)`. */
static bool again(int tries_done, int rc, const struct err *err)
{
    if (tries_done == 0)
        return true;
    if (rc == 0 || !err->retriable || tries_done >= STORE_TRIES)
        return false;
    wait_before(tries_done);
    return true;
}

/* ---- listing */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

static int all_pages(struct store *s, const struct store_list_opts *o, struct store_page *all, struct err *err)
{
    do {
        struct str from = all->next;
        size_t before = all->count;
        int rc = -1;
        for (int i = 0; again(i, rc, err); i++) {
            all->count = before;
            all->next = STR_NONE;
            rc = s->kind->page(s, o, from, all, err);
        }
        if (rc)
            return -1;
        if (from.len && str_eq(from, all->next))
            return err_set(err, ERR_CORRUPT, "a listing goes on where it was");
        if (all->count > STORE_MAX_LISTED)
            return err_set(err, ERR_LIMIT, "more than %d objects below '%s'", STORE_MAX_LISTED, s->root);
    } while (all->next.len);
    return 0;
}

int64_t store_list(struct store *s, struct arena *a, const struct store_list_opts *o, struct store_entry **out, struct err *err)
{
    struct store_list_opts mine = *o;
    mine.prefix = mine.prefix ? mine.prefix : "";
    if (!s->kind)
        return store_file_list(s, a, &mine, out, err);
    struct store_page all = {.arena = a};
    size_t skip = strlen(s->prefix), kept = 0;
    if (all_pages(s, &mine, &all, err))
        return err_wrap(err, "cannot list '%s'", s->root);
    int64_t slash = str_rchr(str_z(mine.prefix), '/');
    for (size_t i = 0; i < all.count; i++) {
        struct store_entry e = all.items[i];
        if (strncmp(e.name, s->prefix, skip) || e.name[strlen(e.name) - 1] == '/')
            continue;
        e.name += skip;
        if (strncmp(e.name, mine.prefix, strlen(mine.prefix)) || (mine.from && strcmp(e.name, mine.from) < 0) ||
            (mine.flat && strchr(e.name + slash + 1, '/')))
            continue;
        all.items[kept++] = e;
    }
    if (kept)
        qsort(all.items, kept, sizeof *all.items, by_name);
    *out = all.items;
    return (int64_t)kept;
}

/* ---- reading */

int store_stat(struct store *s, const char *name, struct store_entry *out, struct arena *a, struct err *err)
{
    int rc = check_name(name, err);
    if (rc || !s->kind)
        return rc ? -1 : store_file_stat(s, name, out, err);
    rc = -1;
    for (int i = 0; again(i, rc, err); i++)
        rc = s->kind->stat(s, name, out, a, err);
    out->name = name;
    return rc ? err_wrap(err, "'%s/%s'", s->root, name) : 0;
}

static struct store_mark mark_of(const struct store_entry *e)
{
    return (struct store_mark){e->mtime_us, e->etag.len ? str_hash(e->etag) : 0};
}

int store_look(struct store *s, const char *name, struct store_mark *mark, struct err *err)
{
    struct arena *a = arena_new();
    struct store_entry e = {};
    int rc = store_stat(s, name, &e, a, err);
    *mark = rc ? (struct store_mark){-1, 0} : mark_of(&e);
    arena_free(a);
    return rc;
}

static int get_once(struct store *s, const char *name, int64_t at, int64_t n, size_t max, struct buf *out, struct store_mark *mark,
                    struct err *err)
{
    struct http_client_req q = {.max_body = (int64_t)max};
    struct http_client_res res;
    if (s->kind->get(s, name, at, n, &q, &res, err))
        return -1;
    if (at >= 0 && res.status != PARTIAL_CONTENT) {
        http_client_res_release(&res);
        return err_set(err, ERR_IO, "the store answers a range with the whole");
    }
    struct store_entry e;
    struct arena *a = arena_new();
    store_entry_of(a, &res, name, &e);
    if (mark)
        *mark = mark_of(&e);
    buf_str(out, buf_view(&res.body));
    http_client_res_release(&res);
    arena_free(a);
    return buf_check(out, "an object", err);
}

static int get(struct store *s, const char *name, int64_t at, int64_t n, size_t max, struct buf *out, struct store_mark *mark,
               struct err *err)
{
    size_t before = out->len;
    int rc = -1;
    for (int i = 0; again(i, rc, err); i++) {
        out->len = before;
        rc = get_once(s, name, at, n, max, out, mark, err);
    }
    return rc ? err_wrap(err, "'%s/%s'", s->root, name) : 0;
}

int store_get(struct store *s, const char *name, size_t max, struct buf *out, struct store_mark *mark, struct err *err)
{
    if (check_name(name, err))
        return -1;
    return s->kind ? get(s, name, -1, 0, max, out, mark, err) : store_file_get(s, name, max, out, mark, err);
}

int store_get_range(struct store *s, const char *name, int64_t at, int64_t n, struct buf *out, struct err *err)
{
    if (check_name(name, err))
        return -1;
    if (!s->kind)
        return store_file_range(s, name, at, n, out, err);
    return n > 0 ? get(s, name, at, n, (size_t)n, out, NULL, err) : 0;
}

/* ---- into a file */

struct landing { int fd; int64_t got, size; /* -1: not known */ };

static int land(void *ctx, struct str bytes, struct err *err)
{
    struct landing *l = ctx;
    if (l->size >= 0 && (int64_t)bytes.len > l->size - l->got)
        return err_set(err, ERR_CORRUPT, "more than %jd bytes", (intmax_t)l->size);
    l->got += (int64_t)bytes.len;
    return fs_write_all(l->fd, bytes.ptr, bytes.len, err);
}

/* One try, going on where the last one broke. */
static int land_once(struct store *s, const char *name, struct landing *l, struct err *err)
{
    struct http_client_req q = {.on_body = land, .ctx = l};
    struct http_client_res res;
    bool on = l->got > 0;
    if (l->size >= 0 && l->got == l->size)
        return 0;
    if (l->size < 0 && on) {
        on = false;
        l->got = 0;
        if (fs_truncate(l->fd, 0, err))
            return -1;
    }
    if (s->kind->get(s, name, on ? l->got : -1, l->size - l->got, &q, &res, err))
        return -1;
    int status = res.status;
    http_client_res_release(&res);
    return !on || status == PARTIAL_CONTENT ? 0 : err_set(err, ERR_CORRUPT, "the store answers a range with the whole");
}

int store_get_file(struct store *s, const char *name, const char *path, int64_t size, struct err *err)
{
    struct err ignored;
    struct landing l = {.fd = -1, .size = size};
    if (check_name(name, err))
        return -1;
    if (!s->kind) {
        struct fs_stat st;
        if (store_file_copy(s, name, path, false, err) || fs_stat(path, &st, err))
            return -1;
        if (size < 0 || st.size == size)
            return 0;
        if (fs_unlink(path, &ignored))
            log_err(LOG_WARN, "store", &ignored);
        return err_set(err, ERR_CORRUPT, "'%s/%s': %jd bytes instead of %jd", s->root, name, (intmax_t)st.size, (intmax_t)size);
    }
    struct arena *a = arena_new();
    char *temp = arena_printf(a, "%s.tmp", path);
    l.fd = fs_open(temp, FS_WRITE | FS_CREATE | FS_TRUNC | FS_APPEND, err);
    int rc = -1;
    for (int i = 0; l.fd >= 0 && again(i, rc, err); i++)
        rc = land_once(s, name, &l, err);
    if (rc == 0 && size >= 0 && l.got != size)
        rc = err_set(err, ERR_CORRUPT, "%jd bytes instead of %jd", (intmax_t)l.got, (intmax_t)size);
    if (rc == 0)
        rc = fs_sync(l.fd, err);
    if (l.fd >= 0)
        fs_close(l.fd);
    if (rc == 0)
        rc = fs_rename(temp, path, err);
    if (rc && l.fd >= 0 && fs_unlink(temp, &ignored))
        log_err(LOG_WARN, "store", &ignored);
    arena_free(a);
    return rc ? err_wrap(err, "'%s/%s'", s->root, name) : 0;
}

/* ---- writing */

int store_put(struct store *s, const char *name, struct str bytes, struct err *err)
{
    int rc = check_name(name, err);
    if (rc || !s->kind)
        return rc ? -1 : store_file_put(s, name, bytes, err);
    rc = -1;
    for (int i = 0; again(i, rc, err); i++)
        rc = s->kind->put(s, name, bytes, NULL, err);
    return rc ? err_wrap(err, "cannot write '%s/%s'", s->root, name) : 0;
}

bool store_landed(struct store *s, const char *name, int64_t size)
{
    struct arena *a = arena_new();
    struct store_entry e;
    struct err err;
    bool there = store_stat(s, name, &e, a, &err) == 0 && e.size == size;
    arena_free(a);
    return there;
}

static int read_block(int fd, struct buf *b, int64_t at, int64_t n, struct err *err)
{
    buf_clear(b);
    char *room = buf_room(b, (size_t)n);
    if (!room)
        return err_set(err, ERR_LIMIT, "a block of %jd bytes", (intmax_t)n);
    int64_t got = fs_pread(fd, room, (size_t)n, at, err);
    if (got < 0)
        return -1;
    if (got != n)
        return err_set(err, ERR_IO, "the file became shorter while it was read");
    buf_took(b, (size_t)n);
    return 0;
}

static int put_blocks(struct store *s, const char *name, int fd, int64_t size, struct err *err)
{
    struct arena *a = arena_new();
    struct buf b;
    struct str id = STR_NONE;
    int64_t block = STORE_BLOCK_BYTES;
    while (block < MAX_BLOCK_BYTES && size / block >= MAX_BLOCKS)
        block *= 2;
    int count = (int)((size + block - 1) / block), rc = -1;
    struct str *marks = ARENA_ARRAY(a, struct str, count);
    buf_init(&b);
    for (int i = 0; again(i, rc, err); i++)
        rc = s->kind->begin(s, name, a, &id, err);
    for (int k = 0; rc == 0 && k < count; k++) {
        int64_t at = k * block, n = size - at < block ? size - at : block;
        rc = read_block(fd, &b, at, n, err);
        int sent = rc ? 0 : -1;
        for (int i = 0; rc == 0 && again(i, sent, err); i++)
            sent = s->kind->block(s, name, id, k, buf_view(&b), a, &marks[k], err);
        rc = rc ? -1 : sent;
    }
    int ended = rc ? 0 : -1;
    for (int i = 0; rc == 0 && again(i, ended, err); i++)
        if ((ended = s->kind->end(s, name, id, marks, count, err)) && err->code == ERR_NOT_FOUND && store_landed(s, name, size))
            ended = 0;
    rc = rc ? -1 : ended;
    if (rc && id.len)
        s->kind->abort(s, name, id);
    buf_release(&b);
    arena_free(a);
    return rc;
}

int store_put_file(struct store *s, const char *name, const char *path, struct err *err)
{
    struct fs_stat st;
    if (check_name(name, err))
        return -1;
    if (!s->kind)
        return store_file_copy(s, name, path, true, err);
    int fd = fs_stat(path, &st, err) ? -1 : fs_open(path, FS_READ, err), rc = -1;
    if (fd < 0)
        return -1;
    if (st.size > STORE_BLOCK_BYTES) {
        rc = put_blocks(s, name, fd, st.size, err);
    } else {
        struct buf b;
        buf_init(&b);
        if (st.size == 0 || read_block(fd, &b, 0, st.size, err) == 0)
            for (int i = 0; again(i, rc, err); i++)
                rc = s->kind->put(s, name, buf_view(&b), NULL, err);
        buf_release(&b);
    }
    fs_close(fd);
    return rc ? err_wrap(err, "cannot write '%s/%s'", s->root, name) : 0;
}

int store_remove(struct store *s, const char *name, struct err *err)
{
    struct err e;
    int rc = check_name(name, err);
    if (rc || !s->kind)
        return rc ? -1 : store_file_remove(s, name, err);
    rc = -1;
    for (int i = 0; again(i, rc, &e); i++)
        rc = s->kind->remove(s, name, &e);
    if (rc == 0 || e.code == ERR_NOT_FOUND)
        return 0;
    *err = e;
    return err_wrap(err, "cannot remove '%s/%s'", s->root, name);
}

/* ---- put if absent */

struct store_staged *store_stage(struct store *s, const char *dir, struct str bytes, struct err *err)
{
    struct store_staged *g = NEW(struct store_staged);
    int rc = dir[0] ? check_name(dir, err) : 0;
    if (rc == 0 && !s->kind)
        rc = store_file_stage(s, dir, bytes, &g->temp, err);
    g->bytes = bytes;
    if (rc == 0)
        return g;
    mem_free(g->temp);
    mem_free(g);
    return NULL;
}

int store_restage(struct store *s, struct store_staged *g, struct str bytes, struct err *err)
{
    g->bytes = bytes;
    g->durable = false;
    return s->kind ? 0 : store_file_restage(g->temp, bytes, err);
}

const char *store_staged_file(const struct store_staged *g)
{
    return g->temp;
}

void store_staged_synced(struct store_staged *g)
{
    g->durable = true;
}

void store_unstage(struct store *s, struct store_staged *g)
{
    if (!g)
        return;
    if (!s->kind)
        store_file_unstage(g->temp);
    mem_free(g->temp);
    mem_free(g);
}

/* Whose object is there? STORE_DONE: ours; STORE_EXISTS; STORE_FAILED: nobody's; STORE_UNKNOWN: it could not be asked. */
static enum store_outcome whose(struct store *s, const char *name, struct str bytes, struct err *err)
{
    struct buf there;
    struct err e;
    enum store_outcome got;
    buf_init_max(&there, bytes.len + READ_STEP);
    if (get(s, name, -1, 0, bytes.len + READ_STEP / 2, &there, NULL, &e) == 0)
        got = str_eq(buf_view(&there), bytes) ? STORE_DONE : STORE_EXISTS;
    else
        got = e.code == ERR_NOT_FOUND ? STORE_FAILED : e.code == ERR_LIMIT && !e.retriable ? STORE_EXISTS : STORE_UNKNOWN;
    if (got == STORE_UNKNOWN)
        *err = e;
    buf_release(&there);
    return got;
}

/* Did the store answer for sure that nothing was written by this request, nor by an earlier sending of it? */
static bool is_refusal(const struct err *e)
{
    return !e->retriable && e->code != ERR_EXISTS && e->code != ERR_NOT_FOUND && e->code != ERR_TIMEOUT;
}

static enum store_outcome publish_remote(struct store *s, const char *name, struct str bytes, struct err *err)
{
    bool doubt = false; /* one of our tries may arrive yet */
    for (int i = 0; i < STORE_TRIES; i++) {
        struct store_new asked = {};
        struct err e;
        if (i)
            wait_before(i);
        if (s->kind->put(s, name, bytes, &asked, err) == 0)
            return STORE_DONE;
        if (!asked.untouched && (doubt || !is_refusal(err))) {
            enum store_outcome got = whose(s, name, bytes, &e);
            if (got != STORE_FAILED)
                return got;
            doubt |= err->code == ERR_TIMEOUT || (err->retriable && err->code != ERR_AUTH);
            if (err->code == ERR_EXISTS) /* and is gone again */
                return doubt ? STORE_UNKNOWN : STORE_EXISTS;
        }
        if (!err->retriable && err->code != ERR_TIMEOUT)
            break;
    }
    return doubt ? STORE_UNKNOWN : STORE_FAILED;
}

enum store_outcome store_publish(struct store *s, struct store_staged *g, const char *name, struct err *err)
{
    if (check_name(name, err))
        return STORE_FAILED;
    if (!s->kind && !g->durable && store_file_sync(g->temp, err))
        return STORE_FAILED;
    g->durable = true;
    if (!s->kind)
        return store_file_publish(s, g->temp, name, err);
    enum store_outcome got = publish_remote(s, name, g->bytes, err);
    if (got == STORE_UNKNOWN) {
        err->retriable = false;
        err_wrap(err, "it is not known whether '%s/%s' was written", s->root, name);
    } else if (got == STORE_FAILED) {
        err_wrap(err, "cannot write '%s/%s'", s->root, name);
    }
    return got;
}

enum store_outcome store_put_new(struct store *s, const char *name, struct str bytes, struct err *err)
{
    struct arena *a = arena_new();
    int64_t slash = str_rchr(str_z(name), '/');
    struct store_staged *g = store_stage(s, slash < 0 ? "" : str_cz(a, str_sub(str_z(name), 0, (size_t)slash)), bytes, err);
    enum store_outcome got = g ? store_publish(s, g, name, err) : STORE_FAILED;
    store_unstage(s, g);
    arena_free(a);
    return got;
}
