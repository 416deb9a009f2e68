/* A table driven from standard input, for tests with other readers and writers. One command a line:
 *     table DIR                          the table that the next ones are about
 *     begin | commit | end               a transaction
 *     create DDL[;partition,columns]     its schema
 *     property KEY VALUE
 *     write SELECT | evolve SELECT       rows; evolve adds columns
 *     overwrite | app ID VERSION
 *     compact                            all files into one, no data change
 *     delete CONDITION | update COLUMN = VALUE WHERE CONDITION
 *     merge SOURCE ; CONDITION [; evolve]   update and insert all columns, delete where s._delete if there is such a column
 *     mergenot SOURCE ; CONDITION           the same, and rows that match nothing are deleted
 *     partitions SELECT | where CONDITION ; SELECT   overwrites
 *     schema JSON[;partition]            creates from a schemaString
 *     constraint NAME CHECK | rename FROM ; TO | drop COLUMN | type COLUMN DDL | cluster COLUMN | feature NAME   ALTER TABLE
 *     append SELECT                      through the queue
 *     bench COMMITS THREADS [alone]      appends of 1,000 rows: a line of JSON with the rate and latencies; alone: each a version of
 *                                        its own, through a handle a thread
 *     read [VERSION]                     each row as a line of JSON
 *     checkpoint
 *     vacuum MS | clean            files that no version younger than MS names; the log behind the last checkpoint
 *     fault KIND N                the N-th call from here on that changes a local file fails (fail, short) or is
 *                                 the last (exit, lose, tear); KIND none: prints how many there were
 * After each command but read a line "ok …" or "error CODE message". */
#include "lake/maintain.h"
#include "lake/dml.h"
#include "lake/scan.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tool {
    struct arena *arena;
    struct duck *db;
    struct duck_conn *conn;
    struct lake_table *table;
    struct lake_txn *txn;
};

static int on_table(struct tool *t, struct str arg, struct err *err)
{
    (void)err;
    lake_table_close(t->table);
    t->table = lake_table_open(str_cz(t->arena, arg));
    return 0;
}

static int on_begin(struct tool *t, struct str arg, struct err *err)
{
    (void)arg;
    t->txn = lake_txn_begin(t->table, t->conn, err);
    return t->txn ? 0 : -1;
}

static int on_end(struct tool *t, struct str arg, struct err *err)
{
    (void)arg;
    (void)err;
    lake_txn_end(t->txn);
    t->txn = NULL;
    return 0;
}

static int on_commit(struct tool *t, struct str arg, struct err *err)
{
    int64_t version;
    int rc = lake_txn_commit(t->txn, &version, err);
    struct err ignored;
    on_end(t, arg, &ignored);
    if (rc == 0)
        printf("version %jd\n", (intmax_t)version);
    return rc;
}

static int on_create(struct tool *t, struct str arg, struct err *err)
{
    struct str parts = arg, ddl, list, by[16];
    size_t n = 0;
    str_split(&parts, ';', &ddl);
    if (str_split(&parts, ';', &list))
        while (n < COUNT_OF(by) && str_split(&list, ',', &by[n]))
            n++;
    const struct type *schema = type_read_ddl(t->arena, ddl, err);
    if (!schema)
        return -1;
    return lake_txn_create(t->txn, &(struct lake_spec){.schema = schema, .partition_columns = by, .partition_count = n}, err);
}

static int on_property(struct tool *t, struct str arg, struct err *err)
{
    struct lake_pair p = {};
    str_split(&arg, ' ', &p.key);
    p.value = arg;
    return lake_txn_set_properties(t->txn, (struct lake_pairs){&p, 1}, err);
}

static int on_write(struct tool *t, struct str arg, struct err *err)
{
    return lake_txn_write(t->txn, arg, NULL, err) < 0 ? -1 : 0;
}

static int on_evolve(struct tool *t, struct str arg, struct err *err)
{
    return lake_txn_write(t->txn, arg, &(struct lake_write_opts){.merge_schema = true}, err) < 0 ? -1 : 0;
}

static int on_overwrite(struct tool *t, struct str arg, struct err *err)
{
    (void)arg;
    (void)err;
    lake_txn_overwrite(t->txn);
    return 0;
}

static int on_app(struct tool *t, struct str arg, struct err *err)
{
    struct str id;
    int64_t version;
    str_split(&arg, ' ', &id);
    if (!str_i64(arg, &version))
        return err_set(err, ERR_USAGE, "app ID VERSION");
    lake_txn_app(t->txn, id, version);
    return 0;
}

