/* log.c -- handles on tables: loading, cheap refresh, time travel, changes.
 *
 * Refresh. A handle that has replayed version v tries to read commit v+1, v+2 … until one is absent:
 * with nothing new that is one failed open. Commits are never overwritten and versions have no gaps,
 * so what was replayed stays right, but for two cases that a look at mtimes tells, and then the table
 * is loaded anew: the log was cleaned while the handle slept, so v+1 is gone though newer versions
 * exist (_last_checkpoint has changed); the folder was removed, and maybe another table made there
 * (commit v is not the file it was).
 *
 * Timestamps. A version's is its inCommitTimestamp, else its file's mtime, and at least one
 * millisecond after its predecessor's. */
#include "lake/txn_int.h"
#include <string.h>

struct lake_table *lake_table_open(const char *dir)
{
    struct lake_table *t = NEW(struct lake_table);
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    t->dir = mem_strndup(dir, n);
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->commit_lock, NULL);
    replay_init(&t->replay, t->dir);
    return t;
}

void lake_table_close(struct lake_table *t)
{
    if (!t)
        return;
    snapshot_let_go(t->latest);
    replay_release(&t->replay);
    pthread_mutex_destroy(&t->lock);
    pthread_mutex_destroy(&t->commit_lock);
    mem_free(t->dir);
    mem_free(t);
}

const char *lake_table_dir(const struct lake_table *t)
{
    return t->dir;
}

static int64_t mtime_us(struct store *s, const char *name)
{
    struct store_mark mark;
    struct err err;
    return store_look(s, name, &mark, &err) ? -1 : mark.mtime_us;
}

/* Applies commit `version`: 1 done, 0 there is none, -1 error. */
static int apply_commit(struct replay *r, struct store *s, int64_t version, struct err *err)
{
    struct buf text;
    struct err read_err;
    char name[COMMIT_NAME];
    struct store_mark mark;
    buf_init_max(&text, LAKE_COMMIT_MAX_BYTES);
    if (store_get(s, commit_name(version, name), LAKE_COMMIT_MAX_BYTES, &text, &mark, &read_err)) {
        buf_release(&text);
        if (read_err.code == ERR_NOT_FOUND)
            return 0;
        *err = read_err;
        return -1;
    }
    int64_t ict_ms;
    int rc = replay_apply_text(r, buf_view(&text), version, &ict_ms, err);
    buf_release(&text);
    if (rc)
        return err_wrap(err, "commit %jd of '%s'", (intmax_t)version, r->dir);
    r->commit_mark = mark;
    int64_t ms = ict_ms >= 0 ? ict_ms : mark.mtime_us / 1000;
    r->timestamp_ms = ms > r->timestamp_ms ? ms : r->timestamp_ms + 1;
    r->version = version;
    return 1;
}

/* A commit's inCommitTimestamp, or else its file's mtime: 1 done, 0 there is none, -1 error. */
static int commit_time(struct store *s, int64_t version, int64_t *ms, struct store_mark *mark, struct err *err)
{
    struct err read_err;
    struct buf text;
    struct str line = STR_NONE, rest;
    char name[COMMIT_NAME];
    buf_init_max(&text, LAKE_COMMIT_MAX_BYTES);
    int rc = store_get(s, commit_name(version, name), LAKE_COMMIT_MAX_BYTES, &text, mark, &read_err);
    if (rc == 0) {
        struct arena *a = arena_new();
        *ms = mark->mtime_us / 1000;
        rest = buf_view(&text);
        str_split(&rest, '\n', &line);
        struct doc *d = str_find(line, STR("inCommitTimestamp")) >= 0 ? doc_json(a, NULL, line, &read_err) : NULL;
        doc_i64(doc_get(doc_get(d, "commitInfo"), "inCommitTimestamp"), ms);
        arena_free(a);
    }
    buf_release(&text);
    if (rc && read_err.code != ERR_NOT_FOUND)
        *err = read_err;
    return rc == 0 ? 1 : read_err.code == ERR_NOT_FOUND ? 0 : -1;
}

/* A checkpoint does not say when its version was made: its commit does, while it is there. */
static int time_of_checkpoint(struct replay *r, struct store *s, const struct checkpoint *k, struct err *err)
{
    struct err look_err;
    char name[COMMIT_NAME];
    int got;
    if (meta_property_bool(&r->meta, "delta.enableInCommitTimestamps")) {
        got = commit_time(s, r->version, &r->timestamp_ms, &r->commit_mark, err);
    } else {
        got = store_look(s, commit_name(r->version, name), &r->commit_mark, &look_err) == 0 ? 1 : look_err.code == ERR_NOT_FOUND ? 0 : -1;
        r->timestamp_ms = r->commit_mark.mtime_us / 1000;
        if (got < 0)
            *err = look_err;
    }
    if (got == 0) {
        r->commit_mark = (struct store_mark){-1, 0};
        r->timestamp_ms = mtime_us(s, k->files[0].name) / 1000;
    }
    return got < 0 ? -1 : 0;
}

