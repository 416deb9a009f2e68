/* txn.c -- what a transaction will commit: schema, properties, protocol, files.
 *
 * Protocol. A new table is reader 1, writer 2. What asks for more:
 *     delta.enableChangeDataFeed = true      writer 4
 *     a timestamp_ntz column                 3/7 with the feature timestampNtz
 *     delta.enableDeletionVectors = true     3/7 with deletionVectors (never written, but allowed)
 * With 7, appendOnly and invariants are listed too, and every feature in use. Properties that need
 * another feature, and columns of types we do not write, are refused by name. */
#include "lake/txn_int.h"
#include <string.h>

struct lake_txn *lake_txn_begin(struct lake_table *t, struct duck_conn *c, struct err *err)
{
    struct err read_err;
    struct lake_snapshot *s = lake_table_latest(t, c, &read_err);
    if (!s && (read_err.code != ERR_NOT_FOUND)) {
        *err = read_err;
        return NULL;
    }
    if (s && protocol_can_write(s, err)) {
        lake_snapshot_unref(s);
        return NULL;
    }
    struct lake_txn *x = NEW(struct lake_txn);
    x->arena = arena_new();
    x->table = t;
    x->conn = c;
    x->snap = s;
    x->operation = "WRITE";
    x->protocol = (struct lake_protocol){.min_reader = 1, .min_writer = 2};
    if (s) {
        x->meta = (struct lake_meta){s->id, s->name, s->description, STR("parquet"), s->created_ms, s->schema, s->schema_json,
                                     s->partition_columns, s->partition_count, s->properties};
        x->protocol = (struct lake_protocol){s->min_reader, s->min_writer, s->reader_features, s->writer_features,
                                             s->reader_feature_count, s->writer_feature_count};
    } else {
        char id[UUID_TEXT];
        x->meta.id = str_copy(x->arena, str_z(uuid_make(id)));
        x->meta.created_ms = time_now_ms();
        x->meta.provider = STR("parquet");
        x->protocol_changed = true;
    }
    return x;
}

void lake_txn_end(struct lake_txn *x)
{
    if (!x)
        return;
    struct err err;
    for (size_t i = 0; i < x->written_count && !x->landed; i++)
        if (fs_unlink(x->written[i], &err))
            log_err(LOG_WARN, "lake", &err);
    lake_snapshot_unref(x->snap);
    arena_free(x->arena);
    mem_free(x);
}

const struct lake_snapshot *lake_txn_snapshot(const struct lake_txn *x)
{
    return x->snap;
}

const struct type *lake_txn_schema(const struct lake_txn *x)
{
    return x->meta.schema;
}

void txn_set_schema(struct lake_txn *x, const struct type *schema)
{
    struct err err;
    struct buf json;
    buf_init(&json);
    type_write_json(&json, schema);
    x->meta.schema_json = str_copy(x->arena, buf_view(&json));
    x->meta_changed = true;
    buf_release(&json);
    /* Read back, so that the transaction does not lean on the caller's arena. */
    struct doc *d = doc_json(x->arena, "schemaString", x->meta.schema_json, &err);
    x->meta.schema = d ? type_read_json(x->arena, d, &err) : NULL;
    CHECK(x->meta.schema);
}

/* ---- protocol */

static void add_name(struct arena *a, struct str **names, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (str_eqz((*names)[i], name))
            return;
    struct str *grown = ARENA_ARRAY(a, struct str, *count + 1);
    for (size_t i = 0; i < *count; i++)
        grown[i] = (*names)[i];
    grown[(*count)++] = str_z(name);
    *names = grown;
}

static struct str property(const struct lake_txn *x, const char *key)
{
    for (size_t i = 0; i < x->meta.properties.count; i++)
        if (str_ieqz(x->meta.properties.items[i].key, key))
            return x->meta.properties.items[i].value;
    return STR_NONE;
}

static void need_writer(struct lake_txn *x, int version, const char *feature)
{
    struct lake_protocol *p = &x->protocol;
    if (p->min_writer >= 7)
        add_name(x->arena, &p->writer_features, &p->writer_feature_count, feature);
    else if (p->min_writer < version)
        p->min_writer = version;
}

