/* where -- a resolved condition as the lake chooses files by it. */
#ifndef PAYSTREAK_ENGINE_WHERE_H
#define PAYSTREAK_ENGINE_WHERE_H
#include "engine/session_int.h"
#include "lake/dml.h"

/* `e`: resolved over `input`, whose first `targets` columns are the table's. What cannot be told from a file's partition values
 * and statistics is LAKE_ANY, so a file is left out only if none of its rows meets the condition. In the arena. Pure. */
const struct lake_predicate *where_predicate(struct arena *a, const struct expr *e, const struct type *input, size_t targets);
/* A condition over all columns of a table, resolved, printed and told for its files; `out->text` is Spark SQL. Release *plan
 * as session_plan()'s. */
int where_over_table(struct session *s, struct arena *a, const struct rel *table, const struct expr *e, const struct session_hook *hook, size_t targets,
                     struct session_plan *plan, struct lake_where *out, struct err *err) MUST_CHECK;
/* The expression as Spark SQL, for a commit's parameters and errors; NULL: "". */
struct str where_text(struct arena *a, const struct expr *e);
#endif
