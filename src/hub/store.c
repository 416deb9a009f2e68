#include "hub/store.h"
#include "hub/settings.h"
#include <stdio.h>
#include <string.h>

enum { NAMESPACE_MAX_NAME = 63, META_MAX_BYTES = 1 << 20 };

static char *join(const char *dir, struct str name)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s/%.*s", dir, STR_ARGS(name));
    return buf_detach(&b);
}

bool topic_name_ok(struct str name)
{
    if (name.len < 1 || name.len > TOPIC_MAX_NAME || str_eqz(name, ".") || str_eqz(name, ".."))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '_' || c == '-';
        if (!good)
            return false;
    }
    return true;
}

static bool namespace_ok(struct str name)
{
    if (name.len < 1 || name.len > NAMESPACE_MAX_NAME)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

void uuid_text(const uint8_t id[16], struct buf *out)
{
    struct buf b;
    buf_init(&b);
    base64_put(&b, str_of((const char *)id, 16));
    for (size_t i = 0; i < b.len && b.ptr[i] != '='; i++)
        buf_char(out, b.ptr[i] == '+' ? '-' : b.ptr[i] == '/' ? '_' : b.ptr[i]);
    buf_release(&b);
}

struct plog_config topic_default_config(const struct store *s)
{
    struct plog_config c = {
        .segment_bytes = s->opts.segment_bytes ? s->opts.segment_bytes : PLOG_SEGMENT_BYTES,
        .retention_ms = s->opts.retention_ms ? s->opts.retention_ms : STORE_RETENTION_MS,
        .retention_bytes = s->opts.retention_bytes ? s->opts.retention_bytes : -1,
        .max_batch_bytes = STORE_MAX_BATCH_BYTES,
        .segment_ms = STORE_SEGMENT_MS,
        .delete_retention_ms = STORE_DELETE_RETENTION_MS,
        .min_dirty_permille = STORE_MIN_DIRTY_PERMILLE,
    };
    settings_keep_defaults(&c);
    return c;
}

/* ------------------------------------------------------------------ one hub */

static struct topic *topic_new(struct hub_ns *ns, struct str name)
{
    struct topic *t = NEW(struct topic);
    t->ns = ns;
    t->name = str_dup(name);
    t->dir = join(ns->dir, name);
    t->cfg = topic_default_config(ns->store);
    t->internal = str_starts_z(name, "__");
    return t;
}

static void topic_free(struct topic *t, bool orderly)
{
    for (int32_t i = 0; t->parts && i < t->part_count; i++) {
        if (t->parts[i] && t->parts[i]->log)
            plog_close(t->parts[i]->log, orderly && !t->deleted);
        mem_free(t->parts[i]);
    }
    mem_free(t->parts);
    mem_free(t->name);
    mem_free(t->dir);
    mem_free(t);
}

static int open_partitions(struct topic *t, int32_t total, struct err *err)
{
    t->parts = mem_realloc(t->parts, (size_t)total * sizeof *t->parts);
    while (t->part_count < total) {
        char name[16], *dir;
        snprintf(name, sizeof name, "%d", t->part_count);
        dir = join(t->dir, str_z(name));
        struct buf label;
        buf_init(&label);
        buf_printf(&label, "%s/%s-%d", t->ns->name, t->name, t->part_count);
        struct plog *log = plog_open(dir, label.ptr, &t->cfg, t->ns->store->epoch, err);
        mem_free(dir);
        buf_release(&label);
        if (!log)
            return -1;
        struct partition *p = NEW(struct partition);
        *p = (struct partition){.topic = t, .index = t->part_count, .log = log};
        log->owner = p;
        t->parts[t->part_count++] = p;
    }
    return 0;
}

/* Those settings of the table that are only kept, as texts by their names: what was set. */
static struct doc *kept_doc(struct arena *a, const struct plog_config *c)
{
    struct doc *d = doc_new_object(a);
    char text[SETTING_TEXT];
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &SETTINGS[i];
        if (s->kept < 0 || c->kept[s->kept] == s->otherwise)
            continue;
        s->get(s, c, text);
        doc_set(a, d, str_z(s->name), doc_new_str(a, str_z(text)));
    }
    return d;
}

static void kept_read(struct plog_config *c, const struct doc *d)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct doc *v = SETTINGS[i].kept >= 0 ? doc_get(d, SETTINGS[i].name) : NULL;
        if (v && v->kind == DOC_STRING && !SETTINGS[i].set(&SETTINGS[i], c, v->text))
            c->kept[SETTINGS[i].kept] = SETTINGS[i].otherwise;
    }
}

