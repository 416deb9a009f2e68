/* Activities on data: Copy, Lookup, GetMetadata, Delete. Each evaluates its properties on
 * the loop, copies what its worker needs into an arena of the job, and works there. */
#include "factory/copy.h"

#include <string.h>

enum {
    LOOKUP_MAX_ROWS = 5000,
    LOOKUP_MAX_BYTES = 4 << 20,
    METADATA_MAX_BYTES = 4 << 20,
};

static const struct doc *need_eval(struct act *a, const char *key, struct err *err)
{
    const struct doc *d = doc_get(a->props, key);
    if (d)
        return act_eval(a, d, err);
    doc_err(a->props ? a->props : a->def, ERR_INPUT, err, "%s needs \"%s\"", a->type->name, key);
    return NULL;
}

static const struct resolver_names *names_of(const struct act *a)
{
    return a->group->run->f->opts.names;
}

/* ---------------------------------------------------------------- Copy */

static int copy_work(struct act_job *job, struct err *err)
{
    return copy_run(job->a, job->ctx, job->cancel, &job->output, err);
}

static int start_copy(struct act *a, struct err *err)
{
    const struct doc *inputs = doc_get(a->def, "inputs"), *outputs = doc_get(a->def, "outputs");
    const struct doc *source, *sink, *translator = doc_get(a->props, "translator");
    struct data_at from, to;
    bool skip;
    if (data_eval(a, inputs->items[0], &from, err) || data_eval(a, outputs->items[0], &to, err) ||
        !(source = need_eval(a, "source", err)) || !(sink = need_eval(a, "sink", err)) ||
        (translator && !(translator = act_eval(a, translator, err))) ||
        act_bool(a, "enableSkipIncompatibleRow", false, &skip, err))
        return -1;
    if ((strcmp(from.format, "Binary") == 0) != (strcmp(to.format, "Binary") == 0))
        return doc_err(a->def, ERR_INPUT, err, "a Binary dataset is copied to a Binary one only");
    struct arena *m = arena_new();
    struct copy_plan *p = ARENA_NEW(m, struct copy_plan);
    p->names = names_of(a);
    p->activity_id = arena_strdup(m, a->id);
    data_copy(m, &from, &p->source);
    data_copy(m, &to, &p->sink);
    p->source_props = doc_deep_copy(m, source);
    p->sink_props = doc_deep_copy(m, sink);
    p->translator = translator ? doc_deep_copy(m, translator) : NULL;
    p->skip_bad_rows = skip;
    act_work(a, copy_work, p, m);
    return 0;
}

static const struct doc *one_ref(struct check *c, const struct doc *def, const char *key)
{
    const struct doc *list = doc_get(def, key);
    if (doc_is(list, DOC_ARRAY) && list->count == 1)
        return list->items[0];
    check_at(c, list ? list : def, ERR_INPUT, "Copy needs one dataset in \"%s\"", key);
    return NULL;
}

