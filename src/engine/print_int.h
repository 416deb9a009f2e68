/* print_int -- what the files of the printer share.
 *
 *   print.c        statements: relations to select blocks
 *   print_rel.c    the relations that are not plain clauses: joins, sets, WITH, generators, leaves
 *   print_expr.c   expressions, literals, windows
 *   print_cast.c   casts by pair of types
 *   functions.c    the table: how each Spark function is printed
 *   functions_*.c  functions that need code to print, by area
 *
 * Text is built in the printer's arena as slices. A column of a relation is a piece of DuckDB text
 * with the binding power of its outermost operator, so that it can be put into other text. */
#ifndef PAYSTREAK_ENGINE_PRINT_INT_H
#define PAYSTREAK_ENGINE_PRINT_INT_H
#include "engine/print.h"
#include "plan/functions.h"
#include <string.h>

/* Binding powers, loosest first. P_ANY: between commas or parentheses. */
enum prec { P_ANY, P_OR, P_AND, P_NOT, P_COMPARE, P_OTHER, P_ADD, P_MUL, P_UNARY, P_ATOM };

struct col { struct str text; enum prec prec; };
/* What columns mean where an expression is printed; `outer`: the query around a subquery. */
struct env { const struct col *cols; size_t count; const struct env *outer; };
struct lambda_env { const struct str *names; const struct str *texts; size_t count; const struct lambda_env *up; };

struct pr {
    struct arena *a;
    const struct printer *with;
    struct map *aliases;             /* table aliases in use */
    const struct env *env;
    const struct lambda_env *lambdas;
    const struct exprs *groups;      /* of the aggregate being printed: grouping_id() */
    size_t lambda_count;
    bool legacy_cast;                /* printing CAST with ANSI off, which differs from try_cast */
    bool in_condition;               /* of a WHERE or HAVING: there IN (subquery) is as SQL says */
    bool failed;
    struct err *err;
};

enum stage { AT_FROM, AT_WHERE, AT_GROUP, AT_HAVING, AT_SELECT, AT_ORDER, AT_LIMIT };
struct block {
    enum stage stage;
    struct str with;                 /* "WITH … " or NONE */
    struct str raw;                  /* a set operation: the whole statement but ORDER BY and LIMIT */
    struct str from, where, group, having, order, limit, distinct_on;
    struct str *order_keys; size_t order_count; /* key texts with direction apart */
    const struct expr **order_items;
    struct col *cols;
    struct str *names;               /* output names */
    size_t count;
    bool distinct, has_window, has_unnest, grouped;
    bool renamed;                    /* `raw` has other names than `names` */
};

/* print.c */
void print_fail(struct pr *p, struct place at, enum err_code code, const char *fmt, ...) PRINTF_LIKE(4, 5);
struct block *print_block(struct pr *p, const struct rel *r);
struct block *block_new(struct pr *p, const struct rel *r);  /* cols and names sized by r->output */
struct block *block_wrap(struct pr *p, struct block *b);
struct block *block_as_from(struct pr *p, struct block *b);  /* wraps unless only FROM is there */
struct str block_render(struct pr *p, struct block *b, bool unique_names);
struct str print_alias(struct pr *p, struct str hint);       /* a fresh table alias, quoted if needed */
struct str *unique_names(struct pr *p, const struct str *names, size_t count);
struct str quoted(struct pr *p, struct str name);
void block_env(const struct block *b, struct env *e, const struct env *outer);

/* print_rel.c */
struct block *print_join(struct pr *p, const struct rel *r);
struct block *print_setop(struct pr *p, const struct rel *r);
struct block *print_with(struct pr *p, const struct rel *r);
struct block *print_generate(struct pr *p, const struct rel *r);
struct block *print_values(struct pr *p, const struct rel *r);
struct block *print_leaf(struct pr *p, const struct rel *r);
struct block *print_alias_rel(struct pr *p, const struct rel *r);

/* print_expr.c */
void print_expr(struct pr *p, struct buf *b, const struct expr *e, enum prec around);
struct str print_text(struct pr *p, const struct expr *e, enum prec around); /* in the arena */
struct col print_col(struct pr *p, const struct expr *e);
void print_list(struct pr *p, struct buf *b, const struct exprs *list, size_t from, const char *sep);
void print_over(struct pr *p, struct buf *b, const struct expr *w);
bool lit_is_text(const struct expr *e);
bool expr_const_int(const struct expr *e, int64_t *v);
bool never_zero(const struct expr *e);
enum prec expr_prec(struct pr *p, const struct expr *e);
/* `lambda x, i: body`; texts: what each parameter's uses print as, # standing for its name. */
void print_lambda(struct pr *p, struct buf *b, const struct expr *l, const struct str *texts);
struct str lambda_name(struct pr *p); /* a fresh one */
void print_type(struct pr *p, struct buf *b, const struct type *t);  /* DuckDB's; variants are JSON */

/* print_cast.c: CAST of `text` (atomic or parenthesised) from one type to another. */
struct str cast_text(struct pr *p, struct str text, const struct type *from, const struct type *to, bool try_cast,
                     struct place at);
bool cast_is_plain(const struct type *from, const struct type *to);

/* functions.c */
struct fn_row;
typedef void (*fn_print)(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window);
struct fn_row {
    const char *name;
    const char *text;     /* template, see functions.c; NULL: `print` */
    enum prec prec;       /* of the template's outermost operator; 0 is P_ATOM */
    fn_print print;
    const char *note;     /* where it differs from Spark, for docs/compatibility.md; NULL: it does not */
};
const struct fn_row *fn_row_find(struct str name);
const struct fn_row *fn_row_at(size_t n); /* NULL past the end */
void print_template(struct pr *p, struct buf *b, const char *text, const struct expr *c, const struct expr *window);
void print_call(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window, enum prec around);
/* strftime's pattern for a Java one; false if it has letters that strftime lacks. */
bool java_format(struct buf *out, struct str pattern);
/* The TIMESTAMP that a TIMESTAMP, NTZ or DATE expression shows in the session's zone (UTC). */
struct str local_text(struct pr *p, const struct expr *e);

/* functions_*.c: tables of rows by area, each ends with a NULL name. */
extern const struct fn_row fn_rows_core[], fn_rows_text[], fn_rows_time[], fn_rows_nested[], fn_rows_aggregate[],
    fn_rows_json[];

/* functions_core.c: the bits of an integral type; 32 of any other. */
int integer_bits(const struct type *t);
#endif
