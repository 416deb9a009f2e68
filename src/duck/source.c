/* source.c -- table functions fed by C: `SELECT … FROM name(handle)` and `name('what to read')`.
 *
 * bind looks the handle up, or makes a source of the text, and declares its columns; init opens one scan and remembers which
 * columns the query wants (the others are not there: writes to them are dropped, and
 * duck_out_wanted() lets a source skip the work); the function fills chunk after chunk until one
 * stays empty. A scan runs on one thread at a time. A source's failure goes through DuckDB as text
 * and comes out of the query with its code (duck_err_carry). */
#include "duck/duck_int.h"

enum { CARRIED_BYTES = 600 };

struct target { /* one declared column */
    duckdb_vector vector;   /* NULL: not wanted by this query */
    void *data;
    duckdb_type raw;
};

struct duck_out {
    struct target *cols;
    size_t count, rows, capacity;
    bool bad_utf8;
    size_t bad_col;
};

struct scan {
    const struct duck_source *src;
    void *state;
    struct duck_out out;
    size_t *wanted; /* the chunk's vector i is column wanted[i]; SIZE_MAX: none of ours */
    size_t wanted_count;
};

/* ---- handles */

int64_t duck_handle_put(struct duck *db, const struct duck_source *src)
{
    pthread_mutex_lock(&db->lock);
    db->handles = mem_grow(db->handles, &db->handle_cap, db->handle_count + 1, sizeof *db->handles);
    int64_t id = db->next_handle++;
    db->handles[db->handle_count++] = (struct handle){id, src};
    pthread_mutex_unlock(&db->lock);
    return id;
}

void duck_handle_drop(struct duck *db, int64_t handle)
{
    pthread_mutex_lock(&db->lock);
    for (size_t i = 0; i < db->handle_count; i++) {
        if (db->handles[i].id == handle) {
            db->handles[i] = db->handles[--db->handle_count];
            break;
        }
    }
    pthread_mutex_unlock(&db->lock);
}

static const struct duck_source *handle_find(struct duck *db, int64_t handle)
{
    const struct duck_source *src = NULL;
    pthread_mutex_lock(&db->lock);
    for (size_t i = 0; i < db->handle_count && !src; i++)
        if (db->handles[i].id == handle)
            src = db->handles[i].src;
    pthread_mutex_unlock(&db->lock);
    return src;
}

/* ---- the table function */

static void carry_bind(duckdb_bind_info info, const struct err *err)
{
    char text[CARRIED_BYTES];
    duck_err_carry(err, text, sizeof text);
    duckdb_bind_set_error(info, text);
}

static int declare(duckdb_bind_info info, const struct duck_source *src, struct err *err)
{
    for (size_t i = 0; i < src->cols; i++) {
        duckdb_logical_type t = duck_type_parse(str_z(src->types[i]), err);
        if (!t)
            return -1;
        duckdb_bind_add_result_column(info, src->names[i], t);
        duckdb_destroy_logical_type(&t);
    }
    return 0;
}

static void on_bind(duckdb_bind_info info)
{
    struct duck *db = duckdb_bind_get_extra_info(info);
    duckdb_value v = duckdb_bind_get_parameter(info, 0);
    int64_t handle = duckdb_get_int64(v);
    duckdb_destroy_value(&v);
    struct err err;
    const struct duck_source *src = handle_find(db, handle);
    if (!src) {
        err_set(&err, ERR_NOT_FOUND, "no source has the handle %jd", (intmax_t)handle);
        carry_bind(info, &err);
        return;
    }
    if (declare(info, src, &err)) {
        carry_bind(info, &err);
        return;
    }
    duckdb_bind_set_bind_data(info, (void *)(uintptr_t)src, NULL);
}

/* The same for duck_reader_register(): the source belongs to the statement. */
static void on_bind_reader(duckdb_bind_info info)
{
    const struct duck_reader *r = duckdb_bind_get_extra_info(info);
    duckdb_value v = duckdb_bind_get_parameter(info, 0);
    char *text = duckdb_get_varchar(v);
    struct err err;
    struct duck_source *src = r->make(r->ctx, str_z(text), &err);
    duckdb_free(text);
    duckdb_destroy_value(&v);
    if (src && declare(info, src, &err)) {
        r->drop(src);
        src = NULL;
    }
    if (src)
        duckdb_bind_set_bind_data(info, src, r->drop);
    else
        carry_bind(info, &err);
}

static void scan_free(void *p)
{
    struct scan *s = p;
    if (s->state && s->src->close)
        s->src->close(s->state);
    mem_free(s->out.cols);
    mem_free(s->wanted);
    mem_free(s);
}

