/* schema.c -- making a table's schema and properties, and letting it grow.
 *
 * Growth. The rows that come are laid beside the schema: a column the table lacks is added at the end,
 * nullable; a struct grows by the fields it lacks, also within arrays and maps; a column of another type
 * is widened if delta.enableTypeWidening is true and the wider type holds all values of both, else the
 * rows are cast when they are written. A widened field's metadata remembers each step:
 *     "delta.typeChanges": [{"fromType": "integer", "toType": "long", "fieldPath": "element"}]
 * fieldPath being the way from the field into its array or map, absent if the field itself changed.
 *
 * settle() is where every change of metadata ends: names checked, ids given, protocol raised. */
#include "lake/schema.h"
#include <string.h>

enum { MAX_DEPTH = 100 };

/* ---- widening */

static int integer_rank(enum type_kind k)
{
    switch (k) {
    case TYPE_BYTE: return 1;
    case TYPE_SHORT: return 2;
    case TYPE_INT: return 3;
    case TYPE_LONG: return 4;
    default: return 0;
    }
}

bool type_can_widen(const struct type *from, const struct type *to, bool by_itself)
{
    static const int digits[] = {0, 3, 5, 10, 20};
    int rank = integer_rank(from->kind);
    if (rank && integer_rank(to->kind))
        return integer_rank(to->kind) > rank;
    if (from->kind == TYPE_DECIMAL && to->kind == TYPE_DECIMAL)
        return to->scale >= from->scale && to->precision - from->precision >= to->scale - from->scale && to->precision > from->precision;
    if (from->kind == TYPE_FLOAT)
        return to->kind == TYPE_DOUBLE;
    if (from->kind == TYPE_DATE)
        return to->kind == TYPE_TIMESTAMP_NTZ;
    if (by_itself) /* nobody wants their keys as doubles because one batch had one */
        return false;
    if (rank && to->kind == TYPE_DOUBLE)
        return rank <= 3;
    return rank && to->kind == TYPE_DECIMAL && to->precision - to->scale >= (rank == 4 ? 20 : digits[rank] < 10 ? 10 : 10);
}

static struct str json_type(struct arena *a, const struct type *t)
{
    struct buf b;
    buf_init(&b);
    type_write_json(&b, t);
    struct str s = str_copy(a, str_trim(buf_view(&b)));
    buf_release(&b);
    if (s.len >= 2 && s.ptr[0] == '"')
        s = str_sub(s, 1, s.len - 2);
    return s;
}

const struct doc *metadata_type_change(struct arena *a, const struct doc *metadata, const struct type *from, const struct type *to, struct str path)
{
    struct doc *list = doc_new_array(a), *change = doc_new_object(a);
    const struct doc *old = metadata ? doc_get(metadata, "delta.typeChanges") : NULL;
    for (size_t i = 0; old && i < old->count; i++)
        doc_push(a, list, old->items[i]);
    doc_set(a, change, STR("toType"), doc_new_str(a, json_type(a, to)));
    doc_set(a, change, STR("fromType"), doc_new_str(a, json_type(a, from)));
    if (path.len)
        doc_set(a, change, STR("fieldPath"), doc_new_str(a, path));
    doc_push(a, list, change);
    return metadata_with(a, metadata, "delta.typeChanges", list);
}

/* ---- growing */

struct growth { struct lake_txn *x; bool widen, changed; struct str column; };

static const struct type *grow_type(struct growth *g, struct type_field *owner, struct str path, const struct type *old, const struct type *wanted,
                                    int depth);

static const struct type *grow_struct(struct growth *g, const struct type *old, const struct type *wanted, int depth)
{
    struct arena *a = g->x->arena;
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, old->field_count + wanted->field_count);
    size_t n = old->field_count;
    for (size_t i = 0; i < n; i++) {
        fields[i] = old->fields[i];
        const struct type_field *w = type_field_find(wanted, fields[i].name);
        if (w)
            fields[i].type = grow_type(g, &fields[i], STR_NONE, fields[i].type, w->type, depth + 1);
    }
    for (size_t i = 0; i < wanted->field_count; i++) {
        if (type_field_find(old, wanted->fields[i].name))
            continue;
        fields[n] = wanted->fields[i];
        fields[n++].nullable = true;
        g->changed = true;
    }
    return type_struct(a, fields, n);
}

static struct str way_below(struct arena *a, struct str path, const char *part)
{
    return path.len ? str_fmt(a, "%.*s.%s", STR_ARGS(path), part) : str_z(part);
}

