/* commit_info.c -- what a flow's commits say about themselves; see flow.h. */
#include "pipelines/flow.h"

struct doc *commit_parameters(struct arena *a, const struct flow *f, const char *mode)
{
    struct doc *d = doc_new_object(a);
    doc_set(a, d, STR("mode"), doc_new_str(a, str_z(mode)));
    doc_set(a, d, STR("pipeline"), doc_new_str(a, f->target->pipeline->name));
    doc_set(a, d, STR("flow"), doc_new_str(a, f->name));
    if (f->runtime->update_id)
        doc_set(a, d, STR("updateId"), doc_new_str(a, str_z(f->runtime->update_id)));
    return d;
}

static void write_tallies(struct buf *out, const struct dataset *d, const struct tally *t)
{
    buf_char(out, '[');
    for (size_t i = 0; i < d->st->expectation_count; i++) {
        buf_z(out, i ? ",{\"name\":" : "{\"name\":");
        json_quote(out, d->st->expectations[i].name);
        buf_z(out, ",\"dataset\":");
        json_quote(out, d->full);
        buf_printf(out, ",\"passed_records\":%jd,\"failed_records\":%jd}", (intmax_t)t[i].passed, (intmax_t)t[i].failed);
    }
    buf_char(out, ']');
}

static void set_tallies(struct arena *a, struct doc *metrics, struct str key, const struct dataset *d, const struct tally *t)
{
    struct buf b;
    buf_init(&b);
    write_tallies(&b, d, t);
    doc_set(a, metrics, key, doc_new_str(a, buf_view(&b)));
    buf_release(&b);
}

static void set_number(struct arena *a, struct doc *d, struct str key, int64_t v)
{
    doc_set(a, d, key, doc_new_str(a, str_fmt(a, "%jd", (intmax_t)v)));
}

struct doc *commit_metrics(struct arena *a, const struct flow *f, const struct checks *c)
{
    struct doc *m = doc_new_object(a);
    const struct dataset *d = f->target;
    if (!c->count)
        return m;
    struct tally *now = ARENA_ARRAY(a, struct tally, c->count);
    for (size_t i = 0; i < c->count; i++)
        now[i] = (struct tally){c->input - c->failed[i], c->failed[i]};
    set_number(a, m, STR("numInputRows"), c->input);
    set_number(a, m, STR("droppedRecords"), c->dropped);
    set_number(a, m, STR("droppedTotal"), f->runtime->dropped_total);
    set_tallies(a, m, STR("expectations"), d, now);
    set_tallies(a, m, STR("expectationTotals"), d, f->runtime->totals);
    return m;
}

void commit_count(struct flow *f, const struct checks *c, bool add)
{
    struct flow_runtime *rt = f->runtime;
    for (size_t i = 0; i < c->count; i++) {
        struct tally *t = &rt->totals[i];
        t->passed = (add ? t->passed : 0) + c->input - c->failed[i];
        t->failed = (add ? t->failed : 0) + c->failed[i];
    }
    rt->dropped_total = (add ? rt->dropped_total : 0) + c->dropped;
}

void tallies_read(struct arena *a, const struct dataset *d, struct str json, struct tally *out)
{
    struct err ignored;
    const struct doc *list = json.len ? doc_json(a, "expectations", json, &ignored) : NULL;
    for (size_t i = 0; list && list->kind == DOC_ARRAY && i < list->count; i++) {
        struct str name = doc_str(doc_get(list->items[i], "name"), STR_NONE);
        for (size_t k = 0; k < d->st->expectation_count; k++) {
            if (!str_eq(d->st->expectations[k].name, name))
                continue;
            if (!doc_i64(doc_get(list->items[i], "passed_records"), &out[k].passed) ||
                !doc_i64(doc_get(list->items[i], "failed_records"), &out[k].failed))
                out[k] = (struct tally){};
        }
    }
}

const struct doc *commit_recall(struct arena *a, const struct flow *f, const struct lake_snapshot *snap, const char *key,
                                struct str value)
{
    struct lake_change *changes;
    struct err ignored;
    int64_t from = snap->version > FLOW_MAX_RECALL ? snap->version - FLOW_MAX_RECALL : 0;
    int64_t n = lake_changes(a, snap->dir, from, snap->version, &changes, &ignored);
    for (int64_t i = n - 1; i >= 0; i--) {
        const struct doc *p = doc_get(changes[i].info, "operationParameters");
        struct str flow = doc_str(doc_get(p, "flow"), STR_NONE), found = doc_str(doc_get(p, key), STR_NONE);
        if (str_eq(flow, f->name) && found.len && (!value.len || str_eq(found, value)))
            return changes[i].info;
    }
    return NULL;
}

void commit_recall_totals(struct flow *f, const struct doc *info)
{
    struct arena *a = arena_new();
    const struct doc *m = doc_get(info, "operationMetrics");
    tallies_read(a, f->target, doc_str(doc_get(m, "expectationTotals"), STR_NONE), f->runtime->totals);
    if (!str_i64(doc_str(doc_get(m, "droppedTotal"), STR_NONE), &f->runtime->dropped_total))
        f->runtime->dropped_total = 0;
    arena_free(a);
}
