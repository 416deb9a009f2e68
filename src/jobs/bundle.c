#include "jobs/bundle.h"
#include "engine/files.h"
#include "jobs/interpolate.h"
#include "jobs/merge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loading {
    struct arena *a;
    struct bundle *b;
    const struct bundle_opts *opts;
    const struct doc *tree;     /* merged, with the target's settings over it */
    const struct doc *target;   /* the target's own block, or NULL */
};

static const char *const TOP_KEYS[] = {"artifacts", "bundle", "environments", "experimental", "include", "permissions", "presets", "python",
                                       "resources", "run_as", "scripts", "sync", "targets", "variables", "workspace", NULL};

/* What happens to each kind of resource here. */
enum kind_use { KIND_RUN, KIND_APART };
static const struct { const char *kind; enum kind_use use; } KINDS[] = {
    {"jobs", KIND_RUN}, {"pipelines", KIND_RUN}, {"dashboards", KIND_RUN}, {"schemas", KIND_RUN}, {"volumes", KIND_RUN},
    {"alerts", KIND_APART}, {"apps", KIND_APART}, {"catalogs", KIND_APART}, {"clusters", KIND_APART}, {"database_catalogs", KIND_APART},
    {"database_instances", KIND_APART}, {"experiments", KIND_APART}, {"external_locations", KIND_APART}, {"genie_spaces", KIND_APART},
    {"instance_pools", KIND_APART}, {"model_serving_endpoints", KIND_APART}, {"models", KIND_APART}, {"quality_monitors", KIND_APART},
    {"registered_models", KIND_APART}, {"secret_scopes", KIND_APART}, {"sql_warehouses", KIND_APART}, {"synced_database_tables", KIND_APART},
};

