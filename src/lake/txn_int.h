/* txn_int -- a transaction's state, shared by the files that fill it and those that commit it. */
#ifndef PAYSTREAK_LAKE_TXN_INT_H
#define PAYSTREAK_LAKE_TXN_INT_H
#include "lake/dml.h"
#include "lake/log_int.h"

#define ROW_TRACKING_DOMAIN "delta.rowTracking"
#define CLUSTERING_DOMAIN "delta.clustering"
#define CHANGE_DIR "_change_data"
#define CHANGE_COLUMN "_change_type"

struct txn_files { struct lake_file *items; size_t count, cap; };
struct txn_domain { struct str name, configuration; bool removed; };

struct lake_txn {
    struct arena *arena;
    struct lake_table *table;
    const char *dir;                  /* where its files are made: the table's folder, or a stage of the cache */
    struct duck_conn *conn;
    struct lake_snapshot *snap;       /* NULL: no table yet */
    struct lake_meta meta;            /* what the commit leaves */
    struct lake_protocol protocol;
    bool meta_changed, protocol_changed;
    bool overwrite, read_all;
    struct str *reads;                /* DuckDB conditions over t: the rows that were read */
    size_t read_count, read_cap;
    struct lake_file *adds;
    size_t add_count, add_cap;
    struct lake_file *removes;
    size_t remove_count, remove_cap;
    struct txn_files changes;         /* cdc */
    struct lake_app_txn *apps;
    size_t app_count, app_cap;
    struct txn_domain *domains;
    size_t domain_count, domain_cap;
    char **written;                   /* full paths of files made here */
    size_t written_count, written_cap;
    bool uploaded;                    /* they began to go up to the store */
    int64_t rows, bytes;
    const char *operation;
    const struct doc *parameters, *metrics;
    bool own_metrics;                 /* `metrics` are all there are */
    bool identity_given;              /* rows got values of identity columns */
    bool checkpoint;                  /* write one after the commit: a feature was dropped */
    bool landed;                      /* the commit file is linked: nothing may be deleted any more */
    bool unknown;                     /* the outcome of the commit is not known: nothing may be deleted either */
    struct str temps[4];              /* temporary tables of this transaction, by name */
    size_t temp_count;
    char id[UUID_TEXT];               /* commitInfo.txnId */
    /* of the versions up to the one before ours, for what is numbered on from them */
    int64_t last_ms, row_id_mark;
};

/* Sets meta.schema and schema_json. */
void txn_set_schema(struct lake_txn *x, const struct type *schema);
/* Raises the protocol to what schema and properties need; ERR_UNSUPPORTED by name. */
int txn_settle_protocol(struct lake_txn *x, struct err *err) MUST_CHECK;
/* The protocol gets a table feature: by number while that says enough, else by name. */
void txn_need_feature(struct lake_txn *x, const char *feature);
bool txn_has_feature(const struct lake_txn *x, const char *feature);

struct str meta_property(const struct lake_meta *m, const char *key); /* empty if unset */
bool meta_property_bool(const struct lake_meta *m, const char *key);
void txn_put_property(struct lake_txn *x, const char *key, struct str value); /* ptr NULL: unset */
bool meta_is_partition(const struct lake_meta *m, struct str column);
enum lake_mapping meta_mapping(const struct lake_meta *m);
/* The name of a column in data files. */
struct str meta_physical(const struct lake_meta *m, const struct type_field *f);
/* The snapshot with the schema and properties that the transaction leaves: to read rows in their new form. */
struct lake_snapshot txn_view(const struct lake_txn *x);

/* Documents of a field's metadata: a copy of `old` (may be NULL) with one member set; value NULL: without it. */
const struct doc *metadata_with(struct arena *a, const struct doc *old, const char *key, const struct doc *value);
struct str metadata_str(const struct type_field *f, const char *key);   /* empty if absent */

