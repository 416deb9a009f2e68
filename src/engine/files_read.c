/* files_read -- the rows of data files as a DuckDB relation.
 *
 * Two levels. The inner relation gives raw columns: text for csv, JSON values for json, typed
 * columns for parquet; for csv and json also what its reader knows of a row (csv_scan.h). The outer
 * one types each raw value with an expression that is NULL where Spark's parser would refuse it
 * (files_value.c), does with refused fields and rows what `mode` says, and adds `_metadata`:
 *
 *     (SELECT <typed a> AS "a", …, <rescued>, struct_pack(file_path := …) AS "_metadata"
 *      FROM (SELECT * FROM spark_csv('{"files":[…],…}')) AS r WHERE <mode>)
 *
 * A row is malformed if it has too few or too many fields, is no JSON object, or has a field that
 * does not parse. PERMISSIVE keeps it: refused fields are NULL, and their text goes to the
 * rescued-data column, or the whole row to the corrupt-record column, or one line a file and column
 * to the log. DROPMALFORMED leaves it out, FAILFAST fails. What the rescued-data column takes is
 * not malformed: with it only rows too short and text that is no JSON are. */
#include "engine/files_int.h"

enum { MAX_PARTITIONS = 64 }; /* folders on a path that give columns */

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

bool file_is_partition(const struct file_source *f, size_t i)
{
    struct str name = f->schema->fields[i].name;
    return i >= f->data_columns && !str_eq(name, f->rescued) && !str_eqz(name, "_metadata");
}

/* `SELECT *, <k of /k=v/ in the path> AS "k" FROM ` a reader of DuckDB's with a column COL_FILE. Of two
 * folders of one name the last counts: what is above the source's folder says nothing of it. */
static void select_with_partitions(const struct file_source *f, struct buf *out)
{
    buf_z(out, "SELECT *");
    for (size_t i = f->data_columns; i < f->schema->field_count; i++) {
        if (!file_is_partition(f, i))
            continue;
        buf_z(out, ", nullif(url_decode(list_last(regexp_extract_all(" COL_FILE ", '/' || regexp_escape(");
        duck_quote_text(out, f->schema->fields[i].name);
        buf_z(out, ") || '=([^/]*)/', 1))), '__HIVE_DEFAULT_PARTITION__') AS ");
        duck_quote_ident(out, f->schema->fields[i].name);
    }
    buf_z(out, " FROM ");
}

void json_objects(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out)
{
    buf_z(out, "SELECT *, json AS d, json AS " COL_RECORD ", 0::BIGINT AS " COL_LINE " FROM (");
    select_with_partitions(f, out);
    buf_z(out, "read_json_objects(");
    file_list(out, files, count);
    buf_z(out, ", format = 'auto', filename = '" COL_FILE "', hive_partitioning = false))");
}

static int parquet_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                       struct err *err)
{
    (void)err;
    select_with_partitions(f, out);
    buf_z(out, "read_parquet(");
    file_list(out, files, count);
    buf_z(out, ", union_by_name = true, filename = '" COL_FILE "', hive_partitioning = false)");
    return 0;
}

static int text_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                    struct err *err)
{
    if (!file_source_flag(f, "wholetext", false))
        return text_lines(f, files, count, out, err);
    select_with_partitions(f, out);
    buf_z(out, "(SELECT content AS \"value\", filename AS " COL_FILE " FROM read_text(");
    file_list(out, files, count);
    buf_z(out, "))");
    return 0;
}

static int binary_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out,
                      struct err *err)
{
    (void)err;
    select_with_partitions(f, out);
    buf_z(out, "(SELECT 'file:' || filename AS \"path\", last_modified::TIMESTAMPTZ AS \"modificationTime\", "
               "\"size\" AS \"length\", \"content\", filename AS " COL_FILE " FROM read_blob(");
    file_list(out, files, count);
    buf_z(out, "))");
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
    case TYPE_VARIANT: /* values of several types */
        return type_of(TYPE_STRING);
    default:
        return t;
    }
}

