/* disk.c -- see disk.h. Folder entries are on disk when a call has returned. */
#include "storage/disk.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PRUNE_DEPTH = 64 };

/* One look at a file by its path, or at an open one (path ""). False: errno says why. */
static bool look(int fd, const char *path, int flags, struct disk_stat *out)
{
    struct statx st;
    if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &st))
        return false;
    uint64_t born = st.stx_mask & STATX_BTIME ? (uint64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec : 0;
    *out = (struct disk_stat){.exists = true, .is_dir = S_ISDIR(st.stx_mode), .size = (int64_t)st.stx_size,
                              .id = (int64_t)((st.stx_ino * UINT64_C(0x9E3779B97F4A7C15) ^ born) >> 1 | 1),
                              .mtime_us = st.stx_mtime.tv_sec * INT64_C(1000000) + st.stx_mtime.tv_nsec / 1000};
    return true;
}

int disk_stat(const char *path, struct disk_stat *out, struct err *err)
{
    *out = (struct disk_stat){0};
    if (!look(AT_FDCWD, path, 0, out) && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
        return err_errno(err, errno, "cannot look at '%s'", path);
    return 0;
}

int disk_fstat(int fd, struct disk_stat *out, struct err *err)
{
    return look(fd, "", AT_EMPTY_PATH, out) ? 0 : err_errno(err, errno, "cannot look at an open file");
}

static int sync_parent(struct arena *a, const char *path, struct err *err)
{
    return fs_sync_dir(str_cz(a, path_dir(str_z(path))), err);
}

int disk_mkdir(const char *path, struct err *err)
{
    struct arena *a = arena_new();
    int rc = fs_mkdirs(path, err) || sync_parent(a, path, err) ? -1 : 0;
    arena_free(a);
    return rc;
}

int disk_parents(struct arena *a, const char *root, struct str rel, struct err *err)
{
    char *last = path_join(a, root, str_cz(a, path_dir(rel)));
    struct disk_stat st;
    if (str_chr(rel, '/') < 0)
        return 0;
    if (disk_stat(last, &st, err))
        return -1;
    if (st.is_dir)
        return 0;
    for (size_t i = 0; i < rel.len; i++) {
        if (rel.ptr[i] != '/')
            continue;
        char *dir = path_join(a, root, str_cz(a, str_sub(rel, 0, i)));
        if (disk_stat(dir, &st, err))
            return -1;
        if (st.exists && !st.is_dir)
            return err_set(err, ERR_EXISTS, "'%.*s' is a blob", (int)i, rel.ptr);
        if (!st.exists && disk_mkdir(dir, err))
            return -1;
    }
    return 0;
}

int disk_move(struct arena *a, const char *from, const char *to, struct err *err)
{
    struct str d1 = path_dir(str_z(from)), d2 = path_dir(str_z(to));
    if (fs_rename(from, to, err) || fs_sync_dir(str_cz(a, d2), err))
        return -1;
    return str_eq(d1, d2) || str_ends_z(d1, "/staging") ? 0 : fs_sync_dir(str_cz(a, d1), err);
}

int disk_unlink(struct arena *a, const char *path, struct err *err)
{
    return fs_unlink(path, err) || sync_parent(a, path, err) ? -1 : 0;
}

/* Whether there are only folders in `dir`; with `remove` they go, the deepest first. */
static bool only_folders(struct arena *a, const char *dir, bool remove, int depth)
{
    struct err err;
    char **names;
    int64_t n = depth < PRUNE_DEPTH ? fs_list(a, dir, &names, &err) : -1;
    for (int64_t i = 0; i < n; i++)
        if (!only_folders(a, path_join(a, dir, names[i]), remove, depth + 1))
            return false;
    return n >= 0 && (!remove || rmdir(dir) == 0);
}

bool disk_prune(struct arena *a, const char *dir)
{
    return only_folders(a, dir, false, 0) && only_folders(a, dir, true, 0);
}

int disk_set_mtime(int fd, int64_t us, struct err *err)
{
    struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}};
    return futimens(fd, t) ? err_errno(err, errno, "cannot set the time of a file") : 0;
}
