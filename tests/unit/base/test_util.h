/* test_util -- what the unit tests of base share: cmocka, and checks that read well. */
#ifndef PAYSTREAK_TESTS_UNIT_BASE_TEST_UTIL_H
#define PAYSTREAK_TESTS_UNIT_BASE_TEST_UTIL_H
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"

#define assert_str(s, z) assert_str_at(s, z, __FILE__, __LINE__)
static inline void assert_str_at(struct str s, const char *z, const char *file, int line)
{
    if (str_eqz(s, z))
        return;
    print_error("expected \"%s\", got \"%.*s\"\n", z, STR_ARGS(s));
    _fail(file, line);
}

/* Runs `fn` in a child; true if it ended by SIGABRT, as a CHECK and a full arena do. */
static inline bool aborts(void (*fn)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        FILE *quiet = freopen("/dev/null", "w", stderr);
        (void)quiet;
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
#endif
