/* File calls in a temporary folder, paths, and every fault at every call. */
#include "unit/base/test_util.h"

#include <errno.h>
#include <sys/stat.h>

static struct arena *arena;
static char root[64];

static int begin(void **state)
{
    (void)state;
    arena = arena_new();
    snprintf(root, sizeof root, "%s", "/tmp/paystreak-fs-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
    struct err err;
    (void)state;
    fs_fault_set(NULL);
    int rc = fs_remove_tree(root, &err);
    arena_free(arena);
    return rc;
}

static const char *in_root(const char *name)
{
    return path_join(arena, root, name);
}

static void write_ok(const char *name, const char *text)
{
    struct err err;
    if (fs_write_file(in_root(name), str_z(text), &err))
        fail_msg("%s", err.msg);
}

static void assert_holds(const char *name, const char *text)
{
    struct buf b;
    struct err err;
    buf_init(&b);
    if (fs_read_file(in_root(name), 1 << 20, &b, &err))
        fail_msg("%s", err.msg);
    assert_string_equal(b.ptr, text);
    buf_release(&b);
}

static void descriptors(void **state)
{
    struct err err;
    char got[16] = {0};
    (void)state;
    int fd = fs_open(in_root("f"), FS_READ | FS_WRITE | FS_CREATE, &err);
    assert_true(fd >= 0);
    struct iovec iov[] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}};
    assert_int_equal(fs_writev_all(fd, iov, 3, &err), 0);
    assert_int_equal(fs_write_all(fd, "gh", 2, &err), 0);
    assert_int_equal(fs_pwrite_all(fd, "XY", 2, 1, &err), 0);
    assert_int_equal(fs_pread(fd, got, sizeof got, 0, &err), 8); /* short at the end */
    assert_string_equal(got, "aXYdefgh");
    assert_int_equal(fs_pread(fd, got, sizeof got, 100, &err), 0);
    assert_int_equal(fs_truncate(fd, 3, &err), 0);
    assert_int_equal(fs_sync(fd, &err), 0);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    fs_close(fd);
    assert_holds("f", "aXY");
    fd = fs_open(in_root("f"), FS_WRITE | FS_APPEND, &err);
    assert_int_equal(fs_write_all(fd, "!", 1, &err), 0);
    fs_close(fd);
    assert_holds("f", "aXY!");
    assert_int_equal(fs_open(in_root("f"), FS_WRITE | FS_CREATE | FS_EXCL, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    assert_int_equal(fs_open(in_root("none"), FS_READ, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    fd = fs_open(in_root("f"), FS_WRITE | FS_TRUNC, &err);
    fs_close(fd);
    assert_holds("f", "");
}

static void many_parts_in_one_write(void **state)
{
    enum { PARTS = 3000 }; /* more than writev takes at once */
    struct iovec *iov = mem_alloc(PARTS * sizeof *iov);
    struct err err;
    struct fs_stat st;
    (void)state;
    for (int i = 0; i < PARTS; i++)
        iov[i] = (struct iovec){"0123456789", 10};
    int fd = fs_open(in_root("f"), FS_WRITE | FS_CREATE, &err);
    assert_int_equal(fs_writev_all(fd, iov, PARTS, &err), 0);
    fs_close(fd);
    assert_int_equal(fs_stat(in_root("f"), &st, &err), 0);
    assert_int_equal(st.size, PARTS * 10);
    mem_free(iov);
}

static void whole_files(void **state)
{
    struct err err;
    struct buf b;
    char **names;
    (void)state;
    write_ok("a", "one");
    write_ok("a", "two");
    assert_holds("a", "two");
    assert_int_equal(fs_write_file_new(in_root("b"), STR("first"), &err), 0);
    assert_int_equal(fs_write_file_new(in_root("b"), STR("second"), &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    assert_holds("b", "first");
    assert_int_equal(fs_list(arena, root, &names, &err), 2); /* no temporary files */
    buf_init(&b);
    assert_int_equal(fs_read_file(in_root("b"), 4, &b, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.msg, "/b': larger than 4 bytes"));
    buf_clear(&b);
    assert_int_equal(fs_read_file(in_root("b"), 5, &b, &err), 0);
    assert_int_equal(fs_read_file(in_root("no"), 5, &b, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    buf_release(&b);
    buf_init_max(&b, 5); /* the buffer's maximum, exactly and passed */
    assert_int_equal(fs_read_file(in_root("b"), 100, &b, &err), 0);
    assert_string_equal(b.ptr, "first");
    assert_int_equal(fs_read_file(in_root("b"), 100, &b, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&b);
    assert_int_equal(fs_write_file(in_root("no/such/folder"), STR("x"), &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void proc_files_have_no_size(void **state)
{
    struct buf b;
    struct err err;
    (void)state;
    buf_init(&b);
    assert_int_equal(fs_read_file("/proc/self/status", 1 << 20, &b, &err), 0);
    assert_true(str_find(buf_view(&b), STR("VmSize")) > 0);
    buf_release(&b);
}

static void folders(void **state)
{
    struct err err;
    struct fs_stat st;
    char **names;
    (void)state;
    assert_int_equal(fs_mkdirs(in_root("x/y//z/"), &err), 0);
    assert_int_equal(fs_mkdirs(in_root("x/y/z"), &err), 0);
    assert_int_equal(fs_stat(in_root("x/y/z"), &st, &err), 0);
    assert_true(st.is_dir && !st.is_file);
    write_ok("x/b", "1");
    write_ok("x/a", "22");
    write_ok("x/y/z/c", "333");
    assert_int_equal(fs_mkdirs(in_root("x/a/q"), &err), -1);
    assert_int_equal(fs_list(arena, in_root("x"), &names, &err), 3);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[2], "y");
    assert_int_equal(symlink("..", in_root("x/y/up")), 0);     /* a circle */
    assert_int_equal(symlink("../a", in_root("x/y/link")), 0); /* a file */
    assert_int_equal(fs_walk(arena, in_root("x"), &names, &err), 4);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_string_equal(names[2], "y/link");
    assert_string_equal(names[3], "y/z/c");
    assert_int_equal(fs_list(arena, in_root("none"), &names, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(fs_stat(in_root("x/a/below"), &st, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(fs_stat(in_root("x/a"), &st, &err), 0);
    assert_true(st.size == 2 && st.is_file && st.mtime_us > 1704153600000000);
    assert_int_equal(fs_rename(in_root("x/a"), in_root("x/d"), &err), 0);
    assert_false(fs_exists(in_root("x/a")));
    assert_int_equal(fs_link(in_root("x/d"), in_root("x/b"), &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    assert_int_equal(fs_unlink(in_root("x/d"), &err), 0);
    assert_int_equal(fs_unlink(in_root("x/d"), &err), 0);
    assert_int_equal(fs_remove_tree(in_root("x"), &err), 0);
    assert_false(fs_exists(in_root("x")));
    assert_int_equal(fs_remove_tree(in_root("x"), &err), 0);
}

static void paths(void **state)
{
    static const char *const below[][2] = {
        {"a/b", "/r/a/b"},     {"/a", "/r/a"},         {"a//b/./c", "/r/a/b/c"}, {"", "/r"},
        {".", "/r"},           {"a/..", "/r"},         {"a/../b", "/r/b"},       {"..", NULL},
        {"a/../../b", NULL},   {"../r/x", NULL},       {"a/b/../../..", NULL},   {"...", "/r/..."},
        {"a/..b", "/r/a/..b"}, {"%2e%2e", "/r/%2e%2e"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(below); i++) {
        char *got = path_below(arena, "/r/", str_z(below[i][0]));
        if (!got || !below[i][1])
            assert_ptr_equal(got, below[i][1]);
        else
            assert_string_equal(got, below[i][1]);
    }
    assert_null(path_below(arena, "/r", str_of("a\0b", 3)));
    assert_string_equal(path_below(arena, "/", STR("a")), "/a");
    assert_string_equal(path_below(arena, "/", STR("")), "/");
    assert_string_equal(path_join(arena, "a/", "/b"), "a/b");
    assert_string_equal(path_join(arena, "", "b"), "b");
    assert_string_equal(path_join(arena, "/", "b"), "/b");
    static const char *const parts[][3] = {{"/a/b", "b", "/a"}, {"a", "a", "."},
                                           {"/a", "a", "/"},    {"/", "/", "/"},
                                           {"a/b/", "b", "a"},  {"a//b", "b", "a"}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        assert_str(path_base(str_z(parts[i][0])), parts[i][1]);
        assert_str(path_dir(str_z(parts[i][0])), parts[i][2]);
    }
}

/* Replacing a file: whichever call fails, the old or the new content stands, whole, and no
 * temporary file is left. */
static void any_call_may_fail(void **state)
{
    enum fs_fault_kind kinds[] = {FS_FAULT_FAIL, FS_FAULT_SHORT};
    char **names;
    struct err err;
    (void)state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        int failures = 0;
        for (int64_t nth = 1;; nth++) {
            write_ok("f", "old");
            fs_fault_set(&(struct fs_fault){kinds[k], nth, ENOSPC, root});
            int rc = fs_write_file(in_root("f"), STR("new!"), &err);
            bool reached = fs_fault_calls() >= nth;
            fs_fault_set(NULL);
            if (rc == 0) {
                assert_holds("f", "new!");
                if (!reached)
                    break;
                continue;
            }
            failures++;
            assert_int_equal(err.code, ERR_IO);
            assert_non_null(strstr(err.msg, "cannot write the file"));
            assert_non_null(strstr(err.msg, "No space left"));
            struct buf b;
            buf_init(&b);
            assert_int_equal(fs_read_file(in_root("f"), 100, &b, &err), 0);
            assert_true(strcmp(b.ptr, "old") == 0 || strcmp(b.ptr, "new!") == 0);
            buf_release(&b);
            assert_int_equal(fs_list(arena, root, &names, &err), 1);
        }
        assert_int_equal(failures, 5); /* open, write, sync, rename, sync of the folder */
    }
}

/* The process ends after any call: a reader sees the old content or the new, never a mixture. */
static void any_call_may_be_the_last(void **state)
{
    struct err err;
    (void)state;
    bool ended = true;
    for (int64_t nth = 1; ended; nth++) {
        int status;
        write_ok("f", "old");
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            fs_fault_set(&(struct fs_fault){FS_FAULT_EXIT, nth, 0, NULL});
            _exit(fs_write_file(in_root("f"), STR("new!"), &err) ? 1 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        ended = WEXITSTATUS(status) == FS_FAULT_EXIT_STATUS;
        assert_true(ended || WEXITSTATUS(status) == 0);
        struct buf b;
        buf_init(&b);
        assert_int_equal(fs_read_file(in_root("f"), 100, &b, &err), 0);
        assert_string_equal(b.ptr, nth <= 3 ? "old" : "new!");
        buf_release(&b);
    }
}

static void faults_count_by_path(void **state)
{
    struct err err;
    (void)state;
    fs_fault_set(&(struct fs_fault){FS_FAULT_FAIL, 1, 0, "/victim"});
    write_ok("other", "x");
    assert_int_equal(fs_fault_calls(), 0);
    assert_int_equal(fs_mkdirs(in_root("victim"), &err), -1);
    assert_int_equal(fs_mkdirs(in_root("victim"), &err), 0); /* only the n-th */
    assert_int_equal(fs_fault_calls(), 2);
    fs_fault_set(&(struct fs_fault){FS_FAULT_SHORT, 2, EDQUOT, "/torn"});
    int fd = fs_open(in_root("torn"), FS_WRITE | FS_CREATE, &err); /* the first call */
    assert_int_equal(fs_write_all(fd, "0123456789", 10, &err), -1);
    assert_int_equal(fs_pwrite_all(fd, "ab", 2, 0, &err), 0);
    fs_close(fd);
    assert_holds("torn", "ab234");
}

/* Appends "synced" and syncs, then "unsynced", and dies of `kind` at that write. */
static void die_with_unsynced_bytes(enum fs_fault_kind kind)
{
    struct err err;
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = fs_open(in_root("log"), FS_WRITE | FS_APPEND, &err);
        fs_fault_set(&(struct fs_fault){kind, 3, 0, NULL});
        int rc = fs_write_all(fd, "synced", 6, &err) || fs_sync(fd, &err) ||
                 fs_write_all(fd, "unsynced", 8, &err);
        _exit(rc ? 2 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == FS_FAULT_EXIT_STATUS);
}

static void unsynced_bytes_may_be_lost(void **state)
{
    (void)state;
    write_ok("log", "old,");
    die_with_unsynced_bytes(FS_FAULT_EXIT);
    assert_holds("log", "old,syncedunsynced");
    write_ok("log", "old,");
    die_with_unsynced_bytes(FS_FAULT_LOSE);
    assert_holds("log", "old,synced");
    write_ok("log", "old,");
    die_with_unsynced_bytes(FS_FAULT_TEAR);
    assert_holds("log", "old,syncedunsy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(descriptors, begin, end),
        cmocka_unit_test_setup_teardown(many_parts_in_one_write, begin, end),
        cmocka_unit_test_setup_teardown(whole_files, begin, end),
        cmocka_unit_test_setup_teardown(proc_files_have_no_size, begin, end),
        cmocka_unit_test_setup_teardown(folders, begin, end),
        cmocka_unit_test_setup_teardown(paths, begin, end),
        cmocka_unit_test_setup_teardown(any_call_may_fail, begin, end),
        cmocka_unit_test_setup_teardown(any_call_may_be_the_last, begin, end),
        cmocka_unit_test_setup_teardown(faults_count_by_path, begin, end),
        cmocka_unit_test_setup_teardown(unsynced_bytes_may_be_lost, begin, end),
    };
    return cmocka_run_group_tests_name("base/fs", tests, NULL, NULL);
}
