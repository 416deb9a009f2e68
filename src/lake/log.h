/* log -- a Delta table's log: actions, snapshots, and what changed between versions.
 *
 * A `struct lake_table` is a handle on one table folder. It remembers the newest version it has
 * replayed, so asking for the latest snapshot costs one failed open when nothing is new and one
 * small file read per new commit. A `struct lake_snapshot` is an immutable view of one version,
 * counted by references, readable from any thread while a reference is held.
 *
 * Threads: a lake_table may be used from several workers, it locks itself. All calls block. A
 * duck_conn is needed only where a checkpoint (Parquet) may have to be read. */
#ifndef PAYSTREAK_LAKE_LOG_H
#define PAYSTREAK_LAKE_LOG_H
#include "duck/duck.h"
#include "plan/type.h"

struct lake_pair { struct str key, value; bool is_null; };
struct lake_pairs { struct lake_pair *items; size_t count; };

/* A deletion vector's descriptor. A table may have millions of files: members are as wide as they must be. */
struct lake_dv {
    struct str path_or_inline;
    uint32_t offset, size_bytes;
    int64_t cardinality : 56;
    char storage : 8;             /* 'u', 'p', 'i'; 0: there is none */
};

/* Statistics: JSON text, empty if there are none, or what is left of it beside a shape (stats_pack.h): lake_file_stats() reads both. */
struct stats_shape;
struct lake_stats { struct str text; const struct stats_shape *shape; };
#define LAKE_STATS(json) ((struct lake_stats){.text = (json)})

/* One data file: an add action, a remove, or a change data file (cdc). */
struct lake_file {
    struct str path;              /* as logged: a URI, percent-encoded, relative or absolute */
    struct lake_pairs partition;  /* by physical column name; text as logged */
    int64_t size, modified_ms;
    int64_t rows;                 /* numRecords of the stats less deleted ones; -1 unknown */
    struct lake_stats stats;
    struct lake_dv dv;
    int64_t deleted_ms;           /* remove: deletionTimestamp, else 0 */
    int64_t version : 56;         /* the commit that added (or removed) it; -1: from a checkpoint */
    bool data_change : 1;
    struct str extra;             /* members we only carry on: `,"baseRowId":1,"tags":{…}` or empty */
};

struct lake_app_txn { struct str app_id; int64_t version, updated_ms; };

enum lake_mapping { LAKE_MAP_NONE, LAKE_MAP_NAME, LAKE_MAP_ID };

struct store_pins;
struct lake_snapshot {            /* read-only for everybody but log.c */
    const char *dir;              /* absolute folder of the table or its address (store.h), no slash at the end */
    struct store_pins *pins;      /* remote files that scans of this snapshot fetched */
    int64_t version;
    int64_t timestamp_ms;         /* of the commit: inCommitTimestamp, else the file's mtime */
    struct str id, name, description;
    int64_t created_ms;
    const struct type *schema;    /* struct, partition columns included, metadata kept in fields */
    struct str schema_json;
    struct str *partition_columns;
    size_t partition_count;
    struct lake_pairs properties; /* metaData.configuration */
    int min_reader, min_writer;
    struct str *reader_features, *writer_features;
    size_t reader_feature_count, writer_feature_count;
    enum lake_mapping mapping;
    struct lake_file **files;     /* live ones, in order of arrival */
    size_t file_count;
    struct lake_app_txn *txns;
    size_t txn_count;
    struct lake_pairs domains;    /* domainMetadata: configuration by domain, live ones */
    int64_t rows;                 /* sum over files; -1 if one is unknown */
    int64_t size;
};

struct lake_table;                /* opaque */
struct lake_table *lake_table_open(const char *dir);  /* no I/O; caller owns: lake_table_close() */
void lake_table_close(struct lake_table *t);          /* NULL is allowed; snapshots stay valid */
const char *lake_table_dir(const struct lake_table *t);

/* The newest version, a reference for the caller. Errors: ERR_NOT_FOUND (no table there),
 * ERR_UNSUPPORTED (a reader feature, by name), ERR_CORRUPT (a gap, a missing protocol …). */
struct lake_snapshot *lake_table_latest(struct lake_table *t, struct duck_conn *c, struct err *err) MUST_CHECK;
struct lake_snapshot *lake_table_at(struct lake_table *t, struct duck_conn *c, int64_t version, struct err *err) MUST_CHECK;
/* The last version not after `when`; ERR_NOT_FOUND names the earliest one there is. */
struct lake_snapshot *lake_table_at_time(struct lake_table *t, struct duck_conn *c, struct tp when, struct err *err) MUST_CHECK;
struct lake_snapshot *lake_snapshot_ref(struct lake_snapshot *s);
void lake_snapshot_unref(struct lake_snapshot *s);    /* NULL is allowed */

bool lake_is_table(const char *dir);                  /* has a _delta_log with a commit or checkpoint */
struct str lake_property(const struct lake_snapshot *s, const char *key);  /* empty if unset */
bool lake_property_bool(const struct lake_snapshot *s, const char *key, bool otherwise);
/* The last version that `app_id` committed; false if none: its batch is new. */
bool lake_app_version(const struct lake_snapshot *s, struct str app_id, int64_t *version);
/* The statistics' JSON text, made in the arena where it is packed; empty if the file has none. */
struct str lake_file_stats(struct arena *a, const struct lake_file *f);
/* Appends them as a JSON value; null if there are none, or none that are JSON. */
void lake_file_put_stats(struct buf *out, const struct lake_file *f);
bool lake_is_partition(const struct lake_snapshot *s, struct str column);
/* Its value of a partition column (by physical name), NULL if it has none. */
const struct lake_pair *lake_partition_value(const struct lake_file *f, struct str physical);
/* The name of a column in data files and partitionValues: differs with column mapping. */
struct str lake_physical_name(const struct lake_snapshot *s, const struct type_field *f);
/* The local path of a logged one: percent-decoded, made absolute below `dir`. */
char *lake_file_path(struct arena *a, const char *dir, struct str logged);

/* What one commit did, for streaming reads and history. */
struct lake_change {
    int64_t version, timestamp_ms;
    struct lake_file *adds, *removes, *cdc;
    size_t add_count, remove_count, cdc_count;
    const struct doc *info;       /* commitInfo object, NULL if none */
    bool sets_metadata, sets_protocol;
    const struct doc *metadata;   /* metaData object if set */
    struct lake_app_txn *txns;
    size_t txn_count;
    struct lake_pairs domains;    /* domainMetadata: configuration by domain; is_null: removed */
};
/* Commits from `from` to `to`, both included, ascending; stops at the newest. Returns the count or
 * -1; ERR_NOT_FOUND if `from` exists no more (its log was cleaned: failOnDataLoss). In the arena. */
int64_t lake_changes(struct arena *a, const char *dir, int64_t from, int64_t to, struct lake_change **out,
                     struct err *err) MUST_CHECK;
/* Versions of the commits that are still there, ascending. Returns the count or -1. */
int64_t lake_versions(struct arena *a, const char *dir, int64_t **out, struct err *err) MUST_CHECK;
#endif
