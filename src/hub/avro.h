/* avro -- events in Event Hubs' own Avro layout: an object container file (Avro 1.11), uncompressed.
 *
 *     "Obj\1", a map of metadata (avro.schema, avro.codec), 16 bytes sync; then blocks: how many records (long), how many
 *     bytes (long), the records, sync
 * A long is zigzag, 7 bits a byte; texts and bytes have their length in front; a union's value its branch; a map is a block
 * of (count, entries) and a 0. A record is
 *     SequenceNumber long, Offset string, EnqueuedTimeUtc string ("4/13/2026 1:02:03 PM"), SystemProperties and Properties
 *     map of (long, double, string, bytes), Body null or bytes
 *
 * What an event is said of (amqp_message.h) goes into the maps as Event Hubs does it: whole numbers, booleans and times
 * (ms) as long, other numbers as double, texts as string, the rest as bytes: headers that Kafka clients made, and AMQP's compound values,
 * as they are encoded. A null among the properties has no branch and is left out. A partition key is the system property
 * x-opt-partition-key, as a string if it is UTF-8. A header that comes twice is there once, as the last one says.
 * Pure, but for the random sync; any thread. */
#ifndef PAYSTREAK_HUB_AVRO_H
#define PAYSTREAK_HUB_AVRO_H
#include "hub/batch.h"

enum { AVRO_SYNC = 16, AVRO_BLOCK_BYTES = 256 << 10 /* a block is closed when it has grown to this */ };

struct avro_file { uint8_t sync[AVRO_SYNC]; struct buf records; int64_t count; };
void avro_begin(struct avro_file *f, struct buf *out);    /* appends the head; `f` is released with avro_release() */
void avro_add(struct avro_file *f, const struct record *r);
bool avro_block_full(const struct avro_file *f);
void avro_end_block(struct avro_file *f, struct buf *out); /* appends what was added as one block, if anything was */
void avro_release(struct avro_file *f);
#endif
