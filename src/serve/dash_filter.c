#include "serve/dash_filter.h"
#include "serve/pg_types.h"
#include <string.h>

enum input { IN_SINGLE, IN_MULTI, IN_TEXT, IN_DATE, IN_RANGE, IN_NUMBERS };
static const struct { const char *type; enum input input; const char *name; } KINDS[] = {
    {"filter-single-select", IN_SINGLE, "single"}, {"filter-multi-select", IN_MULTI, "multi"},
    {"filter-text-entry", IN_TEXT, "text"}, {"filter-date-picker", IN_DATE, "date"},
    {"filter-date-range-picker", IN_RANGE, "range"}, {"range-slider", IN_NUMBERS, "numbers"},
};

struct choice { struct str *values; size_t count; struct str min, max; }; /* ptr NULL: open */
struct filter { struct str name; size_t kind, page; bool everywhere; const struct doc *widget; struct choice choice; };
struct dash_filters { struct arena *a; struct filter *items; size_t count, cap; };

static int kind_of(struct str type)
{
    for (size_t i = 0; i < COUNT_OF(KINDS); i++)
        if (str_eqz(type, KINDS[i].type))
            return (int)i;
    return -1;
}

bool dash_filter_is(struct str widget_type)
{
    return kind_of(widget_type) >= 0;
}

/* A value as text: a scalar, or {"value": scalar}. */
static struct str text_of(const struct doc *v)
{
    if (doc_is(v, DOC_OBJECT))
        v = doc_get(v, "value");
    return doc_text(v);
}

