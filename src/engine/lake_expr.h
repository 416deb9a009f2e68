/* lake_expr -- Spark expressions of a table's metadata (CHECK, generated columns, defaults), printed for the lake. */
#ifndef PAYSTREAK_ENGINE_LAKE_EXPR_H
#define PAYSTREAK_ENGINE_LAKE_EXPR_H
/* Tells the lake how to read them; once, before the first write. */
void engine_lake_expressions(void);
#endif
