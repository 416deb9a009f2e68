/* pg_command.c -- statements that the endpoint answers itself: transactions, settings, sessions.
 *
 * Drivers send these around the queries of their users. SHOW of a PostgreSQL setting is ours, any
 * other SHOW (TABLES, SCHEMAS …) is Spark's; SET of a dotted key is Spark's too. search_path and
 * timezone reach the session, all other settings are only remembered. */
#include "serve/pg_int.h"
#include <string.h>

struct word_list { struct arena *a; struct str words[8]; };

static void words_of(struct word_list *w, struct str statement)
{
    w->a = arena_new();
    for (size_t i = 0; i < COUNT_OF(w->words); i++)
        w->words[i] = pg_word(w->a, statement, i);
}

static bool is(struct str s, const char *word)
{
    return str_ieqz(s, word);
}

/* ------------------------------------------------------------------ settings */

static const struct { const char *name, *value; bool shown_at_start; } defaults[] = {
    {"server_version", "16.0 (Paystreak)", true}, {"server_encoding", "UTF8", true},
    {"client_encoding", "UTF8", true}, {"DateStyle", "ISO, MDY", true}, {"IntervalStyle", "postgres", true},
    {"TimeZone", "UTC", true}, {"integer_datetimes", "on", true}, {"standard_conforming_strings", "on", true},
    {"is_superuser", "off", true}, {"default_transaction_read_only", "off", true}, {"in_hot_standby", "off", true},
    {"application_name", "", true}, {"transaction_isolation", "read committed", false},
    {"default_transaction_isolation", "read committed", false}, {"transaction_read_only", "off", false},
    {"max_identifier_length", "63", false}, {"server_version_num", "160000", false}, {"lc_collate", "C", false},
    {"statement_timeout", "0", false}, {"extra_float_digits", "1", false}, {"client_min_messages", "notice", false},
    {"search_path", "", false}, {"bytea_output", "hex", false}, {"ssl", "off", false},
};

static struct str setting(struct pg_conn *c, struct str name)
{
    const char *v = map_get(c->settings, name);
    if (v)
        return str_z(v);
    for (size_t i = 0; i < COUNT_OF(defaults); i++)
        if (is(name, defaults[i].name))
            return str_z(is(name, "search_path") ? c->server->opts.search_path : defaults[i].value);
    return STR_NONE;
}

static void remember(struct pg_conn *c, struct str name, struct str value)
{
    mem_free(map_put(c->settings, name, str_dup(value)));
}

/* ------------------------------------------------------------------ commands */

struct context { struct pg_conn *conn; struct str statement; struct word_list *w; bool describe_rows; struct err *err; };

static enum pg_local reply(struct context *x, const char *tag)
{
    struct buf b;
    buf_init(&b);
    pg_complete(&b, tag);
    pg_send(x->conn, &b);
    buf_release(&b);
    return PG_LOCAL_DONE;
}

static void notice(struct pg_conn *c, const char *sqlstate, const char *msg)
{
    struct buf b;
    buf_init(&b);
    pg_report(&b, 'N', &(struct pg_report){.severity = "WARNING", .sqlstate = sqlstate, .msg = msg});
    pg_send(c, &b);
    buf_release(&b);
}

static enum pg_local begin(struct context *x)
{
    if (x->conn->txn == 'T')
        notice(x->conn, "25001", "there is already a transaction in progress");
    else
        x->conn->wrote = false;
    x->conn->txn = 'T';
    return reply(x, "BEGIN");
}

static enum pg_local commit(struct context *x)
{
    bool failed = x->conn->txn == 'E';
    x->conn->txn = 'I';
    return reply(x, failed ? "ROLLBACK" : "COMMIT");
}

static enum pg_local rollback(struct context *x)
{
    if (x->conn->wrote && x->conn->txn != 'I')
        notice(x->conn, "25000", "every statement has committed on its own: what was written stays");
    x->conn->txn = 'I';
    return reply(x, "ROLLBACK");
}

