/* spark -- a database, tables as leaves, and Spark SQL run through parser, resolver and printer. */
#ifndef PAYSTREAK_TESTS_SPARK_H
#define PAYSTREAK_TESTS_SPARK_H
#include "engine/print.h"
#include "sparksql/sparksql.h"
#include <string.h>

struct spark { struct duck *db; struct duck_conn *c; bool legacy; };

static void put_name(struct buf *out, const struct rel *l)
{
    for (size_t i = 0; i < l->name.count; i++) {
        buf_z(out, i ? "." : "");
        duck_quote_ident(out, l->name.parts[i]);
    }
}

static int spark_table(struct spark *s, struct arena *a, const struct rel *l, struct leaf_info *o, struct err *err)
{
    struct buf q;
    buf_init(&q);
    buf_z(&q, "SELECT * FROM ");
    put_name(&q, l);
    struct duck_result *r = duck_describe(s->c, buf_view(&q), err);
    buf_release(&q);
    if (!r)
        return err_set(err, ERR_NOT_FOUND, "no such table");
    struct type_field *f = ARENA_ARRAY(a, struct type_field, duck_cols(r) + 1);
    for (size_t i = 0; i < duck_cols(r); i++) {
        f[i].name = str_copy(a, duck_col_name(r, i));
        f[i].type = type_read_duck(a, duck_col_type_text(r, i), err);
        f[i].nullable = true;
        if (!f[i].type)
            return -1;
    }
    o->schema = type_struct(a, f, duck_cols(r));
    duck_result_free(r);
    return 0;
}

/* read_files(…, schema => 'ddl'): a relation of that schema and _rescued_data, without rows. */
static int spark_files(struct arena *a, const struct rel *l, struct leaf_info *o, struct err *err)
{
    for (size_t i = 0; i < l->args.count; i++) {
        const struct expr *e = l->args.items[i];
        if (e->kind != EXPR_NAMED_ARG || !str_ieqz(e->field_name, "schema"))
            continue;
        const struct type *t = type_read_ddl(a, e->args.items[0]->lit.text, err);
        if (!t)
            return -1;
        struct type_field *f = ARENA_ARRAY(a, struct type_field, t->field_count + 1);
        memcpy(f, t->fields, t->field_count * sizeof *f);
        f[t->field_count] = (struct type_field){.name = STR("_rescued_data"), .type = type_of(TYPE_STRING), .nullable = true};
        o->schema = type_struct(a, f, t->field_count + 1);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "no schema");
}

static int spark_leaf(void *ctx, struct arena *a, const struct rel *l, struct leaf_info *o, struct err *err)
{
    if (l->kind == REL_FUNCTION && str_ieqz(l->func, "read_files"))
        return spark_files(a, l, o, err);
    if (l->kind != REL_TABLE)
        return err_set(err, ERR_NOT_FOUND, "no such relation");
    return spark_table(ctx, a, l, o, err);
}

static int spark_print_leaf(void *ctx, const struct rel *l, struct buf *out, struct err *err)
{
    (void)ctx, (void)err;
    if (l->kind == REL_TABLE) {
        put_name(out, l);
        return 0;
    }
    buf_z(out, "(SELECT ");
    for (size_t i = 0; i < l->output->field_count; i++) {
        buf_printf(out, "%sCAST(NULL AS ", i ? ", " : "");
        type_write_duck(out, l->output->fields[i].type);
        buf_z(out, ") AS ");
        duck_quote_ident(out, l->output->fields[i].name);
    }
    buf_z(out, " LIMIT 0)");
    return 0;
}

static struct rel *spark_print(struct spark *s, struct arena *a, const struct rel *q, struct buf *sql, struct err *err)
{
    struct resolver env = {.leaf = spark_leaf, .ctx = s, .ansi = !s->legacy, .current_catalog = STR("spark_catalog"),
                           .current_schema = STR("default"), .current_user = STR("me"), .now = {1709647629000000}};
    struct printer p = {.leaf = spark_print_leaf, .ctx = s, .ansi = !s->legacy, .now = {1709647629000000}};
    struct rel *r = plan_resolve(a, q, &env, err);
    return r && !engine_print(r, &p, sql, err) ? r : NULL;
}

/* Writes types, column names (a line each) and rows, "1, 2 / 3, 4", as JSON values. 0 good, 1 refused before it ran, -1 failed when run. */
static inline int spark_run(struct spark *s, struct str text, struct buf *types, struct buf *names, struct buf *rows,
                            struct err *err)
{
    struct arena *a = arena_new();
    struct buf sql;
    buf_init(&sql);
    struct rel *q = sparksql_query(a, "query.sql", text, err), *r = q ? spark_print(s, a, q, &sql, err) : NULL;
    struct duck_result *res = r ? duck_query(s->c, buf_view(&sql), err) : NULL;
    int rc = r ? -1 : 1, more = 0;
    for (size_t i = 0; res && i < r->output->field_count; i++) {
        buf_z(types, i ? ", " : "");
        type_write_ddl(types, r->output->fields[i].type);
        buf_printf(names, "%s%.*s", i ? "\n" : "", STR_ARGS(r->output->fields[i].name));
    }
    bool first = true;
    while (res && (more = duck_next(res, err)) == 1)
        for (size_t row = 0; row < duck_rows(res); row++, first = false) {
            buf_z(rows, first ? "" : " / ");
            for (size_t i = 0; i < duck_cols(res); i++) {
                buf_z(rows, i ? ", " : "");
                duck_render(res, i, row, DUCK_AS_JSON, rows);
            }
        }
    if (res && more == 0)
        rc = 0;
    else if (r)
        engine_error(err);
    duck_result_free(res);
    buf_release(&sql);
    arena_free(a);
    return rc;
}

static inline int spark_open(struct spark *s, struct err *err)
{
    *s = (struct spark){.db = duck_new(&(struct duck_opts){.threads = 1}, err)};
    if (!s->db || engine_prelude(s->db, err))
        return -1;
    s->c = duck_connect(s->db, err);
    return s->c ? 0 : -1;
}

static inline void spark_close(struct spark *s)
{
    duck_disconnect(s->c);
    duck_free(s->db);
}
#endif
