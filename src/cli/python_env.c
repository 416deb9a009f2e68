#include "cli/python_env.h"
#include "base/embed.h"
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { PYTHON_FILE_MAX = 4 << 20 };

static const char *in_path(struct arena *a, const char *name)
{
    struct str dirs = str_z(getenv("PATH")), dir;
    while (str_split(&dirs, ':', &dir)) {
        char *file = path_join(a, str_cz(a, dir), name);
        if (access(file, X_OK) == 0)
            return file;
    }
    return NULL;
}

const char *python_find(struct arena *a)
{
    char exe[PATH_MAX];
    const char *set = getenv("PAYSTREAK_PYTHON");
    if (set && *set)
        return set;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        char *dir = str_cz(a, path_dir(str_of(exe, (size_t)n)));
        char *file = path_join(a, dir, "../deps/venv/bin/python");
        if (access(file, X_OK) == 0)
            return file;
    }
    return in_path(a, "python3");
}

static bool same_content(const char *path, struct str bytes)
{
    struct buf have;
    struct err ignored;
    buf_init_max(&have, PYTHON_FILE_MAX);
    bool same = fs_exists(path) && fs_read_file(path, PYTHON_FILE_MAX, &have, &ignored) == 0 && str_eq(buf_view(&have), bytes);
    buf_release(&have);
    return same;
}

int python_unpack(struct arena *a, const char *dir, struct err *err)
{
    for (const struct embed_file *f = embed_table; f->name; f++) {
        struct str name = str_z(f->name), bytes = str_of(f->bytes, f->len);
        if (!str_starts_z(name, "python/"))
            continue;
        char *path = path_join(a, dir, f->name + 7);
        if (same_content(path, bytes))
            continue;
        if (fs_mkdirs(str_cz(a, path_dir(str_z(path))), err) || fs_write_file(path, bytes, err))
            return err_wrap(err, "cannot unpack the Python parts");
    }
    return 0;
}
