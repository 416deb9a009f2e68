/* How a name is read: bindings first; then by its scheme (a table); an http(s) name by its host (a
 * table), then as a raw file of a remote of the project's own checkout; what is left is HTTP. A
 * name without scheme is a path, or the host name of an event hub. */
#include "resolve/resolve.h"
#include "resolve/resolve_int.h"

#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct binding {
    char *from;       /* scheme and host in lower case, no slash at the end; HUB: the namespace */
    enum resolved_kind kind;
    char *to;         /* LOCAL, GIT: absolute folder or file; HTTP, STORE, HUB: URL without slash at the end; STORE: NULL: the name itself */
    char *ref;        /* GIT: from ?ref=, or NULL */
};

struct resolver_names {
    char *state_dir, *project_dir;
    struct binding *bindings;
    size_t binding_count, binding_cap;
    char *checkout;   /* the top folder of the project's own checkout, or NULL */
    struct git_remote_name remotes[RESOLVE_MAX_REMOTES];
    size_t remote_count;
};

/* One name on its way. */
struct look {
    const struct resolver_names *r;
    struct arena *a;
    struct str name;  /* as given */
    struct resolved *out;
    struct err *err;
};

/* ---------------------------------------------------------------- folders */

/* An absolute path without ".", ".." and doubled slashes. */
static char *absolute(const char *base, const char *path)
{
    struct buf full;
    struct str rest, part;
    buf_init(&full);
    if (path[0] != '/')
        buf_printf(&full, "%s/", base);
    buf_z(&full, path);
    char *out = mem_alloc(full.len + 2);
    size_t n = 0;
    rest = buf_view(&full);
    while (str_split(&rest, '/', &part)) {
        if (part.len == 0 || str_eqz(part, "."))
            continue;
        if (str_eqz(part, "..")) {
            while (n > 0 && out[--n] != '/')
                ;
            continue;
        }
        out[n++] = '/';
        memcpy(out + n, part.ptr, part.len);
        n += part.len;
    }
    if (n == 0)
        out[n++] = '/';
    out[n] = 0;
    buf_release(&full);
    return out;
}

static char *without_end_slash(char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = 0;
    return path;
}

struct resolver_names *resolve_new(const char *state_dir, const char *project_dir)
{
    struct resolver_names *r = NEW(struct resolver_names);
    char cwd[4096];
    CHECK(getcwd(cwd, sizeof cwd));
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0); /* only objects are read, nothing is run */
    r->state_dir = absolute(cwd, state_dir);
    r->project_dir = absolute(cwd, project_dir);
    r->remote_count =
        resolve_git_remotes(r->project_dir, &r->checkout, r->remotes, RESOLVE_MAX_REMOTES);
    return r;
}

void resolve_free(struct resolver_names *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->binding_count; i++) {
        mem_free(r->bindings[i].from);
        mem_free(r->bindings[i].to);
        mem_free(r->bindings[i].ref);
    }
    for (size_t i = 0; i < r->remote_count; i++)
        mem_free(r->remotes[i].text);
    mem_free(r->bindings);
    mem_free(r->checkout);
    mem_free(r->state_dir);
    mem_free(r->project_dir);
    mem_free(r);
    git_libgit2_shutdown();
}

bool resolve_bound_hub(const struct resolver_names *r, size_t i, const char **name_space, const char **to)
{
    for (size_t n = 0; n < r->binding_count; n++) {
        const struct binding *b = &r->bindings[n];
        bool last = b->kind == RESOLVED_HUB; /* of equal ones the later counts */
        for (size_t k = n + 1; last && k < r->binding_count; k++)
            last = r->bindings[k].kind != RESOLVED_HUB || strcmp(r->bindings[k].from, b->from) != 0;
        if (!last || i-- > 0)
            continue;
        *name_space = b->from;
        *to = b->to;
        return true;
    }
    return false;
}

