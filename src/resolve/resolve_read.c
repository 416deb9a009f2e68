/* Reading what a name led to. A LOCAL file is read by position through base/fs; a Git blob is
 * unpacked whole, as the object database has no other way for packed objects. */
#include "resolve/resolve_int.h"

#include <string.h>

enum { GIT_BLOB_MAX = 1 << 30 };

struct resolved_file {
    int fd;           /* LOCAL, else -1 */
    struct buf blob;  /* GIT */
    int64_t at;
};

static int no_reader(const struct resolved *at, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "'%s' is not a local file or repository",
                   at->url ? at->url : at->name_space ? at->name_space : "?");
}

int resolve_stat(const struct resolved *at, struct resolved_stat *out, struct err *err)
{
    struct fs_stat st;
    if (at->kind == RESOLVED_GIT)
        return git_stat(at, out, err);
    if (at->kind != RESOLVED_LOCAL)
        return no_reader(at, err);
    if (fs_stat(at->path, &st, err))
        return -1;
    *out = (struct resolved_stat){.size = st.size, .mtime_us = st.mtime_us, .is_dir = st.is_dir};
    return 0;
}

static int64_t local_entries(const struct resolved *at, bool deep, struct arena *a,
                             struct resolved_entry **out, struct err *err)
{
    char **names;
    struct fs_stat st;
    size_t kept = 0;
    if (fs_stat(at->path, &st, err))
        return -1;
    if (!st.is_dir)
        return err_set(err, ERR_INPUT, "'%s' is no folder", at->path);
    int64_t n = deep ? fs_walk(a, at->path, &names, err) : fs_list(a, at->path, &names, err);
    if (n < 0)
        return -1;
    struct resolved_entry *entries = ARENA_ARRAY(a, struct resolved_entry, n + 1);
    for (int64_t i = 0; i < n; i++) {
        struct err gone;
        if (fs_stat(path_join(a, at->path, names[i]), &st, &gone))
            continue; /* deleted since it was listed */
        entries[kept++] = (struct resolved_entry){
            .name = names[i],
            .stat = {.size = st.size, .mtime_us = st.mtime_us, .is_dir = st.is_dir}};
    }
    *out = entries;
    return (int64_t)kept;
}

int64_t resolve_list(const struct resolved *at, struct arena *a, struct resolved_entry **out,
                     struct err *err)
{
    if (at->kind == RESOLVED_GIT)
        return git_entries(at, false, a, out, err);
    return at->kind == RESOLVED_LOCAL ? local_entries(at, false, a, out, err) : no_reader(at, err);
}

int64_t resolve_walk(const struct resolved *at, struct arena *a, struct resolved_entry **out,
                     struct err *err)
{
    if (at->kind == RESOLVED_GIT)
        return git_entries(at, true, a, out, err);
    return at->kind == RESOLVED_LOCAL ? local_entries(at, true, a, out, err) : no_reader(at, err);
}

struct resolved_file *resolve_open(const struct resolved *at, int64_t *size_bytes, struct err *err)
{
    struct resolved_stat st;
    struct resolved_file *f;
    if (resolve_stat(at, &st, err))
        return NULL;
    if (st.is_dir) {
        err_set(err, ERR_INPUT, "'%s' is a folder", at->path);
        return NULL;
    }
    f = NEW(struct resolved_file);
    f->fd = -1;
    buf_init_max(&f->blob, GIT_BLOB_MAX);
    if (at->kind == RESOLVED_GIT ? git_read(at, &f->blob, err)
                                 : (f->fd = fs_open(at->path, FS_READ, err)) < 0) {
        resolve_close(f);
        return NULL;
    }
    *size_bytes = at->kind == RESOLVED_GIT ? (int64_t)f->blob.len : st.size;
    return f;
}

int64_t resolve_read(struct resolved_file *f, void *out, size_t n, struct err *err)
{
    int64_t got;
    if (f->fd >= 0) {
        got = fs_pread(f->fd, out, n, f->at, err);
    } else {
        struct str part = str_sub(buf_view(&f->blob), (size_t)f->at, n);
        if (part.len)
            memcpy(out, part.ptr, part.len);
        got = (int64_t)part.len;
    }
    if (got > 0)
        f->at += got;
    return got;
}

void resolve_close(struct resolved_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        fs_close(f->fd);
    buf_release(&f->blob);
    mem_free(f);
}

int resolve_read_all(const struct resolved *at, size_t max_bytes, struct buf *out, struct err *err)
{
    int64_t size, got;
    struct resolved_file *f = resolve_open(at, &size, err);
    if (!f)
        return -1;
    if ((uint64_t)size > max_bytes) {
        resolve_close(f);
        return err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", at->path, max_bytes);
    }
    char chunk[65536];
    while ((got = resolve_read(f, chunk, sizeof chunk, err)) > 0)
        buf_add(out, chunk, (size_t)got);
    resolve_close(f);
    return got < 0 ? -1 : buf_check(out, at->path, err);
}
