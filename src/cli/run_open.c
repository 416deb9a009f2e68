/* run_open -- opening and closing all parts of a run, and checking what the user wrote. */
#include "cli/control.h"
#include "cli/endpoints.h"
#include "cli/python_env.h"
#include "base/embed.h"
#include "cli/run.h"
#include "lake/catalog.h"
#include "pipelines/spec.h"
#include "hub/sas.h"
#include "jobs/fields.h"
#include "storage/storage.h"
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- notices from workers */

struct notice { struct run *run; char *dir; };

static void on_table_changed(void *arg)
{
    struct notice *n = arg;
    if (n->run->endpoints)
        endpoints_changed(n->run->endpoints, str_z(n->dir));
    mem_free(n->dir);
    mem_free(n);
}

/* Any thread: a session or a pipeline committed. */
static void on_commit(void *ctx, struct str dir, int64_t version)
{
    struct run *r = ctx;
    if (r->pipelines)
        pipelines_notify(r->pipelines, dir, version);
    struct notice *n = NEW(struct notice);
    *n = (struct notice){r, str_dup(dir)};
    ev_post(r->loop, on_table_changed, n);
}

/* ---------------------------------------------------------------- settings of local names */

/* What a namespace is bound to; NULL: it is served here. */
static const char *bound_to(struct run *r, struct str ns)
{
    const char *name, *to;
    for (size_t i = 0; resolve_bound_hub(r->names, i, &name, &to); i++)
        if (str_ieqz(ns, name))
            return to;
    return NULL;
}

/* A connection string of a namespace or an account that is served here gets the local address and key. The
 * policy's name says the namespace, since the address cannot (hub/sas.h). */
static struct str rewrite_setting(void *ctx, struct arena *a, struct str name, struct str value)
{
    struct run *r = ctx;
    (void)name;
    int64_t at = str_find(value, STR("Endpoint=sb://"));
    if (at < 0 || str_find(value, STR(".servicebus.windows.net")) < 0)
        return at < 0 && r->endpoints ? endpoints_rewrite(r->endpoints, a, value) : value;
    struct sas_string text;
    sas_string_read(value, &text);
    struct str ns = sas_namespace_of(text.host);
    const char *to = bound_to(r, ns);
    if (to) /* the real one is reached as the setting says; no Kafka speaks what Azure's own clients do */
        return str_starts_z(str_z(to), "sb:") ? value : str_fmt(a, "Endpoint=sb://%.*s.is-bound-to-kafka.invalid/;SharedAccessKeyName=none;SharedAccessKey=none", STR_ARGS(ns));
    struct str out = str_fmt(a, "Endpoint=sb://%s:%d/;SharedAccessKeyName=%.*s~" SAS_ROOT_POLICY ";SharedAccessKey=%s;UseDevelopmentEmulator=true",
                             hub_host(r->hub), hub_amqp_port(r->hub), STR_ARGS(ns), r->state->keys.sas);
    int64_t entity = str_find(value, STR("EntityPath="));
    if (entity >= 0) {
        struct str rest = str_from(value, (size_t)entity), path;
        str_split(&rest, ';', &path);
        out = str_fmt(a, "%.*s;%.*s", STR_ARGS(out), STR_ARGS(path));
    }
    return out;
}

/* ---------------------------------------------------------------- the user's artifacts */

static const struct task_kind *find_kind(void *ctx, const char *name)
{
    struct run *r = ctx;
    const struct task_kind *k = strcmp(name, "pipeline_task") == 0 ? pipelines_task_kind(r->pipelines) : NULL;
    if (!k && r->jobs)
        k = jobs_task_kind(r->jobs, name);
    return k;
}

