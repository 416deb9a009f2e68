/* cmd_hub -- looking into a running hub, and putting events into it: a Kafka client of our own hub.
 *
 * The hub is the one at --listen (127.0.0.1:9093 otherwise); the key is the state's, so the commands work
 * beside the process that owns the state. --namespace chooses another namespace than the default.
 * One that is bound to an outside hub (--bind, or bind: in paystreak.yml) is looked for there: without --namespace that of the
 * project's first hub, or the one that is bound.
 * A value that is JSON is printed as it is with --output json; other text as a string; other bytes as
 * {"base64": "…"}. */
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/state.h"
#include "hub/outside_conf.h"
#include "hub/sas.h"
#include "resolve/resolve.h"
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ASK_MS = 15000, POLL_MS = 200, DEFAULT_PORT = 9093, MAX_LINE = 8 << 20 };

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal) { (void)signal; interrupted = 1; }

struct client {
    const struct cli_args *args;
    struct arena *arena;
    rd_kafka_t *rk;
    bool outside;
    uint64_t sent, failed;
    struct err err;                    /* of the first delivery that failed */
};

/* ------------------------------------------------------------------ the client */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct client *c = opaque;
    (void)rk;
    c->sent += !m->err;
    if (m->err && !c->failed++)
        err_set(&c->err, ERR_IO, "%s", rd_kafka_err2str(m->err));
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(err, ERR_INTERNAL, "librdkafka: %s", why);
}

static void quiet(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    (void)rk;
    (void)fac;
    log_debug("hub", "librdkafka (%d): %s", level, text);
}

/* Where the namespace is bound to, in *to; NULL: it is served here. */
static int outside_of(struct client *c, const char **ns, const char **to, struct err *err)
{
    char *dir = cli_project_dir(c->arena, c->args);
    const char *name, *where;
    struct resolver_names *names = resolve_new(cli_state_dir(c->arena, c->args), dir);
    int rc = cli_bind_all(names, c->arena, c->args, err);
    *ns = c->args->name_space;
    *to = NULL;
    if (rc == 0 && !*ns && resolve_bound_hub(names, 0, &name, &where)) {
        bool more = resolve_bound_hub(names, 1, &name, &where);
        struct project *p = fs_exists(path_join(c->arena, dir, "paystreak.yml")) ? project_load(c->arena, dir, err) : NULL;
        if (p && p->hub_count)
            *ns = str_cz(c->arena, p->hubs[0].name_space);
        else if (more)
            rc = err_set(err, ERR_USAGE, "several namespaces are bound: say which one with --namespace");
        else
            *ns = arena_strdup(c->arena, name);
    }
    for (size_t i = 0; rc == 0 && *ns && resolve_bound_hub(names, i, &name, &where); i++)
        if (str_ieqz(str_z(*ns), name))
            *to = arena_strdup(c->arena, where);
    resolve_free(names);
    return rc;
}