int topic_save(struct topic *t, struct err *err)
{
    struct arena *a = arena_new();
    struct doc *d = doc_new_object(a);
    struct buf text, hex;
    buf_init(&text);
    buf_init(&hex);
    hex_put(&hex, str_of((const char *)t->id, 16));
    doc_set(a, d, STR("id"), doc_new_str(a, buf_view(&hex)));
    doc_set(a, d, STR("partitions"), doc_new_i64(a, t->part_count));
    doc_set(a, d, STR("created_ms"), doc_new_i64(a, t->created_ms));
    doc_set(a, d, STR("segment_bytes"), doc_new_i64(a, t->cfg.segment_bytes));
    doc_set(a, d, STR("retention_ms"), doc_new_i64(a, t->cfg.retention_ms));
    doc_set(a, d, STR("retention_bytes"), doc_new_i64(a, t->cfg.retention_bytes));
    doc_set(a, d, STR("max_batch_bytes"), doc_new_i64(a, t->cfg.max_batch_bytes));
    doc_set(a, d, STR("append_time"), doc_new_bool(a, t->cfg.append_time));
    doc_set(a, d, STR("page_cache"), doc_new_bool(a, t->cfg.page_cache));
    doc_set(a, d, STR("compact"), doc_new_bool(a, t->cfg.compact));
    doc_set(a, d, STR("keep"), doc_new_bool(a, t->cfg.keep));
    doc_set(a, d, STR("segment_ms"), doc_new_i64(a, t->cfg.segment_ms));
    doc_set(a, d, STR("delete_retention_ms"), doc_new_i64(a, t->cfg.delete_retention_ms));
    doc_set(a, d, STR("min_lag_ms"), doc_new_i64(a, t->cfg.min_lag_ms));
    doc_set(a, d, STR("max_lag_ms"), doc_new_i64(a, t->cfg.max_lag_ms));
    doc_set(a, d, STR("min_dirty_permille"), doc_new_i64(a, t->cfg.min_dirty_permille));
    doc_set(a, d, STR("kept"), kept_doc(a, &t->cfg));
    doc_write_pretty(&text, d);
    buf_char(&text, '\n');
    char *path = join(t->dir, STR("hub.json"));
    int rc = fs_write_file(path, buf_view(&text), err);
    mem_free(path);
    buf_release(&text);
    buf_release(&hex);
    arena_free(a);
    return rc;
}

static bool unhex(struct str s, uint8_t out[16])
{
    if (s.len != 32)
        return false;
    for (size_t i = 0; i < 32; i++) {
        char c = s.ptr[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
    }
    return true;
}

static int topic_read_meta(struct topic *t, const struct doc *d, int64_t *partitions, struct err *err)
{
    int64_t max_batch = t->cfg.max_batch_bytes;
    const struct doc *id = doc_need(d, "id", DOC_STRING, err), *n = doc_need(d, "partitions", DOC_INT, err);
    if (!id || !n)
        return -1;
    if (!unhex(id->text, t->id) || !doc_i64(n, partitions) || *partitions < 1 || *partitions > TOPIC_MAX_PARTITIONS)
        return doc_err(d, ERR_CORRUPT, err, "this is not a hub's description");
    doc_i64(doc_get(d, "created_ms"), &t->created_ms);
    doc_i64(doc_get(d, "segment_bytes"), &t->cfg.segment_bytes);
    doc_i64(doc_get(d, "retention_ms"), &t->cfg.retention_ms);
    doc_i64(doc_get(d, "retention_bytes"), &t->cfg.retention_bytes);
    doc_i64(doc_get(d, "max_batch_bytes"), &max_batch);
    if (max_batch > 0 && max_batch <= BATCH_MAX_BYTES)
        t->cfg.max_batch_bytes = (int32_t)max_batch;
    t->cfg.append_time = doc_bool(doc_get(d, "append_time"), false);
    t->cfg.page_cache = doc_bool(doc_get(d, "page_cache"), false);
    int64_t dirty = t->cfg.min_dirty_permille;
    t->cfg.compact = doc_bool(doc_get(d, "compact"), false);
    t->cfg.keep = doc_bool(doc_get(d, "keep"), false);
    doc_i64(doc_get(d, "segment_ms"), &t->cfg.segment_ms);
    doc_i64(doc_get(d, "delete_retention_ms"), &t->cfg.delete_retention_ms);
    doc_i64(doc_get(d, "min_lag_ms"), &t->cfg.min_lag_ms);
    doc_i64(doc_get(d, "max_lag_ms"), &t->cfg.max_lag_ms);
    doc_i64(doc_get(d, "min_dirty_permille"), &dirty);
    if (dirty >= 0 && dirty <= 1000)
        t->cfg.min_dirty_permille = (int32_t)dirty;
    kept_read(&t->cfg, doc_get(d, "kept"));
    return 0;
}

static int topic_load(struct hub_ns *ns, struct str name, struct err *err)
{
    struct topic *t = topic_new(ns, name);
    struct arena *a = arena_new();
    char *path = join(t->dir, STR("hub.json"));
    struct buf text;
    struct doc *d = NULL;
    int64_t partitions = 0;
    int rc = -1;
    buf_init(&text);
    if (!fs_exists(path)) {
        rc = 0; /* no hub: a crash before its description was written; topic_create takes it over */
        topic_free(t, false);
        t = NULL;
    } else if (!fs_read_file(path, META_MAX_BYTES, &text, err) && (d = doc_json(a, path, buf_view(&text), err)) &&
               !topic_read_meta(t, d, &partitions, err) && !open_partitions(t, (int32_t)partitions, err)) {
        map_put(ns->topics, name, t);
        rc = 0;
    }
    if (rc)
        topic_free(t, false);
    mem_free(path);
    buf_release(&text);
    arena_free(a);
    return rc;
}

struct topic *topic_find(struct hub_ns *ns, struct str name)
{
    return map_get(ns->topics, name);
}

struct topic *topic_find_id(struct hub_ns *ns, const uint8_t id[16])
{
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(ns->topics, &at, &key, &v))
        if (!memcmp(((struct topic *)v)->id, id, 16))
            return v;
    return NULL;
}

