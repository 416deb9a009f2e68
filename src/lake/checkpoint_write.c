/* checkpoint_write.c -- writing a classic checkpoint, and cleaning the log behind it.
 *
 * The live actions go as JSON lines into a hidden temporary file, and DuckDB turns those into
 * Parquet by read_json with the checkpoint's schema spelled out (a column per action, as other
 * readers expect it). The Parquet file appears by rename, after the commit it stands for, then
 * _last_checkpoint. Tombstones older than delta.deletedFileRetentionDuration are left out.
 *
 * Cleaning deletes commits and checkpoints that are older than delta.logRetentionDuration and lie
 * before the newest checkpoint, oldest version first, up to the first that is younger; that one and its commit stay. */
#include "lake/checkpoint_v2.h"
#include "lake/txn_int.h"
#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400000, TOMB_DAYS = 7, LOG_DAYS = 30, MIN_LINE_BYTES = 64 << 10 };
#define LONGEST_INTERVAL_MS (1000LL * 366 * DAY_MS) /* a longer one is as good as ever */

static const char checkpoint_columns[] =
    "{txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)', "
    "add: 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, "
    "tags MAP(VARCHAR, VARCHAR), deletionVector STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, \"offset\" INTEGER, sizeInBytes INTEGER, "
    "cardinality BIGINT), baseRowId BIGINT, defaultRowCommitVersion BIGINT, clusteringProvider VARCHAR, stats VARCHAR)', "
    "remove: 'STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, "
    "partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, deletionVector STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "
    "\"offset\" INTEGER, sizeInBytes INTEGER, cardinality BIGINT), baseRowId BIGINT, defaultRowCommitVersion BIGINT)', "
    "metaData: 'STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), "
    "schemaString VARCHAR, partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT)', "
    "protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures VARCHAR[])', "
    "domainMetadata: 'STRUCT(domain VARCHAR, configuration VARCHAR, removed BOOLEAN)'}";

int64_t lake_interval_ms(struct str text, int64_t otherwise)
{
    static const struct { const char *unit; int64_t ms; } units[] = {
        {"week", 7LL * DAY_MS}, {"day", DAY_MS}, {"hour", 3600000}, {"minute", 60000}, {"second", 1000}, {"millisecond", 1},
    };
    struct str part;
    int64_t n = -1, total = -1;
    while (str_split(&text, ' ', &part)) {
        if (!part.len || str_ieqz(part, "interval") || str_i64(part, &n))
            continue;
        for (size_t i = 0; i < COUNT_OF(units); i++)
            if (n >= 0 && str_starts_z(part, units[i].unit)) {
                int64_t more;
                if (__builtin_mul_overflow(n, units[i].ms, &more) || more > LONGEST_INTERVAL_MS)
                    more = LONGEST_INTERVAL_MS;
                total = (total < 0 ? 0 : total) + more;
                total = total < LONGEST_INTERVAL_MS ? total : LONGEST_INTERVAL_MS;
                break;
            }
    }
    return total < 0 ? otherwise : total;
}

struct counts { int64_t version, actions, adds; };

/* The state of the replay as lines; under the table's lock. */
static void put_state(struct buf *out, struct replay *r, struct counts *n)
{
    struct str key;
    void *value;
    const struct lake_file *f;
    int64_t keep_from = time_now_ms() - lake_interval_ms(meta_property(&r->meta, "delta.deletedFileRetentionDuration"), (int64_t)TOMB_DAYS * DAY_MS);
    *n = (struct counts){.version = r->version, .actions = 2};
    action_put_protocol(out, &r->protocol);
    action_put_meta(out, &r->meta);
    for (size_t at = 0; map_next(r->txns, &at, &key, &value); n->actions++)
        action_put_txn(out, value);
    for (size_t at = 0; map_next(r->domains, &at, &key, &value); n->actions++) {
        const struct lake_pair *p = value;
        buf_z(out, "{\"domainMetadata\":{\"domain\":");
        json_quote(out, p->key);
        buf_z(out, ",\"configuration\":");
        json_quote(out, p->value);
        buf_z(out, ",\"removed\":false}}\n");
    }
    for (size_t at = 0; (f = file_index_next(&r->tombs, &at));) {
        if (f->deleted_ms < keep_from)
            continue;
        struct lake_file quiet = *f;
        quiet.data_change = false;
        action_put_remove(out, &quiet);
        n->actions++;
    }
    for (size_t at = 0; (f = file_index_next(&r->files, &at)); n->actions++, n->adds++) {
        struct lake_file quiet = *f;
        quiet.data_change = false;
        action_put_add(out, &quiet);
    }
}

