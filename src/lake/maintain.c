/* maintain.c -- compaction and vacuum.
 *
 * Compaction. Live files below the small size are grouped by their partition values; groups of enough
 * files are read in order through scan.c (which leaves deleted rows out) and written by the usual
 * transaction, whose removes and adds carry dataChange=false. Appends that land meanwhile are no
 * conflict; a remove of one of its files is.
 *
 * Vacuum. A file stays if it is live, if its remove is younger than the retention, if a live file's
 * deletion vector is in it, or if it is itself younger than the retention: that protects what
 * another writer is about to commit. Names are compared as local paths. A path that is logged whole may
 * spell the table's folder in another way (s3a for s3, through a symbolic link): of such a one the last
 * part counts, wherever it is found. */
#include "lake/maintain.h"
#include "lake/dv.h"
#include "lake/log_int.h"
#include "lake/scan.h"
#include <string.h>

enum { SMALL_BYTES = 16 << 20, MAX_BYTES = 1 << 30, MIN_FILES = 8, DEFAULT_RETENTION_DAYS = 7, DAY_MS = 86400000 };

/* ---- compaction */

struct bin { size_t count; };

static void partition_key(struct buf *key, const struct lake_file *f)
{
    buf_clear(key);
    for (size_t i = 0; i < f->partition.count; i++)
        buf_printf(key, "%zu:%.*s%c%zu:%.*s", f->partition.items[i].key.len, STR_ARGS(f->partition.items[i].key),
                   f->partition.items[i].is_null ? '!' : '=', f->partition.items[i].value.len,
                   STR_ARGS(f->partition.items[i].value));
}

static bool is_small(const struct lake_file *f, const struct lake_compact_opts *o)
{
    return f->size < (o && o->small_bytes ? o->small_bytes : SMALL_BYTES) && f->size >= (o ? o->min_bytes : 0);
}

/* Small files by partition, counted. */
static struct map *count_small(struct arena *a, const struct lake_snapshot *s, const struct lake_compact_opts *o)
{
    struct map *bins = map_new();
    struct buf key;
    buf_init(&key);
    for (size_t i = 0; i < s->file_count; i++) {
        if (!is_small(s->files[i], o))
            continue;
        partition_key(&key, s->files[i]);
        struct bin *b = map_get(bins, buf_view(&key));
        if (!b)
            map_put(bins, buf_view(&key), b = ARENA_NEW(a, struct bin));
        b->count++;
    }
    buf_release(&key);
    return bins;
}

static size_t choose(struct arena *a, const struct lake_snapshot *s, const struct lake_compact_opts *o,
                     const struct lake_file ***out)
{
    size_t min_files = o && o->min_files ? (size_t)o->min_files : MIN_FILES, n = 0;
    int64_t left = o && o->max_bytes ? o->max_bytes : MAX_BYTES;
    struct map *bins = count_small(a, s, o);
    struct buf key;
    buf_init(&key);
    *out = ARENA_ARRAY(a, const struct lake_file *, s->file_count);
    for (size_t i = 0; i < s->file_count && left > 0; i++) {
        if (!is_small(s->files[i], o))
            continue;
        partition_key(&key, s->files[i]);
        const struct bin *b = map_get(bins, buf_view(&key));
        if (b->count < min_files || b->count < 2)
            continue;
        (*out)[n++] = s->files[i];
        left -= s->files[i]->size;
    }
    buf_release(&key);
    map_free(bins);
    return n;
}

static int rewrite(struct lake_txn *x, const struct lake_file *const *files, size_t count, const struct lake_compact_opts *o,
                   struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT * FROM ");
    struct lake_write_opts w = {.no_data_change = true, .target_file_bytes = o ? o->target_bytes : 0};
    int rc = lake_txn_scan(x, files, count, &sql, err);
    if (rc == 0 && lake_txn_write(x, buf_view(&sql), &w, err) < 0)
        rc = -1;
    for (size_t i = 0; i < count; i++)
        lake_txn_remove(x, files[i], false);
    buf_release(&sql);
    return rc;
}

int64_t lake_compact(struct lake_table *t, struct duck_conn *c, const struct lake_compact_opts *o, struct err *err)
{
    struct lake_txn *x = lake_txn_begin(t, c, err);
    if (!x)
        return -1;
    const struct lake_snapshot *s = lake_txn_snapshot(x);
    struct arena *a = arena_new();
    const struct lake_file **files;
    int64_t version, n = s ? (int64_t)choose(a, s, o, &files) : 0;
    if (!s) {
        n = err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(t));
    } else if (n > 0) {
        lake_txn_info(x, "OPTIMIZE", NULL, NULL);
        if (rewrite(x, files, (size_t)n, o, err) || lake_txn_commit(x, &version, err))
            n = -1;
    }
    arena_free(a);
    lake_txn_end(x);
    return n;
}

