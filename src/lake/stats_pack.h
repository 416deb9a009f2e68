/* stats_pack -- the statistics of many files in little memory.
 *
 * A file's statistics are JSON text, and the texts of one table differ in their values only. So a text is
 * kept as a shape, which all alike share, and its values:
 *
 *     {"numRecords":1000,"minValues":{"id":7,"name":"a"}}
 *     shape     {"numRecords":     ,"minValues":{"id":     ,"name":     }}
 *     values    4 1000 1 7 3 "a"        each its length (LEB128), then its bytes, quotes included
 *
 * Unpacking gives the very bytes that were packed. A text with more than STATS_MAX_VALUES values, or of one
 * more shape than STATS_MAX_SHAPES, is not packed: its shape is NULL.
 *
 * A packer belongs to one thread. Shapes are immutable and live as long as the arena they were made in. */
#ifndef PAYSTREAK_LAKE_STATS_PACK_H
#define PAYSTREAK_LAKE_STATS_PACK_H
#include "base/doc.h"
#include "base/map.h"

enum { STATS_MAX_SHAPES = 1000, STATS_MAX_VALUES = 10000 };

struct stats_shape; /* opaque */

struct stats_packer {
    const struct stats_shape *last; /* the next text is mostly like the one before */
    struct map *shapes;             /* text without its values → shape */
    struct buf values, skeleton;
};

void stats_packer_init(struct stats_packer *p);
void stats_packer_release(struct stats_packer *p); /* shapes stay where they are */

/* Packs `text`: returns its shape and gives its values, which are there until the next call; NULL if it is to
 * be kept as it is. A new shape goes into `a`. */
const struct stats_shape *stats_pack(struct stats_packer *p, struct arena *a, struct str text, struct str *values);
/* Appends the text that was packed. */
void stats_unpack(struct buf *out, const struct stats_shape *shape, struct str values);
/* The same if it surely is a JSON object; false, with nothing appended, if it must be parsed to know. */
bool stats_unpack_json(struct buf *out, const struct stats_shape *shape, struct str values);
/* numRecords of packed statistics, -1 if they have none; the same of text. */
int64_t stats_packed_rows(const struct stats_shape *shape, struct str values);
int64_t stats_text_rows(struct str text);
#endif
