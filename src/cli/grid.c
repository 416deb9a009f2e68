#include "cli/grid.h"
#include <stdio.h>

static size_t shown_width(struct str s, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n > max ? max : n;
}

void grid_init(struct grid *g, size_t cols)
{
    CHECK(cols > 0);
    *g = (struct grid){.a = arena_new(), .cols = cols, .max_width = GRID_WIDTH};
    g->widths = ARENA_ARRAY(g->a, size_t, cols);
}

void grid_release(struct grid *g)
{
    arena_free(g->a);
    *g = (struct grid){};
}

void grid_cell(struct grid *g, struct str s)
{
    size_t w = shown_width(s, g->max_width), col = g->count % g->cols;
    g->cells = arena_grow(g->a, g->cells, &g->cap, g->count + 1, sizeof *g->cells);
    g->cells[g->count++] = str_copy(g->a, s);
    if (w > g->widths[col])
        g->widths[col] = w;
}

void grid_head(struct grid *g, const char *const *names)
{
    for (size_t i = 0; i < g->cols; i++)
        grid_cell(g, str_z(names[i]));
}

static void put_cell(struct str s, size_t max, size_t width, bool right, bool last)
{
    size_t w = shown_width(s, max), bytes = 0, seen = 0;
    while (bytes < s.len && (seen < w || ((unsigned char)s.ptr[bytes] & 0xc0) == 0x80))
        seen += ((unsigned char)s.ptr[bytes++] & 0xc0) != 0x80;
    printf("%*s", right ? (int)(width - w) : 0, "");
    for (size_t i = 0; i < bytes; i++) /* one line a row, and nothing that moves the cursor */
        putchar((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f ? ' ' : s.ptr[i]);
    printf("%*s", right || last ? 0 : (int)(width - w), "");
}

void grid_print(const struct grid *g, const bool *right)
{
    for (size_t i = 0; i < g->count; i++) {
        size_t col = i % g->cols;
        bool last = col + 1 == g->cols;
        put_cell(g->cells[i], g->max_width, g->widths[col], right && right[col] && i >= g->cols, last);
        fputs(last ? "\n" : "  ", stdout);
        for (size_t c = 0; i + 1 == g->cols && c < g->cols; c++) {
            for (size_t k = 0; k < g->widths[c]; k++)
                putchar('-');
            fputs(c + 1 == g->cols ? "\n" : "  ", stdout);
        }
    }
}
