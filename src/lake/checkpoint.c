/* checkpoint.c -- reading a checkpoint: Parquet through DuckDB, V2 with sidecars.
 *
 * A checkpoint's rows are actions, a column each, all but one NULL. The adds, which are nearly all,
 * are read as columns: path, size, modificationTime, stats, partitionValues, and JSON of what else is not empty. The
 * rest DuckDB turns into the JSON of a commit's line, members that the file has, and replay.c
 * applies those as it does commits. A checkpoint written with delta.checkpoint.writeStatsAsJson=false
 * has only stats_parsed: its JSON is as good.
 * A V2 checkpoint's `sidecar` rows name files in _sidecars/ that hold the adds and removes; its top
 * file may be JSON lines. A classic name may hold V2 content. */
#include "lake/log_int.h"
#include <string.h>

/* Members of add that are mostly empty, and when they are. */
static const struct { const char *name, *empty; } add_rest[] = {
    {"deletionVector", "add.deletionVector.storageType IS NULL"},
    {"tags", "cardinality(add.tags) = 0"}, {"baseRowId", "add.baseRowId IS NULL"},
    {"defaultRowCommitVersion", "add.defaultRowCommitVersion IS NULL"}, {"clusteringProvider", "add.clusteringProvider IS NULL"},
};
static const char *const remove_members[] = {"path", "partitionValues", "size", "deletionTimestamp", "dataChange",
                                             "deletionVector", "baseRowId", "defaultRowCommitVersion"};
static const char *const others[] = {"metaData", "protocol", "txn", "domainMetadata", "sidecar"};

struct sidecars { struct arena *arena; struct store_pins *pins; struct store_want *files; size_t count, cap; };

static void put_members(struct buf *sql, const char *column, const struct type *t, const char *const *members,
                        size_t count)
{
    bool any = false;
    buf_char(sql, '{');
    for (size_t i = 0; i < count; i++) {
        if (!type_field_find(t, str_z(members[i])))
            continue;
        buf_printf(sql, "%s'%s': %s.%s", any ? ", " : "", members[i], column, members[i]);
        any = true;
    }
    buf_char(sql, '}');
}

static void put_from(struct buf *sql, const struct store_want *files, size_t count)
{
    struct arena *a = arena_new();
    buf_z(sql, " FROM read_parquet([");
    for (size_t i = 0; i < count; i++) {
        buf_z(sql, i ? ", " : "");
        duck_quote_text(sql, str_z(store_place_of(a, &files[i])));
    }
    arena_free(a);
    buf_z(sql, count > 1 ? "], union_by_name = true)" : "])");
}

static int note_sidecar(struct replay *r, struct sidecars *sc, const struct doc *line, struct err *err)
{
    struct str path = doc_str(doc_get(doc_get(line, "sidecar"), "path"), STR_NONE);
    if (!path.len)
        return 0;
    sc->files = arena_grow(sc->arena, sc->files, &sc->cap, sc->count + 1, sizeof *sc->files);
    struct store_want *w = &sc->files[sc->count++];
    if (str_chr(path, '/') < 0)
        path = str_fmt(sc->arena, LAKE_LOG_DIR "/_sidecars/%.*s", STR_ARGS(path));
    if (place_want(sc->arena, r->dir, path, -1, w))
        return place_check(r->dir, w, err);
    char *local = lake_file_path(sc->arena, r->dir, path);
    *w = (struct store_want){str_cz(sc->arena, path_dir(str_z(local))), str_cz(sc->arena, path_base(str_z(local))), -1, 0};
    return 0;
}

static int apply_line(struct replay *r, struct sidecars *sc, struct arena *scratch, struct str line, struct err *err)
{
    arena_reset(scratch);
    struct doc *d = doc_json(scratch, NULL, line, err);
    if (!d || replay_apply(r, d, -1, err))
        return -1;
    return note_sidecar(r, sc, d, err);
}

static int apply_query(struct replay *r, struct sidecars *sc, struct duck_conn *c, struct str sql, struct err *err)
{
    struct duck_result *q = duck_query(c, sql, err);
    if (!q)
        return -1;
    struct arena *scratch = arena_new();
    int got;
    while ((got = duck_next(q, err)) > 0) {
        for (size_t i = 0; i < duck_rows(q) && got > 0; i++)
            if (!duck_is_null(q, 0, i) && apply_line(r, sc, scratch, duck_text(q, 0, i), err))
                got = -1;
        if (got < 0)
            break;
    }
    arena_free(scratch);
    duck_result_free(q);
    return got;
}

