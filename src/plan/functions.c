#include "plan/functions.h"
#include "plan/plan_int.h"
#include <pthread.h>

#define S FN_SCALAR
#define A FN_AGGREGATE
#define W FN_WINDOW
#define G FN_GENERATOR
#define VOL FN_VOLATILE
#define NN FN_NOT_NULL
#define MN FN_MAY_NULL
#define LM FN_LAMBDA
#define QT FN_QUERY_TIME

static const struct fn_sig table[] = {
    /* Operators, spelt as Spark Connect spells them. */
    {"+", 2, 2, "*+", "!", S, 0}, {"-", 2, 2, "*+", "!", S, 0}, {"*", 2, 2, "*+", "!", S, 0},
    {"/", 2, 2, "*+", "!", S, MN}, {"%", 2, 2, "*+", "!", S, MN}, {"mod", 2, 2, "*+", "!", S, MN},
    {"div", 2, 2, "*+", "!", S, MN}, {"pmod", 2, 2, "*+", "!", S, MN},
    {"try_add", 2, 2, "*+", "!", S, MN}, {"try_subtract", 2, 2, "*+", "!", S, MN},
    {"try_multiply", 2, 2, "*+", "!", S, MN}, {"try_divide", 2, 2, "*+", "!", S, MN},
    {"try_mod", 2, 2, "*+", "!", S, MN},
    {"negative", 1, 1, "*", "!", S, 0}, {"positive", 1, 1, "N", "1", S, 0},
    {"==", 2, 2, "*+", "!", S, 0}, {"=", 2, 2, "*+", "!", S, 0}, {"<=>", 2, 2, "*+", "!", S, NN},
    {"!=", 2, 2, "*+", "!", S, 0}, {"<>", 2, 2, "*+", "!", S, 0},
    {"<", 2, 2, "*+", "!", S, 0}, {"<=", 2, 2, "*+", "!", S, 0},
    {">", 2, 2, "*+", "!", S, 0}, {">=", 2, 2, "*+", "!", S, 0},
    {"equal_null", 2, 2, "*+", "!", S, NN}, {"between", 3, 3, "*+", "!", S, 0}, {"in", 2, -1, "*+", "!", S, 0},
    {"and", 2, 2, "b+", "b", S, 0}, {"or", 2, 2, "b+", "b", S, 0}, {"not", 1, 1, "b", "b", S, 0},
    {"!", 1, 1, "b", "b", S, 0},
    {"isnull", 1, 1, "*", "b", S, NN}, {"isnotnull", 1, 1, "*", "b", S, NN},
    {"istrue", 1, 1, "b", "b", S, NN}, {"isnottrue", 1, 1, "b", "b", S, NN},
    {"isfalse", 1, 1, "b", "b", S, NN}, {"isnotfalse", 1, 1, "b", "b", S, NN},
    {"like", 2, 3, "s+", "b", S, 0}, {"ilike", 2, 3, "s+", "b", S, 0},
    {"rlike", 2, 2, "s+", "b", S, 0}, {"regexp_like", 2, 2, "s+", "b", S, 0}, {"regexp", 2, 2, "s+", "b", S, 0},
    {"&", 2, 2, "*+", "!", S, 0}, {"|", 2, 2, "*+", "!", S, 0}, {"^", 2, 2, "*+", "!", S, 0},
    {"~", 1, 1, "I", "1", S, 0}, {"shiftleft", 2, 2, "Ii", "!", S, 0}, {"shiftright", 2, 2, "Ii", "!", S, 0},
    {"<<", 2, 2, "Ii", "!", S, 0}, {">>", 2, 2, "Ii", "!", S, 0},
    {"shiftrightunsigned", 2, 2, "Ii", "!", S, 0}, {"bit_count", 1, 1, "I", "i", S, 0},
    {"bit_get", 2, 2, "Ii", "!", S, 0}, {"getbit", 2, 2, "Ii", "!", S, 0},

    /* Conditions. */
    {"when", 1, -1, "*+", "!", S, MN}, {"if", 3, 3, "*+", "!", S, 0}, {"iff", 3, 3, "*+", "!", S, 0},
    {"coalesce", 1, -1, "C+", "C", S, 0}, {"nvl", 2, 2, "C+", "C", S, 0}, {"ifnull", 2, 2, "C+", "C", S, 0},
    {"nvl2", 3, 3, "*CC", "C", S, 0}, {"nullif", 2, 2, "*+", "!", S, MN}, {"nanvl", 2, 2, "*+", "!", S, 0},
    {"zeroifnull", 1, 1, "N", "!", S, NN}, {"nullifzero", 1, 1, "N", "1", S, MN}, {"isnan", 1, 1, "d", "b", S, NN},
    {"greatest", 2, -1, "C+", "C", S, 0}, {"least", 2, -1, "C+", "C", S, 0},
    {"decode", 2, -1, "*+", "!", S, MN},
    {"assert_true", 1, 2, "bs", "!", S, MN}, {"raise_error", 1, 1, "s", "!", S, MN},
    {"typeof", 1, 1, "*", "s", S, NN},

    /* Mathematics. */
    {"abs", 1, 1, "N", "1", S, 0}, {"acos", 1, 1, "d", "d", S, 0}, {"acosh", 1, 1, "d", "d", S, 0},
    {"asin", 1, 1, "d", "d", S, 0}, {"asinh", 1, 1, "d", "d", S, 0}, {"atan", 1, 1, "d", "d", S, 0},
    {"atan2", 2, 2, "d+", "d", S, 0}, {"atanh", 1, 1, "d", "d", S, 0}, {"bin", 1, 1, "l", "s", S, 0},
    {"bround", 1, 2, "Ni", "!", S, 0}, {"cbrt", 1, 1, "d", "d", S, 0}, {"ceil", 1, 2, "Ni", "!", S, 0},
    {"ceiling", 1, 2, "Ni", "!", S, 0}, {"conv", 3, 3, "sii", "s", S, MN}, {"cos", 1, 1, "d", "d", S, 0},
    {"cosh", 1, 1, "d", "d", S, 0}, {"cot", 1, 1, "d", "d", S, 0}, {"csc", 1, 1, "d", "d", S, 0},
    {"degrees", 1, 1, "d", "d", S, 0}, {"e", 0, 0, "", "d", S, NN}, {"exp", 1, 1, "d", "d", S, 0},
    {"expm1", 1, 1, "d", "d", S, 0}, {"factorial", 1, 1, "i", "l", S, MN}, {"floor", 1, 2, "Ni", "!", S, 0},
    {"hypot", 2, 2, "d+", "d", S, 0}, {"ln", 1, 1, "d", "d", S, MN}, {"log", 1, 2, "d+", "d", S, MN},
    {"log10", 1, 1, "d", "d", S, MN}, {"log1p", 1, 1, "d", "d", S, MN}, {"log2", 1, 1, "d", "d", S, MN},
    {"pi", 0, 0, "", "d", S, NN}, {"pow", 2, 2, "d+", "d", S, 0}, {"power", 2, 2, "d+", "d", S, 0},
    {"radians", 1, 1, "d", "d", S, 0}, {"rand", 0, 1, "l", "d", S, VOL | NN}, {"random", 0, 1, "l", "d", S, VOL | NN},
    {"rint", 1, 1, "d", "d", S, 0}, {"round", 1, 2, "Ni", "!", S, 0}, {"sec", 1, 1, "d", "d", S, 0},
    {"sign", 1, 1, "d", "d", S, 0}, {"signum", 1, 1, "d", "d", S, 0}, {"sin", 1, 1, "d", "d", S, 0},
    {"sinh", 1, 1, "d", "d", S, 0}, {"sqrt", 1, 1, "d", "d", S, 0}, {"tan", 1, 1, "d", "d", S, 0},
    {"tanh", 1, 1, "d", "d", S, 0}, {"width_bucket", 4, 4, "dddl", "l", S, MN},

    /* Strings and binaries. */
    {"ascii", 1, 1, "s", "i", S, 0}, {"base64", 1, 1, "x", "s", S, 0}, {"bit_length", 1, 1, "X", "i", S, 0},
    {"btrim", 1, 2, "s+", "s", S, 0}, {"char", 1, 1, "l", "s", S, 0}, {"chr", 1, 1, "l", "s", S, 0},
    {"char_length", 1, 1, "X", "i", S, 0}, {"character_length", 1, 1, "X", "i", S, 0},
    {"concat", 0, -1, "*+", "!", S, 0}, {"||", 2, 2, "*+", "!", S, 0}, {"concat_ws", 1, -1, "*+", "!", S, 0},
    {"contains", 2, 2, "s+", "b", S, 0}, {"crc32", 1, 1, "x", "l", S, 0}, {"elt", 2, -1, "is+", "s", S, MN},
    {"encode", 2, 2, "s+", "x", S, 0}, {"endswith", 2, 2, "s+", "b", S, 0}, {"find_in_set", 2, 2, "s+", "i", S, 0},
    {"format_number", 2, 2, "N*", "s", S, MN}, {"format_string", 1, -1, "s*+", "s", S, 0},
    {"hash", 1, -1, "*+", "i", S, NN}, {"hex", 1, 1, "*", "!", S, 0}, {"initcap", 1, 1, "s", "s", S, 0},
    {"instr", 2, 2, "s+", "i", S, 0}, {"lcase", 1, 1, "s", "s", S, 0}, {"left", 2, 2, "si", "s", S, 0},
    {"len", 1, 1, "X", "i", S, 0}, {"length", 1, 1, "X", "i", S, 0}, {"levenshtein", 2, 3, "ssi", "i", S, 0},
    {"locate", 2, 3, "ssi", "i", S, 0}, {"lower", 1, 1, "s", "s", S, 0}, {"lpad", 2, 3, "sis", "s", S, 0},
    {"ltrim", 1, 2, "s+", "s", S, 0}, {"luhn_check", 1, 1, "s", "b", S, 0}, {"mask", 1, 5, "s+", "s", S, 0},
    {"md5", 1, 1, "x", "s", S, 0}, {"octet_length", 1, 1, "X", "i", S, 0}, {"overlay", 3, 4, "ssii", "s", S, 0},
    {"parse_url", 2, 3, "s+", "s", S, MN}, {"position", 2, 3, "ssi", "i", S, 0}, {"printf", 1, -1, "s*+", "s", S, 0},
    {"quote", 1, 1, "s", "s", S, 0},
    {"regexp_count", 2, 2, "s+", "i", S, 0}, {"regexp_extract", 2, 3, "ssi", "s", S, 0},
    {"regexp_extract_all", 2, 3, "ssi", "[s]", S, 0}, {"regexp_instr", 2, 3, "ssi", "i", S, 0},
    {"regexp_replace", 3, 4, "sssi", "s", S, 0}, {"regexp_substr", 2, 2, "s+", "s", S, MN},
    {"repeat", 2, 2, "si", "s", S, 0}, {"replace", 2, 3, "s+", "s", S, 0}, {"reverse", 1, 1, "*", "!", S, 0},
    {"right", 2, 2, "si", "s", S, 0}, {"rpad", 2, 3, "sis", "s", S, 0}, {"rtrim", 1, 2, "s+", "s", S, 0},
    {"sha", 1, 1, "x", "s", S, 0}, {"sha1", 1, 1, "x", "s", S, 0}, {"sha2", 2, 2, "xi", "s", S, MN},
    {"soundex", 1, 1, "s", "s", S, 0}, {"space", 1, 1, "i", "s", S, 0}, {"split", 2, 3, "ssi", "[s]", S, 0},
    {"split_part", 3, 3, "ssi", "s", S, 0}, {"startswith", 2, 2, "s+", "b", S, 0},
    {"substr", 2, 3, "sii", "s", S, 0}, {"substring", 2, 3, "sii", "s", S, 0},
    {"substring_index", 3, 3, "ssi", "s", S, 0}, {"to_binary", 1, 2, "s+", "x", S, 0},
    {"to_char", 2, 2, "*s", "s", S, 0}, {"to_varchar", 2, 2, "*s", "s", S, 0},
    {"to_number", 2, 2, "ss", "!", S, 0}, {"try_to_number", 2, 2, "ss", "!", S, MN},
    {"translate", 3, 3, "s+", "s", S, 0}, {"trim", 1, 2, "s+", "s", S, 0}, {"ucase", 1, 1, "s", "s", S, 0},
    {"unbase64", 1, 1, "s", "x", S, 0}, {"unhex", 1, 1, "s", "x", S, MN}, {"upper", 1, 1, "s", "s", S, 0},
    {"url_decode", 1, 1, "s", "s", S, 0}, {"url_encode", 1, 1, "s", "s", S, 0}, {"uuid", 0, 0, "", "s", S, VOL | NN},
    {"xxhash64", 1, -1, "*+", "l", S, NN},

    /* Dates and times. */
    {"add_months", 2, 2, "Di", "D", S, 0}, {"curdate", 0, 0, "", "D", S, QT | NN},
    {"current_date", 0, 0, "", "D", S, QT | NN}, {"current_timestamp", 0, 0, "", "T", S, QT | NN},
    {"current_timezone", 0, 0, "", "s", S, NN}, {"localtimestamp", 0, 0, "", "n", S, QT | NN},
    {"now", 0, 0, "", "T", S, QT | NN},
    {"date_add", 2, 3, "*+", "!", S, 0}, {"dateadd", 2, 3, "*+", "!", S, 0}, {"date_sub", 2, 2, "Di", "D", S, 0},
    {"date_diff", 2, 3, "*+", "!", S, 0}, {"datediff", 2, 3, "*+", "!", S, 0},
    {"timestampadd", 3, 3, "*+", "!", S, 0}, {"timestampdiff", 3, 3, "*+", "!", S, 0},
    {"date_format", 2, 2, "Ts", "s", S, 0}, {"date_from_unix_date", 1, 1, "i", "D", S, 0},
    {"date_part", 2, 2, "st", "!", S, 0}, {"datepart", 2, 2, "st", "!", S, 0}, {"extract", 2, 2, "st", "!", S, 0},
    {"date_trunc", 2, 2, "sT", "T", S, 0}, {"trunc", 2, 2, "Ds", "D", S, 0}, {"day", 1, 1, "D", "i", S, 0},
    {"dayname", 1, 1, "D", "s", S, 0}, {"dayofmonth", 1, 1, "D", "i", S, 0}, {"dayofweek", 1, 1, "D", "i", S, 0},
    {"dayofyear", 1, 1, "D", "i", S, 0}, {"from_unixtime", 1, 2, "ls", "s", S, 0},
    {"from_utc_timestamp", 2, 2, "Ts", "T", S, 0}, {"to_utc_timestamp", 2, 2, "Ts", "T", S, 0},
    {"hour", 1, 1, "t", "i", S, 0}, {"minute", 1, 1, "t", "i", S, 0}, {"second", 1, 1, "t", "i", S, 0},
    {"last_day", 1, 1, "D", "D", S, 0}, {"make_date", 3, 3, "i+", "D", S, 0},
    {"make_timestamp", 6, 7, "*+", "!", S, 0}, {"make_timestamp_ltz", 6, 7, "*+", "!", S, 0},
    {"make_timestamp_ntz", 6, 6, "*+", "!", S, 0}, {"try_make_timestamp", 6, 7, "*+", "!", S, MN}, {"make_interval", 0, 7, "iiiiiid", "!", S, 0},
    {"make_dt_interval", 0, 4, "iiid", "!", S, 0}, {"make_ym_interval", 0, 2, "i+", "!", S, 0},
    {"month", 1, 1, "D", "i", S, 0}, {"monthname", 1, 1, "D", "s", S, 0}, {"months_between", 2, 3, "TTb", "d", S, 0},
    {"next_day", 2, 2, "Ds", "D", S, 0}, {"quarter", 1, 1, "D", "i", S, 0},
    {"timestamp_micros", 1, 1, "l", "T", S, 0}, {"timestamp_millis", 1, 1, "l", "T", S, 0},
    {"timestamp_seconds", 1, 1, "N", "T", S, 0},
    {"to_date", 1, 2, "zs", "D", S, 0}, {"try_to_date", 1, 2, "zs", "D", S, MN},
    {"to_timestamp", 1, 2, "zs", "T", S, 0}, {"try_to_timestamp", 1, 2, "zs", "T", S, MN},
    {"to_timestamp_ltz", 1, 2, "zs", "T", S, 0}, {"to_timestamp_ntz", 1, 2, "zs", "n", S, 0},
    {"to_unix_timestamp", 1, 2, "zs", "l", S, 0}, {"unix_timestamp", 0, 2, "zs", "l", S, 0},
    {"unix_date", 1, 1, "D", "i", S, 0}, {"unix_micros", 1, 1, "T", "l", S, 0}, {"unix_millis", 1, 1, "T", "l", S, 0},
    {"unix_seconds", 1, 1, "T", "l", S, 0}, {"weekday", 1, 1, "D", "i", S, 0}, {"weekofyear", 1, 1, "D", "i", S, 0},
    {"year", 1, 1, "D", "i", S, 0}, {"window", 2, 4, "ts+", "!", S, 0}, {"window_time", 1, 1, "r", "T", S, 0},

    /* Type names as functions. */
    {"boolean", 1, 1, "*", "!", S, 0}, {"tinyint", 1, 1, "*", "!", S, 0}, {"smallint", 1, 1, "*", "!", S, 0},
    {"int", 1, 1, "*", "!", S, 0}, {"bigint", 1, 1, "*", "!", S, 0}, {"float", 1, 1, "*", "!", S, 0},
    {"double", 1, 1, "*", "!", S, 0}, {"decimal", 1, 1, "*", "!", S, 0}, {"string", 1, 1, "*", "!", S, 0},
    {"binary", 1, 1, "*", "!", S, 0}, {"date", 1, 1, "*", "!", S, 0}, {"timestamp", 1, 1, "*", "!", S, 0},

    /* Arrays, maps, structs. */
    {"array", 0, -1, "C+", "!", S, NN}, {"array_append", 2, 2, "a*", "!", S, 0},
    {"array_compact", 1, 1, "a", "1", S, 0}, {"array_contains", 2, 2, "ae", "b", S, 0},
    {"array_distinct", 1, 1, "a", "1", S, 0}, {"array_except", 2, 2, "S+", "1", S, 0},
    {"array_insert", 3, 3, "ai*", "!", S, 0}, {"array_intersect", 2, 2, "S+", "1", S, 0},
    {"array_join", 2, 3, "*ss", "!", S, 0}, {"array_max", 1, 1, "a", "e", S, MN}, {"array_min", 1, 1, "a", "e", S, MN},
    {"array_position", 2, 2, "ae", "l", S, 0}, {"array_prepend", 2, 2, "a*", "!", S, 0},
    {"array_remove", 2, 2, "ae", "1", S, 0}, {"array_repeat", 2, 2, "*i", "[1]", S, 0},
    {"array_size", 1, 1, "a", "i", S, 0}, {"array_sort", 1, 2, "a*", "!", S, LM},
    {"array_union", 2, 2, "S+", "1", S, 0}, {"arrays_overlap", 2, 2, "S+", "b", S, 0},
    {"arrays_zip", 1, -1, "a+", "!", S, 0}, {"cardinality", 1, 1, "*", "i", S, 0}, {"size", 1, 1, "*", "i", S, 0},
    {"element_at", 2, 2, "*+", "!", S, MN}, {"try_element_at", 2, 2, "*+", "!", S, MN},
    {"get", 2, 2, "ai", "e", S, MN}, {"flatten", 1, 1, "A", "e", S, 0}, {"sequence", 2, 3, "*+", "!", S, 0},
    {"shuffle", 1, 1, "a", "1", S, VOL}, {"slice", 3, 3, "aii", "1", S, 0}, {"sort_array", 1, 2, "ab", "1", S, 0},
    {"transform", 2, 2, "a*", "!", S, LM}, {"filter", 2, 2, "a*", "!", S, LM}, {"exists", 2, 2, "a*", "!", S, LM},
    {"forall", 2, 2, "a*", "!", S, LM},
    {"aggregate", 3, 4, "a*+", "!", S, LM}, {"reduce", 3, 4, "a*+", "!", S, LM},
    {"zip_with", 3, 3, "aa*", "!", S, LM}, {"map_filter", 2, 2, "m*", "!", S, LM},
    {"transform_keys", 2, 2, "m*", "!", S, LM}, {"transform_values", 2, 2, "m*", "!", S, LM},
    {"map", 0, -1, "*+", "!", S, NN}, {"map_concat", 0, -1, "m+", "!", S, 0},
    {"map_contains_key", 2, 2, "m*", "!", S, 0}, {"map_entries", 1, 1, "m", "!", S, 0},
    {"map_from_arrays", 2, 2, "aa", "!", S, 0}, {"map_from_entries", 1, 1, "a", "!", S, 0},
    {"map_keys", 1, 1, "m", "!", S, 0}, {"map_values", 1, 1, "m", "!", S, 0},
    {"named_struct", 2, -1, "*+", "!", S, NN}, {"struct", 0, -1, "*+", "!", S, NN},
    {"str_to_map", 1, 3, "s+", "!", S, 0},

    /* JSON and variants. */
    {"from_json", 2, 3, "s*+", "!", S, MN}, {"to_json", 1, 2, "*+", "s", S, 0},
    {"get_json_object", 2, 2, "s+", "s", S, MN}, {"json_array_length", 1, 1, "s", "i", S, MN},
    {"json_object_keys", 1, 1, "s", "[s]", S, MN}, {"schema_of_json", 1, 2, "s*", "s", S, 0},
    {"parse_json", 1, 1, "s", "v", S, 0}, {"try_parse_json", 1, 1, "s", "v", S, MN},
    {"variant_get", 3, 3, "vss", "!", S, MN}, {"try_variant_get", 3, 3, "vss", "!", S, MN},
    {"is_variant_null", 1, 1, "v", "b", S, NN}, {"to_variant_object", 1, 1, "*", "v", S, 0},
    {"schema_of_variant", 1, 1, "v", "s", S, 0},

    /* The session and the place of a row. */
    {"current_user", 0, 0, "", "!", S, NN}, {"user", 0, 0, "", "!", S, NN}, {"session_user", 0, 0, "", "!", S, NN},
    {"current_catalog", 0, 0, "", "!", S, NN}, {"current_database", 0, 0, "", "!", S, NN},
    {"current_schema", 0, 0, "", "!", S, NN}, {"version", 0, 0, "", "s", S, NN},
    {"monotonically_increasing_id", 0, 0, "", "l", S, VOL | NN}, {"spark_partition_id", 0, 0, "", "i", S, NN},
    {"input_file_name", 0, 0, "", "s", S, NN},

    /* Aggregates. */
    {"any", 1, 1, "b", "b", A, MN}, {"some", 1, 1, "b", "b", A, MN}, {"bool_or", 1, 1, "b", "b", A, MN},
    {"every", 1, 1, "b", "b", A, MN}, {"bool_and", 1, 1, "b", "b", A, MN}, {"any_value", 1, 2, "*b", "1", A, MN},
    {"approx_count_distinct", 1, 2, "*d", "l", A, NN}, {"approx_percentile", 2, 3, "*+", "!", A, MN},
    {"percentile_approx", 2, 3, "*+", "!", A, MN}, {"array_agg", 1, 1, "*", "[1]", A, NN},
    {"collect_list", 1, 1, "*", "[1]", A, NN}, {"collect_set", 1, 1, "*", "[1]", A, NN},
    {"avg", 1, 1, "*", "!", A, MN}, {"mean", 1, 1, "*", "!", A, MN}, {"try_avg", 1, 1, "*", "!", A, MN},
    {"bit_and", 1, 1, "I", "1", A, MN}, {"bit_or", 1, 1, "I", "1", A, MN}, {"bit_xor", 1, 1, "I", "1", A, MN},
    {"corr", 2, 2, "d+", "d", A, MN}, {"count", 0, -1, "*+", "l", A, NN}, {"count_if", 1, 1, "b", "l", A, NN},
    {"covar_pop", 2, 2, "d+", "d", A, MN}, {"covar_samp", 2, 2, "d+", "d", A, MN},
    {"first", 1, 2, "*b", "1", A, MN}, {"first_value", 1, 2, "*b", "1", A, MN},
    {"last", 1, 2, "*b", "1", A, MN}, {"last_value", 1, 2, "*b", "1", A, MN},
    {"grouping", 1, 1, "*", "!", A, NN}, {"grouping_id", 0, -1, "*+", "l", A, NN},
    {"kurtosis", 1, 1, "d", "d", A, MN}, {"skewness", 1, 1, "d", "d", A, MN},
    {"listagg", 1, 2, "ss", "s", A, MN}, {"string_agg", 1, 2, "ss", "s", A, MN},
    {"max", 1, 1, "o", "1", A, MN}, {"min", 1, 1, "o", "1", A, MN}, {"max_by", 2, 2, "*o", "1", A, MN},
    {"min_by", 2, 2, "*o", "1", A, MN}, {"median", 1, 1, "d", "d", A, MN}, {"mode", 1, 2, "*b", "1", A, MN},
    {"percentile", 2, 3, "*+", "!", A, MN}, {"percentile_cont", 1, 1, "*", "!", A, MN},
    {"percentile_disc", 1, 1, "*", "!", A, MN},
    {"regr_avgx", 2, 2, "d+", "d", A, MN}, {"regr_avgy", 2, 2, "d+", "d", A, MN}, {"regr_count", 2, 2, "d+", "l", A, NN},
    {"regr_intercept", 2, 2, "d+", "d", A, MN}, {"regr_r2", 2, 2, "d+", "d", A, MN}, {"regr_slope", 2, 2, "d+", "d", A, MN},
    {"regr_sxx", 2, 2, "d+", "d", A, MN}, {"regr_sxy", 2, 2, "d+", "d", A, MN}, {"regr_syy", 2, 2, "d+", "d", A, MN},
    {"std", 1, 1, "d", "d", A, MN}, {"stddev", 1, 1, "d", "d", A, MN}, {"stddev_pop", 1, 1, "d", "d", A, MN},
    {"stddev_samp", 1, 1, "d", "d", A, MN}, {"sum", 1, 1, "*", "!", A, MN}, {"try_sum", 1, 1, "*", "!", A, MN},
    {"var_pop", 1, 1, "d", "d", A, MN}, {"var_samp", 1, 1, "d", "d", A, MN}, {"variance", 1, 1, "d", "d", A, MN},

    /* Window functions. */
    {"row_number", 0, 0, "", "i", W, NN}, {"rank", 0, 0, "", "i", W, NN}, {"dense_rank", 0, 0, "", "i", W, NN},
    {"percent_rank", 0, 0, "", "d", W, NN}, {"cume_dist", 0, 0, "", "d", W, NN}, {"ntile", 0, 1, "i", "i", W, NN},
    {"lag", 1, 3, "*+", "!", W, MN}, {"lead", 1, 3, "*+", "!", W, MN}, {"nth_value", 2, 3, "*ib", "1", W, MN},

    /* Generators: their columns are in resolve_gen.c. */
    {"explode", 1, 1, "*", "!", G, 0}, {"explode_outer", 1, 1, "*", "!", G, 0},
    {"posexplode", 1, 1, "*", "!", G, 0}, {"posexplode_outer", 1, 1, "*", "!", G, 0},
    {"inline", 1, 1, "a", "!", G, 0}, {"inline_outer", 1, 1, "a", "!", G, 0}, {"stack", 2, -1, "*+", "!", G, 0},
    {"json_tuple", 2, -1, "s+", "!", G, 0}, {"variant_explode", 1, 1, "v", "!", G, 0},
    {"variant_explode_outer", 1, 1, "v", "!", G, 0},
};

