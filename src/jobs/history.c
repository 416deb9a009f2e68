#include "jobs/history.h"
#include <sqlite3.h>
#include <string.h>

enum { BUSY_MS = 5000 };

struct entry {
    struct entry *next;
    char *id, *parent, *kind, *name, *type, *trigger, *input, *output, *error;
    int status, attempt;
    int64_t started_us, finished_us;
    void (*saved)(void *arg);
    void *arg;
};

struct history {
    struct ev_loop *loop;
    sqlite3 *db;               /* serialized mode: one connection, any thread */
    struct run_log log;
    struct entry *first, **last;   /* queued */
    struct entry *writing;         /* owned by the worker while `busy` */
    bool busy;
    struct err failure;
};

static const char SCHEMA[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS runs(id TEXT PRIMARY KEY, parent TEXT, kind TEXT NOT NULL, name TEXT NOT NULL, type TEXT, trigger TEXT,"
    " status TEXT NOT NULL, attempt INTEGER, started_us INTEGER, finished_us INTEGER, input TEXT, output TEXT, error TEXT);"
    "CREATE INDEX IF NOT EXISTS runs_by_name ON runs(kind, name, status);"
    "CREATE INDEX IF NOT EXISTS runs_by_start ON runs(started_us);";

static int db_err(struct history *h, struct err *err, const char *what)
{
    return err_set(err, ERR_IO, "run history: %s: %s", what, h->db ? sqlite3_errmsg(h->db) : "out of memory");
}

static char *text_of(const struct doc *d)
{
    struct buf b;
    if (!d)
        return NULL;
    buf_init(&b);
    doc_write(&b, d);
    if (b.len > HISTORY_TEXT_MAX) {
        struct buf note;
        buf_init(&note);
        buf_printf(&note, "{\"truncated\":true,\"bytes\":%zu}", b.len);
        buf_release(&b);
        return buf_detach(&note);
    }
    return buf_detach(&b);
}

static char *error_text(const struct err *e)
{
    char text[1024];
    return e ? mem_strdup(err_text(e, text, sizeof text)) : NULL;
}

static char *dup_or_null(const char *s) { return s ? mem_strdup(s) : NULL; }

static void entry_free(struct entry *e)
{
    char *const texts[] = {e->id, e->parent, e->kind, e->name, e->type, e->trigger, e->input, e->output, e->error};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        mem_free(texts[i]);
    mem_free(e);
}

static int write_entry(sqlite3_stmt *st, const struct entry *e)
{
    const char *const texts[] = {e->id, e->parent, e->kind, e->name, e->type, e->trigger, run_status_name((enum run_status)e->status)};
    for (int i = 0; i < (int)COUNT_OF(texts); i++)
        sqlite3_bind_text(st, i + 1, texts[i], -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 8, e->attempt);
    sqlite3_bind_int64(st, 9, e->started_us);
    if (e->finished_us)
        sqlite3_bind_int64(st, 10, e->finished_us);
    else
        sqlite3_bind_null(st, 10);
    sqlite3_bind_text(st, 11, e->input, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 12, e->output, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 13, e->error, -1, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int write_list(struct history *h, const struct entry *list, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = 0;
    if (sqlite3_exec(h->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return db_err(h, err, "begin");
    if (sqlite3_prepare_v2(h->db, "INSERT OR REPLACE INTO runs(id, parent, kind, name, type, trigger, status, attempt, started_us, finished_us, input, output, error)"
                                  " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", -1, &st, NULL) != SQLITE_OK)
        rc = db_err(h, err, "prepare");
    for (const struct entry *e = list; e && rc == 0; e = e->next)
        if (write_entry(st, e))
            rc = db_err(h, err, "write");
    sqlite3_finalize(st);
    if (rc == 0 && sqlite3_exec(h->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = db_err(h, err, "commit");
    if (rc)
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static void flush_work(void *arg)
{
    struct history *h = arg;
    struct err err = {0};
    if (write_list(h, h->writing, &err)) {
        h->failure = err;
        log_err(LOG_ERROR, "history", &err);
    }
}

static void flush(struct history *h);

static void finish_entries(struct entry *list)
{
    while (list) {
        struct entry *next = list->next;
        if (list->saved)
            list->saved(list->arg);
        entry_free(list);
        list = next;
    }
}

static void flush_done(void *arg)
{
    struct history *h = arg;
    struct entry *list = h->writing;
    h->writing = NULL;
    h->busy = false;
    flush(h);
    finish_entries(list);
}

static void flush(struct history *h)
{
    if (h->busy || !h->first)
        return;
    h->writing = h->first;
    h->first = NULL;
    h->last = &h->first;
    h->busy = true;
    ev_work(h->loop, flush_work, flush_done, h);
}

static void push(struct history *h, const struct run_record *r, void (*saved)(void *arg), void *arg)
{
    struct entry *e = NEW(struct entry);
    *e = (struct entry){.id = mem_strdup(r->id), .parent = dup_or_null(r->parent_id), .kind = mem_strdup(r->kind),
                        .name = mem_strdup(r->name), .type = dup_or_null(r->type), .trigger = dup_or_null(r->trigger),
                        .input = text_of(r->input), .output = text_of(r->output), .error = error_text(r->error),
                        .status = r->status, .attempt = r->attempt, .started_us = r->started.us, .finished_us = r->finished.us,
                        .saved = saved, .arg = arg};
    *h->last = e;
    h->last = &e->next;
    flush(h);
}

static void log_start(void *ctx, const struct run_record *r) { push(ctx, r, NULL, NULL); }
static void log_finish(void *ctx, const struct run_record *r, void (*saved)(void *arg), void *arg) { push(ctx, r, saved, arg); }

struct history *history_open(struct ev_loop *loop, const char *state_dir, struct err *err)
{
    struct arena *a = arena_new();
    struct history *h = NEW(struct history);
    h->loop = loop;
    h->last = &h->first;
    h->log = (struct run_log){log_start, log_finish, h};
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, rc = 0;
    if (sqlite3_open_v2(path_join(a, state_dir, "control.db"), &h->db, flags, NULL) != SQLITE_OK)
        rc = db_err(h, err, "open");
    if (rc == 0 && (sqlite3_busy_timeout(h->db, BUSY_MS) != SQLITE_OK || sqlite3_exec(h->db, SCHEMA, NULL, NULL, NULL) != SQLITE_OK))
        rc = db_err(h, err, "set up");
    arena_free(a);
    if (rc == 0)
        return h;
    history_close(h);
    return NULL;
}

void history_close(struct history *h)
{
    if (!h)
        return;
    while (h->busy)
        ev_run_once(h->loop, 100);
    if (h->db)
        sqlite3_close(h->db);
    mem_free(h);
}

const struct run_log *history_log(struct history *h) { return &h->log; }

static bool list_has(const struct entry *e, const char *kind, const char *name, bool any)
{
    while (e && !(strcmp(e->kind, kind) == 0 && strcmp(e->name, name) == 0 && (any || e->status == RUN_SUCCEEDED)))
        e = e->next;
    return e != NULL;
}

/* What is not written yet counts: nobody writes to an entry once it is queued. */
int history_has(struct history *h, const char *kind, const char *name, bool any, bool *found, struct err *err)
{
    sqlite3_stmt *st = NULL;
    *found = list_has(h->first, kind, name, any) || list_has(h->writing, kind, name, any);
    if (*found)
        return 0;
    if (sqlite3_prepare_v2(h->db, "SELECT 1 FROM runs WHERE kind = ? AND name = ? AND (? OR status = 'Succeeded') LIMIT 1", -1, &st, NULL) != SQLITE_OK)
        return db_err(h, err, "read");
    sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 3, any);
    int rc = sqlite3_step(st);
    *found = rc == SQLITE_ROW;
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_err(h, err, "read");
}

int history_repair(struct history *h, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "UPDATE runs SET status = 'Failed', error = 'interrupted: the process ended while it ran', finished_us = %jd"
                     " WHERE status IN ('InProgress', 'Queued')", (intmax_t)time_now().us);
    int rc = sqlite3_exec(h->db, sql.ptr, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_err(h, err, "repair");
    buf_release(&sql);
    return rc;
}

int history_recent(struct history *h, int limit, struct buf *json, struct err *err)
{
    static const char *const names[] = {"id", "kind", "name", "trigger", "status", "started_us", "finished_us", "error"};
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(h->db, "SELECT id, kind, name, trigger, status, started_us, finished_us, error FROM runs"
                                  " WHERE parent IS NULL ORDER BY started_us DESC LIMIT ?", -1, &st, NULL) != SQLITE_OK)
        return db_err(h, err, "read");
    sqlite3_bind_int(st, 1, limit);
    buf_char(json, '[');
    int rc, rows = 0;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        buf_z(json, rows++ ? ",{" : "{");
        for (int i = 0; i < (int)COUNT_OF(names); i++) {
            buf_printf(json, "%s\"%s\":", i ? "," : "", names[i]);
            if (sqlite3_column_type(st, i) == SQLITE_INTEGER)
                buf_printf(json, "%jd", (intmax_t)sqlite3_column_int64(st, i));
            else if (sqlite3_column_type(st, i) == SQLITE_NULL)
                buf_z(json, "null");
            else
                json_quote(json, str_z((const char *)sqlite3_column_text(st, i)));
        }
        buf_char(json, '}');
    }
    buf_char(json, ']');
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : db_err(h, err, "read");
}
