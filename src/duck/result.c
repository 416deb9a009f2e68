/* result.c -- reading what a query gives, chunk by chunk.
 *
 * A SELECT streams: DuckDB runs as far as the reader has come. The first DUCK_PREFETCH_CHUNKS are
 * fetched at once, so a small result is complete when duck_query() returns, its errors are
 * reported there, and the connection is free for the next statement. While a larger one is being
 * read its connection belongs to it: another statement ends it, and duck_next() then fails.
 * Everything but a SELECT is run to its end. */
#include "duck/duck_int.h"

#include "duck/arrow.h"

struct column { struct duck_node *node; struct str name, type_text; };
struct duck_result {
    struct arena *arena;
    duckdb_prepared_statement stmt;
    duckdb_result res;
    bool has_res;
    bool ended;                              /* DuckDB has no more chunks */
    struct column *cols;
    size_t col_count;
    duckdb_data_chunk first[DUCK_PREFETCH_CHUNKS];
    size_t first_count, first_next;
    duckdb_data_chunk chunk;                 /* the current one */
    size_t rows;
    struct view { duckdb_vector vector; void *data; uint64_t *validity; } *views; /* of `chunk` */
};

void duck_result_free(struct duck_result *r)
{
    if (!r)
        return;
    if (r->chunk)
        duckdb_destroy_data_chunk(&r->chunk);
    for (size_t i = r->first_next; i < r->first_count; i++)
        duckdb_destroy_data_chunk(&r->first[i]);
    if (r->has_res)
        duckdb_destroy_result(&r->res);
    if (r->stmt)
        duckdb_destroy_prepare(&r->stmt);
    arena_free(r->arena);
    mem_free(r);
}

/* A VARIANT can be told, though not read. */
static struct duck_node *variant_node(struct arena *a)
{
    struct duck_node *n = ARENA_NEW(a, struct duck_node);
    n->type = DUCK_OTHER;
    n->raw = DUCKDB_TYPE_VARIANT;
    return n;
}

static int fill_columns(struct duck_result *r, bool from_result, struct err *err)
{
    r->col_count = from_result ? duckdb_column_count(&r->res) : duckdb_prepared_statement_column_count(r->stmt);
    r->cols = ARENA_ARRAY(r->arena, struct column, r->col_count);
    r->views = ARENA_ARRAY(r->arena, struct view, r->col_count);
    for (size_t i = 0; i < r->col_count; i++) {
        struct column *c = &r->cols[i];
        if (from_result) {
            c->name = str_copy(r->arena, str_z(duckdb_column_name(&r->res, i)));
        } else {
            const char *name = duckdb_prepared_statement_column_name(r->stmt, i);
            c->name = str_copy(r->arena, str_z(name));
            duckdb_free((void *)(uintptr_t)name);
        }
        duckdb_logical_type t = from_result ? duckdb_column_logical_type(&r->res, i)
                                            : duckdb_prepared_statement_column_logical_type(r->stmt, i);
        c->node = !from_result && duckdb_get_type_id(t) == DUCKDB_TYPE_VARIANT ? variant_node(r->arena) : duck_node_of(r->arena, t, 0, err);
        duckdb_destroy_logical_type(&t);
        if (!c->node)
            return err_wrap(err, "column '%.*s'", STR_ARGS(c->name));
        struct buf text;
        buf_init(&text);
        duck_node_text(&text, c->node);
        c->type_text = str_copy(r->arena, buf_view(&text));
        buf_release(&text);
    }
    return 0;
}

static struct duck_result *prepare(struct duck_conn *c, struct str sql, struct err *err)
{
    struct duck_result *r = NEW(struct duck_result);
    r->arena = arena_new();
    char *z = str_dup(sql);
    duckdb_state state = duckdb_prepare(c->con, z, &r->stmt);
    mem_free(z);
    if (state == DuckDBSuccess)
        return r;
    duck_err(err, r->stmt ? duckdb_prepare_error(r->stmt) : NULL);
    duck_result_free(r);
    return NULL;
}

