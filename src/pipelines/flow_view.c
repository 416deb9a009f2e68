/* flow_view.c -- a materialized view's refresh: all rows replaced in one commit, when it is stale.
 *
 * A view is stale if a table it reads has other rows than at its last refresh, if its text or
 * that of a view it reads changed, or, in a triggered update, if its result changes by itself
 * (current_date()). Readers see the old rows or the new ones, never none. */
#include "pipelines/flow.h"
#include "pipelines/target.h"

static struct doc *sources_doc(struct arena *a, const struct binding *b)
{
    struct doc *d = doc_new_object(a);
    for (size_t i = 0; i < b->table_count; i++)
        doc_set(a, d, b->tables[i].dir, doc_new_i64(a, b->tables[i].snapshot->version));
    return d;
}

static void remember(struct flow_runtime *rt, const struct doc *sources, uint64_t hash)
{
    if (!rt->pin_arena)
        rt->pin_arena = arena_new();
    arena_reset(rt->pin_arena);
    rt->pins = ARENA_ARRAY(rt->pin_arena, struct pin, sources->count + 1);
    rt->pin_count = 0;
    for (size_t i = 0; i < sources->count; i++) {
        struct pin p = {str_copy(rt->pin_arena, sources->keys[i].name), 0};
        if (doc_i64(sources->items[i], &p.version))
            rt->pins[rt->pin_count++] = p;
    }
    rt->hash = hash;
    rt->known = true;
}

int view_open(struct flow *f, struct session *s, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    struct lake_snapshot *snap = lake_table_latest(lake_catalog_table(session_engine(s)->catalog, f->target->dir), session_conn(s), err);
    if (!snap)
        return -1;
    struct arena *a = arena_new();
    struct err ignored;
    const struct doc *info = commit_recall(a, f, snap, "queryHash", STR_NONE);
    const struct doc *p = doc_get(info, "operationParameters");
    struct doc *sources = info ? doc_json(a, "sources", doc_str(doc_get(p, "sources"), STR("{}")), &ignored) : NULL;
    uint64_t hash;
    rt->opened = true;
    if (sources && str_u64(doc_str(doc_get(p, "queryHash"), STR_NONE), &hash)) {
        remember(rt, sources, hash);
        commit_recall_totals(f, info);
    }
    arena_free(a);
    lake_snapshot_unref(snap);
    return 0;
}

/* ---- staleness */

static int64_t pinned(const struct flow_runtime *rt, struct str dir)
{
    for (size_t i = 0; i < rt->pin_count; i++)
        if (str_eq(rt->pins[i].dir, dir))
            return rt->pins[i].version;
    return -1;
}

static void repin(struct flow_runtime *rt, struct str dir, int64_t version)
{
    for (size_t i = 0; i < rt->pin_count; i++)
        if (str_eq(rt->pins[i].dir, dir))
            rt->pins[i].version = version;
}

/* Do the versions after `from` up to `to` leave the rows as they are: files joined, empty batches? */
static bool same_rows(const char *dir, int64_t from, int64_t to)
{
    struct arena *a = arena_new();
    struct lake_change *c;
    struct err ignored;
    int64_t n = from < 0 || to - from > FLOW_MAX_RECALL ? -1 : lake_changes(a, dir, from + 1, to, &c, &ignored);
    bool same = n == to - from;
    for (int64_t i = 0; same && i < n; i++) {
        same = !c[i].sets_metadata;
        for (size_t k = 0; same && k < c[i].add_count; k++)
            same = !c[i].adds[k].data_change;
        for (size_t k = 0; same && k < c[i].remove_count; k++)
            same = !c[i].removes[k].data_change;
    }
    arena_free(a);
    return same;
}

/* Without planning: do all tables hold what the last refresh found in them? */
static bool stands_still(struct flow_runtime *rt, struct session *s)
{
    for (size_t i = 0; i < rt->static_count; i++) {
        struct err ignored;
        struct lake_table *t = lake_catalog_table(session_engine(s)->catalog, rt->statics[i].ptr);
        struct lake_snapshot *snap = lake_table_latest(t, session_conn(s), &ignored);
        int64_t version = snap ? snap->version : -1, known = pinned(rt, rt->statics[i]);
        lake_snapshot_unref(snap);
        if (version == known)
            continue;
        if (!same_rows(rt->statics[i].ptr, known, version))
            return false;
        repin(rt, rt->statics[i], version);
    }
    return true;
}

static bool is_fresh(const struct flow_env *env, const struct flow_runtime *rt, const struct binding *b)
{
    if (!rt->known || b->untracked || rt->hash != b->hash || (rt->moody && env->triggered))
        return false;
    for (size_t i = 0; i < b->table_count; i++)
        if (b->tables[i].snapshot->version != pinned(rt, b->tables[i].dir))
            return false;
    return true;
}

/* ---- refresh */

