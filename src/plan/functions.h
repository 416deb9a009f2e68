/* functions -- the signatures of Spark's functions and operators: one row each.
 *
 * A row says how many arguments a function takes, what each is cast to, and what it returns.
 * Argument letters (the last one repeats when it is followed by '+'):
 *     *  anything          s  string           i  int              l  bigint
 *     d  double            b  boolean          x  binary           X  string or binary
 *     D  date              T  timestamp        t  timestamp, ntz or date as given
 *     N  numeric           I  integral         C  the common type of all C arguments
 *     a  array             m  map              r  struct           e  element of the first argument
 *     o  orderable         v  variant          z  text, date or timestamp
 *     A  array of arrays   S  as C, of arrays
 * Result letters: s i l d b x D T as above, v variant; 1 2 3 the type of that argument; C the common type; e the
 * element of the first argument; [s] [e] [1] … an array of that; ! a rule of its own in
 * resolve_rules.c. Resolution adds the casts; a function without a row is refused by name.
 *
 * The table is constant; fn_find() may be called from any thread. */
#ifndef PAYSTREAK_PLAN_FUNCTIONS_H
#define PAYSTREAK_PLAN_FUNCTIONS_H
#include "plan/plan.h"

enum fn_kind { FN_SCALAR, FN_AGGREGATE, FN_WINDOW, FN_GENERATOR };
enum fn_flag {
    FN_VOLATILE = 1,    /* another value at each call: rand, uuid */
    FN_NOT_NULL = 2,    /* never NULL */
    FN_MAY_NULL = 4,    /* NULL also of arguments that are not */
    FN_LAMBDA = 8,      /* takes lambdas */
    FN_QUERY_TIME = 16  /* fixed within a query, another in the next: current_timestamp */
};
struct fn_sig {
    const char *name;
    int8_t min, max;    /* arguments; max -1: any number */
    const char *args, *result;
    uint8_t kind, flags;
};

/* By lower-case name; NULL if Spark's function is not known here. */
const struct fn_sig *fn_find(struct str name);
/* The n-th row, NULL past the end: for tests and documentation. */
const struct fn_sig *fn_at(size_t n);
/* Is `e` itself a call of an aggregate function (not one within its arguments)? */
bool expr_is_aggregate(const struct expr *e);
/* Does `e` hold an aggregate outside of subqueries and window functions? */
bool expr_has_aggregate(const struct expr *e);
bool expr_has_window(const struct expr *e);
/* Does `e` hold a call whose row has one of `flags`? */
bool expr_has_flag(const struct expr *e, unsigned flags);
/* Equal after resolution: columns by ordinal, aliases seen through, literals by type; subqueries are
 * equal only if they are one node. (plan.h's expr_equal is for unresolved trees.) */
bool expr_same(const struct expr *x, const struct expr *y);
/* Calls fn on `e` and everything below it except subqueries; stops when fn returns true. */
bool expr_any(const struct expr *e, bool (*fn)(const struct expr *e, void *ctx), void *ctx);
#endif
