/* rows.c -- writing a SELECT's rows as data files of the table, or as change data files.
 *
 * One COPY writes them all: files roll at the target size, or one per partition folder. Each is
 * named part-<i>-<mark>-<uuid>.parquet (cdc-… below _change_data), the mark being this COPY's; partition folders are spelled by
 * DuckDB (name=value, escaped) and percent-encoded once more in add.path, as the protocol wants a URI. What is cast, computed
 * and checked on the way is constraint.c's, in the statement itself, so nothing reads the rows twice. Columns get their
 * physical names and field ids here (mapping.c). A COPY of no rows leaves a file of no rows, which is deleted. Files and their
 * folders are fsynced at commit, all at once. */
#include "base/code.h"
#include "lake/schema.h"
#include "lake/variant_write.h"
#include <stdio.h>
#include <string.h>

enum { DEFAULT_FILE_BYTES = 128 << 20, MAX_FILE_BYTES = 1 << 30, ROW_GROUP_ROWS = 122880 };

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

static int refuse_extra(const struct lake_txn *x, const struct duck_result *d, const struct rows_opts *o, struct err *err)
{
    for (size_t i = 0; i < duck_cols(d); i++)
        if (!(o->row_ids && str_starts_z(duck_col_name(d, i), "_lake_row_")) && !type_field_find(x->meta.schema, duck_col_name(d, i)))
            return err_set(err, ERR_INPUT, "the table '%s' has no column '%.*s': allow schema evolution (mergeSchema) or leave it out",
                           lake_table_dir(x->table), STR_ARGS(duck_col_name(d, i)));
    return 0;
}

static int settle_schema(struct lake_txn *x, const struct duck_result *d, const struct rows_opts *o, struct err *err)
{
    if (o->dml || (x->meta.schema && !o->pub.merge_schema))
        return o->dml ? 0 : refuse_extra(x, d, o, err);
    const struct type *rows = select_schema(x, d, err);
    if (!rows)
        return -1;
    if (!x->meta.schema)
        return lake_txn_create(x, &(struct lake_spec){.schema = rows, .properties = x->meta.properties}, err);
    return schema_grow(x, rows, err); /* columns that are there are cast to their type, unless they widen */
}

/* A VARIANT in Parquet's binary form. DuckDB's own has one null, and doubles for JSON's decimals: JSON is turned by us. */
static void put_variant(struct buf *sql, const char *expr, bool json)
{
    buf_printf(sql, "CASE WHEN %s IS NULL THEN NULL ELSE ", expr);
    if (json)
        buf_printf(sql, "struct_pack(metadata := " LAKE_VARIANT_NAMES_FUNCTION "(CAST(%s AS VARCHAR)), \"value\" := " LAKE_VARIANT_VALUE_FUNCTION "(CAST(%s AS VARCHAR))) END",
                   expr, expr);
    else
        buf_printf(sql, "struct_pack(metadata := CAST(variant_to_parquet_variant(CAST(%s AS VARIANT)) AS STRUCT(metadata BLOB, \"value\" BLOB)).metadata, \"value\" := "
                   LAKE_VARIANT_MEND_FUNCTION "(CAST(variant_to_parquet_variant(CAST(%s AS VARIANT)) AS STRUCT(metadata BLOB, \"value\" BLOB)).\"value\")) END", expr, expr);
}

/* A column of the table out of the SELECT's column `at`, or (-1) its default. A cast costs time even where it changes nothing. */
static int put_value(struct lake_txn *x, struct buf *sql, const struct duck_result *d, int64_t at, const struct type_field *f, struct err *err)
{
    struct buf type;
    int rc = 0;
    buf_init(&type);
    if (f->type->kind == TYPE_VARIANT) {
        if (at >= 0)
            duck_quote_ident(&type, duck_col_name(d, (size_t)at));
        else
            rc = default_put(x, f, &type, err);
        put_variant(sql, type.ptr, at >= 0 && duck_col_is_json(d, (size_t)at));
        buf_release(&type);
        return rc;
    }
    type_write_duck(&type, f->type);
    bool same = at >= 0 && duck_col_is(d, (size_t)at, buf_view(&type));
    buf_z(sql, same ? "" : "CAST(");
    if (at >= 0) {
        buf_z(sql, "q.");
        duck_quote_ident(sql, duck_col_name(d, (size_t)at));
    } else {
        rc = default_put(x, f, sql, err);
    }
    if (!same)
        buf_printf(sql, " AS %.*s)", STR_ARGS(buf_view(&type)));
    buf_release(&type);
    return rc;
}

