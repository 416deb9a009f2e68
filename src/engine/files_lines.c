/* files_lines -- csv, text and JSON-lines files through the reader of csv_scan.h: options to a dialect,
 * raw relations, and what Spark infers of CSV.
 *
 * A text file's rows are its lines, blank ones too. A JSON-lines file is read as lines. A line that holds an array is as many rows. What is no object
 * is a row without values whose COL_WIDTH is -1. Keys without a column are COL_SURPLUS. With multiLine the
 * documents are those that DuckDB finds in a file, of any number of lines. */
#include "base/doc.h"
#include "engine/files_int.h"
#include <stdlib.h>

enum read_mode file_mode(const struct file_source *f)
{
    struct str mode = file_source_option(f, "mode");
    return str_ieqz(mode, "DROPMALFORMED") ? MODE_DROP : str_ieqz(mode, "FAILFAST") ? MODE_FAIL : MODE_PERMISSIVE;
}

const struct type_field *file_corrupt_column(const struct file_source *f)
{
    struct str name = file_source_option(f, "columnNameOfCorruptRecord");
    if (!f->format->rescues)
        return NULL;
    for (size_t i = 0; i < f->data_columns; i++)
        if (str_ieq(f->schema->fields[i].name, name.ptr ? name : STR("_corrupt_record")) &&
            f->schema->fields[i].type->kind == TYPE_STRING)
            return &f->schema->fields[i];
    return NULL;
}

bool file_loses(const struct file_source *f)
{
    return file_mode(f) == MODE_PERMISSIVE && !f->rescued.ptr && !file_corrupt_column(f) && f->format->rescues;
}

bool file_reads_column(const struct file_source *f, size_t i)
{
    const struct type_field *field = &f->schema->fields[i];
    return i < f->data_columns && field != file_corrupt_column(f) && !(f->rescued.ptr && str_eq(field->name, f->rescued));
}

static struct str unescaped(struct str s)
{
    static const struct { const char *text; struct str is; } rows[] = {
        {"\\t", {"\t", 1}}, {"\\n", {"\n", 1}}, {"\\r", {"\r", 1}}, {"\\r\\n", {"\r\n", 2}}, {"\\\\", {"\\", 1}}, {"\\u0001", {"\x01", 1}}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_eqz(s, rows[i].text))
            return rows[i].is;
    return s;
}

/* An option of one byte; absent: `otherwise`; empty or NUL: none. */
static int one_byte(const struct file_source *f, const char *key, int otherwise, int *out, struct err *err)
{
    struct str s = unescaped(file_source_option(f, key));
    *out = !s.ptr ? otherwise : !s.len || !s.ptr[0] || str_eqz(s, "\\u0000") || str_eqz(s, "\\0") ? -1 : (unsigned char)s.ptr[0];
    return s.len > 1 && *out >= 0 ? file_err(f, ERR_UNSUPPORTED, err, key, s, "it is one character of ASCII") : 0;
}

static int read_encoding(const struct file_source *f, bool *latin1, struct err *err)
{
    struct str e = file_source_option(f, "encoding").ptr ? file_source_option(f, "encoding") : file_source_option(f, "charset");
    *latin1 = str_ieqz(e, "ISO-8859-1") || str_ieqz(e, "latin1") || str_ieqz(e, "ISO_8859_1");
    if (!e.ptr || *latin1 || str_ieqz(e, "UTF-8") || str_ieqz(e, "UTF8") || str_ieqz(e, "US-ASCII"))
        return 0;
    return file_err(f, ERR_UNSUPPORTED, err, "encoding is not supported:", e, "UTF-8, US-ASCII and ISO-8859-1 are");
}

static int read_options(const struct file_source *f, struct csv_spec *s, struct err *err)
{
    struct str sep = file_source_option(f, "sep").ptr ? file_source_option(f, "sep") : file_source_option(f, "delimiter");
    struct csv_dialect *d = &s->dialect;
    d->delimiter = sep.ptr ? unescaped(sep) : STR(",");
    d->line_end = unescaped(file_source_option(f, "lineSep"));
    d->trim_front = file_source_flag(f, "ignoreLeadingWhiteSpace", false);
    d->trim_back = file_source_flag(f, "ignoreTrailingWhiteSpace", false);
    d->multi_line = file_source_flag(f, "multiLine", false);
    s->header = file_source_flag(f, "header", false);
    s->by_name = f->named && !file_source_flag(f, "enforceSchema", false);
    s->check_header = !f->named && s->header && f->declared && !file_source_flag(f, "enforceSchema", true);
    s->case_sensitive = f->named && f->rescued.ptr && file_source_flag(f, "readerCaseSensitive", true);
    s->null_value = file_source_option(f, "nullValue");
    s->empty_value = file_source_option(f, "emptyValue");
    if (!d->delimiter.len || d->delimiter.len > CSV_MAX_DELIMITER || d->line_end.len > CSV_MAX_DELIMITER)
        return file_err(f, ERR_INPUT, err, "the delimiter is not 1 to 16 bytes:", sep, "");
    struct str quotes = file_source_option(f, "unescapedQuoteHandling");
    if (quotes.ptr && !str_ieqz(quotes, "STOP_AT_DELIMITER"))
        return file_err(f, ERR_UNSUPPORTED, err, "unescapedQuoteHandling", quotes, "STOP_AT_DELIMITER, Spark's default, is supported");
    return one_byte(f, "quote", '"', &d->quote, err) || one_byte(f, "escape", '\\', &d->escape, err) ||
                   one_byte(f, "comment", -1, &d->comment, err) || read_encoding(f, &s->latin1, err) ? -1 : 0;
}

