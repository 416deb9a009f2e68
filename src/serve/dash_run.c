/* dash_run.c -- the queue of one: which query runs next, and what its run leaves behind.
 *
 * The job, with its statement's text, belongs to the worker from ev_work() to its done(); all else to the loop.
 * Dashboards come first in the entries, views behind them. A table that
 * changes while its query runs marks it dirty again, so the run after sees the change. Results are
 * compared by a hash of columns and rows; only a different one is told. */
#include "serve/dash_run.h"
#include "base/doc.h"
#include "base/map.h"
#include <string.h>

struct state {
    struct buf json;       /* without version; empty: has not run */
    uint64_t hash;
    int64_t version;
    int64_t started_mono_us;
    bool dirty, failed;
    struct arena *tables_arena;
    struct str *tables; size_t table_count;
};

/* A dashboard, or a view of one: the same with what a viewer selected in its filters. A view lives while it is open. */
struct entry {
    struct dashboard d;        /* without queries: a free place */
    struct state *states;
    int watchers;
    char *file, *text;         /* of a dashboard: to read it again for a view */
    size_t of;                 /* of a view: its dashboard */
    char *filters;             /* of a view; NULL: none */
};

struct job {
    size_t dashboard, query;
    struct str sql;            /* in tables_arena */
    struct query_session *opened;
    struct buf columns, rows;
    size_t row_count, column_count;
    bool truncated;
    struct arena *tables_arena;
    struct str *tables; size_t table_count;
    int64_t ms;
    int rc;
    struct err err;
};

struct dash_set {
    struct ev_loop *loop;
    const struct query_service *service;
    char *search_path;
    void (*on_result)(void *ctx, size_t dashboard, size_t query);
    void *ctx;
    struct entry *entries; size_t count, cap;
    size_t dashboards;         /* of the entries; the others are views */
    struct ev_timer *timer;
    struct query_session *session;
    bool running, freed;
    struct job job;
};

/* ------------------------------------------------------------------ on the worker */

static int take_rows(void *arg, const struct query_cell *cells, size_t rows, struct err *err)
{
    struct job *j = arg;
    (void)err;
    for (size_t r = 0; r < rows; r++) {
        if (j->row_count == DASH_MAX_ROWS || j->rows.len > DASH_MAX_RESULT) {
            j->truncated = true;
            return 0;
        }
        buf_z(&j->rows, j->row_count++ ? ",[" : "[");
        for (size_t c = 0; c < j->column_count; c++) {
            const struct query_cell *cell = &cells[r * j->column_count + c];
            if (c)
                buf_char(&j->rows, ',');
            buf_str(&j->rows, cell->ptr ? str_of(cell->ptr, cell->len) : STR("null"));
        }
        buf_char(&j->rows, ']');
    }
    return 0;
}

static void take_head(struct job *j, const struct query_result *res)
{
    j->column_count = res->column_count;
    for (size_t i = 0; i < res->column_count; i++) {
        buf_z(&j->columns, i ? ",{\"name\":" : "{\"name\":");
        json_quote(&j->columns, res->columns[i].name);
        buf_z(&j->columns, ",\"type\":");
        json_quote(&j->columns, res->columns[i].type);
        buf_char(&j->columns, '}');
    }
    j->tables = ARENA_ARRAY(j->tables_arena, struct str, res->table_count + 1);
    for (size_t i = 0; i < res->table_count; i++)
        j->tables[j->table_count++] = str_copy(j->tables_arena, res->tables[i]);
}

static int run(struct dash_set *s, struct query_session *session, struct err *err)
{
    struct job *j = &s->job;
    struct query_result res = {0};
    struct query_request q = {.text = j->sql, .style = QUERY_JSON};
    if (s->service->start(session, &q, &res, err) != 0)
        return -1;
    take_head(j, &res);
    int more = res.column_count > 0;
    while (more > 0 && !j->truncated)
        more = s->service->fetch(session, take_rows, j, err);
    return more < 0 ? -1 : 0;
}

static void job_work(void *arg)
{
    struct dash_set *s = arg;
    struct job *j = &s->job;
    struct query_open o = {.client = "dashboard", .search_path = s->search_path};
    struct query_session *session = s->session;
    int64_t start = time_mono_us();
    if (!session)
        session = j->opened = s->service->open(s->service->ctx, &o, &j->err);
    j->rc = session ? run(s, session, &j->err) : -1;
    if (session)
        s->service->finish(session);
    j->ms = (time_mono_us() - start) / 1000;
}

