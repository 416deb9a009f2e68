/* pg.c -- connections of the PostgreSQL endpoint: login, messages, order.
 *
 *   STARTUP --StartupMessage--> [SASL_FIRST --> SASL_FINAL -->] IDLE <--> BUSY
 *
 * In BUSY a statement runs on a worker and no message is read. A failed message of the extended
 * protocol sets skip_to_sync: all but Sync is dropped until it comes. A connection's memory lives
 * until its socket has closed and its job and session have ended (refs). */
#include "serve/pg_int.h"
#include <stdio.h>
#include <string.h>

enum { CODE_SSL = 80877103, CODE_GSS = 80877104, CODE_CANCEL = 80877102, PROTOCOL_3 = 196608, HEAD = 5 };

void pg_conn_ref(struct pg_conn *c)
{
    c->refs++;
}

static void free_prepared(struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value))
        arena_free(((struct pg_prepared *)value)->arena);
    map_free(m);
}

static void free_portals(struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value))
        pg_portal_free(value);
    map_free(m);
}

static void server_unref(struct pg_server *s)
{
    if (--s->refs > 0)
        return;
    pg_catalog_release(&s->catalog);
    mem_free(s);
}

void pg_conn_unref(struct pg_conn *c)
{
    size_t at = 0;
    struct str key;
    void *value;
    if (--c->refs > 0)
        return;
    free_prepared(c->prepared);
    free_portals(c->portals);
    while (map_next(c->settings, &at, &key, &value))
        mem_free(value);
    map_free(c->settings);
    scram_free(c->scram);
    mem_free(c->script);
    server_unref(c->server);
    mem_free(c);
}

void pg_send(struct pg_conn *c, struct buf *b)
{
    if (c->tcp && b->len > 0)
        tcp_write(c->tcp, b->ptr, b->len);
    buf_clear(b);
}

/* ------------------------------------------------------------------ errors */

