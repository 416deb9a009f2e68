#include "engine/session_int.h"
#include "lake/dml.h"
#include "engine/lake_expr.h"
#include <stdio.h>

/* Settings that a session has from the start; what Spark 4 says unless set. */
static const struct { const char *key, *value; } DEFAULTS[] = {
    {"spark.sql.ansi.enabled", "true"},
    {"spark.sql.session.timeZone", "UTC"},
    {"spark.sql.caseSensitive", "false"},
};

struct engine *engine_open(const char *state_dir, const char *project_dir, struct resolver_names *names,
                           const struct duck_opts *opts, struct err *err)
{
    struct engine *e = NEW(struct engine);
    e->state_dir = mem_strdup(state_dir);
    e->project_dir = mem_strdup(project_dir);
    e->names = names;
    e->db = duck_new(opts, err);
    engine_lake_expressions();
    if (e->db && lake_register(e->db, err) == 0 && engine_prelude(e->db, err) == 0 &&
        (e->catalog = lake_catalog_open(state_dir, err)))
        return e;
    engine_close(e);
    return NULL;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    if (e->catalog)
        lake_catalog_close(e->catalog);
    if (e->db)
        duck_free(e->db);
    mem_free((char *)e->state_dir);
    mem_free((char *)e->project_dir);
    mem_free(e);
}

struct session *session_new(struct engine *e, struct err *err)
{
    struct duck_conn *conn = duck_connect(e->db, err);
    if (!conn)
        return NULL;
    struct session *s = NEW(struct session);
    s->engine = e;
    s->conn = conn;
    s->arena = arena_new();
    s->settings = map_new_icase();
    s->views = map_new_icase();
    s->scope = (struct lake_scope){STR(LAKE_DEFAULT_CATALOG), STR(LAKE_DEFAULT_SCHEMA)};
    for (size_t i = 0; i < COUNT_OF(DEFAULTS); i++)
        session_set(s, str_z(DEFAULTS[i].key), str_z(DEFAULTS[i].value));
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(s->settings, &at, &key, &value))
        mem_free(value);
    map_free(s->settings);
    map_free(s->views);
    duck_disconnect(s->conn);
    arena_free(s->arena);
    mem_free(s);
}

struct duck_conn *session_conn(struct session *s) { return s->conn; }
struct engine *session_engine(struct session *s) { return s->engine; }
struct str session_catalog(const struct session *s) { return s->scope.catalog; }
struct str session_schema(const struct session *s) { return s->scope.schema; }
struct arena *session_arena(struct session *s) { return s->arena; }

int session_use(struct session *s, struct str catalog, struct str schema, struct err *err)
{
    bool exists = true;
    struct lake_scope to = s->scope;
    if (catalog.len)
        to = (struct lake_scope){str_lower(s->arena, catalog), STR(LAKE_DEFAULT_SCHEMA)};
    if (schema.len)
        to.schema = str_lower(s->arena, schema);
    if (schema.len && lake_schema_exists(s->engine->catalog, to.catalog, to.schema, &exists, err))
        return -1;
    if (!exists)
        return err_set(err, ERR_NOT_FOUND, "[SCHEMA_NOT_FOUND] The schema `%.*s`.`%.*s` cannot be found", STR_ARGS(to.catalog),
                       STR_ARGS(to.schema));
    s->scope = to;
    return 0;
}

void session_search_path(struct session *s, struct str csv) { s->search_path = str_copy(s->arena, csv); }

void session_set(struct session *s, struct str key, struct str value)
{
    mem_free(map_put(s->settings, key, str_dup(value)));
}

void session_unset(struct session *s, struct str key)
{
    mem_free(map_remove(s->settings, key));
    for (size_t i = 0; i < COUNT_OF(DEFAULTS); i++)
        if (str_ieqz(key, DEFAULTS[i].key))
            session_set(s, key, str_z(DEFAULTS[i].value));
}

struct str session_get(const struct session *s, struct str key) { return str_z(map_get(s->settings, key)); }
bool session_ansi(const struct session *s) { return str_ieqz(session_get(s, STR("spark.sql.ansi.enabled")), "true"); }

void session_param(struct session *s, struct str name, struct str value)
{
    s->param_names = arena_grow(s->arena, s->param_names, &s->name_cap, s->param_count + 1, sizeof *s->param_names);
    s->params = arena_grow(s->arena, s->params, &s->param_cap, s->param_count + 1, sizeof *s->params);
    s->param_names[s->param_count] = str_copy(s->arena, name);
    s->params[s->param_count++] = (struct lit){.kind = LIT_STRING, .text = str_copy(s->arena, value)};
}

