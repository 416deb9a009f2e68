/* append.c -- appends of many threads, committed together.
 *
 * Each caller writes its data files with its own connection, in a transaction of its own, and puts that into
 * the queue of the table (one a folder or address, whichever handle it came through). A caller that finds nobody
 * committing becomes the leader: it takes all that wait, begins one more transaction on the newest version and moves
 * their files and application ids into it, which is one commit file for all, and the files of all are fsynced together. Who comes meanwhile waits for
 * the next round, of which the first waiter becomes the leader. Rounds thus grow with the load by themselves; nobody waits on purpose.
 *
 * A blind append fits any newer version of the same schema, properties and protocol. One that does not fit (it changed the
 * schema, made the table, or the table changed) is committed alone, with the usual checks. So is each, if the round fails:
 * an error is always its own caller's. Two of the same application id never share a round.
 *
 * Threads: any. The list of queues has one lock, held for moments; the queue's is held but while committing. */
#include "lake/txn_int.h"
#include <string.h>

enum { ROUND_MAX = 512, APPEND_TRIES = 10 };

struct waiter {
    struct lake_txn *txn;
    int rc;
    int64_t version;
    struct err err;
    bool done;                        /* the leader's */
    bool settled;                     /* under the queue's lock: the owner may go on */
    struct waiter *next;
};

struct queue {
    char *dir;
    int users;                        /* callers inside: the last one frees it */
    struct waiter *first, **last;
    bool busy;                        /* somebody commits */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    struct queue *next;
};

static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *queues;

static struct queue *queue_enter(const char *dir)
{
    pthread_mutex_lock(&queues_lock);
    struct queue *q = queues;
    while (q && strcmp(q->dir, dir) != 0)
        q = q->next;
    if (!q) {
        q = NEW(struct queue);
        q->dir = mem_strdup(dir);
        q->last = &q->first;
        pthread_mutex_init(&q->lock, NULL);
        pthread_cond_init(&q->turn, NULL);
        q->next = queues;
        queues = q;
    }
    q->users++;
    pthread_mutex_unlock(&queues_lock);
    return q;
}

static void queue_leave(struct queue *q)
{
    pthread_mutex_lock(&queues_lock);
    bool last = --q->users == 0;
    if (last) {
        struct queue **at = &queues;
        while (*at != q)
            at = &(*at)->next;
        *at = q->next;
    }
    pthread_mutex_unlock(&queues_lock);
    if (!last)
        return;
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->turn);
    mem_free(q->dir);
    mem_free(q);
}

/* ---- a round */

static bool same_pairs(struct lake_pairs a, struct lake_pairs b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++)
        if (!str_eq(a.items[i].key, b.items[i].key) || !str_eq(a.items[i].value, b.items[i].value))
            return false;
    return true;
}

static bool fits(const struct lake_txn *host, const struct lake_txn *x)
{
    const struct lake_snapshot *a = host->snap, *b = x->snap;
    if (!a || !b || x->meta_changed || x->protocol_changed || x->remove_count || x->read_all || x->read_count || x->domain_count)
        return false;
    if (a->version == b->version)
        return true;
    return str_eq(a->id, b->id) && str_eq(a->schema_json, b->schema_json) && same_pairs(a->properties, b->properties) &&
           a->min_writer == b->min_writer && a->min_reader == b->min_reader && a->writer_feature_count == b->writer_feature_count;
}

static bool shares_app(const struct lake_txn *host, const struct lake_txn *x)
{
    for (size_t i = 0; i < x->app_count; i++)
        for (size_t k = 0; k < host->app_count; k++)
            if (str_eq(host->apps[k].app_id, x->apps[i].app_id))
                return true;
    return false;
}

static bool landed_before(struct lake_txn *host, struct waiter *w)
{
    int64_t landed;
    for (size_t i = 0; i < w->txn->app_count; i++) {
        const struct lake_app_txn *app = &w->txn->apps[i];
        if (!lake_app_version(host->snap, app->app_id, &landed) || landed < app->version)
            continue;
        w->rc = err_set(&w->err, ERR_EXISTS, "batch %jd of '%.*s' is in the table '%s' already", (intmax_t)app->version, STR_ARGS(app->app_id),
                        lake_table_dir(host->table));
        return true;
    }
    return false;
}

static void move_into(struct lake_txn *host, struct lake_txn *x)
{
    for (size_t i = 0; i < x->add_count; i++)
        lake_txn_add_file(host, &x->adds[i]);
    for (size_t i = 0; i < x->app_count; i++)
        lake_txn_app(host, x->apps[i].app_id, x->apps[i].version);
    for (size_t i = 0; i < x->written_count && store_is_local(x->table->store); i++)
        txn_wrote(host, arena_strdup(host->arena, x->written[i]));
    host->operation = x->operation;
}

