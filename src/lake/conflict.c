/* conflict.c -- may a transaction still commit after these winners? Delta's rules.
 *
 *     winner's commit has            we only append   we read or replace rows          we only rewrite
 *     protocol                       conflict         conflict                         conflict
 *     metaData                       conflict         conflict                         conflict
 *     add with dataChange            fine             conflict if its rows meet what   fine
 *                                                     we read (see below)
 *     remove of a file we remove     -                conflict                         conflict
 *     remove with dataChange         fine             conflict if a row of the file    fine
 *                                                     meets what we read
 *     txn of an app id of ours       ours not later: it landed already; else conflict
 *     a domain of ours               conflict (but for row ids: ours are numbered on from theirs)
 *
 * What was read is a list of conditions (x->reads), or all. Delta asks whether a winner's file may hold
 * rows of that kind; we look at its rows, so fewer transactions are turned away and none that must be.
 * With delta.isolationLevel = WriteSerializable a winner's blind append is no conflict: the
 * transaction counts as having run before it.
 *
 * Each error has Spark's class and exception, the winner's version, operation and writer. */
#include "lake/scan.h"
#include "lake/txn_int.h"
#include <string.h>

struct kind { const char *code, *exception; };
static const struct kind append_kind = {"DELTA_CONCURRENT_APPEND", "ConcurrentAppendException"};
static const struct kind delete_read_kind = {"DELTA_CONCURRENT_DELETE_READ", "ConcurrentDeleteReadException"};
static const struct kind delete_kind = {"DELTA_CONCURRENT_DELETE_DELETE", "ConcurrentDeleteDeleteException"};
static const struct kind metadata_kind = {"DELTA_METADATA_CHANGED", "MetadataChangedException"};
static const struct kind protocol_kind = {"DELTA_PROTOCOL_CHANGED", "ProtocolChangedException"};
static const struct kind txn_kind = {"DELTA_CONCURRENT_TRANSACTION", "ConcurrentTransactionException"};
static const struct kind write_kind = {"DELTA_CONCURRENT_WRITE", "ConcurrentWriteException"};

