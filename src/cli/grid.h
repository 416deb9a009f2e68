/* grid -- rows of text as a table in a terminal: columns as wide as their widest cell, up to a limit.
 *
 *     struct grid g; grid_init(&g, 2); grid_head(&g, (const char *const[]){"name", "size"}); grid_cell(&g, …); …
 *     grid_print(&g, right); grid_release(&g);
 * Cells come row by row; the first row is the head. */
#ifndef PAYSTREAK_CLI_GRID_H
#define PAYSTREAK_CLI_GRID_H
#include "base/base.h"

enum { GRID_WIDTH = 60, GRID_WHOLE = 100000 };
struct grid { struct arena *a; struct str *cells; size_t cols, count, cap; size_t *widths;
              size_t max_width; /* GRID_WIDTH; may be set before the first cell */ };
void grid_init(struct grid *g, size_t cols);
void grid_release(struct grid *g);
void grid_cell(struct grid *g, struct str s);     /* copied */
void grid_head(struct grid *g, const char *const *names); /* the first row: cols names */
/* `right`: cols flags, columns to align right; NULL: none. */
void grid_print(const struct grid *g, const bool *right);
#endif
