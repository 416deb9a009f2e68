/* storage.c -- the listeners, and a request's way: head, grant, body, lane, answer. */
#include "storage/storage.h"
#include "storage/storage_int.h"
#include <stdio.h>
#include <string.h>

const char STORAGE_EMULATOR_ACCOUNT[] = "devstoreaccount1";
const char STORAGE_EMULATOR_KEY[] = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
static const char DEFAULT_VERSION[] = "2025-07-05";
enum { VERSION_BYTES = 10 };
static const int64_t MAX_PUT_BYTES = (int64_t)STORAGE_MAX_PUT << 20;

/* ---------------------------------------------------------------- accounts */

static struct account *account_get(struct storage *s, struct str name)
{
    struct account *ac = map_get(s->accounts, name);
    if (ac || map_count(s->accounts) >= STORAGE_MAX_ACCOUNTS)
        return ac;
    struct arena *a = arena_new();
    ac = NEW(struct account);
    ac->st = s;
    ac->name = str_z(mem_strndup(name.ptr, name.len));
    ac->dir = mem_strdup(path_join(a, s->root, ac->name.ptr));
    ac->staging = mem_strdup(path_join(a, path_join(a, ac->dir, ".paystreak"), "staging"));
    ac->last = &ac->first;
    ac->started_us = s->started_us;
    map_put(s->accounts, name, ac);
    arena_free(a);
    return ac;
}

static void account_free(struct account *ac)
{
    for (int i = 0; i < OP_MAX_WORKERS; i++)
        db_close(ac->dbs[i]);
    mem_free((char *)(uintptr_t)ac->name.ptr);
    mem_free(ac->dir);
    mem_free(ac->staging);
    mem_free(ac);
}

/* ---------------------------------------------------------------- answering */

static void op_end(struct op *o)
{
    struct storage *s = o->st;
    struct http_req *h = o->http;
    op_release(o);
    s->open_ops--;
    http_end(h);
}

void op_tell(struct op *o)
{
    for (size_t i = 0; i < o->event_count && o->st->events && o->error == AZ_NONE; i++)
        o->st->events->emit(o->st->events->ctx, &o->events[i]);
    for (size_t i = 0; i < o->batch_count && o->st->events; i++)
        o->st->events->emit(o->st->events->ctx, &o->batch_events[i]);
    o->event_count = o->batch_count = 0;
}

static void send_more(struct op *o);
static void on_drain(struct http_req *h)
{
    http_on_drain(h, NULL);
    send_more(h->user);
}

static void read_piece(void *arg)
{
    struct op *o = arg;
    size_t want = o->left < STORAGE_PIECE ? (size_t)o->left : STORAGE_PIECE;
    char *room = buf_room(&o->piece, want);
    int64_t n = fs_pread(o->fd, room, want, o->at, &o->io);
    if (n > 0)
        buf_took(&o->piece, (size_t)n);
    if (n >= 0 && (size_t)n < want)
        (void)err_set(&o->io, ERR_IO, "a blob's file became shorter while it was sent");
    o->at += n > 0 ? n : 0;
    o->left -= n > 0 ? n : 0;
}

static void piece_read(void *arg)
{
    struct op *o = arg;
    if (o->io.code != ERR_OK) { /* a length was promised: only an end of the connection tells the truth */
        log_err(LOG_ERROR, "storage", &o->io);
        http_abort(o->http);
        op_end(o);
        return;
    }
    http_send_buf(o->http, &o->piece);
    send_more(o);
}

static void send_more(struct op *o)
{
    if (o->left <= 0 || http_req_gone(o->http)) {
        op_end(o);
    } else if (http_unsent(o->http) >= TCP_HIGH_WATER) {
        o->phase = OP_DRAINING;
        http_on_drain(o->http, on_drain);
    } else {
        o->phase = OP_SENDING;
        ev_work(o->st->loop, read_piece, piece_read, o);
    }
}

static void put_common(struct op *o)
{
    struct str version = op_header(o, "x-ms-version"), client = op_header(o, "x-ms-client-request-id");
    http_set_header(o->http, "Server", STR("Paystreak-Storage/1.0"));
    http_set_header(o->http, "x-ms-request-id", str_z(o->id));
    http_set_header(o->http, "x-ms-version", version.len == VERSION_BYTES ? version : str_z(DEFAULT_VERSION));
    if (client.len)
        http_set_header(o->http, "x-ms-client-request-id", client);
}

