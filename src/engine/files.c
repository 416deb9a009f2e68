/* files -- opening, listing and describing file sources; how rows are read is files_read.c.
 *
 * A leaf names its files by read_files('path', format => 'csv', …), by cloud_files('path', 'csv',
 * map(…)), or by format.`path` and DataFrameReader (REL_SOURCE). All three end in one
 * `struct file_source`. Listing is recursive, as read_files does it; the pattern is matched
 * against the path below the longest folder that holds no glob character. */
#include "engine/files_int.h"
#include "resolve/resolve.h"

/* What a file source knows. FLAG is true or false. ONLY takes the values that say what is done anyway, the
 * others would change what is read. FREE tunes what does not exist on one machine, or is a limit that
 * is higher here. What is not in here is refused by name, and so is a value that is not taken. */
enum option_kind { TEXT, FLAG, ONLY, FREE };
static const struct known_option { const char *name; enum option_kind kind; const char *values; } OPTIONS[] = {
    {"format", TEXT, NULL}, {"header", FLAG, NULL}, {"sep", TEXT, NULL}, {"delimiter", TEXT, NULL}, {"quote", TEXT, NULL},
    {"escape", TEXT, NULL}, {"nullValue", TEXT, NULL}, {"emptyValue", TEXT, NULL}, {"comment", TEXT, NULL}, {"lineSep", TEXT, NULL},
    {"schema", TEXT, NULL}, {"schemaHints", TEXT, NULL}, {"inferSchema", FLAG, NULL}, {"inferColumnTypes", FLAG, NULL},
    {"primitivesAsString", FLAG, NULL}, {"enforceSchema", FLAG, NULL}, {"readerCaseSensitive", FLAG, NULL},
    {"multiLine", FLAG, NULL}, {"wholetext", FLAG, NULL}, {"ignoreLeadingWhiteSpace", FLAG, NULL}, {"ignoreTrailingWhiteSpace", FLAG, NULL},
    {"dateFormat", TEXT, NULL}, {"timestampFormat", TEXT, NULL}, {"timestampNTZFormat", TEXT, NULL}, {"encoding", TEXT, NULL}, {"charset", TEXT, NULL},
    {"mode", TEXT, NULL /* another word is PERMISSIVE, as in Spark */}, {"rescuedDataColumn", TEXT, NULL}, {"columnNameOfCorruptRecord", TEXT, NULL},
    {"unescapedQuoteHandling", TEXT, NULL}, {"pathGlobFilter", TEXT, NULL}, {"fileNamePattern", TEXT, NULL}, {"recursiveFileLookup", FLAG, NULL},
    {"partitionColumns", TEXT, NULL}, {"maxFilesPerTrigger", TEXT, NULL}, {"maxBytesPerTrigger", FREE, NULL},
    {"schemaEvolutionMode", ONLY, "addNewColumns|rescue|none"},
    {"allowComments", ONLY, "false"}, {"allowSingleQuotes", ONLY, "false"}, {"ignoreCorruptFiles", ONLY, "false"}, {"ignoreMissingFiles", ONLY, "false"},
    {"includeExistingFiles", ONLY, "true"}, {"allowOverwrites", ONLY, "false"}, {"latestFirst", ONLY, "false"}, {"cleanSource", ONLY, "OFF"},
    {"useStrictGlobber", ONLY, "true"}, {"timeZone", ONLY, "UTC|GMT|Etc/UTC|Z|+00:00"}, {"locale", ONLY, "en-US|en_US|en"},
    {"compression", FREE, NULL}, {"mergeSchema", FREE, NULL}, {"samplingRatio", FREE, NULL}, {"schemaLocation", FREE, NULL},
    {"useNotifications", FREE, NULL}, {"useIncrementalListing", FREE, NULL}, {"useManagedFileEvents", FREE, NULL}, {"backfillInterval", FREE, NULL},
    {"maxFileAge", FREE, NULL}, {"validateOptions", FREE, NULL}, {"allowMissingColumns", FREE, NULL}, {"maxColumns", FREE, NULL},
    {"maxCharsPerColumn", FREE, NULL},
};

struct str file_source_option(const struct file_source *f, const char *key)
{
    for (size_t i = 0; i < f->options.count; i++)
        if (str_ieqz(f->options.keys[i], key))
            return f->options.values[i];
    return STR_NONE;
}

bool file_source_flag(const struct file_source *f, const char *key, bool otherwise)
{
    struct str v = file_source_option(f, key);
    return v.ptr ? str_ieqz(v, "true") : otherwise;
}

int file_err(const struct file_source *f, enum err_code code, struct err *err, const char *what,
             struct str name, const char *advice)
{
    return err_at(err, code, f->at.file, f->at.line, f->at.col, "%s '%.*s'%s%s", what,
                  STR_ARGS(name), *advice ? ": " : "", advice);
}

