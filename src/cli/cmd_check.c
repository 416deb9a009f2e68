/* cmd_check -- `paystreak check`: what of a project runs here, what does not, and where it is refused.
 *
 * The verdict lists every part that `run` would start, a line each (with --output json an object each,
 * {"part":{"kind","name","detail"}}), before the list of what is wrong. A project with no part at all is told so:
 * that everything of nothing runs helps nobody. What the bundle has beside that is warned about as it is read. */
#include "cli/run.h"
#include <stdio.h>
#include <string.h>

struct verdict { const struct cli_args *args; size_t count; };

static void part(struct verdict *v, const char *kind, struct str name, const char *detail)
{
    struct buf b;
    buf_init(&b);
    v->count++;
    if (v->args->json) {
        buf_printf(&b, "{\"part\":{\"kind\":\"%s\",\"name\":", kind);
        json_quote(&b, name);
        buf_z(&b, ",\"detail\":");
        json_quote(&b, str_z(detail));
        buf_z(&b, "}}\n");
    } else {
        buf_printf(&b, "%-12s %-40.*s %s\n", kind, STR_ARGS(name), detail);
    }
    fputs(b.ptr, stdout);
    buf_release(&b);
}

static const char *counted(struct arena *a, size_t n, const char *what)
{
    return arena_printf(a, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void bundle_parts(struct verdict *v, struct run *r)
{
    static const struct { const char *kind, *shown, *list, *item; } kinds[] = {
        {"jobs", "job", "tasks", "task"}, {"pipelines", "pipeline", NULL, NULL}, {"dashboards", "dashboard", NULL, NULL},
        {"schemas", "schema", NULL, NULL}, {"volumes", "volume", NULL, NULL}};
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (size_t i = 0; r->bundle && i < r->bundle->resource_count; i++) {
            const struct bundle_resource *res = &r->bundle->resources[i];
            const struct doc *list = kinds[k].list ? doc_get(res->doc, kinds[k].list) : NULL;
            const char *detail = kinds[k].list ? counted(r->a, list ? list->count : 0, kinds[k].item)
                                 : doc_bool(doc_get(res->doc, "continuous"), false) ? "continuous" : "";
            if (str_eqz(res->kind, kinds[k].kind))
                part(v, kinds[k].shown, res->key, detail);
        }
}

static void project_parts(struct verdict *v, struct run *r)
{
    const struct project *p = r->project;
    for (size_t i = 0; i < p->function_count; i++)
        part(v, "function app", path_base(str_z(p->function_dirs[i])), p->function_dirs[i]);
    for (size_t i = 0; i < p->hub_count; i++)
        part(v, "event hub", p->hubs[i].name, p->hubs[i].capture ? "captured" : "");
    for (size_t i = 0; i < p->factory_count; i++) {
        const char *const *names;
        const struct factory_trigger *triggers;
        size_t n = factory_pipelines(r->factories[i], &names), all = factory_triggers(r->factories[i], &triggers), started = 0;
        for (size_t t = 0; t < all; t++)
            started += triggers[t].started;
        part(v, "factory", str_z(factory_name(r->factories[i])),
             arena_printf(r->a, "%s, %s", counted(r->a, n, "pipeline"), counted(r->a, started, "started trigger")));
    }
    bundle_parts(v, r);
}

int cmd_check(const struct cli_args *args)
{
    struct err err = {0};
    struct run *r = cli_run_new(args, "check", cli_status_mode(args));
    struct verdict v = {.args = args};
    int status;
    if (run_open(r, &err)) {
        status = cli_fail(args, &err);
    } else {
        run_check(r);
        project_parts(&v, r);
        status = run_print_failures(r);
        if (!status && !args->json)
            puts(v.count ? "everything above runs here" : "nothing in this project runs here: it has no function app, factory, job, pipeline or dashboard");
    }
    cli_run_free(r);
    return status;
}
