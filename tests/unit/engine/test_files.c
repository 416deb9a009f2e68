/* CSV and JSON files as real Spark read them: tests/cases/engine/spark_files.json, which
 * tests/oracle/spark_csv.py renews. Each case is a file, options and a schema: rows, types and names
 * must be Spark's, or where Spark fails there must be an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/fs.h"
#include "engine/csv.h"
#include "engine/files_int.h"
#include "engine/print.h"
#include "resolve/resolve.h"
#include "same.h"
#include <stdio.h>
#include <stdlib.h>

struct world { char dir[64]; struct resolver_names *names; struct duck *db; struct duck_conn *c; };

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    struct err err = {0};
    snprintf(w->dir, sizeof w->dir, "/tmp/files-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->names = resolve_new(w->dir, w->dir);
    w->db = duck_new(NULL, &err);
    assert_non_null(w->db);
    if (engine_prelude(w->db, &err))
        fail_msg("%s", err.msg);
    w->c = duck_connect(w->db, &err);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    duck_disconnect(w->c);
    duck_free(w->db);
    resolve_free(w->names);
    if (fs_remove_tree(w->dir, &err))
        print_message("%s\n", err.msg);
    mem_free(w);
    return 0;
}

/* The rows of a leaf as JSON arrays, one after the other in an array; NULL: an error. */
static struct doc *read_leaf(struct world *w, struct arena *a, const struct rel *leaf, const struct type **schema, struct err *err)
{
    struct data_file *files;
    struct buf sql, rows;
    struct file_source *f = file_source_open(a, leaf, w->names, err);
    int64_t n = f ? file_source_list(f, a, &files, err) : -1;
    if (n < 0 || file_source_schema(f, a, w->c, files, (size_t)n, err))
        return NULL;
    *schema = f->schema;
    buf_init(&sql);
    buf_init(&rows);
    buf_z(&sql, "SELECT * EXCLUDE (_metadata) FROM ");
    int rc = file_source_print(f, files, (size_t)n, &sql, err);
    struct duck_result *r = rc ? NULL : duck_query(w->c, buf_view(&sql), err);
    rc = r ? 0 : -1;
    buf_char(&rows, '[');
    while (r && (rc = duck_next(r, err)) > 0)
        for (size_t i = 0; i < duck_rows(r); i++)
            for (size_t k = 0; k < duck_cols(r); k++) {
                buf_z(&rows, k ? "," : rows.len > 1 ? ",[" : "[");
                duck_render(r, k, i, DUCK_AS_JSON, &rows);
                buf_z(&rows, k + 1 == duck_cols(r) ? "]" : "");
            }
    buf_char(&rows, ']');
    struct doc *d = rc == 0 ? doc_json(a, "rows", str_copy(a, buf_view(&rows)), err) : NULL;
    duck_result_free(r);
    buf_release(&sql);
    buf_release(&rows);
    return d;
}

static struct rel *leaf_of(struct world *w, struct arena *a, const struct doc *c)
{
    struct err err = {0};
    const struct doc *options = doc_get(c, "options");
    struct rel *leaf = rel_new(a, REL_SOURCE, (struct place){"case", 1, 1});
    struct str *path = ARENA_NEW(a, struct str);
    leaf->format = doc_str(doc_get(c, "format"), STR("csv"));
    *path = str_fmt(a, "%s/case.%.*s", w->dir, STR_ARGS(leaf->format));
    assert_int_equal(fs_write_file(path->ptr, doc_str(doc_get(c, "text"), STR("")), &err), 0);
    leaf->paths = path;
    leaf->path_count = 1;
    leaf->options.count = options->count;
    leaf->options.keys = ARENA_ARRAY(a, struct str, options->count + 1);
    leaf->options.values = ARENA_ARRAY(a, struct str, options->count + 1);
    for (size_t i = 0; i < options->count; i++) {
        leaf->options.keys[i] = options->keys[i].name;
        leaf->options.values[i] = options->items[i]->text;
    }
    if (doc_get(c, "schema") && !(leaf->schema = type_read_ddl(a, doc_get(c, "schema")->text, &err)))
        fail_msg("%s", err.msg);
    return leaf;
}

/* Spark says "int" and "string" of types, and so do we. */
static bool same_schema(struct arena *a, const struct doc *c, const struct type *schema)
{
    const struct doc *types = doc_get(c, "types"), *names = doc_get(c, "names");
    size_t n = schema->field_count - 1; /* without _metadata */
    bool ok = n == types->count;
    for (size_t i = 0; ok && i < n; i++) {
        struct buf b;
        buf_init(&b);
        type_write_ddl(&b, schema->fields[i].type);
        ok = str_ieq(buf_view(&b), types->items[i]->text) && str_eq(schema->fields[i].name, names->items[i]->text);
        if (!ok)
            print_message("column %zu: %.*s %s\n", i, STR_ARGS(schema->fields[i].name), b.ptr);
        buf_release(&b);
    }
    (void)a;
    return ok;
}

static void files_are_read_as_spark_reads_them(void **state)
{
    struct world *w = *state;
    struct arena *a = arena_new();
    struct err err = {0};
    struct buf text;
    size_t wrong = 0;
    buf_init(&text);
    assert_int_equal(fs_read_file("tests/cases/engine/spark_files.json", 1 << 20, &text, &err), 0);
    const struct doc *d = doc_json(a, "spark_files.json", buf_view(&text), &err), *cases = doc_get(d, "cases");
    for (size_t i = 0; i < cases->count; i++) {
        const struct doc *c = cases->items[i];
        const struct type *schema = NULL;
        err = (struct err){0};
        const struct doc *rows = read_leaf(w, a, leaf_of(w, a, c), &schema, &err);
        bool ok = doc_get(c, "error") ? !rows : rows && same(doc_get(c, "rows"), rows) && (doc_get(c, "schema") || same_schema(a, c, schema));
        if (ok || doc_get(c, "differs"))
            continue;
        struct buf b;
        buf_init(&b);
        doc_write(&b, c);
        buf_z(&b, "\n  gives ");
        if (rows)
            doc_write(&b, rows);
        else
            buf_z(&b, err.msg);
        print_message("%s\n", b.ptr);
        buf_release(&b);
        wrong++;
    }
    buf_release(&text);
    arena_free(a);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_read_as_spark_reads_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
