/* drop_feature.c -- ALTER TABLE DROP FEATURE.
 *
 * One commit undoes what uses the feature (properties unset, vectors purged, files rewritten under
 * their logical names or in their present types, domains removed) and takes it off the protocol. A checkpoint follows, so
 * that a reader that does not know the feature meets no commit that needs it. Older versions keep their protocol: they are
 * for readers that know it, until the log is cleaned.
 * What cannot be undone without losing something of the user's is refused: drop the constraint, the column, first. */
#include "lake/dml_int.h"
#include "lake/scan.h"
#include "lake/scan_form.h"
#include "lake/schema.h"
#include <string.h>

enum { MAX_DEPTH = 100 };

/* ---- what is in the way */

static bool has_default(const struct type_field *f) { return metadata_str(f, "CURRENT_DEFAULT").len > 0; }

static bool is_ntz(const struct lake_txn *x) { return scan_has_kind(x->meta.schema, TYPE_TIMESTAMP_NTZ, 0); }
static bool is_variant(const struct lake_txn *x) { return scan_has_kind(x->meta.schema, TYPE_VARIANT, 0); }
static bool is_generated(const struct lake_txn *x) { return schema_any(x->meta.schema, field_is_generated); }
static bool is_identity(const struct lake_txn *x) { return schema_any(x->meta.schema, field_is_identity); }
static bool is_defaulted(const struct lake_txn *x) { return schema_any(x->meta.schema, has_default); }
static bool always(const struct lake_txn *x) { return x != NULL; }

static bool is_constrained(const struct lake_txn *x)
{
    for (size_t i = 0; i < x->meta.properties.count; i++)
        if (str_starts_z(x->meta.properties.items[i].key, "delta.constraints."))
            return true;
    return false;
}

static bool has_domains(const struct lake_txn *x)
{
    return x->snap->domains.count > 0;
}

/* ---- undoing */

static int rewrite_files(struct lake_txn *x, bool only_vectors, struct err *err)
{
    const struct lake_file **files = ARENA_ARRAY(x->arena, const struct lake_file *, x->snap->file_count);
    size_t n = 0;
    for (size_t i = 0; i < x->snap->file_count; i++)
        if (!only_vectors || x->snap->files[i]->dv.storage)
            files[n++] = x->snap->files[i];
    if (!n)
        return 0;
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT * FROM ");
    int rc = lake_scan_files_sql(x->snap, files, n, NULL, &sql, err);
    for (size_t i = 0; i < n; i++)
        lake_txn_remove(x, files[i], false);
    if (rc == 0 && rows_write(x, buf_view(&sql), &(struct rows_opts){.pub.no_data_change = true, .dml = true}, err) < 0)
        rc = -1;
    buf_release(&sql);
    return rc;
}

static const struct type *without(struct lake_txn *x, const struct type *t, const char *const *keys, size_t count, int depth)
{
    struct arena *a = x->arena;
    if (depth > MAX_DEPTH)
        return t;
    if (t->kind == TYPE_ARRAY)
        return type_array(a, without(x, t->element, keys, count, depth + 1), t->contains_null);
    if (t->kind == TYPE_MAP)
        return type_map(a, without(x, t->key, keys, count, depth + 1), without(x, t->element, keys, count, depth + 1), t->contains_null);
    if (t->kind != TYPE_STRUCT)
        return t;
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, t->field_count);
    for (size_t i = 0; i < t->field_count; i++) {
        fields[i] = t->fields[i];
        for (size_t k = 0; k < count && fields[i].metadata; k++)
            fields[i].metadata = metadata_with(a, fields[i].metadata, keys[k], NULL);
        fields[i].type = without(x, fields[i].type, keys, count, depth + 1);
    }
    return type_struct(a, fields, t->field_count);
}

static int undo_vectors(struct lake_txn *x, struct err *err) { return rewrite_files(x, true, err); }

static int undo_mapping(struct lake_txn *x, struct err *err)
{
    static const char *const keys[] = {"delta.columnMapping.id", "delta.columnMapping.physicalName"};
    txn_set_schema(x, without(x, x->meta.schema, keys, COUNT_OF(keys), 0));
    if (txn_settle(x, err)) /* names that need mapping are refused here */
        return -1;
    return x->snap->mapping == LAKE_MAP_NONE ? 0 : rewrite_files(x, false, err);
}

static int undo_widening(struct lake_txn *x, struct err *err)
{
    static const char *const keys[] = {"delta.typeChanges"};
    const struct type *plain = without(x, x->meta.schema, keys, COUNT_OF(keys), 0);
    if (str_find(x->meta.schema_json, STR("delta.typeChanges")) < 0)
        return 0;
    txn_set_schema(x, plain);
    return rewrite_files(x, false, err);
}

