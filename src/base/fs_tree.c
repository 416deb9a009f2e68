/* fs_tree.c -- folders and paths of fs.h. A walk does not follow links to folders, so it cannot
 * run in circles or leave its root; links to regular files count as files. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WALK_MAX_DEPTH = 64 };

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    struct arena *arena;
    char **list;
    size_t count, cap;
};

static void add_name(struct names *n, char *name)
{
    n->list = arena_grow(n->arena, n->list, &n->cap, n->count + 1, sizeof *n->list);
    n->list[n->count++] = name;
}

int64_t fs_list(struct arena *a, const char *dir, char ***names, struct err *err)
{
    struct names n = {.arena = a};
    DIR *d = opendir(dir);
    if (!d)
        return err_errno(err, errno, "cannot open the folder '%s'", dir);
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            add_name(&n, arena_strdup(a, e->d_name));
    }
    int errnum = errno;
    closedir(d);
    if (errnum)
        return err_errno(err, errnum, "cannot read the folder '%s'", dir);
    if (n.count)
        qsort(n.list, n.count, sizeof *n.list, by_bytes);
    *names = n.list;
    return (int64_t)n.count;
}

static int walk(struct names *n, const char *root, const char *rel, int depth, struct err *err)
{
    char **names;
    const char *dir = *rel ? path_join(n->arena, root, rel) : root;
    if (depth > WALK_MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "'%s' lies more than %d folders deep", dir, WALK_MAX_DEPTH);
    int64_t count = fs_list(n->arena, dir, &names, err);
    if (count < 0)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        struct stat st;
        char *path = path_join(n->arena, dir, names[i]);
        char *below = *rel ? path_join(n->arena, rel, names[i]) : names[i];
        if (lstat(path, &st))
            continue; /* removed meanwhile */
        if (S_ISDIR(st.st_mode) && walk(n, root, below, depth + 1, err))
            return -1;
        if (S_ISREG(st.st_mode) ||
            (S_ISLNK(st.st_mode) && stat(path, &st) == 0 && S_ISREG(st.st_mode)))
            add_name(n, below);
    }
    return 0;
}

int64_t fs_walk(struct arena *a, const char *dir, char ***paths, struct err *err)
{
    struct names n = {.arena = a};
    if (walk(&n, dir, "", 0, err))
        return -1;
    if (n.count)
        qsort(n.list, n.count, sizeof *n.list, by_bytes);
    *paths = n.list;
    return (int64_t)n.count;
}

static int remove_dir(const char *path, struct err *err)
{
    if (rmdir(path) && errno != ENOENT)
        return err_errno(err, errno, "cannot remove the folder '%s'", path);
    return 0;
}

static int remove_tree(struct arena *a, const char *path, int depth, struct err *err)
{
    struct stat st;
    char **names;
    if (lstat(path, &st))
        return errno == ENOENT ? 0 : err_errno(err, errno, "cannot find '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return fs_unlink(path, err);
    if (depth > WALK_MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "'%s' lies more than %d folders deep", path, WALK_MAX_DEPTH);
    int64_t count = fs_list(a, path, &names, err);
    if (count < 0)
        return -1;
    for (int64_t i = 0; i < count; i++)
        if (remove_tree(a, path_join(a, path, names[i]), depth + 1, err))
            return -1;
    return remove_dir(path, err);
}

int fs_remove_tree(const char *path, struct err *err)
{
    struct arena *a = arena_new();
    int rc = remove_tree(a, path, 0, err);
    arena_free(a);
    return rc;
}

char *path_join(struct arena *a, const char *dir, const char *name)
{
    size_t n = strlen(dir);
    while (*name == '/')
        name++;
    if (n == 0)
        return arena_strdup(a, name);
    return arena_printf(a, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

static struct str without_slashes(struct str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

struct str path_base(struct str path)
{
    path = without_slashes(path);
    int64_t slash = str_rchr(path, '/');
    return slash < 0 || path.len == 1 ? path : str_from(path, (size_t)slash + 1);
}

struct str path_dir(struct str path)
{
    path = without_slashes(path);
    int64_t slash = str_rchr(path, '/');
    if (slash < 0)
        return STR(".");
    return slash == 0 ? STR("/") : without_slashes(str_sub(path, 0, (size_t)slash));
}

/* Parts are appended as they come; ".." takes the last one off, and there must be one. */
char *path_below(struct arena *a, const char *root, struct str rel)
{
    struct buf b;
    struct str part;
    bool inside = str_chr(rel, '\0') < 0;
    buf_init(&b);
    while (inside && str_split(&rel, '/', &part)) {
        if (part.len == 0 || str_eqz(part, "."))
            continue;
        if (!str_eqz(part, "..")) {
            buf_char(&b, '/');
            buf_str(&b, part);
            continue;
        }
        int64_t slash = str_rchr(buf_view(&b), '/');
        inside = slash >= 0;
        b.len = inside ? (size_t)slash : 0;
    }
    struct str root_text = without_slashes(str_z(root)), below = buf_view(&b);
    if (below.len && str_eqz(root_text, "/"))
        root_text = STR_NONE;
    char *path = inside ? arena_printf(a, "%.*s%.*s", STR_ARGS(root_text), STR_ARGS(below)) : NULL;
    buf_release(&b);
    return path;
}