static struct map *by_name;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void index_table(void)
{
    by_name = map_new();
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        void *before = map_put(by_name, str_z(table[i].name), (void *)&table[i]);
        CHECK(!before);
    }
}

const struct fn_sig *fn_find(struct str name)
{
    pthread_once(&once, index_table);
    return map_get(by_name, name);
}

const struct fn_sig *fn_at(size_t n)
{
    return n < COUNT_OF(table) ? &table[n] : NULL;
}

static bool any_of(const struct exprs *list, bool (*fn)(const struct expr *e, void *ctx), void *ctx)
{
    for (size_t i = 0; i < list->count; i++)
        if (expr_any(list->items[i], fn, ctx))
            return true;
    return false;
}

/* The depth is that of a plan, which PLAN_MAX_DEPTH bounds. */
bool expr_any(const struct expr *e, bool (*fn)(const struct expr *e, void *ctx), void *ctx)
{
    if (!e)
        return false;
    return fn(e, ctx) || any_of(&e->args, fn, ctx) || any_of(&e->partition, fn, ctx) ||
           any_of(&e->order, fn, ctx) || expr_any(e->filter, fn, ctx);
}

bool expr_is_aggregate(const struct expr *e)
{
    const struct fn_sig *f = e->kind == EXPR_CALL ? fn_find(e->func) : NULL;
    return f && f->kind == FN_AGGREGATE;
}

