/* commands -- the table of commands. One row is one command; --help and the README's list are made
 * of it. */
#include "cli/cli.h"

#define COMMON "--state", "--project", "--output"
static const char *const RUN_OPTIONS[] = {COMMON, "--target", "--bind", "--port-base", "--once", "--events", "--insecure-local", NULL};
static const char *const SQL_OPTIONS[] = {COMMON, "--bind", "--file", NULL};
static const char *const KEYS_OPTIONS[] = {"--state", "--project", "--output", NULL};
static const char *const CHECK_OPTIONS[] = {"--project", "--state", "--output", "--target", "--bind", NULL};
static const char *const EVAL_OPTIONS[] = {"--output", NULL};
static const char *const HUB_OPTIONS[] = {"--state", "--project", "--output", "--listen", "--insecure-local", "--partitions", "--auto-create", NULL};

const struct cli_command CLI_COMMANDS[] = {
    {"run", "", 0, 0, "run the whole project: functions, hub, factory, pipelines, jobs, endpoints",
     "  paystreak run                                   everything, until Ctrl-C\n"
     "  paystreak run --once                            everything once, then exit\n"
     "  paystreak run --bind 'https://raw.githubusercontent.com/o/r/main=file:///data'\n",
     RUN_OPTIONS, cmd_run},
    {"check", "", 0, 0, "say what of the project runs, and what is refused, where", "  paystreak check --project examples/retail\n", CHECK_OPTIONS, cmd_check},
    {"sql", "['STATEMENT']", 0, 1, "run Spark SQL over the project's tables",
     "  paystreak sql 'SELECT * FROM gold.sales_by_month ORDER BY month'\n"
     "  paystreak sql --output json --state /data/state 'SHOW TABLES IN gold'\n", SQL_OPTIONS, cmd_sql},
    {"hub start", "", 0, 0, "run the event hub alone", "  paystreak hub start --state /data/hub --listen 127.0.0.1:9093 --auto-create\n", HUB_OPTIONS, cmd_hub_start},
    {"factory eval", "EXPRESSION", 1, 1, "evaluate a Data Factory expression", "  paystreak factory eval \"@concat('a', string(add(1, 2)))\"\n", EVAL_OPTIONS, cmd_factory_eval},
    {"keys", "", 0, 0, "print the keys of this state", "  paystreak keys --output json\n", KEYS_OPTIONS, cmd_keys},
};
const size_t CLI_COMMAND_COUNT = COUNT_OF(CLI_COMMANDS);