static int on_compact(struct tool *t, struct str arg, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    int rc = on_begin(t, arg, err);
    const struct lake_snapshot *s = rc ? NULL : lake_txn_snapshot(t->txn);
    if (rc == 0) {
        buf_z(&sql, "SELECT * FROM ");
        rc = lake_scan_sql(s, NULL, &sql, err);
    }
    for (size_t i = 0; rc == 0 && i < s->file_count; i++)
        lake_txn_remove(t->txn, s->files[i], false);
    if (rc == 0 && lake_txn_write(t->txn, buf_view(&sql), &(struct lake_write_opts){.no_data_change = true}, err) < 0)
        rc = -1;
    buf_release(&sql);
    return rc ? -1 : on_commit(t, arg, err);
}

/* A condition that the lake's own small parser understands, too, chooses files. */
static struct lake_where *where_of(struct tool *t, struct str text)
{
    struct err ignored;
    struct lake_where *w = ARENA_NEW(t->arena, struct lake_where);
    *w = (struct lake_where){text, text, lake_predicate_parse(t->arena, lake_txn_snapshot(t->txn), text, &ignored)};
    return text.ptr ? w : NULL;
}

static int on_delete(struct tool *t, struct str arg, struct err *err)
{
    struct lake_dml_metrics m;
    return lake_txn_delete(t->txn, where_of(t, arg), &m, err);
}

/* Takes the text before `mark` off the front. */
static struct str before(struct str *rest, const char *mark)
{
    int64_t at = str_find(*rest, str_z(mark));
    struct str part = at < 0 ? *rest : str_sub(*rest, 0, (size_t)at);
    *rest = at < 0 ? STR_NONE : str_from(*rest, (size_t)at + strlen(mark));
    return str_trim(part);
}

static int on_update(struct tool *t, struct str arg, struct err *err)
{
    struct lake_dml_metrics m;
    struct str column = before(&arg, " = "), value = before(&arg, " WHERE ");
    struct lake_set set = {.column = column, .value = value};
    return lake_txn_update(t->txn, &set, 1, where_of(t, arg), &m, err);
}

static int merge(struct tool *t, struct str arg, bool by_source, struct err *err)
{
    struct lake_dml_metrics m;
    struct str source = before(&arg, " ; "), on = before(&arg, " ; ");
    bool del = str_find(source, STR("_delete")) >= 0;
    struct lake_clause clauses[] = {
        {.when = LAKE_MATCHED, .then = LAKE_THEN_DELETE, .condition = del ? STR("s._delete") : STR("false")},
        {.when = LAKE_MATCHED, .then = LAKE_THEN_UPDATE, .star = true},
        {.when = LAKE_NOT_MATCHED, .then = LAKE_THEN_INSERT, .star = true},
        {.when = LAKE_NOT_MATCHED_BY_SOURCE, .then = LAKE_THEN_DELETE},
    };
    struct lake_merge d = {.source_sql = source, .on = {.duck = on, .text = on}, .clauses = clauses, .clause_count = by_source ? 4 : 3,
                           .schema_evolution = str_eqz(str_trim(arg), "evolve")};
    return lake_txn_merge(t->txn, &d, &m, err);
}

static int on_merge(struct tool *t, struct str arg, struct err *err) { return merge(t, arg, false, err); }
static int on_merge_not(struct tool *t, struct str arg, struct err *err) { return merge(t, arg, true, err); }

static int on_partitions(struct tool *t, struct str arg, struct err *err)
{
    return lake_txn_replace(t->txn, arg, &(struct lake_replace){.mode = LAKE_REPLACE_PARTITIONS}, err) < 0 ? -1 : 0;
}

static int on_where(struct tool *t, struct str arg, struct err *err)
{
    struct str where = before(&arg, " ; ");
    return lake_txn_replace(t->txn, arg, &(struct lake_replace){.mode = LAKE_REPLACE_WHERE, .where = *where_of(t, where)}, err) < 0 ? -1 : 0;
}

static int on_schema(struct tool *t, struct str arg, struct err *err)
{
    struct str json = before(&arg, " ; "), by = str_trim(arg);
    struct doc *d = doc_json(t->arena, NULL, json, err);
    const struct type *schema = d ? type_read_json(t->arena, d, err) : NULL;
    if (!schema)
        return -1;
    return lake_txn_create(t->txn, &(struct lake_spec){.schema = schema, .partition_columns = &by, .partition_count = by.len ? 1 : 0}, err);
}

static int on_constraint(struct tool *t, struct str arg, struct err *err)
{
    struct str name = before(&arg, " ");
    return lake_txn_add_constraint(t->txn, name, arg, err);
}

static int on_rename(struct tool *t, struct str arg, struct err *err)
{
    struct str from = before(&arg, " ; ");
    return lake_txn_rename_column(t->txn, (struct lake_path){&from, 1}, arg, err);
}

static int on_drop(struct tool *t, struct str arg, struct err *err)
{
    return lake_txn_drop_column(t->txn, (struct lake_path){&arg, 1}, err);
}

