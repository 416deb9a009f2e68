/* CSV and JSON files as real Spark read them: tests/cases/engine/spark_files.json, which
 * tests/oracle/spark_csv.py renews. Each case is a file, options and a schema: rows, types and names
 * must be Spark's, or where Spark fails there must be an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/fs.h"
#include "base/log.h"
#include "engine/csv.h"
#include "engine/files_int.h"
#include "engine/print.h"
#include "base/time.h"
#include "resolve/resolve.h"
#include "sparksql/sparksql.h"
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

/* ---------------------------------------------------------------- what the recorded cases do not hold */

static void put_file(struct world *w, const char *name, struct str text)
{
    struct err err = {0};
    char path[200], dir[200];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    snprintf(dir, sizeof dir, "%.*s", STR_ARGS(path_dir(str_z(path))));
    if (fs_mkdirs(dir, &err) || fs_write_file(path, text, &err))
        fail_msg("%s", err.msg);
}

/* A call of read_files below the world's folder: the rows as JSON, or the error. */
static const char *read_text_of(struct world *w, struct arena *a, const char *folder, const char *options)
{
    struct err err = {0};
    const struct type *schema;
    struct str sql = str_fmt(a, "SELECT * FROM read_files('%s/%s', %s)", w->dir, folder, options);
    struct rel *r = sparksql_query(a, "test", sql, &err);
    if (!r)
        fail_msg("%s", err.msg);
    while (r->kind != REL_FUNCTION)
        r = r->input;
    const struct doc *d = read_leaf(w, a, r, &schema, &err);
    struct buf b;
    buf_init(&b);
    if (d)
        doc_write(&b, d);
    else
        buf_z(&b, err.msg);
    const char *out = str_cz(a, buf_view(&b));
    buf_release(&b);
    return out;
}

static void lines_of_text_are_rows(void **state)
{
    struct world *w = *state;
    struct arena *a = arena_new();
    put_file(w, "t/k=7/a.txt", STR("a\n\nb \x1f c\r\n\"q\r\xff last"));
    assert_string_equal(read_text_of(w, a, "t", "format => 'text'"),
                        "[[\"a\",\"7\"],[\"\",\"7\"],[\"b \\u001f c\",\"7\"],[\"\\\"q\",\"7\"],[\"\xef\xbf\xbd last\",\"7\"]]");
    assert_string_equal(read_text_of(w, a, "t", "format => 'text', lineSep => ' '"),
                        "[[\"a\\n\\nb\",\"7\"],[\"\\u001f\",\"7\"],[\"c\\r\\n\\\"q\\r\xef\xbf\xbd\",\"7\"],[\"last\",\"7\"]]");
    arena_free(a);
}

static void folders_give_columns(void **state)
{
    static const struct { const char *options, *rows; } rows[] = {
        {"'csv', fileNamePattern => '*.csv'", "[[\"5\",\"c d\",null]]"},
        {"'csv', fileNamePattern => '*.csv', schema => 'k STRING, a INT'", "[[5,\"c d\"]]"},
        {"'csv', fileNamePattern => '*.csv', schemaHints => 'k STRING'", "[[\"5\",\"c d\",null]]"},
        {"'json', fileNamePattern => '*.json', schema => 'k STRING, a INT'", "[[1,\"c d\"]]"},
        {"'json', fileNamePattern => '*.json'", "[[\"1\",\"c d\",null]]"},
        {"'json', fileNamePattern => '*.json', multiLine => true, schema => 'k STRING, a INT'", "[[1,\"c d\"]]"},
        {"'json', fileNamePattern => '*.json', multiLine => true", "[[\"1\",\"c d\",null]]"},
        {"'text', fileNamePattern => '*.txt', wholetext => true", "[[\"t\",\"c d\"]]"},
    };
    struct world *w = *state;
    struct arena *a = arena_new();
    put_file(w, "k=1/t/k=c%20d/k=9.csv", STR("5\n")); /* only the folder below the source's says anything */
    put_file(w, "k=1/t/k=c%20d/a.json", STR("{\"a\":1}"));
    put_file(w, "k=1/t/k=c%20d/a.txt", STR("t"));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(read_text_of(w, a, "k=1/t", str_fmt(a, "header => false, inferSchema => false, format => %s", rows[i].options).ptr), rows[i].rows);
    arena_free(a);
}

static void options_do_or_are_refused(void **state)
{
    static const struct { const char *options, *says; } rows[] = {
        {"recursiveFileLookup => true", "[[1]]"}, {"partitionColumns => ''", "[[1]]"}, {"partitionColumns => 'k'", "[[1,\"2\"]]"},
        {"timeZone => 'UTC', locale => 'en-US', mode => 'permissive', includeExistingFiles => true", "[[1,\"2\",\"3\"]]"},
        {"header => 'yes'", "the option 'header' of a file source takes true|false, not 'yes'"},
        {"schemaEvolutionMode => 'failOnNewColumns'", "the option 'schemaEvolutionMode' of a file source takes addNewColumns|rescue|none, not 'failOnNewColumns'"},
        {"timeZone => 'Asia/Tokyo'", "the option 'timeZone' of a file source takes UTC|GMT|Etc/UTC|Z|+00:00, not 'Asia/Tokyo'"},
        {"includeExistingFiles => false", "the option 'includeExistingFiles' of a file source takes true, not 'false'"},
        {"cleanSource => 'DELETE'", "the option 'cleanSource' of a file source takes OFF, not 'DELETE'"},
        {"basePath => '/'", "unknown option of a file source 'basePath': remove it, or see docs/compatibility.md for the known ones"},
    };
    struct world *w = *state;
    struct arena *a = arena_new();
    put_file(w, "o/k=2/j=3/a.csv", STR("1\n"));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(read_text_of(w, a, "o", str_fmt(a, "format => 'csv', schema => 'a INT', %s", rows[i].options).ptr), rows[i].says);
    arena_free(a);
}