static enum pg_local set(struct context *x)
{
    struct str *w = x->w->words;
    size_t at = is(w[1], "session") || is(w[1], "local") ? 2 : 1;
    if (is(w[at], "transaction") || is(w[at], "characteristics"))
        return reply(x, "SET");
    bool zone = is(w[at], "time") && is(w[at + 1], "zone");
    struct str name = zone ? STR("TimeZone") : w[at];
    size_t value_at = zone ? at + 1 : at + 1; /* the word before the value: ZONE, = or TO */
    if (!zone && !is(w[at + 1], "=") && !is(w[at + 1], "to")) {
        (void)err_set(x->err, ERR_INPUT, "[PARSE_SYNTAX_ERROR] SET %.*s: expected TO or =", STR_ARGS(name));
        return PG_LOCAL_FAILED;
    }
    struct buf value; /* a list's items, quotes off */
    buf_init(&value);
    for (size_t i = value_at + 1;; i++) {
        struct str word = pg_word(x->w->a, x->statement, i);
        if (!word.ptr)
            break;
        buf_str(&value, word);
        if (is(word, ","))
            buf_char(&value, ' ');
    }
    if (is(name, "client_encoding") && !is(buf_view(&value), "utf8") && !is(buf_view(&value), "utf-8") &&
        !is(buf_view(&value), "unicode")) {
        (void)err_set(x->err, ERR_UNSUPPORTED, "client encoding \"%s\": only UTF8 is spoken here", value.ptr);
        buf_release(&value);
        return PG_LOCAL_FAILED;
    }
    remember(x->conn, name, buf_view(&value));
    bool to_session = is(name, "search_path") || is(name, "timezone");
    if (to_session)
        pg_job_set(x->conn, is(name, "search_path") ? "search_path" : "timezone", buf_view(&value));
    buf_release(&value);
    return to_session ? PG_LOCAL_JOB : reply(x, "SET");
}

static enum pg_local reset(struct context *x)
{
    mem_free(map_remove(x->conn->settings, x->w->words[1]));
    if (is(x->w->words[1], "search_path")) {
        pg_job_set(x->conn, "search_path", str_z(x->conn->server->opts.search_path));
        return PG_LOCAL_JOB;
    }
    return reply(x, "RESET");
}

static struct str show_name(const struct str *w)
{
    if (is(w[1], "transaction") && is(w[2], "isolation"))
        return STR("transaction_isolation");
    if (is(w[1], "time") && is(w[2], "zone"))
        return STR("TimeZone");
    return w[1];
}

static enum pg_local show(struct context *x)
{
    struct str name = show_name(x->w->words), value = setting(x->conn, name);
    struct query_column col = {name, STR("string")};
    struct query_cell cell = {value.ptr ? value.ptr : "", value.len};
    struct pg_formats text = {0};
    struct buf b;
    buf_init(&b);
    if (x->describe_rows)
        pg_row_description(&b, &col, 1, &text);
    struct pg_type type = pg_type_of(col.type);
    int rc = pg_data_row(&b, &cell, 1, &type, &text, x->err);
    pg_send(x->conn, &b);
    buf_release(&b);
    return rc == 0 ? reply(x, "SHOW") : PG_LOCAL_FAILED;
}

static void forget(struct pg_conn *c)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(c->settings, &at, &key, &value))
        mem_free(value);
    map_free(c->settings);
    c->settings = map_new_icase();
}

static enum pg_local discard(struct context *x)
{
    forget(x->conn);
    if (x->conn->session) {
        pg_job_set(x->conn, "search_path", str_z(x->conn->server->opts.search_path));
        return PG_LOCAL_JOB;
    }
    return reply(x, "DISCARD ALL");
}

static enum pg_local refuse_command(struct context *x)
{
    (void)err_set(x->err, ERR_UNSUPPORTED, "%.*s is not supported over this endpoint", STR_ARGS(x->w->words[0]));
    return PG_LOCAL_FAILED;
}

