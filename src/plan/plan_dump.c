/* plan_dump.c -- a plan as text, for tests and explain: one relation a line, children indented.
 *
 *     Filter >(a, 1)
 *       Alias t
 *         Table main.bronze.x streaming
 *
 * Expressions are written as calls, operators too: +(a, b). Literals are SQL's: 'text', 1,
 * 1L, 1.5D, 2.50 (decimal), X'0A', DATE(19000) in days, TIMESTAMP(us), INTERVAL(months, days, us).
 * Resolved columns show their ordinal, a#0, and outer references their depth, a#0^1. Subqueries are
 * written in line: {…}, with " < " before an input and ", " between two. */
#include "plan/plan_int.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

static void rel_inline(struct buf *out, const struct rel *r);

static void name_part(struct buf *out, struct str s)
{
    bool plain = s.len > 0;
    for (size_t i = 0; i < s.len; i++)
        plain &= isalnum((unsigned char)s.ptr[i]) || s.ptr[i] == '_';
    if (plain) {
        buf_str(out, s);
        return;
    }
    buf_char(out, '`');
    for (size_t i = 0; i < s.len; i++)
        buf_printf(out, s.ptr[i] == '`' ? "``" : "%c", s.ptr[i]);
    buf_char(out, '`');
}

static void names_dump(struct buf *out, const struct names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        if (i)
            buf_char(out, '.');
        name_part(out, n->parts[i]);
    }
}

static void strs_dump(struct buf *out, const struct str *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_z(out, ", ");
        name_part(out, items[i]);
    }
}

static void string_dump(struct buf *out, struct str s)
{
    buf_char(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\'' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_z(out, "\\n");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\x%02x", c);
        else
            buf_char(out, (char)c);
    }
    buf_char(out, '\'');
}

static const char *int_suffix(const struct type *t)
{
    switch (t ? t->kind : TYPE_INT) {
    case TYPE_LONG:
        return "L";
    case TYPE_SHORT:
        return "S";
    case TYPE_BYTE:
        return "Y";
    default:
        return "";
    }
}

/* The shortest text that reads back as the same number. */
static void float_dump(struct buf *out, double v, bool is_float)
{
    char text[40];
    double back = 0;
    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (str_f64(str_z(text), &back) && (is_float ? (float)back == (float)v : back == v))
            break;
    }
    buf_printf(out, "%s%s", text, is_float ? "F" : "D");
}

static void lit_dump(struct buf *out, const struct lit *l, const struct type *t)
{
    switch (l->kind) {
    case LIT_NULL:
        buf_z(out, "null");
        break;
    case LIT_BOOL:
        buf_z(out, l->i64 ? "true" : "false");
        break;
    case LIT_INT:
        buf_printf(out, "%" PRId64 "%s", l->i64, int_suffix(t));
        break;
    case LIT_FLOAT:
        float_dump(out, l->f64, t && t->kind == TYPE_FLOAT);
        break;
    case LIT_DECIMAL:
        buf_str(out, l->text);
        break;
    case LIT_STRING:
        string_dump(out, l->text);
        break;
    case LIT_BINARY:
        buf_z(out, "X'");
        hex_put(out, l->text);
        buf_char(out, '\'');
        break;
    case LIT_DATE:
        buf_printf(out, "DATE(%" PRId64 ")", l->i64);
        break;
    case LIT_TIMESTAMP:
        buf_printf(out, "TIMESTAMP(%" PRId64 ")", l->i64);
        break;
    case LIT_TIMESTAMP_NTZ:
        buf_printf(out, "TIMESTAMP_NTZ(%" PRId64 ")", l->i64);
        break;
    case LIT_INTERVAL:
        buf_printf(out, "INTERVAL(%d, %d, %" PRId64 ")", l->months, l->days, l->us);
        break;
    }
}

static void list_dump(struct buf *out, const struct exprs *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            buf_z(out, ", ");
        expr_dump(out, list->items[i]);
    }
}

static void bracketed(struct buf *out, const char *before, const struct exprs *list)
{
    buf_printf(out, "%s[", before);
    list_dump(out, list);
    buf_char(out, ']');
}

static void call_dump(struct buf *out, const struct expr *e)
{
    buf_str(out, e->func);
    buf_z(out, e->distinct ? "(distinct " : "(");
    if (e->star_arg)
        buf_char(out, '*');
    list_dump(out, &e->args);
    buf_char(out, ')');
    if (e->ignore_nulls)
        buf_z(out, " ignore nulls");
    if (e->order.count)
        bracketed(out, " order ", &e->order);
    if (e->filter) {
        buf_z(out, " filter ");
        expr_dump(out, e->filter);
    }
}

