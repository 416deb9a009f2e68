/* console -- the web page and its API: the state of all parts, dashboards that follow new data.
 *
 *   GET /                                 the console          GET /dashboards/NAME     one dashboard
 *   GET /login?code=…                     one-time login, sets the cookie
 *   GET /api/state                        what the console shows (below)
 *   GET /api/dashboards                   names, titles, refused widgets
 *   GET /api/dashboards/NAME              its layout           GET /api/dashboards/NAME/data   its results
 *   GET /api/events[?dashboard=NAME]      server-sent events: `state`, and `data` for each result
 *   POST /api/sql {"statement": …}        columns and rows of one statement
 *
 * The API takes the cookie or `Authorization: Bearer TOKEN`. Thread: the loop's.
 *
 * State, as the owner writes it; every member may be missing:
 *   {"project": "retail", "started": ISO,
 *    "parts":     [{"name", "kind", "address", "status", "detail", "rate"}],
 *    "tables":    [{"name": "main.gold.x", "kind", "rows", "version", "updated": ISO}],
 *    "pipelines": [{"name", "mode", "status", "updated": ISO, "detail",
 *                   "expectations": [{"dataset", "name", "action", "passed", "failed"}]}],
 *    "jobs":      [{"name", "status", "schedule", "started": ISO, "finished": ISO, "error",
 *                   "tasks": [{"key", "status", "ms", "error"}]}]}
 * kind of a part: "function", "hub", "factory" or "address"; parts named "kafka" and "postgres" tell the
 * addresses that the page puts beside hub and readers. status is one of: running, waiting, succeeded, failed, stopped, canceled. */
#ifndef PAYSTREAK_SERVE_CONSOLE_H
#define PAYSTREAK_SERVE_CONSOLE_H
#include "net/http.h"
#include "port/query_service.h"

enum { CONSOLE_MAX_SQL_ROWS = 10000, CONSOLE_STATE_MS = 500, CONSOLE_MAX_EVENTS = 256 };

struct console;
struct console_opts {
    const char *host; int port;          /* as tcp.h */
    const char *const *names;            /* as http.h */
    const char *token;                   /* of the API; the cookie is made from it */
    bool insecure;                       /* no login, on loopback only */
    const struct query_service *queries;
    const char *search_path;             /* NULL: "gold, silver, bronze, default" */
    void (*state)(void *ctx, struct buf *json); /* writes the object above; must not block */
    void *state_ctx;
};
struct console *console_listen(struct ev_loop *loop, const struct console_opts *opts, struct err *err) MUST_CHECK;
/* Adds a dashboard (before the loop runs). `file`: its path in the project. ERR_INPUT names file and line. */
int console_add_dashboard(struct console *c, const char *file, struct str text, struct err *err) MUST_CHECK;
int console_port(const struct console *c);
/* The address to open: with a fresh one-time code unless insecure. Valid until the next call. */
const char *console_url(struct console *c);
/* Content of these tables changed: affected results are pushed. Named as in query_result.tables. */
void console_changed(struct console *c, const struct str *tables, size_t n);
void console_free(struct console *c);    /* the loop must still be turned. NULL is allowed */
#endif
