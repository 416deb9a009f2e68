/* log_int -- what log.c, action.c, replay.c, segment.c and checkpoint.c share.
 *
 * Memory. A replay is the mutable state of one table; its files, names and types live in leaves:
 * arenas counted by references, into which only the replay's owner allocates. A snapshot takes a
 * reference on each leaf and an array of its own with pointers to the live files, so the replay may
 * go on while snapshots are read elsewhere. When most of what leaves hold is dead, the live part is
 * copied into a new one. */
#ifndef PAYSTREAK_LAKE_LOG_INT_H
#define PAYSTREAK_LAKE_LOG_INT_H
#include "lake/file_index.h"
#include "lake/place.h"
#include "lake/stats_pack.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    LAKE_VERSION_DIGITS = 20,
    LAKE_LEAF_BYTES = 1 << 20,            /* a fuller leaf is followed by a new one */
    LAKE_COMMIT_MAX_BYTES = 1 << 30,
    LAKE_LOG_MAX_BYTES_PER_LEAF_MB = 16384,
};
#define LAKE_LOG_DIR "_delta_log"

struct leaf { atomic_int refs; struct arena *arena; };

struct lake_protocol {
    int min_reader, min_writer;           /* 0: not seen yet */
    struct str *reader_features, *writer_features;
    size_t reader_feature_count, writer_feature_count;
};

struct lake_meta {
    struct str id, name, description, provider;
    int64_t created_ms;                   /* -1: absent */
    const struct type *schema;            /* NULL: not seen yet */
    struct str schema_json;
    struct str *partition_columns;
    size_t partition_count;
    struct lake_pairs properties;
};

struct replay {
    char *dir;
    int64_t version, timestamp_ms;        /* version -1: nothing replayed */
    struct store_mark commit_mark;        /* of that version's commit file: tells whether it is still the same */
    struct leaf **leaves;
    size_t leaf_count, leaf_cap;
    struct file_index files, tombs;       /* live ones, removes */
    struct stats_packer packer;           /* of the statistics of files in the leaves */
    struct map *pairs;                    /* partition values that many files have alike → struct lake_pairs in a leaf */
    struct lake_pairs last_pairs;
    struct buf pairs_key;
    struct arena *scratch;                /* of the file that is being applied */
    struct map *txns;                     /* appId → struct lake_app_txn */
    struct map *domains;                  /* domain → struct lake_pair */
    struct lake_protocol protocol;
    struct lake_meta meta;
    size_t dead;                          /* files dropped since the last compaction of leaves */
    int64_t checkpoint_version;           /* the one replay started from; -1: none */
};

void replay_init(struct replay *r, const char *dir);
void replay_release(struct replay *r);
struct arena *replay_arena(struct replay *r); /* of the newest leaf */
/* Applies one action line, parsed. `version` -1: from a checkpoint. */
int replay_apply(struct replay *r, const struct doc *line, int64_t version, struct err *err) MUST_CHECK;
/* Applies an add or remove; keeps a copy. */
void replay_put_file(struct replay *r, const struct lake_file *f, bool removed);
/* The same for many adds: each is kept, then all are put at once. */
struct lake_file *replay_keep(struct replay *r, const struct lake_file *f);
void replay_put_adds(struct replay *r, struct lake_file **kept, size_t count);
/* Applies a whole commit or JSON checkpoint; *ict_ms gets inCommitTimestamp or -1. */
int replay_apply_text(struct replay *r, struct str text, int64_t version, int64_t *ict_ms, struct err *err) MUST_CHECK;
void replay_compact(struct replay *r);     /* if it is worth it */
/* A handle's own reference, which does not count as a reader. */
struct lake_snapshot *snapshot_keep(struct lake_snapshot *s);
void snapshot_let_go(struct lake_snapshot *s); /* NULL is allowed */
struct lake_snapshot *replay_snapshot(struct replay *r, struct err *err) MUST_CHECK;