static void answer_error(struct op *o)
{
    bool dfs = o->r.svc == SVC_DFS;
    struct buf b;
    put_common(o);
    http_set_header(o->http, "x-ms-error-code", str_z(az_code(o->error, dfs)));
    if (o->error == AZ_NoAuthenticationInformation)
        http_set_header(o->http, "WWW-Authenticate", STR("Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=https://storage.azure.com"));
    for (size_t i = 0; i < o->out_count; i++) /* of InvalidRange: the size */
        if (str_eqz(o->out[i].name, "Content-Range"))
            http_set_header(o->http, "Content-Range", o->out[i].value);
    buf_init(&b);
    bool head = str_eqz(o->r.method, "HEAD"); /* a type without text makes clients read the text */
    if (!head)
        az_body(&b, o->error, dfs, o->detail, o->id);
    http_begin(o->http, az_status(o->error), head ? NULL : dfs ? "application/json;charset=utf-8" : "application/xml", (int64_t)b.len);
    http_send_buf(o->http, &b);
    buf_release(&b);
    op_end(o);
}

void op_answer(struct op *o)
{
    if (o->error != AZ_NONE) {
        answer_error(o);
        return;
    }
    put_common(o);
    for (size_t i = 0; i < o->out_count; i++)
        http_set_header(o->http, str_cz(o->a, o->out[i].name), o->out[i].value);
    bool file = o->fd >= 0 && o->left > 0;
    bool head = str_eqz(o->r.method, "HEAD");
    http_begin(o->http, o->status, o->content_type, file || head ? o->left : (int64_t)o->body.len);
    if (file && !head) {
        send_more(o);
        return;
    }
    http_send_buf(o->http, &o->body);
    op_end(o);
}

/* ---------------------------------------------------------------- the body */

static void start(struct op *o)
{
    o->phase = OP_WORKING;
    if (o->error != AZ_NONE) {
        op_answer(o);
        return;
    }
    o->lane = o->kind->lane;
    o->run = o->kind->run;
    lane_enter(o);
}

static void write_piece(void *arg)
{
    struct op *o = arg;
    bool first = !o->up.file && o->up.fd < 0;
    if (o->error != AZ_NONE) /* the rest of it is only read away */
        return;
    if ((first && upload_begin(o, &o->up)) || upload_write(o, &o->up, o->writing.ptr, o->writing.len))
        return;
    if (o->last_piece)
        (void)upload_finish(o, &o->up);
}

static void pump(struct op *o);
static void piece_written(void *arg)
{
    struct op *o = arg;
    o->body_busy = false;
    buf_clear(&o->writing);
    if (http_req_gone(o->http) && !o->last_piece)
        op_end(o);
    else if (o->last_piece || o->error != AZ_NONE)
        start(o);
    else
        pump(o);
}

/* Writes what has come, if it is worth it; lets the client go on or wait. `o` may be gone on return. */
static void pump(struct op *o)
{
    if (!o->body_busy && o->come > MAX_PUT_BYTES) { /* in chunks: no length told it before */
        (void)op_fail_why(o, AZ_RequestBodyTooLarge, "At most %jd bytes.", (intmax_t)MAX_PUT_BYTES);
        start(o);
        return;
    }
    if (!o->body_busy && (o->body_ended || o->pending.len >= STORAGE_PIECE)) {
        struct buf t = o->writing;
        o->writing = o->pending;
        o->pending = t;
        o->body_busy = true;
        o->last_piece = o->body_ended;
        ev_work(o->st->loop, write_piece, piece_written, o);
    }
    if (o->body_busy && o->pending.len >= STORAGE_PIECE)
        http_body_pause(o->http);
    else
        http_body_resume(o->http);
}

static void on_body(struct http_req *h, struct str bytes, bool end)
{
    struct op *o = h->user;
    o->body_ended |= end;
    if (o->phase != OP_TAKING)
        return;
    if (o->kind->body == BODY_FILE) {
        o->come += (int64_t)bytes.len;
        if (o->come <= MAX_PUT_BYTES)
            buf_str(&o->pending, bytes);
        pump(o);
        return;
    }
    buf_str(&o->text, bytes);
    if (!end)
        return;
    if (o->text.overflow)
        (void)op_fail_why(o, AZ_RequestBodyTooLarge, "At most %d bytes.", STORAGE_MAX_XML);
    start(o);
}

static void on_gone(struct http_req *h)
{
    struct op *o = h->user;
    if ((o->phase == OP_TAKING && !o->body_busy) || o->phase == OP_DRAINING)
        op_end(o);
}

/* ---------------------------------------------------------------- the head */

