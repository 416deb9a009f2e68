#include "cli/upkeep.h"
#include "lake/catalog.h"
#include "lake/maintain.h"

struct upkeep {
    struct run *run;
    struct ev_timer *timer;
    struct duck_conn *conn;       /* the worker's; made on first use */
    struct arena *a;              /* of one round */
    char **dirs; size_t count, cap;
    bool busy;
    void (*stopped)(void *arg); void *stopped_arg;
};

static void add_dir(struct upkeep *u, const char *dir)
{
    u->dirs = arena_grow(u->a, u->dirs, &u->cap, u->count + 1, sizeof *u->dirs);
    u->dirs[u->count++] = arena_strdup(u->a, dir);
}

static void add_dataset(void *ctx, const struct dataset_status *d)
{
    if (d->kind == DATASET_STREAMING_TABLE && d->table_dir && d->batches > 0)
        add_dir(ctx, d->table_dir);
}

static void round_work(void *arg)
{
    struct upkeep *u = arg;
    struct engine *e = u->run->engine;
    struct err err = {0};
    if (!u->conn && !(u->conn = duck_connect(e->db, &err))) {
        log_err(LOG_WARN, "upkeep", &err);
        return;
    }
    for (size_t i = 0; i < u->count; i++) {
        if (!lake_is_table(u->dirs[i]))
            continue;
        int64_t n = lake_maintain(lake_catalog_table(e->catalog, u->dirs[i]), u->conn, &err);
        if (n < 0)
            log_err(LOG_WARN, "upkeep", &err);
        else if (n > 0)
            log_debug("upkeep", "joined small files table=%s files=%jd", u->dirs[i], (intmax_t)n);
    }
}

static void upkeep_free(struct upkeep *u)
{
    void (*stopped)(void *) = u->stopped;
    void *arg = u->stopped_arg;
    ev_timer_free(u->timer);
    if (u->conn)
        duck_disconnect(u->conn);
    arena_free(u->a);
    mem_free(u);
    stopped(arg);
}

static void round_done(void *arg)
{
    struct upkeep *u = arg;
    u->busy = false;
    if (u->stopped)
        upkeep_free(u);
    else
        ev_timer_start(u->timer, UPKEEP_MS, 0);
}

static void round_start(void *arg)
{
    struct upkeep *u = arg;
    struct run *r = u->run;
    arena_reset(u->a);
    u->dirs = NULL;
    u->count = u->cap = 0;
    for (size_t i = 0; i < r->capture_count; i++)
        add_dir(u, r->captures[i].dir);
    pipelines_each(r->pipelines, add_dataset, u);
    u->busy = true;
    ev_work(r->loop, round_work, round_done, u);
}

struct upkeep *upkeep_start(struct run *r)
{
    struct upkeep *u = NEW(struct upkeep);
    *u = (struct upkeep){.run = r, .a = arena_new()};
    u->timer = ev_timer_new(r->loop, round_start, u);
    ev_timer_start(u->timer, UPKEEP_MS, 0);
    return u;
}

void upkeep_stop(struct upkeep *u, void (*done)(void *arg), void *arg)
{
    u->stopped = done;
    u->stopped_arg = arg;
    ev_timer_stop(u->timer);
    if (!u->busy)
        upkeep_free(u);
}
