/* group_int -- what the files of consumer groups know of each other. */
#ifndef PAYSTREAK_HUB_GROUP_INT_H
#define PAYSTREAK_HUB_GROUP_INT_H
#include "hub/group.h"

/* One batch of records for the offsets' log: init, add…, end. */
struct offsets_writer { struct batch_builder batch; struct kout key, value; };
void offsets_writer_init(struct offsets_writer *w);
void offsets_writer_release(struct offsets_writer *w);
void offsets_writer_add(struct offsets_writer *w, struct str group, const struct commit_in *c, int64_t now_ms); /* offset -1: forgotten */
enum kerr offsets_writer_end(struct groups *gs, struct offsets_writer *w, int16_t attributes, int64_t producer_id, int16_t epoch, int64_t *base);

/* Writes what a group commits, all in one batch, into the log; rewrites that first if little of it is alive. */
enum kerr offsets_log(struct groups *gs, struct str group, const struct commit_in *items, size_t count, int16_t attributes, int64_t producer_id,
                      int16_t epoch);

void group_set_offset(struct group *g, const struct commit_in *in, int64_t now_ms);

/* group_txn.c */
void group_txn_note(struct groups *gs, int64_t producer_id, int16_t epoch, struct str group, const struct commit_in *in);
/* False while the log has a marker whose transaction still pends here: what pends cannot be written again then. */
bool group_txns_settled(const struct groups *gs);
/* All that pends is written again: the log is being rewritten. */
enum kerr group_txns_write(struct groups *gs);
void group_txns_forget_topic(struct groups *gs, struct str topic);
void group_txns_free(struct groups *gs);
#endif