static int conflict(struct err *err, const struct lake_txn *x, const struct lake_change *ch, const struct kind *kind, const char *why)
{
    struct str operation = doc_str(doc_get(ch->info, "operation"), STR("?"));
    struct str engine = doc_str(doc_get(ch->info, "engineInfo"), STR("?"));
    err_set(err, ERR_CONFLICT, "[%s] %s: version %jd of the table '%s', committed meanwhile (%.*s by %.*s), %s", kind->code,
            kind->exception, (intmax_t)ch->version, lake_table_dir(x->table), STR_ARGS(operation), STR_ARGS(engine), why);
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
            return conflict(err, x, ch, &txn_kind, "is of the same application");
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

/* Does a row of these files meet a condition we read by? 1 yes, 0 no, -1 error. */
static int meets_reads(struct lake_txn *x, const struct lake_file *const *files, size_t n, struct err *err)
{
    struct buf sql;
    int64_t hit = 0;
    bool found = false;
    if (!n)
        return 0;
    buf_init(&sql);
    buf_z(&sql, "SELECT 1 FROM ");
    int rc = lake_scan_files_sql(x->snap, files, n, NULL, &sql, err);
    buf_z(&sql, " AS t WHERE ");
    for (size_t i = 0; i < x->read_count; i++)
        buf_printf(&sql, "%s(%.*s\n)", i ? " OR " : "", STR_ARGS(x->reads[i]));
    buf_z(&sql, " LIMIT 1");
    if (rc == 0)
        rc = duck_scalar_i64(x->conn, buf_view(&sql), &hit, &found, err);
    buf_release(&sql);
    return rc ? -1 : found;
}

static int added_meets_reads(struct lake_txn *x, const struct lake_change *ch, struct err *err)
{
    const struct lake_file **files = ARENA_ARRAY(x->arena, const struct lake_file *, ch->add_count);
    size_t n = 0;
    for (size_t i = 0; i < ch->add_count; i++)
        if (ch->adds[i].data_change)
            files[n++] = &ch->adds[i];
    return meets_reads(x, files, n, err);
}

/* Of the files that the winner removed those that we saw: what others added meanwhile was looked at then. */
static int removed_meets_reads(struct lake_txn *x, const struct lake_change *ch, struct err *err)
{
    const struct lake_file **files = ARENA_ARRAY(x->arena, const struct lake_file *, x->snap->file_count + 1);
    struct map *gone = map_new();
    struct buf key;
    size_t n = 0;
    buf_init(&key);
    for (size_t i = 0; i < ch->remove_count; i++) {
        buf_clear(&key);
        action_file_key(&key, &ch->removes[i]);
        if (ch->removes[i].data_change)
            map_put(gone, buf_view(&key), (void *)1);
    }
    for (size_t i = 0; i < x->snap->file_count; i++) {
        buf_clear(&key);
        action_file_key(&key, x->snap->files[i]);
        if (map_has(gone, buf_view(&key)))
            files[n++] = x->snap->files[i];
    }
    buf_release(&key);
    map_free(gone);
    return meets_reads(x, files, n, err);
}

static int check_adds(struct lake_txn *x, const struct lake_change *ch, struct err *err)
{
    bool dml = x->read_all || x->overwrite || x->read_count || changes_data(x->removes, x->remove_count);
    bool blind = doc_bool(doc_get(ch->info, "isBlindAppend"), false);
    bool relaxed = str_ieqz(meta_property(&x->meta, "delta.isolationLevel"), "WriteSerializable");
    if (!dml || !changes_data(ch->adds, ch->add_count) || (blind && relaxed && !x->meta_changed))
        return 0;
    if (x->read_count && !x->read_all && !x->overwrite) {
        int met = added_meets_reads(x, ch, err);
        if (met <= 0)
            return met;
    }
    return conflict(err, x, ch, &append_kind, "added rows to what was read: try the operation again");
}

static int check_domains(const struct lake_txn *x, const struct lake_change *ch, struct err *err)
{
    for (size_t i = 0; i < x->domain_count; i++)
        for (size_t k = 0; k < ch->domains.count; k++)
            if (str_eq(x->domains[i].name, ch->domains.items[k].key))
                return conflict(err, x, ch, &write_kind, "changed the same metadata domain");
    return 0;
}

static int check_winner(struct lake_txn *x, const struct lake_change *ch, struct err *err)
{
    if (check_apps(x, ch, err))
        return -1;
    if (!x->snap)
        return conflict(err, x, ch, &protocol_kind, "made the table");
    if (ch->sets_protocol)
        return conflict(err, x, ch, &protocol_kind, "changed the protocol");
    if (ch->sets_metadata)
        return conflict(err, x, ch, &metadata_kind, "changed schema or properties");
    if (removes_ours(x, ch))
        return conflict(err, x, ch, &delete_kind, "removed a file that is to be removed");
    if (check_adds(x, ch, err) || check_domains(x, ch, err))
        return -1;
    if (!changes_data(ch->removes, ch->remove_count))
        return 0;
    int met = x->read_all || x->overwrite ? 1 : x->read_count ? removed_meets_reads(x, ch, err) : 0;
    if (met < 0)
        return -1;
    if (met)
        return conflict(err, x, ch, &delete_read_kind, "removed rows of what was read");
    return 0;
}

/* What is numbered on from the winner's. */
static void follow(struct lake_txn *x, const struct lake_change *ch)
{
    struct err err;
    if (ch->timestamp_ms > x->last_ms)
        x->last_ms = ch->timestamp_ms;
    for (size_t i = 0; i < ch->domains.count; i++) {
        if (!str_eqz(ch->domains.items[i].key, ROW_TRACKING_DOMAIN))
            continue;
        const struct doc *d = doc_json(x->arena, NULL, ch->domains.items[i].value, &err);
        doc_i64(doc_get(d, "rowIdHighWaterMark"), &x->row_id_mark);
    }
}

int conflict_check(struct lake_txn *x, int64_t *next, struct err *err)
{
    struct arena *a = arena_new();
    struct lake_change *list;
    int64_t n = lake_changes(a, lake_table_dir(x->table), *next, INT64_MAX - 1, &list, err);
    int rc = n < 0 ? -1 : 0;
    for (int64_t i = 0; i < n && rc == 0; i++) {
        rc = check_winner(x, &list[i], err);
        follow(x, &list[i]);
    }
    if (rc == 0)
        *next += n;
    arena_free(a);
    return rc;
}