struct partition *topic_partition(struct topic *t, int32_t index)
{
    return index >= 0 && index < t->part_count ? t->parts[index] : NULL;
}

struct topic *topic_create(struct hub_ns *ns, struct str name, int32_t partitions, const struct plog_config *cfg,
                           struct err *err)
{
    int fallback = ns->store->opts.default_partitions;
    if (!partitions)
        partitions = fallback ? fallback : STORE_DEFAULT_PARTITIONS;
    if (!topic_name_ok(name)) {
        err_set(err, ERR_INPUT, "'%.*s' is no name of a hub: 1 to 249 of A-Z a-z 0-9 . _ -", STR_ARGS(name));
        return NULL;
    }
    if (partitions < 1 || partitions > TOPIC_MAX_PARTITIONS) {
        err_set(err, ERR_INPUT, "hub '%.*s' cannot have %d partitions", STR_ARGS(name), partitions);
        return NULL;
    }
    if (topic_find(ns, name)) {
        err_set(err, ERR_EXISTS, "hub '%.*s' exists", STR_ARGS(name));
        return NULL;
    }
    if (map_has(ns->dying, name)) {
        err_set(err, ERR_EXISTS, "hub '%.*s' is being deleted", STR_ARGS(name));
        return NULL;
    }
    if (map_count(ns->topics) >= STORE_MAX_TOPICS) {
        err_set(err, ERR_LIMIT, "a namespace holds at most %d hubs", STORE_MAX_TOPICS);
        return NULL;
    }
    struct topic *t = topic_new(ns, name);
    if (cfg)
        t->cfg = *cfg;
    random_bytes(t->id, sizeof t->id);
    t->id[0] |= 1; /* never Kafka's zero id */
    t->created_ms = time_now_ms();
    if (fs_mkdirs(t->dir, err) || open_partitions(t, partitions, err) || topic_save(t, err) ||
        fs_sync_dir(ns->dir, err)) {
        topic_free(t, false);
        return NULL;
    }
    map_put(ns->topics, name, t);
    return t;
}

int topic_add_partitions(struct topic *t, int32_t total, struct err *err)
{
    if (total <= t->part_count || total > TOPIC_MAX_PARTITIONS)
        return err_set(err, ERR_INPUT, "hub '%s' has %d partitions, it cannot have %d", t->name, t->part_count, total);
    return open_partitions(t, total, err) || topic_save(t, err) ? -1 : 0;
}

void topic_unlist(struct topic *t)
{
    void *gone = map_remove(t->ns->topics, str_z(t->name));
    CHECK(gone == t);
    map_put(t->ns->dying, str_z(t->name), t);
    t->deleted = true;
}

