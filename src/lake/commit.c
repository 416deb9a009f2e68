/* commit.c -- the commit itself: one file, put if absent, checked against whoever was faster.
 *
 * The text of a commit does not depend on its version, so it is written once, to a hidden temporary
 * file, fsynced, and then linked to the next version's name. The link fails if the name is taken: the
 * winners' commits since the version we read are checked, and the next name is tried.
 *
 *     winner's commit has            we only append   we read or replace files   we only rewrite
 *     protocol or metaData           conflict         conflict                   conflict
 *     add with dataChange            fine             conflict                   fine
 *     remove of a file we remove     -                conflict                   conflict
 *     remove with dataChange         fine             conflict if we read all    fine
 *     txn of an app id of ours       ours not later: it landed already; else conflict
 *
 * Order for durability: data files (rows.c), their folders, the temporary file; link; the log's
 * folder. After the link the commit exists whatever fails, so its files are never deleted then.
 * A crash leaves at most hidden temporary files and data files nobody names. */
#include "lake/txn_int.h"
#include <string.h>

/* ---- the text */

static void put_value(struct buf *out, const struct doc *v)
{
    struct buf text; /* Spark reads both maps as strings to strings */
    if (v->kind == DOC_STRING) {
        json_quote(out, v->text);
        return;
    }
    buf_init(&text);
    doc_write(&text, v);
    json_quote(out, buf_view(&text));
    buf_release(&text);
}

static void put_strings(struct buf *out, const struct doc *d, bool *any)
{
    for (size_t i = 0; d && i < d->count; i++) {
        buf_z(out, *any ? "," : "");
        json_quote(out, d->keys[i].name);
        buf_char(out, ':');
        put_value(out, d->items[i]);
        *any = true;
    }
}

static void put_info(struct buf *out, const struct lake_txn *x)
{
    bool any = false;
    char id[UUID_TEXT];
    buf_printf(out, "{\"commitInfo\":{\"timestamp\":%jd,\"operation\":", (intmax_t)time_now_ms());
    json_quote(out, str_z(x->operation));
    buf_z(out, ",\"operationParameters\":{");
    put_strings(out, x->parameters, &any);
    if (!any)
        buf_printf(out, "\"mode\":\"%s\"", x->overwrite ? "Overwrite" : "Append");
    buf_z(out, "}");
    if (x->snap && x->snap->version >= 0) /* readers take it as unsigned: a new table has none */
        buf_printf(out, ",\"readVersion\":%jd", (intmax_t)x->snap->version);
    buf_printf(out, ",\"isolationLevel\":\"Serializable\",\"isBlindAppend\":%s,\"operationMetrics\":{",
               x->remove_count || x->read_all ? "false" : "true");
    buf_printf(out, "\"numFiles\":\"%zu\",\"numRemovedFiles\":\"%zu\",\"numOutputRows\":\"%jd\",\"numOutputBytes\":\"%jd\"", x->add_count,
               x->remove_count, (intmax_t)x->rows, (intmax_t)x->bytes);
    any = true;
    put_strings(out, x->metrics, &any);
    buf_printf(out, "},\"engineInfo\":\"Paystreak\",\"txnId\":\"%s\"}}\n", uuid_make(id));
}

static void put_commit(struct buf *out, struct lake_txn *x)
{
    put_info(out, x);
    if (x->protocol_changed)
        action_put_protocol(out, &x->protocol);
    if (x->meta_changed)
        action_put_meta(out, &x->meta);
    for (size_t i = 0; i < x->app_count; i++)
        action_put_txn(out, &x->apps[i]);
    int64_t now = time_now_ms();
    for (size_t i = 0; i < x->remove_count; i++) {
        x->removes[i].deleted_ms = now;
        action_put_remove(out, &x->removes[i]);
    }
    for (size_t i = 0; i < x->add_count; i++)
        action_put_add(out, &x->adds[i]);
}