static void add_columns(const struct file_source *f, struct arena *a, const struct data_file *files, size_t count,
                        struct csv_spec *s)
{
    size_t n = f->schema ? f->schema->field_count : 0;
    s->files = ARENA_ARRAY(a, struct str, count + 1);
    s->columns = ARENA_ARRAY(a, struct str, n + 1);
    s->partitions = ARENA_ARRAY(a, struct str, n + 1);
    s->file_count = count;
    for (size_t i = 0; i < count; i++)
        s->files[i] = files[i].path;
    for (size_t i = 0; i < n; i++) {
        struct str name = f->schema->fields[i].name;
        if (file_reads_column(f, i))
            s->columns[s->column_count++] = name;
        else if (file_is_partition(f, i))
            s->partitions[s->partition_count++] = name;
    }
}

int csv_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out, struct err *err)
{
    struct arena *a = arena_new();
    struct csv_spec s = {};
    int rc = read_options(f, &s, err);
    if (rc == 0) {
        add_columns(f, a, files, count, &s);
        buf_z(out, "SELECT * FROM ");
        csv_scan_print(&s, out);
    }
    arena_free(a);
    return rc;
}

/* ---------------------------------------------------------------- JSON lines */

/* The files' lines as COL_RECORD; `blank`: also those without text. */
static int lines_of(const struct file_source *f, struct arena *a, const struct data_file *files, size_t count, bool blank,
                    struct buf *out, struct err *err)
{
    struct csv_spec s = {.dialect = {.delimiter = STR("\x1e\x1f\x1e\x1f"), .line_end = unescaped(file_source_option(f, "lineSep")),
                                     .quote = -1, .escape = -1, .comment = -1, .blank_rows = blank},
                         .null_value = STR_NONE, .empty_value = STR_NONE};
    if (read_encoding(f, &s.latin1, err))
        return -1;
    if (f->schema)
        add_columns(f, a, files, count, &s);
    else
        add_columns(&(struct file_source){.format = f->format}, a, files, count, &s);
    s.column_count = 0;
    csv_scan_print(&s, out);
    return 0;
}

/* `SELECT *, <each document of a line> AS d FROM `. `told`: a line that is no object is told in the log. */
static void select_documents(bool told, struct buf *out)
{
    const char *lost = told ? "CAST(spark_lost_value(" COL_FILE ", " COL_LINE ", '', " COL_RECORD ") AS JSON)" : "CAST(NULL AS JSON)";
    buf_printf(out, "SELECT *, unnest(CASE WHEN NOT json_valid(" COL_RECORD ") THEN [%s] WHEN json_type(" COL_RECORD ") = 'ARRAY' "
                    "THEN json_extract(" COL_RECORD ", '$[*]') WHEN json_type(" COL_RECORD ") = 'OBJECT' THEN [CAST(" COL_RECORD " AS JSON)] "
                    "ELSE [%s] END) AS d FROM ", lost, lost);
}

int text_lines(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out, struct err *err)
{
    struct arena *a = arena_new();
    buf_z(out, "SELECT *, " COL_RECORD " AS \"value\" FROM ");
    int rc = lines_of(f, a, files, count, true, out, err);
    arena_free(a);
    return rc;
}

