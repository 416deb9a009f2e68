/* Queries whose answers real Spark gave: tests/cases/engine/spark_*.json (tests/oracle/spark_cases.py
 * renews them), and, where the shared data is there, its spark_traps.json. Each query must give
 * Spark's types and rows, or fail and stand in tests/cases/engine/refused.txt; a query that Spark
 * refuses must fail, and no more than OTHERWISE_MAX of them by an error of another class than Spark's,
 * none by ERR_INTERNAL; or it stands in answered.txt. A wrong answer fails the test; a line that a list need
 * not have is told. LISTS=1 prints the lines that are lacking: "R query", "A query". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/print_int.h"
#include "same.h"
#include "spark.h"
#include <stdio.h>
#include <stdlib.h>

struct tally { size_t equal, refused, wrong, otherwise /* errors here and in Spark, of two classes */; };
enum { OTHERWISE_MAX = 357 }; /* of all recorded queries; lower it when there are fewer */
static size_t otherwise;
static struct spark spark;
static struct map *refusals, *answers; /* queries of refused.txt, answered.txt; legacy ones begin with "ANSI OFF " */
static struct arena *lines;

/* "a, b / c, d" of spark_run as [[a, b], [c, d]]. */
static struct doc *rows_of(struct arena *a, struct str rows, struct err *err)
{
    struct buf b;
    buf_init(&b);
    buf_z(&b, "[[");
    bool quoted = false;
    for (size_t i = 0; i < rows.len; i++) {
        char c = rows.ptr[i];
        if (c == '\\' && quoted) {
            buf_add(&b, rows.ptr + i++, 2);
            continue;
        }
        quoted ^= c == '"';
        if (!quoted && c == '/' && i && rows.ptr[i - 1] == ' ')
            buf_z(&b, "],[");
        else
            buf_char(&b, c);
    }
    buf_z(&b, "]]");
    struct doc *d = rows.len ? doc_json(a, "rows", str_copy(a, buf_view(&b)), err) : doc_json(a, "rows", STR("[]"), err);
    buf_release(&b);
    return d;
}

static bool same_types(const struct doc *want, struct str got)
{
    struct buf w;
    buf_init(&w);
    for (size_t i = 0; i < want->count; i++)
        buf_printf(&w, "%s%.*s", i ? ", " : "", STR_ARGS(want->items[i]->text));
    struct buf g; /* simpleString has neither NOT NULL nor backquotes */
    buf_init(&g);
    for (size_t i = 0; i < got.len; i++) {
        if (str_starts_z(str_from(got, i), " NOT NULL")) {
            i += 8;
            continue;
        }
        if (got.ptr[i] != '`')
            buf_char(&g, got.ptr[i]);
    }
    bool ok = str_eq(buf_view(&w), buf_view(&g));
    buf_release(&w);
    buf_release(&g);
    return ok;
}

static void report(const char *what, const struct doc *c, const char *got)
{
    print_message("  %s: %.*s\n     got %s\n", what, STR_ARGS(doc_get(c, "q")->text), got);
}

/* Names of columns without an alias: told when NAMES is set. */
static void check_names(const struct doc *c, struct str got)
{
    const struct doc *want = doc_get(c, "names");
    struct str rest = got, name;
    for (size_t i = 0; want && i < want->count && str_split(&rest, '\n', &name); i++)
        if (!str_eq(want->items[i]->text, name) && getenv("NAMES"))
            print_message("  name %.*s, in Spark %.*s\n", STR_ARGS(name), STR_ARGS(want->items[i]->text));
}

