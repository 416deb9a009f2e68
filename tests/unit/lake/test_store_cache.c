/* lake: the cache of remote files. Folders stand for stores here: the cache does not know the difference. */
#include "lake/log.h"
#include "lake/store_cache.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { FILE_BYTES = 1000, MAX_BYTES = 10 * FILE_BYTES, FILES = 30 };
static char base[] = "/tmp/lake-cache-XXXXXX";
static char root[64], dir[64];

#define OK(call) do { if (call) { print_error("%s: %s\n", err_code_name(err.code), err.msg); fail(); } } while (0)

static void put(const char *name, char fill, size_t n)
{
    struct err err;
    char *bytes = mem_alloc(n);
    memset(bytes, fill, n);
    struct store *s = store_shared(root, &err);
    assert_int_equal(store_put(s, name, str_of(bytes, n), &err), 0);
    mem_free(bytes);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(base))
        return -1;
    snprintf(root, sizeof root, "%s/store", base);
    snprintf(dir, sizeof dir, "%s/cache", base);
    unsetenv("PAYSTREAK_CACHE_DIR");
    unsetenv("PAYSTREAK_CACHE_BYTES");
    store_cache_setup(dir, MAX_BYTES);
    for (int i = 0; i < FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "p=%d/f%d.parquet", i % 3, i);
        put(name, (char)('a' + i % 26), FILE_BYTES);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    return fs_remove_tree(base, &err);
}

static struct store_want want(int i, char name[32])
{
    snprintf(name, 32, "p=%d/f%d.parquet", i % 3, i);
    return (struct store_want){root, name, FILE_BYTES, 0};
}

static int64_t objects(int64_t *bytes)
{
    struct arena *a = arena_new();
    struct err err;
    struct fs_stat st;
    char **names, *at = path_join(a, dir, "objects");
    int64_t n = fs_list(a, at, &names, &err);
    *bytes = 0;
    for (int64_t i = 0; i < n; i++)
        *bytes += fs_stat(path_join(a, at, names[i]), &st, &err) ? 0 : st.size;
    arena_free(a);
    return n;
}

static bool holds(const struct store_want *w, char fill)
{
    struct arena *a = arena_new();
    struct buf b;
    struct err err;
    buf_init(&b);
    bool ok = fs_read_file(store_cache_path(a, w), 1 << 20, &b, &err) == 0 && b.len == FILE_BYTES && b.ptr[0] == fill && b.ptr[b.len - 1] == fill;
    buf_release(&b);
    arena_free(a);
    return ok;
}

