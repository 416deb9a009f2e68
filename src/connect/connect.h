/* connect -- a Spark Connect server, as much as unmodified pyspark-client notebooks need.
 *
 *   Config                       settings of the session
 *   AnalyzePlan                  schema, spark_version, is_local, is_streaming, ddl_parse; persist and unpersist, which change nothing
 *   ExecutePlan                  relations as Arrow batches; sql_command, views, writes, spark.catalog
 *   ReleaseExecute, ReleaseSession, Interrupt   answered; of Interrupt all and operations, no tags
 *
 * Every other method is refused by gRPC's UNIMPLEMENTED, every other message of a plan by its name. A
 * client session is one engine session; its calls run one after another on workers, in the order in
 * which they came. A stream is never dropped half way, so there is nothing to reattach to.
 * Thread: the loop's; plans run on workers. */
#ifndef PAYSTREAK_CONNECT_CONNECT_H
#define PAYSTREAK_CONNECT_CONNECT_H
#include "engine/session.h"
#include "net/h2.h"

enum { CONNECT_MAX_SESSIONS = 1000, CONNECT_MAX_RESULT = 1 << 30 /* bytes; spark.driver.maxResultSize may say less */ };
#define CONNECT_IDLE_US (60LL * 60 * 1000000) /* a session without calls for so long makes room for a new one */

struct connect_server;
struct connect_opts { const char *host; int port; const char *token; /* NULL: none asked */ struct engine *engine; const char *search_path; };
struct connect_server *connect_listen(struct ev_loop *loop, const struct connect_opts *o, struct err *err) MUST_CHECK;
int connect_port(const struct connect_server *s);
/* Ends all sessions; the loop must still be turned until running plans have ended. NULL is allowed. */
void connect_free(struct connect_server *s);
#endif