static int pipeline_files(struct run *r, const struct doc *libraries, struct str **files, size_t *count, struct err *err)
{
    size_t cap = 0;
    *files = NULL;
    *count = 0;
    for (size_t i = 0; doc_is(libraries, DOC_ARRAY) && i < libraries->count; i++) {
        const struct doc *lib = libraries->items[i], *one = doc_path(lib, "file.path"), *glob = doc_path(lib, "glob.include");
        char **matches = NULL;
        int64_t n = 1;
        if (!one)
            one = doc_path(lib, "notebook.path");
        if (one) {
            char *path = bundle_path(r->a, r->bundle, one);
            matches = &path;
            static const char *const extensions[] = {"", ".sql", ".py"};
            for (size_t k = 0; k < COUNT_OF(extensions); k++)
                if (fs_exists(arena_printf(r->a, "%s%s", bundle_path(r->a, r->bundle, one), extensions[k])))
                    path = arena_printf(r->a, "%s%s", bundle_path(r->a, r->bundle, one), extensions[k]);
            *files = arena_grow(r->a, *files, &cap, *count + 1, sizeof **files);
            (*files)[(*count)++] = str_z(path);
            continue;
        }
        if (!glob)
            return doc_err(lib, ERR_UNSUPPORTED, err, "a pipeline's library is a file, a notebook or a glob");
        n = bundle_glob(r->a, r->bundle, glob, &matches, err);
        for (int64_t k = 0; k < n; k++) {
            if (!str_ends_z(str_z(matches[k]), ".sql") && !str_ends_z(str_z(matches[k]), ".py"))
                continue;
            *files = arena_grow(r->a, *files, &cap, *count + 1, sizeof **files);
            (*files)[(*count)++] = str_z(matches[k]);
        }
        if (n < 0)
            return -1;
    }
    return 0;
}

static int add_pipeline(struct run *r, const struct bundle_resource *res, struct err *err)
{
    const struct doc *d = res->doc, *conf = doc_get(d, "configuration");
    struct pipeline_def def = {.name = res->key, .id = res->key, .catalog = doc_str(doc_get(d, "catalog"), STR_NONE),
                               .schema = doc_str(doc_get(d, "schema"), STR_NONE), .target = doc_str(doc_get(d, "target"), STR_NONE),
                               .continuous = doc_bool(doc_get(d, "continuous"), false),
                               .development = doc_bool(doc_get(d, "development"), false), .at = d};
    struct str *files;
    struct err wrong = {0};
    if (spec_configuration(r->a, conf, &def.configuration, &wrong) || fields_check(d, &PIPELINE_FIELDS, &wrong))
        run_fail(r, str_cz(r->a, res->key), &wrong); /* it is there all the same for the job that runs it */
    if (pipeline_files(r, doc_get(d, "libraries"), &files, &def.file_count, err))
        return -1;
    def.files = files;
    return pipelines_add(r->pipelines, &def, err);
}

static void finding(void *ctx, const struct err *e) { run_fail(ctx, "check", e); }
static void pipeline_finding(void *ctx, struct str pipeline, const struct err *e)
{
    struct run *r = ctx;
    run_fail(r, str_cz(r->a, pipeline), e);
}

static int make_schema(struct run *r, const struct bundle_resource *res, struct err *err)
{
    const struct doc *d = res->doc;
    return lake_schema_create(r->engine->catalog, doc_str(doc_get(d, "catalog_name"), STR(LAKE_DEFAULT_CATALOG)), doc_str(doc_get(d, "name"), res->key),
                              doc_str(doc_get(d, "comment"), STR("")), true, err);
}

/* A managed volume is a folder that /Volumes/… names. */
static int make_volume(struct run *r, const struct bundle_resource *res, struct err *err)
{
    const struct doc *d = res->doc, *external = doc_get(d, "storage_location");
    struct doc *schema = doc_need(d, "schema_name", DOC_STRING, err);
    struct resolved at;
    if (!schema)
        return -1;
    if (external || str_ieqz(doc_str(doc_get(d, "volume_type"), STR("MANAGED")), "external"))
        return doc_err(external ? external : d, ERR_UNSUPPORTED, err, "volume '%.*s' is external: here a volume is managed, or a folder that paystreak.yml binds "
                       "(bind: ['/Volumes/CATALOG/SCHEMA/NAME=file:///…'])", STR_ARGS(res->key));
    struct str path = str_fmt(r->a, "/Volumes/%.*s/%.*s/%.*s", STR_ARGS(doc_str(doc_get(d, "catalog_name"), STR(LAKE_DEFAULT_CATALOG))),
                              STR_ARGS(schema->text), STR_ARGS(doc_str(doc_get(d, "name"), res->key)));
    if (resolve_name(r->names, r->a, path, &at, err))
        return err_locate(err, d->file, d->line, d->col);
    return at.kind == RESOLVED_LOCAL ? fs_mkdirs(at.path, err) : 0;
}

