/* db.c -- a connection with its prepared statements. */
#include "storage/db.h"
#include <stdarg.h>

enum { CACHE = 128, BUSY_MS = 30000 };

struct db {
    sqlite3 *h;
    struct { const char *sql; sqlite3_stmt *st; } cache[CACHE];
    size_t count;
    sqlite3_stmt *now;
    bool lazy;
};

static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS containers(c TEXT PRIMARY KEY, etag TEXT, changed INTEGER, meta TEXT, acl TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS blobs(c TEXT, p TEXT, size INTEGER, mtime INTEGER, etag TEXT, created INTEGER, changed INTEGER, type TEXT,"
    " ino INTEGER, props TEXT, meta TEXT, tags TEXT, PRIMARY KEY(c, p, size, mtime)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS leases(c TEXT, p TEXT, id TEXT, seconds INTEGER, until INTEGER, broken INTEGER, PRIMARY KEY(c, p)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS blocks(c TEXT, p TEXT, id TEXT, pos INTEGER, size INTEGER, file TEXT, PRIMARY KEY(c, p, id, pos)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS blocks_by_file ON blocks(file);"
    "CREATE TABLE IF NOT EXISTS parts(c TEXT, p TEXT, size INTEGER, mtime INTEGER, n INTEGER, id TEXT, bytes INTEGER,"
    " PRIMARY KEY(c, p, size, mtime, n)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS queues(q TEXT PRIMARY KEY, created INTEGER, meta TEXT, acl TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS messages(n INTEGER PRIMARY KEY AUTOINCREMENT, q TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,"
    " inserted INTEGER, expires INTEGER, visible INTEGER, dequeues INTEGER, receipt TEXT);"
    "CREATE UNIQUE INDEX IF NOT EXISTS messages_by_id ON messages(q, id);"
    "CREATE INDEX IF NOT EXISTS messages_by_time ON messages(q, visible);";

static int fail(struct db *d, struct err *err)
{
    return err_set(err, ERR_IO, "storage metadata: %s", d->h ? sqlite3_errmsg(d->h) : "out of memory");
}

struct db *db_open(const char *file, struct err *err)
{
    struct db *d = NEW(struct db);
    bool ok = sqlite3_open_v2(file, &d->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
              sqlite3_busy_timeout(d->h, BUSY_MS) == SQLITE_OK &&
              sqlite3_exec(d->h, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_exec(d->h, SCHEMA, NULL, NULL, NULL) == SQLITE_OK;
    if (ok)
        return d;
    (void)fail(d, err);
    db_close(d);
    return NULL;
}

void db_close(struct db *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        sqlite3_finalize(d->cache[i].st);
    sqlite3_close(d->h);
    mem_free(d);
}

static sqlite3_stmt *statement(struct db *d, const char *sql)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->cache[i].sql == sql)
            return d->cache[i].st;
    CHECK(d->count < CACHE);
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v3(d->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        return NULL;
    d->cache[d->count].sql = sql;
    d->cache[d->count++].st = st;
    return st;
}

static int start(struct db *d, struct err *err, const char *sql, const char *types, va_list ap)
{
    CHECK(!d->now);
    d->now = statement(d, sql);
    if (!d->now)
        return fail(d, err);
    for (int i = 1; *types; types++, i++) {
        if (*types == 'i') {
            sqlite3_bind_int64(d->now, i, va_arg(ap, int64_t));
        } else {
            CHECK(*types == 't');
            struct str s = va_arg(ap, struct str);
            if (s.ptr)
                sqlite3_bind_text(d->now, i, s.ptr, (int)s.len, SQLITE_TRANSIENT);
            else
                sqlite3_bind_null(d->now, i);
        }
    }
    return 0;
}

void db_done(struct db *d)
{
    if (d->now)
        sqlite3_reset(d->now);
    d->now = NULL;
}

int db_row(struct db *d, struct err *err)
{
    int rc = sqlite3_step(d->now);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        (void)fail(d, err);
    db_done(d);
    return rc == SQLITE_DONE ? 0 : -1;
}

int db_query(struct db *d, struct err *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    int rc = start(d, err, sql, types, ap);
    va_end(ap);
    return rc;
}

int db_run(struct db *d, struct err *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    int rc = start(d, err, sql, types, ap);
    va_end(ap);
    if (rc)
        return rc;
    do
        rc = db_row(d, err);
    while (rc == 1);
    return rc;
}

struct str db_str(struct db *d, struct arena *a, int column)
{
    const char *text = (const char *)sqlite3_column_text(d->now, column);
    return text ? str_copy(a, str_of(text, (size_t)sqlite3_column_bytes(d->now, column))) : STR_NONE;
}

int64_t db_i64(struct db *d, int column) { return sqlite3_column_int64(d->now, column); }
int db_changes(struct db *d) { return sqlite3_changes(d->h); }

int db_begin(struct db *d, bool lazy, struct err *err)
{
    if (lazy != d->lazy && sqlite3_exec(d->h, lazy ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", NULL, NULL, NULL) != SQLITE_OK)
        return fail(d, err);
    d->lazy = lazy;
    return sqlite3_exec(d->h, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(d, err);
}

int db_commit(struct db *d, struct err *err)
{
    if (sqlite3_exec(d->h, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    (void)fail(d, err);
    db_rollback(d);
    return -1;
}

void db_rollback(struct db *d)
{
    db_done(d);
    sqlite3_exec(d->h, "ROLLBACK", NULL, NULL, NULL);
}
