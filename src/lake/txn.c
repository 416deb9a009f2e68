/* txn.c -- what a transaction will commit: schema, properties, files, applications' batches.
 *
 * The transaction keeps the metadata that its commit leaves (x->meta); every change of schema or
 * properties ends in settle(), which gives new columns their ids (mapping.c), sets up row ids and raises
 * the protocol to what all that needs (protocol.c), so that what is refused is refused at once. */
#include "lake/txn_int.h"
#include <string.h>

static int64_t row_id_mark(struct lake_txn *x, const struct lake_snapshot *s)
{
    int64_t mark = -1;
    struct err err;
    for (size_t i = 0; i < s->domains.count; i++)
        if (str_eqz(s->domains.items[i].key, ROW_TRACKING_DOMAIN))
            doc_i64(doc_get(doc_json(x->arena, NULL, s->domains.items[i].value, &err), "rowIdHighWaterMark"), &mark);
    return mark;
}

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
    x->dir = store_is_local(t->store) ? t->dir : store_cache_stage(x->arena, err);
    x->conn = c;
    x->snap = s;
    x->operation = "WRITE";
    uuid_make(x->id);
    x->protocol = (struct lake_protocol){.min_reader = 1, .min_writer = 2};
    x->row_id_mark = -1;
    if (s) {
        x->last_ms = s->timestamp_ms;
        x->row_id_mark = row_id_mark(x, s);
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
    if (x->dir)
        return x;
    lake_txn_end(x);
    return NULL;
}

/* Files that no commit names: here and, if they went up already, in the store. */
static void drop_written(struct lake_txn *x)
{
    struct err err;
    bool remote = !store_is_local(x->table->store);
    for (size_t i = 0; i < x->written_count; i++)
        if (remote ? x->uploaded && store_remove(x->table->store, x->written[i] + strlen(x->dir) + 1, &err) : fs_unlink(x->written[i], &err))
            log_err(LOG_WARN, "lake", &err);
}

void lake_txn_end(struct lake_txn *x)
{
    if (!x)
        return;
    struct err err;
    for (size_t i = 0; i < x->temp_count; i++)
        if (duck_execf(x->conn, &err, "DROP TABLE IF EXISTS %.*s", STR_ARGS(x->temps[i])))
            log_err(LOG_WARN, "lake", &err);
    if (!x->landed && !x->unknown)
        drop_written(x);
    if (x->dir && !store_is_local(x->table->store))
        store_cache_unstage(x->dir, x->landed ? x->table->dir : NULL);
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

/* ---- the metadata that the commit leaves */

struct str meta_property(const struct lake_meta *m, const char *key)
{
    for (size_t i = 0; i < m->properties.count; i++)
        if (str_ieqz(m->properties.items[i].key, key))
            return m->properties.items[i].value;
    return STR_NONE;
}

bool meta_property_bool(const struct lake_meta *m, const char *key)
{
    return str_ieqz(meta_property(m, key), "true");
}

void txn_put_property(struct lake_txn *x, const char *key, struct str value)
{
    struct lake_pairs old = x->meta.properties, now = {ARENA_ARRAY(x->arena, struct lake_pair, old.count + 1), 0};
    for (size_t i = 0; i < old.count; i++)
        if (!str_ieqz(old.items[i].key, key))
            now.items[now.count++] = old.items[i];
    if (value.ptr)
        now.items[now.count++] = (struct lake_pair){str_z(arena_strdup(x->arena, key)), str_copy(x->arena, value), false};
    x->meta.properties = now;
    x->meta_changed = true;
}

bool meta_is_partition(const struct lake_meta *m, struct str column)
{
    for (size_t i = 0; i < m->partition_count; i++)
        if (str_ieq(m->partition_columns[i], column))
            return true;
    return false;
}

enum lake_mapping meta_mapping(const struct lake_meta *m)
{
    struct str mode = meta_property(m, "delta.columnMapping.mode");
    return str_ieqz(mode, "name") ? LAKE_MAP_NAME : str_ieqz(mode, "id") ? LAKE_MAP_ID : LAKE_MAP_NONE;
}

struct str meta_physical(const struct lake_meta *m, const struct type_field *f)
{
    if (meta_mapping(m) == LAKE_MAP_NONE || !f->metadata)
        return f->name;
    return doc_str(doc_get(f->metadata, "delta.columnMapping.physicalName"), f->name);
}

struct lake_snapshot txn_view(const struct lake_txn *x)
{
    struct lake_snapshot view = *x->snap;
    view.schema = x->meta.schema;
    view.schema_json = x->meta.schema_json;
    view.partition_columns = x->meta.partition_columns;
    view.partition_count = x->meta.partition_count;
    view.properties = x->meta.properties;
    view.mapping = meta_mapping(&x->meta);
    return view;
}

const struct doc *metadata_with(struct arena *a, const struct doc *old, const char *key, const struct doc *value)
{
    struct doc *d = doc_new_object(a);
    for (size_t i = 0; old && i < old->count; i++)
        if (!str_eqz(old->keys[i].name, key))
            doc_set(a, d, old->keys[i].name, old->items[i]);
    if (value)
        doc_set(a, d, str_z(key), (struct doc *)value);
    return d;
}

struct str metadata_str(const struct type_field *f, const char *key)
{
    return f->metadata ? doc_str(doc_get(f->metadata, key), STR_NONE) : STR_NONE;
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
    x->own_metrics = false;
}
