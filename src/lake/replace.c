/* replace.c -- the overwrites: all rows, the partitions that new rows are in, or the rows that meet a condition.
 *
 * replaceWhere deletes the rows that meet the condition (rewrite.c does it, as DELETE would) and writes the
 * new ones, each checked against the condition. Dynamic partition overwrite writes first and then removes the older files
 * whose partition values a new file has. What was read is, for the conflict rules, the same rows. */
#include "lake/dml_int.h"
#include "lake/schema.h"
#include <string.h>

/* ---- the SELECT, with its rows checked against the condition */

static void put_checked(struct buf *sql, struct str select_sql, const struct lake_replace *r)
{
    struct buf message;
    buf_init(&message);
    buf_printf(&message, "[DELTA_REPLACE_WHERE_MISMATCH] a row to be written is not one that replaceWhere names (%.*s)", STR_ARGS(r->where.text));
    buf_printf(sql, "SELECT t.* FROM (%.*s\n) t WHERE CASE WHEN (%.*s\n) THEN true ELSE error(", STR_ARGS(select_sql), STR_ARGS(r->where.duck));
    duck_quote_text(sql, buf_view(&message));
    buf_z(sql, ") END");
    buf_release(&message);
}

static int64_t replace_where(struct lake_txn *x, struct str select_sql, const struct lake_replace *r, struct err *err)
{
    struct lake_dml_metrics m;
    struct buf sql;
    if (lake_txn_delete(x, &r->where, &m, err))
        return -1;
    bool feed = dml_uses_feed(x) && x->changes.count;
    if (feed) { /* the rows are written twice, and must be the same both times */
        struct str rows = txn_temp(x, "new");
        if (duck_exec(x->conn, str_fmt(x->arena, "CREATE TEMP TABLE %.*s AS %.*s", STR_ARGS(rows), STR_ARGS(select_sql)), err))
            return -1;
        select_sql = str_fmt(x->arena, "SELECT * FROM %.*s", STR_ARGS(rows));
    }
    buf_init(&sql);
    put_checked(&sql, select_sql, r);
    x->own_metrics = false;
    int64_t rows = rows_write(x, buf_view(&sql), &(struct rows_opts){.pub.merge_schema = r->merge_schema}, err);
    if (rows >= 0 && feed) { /* there are change files already: the new rows must be in some too */
        struct buf changes;
        buf_init(&changes);
        buf_printf(&changes, "SELECT *, 'insert' AS " CHANGE_COLUMN " FROM (%s)", sql.ptr);
        if (rows_write(x, buf_view(&changes), &(struct rows_opts){.kind = ROWS_CHANGES, .dml = true}, err) < 0)
            rows = -1;
        buf_release(&changes);
    }
    buf_release(&sql);
    return rows;
}

/* ---- dynamic partitions */

static void partition_key(struct buf *key, const struct lake_file *f)
{
    buf_clear(key);
    for (size_t i = 0; i < f->partition.count; i++) {
        const struct lake_pair *p = &f->partition.items[i];
        bool null = p->is_null || !p->value.len;
        buf_printf(key, "%c%zu:%.*s", null ? '!' : '=', null ? 0 : p->value.len, null ? 0 : (int)p->value.len, null ? "" : p->value.ptr);
    }
}

/* The columns' order in partitionValues is each writer's own. */
static struct lake_file ordered(struct lake_txn *x, const struct lake_file *f)
{
    struct lake_file o = *f;
    o.partition.items = ARENA_ARRAY(x->arena, struct lake_pair, x->meta.partition_count);
    o.partition.count = x->meta.partition_count;
    for (size_t i = 0; i < x->meta.partition_count; i++) {
        const struct type_field *field = type_field_find(x->meta.schema, x->meta.partition_columns[i]);
        const struct lake_pair *p = lake_partition_value(f, meta_physical(&x->meta, field));
        o.partition.items[i] = p ? *p : (struct lake_pair){.is_null = true};
    }
    return o;
}

/* "p" IS NOT DISTINCT FROM CAST('v' AS …) AND … */
static void put_condition(struct lake_txn *x, struct buf *sql, const struct lake_file *f)
{
    for (size_t i = 0; i < f->partition.count; i++) {
        const struct type_field *field = type_field_find(x->meta.schema, x->meta.partition_columns[i]);
        const struct lake_pair *p = &f->partition.items[i];
        buf_z(sql, i ? " AND t." : "t.");
        duck_quote_ident(sql, field->name);
        buf_z(sql, " IS NOT DISTINCT FROM CAST(");
        if (p->is_null || !p->value.len)
            buf_z(sql, "NULL");
        else
            duck_quote_text(sql, p->value);
        buf_z(sql, " AS ");
        type_write_duck(sql, field->type);
        buf_char(sql, ')');
    }
}