struct auth_keys auth_keys_of(const struct storage *s, struct str account)
{
    struct auth_keys k = {.key = {s->key}, .len = {s->key_len}, .count = 1, .token = s->token[0] ? s->token : NULL, .now = time_now()};
    if (str_eqz(account, STORAGE_EMULATOR_ACCOUNT)) {
        k.key[1] = s->emulator_key;
        k.len[1] = s->emulator_key_len;
        k.count = 2;
    }
    return k;
}

/* The parts that auth knows; a stored policy is looked up later, in the lane. */
static enum az_error grant(struct op *o)
{
    struct auth_keys keys = auth_keys_of(o->st, o->r.account);
    if (o->st->insecure) {
        o->grant.all = true;
        return AZ_NONE;
    }
    enum az_error e = auth_check(&o->r, &keys, &o->grant, &o->detail);
    if (e == AZ_NONE && !o->grant.policy.len)
        e = auth_allows(&o->grant, &o->r, o->kind->perms, o->kind->type);
    return e;
}

static enum az_error find_kind(struct op *o)
{
    bool other = false;
    o->kind = op_find(&o->r, &other);
    if (o->kind && o->kind->run)
        return AZ_NONE;
    if (o->kind || !other) {
        o->detail = o->kind ? str_fmt(o->a, "%s: not supported by this endpoint.", o->kind->name)
                            : str_fmt(o->a, "%.*s with comp '%.*s', restype '%.*s', resource '%.*s', action '%.*s': not known.", STR_ARGS(o->r.method),
                                      STR_ARGS(op_param(o, "comp")), STR_ARGS(op_param(o, "restype")), STR_ARGS(op_param(o, "resource")),
                                      STR_ARGS(op_param(o, "action")));
        return o->kind ? AZ_FeatureNotSupported : AZ_InvalidQueryParameterValue;
    }
    return AZ_UnsupportedHttpVerb;
}

static enum az_error check_length(struct op *o, int64_t length)
{
    int64_t max = o->kind->body == BODY_FILE ? MAX_PUT_BYTES : STORAGE_MAX_XML;
    if (length <= max)
        return AZ_NONE;
    o->detail = str_fmt(o->a, "At most %jd bytes.", (intmax_t)max);
    return AZ_RequestBodyTooLarge;
}

enum az_error op_admit(struct op *o, bool queue_port, int64_t length)
{
    enum az_error e = azreq_target(&o->r, queue_port);
    if (e == AZ_NONE)
        e = find_kind(o);
    /* Nobody learns by an unsigned request what is supported: but names are no secret, bytes are. */
    if (e == AZ_NONE)
        e = grant(o);
    if (e == AZ_NONE)
        e = op_refused_header(o);
    if (e == AZ_NONE)
        e = check_length(o, length);
    if (e == AZ_NONE && !(o->acct = account_get(o->st, o->r.account)))
        e = AZ_AccountBeingCreated;
    return e;
}

enum az_error op_admit_part(struct op *o, struct account *ac)
{
    enum az_error e = azreq_target(&o->r, false);
    if (e == AZ_NONE && !str_eq(o->r.account, ac->name))
        e = AZ_InvalidUri;
    if (e == AZ_NONE)
        e = find_kind(o);
    o->acct = ac;
    if (e == AZ_NONE)
        e = grant(o);
    return e == AZ_NONE ? op_refused_header(o) : e;
}

static void handle(struct http_req *h)
{
    struct storage *s = h->ctx;
    struct op *o = ARENA_NEW(h->arena, struct op);
    op_init(o, h->arena, s);
    o->http = h;
    o->r.method = h->method;
    o->r.path = h->path;
    o->r.query = h->query;
    o->r.host = h->host;
    o->r.headers = h->headers;
    o->r.header_count = h->header_count;
    o->r.peer = http_req_peer(h);
    h->user = o;
    h->on_body = on_body;
    h->on_gone = on_gone;
    s->open_ops++;
    o->error = op_admit(o, h->route->tag, http_body_length(h));
    if (o->error != AZ_NONE)
        op_answer(o);
}

/* ---------------------------------------------------------------- start and end */

static const struct http_route BLOB_ROUTES[] = {
    {.pattern = "/{any...}", .handler = handle, .max_body = (size_t)1 << 50, .stream = true}, {0}};
static const struct http_route QUEUE_ROUTES[] = {
    {.pattern = "/{any...}", .handler = handle, .max_body = (size_t)1 << 50, .stream = true, .tag = 1}, {0}};
static const char *const NAMES[] = {".blob.localhost", ".dfs.localhost", ".queue.localhost", ".blob.core.windows.net", ".dfs.core.windows.net",
                                    ".queue.core.windows.net", NULL};

