/* pool.c -- the shared worker pool behind ev_work().
 *
 * A fixed set of threads takes jobs from one FIFO. It starts with the first job and lives as long
 * as the process. A job's done() travels back to its loop as a posted call. Every worker has a
 * stable index, by which others keep per-worker things (a DuckDB connection). */
#include "ev/ev.h"
#include "ev/ev_int.h"
#include <unistd.h>

struct job {
    struct job *next;
    struct ev_loop *loop;
    ev_fn work, done;
    void *arg;
};

enum { POOL_MAX_THREADS = 256 };
static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct job *head, **tail;
    int threads; /* wanted; 0: the default */
    bool started;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER, .tail = &pool.head};

static _Thread_local int worker_index = -1;

static void job_finish(void *arg)
{
    struct job *j = arg;
    if (j->done)
        j->done(j->arg);
    atomic_fetch_sub(&j->loop->work_open, 1);
    mem_free(j);
}

static void *worker_main(void *arg)
{
    char name[16];
    worker_index = (int)(intptr_t)arg;
    snprintf(name, sizeof name, "worker-%d", worker_index);
    pthread_setname_np(pthread_self(), name);
    for (;;) {
        pthread_mutex_lock(&pool.lock);
        while (!pool.head)
            pthread_cond_wait(&pool.some, &pool.lock);
        struct job *j = pool.head;
        pool.head = j->next;
        if (!pool.head)
            pool.tail = &pool.head;
        pthread_mutex_unlock(&pool.lock);
        j->work(j->arg);
        ev_post(j->loop, job_finish, j);
    }
    return NULL;
}

/* Pre: pool.lock is held. */
static void start(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (pool.threads == 0)
        pool.threads = (cores > 0 ? (int)cores : 1) + 2;
    if (pool.threads > POOL_MAX_THREADS)
        pool.threads = POOL_MAX_THREADS;
    pool.started = true;
    for (int i = 0; i < pool.threads; i++) {
        pthread_t id;
        CHECK(pthread_create(&id, NULL, worker_main, (void *)(intptr_t)i) == 0);
        pthread_detach(id);
    }
}

void ev_work(struct ev_loop *loop, ev_fn work, ev_fn done, void *arg)
{
    struct job *j = NEW(struct job);
    *j = (struct job){.loop = loop, .work = work, .done = done, .arg = arg};
    atomic_fetch_add(&loop->work_open, 1);
    pthread_mutex_lock(&pool.lock);
    if (!pool.started)
        start();
    *pool.tail = j;
    pool.tail = &j->next;
    pthread_cond_signal(&pool.some);
    pthread_mutex_unlock(&pool.lock);
}

void ev_pool_size(int threads)
{
    CHECK(threads > 0);
    pthread_mutex_lock(&pool.lock);
    CHECK(!pool.started);
    pool.threads = threads;
    pthread_mutex_unlock(&pool.lock);
}

int ev_worker_index(void)
{
    return worker_index;
}
