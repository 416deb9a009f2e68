/* Apps in Python, run by the real azure-functions package against a hub that only counts. */
#include "unit/functions/app_util.h"

#define NEED_PYTHON() do { if (!scene_python()) { print_message("skip: no build/deps/venv\n"); skip(); } } while (0)

/* Counts to 10 by threes; its place is a blob. */
static const char COUNTER[] =
    "import json, logging\n"
    "from typing import List\n"
    "import azure.functions as func\n"
    "app = func.FunctionApp()\n"
    "@app.function_name(name='count')\n"
    "@app.timer_trigger(arg_name='tick', schedule='0 0 0 1 1 *', use_monitor=False)\n"
    "@app.blob_input(arg_name='seen', path='places/count.txt', connection='AzureWebJobsStorage')\n"
    "@app.blob_output(arg_name='done', path='places/count.txt', connection='AzureWebJobsStorage')\n"
    "@app.event_hub_output(arg_name='out', event_hub_name='%HUB_NAME%', connection='HUB')\n"
    "def count(tick: func.TimerRequest, seen: func.InputStream, done: func.Out[str], out: func.Out[List[str]], context) -> None:\n"
    "    start = int(seen.read()) if seen is not None else 0\n"
    "    rows = list(range(start, min(10, start + 3)))\n"
    "    if not rows:\n"
    "        return\n"
    "    out.set([json.dumps({'n': n, 'f': context.function_name}) for n in rows])\n"
    "    done.set(str(start + len(rows)))\n";

static void expect_ten(struct scene *s)
{
    char want[64];
    assert_int_equal(s->hub.count, 10);
    for (int n = 0; n < 10; n++) {
        snprintf(want, sizeof want, "{\"n\": %d, \"f\": \"count\"}", n);
        assert_string_equal(s->hub.bodies[n], want);
        assert_string_equal(s->hub.hubs[n], "out");
    }
}

static void test_once(void **state)
{
    struct scene s;
    (void)state;
    NEED_PYTHON();
    scene_open(&s);
    scene_file(&s, "function_app.py", COUNTER);
    if (!scene_start(&s))
        fail_msg("%s:%d: %s", s.err.where.file, s.err.where.line, s.err.msg);
    scene_once(&s, 0);
    assert_int_equal(s.errors, 0);
    expect_ten(&s);
    struct function_status f = scene_status(&s, "count");
    assert_int_equal(f.invocations, 5);
    assert_int_equal(f.events, 10);
    assert_int_equal(f.blobs, 4);
    assert_int_equal(f.state, FUNCTION_DONE);
    scene_stop(&s);
    assert_true(scene_start(&s)); /* goes on where it stopped: at the end */
    scene_once(&s, 0);
    expect_ten(&s);
    scene_close(&s);
}

#define APP "import azure.functions as func\nimport logging, os, sys, time, asyncio\nfrom typing import List\napp = func.FunctionApp()\n"
#define TICK "@app.timer_trigger(arg_name='tick', schedule='* * * * * *', use_monitor=False)\n"
#define OUT "@app.event_hub_output(arg_name='out', event_hub_name='out', connection='HUB')\n"

/* Starts an app of this text that must be refused. */
static void expect_refusal(const char *text, const char *file, int line, int col, const char *part)
{
    struct scene s;
    scene_open(&s);
    scene_file(&s, "function_app.py", text);
    if (scene_start(&s))
        fail_msg("not refused: %s", part);
    if (strcmp(s.err.where.file, file) || s.err.where.line != line || s.err.where.col != col || !strstr(s.err.msg, part))
        fail_msg("%s:%d:%d: %s", s.err.where.file, s.err.where.line, s.err.where.col, s.err.msg);
    scene_close(&s);
}

