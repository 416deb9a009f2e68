/* project -- what a project's folder holds, found by the files that people already have.
 *
 *   databricks.yml      in the folder itself, or else in one folder below it: a bundle: jobs, pipelines, dashboards
 *   host.json           in the folder itself or one below it: an Azure Functions app
 *   pipeline/           of JSON files, with linkedService/ or dataset/ beside it: a Data Factory folder
 *   paystreak.yml       optional: says where those are, binds cloud names, and describes event hubs:
 *                         functions: DIR | [DIR…]   factory: DIR | [DIR…]   bundle: DIR   bind: [FROM=TO…]
 *                         hubs: [{namespace, name, partitionCount, messageRetentionInDays, durability,
 *                                 captureDescription: {enabled, encoding: Delta,
 *                                   destination: {path | table}, intervalInSeconds, sizeLimitInBytes}}]
 *
 * Reading is pure but for the files; nothing is started here. Unknown keys of paystreak.yml are
 * errors, with the place and the keys that exist. */
#ifndef PAYSTREAK_CLI_PROJECT_H
#define PAYSTREAK_CLI_PROJECT_H
#include "base/base.h"
#include "hub/hub.h"

struct project_hub {
    struct str name_space, name;
    struct hub_spec spec;
    bool capture;
    struct str capture_path;       /* URI, or NONE */
    struct str capture_table;      /* a.b.c, or NONE */
    int64_t capture_interval_ms;   /* 0: as soon as events are there */
    const struct doc *at;
};

struct project {
    const char *dir;
    const char *bundle_file;       /* databricks.yml's path, NULL if there is none */
    char **function_dirs; size_t function_count;
    char **factory_dirs; size_t factory_count;
    struct str *binds; size_t bind_count;
    struct project_hub *hubs; size_t hub_count;
};

/* All strings live in the arena. Errors: ERR_INPUT with the place; ERR_NOT_FOUND if the folder
 * holds nothing that can run. */
struct project *project_load(struct arena *a, const char *dir, struct err *err) MUST_CHECK;
#endif
