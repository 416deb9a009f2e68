/* kafka_auth.c -- SASL: who a connection is, and until when.
 *
 *     PLAIN           `$ConnectionString` and a whole connection string, as Event Hubs has it, or a policy's name and key
 *     SCRAM-SHA-*     a user (access.h), or a policy's name and key (scram.h)
 *     OAUTHBEARER     a signed JSON Web Token (jwt.h), in RFC 7628's messages
 *
 * A connection string is
 *     Endpoint=sb://<namespace>.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…]
 * whose host names the client's namespace, or else its policy's name does (sas.h), or else TLS's server name. EntityPath
 * only says which hub its owner means. Users, too, may be named "<namespace>~<user>".
 *
 * A policy's rights are its own, asked again for each request and hub. Users and bearers of tokens are principals of
 * access control lists. With insecure_local PLAIN takes any credentials, and tokens need no signature; the namespace
 * is still read.
 *
 * Sessions (KIP-368): a token's end, or max_reauth_ms, whichever comes first, is told to the client as session_lifetime_ms.
 * It begins a new exchange before that on the same connection, and must come out as whom it was. A request after the end
 * closes the connection.
 *
 * RFC 7628 tells a failed client why in a JSON text that is no failure yet to SASL; the client answers with one byte 1, and
 * then it fails. */
#include "hub/access.h"
#include "hub/jwt.h"
#include "hub/kafka_int.h"
#include <openssl/crypto.h>
#include <string.h>

enum step { STEP_FAILED, STEP_MORE, STEP_DONE };

struct sasl {
    const struct mechanism *mechanism;
    struct arena *arena;             /* of this exchange */
    struct scram *scram;             /* after its first message */
    const char *refused;             /* a bearer was told so */
    struct { struct str user, ns; struct sas_claim claim; bool by_acl; int64_t expires_ms; } who;
};

struct mechanism {
    const char *name;
    enum step (*step)(struct kreq *r, struct sasl *s, struct str message, struct buf *answer, struct err *err);
};

/* The namespace that was said, else that of the connection. */
static struct str namespace_or(const struct kreq *r, struct str said)
{
    return said.ptr ? said : str_z(r->conn->tls_ns ? r->conn->tls_ns : r->conn->ns->name);
}

/* ------------------------------------------------------------------ PLAIN */

static enum step plain(struct kreq *r, struct sasl *s, struct str message, struct buf *answer, struct err *err)
{
    struct str who, user;
    struct sas_string cs = {0};
    struct hub *h = r->hub;
    (void)answer;
    if (!str_split(&message, '\0', &who) || !str_split(&message, '\0', &user))
        return err_set(err, ERR_AUTH, "the PLAIN message is malformed"), STEP_FAILED;
    if (str_eqz(user, "$ConnectionString"))
        sas_string_read(message, &cs);
    else
        cs = (struct sas_string){.policy = user, .key = message};
    struct str said = sas_split_policy(&cs.policy), host_ns = sas_namespace_of(cs.host);
    s->who.ns = str_copy(s->arena, namespace_or(r, host_ns.ptr ? host_ns : said)); /* neither: an address or localhost */
    s->who.user = str_copy(s->arena, cs.policy);
    s->who.claim = (struct sas_claim){.rights = KAFKA_ANY, .path = STR("")};
    if (h->opts.insecure_local)
        return STEP_DONE;
    if (!sas_check_key(h->sas, cs.policy, cs.key, &s->who.claim, err) && sas_allows(&s->who.claim, KAFKA_ANY, s->who.ns.ptr, s->who.claim.policy_hub))
        return STEP_DONE;
    err_set(err, ERR_AUTH, "use $ConnectionString and the connection string that `paystreak keys` prints");
    return STEP_FAILED;
}

/* ------------------------------------------------------------------ SCRAM */

/* A policy's key as a SCRAM secret: its salt is of this process, so its clients see one and the same. */
static const struct scram_secret *policy_secret(struct hub *h, struct str policy, struct str key, enum scram_mechanism m)
{
    struct buf id;
    buf_init(&id);
    buf_printf(&id, "%d%.*s%c%.*s", m, STR_ARGS(policy), 0, STR_ARGS(key));
    struct scram_secret *s = map_get(h->policy_secrets, buf_view(&id));
    if (!s) {
        s = NEW(struct scram_secret);
        scram_make(s, m, key); /* milliseconds, once: as many as there are policies */
        map_put(h->policy_secrets, buf_view(&id), s);
    }
    OPENSSL_cleanse(id.ptr, id.len);
    buf_release(&id);
    return s;
}