/* Layer w: what is given, cast; what is not, its default. */
static int put_given(struct lake_txn *x, struct buf *sql, const struct duck_result *d, const struct rows_opts *o, struct err *err)
{
    bool any = false;
    for (size_t i = 0; i < x->meta.schema->field_count; i++) {
        const struct type_field *f = &x->meta.schema->fields[i];
        int64_t at = select_column(d, f->name);
        if (f->type->kind == TYPE_NULL || (at < 0 && (field_is_generated(f) || field_is_identity(f))))
            continue; /* void is never in a file */
        bool explicit_ok = !field_is_identity(f) || o->dml || o->pub.no_data_change || doc_bool(doc_get(f->metadata, "delta.identity.allowExplicitInsert"), false);
        if (!explicit_ok)
            return err_set(err, ERR_INPUT, "[DELTA_IDENTITY_COLUMNS_EXPLICIT_INSERT_NOT_SUPPORTED] the column '%.*s' is GENERATED ALWAYS AS IDENTITY: "
                           "leave it out", STR_ARGS(f->name));
        buf_z(sql, any ? ", " : "");
        if (put_value(x, sql, d, at, f, err))
            return -1;
        buf_z(sql, " AS ");
        duck_quote_ident(sql, f->name);
        any = true;
    }
    static const char *const carried[] = {CHANGE_COLUMN, "_lake_row_id", "_lake_row_version"};
    const bool wanted[] = {o->kind == ROWS_CHANGES, o->row_ids, o->row_ids};
    for (size_t i = 0; i < COUNT_OF(carried); i++) {
        if (wanted[i])
            buf_printf(sql, "%sq.%s AS %s", any ? ", " : "", carried[i], carried[i]);
        any = any || wanted[i];
    }
    if (!any) /* a table of generated columns only */
        buf_z(sql, "1 AS _lake_none");
    return 0;
}

static void put_identity(struct lake_txn *x, struct buf *sql, const struct type_field *f, bool given)
{
    int64_t start = 1, step = 1, mark;
    doc_i64(doc_get(f->metadata, "delta.identity.start"), &start);
    doc_i64(doc_get(f->metadata, "delta.identity.step"), &step);
    if (!doc_i64(doc_get(f->metadata, "delta.identity.highWaterMark"), &mark))
        mark = start - step;
    struct buf column;
    buf_init(&column);
    buf_z(&column, "w.");
    duck_quote_ident(&column, f->name);
    if (given)
        buf_printf(sql, "CASE WHEN %s IS NOT NULL THEN %s ELSE ", column.ptr, column.ptr);
    buf_printf(sql, "CAST(%jd + %jd * (row_number() OVER (", (intmax_t)mark, (intmax_t)step);
    if (given)
        buf_printf(sql, "PARTITION BY %s IS NULL", column.ptr);
    buf_printf(sql, ")) AS BIGINT)%s", given ? " END" : "");
    x->identity_given = true;
    buf_release(&column);
}

/* Layer b: computed columns beside those of w. */
static int put_computed(struct lake_txn *x, struct buf *sql, const struct duck_result *d, const struct rows_opts *o, struct err *err)
{
    struct buf replaced;
    int rc = 0;
    buf_init(&replaced);
    buf_z(sql, "SELECT w.*");
    for (size_t i = 0; i < x->meta.schema->field_count && rc == 0; i++) {
        const struct type_field *f = &x->meta.schema->fields[i];
        bool given = select_column(d, f->name) >= 0;
        struct buf *to = given ? &replaced : sql;
        if (field_is_identity(f) && (!given || o->dml)) {
            buf_z(to, given ? (replaced.len ? ", " : "") : ", ");
            put_identity(x, to, f, given);
        } else if (field_is_generated(f) && (!given || o->dml)) { /* of ours: NULL is a value not given */
            buf_z(to, given ? (replaced.len ? ", coalesce(w." : "coalesce(w.") : ", ");
            if (given) {
                duck_quote_ident(to, f->name);
                buf_z(to, ", ");
            }
            buf_z(to, "CAST((");
            rc = expr_print(x, metadata_str(f, "delta.generationExpression"), "generated column", f->name, x->meta.schema, "w", to, err);
            buf_z(to, ") AS ");
            type_write_duck(to, f->type);
            buf_z(to, given ? "))" : ")");
        } else {
            continue;
        }
        buf_z(to, " AS ");
        duck_quote_ident(to, f->name);
    }
    if (replaced.len) { /* "SELECT w.* …" → "SELECT w.* REPLACE (…) …" */
        struct buf whole;
        buf_init(&whole);
        const char *star = strstr(sql->ptr, "SELECT w.*");
        size_t upto = (size_t)(star - sql->ptr) + sizeof "SELECT w.*" - 1;
        buf_str(&whole, str_sub(buf_view(sql), 0, upto));
        buf_printf(&whole, " REPLACE (%s)", replaced.ptr);
        buf_str(&whole, str_from(buf_view(sql), upto));
        buf_clear(sql);
        buf_str(sql, buf_view(&whole));
        buf_release(&whole);
    }
    buf_release(&replaced);
    return rc;
}

