/* spark-pipeline.yml: what it says, which files it names, and its mistakes. */
#include "unit/base/test_util.h"
#include "base/fs.h"
#include "pipelines/spec.h"

struct folder { struct arena *a; char dir[64]; };

static int setup(void **state)
{
    struct folder *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->a = arena_new();
    snprintf(p->dir, sizeof p->dir, "/tmp/spec.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct folder *p = *state;
    struct err err = {0};
    assert_int_equal(fs_remove_tree(p->dir, &err), 0);
    arena_free(p->a);
    free(p);
    return 0;
}

static void put(const struct folder *p, const char *name, const char *text)
{
    char *path = path_join(p->a, p->dir, name);
    struct err err = {0};
    assert_int_equal(fs_mkdirs(str_cz(p->a, path_dir(str_z(path))), &err), 0);
    assert_int_equal(fs_write_file(path, str_z(text), &err), 0);
}

static int read_spec(const struct folder *p, const char *text, struct pipeline_def *def, struct err *err)
{
    put(p, "t/b.sql", "");
    put(p, "t/deep/a.sql", "");
    put(p, "t/deep/c.py", "");
    put(p, "t/notes.txt", "");
    put(p, "one.sql", "");
    put(p, "spark-pipeline.yml", text);
    *err = (struct err){0};
    return spec_read(p->a, path_join(p->a, p->dir, "spark-pipeline.yml"), def, err);
}

static void all_that_it_says(void **state)
{
    struct folder *p = *state;
    struct pipeline_def def;
    struct err err;
    if (read_spec(p, "name: shop\nstorage: file:///x\ncatalog: main\ndatabase: sales\nconfiguration: {a: x, n: 7, yes: true}\n"
                     "libraries:\n  - glob: {include: t/**}\n  - glob: {include: one.sql}\n  - glob: {include: t/**}\n", &def, &err))
        fail_msg("%d:%d: %s", err.where.line, err.where.col, err.msg);
    assert_str(def.name, "shop");
    assert_str(def.catalog, "main");
    assert_str(def.schema, "sales");
    assert_int_equal(def.configuration.count, 3);
    assert_str(def.configuration.values[1], "7");
    assert_str(def.configuration.values[2], "true");
    static const char *const files[] = {"t/b.sql", "t/deep/a.sql", "t/deep/c.py", "one.sql"};
    assert_int_equal(def.file_count, 4); /* each once */
    for (size_t i = 0; i < COUNT_OF(files); i++)
        assert_string_equal(str_cz(p->a, def.files[i]), path_join(p->a, p->dir, files[i]));
}

#define LIBS "libraries: [{glob: {include: t/**}}]\n"
static const struct { const char *text, *says; int line; } MISTAKES[] = {
    {LIBS, "name", 1},
    {"name: x\n", "no files", 1},
    {"name: x\ncatalogue: y\n" LIBS, "no key 'catalogue'; there are name, storage, catalog", 2},
    {"name: x\ncatalog: [y]\n" LIBS, "catalog is a text", 2},
    {"name: x\ndatabase: a\nschema: b\n" LIBS, "one thing", 3},
    {"name: x\nconfiguration: {a: [1]}\n" LIBS, "value of 'a' is a text", 2},
    {"name: x\nlibraries: t\n", "libraries is a list", 2},
    {"name: x\nlibraries: [{file: {path: one.sql}}]\n", "a library has no key 'file'", 2},
    {"name: x\nlibraries: [{glob: {include: t/*.sql}}]\n", "/** behind it", 2},
    {"name: x\nlibraries: [{glob: {include: gone.sql}}]\n", "no file 'gone.sql'", 2},
    {"name: x\nlibraries: [{glob: {include: gone/**}}]\n", "no folder 'gone'", 2},
    {"[x]\n", "a mapping", 1},
};

static void mistakes_name_their_place(void **state)
{
    struct folder *p = *state;
    for (size_t i = 0; i < COUNT_OF(MISTAKES); i++) {
        struct pipeline_def def;
        struct err err;
        assert_int_equal(read_spec(p, MISTAKES[i].text, &def, &err), -1);
        if (!strstr(err.msg, MISTAKES[i].says) || err.where.line != MISTAKES[i].line)
            fail_msg("%s: %d: %s", MISTAKES[i].says, err.where.line, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_it_says, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_name_their_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