/* Settings that would change what is copied and that we do not have. */
static void check_refused(struct check *c, const struct doc *props)
{
    static const struct { const char *path, *why; } rows[] = {
        {"skipErrorFile", "files that fail are not skipped"},
        {"redirectIncompatibleRowSettings", "the log of skipped rows is not written"},
        {"logSettings", "the log of skipped rows and files is not written"},
        {"logStorageSettings", "the log of skipped rows and files is not written"},
        {"preserveRules", "access rules are not copied"},
        {"preserve", "attributes are not copied"},
        {"source.formatSettings.compressionProperties", "archives are not unpacked"},
        {"sink.formatSettings.maxRowsPerFile", "files are not split"},
        {"translator.collectionReference", "arrays are not spread to rows; do it in a pipeline"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct doc *d = doc_path(props, rows[i].path);
        bool set = d && d->kind != DOC_NULL && !(d->kind == DOC_ARRAY && !d->count) &&
                   !(d->kind == DOC_OBJECT && !d->count) && !(d->kind == DOC_STRING && !d->text.len);
        if (set)
            check_at(c, d, ERR_UNSUPPORTED, "\"%s\" is not supported: %s", rows[i].path, rows[i].why);
    }
    if (data_flag(props, "enableStaging", false))
        check_at(c, doc_get(props, "enableStaging"), ERR_UNSUPPORTED,
                 "a copy by way of staging is not supported; it is not needed between files");
    if (data_flag(doc_path(props, "source.storeSettings"), "enablePartitionDiscovery", false))
        check_at(c, doc_path(props, "source.storeSettings.enablePartitionDiscovery"),
                 ERR_UNSUPPORTED, "partition discovery is not supported");
}

static void check_copy(struct check *c, const struct doc *def, const struct doc *props)
{
    static const char *const sources[] = {"DelimitedTextSource", "JsonSource", "BinarySource"};
    static const char *const sinks[] = {"DelimitedTextSink", "JsonSink", "BinarySink"};
    const struct doc *from = one_ref(c, def, "inputs"), *to = one_ref(c, def, "outputs");
    const struct model_item *in = from ? check_dataset(c, from) : NULL,
                            *out = to ? check_dataset(c, to) : NULL;
    const struct doc *types[] = {doc_path(props, "source.type"), doc_path(props, "sink.type")};
    for (int side = 0; side < 2; side++) {
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(sources); i++)
            known |= str_ieqz(doc_str(types[side], STR("")), side ? sinks[i] : sources[i]);
        if (!known)
            check_at(c, types[side] ? types[side] : props, ERR_UNSUPPORTED,
                     "a copy %s of type %.*s is not supported; DelimitedText, Json and Binary are",
                     side ? "sink" : "source", STR_ARGS(doc_str(types[side], STR("(none)"))));
    }
    check_refused(c, props);
    const struct doc *linked = out ? doc_get(out->props, "linkedServiceName") : NULL;
    struct err err;
    struct model_item *service =
        linked ? model_ref(c->f->model, MODEL_SERVICE, linked, &err) : NULL;
    if (service && str_ieqz(data_text(service->props, "type"), "HttpServer"))
        check_at(c, to, ERR_INPUT, "an HTTP address cannot be a sink");
    (void)in;
}

/* ---------------------------------------------------------------- Lookup */

struct lookup {
    const struct resolver_names *names;
    struct data_at at;
    const struct doc *source;
    bool first_row;
};

static struct doc *row_doc(struct arena *a, struct rows_in *in, const struct cell *cells)
{
    if (in->type->whole)
        return (struct doc *)doc_deep_copy(a, in->type->whole(in));
    struct doc *row = doc_new_object(a);
    for (size_t i = 0; i < in->count; i++)
        doc_set(a, row, in->names[i],
                cells[i].kind == CELL_NULL ? doc_new_null(a) : doc_new_str(a, cells[i].text));
    return row;
}

static int lookup_file(struct act_job *job, const struct datastore_file *f, struct doc *value,
                       struct err *err)
{
    const struct lookup *l = job->ctx;
    struct rows_in *in = rows_open(f, &l->at, doc_get(l->source, "formatSettings"), err);
    const struct cell *cells;
    int more = in ? 1 : -1;
    while (more > 0 && value->count < (l->first_row ? 1 : LOOKUP_MAX_ROWS) &&
           (more = rows_next(in, &cells, err)) > 0) {
        doc_push(job->a, value, row_doc(job->a, in, cells));
        if (arena_used(job->a) > 64u << 20)
            more = err_set(err, ERR_LIMIT, "a lookup's output is limited to %d bytes",
                           LOOKUP_MAX_BYTES);
    }
    rows_close(in);
    return more < 0 ? -1 : 0;
}

static int lookup_work(struct act_job *job, struct err *err)
{
    const struct lookup *l = job->ctx;
    struct arena *a = job->a;
    struct datastore_file *files;
    struct doc *value = doc_new_array(a), *out = doc_new_object(a);
    struct buf size;
    bool folder;
    int rc = 0;
    int64_t n = copy_sources(l->names, a, &l->at, doc_get(l->source, "storeSettings"), job->cancel,
                             &files, &folder, err);
    for (int64_t i = 0; i < n && rc == 0; i++)
        rc = lookup_file(job, &files[i], value, err);
    for (int64_t i = 0; i < n; i++)
        datastore_drop(&files[i]);
    if (n < 0 || rc)
        return -1;
    buf_init(&size);
    doc_write(&size, value);
    if (size.len > LOOKUP_MAX_BYTES)
        rc = err_set(err, ERR_LIMIT, "a lookup's output is limited to %d bytes", LOOKUP_MAX_BYTES);
    buf_release(&size);
    if (l->first_row && value->count) {
        doc_set(a, out, STR("firstRow"), value->items[0]);
    } else if (!l->first_row) {
        doc_set(a, out, STR("count"), doc_new_i64(a, (int64_t)value->count));
        doc_set(a, out, STR("value"), value);
    }
    doc_set(a, out, STR("effectiveIntegrationRuntime"), doc_new_str(a, STR("Local")));
    job->output = out;
    return rc;
}

