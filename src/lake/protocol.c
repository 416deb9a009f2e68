/* protocol.c -- which tables are read and written, and how far a table's protocol is raised.
 *
 * A row of `features` is one table feature: whether tables that list it are read and written; the legacy
 * version numbers that stand for it, if any; whether readers must know it. A feature without a row is
 * unknown, and refused by name.
 *
 * Raising. A new table is reader 1, writer 2. While a feature has a legacy number and the table has
 * no list yet, the number is raised: that keeps the most readers and writers.
 *     checkConstraints 3, changeDataFeed and generatedColumns 4, columnMapping 5 (reader 2), identityColumns 6
 * Anything else makes the writer 7 (and the reader 3 if readers must know), and the lists then hold what
 * the table uses: of what the old numbers stood for, only that. What asks for a feature is in two
 * tables, `by_property` and check_schema(). delta.feature.<name> = supported asks by name.
 *
 * A feature may be listed and asleep: Iceberg compatibility binds a writer only if its property is on. */
#include "lake/txn_int.h"

enum { TABLE_FEATURES = 7, READER_FEATURES = 3, FIRST_WRITER = 2, MAX_DEPTH = 100 };

static const struct feature {
    const char *name;
    bool read, write, reader;         /* reader: must be listed for readers too */
    int legacy_writer, legacy_reader;
    const char *needs, *switched_by;  /* another feature; the property without which it sleeps */
} features[] = {
    {"appendOnly", true, true, false, 2, 1, NULL, NULL},
    {"invariants", true, true, false, 2, 1, NULL, NULL},
    {"checkConstraints", true, true, false, 3, 1, NULL, NULL},
    {"changeDataFeed", true, true, false, 4, 1, NULL, NULL},
    {"generatedColumns", true, true, false, 4, 1, NULL, NULL},
    {"columnMapping", true, true, true, 5, 2, NULL, NULL},
    {"identityColumns", true, true, false, 6, 1, NULL, NULL},
    {"allowColumnDefaults", true, true, false, 0, 0, NULL, NULL},
    {"deletionVectors", true, true, true, 0, 0, NULL, NULL},
    {"timestampNtz", true, true, true, 0, 0, NULL, NULL},
    {"typeWidening", true, true, true, 0, 0, NULL, NULL},
    {"typeWidening-preview", true, true, true, 0, 0, NULL, NULL},
    {"v2Checkpoint", true, true, true, 0, 0, NULL, NULL},
    {"vacuumProtocolCheck", true, true, true, 0, 0, NULL, NULL},
    {"rowTracking", true, true, false, 0, 0, "domainMetadata", NULL},
    {"domainMetadata", true, true, false, 0, 0, NULL, NULL},
    {"clustering", true, true, false, 0, 0, "domainMetadata", NULL},
    {"inCommitTimestamp", true, true, false, 0, 0, NULL, NULL},
    {"inCommitTimestamp-preview", true, true, false, 0, 0, NULL, NULL},
    {"checkpointProtection", true, true, false, 0, 0, NULL, NULL},
    {"icebergCompatV1", true, false, false, 0, 0, NULL, "delta.enableIcebergCompatV1"},
    {"icebergCompatV2", true, false, false, 0, 0, NULL, "delta.enableIcebergCompatV2"},
    {"icebergWriterCompatV1", true, false, false, 0, 0, NULL, "delta.enableIcebergWriterCompatV1"},
    {"variantType", true, true, true, 0, 0, NULL, NULL},
    {"variantType-preview", true, false, true, 0, 0, NULL, NULL},
    {"variantShredding", true, true, true, 0, 0, NULL, NULL},
    {"variantShredding-preview", true, true, true, 0, 0, NULL, NULL},
};

static const struct feature *feature_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(features); i++)
        if (str_ieqz(name, features[i].name))
            return &features[i];
    return NULL;
}

bool feature_known(struct str name)
{
    const struct feature *f = feature_find(name);
    return f && f->write;
}

int protocol_can_read(const struct lake_protocol *p, const struct lake_meta *m, struct err *err)
{
    (void)m;
    if (p->min_reader < 1 || p->min_reader > READER_FEATURES)
        return err_set(err, ERR_UNSUPPORTED, "it needs Delta reader version %d, 1 to 3 are supported", p->min_reader);
    for (size_t i = 0; i < p->reader_feature_count; i++) {
        const struct feature *f = feature_find(p->reader_features[i]);
        if (!f || !f->read)
            return err_set(err, ERR_UNSUPPORTED, "it needs the Delta reader feature '%.*s'",
                           STR_ARGS(p->reader_features[i]));
    }
    return 0;
}

