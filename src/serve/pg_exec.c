/* pg_exec.c -- running a statement: on a worker, in steps, its rows encoded there.
 *
 * A step opens the session if there is none, starts the statement if it has not started, and
 * fetches until STEP_BYTES of messages are made. The loop sends them, and plans the next step when
 * the socket holds little; so a slow client holds neither a worker nor memory. Between steps the job
 * belongs to the loop, during one to the worker.
 *
 * An Execute with a row limit first encodes all rows into the portal (PG_MAX_PORTAL) and then gives
 * them out in parts: the session can go on with other statements meanwhile. */
#include "serve/pg_int.h"
#include <stdio.h>
#include <string.h>

enum { STEP_BYTES = 256 * 1024, DRAIN_BYTES = 1 << 20 };

static const struct query_service *service(const struct pg_conn *c)
{
    return c->server->opts.queries;
}

struct pg_portal *pg_portal_new(struct str text)
{
    struct pg_portal *p = NEW(struct pg_portal);
    p->arena = arena_new();
    p->original = str_copy(p->arena, text);
    buf_init_max(&p->rows, PG_MAX_PORTAL);
    return p;
}

void pg_portal_free(struct pg_portal *p)
{
    if (!p)
        return;
    buf_release(&p->rows);
    arena_free(p->arena);
    mem_free(p);
}

/* ------------------------------------------------------------------ on the worker */

static int take_rows(void *arg, const struct query_cell *cells, size_t rows, struct err *err)
{
    struct pg_job *j = &((struct pg_conn *)arg)->job;
    for (size_t r = 0; r < rows; r++)
        if (pg_data_row(&j->out, cells + r * j->column_count, j->column_count, j->types, &j->formats, err) != 0)
            return -1;
    j->rows += (int64_t)rows;
    return buf_check(&j->out, "rows", err);
}

static int start(struct pg_conn *c, struct err *err)
{
    struct pg_job *j = &c->job;
    struct query_result res = {0};
    struct query_request q = {.text = j->portal->text, .style = QUERY_PG, .describe = j->kind == PG_JOB_DESCRIBE};
    if (service(c)->start(c->session, &q, &res, err) != 0)
        return -1;
    j->started = true;
    j->column_count = res.column_count;
    j->affected = res.affected;
    snprintf(j->tag, sizeof j->tag, "%s", res.tag ? res.tag : "SELECT");
    j->formats = (struct pg_formats){j->portal->format_codes, j->portal->format_count};
    j->types = ARENA_ARRAY(j->portal->arena, struct pg_type, res.column_count + 1);
    for (size_t i = 0; i < res.column_count; i++)
        j->types[i] = pg_type_of(res.columns[i].type);
    if (j->kind != PG_JOB_EXECUTE && res.column_count > 0)
        pg_row_description(&j->out, res.columns, res.column_count, &j->formats);
    else if (j->kind == PG_JOB_DESCRIBE)
        pg_empty(&j->out, 'n');
    j->ended = j->kind == PG_JOB_DESCRIBE || res.column_count == 0;
    return 0;
}

static int step(struct pg_conn *c, struct err *err)
{
    struct pg_job *j = &c->job;
    const struct query_service *q = service(c);
    struct query_open o = {.client = "pg", .user = c->user, .search_path = c->server->opts.search_path};
    if (!c->session) { /* a step of its own: a cancel reads c->session, which is the loop's */
        j->opened = q->open(q->ctx, &o, err);
        return j->opened ? 0 : -1;
    }
    if (j->kind == PG_JOB_SET) {
        j->ended = true;
        return q->set(c->session, str_z(j->set_key), j->set_value, err);
    }
    if (!j->started && start(c, err) != 0)
        return -1;
    while (!j->ended && j->out.len < STEP_BYTES) {
        int more = q->fetch(c->session, take_rows, c, err);
        if (more < 0)
            return -1;
        j->ended = more == 0;
    }
    return 0;
}

static void job_work(void *arg)
{
    struct pg_conn *c = arg;
    struct pg_job *j = &c->job;
    j->rc = step(c, &j->err);
    if ((j->rc != 0 || j->ended) && c->session && j->kind != PG_JOB_SET)
        service(c)->finish(c->session);
}

/* ------------------------------------------------------------------ on the loop */

static void job_done(void *arg);

static void plan_step(struct pg_conn *c)
{
    pg_conn_ref(c);
    ev_work(c->server->loop, job_work, job_done, c);
}

static void put_tag(const struct pg_job *j, int64_t rows, char *out, size_t n)
{
    if (strcmp(j->tag, "INSERT") == 0 && j->affected >= 0)
        snprintf(out, n, "INSERT 0 %jd", (intmax_t)j->affected);
    else if (j->affected >= 0)
        snprintf(out, n, "%s %jd", j->tag, (intmax_t)j->affected);
    else if (j->column_count > 0)
        snprintf(out, n, "SELECT %jd", (intmax_t)rows);
    else
        snprintf(out, n, "%s", j->tag);
}

