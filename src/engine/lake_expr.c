/* lake_expr.c -- Spark expressions of a table's metadata, printed for the lake.
 *
 * A CHECK constraint, a generation expression or a default is Spark SQL text in the Delta log. It is parsed,
 * resolved over the table's columns with ANSI rules, and printed as any expression; columns stand unqualified, which is
 * enough where the lake puts them: one relation is in scope. */
#include "engine/lake_expr.h"
#include "engine/print.h"
#include "lake/dml.h"
#include "sparksql/sparksql.h"

static int no_tables(void *ctx, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    (void)ctx, (void)a, (void)leaf, (void)out;
    return err_set(err, ERR_UNSUPPORTED, "a subquery in a table's own expression");
}

static int print(void *ctx, struct arena *a, struct duck_conn *c, struct str spark, const struct type *schema, const char *alias, struct buf *duck,
                 const struct type **type_out, struct err *err)
{
    (void)ctx, (void)c, (void)alias;
    const struct resolver env = {.leaf = no_tables, .ansi = true};
    const struct printer printer = {.ansi = true};
    const struct expr *parsed = sparksql_expr(a, NULL, str_copy(a, spark), err);
    const struct expr *resolved = parsed ? plan_resolve_expr(a, parsed, schema, &env, err) : NULL;
    if (!resolved)
        return -1;
    if (type_out)
        *type_out = resolved->type;
    return engine_print_expr(resolved, schema, &printer, duck, err);
}

void engine_lake_expressions(void)
{
    lake_set_expr_fn(print, NULL);
}
