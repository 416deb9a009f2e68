/* https_int -- requests, for the files that answer them. */
#ifndef PAYSTREAK_HUB_HTTPS_INT_H
#define PAYSTREAK_HUB_HTTPS_INT_H
#include "hub/events.h"
#include "hub/https.h"
#include "hub/sas.h"
#include "net/http.h"

struct https { struct hub *hub; struct http_server *server; int open; /* requests without an answer */ };

struct hreq {                          /* in the request's arena */
    struct https *https;
    struct http_req *http;
    struct hub_ns *ns;
    struct sas_claim claim;            /* of who asks */
    struct str hub_name, publisher;    /* ptr NULL: none */
    int32_t partition;
    struct events_logs logs;
    struct hub_wait wait;
};

/* The request, in its namespace and allowed; NULL: it was refused. */
struct hreq *hreq_begin(struct http_req *r, unsigned rights);
void hreq_refuse(struct hreq *q, const struct err *err);
struct topic *hreq_topic(struct hreq *q, bool may_create, struct err *err);
void atom_text(struct buf *out, struct str s);

/* https_metrics.c */
void https_get_metrics(struct http_req *r);

/* https_atom.c */
void https_get_hubs(struct http_req *r);
void https_get_hub(struct http_req *r);
void https_get_groups(struct http_req *r);
void https_get_group(struct http_req *r);
void https_get_partition(struct http_req *r);
void https_put_hub(struct http_req *r);
#endif
