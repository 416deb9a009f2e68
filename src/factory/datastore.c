/* Finding and fetching source files. */
#include "factory/datastore.h"
#include "factory/date.h"
#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>

bool datastore_is_temporary(const char *name)
{
    return strncmp(name, "_tmp.", 5) == 0;
}

bool datastore_time(struct str text, int64_t *us)
{
    struct date d;
    if (!date_read(text, &d))
        return false;
    *us = date_tp(d).us;
    return true;
}

bool datastore_match(struct str p, struct str s)
{
    struct str star = STR_NONE, retry = STR_NONE; /* after the last *, and where it was tried */
    bool has_star = false;
    for (;;) {
        if (p.len && p.ptr[0] == '*') {
            p = str_from(p, 1);
            star = p;
            retry = s;
            has_star = true;
            continue;
        }
        if (!s.len && !p.len)
            return true;
        bool escaped = p.len > 1 && p.ptr[0] == '^';
        if (s.len && p.len &&
            (escaped ? p.ptr[1] == s.ptr[0] : p.ptr[0] == '?' || p.ptr[0] == s.ptr[0])) {
            p = str_from(p, escaped ? 2 : 1);
            s = str_from(s, 1);
            continue;
        }
        if (!has_star || !retry.len)
            return false;
        retry = str_from(retry, 1);
        s = retry;
        p = star;
    }
}

/* ---------------------------------------------------------------- places */

int datastore_root(const struct resolver_names *names, struct arena *a, const struct data_at *at,
               struct resolved *root, struct err *err)
{
    struct resolved other;
    struct err ignored;
    if (resolve_name(names, a, str_z(at->base), root, err))
        return doc_err(at->where, err->code, err, "dataset '%s': %s", at->dataset,
                       arena_strdup(a, err->msg));
    if (!root->bound && at->other_base &&
        resolve_name(names, a, str_z(at->other_base), &other, &ignored) == 0 && other.bound)
        *root = other;
    if (root->kind != RESOLVED_LOCAL && root->kind != RESOLVED_GIT)
        return doc_err(at->where, ERR_UNSUPPORTED, err,
                       "dataset '%s': '%s' is bound to %s; a store is bound to a folder or a Git "
                       "repository", at->dataset, at->base, root->url ? root->url : "a hub");
    if (root->kind == RESOLVED_LOCAL && (at->base[0] != '/' || at->base[1] == '/') && !root->bound &&
        strcmp(at->service_type, "FileServer") == 0)
        return doc_err(at->where, ERR_UNSUPPORTED, err,
                       "linked service '%s': '%s' is not on this machine; bind it: %s=file:///path",
                       at->service, at->base, at->base);
    return 0;
}

static struct str joined(struct arena *a, struct str folder, struct str file)
{
    return folder.len && file.len ? str_fmt(a, "%.*s/%.*s", STR_ARGS(folder), STR_ARGS(file))
           : folder.len           ? folder
                                  : file;
}

int datastore_place(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                struct resolved *out, struct err *err)
{
    struct resolved root;
    if (datastore_root(names, a, at, &root, err))
        return -1;
    return resolve_below(&root, a, joined(a, at->folder, at->file), out, err);
}

/* ---------------------------------------------------------------- finding */

struct finder {
    struct arena *a;
    const struct data_at *at;
    const struct doc *settings;
    int64_t after_us, before_us;   /* modifiedDatetimeStart, End */
    struct str file_pattern;       /* "" all */
    struct datastore_file *files;
    size_t count, cap;
};

static bool keep(const struct finder *f, const struct resolved_entry *e)
{
    struct str name = path_base(str_z(e->name));
    if (e->stat.is_dir || datastore_is_temporary(str_cz(f->a, name)))
        return false;
    if (e->stat.mtime_us < f->after_us || e->stat.mtime_us >= f->before_us)
        return false;
    return !f->file_pattern.len || datastore_match(f->file_pattern, name);
}

