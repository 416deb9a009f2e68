/* The check before a run: everything that a pipeline refers to, and every construct by name. It finds
 * as much as it can in one pass; nothing of it depends on values known only during a run. */
#include "factory/run_int.h"

#include <stdio.h>
#include <string.h>

void check_fail(struct check *c, const struct err *finding)
{
    c->count++;
    if (c->found)
        c->found(c->ctx, finding);
}

void check_at(struct check *c, const struct doc *at, enum err_code code, const char *fmt, ...)
{
    struct err err = {};
    char msg[sizeof err.msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (at)
        doc_err(at, code, &err, "%s", msg);
    else
        err_set(&err, code, "%s", msg);
    check_fail(c, &err);
}

/* ---------------------------------------------------------------- activity types */

static const struct activity_type *const type_tables[] = {control_types, data_types, web_types,
                                                          task_types};

const struct activity_type *activity_type_find(struct str name)
{
    for (size_t t = 0; t < COUNT_OF(type_tables); t++)
        for (const struct activity_type *x = type_tables[t]; x->name; x++)
            if (str_ieqz(name, x->name))
                return x;
    return NULL;
}

/* What Azure knows and we refuse, with the way around. */
static const struct { const char *type, *instead; } refused[] = {
    {"ExecuteDataFlow", "a mapping data flow; write it as a declarative pipeline (SQL) and run that "
                        "in the job instead"},
    {"ExecuteWranglingDataflow", "a Power Query flow; write it as a declarative pipeline (SQL)"},
    {"SynapseNotebook", "a Synapse notebook; use a DatabricksNotebook activity or a job's task"},
    {"SparkJob", "a Synapse Spark job; use a job's task"},
    {"HDInsightSpark", "HDInsight; use a job's task"},
    {"HDInsightHive", "HDInsight; use a job's task"},
    {"SqlServerStoredProcedure", "a call into a SQL database, which is not reached from here"},
    {"Script", "a script in a SQL database, which is not reached from here"},
    {"AzureFunctionActivity", "a call of a function by name; use WebActivity with its address"},
    {"WebHook", "it waits for a call back from outside; use WebActivity"},
    {"Custom", "Azure Batch"},
    {"DatabricksSparkJar", "a Spark jar; there is no JVM here"},
};

static void unknown_type(struct check *c, const struct doc *at, struct str name, struct str type)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (str_ieqz(type, refused[i].type)) {
            check_at(c, at, ERR_UNSUPPORTED, "activity '%.*s' of type %.*s is not supported: it is %s",
                     STR_ARGS(name), STR_ARGS(type), refused[i].instead);
            return;
        }
    check_at(c, at, ERR_UNSUPPORTED, "activity '%.*s': there is no activity type '%.*s' here",
             STR_ARGS(name), STR_ARGS(type));
}

/* ---------------------------------------------------------------- expressions */

static bool declared(struct check *c, const struct doc *params, struct str name)
{
    return doc_iget(params, arena_strndup(c->f->model->a, name.ptr, name.len)) != NULL;
}

