/* Control activities. Containers keep their progress in act->state; a group that ends is freed in
 * the container's done function, after its error was taken over. */
#include "factory/run_int.h"

#include <string.h>

/* ---------------------------------------------------------------- shared */

static int need_eval(struct act *a, const char *key, const struct doc **out, struct err *err)
{
    const struct doc *d = doc_get(a->props, key);
    CHECK(d); /* required: the check saw to it */
    *out = act_eval(a, d, err);
    return *out ? 0 : -1;
}

static int truth(const struct doc *v, const struct doc *at, const char *what, bool *out,
                 struct err *err)
{
    if (v->kind == DOC_STRING && (str_ieqz(v->text, "true") || str_ieqz(v->text, "false")))
        *out = str_ieqz(v->text, "true");
    else if (v->kind == DOC_BOOL)
        *out = v->boolean;
    else
        return doc_err(at, ERR_INPUT, err, "%s needs a boolean, not %s", what,
                       doc_kind_name(v->kind));
    return 0;
}

static void group_ended(struct group *g, void *arg)
{
    struct act *a = arg;
    enum run_status status = g->status;
    struct err err = g->err;
    if (status == RUN_FAILED)
        err_wrap(&err, "an inner activity of '%s' failed", a->name);
    act_group_free(g);
    act_done(a, status, NULL, &err);
}

/* ---------------------------------------------------------------- Wait, Fail */

static void wait_over(void *arg)
{
    act_done(arg, RUN_SUCCEEDED, NULL, NULL);
}

static int start_wait(struct act *a, struct err *err)
{
    int64_t seconds;
    if (act_int(a, "waitTimeInSeconds", 1, &seconds, err))
        return -1;
    if (seconds < 0)
        return doc_err(a->props, ERR_INPUT, err, "Wait cannot wait %jd seconds", (intmax_t)seconds);
    a->own_timer = ev_timer_new(a->group->run->f->opts.loop, wait_over, a);
    ev_timer_start(a->own_timer, seconds * 1000, 0);
    return 0;
}

static void cancel_wait(struct act *a)
{
    ev_timer_stop(a->own_timer);
    act_done(a, RUN_CANCELED, NULL, NULL);
}

static int start_fail(struct act *a, struct err *err)
{
    const struct doc *message, *code;
    if (need_eval(a, "message", &message, err) || need_eval(a, "errorCode", &code, err))
        return -1;
    struct str text = adf_to_string(a->group->a, message);
    if (!str_trim(text).len) {
        a->error_code = "ErrorCodeNotString";
        return err_set(err, ERR_USER, "Failed to interpret %s fail message or error code", a->name);
    }
    bool ok = code->kind == DOC_STRING && str_trim(code->text).len;
    a->error_code = ok ? str_cz(a->group->a, code->text) : "ErrorCodeNotString";
    return err_set(err, ERR_USER, "%.*s", STR_ARGS(text));
}

/* ---------------------------------------------------------------- variables */

static int depth_of(const struct doc *d, int limit)
{
    int deepest = 0;
    for (size_t i = 0; limit > 0 && i < d->count; i++) {
        int n = depth_of(d->items[i], limit - 1);
        deepest = n > deepest ? n : deepest;
    }
    return deepest + 1;
}

static int store_variable(struct act *a, struct str name, const struct doc *value, struct err *err)
{
    struct factory_run *r = a->group->run;
    const struct doc *declared = model_params(r->pipeline, "variables");
    for (size_t i = 0; i < declared->count; i++) {
        if (!str_ieq(declared->keys[i].name, name))
            continue;
        struct str type = doc_str(doc_get(declared->items[i], "type"), STR("String"));
        static const struct { const char *type; enum doc_kind kind; } kinds[] = {
            {"String", DOC_STRING}, {"Boolean", DOC_BOOL}, {"Bool", DOC_BOOL},
            {"Integer", DOC_INT}, {"Array", DOC_ARRAY}};
        for (size_t k = 0; k < COUNT_OF(kinds); k++)
            if (str_ieqz(type, kinds[k].type) && value->kind != kinds[k].kind)
                return doc_err(doc_get(a->props, "value"), ERR_INPUT, err,
                               "variable '%.*s' is of type %.*s and cannot hold %s", STR_ARGS(name),
                               STR_ARGS(type), doc_kind_name(value->kind));
        if (depth_of(value, DOC_MAX_DEPTH) >= DOC_MAX_DEPTH)
            return doc_err(a->props, ERR_LIMIT, err, "variable '%.*s' grows deeper than %d levels",
                           STR_ARGS(name), DOC_MAX_DEPTH);
        doc_set(r->a, r->variables, declared->keys[i].name,
                (struct doc *)doc_deep_copy(r->a, value));
        return 0;
    }
    return doc_err(a->props, ERR_NOT_FOUND, err, "there is no variable '%.*s'", STR_ARGS(name));
}

