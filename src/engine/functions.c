/* functions.c -- how each of Spark's functions is printed: tables of rows, by area.
 *
 * A row's template is DuckDB text with placeholders:
 *     $1 $2 …   an argument between commas or parentheses     @1 @2 …  an argument as an operand
 *     $*        all arguments, commas between    $2* the second and the following
 *     $T        the result's type                $A  the type of the first argument
 *     $D        DISTINCT, if given               $F  FILTER (WHERE …), if given
 *     $N        FILTER (WHERE $1 IS NOT NULL and the given filter)
 *     $O        ORDER BY of the call, if given   $W  OVER (…), if it is a window's function
 * Rows whose printing depends on the arguments have a function instead. A row's note says where the
 * function still differs from Spark; docs/compatibility.md is checked against the notes.
 *
 * resolve.c has refused what plan/functions.c does not know; a test keeps both tables alike. */
#include "engine/print_int.h"
#include <pthread.h>

static const struct fn_row *const areas[] = {fn_rows_core, fn_rows_text, fn_rows_time, fn_rows_nested,
                                             fn_rows_aggregate, fn_rows_json};
static struct map *by_name;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void index_rows(void)
{
    by_name = map_new();
    for (size_t a = 0; a < COUNT_OF(areas); a++)
        for (const struct fn_row *r = areas[a]; r->name; r++) {
            void *before = map_put(by_name, str_z(r->name), (void *)r);
            CHECK(!before);
        }
}

const struct fn_row *fn_row_find(struct str name)
{
    pthread_once(&once, index_rows);
    return map_get(by_name, name);
}

const struct fn_row *fn_row_at(size_t n)
{
    for (size_t a = 0; a < COUNT_OF(areas); a++)
        for (const struct fn_row *r = areas[a]; r->name; r++)
            if (n-- == 0)
                return r;
    return NULL;
}

/* ------------------------------------------------------------------ templates */

static void put_filter(struct pr *p, struct buf *b, const struct expr *c, bool not_null)
{
    if (!c->filter && !not_null)
        return;
    buf_z(b, " FILTER (WHERE ");
    if (not_null) {
        print_expr(p, b, c->args.items[0], P_COMPARE);
        buf_z(b, " IS NOT NULL");
    }
    if (c->filter) {
        buf_z(b, not_null ? " AND " : "");
        print_expr(p, b, c->filter, not_null ? P_AND : P_ANY);
    }
    buf_char(b, ')');
}

static void put_order(struct pr *p, struct buf *b, const struct expr *c)
{
    for (size_t i = 0; i < c->order.count; i++) {
        buf_z(b, i ? ", " : " ORDER BY ");
        print_expr(p, b, c->order.items[i], P_ANY);
    }
}

static void put_arg(struct pr *p, struct buf *b, const struct expr *c, size_t i, enum prec around)
{
    if (i < c->args.count)
        print_expr(p, b, c->args.items[i], around);
    else
        print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() with %zu arguments is not supported", STR_ARGS(c->func), c->args.count);
}

static void put_special(struct pr *p, struct buf *b, char what, const struct expr *c, const struct expr *window)
{
    switch (what) {
    case '*':
        print_list(p, b, &c->args, 0, ", ");
        break;
    case 'T':
        print_type(p, b, c->type);
        break;
    case 'A':
        print_type(p, b, c->args.items[0]->type);
        break;
    case 'D':
        if (c->distinct && window)
            print_fail(p, c->at, ERR_INPUT, "[DISTINCT_WINDOW_FUNCTION_UNSUPPORTED] Distinct window functions are not supported: %.*s()",
                       STR_ARGS(c->func));
        buf_z(b, c->distinct ? "DISTINCT " : "");
        break;
    case 'F':
        put_filter(p, b, c, false);
        break;
    case 'N':
        put_filter(p, b, c, true);
        break;
    case 'O':
        put_order(p, b, c);
        break;
    case 'W':
        if (window)
            print_over(p, b, window);
        break;
    default:
        UNREACHABLE();
    }
}

static void check_volatile(struct pr *p, const char *text, const struct expr *c)
{
    for (size_t i = 0; i < c->args.count && i < 9; i++) {
        size_t uses = 0;
        for (const char *t = text; *t; t++)
            uses += (*t == '$' || *t == '@') && t[1] == (char)('1' + i) && t[2] != '*';
        if (uses > 1 && expr_has_flag(c->args.items[i], FN_VOLATILE))
            print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() of an argument that has another value at each use is not supported; "
                       "compute the argument in a subquery", STR_ARGS(c->func));
    }
}

void print_template(struct pr *p, struct buf *b, const char *text, const struct expr *c, const struct expr *window)
{
    check_volatile(p, text, c);
    if (window && !strstr(text, "$W"))
        print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() is not supported as a window function", STR_ARGS(c->func));
    if (c->filter && !strstr(text, "$F") && !strstr(text, "$N"))
        print_fail(p, c->at, ERR_UNSUPPORTED, "FILTER of %.*s() is not supported", STR_ARGS(c->func));
    if (c->distinct && !strstr(text, "DISTINCT") && !strstr(text, "$D"))
        print_fail(p, c->at, ERR_UNSUPPORTED, "DISTINCT in %.*s() is not supported", STR_ARGS(c->func));
    for (const char *t = text; *t && !p->failed; t++) {
        bool digit = t[1] >= '1' && t[1] <= '9';
        if (*t == '@' && digit) {
            put_arg(p, b, c, (size_t)(*++t - '1'), P_ATOM);
        } else if (*t == '$' && digit && t[2] == '*') {
            print_list(p, b, &c->args, (size_t)(t[1] - '1'), ", ");
            t += 2;
        } else if (*t == '$' && digit) {
            put_arg(p, b, c, (size_t)(*++t - '1'), P_ANY);
        } else if (*t == '$' && strchr("*TADFNOW", t[1]) && t[1]) {
            put_special(p, b, *++t, c, window);
        } else {
            buf_char(b, *t);
        }
    }
}

void print_call(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window, enum prec around)
{
    const struct fn_row *row = fn_row_find(c->func);
    if (!row) {
        print_fail(p, c->at, ERR_UNSUPPORTED, "[UNRESOLVED_ROUTINE] Cannot resolve routine `%.*s`", STR_ARGS(c->func));
        return;
    }
    bool paren = row->prec && row->prec < around;
    buf_z(b, paren ? "(" : "");
    if (row->print)
        row->print(p, b, c, window);
    else
        print_template(p, b, row->text, c, window);
    buf_z(b, paren ? ")" : "");
}
