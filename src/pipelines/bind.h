/* bind -- the leaves of a flow's query: which are streams, datasets, tables, views or files.
 *
 * A `struct binding` is one planning of one query. It is the session's hook: every named table is
 * looked up here, in the scope of the statement that names it, and pinned to one version, which the
 * binding notes, so that a view knows when it is stale and a batch can be repeated over the same
 * data. Streams are kept in `sources`, found again by key in the next planning.
 *
 * Modes: CHECK resolves against schemas computed so far, no table need exist; SET_UP and RUN read
 * the tables that are there. A table that is not there but will be is `missing`: the planning fails
 * with ERR_NOT_FOUND and its flow waits. In SET_UP streams print as empty relations.
 *
 * Thread: the worker that owns `session`. */
#ifndef PAYSTREAK_PIPELINES_BIND_H
#define PAYSTREAK_PIPELINES_BIND_H
#include "pipelines/source.h"

enum bind_mode { BIND_CHECK, BIND_SET_UP, BIND_RUN };
struct bound_table { struct str dir, full; struct lake_snapshot *snapshot; /* reference */ };

struct stream_sources { struct stream_source **items; size_t count, cap; };

struct binding {
    const struct model *m;
    struct session *session;
    const struct flow *flow;
    enum bind_mode mode;
    struct arena *arena;                   /* of this planning */
    struct arena *runtime;                 /* of the flow: new sources live here */
    struct stream_sources *sources;
    const struct type *const *schemas;     /* CHECK: by dataset order; NULL where unknown */
    const struct batch_plan *replay;       /* pins to repeat; NULL: newest versions */
    bool (*will_exist)(void *ctx, struct str full_name);
    void *ctx;
    struct session_hook hook;              /* give &b.hook to session_plan() */
    /* Out: */
    struct bound_table *tables; size_t table_count, table_cap;  /* static ones and those under streams */
    uint64_t hash;                         /* of the query's text, its views' and the lists of its files */
    bool reads_files;                      /* static ones */
    bool untracked;                        /* reads something whose changes are not seen */
    bool upstream_failed;                  /* CHECK: a dataset it reads has no schema */
    struct str missing;                    /* the table that is not there yet */
    struct query_scope **views; size_t view_count, view_cap;
};
/* `b` zeroed but for its inputs. */
void bind_begin(struct binding *b, struct tp now);
void bind_end(struct binding *b);          /* drops the references */
#endif
