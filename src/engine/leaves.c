/* leaves -- what a plan's leaf is: a temporary view, a table at one version, a view, a folder of
 * files, a range of numbers; and how it is written for DuckDB.
 *
 * Order for a name of one part: the caller's hook, temporary views, the current schema, the search
 * path. format.`path` is a name of two parts whose first is a format. */
#include "engine/session_int.h"
#include "engine/travel.h"

enum bound_kind { BOUND_HOOK, BOUND_SNAPSHOT, BOUND_FILES, BOUND_TEXT };
struct bound {
    enum bound_kind kind;
    void *cookie;                      /* HOOK */
    struct lake_snapshot *snapshot;
    struct file_source *files;
    struct data_file *list;
    size_t count;
    struct str text;
};

static int at_leaf(const struct rel *leaf, struct err *err)
{
    return err_locate(err, leaf->at.file, leaf->at.line, leaf->at.col);
}

int session_localize(void *ctx, struct arena *a, struct str location, char **dir, struct err *err)
{
    const struct engine *e = ctx;
    struct resolved where;
    if (resolve_name(e->names, a, location, &where, err))
        return -1;
    if (where.kind == RESOLVED_STORE) {
        *dir = arena_strdup(a, where.url);
        return 0;
    }
    if (where.kind != RESOLVED_LOCAL)
        return err_set(err, ERR_UNSUPPORTED, "a table cannot lie at '%.*s': it is not served here; bind it to a folder",
                       STR_ARGS(location));
    size_t n = strlen(where.path);
    while (n > 1 && where.path[n - 1] == '/')
        n--;
    *dir = arena_strndup(a, where.path, n);
    return 0;
}

static bool is_format(struct str word)
{
    static const char *const formats[] = {"delta", "parquet", "csv", "json", "text", "binaryfile"};
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if (str_ieqz(word, formats[i]))
            return true;
    return false;
}

static void hold(struct planning *p, struct lake_snapshot *snap, struct str dir)
{
    struct held *h = p->held;
    h->items = mem_grow(h->items, &h->cap, h->count + 1, sizeof *h->items);
    h->items[h->count++] = snap;
    h->tables = mem_grow(h->tables, &h->table_cap, h->table_count + 1, sizeof *h->tables);
    h->tables[h->table_count++] = dir;
}

static int delta_leaf(struct planning *p, struct arena *a, const struct rel *leaf, const char *dir,
                      const struct lake_name *name, struct leaf_info *out, struct err *err)
{
    struct travelled t;
    if (travel_open(p, a, leaf, dir, &t, err))
        return at_leaf(leaf, err);
    hold(p, t.snapshot, str_copy(a, str_z(dir)));
    struct bound *b = ARENA_NEW(a, struct bound);
    b->kind = t.changes.ptr ? BOUND_TEXT : BOUND_SNAPSHOT;
    b->snapshot = t.snapshot;
    b->text = t.changes;
    out->schema = t.schema;
    out->bound = b;
    if (name) {
        out->qualifier[0] = name->catalog;
        out->qualifier[1] = name->schema;
        out->qualifier[2] = name->table;
    }
    return 0;
}

static int files_leaf(struct planning *p, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    struct bound *b = ARENA_NEW(a, struct bound);
    if (travel_none(leaf, "files", err))
        return -1;
    b->kind = BOUND_FILES;
    b->files = file_source_open(a, leaf, p->s->engine->names, err);
    if (!b->files)
        return -1;
    int64_t n = file_source_list(b->files, a, &b->list, err);
    if (n < 0)
        return at_leaf(leaf, err);
    b->count = (size_t)n;
    if (file_source_schema(b->files, a, p->s->conn, b->list, b->count, err))
        return at_leaf(leaf, err);
    out->schema = b->files->schema;
    out->bound = b;
    return 0;
}

