/* fields -- which settings of a job, of its tasks and of a pipeline there are, of what kind they are, and what becomes of
 * each here: a setting is honoured, or is about machines, people and rights that only a workspace has and changes
 * nothing here, or is refused by name because a run without it would be another run. Never ignored in silence.
 *
 * A key that is near a known one is refused with that one ("did you mean"); any other unknown key is what a
 * newer Databricks may know: a warning with its place. Pure but for that warning. Any thread. */
#ifndef PAYSTREAK_JOBS_FIELDS_H
#define PAYSTREAK_JOBS_FIELDS_H
#include "base/base.h"

enum field_use {
    FIELD_DONE,
    FIELD_APART,   /* accepted: it says nothing about what a run does here */
    FIELD_REFUSED, /* unless it is false or absent */
};
enum field_kind { FIELD_ANY, FIELD_TEXT, FIELD_COUNT /* a whole number, 0 or more */, FIELD_WHOLE, FIELD_BOOL, FIELD_LIST, FIELD_MAP };
struct field { const char *name; enum field_use use; enum field_kind kind; const char *why; /* of a refused one: what to do */ };
struct fields { const char *what; /* "a task" */ const struct field *rows; size_t count; };

extern const struct fields JOB_FIELDS, TASK_FIELDS, NOTEBOOK_TASK_FIELDS, SQL_TASK_FIELDS, SQL_FILE_FIELDS, RUN_JOB_TASK_FIELDS, CONDITION_TASK_FIELDS,
    FOR_EACH_TASK_FIELDS, SPARK_PYTHON_TASK_FIELDS, PIPELINE_FIELDS;

/* Parameters by name: each is a text. NULL is fine. */
int fields_check_params(const struct doc *params, struct err *err) MUST_CHECK;
/* The names of all kinds of tasks that Databricks has, supported or not. */
extern const char *const TASK_KINDS[];
extern const size_t TASK_KIND_COUNT;

/* Errors: -1, ERR_INPUT or ERR_UNSUPPORTED at the first key or value that is wrong. Absent and null are fine. */
int fields_check(const struct doc *d, const struct fields *known, struct err *err) MUST_CHECK;
bool fields_known(const struct fields *known, struct str key); /* a kind is a key of a task */
/* The known name that was meant by `key` (of TASK_KINDS too for TASK_FIELDS), NULL: none is near, or it is one. */
const char *fields_meant(const struct fields *known, struct str key);
#endif