static int open_bundle(struct run *r, struct err *err)
{
    static const struct { const char *kind; int (*open)(struct run *r, const struct bundle_resource *res, struct err *err); } kinds[] = {
        {"pipelines", add_pipeline}, {"schemas", make_schema}, {"volumes", make_volume}};
    if (!r->project->bundle_file)
        return 0;
    struct bundle_opts opts = {.target = r->args->target};
    r->bundle = bundle_load(r->a, r->project->bundle_file, &opts, err);
    if (!r->bundle)
        return -1;
    for (size_t i = 0; i < r->bundle->warning_count; i++)
        log_warn("bundle", "%.*s", STR_ARGS(r->bundle->warnings[i]));
    for (size_t i = 0; i < r->bundle->resource_count; i++) {
        const struct bundle_resource *res = &r->bundle->resources[i];
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            if (r->engine->read_only && k > 0)
                continue;
            struct err e = {0};
            if (str_eqz(res->kind, kinds[k].kind) && kinds[k].open(r, res, &e))
                run_fail(r, str_cz(r->a, res->key), &e);
        }
    }
    return 0;
}

static void on_job_change(void *ctx, struct str job, struct str task, enum run_status status, int64_t ms, const struct err *e)
{
    struct run *r = ctx;
    char name[200], text[600] = "";
    static const enum status_mood moods[] = {[RUN_QUEUED] = MOOD_IDLE, [RUN_RUNNING] = MOOD_BUSY, [RUN_SUCCEEDED] = MOOD_GOOD, [RUN_FAILED] = MOOD_BAD,
                                             [RUN_SKIPPED] = MOOD_IDLE, [RUN_CANCELED] = MOOD_IDLE, [RUN_TIMED_OUT] = MOOD_BAD};
    snprintf(name, sizeof name, "%.*s%s%.*s", STR_ARGS(job), task.len ? "/" : "", STR_ARGS(task));
    if (e)
        err_text(e, text, sizeof text);
    else if (status != RUN_RUNNING)
        snprintf(text, sizeof text, "%.2f s", (double)ms / 1000);
    status_state(r->status, GROUP_JOB, name, moods[status], run_status_name(status), "%s", text);
    status_row(r->status, GROUP_JOB, name)->ms = status == RUN_RUNNING ? -1 : ms;
}

static void on_job_output(void *ctx, struct str job, struct str task, struct str line)
{
    struct run *r = ctx;
    char text[600];
    snprintf(text, sizeof text, "%.*s/%.*s: %.*s", STR_ARGS(job), STR_ARGS(task), STR_ARGS(line));
    status_note(r->status, str_z(text));
}

static int open_jobs(struct run *r, struct err *err)
{
    static struct task_kinds kinds;
    kinds = (struct task_kinds){find_kind, r};
    if (!r->bundle)
        return 0;
    r->python = python_find(r->a);
    r->python_dir = path_join(r->a, r->state->dir, "python");
    if (python_unpack(r->a, r->python_dir, err))
        return -1;
    struct jobs_opts opts = {.loop = r->loop, .engine = r->engine, .bundle = r->bundle, .kinds = &kinds, .log = history_log(r->history),
                             .python = r->python, .runner_dir = r->python_dir, .spark_remote = run_spark_remote(r),
                             .spark_token = r->args->insecure_local ? NULL : r->state->keys.token,
                             .on_change = on_job_change, .on_output = on_job_output, .ctx = r};
    r->jobs = jobs_new(&opts);
    return 0;
}

static int open_factories(struct run *r, struct err *err)
{
    static struct task_kinds kinds;
    kinds = (struct task_kinds){find_kind, r};
    r->factories = ARENA_ARRAY(r->a, struct factory *, r->project->factory_count + 1);
    for (size_t i = 0; i < r->project->factory_count; i++) {
        struct factory_opts opts = {.loop = r->loop, .names = r->names, .log = history_log(r->history), .tasks = &kinds, .duck = r->engine->db};
        r->factories[i] = factory_load(r->project->factory_dirs[i], &opts, err);
        if (!r->factories[i])
            return -1;
    }
    return 0;
}