static int start_lookup(struct act *a, struct err *err)
{
    struct data_at at;
    const struct doc *source;
    bool first;
    if (data_eval(a, doc_get(a->props, "dataset"), &at, err) ||
        !(source = need_eval(a, "source", err)) || act_bool(a, "firstRowOnly", true, &first, err))
        return -1;
    struct arena *m = arena_new();
    struct lookup *l = ARENA_NEW(m, struct lookup);
    *l = (struct lookup){.names = names_of(a), .source = doc_deep_copy(m, source), .first_row = first};
    data_copy(m, &at, &l->at);
    act_work(a, lookup_work, l, m);
    return 0;
}

static void check_one_dataset(struct check *c, const struct doc *def, const struct doc *props)
{
    (void)def;
    check_dataset(c, doc_get(props, "dataset"));
}

static void check_lookup(struct check *c, const struct doc *def, const struct doc *props)
{
    const struct model_item *item = check_dataset(c, doc_get(props, "dataset"));
    const struct doc *type = item ? doc_get(item->props, "type") : NULL;
    (void)def;
    if (type && !str_ieqz(type->text, "DelimitedText") && !str_ieqz(type->text, "Json"))
        check_at(c, doc_get(props, "dataset"), ERR_UNSUPPORTED,
                 "a Lookup reads DelimitedText and Json; dataset '%s' is %.*s", item->name,
                 STR_ARGS(type->text));
}

/* ---------------------------------------------------------------- GetMetadata */

struct metadata {
    const struct resolver_names *names;
    struct data_at at;
    const struct doc *fields, *store, *format;
};

static const struct doc *iso_seconds(struct arena *a, int64_t us)
{
    char text[40];
    return doc_new_str(a, str_z(time_iso((struct tp){us}, 0, text)));
}

static const struct doc *children(struct arena *a, const struct metadata *g,
                                  const struct resolved *at, struct err *err)
{
    struct doc *list = doc_new_array(a);
    struct resolved_entry *entries;
    int64_t from = INT64_MIN, to = INT64_MAX, n = resolve_list(at, a, &entries, err);
    if (n < 0)
        return NULL;
    bool filtered = datastore_time(data_text(g->store, "modifiedDatetimeStart"), &from);
    filtered |= datastore_time(data_text(g->store, "modifiedDatetimeEnd"), &to);
    for (int64_t i = 0; i < n; i++) {
        const struct resolved_stat *st = &entries[i].stat;
        if (datastore_is_temporary(entries[i].name) ||
            (filtered && (st->is_dir || st->mtime_us < from || st->mtime_us >= to)))
            continue;
        struct doc *item = doc_new_object(a);
        doc_set(a, item, STR("name"), doc_new_str(a, str_z(entries[i].name)));
        doc_set(a, item, STR("type"), doc_new_str(a, st->is_dir ? STR("Folder") : STR("File")));
        doc_push(a, list, item);
    }
    return list;
}

static const struct doc *structure(struct arena *a, const struct metadata *g,
                                   const struct datastore_file *f, bool count, struct err *err)
{
    struct rows_in *in = rows_open(f, &g->at, g->format, err);
    struct doc *list = doc_new_array(a);
    if (!in)
        return NULL;
    for (size_t i = 0; i < in->count; i++) {
        struct doc *col = doc_new_object(a);
        doc_set(a, col, STR("name"), doc_new_str(a, in->names[i]));
        doc_set(a, col, STR("type"), doc_new_str(a, STR("String")));
        doc_push(a, list, col);
    }
    const struct doc *out = count ? doc_new_i64(a, (int64_t)in->count) : list;
    rows_close(in);
    return out;
}

