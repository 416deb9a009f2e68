/* optimize.c -- OPTIMIZE and ZORDER BY.
 *
 * Bin-packing. Of each partition, files below the target size and files of whose rows more than
 * 5 % are deleted are taken in order of arrival into bins of at most the target size. A bin of one file
 * is left alone unless it has deleted rows, so that a second run finds nothing to do.
 *
 * ZORDER. All files of each partition are one set. Each row gets, for each of the k columns, its rank
 * among the set's rows as a number of `bits` bits (percent_rank: equal values have equal numbers, nulls
 * come first); the bits of the k numbers, interleaved from the highest on, are the row's place on the
 * Z curve:      a = a3 a2 a1 a0,  b = b3 b2 b1 b0   ->   a3 b3 a2 b2 a1 b1 a0 b0
 * Rows in order of that are cut into files of the target size. The order is made in a temporary table,
 * which DuckDB spills to disk, so that each file is a range of it whatever threads write it.
 * Each file carries the tag ORDER_TAG: the columns, and the id of the run that ordered its set. A partition
 * whose files all carry the same is in order, and left alone: rows that came or changed since are in files
 * without it. A table clustered by columns (the domain delta.clustering) is optimized by those. */
#include "lake/optimize.h"
#include "lake/history.h"
#include "lake/scan.h"
#include "lake/txn_int.h"

#define ORDER_TAG "paystreak.zorder"
enum { TARGET_BYTES = 256 << 20, DELETED_PERCENT = 5, KEY_BITS = 62, RANK_BITS = 16 };

struct bin { const struct lake_file **files; size_t count, cap; int64_t bytes, rows; bool deleted; };
struct bins { struct bin *items; size_t count, cap; };

struct job {
    struct arena *arena;
    struct lake_txn *txn;
    struct duck_conn *conn;
    const struct lake_snapshot *snap;
    const struct lake_optimize_opts *opts;
    struct lake_optimized *out;
    const struct str *order;
    size_t order_count;
    int64_t target;
};

static int64_t target_bytes(const struct lake_snapshot *s, const struct lake_optimize_opts *o)
{
    int64_t n = property_bytes(lake_property(s, "delta.targetFileSize"));
    return o->target_bytes > 0 ? o->target_bytes : n > 0 ? n : TARGET_BYTES;
}

static bool many_deleted(const struct lake_file *f)
{
    return f->dv.storage && (f->rows < 0 || f->dv.cardinality * 100 > (f->rows + f->dv.cardinality) * DELETED_PERCENT);
}

/* ---- which files */

static void bin_add(struct job *j, struct bin *b, const struct lake_file *f)
{
    b->files = arena_grow(j->arena, b->files, &b->cap, b->count + 1, sizeof *b->files);
    b->files[b->count++] = f;
    b->bytes += f->size;
    b->rows += f->rows > 0 ? f->rows : 0;
    b->deleted = b->deleted || many_deleted(f);
}

/* The open bin of a partition; a new one if `f` does not fit. */
static struct bin *bin_for(struct job *j, struct bins *bins, struct map *open, struct str key, const struct lake_file *f)
{
    size_t at = (size_t)(uintptr_t)map_get(open, key);
    bool fits = at && (j->order_count || bins->items[at - 1].bytes + f->size <= j->target);
    if (!at)
        j->out->partitions++;
    if (!fits) {
        bins->items = arena_grow(j->arena, bins->items, &bins->cap, bins->count + 1, sizeof *bins->items);
        at = ++bins->count;
        map_put(open, key, (void *)(uintptr_t)at);
    }
    return &bins->items[at - 1];
}

static void pack(struct job *j, struct bins *bins)
{
    struct map *open = map_new();
    struct buf key;
    buf_init(&key);
    for (size_t i = 0; i < j->snap->file_count; i++) {
        const struct lake_file *f = j->snap->files[i];
        if (j->opts->where && !lake_may_match(j->snap, f, j->opts->where))
            continue;
        j->out->considered++;
        if (!j->order_count && f->size >= j->target && !many_deleted(f))
            continue;
        buf_clear(&key);
        for (size_t k = 0; k < f->partition.count; k++) {
            const struct lake_pair *p = &f->partition.items[k];
            buf_printf(&key, "%zu:%.*s%c", p->value.len, STR_ARGS(p->value), p->is_null ? '!' : '=');
        }
        bin_add(j, bin_for(j, bins, open, buf_view(&key), f), f);
    }
    buf_release(&key);
    map_free(open);
}