/* ---- adds */

/* path, size, modificationTime, stats, partitionValues, the rest */
static void put_adds(struct buf *sql, const struct type *add)
{
    bool text = type_field_find(add, STR("stats")), parsed = type_field_find(add, STR("stats_parsed"));
    const char *as_json = "CASE WHEN add.stats_parsed IS NULL THEN NULL ELSE to_json(add.stats_parsed)::VARCHAR END";
    buf_z(sql, "SELECT add.path, CAST(add.size AS BIGINT), CAST(add.modificationTime AS BIGINT), ");
    if (text && parsed)
        buf_printf(sql, "coalesce(add.stats, %s)", as_json);
    else
        buf_z(sql, text ? "add.stats" : parsed ? as_json : "NULL::VARCHAR");
    bool pairs = type_field_find(add, STR("partitionValues"));
    buf_z(sql, pairs ? ", CAST(add.partitionValues AS MAP(VARCHAR, VARCHAR))" : ", NULL::MAP(VARCHAR, VARCHAR)");
    buf_z(sql, ", CASE WHEN true");
    for (size_t i = 0; i < COUNT_OF(add_rest); i++)
        if (type_field_find(add, str_z(add_rest[i].name)))
            buf_printf(sql, " AND (add.%s IS NULL OR %s)", add_rest[i].name, add_rest[i].empty);
    buf_z(sql, " THEN NULL ELSE to_json({'x': 0");
    for (size_t i = 0; i < COUNT_OF(add_rest); i++)
        if (type_field_find(add, str_z(add_rest[i].name)))
            buf_printf(sql, ", '%s': add.%s", add_rest[i].name, add_rest[i].name);
    buf_z(sql, "})::VARCHAR END");
}

static struct str text_or_none(const struct duck_result *q, size_t col, size_t row)
{
    return duck_is_null(q, col, row) ? STR_NONE : duck_text(q, col, row);
}

struct adds { struct replay *r; const struct duck_result *q; struct lake_pair *pairs; size_t pair_cap; struct lake_file **kept; size_t kept_cap; struct arena *scratch; };

static struct lake_pairs pairs_at(struct adds *x, size_t row)
{
    struct lake_pairs p = {.count = duck_map_count(x->q, 4, row)};
    x->pairs = mem_grow(x->pairs, &x->pair_cap, p.count, sizeof *x->pairs);
    p.items = x->pairs;
    for (size_t i = 0; i < p.count; i++)
        p.items[i].is_null = !duck_map_at(x->q, 4, row, i, &p.items[i].key, &p.items[i].value);
    return p;
}

static int keep_add(struct adds *x, size_t row, struct err *err)
{
    const struct duck_result *q = x->q;
    struct lake_file f = {.version = -1, .path = duck_text(q, 0, row), .stats = LAKE_STATS(text_or_none(q, 3, row))};
    f.size = duck_is_null(q, 1, row) ? 0 : duck_i64(q, 1, row);
    f.modified_ms = duck_is_null(q, 2, row) ? 0 : duck_i64(q, 2, row);
    f.partition = pairs_at(x, row);
    arena_reset(x->scratch);
    if (!duck_is_null(q, 5, row) && action_file_rest(x->scratch, duck_text(q, 5, row), &f, err))
        return -1;
    x->kept[row] = replay_keep(x->r, &f);
    return 0;
}

static int apply_adds(struct replay *r, struct duck_conn *c, struct str sql, struct err *err)
{
    struct duck_result *q = duck_query(c, sql, err);
    struct adds x = {.r = r, .q = q, .scratch = arena_new()};
    int got = q ? 1 : -1;
    while (got > 0 && (got = duck_next(q, err)) > 0) {
        x.kept = mem_grow(x.kept, &x.kept_cap, duck_rows(q), sizeof(struct lake_file *));
        for (size_t i = 0; i < duck_rows(q) && got > 0; i++)
            if (keep_add(&x, i, err))
                got = -1;
        if (got > 0)
            replay_put_adds(r, x.kept, duck_rows(q));
    }
    arena_free(x.scratch);
    mem_free(x.kept);
    mem_free(x.pairs);
    duck_result_free(q);
    return got;
}

