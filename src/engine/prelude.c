/* prelude.c -- what a database must hold before printed text runs in it: macros for what DuckDB can
 * say, C functions for what it cannot. All names start with spark_. */
#include "engine/prelude_int.h"
#include "engine/csv_scan.h"
#include "engine/print.h"
#include <stdio.h>

#define BAD_CAST(type) \
    "error('[CAST_INVALID_INPUT] The value ''' || x || ''' of the type \"STRING\" cannot be cast to \"" type \
    "\" because it is malformed. Correct the value as per the syntax, or change its target type. Use `try_cast` to " \
    "tolerate malformed input and return NULL instead')"
#define WHOLE "regexp_full_match(x, '\\s*[+-]?[0-9]+\\s*')"
#define INT_CASTS(name, type, spark) \
    "CREATE OR REPLACE MACRO spark_to_" name "(x) AS CASE WHEN " WHOLE " THEN coalesce(TRY_CAST(trim(x) AS " type "), " \
    BAD_CAST(spark) ") WHEN x IS NOT NULL THEN " BAD_CAST(spark) " END", \
    "CREATE OR REPLACE MACRO spark_try_" name "(x) AS CASE WHEN " WHOLE " THEN TRY_CAST(trim(x) AS " type ") END"
#define REAL_CASTS(name, type) \
    "CREATE OR REPLACE MACRO spark_to_" name "(x) AS coalesce(CASE WHEN NOT contains(x, '_') THEN TRY_CAST(x AS " type ") END, " \
    "CAST(spark_plain_number(x) AS " type "))", \
    "CREATE OR REPLACE MACRO spark_try_" name "(x) AS coalesce(CASE WHEN NOT contains(x, '_') THEN TRY_CAST(x AS " type ") END, " \
    "TRY_CAST(spark_plain_number(x) AS " type "))"
#define DIVIDED(name, op, message) \
    "CREATE OR REPLACE MACRO " name "(x, y) AS CASE WHEN y = 0 AND x IS NOT NULL THEN error('" message "') ELSE " op " END"
#define BY_ZERO "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead"
#define REST_ZERO "[REMAINDER_BY_ZERO] Remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead"
#define BAD_INDEX(code, i, fn) \
    "error('[" code "] The index ' || " i " || ' is out of bounds. The array has ' || len(a) || ' elements. Use the SQL " \
    "function `" fn "` to tolerate accessing element at invalid index and return NULL instead')"

