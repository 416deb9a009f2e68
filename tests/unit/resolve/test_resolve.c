/* Names to places: the table of the header, bindings, the project's own checkout, byte-exact reads. */
#include "resolve/resolve_int.h"

#include <git2.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct world {
    char dir[64];
    struct arena *a;
    struct resolver_names *r;
};

static struct world w;

static int setup(void **state)
{
    (void)state;
    strncpy(w.dir, "/tmp/resolve.XXXXXX", sizeof w.dir - 1);
    assert_non_null(mkdtemp(w.dir));
    w.a = arena_new();
    w.r = resolve_new(arena_printf(w.a, "%s/state", w.dir), arena_printf(w.a, "%s/project/", w.dir));
    return 0;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    resolve_free(w.r);
    arena_free(w.a);
    return fs_remove_tree(w.dir, &err);
}

static struct resolved ok(const char *name)
{
    struct resolved out;
    struct err err = {};
    if (resolve_name(w.r, w.a, str_z(name), &out, &err))
        fail_msg("%s: %s", name, err.msg);
    return out;
}

static struct err bad(const char *name)
{
    struct resolved out;
    struct err err = {};
    assert_int_equal(resolve_name(w.r, w.a, str_z(name), &out, &err), -1);
    return err;
}

static void bind_ok(const char *text)
{
    struct err err = {};
    if (resolve_bind(w.r, str_z(text), &err))
        fail_msg("%s: %s", text, err.msg);
}

