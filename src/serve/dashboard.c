/* dashboard.c -- the Lakeview format, as it is found in public repositories.
 *
 *   datasets[]  name, displayName, query | queryLines[], parameters[]
 *   pages[]     name, displayName, pageType, layout[]
 *   layout[]    position {x, y, width, height} on a grid of 6 columns (12 in newer files), widget
 *   widget      textbox_spec | multilineTextboxSpec.lines[]                       a text
 *               queries[].query {datasetName, fields[] {name, expression}, filters[], disaggregated}
 *               spec {version, widgetType, encodings, frame, mark}                all others
 *
 * Every fieldName of the encodings must be a field of the widget's query: a name that is not is
 * what makes such files "render blank" elsewhere, so it is refused here by name. */
#include "serve/dashboard.h"
#include "serve/dash_filter.h"
#include "plan/functions.h"
#include "sparksql/sparksql.h"
#include <string.h>

enum { GRID_OLD = 6, GRID_NEW = 12, MAX_FIELD_DEPTH = 12 };

struct reader {
    struct dashboard *d;
    const char *file;
    const struct doc *root;
    struct map *datasets;  /* name -> doc */
    const struct dash_filters *filters;
    const struct map *selections;
    size_t page;           /* the one being read */
    size_t query_cap;
};

static const char *const drawn[] = {"counter", "line", "bar", "area", "pie", "scatter", "table", NULL};

static bool is_drawn(struct str kind)
{
    for (size_t i = 0; drawn[i]; i++)
        if (str_eqz(kind, drawn[i]))
            return true;
    return false;
}