const char *resolve_state_dir(const struct resolver_names *r)
{
    return r->state_dir;
}

const char *resolve_project_dir(const struct resolver_names *r)
{
    return r->project_dir;
}

/* ---------------------------------------------------------------- pieces of names */

int resolve_clean(struct arena *a, struct str name, struct str rel, const char **out,
                  struct err *err)
{
    struct str part;
    char *clean = arena_alloc(a, rel.len + 1);
    size_t n = 0;
    if (rel.len && memchr(rel.ptr, 0, rel.len))
        return err_set(err, ERR_INPUT, "'%.*s' holds a NUL byte", STR_ARGS(name));
    while (str_split(&rel, '/', &part)) {
        if (part.len == 0 || str_eqz(part, "."))
            continue;
        if (str_eqz(part, "..")) {
            if (n == 0)
                return err_set(err, ERR_INPUT, "'%.*s' leaves its root by '..'", STR_ARGS(name));
            while (n > 0 && clean[n - 1] != '/')
                n--;
            n -= n > 0;
            continue;
        }
        if (n)
            clean[n++] = '/';
        memcpy(clean + n, part.ptr, part.len);
        n += part.len;
    }
    clean[n] = 0;
    *out = clean;
    return 0;
}

static const char *join(struct arena *a, const char *dir, const char *rel)
{
    return rel[0] ? arena_printf(a, "%s/%s", str_eqz(str_z(dir), "/") ? "" : dir, rel) : dir;
}

static int decoded(struct look *l, struct str text, struct str *out)
{
    struct buf b;
    buf_init_max(&b, RESOLVE_MAX_NAME);
    bool ok = percent_get(&b, text);
    *out = str_copy(l->a, buf_view(&b));
    buf_release(&b);
    if (!ok)
        return err_set(l->err, ERR_INPUT, "'%.*s' has a bad percent-encoding", STR_ARGS(l->name));
    return 0;
}

static struct str until_any(struct str s, const char *stops)
{
    size_t n = 0;
    while (n < s.len && !strchr(stops, s.ptr[n]))
        n++;
    return str_sub(s, 0, n);
}

static size_t scheme_len(struct str s) /* "https" of "https:…"; 0: none */
{
    size_t n = 0;
    while (n < s.len && ((s.ptr[n] | 32) >= 'a' ? (s.ptr[n] | 32) <= 'z'
                                                 : n && strchr("0123456789+.-", s.ptr[n]) && s.ptr[n]))
        n++;
    return n > 1 && n < s.len && s.ptr[n] == ':' ? n : 0;
}

/* Scheme and host compare without case: lower-cased up to the first slash after "://". */
static struct str comparable(struct arena *a, struct str name)
{
    size_t scheme = scheme_len(name), from = 0;
    if (scheme && str_starts_z(str_from(name, scheme), "://"))
        from = scheme + 3;
    struct str head = until_any(str_from(name, from), "/?#");
    struct str copy = str_copy(a, name);
    for (size_t i = 0; i < from + head.len; i++)
        if (copy.ptr[i] >= 'A' && copy.ptr[i] <= 'Z')
            ((char *)copy.ptr)[i] |= 32;
    return copy;
}

/* ---------------------------------------------------------------- bindings */

static int64_t split_at(struct str from_to)
{
    for (size_t i = 0; i < from_to.len; i++)
        if (from_to.ptr[i] == '=' && scheme_len(str_from(from_to, i + 1)))
            return (int64_t)i;
    return -1;
}

static char *bound_folder(const struct resolver_names *r, struct str path)
{
    struct buf plain;
    if (str_starts_z(path, "//"))
        path = str_from(path, 2);
    buf_init(&plain);
    if (!percent_get(&plain, path)) {
        buf_clear(&plain);
        buf_str(&plain, path);
    }
    char *p = absolute(r->project_dir, plain.ptr);
    buf_release(&plain);
    return p;
}

