/* store_file.c -- local files as a store.
 *
 * An object is a file below the root folder. It appears whole: bytes go to a hidden temporary file,
 * which is fsynced and renamed, or linked to be the first: a link fails where the name is taken, on
 * every file system that has it and against every other program. Then the folder is fsynced.
 * Staged bytes (store_stage) lie in the folder they will be published in, hidden, under a random name, and are fsynced before they
 * are published: by store.c, or by a caller who does so with other files at once. */
#include "lake/store_int.h"
#include <string.h>

enum { COPY_BYTES = 1 << 20 };

void store_file_open(struct store *s, struct str root)
{
    if (str_starts_z(root, "file:")) {
        root = str_from(root, 5);
        while (root.len > 1 && root.ptr[1] == '/')
            root = str_from(root, 1);
    }
    while (root.len > 1 && root.ptr[root.len - 1] == '/')
        root.len--;
    s->root = str_dup(root);
    s->prefix = mem_strdup("");
}

static char *path_of(const struct store *s, struct arena *a, const char *name)
{
    return path_join(a, s->root, name);
}

/* ---- listing */

static int look(const char *path, struct store_entry *e, struct err *err)
{
    struct fs_stat st;
    if (fs_stat(path, &st, err))
        return -1;
    if (!st.is_file)
        return err_set(err, ERR_NOT_FOUND, "'%s' is no file", path);
    e->size = st.size;
    e->mtime_us = st.mtime_us;
    return 0;
}

/* The folder that holds all names with the prefix: what is before its last slash. */
static int64_t names_below(struct arena *a, const char *dir, bool flat, char ***names, struct err *err)
{
    struct err e;
    int64_t n = flat ? fs_list(a, dir, names, &e) : fs_walk(a, dir, names, &e);
    if (n < 0 && e.code == ERR_NOT_FOUND)
        return 0;
    if (n < 0)
        *err = e;
    return n;
}

int64_t store_file_list(struct store *s, struct arena *a, const struct store_list_opts *o, struct store_entry **out,
                        struct err *err)
{
    struct str prefix = str_z(o->prefix), folder = str_sub(prefix, 0, (size_t)(str_rchr(prefix, '/') + 1));
    char **names, *dir = folder.len ? path_of(s, a, str_cz(a, str_sub(folder, 0, folder.len - 1))) : s->root;
    int64_t n = names_below(a, dir, o->flat, &names, err), count = 0;
    if (n < 0)
        return -1;
    *out = ARENA_ARRAY(a, struct store_entry, n);
    for (int64_t i = 0; i < n; i++) {
        struct err gone;
        char *name = folder.len ? arena_printf(a, "%.*s%s", STR_ARGS(folder), names[i]) : names[i];
        struct store_entry e = {.name = name, .size = -1, .mtime_us = -1};
        if (!str_starts(str_z(name), prefix) || (o->from && strcmp(name, o->from) < 0))
            continue;
        if (o->look && look(path_join(a, dir, names[i]), &e, &gone))
            continue; /* a folder, or removed between listing and looking */
        (*out)[count++] = e;
    }
    return count;
}

int store_file_stat(struct store *s, const char *name, struct store_entry *out, struct err *err)
{
    struct arena *a = arena_new();
    *out = (struct store_entry){.name = name};
    int rc = look(path_of(s, a, name), out, err);
    arena_free(a);
    return rc;
}

/* ---- reading */

int store_file_get(struct store *s, const char *name, size_t max, struct buf *out, struct store_mark *mark, struct err *err)
{
    struct arena *a = arena_new();
    char *path = path_of(s, a, name);
    struct store_entry e = {0};
    int rc = mark ? look(path, &e, err) : 0; /* first: bytes that are newer than their mark are only read again */
    if (mark)
        *mark = (struct store_mark){rc ? -1 : e.mtime_us, 0};
    if (rc == 0)
        rc = fs_read_file(path, max, out, err);
    arena_free(a);
    return rc;
}

int store_file_range(struct store *s, const char *name, int64_t at, int64_t n, struct buf *out, struct err *err)
{
    struct arena *a = arena_new();
    int fd = fs_open(path_of(s, a, name), FS_READ, err);
    char *room = fd < 0 ? NULL : buf_room(out, (size_t)n);
    int64_t got = -1;
    if (fd >= 0 && !room)
        err_set(err, ERR_LIMIT, "a range of %jd bytes", (intmax_t)n);
    else if (fd >= 0)
        got = fs_pread(fd, room, (size_t)n, at, err);
    if (got > 0)
        buf_took(out, (size_t)got);
    if (fd >= 0)
        fs_close(fd);
    arena_free(a);
    return got < 0 ? -1 : 0;
}

/* ---- writing */

static int make_folder(struct store *s, struct arena *a, const char *path, struct err *err)
{
    struct str dir = path_dir(str_z(path)), root = str_z(s->root);
    char *z = str_cz(a, dir);
    if (fs_exists(z))
        return 0;
    if (fs_mkdirs(z, err))
        return -1;
    /* Entries of the folders made are in their parents, up to the root's own. */
    for (dir = path_dir(dir); dir.len + 1 >= root.len && dir.len > 1; dir = path_dir(dir))
        if (fs_sync_dir(str_cz(a, dir), err))
            return -1;
    return 0;
}

