/* scan.c -- table files as text of a DuckDB relation.
 *
 * Every data column is read through read_parquet's `schema` map, keyed by the column's name in the
 * files: that casts files of an older, narrower type, gives NULL where a file lacks a column or a
 * nested field, and needs no look at the files to bind. Inside, columns are called c0, c1 …, so that
 * no column of the table can hide DuckDB's virtual `filename` and `file_row_number`.
 *
 *     (SELECT c0 AS "id", CAST('7' AS INTEGER) AS "p"
 *      FROM read_parquet(['/t/p=7/a.parquet'], schema = MAP {'id': {name: 'c0', type: 'BIGINT', default_value: NULL}})
 *      UNION ALL … )
 *
 * Files of the same values of the wanted partition columns form one arm, whose constants DuckDB
 * prunes by. Past MAX_ARMS values the files are joined by name with a list of their values instead.
 * Files with a deletion vector are always read that way, with the vector's key in the list: the
 * function lake_dv(key, row) says whether a row is deleted (dv.c).
 * VARIANT. Files of older writers hold the struct {metadata, value} without Parquet's annotation, and
 * DuckDB then sees a plain struct. Their footers tell, so tables with such columns are asked for them;
 * those files are arms of their own, read as structs and decoded by variant_bytes_to_variant(). A shredded
 * one DuckDB can only put together if it is annotated: it is given a copy with another footer.
 * Column mapping by id. Files name their columns as the table's physical names do, but for those of other
 * origin (Iceberg), where only the field ids in the footer tell. Those files are read by id.
 * Dates before 1582-10-15. Spark before 3.0, and later versions if asked to, wrote days of the Julian
 * calendar under Gregorian numbers, and say so in the footer. A file that may hold such a day (by its
 * statistics, or for want of them: inside arrays and maps) is asked, and its days are moved to those of the
 * same name: by +2 days in the first century to -10 in the sixteenth. Timestamps move alike, in UTC. Of a
 * file that says it was written in another zone, timestamps before 1900 would move by that zone's local times
 * too: it is refused.
 * A path is given to DuckDB with its glob characters in brackets. */
#include "lake/scan.h"
#include "lake/dv.h"
#include "lake/log_int.h"
#include "lake/place.h"
#include "lake/parquet_footer.h"
#include "lake/skip.h"
#include <pthread.h>
#include <string.h>

enum { MAX_ARMS = 64, MAX_DEPTH = 100 };

struct out_col {
    const struct type_field *field;
    struct str physical;
    bool partition, is_void;
};

struct plan {
    struct arena *arena;
    const struct lake_snapshot *snap;
    const struct lake_scan *opts;
    struct out_col *cols;
    size_t count;
    bool mapped, json_variants;
    /* Of the arms that are being written, by what the files' footers say: */
    bool bare_variants;           /* variants are not annotated */
    bool julian_dates, julian_times;
    bool by_id;                   /* columns have other names: their field ids tell */
    struct map *copies;           /* logged path → an annotated copy of the file; NULL: none */
    struct buf *sql;
};

enum { FORM_BARE = 1, FORM_JULIAN_DATES = 2, FORM_JULIAN_TIMES = 4, FORM_BY_ID = 8, FORMS = 16 }; /* what is special about a file */

struct group { struct str key; const struct lake_file **files; size_t count, cap; };

/* ---- types and names */

/* Do values of `t` differ in names, form or calendar from those in files? */
static bool renamed(const struct plan *p, const struct type *t, int depth)
{
    if ((!p->mapped && !p->json_variants && !p->bare_variants && !p->julian_dates && !p->julian_times) || depth > MAX_DEPTH)
        return false;
    if (t->kind == TYPE_VARIANT)
        return p->json_variants || p->bare_variants;
    if (t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP)
        return t->kind == TYPE_DATE ? p->julian_dates : p->julian_times;
    for (size_t i = 0; i < t->field_count; i++)
        if (!str_eq(lake_physical_name(p->snap, &t->fields[i]), t->fields[i].name) ||
            renamed(p, t->fields[i].type, depth + 1))
            return true;
    return (t->element && renamed(p, t->element, depth + 1)) || (t->key && renamed(p, t->key, depth + 1));
}