static int one_ref(void *ctx, enum adf_ref kind, struct str name, const struct doc *at,
                   struct err *err)
{
    struct check *c = ctx;
    (void)err;
    switch (kind) {
    case ADF_REF_ACTIVITY:
        if (!map_has(c->activities, name))
            check_at(c, at, ERR_NOT_FOUND, "the pipeline has no activity '%.*s'", STR_ARGS(name));
        break;
    case ADF_REF_VARIABLE:
        if (!declared(c, model_params(c->pipeline, "variables"), name))
            check_at(c, at, ERR_NOT_FOUND, "the pipeline declares no variable '%.*s'",
                     STR_ARGS(name));
        break;
    case ADF_REF_PARAMETER:
        if (!declared(c, model_params(c->pipeline, "parameters"), name))
            check_at(c, at, ERR_NOT_FOUND, "the pipeline declares no parameter '%.*s'",
                     STR_ARGS(name));
        break;
    case ADF_REF_GLOBAL:
        if (!declared(c, c->f->model->globals, name))
            check_at(c, at, ERR_NOT_FOUND, "the factory has no global parameter '%.*s'",
                     STR_ARGS(name));
        break;
    case ADF_REF_DATASET:
    case ADF_REF_LINKED_SERVICE:
        check_at(c, at, ERR_INPUT, "%s() has a value only inside a %s",
                 kind == ADF_REF_DATASET ? "dataset" : "linkedService",
                 kind == ADF_REF_DATASET ? "dataset" : "linked service");
        break;
    case ADF_REF_ITEM:
        if (!c->in_item)
            check_at(c, at, ERR_INPUT, "item() has a value only inside a ForEach or a Filter");
        break;
    case ADF_REF_TRIGGER:
        check_at(c, at, ERR_INPUT, "trigger() has a value only in the parameters of a trigger; "
                 "hand it over as a parameter of the pipeline");
        break;
    }
    return 0;
}

void check_expr(struct check *c, const struct doc *d)
{
    struct adf_refs refs = {one_ref, c};
    struct err err = {};
    if (d && adf_check(d, &refs, &err))
        check_fail(c, &err);
}

/* ---------------------------------------------------------------- lists of activities */

static void check_list(struct check *c, const struct doc *list, int depth);

static const struct doc *find_in(const struct doc *list, struct str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_ieq(doc_str(doc_get(list->items[i], "name"), STR("")), name))
            return list->items[i];
    return NULL;
}

static void check_depends(struct check *c, const struct doc *list, const struct doc *def)
{
    static const char *const conditions[] = {"Succeeded", "Failed", "Skipped", "Completed"};
    const struct doc *deps = doc_get(def, "dependsOn");
    for (size_t i = 0; doc_is(deps, DOC_ARRAY) && i < deps->count; i++) {
        const struct doc *name = doc_get(deps->items[i], "activity");
        const struct doc *when = doc_get(deps->items[i], "dependencyConditions");
        if (!doc_is(name, DOC_STRING) || !find_in(list, name->text))
            check_at(c, name ? name : deps->items[i], ERR_NOT_FOUND,
                     "dependsOn names '%.*s', which is not an activity beside this one",
                     STR_ARGS(doc_str(name, STR(""))));
        if (!doc_is(when, DOC_ARRAY) || !when->count)
            check_at(c, deps->items[i], ERR_INPUT, "dependsOn needs \"dependencyConditions\"");
        for (size_t k = 0; doc_is(when, DOC_ARRAY) && k < when->count; k++) {
            bool known = false;
            for (size_t n = 0; n < COUNT_OF(conditions); n++)
                known |= str_ieqz(doc_str(when->items[k], STR("")), conditions[n]);
            if (!known)
                check_at(c, when->items[k], ERR_INPUT,
                         "a dependency condition is Succeeded, Failed, Skipped or Completed");
        }
    }
}

/* Takes away activities whose parents are all taken away; what is left waits for itself. */
static void check_cycles(struct check *c, const struct doc *list)
{
    bool *gone = mem_alloc(list->count + 1);
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < list->count; i++) {
            const struct doc *deps = doc_get(list->items[i], "dependsOn");
            bool free_ = !gone[i];
            for (size_t k = 0; free_ && doc_is(deps, DOC_ARRAY) && k < deps->count; k++) {
                struct str name = doc_str(doc_get(deps->items[k], "activity"), STR(""));
                for (size_t p = 0; p < list->count; p++)
                    if (!gone[p] && str_ieq(name, doc_str(doc_get(list->items[p], "name"), STR(""))))
                        free_ = false;
            }
            gone[i] |= free_;
            moved |= free_;
        }
    }
    for (size_t i = 0; i < list->count; i++)
        if (!gone[i]) {
            check_at(c, list->items[i], ERR_INPUT, "activity '%.*s' depends on itself",
                     STR_ARGS(doc_str(doc_get(list->items[i], "name"), STR(""))));
            break;
        }
    mem_free(gone);
}