/* ---- protocol.c */
bool feature_known(struct str name);
const char *feature_name(struct str name);                              /* as spelled by Delta, NULL if unknown */
bool schema_any(const struct type *t, bool (*is)(const struct type_field *)); /* a field, nested ones too */
/* Takes a feature out; the numbers go down as far as what is left allows. */
void protocol_drop(struct lake_txn *x, const char *feature);

/* ---- mapping.c: column ids and physical names */
int mapping_settle(struct lake_txn *x, struct err *err) MUST_CHECK;
/* FIELD_IDS of a COPY, empty without column mapping. */
void mapping_put_field_ids(struct buf *sql, const struct lake_meta *m);
/* `expr` of a logical type as one with physical names. */
void mapping_put_physical(struct arena *a, struct buf *sql, const struct lake_meta *m, const struct type *t, const char *expr);

/* ---- props.c: table properties that we know, what they may be */
int property_check(struct str key, struct str value, struct err *err) MUST_CHECK;

/* ---- constraint.c: what every row that is written must meet, and the columns that are computed */
int expr_print(struct lake_txn *x, struct str spark, const char *what, struct str name, const struct type *schema, const char *alias,
               struct buf *duck, struct err *err) MUST_CHECK;
bool field_is_generated(const struct type_field *f);
bool field_is_identity(const struct type_field *f);
/* A name of DuckDB's for a table of this transaction, dropped with it. */
struct str txn_temp(struct lake_txn *x, const char *what);
/* CASE … END that is `b."column"`, or an error if the row breaks a rule: the first column written carries all checks. */
int constraint_put_checks(struct lake_txn *x, struct buf *sql, struct str column, const struct type *given, struct err *err) MUST_CHECK;
/* A column's default as text of its type: its CURRENT_DEFAULT or NULL. */
int default_put(struct lake_txn *x, const struct type_field *f, struct buf *sql, struct err *err) MUST_CHECK;
/* After files were written: identity columns' marks move to the last value given. */
int identity_settle(struct lake_txn *x, struct err *err) MUST_CHECK;

/* ---- rows.c */
enum rows_kind { ROWS_DATA, ROWS_CHANGES };
struct rows_opts {
    struct lake_write_opts pub;
    enum rows_kind kind;
    bool dml;                         /* rows of ours: identity values may be there, NULL ones are made; types settled */
    bool row_ids;                     /* the SELECT has _lake_row_id and _lake_row_version, to be kept with the rows */
    bool forget;                      /* metrics: do not count the rows as output */
};
/* A property that is a size: "134217728", "128mb"; 0 if it is none. */
int64_t property_bytes(struct str v);
int64_t rows_write(struct lake_txn *x, struct str select_sql, const struct rows_opts *o, struct err *err) MUST_CHECK;
void txn_wrote(struct lake_txn *x, char *path);

/* ---- stats.c: what COPY … RETURN_STATS says, as Delta's stats and partition values */
int stats_put(struct buf *out, const struct type *schema, const struct lake_meta *meta, int64_t rows,
              const struct doc *columns, struct err *err) MUST_CHECK;
/* The stats of a file whose rows a deletion vector hides: its bounds are wide now. */
struct str stats_loosened(struct arena *a, struct str stats, int64_t physical_rows);
/* A partition value as DuckDB prints it, in Delta's form. */
struct str stats_partition_value(struct arena *a, const struct type *t, struct str text);

/* ---- commit_text.c */
void commit_put(struct buf *out, struct lake_txn *x, int64_t version);
bool commit_depends_on_version(const struct lake_txn *x);

/* ---- conflict.c */
/* Checks the commits from *next on and moves *next past them. */
int conflict_check(struct lake_txn *x, int64_t *next, struct err *err) MUST_CHECK;

/* ---- commit.c, for append.c */
int commit_check_before(const struct lake_txn *x, struct err *err) MUST_CHECK;
/* Files written for a remote store go up to it, if they did not yet. */
int commit_upload(struct lake_txn *x, struct err *err) MUST_CHECK;
#endif
