/* constraint.c -- what every row that is written must meet, and the columns that are computed.
 *
 * A row on its way into a file passes three layers of one statement (rows.c puts them together):
 *     w   the columns given, cast to the table's types; defaults for those left out
 *     b   generated columns computed from w, where they are not given; identity columns numbered
 *     -   checks over b: the first column written becomes CASE WHEN NOT ok THEN error(…) ELSE b."c" END
 * Checks: NOT NULL of columns and of struct fields (a field of a NULL struct is no breach); CHECK constraints
 * (delta.constraints.<name>) and delta.invariants of columns, which must be true, so NULL is a breach too, as Delta has
 * it; a generated column that was given must equal its expression. Spark SQL text is turned into DuckDB's by
 * the function that the engine set; without it a table that needs one is refused by name.
 *
 * Identity columns. Metadata: delta.identity.start, .step, .allowExplicitInsert, .highWaterMark. Values go on from
 * the mark (or from start); the new mark is the last value given and goes into the schema with the commit. */
#include "lake/schema.h"
#include <string.h>

enum { MAX_DEPTH = 100 };

static lake_expr_fn expr_fn;
static void *expr_ctx;

void lake_set_expr_fn(lake_expr_fn fn, void *ctx)
{
    expr_ctx = ctx;
    expr_fn = fn;
}

int expr_print(struct lake_txn *x, struct str spark, const char *what, struct str name, const struct type *schema, const char *alias,
               struct buf *duck, struct err *err)
{
    if (!expr_fn)
        return err_set(err, ERR_UNSUPPORTED, "writing to the table '%s': its %s '%.*s' (%.*s) is Spark SQL, which is not read here",
                       lake_table_dir(x->table), what, STR_ARGS(name), STR_ARGS(spark));
    if (expr_fn(expr_ctx, x->arena, x->conn, spark, schema, alias, duck, NULL, err))
        return err_wrap(err, "the %s '%.*s' of the table '%s'", what, STR_ARGS(name), lake_table_dir(x->table));
    return 0;
}

bool field_is_generated(const struct type_field *f)
{
    return metadata_str(f, "delta.generationExpression").len > 0;
}

bool field_is_identity(const struct type_field *f)
{
    return f->metadata && doc_get(f->metadata, "delta.identity.start");
}

int default_put(struct lake_txn *x, const struct type_field *f, struct buf *sql, struct err *err)
{
    struct str text = metadata_str(f, "CURRENT_DEFAULT");
    if (text.len)
        return expr_print(x, text, "default of", f->name, x->meta.schema, "w", sql, err);
    buf_z(sql, "NULL");
    return 0;
}

/* ---- checks */

struct checks { struct lake_txn *x; struct buf *sql; size_t count; struct err *err; };

/* WHEN `breach` (DuckDB text, true if broken) THEN error(message and the row) */
static void put_breach(struct checks *c, const char *breach, struct str message, bool with_row)
{
    buf_printf(c->sql, "%sWHEN %s THEN error(", c->count++ ? " " : "", breach);
    duck_quote_text(c->sql, message);
    buf_z(c->sql, with_row ? " || left(CAST(b AS VARCHAR), 300))" : ")");
}

static void check_not_null(struct checks *c, const struct type *t, const char *expr, struct str path, int depth)
{
    struct arena *a = c->x->arena;
    for (size_t i = 0; i < t->field_count && depth < MAX_DEPTH; i++) {
        const struct type_field *f = &t->fields[i];
        struct buf inner;
        if (f->type->kind == TYPE_NULL)
            continue;
        buf_init(&inner);
        buf_z(&inner, expr);
        buf_char(&inner, '.');
        duck_quote_ident(&inner, f->name);
        char *column = arena_strdup(a, inner.ptr);
        buf_release(&inner);
        struct str name = path.len ? str_fmt(a, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(f->name)) : f->name;
        if (!f->nullable && !field_is_identity(f)) {
            char *breach = depth ? arena_printf(a, "%s IS NOT NULL AND %s IS NULL", expr, column) : arena_printf(a, "%s IS NULL", column);
            put_breach(c, breach, str_fmt(a, "[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NULL in the column '%.*s', which is NOT NULL", STR_ARGS(name)), false);
        }
        if (f->type->kind == TYPE_STRUCT)
            check_not_null(c, f->type, column, name, depth + 1);
    }
}

static int check_expr(struct checks *c, struct str spark, const char *what, struct str name)
{
    struct buf duck;
    buf_init(&duck);
    int rc = expr_print(c->x, spark, what, name, c->x->meta.schema, "b", &duck, c->err);
    if (rc == 0)
        put_breach(c, arena_printf(c->x->arena, "(%s) IS NOT TRUE", duck.ptr),
                   str_fmt(c->x->arena, "[DELTA_VIOLATE_CONSTRAINT_WITH_VALUES] %s %.*s (%.*s) violated by row with values: ", what, STR_ARGS(name),
                           STR_ARGS(spark)), true);
    buf_release(&duck);
    return rc;
}

