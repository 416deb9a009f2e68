/* files_read -- the rows of data files as a DuckDB relation, with Spark's PERMISSIVE reading.
 *
 * Two levels. The inner relation gives raw columns: text for csv, JSON values for json, typed
 * columns for parquet. It is a UNION ALL BY NAME with an empty relation of all raw columns, so a
 * column that no file has is NULL. The outer one types each raw value with an expression that is
 * NULL where Spark's parser would reject it, collects rejected fields into the rescued-data column,
 * and adds `_metadata`:
 *
 *     (SELECT <typed a> AS "a", …, <rescued>, struct_pack(file_path := …) AS "_metadata"
 *      FROM (SELECT * FROM read_csv([…], all_varchar = true, …) UNION ALL BY NAME
 *            SELECT NULL::VARCHAR AS "a", … WHERE false))                                        */
#include "engine/files_int.h"

/* ---------------------------------------------------------------- typed values from text */

enum text_rule { RULE_PLAIN, RULE_INTEGER, RULE_BOOLEAN, RULE_DATE, RULE_TIMESTAMP, RULE_TRY };
static const enum text_rule TEXT_RULES[TYPE_UNKNOWN + 1] = {
    [TYPE_STRING] = RULE_PLAIN, [TYPE_CHAR] = RULE_PLAIN, [TYPE_VARCHAR] = RULE_PLAIN,
    [TYPE_BYTE] = RULE_INTEGER, [TYPE_SHORT] = RULE_INTEGER, [TYPE_INT] = RULE_INTEGER,
    [TYPE_LONG] = RULE_INTEGER, [TYPE_BOOLEAN] = RULE_BOOLEAN, [TYPE_DATE] = RULE_DATE,
    [TYPE_TIMESTAMP] = RULE_TIMESTAMP, [TYPE_TIMESTAMP_NTZ] = RULE_TIMESTAMP,
    [TYPE_FLOAT] = RULE_TRY, [TYPE_DOUBLE] = RULE_TRY, [TYPE_DECIMAL] = RULE_TRY,
    [TYPE_BINARY] = RULE_TRY, [TYPE_VARIANT] = RULE_TRY,
};

/* Java's pattern letters as strptime's, for the patterns that data files really use. */
static int strptime_pattern(const struct file_source *f, struct str java, struct buf *out, struct err *err)
{
    static const struct { const char *java, *c; } LETTERS[] = {
        {"yyyy", "%Y"}, {"yy", "%y"}, {"MMMM", "%B"}, {"MMM", "%b"}, {"MM", "%m"}, {"M", "%-m"},
        {"dd", "%d"}, {"d", "%-d"}, {"HH", "%H"}, {"H", "%-H"}, {"hh", "%I"}, {"h", "%-I"},
        {"mm", "%M"}, {"ss", "%S"}, {"SSSSSS", "%f"}, {"SSS", "%g"}, {"a", "%p"}, {"XXX", "%z"},
        {"Z", "%z"}, {"EEE", "%a"}, {"'T'", "T"}, {"'Z'", "Z"},
    };
    for (struct str s = java; s.len;) {
        size_t i;
        for (i = 0; i < COUNT_OF(LETTERS); i++)
            if (str_starts_z(s, LETTERS[i].java))
                break;
        if (i < COUNT_OF(LETTERS)) {
            buf_z(out, LETTERS[i].c);
            s = str_from(s, strlen(LETTERS[i].java));
        } else if (strchr("GuQqLwWeFkKnNVzOxX", s.ptr[0]) || s.ptr[0] == '\'') {
            return file_err(f, ERR_UNSUPPORTED, err, "date pattern is not supported here:", java,
                            "read the column as STRING and use to_date()");
        } else {
            buf_char(out, s.ptr[0]);
            s = str_from(s, 1);
        }
    }
    return 0;
}

static int formatted_time(const struct file_source *f, const struct type *t, struct str raw, struct str pattern,
                          struct buf *out, struct err *err)
{
    struct buf c;
    buf_init(&c);
    int rc = strptime_pattern(f, pattern, &c, err);
    if (rc == 0) {
        buf_printf(out, "CAST(try_strptime(%.*s, ", STR_ARGS(raw));
        duck_quote_text(out, buf_view(&c));
        buf_z(out, ") AS ");
        type_write_duck(out, t);
        buf_char(out, ')');
    }
    buf_release(&c);
    return rc;
}

