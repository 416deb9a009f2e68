/* Copying. Binary to Binary moves bytes. Everything else is read as rows and written again in the
 * sink's format: a DelimitedText sink quotes, escapes and ends its rows as its dataset says, whatever
 * the source looked like.
 *
 * Which file a source file goes to (copyBehavior):
 *   the sink names a file          that one; many source files need MergeFiles
 *   PreserveHierarchy (default)    the same relative path; another format changes the extension
 *   FlattenHierarchy               Data.<activity run id>.<guid>.<ext>, all in one folder
 *   MergeFiles                     one file: the sink's name or Data.<activity run id>.<ext>
 * Each file lands whole or not at all (datastore.h); a Copy of many files that fails leaves those that
 * landed, as on Azure. */
#include "factory/copy.h"
#include "factory/expr.h"

#include <string.h>

struct rows_in *rows_open(const struct datastore_file *f, const struct data_at *at,
                          const struct doc *format_settings, struct err *err)
{
    struct datastore_in *in =
        datastore_open(f, datastore_is_gzip(at), data_text(at->props, "encodingName"), err);
    if (!in)
        return NULL;
    if (str_ieqz(str_z(at->format), "Json"))
        return json_open(in, f->shown, err);
    return csv_open(in, f->shown, at->props, format_settings, err);
}

int64_t copy_sources(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                     const struct doc *store_settings, atomic_bool *cancel, struct datastore_file **out,
                     bool *folder, struct err *err)
{
    if (!at->url)
        return datastore_find(names, a, at, store_settings, out, folder, err);
    *folder = false;
    *out = ARENA_NEW(a, struct datastore_file);
    return datastore_fetch(names, a, at, store_settings, cancel, *out, err) ? -1 : 1;
}

struct counts {
    int64_t bytes_read, bytes_written, files_read, files_written, rows_read, rows_copied, rows_skipped;
};

struct copy {
    struct arena *a;
    const struct copy_plan *p;
    atomic_bool *cancel;
    struct resolved sink_root;
    bool binary, json_whole;
    struct counts n;
    /* the sink file that is open */
    struct datastore_out *out;
    struct rows_out *rows;
    struct out_col *cols;
    size_t col_count;
    struct str *names;
};

/* One column of the sink. */
struct out_col {
    struct str name, type;            /* type: the mapping's sink type, "" none */
    int64_t source;                   /* index in the source's columns, or -1 */
    struct str source_name;           /* looked for in each file; NONE: a constant */
    const struct doc *constant;
    bool file_path;                   /* $$FILEPATH */
};

/* ---------------------------------------------------------------- names of sink files */

static const char *extension(const struct copy *c)
{
    static const struct { const char *format, *ext; } rows[] = {
        {"DelimitedText", ".txt"}, {"Json", ".json"}, {"Parquet", ".parquet"}};
    struct str given = doc_str(doc_path(c->p->sink_props, "formatSettings.fileExtension"), STR(""));
    if (given.len)
        return str_cz(c->a, given);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_ieqz(str_z(c->p->sink.format), rows[i].format))
            return rows[i].ext;
    return "";
}

static struct str behavior(const struct copy *c)
{
    struct str b = doc_str(doc_path(c->p->sink_props, "storeSettings.copyBehavior"), STR(""));
    return b.len ? b : STR("PreserveHierarchy");
}

static struct str other_extension(const struct copy *c, struct str rel)
{
    bool same = str_ieq(str_z(c->p->source.format), str_z(c->p->sink.format));
    int64_t dot = str_rchr(rel, '.'), slash = str_rchr(rel, '/');
    if (same)
        return rel;
    return str_fmt(c->a, "%.*s%s", STR_ARGS(str_sub(rel, 0, dot > slash ? (size_t)dot : rel.len)),
                   extension(c));
}

