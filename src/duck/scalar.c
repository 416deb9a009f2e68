/* scalar.c -- scalar functions written in C, called row by row.
 *
 * Arguments arrive in the C type of their declared type: text for VARCHAR and BLOB, i64 for
 * integers, booleans, dates (days) and timestamps (us), f64 for DOUBLE and FLOAT (i64 has the
 * truncation). The function appends its result to a buffer: bytes for VARCHAR and BLOB, eight bytes
 * of int64_t or double for the rest. It must be a pure function of its arguments: DuckDB may call
 * it for constants once, on any of its threads. */
#include "duck/duck_int.h"
#include <string.h>

enum { MAX_ARGS = 16, CARRIED_BYTES = 600 };

struct function {
    duck_scalar_fn fn;
    void *ctx;
    bool nulls;
    size_t args;
    duckdb_type result;
};

struct arg_view { struct duck_node node; duckdb_vector vector; };

static void read_arg(const struct arg_view *a, size_t row, struct duck_arg *out)
{
    struct duck_at at = {&a->node, a->vector, row};
    *out = (struct duck_arg){.is_null = duck_at_null(at)};
    if (out->is_null)
        return;
    if (a->node.type == DUCK_VARCHAR || a->node.type == DUCK_BLOB) {
        out->text = duck_at_text(at);
    } else if (a->node.type == DUCK_F64 || a->node.type == DUCK_F32) {
        out->f64 = duck_at_f64(at);
        out->i64 = out->f64 > -9.2e18 && out->f64 < 9.2e18 ? (int64_t)out->f64 : 0;
    } else {
        out->i64 = (int64_t)duck_at_int(at);
        out->f64 = (double)out->i64;
    }
}

static int write_result(const struct function *f, duckdb_vector out, size_t row, const struct buf *b, struct err *err)
{
    if (f->result == DUCKDB_TYPE_VARCHAR || f->result == DUCKDB_TYPE_BLOB) {
        if (f->result == DUCKDB_TYPE_VARCHAR && !str_utf8_ok(buf_view(b)))
            return err_set(err, ERR_INTERNAL, "a function's result is not UTF-8");
        duckdb_unsafe_vector_assign_string_element_len(out, row, b->ptr, b->len);
        return 0;
    }
    int64_t v;
    CHECK(b->len == sizeof v);
    memcpy(&v, b->ptr, sizeof v);
    void *data = duckdb_vector_get_data(out);
    if (f->result == DUCKDB_TYPE_BOOLEAN)
        ((bool *)data)[row] = v != 0;
    else if (f->result == DUCKDB_TYPE_DATE || f->result == DUCKDB_TYPE_INTEGER)
        ((int32_t *)data)[row] = (int32_t)v;
    else
        ((int64_t *)data)[row] = v; /* also the bits of a DOUBLE */
    return 0;
}

static void set_null(duckdb_vector out, size_t row)
{
    duckdb_vector_ensure_validity_writable(out);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(out), row);
}

static int run_row(const struct function *f, const struct arg_view *views, size_t row, duckdb_vector out,
                   struct buf *b, struct err *err)
{
    struct duck_arg args[MAX_ARGS];
    bool is_null = false;
    for (size_t i = 0; i < f->args; i++) {
        read_arg(&views[i], row, &args[i]);
        if (args[i].is_null && !f->nulls)
            is_null = true;
    }
    buf_clear(b);
    if (!is_null && f->fn(f->ctx, args, f->args, b, &is_null, err))
        return -1;
    if (is_null) {
        set_null(out, row);
        return 0;
    }
    if (buf_check(b, "a function's result", err))
        return -1;
    return write_result(f, out, row, b, err);
}

static void on_call(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
    const struct function *f = duckdb_scalar_function_get_extra_info(info);
    struct arg_view views[MAX_ARGS] = {};
    struct err err;
    int rc = 0;
    struct arena *a = arena_new();
    for (size_t i = 0; i < f->args && rc == 0; i++) {
        views[i].vector = duckdb_data_chunk_get_vector(in, i);
        duckdb_logical_type t = duckdb_vector_get_column_type(views[i].vector);
        struct duck_node *n = duck_node_of(a, t, 0, &err);
        duckdb_destroy_logical_type(&t);
        if (n)
            views[i].node = *n;
        else
            rc = -1;
    }
    struct buf b;
    buf_init(&b);
    size_t rows = duckdb_data_chunk_get_size(in);
    for (size_t row = 0; row < rows && rc == 0; row++)
        rc = run_row(f, views, row, out, &b, &err);
    buf_release(&b);
    arena_free(a);
    if (rc) {
        char text[CARRIED_BYTES];
        duck_err_carry(&err, text, sizeof text);
        duckdb_scalar_function_set_error(info, text);
    }
}

static int declare(duckdb_scalar_function sf, const char *const *arg_types, size_t args, const char *result_type,
                   struct function *f, struct err *err)
{
    for (size_t i = 0; i < args; i++) {
        duckdb_logical_type t = duck_type_parse(str_z(arg_types[i]), err);
        if (!t)
            return -1;
        duckdb_scalar_function_add_parameter(sf, t);
        duckdb_destroy_logical_type(&t);
    }
    duckdb_logical_type t = duck_type_parse(str_z(result_type), err);
    if (!t)
        return -1;
    f->result = duckdb_get_type_id(t);
    duckdb_scalar_function_set_return_type(sf, t);
    duckdb_destroy_logical_type(&t);
    return 0;
}

int duck_scalar_register(struct duck *db, const char *name, const char *const *arg_types, size_t args,
                         const char *result_type, bool nulls, duck_scalar_fn fn, void *ctx, struct err *err)
{
    CHECK(args <= MAX_ARGS);
    pthread_mutex_lock(&db->lock);
    struct function *f = ARENA_NEW(db->functions, struct function);
    *f = (struct function){.fn = fn, .ctx = ctx, .nulls = nulls, .args = args};
    duckdb_scalar_function sf = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(sf, name);
    int rc = declare(sf, arg_types, args, result_type, f, err);
    if (rc == 0) {
        duckdb_scalar_function_set_extra_info(sf, f, NULL);
        duckdb_scalar_function_set_function(sf, on_call);
        if (nulls)
            duckdb_scalar_function_set_special_handling(sf);
        if (duckdb_register_scalar_function(db->admin, sf) != DuckDBSuccess)
            rc = err_set(err, ERR_INTERNAL, "cannot register the function '%s'", name);
    }
    duckdb_destroy_scalar_function(&sf);
    pthread_mutex_unlock(&db->lock);
    return rc;
}
