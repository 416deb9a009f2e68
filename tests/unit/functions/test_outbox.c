/* Exactly once, whatever call fails and whenever the process ends: events, blobs and place agree.
 *
 * The worker is a small program that answers as the real one does, at once; the app emits 0…9 by fives
 * to two hubs and keeps its place in a blob. */
#include "unit/functions/app_util.h"
#include <sys/wait.h>

enum { LAST = 10, STEP = 5 };

static const char WORKER[] =
    "import json, os, struct\n"
    "def take(n):\n"
    "    b = b''\n"
    "    while len(b) < n:\n"
    "        c = os.read(3, n - len(b))\n"
    "        if not c: os._exit(0)\n"
    "        b += c\n"
    "    return b\n"
    "def send(m, *d):\n"
    "    t = json.dumps(m).encode()\n"
    "    os.write(3, struct.pack('<II', 4 + len(t) + sum(map(len, d)), len(t)) + t + b''.join(d))\n"
    "def receive():\n"
    "    n, j = struct.unpack('<II', take(8))\n"
    "    b = take(n - 4)\n"
    "    return json.loads(b[:j]), b[j:]\n"
    "receive()\n"
    "hub = {'type': 'eventHub', 'direction': 'out', 'connection': 'HUB'}\n"
    "blob = {'type': 'blob', 'path': 'places/n.txt', 'connection': 'AzureWebJobsStorage'}\n"
    "send({'is': 'loaded', 'functions': [{'name': 'count', 'file': 'f', 'line': 1, 'col': 1, 'places': {}, 'bindings': [\n"
    "    {'type': 'timerTrigger', 'direction': 'in', 'name': 't', 'schedule': '0 0 0 1 1 *'},\n"
    "    dict(hub, name='a', eventHubName='a'), dict(hub, name='b', eventHubName='b'), dict(hub, name='a2', eventHubName='a'),\n"
    "    dict(blob, name='i', direction='in'), dict(blob, name='o', direction='out')]}]})\n"
    "while True:\n"
    "    m, data = receive()\n"
    "    at = int(data[m['inputs'][0]['bytes']:] or b'0')\n"
    "    end = min(10, at + 5)\n"
    "    rows = json.dumps([str(n) for n in range(at, end)]).encode()\n"
    "    two = ('x%d' % at).encode()\n"
    "    out = [('a', 'json', rows), ('b', 'json', rows), ('a2', 'string', two), ('o', 'string', str(end).encode())] if end > at else []\n"
    "    send({'is': 'result', 'id': m['id'], 'us': 1, 'outputs': [{'name': n, 'type': t, 'bytes': len(d)} for n, t, d in out]}, *(d for _, _, d in out))\n";

/* Hub a has 0…9 and the x of each step, hub b has 0…9, each once. */
static void expect_all(const struct scene *s)
{
    int seen[2][LAST] = {{0}}, marks = 0;
    for (size_t i = 0; i < s->hub.count; i++) {
        bool b = s->hub.hubs[i][0] == 'b';
        int64_t n;
        if (s->hub.bodies[i][0] == 'x') {
            marks++;
            continue;
        }
        assert_true(str_i64(str_z(s->hub.bodies[i]), &n) && n >= 0 && n < LAST);
        seen[b][n]++;
    }
    for (int n = 0; n < LAST; n++) {
        assert_int_equal(seen[0][n], 1);
        assert_int_equal(seen[1][n], 1);
    }
    assert_int_equal(marks, (LAST + STEP - 1) / STEP);
}

/* Runs to the end, or to where a fault stops it. */
static void run_through(struct scene *s)
{
    if (scene_start(s))
        scene_once(s, 0);
    functions_free(s->app);
    s->app = NULL;
}

static void finish_well(struct scene *s)
{
    fs_fault_set(NULL);
    scene_reopen(s);
    assert_true(scene_start(s));
    scene_once(s, 0);
    assert_int_equal(s->errors, 0);
    expect_all(s);
}

