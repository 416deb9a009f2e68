#include "pipelines/source.h"
#include <string.h>

static struct lake_table *table_of(const struct stream_source *s, struct session *session)
{
    return lake_catalog_table(session_engine(session)->catalog, s->dir);
}

/* ---- Delta */

static int delta_available(struct stream_source *s, struct session *session, struct arena *a, struct source_offset *out,
                           struct err *err)
{
    struct err missing = {};
    struct lake_snapshot *snap = lake_table_latest(table_of(s, session), session_conn(session), &missing);
    if (!snap && missing.code == ERR_NOT_FOUND)
        return 0;
    if (!snap) {
        *err = missing;
        return -1;
    }
    *out = (struct source_offset){.kind = SOURCE_DELTA, .reservoir_id = str_copy(a, snap->id),
                                  .version = snap->version + 1, .index = -1};
    lake_snapshot_unref(snap);
    return 0;
}

static int refuse_change(const struct stream_source *s, const struct lake_change *c, struct err *err)
{
    return err_at(err, ERR_USER, PLACE(s->at),
                  "[DELTA_SOURCE_TABLE_IGNORE_CHANGES] version %jd of %.*s removed or changed rows, which a stream cannot follow: "
                  "read it WITH (skipChangeCommits = true), or run a full refresh", (intmax_t)c->version, STR_ARGS(s->shown));
}

static int delta_changes(struct stream_source *s, struct arena *a, int64_t from, struct err *err)
{
    struct lake_change *changes;
    size_t cap = 0;
    int64_t n = lake_changes(a, s->dir, from, s->to.version - 1, &changes, err);
    if (n < 0 && err->code == ERR_NOT_FOUND)
        return err_at(err, ERR_NOT_FOUND, PLACE(s->at),
                      "[DELTA_VERSION_NOT_FOUND] the log of %.*s from version %jd on is gone, with rows that were not read yet: run a full refresh",
                      STR_ARGS(s->shown), (intmax_t)from);
    for (int64_t i = 0; i < n; i++) {
        const struct lake_change *c = &changes[i];
        bool removes = false;
        for (size_t j = 0; j < c->remove_count; j++)
            removes = removes || c->removes[j].data_change;
        if (removes && !s->skip_changes)
            return refuse_change(s, c, err);
        for (size_t j = 0; !removes && j < c->add_count; j++) {
            if (!c->adds[j].data_change)
                continue;
            s->adds = arena_grow(a, s->adds, &cap, s->add_count + 1, sizeof *s->adds);
            s->adds[s->add_count++] = &c->adds[j];
        }
    }
    return n < 0 ? -1 : 0;
}

static int delta_range(struct stream_source *s, struct arena *a, struct session *session, struct err *err)
{
    struct lake_table *t = table_of(s, session);
    CHECK(s->snapshot);
    if (!str_eq(s->snapshot->id, s->to.reservoir_id) ||
        (s->from.kind == SOURCE_DELTA && !str_eq(s->from.reservoir_id, s->to.reservoir_id)))
        return err_at(err, ERR_USER, PLACE(s->at),
                      "[DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE] %.*s is another table than the one that was read so far: run a full refresh",
                      STR_ARGS(s->shown));
    if (s->from.kind == SOURCE_DELTA)
        return delta_changes(s, a, s->from.version, err);
    if (s->starting_version >= 0)
        return delta_changes(s, a, s->starting_version, err);
    s->whole = s->snapshot->version == s->to.version - 1 ? lake_snapshot_ref(s->snapshot) :
               lake_table_at(t, session_conn(session), s->to.version - 1, err);
    return s->whole ? 0 : -1;
}

static int delta_print(const struct stream_source *s, struct buf *out, struct err *err)
{
    const struct lake_scan as_json = {.json_variants = true};
    if (s->whole)
        return lake_scan_sql(s->whole, &as_json, out, err);
    if (s->add_count)
        return lake_scan_files_sql(s->snapshot, s->adds, s->add_count, &as_json, out, err);
    lake_empty_sql(s->snapshot->schema, out);
    return 0;
}

/* ---- files */

int source_load(struct stream_source *s, const struct checkpoint *c, struct err *err)
{
    if (s->loaded || s->kind != SOURCE_FILES)
        return 0;
    if (!s->seen)
        s->seen = map_new();
    if (seen_load(c, s->arena, s->index, &s->all, &s->newest_log, err))
        return -1;
    for (size_t i = 0; i < s->all.count; i++)
        map_put(s->seen, s->all.items[i].path, (void *)1);
    s->loaded = true;
    return 0;
}

static void push(struct arena *a, struct seen_files *list, const struct seen_file *f)
{
    list->items = arena_grow(a, list->items, &list->cap, list->count + 1, sizeof *f);
    list->items[list->count++] = *f;
}