/* Addresses of object stores, and the words that say "the name itself". */
static bool is_store(struct str to)
{
    static const char *const schemes_of[] = {"abfss://", "abfs://", "wasbs://", "wasb://", "s3://", "s3a://", "azure+http://", "azure+https://",
                                             "dfs+http://", "dfs+https://", "s3+http://", "s3+https://"};
    for (size_t i = 0; i < COUNT_OF(schemes_of); i++)
        if (str_starts_z(to, schemes_of[i]))
            return true;
    return str_eqz(to, "azure:") || str_eqz(to, "s3:");
}

static bool is_outside_hub(struct str to)
{
    return str_starts_z(to, "kafka://") || str_starts_z(to, "kafka+ssl://") || str_starts_z(to, "sb:");
}

/* Only a whole namespace is bound to an outside hub: what is kept of `from` is its name. */
static int hub_from(struct arena *a, struct str from, char **out, struct err *err)
{
    static const char *const suffix = ".servicebus.windows.net";
    int64_t scheme = str_find(from, STR("://"));
    struct str host = scheme < 0 ? from : str_from(from, (size_t)scheme + 3);
    while (str_ends_z(host, "/"))
        host.len--;
    host = str_lower(a, host);
    bool known = scheme < 0 || str_starts_z(from, "sb://") || str_starts_z(from, "amqps://") || str_starts_z(from, "https://");
    if (!known || !str_ends_z(host, suffix) || host.len == strlen(suffix) || str_chr(host, '/') >= 0)
        return err_set(err, ERR_INPUT, "'%.*s' is no Event Hubs namespace as a whole: write sb://NAMESPACE.servicebus.windows.net=…", STR_ARGS(from));
    *out = str_dup(str_sub(host, 0, host.len - strlen(suffix)));
    return 0;
}

static int read_target(const struct resolver_names *r, struct str to, struct binding *b,
                       struct err *err)
{
    struct str path = STR_NONE, query = STR_NONE;
    if (str_starts_z(to, "http://") || str_starts_z(to, "https://")) {
        b->kind = RESOLVED_HTTP;
        b->to = without_end_slash(str_dup(to));
        return 0;
    }
    if (str_starts_z(to, "file:")) {
        b->kind = RESOLVED_LOCAL;
        b->to = bound_folder(r, str_from(to, 5));
        return 0;
    }
    if (is_store(to)) {
        b->kind = RESOLVED_STORE;
        b->to = str_find(to, STR("://")) < 0 ? NULL : without_end_slash(str_dup(to));
        return 0;
    }
    if (is_outside_hub(to)) {
        b->kind = RESOLVED_HUB;
        b->to = without_end_slash(str_dup(to));
        return 0;
    }
    if (!str_starts_z(to, "git+file:"))
        return err_set(err, ERR_INPUT,
                       "a binding leads to file://, git+file://, https://, an object store or an outside hub, not to '%.*s'",
                       STR_ARGS(to));
    path = until_any(str_from(to, 9), "?");
    query = str_from(to, 9 + path.len);
    if (query.len && !str_starts_z(query, "?ref="))
        return err_set(err, ERR_INPUT, "'%.*s': only ?ref=… may follow a repository", STR_ARGS(to));
    b->kind = RESOLVED_GIT;
    b->to = bound_folder(r, path);
    b->ref = query.len > 5 ? str_dup(str_from(query, 5)) : NULL;
    return 0;
}

