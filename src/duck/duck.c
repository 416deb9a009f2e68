/* duck.c -- databases, connections, statements without results, and errors.
 *
 * Settings. The database is opened with extension loading and installing off: json, parquet, icu
 * and core_functions are linked in and there from the start. Everything else is set once, globally,
 * so that a connection costs microseconds.
 *
 * Errors. DuckDB reports text that starts with the class ("Binder Error: "); error_classes maps it.
 * When one of our own table or scalar functions fails inside DuckDB, its code travels inside the
 * message as 0x1f code retriable 0x1f and is taken out again here. */
#include "duck/duck_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* DuckDB's allocator reads this weak symbol as it starts. What it keeps of freed memory, up to 140 MB while a
 * large checkpoint is read, goes back to the system after a tenth of a second, not a whole one. */
extern const char *duckdb_je_malloc_conf_2_conf_harder;
const char *duckdb_je_malloc_conf_2_conf_harder = "dirty_decay_ms:100,muzzy_decay_ms:0";

enum { CARRY_MARK = 0x1f };

static const struct { const char *prefix; enum err_code code; } error_classes[] = {
    {"INTERRUPT Error", ERR_CANCELED},      {"IO Error", ERR_IO},
    {"HTTP Error", ERR_IO},                 {"Out of Memory Error", ERR_LIMIT},
    {"Parser Error", ERR_INPUT},            {"Syntax Error", ERR_INPUT},
    {"Binder Error", ERR_INPUT},            {"Catalog Error", ERR_INPUT},
    {"Conversion Error", ERR_USER},         {"Out of Range Error", ERR_USER},
    {"Invalid Input Error", ERR_USER},      {"Constraint Error", ERR_USER},
    {"Divide by Zero Error", ERR_USER},     {"Not implemented Error", ERR_UNSUPPORTED},
    {"Mismatch Type Error", ERR_INPUT},     {"TransactionContext Error", ERR_CONFLICT},
    {"Invalid Error", ERR_USER},            {"Serialization Error", ERR_CORRUPT},
    {"Permission Error", ERR_DENIED},
};

static bool carried(struct str msg, struct err *err)
{
    int64_t from = str_chr(msg, CARRY_MARK);
    if (from < 0)
        return false;
    struct str rest = str_from(msg, (size_t)from + 1);
    int64_t to = str_chr(rest, CARRY_MARK);
    int64_t code;
    if (to < 2 || !str_i64(str_sub(rest, 0, (size_t)to - 1), &code) || code <= 0 || code >= ERR_CODE_COUNT)
        return false;
    bool retriable = rest.ptr[to - 1] == 'r';
    err_set(err, (enum err_code)code, "%.*s", STR_ARGS(str_from(rest, (size_t)to + 1)));
    err->retriable = retriable;
    return true;
}

void duck_err_carry(const struct err *err, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%c%d%c%c%s", CARRY_MARK, (int)err->code, err->retriable ? 'r' : '-',
             CARRY_MARK, err->msg);
}

