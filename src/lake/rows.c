/* rows.c -- writing a SELECT's rows as data files of the table.
 *
 * One COPY writes them all: files roll at the target size, or one per partition folder. Each is
 * named part-<i>-<mark>-<uuid>.parquet, the mark being this COPY's; partition folders are spelled by DuckDB (name=value, escaped) and
 * percent-encoded once more in add.path, as the protocol wants a URI. Columns are cast to the
 * table's types, NOT NULL is checked in the statement itself, so nothing reads the rows twice. A
 * COPY of no rows leaves a file of no rows, which is deleted. Files are fsynced here, their folders
 * at commit. */
#include "lake/txn_int.h"
#include "base/code.h"
#include <stdio.h>
#include <string.h>

enum { DEFAULT_FILE_BYTES = 128 << 20, MAX_FILE_BYTES = 1 << 30, ROW_GROUP_ROWS = 1 << 20 };

static struct str property(const struct lake_txn *x, const char *key)
{
    for (size_t i = 0; i < x->meta.properties.count; i++)
        if (str_ieqz(x->meta.properties.items[i].key, key))
            return x->meta.properties.items[i].value;
    return STR_NONE;
}

/* ---- columns */

static const struct type *select_schema(struct lake_txn *x, const struct duck_result *d, struct err *err)
{
    size_t n = duck_cols(d);
    struct type_field *fields = ARENA_ARRAY(x->arena, struct type_field, n);
    for (size_t i = 0; i < n; i++) {
        fields[i].name = str_copy(x->arena, duck_col_name(d, i));
        fields[i].nullable = true;
        fields[i].type = duck_col_type(d, i) == DUCK_NULL ? type_of(TYPE_NULL)
                                                          : type_read_duck(x->arena, duck_col_type_text(d, i), err);
        if (!fields[i].type)
            return NULL;
    }
    return type_struct(x->arena, fields, n);
}

static int64_t select_column(const struct duck_result *d, struct str name)
{
    for (size_t i = 0; i < duck_cols(d); i++)
        if (str_ieq(duck_col_name(d, i), name))
            return (int64_t)i;
    return -1;
}

static int refuse_extra(const struct lake_txn *x, const struct duck_result *d, struct err *err)
{
    for (size_t i = 0; i < duck_cols(d); i++)
        if (!type_field_find(x->meta.schema, duck_col_name(d, i)))
            return err_set(err, ERR_INPUT, "the table '%s' has no column '%.*s': allow schema evolution (mergeSchema) or leave it out",
                           lake_table_dir(x->table), STR_ARGS(duck_col_name(d, i)));
    return 0;
}

static int settle_schema(struct lake_txn *x, const struct duck_result *d, const struct lake_write_opts *o, struct err *err)
{
    if (x->meta.schema && !(o && o->merge_schema))
        return refuse_extra(x, d, err);
    const struct type *rows = select_schema(x, d, err);
    if (!rows)
        return -1;
    if (!x->meta.schema)
        return lake_txn_create(x, &(struct lake_spec){.schema = rows, .properties = x->meta.properties}, err);
    struct type_field *fresh = ARENA_ARRAY(x->arena, struct type_field, rows->field_count);
    size_t n = 0; /* columns that are there are cast to their type, whatever theirs here */
    for (size_t i = 0; i < rows->field_count; i++)
        if (!type_field_find(x->meta.schema, rows->fields[i].name))
            fresh[n++] = rows->fields[i];
    return n ? lake_txn_add_columns(x, type_struct(x->arena, fresh, n), err) : 0;
}

static void put_not_null(struct buf *sql, struct str name, struct str column)
{
    struct buf message;
    buf_init(&message);
    buf_printf(&message, "NULL in the column '%.*s', which is NOT NULL", STR_ARGS(name));
    buf_printf(sql, "CASE WHEN %.*s IS NULL THEN error(", STR_ARGS(column));
    duck_quote_text(sql, buf_view(&message));
    buf_printf(sql, ") ELSE %.*s END", STR_ARGS(column));
    buf_release(&message);
}

