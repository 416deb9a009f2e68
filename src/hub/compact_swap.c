/* compact_swap.c -- a group of segments becomes one, on disk; and what a crash in between left. */
#include "hub/compact_int.h"

enum { MANIFEST_MAX = 1 << 20 };
#define MANIFEST "compaction"
#define CLEANED ".log.cleaned"

char *compact_cleaned_path(const char *dir, int64_t base)
{
    return seg_file(dir, base, CLEANED);
}

static char *manifest_path(const char *dir)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s/%s", dir, MANIFEST);
    return buf_detach(&b);
}

static int unlink_all(const char *dir, int64_t base, const char *const *suffixes, size_t n, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        char *path = seg_file(dir, base, suffixes[i]);
        rc = fs_unlink(path, err);
        mem_free(path);
    }
    return rc;
}

static int unlink_hints(const char *dir, int64_t base, struct err *err)
{
    static const char *const suffixes[] = {".index", ".timeindex", ".txns"};
    return unlink_all(dir, base, suffixes, COUNT_OF(suffixes), err);
}

static int unlink_segment(const char *dir, int64_t base, struct err *err)
{
    static const char *const suffixes[] = {".index", ".timeindex", ".txns", ".snapshot", ".log"};
    return unlink_all(dir, base, suffixes, COUNT_OF(suffixes), err);
}

static int rename_cleaned(const char *dir, int64_t base, struct err *err)
{
    char *from = compact_cleaned_path(dir, base), *to = seg_file(dir, base, ".log");
    int rc = fs_rename(from, to, err);
    mem_free(from);
    mem_free(to);
    return rc;
}

/* The bases, one a line: the first stays, the others go. */
static int write_manifest(const struct compact_run *r, const struct compact_group *g, const char *path, struct err *err)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = g->first; i < g->first + g->count; i++)
        buf_printf(&b, "%jd\n", (intmax_t)r->segs[i]->base);
    int rc = fs_write_file(path, buf_view(&b), err);
    buf_release(&b);
    return rc;
}

int compact_swap(const struct compact_run *r, const struct compact_group *g, bool *renamed, struct err *err)
{
    int64_t base = r->segs[g->first]->base;
    char *manifest = manifest_path(r->dir);
    int rc = write_manifest(r, g, manifest, err) || unlink_hints(r->dir, base, err) || fs_sync_dir(r->dir, err) || rename_cleaned(r->dir, base, err);
    *renamed = !rc;
    rc = rc || fs_sync_dir(r->dir, err);
    for (size_t i = g->first + 1; i < g->first + g->count && !rc; i++)
        rc = unlink_segment(r->dir, r->segs[i]->base, err);
    struct err why;
    if (!rc || !*renamed) /* else the next start finishes it */
        rc = fs_unlink(manifest, rc ? &why : err) || (!*renamed && fs_sync_dir(r->dir, &why)) || rc;
    mem_free(manifest);
    return rc ? -1 : 0;
}

static int finish(const char *dir, struct str bases, struct err *err)
{
    struct str line;
    int64_t base;
    int rc = 0;
    for (bool first = true; !rc && str_split(&bases, '\n', &line); first = false)
        if (line.len && !str_i64(line, &base))
            rc = err_set(err, ERR_CORRUPT, "'%s/%s' is not what a compaction wrote", dir, MANIFEST);
        else if (line.len)
            rc = first ? unlink_hints(dir, base, err) : unlink_segment(dir, base, err);
    return rc;
}

static int finish_or_undo(const char *dir, const char *manifest, struct err *err)
{
    struct buf b;
    struct str rest, line;
    int64_t base;
    int rc = -1;
    buf_init(&b);
    if (!fs_read_file(manifest, MANIFEST_MAX, &b, err)) {
        rest = buf_view(&b);
        if (!str_split(&rest, '\n', &line) || !str_i64(line, &base)) {
            err_set(err, ERR_CORRUPT, "'%s' is not what a compaction wrote", manifest);
        } else {
            char *cleaned = compact_cleaned_path(dir, base);
            bool undo = fs_exists(cleaned);
            log_info("hub", "a compaction in '%s' is %s", dir, undo ? "undone" : "finished");
            rc = (!undo && finish(dir, buf_view(&b), err)) || fs_unlink(manifest, err) || fs_sync_dir(dir, err) ? -1 : 0;
            mem_free(cleaned);
        }
    }
    buf_release(&b);
    return rc;
}

/* The list goes before the file that it is about: without one, the other would tell of a rename. */
int compact_recover(const char *dir, struct err *err)
{
    struct arena *a = arena_new();
    char **names, *manifest = manifest_path(dir);
    int rc = fs_exists(manifest) ? finish_or_undo(dir, manifest, err) : 0;
    int64_t n = rc ? -1 : fs_list(a, dir, &names, err);
    rc = n < 0 ? -1 : 0;
    for (int64_t i = 0; i < n && !rc; i++)
        if (str_ends_z(str_z(names[i]), CLEANED))
            rc = fs_unlink(path_join(a, dir, names[i]), err);
    mem_free(manifest);
    arena_free(a);
    return rc;
}