static int on_type(struct tool *t, struct str arg, struct err *err)
{
    struct str column = before(&arg, " ");
    const struct type *row = type_read_ddl(t->arena, str_fmt(t->arena, "x %.*s", STR_ARGS(arg)), err);
    return row ? lake_txn_alter_column(t->txn, (struct lake_path){&column, 1}, &(struct lake_alter_column){.type = row->fields[0].type}, err) : -1;
}

static int on_cluster(struct tool *t, struct str arg, struct err *err)
{
    return lake_txn_cluster_by(t->txn, &(struct lake_path){&arg, 1}, 1, err);
}

static int on_feature(struct tool *t, struct str arg, struct err *err) { return lake_txn_drop_feature(t->txn, arg, err); }

static int on_append(struct tool *t, struct str arg, struct err *err)
{
    int64_t version;
    return lake_append(t->table, t->conn, &(struct lake_append){.select_sql = arg}, &version, err);
}

/* ---- bench */

#define BENCH_SELECT "SELECT i AS id, 'name ' || i AS name, i * 1.5::DOUBLE AS v, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS at, i % 7 AS k FROM range(1000) t(i)"
struct bencher { struct tool *tool; bool alone; int64_t count, *us; int failed; pthread_t thread; };

static int append_alone(struct lake_table *t, struct duck_conn *c, int64_t *version, struct err *err)
{
    struct lake_txn *x = lake_txn_begin(t, c, err);
    int rc = !x || lake_txn_write(x, STR(BENCH_SELECT), NULL, err) < 0 ? -1 : lake_txn_commit(x, version, err);
    lake_txn_end(x);
    return rc;
}