/* {"expression":{"expression":"x > 3"}} */
static int check_invariant(struct checks *c, const struct type_field *f)
{
    struct str json = metadata_str(f, "delta.invariants");
    if (!json.len)
        return 0;
    const struct doc *d = doc_json(c->x->arena, "delta.invariants", json, c->err);
    struct str spark = doc_str(doc_path(d, "expression.expression"), STR_NONE);
    if (!d)
        return -1;
    return spark.len ? check_expr(c, spark, "invariant of", f->name) : 0;
}

static int check_generated(struct checks *c, const struct type_field *f)
{
    struct buf duck, column;
    buf_init(&duck);
    buf_init(&column);
    struct str spark = metadata_str(f, "delta.generationExpression");
    int rc = expr_print(c->x, spark, "generated column", f->name, c->x->meta.schema, "b", &duck, c->err);
    duck_quote_ident(&column, f->name);
    buf_z(&column, " IS DISTINCT FROM CAST((");
    buf_str(&column, buf_view(&duck));
    buf_z(&column, ") AS ");
    type_write_duck(&column, f->type);
    if (rc == 0)
        put_breach(c, arena_printf(c->x->arena, "b.%s)", column.ptr),
                   str_fmt(c->x->arena, "[DELTA_VIOLATE_CONSTRAINT_WITH_VALUES] CHECK constraint Generated Column (%.*s <=> %.*s) violated by row with values: ",
                           STR_ARGS(f->name), STR_ARGS(spark)), true);
    buf_release(&duck);
    buf_release(&column);
    return rc;
}

int constraint_put_checks(struct lake_txn *x, struct buf *sql, struct str column, const struct type *given, struct err *err)
{
    struct buf cases;
    buf_init(&cases);
    struct checks c = {.x = x, .sql = &cases, .err = err};
    static const char prefix[] = "delta.constraints.";
    int rc = 0;
    check_not_null(&c, x->meta.schema, "b", STR_NONE, 0);
    for (size_t i = 0; i < x->meta.properties.count && rc == 0; i++)
        if (str_starts_z(x->meta.properties.items[i].key, prefix))
            rc = check_expr(&c, x->meta.properties.items[i].value, "CHECK constraint", str_from(x->meta.properties.items[i].key, sizeof prefix - 1));
    for (size_t i = 0; i < x->meta.schema->field_count && rc == 0; i++) {
        const struct type_field *f = &x->meta.schema->fields[i];
        rc = check_invariant(&c, f);
        if (rc == 0 && field_is_generated(f) && type_field_find(given, f->name))
            rc = check_generated(&c, f);
    }
    if (rc == 0 && c.count)
        buf_printf(sql, "CASE %s ELSE %.*s END", cases.ptr, STR_ARGS(column));
    else if (rc == 0)
        buf_str(sql, column);
    buf_release(&cases);
    return rc;
}

/* ---- identity columns */

/* The last value that a file's rows have, by its statistics. */
static bool file_bound(struct lake_txn *x, const struct lake_file *f, struct str physical, bool up, int64_t *out)
{
    struct err err;
    struct str stats = lake_file_stats(x->arena, f);
    const struct doc *d = stats.len ? doc_json(x->arena, NULL, stats, &err) : NULL;
    return doc_i64(doc_get_str(doc_get(d, up ? "maxValues" : "minValues"), physical), out);
}

int identity_settle(struct lake_txn *x, struct err *err)
{
    bool changed = false;
    const struct type *schema = x->meta.schema;
    struct type_field *fields = ARENA_ARRAY(x->arena, struct type_field, schema->field_count);
    (void)err;
    for (size_t i = 0; i < schema->field_count; i++) {
        int64_t step = 1, mark = 0, bound;
        fields[i] = schema->fields[i];
        if (!x->identity_given || !field_is_identity(&fields[i]))
            continue;
        doc_i64(doc_get(fields[i].metadata, "delta.identity.step"), &step);
        bool had = doc_i64(doc_get(fields[i].metadata, "delta.identity.highWaterMark"), &mark), moved = false;
        for (size_t k = 0; k < x->add_count; k++) {
            if (!file_bound(x, &x->adds[k], meta_physical(&x->meta, &fields[i]), step > 0, &bound))
                continue;
            if (!had || (step > 0 ? bound > mark : bound < mark)) {
                mark = bound;
                had = moved = true;
            }
        }
        if (moved)
            fields[i].metadata = metadata_with(x->arena, fields[i].metadata, "delta.identity.highWaterMark", doc_new_i64(x->arena, mark));
        changed = changed || moved;
    }
    if (changed)
        txn_set_schema(x, type_struct(x->arena, fields, schema->field_count));
    return 0;
}
