#include "pipelines/checkpoint.h"
#include <string.h>

static char *file_of(const struct checkpoint *c, struct arena *a, const char *kind, int64_t n)
{
    return arena_printf(a, "%s/%s/%jd", c->dir, kind, (intmax_t)n);
}

/* Largest number among the names of a folder that have this suffix; -1 if there is none. */
static int newest(struct arena *a, const char *dir, const char *suffix, int64_t *out, struct err *err)
{
    char **names;
    *out = -1;
    if (!fs_exists(dir))
        return 0;
    int64_t n = fs_list(a, dir, &names, err);
    for (int64_t i = 0; i < n; i++) {
        struct str s = str_z(names[i]);
        int64_t v;
        if (!str_ends_z(s, suffix))
            continue;
        s.len -= strlen(suffix);
        if (str_i64(s, &v) && v > *out)
            *out = v;
    }
    return n < 0 ? -1 : 0;
}

static int read_plan(struct checkpoint *c, int64_t n, struct batch_plan *out, struct err *err)
{
    struct buf bytes;
    char *path = file_of(c, c->arena, "offsets", n);
    buf_init_max(&bytes, OFFSETS_MAX_BYTES);
    int rc = fs_read_file(path, OFFSETS_MAX_BYTES, &bytes, err);
    if (!rc)
        rc = offsets_read(c->arena, path, str_copy(c->arena, buf_view(&bytes)), out, err);
    buf_release(&bytes);
    return rc;
}

static int read_metadata(struct checkpoint *c, struct err *err)
{
    struct buf bytes;
    char *path = path_join(c->arena, c->dir, "metadata");
    if (!fs_exists(path))
        return 0;
    buf_init_max(&bytes, OFFSETS_MAX_BYTES);
    int rc = fs_read_file(path, OFFSETS_MAX_BYTES, &bytes, err);
    if (!rc)
        rc = metadata_read(c->arena, path, buf_view(&bytes), c->id, err);
    buf_release(&bytes);
    c->found = rc == 0;
    return rc;
}

int checkpoint_open(struct checkpoint *c, const char *dir, struct err *err)
{
    *c = (struct checkpoint){.dir = mem_strdup(dir), .last = -1, .arena = arena_new()};
    if (read_metadata(c, err))
        return -1;
    if (!c->found)
        return 0;
    if (newest(c->arena, path_join(c->arena, dir, "offsets"), "", &c->last, err))
        return -1;
    if (c->last >= 0 && read_plan(c, c->last, &c->plan, err))
        return -1;
    return c->last > 0 ? read_plan(c, c->last - 1, &c->before, err) : 0;
}

void checkpoint_close(struct checkpoint *c)
{
    mem_free(c->dir);
    arena_free(c->arena);
    *c = (struct checkpoint){.last = -1};
}

int checkpoint_create(struct checkpoint *c, struct err *err)
{
    struct buf b;
    CHECK(!c->found);
    uuid_make(c->id);
    buf_init(&b);
    metadata_write(&b, str_z(c->id));
    int rc = fs_mkdirs(c->dir, err);
    if (!rc)
        rc = fs_mkdirs(path_join(c->arena, c->dir, "offsets"), err);
    if (!rc)
        rc = fs_mkdirs(path_join(c->arena, c->dir, "commits"), err);
    if (!rc)
        rc = fs_write_file(path_join(c->arena, c->dir, "metadata"), buf_view(&b), err);
    buf_release(&b);
    c->found = rc == 0;
    return rc;
}

int checkpoint_plan(struct checkpoint *c, const struct batch_plan *p, struct err *err)
{
    struct buf b;
    struct arena *a = arena_new();
    CHECK(c->found);
    buf_init_max(&b, OFFSETS_MAX_BYTES);
    offsets_write(&b, p);
    int rc = buf_check(&b, "a batch's offsets", err);
    if (!rc)
        rc = fs_write_file(file_of(c, a, "offsets", c->last + 1), buf_view(&b), err);
    arena_free(a);
    if (!rc) {
        struct arena *fresh = arena_new();
        struct buf old;
        struct err ignored;
        buf_init_max(&old, OFFSETS_MAX_BYTES);
        if (c->last >= 0)
            offsets_write(&old, &c->plan);
        struct batch_plan before = {}, now;
        rc = c->last >= 0 ? offsets_read(fresh, "offsets", str_copy(fresh, buf_view(&old)), &before, &ignored) : 0;
        CHECK(rc == 0);
        rc = offsets_read(fresh, "offsets", str_copy(fresh, buf_view(&b)), &now, &ignored);
        CHECK(rc == 0);
        buf_release(&old);
        arena_free(c->arena);
        c->arena = fresh;
        c->before = before;
        c->plan = now;
        c->last++;
    }
    buf_release(&b);
    return rc;
}

