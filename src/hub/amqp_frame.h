/* amqp_frame -- AMQP 1.0's frames and performatives.
 *
 *      0  size u32        of the whole frame, these 8 bytes included
 *      4  doff u8         where the body starts, in words of 4 bytes: 2 or more
 *      5  type u8         0 AMQP, 1 SASL
 *      6  channel u16     (SASL: not looked at)
 *      8  body: a described list, the performative; behind a transfer, its payload. An empty body
 *         keeps the connection alive.
 *
 * A connection starts with eight bytes each way: "AMQP", protocol (0 AMQP, 3 SASL), version 1 0 0.
 *
 * What we write has all fields of its performative, nulls and defaults included: the Python client
 * unpacks them by position and cannot do without. What we read may end early, as the standard says.
 * Slices point into the frame. Pure; any thread. */
#ifndef PAYSTREAK_HUB_AMQP_FRAME_H
#define PAYSTREAK_HUB_AMQP_FRAME_H
#include "hub/amqp_codec.h"

enum { AMQP_HEADER = 8, AMQP_FRAME_HEADER = 8, AMQP_MIN_MAX_FRAME = 512 };
enum amqp_frame_type { AMQP_FRAME, AMQP_FRAME_SASL };
enum amqp_code {
    AMQP_OPEN = 0x10, AMQP_BEGIN, AMQP_ATTACH, AMQP_FLOW, AMQP_TRANSFER, AMQP_DISPOSITION, AMQP_DETACH, AMQP_END, AMQP_CLOSE,
    AMQP_ERROR = 0x1d,
    AMQP_RECEIVED = 0x23, AMQP_ACCEPTED, AMQP_REJECTED, AMQP_RELEASED, AMQP_MODIFIED,
    AMQP_SOURCE = 0x28, AMQP_TARGET,
    AMQP_SASL_MECHANISMS = 0x40, AMQP_SASL_INIT, AMQP_SASL_CHALLENGE, AMQP_SASL_RESPONSE, AMQP_SASL_OUTCOME,
    AMQP_SEC_HEADER = 0x70, AMQP_SEC_DELIVERY, AMQP_SEC_ANNOTATIONS, AMQP_SEC_PROPERTIES, AMQP_SEC_APPLICATION,
    AMQP_SEC_DATA, AMQP_SEC_SEQUENCE, AMQP_SEC_VALUE, AMQP_SEC_FOOTER,
};
enum amqp_settle { AMQP_SND_UNSETTLED, AMQP_SND_SETTLED, AMQP_SND_MIXED };
#define AMQP_BATCH_FORMAT 0x80013700u /* a message of Data sections that hold a message each */

struct amqp_frame { uint32_t size; uint8_t type; uint16_t channel; struct str body; };
/* Takes the frame at the front of `bytes`. 1: there it is; 0: more bytes are needed; -1: it cannot be
 * one, or is longer than max_bytes (*out has the size it claims). */
int amqp_frame_take(struct str bytes, size_t max_bytes, struct amqp_frame *out);

/* What went wrong, as a peer is told; condition NULL: nothing. */
struct amqp_error { const char *condition; char text[300]; };
int amqp_fail(struct amqp_error *e, const char *condition, const char *fmt, ...) PRINTF_LIKE(3, 4); /* -1 */

struct amqp_open { struct str container, hostname; uint32_t max_frame, idle_ms; uint16_t channel_max; };
struct amqp_begin { bool has_remote; uint16_t remote; uint32_t next_outgoing, incoming_window, outgoing_window, handle_max; };
struct amqp_attach {
    struct str name;
    uint32_t handle, initial_count;
    bool receiver;                 /* the peer's role */
    uint8_t snd_mode, rcv_mode;
    struct str source, target;     /* as encoded, for the answer; ptr NULL: null */
    struct str source_address, target_address;
    struct amqp_val filter;        /* of the source: a map, or null */
    uint64_t max_message;          /* 0: no limit */
    struct amqp_val desired, properties;
};
struct amqp_flow {
    bool has_next_incoming, has_handle, has_count, has_credit, drain, echo;
    uint32_t next_incoming, incoming_window, next_outgoing, outgoing_window, handle, count, credit;
};
struct amqp_transfer { uint32_t handle, id, format; bool has_id, settled, more, aborted; struct str tag, payload; };
struct amqp_disposition { bool receiver, settled; uint32_t first, last; uint64_t state; };
struct amqp_detach { uint32_t handle; bool closed; };
struct amqp_sasl_init { struct str mechanism, response, hostname; };

/* Reads the performative at the front of a body: its code, and its fields for the readers below; 0 if
 * malformed. *rest is what follows it. */
uint64_t amqp_performative(struct str body, struct amqp_items *fields, struct str *rest);
/* False if a required field is missing or one has the wrong type. */
bool amqp_open_read(struct amqp_items f, struct amqp_open *out);
bool amqp_begin_read(struct amqp_items f, struct amqp_begin *out);
bool amqp_attach_read(struct amqp_items f, struct amqp_attach *out);
bool amqp_flow_read(struct amqp_items f, struct amqp_flow *out);
bool amqp_transfer_read(struct amqp_items f, struct str payload, struct amqp_transfer *out);
bool amqp_disposition_read(struct amqp_items f, struct amqp_disposition *out);
bool amqp_detach_read(struct amqp_items f, struct amqp_detach *out);
bool amqp_sasl_init_read(struct amqp_items f, struct amqp_sasl_init *out);

/* Writing: whole frames, appended. */
size_t amqp_frame_start(struct buf *b, enum amqp_frame_type type, uint16_t channel);
void amqp_frame_finish(struct buf *b, size_t at);
void amqp_put_empty(struct buf *b);
void amqp_put_open(struct buf *b, const struct amqp_open *o);
void amqp_put_begin(struct buf *b, uint16_t channel, const struct amqp_begin *o);
void amqp_put_attach(struct buf *b, uint16_t channel, const struct amqp_attach *o);
void amqp_put_flow(struct buf *b, uint16_t channel, const struct amqp_flow *o);
void amqp_put_transfer(struct buf *b, uint16_t channel, const struct amqp_transfer *o);
/* state: AMQP_ACCEPTED, or AMQP_REJECTED with an error. */
void amqp_put_disposition(struct buf *b, uint16_t channel, const struct amqp_disposition *o, const struct amqp_error *e);
void amqp_put_detach(struct buf *b, uint16_t channel, uint32_t handle, bool closed, const struct amqp_error *e); /* e NULL: none */
void amqp_put_end(struct buf *b, uint16_t channel, const struct amqp_error *e);
void amqp_put_close(struct buf *b, const struct amqp_error *e);
void amqp_put_sasl_mechanisms(struct buf *b, const char *const *names);
void amqp_put_sasl_outcome(struct buf *b, uint8_t code);
#endif
