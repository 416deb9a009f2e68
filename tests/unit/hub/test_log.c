/* hub: a partition's log. Appends, reads, segments, recovery from every torn end, power cuts, retention. */
#include "one_log.h"
#include <sys/wait.h>
#include <unistd.h>

static int setup(void **state)
{
    (void)state;
    return one_log_setup(4000);
}

/* A batch of `n` records whose values are their numbers from `first` on. */
static enum kerr append(struct plog *log, int64_t first, int n, int64_t ts, int64_t producer, int32_t sequence, int64_t *offset)
{
    struct batch b;
    char value[24];
    batch_begin(&builder);
    for (int i = 0; i < n; i++) {
        snprintf(value, sizeof value, "%jd", (intmax_t)(first + i));
        batch_add(&builder, ts + i, STR_NONE, str_z(value), NULL, 0);
    }
    struct str bytes = batch_finish(&builder, producer, producer < 0 ? -1 : 0, sequence);
    assert_true(batch_read_header(bytes, &b));
    return plog_append(log, &b, bytes.ptr, ts, offset);
}

static int flush(struct plog *log)
{
    struct plog_flush f;
    if (!plog_has_staged(log))
        return 0;
    plog_stage_take(log, &f);
    plog_flush_write(&f);
    plog_flush_sync(&f);
    int failed = f.failed;
    plog_flushed(&f, 0);
    return failed;
}

/* Every record must be its own offset's number; returns how many there are from `from` on. */
static int64_t read_all(struct plog *log, int64_t from, size_t max)
{
    struct batch_reader r;
    struct batch b;
    struct record rec;
    struct err err;
    struct buf bytes;
    int64_t next = from, got;
    batch_reader_init(&r);
    buf_init(&bytes);
    while (next < log->high_watermark) {
        buf_clear(&bytes);
        got = plog_read(log, next, max, true, &bytes, &err);
        assert_true(got > 0);
        struct str rest = buf_view(&bytes);
        while (batch_read_header(rest, &b)) {
            assert_true(batch_crc_ok(&b, rest.ptr));
            assert_true(batch_last_offset(&b) >= next);
            assert_int_equal(batch_reader_start(&r, &b, rest, &err), 0);
            while (batch_reader_next(&r, &rec, &err) == 1) {
                int64_t n;
                assert_true(str_i64(rec.value, &n));
                assert_int_equal(n, rec.offset);
            }
            next = batch_last_offset(&b) + 1;
            rest = str_from(rest, (size_t)b.size);
        }
        assert_int_equal(rest.len, 0);
    }
    buf_release(&bytes);
    batch_reader_release(&r);
    return next - from;
}

static void fill(struct plog *log, int batches)
{
    for (int i = 0; i < batches; i++) {
        int64_t offset, first = log->next_offset;
        assert_int_equal(append(log, first, 1 + i % 5, 1000 + i * 10, -1, -1, &offset), KERR_NONE);
        assert_int_equal(offset, first);
        if (i % 3 == 0)
            assert_int_equal(flush(log), 0);
    }
    assert_int_equal(flush(log), 0);
}

static void appends_are_read_back(void **state)
{
    (void)state;
    struct plog *log = open_log();
    int64_t offset;
    assert_int_equal(append(log, 0, 3, 1, -1, -1, &offset), KERR_NONE);
    assert_int_equal(log->high_watermark, 0); /* staged is not visible */
    assert_int_equal(flush(log), 0);
    assert_int_equal(log->high_watermark, 3);
    fill(log, 200);
    assert_true(log->seg_count > 3);
    int64_t end = log->high_watermark;
    for (int64_t from = 0; from < end; from += 7) /* also from the middle of a batch */
        assert_int_equal(read_all(log, from, 1), end - from);
    assert_int_equal(read_all(log, 0, 1 << 20), end);
    plog_close(log, true);
    log = open_log();
    assert_int_equal(log->high_watermark, end);
    assert_int_equal(read_all(log, 0, 300), end);
    fill(log, 20);
    plog_close(log, false);
    log = open_log();
    assert_int_equal(read_all(log, 0, 5000), log->high_watermark);
    assert_true(log->high_watermark > end);
    plog_close(log, false);
}