/* range([start,] end [, step]) */
static int range_leaf(struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    int64_t v[3] = {0, 0, 1};
    if (leaf->args.count < 1 || leaf->args.count > 4)
        return err_at(err, ERR_INPUT, leaf->at.file, leaf->at.line, leaf->at.col, "range takes ([start,] end [, step])");
    for (size_t i = 0; i < leaf->args.count && i < 3; i++) {
        const struct expr *e = leaf->args.items[i];
        bool minus = e->kind == EXPR_CALL && str_eqz(e->func, "negative");
        const struct expr *n = minus ? e->args.items[0] : e;
        if (n->kind != EXPR_LITERAL || n->lit.kind != LIT_INT)
            return err_at(err, ERR_UNSUPPORTED, e->at.file, e->at.line, e->at.col, "range takes literal numbers");
        v[leaf->args.count == 1 ? 1 : i] = minus ? -n->lit.i64 : n->lit.i64;
    }
    const struct type_field id = {STR("id"), type_of(TYPE_LONG), false, STR_NONE, NULL};
    struct bound *b = ARENA_NEW(a, struct bound);
    b->kind = BOUND_TEXT;
    b->text = str_fmt(a, "(SELECT range AS \"id\" FROM range(%jd, %jd, %jd))", (intmax_t)v[0], (intmax_t)v[1], (intmax_t)v[2]);
    out->schema = type_struct(a, &id, 1);
    out->bound = b;
    return 0;
}

static int view_leaf(struct planning *p, struct arena *a, const struct rel *leaf, const struct lake_entry *e,
                     struct leaf_info *out, struct err *err)
{
    if (travel_none(leaf, "a view", err))
        return -1;
    if (p->depth == SESSION_MAX_VIEW_DEPTH)
        return err_at(err, ERR_LIMIT, leaf->at.file, leaf->at.line, leaf->at.col,
                      "view '%.*s' nests deeper than SESSION_MAX_VIEW_DEPTH", STR_ARGS(e->name.table));
    struct planning *inner = ARENA_NEW(a, struct planning);
    *inner = *p;
    inner->depth++;
    inner->scope = (struct lake_scope){e->view_catalog, e->view_schema};
    out->view = sparksql_query(a, str_cz(a, lake_name_text(a, &e->name)), e->text, err);
    out->view_ctx = inner;
    out->qualifier[0] = e->name.catalog;
    out->qualifier[1] = e->name.schema;
    out->qualifier[2] = e->name.table;
    return out->view ? 0 : -1;
}

/* An external table over files: its row says what read_files() would. */
static int external_files(struct planning *p, struct arena *a, const struct rel *leaf, const struct lake_entry *e,
                          struct leaf_info *out, struct err *err)
{
    struct rel *source = rel_new(a, REL_SOURCE, leaf->at);
    struct doc *options = e->options_json.len ? doc_json(a, "options", e->options_json, err) : doc_new_object(a);
    if (!options)
        return -1;
    source->version = leaf->version;
    source->timestamp = leaf->timestamp;
    source->format = e->format;
    source->paths = arena_copy(a, &e->location, sizeof e->location);
    source->path_count = 1;
    source->options.keys = ARENA_ARRAY(a, struct str, options->count);
    source->options.values = ARENA_ARRAY(a, struct str, options->count);
    source->options.count = options->count;
    for (size_t i = 0; i < options->count; i++) {
        source->options.keys[i] = options->keys[i].name;
        source->options.values[i] = doc_str(options->items[i], STR_NONE);
    }
    if (e->schema_json.len) {
        struct doc *d = doc_json(a, "schema", e->schema_json, err);
        if (!d || !(source->schema = type_read_json(a, d, err)))
            return -1;
    }
    return files_leaf(p, a, source, out, err);
}

static int entry_leaf(struct planning *p, struct arena *a, const struct rel *leaf, const struct lake_entry *e,
                      struct leaf_info *out, struct err *err)
{
    char *dir;
    if (e->kind == LAKE_VIEW)
        return view_leaf(p, a, leaf, e, out, err);
    if (e->kind == LAKE_EXTERNAL && e->format.len && !str_ieqz(e->format, "delta"))
        return external_files(p, a, leaf, e, out, err);
    if (lake_entry_dir(e, a, session_localize, p->s->engine, &dir, err))
        return at_leaf(leaf, err);
    return delta_leaf(p, a, leaf, dir, &e->name, out, err);
}

