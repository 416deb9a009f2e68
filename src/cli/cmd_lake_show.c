/* cmd_lake_show -- `paystreak lake` ls, schema, detail, history, files, cat: what a table is and holds.
 *
 * With --output json each row is one JSON object a line:
 *     cat      the columns. Integers and decimals have all their digits, float and double the digits that
 *              read back the same, or "NaN", "Infinity", "-Infinity"; timestamps are ISO 8601 with six
 *              digits of fraction (none if zero), with Z unless without a zone; binary is base64; a map is
 *              [{"key":…,"value":…}]; a VARIANT is its JSON, as Spark's to_json writes it (lake/variant.h); with --cdf _change_type, _commit_version and
 *              _commit_timestamp follow.
 *     files    path (as logged), size, modificationTime, partitionValues, stats (an object or null),
 *              deletionVector (or null), numRecords (or null)
 *     history  as DESCRIBE HISTORY; schema: Spark's JSON of it; detail: as DESCRIBE DETAIL
 *     ls       name, kind, location
 * Rows of cat come in no order. */
#include "cli/cmd_lake.h"
#include "cli/grid.h"
#include "lake/catalog.h"
#include "lake/cdf_read.h"
#include "lake/history.h"
#include "lake/store.h"
#include <stdio.h>

enum { TEXT_LIMIT = 1000 /* rows of a table in the terminal, unless --limit says more */, LS_DEPTH = 8 };

static void print_line(struct buf *b)
{
    buf_char(b, '\n');
    fwrite(b->ptr, 1, b->len, stdout);
    buf_clear(b);
}

typedef int (*show_fn)(struct lake_target *t, const struct cli_args *args, struct err *err);

static int show(const struct cli_args *args, show_fn fn)
{
    struct lake_target t;
    struct err err = {0};
    int rc = lake_target_open(&t, args, &err);
    if (rc == 0)
        rc = fn(&t, args, &err);
    fflush(stdout);
    int status = rc ? lake_fail(args, &err) : 0;
    lake_target_release(&t);
    return status;
}

/* ---- cat */

/* `*held` gets a reference for the caller: what the scan reads from a store is here as long as it is held. */
static int put_cat(struct lake_target *t, const struct cli_args *args, struct buf *sql, struct lake_snapshot **held, struct err *err)
{
    struct lake_snapshot *s = NULL;
    struct lake_scan o = {.json_variants = true};
    int rc;
    buf_z(sql, "SELECT * FROM ");
    if (args->cdf_from >= 0) {
        int64_t to = args->version;
        if (args->timestamp) {
            if (!(s = lake_target_snapshot(t, args, err)))
                return -1;
            to = s->version;
            lake_snapshot_unref(s);
        }
        rc = lake_cdf_sql(t->table, t->conn, args->cdf_from, to, true, sql, held, err);
    } else {
        s = *held = lake_target_snapshot(t, args, err);
        rc = s ? lake_scan_sql(s, &o, sql, err) : -1;
    }
    int64_t limit = args->limit ? args->limit : args->json ? 0 : TEXT_LIMIT + 1;
    if (limit)
        buf_printf(sql, " LIMIT %jd", (intmax_t)limit);
    return rc ? -1 : buf_check(sql, "the table's scan", err);
}

static int print_rows(struct duck_result *r, struct err *err)
{
    struct buf b, *names = mem_alloc(sizeof *names * (duck_cols(r) + 1));
    int got;
    buf_init(&b);
    for (size_t c = 0; c < duck_cols(r); c++) {
        buf_init(&names[c]);
        buf_char(&names[c], c ? ',' : '{');
        json_quote(&names[c], duck_col_name(r, c));
        buf_char(&names[c], ':');
    }
    while ((got = duck_next(r, err)) > 0) {
        for (size_t row = 0; row < duck_rows(r); row++) {
            for (size_t c = 0; c < duck_cols(r); c++) {
                buf_str(&b, buf_view(&names[c]));
                duck_render(r, c, row, DUCK_AS_EXACT, &b);
            }
            buf_z(&b, duck_cols(r) ? "}" : "{}");
            print_line(&b);
        }
    }
    for (size_t c = 0; c < duck_cols(r); c++)
        buf_release(&names[c]);
    mem_free(names);
    buf_release(&b);
    return got;
}

