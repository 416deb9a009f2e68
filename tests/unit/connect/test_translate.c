/* Spark Connect's messages as plans: shape, ids, refusals by name, limits. */
#include "unit/base/test_util.h"
#include "connect/translate.h"

#define REL(x) SPARK__CONNECT__RELATION__REL_TYPE_##x
#define EX(x) SPARK__CONNECT__EXPRESSION__EXPR_TYPE_##x

static struct arena *a;
static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static Spark__Connect__Relation *relation(int kind)
{
    Spark__Connect__Relation *r = ARENA_NEW(a, Spark__Connect__Relation);
    *r = (Spark__Connect__Relation)SPARK__CONNECT__RELATION__INIT;
    r->rel_type_case = (Spark__Connect__Relation__RelTypeCase)kind;
    return r;
}

static Spark__Connect__Expression *expression(int kind)
{
    Spark__Connect__Expression *e = ARENA_NEW(a, Spark__Connect__Expression);
    *e = (Spark__Connect__Expression)SPARK__CONNECT__EXPRESSION__INIT;
    e->expr_type_case = (Spark__Connect__Expression__ExprTypeCase)kind;
    return e;
}

#define NEW_MESSAGE(Type, INIT) memcpy(ARENA_NEW(a, Type), &(Type)INIT, sizeof(Type))

static Spark__Connect__Relation *table(const char *name)
{
    Spark__Connect__Relation *r = relation(REL(READ));
    r->read = NEW_MESSAGE(Spark__Connect__Read, SPARK__CONNECT__READ__INIT);
    r->read->read_type_case = SPARK__CONNECT__READ__READ_TYPE_NAMED_TABLE;
    r->read->named_table = NEW_MESSAGE(Spark__Connect__Read__NamedTable, SPARK__CONNECT__READ__NAMED_TABLE__INIT);
    r->read->named_table->unparsed_identifier = (char *)name;
    return r;
}

static Spark__Connect__Expression *column(const char *name, int64_t plan)
{
    Spark__Connect__Expression *e = expression(EX(UNRESOLVED_ATTRIBUTE));
    e->unresolved_attribute = NEW_MESSAGE(Spark__Connect__Expression__UnresolvedAttribute, SPARK__CONNECT__EXPRESSION__UNRESOLVED_ATTRIBUTE__INIT);
    e->unresolved_attribute->unparsed_identifier = (char *)name;
    e->unresolved_attribute->has_plan_id = plan >= 0;
    e->unresolved_attribute->plan_id = plan;
    return e;
}

static Spark__Connect__Relation *filter(Spark__Connect__Relation *input, Spark__Connect__Expression *cond)
{
    Spark__Connect__Relation *r = relation(REL(FILTER));
    r->filter = NEW_MESSAGE(Spark__Connect__Filter, SPARK__CONNECT__FILTER__INIT);
    r->filter->input = input;
    r->filter->condition = cond;
    return r;
}

static Spark__Connect__Expression *decimal(const char *text, int precision, int scale)
{
    Spark__Connect__Expression *e = expression(EX(LITERAL));
    e->literal = NEW_MESSAGE(Spark__Connect__Expression__Literal, SPARK__CONNECT__EXPRESSION__LITERAL__INIT);
    e->literal->literal_type_case = SPARK__CONNECT__EXPRESSION__LITERAL__LITERAL_TYPE_DECIMAL;
    e->literal->decimal = NEW_MESSAGE(Spark__Connect__Expression__Literal__Decimal, SPARK__CONNECT__EXPRESSION__LITERAL__DECIMAL__INIT);
    e->literal->decimal->value = (char *)text;
    e->literal->decimal->has_precision = e->literal->decimal->has_scale = precision > 0;
    e->literal->decimal->precision = precision;
    e->literal->decimal->scale = scale;
    return e;
}

static void a_filter_of_a_table(void **state)
{
    struct err err = {0};
    (void)state;
    Spark__Connect__Relation *m = filter(table("main.`a b`.t"), column("s.`x.y`", 0));
    m->common = NEW_MESSAGE(Spark__Connect__RelationCommon, SPARK__CONNECT__RELATION_COMMON__INIT);
    m->common->has_plan_id = true;
    m->common->plan_id = 4;
    struct rel *r = rel_translate(a, m, &err);
    assert_non_null(r);
    assert_int_equal(r->kind, REL_FILTER);
    assert_int_equal(r->plan_id, 5); /* ids count from 1 in plans */
    assert_int_equal(r->input->kind, REL_TABLE);
    assert_int_equal(r->input->name.count, 3);
    assert_str(r->input->name.parts[1], "a b");
    assert_int_equal(r->cond->name.count, 2);
    assert_str(r->cond->name.parts[1], "x.y");
    assert_int_equal(r->cond->plan_id, 1);
}