static int load(struct replay *r, int64_t target, struct duck_conn *c, struct err *err)
{
    struct segment seg;
    struct store *s = store_shared(r->dir, err);
    struct arena *a = arena_new();
    int rc = s ? segment_find(a, s, target, &seg, err) : -1;
    if (rc == 0 && seg.checkpoint.version >= 0) {
        rc = checkpoint_read(r, &seg.checkpoint, c, err);
        r->version = seg.checkpoint.version;
        if (rc == 0)
            rc = time_of_checkpoint(r, s, &seg.checkpoint, err);
    }
    for (int64_t v = seg.first_commit; rc == 0 && v <= seg.last_commit; v++) {
        int got = apply_commit(r, s, v, err);
        if (got == 0)
            err_set(err, ERR_CORRUPT, "commit %jd of '%s' vanished", (intmax_t)v, r->dir);
        rc = got > 0 ? 0 : -1;
    }
    arena_free(a);
    return rc;
}

static int reload(struct lake_table *t, struct duck_conn *c, struct err *err)
{
    replay_release(&t->replay);
    replay_init(&t->replay, t->dir);
    snapshot_let_go(t->latest);
    t->latest = NULL;
    t->loaded = load(&t->replay, -1, c, err) == 0;
    return t->loaded ? 0 : -1;
}

/* Is the log behind us another one now, or ahead of us though its next commit is gone? */
static int is_behind(struct lake_table *t, struct store *s, bool *behind, struct err *err)
{
    struct err gone;
    struct store_mark mark;
    char name[COMMIT_NAME];
    if (store_look(s, commit_name(t->replay.version, name), &mark, &gone) && gone.code != ERR_NOT_FOUND) {
        *err = gone;
        return -1;
    }
    *behind = mark.mtime_us != t->replay.commit_mark.mtime_us || mark.tag != t->replay.commit_mark.tag;
    if (*behind || !store_is_local(s)) /* a remote log is looked at once: what is cleaned first is the commit we are at */
        return 0;
    int64_t hint_us = mtime_us(s, LAKE_LOG_DIR "/_last_checkpoint");
    if (hint_us == t->hint_mtime_us)
        return 0;
    struct segment seg;
    struct arena *a = arena_new();
    int rc = segment_find(a, s, -1, &seg, err);
    *behind = rc == 0 && seg.last_commit > t->replay.version;
    if (rc == 0)
        t->hint_mtime_us = hint_us;
    arena_free(a);
    return rc;
}

/* Brings the replay up to the newest commit. */
static int refresh(struct lake_table *t, struct duck_conn *c, struct err *err)
{
    int got = 0;
    bool behind = !t->loaded;
    if (!t->store && !(t->store = store_shared(t->dir, err)))
        return -1;
    if (t->loaded) {
        do {
            got = apply_commit(&t->replay, t->store, t->replay.version + 1, err);
            if (got > 0 && t->latest) {
                snapshot_let_go(t->latest);
                t->latest = NULL;
            }
        } while (got > 0);
        if (got < 0)
            t->loaded = false; /* half applied: the next call starts anew */
    }
    if (got == 0 && t->loaded && is_behind(t, t->store, &behind, err))
        return -1;
    return got < 0 ? -1 : behind ? reload(t, c, err) : 0;
}

struct lake_snapshot *lake_table_latest(struct lake_table *t, struct duck_conn *c, struct err *err)
{
    struct lake_snapshot *s = NULL;
    pthread_mutex_lock(&t->lock);
    if (refresh(t, c, err) == 0) {
        if (!t->latest) {
            replay_compact(&t->replay);
            t->latest = snapshot_keep(replay_snapshot(&t->replay, err));
        }
        if (t->latest)
            s = lake_snapshot_ref(t->latest);
    }
    pthread_mutex_unlock(&t->lock);
    return s;
}

struct lake_snapshot *lake_table_at(struct lake_table *t, struct duck_conn *c, int64_t version, struct err *err)
{
    pthread_mutex_lock(&t->lock);
    struct lake_snapshot *s = t->latest && t->latest->version == version ? lake_snapshot_ref(t->latest) : NULL;
    pthread_mutex_unlock(&t->lock);
    if (s)
        return s;
    if (version < 0) {
        err_set(err, ERR_INPUT, "%jd is no table version", (intmax_t)version);
        return NULL;
    }
    struct replay r;
    replay_init(&r, t->dir);
    if (load(&r, version, c, err) == 0)
        s = replay_snapshot(&r, err);
    replay_release(&r);
    return s;
}

struct lake_snapshot *lake_table_at_time(struct lake_table *t, struct duck_conn *c, struct tp when, struct err *err)
{
    struct arena *a = arena_new();
    int64_t *versions, found = -1, last_ms = INT64_MIN, earliest_ms = -1;
    struct store *s = store_shared(t->dir, err);
    int64_t n = s ? lake_versions(a, t->dir, &versions, err) : -1;
    for (int64_t i = 0; i < n; i++) {
        struct store_mark mark;
        int64_t ms = 0;
        int got = commit_time(s, versions[i], &ms, &mark, err);
        n = got < 0 ? -1 : n;
        if (got <= 0) /* it may be cleaned away meanwhile */
            continue;
        last_ms = ms > last_ms ? ms : last_ms + 1;
        if (earliest_ms < 0)
            earliest_ms = last_ms;
        if (last_ms > when.us / 1000)
            break;
        found = versions[i];
    }
    arena_free(a);
    if (n < 0)
        return NULL;
    if (found < 0) {
        char text[40], first[40];
        err_set(err, ERR_NOT_FOUND, "the table '%s' has no version at %s, its earliest is of %s", t->dir,
                time_iso(when, 3, text), time_iso((struct tp){earliest_ms * 1000}, 3, first));
        return NULL;
    }
    return lake_table_at(t, c, found, err);
}