static int add_file(struct finder *f, const struct resolved *at, struct str rel,
                    struct resolved_stat stat, struct str shown, struct err *err)
{
    if (f->count >= DATASTORE_MAX_FILES)
        return err_set(err, ERR_LIMIT, "dataset '%s' names more than %d files", f->at->dataset,
                       DATASTORE_MAX_FILES);
    f->files = arena_grow(f->a, f->files, &f->cap, f->count + 1, sizeof *f->files);
    f->files[f->count++] = (struct datastore_file){.rel = str_cz(f->a, rel), .at = *at, .stat = stat,
                                               .shown = str_cz(f->a, shown)};
    return 0;
}

/* Files of one folder; `prefix`: the folder's name relative to the one asked for. */
static int find_below(struct finder *f, const struct resolved *folder, struct str prefix,
                      struct str shown, bool recursive, struct err *err)
{
    struct resolved_entry *entries;
    int64_t n = recursive ? resolve_walk(folder, f->a, &entries, err)
                          : resolve_list(folder, f->a, &entries, err);
    for (int64_t i = 0; i < n; i++) {
        struct resolved at;
        struct str name = str_z(entries[i].name);
        if (!keep(f, &entries[i]))
            continue;
        if (resolve_below(folder, f->a, name, &at, err) ||
            add_file(f, &at, joined(f->a, prefix, name), entries[i].stat,
                     joined(f->a, shown, name), err))
            return -1;
    }
    return n < 0 ? -1 : 0;
}

/* Walks wildcardFolderPath segment by segment. */
static int find_folders(struct finder *f, const struct resolved *at, struct str pattern,
                        struct str prefix, struct str shown, bool recursive, struct err *err)
{
    struct str segment, rest = pattern;
    struct resolved_entry *entries;
    if (!str_split(&rest, '/', &segment))
        return find_below(f, at, prefix, shown, recursive, err);
    if (!segment.len)
        return find_folders(f, at, rest, prefix, shown, recursive, err);
    int64_t n = resolve_list(at, f->a, &entries, err);
    bool plain = str_chr(segment, '*') < 0 && str_chr(segment, '?') < 0;
    for (int64_t i = 0; i < n; i++) {
        struct resolved next;
        struct str name = str_z(entries[i].name);
        if (!entries[i].stat.is_dir || !datastore_match(segment, name))
            continue;
        /* what stands before the first wildcard is the root of the hierarchy that is kept */
        struct str inner = plain && !prefix.len ? STR("") : joined(f->a, prefix, name);
        if (resolve_below(at, f->a, name, &next, err) ||
            find_folders(f, &next, rest, inner, joined(f->a, shown, name), recursive, err))
            return -1;
    }
    return n < 0 ? -1 : 0;
}

static int find_listed(struct finder *f, const struct resolved *root, const struct resolved *folder,
                       struct str list_path, struct err *err)
{
    struct resolved at;
    struct resolved_stat st;
    struct buf b;
    struct str rest, line;
    int rc = -1;
    if (str_starts_z(list_path, str_cz(f->a, str_fmt(f->a, "%s/", f->at->container))))
        list_path = str_from(list_path, strlen(f->at->container) + 1);
    buf_init(&b);
    if (resolve_below(root, f->a, list_path, &at, err) ||
        resolve_read_all(&at, DATASTORE_MAX_LIST, &b, err))
        goto out;
    rest = str_copy(f->a, buf_view(&b));
    while (str_split(&rest, '\n', &line)) {
        line = str_trim(line);
        if (!line.len)
            continue;
        if (resolve_below(folder, f->a, line, &at, err) || resolve_stat(&at, &st, err) ||
            add_file(f, &at, line, st, joined(f->a, f->at->folder, line), err))
            goto out;
    }
    rc = 0;
out:
    buf_release(&b);
    return rc;
}

static int find_prefix(struct finder *f, const struct resolved *root, struct str prefix,
                       struct err *err)
{
    struct resolved_entry *entries;
    int64_t n = resolve_walk(root, f->a, &entries, err);
    for (int64_t i = 0; i < n; i++) {
        struct resolved at;
        struct str name = str_z(entries[i].name);
        if (!str_starts(name, prefix) || !keep(f, &entries[i]))
            continue;
        if (resolve_below(root, f->a, name, &at, err) ||
            add_file(f, &at, name, entries[i].stat, name, err))
            return -1;
    }
    return n < 0 ? -1 : 0;
}

