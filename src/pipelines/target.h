/* target -- a flow's table: its schema, its making, its emptying; a view's place in the catalog.
 *
 * A table that a pipeline made carries `pipelines.pipelineId` in its properties, and the query id of
 * each flow that writes into it as `paystreak.flow.<flow>`. A table that is there without the first, or
 * with another's, is never touched.
 *
 * Thread: a worker. All calls block. */
#ifndef PAYSTREAK_PIPELINES_TARGET_H
#define PAYSTREAK_PIPELINES_TARGET_H
#include "lake/write.h"
#include "pipelines/flow.h"

#define TARGET_OWNER "pipelines.pipelineId"
#define LOG_RETENTION "delta.logRetentionDuration"
#define TARGET_FLOW "paystreak.flow."

/* The flow's query; with the names of a column list that has no types. */
const struct rel *target_query(const struct flow *f, struct arena *a);
/* The table's schema for a query of this output: the declared columns, else the query's. */
int target_schema(const struct dataset *d, const struct type *output, struct arena *a, const struct type **schema,
                  struct err *err) MUST_CHECK;
bool target_is_declared(const struct dataset *d);
int target_spec(const struct dataset *d, const struct type *schema, struct arena *a, struct lake_spec *spec,
                struct err *err) MUST_CHECK;
struct str target_flow_key(const struct flow *f, struct arena *a);   /* property that holds its query id */
/* Makes the table (with `note` among its properties, if it has a key), or adds the columns that it lacks. 1: a view's columns are of other types; its next
 * refresh replaces schema and rows in one commit. */
int target_set_up(const struct model *m, const struct dataset *d, const struct type *schema, struct session *s,
                  struct lake_pair note, struct err *err) MUST_CHECK;
int target_publish_view(const struct model *m, const struct dataset *d, const struct type *schema, struct err *err) MUST_CHECK;
/* Removes all rows and forgets the flows that wrote them, in one commit. */
int target_empty(const struct model *m, const struct dataset *d, struct session *s, struct err *err) MUST_CHECK;
/* Notes which query id a flow writes with. */
int target_note_flow(const struct flow *f, struct session *s, struct str id, struct err *err) MUST_CHECK;
char *target_state_dir(const struct model *m, struct arena *a, const struct flow *f);
#endif