static const char *deep_array(struct arena *a, size_t depth)
{
    char *s = arena_alloc(a, depth * 2 + 1);
    memset(s, '[', depth);
    memset(s + depth, ']', depth);
    return s;
}

static void no_member_of_a_document_is_lost_unseen(void **state)
{
    static const struct { const char *options, *part; } rows[] = {
        {"multiLine => true, schema => 'a INT, _rescued_data STRING'", "[[1,\"{\\\"z\\\":{\\\"y\\\":2},\\\"_file_path\\\":"},
        {"multiLine => true, schema => 'a INT, _rescued_data STRING'", "[null,\"{\\\"a\\\":\\\"x\\\",\\\"_file_path\\\":"},
        {"multiLine => true, schema => 'a INT, _corrupt_record STRING'", "[[1,null],[null,\"{\\\"a\\\":\\\"x\\\"}\"]]"},
        {"multiLine => true, mode => 'DROPMALFORMED', schema => 'a INT'", "[[1]]"},
    };
    struct world *w = *state;
    struct arena *a = arena_new();
    put_file(w, "j/a.json", STR("[{\"a\":1,\n\"z\":{\"y\":2}},\n{\"a\":\"x\"}]"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *got = read_text_of(w, a, "j", str_fmt(a, "format => 'json', %s", rows[i].options).ptr);
        if (!strstr(got, rows[i].part))
            fail_msg("'%s' is not in '%s'", rows[i].part, got);
    }
    put_file(w, "k/a.json", str_fmt(a, "{\"a\":1,\"z\":%s}\n", deep_array(a, DOC_MAX_DEPTH + 1)));
    assert_non_null(strstr(read_text_of(w, a, "k", "format => 'json', schema => 'a INT, _rescued_data STRING'"), "_corrupt_record"));
    arena_free(a);
}

static char said[4000];

static void keep_line(void *ctx, enum log_level level, struct str line)
{
    size_t n = strlen(said);
    (void)ctx;
    (void)level;
    snprintf(said + n, sizeof said - n, "%.*s\n", STR_ARGS(line));
}

static void rows_that_are_no_objects_are_told(void **state)
{
    struct world *w = *state;
    struct arena *a = arena_new();
    said[0] = 0;
    put_file(w, "l/a.json", STR("{\"a\":1}\nno json\n7\n"));
    log_set_sink(keep_line, NULL);
    const char *rows = read_text_of(w, a, "l", "format => 'json', schema => 'a INT'");
    log_set_sink(NULL, NULL);
    assert_string_equal(rows, "[[1],[null],[null]]");
    assert_non_null(strstr(said, "a row is no JSON object and is read as NULL file="));
    assert_non_null(strstr(said, "line=2 value=\"no json\" so_far=1"));
    arena_free(a);
}

/* Wherever the bytes read so far end, a record is the one that the whole text gives. */
static void records_are_whole_wherever_a_read_ends(void **state)
{
    struct str text = STR("a,\"b\"\"c\\\"d\",e\r\n\n#no\n\"x\ry\r\nz\" ,\"q\"r,||\n1||2\r\"");
    (void)state;
    for (int multi = 0; multi < 4; multi++) {
        struct csv_dialect d = {.delimiter = multi & 2 ? STR("||") : STR(","), .quote = '"', .escape = '\\', .comment = '#', .multi_line = multi & 1};
        struct csv_record whole, part;
        struct err err = {0};
        csv_record_init(&whole);
        csv_record_init(&part);
        for (size_t at = 0, took = 0, rows = 0; csv_next(&d, str_from(text, at), true, &whole, &took, &err) == 1; at += took, rows++) {
            size_t part_took;
            for (size_t cut = at; cut <= text.len; cut++) {
                int rc = csv_next(&d, str_sub(text, at, cut - at), false, &part, &part_took, &err);
                assert_true(rc == 1 || rc == 2);
                if (rc == 2)
                    continue;
                assert_int_equal(part_took, took);
                assert_int_equal(part.count, whole.count);
                assert_true(str_eq(buf_view(&part.text), buf_view(&whole.text)));
            }
            assert_true(rows < 6);
        }
        csv_record_release(&whole);
        csv_record_release(&part);
    }
}

/* A row is not taken apart again with each piece of it: 32 MB within seconds, under ASan too. */
static void a_long_row_costs_its_length(void **state)
{
    struct world *w = *state;
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b);
    buf_z(&b, "1,\"");
    for (int i = 0; i < 32 << 10; i++)
        buf_printf(&b, "%1023d\n", i);
    put_file(w, "long.csv", buf_view(&b));
    buf_release(&b);
    int64_t from = time_mono_us();
    const char *rows = read_text_of(w, a, "long.csv", "format => 'csv', multiLine => true, schema => 'a INT, b STRING'");
    assert_int_equal(strlen(rows), strlen("[[1,\"\"]]") + (32 << 10) * 1025); /* \n is two in JSON */
    assert_true(time_mono_us() - from < 60 * 1000000LL);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_of_text_are_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_give_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(no_member_of_a_document_is_lost_unseen, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_that_are_no_objects_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(options_do_or_are_refused, setup, teardown),
        cmocka_unit_test(records_are_whole_wherever_a_read_ends),
        cmocka_unit_test_setup_teardown(a_long_row_costs_its_length, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_read_as_spark_reads_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