/* A hub that an app sends to. Where paystreak.yml lists the hubs, it must be one of them. */
static int hub_known(void *ctx, const char *name_space, const char *hub, struct err *err)
{
    struct run *r = ctx;
    const struct project *p = r->project;
    struct buf listed;
    if (!p->hub_count)
        return 0; /* made with the first event */
    for (size_t i = 0; i < p->hub_count; i++)
        if (str_ieqz(p->hubs[i].name, hub) && (!name_space || str_ieqz(p->hubs[i].name_space, name_space)))
            return 0;
    buf_init(&listed);
    for (size_t i = 0; i < p->hub_count; i++)
        buf_printf(&listed, "%s%.*s/%.*s", i ? ", " : "", STR_ARGS(p->hubs[i].name_space), STR_ARGS(p->hubs[i].name));
    err_set(err, ERR_NOT_FOUND, "there is no event hub %s/%s; paystreak.yml has %s", name_space ? name_space : "", hub, listed.ptr);
    buf_release(&listed);
    return -1;
}

static int open_apps(struct run *r, struct err *err)
{
    r->apps = ARENA_ARRAY(r->a, struct run_app, r->project->function_count + 1);
    for (size_t i = 0; i < r->project->function_count; i++) {
        struct functions_opts opts = {.loop = r->loop, .app_dir = r->project->function_dirs[i], .names = r->names, .events = hub_event_sink(r->hub),
                                      .worker = embed_find(FUNCTIONS_WORKER), .once = r->args->once, .rewrite = rewrite_setting, .hub = hub_known, .ctx = r};
        r->apps[i].run = r;
        r->apps[i].app = functions_open(&opts, err);
        if (!r->apps[i].app)
            return -1;
    }
    return 0;
}

/* ---------------------------------------------------------------- captures */

static int capture_dir(struct run *r, const struct project_hub *hub, char **dir, struct err *err)
{
    struct lake_name name;
    struct resolved where;
    struct str parts[3], rest = hub->capture_table;
    size_t n = 0;
    while (n < 3 && str_split(&rest, '.', &parts[n]))
        n++;
    if (hub->capture_path.len) {
        if (resolve_name(r->names, r->a, hub->capture_path, &where, err))
            return err_locate(err, hub->at->file, hub->at->line, hub->at->col);
        if (where.kind != RESOLVED_LOCAL)
            return doc_err(hub->at, ERR_UNSUPPORTED, err, "a capture's path must lie in storage that is served here");
        *dir = arena_strdup(r->a, where.path);
        while (strlen(*dir) > 1 && (*dir)[strlen(*dir) - 1] == '/')
            (*dir)[strlen(*dir) - 1] = 0;
    }
    if (!n)
        return 0;
    if (lake_name_resolve(r->a, parts, n, NULL, &name, err) || lake_schema_create(r->engine->catalog, name.catalog, name.schema, STR(""), true, err))
        return -1;
    if (!hub->capture_path.len) {
        *dir = lake_catalog_dir(r->engine->catalog, r->a, &name);
        return 0;
    }
    struct lake_entry e = {.kind = LAKE_EXTERNAL, .name = name, .location = hub->capture_path, .format = STR("delta"),
                           .owner = STR("capture"), .created_ms = time_now_ms()};
    return lake_catalog_put(r->engine->catalog, &e, true, err);
}

/* Their tables and where they lie; what fills them is started later, if at all. */
static int open_captures(struct run *r, struct err *err)
{
    const struct type *schema = type_read_ddl(r->a, STR(CAPTURE_DDL), err);
    r->captures = ARENA_ARRAY(r->a, struct run_capture, r->project->hub_count + 1);
    if (!schema || hub_register_scan(r->engine->db, err))
        return -1;
    for (size_t i = 0; i < r->project->hub_count; i++) {
        const struct project_hub *hub = &r->project->hubs[i];
        struct run_capture *c = &r->captures[r->capture_count];
        if (!hub->capture)
            continue;
        r->capture_count++;
        c->run = r;
        c->hub = hub;
        if (capture_dir(r, hub, &c->dir, err))
            return -1;
        struct str shown = hub->capture_table.len ? hub->capture_table : hub->capture_path;
        snprintf(c->name, sizeof c->name, "%.*s", STR_ARGS(shown));
        if (hub->capture_table.len && pipelines_declare_table(r->pipelines, hub->capture_table, c->dir, schema, err))
            return -1;
    }
    return 0;
}

