/* state -- the state folder's own files: who owns it, which format it has, and its keys.
 *
 *   format   the version of the layout, "1\n"; a newer one is refused
 *   lock     held with flock(2) by the process that owns the state; it names that process:
 *            {"pid":…,"command":"run","started":"…"}
 *   keys     0600, JSON: sas (the hub's shared access key), token (REST and Spark Connect),
 *            password (PostgreSQL), function (functions' host key), login (the console's), storage (the
 *            account key of the storage endpoint)
 *
 * Thread: the main thread, at start. */
#ifndef PAYSTREAK_CLI_STATE_H
#define PAYSTREAK_CLI_STATE_H
#include "base/base.h"

enum { STATE_FORMAT = 1 };

struct state_keys { char sas[64], token[64], password[64], function[64], login[64], storage[64]; };

struct state {
    char *dir;             /* absolute */
    int lock_fd;           /* -1: not ours */
    struct state_keys keys;
};

/* Makes the folder if absent, checks its format, reads or makes its keys; with `own` takes the lock
 * (ERR_EXISTS names the process that has it). */
struct state *state_open(const char *dir, bool own, const char *command, struct err *err) MUST_CHECK;
void state_close(struct state *s);   /* gives the lock back; NULL is allowed */
#endif