int topic_destroy(struct topic *t, struct err *err)
{
    char id[UUID_TEXT];
    struct buf gone;
    CHECK(t->deleted);
    map_remove(t->ns->dying, str_z(t->name));
    buf_init(&gone);
    buf_printf(&gone, "%s/.deleted-%s", t->ns->dir, uuid_make(id));
    int rc = fs_rename(t->dir, gone.ptr, err) || fs_sync_dir(t->ns->dir, err) ? -1 : 0;
    struct err why;
    if (!rc && fs_remove_tree(gone.ptr, &why))
        log_err(LOG_WARN, "hub", &why); /* the next start tries again */
    topic_free(t, false);
    buf_release(&gone);
    return rc;
}

/* ------------------------------------------------------------------ namespaces, the store */

static int load_topics(struct hub_ns *ns, struct err *err)
{
    struct arena *a = arena_new();
    char **names;
    int64_t n = fs_list(a, ns->dir, &names, err);
    int rc = n < 0 ? -1 : 0;
    for (int64_t i = 0; i < n && !rc; i++) {
        if (names[i][0] == '.') {
            char *path = path_join(a, ns->dir, names[i]);
            rc = fs_remove_tree(path, err);
        } else if (topic_name_ok(str_z(names[i])))
            rc = topic_load(ns, str_z(names[i]), err);
    }
    arena_free(a);
    return rc;
}

struct hub_ns *hub_store_namespace(struct store *s, struct str name, struct err *err)
{
    struct arena *a = arena_new();
    struct str lower = str_lower(a, name);
    struct hub_ns *ns = map_get(s->namespaces, lower);
    if (!ns && !namespace_ok(lower)) {
        err_set(err, ERR_INPUT, "'%.*s' is no name of a namespace: 1 to 63 of a-z 0-9 -", STR_ARGS(name));
    } else if (!ns) {
        ns = NEW(struct hub_ns);
        ns->store = s;
        ns->name = str_dup(lower);
        ns->dir = join(s->dir, lower);
        ns->topics = map_new();
        ns->dying = map_new();
        map_put(s->namespaces, lower, ns);
        if (fs_mkdirs(ns->dir, err) || fs_sync_dir(s->dir, err) || load_topics(ns, err)) {
            /* what was loaded stays with the store, which the caller closes */
            err_wrap(err, "namespace '%s'", ns->name);
            ns = NULL;
        }
    }
    arena_free(a);
    return ns;
}

static int next_epoch(struct store *s, struct err *err)
{
    struct buf b;
    int64_t epoch = 0;
    int rc = 0;
    char *path = join(s->dir, STR("epoch"));
    buf_init(&b);
    if (fs_exists(path))
        rc = fs_read_file(path, META_MAX_BYTES, &b, err);
    if (!rc && b.len && (!str_i64(str_trim(buf_view(&b)), &epoch) || epoch < 0 || epoch >= INT32_MAX))
        rc = err_set(err, ERR_CORRUPT, "'%s' holds no leader epoch", path);
    if (!rc) {
        s->epoch = (int32_t)epoch + 1;
        buf_clear(&b);
        buf_printf(&b, "%d\n", s->epoch);
        rc = fs_write_file(path, buf_view(&b), err);
    }
    buf_release(&b);
    mem_free(path);
    return rc;
}

struct store *hub_store_open(const struct store_opts *opts, struct err *err)
{
    struct store *s = NEW(struct store);
    struct arena *a = arena_new();
    char **names;
    s->dir = mem_strdup(opts->dir);
    s->opts = *opts;
    s->opts.dir = s->dir;
    s->namespaces = map_new();
    int rc = fs_mkdirs(s->dir, err) || next_epoch(s, err);
    int64_t n = rc ? -1 : fs_list(a, s->dir, &names, err);
    rc = n < 0;
    for (int64_t i = 0; i < n && !rc; i++)
        if (namespace_ok(str_z(names[i])) && !str_eqz(str_z(names[i]), "epoch"))
            rc = !hub_store_namespace(s, str_z(names[i]), err);
    arena_free(a);
    if (rc) {
        hub_store_close(s, false);
        return NULL;
    }
    return s;
}

void hub_store_close(struct store *s, bool orderly)
{
    size_t at = 0, in;
    struct str key;
    void *v, *t;
    if (!s)
        return;
    while (map_next(s->namespaces, &at, &key, &v)) {
        struct hub_ns *ns = v;
        CHECK(!ns->groups);
        in = 0;
        while (map_next(ns->topics, &in, &key, &t))
            topic_free(t, orderly);
        map_free(ns->topics);
        map_free(ns->dying);
        mem_free(ns->name);
        mem_free(ns->dir);
        mem_free(ns);
    }
    map_free(s->namespaces);
    mem_free(s->dir);
    mem_free(s);
}
