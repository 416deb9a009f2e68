/* options -- reading the command line into struct cli_args, and the help texts made of the tables. */
#include "cli/cli.h"
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_kind { OPT_TEXT, OPT_FLAG, OPT_COUNT, OPT_BIND, OPT_PARAM };
static const struct option_row {
    struct cli_option shown;
    enum option_kind kind;
    size_t offset;
    int64_t min, max;
} OPTIONS[] = {
#define FIELD(f) offsetof(struct cli_args, f)
    {{"--project", "DIR", "the project's folder (default: this one)"}, OPT_TEXT, FIELD(project), 0, 0},
    {{"--state", "DIR", "where state is kept (default: PROJECT/.paystreak)"}, OPT_TEXT, FIELD(state), 0, 0},
    {{"--target", "NAME", "the bundle's target (default: its default target)"}, OPT_TEXT, FIELD(target), 0, 0},
    {{"--output", "text|json", "json: one JSON object a line, for machines"}, OPT_TEXT, FIELD(output), 0, 0},
    {{"--listen", "HOST:PORT", "the address to listen on"}, OPT_TEXT, FIELD(listen), 0, 0},
    {{"--bind", "FROM=TO", "serve the address FROM from TO, e.g. https://…=file:///data; may be repeated"}, OPT_BIND, 0, 0, 0},
    {{"--param", "NAME=VALUE", "a parameter; may be repeated"}, OPT_PARAM, 0, 0, 0},
    {{"--parameters", "FILE", "a JSON object with parameters"}, OPT_TEXT, FIELD(parameters), 0, 0},
    {{"--cases", "FILE", "a JSON file of cases: {\"cases\": [{\"id\", \"expression\", \"context\"}]}; one answer a line"}, OPT_TEXT, FIELD(cases), 0, 0},
    {{"--factory", "DIR", "the factory's folder (default: the project's)"}, OPT_TEXT, FIELD(factory), 0, 0},
    {{"--activity-outputs", NULL, "print what each activity gave (--output json always has it)"}, OPT_FLAG, FIELD(activity_outputs), 0, 0},
    {{"--port", "N", "the port to listen on (0: a free one)"}, OPT_COUNT, FIELD(port), 0, 65534},
    {{"--port-base", "N", "listen on N, N+1, … instead of the default ports (0: free ones)"}, OPT_COUNT, FIELD(port_base), 0, 65000},
    {{"--events", "N", "with --once: stop each function after N events (default: endless ones after 10000)"}, OPT_COUNT, FIELD(events), 1, INT64_MAX},
    {{"--partitions", "N", "partitions of hubs created on first use (default 4)"}, OPT_COUNT, FIELD(partitions), 1, 1024},
    {{"--pg", "PORT", "the port of PostgreSQL (default 5433; 0: a free one)"}, OPT_COUNT, FIELD(pg), 0, 65535},
    {{"--web", "PORT", "the port of the console and dashboards (default 8580; 0: a free one)"}, OPT_COUNT, FIELD(web), 0, 65535},
    {{"--amqp", "PORT", "listen for AMQP 1.0 too, plain and TLS (0: a free port)"}, OPT_COUNT, FIELD(amqp), 0, 65535},
    {{"--https", "PORT", "listen for HTTPS too, plain HTTP included (0: a free port)"}, OPT_COUNT, FIELD(https), 0, 65535},
    {{"--tls-cert", "FILE", "the certificate chain of AMQP and HTTPS, PEM (default: one is made)"}, OPT_TEXT, FIELD(tls_cert), 0, 0},
    {{"--tls-key", "FILE", "its private key"}, OPT_TEXT, FIELD(tls_key), 0, 0},
    {{"--namespace", "NAME", "the hub's namespace (default: its default one)"}, OPT_TEXT, FIELD(name_space), 0, 0},
    {{"--key", "TEXT", "the events' key"}, OPT_TEXT, FIELD(key), 0, 0},
    {{"--to", "earliest|latest|OFFSET", "where the group goes on (default: earliest)"}, OPT_TEXT, FIELD(to), 0, 0},
    {{"--once", NULL, "run everything once, drain, and exit"}, OPT_FLAG, FIELD(once), 0, 0},
    {{"--auto-create", NULL, "create a hub when a client first names it"}, OPT_FLAG, FIELD(auto_create), 0, 0},
    {{"--insecure-local", NULL, "no keys asked on the loopback address"}, OPT_FLAG, FIELD(insecure_local), 0, 0},
    {{"--spec", "FILE", "a pipeline's description, spark-pipeline.yml, instead of the project's bundle"}, OPT_TEXT, FIELD(spec), 0, 0},
    {{"--refresh", "NAMES", "update these datasets only, separated by commas"}, OPT_TEXT, FIELD(refresh), 0, 0},
    {{"--full-refresh", "NAMES", "make these datasets anew from their sources, separated by commas"}, OPT_TEXT, FIELD(full_refresh), 0, 0},
    {{"--full-refresh-all", NULL, "make all datasets anew"}, OPT_FLAG, FIELD(full_refresh_all), 0, 0},
    {{"--file", "FILE", "read the statements from FILE"}, OPT_TEXT, FIELD(file), 0, 0},
    {{"--version", "N", "the table as of version N"}, OPT_COUNT, FIELD(version), 0, INT64_MAX},
    {{"--timestamp", "T", "the table as of a time, ISO 8601, UTC unless it has an offset"}, OPT_TEXT, FIELD(timestamp), 0, 0},
    {{"--cdf", "FROM", "the changes from version FROM on, to --version or the newest"}, OPT_COUNT, FIELD(cdf_from), 0, INT64_MAX},
    {{"--limit", "N", "at most N rows"}, OPT_COUNT, FIELD(limit), 1, INT64_MAX},
    {{"--where", "CONDITION", "columns and constants, e.g. \"day >= '2024-01-01' AND region = 'EU'\""}, OPT_TEXT, FIELD(where), 0, 0},
    {{"--zorder", "COLUMNS", "cluster the rows by these columns, separated by commas"}, OPT_TEXT, FIELD(zorder), 0, 0},
    {{"--partition-by", "COLUMNS", "partition columns with types, e.g. 'day DATE, region STRING'"}, OPT_TEXT, FIELD(partition_by), 0, 0},
    {{"--retain", "HOURS", "keep files that versions younger than this need (default: as the table says, 7 days)"}, OPT_COUNT, FIELD(retain_hours), 0, 1000000},
    {{"--dry-run", NULL, "say what would be done, and do nothing"}, OPT_FLAG, FIELD(dry_run), 0, 0},
    {{"--no-retention-check", NULL, "allow --retain below the table's own time: other writers may lose files"}, OPT_FLAG, FIELD(no_retention_check), 0, 0},
    {{"--full", NULL, "also read every row, and compare statistics"}, OPT_FLAG, FIELD(full), 0, 0},
    {{"--verbose", NULL, "log more"}, OPT_FLAG, FIELD(verbose), 0, 0},
    {{"--help", NULL, "this text"}, OPT_FLAG, FIELD(help), 0, 0},
#undef FIELD
};

