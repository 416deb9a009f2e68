/* lake: files synced together. Sets of many threads are each done whole, an error is its own set's, and a child has helpers again. */
#include "lake/sync.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { FILES = 12, THREADS = 8, ROUNDS = 40 };

static char base[] = "/tmp/lake-sync-XXXXXX";
static char paths[FILES][64];

static int setup(void **state)
{
    (void)state;
    struct err err;
    if (!mkdtemp(base))
        return -1;
    for (int i = 0; i < FILES; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%d", base, i);
        if (fs_write_file(paths[i], STR("x"), &err))
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    return fs_remove_tree(base, &err);
}

static int sync_some(size_t count, const char *missing, struct err *err)
{
    struct sync_item items[FILES + 1];
    for (size_t i = 0; i < count; i++)
        items[i] = i + 1 == count ? (struct sync_item){base, true} : (struct sync_item){paths[i], false};
    if (missing)
        items[count / 2] = (struct sync_item){missing, false};
    return sync_together(items, count, err);
}

static void *sync_often(void *arg)
{
    size_t seed = (size_t)(intptr_t)arg, wrong = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct err err = {};
        char missing[96];
        bool fails = (i + seed) % 5 == 0;
        snprintf(missing, sizeof missing, "%s/missing-%zu-%zu", base, seed, i);
        int rc = sync_some(1 + (i * 7 + seed) % FILES, fails ? missing : NULL, &err);
        wrong += (rc != 0) != fails || (fails && (err.code != ERR_NOT_FOUND || !strstr(err.msg, missing)));
    }
    return (void *)(intptr_t)wrong;
}

static void test_sets_of_many_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sync_often, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

/* Each call is counted once, whichever thread makes it, and one that fails fails its set. */
static void test_faults(void **state)
{
    (void)state;
    struct err err = {};
    for (int64_t n = 1; n <= 6; n++) {
        fs_fault_set(&(struct fs_fault){.kind = FS_FAULT_FAIL, .nth = n, .path_part = base});
        assert_int_equal(sync_some(6, NULL, &err), -1);
        assert_int_equal(fs_fault_calls(), 6);
        fs_fault_set(NULL);
    }
    assert_int_equal(sync_some(0, NULL, &err), 0);
    assert_int_equal(sync_some(6, NULL, &err), 0);
}

static void test_after_a_fork(void **state)
{
    (void)state;
    struct err err = {};
#ifdef __SANITIZE_THREAD__
    skip(); /* it refuses threads after a fork of more than one */
#endif
    assert_int_equal(sync_some(FILES, NULL, &err), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(sync_some(FILES, NULL, &err) ? 1 : sync_some(FILES, "/nowhere/at/all", &err) ? 0 : 2);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_of_many_threads), cmocka_unit_test(test_faults), cmocka_unit_test(test_after_a_fork),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