static void test_refusals(void **state)
{
    (void)state;
    NEED_PYTHON();
    expect_refusal(APP "def f(:\n", "app/function_app.py", 5, 7, "SyntaxError");
    expect_refusal(APP "x = 1\nnope()\n", "app/function_app.py", 6, 1, "NameError");
    expect_refusal(APP "import helper_that_is_not_there\n", "app/function_app.py", 5, 1, "ModuleNotFoundError");
    expect_refusal(APP "@app.timer_trigger(arg_name='tick', shedule='* * * * * *')\ndef f(tick): pass\n",
                   "app/function_app.py", 5, 2, "'schedule'");
    expect_refusal(APP "@app.timer_trigger(arg_name='tick',\n    schedule='0 0 99 * * *')\ndef f(tick): pass\n",
                   "app/function_app.py", 6, 14, "schedule '0 0 99 * * *'");
    expect_refusal(APP TICK "@app.queue_output(arg_name='q', queue_name='x', connection='HUB')\ndef f(tick, q): pass\n",
                   "app/function_app.py", 6, 2, "'queue' is not supported");
    expect_refusal(APP "@app.route(route='x')\ndef f(req: func.HttpRequest): return ''\n", "app/function_app.py", 5, 2, "HTTP");
    expect_refusal(APP TICK "@app.event_hub_output(arg_name='out', event_hub_name='out', connection='NOPE')\ndef f(tick, out): pass\n",
                   "app/function_app.py", 6, 72, "'NOPE'");
    expect_refusal(APP TICK OUT "def f(tick): pass\n", "app/function_app.py", 7, 1, "'out' is no parameter");
    expect_refusal(APP TICK "def f(tick, more): pass\n", "app/function_app.py", 6, 1, "'more' has no binding");
    expect_refusal(APP TICK OUT "def f(tick, out: str): pass\n", "app/function_app.py", 7, 1, "direction is 'out'");
    expect_refusal(APP OUT "def f(out): pass\n", "app/function_app.py", 6, 1, "does not have a trigger");
    expect_refusal(APP TICK "@app.retry(strategy='fixed_delay', max_retry_count='3', delay_interval='00:00:01')\ndef f(tick): pass\n",
                   "app/function_app.py", 7, 1, "retry_policy");
    expect_refusal("import azure.functions as func\n", "app/function_app.py", 1, 1, "one FunctionApp");
}

/* Five lines of data.txt at a time to the last one, or for ever if MODE says so. */
static const char REPLAY[] =
    APP "@app.function_name(name='replay')\n" TICK
    "@app.blob_input(arg_name='seen', path='places/replay.txt', connection='AzureWebJobsStorage')\n"
    "@app.blob_output(arg_name='done', path='places/replay.txt', connection='AzureWebJobsStorage')\n" OUT
    "def replay(tick, seen: func.InputStream, done: func.Out[str], out: func.Out[List[str]]):\n"
    "    start = int(seen.read()) if seen is not None else 0\n"
    "    lines = open('data.txt').read().splitlines() if os.path.exists('data.txt') else []\n"
    "    rows = lines[start:start + 5] if not os.path.exists('endless') else ['x'] * 5\n"
    "    if rows:\n"
    "        out.set(rows)\n"
    "        done.set(str(start + len(rows)))\n";

static int64_t cut_after; /* what the last stop of an endless function said; 0: none was stopped */

static void on_cut(void *arg, struct str function, int64_t events)
{
    (void)arg;
    assert_true(str_eqz(function, "replay"));
    cut_after = events;
}

/* The same from lines that the app read when it was loaded. */
static const char REPLAY_LOADED[] =
    APP "LINES = open('data.txt').read().splitlines()\n"
    "@app.function_name(name='replay')\n" TICK OUT
    "def replay(tick, out: func.Out[List[str]]):\n"
    "    if LINES:\n"
    "        out.set([LINES.pop() for _ in LINES[:5]])\n";

/* How many events it sends with a low limit, given a file of so many lines; endless or to its end. */
static size_t replayed_by(const char *app, int lines, bool endless)
{
    cut_after = 0;
    struct scene s;
    struct buf text;
    scene_open(&s);
    buf_init(&text);
    for (int i = 0; i < lines; i++)
        buf_printf(&text, "line %d\n", i);
    scene_file(&s, "function_app.py", app);
    if (lines)
        scene_file(&s, "data.txt", text.ptr);
    if (endless)
        scene_file(&s, "endless", "");
    if (!scene_start(&s))
        fail_msg("%s:%d: %s", s.err.where.file, s.err.where.line, s.err.msg);
    struct functions_once once = {.endless_events = 20, .endless_invocations = 2, .cut = on_cut};
    functions_once(s.app, &once, on_scene_done, &s);
    scene_wait(&s, &s.done);
    assert_int_equal(s.errors, 0);
    size_t sent = s.hub.count;
    buf_release(&text);
    scene_stop(&s);
    scene_close(&s);
    return sent;
}

static size_t replayed(int lines, bool endless) { return replayed_by(REPLAY, lines, endless); }

