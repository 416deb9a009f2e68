#include "functions/bindings.h"
#include <string.h>

enum direction { DIR_TRIGGER, DIR_IN, DIR_OUT };

struct reader {
    struct arena *a;
    const struct binding_env *env;
};

struct binding_row {
    const char *type;
    enum direction direction;
    enum binding_role role;
    const char *required[2];
    int (*read)(const struct reader *r, struct binding *b, struct err *err); /* NULL: refused … */
    const char *instead;                                                    /* … and the way around */
};

/* A member as text, settings expanded; STR_NONE if it is absent or empty. */
static int member(const struct reader *r, const struct binding *b, const char *key, struct str *out, struct err *err)
{
    const struct doc *d = doc_iget(b->at, key);
    *out = STR_NONE;
    if (!d || doc_is(d, DOC_NULL))
        return 0;
    if (!doc_is(d, DOC_STRING))
        return doc_err(d, ERR_INPUT, err, "'%s' must be a text, it is %s", key, doc_kind_name(d->kind));
    if (settings_expand(r->env->settings, r->a, d, out, err))
        return -1;
    if (!out->len)
        *out = STR_NONE;
    return 0;
}

/* Gives an error the place of a member, if it has none yet; -1. */
static int at_member(const struct binding *b, const char *key, struct err *err)
{
    const struct doc *d = doc_iget(b->at, key);
    if (!d)
        d = b->at;
    return err_locate(err, d->file, d->line, d->col);
}

static int read_timer(const struct reader *r, struct binding *b, struct err *err)
{
    struct str text, zone = settings_get(r->env->settings, STR("WEBSITE_TIME_ZONE"));
    const struct doc *monitor = doc_iget(b->at, "useMonitor");
    if (member(r, b, "schedule", &text, err))
        return -1;
    if (schedule_parse(&b->schedule, text, zone, err))
        return at_member(b, "schedule", err);
    b->run_on_startup = doc_bool(doc_iget(b->at, "runOnStartup"), false);
    if (doc_is(monitor, DOC_BOOL))
        b->monitor = monitor->boolean ? MONITOR_ON : MONITOR_OFF;
    return 0;
}

static int read_hub(const struct reader *r, struct binding *b, struct err *err)
{
    struct str connection, host, entity;
    struct resolved at;
    const struct doc *place = doc_iget(b->at, "connection");
    if (member(r, b, "connection", &connection, err) || member(r, b, "eventHubName", &b->hub, err))
        return -1;
    if (settings_namespace(r->env->settings, r->a, place, connection, &host, &entity, err))
        return -1;
    if (entity.len) /* wins over the binding's own name */
        b->hub = entity;
    if (!b->hub.len)
        return doc_err(b->at, ERR_INPUT, err, "the binding '%.*s' names no event hub: give eventHubName, or EntityPath "
                       "in the connection", STR_ARGS(b->name));
    struct str uri = str_fmt(r->a, "sb://%.*s/%.*s", STR_ARGS(host), STR_ARGS(b->hub));
    if (resolve_name(r->env->names, r->a, uri, &at, err))
        return at_member(b, "connection", err);
    if (at.kind != RESOLVED_HUB)
        return doc_err(place, ERR_UNSUPPORTED, err, "the namespace '%.*s' is bound elsewhere; an eventHub output can only "
                       "go to a hub that is served here", STR_ARGS(host));
    b->name_space = str_z(at.name_space);
    if (r->env->hub && r->env->hub(r->env->ctx, at.name_space, str_cz(r->a, b->hub), err))
        return at_member(b, "eventHubName", err);
    return 0;
}