static const struct scram_secret *find_secret(struct kreq *r, struct sasl *s, struct str user, enum scram_mechanism m)
{
    struct str name = user, said = sas_split_policy(&name), key;
    s->who.ns = str_copy(s->arena, namespace_or(r, said));
    s->who.user = str_copy(s->arena, name);
    s->who.claim = (struct sas_claim){.path = STR("")};
    const struct access_user *u = access_user(access_rows(r->hub->access), s->who.ns.ptr, name, m);
    s->who.by_acl = u != NULL;
    if (u)
        return &u->secret;
    if (!sas_find(r->hub->sas, name, s->who.ns.ptr, &key, &s->who.claim))
        return NULL;
    return policy_secret(r->hub, name, key, m);
}

static enum step scram_step(struct kreq *r, struct sasl *s, struct str message, struct buf *answer, struct err *err)
{
    enum scram_mechanism m = scram_of_name(str_z(s->mechanism->name));
    struct scram_first first;
    if (s->scram)
        return scram_final(s->scram, message, answer, err) ? STEP_FAILED : STEP_DONE;
    if (scram_first_read(s->arena, message, &first, err))
        return STEP_FAILED;
    const struct scram_secret *secret = first.user.len ? find_secret(r, s, first.user, m) : NULL;
    if (!secret)
        return err_set(err, ERR_AUTH, "invalid credentials"), STEP_FAILED;
    s->scram = scram_new(&first, secret, answer);
    return STEP_MORE;
}

/* ------------------------------------------------------------------ OAUTHBEARER */

/* "n,[a=who],\1auth=Bearer <token>\1[key=value\1]…\1" */
static bool bearer_parts(struct str message, struct str *authorize, struct str *token)
{
    struct str part, header;
    *authorize = *token = STR_NONE;
    if (!str_split(&message, '\1', &header) || !str_starts_z(header, "n,") || !str_ends_z(header, ","))
        return false;
    header = str_sub(header, 2, header.len > 3 ? header.len - 3 : 0);
    if (header.len && !str_starts_z(header, "a="))
        return false;
    *authorize = header.len ? str_from(header, 2) : STR_NONE;
    while (str_split(&message, '\1', &part) && part.len)
        if (str_starts_z(part, "auth=") && str_ieqz(str_sub(part, 5, 7), "Bearer "))
            *token = str_trim(str_from(part, 12));
    return token->len > 0;
}

static enum step bearer(struct kreq *r, struct sasl *s, struct str message, struct buf *answer, struct err *err)
{
    struct str authorize, token;
    struct jwt_claims claims;
    struct hub *h = r->hub;
    if (s->refused)
        return err_set(err, ERR_AUTH, "%s", s->refused), STEP_FAILED;
    if (!bearer_parts(message, &authorize, &token))
        return err_set(err, ERR_AUTH, "the OAUTHBEARER message is malformed"), STEP_FAILED;
    if (jwt_check(h->jwt, s->arena, token, time_now_ms(), h->opts.insecure_local, &claims, err)) {
        log_warn("hub", "a bearer's token is refused: %s peer=%s", err->msg, tcp_conn_peer(r->conn->tcp));
        s->refused = "{\"status\":\"invalid_token\"}";
        buf_z(answer, s->refused);
        return STEP_MORE;
    }
    if (authorize.len && !str_eq(authorize, claims.principal))
        return err_set(err, ERR_AUTH, "the authorization id is another than the token's principal"), STEP_FAILED;
    s->who.user = claims.principal;
    s->who.ns = str_copy(s->arena, namespace_or(r, STR_NONE));
    s->who.claim = (struct sas_claim){.path = STR("")};
    s->who.by_acl = true;
    s->who.expires_ms = claims.expires_ms;
    return STEP_DONE;
}

/* ------------------------------------------------------------------ exchanges */

static const struct mechanism MECHANISMS[] = {
    {"PLAIN", plain}, {"SCRAM-SHA-256", scram_step}, {"SCRAM-SHA-512", scram_step}, {"OAUTHBEARER", bearer}};

static bool offered(const struct hub *h, const struct mechanism *m)
{
    return m->step != bearer || jwt_has_keys(h->jwt) || h->opts.insecure_local;
}

static void sasl_free(struct sasl *s)
{
    if (!s)
        return;
    scram_free(s->scram);
    arena_free(s->arena);
    mem_free(s);
}

void kafka_auth_end(struct kafka_conn *c)
{
    sasl_free(c->sasl);
    mem_free(c->user);
    c->sasl = NULL;
    c->user = NULL;
}

bool kafka_auth_expired(const struct kafka_conn *c)
{
    return c->expires_us && time_mono_us() >= c->expires_us;
}