static void check_policy(struct check *c, const struct doc *def)
{
    const struct doc *policy = doc_get(def, "policy"), *timeout = doc_get(policy, "timeout"),
                     *retry = doc_get(policy, "retry");
    int64_t v;
    if (doc_is(timeout, DOC_STRING) && !model_span_ms(timeout->text, &v))
        check_at(c, timeout, ERR_INPUT, "a timeout is written d.hh:mm:ss");
    if (timeout && timeout->kind != DOC_STRING)
        check_at(c, timeout, ERR_UNSUPPORTED, "a timeout that is an expression is not supported");
    if (retry && (!doc_i64(retry, &v) || v < 0))
        check_at(c, retry, ERR_UNSUPPORTED, "\"retry\" is a number from 0 on, no expression");
}

static bool is_list(const struct activity_type *type, struct str key)
{
    for (size_t i = 0; i < COUNT_OF(type->lists) && type->lists[i]; i++)
        if (str_eqz(key, type->lists[i]))
            return true;
    return false;
}

static void check_inside(struct check *c, const struct activity_type *type, const struct doc *props,
                         int depth)
{
    bool outer = c->in_item;
    c->in_item |= type->item;
    for (size_t i = 0; i < COUNT_OF(type->lists) && type->lists[i]; i++)
        if (doc_get(props, type->lists[i]))
            check_list(c, doc_get(props, type->lists[i]), depth + 1);
    const struct doc *cases = str_eqz(str_z(type->name), "Switch") ? doc_get(props, "cases") : NULL;
    for (size_t i = 0; doc_is(cases, DOC_ARRAY) && i < cases->count; i++)
        if (doc_get(cases->items[i], "activities"))
            check_list(c, doc_get(cases->items[i], "activities"), depth + 1);
    c->in_item = outer;
}

static void check_props(struct check *c, const struct activity_type *type, const struct doc *def,
                        const struct doc *props)
{
    for (size_t i = 0; i < COUNT_OF(type->required) && type->required[i]; i++)
        if (!doc_get(props, type->required[i]))
            check_at(c, props ? props : def, ERR_INPUT, "%s needs \"%s\"", type->name,
                     type->required[i]);
    for (size_t i = 0; doc_is(props, DOC_OBJECT) && i < props->count; i++) {
        bool outer = c->in_item;
        if (is_list(type, props->keys[i].name) || str_eqz(props->keys[i].name, "cases"))
            continue;
        c->in_item |= str_eqz(props->keys[i].name, "condition"); /* of a Filter */
        check_expr(c, props->items[i]);
        c->in_item = outer;
    }
    check_expr(c, doc_get(def, "inputs"));
    check_expr(c, doc_get(def, "outputs"));
}

static void check_activity(struct check *c, const struct doc *list, const struct doc *def, int depth)
{
    struct str name = doc_str(doc_get(def, "name"), STR(""));
    struct str type_name = doc_str(doc_get(def, "type"), STR(""));
    const struct doc *props = doc_get(def, "typeProperties");
    const struct activity_type *type = activity_type_find(type_name);
    if (!name.len)
        check_at(c, def, ERR_INPUT, "an activity needs a \"name\"");
    check_depends(c, list, def);
    if (str_ieqz(doc_str(doc_get(def, "state"), STR("")), "Inactive"))
        return;
    if (!type) {
        unknown_type(c, doc_get(def, "type") ? doc_get(def, "type") : def, name, type_name);
        return;
    }
    size_t before = c->count;
    check_policy(c, def);
    check_props(c, type, def, props);
    if (type->check && c->count == before)
        type->check(c, def, props);
    check_inside(c, type, props, depth);
}

