/* spec -- spark-pipeline.yml: the description of a pipeline that Spark's own `spark-pipelines` runs.
 *
 *     name: shop                       required
 *     storage: file:///…/storage       accepted: here state is kept with the project's
 *     catalog: main                    default catalog
 *     database: shop                   default schema; `schema` is the same
 *     configuration: {key: value}
 *     libraries:                       files, relative to the description's folder
 *       - glob: {include: PATH}        a file, or a folder with "/" and two stars behind it
 *
 * Unknown keys are refused with the place and the keys that there are, as Spark refuses them. */
#ifndef PAYSTREAK_PIPELINES_SPEC_H
#define PAYSTREAK_PIPELINES_SPEC_H
#include "pipelines/pipelines.h"

enum { SPEC_MAX_BYTES = 1 << 20 };

/* Reads the description and lists its files, sorted, .sql and .py. Everything lives in the arena. */
int spec_read(struct arena *a, const char *file, struct pipeline_def *out, struct err *err) MUST_CHECK;
/* The names and texts of a `configuration`, of a bundle's pipeline too; NULL: none. A value
 * that is no text is refused, and empty in *out: what refers to it is no second error. */
int spec_configuration(struct arena *a, const struct doc *conf, struct options *out, struct err *err) MUST_CHECK;
#endif
