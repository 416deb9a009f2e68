/* segment.c -- which files of a `_delta_log` make up a version.
 *
 *     00000000000000000012.json                              commit 12
 *     00000000000000000010.checkpoint.parquet                classic checkpoint
 *     00000000000000000010.checkpoint.0000000001.0000000003.parquet   one of three parts
 *     00000000000000000010.checkpoint.<uuid>.json|parquet    V2 checkpoint
 *     _last_checkpoint, *.crc, *.compacted.json, _sidecars/  not needed to list
 * The newest complete checkpoint not after the target is taken, then every commit after it, without
 * a gap. The listing is the truth. _last_checkpoint is a hint where listing is dear: a remote log is listed from
 * the checkpoint it names, and all of it if that is not there. */
#include "lake/log_int.h"
#include <stdio.h>
#include <string.h>

enum { MAX_PARTS = 100000, HINT_MAX_BYTES = 1 << 20 };

/* A checkpoint in parts. Two writers may cut one version differently; their parts' names are mixed then. */
struct parts { int64_t total, seen; struct store_want *files; };

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

const char *commit_name(int64_t version, char out[COMMIT_NAME])
{
    snprintf(out, COMMIT_NAME, LAKE_LOG_DIR "/%020jd.json", (intmax_t)version);
    return out;
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
    const char *root;
    int64_t target;
    struct checkpoint best;
    int64_t parts_version;                /* of `parts` */
    struct parts *parts;
    size_t parts_count, parts_cap;
    bool seen;                            /* a file of any version */
    int64_t *commits;
    size_t commit_count, commit_cap;
};

static struct store_want want(const struct finder *f, const struct store_entry *e)
{
    return (struct store_want){f->root, e->name, e->size, e->etag.len ? str_hash(e->etag) : 0};
}

/* A later candidate of the same version replaces the earlier: any of them is the whole state. */
static void take_single(struct finder *f, int64_t version, const struct store_entry *e, bool json)
{
    f->best = (struct checkpoint){.version = version, .count = 1, .json = json};
    f->best.files = ARENA_ARRAY(f->arena, struct store_want, 1);
    f->best.files[0] = want(f, e);
}

static void take_part(struct finder *f, int64_t version, const struct store_entry *e, int64_t part, int64_t total)
{
    struct parts *p = NULL;
    if (f->parts_version != version)
        f->parts_count = 0;
    f->parts_version = version;
    for (size_t i = 0; i < f->parts_count && !p; i++)
        p = f->parts[i].total == total ? &f->parts[i] : NULL;
    if (!p) {
        f->parts = arena_grow(f->arena, f->parts, &f->parts_cap, f->parts_count + 1, sizeof *f->parts);
        p = &f->parts[f->parts_count++];
        *p = (struct parts){total, 0, ARENA_ARRAY(f->arena, struct store_want, total)};
    }
    if (!p->files[part - 1].name)
        p->seen++;
    p->files[part - 1] = want(f, e);
    if (p->seen == total)
        f->best = (struct checkpoint){version, p->files, (size_t)total, false};
}

static void look_at(struct finder *f, const struct store_entry *e)
{
    int64_t version, part, total;
    struct str s = str_from(str_z(e->name), strlen(LAKE_LOG_DIR) + 1);
    if (!digits(s, LAKE_VERSION_DIGITS, &version))
        return;
    f->seen = true;
    if (f->target >= 0 && version > f->target)
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
        take_single(f, version, e, false);
    else if (part_name(rest, &part, &total))
        take_part(f, version, e, part, total);
    else if (rest.len > 37 && (str_ends_z(rest, ".json") || str_ends_z(rest, ".parquet")))
        take_single(f, version, e, str_ends_z(rest, ".json"));
}