static const struct option_row *option_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
        if (strcmp(OPTIONS[i].shown.name, name) == 0)
            return &OPTIONS[i];
    return NULL;
}

static bool takes(const struct cli_command *c, const char *name)
{
    if (strcmp(name, "--help") == 0 || strcmp(name, "--verbose") == 0)
        return true;
    for (size_t i = 0; c->options[i]; i++)
        if (strcmp(c->options[i], name) == 0)
            return true;
    return false;
}

static int option_set(struct cli_args *args, const struct option_row *row, const char *value, struct err *err)
{
    void *field = (char *)args + row->offset;
    int64_t n;
    switch (row->kind) {
    case OPT_FLAG:
        *(bool *)field = true;
        return 0;
    case OPT_TEXT:
        *(const char **)field = value;
        return 0;
    case OPT_COUNT:
        if (!str_i64(str_z(value), &n) || n < row->min || n > row->max)
            return err_set(err, ERR_USAGE, "%s takes a number from %jd to %jd, not '%s'", row->shown.name,
                           (intmax_t)row->min, (intmax_t)row->max, value);
        *(int64_t *)field = n;
        return 0;
    case OPT_BIND:
        if (args->bind_count == CLI_MAX_BINDS)
            return err_set(err, ERR_USAGE, "more than %d --bind options", CLI_MAX_BINDS);
        args->binds[args->bind_count++] = value;
        return 0;
    case OPT_PARAM:
        if (args->param_count == CLI_MAX_PARAMS)
            return err_set(err, ERR_USAGE, "more than %d --param options", CLI_MAX_PARAMS);
        args->params[args->param_count++] = value;
        return 0;
    }
    UNREACHABLE();
}

