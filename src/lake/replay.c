/* replay.c -- the state of a table: actions applied in order of versions, and snapshots of it.
 *
 * Reconciliation: the last protocol and metaData win; an add puts its logical file (path and
 * deletion vector) among the live ones, a remove takes it out and leaves a tombstone; the last txn
 * per appId wins; the last domainMetadata per domain wins, "removed" drops it. A checkpoint is the
 * same actions, already reconciled. */
#include "lake/log_int.h"
#include "lake/place.h"
#include <string.h>

struct snap { /* what is behind a lake_snapshot; `pub` is first */
    struct lake_snapshot pub;
    pthread_mutex_t lock;         /* over refs and kept: who is the last reader is decided once */
    int refs;
    struct leaf **leaves;
    size_t leaf_count;
    char *dir;
    bool kept;                    /* one reference is the handle's own */
};

static struct leaf *leaf_new(void)
{
    struct leaf *l = NEW(struct leaf);
    l->arena = arena_new_max((size_t)LAKE_LOG_MAX_BYTES_PER_LEAF_MB << 20);
    atomic_init(&l->refs, 1);
    return l;
}

static void leaf_unref(struct leaf *l)
{
    if (atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    arena_free(l->arena);
    mem_free(l);
}

void replay_init(struct replay *r, const char *dir)
{
    *r = (struct replay){.version = -1, .checkpoint_version = -1};
    r->dir = mem_strdup(dir);
    file_index_init(&r->files);
    file_index_init(&r->tombs);
    stats_packer_init(&r->packer);
    r->pairs = map_new();
    buf_init(&r->pairs_key);
    r->scratch = arena_new();
    r->txns = map_new();
    r->domains = map_new();
}

void replay_release(struct replay *r)
{
    file_index_release(&r->files);
    file_index_release(&r->tombs);
    stats_packer_release(&r->packer);
    map_free(r->pairs);
    buf_release(&r->pairs_key);
    arena_free(r->scratch);
    map_free(r->txns);
    map_free(r->domains);
    for (size_t i = 0; i < r->leaf_count; i++)
        leaf_unref(r->leaves[i]);
    mem_free(r->leaves);
    mem_free(r->dir);
    *r = (struct replay){};
}

static void leaf_push(struct replay *r)
{
    r->leaves = mem_grow(r->leaves, &r->leaf_cap, r->leaf_count + 1, sizeof *r->leaves);
    r->leaves[r->leaf_count++] = leaf_new();
}

struct arena *replay_arena(struct replay *r)
{
    if (!r->leaf_count)
        leaf_push(r);
    return r->leaves[r->leaf_count - 1]->arena;
}

/* ---- files */

/* A table's files share few lists of partition values: each is kept once, as long as there are no more than these. */
enum { SHARED_PAIRS_BYTES = 1024, SHARED_PAIRS_MAX = 20000 };

static bool same_pairs(struct lake_pairs a, struct lake_pairs b)
{
    if (a.count != b.count || a.items == b.items)
        return a.count == b.count;
    for (size_t i = 0; i < a.count; i++)
        if (a.items[i].is_null != b.items[i].is_null || !str_eq(a.items[i].value, b.items[i].value) || !str_eq(a.items[i].key, b.items[i].key))
            return false;
    return true;
}

static void put_length(struct buf *out, size_t len)
{
    buf_str(out, str_of((const char *)&len, sizeof len));
}

/* The same values in the newest leaf, or an older one: whoever holds a leaf holds those before it. */
static struct lake_pairs keep_pairs(struct replay *r, struct lake_pairs p)
{
    if (!p.count || same_pairs(p, r->last_pairs))
        return p.count ? r->last_pairs : p;
    struct buf *key = &r->pairs_key;
    buf_clear(key);
    for (size_t i = 0; i < p.count; i++) {
        put_length(key, p.items[i].key.len);
        buf_str(key, p.items[i].key);
        put_length(key, p.items[i].is_null ? SIZE_MAX : p.items[i].value.len);
        buf_str(key, p.items[i].value);
    }
    struct lake_pairs *known = map_get(r->pairs, buf_view(key));
    r->last_pairs = known ? *known : action_pairs_copy(replay_arena(r), p);
    if (!known && key->len <= SHARED_PAIRS_BYTES && map_count(r->pairs) < SHARED_PAIRS_MAX)
        map_put(r->pairs, buf_view(key), arena_copy(replay_arena(r), &r->last_pairs, sizeof r->last_pairs));
    return r->last_pairs;
}

struct lake_file *replay_keep(struct replay *r, const struct lake_file *f)
{
    struct lake_pairs pairs = keep_pairs(r, f->partition);
    return action_file_pack(replay_arena(r), &r->packer, f, pairs);
}

void replay_put_adds(struct replay *r, struct lake_file **kept, size_t count)
{
    for (size_t i = 0; i < count && r->tombs.count; i++)
        r->dead += file_index_remove(&r->tombs, kept[i]) != NULL;
    r->dead += file_index_put_many(&r->files, kept, count);
}

void replay_put_file(struct replay *r, const struct lake_file *f, bool removed)
{
    struct lake_file *kept = replay_keep(r, f);
    if (file_index_remove(removed ? &r->files : &r->tombs, kept))
        r->dead++;
    if (file_index_put(removed ? &r->tombs : &r->files, kept))
        r->dead++;
}

static int apply_file(struct replay *r, const struct doc *d, bool removed, int64_t version, struct err *err)
{
    struct lake_file f;
    arena_reset(r->scratch);
    if (action_file(r->scratch, d, version, &f, err))
        return -1;
    replay_put_file(r, &f, removed);
    return 0;
}

static int apply_add(struct replay *r, const struct doc *d, int64_t version, struct err *err)
{
    return apply_file(r, d, false, version, err);
}

static int apply_remove(struct replay *r, const struct doc *d, int64_t version, struct err *err)
{
    return apply_file(r, d, true, version, err);
}

static int apply_meta(struct replay *r, const struct doc *d, int64_t version, struct err *err)
{
    (void)version;
    return action_meta(replay_arena(r), d, &r->meta, err);
}

static int apply_protocol(struct replay *r, const struct doc *d, int64_t version, struct err *err)
{
    (void)version;
    return action_protocol(replay_arena(r), d, &r->protocol, err);
}

static int apply_txn(struct replay *r, const struct doc *d, int64_t version, struct err *err)
{
    (void)version;
    struct lake_app_txn *t = ARENA_NEW(replay_arena(r), struct lake_app_txn);
    if (action_txn(replay_arena(r), d, t, err))
        return -1;
    map_put(r->txns, t->app_id, t);
    return 0;
}

static int apply_domain(struct replay *r, const struct doc *d, int64_t version, struct err *err)
{
    (void)version;
    (void)err;
    struct str domain = doc_str(doc_get(d, "domain"), STR_NONE);
    if (doc_bool(doc_get(d, "removed"), false)) {
        map_remove(r->domains, domain);
        return 0;
    }
    struct lake_pair *p = ARENA_NEW(replay_arena(r), struct lake_pair);
    p->key = str_copy(replay_arena(r), domain);
    p->value = str_copy(replay_arena(r), doc_str(doc_get(d, "configuration"), STR("")));
    map_put(r->domains, domain, p);
    return 0;
}

static const struct action_row {
    const char *name;
    const char *needs; /* a member that a checkpoint's null struct lacks */
    int (*apply)(struct replay *, const struct doc *, int64_t version, struct err *);
} action_rows[] = {
    {"add", "path", apply_add},
    {"remove", "path", apply_remove},
    {"metaData", "schemaString", apply_meta},
    {"protocol", "minReaderVersion", apply_protocol},
    {"txn", "appId", apply_txn},
    {"domainMetadata", "domain", apply_domain},
};

int replay_apply(struct replay *r, const struct doc *line, int64_t version, struct err *err)
{
    if (!doc_is(line, DOC_OBJECT))
        return doc_err(line, ERR_CORRUPT, err, "an action of the log is no object");
    for (size_t i = 0; i < COUNT_OF(action_rows); i++) {
        const struct doc *d = doc_get(line, action_rows[i].name);
        const struct doc *need = doc_get(d, action_rows[i].needs);
        if (!need || need->kind == DOC_NULL)
            continue;
        if (action_rows[i].apply(r, d, version, err))
            return -1;
    }
    return 0;
}

int replay_apply_text(struct replay *r, struct str text, int64_t version, int64_t *ict_ms, struct err *err)
{
    struct str line;
    struct arena *scratch = arena_new();
    int rc = 0;
    *ict_ms = -1;
    while (rc == 0 && str_split(&text, '\n', &line)) {
        if (!str_trim(line).len)
            continue;
        arena_reset(scratch);
        struct doc *d = doc_json(scratch, NULL, line, err);
        rc = d ? replay_apply(r, d, version, err) : -1;
        if (rc == 0 && doc_get(d, "commitInfo"))
            doc_i64(doc_get(doc_get(d, "commitInfo"), "inCommitTimestamp"), ict_ms);
    }
    arena_free(scratch);
    return rc;
}

/* ---- leaves */

/* What is shared lies in leaves that go. */
static void forget_shared(struct replay *r)
{
    stats_packer_release(&r->packer);
    stats_packer_init(&r->packer);
    map_free(r->pairs);
    r->pairs = map_new();
    r->last_pairs = (struct lake_pairs){};
}

static void copy_map(struct map **m, struct arena *a, void *(*copy)(struct arena *, void *))
{
    struct map *to = map_new();
    struct str key;
    void *value;
    for (size_t at = 0; map_next(*m, &at, &key, &value);)
        map_put(to, key, copy(a, value));
    map_free(*m);
    *m = to;
}

static void move_files(struct replay *r, struct file_index *ix)
{
    struct lake_file *f;
    struct file_index to;
    file_index_init(&to);
    for (size_t at = 0; (f = file_index_next(ix, &at));) {
        struct lake_file plain = *f;
        arena_reset(r->scratch);
        plain.stats = LAKE_STATS(lake_file_stats(r->scratch, f));
        file_index_put(&to, replay_keep(r, &plain));
    }
    file_index_release(ix);
    *ix = to;
}

static void *copy_txn(struct arena *a, void *v)
{
    const struct lake_app_txn *t = v;
    struct lake_app_txn *to = arena_copy(a, t, sizeof *t);
    to->app_id = str_copy(a, t->app_id);
    return to;
}

static void *copy_pair(struct arena *a, void *v)
{
    const struct lake_pair *p = v;
    struct lake_pair *to = arena_copy(a, p, sizeof *p);
    to->key = str_copy(a, p->key);
    to->value = str_copy(a, p->value);
    return to;
}

void replay_compact(struct replay *r)
{
    enum { MIN_DEAD = 1000, MAX_LEAVES = 64 };
    size_t live = r->files.count + r->tombs.count;
    bool wasteful = r->dead > MIN_DEAD && r->dead > live;
    if (!wasteful && r->leaf_count < MAX_LEAVES) {
        if (r->leaf_count && arena_used(replay_arena(r)) > LAKE_LEAF_BYTES)
            leaf_push(r);
        return;
    }
    struct leaf **old = r->leaves;
    size_t old_count = r->leaf_count;
    r->leaves = NULL;
    r->leaf_count = r->leaf_cap = 0;
    leaf_push(r);
    forget_shared(r);
    move_files(r, &r->files);
    move_files(r, &r->tombs);
    copy_map(&r->txns, replay_arena(r), copy_txn);
    copy_map(&r->domains, replay_arena(r), copy_pair);
    struct lake_meta meta;
    struct lake_protocol protocol;
    action_meta_copy(replay_arena(r), &r->meta, &meta);
    action_protocol_copy(replay_arena(r), &r->protocol, &protocol);
    r->meta = meta;
    r->protocol = protocol;
    for (size_t i = 0; i < old_count; i++)
        leaf_unref(old[i]);
    mem_free(old);
    r->dead = 0;
}

/* ---- snapshots */

static enum lake_mapping mapping_of(const struct lake_snapshot *s)
{
    struct str mode = lake_property(s, "delta.columnMapping.mode");
    return str_eqz(mode, "name") ? LAKE_MAP_NAME : str_eqz(mode, "id") ? LAKE_MAP_ID : LAKE_MAP_NONE;
}

static void fill_files(struct lake_snapshot *s, const struct replay *r)
{
    struct str key;
    void *value;
    struct lake_file *f;
    s->files = mem_alloc(sizeof *s->files * (r->files.count + 1));
    for (size_t at = 0; (f = file_index_next(&r->files, &at));) {
        s->files[s->file_count++] = f;
        s->size += f->size;
        s->rows = s->rows < 0 || f->rows < 0 ? -1 : s->rows + f->rows;
    }
    s->txns = mem_alloc(sizeof *s->txns * (map_count(r->txns) + 1));
    for (size_t at = 0; map_next(r->txns, &at, &key, &value);)
        s->txns[s->txn_count++] = *(struct lake_app_txn *)value;
    s->domains.items = mem_alloc(sizeof *s->domains.items * (map_count(r->domains) + 1));
    for (size_t at = 0; map_next(r->domains, &at, &key, &value);)
        s->domains.items[s->domains.count++] = *(struct lake_pair *)value;
}

struct lake_snapshot *replay_snapshot(struct replay *r, struct err *err)
{
    if (!r->protocol.min_reader || !r->meta.schema) {
        err_set(err, ERR_CORRUPT, "the log of '%s' has no %s", r->dir, r->meta.schema ? "protocol" : "metaData");
        return NULL;
    }
    if (protocol_can_read(&r->protocol, &r->meta, err)) {
        err_wrap(err, "cannot read the table '%s'", r->dir);
        return NULL;
    }
    struct snap *p = NEW(struct snap);
    struct lake_snapshot *s = &p->pub;
    pthread_mutex_init(&p->lock, NULL);
    p->refs = 1;
    p->dir = mem_strdup(r->dir);
    p->leaves = mem_alloc(sizeof *p->leaves * (r->leaf_count + 1));
    for (size_t i = 0; i < r->leaf_count; i++) {
        p->leaves[i] = r->leaves[i];
        atomic_fetch_add(&r->leaves[i]->refs, 1);
    }
    p->leaf_count = r->leaf_count;
    s->dir = p->dir;
    s->pins = store_pins_new();
    s->version = r->version;
    s->timestamp_ms = r->timestamp_ms;
    s->id = r->meta.id;
    s->name = r->meta.name;
    s->description = r->meta.description;
    s->created_ms = r->meta.created_ms;
    s->schema = r->meta.schema;
    s->schema_json = r->meta.schema_json;
    s->partition_columns = r->meta.partition_columns;
    s->partition_count = r->meta.partition_count;
    s->properties = r->meta.properties;
    s->min_reader = r->protocol.min_reader;
    s->min_writer = r->protocol.min_writer;
    s->reader_features = r->protocol.reader_features;
    s->reader_feature_count = r->protocol.reader_feature_count;
    s->writer_features = r->protocol.writer_features;
    s->writer_feature_count = r->protocol.writer_feature_count;
    s->mapping = mapping_of(s);
    fill_files(s, r);
    return s;
}

struct lake_snapshot *lake_snapshot_ref(struct lake_snapshot *s)
{
    struct snap *p = (struct snap *)s;
    pthread_mutex_lock(&p->lock);
    p->refs++;
    pthread_mutex_unlock(&p->lock);
    return s;
}

static void snap_free(struct snap *p)
{
    store_pins_free(p->pub.pins);
    for (size_t i = 0; i < p->leaf_count; i++)
        leaf_unref(p->leaves[i]);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->leaves);
    mem_free(p->dir);
    mem_free(p->pub.files);
    mem_free(p->pub.txns);
    mem_free(p->pub.domains.items);
    mem_free(p);
}

