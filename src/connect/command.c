/* command -- what a client commands: spark.sql(), temporary views, DataFrame.write and writeTo.
 *
 * A query of spark.sql() comes back as a relation that runs when its rows are asked for; any other
 * statement runs now, and its rows come back as a local relation, with their types. What writes into
 * a table becomes the statement that SQL has for it. Thread: the call's worker. */
#include "connect/args.h"
#include "connect/arrow_ipc.h"
#include "connect/connect_int.h"
#include "connect/files.h"
#include <string.h>

/* ---------------------------------------------------------------- spark.sql() */

static void answer_relation(struct call *c, Spark__Connect__Relation *relation)
{
    Spark__Connect__ExecutePlanResponse__SqlCommandResult result = SPARK__CONNECT__EXECUTE_PLAN_RESPONSE__SQL_COMMAND_RESULT__INIT;
    Spark__Connect__ExecutePlanResponse r = call_response(c);
    result.relation = relation;
    r.response_type_case = SPARK__CONNECT__EXECUTE_PLAN_RESPONSE__RESPONSE_TYPE_SQL_COMMAND_RESULT;
    r.sql_command_result = &result;
    call_answer(c, &r.base);
}

/* All rows as one Arrow stream. */
static int rows_as_arrow(struct session_result *r, struct buf *stream, struct err *err)
{
    struct ArrowSchema arrow = {0};
    int64_t total = 0;
    if (duck_arrow_schema(r->rows, &arrow, err))
        return -1;
    int rc = arrow_ipc_fit(&arrow, r->schema, err) || arrow_ipc_schema(stream, &arrow, err) ? -1 : 0;
    while (rc == 0 && (rc = duck_next(r->rows, err)) > 0) {
        struct ArrowArray chunk = {0};
        rc = duck_arrow_chunk(r->rows, &chunk, err);
        if (rc)
            break;
        rc = arrow_ipc_batch(stream, &arrow, &chunk, err);
        total += chunk.length;
        chunk.release(&chunk);
    }
    if (rc == 0 && total == 0)
        rc = arrow_ipc_batch(stream, &arrow, NULL, err);
    arrow_ipc_end(stream);
    arrow.release(&arrow);
    return rc == 0 ? buf_check(stream, "a statement's rows", err) : -1;
}

/* The rows of a statement that has run; none and no columns if it gives none. */
static int answer_rows(struct call *c, struct session_result *r)
{
    Spark__Connect__LocalRelation local = SPARK__CONNECT__LOCAL_RELATION__INIT;
    Spark__Connect__Relation relation = SPARK__CONNECT__RELATION__INIT;
    struct buf stream, schema;
    int rc = 0;
    buf_init(&stream);
    buf_init(&schema);
    if (r->rows && r->schema && r->schema->field_count) {
        type_write_json(&schema, r->schema);
        rc = rows_as_arrow(r, &stream, &c->err);
        local.schema = schema.ptr;
        local.has_data = true;
        local.data.data = (uint8_t *)stream.ptr;
        local.data.len = stream.len;
    } else {
        local.schema = (char *)CONNECT_NO_COLUMNS;
    }
    relation.rel_type_case = SPARK__CONNECT__RELATION__REL_TYPE_LOCAL_RELATION;
    relation.local_relation = &local;
    if (rc == 0)
        answer_relation(c, &relation);
    buf_release(&stream);
    buf_release(&schema);
    return rc;
}

/* The fields of an SqlCommand's own as the relation that newer clients send in their place. */
static Spark__Connect__SQL *sql_of(struct call *c, const Spark__Connect__SqlCommand *m)
{
    if (m->input && m->input->rel_type_case == SPARK__CONNECT__RELATION__REL_TYPE_SQL)
        return m->input->sql;
    Spark__Connect__SQL *sql = ARENA_NEW(c->a, Spark__Connect__SQL);
    *sql = (Spark__Connect__SQL)SPARK__CONNECT__SQL__INIT;
    sql->query = m->sql;
    sql->n_pos_args = m->n_pos_args;
    sql->pos_args = m->pos_args;
    sql->n_pos_arguments = m->n_pos_arguments;
    sql->pos_arguments = m->pos_arguments;
    return sql;
}

static int sql_command(struct call *c, const Spark__Connect__SqlCommand *m)
{
    struct stmts stmts = {0};
    struct session_result r;
    Spark__Connect__SQL *sql = sql_of(c, m);
    Spark__Connect__Relation relation = SPARK__CONNECT__RELATION__INIT;
    if (!sql->query || !*sql->query)
        return err_set(&c->err, ERR_INPUT, "sql_command without a statement");
    if (!m->input && (m->n_args || m->n_named_arguments))
        return err_set(&c->err, ERR_UNSUPPORTED, "named arguments beside the query are those of an older client: use pyspark-client 4");
    if (args_parse(c->a, sql, &stmts, &c->err))
        return -1;
    if (stmts.count != 1)
        return err_set(&c->err, ERR_INPUT, "[PARSE_SYNTAX_ERROR] spark.sql() takes one statement, this text has %zu", stmts.count);
    if (stmts.items[0]->kind == STMT_QUERY) {
        if (!session_schema_of(c->client->session, c->a, stmts.items[0]->query, NULL, &c->err))
            return -1; /* as Spark, which analyses at once */
        relation.rel_type_case = SPARK__CONNECT__RELATION__REL_TYPE_SQL;
        relation.sql = sql;
        answer_relation(c, &relation);
        return 0;
    }
    if (session_execute(c->client->session, c->a, stmts.items[0], NULL, &r, &c->err))
        return -1;
    int rc = answer_rows(c, &r);
    session_result_release(&r);
    return rc;
}