static const struct type *grow_type(struct growth *g, struct type_field *owner, struct str path, const struct type *old, const struct type *wanted,
                                    int depth)
{
    struct arena *a = g->x->arena;
    if (depth > MAX_DEPTH)
        return old;
    if (old->kind == TYPE_STRUCT && wanted->kind == TYPE_STRUCT)
        return grow_struct(g, old, wanted, depth);
    if (old->kind == TYPE_ARRAY && wanted->kind == TYPE_ARRAY)
        return type_array(a, grow_type(g, owner, way_below(a, path, "element"), old->element, wanted->element, depth + 1), old->contains_null);
    if (old->kind == TYPE_MAP && wanted->kind == TYPE_MAP)
        return type_map(a, grow_type(g, owner, way_below(a, path, "key"), old->key, wanted->key, depth + 1),
                        grow_type(g, owner, way_below(a, path, "value"), old->element, wanted->element, depth + 1), old->contains_null);
    if (!g->widen || type_equal(old, wanted) || !type_can_widen(old, wanted, true))
        return old;
    owner->metadata = metadata_type_change(a, owner->metadata, old, wanted, path);
    g->changed = true;
    return wanted;
}

int schema_grow(struct lake_txn *x, const struct type *wanted, struct err *err)
{
    struct growth g = {.x = x, .widen = meta_property_bool(&x->meta, "delta.enableTypeWidening")};
    const struct type *grown = grow_struct(&g, x->meta.schema, wanted, 0);
    if (!g.changed)
        return 0;
    txn_set_schema(x, grown);
    return txn_settle(x, err);
}

/* ---- names */

static int check_struct(const struct lake_txn *x, const struct type *t, bool mapped, int depth, struct err *err)
{
    struct map *seen = map_new_icase();
    int rc = 0;
    for (size_t i = 0; i < t->field_count && rc == 0; i++) {
        struct str name = t->fields[i].name;
        if (map_put(seen, name, (void *)1))
            rc = err_set(err, ERR_INPUT, "column '%.*s' is there twice", STR_ARGS(name));
        else if (!name.len)
            rc = err_set(err, ERR_INPUT, "column %zu has no name", i + 1);
        for (size_t k = 0; rc == 0 && !mapped && k < name.len; k++)
            if (strchr(" ,;{}()\n\t=", name.ptr[k]) && name.ptr[k])
                rc = err_set(err, ERR_INPUT, "column '%.*s' holds one of \" ,;{}()\\n\\t=\", which Delta forbids without column mapping: "
                             "give it an alias, or set delta.columnMapping.mode = name", STR_ARGS(name));
        const struct type *inner = t->fields[i].type;
        while (inner->kind == TYPE_ARRAY || inner->kind == TYPE_MAP)
            inner = inner->element;
        if (rc == 0 && inner->kind == TYPE_STRUCT && depth < MAX_DEPTH)
            rc = check_struct(x, inner, mapped, depth + 1, err);
    }
    map_free(seen);
    return rc;
}

int txn_settle(struct lake_txn *x, struct err *err)
{
    if (!x->meta.schema)
        return 0;
    if (!x->meta.schema->field_count)
        return err_set(err, ERR_INPUT, "a table needs a column");
    if (check_struct(x, x->meta.schema, meta_mapping(&x->meta) != LAKE_MAP_NONE, 0, err) || mapping_settle(x, err) || tracking_settle(x, err))
        return -1;
    return txn_settle_protocol(x, err);
}

/* ---- the calls */

static int set_partitions(struct lake_txn *x, const struct lake_spec *spec, struct err *err)
{
    x->meta.partition_columns = ARENA_ARRAY(x->arena, struct str, spec->partition_count);
    x->meta.partition_count = spec->partition_count;
    for (size_t i = 0; i < spec->partition_count; i++) {
        const struct type_field *f = type_field_find(spec->schema, spec->partition_columns[i]);
        if (!f)
            return err_set(err, ERR_INPUT, "partition column '%.*s' is not a column of the table", STR_ARGS(spec->partition_columns[i]));
        if (f->type->kind == TYPE_STRUCT || f->type->kind == TYPE_ARRAY || f->type->kind == TYPE_MAP || f->type->kind == TYPE_VARIANT ||
            f->type->kind == TYPE_BINARY || f->type->kind == TYPE_NULL)
            return err_set(err, ERR_UNSUPPORTED, "partitioning by the column '%.*s', which is binary, void or nested", STR_ARGS(f->name));
        x->meta.partition_columns[i] = str_copy(x->arena, f->name);
    }
    if (spec->partition_count && spec->partition_count == spec->schema->field_count)
        return err_set(err, ERR_INPUT, "a table cannot be partitioned by all its columns");
    return 0;
}