static int infer(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files,
                 size_t count, struct err *err)
{
    bool json = f->format->value == json_value, csv = f->format->value == csv_value;
    bool otherwise = json ? !str_ieqz(f->function, "cloud_files") : str_ieqz(f->function, "read_files");
    bool typed = file_source_flag(f, "inferColumnTypes", file_source_flag(f, "inferSchema", otherwise)) &&
                 !file_source_flag(f, "primitivesAsString", false);
    count = count < FILES_INFER_SAMPLE ? count : FILES_INFER_SAMPLE;
    if (csv)
        return csv_infer(f, a, c, files, count, typed, err);
    if (json && !file_source_flag(f, "multiLine", false))
        return json_infer(f, a, c, files, count, typed, err);
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "SELECT * FROM %s(", f->format->infer_function);
    file_list(&sql, files, count);
    if (json)
        buf_printf(&sql, ", format = 'auto', sample_size = -1, maximum_depth = %d", typed ? -1 : 1);
    buf_z(&sql, ", union_by_name = true, hive_partitioning = false) LIMIT 0");
    struct duck_result *r = duck_query(c, buf_view(&sql), err);
    buf_release(&sql);
    if (!r)
        return err_wrap(err, "cannot infer the schema of '%.*s'", STR_ARGS(f->uri));
    size_t n = duck_cols(r);
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, n + 1);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct type *t = type_read_duck(a, duck_col_type_text(r, i), err);
        rc = t ? 0 : -1;
        if (t)
            fields[i] = (struct type_field){str_copy(a, duck_col_name(r, i)),
                                            json && !typed ? type_of(TYPE_STRING) : inferred_type(t), true, STR_NONE, NULL};
    }
    duck_result_free(r);
    f->schema = type_struct(a, fields, n);
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

/* Partition columns from `k=v` folders below the root, or those that partitionColumns names; strings, as
 * a folder's name is. Spark does not look for any with recursiveFileLookup. */
