/* fuzz_sparksql -- the SQL parser: a text is refused at a place inside it, or its statements can be
 * walked, dumped and are no higher than the limit; the type and cell readers take any bytes. */
#include "sparksql/sparksql.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_height(void *ctx, const struct rel *r)
{
    (void)ctx;
    CHECK(r->height <= PLAN_MAX_DEPTH);
}

static void statements(struct arena *a, struct str text)
{
    struct stmts list;
    struct err err = {0};
    struct buf out;
    if (sparksql_parse(a, "in", 1, text, &list, &err) < 0) {
        CHECK(err.code == ERR_INPUT || err.code == ERR_LIMIT || err.code == ERR_UNSUPPORTED);
        CHECK(err.where.line >= 1 && err.where.col >= 1);
        CHECK((size_t)err.where.line + (size_t)err.where.col <= text.len + 2);
        return;
    }
    buf_init(&out);
    for (size_t i = 0; i < list.count; i++) {
        stmt_dump(&out, list.items[i]);
        if (list.items[i]->query)
            rel_visit(list.items[i]->query, check_height, NULL);
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *a = arena_new();
    struct str text = str_of((const char *)bytes, n);
    struct err err;
    struct cell *cells;
    statements(a, text);
    const struct type *t = type_read_ddl(a, text, &err);
    if (t) { /* what is written reads back the same */
        struct buf ddl;
        buf_init(&ddl);
        type_write_ddl(&ddl, t);
        const struct type *back = type_read_ddl(a, buf_view(&ddl), &err);
        CHECK(back && type_equal(t, back));
        buf_release(&ddl);
    }
    err.code = ERR_OK;
    CHECK(type_read_duck(a, text, &err) || err.code != ERR_OK);
    CHECK(sparksql_cells(a, text, &cells) >= 0);
    arena_free(a);
    return 0;
}