/* The type with the names that files use. */
static void put_physical_type(const struct plan *p, struct buf *out, const struct type *t)
{
    if (!renamed(p, t, 0) || t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP) {
        type_write_duck(out, t);
        return;
    }
    if (t->kind == TYPE_STRUCT) {
        buf_z(out, "STRUCT(");
        for (size_t i = 0; i < t->field_count; i++) {
            buf_z(out, i ? ", " : "");
            duck_quote_ident(out, lake_physical_name(p->snap, &t->fields[i]));
            buf_char(out, ' ');
            put_physical_type(p, out, t->fields[i].type);
        }
        buf_char(out, ')');
    } else if (t->kind == TYPE_MAP) {
        buf_z(out, "MAP(");
        put_physical_type(p, out, t->key);
        buf_z(out, ", ");
        put_physical_type(p, out, t->element);
        buf_char(out, ')');
    } else if (t->kind == TYPE_VARIANT) {
        buf_z(out, p->bare_variants ? "STRUCT(metadata BLOB, \"value\" BLOB)" : "VARIANT");
    } else {
        put_physical_type(p, out, t->element);
        buf_z(out, "[]");
    }
}

/* A date or timestamp of the Julian calendar as the day of the same name. */
static void put_moved(struct buf *out, const char *expr, bool date)
{
    static const struct { int before, days; } shifts[] = { /* numbers of days since 1970-01-01 at which the calendars part by one more */
        {-682945, 2}, {-646420, 1}, {-609895, 0}, {-536845, -1}, {-500320, -2}, {-463795, -3}, {-390745, -4},
        {-354220, -5}, {-317695, -6}, {-244645, -7}, {-208120, -8}, {-171595, -9}, {-141427, -10}};
    const char *type = date ? "DATE" : "TIMESTAMPTZ", *epoch = date ? "DATE '1970-01-01'" : "TIMESTAMPTZ '1970-01-01 00:00:00+00'";
    buf_z(out, "CASE");
    for (size_t i = 0; i < COUNT_OF(shifts); i++)
        buf_printf(out, " WHEN %s < %s + INTERVAL (%d) DAY THEN CAST(%s + INTERVAL (%d) DAY AS %s)", expr, epoch, shifts[i].before, expr, shifts[i].days, type);
    buf_printf(out, " ELSE %s END", expr);
}

/* `expr` of the physical type as an expression of the logical one. */
static void put_renamed(const struct plan *p, struct buf *out, const struct type *t, const char *expr, int depth)
{
    if (!renamed(p, t, 0)) {
        buf_z(out, expr);
        return;
    }
    char *var = arena_printf(p->arena, "x%d", depth);
    if (t->kind == TYPE_STRUCT) {
        buf_printf(out, "CASE WHEN %s IS NULL THEN NULL ELSE struct_pack(", expr);
        for (size_t i = 0; i < t->field_count; i++) {
            struct buf inner;
            buf_init(&inner);
            buf_printf(&inner, "(%s).", expr);
            duck_quote_ident(&inner, lake_physical_name(p->snap, &t->fields[i]));
            buf_z(out, i ? ", " : "");
            duck_quote_ident(out, t->fields[i].name);
            buf_z(out, " := ");
            put_renamed(p, out, t->fields[i].type, arena_strdup(p->arena, inner.ptr), depth + 1);
            buf_release(&inner);
        }
        buf_z(out, ") END");
    } else if (t->kind == TYPE_MAP) {
        buf_printf(out, "map_from_entries(list_transform(map_entries(%s), lambda %s: struct_pack(k := ", expr, var);
        put_renamed(p, out, t->key, arena_printf(p->arena, "%s.key", var), depth + 1);
        buf_z(out, ", v := ");
        put_renamed(p, out, t->element, arena_printf(p->arena, "%s.value", var), depth + 1);
        buf_z(out, ")))");
    } else if (t->kind == TYPE_VARIANT) {
        const char *variant = p->bare_variants ? arena_printf(p->arena, "variant_bytes_to_variant((%s).metadata || (%s).\"value\")", expr, expr) : expr;
        buf_printf(out, p->json_variants ? "CAST(%s AS JSON)" : "%s", variant);
    } else if (t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP) {
        put_moved(out, expr, t->kind == TYPE_DATE);
    } else {
        buf_printf(out, "list_transform(%s, lambda %s: ", expr, var);
        put_renamed(p, out, t->element, var, depth + 1);
        buf_char(out, ')');
    }
}

