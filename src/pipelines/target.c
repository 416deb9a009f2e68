#include "pipelines/target.h"
#include <string.h>

char *target_state_dir(const struct model *m, struct arena *a, const struct flow *f)
{
    return arena_printf(a, "%s/state/%.*s/%.*s", m->engine->state_dir, STR_ARGS(f->target->pipeline->state_name),
                        STR_ARGS(f->state_name));
}

/* ---- schema */

bool target_is_declared(const struct dataset *d)
{
    return d->st->column_count && d->st->columns[0].type;
}

const struct rel *target_query(const struct flow *f, struct arena *a)
{
    const struct stmt *st = f->target->st;
    if (!st->column_count || target_is_declared(f->target))
        return f->query;
    struct rel *r = rel_new(a, REL_RENAME, f->at);
    r->input = (struct rel *)f->query;
    r->new_columns = ARENA_ARRAY(a, struct str, st->column_count);
    r->column_count = st->column_count; /* without `columns`: toDF() */
    for (size_t i = 0; i < st->column_count; i++)
        r->new_columns[i] = st->columns[i].name;
    r->height = rel_measure(r);
    return r;
}

static const char *ddl(struct arena *a, const struct type *t)
{
    struct buf b;
    buf_init(&b);
    type_write_ddl(&b, t);
    const char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

static int check_declared(const struct dataset *d, const struct type *output, struct arena *a, struct err *err)
{
    const struct stmt *st = d->st;
    for (size_t i = 0; i < st->column_count; i++) {
        const struct column_def *c = &st->columns[i];
        const struct type_field *f = type_field_find(output, c->name);
        if (!c->type)
            return err_at(err, ERR_INPUT, PLACE(c->at), "column `%.*s` has no type, others have: give all of them types, or none", STR_ARGS(c->name));
        if (!f)
            return err_at(err, ERR_INPUT, PLACE(c->at), "[USER_SPECIFIED_AND_INFERRED_SCHEMA_NOT_COMPATIBLE] column `%.*s` of %.*s is declared, but its query does not give it",
                          STR_ARGS(c->name), STR_ARGS(d->shown));
        if (!type_can_cast(f->type, c->type))
            return err_at(err, ERR_INPUT, PLACE(c->at), "[USER_SPECIFIED_AND_INFERRED_SCHEMA_NOT_COMPATIBLE] column `%.*s` of %.*s is declared as %s, its query gives %s",
                          STR_ARGS(c->name), STR_ARGS(d->shown), ddl(a, c->type), ddl(a, f->type));
    }
    for (size_t i = 0; i < output->field_count; i++) {
        bool found = false;
        for (size_t k = 0; k < st->column_count; k++)
            found = found || str_ieq(st->columns[k].name, output->fields[i].name);
        if (!found)
            return err_at(err, ERR_INPUT, PLACE(st->at), "[USER_SPECIFIED_AND_INFERRED_SCHEMA_NOT_COMPATIBLE] column `%.*s` of the query of %.*s is not among its declared columns",
                          STR_ARGS(output->fields[i].name), STR_ARGS(d->shown));
    }
    return 0;
}

int target_schema(const struct dataset *d, const struct type *output, struct arena *a, const struct type **schema,
                  struct err *err)
{
    const struct stmt *st = d->st;
    bool declared = target_is_declared(d);
    if (declared && check_declared(d, output, a, err))
        return -1;
    size_t n = declared ? st->column_count : output->field_count;
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct column_def *c = i < st->column_count ? &st->columns[i] : NULL;
        fields[i] = declared ? (struct type_field){c->name, c->type, !c->not_null, c->comment, NULL} :
                    (struct type_field){output->fields[i].name, output->fields[i].type, true, output->fields[i].comment, NULL};
        if (!declared && c && c->comment.len)
            fields[i].comment = c->comment;
        for (size_t k = 0; k < i; k++)
            if (str_ieq(fields[k].name, fields[i].name))
                return err_at(err, ERR_INPUT, PLACE(st->at), "[COLUMN_ALREADY_EXISTS] %.*s has two columns `%.*s`: give one an alias",
                              STR_ARGS(d->shown), STR_ARGS(fields[i].name));
    }
    *schema = type_struct(a, fields, n);
    return 0;
}

/* A continuous flow commits many times a second: its log is kept for an hour, unless the user says
 * otherwise, or one of our streams has to find each version after a pause of any length. */
