/* mapping.c -- column mapping: ids and physical names of columns; row tracking's columns.
 *
 * With delta.columnMapping.mode = name or id each field, nested ones too, has in its metadata
 *     delta.columnMapping.id            a number, never given twice: delta.columnMapping.maxColumnId is the last
 *     delta.columnMapping.physicalName  what files, partitionValues and statistics call it
 * A new field gets col-<uuid>; when mapping is turned on for a table that has files, fields keep the names
 * that those files use. Files carry the ids as Parquet field ids.
 *
 * Row tracking. delta.enableRowTracking = true names two columns, never in the schema, in which a
 * rewritten row keeps its id and the version it is of; files that are there when it is turned on are added
 * again with dataChange = false, so that commit_text.c gives them ids. */
#include "base/code.h"
#include "lake/schema.h"
#include <string.h>

enum { MAX_DEPTH = 100 };
#define ID_KEY "delta.columnMapping.id"
#define NAME_KEY "delta.columnMapping.physicalName"
#define MAX_ID_KEY "delta.columnMapping.maxColumnId"

struct job { struct lake_txn *x; int64_t last_id; bool keep_names, changed; };

static int64_t highest_id(const struct type *t, int depth)
{
    int64_t highest = 0, id;
    for (size_t i = 0; i < t->field_count && depth < MAX_DEPTH; i++) {
        if (t->fields[i].metadata && doc_i64(doc_get(t->fields[i].metadata, ID_KEY), &id) && id > highest)
            highest = id;
        id = highest_id(t->fields[i].type, depth + 1);
        highest = id > highest ? id : highest;
    }
    const struct type *inner[] = {t->key, t->element};
    for (size_t i = 0; i < COUNT_OF(inner) && depth < MAX_DEPTH; i++) {
        id = inner[i] ? highest_id(inner[i], depth + 1) : 0;
        highest = id > highest ? id : highest;
    }
    return highest;
}

static const struct type *assign(struct job *j, const struct type *t, int depth)
{
    struct arena *a = j->x->arena;
    if (depth > MAX_DEPTH)
        return t;
    if (t->kind == TYPE_ARRAY)
        return type_array(a, assign(j, t->element, depth + 1), t->contains_null);
    if (t->kind == TYPE_MAP)
        return type_map(a, assign(j, t->key, depth + 1), assign(j, t->element, depth + 1), t->contains_null);
    if (t->kind != TYPE_STRUCT)
        return t;
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, t->field_count);
    for (size_t i = 0; i < t->field_count; i++) {
        struct type_field *f = &fields[i];
        char id[UUID_TEXT];
        *f = t->fields[i];
        if (!f->metadata || !doc_get(f->metadata, ID_KEY)) {
            f->metadata = metadata_with(a, f->metadata, ID_KEY, doc_new_i64(a, ++j->last_id));
            j->changed = true;
        }
        if (!doc_get(f->metadata, NAME_KEY)) {
            struct str name = j->keep_names ? f->name : str_fmt(a, "col-%s", uuid_make(id));
            f->metadata = metadata_with(a, f->metadata, NAME_KEY, doc_new_str(a, name));
            j->changed = true;
        }
        f->type = assign(j, f->type, depth + 1);
    }
    return type_struct(a, fields, t->field_count);
}

int mapping_settle(struct lake_txn *x, struct err *err)
{
    (void)err;
    if (meta_mapping(&x->meta) == LAKE_MAP_NONE)
        return 0;
    struct job j = {.x = x, .keep_names = x->snap && x->snap->mapping == LAKE_MAP_NONE && x->snap->file_count};
    int64_t highest = highest_id(x->meta.schema, 0);
    if (!str_i64(meta_property(&x->meta, MAX_ID_KEY), &j.last_id) || j.last_id < highest)
        j.last_id = highest;
    const struct type *schema = assign(&j, x->meta.schema, 0);
    if (j.changed)
        txn_set_schema(x, schema);
    if (j.changed || !meta_property(&x->meta, MAX_ID_KEY).len)
        txn_put_property(x, MAX_ID_KEY, str_fmt(x->arena, "%jd", (intmax_t)j.last_id));
    return 0;
}

/* ---- for COPY */

