/* child.c -- child processes: pipes, a process group of their own, death with us.
 *
 * The child is made with vfork(2) (fork(2) under sanitizers): between it and exec only calls that
 * are safe there. PR_SET_PDEATHSIG kills it if the loop's thread, which lives as long as we do,
 * dies; no libuv call offers that. An exec that fails reports errno through a close-on-exec pipe.
 *
 * Ends are noticed by SIGCHLD and waitid() for each child by its pid. When the child itself has
 * ended, what is left of its group is killed *before* it is reaped, while the group's number
 * cannot belong to others yet; so pipes held by grandchildren end too. on_exit comes when the
 * process was reaped and both output pipes and fd 3 reached their end.
 *
 * A freed child that lives is killed and stays in the loop's list until it is reaped. */
#include "ev/ev.h"
#include "ev/ev_int.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHILD_FORK fork
#else
#define CHILD_FORK vfork
#endif

enum { CHILD_READ_BYTES = 64 * 1024 };
enum { FD_IN, FD_OUT, FD_ERR, FD_MSG, FD_COUNT };

struct child_pipe {
    uv_pipe_t uv;
    struct ev_child *child;
    void (*on_bytes)(void *ctx, const char *bytes, size_t n);
    bool open, counted; /* counted: on_exit waits for its end */
};

struct ev_child {
    struct ev_child *next;
    struct ev_loop *loop;
    void (*on_exit)(void *ctx, int status, int signal);
    void *ctx;
    pid_t pid;
    bool reaped, told, freed;
    int status, signal;
    int handles;           /* uv handles not yet closed: memory must stay */
    int ends_awaited;      /* counted pipes that are open */
    struct child_pipe pipes[FD_COUNT];
    char read_buf[CHILD_READ_BYTES];
};

static void maybe_gone(struct ev_child *c)
{
    if (c->freed && c->reaped && c->handles == 0)
        mem_free(c);
}

static void on_pipe_closed(uv_handle_t *h)
{
    struct child_pipe *p = (struct child_pipe *)h;
    p->child->handles--;
    maybe_gone(p->child);
}

static void pipe_close(struct child_pipe *p)
{
    if (!p->open)
        return;
    p->open = false;
    if (p->counted)
        p->child->ends_awaited--;
    uv_close((uv_handle_t *)&p->uv, on_pipe_closed);
}

static void maybe_tell(struct ev_child *c)
{
    if (!c->reaped || c->told || c->freed || c->ends_awaited > 0)
        return;
    c->told = true;
    if (c->on_exit)
        c->on_exit(c->ctx, c->status, c->signal);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct child_pipe *p = (struct child_pipe *)h;
    (void)hint;
    *buf = uv_buf_init(p->child->read_buf, sizeof p->child->read_buf);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct child_pipe *p = (struct child_pipe *)s;
    struct ev_child *c = p->child;
    if (n == 0)
        return;
    if (n > 0) {
        if (p->on_bytes)
            p->on_bytes(c->ctx, buf->base, (size_t)n);
        return;
    }
    c->handles++; /* the callback may free the child */
    pipe_close(p);
    if (p->on_bytes)
        p->on_bytes(c->ctx, "", 0);
    maybe_tell(c);
    c->handles--;
    maybe_gone(c);
}

