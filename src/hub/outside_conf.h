/* outside_conf -- the address of an outside hub, and how librdkafka is told to go there.
 *
 * What a namespace is bound to (FROM=TO, resolve.h):
 *
 *   kafka://HOST[:PORT][,HOST[:PORT]…]       an Apache Kafka, no TLS; port 9092 unless given
 *   kafka+ssl://HOST[:PORT][,…]              the same over TLS
 *   sb://HOST[:PORT]   sb:                   an Azure Event Hubs namespace over TLS, port 9093 unless given; `sb:` alone is
 *                                            the namespace itself, for real
 *
 * Credentials come from the environment, never from the address:
 *
 *   KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SASL_MECHANISM (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512)   for kafka:
 *   AZURE_EVENTHUBS_CONNECTION_STRING_<NS>, else AZURE_EVENTHUBS_CONNECTION_STRING                         for sb:
 *   KAFKA_SSL_CA_LOCATION                                                                                  what TLS trusts
 *
 * <NS> is the namespace's name in upper case, with _ for what is no letter or digit.
 * Pure but for getenv(3). Any thread. */
#ifndef PAYSTREAK_HUB_OUTSIDE_CONF_H
#define PAYSTREAK_HUB_OUTSIDE_CONF_H
#include "base/base.h"
#include <librdkafka/rdkafka.h>

enum { OUTSIDE_MAX_SERVERS = 16, OUTSIDE_KAFKA_PORT = 9092, OUTSIDE_HUBS_PORT = 9093 };

struct outside_address {           /* strings in the arena */
    const char *shown;             /* for messages: never a secret */
    const char *servers;           /* "host:port,host:port" */
    const char *mechanism;         /* NULL: no SASL */
    const char *user, *password;
    const char *ca;                /* PEM file; NULL: the system's */
    bool tls, event_hubs;
};

/* `ns` is the namespace that is bound, `to` what it is bound to. ERR_INPUT: malformed; ERR_AUTH: no credentials. */
int outside_address_read(struct arena *a, const char *ns, const char *to, struct outside_address *out, struct err *err) MUST_CHECK;
/* A configuration with address and credentials; the caller owns it. NULL: err. */
rd_kafka_conf_t *outside_conf_new(const struct outside_address *at, struct err *err) MUST_CHECK;
int outside_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err) MUST_CHECK;
#endif