/* Raises to 3/7, listing what the older numbers stood for as far as the table uses it. */
static void need_feature(struct lake_txn *x, const char *feature)
{
    struct lake_protocol *p = &x->protocol;
    if (p->min_writer < 7) {
        bool feed = p->min_writer >= 4 && str_ieqz(property(x, "delta.enableChangeDataFeed"), "true");
        p->min_writer = 7;
        add_name(x->arena, &p->writer_features, &p->writer_feature_count, "appendOnly");
        add_name(x->arena, &p->writer_features, &p->writer_feature_count, "invariants");
        if (feed)
            add_name(x->arena, &p->writer_features, &p->writer_feature_count, "changeDataFeed");
    }
    if (p->min_reader < 3)
        p->min_reader = 3;
    add_name(x->arena, &p->reader_features, &p->reader_feature_count, feature);
    add_name(x->arena, &p->writer_features, &p->writer_feature_count, feature);
}

static const struct refused { const char *key, *unless, *what; } refused_properties[] = {
    {"delta.columnMapping.mode", "none", "column mapping"},
    {"delta.enableRowTracking", "false", "row tracking"},
    {"delta.enableInCommitTimestamps", "false", "in-commit timestamps"},
    {"delta.enableIcebergCompatV1", "false", "Iceberg compatibility"},
    {"delta.enableIcebergCompatV2", "false", "Iceberg compatibility"},
    {"delta.enableTypeWidening", "false", "type widening"},
    {"delta.checkpointPolicy", "classic", "V2 checkpoints"},
};

/* How a type is written: refused by name, or whether timestamp_ntz is inside. */
static int check_type(const struct type *t, struct str column, bool inside, bool *ntz, int depth, struct err *err)
{
    static const struct { enum type_kind kind; const char *name; } refused[] = {
        {TYPE_VARIANT, "variant"}, {TYPE_INTERVAL, "interval"}, {TYPE_INTERVAL_YM, "interval"},
        {TYPE_INTERVAL_DT, "interval"}, {TYPE_UNKNOWN, "unknown"},
    };
    enum { MAX_DEPTH = 100 };
    if (depth > MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "column '%.*s' is nested too deep", STR_ARGS(column));
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (t->kind == refused[i].kind)
            return err_set(err, ERR_UNSUPPORTED, "a Delta column of type %s: '%.*s'", refused[i].name, STR_ARGS(column));
    if (t->kind == TYPE_NULL && inside)
        return err_set(err, ERR_UNSUPPORTED, "the type void inside an array or map: column '%.*s'", STR_ARGS(column));
    *ntz = *ntz || t->kind == TYPE_TIMESTAMP_NTZ;
    for (size_t i = 0; i < t->field_count; i++)
        if (check_type(t->fields[i].type, column, inside, ntz, depth + 1, err))
            return -1;
    if (t->key && check_type(t->key, column, true, ntz, depth + 1, err))
        return -1;
    return t->element ? check_type(t->element, column, true, ntz, depth + 1, err) : 0;
}

int txn_settle_protocol(struct lake_txn *x, struct err *err)
{
    struct lake_protocol before = x->protocol;
    bool ntz = false;
    for (size_t i = 0; i < COUNT_OF(refused_properties); i++) {
        const struct refused *r = &refused_properties[i];
        struct str v = property(x, r->key);
        if (v.len && !str_ieqz(v, r->unless))
            return err_set(err, ERR_UNSUPPORTED, "the table property %s = %.*s (%s is not written)", r->key, STR_ARGS(v), r->what);
    }
    for (size_t i = 0; i < x->meta.properties.count; i++)
        if (str_starts_z(x->meta.properties.items[i].key, "delta.constraints."))
            return err_set(err, ERR_UNSUPPORTED, "the table property %.*s (CHECK constraints are not enforced)",
                           STR_ARGS(x->meta.properties.items[i].key));
    for (size_t i = 0; i < x->meta.schema->field_count; i++)
        if (check_type(x->meta.schema->fields[i].type, x->meta.schema->fields[i].name, false, &ntz, 0, err))
            return -1;
    if (str_ieqz(property(x, "delta.enableChangeDataFeed"), "true"))
        need_writer(x, 4, "changeDataFeed");
    if (ntz)
        need_feature(x, "timestampNtz");
    if (str_ieqz(property(x, "delta.enableDeletionVectors"), "true"))
        need_feature(x, "deletionVectors");
    x->protocol_changed = x->protocol_changed || before.min_reader != x->protocol.min_reader ||
                          before.min_writer != x->protocol.min_writer ||
                          before.writer_feature_count != x->protocol.writer_feature_count;
    return 0;
}

