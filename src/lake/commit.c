/* commit.c -- the commit itself: one file, put if absent, checked against whoever was faster.
 *
 * The text of a commit (commit_text.c) goes to a hidden temporary file, which is fsynced and then linked to
 * the next version's name. The link fails if the name is taken: the winners' commits since the
 * version we read are checked (conflict.c), and the next name is tried; only where the text depends on
 * the version is it written anew. Between tries a loser waits a little longer each time, by chance, so
 * that many writers do not meet again.
 *
 * Order for durability: data files (rows.c), their folders and the temporary file, together
 * (sync.c); link; the log's folder: two waits for the disk. After the link the commit exists whatever fails, so its files are
 * never deleted then.
 * A crash leaves at most hidden temporary files and data files nobody names. */
#include "lake/crc.h"
#include "lake/txn_int.h"
#include "lake/maintain.h"
#include "lake/sync.h"
#include "base/code.h"
#include <string.h>

enum { EAGER_TRIES = 3, LONGEST_WAIT_MS = 64 };

static bool changes_data(const struct lake_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (files[i].data_change)
            return true;
    return false;
}

/* ---- durability */

int commit_upload(struct lake_txn *x, struct err *err)
{
    if (x->uploaded)
        return 0;
    x->uploaded = true;
    return store_cache_upload(x->table->dir, x->dir, x->written, x->written_count, err);
}

/* Fsyncs the staged commit, the files written and their folders together. */
static int make_durable(struct lake_txn *x, struct store_staged *staged, struct err *err)
{
    struct map *seen = map_new();
    size_t count = 0, cap = x->written_count + 2; /* with one folder */
    struct sync_item *items = ARENA_ARRAY(x->arena, struct sync_item, cap);
    for (size_t i = 0; i < x->written_count; i++)
        items[count++] = (struct sync_item){x->written[i], false};
    items[count++] = (struct sync_item){store_staged_file(staged), false};
    for (size_t i = 0; i < x->written_count; i++) {
        struct str dir = path_dir(str_z(x->written[i]));
        /* A partition folder's own entry is in its parent, up to the table's folder. */
        for (; dir.len >= strlen(lake_table_dir(x->table)) && !map_put(seen, dir, (void *)1); dir = path_dir(dir)) {
            items = arena_grow(x->arena, items, &cap, count + 1, sizeof *items);
            items[count++] = (struct sync_item){str_cz(x->arena, dir), true};
        }
    }
    map_free(seen);
    if (sync_together(items, count, err))
        return -1;
    store_staged_synced(staged);
    return 0;
}

/* The loser of several races waits a random while. */
static void wait_turn(int lost)
{
    if (lost < EAGER_TRIES)
        return;
    int64_t most_ms = lost - EAGER_TRIES < 6 ? (int64_t)1 << (lost - EAGER_TRIES) : LONGEST_WAIT_MS;
    store_pause(0, most_ms * 1000);
}

/* Publishes the staged text as the first free version from *version on. */
static int publish_next(struct lake_txn *x, struct store_staged *staged, struct buf *text, int64_t *version, struct err *err)
{
    struct store *s = x->table->store;
    int64_t written = *version;
    for (int i = 0; i < LAKE_COMMIT_TRIES; i++) {
        char name[COMMIT_NAME];
        if (*version != written && commit_depends_on_version(x)) {
            written = *version;
            buf_clear(text);
            commit_put(text, x, written);
            if (buf_check(text, "a commit", err) || store_restage(s, staged, buf_view(text), err))
                return -1;
        }
        enum store_outcome got = store_publish(s, staged, commit_name(*version, name), err);
        x->landed = got == STORE_DONE;
        x->unknown = got == STORE_UNKNOWN;
        if (got != STORE_EXISTS)
            return got == STORE_DONE ? 0 : -1;
        wait_turn(i);
        if (conflict_check(x, version, err))
            return -1;
    }
    err_set(err, ERR_CONFLICT, "[DELTA_CONCURRENT_WRITE] ConcurrentWriteException: %d commits to the table '%s' were lost to other writers",
            LAKE_COMMIT_TRIES, lake_table_dir(x->table));
    err->retriable = true;
    return -1;
}

static int make_log_dir(struct lake_txn *x, const char *log_dir, struct err *err)
{
    if (x->snap || fs_exists(log_dir))
        return 0;
    if (fs_mkdirs(log_dir, err) || fs_sync_dir(lake_table_dir(x->table), err))
        return -1;
    return fs_sync_dir(str_cz(x->arena, path_dir(str_z(lake_table_dir(x->table)))), err);
}

