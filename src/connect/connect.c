#include "connect/connect_int.h"
#include "connect/arrow_ipc.h"
#include "connect/show.h"
#include <string.h>

#define SERVICE "/spark.connect.SparkConnectService/"
#define SPARK_VERSION "4.2.0"

/* ---------------------------------------------------------------- answers */

void call_answer(struct call *c, const ProtobufCMessage *m)
{
    c->answers = mem_grow(c->answers, &c->answer_cap, c->answer_count + 1, sizeof *c->answers);
    struct buf *b = &c->answers[c->answer_count++];
    buf_init(b);
    size_t n = protobuf_c_message_get_packed_size(m);
    void *room = buf_room(b, n ? n : 1);
    if (room)
        buf_took(b, protobuf_c_message_pack(m, room));
    c->answer_bytes += n;
}

Spark__Connect__ExecutePlanResponse call_response(struct call *c)
{
    Spark__Connect__ExecutePlanResponse r = SPARK__CONNECT__EXECUTE_PLAN_RESPONSE__INIT;
    r.session_id = c->session_id;
    r.server_side_session_id = c->client->server_id;
    r.operation_id = c->operation_id;
    r.response_id = uuid_make(arena_alloc(c->a, UUID_TEXT));
    return r;
}

static void answer_batch(struct call *c, struct str bytes, int64_t offset, int64_t rows)
{
    Spark__Connect__ExecutePlanResponse__ArrowBatch batch = SPARK__CONNECT__EXECUTE_PLAN_RESPONSE__ARROW_BATCH__INIT;
    Spark__Connect__ExecutePlanResponse r = call_response(c);
    batch.has_row_count = batch.has_data = batch.has_start_offset = true;
    batch.row_count = rows;
    batch.start_offset = offset;
    batch.data.data = (uint8_t *)bytes.ptr;
    batch.data.len = bytes.len;
    r.response_type_case = SPARK__CONNECT__EXECUTE_PLAN_RESPONSE__RESPONSE_TYPE_ARROW_BATCH;
    r.arrow_batch = &batch;
    call_answer(c, &r.base);
}

static void answer_complete(struct call *c)
{
    Spark__Connect__ExecutePlanResponse__ResultComplete done = SPARK__CONNECT__EXECUTE_PLAN_RESPONSE__RESULT_COMPLETE__INIT;
    Spark__Connect__ExecutePlanResponse r = call_response(c);
    r.response_type_case = SPARK__CONNECT__EXECUTE_PLAN_RESPONSE__RESPONSE_TYPE_RESULT_COMPLETE;
    r.result_complete = &done;
    call_answer(c, &r.base);
}

/* ---------------------------------------------------------------- ExecutePlan, on a worker */

/* One chunk as an Arrow stream of one record batch: the client counts the rows of a message by its batch. */
static int send_chunk(struct call *c, const struct ArrowSchema *schema, const struct ArrowArray *chunk, int64_t offset)
{
    struct buf stream;
    buf_init(&stream);
    int rc = arrow_ipc_schema(&stream, schema, &c->err);
    if (rc == 0) /* with no rows a batch of none: a client takes a stream without a batch for no result at all */
        rc = arrow_ipc_batch(&stream, schema, chunk, &c->err);
    arrow_ipc_end(&stream);
    if (rc == 0)
        rc = buf_check(&stream, "a result's rows", &c->err);
    if (rc == 0)
        answer_batch(c, buf_view(&stream), offset, chunk ? chunk->length : 0);
    buf_release(&stream);
    return rc;
}

/* A result is kept until it is whole: bytes that it may take. 512m, 1g, or 0 for the most there is. */
static size_t result_limit(const struct session *s)
{
    struct str v = session_get(s, STR("spark.driver.maxResultSize"));
    int shift = 0;
    int64_t n = 0;
    for (size_t i = 0; v.len && i < 3; i++)
        if ((v.ptr[v.len - 1] | 32) == "kmg"[i])
            shift = 10 * (int)(i + 1);
    if (shift)
        v.len--;
    return str_i64(v, &n) && n > 0 && n < CONNECT_MAX_RESULT >> shift ? (size_t)n << shift : CONNECT_MAX_RESULT;
}