int protocol_can_write(const struct lake_snapshot *s, struct err *err)
{
    if (s->min_writer > TABLE_FEATURES)
        return err_set(err, ERR_UNSUPPORTED, "writing to the table '%s', which needs Delta writer version %d", s->dir, s->min_writer);
    for (size_t i = 0; i < s->writer_feature_count; i++) {
        const struct feature *f = feature_find(s->writer_features[i]);
        if (!f || (!f->write && (!f->switched_by || lake_property_bool(s, f->switched_by, false))))
            return err_set(err, ERR_UNSUPPORTED, "writing to the table '%s', which uses the Delta feature '%.*s'", s->dir,
                           STR_ARGS(s->writer_features[i]));
    }
    return 0;
}

/* ---- raising */

static bool listed(const struct str *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (str_ieqz(names[i], name))
            return true;
    return false;
}

static void add_name(struct arena *a, struct str **names, size_t *count, const char *name)
{
    if (listed(*names, *count, name))
        return;
    struct str *grown = ARENA_ARRAY(a, struct str, *count + 1);
    for (size_t i = 0; i < *count; i++)
        grown[i] = (*names)[i];
    grown[(*count)++] = str_z(name);
    *names = grown;
}

bool txn_has_feature(const struct lake_txn *x, const char *feature)
{
    const struct lake_protocol *p = &x->protocol;
    const struct feature *f = feature_find(str_z(feature));
    if (p->min_writer >= TABLE_FEATURES)
        return listed(p->writer_features, p->writer_feature_count, feature);
    return f && f->legacy_writer && p->min_writer >= f->legacy_writer && p->min_reader >= f->legacy_reader;
}

static bool any_field(const struct type *t, bool (*is)(const struct type_field *), int depth)
{
    for (size_t i = 0; t && i < t->field_count && depth < MAX_DEPTH; i++)
        if (is(&t->fields[i]) || any_field(t->fields[i].type, is, depth + 1))
            return true;
    return t && depth < MAX_DEPTH && t->element && (any_field(t->element, is, depth + 1) || (t->key && any_field(t->key, is, depth + 1)));
}

static bool has_constraints(const struct lake_meta *m)
{
    for (size_t i = 0; i < m->properties.count; i++)
        if (str_starts_z(m->properties.items[i].key, "delta.constraints."))
            return true;
    return false;
}

/* From version numbers to lists: of what the numbers stood for, what the table uses. */
static void to_lists(struct lake_txn *x)
{
    struct lake_protocol *p = &x->protocol;
    const struct { const char *name; bool used; } implied[] = {
        {"appendOnly", p->min_writer >= 2},
        {"invariants", p->min_writer >= 2},
        {"checkConstraints", p->min_writer >= 3 && has_constraints(&x->meta)},
        {"changeDataFeed", p->min_writer >= 4 && meta_property_bool(&x->meta, "delta.enableChangeDataFeed")},
        {"generatedColumns", p->min_writer >= 4 && any_field(x->meta.schema, field_is_generated, 0)},
        {"columnMapping", p->min_writer >= 5 && p->min_reader >= 2 && meta_mapping(&x->meta) != LAKE_MAP_NONE},
        {"identityColumns", p->min_writer >= 6 && any_field(x->meta.schema, field_is_identity, 0)},
    };
    for (size_t i = 0; i < COUNT_OF(implied); i++)
        if (implied[i].used)
            add_name(x->arena, &p->writer_features, &p->writer_feature_count, implied[i].name);
    p->min_writer = TABLE_FEATURES;
}

