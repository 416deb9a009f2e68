/* notebook -- notebook_task, sql_task and spark_python_task: SQL cells in a session of ours, Python in a child process.
 *
 * A SQL notebook is a source file whose first line is `-- Databricks notebook source`; its cells are
 * parsed before the job starts, so that a syntax error is found by `check`. Its parameters are
 * session parameters (:name, ${name}). It runs on a worker.
 *
 * A Python notebook (`# Databricks notebook source`, or .ipynb) and a plain .py run in a child:
 * python -m paystreak_notebook FILE, with SPARK_REMOTE set to our Spark Connect port. The child
 * talks over fd 3, one JSON object a line:
 *     to it    {"parameters":{…},"arguments":[…],"values":{"task":{"key":…}},"name":…}      once, at the start
 *     from it  {"set":"key","value":…}   a task value      {"exit":"text"}   dbutils.notebook.exit
 *              {"error":"message","line":n}               what stopped it
 * Its output goes line by line to on_output. */
#include "jobs/fields.h"
#include "jobs/jobs_int.h"
#include <signal.h>
#include <stdlib.h>

enum { NOTEBOOK_FILE_MAX = 64 << 20, NOTEBOOK_RESULT_ROWS = 100, NOTEBOOK_MESSAGE_MAX = 8 << 20, NOTEBOOK_LINE_MAX = 64 << 10 };
enum language { LANG_SQL, LANG_PYTHON };

struct task_run {
    struct jobs *jobs;
    struct arena *a;
    task_done_fn on_done;
    void *arg;
    char *file;
    struct str text;
    const struct doc *params;
    struct str job, task;
    bool canceled, failed, braces;  /* braces: of a sql_task */
    struct err err;
    /* SQL */
    struct session *session;
    struct buf result;           /* JSON array: the last query's first rows */
    int64_t cells;
    /* Python */
    struct ev_child *child;
    struct buf out, messages;
    struct str exit_text;
    struct job_task *owner;
};

/* ---------------------------------------------------------------- finding and reading */

static bool starts_with_header(struct str text, const char *comment)
{
    struct str rest = text;
    struct str line = STR_NONE;
    if (!str_split(&rest, '\n', &line))
        return false;
    line = str_trim(line);
    return str_starts_z(line, comment) && str_ends_z(line, "Databricks notebook source");
}

/* The file itself, or the one with the extension that notebooks lose; NULL: none. */
static char *with_extension(struct arena *a, const char *base)
{
    static const char *const extensions[] = {"", ".sql", ".py", ".ipynb"};
    for (size_t i = 0; i < COUNT_OF(extensions); i++) {
        char *file = arena_printf(a, "%s%s", base, extensions[i]);
        struct fs_stat st;
        struct err gone;
        if (fs_stat(file, &st, &gone) == 0 && st.is_file)
            return file;
    }
    return NULL;
}

/* A path in a workspace (/Workspace/…, /Repos/OWNER/REPO/…, /Users/…, /Shared/…) is the project's file
 * that the longest tail of it names: how deep the project lies in a workspace is not known here. */
static char *workspace_file(struct jobs *j, struct arena *a, struct str path)
{
    static const char *const roots[] = {"/Workspace/", "/Repos/", "/Users/", "/Shared/"};
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(roots); i++)
        known |= str_starts_z(path, roots[i]);
    if (!known || str_find(path, STR("..")) >= 0)
        return NULL;
    for (size_t at = 1; at < path.len; at++) {
        if (path.ptr[at] != '/')
            continue;
        char *file = with_extension(a, arena_printf(a, "%s%.*s", j->o.bundle->root, STR_ARGS(str_from(path, at))));
        if (file)
            return file;
    }
    return NULL;
}

/* The file that a path names: relative to the file that names it, absolute, or of a workspace. */
static char *find_file(struct jobs *j, struct arena *a, const struct doc *path, struct err *err)
{
    char *file = with_extension(a, bundle_path(a, j->o.bundle, path));
    if (!file)
        file = workspace_file(j, a, path->text);
    if (file)
        return file;
    doc_err(path, ERR_NOT_FOUND, err, "there is no file '%.*s'", STR_ARGS(path->text));
    return NULL;
}