static void unlink_child(struct ev_child *c)
{
    for (struct ev_child **at = &c->loop->children; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    if (!c->loop->children && c->loop->sigchld_open)
        uv_signal_stop(&c->loop->sigchld);
}

/* Reaps `c` if it has ended, or waits for its end if `block`. */
static bool reap(struct ev_child *c, bool block)
{
    siginfo_t info = {0};
    int flags = WEXITED | WNOWAIT | (block ? 0 : WNOHANG), status = 0;
    while (waitid(P_PID, (id_t)c->pid, &info, flags) != 0)
        if (errno != EINTR)
            break;
    if (info.si_pid != c->pid)
        return false;
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    c->reaped = true;
    c->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    c->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return true;
}

static void on_sigchld(uv_signal_t *h, int signum)
{
    struct ev_loop *loop = h->data;
    (void)signum;
    for (bool again = true; again;) { /* a callback may change the list: start over after each */
        again = false;
        for (struct ev_child *c = loop->children; c; c = c->next) {
            if (!reap(c, false))
                continue;
            unlink_child(c);
            c->handles++;
            maybe_tell(c);
            c->handles--;
            maybe_gone(c);
            again = true;
            break;
        }
    }
}

void ev_children_end(struct ev_loop *loop)
{
    while (loop->children) {
        struct ev_child *c = loop->children;
        kill(-c->pid, SIGKILL);
        if (!reap(c, true))
            c->reaped = true;
        unlink_child(c);
        maybe_gone(c);
    }
    if (loop->sigchld_open)
        uv_close((uv_handle_t *)&loop->sigchld, NULL);
    loop->sigchld_open = false;
}

/* ------------------------------------------------------------------ start */

struct plan {
    const struct ev_child_opts *opts;
    int theirs[FD_COUNT]; /* the child's ends, all >= 10, -1: none */
    int ours[FD_COUNT];
    int report[2];        /* errno of a failed exec */
    pid_t parent;
};

static _Noreturn void child_main(const struct plan *p)
{
    const struct ev_child_opts *o = p->opts;
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            sigaction(s, &dfl, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != p->parent)
        _exit(127);
    bool ok = true;
    for (int i = 0; i < FD_COUNT; i++)
        if (p->theirs[i] >= 0)
            ok = ok && dup2(p->theirs[i], i) >= 0;
#ifdef SYS_close_range
    syscall(SYS_close_range, p->theirs[FD_MSG] >= 0 ? 4 : 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
#endif
    if (ok && o->cwd)
        ok = chdir(o->cwd) == 0;
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (ok)
        execvpe(o->argv[0], (char *const *)o->argv, o->env ? (char *const *)o->env : environ);
    int errnum = errno;
    ssize_t n = write(p->report[1], &errnum, sizeof errnum);
    (void)n;
    _exit(127);
}

static int lift(int fd) /* above the numbers that dup2() will fill */
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    close(fd);
    return high;
}

static int make_pipes(struct plan *p, struct err *err)
{
    bool bad = false;
    for (int i = 0; i < FD_COUNT; i++) {
        int two[2];
        p->theirs[i] = p->ours[i] = -1;
        if (i == FD_MSG && !p->opts->use_fd3)
            continue;
        /* Pipes where we can: programs reopen /dev/stdout, which a socket does not allow. */
        if ((i == FD_MSG ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, two)
                         : pipe2(two, O_CLOEXEC)) != 0) {
            bad = true;
            continue;
        }
        p->ours[i] = lift(two[i == FD_IN ? 1 : 0]);
        p->theirs[i] = lift(two[i == FD_IN ? 0 : 1]);
        bad |= p->ours[i] < 0 || p->theirs[i] < 0;
    }
    p->report[0] = p->report[1] = -1;
    if (!bad && pipe2(p->report, O_CLOEXEC) == 0) {
        p->report[0] = lift(p->report[0]);
        p->report[1] = lift(p->report[1]);
    }
    if (bad || p->report[0] < 0 || p->report[1] < 0)
        return err_errno(err, errno, "cannot make pipes for '%s'", p->opts->argv[0]);
    return 0;
}

