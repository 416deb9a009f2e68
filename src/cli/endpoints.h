/* endpoints -- where people and tools connect: PostgreSQL, the console with its dashboards, Spark Connect,
 * storage. All of them for `run`, some for `serve` and `connect`. Thread: the main loop's. */
#ifndef PAYSTREAK_CLI_ENDPOINTS_H
#define PAYSTREAK_CLI_ENDPOINTS_H
#include "cli/run.h"

enum { ENDPOINT_PG = 1, ENDPOINT_CONSOLE = 2, ENDPOINT_SPARK = 4, ENDPOINT_STORAGE = 8, ENDPOINTS_ALL = 15 };

struct endpoints_opts {
    unsigned parts;            /* ENDPOINT_… */
    int pg, console, spark, storage, queue; /* ports of the parts; 0: a free one */
    const char *spark_host;    /* NULL: 127.0.0.1, where all the others listen */
};
struct endpoints;
/* Listens. The functions below about a part need that part. */
struct endpoints *endpoints_open(struct run *r, const struct endpoints_opts *o, struct err *err) MUST_CHECK;
/* Opens the bundle's dashboards, without a bundle those of dashboards/. What is broken is noted as a failure. */
void endpoints_dashboards(struct endpoints *e, struct run *r);
void endpoints_changed(struct endpoints *e, struct str table_dir);   /* a table's content changed */
void endpoints_close(struct endpoints *e);       /* NULL is allowed; the loop must still be turned */
int endpoints_spark_port(const struct endpoints *e);
int endpoints_pg_port(const struct endpoints *e);
const char *endpoints_console_url(struct endpoints *e);
int endpoints_storage_port(const struct endpoints *e);
int endpoints_queue_port(const struct endpoints *e);
/* A storage connection string of an account that is served here, with local addresses and key; else `value`. */
struct str endpoints_rewrite(const struct endpoints *e, struct arena *a, struct str value);
/* The ports of a run follow --port-base (N + 1: PostgreSQL, N + 2: console, N + 3: Spark Connect,
 * N + 6: Blob and Data Lake, N + 7: Queue). The port for part `n` of this run: --port-base + n; without that option `otherwise` if it is free, else 0. */
int run_port(const struct cli_args *args, int n, int otherwise);
#endif
