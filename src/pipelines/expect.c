#include "pipelines/expect.h"

int checks_prepare(struct checks *c, const struct dataset *d, struct session *s, struct arena *a,
                   const struct type *output, struct tp now, struct err *err)
{
    const struct resolver env = {.ansi = session_ansi(s), .now = now, .current_catalog = session_catalog(s),
                                 .current_schema = session_schema(s), .current_user = STR("paystreak")};
    const struct printer printer = {.ansi = env.ansi, .now = now};
    size_t n = d->st->expectation_count;
    *c = (struct checks){.of = d, .count = n, .sql = ARENA_ARRAY(a, struct str, n + 1), .failed = ARENA_ARRAY(a, int64_t, n + 1)};
    if (n > EXPECT_MAX)
        return err_at(err, ERR_LIMIT, PLACE(d->st->at), "more than EXPECT_MAX expectations on %.*s", STR_ARGS(d->shown));
    for (size_t i = 0; i < n; i++) {
        const struct expectation *e = &d->st->expectations[i];
        struct expr *cond = plan_resolve_expr(a, e->cond, output, &env, err);
        if (cond && cond->type->kind != TYPE_BOOLEAN)
            return err_at(err, ERR_INPUT, PLACE(e->at), "expectation `%.*s` is of type %s, not a condition", STR_ARGS(e->name),
                          type_kind_name(cond->type->kind));
        struct buf sql;
        buf_init(&sql);
        int rc = cond ? engine_print_expr(cond, output, &printer, &sql, err) : -1;
        c->sql[i] = str_copy(a, buf_view(&sql));
        buf_release(&sql);
        if (rc)
            return err_locate(err, PLACE(e->at));
    }
    return 0;
}

static bool drops(const struct checks *c, size_t i)
{
    return c->of->st->expectations[i].on == VIOLATION_DROP;
}

static bool any_drops(const struct checks *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (drops(c, i))
            return true;
    return false;
}

static void keep_condition(const struct checks *c, struct buf *sql)
{
    const char *sep = "";
    for (size_t i = 0; i < c->count; i++) {
        if (!drops(c, i))
            continue;
        buf_printf(sql, "%s((%.*s) IS TRUE)", sep, STR_ARGS(c->sql[i]));
        sep = " AND ";
    }
}

void checks_where(const struct checks *c, struct buf *sql)
{
    if (!any_drops(c))
        return;
    buf_z(sql, " WHERE ");
    keep_condition(c, sql);
}

static void count_sql(const struct checks *c, struct buf *sql)
{
    buf_z(sql, "SELECT count(*)");
    for (size_t i = 0; i < c->count; i++)
        buf_printf(sql, ", count(*) FILTER (WHERE (%.*s) IS NOT TRUE)", STR_ARGS(c->sql[i]));
    if (any_drops(c)) {
        buf_z(sql, ", count(*) FILTER (WHERE NOT (");
        keep_condition(c, sql);
        buf_z(sql, "))");
    } else {
        buf_z(sql, ", 0");
    }
    buf_z(sql, " FROM " BATCH_TABLE);
}

/* A row that violates expectation `i`, as JSON, cut to EXPECT_SAMPLE_BYTES. */
static void sample(const struct checks *c, size_t i, struct session *s, struct buf *out)
{
    struct err ignored;
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "SELECT * FROM " BATCH_TABLE " WHERE (%.*s) IS NOT TRUE LIMIT 1", STR_ARGS(c->sql[i]));
    struct duck_result *r = duck_query(session_conn(s), buf_view(&sql), &ignored);
    buf_char(out, '{');
    if (r && duck_next(r, &ignored) == 1)
        for (size_t col = 0; col < duck_cols(r) && out->len < EXPECT_SAMPLE_BYTES; col++) {
            buf_z(out, col ? "," : "");
            json_quote(out, duck_col_name(r, col));
            buf_char(out, ':');
            duck_render(r, col, 0, DUCK_AS_JSON, out);
        }
    buf_z(out, "}");
    duck_result_free(r);
    buf_release(&sql);
}

static int fail_update(const struct checks *c, size_t i, struct session *s, struct err *err)
{
    const struct expectation *e = &c->of->st->expectations[i];
    struct buf row;
    buf_init(&row);
    sample(c, i, s, &row);
    err_at(err, ERR_USER, PLACE(e->at),
           "[EXPECTATION_VIOLATION] %jd of %jd rows violate expectation `%.*s` of %.*s (ON VIOLATION FAIL UPDATE), for example %.*s",
           (intmax_t)c->failed[i], (intmax_t)c->input, STR_ARGS(e->name), STR_ARGS(c->of->shown),
           (int)(row.len < EXPECT_SAMPLE_BYTES ? row.len : EXPECT_SAMPLE_BYTES), row.ptr);
    buf_release(&row);
    return -1;
}

int checks_count(struct checks *c, struct session *s, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    count_sql(c, &sql);
    struct duck_result *r = duck_query(session_conn(s), buf_view(&sql), err);
    buf_release(&sql);
    int rc = r ? duck_next(r, err) : -1;
    if (rc == 1) {
        c->input = duck_i64(r, 0, 0);
        for (size_t i = 0; i < c->count; i++)
            c->failed[i] = duck_i64(r, i + 1, 0);
        c->dropped = duck_i64(r, c->count + 1, 0);
    }
    duck_result_free(r);
    for (size_t i = 0; rc == 1 && i < c->count; i++)
        if (c->of->st->expectations[i].on == VIOLATION_FAIL && c->failed[i])
            return fail_update(c, i, s, err);
    return rc < 0 ? -1 : 0;
}
