/* plan -- the logical plan: relations and expressions, as Spark's unresolved logical plan carries
 * them (spark/connect relations.proto, expressions.proto), so that Spark SQL text and Spark Connect
 * messages map one to one.
 *
 * A plan is a tree in an arena, immutable after its front end built it; resolution (resolve.h)
 * makes a new tree with types. Every node knows its place in the source text, so that errors can
 * point at it. Depth is bounded by PLAN_MAX_DEPTH in both front ends. */
#ifndef PAYSTREAK_PLAN_PLAN_H
#define PAYSTREAK_PLAN_PLAN_H
#include "plan/type.h"

enum { PLAN_MAX_DEPTH = 500 };

struct place { const char *file; int line, col; };   /* of the user's text; zeros if none */
struct names { struct str *parts; size_t count; };   /* a.b.c */
struct options { struct str *keys; struct str *values; size_t count; };

struct expr;
struct rel;
struct exprs { struct expr **items; size_t count, cap; };
struct rels { struct rel **items; size_t count, cap; };

enum expr_kind {
    EXPR_LITERAL,      /* lit, type */
    EXPR_COLUMN,       /* name: a.b.c not yet split into qualifier, column, fields */
    EXPR_STAR,         /* name: qualifier or empty; except list in `args` (EXPR_COLUMN), REPLACE in `partition` (ALIAS) */
    EXPR_CALL,         /* func, args; distinct, ignore_nulls, filter, order (WITHIN GROUP) */
    EXPR_CAST,         /* args[0], type; try */
    EXPR_ALIAS,        /* args[0]; names (several for generators) */
    EXPR_CASE,         /* args: cond, value, cond, value, …, [else]; operand already folded into conds */
    EXPR_WINDOW,       /* args[0] function; partition, order, frame */
    EXPR_SORT,         /* args[0]; descending, nulls_first (resolved default) */
    EXPR_LAMBDA,       /* args[0] body; params */
    EXPR_LAMBDA_VAR,   /* name */
    EXPR_FIELD,        /* args[0] . field_name: struct field, map key or variant path step */
    EXPR_ELEMENT,      /* args[0] [ args[1] ] : 0-based array element, map value */
    EXPR_PATH,         /* args[0] : path -- JSON/variant path extraction `v:a.b[0]`, text in field_name */
    EXPR_SUBQUERY,     /* sub: scalar */
    EXPR_EXISTS,       /* sub */
    EXPR_IN_SUBQUERY,  /* args (one or a row) IN sub; negated is wrapped in not() */
    EXPR_INTERVAL,     /* months, days, us in lit */
    EXPR_NAMED_ARG,    /* key => args[0] */
    EXPR_PARAM         /* :name or ? */
};

enum lit_kind { LIT_NULL, LIT_BOOL, LIT_INT /* i64 */, LIT_FLOAT /* f64 */, LIT_DECIMAL /* text */,
    LIT_STRING, LIT_BINARY, LIT_DATE /* i64 days */, LIT_TIMESTAMP /* i64 us */, LIT_TIMESTAMP_NTZ, LIT_INTERVAL };
struct lit { enum lit_kind kind; int64_t i64; double f64; struct str text; int32_t months, days; int64_t us; };

enum frame_type { FRAME_NONE, FRAME_ROWS, FRAME_RANGE };
enum frame_edge { EDGE_UNBOUNDED, EDGE_CURRENT, EDGE_PRECEDING, EDGE_FOLLOWING };
struct frame { enum frame_type type; enum frame_edge from, to; struct expr *from_value, *to_value; };

struct expr {
    enum expr_kind kind;
    struct place at;
    const struct type *type;     /* NULL until resolved; LITERAL and CAST have it from the start */
    bool nullable;
    struct names name;           /* COLUMN, STAR, ALIAS (names), LAMBDA_VAR */
    struct str func;             /* CALL: lower-case function or operator name as Spark Connect spells it:
                                    "+", "-", "*", "/", "%", "==", "<=>", "!=" , "<", "and", "or", "not", "in",
                                    "isnull", "isnotnull", "like", "rlike", "between", "when", "negative", … */
    struct str field_name;       /* FIELD, PATH, NAMED_ARG's key */
    struct exprs args;
    struct lit lit;
    bool distinct, ignore_nulls, try_cast, star_arg /* count(*) */;
    bool assigns;                /* CAST to a table's column: what does not fit fails, with ANSI mode off too */
    bool descending, nulls_first;
    struct expr *filter;
    struct exprs partition, order;  /* WINDOW; CALL: order of WITHIN GROUP / array_agg ORDER BY */
    struct frame frame;
    struct str *params; size_t param_count; /* LAMBDA */
    int64_t plan_id;             /* COLUMN: of the relation with this id, where its name alone is ambiguous; 0: none */
    struct rel *sub;
    /* Filled by resolution: */
    int input;                   /* COLUMN: ordinal in the input's output, -1 unresolved; outer references: see resolve.h */
    int outer_depth;
    uint16_t height;             /* of the tree below, 1 for a leaf: how front ends hold PLAN_MAX_DEPTH */
};

