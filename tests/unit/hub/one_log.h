/* one_log -- a partition's log in a folder of its own, for the tests of what a log does. A test sets `cfg` in its setup. */
#ifndef PAYSTREAK_TESTS_HUB_ONE_LOG_H
#define PAYSTREAK_TESTS_HUB_ONE_LOG_H
#include "hub/plog.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char dir[64];
static struct plog_config cfg;
static struct batch_builder builder;
static int32_t epoch;

/* Segments of that many bytes, nothing is too old or too much. */
static int one_log_setup(int64_t segment_bytes)
{
    snprintf(dir, sizeof dir, "/tmp/hub-log-XXXXXX");
    cfg = (struct plog_config){.segment_bytes = segment_bytes, .retention_ms = -1, .retention_bytes = -1, .max_batch_bytes = 1 << 20};
    epoch = 0;
    batch_builder_init(&builder);
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    batch_builder_release(&builder);
    return fs_remove_tree(dir, &err);
}

static struct plog *open_log(void)
{
    struct err err;
    struct plog *log = plog_open(dir, "test/log-0", &cfg, ++epoch, &err);
    if (!log)
        fail_msg("%s", err.msg);
    return log;
}
#endif
