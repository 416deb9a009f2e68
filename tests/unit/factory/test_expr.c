/* The expression language against the values of Azure's own engine, and against cases of our own
 * for what the file does not hold: documents, places of errors, references. */
#include "factory/expr.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct context { const struct doc *variables, *activities; };

static const struct doc *lookup(const struct doc *in, struct str name)
{
    for (size_t i = 0; in && i < in->count; i++)
        if (str_ieq(in->keys[i].name, name))
            return in->items[i];
    return NULL;
}

static const struct doc *activity(void *ctx, struct str name)
{
    return lookup(((struct context *)ctx)->activities, name);
}

static const struct doc *variable(void *ctx, struct str name)
{
    return lookup(((struct context *)ctx)->variables, name);
}

static struct doc *parse(struct arena *a, const char *json)
{
    struct err err;
    struct doc *d = doc_json(a, NULL, str_z(json), &err);
    assert_non_null(d);
    return d;
}

static const char *text_of(struct arena *a, const struct doc *d)
{
    struct buf b;
    buf_init(&b);
    doc_write(&b, d);
    const char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

/* Same kinds, same numbers; an expected 1000.0 wants a float. */
static bool same(const struct doc *want, const struct doc *got)
{
    double x, y;
    if (want->kind != got->kind || want->count != got->count)
        return false;
    if (want->kind == DOC_FLOAT)
        return doc_f64(want, &x) && doc_f64(got, &y) && x == y;
    for (size_t i = 0; i < want->count; i++) {
        const struct doc *other = want->kind == DOC_OBJECT
                                      ? doc_get_str(got, want->keys[i].name) : got->items[i];
        if (!other || !same(want->items[i], other))
            return false;
    }
    return want->count || doc_equal(want, got);
}

static struct adf_scope scope_of(struct arena *a, const struct doc *context, struct context *ctx)
{
    struct doc *pipeline = doc_get(context, "pipeline");
    *ctx = (struct context){doc_get(context, "variables"), doc_get(context, "activities")};
    if (!pipeline)
        pipeline = parse(a, "{\"parameters\":{}}");
    return (struct adf_scope){.pipeline = pipeline, .item = doc_get(context, "item"),
                               .dataset = doc_get(pipeline, "dataset"),
                               .linked_service = doc_get(pipeline, "linkedService"),
                               .activity = activity, .variable = variable, .ctx = ctx};
}

/* NULL if the case holds, else what is wrong. */
static const char *run_case(struct arena *a, const struct doc *c)
{
    struct context ctx;
    struct adf_scope scope = scope_of(a, doc_get(c, "context"), &ctx);
    struct err err = {};
    enum adf_class cls;
    const struct doc *want = doc_get(c, "expected"), *want_error = doc_get(c, "expected_error");
    const struct doc *got =
        adf_text(a, &scope, doc_get(c, "expression")->text, NULL, &cls, &err);
    if (want_error)
        return got ? arena_printf(a, "value %s", text_of(a, got))
               : str_eqz(want_error->text, adf_class_name(cls))
                   ? NULL
                   : arena_printf(a, "error %s: %s", adf_class_name(cls), err.msg);
    if (!got)
        return arena_printf(a, "error %s: %s", adf_class_name(cls), err.msg);
    return same(want, got) ? NULL : arena_printf(a, "value %s", text_of(a, got));
}

static void engine_values(void **state)
{
    struct arena *a = arena_new();
    struct buf b;
    struct err err;
    size_t held = 0, failed = 0, free_ = 0;
    (void)state;
    buf_init(&b);
    if (fs_read_file("../shared/data/adf_expressions.json", 1 << 20, &b, &err)) {
        print_message("skip: ../shared/data/adf_expressions.json is not here\n");
        skip();
    }
    struct doc *all = doc_json(a, "adf_expressions.json", buf_view(&b), &err);
    assert_non_null(all);
    const struct doc *cases = doc_get(all, "cases");
    for (size_t i = 0; i < cases->count; i++) {
        const struct doc *c = cases->items[i];
        const char *wrong = run_case(a, c);
        bool gated = !doc_bool(doc_get(c, "runtime_dependent"), false);
        held += !wrong;
        failed += wrong && gated;
        free_ += wrong && !gated;
        if (wrong)
            print_message("%s%.*s %.*s: %s\n", gated ? "" : "(depends on the runtime) ",
                          STR_ARGS(doc_get(c, "id")->text), STR_ARGS(doc_get(c, "expression")->text),
                          wrong);
    }
    print_message("%zu of %zu held, %zu depend on the runtime and differ\n", held, cases->count,
                  free_);
    assert_int_equal(failed, 0);
    buf_release(&b);
    arena_free(a);
}

/* tests/cases/factory/expressions.txt: groups of two lines, expression and JSON or "error CLASS". */
static void own_values(void **state)
{
    struct arena *a = arena_new();
    struct buf b;
    struct err err;
    struct str rest, line, expr = STR_NONE;
    size_t failed = 0;
    (void)state;
    buf_init(&b);
    assert_int_equal(fs_read_file("tests/cases/factory/expressions.txt", 1 << 20, &b, &err), 0);
    rest = buf_view(&b);
    while (str_split(&rest, '\n', &line)) {
        if (!line.len || line.ptr[0] == '#')
            continue;
        if (!expr.len) {
            expr = line;
            continue;
        }
        struct doc *c = doc_new_object(a);
        doc_set(a, c, STR("expression"), doc_new_str(a, expr));
        if (str_starts_z(line, "error "))
            doc_set(a, c, STR("expected_error"), doc_new_str(a, str_from(line, 6)));
        else
            doc_set(a, c, STR("expected"), parse(a, str_cz(a, line)));
        doc_set(a, c, STR("context"), parse(a,
            "{\"pipeline\":{\"parameters\":{\"n\":7,\"s\":\"x\",\"o\":{\"k\":null}},"
            "\"TriggeredByPipelineName\":null},\"variables\":{\"v\":\"w\"}}"));
        const char *wrong = run_case(a, c);
        if (wrong)
            print_message("%.*s: %s\n", STR_ARGS(expr), wrong);
        failed += wrong != NULL;
        expr = STR_NONE;
    }
    assert_int_equal(failed, 0);
    buf_release(&b);
    arena_free(a);
}

static void documents(void **state)
{
    struct arena *a = arena_new();
    struct err err = {};
    struct adf_scope scope = {.item = parse(a, "{\"n\":2}")};
    (void)state;
    struct doc *d = parse(a, "{\"a\":{\"value\":\"@item().n\",\"type\":\"Expression\"},"
                             "\"b\":[\"x@{item().n}\",true],"
                             "\"c\":{\"value\":\"plain\",\"type\":\"Expression\"},"
                             "\"d\":{\"value\":\"@item().n\",\"type\":\"String\"}}");
    const struct doc *got = adf_doc(a, &scope, d, &err);
    assert_non_null(got);
    assert_string_equal(text_of(a, got), "{\"a\":2,\"b\":[\"x2\",true],\"c\":\"plain\","
                                         "\"d\":{\"value\":2,\"type\":\"String\"}}");
    arena_free(a);
}

static void error_places(void **state)
{
    static const struct { const char *json; int line, col; } rows[] = {
        {"{\n \"x\": \"@concat('a',\"}", 2, 20},
        {"{\"x\": \"a \\\"q\\\" @{nofunc()}\"}", 1, 18},
        {"{\"x\": {\"value\": \"@add(1,\\n 'a'}\", \"type\": \"Expression\"}}", 1, 31},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *a = arena_new();
        struct err err = {};
        struct doc *d = doc_json(a, "p.json", str_z(rows[i].json), &err);
        assert_non_null(d);
        assert_int_equal(adf_check(d, NULL, &err), -1);
        assert_string_equal(err.where.file, "p.json");
        assert_int_equal(err.where.line, rows[i].line);
        assert_int_equal(err.where.col, rows[i].col);
        arena_free(a);
    }
}

static int note(void *ctx, enum adf_ref kind, struct str name, const struct doc *at,
                struct err *err)
{
    (void)at;
    (void)err;
    buf_printf(ctx, "%d:%.*s ", kind, STR_ARGS(name));
    return 0;
}

static void references(void **state)
{
    struct arena *a = arena_new();
    struct buf b;
    struct err err = {};
    (void)state;
    buf_init(&b);
    struct doc *d = parse(a, "[\"@concat(activity('A b').output.x, variables('v'))\","
                             "\"@pipeline().parameters.p[0]\", \"@pipeline()['parameters']['q']\","
                             "\"@pipeline().globalParameters.g\", \"@dataset().d\","
                             "\"@linkedService().l\", \"@{item().z}\", \"@@activity('no')\"]");
    assert_int_equal(adf_check(d, &(struct adf_refs){note, &b}, &err), 0);
    assert_string_equal(b.ptr, "0:A b 1:v 2:p 2:q 3:g 4:d 5:l 6: ");
    buf_release(&b);
    arena_free(a);
}

static void limits(void **state)
{
    struct arena *a = arena_new();
    struct buf b;
    struct err err = {};
    enum adf_class cls;
    struct adf_scope scope = {};
    (void)state;
    buf_init(&b);
    buf_z(&b, "@");
    for (int i = 0; i < 5000; i++)
        buf_z(&b, "not(");
    assert_null(adf_text(a, &scope, buf_view(&b), NULL, &cls, &err));
    assert_int_equal(cls, ADF_SYNTAX);
    for (int i = 0; i < ADF_MAX_TEXT; i++)
        buf_char(&b, ' ');
    assert_null(adf_text(a, &scope, buf_view(&b), NULL, &cls, &err));
    buf_release(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_values), cmocka_unit_test(own_values), cmocka_unit_test(documents),
        cmocka_unit_test(error_places),  cmocka_unit_test(references), cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
