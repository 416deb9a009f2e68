/* hub: wire primitives, record batches, decompression, producer state, the sparse index. */
#include "hub/batch.h"
#include "hub/hub_int.h"
#include "hub/producers.h"
#include "hub/seg_index.h"
#include <lz4frame.h>
#include <setjmp.h>
#include <snappy-c.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>

static void wire_round_trip(void **state)
{
    (void)state;
    static const int64_t longs[] = {0, 1, -1, 63, 64, -64, -65, 300, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (int flex = 0; flex < 2; flex++) {
        struct kout o = {.flex = flex};
        buf_init(&o.b);
        for (size_t i = 0; i < COUNT_OF(longs); i++) {
            kout_varlong(&o, longs[i]);
            kout_i64(&o, longs[i]);
            kout_varint(&o, (int32_t)longs[i]);
        }
        kout_str(&o, STR("name"));
        kout_nstr(&o, STR_NONE);
        kout_nbytes(&o, STR("bytes"));
        kout_count(&o, -1);
        kout_tags(&o);
        struct kin in = kin_of(buf_view(&o.b));
        in.flex = flex;
        for (size_t i = 0; i < COUNT_OF(longs); i++) {
            assert_true(kin_varlong(&in) == longs[i]);
            assert_true(kin_i64(&in) == longs[i]);
            assert_int_equal(kin_varint(&in), (int32_t)longs[i]);
        }
        assert_true(str_eqz(kin_str(&in), "name"));
        assert_null(kin_nstr(&in).ptr);
        assert_true(str_eqz(kin_nbytes(&in), "bytes"));
        assert_int_equal(kin_count(&in), -1);
        kin_tags(&in);
        assert_false(in.bad);
        assert_int_equal(kin_left(&in), 0);
        for (size_t cut = 0; cut < o.b.len; cut++) { /* no cut may be read past */
            struct kin part = kin_of(str_of(o.b.ptr, cut));
            part.flex = flex;
            for (size_t i = 0; i < COUNT_OF(longs); i++) {
                kin_varlong(&part);
                kin_i64(&part);
                kin_varint(&part);
            }
            kin_str(&part);
            kin_nstr(&part);
            kin_nbytes(&part);
            kin_count(&part);
            kin_tags(&part);
            assert_true(part.bad || cut == o.b.len);
        }
        buf_release(&o.b);
    }
}

/* Bytes written in place, behind a length that is filled in later, are read as any others. */
static void bytes_in_place(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 126, 127, 128, 70000, 3 << 20};
    char *much = mem_alloc(3 << 20);
    memset(much, 'x', 3 << 20);
    for (int flex = 0; flex < 2; flex++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            struct kout o = {.flex = flex};
            buf_init(&o.b);
            kout_i16(&o, 7);
            size_t at = kout_begin_bytes(&o);
            buf_add(&o.b, much, sizes[i]);
            kout_end_bytes(&o, at);
            kout_i32(&o, 9);
            struct kin in = kin_of(buf_view(&o.b));
            in.flex = flex;
            assert_int_equal(kin_i16(&in), 7);
            assert_true(str_eq(kin_nbytes(&in), str_of(much, sizes[i])));
            assert_int_equal(kin_i32(&in), 9);
            assert_true(!in.bad && kin_left(&in) == 0);
            buf_release(&o.b);
        }
    mem_free(much);
}

static void array_counts_are_bounded(void **state)
{
    (void)state;
    static const char huge[] = {0x7f, (char)0xff, (char)0xff, (char)0xff, 0};
    struct kin in = kin_of(str_of(huge, sizeof huge));
    assert_int_equal(kin_count(&in), 0);
    assert_true(in.bad);
}

static struct str make(struct batch_builder *w, int n)
{
    batch_begin(w);
    for (int i = 0; i < n; i++) {
        char value[32];
        snprintf(value, sizeof value, "value %d", i);
        struct event_header h[2] = {{STR("h1"), STR("x")}, {STR("h2"), STR_NONE}};
        batch_add(w, 1000 + i, i % 3 ? STR("key") : STR_NONE, str_z(value), h, (size_t)(i % 3));
    }
    return batch_finish(w, 7, 1, 5);
}