int duck_err(struct err *err, const char *message)
{
    struct str msg = str_z(message ? message : "unknown DuckDB error");
    int64_t cut = str_find(msg, STR("\n\nLINE "));
    if (cut >= 0)
        msg.len = (size_t)cut;
    msg = str_trim(msg);
    if (carried(msg, err))
        return -1;
    enum err_code code = ERR_INTERNAL;
    for (size_t i = 0; i < COUNT_OF(error_classes); i++) {
        if (!str_starts_z(msg, error_classes[i].prefix))
            continue;
        code = error_classes[i].code;
        struct str rest = str_from(msg, strlen(error_classes[i].prefix));
        if (str_starts_z(rest, ": "))
            msg = str_from(rest, 2);
        break;
    }
    err_set(err, code, "%.*s", STR_ARGS(msg));
    for (char *c = err->msg; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    return -1;
}

/* ---- databases */

static int set_config(duckdb_config cfg, const char *name, const char *value, struct err *err)
{
    if (duckdb_set_config(cfg, name, value) == DuckDBSuccess)
        return 0;
    return err_set(err, ERR_INTERNAL, "DuckDB does not take the setting %s = %s", name, value);
}

static int configure(duckdb_config cfg, const struct duck_opts *opts, struct err *err)
{
    char text[64];
    if (set_config(cfg, "autoinstall_known_extensions", "false", err) ||
        set_config(cfg, "autoload_known_extensions", "false", err))
        return -1;
    if (opts && opts->threads > 0) {
        snprintf(text, sizeof text, "%d", opts->threads);
        if (set_config(cfg, "threads", text, err))
            return -1;
    }
    if (opts && opts->memory_mb > 0) {
        snprintf(text, sizeof text, "%jdMB", (intmax_t)opts->memory_mb);
        if (set_config(cfg, "memory_limit", text, err))
            return -1;
    }
    if (opts && opts->temp_dir)
        return set_config(cfg, "temp_directory", opts->temp_dir, err);
    return 0;
}

static const char global_settings[] =
    "SET GLOBAL TimeZone = 'UTC';"
    "SET GLOBAL default_null_order = 'nulls_first_on_asc_last_on_desc';"
    "SET GLOBAL ieee_floating_point_ops = false;"
    "SET GLOBAL enable_external_file_cache = false;"; /* local files: the page cache holds them already */

struct duck *duck_new(const struct duck_opts *opts, struct err *err)
{
    duckdb_config cfg;
    if (duckdb_create_config(&cfg) != DuckDBSuccess) {
        err_set(err, ERR_INTERNAL, "cannot make a DuckDB configuration");
        return NULL;
    }
    struct duck *db = NEW(struct duck);
    pthread_mutex_init(&db->lock, NULL);
    db->next_handle = 1;
    db->functions = arena_new();
    char *message = NULL;
    if (configure(cfg, opts, err))
        goto fail;
    if (duckdb_open_ext(NULL, &db->db, cfg, &message) != DuckDBSuccess) {
        duck_err(err, message);
        err_wrap(err, "cannot open DuckDB");
        goto fail;
    }
    if (duckdb_connect(db->db, &db->admin) != DuckDBSuccess) {
        err_set(err, ERR_INTERNAL, "cannot connect to DuckDB");
        goto fail;
    }
    struct duck_conn admin = {.db = db, .con = db->admin};
    if (duck_exec(&admin, str_z(global_settings), err))
        goto fail;
    duckdb_destroy_config(&cfg);
    return db;
fail:
    duckdb_free(message);
    duckdb_destroy_config(&cfg);
    duck_free(db);
    return NULL;
}

void duck_free(struct duck *db)
{
    if (!db)
        return;
    if (db->admin)
        duckdb_disconnect(&db->admin);
    if (db->db)
        duckdb_close(&db->db);
    pthread_mutex_destroy(&db->lock);
    mem_free(db->handles);
    arena_free(db->functions);
    mem_free(db);
}

struct duck_conn *duck_connect(struct duck *db, struct err *err)
{
    struct duck_conn *c = NEW(struct duck_conn);
    c->db = db;
    if (duckdb_connect(db->db, &c->con) == DuckDBSuccess)
        return c;
    err_set(err, ERR_INTERNAL, "cannot connect to DuckDB");
    mem_free(c);
    return NULL;
}

void duck_disconnect(struct duck_conn *c)
{
    if (!c)
        return;
    duckdb_disconnect(&c->con);
    mem_free(c);
}

struct duck *duck_of(struct duck_conn *c)
{
    return c->db;
}

void duck_interrupt(struct duck_conn *c)
{
    duckdb_interrupt(c->con);
}

/* ---- statements without results */

int duck_exec(struct duck_conn *c, struct str sql, struct err *err)
{
    char *z = str_dup(sql);
    duckdb_result r;
    int rc = duckdb_query(c->con, z, &r) == DuckDBSuccess ? 0 : duck_err(err, duckdb_result_error(&r));
    duckdb_destroy_result(&r);
    mem_free(z);
    return rc;
}

int duck_execf(struct duck_conn *c, struct err *err, const char *fmt, ...)
{
    struct buf sql;
    buf_init(&sql);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&sql, fmt, ap);
    va_end(ap);
    int rc = buf_check(&sql, "SQL text", err);
    if (rc == 0)
        rc = duck_exec(c, buf_view(&sql), err);
    buf_release(&sql);
    return rc;
}

static void quote(struct buf *out, struct str s, char q)
{
    buf_char(out, q);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == q)
            buf_char(out, q);
        buf_char(out, s.ptr[i]);
    }
    buf_char(out, q);
}

void duck_quote_ident(struct buf *out, struct str name)
{
    quote(out, name, '"');
}

void duck_quote_text(struct buf *out, struct str text)
{
    int64_t nul = str_chr(text, '\0');
    bool parts = nul >= 0; /* a statement's text cannot hold the byte */
    buf_z(out, parts ? "(" : "");
    for (; nul >= 0; nul = str_chr(text, '\0')) {
        quote(out, str_sub(text, 0, (size_t)nul), '\'');
        buf_z(out, " || chr(0) || ");
        text = str_from(text, (size_t)nul + 1);
    }
    quote(out, text, '\'');
    buf_z(out, parts ? ")" : "");
}