void lake_put_path(struct buf *out, struct str path)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < path.len; i++) {
        if (strchr("*?[", path.ptr[i]) && path.ptr[i])
            buf_printf(&b, "[%c]", path.ptr[i]);
        else
            buf_char(&b, path.ptr[i]);
    }
    duck_quote_text(out, buf_view(&b));
    buf_release(&b);
}

/* ---- partition values */

/* A logged partition value as SQL text, NULL for none. */
static void put_value(struct buf *out, const struct lake_file *f, const struct out_col *c)
{
    const struct lake_pair *v = lake_partition_value(f, c->physical);
    if (!v || v->is_null || !v->value.len)
        buf_z(out, "NULL");
    else
        duck_quote_text(out, v->value);
}

/* `text_expr` (a VARCHAR expression) as the column's type. */
static void put_cast(struct buf *out, const char *text_expr, const struct type *t)
{
    if (t->kind == TYPE_BINARY) {
        buf_printf(out, "encode(%s)", text_expr);
    } else if (t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR) {
        buf_printf(out, "CAST(%s AS VARCHAR)", text_expr);
    } else {
        buf_printf(out, "CAST(%s AS ", text_expr);
        type_write_duck(out, t);
        buf_char(out, ')');
    }
}

static void put_null(struct buf *out, const struct type *t)
{
    buf_z(out, "CAST(NULL AS ");
    type_write_duck(out, t);
    buf_char(out, ')');
}

/* ---- arms */

/* A column's id in column mapping, 0 if it has none. */
static int64_t field_id(const struct type_field *f)
{
    int64_t id = 0;
    doc_i64(doc_get(f->metadata, "delta.columnMapping.id"), &id);
    return id;
}

/* What DuckDB reads a file from. */
static const char *local_path(const struct plan *p, const struct lake_file *f)
{
    const char *copy = p->copies ? map_get(p->copies, f->path) : NULL;
    return copy ? copy : lake_file_path(p->arena, p->snap->dir, f->path);
}

static void put_files(const struct plan *p, const struct lake_file *const *files, size_t count)
{
    bool any = false;
    struct buf *sql = p->sql;
    buf_z(sql, "read_parquet([");
    for (size_t i = 0; i < count; i++) {
        buf_z(sql, i ? ", " : "");
        lake_put_path(sql, str_z(local_path(p, files[i])));
    }
    buf_z(sql, "], schema = MAP {");
    for (size_t i = 0; i < p->count; i++) {
        if (p->cols[i].partition || p->cols[i].is_void)
            continue;
        struct buf type;
        buf_init(&type);
        put_physical_type(p, &type, p->cols[i].field->type);
        buf_z(sql, any ? ", " : "");
        if (p->by_id)
            buf_printf(sql, "%jd", (intmax_t)field_id(p->cols[i].field));
        else
            duck_quote_text(sql, p->cols[i].physical);
        buf_printf(sql, ": {name: 'c%zu', type: ", i);
        duck_quote_text(sql, buf_view(&type));
        buf_z(sql, ", default_value: NULL}");
        buf_release(&type);
        any = true;
    }
    if (p->opts && p->opts->change_type) {
        buf_printf(sql, "%s'_change_type': {name: '__change', type: 'VARCHAR', default_value: NULL}", any ? ", " : "");
        any = true;
    }
    if (!any) /* the map cannot be empty */
        buf_z(sql, p->by_id ? "2147483647: {name: '__none', type: 'BOOLEAN', default_value: NULL}" : "'__none': {name: '__none', type: 'BOOLEAN', default_value: NULL}");
    buf_z(sql, "})");
}

/* CHAR(n) reads as n characters, as Spark pads it; files hold it as it was written. The expression
 * stands in the text from `from` on. */
static void pad_char(const struct plan *p, size_t from, int length)
{
    char *expr = arena_strdup(p->arena, p->sql->ptr + from);
    p->sql->ptr[p->sql->len = from] = '\0';
    buf_printf(p->sql, "CASE WHEN length(%s) < %d THEN rpad(%s, %d, ' ') ELSE %s END", expr, length, expr, length, expr);
}

