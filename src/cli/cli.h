/* cli -- the commands: a table of them, their options, and how they print.
 *
 * A command is a row: name, arguments, one line of help, examples, options, and a function that
 * returns a process exit status (0 good, 1 the user's work failed, 2 wrong usage, 3 our fault).
 * Options are parsed by the row's own table into one `struct cli_args`; what a command does not
 * list is refused with its usage. Everything else of the module is wiring: the one place that
 * knows all the parts. */
#ifndef PAYSTREAK_CLI_CLI_H
#define PAYSTREAK_CLI_CLI_H
#include "base/base.h"

enum { CLI_MAX_ARGS = 64, CLI_MAX_BINDS = 64, CLI_MAX_PARAMS = 256 };
#define CLI_SEARCH_PATH "gold, silver, bronze, default" /* where every client's bare names of tables are looked for */

struct cli_args {
    const char *project;       /* --project, default "." */
    const char *state;         /* --state, default PROJECT/.paystreak */
    const char *target;        /* --target, default the bundle's default target */
    const char *output;        /* "text" or "json" */
    const char *listen;        /* --listen HOST:PORT */
    const char *binds[CLI_MAX_BINDS];
    size_t bind_count;
    const char *params[CLI_MAX_PARAMS]; /* --param NAME=VALUE */
    size_t param_count;
    const char *parameters, *cases, *factory; /* files, and the factory's folder */
    bool activity_outputs;
    int64_t port;              /* --port; -1: not given */
    int64_t port_base;         /* 0: free ports are chosen by the system */
    int64_t events;            /* --events, with --once; 0: functions_once() decides */
    int64_t partitions;
    int64_t amqp, https;       /* ports; -1: not given */
    int64_t pg, web;           /* ports; -1: not given */
    const char *tls_cert, *tls_key;
    const char *name_space, *key, *to; /* of the hub's commands */
    bool once, insecure_local, auto_create, help, json, verbose, continue_on_error;
    const char *file;          /* --file */
    const char *spec;          /* --spec */
    const char *refresh, *full_refresh; /* --refresh, --full-refresh: names with commas */
    bool full_refresh_all;
    int64_t version, cdf_from; /* --version, --cdf; -1: not given */
    int64_t limit;             /* --limit; 0: all */
    int64_t retain_hours;      /* --retain; -1: as the table says */
    const char *timestamp, *where, *zorder, *partition_by;
    bool dry_run, no_retention_check, full;
    const char *format;
    const char *words[CLI_MAX_ARGS]; /* what is no option */
    size_t word_count;
};

struct cli_option {
    const char *name;          /* "--state" */
    const char *value;         /* "DIR", or NULL for a flag */
    const char *help;
};

struct cli_command {
    const char *name;          /* "run", "hub start" */
    const char *words;         /* "'STATEMENT'", "" if it takes none */
    size_t min_words, max_words;
    const char *summary;
    const char *examples;      /* lines, NULL if none */
    const char *const *options;/* names into the option table, NULL-terminated */
    int (*run)(const struct cli_args *args);
};
extern const struct cli_command CLI_COMMANDS[];
extern const size_t CLI_COMMAND_COUNT;

/* The program: parses argv, finds the command, runs it. Returns the exit status. */
int cli_main(int argc, char **argv);
/* Prints "paystreak: where: message" (or {"error":…} with --output json) and returns the exit status. */
int cli_fail(const struct cli_args *args, const struct err *err);
/* The state folder of these arguments, absolute, in the arena. */
char *cli_state_dir(struct arena *a, const struct cli_args *args);
struct resolver_names;
/* Adds the bindings of the project's paystreak.yml (if it has one), then those of the command line. */
int cli_bind_all(struct resolver_names *names, struct arena *a, const struct cli_args *args, struct err *err) MUST_CHECK;
/* --listen HOST:PORT; HOST may be empty (127.0.0.1), the option may be missing. */
int cli_listen_address(const struct cli_args *args, int otherwise, char host[256], int *port, struct err *err) MUST_CHECK;
char *cli_project_dir(struct arena *a, const struct cli_args *args);

int cmd_run(const struct cli_args *args);
int cmd_status(const struct cli_args *args);
int cmd_stop(const struct cli_args *args);
int cmd_sql(const struct cli_args *args);
int cmd_hub_start(const struct cli_args *args);
int cmd_hub_topics(const struct cli_args *args);
int cmd_hub_create(const struct cli_args *args);
int cmd_hub_produce(const struct cli_args *args);
int cmd_hub_consume(const struct cli_args *args);
int cmd_hub_tail(const struct cli_args *args);
int cmd_hub_groups(const struct cli_args *args);
int cmd_hub_reset_offsets(const struct cli_args *args);
int cmd_keys(const struct cli_args *args);
int cmd_storage_start(const struct cli_args *args);
int cmd_lake_ls(const struct cli_args *args);
int cmd_lake_schema(const struct cli_args *args);
int cmd_lake_detail(const struct cli_args *args);
int cmd_lake_history(const struct cli_args *args);
int cmd_lake_files(const struct cli_args *args);
int cmd_lake_cat(const struct cli_args *args);
int cmd_lake_checkpoint(const struct cli_args *args);
int cmd_lake_optimize(const struct cli_args *args);
int cmd_lake_vacuum(const struct cli_args *args);
int cmd_lake_restore(const struct cli_args *args);
int cmd_lake_verify(const struct cli_args *args);
int cmd_lake_convert(const struct cli_args *args);
int cmd_lake_clone(const struct cli_args *args);
int cmd_pipelines_run(const struct cli_args *args);
int cmd_pipelines_dry_run(const struct cli_args *args);
int cmd_pipelines_graph(const struct cli_args *args);
int cmd_pipelines_events(const struct cli_args *args);
int cmd_check(const struct cli_args *args);
int cmd_factory_eval(const struct cli_args *args);
int cmd_factory_run(const struct cli_args *args);
int cmd_serve(const struct cli_args *args);
int cmd_connect(const struct cli_args *args);
#endif
