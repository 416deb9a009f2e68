/* A store driven from standard input, for tests with real servers. One command a line:
 *     open ROOT
 *     list [PREFIX [FROM]]        each as "name size etag|- mtime_s", then ok
 *     stat NAME | get NAME | range NAME AT N | remove NAME
 *     put NAME TEXT | new NAME TEXT
 *     up NAME PATH | down NAME PATH SIZE
 *     race NAME COUNT             that many threads put NAME if it is absent: "done D exists E others O"
 * After each "ok …" or "error CODE retriable|final message". */
#include "lake/store.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct tool { struct arena *arena; struct store *store; };

static const char *word(struct tool *t, struct str *rest)
{
    struct str w;
    return str_split(rest, ' ', &w) ? str_cz(t->arena, w) : "";
}

static int64_t number(struct tool *t, struct str *rest)
{
    int64_t n = -1;
    return str_i64(str_z(word(t, rest)), &n) ? n : -1;
}

static int on_open(struct tool *t, struct str arg, struct err *err)
{
    store_close(t->store);
    t->store = store_open(arg, NULL, err);
    return t->store ? 0 : -1;
}

static int on_list(struct tool *t, struct str arg, struct err *err)
{
    struct store_list_opts o = {.look = true};
    struct store_entry *list;
    o.prefix = word(t, &arg);
    o.from = arg.len ? word(t, &arg) : NULL;
    int64_t n = store_list(t->store, t->arena, &o, &list, err);
    for (int64_t i = 0; i < n; i++)
        printf("%s %jd %s %jd\n", list[i].name, (intmax_t)list[i].size, list[i].etag.len ? list[i].etag.ptr : "-",
               (intmax_t)(list[i].mtime_us / 1000000));
    return n < 0 ? -1 : 0;
}

static int on_stat(struct tool *t, struct str arg, struct err *err)
{
    struct store_entry e;
    if (store_stat(t->store, word(t, &arg), &e, t->arena, err))
        return -1;
    printf("%jd %jd\n", (intmax_t)e.size, (intmax_t)(e.mtime_us / 1000000));
    return 0;
}

static int show(struct buf *b, int rc)
{
    if (rc == 0)
        printf("%s\n", b->ptr);
    buf_release(b);
    return rc;
}

static int on_get(struct tool *t, struct str arg, struct err *err)
{
    struct buf b;
    struct store_mark mark;
    buf_init(&b);
    return show(&b, store_get(t->store, word(t, &arg), 1 << 20, &b, &mark, err));
}

static int on_range(struct tool *t, struct str arg, struct err *err)
{
    struct buf b;
    const char *name = word(t, &arg);
    int64_t at = number(t, &arg), n = number(t, &arg);
    buf_init(&b);
    return show(&b, store_get_range(t->store, name, at, n, &b, err));
}

static int on_put(struct tool *t, struct str arg, struct err *err)
{
    const char *name = word(t, &arg);
    return store_put(t->store, name, arg, err);
}

static int on_new(struct tool *t, struct str arg, struct err *err)
{
    const char *name = word(t, &arg);
    static const char *const names[] = {"done", "exists", "unknown"};
    enum store_outcome got = store_put_new(t->store, name, arg, err);
    if (got == STORE_FAILED)
        return -1;
    printf("%s\n", names[got]);
    return 0;
}

static int on_remove(struct tool *t, struct str arg, struct err *err) { return store_remove(t->store, word(t, &arg), err); }

static int on_up(struct tool *t, struct str arg, struct err *err)
{
    const char *name = word(t, &arg);
    return store_put_file(t->store, name, word(t, &arg), err);
}

static int on_down(struct tool *t, struct str arg, struct err *err)
{
    const char *name = word(t, &arg), *path = word(t, &arg);
    return store_get_file(t->store, name, path, number(t, &arg), err);
}

struct racer { struct store *store; const char *name; int number; enum store_outcome got; };

static void *race(void *arg)
{
    struct racer *r = arg;
    struct err err;
    char text[64];
    snprintf(text, sizeof text, "racer %d", r->number);
    r->got = store_put_new(r->store, r->name, str_z(text), &err);
    return NULL;
}

static int on_race(struct tool *t, struct str arg, struct err *err)
{
    enum { MAX = 64 };
    struct racer racers[MAX];
    pthread_t threads[MAX];
    const char *name = word(t, &arg);
    int64_t n = number(t, &arg);
    int done = 0, exists = 0;
    if (n < 1 || n > MAX)
        return err_set(err, ERR_USAGE, "race NAME COUNT");
    for (int i = 0; i < n; i++) {
        racers[i] = (struct racer){t->store, name, i, STORE_FAILED};
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        done += racers[i].got == STORE_DONE;
        exists += racers[i].got == STORE_EXISTS;
    }
    printf("done %d exists %d others %d\n", done, exists, (int)n - done - exists);
    return 0;
}

static const struct { const char *name; int (*run)(struct tool *, struct str, struct err *); } commands[] = {
    {"open", on_open}, {"list", on_list}, {"stat", on_stat}, {"get", on_get}, {"range", on_range}, {"put", on_put}, {"new", on_new},
    {"remove", on_remove}, {"up", on_up}, {"down", on_down}, {"race", on_race},
};

int main(void)
{
    struct tool t = {.arena = arena_new()};
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin)) {
        struct str name, rest;
        struct err err = {};
        int rc = -2;
        line[strcspn(line, "\n")] = '\0';
        rest = str_z(line);
        if (!str_split(&rest, ' ', &name))
            continue;
        for (size_t i = 0; i < COUNT_OF(commands) && rc == -2; i++)
            if (str_eqz(name, commands[i].name))
                rc = i && !t.store ? err_set(&err, ERR_USAGE, "open a store first") : commands[i].run(&t, rest, &err);
        if (rc == -2)
            rc = err_set(&err, ERR_USAGE, "no such command");
        if (rc)
            printf("error %s %s %s\n", err_code_name(err.code), err.retriable ? "retriable" : "final", err.msg);
        else
            printf("ok\n");
        fflush(stdout);
    }
    store_close(t.store);
    arena_free(t.arena);
    return 0;
}