static void edge_dump(struct buf *out, enum frame_edge edge, const struct expr *value, bool from)
{
    if (value) {
        expr_dump(out, value);
        buf_char(out, ' ');
    }
    static const char *const words[] = {
        [EDGE_CURRENT] = "current", [EDGE_PRECEDING] = "preceding", [EDGE_FOLLOWING] = "following"};
    if (edge == EDGE_UNBOUNDED)
        buf_z(out, from ? "unbounded preceding" : "unbounded following");
    else
        buf_z(out, words[edge]);
}

static void window_dump(struct buf *out, const struct expr *e)
{
    expr_dump(out, e->args.items[0]);
    buf_z(out, " over(");
    const char *gap = "";
    if (e->partition.count) {
        bracketed(out, "partition ", &e->partition);
        gap = " ";
    }
    if (e->order.count) {
        buf_z(out, gap);
        bracketed(out, "order ", &e->order);
        gap = " ";
    }
    if (e->frame.type != FRAME_NONE) {
        buf_printf(out, "%s%s ", gap, e->frame.type == FRAME_ROWS ? "rows" : "range");
        edge_dump(out, e->frame.from, e->frame.from_value, true);
        buf_z(out, " to ");
        edge_dump(out, e->frame.to, e->frame.to_value, false);
    }
    buf_char(out, ')');
}

static void alias_dump(struct buf *out, const struct expr *e)
{
    expr_dump(out, e->args.items[0]);
    buf_z(out, e->name.count > 1 ? " as (" : " as ");
    strs_dump(out, e->name.parts, e->name.count);
    if (e->name.count > 1)
        buf_char(out, ')');
}

static void star_dump(struct buf *out, const struct expr *e)
{
    names_dump(out, &e->name);
    buf_z(out, e->name.count ? ".*" : "*");
    if (e->args.count)
        bracketed(out, " except ", &e->args);
    if (e->partition.count)
        bracketed(out, " replace ", &e->partition);
}

static void column_dump(struct buf *out, const struct expr *e)
{
    names_dump(out, &e->name);
    if (e->input >= 0)
        buf_printf(out, "#%d", e->input);
    if (e->outer_depth)
        buf_printf(out, "^%d", e->outer_depth);
}

static void cast_dump(struct buf *out, const struct expr *e)
{
    buf_z(out, e->try_cast ? "try_cast(" : "cast(");
    list_dump(out, &e->args);
    buf_z(out, " as ");
    type_write_ddl(out, e->type);
    buf_char(out, ')');
}

static void sort_dump(struct buf *out, const struct expr *e)
{
    list_dump(out, &e->args);
    if (e->descending)
        buf_z(out, " desc");
    if (e->nulls_first == e->descending) /* not Spark's default */
        buf_z(out, e->nulls_first ? " nulls first" : " nulls last");
}

static void lambda_dump(struct buf *out, const struct expr *e)
{
    buf_char(out, '(');
    strs_dump(out, e->params, e->param_count);
    buf_z(out, ") -> ");
    list_dump(out, &e->args);
}

static void sub_dump(struct buf *out, const struct expr *e)
{
    if (e->kind == EXPR_EXISTS)
        buf_z(out, "exists");
    if (e->kind == EXPR_IN_SUBQUERY) {
        buf_char(out, '(');
        list_dump(out, &e->args);
        buf_z(out, ") in ");
    }
    buf_char(out, '{');
    rel_inline(out, e->sub);
    buf_char(out, '}');
}

