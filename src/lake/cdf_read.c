/* cdf_read.c -- the change data feed.
 *
 * What a commit did is told, in this order, by
 *   its cdc actions: files whose column _change_type says what each row is; its adds and removes are
 *     then only how the table came there, and are left out;
 *   else an add and a remove of the same path: the deletion vector changed. Rows that are deleted now
 *     and were not before are deletes, the other way round (RESTORE) inserts;
 *   else its other adds (inserts) and removes (deletes), less what their deletion vectors hide.
 * Adds and removes with dataChange=false (OPTIMIZE) move rows and change none.
 *
 * All versions of a kind are one scan, told apart by lake_file.version, so the text grows with the files
 * and not with the commits. Every row is read by the newest version's schema, with column mapping by that of
 * the last version of the range, as delta-spark does, which
 * each schema before must be compatible with: a column dropped or renamed, or with another type, is
 * refused, as other readers do. The feed must have been on in every version of the range, for a
 * commit made without it may have left rows' changes unrecorded. */
#include "lake/cdf_read.h"
#include "lake/dv.h"
#include "lake/log_int.h"
#include "lake/scan.h"

#define ENABLED "delta.enableChangeDataFeed"

struct files { const struct lake_file **items; size_t count, cap; };
struct pair { const struct lake_file *add, *removed; };

struct feed {
    struct arena *arena;
    struct lake_table *table;
    struct duck_conn *conn;
    struct lake_snapshot *end, *before; /* before: loaded when a remove does not say its partition */
    struct lake_change *changes;
    size_t change_count;
    struct files inserts, deletes, cdc;
    struct pair *pairs;
    size_t pair_count, pair_cap;
    struct map *known; /* path → the add that brought it, for removes without partition values */
    bool json_variants;
};

static void files_push(struct feed *f, struct files *to, const struct lake_file *file)
{
    to->items = arena_grow(f->arena, to->items, &to->cap, to->count + 1, sizeof *to->items);
    to->items[to->count++] = file;
}

/* ---- is the feed complete, and readable by one schema */

static bool enabled_in(struct lake_pairs properties)
{
    for (size_t i = 0; i < properties.count; i++)
        if (str_ieqz(properties.items[i].key, ENABLED))
            return str_ieqz(properties.items[i].value, "true");
    return false;
}

static bool widens(const struct lake_snapshot *end)
{
    for (size_t i = 0; i < end->reader_feature_count; i++)
        if (str_starts_z(end->reader_features[i], "typeWidening"))
            return true;
    return false;
}

static int check_schema(const struct feed *f, const struct type *then, int64_t version, struct err *err)
{
    const struct lake_snapshot *end = f->end;
    for (size_t i = 0; i < then->field_count; i++) {
        const struct type_field *old = &then->fields[i], *now = NULL;
        struct str physical = lake_physical_name(end, old);
        for (size_t k = 0; k < end->schema->field_count && !now; k++)
            if (str_ieq(lake_physical_name(end, &end->schema->fields[k]), physical))
                now = &end->schema->fields[k];
        bool same = now && str_ieq(now->name, old->name);
        bool nested = same && (now->type->kind == TYPE_STRUCT || now->type->element); /* may have grown inside */
        if (!same || (now->type->kind != old->type->kind && !widens(end)) ||
            (!nested && !widens(end) && !type_equal(now->type, old->type)))
            return err_set(err, ERR_UNSUPPORTED,
                           "the changes of '%s' from version %jd on: its column '%.*s' was %s after it; ask for a range that ends before",
                           end->dir, (intmax_t)version, STR_ARGS(old->name),
                           !now ? "dropped" : same ? "given another type" : "renamed");
    }
    return 0;
}

static int not_recorded(const struct feed *f, int64_t version, struct err *err)
{
    return err_set(err, ERR_INPUT, "the changes of '%s' were not recorded in version %jd: its property " ENABLED " was not true",
                   f->end->dir, (intmax_t)version);
}

static int check_range(struct feed *f, struct err *err)
{
    bool enabled = false;
    for (size_t i = 0; i < f->change_count; i++) {
        const struct lake_change *ch = &f->changes[i];
        if (ch->sets_metadata) {
            struct lake_meta m;
            if (action_meta(f->arena, ch->metadata, &m, err) || check_schema(f, m.schema, ch->version, err))
                return -1;
            enabled = enabled_in(m.properties);
        } else if (i == 0) {
            struct lake_snapshot *s = lake_table_at(f->table, f->conn, ch->version, err);
            int rc = s ? check_schema(f, s->schema, ch->version, err) : -1;
            enabled = s && enabled_in(s->properties);
            lake_snapshot_unref(s);
            if (rc)
                return -1;
        }
        if (!enabled)
            return not_recorded(f, ch->version, err);
    }
    return 0;
}

