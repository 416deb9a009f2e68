/* amqp_message -- an AMQP message as a record of the log, and back.
 *
 * A message is sections, each a described value: header, delivery annotations, message annotations,
 * properties, application properties, body (data, any number; or sequences; or one value), footer.
 * Event Hubs sends batches as one message of format AMQP_BATCH_FORMAT, whose data sections each hold
 * a whole message; its own annotations may hold the partition key of all.
 *
 *     message                              record (attribute RECORD_AMQP)
 *     data sections                        value
 *     other bodies                         value: the sections as they are; RECORD_AMQP_BODY
 *     annotation x-opt-partition-key       key
 *     application property                 header of that name, value AMQP-encoded, type code included
 *     field of properties                  header of the field's name, AMQP-encoded, described by 0x73
 *     other annotation, footer entry       the same, described by 0x72, 0x78
 *     header section                       header "header", the list, described by 0x70
 *     delivery annotations                 none: they are between two peers
 *     annotations of the service below     none: it says them itself
 *     of a batch's outer message           the partition key only: all else is said by the events in it
 *
 * What else a message holds is refused: a section AMQP does not have or that comes twice, a key that is no text.
 * So nothing that a sender says of an event is lost, and a Kafka consumer sees what it sees on Azure: headers whose
 * bytes are AMQP values. A record that Kafka clients made has RECORD_AMQP unset; its headers become
 * application properties of type binary, as Azure does it. An event that came over HTTPS is a record
 * with RECORD_AMQP. To both the service's annotations are added: x-opt-sequence-number and x-opt-offset
 * (the record's offset), x-opt-enqueued-time (its timestamp), x-opt-partition-key (its key).
 *
 * Pure; any thread. */
#ifndef PAYSTREAK_HUB_AMQP_MESSAGE_H
#define PAYSTREAK_HUB_AMQP_MESSAGE_H
#include "hub/amqp_frame.h"
#include "hub/batch.h"

enum { AMQP_MAX_SECTIONS = 100000 /* of one delivery */ };

struct amqp_sections {             /* the sections of one message; bytes of its payload */
    struct amqp_val header, delivery, annotations, properties, application, footer;
    struct str body;               /* all body sections, as encoded; ptr NULL: none */
    bool data;                     /* they are data sections */
};
/* -1 and *e: amqp:decode-error; amqp:not-implemented for a section that AMQP 1.0 does not have. */
int amqp_sections_read(struct str message, struct amqp_sections *out, struct amqp_error *e) MUST_CHECK;

struct amqp_events {
    struct event *items;           /* in the arena, or slices of the payload */
    uint8_t *attributes;           /* of each, enum record_attr */
    size_t count, cap;
    struct str key;                /* of all; ptr NULL: each its own */
};
void amqp_events_push(struct arena *a, struct amqp_events *to, const struct event *e, uint8_t attributes);
/* The events of one delivery. -1 and *e (amqp:decode-error, …) if it cannot be taken. */
int amqp_events_read(struct arena *a, uint32_t format, struct str payload, struct amqp_events *out, struct amqp_error *e) MUST_CHECK;

/* What the receiver of events may want to know beside: delivery annotations. */
struct amqp_last { int64_t sequence, time_ms, now_ms; };
/* Appends a record as a message. `last` NULL: not asked for. */
void amqp_record_write(struct buf *out, const struct record *r, const struct amqp_last *last);

/* One header of a record with RECORD_AMQP: which section it belongs to (AMQP_SEC_APPLICATION for plain
 * ones), its value, and the bytes of the value without the section's descriptor. False if it is no
 * AMQP value: then it is just bytes. */
bool amqp_header_read(struct str value, uint64_t *section, struct amqp_val *out, struct str *raw);
/* A header that says field `name` of the properties section. */
void amqp_property_write(struct buf *out, struct str encoded);

/* Event Hubs' own choice of a partition for a key, as its buffered producers know it: Jenkins' lookup3,
 * both halves folded into 16 bits, signed. */
int32_t amqp_partition_of_key(struct str key, int32_t partitions);
#endif