/* ---- conflicts */

static int conflict(struct err *err, const struct lake_txn *x, int64_t version, const char *why)
{
    err_set(err, ERR_CONFLICT, "version %jd of the table '%s', committed meanwhile, %s", (intmax_t)version,
            lake_table_dir(x->table), why);
    err->retriable = true;
    return -1;
}

static int check_apps(const struct lake_txn *x, const struct lake_change *ch, struct err *err)
{
    for (size_t i = 0; i < x->app_count; i++) {
        for (size_t k = 0; k < ch->txn_count; k++) {
            if (!str_eq(x->apps[i].app_id, ch->txns[k].app_id))
                continue;
            if (ch->txns[k].version >= x->apps[i].version)
                return err_set(err, ERR_EXISTS, "batch %jd of '%.*s' is in the table '%s' already",
                               (intmax_t)x->apps[i].version, STR_ARGS(x->apps[i].app_id), lake_table_dir(x->table));
            return conflict(err, x, ch->version, "is of the same application");
        }
    }
    return 0;
}

static bool removes_ours(const struct lake_txn *x, const struct lake_change *ch)
{
    if (!x->remove_count || !ch->remove_count)
        return false;
    struct map *mine = map_new();
    struct buf key;
    bool hit = false;
    buf_init(&key);
    for (size_t i = 0; i < x->remove_count; i++) {
        buf_clear(&key);
        action_file_key(&key, &x->removes[i]);
        map_put(mine, buf_view(&key), (void *)1);
    }
    for (size_t i = 0; i < ch->remove_count && !hit; i++) {
        buf_clear(&key);
        action_file_key(&key, &ch->removes[i]);
        hit = map_has(mine, buf_view(&key));
    }
    buf_release(&key);
    map_free(mine);
    return hit;
}

static bool changes_data(const struct lake_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (files[i].data_change)
            return true;
    return false;
}

static int check_winner(const struct lake_txn *x, const struct lake_change *ch, struct err *err)
{
    bool dml = x->read_all || x->overwrite || changes_data(x->removes, x->remove_count);
    if (check_apps(x, ch, err))
        return -1;
    if (!x->snap)
        return conflict(err, x, ch->version, "made the table");
    if (ch->sets_protocol)
        return conflict(err, x, ch->version, "changed the protocol");
    if (ch->sets_metadata)
        return conflict(err, x, ch->version, "changed schema or properties");
    if (removes_ours(x, ch))
        return conflict(err, x, ch->version, "removed a file that is to be removed");
    if (dml && changes_data(ch->adds, ch->add_count))
        return conflict(err, x, ch->version, "added rows to what was read");
    if ((x->read_all || x->overwrite) && changes_data(ch->removes, ch->remove_count))
        return conflict(err, x, ch->version, "removed rows of what was read");
    return 0;
}

/* Checks the commits from *next on and moves *next past them. */
static int check_winners(const struct lake_txn *x, int64_t *next, struct err *err)
{
    struct arena *a = arena_new();
    struct lake_change *list;
    int64_t n = lake_changes(a, lake_table_dir(x->table), *next, INT64_MAX - 1, &list, err);
    int rc = n < 0 ? -1 : 0;
    for (int64_t i = 0; i < n && rc == 0; i++)
        rc = check_winner(x, &list[i], err);
    if (rc == 0)
        *next += n;
    arena_free(a);
    return rc;
}

/* ---- durability */

static int sync_folders(struct lake_txn *x, struct err *err)
{
    struct map *seen = map_new();
    int rc = 0;
    for (size_t i = 0; i < x->written_count && rc == 0; i++) {
        struct str dir = path_dir(str_z(x->written[i]));
        /* A partition folder's own entry is in its parent, up to the table's folder. */
        while (rc == 0 && dir.len >= strlen(lake_table_dir(x->table)) && !map_put(seen, dir, (void *)1)) {
            rc = fs_sync_dir(str_cz(x->arena, dir), err);
            dir = path_dir(dir);
        }
    }
    map_free(seen);
    return rc;
}

