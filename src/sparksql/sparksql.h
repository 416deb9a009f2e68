/* sparksql -- Spark SQL and Databricks pipeline SQL: text in, statements and plans out. Pure.
 *
 * A hand-written lexer and recursive-descent/precedence parser over Spark's grammar
 * (SqlBaseParser.g4) with Databricks' pipeline statements. Errors are
 * "[PARSE_SYNTAX_ERROR] Syntax error at or near 'x': expected …" at file:line:col; a construct of
 * the grammar that the rest of the program does not run is still parsed and refused by name later. */
#ifndef PAYSTREAK_SPARKSQL_SPARKSQL_H
#define PAYSTREAK_SPARKSQL_SPARKSQL_H
#include "plan/plan.h"

enum stmt_kind {
    STMT_QUERY,             /* query */
    STMT_CREATE_TABLE,      /* name, columns, using, location, partitioned_by, comment, properties, query (CTAS), if_not_exists, or_replace, external */
    STMT_CREATE_VIEW,       /* name, columns, query, temporary, global, or_replace, if_not_exists, comment; query_text */
    STMT_CREATE_STREAMING_TABLE, STMT_CREATE_MATERIALIZED_VIEW, /* as CREATE_TABLE + expectations, private, query, flow */
    STMT_CREATE_PIPELINE_VIEW,   /* CREATE [OR REFRESH] [TEMPORARY] [STREAMING] LIVE VIEW: expectations allowed */
    STMT_CREATE_FLOW,       /* flow */
    STMT_CREATE_SCHEMA, STMT_CREATE_CATALOG, STMT_CREATE_VOLUME, STMT_CREATE_FUNCTION,
    STMT_DROP,              /* object ("TABLE", "VIEW", "SCHEMA", …), name, if_exists, cascade */
    STMT_INSERT,            /* name, columns, query, overwrite, by_name, replace_where, partition_spec */
    STMT_UPDATE, STMT_DELETE, STMT_MERGE,
    STMT_ALTER_TABLE, STMT_TRUNCATE, STMT_OPTIMIZE, STMT_VACUUM, STMT_RESTORE, STMT_COMMENT_ON,
    STMT_SHOW,              /* object ("TABLES","SCHEMAS","VIEWS","COLUMNS","CREATE TABLE","TBLPROPERTIES","FUNCTIONS","CATALOGS","PARTITIONS", "VOLUMES"), name, pattern */
    STMT_DESCRIBE,          /* name or query; extended, detail, history */
    STMT_EXPLAIN,           /* inner */
    STMT_USE,               /* name; object "CATALOG" or "SCHEMA" */
    STMT_SET, STMT_RESET,   /* key, value (NONE: show) */
    STMT_CACHE, STMT_UNCACHE, STMT_REFRESH, STMT_ANALYZE, STMT_MSCK, STMT_GRANT,
    STMT_DECLARE_VARIABLE, STMT_SET_VARIABLE, STMT_EXECUTE_IMMEDIATE,
    STMT_BEGIN, STMT_COMMIT, STMT_ROLLBACK
};

struct column_def { struct str name; const struct type *type; bool not_null; struct str comment; struct expr *default_value, *generated; bool identity; struct place at;
                    bool identity_by_default; int64_t identity_start, identity_step; /* 1 and 1 unless given */
                    struct str default_text, generated_text; /* as written */ };
enum on_violation { VIOLATION_WARN, VIOLATION_DROP, VIOLATION_FAIL };
struct expectation { struct str name; struct expr *cond; struct str cond_text; enum on_violation on; struct place at; };
enum flow_kind { FLOW_NONE, FLOW_INSERT, FLOW_AUTO_CDC, FLOW_REPLACE_WHERE };
struct cdc_spec { struct rel *source; struct exprs keys; struct expr *delete_when, *truncate_when, *sequence_by; bool ignore_null_updates;
                  struct exprs columns, except_columns, track, track_except; int scd_type; };
struct flow_def { enum flow_kind kind; struct names name, target; bool once, by_name; struct rel *query; struct cdc_spec cdc; struct str comment; struct expr *replace_where; };
struct merge_action { struct expr *cond; int when; /* 0 matched, 1 not matched, 2 not matched by source */ int op; /* 0 update, 1 delete, 2 insert */
                      bool star; struct exprs columns, values; };