/* Writes `raw` (an expression of type VARCHAR) as a value of type `t`, NULL where it does not parse. */
static int value_of_text(const struct file_source *f, const struct type *t, struct str raw, struct buf *out,
                         struct err *err)
{
    struct str pattern = file_source_option(f, t->kind == TYPE_DATE ? "dateFormat" : "timestampFormat");
    switch (TEXT_RULES[t->kind]) {
    case RULE_PLAIN:
        buf_str(out, raw);
        return t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR
                   ? 0 : file_err(f, ERR_UNSUPPORTED, err, "a text file has no column of type", STR("nested"), "read it as STRING and use from_json()");
    case RULE_INTEGER:
        buf_printf(out, "CASE WHEN regexp_full_match(%.*s, '[+-]?[0-9]+') THEN TRY_CAST(%.*s AS ",
                   STR_ARGS(raw), STR_ARGS(raw));
        type_write_duck(out, t);
        buf_z(out, ") END");
        return 0;
    case RULE_BOOLEAN:
        buf_printf(out, "CASE lower(%.*s) WHEN 'true' THEN true WHEN 'false' THEN false END", STR_ARGS(raw));
        return 0;
    case RULE_DATE:
        if (pattern.ptr)
            return formatted_time(f, t, raw, pattern, out, err);
        buf_printf(out, "CASE WHEN regexp_full_match(%.*s, '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ T].*)?') "
                        "THEN TRY_CAST(%.*s AS DATE) END", STR_ARGS(raw), STR_ARGS(raw));
        return 0;
    case RULE_TIMESTAMP:
        if (pattern.ptr)
            return formatted_time(f, t, raw, pattern, out, err);
        /* fall through */
    case RULE_TRY:
        buf_printf(out, "TRY_CAST(%.*s AS ", STR_ARGS(raw));
        type_write_duck(out, t);
        buf_char(out, ')');
        return 0;
    }
    UNREACHABLE();
}

static void raw_name(struct buf *out, struct str name)
{
    buf_z(out, "r.");
    duck_quote_ident(out, name);
}

static int csv_value(const struct file_source *f, const struct type_field *field, struct buf *out, struct err *err)
{
    struct buf raw, trimmed;
    buf_init(&raw);
    buf_init(&trimmed);
    raw_name(&raw, field->name);
    bool front = file_source_flag(f, "ignoreLeadingWhiteSpace", false),
         back = file_source_flag(f, "ignoreTrailingWhiteSpace", false);
    if (front || back)
        buf_printf(&trimmed, "%s(%s)", front && back ? "trim" : front ? "ltrim" : "rtrim", raw.ptr);
    int rc = value_of_text(f, field->type, buf_view(front || back ? &trimmed : &raw), out, err);
    buf_release(&raw);
    buf_release(&trimmed);
    return rc;
}

static bool is_nested(const struct type *t)
{
    return t->kind == TYPE_STRUCT || t->kind == TYPE_ARRAY || t->kind == TYPE_MAP;
}

static int json_value(const struct file_source *f, const struct type_field *field, struct buf *out, struct err *err)
{
    struct buf raw;
    int rc = 0;
    buf_init(&raw);
    raw_name(&raw, field->name);
    if (is_nested(field->type)) {
        struct buf t;
        buf_init(&t);
        type_write_duck(&t, field->type);
        buf_printf(out, "TRY(json_transform(%s, ", raw.ptr);
        struct buf q;
        buf_init(&q);
        json_quote(&q, buf_view(&t));
        duck_quote_text(out, buf_view(&q));
        buf_z(out, "))");
        buf_release(&q);
        buf_release(&t);
    } else {
        struct buf text;
        buf_init(&text);
        buf_printf(&text, "(%s->>'$')", raw.ptr);
        rc = value_of_text(f, field->type, buf_view(&text), out, err);
        buf_release(&text);
    }
    buf_release(&raw);
    return rc;
}

/* ---------------------------------------------------------------- raw relations, one a format */

static void file_list(struct buf *out, const struct data_file *files, size_t count)
{
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_z(out, ", ");
        duck_quote_text(out, files[i].path);
    }
    buf_char(out, ']');
}

static void text_param(struct buf *out, const struct file_source *f, const char *option, const char *param,
                       const char *otherwise)
{
    struct str v = file_source_option(f, option);
    if (!v.ptr && !otherwise)
        return;
    buf_printf(out, ", %s = ", param);
    struct str text = v.ptr ? v : str_z(otherwise);
    duck_quote_text(out, str_eqz(text, "\\t") ? STR("\t") : text);
}