static int put_if_absent(struct lake_txn *x, struct buf *text, int64_t *version, struct err *err)
{
    struct store *s = x->table->store;
    bool local = store_is_local(s);
    if (local ? make_log_dir(x, path_join(x->arena, x->table->dir, LAKE_LOG_DIR), err) : commit_upload(x, err))
        return -1;
    struct store_staged *staged = store_stage(s, LAKE_LOG_DIR, buf_view(text), err);
    int rc = staged ? 0 : -1;
    if (rc == 0 && local)
        rc = make_durable(x, staged, err);
    if (rc == 0) {
        pthread_mutex_lock(&x->table->commit_lock);
        rc = publish_next(x, staged, text, version, err);
        pthread_mutex_unlock(&x->table->commit_lock);
    }
    store_unstage(s, staged);
    return rc;
}

/* ---- the call */

int commit_check_before(const struct lake_txn *x, struct err *err)
{
    int64_t landed;
    if (!x->meta.schema)
        return err_set(err, ERR_INPUT, "the table '%s' has no schema: create it or write rows first", lake_table_dir(x->table));
    for (size_t i = 0; x->snap && i < x->app_count; i++)
        if (lake_app_version(x->snap, x->apps[i].app_id, &landed) && landed >= x->apps[i].version)
            return err_set(err, ERR_EXISTS, "batch %jd of '%.*s' is in the table '%s' already", (intmax_t)x->apps[i].version,
                           STR_ARGS(x->apps[i].app_id), lake_table_dir(x->table));
    if (x->snap && lake_property_bool(x->snap, "delta.appendOnly", false) && changes_data(x->removes, x->remove_count))
        return err_set(err, ERR_DENIED, "the table '%s' is append-only (delta.appendOnly)", lake_table_dir(x->table));
    return 0;
}

/* The next transaction of this handle asks for the same snapshot. Behind other writers it may be of a later version: theirs to sum up. */
static void checksum_if_due(struct lake_txn *x, int64_t version)
{
    struct err err;
    if (version % LAKE_CHECKSUM_INTERVAL && !x->meta_changed && !x->protocol_changed)
        return;
    struct lake_snapshot *s = store_is_local(x->table->store) ? lake_table_latest(x->table, x->conn, &err) : NULL;
    if (s && s->version == version && lake_crc_write_eager(s, str_z(x->id), &err))
        log_err(LOG_WARN, "lake", &err);
    lake_snapshot_unref(s);
}

static void checkpoint_if_due(struct lake_txn *x, int64_t version)
{
    struct err err;
    int64_t interval;
    if (!str_i64(meta_property(&x->meta, "delta.checkpointInterval"), &interval))
        interval = LAKE_CHECKPOINT_INTERVAL;
    if (!x->checkpoint && (interval <= 0 || version == 0 || version % interval))
        return;
    if (lake_checkpoint(x->table, x->conn, &err) || lake_clean_log(x->table, x->conn, &err) < 0)
        log_err(LOG_WARN, "lake", &err);
}

/* delta.autoOptimize.autoCompact: what brings rows joins the small files that have come together. */
static void compact_if_asked(struct lake_txn *x)
{
    struct err err;
    struct str asked = meta_property(&x->meta, "delta.autoOptimize.autoCompact");
    bool brings = false;
    for (size_t i = 0; i < x->add_count && !brings; i++)
        brings = x->adds[i].data_change;
    if (!brings || !asked.len || str_ieqz(asked, "false"))
        return;
    if (lake_maintain(x->table, x->conn, &err) < 0)
        log_err(LOG_WARN, "lake", &err);
}

int lake_txn_commit(struct lake_txn *x, int64_t *version, struct err *err)
{
    CHECK(!x->landed);
    int64_t next = x->snap ? x->snap->version + 1 : 0;
    if (x->snap && !x->add_count && !x->remove_count && !x->app_count && !x->domain_count && !x->meta_changed && !x->protocol_changed) {
        *version = x->snap->version;
        return 0;
    }
    if (commit_check_before(x, err))
        return -1;
    struct buf text;
    buf_init(&text);
    if (!x->snap)
        x->meta_changed = x->protocol_changed = true;
    commit_put(&text, x, next);
    int rc = buf_check(&text, "a commit", err);
    if (rc == 0)
        rc = put_if_absent(x, &text, &next, err);
    buf_release(&text);
    if (rc)
        return -1;
    *version = next;
    checksum_if_due(x, next);
    checkpoint_if_due(x, next);
    compact_if_asked(x);
    return 0;
}
