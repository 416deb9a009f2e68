/* flow -- one flow at work: tables set up, a batch run, a view refreshed. Blocking.
 *
 * A flow's runtime belongs to the worker that runs it; the loop never runs two steps of one flow, nor
 * two flows of one target, at a time. After an error the runtime is closed and read anew from disk
 * by the next step, so that memory never knows more than the disk does.
 *
 * A commit's commitInfo says what made it; restarts and the event log read it back:
 *   operationParameters  pipeline, flow, updateId; streaming: queryId, epochId;
 *                        view: queryHash, sources ({"<folder>": version, …})
 *   operationMetrics     numInputRows, droppedRecords,
 *                        expectations ([{"name":…,"dataset":…,"passed_records":…,"failed_records":…}]),
 *                        expectationTotals (the same, summed over the flow's batches) */
#ifndef PAYSTREAK_PIPELINES_FLOW_H
#define PAYSTREAK_PIPELINES_FLOW_H
#include "pipelines/bind.h"
#include "pipelines/expect.h"

enum { FLOW_VACUUM_EVERY_MS = 10 * 60 * 1000, FLOW_VIEW_RETENTION_MS = 60 * 60 * 1000 };
enum { FLOW_MAX_RECALL = 50 /* commits looked at for what the last run knew */, FLOW_TRIES = 10 };

struct tally { int64_t passed, failed; };

struct flow_runtime {
    struct arena *arena;
    const char *update_id;         /* of the step that runs */
    bool set_up;                   /* the target exists and its schema fits */
    bool opened;                   /* what is below is read */
    struct checkpoint cp;
    struct stream_sources sources;
    struct str *statics; size_t static_count;  /* folders of the tables read as they are */
    bool schema_pending;           /* a view: its table still has the columns of an older query */
    bool streams, rereads;         /* rereads: files or untracked relations: must be planned to be compared */
    bool moody;                    /* a view whose result changes by itself: current_date() */
    struct tally *totals;          /* one an expectation of the target */
    int64_t dropped_total;
    int64_t vacuumed_mono_us;      /* 0: not since the runtime was made */
    bool planned;                  /* a view: its text was compared with the last refresh of it */
    bool known;                    /* a view: `pins` and `hash` of its last refresh */
    uint64_t hash;
    struct arena *pin_arena;
    struct pin *pins; size_t pin_count;
};

struct flow_env {
    const struct model *m;
    bool (*will_exist)(void *ctx, struct str full_name);
    void *ctx;
    const char *update_id;         /* for commitInfo; NULL: none */
    bool triggered;                /* a view with current_date() and the like is computed anew */
};

/* What a step did. Plain values: handed from the worker to the loop. */
struct flow_result {
    bool progressed;               /* a commit was made */
    bool waiting;                  /* for a table that is not there: `reason` */
    bool failed;                   /* `err` */
    int64_t batch, version;
    int64_t input_rows, rows, dropped, table_rows;
    int64_t took_us;
    struct tp at;
    struct tally *tallies, *totals;/* of this step; in all. mem_free() both */
    size_t tally_count;
    int64_t dropped_total;
    char reason[300];
    struct err err;
};

/* Makes the flow's target (and all that its flows need) ready: creates or evolves the table,
 * publishes the view, opens the state. Idempotent. ERR_NOT_FOUND with `waiting` set: later. */
int flow_set_up(const struct flow_env *env, struct flow *f, struct session *s, bool *waiting, struct err *err) MUST_CHECK;
/* Runs the next batch or refresh, if there is anything to do; result in *r. */
void flow_step(const struct flow_env *env, struct flow *f, struct session *s, struct flow_result *r);
/* Empties the target and forgets the state. */
int flow_full_refresh(const struct flow_env *env, struct flow *f, struct session *s, struct err *err) MUST_CHECK;
void flow_close(struct flow *f);   /* drops what the runtime holds in memory */
/* A session for the pipeline's work: its schema, its settings. */
struct session *flow_session(const struct model *m, const struct pipeline *pl, bool make_schema, struct err *err) MUST_CHECK;

/* Plans the flow's query and checks what it gives: kind, append class, expectations, column list. Leaves
 * the target's schema in b->arena. Release the plan. */
int flow_plan(struct binding *b, const struct type **schema, struct session_plan *plan, struct err *err) MUST_CHECK;

/* flow_stream.c, flow_view.c: one step. 1: progressed, 0: nothing to do, -1: error. */
int stream_step(const struct flow_env *env, struct flow *f, struct session *s, struct flow_result *r, struct err *err) MUST_CHECK;
int view_step(const struct flow_env *env, struct flow *f, struct session *s, struct flow_result *r, struct err *err) MUST_CHECK;
/* Opens the flow's folder; with `fresh` (there is no table yet) makes it, if it is not there. */
int stream_open_state(struct flow *f, struct session *s, bool fresh, struct err *err) MUST_CHECK;
int stream_open(struct flow *f, struct session *s, struct err *err) MUST_CHECK;
int view_open(struct flow *f, struct session *s, struct err *err) MUST_CHECK;

/* commit_info.c: the texts above. */
struct doc *commit_parameters(struct arena *a, const struct flow *f, const char *mode);
struct doc *commit_metrics(struct arena *a, const struct flow *f, const struct checks *c);
/* Folds a batch's counts into the flow's totals. */
void commit_count(struct flow *f, const struct checks *c, bool add);
/* The newest commit of the target that this flow made: its commitInfo, NULL if none is found. */
const struct doc *commit_recall(struct arena *a, const struct flow *f, const struct lake_snapshot *snap, const char *key,
                                struct str value);
void commit_recall_totals(struct flow *f, const struct doc *info);
/* Reads one [{"name",…}] list into tallies by expectation name. */
void tallies_read(struct arena *a, const struct dataset *d, struct str json, struct tally *out);
#endif
