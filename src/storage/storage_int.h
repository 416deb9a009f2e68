/* storage_int -- the endpoint itself, for the files that run requests. */
#ifndef PAYSTREAK_STORAGE_STORAGE_INT_H
#define PAYSTREAK_STORAGE_STORAGE_INT_H
#include "storage/op.h"

struct storage {
    struct ev_loop *loop;
    struct http_server *blob, *queue;
    const struct storage_events *events;
    char *root;                        /* STATE/storage */
    char key_text[STORAGE_KEY_BYTES], token[STORAGE_KEY_BYTES], host[64];
    uint8_t key[STORAGE_KEY_BYTES], emulator_key[STORAGE_KEY_BYTES];
    size_t key_len, emulator_key_len;
    bool insecure;
    struct map *accounts;
    int64_t started_us;
    size_t open_ops;
};

/* The lane (lane.c). On the loop. */
void lane_enter(struct op *o);         /* runs o->run in o->lane, and what follows; then op_answer() */
void op_answer(struct op *o);          /* storage.c */
void op_tell(struct op *o);            /* the events of the phase that ended, if it ended well */
struct auth_keys auth_keys_of(const struct storage *s, struct str account);
/* Names, the table's row, the grant: everything that a head tells. */
enum az_error op_admit(struct op *o, bool queue_port, int64_t length);
/* The same for a part of a batch of account `ac`; any thread. */
enum az_error op_admit_part(struct op *o, struct account *ac);
#endif