static void warn(struct loading *l, const struct doc *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void warn(struct loading *l, const struct doc *at, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct bundle *b = l->b;
    struct str *grown = ARENA_ARRAY(l->a, struct str, b->warning_count + 1);
    if (b->warning_count)
        memcpy(grown, b->warnings, b->warning_count * sizeof *grown);
    grown[b->warning_count++] = str_fmt(l->a, "%s:%d:%d: %s", at->file ? at->file : "bundle", at->line, at->col, text);
    b->warnings = grown;
}

/* ---------------------------------------------------------------- step 1: files */

static const struct doc *read_yaml(struct arena *a, const char *file, struct err *err)
{
    struct buf text;
    const struct doc *d = NULL;
    buf_init_max(&text, BUNDLE_FILE_MAX);
    if (fs_read_file(file, BUNDLE_FILE_MAX, &text, err) == 0)
        d = doc_yaml(a, arena_strdup(a, file), str_copy(a, buf_view(&text)), err);
    buf_release(&text);
    if (d && d->kind != DOC_OBJECT && d->kind != DOC_NULL) {
        doc_err(d, ERR_INPUT, err, "a bundle file is a mapping, not %s", doc_kind_name(d->kind));
        return NULL;
    }
    return d;
}

static int64_t glob_below(struct arena *a, const char *root, struct str pattern, char ***out, struct err *err)
{
    char **all;
    size_t count = 0, cap = 0;
    while (str_starts_z(pattern, "./"))
        pattern = str_from(pattern, 2);
    int64_t n = fs_walk(a, root, &all, err);
    *out = NULL;
    for (int64_t i = 0; i < n; i++) {
        if (!path_glob_match(pattern, str_z(all[i])))
            continue;
        *out = arena_grow(a, *out, &cap, count + 1, sizeof **out);
        (*out)[count++] = path_join(a, root, all[i]);
    }
    return n < 0 ? -1 : (int64_t)count;
}

static bool has_glob(struct str s)
{
    return str_chr(s, '*') >= 0 || str_chr(s, '?') >= 0 || str_chr(s, '[') >= 0 || str_chr(s, '{') >= 0;
}

/* A resource that both trees define under one key is an error, as the CLI says it. */
static int check_doubles(const struct doc *base, const struct doc *over, struct err *err)
{
    const struct doc *x = doc_get(base, "resources"), *y = doc_get(over, "resources");
    for (size_t i = 0; y && i < y->count && doc_is(y, DOC_OBJECT); i++) {
        const struct doc *mine = doc_get_str(x, y->keys[i].name), *theirs = y->items[i];
        for (size_t k = 0; doc_is(theirs, DOC_OBJECT) && k < theirs->count; k++) {
            const struct doc *there = doc_get_str(mine, theirs->keys[k].name);
            if (there)
                return doc_err(theirs->items[k], ERR_INPUT, err, "resource %.*s.%.*s is defined twice: also at %s:%d",
                               STR_ARGS(y->keys[i].name), STR_ARGS(theirs->keys[k].name), there->file, there->line);
        }
    }
    return 0;
}

static int read_includes(struct loading *l, struct err *err)
{
    const struct doc *include = doc_get(l->tree, "include");
    size_t total = 0;
    for (size_t i = 0; doc_is(include, DOC_ARRAY) && i < include->count; i++) {
        char **files;
        struct str pattern = doc_str(include->items[i], STR_NONE);
        int64_t n = glob_below(l->a, l->b->root, pattern, &files, err);
        if (n < 0)
            return -1;
        if (n == 0 && !has_glob(pattern))
            return doc_err(include->items[i], ERR_INPUT, err, "include '%.*s': there is no such file", STR_ARGS(pattern));
        for (int64_t k = 0; k < n; k++) {
            if (++total > BUNDLE_MAX_INCLUDES)
                return doc_err(include, ERR_LIMIT, err, "more than BUNDLE_MAX_INCLUDES (%d) included files", BUNDLE_MAX_INCLUDES);
            const struct doc *d = read_yaml(l->a, files[k], err);
            if (!d || check_doubles(l->tree, d, err))
                return -1;
            l->tree = bundle_merge(l->a, l->tree, d);
        }
    }
    return 0;
}

static void check_top(struct loading *l)
{
    for (size_t i = 0; i < l->tree->count; i++) {
        bool known = false;
        for (size_t k = 0; TOP_KEYS[k]; k++)
            known |= str_eqz(l->tree->keys[i].name, TOP_KEYS[k]);
        if (!known)
            warn(l, l->tree->items[i], "unknown field: %.*s", STR_ARGS(l->tree->keys[i].name));
    }
}

/* ---------------------------------------------------------------- steps 2 and 3: the target */

static void names_listed(const struct doc *targets, struct buf *out)
{
    for (size_t i = 0; i < targets->count; i++)
        buf_printf(out, "%s%.*s", i ? ", " : "", STR_ARGS(targets->keys[i].name));
}

static int choose_target(struct loading *l, struct err *err)
{
    const struct doc *targets = doc_get(l->tree, "targets");
    struct buf names;
    if (!targets)
        targets = doc_get(l->tree, "environments");
    if (!doc_is(targets, DOC_OBJECT) || !targets->count) {
        l->b->target = STR("default");
        return l->opts->target ? doc_err(l->tree, ERR_INPUT, err, "there is no target '%s': the bundle declares none", l->opts->target) : 0;
    }
    size_t found = targets->count, defaults = 0;
    for (size_t i = 0; i < targets->count; i++) {
        bool is_default = doc_bool(doc_get(targets->items[i], "default"), false);
        defaults += is_default;
        if (l->opts->target ? str_eqz(targets->keys[i].name, l->opts->target) : is_default || targets->count == 1)
            found = i;
    }
    buf_init(&names);
    names_listed(targets, &names);
    int rc = 0;
    if (found == targets->count)
        rc = l->opts->target ? doc_err(targets, ERR_INPUT, err, "there is no target '%s'; there are: %s", l->opts->target, names.ptr)
                             : doc_err(targets, ERR_INPUT, err, "several targets and none with `default: true`: choose one of %s with --target", names.ptr);
    else if (!l->opts->target && defaults > 1)
        rc = doc_err(targets, ERR_INPUT, err, "more than one target has `default: true`");
    buf_release(&names);
    if (rc)
        return rc;
    l->b->target = targets->keys[found].name;
    l->target = targets->items[found]->kind == DOC_OBJECT ? targets->items[found] : NULL;
    l->b->mode = doc_str(doc_get(l->target, "mode"), STR_NONE);
    if (l->b->mode.len && !str_eqz(l->b->mode, "development") && !str_eqz(l->b->mode, "production"))
        return doc_err(doc_get(l->target, "mode"), ERR_INPUT, err, "mode is development or production, not '%.*s'", STR_ARGS(l->b->mode));
    return 0;
}

static void merge_target(struct loading *l)
{
    static const char *const merged[] = {"artifacts", "bundle", "permissions", "presets", "resources", "run_as", "sync", "workspace"};
    struct doc *tree = bundle_copy(l->a, l->tree);
    for (size_t i = 0; l->target && i < COUNT_OF(merged); i++) {
        const struct doc *over = doc_get(l->target, merged[i]);
        if (over)
            doc_set(l->a, tree, str_z(merged[i]), bundle_merge(l->a, doc_get(tree, merged[i]), over));
    }
    l->tree = tree;
}

/* ---------------------------------------------------------------- step 4: variables and references */

static const struct doc *steps_into(const struct doc *d, struct str path)
{
    struct str part;
    while (d && str_split(&path, '.', &part)) {
        int64_t open = str_chr(part, '[');
        d = doc_get_str(d, open < 0 ? part : str_sub(part, 0, (size_t)open));
        while (open >= 0 && d) {
            struct str rest = str_from(part, (size_t)open + 1);
            int64_t close = str_chr(rest, ']'), n;
            if (close < 0 || !str_i64(str_sub(rest, 0, (size_t)close), &n) || !doc_is(d, DOC_ARRAY) || n < 0 || (size_t)n >= d->count)
                return NULL;
            d = d->items[n];
            part = str_from(rest, (size_t)close + 1);
            open = part.len && part.ptr[0] == '[' ? 0 : -1;
        }
    }
    return d;
}

/* lookup: {kind: name}: on one machine a name is its own id. */
static const struct doc *looked_up(struct loading *l, const struct doc *lookup)
{
    return doc_is(lookup, DOC_OBJECT) && lookup->count == 1 && doc_is(lookup->items[0], DOC_STRING)
               ? doc_new_str(l->a, lookup->items[0]->text) : NULL;
}

static const struct doc *variable(struct loading *l, struct str path, struct err *err)
{
    struct str rest = path, name;
    str_split(&rest, '.', &name);
    int64_t open = str_chr(name, '[');
    if (open >= 0) {
        rest = path;
        name = str_sub(name, 0, (size_t)open);
    }
    const struct doc *declared = doc_get_str(doc_get(l->tree, "variables"), name);
    const struct doc *targeted = doc_get_str(doc_get(l->target, "variables"), name), *v = NULL;
    if (!declared) {
        err_set(err, ERR_INPUT, "reference to an undefined variable: ${var.%.*s}", STR_ARGS(name));
        return NULL;
    }
    for (size_t i = 0; i < l->opts->var_count && !v; i++) {
        int64_t eq = str_chr(l->opts->vars[i], '=');
        if (eq > 0 && str_eq(str_sub(l->opts->vars[i], 0, (size_t)eq), name))
            v = doc_new_str(l->a, str_from(l->opts->vars[i], (size_t)eq + 1));
    }
    const char *env = getenv(arena_printf(l->a, "BUNDLE_VAR_%.*s", STR_ARGS(name)));
    if (!v && env)
        v = doc_new_str(l->a, str_z(env));
    if (!v && targeted)
        v = !doc_is(targeted, DOC_OBJECT)        ? targeted
            : doc_get(targeted, "default") ? doc_get(targeted, "default")
            : doc_get(targeted, "lookup")  ? looked_up(l, doc_get(targeted, "lookup"))
                                           : targeted;
    if (!v)
        v = doc_get(declared, "default") ? doc_get(declared, "default") : looked_up(l, doc_get(declared, "lookup"));
    if (!v) {
        err_set(err, ERR_INPUT, "no value assigned to the required variable %.*s: set BUNDLE_VAR_%.*s, or give it a default",
                STR_ARGS(name), STR_ARGS(name));
        return NULL;
    }
    return rest.len ? steps_into(v, open >= 0 ? str_from(path, (size_t)open) : rest) : v;
}

/* ${workspace.*}: what a local workspace says of itself, unless the bundle sets it. */
static const struct doc *workspace(struct loading *l, struct str path)
{
    static const char *const users[] = {"current_user.userName", "current_user.short_name", "current_user.domain_friendly_name"};
    static const struct { const char *path, *below; } folders[] = {
        {"root_path", ""}, {"file_path", "/files"}, {"artifact_path", "/artifacts"}, {"state_path", "/state"}, {"resource_path", "/resources"}};
    const struct doc *set = steps_into(doc_get(l->tree, "workspace"), path);
    if (set)
        return set;
    if (str_eqz(path, "host"))
        return doc_new_str(l->a, STR("http://127.0.0.1"));
    for (size_t i = 0; i < COUNT_OF(users); i++)
        if (str_eqz(path, users[i]))
            return doc_new_str(l->a, STR("paystreak"));
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (str_eqz(path, folders[i].path))
            return doc_new_str(l->a, str_fmt(l->a, "/Workspace/Users/paystreak/.bundle/%.*s/%.*s%s", STR_ARGS(l->b->name),
                                             STR_ARGS(l->b->target), folders[i].below));
    return NULL;
}

static const struct doc *resource_field(struct loading *l, struct str path, struct err *err)
{
    struct str kind, key, rest = path;
    if (!str_split(&rest, '.', &kind) || !str_split(&rest, '.', &key))
        return NULL;
    const struct doc *r = doc_get_str(doc_get_str(doc_get(l->tree, "resources"), kind), key);
    if (!r) {
        err_set(err, ERR_INPUT, "reference to an unknown resource: ${resources.%.*s}", STR_ARGS(path));
        return NULL;
    }
    if (str_eqz(rest, "id"))
        return doc_new_str(l->a, key); /* here a resource's key is its id */
    const struct doc *v = steps_into(r, rest);
    if (!v)
        err_set(err, ERR_INPUT, "resource %.*s.%.*s has no field '%.*s'", STR_ARGS(kind), STR_ARGS(key), STR_ARGS(rest));
    return v;
}

static const struct doc *reference(void *ctx, struct str path, struct err *err)
{
    struct loading *l = ctx;
    if (str_starts_z(path, "var."))
        return variable(l, str_from(path, 4), err);
    if (str_starts_z(path, "variables.")) {
        struct str name = str_from(path, 10);
        return variable(l, str_ends_z(name, ".value") ? str_sub(name, 0, name.len - 6) : name, err);
    }
    if (str_eqz(path, "bundle.target") || str_eqz(path, "bundle.environment"))
        return doc_new_str(l->a, l->b->target);
    if (str_eqz(path, "bundle.name"))
        return doc_new_str(l->a, l->b->name);
    if (str_eqz(path, "bundle.git.branch") || str_eqz(path, "bundle.git.commit") || str_eqz(path, "bundle.git.origin_url"))
        return doc_new_str(l->a, STR(""));
    if (str_eqz(path, "bundle.mode"))
        return doc_new_str(l->a, l->b->mode);
    if (str_starts_z(path, "bundle."))
        return steps_into(doc_get(l->tree, "bundle"), str_from(path, 7));
    if (str_starts_z(path, "workspace."))
        return workspace(l, str_from(path, 10));
    if (str_starts_z(path, "resources."))
        return resource_field(l, str_from(path, 10), err);
    return NULL;
}

/* ---------------------------------------------------------------- step 5: presets, and the list of resources */

static struct str name_prefix(struct loading *l)
{
    const struct doc *preset = doc_get(doc_get(l->tree, "presets"), "name_prefix");
    if (doc_is(preset, DOC_STRING))
        return preset->text;
    return str_eqz(l->b->mode, "development") ? STR("[dev paystreak] ") : STR("");
}

static void put_bool(struct loading *l, struct doc *obj, const char *key, bool v)
{
    doc_set(l->a, obj, str_z(key), doc_new_bool(l->a, v));
}

static void preset_pipeline(struct loading *l, struct doc *r)
{
    bool dev = str_eqz(l->b->mode, "development");
    if (doc_bool(doc_get(doc_get(l->tree, "presets"), "pipelines_development"), dev))
        put_bool(l, r, "development", true);
    if (dev && doc_bool(doc_get(r, "continuous"), false))
        put_bool(l, r, "continuous", false); /* as the CLI does in development mode */
}

/* What the CLI puts where a job says nothing. */
static void job_defaults(struct loading *l, struct doc *r)
{
    const struct doc *runs = doc_get(doc_get(l->tree, "presets"), "jobs_max_concurrent_runs");
    int64_t n = str_eqz(l->b->mode, "development") ? 4 : 1;
    (void)doc_i64(runs, &n);
    if (!doc_get(r, "max_concurrent_runs"))
        doc_set(l->a, r, STR("max_concurrent_runs"), doc_new_i64(l->a, n));
    if (!doc_get(r, "queue")) {
        struct doc *queue = doc_new_object(l->a);
        doc_set(l->a, queue, STR("enabled"), doc_new_bool(l->a, true));
        doc_set(l->a, r, STR("queue"), queue);
    }
}

static void preset_job(struct loading *l, struct doc *r)
{
    static const char *const timed[] = {"schedule", "trigger", "continuous"};
    struct str status = doc_str(doc_get(doc_get(l->tree, "presets"), "trigger_pause_status"),
                                str_eqz(l->b->mode, "development") ? STR("PAUSED") : STR_NONE);
    for (size_t i = 0; status.len && i < COUNT_OF(timed); i++) {
        struct doc *t = doc_get(r, timed[i]);
        if (doc_is(t, DOC_OBJECT) && !doc_get(t, "pause_status")) {
            struct doc *copy = bundle_copy(l->a, t);
            doc_set(l->a, copy, STR("pause_status"), doc_new_str(l->a, status));
            doc_set(l->a, r, str_z(timed[i]), copy);
        }
    }
}

static int add_resource(struct loading *l, struct str kind, struct str key, const struct doc *d, struct err *err)
{
    struct bundle *b = l->b;
    if (!doc_is(d, DOC_OBJECT))
        return doc_err(d, ERR_INPUT, err, "resource %.*s.%.*s is a mapping", STR_ARGS(kind), STR_ARGS(key));
    struct doc *r = bundle_copy(l->a, d);
    if (str_eqz(kind, "pipelines"))
        preset_pipeline(l, r);
    if (str_eqz(kind, "jobs")) {
        preset_job(l, r);
        job_defaults(l, r);
    }
    struct str shown = doc_str(doc_get(r, str_eqz(kind, "dashboards") ? "display_name" : "name"), key);
    struct bundle_resource *grown = ARENA_ARRAY(l->a, struct bundle_resource, b->resource_count + 1);
    if (b->resource_count)
        memcpy(grown, b->resources, b->resource_count * sizeof *grown);
    grown[b->resource_count++] = (struct bundle_resource){kind, key, str_fmt(l->a, "%.*s%.*s", STR_ARGS(b->prefix), STR_ARGS(shown)), r};
    b->resources = grown;
    return 0;
}

/* Resources that Python code makes or changes are not known here: a bundle that has them would run in part, unseen. */
static int refuse_python(struct loading *l, struct err *err)
{
    static const char *const where[] = {"python", "experimental.python", "experimental.pydabs"};
    static const char *const what[] = {"resources", "mutators"};
    for (size_t i = 0; i < COUNT_OF(where); i++)
        for (size_t k = 0; k < COUNT_OF(what); k++) {
            const struct doc *d = doc_get(doc_path(l->tree, where[i]), what[k]);
            if (d && d->count)
                return doc_err(d, ERR_UNSUPPORTED, err, "%s.%s: resources that Python code makes are not loaded here; write them as YAML "
                               "(`databricks bundle validate --output json` prints what the code makes)", where[i], what[k]);
        }
    return 0;
}

static int list_resources(struct loading *l, struct err *err)
{
    const struct doc *all = doc_get(l->tree, "resources");
    for (size_t i = 0; doc_is(all, DOC_OBJECT) && i < all->count; i++) {
        struct str kind = all->keys[i].name;
        size_t k = 0;
        while (k < COUNT_OF(KINDS) && !str_eqz(kind, KINDS[k].kind))
            k++;
        if (k == COUNT_OF(KINDS) || KINDS[k].use == KIND_APART) {
            warn(l, all->items[i], "%s resources.%.*s: not run here", k == COUNT_OF(KINDS) ? "unknown kind of resource" : "resources of kind",
                 STR_ARGS(kind));
            continue;
        }
        for (size_t r = 0; doc_is(all->items[i], DOC_OBJECT) && r < all->items[i]->count; r++)
            if (add_resource(l, kind, all->items[i]->keys[r].name, all->items[i]->items[r], err))
                return -1;
    }
    return 0;
}

struct bundle *bundle_load(struct arena *a, const char *file, const struct bundle_opts *opts, struct err *err)
{
    static const struct bundle_opts none;
    struct bundle *b = ARENA_NEW(a, struct bundle);
    struct loading l = {a, b, opts ? opts : &none, NULL, NULL};
    b->root = str_cz(a, path_dir(str_z(file)));
    l.tree = read_yaml(a, file, err);
    if (!l.tree)
        return NULL;
    if (l.tree->kind == DOC_NULL) {
        doc_err(l.tree, ERR_INPUT, err, "the file is empty: a bundle needs bundle: {name: …}");
        return NULL;
    }
    check_top(&l);
    if (read_includes(&l, err))
        return NULL;
    struct doc *head = doc_need(l.tree, "bundle", DOC_OBJECT, err), *name = head ? doc_need(head, "name", DOC_STRING, err) : NULL;
    if (!name)
        return NULL;
    b->name = name->text;
    if (choose_target(&l, err))
        return NULL;
    merge_target(&l);
    if (refuse_python(&l, err))
        return NULL;
    struct doc *resolved = bundle_copy(a, l.tree);
    static const char *const parts[] = {"presets", "resources", "workspace"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const struct doc *part = doc_get(l.tree, parts[i]);
        struct doc *done = part ? interpolate(a, part, reference, &l, err) : NULL;
        if (part && !done)
            return NULL;
        if (done)
            doc_set(a, resolved, str_z(parts[i]), done);
    }
    l.tree = resolved;
    b->doc = resolved;
    b->prefix = name_prefix(&l);
    return list_resources(&l, err) ? NULL : b;
}

const struct bundle_resource *bundle_find(const struct bundle *b, const char *kind, struct str key)
{
    for (size_t i = 0; i < b->resource_count; i++)
        if (str_eqz(b->resources[i].kind, kind) && (str_eq(b->resources[i].key, key) || str_eq(b->resources[i].name, key)))
            return &b->resources[i];
    return NULL;
}

/* "a/./b/../c" as "a/c". */
static char *tidy_path(struct arena *a, struct str path)
{
    struct str parts[256], part;
    size_t n = 0;
    struct buf b;
    while (str_split(&path, '/', &part)) {
        if (str_eqz(part, ".") || !part.len)
            continue;
        if (str_eqz(part, "..") && n)
            n--;
        else if (n < COUNT_OF(parts))
            parts[n++] = part;
    }
    buf_init(&b);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "/%.*s", STR_ARGS(parts[i]));
    char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

char *bundle_path(struct arena *a, const struct bundle *b, const struct doc *text)
{
    struct str p = text->text;
    if (p.len && p.ptr[0] == '/')
        return str_cz(a, p);
    const char *dir = text->file ? str_cz(a, path_dir(str_z(text->file))) : b->root;
    return tidy_path(a, str_fmt(a, "%s/%.*s", dir, STR_ARGS(p)));
}

int64_t bundle_glob(struct arena *a, const struct bundle *b, const struct doc *pattern, char ***files, struct err *err)
{
    char *whole = bundle_path(a, b, pattern);
    size_t cut = 0;
    for (size_t i = 0; whole[i] && !strchr("*?[{", whole[i]); i++)
        if (whole[i] == '/')
            cut = i;
    if (!fs_exists(arena_strndup(a, whole, cut)))
        return doc_err(pattern, ERR_INPUT, err, "there is no folder '%.*s'", (int)cut, whole);
    struct str rest = str_z(whole + cut + 1);
    int64_t n = glob_below(a, arena_strndup(a, whole, cut), rest, files, err);
    return n;
}
