#include "jobs/fields.h"
#include "base/log.h"

enum { KEY_MAX = 40, NEAR = 3 }; /* letters of a key; so many may differ */

const char *const TASK_KINDS[] = {
    "notebook_task", "sql_task", "pipeline_task", "run_job_task", "condition_task", "spark_python_task", "python_wheel_task",
    "dbt_task", "dashboard_task", "for_each_task", "spark_jar_task", "spark_submit_task", "power_bi_task", "clean_rooms_notebook_task",
    "gen_ai_compute_task", "alert_task",
};
const size_t TASK_KIND_COUNT = COUNT_OF(TASK_KINDS);

#define FIELDS(NAME, what, ...) \
    static const struct field NAME##_ROWS[] = {__VA_ARGS__}; \
    const struct fields NAME = {what, NAME##_ROWS, COUNT_OF(NAME##_ROWS)}

FIELDS(JOB_FIELDS, "a job",
       {"name", FIELD_DONE, FIELD_TEXT, NULL}, {"tasks", FIELD_DONE, FIELD_LIST, NULL}, {"parameters", FIELD_DONE, FIELD_LIST, NULL},
       {"schedule", FIELD_DONE, FIELD_MAP, NULL}, {"trigger", FIELD_DONE, FIELD_MAP, NULL}, {"continuous", FIELD_DONE, FIELD_MAP, NULL},
       {"queue", FIELD_DONE, FIELD_MAP, NULL}, {"max_concurrent_runs", FIELD_DONE, FIELD_COUNT, NULL}, {"timeout_seconds", FIELD_DONE, FIELD_COUNT, NULL},
       {"git_source", FIELD_REFUSED, FIELD_MAP, "tasks run the files of this bundle: give paths in it and leave git_source out"},
       {"access_control_list", FIELD_APART, FIELD_ANY, NULL}, {"budget_policy_id", FIELD_APART, FIELD_ANY, NULL}, {"deployment", FIELD_APART, FIELD_ANY, NULL},
       {"description", FIELD_APART, FIELD_ANY, NULL}, {"edit_mode", FIELD_APART, FIELD_ANY, NULL}, {"email_notifications", FIELD_APART, FIELD_MAP, NULL},
       {"environments", FIELD_APART, FIELD_LIST, NULL}, {"format", FIELD_APART, FIELD_ANY, NULL}, {"health", FIELD_APART, FIELD_MAP, NULL},
       {"job_clusters", FIELD_APART, FIELD_LIST, NULL}, {"lifecycle", FIELD_APART, FIELD_ANY, NULL}, {"notification_settings", FIELD_APART, FIELD_MAP, NULL},
       {"parent_path", FIELD_APART, FIELD_ANY, NULL}, {"performance_target", FIELD_APART, FIELD_ANY, NULL}, {"permissions", FIELD_APART, FIELD_ANY, NULL},
       {"run_as", FIELD_APART, FIELD_ANY, NULL}, {"tags", FIELD_APART, FIELD_MAP, NULL}, {"usage_policy_id", FIELD_APART, FIELD_ANY, NULL},
       {"webhook_notifications", FIELD_APART, FIELD_MAP, NULL});

FIELDS(TASK_FIELDS, "a task",
       {"task_key", FIELD_DONE, FIELD_TEXT, NULL}, {"depends_on", FIELD_DONE, FIELD_LIST, NULL}, {"run_if", FIELD_DONE, FIELD_TEXT, NULL},
       {"max_retries", FIELD_DONE, FIELD_WHOLE, NULL}, {"min_retry_interval_millis", FIELD_DONE, FIELD_COUNT, NULL},
       {"retry_on_timeout", FIELD_DONE, FIELD_BOOL, NULL}, {"timeout_seconds", FIELD_DONE, FIELD_COUNT, NULL},
       {"disabled", FIELD_REFUSED, FIELD_BOOL, "take the task out instead"},
       {"compute", FIELD_APART, FIELD_ANY, NULL}, {"description", FIELD_APART, FIELD_ANY, NULL}, {"disable_auto_optimization", FIELD_APART, FIELD_ANY, NULL},
       {"email_notifications", FIELD_APART, FIELD_MAP, NULL}, {"environment_key", FIELD_APART, FIELD_ANY, NULL},
       {"existing_cluster_id", FIELD_APART, FIELD_ANY, NULL}, {"health", FIELD_APART, FIELD_MAP, NULL}, {"job_cluster_key", FIELD_APART, FIELD_ANY, NULL},
       {"libraries", FIELD_APART, FIELD_LIST, NULL}, {"new_cluster", FIELD_APART, FIELD_ANY, NULL}, {"notification_settings", FIELD_APART, FIELD_MAP, NULL},
       {"webhook_notifications", FIELD_APART, FIELD_MAP, NULL});

FIELDS(NOTEBOOK_TASK_FIELDS, "notebook_task",
       {"notebook_path", FIELD_DONE, FIELD_TEXT, NULL}, {"base_parameters", FIELD_DONE, FIELD_MAP, NULL}, {"source", FIELD_DONE, FIELD_TEXT, NULL},
       {"warehouse_id", FIELD_APART, FIELD_ANY, NULL});

FIELDS(SPARK_PYTHON_TASK_FIELDS, "spark_python_task",
       {"python_file", FIELD_DONE, FIELD_TEXT, NULL}, {"parameters", FIELD_DONE, FIELD_LIST, NULL}, {"source", FIELD_DONE, FIELD_TEXT, NULL});

#define SQL_FILES "sql_task runs files here: file: {path: …}"
FIELDS(SQL_TASK_FIELDS, "sql_task",
       {"file", FIELD_DONE, FIELD_MAP, NULL}, {"parameters", FIELD_DONE, FIELD_MAP, NULL}, {"warehouse_id", FIELD_APART, FIELD_ANY, NULL},
       {"query", FIELD_REFUSED, FIELD_ANY, SQL_FILES}, {"alert", FIELD_REFUSED, FIELD_ANY, SQL_FILES},
       {"dashboard", FIELD_REFUSED, FIELD_ANY, SQL_FILES});

FIELDS(SQL_FILE_FIELDS, "file", {"path", FIELD_DONE, FIELD_TEXT, NULL}, {"source", FIELD_DONE, FIELD_TEXT, NULL});

#define OLD_PARAMS "job_parameters reach every task of the job"
FIELDS(RUN_JOB_TASK_FIELDS, "run_job_task",
       {"job_id", FIELD_DONE, FIELD_ANY, NULL}, {"job_parameters", FIELD_DONE, FIELD_MAP, NULL},
       {"dbt_commands", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS}, {"jar_params", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS},
       {"notebook_params", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS}, {"pipeline_params", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS},
       {"python_named_params", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS}, {"python_params", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS},
       {"spark_submit_params", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS}, {"sql_params", FIELD_REFUSED, FIELD_ANY, OLD_PARAMS});

FIELDS(CONDITION_TASK_FIELDS, "condition_task",
       {"op", FIELD_DONE, FIELD_TEXT, NULL}, {"left", FIELD_DONE, FIELD_ANY, NULL}, {"right", FIELD_DONE, FIELD_ANY, NULL});

FIELDS(FOR_EACH_TASK_FIELDS, "for_each_task",
       {"inputs", FIELD_DONE, FIELD_ANY, NULL}, {"task", FIELD_DONE, FIELD_MAP, NULL}, {"concurrency", FIELD_DONE, FIELD_COUNT, NULL});

FIELDS(PIPELINE_FIELDS, "a pipeline",
       {"name", FIELD_DONE, FIELD_TEXT, NULL}, {"catalog", FIELD_DONE, FIELD_TEXT, NULL}, {"schema", FIELD_DONE, FIELD_TEXT, NULL},
       {"target", FIELD_DONE, FIELD_TEXT, NULL}, {"configuration", FIELD_DONE, FIELD_MAP, NULL}, {"libraries", FIELD_DONE, FIELD_LIST, NULL},
       {"continuous", FIELD_DONE, FIELD_BOOL, NULL}, {"development", FIELD_DONE, FIELD_BOOL, NULL},
       {"event_log", FIELD_REFUSED, FIELD_ANY, "the event log is the table event_log_NAME of the pipeline's own schema"},
       {"filters", FIELD_REFUSED, FIELD_ANY, "name the files in libraries"},
       {"gateway_definition", FIELD_REFUSED, FIELD_ANY, "a pipeline runs SQL files here"},
       {"ingestion_definition", FIELD_REFUSED, FIELD_ANY, "a pipeline runs SQL files here"},
       {"trigger", FIELD_REFUSED, FIELD_ANY, "run the pipeline by a pipeline_task of a job with a schedule"},
       {"allow_duplicate_names", FIELD_APART, FIELD_ANY, NULL}, {"budget_policy_id", FIELD_APART, FIELD_ANY, NULL}, {"channel", FIELD_APART, FIELD_ANY, NULL},
       {"clusters", FIELD_APART, FIELD_ANY, NULL}, {"deployment", FIELD_APART, FIELD_ANY, NULL}, {"dry_run", FIELD_APART, FIELD_ANY, NULL},
       {"edition", FIELD_APART, FIELD_ANY, NULL}, {"environment", FIELD_APART, FIELD_ANY, NULL}, {"id", FIELD_APART, FIELD_ANY, NULL},
       {"lifecycle", FIELD_APART, FIELD_ANY, NULL}, {"notifications", FIELD_APART, FIELD_ANY, NULL}, {"permissions", FIELD_APART, FIELD_ANY, NULL},
       {"photon", FIELD_APART, FIELD_ANY, NULL}, {"restart_window", FIELD_APART, FIELD_ANY, NULL}, {"root_path", FIELD_APART, FIELD_ANY, NULL},
       {"run_as", FIELD_APART, FIELD_ANY, NULL}, {"serverless", FIELD_APART, FIELD_ANY, NULL}, {"storage", FIELD_APART, FIELD_ANY, NULL},
       {"tags", FIELD_APART, FIELD_ANY, NULL}, {"usage_policy_id", FIELD_APART, FIELD_ANY, NULL});

/* ---------------------------------------------------------------- what a key means */

/* How many letters to change, add or leave out to make b of a; more than NEAR: far. */
static int distance(struct str a, struct str b)
{
    int row[KEY_MAX + 1];
    if (a.len > KEY_MAX || b.len > KEY_MAX)
        return NEAR + 1;
    for (size_t k = 0; k <= b.len; k++)
        row[k] = (int)k;
    for (size_t i = 1; i <= a.len; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t k = 1; k <= b.len; k++) {
            int change = diagonal + (a.ptr[i - 1] != b.ptr[k - 1]), here = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
            diagonal = row[k];
            row[k] = here < change ? here : change;
        }
    }
    return row[b.len];
}