/* True if the path of `f`'s files has partition folders (k=v) that give columns. */
static bool has_partitions(const struct file_source *f)
{
    for (size_t i = f->data_columns; f->schema && i < f->schema->field_count; i++)
        if (!str_eq(f->schema->fields[i].name, f->rescued) && !str_eqz(f->schema->fields[i].name, "_metadata"))
            return true;
    return false;
}

static void csv_params(const struct file_source *f, struct buf *out)
{
    const char *sep = file_source_option(f, "delimiter").ptr ? "delimiter" : "sep";
    text_param(out, f, sep, "delim", ",");
    text_param(out, f, "quote", "quote", "\"");
    bool quoted = !file_source_option(f, "quote").ptr || file_source_option(f, "quote").len;
    text_param(out, f, "escape", "escape", quoted ? "\\" : "");
    text_param(out, f, "nullValue", "nullstr", NULL);
    text_param(out, f, "comment", "comment", NULL);
    buf_printf(out, ", header = %s", file_source_flag(f, "header", false) ? "true" : "false");
    buf_z(out, ", null_padding = true, strict_mode = false, filename = true");
}

static int csv_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                   struct err *err)
{
    (void)err;
    buf_z(out, "SELECT * FROM read_csv(");
    file_list(out, files, count);
    csv_params(f, out);
    buf_printf(out, ", all_varchar = true, union_by_name = true, auto_detect = %s, parallel = false",
               file_source_flag(f, "header", false) ? "true" : "false");
    if (has_partitions(f))
        buf_z(out, ", hive_partitioning = true, hive_types_autocast = false");
    if (!file_source_flag(f, "header", false)) {
        buf_z(out, ", columns = {");
        for (size_t i = 0; i < f->data_columns; i++) {
            if (i)
                buf_z(out, ", ");
            duck_quote_text(out, f->schema->fields[i].name);
            buf_z(out, ": 'VARCHAR'");
        }
        buf_char(out, '}');
    }
    buf_char(out, ')');
    return 0;
}

static int json_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                    struct err *err)
{
    (void)err;
    bool multi = file_source_flag(f, "multiLine", false);
    buf_z(out, "SELECT * FROM read_json(");
    file_list(out, files, count);
    buf_printf(out, ", format = '%s'%s, filename = true, columns = {", multi ? "auto" : "newline_delimited",
               multi ? "" : ", ignore_errors = true");
    for (size_t i = 0; i < f->data_columns; i++) {
        if (i)
            buf_z(out, ", ");
        duck_quote_text(out, f->schema->fields[i].name);
        buf_z(out, ": 'JSON'");
    }
    buf_z(out, "}");
    if (has_partitions(f))
        buf_z(out, ", hive_partitioning = true, hive_types_autocast = false");
    buf_char(out, ')');
    return 0;
}

static int parquet_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                       struct err *err)
{
    (void)err;
    buf_z(out, "SELECT * FROM read_parquet(");
    file_list(out, files, count);
    buf_printf(out, ", union_by_name = true, filename = true%s)",
               has_partitions(f) ? ", hive_partitioning = true, hive_types_autocast = false" : "");
    return 0;
}

static int text_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                    struct err *err)
{
    (void)err;
    if (file_source_flag(f, "wholetext", false)) {
        buf_z(out, "SELECT content AS \"value\", filename FROM read_text(");
        file_list(out, files, count);
        buf_char(out, ')');
        return 0;
    }
    buf_z(out, "SELECT * FROM read_csv(");
    file_list(out, files, count);
    buf_z(out, ", columns = {'value': 'VARCHAR'}, auto_detect = false, header = false, delim = '\\x1f', quote = '', "
               "escape = '', filename = true)");
    return 0;
}

static int binary_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                      struct err *err)
{
    (void)f;
    (void)err;
    buf_z(out, "SELECT 'file:' || filename AS \"path\", last_modified::TIMESTAMPTZ AS \"modificationTime\", "
               "\"size\" AS \"length\", \"content\", filename FROM read_blob(");
    file_list(out, files, count);
    buf_char(out, ')');
    return 0;
}

static const struct file_format FORMATS[] = {
    {"csv", csv_raw, csv_value, "read_csv", NULL, true},
    {"json", json_raw, json_value, "read_json", NULL, true},
    {"parquet", parquet_raw, NULL, "read_parquet", NULL, false},
    {"text", text_raw, NULL, NULL, "value STRING", false},
    {"binaryFile", binary_raw, NULL, NULL, "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY", false},
};