int resolve_bind(struct resolver_names *r, struct str from_to, struct err *err)
{
    struct arena *a = arena_new();
    struct binding b = {};
    int64_t at = split_at(from_to);
    int rc = -1;
    if (from_to.len > RESOLVE_MAX_NAME || r->binding_count >= RESOLVE_MAX_BINDINGS)
        err_set(err, ERR_LIMIT, "bindings are limited to %d of %d bytes", RESOLVE_MAX_BINDINGS,
                RESOLVE_MAX_NAME);
    else if (at <= 0)
        err_set(err, ERR_INPUT,
                "'%.*s' is no binding: write FROM=TO, with TO as file:///path, "
                "git+file:///path?ref=REF, https://host/path, azure: or s3:",
                STR_ARGS(from_to));
    else if (memchr(from_to.ptr, 0, from_to.len))
        err_set(err, ERR_INPUT, "a binding holds a NUL byte");
    else
        rc = read_target(r, str_trim(str_from(from_to, (size_t)at + 1)), &b, err);
    if (rc == 0) {
        struct str from = comparable(a, str_trim(str_sub(from_to, 0, (size_t)at)));
        if (b.kind == RESOLVED_HUB)
            rc = hub_from(a, from, &b.from, err);
        else
            b.from = without_end_slash(str_dup(from));
    }
    if (rc) {
        mem_free(b.to);
    } else {
        r->bindings =
            mem_grow(r->bindings, &r->binding_cap, r->binding_count + 1, sizeof *r->bindings);
        r->bindings[r->binding_count++] = b;
    }
    arena_free(a);
    return rc;
}

static const struct binding *find_binding(const struct look *l)
{
    const struct binding *best = NULL;
    struct str name = comparable(l->a, l->name);
    for (size_t i = 0; i < l->r->binding_count; i++) {
        const struct binding *b = &l->r->bindings[i];
        struct str from = str_z(b->from);
        if (b->kind == RESOLVED_HUB || !str_starts(name, from))
            continue;
        if (name.len > from.len && !strchr("/?#", name.ptr[from.len]) &&
            from.ptr[from.len - 1] != '/')
            continue;
        if (!best || from.len >= strlen(best->from))
            best = b;
    }
    return best;
}

/* The branch that "https://raw.githubusercontent.com/O/R/BRANCH" names: what follows owner and
 * repository, and "raw" if there; *open says that FROM stops before it. */
static struct str branch_of(struct str from, bool *open)
{
    struct str rest = from, part;
    *open = false;
    size_t scheme = scheme_len(from);
    if (!scheme || !str_starts_z(str_from(from, scheme), "://"))
        return STR_NONE;
    rest = str_from(from, scheme + 3);
    for (int i = 0; i < 3; i++) /* host, owner, repository */
        if (!str_split(&rest, '/', &part))
            return STR_NONE;
    if (str_starts_z(rest, "raw/"))
        rest = str_from(rest, 4);
    if (str_starts_z(rest, "refs/heads/"))
        rest = str_from(rest, 11);
    *open = rest.len == 0 || str_eqz(rest, "raw");
    return *open ? STR_NONE : rest;
}

static int bound_git(struct look *l, const struct binding *b, struct str rest)
{
    struct resolved *out = l->out;
    bool open = false;
    struct str branch = branch_of(str_z(b->from), &open);
    struct err ignored;
    out->kind = RESOLVED_GIT;
    out->repo = arena_strdup(l->a, b->to);
    out->ref = b->ref ? arena_strdup(l->a, b->ref) : "HEAD";
    if (!b->ref && branch.len &&
        resolve_git_has(b->to, str_cz(l->a, branch), &ignored) == 0)
        out->ref = str_cz(l->a, branch);
    if (!b->ref && open && str_starts_z(str_z(b->from), "http")) {
        if (str_starts_z(rest, "/"))
            rest = str_from(rest, 1);
        if (str_starts_z(rest, "raw/"))
            rest = str_from(rest, 4);
        if (resolve_git_split(l->a, b->to, rest, &out->ref, &rest, l->err))
            return -1;
    } else if (resolve_git_has(b->to, out->ref, l->err)) {
        return -1;
    }
    return resolve_clean(l->a, l->name, rest, &out->path, l->err);
}

