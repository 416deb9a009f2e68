/* Resolution: scopes, titles and the errors that users see, with their places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "plan/functions.h"
#include "plan/resolve.h"
#include <string.h>

static struct arena *a;

static const struct place here = {"q.sql", 3, 7};

static int leaf(void *ctx, struct arena *arena, const struct rel *l, struct leaf_info *out, struct err *err)
{
    (void)ctx;
    if (l->kind != REL_TABLE || !str_eqz(l->name.parts[0], "t"))
        return err_set(err, ERR_NOT_FOUND, "no such table");
    out->schema = type_read_ddl(arena, STR("id INT, name STRING, price DECIMAL(10,2), s STRUCT<f: INT>"), err);
    return out->schema ? 0 : -1;
}

static struct rel *table(const char *name)
{
    struct rel *r = rel_new(a, REL_TABLE, here);
    struct str n = str_z(name);
    r->name.parts = arena_copy(a, &n, sizeof n);
    r->name.count = 1;
    return r;
}

static struct expr *col(const char *name)
{
    return expr_column(a, here, str_z(name));
}

static struct expr *fn(const char *name, struct expr *x, struct expr *y)
{
    return expr_call(a, here, name, x, y);
}

static struct rel *project(struct rel *in, struct expr *x, struct expr *y)
{
    struct rel *p = rel_new(a, REL_PROJECT, here);
    p->input = in;
    exprs_push(a, &p->exprs, x);
    if (y)
        exprs_push(a, &p->exprs, y);
    return p;
}

static struct rel *resolve(struct rel *r, struct err *err)
{
    struct resolver env = {.leaf = leaf, .ansi = true};
    return plan_resolve(a, r, &env, err);
}

static void has_output(struct rel *r, const char *ddl)
{
    struct err err = {0};
    struct buf b;
    struct rel *out = resolve(r, &err);
    if (!out)
        fail_msg("%s", err.msg);
    buf_init(&b);
    type_write_ddl(&b, out->output);
    char *got = str_cz(a, buf_view(&b));
    buf_release(&b);
    for (char *n; (n = strstr(got, " NOT NULL"));)
        memmove(n, n + 9, strlen(n + 9) + 1);
    assert_string_equal(got, ddl);
}

static void fails_with(struct rel *r, const char *part)
{
    struct err err = {0};
    assert_null(resolve(r, &err));
    if (!strstr(err.msg, part))
        fail_msg("'%s' is not in: %s", part, err.msg);
    assert_string_equal(err.where.file, "q.sql");
    assert_int_equal(err.where.line, 3);
}

static void titles_and_types(void **state)
{
    (void)state;
    has_output(project(table("t"), fn("+", col("ID"), expr_int(a, here, 1)), fn("*", col("price"), col("price"))),
               "struct<`(ID + 1)`:int,`(price * price)`:decimal(21,4)>");
    has_output(project(table("t"), fn("sum", col("id"), NULL), fn("avg", col("price"), NULL)),
               "struct<`sum(id)`:bigint,`avg(price)`:decimal(14,6)>");
    has_output(project(table("t"), fn("/", col("id"), col("id")), fn("upper", col("id"), NULL)),
               "struct<`(id / id)`:double,`upper(id)`:string>");
}

static void stars_and_hidden_order(void **state)
{
    (void)state;
    struct expr *star = expr_new(a, EXPR_STAR, here), *key = expr_new(a, EXPR_SORT, here);
    exprs_push(a, &star->args, col("s"));
    has_output(project(table("t"), star, NULL), "struct<id:int,name:string,price:decimal(10,2)>");
    struct rel *sort = rel_new(a, REL_SORT, here);
    sort->input = project(table("t"), col("name"), NULL);
    exprs_push(a, &key->args, col("price"));
    exprs_push(a, &sort->order, key);
    has_output(sort, "struct<name:string>"); /* price is hidden, then dropped */
}

static void errors_tell_class_and_place(void **state)
{
    (void)state;
    fails_with(table("u"), "[TABLE_OR_VIEW_NOT_FOUND] The table or view `u`");
    fails_with(project(table("t"), col("nam"), NULL), "Did you mean one of the following? [`name`");
    fails_with(project(table("t"), fn("nosuch", col("id"), NULL), NULL), "[UNRESOLVED_ROUTINE] Cannot resolve routine `nosuch`");
    fails_with(project(table("t"), fn("upper", NULL, NULL), NULL), "[WRONG_NUM_ARGS.WITHOUT_SUGGESTION]");
    fails_with(project(table("t"), fn("sum", fn("sum", col("id"), NULL), NULL), NULL), "[NESTED_AGGREGATE_FUNCTION]");
    fails_with(project(table("t"), col("id"), fn("sum", col("price"), NULL)), "[MISSING_GROUP_BY]");
    fails_with(project(table("t"), fn("*", col("name"), col("name")), NULL), "[DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE]");
    struct rel *f = rel_new(a, REL_FILTER, here);
    f->input = table("t");
    f->cond = col("id");
    fails_with(f, "[DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN]");
}

static void a_lone_expression(void **state)
{
    struct err err = {0};
    struct resolver env = {.leaf = leaf, .ansi = true};
    (void)state;
    const struct type *row = type_read_ddl(a, STR("x INT, y STRING"), &err);
    struct expr *e = plan_resolve_expr(a, fn(">", col("x"), col("y")), row, &env, &err);
    assert_non_null(e);
    assert_int_equal(e->type->kind, TYPE_BOOLEAN);
    assert_int_equal(e->args.items[0]->kind, EXPR_CAST); /* text beside an int: both are bigint */
    assert_int_equal(e->args.items[0]->type->kind, TYPE_LONG);
    assert_null(plan_resolve_expr(a, fn("sum", col("x"), NULL), row, &env, &err));
}

static void every_row_of_the_table_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; fn_at(i); i++)
        assert_ptr_equal(fn_find(str_z(fn_at(i)->name)), fn_at(i));
}

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles_and_types), cmocka_unit_test(stars_and_hidden_order),
        cmocka_unit_test(errors_tell_class_and_place), cmocka_unit_test(a_lone_expression),
        cmocka_unit_test(every_row_of_the_table_is_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