/* The SELECT's columns by name; their types do not matter. */
static const struct type *given_names(struct lake_txn *x, const struct duck_result *d)
{
    struct type_field *fields = ARENA_ARRAY(x->arena, struct type_field, duck_cols(d));
    for (size_t i = 0; i < duck_cols(d); i++)
        fields[i] = (struct type_field){.name = str_copy(x->arena, duck_col_name(d, i)), .type = type_of(TYPE_NULL), .nullable = true};
    return type_struct(x->arena, fields, duck_cols(d));
}

/* The outermost layer: checks, physical names. */
static int put_final(struct lake_txn *x, struct buf *sql, const struct duck_result *d, const struct rows_opts *o, struct err *err)
{
    bool any = false;
    const struct type *given = given_names(x, d);
    for (size_t i = 0; i < x->meta.schema->field_count; i++) {
        const struct type_field *f = &x->meta.schema->fields[i];
        struct buf column, physical;
        int rc = 0;
        if (f->type->kind == TYPE_NULL)
            continue;
        buf_init(&column);
        buf_init(&physical);
        buf_z(&column, "b.");
        duck_quote_ident(&column, f->name);
        mapping_put_physical(x->arena, &physical, &x->meta, f->type, column.ptr);
        buf_z(sql, any ? ", " : "");
        if (!any && o->kind == ROWS_DATA && !o->pub.no_data_change)
            rc = constraint_put_checks(x, sql, buf_view(&physical), given, err);
        else
            buf_str(sql, buf_view(&physical));
        buf_z(sql, " AS ");
        duck_quote_ident(sql, meta_physical(&x->meta, f));
        buf_release(&column);
        buf_release(&physical);
        any = true;
        if (rc)
            return -1;
    }
    if (o->kind == ROWS_CHANGES)
        buf_z(sql, ", b." CHANGE_COLUMN " AS " CHANGE_COLUMN);
    if (o->row_ids) {
        buf_z(sql, ", b._lake_row_id AS ");
        duck_quote_ident(sql, meta_property(&x->meta, "delta.rowTracking.materializedRowIdColumnName"));
        buf_z(sql, ", b._lake_row_version AS ");
        duck_quote_ident(sql, meta_property(&x->meta, "delta.rowTracking.materializedRowCommitVersionColumnName"));
    }
    return 0;
}

/* Are the rows to be written as they are given: nothing computed, nothing checked, no other names? */
static int is_plain(struct lake_txn *x, const struct duck_result *d, const struct rows_opts *o, bool *plain, struct err *err)
{
    struct buf checks;
    *plain = o->kind == ROWS_DATA && !o->row_ids && meta_mapping(&x->meta) == LAKE_MAP_NONE;
    for (size_t i = 0; i < x->meta.schema->field_count && *plain; i++) {
        const struct type_field *f = &x->meta.schema->fields[i];
        *plain = !field_is_generated(f) && !field_is_identity(f);
    }
    if (!*plain || o->pub.no_data_change)
        return 0;
    buf_init(&checks);
    int rc = constraint_put_checks(x, &checks, STR_NONE, given_names(x, d), err);
    *plain = checks.len == 0;
    buf_release(&checks);
    return rc;
}

