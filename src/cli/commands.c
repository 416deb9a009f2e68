/* commands -- the table of commands. One row is one command; --help and the README's list are made
 * of it. */
#include "cli/cli.h"

#define COMMON "--state", "--project", "--output"
static const char *const RUN_OPTIONS[] = {COMMON, "--target", "--bind", "--port-base", "--once", "--events", "--insecure-local", "--amqp", "--https", "--tls-cert", "--tls-key", NULL};
static const char *const SQL_OPTIONS[] = {COMMON, "--bind", "--file", NULL};
static const char *const KEYS_OPTIONS[] = {"--state", "--project", "--output", NULL};
static const char *const CHECK_OPTIONS[] = {"--project", "--state", "--output", "--target", "--bind", NULL};
static const char *const PIPELINES_OPTIONS[] = {COMMON, "--spec", "--target", "--bind", NULL};
static const char *const PIPELINES_RUN_OPTIONS[] = {COMMON, "--spec", "--target", "--bind", "--refresh", "--full-refresh", "--full-refresh-all", NULL};
static const char *const EVAL_OPTIONS[] = {"--output", "--cases", "--param", "--parameters", NULL};
static const char *const SERVE_OPTIONS[] = {COMMON, "--target", "--bind", "--pg", "--web", "--insecure-local", NULL};
static const char *const CONNECT_OPTIONS[] = {COMMON, "--bind", "--listen", "--insecure-local", NULL};
static const char *const FACTORY_RUN_OPTIONS[] = {COMMON, "--factory", "--bind", "--param", "--parameters", "--activity-outputs", NULL};
static const char *const HUB_OPTIONS[] = {"--state", "--project", "--output", "--listen", "--insecure-local", "--partitions", "--auto-create", "--amqp", "--https", "--tls-cert", "--tls-key", NULL};
#define HUB_CLIENT COMMON, "--listen", "--namespace", "--bind"
static const char *const HUB_CLIENT_OPTIONS[] = {HUB_CLIENT, NULL};
static const char *const HUB_CREATE_OPTIONS[] = {HUB_CLIENT, "--partitions", NULL};
static const char *const HUB_PRODUCE_OPTIONS[] = {HUB_CLIENT, "--key", NULL};
static const char *const HUB_CONSUME_OPTIONS[] = {HUB_CLIENT, "--limit", NULL};
static const char *const HUB_RESET_OPTIONS[] = {HUB_CLIENT, "--to", NULL};
static const char *const STORAGE_OPTIONS[] = {COMMON, "--port", "--insecure-local", NULL};
static const char *const LAKE_OPTIONS[] = {COMMON, "--bind", NULL};
static const char *const LAKE_AT_OPTIONS[] = {COMMON, "--bind", "--version", "--timestamp", NULL};
static const char *const LAKE_CAT_OPTIONS[] = {COMMON, "--bind", "--version", "--timestamp", "--cdf", "--limit", NULL};
static const char *const LAKE_OPTIMIZE_OPTIONS[] = {COMMON, "--bind", "--where", "--zorder", NULL};
static const char *const LAKE_VACUUM_OPTIONS[] = {COMMON, "--bind", "--retain", "--dry-run", "--no-retention-check", NULL};
static const char *const LAKE_VERIFY_OPTIONS[] = {COMMON, "--bind", "--full", NULL};
static const char *const LAKE_CONVERT_OPTIONS[] = {COMMON, "--bind", "--partition-by", NULL};
static const char *const LAKE_LIMIT_OPTIONS[] = {COMMON, "--bind", "--limit", NULL};

