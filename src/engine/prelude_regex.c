/* prelude_regex.c -- Java's regular expressions by PCRE2, where RE2 does not read them.
 *
 * Each thread keeps the pattern it compiled last: a column's pattern is mostly one constant. The
 * match limits of PCRE2 bound what a hostile pattern may cost. */
#include "engine/prelude_int.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { MATCH_LIMIT = 10000000, DEPTH_LIMIT = 100000, KEPT_PATTERN_BYTES = 4096 };

static _Thread_local struct {
    char text[KEPT_PATTERN_BYTES];
    size_t len;
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
} kept;

static pcre2_code *compile(struct str pattern, struct err *err)
{
    int code;
    PCRE2_SIZE at;
    if (kept.code && kept.len == pattern.len && memcmp(kept.text, pattern.ptr, pattern.len) == 0)
        return kept.code;
    if (pattern.len > sizeof kept.text) {
        err_set(err, ERR_LIMIT, "a regular expression is longer than %d bytes", KEPT_PATTERN_BYTES);
        return NULL;
    }
    pcre2_code_free(kept.code);
    pcre2_match_data_free(kept.data);
    kept.code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, PCRE2_UTF, &code, &at, NULL);
    kept.data = kept.code ? pcre2_match_data_create_from_pattern(kept.code, NULL) : NULL;
    if (!kept.code) {
        PCRE2_UCHAR text[120];
        pcre2_get_error_message(code, text, sizeof text);
        err_set(err, ERR_INPUT, "[INVALID_PARAMETER_VALUE.PATTERN] The pattern '%.*s' is invalid: %s", STR_ARGS(pattern), text);
        return NULL;
    }
    memcpy(kept.text, pattern.ptr, pattern.len);
    kept.len = pattern.len;
    if (!kept.limits) {
        kept.limits = pcre2_match_context_create(NULL);
        pcre2_set_match_limit(kept.limits, MATCH_LIMIT);
        pcre2_set_depth_limit(kept.limits, DEPTH_LIMIT);
    }
    return kept.code;
}

/* 1 match, 0 none, -1 error. *v: offset pairs. */
static int match_from(struct str s, size_t from, PCRE2_SIZE **v, int *groups, struct err *err)
{
    int rc = pcre2_match(kept.code, (PCRE2_SPTR)(s.ptr ? s.ptr : ""), s.len, from, PCRE2_NO_UTF_CHECK, kept.data, kept.limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return err_set(err, ERR_LIMIT, "a regular expression took too many steps");
    *v = pcre2_get_ovector_pointer(kept.data);
    *groups = rc;
    return 1;
}

static int matches(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    PCRE2_SIZE *v;
    int groups, rc = compile(a[1].text, err) ? match_from(a[0].text, 0, &v, &groups, err) : -1;
    (void)ctx, (void)count, (void)is_null;
    if (rc < 0)
        return -1;
    put_i64(out, rc);
    return 0;
}

static int extract(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    PCRE2_SIZE *v;
    int groups, rc = compile(a[1].text, err) ? match_from(a[0].text, 0, &v, &groups, err) : -1;
    uint32_t all = 0;
    (void)ctx, (void)count, (void)is_null;
    if (rc < 0)
        return -1;
    pcre2_pattern_info(kept.code, PCRE2_INFO_CAPTURECOUNT, &all);
    if (a[2].i64 < 0 || a[2].i64 > all)
        return err_set(err, ERR_INPUT, "[INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX] The pattern has %u groups, group %jd is asked for",
                       all, (intmax_t)a[2].i64);
    if (rc && a[2].i64 < groups && v[2 * a[2].i64] != PCRE2_UNSET)
        buf_add(out, a[0].text.ptr + v[2 * a[2].i64], v[2 * a[2].i64 + 1] - v[2 * a[2].i64]);
    return 0;
}

/* Java's replacement: $n a group, \x the character x. */
static int put_replacement(struct buf *out, struct str r, struct str s, const PCRE2_SIZE *v, int groups, struct err *err)
{
    for (size_t i = 0; i < r.len; i++) {
        if (r.ptr[i] == '\\' && i + 1 < r.len) {
            buf_char(out, r.ptr[++i]);
        } else if (r.ptr[i] == '$') {
            if (i + 1 >= r.len || r.ptr[i + 1] < '0' || r.ptr[i + 1] > '9')
                return err_set(err, ERR_INPUT, "a replacement has $ without a group's number; write \\$ for the character");
            int n = r.ptr[++i] - '0';
            while (i + 1 < r.len && r.ptr[i + 1] >= '0' && r.ptr[i + 1] <= '9' && n * 10 + r.ptr[i + 1] - '0' < groups)
                n = n * 10 + r.ptr[++i] - '0';
            uint32_t all = 0;
            pcre2_pattern_info(kept.code, PCRE2_INFO_CAPTURECOUNT, &all);
            if ((uint32_t)n > all)
                return err_set(err, ERR_INPUT, "[INVALID_REGEXP_REPLACE] the replacement names group %d of %u", n, all);
            if (n < groups && v[2 * n] != PCRE2_UNSET)
                buf_add(out, s.ptr + v[2 * n], v[2 * n + 1] - v[2 * n]);
        } else {
            buf_char(out, r.ptr[i]);
        }
    }
    return 0;
}

static int replace(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = a[0].text;
    size_t from = 0, copied = 0;
    (void)ctx, (void)count, (void)is_null;
    if (a[3].i64 < 1)
        return err_set(err, ERR_INPUT, "[VALUE_OUT_OF_RANGE] the position of regexp_replace() is %jd, it counts from 1", (intmax_t)a[3].i64);
    if (!compile(a[1].text, err))
        return -1;
    for (int64_t skip = 1; skip < a[3].i64 && from < s.len; skip++)
        from += text_char(s, from);
    while (from <= s.len) {
        PCRE2_SIZE *v;
        int groups, rc = match_from(s, from, &v, &groups, err);
        if (rc < 0)
            return -1;
        if (!rc)
            break;
        size_t start = v[0], end = v[1];
        buf_add(out, s.ptr + copied, start - copied);
        if (put_replacement(out, a[2].text, s, v, groups, err))
            return -1;
        copied = end;
        from = end > start ? end : end + (end < s.len ? text_char(s, end) : 1);
    }
    buf_add(out, s.ptr + copied, s.len - copied);
    return 0;
}

/* The number of matches, or the position of the first, in characters from 1. */
static int count_or_find(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct str s = a[0].text;
    int64_t n = 0;
    (void)count, (void)is_null;
    if (!compile(a[1].text, err))
        return -1;
    for (size_t from = 0; from <= s.len;) {
        PCRE2_SIZE *v;
        int groups, rc = match_from(s, from, &v, &groups, err);
        if (rc < 0)
            return -1;
        if (!rc)
            break;
        if (ctx) {
            n = 1;
            for (size_t i = 0; i < v[0]; i += text_char(s, i))
                n++;
            break;
        }
        n++;
        from = v[1] > v[0] ? v[1] : v[1] + (v[1] < s.len ? text_char(s, v[1]) : 1);
    }
    put_i64(out, n);
    return 0;
}

const struct native natives_regex[] = {
    {"spark_re_matches", "ss", "b", matches, false, NULL}, {"spark_re_extract", "ssi", "s", extract, false, NULL},
    {"spark_re_replace", "sssi", "s", replace, false, NULL}, {"spark_re_count", "ss", "i", count_or_find, false, NULL},
    {"spark_re_instr", "ss", "i", count_or_find, false, (void *)1},
    {0},
};
