#include "connect/show.h"

struct table { struct arena *a; struct str *cells; size_t cols, rows, cap; };

static size_t width_of(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* The first `chars` characters of `s`, with "..." for the rest if there is room for it. */
static struct str cut(struct arena *a, struct str s, size_t chars)
{
    if (!chars || width_of(s) <= chars)
        return s;
    size_t keep = chars < 4 ? chars : chars - 3, at = 0, seen = 0;
    while (at < s.len && (seen < keep || ((unsigned char)s.ptr[at] & 0xc0) == 0x80))
        seen += ((unsigned char)s.ptr[at++] & 0xc0) != 0x80;
    return str_fmt(a, "%.*s%s", (int)at, s.ptr, chars < 4 ? "" : "...");
}

static void add_cell(struct table *t, struct str s)
{
    size_t n = t->rows;
    t->cells = arena_grow(t->a, t->cells, &t->cap, n + 1, sizeof *t->cells);
    t->cells[n] = s;
    t->rows++;
}

static void rule(struct buf *out, const size_t *widths, size_t cols)
{
    buf_char(out, '+');
    for (size_t c = 0; c < cols; c++) {
        for (size_t i = 0; i < widths[c]; i++)
            buf_char(out, '-');
        buf_char(out, '+');
    }
    buf_char(out, '\n');
}

static void draw(struct table *t, bool left, struct buf *out)
{
    size_t rows = t->rows / (t->cols ? t->cols : 1), *widths = ARENA_ARRAY(t->a, size_t, t->cols + 1);
    for (size_t i = 0; i < t->rows; i++) {
        size_t w = width_of(t->cells[i]), *at = &widths[i % t->cols];
        *at = w > *at ? w : *at;
        *at = *at < 3 ? 3 : *at;
    }
    rule(out, widths, t->cols);
    for (size_t r = 0; r < rows; r++) {
        buf_char(out, '|');
        for (size_t c = 0; c < t->cols; c++) {
            struct str s = t->cells[r * t->cols + c];
            int pad = (int)(widths[c] - width_of(s));
            buf_printf(out, "%*s%.*s%*s|", left ? 0 : pad, "", STR_ARGS(s), left ? pad : 0, "");
        }
        buf_char(out, '\n');
        if (r == 0)
            rule(out, widths, t->cols);
    }
    rule(out, widths, t->cols);
}

int show_string(struct session *s, struct arena *a, const Spark__Connect__ShowString *m, struct duck_result **out,
                const struct type **schema, struct err *err)
{
    int64_t wanted = m->has_num_rows ? m->num_rows : 20, seen = 0;
    wanted = wanted < 0 ? 0 : wanted; /* as Spark does */
    if (m->vertical)
        return err_set(err, ERR_UNSUPPORTED, "show(vertical=True) is not supported");
    struct session_plan plan;
    struct rel *limit = rel_new(a, REL_LIMIT, (struct place){"", 0, 0});
    limit->input = rel_translate(a, m->input, err);
    limit->limit = expr_int(a, limit->at, wanted + 1);
    if (!limit->input || session_plan(s, a, limit, NULL, &plan, err))
        return -1;
    struct duck_result *r = duck_query(session_conn(s), plan.sql, err);
    struct table t = {.a = a, .cols = plan.resolved->output->field_count};
    size_t chars = m->truncate > 0 ? (size_t)m->truncate : 0;
    int rc = r ? 0 : -1;
    for (size_t c = 0; c < t.cols; c++)
        add_cell(&t, cut(a, plan.resolved->output->fields[c].name, chars));
    while (r && (rc = duck_next(r, err)) > 0)
        for (size_t row = 0; row < duck_rows(r); row++, seen++)
            for (size_t c = 0; c < t.cols && seen < wanted; c++) {
                struct buf b;
                buf_init(&b);
                if (duck_is_null(r, c, row))
                    buf_z(&b, "NULL");
                else
                    duck_render(r, c, row, DUCK_AS_TEXT, &b);
                add_cell(&t, cut(a, str_copy(a, buf_view(&b)), chars));
                buf_release(&b);
            }
    duck_result_free(r);
    session_plan_release(&plan);
    if (rc)
        return -1;
    struct buf text, sql;
    buf_init(&text);
    buf_init(&sql);
    draw(&t, m->truncate <= 0 && m->has_truncate, &text);
    if (seen > wanted)
        buf_printf(&text, "only showing top %jd row%s\n", (intmax_t)wanted, wanted == 1 ? "" : "s");
    buf_z(&sql, "SELECT ");
    duck_quote_text(&sql, buf_view(&text));
    buf_z(&sql, " AS show_string");
    *out = duck_query(session_conn(s), buf_view(&sql), err);
    const struct type_field f = {STR("show_string"), type_of(TYPE_STRING), false, STR_NONE, NULL};
    *schema = type_struct(a, &f, 1);
    buf_release(&text);
    buf_release(&sql);
    return *out ? 0 : -1;
}
