/* sql_print -- a script of Spark SQL, its results as a table for people or as JSON lines.
 *
 * One function for both who may run it: the command itself, and the owner of the state on its behalf
 * (control.h). Blocks: the main thread without a loop, or a worker. */
#ifndef PAYSTREAK_CLI_SQL_PRINT_H
#define PAYSTREAK_CLI_SQL_PRINT_H
#include "engine/session.h"
#include <stdio.h>

/* Runs the statements of `text` (named `name` in errors) in order, writing their results to `to`. */
int sql_print_script(struct session *s, FILE *to, bool json, const char *name, struct str text, struct err *err) MUST_CHECK;
#endif
