/* The grammar as data, the .case files of tests/cases/sparksql. A case is
 *
 *     SQL of one or more lines
 *     ----
 *     the dump of each statement, or "error line:col: message"
 *     ====
 *
 * Lines that begin with "##" between cases are remarks. With CASES_UPDATE=1 in the environment the
 * files are rewritten with what the parser says; the diff is then to be read. */
#include "sparksql/sparksql.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CASE_FILE_MAX = 4 << 20 };
static const char *const dir = "tests/cases/sparksql";

static void run(struct arena *a, struct str sql, struct buf *out)
{
    struct stmts list;
    struct err err;
    if (sparksql_parse(a, "case", 1, sql, &list, &err) < 0) {
        buf_printf(out, "error %d:%d: %s\n", err.where.line, err.where.col, err.msg);
        return;
    }
    for (size_t i = 0; i < list.count; i++)
        stmt_dump(out, list.items[i]);
}

/* The text up to a line that is `mark`; `*rest` goes behind that line. */
static struct str until(struct str *rest, const char *mark)
{
    struct str from = *rest, line;
    size_t taken = 0;
    while (rest->len) {
        int64_t nl = str_chr(*rest, '\n');
        line = str_sub(*rest, 0, nl < 0 ? rest->len : (size_t)nl);
        *rest = str_from(*rest, nl < 0 ? rest->len : (size_t)nl + 1);
        if (str_eqz(line, mark))
            return str_sub(from, 0, taken);
        taken = (size_t)(rest->ptr - from.ptr);
    }
    return str_sub(from, 0, taken);
}

static int run_file(const char *path, struct buf *updated)
{
    struct buf text, got;
    struct err err;
    int failures = 0, count = 0;
    buf_init(&text);
    assert_int_equal(fs_read_file(path, CASE_FILE_MAX, &text, &err), 0);
    struct str rest = buf_view(&text);
    while (rest.len) {
        struct arena *a = arena_new();
        while (str_starts_z(rest, "##")) {
            int64_t nl = str_chr(rest, '\n');
            buf_str(updated, str_sub(rest, 0, (size_t)nl + 1));
            rest = str_from(rest, (size_t)nl + 1);
        }
        struct str sql = until(&rest, "----"), want = until(&rest, "====");
        buf_init(&got);
        run(a, str_sub(sql, 0, sql.len ? sql.len - 1 : 0), &got);
        if (sql.len && !str_eq(buf_view(&got), want) && !getenv("CASES_UPDATE")) {
            print_message("%s:\n%.*s--- want\n%.*s--- got\n%s\n", path, STR_ARGS(sql),
                          STR_ARGS(want), got.ptr);
            failures++;
        }
        if (sql.len)
            buf_printf(updated, "%.*s----\n%s====\n", STR_ARGS(sql), got.ptr);
        count += sql.len > 0;
        buf_release(&got);
        arena_free(a);
    }
    buf_release(&text);
    assert_true(count > 0);
    return failures;
}

static void cases(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err;
    char **names;
    int failures = 0;
    int64_t n = fs_list(a, dir, &names, &err);
    assert_true(n > 0);
    for (int64_t i = 0; i < n; i++) {
        if (!str_ends_z(str_z(names[i]), ".case"))
            continue;
        struct buf updated;
        buf_init(&updated);
        const char *path = path_join(a, dir, names[i]);
        failures += run_file(path, &updated);
        if (getenv("CASES_UPDATE"))
            assert_int_equal(fs_write_file(path, buf_view(&updated), &err), 0);
        buf_release(&updated);
    }
    arena_free(a);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