static void decimals_keep_their_digits(void **state)
{
    static const struct { const char *text; int precision, scale, p, s; } cases[] = {
        {"1.5", 0, 0, 2, 1}, {"1.5", 10, 0, 10, 1}, {"-12.345", 10, 4, 10, 4}, {"7", 0, 0, 1, 0}, {"0.001", 0, 0, 4, 3}, {"0", 0, 0, 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct expr *e = expr_translate(a, decimal(cases[i].text, cases[i].precision, cases[i].scale), &err);
        assert_non_null(e);
        assert_int_equal(e->type->precision, cases[i].p);
        assert_int_equal(e->type->scale, cases[i].s);
    }
}

static void sampling(void **state)
{
    struct err err = {0};
    (void)state;
    Spark__Connect__Relation *m = relation(REL(SAMPLE));
    m->sample = NEW_MESSAGE(Spark__Connect__Sample, SPARK__CONNECT__SAMPLE__INIT);
    m->sample->input = table("t");
    m->sample->upper_bound = 0.25;
    struct rel *r = rel_translate(a, m, &err);
    assert_non_null(r);
    assert_true(r->fraction == 0.25);
    m->sample->lower_bound = 0.1;
    assert_null(rel_translate(a, m, &err));
    assert_string_equal(err.msg, "randomSplit is not supported");
}

static void refused_by_name(void **state)
{
    struct err err = {0};
    (void)state;
    assert_null(rel_translate(a, relation(REL(PARSE)), &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_string_equal(err.msg, "relation parse is not supported");
    assert_null(rel_translate(a, filter(table("t"), expression(EX(UPDATE_FIELDS))), &err));
    assert_string_equal(err.msg, "expression update_fields is not supported");
    assert_null(rel_translate(a, filter(table("t"), NULL), &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_null(rel_translate(a, table("a +"), &err));
}

static void depth_has_a_limit(void **state)
{
    struct err err = {0};
    (void)state;
    Spark__Connect__Relation *m = table("t");
    for (int i = 0; i < 2 * PLAN_MAX_DEPTH; i++)
        m = filter(m, column("c", -1));
    assert_null(rel_translate(a, m, &err));
    size_t n = protobuf_c_message_get_packed_size(&m->base);
    char *bytes = arena_alloc(a, n);
    protobuf_c_message_pack(&m->base, (uint8_t *)bytes);
    err = (struct err){0};
    assert_int_equal(proto_check(&spark__connect__relation__descriptor, str_of(bytes, n), &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    err = (struct err){0};
    assert_int_equal(proto_check(&spark__connect__relation__descriptor, str_of(bytes, n - 1), &err), -1);
}

static void fields_have_a_limit(void **state)
{
    size_t n = (PROTO_MAX_FIELDS + 1) * (size_t)2; /* a project's expressions, each empty */
    char *inner = mem_alloc(n + 6), *at = inner;
    struct err err = {0};
    (void)state;
    *at++ = 3 << 3 | 2; /* Relation.project */
    for (size_t len = n; len; len >>= 7)
        *at++ = (char)((len & 0x7f) | (len >> 7 ? 0x80 : 0));
    for (size_t i = 0; i < n; i += 2)
        *at++ = 3 << 3 | 2, *at++ = 0; /* Project.expressions */
    assert_int_equal(proto_check(&spark__connect__relation__descriptor, str_of(inner, (size_t)(at - inner)), &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    mem_free(inner);
}

static void types_go_both_ways(void **state)
{
    static const char *const texts[] = {"decimal(12,3)", "array<map<string,struct<a:int,b:binary>>>", "timestamp_ntz", "date", "double", "void"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct err err = {0};
        const struct type *t = type_read_ddl(a, str_z(texts[i]), &err);
        assert_non_null(t);
        const struct type *again = type_translate(a, type_message(a, t), &err);
        assert_non_null(again);
        assert_true(type_equal(t, again));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_filter_of_a_table, setup, teardown),
        cmocka_unit_test_setup_teardown(decimals_keep_their_digits, setup, teardown),
        cmocka_unit_test_setup_teardown(sampling, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_have_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(types_go_both_ways, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