/* {"values": […] or {"values": […]}, "range": {"min", "max"}, "min", "max"} */
static struct choice choice_of(struct arena *a, const struct doc *d)
{
    struct choice c = {0};
    const struct doc *values = doc_get(d, "values"), *range = doc_get(d, "range") ? doc_get(d, "range") : d;
    if (doc_is(values, DOC_OBJECT))
        values = doc_get(values, "values");
    size_t n = doc_is(values, DOC_ARRAY) ? values->count : 0;
    c.values = ARENA_ARRAY(a, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        if (text_of(values->items[i]).ptr)
            c.values[c.count++] = text_of(values->items[i]);
    c.min = text_of(doc_get(range, "min"));
    c.max = text_of(doc_get(range, "max"));
    return c;
}

static void add(struct dash_filters *f, const struct doc *widget, size_t page, bool everywhere, const struct map *selections)
{
    struct str name = doc_str(doc_get(widget, "name"), STR_NONE);
    int kind = kind_of(doc_str(doc_path(widget, "spec.widgetType"), STR_NONE));
    const char *selected = selections && name.ptr ? map_get(selections, name) : NULL;
    struct err ignored;
    if (kind < 0)
        return;
    const struct doc *d = selected ? doc_json(f->a, "selection", str_z(selected), &ignored) : doc_path(widget, "spec.selection.defaultSelection");
    f->items = arena_grow(f->a, f->items, &f->cap, f->count + 1, sizeof *f->items);
    f->items[f->count++] = (struct filter){name, (size_t)kind, page, everywhere, widget, choice_of(f->a, d)};
}

struct dash_filters *dash_filters_new(struct arena *a, const struct doc *root, const struct map *selections)
{
    struct dash_filters *f = ARENA_NEW(a, struct dash_filters);
    const struct doc *pages = doc_get(root, "pages");
    f->a = a;
    for (size_t p = 0; doc_is(pages, DOC_ARRAY) && p < pages->count; p++) {
        const struct doc *layout = doc_get(pages->items[p], "layout");
        bool everywhere = str_eqz(doc_str(doc_get(pages->items[p], "pageType"), STR_NONE), "PAGE_TYPE_GLOBAL_FILTERS");
        for (size_t i = 0; doc_is(layout, DOC_ARRAY) && i < layout->count; i++)
            add(f, doc_get(layout->items[i], "widget"), p, everywhere, selections);
    }
    return f;
}

/* ---------------------------------------------------------------- what a filter is about */

/* The query that an entry of encodings.fields belongs to, if it is of `dataset`. */
static const struct doc *query_of(const struct filter *f, const struct doc *entry, struct str dataset)
{
    const struct doc *queries = doc_get(f->widget, "queries");
    struct str name = doc_str(doc_get(entry, "queryName"), STR_NONE);
    for (size_t i = 0; doc_is(queries, DOC_ARRAY) && i < queries->count; i++) {
        const struct doc *q = doc_get(queries->items[i], "query");
        if ((!name.ptr || str_eq(name, doc_str(doc_get(queries->items[i], "name"), STR_NONE))) &&
            str_eq(dataset, doc_str(doc_get(q, "datasetName"), STR_NONE)))
            return q;
    }
    return NULL;
}

static struct str field_text(const struct doc *query, struct str name)
{
    const struct doc *fields = doc_get(query, "fields");
    for (size_t i = 0; doc_is(fields, DOC_ARRAY) && i < fields->count; i++)
        if (str_eq(name, doc_str(doc_get(fields->items[i], "name"), STR_NONE)))
            return doc_str(doc_get(fields->items[i], "expression"), STR_NONE);
    return STR_NONE;
}

static const struct doc *entries(const struct filter *f)
{
    const struct doc *e = doc_path(f->widget, "spec.encodings.fields");
    return doc_is(e, DOC_ARRAY) ? e : NULL;
}

static bool holds(const struct filter *f, size_t page)
{
    return f->everywhere || f->page == page;
}

/* ---------------------------------------------------------------- literals */

static bool is_number(struct str s)
{
    double v;
    return str_f64(s, &v) && str_chr(s, 'n') < 0 && str_chr(s, 'N') < 0 && str_chr(s, 'x') < 0;
}

/* now[±Nu][/u] as Spark SQL; false if `s` is not of that form. */
static bool put_relative(struct buf *out, struct str s)
{
    static const struct { char letter; const char *unit; } units[] = {{'s', "SECOND"}, {'m', "MINUTE"}, {'h', "HOUR"}, {'d', "DAY"},
                                                                      {'w', "WEEK"}, {'M', "MONTH"}, {'y', "YEAR"}};
    const char *moved = NULL, *cut = NULL;
    int64_t n = 0;
    if (!str_starts_z(s, "now"))
        return false;
    s = str_from(s, 3);
    int64_t slash = str_chr(s, '/');
    struct str move = slash < 0 ? s : str_sub(s, 0, (size_t)slash), to = slash < 0 ? STR_NONE : str_from(s, (size_t)slash + 1);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (move.len > 2 && move.ptr[move.len - 1] == units[i].letter)
            moved = units[i].unit;
        if (to.len == 1 && to.ptr[0] == units[i].letter)
            cut = units[i].unit;
    }
    if ((move.len && (!moved || !str_i64(str_sub(move, 0, move.len - 1), &n))) || (to.ptr && !cut))
        return false;
    if (cut)
        buf_printf(out, "date_trunc('%s', ", cut);
    buf_z(out, "current_timestamp()");
    if (moved)
        buf_printf(out, " %c INTERVAL '%jd' %s", n < 0 ? '-' : '+', (intmax_t)(n < 0 ? -n : n), moved);
    buf_z(out, cut ? ")" : "");
    return true;
}

static void put_time(struct buf *out, struct str v, const char *type)
{
    buf_z(out, "CAST(");
    if (!put_relative(out, v))
        pg_string_literal(out, v);
    buf_printf(out, " AS %s)", type);
}

static int put_value(struct buf *out, struct str v, struct str type, struct str keyword, struct err *err)
{
    if (str_eqz(type, "DATE") || str_eqz(type, "DATETIME") || str_eqz(type, "TIMESTAMP")) {
        put_time(out, v, str_eqz(type, "DATE") ? "DATE" : "TIMESTAMP");
        return 0;
    }
    if (!type.ptr || str_eqz(type, "STRING")) {
        pg_string_literal(out, v);
        return 0;
    }
    if (!is_number(v))
        return err_set(err, ERR_INPUT, "the parameter ':%.*s' is a number (%.*s), '%.*s' is none", STR_ARGS(keyword), STR_ARGS(type), STR_ARGS(v));
    buf_str(out, v);
    return 0;
}

