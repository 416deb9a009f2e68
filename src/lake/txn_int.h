/* txn_int -- a transaction's state, shared by txn.c, rows.c and commit.c. */
#ifndef PAYSTREAK_LAKE_TXN_INT_H
#define PAYSTREAK_LAKE_TXN_INT_H
#include "lake/log_int.h"
#include "lake/write.h"

struct lake_txn {
    struct arena *arena;
    struct lake_table *table;
    struct duck_conn *conn;
    struct lake_snapshot *snap;       /* NULL: no table yet */
    struct lake_meta meta;            /* what the commit leaves */
    struct lake_protocol protocol;
    bool meta_changed, protocol_changed;
    bool overwrite, read_all;
    struct lake_file *adds;
    size_t add_count, add_cap;
    struct lake_file *removes;
    size_t remove_count, remove_cap;
    struct lake_app_txn *apps;
    size_t app_count, app_cap;
    char **written;                   /* full paths of files made here */
    size_t written_count, written_cap;
    int64_t rows, bytes;
    const char *operation;
    const struct doc *parameters, *metrics;
    bool landed;                      /* the commit file is linked: nothing may be deleted any more */
};

/* Sets meta.schema and schema_json. */
void txn_set_schema(struct lake_txn *x, const struct type *schema);
/* Raises the protocol to what schema and properties need; ERR_UNSUPPORTED by name. */
int txn_settle_protocol(struct lake_txn *x, struct err *err) MUST_CHECK;

/* ---- stats.c: what COPY … RETURN_STATS says, as Delta's stats and partition values */
int stats_put(struct buf *out, const struct type *schema, const struct lake_meta *meta, int64_t rows,
              const struct doc *columns, struct err *err) MUST_CHECK;
/* A partition value as DuckDB prints it, in Delta's form. */
struct str stats_partition_value(struct arena *a, const struct type *t, struct str text);
#endif