/* ---- actions */
int action_file(struct arena *a, const struct doc *d, int64_t version, struct lake_file *out, struct err *err) MUST_CHECK;
/* A copy of a file in one piece, its statistics packed; `pairs`, its partition's values, are in the same arena already. */
struct lake_file *action_file_pack(struct arena *a, struct stats_packer *p, const struct lake_file *f, struct lake_pairs pairs);
struct lake_file *action_file_copy(struct arena *a, const struct lake_file *f); /* nothing shared */
/* Members of an add as a checkpoint's columns lack them, from JSON of them. */
int action_file_rest(struct arena *a, struct str json, struct lake_file *out, struct err *err) MUST_CHECK;
struct lake_pairs action_pairs_copy(struct arena *a, struct lake_pairs from);
int action_meta(struct arena *a, const struct doc *d, struct lake_meta *out, struct err *err) MUST_CHECK;
int action_protocol(struct arena *a, const struct doc *d, struct lake_protocol *out, struct err *err) MUST_CHECK;
int action_txn(struct arena *a, const struct doc *d, struct lake_app_txn *out, struct err *err) MUST_CHECK;
void action_meta_copy(struct arena *a, const struct lake_meta *m, struct lake_meta *out);
void action_protocol_copy(struct arena *a, const struct lake_protocol *p, struct lake_protocol *out);
/* What identifies a logical file: canonical path and deletion vector. Appends to `out`. */
void action_file_key(struct buf *out, const struct lake_file *f);
/* The other way: action lines, each with its newline. */
void action_put_add(struct buf *out, const struct lake_file *f);
void action_put_remove(struct buf *out, const struct lake_file *f);
void action_put_txn(struct buf *out, const struct lake_app_txn *t);
void action_put_meta(struct buf *out, const struct lake_meta *m);
void action_put_protocol(struct buf *out, const struct lake_protocol *p);
/* The same without the {"add":…} around, for checkpoints. */
void action_put_file_body(struct buf *out, const struct lake_file *f, bool remove);
void action_put_meta_body(struct buf *out, const struct lake_meta *m);
void action_put_protocol_body(struct buf *out, const struct lake_protocol *p);

/* ---- the log folder */
struct checkpoint {
    int64_t version;
    struct store_want *files;             /* in order of parts; sizes only where they are remote */
    size_t count;
    bool json;
};
struct segment {                          /* what to read for a version */
    struct checkpoint checkpoint;         /* version -1: none */
    int64_t first_commit, last_commit;    /* last < first: no commit after the checkpoint */
};
/* Lists the log. `target` -1: the newest. Errors: ERR_NOT_FOUND, ERR_CORRUPT on gaps. */
int segment_find(struct arena *a, struct store *s, int64_t target, struct segment *out, struct err *err) MUST_CHECK;
/* "_delta_log/00000000000000000012.json" */
enum { COMMIT_NAME = 48 };
const char *commit_name(int64_t version, char out[COMMIT_NAME]);
/* The version in a commit's file name, or -1. */
int64_t commit_version(const char *name);

/* ---- checkpoints */
int checkpoint_read(struct replay *r, const struct checkpoint *k, struct duck_conn *c, struct err *err) MUST_CHECK;

/* ---- protocol */
int protocol_can_read(const struct lake_protocol *p, const struct lake_meta *m, struct err *err) MUST_CHECK;
int protocol_can_write(const struct lake_snapshot *s, struct err *err) MUST_CHECK;

/* "interval 7 days", "interval 1 hour 30 minutes": milliseconds. */
int64_t lake_interval_ms(struct str text, int64_t otherwise);

/* ---- the handle, for commit.c, checkpoint_write.c and maintain.c */
struct lake_table {
    char *dir;
    pthread_mutex_t lock;
    struct replay replay;                 /* the newest version seen */
    bool loaded;
    struct lake_snapshot *latest;         /* of `replay`, one reference; NULL: stale */
    struct store *store;                  /* shared; NULL: not asked for yet */
    int64_t hint_mtime_us;                /* of _last_checkpoint when we last listed the log */
    pthread_mutex_t commit_lock;          /* commits of this process through this handle take turns */
};
#endif