/* The select list. `f`: partition values are constants of this file; NULL: columns v0, v1 … */
static void put_list(const struct plan *p, const struct lake_file *f)
{
    struct buf *sql = p->sql;
    for (size_t i = 0; i < p->count; i++) {
        const struct out_col *c = &p->cols[i];
        buf_z(sql, i ? ", " : "");
        size_t from = sql->len;
        if (c->is_void) {
            put_null(sql, c->field->type);
        } else if (c->partition && f) {
            struct buf v;
            buf_init(&v);
            put_value(&v, f, c);
            put_cast(sql, v.ptr, c->field->type);
            buf_release(&v);
        } else if (c->partition) {
            put_cast(sql, arena_printf(p->arena, "v.v%zu", i), c->field->type);
        } else {
            put_renamed(p, sql, c->field->type, arena_printf(p->arena, "c%zu", i), 0);
        }
        if (c->field->type->kind == TYPE_CHAR)
            pad_char(p, from, c->field->type->precision);
        buf_z(sql, " AS ");
        duck_quote_ident(sql, c->field->name);
    }
    const char *comma = p->count ? ", " : "";
    if (p->opts && p->opts->file_path) {
        buf_printf(sql, "%sr.filename AS _file", comma);
        comma = ", ";
    }
    if (p->opts && p->opts->row_number) {
        buf_printf(sql, "%sr.file_row_number AS _row", comma);
        comma = ", ";
    }
    if (p->opts && p->opts->change_type) {
        buf_printf(sql, "%sr.__change AS _change_type", comma);
        comma = ", ";
    }
    if (p->opts && p->opts->commit_version)
        buf_printf(sql, f ? "%s%jd::BIGINT AS _commit_version" : "%sv.version AS _commit_version", comma,
                   f ? (intmax_t)f->version : 0);
}

static void put_plain_arm(const struct plan *p, const struct lake_file *const *files, size_t count)
{
    buf_z(p->sql, "SELECT ");
    put_list(p, files[0]);
    buf_z(p->sql, " FROM ");
    put_files(p, files, count);
    buf_z(p->sql, " r");
}

/* Files joined with what differs between them: name, version, deletion vector, partition values. */
static int put_joined_arm(const struct plan *p, const struct lake_file *const *files, size_t count, bool dvs,
                          struct err *err)
{
    struct buf *sql = p->sql;
    buf_z(sql, "SELECT ");
    put_list(p, NULL);
    buf_z(sql, " FROM ");
    put_files(p, files, count);
    buf_z(sql, " r JOIN (VALUES ");
    for (size_t i = 0; i < count; i++) {
        buf_z(sql, i ? ", (" : "(");
        duck_quote_text(sql, str_z(local_path(p, files[i])));
        buf_printf(sql, ", %jd::BIGINT, ", (intmax_t)files[i]->version);
        if (dvs) {
            struct buf key;
            buf_init(&key);
            int rc = lake_dv_key(&key, p->snap->dir, &files[i]->dv, err);
            duck_quote_text(sql, buf_view(&key));
            buf_release(&key);
            if (rc)
                return -1;
        } else {
            buf_z(sql, "NULL::VARCHAR");
        }
        for (size_t k = 0; k < p->count; k++) {
            if (!p->cols[k].partition)
                continue;
            buf_z(sql, ", ");
            put_value(sql, files[i], &p->cols[k]);
        }
        buf_char(sql, ')');
    }
    buf_z(sql, ") v(file, version, dv");
    for (size_t k = 0; k < p->count; k++)
        if (p->cols[k].partition)
            buf_printf(sql, ", v%zu", k);
    buf_z(sql, ") ON r.filename = v.file");
    if (dvs)
        buf_z(sql, " WHERE NOT " LAKE_DV_FUNCTION "(v.dv, r.file_row_number)");
    return 0;
}

static void group_key(const struct plan *p, const struct lake_file *f, struct buf *key)
{
    buf_clear(key);
    for (size_t i = 0; i < p->count; i++) {
        if (!p->cols[i].partition)
            continue;
        put_value(key, f, &p->cols[i]);
        buf_char(key, ',');
    }
    if (p->opts && p->opts->commit_version)
        buf_printf(key, "%jd", (intmax_t)f->version);
}

