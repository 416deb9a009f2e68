#include "functions/settings.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct setting {
    struct str name, value;
    const struct doc *at;
};

struct settings {
    struct arena *arena;
    struct map *by_name;      /* struct setting */
    struct setting *list;
    size_t count, cap;
    struct str *secrets;
    size_t secret_count, secret_cap;
};

/* ------------------------------------------------------------------ JSON as Azure reads it */

/* Blanks the comment that starts at text[at], if one does; returns where it ends. */
static size_t blank_comment(char *text, size_t len, size_t at)
{
    size_t end = at;
    if (at + 1 < len && text[at] == '/' && text[at + 1] == '/') {
        while (end < len && text[end] != '\n')
            end++;
    } else if (at + 1 < len && text[at] == '/' && text[at + 1] == '*') {
        char *close = memmem(text + at + 2, len - at - 2, "*/", 2);
        end = close ? (size_t)(close - text) + 2 : at; /* an open one stays, as the reader's error */
    }
    for (size_t i = at; i < end; i++)
        if (text[i] != '\n')
            text[i] = ' ';
    return end;
}

static void relax(char *text, size_t len)
{
    size_t comma = SIZE_MAX; /* the last significant byte, if it is a comma */
    for (size_t at = 0; at < len;) {
        size_t after = blank_comment(text, len, at);
        if (after > at) {
            at = after;
            continue;
        }
        char c = text[at++];
        if (c == '"') {
            while (at < len && text[at] != '"')
                at += text[at] == '\\' ? 2 : 1;
            at++;
        }
        if ((c == ']' || c == '}') && comma != SIZE_MAX)
            text[comma] = ' ';
        if (!strchr(" \t\r\n", c))
            comma = c == ',' ? at - 1 : SIZE_MAX;
    }
}

struct doc *settings_json_text(struct arena *a, const char *name, struct str text, struct err *err)
{
    char *copy = str_cz(a, text);
    relax(copy, text.len);
    return doc_json(a, name, str_of(copy, text.len), err);
}

struct doc *settings_json(struct arena *a, const char *name, const char *path, struct err *err)
{
    struct buf text;
    struct doc *d = NULL;
    buf_init_max(&text, SETTINGS_MAX_BYTES + 1);
    if (fs_read_file(path, SETTINGS_MAX_BYTES, &text, err) == 0)
        d = settings_json_text(a, name, buf_view(&text), err);
    buf_release(&text);
    return d;
}

/* ------------------------------------------------------------------ host.json */

static bool timespan_part(struct str *rest, char sep, bool last, int64_t *out)
{
    int64_t at = last ? (int64_t)rest->len : str_chr(*rest, sep);
    uint64_t v;
    if (at < 0 || at > 9 || !str_u64(str_sub(*rest, 0, (size_t)at), &v))
        return false;
    *out = (int64_t)v;
    *rest = str_from(*rest, last ? rest->len : (size_t)at + 1);
    return true;
}

bool timespan_ms(struct str text, int64_t *ms)
{
    int64_t days = 0, hours, minutes, seconds = 0, fraction_ms = 0;
    int64_t dot = str_chr(text, '.'), colon = str_chr(text, ':');
    bool has_days = dot >= 0 && dot < colon;
    if (has_days && !timespan_part(&text, '.', false, &days))
        return false;
    if (!timespan_part(&text, ':', false, &hours))
        return false;
    bool three = str_chr(text, ':') >= 0;
    if (!timespan_part(&text, ':', !three, &minutes))
        return false;
    dot = str_chr(text, '.');
    if (three && dot >= 0) {
        double f;
        if (!str_f64(str_from(text, (size_t)dot), &f))
            return false;
        fraction_ms = (int64_t)(f * 1000);
        text.len = (size_t)dot;
    }
    if (three && !timespan_part(&text, 0, true, &seconds))
        return false;
    if (three && !has_days && hours > 23) { /* "24:00:00" is 24 days */
        days = hours, hours = minutes, minutes = seconds, seconds = 0;
    }
    if (hours > 23 || minutes > 59 || seconds > 59 || days > 10000)
        return false;
    *ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + fraction_ms;
    return true;
}

static int read_timeout(const struct doc *d, struct host_json *out, struct err *err)
{
    if (!d)
        return 0;
    struct str text = doc_str(d, STR_NONE);
    if (str_eqz(text, "-1"))
        out->timeout_ms = -1;
    else if (!timespan_ms(text, &out->timeout_ms) || out->timeout_ms <= 0)
        return doc_err(d, ERR_INPUT, err, "functionTimeout must be a time such as \"00:05:00\", or \"-1\" for none");
    return 0;
}