static int read_text(struct arena *a, const char *file, struct str *text, struct err *err)
{
    struct buf b;
    buf_init_max(&b, NOTEBOOK_FILE_MAX);
    int rc = fs_read_file(file, NOTEBOOK_FILE_MAX, &b, err);
    *text = str_copy(a, buf_view(&b));
    buf_release(&b);
    return rc;
}

static int language_of(const struct doc *at, const char *file, struct str text, bool notebook, enum language *lang, struct err *err)
{
    struct str name = str_z(file);
    *lang = str_ends_z(name, ".sql") ? LANG_SQL : LANG_PYTHON;
    if (!notebook || str_ends_z(name, ".ipynb"))
        return 0;
    if (str_ends_z(name, ".scala") || str_ends_z(name, ".r") || str_ends_z(name, ".R"))
        return doc_err(at, ERR_UNSUPPORTED, err, "notebook '%s': only SQL and Python notebooks run", file);
    if (!starts_with_header(text, *lang == LANG_SQL ? "--" : "#"))
        return doc_err(at, ERR_INPUT, err, "'%s' is no notebook: its first line must be '%s Databricks notebook source'", file, *lang == LANG_SQL ? "--" : "#");
    return 0;
}

/* Parses all cells; the statements live in the arena. */
static int parse_cells(struct arena *a, const char *file, struct str text, const struct sparksql_params *params, struct stmts **out, int64_t *count,
                       struct err *err)
{
    struct cell *cells;
    *count = sparksql_cells(a, text, &cells);
    *out = ARENA_ARRAY(a, struct stmts, *count + 1);
    for (int64_t i = 0; i < *count; i++) {
        if (cells[i].magic) {
            if (!str_ieqz(cells[i].language, "md") && !str_ieqz(cells[i].language, "sql"))
                return err_at(err, ERR_UNSUPPORTED, file, cells[i].line, 1, "a SQL notebook cannot run a %%%.*s cell here", STR_ARGS(cells[i].language));
            if (str_ieqz(cells[i].language, "md"))
                continue;
        }
        if (sparksql_parse_params(a, file, cells[i].line, cells[i].text, params, &(*out)[i], err))
            return -1;
    }
    return 0;
}

static int check_python(struct jobs *j, const struct doc *at, struct err *err)
{
    return j->o.python ? 0 : doc_err(at, ERR_UNSUPPORTED, err, "no Python was found for this task: set PAYSTREAK_PYTHON to an interpreter that has pyspark-client");
}

/* Before a run values are not known: each parameter stands for a text or a name that is its own. */
static bool any_value(void *ctx, struct str key, struct str *value)
{
    (void)ctx;
    *value = key;
    return true;
}

/* A statement that no session runs is refused before anything runs. */
static int check_kinds(const struct stmts *cells, int64_t count, struct err *err)
{
    for (int64_t i = 0; i < count; i++)
        for (size_t k = 0; k < cells[i].count; k++) {
            const struct stmt *st = cells[i].items[k];
            if (!session_runs(st->kind))
                return err_at(err, ERR_UNSUPPORTED, st->at.file, st->at.line, st->at.col, "%s is not supported in a notebook or SQL task%s", stmt_kind_name(st->kind),
                              st->kind == STMT_CREATE_STREAMING_TABLE || st->kind == STMT_CREATE_MATERIALIZED_VIEW ? ": put it into a pipeline" : "");
        }
    return 0;
}

/* Do the statements parse, whatever their parameters are, and can each be run? */
static int check_sql(struct arena *a, const char *file, struct str text, bool braces, struct err *err)
{
    struct stmts *cells;
    int64_t count;
    struct buf filled;
    buf_init(&filled);
    if (braces)
        sparksql_substitute_braces(&filled, text, any_value, NULL);
    int rc = parse_cells(a, file, braces ? buf_view(&filled) : text, &(struct sparksql_params){any_value, NULL}, &cells, &count, err);
    if (rc == 0)
        rc = check_kinds(cells, count, err);
    buf_release(&filled);
    return rc;
}

