/* control -- STATE/control.sock: how a command beside a running project asks its owner.
 *
 * The owner serves HTTP on a Unix socket in the state folder. Its mode is 0600 before it listens, so that only the
 * owner's user (and root) can connect: the kernel asks for the right to write it, and nothing else is asked.
 *
 *     GET  /status   {"pid":…,"command":"run","parts":[{"part","name","state","detail","rows"}…]}
 *     POST /stop     the run ends as after Ctrl-C                                        202
 *     POST /sql      {"name","text","json":bool} → {"output":"…","error":{"code","message","file","line","column"}}
 *
 * A statement runs in a session of its own, on a worker; a client that leaves interrupts it. Its output
 * is held to CONTROL_MAX_OUTPUT. The socket's file is removed at the end; one that a killed process left
 * is replaced, since only the state's owner opens it. */
#ifndef PAYSTREAK_CLI_CONTROL_H
#define PAYSTREAK_CLI_CONTROL_H
#include "base/base.h"

enum { CONTROL_MAX_OUTPUT = 256 << 20, CONTROL_MAX_BODY = 64 << 20, CONTROL_STOP_MS = 120 * 1000 };

struct run;
struct control;
/* Of the owner. A path too long for a socket is logged and no error: then commands only say who owns the state. */
struct control *control_open(struct run *r);
void control_close(struct control *c); /* NULL is allowed; statements under way are interrupted */

/* Of a command beside it; all block. `busy` is what state_open() said: the answer if the owner serves no commands. */
int control_sql(const char *state_dir, bool json, const char *name, struct str text, const struct err *busy, struct err *err) MUST_CHECK;
/* The owner's /status, as JSON text. ERR_NOT_FOUND: nobody owns the state, or nobody answers. */
int control_status(const char *state_dir, struct buf *json, struct err *err) MUST_CHECK;
int control_stop(const char *state_dir, struct err *err) MUST_CHECK;
#endif