static void refuse(struct reader *r, struct dash_widget *w, const struct doc *at, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void refuse(struct reader *r, struct dash_widget *w, const struct doc *at, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    if (w->refusal.ptr) /* the first reason counts */
        return;
    buf_init(&b);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    w->refusal = at && at->line ? str_fmt(r->d->arena, "%s:%d:%d: %s", r->file, at->line, at->col, b.ptr)
                                : str_copy(r->d->arena, buf_view(&b));
    buf_release(&b);
}

/* Lines joined as they are, or one string. */
static struct str joined(struct arena *a, const struct doc *lines, const struct doc *one)
{
    if (!doc_is(lines, DOC_ARRAY))
        return doc_str(one, STR_NONE);
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < lines->count; i++)
        buf_str(&b, doc_str(lines->items[i], STR_NONE));
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

/* ------------------------------------------------------------------ queries */

static void quote_name(struct buf *b, struct str name)
{
    buf_char(b, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`')
            buf_char(b, '`');
        buf_char(b, name.ptr[i]);
    }
    buf_char(b, '`');
}

/* The widget's own filters behind what the dashboard's filters wrote. */
static void put_filters(struct buf *b, const struct doc *filters, bool where)
{
    for (size_t i = 0; doc_is(filters, DOC_ARRAY) && i < filters->count; i++) {
        struct str e = doc_str(doc_get(filters->items[i], "expression"), STR_NONE);
        if (e.len > 0) {
            buf_printf(b, "%s(%.*s)", where ? " AND " : "\nWHERE ", STR_ARGS(e));
            where = true;
        }
    }
}

static void put_orders(struct buf *b, const struct doc *orders)
{
    for (size_t i = 0; doc_is(orders, DOC_ARRAY) && i < orders->count; i++) {
        struct str e = doc_str(doc_get(orders->items[i], "expression"), STR_NONE);
        struct str way = doc_str(doc_get(orders->items[i], "direction"), STR("ASC"));
        buf_printf(b, "%s%.*s %s", i ? ", " : "\nORDER BY ", STR_ARGS(e), str_ieqz(way, "DESC") ? "DESC" : "ASC");
    }
}

/* SELECT … FROM (…): false if the widget was refused. */
static bool put_query(struct reader *r, struct dash_widget *w, const struct doc *q, struct str dataset, struct str where, struct buf *b)
{
    const struct doc *fields = doc_get(q, "fields");
    bool disaggregated = doc_bool(doc_get(q, "disaggregated"), false);
    struct buf groups;
    struct err err;
    buf_init(&groups);
    buf_z(b, "SELECT ");
    for (size_t i = 0; i < fields->count; i++) {
        struct str name = doc_str(doc_get(fields->items[i], "name"), STR_NONE);
        struct str text = doc_str(doc_get(fields->items[i], "expression"), STR_NONE);
        const struct expr *e = sparksql_expr(r->d->arena, r->file, text, &err);
        if (!e) {
            refuse(r, w, fields->items[i], "field '%.*s': %s", STR_ARGS(name), err.msg);
            buf_release(&groups);
            return false;
        }
        bool aggregate = expr_has_aggregate(e);
        if (!aggregate && !disaggregated)
            buf_printf(&groups, "%s%.*s", groups.len ? ", " : "\nGROUP BY ", STR_ARGS(text));
        buf_printf(b, "%s%.*s AS ", i ? ", " : "", STR_ARGS(text));
        quote_name(b, name);
    }
    buf_printf(b, "\nFROM (\n%.*s\n) AS dataset", STR_ARGS(dataset));
    buf_str(b, where);
    put_filters(b, doc_get(q, "filters"), where.len > 0);
    buf_str(b, buf_view(&groups));
    put_orders(b, doc_get(q, "orders"));
    buf_release(&groups);
    return true;
}

/* `key`: equal for equal queries whatever is selected, so that a query keeps its index. */
static int add_query(struct reader *r, struct str sql, struct str key, struct str dataset, const struct doc *at)
{
    struct dashboard *d = r->d;
    for (size_t i = 0; i < d->query_count; i++)
        if (str_eq(d->queries[i].key, key))
            return (int)i;
    if (d->query_count == DASHBOARD_MAX_QUERIES)
        return -1;
    d->queries = arena_grow(d->arena, d->queries, &r->query_cap, d->query_count + 1, sizeof *d->queries);
    d->queries[d->query_count] = (struct dash_query){str_copy(d->arena, sql), dataset, at, str_copy(d->arena, key)};
    return (int)d->query_count++;
}

/* A dataset's text without the `;` it may end in. */
static struct str dataset_text(struct reader *r, const struct doc *dataset)
{
    struct str t = str_trim(joined(r->d->arena, doc_get(dataset, "queryLines"), doc_get(dataset, "query")));
    while (t.len > 0 && t.ptr[t.len - 1] == ';')
        t = str_trim(str_sub(t, 0, t.len - 1));
    return t;
}

/* The dataset of a query and its text; NULL if the widget was refused. */
static const struct doc *find_dataset(struct reader *r, struct dash_widget *w, const struct doc *q, const struct doc *widget, struct str *text)
{
    struct str name = doc_str(doc_get(q, "datasetName"), STR_NONE);
    const struct doc *dataset = map_get(r->datasets, name);
    if (!dataset) {
        refuse(r, w, q ? q : widget, "there is no dataset '%.*s'", STR_ARGS(name));
        return NULL;
    }
    *text = dataset_text(r, dataset);
    if (text->len == 0)
        refuse(r, w, dataset, "the dataset has no query");
    return text->len ? dataset : NULL;
}

/* The query over `dataset` with parameters and filters as selected. */
static void finish_query(struct reader *r, struct dash_widget *w, const struct doc *q, const struct doc *dataset, struct str text,
                         bool filtered)
{
    struct buf b, key, filled, where;
    struct err err;
    struct str name = doc_str(doc_get(dataset, "name"), STR_NONE);
    buf_init(&b);
    buf_init(&key);
    buf_init(&filled);
    buf_init(&where);
    if (dash_filters_text(r->filters, r->page, dataset, text, &filled, &err))
        refuse(r, w, doc_get(dataset, "parameters"), "%s", err.msg);
    if (filtered)
        dash_filters_where(r->filters, r->page, name, &where);
    if (!w->refusal.ptr && put_query(r, w, q, buf_view(&filled), buf_view(&where), &b) &&
        put_query(r, w, q, text, STR(""), &key)) {
        if (dash_filters_touch(r->filters, r->page, dataset))
            buf_printf(&key, "\n-- page %zu%s", r->page, filtered ? "" : ", unfiltered");
        w->query = add_query(r, buf_view(&b), buf_view(&key), doc_str(doc_get(dataset, "displayName"), name), q);
        if (w->query < 0)
            refuse(r, w, q, "more than %d queries on one dashboard", DASHBOARD_MAX_QUERIES);
    }
    buf_release(&b);
    buf_release(&key);
    buf_release(&filled);
    buf_release(&where);
}

static void read_query(struct reader *r, struct dash_widget *w, const struct doc *widget)
{
    const struct doc *queries = doc_get(widget, "queries");
    struct str text;
    if (!doc_is(queries, DOC_ARRAY) || queries->count == 0) {
        refuse(r, w, widget, "the widget has no query");
        return;
    }
    if (queries->count > 1)
        refuse(r, w, queries->items[1], "a widget with more than one query is not drawn");
    const struct doc *q = doc_get(queries->items[0], "query"), *fields = doc_get(q, "fields");
    const struct doc *dataset = find_dataset(r, w, q, widget, &text);
    if (!dataset)
        return;
    if (!doc_is(fields, DOC_ARRAY) || fields->count == 0) {
        refuse(r, w, q, "the query names no fields");
        return;
    }
    finish_query(r, w, q, dataset, text, true);
}

/* A filter's own query gives the values to select from: the first field it is about, unfiltered. */
static void read_filter(struct reader *r, struct dash_widget *w, const struct doc *widget)
{
    const struct doc *queries = doc_get(widget, "queries"), *about = doc_path(widget, "spec.encodings.fields");
    struct str text;
    if (!doc_is(queries, DOC_ARRAY) || !doc_is(about, DOC_ARRAY) || about->count == 0) {
        refuse(r, w, widget, "the filter is about no field and no parameter");
        return;
    }
    w->filter = true;
    for (size_t i = 0; i < queries->count; i++) {
        const struct doc *q = doc_get(queries->items[i], "query"), *fields = doc_get(q, "fields");
        const struct doc *dataset = find_dataset(r, w, q, widget, &text);
        for (size_t k = 0; dataset && doc_is(fields, DOC_ARRAY) && k < fields->count; k++) {
            struct str expression = doc_str(doc_get(fields->items[k], "expression"), STR_NONE);
            if (str_find(expression, STR("associative_filter_predicate_group")) >= 0)
                continue;
            struct doc *one = doc_new_object(r->d->arena), *list = doc_new_array(r->d->arena);
            doc_push(r->d->arena, list, (struct doc *)(uintptr_t)fields->items[k]);
            doc_set(r->d->arena, one, STR("fields"), list);
            if (w->query < 0)
                finish_query(r, w, one, dataset, text, false);
        }
    }
}

/* ------------------------------------------------------------------ widgets */

static bool has_field(const struct doc *widget, struct str name)
{
    const struct doc *queries = doc_get(widget, "queries");
    for (size_t i = 0; doc_is(queries, DOC_ARRAY) && i < queries->count; i++) {
        const struct doc *fields = doc_get(doc_get(queries->items[i], "query"), "fields");
        for (size_t f = 0; doc_is(fields, DOC_ARRAY) && f < fields->count; f++)
            if (str_eq(doc_str(doc_get(fields->items[f], "name"), STR_NONE), name))
                return true;
    }
    return false;
}

/* Every fieldName below the encodings must be a field of the query. */
static void check_fields(struct reader *r, struct dash_widget *w, const struct doc *widget, const struct doc *at, int depth)
{
    if (!at || depth > MAX_FIELD_DEPTH)
        return;
    for (size_t i = 0; (at->kind == DOC_OBJECT || at->kind == DOC_ARRAY) && i < at->count; i++) {
        const struct doc *v = at->items[i];
        if (at->kind == DOC_OBJECT && str_eqz(at->keys[i].name, "fieldName")) {
            if (!has_field(widget, doc_str(v, STR_NONE)))
                refuse(r, w, v, "the encoding names the field '%.*s', which the widget's query does not have", STR_ARGS(doc_str(v, STR_NONE)));
        } else {
            check_fields(r, w, widget, v, depth + 1);
        }
    }
}

static void read_spec(struct reader *r, struct dash_widget *w, const struct doc *widget, const struct doc *spec)
{
    const struct doc *frame = doc_get(spec, "frame");
    w->spec = spec;
    w->kind = doc_str(doc_get(spec, "widgetType"), STR_NONE);
    if (doc_bool(doc_get(frame, "showTitle"), false))
        w->title = doc_str(doc_get(frame, "title"), STR_NONE);
    if (doc_bool(doc_get(frame, "showDescription"), false))
        w->description = doc_str(doc_get(frame, "description"), STR_NONE);
    if (!w->kind.ptr) {
        w->kind = STR("legacy");
        refuse(r, w, spec, "widgets of the old form (viz_spec, version 0) are not drawn: open and save the dashboard in Databricks");
    } else if (dash_filter_is(w->kind)) {
        if (!w->title.ptr)
            w->title = doc_str(doc_get(frame, "title"), STR_NONE);
        check_fields(r, w, widget, doc_get(spec, "encodings"), 0);
        read_filter(r, w, widget);
    } else if (!is_drawn(w->kind)) {
        refuse(r, w, spec, "widgets of type '%.*s' are not drawn", STR_ARGS(w->kind));
    } else {
        check_fields(r, w, widget, doc_get(spec, "encodings"), 0);
        read_query(r, w, widget);
    }
}

static int position(const struct doc *p, const char *key, int otherwise)
{
    int64_t v;
    return doc_i64(doc_get(p, key), &v) && v >= 0 && v <= 10000 ? (int)v : otherwise;
}

static void read_widget(struct reader *r, struct dash_widget *w, const struct doc *item)
{
    const struct doc *widget = doc_get(item, "widget"), *at = doc_get(item, "position");
    const struct doc *lines = doc_path(widget, "multilineTextboxSpec.lines"), *text = doc_get(widget, "textbox_spec");
    w->query = -1;
    w->x = position(at, "x", 0);
    w->y = position(at, "y", 0);
    w->width = position(at, "width", 1);
    w->height = position(at, "height", 1);
    w->name = doc_str(doc_get(widget, "name"), STR_NONE);
    if (lines || text) {
        w->kind = STR("text");
        w->markdown = joined(r->d->arena, lines, text);
    } else if (doc_is(doc_get(widget, "spec"), DOC_OBJECT)) {
        read_spec(r, w, widget, doc_get(widget, "spec"));
    } else {
        w->kind = STR("unknown");
        refuse(r, w, widget ? widget : item, "the widget has neither a text nor a spec");
    }
}

static int read_page(struct reader *r, struct dash_page *p, const struct doc *page, struct err *err)
{
    const struct doc *layout = doc_get(page, "layout");
    size_t n = doc_is(layout, DOC_ARRAY) ? layout->count : 0;
    if (n > DASHBOARD_MAX_WIDGETS)
        return doc_err(layout, ERR_LIMIT, err, "a page of more than %d widgets", DASHBOARD_MAX_WIDGETS);
    p->name = doc_str(doc_get(page, "name"), STR_NONE);
    p->title = doc_str(doc_get(page, "displayName"), p->name);
    p->widgets = ARENA_ARRAY(r->d->arena, struct dash_widget, n + 1);
    p->count = n;
    p->columns = GRID_OLD;
    for (size_t i = 0; i < n; i++) {
        read_widget(r, &p->widgets[i], layout->items[i]);
        if (p->widgets[i].x + p->widgets[i].width > GRID_OLD)
            p->columns = GRID_NEW;
    }
    return 0;
}

/* ------------------------------------------------------------------ the whole */

static struct str name_of(struct arena *a, const char *file)
{
    struct str base = path_base(str_z(file));
    const char *endings[] = {".lvdash.json", ".json"};
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (str_ends_z(base, endings[i]))
            return str_copy(a, str_sub(base, 0, base.len - strlen(endings[i])));
    return str_copy(a, base);
}

static int read_all(struct reader *r, struct err *err)
{
    const struct doc *datasets = doc_need(r->root, "datasets", DOC_ARRAY, err);
    const struct doc *pages = datasets ? doc_need(r->root, "pages", DOC_ARRAY, err) : NULL;
    struct dashboard *d = r->d;
    if (!pages)
        return -1;
    for (size_t i = 0; i < datasets->count; i++)
        map_put(r->datasets, doc_str(doc_get(datasets->items[i], "name"), STR_NONE), datasets->items[i]);
    d->filters = r->filters = dash_filters_new(d->arena, r->root, r->selections);
    d->pages = ARENA_ARRAY(d->arena, struct dash_page, pages->count + 1);
    d->page_count = pages->count;
    for (r->page = 0; r->page < pages->count; r->page++)
        if (read_page(r, &d->pages[r->page], pages->items[r->page], err) != 0)
            return -1;
    d->title = doc_str(doc_get(r->root, "displayName"), STR_NONE);
    if (!d->title.ptr)
        d->title = d->page_count == 1 && d->pages[0].title.len ? d->pages[0].title : d->name;
    return 0;
}

int dashboard_read(struct dashboard *d, const char *file, struct str text, struct err *err)
{
    return dashboard_read_selected(d, file, text, NULL, err);
}

int dashboard_read_selected(struct dashboard *d, const char *file, struct str text, const struct map *selections, struct err *err)
{
    struct reader r = {.d = d, .selections = selections};
    *d = (struct dashboard){.arena = arena_new()};
    r.file = arena_strdup(d->arena, file);
    d->name = name_of(d->arena, file);
    if (text.len > DASHBOARD_MAX_BYTES) {
        (void)err_set(err, ERR_LIMIT, "'%s' is larger than %d bytes", file, DASHBOARD_MAX_BYTES);
        dashboard_release(d);
        return -1;
    }
    r.root = doc_json(d->arena, r.file, str_copy(d->arena, text), err);
    r.datasets = map_new();
    int rc = r.root ? read_all(&r, err) : -1;
    map_free(r.datasets);
    if (rc != 0)
        dashboard_release(d);
    return rc;
}

void dashboard_release(struct dashboard *d)
{
    arena_free(d->arena);
    *d = (struct dashboard){0};
}

static void put_member(struct buf *out, const char *key, struct str value)
{
    buf_printf(out, ",\"%s\":", key);
    if (value.ptr)
        json_quote(out, value);
    else
        buf_z(out, "null");
}

static void put_widget(struct buf *out, const struct dashboard *d, const struct dash_widget *w)
{
    buf_printf(out, "{\"x\":%d,\"y\":%d,\"width\":%d,\"height\":%d,\"query\":%d", w->x, w->y, w->width, w->height, w->query);
    put_member(out, "name", w->name);
    put_member(out, "kind", w->kind);
    put_member(out, "title", w->title);
    put_member(out, "description", w->description);
    put_member(out, "markdown", w->markdown);
    put_member(out, "refusal", w->refusal);
    if (w->filter) {
        buf_z(out, ",\"filter\":");
        dash_filter_json(d->filters, w->name, out);
    }
    buf_z(out, ",\"spec\":");
    if (w->spec)
        doc_write(out, w->spec);
    else
        buf_z(out, "null");
    buf_char(out, '}');
}

void dashboard_json(const struct dashboard *d, struct buf *out)
{
    buf_z(out, "{\"name\":");
    json_quote(out, d->name);
    put_member(out, "title", d->title);
    buf_printf(out, ",\"queries\":%zu,\"pages\":[", d->query_count);
    for (size_t i = 0; i < d->page_count; i++) {
        const struct dash_page *p = &d->pages[i];
        buf_printf(out, "%s{\"columns\":%d", i ? "," : "", p->columns);
        put_member(out, "name", p->name);
        put_member(out, "title", p->title);
        buf_z(out, ",\"widgets\":[");
        for (size_t k = 0; k < p->count; k++) {
            if (k)
                buf_char(out, ',');
            put_widget(out, d, &p->widgets[k]);
        }
        buf_z(out, "]}");
    }
    buf_z(out, "]}");
}

size_t dashboard_refusals(const struct dashboard *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->page_count; i++)
        for (size_t k = 0; k < d->pages[i].count; k++)
            n += d->pages[i].widgets[k].refusal.ptr != NULL;
    return n;
}