void kafka_sasl_handshake(struct kreq *r)
{
    struct kout *o = &r->out;
    struct kafka_conn *c = r->conn;
    struct str name = kin_str(&r->in);
    const struct mechanism *found = NULL;
    int32_t count = 0;
    if (!kreq_read_all(r))
        return;
    for (size_t i = 0; i < COUNT_OF(MECHANISMS); i++) {
        count += offered(r->hub, &MECHANISMS[i]);
        if (str_eqz(name, MECHANISMS[i].name) && offered(r->hub, &MECHANISMS[i]))
            found = &MECHANISMS[i];
    }
    enum kerr error = !found ? KERR_UNSUPPORTED_SASL_MECHANISM
                      : c->mechanism && c->mechanism != found ? KERR_ILLEGAL_SASL_STATE : KERR_NONE;
    sasl_free(c->sasl);
    c->sasl = NULL;
    if (error == KERR_NONE) {
        c->sasl = NEW(struct sasl);
        c->sasl->mechanism = found;
        c->sasl->arena = arena_new_max(1 << 20);
    }
    kout_i16(o, (int16_t)error);
    kout_count(o, count);
    for (size_t i = 0; i < COUNT_OF(MECHANISMS); i++)
        if (offered(r->hub, &MECHANISMS[i]))
            kout_str(o, str_z(MECHANISMS[i].name));
    kreq_done(r);
}

/* Until when the client may go on; 0: for ever. */
static int64_t session_ms(const struct kreq *r, const struct sasl *s)
{
    int64_t most = jwt_max_reauth_ms(r->hub->jwt), left = s->who.expires_ms ? s->who.expires_ms - time_now_ms() : 0;
    if (!s->who.expires_ms)
        return most;
    left = left > 1 ? left : 1; /* within the clocks' skew: it is over at once */
    return most && most < left ? most : left;
}

static int become(struct kreq *r, const struct sasl *s, int64_t *lifetime_ms, struct err *err)
{
    struct kafka_conn *c = r->conn;
    struct hub_ns *ns = hub_namespace(r->hub, s->who.ns.ptr, err);
    if (!ns)
        return -1;
    if (c->mechanism && (ns != c->ns || !str_eqz(s->who.user, c->user)))
        return err_set(err, ERR_AUTH, "a connection stays who it is: it cannot become another when it authenticates again");
    mem_free(c->user);
    c->user = str_dup(s->who.user);
    c->ns = ns;
    c->claim = s->who.claim;
    c->by_acl = s->who.by_acl;
    c->open = false;
    c->mechanism = s->mechanism;
    c->authenticated = true;
    *lifetime_ms = session_ms(r, s);
    c->expires_us = *lifetime_ms ? time_mono_us() + *lifetime_ms * 1000 : 0;
    tcp_deadline(c->tcp, 0);
    return 0;
}

static enum kerr authenticate(struct kreq *r, struct str message, struct buf *answer, int64_t *lifetime_ms, struct err *err)
{
    struct kafka_conn *c = r->conn;
    struct sasl *s = c->sasl;
    if (!s) {
        err_set(err, ERR_AUTH, "a SaslHandshake comes first");
        return KERR_ILLEGAL_SASL_STATE;
    }
    enum step step = s->mechanism->step(r, s, message, answer, err);
    if (step == STEP_DONE && become(r, s, lifetime_ms, err))
        step = STEP_FAILED;
    if (step != STEP_MORE) {
        sasl_free(s);
        c->sasl = NULL;
    }
    return step == STEP_FAILED ? KERR_SASL_AUTHENTICATION_FAILED : KERR_NONE;
}

/* A name that somebody gave is repeated to him and in the log: as one line of text. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
}

static void on_later(void *arg)
{
    struct kreq *r = arg;
    struct tcp_conn *tcp = r->conn->tcp;
    ev_timer_free(r->state);
    kreq_done(r);
    tcp_close_after_write(tcp);
}

static void on_later_cancel(struct kreq *r)
{
    ev_timer_free(r->state);
    kreq_done(r);
}

/* Whoever is refused hears it a little later, and nothing else that he sends is read: he who guesses, or tries again at
 * once, costs us less. */
static void answer_later(struct kreq *r)
{
    struct ev_timer *timer = ev_timer_new(r->hub->loop, on_later, r);
    r->state = timer;
    r->cancel = on_later_cancel;
    r->conn->refused = true;
    ev_timer_start(timer, KAFKA_REFUSAL_MS, 0);
}

void kafka_sasl_authenticate(struct kreq *r)
{
    struct kout *o = &r->out;
    struct str message = kin_nbytes(&r->in);
    struct err err = {0};
    struct buf answer;
    int64_t lifetime_ms = 0;
    if (!kreq_read_all(r))
        return;
    buf_init(&answer);
    enum kerr error = authenticate(r, message, &answer, &lifetime_ms, &err);
    make_printable(err.msg);
    if (error)
        log_warn("hub", "authentication failed: %s peer=%s", err.msg, tcp_conn_peer(r->conn->tcp));
    kout_i16(o, (int16_t)error);
    kout_nstr(o, error ? str_z(err.msg) : STR_NONE);
    kout_nbytes(o, error ? STR("") : buf_view(&answer));
    if (r->version >= 1)
        kout_i64(o, lifetime_ms);
    kout_tags(o);
    buf_release(&answer);
    if (error)
        answer_later(r);
    else
        kreq_done(r);
}
