/* show -- DataFrame.show(): Spark's text table of a relation's first rows. */
#ifndef PAYSTREAK_CONNECT_SHOW_H
#define PAYSTREAK_CONNECT_SHOW_H
#include "connect/translate.h"
#include "engine/session.h"

/* One row, one column `show_string`. The caller frees *out. Blocks. */
int show_string(struct session *s, struct arena *a, const Spark__Connect__ShowString *m, struct duck_result **out,
                const struct type **schema, struct err *err) MUST_CHECK;
#endif