/* Looks a name up: in its own scope, then for a lone name in each schema of the search path. */
static int find_entry(struct planning *p, struct arena *a, const struct names *name, struct lake_entry *e, struct err *err)
{
    struct lake_name full;
    if (lake_name_resolve(a, name->parts, name->count, &p->scope, &full, err) ||
        lake_catalog_find(p->s->engine->catalog, a, &full, e, err))
        return -1;
    struct str rest = p->s->search_path, schema;
    while (e->kind == LAKE_NONE && name->count == 1 && str_split(&rest, ',', &schema)) {
        struct lake_scope scope = {p->scope.catalog, str_trim(schema)};
        if (lake_name_resolve(a, name->parts, 1, &scope, &full, err) ||
            lake_catalog_find(p->s->engine->catalog, a, &full, e, err))
            return -1;
    }
    return 0;
}

static int table_leaf(struct planning *p, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    struct lake_entry e;
    if (leaf->name.count == 1) {
        const struct rel *view = map_get(p->s->views, leaf->name.parts[0]);
        if (view) {
            if (travel_none(leaf, "a view", err))
                return -1;
            out->view = view;
            out->qualifier[2] = leaf->name.parts[0];
            return 0;
        }
    }
    bool path = session_name_is_path(&leaf->name, NULL); /* no name of the catalog, which may not be that long */
    if (!path && find_entry(p, a, &leaf->name, &e, err))
        return at_leaf(leaf, err);
    if (!path && e.kind != LAKE_NONE)
        return entry_leaf(p, a, leaf, &e, out, err);
    if (leaf->name.count == 2 && is_format(leaf->name.parts[0])) {
        struct rel *source = rel_new(a, REL_SOURCE, leaf->at);
        *source = *leaf;
        source->kind = REL_SOURCE;
        source->format = leaf->name.parts[0];
        source->paths = &leaf->name.parts[1];
        source->path_count = 1;
        return leaf_resolve(p, a, source, out, err);
    }
    struct buf shown;
    buf_init(&shown);
    for (size_t i = 0; i < leaf->name.count; i++)
        buf_printf(&shown, "%s`%.*s`", i ? "." : "", STR_ARGS(leaf->name.parts[i]));
    err_at(err, ERR_NOT_FOUND, leaf->at.file, leaf->at.line, leaf->at.col,
           "[TABLE_OR_VIEW_NOT_FOUND] The table or view %s cannot be found", shown.ptr);
    buf_release(&shown);
    return -1;
}

int leaf_resolve(void *ctx, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    struct planning *p = ctx;
    char *dir;
    if (p->hook && p->hook->leaf) {
        int mine = p->hook->leaf(p->hook->ctx, a, leaf, out, err);
        if (mine < 0)
            return at_leaf(leaf, err);
        if (mine > 0 && !out->view) {
            struct bound *b = ARENA_NEW(a, struct bound);
            b->kind = BOUND_HOOK;
            b->cookie = out->bound;
            out->bound = b;
        }
        if (mine > 0)
            return 0;
    }
    if (leaf->streaming)
        return err_at(err, ERR_UNSUPPORTED, leaf->at.file, leaf->at.line, leaf->at.col,
                      "a stream can be read in a pipeline's streaming table or flow only; leave STREAM out to read the table as it is");
    switch (leaf->kind) {
    case REL_TABLE:
        return table_leaf(p, a, leaf, out, err);
    case REL_FUNCTION:
        if (str_ieqz(leaf->func, "table_changes")) {
            const struct rel *changes = travel_changes(a, leaf, err);
            return changes ? table_leaf(p, a, changes, out, err) : -1;
        }
        if (str_ieqz(leaf->func, "range"))
            return range_leaf(a, leaf, out, err);
        if (str_ieqz(leaf->func, "read_files") || str_ieqz(leaf->func, "cloud_files"))
            return files_leaf(p, a, leaf, out, err);
        return err_at(err, ERR_UNSUPPORTED, leaf->at.file, leaf->at.line, leaf->at.col,
                      "[UNRESOLVABLE_TABLE_VALUED_FUNCTION] table function '%.*s' is not supported", STR_ARGS(leaf->func));
    case REL_SOURCE:
        if (!str_ieqz(leaf->format, "delta"))
            return files_leaf(p, a, leaf, out, err);
        if (leaf->path_count != 1)
            return err_at(err, ERR_INPUT, leaf->at.file, leaf->at.line, leaf->at.col, "format delta takes one path");
        if (session_localize(p->s->engine, a, leaf->paths[0], &dir, err))
            return at_leaf(leaf, err);
        return delta_leaf(p, a, leaf, dir, NULL, out, err);
    default:
        UNREACHABLE();
    }
}

