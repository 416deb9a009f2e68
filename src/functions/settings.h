/* settings -- what an app's folder says beside its code: host.json and the app settings.
 *
 * Settings are the `Values` (and `ConnectionStrings`) of local.settings.json; the environment wins over
 * them, as with Azure's own tools. Names compare ASCII case-insensitively in the file, exactly in the
 * environment. These files, and function.json, are read as Azure reads them: JSON in which comments and
 * a comma before a closing bracket are allowed; they are blanked, so places stay right.
 *
 * A connection is a setting's value of the form "Key=value;Key=value". What identifies the service
 * (an account, a namespace, an entity) is taken from it; keys in it are secrets, which are masked in
 * every line that leaves the module. Read-only after settings_read(). */
#ifndef PAYSTREAK_FUNCTIONS_SETTINGS_H
#define PAYSTREAK_FUNCTIONS_SETTINGS_H
#include "base/base.h"

enum {
    SETTINGS_MAX_BYTES = 4 << 20,        /* of host.json, local.settings.json, a function.json */
    SETTINGS_MAX = 10000,                /* app settings */
    SECRET_MIN_BYTES = 8,                /* shorter values would mask innocent text */
    FUNCTION_TIMEOUT_MS = 30 * 60 * 1000 /* Azure's default outside the consumption plan */
};

struct host_json {
    int64_t timeout_ms;                  /* functionTimeout; -1: none */
    const struct doc *only;              /* the functions to run; NULL: all */
};

struct settings; /* opaque */

/* Reads the JSON file `path` as Azure does; `name` names it in errors (kept, not copied). The tree
 * lives in `a`. NULL on error. */
struct doc *settings_json(struct arena *a, const char *name, const char *path, struct err *err) MUST_CHECK;
struct doc *settings_json_text(struct arena *a, const char *name, struct str text, struct err *err) MUST_CHECK;
/* "hh:mm:ss", "d.hh:mm:ss", "hh:mm:ss.fff"; with three parts of which the first is over 23,
 * "dd:hh:mm", as .NET reads it. False if malformed. */
bool timespan_ms(struct str text, int64_t *ms);

/* In both calls `shown` is the folder's name in errors. */
int host_json_read(struct arena *a, const char *app_dir, const char *shown, struct host_json *out,
                   struct err *err) MUST_CHECK;

/* The settings of the app in `app_dir`; strings live in `a`. ERR_UNSUPPORTED: IsEncrypted, a worker
 * runtime other than Python. */
struct settings *settings_read(struct arena *a, const char *app_dir, const char *shown, struct err *err) MUST_CHECK;
void settings_free(struct settings *s); /* NULL is allowed; before its arena */
struct str settings_get(const struct settings *s, struct str name); /* STR_NONE if it is not set */
/* Replaces each %NAME% of a string node by that setting. ERR_INPUT at the node: no such setting. */
int settings_expand(const struct settings *s, struct arena *a, const struct doc *text, struct str *out,
                    struct err *err) MUST_CHECK;

/* The environment of the child: ours, and the settings where ours has none of the name; each value
 * as rewrite() gives it (NULL: as it is). NULL-terminated, in `a`. */
typedef struct str (*settings_rewrite)(void *ctx, struct arena *a, struct str name, struct str value);
const char *const *settings_env(struct settings *s, struct arena *a, settings_rewrite rewrite, void *ctx);

/* `text` with every secret of the settings replaced by "***"; `text` itself if it holds none. */
struct str settings_mask(const struct settings *s, struct arena *a, struct str text);

/* The value of a key in a connection string; keys compare case-insensitively. STR_NONE if absent. */
struct str connection_part(struct str connection, const char *key);
/* The account that a storage connection names: its setting, or SETTING__accountName or
 * SETTING__blobServiceUri. `at` gives the place of errors. */
int settings_account(const struct settings *s, struct arena *a, const struct doc *at, struct str setting,
                     struct str *account, struct err *err) MUST_CHECK;
/* The host name of the namespace that an Event Hubs connection names, and its EntityPath (STR_NONE:
 * it has none): its setting, or SETTING__fullyQualifiedNamespace. */
int settings_namespace(const struct settings *s, struct arena *a, const struct doc *at, struct str setting,
                       struct str *host, struct str *entity, struct err *err) MUST_CHECK;
#endif