/* ---- which files tell what */

static struct str path_key(struct buf *key, const struct lake_file *file)
{
    struct lake_file plain = {.path = file->path};
    buf_clear(key);
    action_file_key(key, &plain);
    return buf_view(key);
}

static int load_known(struct feed *f, struct err *err)
{
    int64_t before = f->changes[0].version - 1;
    struct buf key;
    if (f->known)
        return 0;
    f->known = map_new();
    if (before >= 0 && !(f->before = lake_table_at(f->table, f->conn, before, err)))
        return -1;
    buf_init(&key);
    for (size_t i = 0; f->before && i < f->before->file_count; i++)
        map_put(f->known, path_key(&key, f->before->files[i]), f->before->files[i]);
    for (size_t i = 0; i < f->change_count; i++)
        for (size_t k = 0; k < f->changes[i].add_count; k++)
            map_put(f->known, path_key(&key, &f->changes[i].adds[k]), &f->changes[i].adds[k]);
    buf_release(&key);
    return 0;
}

/* A remove need not repeat the partition values of its add. */
static int fill_partition(struct feed *f, struct lake_file *removed, struct err *err)
{
    struct buf key;
    if (!f->end->partition_count || removed->partition.count)
        return 0;
    if (load_known(f, err))
        return -1;
    buf_init(&key);
    const struct lake_file *add = map_get(f->known, path_key(&key, removed));
    buf_release(&key);
    if (!add)
        return err_set(err, ERR_CORRUPT, "version %jd of '%s' removes '%.*s', which was never added", (intmax_t)removed->version,
                       f->end->dir, STR_ARGS(removed->path));
    removed->partition = add->partition;
    return 0;
}

static void pair_push(struct feed *f, const struct lake_file *add, const struct lake_file *removed)
{
    f->pairs = arena_grow(f->arena, f->pairs, &f->pair_cap, f->pair_count + 1, sizeof *f->pairs);
    f->pairs[f->pair_count++] = (struct pair){add, removed};
}

static int sort_change(struct feed *f, struct lake_change *ch, struct err *err)
{
    struct map *adds = map_new();
    struct buf key;
    int rc = 0;
    buf_init(&key);
    for (size_t i = 0; i < ch->cdc_count; i++)
        files_push(f, &f->cdc, &ch->cdc[i]);
    size_t add_count = ch->cdc_count ? 0 : ch->add_count, remove_count = ch->cdc_count ? 0 : ch->remove_count;
    for (size_t i = 0; i < add_count; i++)
        if (ch->adds[i].data_change)
            map_put(adds, path_key(&key, &ch->adds[i]), &ch->adds[i]);
    for (size_t i = 0; i < remove_count && rc == 0; i++) {
        if (!ch->removes[i].data_change)
            continue;
        struct lake_file *add = map_remove(adds, path_key(&key, &ch->removes[i]));
        if (add)
            pair_push(f, add, &ch->removes[i]);
        else if ((rc = fill_partition(f, &ch->removes[i], err)) == 0)
            files_push(f, &f->deletes, &ch->removes[i]);
    }
    struct str name;
    void *add;
    for (size_t at = 0; map_next(adds, &at, &name, &add);)
        files_push(f, &f->inserts, add);
    buf_release(&key);
    map_free(adds);
    return rc;
}

/* ---- text */

static void put_columns(const struct feed *f, struct buf *sql)
{
    for (size_t i = 0; i < f->end->schema->field_count; i++) {
        duck_quote_ident(sql, f->end->schema->fields[i].name);
        buf_z(sql, ", ");
    }
}

static int put_scan(const struct feed *f, struct buf *sql, const struct files *files, const char *type, struct err *err)
{
    struct lake_scan o = {.commit_version = true, .change_type = !type, .json_variants = f->json_variants};
    buf_z(sql, " UNION ALL SELECT ");
    put_columns(f, sql);
    buf_printf(sql, type ? "'%s' AS _change_type" : "_change_type", type);
    buf_z(sql, ", _commit_version FROM ");
    return lake_scan_files_sql(f->end, files->items, files->count, &o, sql, err);
}

static int put_dv_test(const struct feed *f, struct buf *sql, const struct lake_dv *dv, struct err *err)
{
    struct buf key;
    buf_init(&key);
    int rc = place_pin_vector(f->end->pins, f->end->dir, dv, err);
    if (rc == 0)
        rc = lake_dv_key(&key, f->end->dir, dv, err);
    buf_z(sql, LAKE_DV_FUNCTION "(");
    duck_quote_text(sql, buf_view(&key));
    buf_z(sql, ", _row)");
    buf_release(&key);
    return rc;
}