/* ------------------------------------------------------------------ on the loop */

static void kick(struct dash_set *s);

static void entry_release(struct entry *e)
{
    for (size_t q = 0; q < e->d.query_count; q++) {
        buf_release(&e->states[q].json);
        arena_free(e->states[q].tables_arena);
    }
    mem_free(e->states);
    if (e->d.arena)
        dashboard_release(&e->d);
    mem_free(e->file);
    mem_free(e->text);
    mem_free(e->filters);
    *e = (struct entry){0};
}

static void free_now(struct dash_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        entry_release(&s->entries[i]);
    mem_free(s->entries);
    mem_free(s->search_path);
    mem_free(s);
}

static void close_work(void *arg)
{
    struct dash_set *s = arg;
    if (s->session)
        s->service->close(s->session);
}

static void close_done(void *arg)
{
    free_now(arg);
}

static void put_result(struct job *j, struct buf *out)
{
    char at[40];
    if (j->rc != 0) {
        char text[900];
        buf_printf(out, "\"error\":{\"code\":\"%s\",\"message\":", err_code_name(j->err.code));
        json_quote(out, str_z(err_text(&j->err, text, sizeof text)));
        buf_z(out, "}}");
        return;
    }
    buf_printf(out, "\"columns\":[%s],\"rows\":[%s],\"truncated\":%s,\"ms\":%jd,\"at\":\"%s\"}", j->columns.ptr,
               j->rows.ptr, j->truncated ? "true" : "false", (intmax_t)j->ms, time_iso(time_now(), 3, at));
}

/* Frees a view that nobody looks at. */
static void drop_view(struct dash_set *s, size_t i)
{
    struct entry *e = &s->entries[i];
    if (e->filters && !e->watchers && !(s->running && s->job.dashboard == i))
        entry_release(e);
}

static void job_done(void *arg)
{
    struct dash_set *s = arg;
    struct job *j = &s->job;
    s->running = false;
    if (j->opened)
        s->session = j->opened;
    if (!s->freed) {
        struct state *st = &s->entries[j->dashboard].states[j->query];
        uint64_t hash = j->rc != 0 ? str_hash(str_z(j->err.msg)) : str_hash(buf_view(&j->rows)) ^ (str_hash(buf_view(&j->columns)) * 31);
        bool differs = st->json.len == 0 || st->hash != hash || st->failed != (j->rc != 0);
        st->failed = j->rc != 0;
        if (j->rc == 0) { /* after a failure the old names stay: their change may mend it */
            arena_free(st->tables_arena);
            st->tables_arena = j->tables_arena;
            st->tables = j->tables;
            st->table_count = j->table_count;
            j->tables_arena = NULL;
        }
        if (differs) {
            st->hash = hash;
            st->version++;
            buf_clear(&st->json);
            buf_printf(&st->json, "{\"query\":%zu,\"version\":%jd,", j->query, (intmax_t)st->version);
            put_result(j, &st->json);
        }
        size_t dashboard = j->dashboard, query = j->query;
        if (differs && s->on_result)
            s->on_result(s->ctx, dashboard, query);
        drop_view(s, dashboard);
    }
    buf_release(&j->columns);
    buf_release(&j->rows);
    arena_free(j->tables_arena);
    *j = (struct job){0};
    if (s->freed)
        ev_work(s->loop, close_work, close_done, s);
    else
        kick(s);
}

static void start_job(struct dash_set *s, size_t dashboard, size_t query)
{
    struct state *st = &s->entries[dashboard].states[query];
    s->running = true;
    st->dirty = false;
    st->started_mono_us = time_mono_us();
    s->job = (struct job){.dashboard = dashboard, .query = query, .tables_arena = arena_new()};
    s->job.sql = str_copy(s->job.tables_arena, s->entries[dashboard].d.queries[query].sql);
    buf_init(&s->job.columns);
    buf_init(&s->job.rows);
    ev_work(s->loop, job_work, job_done, s);
}