static size_t group_files(const struct plan *p, const struct lake_file *const *files, size_t count, struct group **out)
{
    struct map *by_key = map_new();
    struct buf key;
    size_t groups = 0, cap = 0;
    *out = NULL;
    buf_init(&key);
    for (size_t i = 0; i < count; i++) {
        group_key(p, files[i], &key);
        size_t at = (size_t)(uintptr_t)map_get(by_key, buf_view(&key));
        if (!at) {
            *out = arena_grow(p->arena, *out, &cap, groups + 1, sizeof **out);
            at = ++groups;
            map_put(by_key, buf_view(&key), (void *)(uintptr_t)at);
        }
        struct group *g = &(*out)[at - 1];
        g->files = arena_grow(p->arena, g->files, &g->cap, g->count + 1, sizeof *g->files);
        g->files[g->count++] = files[i];
    }
    buf_release(&key);
    map_free(by_key);
    return groups;
}

/* ---- variants that files do not call so */

static bool has_variant(const struct type *t, int depth)
{
    if (t->kind == TYPE_VARIANT || depth > MAX_DEPTH)
        return t->kind == TYPE_VARIANT;
    for (size_t i = 0; i < t->field_count; i++)
        if (has_variant(t->fields[i].type, depth + 1))
            return true;
    return (t->element && has_variant(t->element, depth + 1)) || (t->key && has_variant(t->key, depth + 1));
}

/* A folder of this process for annotated copies; gone with it. NULL on error. */
static const char *copies_dir(struct err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *dir;
    pthread_mutex_lock(&lock);
    if (!dir) {
        struct arena *a = arena_new();
        char *made = store_cache_stage(a, err);
        dir = made ? mem_strdup(made) : NULL;
        arena_free(a);
    }
    const char *got = dir;
    pthread_mutex_unlock(&lock);
    return got;
}

/* DuckDB puts a shredded variant together only if it is annotated: it gets a copy that is. */
static int annotate(struct plan *p, const struct lake_file *f, struct err *err)
{
    const char *dir = copies_dir(err), *path = lake_file_path(p->arena, p->snap->dir, f->path);
    char id[UUID_TEXT];
    if (p->opts && (p->opts->file_path || p->opts->row_number))
        return err_set(err, ERR_UNSUPPORTED, "changing rows of the file '%.*s', which has a shredded VARIANT without Parquet's annotation", STR_ARGS(f->path));
    if (!dir)
        return -1;
    char *copy = arena_printf(p->arena, "%s/%016jx-%jd.parquet", dir, (uintmax_t)str_hash(str_z(path)), (intmax_t)f->size);
    char *half = arena_printf(p->arena, "%s.%s", copy, uuid_make(id));
    if (!fs_exists(copy) && (parquet_annotate(path, half, err) || fs_rename(half, copy, err)))
        return -1;
    if (!p->copies)
        p->copies = map_new();
    map_put(p->copies, f->path, copy);
    return 0;
}

/* 1 if the file's variants are plain structs, 0 if not, -1 on error. */
static int is_bare(struct plan *p, const struct parquet_schema *s, const struct lake_file *f, struct err *err)
{
    bool bare = false, any_shredded = false, shredded;
    for (size_t i = 1; i < s->count; i++) {
        if (s->items[i].is_variant)
            return 0;
        if (!parquet_is_bare_variant(s, i, &shredded))
            continue;
        bare = true;
        any_shredded = any_shredded || shredded;
    }
    return any_shredded ? annotate(p, f, err) : bare;
}

/* ---- dates of the Julian calendar */

/* Conditions for a file that may hold values whose reading depends on the calendar. */
struct olds {
    struct arena *arena;
    const struct type *schema;
    enum type_kind kind;          /* TYPE_DATE or TYPE_TIMESTAMP */
    const struct lake_predicate **items;
    size_t count, cap;
};