/* One argument, and its value from the next; returns how many of argv it used, or -1. */
static int option_read(const struct cli_command *c, struct cli_args *args, char **argv, int left, struct err *err)
{
    char name[64];
    const char *eq = strchr(argv[0], '='), *value = NULL;
    size_t len = eq ? (size_t)(eq - argv[0]) : strlen(argv[0]);
    if (len >= sizeof name)
        return err_set(err, ERR_USAGE, "unknown option '%s'", argv[0]);
    memcpy(name, argv[0], len);
    name[len] = 0;
    const struct option_row *row = option_find(name);
    if (!row || !takes(c, name))
        return err_set(err, ERR_USAGE, "'%s' has no option %s; see paystreak %s --help", c->name, name, c->name);
    int used = 1;
    if (row->kind != OPT_FLAG) {
        value = eq ? eq + 1 : left > 1 ? argv[1] : NULL;
        used = eq ? 1 : 2;
        if (!value)
            return err_set(err, ERR_USAGE, "%s needs %s", name, row->shown.value);
    }
    return option_set(args, row, value, err) ? -1 : used;
}

static void print_usage(FILE *to, const struct cli_command *c)
{
    fprintf(to, "paystreak %s%s%s -- %s\n", c->name, *c->words ? " " : "", c->words, c->summary);
    fprintf(to, "\nOptions:\n");
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
        const struct cli_option *o = &OPTIONS[i].shown;
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        if (takes(c, o->name))
            fprintf(to, "  %-22s %s\n", left, o->help);
    }
    if (c->examples)
        fprintf(to, "\nExamples:\n%s", c->examples);
}

static void print_help(FILE *to)
{
    fprintf(to, "Paystreak runs a whole lakehouse project on one machine.\n\n"
                "  cd any-databricks-or-azure-project && paystreak run\n\nCommands:\n");
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        fprintf(to, "  %-18s %s\n", CLI_COMMANDS[i].name, CLI_COMMANDS[i].summary);
    fprintf(to, "\npaystreak COMMAND --help says more of each.\n");
}

/* The command whose name is the longest run of leading words; *used is how many words that is. */
static const struct cli_command *command_find(int argc, char **argv, int *used)
{
    const struct cli_command *best = NULL;
    *used = 0;
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        struct str rest = str_z(CLI_COMMANDS[i].name), word;
        int n = 0;
        bool same = true;
        while (same && str_split(&rest, ' ', &word)) {
            same = n < argc && str_eqz(word, argv[n]);
            n++;
        }
        if (same && n > *used) {
            best = &CLI_COMMANDS[i];
            *used = n;
        }
    }
    return best;
}

int cli_fail(const struct cli_args *args, const struct err *err)
{
    char text[1024];
    if (args && args->json) {
        struct buf b;
        buf_init(&b);
        buf_z(&b, "{\"error\":");
        json_quote(&b, str_z(err->msg));
        buf_printf(&b, ",\"code\":\"%s\"", err_code_name(err->code));
        if (err->where.file[0]) {
            buf_z(&b, ",\"file\":");
            json_quote(&b, str_z(err->where.file));
            buf_printf(&b, ",\"line\":%d,\"column\":%d", err->where.line, err->where.col);
        }
        printf("%s}\n", b.ptr);
        fflush(stdout);
        buf_release(&b);
    }
    fprintf(stderr, "paystreak: %s\n", err_text(err, text, sizeof text));
    return err_exit_status(err);
}