/* {type, content} of a return value: content of an Expression is evaluated by adf_doc as any
 * string; Array and Object hold more of the same. */
static const struct doc *return_item(struct act *a, const struct doc *typed, int depth,
                                     struct err *err)
{
    struct arena *m = a->group->a;
    struct str type = doc_str(doc_get(typed, "type"), STR("String"));
    const struct doc *content = doc_get(typed, "content"), *v;
    if (depth > 20) {
        doc_err(typed, ERR_LIMIT, err, "a return value of more than 20 levels");
        return NULL;
    }
    if (str_ieqz(type, "Null") || !content)
        return doc_new_null(m);
    if (!(str_ieqz(type, "Array") || str_ieqz(type, "Object")) || content->kind != DOC_ARRAY)
        return act_eval(a, content, err);
    struct doc *out = str_ieqz(type, "Array") ? doc_new_array(m) : doc_new_object(m);
    for (size_t i = 0; i < content->count; i++) {
        const struct doc *item = content->items[i];
        if (!(v = return_item(a, out->kind == DOC_OBJECT ? doc_get(item, "value") : item, depth + 1, err)))
            return NULL;
        if (out->kind == DOC_OBJECT)
            doc_set(m, out, doc_str(doc_get(item, "key"), STR("")), (struct doc *)v);
        else
            doc_push(m, out, (struct doc *)v);
    }
    return out;
}

static int set_return_value(struct act *a, struct err *err)
{
    struct factory_run *r = a->group->run;
    const struct doc *pairs = doc_get(a->props, "value");
    if (!doc_is(pairs, DOC_ARRAY))
        return doc_err(a->props, ERR_INPUT, err, "a pipeline return value is an array of "
                       "{\"key\", \"value\": {\"type\", \"content\"}}");
    if (!r->return_value)
        r->return_value = doc_new_object(r->a);
    for (size_t i = 0; i < pairs->count; i++) {
        const struct doc *key = doc_need(pairs->items[i], "key", DOC_STRING, err);
        const struct doc *typed = key ? doc_need(pairs->items[i], "value", DOC_OBJECT, err) : NULL;
        const struct doc *v = typed ? return_item(a, typed, 0, err) : NULL;
        if (!v)
            return -1;
        doc_set(r->a, r->return_value, key->text, (struct doc *)doc_deep_copy(r->a, v));
    }
    act_done(a, RUN_SUCCEEDED, NULL, NULL);
    return 0;
}

static int start_set_variable(struct act *a, struct err *err)
{
    struct arena *m = a->group->a;
    struct str name = doc_str(doc_get(a->props, "variableName"), STR(""));
    const struct doc *v;
    if (doc_bool(doc_get(a->props, "setSystemVariable"), false))
        return set_return_value(a, err);
    if (need_eval(a, "value", &v, err) || store_variable(a, name, v, err))
        return -1;
    struct doc *output = doc_new_object(m);
    doc_set(m, output, STR("name"), doc_new_str(m, name));
    doc_set(m, output, STR("value"), (struct doc *)v);
    act_done(a, RUN_SUCCEEDED, output, NULL);
    return 0;
}

static int start_append_variable(struct act *a, struct err *err)
{
    struct factory_run *r = a->group->run;
    struct str name = doc_str(doc_get(a->props, "variableName"), STR(""));
    const struct doc *v;
    struct doc *old = doc_iget(r->variables, str_cz(a->group->a, name));
    if (need_eval(a, "value", &v, err))
        return -1;
    if (!doc_is(old, DOC_ARRAY))
        return doc_err(a->props, ERR_INPUT, err, "variable '%.*s' is no array: nothing can be "
                       "appended to it", STR_ARGS(name));
    struct doc *list = doc_new_array(r->a); /* values handed out before stay as they are */
    for (size_t i = 0; i < old->count; i++)
        doc_push(r->a, list, old->items[i]);
    doc_push(r->a, list, (struct doc *)doc_deep_copy(r->a, v));
    for (size_t i = 0; i < r->variables->count; i++)
        if (r->variables->items[i] == old)
            r->variables->items[i] = list;
    struct doc *output = doc_new_object(a->group->a);
    doc_set(a->group->a, output, STR("name"), doc_new_str(a->group->a, name));
    doc_set(a->group->a, output, STR("value"), list);
    act_done(a, RUN_SUCCEEDED, output, NULL);
    return 0;
}