static void batch_round_trip(void **state)
{
    (void)state;
    struct batch_builder w;
    struct batch_reader r;
    struct batch b;
    struct record rec;
    struct err err;
    batch_builder_init(&w);
    batch_reader_init(&r);
    struct str bytes = make(&w, 100);
    batch_set_place((char *)bytes.ptr, 500, 3);
    assert_true(batch_read_header(bytes, &b));
    assert_true(batch_crc_ok(&b, bytes.ptr));
    assert_int_equal(b.count, 100);
    assert_int_equal(b.base_offset, 500);
    assert_int_equal(batch_last_offset(&b), 599);
    assert_int_equal(b.leader_epoch, 3);
    assert_int_equal(b.max_timestamp, 1099);
    assert_int_equal(batch_check_records(&r, &b, bytes, &err), 0);
    assert_int_equal(batch_reader_start(&r, &b, bytes, &err), 0);
    for (int i = 0; i < 100; i++) {
        struct event_header h;
        assert_int_equal(batch_reader_next(&r, &rec, &err), 1);
        assert_int_equal(rec.offset, 500 + i);
        assert_int_equal(rec.timestamp_ms, 1000 + i);
        assert_int_equal(rec.key.ptr != NULL, i % 3 != 0);
        struct str rest = rec.headers;
        for (int j = 0; j < i % 3; j++) {
            assert_true(record_header(&rest, &h));
            assert_int_equal(h.value.ptr == NULL, j == 1);
        }
        assert_false(record_header(&rest, &h));
    }
    assert_int_equal(batch_reader_next(&r, &rec, &err), 0);
    batch_reader_release(&r);
    batch_builder_release(&w);
}

static void every_flipped_bit_is_seen(void **state)
{
    (void)state;
    struct batch_builder w;
    struct batch b;
    batch_builder_init(&w);
    struct str bytes = make(&w, 20);
    char *copy = mem_alloc(bytes.len);
    for (size_t bit = 17 * 8; bit < bytes.len * 8; bit++) { /* all that the CRC covers, and itself */
        memcpy(copy, bytes.ptr, bytes.len);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        if (batch_read_header(str_of(copy, bytes.len), &b))
            assert_false(batch_crc_ok(&b, copy));
    }
    mem_free(copy);
    batch_builder_release(&w);
}

/* The batch with its records compressed by `codec`. */
static struct buf compress_batch(struct str plain, int codec, bool xerial)
{
    struct str body = str_from(plain, BATCH_HEADER);
    size_t cap = 2 * body.len + 1000, n = cap;
    char *to = mem_alloc(cap);
    struct buf out;
    buf_init(&out);
    if (codec == CODEC_GZIP) {
        z_stream z = {.next_in = (Bytef *)body.ptr, .avail_in = (uInt)body.len, .next_out = (Bytef *)to, .avail_out = (uInt)cap};
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        n = cap - z.avail_out;
        deflateEnd(&z);
    } else if (codec == CODEC_SNAPPY && !xerial) {
        assert_int_equal(snappy_compress(body.ptr, body.len, to, &n), SNAPPY_OK);
    } else if (codec == CODEC_SNAPPY) {
        memcpy(to, "\202SNAPPY\0\0\0\0\1\0\0\0\1", 16);
        n = 16;
        for (size_t at = 0; at < body.len; at += 100) {
            struct str part = str_sub(body, at, 100);
            size_t got = cap - n - 4;
            assert_int_equal(snappy_compress(part.ptr, part.len, to + n + 4, &got), SNAPPY_OK);
            be32_put(to + n, (uint32_t)got);
            n += 4 + got;
        }
    } else if (codec == CODEC_LZ4) {
        n = LZ4F_compressFrame(to, cap, body.ptr, body.len, NULL);
    } else {
        n = ZSTD_compress(to, cap, body.ptr, body.len, 3);
    }
    buf_add(&out, plain.ptr, BATCH_HEADER);
    buf_add(&out, to, n);
    mem_free(to);
    be32_put(out.ptr + 8, (uint32_t)(out.len - BATCH_PREFIX));
    be16_put(out.ptr + 21, (uint16_t)codec);
    be32_put(out.ptr + 17, crc32c(0, out.ptr + 21, out.len - 21));
    return out;
}

