/* model.c -- datasets and flows out of statements.
 *
 * One table says which statements a pipeline may hold and what each declares. What a dataset cannot
 * have here is refused by name, at its place, before anything runs. Names fold to lower case. A
 * temporary view or private table is known by one name in its own pipeline and hides what the
 * catalog has under it; a private table lies in a schema of its own, `__private_<pipeline>`. */
#include "pipelines/model.h"
#include <string.h>

struct str model_folder(struct arena *a, struct str name)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || (c == '.' && i);
        if (plain)
            buf_char(&b, (char)c);
        else
            buf_printf(&b, "%%%02X", c);
    }
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

struct str model_shown(struct arena *a, const struct lake_name *n)
{
    return str_fmt(a, "`%.*s`.`%.*s`.`%.*s`", STR_ARGS(n->catalog), STR_ARGS(n->schema), STR_ARGS(n->table));
}

const struct query_scope *model_scope(const struct model *m, const char *file)
{
    return map_get(m->scopes, str_of((const char *)&file, sizeof file));
}

struct pipeline *model_pipeline(const struct model *m, struct str name_or_id)
{
    for (size_t i = 0; i < m->count; i++)
        if (str_eq(m->pipelines[i]->id, name_or_id) || str_eq(m->pipelines[i]->name, name_or_id))
            return m->pipelines[i];
    return NULL;
}

struct dataset *pipelines_model_find(const struct model *m, struct arena *a, const struct names *name, const struct query_scope *scope)
{
    struct names n = *name;
    struct err ignored;
    struct lake_name full;
    bool live = n.count == 2 && str_ieqz(n.parts[0], "live");
    if (live)
        n = (struct names){n.parts + 1, 1};
    struct dataset *d = NULL;
    if (n.count == 1 && scope->pipeline)
        d = map_get(scope->pipeline->local, str_lower(a, n.parts[0]));
    if (d || lake_name_resolve(a, n.parts, n.count, &scope->names, &full, &ignored))
        return d;
    d = map_get(m->published, lake_name_text(a, &full));
    if (d || !live || !scope->pipeline)
        return d;
    /* LIVE.x of a table that its pipeline published elsewhere: by its last name */
    for (size_t i = 0; i < scope->pipeline->dataset_count; i++)
        if (str_eq(scope->pipeline->datasets[i]->name.table, full.table))
            return scope->pipeline->datasets[i];
    return NULL;
}

/* ---- refusals */

static int check_columns(const struct stmt *st, struct err *err)
{
    for (size_t i = 0; i < st->column_count; i++) {
        const struct column_def *c = &st->columns[i];
        const char *what = c->generated ? "GENERATED ALWAYS AS" : c->identity ? "GENERATED … AS IDENTITY" :
                           c->default_value ? "DEFAULT" : NULL;
        if (what)
            return err_at(err, ERR_UNSUPPORTED, PLACE(c->at), "%s of column `%.*s` of a pipeline's dataset is not supported", what,
                      STR_ARGS(c->name));
    }
    return 0;
}

static int check_table(struct arena *a, const struct stmt *st, struct err *err)
{
    if (st->using_format.len && !str_ieqz(st->using_format, "delta"))
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "USING %.*s: a pipeline's tables are Delta tables", STR_ARGS(st->using_format));
    if (st->location.len)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "LOCATION of a pipeline's dataset is not supported: leave it out, the table lies in its schema");
    if (st->schedule.len)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "'%.*s' in a pipeline is not supported: the pipeline itself is scheduled", STR_ARGS(st->schedule));
    if (st->flow.kind == FLOW_AUTO_CDC)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "AUTO CDC is not supported");
    if (st->flow.kind == FLOW_REPLACE_WHERE)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "FLOW REPLACE WHERE is not supported");
    for (size_t i = 0; i < st->partitioned_by.count; i++)
        if (st->partitioned_by.items[i]->kind != EXPR_COLUMN)
            return err_at(err, ERR_UNSUPPORTED, PLACE(st->partitioned_by.items[i]->at), "PARTITIONED BY takes columns");
    for (size_t i = 0; i < st->constraint_count; i++)
        if (str_find(str_upper(a, st->constraints[i]), STR("CHECK")) >= 0)
            return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "a CHECK constraint of a pipeline's dataset is not supported: use CONSTRAINT … EXPECT");
    return check_columns(st, err);
}

static int check_view(const struct stmt *st, struct err *err)
{
    if (st->expectation_count)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->expectations[0].at),
                  "an expectation on a view is not supported: put it on the table that reads the view");
    if (st->global)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "a global temporary view in a pipeline is not supported");
    if (st->constraint_count)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "a constraint on a view is not supported");
    return check_columns(st, err);
}

/* ---- datasets */

static struct flow *add_flow(struct model *m, struct pipeline *pl, const struct stmt *st, const struct query_scope *scope)
{
    struct flow *f = ARENA_NEW(m->arena, struct flow);
    f->at = st->at;
    f->scope = scope;
    f->text = st->text;
    pl->flows = arena_grow(m->arena, pl->flows, &pl->flow_cap, pl->flow_count + 1, sizeof(struct flow *));
    pl->flows[pl->flow_count++] = f;
    return f;
}