const struct file_format *file_format_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(FORMATS); i++)
        if (str_ieqz(name, FORMATS[i].name))
            return &FORMATS[i];
    return NULL;
}

/* ---------------------------------------------------------------- the schema */

/* What Spark infers: nothing narrower than INT, times as instants, BIGINT only where needed. */
static const struct type *inferred_type(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BYTE:
    case TYPE_SHORT:
        return type_of(TYPE_INT);
    case TYPE_TIMESTAMP_NTZ:
        return type_of(TYPE_TIMESTAMP);
    case TYPE_NULL:
    case TYPE_UNKNOWN:
        return type_of(TYPE_STRING);
    default:
        return t;
    }
}

static int infer(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files,
                 size_t count, struct err *err)
{
    bool csv = f->format->value == csv_value, typed = file_source_flag(f, "inferColumnTypes", file_source_flag(f, "inferSchema", true)) &&
                                                      !file_source_flag(f, "primitivesAsString", false);
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "SELECT * FROM %s(", f->format->infer_function);
    file_list(&sql, files, count < FILES_INFER_SAMPLE ? count : FILES_INFER_SAMPLE);
    if (csv) {
        csv_params(f, &sql);
        buf_z(&sql, typed ? ", sample_size = -1, auto_type_candidates = ['BOOLEAN','INTEGER','BIGINT','DOUBLE','DATE','TIMESTAMP','VARCHAR']"
                          : ", all_varchar = true");
    } else if (f->format->value == json_value) {
        buf_printf(&sql, ", format = '%s', filename = true, sample_size = -1, maximum_depth = %d",
                   file_source_flag(f, "multiLine", false) ? "auto" : "newline_delimited", typed ? -1 : 1);
    } else {
        buf_z(&sql, ", filename = true");
    }
    buf_z(&sql, ", union_by_name = true) LIMIT 0");
    struct duck_result *r = duck_query(c, buf_view(&sql), err);
    buf_release(&sql);
    if (!r)
        return err_wrap(err, "cannot infer the schema of '%.*s'", STR_ARGS(f->uri));
    size_t n = duck_cols(r), kept = 0;
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, n + 1);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct str name = duck_col_name(r, i);
        if (str_eqz(name, "filename"))
            continue;
        const struct type *t = type_read_duck(a, duck_col_type_text(r, i), err);
        if (!t)
            rc = -1;
        else
            fields[kept++] = (struct type_field){csv && !file_source_flag(f, "header", false) ? str_fmt(a, "_c%zu", i) : str_copy(a, name),
                                                 f->format->value == json_value && !typed ? type_of(TYPE_STRING) : inferred_type(t), true, STR_NONE, NULL};
    }
    duck_result_free(r);
    f->schema = type_struct(a, fields, kept);
    return rc;
}

/* Columns of the struct `extra` replace those of the same name in `base` or are added after them. */
static const struct type *merged(struct arena *a, const struct type *base, const struct type *extra)
{
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, base->field_count + extra->field_count);
    size_t n = 0;
    for (size_t i = 0; i < base->field_count; i++) {
        const struct type_field *hint = type_field_find(extra, base->fields[i].name);
        fields[n++] = hint ? (struct type_field){base->fields[i].name, hint->type, true, hint->comment, NULL} : base->fields[i];
    }
    for (size_t i = 0; i < extra->field_count; i++)
        if (!type_field_find(base, extra->fields[i].name))
            fields[n++] = extra->fields[i];
    return type_struct(a, fields, n);
}

/* Partition columns from `k=v` folders below the root; strings, as a folder's name is. */
static const struct type *partition_columns(const struct file_source *f, struct arena *a, const struct data_file *files, size_t count)
{
    struct type_field fields[32];
    size_t n = 0;
    if (count) {
        struct str rest = str_from(files[0].path, f->single_file ? files[0].path.len : f->root.len), part;
        while (str_split(&rest, '/', &part)) {
            int64_t eq = str_chr(part, '=');
            if (eq > 0 && rest.len && n < COUNT_OF(fields))
                fields[n++] = (struct type_field){str_copy(a, str_sub(part, 0, (size_t)eq)), type_of(TYPE_STRING), true, STR_NONE, NULL};
        }
    }
    return type_struct(a, fields, n);
}

