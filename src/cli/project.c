#include "cli/project.h"
#include <string.h>

enum { PROJECT_FILE_MAX = 1 << 20, PROJECT_MAX_DIRS = 64 };

static int known_keys(const struct doc *d, const char *what, const char *const *keys, struct err *err)
{
    for (size_t i = 0; i < d->count; i++) {
        bool known = false;
        struct buf list;
        for (size_t k = 0; keys[k]; k++)
            known |= str_eqz(d->keys[i].name, keys[k]);
        if (known)
            continue;
        buf_init(&list);
        for (size_t k = 0; keys[k]; k++)
            buf_printf(&list, "%s%s", k ? ", " : "", keys[k]);
        err_at(err, ERR_INPUT, d->file, d->keys[i].line, d->keys[i].col, "unknown key '%.*s' in %s: it may hold %s",
               STR_ARGS(d->keys[i].name), what, list.ptr);
        buf_release(&list);
        return -1;
    }
    return 0;
}

static void dir_push(struct arena *a, char ***dirs, size_t *count, char *dir)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*dirs)[i], dir) == 0)
            return;
    char **grown = ARENA_ARRAY(a, char *, *count + 1);
    if (*count)
        memcpy(grown, *dirs, *count * sizeof *grown);
    grown[(*count)++] = dir;
    *dirs = grown;
}

/* `functions: DIR` or a list of them. */
static int dirs_read(struct arena *a, const struct project *p, const struct doc *d, char ***dirs, size_t *count,
                     struct err *err)
{
    size_t n = doc_is(d, DOC_ARRAY) ? d->count : 1;
    for (size_t i = 0; d && i < n; i++) {
        const struct doc *item = doc_is(d, DOC_ARRAY) ? d->items[i] : d;
        if (!doc_is(item, DOC_STRING))
            return doc_err(item, ERR_INPUT, err, "a folder's name was expected, not %s", doc_kind_name(item->kind));
        char *dir = path_below(a, p->dir, item->text);
        struct fs_stat st;
        if (!dir)
            return doc_err(item, ERR_INPUT, err, "folder '%.*s' is outside the project", STR_ARGS(item->text));
        if (fs_stat(dir, &st, err) || !st.is_dir)
            return doc_err(item, ERR_INPUT, err, "there is no folder '%.*s'", STR_ARGS(item->text));
        dir_push(a, dirs, count, dir);
    }
    return 0;
}

static int capture_read(struct project_hub *hub, const struct doc *d, struct err *err)
{
    static const char *const keys[] = {"enabled", "encoding", "destination", "intervalInSeconds", "sizeLimitInBytes", NULL};
    static const char *const dest_keys[] = {"path", "table", NULL};
    if (!d)
        return 0;
    if (known_keys(d, "captureDescription", keys, err))
        return -1;
    struct str encoding = doc_str(doc_get(d, "encoding"), STR("Delta"));
    hub->capture = doc_bool(doc_get(d, "enabled"), true);
    if (hub->capture && !str_ieqz(encoding, "Delta"))
        return doc_err(doc_get(d, "encoding"), ERR_UNSUPPORTED, err, "capture encoding '%.*s' is not supported: Delta is", STR_ARGS(encoding));
    int64_t seconds = 0;
    if (doc_get(d, "intervalInSeconds") && (!doc_i64(doc_get(d, "intervalInSeconds"), &seconds) || seconds < 0 || seconds > 900))
        return doc_err(doc_get(d, "intervalInSeconds"), ERR_INPUT, err, "intervalInSeconds is a number from 0 to 900");
    hub->capture_interval_ms = seconds * 1000;
    struct doc *dest = doc_need(d, "destination", DOC_OBJECT, err);
    if (!dest || known_keys(dest, "destination", dest_keys, err))
        return -1;
    hub->capture_path = doc_str(doc_get(dest, "path"), STR_NONE);
    hub->capture_table = doc_str(doc_get(dest, "table"), STR_NONE);
    if (hub->capture && !hub->capture_path.len && !hub->capture_table.len)
        return doc_err(dest, ERR_INPUT, err, "a capture destination needs a path (abfss://…) or a table (catalog.schema.name)");
    return 0;
}