/* `path` names the value to the statistics; ptr NULL: they have none for it. */
static void find_olds(struct olds *o, const struct type *t, struct str path, int depth)
{
    static const struct str day = {"1582-10-15", 10}, time = {"1900-01-01", 10};
    if (depth > MAX_DEPTH)
        return;
    if (t->kind == o->kind) {
        struct lake_predicate *p = ARENA_NEW(o->arena, struct lake_predicate);
        *p = (struct lake_predicate){.op = path.ptr ? LAKE_LT : LAKE_ANY, .column = path, .values = t->kind == TYPE_DATE ? &day : &time, .value_count = 1};
        o->items = arena_grow(o->arena, o->items, &o->cap, o->count + 1, sizeof *o->items);
        o->items[o->count++] = p;
    }
    for (size_t i = 0; i < t->field_count; i++) {
        struct str name = t->fields[i].name, inner = STR_NONE;
        if (path.ptr && (depth || str_chr(path, '.') < 0) && str_chr(name, '.') < 0)
            inner = str_fmt(o->arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(name));
        find_olds(o, t->fields[i].type, inner.ptr && !type_field_find(o->schema, inner) ? inner : STR_NONE, depth + 1);
    }
    if (t->element)
        find_olds(o, t->element, STR_NONE, depth + 1);
    if (t->key)
        find_olds(o, t->key, STR_NONE, depth + 1);
}

/* Sets `form` in the forms of the files that may hold values of the kind before the calendars, and zones, agree. */
static void mark_old(const struct plan *p, const struct lake_file *const *files, size_t count, enum type_kind kind, uint8_t form, uint8_t *forms)
{
    struct olds o = {.arena = p->arena, .schema = p->snap->schema, .kind = kind};
    for (size_t i = 0; i < p->count; i++)
        if (!p->cols[i].partition)
            find_olds(&o, p->cols[i].field->type, p->cols[i].field->name, 0);
    struct lake_predicate any = {.op = LAKE_OR, .args = o.items, .arg_count = o.count};
    bool *may = ARENA_ARRAY(p->arena, bool, count + 1);
    if (o.count)
        lake_match_files(p->snap, files, count, &any, may);
    for (size_t i = 0; i < count; i++)
        forms[i] |= may[i] ? form : 0;
}

static bool has_int96(const struct parquet_schema *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].is_int96)
            return true;
    return false;
}

/* ---- columns by id */

static const struct type_field *field_by_id(const struct type *t, int64_t id, int depth)
{
    const struct type_field *found = NULL;
    for (size_t i = 0; i < t->field_count && !found && depth < MAX_DEPTH; i++)
        found = field_id(&t->fields[i]) == id ? &t->fields[i] : field_by_id(t->fields[i].type, id, depth + 1);
    if (!found && t->element && depth < MAX_DEPTH)
        found = field_by_id(t->element, id, depth + 1);
    if (!found && t->key && depth < MAX_DEPTH)
        found = field_by_id(t->key, id, depth + 1);
    return found;
}

static bool is_top(const struct type *schema, const struct type_field *f)
{
    return f >= schema->fields && f < schema->fields + schema->field_count;
}

/* 1 if the file's names are not the physical ones, 0 if they are, -1 ERR_UNSUPPORTED: nested ones. */
static int needs_ids(const struct plan *p, const struct parquet_schema *s, const struct lake_file *f, struct err *err)
{
    bool differs = false;
    for (size_t i = 1; i < s->count; i++) {
        const struct type_field *field = s->items[i].field_id > 0 ? field_by_id(p->snap->schema, s->items[i].field_id, 0) : NULL;
        if (!field || str_eq(lake_physical_name(p->snap, field), s->items[i].name))
            continue;
        if (!is_top(p->snap->schema, field))
            return err_set(err, ERR_UNSUPPORTED, "the file '%.*s' calls the nested field '%.*s' '%.*s': column mapping by id of nested fields",
                           STR_ARGS(f->path), STR_ARGS(field->name), STR_ARGS(s->items[i].name));
        differs = true;
    }
    return differs;
}

/* Which of the forms `old` the file really has. */
static int calendar_of(const struct parquet_schema *s, int old)
{
    struct str version = parquet_value(s, "org.apache.spark.version");
    bool early = version.len && version.ptr[0] < '3' && str_chr(version, '.') == 1;
    bool days = early || parquet_value(s, "org.apache.spark.legacyDateTime").ptr;
    bool times = has_int96(s) ? early || parquet_value(s, "org.apache.spark.legacyINT96").ptr : days;
    return old & ((days ? FORM_JULIAN_DATES : 0) | (times ? FORM_JULIAN_TIMES : 0));
}