static const struct type *metadata_type(struct arena *a)
{
    const struct type_field fields[] = {
        {STR("file_path"), type_of(TYPE_STRING), false, STR_NONE, NULL},
        {STR("file_name"), type_of(TYPE_STRING), false, STR_NONE, NULL},
        {STR("file_size"), type_of(TYPE_LONG), false, STR_NONE, NULL},
        {STR("file_modification_time"), type_of(TYPE_TIMESTAMP), false, STR_NONE, NULL},
    };
    return type_struct(a, fields, COUNT_OF(fields));
}

static void add_hidden(struct file_source *f, struct arena *a, const struct type *partitions)
{
    size_t n = f->schema->field_count, at = n;
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, n + partitions->field_count + 2);
    for (size_t i = 0; i < n; i++)
        fields[i] = f->schema->fields[i];
    for (size_t i = 0; i < partitions->field_count; i++)
        fields[at++] = partitions->fields[i];
    if (f->rescued.ptr && !type_field_find(f->schema, f->rescued))
        fields[at++] = (struct type_field){f->rescued, type_of(TYPE_STRING), true, STR_NONE, NULL};
    struct doc *mark = doc_new_object(a);
    doc_set(a, mark, STR(TYPE_FIELD_HIDDEN), doc_new_bool(a, true));
    fields[at++] = (struct type_field){STR("_metadata"), metadata_type(a), false, STR_NONE, mark};
    f->data_columns = n;
    f->schema = type_struct(a, fields, at);
}

int file_source_schema(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files,
                       size_t count, struct err *err)
{
    struct str declared = file_source_option(f, "schema"), hints = file_source_option(f, "schemaHints");
    if (!f->format && count)
        f->format = file_format_find(str_ends_z(files[0].path, ".csv") ? STR("csv") : str_ends_z(files[0].path, ".parquet") ? STR("parquet") : STR("json"));
    if (!f->format)
        return file_err(f, ERR_INPUT, err, "cannot tell the format of", f->uri, "say format => 'csv' (or json, parquet, text)");
    if (f->format->fixed)
        declared = str_z(f->format->fixed);
    if (declared.ptr && !f->schema) {
        f->schema = type_read_ddl(a, declared, err);
        if (!f->schema)
            return err_locate(err, f->at.file, f->at.line, f->at.col);
    }
    f->declared = f->schema != NULL;
    struct str rescued = file_source_option(f, "rescuedDataColumn");
    bool evolve_none = str_ieqz(file_source_option(f, "schemaEvolutionMode"), "none");
    f->rescued = rescued.ptr ? rescued : f->format->rescues && !f->declared && !evolve_none ? STR("_rescued_data") : STR_NONE;
    if (!f->declared) {
        if (!count)
            return file_err(f, ERR_INPUT, err, "[CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE] no file to infer a schema from below", f->uri,
                            "declare one with schema => '…', or land a file first");
        if (infer(f, a, c, files, count, err))
            return -1;
    }
    if (hints.ptr) {
        const struct type *h = type_read_ddl(a, hints, err);
        if (!h)
            return err_locate(err, f->at.file, f->at.line, f->at.col);
        f->schema = merged(a, f->schema, h);
    }
    const struct type *partitions = partition_columns(f, a, files, count), *fresh = type_struct(a, NULL, 0);
    for (size_t i = 0; i < partitions->field_count; i++)
        if (!type_field_find(f->schema, partitions->fields[i].name))
            fresh = merged(a, fresh, type_struct(a, &partitions->fields[i], 1));
    add_hidden(f, a, fresh);
    return 0;
}

/* ---------------------------------------------------------------- printing */

static void empty_raw(const struct file_source *f, struct buf *out)
{
    buf_z(out, "SELECT ");
    for (size_t i = 0; i < f->schema->field_count; i++) {
        const struct type_field *field = &f->schema->fields[i];
        if (str_eqz(field->name, "_metadata") || (f->rescued.ptr && str_eq(field->name, f->rescued)))
            continue;
        buf_z(out, "NULL::");
        if (f->format->value && i < f->data_columns)
            buf_z(out, f->format->value == json_value ? "JSON" : "VARCHAR");
        else
            type_write_duck(out, field->type);
        buf_z(out, " AS ");
        duck_quote_ident(out, field->name);
        buf_z(out, ", ");
    }
    buf_z(out, "NULL::VARCHAR AS filename WHERE false");
}