int host_json_read(struct arena *a, const char *app_dir, const char *shown, struct host_json *out, struct err *err)
{
    *out = (struct host_json){.timeout_ms = FUNCTION_TIMEOUT_MS};
    struct doc *host = settings_json(a, path_join(a, shown, "host.json"), path_join(a, app_dir, "host.json"), err);
    if (!host)
        return -1;
    if (!doc_is(host, DOC_OBJECT))
        return doc_err(host, ERR_INPUT, err, "host.json must be an object");
    struct doc *version = doc_need(host, "version", DOC_STRING, err);
    if (!version)
        return -1;
    if (!str_eqz(version->text, "2.0"))
        return doc_err(version, ERR_UNSUPPORTED, err, "host.json's version must be \"2.0\", it is \"%.*s\"",
                       STR_ARGS(version->text));
    struct doc *custom = doc_get(host, "customHandler");
    if (custom && custom->count > 0)
        return doc_err(custom, ERR_UNSUPPORTED, err, "customHandler is not supported: only Python apps run here");
    struct doc *retry = doc_get(host, "retry");
    if (retry)
        return doc_err(retry, ERR_UNSUPPORTED, err, "retry policies are not supported; remove 'retry'");
    struct doc *only = doc_get(host, "functions");
    if (only && !doc_is(only, DOC_ARRAY))
        return doc_err(only, ERR_INPUT, err, "'functions' must be a list of function names");
    out->only = only;
    return read_timeout(doc_get(host, "functionTimeout"), out, err);
}

/* ------------------------------------------------------------------ app settings */

static const char *const SECRET_KEYS[] = {"SharedAccessKey", "AccountKey", "SharedAccessSignature", "Password", "Pwd"};

struct str connection_part(struct str connection, const char *key)
{
    struct str part;
    while (str_split(&connection, ';', &part)) {
        int64_t eq = str_chr(part, '='); /* keys end in '=' themselves: the first one separates */
        if (eq > 0 && str_ieqz(str_trim(str_sub(part, 0, (size_t)eq)), key))
            return str_trim(str_from(part, (size_t)eq + 1));
    }
    return STR_NONE;
}

static void note_secrets(struct settings *s, struct str value)
{
    for (size_t i = 0; i < COUNT_OF(SECRET_KEYS); i++) {
        struct str secret = connection_part(value, SECRET_KEYS[i]);
        if (secret.len < SECRET_MIN_BYTES)
            continue;
        s->secrets = arena_grow(s->arena, s->secrets, &s->secret_cap, s->secret_count + 1, sizeof *s->secrets);
        s->secrets[s->secret_count++] = str_copy(s->arena, secret);
    }
}

static int add_values(struct settings *s, const struct doc *values, struct err *err)
{
    if (!values || doc_is(values, DOC_NULL))
        return 0;
    if (!doc_is(values, DOC_OBJECT))
        return doc_err(values, ERR_INPUT, err, "app settings must be an object of names and texts");
    if (values->count > SETTINGS_MAX)
        return doc_err(values, ERR_LIMIT, err, "%zu app settings; at most %d are allowed", values->count, SETTINGS_MAX);
    for (size_t i = 0; i < values->count; i++) {
        const struct doc *v = values->items[i];
        struct str name = values->keys[i].name, text = v->text;
        if (doc_is(v, DOC_ARRAY) || doc_is(v, DOC_OBJECT))
            return doc_err(v, ERR_INPUT, err, "the app setting '%.*s' must be a text, it is %s", STR_ARGS(name),
                           doc_kind_name(v->kind));
        if (doc_is(v, DOC_BOOL))
            text = v->boolean ? STR("true") : STR("false");
        if (name.len == 0 || memchr(name.ptr, '=', name.len) || memchr(name.ptr, 0, name.len) ||
            (text.len && memchr(text.ptr, 0, text.len)))
            return doc_err(v, ERR_INPUT, err, "the app setting '%.*s' cannot be an environment variable", STR_ARGS(name));
        s->list = arena_grow(s->arena, s->list, &s->cap, s->count + 1, sizeof *s->list);
        s->list[s->count++] = (struct setting){name, text, v};
    }
    return 0;
}

static int read_local(struct settings *s, const char *name, const char *path, struct err *err)
{
    if (!fs_exists(path))
        return 0; /* as in a fresh checkout: this file is rarely committed */
    struct doc *local = settings_json(s->arena, name, path, err);
    if (!local)
        return -1;
    if (!doc_is(local, DOC_OBJECT))
        return doc_err(local, ERR_INPUT, err, "local.settings.json must be an object");
    struct doc *encrypted = doc_iget(local, "IsEncrypted");
    if (doc_bool(encrypted, false))
        return doc_err(encrypted, ERR_UNSUPPORTED, err,
                       "IsEncrypted: encrypted settings cannot be read here; run 'func settings decrypt', or give "
                       "the settings in the environment");
    if (add_values(s, doc_iget(local, "Values"), err))
        return -1;
    struct doc *connections = doc_iget(local, "ConnectionStrings");
    return doc_is(connections, DOC_OBJECT) ? add_values(s, connections, err) : 0;
}