static struct str sink_name(const struct copy *c, const struct datastore_file *f)
{
    char id[UUID_TEXT];
    struct str rel = str_z(f->rel);
    if (c->p->sink.file.len)
        return c->p->sink.file;
    if (str_ieqz(behavior(c), "FlattenHierarchy"))
        return str_fmt(c->a, "Data.%s.%s%s", c->p->activity_id, uuid_make(id), extension(c));
    if (str_ieqz(behavior(c), "MergeFiles") || !rel.len)
        return str_fmt(c->a, "Data.%s%s", c->p->activity_id, extension(c));
    return other_extension(c, rel);
}

static int open_sink(struct copy *c, struct str name, struct err *err)
{
    struct str folder = c->p->sink.folder;
    struct str rel = folder.len ? str_fmt(c->a, "%.*s/%.*s", STR_ARGS(folder), STR_ARGS(name)) : name;
    c->out = datastore_create(&c->sink_root, rel, datastore_is_gzip(&c->p->sink) && !c->binary, err);
    return c->out ? 0 : err_wrap(err, "dataset '%s'", c->p->sink.dataset);
}

static int flush_rows(struct copy *c, struct err *err)
{
    if (buf_check(&c->rows->b, "the rows to write", err) ||
        datastore_write(c->out, c->rows->b.ptr, c->rows->b.len, err))
        return -1;
    buf_clear(&c->rows->b);
    return 0;
}

static int close_sink(struct copy *c, struct err *err)
{
    struct datastore_out *out = c->out;
    if (c->rows) {
        c->rows->type->end(c->rows);
        if (flush_rows(c, err))
            return -1;
    }
    c->out = NULL;
    int64_t written = datastore_written(out);
    if (datastore_commit(out, err))
        return -1;
    c->n.bytes_written += written;
    c->n.files_written++;
    rows_out_free(c->rows);
    c->rows = NULL;
    return 0;
}

/* ---------------------------------------------------------------- columns */

static int bad_mapping(const struct doc *at, struct err *err, const char *what)
{
    return doc_err(at, ERR_INPUT, err, "the mapping %s", what);
}

/* The column that a mapping's source or sink names; `$['a']` and `['a']` are names too. */
static struct str mapped_name(const struct doc *side)
{
    struct str name = data_text(side, "name"), path = data_text(side, "path");
    if (name.len || !path.len)
        return name;
    if (path.ptr[0] == '$')
        path = str_from(path, 1);
    if (str_starts_z(path, "['") && str_ends_z(path, "']"))
        return str_sub(path, 2, path.len - 4);
    return str_from(path, path.len && path.ptr[0] == '.');
}

static int map_columns(struct copy *c, const struct rows_in *in, const struct doc *mappings,
                       struct err *err)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct doc *source = doc_get(mappings->items[i], "source"),
                         *sink = doc_get(mappings->items[i], "sink");
        struct out_col *col = &c->cols[c->col_count];
        int64_t ordinal;
        *col = (struct out_col){.source = -1, .source_name = mapped_name(source),
                                .name = mapped_name(sink), .type = data_text(sink, "type")};
        if (str_find(col->source_name, STR("['")) >= 0 || str_find(col->source_name, STR("[")) >= 0)
            return doc_err(source, ERR_UNSUPPORTED, err,
                           "a mapping from inside nested values is not supported; map top-level "
                           "columns and take them apart in a pipeline");
        if (!col->source_name.len && doc_i64(doc_get(source, "ordinal"), &ordinal)) {
            if (ordinal < 1 || (size_t)ordinal > in->count)
                return bad_mapping(source, err, "names a column beyond the last");
            col->source_name = in->names[ordinal - 1];
        }
        if (!col->source_name.len)
            return bad_mapping(mappings->items[i], err, "has no source name, path or ordinal");
        if (!col->name.len)
            col->name = col->source_name;
        c->col_count++;
    }
    return 0;
}