static void refusals_change_nothing(void **state)
{
    (void)state;
    struct plog *log = open_log();
    int64_t offset;
    fill(log, 5);
    int64_t end = log->next_offset;
    cfg.max_batch_bytes = 100;
    assert_int_equal(append(log, end, 20, 1, -1, -1, &offset), KERR_MESSAGE_TOO_LARGE);
    cfg.max_batch_bytes = 1 << 20;
    assert_int_equal(append(log, end, 1, 1, 5, 0, &offset), KERR_NONE);
    assert_int_equal(append(log, end, 1, 1, 5, 7, &offset), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(append(log, end, 1, 1, 5, 0, &offset), KERR_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(offset, end);
    assert_int_equal(flush(log), 0);
    assert_int_equal(log->high_watermark, end + 1);
    plog_close(log, false);
}

static char *tail_path(struct plog *log)
{
    return mem_strdup(log->segs[log->seg_count - 1]->path);
}

static void write_bytes(const char *path, struct str bytes)
{
    struct err err;
    int fd = fs_open(path, FS_WRITE | FS_CREATE | FS_TRUNC, &err);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, bytes.ptr, bytes.len, &err), 0);
    fs_close(fd);
}

/* Cuts the tail at every length: what is whole before the cut stays, offsets go on behind it. */
static void every_torn_end_is_cut_off(void **state)
{
    (void)state;
    struct err err;
    struct buf whole;
    log_set_level(LOG_ERROR);
    cfg.segment_bytes = 1500;
    struct plog *log = open_log();
    fill(log, 30);
    char *path = tail_path(log);
    int64_t base = log->segs[log->seg_count - 1]->base;
    plog_close(log, false);
    buf_init(&whole);
    assert_int_equal(fs_read_file(path, 1 << 20, &whole, &err), 0);
    int64_t before = -1;
    for (size_t cut = 0; cut <= whole.len; cut++) {
        write_bytes(path, str_of(whole.ptr, cut));
        log = open_log();
        assert_true(log->high_watermark >= base && log->high_watermark >= before);
        assert_int_equal(read_all(log, 0, 1 << 20), log->high_watermark);
        before = log->high_watermark;
        plog_close(log, cut % 2);
    }
    for (size_t bit = 0; bit < whole.len * 8; bit += 5) { /* and flips bits: a good prefix stays */
        char kept = whole.ptr[bit / 8];
        whole.ptr[bit / 8] = (char)(kept ^ 1 << bit % 8);
        write_bytes(path, buf_view(&whole));
        log = open_log();
        assert_true(log->high_watermark >= base && log->high_watermark <= before);
        plog_close(log, false);
        whole.ptr[bit / 8] = kept;
    }
    mem_free(path);
    buf_release(&whole);
    log_set_level(LOG_INFO);
}

static void producers_survive(void **state)
{
    (void)state;
    int64_t offset;
    for (int round = 0; round < 8; round++) {
        struct plog *log = open_log();
        int64_t first = log->next_offset;
        if (round) { /* what was sent before is known, and the next in line is good */
            assert_int_equal(append(log, 0, 2, 1, 42, 2 * (round * 40 - 1), &offset), KERR_DUPLICATE_SEQUENCE_NUMBER);
            assert_int_equal(offset, first - 2);
            assert_int_equal(append(log, first, 2, 1, 42, 2 * (round * 40 + 1), &offset), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
        for (int i = 0; i < 40; i++) {
            assert_int_equal(append(log, log->next_offset, 2, 1, 42, 2 * (round * 40 + i), &offset), KERR_NONE);
            if (i % 4 == 3)
                assert_int_equal(flush(log), 0);
        }
        assert_true(log->seg_count > 1 || round == 0);
        plog_close(log, round % 2);
    }
    /* Without any snapshot the log itself tells. */
    struct arena *a = arena_new();
    struct err err;
    char **names;
    int64_t n = fs_list(a, dir, &names, &err);
    for (int64_t i = 0; i < n; i++)
        if (str_ends_z(str_z(names[i]), ".snapshot"))
            assert_int_equal(fs_unlink(path_join(a, dir, names[i]), &err), 0);
    arena_free(a);
    struct plog *log = open_log();
    assert_int_equal(append(log, 0, 2, 1, 42, 2 * (8 * 40 - 1), &offset), KERR_DUPLICATE_SEQUENCE_NUMBER);
    plog_close(log, false);
}

/* A child appends and flushes until the n-th file call takes the process down, unsynced bytes lost or
 * torn as in a power cut. It tells through a pipe what is acknowledged; all of that must be there. From the
 * page cache it is only after a crash of the process; after one of the machine what is there is whole. */
static void cuts(bool page_cache)
{
    struct err err;
    cfg.page_cache = page_cache;
    log_set_level(LOG_ERROR);
    int cut = 0;
    for (int kind = FS_FAULT_EXIT; kind <= FS_FAULT_TEAR; kind++)
        for (int nth = 1; nth < 60; nth++) {
            int ends[2], status;
            assert_int_equal(pipe(ends), 0);
            pid_t pid = fork();
            if (pid == 0) {
                struct fs_fault f = {.kind = (enum fs_fault_kind)kind, .nth = nth, .path_part = dir};
                int64_t offset;
                cfg.segment_bytes = 600;
                fs_fault_set(&f);
                struct plog *log = plog_open(dir, "test/log-0", &cfg, 1 + nth, &err);
                for (int i = 0; log && i < 20; i++) {
                    if (append(log, log->next_offset, 2, i, 7, 2 * i, &offset) || (i % 2 && flush(log)))
                        _exit(1);
                    if (i % 2 && write(ends[1], &log->high_watermark, sizeof log->high_watermark) != sizeof log->high_watermark)
                        _exit(1);
                }
                _exit(0);
            }
            close(ends[1]);
            int64_t acked = 0, n;
            while (read(ends[0], &n, sizeof n) == sizeof n)
                acked = n;
            close(ends[0]);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == FS_FAULT_EXIT_STATUS || WEXITSTATUS(status) == 0));
            cut += WEXITSTATUS(status) == FS_FAULT_EXIT_STATUS;
            struct plog *log = open_log();
            assert_true(log->high_watermark >= acked || (page_cache && kind != FS_FAULT_EXIT));
            assert_int_equal(read_all(log, 0, 1 << 20), log->high_watermark);
            plog_close(log, false);
            assert_int_equal(fs_remove_tree(dir, &err), 0);
        }
    assert_true(cut > 60);
    log_set_level(LOG_INFO);
}