static int check_file(struct jobs *j, const struct doc *path, bool notebook, enum language wanted, struct err *err)
{
    struct arena *a = arena_new();
    struct str text;
    enum language lang = wanted;
    char *file = find_file(j, a, path, err);
    int rc = file ? read_text(a, file, &text, err) : -1;
    if (rc == 0)
        rc = language_of(path, file, text, notebook, &lang, err);
    if (rc == 0 && lang == LANG_SQL)
        rc = check_sql(a, file, text, !notebook, err);
    else if (rc == 0)
        rc = check_python(j, path, err);
    arena_free(a);
    return rc;
}

/* Files are those of the bundle; GIT would be another checkout of the same path. */
static int check_source(const struct doc *settings, struct err *err)
{
    const struct doc *source = doc_get(settings, "source");
    return str_ieqz(doc_str(source, STR("WORKSPACE")), "GIT")
               ? doc_err(source, ERR_UNSUPPORTED, err, "source: GIT is not supported here: a task runs a file of this bundle, so leave source out") : 0;
}

int notebook_check(void *ctx, const struct doc *settings, struct err *err)
{
    if (fields_check(settings, &NOTEBOOK_TASK_FIELDS, err) || check_source(settings, err) ||
        fields_check_params(doc_get(settings, "base_parameters"), err))
        return -1;
    struct doc *path = doc_need(settings, "notebook_path", DOC_STRING, err);
    return path ? check_file(ctx, path, true, LANG_PYTHON, err) : -1;
}

int sql_task_check(void *ctx, const struct doc *settings, struct err *err)
{
    const struct doc *file = doc_get(settings, "file");
    if (fields_check(settings, &SQL_TASK_FIELDS, err) || fields_check_params(doc_get(settings, "parameters"), err) || fields_check(file, &SQL_FILE_FIELDS, err) || check_source(file, err))
        return -1;
    if (!file)
        return doc_err(settings, ERR_UNSUPPORTED, err, "sql_task runs files here: file: {path: …}; a saved query, alert or dashboard has no local form");
    struct doc *path = doc_need(file, "path", DOC_STRING, err);
    return path ? check_file(ctx, path, false, LANG_SQL, err) : -1;
}

int python_task_check(void *ctx, const struct doc *settings, struct err *err)
{
    if (fields_check(settings, &SPARK_PYTHON_TASK_FIELDS, err) || check_source(settings, err))
        return -1;
    struct doc *path = doc_need(settings, "python_file", DOC_STRING, err);
    const struct doc *arguments = doc_get(settings, "parameters");
    if (!path)
        return -1;
    if (arguments && !doc_is(arguments, DOC_ARRAY))
        return doc_err(arguments, ERR_INPUT, err, "the parameters of a spark_python_task are a list of strings");
    if (!str_ends_z(path->text, ".py"))
        return doc_err(path, ERR_INPUT, err, "'%.*s' is no Python file", STR_ARGS(path->text));
    return check_file(ctx, path, false, LANG_PYTHON, err);
}

/* ---------------------------------------------------------------- SQL */

static int keep_rows(struct task_run *t, struct session_result *r, struct err *err)
{
    int rc;
    int64_t rows = 0;
    buf_clear(&t->result);
    buf_char(&t->result, '[');
    while ((rc = duck_next(r->rows, err)) > 0)
        for (size_t row = 0; row < duck_rows(r->rows) && rows < NOTEBOOK_RESULT_ROWS; row++, rows++) {
            if (rows)
                buf_char(&t->result, ',');
            session_row_json(r, row, &t->result);
        }
    buf_char(&t->result, ']');
    return rc;
}