static bool is_number(enum duck_type t)
{
    return t >= DUCK_I8 && t <= DUCK_DECIMAL;
}

static int print_grid(struct duck_result *r, const struct cli_args *args, struct err *err)
{
    struct grid g;
    struct buf b;
    int got;
    int64_t rows = 0;
    bool more = false;
    grid_init(&g, duck_cols(r) ? duck_cols(r) : 1);
    bool *right = ARENA_ARRAY(g.a, bool, g.cols);
    for (size_t c = 0; c < duck_cols(r); c++) {
        grid_cell(&g, duck_col_name(r, c));
        right[c] = is_number(duck_col_type(r, c));
    }
    buf_init(&b);
    while ((got = duck_next(r, err)) > 0) {
        for (size_t row = 0; row < duck_rows(r); row++) {
            if (!args->limit && rows == TEXT_LIMIT) {
                more = true;
                break;
            }
            for (size_t c = 0; c < duck_cols(r); c++) {
                buf_clear(&b);
                if (duck_is_null(r, c, row))
                    buf_z(&b, "NULL");
                else
                    duck_render(r, c, row, DUCK_AS_TEXT, &b);
                grid_cell(&g, buf_view(&b));
            }
            rows++;
        }
    }
    buf_release(&b);
    if (got == 0) {
        grid_print(&g, right);
        printf("(%jd row%s%s)\n", (intmax_t)rows, rows == 1 ? "" : "s", more ? ", there are more: --limit N shows N" : "");
    }
    grid_release(&g);
    return got;
}

static int show_cat(struct lake_target *t, const struct cli_args *args, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    struct lake_snapshot *held = NULL;
    struct duck_result *r = put_cat(t, args, &sql, &held, err) == 0 ? duck_query(t->conn, buf_view(&sql), err) : NULL;
    int rc = !r ? -1 : args->json ? print_rows(r, err) : print_grid(r, args, err);
    duck_result_free(r);
    lake_snapshot_unref(held);
    buf_release(&sql);
    return rc;
}

int cmd_lake_cat(const struct cli_args *args)
{
    return show(args, show_cat);
}

/* ---- files */

static void put_pairs(struct buf *b, struct lake_pairs p)
{
    buf_char(b, '{');
    for (size_t i = 0; i < p.count; i++) {
        buf_z(b, i ? "," : "");
        json_quote(b, p.items[i].key);
        buf_char(b, ':');
        if (p.items[i].is_null)
            buf_z(b, "null");
        else
            json_quote(b, p.items[i].value);
    }
    buf_char(b, '}');
}

static void put_dv(struct buf *b, const struct lake_dv *dv)
{
    if (!dv->storage) {
        buf_z(b, "null");
        return;
    }
    buf_printf(b, "{\"storageType\":\"%c\",\"pathOrInlineDv\":", dv->storage);
    json_quote(b, dv->path_or_inline);
    if (dv->storage != 'i')
        buf_printf(b, ",\"offset\":%jd", (intmax_t)dv->offset);
    buf_printf(b, ",\"sizeInBytes\":%jd,\"cardinality\":%jd}", (intmax_t)dv->size_bytes, (intmax_t)dv->cardinality);
}

static void put_file(struct buf *b, const struct lake_file *f)
{
    buf_z(b, "{\"path\":");
    json_quote(b, f->path);
    buf_printf(b, ",\"size\":%jd,\"modificationTime\":%jd,\"partitionValues\":", (intmax_t)f->size, (intmax_t)f->modified_ms);
    put_pairs(b, f->partition);
    buf_z(b, ",\"stats\":");
    lake_file_put_stats(b, f);
    buf_z(b, ",\"deletionVector\":");
    put_dv(b, &f->dv);
    buf_z(b, ",\"numRecords\":");
    if (f->rows < 0)
        buf_z(b, "null}");
    else
        buf_printf(b, "%jd}", (intmax_t)f->rows);
}