static void test_pins(void **state)
{
    (void)state;
    struct err err = {};
    char names[FILES][32];
    struct store_want w[FILES];
    int64_t bytes;
    struct store_pins *p = store_pins_new(), *q = store_pins_new();
    for (int i = 0; i < FILES; i++)
        w[i] = want(i, names[i]);
    OK(store_pins_add(p, w, 6, &err));
    for (int i = 0; i < 6; i++)
        assert_true(holds(&w[i], (char)('a' + i)));
    /* The rest fits in turns, beside what is pinned. */
    for (int i = 6; i + 4 <= FILES; i += 4) {
        OK(store_pins_add(q, w + i, 4, &err));
        for (int k = i; k < i + 4; k++)
            assert_true(holds(&w[k], (char)('a' + k % 26)));
        store_pins_clear(q);
        assert_true(objects(&bytes) <= 10 && bytes <= MAX_BYTES);
    }
    for (int i = 0; i < 6; i++)
        assert_true(holds(&w[i], (char)('a' + i)));
    /* Too much at once, a file too large, no room beside what is pinned, a file that is not there. */
    assert_int_equal(store_pins_add(q, w, 11, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    put("large", 'x', MAX_BYTES + 1);
    struct store_want large = {root, "large", -1, 0}, none = {root, "none", -1, 0};
    assert_int_equal(store_pins_add(q, &large, 1, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.msg, "large"));
    assert_int_equal(store_pins_add(q, w + 10, 5, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(store_pins_add(q, &none, 1, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    store_pins_free(p);
    OK(store_pins_add(q, w + 10, 10, &err));
    store_pins_free(q);
}

/* The least recently used go first: a pin counts as use. */
static void test_oldest_first(void **state)
{
    (void)state;
    struct err err = {};
    char a[32], b[32];
    int64_t bytes;
    struct store_pins *p = store_pins_new();
    struct arena *arena = arena_new();
    for (int i = 0; i < FILES; i++) { /* file 0 in every round */
        struct store_want w[] = {want(0, a), want(i, b)};
        OK(store_pins_add(p, w, i ? 2 : 1, &err));
        store_pins_clear(p);
    }
    objects(&bytes);
    assert_true(bytes <= MAX_BYTES);
    struct store_want last = want(FILES - 1, b);
    char *path = arena_printf(arena, "%s/objects/%.*s", dir, STR_ARGS(path_base(str_z(store_cache_path(arena, &last)))));
    assert_true(fs_exists(path));
    store_pins_free(p);
    arena_free(arena);
}

/* An object under the same name of another size is another one. */
static void test_made_anew(void **state)
{
    (void)state;
    struct err err = {};
    struct store_pins *p = store_pins_new();
    struct store_want w = {root, "anew", 500, 0};
    put("anew", 'o', 500);
    OK(store_pins_add(p, &w, 1, &err));
    store_pins_clear(p);
    put("anew", 'n', FILE_BYTES);
    assert_int_equal(store_pins_add(p, &(struct store_want){root, "anew", 700, 7}, 1, &err), -1);
    w.size = FILE_BYTES;
    OK(store_pins_add(p, &w, 1, &err));
    assert_true(holds(&w, 'n'));
    store_pins_free(p);
}

struct reader { unsigned seed; int good; };

static void *read_some(void *arg)
{
    struct reader *r = arg;
    for (int round = 0; round < 40; round++) {
        struct err err;
        char names[2][32];
        int i = rand_r(&r->seed) % FILES, k = rand_r(&r->seed) % FILES;
        struct store_want w[] = {want(i, names[0]), want(k, names[1])};
        struct store_pins *p = store_pins_new();
        if (store_pins_add(p, w, 2, &err) == 0)
            r->good += holds(&w[0], (char)('a' + i % 26)) && holds(&w[1], (char)('a' + k % 26));
        else
            r->good += err.code == ERR_LIMIT; /* four readers may want eight files of ten */
        store_pins_free(p);
    }
    return NULL;
}

struct leaver { struct lake_table *table; pthread_barrier_t *together; int first, good; };

static void *read_and_leave(void *arg)
{
    struct leaver *l = arg;
    struct err err = {};
    char names[5][32];
    struct store_want w[5];
    struct lake_snapshot *s = lake_table_latest(l->table, NULL, &err);
    for (int i = 0; i < 5; i++)
        w[i] = want(l->first + i, names[i]);
    bool ok = s && store_pins_add(s->pins, w, 5, &err) == 0;
    for (int i = 0; i < 5; i++)
        l->good += ok && holds(&w[i], (char)('a' + (l->first + i) % 26));
    pthread_barrier_wait(l->together);
    lake_snapshot_unref(s);
    return NULL;
}

/* Two readers of one snapshot leave at once, the handle keeps it: then nothing is pinned, and there is room for as much again. */
static void test_readers_leave_together(void **state)
{
    (void)state;
    struct err err = {};
    char table[80];
    snprintf(table, sizeof table, "%s/table", base);
    struct store *s = store_shared(table, &err);
    OK(store_put(s, "_delta_log/00000000000000000000.json",
                 STR("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n{\"metaData\":{\"id\":\"1\",\"format\":{\"provider\":\"parquet\",\"options\":{}},"
                     "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[]}\",\"partitionColumns\":[],\"configuration\":{}}}\n"), &err));
    struct lake_table *t = lake_table_open(table);
    lake_snapshot_unref(lake_table_latest(t, NULL, &err));
    for (int round = 0; round < 300; round++) {
        pthread_barrier_t together;
        pthread_t threads[2];
        struct leaver l[] = {{t, &together, 0, 0}, {t, &together, 5, 0}};
        pthread_barrier_init(&together, NULL, 2);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, read_and_leave, &l[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(l[0].good + l[1].good, 10);
        pthread_barrier_destroy(&together);
        struct store_pins *p = store_pins_new();
        char names[10][32];
        struct store_want w[10];
        for (int i = 0; i < 10; i++)
            w[i] = want(10 + i, names[i]);
        OK(store_pins_add(p, w, 10, &err));
        store_pins_free(p);
    }
    lake_table_close(t);
}

static void test_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){(unsigned)i + 1, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_some, &readers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].good, 40);
    }
}

static void test_stage(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct buf b;
    char *stage = store_cache_stage(a, &err);
    assert_non_null(stage);
    char *paths[] = {arena_printf(a, "%s/x=1/new1", stage), arena_printf(a, "%s/new2", stage)};
    OK(fs_mkdirs(arena_printf(a, "%s/x=1", stage), &err));
    OK(fs_write_file(paths[0], STR("one"), &err));
    OK(fs_write_file(paths[1], STR("two"), &err));
    OK(store_cache_upload(root, stage, paths, 2, &err));
    store_cache_unstage(stage, root);
    assert_false(fs_exists(stage));
    buf_init(&b);
    OK(store_get(store_shared(root, &err), "x=1/new1", 100, &b, NULL, &err));
    assert_string_equal(b.ptr, "one");
    /* The copy is here already: it is read though the store has lost it. */
    OK(store_remove(store_shared(root, &err), "new2", &err));
    struct store_want w = {root, "new2", 3, 0};
    struct store_pins *p = store_pins_new();
    OK(store_pins_add(p, &w, 1, &err));
    store_pins_free(p);
    buf_release(&b);
    arena_free(a);
}

/* A process that died leaves its links; the next that opens the cache removes them. */
static void test_dead_users(void **state)
{
    (void)state;
    int status;
    struct arena *a = arena_new();
    struct err err;
    char **names, *users = path_join(a, dir, "users");
    for (int i = 0; i < 2; i++) {
        fflush(NULL);
        pid_t pid = fork(); /* the child's cache is the parent's: a new program opens its own */
        if (pid == 0) {
            execl("/proc/self/exe", "test_store_cache", dir, root, (char *)NULL);
            _exit(9);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WTERMSIG(status), SIGKILL);
    }
    assert_int_equal(fs_list(a, users, &names, &err), 4); /* ours and the last child's: a lock and a folder each */
    arena_free(a);
}

/* The child of the test above: pins a file and is killed. */
static int die(const char *cache_dir, const char *store)
{
    struct err err;
    store_cache_setup(cache_dir, MAX_BYTES);
    struct store_pins *p = store_pins_new();
    if (store_pins_add(p, &(struct store_want){store, "p=1/f1.parquet", FILE_BYTES, 0}, 1, &err))
        return 1;
    return kill(getpid(), SIGKILL);
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return die(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pins), cmocka_unit_test(test_oldest_first), cmocka_unit_test(test_made_anew),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_readers_leave_together), cmocka_unit_test(test_stage), cmocka_unit_test(test_dead_users),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