static int check_runtime(const struct settings *s, const char *shown, struct err *err)
{
    struct str name = STR("FUNCTIONS_WORKER_RUNTIME"), runtime = settings_get(s, name);
    const struct setting *set = map_get(s->by_name, name);
    if (!runtime.len || str_ieqz(runtime, "python"))
        return 0;
    err_set(err, ERR_UNSUPPORTED, "FUNCTIONS_WORKER_RUNTIME is '%.*s': only Python apps run here", STR_ARGS(runtime));
    if (set)
        return err_locate(err, set->at->file, set->at->line, set->at->col);
    return err_locate(err, shown, 0, 0);
}

struct settings *settings_read(struct arena *a, const char *app_dir, const char *shown, struct err *err)
{
    struct settings *s = ARENA_NEW(a, struct settings);
    s->arena = a;
    if (read_local(s, path_join(a, shown, "local.settings.json"), path_join(a, app_dir, "local.settings.json"), err))
        return NULL;
    s->by_name = map_new_icase();
    for (size_t i = 0; i < s->count; i++)
        map_put(s->by_name, s->list[i].name, &s->list[i]);
    for (size_t i = 0; i < s->count; i++)
        note_secrets(s, settings_get(s, s->list[i].name));
    for (char **e = environ; *e; e++)
        note_secrets(s, str_z(strchr(*e, '=') ? strchr(*e, '=') + 1 : ""));
    if (check_runtime(s, shown, err)) {
        map_free(s->by_name);
        return NULL;
    }
    return s;
}

void settings_free(struct settings *s)
{
    if (s)
        map_free(s->by_name);
}

struct str settings_get(const struct settings *s, struct str name)
{
    char z[512];
    if (name.len < sizeof z && !(name.len && memchr(name.ptr, 0, name.len))) {
        memcpy(z, name.ptr ? name.ptr : "", name.len);
        z[name.len] = 0;
        const char *ours = getenv(z);
        if (ours)
            return str_z(ours);
    }
    const struct setting *set = map_get(s->by_name, name);
    if (!set)
        return STR_NONE;
    return set->value.ptr ? set->value : STR("");
}

int settings_expand(const struct settings *s, struct arena *a, const struct doc *text, struct str *out, struct err *err)
{
    struct buf b;
    struct str rest = text->text;
    int rc = 0;
    buf_init_max(&b, SETTINGS_MAX_BYTES);
    for (int64_t at; rc == 0 && (at = str_chr(rest, '%')) >= 0;) {
        struct str tail = str_from(rest, (size_t)at + 1);
        int64_t end = str_chr(tail, '%');
        if (end < 0) {
            rc = doc_err(text, ERR_INPUT, err, "'%.*s': a '%%' has no partner; %%NAME%% stands for an app setting",
                         STR_ARGS(text->text));
            break;
        }
        struct str name = str_sub(tail, 0, (size_t)end), value = settings_get(s, name);
        if (!value.ptr)
            rc = doc_err(text, ERR_INPUT, err, "the app setting '%.*s' is not set; add it to Values of local.settings.json "
                         "or to the environment", STR_ARGS(name));
        buf_str(&b, str_sub(rest, 0, (size_t)at));
        buf_str(&b, value);
        rest = str_from(tail, (size_t)end + 1);
    }
    buf_str(&b, rest);
    if (rc == 0)
        rc = buf_check(&b, "a binding's text", err);
    *out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return rc;
}

static const char *env_entry(struct settings *s, struct arena *a, struct str name, struct str value,
                             settings_rewrite rewrite, void *ctx)
{
    if (rewrite) {
        value = rewrite(ctx, a, name, value);
        note_secrets(s, value);
    }
    return arena_printf(a, "%.*s=%.*s", STR_ARGS(name), STR_ARGS(value));
}

/* What Azure's host sets for every worker. */
static const struct { const char *name, *value; } HOST_ENV[] = {
    {"AZURE_FUNCTIONS_ENVIRONMENT", "Development"},
    {"FUNCTIONS_EXTENSION_VERSION", "~4"},
    {"FUNCTIONS_WORKER_RUNTIME", "python"},
    {"PYTHONUNBUFFERED", "1"},
};