static int check_zone(const struct parquet_schema *s, const struct lake_file *f, struct err *err)
{
    static const char *const utc[] = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z", "+00:00"};
    struct str zone = parquet_value(s, "org.apache.spark.timeZone");
    for (size_t i = 0; i < COUNT_OF(utc); i++)
        if (!zone.len || str_ieqz(zone, utc[i]))
            return 0;
    return err_set(err, ERR_UNSUPPORTED, "the file '%.*s' may hold timestamps before 1900 in the legacy calendar of the time zone '%.*s': only those of UTC are read",
                   STR_ARGS(f->path), STR_ARGS(zone));
}

/* What is special about a file, FORM_*; `old`: what it may be by its statistics. -1: it cannot be read. */
static int form_of(struct plan *p, const struct lake_file *f, bool variants, int old, struct err *err)
{
    struct parquet_schema s;
    struct err ignored;
    bool ids = p->snap->mapping == LAKE_MAP_ID;
    if (!variants && !old && !ids)
        return 0;
    if (parquet_schema_read(p->arena, lake_file_path(p->arena, p->snap->dir, f->path), &s, &ignored))
        return 0; /* DuckDB will say what is wrong with it */
    int bare = variants ? is_bare(p, &s, f, err) : 0, by_id = ids ? needs_ids(p, &s, f, err) : 0, calendar = calendar_of(&s, old);
    if (bare < 0 || by_id < 0 || (calendar & FORM_JULIAN_TIMES && check_zone(&s, f, err)))
        return -1;
    return (bare ? FORM_BARE : 0) | (by_id ? FORM_BY_ID : 0) | calendar;
}

static int put_arms(const struct plan *p, const struct lake_file *const *files, size_t count, struct err *err)
{
    const struct lake_file **plain = ARENA_ARRAY(p->arena, const struct lake_file *, count);
    const struct lake_file **with_dv = ARENA_ARRAY(p->arena, const struct lake_file *, count);
    size_t plain_count = 0, dv_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (files[i]->dv.storage)
            with_dv[dv_count++] = files[i];
        else
            plain[plain_count++] = files[i];
    }
    struct group *groups;
    size_t n = group_files(p, plain, plain_count, &groups);
    if (n > MAX_ARMS) {
        if (put_joined_arm(p, plain, plain_count, false, err))
            return -1;
    } else {
        for (size_t i = 0; i < n; i++) {
            buf_z(p->sql, i ? " UNION ALL " : "");
            put_plain_arm(p, groups[i].files, groups[i].count);
        }
    }
    if (!dv_count)
        return 0;
    buf_z(p->sql, plain_count ? " UNION ALL " : "");
    return put_joined_arm(p, with_dv, dv_count, true, err);
}

static int put_all_arms(struct plan *p, const struct lake_file *const *files, size_t count, struct err *err)
{
    bool variants = false, any = false;
    uint8_t *forms = ARENA_ARRAY(p->arena, uint8_t, count + 1);
    const struct lake_file **some = ARENA_ARRAY(p->arena, const struct lake_file *, count + 1);
    for (size_t i = 0; i < p->count; i++)
        variants = variants || has_variant(p->cols[i].field->type, 0);
    mark_old(p, files, count, TYPE_DATE, FORM_JULIAN_DATES, forms);
    mark_old(p, files, count, TYPE_TIMESTAMP, FORM_JULIAN_TIMES, forms);
    for (size_t i = 0; i < count; i++) {
        int form = form_of(p, files[i], variants, forms[i], err);
        if (form < 0)
            return -1;
        forms[i] = (uint8_t)form;
    }
    for (int form = 0; form < FORMS; form++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (forms[i] == form)
                some[n++] = files[i];
        if (!n)
            continue;
        buf_z(p->sql, any ? " UNION ALL " : "");
        any = true;
        p->bare_variants = form & FORM_BARE;
        p->julian_dates = form & FORM_JULIAN_DATES;
        p->julian_times = form & FORM_JULIAN_TIMES;
        p->by_id = form & FORM_BY_ID;
        if (put_arms(p, some, n, err))
            return -1;
    }
    return 0;
}