static void *bench_thread(void *arg)
{
    struct bencher *b = arg;
    struct err err = {};
    struct duck_conn *c = duck_connect(b->tool->db, &err);
    struct lake_table *t = b->alone ? lake_table_open(lake_table_dir(b->tool->table)) : b->tool->table;
    for (int64_t i = 0; i < b->count; i++) {
        int64_t from = time_mono_us(), version;
        if (b->alone ? append_alone(t, c, &version, &err) : lake_append(t, c, &(struct lake_append){.select_sql = STR(BENCH_SELECT)}, &version, &err))
            b->failed++;
        b->us[i] = time_mono_us() - from;
    }
    if (b->alone)
        lake_table_close(t);
    duck_disconnect(c);
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int on_bench(struct tool *t, struct str arg, struct err *err)
{
    enum { THREADS_MAX = 64 };
    struct bencher list[THREADS_MAX] = {};
    struct str commits_text = before(&arg, " "), threads_text = before(&arg, " ");
    int64_t commits, threads;
    int failed = 0;
    if (!str_i64(commits_text, &commits) || !str_i64(threads_text, &threads) || threads < 1 || threads > THREADS_MAX)
        return err_set(err, ERR_USAGE, "bench COMMITS THREADS [alone]");
    int64_t *us = ARENA_ARRAY(t->arena, int64_t, commits + 1), *next = us, from = time_mono_us();
    for (int64_t i = 0; i < threads; i++) {
        int64_t each = commits / threads + (i < commits % threads);
        list[i] = (struct bencher){.tool = t, .alone = str_eqz(arg, "alone"), .count = each, .us = next};
        next += each;
        CHECK(pthread_create(&list[i].thread, NULL, bench_thread, &list[i]) == 0);
    }
    for (int64_t i = 0; i < threads; i++) {
        pthread_join(list[i].thread, NULL);
        failed += list[i].failed;
    }
    double seconds = (double)(time_mono_us() - from) / 1e6;
    size_t n = (size_t)commits;
    qsort(us, n, sizeof *us, by_time);
    struct lake_snapshot *s = lake_table_latest(t->table, t->conn, err);
    if (!s)
        return -1;
    printf("{\"commits\":%zu,\"failed\":%d,\"versions\":%jd,\"per_second\":%.1f,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", n, failed, (intmax_t)s->version + 1,
           (double)n / seconds, (double)us[n / 2] / 1e3, (double)us[n * 99 / 100] / 1e3);
    lake_snapshot_unref(s);
    return 0;
}

/* The expressions of these tests read the same in Spark and in DuckDB. */
static int same_text(void *ctx, struct arena *a, struct duck_conn *c, struct str spark, const struct type *schema, const char *alias,
                     struct buf *duck, const struct type **type_out, struct err *err)
{
    (void)ctx, (void)a, (void)c, (void)schema, (void)alias, (void)type_out, (void)err;
    buf_str(duck, spark);
    return 0;
}

static void print_rows(struct duck_result *r)
{
    struct buf line;
    buf_init(&line);
    for (size_t i = 0; i < duck_rows(r); i++) {
        buf_clear(&line);
        for (size_t k = 0; k < duck_cols(r); k++) {
            buf_char(&line, k ? ',' : '{');
            json_quote(&line, duck_col_name(r, k));
            buf_char(&line, ':');
            duck_render(r, k, i, DUCK_AS_JSON, &line);
        }
        buf_z(&line, "}");
        puts(line.ptr);
    }
    buf_release(&line);
}

static int on_read(struct tool *t, struct str arg, struct err *err)
{
    int64_t version;
    int got = -1;
    struct lake_snapshot *s = str_i64(arg, &version) ? lake_table_at(t->table, t->conn, version, err)
                                                     : lake_table_latest(t->table, t->conn, err);
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT * FROM ");
    struct duck_result *r = s && lake_scan_sql(s, NULL, &sql, err) == 0 ? duck_query(t->conn, buf_view(&sql), err) : NULL;
    while (r && (got = duck_next(r, err)) > 0)
        print_rows(r);
    duck_result_free(r);
    buf_release(&sql);
    lake_snapshot_unref(s);
    return got;
}

static int on_checkpoint(struct tool *t, struct str arg, struct err *err)
{
    (void)arg;
    return lake_checkpoint(t->table, t->conn, err);
}

static int on_vacuum(struct tool *t, struct str arg, struct err *err)
{
    int64_t ms = 0;
    if (!str_i64(arg, &ms))
        return err_set(err, ERR_USAGE, "vacuum MS");
    return lake_vacuum(t->table, t->conn, &(struct lake_vacuum_opts){.retention_ms = ms}, t->arena, NULL, err) < 0 ? -1 : 0;
}

static int on_clean(struct tool *t, struct str arg, struct err *err)
{
    (void)arg;
    return lake_clean_log(t->table, t->conn, err) < 0 ? -1 : 0;
}

static int on_fault(struct tool *t, struct str arg, struct err *err)
{
    static const char *const kinds[] = {"none", "fail", "short", "exit", "lose", "tear"};
    struct fs_fault f = {.errnum = ENOSPC};
    struct str kind;
    size_t i = 0;
    (void)t;
    str_split(&arg, ' ', &kind);
    while (i < COUNT_OF(kinds) && !str_eqz(kind, kinds[i]))
        i++;
    if (i == COUNT_OF(kinds) || (i && !str_i64(arg, &f.nth)))
        return err_set(err, ERR_USAGE, "fault KIND N");
    f.kind = (enum fs_fault_kind)i;
    printf("calls %jd\n", (intmax_t)fs_fault_calls());
    fs_fault_set(&f);
    return 0;
}

static const struct { const char *name; int (*run)(struct tool *, struct str, struct err *); } commands[] = {
    {"table", on_table},   {"begin", on_begin},       {"commit", on_commit}, {"end", on_end},   {"create", on_create},
    {"property", on_property}, {"write", on_write},   {"evolve", on_evolve}, {"overwrite", on_overwrite}, {"app", on_app},
    {"delete", on_delete}, {"update", on_update}, {"merge", on_merge}, {"mergenot", on_merge_not}, {"partitions", on_partitions},
    {"where", on_where}, {"schema", on_schema}, {"constraint", on_constraint}, {"rename", on_rename}, {"drop", on_drop}, {"type", on_type},
    {"cluster", on_cluster}, {"feature", on_feature}, {"append", on_append}, {"bench", on_bench},
    {"compact", on_compact},   {"read", on_read},     {"checkpoint", on_checkpoint},
    {"vacuum", on_vacuum},  {"clean", on_clean},         {"fault", on_fault}
};

static void run_line(struct tool *t, struct str line)
{
    struct str name;
    struct err err = {};
    int rc = -2;
    if (!str_split(&line, ' ', &name))
        return;
    for (size_t i = 0; i < COUNT_OF(commands) && rc == -2; i++)
        if (str_eqz(name, commands[i].name))
            rc = commands[i].run(t, line, &err);
    if (rc == -2)
        rc = err_set(&err, ERR_USAGE, "no such command");
    if (rc)
        printf("error %s %s\n", err_code_name(err.code), err.msg);
    else
        printf("ok\n");
    fflush(stdout);
}

int main(void)
{
    struct tool t = {.arena = arena_new()};
    struct err err;
    static char line[1 << 20];
    t.db = duck_new(&(struct duck_opts){.threads = 2, .memory_mb = 1024}, &err);
    t.conn = t.db ? duck_connect(t.db, &err) : NULL;
    lake_set_expr_fn(same_text, NULL);
    if (!t.conn || lake_register(t.db, &err))
        return 3;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        run_line(&t, str_z(line));
    }
    lake_txn_end(t.txn);
    lake_table_close(t.table);
    duck_disconnect(t.conn);
    duck_free(t.db);
    arena_free(t.arena);
    return 0;
}