/* The file's ORDER_TAG, empty if it has none. */
static struct str order_tag(struct arena *a, const struct lake_file *f)
{
    struct err err;
    if (str_find(f->extra, STR(ORDER_TAG)) < 0)
        return STR_NONE;
    const struct doc *extra = doc_json(a, NULL, str_fmt(a, "{%.*s}", STR_ARGS(str_from(f->extra, 1))), &err); /* ",\"k\":1" */
    return doc_str(doc_get_str(doc_get(extra, "tags"), STR(ORDER_TAG)), STR_NONE);
}

/* ["a","b"] */
static void put_order(const struct job *j, struct buf *out)
{
    for (size_t i = 0; i < j->order_count; i++) {
        buf_char(out, i ? ',' : '[');
        json_quote(out, j->order[i]);
    }
    buf_char(out, ']');
}

static bool in_order(const struct job *j, const struct bin *b)
{
    struct buf want;
    struct str first = order_tag(j->arena, b->files[0]);
    buf_init(&want);
    put_order(j, &want);
    bool same = str_starts(first, buf_view(&want));
    buf_release(&want);
    for (size_t i = 1; i < b->count && same; i++)
        same = str_eq(order_tag(j->arena, b->files[i]), first);
    return same;
}

static bool worth_it(const struct job *j, const struct bin *b)
{
    if (b->deleted || !j->order_count)
        return b->deleted || b->count > 1;
    return (b->count > 1 || b->bytes > j->target) && !in_order(j, b);
}

/* ---- rewriting */

static void note_removed(struct job *j, const struct bin *b)
{
    for (size_t i = 0; i < b->count; i++)
        lake_txn_remove(j->txn, b->files[i], false);
    j->out->removed += (int64_t)b->count;
    j->out->removed_bytes += b->bytes;
}

static int write_rows(struct job *j, struct str sql, int64_t bytes, struct err *err)
{
    struct lake_write_opts w = {.no_data_change = true, .target_file_bytes = bytes};
    return lake_txn_write(j->txn, sql, &w, err) < 0 ? -1 : 0;
}

static int join_files(struct job *j, const struct bin *b, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT * FROM ");
    int rc = lake_txn_scan(j->txn, b->files, b->count, &sql, err);
    if (rc == 0)
        rc = write_rows(j, buf_view(&sql), j->target * 2, err); /* one file: the bin is no larger than the target */
    buf_release(&sql);
    return rc;
}

static void put_path(struct buf *sql, const struct type *schema, struct str column)
{
    struct str part;
    if (type_field_find(schema, column)) {
        duck_quote_ident(sql, column);
        return;
    }
    for (bool first = true; str_split(&column, '.', &part); first = false) {
        buf_z(sql, first ? "" : ".");
        duck_quote_ident(sql, part);
    }
}

/* The interleaved bits of the ranks _lake_z0 … */
static void put_z(const struct job *j, struct buf *sql, int bits)
{
    size_t k = j->order_count;
    bool any = false;
    for (int bit = 0; bit < bits; bit++) {
        for (size_t c = 0; c < k; c++) {
            buf_printf(sql, "%s((_lake_z%zu >> %d) & 1) << %zu", any ? " | (" : "(", c, bit, (size_t)bit * k + (k - 1 - c));
            buf_char(sql, ')');
            any = true;
        }
    }
}

