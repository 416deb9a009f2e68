/* kafka_auth.c -- SASL PLAIN, as Event Hubs has it: the user name is `$ConnectionString`, the
 * password a whole connection string
 *     Endpoint=sb://<namespace>.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…]
 * whose host names the client's namespace, or else its policy's name does (sas.h). The policy must be good for
 * something there; what it may do is asked again for each request and hub. EntityPath only says which hub its
 * owner means. With insecure_local any credentials are taken, but the namespace is still read. */
#include "hub/kafka_int.h"
#include <string.h>

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

static bool key_ok(const struct hub *h, const struct sas_string *cs, const char *ns, struct sas_claim *out)
{
    struct err err;
    return !sas_check_key(h->sas, cs->policy, cs->key, out, &err) && sas_allows(out, KAFKA_ANY, ns, out->policy_hub);
}

static bool check(struct kreq *r, struct str message)
{
    struct str who, user;
    struct err err;
    struct sas_string cs = {0};
    struct sas_claim claim = r->conn->claim;
    if (!str_split(&message, '\0', &who) || !str_split(&message, '\0', &user))
        return false;
    bool string = str_eqz(user, "$ConnectionString");
    if (string)
        sas_string_read(message, &cs);
    struct str said = sas_split_policy(&cs.policy), host_ns = sas_namespace_of(cs.host);
    if (host_ns.ptr) /* neither: an address or localhost is the default one */
        said = host_ns;
    const char *name = said.ptr ? str_cz(r->arena, said) : r->conn->tls_ns ? r->conn->tls_ns : r->conn->ns->name;
    if (!r->hub->opts.insecure_local && (!string || !key_ok(r->hub, &cs, name, &claim)))
        return false;
    struct hub_ns *ns = hub_namespace(r->hub, name, &err);
    if (!ns)
        return false;
    r->conn->ns = ns;
    r->conn->claim = claim;
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
