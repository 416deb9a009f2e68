/* copy -- the Copy activity's work, and the row readers that Lookup and GetMetadata share with it.
 * Workers only. */
#ifndef PAYSTREAK_FACTORY_COPY_H
#define PAYSTREAK_FACTORY_COPY_H
#include "factory/rows.h"

enum { COPY_MAX_MAPPINGS = ROWS_MAX_COLUMNS };

struct copy_plan {
    const struct resolver_names *names;
    const char *activity_id;          /* names files that have none: Data.<id>.txt */
    struct data_at source, sink;
    const struct doc *source_props;   /* "source", evaluated: storeSettings, formatSettings … */
    const struct doc *sink_props;     /* "sink" */
    const struct doc *translator;     /* evaluated; NULL: none */
    bool skip_bad_rows;               /* enableSkipIncompatibleRow */
};

/* Fills *output (in `a`) as Azure shapes it. */
int copy_run(struct arena *a, const struct copy_plan *plan, atomic_bool *cancel,
             const struct doc **output, struct err *err) MUST_CHECK;

/* The reader of a source file by the dataset's format (DelimitedText, Json). */
struct rows_in *rows_open(const struct datastore_file *f, const struct data_at *at,
                          const struct doc *format_settings, struct err *err) MUST_CHECK;
/* The source's files: one fetched over HTTP, or those found in its store. */
int64_t copy_sources(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                     const struct doc *store_settings, atomic_bool *cancel, struct datastore_file **out,
                     bool *folder, struct err *err) MUST_CHECK;
#endif