static int write_lines(const char *path, struct str text, struct err *err)
{
    int fd = fs_open(path, FS_WRITE | FS_CREATE | FS_TRUNC, err);
    if (fd < 0)
        return -1;
    int rc = fs_write_all(fd, text.ptr, text.len, err);
    fs_close(fd);
    return rc;
}

/* DuckDB reads through buffers of twice the longest line that it is told of. */
static size_t longest_line(struct str text)
{
    struct str line;
    size_t longest = MIN_LINE_BYTES;
    while (str_split(&text, '\n', &line))
        longest = line.len + 1 > longest ? line.len + 1 : longest;
    return longest;
}

static void put_lines(struct buf *sql, const char *lines, size_t line_bytes)
{
    buf_z(sql, "read_json(");
    duck_quote_text(sql, str_z(lines));
    buf_printf(sql, ", format = 'newline_delimited', maximum_object_size = %zu, columns = %s)", line_bytes, checkpoint_columns);
}

static int make_parquet(struct duck_conn *c, struct str lines_sql, const char *parquet, struct err *err)
{
    struct fs_stat st;
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "SELECT * FROM %.*s", STR_ARGS(lines_sql));
    int rc = checkpoint_make_file(c, buf_view(&sql), parquet, &st, err);
    buf_release(&sql);
    return rc;
}

static int put_hint(struct arena *a, struct store *s, const struct counts *n, int64_t size, struct err *err)
{
    char *hint = arena_printf(a, "{\"version\":%jd,\"size\":%jd,\"sizeInBytes\":%jd,\"numOfAddFiles\":%jd}", (intmax_t)n->version,
                              (intmax_t)n->actions, (intmax_t)size, (intmax_t)n->adds);
    return store_put(s, LAKE_LOG_DIR "/_last_checkpoint", str_z(hint), err);
}

static int publish(struct arena *a, struct store *s, const char *parquet, const struct counts *n, struct err *err)
{
    struct fs_stat st;
    char *name = arena_printf(a, LAKE_LOG_DIR "/%020jd.checkpoint.parquet", (intmax_t)n->version);
    char *log_dir = path_join(a, store_root(s), LAKE_LOG_DIR);
    if (fs_stat(parquet, &st, err))
        return -1;
    if (store_is_local(s) ? fs_rename(parquet, path_join(a, store_root(s), name), err) || fs_sync_dir(log_dir, err)
                          : store_put_file(s, name, parquet, err))
        return -1;
    return put_hint(a, s, n, st.size, err);
}

/* As the table's policy says: one Parquet file, or a V2 checkpoint. */
static int make_checkpoint(struct arena *a, struct lake_table *t, struct duck_conn *c, struct str text, const char *lines, const char *parquet,
                           const struct counts *n, bool v2, struct err *err)
{
    struct buf sql;
    int64_t size = 0;
    if (write_lines(lines, text, err))
        return -1;
    buf_init(&sql);
    put_lines(&sql, lines, longest_line(text));
    int rc = v2 ? checkpoint_v2_write(a, t, c, buf_view(&sql), str_cz(a, path_dir(str_z(lines))), n->version, &size, err)
                : make_parquet(c, buf_view(&sql), parquet, err);
    buf_release(&sql);
    if (rc)
        return -1;
    return v2 ? put_hint(a, t->store, n, size, err) : publish(a, t->store, parquet, n, err);
}