struct lake_snapshot *snapshot_keep(struct lake_snapshot *s)
{
    if (s)
        ((struct snap *)s)->kept = true; /* nobody else has it yet */
    return s;
}

/* Takes a reference off. The last reader lets the files go, and whoever is the last of all frees the snapshot. */
static void leave(struct snap *p, bool handle)
{
    pthread_mutex_lock(&p->lock);
    if (handle)
        p->kept = false;
    int left = --p->refs;
    if (left == 1 && p->kept)
        store_pins_clear(p->pub.pins);
    pthread_mutex_unlock(&p->lock);
    if (left == 0)
        snap_free(p);
}

void snapshot_let_go(struct lake_snapshot *s)
{
    if (s)
        leave((struct snap *)s, true);
}

void lake_snapshot_unref(struct lake_snapshot *s)
{
    if (s)
        leave((struct snap *)s, false);
}

struct str lake_property(const struct lake_snapshot *s, const char *key)
{
    for (size_t i = 0; i < s->properties.count; i++)
        if (str_ieqz(s->properties.items[i].key, key))
            return s->properties.items[i].value;
    return STR_NONE;
}

bool lake_property_bool(const struct lake_snapshot *s, const char *key, bool otherwise)
{
    struct str v = lake_property(s, key);
    return v.len ? str_ieqz(v, "true") : otherwise;
}

bool lake_app_version(const struct lake_snapshot *s, struct str app_id, int64_t *version)
{
    for (size_t i = 0; i < s->txn_count; i++) {
        if (!str_eq(s->txns[i].app_id, app_id))
            continue;
        *version = s->txns[i].version;
        return true;
    }
    return false;
}

bool lake_is_partition(const struct lake_snapshot *s, struct str column)
{
    for (size_t i = 0; i < s->partition_count; i++)
        if (str_ieq(s->partition_columns[i], column))
            return true;
    return false;
}

const struct lake_pair *lake_partition_value(const struct lake_file *f, struct str physical)
{
    for (size_t i = 0; i < f->partition.count; i++)
        if (str_ieq(f->partition.items[i].key, physical))
            return &f->partition.items[i];
    return NULL;
}

struct str lake_physical_name(const struct lake_snapshot *s, const struct type_field *f)
{
    if (s->mapping == LAKE_MAP_NONE || !f->metadata)
        return f->name;
    return doc_str(doc_get(f->metadata, "delta.columnMapping.physicalName"), f->name);
}