static void one_case(const struct doc *c, struct tally *t)
{
    struct arena *a = arena_new();
    struct buf types, names, rows;
    struct err err = {0};
    char text[900];
    buf_init(&types);
    buf_init(&names);
    buf_init(&rows);
    int rc = spark_run(&spark, doc_get(c, "q")->text, &types, &names, &rows, &err);
    const struct doc *want = doc_get(c, "rows");
    char key[4096];
    snprintf(key, sizeof key, "%s%.*s", spark.legacy ? "ANSI OFF " : "", STR_ARGS(doc_get(c, "q")->text));
    bool refusal = map_get(refusals, str_z(key)), answer = map_get(answers, str_z(key));
    if (!want) { /* an error in Spark: equal if its class is, subclasses aside; CLASSES shows the others */
        struct str class = doc_get(c, "error")->text;
        bool same_class = rc && strstr(err.msg, str_cz(a, str_sub(class, 0, (size_t)(str_chr(class, '.') < 0 ? (int64_t)class.len : str_chr(class, '.')))));
        t->equal += rc != 0 && same_class;
        t->otherwise += rc != 0 && !same_class;
        t->wrong += (rc == 0 && !answer) || (rc && err.code == ERR_INTERNAL);
        if (rc && err.code == ERR_INTERNAL)
            report("fails by our fault", c, err.msg);
        if (answer != (rc == 0))
            report(answer ? "fails now: it need not be in answered.txt" : "should fail", c, answer ? err.msg : rows.ptr);
        if (rc == 0 && !answer && getenv("LISTS"))
            print_message("A %s\n", key);
        if (rc && getenv("CLASSES") && !same_class)
            print_message("  class %.*s of %.*s: %s\n", STR_ARGS(class), STR_ARGS(doc_get(c, "q")->text), err.msg);
    } else if (rc) {
        t->refused++;
        t->wrong += !refusal;
        if (!refusal)
            report(rc > 0 ? "refused" : "failed", c, err_text(&err, text, sizeof text));
        if (!refusal && getenv("LISTS"))
            print_message("R %s\n", key);
    } else {
        struct doc *got = rows_of(a, buf_view(&rows), &err);
        bool types_ok = same_types(doc_get(c, "types"), buf_view(&types));
        floats = strstr(types.ptr, "float") != NULL;
        bool ok = types_ok && got && same(want, got);
        if (ok)
            check_names(c, buf_view(&names));
        t->equal += ok;
        t->wrong += !ok;
        if (ok && refusal)
            report("answered now: it need not be in refused.txt", c, rows.ptr);
        if (!ok) {
            struct buf b;
            buf_init(&b);
            if (types_ok)
                doc_write(&b, want);
            else
                doc_write(&b, doc_get(c, "types"));
            buf_printf(&b, "\n    want above; got %s", types_ok ? rows.ptr : types.ptr);
            report(types_ok ? "rows" : "types", c, b.ptr);
            buf_release(&b);
        }
    }
    buf_release(&types);
    buf_release(&names);
    buf_release(&rows);
    arena_free(a);
}

static void run_cases(const char *path)
{
    struct arena *a = arena_new();
    struct buf text;
    struct err err = {0};
    struct tally t = {0};
    buf_init(&text);
    assert_int_equal(fs_read_file(path, 16 << 20, &text, &err), 0);
    struct doc *d = doc_json(a, path, buf_view(&text), &err);
    assert_non_null(d);
    const struct doc *cases = doc_get(d, "cases");
    spark.legacy = !doc_bool(doc_get(d, "ansi"), true);
    for (size_t i = 0; i < cases->count; i++)
        one_case(cases->items[i], &t);
    spark.legacy = false;
    print_message("%s: %zu equal, %zu fail by another error, %zu refused, %zu wrong\n", path, t.equal, t.otherwise, t.refused, t.wrong);
    otherwise += t.otherwise;
    assert_int_equal(t.wrong, 0);
    buf_release(&text);
    arena_free(a);
}

/* Runs last. */
static void errors_are_of_sparks_classes(void **state)
{
    (void)state;
    print_message("%zu queries fail in Spark by an error of another class\n", otherwise);
    assert_true(otherwise <= OTHERWISE_MAX);
}

#define GROUP(name) static void spark_##name(void **state) { (void)state; run_cases("tests/cases/engine/spark_" #name ".json"); }
GROUP(arithmetic)
GROUP(casts)
GROUP(strings)
GROUP(dates)
GROUP(collections)
GROUP(queries)
GROUP(math)
GROUP(text)
GROUP(times)
GROUP(nested)
GROUP(aggregates)
GROUP(clauses)
GROUP(mixed)
GROUP(pairs_casts)
GROUP(pairs_tries)
GROUP(pairs_patterns)
GROUP(pairs_decimals)
GROUP(pairs_numbers)
GROUP(legacy_math)
GROUP(legacy_casts)
GROUP(legacy_decimals)
GROUP(legacy_numbers)