void expr_dump(struct buf *out, const struct expr *e)
{
    switch (e->kind) {
    case EXPR_LITERAL:
    case EXPR_INTERVAL:
        lit_dump(out, &e->lit, e->type);
        break;
    case EXPR_COLUMN:
        column_dump(out, e);
        break;
    case EXPR_STAR:
        star_dump(out, e);
        break;
    case EXPR_CALL:
        call_dump(out, e);
        break;
    case EXPR_CAST:
        cast_dump(out, e);
        break;
    case EXPR_ALIAS:
        alias_dump(out, e);
        break;
    case EXPR_CASE:
        buf_z(out, "case(");
        list_dump(out, &e->args);
        buf_char(out, ')');
        break;
    case EXPR_WINDOW:
        window_dump(out, e);
        break;
    case EXPR_SORT:
        sort_dump(out, e);
        break;
    case EXPR_LAMBDA:
        lambda_dump(out, e);
        break;
    case EXPR_LAMBDA_VAR:
        buf_char(out, '$');
        names_dump(out, &e->name);
        break;
    case EXPR_FIELD:
        list_dump(out, &e->args);
        buf_char(out, '.');
        name_part(out, e->field_name);
        break;
    case EXPR_ELEMENT:
        expr_dump(out, e->args.items[0]);
        buf_char(out, '[');
        expr_dump(out, e->args.items[1]);
        buf_char(out, ']');
        break;
    case EXPR_PATH:
        list_dump(out, &e->args);
        buf_char(out, ':');
        buf_str(out, e->field_name);
        break;
    case EXPR_SUBQUERY:
    case EXPR_EXISTS:
    case EXPR_IN_SUBQUERY:
        sub_dump(out, e);
        break;
    case EXPR_NAMED_ARG:
        name_part(out, e->field_name);
        buf_z(out, " => ");
        list_dump(out, &e->args);
        break;
    case EXPR_PARAM:
        if (e->name.count == 0)
            buf_char(out, '?');
        else
            buf_printf(out, ":%.*s", STR_ARGS(e->name.parts[0]));
        break;
    }
}

static const char *const rel_words[] = {
    [REL_TABLE] = "Table",         [REL_FUNCTION] = "Function", [REL_SOURCE] = "Source",
    [REL_VALUES] = "Values",       [REL_ONE_ROW] = "OneRow",    [REL_PROJECT] = "Project",
    [REL_FILTER] = "Filter",       [REL_JOIN] = "Join",         [REL_AGGREGATE] = "Aggregate",
    [REL_SORT] = "Sort",           [REL_LIMIT] = "Limit",       [REL_SETOP] = "SetOp",
    [REL_ALIAS] = "Alias",         [REL_DEDUP] = "Dedup",       [REL_WITH] = "With",
    [REL_WATERMARK] = "Watermark", [REL_GENERATE] = "Generate", [REL_WITH_COLUMNS] = "WithColumns",
    [REL_DROP] = "Drop",           [REL_RENAME] = "Rename",     [REL_SAMPLE] = "Sample",
    [REL_PIVOT] = "Pivot",         [REL_LOCAL] = "Local",       [REL_TAIL] = "Tail",
    [REL_HINT] = "Hint",           [REL_UNPIVOT] = "Unpivot",
};

static void options_dump(struct buf *out, const struct options *o)
{
    for (size_t i = 0; i < o->count; i++) {
        buf_z(out, i ? ", " : " with ");
        buf_printf(out, "%.*s = ", STR_ARGS(o->keys[i]));
        string_dump(out, o->values[i]);
    }
}

static void leaf_dump(struct buf *out, const struct rel *r)
{
    if (r->name.count) {
        buf_char(out, ' ');
        names_dump(out, &r->name);
    }
    if (r->kind == REL_FUNCTION) {
        buf_printf(out, " %.*s(", STR_ARGS(r->func));
        list_dump(out, &r->args);
        buf_char(out, ')');
    }
    if (r->format.len)
        buf_printf(out, " %.*s", STR_ARGS(r->format));
    for (size_t i = 0; i < r->path_count; i++) {
        buf_char(out, ' ');
        string_dump(out, r->paths[i]);
    }
    if (r->streaming)
        buf_z(out, " streaming");
    if (r->version) {
        buf_z(out, " version ");
        expr_dump(out, r->version);
    }
    if (r->timestamp) {
        buf_z(out, " timestamp ");
        expr_dump(out, r->timestamp);
    }
    options_dump(out, &r->options);
}

static void rows_dump(struct buf *out, const struct rel *r)
{
    for (size_t i = 0; i < r->row_count; i++) {
        buf_z(out, i ? ", (" : " (");
        list_dump(out, &r->rows[i]);
        buf_char(out, ')');
    }
}

static void join_dump(struct buf *out, const struct rel *r)
{
    static const char *const words[] = {"inner", "left", "right", "full", "cross", "semi", "anti"};
    buf_printf(out, "%s%s %s", r->natural ? " natural" : "", r->lateral ? " lateral" : "",
               words[r->join]);
    if (r->column_count) {
        buf_z(out, " using ");
        strs_dump(out, r->columns, r->column_count);
    }
}