static int check_commits(const struct finder *f, const char *dir, struct segment *out, struct err *err)
{
    if (f->target >= 0 && f->best.version < 0 && f->commit_count && f->commits[0] > 0)
        return err_set(err, ERR_NOT_FOUND, "the table '%s' has no version %jd any more: its log begins with %jd", dir, (intmax_t)f->target,
                       (intmax_t)f->commits[0]);
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
    if (out->last_commit < 0 && f->seen && f->target >= 0)
        return err_set(err, ERR_NOT_FOUND, "the table '%s' has no version %jd", dir, (intmax_t)f->target);
    if (out->last_commit < 0)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", dir);
    if (f->target >= 0 && out->last_commit != f->target)
        return err_set(err, ERR_NOT_FOUND, "the table '%s' has no version %jd", dir, (intmax_t)f->target);
    return 0;
}

/* All of the log from a version on, looked at. Returns how many files, or -1. */
static int64_t look_at_log(struct finder *f, struct store *s, int64_t from, struct err *err)
{
    struct store_entry *list;
    struct store_list_opts o = {.prefix = LAKE_LOG_DIR "/", .flat = true};
    if (from > 0)
        o.from = arena_printf(f->arena, LAKE_LOG_DIR "/%020jd", (intmax_t)from);
    f->root = store_root(s);
    int64_t n = store_list(s, f->arena, &o, &list, err);
    for (int64_t i = 0; i < n; i++)
        look_at(f, &list[i]);
    return n;
}

/* The version that _last_checkpoint names; 0 if there is none that is not after the target. */
static int64_t hinted(struct arena *a, struct store *s, int64_t target)
{
    struct buf text;
    struct err err;
    int64_t version = 0;
    buf_init(&text);
    if (store_get(s, LAKE_LOG_DIR "/_last_checkpoint", HINT_MAX_BYTES, &text, NULL, &err) ||
        !doc_i64(doc_get(doc_json(a, NULL, buf_view(&text), &err), "version"), &version) || (target >= 0 && version > target))
        version = 0;
    buf_release(&text);
    return version;
}

static int find_once(struct arena *a, struct store *s, int64_t target, struct segment *out, struct err *err)
{
    struct finder f = {.arena = a, .target = target, .best = {.version = -1}};
    int64_t from = store_is_local(s) ? 0 : hinted(a, s, target);
    int64_t n = look_at_log(&f, s, from, err);
    if (n >= 0 && from > 0 && f.best.version < from) { /* the hint is wrong */
        f = (struct finder){.arena = a, .target = target, .best = {.version = -1}};
        n = look_at_log(&f, s, 0, err);
    }
    return n < 0 ? -1 : check_commits(&f, store_root(s), out, err);
}

/* A listing takes a while: beside busy writers it may have a commit and not the one before, made while it ran. Only
 * a gap that stays is one. */
int segment_find(struct arena *a, struct store *s, int64_t target, struct segment *out, struct err *err)
{
    enum { LOOKS = 3 };
    int rc = -1;
    for (int i = 0; i < LOOKS && rc; i++) {
        rc = find_once(a, s, target, out, err);
        if (rc && err->code != ERR_CORRUPT)
            break;
    }
    return rc;
}

bool lake_is_table(const char *dir)
{
    struct err err;
    struct segment seg;
    char name[COMMIT_NAME];
    struct arena *a = arena_new();
    struct store *s = store_shared(dir, &err);
    bool local = s && store_is_local(s);
    bool is = s && ((local && fs_exists(path_join(a, dir, commit_name(0, name)))) || segment_find(a, s, -1, &seg, &err) == 0 || err.code == ERR_CORRUPT);
    arena_free(a);
    return is;
}

int64_t lake_versions(struct arena *a, const char *dir, int64_t **out, struct err *err)
{
    struct finder f = {.arena = a, .target = -1, .best = {.version = -1}};
    struct store *s = store_shared(dir, err);
    int64_t n = s ? look_at_log(&f, s, 0, err) : -1;
    if (n < 0)
        return -1;
    if (n == 0)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", dir);
    *out = f.commits;
    return (int64_t)f.commit_count;
}