static int replace_schema(struct flow *f, struct lake_txn *x, const struct type *schema, struct arena *a, struct err *err)
{
    struct lake_spec spec;
    const struct type *have = lake_txn_schema(x);
    bool same = have->field_count == schema->field_count;
    for (size_t i = 0; same && i < schema->field_count; i++)
        same = str_eq(have->fields[i].name, schema->fields[i].name) && type_equal(have->fields[i].type, schema->fields[i].type) &&
               have->fields[i].nullable == schema->fields[i].nullable;
    if (same)
        return 0;
    if (target_spec(f->target, schema, a, &spec, err) || lake_txn_create(x, &spec, err))
        return err_locate(err, PLACE(f->at));
    return 0;
}

static void describe(struct flow *f, struct lake_txn *x, const struct checks *c, const struct binding *b)
{
    struct arena *a = b->arena;
    struct doc *p = commit_parameters(a, f, "Overwrite");
    struct buf sources;
    buf_init(&sources);
    doc_write(&sources, sources_doc(a, b));
    doc_set(a, p, STR("queryHash"), doc_new_str(a, str_fmt(a, "%ju", (uintmax_t)b->hash)));
    doc_set(a, p, STR("sources"), doc_new_str(a, buf_view(&sources)));
    lake_txn_info(x, "CREATE OR REFRESH MATERIALIZED VIEW", p, commit_metrics(a, f, c));
    buf_release(&sources);
}

static int64_t write_rows(struct lake_txn *x, struct str sql, const struct checks *c, struct err *err)
{
    struct buf b;
    if (!c->count)
        return lake_txn_write(x, sql, NULL, err);
    buf_init(&b);
    buf_z(&b, "SELECT * FROM " BATCH_TABLE);
    checks_where(c, &b);
    int64_t rows = lake_txn_write(x, buf_view(&b), NULL, err);
    buf_release(&b);
    return rows;
}

static int commit_once(struct flow *f, const struct binding *b, struct str sql, const struct type *schema, struct checks *c,
                       struct flow_result *r, struct err *err)
{
    struct session *s = b->session;
    struct lake_txn *x = lake_txn_begin(lake_catalog_table(session_engine(s)->catalog, f->target->dir), session_conn(s), err);
    if (!x)
        return -1;
    int rc = replace_schema(f, x, schema, b->arena, err);
    if (!rc) {
        lake_txn_overwrite(x);
        r->rows = write_rows(x, sql, c, err);
        describe(f, x, c, b);
        rc = r->rows < 0 ? -1 : 0;
    }
    if (!rc) {
        /* the commit's own record must be there even if no row came or went */
        lake_txn_app(x, str_fmt(b->arena, "paystreak.view.%.*s", STR_ARGS(f->name)), lake_txn_snapshot(x)->version + 1);
        rc = lake_txn_commit(x, &r->version, err);
    }
    lake_txn_end(x);
    return rc;
}

static int refresh(struct flow *f, struct binding *b, const struct session_plan *plan, const struct type *schema,
                   struct flow_result *r, struct err *err)
{
    struct checks checks;
    struct session *s = b->session;
    if (checks_prepare(&checks, f->target, s, b->arena, plan->resolved->output, b->hook.now, err))
        return -1;
    if (checks.count) {
        struct buf sql;
        buf_init(&sql);
        buf_printf(&sql, "CREATE OR REPLACE TEMP TABLE " BATCH_TABLE " AS %.*s", STR_ARGS(plan->sql));
        int rc = duck_exec(session_conn(s), buf_view(&sql), err);
        buf_release(&sql);
        if (rc || checks_count(&checks, s, err))
            return err_locate(err, PLACE(f->at));
    }
    commit_count(f, &checks, false);
    int rc = -1;
    for (int i = 0; i < FLOW_TRIES && rc; i++)
        if ((rc = commit_once(f, b, plan->sql, schema, &checks, r, err)) != 0 && err->code != ERR_CONFLICT)
            break;
    if (rc)
        return err_locate(err, PLACE(f->at));
    r->input_rows = checks.count ? checks.input : r->rows;
    r->dropped = checks.dropped;
    r->tallies = mem_alloc((checks.count + 1) * sizeof *r->tallies);
    for (size_t i = 0; i < checks.count; i++)
        r->tallies[i] = (struct tally){checks.input - checks.failed[i], checks.failed[i]};
    remember(f->runtime, sources_doc(b->arena, b), b->hash);
    return 0;
}

int view_step(const struct flow_env *env, struct flow *f, struct session *s, struct flow_result *r, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    if (rt->known && rt->planned && !rt->rereads && !f->anew && !(rt->moody && env->triggered) && stands_still(rt, s))
        return 0;
    struct binding b = {.m = env->m, .session = s, .flow = f, .mode = BIND_RUN, .arena = arena_new(), .runtime = rt->arena,
                        .sources = &rt->sources, .will_exist = env->will_exist, .ctx = env->ctx};
    struct session_plan plan;
    const struct type *schema;
    int rc = flow_plan(&b, &schema, &plan, err);
    if (!rc) {
        bool fresh = !f->anew && is_fresh(env, rt, &b);
        rc = fresh ? 0 : refresh(f, &b, &plan, schema, r, err) ? -1 : 1;
        rt->planned = rc >= 0;
        f->anew = f->anew && rc < 0;
        session_plan_release(&plan);
    }
    r->waiting = rc < 0 && b.missing.len;
    bind_end(&b);
    arena_free(b.arena);
    return rc;
}
