/* events -- appending events that came one by one or in batches, over AMQP or HTTPS.
 *
 * Those of one call become one record batch a partition: the one asked for, or that of each event's key
 * (amqp_partition_of_key), or, for those without a key, one partition in turn for all of them.
 * Thread: the hub loop. */
#ifndef PAYSTREAK_HUB_EVENTS_H
#define PAYSTREAK_HUB_EVENTS_H
#include "hub/amqp_message.h"
#include "hub/hub_int.h"

/* The logs that were appended to, for events_failed(); in the arena. */
struct events_logs { struct plog **items; size_t count; };
/* `partition` -1: any. ERR_LIMIT: too large; ERR_IO: the log takes no more. On an error a part may be there. */
int events_append(struct hub *h, struct arena *a, struct topic *t, int32_t partition, const struct amqp_events *events,
                  struct events_logs *out, struct err *err) MUST_CHECK;
/* A publisher's events have its name as their key, as Event Hubs has it. ERR_INPUT: one has another key. */
int events_of_publisher(struct amqp_events *events, struct str publisher, struct err *err) MUST_CHECK;
/* After the wait for the disk: did one of the logs fail? */
bool events_failed(struct plog *const *logs, size_t count);
#endif
