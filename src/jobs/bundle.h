/* bundle -- a Databricks Asset Bundle: databricks.yml and its includes, one target chosen, merged
 * and interpolated. Rules as the Databricks CLI has them (observed; see README.md).
 *
 * Reading goes through five steps, each a pure function of trees:
 *   1. databricks.yml and the files of `include` (globs, sorted) are read and merged; a resource
 *      defined twice under one key is an error
 *   2. the target: the one asked for, else the only one, else the one with `default: true`
 *   3. the target's own settings are merged over: maps merge, scalars replace, lists append, but
 *      tasks (task_key), job_clusters (job_cluster_key), parameters (name) merge by key
 *   4. variables: --var > BUNDLE_VAR_x > target > default; ${…} references are replaced, a whole
 *      value keeps its type; ${resources.K.NAME.id} becomes the resource's key
 *   5. mode and presets: name prefix, paused schedules, development pipelines
 *
 * Paths are relative to the file that names them; every node still knows its file, line, column. */
#ifndef PAYSTREAK_JOBS_BUNDLE_H
#define PAYSTREAK_JOBS_BUNDLE_H
#include "base/base.h"

enum { BUNDLE_FILE_MAX = 8 << 20, BUNDLE_MAX_INCLUDES = 1000, BUNDLE_MAX_REFERENCES = 64 };

struct bundle_resource {
    struct str kind;           /* "jobs", "pipelines", "dashboards", … */
    struct str key;
    struct str name;           /* its display name, with the target's prefix */
    const struct doc *doc;     /* resolved settings */
};

struct bundle {
    const char *root;          /* folder of databricks.yml */
    struct str name, target, mode, prefix;
    const struct doc *doc;     /* the whole, resolved */
    struct bundle_resource *resources;   /* in order of the files */
    size_t resource_count;
    struct str *warnings; size_t warning_count; /* "file:line:col: …": what is known but not run here */
};

struct bundle_opts { const char *target; const struct str *vars; size_t var_count; /* "name=value" */ };
/* Everything lives in the arena. Errors are ERR_INPUT or ERR_UNSUPPORTED with the place. */
struct bundle *bundle_load(struct arena *a, const char *file, const struct bundle_opts *opts, struct err *err) MUST_CHECK;
const struct bundle_resource *bundle_find(const struct bundle *b, const char *kind, struct str key);
/* The absolute path that a node's text names, relative to the node's own file; "/Workspace/…" and
 * other absolute paths as they are. */
char *bundle_path(struct arena *a, const struct bundle *b, const struct doc *text);
/* The files that match a pattern node (`**` crosses folders), sorted. Returns the count or -1. */
int64_t bundle_glob(struct arena *a, const struct bundle *b, const struct doc *pattern, char ***files, struct err *err) MUST_CHECK;
#endif