/* Sends a result chunk by chunk. */
static int send_rows(struct call *c, struct duck_result *rows, const struct type *schema)
{
    struct ArrowSchema arrow = {0};
    int64_t total = 0;
    size_t limit = result_limit(c->client->session);
    int rc;
    Spark__Connect__ExecutePlanResponse head = call_response(c);
    head.schema = type_message(c->a, schema);
    call_answer(c, &head.base);
    if (duck_arrow_schema(rows, &arrow, &c->err))
        return -1;
    rc = arrow_ipc_fit(&arrow, schema, &c->err);
    while (rc == 0 && (rc = duck_next(rows, &c->err)) > 0) {
        struct ArrowArray chunk = {0};
        rc = duck_arrow_chunk(rows, &chunk, &c->err);
        if (rc)
            break;
        rc = send_chunk(c, &arrow, &chunk, total);
        total += chunk.length;
        chunk.release(&chunk);
        if (rc == 0 && c->answer_bytes > limit)
            rc = err_set(&c->err, ERR_LIMIT, "the result is bigger than spark.driver.maxResultSize (%zu bytes): write it to a table, or ask for less", limit);
        if (rc)
            break;
    }
    if (rc == 0 && total == 0)
        rc = send_chunk(c, &arrow, NULL, 0);
    arrow.release(&arrow);
    return rc;
}

int call_run(struct call *c, struct rel *r)
{
    struct session_plan plan;
    struct session *s = c->client->session;
    if (session_plan(s, c->a, r, NULL, &plan, &c->err))
        return -1;
    struct duck_result *rows = duck_query(session_conn(s), plan.sql, &c->err);
    int rc = rows ? send_rows(c, rows, plan.resolved->output) : -1;
    duck_result_free(rows);
    session_plan_release(&plan);
    return rc;
}

/* What command.c gives for a statement without rows: no columns, so nothing that could be run. */
static bool is_nothing(const Spark__Connect__Relation *m)
{
    return m->rel_type_case == SPARK__CONNECT__RELATION__REL_TYPE_LOCAL_RELATION && m->local_relation->schema && !m->local_relation->has_data &&
           strcmp(m->local_relation->schema, CONNECT_NO_COLUMNS) == 0;
}

static int run_relation(struct call *c, const Spark__Connect__Relation *m)
{
    struct session *s = c->client->session;
    if (is_nothing(m)) {
        Spark__Connect__ExecutePlanResponse head = call_response(c);
        head.schema = type_message(c->a, type_struct(c->a, NULL, 0));
        call_answer(c, &head.base);
        return 0;
    }
    if (m->rel_type_case == SPARK__CONNECT__RELATION__REL_TYPE_CATALOG)
        return catalog_run(c, m->catalog);
    if (m->rel_type_case == SPARK__CONNECT__RELATION__REL_TYPE_SHOW_STRING) {
        struct duck_result *shown;
        const struct type *schema;
        if (show_string(s, c->a, m->show_string, &shown, &schema, &c->err))
            return -1;
        int rc = send_rows(c, shown, schema);
        duck_result_free(shown);
        return rc;
    }
    struct rel *r = rel_translate(c->a, m, &c->err);
    return r ? call_run(c, r) : -1;
}

static int run_execute(struct call *c)
{
    const Spark__Connect__Plan *plan = c->execute->plan;
    int rc;
    if (!plan)
        return err_set(&c->err, ERR_INPUT, "ExecutePlan without a plan");
    if (plan->op_type_case == SPARK__CONNECT__PLAN__OP_TYPE_ROOT) {
        rc = run_relation(c, plan->root);
    } else if (plan->op_type_case == SPARK__CONNECT__PLAN__OP_TYPE_COMMAND) {
        rc = command_run(c, plan->command);
    } else {
        rc = err_set(&c->err, ERR_UNSUPPORTED, "compressed plans are not supported");
    }
    if (rc == 0)
        answer_complete(c);
    return rc;
}