/* How to reach the hub that runs beside us. */
static rd_kafka_conf_t *local_conf(struct client *c, struct err *err)
{
    char host[256];
    int port;
    if (cli_listen_address(c->args, DEFAULT_PORT, host, &port, err))
        return NULL;
    struct state *s = state_open(cli_state_dir(c->arena, c->args), false, "hub", err);
    if (!s)
        return NULL;
    const char *ns = c->args->name_space;
    const char *password = arena_printf(c->arena, "Endpoint=sb://%s%s/;SharedAccessKeyName=" SAS_ROOT_POLICY ";SharedAccessKey=%s", ns ? ns : "localhost",
                                        ns ? ".servicebus.windows.net" : "", s->keys.sas);
    state_close(s);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, quiet);
    if (set(conf, "bootstrap.servers", arena_printf(c->arena, "%s:%d", host, port), err) || set(conf, "security.protocol", "sasl_plaintext", err) ||
        set(conf, "sasl.mechanisms", "PLAIN", err) || set(conf, "sasl.username", "$ConnectionString", err) ||
        set(conf, "sasl.password", password, err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

static int client_open(struct client *c, rd_kafka_type_t type, const char *group, struct err *err)
{
    char why[256];
    const char *ns, *to;
    struct outside_address at;
    if (outside_of(c, &ns, &to, err) || (to && outside_address_read(c->arena, ns, to, &at, err)))
        return -1;
    c->outside = to != NULL;
    rd_kafka_conf_t *conf = to ? outside_conf_new(&at, err) : local_conf(c, err);
    if (!conf)
        return -1;
    rd_kafka_conf_set_opaque(conf, c);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if ((group && set(conf, "group.id", group, err)) || (type == RD_KAFKA_PRODUCER && set(conf, "enable.idempotence", "true", err)) ||
        (type == RD_KAFKA_CONSUMER && set(conf, "enable.auto.commit", "false", err)) ||
        !(c->rk = rd_kafka_new(type, conf, why, sizeof why))) {
        rd_kafka_conf_destroy(conf);
        return err->code ? -1 : err_set(err, ERR_INTERNAL, "librdkafka: %s", why);
    }
    return 0;
}

static int failed(rd_kafka_resp_err_t e, const char *what, struct err *err)
{
    bool down = e == RD_KAFKA_RESP_ERR__TRANSPORT || e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || e == RD_KAFKA_RESP_ERR__TIMED_OUT;
    return err_set(err, e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? ERR_NOT_FOUND : ERR_IO, "%s: %s%s", what, rd_kafka_err2str(e),
                   down ? "; is the hub running, and is --listen its address?" : "");
}

/* Partitions of a hub, in *start each with its first offset, in *end with the one after its last; either may be NULL.
 * The caller destroys the lists, also after an error. */
static int partitions_of(struct client *c, const char *hub, rd_kafka_topic_partition_list_t **start, rd_kafka_topic_partition_list_t **end,
                         struct err *err)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *t = rd_kafka_topic_new(c->rk, hub, NULL);
    rd_kafka_resp_err_t e = rd_kafka_metadata(c->rk, 0, t, &md, ASK_MS);
    rd_kafka_topic_destroy(t);
    if (e)
        return failed(e, hub, err);
    int rc = 0;
    if (md->topic_cnt != 1 || md->topics[0].err)
        rc = failed(md->topic_cnt ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, hub, err);
    for (int i = 0; i < 2; i++)
        if (i ? end : start)
            *(i ? end : start) = rd_kafka_topic_partition_list_new(8);
    for (int i = 0; rc == 0 && i < md->topics[0].partition_cnt; i++) {
        int64_t low, high;
        int32_t id = md->topics[0].partitions[i].id;
        e = rd_kafka_query_watermark_offsets(c->rk, hub, id, &low, &high, ASK_MS);
        if (e)
            rc = failed(e, hub, err);
        if (rc == 0 && start)
            rd_kafka_topic_partition_list_add(*start, hub, id)->offset = low;
        if (rc == 0 && end)
            rd_kafka_topic_partition_list_add(*end, hub, id)->offset = high;
    }
    rd_kafka_metadata_destroy(md);
    return rc;
}

/* ------------------------------------------------------------------ printing */

static void put_value(struct client *c, struct buf *b, const void *bytes, size_t n)
{
    struct err ignored;
    struct str s = str_of(bytes, n);
    struct doc *d = bytes && n ? doc_json(c->arena, "value", s, &ignored) : NULL;
    if (!bytes)
        buf_z(b, "null");
    else if (d)
        doc_write(b, d);
    else if (str_utf8_ok(s))
        json_quote(b, s);
    else {
        buf_z(b, "{\"base64\":\"");
        base64_put(b, s);
        buf_z(b, "\"}");
    }
}

static void put_headers(struct client *c, struct buf *b, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *h;
    const char *name;
    const void *value;
    size_t n;
    buf_z(b, ",\"headers\":{");
    for (size_t i = 0; rd_kafka_message_headers(m, &h) == RD_KAFKA_RESP_ERR_NO_ERROR && rd_kafka_header_get_all(h, i, &name, &value, &n) == 0; i++) {
        buf_z(b, i ? "," : "");
        json_quote(b, str_z(name));
        buf_char(b, ':');
        put_value(c, b, value, n);
    }
    buf_char(b, '}');
}

static void print_message(struct client *c, const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    char when[40];
    struct buf b;
    buf_init(&b);
    time_iso((struct tp){rd_kafka_message_timestamp(m, &type) * 1000}, 3, when);
    if (c->args->json) {
        buf_printf(&b, "{\"partition\":%d,\"offset\":%jd,\"timestamp\":\"%s\",\"key\":", m->partition, (intmax_t)m->offset, when);
        put_value(c, &b, m->key, m->key_len);
        buf_z(&b, ",\"value\":");
        put_value(c, &b, m->payload, m->len);
        put_headers(c, &b, m);
        buf_char(&b, '}');
    } else {
        buf_printf(&b, "%d:%jd %s %.*s ", m->partition, (intmax_t)m->offset, when, (int)m->key_len, m->key ? (const char *)m->key : "");
        put_value(c, &b, m->payload, m->len);
    }
    printf("%s\n", b.ptr);
    fflush(stdout);
    buf_release(&b);
}

/* ------------------------------------------------------------------ reading and writing */

static bool all_reached(const rd_kafka_topic_partition_list_t *at, const rd_kafka_topic_partition_list_t *end)
{
    for (int i = 0; i < at->cnt; i++)
        if (at->elems[i].offset < end->elems[i].offset)
            return false;
    return true;
}

/* Prints from `at` on: until `end` (NULL: for ever), the limit, or Ctrl-C. */
static int print_from(struct client *c, rd_kafka_topic_partition_list_t *at, const rd_kafka_topic_partition_list_t *end, struct err *err)
{
    int64_t printed = 0, limit = c->args->limit;
    rd_kafka_resp_err_t e = rd_kafka_assign(c->rk, at);
    if (e)
        return failed(e, "assign", err);
    while (!interrupted && !(end && all_reached(at, end)) && (!limit || printed < limit)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, POLL_MS);
        if (!m)
            continue;
        if (m->err) {
            e = m->err;
            rd_kafka_message_destroy(m);
            if (e == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                continue;
            return failed(e, "consume", err);
        }
        print_message(c, m);
        printed++;
        for (int i = 0; i < at->cnt; i++)
            if (at->elems[i].partition == m->partition)
                at->elems[i].offset = m->offset + 1;
        rd_kafka_message_destroy(m);
        arena_reset(c->arena);
    }
    return 0;
}

static int consume(struct client *c, struct err *err)
{
    rd_kafka_topic_partition_list_t *at = NULL, *end = NULL;
    const char *hub = c->args->words[0];
    int rc = client_open(c, RD_KAFKA_CONSUMER, "paystreak-cli", err) || partitions_of(c, hub, &at, &end, err) || print_from(c, at, end, err);
    if (at)
        rd_kafka_topic_partition_list_destroy(at);
    if (end)
        rd_kafka_topic_partition_list_destroy(end);
    return rc ? -1 : 0;
}

static int tail(struct client *c, struct err *err)
{
    rd_kafka_topic_partition_list_t *at = NULL;
    int rc = client_open(c, RD_KAFKA_CONSUMER, "paystreak-cli", err) || partitions_of(c, c->args->words[0], NULL, &at, err) || print_from(c, at, NULL, err);
    if (at)
        rd_kafka_topic_partition_list_destroy(at);
    return rc ? -1 : 0;
}

/* The next line of standard input, without its end. False: there is none. */
static bool read_line(struct buf *line)
{
    int ch;
    buf_clear(line);
    while ((ch = getc_unlocked(stdin)) != EOF && ch != '\n')
        buf_char(line, (char)ch);
    return ch != EOF || line->len;
}

static int send_line(struct client *c, const struct buf *line, struct err *err)
{
    const char *key = c->args->key;
    rd_kafka_resp_err_t e;
    if (buf_check(line, "a line", err))
        return -1;
    while ((e = rd_kafka_producev(c->rk, RD_KAFKA_V_TOPIC(c->args->words[0]), RD_KAFKA_V_VALUE(line->ptr, line->len),
                                  RD_KAFKA_V_KEY(key, key ? strlen(key) : 0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(c->rk, POLL_MS);
    if (e)
        return failed(e, c->args->words[0], err);
    rd_kafka_poll(c->rk, 0);
    return 0;
}

static int produce(struct client *c, struct err *err)
{
    struct buf line;
    int rc = client_open(c, RD_KAFKA_PRODUCER, NULL, err);
    buf_init_max(&line, MAX_LINE);
    while (rc == 0 && !interrupted && read_line(&line))
        rc = send_line(c, &line, err);
    buf_release(&line);
    if (rc)
        return -1;
    rd_kafka_resp_err_t e = rd_kafka_flush(c->rk, ASK_MS);
    if (e)
        return failed(e, c->args->words[0], err);
    if (c->failed) {
        *err = c->err;
        return -1;
    }
    printf(c->args->json ? "{\"sent\":%ju}\n" : "%ju events sent\n", (uintmax_t)c->sent);
    return 0;
}

/* ------------------------------------------------------------------ hubs and groups */

static int topics(struct client *c, struct err *err)
{
    const struct rd_kafka_metadata *md;
    if (client_open(c, RD_KAFKA_PRODUCER, NULL, err))
        return -1;
    rd_kafka_resp_err_t e = rd_kafka_metadata(c->rk, 1, NULL, &md, ASK_MS);
    if (e)
        return failed(e, "topics", err);
    int rc = 0;
    for (int i = 0; rc == 0 && i < md->topic_cnt; i++) {
        rd_kafka_topic_partition_list_t *low = NULL, *high = NULL;
        const char *name = md->topics[i].topic;
        int64_t events = 0;
        rc = partitions_of(c, name, &low, &high, err);
        for (int p = 0; rc == 0 && p < low->cnt && p < high->cnt; p++)
            events += high->elems[p].offset - low->elems[p].offset;
        if (rc == 0)
            printf(c->args->json ? "{\"hub\":\"%s\",\"partitions\":%d,\"events\":%jd}\n" : "%-40s %4d partitions %12jd events\n", name, low->cnt,
                   (intmax_t)events);
        if (low)
            rd_kafka_topic_partition_list_destroy(low);
        if (high)
            rd_kafka_topic_partition_list_destroy(high);
    }
    rd_kafka_metadata_destroy(md);
    return rc;
}

static int create(struct client *c, struct err *err)
{
    char why[256];
    if (client_open(c, RD_KAFKA_PRODUCER, NULL, err))
        return -1;
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(c->args->words[0], (int)c->args->partitions, c->outside ? -1 /* as its brokers have it */ : 1, why, sizeof why);
    if (!t)
        return err_set(err, ERR_USAGE, "%s", why);
    rd_kafka_queue_t *q = rd_kafka_queue_new(c->rk);
    rd_kafka_CreateTopics(c->rk, &t, 1, NULL, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, ASK_MS);
    size_t n = 0;
    const rd_kafka_CreateTopics_result_t *res = ev ? rd_kafka_event_CreateTopics_result(ev) : NULL;
    const rd_kafka_topic_result_t *const *made = res ? rd_kafka_CreateTopics_result_topics(res, &n) : NULL;
    int rc = 0;
    if (!ev || rd_kafka_event_error(ev))
        rc = failed(ev ? rd_kafka_event_error(ev) : RD_KAFKA_RESP_ERR__TIMED_OUT, c->args->words[0], err);
    else if (n && rd_kafka_topic_result_error(made[0]))
        rc = err_set(err, rd_kafka_topic_result_error(made[0]) == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? ERR_EXISTS : ERR_INPUT, "%s: %s",
                     c->args->words[0], rd_kafka_err2str(rd_kafka_topic_result_error(made[0])));
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(q);
    rd_kafka_NewTopic_destroy(t);
    return rc;
}

static int print_group(struct client *c, const struct rd_kafka_group_info *g, struct err *err)
{
    struct client own = {.args = c->args, .arena = c->arena};
    rd_kafka_topic_partition_list_t *hubs = rd_kafka_topic_partition_list_new(8);
    const struct rd_kafka_metadata *md;
    int64_t lag = 0;
    int rc = client_open(&own, RD_KAFKA_CONSUMER, g->group, err);
    rd_kafka_resp_err_t e = rc ? 0 : rd_kafka_metadata(own.rk, 1, NULL, &md, ASK_MS);
    if (rc == 0 && e)
        rc = failed(e, g->group, err);
    for (int i = 0; rc == 0 && i < md->topic_cnt; i++)
        for (int p = 0; p < md->topics[i].partition_cnt; p++)
            rd_kafka_topic_partition_list_add(hubs, md->topics[i].topic, md->topics[i].partitions[p].id);
    if (rc == 0)
        rd_kafka_metadata_destroy(md);
    if (rc == 0 && (e = rd_kafka_committed(own.rk, hubs, ASK_MS)))
        rc = failed(e, g->group, err);
    for (int i = 0; rc == 0 && i < hubs->cnt; i++) {
        int64_t low, high;
        if (hubs->elems[i].offset < 0)
            continue;
        e = rd_kafka_query_watermark_offsets(own.rk, hubs->elems[i].topic, hubs->elems[i].partition, &low, &high, ASK_MS);
        if (e)
            rc = failed(e, g->group, err);
        else
            lag += high - hubs->elems[i].offset;
    }
    if (rc == 0 && c->args->json) {
        struct buf name; /* a group's may be any text */
        buf_init(&name);
        json_quote(&name, str_z(g->group));
        printf("{\"group\":%s,\"state\":\"%s\",\"members\":%d,\"lag\":%jd}\n", name.ptr, g->state, g->member_cnt, (intmax_t)lag);
        buf_release(&name);
    } else if (rc == 0) {
        printf("%-40s %-12s %4d members %12jd behind\n", g->group, g->state, g->member_cnt, (intmax_t)lag);
    }
    rd_kafka_topic_partition_list_destroy(hubs);
    if (own.rk)
        rd_kafka_destroy(own.rk);
    return rc;
}

static int groups(struct client *c, struct err *err)
{
    const struct rd_kafka_group_list *list;
    if (client_open(c, RD_KAFKA_PRODUCER, NULL, err))
        return -1;
    rd_kafka_resp_err_t e = rd_kafka_list_groups(c->rk, NULL, &list, ASK_MS);
    if (e)
        return failed(e, "groups", err);
    int rc = 0;
    for (int i = 0; rc == 0 && i < list->group_cnt; i++)
        rc = print_group(c, &list->groups[i], err);
    rd_kafka_group_list_destroy(list);
    return rc;
}

/* Only while nobody is in the group: else its members would go on from where they are. */
static int reset_offsets(struct client *c, struct err *err)
{
    rd_kafka_topic_partition_list_t *at = NULL;
    struct str to = str_z(c->args->to ? c->args->to : "earliest");
    int64_t offset = -1;
    bool latest = str_eqz(to, "latest");
    if (!latest && !str_eqz(to, "earliest") && (!str_i64(to, &offset) || offset < 0))
        return err_set(err, ERR_USAGE, "--to is earliest, latest, or an offset, not '%.*s'", STR_ARGS(to));
    int rc = client_open(c, RD_KAFKA_CONSUMER, c->args->words[0], err) || partitions_of(c, c->args->words[1], latest ? NULL : &at, latest ? &at : NULL, err) ? -1 : 0;
    for (int i = 0; rc == 0 && offset >= 0 && i < at->cnt; i++)
        at->elems[i].offset = offset;
    rd_kafka_resp_err_t e = rc ? 0 : rd_kafka_commit(c->rk, at, 0);
    for (int i = 0; rc == 0 && !e && i < at->cnt; i++)
        e = at->elems[i].err;
    if (e == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || e == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION || e == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
        rc = err_set(err, ERR_CONFLICT, "group '%s' has members: stop them first", c->args->words[0]);
    else if (e)
        rc = failed(e, c->args->words[0], err);
    if (at)
        rd_kafka_topic_partition_list_destroy(at);
    return rc;
}

/* ------------------------------------------------------------------ the commands */

static int run(const struct cli_args *args, int (*work)(struct client *c, struct err *err))
{
    struct client c = {.args = args, .arena = arena_new()};
    struct err err = {0};
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    int status = work(&c, &err) ? cli_fail(args, &err) : 0;
    if (c.rk)
        rd_kafka_destroy(c.rk);
    arena_free(c.arena);
    return status;
}

int cmd_hub_topics(const struct cli_args *args) { return run(args, topics); }
int cmd_hub_create(const struct cli_args *args) { return run(args, create); }
int cmd_hub_produce(const struct cli_args *args) { return run(args, produce); }
int cmd_hub_consume(const struct cli_args *args) { return run(args, consume); }
int cmd_hub_tail(const struct cli_args *args) { return run(args, tail); }
int cmd_hub_groups(const struct cli_args *args) { return run(args, groups); }
int cmd_hub_reset_offsets(const struct cli_args *args) { return run(args, reset_offsets); }