static int run(struct duck_result *r, struct err *err)
{
    bool streams = duckdb_prepared_statement_type(r->stmt) == DUCKDB_STATEMENT_TYPE_SELECT;
    duckdb_pending_result pending = NULL;
    duckdb_state state = streams ? duckdb_pending_prepared_streaming(r->stmt, &pending)
                                 : duckdb_pending_prepared(r->stmt, &pending);
    if (state == DuckDBSuccess) {
        state = duckdb_execute_pending(pending, &r->res);
        r->has_res = true;
        if (state != DuckDBSuccess)
            duck_err(err, duckdb_result_error(&r->res));
    } else {
        duck_err(err, pending ? duckdb_pending_error(pending) : NULL);
    }
    duckdb_destroy_pending(&pending);
    return state == DuckDBSuccess ? 0 : -1;
}

/* The next chunk of DuckDB's, not empty; 0 at the end. */
static int fetch(struct duck_result *r, duckdb_data_chunk *out, struct err *err)
{
    while (!r->ended) {
        *out = duckdb_fetch_chunk(r->res);
        if (*out) {
            if (duckdb_data_chunk_get_size(*out) > 0)
                return 1;
            duckdb_destroy_data_chunk(out);
            continue;
        }
        r->ended = true;
        const char *message = duckdb_result_error(&r->res);
        if (message && *message)
            return duck_err(err, message);
    }
    return 0;
}

struct duck_result *duck_query(struct duck_conn *c, struct str sql, struct err *err)
{
    struct duck_result *r = prepare(c, sql, err);
    if (!r)
        return NULL;
    if (run(r, err) || fill_columns(r, true, err))
        goto fail;
    while (r->first_count < DUCK_PREFETCH_CHUNKS) {
        int got = fetch(r, &r->first[r->first_count], err);
        if (got < 0)
            goto fail;
        if (!got)
            break;
        r->first_count++;
    }
    return r;
fail:
    duck_result_free(r);
    return NULL;
}

struct duck_result *duck_describe(struct duck_conn *c, struct str sql, struct err *err)
{
    struct duck_result *r = prepare(c, sql, err);
    if (!r)
        return NULL;
    r->ended = true;
    if (fill_columns(r, false, err)) {
        duck_result_free(r);
        return NULL;
    }
    return r;
}

int duck_next(struct duck_result *r, struct err *err)
{
    if (r->chunk)
        duckdb_destroy_data_chunk(&r->chunk);
    r->rows = 0;
    if (r->first_next < r->first_count) {
        r->chunk = r->first[r->first_next++];
    } else {
        int got = fetch(r, &r->chunk, err);
        if (got <= 0)
            return got;
    }
    r->rows = duckdb_data_chunk_get_size(r->chunk);
    for (size_t i = 0; i < r->col_count; i++) {
        duckdb_vector v = duckdb_data_chunk_get_vector(r->chunk, i);
        r->views[i] = (struct view){v, duckdb_vector_get_data(v), duckdb_vector_get_validity(v)};
    }
    return 1;
}

size_t duck_cols(const struct duck_result *r)
{
    return r->col_count;
}

struct str duck_col_name(const struct duck_result *r, size_t col)
{
    CHECK(col < r->col_count);
    return r->cols[col].name;
}

enum duck_type duck_col_type(const struct duck_result *r, size_t col)
{
    CHECK(col < r->col_count);
    return r->cols[col].node->type;
}

struct str duck_col_type_text(const struct duck_result *r, size_t col)
{
    CHECK(col < r->col_count);
    return r->cols[col].type_text;
}

bool duck_col_is(const struct duck_result *r, size_t col, struct str type_text)
{
    CHECK(col < r->col_count);
    return str_eq(r->cols[col].type_text, type_text) && duck_node_is_told(r->cols[col].node);
}

bool duck_col_is_json(const struct duck_result *r, size_t col)
{
    CHECK(col < r->col_count);
    return r->cols[col].node->is_json;
}

void duck_col_decimal(const struct duck_result *r, size_t col, int *precision, int *scale)
{
    CHECK(col < r->col_count);
    *precision = r->cols[col].node->precision;
    *scale = r->cols[col].node->scale;
}

