/* graph.c -- flows find their targets, datasets what they read, and all get an order.
 *
 * The order is Kahn's over all pipelines together: a dataset comes after what it reads, otherwise
 * in the order of the files. Within a pipeline a cycle is the user's error. One that runs through
 * several pipelines is none (each reads the other's tables as they are); the edge that closes it
 * is dropped. */
#include "pipelines/model.h"
#include <string.h>

struct link {
    struct model *m;
    void (*on_problem)(void *ctx, struct str pipeline, const struct err *err);
    void *ctx;
    int problems;
};

static void problem(struct link *l, const struct pipeline *pl, const struct err *err)
{
    l->problems++;
    if (l->on_problem)
        l->on_problem(l->ctx, pl->name, err);
}

/* ---- flows */

static int target_of(struct link *l, struct flow *f, struct err *err)
{
    struct model *m = l->m;
    if (!f->target)
        f->target = pipelines_model_find(m, m->arena, &f->target_name, f->scope);
    const struct dataset *t = f->target;
    if (!t || t->pipeline != f->scope->pipeline)
        return err_at(err, ERR_NOT_FOUND, PLACE(f->at), "[TABLE_OR_VIEW_NOT_FOUND] flow `%.*s` writes into a table that %s",
                      STR_ARGS(f->name), t ? "another pipeline makes" : "this pipeline does not make: add CREATE STREAMING TABLE for it");
    if (t->kind != DATASET_STREAMING_TABLE && !f->by_default)
        return err_at(err, ERR_INPUT, PLACE(f->at), "[INVALID_FLOW_RELATIONSHIP] flow `%.*s` writes into %.*s, a %s: flows write into streaming tables",
                      STR_ARGS(f->name), STR_ARGS(t->shown), dataset_kind_name(t->kind));
    if (t->flow_count == PIPELINE_MAX_FLOWS)
        return err_at(err, ERR_LIMIT, PLACE(f->at), "more than PIPELINE_MAX_FLOWS flows write into %.*s", STR_ARGS(t->shown));
    return 0;
}

static void link_flow(struct link *l, struct pipeline *pl, struct flow *f, struct map *names)
{
    struct err err = {};
    struct model *m = l->m;
    if (target_of(l, f, &err)) {
        problem(l, pl, &err);
        return;
    }
    struct flow *other = map_get(names, f->name);
    if (other) {
        err_at(&err, ERR_EXISTS, PLACE(f->at), "[PIPELINE_DUPLICATE_IDENTIFIERS] flow `%.*s` is defined already, at %s:%d",
               STR_ARGS(f->name), other->at.file, other->at.line);
        problem(l, pl, &err);
        return;
    }
    map_put(names, f->name, f);
    f->state_name = model_folder(m->arena, f->name);
    f->index = m->flow_count;
    m->flows = arena_grow(m->arena, m->flows, &m->flow_cap, m->flow_count + 1, sizeof f);
    m->flows[m->flow_count++] = f;
    struct dataset *t = f->target;
    t->flows = arena_grow(m->arena, t->flows, &t->flow_cap, t->flow_count + 1, sizeof f);
    t->flows[t->flow_count++] = f;
}

/* ---- edges */

static void add_input(struct model *m, struct dataset *d, struct dataset *input)
{
    for (size_t i = 0; i < d->input_count; i++)
        if (d->inputs[i] == input)
            return;
    d->inputs = arena_grow(m->arena, d->inputs, &d->input_cap, d->input_count + 1, sizeof input);
    d->inputs[d->input_count++] = input;
}

static void link_inputs(struct link *l, struct dataset *d)
{
    struct model *m = l->m;
    for (size_t i = 0; i < d->flow_count; i++) {
        struct deps deps = {};
        deps_collect(m->arena, d->flows[i]->query, &deps);
        for (size_t j = 0; j < deps.count; j++) {
            struct dataset *input = pipelines_model_find(m, m->arena, &deps.items[j].leaf->name, d->flows[i]->scope);
            if (!input)
                continue;
            add_input(m, d, input);
            input->streamed = input->streamed || deps.items[j].leaf->streaming;
        }
        d->streams = d->streams || rel_is_streaming(d->flows[i]->query);
    }
}

/* What everybody may read must not need what only its pipeline knows. */
static void check_view(struct link *l, const struct dataset *d)
{
    struct err err = {};
    for (size_t i = 0; d->kind == DATASET_VIEW && i < d->input_count; i++) {
        if (!d->inputs[i]->unpublished)
            continue;
        err_at(&err, ERR_INPUT, PLACE(d->st->at), "[INVALID_TEMP_OBJ_REFERENCE] view %.*s is for everybody, but reads %.*s, which only this pipeline knows",
               STR_ARGS(d->shown), STR_ARGS(d->inputs[i]->shown));
        problem(l, d->pipeline, &err);
    }
}

/* ---- order */

struct node { struct dataset *d; bool done; };