int session_temp_view(struct session *s, struct str name, const struct rel *plan, bool replace, struct err *err)
{
    if (!replace && map_has(s->views, name))
        return err_set(err, ERR_EXISTS, "[TEMP_TABLE_OR_VIEW_ALREADY_EXISTS] The temporary view `%.*s` is there already",
                       STR_ARGS(name));
    map_put(s->views, name, (void *)plan);
    return 0;
}

const struct rel *session_temp_view_plan(const struct session *s, struct str name) { return map_get(s->views, name); }

bool session_drop_temp_view(struct session *s, struct str name) { return map_remove(s->views, name) != NULL; }

/* ---------------------------------------------------------------- plans */

static void held_release(struct held *h)
{
    for (size_t i = 0; i < h->count; i++)
        lake_snapshot_unref(h->items[i]);
    mem_free(h->items);
    mem_free(h->tables);
    mem_free(h);
}

static struct resolver resolver_of(struct planning *p)
{
    return (struct resolver){.leaf = leaf_resolve, .ctx = p, .ansi = session_ansi(p->s),
                             .case_sensitive = str_ieqz(session_get(p->s, STR("spark.sql.caseSensitive")), "true"),
                             .now = p->hook && p->hook->now.us ? p->hook->now : time_now(),
                             .params = p->s->params, .param_names = p->s->param_names, .param_count = p->s->param_count,
                             .current_catalog = p->scope.catalog, .current_schema = p->scope.schema,
                             .current_user = STR("paystreak")};
}

static void note_reads(const struct planning *p, struct arena *a, struct session_plan *out)
{
    out->read_tables = arena_copy(a, p->held->tables, p->held->table_count * sizeof *p->held->tables);
    out->read_count = p->held->table_count;
}

size_t session_plan_reads(const struct session_plan *p, const char *dir)
{
    size_t n = 0;
    for (size_t i = 0; i < p->read_count; i++)
        n += str_eqz(p->read_tables[i], dir);
    return n;
}

int session_plan(struct session *s, struct arena *a, const struct rel *query, const struct session_hook *hook,
                 struct session_plan *out, struct err *err)
{
    struct planning p = {s, hook, NEW(struct held), s->scope, 0};
    struct resolver env = resolver_of(&p);
    struct buf sql;
    *out = (struct session_plan){.held = p.held};
    buf_init(&sql);
    out->resolved = plan_resolve(a, query, &env, err);
    struct printer printer = {.leaf = leaf_print, .ctx = &p, .ansi = env.ansi, .now = env.now};
    int rc = out->resolved ? engine_print(out->resolved, &printer, &sql, err) : -1;
    if (rc == 0)
        rc = buf_check(&sql, "printed query", err);
    out->sql = str_copy(a, buf_view(&sql));
    buf_release(&sql);
    note_reads(&p, a, out);
    if (rc)
        session_plan_release(out);
    return rc;
}

static struct str alias_column(struct arena *a, const char *alias, struct str name)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s.", alias);
    duck_quote_ident(&b, name);
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

int session_plan_exprs(struct session *s, struct arena *a, const struct rel *project, const struct session_hook *hook, size_t targets,
                       const bool *conditions, struct session_plan *out, struct str *texts, struct err *err)
{
    struct planning p = {s, hook, NEW(struct held), s->scope, 0};
    struct resolver env = resolver_of(&p);
    *out = (struct session_plan){.held = p.held};
    struct rel *r = out->resolved = plan_resolve(a, project, &env, err);
    int rc = r ? 0 : -1;
    if (rc == 0 && (r->kind != REL_PROJECT || r->exprs.count != project->exprs.count))
        rc = err_at(err, ERR_UNSUPPORTED, project->at.file, project->at.line, project->at.col, "windows, generators and aggregates are not allowed here");
    const struct type *input = rc == 0 ? r->input->output : NULL;
    struct str *cols = ARENA_ARRAY(a, struct str, input ? input->field_count + 1 : 1);
    for (size_t i = 0; input && i < input->field_count; i++)
        cols[i] = alias_column(a, i < targets ? LAKE_TARGET_ALIAS : LAKE_SOURCE_ALIAS, input->fields[i].name);
    struct printer printer = {.leaf = leaf_print, .ctx = &p, .ansi = env.ansi, .now = env.now};
    for (size_t i = 0; rc == 0 && i < r->exprs.count; i++) {
        struct buf sql;
        buf_init(&sql);
        rc = engine_print_expr_over(r->exprs.items[i], cols, input->field_count, conditions[i], &printer, &sql, err);
        texts[i] = str_copy(a, buf_view(&sql));
        buf_release(&sql);
    }
    note_reads(&p, a, out);
    if (rc)
        session_plan_release(out);
    return rc;
}