static void all_codecs_decode(void **state)
{
    (void)state;
    struct batch_builder w;
    struct batch_reader r;
    struct batch b;
    struct err err;
    batch_builder_init(&w);
    batch_reader_init(&r);
    struct str plain = make(&w, 300);
    for (int codec = CODEC_GZIP; codec < CODEC_COUNT; codec++)
        for (int xerial = 0; xerial <= (codec == CODEC_SNAPPY); xerial++) {
            struct buf c = compress_batch(plain, codec, xerial);
            assert_true(batch_read_header(buf_view(&c), &b) && batch_crc_ok(&b, c.ptr));
            if (batch_check_records(&r, &b, buf_view(&c), &err))
                fail_msg("%s: %s", codec_name(codec), err.msg);
            /* Cut and damaged data is refused, never read past. */
            for (size_t n = BATCH_HEADER; n < c.len; n += 7) {
                struct batch cut = b;
                cut.size = (int32_t)n;
                assert_int_equal(batch_check_records(&r, &cut, str_of(c.ptr, n), &err), -1);
            }
            for (size_t at = BATCH_HEADER; at < c.len; at += 3) {
                c.ptr[at] = (char)(c.ptr[at] ^ 0x55);
                int rc = batch_check_records(&r, &b, buf_view(&c), &err); /* may even be good; must return */
                assert_in_range(rc + 1, 0, 1);
                c.ptr[at] = (char)(c.ptr[at] ^ 0x55);
            }
            buf_release(&c);
        }
    batch_reader_release(&r);
    batch_builder_release(&w);
}

