/* restore.c -- RESTORE and shallow CLONE.
 *
 * RESTORE adds the files that only the older version has, and removes those that only the newest has; a
 * logical file is a path with its deletion vector. Both change data, so a stream reading the table sees it.
 * Files and metadata of then may need table features that were dropped since: the protocol gets them back,
 * for without them readers would take deleted rows for live ones.
 * The commit read the whole table: whatever lands meanwhile is a conflict.
 *
 * CLONE. Paths become absolute URIs, deletion vectors too ('u' becomes 'p'). Metadata, protocol and domains are
 * the source's, but for the table's id, and for what only the source's commits can tell: the in-commit
 * timestamps' enablement. */
#include "lake/restore.h"
#include "lake/place.h"
#include "lake/txn_int.h"

static struct lake_meta meta_of(const struct lake_snapshot *s)
{
    return (struct lake_meta){.id = s->id, .name = s->name, .description = s->description, .provider = STR("parquet"), .created_ms = s->created_ms,
                              .schema = s->schema, .schema_json = s->schema_json, .partition_columns = s->partition_columns,
                              .partition_count = s->partition_count, .properties = s->properties};
}

static void put_domain(struct lake_txn *x, struct str name, struct str configuration, bool removed)
{
    x->domains = arena_grow(x->arena, x->domains, &x->domain_cap, x->domain_count + 1, sizeof *x->domains);
    x->domains[x->domain_count++] = (struct txn_domain){str_copy(x->arena, name), str_copy(x->arena, configuration), removed};
}

static const struct lake_pair *domain_of(const struct lake_snapshot *s, struct str name)
{
    for (size_t i = 0; i < s->domains.count; i++)
        if (str_eq(s->domains.items[i].key, name))
            return &s->domains.items[i];
    return NULL;
}

/* ---- RESTORE */

static struct map *keys_of(const struct lake_snapshot *s)
{
    struct map *keys = map_new();
    struct buf key;
    buf_init(&key);
    for (size_t i = 0; i < s->file_count; i++) {
        buf_clear(&key);
        action_file_key(&key, s->files[i]);
        map_put(keys, buf_view(&key), s->files[i]);
    }
    buf_release(&key);
    return keys;
}

static int check_there(struct arena *a, const struct lake_snapshot *s, const struct lake_file *f, struct err *err)
{
    struct store_want want;
    struct store_entry entry;
    struct store *store;
    if (!place_want(a, s->dir, f->path, f->size, &want)) {
        if (fs_exists(lake_file_path(a, s->dir, f->path)))
            return 0;
        return err_set(err, ERR_NOT_FOUND, "version %jd of '%s' cannot be restored: its file '%.*s' was deleted (by vacuum?)", (intmax_t)s->version,
                       s->dir, STR_ARGS(f->path));
    }
    store = place_check(s->dir, &want, err) ? NULL : store_shared(want.root, err);
    if (!store || store_stat(store, want.name, &entry, a, err))
        return err_wrap(err, "version %jd of '%s' cannot be restored: '%.*s'", (intmax_t)s->version, s->dir, STR_ARGS(f->path));
    return 0;
}

static int restore_files(struct lake_txn *x, const struct lake_snapshot *now, const struct lake_snapshot *then, struct lake_restored *out, struct err *err)
{
    struct map *have = keys_of(now), *want = keys_of(then);
    struct str key;
    void *value;
    int rc = 0;
    for (size_t at = 0; rc == 0 && map_next(want, &at, &key, &value);) {
        struct lake_file f = *(struct lake_file *)value;
        if (map_has(have, key))
            continue;
        rc = check_there(x->arena, then, &f, err);
        f.data_change = true;
        f.deleted_ms = 0;
        lake_txn_add_file(x, &f);
        out->added++;
        out->added_bytes += f.size;
    }
    for (size_t at = 0; rc == 0 && map_next(have, &at, &key, &value);) {
        const struct lake_file *f = value;
        if (map_has(want, key))
            continue;
        lake_txn_remove(x, f, true);
        out->removed++;
        out->removed_bytes += f->size;
    }
    map_free(have);
    map_free(want);
    return rc;
}

