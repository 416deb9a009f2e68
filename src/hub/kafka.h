/* kafka -- the Kafka protocol server: connections, frames, the table of API keys.
 *
 * A frame is i32 size, then the request: i16 API key, i16 version, i32 correlation id, nullable
 * string client id, in flexible versions tagged fields; then the body. Responses leave a connection
 * in the order of its requests, whatever order they become ready in. KAFKA_APIS is the one list of
 * what is served: ApiVersions reads it, dispatch reads it, so neither can say what the other does
 * not do. ApiVersions of an unknown version is answered with v0 and UNSUPPORTED_VERSION, as clients
 * expect; any other malformed or unknown request ends the connection with one line in the log.
 *
 * Thread: the hub loop. */
#ifndef PAYSTREAK_HUB_KAFKA_H
#define PAYSTREAK_HUB_KAFKA_H
#include "hub/hub_int.h"

enum {
    KAFKA_NODE_ID = 1,
    KAFKA_MAX_CONNS = 16384,
    KAFKA_MAX_REQUEST = 100 << 20,
    KAFKA_MAX_REQUEST_UNKNOWN = 64 << 10, /* before authentication */
    KAFKA_MAX_RESPONSE = 256 << 20,
    KAFKA_MAX_ITEMS_BYTES = 64 << 20,     /* arrays of one request, decoded */
    KAFKA_MAX_ARENA = 512 << 20,          /* those, and its strings: at most a request's bytes and 16 for each */
    KAFKA_MAX_QUEUED = 1000,              /* requests of one connection without an answer */
    KAFKA_MAX_QUEUED_BYTES = 64 << 20,
    KAFKA_MAX_UNSENT = 8 << 20,           /* answered, but not read by the client */
    KAFKA_AUTH_MS = 30000,                /* time to authenticate in */
    KAFKA_REFUSAL_MS = 100,               /* before a client hears that it is not who it says; as Kafka's */
};

struct kafka;
/* Listens where h->opts says and sets h->port. */
struct kafka *kafka_start(struct hub *h, struct err *err) MUST_CHECK;
void kafka_stop(struct kafka *k);         /* closes everything; kafka_free() once kafka_ended() */
bool kafka_ended(const struct kafka *k);
void kafka_free(struct kafka *k);
int kafka_connections(const struct kafka *k);
#endif