static int hub_read(struct project_hub *hub, const struct doc *d, struct err *err)
{
    static const char *const keys[] = {"namespace", "name", "partitionCount", "messageRetentionInDays", "durability", "captureDescription", NULL};
    int64_t n = 4, days = 0;
    if (!doc_is(d, DOC_OBJECT))
        return doc_err(d, ERR_INPUT, err, "a hub is an object with namespace and name");
    if (known_keys(d, "a hub", keys, err))
        return -1;
    struct doc *ns = doc_need(d, "namespace", DOC_STRING, err);
    struct doc *name = ns ? doc_need(d, "name", DOC_STRING, err) : NULL;
    if (!name)
        return -1;
    if (doc_get(d, "partitionCount") && (!doc_i64(doc_get(d, "partitionCount"), &n) || n < 1 || n > 1024))
        return doc_err(doc_get(d, "partitionCount"), ERR_INPUT, err, "partitionCount is a number from 1 to 1024");
    if (doc_get(d, "messageRetentionInDays") && (!doc_i64(doc_get(d, "messageRetentionInDays"), &days) || days < 1 || days > 90))
        return doc_err(doc_get(d, "messageRetentionInDays"), ERR_INPUT, err, "messageRetentionInDays is a number from 1 to 90");
    const struct doc *durability = doc_get(d, "durability");
    bool fsync = str_eqz(doc_str(durability, STR_NONE), "fsync"), page_cache = str_eqz(doc_str(durability, STR_NONE), "page-cache");
    if (durability && !fsync && !page_cache)
        return doc_err(durability, ERR_INPUT, err, "durability is fsync (an event is on the disk when it is acknowledged) or page-cache");
    enum hub_durability wanted = fsync ? HUB_DURABILITY_FSYNC : page_cache ? HUB_DURABILITY_PAGE_CACHE : HUB_DURABILITY_AS_IS;
    *hub = (struct project_hub){ns->text, name->text, {(int)n, days * 86400000, wanted}, false, STR_NONE, STR_NONE, 0, d};
    return capture_read(hub, doc_get(d, "captureDescription"), err);
}

/* databricks.yml of a folder; NULL: it has none. */
static char *bundle_in(struct arena *a, const char *dir)
{
    char *file = path_join(a, dir, "databricks.yml"), *other = path_join(a, dir, "databricks.yaml");
    return fs_exists(file) ? file : fs_exists(other) ? other : NULL;
}

static int bundle_read(struct arena *a, struct project *p, const struct doc *d, struct err *err)
{
    char **dirs = NULL;
    size_t n = 0;
    if (!d)
        return 0;
    if (!doc_is(d, DOC_STRING))
        return doc_err(d, ERR_INPUT, err, "bundle is the folder of one databricks.yml");
    if (dirs_read(a, p, d, &dirs, &n, err))
        return -1;
    p->bundle_file = bundle_in(a, dirs[0]);
    return p->bundle_file ? 0 : doc_err(d, ERR_INPUT, err, "there is no databricks.yml in '%.*s'", STR_ARGS(d->text));
}

static int settings_read(struct arena *a, struct project *p, const struct doc *d, struct err *err)
{
    static const char *const keys[] = {"functions", "factory", "bundle", "bind", "hubs", NULL};
    static const char *const lists[] = {"bind", "hubs"};
    if (d->kind == DOC_NULL)
        return 0;
    if (d->kind != DOC_OBJECT)
        return doc_err(d, ERR_INPUT, err, "paystreak.yml is a mapping");
    if (known_keys(d, "paystreak.yml", keys, err) ||
        dirs_read(a, p, doc_get(d, "functions"), &p->function_dirs, &p->function_count, err) ||
        dirs_read(a, p, doc_get(d, "factory"), &p->factory_dirs, &p->factory_count, err))
        return -1;
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (doc_get(d, lists[i]) && !doc_is(doc_get(d, lists[i]), DOC_ARRAY))
            return doc_err(doc_get(d, lists[i]), ERR_INPUT, err, "%s is a list", lists[i]);
    if (bundle_read(a, p, doc_get(d, "bundle"), err))
        return -1;
    const struct doc *binds = doc_get(d, "bind"), *hubs = doc_get(d, "hubs");
    for (size_t i = 0; doc_is(binds, DOC_ARRAY) && i < binds->count; i++) {
        if (!doc_is(binds->items[i], DOC_STRING))
            return doc_err(binds->items[i], ERR_INPUT, err, "a binding is text: FROM=TO");
        struct str *grown = ARENA_ARRAY(a, struct str, p->bind_count + 1);
        if (p->bind_count)
            memcpy(grown, p->binds, p->bind_count * sizeof *grown);
        grown[p->bind_count++] = binds->items[i]->text;
        p->binds = grown;
    }
    p->hubs = ARENA_ARRAY(a, struct project_hub, doc_is(hubs, DOC_ARRAY) ? hubs->count : 0);
    for (size_t i = 0; doc_is(hubs, DOC_ARRAY) && i < hubs->count; i++)
        if (hub_read(&p->hubs[p->hub_count++], hubs->items[i], err))
            return -1;
    return 0;
}