static int run_statement(struct task_run *t, struct arena *a, const struct stmt *st, struct err *err)
{
    struct session_result r;
    int rc = session_execute(t->session, a, st, NULL, &r, err);
    if (rc)
        return -1;
    if (r.rows)
        rc = keep_rows(t, &r, err);
    session_result_release(&r);
    return rc ? err_locate(err, st->at.file, st->at.line, st->at.col) : 0;
}

static bool param_of(void *ctx, struct str key, struct str *value)
{
    const struct task_run *t = ctx;
    const struct doc *d = doc_get_str(t->params, key);
    *value = d ? d->text : STR_NONE;
    return d != NULL;
}

static int sql_run(struct task_run *t, struct err *err)
{
    struct stmts *cells;
    int64_t count;
    struct buf text;
    buf_init(&text);
    sparksql_substitute(&text, t->text, param_of, t);
    struct str whole = str_copy(t->a, buf_view(&text));
    if (t->braces) { /* {{name}}, as SQL files of jobs write it */
        buf_clear(&text);
        sparksql_substitute_braces(&text, whole, param_of, t);
        whole = str_copy(t->a, buf_view(&text));
    }
    buf_release(&text);
    for (size_t i = 0; doc_is(t->params, DOC_OBJECT) && i < t->params->count; i++)
        session_param(t->session, t->params->keys[i].name, t->params->items[i]->text);
    if (parse_cells(t->a, t->file, whole, &(struct sparksql_params){param_of, t}, &cells, &count, err))
        return -1;
    for (int64_t i = 0; i < count; i++) {
        t->cells += cells[i].count > 0;
        for (size_t k = 0; k < cells[i].count; k++) {
            if (__atomic_load_n(&t->canceled, __ATOMIC_RELAXED))
                return err_set(err, ERR_CANCELED, "canceled");
            struct arena *a = arena_new();
            int rc = run_statement(t, a, cells[i].items[k], err);
            arena_free(a);
            if (rc)
                return -1;
        }
    }
    return 0;
}

static void sql_work(void *arg)
{
    struct task_run *t = arg;
    struct session *s = session_new(t->jobs->o.engine, &t->err);
    __atomic_store_n(&t->session, s, __ATOMIC_RELEASE); /* stays until the end: a cancel interrupts it from the loop */
    t->failed = !s || sql_run(t, &t->err);
}

static void task_run_free(struct task_run *t)
{
    session_free(t->session);
    buf_release(&t->result);
    buf_release(&t->out);
    buf_release(&t->messages);
    if (t->child)
        ev_child_free(t->child);
    arena_free(t->a);
}

static void finish(void *arg)
{
    struct task_run *t = arg;
    struct doc *out = doc_new_object(t->a);
    struct err ignored;
    if (t->exit_text.ptr)
        doc_set(t->a, out, STR("result"), doc_new_str(t->a, t->exit_text));
    if (t->cells)
        doc_set(t->a, out, STR("cells"), doc_new_i64(t->a, t->cells));
    if (t->result.len) {
        struct doc *rows = doc_json(t->a, "result", str_copy(t->a, buf_view(&t->result)), &ignored);
        if (rows)
            doc_set(t->a, out, STR("rows"), rows);
    }
    struct task_result result = {!t->failed ? RUN_SUCCEEDED : t->canceled ? RUN_CANCELED : RUN_FAILED, out, t->failed ? &t->err : NULL};
    t->on_done(t->arg, &result);
    task_run_free(t);
}

/* ---------------------------------------------------------------- Python */

static void on_line(struct task_run *t, struct str line)
{
    const struct jobs_opts *o = &t->jobs->o;
    if (o->on_output)
        o->on_output(o->ctx, t->job, t->task, line);
}

static void on_out(void *ctx, const char *bytes, size_t n)
{
    struct task_run *t = ctx;
    buf_add(&t->out, bytes, n);
    for (;;) {
        int64_t nl = str_chr(buf_view(&t->out), '\n');
        if (nl < 0 && n && t->out.len < NOTEBOOK_LINE_MAX)
            return;
        size_t len = nl >= 0 ? (size_t)nl : t->out.len;
        if (len || nl >= 0)
            on_line(t, str_of(t->out.ptr, len));
        buf_drop_front(&t->out, nl >= 0 ? len + 1 : len);
        if (!t->out.len)
            return;
    }
}