/* {"columnMappings": {"a": "b"}} or "a: b, c: d", of older factories. */
static void map_legacy(struct copy *c, const struct doc *m)
{
    struct str rest = doc_str(m, STR("")), part;
    for (size_t i = 0; m->kind == DOC_OBJECT && i < m->count && i < COPY_MAX_MAPPINGS; i++)
        c->cols[c->col_count++] = (struct out_col){.source = -1, .source_name = m->keys[i].name,
                                                   .name = doc_str(m->items[i], STR(""))};
    while (str_split(&rest, ',', &part) && c->col_count < COPY_MAX_MAPPINGS) {
        int64_t colon = str_chr(part, ':');
        if (colon > 0)
            c->cols[c->col_count++] = (struct out_col){
                .source = -1, .source_name = str_trim(str_sub(part, 0, (size_t)colon)),
                .name = str_trim(str_from(part, (size_t)colon + 1))};
    }
}

static void add_constants(struct copy *c, bool mapped)
{
    const struct doc *extra = doc_get(c->p->source_props, "additionalColumns");
    for (size_t i = 0; doc_is(extra, DOC_ARRAY) && i < extra->count; i++) {
        struct str name = data_text(extra->items[i], "name");
        const struct doc *v = doc_get(extra->items[i], "value");
        struct out_col col = {.name = name, .source = -1, .constant = v ? v : doc_new_null(c->a)};
        struct str text = doc_str(v, STR(""));
        if (str_ieqz(text, "$$FILEPATH"))
            col.file_path = true;
        if (str_starts_z(text, "$$COLUMN:")) {
            col.constant = NULL;
            col.source_name = str_from(text, 9);
        }
        for (size_t k = 0; mapped && k < c->col_count; k++)
            if (str_eq(c->cols[k].source_name, name)) {
                col.name = c->cols[k].name;
                c->cols[k] = col;
            }
        if (!mapped)
            c->cols[c->col_count++] = col;
    }
}

static int plan_columns(struct copy *c, const struct rows_in *in, struct err *err)
{
    const struct doc *mappings = doc_get(c->p->translator, "mappings");
    const struct doc *legacy = doc_get(c->p->translator, "columnMappings");
    const struct doc *extra = doc_get(c->p->source_props, "additionalColumns");
    size_t most = in->count + (doc_is(extra, DOC_ARRAY) ? extra->count : 0) +
                  (doc_is(mappings, DOC_ARRAY) ? mappings->count : 0) +
                  (legacy ? legacy->count + legacy->text.len : 0);
    if (!legacy)
        legacy = doc_get(c->p->translator, "schemaMapping");
    bool mapped = doc_is(mappings, DOC_ARRAY) || legacy;
    if (legacy)
        most += legacy->count;
    if (most > COPY_MAX_MAPPINGS)
        return err_set(err, ERR_LIMIT, "more than %d columns", COPY_MAX_MAPPINGS);
    c->cols = ARENA_ARRAY(c->a, struct out_col, most + 1);
    if (doc_is(mappings, DOC_ARRAY)) {
        if (map_columns(c, in, mappings, err))
            return -1;
    } else if (legacy) {
        map_legacy(c, legacy);
    }
    for (size_t i = 0; !mapped && i < in->count; i++)
        c->cols[c->col_count++] = (struct out_col){.name = str_copy(c->a, in->names[i]), .source = -1,
                                                   .source_name = str_copy(c->a, in->names[i])};
    add_constants(c, mapped);
    c->names = ARENA_ARRAY(c->a, struct str, c->col_count + 1);
    for (size_t i = 0; i < c->col_count; i++)
        c->names[i] = c->cols[i].name;
    c->json_whole = in->type->whole && !mapped && !doc_is(extra, DOC_ARRAY) &&
                    str_ieqz(str_z(c->p->sink.format), "Json");
    return 0;
}