/* The rest of a name keeps its spelling but for "..", empty parts and, of a URL, its encoding and query. */
static int bound_store(struct look *l, const struct binding *b, struct str rest)
{
    const char *clean;
    bool http = str_starts_z(l->name, "http");
    struct str base = b->to ? str_z(b->to) : str_sub(l->name, 0, l->name.len - rest.len);
    if (http)
        rest = until_any(rest, "?#");
    if ((http && decoded(l, rest, &rest)) || resolve_clean(l->a, l->name, rest, &clean, l->err))
        return -1;
    l->out->kind = RESOLVED_STORE;
    l->out->url = arena_printf(l->a, "%.*s%s%s", STR_ARGS(base), clean[0] ? "/" : "", clean);
    return 0;
}

static int bound(struct look *l, const struct binding *b)
{
    struct str rest = str_from(l->name, strlen(b->from));
    const char *rel;
    l->out->bound = true;
    if (b->kind == RESOLVED_STORE)
        return bound_store(l, b, rest);
    if (b->kind == RESOLVED_HTTP) {
        l->out->kind = RESOLVED_HTTP;
        l->out->url = arena_printf(l->a, "%s%.*s", b->to, STR_ARGS(rest));
        return 0;
    }
    if (str_starts_z(str_z(b->from), "http")) {
        rest = until_any(rest, "?#");
        if (decoded(l, rest, &rest))
            return -1;
    }
    if (b->kind == RESOLVED_GIT)
        return bound_git(l, b, rest);
    if (resolve_clean(l->a, l->name, rest, &rel, l->err))
        return -1;
    l->out->kind = RESOLVED_LOCAL;
    l->out->root = arena_strdup(l->a, b->to);
    l->out->path = join(l->a, l->out->root, rel);
    return 0;
}

/* ---------------------------------------------------------------- local parts */

static int local(struct look *l, const char *root, struct str rel)
{
    const char *clean;
    if (resolve_clean(l->a, l->name, rel, &clean, l->err))
        return -1;
    l->out->kind = RESOLVED_LOCAL;
    l->out->root = root;
    l->out->path = join(l->a, root, clean);
    return 0;
}

static bool label_ok(struct str s) /* of an account or container: cannot be a path */
{
    if (s.len == 0 || s.len > 63)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9') ||
              s.ptr[i] == '-' || s.ptr[i] == '$' || s.ptr[i] == '_'))
            return false;
    return true;
}

/* account and container are checked; rel is decoded. */
static int storage(struct look *l, struct str account, struct str container, struct str rel)
{
    account = str_lower(l->a, account);
    container = str_lower(l->a, container);
    if (!label_ok(account) || (container.len && !label_ok(container)))
        return err_set(l->err, ERR_INPUT, "'%.*s': '%.*s' is no storage account or container",
                       STR_ARGS(l->name), STR_ARGS(label_ok(account) ? container : account));
    l->out->account = str_cz(l->a, account);
    l->out->container = str_cz(l->a, container);
    return local(l, arena_printf(l->a, "%s/storage/%s%s%s", l->r->state_dir, l->out->account,
                                 container.len ? "/" : "", l->out->container),
                 rel);
}

/* Volumes and catalog names fold to lower case; other bytes are percent-encoded as folders. */
static int volume(struct look *l, struct str rel)
{
    struct str part;
    struct buf root;
    int parts = 0;
    buf_init(&root);
    buf_printf(&root, "%s/volumes", l->r->state_dir);
    while (parts < 3 && str_split(&rel, '/', &part)) {
        if (part.len == 0)
            continue;
        part = str_lower(l->a, part);
        if (parts == 0 && (str_eqz(part, "hive_metastore") || str_eqz(part, "spark_catalog")))
            part = STR("main");
        buf_char(&root, '/');
        if (part.ptr[0] == '.') {
            buf_z(&root, "%2E");
            part = str_from(part, 1);
        }
        percent_put(&root, part, "");
        parts++;
    }
    char *dir = arena_strdup(l->a, root.ptr);
    buf_release(&root);
    if (parts < 3)
        return err_set(l->err, ERR_INPUT,
                       "'%.*s' is no volume path: write /Volumes/catalog/schema/volume/path",
                       STR_ARGS(l->name));
    return local(l, dir, rel);
}