/* Starts the wanted query that waited longest, or the timer for the first that may run. */
static void kick(struct dash_set *s)
{
    int64_t now = time_mono_us(), oldest = INT64_MAX;
    size_t dashboard = 0, query = 0;
    if (s->running || s->freed)
        return;
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        for (size_t q = 0; e->watchers && q < e->d.query_count; q++) {
            if (e->states[q].dirty && e->states[q].started_mono_us < oldest) {
                oldest = e->states[q].started_mono_us;
                dashboard = i;
                query = q;
            }
        }
    }
    if (oldest == INT64_MAX)
        return;
    int64_t wait_ms = (oldest + DASH_MIN_INTERVAL_MS * 1000 - now) / 1000;
    if (oldest > 0 && wait_ms > 0)
        ev_timer_start(s->timer, wait_ms + 1, 0);
    else
        start_job(s, dashboard, query);
}

static void on_timer(void *arg)
{
    kick(arg);
}

struct dash_set *dash_set_new(struct ev_loop *loop, const struct query_service *service, const char *search_path,
                              void (*on_result)(void *ctx, size_t dashboard, size_t query), void *ctx)
{
    struct dash_set *s = NEW(struct dash_set);
    s->loop = loop;
    s->service = service;
    s->search_path = mem_strdup(search_path ? search_path : "gold, silver, bronze, default");
    s->on_result = on_result;
    s->ctx = ctx;
    s->timer = ev_timer_new(loop, on_timer, s);
    return s;
}

void dash_set_free(struct dash_set *s)
{
    if (!s)
        return;
    s->freed = true;
    ev_timer_free(s->timer);
    if (s->running) {
        if (s->session)
            s->service->cancel(s->session);
        return; /* job_done() goes on */
    }
    if (s->session)
        ev_work(s->loop, close_work, close_done, s);
    else
        free_now(s);
}

static void make_states(struct entry *e)
{
    e->states = mem_alloc((e->d.query_count + 1) * sizeof *e->states);
    for (size_t q = 0; q < e->d.query_count; q++) {
        buf_init(&e->states[q].json);
        e->states[q].dirty = true;
    }
}

int dash_set_add(struct dash_set *s, const char *file, struct str text, struct err *err)
{
    struct entry e = {0};
    CHECK(s->count == s->dashboards); /* before the first view */
    if (dashboard_read(&e.d, file, text, err) != 0)
        return -1;
    e.file = mem_strdup(file);
    e.text = str_dup(text);
    make_states(&e);
    s->entries = mem_grow(s->entries, &s->cap, s->count + 1, sizeof *s->entries);
    s->entries[s->count++] = e;
    s->dashboards++;
    return 0;
}

size_t dash_set_count(const struct dash_set *s)
{
    return s->dashboards;
}

const struct dashboard *dash_set_get(const struct dash_set *s, size_t i)
{
    return &s->entries[i].d;
}

int64_t dash_set_find(const struct dash_set *s, struct str name)
{
    for (size_t i = 0; i < s->dashboards; i++)
        if (str_eq(s->entries[i].d.name, name))
            return (int64_t)i;
    return -1;
}

/* ------------------------------------------------------------------ views */

static bool has_filter(const struct dashboard *d, struct str widget)
{
    for (size_t p = 0; p < d->page_count; p++)
        for (size_t k = 0; k < d->pages[p].count; k++)
            if (d->pages[p].widgets[k].filter && str_eq(d->pages[p].widgets[k].name, widget))
                return true;
    return false;
}

/* The widgets' selections of `filters` as dashboard_read_selected() takes them; texts live in the arena. */
static int read_filters(struct arena *a, const struct dashboard *d, struct str filters, struct map *selections, struct err *err)
{
    const struct doc *all = doc_json(a, "filters", str_copy(a, filters), err);
    if (!all)
        return -1;
    if (!doc_is(all, DOC_OBJECT))
        return err_set(err, ERR_INPUT, "filters are an object: {\"WIDGET\": {\"values\": [...]}}");
    for (size_t i = 0; i < all->count; i++) {
        struct buf text;
        if (!has_filter(d, all->keys[i].name))
            return err_set(err, ERR_NOT_FOUND, "the dashboard has no filter '%.*s'", STR_ARGS(all->keys[i].name));
        buf_init(&text);
        doc_write(&text, all->items[i]);
        map_put(selections, all->keys[i].name, arena_strdup(a, text.ptr));
        buf_release(&text);
    }
    return 0;
}