static int write_temp(const char *path, struct str text, struct err *err)
{
    int fd = fs_open(path, FS_WRITE | FS_CREATE | FS_EXCL, err);
    if (fd < 0)
        return -1;
    int rc = fs_write_all(fd, text.ptr, text.len, err);
    if (rc == 0)
        rc = fs_sync(fd, err);
    fs_close(fd);
    return rc;
}

/* Links the temporary file to the first free version from *version on. */
static int link_next(struct lake_txn *x, const char *temp, int64_t *version, struct err *err)
{
    for (int i = 0; i < LAKE_COMMIT_TRIES; i++) {
        struct err link_err;
        if (fs_link(temp, commit_path(x->arena, lake_table_dir(x->table), *version), &link_err) == 0)
            return 0;
        if (link_err.code != ERR_EXISTS) {
            *err = link_err;
            return -1;
        }
        if (check_winners(x, version, err))
            return -1;
    }
    err_set(err, ERR_CONFLICT, "%d commits to the table '%s' were lost to other writers", LAKE_COMMIT_TRIES, lake_table_dir(x->table));
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

static int put_if_absent(struct lake_txn *x, struct str text, int64_t *version, struct err *err)
{
    char id[UUID_TEXT];
    char *log_dir = path_join(x->arena, lake_table_dir(x->table), LAKE_LOG_DIR);
    char *temp = arena_printf(x->arena, "%s/.%s.tmp", log_dir, uuid_make(id));
    struct err ignored;
    if (make_log_dir(x, log_dir, err))
        return -1;
    int rc = write_temp(temp, text, err);
    if (rc == 0)
        rc = link_next(x, temp, version, err);
    if (rc == 0) {
        x->landed = true;
        rc = fs_sync_dir(log_dir, err);
    }
    if (fs_unlink(temp, &ignored))
        log_err(LOG_WARN, "lake", &ignored);
    return rc;
}

/* ---- the call */

static int check_before(const struct lake_txn *x, struct err *err)
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

static void checkpoint_if_due(struct lake_txn *x, int64_t version)
{
    int64_t interval = LAKE_CHECKPOINT_INTERVAL;
    for (size_t i = 0; i < x->meta.properties.count; i++)
        if (str_ieqz(x->meta.properties.items[i].key, "delta.checkpointInterval") &&
            !str_i64(x->meta.properties.items[i].value, &interval))
            interval = LAKE_CHECKPOINT_INTERVAL;
    struct err err;
    if (interval <= 0 || version == 0 || version % interval)
        return;
    if (lake_checkpoint(x->table, x->conn, &err) || lake_clean_log(x->table, x->conn, &err) < 0)
        log_err(LOG_WARN, "lake", &err);
}

int lake_txn_commit(struct lake_txn *x, int64_t *version, struct err *err)
{
    CHECK(!x->landed);
    int64_t next = x->snap ? x->snap->version + 1 : 0;
    if (x->snap && !x->add_count && !x->remove_count && !x->app_count && !x->meta_changed && !x->protocol_changed) {
        *version = x->snap->version;
        return 0;
    }
    if (check_before(x, err))
        return -1;
    struct buf text;
    buf_init(&text);
    if (!x->snap)
        x->meta_changed = x->protocol_changed = true;
    put_commit(&text, x);
    int rc = buf_check(&text, "a commit", err);
    if (rc == 0)
        rc = sync_folders(x, err);
    if (rc == 0) {
        pthread_mutex_lock(&x->table->commit_lock);
        rc = put_if_absent(x, buf_view(&text), &next, err);
        pthread_mutex_unlock(&x->table->commit_lock);
    }
    buf_release(&text);
    if (rc)
        return -1;
    *version = next;
    checkpoint_if_due(x, next);
    return 0;
}