static void bombs_are_refused(void **state)
{
    (void)state;
    size_t n = 8 << 20, cap = ZSTD_compressBound(n);
    char *zeros = mem_alloc(n), *small = mem_alloc(cap);
    struct buf out;
    struct err err;
    size_t got = ZSTD_compress(small, cap, zeros, n, 3);
    buf_init(&out);
    assert_int_equal(codec_inflate(CODEC_ZSTD, str_of(small, got), &out, 1 << 20, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&out);
    mem_free(zeros);
    mem_free(small);
}

/* ------------------------------------------------------------------ producers */

static struct batch of(int64_t id, int16_t epoch, int32_t sequence, int32_t count, int64_t offset)
{
    return (struct batch){.producer_id = id, .producer_epoch = epoch, .base_sequence = sequence, .count = count,
                          .last_offset_delta = count - 1, .base_offset = offset};
}

static enum kerr check(struct producers *p, struct batch b, int64_t *offset)
{
    *offset = -2;
    return producers_check(p, &b, offset);
}

static void sequences(void **state)
{
    (void)state;
    struct producers *p = producers_new();
    int64_t at;
    struct batch b = of(9, 0, 0, 10, 100);
    assert_int_equal(check(p, of(-1, -1, -1, 1, 0), &at), KERR_NONE);
    assert_int_equal(check(p, of(9, 0, 77, 1, 0), &at), KERR_NONE); /* unknown: may start anywhere */
    producers_note(p, &b, 1);
    assert_int_equal(check(p, b, &at), KERR_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(at, 100);
    assert_int_equal(check(p, of(9, 0, 10, 1, 0), &at), KERR_NONE);
    assert_int_equal(check(p, of(9, 0, 11, 1, 0), &at), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(p, of(9, 0, 5, 5, 0), &at), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(p, of(9, 1, 0, 1, 0), &at), KERR_NONE);
    assert_int_equal(check(p, of(9, 1, 3, 1, 0), &at), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    b = of(9, 1, 0, 1, 110);
    producers_note(p, &b, 1);
    assert_int_equal(check(p, of(9, 0, 10, 1, 0), &at), KERR_INVALID_PRODUCER_EPOCH);
    for (int i = 0; i < 6; i++) {
        b = of(9, 1, 1 + i, 1, 111 + i);
        producers_note(p, &b, 1);
    }
    assert_int_equal(check(p, of(9, 1, 2, 1, 0), &at), KERR_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(at, 112);
    assert_int_equal(check(p, of(9, 1, 1, 1, 0), &at), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER); /* out of the window */
    b = of(10, 0, INT32_MAX - 1, 2, 200);
    producers_note(p, &b, 1);
    assert_int_equal(check(p, of(10, 0, 0, 1, 0), &at), KERR_NONE); /* after 2^31-1 comes 0 */
    b = of(11, 0, INT32_MAX, 3, 300);
    producers_note(p, &b, 1);
    assert_int_equal(check(p, of(11, 0, 2, 1, 0), &at), KERR_NONE); /* wrapped inside a batch */
    producers_free(p);
}

static void named_producers(void **state)
{
    (void)state;
    struct producers *p = producers_new(), *q = producers_new();
    int64_t id = producer_named_id(STR("outbox")), at;
    static const int64_t numbers[] = {0, 1, 5, INT32_MAX, (int64_t)INT32_MAX + 1, PRODUCER_MAX_NUMBER};
    assert_true(id & PRODUCER_NAMED && id > 0);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct batch b = of(id, producer_number_epoch(numbers[i]), producer_number_sequence(numbers[i]), 3, (int64_t)i * 10);
        assert_int_equal(check(p, b, &at), KERR_NONE);
        producers_note(p, &b, 1);
        assert_int_equal(check(p, b, &at), KERR_DUPLICATE_SEQUENCE_NUMBER);
        assert_int_equal(at, i * 10);
        for (size_t j = 0; j < i; j++)
            assert_int_equal(check(p, of(id, producer_number_epoch(numbers[j]), producer_number_sequence(numbers[j]), 9, 0), &at),
                             KERR_DUPLICATE_SEQUENCE_NUMBER);
    }
    struct batch other = of(12, 0, 0, 1, 0);
    producers_note(p, &other, 1);
    producers_expire(p, 2 + PRODUCER_EXPIRY_MS);
    assert_int_equal(producers_count(p), 1); /* the named one stays */
    struct buf b;
    buf_init(&b);
    producers_save(p, &b);
    for (size_t cut = 0; cut < b.len; cut++) {
        assert_false(producers_load(q, str_of(b.ptr, cut)));
        assert_int_equal(producers_count(q), 0);
    }
    assert_true(producers_load(q, buf_view(&b)));
    assert_int_equal(check(q, of(id, 0, 5, 1, 0), &at), KERR_DUPLICATE_SEQUENCE_NUMBER);
    buf_release(&b);
    producers_free(p);
    producers_free(q);
}

/* ------------------------------------------------------------------ the index */

static void index_finds_what_a_scan_finds(void **state)
{
    (void)state;
    struct seg_index ix = {0}, again = {0};
    struct buf o, t;
    struct err err;
    uint32_t pos = 0, offset = 0;
    buf_init(&o);
    buf_init(&t);
    for (int i = 0; i < 3000; i++) {
        seg_index_add(&ix, offset, pos, i / 2 * 2, false);
        offset += 1 + (uint32_t)i % 7;
        pos += 61 + (uint32_t)(i * 7919) % 2000;
    }
    assert_true(ix.count > 100);
    for (uint32_t want = 0; want < offset; want += 13) {
        uint32_t best = 0;
        for (size_t i = 0; i < ix.count && ix.items[i].offset_rel <= want; i++)
            best = ix.items[i].pos;
        assert_int_equal(seg_index_find(&ix, want), best);
    }
    for (int64_t ts = -1; ts < 3005; ts += 7) {
        uint32_t best = 0;
        for (size_t i = 0; i < ix.count && ix.items[i].max_ts < ts; i++)
            best = ix.items[i].pos;
        assert_int_equal(seg_index_find_time(&ix, ts), best);
    }
    seg_index_save(&ix, &o, &t);
    assert_int_equal(seg_index_load(&again, buf_view(&o), buf_view(&t), pos, &err), 0);
    assert_int_equal(again.count, ix.count);
    assert_memory_equal(again.items, ix.items, ix.count * sizeof *ix.items);
    seg_index_release(&again);
    assert_int_equal(seg_index_load(&again, buf_view(&o), str_of(t.ptr, t.len - SEG_TIME_BYTES), pos, &err), -1);
    assert_int_equal(seg_index_load(&again, str_of(o.ptr, o.len - 3), buf_view(&t), pos, &err), -1);
    assert_int_equal(seg_index_load(&again, buf_view(&o), buf_view(&t), ix.items[ix.count - 1].pos, &err), -1);
    be32_put(o.ptr + 4 * SEG_OFFSET_BYTES, 0);
    assert_int_equal(seg_index_load(&again, buf_view(&o), buf_view(&t), pos, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    buf_release(&o);
    buf_release(&t);
    seg_index_release(&ix);
}

/* Kafka's own vectors (org.apache.kafka.common.utils.UtilsTest: murmur2). */
static void keys_go_where_kafka_sends_them(void **state)
{
    (void)state;
    static const struct { const char *key; int32_t hash; } cases[] = {
        {"21", -973932308}, {"foobar", -790332482}, {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829}, {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(hub_partition_of_key(str_z(cases[i].key), 97), (cases[i].hash & INT32_MAX) % 97);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_round_trip), cmocka_unit_test(bytes_in_place), cmocka_unit_test(array_counts_are_bounded), cmocka_unit_test(batch_round_trip),
        cmocka_unit_test(every_flipped_bit_is_seen), cmocka_unit_test(all_codecs_decode), cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(sequences), cmocka_unit_test(named_producers), cmocka_unit_test(index_finds_what_a_scan_finds),
        cmocka_unit_test(keys_go_where_kafka_sends_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