/* Rows of the pair's file that `in` holds and `out` does not. */
static int put_difference(const struct feed *f, struct buf *sql, const struct pair *p, const struct lake_dv *in, const struct lake_dv *out,
                          const char *type, struct err *err)
{
    struct lake_scan o = {.commit_version = true, .row_number = true, .json_variants = f->json_variants};
    struct lake_file *whole = arena_copy(f->arena, p->add, sizeof *p->add);
    whole->dv = (struct lake_dv){};
    if (!in->storage)
        return 0;
    buf_z(sql, " UNION ALL SELECT ");
    put_columns(f, sql);
    buf_printf(sql, "'%s' AS _change_type, _commit_version FROM ", type);
    if (lake_scan_files_sql(f->end, (const struct lake_file *const *)&whole, 1, &o, sql, err))
        return -1;
    buf_z(sql, " WHERE ");
    if (put_dv_test(f, sql, in, err))
        return -1;
    if (!out->storage)
        return 0;
    buf_z(sql, " AND NOT ");
    return put_dv_test(f, sql, out, err);
}

static int put_feed(const struct feed *f, struct buf *sql, struct err *err)
{
    buf_z(sql, "(SELECT ");
    put_columns(f, sql);
    buf_z(sql, "_change_type, _commit_version, make_timestamptz(_at) AS _commit_timestamp FROM (SELECT ");
    put_columns(f, sql);
    buf_z(sql, "NULL::VARCHAR AS _change_type, _commit_version FROM ");
    struct lake_scan none = {.commit_version = true, .json_variants = f->json_variants};
    if (lake_scan_files_sql(f->end, NULL, 0, &none, sql, err))
        return -1;
    if ((f->inserts.count && put_scan(f, sql, &f->inserts, "insert", err)) ||
        (f->deletes.count && put_scan(f, sql, &f->deletes, "delete", err)) || (f->cdc.count && put_scan(f, sql, &f->cdc, NULL, err)))
        return -1;
    for (size_t i = 0; i < f->pair_count; i++) {
        const struct pair *p = &f->pairs[i];
        if (put_difference(f, sql, p, &p->add->dv, &p->removed->dv, "delete", err) ||
            put_difference(f, sql, p, &p->removed->dv, &p->add->dv, "insert", err))
            return -1;
    }
    buf_z(sql, ") JOIN (VALUES ");
    for (size_t i = 0; i < f->change_count; i++)
        buf_printf(sql, "%s(%jd::BIGINT, %jd::BIGINT)", i ? ", " : "", (intmax_t)f->changes[i].version, (intmax_t)f->changes[i].timestamp_ms * 1000);
    buf_z(sql, ") times(_v, _at) ON _commit_version = _v)");
    return buf_check(sql, "a change feed's text", err);
}

static int load_range(struct feed *f, int64_t from, int64_t to, struct err *err)
{
    f->end = lake_table_latest(f->table, f->conn, err);
    if (!f->end)
        return -1;
    int64_t last = to < 0 ? f->end->version : to;
    if (last > f->end->version)
        return err_set(err, ERR_NOT_FOUND, "the table '%s' has no version %jd", f->end->dir, (intmax_t)last);
    if (from < 0 || from > last)
        return err_set(err, ERR_INPUT, "the changes of '%s' from version %jd to %jd: the range is empty", f->end->dir, (intmax_t)from, (intmax_t)last);
    if (f->end->mapping != LAKE_MAP_NONE && last < f->end->version) {
        lake_snapshot_unref(f->end);
        f->end = lake_table_at(f->table, f->conn, last, err);
        if (!f->end)
            return -1;
    }
    int64_t n = lake_changes(f->arena, f->end->dir, from, last, &f->changes, err);
    if (n < 0)
        return -1;
    f->change_count = (size_t)n;
    if (n != last - from + 1)
        return err_set(err, ERR_NOT_FOUND, "commit %jd of '%s' is gone from the log: its changes cannot be told", (intmax_t)(from + n),
                       f->end->dir);
    return 0;
}

int lake_cdf_sql(struct lake_table *t, struct duck_conn *c, int64_t from, int64_t to, bool json_variants, struct buf *sql,
                 struct lake_snapshot **schema_of, struct err *err)
{
    struct feed f = {.arena = arena_new(), .table = t, .conn = c, .json_variants = json_variants};
    int rc = load_range(&f, from, to, err);
    if (rc == 0)
        rc = check_range(&f, err);
    for (size_t i = 0; i < f.change_count && rc == 0; i++)
        rc = sort_change(&f, &f.changes[i], err);
    if (rc == 0)
        rc = put_feed(&f, sql, err);
    if (rc == 0 && schema_of)
        *schema_of = lake_snapshot_ref(f.end);
    lake_snapshot_unref(f.end);
    lake_snapshot_unref(f.before);
    map_free(f.known);
    arena_free(f.arena);
    return rc;
}