static int copy_properties(struct lake_txn *x, struct lake_pairs from, struct err *err)
{
    struct lake_pairs to = {ARENA_ARRAY(x->arena, struct lake_pair, from.count), 0};
    for (size_t i = 0; i < from.count; i++) {
        if (property_check(from.items[i].key, from.items[i].value, err))
            return -1;
        to.items[to.count++] = (struct lake_pair){str_copy(x->arena, from.items[i].key), str_copy(x->arena, from.items[i].value), false};
    }
    x->meta.properties = to;
    return 0;
}

int lake_txn_create(struct lake_txn *x, const struct lake_spec *spec, struct err *err)
{
    if (!spec->schema->field_count)
        return err_set(err, ERR_INPUT, "a table needs a column");
    if (check_struct(x, spec->schema, true, 0, err) || set_partitions(x, spec, err) || copy_properties(x, spec->properties, err))
        return -1;
    x->meta.name = str_copy(x->arena, spec->name);
    x->meta.description = str_copy(x->arena, spec->description);
    txn_set_schema(x, spec->schema);
    if (!x->snap)
        x->operation = "CREATE TABLE";
    return txn_settle(x, err);
}

int lake_txn_add_columns(struct lake_txn *x, const struct type *wanted, struct err *err)
{
    const struct type *old = x->meta.schema;
    for (size_t i = 0; i < wanted->field_count; i++) {
        const struct type_field *f = type_field_find(old, wanted->fields[i].name);
        if (!f || f->type->kind == TYPE_STRUCT || type_equal(f->type, wanted->fields[i].type))
            continue;
        if (meta_property_bool(&x->meta, "delta.enableTypeWidening") && type_can_widen(f->type, wanted->fields[i].type, true))
            continue;
        struct buf a, b;
        buf_init(&a);
        buf_init(&b);
        type_write_ddl(&a, f->type);
        type_write_ddl(&b, wanted->fields[i].type);
        err_set(err, ERR_INPUT, "column '%.*s' has type %s, not %s", STR_ARGS(f->name), a.ptr, b.ptr);
        buf_release(&a);
        buf_release(&b);
        return -1;
    }
    return schema_grow(x, wanted, err);
}

static const char *const fixed_by_us[] = {"delta.columnMapping.maxColumnId", "delta.rowTracking.materializedRowIdColumnName",
                                          "delta.rowTracking.materializedRowCommitVersionColumnName"};

static int check_set(const struct lake_txn *x, const struct lake_pair *p, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(fixed_by_us); i++)
        if (x->snap && str_ieqz(p->key, fixed_by_us[i]))
            return err_set(err, ERR_INPUT, "the table property %.*s is the table's own, it cannot be set", STR_ARGS(p->key));
    if (str_starts_z(p->key, "delta.constraints."))
        return err_set(err, ERR_UNSUPPORTED, "setting the table property %.*s: use ALTER TABLE ADD or DROP CONSTRAINT", STR_ARGS(p->key));
    if (x->snap && str_ieqz(p->key, "delta.columnMapping.mode") && meta_mapping(&x->meta) != LAKE_MAP_NONE &&
        (p->is_null || !str_ieq(p->value, meta_property(&x->meta, "delta.columnMapping.mode"))))
        return err_set(err, ERR_UNSUPPORTED, "changing delta.columnMapping.mode of a table that has one: files of it name columns that way");
    if (x->snap && str_ieqz(p->key, "delta.columnMapping.mode") && str_ieqz(p->value, "id") && x->snap->file_count &&
        meta_mapping(&x->meta) == LAKE_MAP_NONE)
        return err_set(err, ERR_UNSUPPORTED, "delta.columnMapping.mode = id on a table with files, which lack ids: use the mode name");
    return p->is_null ? 0 : property_check(p->key, p->value, err);
}

int lake_txn_set_properties(struct lake_txn *x, struct lake_pairs set, struct err *err)
{
    for (size_t i = 0; i < set.count; i++) {
        const struct lake_pair *p = &set.items[i];
        if (check_set(x, p, err))
            return -1;
        txn_put_property(x, str_cz(x->arena, p->key), p->is_null ? STR_NONE : p->value.ptr ? p->value : STR(""));
    }
    return txn_settle(x, err);
}