static void test_a_replay_is_not_cut(void **state)
{
    (void)state;
    NEED_PYTHON();
    assert_int_equal(replayed(203, false), 203);
    assert_int_equal(replayed_by(REPLAY_LOADED, 203, false), 203);
    assert_int_equal(cut_after, 0);
    assert_int_equal(replayed(0, true), 20);
    assert_int_equal(cut_after, 20); /* never in silence */
    assert_int_equal(replayed(11, true), 20);
    size_t sent = replayed(52, true); /* it reads a file, but not to go through it: stopped after as many */
    assert_in_range(sent, 53, 57);
}

/* One function of this text runs once; its status afterwards. */
static struct function_status run_one(struct scene *s, const char *text)
{
    scene_open(s);
    scene_file(s, "function_app.py", text);
    if (!scene_start(s))
        fail_msg("%s:%d:%d: %s", s->err.where.file, s->err.where.line, s->err.where.col, s->err.msg);
    scene_once(s, 1);
    return scene_status(s, "f");
}

static void test_failures(void **state)
{
    struct scene s;
    (void)state;
    NEED_PYTHON();
    struct function_status f = run_one(&s, APP TICK OUT "def f(tick, out: func.Out[str]):\n    out.set('lost')\n    helper()\n\ndef helper():\n    raise ValueError('key c2VjcmV0LWtleQ== leaks')\n");
    assert_int_equal(f.failures, 1);
    assert_int_equal(f.state, FUNCTION_FAILED);
    assert_int_equal(s.hub.count, 0); /* what failed sends nothing */
    assert_string_equal(f.error->where.file, "app/function_app.py");
    assert_int_equal(f.error->where.line, 12);
    assert_string_equal(f.error->msg, "function 'f': ValueError: key *** leaks");
    scene_close(&s);
    f = run_one(&s, APP TICK OUT "def f(tick, out):\n    out.set({'a': 1})\n");
    assert_non_null(strstr(f.error->msg, "type dict cannot be sent to the binding 'out'"));
    scene_close(&s);
    f = run_one(&s, APP TICK OUT "def f(tick, out):\n    print('last words', file=sys.stderr)\n    os._exit(7)\n");
    assert_non_null(strstr(f.error->msg, "ended with status 7: last words"));
    scene_close(&s);
}

static void test_timeout(void **state)
{
    struct scene s;
    (void)state;
    NEED_PYTHON();
    scene_open(&s);
    scene_file(&s, "host.json", "{\"version\": \"2.0\", \"functionTimeout\": \"00:00:01\"}");
    scene_file(&s, "function_app.py", APP TICK OUT "def f(tick, out):\n    time.sleep(60)\n");
    assert_true(scene_start(&s));
    scene_once(&s, 1);
    assert_int_equal(s.errors, 1);
    assert_int_equal(s.err.code, ERR_TIMEOUT);
    scene_close(&s);
}

static void test_kinds_of_functions(void **state)
{
    static const struct { const char *text, *body; } cases[] = {
        {APP TICK OUT "async def f(tick, out: func.Out[str]):\n    await asyncio.sleep(0)\n    out.set('async')\n", "async"},
        {APP TICK OUT "def f(tick, out: func.Out[bytes], context: func.Context):\n    out.set(context.function_name.encode())\n", "f"},
        {APP TICK "@app.event_hub_output(arg_name='$return', event_hub_name='out', connection='HUB')\ndef f(tick: func.TimerRequest) -> str:\n    return str(tick.past_due)\n", "False"},
        {APP "bp = func.Blueprint()\n@bp.timer_trigger(arg_name='tick', schedule='* * * * * *', use_monitor=False)\n@bp.event_hub_output(arg_name='out', event_hub_name='out', connection='HUB')\ndef f(tick, out: func.Out[str]):\n    out.set(os.environ['HUB_NAME'])\napp.register_functions(bp)\n", "out"},
        {APP "@app.function_name('f')\n" TICK OUT "def g(tick, out: func.Out[List[str]]):\n    out.set(['only'])\n", "only"},
    };
    (void)state;
    NEED_PYTHON();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct scene s;
        run_one(&s, cases[i].text);
        assert_int_equal(s.errors, 0);
        assert_int_equal(s.hub.count, 1);
        assert_string_equal(s.hub.bodies[0], cases[i].body);
        scene_close(&s);
    }
}

static const char V1_JSON[] =
    "{ // written by hand\n \"scriptFile\": \"__init__.py\", \"bindings\": [\n"
    "  {\"name\": \"tick\", \"type\": \"timerTrigger\", \"direction\": \"in\", \"schedule\": \"* * * * * *\", \"useMonitor\": false},\n"
    "  {\"name\": \"out\", \"type\": \"eventHub\", \"direction\": \"out\", \"eventHubName\": \"out\", \"connection\": \"HUB\"},\n"
    "]}\n";

