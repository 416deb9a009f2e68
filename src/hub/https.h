/* https -- Event Hubs' REST calls: sending events and batches, and the data plane's management.
 *
 *     POST /<hub>/messages                        one event, or a batch by its content type
 *     POST /<hub>/partitions/<p>/messages
 *     POST /<hub>/publishers/<name>/messages      the name is the partition key, of all
 *     GET  /<hub>                                 Atom: the hub
 *     GET  /<hub>/consumergroups                  Atom: $Default, the group that is always there; others need not be made
 *     GET  /<hub>/consumergroups/<g>
 *     GET  /<hub>/consumergroups/<g>/partitions/<p>
 *     GET  /<hub>/partitions/<p>
 *     GET  /$Resources/EventHubs                  Atom: the hubs of the namespace
 *     GET  /metrics                              OpenMetrics: sizes, offsets, rates, lag (right Manage)
 *     PUT  /<hub>                                 makes a hub (right Manage); the body is empty or says EventHubDescription with
 *                                                 PartitionCount and MessageRetentionInDays (-1: for ever)
 *
 * Who calls says so in Authorization: SharedAccessSignature … (sas.h). BrokerProperties holds JSON:
 * PartitionKey goes to the record's key, the rest of AMQP's properties by their names; what else it holds is
 * refused by name, as is what a batch's event holds beside its three fields. Other headers that
 * are not HTTP's own are the event's properties: a number or true/false if the text is one, else a
 * string; Content-Type is the property content-type. A batch is a JSON array of {Body, UserProperties,
 * BrokerProperties}, content type application/vnd.microsoft.servicebus.json.
 *
 * 201 and nothing else says that the events are durable. The namespace is that of Host, else of TLS's
 * server name, else the default. Thread: the hub loop. */
#ifndef PAYSTREAK_HUB_HTTPS_H
#define PAYSTREAK_HUB_HTTPS_H
#include "hub/hub_int.h"

enum { HTTPS_MAX_BODY = 1 << 20, HTTPS_MAX_CONNS = 8192 };

struct https;
struct https *https_start(struct hub *h, int port, struct err *err) MUST_CHECK;
void https_stop(struct https *s);
bool https_ended(const struct https *s);
void https_free(struct https *s); /* NULL is allowed */
int https_port(const struct https *s);
#endif
