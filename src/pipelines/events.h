/* events -- a pipeline's event log: the Delta table <catalog>.<schema>.event_log_<pipeline>.
 *
 * Columns, types and texts are Databricks', as far as there is something to say:
 *   id, sequence{control_plane_seq_no, data_plane_id{instance, seq_no}},
 *   origin{pipeline_id, pipeline_name, update_id, table_name, dataset_name, flow_id, flow_name, batch_id},
 *   timestamp, message, level, maturity_level, error{fatal, exceptions[{class_name, message}]}, details (JSON), event_type
 *
 * What flows did (flow_progress with metrics and data_quality, planning_information) is read from the
 * commits of their tables: a flush looks at those since the last one and notes, in the same commit, up
 * to which version of each table it has come (txn appId "event_log.<table id>"). So an event of a commit is
 * there once, whatever crashes. What is no commit (updates, definitions, failures) waits in memory for
 * the next flush and is lost with the process.
 *
 * A flush is one commit, made at the end of an update, each EVENTS_FLUSH_MS of a continuous pipeline in
 * which something happened, and at the stop. Threads: loop thread, the flush's body on a worker. */
#ifndef PAYSTREAK_PIPELINES_EVENTS_H
#define PAYSTREAK_PIPELINES_EVENTS_H
#include "pipelines/model.h"

struct pipelines;
struct flow_env;
enum { EVENTS_FLUSH_MS = 5000, EVENTS_MAX_QUEUED = 10000, EVENTS_MAX_COMMITS = 1000 /* of one table in a flush */ };

struct event {                     /* texts are copied by events_add() */
    const char *type, *level;
    struct str message, details, flow, dataset;
    const struct err *error;
};
void events_add(struct pipeline *pl, const struct event *e);
/* Definitions of a pipeline's flows, and that an update began. */
void events_begin(struct pipeline *pl, const char *cause);
void events_update_state(struct pipeline *pl, const char *state);
void events_flow_state(struct pipeline *pl, const struct flow *f, const char *state, const struct err *err);
/* Writes what is queued and what was committed; `done` (NULL allowed) follows on the loop. */
void events_flush(struct pipelines *p, struct pipeline *pl, void (*done)(void *arg), void *arg);
void events_drop(struct pipeline *pl); /* at the end: frees the queue */
#endif
