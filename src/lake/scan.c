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
 * Text of old writers is not annotated as such in Parquet. Where no column is BINARY or VARIANT, whatever bytes
 * there are must be text (with column mapping a struct may hold bytes in fields that were dropped); beside such a
 * column DuckDB shows what of that text is not ASCII as escapes.
 * Files whose footers say something special (scan_form.c) are arms of their own.
 * A path is given to DuckDB with its glob characters in brackets. */
#include "lake/scan.h"
#include "lake/dv.h"
#include "lake/log_int.h"
#include "lake/place.h"
#include "lake/scan_form.h"
#include "lake/variant.h"
#include "lake/variant_write.h"
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
    bool any_bytes;               /* a column read from files holds BINARY or VARIANT */
    /* Of the arms that are being written, by what the files' footers say: */
    bool bare_variants;           /* variants are not annotated */
    bool julian_dates, julian_times;
    bool by_id;                   /* columns have other names: their field ids tell */
    const struct scan_foreign *foreign; /* structs that have none of the table's fields; of all files of the form */
    size_t foreign_count;
    struct map *copies;           /* logged path → an annotated copy of the file; NULL: none */
    struct buf *sql;
};

struct group { struct str key; const struct lake_file **files; size_t count, cap; };

/* ---- types and names */

/* A field of files in a struct that has none of the table's; ptr NULL: it has one. */
static struct str foreign_field(const struct plan *p, const struct type *t, size_t *at)
{
    while (*at < p->foreign_count)
        if (p->foreign[(*at)++].of == t)
            return p->foreign[*at - 1].name;
    return STR_NONE;
}

/* Do values of `t` differ in names, form or calendar from those in files? */
static bool renamed(const struct plan *p, const struct type *t, int depth)
{
    size_t none = 0;
    if (foreign_field(p, t, &none).ptr)
        return true;
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
        size_t at = 0;
        for (struct str name; (name = foreign_field(p, t, &at)).ptr;) {
            buf_z(out, ", ");
            duck_quote_ident(out, name);
            buf_z(out, " VARCHAR");
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
        const char *bytes = p->bare_variants ? expr : arena_printf(p->arena, "CAST(variant_to_parquet_variant(%s) AS STRUCT(metadata BLOB, \"value\" BLOB))", expr);
        if (p->json_variants)
            buf_printf(out, "CAST(" LAKE_VARIANT_FUNCTION "((%s).metadata, %s((%s).\"value\")) AS JSON)", bytes, p->bare_variants ? "" : LAKE_VARIANT_MEND_FUNCTION, bytes);
        else
            buf_printf(out, "variant_bytes_to_variant((%s).metadata || (%s).\"value\")", expr, expr);
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
    struct str value = !v || v->is_null ? STR_NONE : v->value;
    bool day = c->field->type->kind == TYPE_DATE || c->field->type->kind == TYPE_TIMESTAMP || c->field->type->kind == TYPE_TIMESTAMP_NTZ;
    if (day && str_starts_z(value, "+")) /* years past 9999, which DuckDB reads without the sign */
        value = str_from(value, 1);
    if (!value.len)
        buf_z(out, "NULL");
    else
        duck_quote_text(out, value);
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
            buf_printf(sql, "%jd", (intmax_t)scan_field_id(p->cols[i].field));
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
    buf_z(sql, p->any_bytes || p->mapped ? "})" : "}, binary_as_string = true)");
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
    bool any = false;
    uint8_t *forms = ARENA_ARRAY(p->arena, uint8_t, count + 1);
    const struct lake_file **some = ARENA_ARRAY(p->arena, const struct lake_file *, count + 1);
    const struct type_field **fields = ARENA_ARRAY(p->arena, const struct type_field *, p->count + 1);
    struct scan_asked asked = {.arena = p->arena, .snap = p->snap, .fields = fields, .changes_rows = p->opts && (p->opts->file_path || p->opts->row_number)};
    for (size_t i = 0; i < p->count; i++)
        if (!p->cols[i].partition)
            fields[asked.count++] = p->cols[i].field;
    int rc = scan_forms(&asked, files, count, forms, err);
    p->copies = asked.copies;
    if (rc)
        return -1;
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
        p->foreign = asked.foreign;
        p->foreign_count = form & FORM_FOREIGN ? asked.foreign_count : 0;
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
        p->any_bytes = p->any_bytes || (!c->partition && (scan_has_kind(c->field->type, TYPE_BINARY, 0) || scan_has_kind(c->field->type, TYPE_VARIANT, 0)));
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
    return lake_dv_register(db, err) || lake_variant_register(db, err) || lake_variant_write_register(db, err) ? -1 : 0;
}
