/* exec -- statements that read or change data: queries, tables, views, schemas, inserts. */
#include "engine/where.h"

int exec_query(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
               struct session_result *out, struct err *err)
{
    if (session_plan(s, a, st->query, hook, &out->plan, err))
        return -1;
    out->schema = out->plan.resolved->output;
    out->rows = duck_query(s->conn, out->plan.sql, err);
    if (!out->rows)
        engine_error(err);
    return out->rows ? 0 : -1;
}

int exec_explain(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                 struct session_result *out, struct err *err)
{
    static const char *const names[] = {"plan"};
    struct cells c;
    struct buf text;
    if (!st->inner || st->inner->kind != STMT_QUERY)
        return stmt_err(st, ERR_UNSUPPORTED, err, "EXPLAIN explains queries only");
    if (session_plan(s, a, st->inner->query, hook, &out->plan, err))
        return -1;
    buf_init(&text);
    buf_z(&text, "== Resolved plan ==\n");
    plan_dump(&text, out->plan.resolved);
    buf_z(&text, "== DuckDB ==\n");
    buf_str(&text, out->plan.sql);
    cells_init(&c, a, names, 1);
    cells_add(&c, (struct str[]){buf_view(&text)});
    buf_release(&text);
    return cells_result(&c, s, out, err);
}

/* ---------------------------------------------------------------- helpers of DDL */

void session_committed(struct session *s, const char *dir, int64_t version)
{
    struct engine *e = s->engine;
    if (e->on_commit)
        e->on_commit(e->on_commit_ctx, str_z(dir), version);
}

static int target_find(struct session *s, struct arena *a, const struct stmt *st, struct lake_name *name,
                       struct lake_entry *e, struct err *err)
{
    if (lake_name_resolve(a, st->name.parts, st->name.count, &s->scope, name, err))
        return -1;
    return lake_catalog_find(s->engine->catalog, a, name, e, err);
}

static int schema_needed(struct session *s, const struct lake_name *n, struct err *err)
{
    bool exists;
    if (lake_schema_exists(s->engine->catalog, n->catalog, n->schema, &exists, err))
        return -1;
    return exists ? 0 : err_set(err, ERR_NOT_FOUND, "[SCHEMA_NOT_FOUND] The schema `%.*s`.`%.*s` cannot be found: create it first",
                                STR_ARGS(n->catalog), STR_ARGS(n->schema));
}

/* A column's metadata in Delta's names; NULL: none. */
static const struct doc *column_metadata(struct arena *a, const struct column_def *d)
{
    if (!d->default_value && !d->generated && !d->identity)
        return NULL;
    struct doc *m = doc_new_object(a);
    if (d->default_value)
        doc_set(a, m, STR("CURRENT_DEFAULT"), doc_new_str(a, d->default_text));
    if (d->generated)
        doc_set(a, m, STR("delta.generationExpression"), doc_new_str(a, d->generated_text));
    if (d->identity) {
        doc_set(a, m, STR("delta.identity.start"), doc_new_i64(a, d->identity_start));
        doc_set(a, m, STR("delta.identity.step"), doc_new_i64(a, d->identity_step));
        doc_set(a, m, STR("delta.identity.allowExplicitInsert"), doc_new_bool(a, d->identity_by_default));
    }
    return m;
}

const struct type *session_columns_type(struct arena *a, const struct stmt *st)
{
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, st->column_count + 1);
    for (size_t i = 0; i < st->column_count; i++) {
        const struct column_def *d = &st->columns[i];
        fields[i] = (struct type_field){d->name, d->type, !d->not_null, d->comment, column_metadata(a, d)};
    }
    return type_struct(a, fields, st->column_count);
}

/* The names of PARTITIONED BY (a, b); a column with a type there was added to the columns by the parser. */
static int partition_names(struct arena *a, const struct stmt *st, struct str **names, size_t *count, struct err *err)
{
    *count = st->partitioned_by.count;
    *names = ARENA_ARRAY(a, struct str, *count + 1);
    for (size_t i = 0; i < *count; i++) {
        const struct expr *e = st->partitioned_by.items[i];
        if (e->kind != EXPR_COLUMN || e->name.count != 1)
            return stmt_err(st, ERR_UNSUPPORTED, err, "PARTITIONED BY takes column names");
        (*names)[i] = e->name.parts[0];
    }
    return 0;
}

struct lake_pairs session_property_pairs(struct arena *a, const struct options *o)
{
    struct lake_pair *items = ARENA_ARRAY(a, struct lake_pair, o->count + 1);
    for (size_t i = 0; i < o->count; i++)
        items[i] = (struct lake_pair){o->keys[i], o->values[i], false};
    return (struct lake_pairs){items, o->count};
}