static void power_cuts_lose_nothing_acknowledged(void **state)
{
    (void)state;
    cuts(false);
}

static void a_crash_loses_nothing_of_the_page_cache(void **state)
{
    (void)state;
    cuts(true);
}

static void the_page_cache_costs_no_sync(void **state)
{
    (void)state;
    int64_t offset;
    cfg.page_cache = true;
    cfg.segment_bytes = 1 << 20;
    struct plog *log = open_log();
    fill(log, 3);
    fs_fault_set(&(struct fs_fault){.kind = FS_FAULT_FAIL, .nth = 2, .path_part = dir}); /* the second call would be the sync */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(append(log, log->next_offset, 1, 1, -1, -1, &offset), KERR_NONE);
        assert_int_equal(flush(log), i ? -1 : 0);
        assert_int_equal(fs_fault_calls(), i + 1);
    }
    fs_fault_set(NULL);
    plog_close(log, false);
}

static void a_failed_sync_is_never_acknowledged(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR + 0);
    for (int nth = 1; nth <= 2; nth++)
        for (int kind = FS_FAULT_FAIL; kind <= FS_FAULT_SHORT; kind++) {
            struct err err;
            int64_t offset;
            struct plog *log = open_log();
            fill(log, 3);
            int64_t end = log->high_watermark;
            fs_fault_set(&(struct fs_fault){.kind = (enum fs_fault_kind)kind, .nth = nth, .path_part = dir}); /* 1 write, 2 sync */
            assert_int_equal(append(log, end, 1, 1, -1, -1, &offset), KERR_NONE);
            assert_int_equal(flush(log), -1);
            fs_fault_set(NULL);
            assert_int_equal(log->high_watermark, end);
            assert_true(log->offline);
            assert_int_equal(append(log, end, 1, 1, -1, -1, &offset), KERR_KAFKA_STORAGE_ERROR);
            plog_close(log, true);
            log = open_log(); /* the written but unsynced batch may be there; it is whole then */
            assert_true(log->high_watermark >= end);
            assert_int_equal(read_all(log, 0, 1 << 20), log->high_watermark);
            plog_close(log, false);
            assert_int_equal(fs_remove_tree(dir, &err), 0);
        }
    log_set_level(LOG_INFO);
}

static void times_are_found(void **state)
{
    (void)state;
    struct err err;
    struct plog *log = open_log();
    fill(log, 100); /* batch i: 1 + i % 5 records at 1000 + 10 i, + 1 each */
    for (int again = 0; again < 2; again++) {
        int64_t offset, ts, at = 0;
        for (int i = 0; i < 100; i++) {
            for (int j = 0; j < 1 + i % 5; j++) {
                assert_int_equal(plog_offset_of_time(log, 1000 + i * 10 + j, &offset, &ts, &err), 0);
                assert_int_equal(offset, at);
                assert_int_equal(ts, 1000 + i * 10 + j);
                at++;
            }
        }
        assert_int_equal(plog_offset_of_time(log, 999999, &offset, &ts, &err), 0);
        assert_int_equal(offset, -1);
        assert_int_equal(plog_offset_of_time(log, 0, &offset, &ts, &err), 0);
        assert_int_equal(offset, 0);
        plog_max_time(log, &offset, &ts);
        assert_int_equal(ts, 1000 + 99 * 10 + 4);
        plog_close(log, true); /* again from the index files */
        log = open_log();
    }
    plog_close(log, false);
}