static void grid_files(const struct lake_snapshot *s)
{
    struct grid g;
    struct buf b;
    buf_init(&b);
    grid_init(&g, 5);
    g.max_width = GRID_WHOLE;
    grid_head(&g, (const char *const[]){"path", "size", "rows", "deleted", "partition"});
    for (size_t i = 0; i < s->file_count; i++) {
        const struct lake_file *f = s->files[i];
        grid_cell(&g, f->path);
        grid_cell(&g, str_fmt(g.a, "%jd", (intmax_t)f->size));
        grid_cell(&g, f->rows < 0 ? STR("?") : str_fmt(g.a, "%jd", (intmax_t)f->rows));
        grid_cell(&g, f->dv.storage ? str_fmt(g.a, "%jd", (intmax_t)f->dv.cardinality) : STR(""));
        buf_clear(&b);
        for (size_t k = 0; k < f->partition.count; k++) {
            const struct lake_pair *p = &f->partition.items[k];
            buf_printf(&b, "%s%.*s=%.*s", k ? " " : "", STR_ARGS(p->key), STR_ARGS(p->is_null ? STR("NULL") : p->value));
        }
        grid_cell(&g, buf_view(&b));
    }
    grid_print(&g, (const bool[]){false, true, true, true, false});
    printf("(%zu file%s, %jd bytes, version %jd)\n", s->file_count, s->file_count == 1 ? "" : "s", (intmax_t)s->size, (intmax_t)s->version);
    buf_release(&b);
    grid_release(&g);
}

static int show_files(struct lake_target *t, const struct cli_args *args, struct err *err)
{
    struct lake_snapshot *s = lake_target_snapshot(t, args, err);
    struct buf b;
    if (!s)
        return -1;
    buf_init(&b);
    for (size_t i = 0; args->json && i < s->file_count; i++) {
        put_file(&b, s->files[i]);
        print_line(&b);
    }
    if (!args->json)
        grid_files(s);
    buf_release(&b);
    lake_snapshot_unref(s);
    return 0;
}

int cmd_lake_files(const struct cli_args *args)
{
    return show(args, show_files);
}

/* ---- schema */

static void grid_schema(const struct lake_snapshot *s)
{
    struct grid g;
    struct buf b;
    buf_init(&b);
    grid_init(&g, 4);
    g.max_width = GRID_WHOLE;
    grid_head(&g, (const char *const[]){"column", "type", "null", "comment"});
    for (size_t i = 0; i < s->schema->field_count; i++) {
        const struct type_field *f = &s->schema->fields[i];
        buf_clear(&b);
        type_write_ddl(&b, f->type);
        if (lake_is_partition(s, f->name))
            buf_z(&b, " (partition)");
        grid_cell(&g, f->name);
        grid_cell(&g, buf_view(&b));
        grid_cell(&g, f->nullable ? STR("") : STR("NOT NULL"));
        grid_cell(&g, f->comment);
    }
    grid_print(&g, NULL);
    buf_release(&b);
    grid_release(&g);
}

static int show_schema(struct lake_target *t, const struct cli_args *args, struct err *err)
{
    struct lake_snapshot *s = lake_target_snapshot(t, args, err);
    if (!s)
        return -1;
    if (args->json)
        printf("%.*s\n", STR_ARGS(s->schema_json));
    else
        grid_schema(s);
    lake_snapshot_unref(s);
    return 0;
}

int cmd_lake_schema(const struct cli_args *args)
{
    return show(args, show_schema);
}

/* ---- detail */

static void grid_object(const struct doc *d)
{
    struct grid g;
    struct buf b;
    buf_init(&b);
    grid_init(&g, 2);
    g.max_width = GRID_WHOLE;
    grid_head(&g, (const char *const[]){"property", "value"});
    for (size_t i = 0; i < d->count; i++) {
        const struct doc *v = d->items[i];
        grid_cell(&g, d->keys[i].name);
        buf_clear(&b);
        if (v->kind == DOC_STRING)
            buf_str(&b, v->text);
        else if (v->kind != DOC_NULL)
            doc_write(&b, v);
        grid_cell(&g, buf_view(&b));
    }
    grid_print(&g, NULL);
    buf_release(&b);
    grid_release(&g);
}

