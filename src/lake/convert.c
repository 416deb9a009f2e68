/* convert.c -- CONVERT: Parquet files that are there become a Delta table, version 0.
 *
 *     /data/day=2024-01-01/region=EU/part-0.parquet     partition columns day, region
 * Partition values stand in the folders' names, percent-encoded; __HIVE_DEFAULT_PARTITION__ is null. They are no
 * columns of the files: if they are, the folder's value is what is read. The other columns are those of all files
 * together, by name; a file may lack columns and nested fields, but has no other types than the table, for other
 * readers do not cast. Statistics are the number of rows, out of the footers; a later OPTIMIZE or rewrite has
 * the rest. */
#include "lake/place.h"
#include "lake/restore.h"
#include "lake/scan.h"
#include "lake/txn_int.h"

#define HIVE_NULL "__HIVE_DEFAULT_PARTITION__"
enum { BATCH = 512, TYPE_DEPTH = 100 };

struct converter {
    struct arena *arena;
    struct lake_txn *txn;
    struct duck_conn *conn;
    const char *dir;
    const struct lake_convert_opts *opts;
    struct store_entry *files;
    size_t count;
};

static int find_files(struct converter *v, struct err *err)
{
    struct store *s = store_shared(v->dir, err);
    int64_t n = s ? store_list(s, v->arena, &(struct store_list_opts){.look = true}, &v->files, err) : -1;
    for (int64_t i = 0; i < n; i++)
        if (str_ends_z(str_z(v->files[i].name), ".parquet") && !place_is_hidden(str_z(v->files[i].name)))
            v->files[v->count++] = v->files[i];
    if (n >= 0 && !v->count)
        return err_set(err, ERR_NOT_FOUND, "there is no Parquet file below '%s'", v->dir);
    return n < 0 ? -1 : 0;
}

static void put_list(struct converter *v, struct buf *sql, size_t from, size_t count)
{
    buf_char(sql, '[');
    for (size_t i = from; i < from + count && i < v->count; i++) {
        buf_z(sql, i > from ? ", " : "");
        lake_put_path(sql, str_z(place_join(v->arena, v->dir, v->files[i].name)));
    }
    buf_char(sql, ']');
}

static bool is_partition(const struct converter *v, struct str name)
{
    return v->opts->partition && type_field_find(v->opts->partition, name);
}

/* A column of Parquet files as one of a table; NULL: ERR_UNSUPPORTED, it would be read as something else. */
static const struct type *column_type(struct converter *v, const struct duck_result *d, size_t i, struct err *err)
{
    enum duck_type t = duck_col_type(d, i);
    struct str name = duck_col_name(d, i), text = duck_col_type_text(d, i);
    const struct type *type = NULL;
    if (t == DUCK_TIME || t == DUCK_UUID || t == DUCK_INTERVAL)
        err_set(err, ERR_UNSUPPORTED, "a Delta column of type %.*s", STR_ARGS(text));
    else
        type = type_read_duck(v->arena, text, err);
    if (!type)
        err_wrap(err, "the column '%.*s'", STR_ARGS(name));
    return type;
}