/* ---------------------------------------------------------------- filters of fields */

static bool is_set(const struct filter *f)
{
    return f->choice.count || (f->choice.min.len && KINDS[f->kind].input >= IN_DATE) || (f->choice.max.len && KINDS[f->kind].input >= IN_DATE);
}

static void put_select(const struct choice *c, struct str field, struct buf *out)
{
    buf_printf(out, "CAST(%.*s AS STRING) IN (", STR_ARGS(field));
    for (size_t i = 0; i < c->count; i++) {
        buf_z(out, i ? ", " : "");
        pg_string_literal(out, c->values[i]);
    }
    buf_char(out, ')');
}

static void put_text(const struct choice *c, struct str field, struct buf *out)
{
    buf_printf(out, "contains(lower(CAST(%.*s AS STRING)), lower(", STR_ARGS(field));
    pg_string_literal(out, c->values[0]);
    buf_z(out, "))");
}

static void put_bounds(const struct choice *c, struct str field, bool dates, struct buf *out)
{
    struct str min = c->min.len ? c->min : c->count ? c->values[0] : STR_NONE, max = c->max.len ? c->max : c->count ? c->values[0] : STR_NONE;
    const struct { struct str v; const char *op; } ends[] = {{min, ">="}, {max, "<="}};
    bool first = true;
    for (size_t i = 0; i < 2; i++) {
        if (!ends[i].v.len || (!dates && !is_number(ends[i].v)))
            continue;
        buf_printf(out, dates ? "%sCAST(%.*s AS DATE) %s " : "%s%.*s %s ", first ? "" : " AND ", STR_ARGS(field), ends[i].op);
        if (dates)
            put_time(out, ends[i].v, "DATE");
        else
            buf_str(out, ends[i].v);
        first = false;
    }
    if (first)
        buf_z(out, "true");
}

void dash_filters_where(const struct dash_filters *f, size_t page, struct str dataset, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < f->count; i++) {
        const struct filter *one = &f->items[i];
        const struct doc *list = entries(one);
        for (size_t k = 0; list && is_set(one) && holds(one, page) && k < list->count; k++) {
            const struct doc *q = query_of(one, list->items[k], dataset);
            struct str field = field_text(q, doc_str(doc_get(list->items[k], "fieldName"), STR_NONE));
            enum input input = KINDS[one->kind].input;
            if (!field.len)
                continue;
            buf_z(out, first ? "\nWHERE (" : " AND (");
            first = false;
            if (input == IN_SINGLE || input == IN_MULTI)
                put_select(&one->choice, field, out);
            else if (input == IN_TEXT)
                put_text(&one->choice, field, out);
            else
                put_bounds(&one->choice, field, input != IN_NUMBERS, out);
            buf_char(out, ')');
        }
    }
}

/* ---------------------------------------------------------------- parameters */

/* What is selected for a parameter: by a filter of the page, else its default. */
static struct choice param_choice(const struct dash_filters *f, size_t page, struct str dataset, const struct doc *param)
{
    struct str keyword = doc_str(doc_get(param, "keyword"), STR_NONE);
    for (size_t i = 0; i < f->count; i++) {
        const struct filter *one = &f->items[i];
        const struct doc *list = entries(one);
        for (size_t k = 0; list && is_set(one) && holds(one, page) && k < list->count; k++)
            if (str_eq(keyword, doc_str(doc_get(list->items[k], "parameterName"), STR_NONE)) && query_of(one, list->items[k], dataset))
                return one->choice;
    }
    return choice_of(f->a, doc_get(param, "defaultSelection"));
}

static int put_param(const struct dash_filters *f, size_t page, const struct doc *dataset, const struct doc *param, struct str part,
                     struct buf *out, struct err *err)
{
    struct choice c = param_choice(f, page, doc_str(doc_get(dataset, "name"), STR_NONE), param);
    struct str type = doc_str(doc_get(param, "dataType"), STR_NONE), keyword = doc_str(doc_get(param, "keyword"), STR_NONE);
    bool multi = str_eqz(doc_str(doc_get(param, "complexType"), STR_NONE), "MULTI");
    if (part.len) {
        struct str v = str_eqz(part, "min") ? c.min : c.max;
        if (v.len)
            return put_value(out, v, type, keyword, err);
        buf_z(out, "NULL");
        return 0;
    }
    if (multi)
        buf_z(out, "array(");
    for (size_t i = 0; i < c.count && (multi || i == 0); i++) {
        buf_z(out, i ? ", " : "");
        if (put_value(out, c.values[i], type, keyword, err))
            return -1;
    }
    buf_z(out, multi ? ")" : c.count ? "" : "NULL");
    return 0;
}