enum rel_kind {
    REL_TABLE,          /* name, streaming, options, version/timestamp travel */
    REL_FUNCTION,       /* table-valued function: func, args (EXPR_NAMED_ARG allowed), streaming: read_files, range, … */
    REL_SOURCE,         /* format, schema, paths, options, streaming (DataFrameReader / format.`path`) */
    REL_VALUES,         /* rows of expressions; columns names */
    REL_ONE_ROW,        /* SELECT without FROM */
    REL_PROJECT,        /* input, exprs */
    REL_FILTER,         /* input, cond */
    REL_JOIN,           /* left, right, join, cond or using; natural; lateral */
    REL_AGGREGATE,      /* input, groups, exprs (output list, group columns included), grouping */
    REL_SORT,           /* input, order */
    REL_LIMIT,          /* input, limit, offset (exprs, may be NULL) */
    REL_SETOP,          /* left, right, op, all, by_name, allow_missing */
    REL_ALIAS,          /* input, alias, columns (column aliases) */
    REL_DEDUP,          /* input, columns (empty: all); within_watermark */
    REL_WITH,           /* input, ctes: name[i] = rels[i] */
    REL_WATERMARK,      /* input, exprs[0] event time, delay (lit) */
    REL_GENERATE,       /* LATERAL VIEW [OUTER]: input, exprs[0] generator, alias, columns, outer */
    REL_WITH_COLUMNS,   /* input, exprs (ALIAS): replaces or adds */
    REL_DROP,           /* input, columns by name, exprs (COLUMN with a plan_id) each one */
    REL_RENAME,         /* input, columns → new_columns (toDF: columns empty) */
    REL_SAMPLE,         /* input, fraction, seed */
    REL_PIVOT,          /* input, groups (empty: all other columns), cond: pivot column or struct() of several,
                           args: its values (may be ALIAS), exprs: aggregates (may be ALIAS) */
    REL_LOCAL,          /* rows given as a DuckDB-readable handle by the front end: sql text in `text` */
    REL_TAIL,
    REL_HINT,           /* input, func: "distribute_by" with exprs (no effect on the rows), or a hint's name with args */
    REL_UNPIVOT         /* input, exprs (ALIAS of a column or of a struct() of several; no name: the column's),
                           columns: value column names, text: name column, outer: INCLUDE NULLS */
};
enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_CROSS, JOIN_SEMI, JOIN_ANTI };
enum setop { SETOP_UNION, SETOP_INTERSECT, SETOP_EXCEPT };
enum grouping { GROUP_PLAIN, GROUP_ROLLUP, GROUP_CUBE, GROUP_SETS, GROUP_ALL };

struct rel {
    enum rel_kind kind;
    struct place at;
    struct rel *input, *right;
    struct names name;                 /* TABLE; FUNCTION uses func */
    struct str func, format, text;
    struct options options;
    struct str *paths; size_t path_count;
    const struct type *schema;         /* SOURCE: declared, or NULL */
    bool streaming;
    struct expr *version, *timestamp;  /* time travel */
    struct exprs exprs, args, groups, order;
    struct exprs *rows; size_t row_count;      /* VALUES; GROUP_SETS: each set's expressions */
    struct expr *cond, *limit, *offset;
    enum join_type join; bool natural, lateral; /* USING columns: `columns` */
    enum setop op; bool all, by_name, allow_missing;
    enum grouping grouping;
    struct str alias;
    struct str *columns; size_t column_count;
    struct str *new_columns;
    struct rel **ctes; struct str *cte_names; size_t cte_count; bool recursive;
    struct lit delay; bool outer, within_watermark, distinct /* PROJECT: SELECT DISTINCT */;
    double fraction; int64_t seed;
    bool having, qualify;              /* FILTER: HAVING over an AGGREGATE, QUALIFY over a PROJECT or AGGREGATE */
    bool has_seed, with_replacement;   /* SAMPLE */
    int64_t plan_id;                   /* a DataFrame's id, by which a COLUMN may name it; 0: none */
    uint16_t height;                   /* as expr.height */
    /* Filled by resolution: */
    const struct type *output;         /* struct of the output columns */
    void *bound;                       /* leaf: what the name callback gave */
};

struct expr *expr_new(struct arena *a, enum expr_kind kind, struct place at);
struct rel *rel_new(struct arena *a, enum rel_kind kind, struct place at);
void exprs_push(struct arena *a, struct exprs *list, struct expr *e);
struct expr *expr_call(struct arena *a, struct place at, const char *func, struct expr *x, struct expr *y); /* x, y may be NULL */
struct expr *expr_column(struct arena *a, struct place at, struct str name);
struct expr *expr_string(struct arena *a, struct place at, struct str s);
struct expr *expr_int(struct arena *a, struct place at, int64_t v);
/* Calls fn for each relation below and including `r`, also inside expressions' subqueries. */
void rel_visit(const struct rel *r, void (*fn)(void *ctx, const struct rel *r), void *ctx);
/* Calls fn for each :name or ? of an unresolved plan, at any depth; fn may put another node in its place. */
void rel_visit_params(const struct rel *r, void (*fn)(void *ctx, struct expr *param), void *ctx);
/* Does the plan read a streaming source? */
bool rel_is_streaming(const struct rel *r);
/* Same shape and values, names compared without case; places and types are not looked at. For
 * unresolved trees: GROUP BY expressions against the select list. */
bool expr_equal(const struct expr *x, const struct expr *y);
/* Height of a node from its direct children's; front ends call it when a node is complete. */
uint16_t expr_measure(const struct expr *e);
uint16_t rel_measure(const struct rel *r);
void expr_dump(struct buf *out, const struct expr *e); /* one line; subqueries as {…} */
/* An unresolved expression as Spark SQL that reads back as the same: (t.id = 5), (v LIKE 'a%'); subqueries as listquery(). */
void expr_sql(struct buf *out, const struct expr *e);
void plan_dump(struct buf *out, const struct rel *r);   /* indented text, for tests */
#endif
