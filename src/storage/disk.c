/* disk.c -- see disk.h. Folder entries are on disk when a call has returned. */
#include "storage/disk.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PRUNE_DEPTH = 64 };

static void fill(struct disk_stat *out, const struct stat *st)
{
    *out = (struct disk_stat){.exists = true, .is_dir = S_ISDIR(st->st_mode), .size = st->st_size, .ino = (int64_t)st->st_ino,
                              .mtime_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000};
}

int disk_stat(const char *path, struct disk_stat *out, struct err *err)
{
    struct stat st;
    *out = (struct disk_stat){0};
    if (stat(path, &st) == 0)
        fill(out, &st);
    else if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
        return err_errno(err, errno, "cannot look at '%s'", path);
    return 0;
}

int disk_fstat(int fd, struct disk_stat *out, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_errno(err, errno, "cannot look at an open file");
    fill(out, &st);
    return 0;
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

bool disk_prune(struct arena *a, const char *dir, int depth)
{
    struct err err;
    char **names;
    int64_t n = depth < PRUNE_DEPTH ? fs_list(a, dir, &names, &err) : -1;
    if (n < 0)
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!disk_prune(a, path_join(a, dir, names[i]), depth + 1))
            return false;
    return rmdir(dir) == 0;
}

int disk_set_mtime(int fd, int64_t us, struct err *err)
{
    struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}};
    return futimens(fd, t) ? err_errno(err, errno, "cannot set the time of a file") : 0;
}