static int dbfs(struct look *l, struct str rel)
{
    while (str_starts_z(rel, "/"))
        rel = str_from(rel, 1);
    if (str_starts_z(rel, "Volumes/"))
        return volume(l, str_from(rel, 8));
    return local(l, arena_printf(l->a, "%s/storage/dbfs", l->r->state_dir), rel);
}

static int plain_path(struct look *l, struct str path)
{
    static const struct { const char *prefix; int (*fn)(struct look *, struct str); size_t skip; }
    mounts[] = {{"/Volumes/", volume, 9}, {"/dbfs/", dbfs, 6}, {"/mnt/", dbfs, 0}};
    for (size_t i = 0; i < COUNT_OF(mounts); i++)
        if (str_starts_z(path, mounts[i].prefix))
            return mounts[i].fn(l, str_from(path, mounts[i].skip));
    if (str_starts_z(path, "/Workspace/"))
        return err_set(l->err, ERR_UNSUPPORTED,
                       "'%.*s' is a workspace path, which has no local part; bind it: "
                       "/Workspace/…=file://./folder",
                       STR_ARGS(l->name));
    if (str_starts_z(path, "/"))
        return local(l, "/", path);
    return local(l, arena_strdup(l->a, l->r->project_dir), path);
}

/* ---------------------------------------------------------------- hosts */

struct url { struct str host, rest; }; /* rest: from the first slash, query and fragment off */

static struct url url_parts(struct look *l, struct str after_scheme)
{
    struct url u = {.host = until_any(after_scheme, "/?#")};
    u.rest = until_any(str_from(after_scheme, u.host.len), "?#");
    int64_t user = str_rchr(u.host, '@');
    u.host = str_lower(l->a, str_from(u.host, (size_t)(user + 1)));
    return u;
}

static struct str host_name(struct str host) /* without :port */
{
    return until_any(host, ":");
}

static int https_storage(struct look *l, struct url u, struct str label)
{
    struct str path, container;
    if (decoded(l, u.rest, &path))
        return -1;
    path = str_from(path, path.len && path.ptr[0] == '/');
    container = until_any(path, "/");
    return storage(l, label, container, str_from(path, container.len));
}

static int hub(struct look *l, struct url u, struct str label)
{
    l->out->kind = RESOLVED_HUB;
    l->out->name_space = str_cz(l->a, label);
    for (size_t i = 0; i < l->r->binding_count; i++)
        if (l->r->bindings[i].kind == RESOLVED_HUB && str_ieqz(label, l->r->bindings[i].from)) {
            l->out->bound = true;
            l->out->url = arena_strdup(l->a, l->r->bindings[i].to);
        }
    return resolve_clean(l->a, l->name, u.rest, &l->out->hub, l->err);
}

/* Names that stand for somebody's cloud account. fn NULL: no local part, refused by what it is. */
static const struct host_row {
    const char *suffix;
    int (*fn)(struct look *l, struct url u, struct str label);
    const char *what;
} hosts[] = {
    {".dfs.core.windows.net", https_storage, "Azure storage"},
    {".blob.core.windows.net", https_storage, "Azure storage"},
    {".servicebus.windows.net", hub, "an Event Hubs namespace"},
    {".queue.core.windows.net", NULL, "an Azure queue"},
    {".table.core.windows.net", NULL, "an Azure table"},
    {".file.core.windows.net", NULL, "an Azure file share"},
    {".fabric.microsoft.com", NULL, "Microsoft Fabric"},
    {".vault.azure.net", NULL, "an Azure key vault"},
    {".azuredatabricks.net", NULL, "a Databricks workspace"},
    {".cloud.databricks.com", NULL, "a Databricks workspace"},
    {".gcp.databricks.com", NULL, "a Databricks workspace"},
    {".amazonaws.com", NULL, "Amazon storage"},
    {"storage.googleapis.com", NULL, "Google storage"},
};