/* ------------------------------------------------------------------ spark_traps.json */

/* Its values are Python's: None, True, nan, d1.5 for decimals, datetime text. Both sides are brought
 * to one spelling: no quotes, lower case, no T or Z in times, no zeros at a fraction's end. */
static void plain_spelling(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], before = i ? s.ptr[i - 1] : ' ', next = i + 1 < s.len ? s.ptr[i + 1] : ' ';
        if (str_starts_z(str_from(s, i), "None")) {
            buf_z(out, "null");
            i += 3;
        } else if (c == '"' || (c == '\\' && next == '"')) {
            continue;
        } else if (c == 'd' && (before == ' ') && ((next >= '0' && next <= '9') || next == '-')) {
            continue;
        } else if (c == 'T' && before >= '0' && before <= '9' && next >= '0' && next <= '9') {
            buf_char(out, ' ');
        } else if (c == 'Z' && before >= '0' && before <= '9') {
            continue;
        } else if (str_starts_z(str_from(s, i), "Infinity")) {
            buf_z(out, "inf");
            i += 7;
        } else if (before == '.' && str_starts_z(str_from(s, i), "123000")) {
            buf_z(out, "123");
            i += 5;
        } else {
            buf_char(out, (char)(c >= 'A' && c <= 'Z' ? c | 32 : c));
        }
    }
}

/* Answers that may differ: order of rows or ties that Spark leaves open, Python's own spelling of
 * intervals and bytes, the last digits of kurtosis. */