static size_t chars_before(struct str s, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes && i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* Line and column in the rewritten text -> 1-based character of what the client sent. */
static size_t position_of(const struct err *err, const struct pg_portal *p)
{
    if (!p || err->where.line <= 0 || err->where.col <= 0)
        return 0;
    size_t at = 0;
    for (int line = 1; line < err->where.line; line++) {
        int64_t eol = str_chr(str_from(p->text, at), '\n');
        if (eol < 0)
            return 0;
        at += (size_t)eol + 1;
    }
    at = pg_map_back(&p->map, at + (size_t)err->where.col - 1);
    return p->base + chars_before(p->original, at) + 1;
}

static void send_error(struct pg_conn *c, const char *severity, const char *sqlstate, const char *msg, size_t position)
{
    struct buf b;
    buf_init(&b);
    pg_report(&b, 'E', &(struct pg_report){.severity = severity, .sqlstate = sqlstate, .msg = msg, .position = position});
    pg_send(c, &b);
    buf_release(&b);
}

void pg_fail(struct pg_conn *c, const struct err *err, const struct pg_portal *p)
{
    send_error(c, "ERROR", pg_sqlstate(err), err->msg, position_of(err, p));
    if (c->txn == 'T')
        c->txn = 'E';
    if (c->extended)
        c->skip_to_sync = true;
}

static void fail_with(struct pg_conn *c, const char *sqlstate, const char *msg)
{
    send_error(c, "ERROR", sqlstate, msg, 0);
    if (c->txn == 'T')
        c->txn = 'E';
    if (c->extended)
        c->skip_to_sync = true;
}

static void fatal(struct pg_conn *c, const char *sqlstate, const char *msg)
{
    send_error(c, "FATAL", sqlstate, msg, 0);
    tcp_close_after_write(c->tcp);
}

static void ready(struct pg_conn *c)
{
    struct buf b;
    buf_init(&b);
    pg_ready(&b, c->txn);
    pg_send(c, &b);
    buf_release(&b);
}

static void simple_reply(struct pg_conn *c, char type)
{
    struct buf b;
    buf_init(&b);
    pg_empty(&b, type);
    pg_send(c, &b);
    buf_release(&b);
}

/* ------------------------------------------------------------------ login */

static void welcome(struct pg_conn *c)
{
    static const struct { const char *name, *value; } said[] = {
        {"server_version", "16.0 (Paystreak)"}, {"server_encoding", "UTF8"}, {"client_encoding", "UTF8"},
        {"DateStyle", "ISO, MDY"}, {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
        {"integer_datetimes", "on"}, {"standard_conforming_strings", "on"}, {"is_superuser", "off"},
        {"default_transaction_read_only", "off"}, {"in_hot_standby", "off"},
    };
    struct buf b;
    buf_init(&b);
    pg_auth(&b, 0, STR_NONE);
    for (size_t i = 0; i < COUNT_OF(said); i++)
        pg_parameter(&b, said[i].name, str_z(said[i].value));
    pg_parameter(&b, "session_authorization", str_z(c->user));
    size_t mark = pg_begin(&b, 'K');
    pg_put_u32(&b, c->pid);
    pg_put_u32(&b, c->secret);
    pg_finish(&b, mark);
    pg_ready(&b, 'I');
    pg_send(c, &b);
    buf_release(&b);
    c->state = PG_IDLE;
    tcp_deadline(c->tcp, 0);
    tcp_conn_set_max_pending(c->tcp, PG_MAX_MESSAGE + HEAD);
}

static void cancel(struct pg_server *s, uint32_t pid, uint32_t secret)
{
    for (struct pg_conn *c = s->conns; c; c = c->next)
        if (c->pid == pid && c->secret == secret && c->state == PG_BUSY && c->session)
            s->opts.queries->cancel(c->session);
}

static bool startup_parameter(struct pg_conn *c, struct str key, struct str value)
{
    if (str_eqz(key, "user")) {
        snprintf(c->user, sizeof c->user, "%.*s", STR_ARGS(value));
    } else if (str_eqz(key, "client_encoding")) {
        struct str v = value.len > 1 && value.ptr[0] == '\'' ? str_sub(value, 1, value.len - 2) : value;
        if (!str_ieqz(v, "utf8") && !str_ieqz(v, "utf-8") && !str_ieqz(v, "unicode")) {
            fatal(c, "22023", "only the client encoding UTF8 is spoken here");
            return false;
        }
    } else if (!str_eqz(key, "database") && !str_eqz(key, "options") && !str_eqz(key, "replication")) {
        mem_free(map_put(c->settings, key, str_dup(value)));
    }
    if (str_eqz(key, "replication") && !str_ieqz(value, "false") && !str_eqz(value, "0")) {
        fatal(c, "0A000", "replication is not supported here");
        return false;
    }
    return true;
}

static void start_login(struct pg_conn *c, struct pg_in *in)
{
    while (in->rest.len > 0 && in->rest.ptr[0]) {
        struct str key = pg_get_z(in), value = pg_get_z(in);
        if (in->bad) {
            fatal(c, "08P01", "malformed startup message");
            return;
        }
        if (!startup_parameter(c, key, value))
            return;
    }
    if (c->user[0] == 0) {
        fatal(c, "28000", "no user name in the startup message");
        return;
    }
    if (!c->server->opts.password) {
        welcome(c);
        return;
    }
    struct buf b;
    buf_init(&b);
    pg_auth(&b, 10, STR("SCRAM-SHA-256\0\0")); /* a list, ended by an empty name */
    pg_send(c, &b);
    buf_release(&b);
    c->state = PG_SASL_FIRST;
}

/* One message without a type byte. Returns the bytes taken, 0 if it is not whole. */
static size_t take_startup(struct pg_conn *c, struct str in)
{
    if (in.len < 8)
        return 0;
    uint32_t len = be32_get(in.ptr), code = be32_get(in.ptr + 4);
    if (len < 8 || len > PG_MAX_STARTUP) {
        fatal(c, "08P01", "invalid length of the startup message");
        return in.len;
    }
    if (in.len < len)
        return 0;
    struct pg_in body = {str_sub(in, 8, len - 8), false};
    if (code == CODE_SSL || code == CODE_GSS) {
        tcp_write(c->tcp, "N", 1);
    } else if (code == CODE_CANCEL) {
        uint32_t pid = pg_get_u32(&body), secret = pg_get_u32(&body);
        cancel(c->server, pid, secret);
        tcp_close(c->tcp);
    } else if (code >> 16 != 3) {
        fatal(c, "0A000", "unsupported frontend protocol: 3.0 is spoken here");
    } else {
        if (code != PROTOCOL_3) { /* a newer minor: say which one is spoken */
            struct buf b;
            buf_init(&b);
            size_t mark = pg_begin(&b, 'v');
            pg_put_u32(&b, PROTOCOL_3);
            pg_put_u32(&b, 0);
            pg_finish(&b, mark);
            pg_send(c, &b);
            buf_release(&b);
        }
        start_login(c, &body);
    }
    return len;
}

/* The user's name is that of the startup message, whatever SCRAM's says. */
static int sasl_first(struct pg_conn *c, struct str message, struct buf *reply, struct err *err)
{
    struct arena *a = arena_new();
    struct scram_first first;
    int rc = scram_first_read(a, message, &first, err);
    if (rc == 0)
        c->scram = scram_new(&first, &c->server->secret, reply);
    arena_free(a);
    return rc;
}

static void take_sasl(struct pg_conn *c, struct pg_in *in)
{
    struct buf reply, b;
    struct err err;
    int rc;
    buf_init(&reply);
    if (c->state == PG_SASL_FIRST) {
        struct str mechanism = pg_get_z(in);
        uint32_t len = pg_get_u32(in);
        struct str first = pg_get_bytes(in, len);
        if (in->bad || !str_eqz(mechanism, "SCRAM-SHA-256"))
            rc = err_set(&err, ERR_AUTH, "only SCRAM-SHA-256 is offered");
        else
            rc = sasl_first(c, first, &reply, &err);
    } else {
        rc = scram_final(c->scram, in->rest, &reply, &err);
        if (rc)
            (void)err_set(&err, ERR_AUTH, "password authentication failed for user \"%s\"", c->user);
    }
    if (rc != 0) {
        log_warn("pg", "login refused user=%s peer=%s", c->user, tcp_conn_peer(c->tcp));
        fatal(c, "28P01", err.msg);
        buf_release(&reply);
        return;
    }
    buf_init(&b);
    pg_auth(&b, c->state == PG_SASL_FIRST ? 11 : 12, buf_view(&reply));
    pg_send(c, &b);
    buf_release(&b);
    buf_release(&reply);
    if (c->state == PG_SASL_FIRST)
        c->state = PG_SASL_FINAL;
    else
        welcome(c);
}

/* ------------------------------------------------------------------ simple queries */

static int no_params(void *arg, int n, struct buf *out, struct err *err)
{
    (void)arg, (void)out;
    return err_set(err, ERR_INPUT, "[UNBOUND_SQL_PARAMETER] there is no value for $%d", n);
}

static int rewrite(struct pg_portal *p, int (*param)(void *, int, struct buf *, struct err *), void *arg, struct err *err)
{
    struct buf b;
    buf_init(&b);
    int rc = pg_rewrite(p->arena, p->original, &b, &p->map, param, arg, err);
    if (rc == 0)
        rc = buf_check(&b, "the statement", err);
    p->text = str_copy(p->arena, buf_view(&b));
    buf_release(&b);
    return rc;
}

/* True if a job was started: the rest follows in pg_statement_over(). */
static bool run_simple(struct pg_conn *c, struct str statement, bool *failed)
{
    struct err err;
    *failed = true;
    if (c->txn == 'E' && !pg_allowed_in_failed(statement)) {
        fail_with(c, "25P02", "current transaction is aborted, commands ignored until end of transaction block");
        return false;
    }
    switch (pg_local_run(c, statement, true, &err)) {
    case PG_LOCAL_JOB:
        return true;
    case PG_LOCAL_FAILED:
        pg_fail(c, &err, NULL);
        return false;
    case PG_LOCAL_DONE:
        *failed = false;
        return false;
    case PG_NOT_LOCAL:
        break;
    }
    struct pg_portal *p = pg_portal_new(statement);
    p->base = chars_before(str_z(c->script), (size_t)(statement.ptr - c->script));
    if (rewrite(p, no_params, NULL, &err) != 0) {
        pg_fail(c, &err, p);
        pg_portal_free(p);
        return false;
    }
    c->wrote |= pg_is_write(statement);
    pg_job_start(c, PG_JOB_SIMPLE, p, true, 0);
    return true;
}

static void script_over(struct pg_conn *c)
{
    mem_free(c->script);
    c->script = NULL;
    c->state = PG_IDLE;
    ready(c);
}

static void run_script(struct pg_conn *c)
{
    struct str statement;
    bool failed = false;
    c->state = PG_IDLE;
    while (!failed && pg_next_statement(&c->script_rest, &statement))
        if (run_simple(c, statement, &failed))
            return;
    script_over(c);
}

static void on_query(struct pg_conn *c, struct pg_in *in)
{
    struct str text = pg_get_z(in), rest = text, statement;
    c->extended = false;
    if (in->bad || !str_utf8_ok(text)) {
        fail_with(c, "08P01", "malformed query message");
        ready(c);
        return;
    }
    if (!pg_next_statement(&rest, &statement)) {
        simple_reply(c, 'I');
        ready(c);
        return;
    }
    c->script = str_dup(text);
    c->script_rest = str_z(c->script);
    run_script(c);
}

void pg_statement_over(struct pg_conn *c, bool failed)
{
    c->state = PG_IDLE;
    if (c->script && failed)
        script_over(c);
    else if (c->script)
        run_script(c);
    if (c->tcp && c->state != PG_BUSY)
        tcp_resume(c->tcp);
}

/* ------------------------------------------------------------------ extended protocol */

static void on_parse(struct pg_conn *c, struct pg_in *in)
{
    struct str name = pg_get_z(in), text = pg_get_z(in), rest = text, first = STR_NONE, second;
    uint16_t n = pg_get_u16(in);
    struct arena *a = arena_new();
    struct pg_prepared *p = ARENA_NEW(a, struct pg_prepared);
    p->arena = a;
    pg_next_statement(&rest, &first);
    p->text = str_copy(a, first);
    int params = pg_param_count(first);
    p->oid_count = n > params ? n : (size_t)params;
    p->oids = ARENA_ARRAY(a, uint32_t, p->oid_count + 1);
    for (uint16_t i = 0; i < n && !in->bad; i++)
        p->oids[i] = pg_get_u32(in);
    const char *problem = in->bad || !str_utf8_ok(text)               ? "malformed Parse message"
                          : pg_next_statement(&rest, &second)         ? "cannot insert multiple commands into a prepared statement"
                          : name.len && map_has(c->prepared, name)    ? "a prepared statement of this name exists already"
                          : map_count(c->prepared) >= PG_MAX_STATEMENTS ? "too many prepared statements" : NULL;
    if (problem) {
        arena_free(a);
        fail_with(c, "42601", problem);
        return;
    }
    struct pg_prepared *old = map_put(c->prepared, name, p);
    if (old)
        arena_free(old->arena);
    simple_reply(c, '1');
}

struct bind { const struct pg_prepared *prepared; struct pg_formats formats; struct query_cell *values; };

static int bind_param(void *arg, int n, struct buf *out, struct err *err)
{
    struct bind *b = arg;
    struct query_cell *v = &b->values[n - 1];
    uint32_t oid = b->prepared->oids[n - 1];
    if (!v->ptr) {
        pg_null_literal(out, oid);
        return 0;
    }
    if (pg_literal_put(out, oid, pg_is_binary(&b->formats, (size_t)n - 1), str_of(v->ptr, v->len), err) != 0)
        return err_wrap(err, "$%d", n);
    return 0;
}

static int null_param(void *arg, int n, struct buf *out, struct err *err)
{
    const struct pg_prepared *p = arg;
    (void)err;
    pg_null_literal(out, p->oids[n - 1]);
    return 0;
}

static uint16_t *get_formats(struct arena *a, struct pg_in *in, size_t *count)
{
    *count = pg_get_u16(in);
    uint16_t *codes = ARENA_ARRAY(a, uint16_t, *count + 1);
    for (size_t i = 0; i < *count && !in->bad; i++)
        codes[i] = pg_get_u16(in);
    return codes;
}

static void on_bind(struct pg_conn *c, struct pg_in *in)
{
    struct str portal_name = pg_get_z(in), name = pg_get_z(in);
    struct pg_prepared *prepared = map_get(c->prepared, name);
    struct err err;
    if (!prepared) {
        fail_with(c, "26000", "prepared statement does not exist");
        return;
    }
    struct pg_portal *p = pg_portal_new(prepared->text);
    struct bind b = {.prepared = prepared};
    b.formats.codes = get_formats(p->arena, in, &b.formats.count);
    size_t n = pg_get_u16(in);
    b.values = ARENA_ARRAY(p->arena, struct query_cell, n + 1);
    for (size_t i = 0; i < n && !in->bad; i++) {
        uint32_t len = pg_get_u32(in);
        struct str v = len == UINT32_MAX ? STR_NONE : pg_get_bytes(in, len);
        b.values[i] = (struct query_cell){len == UINT32_MAX ? NULL : v.ptr ? v.ptr : "", v.len};
    }
    p->format_codes = get_formats(p->arena, in, &p->format_count);
    const char *problem = in->bad                                     ? "malformed Bind message"
                          : n != prepared->oid_count                  ? "the number of values differs from the statement's parameters"
                          : map_count(c->portals) >= PG_MAX_STATEMENTS ? "too many portals" : NULL;
    if (problem) {
        fail_with(c, "08P01", problem);
        pg_portal_free(p);
        return;
    }
    if (rewrite(p, bind_param, &b, &err) != 0) {
        pg_fail(c, &err, p);
        pg_portal_free(p);
        return;
    }
    pg_portal_free(map_put(c->portals, portal_name, p));
    simple_reply(c, '2');
}

static void describe_local(struct pg_conn *c, struct str statement)
{
    struct query_column col;
    struct pg_formats text = {0};
    struct buf b;
    buf_init(&b);
    if (pg_local_has_rows(c, statement, &col))
        pg_row_description(&b, &col, 1, &text);
    else
        pg_empty(&b, 'n');
    pg_send(c, &b);
    buf_release(&b);
}

static void describe_statement(struct pg_conn *c, struct pg_prepared *prepared)
{
    struct buf b;
    struct err err;
    buf_init(&b);
    size_t mark = pg_begin(&b, 't');
    pg_put_u16(&b, (uint16_t)prepared->oid_count);
    for (size_t i = 0; i < prepared->oid_count; i++)
        pg_put_u32(&b, prepared->oids[i] ? prepared->oids[i] : PG_TEXT);
    pg_finish(&b, mark);
    pg_send(c, &b);
    buf_release(&b);
    if (prepared->text.len == 0 || pg_is_local(c, prepared->text)) {
        describe_local(c, prepared->text);
        return;
    }
    struct pg_portal *p = pg_portal_new(prepared->text);
    if (rewrite(p, null_param, prepared, &err) != 0) {
        pg_fail(c, &err, p);
        pg_portal_free(p);
        return;
    }
    pg_job_start(c, PG_JOB_DESCRIBE, p, true, 0);
}

static bool in_failed_transaction(struct pg_conn *c, struct str statement)
{
    if (c->txn != 'E' || pg_allowed_in_failed(statement))
        return false;
    fail_with(c, "25P02", "current transaction is aborted, commands ignored until end of transaction block");
    return true;
}

static void on_describe(struct pg_conn *c, struct pg_in *in)
{
    char kind = (char)pg_get_u8(in);
    struct str name = pg_get_z(in);
    if (kind == 'S') {
        struct pg_prepared *s = map_get(c->prepared, name);
        if (!s)
            fail_with(c, "26000", "prepared statement does not exist");
        else if (!in_failed_transaction(c, s->text))
            describe_statement(c, s);
        return;
    }
    struct pg_portal *p = map_get(c->portals, name);
    if (!p)
        fail_with(c, "34000", "portal does not exist");
    else if (in_failed_transaction(c, p->original))
        return;
    else if (p->original.len == 0 || pg_is_local(c, p->original))
        describe_local(c, p->original);
    else
        pg_job_start(c, PG_JOB_DESCRIBE, p, false, 0);
}

static void on_execute(struct pg_conn *c, struct pg_in *in)
{
    struct pg_portal *p = map_get(c->portals, pg_get_z(in));
    uint32_t max = pg_get_u32(in);
    struct err err;
    if (!p || in->bad) {
        fail_with(c, "34000", "portal does not exist");
        return;
    }
    if (p->original.len == 0) {
        simple_reply(c, 'I');
        return;
    }
    if (in_failed_transaction(c, p->original))
        return;
    enum pg_local local = pg_local_run(c, p->original, false, &err);
    if (local == PG_LOCAL_FAILED)
        pg_fail(c, &err, NULL);
    if (local != PG_NOT_LOCAL)
        return;
    c->wrote |= pg_is_write(p->original);
    pg_job_start(c, PG_JOB_EXECUTE, p, false, max > INT32_MAX ? 0 : (int64_t)max);
}

static void on_close_message(struct pg_conn *c, struct pg_in *in)
{
    char kind = (char)pg_get_u8(in);
    struct str name = pg_get_z(in);
    if (kind == 'S') {
        struct pg_prepared *s = map_remove(c->prepared, name);
        if (s)
            arena_free(s->arena);
    } else {
        pg_portal_free(map_remove(c->portals, name));
    }
    simple_reply(c, '3');
}

static void on_sync(struct pg_conn *c, struct pg_in *in)
{
    (void)in;
    c->skip_to_sync = false;
    if (c->txn == 'I') { /* portals live as long as their transaction */
        free_portals(c->portals);
        c->portals = map_new();
    }
    ready(c);
}

static void on_flush(struct pg_conn *c, struct pg_in *in)
{
    (void)in;
    tcp_flush(c->tcp);
}

static void on_function(struct pg_conn *c, struct pg_in *in)
{
    (void)in;
    fail_with(c, "0A000", "the function call protocol is not supported");
    ready(c);
}

static void on_terminate(struct pg_conn *c, struct pg_in *in)
{
    (void)in;
    tcp_close(c->tcp);
}

static void on_copy(struct pg_conn *c, struct pg_in *in)
{
    (void)c, (void)in; /* of a COPY that was refused */
}

static const struct { char type; void (*run)(struct pg_conn *c, struct pg_in *in); bool extended; } messages[] = {
    {'Q', on_query, false}, {'P', on_parse, true}, {'B', on_bind, true}, {'D', on_describe, true},
    {'E', on_execute, true}, {'C', on_close_message, true}, {'S', on_sync, false}, {'H', on_flush, true},
    {'F', on_function, false}, {'X', on_terminate, false}, {'d', on_copy, false}, {'c', on_copy, false},
    {'f', on_copy, false},
};

static void dispatch(struct pg_conn *c, char type, struct pg_in *in)
{
    if (c->state == PG_SASL_FIRST || c->state == PG_SASL_FINAL) {
        if (type == 'p')
            take_sasl(c, in);
        else
            fatal(c, "08P01", "expected a SASL response");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        if (messages[i].type != type)
            continue;
        if (c->skip_to_sync && type != 'S' && type != 'X')
            return;
        if (messages[i].extended)
            c->extended = true;
        messages[i].run(c, in);
        return;
    }
    fatal(c, "08P01", "unknown message type");
}

/* ------------------------------------------------------------------ sockets */

static size_t take_message(struct pg_conn *c, struct str in)
{
    if (c->state == PG_STARTUP)
        return take_startup(c, in);
    if (in.len < HEAD)
        return 0;
    uint32_t len = be32_get(in.ptr + 1);
    uint32_t max = c->state == PG_IDLE ? PG_MAX_MESSAGE : PG_MAX_STARTUP;
    if (len < 4 || len > max) {
        fatal(c, "08P01", "invalid length of a message");
        return in.len;
    }
    if (in.len < 1 + (size_t)len)
        return 0;
    struct pg_in body = {str_sub(in, HEAD, len - 4), false};
    dispatch(c, in.ptr[0], &body);
    return 1 + (size_t)len;
}

static size_t on_bytes(struct tcp_conn *t, struct str in)
{
    struct pg_conn *c = tcp_conn_user(t);
    size_t at = 0;
    while (c->state != PG_BUSY && !tcp_conn_closing(t)) {
        size_t n = take_message(c, str_from(in, at));
        if (n == 0)
            return at;
        at += n;
    }
    if (c->state == PG_BUSY && in.len - at > PG_MAX_STARTUP)
        tcp_pause(t);
    return at;
}

static void on_open(struct tcp_conn *t)
{
    struct pg_conn *c = NEW(struct pg_conn);
    struct pg_server *s = tcp_server_ctx(t);
    c->tcp = t;
    c->server = s;
    c->refs = 1;
    c->txn = 'I';
    c->pid = ++s->next_pid;
    random_bytes(&c->secret, sizeof c->secret);
    c->prepared = map_new();
    c->portals = map_new();
    c->settings = map_new_icase();
    c->next = s->conns;
    s->conns = c;
    s->refs++;
    tcp_conn_set_user(t, c);
    tcp_deadline(t, PG_STARTUP_MS);
}

static void on_drain(struct tcp_conn *t)
{
    pg_job_continue(tcp_conn_user(t));
}

static void on_close(struct tcp_conn *t, const struct err *why)
{
    struct pg_conn *c = tcp_conn_user(t);
    struct pg_server *s = c->server;
    if (why)
        log_debug("pg", "%s", why->msg);
    for (struct pg_conn **at = &s->conns; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    c->tcp = NULL;
    if (c->state == PG_BUSY && !c->waiting_drain) {
        if (c->session)
            s->opts.queries->cancel(c->session); /* its end closes the session */
    } else {
        if (c->waiting_drain) {
            buf_release(&c->job.out);
            if (c->job.owns_portal)
                pg_portal_free(c->job.portal);
        }
        pg_job_end_session(c);
    }
    pg_conn_unref(c);
}

struct pg_server *pg_listen(struct ev_loop *loop, const struct pg_opts *opts, struct err *err)
{
    struct pg_server *s = NEW(struct pg_server);
    struct tcp_server_opts t = {
        .host = opts->host, .port = opts->port, .max_conns = opts->max_conns, .high_water = 2 << 20,
        .on_open = on_open, .on_bytes = on_bytes, .on_drain = on_drain, .on_close = on_close, .ctx = s,
    };
    s->opts = *opts;
    s->catalog = pg_catalog_service(opts->queries);
    s->opts.queries = &s->catalog;
    s->loop = loop;
    s->refs = 1;
    if (!s->opts.search_path)
        s->opts.search_path = "gold, silver, bronze, default";
    if (opts->password)
        scram_make(&s->secret, SCRAM_SHA_256, str_z(opts->password));
    s->tcp = tcp_listen(loop, &t, err);
    if (s->tcp)
        return s;
    pg_catalog_release(&s->catalog);
    mem_free(s);
    return NULL;
}

int pg_server_port(const struct pg_server *s)
{
    return tcp_server_port(s->tcp);
}

int pg_server_conns(const struct pg_server *s)
{
    return tcp_server_conns(s->tcp);
}

void pg_server_free(struct pg_server *s)
{
    if (!s)
        return;
    tcp_server_free(s->tcp);
    s->tcp = NULL;
    server_unref(s);
}