int leaf_print(void *ctx, const struct rel *leaf, struct buf *out, struct err *err)
{
    struct planning *p = ctx;
    const struct bound *b = leaf->bound;
    CHECK(b);
    switch (b->kind) {
    case BOUND_HOOK: {
        struct rel mine = *leaf;
        mine.bound = b->cookie;
        int rc = p->hook->print(p->hook->ctx, &mine, out, err);
        return rc < 0 ? -1 : 0;
    }
    case BOUND_SNAPSHOT:
        return lake_scan_sql(b->snapshot, &(struct lake_scan){.json_variants = true}, out, err);
    case BOUND_FILES:
        return file_source_print(b->files, b->list, b->count, out, err);
    case BOUND_TEXT:
        buf_str(out, b->text);
        return 0;
    }
    UNREACHABLE();
}

bool session_name_is_path(const struct names *name, const char *format)
{
    bool path = false;
    if (name->count != 2 || !(format ? str_ieqz(name->parts[0], format) : is_format(name->parts[0])))
        return false;
    for (const char *c = "/.*:"; *c && !path; c++)
        path = str_chr(name->parts[1], *c) >= 0;
    return path;
}

static int not_a_table(const struct names *name, struct str what, const char *advice, struct err *err)
{
    struct str last = name->parts[name->count - 1];
    return err_set(err, ERR_INPUT, "[EXPECT_TABLE_NOT_VIEW] a Delta table is expected, but `%.*s` is %.*s%s", STR_ARGS(last), STR_ARGS(what), advice);
}

int session_table_dir(struct session *s, struct arena *a, const struct names *name, char **dir, struct err *err)
{
    struct lake_name full;
    struct lake_entry e;
    if (session_name_is_path(name, "delta"))
        return session_localize(s->engine, a, name->parts[1], dir, err);
    if (session_name_is_path(name, NULL))
        return err_set(err, ERR_UNSUPPORTED, "files of %.*s are read only: a Delta table is expected", STR_ARGS(name->parts[0]));
    if (name->count == 1 && map_has(s->views, name->parts[0]))
        return not_a_table(name, STR("a temporary view"), "", err);
    if (lake_name_resolve(a, name->parts, name->count, &s->scope, &full, err) ||
        lake_catalog_find(s->engine->catalog, a, &full, &e, err))
        return -1;
    if (e.kind == LAKE_NONE && name->count == 2 && str_ieqz(name->parts[0], "delta")) /* a path of one part */
        return session_localize(s->engine, a, name->parts[1], dir, err);
    if (e.kind == LAKE_NONE) {
        *dir = lake_catalog_dir(s->engine->catalog, a, &full);
        return 0;
    }
    if (e.kind == LAKE_VIEW)
        return not_a_table(name, STR("a view"), "", err);
    if (e.kind == LAKE_EXTERNAL && e.format.len && !str_ieqz(e.format, "delta"))
        return not_a_table(name, str_fmt(a, "a table over files of %.*s", STR_ARGS(e.format)), ", which are read only", err);
    return lake_entry_dir(&e, a, session_localize, s->engine, dir, err);
}
