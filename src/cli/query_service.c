#include "cli/query_service.h"
#include <string.h>

struct query_session {
    struct session *session;
    struct arena *a;               /* of the open result */
    struct session_result result;
    bool open;
    enum query_style style;
    bool canceled;                 /* set by any thread */
};

static struct query_session *service_open(void *ctx, const struct query_open *o, struct err *err)
{
    struct session *s = session_new(ctx, err);
    if (!s)
        return NULL;
    if (o->search_path)
        session_search_path(s, str_z(o->search_path));
    struct query_session *q = NEW(struct query_session);
    q->session = s;
    return q;
}

static void service_finish(struct query_session *q)
{
    if (q->open)
        session_result_release(&q->result);
    q->open = false;
    arena_free(q->a);
    q->a = NULL;
}

static void service_close(struct query_session *q)
{
    service_finish(q);
    session_free(q->session);
    mem_free(q);
}

static struct str type_text(struct arena *a, const struct type *t)
{
    struct buf b;
    buf_init(&b);
    type_write_ddl(&b, t);
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

static void fill_columns(struct query_session *q, const struct type *schema, struct query_result *out)
{
    struct query_column *columns = ARENA_ARRAY(q->a, struct query_column, schema->field_count + 1);
    for (size_t i = 0; i < schema->field_count; i++)
        columns[i] = (struct query_column){schema->fields[i].name, type_text(q->a, schema->fields[i].type)};
    out->columns = columns;
    out->column_count = schema->field_count;
}

static int describe(struct query_session *q, const struct stmt *st, struct query_result *out, struct err *err)
{
    if (st->kind != STMT_QUERY)
        return 0; /* commands say their columns when they run */
    struct session_plan plan;
    if (session_plan(q->session, q->a, st->query, NULL, &plan, err))
        return -1;
    fill_columns(q, plan.resolved->output, out);
    out->tag = "SELECT";
    out->tables = plan.read_tables;
    out->table_count = plan.read_count;
    session_plan_release(&plan);
    return 0;
}

static int service_start(struct query_session *q, const struct query_request *request, struct query_result *out, struct err *err)
{
    struct stmts stmts = {0};
    service_finish(q);
    q->a = arena_new();
    q->style = request->style;
    __atomic_store_n(&q->canceled, false, __ATOMIC_RELAXED);
    *out = (struct query_result){.affected = -1, .tag = ""};
    if (sparksql_parse(q->a, "", 1, str_copy(q->a, request->text), &stmts, err))
        return -1;
    if (stmts.count != 1)
        return err_set(err, ERR_INPUT, stmts.count ? "one statement at a time" : "the statement is empty");
    if (request->describe)
        return describe(q, stmts.items[0], out, err);
    if (session_execute(q->session, q->a, stmts.items[0], NULL, &q->result, err))
        return -1;
    q->open = true;
    if (q->result.schema && q->result.rows)
        fill_columns(q, q->result.schema, out);
    out->tag = q->result.tag;
    out->affected = q->result.affected;
    out->tables = q->result.plan.read_tables;
    out->table_count = q->result.plan.read_count;
    return 0;
}

/* Renders rows [from, to) of the current chunk into one buffer and hands them over as cells. */
static int hand_over(struct query_session *q, size_t from, size_t to, query_rows_fn rows, void *arg, struct err *err)
{
    struct duck_result *r = q->result.rows;
    size_t cols = duck_cols(r), count = (to - from) * cols;
    size_t *ends = mem_alloc((count + 1) * sizeof *ends);
    struct query_cell *cells = mem_alloc((count + 1) * sizeof *cells);
    struct buf text;
    buf_init(&text);
    for (size_t i = 0; i < count; i++) {
        size_t row = from + i / cols, col = i % cols;
        cells[i].len = duck_is_null(r, col, row);
        if (!cells[i].len)
            duck_render(r, col, row, q->style == QUERY_PG ? DUCK_AS_PG : DUCK_AS_JSON, &text);
        ends[i] = text.len;
    }
    for (size_t i = 0, at = 0; i < count; at = ends[i++])
        cells[i] = cells[i].len ? (struct query_cell){NULL, 0} : (struct query_cell){text.ptr + at, ends[i] - at};
    int rc = buf_check(&text, "rows of a result", err);
    if (rc == 0)
        rc = rows(arg, cells, to - from, err);
    buf_release(&text);
    mem_free(cells);
    mem_free(ends);
    return rc;
}

static int service_fetch(struct query_session *q, query_rows_fn rows, void *arg, struct err *err)
{
    if (!q->open || !q->result.rows)
        return 0;
    if (__atomic_load_n(&q->canceled, __ATOMIC_RELAXED))
        return err_set(err, ERR_CANCELED, "canceling statement due to user request");
    int rc = duck_next(q->result.rows, err);
    if (rc <= 0)
        return rc;
    size_t n = duck_rows(q->result.rows);
    for (size_t at = 0; at < n; at += QUERY_CHUNK_ROWS)
        if (hand_over(q, at, n - at < QUERY_CHUNK_ROWS ? n : at + QUERY_CHUNK_ROWS, rows, arg, err))
            return -1;
    return 1;
}

static void service_cancel(struct query_session *q)
{
    __atomic_store_n(&q->canceled, true, __ATOMIC_RELAXED);
    duck_interrupt(session_conn(q->session));
}

static int service_set(struct query_session *q, struct str key, struct str value, struct err *err)
{
    (void)err;
    if (str_ieqz(key, "search_path"))
        session_search_path(q->session, value);
    else
        session_set(q->session, key, value);
    return 0;
}

struct query_service query_service_of(struct engine *e)
{
    return (struct query_service){.ctx = e, .open = service_open, .close = service_close, .start = service_start, .fetch = service_fetch,
                                  .finish = service_finish, .cancel = service_cancel, .set = service_set};
}
