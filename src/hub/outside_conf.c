#include "hub/outside_conf.h"
#include "hub/sas.h"
#include <stdlib.h>
#include <string.h>

static const struct { const char *scheme; bool tls, event_hubs; int port; } SCHEMES[] = {
    {"kafka://", false, false, OUTSIDE_KAFKA_PORT},
    {"kafka+ssl://", true, false, OUTSIDE_KAFKA_PORT},
    {"sb://", true, true, OUTSIDE_HUBS_PORT},
};
static const char *const MECHANISMS[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};

static const char *env_of(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

static bool host_ok(struct str host)
{
    if (!host.len || host.len > 255)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && !strchr("-._", c))
            return false;
    }
    return true;
}

/* One HOST[:PORT] of the list. */
static int read_server(struct str one, int port, struct buf *out, struct err *err)
{
    int64_t colon = str_rchr(one, ':'), given = port;
    struct str host = colon < 0 ? one : str_sub(one, 0, (size_t)colon);
    if (!host_ok(host) || (colon >= 0 && (!str_i64(str_from(one, (size_t)colon + 1), &given) || given < 1 || given > 65535)))
        return err_set(err, ERR_INPUT, "'%.*s' is no HOST:PORT", STR_ARGS(one));
    buf_printf(out, "%s%.*s:%d", out->len ? "," : "", STR_ARGS(host), (int)given);
    return 0;
}

static int read_servers(struct arena *a, struct str list, int port, struct outside_address *out, struct err *err)
{
    struct buf b;
    struct str one;
    int count = 0, rc = list.len ? 0 : err_set(err, ERR_INPUT, "the address names no host");
    buf_init(&b);
    while (rc == 0 && str_split(&list, ',', &one))
        rc = ++count > OUTSIDE_MAX_SERVERS ? err_set(err, ERR_LIMIT, "more than %d hosts", OUTSIDE_MAX_SERVERS) : read_server(one, port, &b, err);
    out->servers = str_cz(a, buf_view(&b));
    buf_release(&b);
    return rc;
}

static int kafka_credentials(struct outside_address *out, struct err *err)
{
    const char *mechanism = env_of("KAFKA_SASL_MECHANISM");
    out->user = env_of("KAFKA_SASL_USERNAME");
    out->password = env_of("KAFKA_SASL_PASSWORD");
    if (!out->user && !out->password && !mechanism)
        return 0;
    if (!out->user || !out->password)
        return err_set(err, ERR_AUTH, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD go together");
    out->mechanism = MECHANISMS[0];
    for (size_t i = 0; mechanism && i < COUNT_OF(MECHANISMS); i++)
        if (strcmp(mechanism, MECHANISMS[i]) == 0)
            out->mechanism = MECHANISMS[i];
    if (mechanism && strcmp(out->mechanism, mechanism) != 0)
        return err_set(err, ERR_UNSUPPORTED, "KAFKA_SASL_MECHANISM '%s' is not supported: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are", mechanism);
    return 0;
}

static int hubs_credentials(struct arena *a, const char *ns, struct str host, struct outside_address *out, struct err *err)
{
    char *own = arena_printf(a, "AZURE_EVENTHUBS_CONNECTION_STRING_%s", ns);
    for (char *c = own + strlen(own) - strlen(ns); *c; c++)
        *c = (*c | 32) >= 'a' && (*c | 32) <= 'z' ? (char)(*c & ~32) : *c >= '0' && *c <= '9' ? *c : '_';
    const char *text = env_of(own) ? env_of(own) : env_of("AZURE_EVENTHUBS_CONNECTION_STRING");
    struct sas_string s;
    if (!text)
        return err_set(err, ERR_AUTH, "no credentials for it: set %s to its connection string", own);
    sas_string_read(str_z(text), &s);
    if (!s.host.len || !s.policy.len || !s.key.len)
        return err_set(err, ERR_AUTH, "%s is no connection string: Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…",
                       env_of(own) ? own : "AZURE_EVENTHUBS_CONNECTION_STRING");
    if (str_find(host, STR(".servicebus.")) >= 0 && !str_ieq(s.host, host))
        return err_set(err, ERR_AUTH, "the connection string is that of '%.*s', not of '%.*s': set %s", STR_ARGS(s.host), STR_ARGS(host), own);
    out->mechanism = "PLAIN";
    out->user = "$ConnectionString";
    out->password = text;
    return 0;
}

static int read_address(struct arena *a, const char *ns, struct str to, struct outside_address *out, struct err *err)
{
    if (str_eqz(to, "sb:"))
        to = str_fmt(a, "sb://%s.servicebus.windows.net", ns);
    for (size_t i = 0; i < COUNT_OF(SCHEMES); i++) {
        if (!str_starts_z(to, SCHEMES[i].scheme))
            continue;
        struct str list = str_from(to, strlen(SCHEMES[i].scheme));
        while (str_ends_z(list, "/"))
            list.len--;
        if (str_chr(list, '@') >= 0)
            return err_set(err, ERR_INPUT, "an address holds no user or password: they come from the environment");
        out->tls = SCHEMES[i].tls;
        out->event_hubs = SCHEMES[i].event_hubs;
        out->shown = str_cz(a, to);
        out->ca = env_of("KAFKA_SSL_CA_LOCATION");
        if (str_chr(list, '/') >= 0 || str_chr(list, '?') >= 0)
            return err_set(err, ERR_INPUT, "a whole namespace is bound: nothing follows the host");
        if (out->event_hubs && str_chr(list, ',') >= 0)
            return err_set(err, ERR_INPUT, "an Event Hubs namespace has one host");
        if (read_servers(a, list, SCHEMES[i].port, out, err))
            return -1;
        struct str host = str_sub(str_z(out->servers), 0, (size_t)str_rchr(str_z(out->servers), ':'));
        return out->event_hubs ? hubs_credentials(a, ns, host, out, err) : kafka_credentials(out, err);
    }
    return err_set(err, ERR_INPUT, "a namespace is bound to kafka://HOST:PORT, kafka+ssl://HOST:PORT, sb://NAMESPACE.servicebus.windows.net or sb:");
}

int outside_address_read(struct arena *a, const char *ns, const char *to, struct outside_address *out, struct err *err)
{
    *out = (struct outside_address){0};
    return read_address(a, ns, str_z(to), out, err) ? err_wrap(err, "namespace '%s'", ns) : 0;
}

/* ------------------------------------------------------------------ librdkafka */

int outside_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(err, ERR_INPUT, "librdkafka's %s: %s", name, why);
}

static void quiet(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    (void)rk;
    (void)fac;
    log_debug("hub", "librdkafka (%d): %s", level, text);
}

rd_kafka_conf_t *outside_conf_new(const struct outside_address *at, struct err *err)
{
    const char *protocol = at->mechanism ? at->tls ? "sasl_ssl" : "sasl_plaintext" : at->tls ? "ssl" : "plaintext";
    const char *const rows[][2] = {{"bootstrap.servers", at->servers}, {"security.protocol", protocol}, {"sasl.mechanisms", at->mechanism},
                                   {"sasl.username", at->mechanism ? at->user : NULL}, {"sasl.password", at->mechanism ? at->password : NULL},
                                   {"ssl.ca.location", at->tls ? at->ca : NULL}, {"client.id", "paystreak"}, {"allow.auto.create.topics", "false"},
                                   {"reconnect.backoff.max.ms", "2000"}, {"socket.keepalive.enable", "true"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, quiet);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i][1] && outside_conf_set(conf, rows[i][0], rows[i][1], err)) {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    return conf;
}
