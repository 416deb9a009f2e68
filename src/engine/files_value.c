/* files_value -- the typed value of a field of a text file, as Spark's CSV and JSON parsers take it.
 *
 * Each is a DuckDB expression over the raw text that is NULL where Spark's parser would refuse the
 * text: no blanks around integers, only true and false as booleans, no text where JSON has numbers. */
#include "engine/files_int.h"

enum text_rule { RULE_TRY, RULE_PLAIN, RULE_INTEGER, RULE_REAL, RULE_DECIMAL, RULE_BOOLEAN, RULE_DATE, RULE_TIMESTAMP, RULE_BINARY };
static const enum text_rule TEXT_RULES[TYPE_UNKNOWN + 1] = {
    [TYPE_STRING] = RULE_PLAIN, [TYPE_CHAR] = RULE_PLAIN, [TYPE_VARCHAR] = RULE_PLAIN,
    [TYPE_BYTE] = RULE_INTEGER, [TYPE_SHORT] = RULE_INTEGER, [TYPE_INT] = RULE_INTEGER,
    [TYPE_LONG] = RULE_INTEGER, [TYPE_BOOLEAN] = RULE_BOOLEAN, [TYPE_DATE] = RULE_DATE,
    [TYPE_TIMESTAMP] = RULE_TIMESTAMP, [TYPE_TIMESTAMP_NTZ] = RULE_TIMESTAMP,
    [TYPE_FLOAT] = RULE_REAL, [TYPE_DOUBLE] = RULE_REAL, [TYPE_DECIMAL] = RULE_DECIMAL,
    [TYPE_BINARY] = RULE_BINARY, [TYPE_STRUCT] = RULE_PLAIN, [TYPE_ARRAY] = RULE_PLAIN, [TYPE_MAP] = RULE_PLAIN,
};

static bool is_nested(const struct type *t)
{
    return t->kind == TYPE_STRUCT || t->kind == TYPE_ARRAY || t->kind == TYPE_MAP;
}

bool file_value_may_fail(const struct type *t)
{
    return TEXT_RULES[t->kind] != RULE_PLAIN || is_nested(t);
}

static void cast_to(struct buf *out, const char *function, struct str text, const struct type *t)
{
    buf_printf(out, "%s(%.*s AS ", function, STR_ARGS(text));
    type_write_duck(out, t);
    buf_char(out, ')');
}

/* The option that says how text of type `t` is written; NONE: Spark's own forms. */
static struct str time_pattern(const struct file_source *f, const struct type *t)
{
    return file_source_option(f, t->kind == TYPE_DATE ? "dateFormat"
                                 : t->kind == TYPE_TIMESTAMP ? "timestampFormat" : "timestampNTZFormat");
}