static int put_ordered(const struct job *j, const struct bin *b, const char *table, struct buf *sql, struct err *err)
{
    int bits = KEY_BITS / (int)j->order_count;
    bits = bits < RANK_BITS ? bits : RANK_BITS;
    buf_printf(sql, "CREATE OR REPLACE TEMP TABLE %s AS SELECT * EXCLUDE (", table);
    for (size_t c = 0; c < j->order_count; c++)
        buf_printf(sql, "%s_lake_z%zu", c ? ", " : "", c);
    buf_z(sql, "), row_number() OVER (ORDER BY ");
    put_z(j, sql, bits);
    buf_z(sql, ") AS _lake_zrow FROM (SELECT *");
    for (size_t c = 0; c < j->order_count; c++) {
        buf_z(sql, ", CAST(floor(percent_rank() OVER (ORDER BY ");
        put_path(sql, j->snap->schema, j->order[c]);
        buf_printf(sql, " NULLS FIRST) * %d) AS BIGINT) AS _lake_z%zu", (1 << bits) - 1, c);
    }
    buf_z(sql, " FROM ");
    if (lake_txn_scan(j->txn, b->files, b->count, sql, err))
        return -1;
    buf_char(sql, ')');
    return buf_check(sql, "an OPTIMIZE statement", err);
}

/* The files that were added from the `from`th on are one set. */
static void tag_added(struct job *j, size_t from)
{
    char id[UUID_TEXT];
    struct buf value, extra;
    buf_init(&value);
    buf_init(&extra);
    put_order(j, &value);
    buf_printf(&value, " %s", uuid_make(id));
    buf_z(&extra, ",\"tags\":{\"" ORDER_TAG "\":");
    json_quote(&extra, buf_view(&value));
    buf_char(&extra, '}');
    for (size_t i = from; i < j->txn->add_count; i++)
        j->txn->adds[i].extra = str_copy(j->txn->arena, buf_view(&extra));
    buf_release(&value);
    buf_release(&extra);
}

static int order_files(struct job *j, const struct bin *b, struct err *err)
{
    struct buf sql;
    bool found;
    size_t from = j->txn->add_count;
    int64_t rows = 0, files = (b->bytes + j->target - 1) / j->target;
    char *table = arena_printf(j->arena, "_zorder_%016jx", (uintmax_t)random_u64());
    buf_init(&sql);
    int rc = put_ordered(j, b, table, &sql, err);
    if (rc == 0)
        rc = duck_exec(j->conn, buf_view(&sql), err);
    if (rc == 0)
        rc = duck_scalar_i64(j->conn, str_fmt(j->arena, "SELECT count(*) FROM %s", table), &rows, &found, err);
    for (int64_t i = 0; i < files && rc == 0; i++) {
        buf_clear(&sql);
        buf_printf(&sql, "SELECT * EXCLUDE (_lake_zrow) FROM %s WHERE _lake_zrow > %jd AND _lake_zrow <= %jd ORDER BY _lake_zrow", table,
                   (intmax_t)(rows * i / files), (intmax_t)(rows * (i + 1) / files));
        rc = write_rows(j, buf_view(&sql), j->target * 8, err);
    }
    tag_added(j, from);
    struct err drop_err;
    if (duck_execf(j->conn, &drop_err, "DROP TABLE IF EXISTS %s", table))
        log_err(LOG_WARN, "lake", &drop_err);
    buf_release(&sql);
    return rc;
}

/* ---- checks */

static int check_where(const struct job *j, struct err *err)
{
    if (!j->opts->where || lake_partition_only(j->snap, j->opts->where))
        return 0;
    return err_set(err, ERR_INPUT, "OPTIMIZE takes a condition on the partition columns of '%s' only", j->snap->dir);
}

static const struct type *column_type(const struct type *t, struct str path)
{
    struct str part;
    const struct type_field *f = type_field_find(t, path);
    if (f)
        return f->type;
    while (t && t->kind == TYPE_STRUCT && str_split(&path, '.', &part)) {
        f = type_field_find(t, part);
        t = f ? f->type : NULL;
    }
    return t;
}

static int check_order(const struct job *j, struct err *err)
{
    if (j->order_count > LAKE_ZORDER_MAX)
        return err_set(err, ERR_INPUT, "ZORDER BY takes up to %d columns", LAKE_ZORDER_MAX);
    for (size_t i = 0; i < j->order_count; i++) {
        const struct type *t = column_type(j->snap->schema, j->order[i]);
        if (!t)
            return err_set(err, ERR_INPUT, "ZORDER BY: the table '%s' has no column '%.*s'", j->snap->dir, STR_ARGS(j->order[i]));
        if (lake_is_partition(j->snap, j->order[i]))
            return err_set(err, ERR_INPUT, "ZORDER BY: '%.*s' is a partition column, its values are apart already", STR_ARGS(j->order[i]));
        if (t->kind >= TYPE_ARRAY || t->kind == TYPE_NULL || t->kind == TYPE_BINARY)
            return err_set(err, ERR_INPUT, "ZORDER BY: '%.*s' is of type %s, which has no statistics to skip by", STR_ARGS(j->order[i]),
                           type_kind_name(t->kind));
    }
    return 0;
}

