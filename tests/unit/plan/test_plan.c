/* Plan trees: building, measuring, comparing, walking, dumping. */
#include "plan/plan.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static const struct place nowhere;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct expr *column(const char *name)
{
    return expr_column(arena, nowhere, str_z(name));
}

static const char *dumped(const struct expr *e)
{
    struct buf b;
    buf_init(&b);
    expr_dump(&b, e);
    const char *s = arena_strdup(arena, b.ptr);
    buf_release(&b);
    return s;
}

static void built(void **state)
{
    (void)state;
    struct expr *sum =
        expr_call(arena, nowhere, "+", column("a"), expr_int(arena, nowhere, 5000000000));
    assert_string_equal(dumped(sum), "+(a, 5000000000L)");
    assert_int_equal(sum->height, 2);
    assert_int_equal(sum->args.items[0]->input, -1);
    assert_int_equal(sum->args.items[1]->type->kind, TYPE_LONG);
    struct expr *text = expr_string(arena, nowhere, STR("it's\n\x01"));
    assert_string_equal(dumped(text), "'it\\'s\\n\\x01'");
    assert_string_equal(dumped(expr_call(arena, nowhere, "now", NULL, NULL)), "now()");
    assert_string_equal(dumped(column("a b`c")), "`a b``c`");
}

static void floats(void **state)
{
    (void)state;
    static const struct {
        double v;
        enum type_kind kind;
        const char *text;
    } list[] = {{0.1, TYPE_DOUBLE, "0.1D"},
                {1e300, TYPE_DOUBLE, "1e+300D"},
                {1.0 / 3, TYPE_DOUBLE, "0.3333333333333333D"},
                {0.1f, TYPE_FLOAT, "0.1F"}};
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        struct expr *e = expr_new(arena, EXPR_LITERAL, nowhere);
        e->lit = (struct lit){.kind = LIT_FLOAT, .f64 = list[i].v};
        e->type = type_of(list[i].kind);
        assert_string_equal(dumped(e), list[i].text);
    }
}

static void compared(void **state)
{
    (void)state;
    struct expr *x = expr_call(arena, nowhere, "f", column("a"), expr_int(arena, nowhere, 1));
    struct expr *y =
        expr_call(arena, (struct place){"f", 2, 3}, "f", column("A"), expr_int(arena, nowhere, 1));
    assert_true(expr_equal(x, y));
    struct expr *other_value =
        expr_call(arena, nowhere, "f", column("a"), expr_int(arena, nowhere, 2));
    struct expr *other_func =
        expr_call(arena, nowhere, "g", column("a"), expr_int(arena, nowhere, 1));
    struct expr *fewer = expr_call(arena, nowhere, "f", column("a"), NULL);
    assert_false(expr_equal(x, other_value) || expr_equal(x, other_func) || expr_equal(x, fewer) ||
                 expr_equal(x, column("a")));
    y->distinct = true;
    assert_false(expr_equal(x, y));
    struct expr *wide = expr_int(arena, nowhere, 1);
    wide->type = type_of(TYPE_LONG);
    assert_false(expr_equal(wide, expr_int(arena, nowhere, 1)));
    assert_true(expr_equal(NULL, NULL));
    assert_false(expr_equal(x, NULL));
}

static void count(void *ctx, const struct rel *r)
{
    (void)r;
    ++*(int *)ctx;
}

/* Filter over a join whose right side is streaming, with a subquery in the condition. */
static struct rel *sample(bool streaming)
{
    struct rel *left = rel_new(arena, REL_TABLE, nowhere),
               *right = rel_new(arena, REL_TABLE, nowhere);
    struct rel *join = rel_new(arena, REL_JOIN, nowhere),
               *filter = rel_new(arena, REL_FILTER, nowhere);
    struct rel *sub = rel_new(arena, REL_ONE_ROW, nowhere);
    struct str names[] = {STR("l"), STR("r")};
    left->name = (struct names){arena_copy(arena, &names[0], sizeof names[0]), 1};
    right->name = (struct names){arena_copy(arena, &names[1], sizeof names[1]), 1};
    right->streaming = streaming;
    join->input = left;
    join->right = right;
    filter->input = join;
    filter->cond = expr_new(arena, EXPR_EXISTS, nowhere);
    filter->cond->sub = sub;
    filter->cond->height = expr_measure(filter->cond);
    join->height = rel_measure(join);
    filter->height = rel_measure(filter);
    return filter;
}

static void walked(void **state)
{
    (void)state;
    int seen = 0;
    struct rel *r = sample(true);
    rel_visit(r, count, &seen);
    assert_int_equal(seen, 5);
    assert_int_equal(r->height, 3);
    assert_true(rel_is_streaming(r));
    assert_false(rel_is_streaming(sample(false)));
    struct buf b;
    buf_init(&b);
    plan_dump(&b, r);
    assert_string_equal(
        b.ptr, "Filter exists{OneRow}\n  Join inner\n    Table l\n    Table r streaming\n");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(built), cmocka_unit_test(floats),
                                       cmocka_unit_test(compared), cmocka_unit_test(walked)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
