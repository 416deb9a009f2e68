/* fuzz_pg -- what a PostgreSQL client sends: statements, parameters, SASL messages. The first byte
 * says which. A rewritten text is one that rewrites to the same bytes of names and strings. */
#include "base/embed.h"
#include "net/http.h"
#include "plan/plan.h"
#include "net/scram.h"
#include "serve/pg_text.h"
#include "serve/pg_types.h"
#include "sparksql/sparksql.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
__attribute__((weak)) const struct embed_file embed_table[] = {{0}};

static int param(void *arg, int n, struct buf *out, struct err *err)
{
    (void)arg, (void)err;
    CHECK(n >= 1 && n <= PG_MAX_PARAMS);
    buf_z(out, "NULL");
    return 0;
}

static void statements(struct arena *a, struct str rest)
{
    struct str s;
    size_t left = rest.len;
    while (pg_next_statement(&rest, &s)) {
        struct pg_map map;
        struct buf out;
        struct err err;
        CHECK(s.len > 0 && rest.len < left);
        left = rest.len;
        buf_init(&out);
        if (pg_rewrite(a, s, &out, &map, param, NULL, &err) == 0)
            for (size_t at = 0; at < out.len; at += 1 + out.len / 16)
                CHECK(pg_map_back(&map, at) <= s.len + out.len);
        pg_param_count(s);
        for (size_t i = 0; i < 4; i++)
            pg_word(a, s, i);
        buf_release(&out);
    }
}

static void values(struct str in)
{
    static const uint32_t oids[] = {0, PG_BOOL, PG_BYTEA, PG_INT8, PG_INT4, PG_TEXT, PG_FLOAT4, PG_FLOAT8, PG_DATE,
                                    PG_TIMESTAMP, PG_TIMESTAMPTZ, PG_NUMERIC, PG_UUID, PG_JSONB, 4711};
    struct buf out;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(oids); i++) {
        for (int binary = 0; binary < 2; binary++) {
            buf_init(&out);
            if (pg_literal_put(&out, oids[i], binary, in, &err) == 0)
                CHECK(str_utf8_ok(buf_view(&out)));
            buf_release(&out);
        }
        buf_init(&out);
        if (pg_binary_put(&out, oids[i], in, &err) != 0)
            CHECK(err.code == ERR_INTERNAL || err.code == ERR_UNSUPPORTED);
        buf_release(&out);
    }
    pg_type_of(in);
}

static void sasl(struct str in)
{
    static const struct scram_secret secret = {.mechanism = SCRAM_SHA_256}; /* zeros will do */
    struct arena *a = arena_new();
    struct scram_first first;
    struct buf out;
    struct err err;
    int64_t cut = str_chr(in, 0);
    buf_init(&out);
    if (cut >= 0 && scram_first_read(a, str_sub(in, 0, (size_t)cut), &first, &err) == 0) {
        struct scram *s = scram_new(&first, &secret, &out);
        CHECK(scram_final(s, str_from(in, (size_t)cut + 1), &out, &err) != 0);
        scram_free(s);
    }
    buf_release(&out);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return 0;
    struct arena *a = arena_new();
    struct str in = str_of((const char *)bytes + 1, n - 1);
    switch (bytes[0] % 3) {
    case 0:
        statements(a, in);
        break;
    case 1:
        values(in);
        break;
    default:
        sasl(in);
    }
    arena_free(a);
    return 0;
}