static void close_all(int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

/* Returns the pid, or -1 with errno of fork. Alone in its function: vfork shares the frame. */
static __attribute__((noinline)) pid_t spawn(const struct plan *p)
{
    pid_t pid = CHILD_FORK();
    if (pid == 0)
        child_main(p);
    return pid;
}

static int launch(struct plan *p, pid_t *pid, struct err *err)
{
    sigset_t all, old;
    int errnum = 0;
    sigfillset(&all); /* no handler of ours may run in the child */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    p->parent = getpid();
    *pid = spawn(p);
    int fork_errno = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close_all(&p->report[1], 1);
    if (*pid < 0)
        return err_errno(err, fork_errno, "cannot start '%s'", p->opts->argv[0]);
    ssize_t n;
    while ((n = read(p->report[0], &errnum, sizeof errnum)) < 0 && errno == EINTR)
        ;
    if (n == sizeof errnum) {
        while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return err_errno(err, errnum, "cannot start '%s'", p->opts->argv[0]);
    }
    return 0;
}

static void adopt_pipe(struct ev_child *c, int i, int fd)
{
    struct child_pipe *p = &c->pipes[i];
    p->child = c;
    uv_pipe_init(&c->loop->uv, &p->uv, 0);
    CHECK(uv_pipe_open(&p->uv, fd) == 0);
    p->open = true;
    p->counted = i != FD_IN;
    c->handles++;
    if (!p->counted)
        return;
    c->ends_awaited++;
    CHECK(uv_read_start((uv_stream_t *)&p->uv, on_alloc, on_read) == 0);
}

static void watch_children(struct ev_loop *loop)
{
    if (!loop->sigchld_open) {
        uv_signal_init(&loop->uv, &loop->sigchld);
        loop->sigchld.data = loop;
        loop->sigchld_open = true;
    }
    uv_signal_start(&loop->sigchld, on_sigchld, SIGCHLD);
}

struct ev_child *ev_child_start(struct ev_loop *loop, const struct ev_child_opts *opts,
                                struct err *err)
{
    struct plan plan = {.opts = opts};
    pid_t pid = -1;
    CHECK(opts->argv && opts->argv[0]);
    watch_children(loop); /* before the child can end */
    int rc = make_pipes(&plan, err);
    if (rc == 0)
        rc = launch(&plan, &pid, err);
    close_all(plan.theirs, FD_COUNT);
    close_all(plan.report, 2);
    if (rc != 0) {
        close_all(plan.ours, FD_COUNT);
        if (!loop->children)
            uv_signal_stop(&loop->sigchld);
        return NULL;
    }
    struct ev_child *c = NEW(struct ev_child);
    c->loop = loop;
    c->pid = pid;
    c->on_exit = opts->on_exit;
    c->ctx = opts->ctx;
    for (int i = 0; i < FD_COUNT; i++)
        if (plan.ours[i] >= 0)
            adopt_pipe(c, i, plan.ours[i]);
    c->pipes[FD_OUT].on_bytes = opts->on_out;
    c->pipes[FD_ERR].on_bytes = opts->on_err;
    c->pipes[FD_MSG].on_bytes = opts->on_msg;
    c->next = loop->children;
    loop->children = c;
    return c;
}

/* ------------------------------------------------------------------ use */

struct child_write {
    uv_write_t uv;
    char bytes[];
};

static void on_written(uv_write_t *w, int status)
{
    (void)status; /* a child that went away tells so by its exit */
    mem_free(w);
}

static void pipe_write(struct child_pipe *p, const void *bytes, size_t n)
{
    if (!p->open || n == 0)
        return;
    struct child_write *w = mem_alloc(sizeof *w + n);
    memcpy(w->bytes, bytes, n);
    uv_buf_t buf = uv_buf_init(w->bytes, (unsigned)n);
    if (uv_write(&w->uv, (uv_stream_t *)&p->uv, &buf, 1, on_written) != 0)
        mem_free(w);
}

void ev_child_write(struct ev_child *c, const void *bytes, size_t n)
{
    pipe_write(&c->pipes[FD_IN], bytes, n);
}

void ev_child_send(struct ev_child *c, const void *bytes, size_t n)
{
    pipe_write(&c->pipes[FD_MSG], bytes, n);
}

static void on_input_flushed(uv_shutdown_t *req, int status)
{
    struct child_pipe *p = req->data;
    (void)status;
    mem_free(req);
    pipe_close(p);
}

void ev_child_close_input(struct ev_child *c)
{
    struct child_pipe *p = &c->pipes[FD_IN];
    if (!p->open)
        return;
    uv_shutdown_t *req = NEW(uv_shutdown_t); /* after what is queued */
    req->data = p;
    if (uv_shutdown(req, (uv_stream_t *)&p->uv, on_input_flushed) != 0) {
        mem_free(req);
        pipe_close(p);
    }
}

int ev_child_pid(const struct ev_child *c)
{
    return c->pid;
}

void ev_child_kill(struct ev_child *c, int signum)
{
    if (!c->reaped)
        kill(-c->pid, signum);
}

void ev_child_free(struct ev_child *c)
{
    if (!c)
        return;
    CHECK(!c->freed);
    c->freed = true;
    ev_child_kill(c, SIGKILL);
    c->handles++;
    for (int i = 0; i < FD_COUNT; i++)
        pipe_close(&c->pipes[i]);
    c->handles--;
    maybe_gone(c);
}