static const struct host_row *find_host(struct str host, struct str *label)
{
    for (size_t i = 0; i < COUNT_OF(hosts); i++)
        if (str_ends_z(host, hosts[i].suffix)) {
            *label = str_sub(host, 0, host.len - strlen(hosts[i].suffix));
            return &hosts[i];
        }
    return NULL;
}

static int refuse(struct look *l, const char *what)
{
    return err_set(l->err, ERR_UNSUPPORTED,
                   "'%.*s' names %s, which is not reached unless bound; bind it to what answers "
                   "here: FROM=file:///path, git+file:///path?ref=REF, https://host/path, or azure: or s3: for the real one",
                   STR_ARGS(l->name), what);
}

/* A raw file of O/R on a forge: where ref and path begin. */
static struct str forge_ref_path(struct str rest)
{
    if (str_starts_z(rest, "/-/raw/"))
        return str_from(rest, 7);
    if (str_starts_z(rest, "/raw/"))
        return str_from(rest, 5);
    return STR_NONE;
}

static int own_checkout(struct look *l, struct url u, bool *found)
{
    bool raw_host = str_eqz(u.host, "raw.githubusercontent.com");
    struct str host = raw_host ? STR("github.com") : host_name(u.host), rest, ref_path;
    *found = false;
    if (!l->r->checkout)
        return 0;
    struct str full = str_fmt(l->a, "%.*s%.*s", STR_ARGS(host), STR_ARGS(u.rest));
    for (size_t i = 0; i < l->r->remote_count && !*found; i++) {
        struct str remote = str_z(l->r->remotes[i].text);
        if (full.len <= remote.len || !str_ieq(str_sub(full, 0, remote.len), remote))
            continue;
        rest = str_from(full, remote.len);
        ref_path = raw_host && rest.ptr[0] == '/' ? str_from(rest, 1) : forge_ref_path(rest);
        *found = ref_path.len > 0;
    }
    if (!*found)
        return 0;
    l->out->kind = RESOLVED_GIT;
    l->out->repo = arena_strdup(l->a, l->r->checkout);
    if (decoded(l, ref_path, &ref_path) ||
        resolve_git_split(l->a, l->r->checkout, ref_path, &l->out->ref, &rest, l->err))
        return err_wrap(l->err, "'%.*s' is a remote of the project's own checkout",
                        STR_ARGS(l->name));
    return resolve_clean(l->a, l->name, rest, &l->out->path, l->err);
}

/* ---------------------------------------------------------------- schemes */

static int scheme_http(struct look *l, struct str after)
{
    struct url u = url_parts(l, str_from(after, str_starts_z(after, "//") ? 2 : 0));
    struct str label;
    bool found;
    if (host_name(u.host).len == 0)
        return err_set(l->err, ERR_INPUT, "'%.*s' has no host", STR_ARGS(l->name));
    const struct host_row *row = find_host(host_name(u.host), &label);
    if (row)
        return row->fn ? row->fn(l, u, label) : refuse(l, row->what);
    if (own_checkout(l, u, &found) || found)
        return found && l->out->path ? 0 : -1;
    l->out->kind = RESOLVED_HTTP;
    l->out->url = str_cz(l->a, l->name);
    return 0;
}

static int scheme_storage(struct look *l, struct str after) /* //container@account.host/path */
{
    struct str rest = str_from(after, str_starts_z(after, "//") ? 2 : 0);
    struct str authority = until_any(rest, "/");
    int64_t at = str_chr(authority, '@');
    struct str label, host = str_lower(l->a, str_from(authority, (size_t)(at + 1)));
    const struct host_row *row = find_host(host_name(host), &label);
    if (at <= 0 || !row)
        return err_set(l->err, ERR_INPUT,
                       "'%.*s' is no storage address: write "
                       "abfss://container@account.dfs.core.windows.net/path",
                       STR_ARGS(l->name));
    if (row->fn != https_storage)
        return refuse(l, row->what);
    return storage(l, label, str_sub(authority, 0, (size_t)at), str_from(rest, authority.len));
}