static int drop_domain(struct lake_txn *x, const char *name)
{
    for (size_t i = 0; i < x->snap->domains.count; i++) {
        if (!str_eqz(x->snap->domains.items[i].key, name))
            continue;
        x->domains = arena_grow(x->arena, x->domains, &x->domain_cap, x->domain_count + 1, sizeof *x->domains);
        x->domains[x->domain_count++] = (struct txn_domain){x->snap->domains.items[i].key, x->snap->domains.items[i].value, true};
    }
    return 0;
}

static int undo_clustering(struct lake_txn *x, struct err *err)
{
    (void)err;
    return drop_domain(x, CLUSTERING_DOMAIN);
}

static int undo_tracking(struct lake_txn *x, struct err *err)
{
    (void)err;
    return drop_domain(x, ROW_TRACKING_DOMAIN);
}

static const struct drop {
    const char *feature;
    bool (*blocked)(const struct lake_txn *); /* true: refused, with `advice` */
    const char *advice;
    const char *unset[3];
    int (*undo)(struct lake_txn *, struct err *);
} drops[] = {
    {"appendOnly", always, "every table has it", {NULL}, NULL},
    {"invariants", always, "every table has it", {NULL}, NULL},
    {"checkConstraints", is_constrained, "drop the CHECK constraints first", {NULL}, NULL},
    {"generatedColumns", is_generated, "drop the generated columns first", {NULL}, NULL},
    {"identityColumns", is_identity, "drop the identity columns first", {NULL}, NULL},
    {"allowColumnDefaults", is_defaulted, "drop the columns' defaults first", {NULL}, NULL},
    {"timestampNtz", is_ntz, "drop the columns of type timestamp_ntz first", {NULL}, NULL},
    {"variantType", is_variant, "drop the columns of type variant first", {NULL}, NULL},
    {"domainMetadata", has_domains, "remove the domains, clustering and row tracking first", {NULL}, NULL},
    {"changeDataFeed", NULL, NULL, {"delta.enableChangeDataFeed"}, NULL},
    {"deletionVectors", NULL, NULL, {"delta.enableDeletionVectors"}, undo_vectors},
    {"columnMapping", NULL, NULL, {"delta.columnMapping.mode", "delta.columnMapping.maxColumnId"}, undo_mapping},
    {"typeWidening", NULL, NULL, {"delta.enableTypeWidening"}, undo_widening},
    {"typeWidening-preview", NULL, NULL, {"delta.enableTypeWidening"}, undo_widening},
    {"v2Checkpoint", NULL, NULL, {"delta.checkpointPolicy"}, NULL},
    {"vacuumProtocolCheck", NULL, NULL, {NULL}, NULL},
    {"checkpointProtection", NULL, NULL, {"delta.requireCheckpointProtectionBeforeVersion"}, NULL},
    {"inCommitTimestamp", NULL, NULL,
     {"delta.enableInCommitTimestamps", "delta.inCommitTimestampEnablementVersion", "delta.inCommitTimestampEnablementTimestamp"}, NULL},
    {"rowTracking", NULL, NULL,
     {"delta.enableRowTracking", "delta.rowTracking.materializedRowIdColumnName", "delta.rowTracking.materializedRowCommitVersionColumnName"},
     undo_tracking},
    {"clustering", NULL, NULL, {NULL}, undo_clustering},
};

int lake_txn_drop_feature(struct lake_txn *x, struct str feature, struct err *err)
{
    const char *name = feature_name(feature);
    const struct drop *d = NULL;
    if (!x->snap)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    for (size_t i = 0; i < COUNT_OF(drops) && name && !d; i++)
        d = strcmp(drops[i].feature, name) == 0 ? &drops[i] : NULL;
    if (!name || !txn_has_feature(x, name))
        return err_set(err, ERR_NOT_FOUND, "[DELTA_FEATURE_DROP_FEATURE_NOT_PRESENT] the table '%s' has no feature '%.*s'", lake_table_dir(x->table),
                       STR_ARGS(feature));
    if (!d)
        return err_set(err, ERR_UNSUPPORTED, "[DELTA_FEATURE_DROP_NONREMOVABLE_FEATURE] the feature '%s' cannot be dropped", name);
    if (d->blocked && d->blocked(x))
        return err_set(err, ERR_UNSUPPORTED, "[DELTA_FEATURE_DROP_DEPENDENT_FEATURE] the feature '%s' cannot be dropped: %s", name, d->advice);
    for (size_t i = 0; i < COUNT_OF(d->unset) && d->unset[i]; i++)
        txn_put_property(x, d->unset[i], STR_NONE);
    if (d->undo && d->undo(x, err))
        return -1;
    protocol_drop(x, name);
    x->checkpoint = true;
    struct doc *parameters = doc_new_object(x->arena);
    doc_set(x->arena, parameters, STR("featureName"), doc_new_str(x->arena, str_z(name)));
    dml_info(x, "DROP FEATURE", parameters, NULL, 0);
    return 0;
}