static const char *const macros[] = {
    /* casts */
    INT_CASTS("tinyint", "TINYINT", "TINYINT"), INT_CASTS("smallint", "SMALLINT", "SMALLINT"),
    INT_CASTS("int", "INTEGER", "INT"), INT_CASTS("bigint", "BIGINT", "BIGINT"),
    /* most text is a number as DuckDB reads it: only the rest is read again, more slowly */
    REAL_CASTS("double", "DOUBLE"), REAL_CASTS("float", "FLOAT"),
    "CREATE OR REPLACE MACRO spark_try_boolean(x) AS CASE WHEN lower(trim(x)) IN ('t', 'true', 'y', 'yes', '1') THEN true "
    "WHEN lower(trim(x)) IN ('f', 'false', 'n', 'no', '0') THEN false END",
    "CREATE OR REPLACE MACRO spark_to_boolean(x) AS CASE WHEN lower(trim(x)) IN ('t', 'true', 'y', 'yes', '1') THEN true "
    "WHEN lower(trim(x)) IN ('f', 'false', 'n', 'no', '0') THEN false WHEN x IS NOT NULL THEN " BAD_CAST("BOOLEAN") " END",
    "CREATE OR REPLACE MACRO spark_wrap(x, m) AS (CAST(x AS BIGINT) % m + m + m // 2) % m - m // 2",
    "CREATE OR REPLACE MACRO spark_legacy_digits(x) AS CASE WHEN regexp_full_match(x, '\\s*[+-]?[0-9]+(\\.[0-9]*)?\\s*') THEN "
    "regexp_extract(x, '[+-]?[0-9]+') WHEN regexp_full_match(x, '\\s*[+-]?\\.[0-9]+\\s*') THEN '0' END",
    "CREATE OR REPLACE MACRO spark_utc(x) AS make_timestamp(epoch_us(x))",
    "CREATE OR REPLACE MACRO spark_instant(x) AS make_timestamptz(epoch_us(x))",
    "CREATE OR REPLACE MACRO spark_seconds(x) AS CAST(floor(epoch_us(x) / 1e6) AS BIGINT)",
    /* numbers */
    DIVIDED("spark_divide", "x / y", BY_ZERO), DIVIDED("spark_idiv", "x // y", BY_ZERO),
    DIVIDED("spark_mod", "x % y", REST_ZERO),
    "CREATE OR REPLACE MACRO spark_pmod_or_null(x, y) AS CASE WHEN x % y < 0 THEN (x % y + y) % y ELSE x % y END",
    DIVIDED("spark_pmod", "spark_pmod_or_null(x, y)", REST_ZERO),
    "CREATE OR REPLACE MACRO spark_acos(x) AS CASE WHEN abs(x) <= 1 THEN acos(x) WHEN x IS NOT NULL THEN "
    "CAST('NaN' AS DOUBLE) END",
    "CREATE OR REPLACE MACRO spark_asin(x) AS CASE WHEN abs(x) <= 1 THEN asin(x) WHEN x IS NOT NULL THEN "
    "CAST('NaN' AS DOUBLE) END",
    "CREATE OR REPLACE MACRO spark_bin(x) AS bin(x)",
    "CREATE OR REPLACE MACRO spark_skewness(n, v, g) AS CASE WHEN n = 0 THEN NULL WHEN v = 0 OR n < 2 THEN NULL "
    "WHEN n = 2 THEN 0e0 ELSE g * (n - 2) / sqrt(n * (n - 1e0)) END",
    "CREATE OR REPLACE MACRO spark_width_bucket(v, lo, hi, n) AS CASE WHEN n <= 0 OR lo = hi THEN NULL WHEN lo < hi THEN "
    "CASE WHEN v < lo THEN 0 WHEN v >= hi THEN n + 1 ELSE CAST(floor(n * (v - lo) / (hi - lo)) AS BIGINT) + 1 END ELSE "
    "CASE WHEN v > lo THEN 0 WHEN v <= hi THEN n + 1 ELSE CAST(floor(n * (lo - v) / (lo - hi)) AS BIGINT) + 1 END END",
    "CREATE OR REPLACE MACRO spark_nan_null(x) AS CASE WHEN NOT isnan(x) THEN x END",
    "CREATE OR REPLACE MACRO spark_sum_of(x, m) AS CASE WHEN abs(CAST(x AS DOUBLE)) >= m AND length(ltrim(replace(CAST(x AS VARCHAR), "
    "'.', ''), '-0')) > 38 THEN error('[ARITHMETIC_OVERFLOW] Overflow in sum of decimals') ELSE x END",
    "CREATE OR REPLACE MACRO spark_try_sum_of(x, m) AS CASE WHEN abs(CAST(x AS DOUBLE)) >= m AND length(ltrim(replace(CAST(x AS "
    "VARCHAR), '.', ''), '-0')) > 38 THEN NULL ELSE x END",
    "CREATE OR REPLACE MACRO spark_assert_true(x) AS CASE WHEN x THEN NULL ELSE error('[USER_RAISED_EXCEPTION] "
    "the condition is not true') END, (x, m) AS CASE WHEN x THEN NULL ELSE error('[USER_RAISED_EXCEPTION] ' || m) END",
    "CREATE OR REPLACE MACRO spark_raise_error(m) AS error('[USER_RAISED_EXCEPTION] ' || m)",
    "CREATE OR REPLACE MACRO spark_bit_get(x, n, bits) AS CASE WHEN n < 0 OR n >= bits THEN error('[INVALID_PARAMETER_VALUE."
    "BIT_POSITION_RANGE] the position ' || n || ' is not within 0 and ' || (bits - 1)) ELSE CAST((x >> n) & 1 AS TINYINT) END",
    /* text */
    "CREATE OR REPLACE MACRO spark_count(n) AS CASE WHEN n < 0 THEN 0 ELSE n END",
    "CREATE OR REPLACE MACRO spark_lpad(s, n, c) AS CASE WHEN c = '' THEN left(s, spark_count(n)) ELSE lpad(s, spark_count(n), c) END",
    "CREATE OR REPLACE MACRO spark_rpad(s, n, c) AS CASE WHEN c = '' THEN left(s, spark_count(n)) ELSE rpad(s, spark_count(n), c) END",
    "CREATE OR REPLACE MACRO spark_split_part(s, d, n) AS CASE WHEN n = 0 THEN error('[INVALID_INDEX_OF_ZERO] The index 0 is "
    "invalid. An index shall be either < 0 or > 0 (the first element has index 1)') WHEN d = '' THEN CASE WHEN abs(n) = 1 THEN s "
    "WHEN s IS NOT NULL AND n IS NOT NULL THEN '' END ELSE split_part(s, d, n) END",
    "CREATE OR REPLACE MACRO spark_upper(x) AS CASE WHEN strlen(x) = length(x) THEN upper(x) ELSE upper(spark_before_upper(x)) END",
    "CREATE OR REPLACE MACRO spark_lower(x) AS CASE WHEN strlen(x) = length(x) THEN lower(x) ELSE lower(spark_before_lower(x)) END",
    "CREATE OR REPLACE MACRO spark_chr(n) AS CASE WHEN n < 0 THEN '' WHEN n IS NOT NULL THEN chr(CAST(n % 256 AS INTEGER)) END",
    "CREATE OR REPLACE MACRO spark_find_in_set(s, l) AS CAST(CASE WHEN s IS NULL OR l IS NULL THEN NULL WHEN contains(s, ',') THEN 0 ELSE "
    "coalesce(list_position(string_split(l, ','), s), 0) END AS INTEGER)",
    "CREATE OR REPLACE MACRO spark_locate(t, s, p) AS CAST(CASE WHEN t = '' AND s IS NOT NULL AND p IS NOT NULL THEN CASE WHEN p < 1 THEN 0 ELSE 1 END WHEN p < 1 OR strpos(substring(s, p), t) = 0 THEN 0 ELSE "
    "strpos(substring(s, p), t) + p - 1 END AS INTEGER)",
    "CREATE OR REPLACE MACRO spark_levenshtein(a, b, n) AS CAST(CASE WHEN spark_distance(a, b) <= n THEN spark_distance(a, b) "
    "WHEN n IS NOT NULL AND a IS NOT NULL AND b IS NOT NULL THEN -1 END AS INTEGER)",
    "CREATE OR REPLACE MACRO spark_overlay(s, r, p, n) AS left(s, greatest(p - 1, 0)) || r || "
    "substring(s, p + CASE WHEN n < 0 THEN length(r) ELSE n END)",
    "CREATE OR REPLACE MACRO spark_substring(s, p, n) AS CASE WHEN n <= 0 THEN '' WHEN p > 0 THEN substring(s, p, n) "
    "WHEN p = 0 THEN substring(s, 1, n) WHEN length(s) + p + n <= 0 THEN '' WHEN length(s) + p < 0 THEN "
    "left(s, CAST(CAST(length(s) AS BIGINT) + p + n AS BIGINT)) ELSE substring(s, length(s) + p + 1, n) END",
    "CREATE OR REPLACE MACRO spark_substring_index(s, d, n) AS CASE WHEN d = '' OR n = 0 THEN '' WHEN n > 0 THEN "
    "array_to_string(string_split(s, d)[1:n], d) ELSE array_to_string(string_split(s, d)[greatest(len(string_split(s, d)) + n "
    "+ 1, 1):], d) END",
    "CREATE OR REPLACE MACRO spark_initcap(s) AS array_to_string(list_transform(string_split(lower(s), ' '), "
    "lambda w: translate(upper(w[1]), '\u01c4\u01c7\u01ca\u01f1', '\u01c5\u01c8\u01cb\u01f2') || w[2:]), ' ')",
    "CREATE OR REPLACE MACRO spark_split_limit(s, d, n) AS CASE WHEN len(string_split(s, d)) <= n THEN string_split(s, d) ELSE "
    "list_append(string_split(s, d)[1:n - 1], array_to_string(string_split(s, d)[n:], d)) END",
    /* arrays */
    "CREATE OR REPLACE MACRO spark_item(a, i) AS CASE WHEN i < 0 OR i >= len(a) THEN "
    BAD_INDEX("INVALID_ARRAY_INDEX", "i", "get()") " ELSE a[i + 1] END",
    "CREATE OR REPLACE MACRO spark_get(a, i) AS CASE WHEN i >= 0 THEN a[i + 1] END",
    "CREATE OR REPLACE MACRO spark_element_at(a, i) AS CASE WHEN i = 0 THEN error('[INVALID_INDEX_OF_ZERO] The index 0 is "
    "invalid. An index shall be either < 0 or > 0 (the first element has index 1)') WHEN abs(i) > len(a) THEN "
    BAD_INDEX("INVALID_ARRAY_INDEX_IN_ELEMENT_AT", "i", "try_element_at") " ELSE a[i] END",
    "CREATE OR REPLACE MACRO spark_try_element_at(a, i) AS CASE WHEN i = 0 THEN error('[INVALID_INDEX_OF_ZERO] The index 0 is "
    "invalid') ELSE a[i] END",
    "CREATE OR REPLACE MACRO spark_array_contains(a, v) AS CASE WHEN v IS NULL OR a IS NULL THEN NULL WHEN list_contains(a, v) "
    "THEN true WHEN len(list_filter(a, lambda x: x IS NULL)) > 0 THEN NULL ELSE false END",
    "CREATE OR REPLACE MACRO spark_shuffle(a) AS list_transform(list_sort(list_transform(a, lambda x: {'k': random(), 'v': x})), "
    "lambda e: e.v)",
    "CREATE OR REPLACE MACRO spark_array_join(a, d, n) AS CASE WHEN d IS NOT NULL THEN array_to_string(list_transform(a, lambda x: "
    "coalesce(x, n)), d) END",
    "CREATE OR REPLACE MACRO spark_array_distinct(a) AS list_filter(a, lambda x, i: list_position(a, x) = i)",
    "CREATE OR REPLACE MACRO spark_array_except(a, b) AS CASE WHEN b IS NOT NULL THEN list_filter(a, lambda x, i: "
    "list_position(a, x) = i AND list_position(b, x) IS NULL) END",
    "CREATE OR REPLACE MACRO spark_array_intersect(a, b) AS CASE WHEN b IS NOT NULL THEN list_filter(a, lambda x, i: "
    "list_position(a, x) = i AND list_position(b, x) IS NOT NULL) END",
    "CREATE OR REPLACE MACRO spark_arrays_overlap(a, b) AS CASE WHEN list_has_any(list_filter(a, lambda x: x IS NOT NULL), "
    "list_filter(b, lambda x: x IS NOT NULL)) THEN true WHEN a IS NULL OR b IS NULL THEN NULL WHEN len(a) > 0 AND len(b) > 0 "
    "AND (list_position(a, NULL) IS NOT NULL OR list_position(b, NULL) IS NOT NULL) THEN NULL ELSE false END",
    "CREATE OR REPLACE MACRO spark_array_append(a, v) AS CASE WHEN a IS NOT NULL THEN list_append(a, v) END",
    "CREATE OR REPLACE MACRO spark_array_prepend(a, v) AS CASE WHEN a IS NOT NULL THEN list_prepend(v, a) END",
    "CREATE OR REPLACE MACRO spark_array_insert(a, p, v) AS CASE WHEN a IS NULL OR p IS NULL THEN NULL WHEN p = 0 THEN "
    "error('[INVALID_INDEX_OF_ZERO] The index 0 is invalid') WHEN p > 0 THEN list_append(list_resize(a, greatest(p - 1, 0))"
    ", v) || a[p:] WHEN -p <= len(a) + 1 THEN list_append(a[1:len(a) + p + 1], v) || a[len(a) + p + 2:] ELSE "
    "list_append(CAST([] AS INTEGER[]), v) || list_resize(a[1:0], -p - len(a) - 1) || a END",
    "CREATE OR REPLACE MACRO spark_array_position(a, v) AS CASE WHEN a IS NULL OR v IS NULL THEN NULL ELSE "
    "CAST(coalesce(list_position(a, v), 0) AS BIGINT) END",
    "CREATE OR REPLACE MACRO spark_array_remove(a, v) AS CASE WHEN v IS NOT NULL THEN list_filter(a, lambda x: x IS NULL OR "
    "x <> v) END",
    "CREATE OR REPLACE MACRO spark_array_repeat(v, n) AS list_transform(range(n), lambda i: v)",
    "CREATE OR REPLACE MACRO spark_flatten(a) AS CASE WHEN list_position(a, NULL) IS NULL THEN flatten(a) END",
    "CREATE OR REPLACE MACRO spark_slice(a, s, n) AS CASE WHEN s = 0 THEN error('[INVALID_PARAMETER_VALUE.START] slice() counts "
    "from 1') WHEN n < 0 THEN error('[INVALID_PARAMETER_VALUE.LENGTH] the length of slice() is negative') WHEN s > 0 THEN "
    "a[s:s + n - 1] WHEN -s > len(a) THEN a[1:0] ELSE a[len(a) + s + 1:len(a) + s + n] END",
    "CREATE OR REPLACE MACRO spark_sequence_by(a, b, s) AS CASE WHEN (s > 0 AND a > b) OR (s < 0 AND a < b) OR (s = 0 AND a <> b) THEN "
    "error('[ILLEGAL_SEQUENCE_BOUNDARIES] Illegal sequence boundaries: ' || a || ' to ' || b || ' by ' || s) WHEN s = 0 THEN [a] ELSE "
    "generate_series(a, b, s) END",
    "CREATE OR REPLACE MACRO spark_sequence_time(a, b, s) AS CASE WHEN (s > INTERVAL 0 DAYS AND a > b) OR (s < INTERVAL 0 DAYS AND "
    "a < b) OR (s = INTERVAL 0 DAYS AND a <> b) THEN error('[ILLEGAL_SEQUENCE_BOUNDARIES] Illegal sequence boundaries: ' || a || ' to ' || b "
    "|| ' by ' || s) ELSE generate_series(a, b, s) END",
    "CREATE OR REPLACE MACRO spark_sequence_days(a, b) AS CASE WHEN a <= b THEN generate_series(a, b, INTERVAL 1 DAY) ELSE "
    "generate_series(a, b, INTERVAL (-1) DAY) END",
    "CREATE OR REPLACE MACRO spark_sequence(a, b) AS CASE WHEN a <= b THEN generate_series(a, b) ELSE generate_series(a, b, -1) "
    "END",
    "CREATE OR REPLACE MACRO spark_exists(t) AS CASE WHEN list_contains(t, true) THEN true WHEN list_position(t, NULL) IS NOT "
    "NULL THEN NULL WHEN t IS NOT NULL THEN false END",
    "CREATE OR REPLACE MACRO spark_forall(t) AS CASE WHEN list_contains(t, false) THEN false WHEN list_position(t, NULL) IS NOT "
    "NULL THEN NULL WHEN t IS NOT NULL THEN true END",
    "CREATE OR REPLACE MACRO spark_str_to_map(s, d, k) AS map_from_entries(list_transform(string_split(s, d), lambda e: {'key': "
    "split_part(e, k, 1), 'value': CASE WHEN contains(e, k) THEN substring(e, strpos(e, k) + 1) END}))",
    /* JSON */
    "CREATE OR REPLACE MACRO spark_json_text(x, p) AS TRY(json_extract_string(x, p))",
    "CREATE OR REPLACE MACRO spark_json_field(x, n) AS TRY(json_extract_string(x, '$.\"' || n || '\"'))",
    "CREATE OR REPLACE MACRO spark_json_array_length(x) AS CASE WHEN TRY(json_type(x)) = 'ARRAY' THEN "
    "CAST(json_array_length(x) AS INTEGER) END",
    "CREATE OR REPLACE MACRO spark_json_object_keys(x) AS CASE WHEN TRY(json_type(x)) = 'OBJECT' THEN json_keys(x) END",
    /* times */
    "CREATE OR REPLACE MACRO spark_window_ntz(t, d, o) AS CASE WHEN t IS NOT NULL THEN {'start': make_timestamp(epoch_us(t) - "
    "((epoch_us(t) - o) % d + d) % d), 'end': make_timestamp(epoch_us(t) - ((epoch_us(t) - o) % d + d) % d + d)} END",
    "CREATE OR REPLACE MACRO spark_window(t, d, o) AS CASE WHEN t IS NOT NULL THEN {'start': make_timestamptz(epoch_us(t) - "
    "((epoch_us(t) - o) % d + d) % d), 'end': make_timestamptz(epoch_us(t) - ((epoch_us(t) - o) % d + d) % d + d)} END",
};

