/* task -- "pipeline_task" of jobs: an update of a pipeline, started, awaited, canceled. Loop thread. */
#ifndef PAYSTREAK_PIPELINES_TASK_H
#define PAYSTREAK_PIPELINES_TASK_H
#include "pipelines/pipelines.h"

struct task_kind task_kind_of(struct pipelines *p);
#endif