struct stmt {
    enum stmt_kind kind;
    struct place at;
    struct str text;                 /* the statement's own source text */
    struct names name;
    struct str object, key, value, pattern, comment, using_format, location, query_text;
    bool or_replace, or_refresh, if_not_exists, if_exists, temporary, global, private_, external, overwrite, by_name,
         extended, detail, history, cascade, live /* legacy LIVE spelling */, has_columns_only /* view: names without types */;
    struct column_def *columns; size_t column_count;
    struct expectation *expectations; size_t expectation_count;
    struct str *constraints; size_t constraint_count;   /* PRIMARY KEY, FOREIGN KEY, CHECK: their text */
    struct exprs partitioned_by, cluster_by; bool cluster_auto;
    struct options properties, table_options;
    struct rel *query;
    struct flow_def flow;
    struct str schedule;             /* SCHEDULE / TRIGGER ON clause text, NONE if absent */
    struct expr *where; struct exprs assignments_to, assignments_value;   /* UPDATE, DELETE */
    struct rel *target, *source; struct merge_action *actions; size_t action_count; struct expr *on; /* MERGE */
    struct options partition_spec;
    struct stmt *inner;
    struct exprs args;
    struct str action;               /* ALTER TABLE …: "ADD COLUMNS", "SET TBLPROPERTIES", … */
    struct names rename_to;          /* ALTER … RENAME TO; CREATE TABLE … LIKE / CLONE: the table copied */
    bool schema_evolution;           /* INSERT, MERGE … WITH SCHEMA EVOLUTION */
    const struct type *returns;      /* CREATE FUNCTION: of the scalar in args[0] */
    bool full, dry_run;              /* REFRESH … FULL, OPTIMIZE … FULL; VACUUM … DRY RUN */
    struct expr *version, *timestamp;/* RESTORE … TO VERSION | TIMESTAMP AS OF */
    struct str position;             /* ALTER … ADD | ALTER COLUMN: "FIRST" or "AFTER name" */
};
struct stmts { struct stmt **items; size_t count, cap; };

/* All statements of a script, `;` between them. `file` names it in errors and places; `line`
 * is the number of the text's first line in that file (notebook cells), normally 1. */
int sparksql_parse(struct arena *a, const char *file, int line, struct str text, struct stmts *out, struct err *err) MUST_CHECK;
/* The same with the values of :name parameters where the grammar itself needs them: IDENTIFIER(:name || '.t').
 * Everywhere else a parameter stays an EXPR_PARAM. `get` false: unknown. NULL params: none is known. */
struct sparksql_params { bool (*get)(void *ctx, struct str name, struct str *value); void *ctx; };
int sparksql_parse_params(struct arena *a, const char *file, int line, struct str text, const struct sparksql_params *params,
                          struct stmts *out, struct err *err) MUST_CHECK;
/* One query (no `;`), one expression, one column list or type in DDL. */
struct rel *sparksql_query(struct arena *a, const char *file, struct str text, struct err *err) MUST_CHECK;
struct expr *sparksql_expr(struct arena *a, const char *file, struct str text, struct err *err) MUST_CHECK;
/* `${key}` replaced from `get`, also inside strings and quotes, as Databricks pipelines do before parsing; unknown
 * keys are left alone. Line numbers are kept. */
void sparksql_substitute(struct buf *out, struct str text, bool (*get)(void *ctx, struct str key, struct str *value), void *ctx);
/* `{{key}}`, as SQL files of jobs write their parameters: a value is a string literal, as Databricks makes it one
 * (USE CATALOG {{catalog}}, IDENTIFIER({{catalog}} || '.t')); inside quotes it is the text alone, quoted as they need.
 * Comments are left alone. */
void sparksql_substitute_braces(struct buf *out, struct str text, bool (*get)(void *ctx, struct str key, struct str *value), void *ctx);
/* A Databricks notebook source file (.sql) as cells: text without `-- MAGIC`, `-- COMMAND ----------` separators. */
struct cell { struct str text; int line; bool magic; struct str language /* of %md, %python … */; };
int64_t sparksql_cells(struct arena *a, struct str text, struct cell **cells);
const char *stmt_kind_name(enum stmt_kind kind);
void stmt_dump(struct buf *out, const struct stmt *s);   /* for tests: what is set, and the plan */
#endif
