/* offsets -- the text of a flow's checkpoint files: Spark Structured Streaming's formats. Pure.
 *
 * A query's checkpoint is a folder (DESIGN, section 5: STATE/state/<pipeline>/<flow>/):
 *
 *   metadata        {"id":"<uuid>"}                the query id; the appId of its commits' txn actions
 *   offsets/<N>     v1
 *                   {"batchWatermarkMs":0,"batchTimestampMs":1700000000000,"conf":{…}}
 *                   one line per source: its end offset, or `-` if nothing of it was there yet
 *   commits/<N>     v1
 *                   {"nextBatchWatermarkMs":0}
 *   sources/<i>/<N> v1                             of file source i: the files of its log offset N
 *                   {"path":"file:///a/b.csv","timestamp":1700000000000,"batchId":N,"size":123}
 *
 * The end offset of a Delta source is Delta's: {"sourceVersion":1,"reservoirId":"<table id>",
 * "reservoirVersion":V,"index":-1,"isStartingVersion":false}: all of the versions below V is read.
 * If the batch before has `-`, that is the table's snapshot at V-1. Of a file source: {"logOffset":N}.
 * `conf` also pins the versions that static sides had: "paystreak.static.<folder>": "<version>". */
#ifndef PAYSTREAK_PIPELINES_OFFSETS_H
#define PAYSTREAK_PIPELINES_OFFSETS_H
#include "base/base.h"

enum { OFFSETS_MAX_BYTES = 16 << 20, OFFSETS_MAX_SOURCES = 1000 };
enum source_kind { SOURCE_NONE /* "-" */, SOURCE_DELTA, SOURCE_FILES };

struct source_offset {
    enum source_kind kind;
    struct str reservoir_id;       /* DELTA */
    int64_t version;               /* DELTA: the next one to read */
    int64_t index;
    bool starting;
    int64_t log_offset;            /* FILES */
};
struct pin { struct str dir; int64_t version; };
struct batch_plan {
    int64_t timestamp_ms;
    struct source_offset *offsets; size_t count;
    struct pin *pins; size_t pin_count, pin_cap;
};
struct seen_file { struct str path; int64_t mtime_ms, size, batch; };

void offsets_write(struct buf *out, const struct batch_plan *p);
int offsets_read(struct arena *a, const char *file, struct str text, struct batch_plan *out, struct err *err) MUST_CHECK;
void metadata_write(struct buf *out, struct str id);
int metadata_read(struct arena *a, const char *file, struct str text, char id[UUID_TEXT], struct err *err) MUST_CHECK;
void seen_write(struct buf *out, const struct seen_file *files, size_t count);
/* Appends to a growable list in the arena. */
struct seen_files { struct seen_file *items; size_t count, cap; };
int seen_read(struct arena *a, const char *file, struct str text, struct seen_files *out, struct err *err) MUST_CHECK;
bool offset_equal(const struct source_offset *a, const struct source_offset *b);
#endif
