/* duck_service -- a query service for tests: the text goes to DuckDB with Spark's quoting turned
 * into DuckDB's. It knows nothing of Spark; the endpoints above it are what is tested. */
#ifndef PAYSTREAK_TESTS_DUCK_SERVICE_H
#define PAYSTREAK_TESTS_DUCK_SERVICE_H
#include "duck/duck.h"
#include "port/query_service.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct query_session {
    struct duck *db;
    struct duck_conn *conn;
    struct duck_result *open;
    struct arena *arena;
    enum query_style style;
    size_t cols;
    char search_path[200];
};

static atomic_int duck_sessions_open;

static struct query_session *ds_open(void *ctx, const struct query_open *o, struct err *err)
{
    struct query_session *s = NEW(struct query_session);
    s->db = ctx;
    s->conn = duck_connect(ctx, err);
    if (!s->conn) {
        mem_free(s);
        return NULL;
    }
    snprintf(s->search_path, sizeof s->search_path, "%s", o->search_path ? o->search_path : "");
    atomic_fetch_add(&duck_sessions_open, 1);
    return s;
}

static void ds_finish(struct query_session *s)
{
    duck_result_free(s->open);
    s->open = NULL;
    arena_free(s->arena);
    s->arena = NULL;
}

static void ds_close(struct query_session *s)
{
    ds_finish(s);
    duck_disconnect(s->conn);
    mem_free(s);
    atomic_fetch_sub(&duck_sessions_open, 1);
}

static void ds_translate(struct str in, struct buf *out)
{
    bool quoted = false;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (quoted && c == '\\' && i + 1 < in.len) {
            c = in.ptr[++i];
            buf_char(out, c);
            if (c == '\'')
                buf_char(out, c);
            continue;
        }
        if (c == '\'')
            quoted = !quoted;
        if (!quoted && str_starts_z(str_from(in, i), "timestamp_ntz")) {
            buf_z(out, "timestamp");
            i += 12;
            continue;
        }
        buf_char(out, c == '`' && !quoted ? '"' : c);
    }
}

static struct str ds_type(const struct duck_result *r, size_t c, struct arena *a)
{
    static const char *const names[] = {
        [DUCK_OTHER] = "string", [DUCK_BOOL] = "boolean", [DUCK_I8] = "tinyint", [DUCK_I16] = "smallint",
        [DUCK_I32] = "int", [DUCK_I64] = "bigint", [DUCK_U8] = "smallint", [DUCK_U16] = "int", [DUCK_U32] = "bigint",
        [DUCK_U64] = "decimal(20,0)", [DUCK_I128] = "decimal(38,0)", [DUCK_F32] = "float", [DUCK_F64] = "double",
        [DUCK_VARCHAR] = "string", [DUCK_BLOB] = "binary", [DUCK_DATE] = "date", [DUCK_TIME] = "string",
        [DUCK_TIMESTAMP] = "timestamp_ntz", [DUCK_TIMESTAMPTZ] = "timestamp", [DUCK_INTERVAL] = "interval",
        [DUCK_LIST] = "array<int>", [DUCK_STRUCT] = "struct<a:int>", [DUCK_MAP] = "map<string,int>",
        [DUCK_UUID] = "string", [DUCK_NULL] = "void"};
    enum duck_type t = duck_col_type(r, c);
    int p, s;
    if (t != DUCK_DECIMAL)
        return str_z(names[t]);
    duck_col_decimal(r, c, &p, &s);
    return str_fmt(a, "decimal(%d,%d)", p, s);
}

static bool ds_is(struct str sql, const char *word)
{
    return str_ieq(str_sub(str_trim(sql), 0, strlen(word)), str_z(word));
}

static int ds_start(struct query_session *s, const struct query_request *q, struct query_result *out, struct err *err)
{
    if (str_eqz(q->text, "SELECT fail_at_5"))
        return err_at(err, ERR_INPUT, "", 1, 8, "[UNRESOLVED_COLUMN] no column 'fail_at_5'");
    struct buf sql;
    buf_init(&sql);
    ds_translate(q->text, &sql);
    s->arena = arena_new();
    s->style = q->style;
    s->open = q->describe ? duck_describe(s->conn, buf_view(&sql), err) : duck_query(s->conn, buf_view(&sql), err);
    buf_release(&sql);
    if (!s->open)
        return -1;
    bool rows = ds_is(q->text, "select") || ds_is(q->text, "with") || ds_is(q->text, "values") || ds_is(q->text, "from") || ds_is(q->text, "(");
    s->cols = rows ? duck_cols(s->open) : 0;
    struct query_column *cols = ARENA_ARRAY(s->arena, struct query_column, s->cols + 1);
    for (size_t i = 0; i < s->cols; i++)
        cols[i] = (struct query_column){duck_col_name(s->open, i), ds_type(s->open, i, s->arena)};
    *out = (struct query_result){.columns = cols, .column_count = s->cols, .tag = "SELECT", .affected = -1};
    if (ds_is(q->text, "insert")) {
        out->tag = "INSERT";
        out->affected = q->describe ? 0 : duck_changed(s->open);
    } else if (ds_is(q->text, "create")) {
        out->tag = "CREATE TABLE";
    }
    /* The one table that the dashboards' tests change. */
    static struct str sales = {"main.gold.sales", 15};
    if (str_find(q->text, STR("sales")) >= 0) {
        out->tables = &sales;
        out->table_count = 1;
    }
    return 0;
}

static int ds_fetch(struct query_session *s, query_rows_fn rows, void *arg, struct err *err)
{
    int rc = duck_next(s->open, err);
    if (rc <= 0)
        return rc;
    size_t n = duck_rows(s->open);
    struct buf text;
    size_t *ends = mem_alloc(n * s->cols * sizeof *ends);
    struct query_cell *cells = mem_alloc(n * s->cols * sizeof *cells);
    buf_init(&text);
    for (size_t r = 0; r < n; r++)
        for (size_t c = 0; c < s->cols; c++) {
            if (!duck_is_null(s->open, c, r))
                duck_render(s->open, c, r, s->style == QUERY_PG ? DUCK_AS_PG : DUCK_AS_JSON, &text);
            ends[r * s->cols + c] = text.len;
        }
    for (size_t i = 0; i < n * s->cols; i++) {
        size_t from = i ? ends[i - 1] : 0;
        bool null = duck_is_null(s->open, i % s->cols, i / s->cols);
        cells[i] = (struct query_cell){null ? NULL : text.ptr + from, ends[i] - from};
    }
    rc = rows(arg, cells, n, err) == 0 ? 1 : -1;
    mem_free(cells);
    mem_free(ends);
    buf_release(&text);
    return rc;
}

static void ds_cancel(struct query_session *s)
{
    duck_interrupt(s->conn);
}

static int ds_set(struct query_session *s, struct str key, struct str value, struct err *err)
{
    (void)err;
    if (str_eqz(key, "search_path"))
        snprintf(s->search_path, sizeof s->search_path, "%.*s", STR_ARGS(value));
    return 0;
}

static struct query_service duck_service(struct duck *db)
{
    return (struct query_service){.ctx = db, .open = ds_open, .close = ds_close, .start = ds_start, .fetch = ds_fetch,
                                  .finish = ds_finish, .cancel = ds_cancel, .set = ds_set};
}
#endif