/* ---------------------------------------------------------------- Config and AnalyzePlan */

static const struct { const char *key, *value; } CONFIG[] = {
    {"spark.sql.session.timeZone", "UTC"}, {"spark.sql.timestampType", "TIMESTAMP_LTZ"}, {"spark.sql.ansi.enabled", "true"},
    {"spark.sql.session.localRelationCacheThreshold", "33554432"}, {"spark.sql.session.localRelationSizeLimit", "3221225472"},
    {"spark.sql.session.localRelationChunkSizeRows", "10000"}, {"spark.sql.session.localRelationChunkSizeBytes", "16777216"},
    {"spark.sql.session.localRelationBatchOfChunksSizeBytes", "1073741824"},
    {"spark.sql.execution.arrow.pyspark.enabled", "true"}, {"spark.sql.execution.arrow.pyspark.fallback.enabled", "true"},
    {"spark.sql.execution.arrow.pyspark.selfDestruct.enabled", "false"}, {"spark.sql.execution.arrow.maxRecordsPerBatch", "10000"},
    {"spark.sql.execution.arrow.useLargeVarTypes", "false"}, {"spark.sql.execution.pandas.structHandlingMode", "legacy"},
    {"spark.sql.execution.pandas.convertToArrowArraySafely", "false"}, {"spark.sql.execution.pandas.inferPandasDictAsMap", "false"},
    {"spark.sql.execution.pyspark.binaryAsBytes", "true"}, {"spark.sql.pyspark.inferNestedDictAsStruct.enabled", "false"},
    {"spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", "false"},
    {"spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", "false"}, {"spark.sql.pyspark.jvmStacktrace.enabled", "false"},
    {"spark.sql.repl.eagerEval.enabled", "false"}, {"spark.sql.repl.eagerEval.maxNumRows", "20"}, {"spark.sql.repl.eagerEval.truncate", "20"},
};

static const char *config_value(struct call *c, const char *key)
{
    struct str set = session_get(c->client->session, str_z(key));
    if (!key)
        return NULL;
    if (set.ptr)
        return str_cz(c->a, set);
    for (size_t i = 0; i < COUNT_OF(CONFIG); i++)
        if (strcmp(CONFIG[i].key, key) == 0)
            return CONFIG[i].value;
    return NULL;
}

static void pair(struct call *c, Spark__Connect__ConfigResponse *r, size_t *cap, const char *key, const char *value)
{
    r->pairs = arena_grow(c->a, r->pairs, cap, r->n_pairs + 1, sizeof *r->pairs);
    Spark__Connect__KeyValue *p = r->pairs[r->n_pairs++] = ARENA_NEW(c->a, Spark__Connect__KeyValue);
    *p = (Spark__Connect__KeyValue)SPARK__CONNECT__KEY_VALUE__INIT;
    p->key = (char *)key;
    p->value = (char *)value;
}

