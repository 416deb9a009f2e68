#include "cli/sql_print.h"
#include <string.h>

enum { COLUMN_WIDTH_MAX = 60 };

struct print_to { FILE *to; bool json; };

struct grid { struct arena *a; struct str *cells; size_t cols, rows, cap; size_t *widths; };

static size_t shown_width(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n > COLUMN_WIDTH_MAX ? COLUMN_WIDTH_MAX : n;
}

static void grid_put(struct grid *g, size_t col, struct str s)
{
    size_t at = g->rows * g->cols + col, w = shown_width(s);
    g->cells = arena_grow(g->a, g->cells, &g->cap, at + 1, sizeof *g->cells);
    g->cells[at] = s;
    if (w > g->widths[col])
        g->widths[col] = w;
}

static void put_cell(FILE *to, struct str s, size_t width, bool right)
{
    size_t w = shown_width(s), bytes = 0, seen = 0;
    while (bytes < s.len && (seen < w || ((unsigned char)s.ptr[bytes] & 0xc0) == 0x80))
        seen += ((unsigned char)s.ptr[bytes++] & 0xc0) != 0x80;
    fprintf(to, "%*s%.*s%*s", right ? (int)(width - w) : 0, "", (int)bytes, s.ptr ? s.ptr : "", right ? 0 : (int)(width - w), "");
}

static void grid_print(FILE *to, const struct grid *g, const struct type *schema)
{
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t c = 0; c < g->cols; c++) {
            if (c)
                fputs("  ", to);
            put_cell(to, g->cells[r * g->cols + c], g->widths[c], r && type_is_numeric(schema->fields[c].type));
        }
        fputc('\n', to);
        if (r)
            continue;
        for (size_t c = 0; c < g->cols; c++) {
            if (c)
                fputs("  ", to);
            for (size_t i = 0; i < g->widths[c]; i++)
                fputc('-', to);
        }
        fputc('\n', to);
    }
}

static int print_table(FILE *to, struct session_result *r, struct err *err)
{
    struct grid g = {.a = arena_new(), .cols = duck_cols(r->rows)};
    int rc;
    int64_t total = 0;
    g.widths = ARENA_ARRAY(g.a, size_t, g.cols + 1);
    for (size_t c = 0; c < g.cols; c++)
        grid_put(&g, c, r->schema->fields[c].name);
    g.rows = 1;
    while ((rc = duck_next(r->rows, err)) > 0) {
        for (size_t row = 0; row < duck_rows(r->rows); row++, total++) {
            struct buf b;
            for (size_t c = 0; c < g.cols; c++) {
                buf_init(&b);
                if (duck_is_null(r->rows, c, row))
                    buf_z(&b, "NULL");
                else
                    duck_render(r->rows, c, row, DUCK_AS_TEXT, &b);
                grid_put(&g, c, str_copy(g.a, buf_view(&b)));
                buf_release(&b);
            }
            g.rows++;
        }
    }
    if (rc == 0) {
        grid_print(to, &g, r->schema);
        fprintf(to, "(%jd row%s)\n", (intmax_t)total, total == 1 ? "" : "s");
    }
    arena_free(g.a);
    return rc;
}

static int print_json(FILE *to, struct session_result *r, struct err *err)
{
    struct buf b;
    int rc;
    buf_init(&b);
    while ((rc = duck_next(r->rows, err)) > 0) {
        for (size_t row = 0; row < duck_rows(r->rows); row++) {
            buf_clear(&b);
            session_row_json(r, row, &b);
            buf_char(&b, '\n');
            fwrite(b.ptr, 1, b.len, to);
        }
    }
    buf_release(&b);
    return rc;
}

static int on_result(void *ctx, const struct stmt *st, struct session_result *r, struct err *err)
{
    const struct print_to *p = ctx;
    (void)st;
    if (r->rows)
        return p->json ? print_json(p->to, r, err) : print_table(p->to, r, err);
    if (!p->json && r->affected >= 0)
        fprintf(p->to, "%s %jd\n", r->tag, (intmax_t)r->affected);
    else if (!p->json)
        fprintf(p->to, "%s\n", r->tag);
    return 0;
}

int sql_print_script(struct session *s, FILE *to, bool json, const char *name, struct str text, struct err *err)
{
    struct print_to p = {to, json};
    return session_run_script(s, name, 1, text, on_result, &p, err);
}