static void commit_alone(struct waiter *w)
{
    w->rc = lake_txn_commit(w->txn, &w->version, &w->err);
    w->done = true;
}

/* Commits those of the list that fit as one version. The others, and all if that fails, stay undone. */
static void commit_together(struct waiter *list, struct waiter **in, size_t *count)
{
    struct err err;
    struct lake_txn *lead = list->txn;
    int64_t version = -1;
    *count = 0;
    struct lake_txn *host = list->next ? lake_txn_begin(lead->table, lead->conn, &err) : NULL;
    if (!host) /* one alone needs no round */
        return;
    for (struct waiter *w = list; w; w = w->next) {
        if (w->done || !fits(host, w->txn) || shares_app(host, w->txn))
            continue;
        if (landed_before(host, w)) {
            w->done = true;
            continue;
        }
        move_into(host, w->txn);
        in[(*count)++] = w;
    }
    int rc = *count ? lake_txn_commit(host, &version, &err) : -1;
    for (size_t i = 0; i < *count && (rc == 0 || host->landed); i++) {
        in[i]->txn->landed = true;
        in[i]->rc = rc;
        in[i]->version = version;
        in[i]->err = err;
        in[i]->done = true;
    }
    if (rc && host->unknown) /* nobody may try again, nor delete */
        for (size_t i = 0; i < *count; i++) {
            in[i]->txn->unknown = true;
            in[i]->rc = -1;
            in[i]->err = err;
            in[i]->done = true;
        }
    host->written_count = 0; /* the files are their writers' */
    lake_txn_end(host);
}

static void commit_round(struct waiter *list)
{
    struct waiter *in[ROUND_MAX];
    size_t count = 0;
    commit_together(list, in, &count);
    for (struct waiter *w = list; w; w = w->next)
        if (!w->done)
            commit_alone(w);
}

/* Takes up to ROUND_MAX waiters off the queue. */
static struct waiter *take_round(struct queue *q)
{
    struct waiter *list = q->first, *w = list;
    for (int n = 1; w->next && n < ROUND_MAX; n++)
        w = w->next;
    q->first = w->next;
    if (!q->first)
        q->last = &q->first;
    w->next = NULL;
    return list;
}

static void queue_commit(struct queue *q, struct waiter *mine)
{
    pthread_mutex_lock(&q->lock);
    *q->last = mine;
    q->last = &mine->next;
    while (!mine->settled) {
        if (q->busy) {
            pthread_cond_wait(&q->turn, &q->lock);
            continue;
        }
        struct waiter *list = take_round(q);
        q->busy = true;
        pthread_mutex_unlock(&q->lock);
        commit_round(list);
        pthread_mutex_lock(&q->lock);
        q->busy = false;
        for (struct waiter *w = list, *next; w; w = next) {
            next = w->next;
            w->settled = true;
        }
        pthread_cond_broadcast(&q->turn);
    }
    pthread_mutex_unlock(&q->lock);
}

static int append_once(struct lake_table *t, struct duck_conn *c, const struct lake_append *what, int64_t *version, struct err *err)
{
    struct lake_txn *x = lake_txn_begin(t, c, err);
    if (!x)
        return -1;
    struct waiter mine = {.txn = x};
    struct lake_write_opts o = {.merge_schema = what->merge_schema};
    if (what->app_id.ptr)
        lake_txn_app(x, what->app_id, what->app_version);
    int rc = lake_txn_write(x, what->select_sql, &o, err) < 0 ? -1 : 0;
    if (rc == 0 && what->operation)
        lake_txn_info(x, what->operation, NULL, NULL);
    if (rc == 0 && !store_is_local(t->store))
        rc = commit_upload(x, err);
    if (rc == 0) {
        struct queue *q = queue_enter(lake_table_dir(t));
        queue_commit(q, &mine);
        queue_leave(q);
        *version = mine.version;
        rc = mine.rc;
        if (rc)
            *err = mine.err;
    }
    lake_txn_end(x);
    return rc;
}

/* An append asks nothing of the table but its schema: if that changed meanwhile, or the table was made, it is written anew. */
int lake_append(struct lake_table *t, struct duck_conn *c, const struct lake_append *what, int64_t *version, struct err *err)
{
    int rc = -1;
    for (int i = 0; i < APPEND_TRIES && rc; i++) {
        rc = append_once(t, c, what, version, err);
        if (rc && err->code != ERR_CONFLICT)
            break;
    }
    return rc;
}
