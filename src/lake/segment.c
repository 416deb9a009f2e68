/* segment.c -- which files of a `_delta_log` make up a version.
 *
 *     00000000000000000012.json                              commit 12
 *     00000000000000000010.checkpoint.parquet                classic checkpoint
 *     00000000000000000010.checkpoint.0000000001.0000000003.parquet   one of three parts
 *     00000000000000000010.checkpoint.<uuid>.json|parquet    V2 checkpoint
 *     _last_checkpoint, *.crc, *.compacted.json, _sidecars/  not needed to list
 * The newest complete checkpoint not after the target is taken, then every commit after it, without
 * a gap. _last_checkpoint is only a hint for stores where listing is dear; here the folder is local
 * and the listing is the truth, so a stale or broken hint does no harm. */
#include "lake/log_int.h"
#include <stdio.h>
#include <string.h>

enum { MAX_PARTS = 100000 };

struct parts { int64_t version, total; int64_t seen; char **files; };

static bool digits(struct str s, size_t n, int64_t *out)
{
    if (s.len < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return str_i64(str_sub(s, 0, n), out);
}

int64_t commit_version(const char *name)
{
    int64_t v;
    struct str s = str_z(name);
    if (!digits(s, LAKE_VERSION_DIGITS, &v) || !str_eqz(str_from(s, LAKE_VERSION_DIGITS), ".json"))
        return -1;
    return v;
}

char *commit_path(struct arena *a, const char *dir, int64_t version)
{
    return arena_printf(a, "%s/" LAKE_LOG_DIR "/%020jd.json", dir, (intmax_t)version);
}

/* "0000000001.0000000003.parquet" */
static bool part_name(struct str s, int64_t *part, int64_t *total)
{
    return digits(s, 10, part) && s.len == 29 && s.ptr[10] == '.' && digits(str_from(s, 11), 10, total) &&
           str_eqz(str_from(s, 21), ".parquet") && *total > 0 && *total <= MAX_PARTS && *part > 0 &&
           *part <= *total;
}

struct finder {
    struct arena *arena;
    const char *log_dir;
    int64_t target;
    struct checkpoint best;
    struct parts parts;
    int64_t *commits;
    size_t commit_count, commit_cap;
};

/* A later candidate of the same version replaces the earlier: names are sorted, V2 after classic. */
static void take_single(struct finder *f, int64_t version, const char *name, bool json)
{
    f->best = (struct checkpoint){.version = version, .count = 1, .json = json};
    f->best.files = ARENA_ARRAY(f->arena, char *, 1);
    f->best.files[0] = path_join(f->arena, f->log_dir, name);
}

static void take_part(struct finder *f, int64_t version, const char *name, int64_t part, int64_t total)
{
    struct parts *p = &f->parts;
    if (p->version != version || p->total != total)
        *p = (struct parts){version, total, 0, ARENA_ARRAY(f->arena, char *, total)};
    if (!p->files[part - 1])
        p->seen++;
    p->files[part - 1] = path_join(f->arena, f->log_dir, name);
    if (p->seen == total)
        f->best = (struct checkpoint){version, p->files, (size_t)total, false};
}

static void look_at(struct finder *f, const char *name)
{
    int64_t version, part, total;
    struct str s = str_z(name);
    if (!digits(s, LAKE_VERSION_DIGITS, &version) || (f->target >= 0 && version > f->target))
        return;
    struct str rest = str_from(s, LAKE_VERSION_DIGITS);
    if (str_eqz(rest, ".json")) {
        f->commits = arena_grow(f->arena, f->commits, &f->commit_cap, f->commit_count + 1, sizeof *f->commits);
        f->commits[f->commit_count++] = version;
        return;
    }
    if (!str_starts_z(rest, ".checkpoint."))
        return;
    rest = str_from(rest, strlen(".checkpoint."));
    if (str_eqz(rest, "parquet"))
        take_single(f, version, name, false);
    else if (part_name(rest, &part, &total))
        take_part(f, version, name, part, total);
    else if (rest.len > 37 && (str_ends_z(rest, ".json") || str_ends_z(rest, ".parquet")))
        take_single(f, version, name, str_ends_z(rest, ".json"));
}

static int check_commits(const struct finder *f, const char *dir, struct segment *out, struct err *err)
{
    out->checkpoint = f->best;
    out->first_commit = f->best.version + 1;
    out->last_commit = f->best.version;
    for (size_t i = 0; i < f->commit_count; i++) {
        if (f->commits[i] < out->first_commit)
            continue;
        if (f->commits[i] != out->last_commit + 1)
            return err_set(err, ERR_CORRUPT, "the log of '%s' has commit %jd but not %jd", dir,
                           (intmax_t)f->commits[i], (intmax_t)(out->last_commit + 1));
        out->last_commit = f->commits[i];
    }
    if (out->last_commit < 0)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", dir);
    if (f->target >= 0 && out->last_commit != f->target)
        return err_set(err, ERR_NOT_FOUND, "the table '%s' has no version %jd", dir, (intmax_t)f->target);
    return 0;
}

int segment_find(struct arena *a, const char *dir, int64_t target, struct segment *out, struct err *err)
{
    struct finder f = {.arena = a, .target = target, .best = {.version = -1}, .parts = {.version = -1}};
    f.log_dir = path_join(a, dir, LAKE_LOG_DIR);
    char **names;
    if (!fs_exists(f.log_dir))
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", dir);
    int64_t n = fs_list(a, f.log_dir, &names, err);
    if (n < 0)
        return -1;
    for (int64_t i = 0; i < n; i++)
        look_at(&f, names[i]);
    return check_commits(&f, dir, out, err);
}

bool lake_is_table(const char *dir)
{
    struct err err;
    struct segment seg;
    struct arena *a = arena_new();
    bool is = fs_exists(commit_path(a, dir, 0)) || segment_find(a, dir, -1, &seg, &err) == 0 || err.code == ERR_CORRUPT;
    arena_free(a);
    return is;
}

int64_t lake_versions(struct arena *a, const char *dir, int64_t **out, struct err *err)
{
    struct finder f = {.arena = a, .target = -1, .best = {.version = -1}, .parts = {.version = -1}};
    f.log_dir = path_join(a, dir, LAKE_LOG_DIR);
    char **names;
    if (!fs_exists(f.log_dir))
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", dir);
    int64_t n = fs_list(a, f.log_dir, &names, err);
    if (n < 0)
        return -1;
    for (int64_t i = 0; i < n; i++)
        look_at(&f, names[i]);
    *out = f.commits;
    return (int64_t)f.commit_count;
}