static enum pg_local accept_deallocate(struct context *x)
{
    struct str name = x->w->words[is(x->w->words[1], "prepare") ? 2 : 1];
    struct pg_prepared *p = map_remove(x->conn->prepared, name);
    if (p) {
        arena_free(p->arena);
    } else if (!is(name, "all")) {
        (void)err_set(x->err, ERR_NOT_FOUND, "prepared statement \"%.*s\" does not exist", STR_ARGS(name));
        return PG_LOCAL_FAILED;
    }
    return reply(x, "DEALLOCATE");
}

static enum pg_local unlisten(struct context *x)
{
    return reply(x, "UNLISTEN");
}

static const struct { const char *word, *second; enum pg_local (*run)(struct context *x); bool in_failed; } commands[] = {
    {"begin", NULL, begin, false}, {"start", "transaction", begin, false},
    {"commit", NULL, commit, true}, {"end", NULL, commit, true},
    {"rollback", NULL, rollback, true}, {"abort", NULL, rollback, true},
    {"set", NULL, set, false}, {"reset", NULL, reset, false}, {"show", NULL, show, false},
    {"discard", NULL, discard, false}, {"deallocate", NULL, accept_deallocate, false},
    {"unlisten", NULL, unlisten, false}, {"listen", NULL, refuse_command, false},
    {"notify", NULL, refuse_command, false}, {"copy", NULL, refuse_command, false},
    {"prepare", NULL, refuse_command, false}, {"savepoint", NULL, refuse_command, false},
    {"release", NULL, refuse_command, false}, {"declare", "cursor", refuse_command, false},
    {"fetch", NULL, refuse_command, false}, {"lock", NULL, refuse_command, false},
};

/* The command's index, -1: it is for the engine. */
static int find(struct pg_conn *c, const struct str *w)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (!is(w[0], commands[i].word) || (commands[i].second && !is(w[1], commands[i].second)))
            continue;
        if (is(w[0], "set") && (is(w[2], ".") || !w[1].ptr || is(w[1], "catalog")))
            return -1; /* SET spark.x = y */
        if (is(w[0], "reset") && (is(w[2], ".") || !w[1].ptr))
            return -1;
        if (is(w[0], "show") && !setting(c, show_name(w)).ptr)
            return -1;
        return (int)i;
    }
    return -1;
}

bool pg_is_local(struct pg_conn *c, struct str statement)
{
    struct word_list w;
    words_of(&w, statement);
    bool local = find(c, w.words) >= 0;
    arena_free(w.a);
    return local;
}

bool pg_local_has_rows(struct pg_conn *c, struct str statement, struct query_column *col)
{
    struct word_list w;
    words_of(&w, statement);
    bool rows = is(w.words[0], "show") && find(c, w.words) >= 0;
    arena_free(w.a);
    *col = (struct query_column){pg_after_word(statement, 0), STR("string")};
    return rows;
}

enum pg_local pg_local_run(struct pg_conn *c, struct str statement, bool describe_rows, struct err *err)
{
    struct word_list w;
    words_of(&w, statement);
    int i = find(c, w.words);
    struct context x = {c, statement, &w, describe_rows, err};
    enum pg_local result = i < 0 ? PG_NOT_LOCAL : commands[i].run(&x);
    arena_free(w.a);
    return result;
}

bool pg_allowed_in_failed(struct str statement)
{
    struct arena *a = arena_new();
    struct str word = pg_word(a, statement, 0);
    bool ok = false;
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        ok |= commands[i].in_failed && is(word, commands[i].word);
    arena_free(a);
    return ok;
}

bool pg_is_write(struct str statement)
{
    static const char *const reads[] = {"select", "with", "show", "describe", "desc", "explain", "values", "table",
                                        "from", "set", "use", "("};
    struct arena *a = arena_new();
    struct str word = pg_word(a, statement, 0);
    bool read = false;
    for (size_t i = 0; i < COUNT_OF(reads); i++)
        read |= is(word, reads[i]);
    arena_free(a);
    return !read;
}
