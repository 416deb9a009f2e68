/* dash_run.c -- the queue of one: which query runs next, and what its run leaves behind.
 *
 * The job belongs to the worker from ev_work() to its done(); all else to the loop. A table that
 * changes while its query runs marks it dirty again, so the run after sees the change. Results are
 * compared by a hash of columns and rows; only a different one is told. */
#include "serve/dash_run.h"
#include "base/log.h"
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

struct entry {
    struct dashboard d;
    struct state *states;
    int watchers;
    bool demanded;
    char *file, *text;         /* to read it again with other selections */
    struct map *selections;    /* widget → JSON text, owned */
    bool reread;               /* as soon as no query runs: the worker reads `d` */
};

struct job {
    size_t dashboard, query;
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
    struct query_request q = {.text = s->entries[j->dashboard].d.queries[j->query].sql, .style = QUERY_JSON};
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

static void free_now(struct dash_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        for (size_t q = 0; q < e->d.query_count; q++) {
            buf_release(&e->states[q].json);
            arena_free(e->states[q].tables_arena);
        }
        mem_free(e->states);
        dashboard_release(&e->d);
        size_t at = 0;
        struct str key;
        void *value;
        while (map_next(e->selections, &at, &key, &value))
            mem_free(value);
        map_free(e->selections);
        mem_free(e->file);
        mem_free(e->text);
    }
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
    buf_init(&s->job.columns);
    buf_init(&s->job.rows);
    ev_work(s->loop, job_work, job_done, s);
}

/* Selections change the text of queries, not which there are. */
static void reread(struct entry *e)
{
    struct dashboard d;
    struct err err;
    e->reread = false;
    if (dashboard_read_selected(&d, e->file, str_z(e->text), e->selections, &err)) {
        log_err(LOG_WARN, "dashboard", &err);
        return;
    }
    if (d.query_count != e->d.query_count) { /* a selection made a query fail to be one: the old stay */
        dashboard_release(&d);
        return;
    }
    for (size_t q = 0; q < d.query_count; q++)
        if (!str_eq(d.queries[q].sql, e->d.queries[q].sql)) {
            e->states[q].dirty = true;
            e->states[q].started_mono_us = 0; /* a choice is answered at once */
        }
    dashboard_release(&e->d);
    e->d = d;
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
        bool any = false;
        if (e->reread)
            reread(e);
        for (size_t q = 0; q < e->d.query_count; q++) {
            if (!e->states[q].dirty || (!e->watchers && !e->demanded))
                continue;
            any = true;
            if (e->states[q].started_mono_us < oldest) {
                oldest = e->states[q].started_mono_us;
                dashboard = i;
                query = q;
            }
        }
        e->demanded = e->demanded && any;
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

int dash_set_add(struct dash_set *s, const char *file, struct str text, struct err *err)
{
    struct entry e = {0};
    CHECK(!s->running); /* the worker reads the entries */
    if (dashboard_read(&e.d, file, text, err) != 0)
        return -1;
    e.file = mem_strdup(file);
    e.text = str_dup(text);
    e.selections = map_new();
    e.states = mem_alloc((e.d.query_count + 1) * sizeof *e.states);
    for (size_t q = 0; q < e.d.query_count; q++) {
        buf_init(&e.states[q].json);
        e.states[q].dirty = true;
    }
    s->entries = mem_grow(s->entries, &s->cap, s->count + 1, sizeof *s->entries);
    s->entries[s->count++] = e;
    return 0;
}

size_t dash_set_count(const struct dash_set *s)
{
    return s->count;
}

const struct dashboard *dash_set_get(const struct dash_set *s, size_t i)
{
    return &s->entries[i].d;
}

int64_t dash_set_find(const struct dash_set *s, struct str name)
{
    for (size_t i = 0; i < s->count; i++)
        if (str_eq(s->entries[i].d.name, name))
            return (int64_t)i;
    return -1;
}

void dash_set_watch(struct dash_set *s, size_t i, int change)
{
    s->entries[i].watchers += change;
    CHECK(s->entries[i].watchers >= 0);
    kick(s);
}

static bool has_filter(const struct dashboard *d, struct str widget)
{
    for (size_t p = 0; p < d->page_count; p++)
        for (size_t k = 0; k < d->pages[p].count; k++)
            if (d->pages[p].widgets[k].filter && str_eq(d->pages[p].widgets[k].name, widget))
                return true;
    return false;
}

int dash_set_select(struct dash_set *s, size_t i, struct str widget, struct str selection, struct err *err)
{
    struct entry *e = &s->entries[i];
    struct dashboard d;
    if (!has_filter(&e->d, widget))
        return err_set(err, ERR_NOT_FOUND, "the dashboard has no filter '%.*s'", STR_ARGS(widget));
    char *before = selection.ptr ? map_put(e->selections, widget, str_dup(selection)) : map_remove(e->selections, widget);
    size_t refused = dashboard_refusals(&e->d);
    int rc = dashboard_read_selected(&d, e->file, str_z(e->text), e->selections, err);
    if (rc == 0 && dashboard_refusals(&d) > refused) /* a value that is not of its parameter's type */
        rc = err_set(err, ERR_INPUT, "the selection of '%.*s' is not of its parameter's type", STR_ARGS(widget));
    if (d.arena)
        dashboard_release(&d);
    if (rc) { /* as before */
        char *bad = before ? map_put(e->selections, widget, before) : map_remove(e->selections, widget);
        mem_free(bad);
        return -1;
    }
    mem_free(before);
    e->reread = true;
    kick(s);
    return 0;
}

void dash_set_demand(struct dash_set *s, size_t i)
{
    s->entries[i].demanded = true;
    kick(s);
}

bool dash_set_fresh(const struct dash_set *s, size_t i)
{
    const struct entry *e = &s->entries[i];
    for (size_t q = 0; q < e->d.query_count; q++)
        if (e->reread || e->states[q].dirty || e->states[q].json.len == 0 ||
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