/* Columns of all files, then the partition columns. */
static const struct type *schema_of(struct converter *v, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT * FROM read_parquet(");
    put_list(v, &sql, 0, v->count);
    buf_z(&sql, ", union_by_name = true, hive_partitioning = false)");
    struct duck_result *d = duck_describe(v->conn, buf_view(&sql), err);
    buf_release(&sql);
    if (!d)
        return NULL;
    size_t n = 0, extra = v->opts->partition ? v->opts->partition->field_count : 0;
    struct type_field *fields = ARENA_ARRAY(v->arena, struct type_field, duck_cols(d) + extra);
    for (size_t i = 0; i < duck_cols(d); i++) {
        if (is_partition(v, duck_col_name(d, i)))
            continue;
        const struct type *t = column_type(v, d, i, err);
        if (!t) {
            duck_result_free(d);
            return NULL;
        }
        fields[n++] = (struct type_field){.name = str_copy(v->arena, duck_col_name(d, i)), .type = t, .nullable = true};
    }
    duck_result_free(d);
    for (size_t i = 0; i < extra; i++)
        fields[n++] = v->opts->partition->fields[i];
    return type_struct(v->arena, fields, n);
}

/* Is a file's type the table's, but for nested fields that the file lacks? */
static bool fits(const struct type *file, const struct type *table, int depth)
{
    if (file->kind != table->kind || depth > TYPE_DEPTH)
        return false;
    for (size_t i = 0; i < file->field_count; i++) {
        const struct type_field *f = type_field_find(table, file->fields[i].name);
        if (!f || !fits(file->fields[i].type, f->type, depth + 1))
            return false;
    }
    if (file->kind == TYPE_STRUCT)
        return true;
    if (file->element || file->key)
        return fits(file->element, table->element, depth + 1) && (!file->key || fits(file->key, table->key, depth + 1));
    return type_equal(file, table);
}

static int check_file(struct converter *v, struct str path, const struct type *schema, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT * FROM read_parquet(");
    lake_put_path(&sql, path);
    buf_z(&sql, ", hive_partitioning = false)");
    struct duck_result *d = duck_describe(v->conn, buf_view(&sql), err);
    buf_release(&sql);
    int rc = d ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < duck_cols(d); i++) {
        const struct type_field *f = type_field_find(schema, duck_col_name(d, i));
        if (!f || is_partition(v, f->name))
            continue;
        const struct type *t = column_type(v, d, i, err);
        rc = t ? 0 : -1;
        if (t && !fits(t, f->type, 0))
            rc = err_set(err, ERR_INPUT, "the column '%.*s' of '%.*s' is of type %.*s, in other files of another", STR_ARGS(f->name), STR_ARGS(path),
                         STR_ARGS(duck_col_type_text(d, i)));
    }
    duck_result_free(d);
    return rc;
}

/* One file of each footer's schema is looked at. */
static int check_types(struct converter *v, const struct type *schema, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT min(file_name) FROM (SELECT file_name, list((name, type, converted_type, scale, precision, num_children, logical_type)) AS said FROM parquet_schema(");
    put_list(v, &sql, 0, v->count);
    buf_z(&sql, ") GROUP BY ALL) GROUP BY said");
    struct duck_result *r = duck_query(v->conn, buf_view(&sql), err);
    buf_release(&sql);
    struct str *paths = ARENA_ARRAY(v->arena, struct str, v->count + 1);
    size_t n = 0;
    int got = r ? 1 : -1;
    while (got > 0 && (got = duck_next(r, err)) > 0)
        for (size_t i = 0; i < duck_rows(r); i++)
            paths[n++] = str_copy(v->arena, duck_text(r, 0, i));
    duck_result_free(r);
    for (size_t i = 0; i < n && got == 0; i++)
        got = check_file(v, paths[i], schema, err);
    return got;
}

/* The values that the folders of a path name, in the order of the partition columns. */
static int partition_of(struct converter *v, struct str path, struct lake_file *f, struct err *err)
{
    const struct type *p = v->opts->partition;
    struct str rest = path, part;
    size_t n = 0;
    f->partition.items = ARENA_ARRAY(v->arena, struct lake_pair, p ? p->field_count + 1 : 1);
    while (str_split(&rest, '/', &part) && rest.len) {
        int64_t eq = str_chr(part, '=');
        if (eq < 0)
            continue;
        struct str key = str_sub(part, 0, (size_t)eq), value = str_from(part, (size_t)eq + 1);
        if (!p || n >= p->field_count || !str_ieq(p->fields[n].name, key))
            return err_set(err, ERR_INPUT, "'%.*s' lies in a folder of '%.*s', which is %s partition column: give --partition-by with all of them, in their order, with types",
                           STR_ARGS(path), STR_ARGS(key), p ? "not the next" : "no");
        struct buf text;
        buf_init(&text);
        if (!percent_get(&text, value)) {
            buf_clear(&text);
            buf_str(&text, value);
        }
        bool is_null = str_eqz(buf_view(&text), HIVE_NULL) || !text.len;
        f->partition.items[n] = (struct lake_pair){p->fields[n].name, is_null ? STR("") : str_copy(v->arena, buf_view(&text)), is_null};
        buf_release(&text);
        n++;
    }
    f->partition.count = n;
    if (p && n != p->field_count)
        return err_set(err, ERR_INPUT, "'%.*s' lies in no folder of the partition column '%.*s'", STR_ARGS(path), STR_ARGS(p->fields[n].name));
    return 0;
}

/* Every value must be one of its column's type. */
static int check_values(struct converter *v, const struct lake_file *f, struct err *err)
{
    for (size_t i = 0; i < f->partition.count; i++) {
        const struct lake_pair *p = &f->partition.items[i];
        struct buf sql;
        bool found;
        int64_t ok = 0;
        if (p->is_null)
            continue;
        buf_init(&sql);
        buf_z(&sql, "SELECT CAST(TRY_CAST(");
        duck_quote_text(&sql, p->value);
        buf_z(&sql, " AS ");
        type_write_duck(&sql, v->opts->partition->fields[i].type);
        buf_z(&sql, ") IS NOT NULL AS BIGINT)");
        int rc = duck_scalar_i64(v->conn, buf_view(&sql), &ok, &found, err);
        buf_release(&sql);
        if (rc)
            return -1;
        if (!ok)
            return err_set(err, ERR_INPUT, "the partition value '%.*s' of '%.*s' is no %s", STR_ARGS(p->value), STR_ARGS(p->key),
                           type_kind_name(v->opts->partition->fields[i].type->kind));
    }
    return 0;
}

static int add_batch(struct converter *v, size_t from, struct lake_restored *out, struct err *err)
{
    struct buf sql, text;
    struct map *rows = map_new(), *checked = map_new();
    int rc = 0, got;
    buf_init(&sql);
    buf_init(&text);
    buf_z(&sql, "SELECT file_name, num_rows FROM parquet_file_metadata(");
    put_list(v, &sql, from, BATCH);
    buf_char(&sql, ')');
    struct duck_result *r = duck_query(v->conn, buf_view(&sql), err);
    for (got = r ? 1 : -1; got > 0 && (got = duck_next(r, err)) > 0;)
        for (size_t i = 0; i < duck_rows(r); i++)
            map_put(rows, duck_text(r, 0, i), (void *)(uintptr_t)(duck_i64(r, 1, i) + 1));
    duck_result_free(r);
    rc = got;
    for (size_t i = from; i < v->count && i < from + BATCH && rc == 0; i++) {
        struct lake_file f = {.size = v->files[i].size, .modified_ms = v->files[i].mtime_us / 1000, .data_change = true, .version = -1};
        f.rows = (int64_t)(uintptr_t)map_get(rows, str_z(place_join(v->arena, v->dir, v->files[i].name))) - 1;
        struct str folder = path_dir(str_z(v->files[i].name));
        rc = partition_of(v, str_z(v->files[i].name), &f, err);
        if (rc == 0 && !map_put(checked, folder, (void *)1))
            rc = check_values(v, &f, err);
        buf_clear(&text);
        percent_put(&text, str_z(v->files[i].name), "/=");
        f.path = str_copy(v->arena, buf_view(&text));
        if (f.rows >= 0)
            f.stats = LAKE_STATS(str_fmt(v->arena, "{\"numRecords\":%jd}", (intmax_t)f.rows));
        lake_txn_add_file(v->txn, &f);
        out->added++;
        out->added_bytes += f.size;
    }
    map_free(rows);
    map_free(checked);
    buf_release(&sql);
    buf_release(&text);
    return rc;
}

static int create(struct converter *v, struct err *err)
{
    const struct type *schema = schema_of(v, err), *p = v->opts->partition;
    if (!schema || check_types(v, schema, err))
        return -1;
    size_t n = p ? p->field_count : 0;
    struct str *names = ARENA_ARRAY(v->arena, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        names[i] = p->fields[i].name;
    return lake_txn_create(v->txn, &(struct lake_spec){.schema = schema, .partition_columns = names, .partition_count = n, .properties = v->opts->properties}, err);
}

int lake_convert(struct lake_table *t, struct duck_conn *c, const struct lake_convert_opts *o, struct lake_restored *out, struct err *err)
{
    static const struct lake_convert_opts none;
    struct converter v = {.arena = arena_new(), .conn = c, .dir = lake_table_dir(t), .opts = o ? o : &none};
    *out = (struct lake_restored){};
    int rc = lake_is_table(v.dir) ? err_set(err, ERR_EXISTS, "'%s' is a Delta table already", v.dir) : find_files(&v, err);
    if (rc == 0 && store_is_remote(str_z(v.dir)))
        rc = err_set(err, ERR_UNSUPPORTED, "CONVERT of a folder in an object store: '%s'", v.dir);
    v.txn = rc == 0 ? lake_txn_begin(t, c, err) : NULL;
    if (rc == 0)
        rc = v.txn ? create(&v, err) : -1;
    for (size_t from = 0; from < v.count && rc == 0; from += BATCH)
        rc = add_batch(&v, from, out, err);
    if (rc == 0) {
        struct doc *p = doc_new_object(v.arena);
        doc_set(v.arena, p, STR("numFiles"), doc_new_i64(v.arena, out->added));
        doc_set(v.arena, p, STR("collectStats"), doc_new_bool(v.arena, false));
        doc_set(v.arena, p, STR("sourceFormat"), doc_new_str(v.arena, STR("parquet")));
        lake_txn_info(v.txn, "CONVERT", p, NULL);
        rc = lake_txn_commit(v.txn, &out->version, err);
    }
    lake_txn_end(v.txn);
    arena_free(v.arena);
    return rc;
}