static int read_blob(const struct reader *r, struct binding *b, struct err *err)
{
    struct str connection, path;
    struct resolved at;
    const struct doc *place = doc_iget(b->at, "connection");
    if (member(r, b, "connection", &connection, err) || member(r, b, "path", &path, err))
        return -1;
    if (!connection.len)
        connection = STR("AzureWebJobsStorage");
    if (settings_account(r->env->settings, r->a, place ? place : b->at, connection, &b->account, err))
        return -1;
    b->path = blob_path_parse(r->a, path, err);
    if (!b->path)
        return at_member(b, "path", err);
    struct tp now = time_now();
    struct str url = blob_url(r->a, b->account, blob_path_make(b->path, r->a, now, STR("f")));
    if (resolve_name(r->env->names, r->a, url, &at, err))
        return at_member(b, "path", err);
    if (at.kind != RESOLVED_LOCAL && (b->role == BINDING_BLOB_OUT || at.kind != RESOLVED_GIT))
        return doc_err(b->at, ERR_UNSUPPORTED, err, "the storage account '%.*s' is bound elsewhere; a blob %s can only be "
                       "served from a folder", STR_ARGS(b->account), b->role == BINDING_BLOB_OUT ? "output" : "input");
    return 0;
}

static const char NO_HTTP[] = "HTTP functions are not served";
static const char USE_SDK[] = "send or receive with the azure-eventhub package inside a timer function";
static const char NO_SERVICE[] = "the service behind it has no local part";

static const struct binding_row ROWS[] = {
    {"timerTrigger", DIR_TRIGGER, BINDING_TIMER, {"schedule"}, read_timer, NULL},
    {"eventHub", DIR_OUT, BINDING_HUB_OUT, {"connection"}, read_hub, NULL},
    {"blob", DIR_IN, BINDING_BLOB_IN, {"path"}, read_blob, NULL},
    {"blob", DIR_OUT, BINDING_BLOB_OUT, {"path"}, read_blob, NULL},
    {"httpTrigger", DIR_TRIGGER, 0, {NULL}, NULL, NO_HTTP},
    {"http", DIR_OUT, 0, {NULL}, NULL, NO_HTTP},
    {"eventHubTrigger", DIR_TRIGGER, 0, {NULL}, NULL, USE_SDK},
    {"blobTrigger", DIR_TRIGGER, 0, {NULL}, NULL, "read the blob as an input binding of a timer function"},
    {"queueTrigger", DIR_TRIGGER, 0, {NULL}, NULL, NO_SERVICE},
    {"queue", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"table", DIR_IN, 0, {NULL}, NULL, NO_SERVICE},
    {"table", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"cosmosDBTrigger", DIR_TRIGGER, 0, {NULL}, NULL, NO_SERVICE},
    {"cosmosDB", DIR_IN, 0, {NULL}, NULL, NO_SERVICE},
    {"cosmosDB", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"serviceBusTrigger", DIR_TRIGGER, 0, {NULL}, NULL, NO_SERVICE},
    {"serviceBus", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"eventGridTrigger", DIR_TRIGGER, 0, {NULL}, NULL, NO_SERVICE},
    {"eventGrid", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"kafkaTrigger", DIR_TRIGGER, 0, {NULL}, NULL, "the hub speaks Kafka: use a client inside a timer function"},
    {"kafka", DIR_OUT, 0, {NULL}, NULL, "use an eventHub output: its hub speaks Kafka too"},
    {"sqlTrigger", DIR_TRIGGER, 0, {NULL}, NULL, NO_SERVICE},
    {"sql", DIR_IN, 0, {NULL}, NULL, NO_SERVICE},
    {"sql", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"signalR", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"sendGrid", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"twilioSms", DIR_OUT, 0, {NULL}, NULL, NO_SERVICE},
    {"orchestrationTrigger", DIR_TRIGGER, 0, {NULL}, NULL, "Durable Functions do not run here"},
    {"activityTrigger", DIR_TRIGGER, 0, {NULL}, NULL, "Durable Functions do not run here"},
    {"entityTrigger", DIR_TRIGGER, 0, {NULL}, NULL, "Durable Functions do not run here"},
    {"durableClient", DIR_IN, 0, {NULL}, NULL, "Durable Functions do not run here"},
    {"warmupTrigger", DIR_TRIGGER, 0, {NULL}, NULL, "nothing needs to be warmed up here"},
};

static bool is_trigger(struct str type)
{
    return type.len > 7 && str_ieqz(str_from(type, type.len - 7), "Trigger");
}