/* Where the planned columns are in this file. */
static int place_columns(struct copy *c, const struct rows_in *in, struct err *err)
{
    for (size_t i = 0; i < c->col_count; i++) {
        struct out_col *col = &c->cols[i];
        col->source = -1;
        for (size_t k = 0; !col->constant && k < in->count; k++)
            if (str_eq(in->names[k], col->source_name))
                col->source = (int64_t)k;
        if (!col->constant && col->source < 0 && in->count && !in->type->whole)
            return err_at(err, ERR_INPUT, in->shown, 1, 0, "there is no column '%.*s'",
                          STR_ARGS(col->source_name));
    }
    return 0;
}

/* A text as the JSON value that a mapping's sink type asks for. false: it does not fit. */
static bool typed(struct arena *a, struct str type, struct cell *cell)
{
    int64_t i;
    double f;
    struct str text = cell->text;
    if (cell->kind != CELL_TEXT || !type.len)
        return true;
    if (str_starts_z(type, "Int") || str_starts_z(type, "UInt") || str_ieqz(type, "Byte")) {
        if (!str_i64(str_trim(text), &i))
            return false;
        *cell = (struct cell){CELL_DOC, STR_NONE, doc_new_i64(a, i)};
    } else if (str_ieqz(type, "Double") || str_ieqz(type, "Single") || str_ieqz(type, "Decimal")) {
        if (!str_f64(str_trim(text), &f))
            return false;
        *cell = (struct cell){CELL_DOC, STR_NONE, doc_new_f64(a, f)};
    } else if (str_ieqz(type, "Boolean")) {
        if (!str_ieqz(text, "true") && !str_ieqz(text, "false"))
            return false;
        *cell = (struct cell){CELL_DOC, STR_NONE, doc_new_bool(a, str_ieqz(text, "true"))};
    }
    return true;
}

