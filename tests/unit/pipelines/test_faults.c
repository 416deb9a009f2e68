/* exactly once: a continuous run in a child process is broken at the n-th change of a file, in every
 * way the seam knows; another process goes on with what is on disk, and each row is there once, in
 * the table, in the table that streams from it, and in the view; so are the expectations' counts. */
#include "unit/pipelines/harness.h"
#include <sys/wait.h>

enum { FILES = 3, ROWS = 4 /* a file, one of them bad */ };

static const char SQL[] =
    "CREATE STREAMING TABLE first (CONSTRAINT good EXPECT (id > 0) ON VIOLATION DROP ROW, CONSTRAINT small EXPECT (id < 20)) AS\n"
    "SELECT CAST(id AS INT) AS id FROM STREAM read_files('in/', format => 'csv', header => true, schema => 'id STRING', maxFilesPerTrigger => 1);\n"
    "CREATE STREAMING TABLE second AS SELECT id, id * 2 AS twice FROM STREAM(first);\n"
    "CREATE MATERIALIZED VIEW third AS SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(twice) AS total FROM second;\n";

static void hush(void *ctx, enum log_level level, struct str line)
{
    (void)ctx, (void)level, (void)line; /* the faults are meant */
}

static void caught_up(void *arg, int failures)
{
    (void)failures;
    *(bool *)arg = true;
}

static void set_up(void *arg, const struct err *err)
{
    (void)err;
    *(bool *)arg = true;
}

static void run(struct world *w)
{
    struct err err = {};
    bool done = false;
    must(pipelines_start_continuous(w->p, STR("p"), &err), &err);
    pipelines_when_caught_up(w->p, caught_up, &done);
    turn_until(w, &done);
}

/* The child: tables first, then the run with the fault armed. Exits with the number of changes made. */
static void child(struct world *w, const struct fs_fault *fault, int report)
{
    struct err err = {};
    bool done = false;
    log_set_sink(hush, NULL);
    world_open(w);
    must(world_add(w, "p", "p.sql", &err), &err);
    pipelines_set_up_all(w->p, set_up, &done);
    turn_until(w, &done);
    fs_fault_set(fault);
    run(w);
    int64_t calls = fs_fault_calls();
    if (write(report, &calls, sizeof calls) != sizeof calls)
        _exit(1);
    _exit(0);
}

struct totals { int64_t passed[2], failed[2]; };

static void count(void *ctx, const struct dataset_status *s)
{
    struct totals *t = ctx;
    for (size_t i = 0; i < s->expectation_count; i++) {
        t->passed[i] = s->expectations[i].passed;
        t->failed[i] = s->expectations[i].failed;
    }
}

/* The other process: everything is there once. */
static void verify(struct world *w, int64_t n)
{
    struct err err = {};
    struct totals t = {};
    world_open(w);
    must(world_add(w, "p", "p.sql", &err), &err);
    run(w);
    const char *first = world_sql(w, "SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id) AS total FROM s.first");
    const char *second = world_sql(w, "SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id) AS total FROM s.second");
    const char *third = world_sql(w, "SELECT * FROM s.third");
    pipelines_each(w->p, count, &t);
    if (strcmp(first, "{\"n\":9,\"ids\":9,\"total\":108}\n") || strcmp(second, first) ||
        strcmp(third, "{\"n\":9,\"ids\":9,\"total\":216}\n") || t.passed[0] != 9 || t.failed[0] != 3 || t.passed[1] != 9 || t.failed[1] != 3)
        fail_msg("fault at call %jd: first %s second %s third %s good %jd/%jd small %jd/%jd", (intmax_t)n, first, second, third,
                 (intmax_t)t.passed[0], (intmax_t)t.failed[0], (intmax_t)t.passed[1], (intmax_t)t.failed[1]);
    world_close(w);
}

/* Runs child() or, without a fault, verify() in a process of its own: this one must stay without
 * threads, which a fork would lose. Returns its exit status. */
static int in_child(struct world *w, const struct fs_fault *fault, int arg)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (fault)
            child(w, fault, arg);
        verify(w, arg);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* One broken run and its repair. Returns the changes the child made if it got to the end, else -1. */
static int64_t round_of(enum fs_fault_kind kind, int64_t n)
{
    struct world *w = NEW(struct world);
    char dir[] = "/tmp/paystreak-pipelines-XXXXXX";
    const struct fs_fault fault = {.kind = kind, .nth = n};
    int64_t calls = -1;
    int report[2];
    struct err err = {};
    w->arena = arena_new();
    assert_non_null(mkdtemp(dir));
    w->root = arena_strdup(w->arena, dir);
    w->project = arena_printf(w->arena, "%s/project", dir);
    world_write(w, "p.sql", SQL);
    for (int f = 0; f < FILES; f++)
        world_write(w, arena_printf(w->arena, "in/%d.csv", f), arena_printf(w->arena, "id\n%d\n%d\n%d\n-1\n", f * 10 + 1, f * 10 + 2, f * 10 + 3));
    assert_int_equal(pipe(report), 0);
    int status = in_child(w, &fault, report[1]);
    close(report[1]);
    if (read(report[0], &calls, sizeof calls) != sizeof calls)
        calls = -1;
    close(report[0]);
    if (status && status != FS_FAULT_EXIT_STATUS)
        fail_msg("the child failed with %d at call %jd", status, (intmax_t)n);
    if (in_child(w, NULL, (int)n))
        fail_msg("kind %d, call %jd: not each row once; see above", kind, (intmax_t)n);
    must(fs_remove_tree(w->root, &err), &err);
    arena_free(w->arena);
    mem_free(w);
    return calls;
}

static void test_each_call(void **state)
{
    static const enum fs_fault_kind kinds[] = {FS_FAULT_EXIT, FS_FAULT_LOSE, FS_FAULT_FAIL, FS_FAULT_TEAR, FS_FAULT_SHORT};
    (void)state;
    int64_t calls = round_of(FS_FAULT_NONE, 0);
    int64_t stride = getenv("SOAK") ? 1 : calls / 7 + 1;
    print_message("%jd changes of files, every %jd. breaks\n", (intmax_t)calls, (intmax_t)stride);
    assert_true(calls > 50);
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int64_t n = 1 + (int64_t)k; n <= calls; n += getenv("SOAK") ? 1 : stride)
            round_of(kinds[k], n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_call)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