static void on_init(duckdb_init_info info)
{
    const struct duck_source *src = duckdb_init_get_bind_data(info);
    struct scan *s = NEW(struct scan);
    s->src = src;
    s->out.count = src->cols;
    s->out.cols = mem_alloc(sizeof *s->out.cols * (src->cols ? src->cols : 1));
    s->out.capacity = duckdb_vector_size();
    s->wanted_count = duckdb_init_get_column_count(info);
    s->wanted = mem_alloc(sizeof *s->wanted * (s->wanted_count ? s->wanted_count : 1));
    for (size_t i = 0; i < s->wanted_count; i++) {
        idx_t col = duckdb_init_get_column_index(info, i);
        s->wanted[i] = col < src->cols ? (size_t)col : SIZE_MAX;
    }
    struct err err;
    s->state = src->open(src->ctx, &err);
    if (!s->state) {
        char text[CARRIED_BYTES];
        duck_err_carry(&err, text, sizeof text);
        duckdb_init_set_error(info, text);
        scan_free(s);
        return;
    }
    duckdb_init_set_max_threads(info, 1);
    duckdb_init_set_init_data(info, s, scan_free);
}

static void aim(struct scan *s, duckdb_data_chunk chunk)
{
    s->out.rows = 0;
    s->out.bad_utf8 = false;
    for (size_t i = 0; i < s->wanted_count; i++) {
        if (s->wanted[i] == SIZE_MAX || i >= duckdb_data_chunk_get_column_count(chunk))
            continue;
        duckdb_vector v = duckdb_data_chunk_get_vector(chunk, i);
        struct target *t = &s->out.cols[s->wanted[i]];
        t->vector = v;
        t->data = duckdb_vector_get_data(v);
        if (!t->raw) {
            duckdb_logical_type type = duckdb_vector_get_column_type(v);
            t->raw = duckdb_get_type_id(type);
            if (t->raw == DUCKDB_TYPE_DECIMAL)
                t->raw = duckdb_decimal_internal_type(type);
            duckdb_destroy_logical_type(&type);
        }
    }
}

static void on_next(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct scan *s = duckdb_function_get_init_data(info);
    struct err err;
    aim(s, chunk);
    int rc = s->src->next(s->state, &s->out, &err);
    if (rc >= 0 && s->out.bad_utf8)
        rc = err_set(&err, ERR_INPUT, "column '%s' holds text that is not UTF-8", s->src->names[s->out.bad_col]);
    if (rc < 0) {
        char text[CARRIED_BYTES];
        duck_err_carry(&err, text, sizeof text);
        duckdb_function_set_error(info, text);
        return;
    }
    duckdb_data_chunk_set_size(chunk, s->out.rows);
}

static int register_function(struct duck *db, const char *name, duckdb_type argument, void *extra,
                             duckdb_table_function_bind_t bind, struct err *err)
{
    duckdb_table_function f = duckdb_create_table_function();
    duckdb_table_function_set_name(f, name);
    duckdb_logical_type type = duckdb_create_logical_type(argument);
    duckdb_table_function_add_parameter(f, type);
    duckdb_destroy_logical_type(&type);
    duckdb_table_function_set_extra_info(f, extra, NULL);
    duckdb_table_function_set_bind(f, bind);
    duckdb_table_function_set_init(f, on_init);
    duckdb_table_function_set_function(f, on_next);
    duckdb_table_function_supports_projection_pushdown(f, true);
    pthread_mutex_lock(&db->lock);
    duckdb_state state = duckdb_register_table_function(db->admin, f);
    pthread_mutex_unlock(&db->lock);
    duckdb_destroy_table_function(&f);
    if (state == DuckDBSuccess)
        return 0;
    return err_set(err, ERR_INTERNAL, "cannot register the table function '%s'", name);
}

int duck_source_register(struct duck *db, const char *function_name, struct err *err)
{
    return register_function(db, function_name, DUCKDB_TYPE_BIGINT, db, on_bind, err);
}

int duck_reader_register(struct duck *db, const char *function_name, const struct duck_reader *r, struct err *err)
{
    pthread_mutex_lock(&db->lock);
    struct duck_reader *kept = arena_copy(db->functions, r, sizeof *r);
    pthread_mutex_unlock(&db->lock);
    return register_function(db, function_name, DUCKDB_TYPE_VARCHAR, kept, on_bind_reader, err);
}

/* ---- filling a chunk */

size_t duck_out_capacity(const struct duck_out *o)
{
    return o->capacity;
}

bool duck_out_wanted(const struct duck_out *o, size_t col)
{
    return col < o->count && o->cols[col].vector;
}

void duck_out_rows(struct duck_out *o, size_t rows)
{
    CHECK(rows <= o->capacity);
    o->rows = rows;
}