static int read_view(struct dash_set *s, size_t i, struct str filters, struct dashboard *d, struct err *err)
{
    const struct entry *e = &s->entries[i];
    struct arena *a = arena_new();
    struct map *selections = map_new();
    *d = (struct dashboard){0};
    int rc = read_filters(a, &e->d, filters, selections, err);
    if (rc == 0)
        rc = dashboard_read_selected(d, e->file, str_z(e->text), selections, err);
    if (rc == 0 && (dashboard_refusals(d) > dashboard_refusals(&e->d) || d->query_count != e->d.query_count)) {
        dashboard_release(d);
        rc = err_set(err, ERR_INPUT, "what is selected is not of its parameter's type");
    }
    map_free(selections);
    arena_free(a);
    return rc;
}

/* A place for a view, a free one if there is one; -1: too many are open. */
static int64_t view_place(struct dash_set *s, struct err *err)
{
    for (size_t i = s->dashboards; i < s->count; i++)
        if (!s->entries[i].filters)
            return (int64_t)i;
    if (s->count - s->dashboards >= DASH_MAX_VIEWS)
        return err_set(err, ERR_LIMIT, "more than DASH_MAX_VIEWS (%d) selections are looked at", DASH_MAX_VIEWS);
    s->entries = mem_grow(s->entries, &s->cap, s->count + 1, sizeof *s->entries);
    s->entries[s->count] = (struct entry){0};
    return (int64_t)s->count++;
}

int64_t dash_set_open(struct dash_set *s, size_t i, struct str filters, struct err *err)
{
    struct dashboard d;
    int64_t at = (int64_t)i;
    CHECK(i < s->dashboards);
    for (size_t v = s->dashboards; filters.len && v < s->count; v++)
        if (s->entries[v].filters && s->entries[v].of == i && str_eqz(filters, s->entries[v].filters))
            at = (int64_t)v;
    if (filters.len && at == (int64_t)i) {
        if (read_view(s, i, filters, &d, err))
            return -1;
        if ((at = view_place(s, err)) < 0) {
            dashboard_release(&d);
            return -1;
        }
        s->entries[at] = (struct entry){.d = d, .of = i, .filters = str_dup(filters)};
        make_states(&s->entries[at]);
    }
    s->entries[at].watchers++;
    kick(s);
    return at;
}

void dash_set_close(struct dash_set *s, size_t i)
{
    CHECK(s->entries[i].watchers > 0);
    s->entries[i].watchers--;
    drop_view(s, i);
}

int dash_set_definition(struct dash_set *s, size_t i, struct str filters, struct buf *out, struct err *err)
{
    struct dashboard d;
    if (!filters.len) {
        dashboard_json(&s->entries[i].d, out);
        return 0;
    }
    if (read_view(s, i, filters, &d, err))
        return -1;
    dashboard_json(&d, out);
    dashboard_release(&d);
    return 0;
}

/* ------------------------------------------------------------------ results */

bool dash_set_fresh(const struct dash_set *s, size_t i)
{
    const struct entry *e = &s->entries[i];
    for (size_t q = 0; q < e->d.query_count; q++)
        if (e->states[q].dirty || e->states[q].json.len == 0 ||
            (s->running && s->job.dashboard == i && s->job.query == q))
            return false;
    return true;
}

struct str dash_set_result(const struct dash_set *s, size_t i, size_t query)
{
    const struct buf *b = &s->entries[i].states[query].json;
    return b->len ? buf_view(b) : STR_NONE;
}

static bool reads_any(const struct state *st, const struct str *tables, size_t n)
{
    for (size_t i = 0; i < st->table_count; i++)
        for (size_t t = 0; t < n; t++)
            if (str_ieq(st->tables[i], tables[t]))
                return true;
    return false;
}

void dash_set_changed(struct dash_set *s, const struct str *tables, size_t n)
{
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        for (size_t q = 0; q < e->d.query_count; q++) {
            struct state *st = &e->states[q];
            bool runs = s->running && s->job.dashboard == i && s->job.query == q;
            if (st->failed || runs || reads_any(st, tables, n))
                st->dirty = true;
        }
    }
    kick(s);
}