static void local_names(void **state)
{
    (void)state;
    static const struct { const char *name, *below_dir; } rows[] = {
        {"abfss://landing@acct.dfs.core.windows.net/a/b.csv", "state/storage/acct/landing/a/b.csv"},
        {"abfss://landing@ACCT.dfs.core.windows.net", "state/storage/acct/landing"},
        {"abfss://landing@acct.dfs.core.windows.net/a%20b", "state/storage/acct/landing/a%20b"},
        {"wasbs://c@acct.blob.core.windows.net/x//y/./z", "state/storage/acct/c/x/y/z"},
        {"https://acct.blob.core.windows.net/c/x%20y?sv=1&sig=%zz", "state/storage/acct/c/x y"},
        {"https://acct.dfs.core.windows.net/", "state/storage/acct"},
        {"HTTPS://Acct.DFS.core.windows.net/c/P", "state/storage/acct/c/P"},
        {"dbfs:/mnt/raw/x", "state/storage/dbfs/mnt/raw/x"},
        {"/mnt/raw/x", "state/storage/dbfs/mnt/raw/x"},
        {"/dbfs/tmp/x", "state/storage/dbfs/tmp/x"},
        {"/Volumes/Main/Raw/Files/Dir/f.csv", "state/volumes/main/raw/files/Dir/f.csv"},
        {"dbfs:/Volumes/hive_metastore/r/v", "state/volumes/main/r/v"},
        {"sub/../data/x.csv", "project/data/x.csv"},
        {"file:sub/x", "project/sub/x"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct resolved at = ok(rows[i].name);
        assert_int_equal(at.kind, RESOLVED_LOCAL);
        assert_string_equal(at.path, arena_printf(w.a, "%s/%s", w.dir, rows[i].below_dir));
    }
    assert_string_equal(ok("file:///etc/x").path, "/etc/x");
    assert_string_equal(ok("/etc/x").path, "/etc/x");
    assert_string_equal(ok("abfss://c@acct.dfs.core.windows.net/p").container, "c");
}

static void other_kinds(void **state)
{
    (void)state;
    struct resolved at = ok("Shop-NS.servicebus.windows.net");
    assert_int_equal(at.kind, RESOLVED_HUB);
    assert_string_equal(at.name_space, "shop-ns");
    assert_string_equal(at.hub, "");
    at = ok("sb://shop.servicebus.windows.net/sales");
    assert_string_equal(at.hub, "sales");
    assert_string_equal(ok("shop.servicebus.windows.net:9093").name_space, "shop");
    at = ok("https://example.com/a?b=c");
    assert_int_equal(at.kind, RESOLVED_HTTP);
    assert_string_equal(at.url, "https://example.com/a?b=c");
}

static void stores(void **state)
{
    (void)state;
    static const struct { const char *bind, *name, *url; } rows[] = {
        {"abfss://real@acct.dfs.core.windows.net=azure:", "abfss://real@ACCT.dfs.core.windows.net/a/b/", "abfss://real@ACCT.dfs.core.windows.net/a/b"},
        {"abfss://real@acct.dfs.core.windows.net=azure:", "abfss://real@acct.dfs.core.windows.net", "abfss://real@acct.dfs.core.windows.net"},
        {"abfss://dev@acct.dfs.core.windows.net=azure+http://127.0.0.1:10000/devstoreaccount1/dev", "abfss://dev@acct.dfs.core.windows.net/t 1",
         "azure+http://127.0.0.1:10000/devstoreaccount1/dev/t 1"},
        {"s3://mine=s3:", "s3://mine/x/y", "s3://mine/x/y"},
        {"s3://minio=s3+http://127.0.0.1:9000/other", "s3://minio/x", "s3+http://127.0.0.1:9000/other/x"},
        {"https://web.blob.core.windows.net=azure:", "https://web.blob.core.windows.net/c/a%20b?sv=1", "https://web.blob.core.windows.net/c/a b"},
        {"/mnt/lake=s3://b/lake", "/mnt/lake/t", "s3://b/lake/t"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {};
        assert_int_equal(resolve_bind(w.r, str_z(rows[i].bind), &err), 0);
        struct resolved at = ok(rows[i].name);
        assert_int_equal(at.kind, RESOLVED_STORE);
        assert_true(at.bound);
        assert_string_equal(at.url, rows[i].url);
    }
    assert_int_equal(bad("s3://mine/../x").code, ERR_INPUT);
    assert_int_equal(bad("s3://elsewhere/x").code, ERR_UNSUPPORTED);
}

static void outside_hubs(void **state)
{
    static const char *const wrong[] = {
        "sb://ns.servicebus.windows.net/hub=kafka://h:1", "sb://.servicebus.windows.net=kafka://h:1", "s3://ns.servicebus.windows.net=kafka://h:1",
        "https://example.com=kafka://h:1", "abfss://c@acct.dfs.core.windows.net=sb:", "sb://a.b.servicebus.windows.net/x/y=sb:",
    };
    static const char *const names[] = {"sb://One.servicebus.windows.net/sales", "one.servicebus.windows.net/sales", "https://one.servicebus.windows.net/sales"};
    const char *ns, *to;
    struct err err = {};
    (void)state;
    assert_false(resolve_bound_hub(w.r, 0, &ns, &to));
    bind_ok("sb://ONE.servicebus.windows.net/=kafka://first:1");
    bind_ok("two.servicebus.windows.net=sb:");
    bind_ok("sb://one.servicebus.windows.net=kafka://a:1,b:2"); /* the later counts */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct resolved at = ok(names[i]);
        assert_int_equal(at.kind, RESOLVED_HUB);
        assert_true(at.bound);
        assert_string_equal(at.hub, "sales");
        assert_string_equal(at.url, "kafka://a:1,b:2");
    }
    assert_string_equal(ok("sb://two.servicebus.windows.net/h").url, "sb:");
    assert_false(ok("sb://three.servicebus.windows.net/h").bound);
    assert_true(resolve_bound_hub(w.r, 0, &ns, &to));
    assert_string_equal(ns, "two");
    assert_true(resolve_bound_hub(w.r, 1, &ns, &to));
    assert_string_equal(ns, "one");
    assert_string_equal(to, "kafka://a:1,b:2");
    assert_false(resolve_bound_hub(w.r, 2, &ns, &to));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(resolve_bind(w.r, str_z(wrong[i]), &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct { const char *name; enum err_code code; } rows[] = {
        {"s3://bucket/x", ERR_UNSUPPORTED},
        {"https://adb-1.2.azuredatabricks.net/api", ERR_UNSUPPORTED},
        {"https://acct.queue.core.windows.net/q", ERR_UNSUPPORTED},
        {"/Workspace/Users/a", ERR_UNSUPPORTED},
        {"ftp://host/x", ERR_UNSUPPORTED},
        {"abfss://landing@acct.dfs.core.windows.net/../x", ERR_INPUT},
        {"https://acct.blob.core.windows.net/c/%2e%2e/%2e%2e/x", ERR_INPUT},
        {"https://acct.blob.core.windows.net/../c/x", ERR_INPUT},
        {"https://acct.blob.core.windows.net/c/%zz", ERR_INPUT},
        {"https://acct.blob.core.windows.net/c/a%00b", ERR_INPUT},
        {"abfss://acct.dfs.core.windows.net/x", ERR_INPUT},
        {"abfss://..@acct.dfs.core.windows.net/x", ERR_INPUT},
        {"abfss://a@../x.dfs.core.windows.net/x", ERR_INPUT},
        {"/Volumes/a/b", ERR_INPUT},
        {"/Volumes/a/b/c/../../x", ERR_INPUT},
        {"dbfs:/../x", ERR_INPUT},
        {"../x", ERR_INPUT},
        {"", ERR_INPUT},
        {"https:///x", ERR_INPUT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = bad(rows[i].name);
        if (err.code != rows[i].code)
            fail_msg("%s: %s: %s", rows[i].name, err_code_name(err.code), err.msg);
    }
    char dots[400] = "/Volumes/../../x/y";
    assert_true(strstr(ok(dots).path, "/volumes/%2E"));
}

static void bindings(void **state)
{
    (void)state;
    struct err err = {};
    bind_ok("https://example.com/data=file:///srv/data/");
    bind_ok("https://example.com/data/deep=file://./deep");
    bind_ok("https://q.example.com/?a=b=https://other.example.com/x/");
    bind_ok("abfss://c@acct.dfs.core.windows.net=file:///srv/c");
    assert_string_equal(ok("https://example.com/data/a%20b.csv?x=1").path, "/srv/data/a b.csv");
    assert_string_equal(ok("https://EXAMPLE.com/data").path, "/srv/data");
    assert_int_equal(ok("https://example.com/database").kind, RESOLVED_HTTP);
    assert_string_equal(ok("https://example.com/data/deep/f").path,
                        arena_printf(w.a, "%s/project/deep/f", w.dir));
    assert_string_equal(ok("https://q.example.com/?a=b").url, "https://other.example.com/x");
    assert_string_equal(ok("abfss://c@acct.dfs.core.windows.net/p%20q").path, "/srv/c/p%20q");
    assert_true(ok("https://example.com/data/x").bound);
    bind_ok("https://example.com/data=file:///later"); /* the command line comes last and wins */
    assert_string_equal(ok("https://example.com/data/x").path, "/later/x");
    assert_int_equal(bad("https://example.com/data/%2e%2e/x").code, ERR_INPUT);
    assert_int_equal(resolve_bind(w.r, STR("https://example.com/x"), &err), -1);
    assert_int_equal(resolve_bind(w.r, STR("https://example.com/x=ftp://h"), &err), -1);
    assert_int_equal(resolve_bind(w.r, STR("=file:///x"), &err), -1);
    assert_int_equal(resolve_bind(w.r, STR("a.b=git+file:///x?branch=y"), &err), -1);
}

/* ---------------------------------------------------------------- Git */

static void git_ok(int rc)
{
    if (rc)
        fail_msg("libgit2: %s", git_error_last() ? git_error_last()->message : "?");
}

/* Commits `bytes` as data/f.csv on the current branch. */
static git_oid commit(git_repository *repo, const char *bytes, size_t n)
{
    git_index *index;
    git_oid tree_id, id;
    git_tree *tree;
    git_signature *who;
    git_oid parent_id;
    git_commit *parent = NULL;
    git_index_entry entry = {.path = "data/f.csv", .mode = GIT_FILEMODE_BLOB};
    git_ok(git_repository_index(&index, repo));
    git_ok(git_index_add_from_buffer(index, &entry, bytes, n));
    git_ok(git_index_write_tree(&tree_id, index));
    git_ok(git_index_write(index));
    git_ok(git_tree_lookup(&tree, repo, &tree_id));
    git_ok(git_signature_new(&who, "t", "t@example.com", 1700000000, 0));
    if (git_reference_name_to_id(&parent_id, repo, "HEAD") == 0)
        git_ok(git_commit_lookup(&parent, repo, &parent_id));
    const git_commit *parents[] = {parent};
    git_ok(git_commit_create(&id, repo, "HEAD", who, who, NULL, "m", tree, parent != NULL, parents));
    git_commit_free(parent);
    git_signature_free(who);
    git_tree_free(tree);
    git_index_free(index);
    return id;
}

static git_repository *make_repo(const char *path, const char *bytes, size_t n)
{
    git_repository *repo;
    git_repository_init_options opts = {.version = GIT_REPOSITORY_INIT_OPTIONS_VERSION};
    opts.flags = GIT_REPOSITORY_INIT_MKPATH;
    opts.initial_head = "main";
    git_ok(git_repository_init_ext(&repo, path, &opts));
    commit(repo, bytes, n);
    return repo;
}

static void assert_reads(const struct resolved *at, const char *bytes, size_t n)
{
    struct buf b;
    struct err err = {};
    buf_init(&b);
    if (resolve_read_all(at, 1000, &b, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(b.len, n);
    assert_memory_equal(b.ptr, bytes, n);
    buf_release(&b);
}

static void git_binding(void **state)
{
    (void)state;
    static const char bytes[] = "a,b\r\n\0\xff,2\n";
    struct err err = {};
    struct resolved_entry *entries;
    char *path = arena_printf(w.a, "%s/source", w.dir);
    git_repository *repo = make_repo(path, bytes, sizeof bytes);
    git_oid id = commit(repo, "newer", 5);
    git_reference *ref;
    git_object *first;
    git_ok(git_revparse_single(&first, repo, "HEAD~1"));
    git_ok(git_branch_create(&ref, repo, "rel/1", (git_commit *)first, 0));
    git_reference_free(ref);
    git_object_free(first);
    bind_ok(arena_printf(w.a, "https://raw.githubusercontent.com/o/r/main=git+file://%s", path));
    bind_ok(arena_printf(w.a, "https://x.example.com=git+file://%s?ref=rel/1", path));
    bind_ok(arena_printf(w.a, "https://raw.githubusercontent.com/o/two=git+file://%s", path));
    bind_ok(arena_printf(w.a, "https://raw.githubusercontent.com/o/dev/dev=git+file://%s", path));
    struct resolved at = ok("https://raw.githubusercontent.com/o/r/main/data/f.csv");
    assert_int_equal(at.kind, RESOLVED_GIT);
    assert_string_equal(at.ref, "main");
    assert_reads(&at, "newer", 5);
    at = ok("https://x.example.com/data/f.csv");
    assert_reads(&at, bytes, sizeof bytes);
    at = ok("https://raw.githubusercontent.com/o/two/rel/1/data/f.csv");
    assert_string_equal(at.ref, "rel/1");
    assert_reads(&at, bytes, sizeof bytes);
    at = ok(arena_printf(w.a, "https://raw.githubusercontent.com/o/two/%s/data/f.csv",
                         git_oid_tostr_s(&id)));
    assert_reads(&at, "newer", 5);
    at = ok("https://raw.githubusercontent.com/o/dev/dev/data"); /* no branch dev: HEAD */
    assert_string_equal(at.ref, "HEAD");
    assert_int_equal(resolve_walk(&at, w.a, &entries, &err), 1);
    assert_string_equal(entries[0].name, "f.csv");
    assert_int_equal(entries[0].stat.size, 5);
    assert_int_equal(bad("https://raw.githubusercontent.com/o/two/none/data/f.csv").code,
                     ERR_NOT_FOUND);
    at = ok("https://x.example.com/nothing");
    struct resolved_stat st;
    assert_int_equal(resolve_stat(&at, &st, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(bad("https://x.example.com/%2e%2e/x").code, ERR_INPUT);
    git_repository_free(repo);
}

static void own_remote(void **state)
{
    (void)state;
    char *path = arena_printf(w.a, "%s/project", w.dir);
    git_repository *repo = make_repo(path, "mine", 4);
    git_config *config;
    git_ok(git_repository_config(&config, repo)); /* git_remote_create() leaks in its expressions */
    git_ok(git_config_set_string(config, "remote.origin.url", "git@github.com:Owner/Repo.git"));
    git_config_free(config);
    resolve_free(w.r);
    w.r = resolve_new(arena_printf(w.a, "%s/state", w.dir), arena_printf(w.a, "%s/sub/..", path));
    struct resolved at = ok("https://raw.githubusercontent.com/owner/repo/refs/heads/main/data/f.csv");
    assert_int_equal(at.kind, RESOLVED_GIT);
    assert_reads(&at, "mine", 4);
    at = ok("https://github.com/Owner/Repo/raw/main/data/f.csv");
    assert_reads(&at, "mine", 4);
    assert_int_equal(bad("https://raw.githubusercontent.com/owner/repo/gone/f").code, ERR_NOT_FOUND);
    assert_int_equal(ok("https://raw.githubusercontent.com/other/repo/main/f").kind, RESOLVED_HTTP);
    assert_int_equal(ok("https://github.com/Owner/Repository/raw/main/f").kind, RESOLVED_HTTP);
    git_repository_free(repo);
}

static void remote_names(void **state)
{
    (void)state;
    static const struct { const char *url, *name; } rows[] = {
        {"https://github.com/o/r.git", "github.com/o/r"},
        {"https://token@GitHub.com/o/r/", "github.com/o/r"},
        {"git@github.com:o/r.git", "github.com/o/r"},
        {"ssh://git@gitlab.com:22/g/s/r.git", "gitlab.com/g/s/r"},
        {"/srv/git/r.git", NULL},
        {"./a:b", NULL},
        {"file:///srv/r.git", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf b;
        buf_init(&b);
        assert_int_equal(resolve_remote_name(str_z(rows[i].url), &b), rows[i].name != NULL);
        assert_string_equal(b.ptr, rows[i].name ? rows[i].name : "");
        buf_release(&b);
    }
}

static void local_reads(void **state)
{
    (void)state;
    struct err err = {};
    struct resolved_entry *entries;
    struct resolved below;
    struct resolved dir = ok("abfss://c@acct.dfs.core.windows.net/d");
    assert_int_equal(resolve_list(&dir, w.a, &entries, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(fs_mkdirs(path_join(w.a, dir.path, "sub"), &err), 0);
    assert_int_equal(fs_write_file(path_join(w.a, dir.path, "sub/f"), STR("1234"), &err), 0);
    assert_int_equal(resolve_list(&dir, w.a, &entries, &err), 1);
    assert_true(entries[0].stat.is_dir);
    assert_int_equal(resolve_walk(&dir, w.a, &entries, &err), 1);
    assert_string_equal(entries[0].name, "sub/f");
    assert_int_equal(resolve_below(&dir, w.a, STR("sub/f"), &below, &err), 0);
    assert_reads(&below, "1234", 4);
    assert_int_equal(resolve_below(&dir, w.a, STR("../f"), &below, &err), -1);
    struct buf b;
    buf_init(&b);
    assert_int_equal(resolve_below(&dir, w.a, STR("sub/f"), &below, &err), 0);
    assert_int_equal(resolve_read_all(&below, 3, &b, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(local_names, setup, teardown),
        cmocka_unit_test_setup_teardown(other_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
        cmocka_unit_test_setup_teardown(bindings, setup, teardown),
        cmocka_unit_test_setup_teardown(git_binding, setup, teardown),
        cmocka_unit_test_setup_teardown(own_remote, setup, teardown),
        cmocka_unit_test_setup_teardown(stores, setup, teardown),
        cmocka_unit_test_setup_teardown(outside_hubs, setup, teardown),
        cmocka_unit_test(remote_names),
        cmocka_unit_test_setup_teardown(local_reads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