static int check_value(const struct file_source *f, const struct known_option *o, struct str value, struct err *err)
{
    const char *values = o->kind == FLAG ? "true|false" : o->values;
    struct str rest = str_z(values), one;
    while (values && str_split(&rest, '|', &one))
        if (str_ieq(one, value))
            return 0;
    if (!values)
        return 0;
    return err_at(err, o->kind == FLAG ? ERR_INPUT : ERR_UNSUPPORTED, f->at.file, f->at.line, f->at.col,
                  "the option '%s' of a file source takes %s, not '%.*s'", o->name, values, STR_ARGS(value));
}

static int option_add(struct arena *a, struct file_source *f, struct str key, struct str value,
                      struct err *err)
{
    struct str bare = str_starts_z(key, "cloudFiles.") ? str_from(key, 11) : key;
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
        if (!str_ieqz(bare, OPTIONS[i].name))
            continue;
        if (check_value(f, &OPTIONS[i], value, err))
            return -1;
        size_t n = f->options.count;
        struct str *keys = ARENA_ARRAY(a, struct str, n + 1), *values = ARENA_ARRAY(a, struct str, n + 1);
        for (size_t k = 0; k < n; k++) {
            keys[k] = f->options.keys[k];
            values[k] = f->options.values[k];
        }
        keys[n] = bare;
        values[n] = value;
        f->options = (struct options){keys, values, n + 1};
        return 0;
    }
    return file_err(f, ERR_UNSUPPORTED, err, "unknown option of a file source", key,
                    "remove it, or see docs/compatibility.md for the known ones");
}

/* The text of a literal argument: strings as they are, booleans and numbers spelled out. */
static bool literal_text(struct arena *a, const struct expr *e, struct str *out)
{
    if (e->kind != EXPR_LITERAL)
        return false;
    if (e->lit.kind == LIT_STRING || e->lit.kind == LIT_DECIMAL)
        *out = e->lit.text;
    else if (e->lit.kind == LIT_BOOL)
        *out = e->lit.i64 ? STR("true") : STR("false");
    else if (e->lit.kind == LIT_INT)
        *out = str_fmt(a, "%jd", (intmax_t)e->lit.i64);
    else
        return false;
    return true;
}

/* map('key', 'value', …) of cloud_files(). */
static int map_options(struct arena *a, struct file_source *f, const struct expr *e, struct err *err)
{
    struct str key, value;
    if (e->kind != EXPR_CALL || !str_eqz(e->func, "map"))
        return err_at(err, ERR_INPUT, e->at.file, e->at.line, e->at.col,
                      "cloud_files: the third argument is map('option', 'value', …)");
    for (size_t i = 0; i + 1 < e->args.count; i += 2) {
        if (!literal_text(a, e->args.items[i], &key) || !literal_text(a, e->args.items[i + 1], &value))
            return err_at(err, ERR_UNSUPPORTED, e->at.file, e->at.line, e->at.col,
                          "cloud_files: options are literals");
        if (option_add(a, f, key, value, err))
            return -1;
    }
    return 0;
}

static int function_args(struct arena *a, struct file_source *f, const struct rel *leaf, struct err *err)
{
    bool cloud = str_ieqz(leaf->func, "cloud_files");
    for (size_t i = 0; i < leaf->args.count; i++) {
        const struct expr *e = leaf->args.items[i];
        struct str text, key = STR_NONE;
        if (cloud && i == 2) {
            if (map_options(a, f, e, err))
                return -1;
            continue;
        }
        if (e->kind == EXPR_NAMED_ARG) {
            key = e->field_name;
            e = e->args.items[0];
        } else if (i == 0) {
            key = STR("path");
        } else if (cloud && i == 1) {
            key = STR("format");
        }
        if (!key.ptr || !literal_text(a, e, &text))
            return err_at(err, ERR_UNSUPPORTED, e->at.file, e->at.line, e->at.col,
                          "%.*s takes literal arguments, the path first and options as name => value",
                          STR_ARGS(leaf->func));
        if (str_ieqz(key, "path"))
            f->uri = text;
        else if (option_add(a, f, key, text, err))
            return -1;
    }
    return 0;
}

static const struct file_format *format_of_name(struct str path)
{
    static const char *const packed[] = {".gz", ".zst", ".bz2", ".snappy"};
    for (size_t i = 0; i < COUNT_OF(packed); i++)
        if (str_ends_z(path, packed[i]))
            path.len -= strlen(packed[i]);
    int64_t dot = str_rchr(path_base(path), '.');
    if (dot < 0)
        return NULL;
    struct str ext = str_from(path_base(path), (size_t)dot + 1);
    return file_format_find(str_ieqz(ext, "txt") ? STR("text") : str_ieqz(ext, "ndjson") || str_ieqz(ext, "jsonl") ? STR("json") : ext);
}

static bool has_glob(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr("*?[{", s.ptr[i]))
            return true;
    return false;
}

