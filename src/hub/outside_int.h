/* outside_int -- what the files of an outside namespace share. */
#ifndef PAYSTREAK_HUB_OUTSIDE_INT_H
#define PAYSTREAK_HUB_OUTSIDE_INT_H
#include "hub/outside.h"
#include "hub/outside_conf.h"

/* A librdkafka client, and what it said last of its troubles. Used by one thread at a time. */
struct outside_client {
    rd_kafka_t *rk;                  /* NULL: not open */
    rd_kafka_resp_err_t why;         /* the most telling error since it was last reached; librdkafka tells each once */
    char text[200];
};

/* What became of a batch's events: the first error, and the offset behind the last one of each partition. */
struct outside_delivery { rd_kafka_resp_err_t error; int64_t *ends; int32_t count; };

struct outside_lane { struct outside_job *first, **end; bool busy; struct outside *outside; };

struct outside {
    struct hub *hub;
    struct ev_loop *owner;
    struct arena *arena;
    const char *ns, *dir, *id;
    struct outside_address at;
    _Atomic bool closing;            /* the owner says it, workers hear it */
    struct outside_lane ask, send;
    struct map *given, *sent;        /* hub -> struct ends (outside.c): offsets that we have read up to, and sent up to */
    struct outside_client consumer;  /* the asking lane's */
    struct map *topics;              /* its rd_kafka_topic_t by hub */
    char *cluster;                   /* the cluster's id, once it is known */
    uint64_t files;                  /* read so far; the asking lane's */
    struct map *senders;             /* the sending lane's: producer -> struct sender (outside_send.c) */
    _Atomic int64_t failing_since_us;  /* 0: the brokers answer; both lanes */
    bool no_transactions;            /* the brokers refused them */
};

/* One call: work(arg) on a worker in its turn, then done(arg) on the owner's loop. With closing, `work` is left out. */
struct outside_job {
    struct outside_job *next;
    struct outside *outside;
    void (*work)(struct outside_job *job);
    void (*done)(struct outside_job *job);
    int rc;                          /* of the work: 0, or -1 with err */
    struct err err;
};
void outside_put(struct outside_lane *lane, struct outside_job *job);

/* Opens the client with further settings, name and value in turn, NULL at the end. */
int outside_client_open(struct outside *x, struct outside_client *c, rd_kafka_type_t type, const char *const *settings, struct err *err) MUST_CHECK;
void outside_client_close(struct outside_client *c);
/* Says what failed, by its most telling cause; `hub` NULL: of no hub. Returns -1. */
int outside_failed(struct outside *x, struct outside_client *c, rd_kafka_resp_err_t e, const char *hub, struct err *err);
/* Partitions of a hub. */
int outside_partitions(struct outside *x, struct outside_client *c, rd_kafka_topic_t *t, int32_t *count, struct err *err) MUST_CHECK;

/* Owner's loop: where a batch that was acknowledged ends. */
void outside_sent(struct outside *x, const char *hub, const struct outside_delivery *d);

/* outside_read.c: the asking lane. */
int outside_consumer(struct outside *x, struct err *err) MUST_CHECK;
rd_kafka_topic_t *outside_topic(struct outside *x, const char *name);
/* outside_send.c */
void outside_senders_free(struct outside *x);
#endif