static void put_column(struct buf *sql, const struct type_field *f, struct str source)
{
    struct buf column;
    buf_init(&column);
    if (source.ptr) {
        buf_z(&column, "q.");
        duck_quote_ident(&column, source);
    } else {
        buf_z(&column, "NULL");
    }
    buf_z(sql, "CAST(");
    if (f->nullable)
        buf_str(sql, buf_view(&column));
    else
        put_not_null(sql, f->name, buf_view(&column));
    buf_z(sql, " AS ");
    type_write_duck(sql, f->type);
    buf_z(sql, ") AS ");
    duck_quote_ident(sql, f->name);
    buf_release(&column);
}

static void put_select(const struct lake_txn *x, struct buf *sql, const struct duck_result *d, struct str select_sql)
{
    bool any = false;
    buf_z(sql, "SELECT ");
    for (size_t i = 0; i < x->meta.schema->field_count; i++) {
        const struct type_field *f = &x->meta.schema->fields[i];
        int64_t at = select_column(d, f->name);
        if (f->type->kind == TYPE_NULL) /* void is never in a file */
            continue;
        buf_z(sql, any ? ", " : "");
        put_column(sql, f, at < 0 ? STR_NONE : duck_col_name(d, (size_t)at));
        any = true;
    }
    buf_printf(sql, " FROM (%.*s\n) q", STR_ARGS(select_sql));
}

/* ---- COPY */

static int64_t file_bytes(const struct lake_txn *x, const struct lake_write_opts *o)
{
    int64_t n;
    if (o && o->target_file_bytes > 0)
        return o->target_file_bytes;
    if (str_i64(property(x, "delta.targetFileSize"), &n) && n > 0 && n <= MAX_FILE_BYTES)
        return n;
    return DEFAULT_FILE_BYTES;
}

static const char *codec(const struct lake_txn *x)
{
    static const char *const known[] = {"snappy", "zstd", "gzip", "lz4", "uncompressed"};
    struct str v = property(x, "delta.parquet.compression.codec");
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_ieqz(v, known[i]))
            return known[i];
    return "snappy";
}

static void put_copy(const struct lake_txn *x, struct buf *sql, const struct lake_write_opts *o, const char *mark)
{
    buf_z(sql, ") TO ");
    duck_quote_text(sql, str_z(lake_table_dir(x->table)));
    buf_printf(sql, " (FORMAT parquet, COMPRESSION %s, RETURN_STATS, APPEND true, FILENAME_PATTERN 'part-{i}-%s-{uuid}', ROW_GROUP_SIZE %d",
               codec(x), mark, ROW_GROUP_ROWS);
    if (!x->meta.partition_count)
        buf_printf(sql, ", FILE_SIZE_BYTES %jd", (intmax_t)file_bytes(x, o));
    for (size_t i = 0; i < x->meta.partition_count; i++) {
        buf_z(sql, i ? ", " : ", PARTITION_BY (");
        duck_quote_ident(sql, x->meta.partition_columns[i]);
    }
    buf_z(sql, x->meta.partition_count ? "))" : ")");
}

/* ---- what COPY returns: filename, count, file_size_bytes, footer_size_bytes, column_statistics, partition_keys */

enum { COL_FILE, COL_ROWS, COL_SIZE, COL_FOOTER, COL_STATS, COL_KEYS };

static struct doc *json_at(struct arena *a, const struct duck_result *r, size_t col, size_t row, struct err *err)
{
    struct buf b;
    buf_init(&b);
    duck_render(r, col, row, DUCK_AS_JSON, &b);
    struct doc *d = doc_json(a, NULL, buf_view(&b), err);
    buf_release(&b);
    return d;
}

static void fill_partition(struct lake_txn *x, const struct doc *keys, struct lake_file *f)
{
    f->partition.items = ARENA_ARRAY(x->arena, struct lake_pair, x->meta.partition_count);
    f->partition.count = x->meta.partition_count;
    for (size_t i = 0; i < x->meta.partition_count; i++) {
        struct str name = x->meta.partition_columns[i];
        const struct type_field *field = type_field_find(x->meta.schema, name);
        const struct doc *v = doc_iget(keys, name.ptr);
        struct lake_pair *p = &f->partition.items[i];
        p->key = name;
        p->is_null = !doc_is(v, DOC_STRING) || !v->text.len;
        p->value = p->is_null ? STR("") : stats_partition_value(x->arena, field->type, v->text);
    }
}