/* ---- schema and properties */

static int check_columns(const struct type *schema, struct err *err)
{
    if (!schema->field_count)
        return err_set(err, ERR_INPUT, "a table needs a column");
    struct map *seen = map_new_icase();
    int rc = 0;
    for (size_t i = 0; i < schema->field_count && rc == 0; i++) {
        struct str name = schema->fields[i].name;
        if (map_put(seen, name, (void *)1))
            rc = err_set(err, ERR_INPUT, "column '%.*s' is there twice", STR_ARGS(name));
        else if (!name.len)
            rc = err_set(err, ERR_INPUT, "column %zu has no name", i + 1);
        for (size_t k = 0; rc == 0 && k < name.len; k++)
            if (strchr(" ,;{}()\n\t=", name.ptr[k]) && name.ptr[k])
                rc = err_set(err, ERR_INPUT, "column '%.*s' holds one of \" ,;{}()\\n\\t=\", which Delta forbids without column mapping: "
                             "give it an alias", STR_ARGS(name));
    }
    map_free(seen);
    return rc;
}

static int set_partitions(struct lake_txn *x, const struct lake_spec *spec, struct err *err)
{
    x->meta.partition_columns = ARENA_ARRAY(x->arena, struct str, spec->partition_count);
    x->meta.partition_count = spec->partition_count;
    for (size_t i = 0; i < spec->partition_count; i++) {
        const struct type_field *f = type_field_find(spec->schema, spec->partition_columns[i]);
        if (!f)
            return err_set(err, ERR_INPUT, "partition column '%.*s' is not a column of the table", STR_ARGS(spec->partition_columns[i]));
        if (f->type->kind == TYPE_STRUCT || f->type->kind == TYPE_ARRAY || f->type->kind == TYPE_MAP ||
            f->type->kind == TYPE_BINARY || f->type->kind == TYPE_NULL)
            return err_set(err, ERR_UNSUPPORTED, "partitioning by the column '%.*s', which is binary, void or nested", STR_ARGS(f->name));
        x->meta.partition_columns[i] = str_copy(x->arena, f->name);
    }
    if (spec->partition_count && spec->partition_count == spec->schema->field_count)
        return err_set(err, ERR_INPUT, "a table cannot be partitioned by all its columns");
    return 0;
}

static struct lake_pairs copy_pairs(struct arena *a, struct lake_pairs from)
{
    struct lake_pairs to = {ARENA_ARRAY(a, struct lake_pair, from.count), from.count};
    for (size_t i = 0; i < from.count; i++)
        to.items[i] = (struct lake_pair){str_copy(a, from.items[i].key), str_copy(a, from.items[i].value), false};
    return to;
}

int lake_txn_create(struct lake_txn *x, const struct lake_spec *spec, struct err *err)
{
    if (check_columns(spec->schema, err) || set_partitions(x, spec, err))
        return -1;
    x->meta.name = str_copy(x->arena, spec->name);
    x->meta.description = str_copy(x->arena, spec->description);
    x->meta.properties = copy_pairs(x->arena, spec->properties);
    txn_set_schema(x, spec->schema);
    if (!x->snap)
        x->operation = "CREATE TABLE";
    return txn_settle_protocol(x, err);
}