static int read_limits(struct finder *f, struct err *err)
{
    const struct { const char *key; int64_t *us; } rows[] = {
        {"modifiedDatetimeStart", &f->after_us}, {"modifiedDatetimeEnd", &f->before_us}};
    f->after_us = INT64_MIN;
    f->before_us = INT64_MAX;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct doc *d = doc_get(f->settings, rows[i].key);
        if (doc_is(d, DOC_STRING) && d->text.len && !datastore_time(d->text, rows[i].us))
            return doc_err(d, ERR_INPUT, err, "\"%s\": '%.*s' is no date and time", rows[i].key,
                           STR_ARGS(d->text));
    }
    return 0;
}

static int find_one(struct finder *f, const struct resolved *folder, struct err *err)
{
    struct resolved at;
    struct resolved_stat st;
    if (resolve_below(folder, f->a, f->at->file, &at, err))
        return -1;
    if (resolve_stat(&at, &st, err))
        return err_wrap(err, "dataset '%s'", f->at->dataset);
    if (st.is_dir)
        return doc_err(f->at->where, ERR_INPUT, err, "dataset '%s': the file '%.*s' is a folder",
                       f->at->dataset, STR_ARGS(f->at->file));
    if (st.mtime_us < f->after_us || st.mtime_us >= f->before_us)
        return 0;
    return add_file(f, &at, path_base(f->at->file), st, joined(f->a, f->at->folder, f->at->file),
                    err);
}

int64_t datastore_find(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                   const struct doc *settings, struct datastore_file **out, bool *folder,
                   struct err *err)
{
    struct finder f = {.a = a, .at = at, .settings = settings,
                       .file_pattern = data_text(settings, "wildcardFileName")};
    struct str folders = data_text(settings, "wildcardFolderPath");
    struct str list = data_text(settings, "fileListPath"), prefix = data_text(settings, "prefix");
    bool recursive = data_flag(settings, "recursive", true);
    struct resolved root, dir;
    int rc;
    if (!f.file_pattern.len)
        f.file_pattern = data_text(settings, "fileFilter");
    *folder = true;
    if (datastore_root(names, a, at, &root, err) || read_limits(&f, err) ||
        resolve_below(&root, a, at->folder, &dir, err))
        return -1;
    if (list.len)
        rc = find_listed(&f, &root, &dir, list, err);
    else if (prefix.len)
        rc = find_prefix(&f, &root, prefix, err);
    else if (folders.len)
        rc = find_folders(&f, &root, folders, STR(""), STR(""), recursive, err);
    else if (at->file.len && !f.file_pattern.len) {
        *folder = false;
        rc = find_one(&f, &dir, err);
    } else
        rc = find_below(&f, &dir, STR(""), at->folder, recursive, err);
    *out = f.files;
    return rc ? -1 : (int64_t)f.count;
}

/* ---------------------------------------------------------------- HTTP */

enum { HTTP_MAX_SENT_HEADERS = 100 };

static int add_headers(struct arena *a, struct str lines, const char **headers, size_t *n,
                       struct err *err)
{
    struct str line;
    while (str_split(&lines, '\n', &line)) {
        line = str_trim(line);
        if (!line.len)
            continue;
        if (*n >= HTTP_MAX_SENT_HEADERS)
            return err_set(err, ERR_LIMIT, "more than %d headers", HTTP_MAX_SENT_HEADERS);
        headers[(*n)++] = str_cz(a, line);
    }
    return 0;
}

static int read_auth(struct arena *a, const struct data_at *at, struct http_client_req *req,
                     const char **headers, size_t *n, struct err *err)
{
    const struct doc *auth = doc_get(at->service_props, "authHeaders");
    struct str type = data_text(at->service_props, "authenticationType");
    for (size_t i = 0; doc_is(auth, DOC_OBJECT) && i < auth->count && *n < HTTP_MAX_SENT_HEADERS; i++) {
        const struct doc *v = auth->items[i];
        struct str text = doc_is(v, DOC_OBJECT) ? data_text(v, "value") : doc_str(v, STR(""));
        headers[(*n)++] = arena_printf(a, "%.*s: %.*s", STR_ARGS(auth->keys[i].name), STR_ARGS(text));
    }
    if (!type.len || str_ieqz(type, "Anonymous"))
        return 0;
    const struct doc *password = doc_get(at->service_props, "password");
    struct str secret = doc_is(password, DOC_OBJECT) ? data_text(password, "value")
                                                     : doc_str(password, STR(""));
    if (!str_ieqz(type, "Basic") || !secret.len)
        return doc_err(at->service_props, ERR_UNSUPPORTED, err,
                       "linked service '%s': authentication %.*s %s", at->service, STR_ARGS(type),
                       str_ieqz(type, "Basic") ? "has its password encrypted or in a key vault; "
                                                 "bind the address instead"
                                               : "is not supported; Anonymous and Basic are");
    req->user = str_cz(a, data_text(at->service_props, "userName"));
    req->password = str_cz(a, secret);
    return 0;
}

