#include "connect/translate.h"
#include "connect/args.h"
#include "connect/arrow_read.h"
#include "sparksql/sparksql.h"

#define REL(x) SPARK__CONNECT__RELATION__REL_TYPE_##x

static const struct place NOWHERE = {"", 0, 0};
static struct rel *translate(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err);
typedef struct rel *(*rel_fn)(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err);

static struct rel *over(struct arena *a, enum rel_kind kind, const Spark__Connect__Relation *input, int depth, struct err *err)
{
    struct rel *in = translate(a, input, depth, err);
    if (!in)
        return NULL;
    struct rel *r = rel_new(a, kind, NOWHERE);
    r->input = in;
    return r;
}

static int add_exprs(struct arena *a, struct exprs *out, Spark__Connect__Expression *const *list, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct expr *e = expr_translate(a, list[i], err);
        if (!e)
            return -1;
        exprs_push(a, out, e);
    }
    return 0;
}

static struct str *copy_names(struct arena *a, char *const *names, size_t n)
{
    struct str *out = ARENA_ARRAY(a, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = str_copy(a, str_z(names[i]));
    return out;
}

/* A schema as the client writes it: Spark's JSON or DDL. */
static const struct type *schema_text(struct arena *a, const char *text, struct err *err)
{
    struct str s = str_copy(a, str_z(text));
    if (s.ptr[0] != '{')
        return type_read_ddl(a, s, err);
    struct doc *d = doc_json(a, "schema", s, err);
    return d ? type_read_json(a, d, err) : NULL;
}

/* spark.createDataFrame(): the rows come with the plan. */
static struct rel *local_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    const Spark__Connect__LocalRelation *l = m->local_relation;
    struct rel *r = rel_new(a, REL_LOCAL, NOWHERE);
    struct buf sql;
    (void)depth;
    if (l->schema && *l->schema && !(r->schema = schema_text(a, l->schema, err)))
        return NULL;
    buf_init(&sql);
    int rc = arrow_read_sql(a, str_of((char *)l->data.data, l->has_data ? l->data.len : 0), &r->schema, &sql, err);
    if (rc == 0)
        rc = buf_check(&sql, "a local DataFrame", err);
    r->text = str_copy(a, buf_view(&sql));
    buf_release(&sql);
    return rc ? NULL : r;
}

/* The options of a message's map, whose entries are of a type of its own each. */
#define OPTIONS_OF(r, a, m) \
    do { \
        (r)->options.count = (m)->n_options; \
        (r)->options.keys = ARENA_ARRAY(a, struct str, (m)->n_options + 1); \
        (r)->options.values = ARENA_ARRAY(a, struct str, (m)->n_options + 1); \
        for (size_t i = 0; i < (m)->n_options; i++) { \
            (r)->options.keys[i] = str_copy(a, str_z((m)->options[i]->key)); \
            (r)->options.values[i] = str_copy(a, str_z((m)->options[i]->value)); \
        } \
    } while (0)

static struct rel *read_source(struct arena *a, const Spark__Connect__Read__DataSource *m, bool streaming, struct err *err)
{
    struct rel *r = rel_new(a, REL_SOURCE, NOWHERE);
    r->streaming = streaming;
    r->format = str_copy(a, str_z(m->format && *m->format ? m->format : "delta"));
    r->paths = copy_names(a, m->paths, m->n_paths);
    r->path_count = m->n_paths;
    OPTIONS_OF(r, a, m);
    if (m->n_predicates) {
        err_set(err, ERR_UNSUPPORTED, "predicates of a data source are not supported: use filter()");
        return NULL;
    }
    if (!m->schema || !*m->schema)
        return r;
    r->schema = schema_text(a, m->schema, err);
    return r->schema ? r : NULL;
}

static struct rel *read_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    (void)depth;
    bool streaming = m->read->has_is_streaming && m->read->is_streaming;
    if (m->read->read_type_case == SPARK__CONNECT__READ__READ_TYPE_DATA_SOURCE)
        return read_source(a, m->read->data_source, streaming, err);
    struct rel *r = rel_new(a, REL_TABLE, NOWHERE);
    r->streaming = streaming;
    if (m->read->named_table)
        OPTIONS_OF(r, a, m->read->named_table);
    return names_translate(a, m->read->named_table ? m->read->named_table->unparsed_identifier : "", &r->name, err) ? NULL : r;
}