static void check_variable(struct check *c, const struct doc *def, const struct doc *props)
{
    const struct doc *name = doc_get(props, "variableName");
    struct err err;
    (void)def;
    if (!doc_need(props, "variableName", DOC_STRING, &err)) {
        check_fail(c, &err);
        return;
    }
    if (doc_bool(doc_get(props, "setSystemVariable"), false)) {
        if (!str_eqz(name->text, "pipelineReturnValue"))
            check_at(c, name, ERR_UNSUPPORTED, "the only system variable that can be set is "
                     "pipelineReturnValue");
        return;
    }
    const struct doc *declared = model_params(c->pipeline, "variables");
    if (!doc_iget(declared, arena_strndup(c->f->model->a, name->text.ptr, name->text.len)))
        check_at(c, name, ERR_NOT_FOUND, "the pipeline declares no variable '%.*s'",
                 STR_ARGS(name->text));
}

/* ---------------------------------------------------------------- Filter */

static int start_filter(struct act *a, struct err *err)
{
    struct arena *m = a->group->a;
    const struct doc *items, *condition = doc_get(a->props, "condition"), *v;
    struct doc *kept = doc_new_array(m), *output = doc_new_object(m);
    bool keep;
    if (need_eval(a, "items", &items, err))
        return -1;
    if (items->kind != DOC_ARRAY)
        return doc_err(doc_get(a->props, "items"), ERR_INPUT, err,
                       "Filter needs an array, not %s", doc_kind_name(items->kind));
    for (size_t i = 0; i < items->count; i++) {
        if (!(v = act_eval_item(a, condition, items->items[i], err)) ||
            truth(v, condition, "a filter's condition", &keep, err))
            return -1;
        if (keep)
            doc_push(m, kept, items->items[i]);
    }
    doc_set(m, output, STR("ItemsCount"), doc_new_i64(m, (int64_t)items->count));
    doc_set(m, output, STR("FilteredItemsCount"), doc_new_i64(m, (int64_t)kept->count));
    doc_set(m, output, STR("Value"), kept);
    act_done(a, RUN_SUCCEEDED, output, NULL);
    return 0;
}

/* ---------------------------------------------------------------- branches */

static int run_branch(struct act *a, const struct doc *list)
{
    act_group_start(a, list, NULL, group_ended, a);
    return 0;
}

static int start_if(struct act *a, struct err *err)
{
    const struct doc *v;
    bool yes;
    if (need_eval(a, "expression", &v, err) ||
        truth(v, doc_get(a->props, "expression"), "an If condition", &yes, err))
        return -1;
    return run_branch(a, doc_get(a->props, yes ? "ifTrueActivities" : "ifFalseActivities"));
}

static int start_switch(struct act *a, struct err *err)
{
    const struct doc *v, *cases = doc_get(a->props, "cases");
    if (need_eval(a, "on", &v, err))
        return -1;
    struct str on = adf_to_string(a->group->a, v);
    for (size_t i = 0; doc_is(cases, DOC_ARRAY) && i < cases->count; i++)
        if (str_eq(on, doc_str(doc_get(cases->items[i], "value"), STR(""))))
            return run_branch(a, doc_get(cases->items[i], "activities"));
    return run_branch(a, doc_get(a->props, "defaultActivities"));
}

/* ---------------------------------------------------------------- ForEach */

struct foreach {
    const struct doc *items;
    size_t next, running, parallel;
    bool failed, filling;
    struct err err;
};

static void foreach_fill(struct act *a);

static void iteration_ended(struct group *g, void *arg)
{
    struct act *a = arg;
    struct foreach *f = a->state;
    if (g->status == RUN_FAILED && !f->failed) {
        f->failed = true;
        f->err = g->err;
        err_wrap(&f->err, "an inner activity of '%s' failed", a->name);
    }
    act_group_free(g);
    f->running--;
    foreach_fill(a);
}