static const struct type *partition_columns(const struct file_source *f, struct arena *a, const struct data_file *files, size_t count)
{
    struct type_field fields[MAX_PARTITIONS];
    struct str named = file_source_option(f, "partitionColumns"), one;
    size_t n = 0;
    while (named.len && str_split(&named, ',', &one) && n < COUNT_OF(fields))
        if (str_trim(one).len)
            fields[n++] = (struct type_field){str_copy(a, str_trim(one)), type_of(TYPE_STRING), true, STR_NONE, NULL};
    if (count && !file_source_option(f, "partitionColumns").ptr && !file_source_flag(f, "recursiveFileLookup", false)) {
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

/* Puts the folders' columns behind the files'. One that the declared schema or the hints name has the
 * type given there and is not looked for in the files; one that the files have too is theirs. */
static const struct type *split_partitions(struct file_source *f, struct arena *a, const struct type *inferred, const struct type *folders)
{
    struct type_field *data = ARENA_ARRAY(a, struct type_field, f->schema->field_count + 1);
    struct type_field *partitions = ARENA_ARRAY(a, struct type_field, folders->field_count + 1);
    size_t n = 0, count = 0;
    for (size_t i = 0; i < folders->field_count; i++) {
        const struct type_field *named = type_field_find(f->schema, folders->fields[i].name);
        if (named && inferred && type_field_find(inferred, folders->fields[i].name))
            continue;
        partitions[count] = folders->fields[i];
        if (named)
            partitions[count].type = named->type;
        count++;
    }
    const struct type *out = type_struct(a, partitions, count);
    for (size_t i = 0; i < f->schema->field_count; i++)
        if (!type_field_find(out, f->schema->fields[i].name))
            data[n++] = f->schema->fields[i];
    f->schema = type_struct(a, data, n);
    return out;
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
    bool wanted = f->named && f->format->rescues &&
                  (f->declared ? type_field_find(f->schema, STR("_rescued_data")) != NULL : !evolve_none);
    f->rescued = rescued.ptr ? rescued : wanted ? STR("_rescued_data") : STR_NONE;
    if (!f->declared) {
        if (!count)
            return file_err(f, ERR_INPUT, err, "[CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE] no file to infer a schema from below", f->uri,
                            "declare one with schema => '…', or land a file first");
        if (infer(f, a, c, files, count, err))
            return -1;
    }
    const struct type *inferred = f->declared ? NULL : f->schema;
    if (hints.ptr) {
        const struct type *h = type_read_ddl(a, hints, err);
        if (!h)
            return err_locate(err, f->at.file, f->at.line, f->at.col);
        f->schema = merged(a, f->schema, h);
    }
    add_hidden(f, a, split_partitions(f, a, inferred, partition_columns(f, a, files, count)));
    return 0;
}

/* ---------------------------------------------------------------- printing */

static void empty_raw(const struct file_source *f, struct buf *out)
{
    buf_z(out, "SELECT ");
    for (size_t i = 0; i < f->schema->field_count; i++) {
        const struct type_field *field = &f->schema->fields[i];
        if (i < f->data_columns ? !file_reads_column(f, i) : str_eqz(field->name, "_metadata") || str_eq(field->name, f->rescued))
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
    if (f->format->rescues)
        buf_z(out, "NULL::BIGINT AS " COL_LINE ", 0::BIGINT AS " COL_WIDTH ", NULL::VARCHAR AS " COL_SURPLUS
                   ", NULL::VARCHAR AS " COL_RECORD ", ");
    buf_z(out, "NULL::VARCHAR AS " COL_FILE " WHERE false");
}

/* The file's path as the user knows it. */
static void print_path(const struct file_source *f, struct buf *out)
{
    if (str_starts_z(f->uri, "/") || f->pattern.ptr || f->single_file) {
        buf_z(out, "'file://' || r." COL_FILE);
        return;
    }
    struct str uri = f->uri;
    while (uri.len && uri.ptr[uri.len - 1] == '/')
        uri.len--;
    duck_quote_text(out, uri);
    buf_printf(out, " || substr(r." COL_FILE ", %zu)", f->root.len + 1);
}

/* "field i is there and does not parse" */
static int print_refused(const struct file_source *f, size_t i, struct buf *out, struct err *err)
{
    const struct type_field *field = &f->schema->fields[i];
    file_raw_name(out, field->name);
    if (f->format->value == json_value)
        buf_z(out, "->>'$'");
    buf_z(out, " IS NOT NULL AND (");
    int rc = f->format->value(f, field, out, err);
    buf_z(out, ") IS NULL");
    return rc;
}

/* "the row is malformed", see the head of this file. */
static int print_malformed(const struct file_source *f, struct buf *out, struct err *err)
{
    buf_printf(out, "(r." COL_WIDTH " %s 0", f->rescued.ptr ? "<" : "<>");
    for (size_t i = 0; i < f->data_columns && !f->rescued.ptr; i++) {
        if (!file_reads_column(f, i) || !file_value_may_fail(f->schema->fields[i].type))
            continue;
        buf_z(out, " OR (");
        if (print_refused(f, i, out, err))
            return -1;
        buf_char(out, ')');
    }
    buf_char(out, ')');
    return 0;
}

/* A value that nobody else keeps when it does not parse is told in the log (files_lost.c). */
static int print_kept(const struct file_source *f, size_t i, struct buf *out, struct err *err)
{
    const struct type_field *field = &f->schema->fields[i];
    if (!file_loses(f) || !file_value_may_fail(field->type))
        return f->format->value(f, field, out, err);
    buf_z(out, "coalesce(");
    if (f->format->value(f, field, out, err))
        return -1;
    buf_z(out, ", CASE WHEN ");
    file_raw_name(out, field->name);
    buf_printf(out, "%s IS NOT NULL THEN CAST(spark_lost_value(r." COL_FILE ", r." COL_LINE ", ", f->format->value == json_value ? "->>'$'" : "");
    duck_quote_text(out, field->name);
    buf_z(out, ", CAST(");
    file_raw_name(out, field->name);
    buf_z(out, " AS VARCHAR)) AS ");
    type_write_duck(out, field->type);
    buf_z(out, ") END)");
    return 0;
}

static int print_value(const struct file_source *f, size_t i, struct buf *out, struct err *err)
{
    const struct type_field *field = &f->schema->fields[i];
    if (f->format->value && file_reads_column(f, i))
        return print_kept(f, i, out, err);
    buf_z(out, "CAST(");
    file_raw_name(out, field->name);
    buf_z(out, " AS ");
    type_write_duck(out, field->type);
    buf_char(out, ')');
    return 0;
}

/* {"column":"raw text",…,"_file_path":"…"} of what has no column or did not parse; NULL if all did. */
static int print_rescued(const struct file_source *f, struct buf *out, struct err *err)
{
    buf_z(out, "'{' || nullif(concat_ws(','");
    for (size_t i = 0; i < f->data_columns && f->format->value; i++) {
        const struct type_field *field = &f->schema->fields[i];
        if (!file_reads_column(f, i) || !file_value_may_fail(field->type))
            continue;
        struct buf key;
        buf_init(&key);
        json_quote(&key, field->name);
        buf_char(&key, ':');
        buf_z(out, ", CASE WHEN ");
        int rc = print_refused(f, i, out, err);
        buf_z(out, " THEN ");
        duck_quote_text(out, buf_view(&key));
        buf_z(out, " || to_json(");
        file_raw_name(out, field->name);
        buf_z(out, ")::VARCHAR END");
        buf_release(&key);
        if (rc)
            return -1;
    }
    if (f->format->rescues)
        buf_z(out, ", r." COL_SURPLUS);
    if (f->format->value == json_value)
        buf_z(out, ", CASE WHEN r." COL_WIDTH " < 0 THEN '\"_corrupt_record\":' || to_json(r." COL_RECORD ")::VARCHAR END");
    buf_z(out, ", NULL), '') || ',\"_file_path\":' || to_json(");
    print_path(f, out);
    buf_z(out, ")::VARCHAR || '}'");
    return 0;
}

static int print_corrupt(const struct file_source *f, struct buf *out, struct err *err)
{
    buf_z(out, "CASE WHEN ");
    int rc = print_malformed(f, out, err);
    buf_z(out, " THEN r." COL_RECORD " END");
    return rc;
}

static int print_mode(const struct file_source *f, struct buf *out, struct err *err)
{
    if (!f->format->rescues || file_mode(f) == MODE_PERMISSIVE)
        return 0;
    buf_z(out, file_mode(f) == MODE_DROP ? " WHERE NOT coalesce(" : " WHERE CASE WHEN ");
    int rc = print_malformed(f, out, err);
    if (file_mode(f) == MODE_DROP)
        buf_z(out, ", false)");
    else
        buf_z(out, " THEN spark_malformed_row(r." COL_FILE ", r." COL_LINE ", r." COL_RECORD ") ELSE true END");
    return rc;
}

static void print_metadata(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out)
{
    buf_z(out, "struct_pack(file_path := ");
    print_path(f, out);
    buf_z(out, ", file_name := parse_filename(r." COL_FILE "), file_size := MAP {");
    for (size_t i = 0; i < count; i++) {
        buf_z(out, i ? ", " : "");
        duck_quote_text(out, files[i].path);
        buf_printf(out, ": %jd::BIGINT", (intmax_t)files[i].size);
    }
    buf_z(out, count ? "}[r." COL_FILE "]" : "'': 0::BIGINT}[r." COL_FILE "]");
    buf_z(out, ", file_modification_time := make_timestamptz(MAP {");
    for (size_t i = 0; i < count; i++) {
        buf_z(out, i ? ", " : "");
        duck_quote_text(out, files[i].path);
        buf_printf(out, ": %jd::BIGINT", (intmax_t)files[i].mtime_us);
    }
    buf_z(out, count ? "}[r." COL_FILE "]))" : "'': 0::BIGINT}[r." COL_FILE "]))");
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
        if (f->rescued.ptr && str_eq(field->name, f->rescued))
            rc = print_rescued(f, out, err);
        else if (field == file_corrupt_column(f))
            rc = print_corrupt(f, out, err);
        else if (str_eqz(field->name, "_metadata") && i >= f->data_columns)
            print_metadata(f, files, count, out);
        else
            rc = print_value(f, i, out, err);
        buf_z(out, " AS ");
        duck_quote_ident(out, field->name);
    }
    buf_z(out, " FROM (");
    if (rc == 0 && count) {
        rc = f->format->raw(f, files, count, out, err);
        buf_z(out, f->format->value == csv_value ? "" : " UNION ALL BY NAME ");
    }
    if (!count || f->format->value != csv_value) /* csv's reader has every column */
        empty_raw(f, out);
    buf_z(out, ") AS r");
    if (rc == 0)
        rc = print_mode(f, out, err);
    buf_char(out, ')');
    return rc;
}