static void check_list(struct check *c, const struct doc *list, int depth)
{
    if (list->kind != DOC_ARRAY) {
        check_at(c, list, ERR_INPUT, "a list of activities is expected here");
        return;
    }
    if (depth > MODEL_MAX_NESTING) {
        check_at(c, list, ERR_LIMIT, "containers are nested deeper than %d levels",
                 MODEL_MAX_NESTING);
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        check_activity(c, list, list->items[i], depth);
    check_cycles(c, list);
}

/* All activity names of the pipeline, at any depth: each may be there once. */
static void collect_names(struct check *c, const struct doc *d, int depth)
{
    if (depth > DOC_MAX_DEPTH)
        return;
    const struct doc *name = doc_get(d, "name"), *type = doc_get(d, "type");
    if (doc_is(name, DOC_STRING) && doc_is(type, DOC_STRING) &&
        (doc_get(d, "typeProperties") || doc_get(d, "dependsOn")) &&
        map_put(c->activities, name->text, (void *)d))
        check_at(c, name, ERR_INPUT, "there are two activities named '%.*s'", STR_ARGS(name->text));
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i]->kind == DOC_ARRAY || d->items[i]->kind == DOC_OBJECT)
            collect_names(c, d->items[i], depth + 1);
}

void check_pipeline(struct check *c, const struct model_item *item)
{
    const struct model_item *outer = c->pipeline;
    struct map *outer_names = c->activities;
    bool outer_item = c->in_item;
    if (map_put(c->seen, str_z(item->file), (void *)item))
        return;
    const struct doc *list = doc_get(item->props, "activities");
    c->pipeline = item;
    c->in_item = false;
    c->activities = map_new_icase();
    if (list) {
        collect_names(c, list, 0);
        if (map_count(c->activities) > MODEL_MAX_ACTIVITIES)
            check_at(c, list, ERR_LIMIT, "a pipeline of more than %d activities",
                     MODEL_MAX_ACTIVITIES);
        else
            check_list(c, list, 0);
    }
    map_free(c->activities);
    c->pipeline = outer;
    c->activities = outer_names;
    c->in_item = outer_item;
}

/* ---------------------------------------------------------------- the public side */

static void check_all(struct check *c)
{
    for (int k = 0; k < MODEL_KINDS; k++) {
        size_t at = 0;
        struct str key;
        void *value;
        while (map_next(c->f->model->items[k], &at, &key, &value)) {
            struct model_item *item = value;
            if (!item->props)
                check_fail(c, &item->err);
            else if (k == MODEL_PIPELINE)
                check_pipeline(c, item);
            else if (k == MODEL_TRIGGER)
                check_trigger(c, item);
        }
    }
}

size_t factory_check(struct factory *f, const char *pipeline,
                     void (*found)(void *ctx, const struct err *finding), void *ctx)
{
    struct check c = {.f = f, .found = found, .ctx = ctx, .seen = map_new()};
    struct model_item *item =
        pipeline ? model_find(f->model, MODEL_PIPELINE, str_z(pipeline)) : NULL;
    if (!pipeline)
        check_all(&c);
    else if (!item)
        check_at(&c, NULL, ERR_NOT_FOUND, "there is no pipeline '%s' in '%s'", pipeline,
                 f->model->dir);
    else if (!item->props)
        check_fail(&c, &item->err);
    else
        check_pipeline(&c, item);
    map_free(c.seen);
    return c.count;
}

struct first { bool set; struct err *err; };

static void keep_first(void *ctx, const struct err *finding)
{
    struct first *f = ctx;
    if (!f->set)
        *f->err = *finding;
    f->set = true;
}

int check_first(struct factory *f, const char *pipeline, struct err *err)
{
    struct first first = {.err = err};
    size_t n = factory_check(f, pipeline, keep_first, &first);
    if (n > 1) {
        size_t used = strlen(err->msg);
        snprintf(err->msg + used, sizeof err->msg - used, " (and %zu more findings)", n - 1);
    }
    return n ? -1 : 0;
}