static int read_key(const char *text, uint8_t out[STORAGE_KEY_BYTES], size_t *len, struct err *err)
{
    struct buf b;
    buf_init(&b);
    bool ok = strlen(text) < STORAGE_KEY_BYTES && base64_get(&b, str_z(text)) && b.len > 0;
    if (ok)
        memcpy(out, b.ptr, *len = b.len);
    buf_release(&b);
    return ok ? 0 : err_set(err, ERR_INPUT, "the storage key must be base64, of at most %d characters", STORAGE_KEY_BYTES - 1);
}

struct storage *storage_listen(struct ev_loop *loop, const struct storage_opts *opts, struct err *err)
{
    struct storage *s = NEW(struct storage);
    struct arena *a = arena_new();
    const char *host = opts->host ? opts->host : "127.0.0.1";
    struct http_server_opts web = {.host = host, .port = opts->port, .routes = BLOB_ROUTES, .names = NAMES, .ctx = s};
    int rc = 0;
    s->loop = loop;
    s->events = opts->events;
    s->insecure = opts->insecure_local;
    s->accounts = map_new();
    s->started_us = time_now().us;
    s->root = mem_strdup(path_join(a, opts->state_dir, "storage"));
    arena_free(a);
    snprintf(s->host, sizeof s->host, "%s", host);
    snprintf(s->key_text, sizeof s->key_text, "%s", opts->key);
    snprintf(s->token, sizeof s->token, "%s", opts->token ? opts->token : "");
    if (opts->token && strlen(opts->token) >= sizeof s->token)
        rc = err_set(err, ERR_INPUT, "the storage token must have at most %zu characters", sizeof s->token - 1);
    if (!tcp_is_loopback(host))
        rc = err_set(err, ERR_UNSUPPORTED, "the storage endpoint listens on loopback only: it speaks no TLS");
    if (rc || read_key(opts->key, s->key, &s->key_len, err) || read_key(STORAGE_EMULATOR_KEY, s->emulator_key, &s->emulator_key_len, err) ||
        !(s->blob = http_listen(loop, &web, err))) {
        storage_free(s);
        return NULL;
    }
    web.port = opts->queue_port;
    web.routes = QUEUE_ROUTES;
    s->queue = http_listen(loop, &web, err);
    if (s->queue)
        return s;
    storage_free(s);
    return NULL;
}

void storage_free(struct storage *s)
{
    struct str name;
    void *ac;
    size_t at = 0;
    if (!s)
        return;
    http_server_free(s->blob);
    http_server_free(s->queue);
    while (s->open_ops)
        ev_run_once(s->loop, 100);
    while (map_next(s->accounts, &at, &name, &ac))
        account_free(ac);
    map_free(s->accounts);
    mem_free(s->root);
    mem_free(s);
}

int storage_port(const struct storage *s) { return http_server_port(s->blob); }
int storage_queue_port(const struct storage *s) { return http_server_port(s->queue); }

/* ---------------------------------------------------------------- connection strings */

struct str storage_connection(struct arena *a, const char *host, int port, int queue_port, const char *key, struct str account)
{
    return str_fmt(a, "DefaultEndpointsProtocol=http;AccountName=%.*s;AccountKey=%s;BlobEndpoint=http://%s:%d/%.*s;"
                      "DfsEndpoint=http://%s:%d/%.*s;QueueEndpoint=http://%s:%d/%.*s",
                   STR_ARGS(account), key, host, port, STR_ARGS(account), host, port, STR_ARGS(account), host, queue_port, STR_ARGS(account));
}

/* The value of a key in "K=V;K=V"; keys compare case-insensitively. */
static struct str connection_value(struct str text, const char *key)
{
    struct str part;
    while (str_split(&text, ';', &part)) {
        int64_t eq = str_chr(part, '=');
        if (eq > 0 && str_ieqz(str_trim(str_sub(part, 0, (size_t)eq)), key))
            return str_trim(str_from(part, (size_t)eq + 1));
    }
    return STR_NONE;
}

struct str storage_account_of(struct arena *a, struct str value)
{
    struct str account = str_lower(a, connection_value(value, "AccountName"));
    if (str_ieqz(connection_value(value, "UseDevelopmentStorage"), "true"))
        return str_z(STORAGE_EMULATOR_ACCOUNT);
    return az_account_ok(account) && connection_value(value, "AccountKey").len ? account : STR_NONE;
}

struct str storage_rewrite(const struct storage *s, struct arena *a, struct str value)
{
    struct str account = storage_account_of(a, value);
    return account.len ? storage_connection(a, s->host, storage_port(s), storage_queue_port(s), s->key_text, account) : value;
}