/* ---------------------------------------------------------------- tables */

/* A query's columns as those of a new table: every one may be NULL, whatever the query's values are. */
static const struct type *nullable_columns(struct arena *a, const struct type *t)
{
    struct type_field *fields = arena_copy(a, t->fields, t->field_count * sizeof *fields);
    for (size_t i = 0; i < t->field_count; i++)
        fields[i].nullable = true;
    return type_struct(a, fields, t->field_count);
}

int session_cluster_paths(struct arena *a, const struct stmt *st, struct lake_path **paths, struct err *err)
{
    *paths = ARENA_ARRAY(a, struct lake_path, st->cluster_by.count + 1);
    if (st->cluster_auto)
        return stmt_err(st, ERR_UNSUPPORTED, err, "CLUSTER BY AUTO is not supported: name the columns");
    for (size_t i = 0; i < st->cluster_by.count; i++) {
        const struct expr *e = st->cluster_by.items[i];
        if (e->kind != EXPR_COLUMN)
            return stmt_err(st, ERR_INPUT, err, "CLUSTER BY takes names of columns");
        (*paths)[i] = (struct lake_path){e->name.parts, e->name.count};
    }
    return 0;
}

/* A table that is replaced keeps no clustering of its own. */
static int cluster_table(struct lake_txn *x, struct arena *a, const struct stmt *st, struct err *err)
{
    const struct lake_snapshot *s = lake_txn_snapshot(x);
    struct lake_path *paths;
    bool had = false;
    if (session_cluster_paths(a, st, &paths, err))
        return -1;
    for (size_t i = 0; s && i < s->domains.count; i++)
        had = had || str_eqz(s->domains.items[i].key, "delta.clustering");
    return st->cluster_by.count || had ? lake_txn_cluster_by(x, paths, st->cluster_by.count, err) : 0;
}

/* Commits the new table's schema and, for CTAS, its rows. */
static int table_make(struct session *s, struct arena *a, const struct stmt *st, const char *dir,
                      const struct session_hook *hook, bool replace, struct session_result *out, struct err *err)
{
    struct lake_spec spec = {.properties = session_property_pairs(a, &st->properties), .description = st->comment};
    int rc = -1;
    int64_t version = -1;
    if (partition_names(a, st, (struct str **)&spec.partition_columns, &spec.partition_count, err))
        return -1;
    spec.schema = session_columns_type(a, st);
    if (st->query && st->column_count)
        return stmt_err(st, ERR_INPUT, err, "CREATE TABLE … AS takes its columns from the query: leave the list of columns out");
    if (st->query) {
        if (session_plan(s, a, st->query, hook, &out->plan, err))
            return -1;
        spec.schema = nullable_columns(a, out->plan.resolved->output);
    } else if (!st->column_count) {
        return stmt_err(st, ERR_INPUT, err, "CREATE TABLE needs columns, a query, or a LOCATION with a table");
    }
    struct lake_txn *x = lake_txn_begin(lake_catalog_table(s->engine->catalog, dir), s->conn, err);
    if (!x)
        return -1;
    if (lake_txn_create(x, &spec, err) || cluster_table(x, a, st, err))
        goto done;
    if (replace)
        lake_txn_overwrite(x);
    if (st->query && (out->affected = lake_txn_write(x, out->plan.sql, NULL, err)) < 0)
        goto done;
    lake_txn_info(x, replace ? "CREATE OR REPLACE TABLE" : "CREATE TABLE", NULL, NULL);
    rc = lake_txn_commit(x, &version, err);
done:
    lake_txn_end(x);
    if (rc == 0)
        session_committed(s, dir, version);
    else
        engine_error(err);
    return rc;
}