static void retention_and_deletion(void **state)
{
    (void)state;
    struct err err;
    struct plog *log = open_log();
    fill(log, 300);
    int64_t end = log->high_watermark;
    struct seg *pinned = log->segs[0];
    char byte;
    seg_ref(pinned);
    cfg.retention_bytes = 8000;
    assert_true(plog_retain(log, 5000) > 0);
    assert_true(plog_size(log) >= 8000 && plog_size(log) < 8000 + 4100);
    assert_int_equal(log->start_offset, log->segs[0]->base);
    assert_int_equal(read_all(log, log->start_offset, 1 << 20), end - log->start_offset);
    assert_false(fs_exists(pinned->path));
    assert_int_equal(fs_pread(pinned->fd, &byte, 1, 0, &err), 1); /* a reader's segment stays readable */
    seg_unref(pinned);
    cfg.retention_bytes = -1;
    cfg.retention_ms = 100;
    assert_true(plog_retain(log, 1000 + 299 * 10 + 50) > 0);
    assert_int_equal(plog_retain(log, 1000 + 299 * 10 + 50), 0);
    int64_t to = end - 2;
    assert_int_equal(plog_delete_before(log, to, &err), 0);
    assert_int_equal(log->start_offset, to);
    plog_close(log, false);
    log = open_log();
    assert_int_equal(log->start_offset, to);
    assert_int_equal(log->high_watermark, end);
    assert_int_equal(read_all(log, to, 1 << 20), 2);
    plog_close(log, false);
}

static void given_offsets_are_not_given_again(void **state)
{
    (void)state;
    int64_t offset;
    struct plog *log = open_log();
    log_set_level(LOG_ERROR);
    fill(log, 3);
    plog_skip_to(log, 1000);
    log_set_level(LOG_INFO);
    assert_int_equal(log->high_watermark, 1000);
    assert_int_equal(append(log, 1000, 2, 1, -1, -1, &offset), KERR_NONE);
    assert_int_equal(offset, 1000);
    assert_int_equal(flush(log), 0);
    assert_int_equal(read_all(log, 500, 1 << 20), 502); /* a read in the gap meets what follows it */
    plog_close(log, false);
    log = open_log();
    assert_int_equal(log->high_watermark, 1002);
    plog_close(log, false);
}

static void epochs_tell_where_a_run_ended(void **state)
{
    (void)state;
    int64_t ends[4], end;
    int32_t found;
    for (int i = 0; i < 4; i++) { /* epochs 1 to 4 */
        struct plog *log = open_log();
        fill(log, 10);
        ends[i] = log->high_watermark;
        plog_close(log, false);
    }
    struct plog *log = open_log(); /* epoch 5 appends nothing */
    for (int i = 0; i < 4; i++) {
        plog_epoch_end(log, i + 1, &found, &end);
        assert_int_equal(found, i + 1);
        assert_int_equal(end, ends[i]);
    }
    plog_epoch_end(log, 99, &found, &end);
    assert_int_equal(end, -1);
    plog_close(log, false);
}

static void append_time_is_the_hubs(void **state)
{
    (void)state;
    struct err err;
    int64_t offset, ts;
    cfg.append_time = true;
    struct plog *log = open_log();
    assert_int_equal(append(log, 0, 3, 77, -1, -1, &offset), KERR_NONE); /* the test's clock is `ts` too */
    assert_int_equal(flush(log), 0);
    assert_int_equal(plog_offset_of_time(log, 77, &offset, &ts, &err), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(ts, 77);
    assert_int_equal(read_all(log, 0, 1000), 3); /* with a good CRC */
    plog_close(log, false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(appends_are_read_back), TEST(refusals_change_nothing), TEST(every_torn_end_is_cut_off), TEST(producers_survive),
        TEST(power_cuts_lose_nothing_acknowledged), TEST(a_crash_loses_nothing_of_the_page_cache), TEST(the_page_cache_costs_no_sync),
        TEST(a_failed_sync_is_never_acknowledged), TEST(times_are_found),
        TEST(retention_and_deletion), TEST(given_offsets_are_not_given_again), TEST(epochs_tell_where_a_run_ended),
        TEST(append_time_is_the_hubs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