static int find_row(const struct doc *at, const struct binding_row **out, struct err *err)
{
    const struct doc *type = doc_iget(at, "type"), *way = doc_iget(at, "direction");
    if (!doc_is(type, DOC_STRING))
        return doc_err(type ? type : at, ERR_INPUT, err, "a binding needs 'type', a text");
    struct str dir = doc_str(way, is_trigger(type->text) ? STR("in") : STR_NONE);
    if (!str_ieqz(dir, "in") && !str_ieqz(dir, "out"))
        return doc_err(way ? way : at, ERR_INPUT, err, "the direction of the binding '%.*s' must be \"in\" or \"out\"",
                       STR_ARGS(type->text));
    enum direction d = str_ieqz(dir, "out") ? DIR_OUT : is_trigger(type->text) ? DIR_TRIGGER : DIR_IN;
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        if (!str_ieqz(type->text, ROWS[i].type))
            continue;
        known = true;
        if (ROWS[i].direction != d)
            continue;
        *out = &ROWS[i];
        if (ROWS[i].read)
            return 0;
        return doc_err(at, ERR_UNSUPPORTED, err, "the %s binding '%.*s' is not supported: %s",
                       d == DIR_TRIGGER ? "trigger" : d == DIR_IN ? "input" : "output", STR_ARGS(type->text),
                       ROWS[i].instead);
    }
    if (known)
        return doc_err(at, ERR_UNSUPPORTED, err, "the binding type '%.*s' has no direction \"%.*s\" here",
                       STR_ARGS(type->text), STR_ARGS(dir));
    return doc_err(type, ERR_UNSUPPORTED, err, "the binding type '%.*s' is not known", STR_ARGS(type->text));
}

static int read_one(const struct reader *r, struct binding *b, const struct doc *at, struct err *err)
{
    const struct binding_row *row = NULL;
    if (!doc_is(at, DOC_OBJECT))
        return doc_err(at, ERR_INPUT, err, "a binding must be an object");
    if (find_row(at, &row, err))
        return -1;
    *b = (struct binding){.role = row->role, .type = str_z(row->type), .at = at};
    b->name = doc_str(doc_iget(at, "name"), STR_NONE);
    if (!b->name.len)
        return doc_err(at, ERR_INPUT, err, "the binding '%s' needs a name", row->type);
    for (size_t i = 0; i < COUNT_OF(row->required) && row->required[i]; i++) {
        const struct doc *d = doc_iget(at, row->required[i]);
        if (!d || (doc_is(d, DOC_STRING) && !d->text.len))
            return doc_err(d ? d : at, ERR_INPUT, err, "the binding '%.*s' (%s) needs '%s'", STR_ARGS(b->name), row->type,
                           row->required[i]);
    }
    return row->read(r, b, err);
}

int bindings_read(struct bindings *out, struct arena *a, const struct binding_env *env, const struct doc *function,
                  const struct doc *list, struct err *err)
{
    struct reader r = {a, env};
    *out = (struct bindings){0};
    if (!doc_is(list, DOC_ARRAY))
        return doc_err(list ? list : function, ERR_INPUT, err, "'bindings' must be a list");
    if (list->count > BINDINGS_MAX)
        return doc_err(list, ERR_LIMIT, err, "%zu bindings; at most %d are allowed", list->count, BINDINGS_MAX);
    out->all = ARENA_ARRAY(a, struct binding, list->count + 1);
    for (size_t i = 0; i < list->count; i++) {
        struct binding *b = &out->all[i];
        if (read_one(&r, b, list->items[i], err))
            return -1;
        if (bindings_find(out, b->name))
            return doc_err(b->at, ERR_INPUT, err, "two bindings are named '%.*s'", STR_ARGS(b->name));
        out->count++;
        if (!is_trigger(b->type))
            continue;
        if (out->trigger)
            return doc_err(b->at, ERR_INPUT, err, "a function has one trigger; this one has '%.*s' already",
                           STR_ARGS(out->trigger->name));
        out->trigger = b;
    }
    if (!out->trigger)
        return doc_err(list, ERR_INPUT, err, "the function has no trigger");
    return 0;
}

const struct binding *bindings_find(const struct bindings *b, struct str name)
{
    for (size_t i = 0; i < b->count; i++)
        if (str_eq(b->all[i].name, name))
            return &b->all[i];
    return NULL;
}