void session_plan_release(struct session_plan *p)
{
    if (p->held)
        held_release(p->held);
    p->held = NULL;
}

const struct type *session_schema_of(struct session *s, struct arena *a, const struct rel *query,
                                     const struct session_hook *hook, struct err *err)
{
    struct planning p = {s, hook, NEW(struct held), s->scope, 0};
    struct resolver env = resolver_of(&p);
    struct rel *r = plan_resolve(a, query, &env, err);
    held_release(p.held);
    return r ? r->output : NULL;
}

/* ---------------------------------------------------------------- statements */

int stmt_err(const struct stmt *st, enum err_code code, struct err *err, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_at(err, code, st->at.file, st->at.line, st->at.col, "%s", text);
}

static int exec_use(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                    struct session_result *out, struct err *err)
{
    (void)a;
    (void)hook;
    (void)out;
    struct str first = st->name.count ? st->name.parts[0] : STR_NONE, last = st->name.count ? st->name.parts[st->name.count - 1] : STR_NONE;
    int rc = str_ieqz(st->object, "CATALOG") ? session_use(s, first, STR_NONE, err)
                                              : session_use(s, st->name.count > 1 ? first : STR_NONE, last, err);
    return rc ? err_locate(err, st->at.file, st->at.line, st->at.col) : 0;
}

/* Settings that change what statements do, here or in Spark: the values that hold here. Others are kept and mean nothing. */
static const struct { const char *key, *values; } SETTINGS[] = {
    {"spark.sql.ansi.enabled", "true|false"},
    {"spark.sql.caseSensitive", "true|false"},
    {"spark.sql.session.timeZone", "UTC|Etc/UTC|GMT|Etc/GMT|Z|+00:00"},
    {"spark.sql.sources.partitionOverwriteMode", "static|dynamic"},
    {"spark.databricks.delta.retentionDurationCheck.enabled", "true|false"},
    {"spark.sql.storeAssignmentPolicy", "ANSI"},
    {"spark.sql.timestampType", "TIMESTAMP_LTZ"},
    {"spark.sql.legacy.timeParserPolicy", "CORRECTED|EXCEPTION"},
    {"spark.sql.mapKeyDedupPolicy", "EXCEPTION"},
    {"spark.databricks.delta.schema.autoMerge.enabled", "false"},
};

int session_setting_check(struct str key, struct str value, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(SETTINGS); i++) {
        struct str rest = str_z(SETTINGS[i].values), one;
        bool good = !str_ieqz(key, SETTINGS[i].key);
        while (!good && str_split(&rest, '|', &one))
            good = str_ieq(one, str_trim(value));
        if (!good)
            return err_set(err, ERR_UNSUPPORTED, "[INVALID_CONF_VALUE] %s = %.*s is not supported: %s", SETTINGS[i].key, STR_ARGS(value), SETTINGS[i].values);
    }
    return 0;
}

static int exec_set(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                    struct session_result *out, struct err *err)
{
    static const char *const names[] = {"key", "value"};
    struct cells c;
    (void)hook;
    if (st->value.ptr && session_setting_check(st->key, st->value, err))
        return -1;
    if (st->value.ptr)
        session_set(s, st->key, str_trim(st->value));
    cells_init(&c, a, names, 2);
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(s->settings, &at, &key, &value))
        if (!st->key.len || str_ieq(key, st->key))
            cells_add(&c, (struct str[]){key, str_z(value)});
    return cells_result(&c, s, out, err);
}

static int exec_nothing(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                        struct session_result *out, struct err *err)
{
    (void)s, (void)a, (void)st, (void)hook, (void)out, (void)err;
    return 0; /* there is no cache: what a statement reads is always fresh */
}