/* Splits the local path into its folder without glob characters and the pattern below it. */
static void split_pattern(struct arena *a, struct file_source *f, struct str path)
{
    struct fs_stat st;
    struct err ignored;
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (!has_glob(path)) {
        f->single_file = fs_stat(str_cz(a, path), &st, &ignored) == 0 && st.is_file;
        f->root = path;
        return;
    }
    size_t cut = 0;
    for (size_t i = 0; i < path.len && !strchr("*?[{", path.ptr[i]); i++)
        if (path.ptr[i] == '/')
            cut = i;
    f->root = str_sub(path, 0, cut ? cut : 1);
    f->pattern = str_from(path, cut + 1);
}

struct file_source *file_source_open(struct arena *a, const struct rel *leaf, struct resolver_names *names,
                                     struct err *err)
{
    struct file_source *f = ARENA_NEW(a, struct file_source);
    struct resolved where;
    f->at = leaf->at;
    f->function = leaf->kind == REL_FUNCTION ? leaf->func : str_ieqz(leaf->format, "cloudfiles") ? STR("cloud_files") : STR("");
    f->named = f->function.len > 0;
    if (leaf->kind == REL_FUNCTION) {
        if (function_args(a, f, leaf, err))
            return NULL;
    } else {
        f->uri = leaf->path_count ? leaf->paths[0] : STR_NONE;
        for (size_t i = 0; i < leaf->options.count; i++)
            if (str_ieqz(leaf->options.keys[i], "path"))
                f->uri = leaf->options.values[i];
            else if (option_add(a, f, leaf->options.keys[i], leaf->options.values[i], err))
                return NULL;
        f->schema = leaf->schema;
        if (leaf->path_count > 1) {
            file_err(f, ERR_UNSUPPORTED, err, "several paths in one file source", leaf->paths[1],
                     "use one folder or a pattern such as {a,b}");
            return NULL;
        }
    }
    if (!f->uri.len) {
        err_at(err, ERR_INPUT, leaf->at.file, leaf->at.line, leaf->at.col, "a file source needs a path");
        return NULL;
    }
    if (resolve_name(names, a, f->uri, &where, err)) {
        err_locate(err, leaf->at.file, leaf->at.line, leaf->at.col);
        return NULL;
    }
    if (where.kind != RESOLVED_LOCAL) {
        file_err(f, ERR_UNSUPPORTED, err, "files cannot be read from", f->uri,
                 "land them in storage first, or bind the address to a folder");
        return NULL;
    }
    split_pattern(a, f, str_z(where.path));
    struct str format = leaf->kind == REL_SOURCE && leaf->format.len && !str_ieqz(leaf->format, "cloudfiles")
                            ? leaf->format : file_source_option(f, "format");
    f->format = format.len ? file_format_find(format) : format_of_name(f->uri);
    if (format.len && !f->format) {
        file_err(f, ERR_UNSUPPORTED, err, "file format is not supported:", format,
                 "csv, json, parquet, text and binaryFile are");
        return NULL;
    }
    return f;
}

static bool hidden(struct str relative)
{
    struct str part;
    while (str_split(&relative, '/', &part))
        if (part.len && (part.ptr[0] == '_' || part.ptr[0] == '.') && str_chr(part, '=') < 0)
            return true;
    return false;
}

static bool wanted(const struct file_source *f, struct str relative)
{
    struct str filter = file_source_option(f, "pathGlobFilter");
    if (!filter.ptr)
        filter = file_source_option(f, "fileNamePattern");
    if (hidden(relative) || (filter.ptr && !path_glob_match(filter, path_base(relative))))
        return false;
    if (!f->pattern.ptr)
        return true;
    /* A pattern names files, or folders whose files are all meant. */
    for (struct str p = relative; p.len; p = path_dir(p)) {
        if (path_glob_match(f->pattern, p))
            return true;
        if (str_chr(p, '/') < 0)
            break;
    }
    return false;
}

int64_t file_source_list(const struct file_source *f, struct arena *a, struct data_file **files, struct err *err)
{
    struct fs_stat st;
    char **names;
    size_t count = 0, cap = 0;
    *files = NULL;
    if (f->single_file) {
        if (fs_stat(str_cz(a, f->root), &st, err))
            return -1;
        *files = ARENA_NEW(a, struct data_file);
        **files = (struct data_file){f->root, st.size, st.mtime_us};
        return 1;
    }
    if (!fs_exists(str_cz(a, f->root)))
        return 0;
    int64_t n = fs_walk(a, str_cz(a, f->root), &names, err);
    if (n < 0)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        if (!wanted(f, str_z(names[i])))
            continue;
        char *path = path_join(a, str_cz(a, f->root), names[i]);
        struct err gone;
        if (fs_stat(path, &st, &gone))
            continue; /* removed between listing and looking */
        if (count == FILES_MAX_LISTED)
            return file_err(f, ERR_LIMIT, err, "more than FILES_MAX_LISTED files below", f->uri, "");
        *files = arena_grow(a, *files, &cap, count + 1, sizeof **files);
        (*files)[count++] = (struct data_file){str_z(path), st.size, st.mtime_us};
    }
    return (int64_t)count;
}