static void test_v1(void **state)
{
    struct scene s;
    (void)state;
    NEED_PYTHON();
    scene_open(&s);
    scene_file(&s, "f/function.json", V1_JSON);
    scene_file(&s, "f/__init__.py", "import azure.functions as func\nfrom . import near\nfrom ..shared import far\nimport shared.far as same\n"
                                    "def main(tick: func.TimerRequest, out: func.Out[str]) -> None:\n    out.set(near.WORD + far.WORD + same.WORD)\n");
    scene_file(&s, "f/near.py", "WORD = 'near'\n");
    scene_file(&s, "shared/far.py", "WORD = 'far'\n");
    scene_file(&s, "off/function.json", "{\"disabled\": true, \"bindings\": []}");
    if (!scene_start(&s))
        fail_msg("%s:%d: %s", s.err.where.file, s.err.where.line, s.err.msg);
    scene_once(&s, 1);
    assert_int_equal(s.errors, 0);
    assert_int_equal(s.hub.count, 1);
    assert_string_equal(s.hub.bodies[0], "nearfarfar");
    functions_free(s.app);
    scene_file(&s, "f/function.json", "{\"bindings\": [\n  {\"name\": \"q\", \"type\": \"queueTrigger\"}]}");
    assert_false(scene_start(&s));
    assert_string_equal(s.err.where.file, "app/f/function.json");
    assert_int_equal(s.err.where.line, 2);
    scene_file(&s, "f/function.json", "{\"bindings\": [1 2]}");
    assert_false(scene_start(&s));
    assert_int_equal(s.err.where.col, 17);
    scene_close(&s);
}

/* Every second, and the worker is killed in between: it starts again and the schedule goes on. */
static void test_run(void **state)
{
    struct scene s;
    (void)state;
    NEED_PYTHON();
    scene_open(&s);
    scene_file(&s, "function_app.py", APP TICK OUT "def f(tick, out: func.Out[str]):\n    path = os.path.join(os.path.dirname(__file__), 'died')\n"
               "    if not os.path.exists(path):\n        open(path, 'w').close()\n        os.kill(os.getpid(), 9)\n    out.set('alive')\n");
    assert_true(scene_start(&s));
    functions_run(s.app);
    int64_t until = time_mono_us() + WAIT_MS * 1000;
    while (s.hub.count < 2 && time_mono_us() < until)
        ev_run_once(s.loop, 50);
    assert_int_equal(s.hub.count, 2);
    assert_true(scene_status(&s, "f").failures == 1);
    scene_stop(&s);
    scene_close(&s);
}

/* A monitored timer that was missed while nothing ran is past due at the next start. */
static void test_past_due(void **state)
{
    struct scene s;
    struct tp now;
    (void)state;
    NEED_PYTHON();
    scene_open(&s);
    scene_file(&s, "function_app.py", APP "@app.schedule(arg_name='tick', schedule='0 0 9 * * *')\n" OUT
               "def f(tick: func.TimerRequest, out: func.Out[str]):\n    out.set('%s %s' % (tick.past_due, tick.schedule_status['Next'][:10]))\n");
    assert_true(time_parse_iso(STR("2026-05-01T12:00:00Z"), &now));
    time_fake(true, now);
    assert_true(scene_start(&s));
    functions_run(s.app); /* nothing is due: the next time is noted */
    scene_stop(&s);
    now.us += INT64_C(86400) * 1000000;
    time_fake(true, now);
    assert_true(scene_start(&s));
    functions_run(s.app);
    int64_t until = time_mono_us() + WAIT_MS * 1000;
    while (s.hub.count < 1 && time_mono_us() < until)
        ev_run_once(s.loop, 50);
    scene_stop(&s);
    assert_int_equal(s.hub.count, 1);
    assert_string_equal(s.hub.bodies[0], "True 2026-05-02");
    assert_true(scene_start(&s));
    functions_run(s.app);
    assert_true(scene_status(&s, "f").next.us > now.us);
    scene_stop(&s);
    assert_int_equal(s.hub.count, 1); /* it ran: nothing is past due any more */
    time_fake(false, now);
    scene_close(&s);
}