static struct node *node_of(struct node *nodes, const struct dataset *d)
{
    return &nodes[d->order];       /* its place in the list until it is sorted */
}

static void report_cycle(struct link *l, struct dataset *const *path, size_t n)
{
    struct err err = {};
    struct buf text;
    buf_init(&text);
    for (size_t i = n; i-- > 0;)
        buf_printf(&text, "%.*s -> ", STR_ARGS(path[i]->shown));
    buf_str(&text, path[n - 1]->shown);
    err_at(&err, ERR_INPUT, PLACE(path[n - 1]->st->at),
           "[PIPELINE_GRAPH_CYCLE] Circular dependencies are not supported in a pipeline: %s", text.ptr);
    problem(l, path[n - 1]->pipeline, &err);
    buf_release(&text);
}

static void drop_edge(struct dataset *from, const struct dataset *input)
{
    for (size_t i = 0; i < from->input_count; i++)
        if (from->inputs[i] == input) {
            memmove(&from->inputs[i], &from->inputs[i + 1], (--from->input_count - i) * sizeof from->inputs[0]);
            return;
        }
}

/* None is free: walks against the edges until a dataset comes again, and cuts that cycle open. */
static void break_cycle(struct link *l, struct node *nodes, size_t count)
{
    struct dataset **path = ARENA_ARRAY(l->m->arena, struct dataset *, count + 1);
    size_t n = 0, start = 0, cut;
    for (size_t i = 0; i < count && !n; i++)
        if (!nodes[i].done)
            path[n++] = nodes[i].d;
    for (start = n; start == n;) {
        struct dataset *d = path[n - 1];
        size_t i = 0;
        while (node_of(nodes, d->inputs[i])->done)
            i++;
        for (start = 0; start < n && path[start] != d->inputs[i]; start++)
            ;
        if (start == n)
            path[n++] = d->inputs[i], start = n;
    }
    path += start;
    n -= start;
    for (cut = 0; cut < n && path[cut]->pipeline == path[(cut + 1) % n]->pipeline; cut++)
        ;
    if (cut == n) {
        report_cycle(l, path, n);
        cut = 0;
    }
    drop_edge(path[cut], path[(cut + 1) % n]);
}

static void sort(struct link *l)
{
    struct model *m = l->m;
    size_t count = 0, placed = 0;
    for (size_t i = 0; i < m->count; i++)
        count += m->pipelines[i]->dataset_count;
    struct node *nodes = ARENA_ARRAY(m->arena, struct node, count + 1);
    m->order = ARENA_ARRAY(m->arena, struct dataset *, count + 1);
    for (size_t i = 0, at = 0; i < m->count; i++)
        for (size_t j = 0; j < m->pipelines[i]->dataset_count; j++, at++) {
            struct dataset *d = m->pipelines[i]->datasets[j];
            nodes[at] = (struct node){d, false};
            d->order = at;
        }
    while (placed < count) {
        size_t before = placed;
        for (size_t i = 0; i < count; i++) {
            struct node *n = &nodes[i];
            size_t open = 0;
            for (size_t j = 0; !n->done && j < n->d->input_count; j++)
                open += !node_of(nodes, n->d->inputs[j])->done;
            if (n->done || open)
                continue;
            n->done = true;
            m->order[placed++] = n->d;
        }
        if (placed == before)
            break_cycle(l, nodes, count);
    }
    m->order_count = count;
    for (size_t i = 0; i < count; i++)
        m->order[i]->order = i;
}

static void sort_pipelines(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        size_t n = 0;
        for (size_t j = 0; j < m->order_count; j++)
            if (m->order[j]->pipeline == m->pipelines[i])
                m->pipelines[i]->datasets[n++] = m->order[j];
    }
}

int graph_link(struct model *m, void (*on_problem)(void *ctx, struct str pipeline, const struct err *err), void *ctx)
{
    struct link l = {m, on_problem, ctx, 0};
    CHECK(!m->linked);
    m->linked = true;
    for (size_t i = 0; i < m->count; i++) {
        struct pipeline *pl = m->pipelines[i];
        struct map *names = map_new();
        for (size_t j = 0; j < pl->flow_count; j++)
            link_flow(&l, pl, pl->flows[j], names);
        map_free(names);
        for (size_t j = 0; j < pl->dataset_count; j++) {
            struct dataset *d = pl->datasets[j];
            struct err err = {};
            if (!d->flow_count) {
                err_at(&err, ERR_INPUT, PLACE(d->st->at), "[PIPELINE_DATASET_WITHOUT_FLOW] dataset %.*s has no flow: give it AS query, or a CREATE FLOW … INSERT INTO it",
                       STR_ARGS(d->shown));
                problem(&l, pl, &err);
            }
            link_inputs(&l, d);
            check_view(&l, d);
        }
    }
    sort(&l);
    sort_pipelines(m);
    return l.problems;
}