static char *absolute(struct arena *a, const char *path)
{
    if (path[0] == '/')
        return arena_strdup(a, path);
    char cwd[PATH_MAX];
    CHECK(getcwd(cwd, sizeof cwd));
    return strcmp(path, ".") == 0 ? arena_strdup(a, cwd) : path_join(a, cwd, path);
}

char *cli_project_dir(struct arena *a, const struct cli_args *args)
{
    return absolute(a, args->project ? args->project : ".");
}

char *cli_state_dir(struct arena *a, const struct cli_args *args)
{
    return args->state ? absolute(a, args->state) : path_join(a, cli_project_dir(a, args), ".paystreak");
}

/* A word that begins commands is answered with them. */
static void no_command(const char *word, struct err *err)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        struct str rest = str_z(CLI_COMMANDS[i].name), first;
        if (str_split(&rest, ' ', &first) && rest.len && str_eqz(first, word))
            buf_printf(&b, "%s%s", b.len ? ", " : "", CLI_COMMANDS[i].name);
    }
    if (b.len)
        err_set(err, ERR_USAGE, "'%s' needs one more word: %s", word, b.ptr);
    else
        err_set(err, ERR_USAGE, "there is no command '%s'; see paystreak --help", word);
    buf_release(&b);
}

int cli_listen_address(const struct cli_args *args, int otherwise, char host[256], int *port, struct err *err)
{
    const char *text = args->listen, *colon = text ? strrchr(text, ':') : NULL;
    int64_t n = otherwise;
    snprintf(host, 256, "%.*s", colon ? (int)(colon - text) : 0, text ? text : "");
    if (!host[0])
        snprintf(host, 256, "127.0.0.1");
    if (text && (!colon || !str_i64(str_z(colon + 1), &n) || n < 0 || n > 65535))
        return err_set(err, ERR_USAGE, "--listen takes HOST:PORT, not '%s'", text);
    *port = (int)n;
    return 0;
}

int cli_main(int argc, char **argv)
{
    struct cli_args args = {.output = "text", .partitions = 4, .port_base = -1, .port = -1, .amqp = -1, .pg = -1, .web = -1, .https = -1, .version = -1, .cdf_from = -1, .retain_hours = -1};
    struct err err = {0};
    int used;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("paystreak 0.1.0");
        return 0;
    }
    const struct cli_command *c = command_find(argc - 1, argv + 1, &used);
    if (!c) {
        no_command(argv[1], &err);
        return cli_fail(NULL, &err);
    }
    for (int i = 1 + used; i < argc;) {
        int n = 1;
        if (argv[i][0] == '-' && argv[i][1] == '-' && argv[i][2])
            n = option_read(c, &args, argv + i, argc - i, &err);
        else if (args.word_count < CLI_MAX_ARGS)
            args.words[args.word_count++] = argv[i];
        if (n < 0)
            return cli_fail(&args, &err);
        i += n;
    }
    if (args.help) {
        print_usage(stdout, c);
        return 0;
    }
    if (args.verbose)
        log_set_level(LOG_DEBUG);
    args.json = strcmp(args.output, "json") == 0;
    if (!args.json && strcmp(args.output, "text") != 0)
        err_set(&err, ERR_USAGE, "--output is text or json, not '%s'", args.output);
    else if (args.word_count < c->min_words || args.word_count > c->max_words)
        err_set(&err, ERR_USAGE, "usage: paystreak %s%s%s; see paystreak %s --help", c->name,
                *c->words ? " " : "", c->words, c->name);
    else
        return c->run(&args);
    return cli_fail(&args, &err);
}