/* One layer where that is enough: a statement's every layer is parsed and bound for each batch of rows. */
static int put_select(struct lake_txn *x, struct buf *sql, const struct duck_result *d, struct str select_sql, const struct rows_opts *o,
                      struct err *err)
{
    struct buf computed;
    bool plain;
    if (is_plain(x, d, o, &plain, err))
        return -1;
    if (plain) {
        buf_z(sql, "SELECT ");
        int rc = put_given(x, sql, d, o, err);
        buf_printf(sql, " FROM (%.*s\n) q", STR_ARGS(select_sql));
        return rc;
    }
    buf_init(&computed);
    buf_z(sql, "SELECT ");
    int rc = put_final(x, sql, d, o, err);
    if (rc == 0)
        rc = put_computed(x, &computed, d, o, err);
    buf_printf(sql, " FROM (%s FROM (SELECT ", computed.ptr);
    if (rc == 0)
        rc = put_given(x, sql, d, o, err);
    buf_printf(sql, " FROM (%.*s\n) q) w) b", STR_ARGS(select_sql));
    buf_release(&computed);
    return rc;
}

/* ---- COPY */

int64_t property_bytes(struct str v)
{
    int64_t n;
    size_t digits = 0;
    while (digits < v.len && v.ptr[digits] >= '0' && v.ptr[digits] <= '9')
        digits++;
    struct str unit = str_trim(str_from(v, digits));
    int shift = str_ieqz(str_sub(unit, 0, 1), "k") ? 10 : str_ieqz(str_sub(unit, 0, 1), "m") ? 20 : str_ieqz(str_sub(unit, 0, 1), "g") ? 30 : 0;
    return str_i64(str_sub(v, 0, digits), &n) && n > 0 && n <= (int64_t)1 << 40 >> shift ? n << shift : 0;
}

static int64_t file_bytes(const struct lake_txn *x, const struct lake_write_opts *o)
{
    int64_t n;
    if (o->target_file_bytes > 0)
        return o->target_file_bytes;
    n = property_bytes(meta_property(&x->meta, "delta.targetFileSize"));
    if (n > 0 && n <= MAX_FILE_BYTES)
        return n;
    return DEFAULT_FILE_BYTES;
}

static const char *codec(const struct lake_txn *x)
{
    static const char *const known[] = {"snappy", "zstd", "gzip", "lz4", "uncompressed"};
    struct str v = meta_property(&x->meta, "delta.parquet.compression.codec");
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_ieqz(v, known[i]))
            return known[i];
    return "snappy";
}

static void put_copy(const struct lake_txn *x, struct buf *sql, const struct rows_opts *o, const char *dir, const char *mark)
{
    buf_z(sql, ") TO ");
    duck_quote_text(sql, str_z(dir));
    buf_printf(sql, " (FORMAT parquet, COMPRESSION %s, RETURN_STATS, APPEND true, FILENAME_PATTERN '%s-{i}-%s-{uuid}', ROW_GROUP_SIZE %d",
               codec(x), o->kind == ROWS_CHANGES ? "cdc" : "part", mark, ROW_GROUP_ROWS);
    mapping_put_field_ids(sql, &x->meta);
    if (!x->meta.partition_count)
        buf_printf(sql, ", FILE_SIZE_BYTES %jd", (intmax_t)file_bytes(x, &o->pub));
    for (size_t i = 0; i < x->meta.partition_count; i++) {
        buf_z(sql, i ? ", " : ", PARTITION_BY (");
        duck_quote_ident(sql, meta_physical(&x->meta, type_field_find(x->meta.schema, x->meta.partition_columns[i])));
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
        struct lake_pair *p = &f->partition.items[i];
        p->key = meta_physical(&x->meta, field);
        const struct doc *v = doc_get_str(keys, p->key);
        p->is_null = !doc_is(v, DOC_STRING) || !v->text.len;
        p->value = p->is_null ? STR("") : stats_partition_value(x->arena, field->type, v->text);
    }
}

void txn_wrote(struct lake_txn *x, char *path)
{
    x->written = arena_grow(x->arena, x->written, &x->written_cap, x->written_count + 1, sizeof *x->written);
    x->written[x->written_count++] = path;
}

