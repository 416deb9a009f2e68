/* arrow_ipc -- Arrow's IPC streaming format from its C data interface (arrow.apache.org/docs/format/
 * Columnar.html, "IPC Streaming Format"): a schema message, record batch messages, an end mark. Pure.
 *
 * Each message: 0xFFFFFFFF, i32le length of the metadata padded to 8, the metadata (FlatBuffers), the
 * body, whose buffers each start at a multiple of 8. */
#ifndef PAYSTREAK_CONNECT_ARROW_IPC_H
#define PAYSTREAK_CONNECT_ARROW_IPC_H
#include "duck/arrow.h"
#include "plan/type.h"

enum { ARROW_MAX_DEPTH = 100 };
#define ARROW_DAYTIME "tiD" /* not Arrow's: its 16-byte interval, to be sent as a duration */

/* Changes formats of DuckDB's schema to those that carry type `t`; a struct's children are its fields. */
int arrow_ipc_fit(struct ArrowSchema *schema, const struct type *t, struct err *err) MUST_CHECK;
/* Errors: ERR_UNSUPPORTED names a format that no Spark type needs. */
int arrow_ipc_schema(struct buf *out, const struct ArrowSchema *schema, struct err *err) MUST_CHECK;
/* `array` NULL: a batch of no rows. */
int arrow_ipc_batch(struct buf *out, const struct ArrowSchema *schema, const struct ArrowArray *array, struct err *err) MUST_CHECK;
void arrow_ipc_end(struct buf *out);
#endif