static bool short_log(const struct dataset *d)
{
    for (size_t i = 0; i < d->st->properties.count; i++)
        if (str_ieqz(d->st->properties.keys[i], LOG_RETENTION))
            return false;
    return d->pipeline->continuous && !d->streamed;
}

int target_spec(const struct dataset *d, const struct type *schema, struct arena *a, struct lake_spec *spec, struct err *err)
{
    const struct stmt *st = d->st;
    size_t n = st->partitioned_by.count;
    struct str *parts = ARENA_ARRAY(a, struct str, n + 1);
    struct lake_pair *pairs = ARENA_ARRAY(a, struct lake_pair, st->properties.count + 3 /* retention; the caller's */);
    for (size_t i = 0; i < n; i++) {
        const struct expr *e = st->partitioned_by.items[i];
        parts[i] = e->name.parts[e->name.count - 1];
        if (!type_field_find(schema, parts[i]))
            return err_at(err, ERR_INPUT, PLACE(e->at), "partition column `%.*s` is no column of %.*s", STR_ARGS(parts[i]), STR_ARGS(d->shown));
    }
    for (size_t i = 0; i < st->properties.count; i++)
        pairs[i] = (struct lake_pair){st->properties.keys[i], st->properties.values[i], false};
    pairs[st->properties.count] = (struct lake_pair){STR(TARGET_OWNER), d->pipeline->name, false};
    *spec = (struct lake_spec){.schema = schema, .partition_columns = parts, .partition_count = n,
                               .properties = {pairs, st->properties.count + 1}, .description = st->comment};
    if (short_log(d))
        spec->properties.items[spec->properties.count++] = (struct lake_pair){STR(LOG_RETENTION), STR("interval 1 hour"), false};
    return 0;
}

/* ---- the table */

static int publish(const struct model *m, const struct dataset *d, struct err *err)
{
    struct arena *a = arena_new();
    struct lake_entry e = {};
    int rc = lake_catalog_find(m->engine->catalog, a, &d->name, &e, err);
    if (!rc && !(e.kind == LAKE_MANAGED && str_eq(e.owner, d->pipeline->name) && str_eq(e.comment, d->st->comment))) {
        e = (struct lake_entry){.kind = LAKE_MANAGED, .name = d->name, .location = str_z(d->dir), .format = STR("delta"),
                                .comment = d->st->comment, .owner = d->pipeline->name, .created_ms = time_now_ms()};
        rc = lake_catalog_put(m->engine->catalog, &e, true, err);
    }
    arena_free(a);
    return rc;
}

static int check_owner(const struct dataset *d, const struct lake_snapshot *snap, struct err *err)
{
    struct str owner = lake_property(snap, TARGET_OWNER);
    if (str_eq(owner, d->pipeline->name))
        return 0;
    if (!owner.len)
        return err_at(err, ERR_EXISTS, PLACE(d->st->at), "table %.*s is there already and was not made by a pipeline: drop it, or give the dataset another name",
                      STR_ARGS(d->shown));
    return err_at(err, ERR_EXISTS, PLACE(d->st->at), "table %.*s belongs to pipeline '%.*s': one pipeline owns a table", STR_ARGS(d->shown), STR_ARGS(owner));
}

static bool fits(const struct type *have, const struct type *want)
{
    for (size_t i = 0; i < want->field_count; i++) {
        const struct type_field *f = type_field_find(have, want->fields[i].name);
        if (f && !type_equal(f->type, want->fields[i].type))
            return false;
    }
    return true;
}

static int make(struct lake_txn *x, const struct dataset *d, const struct type *schema, struct lake_pair note, struct err *err)
{
    struct arena *a = arena_new();
    struct lake_spec spec;
    int rc = target_spec(d, schema, a, &spec, err);
    if (!rc && note.key.len)
        spec.properties.items[spec.properties.count++] = note;
    if (!rc)
        rc = lake_txn_create(x, &spec, err) ? err_locate(err, PLACE(d->st->at)) : 0;
    arena_free(a);
    return rc;
}