#define OP(x) SPARK__CONNECT__CONFIG_REQUEST__OPERATION__OP_TYPE_##x
static int run_config(struct call *c)
{
    Spark__Connect__ConfigResponse r = SPARK__CONNECT__CONFIG_RESPONSE__INIT;
    const Spark__Connect__ConfigRequest__Operation *op = c->config->operation;
    size_t cap = 0;
    r.session_id = c->session_id;
    r.server_side_session_id = c->client->server_id;
    int kind = op ? (int)op->op_type_case : 0;
    if (kind == OP(SET)) {
        for (size_t i = 0; i < op->set->n_pairs; i++)
            if (session_setting_check(str_z(op->set->pairs[i]->key), str_z(op->set->pairs[i]->value), &c->err))
                return -1;
        for (size_t i = 0; i < op->set->n_pairs; i++)
            session_set(c->client->session, str_z(op->set->pairs[i]->key), str_z(op->set->pairs[i]->value));
    } else if (kind == OP(GET)) {
        for (size_t i = 0; i < op->get->n_keys; i++) {
            const char *v = config_value(c, op->get->keys[i]);
            if (!v)
                return err_set(&c->err, ERR_NOT_FOUND, "[SQL_CONF_NOT_FOUND] The SQL config \"%s\" cannot be found", op->get->keys[i]);
            pair(c, &r, &cap, op->get->keys[i], v);
        }
    } else if (kind == OP(GET_WITH_DEFAULT)) {
        for (size_t i = 0; i < op->get_with_default->n_pairs; i++) {
            const char *v = config_value(c, op->get_with_default->pairs[i]->key);
            pair(c, &r, &cap, op->get_with_default->pairs[i]->key, v ? v : op->get_with_default->pairs[i]->value);
        }
    } else if (kind == OP(GET_OPTION)) {
        for (size_t i = 0; i < op->get_option->n_keys; i++)
            pair(c, &r, &cap, op->get_option->keys[i], config_value(c, op->get_option->keys[i]));
    } else if (kind == OP(IS_MODIFIABLE)) {
        for (size_t i = 0; i < op->is_modifiable->n_keys; i++)
            pair(c, &r, &cap, op->is_modifiable->keys[i], "true");
    } else if (kind == OP(UNSET)) {
        for (size_t i = 0; i < op->unset->n_keys; i++)
            session_unset(c->client->session, str_z(op->unset->keys[i]));
    } else if (kind == OP(GET_ALL)) {
        return err_set(&c->err, ERR_UNSUPPORTED, "spark.conf.getAll is not supported: spark.sql('SET') lists the settings");
    } else {
        return err_set(&c->err, ERR_INPUT, "Config without an operation");
    }
    call_answer(c, &r.base);
    return 0;
}

static const struct type *schema_of(struct call *c, const Spark__Connect__Plan *plan, struct rel **r)
{
    if (!plan || plan->op_type_case != SPARK__CONNECT__PLAN__OP_TYPE_ROOT) {
        err_set(&c->err, ERR_INPUT, "AnalyzePlan needs a relation");
        return NULL;
    }
    if (is_nothing(plan->root)) {
        *r = rel_new(c->a, REL_ONE_ROW, (struct place){0});
        return type_struct(c->a, NULL, 0);
    }
    *r = rel_translate(c->a, plan->root, &c->err);
    return *r ? session_schema_of(c->client->session, c->a, *r, NULL, &c->err) : NULL;
}