const char *fields_meant(const struct fields *known, struct str key)
{
    size_t kinds = known == &TASK_FIELDS ? TASK_KIND_COUNT : 0;
    const char *meant = NULL;
    int best = NEAR + 1;
    for (size_t i = 0; i < kinds + known->count; i++) {
        const char *name = i < kinds ? TASK_KINDS[i] : known->rows[i - kinds].name;
        int d = distance(key, str_z(name));
        if (d < best && (size_t)d * 2 < key.len) { /* short keys are near to everything */
            best = d;
            meant = name;
        }
    }
    return best ? meant : NULL;
}

static const struct field *find(const struct fields *known, struct str key)
{
    for (size_t i = 0; i < known->count; i++)
        if (str_eqz(key, known->rows[i].name))
            return &known->rows[i];
    return NULL;
}

bool fields_known(const struct fields *known, struct str key)
{
    for (size_t i = 0; known == &TASK_FIELDS && i < TASK_KIND_COUNT; i++)
        if (str_eqz(key, TASK_KINDS[i]))
            return true;
    return find(known, key) != NULL;
}

/* ---------------------------------------------------------------- the check */

static int check_value(const struct doc *v, const struct field *f, struct err *err)
{
    static const char *const kinds[] = {[FIELD_TEXT] = "a text", [FIELD_COUNT] = "a whole number, 0 or more", [FIELD_WHOLE] = "a whole number",
                                        [FIELD_BOOL] = "true or false", [FIELD_LIST] = "a list", [FIELD_MAP] = "a mapping"};
    int64_t n = 0;
    bool whole = doc_i64(v, &n);
    const bool good[] = {[FIELD_ANY] = true, [FIELD_TEXT] = v->kind == DOC_STRING, [FIELD_COUNT] = whole && n >= 0, [FIELD_WHOLE] = whole,
                         [FIELD_BOOL] = v->kind == DOC_BOOL, [FIELD_LIST] = v->kind == DOC_ARRAY, [FIELD_MAP] = v->kind == DOC_OBJECT};
    return good[f->kind] ? 0 : doc_err(v, ERR_INPUT, err, "%s is %s", f->name, kinds[f->kind]);
}