static struct rel *sql_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    (void)depth;
    struct stmts stmts = {0};
    if (!args_given(m->sql))
        return sparksql_query(a, "query", str_copy(a, str_z(m->sql->query)), err);
    if (args_parse(a, m->sql, &stmts, err))
        return NULL;
    if (stmts.count != 1 || stmts.items[0]->kind != STMT_QUERY) {
        err_set(err, ERR_INPUT, "a relation is one query");
        return NULL;
    }
    return stmts.items[0]->query;
}

static struct rel *project_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = m->project->input ? over(a, REL_PROJECT, m->project->input, depth, err) : rel_new(a, REL_PROJECT, NOWHERE);
    if (!r)
        return NULL;
    if (!r->input)
        r->input = rel_new(a, REL_ONE_ROW, NOWHERE);
    return add_exprs(a, &r->exprs, m->project->expressions, m->project->n_expressions, err) ? NULL : r;
}

static struct rel *filter_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_FILTER, m->filter->input, depth, err);
    return r && (r->cond = expr_translate(a, m->filter->condition, err)) ? r : NULL;
}

static struct rel *join_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    static const enum join_type types[] = {JOIN_INNER, JOIN_INNER, JOIN_FULL, JOIN_LEFT, JOIN_RIGHT, JOIN_ANTI, JOIN_SEMI, JOIN_CROSS};
    struct rel *r = over(a, REL_JOIN, m->join->left, depth, err);
    if (!r || !(r->right = translate(a, m->join->right, depth, err)))
        return NULL;
    if (m->join->join_data_type) {
        err_set(err, ERR_UNSUPPORTED, "joinWith is not supported: use join");
        return NULL;
    }
    unsigned type = m->join->has_join_type ? m->join->join_type : 1;
    if (type >= COUNT_OF(types)) {
        err_set(err, ERR_UNSUPPORTED, "unknown kind of join %u", type);
        return NULL;
    }
    r->join = types[type];
    r->columns = copy_names(a, m->join->using_columns, m->join->n_using_columns);
    r->column_count = m->join->n_using_columns;
    if (m->join->join_condition && !(r->cond = expr_translate(a, m->join->join_condition, err)))
        return NULL;
    if (!r->cond && !r->column_count && r->join == JOIN_INNER)
        r->join = JOIN_CROSS;
    return r;
}

static struct rel *set_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    static const enum setop ops[] = {SETOP_UNION, SETOP_INTERSECT, SETOP_UNION, SETOP_EXCEPT};
    struct rel *r = over(a, REL_SETOP, m->set_op->left_input, depth, err);
    if (!r || !(r->right = translate(a, m->set_op->right_input, depth, err)))
        return NULL;
    r->op = ops[m->set_op->set_op_type & 3];
    r->all = m->set_op->is_all;
    r->by_name = m->set_op->by_name;
    r->allow_missing = m->set_op->allow_missing_columns;
    return r;
}

static struct rel *sort_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_SORT, m->sort->input, depth, err);
    for (size_t i = 0; r && i < m->sort->n_order; i++) {
        Spark__Connect__Expression wrap = SPARK__CONNECT__EXPRESSION__INIT;
        wrap.expr_type_case = SPARK__CONNECT__EXPRESSION__EXPR_TYPE_SORT_ORDER;
        wrap.sort_order = m->sort->order[i];
        struct expr *e = expr_translate(a, &wrap, err);
        if (!e)
            return NULL;
        exprs_push(a, &r->order, e);
    }
    return r;
}

static struct rel *limit_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_LIMIT, m->limit->input, depth, err);
    if (r)
        r->limit = expr_int(a, NOWHERE, m->limit->limit);
    return r;
}

static struct rel *tail_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_TAIL, m->tail->input, depth, err);
    if (r)
        r->limit = expr_int(a, NOWHERE, m->tail->limit);
    return r;
}

static struct rel *offset_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_LIMIT, m->offset->input, depth, err);
    if (r)
        r->offset = expr_int(a, NOWHERE, m->offset->offset);
    return r;
}