static void restore_state(struct lake_txn *x, const struct lake_snapshot *now, const struct lake_snapshot *then)
{
    struct lake_meta meta = meta_of(then), old = meta_of(now);
    struct buf a, b;
    buf_init(&a);
    buf_init(&b);
    meta.id = now->id;
    meta.created_ms = now->created_ms;
    action_put_meta_body(&a, &meta);
    action_put_meta_body(&b, &old);
    if (!str_eq(buf_view(&a), buf_view(&b))) {
        action_meta_copy(x->arena, &meta, &x->meta);
        x->meta_changed = true;
    }
    for (size_t i = 0; i < then->domains.count; i++) {
        const struct lake_pair *p = &then->domains.items[i], *q = domain_of(now, p->key);
        if (!str_eqz(p->key, ROW_TRACKING_DOMAIN) && (!q || !str_eq(q->value, p->value)))
            put_domain(x, p->key, p->value, false);
    }
    for (size_t i = 0; i < now->domains.count; i++)
        if (!str_eqz(now->domains.items[i].key, ROW_TRACKING_DOMAIN) && !domain_of(then, now->domains.items[i].key))
            put_domain(x, now->domains.items[i].key, now->domains.items[i].value, true);
    buf_release(&a);
    buf_release(&b);
}

static int restore_protocol(struct lake_txn *x, const struct lake_snapshot *then, struct err *err)
{
    struct lake_protocol *p = &x->protocol, before = *p;
    if (protocol_can_write(then, err))
        return err_wrap(err, "version %jd cannot be restored", (intmax_t)then->version);
    if (!p->writer_feature_count && !then->writer_feature_count) {
        p->min_writer = p->min_writer > then->min_writer ? p->min_writer : then->min_writer;
        p->min_reader = p->min_reader > then->min_reader ? p->min_reader : then->min_reader;
    }
    for (size_t i = 0; i < then->writer_feature_count; i++) {
        const char *name = feature_name(then->writer_features[i]);
        if (!name)
            return err_set(err, ERR_UNSUPPORTED, "version %jd cannot be restored: it has the table feature %.*s", (intmax_t)then->version,
                           STR_ARGS(then->writer_features[i]));
        txn_need_feature(x, name);
    }
    if (x->meta_changed && txn_settle_protocol(x, err))
        return -1;
    x->protocol_changed = x->protocol_changed || before.min_reader != p->min_reader || before.min_writer != p->min_writer ||
                          before.writer_feature_count != p->writer_feature_count || before.reader_feature_count != p->reader_feature_count;
    return 0;
}

static void restore_info(struct lake_txn *x, int64_t version, const struct lake_snapshot *then, const struct lake_restored *r)
{
    struct doc *p = doc_new_object(x->arena), *m = doc_new_object(x->arena);
    doc_set(x->arena, p, STR("version"), doc_new_i64(x->arena, version));
    doc_set(x->arena, p, STR("timestamp"), doc_new_null(x->arena));
    const struct { const char *key; int64_t n; } metrics[] = {
        {"tableSizeAfterRestore", then->size}, {"numOfFilesAfterRestore", (int64_t)then->file_count}, {"numRemovedFiles", r->removed},
        {"numRestoredFiles", r->added}, {"removedFilesSize", r->removed_bytes}, {"restoredFilesSize", r->added_bytes}};
    for (size_t i = 0; i < COUNT_OF(metrics); i++)
        doc_set(x->arena, m, str_z(metrics[i].key), doc_new_i64(x->arena, metrics[i].n));
    lake_txn_info(x, "RESTORE", p, m);
    x->own_metrics = true;
}

int lake_restore(struct lake_table *t, struct duck_conn *c, int64_t version, struct lake_restored *out, struct err *err)
{
    *out = (struct lake_restored){};
    struct lake_txn *x = lake_txn_begin(t, c, err);
    const struct lake_snapshot *now = x ? lake_txn_snapshot(x) : NULL;
    struct lake_snapshot *then = NULL;
    int rc = -1;
    if (x && !now)
        err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(t));
    else if (now && version > now->version)
        err_set(err, ERR_NOT_FOUND, "the table '%s' has no version %jd", now->dir, (intmax_t)version);
    else if (now)
        then = lake_table_at(t, c, version, err);
    if (then) {
        lake_txn_read_all(x);
        rc = restore_files(x, now, then, out, err);
    }
    if (rc == 0) {
        restore_state(x, now, then);
        rc = restore_protocol(x, then, err);
    }
    if (rc == 0) {
        restore_info(x, version, then, out);
        rc = lake_txn_commit(x, &out->version, err);
    }
    lake_txn_end(x);
    lake_snapshot_unref(then);
    return rc;
}

/* ---- CLONE */

