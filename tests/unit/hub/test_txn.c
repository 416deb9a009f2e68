/* hub: transactions in a partition's log: what is open, what was aborted, what is stable, over every way to reopen. */
#include "one_log.h"
#include <unistd.h>

enum { ABORT, COMMIT };

static int setup(void **state)
{
    (void)state;
    return one_log_setup(1000);
}

static enum kerr add(struct plog *log, struct str bytes, int64_t *offset)
{
    struct batch b;
    assert_true(batch_read_header(bytes, &b));
    return plog_append(log, &b, bytes.ptr, 1000, offset);
}

static enum kerr data(struct plog *log, int64_t producer, int16_t producer_epoch, int32_t sequence, bool in_txn, int64_t *offset)
{
    batch_begin(&builder);
    for (int i = 0; i < 2; i++)
        batch_add(&builder, 1000, STR("k"), STR("value"), NULL, 0);
    return add(log, batch_finish_as(&builder, in_txn ? BATCH_TRANSACTIONAL : 0, producer, producer_epoch, sequence), offset);
}

static int64_t marker(struct plog *log, int64_t producer, int16_t producer_epoch, int commit)
{
    int64_t offset;
    assert_int_equal(add(log, batch_marker(&builder, producer, producer_epoch, commit, 3, 1000), &offset), KERR_NONE);
    return offset;
}

static void flush(struct plog *log)
{
    struct plog_flush f;
    if (!plog_has_staged(log))
        return;
    plog_stage_take(log, &f);
    assert_int_equal(plog_flush_write(&f), 0);
    assert_int_equal(plog_flush_sync(&f), 0);
    plog_flushed(&f, 0);
}

/* The aborted transactions from `from` to `to` as "producer first last; …". */
static const char *aborted(struct plog *log, int64_t from, int64_t to)
{
    static char text[4000];
    struct txn_aborts a = {0};
    struct err err;
    assert_int_equal(plog_aborted(log, from, to, &a, &err), 0);
    text[0] = 0;
    for (size_t i = 0; i < a.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%jd %jd %jd;", (intmax_t)a.items[i].producer_id,
                 (intmax_t)a.items[i].first, (intmax_t)a.items[i].last);
    txn_aborts_release(&a);
    return text;
}