int lake_checkpoint(struct lake_table *t, struct duck_conn *c, struct err *err)
{
    struct counts n;
    struct lake_snapshot *s = lake_table_latest(t, c, err);
    if (!s || protocol_can_write(s, err)) {
        lake_snapshot_unref(s);
        return -1;
    }
    bool v2 = str_ieqz(lake_property(s, "delta.checkpointPolicy"), "v2");
    lake_snapshot_unref(s);
    struct buf text;
    buf_init_max(&text, LAKE_COMMIT_MAX_BYTES);
    pthread_mutex_lock(&t->lock);
    put_state(&text, &t->replay, &n);
    pthread_mutex_unlock(&t->lock);
    struct arena *a = arena_new();
    char id[UUID_TEXT];
    struct err ignored;
    char *stage = store_is_local(t->store) ? NULL : store_cache_stage(a, err);
    char *dir = store_is_local(t->store) ? path_join(a, t->dir, LAKE_LOG_DIR) : stage ? stage : "";
    char *lines = arena_printf(a, "%s/.%s.json.tmp", dir, uuid_make(id));
    char *parquet = arena_printf(a, "%s/.%s.parquet.tmp", dir, id);
    int rc = dir[0] ? buf_check(&text, "a checkpoint", err) : -1;
    if (rc == 0)
        rc = make_checkpoint(a, t, c, buf_view(&text), lines, parquet, &n, v2, err);
    if (stage)
        store_cache_unstage(stage, NULL);
    else if (fs_unlink(lines, &ignored) || (rc && fs_unlink(parquet, &ignored)))
        log_err(LOG_WARN, "lake", &ignored);
    if (rc)
        err_wrap(err, "checkpoint %jd of '%s'", (intmax_t)n.version, t->dir);
    arena_free(a);
    buf_release(&text);
    return rc;
}

/* ---- cleaning */

static bool log_file_version(const char *name, int64_t *version)
{
    struct str s = str_from(str_z(name), strlen(LAKE_LOG_DIR) + 1);
    if (s.len <= LAKE_VERSION_DIGITS || s.ptr[LAKE_VERSION_DIGITS] != '.')
        return false;
    return str_i64(str_sub(s, 0, LAKE_VERSION_DIGITS), version);
}

int64_t lake_clean_log(struct lake_table *t, struct duck_conn *c, struct err *err)
{
    struct lake_snapshot *s = lake_table_latest(t, c, err);
    if (!s)
        return -1;
    struct arena *a = arena_new();
    struct segment seg;
    struct store_entry *list;
    struct store_list_opts all = {.prefix = LAKE_LOG_DIR "/", .flat = true, .look = true};
    int64_t deleted = 0, n = -1, kept_from = 0;
    int64_t before_us = (time_now_ms() - lake_interval_ms(lake_property(s, "delta.logRetentionDuration"), (int64_t)LOG_DAYS * DAY_MS)) * 1000;
    if (lake_property_bool(s, "delta.enableExpiredLogCleanup", true)) {
        if (segment_find(a, t->store, -1, &seg, err) == 0) {
            kept_from = seg.checkpoint.version;
            n = store_list(t->store, a, &all, &list, err);
        }
    } else {
        n = 0;
    }
    for (int64_t i = 0; i < n && deleted >= 0; i++) {
        int64_t version;
        if (!log_file_version(list[i].name, &version) || version >= seg.checkpoint.version)
            continue;
        if (list[i].mtime_us >= before_us) { /* whatever clocks said of later ones: no holes */
            kept_from = version;
            break;
        }
        deleted = store_remove(t->store, list[i].name, err) ? -1 : deleted + 1;
    }
    if (deleted > 0) {
        int64_t sidecars = checkpoint_v2_clean(a, t, kept_from, before_us, err);
        deleted = sidecars < 0 ? -1 : deleted + sidecars;
    }
    arena_free(a);
    lake_snapshot_unref(s);
    return n < 0 ? -1 : deleted;
}