static struct rel *aggregate_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    static const enum grouping kinds[] = {GROUP_PLAIN, GROUP_PLAIN, GROUP_ROLLUP, GROUP_CUBE};
    struct rel *r = over(a, REL_AGGREGATE, m->aggregate->input, depth, err);
    if (!r)
        return NULL;
    if (m->aggregate->group_type >= COUNT_OF(kinds)) {
        err_set(err, ERR_UNSUPPORTED, "pivot and grouping sets of a DataFrame are not supported");
        return NULL;
    }
    r->grouping = kinds[m->aggregate->group_type];
    /* The output is the grouping columns, then the aggregates. */
    if (add_exprs(a, &r->groups, m->aggregate->grouping_expressions, m->aggregate->n_grouping_expressions, err) ||
        add_exprs(a, &r->exprs, m->aggregate->grouping_expressions, m->aggregate->n_grouping_expressions, err) ||
        add_exprs(a, &r->exprs, m->aggregate->aggregate_expressions, m->aggregate->n_aggregate_expressions, err))
        return NULL;
    for (size_t i = 0; i < r->groups.count; i++) /* an alias names the output; grouping is by what it names */
        if (r->groups.items[i]->kind == EXPR_ALIAS)
            r->groups.items[i] = r->groups.items[i]->args.items[0];
    return r;
}

static struct rel *dedup_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_DEDUP, m->deduplicate->input, depth, err);
    if (!r)
        return NULL;
    r->columns = copy_names(a, m->deduplicate->column_names, m->deduplicate->n_column_names);
    r->column_count = m->deduplicate->n_column_names;
    r->within_watermark = m->deduplicate->within_watermark;
    return r;
}

static struct rel *range_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = rel_new(a, REL_FUNCTION, NOWHERE);
    (void)depth;
    (void)err;
    r->func = STR("range");
    exprs_push(a, &r->args, expr_int(a, NOWHERE, m->range->start));
    exprs_push(a, &r->args, expr_int(a, NOWHERE, m->range->end));
    exprs_push(a, &r->args, expr_int(a, NOWHERE, m->range->has_step ? m->range->step : 1));
    return r;
}

static struct rel *alias_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_ALIAS, m->subquery_alias->input, depth, err);
    if (r)
        r->alias = str_copy(a, str_z(m->subquery_alias->alias));
    return r;
}

static struct rel *to_df_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_RENAME, m->to_df->input, depth, err);
    if (!r)
        return NULL;
    r->new_columns = copy_names(a, m->to_df->column_names, m->to_df->n_column_names);
    r->column_count = m->to_df->n_column_names;
    return r;
}

static struct rel *renamed_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    const Spark__Connect__WithColumnsRenamed *w = m->with_columns_renamed;
    struct rel *r = over(a, REL_RENAME, w->input, depth, err);
    if (!r)
        return NULL;
    size_t n = w->n_renames ? w->n_renames : w->n_rename_columns_map;
    r->columns = ARENA_ARRAY(a, struct str, n + 1);
    r->new_columns = ARENA_ARRAY(a, struct str, n + 1);
    r->column_count = n;
    for (size_t i = 0; i < n; i++) {
        r->columns[i] = str_copy(a, str_z(w->n_renames ? w->renames[i]->col_name : w->rename_columns_map[i]->key));
        r->new_columns[i] = str_copy(a, str_z(w->n_renames ? w->renames[i]->new_col_name : w->rename_columns_map[i]->value));
    }
    return r;
}

static struct rel *with_columns_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_WITH_COLUMNS, m->with_columns->input, depth, err);
    for (size_t i = 0; r && i < m->with_columns->n_aliases; i++) {
        Spark__Connect__Expression wrap = SPARK__CONNECT__EXPRESSION__INIT;
        wrap.expr_type_case = SPARK__CONNECT__EXPRESSION__EXPR_TYPE_ALIAS;
        wrap.alias = m->with_columns->aliases[i];
        struct expr *e = expr_translate(a, &wrap, err);
        if (!e)
            return NULL;
        exprs_push(a, &r->exprs, e);
    }
    return r;
}