static const struct { stmt_fn fn; const char *tag; bool writes; } STATEMENTS[] = {
    [STMT_QUERY] = {exec_query, "SELECT", false},
    [STMT_EXPLAIN] = {exec_explain, "EXPLAIN", false},
    [STMT_CREATE_TABLE] = {exec_create_table, "CREATE TABLE", true},
    [STMT_CREATE_VIEW] = {exec_create_view, "CREATE VIEW", false},
    [STMT_CREATE_SCHEMA] = {exec_create_schema, "CREATE SCHEMA", true},
    [STMT_DROP] = {exec_drop, "DROP", false},
    [STMT_INSERT] = {exec_insert, "INSERT", true},
    [STMT_DELETE] = {exec_delete, "DELETE", true},
    [STMT_UPDATE] = {exec_update, "UPDATE", true},
    [STMT_MERGE] = {exec_merge, "MERGE", true},
    [STMT_TRUNCATE] = {exec_truncate, "TRUNCATE", true},
    [STMT_COMMENT_ON] = {exec_comment, "COMMENT", true},
    [STMT_OPTIMIZE] = {exec_optimize, "OPTIMIZE", true},
    [STMT_VACUUM] = {exec_vacuum, "VACUUM", true},
    [STMT_RESTORE] = {exec_restore, "RESTORE", true},
    [STMT_ALTER_TABLE] = {exec_alter, "ALTER TABLE", true},
    [STMT_SHOW] = {exec_show, "SHOW", false},
    [STMT_DESCRIBE] = {exec_describe, "DESCRIBE", false},
    [STMT_USE] = {exec_use, "USE", false},
    [STMT_SET] = {exec_set, "SET", false},
    [STMT_REFRESH] = {exec_nothing, "REFRESH", false},
    [STMT_BEGIN] = {exec_nothing, "BEGIN", false},
    [STMT_COMMIT] = {exec_nothing, "COMMIT", false},
    [STMT_ROLLBACK] = {exec_nothing, "ROLLBACK", false},
};

int session_execute(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                    struct session_result *out, struct err *err)
{
    *out = (struct session_result){.affected = -1};
    if (!session_runs(st->kind))
        return stmt_err(st, ERR_UNSUPPORTED, err, "%s is not supported here", stmt_kind_name(st->kind));
    if (STATEMENTS[st->kind].writes && s->engine->read_only)
        return stmt_err(st, ERR_DENIED, err, "%s: the state is in use by another process, only queries run beside it",
                        STATEMENTS[st->kind].tag);
    out->tag = STATEMENTS[st->kind].tag;
    int rc = STATEMENTS[st->kind].fn(s, a, st, hook, out, err);
    if (rc) {
        session_result_release(out);
        return err_locate(err, st->at.file, st->at.line, st->at.col);
    }
    return 0;
}

bool session_runs(enum stmt_kind kind) { return (size_t)kind < COUNT_OF(STATEMENTS) && STATEMENTS[kind].fn; }

void session_result_release(struct session_result *r)
{
    duck_result_free(r->rows);
    r->rows = NULL;
    session_plan_release(&r->plan);
}

int session_run_script(struct session *s, const char *file, int line, struct str text,
                       int (*on_result)(void *ctx, const struct stmt *st, struct session_result *r, struct err *err),
                       void *ctx, struct err *err)
{
    struct arena *a = arena_new();
    struct stmts stmts = {0};
    int rc = sparksql_parse(a, file, line, text, &stmts, err);
    for (size_t i = 0; i < stmts.count && rc == 0; i++) {
        struct session_result r;
        rc = session_execute(s, a, stmts.items[i], NULL, &r, err);
        if (rc)
            break;
        if (on_result)
            rc = on_result(ctx, stmts.items[i], &r, err);
        while (rc == 0 && r.rows && (rc = duck_next(r.rows, err)) > 0) /* errors come with the rows */
            rc = 0;
        session_result_release(&r);
        if (rc) {
            engine_error(err);
            err_locate(err, stmts.items[i]->at.file, stmts.items[i]->at.line, stmts.items[i]->at.col);
        }
    }
    arena_free(a);
    return rc;
}

void session_row_json(const struct session_result *r, size_t row, struct buf *out)
{
    buf_char(out, '{');
    for (size_t i = 0; i < duck_cols(r->rows); i++) {
        if (i)
            buf_char(out, ',');
        json_quote(out, r->schema && i < r->schema->field_count ? r->schema->fields[i].name : duck_col_name(r->rows, i));
        buf_char(out, ':');
        duck_render(r->rows, i, row, DUCK_AS_JSON, out);
    }
    buf_char(out, '}');
}