/* Sends up to `max` rows of a portal that ran; true if there are more. */
static bool portal_emit(struct pg_conn *c, struct pg_portal *p, int64_t max)
{
    struct buf b;
    size_t at = p->rows_at;
    for (int64_t n = 0; at < p->rows.len && (max == 0 || n < max); n++)
        at += 1 + be32_get(p->rows.ptr + at + 1);
    buf_init(&b);
    buf_add(&b, p->rows.ptr + p->rows_at, at - p->rows_at);
    p->rows_at = at;
    bool more = at < p->rows.len;
    if (more)
        pg_empty(&b, 's');
    else
        pg_complete(&b, p->tag);
    pg_send(c, &b);
    buf_release(&b);
    if (!more)
        buf_clear(&p->rows);
    return more;
}

static void job_release(struct pg_conn *c)
{
    struct pg_job *j = &c->job;
    buf_release(&j->out);
    mem_free((char *)(uintptr_t)j->set_value.ptr);
    if (j->owns_portal)
        pg_portal_free(j->portal);
    *j = (struct pg_job){0};
}

static void job_complete(struct pg_conn *c)
{
    struct pg_job *j = &c->job;
    struct pg_portal *p = j->portal;
    if (j->kind == PG_JOB_SIMPLE) {
        char tag[96];
        put_tag(j, j->rows, tag, sizeof tag);
        pg_complete(&j->out, tag);
    } else if (j->kind == PG_JOB_SET) {
        pg_complete(&j->out, "SET");
    } else if (j->kind == PG_JOB_EXECUTE) {
        put_tag(j, j->rows, p->tag, sizeof p->tag);
        p->ran = true;
        if (j->max_rows > 0) {
            portal_emit(c, p, j->max_rows);
            return;
        }
        pg_complete(&j->out, p->tag);
        snprintf(p->tag, sizeof p->tag, "SELECT 0"); /* what is left, should it be executed again */
    }
    pg_send(c, &j->out);
}

static void job_done(void *arg)
{
    struct pg_conn *c = arg;
    struct pg_job *j = &c->job;
    if (j->opened) {
        c->session = j->opened;
        j->opened = NULL;
    }
    if (!c->tcp) {
        job_release(c);
        pg_job_end_session(c); /* and what is open in it */
        pg_conn_unref(c);
        return;
    }
    if (j->rc == 0 && j->kind == PG_JOB_EXECUTE && j->max_rows > 0) {
        buf_str(&j->portal->rows, buf_view(&j->out));
        buf_clear(&j->out);
        j->rc = buf_check(&j->portal->rows, "rows of a portal", &j->err);
    }
    if (j->rc == 0 && !j->ended) {
        pg_send(c, &j->out);
        c->waiting_drain = tcp_conn_unsent(c->tcp) > DRAIN_BYTES;
        if (c->waiting_drain)
            tcp_flush(c->tcp);
        else
            plan_step(c);
        pg_conn_unref(c);
        return;
    }
    bool failed = j->rc != 0;
    if (failed) {
        struct err err = j->err;
        pg_send(c, &j->out); /* rows that were there already */
        pg_fail(c, &err, j->portal);
    } else {
        job_complete(c);
    }
    job_release(c);
    pg_statement_over(c, failed);
    pg_conn_unref(c);
}

void pg_job_continue(struct pg_conn *c)
{
    if (!c->waiting_drain)
        return;
    c->waiting_drain = false;
    plan_step(c);
}

void pg_job_start(struct pg_conn *c, enum pg_job_kind kind, struct pg_portal *p, bool owns, int64_t max_rows)
{
    CHECK(c->state != PG_BUSY);
    if (kind == PG_JOB_EXECUTE && p->ran) {
        portal_emit(c, p, max_rows);
        return;
    }
    c->state = PG_BUSY;
    c->job = (struct pg_job){.kind = kind, .portal = p, .owns_portal = owns, .max_rows = max_rows, .affected = -1};
    buf_init(&c->job.out);
    plan_step(c);
}

void pg_job_set(struct pg_conn *c, const char *key, struct str value)
{
    CHECK(c->state != PG_BUSY);
    c->state = PG_BUSY;
    c->job = (struct pg_job){.kind = PG_JOB_SET, .affected = -1};
    buf_init(&c->job.out);
    snprintf(c->job.set_key, sizeof c->job.set_key, "%s", key);
    c->job.set_value = str_of(str_dup(value), value.len);
    plan_step(c);
}

static void close_work(void *arg)
{
    struct pg_conn *c = arg;
    service(c)->close(c->session);
}

static void close_done(void *arg)
{
    struct pg_conn *c = arg;
    c->session = NULL;
    pg_conn_unref(c);
}

void pg_job_end_session(struct pg_conn *c)
{
    if (!c->session)
        return;
    pg_conn_ref(c);
    ev_work(c->server->loop, close_work, close_done, c);
}
