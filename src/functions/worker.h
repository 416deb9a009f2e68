/* worker -- the child process that runs an app's code, and the frames that go to and fro.
 *
 * The process is started as `python -c BOOT`; BOOT reads the worker's source from descriptor 3 (u32le
 * length, bytes) and runs it, so nothing is written to disk. From then on both sides send frames:
 *
 *   u32le bytes that follow | u32le length of the JSON | JSON object | data
 *
 * Descriptor 3 is a socket pair that nobody else can reach. What the app prints on its standard output
 * and error comes line by line. The process dies with us; it ends by itself when the socket closes.
 *
 * Thread: the loop's. Callbacks may free the worker. */
#ifndef PAYSTREAK_FUNCTIONS_WORKER_H
#define PAYSTREAK_FUNCTIONS_WORKER_H
#include "ev/ev.h"

enum {
    WORKER_MAX_FRAME = 256 << 20,
    WORKER_MAX_LINE = 16 << 10, /* longer lines are told in pieces */
    WORKER_TAIL_BYTES = 300,    /* of standard error, in the message of a worker that ended */
};

struct worker; /* opaque */

struct worker_opts {
    struct ev_loop *loop;
    const char *python, *dir;
    const char *const *env;
    struct str source;
    /* A frame: the handler owns `a`, in which `head` and `data` live. */
    void (*frame)(void *ctx, struct arena *a, const struct doc *head, struct str data);
    void (*line)(void *ctx, bool is_error, struct str line);
    /* The process has ended, or sent what is no frame and was killed. Once; free it then. */
    void (*ended)(void *ctx, const struct err *why);
    void *ctx;
};

struct worker *worker_start(const struct worker_opts *opts, struct err *err) MUST_CHECK; /* NULL on error */
/* Sends a frame: `head` is JSON, `data` the `count` values that follow it. */
void worker_send(struct worker *w, struct str head, const struct str *data, size_t count);
void worker_kill(struct worker *w);   /* `ended` follows */
void worker_free(struct worker *w);   /* NULL is allowed; no callback after this */

/* The Python that runs an app: PAYSTREAK_PYTHON, the app's .venv, the private environment beside the
 * program, python3. */
const char *worker_python(struct arena *a, const char *app_dir);
#endif