static int show_detail(struct lake_target *t, const struct cli_args *args, struct err *err)
{
    struct lake_snapshot *s = lake_target_snapshot(t, args, err);
    struct buf b;
    if (!s)
        return -1;
    buf_init(&b);
    lake_detail_json(s, &b);
    lake_snapshot_unref(s);
    int rc = 0;
    if (args->json) {
        print_line(&b);
    } else {
        struct doc *d = doc_json(t->arena, NULL, buf_view(&b), err);
        if (d)
            grid_object(d);
        rc = d ? 0 : -1;
    }
    buf_release(&b);
    return rc;
}

int cmd_lake_detail(const struct cli_args *args)
{
    return show(args, show_detail);
}

/* ---- history */

static void history_row(struct grid *g, const struct lake_history_entry *e)
{
    struct buf b;
    char iso[40];
    buf_init(&b);
    grid_cell(g, str_fmt(g->a, "%jd", (intmax_t)e->version));
    grid_cell(g, str_z(time_iso((struct tp){e->timestamp_ms * 1000}, 3, iso)));
    grid_cell(g, e->operation);
    for (int part = 0; part < 2; part++) {
        const struct doc *d = part ? e->metrics : e->parameters;
        buf_clear(&b);
        for (size_t i = 0; d && d->kind == DOC_OBJECT && i < d->count; i++) {
            buf_z(&b, i ? " " : "");
            buf_str(&b, d->keys[i].name);
            buf_char(&b, '=');
            if (d->items[i]->kind == DOC_STRING)
                buf_str(&b, d->items[i]->text);
            else
                doc_write(&b, d->items[i]);
        }
        grid_cell(g, buf_view(&b));
    }
    buf_release(&b);
}

static int show_history(struct lake_target *t, const struct cli_args *args, struct err *err)
{
    struct lake_history_entry *list;
    int64_t n = lake_history(t->arena, t->dir, args->limit, &list, err);
    if (n < 0)
        return -1;
    struct grid g;
    struct buf b;
    buf_init(&b);
    grid_init(&g, 5);
    grid_head(&g, (const char *const[]){"version", "timestamp", "operation", "parameters", "metrics"});
    for (int64_t i = 0; i < n; i++) {
        if (!args->json) {
            history_row(&g, &list[i]);
            continue;
        }
        lake_history_json(&list[i], &b);
        print_line(&b);
    }
    if (!args->json)
        grid_print(&g, (const bool[]){true, false, false, false, false});
    grid_release(&g);
    buf_release(&b);
    return 0;
}

int cmd_lake_history(const struct cli_args *args)
{
    return show(args, show_history);
}

/* ---- ls */

struct lister { struct grid grid; bool json; size_t count; };

static void list_one(struct lister *l, struct str name, const char *kind, struct str location)
{
    struct buf b;
    l->count++;
    if (!l->json) {
        grid_cell(&l->grid, name);
        grid_cell(&l->grid, str_z(kind));
        grid_cell(&l->grid, location);
        return;
    }
    buf_init(&b);
    buf_z(&b, "{\"name\":");
    json_quote(&b, name);
    buf_printf(&b, ",\"kind\":\"%s\",\"location\":", kind);
    if (location.len)
        json_quote(&b, location);
    else
        buf_z(&b, "null");
    buf_char(&b, '}');
    print_line(&b);
    buf_release(&b);
}

static int list_folder(struct lister *l, struct arena *a, const char *dir, const char *name, int depth, struct err *err)
{
    char **names;
    if (fs_exists(path_join(a, dir, "_delta_log"))) {
        list_one(l, str_z(name), "delta", str_z(dir));
        return 0;
    }
    int64_t n = depth < LS_DEPTH ? fs_list(a, dir, &names, err) : 0;
    for (int64_t i = 0; i < n; i++) {
        struct fs_stat st;
        struct err ignored;
        char *path = path_join(a, dir, names[i]);
        if (names[i][0] == '.' || names[i][0] == '_' || fs_stat(path, &st, &ignored) || !st.is_dir)
            continue;
        if (list_folder(l, a, path, *name ? path_join(a, name, names[i]) : names[i], depth + 1, err))
            return -1;
    }
    return n < 0 ? -1 : 0;
}