static void on_object(struct task_run *t, const struct doc *d)
{
    const struct doc *set = doc_get(d, "set"), *exit_text = doc_get(d, "exit"), *error = doc_get(d, "error");
    if (doc_is(set, DOC_STRING) && t->owner) {
        struct buf v;
        const struct doc *value = doc_get(d, "value");
        buf_init(&v);
        if (doc_is(value, DOC_STRING))
            buf_str(&v, value->text);
        else if (value)
            doc_write(&v, value);
        if (!t->owner->values)
            t->owner->values = map_new();
        mem_free(map_put(t->owner->values, set->text, buf_detach(&v)));
    }
    if (exit_text)
        t->exit_text = str_copy(t->a, doc_str(exit_text, STR("")));
    if (error) {
        int64_t line = 0;
        (void)doc_i64(doc_get(d, "line"), &line);
        t->failed = true;
        err_at(&t->err, ERR_USER, t->file, (int)line, line ? 1 : 0, "%.*s", STR_ARGS(doc_str(error, STR("failed"))));
    }
}

static void on_msg(void *ctx, const char *bytes, size_t n)
{
    struct task_run *t = ctx;
    struct err ignored;
    int64_t nl;
    buf_add(&t->messages, bytes, n);
    while ((nl = str_chr(buf_view(&t->messages), '\n')) >= 0) {
        struct doc *d = doc_json(t->a, "message", str_copy(t->a, str_of(t->messages.ptr, (size_t)nl)), &ignored);
        if (d)
            on_object(t, d);
        buf_drop_front(&t->messages, (size_t)nl + 1);
    }
}

static void child_exit(void *ctx, int status, int sig)
{
    struct task_run *t = ctx;
    if (t->canceled) {
        t->failed = true;
        err_set(&t->err, ERR_CANCELED, "canceled");
    } else if (!t->failed && (status || sig)) {
        t->failed = true;
        err_at(&t->err, ERR_USER, t->file, 0, 0, sig ? "Python was ended by signal %d" : "Python ended with status %d", sig ? sig : status);
    }
    ev_defer(t->jobs->o.loop, finish, t);
}

static void send_settings(struct task_run *t, const struct task_request *q)
{
    const struct doc *arguments = doc_get(q->settings, "parameters");
    struct buf b;
    buf_init(&b);
    buf_z(&b, "{\"name\":");
    json_quote(&b, str_z(q->name));
    buf_z(&b, ",\"parameters\":");
    doc_write(&b, t->params);
    if (doc_is(arguments, DOC_ARRAY)) {
        buf_z(&b, ",\"arguments\":");
        doc_write(&b, arguments);
    }
    buf_z(&b, ",\"values\":{");
    bool first = true;
    for (size_t i = 0; t->owner && i < t->owner->run->task_count; i++) {
        const struct job_task *other = &t->owner->run->tasks[i];
        size_t at = 0;
        struct str key;
        void *value;
        if (!other->values)
            continue;
        buf_z(&b, first ? "" : ",");
        json_quote(&b, other->key);
        buf_z(&b, ":{");
        for (int n = 0; map_next(other->values, &at, &key, &value); n++) {
            buf_z(&b, n ? "," : "");
            json_quote(&b, key);
            buf_char(&b, ':');
            json_quote(&b, str_z(value));
        }
        buf_char(&b, '}');
        first = false;
    }
    buf_z(&b, "}}\n");
    ev_child_send(t->child, b.ptr, b.len);
    buf_release(&b);
}