#define ANALYZE(x) SPARK__CONNECT__ANALYZE_PLAN_REQUEST__ANALYZE_##x
#define RESULT(x) SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__RESULT_##x
static int run_analyze(struct call *c)
{
    const Spark__Connect__AnalyzePlanRequest *q = c->analyze;
    Spark__Connect__AnalyzePlanResponse r = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__INIT;
    Spark__Connect__AnalyzePlanResponse__Schema schema = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__SCHEMA__INIT;
    Spark__Connect__AnalyzePlanResponse__DDLParse parsed = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__DDLPARSE__INIT;
    Spark__Connect__AnalyzePlanResponse__SparkVersion version = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__SPARK_VERSION__INIT;
    Spark__Connect__AnalyzePlanResponse__IsLocal local = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__IS_LOCAL__INIT;
    Spark__Connect__AnalyzePlanResponse__IsStreaming streaming = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__IS_STREAMING__INIT;
    Spark__Connect__AnalyzePlanResponse__Persist persist = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__PERSIST__INIT;
    Spark__Connect__AnalyzePlanResponse__Unpersist unpersist = SPARK__CONNECT__ANALYZE_PLAN_RESPONSE__UNPERSIST__INIT;
    struct rel *rel;
    r.session_id = c->session_id;
    r.server_side_session_id = c->client->server_id;
    if (q->analyze_case == ANALYZE(SCHEMA)) {
        const struct type *t = schema_of(c, q->schema->plan, &rel);
        if (!t)
            return -1;
        schema.schema = type_message(c->a, t);
        r.schema = &schema;
        r.result_case = RESULT(SCHEMA);
    } else if (q->analyze_case == ANALYZE(SPARK_VERSION)) {
        version.version = (char *)SPARK_VERSION;
        r.spark_version = &version;
        r.result_case = RESULT(SPARK_VERSION);
    } else if (q->analyze_case == ANALYZE(IS_LOCAL)) {
        r.is_local = &local;
        r.result_case = RESULT(IS_LOCAL);
    } else if (q->analyze_case == ANALYZE(IS_STREAMING)) {
        if (!schema_of(c, q->is_streaming->plan, &rel))
            return -1;
        streaming.has_is_streaming = true;
        streaming.is_streaming = rel_is_streaming(rel);
        r.is_streaming = &streaming;
        r.result_case = RESULT(IS_STREAMING);
    } else if (q->analyze_case == ANALYZE(PERSIST)) { /* what a statement reads is always fresh: nothing is kept */
        r.persist = &persist;
        r.result_case = RESULT(PERSIST);
    } else if (q->analyze_case == ANALYZE(UNPERSIST)) {
        r.unpersist = &unpersist;
        r.result_case = RESULT(UNPERSIST);
    } else if (q->analyze_case == ANALYZE(DDL_PARSE)) {
        const struct type *t = type_read_ddl(c->a, str_copy(c->a, str_z(q->ddl_parse->ddl_string)), &c->err);
        if (!t)
            return -1;
        parsed.parsed = type_message(c->a, t);
        r.ddl_parse = &parsed;
        r.result_case = RESULT(DDL_PARSE);
    } else {
        return err_set(&c->err, ERR_UNSUPPORTED, "analysis %s is not supported",
                       oneof_name(&spark__connect__analyze_plan_request__descriptor, (int)q->analyze_case));
    }
    call_answer(c, &r.base);
    return 0;
}

/* ---------------------------------------------------------------- calls, on the loop */

static void client_free(struct client *k)
{
    size_t at = 0;
    struct str name;
    void *kept;
    session_free(k->session);
    while (map_next(k->views, &at, &name, &kept))
        view_free(kept);
    map_free(k->views);
    mem_free(k->id);
    mem_free(k);
}

static void server_end(struct connect_server *s)
{
    size_t at = 0;
    struct str id;
    void *k;
    while (map_next(s->clients, &at, &id, &k))
        client_free(k);
    map_free(s->clients);
    mem_free(s->token);
    mem_free(s->search_path);
    mem_free(s);
}

static void call_free(struct call *c)
{
    if (c->config)
        spark__connect__config_request__free_unpacked(c->config, NULL);
    if (c->analyze)
        spark__connect__analyze_plan_request__free_unpacked(c->analyze, NULL);
    if (c->execute)
        spark__connect__execute_plan_request__free_unpacked(c->execute, NULL);
    for (size_t i = 0; i < c->answer_count; i++)
        buf_release(&c->answers[i]);
    mem_free(c->answers);
    arena_free(c->a);
}

/* Ends the statement of a call that a worker has; one that waits its turn is not touched. */
static void interrupt(struct call *c)
{
    struct session *s = __atomic_load_n(&c->client->session, __ATOMIC_ACQUIRE);
    if (c->client->current == c && s)
        duck_interrupt(session_conn(s));
}

static void call_gone(struct h2_call *h)
{
    interrupt(h2_call_user(h));
}

static void next_call(struct connect_server *s, struct client *k);

static void client_drop(struct connect_server *s, struct client *k)
{
    map_remove(s->clients, str_z(k->id));
    client_free(k);
}

