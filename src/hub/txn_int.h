/* txn_int -- what the coordinator's state machine and its log know of each other. */
#ifndef PAYSTREAK_HUB_TXN_INT_H
#define PAYSTREAK_HUB_TXN_INT_H
#include "hub/txn.h"

/* The id's state as it is, into the log. */
enum kerr txn_log_put(struct txn *t);
enum kerr txn_log_forget(struct txn *t);
/* Reads the log. Calls nothing else: the states are as they were written. */
int txn_log_replay(struct txns *x, struct err *err) MUST_CHECK;

struct txn *txn_make(struct txns *x, struct str id); /* found or made; NULL: too many */
void txn_free(struct txn *t);
void txn_set_producer(struct txn *t, int64_t producer_id);
void txn_part_put(struct txn *t, struct str topic, int32_t partition);
bool txn_has_part(const struct txn *t, struct str topic, int32_t partition);
void txn_parts_clear(struct txn *t);
/* Writes markers where the transaction is open, then completes it. Pre: PREPARE_*, durable. */
void txn_complete(struct txn *t);
/* Aborts it under a higher epoch. Pre: ONGOING. */
void txn_fence(struct txn *t);
#endif