int lake_txn_add_columns(struct lake_txn *x, const struct type *wanted, struct err *err)
{
    const struct type *old = x->meta.schema;
    struct type_field *fields = ARENA_ARRAY(x->arena, struct type_field, old->field_count + wanted->field_count);
    size_t count = old->field_count;
    memcpy(fields, old->fields, sizeof *fields * count);
    for (size_t i = 0; i < wanted->field_count; i++) {
        const struct type_field *f = type_field_find(old, wanted->fields[i].name);
        if (f && !type_equal(f->type, wanted->fields[i].type)) {
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
        if (f)
            continue;
        fields[count] = wanted->fields[i];
        fields[count++].nullable = true;
    }
    if (count == old->field_count)
        return 0;
    const struct type *schema = type_struct(x->arena, fields, count);
    if (check_columns(schema, err))
        return -1;
    txn_set_schema(x, schema);
    return txn_settle_protocol(x, err);
}

int lake_txn_set_properties(struct lake_txn *x, struct lake_pairs set, struct err *err)
{
    struct lake_pairs old = x->meta.properties, now = {ARENA_ARRAY(x->arena, struct lake_pair, old.count + set.count), 0};
    for (size_t i = 0; i < old.count; i++) {
        bool replaced = false;
        for (size_t k = 0; k < set.count; k++)
            replaced = replaced || str_eq(old.items[i].key, set.items[k].key);
        if (!replaced)
            now.items[now.count++] = old.items[i];
    }
    for (size_t k = 0; k < set.count; k++)
        if (!set.items[k].is_null)
            now.items[now.count++] = (struct lake_pair){str_copy(x->arena, set.items[k].key),
                                                        str_copy(x->arena, set.items[k].value), false};
    x->meta.properties = now;
    x->meta_changed = true;
    return x->meta.schema ? txn_settle_protocol(x, err) : 0;
}

/* ---- files and the rest */

void lake_txn_add_file(struct lake_txn *x, const struct lake_file *f)
{
    x->adds = arena_grow(x->arena, x->adds, &x->add_cap, x->add_count + 1, sizeof *x->adds);
    struct lake_file *to = &x->adds[x->add_count++];
    *to = *action_file_copy(x->arena, f);
    x->bytes += f->size;
    if (f->rows > 0)
        x->rows += f->rows;
}

void lake_txn_remove(struct lake_txn *x, const struct lake_file *f, bool data_change)
{
    x->removes = arena_grow(x->arena, x->removes, &x->remove_cap, x->remove_count + 1, sizeof *x->removes);
    struct lake_file *to = &x->removes[x->remove_count++];
    *to = *f; /* its texts live in the snapshot, which the transaction holds */
    to->data_change = data_change;
}

void lake_txn_overwrite(struct lake_txn *x)
{
    x->overwrite = true;
    for (size_t i = 0; x->snap && i < x->snap->file_count; i++)
        lake_txn_remove(x, x->snap->files[i], true);
}

void lake_txn_read_all(struct lake_txn *x)
{
    x->read_all = true;
}

void lake_txn_app(struct lake_txn *x, struct str app_id, int64_t version)
{
    x->apps = arena_grow(x->arena, x->apps, &x->app_cap, x->app_count + 1, sizeof *x->apps);
    x->apps[x->app_count++] = (struct lake_app_txn){str_copy(x->arena, app_id), version, time_now_ms()};
}

static const struct doc *doc_copy(struct arena *a, const struct doc *d)
{
    if (!d)
        return NULL;
    struct err err;
    struct buf b;
    buf_init(&b);
    doc_write(&b, d);
    const struct doc *copy = doc_json(a, NULL, buf_view(&b), &err);
    buf_release(&b);
    return copy;
}

void lake_txn_info(struct lake_txn *x, const char *operation, const struct doc *parameters, const struct doc *metrics)
{
    x->operation = arena_strdup(x->arena, operation);
    x->parameters = doc_copy(x->arena, parameters);
    x->metrics = doc_copy(x->arena, metrics);
}