/* Tables below an address: what has a log. Names come in order, a log's files beside each other. */
static int list_store(struct lister *l, struct arena *a, const char *dir, struct err *err)
{
    struct store_entry *list;
    struct str log = STR("_delta_log/"), last = STR("/");
    struct store *s = store_shared(dir, err);
    int64_t n = s ? store_list(s, a, &(struct store_list_opts){.prefix = ""}, &list, err) : -1;
    for (int64_t i = 0; i < n; i++) {
        struct str name = str_z(list[i].name);
        int64_t at = str_find(name, log);
        if (at < 0 || (at > 0 && name.ptr[at - 1] != '/'))
            continue;
        struct str table = str_sub(name, 0, (size_t)(at > 0 ? at - 1 : 0));
        if (!str_eq(table, last))
            list_one(l, table, "delta", str_fmt(a, "%s%s%.*s", dir, table.len ? "/" : "", STR_ARGS(table)));
        last = table;
    }
    return n < 0 ? -1 : 0;
}

static int list_schema(struct lister *l, struct arena *a, struct lake_catalog *k, struct str catalog, struct str schema, struct err *err)
{
    static const char *const kinds[] = {[LAKE_NONE] = "", [LAKE_MANAGED] = "managed", [LAKE_EXTERNAL] = "external", [LAKE_VIEW] = "view"};
    struct lake_entry *entries;
    int64_t n = lake_list_entries(k, a, catalog, schema, &entries, err);
    for (int64_t i = 0; i < n; i++)
        list_one(l, lake_name_text(a, &entries[i].name), kinds[entries[i].kind], entries[i].location);
    return n < 0 ? -1 : 0;
}

static int list_catalogs(struct lister *l, struct arena *a, struct lake_catalog *k, struct str filter, struct err *err)
{
    struct str *catalogs, *schemas, rest = filter, want_catalog = STR_NONE, want_schema = STR_NONE;
    if (str_split(&rest, '.', &want_catalog))
        str_split(&rest, '.', &want_schema);
    int64_t n = lake_list_catalogs(k, a, &catalogs, err);
    for (int64_t i = 0; i < n; i++) {
        bool named = !want_catalog.len || str_ieq(want_catalog, catalogs[i]);
        int64_t m = lake_list_schemas(k, a, catalogs[i], &schemas, err);
        if (m < 0)
            return -1;
        for (int64_t s = 0; s < m; s++) {
            bool wanted = named ? !want_schema.len || str_ieq(want_schema, schemas[s])
                                : !want_schema.len && str_eqz(catalogs[i], LAKE_DEFAULT_CATALOG) && str_ieq(want_catalog, schemas[s]);
            if (wanted && list_schema(l, a, k, catalogs[i], schemas[s], err))
                return -1;
        }
    }
    return n < 0 ? -1 : 0;
}

static int list_all(struct lister *l, struct arena *a, const struct cli_args *args, struct err *err)
{
    struct str word = args->word_count ? str_z(args->words[0]) : STR_NONE;
    const char *dir, *state = cli_state_dir(a, args);
    bool folder = word.len && (str_chr(word, '/') >= 0 || fs_exists(args->words[0]));
    if (folder && lake_uri_dir(a, args, word, &dir, err))
        return -1;
    if (folder)
        return store_is_remote(str_z(dir)) ? list_store(l, a, dir, err) : list_folder(l, a, dir, "", 0, err);
    if (!fs_exists(state))
        return err_set(err, ERR_NOT_FOUND, "there is no state in '%s': run the project first, or give --state or a folder", state);
    struct lake_catalog *k = lake_catalog_open(state, err);
    int rc = k ? list_catalogs(l, a, k, word, err) : -1;
    lake_catalog_close(k);
    return rc;
}

int cmd_lake_ls(const struct cli_args *args)
{
    struct err err = {0};
    struct arena *a = arena_new();
    struct lister l = {.json = args->json};
    grid_init(&l.grid, 3);
    l.grid.max_width = GRID_WHOLE;
    grid_head(&l.grid, (const char *const[]){"name", "kind", "location"});
    int rc = list_all(&l, a, args, &err);
    if (rc == 0 && !args->json)
        grid_print(&l.grid, NULL);
    int status = rc ? lake_fail(args, &err) : 0;
    grid_release(&l.grid);
    arena_free(a);
    return status;
}