static void foreach_fill(struct act *a)
{
    struct foreach *f = a->state;
    while (!act_stopped(a) && f->running < f->parallel && f->next < f->items->count) {
        f->running++;
        act_group_start(a, doc_get(a->props, "activities"), f->items->items[f->next++],
                    iteration_ended, a);
    }
    if (f->running == 0)
        act_done(a, f->failed ? RUN_FAILED : RUN_SUCCEEDED, NULL, &f->err);
}

static int start_foreach(struct act *a, struct err *err)
{
    struct foreach *f = ARENA_NEW(a->group->a, struct foreach);
    bool sequential;
    int64_t parallel;
    if (need_eval(a, "items", &f->items, err) ||
        act_bool(a, "isSequential", false, &sequential, err) ||
        act_int(a, "batchCount", FOREACH_PARALLEL, &parallel, err))
        return -1;
    if (f->items->kind != DOC_ARRAY)
        return doc_err(doc_get(a->props, "items"), ERR_INPUT, err,
                       "ForEach needs an array, not %s", doc_kind_name(f->items->kind));
    if (f->items->count > FOREACH_MAX_ITEMS)
        return doc_err(doc_get(a->props, "items"), ERR_LIMIT, err,
                       "ForEach over %zu items: the limit is %d", f->items->count,
                       FOREACH_MAX_ITEMS);
    if (parallel < 1 || parallel > FOREACH_PARALLEL_MAX)
        return doc_err(doc_get(a->props, "batchCount"), ERR_INPUT, err,
                       "batchCount goes from 1 to %d", FOREACH_PARALLEL_MAX);
    f->parallel = sequential ? 1 : (size_t)parallel;
    a->state = f;
    foreach_fill(a);
    return 0;
}

/* ---------------------------------------------------------------- Until */

enum { UNTIL_TIMEOUT_DAYS = 7 };

static void until_timeout(void *arg)
{
    struct act *a = arg;
    a->timed_out = a->canceling = true;
    act_stop_inner(a);
}

static void until_round(struct act *a);

static void round_ended(struct group *g, void *arg)
{
    struct act *a = arg;
    const struct doc *expression = doc_get(a->props, "expression"), *v;
    struct err err = g->err, cond_err = {};
    enum run_status status = g->status;
    bool over = false;
    if (!act_stopped(a)) {
        v = act_group_eval(g, expression, &cond_err); /* it sees the activities of this round */
        if (!v || truth(v, expression, "Until", &over, &cond_err)) {
            act_group_free(g);
            act_done(a, RUN_FAILED, NULL, &cond_err);
            return;
        }
    }
    act_group_free(g);
    if (!over && !act_stopped(a)) {
        until_round(a);
        return;
    }
    if (status == RUN_FAILED)
        err_wrap(&err, "an inner activity of '%s' failed", a->name);
    act_done(a, status, NULL, &err);
}

static void until_round(struct act *a)
{
    act_group_start(a, doc_get(a->props, "activities"), NULL, round_ended, a);
}

static int start_until(struct act *a, struct err *err)
{
    const struct doc *timeout = doc_get(a->props, "timeout");
    const struct doc *v = timeout ? act_eval(a, timeout, err) : NULL;
    a->timeout_ms = (int64_t)UNTIL_TIMEOUT_DAYS * 24 * 3600 * 1000;
    if (timeout && !v)
        return -1;
    if (v && (v->kind != DOC_STRING || !model_span_ms(v->text, &a->timeout_ms)))
        return doc_err(timeout, ERR_INPUT, err, "a timeout is written d.hh:mm:ss");
    a->own_timer = ev_timer_new(a->group->run->f->opts.loop, until_timeout, a);
    ev_timer_start(a->own_timer, a->timeout_ms, 0);
    until_round(a);
    return 0;
}

/* ---------------------------------------------------------------- ExecutePipeline */

struct child { struct factory_run *run; bool wait; };

static struct doc *child_output(struct act *a, const char *pipeline, const char *run_id)
{
    struct arena *m = a->group->a;
    struct doc *output = doc_new_object(m);
    doc_set(m, output, STR("pipelineName"), doc_new_str(m, str_z(pipeline)));
    doc_set(m, output, STR("pipelineRunId"), doc_new_str(m, str_z(run_id)));
    return output;
}

static void child_done(void *ctx, const struct factory_result *r)
{
    struct act *a = ctx;
    struct arena *m = a->group->a;
    struct doc *output = child_output(a, r->pipeline, r->run_id);
    const struct doc *value = doc_get(r->output, "pipelineReturnValue");
    struct err err = {};
    if (value)
        doc_set(m, output, STR("pipelineReturnValue"), (struct doc *)doc_deep_copy(m, value));
    if (r->error) {
        err = *r->error;
        err_wrap(&err, "pipeline '%s'", r->pipeline);
    }
    a->state = NULL;
    act_done(a, r->status, output, &err);
}

