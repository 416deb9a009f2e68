#include "functions/worker.h"
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char BOOT[] =
    "import os,struct\n"
    "def take(n):\n"
    "    b = b''\n"
    "    while len(b) < n:\n"
    "        c = os.read(3, n - len(b))\n"
    "        if not c: os._exit(0)\n"
    "        b += c\n"
    "    return b\n"
    "code = take(struct.unpack('<I', take(4))[0])\n"
    "exec(compile(code, 'paystreak_worker.py', 'exec'), {'__name__': '__main__'})\n";

enum { STREAM_OUT, STREAM_ERR, STREAMS };

struct worker {
    struct worker_opts opts;
    struct ev_child *child;
    struct buf in;             /* bytes of frames not yet whole */
    struct buf lines[STREAMS]; /* bytes of lines not yet whole */
    char tail[WORKER_TAIL_BYTES + 1]; /* the end of standard error */
    bool broken;               /* killed for a frame that is none */
    int busy;                  /* callbacks under way */
    bool freed;
};

static void release(struct worker *w)
{
    ev_child_free(w->child);
    buf_release(&w->in);
    for (int i = 0; i < STREAMS; i++)
        buf_release(&w->lines[i]);
    mem_free(w);
}

/* Callbacks may free the worker: its memory goes when the last of them has returned. */
static bool leave(struct worker *w)
{
    w->busy--;
    if (w->freed && w->busy == 0) {
        release(w);
        return false;
    }
    return !w->freed;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    w->freed = true;
    if (w->busy == 0)
        release(w);
}

/* ------------------------------------------------------------------ lines */

static bool tell_line(struct worker *w, int stream, struct str line)
{
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (stream == STREAM_ERR && line.len) {
        struct str end = line.len > WORKER_TAIL_BYTES ? str_from(line, line.len - WORKER_TAIL_BYTES) : line;
        memcpy(w->tail, end.ptr, end.len);
        w->tail[end.len] = 0;
    }
    w->busy++;
    w->opts.line(w->opts.ctx, stream == STREAM_ERR, line);
    return leave(w);
}

static void on_bytes(struct worker *w, int stream, const char *bytes, size_t n)
{
    struct buf *b = &w->lines[stream];
    int64_t at;
    buf_add(b, bytes, n);
    while ((at = str_chr(buf_view(b), '\n')) >= 0 || b->len >= WORKER_MAX_LINE || (n == 0 && b->len)) {
        size_t len = at >= 0 ? (size_t)at : b->len < WORKER_MAX_LINE ? b->len : WORKER_MAX_LINE;
        char *line = mem_strndup(b->ptr, len);
        buf_drop_front(b, len + (at >= 0));
        bool on = tell_line(w, stream, str_of(line, len));
        mem_free(line);
        if (!on)
            return;
    }
}

static void on_out(void *ctx, const char *bytes, size_t n)
{
    on_bytes(ctx, STREAM_OUT, bytes, n);
}

static void on_err(void *ctx, const char *bytes, size_t n)
{
    on_bytes(ctx, STREAM_ERR, bytes, n);
}

/* ------------------------------------------------------------------ frames */

/* Takes the first frame, which is whole and of `size` bytes after its length; false if it is none. */
static bool take_frame(struct worker *w, size_t size, struct arena **arena, struct doc **head, struct str *data)
{
    struct str body = str_of(w->in.ptr + 4, size);
    struct err ignored;
    if (size < 4 || le32_get(body.ptr) > size - 4)
        return false;
    size_t json = le32_get(body.ptr);
    *arena = arena_new();
    *head = doc_json(*arena, "", str_copy(*arena, str_sub(body, 4, json)), &ignored);
    *data = str_copy(*arena, str_from(body, 4 + json));
    if (doc_is(*head, DOC_OBJECT))
        return true;
    arena_free(*arena);
    return false;
}