static int64_t replace_partitions(struct lake_txn *x, struct str select_sql, const struct lake_replace *r, struct err *err)
{
    if (!x->meta.partition_count)
        return err_set(err, ERR_INPUT, "dynamic partition overwrite of the table '%s', which has no partitions", lake_table_dir(x->table));
    int64_t rows = rows_write(x, select_sql, &(struct rows_opts){.pub.merge_schema = r->merge_schema}, err);
    struct map *hit = map_new();
    struct buf key, condition;
    buf_init(&key);
    buf_init(&condition);
    for (size_t i = 0; i < x->add_count && rows >= 0; i++) {
        struct lake_file f = ordered(x, &x->adds[i]);
        partition_key(&key, &f);
        if (map_put(hit, buf_view(&key), (void *)1))
            continue;
        buf_z(&condition, condition.len ? " OR (" : "(");
        put_condition(x, &condition, &f);
        buf_char(&condition, ')');
    }
    for (size_t i = 0; i < x->snap->file_count && rows >= 0; i++) {
        struct lake_file f = ordered(x, x->snap->files[i]);
        partition_key(&key, &f);
        if (map_has(hit, buf_view(&key)))
            lake_txn_remove(x, x->snap->files[i], true);
    }
    if (condition.len)
        dml_read(x, buf_view(&condition));
    buf_release(&key);
    buf_release(&condition);
    map_free(hit);
    return rows;
}

/* ---- all */

static int new_schema(struct lake_txn *x, struct str select_sql, const struct lake_replace *r, struct err *err)
{
    struct duck_result *d = duck_describe(x->conn, select_sql, err);
    if (!d)
        return -1;
    size_t n = duck_cols(d);
    struct type_field *fields = ARENA_ARRAY(x->arena, struct type_field, n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        fields[i] = (struct type_field){.name = str_copy(x->arena, duck_col_name(d, i)), .nullable = true};
        fields[i].type = duck_col_type(d, i) == DUCK_NULL ? type_of(TYPE_NULL) : type_read_duck(x->arena, duck_col_type_text(d, i), err);
        rc = fields[i].type ? 0 : -1;
    }
    duck_result_free(d);
    if (rc)
        return -1;
    struct lake_spec spec = {.schema = type_struct(x->arena, fields, n), .properties = x->meta.properties, .name = x->meta.name,
                             .description = x->meta.description, .partition_columns = r->partition_columns, .partition_count = r->partition_count};
    if (!r->partition_columns) {
        spec.partition_columns = x->meta.partition_columns;
        spec.partition_count = x->meta.partition_count;
    }
    return lake_txn_create(x, &spec, err);
}

int64_t lake_txn_replace(struct lake_txn *x, struct str select_sql, const struct lake_replace *r, struct err *err)
{
    struct doc *parameters = doc_new_object(x->arena);
    int64_t rows;
    doc_set(x->arena, parameters, STR("mode"), doc_new_str(x->arena, STR("Overwrite")));
    if (r->mode != LAKE_REPLACE_ALL && !x->snap)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    if (r->mode != LAKE_REPLACE_ALL && r->overwrite_schema)
        return err_set(err, ERR_INPUT, "overwriteSchema goes with an overwrite of the whole table only");
    if (r->mode == LAKE_REPLACE_WHERE) {
        rows = replace_where(x, select_sql, r, err);
        doc_set(x->arena, parameters, STR("predicate"), doc_new_str(x->arena, dml_predicates(x->arena, r->where.text)));
    } else if (r->mode == LAKE_REPLACE_PARTITIONS) {
        rows = replace_partitions(x, select_sql, r, err);
        doc_set(x->arena, parameters, STR("partitionOverwriteMode"), doc_new_str(x->arena, STR("dynamic")));
    } else {
        lake_txn_overwrite(x);
        if (r->overwrite_schema && new_schema(x, select_sql, r, err))
            return -1;
        rows = rows_write(x, select_sql, &(struct rows_opts){.pub.merge_schema = r->merge_schema}, err);
    }
    if (rows >= 0)
        lake_txn_info(x, "WRITE", parameters, NULL);
    return rows;
}