void txn_need_feature(struct lake_txn *x, const char *feature)
{
    struct lake_protocol *p = &x->protocol;
    const struct feature *f = feature_find(str_z(feature));
    CHECK(f);
    if (f->needs)
        txn_need_feature(x, f->needs);
    if (txn_has_feature(x, feature))
        return;
    if (p->min_writer < TABLE_FEATURES && f->legacy_writer) {
        p->min_writer = p->min_writer < f->legacy_writer ? f->legacy_writer : p->min_writer;
        p->min_reader = p->min_reader < f->legacy_reader ? f->legacy_reader : p->min_reader;
        return;
    }
    if (p->min_writer < TABLE_FEATURES)
        to_lists(x);
    add_name(x->arena, &p->writer_features, &p->writer_feature_count, f->name);
    if (!f->reader)
        return;
    if (p->min_reader < READER_FEATURES) {
        bool mapped = listed(p->writer_features, p->writer_feature_count, "columnMapping");
        p->min_reader = READER_FEATURES;
        if (mapped)
            add_name(x->arena, &p->reader_features, &p->reader_feature_count, "columnMapping");
    }
    add_name(x->arena, &p->reader_features, &p->reader_feature_count, f->name);
}

/* ---- what asks for features */

static const struct by_property { const char *key, *value, *feature; } by_property[] = {
    {"delta.enableChangeDataFeed", "true", "changeDataFeed"},
    {"delta.columnMapping.mode", "name", "columnMapping"},
    {"delta.columnMapping.mode", "id", "columnMapping"},
    {"delta.enableDeletionVectors", "true", "deletionVectors"},
    {"delta.enableTypeWidening", "true", "typeWidening"},
    {"delta.checkpointPolicy", "v2", "v2Checkpoint"},
    {"delta.enableRowTracking", "true", "rowTracking"},
    {"delta.enableInCommitTimestamps", "true", "inCommitTimestamp"},
};

static const struct refused { const char *key, *what; } refused_properties[] = {
    {"delta.enableIcebergCompatV1", "Iceberg compatibility"},
    {"delta.enableIcebergCompatV2", "Iceberg compatibility"},
    {"delta.enableIcebergWriterCompatV1", "Iceberg compatibility"},
};

/* How a type is written: refused by name, or which features it needs. */
struct needs { bool ntz, variant; };
static int check_type(const struct type *t, struct str column, bool inside, struct needs *n, int depth, struct err *err)
{
    static const struct { enum type_kind kind; const char *name; } refused[] = {
        {TYPE_INTERVAL, "interval"}, {TYPE_INTERVAL_YM, "interval"}, {TYPE_INTERVAL_DT, "interval"}, {TYPE_UNKNOWN, "unknown"},
    };
    if (depth > MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "column '%.*s' is nested too deep", STR_ARGS(column));
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (t->kind == refused[i].kind)
            return err_set(err, ERR_UNSUPPORTED, "a Delta column of type %s: '%.*s'", refused[i].name, STR_ARGS(column));
    if (t->kind == TYPE_NULL && inside)
        return err_set(err, ERR_UNSUPPORTED, "the type void inside an array or map: column '%.*s'", STR_ARGS(column));
    if (t->kind == TYPE_VARIANT && depth)
        return err_set(err, ERR_UNSUPPORTED, "a nested field of type variant: column '%.*s'", STR_ARGS(column));
    n->ntz = n->ntz || t->kind == TYPE_TIMESTAMP_NTZ;
    n->variant = n->variant || t->kind == TYPE_VARIANT;
    for (size_t i = 0; i < t->field_count; i++)
        if (check_type(t->fields[i].type, column, inside, n, depth + 1, err))
            return -1;
    if (t->key && check_type(t->key, column, true, n, depth + 1, err))
        return -1;
    return t->element ? check_type(t->element, column, true, n, depth + 1, err) : 0;
}

static bool has_default(const struct type_field *f)
{
    return metadata_str(f, "CURRENT_DEFAULT").len > 0;
}

static int check_schema(struct lake_txn *x, struct err *err)
{
    struct needs n = {};
    for (size_t i = 0; i < x->meta.schema->field_count; i++)
        if (check_type(x->meta.schema->fields[i].type, x->meta.schema->fields[i].name, false, &n, 0, err))
            return -1;
    const struct { bool used; const char *feature; } asked[] = {
        {any_field(x->meta.schema, field_is_generated, 0), "generatedColumns"},
        {any_field(x->meta.schema, field_is_identity, 0), "identityColumns"},
        {any_field(x->meta.schema, has_default, 0), "allowColumnDefaults"},
        {has_constraints(&x->meta), "checkConstraints"},
        {n.ntz, "timestampNtz"},
        {n.variant && !txn_has_feature(x, "variantType-preview"), "variantType"},
    };
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        if (asked[i].used)
            txn_need_feature(x, asked[i].feature);
    return 0;
}

