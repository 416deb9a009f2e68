/* dynamic -- {{…}} value references of a job: job.id, job.name, job.run_id, job.start_time.iso_date,
 * job.parameters.X, job.trigger.type, task.name, task.run_id, task.execution_count,
 * tasks.T.result_state, tasks.T.values.K. Pure.
 *
 * Braces that hold no reference of a known namespace are literal text; an unknown name in a known
 * namespace is an error, as on Databricks. */
#ifndef PAYSTREAK_JOBS_DYNAMIC_H
#define PAYSTREAK_JOBS_DYNAMIC_H
#include "base/base.h"

/* Gives a reference's value; false: unknown. */
typedef bool (*dynamic_fn)(void *ctx, struct str path, struct str *value);
/* The same for {{input}} and {{input.X}} of a for_each_task, which dynamic_replace() lets stand. */
struct doc *dynamic_input(struct arena *a, const struct doc *d, dynamic_fn get, void *ctx, struct err *err) MUST_CHECK;
struct doc *dynamic_replace(struct arena *a, const struct doc *d, dynamic_fn get, void *ctx, struct err *err) MUST_CHECK;
#endif