static const struct doc *field(struct arena *a, const struct metadata *g, struct str name,
                               const struct datastore_file *f, struct err *err)
{
    const struct resolved_stat *st = &f->stat;
    if (str_ieqz(name, "itemName"))
        return doc_new_str(a, path_base(str_z(f->shown)));
    if (str_ieqz(name, "itemType"))
        return doc_new_str(a, st->is_dir ? STR("Folder") : STR("File"));
    if (str_ieqz(name, "size") && !st->is_dir)
        return doc_new_i64(a, st->size);
    if (str_ieqz(name, "lastModified") || str_ieqz(name, "created"))
        return iso_seconds(a, st->mtime_us);
    if (str_ieqz(name, "exists"))
        return doc_new_bool(a, true);
    if (str_ieqz(name, "childItems") && st->is_dir)
        return children(a, g, &f->at, err);
    if ((str_ieqz(name, "structure") || str_ieqz(name, "columnCount")) && !st->is_dir)
        return structure(a, g, f, str_ieqz(name, "columnCount"), err);
    err_set(err, ERR_INPUT, "GetMetadata has no field \"%.*s\" of a %s", STR_ARGS(name),
            st->is_dir ? "folder" : "file");
    return NULL;
}

static bool wants_exists(const struct doc *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        if (str_ieqz(doc_str(fields->items[i], STR("")), "exists"))
            return true;
    return false;
}

static int metadata_place(struct act_job *job, const struct metadata *g, struct datastore_file *f,
                          struct err *err)
{
    const struct data_at *at = &g->at;
    if (at->url)
        return datastore_fetch(g->names, job->a, at, g->store, job->cancel, f, err);
    f->shown = at->file.len ? str_cz(job->a, at->file)
               : at->folder.len ? str_cz(job->a, at->folder) : at->container;
    return datastore_place(g->names, job->a, at, &f->at, err) || resolve_stat(&f->at, &f->stat, err) ? -1 : 0;
}

static int metadata_work(struct act_job *job, struct err *err)
{
    const struct metadata *g = job->ctx;
    struct arena *a = job->a;
    struct datastore_file f = {};
    struct doc *out = doc_new_object(a);
    int rc = metadata_place(job, g, &f, err);
    if (rc && err->code == ERR_NOT_FOUND && wants_exists(g->fields)) {
        doc_set(a, out, STR("exists"), doc_new_bool(a, false));
        rc = 0;
    } else {
        for (size_t i = 0; i < g->fields->count && rc == 0; i++) {
            struct str name = doc_str(g->fields->items[i], STR(""));
            const struct doc *v = field(a, g, name, &f, err);
            if (v)
                doc_set(a, out, name, (struct doc *)v);
            else
                rc = err_wrap(err, "dataset '%s'", g->at.dataset);
        }
    }
    datastore_drop(&f);
    doc_set(a, out, STR("effectiveIntegrationRuntime"), doc_new_str(a, STR("Local")));
    job->output = out;
    return rc;
}

static int start_metadata(struct act *a, struct err *err)
{
    struct data_at at;
    const struct doc *fields, *store = doc_get(a->props, "storeSettings"),
                              *format = doc_get(a->props, "formatSettings");
    if (data_eval(a, doc_get(a->props, "dataset"), &at, err) ||
        !(fields = need_eval(a, "fieldList", err)) ||
        (store && !(store = act_eval(a, store, err))) ||
        (format && !(format = act_eval(a, format, err))))
        return -1;
    if (fields->kind != DOC_ARRAY)
        return doc_err(doc_get(a->props, "fieldList"), ERR_INPUT, err, "\"fieldList\" is an array");
    struct arena *m = arena_new();
    struct metadata *g = ARENA_NEW(m, struct metadata);
    *g = (struct metadata){.names = names_of(a), .fields = doc_deep_copy(m, fields),
                           .store = store ? doc_deep_copy(m, store) : NULL,
                           .format = format ? doc_deep_copy(m, format) : NULL};
    data_copy(m, &at, &g->at);
    act_work(a, metadata_work, g, m);
    return 0;
}

/* ---------------------------------------------------------------- Delete */

