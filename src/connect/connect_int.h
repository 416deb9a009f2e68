/* connect_int -- what the files of connect share: a client, a call, and how it answers.
 *
 * A call's runs are on a worker; only the call's own fields and its client's session are theirs. */
#ifndef PAYSTREAK_CONNECT_CONNECT_INT_H
#define PAYSTREAK_CONNECT_CONNECT_INT_H
#include "connect/connect.h"
#include "connect/translate.h"
#include "net/h2.h"

/* A client's session. Made by the first call's worker; `current` is the call that a worker has. */
struct client { struct session *session; struct map *views; /* temporary view → struct kept, command.c */ struct call *first, **last, *current; bool released; int64_t used_mono; /* its last call's end */ char *id, server_id[UUID_TEXT]; };

struct connect_server {
    struct ev_loop *loop;
    struct engine *engine;
    struct h2_server *h2;
    char *token, *search_path;
    struct map *clients;          /* session id → client */
    int running;                  /* calls on workers */
    bool closing;
};

enum method { METHOD_CONFIG, METHOD_ANALYZE, METHOD_EXECUTE };

/* One RPC: its request, what it answers, and the session it waits for. */
struct call {
    struct call *next;
    struct connect_server *server;
    struct client *client;
    struct h2_call *h2;           /* NULL once the client has gone */
    struct arena *a;
    enum method method;
    char *session_id, *operation_id;
    Spark__Connect__ConfigRequest *config;
    Spark__Connect__AnalyzePlanRequest *analyze;
    Spark__Connect__ExecutePlanRequest *execute;
    struct buf *answers; size_t answer_count, answer_cap, answer_bytes;
    struct err err;
    bool failed;
};

/* The schema of what a statement without rows gives; never run, see is_nothing() in connect.c. */
#define CONNECT_NO_COLUMNS "{\"type\":\"struct\",\"fields\":[]}"

/* connect.c: keeps a packed message until the call ends. */
void call_answer(struct call *c, const ProtobufCMessage *m);
/* The head of an answer of ExecutePlan. */
Spark__Connect__ExecutePlanResponse call_response(struct call *c);
/* Runs a plan and answers with its rows. */
int call_run(struct call *c, struct rel *r) MUST_CHECK;
/* command.c: spark.sql(), views, writes. */
int command_run(struct call *c, const Spark__Connect__Command *m) MUST_CHECK;
/* Frees what keeps a client's temporary view. NULL is allowed. */
void view_free(void *kept);
/* catalog.c: spark.catalog.…; a relation that is only ever the root of a plan. */
int catalog_run(struct call *c, const Spark__Connect__Catalog *m) MUST_CHECK;
/* errors.c: the trailer by which a client makes an exception of Spark's class. */
void error_trailer(struct h2_call *h, const struct err *e, const char *message);
/* The call's message: Spark's text, and where in the statement. */
const char *error_message(struct arena *a, const struct err *e);
#endif