int store_file_put(struct store *s, const char *name, struct str bytes, struct err *err)
{
    struct arena *a = arena_new();
    char *path = path_of(s, a, name);
    int rc = make_folder(s, a, path, err);
    if (rc == 0)
        rc = fs_write_file(path, bytes, err);
    arena_free(a);
    return rc;
}

static int copy_bytes(int from, int to, struct err *err)
{
    char *room = mem_alloc(COPY_BYTES);
    int64_t at = 0, n;
    while ((n = fs_pread(from, room, COPY_BYTES, at, err)) > 0) {
        if (fs_write_all(to, room, (size_t)n, err)) {
            n = -1;
            break;
        }
        at += n;
    }
    mem_free(room);
    return n < 0 ? -1 : fs_sync(to, err);
}

/* Between an object and a file elsewhere; `in`: from the file to the object. */
int store_file_copy(struct store *s, const char *name, const char *path, bool in, struct err *err)
{
    struct arena *a = arena_new();
    struct err ignored;
    char id[UUID_TEXT];
    char *object = path_of(s, a, name);
    const char *from = in ? path : object, *to = in ? object : path;
    struct str dir = path_dir(str_z(to));
    char *temp = arena_printf(a, "%.*s/.%s.tmp", STR_ARGS(dir), uuid_make(id));
    int rc = in ? make_folder(s, a, object, err) : 0, out = -1;
    int fd = rc ? -1 : fs_open(from, FS_READ, err);
    if (fd >= 0)
        out = fs_open(temp, FS_WRITE | FS_CREATE | FS_EXCL, err);
    rc = out >= 0 ? copy_bytes(fd, out, err) : -1;
    if (fd >= 0)
        fs_close(fd);
    if (out >= 0)
        fs_close(out);
    if (rc == 0)
        rc = fs_rename(temp, to, err);
    if (rc == 0)
        rc = fs_sync_dir(str_cz(a, dir), err);
    else if (out >= 0 && fs_unlink(temp, &ignored))
        log_err(LOG_WARN, "store", &ignored);
    arena_free(a);
    return rc;
}

int store_file_remove(struct store *s, const char *name, struct err *err)
{
    struct arena *a = arena_new();
    int rc = fs_unlink(path_of(s, a, name), err);
    arena_free(a);
    return rc;
}

/* ---- put if absent */

static int write_temp(const char *path, int flags, struct str bytes, struct err *err)
{
    int fd = fs_open(path, FS_WRITE | FS_CREATE | flags, err);
    if (fd < 0)
        return -1;
    int rc = fs_write_all(fd, bytes.ptr, bytes.len, err);
    fs_close(fd);
    return rc;
}

int store_file_sync(const char *path, struct err *err)
{
    int fd = fs_open(path, FS_READ, err);
    if (fd < 0)
        return -1;
    int rc = fs_sync(fd, err);
    fs_close(fd);
    return rc;
}

int store_file_stage(struct store *s, const char *dir, struct str bytes, char **temp, struct err *err)
{
    struct arena *a = arena_new();
    char id[UUID_TEXT];
    char *path = arena_printf(a, "%s%s%s/.%s.tmp", s->root, dir[0] ? "/" : "", dir, uuid_make(id));
    struct err open_err;
    int rc = write_temp(path, FS_EXCL, bytes, &open_err);
    if (rc && open_err.code == ERR_NOT_FOUND) { /* the first object of its folder */
        rc = make_folder(s, a, path, err);
        if (rc == 0)
            rc = write_temp(path, FS_EXCL, bytes, err);
    } else if (rc) {
        *err = open_err;
    }
    *temp = mem_strdup(path);
    if (rc)
        store_file_unstage(*temp);
    arena_free(a);
    return rc;
}

int store_file_restage(const char *temp, struct str bytes, struct err *err)
{
    return fs_unlink(temp, err) ? -1 : write_temp(temp, FS_EXCL, bytes, err);
}

enum store_outcome store_file_publish(struct store *s, const char *temp, const char *name, struct err *err)
{
    struct arena *a = arena_new();
    struct err link_err;
    char *path = path_of(s, a, name);
    enum store_outcome got = STORE_DONE;
    if (fs_link(temp, path, &link_err)) {
        got = link_err.code == ERR_EXISTS ? STORE_EXISTS : STORE_FAILED;
        *err = link_err;
    } else if (fs_sync_dir(str_cz(a, path_dir(str_z(path))), err)) {
        got = STORE_UNKNOWN; /* everybody sees it, but a power cut may take it back */
    }
    arena_free(a);
    return got;
}

void store_file_unstage(const char *temp)
{
    struct err err;
    if (fs_unlink(temp, &err))
        log_err(LOG_WARN, "store", &err);
}

int store_file_put_eager(struct store *s, const char *name, struct str bytes, struct err *err)
{
    struct arena *a = arena_new();
    char id[UUID_TEXT];
    char *path = path_of(s, a, name);
    char *temp = arena_printf(a, "%.*s/.%s.tmp", STR_ARGS(path_dir(str_z(path))), uuid_make(id));
    int rc = write_temp(temp, FS_EXCL, bytes, err);
    struct err link_err;
    if (rc == 0 && fs_link(temp, path, &link_err) && link_err.code != ERR_EXISTS) {
        *err = link_err;
        rc = -1;
    }
    store_file_unstage(temp);
    arena_free(a);
    return rc;
}