/* {"a": 1, "s": {__duckdb_field_id: 2, "x": 3}}: nested only where a struct is inside */
static void put_ids(struct buf *sql, const struct lake_meta *m, const struct type *t, bool top, int depth)
{
    bool any = false;
    for (size_t i = 0; i < t->field_count && depth < MAX_DEPTH; i++) {
        const struct type_field *f = &t->fields[i];
        int64_t id = 0;
        if ((top && f->type->kind == TYPE_NULL) || (top && meta_is_partition(m, f->name)))
            continue;
        doc_i64(doc_get(f->metadata, ID_KEY), &id);
        buf_z(sql, any ? ", " : "");
        duck_quote_ident(sql, meta_physical(m, f));
        any = true;
        if (f->type->kind != TYPE_STRUCT) {
            buf_printf(sql, ": %jd", (intmax_t)id);
            continue;
        }
        buf_printf(sql, ": {__duckdb_field_id: %jd, ", (intmax_t)id);
        put_ids(sql, m, f->type, false, depth + 1);
        buf_char(sql, '}');
    }
}

void mapping_put_field_ids(struct buf *sql, const struct lake_meta *m)
{
    if (meta_mapping(m) == LAKE_MAP_NONE)
        return;
    buf_z(sql, ", FIELD_IDS {");
    put_ids(sql, m, m->schema, true, 0);
    buf_char(sql, '}');
}

static bool renamed(const struct lake_meta *m, const struct type *t, int depth)
{
    if (meta_mapping(m) == LAKE_MAP_NONE || depth > MAX_DEPTH)
        return false;
    for (size_t i = 0; i < t->field_count; i++)
        if (!str_eq(meta_physical(m, &t->fields[i]), t->fields[i].name) || renamed(m, t->fields[i].type, depth + 1))
            return true;
    return (t->element && renamed(m, t->element, depth + 1)) || (t->key && renamed(m, t->key, depth + 1));
}

static void put_inner(struct arena *a, struct buf *sql, const struct lake_meta *m, const struct type *t, const char *expr, int depth)
{
    if (!renamed(m, t, 0) || depth > MAX_DEPTH) {
        buf_z(sql, expr);
        return;
    }
    char *var = arena_printf(a, "y%d", depth);
    if (t->kind == TYPE_STRUCT) {
        buf_printf(sql, "CASE WHEN %s IS NULL THEN NULL ELSE struct_pack(", expr);
        for (size_t i = 0; i < t->field_count; i++) {
            struct buf inner;
            buf_init(&inner);
            buf_printf(&inner, "(%s).", expr);
            duck_quote_ident(&inner, t->fields[i].name);
            buf_z(sql, i ? ", " : "");
            duck_quote_ident(sql, meta_physical(m, &t->fields[i]));
            buf_z(sql, " := ");
            put_inner(a, sql, m, t->fields[i].type, arena_strdup(a, inner.ptr), depth + 1);
            buf_release(&inner);
        }
        buf_z(sql, ") END");
    } else if (t->kind == TYPE_MAP) {
        buf_printf(sql, "map_from_entries(list_transform(map_entries(%s), lambda %s: struct_pack(k := ", expr, var);
        put_inner(a, sql, m, t->key, arena_printf(a, "%s.key", var), depth + 1);
        buf_z(sql, ", v := ");
        put_inner(a, sql, m, t->element, arena_printf(a, "%s.value", var), depth + 1);
        buf_z(sql, ")))");
    } else {
        buf_printf(sql, "list_transform(%s, lambda %s: ", expr, var);
        put_inner(a, sql, m, t->element, var, depth + 1);
        buf_char(sql, ')');
    }
}

void mapping_put_physical(struct arena *a, struct buf *sql, const struct lake_meta *m, const struct type *t, const char *expr)
{
    put_inner(a, sql, m, t, expr, 0);
}

/* ---- row tracking */

int tracking_settle(struct lake_txn *x, struct err *err)
{
    static const struct { const char *key, *prefix; } names[] = {
        {"delta.rowTracking.materializedRowIdColumnName", "_row-id-col-"},
        {"delta.rowTracking.materializedRowCommitVersionColumnName", "_row-commit-version-col-"},
    };
    (void)err;
    if (!meta_property_bool(&x->meta, "delta.enableRowTracking"))
        return 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char id[UUID_TEXT];
        if (!meta_property(&x->meta, names[i].key).len)
            txn_put_property(x, names[i].key, str_fmt(x->arena, "%s%s", names[i].prefix, uuid_make(id)));
    }
    if (!x->snap || lake_property_bool(x->snap, "delta.enableRowTracking", false) || x->add_count || x->remove_count)
        return 0;
    for (size_t i = 0; i < x->snap->file_count; i++) {
        struct lake_file f = *x->snap->files[i];
        if (str_find(f.extra, STR("\"baseRowId\":")) >= 0)
            continue;
        f.data_change = false;
        int64_t rows = x->rows, bytes = x->bytes;
        lake_txn_add_file(x, &f);
        x->rows = rows;
        x->bytes = bytes;
    }
    return 0;
}