/* Fills `fresh` with the files that no batch has planned. */
static int list_fresh(const struct stream_source *s, struct arena *a, struct seen_files *fresh, struct err *err)
{
    struct data_file *files;
    int64_t n = file_source_list(s->files, a, &files, err);
    for (int64_t i = 0; i < n; i++) {
        if (map_has(s->seen, files[i].path) || (s->max_files && (int64_t)fresh->count == s->max_files))
            continue;
        const struct seen_file f = {files[i].path, files[i].mtime_us / 1000, files[i].size, s->newest_log + 1};
        push(a, fresh, &f);
    }
    return n < 0 ? -1 : 0;
}

static int files_available(struct stream_source *s, const struct checkpoint *c, struct source_offset *out, struct err *err)
{
    struct arena *tmp = arena_new();
    struct seen_files fresh = {};
    CHECK(s->loaded);
    int rc = list_fresh(s, tmp, &fresh, err);
    size_t before = s->all.count;
    for (size_t i = 0; !rc && i < fresh.count; i++) {
        struct seen_file f = fresh.items[i];
        f.path = str_copy(s->arena, f.path);
        push(s->arena, &s->all, &f);
    }
    if (!rc && fresh.count && (rc = seen_append(c, s->index, s->newest_log + 1, &fresh, &s->all, err)) != 0)
        s->all.count = before;
    if (!rc && fresh.count) {
        s->newest_log++;
        for (size_t i = before; i < s->all.count; i++)
            map_put(s->seen, s->all.items[i].path, (void *)1);
    }
    arena_free(tmp);
    if (!rc && s->newest_log >= 0)
        *out = (struct source_offset){.kind = SOURCE_FILES, .log_offset = s->newest_log};
    return rc;
}

static int check_unchanged(const struct stream_source *s, const struct seen_file *f, struct err *err)
{
    struct fs_stat st;
    char *path = str_dup(f->path);
    int rc = fs_stat(path, &st, err);
    if (rc && err->code == ERR_NOT_FOUND)
        err_at(err, ERR_USER, PLACE(s->at), "file '%s' was there when this batch was planned and is gone: put it back, or run a full refresh", path);
    else if (!rc && ((f->size >= 0 && st.size != f->size) || st.mtime_us / 1000 != f->mtime_ms))
        rc = err_at(err, ERR_USER, PLACE(s->at), "file '%s' has changed since this batch was planned: land a new file instead, or run a full refresh", path);
    mem_free(path);
    return rc;
}

static int files_range(struct stream_source *s, struct arena *a, struct err *err)
{
    CHECK(s->loaded);
    int64_t from = s->from.kind == SOURCE_FILES ? s->from.log_offset : -1;
    size_t cap = 0;
    for (size_t i = 0; i < s->all.count; i++) {
        const struct seen_file *f = &s->all.items[i];
        if (f->batch <= from || f->batch > s->to.log_offset)
            continue;
        if (check_unchanged(s, f, err))
            return -1;
        s->list = arena_grow(a, s->list, &cap, s->list_count + 1, sizeof *s->list);
        s->list[s->list_count++] = (struct data_file){f->path, f->size, f->mtime_ms * 1000};
    }
    return 0;
}

/* ---- both */

int source_available(struct stream_source *s, const struct checkpoint *c, struct arena *a, struct session *session,
                     struct source_offset *out, struct err *err)
{
    *out = (struct source_offset){};
    return s->kind == SOURCE_DELTA ? delta_available(s, session, a, out, err) : files_available(s, c, out, err);
}

int source_range(struct stream_source *s, struct arena *a, struct session *session, struct err *err)
{
    if (s->to.kind == SOURCE_NONE || offset_equal(&s->from, &s->to))
        return 0;
    if (s->to.kind != s->kind || (s->from.kind != SOURCE_NONE && s->from.kind != s->kind))
        return err_at(err, ERR_USER, PLACE(s->at), "the flow's state was made for other sources than its query reads now: run a full refresh");
    return s->kind == SOURCE_DELTA ? delta_range(s, a, session, err) : files_range(s, a, err);
}

int source_print(const struct stream_source *s, struct buf *out, struct err *err)
{
    if (s->kind == SOURCE_FILES)
        return file_source_print(s->files, s->list, s->list_count, out, err);
    return delta_print(s, out, err);
}

void source_done(struct stream_source *s)
{
    lake_snapshot_unref(s->whole);
    s->ranged = false;
    s->whole = NULL;
    s->snapshot = NULL;
    s->adds = NULL;
    s->add_count = 0;
    s->list = NULL;
    s->list_count = 0;
}