static void write_hint(const char *path, struct err *err)
{
    static const char text[] = "v1\n{\"nextBatchWatermarkMs\":0}";
    int fd = fs_open(path, FS_WRITE | FS_CREATE | FS_TRUNC, err);
    if (fd < 0)
        return;
    if (fs_write_all(fd, text, sizeof text - 1, err))
        log_debug("pipelines", "a commit hint was not written path=%s", path);
    fs_close(fd);
}

void checkpoint_landed(struct checkpoint *c)
{
    struct arena *a = arena_new();
    struct err err = {};
    int64_t old = c->last - CHECKPOINT_KEEP;
    write_hint(file_of(c, a, "commits", c->last), &err);
    if (old >= 0 && (fs_unlink(file_of(c, a, "offsets", old), &err) || fs_unlink(file_of(c, a, "commits", old), &err)))
        log_err(LOG_WARN, "pipelines", &err);
    arena_free(a);
}

int checkpoint_reset(struct checkpoint *c, struct err *err)
{
    char *dir = mem_strdup(c->dir);
    int rc = fs_exists(dir) ? fs_remove_tree(dir, err) : 0;
    checkpoint_close(c);
    *c = (struct checkpoint){.dir = dir, .last = -1, .arena = arena_new()};
    return rc;
}

/* ---- the log of files */

static int seen_read_file(struct arena *a, const char *path, struct seen_files *out, struct err *err)
{
    struct buf bytes;
    buf_init(&bytes);
    int rc = fs_read_file(path, BUF_DEFAULT_MAX, &bytes, err);
    if (!rc)
        rc = seen_read(a, path, str_copy(a, buf_view(&bytes)), out, err);
    buf_release(&bytes);
    return rc;
}

int seen_load(const struct checkpoint *c, struct arena *a, size_t index, struct seen_files *out, int64_t *newest_log,
              struct err *err)
{
    char *dir = arena_printf(a, "%s/sources/%zu", c->dir, index);
    int64_t compact;
    if (newest(a, dir, ".compact", &compact, err) || newest(a, dir, "", newest_log, err))
        return -1;
    if (compact >= 0 && seen_read_file(a, arena_printf(a, "%s/%jd.compact", dir, (intmax_t)compact), out, err))
        return -1;
    for (int64_t n = compact + 1; n <= *newest_log; n++)
        if (seen_read_file(a, arena_printf(a, "%s/%jd", dir, (intmax_t)n), out, err))
            return -1;
    if (compact > *newest_log)
        *newest_log = compact;
    return 0;
}

int seen_append(const struct checkpoint *c, size_t index, int64_t n, const struct seen_files *fresh,
                const struct seen_files *all, struct err *err)
{
    struct arena *a = arena_new();
    struct buf b;
    char *dir = arena_printf(a, "%s/sources/%zu", c->dir, index);
    bool compact = (n + 1) % CHECKPOINT_COMPACT == 0;
    const struct seen_files *files = compact ? all : fresh;
    buf_init(&b);
    seen_write(&b, files->items, files->count);
    int rc = buf_check(&b, "the log of a file source", err);
    if (!rc)
        rc = fs_mkdirs(dir, err);
    if (!rc)
        rc = fs_write_file(arena_printf(a, "%s/%jd%s", dir, (intmax_t)n, compact ? ".compact" : ""), buf_view(&b), err);
    for (int64_t old = n - CHECKPOINT_COMPACT; !rc && compact && old >= 0 && old < n - 1; old++)
        rc = fs_unlink(arena_printf(a, "%s/%jd%s", dir, (intmax_t)old, (old + 1) % CHECKPOINT_COMPACT ? "" : ".compact"), err);
    buf_release(&b);
    arena_free(a);
    return rc;
}