/* ---------------------------------------------------------------- all of it */

struct log_note { struct run *run; char *line; };

static void on_note(void *arg)
{
    struct log_note *n = arg;
    status_note(n->run->status, str_z(n->line));
    mem_free(n->line);
    mem_free(n);
}

static void on_log(void *ctx, enum log_level level, struct str line)
{
    struct run *r = ctx;
    (void)level;
    if (ev_on_loop(r->loop)) {
        status_note(r->status, line);
        return;
    }
    struct log_note *n = NEW(struct log_note);
    *n = (struct log_note){r, str_dup(line)};
    ev_post(r->loop, on_note, n);
}

static int open_engine(struct run *r, struct err *err)
{
    r->names = resolve_new(r->state->dir, r->project->dir);
    if (cli_bind_all(r->names, r->a, r->args, err))
        return -1;
    r->engine = engine_open(r->state->dir, r->project->dir, r->names, NULL, err);
    if (!r->engine)
        return -1;
    r->engine->on_commit = on_commit;
    r->engine->on_commit_ctx = r;
    r->queries = query_service_of(r->engine);
    r->history = history_open(r->loop, r->state->dir, err);
    if (!r->history)
        return -1;
    return r->state->lock_fd >= 0 ? history_repair(r->history, err) : 0; /* what runs in the owner is not interrupted */
}

enum { OUTSIDE_ONCE_MS = 20000 };

/* The namespaces that are bound, and the first of the project's that is not: clients that name none get it. */
static void bind_hubs(struct run *r, struct hub_opts *o)
{
    struct hub_binding *bound = NULL;
    size_t cap = 0;
    const char *name, *to;
    while (resolve_bound_hub(r->names, o->bound_count, &name, &to)) {
        bound = arena_grow(r->a, bound, &cap, o->bound_count + 1, sizeof *bound);
        bound[o->bound_count++] = (struct hub_binding){arena_strdup(r->a, name), arena_strdup(r->a, to)};
    }
    o->bound = bound;
    o->outside_give_up_ms = r->args->once ? OUTSIDE_ONCE_MS : 0;
    for (size_t i = r->project->hub_count; i-- > 0;)
        if (!bound_to(r, r->project->hubs[i].name_space))
            o->default_namespace = str_cz(r->a, r->project->hubs[i].name_space);
}

static int open_hub(struct run *r, struct err *err)
{
    struct hub_opts opts = {.state_dir = r->state->dir, .port = run_port(r->args, 0, RUN_DEFAULT_KAFKA), .sas_key = r->state->keys.sas,
                            .insecure_local = r->args->insecure_local, .auto_create = r->project->hub_count == 0, .partitions = (int)r->args->partitions,
                            .amqp = {true, r->args->amqp >= 0 ? (int)r->args->amqp : run_port(r->args, 4, RUN_DEFAULT_AMQP)},
                            .https = {true, r->args->https >= 0 ? (int)r->args->https : run_port(r->args, 5, RUN_DEFAULT_HTTPS)},
                            .tls_cert = r->args->tls_cert, .tls_key = r->args->tls_key};
    bind_hubs(r, &opts);
    r->hub = hub_start(r->loop, &opts, err);
    return r->hub ? 0 : -1;
}

/* What spark-pipeline.yml describes, alone. */
static int open_spec(struct run *r, const char *spec, struct err *err)
{
    struct pipeline_def def;
    return spec_read(r->a, spec, &def, err) || pipelines_add(r->pipelines, &def, err) ? -1 : 0;
}

int run_open_pipelines(struct run *r, const char *command, bool own, const char *spec, struct err *err)
{
    struct pipelines_opts po = {.loop = r->loop};
    if (spec) {
        r->project = ARENA_NEW(r->a, struct project);
        r->project->dir = str_cz(r->a, path_dir(str_z(spec)));
    } else {
        r->project = project_load(r->a, cli_project_dir(r->a, r->args), err);
    }
    if (!r->project || !(r->state = state_open(cli_state_dir(r->a, r->args), own, command, err)))
        return -1;
    if (open_engine(r, err))
        return -1;
    r->engine->read_only = !own;
    po.engine = r->engine;
    po.runs = own ? history_log(r->history) : NULL;
    r->pipelines = pipelines_new(&po);
    if (spec)
        return open_spec(r, spec, err);
    return open_bundle(r, err) || open_captures(r, err) ? -1 : 0;
}