static int sync_file(const char *path, struct err *err)
{
    int fd = fs_open(path, FS_READ, err);
    if (fd < 0)
        return -1;
    int rc = fs_sync(fd, err);
    fs_close(fd);
    return rc;
}

static int take_file(struct lake_txn *x, const struct duck_result *r, size_t row, bool data_change, struct err *err)
{
    char *path = str_cz(x->arena, duck_text(r, COL_FILE, row));
    int64_t rows = duck_i64(r, COL_ROWS, row);
    x->written = arena_grow(x->arena, x->written, &x->written_cap, x->written_count + 1, sizeof *x->written);
    x->written[x->written_count++] = path;
    if (rows == 0)
        return fs_unlink(path, err);
    struct doc *stats = json_at(x->arena, r, COL_STATS, row, err);
    struct doc *keys = stats ? json_at(x->arena, r, COL_KEYS, row, err) : NULL;
    if (!keys || sync_file(path, err))
        return -1;
    struct lake_file f = {.size = duck_i64(r, COL_SIZE, row), .modified_ms = time_now_ms(), .data_change = data_change,
                          .rows = rows, .version = -1};
    fill_partition(x, keys, &f);
    struct buf text;
    buf_init(&text);
    int rc = stats_put(&text, x->meta.schema, &x->meta, rows, stats, err);
    f.stats = str_copy(x->arena, buf_view(&text));
    buf_clear(&text);
    size_t prefix = strlen(lake_table_dir(x->table)) + 1;
    percent_put(&text, str_z(path + prefix), "/=");
    f.path = str_copy(x->arena, buf_view(&text));
    buf_release(&text);
    if (rc == 0)
        lake_txn_add_file(x, &f);
    return rc;
}

/* A COPY that failed leaves files behind, which only its mark tells from others'. */
static void drop_marked(struct lake_txn *x, const char *mark)
{
    struct err err;
    char **paths;
    const char *dir = lake_table_dir(x->table);
    int64_t n = x->meta.partition_count ? fs_walk(x->arena, dir, &paths, &err) : fs_list(x->arena, dir, &paths, &err);
    for (int64_t i = 0; i < n; i++)
        if (strstr(paths[i], mark) && fs_unlink(path_join(x->arena, dir, paths[i]), &err))
            log_err(LOG_WARN, "lake", &err);
}

static int64_t copy_rows(struct lake_txn *x, struct str sql, const char *mark, bool data_change, struct err *err)
{
    struct duck_result *r = duck_query(x->conn, sql, err);
    if (!r) {
        drop_marked(x, mark);
        return -1;
    }
    int64_t rows = 0;
    int got;
    while ((got = duck_next(r, err)) > 0) {
        for (size_t i = 0; i < duck_rows(r) && got > 0; i++) {
            rows += duck_i64(r, COL_ROWS, i);
            if (take_file(x, r, i, data_change, err))
                got = -1;
        }
        if (got < 0)
            break;
    }
    duck_result_free(r);
    return got < 0 ? -1 : rows;
}

int64_t lake_txn_write(struct lake_txn *x, struct str select_sql, const struct lake_write_opts *o, struct err *err)
{
    struct duck_result *d = duck_describe(x->conn, select_sql, err);
    if (!d)
        return -1;
    int64_t rows = -1;
    char mark[20];
    struct buf sql;
    buf_init(&sql);
    snprintf(mark, sizeof mark, "%016jx", (uintmax_t)random_u64());
    if (settle_schema(x, d, o, err) == 0 && fs_mkdirs(lake_table_dir(x->table), err) == 0) {
        buf_z(&sql, "COPY (");
        put_select(x, &sql, d, select_sql);
        put_copy(x, &sql, o, mark);
        if (buf_check(&sql, "a COPY statement", err) == 0)
            rows = copy_rows(x, buf_view(&sql), mark, !(o && o->no_data_change), err);
    }
    buf_release(&sql);
    duck_result_free(d);
    return rows;
}