static struct str absolute_uri(struct arena *a, const char *dir, struct str logged)
{
    struct buf b;
    if (str_chr(logged, ':') > 0 || str_starts_z(logged, "/"))
        return logged;
    buf_init(&b);
    if (store_is_remote(str_z(dir))) {
        buf_printf(&b, "%s/", dir);
    } else {
        buf_z(&b, "file://");
        percent_put(&b, str_z(dir), "/");
        buf_char(&b, '/');
    }
    buf_str(&b, logged);
    struct str s = str_copy(a, buf_view(&b));
    buf_release(&b);
    return s;
}

static int clone_file(struct lake_txn *x, const struct lake_snapshot *from, const struct lake_file *f, struct err *err)
{
    struct lake_file copy = *f;
    copy.path = absolute_uri(x->arena, from->dir, f->path);
    copy.data_change = true;
    if (f->dv.storage == 'u') {
        struct str file;
        if (lake_dv_file(x->arena, &f->dv, &file, err))
            return -1;
        copy.dv.storage = 'p';
        copy.dv.path_or_inline = absolute_uri(x->arena, from->dir, file);
    }
    lake_txn_add_file(x, &copy);
    return 0;
}

static void clone_info(struct lake_txn *x, const struct lake_snapshot *from, struct lake_restored *out)
{
    struct doc *p = doc_new_object(x->arena), *m = doc_new_object(x->arena);
    doc_set(x->arena, p, STR("source"), doc_new_str(x->arena, str_fmt(x->arena, "delta.`%s`", from->dir)));
    doc_set(x->arena, p, STR("sourceVersion"), doc_new_i64(x->arena, from->version));
    doc_set(x->arena, p, STR("isShallow"), doc_new_bool(x->arena, true));
    doc_set(x->arena, m, STR("sourceTableSize"), doc_new_i64(x->arena, from->size));
    doc_set(x->arena, m, STR("sourceNumOfFiles"), doc_new_i64(x->arena, (int64_t)from->file_count));
    doc_set(x->arena, m, STR("numRemovedFiles"), doc_new_i64(x->arena, 0));
    doc_set(x->arena, m, STR("numCopiedFiles"), doc_new_i64(x->arena, 0));
    lake_txn_info(x, "CLONE", p, m);
    x->own_metrics = true;
    out->added = (int64_t)from->file_count;
    out->added_bytes = from->size;
}

static bool stays_behind(struct str key)
{
    return str_starts_z(key, "delta.inCommitTimestampEnablement");
}

static void clone_state(struct lake_txn *x, const struct lake_snapshot *from)
{
    char id[UUID_TEXT];
    struct lake_meta meta = meta_of(from);
    struct lake_pairs properties = {ARENA_ARRAY(x->arena, struct lake_pair, meta.properties.count + 1), 0};
    for (size_t i = 0; i < meta.properties.count; i++)
        if (!stays_behind(meta.properties.items[i].key))
            properties.items[properties.count++] = meta.properties.items[i];
    meta.properties = properties;
    action_meta_copy(x->arena, &meta, &x->meta);
    x->meta.id = str_copy(x->arena, str_z(uuid_make(id)));
    x->meta.created_ms = time_now_ms();
    struct lake_protocol p = {.min_reader = from->min_reader, .min_writer = from->min_writer, .reader_features = from->reader_features,
                              .writer_features = from->writer_features, .reader_feature_count = from->reader_feature_count,
                              .writer_feature_count = from->writer_feature_count};
    action_protocol_copy(x->arena, &p, &x->protocol);
    x->meta_changed = x->protocol_changed = true;
    for (size_t i = 0; i < from->domains.count; i++)
        put_domain(x, from->domains.items[i].key, from->domains.items[i].value, false);
}

int lake_clone(const struct lake_snapshot *from, struct lake_table *to, struct duck_conn *c, struct lake_restored *out, struct err *err)
{
    *out = (struct lake_restored){};
    if (lake_is_table(lake_table_dir(to)))
        return err_set(err, ERR_EXISTS, "there is a table in '%s' already", lake_table_dir(to));
    struct lake_txn *x = lake_txn_begin(to, c, err);
    int rc = x ? 0 : -1;
    if (rc == 0)
        clone_state(x, from);
    for (size_t i = 0; rc == 0 && i < from->file_count; i++)
        rc = clone_file(x, from, from->files[i], err);
    if (rc == 0) {
        clone_info(x, from, out);
        rc = lake_txn_commit(x, &out->version, err);
    }
    lake_txn_end(x);
    return rc;
}