static int fetch(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                 const struct doc *settings, struct http_client_req *req, struct datastore_file *out,
                 struct err *err)
{
    struct http_client_res res;
    char id[UUID_TEXT];
    const char **headers = ARENA_ARRAY(a, const char *, HTTP_MAX_SENT_HEADERS + 1);
    size_t n = 0;
    int64_t timeout;
    char *dir = path_join(a, resolve_state_dir(names), "tmp");
    if (add_headers(a, data_text(settings, "additionalHeaders"), headers, &n, err) ||
        read_auth(a, at, req, headers, &n, err) || fs_mkdirs(dir, err))
        return -1;
    struct str method = data_text(settings, "requestMethod");
    req->method = method.len ? str_cz(a, str_upper(a, method)) : "GET";
    req->body = data_text(settings, "requestBody");
    req->headers = headers;
    if (model_span_ms(data_text(settings, "requestTimeout"), &timeout) && timeout > 0)
        req->timeout_ms = timeout;
    else
        req->timeout_ms = -1; /* a stall ends it */
    out->temporary = path_join(a, dir, uuid_make(id));
    req->to_path = out->temporary;
    if (http_client_do(req, &res, err))
        return err_wrap(err, "dataset '%s'", at->dataset);
    int status = res.status;
    http_client_res_release(&res);
    if (status < 200 || status > 299) {
        doc_err(at->where, status == 404 ? ERR_NOT_FOUND : ERR_IO, err,
                "dataset '%s': %s %s answers with HTTP status %d", at->dataset, req->method,
                req->url, status);
        err->retriable = status == 408 || status == 429 || status >= 500;
        return -1;
    }
    out->at = (struct resolved){.kind = RESOLVED_LOCAL, .path = out->temporary, .root = dir};
    return resolve_stat(&out->at, &out->stat, err);
}

int datastore_fetch(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                const struct doc *settings, atomic_bool *cancel, struct datastore_file *out,
                struct err *err)
{
    struct str method = data_text(settings, "requestMethod");
    *out = (struct datastore_file){.rel = str_cz(a, at->file), .shown = at->url};
    if (resolve_name(names, a, str_z(at->url), &out->at, err))
        return doc_err(at->where, err->code, err, "dataset '%s': %s", at->dataset,
                       arena_strdup(a, err->msg));
    if (out->at.kind == RESOLVED_HTTP) {
        struct http_client_req req = {.url = out->at.url, .cancel = cancel};
        return fetch(names, a, at, settings, &req, out, err);
    }
    if (out->at.kind == RESOLVED_HUB)
        return doc_err(at->where, ERR_UNSUPPORTED, err, "dataset '%s': '%s' is an event hub",
                       at->dataset, at->url);
    if (method.len && !str_ieqz(method, "GET"))
        return doc_err(at->where, ERR_UNSUPPORTED, err,
                       "dataset '%s': %.*s to '%s', which is bound to files: only GET reads files",
                       at->dataset, STR_ARGS(method), at->url);
    if (resolve_stat(&out->at, &out->stat, err))
        return err_wrap(err, "dataset '%s': '%s'", at->dataset, at->url);
    if (out->stat.is_dir)
        return doc_err(at->where, ERR_INPUT, err, "dataset '%s': '%s' is a folder", at->dataset,
                       at->url);
    return 0;
}

void datastore_drop(const struct datastore_file *f)
{
    struct err ignored;
    if (f->temporary && fs_unlink(f->temporary, &ignored))
        log_warn("factory", "cannot remove '%s'", f->temporary);
}
