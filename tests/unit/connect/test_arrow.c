/* Arrow's IPC stream: what the writer frames the reader finds again; damaged bytes are refused. */
#include "unit/base/test_util.h"
#include "connect/arrow_ipc.h"
#include "connect/arrow_read.h"

struct scene { struct arena *a; struct buf stream, sql; };

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->a = arena_new();
    buf_init(&s->stream);
    buf_init(&s->sql);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    buf_release(&s->stream);
    buf_release(&s->sql);
    arena_free(s->a);
    free(s);
    return 0;
}

/* Two rows of n bigint, t string, l array<int>: (1, 'a', [7, 8]), (-2, NULL, []). */
static void write_stream(struct scene *s, bool rows)
{
    static const int64_t n[] = {1, -2};
    static const int32_t text_at[] = {0, 1, 1}, list_at[] = {0, 2, 2}, items[] = {7, 8};
    static const uint8_t first_only[] = {1};
    static const void *n_buffers[] = {NULL, n}, *text_buffers[] = {first_only, text_at, "a"}, *list_buffers[] = {NULL, list_at},
                      *item_buffers[] = {NULL, items}, *top_buffers[] = {NULL};
    struct ArrowSchema item = {.format = "i", .name = "element", .flags = 2}, *list_kids[] = {&item};
    struct ArrowSchema cols[] = {{.format = "l", .name = "n"}, {.format = "u", .name = "t", .flags = 2},
                                 {.format = "+l", .name = "l", .n_children = 1, .children = list_kids}};
    struct ArrowSchema *kids[] = {&cols[0], &cols[1], &cols[2]}, schema = {.format = "+s", .n_children = 3, .children = kids};
    struct ArrowArray item_array = {.length = 2, .n_buffers = 2, .buffers = item_buffers}, *list_arrays[] = {&item_array};
    struct ArrowArray arrays[] = {{.length = 2, .n_buffers = 2, .buffers = n_buffers},
                                  {.length = 2, .null_count = 1, .n_buffers = 3, .buffers = text_buffers},
                                  {.length = 2, .n_buffers = 2, .buffers = list_buffers, .n_children = 1, .children = list_arrays}};
    struct ArrowArray *parts[] = {&arrays[0], &arrays[1], &arrays[2]};
    struct ArrowArray batch = {.length = 2, .n_buffers = 1, .buffers = top_buffers, .n_children = 3, .children = parts};
    struct err err = {0};
    assert_int_equal(arrow_ipc_schema(&s->stream, &schema, &err), 0);
    if (rows)
        assert_int_equal(arrow_ipc_batch(&s->stream, &schema, &batch, &err), 0);
    arrow_ipc_end(&s->stream);
}

static void a_stream_is_read_as_it_was_written(void **state)
{
    struct scene *s = *state;
    const struct type *schema = NULL;
    struct buf ddl;
    struct err err = {0};
    write_stream(s, true);
    assert_int_equal(s->stream.len % 8, 0);
    assert_int_equal(arrow_read_sql(s->a, buf_view(&s->stream), &schema, &s->sql, &err), 0);
    buf_init(&ddl);
    type_write_ddl(&ddl, schema);
    assert_str(buf_view(&ddl), "struct<n:bigint,t:string,l:array<int>>");
    assert_str(buf_view(&s->sql),
               "SELECT CAST(c0 AS BIGINT) AS \"n\", CAST(c1 AS VARCHAR) AS \"t\", CAST(c2 AS INTEGER[]) AS \"l\" FROM (VALUES "
               "(CAST(1 AS BIGINT), CAST('a' AS VARCHAR), CAST([CAST(7 AS INTEGER), CAST(8 AS INTEGER)] AS INTEGER[])), "
               "(CAST(-2 AS BIGINT), NULL, CAST([] AS INTEGER[]))) AS t(c0, c1, c2)");
    buf_release(&ddl);
}

static void no_rows_keep_their_columns(void **state)
{
    struct scene *s = *state;
    const struct type *schema = NULL;
    struct err err = {0};
    write_stream(s, false);
    assert_int_equal(arrow_read_sql(s->a, buf_view(&s->stream), &schema, &s->sql, &err), 0);
    assert_int_equal(schema->field_count, 3);
    assert_true(str_ends_z(buf_view(&s->sql), "(VALUES (NULL, NULL, NULL)) AS t(c0, c1, c2) WHERE false"));
}

/* Any byte changed, any end cut off: an answer or an error, never a read outside (the sanitizers watch). */
static void damage_is_survived(void **state)
{
    struct scene *s = *state;
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    write_stream(s, true);
    size_t refused = 0;
    for (size_t i = 0; i < s->stream.len; i++)
        for (size_t v = 0; v <= COUNT_OF(values); v++) {
            bool cut = v == COUNT_OF(values);
            size_t len = cut ? i : s->stream.len;
            char *bytes = malloc(len + 1); /* a block of its own: a read past it is seen */
            assert_non_null(bytes);
            memcpy(bytes, s->stream.ptr, len);
            if (!cut)
                bytes[i] = (char)values[v];
            char *exact = malloc(len ? len : 1);
            assert_non_null(exact);
            memcpy(exact, bytes, len);
            const struct type *schema = NULL;
            struct err err = {0};
            struct arena *a = arena_new();
            buf_clear(&s->sql);
            refused += arrow_read_sql(a, str_of(exact, len), &schema, &s->sql, &err) != 0;
            arena_free(a);
            free(exact);
            free(bytes);
        }
    assert_true(refused > 100);
}

static void rows_must_fit_the_schema(void **state)
{
    struct scene *s = *state;
    struct err err = {0};
    const struct type *schema = type_read_ddl(s->a, STR("a int"), &err);
    write_stream(s, true);
    assert_int_equal(arrow_read_sql(s->a, buf_view(&s->stream), &schema, &s->sql, &err), -1);
    assert_string_equal(err.msg, "the schema has 1 columns, the rows have 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stream_is_read_as_it_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(no_rows_keep_their_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_must_fit_the_schema, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