static struct str options_json(struct arena *a, const struct stmt *st)
{
    struct doc *d = doc_new_object(a);
    struct buf b;
    for (size_t i = 0; i < st->table_options.count; i++)
        doc_set(a, d, st->table_options.keys[i], doc_new_str(a, st->table_options.values[i]));
    buf_init(&b);
    doc_write(&b, d);
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

static struct str type_json(struct arena *a, const struct type *t)
{
    struct buf b;
    buf_init(&b);
    type_write_json(&b, t);
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

static int external_make(struct session *s, struct arena *a, const struct stmt *st, const struct lake_name *name,
                         const struct session_hook *hook, struct session_result *out, struct err *err)
{
    bool delta = !st->using_format.len || str_ieqz(st->using_format, "delta");
    struct lake_entry e = {.kind = LAKE_EXTERNAL, .name = *name, .location = st->location, .comment = st->comment,
                           .format = delta ? STR("delta") : str_lower(a, st->using_format), .options_json = options_json(a, st),
                           .created_ms = time_now_ms()};
    char *dir;
    if (session_localize(s->engine, a, st->location, &dir, err))
        return -1;
    if (!delta && st->query)
        return stmt_err(st, ERR_UNSUPPORTED, err, "CREATE TABLE … AS writes Delta tables only");
    if (!delta && st->column_count)
        e.schema_json = type_json(a, session_columns_type(a, st));
    if (delta && (st->query || st->column_count || st->or_replace) && (st->or_replace || !lake_is_table(dir)) &&
        table_make(s, a, st, dir, hook, lake_is_table(dir), out, err))
        return -1;
    if (delta && !lake_is_table(dir) && !st->column_count && !st->query)
        return stmt_err(st, ERR_NOT_FOUND, err, "there is no Delta table at '%.*s' yet: name its columns, or write it first",
                        STR_ARGS(st->location));
    return lake_catalog_put(s->engine->catalog, &e, st->or_replace, err);
}

int exec_create_table(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                      struct session_result *out, struct err *err)
{
    struct lake_name name;
    struct lake_entry there;
    struct str location = st->location;
    if (target_find(s, a, st, &name, &there, err) || schema_needed(s, &name, err))
        return -1;
    if (there.kind != LAKE_NONE && st->if_not_exists)
        return 0;
    if (there.kind != LAKE_NONE && (!st->or_replace || there.kind == LAKE_VIEW))
        return stmt_err(st, ERR_EXISTS, err, "[TABLE_OR_VIEW_ALREADY_EXISTS] `%.*s`.`%.*s` is there already: use IF NOT EXISTS or OR REPLACE",
                        STR_ARGS(name.schema), STR_ARGS(name.table));
    if (st->constraint_count)
        for (size_t i = 0; i < st->constraint_count; i++)
            if (str_find(str_upper(a, st->constraints[i]), STR("CHECK")) >= 0)
                return stmt_err(st, ERR_UNSUPPORTED, err, "CHECK constraints are not supported");
    for (size_t i = 0; i < st->table_options.count && !location.len; i++)
        if (str_ieqz(st->table_options.keys[i], "path"))
            location = st->table_options.values[i];
    if (location.len) {
        struct stmt with = *st;
        with.location = location;
        return external_make(s, a, &with, &name, hook, out, err);
    }
    if (st->using_format.len && !str_ieqz(st->using_format, "delta"))
        return stmt_err(st, ERR_UNSUPPORTED, err, "a managed table is a Delta table; USING %.*s needs a LOCATION", STR_ARGS(st->using_format));
    return table_make(s, a, st, lake_catalog_dir(s->engine->catalog, a, &name), hook, there.kind != LAKE_NONE, out, err);
}

int exec_create_schema(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                       struct session_result *out, struct err *err)
{
    (void)hook, (void)out;
    struct str catalog = st->name.count > 1 ? str_lower(a, st->name.parts[st->name.count - 2]) : s->scope.catalog;
    if (st->location.len)
        return stmt_err(st, ERR_UNSUPPORTED, err, "a schema's LOCATION is not supported: its managed tables lie below the state folder");
    return lake_schema_create(s->engine->catalog, catalog, str_lower(a, st->name.parts[st->name.count - 1]), st->comment,
                              st->if_not_exists, err);
}

int exec_create_view(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                     struct session_result *out, struct err *err)
{
    (void)out;
    struct rel *query = st->query;
    struct str text = st->query_text;
    if (st->column_count) { /* CREATE VIEW v (a, b): the columns' new names */
        query = rel_new(a, REL_RENAME, st->at);
        query->input = st->query;
        query->new_columns = ARENA_ARRAY(a, struct str, st->column_count);
        query->column_count = st->column_count;
        struct buf b;
        buf_init(&b);
        buf_printf(&b, "SELECT * FROM (%.*s) AS v(", STR_ARGS(text));
        for (size_t i = 0; i < st->column_count; i++) {
            query->new_columns[i] = st->columns[i].name;
            buf_printf(&b, "%s`%.*s`", i ? ", " : "", STR_ARGS(st->columns[i].name));
        }
        buf_char(&b, ')');
        text = str_copy(a, buf_view(&b));
        buf_release(&b);
    }
    if (st->temporary) {
        struct str whole = str_copy(s->arena, text);
        const char *file = st->at.file ? arena_strdup(s->arena, st->at.file) : ""; /* the statement's own ends before the view */
        struct rel *kept = sparksql_query(s->arena, file, whole, err);
        if (!kept || !session_schema_of(s, a, query, hook, err))
            return -1;
        return session_temp_view(s, str_copy(s->arena, st->name.parts[st->name.count - 1]), kept, st->or_replace, err);
    }
    if (s->engine->read_only)
        return stmt_err(st, ERR_DENIED, err, "CREATE VIEW: the state is in use by another process, only queries run beside it");
    struct lake_name name;
    struct lake_entry there;
    if (target_find(s, a, st, &name, &there, err) || schema_needed(s, &name, err))
        return -1;
    if (there.kind != LAKE_NONE && st->if_not_exists)
        return 0;
    if (there.kind != LAKE_NONE && (!st->or_replace || there.kind != LAKE_VIEW))
        return stmt_err(st, ERR_EXISTS, err, "[TABLE_OR_VIEW_ALREADY_EXISTS] `%.*s`.`%.*s` is there already", STR_ARGS(name.schema),
                        STR_ARGS(name.table));
    const struct type *schema = session_schema_of(s, a, query, hook, err);
    if (!schema)
        return -1;
    struct lake_entry e = {.kind = LAKE_VIEW, .name = name, .text = text, .view_catalog = s->scope.catalog,
                           .view_schema = s->scope.schema, .schema_json = type_json(a, schema), .comment = st->comment,
                           .created_ms = time_now_ms(),
                           .settings_json = str_fmt(a, "{\"spark.sql.ansi.enabled\":\"%s\"}", session_ansi(s) ? "true" : "false")};
    return lake_catalog_put(s->engine->catalog, &e, st->or_replace, err);
}

int exec_drop(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
              struct session_result *out, struct err *err)
{
    (void)hook, (void)out;
    bool existed = false;
    struct lake_name name;
    struct lake_entry there;
    if (str_ieqz(st->object, "VIEW") && st->name.count == 1 && session_drop_temp_view(s, st->name.parts[0]))
        return 0;
    if (s->engine->read_only)
        return stmt_err(st, ERR_DENIED, err, "DROP: the state is in use by another process, only queries run beside it");
    if (str_ieqz(st->object, "SCHEMA") || str_ieqz(st->object, "DATABASE")) {
        struct str catalog = st->name.count > 1 ? str_lower(a, st->name.parts[0]) : s->scope.catalog;
        if (lake_schema_drop(s->engine->catalog, catalog, str_lower(a, st->name.parts[st->name.count - 1]), st->cascade, &existed, err))
            return -1;
    } else if (str_ieqz(st->object, "TABLE") || str_ieqz(st->object, "VIEW")) {
        if (target_find(s, a, st, &name, &there, err))
            return -1;
        bool view = str_ieqz(st->object, "VIEW");
        if (there.kind != LAKE_NONE && view != (there.kind == LAKE_VIEW))
            return stmt_err(st, ERR_INPUT, err, "'%.*s' is a %s: use DROP %s", STR_ARGS(name.table), view ? "table" : "view", view ? "TABLE" : "VIEW");
        if (there.kind != LAKE_NONE && lake_catalog_drop(s->engine->catalog, &name, &existed, err))
            return -1;
    } else {
        return stmt_err(st, ERR_UNSUPPORTED, err, "DROP %.*s is not supported", STR_ARGS(st->object));
    }
    return existed || st->if_exists ? 0 : stmt_err(st, ERR_NOT_FOUND, err, "[TABLE_OR_VIEW_NOT_FOUND] there is no %.*s '%.*s' to drop",
                                                   STR_ARGS(st->object), STR_ARGS(st->name.parts[st->name.count - 1]));
}

/* ---------------------------------------------------------------- INSERT */

/* The query with its columns named and cast as the target's, so that Spark's rules of assignment
 * hold: by name they keep their names, by position they get those of `columns` or of the table. */
static struct rel *assigned(struct session *s, struct arena *a, const struct stmt *st, const struct type *target,
                            const struct session_hook *hook, struct err *err)
{
    const struct type *have = session_schema_of(s, a, st->query, hook, err);
    if (!have)
        return NULL;
    size_t n = st->column_count ? st->column_count : target->field_count;
    if (!st->by_name && have->field_count != n) {
        stmt_err(st, ERR_INPUT, err, "[INSERT_COLUMN_ARITY_MISMATCH] the query has %zu columns, the table expects %zu", have->field_count, n);
        return NULL;
    }
    struct rel *renamed = rel_new(a, REL_RENAME, st->at), *project = rel_new(a, REL_PROJECT, st->at);
    renamed->input = st->query;
    renamed->column_count = have->field_count;
    renamed->new_columns = ARENA_ARRAY(a, struct str, have->field_count + 1);
    project->input = st->by_name ? st->query : renamed;
    for (size_t i = 0; i < have->field_count; i++) {
        struct str name = st->by_name ? have->fields[i].name : st->column_count ? st->columns[i].name : target->fields[i].name;
        const struct type_field *f = type_field_find(target, name);
        if (!f) {
            stmt_err(st, ERR_INPUT, err, "[COLUMN_NOT_FOUND] the table has no column '%.*s'", STR_ARGS(name));
            return NULL;
        }
        renamed->new_columns[i] = f->name;
        struct expr *cast = expr_new(a, EXPR_CAST, st->at), *alias = expr_new(a, EXPR_ALIAS, st->at);
        cast->type = f->type;
        cast->assigns = true;
        exprs_push(a, &cast->args, expr_column(a, st->at, f->name));
        exprs_push(a, &alias->args, cast);
        alias->name.parts = arena_copy(a, &f->name, sizeof f->name);
        alias->name.count = 1;
        exprs_push(a, &project->exprs, alias);
    }
    return project;
}

/* INSERT OVERWRITE takes all rows, or with spark.sql.sources.partitionOverwriteMode = dynamic the partitions that the
 * new rows are in; REPLACE WHERE those that the condition holds for. Returns the number of rows written, or -1. */
static int64_t replace_rows(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct lake_txn *x,
                            struct str sql, struct session_plan *where_plan, struct err *err)
{
    struct lake_replace r = {.mode = LAKE_REPLACE_ALL};
    if (st->where) {
        r.mode = LAKE_REPLACE_WHERE;
        if (where_over_table(s, a, st->target, st->where, hook, lake_txn_schema(x)->field_count, where_plan, &r.where, err))
            return -1;
    } else if (str_ieqz(session_get(s, STR("spark.sql.sources.partitionOverwriteMode")), "dynamic") && lake_txn_snapshot(x)->partition_count) {
        r.mode = LAKE_REPLACE_PARTITIONS;
    }
    return lake_txn_replace(x, sql, &r, err);
}

/* One attempt. An INSERT whose query or condition reads the table itself depends on all rows of it. */
static int insert_once(struct session *s, struct arena *a, const struct stmt *st, const char *dir, const struct session_hook *hook, struct session_result *out,
                       struct err *err)
{
    struct session_plan where_plan = {0};
    int rc = -1;
    int64_t version = -1;
    struct lake_txn *x = lake_txn_begin(lake_catalog_table(s->engine->catalog, dir), s->conn, err);
    if (!x)
        return -1;
    if (!lake_txn_snapshot(x)) {
        stmt_err(st, ERR_NOT_FOUND, err, "[TABLE_OR_VIEW_NOT_FOUND] there is no table '%.*s' to insert into",
                 STR_ARGS(st->name.parts[st->name.count - 1]));
        goto done;
    }
    struct rel *query = assigned(s, a, st, lake_txn_schema(x), hook, err);
    if (!query || session_plan(s, a, query, hook, &out->plan, err))
        goto done;
    if (st->overwrite || st->where) {
        out->affected = replace_rows(s, a, st, hook, x, out->plan.sql, &where_plan, err);
    } else {
        out->affected = lake_txn_write(x, out->plan.sql, NULL, err);
        lake_txn_info(x, "WRITE", NULL, NULL);
    }
    if (session_plan_reads(&out->plan, dir) || session_plan_reads(&where_plan, dir) > 1)
        lake_txn_read_all(x);
    if (out->affected >= 0)
        rc = lake_txn_commit(x, &version, err);
done:
    lake_txn_end(x);
    session_plan_release(&where_plan);
    if (rc == 0)
        session_committed(s, dir, version);
    else
        engine_error(err);
    return rc;
}

int exec_insert(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                struct session_result *out, struct err *err)
{
    char *dir;
    int rc = -1;
    if (st->partition_spec.count)
        return stmt_err(st, ERR_UNSUPPORTED, err, "INSERT with PARTITION is not supported: give the partition's columns in the query");
    if (st->schema_evolution)
        return stmt_err(st, ERR_UNSUPPORTED, err, "INSERT WITH SCHEMA EVOLUTION is not supported: add the columns with ALTER TABLE first");
    if (session_table_dir(s, a, &st->name, &dir, err))
        return -1;
    for (int i = 0; i < EXEC_DML_TRIES && rc; i++) {
        session_plan_release(&out->plan);
        rc = insert_once(s, a, st, dir, hook, out, err);
        if (rc && (err->code != ERR_CONFLICT || !err->retriable))
            return -1;
    }
    return rc;
}