int json_raw(const struct file_source *f, const struct data_file *files, size_t count, struct buf *out, struct err *err)
{
    struct arena *a = arena_new();
    struct buf shape, keys;
    buf_init(&shape);
    buf_init(&keys);
    buf_z(out, "SELECT ");
    for (size_t i = 0; i < f->schema->field_count; i++) {
        struct str name = f->schema->fields[i].name;
        if (!file_reads_column(f, i) && (i < f->data_columns || str_eq(name, f->rescued) || str_eqz(name, "_metadata")))
            continue;
        if (i < f->data_columns) {
            json_quote(&shape, name);
            buf_z(&shape, ":\"JSON\",");
            json_quote(&keys, name);
            buf_char(&keys, ',');
            buf_z(out, "s.");
        }
        duck_quote_ident(out, name);
        buf_z(out, ", ");
    }
    if (keys.len)
        keys.len--;
    buf_z(out, COL_FILE ", " COL_LINE ", " COL_RECORD ", CASE WHEN s IS NULL THEN -1 ELSE 0 END AS " COL_WIDTH
               ", spark_json_surplus(d, ");
    struct str list = str_fmt(a, "[%.*s]", STR_ARGS(buf_view(&keys)));
    duck_quote_text(out, list);
    buf_z(out, ") AS " COL_SURPLUS " FROM (SELECT *, CASE WHEN json_type(d) = 'OBJECT' THEN ");
    if (keys.len) {
        buf_z(out, "json_transform(d, ");
        duck_quote_text(out, str_fmt(a, "{%.*s}", (int)shape.len - 1, shape.ptr));
        buf_char(out, ')');
    } else {
        buf_z(out, "struct_pack(x := 1)");
    }
    buf_z(out, " END AS s FROM (");
    int rc = 0;
    if (file_source_flag(f, "multiLine", false)) {
        json_objects(f, files, count, out);
    } else {
        select_documents(file_loses(f), out);
        rc = lines_of(f, a, files, count, false, out, err);
    }
    buf_z(out, "))");
    buf_release(&keys);
    buf_release(&shape);
    arena_free(a);
    return rc;
}

/* ---------------------------------------------------------------- what Spark infers of CSV */

/* The names of the first row of each file: of one file by position, of several by name. */
static int first_names(struct file_source *f, struct arena *a, const struct csv_spec *s, size_t files, struct type_field **fields,
                       size_t *count, struct err *err)
{
    size_t cap = 0;
    *fields = NULL;
    *count = 0;
    for (size_t i = 0; i < files && (i == 0 || s->by_name || !*count); i++) {
        struct str *names;
        size_t n;
        if (csv_first_row(s, s->files[i], a, &names, &n, err))
            return -1;
        for (size_t k = 0; k < n; k++) {
            bool known = false;
            for (size_t j = 0; j < *count && !known; j++)
                known = str_eq((*fields)[j].name, names[k]);
            if (known)
                continue;
            *fields = arena_grow(a, *fields, &cap, *count + 1, sizeof **fields);
            (*fields)[(*count)++] = (struct type_field){names[k], type_of(TYPE_STRING), true, STR_NONE, NULL};
        }
    }
    (void)f;
    return 0;
}

/* In Spark's order. A decimal is for integers that are too long, a date has no time behind it. */
static const char *const NARROWER[TYPE_UNKNOWN + 1] = {[TYPE_DECIMAL] = "[+-]?[0-9]+", [TYPE_DATE] = "[0-9]{4}-[0-9]{2}-[0-9]{2}"};
static const enum type_kind CANDIDATES[] = {TYPE_INT, TYPE_LONG, TYPE_DECIMAL, TYPE_DOUBLE, TYPE_DATE, TYPE_TIMESTAMP, TYPE_BOOLEAN};

static const struct type *candidate(struct arena *a, enum type_kind kind)
{
    return kind == TYPE_DECIMAL ? type_decimal(a, 38, 0) : type_of(kind);
}

static int infer_types(struct file_source *f, struct arena *a, struct duck_conn *c, const struct csv_spec *s,
                       struct type_field *fields, size_t count, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT ");
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        buf_z(&sql, i ? ", count(" : "count(");
        file_raw_name(&sql, fields[i].name);
        buf_char(&sql, ')');
        for (size_t k = 0; k < COUNT_OF(CANDIDATES) && rc == 0; k++) {
            struct type_field as = fields[i];
            as.type = candidate(a, CANDIDATES[k]);
            buf_z(&sql, ", count(");
            rc = csv_value(f, &as, &sql, err);
            if (NARROWER[CANDIDATES[k]] && !(CANDIDATES[k] == TYPE_DATE && file_source_option(f, "dateFormat").ptr)) {
                buf_z(&sql, ") FILTER (regexp_full_match(");
                file_raw_name(&sql, fields[i].name);
                buf_printf(&sql, ", '%s')", NARROWER[CANDIDATES[k]]);
            }
            buf_char(&sql, ')');
        }
        buf_z(&sql, ", max(length(ltrim(");
        file_raw_name(&sql, fields[i].name);
        buf_z(&sql, ", '+-')))");
    }
    buf_z(&sql, " FROM ");
    csv_scan_print(s, &sql);
    buf_z(&sql, " AS r");
    struct duck_result *r = rc == 0 ? duck_query(c, buf_view(&sql), err) : NULL;
    buf_release(&sql);
    if (!r)
        return -1;
    rc = duck_next(r, err) < 0 ? -1 : 0;
    for (size_t i = 0, col = 0; i < count && rc == 0; i++, col += COUNT_OF(CANDIDATES) + 2) {
        int64_t all = duck_i64(r, col, 0);
        for (size_t k = 0; k < COUNT_OF(CANDIDATES) && all; k++) {
            if (duck_i64(r, col + 1 + k, 0) != all)
                continue;
            int64_t digits = duck_i64(r, col + 1 + COUNT_OF(CANDIDATES), 0);
            fields[i].type = CANDIDATES[k] == TYPE_DECIMAL ? type_decimal(a, (int)digits, 0) : type_of(CANDIDATES[k]);
            break;
        }
    }
    duck_result_free(r);
    return rc;
}