/* delta.feature.<name> and the two version numbers are wishes, not properties to keep. */
static int take_wishes(struct lake_txn *x, struct err *err)
{
    struct lake_pairs p = x->meta.properties, kept = {ARENA_ARRAY(x->arena, struct lake_pair, p.count + 1), 0};
    for (size_t i = 0; i < p.count; i++) {
        struct str key = p.items[i].key, v = p.items[i].value;
        int64_t n;
        if (str_starts_z(key, "delta.feature.")) {
            const struct feature *f = feature_find(str_from(key, sizeof "delta.feature." - 1));
            if (!f || !f->write)
                return err_set(err, ERR_UNSUPPORTED, "the table property %.*s (that table feature is not written)", STR_ARGS(key));
            txn_need_feature(x, f->name);
        } else if (str_ieqz(key, "delta.minWriterVersion") || str_ieqz(key, "delta.minReaderVersion")) {
            bool writer = str_ieqz(key, "delta.minWriterVersion");
            int *now = writer ? &x->protocol.min_writer : &x->protocol.min_reader;
            if (!str_i64(v, &n) || n < 1 || n > (writer ? TABLE_FEATURES : READER_FEATURES))
                return err_set(err, ERR_INPUT, "the table property %.*s = %.*s", STR_ARGS(key), STR_ARGS(v));
            if (n == TABLE_FEATURES && *now < n && writer)
                to_lists(x);
            else if (*now < n && (writer || n < READER_FEATURES)) /* reader 3 without a feature says nothing */
                *now = (int)n;
        } else {
            kept.items[kept.count++] = p.items[i];
        }
    }
    x->meta.properties = kept;
    return 0;
}

int txn_settle_protocol(struct lake_txn *x, struct err *err)
{
    struct lake_protocol before = x->protocol;
    if (take_wishes(x, err))
        return -1;
    for (size_t i = 0; i < COUNT_OF(refused_properties); i++)
        if (meta_property_bool(&x->meta, refused_properties[i].key))
            return err_set(err, ERR_UNSUPPORTED, "the table property %s = true (%s is not written)", refused_properties[i].key,
                           refused_properties[i].what);
    for (size_t i = 0; i < COUNT_OF(by_property); i++)
        if (str_ieqz(meta_property(&x->meta, by_property[i].key), by_property[i].value))
            txn_need_feature(x, by_property[i].feature);
    if (check_schema(x, err))
        return -1;
    x->protocol_changed = x->protocol_changed || before.min_reader != x->protocol.min_reader ||
                          before.min_writer != x->protocol.min_writer ||
                          before.writer_feature_count != x->protocol.writer_feature_count ||
                          before.reader_feature_count != x->protocol.reader_feature_count;
    return 0;
}

/* ---- lowering */

static void drop_name(struct str *names, size_t *count, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < *count; i++)
        if (!str_ieqz(names[i], name))
            names[n++] = names[i];
    *count = n;
}

void protocol_drop(struct lake_txn *x, const char *feature)
{
    struct lake_protocol *p = &x->protocol;
    struct lake_protocol own;
    if (p->min_writer < TABLE_FEATURES)
        to_lists(x);
    action_protocol_copy(x->arena, p, &own); /* the lists may be the snapshot's */
    *p = own;
    drop_name(p->writer_features, &p->writer_feature_count, feature);
    drop_name(p->reader_features, &p->reader_feature_count, feature);
    x->protocol_changed = true;
    if (p->min_reader == READER_FEATURES && !p->reader_feature_count)
        p->min_reader = 1;
    if (p->min_reader == 2 && !listed(p->writer_features, p->writer_feature_count, "columnMapping"))
        p->min_reader = 1;
    for (size_t i = 0; i < p->writer_feature_count; i++)
        if (!str_eqz(p->writer_features[i], "appendOnly") && !str_eqz(p->writer_features[i], "invariants"))
            return;
    if (p->min_reader == 1) {
        p->min_writer = FIRST_WRITER;
        p->writer_feature_count = 0;
    }
}

const char *feature_name(struct str name)
{
    const struct feature *f = feature_find(name);
    return f ? f->name : NULL;
}

bool schema_any(const struct type *t, bool (*is)(const struct type_field *))
{
    return any_field(t, is, 0);
}
