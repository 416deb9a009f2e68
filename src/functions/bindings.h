/* bindings -- what a function is joined to: one row a binding type and direction.
 *
 * A function's bindings are the objects of function.json, written by hand (v1) or made by the
 * decorators (v2); both carry the place where they are written. Reading checks all of them before
 * anything runs: the type, its required members, its connection, its path; what is not supported is
 * refused by name. Names are those of Azure; types and directions compare case-insensitively. */
#ifndef PAYSTREAK_FUNCTIONS_BINDINGS_H
#define PAYSTREAK_FUNCTIONS_BINDINGS_H
#include "functions/blob_path.h"
#include "functions/schedule.h"
#include "functions/settings.h"
#include "resolve/resolve.h"

enum { BINDINGS_MAX = 64 }; /* of one function */
enum binding_role { BINDING_TIMER, BINDING_HUB_OUT, BINDING_BLOB_IN, BINDING_BLOB_OUT };

struct binding {
    enum binding_role role;
    struct str type, name;           /* "eventHub", "events" */
    const struct doc *at;
    struct str name_space, hub;      /* HUB_OUT */
    struct str account;              /* BLOB_IN, BLOB_OUT */
    struct blob_path *path;
    struct schedule schedule;        /* TIMER */
    bool run_on_startup;
    enum { MONITOR_AUTO, MONITOR_ON, MONITOR_OFF } monitor;
};

struct binding_env {
    const struct settings *settings;
    const struct resolver_names *names;
    int (*hub)(void *ctx, const char *name_space, const char *hub, struct err *err); /* as functions_opts */
    void *ctx;
};

struct bindings {
    struct binding *all;
    size_t count;
    const struct binding *trigger;   /* of `all` */
};

/* Reads the list `list` of the function that is written at `function`. Errors have the place. */
int bindings_read(struct bindings *out, struct arena *a, const struct binding_env *env, const struct doc *function,
                  const struct doc *list, struct err *err) MUST_CHECK;
const struct binding *bindings_find(const struct bindings *b, struct str name); /* NULL if absent */
#endif