static void an_open_transaction_holds_the_stable_offset(void **state)
{
    (void)state;
    int64_t at;
    struct plog *log = open_log();
    assert_int_equal(data(log, -1, -1, -1, false, &at), KERR_NONE); /* 0, 1 */
    assert_int_equal(data(log, 7, 0, 0, true, &at), KERR_NONE);     /* 2, 3 */
    assert_int_equal(data(log, 8, 0, 0, true, &at), KERR_NONE);     /* 4, 5 */
    flush(log);
    assert_int_equal(log->high_watermark, 6);
    assert_int_equal(plog_stable_offset(log), 2);
    assert_int_equal(data(log, 7, 0, 2, false, &at), KERR_INVALID_TXN_STATE);
    assert_int_equal(marker(log, 7, 0, COMMIT), 6);
    assert_int_equal(plog_stable_offset(log), 2); /* the marker is not durable */
    flush(log);
    assert_int_equal(plog_stable_offset(log), 4);
    assert_int_equal(marker(log, 8, 1, ABORT), 7); /* fenced by a higher epoch */
    flush(log);
    assert_int_equal(plog_stable_offset(log), 8);
    assert_string_equal(aborted(log, 0, 8), "8 4 7;");
    assert_string_equal(aborted(log, 0, 4), "");
    assert_int_equal(data(log, 8, 0, 2, true, &at), KERR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(data(log, 8, 1, 2, true, &at), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(data(log, 8, 1, 0, true, &at), KERR_NONE);
    assert_int_equal(data(log, 7, 0, 2, true, &at), KERR_NONE); /* goes on with its sequences */
    flush(log);
    assert_int_equal(plog_stable_offset(log), 8);
    plog_close(log, false);
}

/* A log of many segments with transactions across them, and the same answers after every kind of reopening. */
static void the_same_after_a_restart(void **state)
{
    (void)state;
    int64_t at;
    struct err err;
    char all[4000], part[4000];
    struct plog *log = open_log();
    int32_t sequence = 0;
    assert_int_equal(data(log, 99, 0, 0, true, &at), KERR_NONE); /* open for long, then aborted */
    for (int i = 0; i < 60; i++) {
        for (int j = 0; j < 3; j++, sequence += 2)
            assert_int_equal(data(log, 5, 0, sequence, true, &at), KERR_NONE);
        marker(log, 5, 0, i % 3 ? COMMIT : ABORT);
        if (i == 40)
            marker(log, 99, 0, ABORT);
        if (i % 2)
            flush(log);
    }
    assert_int_equal(data(log, 5, 0, sequence, true, &at), KERR_NONE);
    int64_t open_at = at;
    flush(log);
    assert_true(log->seg_count > 10);
    int64_t end = log->high_watermark, middle = log->segs[log->seg_count / 2]->base;
    assert_int_equal(plog_stable_offset(log), open_at);
    for (int64_t from = 0; from < end; from++) { /* a read never ends behind what is said of it */
        struct buf out;
        struct batch b = {0};
        buf_init(&out);
        assert_true(plog_read(log, from, 1 << 20, true, &out, &err) > 0);
        for (struct str rest = buf_view(&out); batch_read_header(rest, &b); rest = str_from(rest, (size_t)b.size))
            assert_true(batch_last_offset(&b) < plog_read_bound(log, from));
        buf_release(&out);
    }
    strcpy(all, aborted(log, 0, end));
    strcpy(part, aborted(log, 3, middle));
    assert_true(strlen(part) > 0 && strlen(part) < strlen(all));
    for (int round = 0; round < 6; round++) {
        plog_close(log, round % 2);
        if (round >= 2) { /* and without the hints, with damaged ones */
            struct arena *a = arena_new();
            char **names;
            int64_t n = fs_list(a, dir, &names, &err);
            for (int64_t i = 0; i < n; i++)
                if (str_ends_z(str_z(names[i]), ".txns")) {
                    char *path = path_join(a, dir, names[i]);
                    assert_int_equal(round < 4 ? fs_unlink(path, &err) : fs_write_file(path, STR("PSTXNS01 no"), &err), 0);
                }
            arena_free(a);
        }
        log = open_log();
        assert_int_equal(plog_stable_offset(log), open_at);
        assert_string_equal(aborted(log, 3, middle), part);
        assert_string_equal(aborted(log, 0, end), all);
        struct producer_state p;
        assert_true(producers_get(log->producers, 5, &p));
        assert_int_equal(p.txn_first, open_at);
        assert_int_equal(p.last_sequence, sequence + 1);
        assert_int_equal(p.coordinator_epoch, 3);
    }
    marker(log, 5, 1, ABORT);
    flush(log);
    plog_close(log, false);
    log = open_log();
    assert_int_equal(plog_stable_offset(log), log->high_watermark);
    plog_close(log, true);
}

static void reads_stop_before_what_is_open(void **state)
{
    (void)state;
    int64_t at;
    struct err err;
    struct buf out;
    struct batch b;
    struct plog *log = open_log();
    for (int i = 0; i < 30; i++)
        assert_int_equal(data(log, -1, -1, -1, false, &at), KERR_NONE);
    assert_int_equal(data(log, 4, 0, 0, true, &at), KERR_NONE);
    for (int i = 0; i < 30; i++)
        assert_int_equal(data(log, -1, -1, -1, false, &at), KERR_NONE);
    flush(log);
    buf_init(&out);
    int64_t stable = plog_stable_offset(log), next = 0;
    assert_int_equal(stable, 60);
    while (next < stable) {
        buf_clear(&out);
        int64_t got = plog_read_to(log, next, stable, 400, true, &out, &err);
        assert_true(got > 0);
        for (struct str rest = buf_view(&out); batch_read_header(rest, &b); rest = str_from(rest, (size_t)b.size))
            next = batch_last_offset(&b) + 1;
    }
    assert_int_equal(next, stable);
    assert_int_equal(plog_read_to(log, stable, stable, 400, true, &out, &err), 0);
    assert_true(plog_bytes_between(log, 0, stable) > 0);
    assert_int_equal(plog_bytes_between(log, stable, stable), 0);
    buf_release(&out);
    plog_close(log, false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(an_open_transaction_holds_the_stable_offset), TEST(the_same_after_a_restart),
                                       TEST(reads_stop_before_what_is_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