int run_open(struct run *r, struct err *err)
{
    struct pipelines_opts po = {.loop = r->loop};
    r->project = project_load(r->a, cli_project_dir(r->a, r->args), err);
    if (!r->project || !(r->state = state_open(cli_state_dir(r->a, r->args), true, "run", err)))
        return -1;
    log_set_sink(on_log, r);
    if (open_engine(r, err) || open_hub(r, err))
        return -1;
    po.engine = r->engine;
    po.runs = history_log(r->history);
    r->pipelines = pipelines_new(&po);
    struct endpoints_opts ports = {.parts = ENDPOINTS_ALL, .pg = run_port(r->args, 1, RUN_DEFAULT_PG), .console = run_port(r->args, 2, RUN_DEFAULT_HTTP),
                                   .spark = run_port(r->args, 3, RUN_DEFAULT_CONNECT), .storage = run_port(r->args, 6, STORAGE_DEFAULT_PORT),
                                   .queue = run_port(r->args, 7, STORAGE_DEFAULT_PORT + 1)};
    r->endpoints = endpoints_open(r, &ports, err);
    return r->endpoints && open_bundle(r, err) == 0 && open_captures(r, err) == 0 && open_jobs(r, err) == 0 && open_factories(r, err) == 0 &&
           open_apps(r, err) == 0 ? 0 : -1;
}

int run_open_endpoints(struct run *r, const char *command, const struct endpoints_opts *o, struct err *err)
{
    char *dir = cli_project_dir(r->a, r->args);
    struct err broken = {0};
    r->project = project_load(r->a, dir, err);
    if (!r->project && err->code == ERR_NOT_FOUND && fs_exists(dir)) { /* a folder with a state or dashboards and no more */
        r->project = ARENA_NEW(r->a, struct project);
        r->project->dir = dir;
    }
    if (!r->project || !(r->state = state_open(cli_state_dir(r->a, r->args), true, command, err)) || open_engine(r, err))
        return -1;
    r->endpoints = endpoints_open(r, o, err);
    if (!r->endpoints)
        return -1;
    if (!(o->parts & ENDPOINT_CONSOLE))
        return 0;
    if (r->project->bundle_file && !(r->bundle = bundle_load(r->a, r->project->bundle_file, &(struct bundle_opts){.target = r->args->target}, &broken)))
        run_fail(r, "bundle", &broken); /* its dashboards are not there; the tables are */
    endpoints_dashboards(r->endpoints, r);
    return 0;
}

size_t run_check(struct run *r)
{
    size_t before = r->failure_count;
    if (!before) /* a pipeline that did not parse would be a second finding for its readers */
        pipelines_check(r->pipelines, pipeline_finding, r);
    if (r->jobs)
        jobs_check(r->jobs, finding, r);
    for (size_t i = 0; i < r->project->factory_count; i++)
        factory_check(r->factories[i], NULL, finding, r);
    endpoints_dashboards(r->endpoints, r);
    return r->failure_count;
}

void run_close(struct run *r)
{
    log_set_sink(NULL, NULL);
    control_close(r->control);
    for (size_t i = 0; r->apps && i < r->project->function_count; i++)
        functions_free(r->apps[i].app);
    for (size_t i = 0; r->factories && i < r->project->factory_count; i++)
        factory_free(r->factories[i]);
    jobs_free(r->jobs);
    pipelines_free(r->pipelines);
    endpoints_close(r->endpoints);
    if (r->hub)
        hub_stop(r->hub);
    history_close(r->history);
    for (int i = 0; i < 100; i++) /* closing handles and their last callbacks */
        (void)ev_run_once(r->loop, 0);
    while (ev_working(r->loop)) /* clients' interrupted statements still hold sessions of the engine */
        (void)ev_run_once(r->loop, 100);
    engine_close(r->engine);
    resolve_free(r->names);
    state_close(r->state);
}