static void call_work(void *arg)
{
    static int (*const runs[])(struct call *) = {[METHOD_CONFIG] = run_config, [METHOD_ANALYZE] = run_analyze, [METHOD_EXECUTE] = run_execute};
    struct call *c = arg;
    struct client *k = c->client;
    if (!k->session) {
        struct session *made = session_new(c->server->engine, &c->err);
        if (made && c->server->search_path)
            session_search_path(made, str_z(c->server->search_path));
        __atomic_store_n(&k->session, made, __ATOMIC_RELEASE); /* the loop reads it to interrupt */
    }
    c->failed = !k->session || runs[c->method](c) != 0;
}

static void call_done(void *arg)
{
    struct call *c = arg;
    struct connect_server *s = c->server;
    struct client *k = c->client;
    for (size_t i = 0; i < c->answer_count && !c->failed; i++)
        h2_call_send_buf(c->h2, &c->answers[i]);
    if (c->failed) {
        const char *message = error_message(c->a, &c->err);
        error_trailer(c->h2, &c->err, message);
        h2_call_finish(c->h2, h2_status_of(c->err.code), message);
    } else {
        h2_call_finish(c->h2, GRPC_OK, NULL);
    }
    call_free(c);
    k->current = NULL;
    k->used_mono = time_mono_us();
    s->running--;
    if (s->closing && s->running == 0)
        server_end(s);
    else if (k->released && !k->first)
        client_drop(s, k);
    else
        next_call(s, k);
}

static void next_call(struct connect_server *s, struct client *k)
{
    struct call *c = k->first;
    if (k->current || !c || s->closing)
        return;
    k->first = c->next;
    if (!k->first)
        k->last = &k->first;
    k->current = c;
    s->running++;
    ev_work(s->loop, call_work, call_done, c);
}

/* Makes room among the sessions: the one that has been without a call for longest goes, if that is
 * CONNECT_IDLE_US. Most clients end without releasing theirs. */
static bool drop_idle(struct connect_server *s)
{
    size_t at = 0;
    struct str id;
    void *value;
    struct client *oldest = NULL;
    while (map_next(s->clients, &at, &id, &value)) {
        struct client *k = value;
        if (!k->current && !k->first && (!oldest || k->used_mono < oldest->used_mono))
            oldest = k;
    }
    if (!oldest || time_mono_us() - oldest->used_mono < CONNECT_IDLE_US)
        return false;
    client_drop(s, oldest);
    return true;
}

static struct client *client_of(struct connect_server *s, const char *id, struct err *err)
{
    struct client *k = map_get(s->clients, str_z(id));
    if (k)
        return k;
    if (!id || !*id) {
        err_set(err, ERR_INPUT, "the request has no session_id");
        return NULL;
    }
    if (map_count(s->clients) >= CONNECT_MAX_SESSIONS && !drop_idle(s)) {
        err_set(err, ERR_LIMIT, "more than CONNECT_MAX_SESSIONS (%d) sessions", CONNECT_MAX_SESSIONS);
        return NULL;
    }
    k = NEW(struct client);
    k->last = &k->first;
    k->views = map_new_icase();
    k->id = mem_strdup(id);
    uuid_make(k->server_id);
    map_put(s->clients, str_z(id), k);
    return k;
}

