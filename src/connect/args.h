/* args -- the arguments of spark.sql(text, args): literals and expressions in the places of :name and ?.
 *
 * Names are known while the text is parsed, so that IDENTIFIER(:table) works; everywhere else the
 * argument's own tree is put where the marker stands. Positional ones are counted in the order of the
 * text. One that is missing is Spark's UNBOUND_SQL_PARAMETER. Pure. */
#ifndef PAYSTREAK_CONNECT_ARGS_H
#define PAYSTREAK_CONNECT_ARGS_H
#include "connect/translate.h"
#include "sparksql/sparksql.h"

enum { ARGS_MAX = 10000 };
bool args_given(const Spark__Connect__SQL *m);
/* The statements of m->query with all arguments in their places. */
int args_parse(struct arena *a, const Spark__Connect__SQL *m, struct stmts *out, struct err *err) MUST_CHECK;
#endif