static int evolve(struct lake_txn *x, const struct dataset *d, const struct type *schema, struct err *err)
{
    const struct lake_snapshot *snap = lake_txn_snapshot(x);
    if (check_owner(d, snap, err))
        return -1;
    if (fits(snap->schema, schema))
        return lake_txn_add_columns(x, schema, err) ? err_locate(err, PLACE(d->st->at)) : 0;
    if (!snap->file_count)
        return make(x, d, schema, (struct lake_pair){}, err);
    if (d->kind == DATASET_MATERIALIZED_VIEW)
        return 1;
    return err_at(err, ERR_USER, PLACE(d->st->at), "the query of %.*s gives a column of another type than the table has: run a full refresh", STR_ARGS(d->shown));
}

int target_set_up(const struct model *m, const struct dataset *d, const struct type *schema, struct session *s,
                  struct lake_pair note, struct err *err)
{
    int64_t version;
    int rc = lake_schema_create(m->engine->catalog, d->name.catalog, d->name.schema, STR_NONE, true, err);
    struct lake_txn *x = rc ? NULL : lake_txn_begin(lake_catalog_table(m->engine->catalog, d->dir), session_conn(s), err);
    rc = !x ? -1 : lake_txn_snapshot(x) ? evolve(x, d, schema, err) : make(x, d, schema, note, err);
    bool pending = rc == 1;
    if (!rc)
        rc = lake_txn_commit(x, &version, err);
    lake_txn_end(x);
    if (rc >= 0 && !d->unpublished)
        rc = publish(m, d, err);
    return rc ? -1 : pending;
}

int target_empty(const struct model *m, const struct dataset *d, struct session *s, struct err *err)
{
    struct lake_table *t = lake_catalog_table(m->engine->catalog, d->dir);
    if (!lake_is_table(d->dir))
        return 0;
    struct lake_txn *x = lake_txn_begin(t, session_conn(s), err);
    if (!x)
        return -1;
    struct arena *a = arena_new();
    const struct lake_snapshot *snap = lake_txn_snapshot(x);
    struct lake_pair *unset = ARENA_ARRAY(a, struct lake_pair, snap->properties.count + 1);
    struct lake_pairs pairs = {unset, 0};
    int64_t version;
    for (size_t i = 0; i < snap->properties.count; i++)
        if (str_starts_z(snap->properties.items[i].key, TARGET_FLOW))
            unset[pairs.count++] = (struct lake_pair){snap->properties.items[i].key, STR_NONE, true};
    int rc = check_owner(d, snap, err);
    if (!rc) {
        lake_txn_overwrite(x);
        lake_txn_info(x, "TRUNCATE", NULL, NULL);
        rc = pairs.count ? lake_txn_set_properties(x, pairs, err) : 0;
    }
    if (!rc)
        rc = lake_txn_commit(x, &version, err);
    lake_txn_end(x);
    arena_free(a);
    return rc;
}

struct str target_flow_key(const struct flow *f, struct arena *a)
{
    return str_fmt(a, TARGET_FLOW "%.*s", STR_ARGS(f->name));
}

int target_note_flow(const struct flow *f, struct session *s, struct str id, struct err *err)
{
    const struct dataset *d = f->target;
    struct lake_txn *x = lake_txn_begin(lake_catalog_table(session_engine(s)->catalog, d->dir), session_conn(s), err);
    if (!x)
        return -1;
    struct arena *a = arena_new();
    struct lake_pair pair = {target_flow_key(f, a), id, false};
    int64_t version;
    int rc = lake_txn_set_properties(x, (struct lake_pairs){&pair, 1}, err);
    lake_txn_info(x, "SET TBLPROPERTIES", NULL, NULL);
    if (!rc)
        rc = lake_txn_commit(x, &version, err);
    lake_txn_end(x);
    arena_free(a);
    return rc;
}

/* ---- views */

int target_publish_view(const struct model *m, const struct dataset *d, const struct type *schema, struct err *err)
{
    struct lake_entry e;
    struct buf json;
    if (lake_schema_create(m->engine->catalog, d->name.catalog, d->name.schema, STR_NONE, true, err))
        return -1;
    buf_init(&json);
    type_write_json(&json, schema);
    e = (struct lake_entry){.kind = LAKE_VIEW, .name = d->name, .text = d->st->query_text, .view_catalog = d->scope->names.catalog,
                            .view_schema = d->scope->names.schema, .settings_json = STR("{}"), .schema_json = buf_view(&json),
                            .comment = d->st->comment, .owner = d->pipeline->name, .created_ms = time_now_ms()};
    int rc = lake_catalog_put(m->engine->catalog, &e, true, err);
    buf_release(&json);
    return rc ? err_locate(err, PLACE(d->st->at)) : 0;
}