static int take_file(struct lake_txn *x, const struct duck_result *r, size_t row, const struct rows_opts *o, struct err *err)
{
    char *path = str_cz(x->arena, duck_text(r, COL_FILE, row));
    int64_t rows = duck_i64(r, COL_ROWS, row);
    if (rows == 0)
        return fs_unlink(path, err);
    txn_wrote(x, path);
    struct doc *stats = json_at(x->arena, r, COL_STATS, row, err);
    struct doc *keys = stats ? json_at(x->arena, r, COL_KEYS, row, err) : NULL;
    if (!keys)
        return -1;
    struct lake_file f = {.size = duck_i64(r, COL_SIZE, row), .modified_ms = time_now_ms(), .data_change = !o->pub.no_data_change,
                          .rows = rows, .version = -1};
    fill_partition(x, keys, &f);
    struct buf text;
    buf_init(&text);
    int rc = o->kind == ROWS_CHANGES ? 0 : stats_put(&text, x->meta.schema, &x->meta, rows, stats, err);
    f.stats = LAKE_STATS(str_copy(x->arena, buf_view(&text)));
    buf_clear(&text);
    size_t prefix = strlen(x->dir) + 1;
    percent_put(&text, str_z(path + prefix), "/=");
    f.path = str_copy(x->arena, buf_view(&text));
    buf_release(&text);
    if (rc == 0 && o->kind == ROWS_CHANGES) {
        x->changes.items = arena_grow(x->arena, x->changes.items, &x->changes.cap, x->changes.count + 1, sizeof *x->changes.items);
        x->changes.items[x->changes.count++] = f;
    } else if (rc == 0) {
        lake_txn_add_file(x, &f);
    }
    return rc;
}

/* A COPY that failed leaves files behind, which only its mark tells from others'. */
static void drop_marked(struct lake_txn *x, const char *dir, const char *mark)
{
    struct err err;
    char **paths;
    int64_t n = x->meta.partition_count ? fs_walk(x->arena, dir, &paths, &err) : fs_list(x->arena, dir, &paths, &err);
    for (int64_t i = 0; i < n; i++)
        if (strstr(paths[i], mark) && fs_unlink(path_join(x->arena, dir, paths[i]), &err))
            log_err(LOG_WARN, "lake", &err);
}

static int64_t copy_rows(struct lake_txn *x, struct str sql, const char *dir, const char *mark, const struct rows_opts *o, struct err *err)
{
    struct duck_result *r = duck_query(x->conn, sql, err);
    if (!r) {
        drop_marked(x, dir, mark);
        return -1;
    }
    int64_t rows = 0;
    int got;
    while ((got = duck_next(r, err)) > 0) {
        for (size_t i = 0; i < duck_rows(r) && got > 0; i++) {
            rows += duck_i64(r, COL_ROWS, i);
            if (take_file(x, r, i, o, err))
                got = -1;
        }
        if (got < 0)
            break;
    }
    duck_result_free(r);
    return got < 0 ? -1 : rows;
}

int64_t rows_write(struct lake_txn *x, struct str select_sql, const struct rows_opts *opts, struct err *err)
{
    struct rows_opts with = *opts, *o = &with;
    struct duck_result *d = duck_describe(x->conn, select_sql, err);
    if (!d)
        return -1;
    if (o->pub.no_data_change && select_column(d, STR("_lake_row_id")) >= 0) /* lake_txn_scan()'s */
        o->row_ids = true;
    int64_t rows = -1;
    char mark[20];
    struct buf sql;
    buf_init(&sql);
    snprintf(mark, sizeof mark, "%016jx", (uintmax_t)random_u64());
    const char *dir = o->kind == ROWS_CHANGES ? path_join(x->arena, x->dir, CHANGE_DIR) : x->dir;
    if (settle_schema(x, d, o, err) == 0 && fs_mkdirs(dir, err) == 0) {
        buf_z(&sql, "COPY (");
        if (put_select(x, &sql, d, select_sql, o, err) == 0) {
            put_copy(x, &sql, o, dir, mark);
            if (buf_check(&sql, "a COPY statement", err) == 0)
                rows = copy_rows(x, buf_view(&sql), dir, mark, o, err);
        }
    }
    buf_release(&sql);
    duck_result_free(d);
    return rows >= 0 && o->kind == ROWS_DATA && identity_settle(x, err) ? -1 : rows;
}

int64_t lake_txn_write(struct lake_txn *x, struct str select_sql, const struct lake_write_opts *o, struct err *err)
{
    return rows_write(x, select_sql, &(struct rows_opts){.pub = o ? *o : (struct lake_write_opts){}}, err);
}