static bool has(struct arena *a, const char *dir, const char *name)
{
    return fs_exists(path_join(a, dir, name));
}

/* A bundle of the folder itself goes before those below it; of those there may be one. */
static int find_bundle(struct arena *a, struct project *p, char *dir, bool itself, struct err *err)
{
    char *file = bundle_in(a, dir);
    if (file && !itself && p->bundle_file)
        return err_set(err, ERR_INPUT, "'%s' and '%s' are two bundles: name one in paystreak.yml (bundle: FOLDER), or run in its folder", p->bundle_file, file);
    if (file)
        p->bundle_file = file;
    return 0;
}

/* The parts that nobody named, in the folder itself or one level below. */
static int find_parts(struct arena *a, struct project *p, const struct doc *named, struct err *err)
{
    char **names;
    int64_t n = fs_list(a, p->dir, &names, err);
    bool own_bundle = false;
    if (n < 0)
        return -1;
    for (int64_t i = -1; i < n; i++) {
        if (i >= 0 && names[i][0] == '.')
            continue;
        char *dir = i < 0 ? arena_strdup(a, p->dir) : path_join(a, p->dir, names[i]);
        struct fs_stat st;
        struct err gone;
        if (fs_stat(dir, &st, &gone) || !st.is_dir)
            continue;
        if (!doc_get(named, "functions") && has(a, dir, "host.json"))
            dir_push(a, &p->function_dirs, &p->function_count, dir);
        if (!doc_get(named, "factory") && has(a, dir, "pipeline") && (has(a, dir, "linkedService") || has(a, dir, "dataset")))
            dir_push(a, &p->factory_dirs, &p->factory_count, dir);
        if (!doc_get(named, "bundle") && !own_bundle && find_bundle(a, p, dir, i < 0, err))
            return -1;
        own_bundle |= i < 0 && p->bundle_file;
    }
    return 0;
}

struct project *project_load(struct arena *a, const char *dir, struct err *err)
{
    struct project *p = ARENA_NEW(a, struct project);
    struct fs_stat st;
    p->dir = arena_strdup(a, dir);
    if (fs_stat(dir, &st, err) || !st.is_dir) {
        err_set(err, ERR_NOT_FOUND, "there is no project folder '%s'", dir);
        return NULL;
    }
    char *settings = path_join(a, dir, "paystreak.yml");
    const struct doc *d = NULL;
    if (fs_exists(settings)) {
        struct buf text;
        buf_init_max(&text, PROJECT_FILE_MAX);
        int rc = fs_read_file(settings, PROJECT_FILE_MAX, &text, err);
        if (rc == 0 && !(d = doc_yaml(a, settings, str_copy(a, buf_view(&text)), err)))
            rc = -1;
        buf_release(&text);
        if (rc || settings_read(a, p, d, err))
            return NULL;
    }
    if (find_parts(a, p, d, err))
        return NULL;
    if (!p->bundle_file && !p->function_count && !p->factory_count && !p->hub_count) {
        err_set(err, ERR_NOT_FOUND, "nothing to run in '%s': there is no databricks.yml, no host.json (Azure Functions), "
                                    "no pipeline/ folder (Data Factory) and no paystreak.yml", dir);
        return NULL;
    }
    return p;
}