/* Writes the expression over `raw`, an expression of type VARCHAR. */
static int value_of_text(const struct file_source *f, const struct type *t, struct str raw, struct buf *out,
                         struct err *err)
{
    struct str pattern = time_pattern(f, t);
    bool csv = str_eqz(str_z(f->format->name), "csv");
    switch (TEXT_RULES[t->kind]) {
    case RULE_PLAIN:
        buf_str(out, raw);
        return is_nested(t) ? file_err(f, ERR_UNSUPPORTED, err, "a text file has no column of type", STR("nested"),
                                       "read it as STRING and use from_json()") : 0;
    case RULE_INTEGER:
        buf_printf(out, "CASE WHEN regexp_full_match(%.*s, '[+-]?[0-9]+') THEN ", STR_ARGS(raw));
        cast_to(out, "TRY_CAST", raw, t);
        buf_z(out, " END");
        return 0;
    case RULE_REAL: /* what Java's parseDouble takes */
        buf_printf(out, "CASE WHEN regexp_full_match(%.*s, '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?\\s*') "
                        "THEN TRY_CAST(rtrim(trim(%.*s), 'dDfF') AS ", STR_ARGS(raw), STR_ARGS(raw));
        type_write_duck(out, t);
        buf_printf(out, ") WHEN %.*s IN ('NaN', 'Inf', '-Inf', 'Infinity', '-Infinity') THEN ", STR_ARGS(raw));
        cast_to(out, "CAST", raw, t);
        buf_z(out, " END");
        return 0;
    case RULE_DECIMAL: /* commas group digits */
        buf_printf(out, "CASE WHEN regexp_full_match(%.*s, '[+-]?([0-9,]+\\.?[0-9,]*|\\.[0-9,]+)([eE][+-]?[0-9]+)?') "
                        "THEN TRY_CAST(replace(%.*s, ',', '') AS ", STR_ARGS(raw), STR_ARGS(raw));
        type_write_duck(out, t);
        buf_z(out, ") END");
        return 0;
    case RULE_BOOLEAN:
        buf_printf(out, "CASE lower(%.*s) WHEN 'true' THEN true WHEN 'false' THEN false END", STR_ARGS(raw));
        return 0;
    case RULE_DATE:
    case RULE_TIMESTAMP:
        if (pattern.ptr) {
            buf_printf(out, "CAST(spark_parse_time(%.*s, ", STR_ARGS(raw));
            duck_quote_text(out, pattern);
            buf_z(out, ", false) AS ");
            type_write_duck(out, t);
            buf_char(out, ')');
        } else if (t->kind == TYPE_TIMESTAMP_NTZ) { /* a zone would be lost */
            buf_printf(out, "CASE WHEN NOT regexp_matches(%.*s, '[0-9](Z|[+-][0-9]{1,2}:?[0-9]{2})$') THEN "
                            "spark_utc(spark_try_timestamp_ntz(%.*s)) END", STR_ARGS(raw), STR_ARGS(raw));
        } else {
            buf_printf(out, "%s(%.*s)", t->kind == TYPE_DATE ? "spark_try_date" : "spark_try_timestamp", STR_ARGS(raw));
        }
        return 0;
    case RULE_BINARY:
        buf_printf(out, csv ? "encode(%.*s)" : "TRY(from_base64(%.*s))", STR_ARGS(raw));
        return 0;
    case RULE_TRY:
        cast_to(out, "TRY_CAST", raw, t);
        return 0;
    }
    UNREACHABLE();
}

void file_raw_name(struct buf *out, struct str name)
{
    buf_z(out, "r.");
    duck_quote_ident(out, name);
}

int csv_value(const struct file_source *f, const struct type_field *field, struct buf *out, struct err *err)
{
    struct buf raw;
    buf_init(&raw);
    file_raw_name(&raw, field->name);
    int rc = value_of_text(f, field->type, buf_view(&raw), out, err);
    buf_release(&raw);
    return rc;
}

static void nested_json(const struct type *t, struct str raw, struct buf *out)
{
    struct buf type, quoted;
    buf_init(&type);
    buf_init(&quoted);
    type_write_duck(&type, t);
    json_quote(&quoted, buf_view(&type));
    buf_printf(out, "CASE WHEN json_type(%.*s) = '%s' THEN TRY(json_transform(%.*s, ", STR_ARGS(raw),
               t->kind == TYPE_ARRAY ? "ARRAY" : "OBJECT", STR_ARGS(raw));
    duck_quote_text(out, buf_view(&quoted));
    buf_z(out, ")) END");
    buf_release(&quoted);
    buf_release(&type);
}

int json_value(const struct file_source *f, const struct type_field *field, struct buf *out, struct err *err)
{
    struct buf raw, text;
    enum text_rule rule = TEXT_RULES[field->type->kind];
    int rc = 0;
    buf_init(&raw);
    buf_init(&text);
    file_raw_name(&raw, field->name);
    buf_printf(&text, "(%s->>'$')", raw.ptr);
    if (is_nested(field->type)) {
        nested_json(field->type, buf_view(&raw), out);
    } else if (rule == RULE_INTEGER || rule == RULE_BOOLEAN || rule == RULE_REAL) { /* of a string, only NaN and its like */
        buf_printf(out, "CASE WHEN NOT starts_with(CAST(%s AS VARCHAR), '\"')", raw.ptr);
        if (rule == RULE_REAL)
            buf_printf(out, " OR CAST(%s AS VARCHAR) IN ('\"NaN\"', '\"Infinity\"', '\"-Infinity\"', '\"INF\"', '\"-INF\"')", raw.ptr);
        buf_z(out, " THEN ");
        rc = value_of_text(f, field->type, buf_view(&text), out, err);
        buf_z(out, " END");
    } else {
        rc = value_of_text(f, field->type, buf_view(&text), out, err);
    }
    buf_release(&text);
    buf_release(&raw);
    return rc;
}
