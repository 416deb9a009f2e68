/* protocol.c -- which tables we read and write.
 *
 * Reader versions 1 to 3, writer versions 1 to 7. One row of `features` is one table feature: whether
 * we read and write tables that list it. A feature without a row is unknown, and refused by name.
 * Change data feed needs no change files of ours: without them a reader derives a commit's changes
 * from its added and removed files, which is what the protocol says. A table with deletion vectors
 * is written copy-on-write; the vectors of removed files are named in their remove actions. */
#include "lake/log_int.h"

static const struct feature { const char *name; bool read, write; } features[] = {
    {"appendOnly", true, true},
    {"invariants", true, true},
    {"checkConstraints", true, false},
    {"changeDataFeed", true, true},
    {"generatedColumns", true, false},
    {"allowColumnDefaults", true, false},
    {"identityColumns", true, false},
    {"columnMapping", true, false},
    {"deletionVectors", true, true},
    {"timestampNtz", true, true},
    {"typeWidening", true, false},
    {"typeWidening-preview", true, false},
    {"v2Checkpoint", true, false},
    {"vacuumProtocolCheck", true, true},
    {"rowTracking", true, false},
    {"domainMetadata", true, true},
    {"clustering", true, false},
    {"icebergCompatV1", true, false},
    {"icebergCompatV2", true, false},
    {"icebergWriterCompatV1", true, false},
    {"inCommitTimestamp", true, false},
    {"inCommitTimestamp-preview", true, false},
    {"variantType", true, false},
    {"variantType-preview", false, false},
    {"variantShredding", true, false},
    {"variantShredding-preview", true, false},
    {"checkpointProtection", true, true},
};

static const struct feature *feature_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(features); i++)
        if (str_eqz(name, features[i].name))
            return &features[i];
    return NULL;
}

int protocol_can_read(const struct lake_protocol *p, const struct lake_meta *m, struct err *err)
{
    (void)m;
    if (p->min_reader < 1 || p->min_reader > 3)
        return err_set(err, ERR_UNSUPPORTED, "it needs Delta reader version %d, 1 to 3 are supported", p->min_reader);
    for (size_t i = 0; i < p->reader_feature_count; i++) {
        const struct feature *f = feature_find(p->reader_features[i]);
        if (!f || !f->read)
            return err_set(err, ERR_UNSUPPORTED, "it needs the Delta reader feature '%.*s'",
                           STR_ARGS(p->reader_features[i]));
    }
    return 0;
}

/* Writer versions 3 to 6 stand for features; what the table does not use does not bind. */
static const struct legacy { int version; const char *feature; const char *property; } legacies[] = {
    {3, "checkConstraints", "delta.constraints."},
    {5, "columnMapping", "delta.columnMapping.mode"},
};

static bool uses(const struct lake_snapshot *s, const char *property)
{
    for (size_t i = 0; i < s->properties.count; i++) {
        const struct lake_pair *p = &s->properties.items[i];
        if (str_starts_z(p->key, property) && !str_ieqz(p->value, "false") && !str_ieqz(p->value, "none"))
            return true;
    }
    return false;
}

static bool column_has(const struct type *schema, const char *key)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].metadata && doc_get(schema->fields[i].metadata, key))
            return true;
    return false;
}

static int refuse(const struct lake_snapshot *s, const char *feature, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "writing to the table '%s', which uses the Delta feature '%s'", s->dir, feature);
}

int protocol_can_write(const struct lake_snapshot *s, struct err *err)
{
    if (s->min_writer > 7)
        return err_set(err, ERR_UNSUPPORTED, "writing to the table '%s', which needs Delta writer version %d", s->dir, s->min_writer);
    for (size_t i = 0; i < s->writer_feature_count; i++) {
        const struct feature *f = feature_find(s->writer_features[i]);
        if (f && f->write)
            continue;
        /* Listed but dormant: its property decides. */
        bool dormant = (str_eqz(s->writer_features[i], "checkConstraints") && !uses(s, "delta.constraints.")) ||
                       (str_eqz(s->writer_features[i], "generatedColumns") && !column_has(s->schema, "delta.generationExpression")) ||
                       (str_eqz(s->writer_features[i], "identityColumns") && !column_has(s->schema, "delta.identity.start")) ||
                       (str_eqz(s->writer_features[i], "allowColumnDefaults") && !column_has(s->schema, "CURRENT_DEFAULT")) ||
                       (str_eqz(s->writer_features[i], "columnMapping") && s->mapping == LAKE_MAP_NONE) ||
                       str_eqz(s->writer_features[i], "v2Checkpoint");
        if (!dormant)
            return refuse(s, str_eqz(s->writer_features[i], "") ? "?" : s->writer_features[i].ptr, err);
    }
    for (size_t i = 0; i < COUNT_OF(legacies); i++)
        if (s->min_writer < 7 && s->min_writer >= legacies[i].version && uses(s, legacies[i].property))
            return refuse(s, legacies[i].feature, err);
    if (column_has(s->schema, "delta.invariants"))
        return refuse(s, "invariants", err);
    if (s->min_writer < 7 && column_has(s->schema, "delta.generationExpression"))
        return refuse(s, "generatedColumns", err);
    if (s->min_writer < 7 && column_has(s->schema, "delta.identity.start"))
        return refuse(s, "identityColumns", err);
    return 0;
}