static struct target *target(struct duck_out *o, size_t col, size_t row)
{
    CHECK(col < o->count && row < o->capacity);
    return o->cols[col].vector ? &o->cols[col] : NULL;
}

void duck_out_null(struct duck_out *o, size_t col, size_t row)
{
    struct target *t = target(o, col, row);
    if (!t)
        return;
    duckdb_vector_ensure_validity_writable(t->vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(t->vector), row);
    if (t->raw == DUCKDB_TYPE_LIST || t->raw == DUCKDB_TYPE_MAP)
        ((duckdb_list_entry *)t->data)[row] = (duckdb_list_entry){duckdb_list_vector_get_size(t->vector), 0};
}

void duck_out_i64(struct duck_out *o, size_t col, size_t row, int64_t v)
{
    struct target *t = target(o, col, row);
    if (!t)
        return;
    switch (t->raw) {
    case DUCKDB_TYPE_BOOLEAN: ((bool *)t->data)[row] = v != 0; break;
    case DUCKDB_TYPE_TINYINT: case DUCKDB_TYPE_UTINYINT: ((int8_t *)t->data)[row] = (int8_t)v; break;
    case DUCKDB_TYPE_SMALLINT: case DUCKDB_TYPE_USMALLINT: ((int16_t *)t->data)[row] = (int16_t)v; break;
    case DUCKDB_TYPE_INTEGER: case DUCKDB_TYPE_UINTEGER: case DUCKDB_TYPE_DATE:
        ((int32_t *)t->data)[row] = (int32_t)v;
        break;
    case DUCKDB_TYPE_HUGEINT:
        ((duckdb_hugeint *)t->data)[row] = (duckdb_hugeint){(uint64_t)v, v < 0 ? -1 : 0};
        break;
    case DUCKDB_TYPE_FLOAT: ((float *)t->data)[row] = (float)v; break;
    case DUCKDB_TYPE_DOUBLE: ((double *)t->data)[row] = (double)v; break;
    default:
        CHECK(t->raw != DUCKDB_TYPE_VARCHAR && t->raw != DUCKDB_TYPE_BLOB && t->raw != DUCKDB_TYPE_MAP);
        ((int64_t *)t->data)[row] = v;
    }
}

void duck_out_f64(struct duck_out *o, size_t col, size_t row, double v)
{
    struct target *t = target(o, col, row);
    if (!t)
        return;
    CHECK(t->raw == DUCKDB_TYPE_DOUBLE || t->raw == DUCKDB_TYPE_FLOAT);
    if (t->raw == DUCKDB_TYPE_FLOAT)
        ((float *)t->data)[row] = (float)v;
    else
        ((double *)t->data)[row] = v;
}

void duck_out_text(struct duck_out *o, size_t col, size_t row, struct str v)
{
    struct target *t = target(o, col, row);
    if (!t)
        return;
    CHECK(t->raw == DUCKDB_TYPE_VARCHAR || t->raw == DUCKDB_TYPE_BLOB);
    if (t->raw == DUCKDB_TYPE_VARCHAR && !str_utf8_ok(v)) {
        o->bad_utf8 = true;
        o->bad_col = col;
        v = STR("");
    }
    duckdb_unsafe_vector_assign_string_element_len(t->vector, row, v.len ? v.ptr : "", v.len);
}

void duck_out_map(struct duck_out *o, size_t col, size_t row, size_t pairs, const struct str *keys,
                  const struct str *values)
{
    struct target *t = target(o, col, row);
    if (!t)
        return;
    CHECK(t->raw == DUCKDB_TYPE_MAP);
    size_t from = duckdb_list_vector_get_size(t->vector);
    duckdb_list_vector_reserve(t->vector, from + pairs);
    duckdb_list_vector_set_size(t->vector, from + pairs);
    duckdb_vector entries = duckdb_list_vector_get_child(t->vector);
    duckdb_vector key_vector = duckdb_struct_vector_get_child(entries, 0);
    duckdb_vector value_vector = duckdb_struct_vector_get_child(entries, 1);
    t->data = duckdb_vector_get_data(t->vector);
    ((duckdb_list_entry *)t->data)[row] = (duckdb_list_entry){from, pairs};
    for (size_t i = 0; i < pairs; i++) {
        if (!str_utf8_ok(keys[i])) {
            o->bad_utf8 = true;
            o->bad_col = col;
        }
        duckdb_vector_assign_string_element_len(key_vector, from + i, keys[i].len ? keys[i].ptr : "", keys[i].len);
        if (values[i].ptr) {
            duckdb_unsafe_vector_assign_string_element_len(value_vector, from + i, values[i].ptr, values[i].len);
        } else {
            duckdb_vector_ensure_validity_writable(value_vector);
            duckdb_validity_set_row_invalid(duckdb_vector_get_validity(value_vector), from + i);
        }
    }
}
