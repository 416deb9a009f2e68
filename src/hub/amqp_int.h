/* amqp_int -- connections, sessions and links, for the files that handle them. */
#ifndef PAYSTREAK_HUB_AMQP_INT_H
#define PAYSTREAK_HUB_AMQP_INT_H
#include "hub/amqp.h"
#include "hub/amqp_message.h"
#include "hub/amqp_ws.h"
#include "hub/sas.h"
#include "net/tcp.h"

enum amqp_stage {
    AMQP_STAGE_FIRST,                  /* nothing came yet */
    AMQP_STAGE_UPGRADE,                /* a WebSocket's HTTP head */
    AMQP_STAGE_HEADER,
    AMQP_STAGE_SASL,
    AMQP_STAGE_SASL_DONE,              /* the AMQP header follows */
    AMQP_STAGE_OPEN,                   /* its open follows */
    AMQP_STAGE_UP,
    AMQP_STAGE_CLOSED,                 /* nothing is read any more */
};

struct amqp {
    struct hub *hub;
    struct tcp_server *server;
    struct amqp_conn *conns;
    int count;
    struct ev_timer *tick;
    struct amqp_link *readers;         /* links that receive events: for epochs */
    struct arena *scratch;             /* of one delivery, one request */
    struct buf encoded;
};

struct amqp_claim { struct amqp_claim *next; struct arena *arena; struct str audience; struct sas_claim claim; };

struct amqp_conn {
    struct amqp *amqp;
    struct amqp_conn *next, **prev;
    struct tcp_conn *tcp;
    enum amqp_stage stage;
    char *ns_name;                     /* NULL: the default, unless a token says one */
    struct hub_ns *ns;                 /* found when a link first needs it: nothing is made for who may not use it */
    uint32_t max_frame;                /* of the peer */
    uint32_t peer_idle_ms;
    int64_t last_in_us, last_out_us;   /* mono */
    int64_t unknown_us;                /* mono: since when no token of it is good; 0: one is */
    int64_t partial_us;                /* since when a frame is incomplete; 0: none is */
    struct amqp_session *sessions[AMQP_MAX_SESSIONS];
    uint32_t sessions_made;
    struct amqp_claim *claims;
    int claim_count;
    bool claims_changed;               /* one went or took another's place: what links may is asked again */
    struct amqp_delivery *deliveries;  /* not durable yet */
    size_t held_bytes, partial_bytes;
    int link_count, reply_count;
    bool paused, websocket;
    struct ws_in ws;
    struct buf in;                     /* of a WebSocket: what its frames held */
    struct buf out;                    /* frames of this call: amqp_flush() */
};

struct amqp_session {
    struct amqp_conn *conn;
    uint16_t channel;                  /* the same both ways */
    uint32_t serial;
    uint32_t next_incoming, incoming_window, next_outgoing, remote_window, next_delivery;
    struct amqp_link *links[AMQP_MAX_LINKS];
};

enum amqp_node { AMQP_NODE_EVENTS, AMQP_NODE_CBS, AMQP_NODE_MANAGEMENT };

struct amqp_reply { struct amqp_reply *next; struct buf bytes; };

struct amqp_link {
    struct amqp_session *session;
    uint32_t handle;                   /* the same both ways */
    enum amqp_node node;
    bool receiver;                     /* the client receives */
    bool detached;                     /* our detach is sent, the client's is awaited */
    bool presettled, drain;
    uint32_t credit, count;
    char *hub;                         /* of events */
    char *where;                       /* what rights are asked for: sas_allows() */
    char *publisher;                   /* NULL: none */
    int32_t partition;                 /* -1: any */

    /* client sends: the delivery that is coming in */
    struct buf partial;
    bool in_delivery, settled, too_large;
    uint32_t delivery_id, format;

    /* client receives */
    struct amqp_link *next_reader, **prev_reader;
    uint8_t topic_id[16];
    char *group;
    int64_t epoch;                     /* -1: none */
    bool metrics;
    int64_t offset;                    /* the next one to send */
    struct fetch_link wait;
    struct buf chunk;                  /* batches, `chunk_at` done */
    size_t chunk_at;
    struct batch_reader records;
    struct buf message;                /* being sent, `message_at` done; empty: none */
    size_t message_at;
    uint32_t message_id;
    char *reply_to;                    /* of a node: our target's address */
    struct amqp_reply *replies, **replies_end;
};

/* A delivery whose events are on their way to the disk. */
struct amqp_delivery {
    struct hub_wait wait;
    struct amqp_delivery *next, **prev;
    struct amqp_conn *conn;            /* NULL: it is gone */
    uint16_t channel;
    uint32_t serial, id;
    bool settled;
    size_t bytes, log_count;
    struct plog *logs[];
};

/* amqp.c */
void amqp_flush(struct amqp_conn *c);
/* Says why and closes the connection. */
void amqp_close_conn(struct amqp_conn *c, const struct amqp_error *e);
bool amqp_may(const struct amqp_conn *c, unsigned rights, struct str where); /* sas_allows() */
/* The namespace that a token says, if nothing said one and no link has used it. */
void amqp_token_namespace(struct amqp_conn *c, struct str token);
/* Remembers a claim, in place of one for the same audience. */
int amqp_add_claim(struct amqp_conn *c, struct str audience, struct str token, struct err *err) MUST_CHECK;
void amqp_maybe_resume(struct amqp_conn *c);
bool amqp_has_room(const struct amqp_conn *c); /* for more to send */

/* amqp_session.c */
int amqp_performative_in(struct amqp_conn *c, uint16_t channel, struct str body, struct amqp_error *e) MUST_CHECK;
void amqp_sessions_free(struct amqp_conn *c);
void amqp_pump_all(struct amqp_conn *c);       /* sends what credit, window and socket allow */
void amqp_detach(struct amqp_link *l, const struct amqp_error *e);
void amqp_settle(struct amqp_session *s, uint32_t id, const struct amqp_error *e);
/* Sends the next part of l->message; true when it is all sent. */
bool amqp_send_message(struct amqp_link *l);
void amqp_check_claims(struct amqp_conn *c);

/* amqp_sender.c: clients that send */
int amqp_sender_open(struct amqp_link *l, const struct amqp_attach *a, uint64_t *max_message, struct amqp_error *e) MUST_CHECK;
int amqp_sender_transfer(struct amqp_link *l, const struct amqp_transfer *t, struct amqp_error *e) MUST_CHECK;
void amqp_sender_close(struct amqp_link *l);   /* what came of a delivery is dropped */
void amqp_deliveries_forget(struct amqp_conn *c);

/* amqp_reader.c: clients that receive events */
int amqp_reader_open(struct amqp_link *l, const struct amqp_attach *a, struct amqp_error *e) MUST_CHECK;
void amqp_reader_close(struct amqp_link *l);
void amqp_reader_pump(struct amqp_link *l);

/* amqp_node.c: $cbs and $management */
void amqp_node_request(struct amqp_link *l, struct str message);
void amqp_node_pump(struct amqp_link *l);
void amqp_node_close(struct amqp_link *l);

/* An address without scheme and host, and its parts. */
struct amqp_address { struct str hub, group, publisher; int32_t partition; /* -1: none */ };
bool amqp_address_read(struct str address, struct amqp_address *out);
struct str amqp_address_path(struct str address);
/* The hub an address names, made if that is allowed. NULL: *e. */
struct topic *amqp_topic(struct amqp_conn *c, struct str name, struct amqp_error *e);
#endif
