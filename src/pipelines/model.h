/* model -- what the SQL files of pipelines declare: datasets, their flows, and the graph.
 *
 * Everything here is made while files are read and is immutable once graph_link() has run, so that
 * workers read it without locks. All of it lives in the arena of `struct pipelines`.
 *
 * Each statement has a file name of its own (a copy): a leaf of a plan knows by the address of
 * leaf->at.file which statement it stands in, hence in which scope its name is to be looked up. */
#ifndef PAYSTREAK_PIPELINES_MODEL_H
#define PAYSTREAK_PIPELINES_MODEL_H
#include "lake/catalog.h"
#include "pipelines/pipelines.h"

#define PLACE(p) (p).file, (p).line, (p).col /* for err_at() */
enum { PIPELINE_MAX_FLOWS = 1000 /* into one target */ };

struct pipeline;
struct dataset;

/* Where the names of a statement are looked up. */
struct query_scope {
    const char *file;              /* the key: compared by address */
    struct lake_scope names;
    struct pipeline *pipeline;     /* NULL: a view of the catalog */
};

struct flow {
    struct dataset *target;
    struct str name;               /* folded; of the default flow: its table's name */
    struct str state_name;         /* its folder: name, bytes other than a-z 0-9 _ - . as %XX */
    struct place at;
    const struct rel *query;
    struct str text;               /* of its statement, parameters filled in */
    const struct query_scope *scope;
    struct names target_name;      /* as written, until linked */
    bool once, by_default;         /* by_default: AS query of the dataset's own statement */
    size_t index;                  /* in pipelines' list */
    struct flow_runtime *runtime;  /* flow.h; belongs to whom runs it, and so does */
    bool anew;                     /* a view: its next refresh comes whatever its sources say */
};

struct dataset {
    struct pipeline *pipeline;
    enum dataset_kind kind;
    bool unpublished;              /* temporary views, private tables: known in their pipeline only */
    struct lake_name name;
    struct str full;               /* main.silver.sales */
    struct str shown;              /* as messages name it: `main`.`silver`.`sales` */
    const struct stmt *st;
    const struct query_scope *scope;
    const char *dir;               /* NULL for views */
    struct flow **flows; size_t flow_count, flow_cap;      /* a view's query is its one flow */
    struct dataset **inputs; size_t input_count, input_cap; /* datasets it reads, of any pipeline */
    size_t order;                  /* place in pipelines' topological order */
    bool streams;                  /* its query reads a stream */
    bool streamed;                 /* a query reads it as a stream */
};

struct setting { struct str key, value; };

struct pipeline {
    struct pipelines *owner;
    struct str name, id, state_name;
    struct lake_scope names;       /* default catalog and schema */
    struct setting *settings; size_t setting_count, setting_cap;
    bool continuous, development;
    const struct doc *at;
    struct dataset **datasets; size_t dataset_count, dataset_cap; /* in order of the files; after link: topological */
    struct flow **flows; size_t flow_count, flow_cap;      /* with targets elsewhere, too, until linked */
    struct map *local;             /* unpublished datasets by name */
    struct pipeline_runtime *runtime; /* run.c */
};

/* What pipelines_declare_table() said. */
struct declared_table { struct str full; const char *dir; const struct type *schema; };

struct model {
    struct arena *arena;
    struct engine *engine;
    struct pipeline **pipelines; size_t count, cap;
    struct map *published;         /* full name -> struct dataset * */
    struct map *scopes;            /* address of a file name -> struct query_scope * */
    struct map *declared;          /* full name -> struct declared_table * */
    struct dataset **order; size_t order_count; /* topological, all pipelines */
    struct flow **flows; size_t flow_count, flow_cap;
    bool linked;
};

/* Reads, parses and registers one file. Blocks. */
int script_read(struct model *m, struct pipeline *pl, const char *path, struct err *err) MUST_CHECK;
/* model.c: what a statement declares. `scope` is its own. */
int model_statement(struct model *m, struct pipeline *pl, const struct stmt *st, const struct query_scope *scope,
                    struct err *err) MUST_CHECK;
const struct query_scope *model_scope(const struct model *m, const char *file);
/* The dataset that a name means there; NULL if it is none of ours. */
struct dataset *pipelines_model_find(const struct model *m, struct arena *a, const struct names *name, const struct query_scope *scope);
struct pipeline *model_pipeline(const struct model *m, struct str name_or_id);
struct str model_shown(struct arena *a, const struct lake_name *n);
/* Appends bytes as a folder's name. */
struct str model_folder(struct arena *a, struct str name);

/* graph.c: connects flows with targets, datasets with what they read, and sorts. Problems go to
 * `on_problem`; returns their number. */
int graph_link(struct model *m, void (*on_problem)(void *ctx, struct str pipeline, const struct err *err), void *ctx);

/* deps.c: the tables that a query names, CTEs seen through. */
struct dep { const struct rel *leaf; };
struct deps { struct dep *items; size_t count, cap; };
void deps_collect(struct arena *a, const struct rel *query, struct deps *out);
#endif