static int dataset_name(struct model *m, struct dataset *d, const struct names *name, struct err *err)
{
    struct names n = *name;
    struct pipeline *pl = d->pipeline;
    if (n.count == 2 && str_ieqz(n.parts[0], "live"))
        n = (struct names){n.parts + 1, 1};
    if (d->unpublished && n.count != 1)
        return err_at(err, ERR_INPUT, PLACE(d->st->at), "[INVALID_TEMP_OBJ_QUALIFIER] a %s's name has one part, not %zu",
                  dataset_kind_name(d->kind), n.count);
    struct lake_scope names = d->scope->names;
    if (d->unpublished)
        names.schema = str_fmt(m->arena, "__private_%.*s", STR_ARGS(pl->state_name));
    if (lake_name_resolve(m->arena, n.parts, n.count, &names, &d->name, err))
        return err_locate(err, d->st->at.file, d->st->at.line, d->st->at.col);
    d->full = d->unpublished ? d->name.table : lake_name_text(m->arena, &d->name);
    d->shown = d->unpublished ? str_fmt(m->arena, "`%.*s`", STR_ARGS(d->name.table)) : model_shown(m->arena, &d->name);
    struct map *map = d->unpublished ? pl->local : m->published;
    const struct dataset *other = map_get(map, d->full);
    if (other)
        return err_at(err, ERR_EXISTS, PLACE(d->st->at), "[PIPELINE_DUPLICATE_IDENTIFIERS] dataset %.*s is defined already, at %s:%d in pipeline '%.*s'",
                      STR_ARGS(d->shown), other->st->at.file, other->st->at.line, STR_ARGS(other->pipeline->name));
    map_put(map, d->full, d);
    return 0;
}

static int add_dataset(struct model *m, struct pipeline *pl, const struct stmt *st, const struct query_scope *scope,
                       struct err *err)
{
    static const enum dataset_kind kinds[] = {
        [STMT_CREATE_STREAMING_TABLE] = DATASET_STREAMING_TABLE,
        [STMT_CREATE_MATERIALIZED_VIEW] = DATASET_MATERIALIZED_VIEW,
        [STMT_CREATE_VIEW] = DATASET_VIEW,
        [STMT_CREATE_PIPELINE_VIEW] = DATASET_TEMPORARY_VIEW,
    };
    struct dataset *d = ARENA_NEW(m->arena, struct dataset);
    d->pipeline = pl;
    d->st = st;
    d->scope = scope;
    d->kind = kinds[st->kind];
    if (st->kind == STMT_CREATE_VIEW && st->temporary)
        d->kind = DATASET_TEMPORARY_VIEW;
    d->unpublished = d->kind == DATASET_TEMPORARY_VIEW || st->private_ || (st->temporary && d->kind != DATASET_VIEW);
    bool table = d->kind == DATASET_STREAMING_TABLE || d->kind == DATASET_MATERIALIZED_VIEW;
    if (pl->dataset_count == PIPELINE_MAX_DATASETS)
        return err_at(err, ERR_LIMIT, PLACE(st->at), "a pipeline has at most PIPELINE_MAX_DATASETS datasets");
    if ((table ? check_table(m->arena, st, err) : check_view(st, err)) || dataset_name(m, d, &st->name, err))
        return -1;
    if (table)
        d->dir = lake_catalog_dir(m->engine->catalog, m->arena, &d->name);
    pl->datasets = arena_grow(m->arena, pl->datasets, &pl->dataset_cap, pl->dataset_count + 1, sizeof d);
    pl->datasets[pl->dataset_count++] = d;
    const struct rel *query = st->query ? st->query : st->flow.query;
    if (!query)
        return 0;
    struct flow *f = add_flow(m, pl, st, scope);
    f->query = query;
    f->target = d;
    f->name = d->full;
    f->once = st->flow.once;
    f->by_default = true;
    return 0;
}

static int add_create_flow(struct model *m, struct pipeline *pl, const struct stmt *st, const struct query_scope *scope,
                           struct err *err)
{
    struct lake_name name;
    if (st->flow.kind == FLOW_AUTO_CDC)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "AUTO CDC INTO (APPLY CHANGES INTO) is not supported");
    if (st->flow.kind != FLOW_INSERT || st->flow.replace_where)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "a flow with REPLACE WHERE is not supported");
    if (!st->flow.by_name)
        return err_at(err, ERR_UNSUPPORTED, PLACE(st->at), "only INSERT INTO … BY NAME flows are supported: add BY NAME before the query");
    if (lake_name_resolve(m->arena, st->flow.name.parts, st->flow.name.count, &scope->names, &name, err))
        return err_locate(err, st->at.file, st->at.line, st->at.col);
    struct flow *f = add_flow(m, pl, st, scope);
    f->query = st->flow.query;
    f->once = st->flow.once;
    f->target_name = st->flow.target;
    f->name = lake_name_text(m->arena, &name);
    return 0;
}

int model_statement(struct model *m, struct pipeline *pl, const struct stmt *st, const struct query_scope *scope,
                    struct err *err)
{
    typedef int (*handler)(struct model *, struct pipeline *, const struct stmt *, const struct query_scope *, struct err *);
    static const struct { enum stmt_kind kind; handler fn; } known[] = {
        {STMT_CREATE_STREAMING_TABLE, add_dataset}, {STMT_CREATE_MATERIALIZED_VIEW, add_dataset},
        {STMT_CREATE_VIEW, add_dataset}, {STMT_CREATE_PIPELINE_VIEW, add_dataset},
        {STMT_CREATE_FLOW, add_create_flow},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].kind == st->kind)
            return known[i].fn(m, pl, st, scope, err);
    return err_at(err, ERR_UNSUPPORTED, PLACE(st->at),
              "[PIPELINE_SQL_GRAPH_ELEMENT_REGISTRATION_ERROR] %s is no part of a pipeline: a pipeline's files declare streaming "
              "tables, materialized views, views and flows", stmt_kind_name(st->kind));
}