/* A worker that is not ours: says that it has the function `f`, then runs ANSWER for each frame. */
#define FAKE(answer) \
    "import json, os, struct\n" \
    "def take(n):\n    b = b''\n    while len(b) < n:\n        c = os.read(3, n - len(b))\n        if not c: os._exit(0)\n        b += c\n    return b\n" \
    "def send(m):\n    t = json.dumps(m).encode()\n    os.write(3, struct.pack('<II', 4 + len(t), len(t)) + t)\n" \
    "def receive():\n    n, j = struct.unpack('<II', take(8))\n    return json.loads(take(n - 4)[:j])\n" \
    "receive()\n" \
    "t = {'type': 'timerTrigger', 'direction': 'in', 'name': 't', 'schedule': '* * * * * *', 'useMonitor': False}\n" \
    "send({'is': 'loaded', 'functions': [{'name': 'f', 'file': 'x.py', 'line': 3, 'col': 1, 'places': {}, 'bindings': [t]}]})\n" \
    "m = receive()\n" answer "\nreceive()\n"

static void test_bad_workers(void **state)
{
    static const struct { const char *worker, *part; } cases[] = {
        {FAKE("os.write(3, b'GET / HTTP/1.1')"), "what is no frame"},
        {FAKE("os.write(3, struct.pack('<II', 4, 0))"), "what is no frame"},
        {FAKE("os.write(3, struct.pack('<II', 8, 5) + b'null')"), "what is no frame"},
        {FAKE("os.write(3, struct.pack('<I', 0xffffffff))"), "what is no frame"},
        {FAKE("send({'is': 'result', 'id': m['id'], 'outputs': [{'name': 'who', 'bytes': 0}]})"), "an output 'who' that cannot be"},
        {FAKE("send({'is': 'result', 'id': m['id'], 'outputs': [{'name': 't', 'bytes': 0}]})"), "an output 't' that cannot be"},
        {FAKE("send({'is': 'result', 'id': m['id']})"), "no list of outputs"},
        {FAKE("send({'is': 'failed', 'id': m['id']})"), "it failed"},
        {FAKE("raise SystemExit(3)"), "ended with status 3"},
        {FAKE("os.write(1, b'x' * 1000000); os.write(2, b'y' * 1000000); os._exit(0)"), "ended with status 0: yyyy"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct scene s;
        scene_open(&s);
        scene_file(&s, "function_app.py", "");
        s.worker = cases[i].worker;
        assert_true(scene_start(&s));
        scene_once(&s, 0);
        assert_int_equal(s.errors, 1);
        if (!strstr(s.err.msg, cases[i].part))
            fail_msg("%s: %s", cases[i].part, s.err.msg);
        assert_string_equal(s.err.where.file, "x.py");
        scene_close(&s);
    }
}

/* Answers with an id that is none, or twice, change nothing. */
static void test_stray_answers(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s);
    scene_file(&s, "function_app.py", "");
    s.worker = FAKE("r = {'is': 'result', 'id': m['id'], 'us': 1, 'outputs': []}\nsend(dict(r, id='other'))\nsend({'is': 'loaded'})\nsend({'is': 'what'})\nsend(r)\nsend(r)");
    assert_true(scene_start(&s));
    scene_once(&s, 0);
    assert_int_equal(s.errors, 0);
    assert_int_equal(scene_status(&s, "f").invocations, 1);
    scene_close(&s);
}

/* Freed in any phase, it goes without a callback and without a leak. */
static void test_free_at_any_time(void **state)
{
    struct scene s;
    (void)state;
    for (int turns = 0; turns < 40; turns++) {
        scene_open(&s);
        scene_file(&s, "function_app.py", "");
        s.worker = FAKE("send({'is': 'result', 'id': m['id'], 'us': 1, 'outputs': []})");
        struct functions_opts opts = scene_opts(&s);
        s.app = functions_open(&opts, &s.err);
        assert_non_null(s.app);
        functions_start(s.app, on_scene_ready, &s);
        for (int i = 0; i < turns; i++) {
            if (s.ready && i % 2)
                functions_stop(s.app, on_scene_stopped, &s);
            ev_run_once(s.loop, 5);
        }
        scene_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_replay_is_not_cut),
        cmocka_unit_test(test_once),    cmocka_unit_test(test_refusals), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_timeout), cmocka_unit_test(test_kinds_of_functions), cmocka_unit_test(test_v1),
        cmocka_unit_test(test_run),     cmocka_unit_test(test_past_due),
        cmocka_unit_test(test_bad_workers), cmocka_unit_test(test_stray_answers), cmocka_unit_test(test_free_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