int64_t duck_changed(const struct duck_result *r)
{
    return r->has_res ? (int64_t)duckdb_rows_changed((duckdb_result *)&r->res) : 0;
}

size_t duck_rows(const struct duck_result *r)
{
    return r->rows;
}

bool duck_is_null(const struct duck_result *r, size_t col, size_t row)
{
    DCHECK(col < r->col_count && row < r->rows);
    const uint64_t *validity = r->views[col].validity;
    return validity && !(validity[row / 64] >> (row % 64) & 1);
}

static struct duck_at at(const struct duck_result *r, size_t col, size_t row)
{
    DCHECK(col < r->col_count && row < r->rows);
    return (struct duck_at){r->cols[col].node, r->views[col].vector, row};
}

int64_t duck_i64(const struct duck_result *r, size_t col, size_t row)
{
    if (r->cols[col].node->raw == DUCKDB_TYPE_BIGINT) /* most of them */
        return ((const int64_t *)r->views[col].data)[row];
    return (int64_t)duck_at_int(at(r, col, row));
}

double duck_f64(const struct duck_result *r, size_t col, size_t row)
{
    return duck_at_f64(at(r, col, row));
}

struct str duck_text(const struct duck_result *r, size_t col, size_t row)
{
    return duck_at_text(at(r, col, row));
}

static duckdb_list_entry entry_at(const struct duck_result *r, size_t col, size_t row)
{
    DCHECK(r->cols[col].node->type == DUCK_MAP);
    return duck_is_null(r, col, row) ? (duckdb_list_entry){} : ((const duckdb_list_entry *)r->views[col].data)[row];
}

size_t duck_map_count(const struct duck_result *r, size_t col, size_t row)
{
    return entry_at(r, col, row).length;
}

bool duck_map_at(const struct duck_result *r, size_t col, size_t row, size_t pair, struct str *key, struct str *value)
{
    const struct duck_node *n = r->cols[col].node;
    duckdb_list_entry e = entry_at(r, col, row);
    duckdb_vector pairs = duckdb_list_vector_get_child(r->views[col].vector);
    struct duck_at k = {n->child[0], duckdb_struct_vector_get_child(pairs, 0), e.offset + pair};
    struct duck_at v = {n->child[1], duckdb_struct_vector_get_child(pairs, 1), e.offset + pair};
    DCHECK(pair < e.length);
    *key = duck_at_text(k);
    bool is_null = duck_at_null(v);
    *value = is_null ? STR("") : duck_at_text(v);
    return !is_null;
}

void duck_render(const struct duck_result *r, size_t col, size_t row, enum duck_style style, struct buf *out)
{
    duck_render_at(at(r, col, row), style, out);
}

int duck_scalar_i64(struct duck_conn *c, struct str sql, int64_t *out, bool *found, struct err *err)
{
    struct duck_result *r = duck_query(c, sql, err);
    if (!r)
        return -1;
    int got = duck_next(r, err);
    *found = got > 0 && !duck_is_null(r, 0, 0);
    if (*found)
        *out = duck_i64(r, 0, 0);
    duck_result_free(r);
    return got < 0 ? -1 : 0;
}

/* ---- single values */

bool duck_at_null(struct duck_at v)
{
    uint64_t *validity = duckdb_vector_get_validity(v.vector);
    return validity && !(validity[v.row / 64] >> (v.row % 64) & 1);
}

static __int128 floor_div(__int128 v, int64_t by)
{
    __int128 q = v / by;
    return v % by < 0 ? q - 1 : q;
}