static bool has_column(const struct duck_result *q, const char *name, size_t *at)
{
    for (*at = 0; *at < duck_cols(q); ++*at)
        if (str_ieqz(duck_col_name(q, *at), name))
            return true;
    return false;
}

/* The struct type of a checkpoint's column; NULL if the file has no such column. */
static int column_type(struct arena *a, const struct duck_result *q, const char *name, const struct type **out, struct err *err)
{
    size_t at;
    *out = NULL;
    if (!has_column(q, name, &at) || (*out = type_read_duck(a, duck_col_type_text(q, at), err)))
        return 0;
    return err_wrap(err, "column '%s'", name);
}

/* Brings here what is in a store. */
static int fetch(struct sidecars *sc, const struct store_want *files, size_t count, struct err *err)
{
    return count && store_is_remote(str_z(files[0].root)) ? store_pins_add(sc->pins, files, count, err) : 0;
}

static int read_parquet_files(struct replay *r, struct sidecars *sc, const struct store_want *files, size_t count,
                              struct duck_conn *c, struct err *err)
{
    struct buf sql;
    if (fetch(sc, files, count, err))
        return -1;
    buf_init(&sql);
    buf_z(&sql, "SELECT *");
    put_from(&sql, files, count);
    struct duck_result *q = duck_describe(c, buf_view(&sql), err);
    if (!q) {
        buf_release(&sql);
        return -1;
    }
    const struct type *add, *removed = NULL;
    size_t at;
    int rc = column_type(sc->arena, q, "add", &add, err);
    if (rc == 0)
        rc = column_type(sc->arena, q, "remove", &removed, err);
    if (rc == 0 && add) {
        buf_clear(&sql);
        put_adds(&sql, add);
        put_from(&sql, files, count);
        buf_z(&sql, " WHERE add.path IS NOT NULL");
        rc = apply_adds(r, c, buf_view(&sql), err);
    }
    buf_clear(&sql);
    buf_z(&sql, "SELECT to_json({'x': 0");
    if (removed) {
        buf_z(&sql, ", 'remove': ");
        put_members(&sql, "\"remove\"", removed, remove_members, COUNT_OF(remove_members));
    }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (has_column(q, others[i], &at))
            buf_printf(&sql, ", '%s': \"%s\"", others[i], others[i]);
    buf_z(&sql, "})::VARCHAR");
    put_from(&sql, files, count);
    if (add)
        buf_z(&sql, " WHERE add.path IS NULL");
    if (rc == 0)
        rc = apply_query(r, sc, c, buf_view(&sql), err);
    duck_result_free(q);
    buf_release(&sql);
    return rc;
}

static int read_json_file(struct replay *r, struct sidecars *sc, const struct store_want *file, struct err *err)
{
    struct buf text;
    struct store *s = store_shared(file->root, err);
    buf_init_max(&text, LAKE_COMMIT_MAX_BYTES);
    struct arena *scratch = arena_new();
    int rc = s ? store_get(s, file->name, LAKE_COMMIT_MAX_BYTES, &text, NULL, err) : -1;
    struct str rest = buf_view(&text), line;
    while (rc == 0 && str_split(&rest, '\n', &line))
        if (str_trim(line).len)
            rc = apply_line(r, sc, scratch, line, err);
    arena_free(scratch);
    buf_release(&text);
    return rc;
}

int checkpoint_read(struct replay *r, const struct checkpoint *k, struct duck_conn *c, struct err *err)
{
    struct sidecars sc = {.arena = arena_new(), .pins = store_pins_new()};
    int rc = k->json ? read_json_file(r, &sc, &k->files[0], err)
                     : read_parquet_files(r, &sc, k->files, k->count, c, err);
    if (rc == 0 && sc.count)
        rc = read_parquet_files(r, &sc, sc.files, sc.count, c, err);
    if (rc)
        err_wrap(err, "checkpoint %jd of '%s'", (intmax_t)k->version, r->dir);
    arena_free(sc.arena);
    store_pins_free(sc.pins);
    r->checkpoint_version = k->version;
    return rc;
}
