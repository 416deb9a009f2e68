/* dashboard -- reads a .lvdash.json (Databricks' Lakeview dashboard) into pages, widgets and queries. Pure.
 *
 * A widget's query is `SELECT fields FROM (dataset) [WHERE filters] [GROUP BY the fields that hold
 * no aggregate]`; equal ones are kept once. What cannot be drawn is no error of the whole: the widget
 * carries a refusal, by name and with its place in the file, and the page shows it where the
 * widget would be. */
#ifndef PAYSTREAK_SERVE_DASHBOARD_H
#define PAYSTREAK_SERVE_DASHBOARD_H
#include "base/base.h"

struct dash_filters;

enum { DASHBOARD_MAX_BYTES = 16 << 20, DASHBOARD_MAX_WIDGETS = 1000, DASHBOARD_MAX_QUERIES = 500 };

struct dash_query { struct str sql, dataset; const struct doc *at; struct str key; /* whatever is selected */ };
struct dash_widget {
    struct str name, kind;       /* kind: "counter", "bar", "text", …; as the file names it */
    int x, y, width, height;     /* in the page's grid */
    struct str title, description;
    struct str markdown;         /* of a text */
    const struct doc *spec;      /* NULL: none */
    int query;                   /* index, -1: none; of a filter: the values to select from */
    bool filter;
    struct str refusal;          /* NONE: it is drawn */
};
struct dash_page { struct str name, title; int columns; struct dash_widget *widgets; size_t count; };
struct dashboard {
    struct arena *arena;
    struct str name, title;      /* name: of the file, without .lvdash.json */
    struct dash_page *pages; size_t page_count;
    struct dash_query *queries; size_t query_count;
    const struct dash_filters *filters; /* dash_filter.h */
};

/* `file` names it in errors and gives the name; kept as a copy. The result's arena is its own.
 * Errors: ERR_INPUT with the place (no JSON, no datasets or pages), ERR_LIMIT. */
int dashboard_read(struct dashboard *d, const char *file, struct str text, struct err *err) MUST_CHECK;
/* The same with what viewers selected, see dash_filters_new(): the same queries in the same order. */
int dashboard_read_selected(struct dashboard *d, const char *file, struct str text, const struct map *selections,
                            struct err *err) MUST_CHECK;
void dashboard_release(struct dashboard *d);
/* What the page needs to lay it out, as JSON. */
void dashboard_json(const struct dashboard *d, struct buf *out);
/* Refused widgets; for `dashboard check`. */
size_t dashboard_refusals(const struct dashboard *d);
#endif