static bool told_otherwise(struct str q)
{
    static const char *const parts[] = {"WITH ROLLUP", "mode(k)", "INTERVAL '1 day 2 hours'", "unhex('4D')",
                                        "DATE'2024-01-30' - DATE'2024-01-01'", "make_timestamp(2024,1,2,3,4,5.5)"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (str_find(q, str_z(parts[i])) >= 0)
            return true;
    return false;
}

/* One query with ANSI mode on or off. Types are told for ANSI mode. */
static void trap(const struct doc *c, bool legacy, struct tally *t)
{
    struct buf types, names, rows, want, got;
    struct err err = {0};
    char text[900];
    struct str q = doc_get(c, "q")->text, spark_says = doc_get(c, legacy ? "spark_legacy" : "spark")->text;
    buf_init(&types);
    buf_init(&names);
    buf_init(&rows);
    buf_init(&want);
    buf_init(&got);
    spark.legacy = legacy;
    int rc = spark_run(&spark, q, &types, &names, &rows, &err);
    spark.legacy = false;
    plain_spelling(&want, spark_says);
    plain_spelling(&got, buf_view(&rows));
    if (str_starts_z(spark_says, "ERR")) {
        t->equal += rc != 0 || str_find(q, STR("TABLESAMPLE")) >= 0;
        t->wrong += rc == 0 && str_find(q, STR("TABLESAMPLE")) < 0;
    } else if (rc > 0 || (rc < 0 && legacy)) { /* without ANSI mode overflows fail where Spark wraps around */
        t->refused++;
        report(legacy ? "refused with ANSI off" : "refused", c, err_text(&err, text, sizeof text));
    } else {
        bool ok = rc == 0 && (legacy || same_types(doc_get(c, "types"), buf_view(&types))) &&
                  (str_eq(buf_view(&want), buf_view(&got)) || told_otherwise(q));
        t->equal += ok;
        t->wrong += !ok;
        if (!ok)
            report(want.ptr, c, rc ? err_text(&err, text, sizeof text) : got.ptr);
    }
    buf_release(&types);
    buf_release(&names);
    buf_release(&rows);
    buf_release(&want);
    buf_release(&got);
}

static void spark_traps(void **state)
{
    static const char path[] = "../shared/data/spark_traps.json";
    struct arena *a = arena_new();
    struct buf text;
    struct err err = {0};
    struct tally t = {0};
    (void)state;
    if (!fs_exists(path)) {
        arena_free(a);
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    buf_init(&text);
    assert_int_equal(fs_read_file(path, 16 << 20, &text, &err), 0);
    struct doc *d = doc_json(a, path, buf_view(&text), &err);
    assert_non_null(d);
    const struct doc *cases = doc_get(d, "cases");
    for (size_t i = 0; i < cases->count; i++)
        trap(cases->items[i], false, &t);
    print_message("%s: %zu equal, %zu refused, %zu wrong\n", path, t.equal, t.refused, t.wrong);
    for (size_t i = 0; i < cases->count; i++)
        trap(cases->items[i], true, &t);
    print_message("with ANSI mode off too: %zu equal, %zu refused, %zu wrong\n", t.equal, t.refused, t.wrong);
    assert_int_equal(t.wrong, 0);
    buf_release(&text);
    arena_free(a);
}

/* ------------------------------------------------------------------ the tables agree */

static void tables_agree(void **state)
{
    size_t rows = 0;
    (void)state;
    for (size_t i = 0; fn_at(i); i++) {
        const struct fn_sig *f = fn_at(i);
        bool generator = f->kind == FN_GENERATOR;
        bool constant = str_starts_z(str_z(f->name), "current_") || str_eqz(str_z(f->name), "user");
        if (!generator && !constant && !fn_row_find(str_z(f->name)))
            fail_msg("%s has a signature, but is not printed", f->name);
        rows++;
    }
    for (size_t i = 0; fn_row_at(i); i++)
        if (!fn_find(str_z(fn_row_at(i)->name)))
            fail_msg("%s is printed, but has no signature", fn_row_at(i)->name);
    print_message("%zu functions and operators\n", rows);
}

static struct map *list_of(const char *path)
{
    struct map *m = map_new();
    struct buf text;
    struct err err;
    struct str line;
    buf_init(&text);
    if (fs_read_file(path, 4 << 20, &text, &err))
        fail_msg("%s", err.msg);
    struct str rest = str_copy(lines, buf_view(&text));
    while (str_split(&rest, '\n', &line))
        if (line.len && line.ptr[0] != '#')
            map_put(m, line, lines);
    buf_release(&text);
    return m;
}

static int setup(void **state)
{
    struct err err;
    (void)state;
    lines = arena_new();
    refusals = list_of("tests/cases/engine/refused.txt");
    answers = list_of("tests/cases/engine/answered.txt");
    return spark_open(&spark, &err);
}

static int teardown(void **state)
{
    (void)state;
    spark_close(&spark);
    map_free(refusals);
    map_free(answers);
    arena_free(lines);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_agree), cmocka_unit_test(spark_arithmetic), cmocka_unit_test(spark_casts),
        cmocka_unit_test(spark_strings), cmocka_unit_test(spark_dates), cmocka_unit_test(spark_collections),
        cmocka_unit_test(spark_queries), cmocka_unit_test(spark_math), cmocka_unit_test(spark_text),
        cmocka_unit_test(spark_times), cmocka_unit_test(spark_nested), cmocka_unit_test(spark_aggregates),
        cmocka_unit_test(spark_clauses), cmocka_unit_test(spark_mixed), cmocka_unit_test(spark_pairs_casts), cmocka_unit_test(spark_pairs_tries),
        cmocka_unit_test(spark_pairs_patterns), cmocka_unit_test(spark_pairs_decimals),
        cmocka_unit_test(spark_pairs_numbers), cmocka_unit_test(spark_legacy_math),
        cmocka_unit_test(spark_legacy_casts), cmocka_unit_test(spark_legacy_decimals),
        cmocka_unit_test(spark_legacy_numbers), cmocka_unit_test(spark_traps), cmocka_unit_test(errors_are_of_sparks_classes),
    };
    if (getenv("GROUP"))
        cmocka_set_test_filter(getenv("GROUP"));
    return cmocka_run_group_tests(tests, setup, teardown);
}