static bool name_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}

/* Length of the string, quoted name or comment at the front of `s`; 0: there is none. */
static size_t opaque_len(struct str s)
{
    char c = s.ptr[0];
    int64_t end = -1;
    if (str_starts_z(s, "--"))
        return (end = str_chr(s, '\n')) < 0 ? s.len : (size_t)end;
    if (str_starts_z(s, "/*"))
        return (end = str_find(s, STR("*/"))) < 0 ? s.len : (size_t)end + 2;
    if (c != '\'' && c != '"' && c != '`')
        return 0;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '\\' && c != '`')
            i++;
        else if (s.ptr[i] == c)
            return i + 1;
    }
    return s.len;
}

static const struct doc *param_of(const struct doc *dataset, struct str keyword)
{
    const struct doc *params = doc_get(dataset, "parameters");
    for (size_t i = 0; doc_is(params, DOC_ARRAY) && i < params->count; i++)
        if (str_eq(keyword, doc_str(doc_get(params->items[i], "keyword"), STR_NONE)))
            return params->items[i];
    return NULL;
}

int dash_filters_text(const struct dash_filters *f, size_t page, const struct doc *dataset, struct str text, struct buf *out, struct err *err)
{
    for (char before = ' '; text.len;) {
        size_t n = opaque_len(text), word = 1;
        bool marker = !n && text.ptr[0] == ':' && !name_char(before) && !strchr(":)]`", before);
        while (marker && word < text.len && name_char(text.ptr[word]))
            word++;
        const struct doc *param = word > 1 ? param_of(dataset, str_sub(text, 1, word - 1)) : NULL;
        if (!param) {
            n = n ? n : 1;
            buf_add(out, text.ptr, n);
            before = text.ptr[n - 1];
            text = str_from(text, n);
            continue;
        }
        struct str part = STR_NONE, rest = str_from(text, word);
        if (str_starts_z(rest, ".min") || str_starts_z(rest, ".max")) {
            part = str_sub(rest, 1, 3);
            word += 4;
        }
        if (put_param(f, page, dataset, param, part, out, err))
            return -1;
        before = 'x';
        text = str_from(text, word);
    }
    return 0;
}

bool dash_filters_touch(const struct dash_filters *f, size_t page, const struct doc *dataset)
{
    struct str name = doc_str(doc_get(dataset, "name"), STR_NONE);
    const struct doc *params = doc_get(dataset, "parameters");
    if (doc_is(params, DOC_ARRAY) && params->count)
        return true;
    for (size_t i = 0; i < f->count; i++) {
        const struct doc *list = entries(&f->items[i]);
        for (size_t k = 0; list && holds(&f->items[i], page) && k < list->count; k++)
            if (query_of(&f->items[i], list->items[k], name))
                return true;
    }
    return false;
}

static void put_or_null(struct buf *out, struct str s)
{
    if (s.ptr)
        json_quote(out, s);
    else
        buf_z(out, "null");
}

void dash_filter_json(const struct dash_filters *f, struct str widget, struct buf *out)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct filter *one = &f->items[i];
        if (!str_eq(one->name, widget))
            continue;
        buf_printf(out, "{\"input\":\"%s\",\"values\":[", KINDS[one->kind].name);
        for (size_t k = 0; k < one->choice.count; k++) {
            buf_z(out, k ? "," : "");
            json_quote(out, one->choice.values[k]);
        }
        buf_z(out, "],\"min\":");
        put_or_null(out, one->choice.min);
        buf_z(out, ",\"max\":");
        put_or_null(out, one->choice.max);
        buf_char(out, '}');
        return;
    }
    buf_z(out, "null");
}