static int unknown(const struct doc *d, size_t i, const struct fields *known, struct err *err)
{
    struct str key = d->keys[i].name;
    const char *meant = fields_meant(known, key);
    if (!meant) {
        log_warn("bundle", "%s:%d:%d: %s has no field '%.*s' that is known here", d->file ? d->file : "bundle", d->keys[i].line, d->keys[i].col, known->what,
                 STR_ARGS(key));
        return 0;
    }
    err_set(err, ERR_INPUT, "%s has no key '%.*s'; did you mean '%s'?", known->what, STR_ARGS(key), meant);
    return err_locate(err, d->file, d->keys[i].line, d->keys[i].col);
}

int fields_check(const struct doc *d, const struct fields *known, struct err *err)
{
    for (size_t i = 0; doc_is(d, DOC_OBJECT) && i < d->count; i++) {
        struct str key = d->keys[i].name;
        const struct doc *v = d->items[i];
        const struct field *f = find(known, key);
        if (v->kind == DOC_NULL)
            continue;
        if (!fields_known(known, key) ? unknown(d, i, known, err) : f ? check_value(v, f, err) : 0)
            return -1;
        if (f && f->use == FIELD_REFUSED && !(v->kind == DOC_BOOL && !v->boolean)) {
            err_set(err, ERR_UNSUPPORTED, "%s of %s is not supported here: %s", f->name, known->what, f->why);
            return err_locate(err, d->file, d->keys[i].line, d->keys[i].col);
        }
    }
    return 0;
}

int fields_check_params(const struct doc *params, struct err *err)
{
    for (size_t i = 0; doc_is(params, DOC_OBJECT) && i < params->count; i++)
        if (!doc_text(params->items[i]).ptr && params->items[i]->kind != DOC_NULL)
            return doc_err(params->items[i], ERR_INPUT, err, "the parameter '%.*s' is a text", STR_ARGS(params->keys[i].name));
    return 0;
}