static int start_execute(struct act *a, struct err *err)
{
    struct factory_run *parent = a->group->run;
    const struct doc *given = doc_get(a->props, "parameters"), *params = NULL;
    struct model_item *item =
        model_ref(parent->f->model, MODEL_PIPELINE, doc_get(a->props, "pipeline"), err);
    struct child *child = ARENA_NEW(a->group->a, struct child);
    if (!item || act_bool(a, "waitOnCompletion", true, &child->wait, err))
        return -1;
    if (doc_is(given, DOC_OBJECT) && !(params = act_eval(a, given, err)))
        return -1;
    if (parent->depth >= RUN_MAX_DEPTH)
        return doc_err(a->props, ERR_LIMIT, err, "more than %d pipelines inside one another",
                       RUN_MAX_DEPTH);
    struct factory_start start = {.pipeline = item->name, .params = params,
                                  .trigger_type = "PipelineActivity",
                                  .trigger_name = parent->start.trigger_name,
                                  .trigger_time = parent->start.trigger_time,
                                  .ctx = parent->start.ctx};
    if (child->wait) /* else it may outlive the caller's context */
        start.on_activity = parent->start.on_activity;
    child->run = run_new(parent->f, &start, a, err);
    if (!child->run)
        return -1;
    if (!child->wait) {
        act_done(a, RUN_SUCCEEDED, child_output(a, item->name, child->run->id), NULL);
        return 0;
    }
    run_wait(child->run, child_done, a);
    a->state = child;
    return 0;
}

static void cancel_execute(struct act *a)
{
    struct child *child = a->state;
    if (child)
        factory_cancel(child->run);
}

static void check_execute(struct check *c, const struct doc *def, const struct doc *props)
{
    struct err err;
    struct model_item *item =
        model_ref(c->f->model, MODEL_PIPELINE, doc_get(props, "pipeline"), &err);
    const struct doc *given = doc_get(props, "parameters"), *declared;
    (void)def;
    if (!item) {
        check_fail(c, &err);
        return;
    }
    declared = model_params(item, "parameters");
    for (size_t i = 0; doc_is(given, DOC_OBJECT) && i < given->count; i++)
        if (!doc_iget(declared, arena_strndup(c->f->model->a, given->keys[i].name.ptr,
                                              given->keys[i].name.len)))
            check_at(c, given->items[i], ERR_INPUT, "pipeline '%s' has no parameter '%.*s'",
                     item->name, STR_ARGS(given->keys[i].name));
    for (size_t i = 0; i < declared->count; i++)
        if (!doc_get(declared->items[i], "defaultValue") &&
            !doc_iget(given, arena_strndup(c->f->model->a, declared->keys[i].name.ptr,
                                           declared->keys[i].name.len)))
            check_at(c, props, ERR_INPUT, "parameter '%.*s' of pipeline '%s' has no default and "
                     "is not given", STR_ARGS(declared->keys[i].name), item->name);
    check_pipeline(c, item);
}

const struct activity_type control_types[] = {
    {.name = "AppendVariable", .start = start_append_variable, .check = check_variable,
     .required = {"variableName", "value"}},
    {.name = "ExecutePipeline", .start = start_execute, .cancel = cancel_execute,
     .check = check_execute, .required = {"pipeline"}},
    {.name = "Fail", .start = start_fail, .required = {"message", "errorCode"}},
    {.name = "Filter", .start = start_filter, .item = true, .required = {"items", "condition"}},
    {.name = "ForEach", .start = start_foreach, .lists = {"activities"}, .item = true,
     .required = {"items", "activities"}},
    {.name = "IfCondition", .start = start_if, .lists = {"ifTrueActivities", "ifFalseActivities"},
     .required = {"expression"}},
    {.name = "SetVariable", .start = start_set_variable, .check = check_variable,
     .required = {"variableName", "value"}},
    {.name = "Switch", .start = start_switch, .lists = {"defaultActivities"}, .required = {"on"}},
    {.name = "Until", .start = start_until, .lists = {"activities"},
     .required = {"expression", "activities"}},
    {.name = "Wait", .start = start_wait, .cancel = cancel_wait,
     .required = {"waitTimeInSeconds"}},
    {},
};