static int print_value(const struct file_source *f, const struct type_field *field, bool data, struct buf *out, struct err *err)
{
    if (data && f->format->value)
        return f->format->value(f, field, out, err);
    buf_z(out, "CAST(");
    raw_name(out, field->name);
    buf_z(out, " AS ");
    type_write_duck(out, field->type);
    buf_char(out, ')');
    return 0;
}

/* {"column":"raw text",…,"_file_path":"…"} of the fields that did not parse; NULL if all did. */
static int print_rescued(const struct file_source *f, struct buf *out, struct err *err)
{
    struct buf fields;
    int rc = 0, n = 0;
    buf_init(&fields);
    for (size_t i = 0; i < f->data_columns && f->format->value && rc == 0; i++) {
        const struct type_field *field = &f->schema->fields[i];
        if (TEXT_RULES[field->type->kind] == RULE_PLAIN && !is_nested(field->type))
            continue;
        struct buf key;
        buf_init(&key);
        json_quote(&key, field->name);
        buf_char(&key, ':');
        buf_printf(&fields, "%sCASE WHEN ", n++ ? ", " : "");
        raw_name(&fields, field->name);
        buf_z(&fields, " IS NOT NULL AND ");
        if (f->format->value == json_value) {
            raw_name(&fields, field->name);
            buf_z(&fields, "->>'$' IS NOT NULL AND ");
        }
        buf_char(&fields, '(');
        rc = print_value(f, field, true, &fields, err);
        buf_z(&fields, ") IS NULL THEN ");
        duck_quote_text(&fields, buf_view(&key));
        buf_z(&fields, " || to_json(");
        raw_name(&fields, field->name);
        buf_z(&fields, ")::VARCHAR END");
        buf_release(&key);
    }
    if (n)
        buf_printf(out, "'{' || nullif(concat_ws(',', %s), '') || ',\"_file_path\":' || to_json(r.filename)::VARCHAR || '}'", fields.ptr);
    else
        buf_z(out, "NULL::VARCHAR");
    buf_release(&fields);
    return rc;
}

static void print_metadata(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out)
{
    buf_z(out, "struct_pack(file_path := ");
    if (str_starts_z(f->uri, "/") || f->pattern.ptr || f->single_file) {
        buf_z(out, "'file://' || r.filename");
    } else {
        struct str uri = f->uri;
        while (uri.len && uri.ptr[uri.len - 1] == '/')
            uri.len--;
        duck_quote_text(out, uri);
        buf_printf(out, " || substr(r.filename, %zu)", f->root.len + 1);
    }
    buf_z(out, ", file_name := parse_filename(r.filename), file_size := MAP {");
    for (size_t i = 0; i < count; i++) {
        buf_z(out, i ? ", " : "");
        duck_quote_text(out, files[i].path);
        buf_printf(out, ": %jd::BIGINT", (intmax_t)files[i].size);
    }
    buf_z(out, count ? "}[r.filename]" : "'': 0::BIGINT}[r.filename]");
    buf_z(out, ", file_modification_time := make_timestamptz(MAP {");
    for (size_t i = 0; i < count; i++) {
        buf_z(out, i ? ", " : "");
        duck_quote_text(out, files[i].path);
        buf_printf(out, ": %jd::BIGINT", (intmax_t)files[i].mtime_us);
    }
    buf_z(out, count ? "}[r.filename]))" : "'': 0::BIGINT}[r.filename]))");
}

int file_source_print(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                      struct err *err)
{
    int rc = 0;
    buf_z(out, "(SELECT ");
    for (size_t i = 0; i < f->schema->field_count && rc == 0; i++) {
        const struct type_field *field = &f->schema->fields[i];
        if (i)
            buf_z(out, ", ");
        if (f->rescued.ptr && str_eq(field->name, f->rescued) && i >= f->data_columns)
            rc = print_rescued(f, out, err);
        else if (str_eqz(field->name, "_metadata") && i >= f->data_columns)
            print_metadata(f, files, count, out);
        else
            rc = print_value(f, field, i < f->data_columns, out, err);
        buf_z(out, " AS ");
        duck_quote_ident(out, field->name);
    }
    buf_z(out, " FROM (");
    if (rc == 0 && count) {
        rc = f->format->raw(f, files, count, out, err);
        buf_z(out, " UNION ALL BY NAME ");
    }
    empty_raw(f, out);
    buf_z(out, ") AS r)");
    return rc;
}