static const char *type_of_letter(char c)
{
    static const struct { char letter; const char *type; } types[] = {
        {'s', "VARCHAR"}, {'x', "BLOB"}, {'l', "BIGINT"}, {'i', "INTEGER"}, {'d', "DOUBLE"}, {'f', "FLOAT"},
        {'b', "BOOLEAN"}, {'D', "DATE"}, {'n', "TIMESTAMP"}, {'T', "TIMESTAMPTZ"}};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (types[i].letter == c)
            return types[i].type;
    UNREACHABLE();
}

static int register_table(struct duck *db, const struct native *table, struct err *err)
{
    enum { MAX_ARGS = 8 };
    for (const struct native *n = table; n->name; n++) {
        const char *types[MAX_ARGS];
        size_t count = strlen(n->args);
        CHECK(count <= MAX_ARGS);
        for (size_t i = 0; i < count; i++)
            types[i] = type_of_letter(n->args[i]);
        if (duck_scalar_register(db, n->name, types, count, type_of_letter(n->result[0]), n->nulls, n->fn, n->ctx, err))
            return err_wrap(err, "cannot register %s()", n->name);
    }
    return 0;
}

int engine_prelude(struct duck *db, struct err *err)
{
    static const struct native *const tables[] = {natives_number, natives_text, natives_time, natives_regex, natives_json, natives_case,
                                                   natives_files};
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (register_table(db, tables[i], err))
            return -1;
    if (csv_scan_register(db, err))
        return -1;
    struct duck_conn *c = duck_connect(db, err);
    int rc = c ? 0 : -1;
    for (size_t i = 0; i < COUNT_OF(macros) && rc == 0; i++)
        rc = duck_exec(c, str_z(macros[i]), err);
    duck_disconnect(c);
    return rc;
}

void engine_error(struct err *err)
{
    static const struct { const char *part, *class; } known[] = {
        {"Overflow in ", "ARITHMETIC_OVERFLOW"}, {"Overflow on ", "ARITHMETIC_OVERFLOW"},
        {"Could not convert string", "CAST_INVALID_INPUT"}, {"out of range for the destination type", "CAST_OVERFLOW"},
        {"to type DECIMAL", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"}, {"Date out of range", "DATETIME_FIELD_OUT_OF_BOUNDS"},
        {"Malformed JSON", "MALFORMED_RECORD_IN_PARSING"}, {"Map keys must be unique", "DUPLICATED_MAP_KEY"},
        {"More than one row returned by a subquery", "SCALAR_SUBQUERY_TOO_MANY_ROWS"},
    };
    char class[80];
    if (err->msg[0] == '[')
        return;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strstr(err->msg, known[i].part)) {
            snprintf(class, sizeof class, "[%s]", known[i].class);
            char msg[sizeof err->msg];
            snprintf(msg, sizeof msg, "%s %s", class, err->msg);
            memcpy(err->msg, msg, sizeof msg);
            return;
        }
}