static int scheme_hub(struct look *l, struct str after)
{
    struct url u = url_parts(l, str_from(after, str_starts_z(after, "//") ? 2 : 0));
    struct str label;
    const struct host_row *row = find_host(host_name(u.host), &label);
    if (!row || row->fn != hub)
        return err_set(l->err, ERR_INPUT, "'%.*s' is no Event Hubs address", STR_ARGS(l->name));
    return hub(l, u, label);
}

static int scheme_dbfs(struct look *l, struct str after)
{
    return dbfs(l, after);
}

static int scheme_file(struct look *l, struct str after)
{
    return plain_path(l, str_from(after, str_starts_z(after, "//") ? 2 : 0));
}

static int scheme_bucket(struct look *l, struct str after)
{
    (void)after;
    return refuse(l, "a bucket of another cloud");
}

static const struct { const char *scheme; int (*fn)(struct look *l, struct str after_colon); }
schemes[] = {
    {"https", scheme_http},    {"http", scheme_http},     {"abfss", scheme_storage},
    {"abfs", scheme_storage},  {"wasbs", scheme_storage}, {"wasb", scheme_storage},
    {"dbfs", scheme_dbfs},     {"file", scheme_file},     {"sb", scheme_hub},
    {"amqps", scheme_hub},     {"s3", scheme_bucket},     {"s3a", scheme_bucket},
    {"gs", scheme_bucket},     {"adl", scheme_bucket},
};

static int by_scheme(struct look *l)
{
    size_t n = scheme_len(l->name);
    struct str scheme = str_sub(l->name, 0, n), label;
    const struct host_row *row;
    for (size_t i = 0; n && i < COUNT_OF(schemes); i++)
        if (str_ieqz(scheme, schemes[i].scheme))
            return schemes[i].fn(l, str_from(l->name, n + 1));
    if (n && str_starts_z(str_from(l->name, n), "://"))
        return err_set(l->err, ERR_UNSUPPORTED, "'%.*s': scheme '%.*s' is not known",
                       STR_ARGS(l->name), STR_ARGS(scheme));
    struct url u = url_parts(l, l->name);
    if (l->name.len && l->name.ptr[0] != '/' && (row = find_host(host_name(u.host), &label)))
        return row->fn ? row->fn(l, u, label) : refuse(l, row->what);
    return plain_path(l, l->name);
}

int resolve_name(const struct resolver_names *r, struct arena *a, struct str name,
                 struct resolved *out, struct err *err)
{
    struct look l = {.r = r, .a = a, .name = name, .out = out, .err = err};
    *out = (struct resolved){};
    if (name.len == 0)
        return err_set(err, ERR_INPUT, "a name to resolve is empty");
    if (name.len > RESOLVE_MAX_NAME)
        return err_set(err, ERR_LIMIT, "a name of more than %d bytes", RESOLVE_MAX_NAME);
    if (memchr(name.ptr, 0, name.len))
        return err_set(err, ERR_INPUT, "a name holds a NUL byte");
    const struct binding *b = find_binding(&l);
    return b ? bound(&l, b) : by_scheme(&l);
}

int resolve_below(const struct resolved *at, struct arena *a, struct str rel,
                  struct resolved *out, struct err *err)
{
    const char *clean;
    if (at->kind != RESOLVED_LOCAL && at->kind != RESOLVED_GIT)
        return err_set(err, ERR_UNSUPPORTED, "only folders and repositories have places below");
    if (resolve_clean(a, rel, rel, &clean, err))
        return -1;
    *out = *at;
    out->path = at->kind == RESOLVED_GIT && !at->path[0] ? clean : join(a, at->path, clean);
    return 0;
}