/* ---------------------------------------------------------------- views */

/* A view's plan has an arena of its own, so that one that is replaced again and again keeps its size;
 * `below`: what it has taken over of the view that it replaced. */
struct kept { struct arena *arena; struct kept *below; };

void view_free(void *kept)
{
    for (struct kept *k = kept, *below; k; k = below) {
        below = k->below;
        arena_free(k->arena);
    }
}

struct own_leaves { struct arena *a; struct str name; struct rel **items; size_t count, cap; };

static void note_own(void *ctx, const struct rel *r)
{
    struct own_leaves *o = ctx;
    if (r->kind != REL_TABLE || r->name.count != 1 || !str_ieq(r->name.parts[0], o->name))
        return;
    o->items = arena_grow(o->a, o->items, &o->cap, o->count + 1, sizeof *o->items);
    o->items[o->count++] = (struct rel *)r;
}

/* A DataFrame that reads what its view will hide reads on what was there: the view it replaces, or a
 * table of the current schema. Returns whether it reads the view. */
static bool read_what_was(struct call *c, struct arena *a, struct rel *r, struct str name)
{
    struct own_leaves o = {.a = a, .name = name};
    const struct rel *view = session_temp_view_plan(c->client->session, name);
    rel_visit(r, note_own, &o);
    for (size_t i = 0; i < o.count; i++) {
        struct rel *leaf = o.items[i];
        struct str parts[] = {session_catalog(c->client->session), session_schema(c->client->session), leaf->name.parts[0]};
        if (view) {
            leaf->kind = REL_ALIAS;
            leaf->alias = leaf->name.parts[0];
            leaf->input = (struct rel *)view;
        } else {
            for (size_t k = 0; k < COUNT_OF(parts); k++)
                parts[k] = str_copy(a, parts[k]);
            leaf->name = (struct names){arena_copy(a, parts, sizeof parts), COUNT_OF(parts)};
        }
    }
    return view && o.count;
}

static int view_command(struct call *c, const Spark__Connect__CreateDataFrameViewCommand *m)
{
    struct str name = str_z(m->name);
    if (m->is_global)
        return err_set(&c->err, ERR_UNSUPPORTED, "global temporary views are not supported: a temporary view lives as long as its session");
    struct arena *a = arena_new();
    struct kept *k = ARENA_NEW(a, struct kept);
    k->arena = a;
    struct rel *r = rel_translate(a, m->input, &c->err);
    bool reads = r && read_what_was(c, a, r, name);
    if (!r || !session_schema_of(c->client->session, c->a, r, NULL, &c->err) ||
        session_temp_view(c->client->session, name, r, m->replace, &c->err)) {
        arena_free(a);
        return -1;
    }
    struct kept *old = map_put(c->client->views, name, k);
    if (reads)
        k->below = old;
    else
        view_free(old);
    return 0;
}

/* ---------------------------------------------------------------- writes into tables */

static bool table_exists(struct call *c, const struct names *name)
{
    struct rel *r = rel_new(c->a, REL_TABLE, (struct place){0});
    struct err missing = {0};
    r->name = *name;
    return session_schema_of(c->client->session, c->a, r, NULL, &missing) != NULL;
}

struct target { const char *table, *source; bool by_position; char *const *partitions; size_t partition_count; };

static struct stmt *create_table(struct call *c, const struct target *t, struct rel *query)
{
    struct stmt *st = ARENA_NEW(c->a, struct stmt);
    st->kind = STMT_CREATE_TABLE;
    st->at.file = "write";
    st->query = query;
    st->using_format = t->source && *t->source ? str_z(t->source) : STR("delta");
    for (size_t i = 0; i < t->partition_count; i++)
        exprs_push(c->a, &st->partitioned_by, expr_column(c->a, st->at, str_copy(c->a, str_z(t->partitions[i]))));
    return st;
}

static struct stmt *insert_into(struct call *c, const struct target *t, struct rel *query)
{
    struct stmt *st = ARENA_NEW(c->a, struct stmt);
    st->kind = STMT_INSERT;
    st->at.file = "write";
    st->query = query;
    st->by_name = !t->by_position;
    return st;
}