const struct cli_command CLI_COMMANDS[] = {
    {"run", "", 0, 0, "run the whole project: functions, hub, factory, pipelines, jobs, endpoints",
     "  paystreak run                                   everything, until Ctrl-C\n"
     "  paystreak run --once                            everything once, then exit\n"
     "  paystreak run --bind 'https://raw.githubusercontent.com/o/r/main=file:///data'\n",
     RUN_OPTIONS, cmd_run},
    {"check", "", 0, 0, "say what of the project runs, and what is refused, where", "  paystreak check --project examples/retail\n", CHECK_OPTIONS, cmd_check},
    {"status", "", 0, 0, "say what the project that runs on a state is doing", "  paystreak status\n  paystreak status --output json\n", KEYS_OPTIONS, cmd_status},
    {"stop", "", 0, 0, "end the run on a state as Ctrl-C does, and wait for its end", "  paystreak stop --state /data/state\n", KEYS_OPTIONS, cmd_stop},
    {"sql", "['STATEMENT']", 0, 1, "run Spark SQL over the project's tables",
     "  paystreak sql 'SELECT * FROM gold.daily ORDER BY day'\n"
     "  paystreak sql --output json --state /data/state 'SHOW TABLES IN gold'\n", SQL_OPTIONS, cmd_sql},
    {"hub start", "", 0, 0, "run the event hub alone", "  paystreak hub start --state /data/hub --listen 127.0.0.1:9093 --auto-create\n"
     "  paystreak hub start --state /data/hub --amqp 5672 --https 5443\n", HUB_OPTIONS, cmd_hub_start},
    {"hub topics", "", 0, 0, "list the hubs of a running hub, with partitions and events", "  paystreak hub topics --output json\n", HUB_CLIENT_OPTIONS,
     cmd_hub_topics},
    {"hub create", "HUB", 1, 1, "make a hub", "  paystreak hub create orders --partitions 8\n", HUB_CREATE_OPTIONS, cmd_hub_create},
    {"hub produce", "HUB", 1, 1, "send each line of standard input as an event", "  paystreak hub produce orders --key 'customer 7' < events.jsonl\n",
     HUB_PRODUCE_OPTIONS, cmd_hub_produce},
    {"hub consume", "HUB", 1, 1, "print the events that are there", "  paystreak hub consume orders --limit 10 --output json\n", HUB_CONSUME_OPTIONS, cmd_hub_consume},
    {"hub tail", "HUB", 1, 1, "print events as they come", "  paystreak hub tail orders\n", HUB_CONSUME_OPTIONS, cmd_hub_tail},
    {"hub groups", "", 0, 0, "list consumer groups and how far behind they are", "  paystreak hub groups\n", HUB_CLIENT_OPTIONS, cmd_hub_groups},
    {"hub reset-offsets", "GROUP HUB", 2, 2, "let a group that nobody is in go on elsewhere", "  paystreak hub reset-offsets billing orders --to latest\n",
     HUB_RESET_OPTIONS, cmd_hub_reset_offsets},
    {"storage start", "", 0, 0, "serve the state's storage as Azure Blob, Data Lake and Queue", "  paystreak storage start --state /data/state --port 10000\n",
     STORAGE_OPTIONS, cmd_storage_start},
    {"serve", "", 0, 0, "serve a state's tables: PostgreSQL, the console, the dashboards", "  paystreak serve --state /data/state --pg 5433 --web 8580\n", SERVE_OPTIONS, cmd_serve},
    {"connect", "", 0, 0, "serve a state's tables over Spark Connect",
     "  paystreak connect --state /data/state --listen 127.0.0.1:15002\n  SPARK_REMOTE=sc://127.0.0.1:15002 python my_job.py\n", CONNECT_OPTIONS, cmd_connect},
    {"factory eval", "['EXPRESSION']", 0, 1, "evaluate a Data Factory expression, or a file of cases",
     "  paystreak factory eval \"@concat('a', string(add(1, 2)))\"\n"
     "  paystreak factory eval --param day=2024-01-31 \"@pipeline().parameters.day\"\n"
     "  paystreak factory eval --cases cases.json\n", EVAL_OPTIONS, cmd_factory_eval},
    {"factory run", "PIPELINE", 1, 1, "run one pipeline of a Data Factory folder",
     "  paystreak factory run copy_daily --factory adf --param day=2024-01-31\n"
     "  paystreak factory run copy_daily --bind 'https://raw.githubusercontent.com/o/r/main=file:///data' --output json\n", FACTORY_RUN_OPTIONS, cmd_factory_run},
    {"pipelines run", "[PIPELINE…]", 0, CLI_MAX_ARGS, "bring the project's pipelines, or those named, up to date once",
     "  paystreak pipelines run\n  paystreak pipelines run batch --full-refresh silver.customers --output json\n"
     "  paystreak pipelines run --spec spark-pipeline.yml --state /data/state\n", PIPELINES_RUN_OPTIONS, cmd_pipelines_run},
    {"pipelines dry-run", "[PIPELINE…]", 0, CLI_MAX_ARGS, "check the graph, names and types of pipelines; nothing runs", "  paystreak pipelines dry-run --spec spark-pipeline.yml\n",
     PIPELINES_OPTIONS, cmd_pipelines_dry_run},
    {"pipelines graph", "[PIPELINE…]", 0, CLI_MAX_ARGS, "list the datasets of pipelines and what each reads", "  paystreak pipelines graph --output json\n", PIPELINES_OPTIONS, cmd_pipelines_graph},
    {"pipelines events", "[PIPELINE…]", 0, CLI_MAX_ARGS, "print the event logs of pipelines", "  paystreak pipelines events live --output json\n", PIPELINES_OPTIONS, cmd_pipelines_events},
    {"lake ls", "[NAME|FOLDER]", 0, 1, "list the tables of the catalog, of a catalog or schema, or those below a folder",
     "  paystreak lake ls\n  paystreak lake ls main.gold\n  paystreak lake ls /data\n", LAKE_OPTIONS, cmd_lake_ls},
    {"lake schema", "URI", 1, 1, "print a Delta table's columns", "  paystreak lake schema main.gold.sales\n  paystreak lake schema --output json /data/sales\n",
     LAKE_AT_OPTIONS, cmd_lake_schema},
    {"lake detail", "URI", 1, 1, "print a Delta table's properties, features and size", "  paystreak lake detail main.gold.sales\n", LAKE_AT_OPTIONS, cmd_lake_detail},
    {"lake history", "URI", 1, 1, "print a Delta table's commits, newest first", "  paystreak lake history --limit 10 main.gold.sales\n", LAKE_LIMIT_OPTIONS, cmd_lake_history},
    {"lake files", "URI", 1, 1, "list a Delta table's live data files", "  paystreak lake files --output json /data/sales\n", LAKE_AT_OPTIONS, cmd_lake_files},
    {"lake cat", "URI", 1, 1, "print a Delta table's rows, of any version, or its changes",
     "  paystreak lake cat --output json abfss://c@acct.dfs.core.windows.net/sales\n"
     "  paystreak lake cat --version 7 main.gold.sales\n"
     "  paystreak lake cat --timestamp 2024-05-01T12:00:00Z main.gold.sales\n"
     "  paystreak lake cat --cdf 3 --version 9 main.gold.sales    the changes of versions 3 to 9\n", LAKE_CAT_OPTIONS, cmd_lake_cat},
    {"lake checkpoint", "URI", 1, 1, "write a checkpoint, and delete log files that are out of their time", "  paystreak lake checkpoint main.gold.sales\n",
     LAKE_OPTIONS, cmd_lake_checkpoint},
    {"lake optimize", "URI", 1, 1, "join small files; with --zorder order the rows for skipping",
     "  paystreak lake optimize main.gold.sales\n"
     "  paystreak lake optimize --where \"day >= '2024-01-01'\" --zorder customer,product /data/sales\n", LAKE_OPTIMIZE_OPTIONS, cmd_lake_optimize},
    {"lake vacuum", "URI", 1, 1, "delete files that no version of the last days names",
     "  paystreak lake vacuum --dry-run main.gold.sales\n  paystreak lake vacuum --retain 240 main.gold.sales\n", LAKE_VACUUM_OPTIONS, cmd_lake_vacuum},
    {"lake restore", "URI", 1, 1, "make the newest version hold what an older one held",
     "  paystreak lake restore --version 7 main.gold.sales\n  paystreak lake restore --timestamp 2024-05-01T12:00:00Z main.gold.sales\n", LAKE_AT_OPTIONS,
     cmd_lake_restore},
    {"lake verify", "URI", 1, 1, "check files, sizes, rows, vectors, checkpoint and log; with --full statistics",
     "  paystreak lake verify --full main.gold.sales                exit status 1 if something is wrong\n", LAKE_VERIFY_OPTIONS, cmd_lake_verify},
    {"lake convert", "FOLDER", 1, 1, "make a folder of Parquet files a Delta table, in place",
     "  paystreak lake convert /data/sales\n  paystreak lake convert --partition-by 'day DATE, region STRING' /data/sales\n", LAKE_CONVERT_OPTIONS, cmd_lake_convert},
    {"lake clone", "URI FOLDER", 2, 2, "make a table in FOLDER that shares the files of URI (a shallow clone)",
     "  paystreak lake clone --version 7 main.gold.sales /data/sales_7\n", LAKE_AT_OPTIONS, cmd_lake_clone},
    {"keys", "", 0, 0, "print the keys of this state", "  paystreak keys --output json\n", KEYS_OPTIONS, cmd_keys},
};
const size_t CLI_COMMAND_COUNT = COUNT_OF(CLI_COMMANDS);
