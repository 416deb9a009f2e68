/* merge -- one tree over another, as a bundle's target over its top level. Pure. */
#ifndef PAYSTREAK_JOBS_MERGE_H
#define PAYSTREAK_JOBS_MERGE_H
#include "base/base.h"

/* A new tree: maps merge, scalars and kinds that differ are replaced by `over`, lists append.
 * Elements of tasks, job_clusters, parameters and clusters merge by their key. NULLs allowed. */
struct doc *bundle_merge(struct arena *a, const struct doc *base, const struct doc *over);
/* A deep copy of containers; leaves are shared. */
struct doc *bundle_copy(struct arena *a, const struct doc *d);
#endif