static int make_row(struct copy *c, struct rows_in *in, const struct datastore_file *f,
                    const struct cell *cells, struct cell *out, struct arena *row_a, struct err *err)
{
    bool json = str_ieqz(str_z(c->p->sink.format), "Json");
    bool nested_ok = json || data_flag(c->p->translator, "mapComplexValuesToString", false);
    for (size_t i = 0; i < c->col_count; i++) {
        const struct out_col *col = &c->cols[i];
        if (col->constant)
            out[i] = col->file_path ? (struct cell){CELL_TEXT, str_z(f->shown), NULL}
                     : col->constant->kind == DOC_NULL ? (struct cell){.kind = CELL_NULL}
                     : col->constant->kind == DOC_STRING
                         ? (struct cell){CELL_TEXT, col->constant->text, NULL}
                         : (struct cell){CELL_DOC, STR_NONE, col->constant};
        else
            out[i] = col->source >= 0 ? cells[col->source] : (struct cell){.kind = CELL_NULL};
        if ((json && !typed(row_a, col->type, &out[i])) ||
            (!nested_ok && out[i].kind == CELL_DOC &&
             (out[i].doc->kind == DOC_ARRAY || out[i].doc->kind == DOC_OBJECT))) {
            in->bad_row = true;
            return err_at(err, ERR_INPUT, in->shown, (int)in->line, 0,
                          out[i].kind == CELL_DOC
                              ? "column '%.*s' holds a nested value; set mapComplexValuesToString"
                              : "column '%.*s' does not fit the type of its mapping",
                          STR_ARGS(col->name));
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- one source file */

static int copy_bytes(struct copy *c, const struct datastore_file *f, struct err *err)
{
    struct datastore_in *in = datastore_open(f, false, STR(""), err);
    char *chunk = mem_alloc(DATASTORE_CHUNK);
    int64_t got = in ? 1 : -1;
    while (got > 0 && (got = datastore_read(in, chunk, DATASTORE_CHUNK, err)) > 0) {
        if (atomic_load(c->cancel))
            got = err_set(err, ERR_CANCELED, "the copy was canceled");
        else if (datastore_write(c->out, chunk, (size_t)got, err))
            got = -1;
    }
    if (in)
        c->n.bytes_read += datastore_bytes_read(in);
    datastore_close(in);
    mem_free(chunk);
    return got < 0 ? -1 : 0;
}

static int begin_rows(struct copy *c, struct rows_in *in, struct err *err)
{
    if (!c->cols && plan_columns(c, in, err))
        return -1;
    if (place_columns(c, in, err))
        return -1;
    if (c->rows)
        return 0; /* merging: the header stands already */
    const struct doc *settings = doc_get(c->p->sink_props, "formatSettings");
    c->rows = str_ieqz(str_z(c->p->sink.format), "Json")
                  ? json_writer(settings)
                  : csv_writer(c->p->sink.props, settings, err);
    if (!c->rows)
        return -1;
    c->rows->type->header(c->rows, c->names, c->col_count);
    return 0;
}

static int write_row(struct copy *c, struct rows_in *in, const struct datastore_file *f,
                     const struct cell *cells, struct cell *out, struct arena *row_a, struct err *err)
{
    if (c->json_whole) {
        struct cell whole = {CELL_DOC, STR_NONE, in->type->whole(in)};
        if (c->rows->type->row(c->rows, NULL, &whole, 1, err))
            return -1;
    } else if (make_row(c, in, f, cells, out, row_a, err) ||
               c->rows->type->row(c->rows, c->names, out, c->col_count, err)) {
        return -1;
    }
    c->n.rows_copied++;
    return c->rows->b.len > DATASTORE_CHUNK ? flush_rows(c, err) : 0;
}

static int copy_rows(struct copy *c, const struct datastore_file *f, struct err *err)
{
    struct rows_in *in =
        rows_open(f, &c->p->source, doc_get(c->p->source_props, "formatSettings"), err);
    struct arena *row_a = arena_new();
    const struct cell *cells;
    int rc = in ? begin_rows(c, in, err) : -1;
    struct cell *out = ARENA_ARRAY(c->a, struct cell, c->col_count + 1);
    while (rc == 0) {
        int more = rows_next(in, &cells, err);
        c->n.rows_read += more == 1 || (more < 0 && in->bad_row);
        if (more == 0)
            break;
        if (more == 1 && write_row(c, in, f, cells, out, row_a, err))
            more = -1;
        if (more < 0 && in->bad_row && c->p->skip_bad_rows)
            c->n.rows_skipped++;
        else if (more < 0)
            rc = -1;
        if (rc == 0 && c->n.rows_read % 1024 == 0) {
            arena_reset(row_a);
            if (atomic_load(c->cancel))
                rc = err_set(err, ERR_CANCELED, "the copy was canceled");
        }
    }
    if (in)
        c->n.bytes_read += in->type->bytes_read(in);
    rows_close(in);
    arena_free(row_a);
    return rc;
}

/* ---------------------------------------------------------------- all of them */

static int copy_files(struct copy *c, struct datastore_file *files, int64_t count, bool folder,
                      struct err *err)
{
    bool merge = str_ieqz(behavior(c), "MergeFiles");
    if (folder && c->p->sink.file.len && !merge && count > 1)
        return doc_err(c->p->sink.where, ERR_INPUT, err,
                       "%jd files go to the one file '%.*s'; set copyBehavior to MergeFiles or "
                       "name no file in the sink", (intmax_t)count, STR_ARGS(c->p->sink.file));
    for (int64_t i = 0; i < count; i++) {
        if (!c->out && open_sink(c, sink_name(c, &files[i]), err))
            return -1;
        if (c->binary ? copy_bytes(c, &files[i], err) : copy_rows(c, &files[i], err))
            return -1;
        c->n.files_read++;
        if (!merge && close_sink(c, err))
            return -1;
    }
    return c->out ? close_sink(c, err) : 0;
}

static int delete_sources(const struct copy *c, struct datastore_file *files, int64_t count,
                          struct err *err)
{
    if (!data_flag(doc_get(c->p->source_props, "storeSettings"), "deleteFilesAfterCompletion", false))
        return 0;
    for (int64_t i = 0; i < count; i++) {
        if (files[i].at.kind != RESOLVED_LOCAL)
            return err_set(err, ERR_UNSUPPORTED, "'%s' is in a Git repository and not deleted",
                           files[i].shown);
        if (!files[i].temporary && fs_unlink(files[i].at.path, err))
            return -1;
    }
    return 0;
}

static const struct doc *output_doc(const struct copy *c, int64_t started_us)
{
    struct arena *a = c->a;
    struct doc *o = doc_new_object(a);
    int64_t us = time_mono_us() - started_us, seconds = (us + 999999) / 1000000;
    const struct { const char *key; int64_t v; bool rows; } rows[] = {
        {"dataRead", c->n.bytes_read, false},       {"dataWritten", c->n.bytes_written, false},
        {"filesRead", c->n.files_read, false},      {"filesWritten", c->n.files_written, false},
        {"rowsRead", c->n.rows_read, true},         {"rowsCopied", c->n.rows_copied, true},
        {"rowsSkipped", c->n.rows_skipped, true},   {"sourcePeakConnections", 1, false},
        {"sinkPeakConnections", 1, false},          {"copyDuration", seconds, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (!rows[i].rows || !c->binary)
            doc_set(a, o, str_z(rows[i].key), doc_new_i64(a, rows[i].v));
    doc_set(a, o, STR("throughput"),
            (struct doc *)doc_new_f64(a, us > 0 ? (double)(c->n.bytes_read * 1000 / us) / 1.024 : 0));
    doc_set(a, o, STR("errors"), doc_new_array(a));
    doc_set(a, o, STR("effectiveIntegrationRuntime"), doc_new_str(a, STR("Local")));
    doc_set(a, o, STR("usedDataIntegrationUnits"), doc_new_i64(a, 1));
    doc_set(a, o, STR("usedParallelCopies"), doc_new_i64(a, 1));
    struct doc *detail = doc_new_object(a), *details = doc_new_array(a), *side;
    for (int i = 0; i < 2; i++) {
        side = doc_new_object(a);
        doc_set(a, side, STR("type"),
                doc_new_str(a, str_z(i ? c->p->sink.service_type : c->p->source.service_type)));
        doc_set(a, detail, i ? STR("sink") : STR("source"), side);
    }
    doc_set(a, detail, STR("status"), doc_new_str(a, STR("Succeeded")));
    doc_set(a, detail, STR("duration"), doc_new_i64(a, seconds));
    doc_push(a, details, detail);
    doc_set(a, o, STR("executionDetails"), details);
    return o;
}

int copy_run(struct arena *a, const struct copy_plan *plan, atomic_bool *cancel,
             const struct doc **output, struct err *err)
{
    struct copy c = {.a = a, .p = plan, .cancel = cancel};
    struct datastore_file *files;
    bool folder;
    int64_t started_us = time_mono_us();
    c.binary = str_ieqz(str_z(plan->source.format), "Binary");
    if (datastore_root(plan->names, a, &plan->sink, &c.sink_root, err))
        return -1;
    int64_t count = copy_sources(plan->names, a, &plan->source,
                                 doc_get(plan->source_props, "storeSettings"), cancel, &files,
                                 &folder, err);
    if (count < 0)
        return -1;
    int rc = copy_files(&c, files, count, folder, err);
    if (rc) {
        datastore_abort(c.out);
        rows_out_free(c.rows);
    } else {
        rc = delete_sources(&c, files, count, err);
    }
    for (int64_t i = 0; i < count; i++)
        datastore_drop(&files[i]);
    if (rc == 0)
        *output = output_doc(&c, started_us);
    return rc;
}
