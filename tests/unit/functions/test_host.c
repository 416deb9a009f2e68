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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