int64_t lake_maintain(struct lake_table *t, struct duck_conn *c, struct err *err)
{
    static const int64_t levels[] = {0, 256 << 10, 4 << 20, 32 << 20};
    int64_t total = 0;
    struct lake_snapshot *s = lake_table_latest(t, c, err);
    if (!s)
        return -1;
    bool off = str_ieqz(lake_property(s, "delta.autoOptimize.autoCompact"), "false");
    lake_snapshot_unref(s);
    if (off)
        return 0;
    for (size_t i = 1; i < COUNT_OF(levels); i++) {
        struct err level_err;
        struct lake_compact_opts o = {.min_bytes = levels[i - 1], .small_bytes = levels[i], .min_files = LAKE_LEVEL_FILES};
        int64_t n = lake_compact(t, c, &o, &level_err);
        if (n < 0 && level_err.code != ERR_CONFLICT) {
            *err = level_err;
            return -1;
        }
        total += n > 0 ? n : 0;
    }
    return total;
}

/* ---- vacuum */

/* `keep` holds local paths and, of what is logged whole, last parts, which have no slash. */
static void keep_path(struct arena *a, struct map *keep, const char *dir, struct str logged)
{
    struct store_want w;
    struct str path = str_z(lake_file_path(a, dir, logged));
    map_put(keep, path, (void *)1);
    if (str_chr(logged, ':') > 0 || str_starts_z(logged, "/"))
        map_put(keep, path_base(place_want(a, dir, logged, -1, &w) ? str_z(w.name) : path), (void *)1);
}

static bool is_kept(struct arena *a, struct map *keep, const char *dir, const char *name)
{
    return map_has(keep, path_base(str_z(name))) || map_has(keep, str_z(place_join(a, dir, name)));
}

static void keep_file(struct arena *a, struct map *keep, const struct lake_snapshot *s, const struct lake_file *f)
{
    struct str vector;
    struct err err;
    keep_path(a, keep, s->dir, f->path);
    if (f->dv.storage && f->dv.storage != 'i' && lake_dv_file(a, &f->dv, &vector, &err) == 0)
        keep_path(a, keep, s->dir, vector);
}

/* All that must stay. Holds the table's lock while it looks at the tombstones. */
static struct map *kept(struct arena *a, struct lake_table *t, const struct lake_snapshot *s, int64_t removed_since_ms)
{
    struct map *keep = map_new();
    struct lake_file *f;
    for (size_t i = 0; i < s->file_count; i++)
        keep_file(a, keep, s, s->files[i]);
    pthread_mutex_lock(&t->lock);
    for (size_t at = 0; (f = file_index_next(&t->replay.files, &at));)
        keep_file(a, keep, s, f);
    for (size_t at = 0; (f = file_index_next(&t->replay.tombs, &at));)
        if (f->deleted_ms >= removed_since_ms)
            keep_file(a, keep, s, f);
    pthread_mutex_unlock(&t->lock);
    return keep;
}

/* Change data files are ours to delete: none is needed longer than the files they tell of. */
static bool is_hidden(struct str path)
{
    return place_is_hidden(str_starts_z(path, "_change_data/") ? str_from(path, sizeof "_change_data/" - 1) : path);
}

static int64_t sweep(struct arena *a, const char *dir, struct map *keep, int64_t before_us, bool dry_run, char ***out,
                     struct err *err)
{
    struct store_entry *list;
    struct store *s = store_shared(dir, err);
    int64_t n = s ? store_list(s, a, &(struct store_list_opts){.look = true}, &list, err) : -1, count = 0;
    size_t cap = 0;
    *out = NULL;
    for (int64_t i = 0; i < n; i++) {
        const char *name = list[i].name;
        if (is_hidden(str_z(name)) || is_kept(a, keep, dir, name) || list[i].mtime_us >= before_us)
            continue;
        if (!dry_run && store_remove(s, name, err))
            return -1;
        *out = arena_grow(a, *out, &cap, (size_t)count + 1, sizeof **out);
        (*out)[count++] = (char *)name;
    }
    return n < 0 ? -1 : count;
}

int64_t lake_vacuum(struct lake_table *t, struct duck_conn *c, const struct lake_vacuum_opts *o, struct arena *a, char ***paths,
                    struct err *err)
{
    struct lake_snapshot *s = lake_table_latest(t, c, err);
    char **found;
    if (!s)
        return -1;
    if (protocol_can_write(s, err)) {
        lake_snapshot_unref(s);
        return -1;
    }
    int64_t table_ms = lake_interval_ms(lake_property(s, "delta.deletedFileRetentionDuration"), (int64_t)DEFAULT_RETENTION_DAYS * DAY_MS);
    int64_t retention_ms = o && o->retention_ms >= 0 ? o->retention_ms : table_ms;
    if (o && o->check_retention && retention_ms < table_ms) {
        lake_snapshot_unref(s);
        return err_set(err, ERR_INPUT, "VACUUM with a retention of %jd hours, below the %jd hours of delta.deletedFileRetentionDuration: readers and writers at "
                       "work may lose files", (intmax_t)(retention_ms / 3600000), (intmax_t)(table_ms / 3600000));
    }
    int64_t before_ms = time_now_ms() - retention_ms;
    struct map *keep = kept(a, t, s, before_ms);
    int64_t n = sweep(a, s->dir, keep, before_ms * 1000, o && o->dry_run, &found, err);
    if (paths)
        *paths = found;
    map_free(keep);
    lake_snapshot_unref(s);
    return n;
}