/* Our environment with a few names set over it; in the arena. */
static const char *const *child_env(struct task_run *t)
{
    extern char **environ;
    size_t n = 0, kept = 0;
    const struct jobs_opts *o = &t->jobs->o;
    while (environ[n])
        n++;
    const char **env = ARENA_ARRAY(t->a, const char *, n + 5);
    for (size_t i = 0; i < n; i++)
        if (!str_starts_z(str_z(environ[i]), "SPARK_REMOTE=") && !str_starts_z(str_z(environ[i]), "PYTHONPATH="))
            env[kept++] = environ[i];
    env[kept++] = arena_printf(t->a, "SPARK_REMOTE=%s", o->spark_remote ? o->spark_remote : "");
    env[kept++] = arena_printf(t->a, "PYTHONPATH=%s", o->runner_dir ? o->runner_dir : "");
    if (o->spark_token)
        env[kept++] = arena_printf(t->a, "SPARK_CONNECT_AUTHENTICATE_TOKEN=%s", o->spark_token);
    env[kept++] = "PYTHONUNBUFFERED=1";
    return env;
}

static int python_start(struct task_run *t, const struct task_request *q, struct err *err)
{
    const char *const argv[] = {t->jobs->o.python, "-m", "paystreak_notebook", t->file, NULL};
    char *dir = str_cz(t->a, path_dir(str_z(t->file)));
    struct ev_child_opts opts = {.argv = argv, .env = child_env(t), .cwd = dir, .on_out = on_out, .on_err = on_out, .on_exit = child_exit,
                                 .ctx = t, .use_fd3 = true, .on_msg = on_msg};
    t->child = ev_child_start(t->jobs->o.loop, &opts, err);
    if (!t->child)
        return -1;
    ev_child_close_input(t->child);
    send_settings(t, q);
    return 0;
}

/* ---------------------------------------------------------------- starting */

static struct task_run *file_start(struct jobs *j, const struct task_request *q, const struct doc *path, bool notebook,
                                   enum language lang, task_done_fn on_done, void *arg, struct err *err)
{
    struct arena *a = arena_new();
    struct task_run *t = ARENA_NEW(a, struct task_run);
    *t = (struct task_run){.jobs = j, .a = a, .on_done = on_done, .arg = arg, .owner = jobs_task_of_run(j, q->run_id)};
    buf_init(&t->result);
    buf_init(&t->out);
    buf_init_max(&t->messages, NOTEBOOK_MESSAGE_MAX);
    t->braces = !notebook;
    t->params = q->params ? q->params : doc_new_object(a);
    t->task = str_copy(a, str_z(q->name));
    t->job = t->owner ? t->owner->run->job->key : STR("");
    t->file = find_file(j, a, path, err);
    if (!t->file || read_text(a, t->file, &t->text, err) || language_of(path, t->file, t->text, notebook, &lang, err))
        goto fail;
    if (lang == LANG_SQL)
        ev_work(j->o.loop, sql_work, finish, t);
    else if (check_python(j, path, err) || python_start(t, q, err))
        goto fail;
    return t;
fail:
    task_run_free(t);
    return NULL;
}

struct task_run *notebook_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct doc *path = doc_need(q->settings, "notebook_path", DOC_STRING, err);
    return path ? file_start(ctx, q, path, true, LANG_PYTHON, on_done, arg, err) : NULL;
}

struct task_run *sql_task_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct doc *path = doc_need(doc_get(q->settings, "file"), "path", DOC_STRING, err);
    return path ? file_start(ctx, q, path, false, LANG_SQL, on_done, arg, err) : NULL;
}

struct task_run *python_task_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct doc *path = doc_need(q->settings, "python_file", DOC_STRING, err);
    return path ? file_start(ctx, q, path, false, LANG_PYTHON, on_done, arg, err) : NULL;
}

void notebook_cancel(void *ctx, struct task_run *t)
{
    (void)ctx;
    __atomic_store_n(&t->canceled, true, __ATOMIC_RELAXED);
    struct session *s = __atomic_load_n(&t->session, __ATOMIC_ACQUIRE);
    if (s)
        duck_interrupt(session_conn(s));
    if (t->child)
        ev_child_kill(t->child, SIGTERM);
}
