/* data -- where a dataset's data lies: the dataset and its linked service, evaluated for one use.
 *
 * data_eval() runs on the loop: it evaluates expressions. Everything after it (datastore.h) is plain
 * names and documents, and runs on workers. */
#ifndef PAYSTREAK_FACTORY_DATA_H
#define PAYSTREAK_FACTORY_DATA_H
#include "factory/run_int.h"

struct data_at {
    const char *dataset;             /* its name */
    const char *format;              /* "DelimitedText", "Json", "Binary", "Parquet" */
    const struct doc *props;         /* the dataset's typeProperties, evaluated */
    const char *service;             /* the linked service's name … */
    const char *service_type;        /* … and type: "HttpServer", "AzureBlobFS" … */
    const struct doc *service_props; /* evaluated */
    const char *url;                 /* HTTP: the whole address; NULL: a store */
    const char *base, *other_base;   /* a store's container as a name to resolve; other spelling or NULL */
    const char *container;
    struct str folder, file;         /* no slashes at the ends; "" if not given */
    const struct doc *where;         /* for errors: the reference */
};

/* Evaluates {"referenceName", "parameters"} in the activity's scope. All lives in the group's
 * arena. */
int data_eval(struct act *a, const struct doc *ref, struct data_at *out, struct err *err) MUST_CHECK;
/* "storeSettings"/"formatSettings" and the like of a source or sink: a text property or "". */
struct str data_text(const struct doc *obj, const char *key);
bool data_flag(const struct doc *obj, const char *key, bool otherwise); /* also "true" as text */

/* A deep copy in another arena, for a job. */
void data_copy(struct arena *a, const struct data_at *from, struct data_at *to);
#endif