static int run_statement(struct call *c, const char *table, struct stmt *st)
{
    struct session_result r;
    if (names_translate(c->a, table, &st->name, &c->err) || session_execute(c->client->session, c->a, st, NULL, &r, &c->err))
        return -1;
    session_result_release(&r);
    return 0;
}

#define MODE(x) SPARK__CONNECT__WRITE_OPERATION__SAVE_MODE__SAVE_MODE_##x
static int write_table(struct call *c, const Spark__Connect__WriteOperation *m, struct rel *query)
{
    bool into = m->table->save_method == SPARK__CONNECT__WRITE_OPERATION__SAVE_TABLE__TABLE_SAVE_METHOD__TABLE_SAVE_METHOD_INSERT_INTO;
    struct target t = {m->table->table_name, m->source, into, m->partitioning_columns, m->n_partitioning_columns};
    struct names name;
    struct stmt *st;
    if (write_check_options(m, false, &c->err) || names_translate(c->a, t.table, &name, &c->err))
        return -1;
    if (into || (m->mode == MODE(APPEND) && table_exists(c, &name))) {
        st = insert_into(c, &t, query);
        st->overwrite = into && m->mode == MODE(OVERWRITE);
    } else {
        st = create_table(c, &t, query);
        st->or_replace = m->mode == MODE(OVERWRITE);
        st->if_not_exists = m->mode == MODE(IGNORE);
    }
    return run_statement(c, t.table, st);
}

static int write_command(struct call *c, const Spark__Connect__WriteOperation *m)
{
    if (m->bucket_by || m->n_sort_column_names || m->n_clustering_columns)
        return err_set(&c->err, ERR_UNSUPPORTED, "%s is not supported", m->bucket_by ? "bucketBy" : m->n_sort_column_names ? "sortBy" : "clusterBy");
    if (m->with_schema_evolution)
        return err_set(&c->err, ERR_UNSUPPORTED, "write.withSchemaEvolution() is not supported: add the columns with ALTER TABLE first");
    struct rel *query = rel_translate(c->a, m->input, &c->err);
    if (!query)
        return -1;
    if (m->save_type_case == SPARK__CONNECT__WRITE_OPERATION__SAVE_TYPE_TABLE)
        return write_table(c, m, query);
    if (m->save_type_case == SPARK__CONNECT__WRITE_OPERATION__SAVE_TYPE_PATH)
        return files_write(c, m, query);
    return err_set(&c->err, ERR_UNSUPPORTED, "write.save() without a path is not supported");
}

#define MODE2(x) SPARK__CONNECT__WRITE_OPERATION_V2__MODE__MODE_##x
static int write_v2_command(struct call *c, const Spark__Connect__WriteOperationV2 *m)
{
    struct target t = {m->table_name, m->provider, false, NULL, 0};
    struct names name;
    struct rel *query = rel_translate(c->a, m->input, &c->err);
    if (!query || names_translate(c->a, t.table, &name, &c->err))
        return -1;
    if (m->n_partitioning_columns || m->n_clustering_columns || m->n_table_properties)
        return err_set(&c->err, ERR_UNSUPPORTED, "writeTo(): partitionedBy, clusterBy and tableProperty are not supported");
    if (m->n_options)
        return err_set(&c->err, ERR_UNSUPPORTED, "option '%s' of writeTo() is not supported", m->options[0]->key);
    if (m->mode == MODE2(APPEND))
        return run_statement(c, t.table, insert_into(c, &t, query));
    if (m->mode != MODE2(CREATE) && m->mode != MODE2(REPLACE) && m->mode != MODE2(CREATE_OR_REPLACE))
        return err_set(&c->err, ERR_UNSUPPORTED, "writeTo().overwrite() is not supported: use write.mode('overwrite') or createOrReplace()");
    if (m->mode == MODE2(REPLACE) && !table_exists(c, &name))
        return err_set(&c->err, ERR_NOT_FOUND, "[TABLE_OR_VIEW_NOT_FOUND] The table or view `%s` cannot be found", t.table);
    struct stmt *st = create_table(c, &t, query);
    st->or_replace = m->mode != MODE2(CREATE);
    return run_statement(c, t.table, st);
}

#define COMMAND(x) SPARK__CONNECT__COMMAND__COMMAND_TYPE_##x
int command_run(struct call *c, const Spark__Connect__Command *m)
{
    if (m->command_type_case == COMMAND(SQL_COMMAND))
        return sql_command(c, m->sql_command);
    if (m->command_type_case == COMMAND(CREATE_DATAFRAME_VIEW))
        return view_command(c, m->create_dataframe_view);
    if (m->command_type_case == COMMAND(WRITE_OPERATION))
        return write_command(c, m->write_operation);
    if (m->command_type_case == COMMAND(WRITE_OPERATION_V2))
        return write_v2_command(c, m->write_operation_v2);
    return err_set(&c->err, ERR_UNSUPPORTED, "command %s is not supported", oneof_name(&spark__connect__command__descriptor, (int)m->command_type_case));
}