static void start_call(struct h2_call *h, struct str bytes, enum method method, const ProtobufCMessageDescriptor *d)
{
    struct connect_server *s = h2_call_ctx(h);
    struct arena *a = arena_new();
    struct call *c = ARENA_NEW(a, struct call);
    *c = (struct call){.server = s, .h2 = h, .a = a, .method = method};
    char operation[UUID_TEXT];
    if (proto_check(d, bytes, &c->err))
        goto refuse;
    const uint8_t *data = (const uint8_t *)bytes.ptr;
    if (method == METHOD_CONFIG && (c->config = spark__connect__config_request__unpack(NULL, bytes.len, data)))
        c->session_id = c->config->session_id;
    else if (method == METHOD_ANALYZE && (c->analyze = spark__connect__analyze_plan_request__unpack(NULL, bytes.len, data)))
        c->session_id = c->analyze->session_id;
    else if (method == METHOD_EXECUTE && (c->execute = spark__connect__execute_plan_request__unpack(NULL, bytes.len, data)))
        c->session_id = c->execute->session_id;
    else {
        err_set(&c->err, ERR_CORRUPT, "the request cannot be decoded");
        goto refuse;
    }
    c->operation_id = c->execute && c->execute->operation_id && *c->execute->operation_id ? c->execute->operation_id : arena_strdup(a, uuid_make(operation));
    c->client = client_of(s, c->session_id, &c->err);
    if (!c->client)
        goto refuse;
    h2_call_set_user(h, c);
    h2_call_on_gone(h, call_gone);
    *c->client->last = c;
    c->client->last = &c->next;
    next_call(s, c->client);
    return;
refuse:
    h2_call_finish(h, h2_status_of(c->err.code), c->err.msg);
    call_free(c);
}

static void on_config(struct h2_call *h, struct str m) { start_call(h, m, METHOD_CONFIG, &spark__connect__config_request__descriptor); }
static void on_analyze(struct h2_call *h, struct str m) { start_call(h, m, METHOD_ANALYZE, &spark__connect__analyze_plan_request__descriptor); }
static void on_execute(struct h2_call *h, struct str m) { start_call(h, m, METHOD_EXECUTE, &spark__connect__execute_plan_request__descriptor); }

/* Ends a call that one message answers. */
static void finish_with(struct h2_call *h, const ProtobufCMessage *m)
{
    struct buf b;
    buf_init(&b);
    void *room = buf_room(&b, protobuf_c_message_get_packed_size(m) + 1);
    if (room)
        buf_took(&b, protobuf_c_message_pack(m, room));
    h2_call_send_buf(h, &b);
    h2_call_finish(h, GRPC_OK, NULL);
}

static void on_release_execute(struct h2_call *h, struct str m)
{
    Spark__Connect__ReleaseExecuteRequest *q = spark__connect__release_execute_request__unpack(NULL, m.len, (const uint8_t *)m.ptr);
    if (!q) {
        h2_call_finish(h, GRPC_INVALID_ARGUMENT, "the request cannot be decoded");
        return;
    }
    struct connect_server *s = h2_call_ctx(h);
    struct client *k = q->session_id ? map_get(s->clients, str_z(q->session_id)) : NULL;
    Spark__Connect__ReleaseExecuteResponse r = SPARK__CONNECT__RELEASE_EXECUTE_RESPONSE__INIT;
    r.session_id = q->session_id;
    r.operation_id = q->operation_id;
    r.server_side_session_id = k ? k->server_id : NULL;
    finish_with(h, &r.base);
    spark__connect__release_execute_request__free_unpacked(q, NULL);
}

static void on_release_session(struct h2_call *h, struct str m)
{
    Spark__Connect__ReleaseSessionRequest *q = spark__connect__release_session_request__unpack(NULL, m.len, (const uint8_t *)m.ptr);
    Spark__Connect__ReleaseSessionResponse r = SPARK__CONNECT__RELEASE_SESSION_RESPONSE__INIT;
    if (!q) {
        h2_call_finish(h, GRPC_INVALID_ARGUMENT, "the request cannot be decoded");
        return;
    }
    struct connect_server *s = h2_call_ctx(h);
    struct client *k = q->session_id ? map_get(s->clients, str_z(q->session_id)) : NULL;
    r.session_id = q->session_id;
    r.server_side_session_id = k ? k->server_id : NULL;
    finish_with(h, &r.base);
    if (k && !k->current && !k->first)
        client_drop(s, k);
    else if (k)
        k->released = true; /* its last call lets it go */
    spark__connect__release_session_request__free_unpacked(q, NULL);
}