bool expr_has_aggregate(const struct expr *e)
{
    if (!e)
        return false;
    if (expr_is_aggregate(e))
        return true;
    size_t from = 0;
    if (e->kind == EXPR_WINDOW) { /* the window's function is no aggregate, its arguments may hold one */
        const struct expr *f = e->args.items[0];
        for (size_t i = 0; i < f->args.count; i++)
            if (expr_has_aggregate(f->args.items[i]))
                return true;
        from = 1;
    }
    const struct exprs *lists[] = {&e->args, &e->partition, &e->order};
    for (size_t l = 0; l < COUNT_OF(lists); l++)
        for (size_t i = l ? 0 : from; i < lists[l]->count; i++)
            if (expr_has_aggregate(lists[l]->items[i]))
                return true;
    return false;
}

static bool is_window(const struct expr *e, void *ctx)
{
    (void)ctx;
    return e->kind == EXPR_WINDOW;
}

bool expr_has_window(const struct expr *e)
{
    return expr_any(e, is_window, NULL);
}

static bool has_flag(const struct expr *e, void *ctx)
{
    const struct fn_sig *f = e->kind == EXPR_CALL ? fn_find(e->func) : NULL;
    return f && (f->flags & *(unsigned *)ctx);
}

bool expr_has_flag(const struct expr *e, unsigned flags)
{
    return expr_any(e, has_flag, &flags);
}

bool expr_same(const struct expr *x, const struct expr *y)
{
    return expr_alike(x, y, true);
}
