/* sync.c -- files and folders made durable together.
 *
 * An fsync is mostly waiting, and a device flushes once for what waits together, so the items of a set are
 * synced at the same time: by the caller and by SYNC_HELPERS threads, which are made with the first set and sleep between sets. To
 * make threads for each set would take more of a core than it saves of the wait. Sets of several callers queue up; a caller takes items of
 * its own set only, so no set waits for a helper.
 *
 * After a fork the child has no helpers: it makes its own (tests fork; the program does not).
 *
 * Threads: any. One lock for the queue and the sets in it, not held while syncing. */
#include "lake/sync.h"
#include "lake/store_int.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { SYNC_HELPERS = 3 };

struct set {
    const struct sync_item *items;
    size_t count, next, left;             /* taken up to `next`; `left`: not done yet */
    int rc;
    struct err *err;
    struct set *after;
};

static struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct set *first, **last;            /* with items that nobody took */
    pid_t owner;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

/* Takes an item of the set and syncs it. Under the lock, which it gives back meanwhile. */
static void sync_next(struct set *s)
{
    struct err err = {};
    const struct sync_item *item = &s->items[s->next++];
    if (s->next == s->count) {
        struct set **at = &pool.first;
        while (*at != s)
            at = &(*at)->after;
        *at = s->after;
        if (!*at)
            pool.last = at;
    }
    pthread_mutex_unlock(&pool.lock);
    int rc = item->folder ? fs_sync_dir(item->path, &err) : store_file_sync(item->path, &err);
    pthread_mutex_lock(&pool.lock);
    if (rc && s->rc == 0) {
        s->rc = -1;
        *s->err = err;
    }
    if (--s->left == 0)
        pthread_cond_broadcast(&pool.done);
}

static void *help(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (!pool.first)
            pthread_cond_wait(&pool.work, &pool.lock);
        sync_next(pool.first);
    }
    return NULL;
}

/* Signals are for other threads. Without helpers a caller does it all. */
static void make_helpers(void)
{
    sigset_t all, before;
    pthread_t thread;
    pool.owner = getpid();
    pool.last = &pool.first;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < SYNC_HELPERS && pthread_create(&thread, NULL, help, NULL) == 0; i++)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void forget_parent(void)
{
    pool = (struct pool){.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
}

static void set_up(void)
{
    int rc = pthread_atfork(NULL, NULL, forget_parent);
    CHECK(rc == 0);
}

int sync_together(const struct sync_item *items, size_t count, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct set s = {.items = items, .count = count, .left = count, .err = err};
    if (!count)
        return 0;
    pthread_once(&once, set_up);
    pthread_mutex_lock(&pool.lock);
    if (!pool.owner)
        make_helpers();
    *pool.last = &s;
    pool.last = &s.after;
    for (size_t i = 1; i < count && i <= SYNC_HELPERS; i++)
        pthread_cond_signal(&pool.work);
    while (s.next < s.count)
        sync_next(&s);
    while (s.left)
        pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    return s.rc;
}