struct delete { const struct resolver_names *names; struct data_at at; const struct doc *store; };

static int delete_work(struct act_job *job, struct err *err)
{
    const struct delete *d = job->ctx;
    struct arena *a = job->a;
    struct datastore_file *files;
    struct resolved place;
    bool folder, recursive = data_flag(d->store, "recursive", false);
    bool wildcard = data_text(d->store, "wildcardFileName").len || data_text(d->store, "wildcardFolderPath").len;
    struct doc *settings = (struct doc *)doc_deep_copy(a, d->store), *out = doc_new_object(a);
    int64_t started = time_mono_us();
    doc_set(a, settings, STR("recursive"), doc_new_bool(a, recursive));
    if (datastore_place(d->names, a, &d->at, &place, err))
        return -1;
    if (place.kind != RESOLVED_LOCAL)
        return err_set(err, ERR_UNSUPPORTED, "dataset '%s' is in a Git repository: nothing is "
                       "deleted there", d->at.dataset);
    int64_t n = datastore_find(d->names, a, &d->at, settings, &files, &folder, err);
    if (n < 0)
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (fs_unlink(files[i].at.path, err))
            return -1;
    if (folder && recursive && !wildcard && d->at.folder.len && fs_remove_tree(place.path, err))
        return -1;
    doc_set(a, out, STR("datasetName"), doc_new_str(a, str_z(d->at.dataset)));
    doc_set(a, out, STR("recursive"), doc_new_bool(a, recursive));
    doc_set(a, out, STR("isWildcardUsed"), doc_new_bool(a, wildcard));
    doc_set(a, out, STR("filesDeleted"), doc_new_i64(a, n));
    doc_set(a, out, STR("executionDuration"), doc_new_i64(a, (time_mono_us() - started) / 1000000));
    job->output = out;
    return 0;
}

static int start_delete(struct act *a, struct err *err)
{
    struct data_at at;
    const struct doc *store = doc_get(a->props, "storeSettings");
    bool recursive;
    if (data_eval(a, doc_get(a->props, "dataset"), &at, err) ||
        (store && !(store = act_eval(a, store, err))) ||
        act_bool(a, "recursive", false, &recursive, err))
        return -1;
    struct arena *m = arena_new();
    struct delete *d = ARENA_NEW(m, struct delete);
    *d = (struct delete){.names = names_of(a),
                         .store = doc_is(store, DOC_OBJECT) ? doc_deep_copy(m, store)
                                                            : doc_new_object(m)};
    if (!doc_get(d->store, "recursive"))
        doc_set(m, (struct doc *)d->store, STR("recursive"), doc_new_bool(m, recursive));
    data_copy(m, &at, &d->at);
    act_work(a, delete_work, d, m);
    return 0;
}

static void check_delete(struct check *c, const struct doc *def, const struct doc *props)
{
    const struct model_item *item = check_dataset(c, doc_get(props, "dataset"));
    struct err err;
    struct model_item *service =
        item ? model_ref(c->f->model, MODEL_SERVICE, doc_get(item->props, "linkedServiceName"), &err) : NULL;
    (void)def;
    if (service && str_ieqz(data_text(service->props, "type"), "HttpServer"))
        check_at(c, doc_get(props, "dataset"), ERR_INPUT, "nothing can be deleted over HTTP");
    if (data_flag(props, "enableLogging", false))
        check_at(c, doc_get(props, "enableLogging"), ERR_UNSUPPORTED,
                 "the log of deleted files is not written; set enableLogging to false");
}

const struct activity_type data_types[] = {
    {.name = "Copy", .start = start_copy, .cancel = act_cancel_work, .check = check_copy,
     .policy = true, .required = {"source", "sink"}},
    {.name = "Delete", .start = start_delete, .cancel = act_cancel_work, .check = check_delete,
     .policy = true, .required = {"dataset"}},
    {.name = "GetMetadata", .start = start_metadata, .cancel = act_cancel_work,
     .check = check_one_dataset, .policy = true, .required = {"dataset", "fieldList"}},
    {.name = "Lookup", .start = start_lookup, .cancel = act_cancel_work, .check = check_lookup,
     .policy = true, .required = {"source", "dataset"}},
    {},
};
