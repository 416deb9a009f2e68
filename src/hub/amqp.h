/* amqp -- the AMQP 1.0 server: what Azure's own event hub clients speak.
 *
 * One port takes plain connections, TLS, and AMQP over WebSocket, told apart by their first bytes. A
 * connection is headers, SASL if the client begins with it, open; then sessions, and in them links:
 *
 *     client sends to                            <hub>, <hub>/Partitions/<n>, <hub>/Publishers/<name>     events
 *     client receives from                       <hub>/ConsumerGroups/<g>/Partitions/<n>
 *     both, a pair                               $cbs: put-token; $management: READ
 *
 * Addresses may be whole URLs: scheme and host are taken off. SASL says nothing about rights, but for
 * PLAIN, whose user and password are a policy and its key: rights come by put-token, and a link that has
 * lost them, for its token expired, is detached.
 *
 * A delivery to a hub is settled, accepted, when its events are durable; a delivery from it is counted
 * against the link's credit and the session's window, and nothing is read ahead of them.
 *
 * The client's namespace is that of the host in its open, else of TLS's server name, else the default.
 * Thread: the hub loop. */
#ifndef PAYSTREAK_HUB_AMQP_H
#define PAYSTREAK_HUB_AMQP_H
#include "hub/hub_int.h"

enum {
    AMQP_MAX_FRAME = 64 << 10,
    AMQP_MAX_MESSAGE = 1 << 20,
    AMQP_MAX_NODE_MESSAGE = 64 << 10,  /* of $cbs and $management */
    AMQP_MAX_CONNS = 16384,
    AMQP_MAX_SESSIONS = 256,           /* of one connection */
    AMQP_MAX_LINKS = 256,              /* of one session */
    AMQP_MAX_CONN_LINKS = 1024,        /* of one connection, in all its sessions */
    AMQP_MAX_ADDRESS = 1024,           /* bytes of a link's address */
    AMQP_MAX_ID = 1024,                /* bytes of a request's message-id, encoded: its answer repeats it */
    AMQP_MAX_CLAIMS = 1000,            /* of one connection */
    AMQP_MAX_REPLIES = 100,            /* of one connection, without credit for them */
    AMQP_WINDOW = 2048,                /* transfers a session may have on their way to us */
    AMQP_CREDIT = 1000,                /* deliveries a link may */
    AMQP_HELD_BYTES = 16 << 20,        /* of one connection: not durable yet; then it is not read */
    AMQP_PARTIAL_BYTES = 16 << 20,     /* of one connection: deliveries of which more transfers are to come */
    AMQP_PARTIAL_BYTES_UNKNOWN = 64 << 10, /* the same, before it has shown a token */
    AMQP_UNSENT_BYTES = 1 << 20,       /* of one connection: then nothing more is made for it */
    AMQP_OPEN_MS = 60000,              /* to the end of open */
    AMQP_AUTH_MS = 60000,              /* after it, or after the last token ran out: to show one */
    AMQP_FRAME_MS = 60000,             /* a frame that has begun is whole */
    AMQP_IDLE_MS = 240000,             /* as Event Hubs: told in open */
};

struct amqp;
struct amqp *amqp_start(struct hub *h, int port, struct err *err) MUST_CHECK;
void amqp_stop(struct amqp *q);        /* closes everything; amqp_free() once amqp_ended() */
bool amqp_ended(const struct amqp *q);
void amqp_free(struct amqp *q);        /* NULL is allowed */
int amqp_port(const struct amqp *q);
int amqp_connections(const struct amqp *q);
#endif
