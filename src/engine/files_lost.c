/* files_lost -- what the printed text of a file source calls for rows that do not fit.
 *
 *   spark_lost_value(file, line, column, value)  NULL, and a line in the log: a value that does not
 *       parse is read as NULL and nobody keeps its text. Told for the 1st, 10th, 100th … of a file's
 *       column, with how many there were by then. LOST_MAX_TOLD columns of files are counted each by
 *       itself, those after them together. Without a column's name the value is a row that is no JSON object.
 *   spark_malformed_row(file, line, row)         fails, as mode FAILFAST does
 *   spark_json_surplus(object, '["a","b"]')      the other members: `"c":1,…`, NULL if there are none; of an
 *       object that doc_json() refuses (too deep) the whole text, as `"_corrupt_record":"…"`
 *
 * The count is the process's, under a lock: a file is read in pieces, by several statements. */
#include "base/doc.h"
#include "base/log.h"
#include "base/map.h"
#include "engine/prelude_int.h"
#include <pthread.h>

enum { LOST_MAX_TOLD = 10000, SHOWN_BYTES = 200 };

static pthread_mutex_t lost_lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *lost; /* "file\ncolumn" → how many, as a pointer */

static int64_t count_lost(struct str file, struct str column)
{
    struct arena *a = arena_new();
    struct str key = str_fmt(a, "%.*s\n%.*s", STR_ARGS(file), STR_ARGS(column));
    pthread_mutex_lock(&lost_lock);
    if (!lost)
        lost = map_new();
    if (map_count(lost) >= LOST_MAX_TOLD && !map_has(lost, key))
        key = STR("");
    char *n = (char *)((uintptr_t)map_get(lost, key) + 1);
    map_put(lost, key, n);
    pthread_mutex_unlock(&lost_lock);
    arena_free(a);
    return (int64_t)(uintptr_t)n;
}

static struct str shown(struct str s)
{
    return str_sub(s, 0, SHOWN_BYTES);
}

static int lost_value(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    char value[LOG_VALUE_BYTES];
    int64_t n = count_lost(a[0].text, a[2].text), told = 1;
    (void)ctx, (void)count, (void)out, (void)err;
    *is_null = true;
    while (told < n)
        told *= 10;
    if (told == n && !a[2].text.len)
        log_warn("files", "a row is no JSON object and is read as NULL file=%.*s line=%jd value=%s so_far=%jd (rescuedDataColumn keeps it)",
                 STR_ARGS(a[0].text), (intmax_t)a[1].i64, log_value(shown(a[3].text), value), (intmax_t)n);
    else if (told == n)
        log_warn("files", "a value is not of its column's type and is read as NULL file=%.*s line=%jd column=%.*s value=%s so_far=%jd "
                 "(rescuedDataColumn keeps it)", STR_ARGS(a[0].text), (intmax_t)a[1].i64, STR_ARGS(a[2].text),
                 log_value(shown(a[3].text), value), (intmax_t)n);
    return 0;
}

static int malformed_row(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str row = shown(a[2].text);
    (void)ctx, (void)count, (void)out, (void)is_null;
    return err_set(err, ERR_USER, "[MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] %.*s:%jd:1: Malformed records are detected in "
                   "record parsing: %.*s. Parse Mode: FAILFAST. To process malformed records as null result, try setting the option "
                   "'mode' as 'PERMISSIVE'", STR_ARGS(a[0].text), (intmax_t)a[1].i64, STR_ARGS(row));
}

static int json_surplus(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct arena *arena = arena_new();
    struct err ignored;
    const struct doc *d = doc_json(arena, "row", a[0].text, &ignored), *known = doc_json(arena, "columns", a[1].text, &ignored);
    (void)ctx, (void)count, (void)err;
    for (size_t i = 0; d && d->kind == DOC_OBJECT && i < d->count; i++) {
        bool has = false;
        for (size_t k = 0; known && k < known->count && !has; k++)
            has = str_eq(known->items[k]->text, d->keys[i].name);
        if (has || d->items[i]->kind == DOC_NULL)
            continue;
        buf_z(out, out->len ? "," : "");
        json_quote(out, d->keys[i].name);
        buf_char(out, ':');
        doc_write(out, d->items[i]);
    }
    if (!d) {
        buf_z(out, "\"_corrupt_record\":");
        json_quote(out, a[0].text);
    }
    *is_null = !out->len;
    arena_free(arena);
    return 0;
}

const struct native natives_files[] = {
    {"spark_lost_value", "slss", "s", lost_value, false, NULL},
    {"spark_malformed_row", "sls", "b", malformed_row, false, NULL},
    {"spark_json_surplus", "ss", "s", json_surplus, false, NULL},
    {0},
};