/* A table that is clustered is ordered by its own columns. */
static int clustering(struct job *j, struct err *err)
{
    struct str *names;
    size_t n = lake_clustering(j->arena, j->snap, &names);
    if (!n)
        return 0;
    if (j->order_count)
        return err_set(err, ERR_INPUT, "ZORDER BY: the table '%s' is clustered by its own columns: OPTIMIZE does it", j->snap->dir);
    j->order = names;
    j->order_count = n < LAKE_ZORDER_MAX ? n : LAKE_ZORDER_MAX;
    return 0;
}

/* ---- all of it */

static void put_info(struct job *j)
{
    struct doc *p = doc_new_object(j->arena), *m = doc_new_object(j->arena), *z = doc_new_array(j->arena), *w = doc_new_array(j->arena);
    for (size_t i = 0; i < j->opts->zorder_count; i++)
        doc_push(j->arena, z, doc_new_str(j->arena, j->opts->zorder[i]));
    if (j->opts->where_text.len)
        doc_push(j->arena, w, doc_new_str(j->arena, j->opts->where_text));
    doc_set(j->arena, p, STR("predicate"), w);
    doc_set(j->arena, p, STR("zOrderBy"), z);
    doc_set(j->arena, p, STR("auto"), doc_new_bool(j->arena, false));
    doc_set(j->arena, m, STR("numRemovedBytes"), doc_new_i64(j->arena, j->out->removed_bytes));
    lake_txn_info(j->txn, "OPTIMIZE", p, m);
}

static int rewrite_all(struct job *j, struct err *err)
{
    struct bins bins = {};
    int64_t done = 0, total = 0;
    pack(j, &bins);
    for (size_t i = 0; i < bins.count; i++)
        total += worth_it(j, &bins.items[i]) ? (int64_t)bins.items[i].count : 0;
    for (size_t i = 0; i < bins.count; i++) {
        struct bin *b = &bins.items[i];
        if (!worth_it(j, b))
            continue;
        if (j->order_count ? order_files(j, b, err) : join_files(j, b, err))
            return -1;
        note_removed(j, b);
        done += (int64_t)b->count;
        if (j->opts->progress)
            j->opts->progress(j->opts->ctx, done, total);
    }
    return 0;
}

/* What the commit added, by looking at it. */
static int count_added(struct job *j, struct err *err)
{
    struct lake_change *ch;
    int64_t n = lake_changes(j->arena, j->snap->dir, j->out->version, j->out->version, &ch, err);
    for (size_t i = 0; n > 0 && i < ch->add_count; i++) {
        j->out->added++;
        j->out->added_bytes += ch->adds[i].size;
    }
    return n < 0 ? -1 : 0;
}

int lake_optimize(struct lake_table *t, struct duck_conn *c, const struct lake_optimize_opts *o, struct lake_optimized *out, struct err *err)
{
    static const struct lake_optimize_opts none;
    struct job j = {.arena = arena_new(), .conn = c, .opts = o ? o : &none, .out = out};
    int rc = -1;
    *out = (struct lake_optimized){};
    j.order = j.opts->zorder;
    j.order_count = j.opts->zorder_count;
    j.txn = lake_txn_begin(t, c, err);
    j.snap = j.txn ? lake_txn_snapshot(j.txn) : NULL;
    if (j.txn && !j.snap)
        err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(t));
    if (j.snap && check_where(&j, err) == 0 && clustering(&j, err) == 0 && check_order(&j, err) == 0) {
        j.target = target_bytes(j.snap, j.opts);
        out->version = j.snap->version;
        rc = rewrite_all(&j, err);
    }
    if (rc == 0 && out->removed) {
        put_info(&j);
        rc = lake_txn_commit(j.txn, &out->version, err);
        if (rc == 0)
            rc = count_added(&j, err);
    }
    lake_txn_end(j.txn);
    arena_free(j.arena);
    return rc;
}