/* ---- the relation */

static int choose_columns(struct plan *p, struct err *err)
{
    const struct type *schema = p->snap->schema;
    bool all = !p->opts || !p->opts->columns;
    p->count = all ? schema->field_count : p->opts->column_count;
    p->cols = ARENA_ARRAY(p->arena, struct out_col, p->count);
    p->mapped = p->snap->mapping != LAKE_MAP_NONE;
    p->json_variants = p->opts && p->opts->json_variants;
    for (size_t i = 0; i < p->count; i++) {
        struct out_col *c = &p->cols[i];
        c->field = all ? &schema->fields[i] : type_field_find(schema, p->opts->columns[i]);
        if (!c->field)
            return err_set(err, ERR_INPUT, "the table '%s' has no column '%.*s'", p->snap->dir,
                           STR_ARGS(p->opts->columns[i]));
        c->physical = lake_physical_name(p->snap, c->field);
        c->partition = lake_is_partition(p->snap, c->field->name);
        c->is_void = c->field->type->kind == TYPE_NULL;
    }
    return 0;
}

static void put_empty(const struct plan *p)
{
    buf_z(p->sql, "SELECT ");
    for (size_t i = 0; i < p->count; i++) {
        buf_z(p->sql, i ? ", " : "");
        struct buf none;
        buf_init(&none);
        buf_z(&none, "CAST(NULL AS ");
        put_physical_type(p, &none, p->cols[i].field->type);
        buf_char(&none, ')');
        put_renamed(p, p->sql, p->cols[i].field->type, none.ptr, 0);
        buf_release(&none);
        buf_z(p->sql, " AS ");
        duck_quote_ident(p->sql, p->cols[i].field->name);
    }
    const char *comma = p->count ? ", " : "";
    const struct { bool on; const char *text; } extras[] = {
        {p->opts && p->opts->file_path, "NULL::VARCHAR AS _file"},
        {p->opts && p->opts->row_number, "NULL::BIGINT AS _row"},
        {p->opts && p->opts->change_type, "NULL::VARCHAR AS _change_type"},
        {p->opts && p->opts->commit_version, "NULL::BIGINT AS _commit_version"},
    };
    for (size_t i = 0; i < COUNT_OF(extras); i++) {
        if (!extras[i].on)
            continue;
        buf_printf(p->sql, "%s%s", comma, extras[i].text);
        comma = ", ";
    }
    buf_z(p->sql, " WHERE false");
}

int lake_scan_files_sql(const struct lake_snapshot *s, const struct lake_file *const *files, size_t count,
                        const struct lake_scan *o, struct buf *sql, struct err *err)
{
    struct plan p = {.arena = arena_new(), .snap = s, .opts = o, .sql = sql};
    int rc = choose_columns(&p, err);
    if (rc == 0)
        rc = place_pin(s->pins, s->dir, files, count, err);
    if (rc == 0) {
        buf_char(sql, '(');
        if (count)
            rc = put_all_arms(&p, files, count, err);
        else
            put_empty(&p);
        buf_char(sql, ')');
    }
    map_free(p.copies);
    arena_free(p.arena);
    return rc ? -1 : buf_check(sql, "a scan's text", err);
}

int lake_scan_sql(const struct lake_snapshot *s, const struct lake_scan *o, struct buf *sql, struct err *err)
{
    if (!o || !o->where)
        return lake_scan_files_sql(s, (const struct lake_file *const *)s->files, s->file_count, o, sql, err);
    struct arena *a = arena_new();
    const struct lake_file **kept;
    size_t n = lake_prune(a, s, o->where, &kept);
    int rc = lake_scan_files_sql(s, kept, n, o, sql, err);
    arena_free(a);
    return rc;
}

void lake_empty_sql(const struct type *schema, struct buf *sql)
{
    buf_z(sql, "(SELECT ");
    for (size_t i = 0; i < schema->field_count; i++) {
        buf_z(sql, i ? ", " : "");
        put_null(sql, schema->fields[i].type);
        buf_z(sql, " AS ");
        duck_quote_ident(sql, schema->fields[i].name);
    }
    buf_z(sql, " WHERE false)");
}

int lake_register(struct duck *db, struct err *err)
{
    return lake_dv_register(db, err);
}
