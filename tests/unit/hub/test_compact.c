/* hub: compaction by key against a model: what stays, where, in which codec; transactions, tombstones, a small table, crashes. */
#include "one_log.h"
#include "hub/compact.h"
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 20, MOST = 4000, TINY_MAP = 1, DAY = 86400000 };

static uint64_t seed;

/* What was appended, by offset. */
static struct { bool there, control, aborted; int key; int64_t value; } model[MOST];

static uint32_t pick(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static int setup(void **state)
{
    (void)state;
    seed = 7;
    memset(model, 0, sizeof model);
    int rc = one_log_setup(3000);
    cfg.compact = cfg.keep = true;
    cfg.delete_retention_ms = DAY;
    cfg.min_dirty_permille = 500;
    return rc;
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

/* The same batch with its records compressed. */
static struct str packed(struct str bytes, int codec, struct buf *out)
{
    struct err err;
    if (!codec)
        return bytes;
    buf_clear(out);
    buf_add(out, bytes.ptr, BATCH_HEADER);
    assert_int_equal(codec_deflate(codec, str_from(bytes, BATCH_HEADER), out, &err), 0);
    be32_put(out->ptr + 8, (uint32_t)(out->len - BATCH_PREFIX));
    be16_put(out->ptr + 21, (uint16_t)(be16_get(out->ptr + 21) | codec));
    be32_put(out->ptr + 17, crc32c(0, out->ptr + 21, out->len - 21));
    return buf_view(out);
}

static int64_t append(struct plog *log, int n, int64_t producer, int32_t sequence, int codec)
{
    struct batch b;
    struct buf out;
    char key[24], value[24];
    int64_t at = log->next_offset, offset;
    buf_init(&out);
    batch_begin(&builder);
    for (int i = 0; i < n; i++) {
        int k = (int)pick(KEYS);
        bool tombstone = pick(8) == 0;
        model[at + i].there = true;
        model[at + i].key = k;
        model[at + i].value = tombstone ? -1 : at + i;
        snprintf(key, sizeof key, "key %d", k);
        snprintf(value, sizeof value, "%jd", (intmax_t)(at + i));
        struct event_header h = {STR("h"), STR("x")};
        batch_add(&builder, 1000 + at + i, str_z(key), tombstone ? STR_NONE : str_z(value), &h, 1);
    }
    struct str bytes = packed(batch_finish_as(&builder, producer >= 0 ? BATCH_TRANSACTIONAL : 0, producer, producer >= 0 ? 0 : -1, sequence), codec, &out);
    assert_true(batch_read_header(bytes, &b));
    assert_int_equal(plog_append(log, &b, bytes.ptr, 1000 + at, &offset), KERR_NONE);
    assert_int_equal(offset, at);
    buf_release(&out);
    return at;
}

static void end_txn(struct plog *log, int64_t producer, bool commit, int64_t first)
{
    struct batch b;
    int64_t offset;
    struct str bytes = batch_marker(&builder, producer, 0, commit, 0, 1000 + log->next_offset);
    assert_true(batch_read_header(bytes, &b));
    assert_int_equal(plog_append(log, &b, bytes.ptr, 1000, &offset), KERR_NONE);
    model[offset].there = model[offset].control = true;
    for (int64_t i = first; i < offset && !commit; i++)
        model[i].aborted = true;
}

/* Plain batches in every codec, and transactions one after the other. */
static void fill(struct plog *log, int rounds, bool with_txns)
{
    static int32_t sequence;
    for (int i = 0; i < rounds; i++) {
        append(log, 1 + (int)pick(6), -1, -1, (int)pick(CODEC_COUNT));
        if (with_txns && pick(3) == 0) {
            int n = 1 + (int)pick(3);
            int64_t first = append(log, n, 9, sequence, CODEC_NONE);
            sequence += n;
            end_txn(log, 9, pick(2), first);
        }
        if (pick(3) == 0)
            flush(log);
    }
    flush(log);
    sequence = with_txns ? sequence : 0;
}

static int compact(struct plog *log, int64_t now_ms, size_t map_bytes)
{
    struct err err;
    struct plog_compaction *c = plog_compact_start(log, now_ms, map_bytes, &err);
    assert_non_null(c);
    plog_compact_work(c);
    return plog_compact_end(c, &err);
}

/* Reads the log through, and marks what was found; everything found is what was appended there. */
static void read_log(struct plog *log, bool found[MOST])
{
    struct batch_reader r;
    struct batch b;
    struct record rec;
    struct err err;
    struct buf bytes;
    int64_t next = log->start_offset, before = -1, key;
    batch_reader_init(&r);
    buf_init(&bytes);
    memset(found, 0, MOST * sizeof *found);
    while (next < log->high_watermark) {
        buf_clear(&bytes);
        int64_t got = plog_read(log, next, 1 + pick(3000), true, &bytes, &err);
        if (got == 0)
            break; /* nothing is left behind `next` */
        assert_true(got > 0);
        struct str rest = buf_view(&bytes);
        for (; batch_read_header(rest, &b); rest = str_from(rest, (size_t)b.size)) {
            assert_true(batch_crc_ok(&b, rest.ptr));
            assert_int_equal(batch_reader_start(&r, &b, rest, &err), 0);
            while (batch_reader_next(&r, &rec, &err) == 1) {
                assert_true(rec.offset > before && model[rec.offset].there);
                before = rec.offset;
                found[rec.offset] = true;
                assert_int_equal(rec.timestamp_ms, 1000 + rec.offset);
                if (model[rec.offset].control)
                    continue;
                assert_true(str_i64(str_from(rec.key, 4), &key) && key == model[rec.offset].key);
                int64_t value = -1;
                assert_true(!rec.value.ptr || str_i64(rec.value, &value));
                assert_int_equal(value, model[rec.offset].value);
                assert_int_equal(rec.header_count, 1);
            }
            assert_int_equal(r.in.p == r.in.end, 1);
            next = batch_last_offset(&b) + 1;
        }
        assert_int_equal(rest.len, 0);
    }
    buf_release(&bytes);
    batch_reader_release(&r);
}

static int64_t last_of_key(int key, int64_t end)
{
    for (int64_t i = end; i-- > 0;)
        if (model[i].there && !model[i].control && !model[i].aborted && model[i].key == key)
            return i;
    return -1;
}

/* Before `cleaned` only the last of each key is there, its tombstone if `tombstones`; from there on everything. */
static void check(struct plog *log, int64_t cleaned, int64_t known, bool tombstones)
{
    static bool found[MOST];
    read_log(log, found);
    for (int64_t i = 0; i < log->high_watermark; i++) {
        if (!model[i].there || model[i].control)
            continue;
        bool want = i >= cleaned || (!model[i].aborted && last_of_key(model[i].key, known) <= i && (tombstones || model[i].value >= 0));
        if (found[i] != want)
            fail_msg("offset %jd key %d is%s there", (intmax_t)i, model[i].key, found[i] ? "" : " not");
    }
}

static int64_t active_base(struct plog *log)
{
    return log->segs[log->seg_count - 1]->base;
}

static void the_last_of_each_key_stays(void **state)
{
    (void)state;
    struct plog *log = open_log();
    fill(log, 150, false);
    size_t segments = log->seg_count;
    int64_t cleaned = active_base(log), size = plog_size(log), end = log->high_watermark;
    assert_true(segments > 5);
    assert_int_equal(plog_compact_worth(log, 5000), 1000);
    assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
    assert_int_equal(plog_compact_worth(log, 5000), 0);
    assert_true(log->seg_count <= segments && plog_size(log) < size / 2);
    check(log, cleaned, cleaned, true);
    for (int round = 0; round < 3; round++) { /* again, with more */
        plog_close(log, round % 2);
        log = open_log();
        assert_int_equal(log->high_watermark, end);
        assert_int_equal(log->start_offset, 0);
        check(log, cleaned, cleaned, true);
        fill(log, 60, false);
        end = log->high_watermark;
        cleaned = active_base(log);
        assert_true(plog_compact_worth(log, 5000) >= 500);
        assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
        check(log, cleaned, cleaned, true);
    }
    assert_true(log->seg_count < segments); /* small ones became one */
    plog_close(log, false);
}

static void tombstones_go_after_their_time(void **state)
{
    (void)state;
    struct plog *log = open_log();
    fill(log, 60, false);
    assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
    check(log, active_base(log), active_base(log), true);
    fill(log, 60, false);
    int64_t cleaned = active_base(log);
    assert_int_equal(compact(log, 5000 + DAY - 1, COMPACT_MAP_BYTES), 0);
    check(log, cleaned, cleaned, true);
    plog_close(log, true);
    log = open_log();
    assert_int_equal(compact(log, 5000 + 2 * (int64_t)DAY, COMPACT_MAP_BYTES), 0); /* the batches remember their time */
    check(log, cleaned, cleaned, false);
    plog_close(log, false);
}

static void aborted_records_go_and_markers_with_them(void **state)
{
    (void)state;
    static bool found[MOST];
    struct txn_aborts a = {0};
    struct err err;
    struct plog *log = open_log();
    fill(log, 120, true);
    int64_t cleaned = active_base(log);
    assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
    check(log, cleaned, cleaned, true);
    read_log(log, found);
    assert_int_equal(plog_aborted(log, 0, cleaned, &a, &err), 0);
    assert_true(a.count > 0);
    for (size_t i = 0; i < a.count; i++)
        assert_true(found[a.items[i].last]); /* told as long as its marker is there */
    txn_aborts_release(&a);
    plog_close(log, false);
    log = open_log();
    assert_int_equal(compact(log, 5000 + 2 * (int64_t)DAY, COMPACT_MAP_BYTES), 0);
    check(log, cleaned, cleaned, false);
    read_log(log, found);
    assert_int_equal(plog_aborted(log, 0, cleaned, &a, &err), 0);
    for (size_t i = 0; i < a.count; i++)
        assert_true(a.items[i].last >= cleaned || found[a.items[i].last]);
    size_t markers = 0, left = 0;
    for (int64_t i = 0; i < cleaned; i++) {
        markers += model[i].control;
        left += model[i].control && found[i];
    }
    assert_true(left < markers / 2);
    txn_aborts_release(&a);
    plog_close(log, false);
}

static void what_is_open_is_left_alone(void **state)
{
    (void)state;
    struct plog *log = open_log();
    fill(log, 60, false);
    int64_t first = append(log, 2, 5, 0, CODEC_NONE);
    fill(log, 60, false);
    assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
    assert_true(log->cleaned_to > 0 && log->cleaned_to <= first);
    check(log, log->cleaned_to, log->cleaned_to, true);
    end_txn(log, 5, true, first);
    flush(log);
    plog_close(log, false);
    log = open_log();
    int64_t cleaned = active_base(log);
    assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
    check(log, cleaned, cleaned, true);
    cfg.min_lag_ms = 100;
    fill(log, 60, false); /* timestamps are 1000 and the offset */
    assert_int_equal(compact(log, 1000 + log->segs[log->seg_count - 3]->max_ts - 1000 + 100, COMPACT_MAP_BYTES), 0);
    assert_true(log->cleaned_to <= log->segs[log->seg_count - 2]->base);
    plog_close(log, false);
}

/* With a table for a dozen keys a run goes only so far, the next goes on. */
static void a_small_table_takes_several_runs(void **state)
{
    (void)state;
    struct plog *log = open_log();
    fill(log, 150, false);
    int64_t before = -1, cleaned = active_base(log);
    int runs = 0;
    while (log->cleaned_to < cleaned) {
        assert_int_equal(compact(log, 5000, TINY_MAP), 0);
        assert_true(log->cleaned_to > before);
        before = log->cleaned_to;
        assert_true(++runs < MOST);
    }
    assert_true(runs > 3);
    check(log, cleaned, cleaned, true);
    plog_close(log, false);
}

static void a_reader_keeps_its_segment_and_a_cancelled_run_its_log(void **state)
{
    (void)state;
    struct err err;
    char head[BATCH_HEADER];
    struct batch b;
    struct plog *log = open_log();
    fill(log, 100, false);
    struct seg *pinned = log->segs[1];
    seg_ref(pinned);
    struct plog_compaction *c = plog_compact_start(log, 5000, COMPACT_MAP_BYTES, &err);
    assert_non_null(c);
    plog_compact_cancel(c);
    fill(log, 20, false); /* appends go on meanwhile */
    assert_int_equal(plog_retain(log, INT64_MAX / 2), 0);
    assert_int_equal(plog_delete_before(log, 3, &err), 0);
    plog_compact_work(c);
    assert_int_equal(plog_compact_end(c, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(log->segs[1] == pinned, 1);
    int64_t cleaned = active_base(log);
    assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
    assert_int_equal(fs_pread(pinned->fd, head, sizeof head, 0, &err), BATCH_HEADER);
    assert_true(batch_read_header(str_of(head, sizeof head), &b) && b.base_offset == pinned->base);
    seg_unref(pinned);
    assert_int_equal(log->start_offset, 3);
    plog_close(log, false);
    log = open_log();
    assert_int_equal(log->start_offset, 3);
    assert_true(log->cleaned_to < 0 && plog_compact_worth(log, 5000) == 0 && log->cleaned_to == cleaned);
    plog_close(log, false);
}

/* A child compacts until the n-th file call ends it. Whatever is on disk then, no key has lost its last record. */
static void crashes_lose_nothing(void **state)
{
    (void)state;
    struct err err;
    log_set_level(LOG_ERROR);
    int cut = 0, nth = 1;
    for (int ended = 0; ended < 2; nth++) {
        struct plog *log = open_log();
        memset(model, 0, sizeof model);
        seed = 7;
        fill(log, 60, true);
        int64_t cleaned = active_base(log), end = log->high_watermark;
        plog_close(log, nth % 2);
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            struct fs_fault f = {.kind = nth % 3 ? FS_FAULT_EXIT : FS_FAULT_TEAR, .nth = nth, .path_part = dir};
            log = plog_open(dir, "test/log-0", &cfg, 100, &err);
            fs_fault_set(&f);
            struct plog_compaction *c = log ? plog_compact_start(log, 5000, COMPACT_MAP_BYTES, &err) : NULL;
            if (!c)
                _exit(1);
            plog_compact_work(c);
            _exit(plog_compact_end(c, &err) ? 1 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
        ended += WEXITSTATUS(status) == 0;
        cut += WEXITSTATUS(status) != 0;
        log = open_log();
        assert_int_equal(log->high_watermark, end);
        assert_int_equal(log->start_offset, 0);
        static bool found[MOST];
        read_log(log, found);
        for (int64_t i = 0; i < end; i++)
            if (model[i].there && !model[i].control && !model[i].aborted && (i >= cleaned || last_of_key(model[i].key, cleaned) == i))
                assert_true(found[i]);
        for (int again = 0; again < 2; again++) { /* and it can be compacted all the same */
            assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
            check(log, cleaned, cleaned, true);
            plog_close(log, false);
            log = open_log();
        }
        plog_close(log, false);
        assert_int_equal(fs_remove_tree(dir, &err), 0);
    }
    assert_true(cut > 20);
    log_set_level(LOG_INFO);
}

static void a_failing_disk_leaves_the_log_as_it_was(void **state)
{
    (void)state;
    struct err err;
    log_set_level(LOG_ERROR + 0);
    for (int nth = 1; nth < 30; nth++) {
        struct plog *log = open_log();
        memset(model, 0, sizeof model);
        seed = 7;
        fill(log, 60, false);
        int64_t cleaned = active_base(log);
        fs_fault_set(&(struct fs_fault){.kind = nth % 2 ? FS_FAULT_FAIL : FS_FAULT_SHORT, .nth = nth, .path_part = dir});
        int rc = compact(log, 5000, COMPACT_MAP_BYTES);
        fs_fault_set(NULL);
        if (rc) { /* some groups may be done: what matters is there, now and after a restart */
            static bool found[MOST];
            for (int again = 0; again < 2; again++) {
                read_log(log, found);
                for (int k = 0; k < KEYS; k++)
                    assert_true(last_of_key(k, cleaned) < 0 || found[last_of_key(k, cleaned)]);
                plog_close(log, false);
                log = open_log();
            }
        }
        assert_int_equal(compact(log, 5000, COMPACT_MAP_BYTES), 0);
        check(log, cleaned, cleaned, true);
        plog_close(log, false);
        assert_int_equal(fs_remove_tree(dir, &err), 0);
    }
    log_set_level(LOG_INFO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    log_set_level(LOG_WARN);
    const struct CMUnitTest tests[] = {
        TEST(the_last_of_each_key_stays), TEST(tombstones_go_after_their_time), TEST(aborted_records_go_and_markers_with_them),
        TEST(what_is_open_is_left_alone), TEST(a_small_table_takes_several_runs),
        TEST(a_reader_keeps_its_segment_and_a_cancelled_run_its_log), TEST(crashes_lose_nothing), TEST(a_failing_disk_leaves_the_log_as_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
