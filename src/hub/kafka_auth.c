/* kafka_auth.c -- SASL PLAIN, as Event Hubs has it: the user name is `$ConnectionString`, the
 * password a whole connection string
 *     Endpoint=sb://<namespace>.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…]
 * whose key must be the state's and whose host names the client's namespace. The policy is the
 * namespace's own, so EntityPath only says which hub its owner means. With insecure_local any
 * credentials are taken, but the namespace is still read. */
#include "hub/kafka_int.h"
#include <openssl/crypto.h>
#include <string.h>

#define POLICY "RootManageSharedAccessKey"

void kafka_sasl_handshake(struct kreq *r)
{
    struct kout *o = &r->out;
    struct str mechanism = kin_str(&r->in);
    if (!kreq_read_all(r))
        return;
    bool plain = str_eqz(mechanism, "PLAIN");
    r->conn->handshaken = plain;
    kout_i16(o, plain ? KERR_NONE : KERR_UNSUPPORTED_SASL_MECHANISM);
    kout_count(o, 1);
    kout_str(o, STR("PLAIN"));
    kreq_done(r);
}

struct connection_string { struct str host, policy, key; };

/* "a=b;c=d": names ignore case; values may hold '='. */
static void parse(struct str s, struct connection_string *out)
{
    struct str part;
    while (str_split(&s, ';', &part)) {
        int64_t eq = str_chr(part, '=');
        if (eq < 0)
            continue;
        struct str name = str_trim(str_sub(part, 0, (size_t)eq)), value = str_trim(str_from(part, (size_t)eq + 1));
        if (str_ieqz(name, "Endpoint")) {
            int64_t at = str_find(value, STR("://"));
            value = at < 0 ? value : str_from(value, (size_t)at + 3);
            size_t n = 0;
            while (n < value.len && value.ptr[n] != '/' && value.ptr[n] != ':')
                n++;
            out->host = str_sub(value, 0, n);
        } else if (str_ieqz(name, "SharedAccessKeyName"))
            out->policy = value;
        else if (str_ieqz(name, "SharedAccessKey"))
            out->key = value;
    }
}

/* The namespace is the first label of a cloud host; an address or localhost is the default one. */
static struct hub_ns *namespace_of(struct hub *h, struct str host, struct err *err)
{
    int64_t dot = str_chr(host, '.');
    bool cloud = str_find(host, STR(".servicebus.")) > 0;
    return cloud ? hub_store_namespace(h->store, str_sub(host, 0, (size_t)dot), err) : h->default_ns;
}

static bool key_ok(const struct hub *h, const struct connection_string *cs)
{
    const char *key = h->opts.sas_key;
    return key && str_eqz(cs->policy, POLICY) && cs->key.len == strlen(key) &&
           CRYPTO_memcmp(cs->key.ptr, key, cs->key.len) == 0;
}

static bool check(struct kreq *r, struct str message)
{
    struct str who, user;
    struct err err;
    struct connection_string cs = {0};
    if (!str_split(&message, '\0', &who) || !str_split(&message, '\0', &user))
        return false;
    bool string = str_eqz(user, "$ConnectionString");
    if (string)
        parse(message, &cs);
    if (!r->hub->opts.insecure_local && (!string || !key_ok(r->hub, &cs)))
        return false;
    struct hub_ns *ns = string ? namespace_of(r->hub, cs.host, &err) : r->conn->ns;
    if (!ns)
        return false;
    r->conn->ns = ns;
    return true;
}

void kafka_sasl_authenticate(struct kreq *r)
{
    struct kout *o = &r->out;
    struct str message = kin_nbytes(&r->in);
    if (!kreq_read_all(r))
        return;
    enum kerr error = KERR_NONE;
    if (!r->conn->handshaken)
        error = KERR_ILLEGAL_SASL_STATE;
    else if (!check(r, message))
        error = KERR_SASL_AUTHENTICATION_FAILED;
    if (error == KERR_NONE) {
        r->conn->authenticated = true;
        tcp_deadline(r->conn->tcp, 0);
    } else {
        log_warn("hub", "authentication failed peer=%s", tcp_conn_peer(r->conn->tcp));
    }
    kout_i16(o, (int16_t)error);
    kout_nstr(o, error ? STR("use $ConnectionString and the connection string that `paystreak keys` prints") : STR_NONE);
    kout_nbytes(o, STR(""));
    if (r->version >= 1)
        kout_i64(o, 0); /* the session does not expire */
    kout_tags(o);
    struct tcp_conn *tcp = r->conn->tcp;
    kreq_done(r);
    if (error)
        tcp_close_after_write(tcp);
}