/* How many calls a run without faults makes. */
static int64_t count_calls(void)
{
    struct scene s;
    scene_open(&s);
    s.worker = WORKER;
    scene_file(&s, "function_app.py", "");
    fs_fault_set(&(struct fs_fault){FS_FAULT_FAIL, INT64_MAX, 0, "state"});
    run_through(&s);
    int64_t calls = fs_fault_calls();
    fs_fault_set(NULL);
    expect_all(&s);
    scene_close(&s);
    return calls;
}

static void with_fault(enum fs_fault_kind kind, int64_t nth)
{
    struct scene s;
    scene_open(&s);
    s.worker = WORKER;
    scene_file(&s, "function_app.py", "");
    fs_fault_set(&(struct fs_fault){kind, nth, 0, "state"});
    run_through(&s);
    fs_fault_set(NULL);
    scene_leave(&s);
    finish_well(&s);
    scene_close(&s);
}

static void test_failing_calls(void **state)
{
    (void)state;
    int64_t calls = count_calls();
    assert_true(calls > 20);
    for (int64_t n = 1; n <= calls; n++)
        with_fault(FS_FAULT_FAIL, n);
}

/* In a process of its own, started for it: DIR is the scene's. */
static int crash_main(const char *dir, enum fs_fault_kind kind, int64_t nth)
{
    struct scene s = {.worker = WORKER};
    snprintf(s.dir, sizeof s.dir, "%s", dir);
    scene_paths(&s);
    scene_reopen(&s);
    fs_fault_set(&(struct fs_fault){kind, nth, 0, "state"});
    run_through(&s);
    return 0;
}

static void with_crash(enum fs_fault_kind kind, int64_t nth)
{
    struct scene s;
    int status;
    char kind_text[16], nth_text[32];
    scene_open(&s);
    s.worker = WORKER;
    scene_file(&s, "function_app.py", "");
    scene_leave(&s);
    snprintf(kind_text, sizeof kind_text, "%d", (int)kind);
    snprintf(nth_text, sizeof nth_text, "%jd", (intmax_t)nth);
    char *argv[] = {"test_outbox", s.dir, kind_text, nth_text, NULL};
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == FS_FAULT_EXIT_STATUS || WEXITSTATUS(status) == 0));
    finish_well(&s);
    scene_close(&s);
}

static void test_crashes(void **state)
{
    (void)state;
    int64_t calls = count_calls();
    for (int64_t n = 1; n <= calls; n++) {
        static const enum fs_fault_kind kinds[] = {FS_FAULT_EXIT, FS_FAULT_LOSE, FS_FAULT_TEAR};
        with_crash(kinds[n % 3], n);
    }
}

/* A hub that refuses is tried again, and what it took the first time is not there twice. */
static void test_refusals(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s);
    s.worker = WORKER;
    scene_file(&s, "function_app.py", "");
    s.hub.refuse = 2;
    run_through(&s);
    expect_all(&s);
    scene_close(&s);
}

/* One that refuses for good stops the function; its record is published at the next start. */
static void test_refused_for_good(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s);
    s.worker = WORKER;
    scene_file(&s, "function_app.py", "");
    if (!scene_start(&s))
        fail_msg("%s:%d: %s", s.err.where.file, s.err.where.line, s.err.msg);
    s.hub.refuse = 1;
    s.hub.for_good = true;
    scene_once(&s, 0);
    assert_int_equal(s.errors, 1);
    assert_string_equal(s.err.msg, "the fake hub refuses");
    assert_int_equal(scene_status(&s, "count").state, FUNCTION_FAILED);
    scene_leave(&s);
    finish_well(&s);
    scene_close(&s);
}

int main(int argc, char **argv)
{
    log_set_level(LOG_ERROR);
    if (argc == 4)
        return crash_main(argv[1], (enum fs_fault_kind)strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_for_good),
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