static struct rel *drop_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    struct rel *r = over(a, REL_DROP, m->drop->input, depth, err);
    if (!r)
        return NULL;
    size_t n = m->drop->n_column_names + m->drop->n_columns;
    r->columns = ARENA_ARRAY(a, struct str, n + 1);
    for (size_t i = 0; i < m->drop->n_column_names; i++)
        r->columns[r->column_count++] = str_copy(a, str_z(m->drop->column_names[i]));
    for (size_t i = 0; i < m->drop->n_columns; i++) {
        struct expr *e = expr_translate(a, m->drop->columns[i], err);
        if (!e)
            return NULL;
        if (e->kind == EXPR_COLUMN && e->plan_id)
            exprs_push(a, &r->exprs, e);
        else if (e->kind == EXPR_COLUMN)
            r->columns[r->column_count++] = e->name.parts[e->name.count - 1];
    }
    return r;
}

static struct rel *sample_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    if (m->sample->lower_bound != 0 || m->sample->with_replacement) {
        err_set(err, ERR_UNSUPPORTED, "%s is not supported", m->sample->with_replacement ? "sample with replacement" : "randomSplit");
        return NULL;
    }
    struct rel *r = over(a, REL_SAMPLE, m->sample->input, depth, err);
    if (r)
        r->fraction = m->sample->upper_bound;
    if (r)
        r->seed = m->sample->seed;
    return r;
}

/* Hints and repartitioning change nothing on one machine. */
static struct rel *hint_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err) { return translate(a, m->hint->input, depth, err); }
static struct rel *repartition_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err) { return translate(a, m->repartition->input, depth, err); }
static struct rel *repartition_by_rel(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err) { return translate(a, m->repartition_by_expression->input, depth, err); }

static const rel_fn RELATIONS[] = {
    [REL(READ)] = read_rel, [REL(SQL)] = sql_rel, [REL(PROJECT)] = project_rel, [REL(FILTER)] = filter_rel, [REL(JOIN)] = join_rel,
    [REL(SET_OP)] = set_rel, [REL(SORT)] = sort_rel, [REL(LIMIT)] = limit_rel, [REL(OFFSET)] = offset_rel, [REL(AGGREGATE)] = aggregate_rel,
    [REL(DEDUPLICATE)] = dedup_rel, [REL(RANGE)] = range_rel, [REL(SUBQUERY_ALIAS)] = alias_rel, [REL(TO_DF)] = to_df_rel,
    [REL(WITH_COLUMNS_RENAMED)] = renamed_rel, [REL(WITH_COLUMNS)] = with_columns_rel, [REL(DROP)] = drop_rel, [REL(SAMPLE)] = sample_rel,
    [REL(LOCAL_RELATION)] = local_rel, [REL(TAIL)] = tail_rel,
    [REL(HINT)] = hint_rel, [REL(REPARTITION)] = repartition_rel, [REL(REPARTITION_BY_EXPRESSION)] = repartition_by_rel,
};

/* Ids count from 0 in messages, from 1 in plans. A hint gives its input, which has an id of its own. */
static struct rel *with_id(struct arena *a, const Spark__Connect__RelationCommon *common, struct rel *r)
{
    if (!r || !common || !common->has_plan_id)
        return r;
    if (r->plan_id) {
        struct rel *outer = rel_new(a, REL_HINT, NOWHERE);
        outer->input = r;
        outer->func = STR("repartition");
        r = outer;
    }
    r->plan_id = common->plan_id + 1;
    return r;
}

static struct rel *translate(struct arena *a, const Spark__Connect__Relation *m, int depth, struct err *err)
{
    if (!m || depth > PLAN_MAX_DEPTH) {
        err_set(err, ERR_INPUT, "a relation is missing or nests too deep");
        return NULL;
    }
    size_t kind = (size_t)m->rel_type_case;
    if (kind < COUNT_OF(RELATIONS) && RELATIONS[kind])
        return with_id(a, m->common, RELATIONS[kind](a, m, depth + 1, err));
    err_set(err, ERR_UNSUPPORTED, "relation %s is not supported", oneof_name(&spark__connect__relation__descriptor, (int)kind));
    return NULL;
}

struct rel *rel_translate(struct arena *a, const Spark__Connect__Relation *m, struct err *err) { return translate(a, m, 0, err); }