static void on_msg(void *ctx, const char *bytes, size_t n)
{
    struct worker *w = ctx;
    if (w->broken)
        return;
    buf_add(&w->in, bytes, n);
    while (w->in.len >= 4) {
        struct arena *a;
        struct doc *head;
        struct str data;
        size_t size = le32_get(w->in.ptr);
        if (size <= WORKER_MAX_FRAME && w->in.len < 4 + size)
            return;
        if (size > WORKER_MAX_FRAME || !take_frame(w, size, &a, &head, &data)) {
            w->broken = true;
            ev_child_kill(w->child, SIGKILL);
            return;
        }
        buf_drop_front(&w->in, 4 + size);
        w->busy++;
        w->opts.frame(w->opts.ctx, a, head, data);
        if (!leave(w))
            return;
    }
}

void worker_send(struct worker *w, struct str head, const struct str *data, size_t count)
{
    char size[8];
    size_t all = 4 + head.len;
    for (size_t i = 0; i < count; i++)
        all += data[i].len;
    CHECK(all <= WORKER_MAX_FRAME);
    le32_put(size, (uint32_t)all);
    le32_put(size + 4, (uint32_t)head.len);
    ev_child_send(w->child, size, sizeof size);
    ev_child_send(w->child, head.ptr, head.len);
    for (size_t i = 0; i < count; i++)
        ev_child_send(w->child, data[i].ptr, data[i].len);
}

/* ------------------------------------------------------------------ start and end */

static void on_exit_(void *ctx, int status, int signal)
{
    struct worker *w = ctx;
    struct err why;
    const char *last = w->tail[0] ? ": " : "";
    if (w->broken)
        err_set(&why, ERR_CORRUPT, "the worker process sent what is no frame and was ended");
    else if (signal)
        err_set(&why, ERR_USER, "the worker process was ended by signal %d (%s)%s%s", signal, strsignal(signal), last,
                w->tail);
    else
        err_set(&why, ERR_USER, "the worker process ended with status %d%s%s", status, last, w->tail);
    w->busy++;
    w->opts.ended(w->opts.ctx, &why);
    leave(w);
}

void worker_kill(struct worker *w)
{
    ev_child_kill(w->child, SIGKILL);
}

struct worker *worker_start(const struct worker_opts *opts, struct err *err)
{
    struct worker *w = NEW(struct worker);
    const char *const argv[] = {opts->python, "-c", BOOT, NULL};
    char size[4];
    w->opts = *opts;
    buf_init_max(&w->in, WORKER_MAX_FRAME + (64 << 10) + 4);
    for (int i = 0; i < STREAMS; i++)
        buf_init_max(&w->lines[i], WORKER_MAX_LINE + (64 << 10));
    struct ev_child_opts child = {.argv = argv, .env = opts->env, .cwd = opts->dir, .use_fd3 = true, .ctx = w,
                                  .on_out = on_out, .on_err = on_err, .on_msg = on_msg, .on_exit = on_exit_};
    w->child = ev_child_start(opts->loop, &child, err);
    if (!w->child) {
        err_wrap(err, "the Python of the functions app");
        release(w);
        return NULL;
    }
    ev_child_close_input(w->child);
    le32_put(size, (uint32_t)opts->source.len);
    ev_child_send(w->child, size, sizeof size);
    ev_child_send(w->child, opts->source.ptr, opts->source.len);
    return w;
}

const char *worker_python(struct arena *a, const char *app_dir)
{
    char exe[PATH_MAX];
    const char *ours = getenv("PAYSTREAK_PYTHON");
    if (ours && *ours)
        return arena_strdup(a, ours);
    const char *beside = path_join(a, app_dir, ".venv/bin/python");
    if (fs_exists(beside))
        return beside;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe);
    if (n > 0) {
        struct str dir = path_dir(str_of(exe, (size_t)n));
        const char *private = arena_printf(a, "%.*s/../deps/venv/bin/python", STR_ARGS(dir));
        if (fs_exists(private))
            return private;
    }
    return "python3";
}