static void aggregate_dump(struct buf *out, const struct rel *r)
{
    static const char *const words[] = {" by ", " by rollup ", " by cube ", " by sets ",
                                        " by all "};
    bracketed(out, words[r->grouping], &r->groups);
    if (r->grouping == GROUP_SETS)
        rows_dump(out, r);
}

static void setop_dump(struct buf *out, const struct rel *r)
{
    static const char *const words[] = {"union", "intersect", "except"};
    buf_printf(out, " %s%s%s%s", words[r->op], r->all ? " all" : "", r->by_name ? " by name" : "",
               r->allow_missing ? " allow missing" : "");
}

static void columns_dump(struct buf *out, const struct rel *r)
{
    if (r->column_count == 0)
        return;
    buf_z(out, " (");
    strs_dump(out, r->columns, r->column_count);
    buf_char(out, ')');
}

/* Everything about the relation itself, without its inputs. */
static void head_dump(struct buf *out, const struct rel *r)
{
    buf_z(out, rel_words[r->kind]);
    switch (r->kind) {
    case REL_TABLE:
    case REL_FUNCTION:
    case REL_SOURCE:
        leaf_dump(out, r);
        break;
    case REL_VALUES:
        rows_dump(out, r);
        break;
    case REL_JOIN:
        join_dump(out, r);
        break;
    case REL_AGGREGATE:
        aggregate_dump(out, r);
        break;
    case REL_SETOP:
        setop_dump(out, r);
        break;
    case REL_WITH:
        buf_z(out, r->recursive ? " recursive" : "");
        break;
    case REL_WATERMARK:
        buf_printf(out, " delay %d days %" PRId64 " us", r->delay.days, r->delay.us);
        break;
    case REL_SAMPLE:
        buf_printf(out, " %g", r->fraction);
        break;
    default:
        break;
    }
    if (r->having || r->qualify)
        buf_z(out, r->having ? " having" : " qualify");
    if (r->kind == REL_HINT)
        buf_printf(out, " %.*s", STR_ARGS(r->func));
    if (r->alias.len) {
        buf_char(out, ' ');
        name_part(out, r->alias);
    }
    if (r->distinct)
        buf_z(out, " distinct");
    if (r->outer)
        buf_z(out, r->kind == REL_UNPIVOT ? " include nulls" : " outer");
    if (r->kind != REL_JOIN && r->kind != REL_VALUES)
        columns_dump(out, r);
    if (r->kind == REL_UNPIVOT)
        buf_printf(out, " for %.*s", STR_ARGS(r->text));
    if (r->exprs.count)
        bracketed(out, " ", &r->exprs);
    if (r->kind != REL_AGGREGATE && r->groups.count)
        bracketed(out, " by ", &r->groups);
    if (r->kind != REL_FUNCTION && r->args.count)
        bracketed(out, " in ", &r->args);
    if (r->order.count)
        bracketed(out, " ", &r->order);
    if (r->cond) {
        buf_char(out, ' ');
        expr_dump(out, r->cond);
    }
    if (r->limit) {
        buf_char(out, ' ');
        expr_dump(out, r->limit);
    }
    if (r->offset) {
        buf_z(out, " offset ");
        expr_dump(out, r->offset);
    }
}

static void rel_inline(struct buf *out, const struct rel *r)
{
    for (size_t i = 0; i < r->cte_count; i++) {
        buf_printf(out, "%.*s := {", STR_ARGS(r->cte_names[i]));
        rel_inline(out, r->ctes[i]);
        buf_z(out, "} ");
    }
    head_dump(out, r);
    if (r->input) {
        buf_z(out, r->right ? " < {" : " < ");
        rel_inline(out, r->input);
    }
    if (r->right) {
        buf_z(out, "}, {");
        rel_inline(out, r->right);
        buf_char(out, '}');
    }
}

static void indented(struct buf *out, const struct rel *r, int depth)
{
    buf_printf(out, "%*s", depth * 2, "");
    head_dump(out, r);
    buf_char(out, '\n');
    for (size_t i = 0; i < r->cte_count; i++) {
        buf_printf(out, "%*s%.*s :=\n", (depth + 1) * 2, "", STR_ARGS(r->cte_names[i]));
        indented(out, r->ctes[i], depth + 2);
    }
    if (r->input)
        indented(out, r->input, depth + 1);
    if (r->right)
        indented(out, r->right, depth + 1);
}

void plan_dump(struct buf *out, const struct rel *r)
{
    indented(out, r, 0);
}