/* spark.interruptAll(), interruptOperation(): the running statement, if it is among those meant. Tags are not kept, so none is interrupted by one. */
static void on_interrupt(struct h2_call *h, struct str m)
{
    Spark__Connect__InterruptRequest *q = spark__connect__interrupt_request__unpack(NULL, m.len, (const uint8_t *)m.ptr);
    if (!q) {
        h2_call_finish(h, GRPC_INVALID_ARGUMENT, "the request cannot be decoded");
        return;
    }
    if (q->interrupt_type == SPARK__CONNECT__INTERRUPT_REQUEST__INTERRUPT_TYPE__INTERRUPT_TYPE_TAG) {
        h2_call_finish(h, GRPC_UNIMPLEMENTED, "interruptTag() is not supported: use interruptAll() or interruptOperation()");
        spark__connect__interrupt_request__free_unpacked(q, NULL);
        return;
    }
    struct connect_server *s = h2_call_ctx(h);
    struct client *k = q->session_id ? map_get(s->clients, str_z(q->session_id)) : NULL;
    struct call *c = k ? k->current : NULL;
    bool all = q->interrupt_type == SPARK__CONNECT__INTERRUPT_REQUEST__INTERRUPT_TYPE__INTERRUPT_TYPE_ALL;
    bool meant = c && c->method == METHOD_EXECUTE && (all || (q->operation_id && strcmp(q->operation_id, c->operation_id) == 0));
    Spark__Connect__InterruptResponse r = SPARK__CONNECT__INTERRUPT_RESPONSE__INIT;
    r.session_id = q->session_id;
    r.server_side_session_id = k ? k->server_id : NULL;
    r.n_interrupted_ids = meant;
    r.interrupted_ids = meant ? &c->operation_id : NULL;
    if (meant)
        interrupt(c);
    finish_with(h, &r.base);
    spark__connect__interrupt_request__free_unpacked(q, NULL);
}

static const struct h2_method METHODS[] = {
    {SERVICE "Config", on_config, NULL}, {SERVICE "AnalyzePlan", on_analyze, NULL}, {SERVICE "ExecutePlan", on_execute, NULL},
    {SERVICE "ReleaseExecute", on_release_execute, NULL}, {SERVICE "ReleaseSession", on_release_session, NULL}, {SERVICE "Interrupt", on_interrupt, NULL},
    {NULL, NULL, NULL},
};

static enum grpc_status check_token(struct h2_call *h, char msg[200])
{
    const struct connect_server *s = h2_call_ctx(h);
    struct str given = h2_call_metadata(h, "authorization");
    (void)msg;
    if (!s->token)
        return GRPC_OK;
    return str_starts_z(given, "Bearer ") && str_eqz(str_from(given, 7), s->token) ? GRPC_OK : GRPC_UNAUTHENTICATED;
}

struct connect_server *connect_listen(struct ev_loop *loop, const struct connect_opts *o, struct err *err)
{
    struct connect_server *s = NEW(struct connect_server);
    *s = (struct connect_server){.loop = loop, .engine = o->engine, .token = o->token ? mem_strdup(o->token) : NULL,
                                 .search_path = o->search_path ? mem_strdup(o->search_path) : NULL, .clients = map_new()};
    struct h2_server_opts opts = {.host = o->host, .port = o->port, .methods = METHODS, .before = check_token, .ctx = s};
    s->h2 = h2_listen(loop, &opts, err);
    if (s->h2)
        return s;
    server_end(s);
    return NULL;
}

int connect_port(const struct connect_server *s) { return h2_server_port(s->h2); }

void connect_free(struct connect_server *s)
{
    if (!s)
        return;
    s->closing = true;
    size_t at = 0;
    struct str id;
    void *value;
    while (map_next(s->clients, &at, &id, &value)) {
        struct client *k = value;
        for (struct call *c = k->first, *after; c; c = after) {
            after = c->next;
            h2_call_finish(c->h2, GRPC_UNAVAILABLE, "the server is stopping");
            call_free(c);
        }
        k->first = NULL;
    }
    h2_server_free(s->h2);
    if (s->running == 0)
        server_end(s);
}