/* ---- changes */

static int push_file(struct arena *a, const struct doc *d, int64_t version, struct lake_file **list, size_t *count,
                     size_t *cap, struct err *err)
{
    *list = arena_grow(a, *list, cap, *count + 1, sizeof **list);
    return action_file(a, d, version, &(*list)[(*count)++], err);
}

struct change_caps { size_t adds, removes, cdc, txns, domains; };

static void push_domain(struct arena *a, struct lake_pairs *list, size_t *cap, const struct doc *d)
{
    list->items = arena_grow(a, list->items, cap, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct lake_pair){doc_str(doc_get(d, "domain"), STR("")), doc_str(doc_get(d, "configuration"), STR("")),
                                                    doc_bool(doc_get(d, "removed"), false)};
}

static int change_line(struct arena *a, struct lake_change *ch, struct change_caps *caps, const struct doc *d, struct err *err)
{
    const struct doc *v;
    if ((v = doc_get(d, "add")))
        return push_file(a, v, ch->version, &ch->adds, &ch->add_count, &caps->adds, err);
    if ((v = doc_get(d, "remove")))
        return push_file(a, v, ch->version, &ch->removes, &ch->remove_count, &caps->removes, err);
    if ((v = doc_get(d, "cdc")))
        return push_file(a, v, ch->version, &ch->cdc, &ch->cdc_count, &caps->cdc, err);
    if ((v = doc_get(d, "txn"))) {
        ch->txns = arena_grow(a, ch->txns, &caps->txns, ch->txn_count + 1, sizeof *ch->txns);
        return action_txn(a, v, &ch->txns[ch->txn_count++], err);
    }
    if ((v = doc_get(d, "domainMetadata")))
        push_domain(a, &ch->domains, &caps->domains, v);
    if ((v = doc_get(d, "commitInfo")))
        ch->info = v;
    if ((v = doc_get(d, "metaData"))) {
        ch->sets_metadata = true;
        ch->metadata = v;
    }
    if (doc_get(d, "protocol"))
        ch->sets_protocol = true;
    return 0;
}

/* 1 read, 0 absent, -1 error */
static int read_change(struct arena *a, struct store *s, int64_t version, struct lake_change *ch, struct err *err)
{
    struct buf text;
    struct err read_err;
    struct change_caps caps = {};
    struct store_mark mark;
    char name[COMMIT_NAME];
    *ch = (struct lake_change){.version = version};
    buf_init_max(&text, LAKE_COMMIT_MAX_BYTES);
    int rc = store_get(s, commit_name(version, name), LAKE_COMMIT_MAX_BYTES, &text, &mark, &read_err);
    if (rc) {
        buf_release(&text);
        if (read_err.code == ERR_NOT_FOUND)
            return 0;
        *err = read_err;
        return -1;
    }
    struct str rest = buf_view(&text), line;
    while (rc == 0 && str_split(&rest, '\n', &line)) {
        if (!str_trim(line).len)
            continue;
        struct doc *d = doc_json(a, NULL, line, err);
        rc = d ? change_line(a, ch, &caps, d, err) : -1;
    }
    buf_release(&text);
    if (rc)
        return err_wrap(err, "commit %jd of '%s'", (intmax_t)version, store_root(s));
    int64_t ict = -1;
    doc_i64(doc_get(ch->info, "inCommitTimestamp"), &ict);
    ch->timestamp_ms = ict >= 0 ? ict : mark.mtime_us / 1000;
    return 1;
}

int64_t lake_changes(struct arena *a, const char *dir, int64_t from, int64_t to, struct lake_change **out,
                     struct err *err)
{
    size_t count = 0, cap = 0;
    struct store *s = store_shared(dir, err);
    *out = NULL;
    for (int64_t v = from; v <= to; v++) {
        struct lake_change ch;
        int got = s ? read_change(a, s, v, &ch, err) : -1;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        *out = arena_grow(a, *out, &cap, count + 1, sizeof **out);
        (*out)[count++] = ch;
    }
    if (count || from > to)
        return (int64_t)count;
    /* Nothing at `from`: at the head of the log that is no news, below it a hole. */
    struct segment seg;
    if (segment_find(a, s, -1, &seg, err))
        return -1;
    if (from <= seg.last_commit)
        return err_set(err, ERR_NOT_FOUND,
                       "commit %jd of '%s' was removed from the log, the newest is %jd: read the table anew", (intmax_t)from,
                       dir, (intmax_t)seg.last_commit);
    return 0;
}
