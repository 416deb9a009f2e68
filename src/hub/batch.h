/* batch -- Kafka's record batch, version 2: the one form in which events are received, stored, served.
 *
 *      0  baseOffset i64            set on append; outside the CRC
 *      8  batchLength i32           bytes from here on: whole batch = 12 + batchLength
 *     12  partitionLeaderEpoch i32  set on append; outside the CRC
 *     16  magic i8 = 2
 *     17  crc u32                   CRC32C of bytes 21 to the end
 *     21  attributes i16            0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
 *     23  lastOffsetDelta i32, baseTimestamp i64, maxTimestamp i64
 *     43  producerId i64, producerEpoch i16, baseSequence i32, recordCount i32
 *     61  records, compressed as a whole: varint length, i8 attributes, varlong timestampDelta,
 *         varint offsetDelta, varint-sized key and value (-1 null), varint headers (key, value)
 *
 * A control batch holds one record, the marker that ends a producer's transaction in this partition:
 * key i16 version 0, i16 type (0 abort, 1 commit); value i16 version 0, i32 coordinator epoch.
 *
 * A batch is stored with the bytes it came in but for baseOffset and epoch. Readers decode it where
 * a row is needed: struct batch_reader steps through the records, decompressing first.
 * Pure; any thread. */
#ifndef PAYSTREAK_HUB_BATCH_H
#define PAYSTREAK_HUB_BATCH_H
#include "hub/wire.h"
#include "port/event_sink.h"

enum {
    BATCH_HEADER = 61,
    BATCH_PREFIX = 12,              /* baseOffset and batchLength */
    BATCH_MAX_BYTES = 100 << 20,    /* of one batch on disk, whatever a topic allows */
    BATCH_MAX_INFLATED = 256 << 20, /* of one batch decompressed */
    BATCH_MAX_HEADERS = 1000,       /* of one record */
    BATCH_MAGIC = 2,
};
enum batch_attr {
    BATCH_CODEC_MASK = 7,
    BATCH_LOG_APPEND_TIME = 8,
    BATCH_TRANSACTIONAL = 16,
    BATCH_CONTROL = 32,
    BATCH_DELETE_HORIZON = 64,      /* baseTimestamp is when compaction may drop tombstones and markers */
};
enum batch_codec { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD, CODEC_COUNT };

struct batch {                      /* a decoded header */
    int64_t base_offset, base_timestamp, max_timestamp, producer_id;
    int32_t size;                   /* whole batch, prefix included */
    int32_t leader_epoch, last_offset_delta, base_sequence, count;
    int16_t attributes, producer_epoch;
    uint32_t crc;
};

static inline int64_t batch_last_offset(const struct batch *b)
{
    return b->base_offset + b->last_offset_delta;
}

/* Reads the header at the front of `bytes`. False if fewer than BATCH_HEADER bytes are there or the
 * header cannot be one (magic, size, counts): *whole then tells nothing. The batch itself may be longer
 * than `bytes`. */
bool batch_read_header(struct str bytes, struct batch *out);
/* Does the CRC match? Pre: all b->size bytes are there. */
bool batch_crc_ok(const struct batch *b, const char *bytes);
/* What append writes into its copy. */
void batch_set_place(char *bytes, int64_t base_offset, int32_t leader_epoch);
/* Sets LogAppendTime and redoes the CRC. */
void batch_set_append_time(char *bytes, int32_t size, int64_t now_ms);

struct record {
    int64_t offset, timestamp_ms;
    struct str key, value;          /* ptr NULL: null */
    int32_t header_count;
    struct str headers;             /* undecoded: record_header() */
    uint8_t attributes;             /* enum record_attr */
};
/* Bits of a record's attributes, which Kafka leaves unused and its clients do not look at. */
enum record_attr {
    RECORD_AMQP = 1,                /* values of headers are AMQP-encoded (amqp_message.h) */
    RECORD_AMQP_BODY = 2,           /* the value is AMQP body sections other than data */
};

struct batch_reader {
    struct batch head;
    struct kin in;
    int32_t left;
    struct buf inflated;            /* kept between batches */
};
void batch_reader_init(struct batch_reader *r);
void batch_reader_release(struct batch_reader *r);
/* Starts on a whole batch, which must stay. Errors: ERR_CORRUPT, ERR_LIMIT (decompressed size). */
int batch_reader_start(struct batch_reader *r, const struct batch *head, struct str bytes, struct err *err) MUST_CHECK;
/* 1 a record, 0 end of the batch, -1 ERR_CORRUPT. Strings live until the next start. */
int batch_reader_next(struct batch_reader *r, struct record *out, struct err *err) MUST_CHECK;
/* Takes the next header off `*rest` (at first record.headers); false at the end. */
bool record_header(struct str *rest, struct event_header *out);
/* Are there exactly `count` records, each well-formed? Decompresses. */
int batch_check_records(struct batch_reader *r, const struct batch *head, struct str bytes, struct err *err) MUST_CHECK;

/* Builds batches of uncompressed records: begin, add…, finish. */
struct batch_builder { struct kout out, record; int32_t count; int64_t base_ts, max_ts; };
void batch_builder_init(struct batch_builder *w);
void batch_builder_release(struct batch_builder *w);
void batch_begin(struct batch_builder *w);
void batch_add(struct batch_builder *w, int64_t timestamp_ms, struct str key, struct str value,
               const struct event_header *headers, size_t header_count);
/* The same, with a record's attributes. */
void batch_add_as(struct batch_builder *w, uint8_t attributes, int64_t timestamp_ms, const struct event *e);
/* The whole batch, valid until the next begin. Producer id -1: none. */
struct str batch_finish(struct batch_builder *w, int64_t producer_id, int16_t epoch, int32_t sequence);
/* The same, with attributes of the batch. */
struct str batch_finish_as(struct batch_builder *w, int16_t attributes, int64_t producer_id, int16_t epoch, int32_t sequence);
/* The marker that ends the producer's transaction, a whole batch. */
struct str batch_marker(struct batch_builder *w, int64_t producer_id, int16_t epoch, bool commit, int32_t coordinator_epoch, int64_t now_ms);
enum batch_marker { MARKER_NONE = -1, MARKER_ABORT, MARKER_COMMIT };
/* What a control batch says. NONE: nothing we know. Pre: all b->size bytes are there. */
enum batch_marker batch_marker_of(const struct batch *b, const char *bytes, int32_t *coordinator_epoch);

/* Decompresses `in` to the end of `out`. ERR_CORRUPT, ERR_LIMIT past `max` bytes, ERR_UNSUPPORTED. */
int codec_inflate(int codec, struct str in, struct buf *out, size_t max, struct err *err) MUST_CHECK;
/* Compresses `in` to the end of `out`, as clients do: snappy raw, lz4 as a frame. */
int codec_deflate(int codec, struct str in, struct buf *out, struct err *err) MUST_CHECK;
const char *codec_name(int codec);
#endif