static __int128 integer_at(duckdb_type raw, const void *data, size_t i)
{
    switch (raw) {
    case DUCKDB_TYPE_BOOLEAN: return ((const uint8_t *)data)[i] != 0;
    case DUCKDB_TYPE_TINYINT: return ((const int8_t *)data)[i];
    case DUCKDB_TYPE_SMALLINT: return ((const int16_t *)data)[i];
    case DUCKDB_TYPE_INTEGER: case DUCKDB_TYPE_DATE: return ((const int32_t *)data)[i];
    case DUCKDB_TYPE_UTINYINT: return ((const uint8_t *)data)[i];
    case DUCKDB_TYPE_USMALLINT: return ((const uint16_t *)data)[i];
    case DUCKDB_TYPE_UINTEGER: return ((const uint32_t *)data)[i];
    case DUCKDB_TYPE_UBIGINT: return ((const uint64_t *)data)[i];
    case DUCKDB_TYPE_TIMESTAMP_S: return (__int128)((const int64_t *)data)[i] * 1000000;
    case DUCKDB_TYPE_TIMESTAMP_MS: return (__int128)((const int64_t *)data)[i] * 1000;
    case DUCKDB_TYPE_TIMESTAMP_NS: return floor_div(((const int64_t *)data)[i], 1000);
    case DUCKDB_TYPE_HUGEINT: case DUCKDB_TYPE_UUID: {
        const duckdb_hugeint h = ((const duckdb_hugeint *)data)[i];
        return (__int128)(((unsigned __int128)(uint64_t)h.upper << 64) | h.lower);
    }
    default: return ((const int64_t *)data)[i]; /* BIGINT, TIME, TIMESTAMP, TIMESTAMPTZ */
    }
}

__int128 duck_at_int(struct duck_at v)
{
    duckdb_type raw = v.node->internal ? v.node->internal : v.node->raw;
    return integer_at(raw, duckdb_vector_get_data(v.vector), v.row);
}

double duck_at_f64(struct duck_at v)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
                                  1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29,
                                  1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38};
    const void *data = duckdb_vector_get_data(v.vector);
    if (v.node->type == DUCK_F64)
        return ((const double *)data)[v.row];
    if (v.node->type == DUCK_F32)
        return ((const float *)data)[v.row];
    double whole = (double)duck_at_int(v);
    return v.node->type == DUCK_DECIMAL ? whole / tens[v.node->scale] : whole;
}

struct str duck_at_text(struct duck_at v)
{
    if (v.node->raw == DUCKDB_TYPE_ENUM) {
        size_t i = (size_t)duck_at_int(v);
        return i < v.node->count ? v.node->names[i] : STR_NONE;
    }
    DCHECK(v.node->type == DUCK_VARCHAR || v.node->type == DUCK_BLOB);
    duckdb_string_t *s = (duckdb_string_t *)duckdb_vector_get_data(v.vector) + v.row;
    return str_of(duckdb_string_t_data(s), duckdb_string_t_length(*s));
}

/* ---- Arrow */

static int arrow_done(duckdb_error_data failure, const char *what, struct err *err)
{
    int rc = 0;
    if (failure && duckdb_error_data_has_error(failure)) {
        rc = duck_err(err, duckdb_error_data_message(failure));
        err_wrap(err, "%s as Arrow", what);
    }
    duckdb_destroy_error_data(&failure);
    return rc;
}

int duck_arrow_schema(struct duck_result *r, struct ArrowSchema *out, struct err *err)
{
    CHECK(r->has_res);
    duckdb_logical_type *types = ARENA_ARRAY(r->arena, duckdb_logical_type, r->col_count);
    const char **names = ARENA_ARRAY(r->arena, const char *, r->col_count);
    for (size_t i = 0; i < r->col_count; i++) {
        types[i] = duckdb_column_logical_type(&r->res, i);
        names[i] = r->cols[i].name.ptr;
    }
    duckdb_arrow_options options = duckdb_result_get_arrow_options(&r->res);
    int rc = arrow_done(duckdb_to_arrow_schema(options, types, names, r->col_count, out), "a schema", err);
    duckdb_destroy_arrow_options(&options);
    for (size_t i = 0; i < r->col_count; i++)
        duckdb_destroy_logical_type(&types[i]);
    return rc;
}

int duck_arrow_chunk(struct duck_result *r, struct ArrowArray *out, struct err *err)
{
    CHECK(r->chunk);
    duckdb_arrow_options options = duckdb_result_get_arrow_options(&r->res);
    int rc = arrow_done(duckdb_data_chunk_to_arrow(options, r->chunk, out), "rows", err);
    duckdb_destroy_arrow_options(&options);
    return rc;
}