const char *const *settings_env(struct settings *s, struct arena *a, settings_rewrite rewrite, void *ctx)
{
    const char **env = NULL;
    size_t count = 0, cap = 0, ours = 0;
    while (environ[ours])
        ours++;
    env = arena_grow(a, env, &cap, ours + s->count + COUNT_OF(HOST_ENV) + 1, sizeof *env);
    for (size_t i = 0; i < ours; i++) {
        struct str entry = str_z(environ[i]);
        int64_t eq = str_chr(entry, '=');
        if (eq > 0)
            env[count++] = env_entry(s, a, str_sub(entry, 0, (size_t)eq), str_from(entry, (size_t)eq + 1), rewrite, ctx);
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct setting *set = &s->list[i];
        if (map_get(s->by_name, set->name) == set && !getenv(str_cz(a, set->name)))
            env[count++] = env_entry(s, a, set->name, set->value, rewrite, ctx);
    }
    for (size_t i = 0; i < COUNT_OF(HOST_ENV); i++)
        if (!settings_get(s, str_z(HOST_ENV[i].name)).ptr)
            env[count++] = arena_printf(a, "%s=%s", HOST_ENV[i].name, HOST_ENV[i].value);
    env[count] = NULL;
    return env;
}

struct str settings_mask(const struct settings *s, struct arena *a, struct str text)
{
    for (size_t i = 0; i < s->secret_count; i++) {
        int64_t at;
        while ((at = str_find(text, s->secrets[i])) >= 0) {
            struct str tail = str_from(text, (size_t)at + s->secrets[i].len);
            text = str_fmt(a, "%.*s***%.*s", (int)at, text.ptr, STR_ARGS(tail));
        }
    }
    return text;
}

/* ------------------------------------------------------------------ connections */

static struct str named(const struct settings *s, struct arena *a, struct str setting, const char *suffix)
{
    return settings_get(s, str_fmt(a, "%.*s%s", STR_ARGS(setting), suffix));
}

/* The host of "https://host:port/…" or "sb://host/". */
static struct str url_host(struct str url)
{
    int64_t scheme = str_find(url, STR("://"));
    if (scheme >= 0)
        url = str_from(url, (size_t)scheme + 3);
    for (size_t i = 0; i < url.len; i++)
        if (strchr("/:", url.ptr[i]))
            return str_sub(url, 0, i);
    return url;
}

static struct str first_label(struct str host)
{
    int64_t dot = str_chr(host, '.');
    return dot < 0 ? host : str_sub(host, 0, (size_t)dot);
}

static int not_set(const struct doc *at, struct str setting, struct err *err)
{
    return doc_err(at, ERR_INPUT, err,
                   "the app setting '%.*s', which the binding's connection names, is not set; add it to Values of "
                   "local.settings.json or to the environment", STR_ARGS(setting));
}

int settings_account(const struct settings *s, struct arena *a, const struct doc *at, struct str setting,
                     struct str *account, struct err *err)
{
    struct str value = settings_get(s, setting), name;
    if (!value.ptr) /* Azure's host knows storage settings with and without this prefix */
        value = settings_get(s, str_fmt(a, "AzureWebJobs%.*s", STR_ARGS(setting)));
    if (value.ptr) {
        name = connection_part(value, "AccountName");
        if (!name.len && str_ieqz(connection_part(value, "UseDevelopmentStorage"), "true"))
            name = STR("devstoreaccount1");
        if (!name.len)
            name = first_label(url_host(connection_part(value, "BlobEndpoint")));
    } else {
        name = named(s, a, setting, "__accountName");
        if (!name.len)
            name = first_label(url_host(named(s, a, setting, "__blobServiceUri")));
        if (!name.len)
            return not_set(at, setting, err);
    }
    if (!name.len)
        return doc_err(at, ERR_INPUT, err, "the app setting '%.*s' is no storage connection string: it has neither "
                       "AccountName nor BlobEndpoint nor UseDevelopmentStorage=true", STR_ARGS(setting));
    *account = str_lower(a, name);
    return 0;
}

int settings_namespace(const struct settings *s, struct arena *a, const struct doc *at, struct str setting,
                       struct str *host, struct str *entity, struct err *err)
{
    struct str value = settings_get(s, setting), found;
    *entity = STR_NONE;
    if (value.ptr) {
        found = url_host(connection_part(value, "Endpoint"));
        struct str path = connection_part(value, "EntityPath");
        if (path.len)
            *entity = str_copy(a, path);
        /* The emulator has one namespace, and its strings name the machine instead. */
        if (str_ieqz(connection_part(value, "UseDevelopmentEmulator"), "true") && str_chr(found, '.') < 0)
            found = STR("emulatorns1.servicebus.windows.net");
    } else {
        found = named(s, a, setting, "__fullyQualifiedNamespace");
        if (!found.len)
            return not_set(at, setting, err);
    }
    if (!found.len)
        return doc_err(at, ERR_INPUT, err, "the app setting '%.*s' is no Event Hubs connection string: it has no "
                       "Endpoint=sb://…", STR_ARGS(setting));
    *host = str_lower(a, found);
    return 0;
}
