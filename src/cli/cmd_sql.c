/* cmd_sql -- `paystreak sql`: statements over the project's tables, rows as a table or JSON lines.
 *
 * If no other process owns the state this one takes it, and every statement runs. Beside a running
 * project queries read the same tables at their newest versions; statements that write are refused
 * by name, with the owner's. */
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/state.h"
#include "engine/session.h"
#include "resolve/resolve.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SQL_FILE_MAX = 64 << 20, COLUMN_WIDTH_MAX = 60, TABLE_ROWS_SAMPLED = 1000 };

struct printer_ctx { bool json; };

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

static void put_cell(struct str s, size_t width, bool right)
{
    size_t w = shown_width(s), bytes = 0, seen = 0;
    while (bytes < s.len && (seen < w || ((unsigned char)s.ptr[bytes] & 0xc0) == 0x80))
        seen += ((unsigned char)s.ptr[bytes++] & 0xc0) != 0x80;
    printf("%*s%.*s%*s", right ? (int)(width - w) : 0, "", (int)bytes, s.ptr ? s.ptr : "", right ? 0 : (int)(width - w), "");
}

static void grid_print(const struct grid *g, const struct type *schema)
{
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t c = 0; c < g->cols; c++) {
            if (c)
                fputs("  ", stdout);
            put_cell(g->cells[r * g->cols + c], g->widths[c], r && type_is_numeric(schema->fields[c].type));
        }
        putchar('\n');
        if (r)
            continue;
        for (size_t c = 0; c < g->cols; c++) {
            if (c)
                fputs("  ", stdout);
            for (size_t i = 0; i < g->widths[c]; i++)
                putchar('-');
        }
        putchar('\n');
    }
}

static int print_table(struct session_result *r, struct err *err)
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
        grid_print(&g, r->schema);
        printf("(%jd row%s)\n", (intmax_t)total, total == 1 ? "" : "s");
    }
    arena_free(g.a);
    return rc;
}

static int print_json(struct session_result *r, struct err *err)
{
    struct buf b;
    int rc;
    buf_init(&b);
    while ((rc = duck_next(r->rows, err)) > 0) {
        for (size_t row = 0; row < duck_rows(r->rows); row++) {
            buf_clear(&b);
            session_row_json(r, row, &b);
            buf_char(&b, '\n');
            fwrite(b.ptr, 1, b.len, stdout);
        }
    }
    buf_release(&b);
    return rc;
}

static int on_result(void *ctx, const struct stmt *st, struct session_result *r, struct err *err)
{
    const struct printer_ctx *p = ctx;
    (void)st;
    if (r->rows)
        return p->json ? print_json(r, err) : print_table(r, err);
    if (!p->json && r->affected >= 0)
        printf("%s %jd\n", r->tag, (intmax_t)r->affected);
    else if (!p->json)
        printf("%s\n", r->tag);
    return 0;
}

static int read_statement(struct arena *a, const struct cli_args *args, struct str *text, const char **name, struct err *err)
{
    *name = args->file ? args->file : "statement";
    if (args->word_count) {
        *text = str_z(args->words[0]);
        return 0;
    }
    struct buf b;
    buf_init_max(&b, SQL_FILE_MAX);
    int rc = 0;
    if (args->file && strcmp(args->file, "-") != 0) {
        rc = fs_read_file(args->file, SQL_FILE_MAX, &b, err);
    } else if (isatty(STDIN_FILENO)) {
        rc = err_set(err, ERR_USAGE, "give a statement, --file FILE, or statements on standard input");
    } else {
        char chunk[65536];
        ssize_t n;
        while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
            buf_add(&b, chunk, (size_t)n);
        rc = buf_check(&b, "standard input", err);
    }
    *text = str_copy(a, buf_view(&b));
    buf_release(&b);
    return rc;
}

static int run_sql(struct arena *a, const struct cli_args *args, struct str text, const char *name, struct err *err)
{
    char *dir = cli_state_dir(a, args), *project = cli_project_dir(a, args);
    struct err busy;
    bool owner = true;
    struct state *state = args->state || fs_exists(dir) ? state_open(dir, true, "sql", &busy) : state_open(dir, false, "sql", &busy);
    if (!state && busy.code == ERR_EXISTS) {
        owner = false;
        state = state_open(dir, false, "sql", err);
    } else if (!state) {
        *err = busy;
    }
    if (!state)
        return -1;
    struct resolver_names *names = resolve_new(dir, project);
    int rc = cli_bind_all(names, a, args, err);
    struct engine *e = rc == 0 ? engine_open(dir, project, names, NULL, err) : NULL;
    struct session *s = NULL;
    if (e) {
        e->read_only = !owner;
        s = session_new(e, err);
    }
    struct printer_ctx p = {args->json};
    rc = -1;
    if (s) {
        session_search_path(s, STR("gold,silver,bronze"));
        rc = session_run_script(s, name, 1, text, on_result, &p, err);
    }
    fflush(stdout);
    session_free(s);
    engine_close(e);
    resolve_free(names);
    state_close(state);
    return rc;
}

int cmd_sql(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct str text;
    const char *name;
    int rc = read_statement(a, args, &text, &name, &err);
    if (rc == 0)
        rc = run_sql(a, args, text, name, &err);
    int status = rc ? cli_fail(args, &err) : 0;
    arena_free(a);
    return status;
}