int csv_infer(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files, size_t count,
              bool typed, struct err *err)
{
    struct csv_spec s = {};
    struct type_field *fields;
    size_t n;
    if (read_options(f, &s, err))
        return -1;
    add_columns(f, a, files, count, &s);
    if (first_names(f, a, &s, count, &fields, &n, err))
        return -1;
    s.columns = ARENA_ARRAY(a, struct str, n + 1);
    s.column_count = n;
    for (size_t i = 0; i < n; i++)
        s.columns[i] = fields[i].name;
    if (n && typed && infer_types(f, a, c, &s, fields, n, err))
        return -1;
    f->schema = type_struct(a, fields, n);
    return 0;
}

/* ---------------------------------------------------------------- what Spark infers of JSON lines */

static int by_field_name(const void *x, const void *y)
{
    return str_cmp(((const struct type_field *)x)->name, ((const struct type_field *)y)->name);
}

/* DuckDB's structure ({"a":"UBIGINT","b":["VARCHAR"],"c":{…}}) as Spark's type: integers are BIGINT,
 * text is text, fields go by name. */
static const struct type *of_structure(struct arena *a, const struct doc *d, int depth)
{
    if (d->kind == DOC_STRING) {
        bool real = str_eqz(d->text, "DOUBLE"), integer = str_ends_z(d->text, "BIGINT"), huge = str_ends_z(d->text, "HUGEINT");
        return real ? type_of(TYPE_DOUBLE) : integer ? type_of(TYPE_LONG) : huge ? type_decimal(a, 38, 0)
               : str_eqz(d->text, "BOOLEAN") ? type_of(TYPE_BOOLEAN) : type_of(TYPE_STRING);
    }
    if (depth == TYPE_MAX_DEPTH)
        return type_of(TYPE_STRING);
    if (d->kind == DOC_ARRAY)
        return type_array(a, d->count ? of_structure(a, d->items[0], depth + 1) : type_of(TYPE_STRING), true);
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, d->count + 1);
    for (size_t i = 0; i < d->count; i++)
        fields[i] = (struct type_field){d->keys[i].name, of_structure(a, d->items[i], depth + 1), true, STR_NONE, NULL};
    qsort(fields, d->count, sizeof *fields, by_field_name);
    return type_struct(a, fields, d->count);
}

int json_infer(struct file_source *f, struct arena *a, struct duck_conn *c, const struct data_file *files, size_t count,
               bool typed, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT json_group_structure(CASE WHEN json_type(d) = 'OBJECT' THEN d END), "
                "count(*) FILTER (d IS NULL OR json_type(d) <> 'OBJECT') FROM (");
    select_documents(false, &sql);
    int rc = lines_of(f, a, files, count, false, &sql, err);
    buf_char(&sql, ')');
    struct duck_result *r = rc == 0 ? duck_query(c, buf_view(&sql), err) : NULL;
    buf_release(&sql);
    if (!r)
        return -1;
    const struct doc *d = NULL;
    bool malformed = false;
    if ((rc = duck_next(r, err)) == 1) {
        d = duck_is_null(r, 0, 0) ? doc_new_object(a) : doc_json(a, "structure", str_copy(a, duck_text(r, 0, 0)), err);
        malformed = duck_i64(r, 1, 0) > 0 && !f->named;
    }
    duck_result_free(r);
    if (rc < 0 || !d)
        return -1;
    const struct type *t = of_structure(a, d->kind == DOC_OBJECT ? d : doc_new_object(a), 0);
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, t->field_count + 2);
    size_t n = 0;
    for (size_t i = 0; i < t->field_count; i++) {
        fields[n] = t->fields[i];
        if (!typed)
            fields[n].type = type_of(TYPE_STRING);
        n++;
    }
    struct str corrupt = file_source_option(f, "columnNameOfCorruptRecord");
    if (malformed) /* Spark's column of rows that are no JSON */
        fields[n++] = (struct type_field){corrupt.ptr ? corrupt : STR("_corrupt_record"), type_of(TYPE_STRING), true, STR_NONE, NULL};
    qsort(fields, n, sizeof *fields, by_field_name);
    f->schema = type_struct(a, fields, n);
    return 0;
}
