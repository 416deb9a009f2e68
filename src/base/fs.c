/* fs.c -- see fs.h.
 *
 * Every call that changes something asks the seam of fs_fault.c first whether to go on, and tells
 * it afterwards.
 *
 * Atomic writing: a file ".<name>.<random>.tmp" beside the target, fdatasync, rename (or link, to
 * be the first), fsync of the folder. A crash may leave such a file: readers of folders skip names
 * that start with a dot. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/code.h"
#include "base/fs_int.h"

enum { TEMP_NAME_MAX = 200, READ_STEP = 64 << 10 };

int fs_open(const char *path, int flags, struct err *err)
{
    static const struct {
        int ours, system;
    } table[] = {{FS_CREATE, O_CREAT},
                 {FS_EXCL, O_EXCL},
                 {FS_APPEND, O_APPEND},
                 {FS_TRUNC, O_TRUNC},
                 {FS_DIR, O_DIRECTORY}};
    bool writes = flags & FS_WRITE;
    int mode = writes ? (flags & FS_READ ? O_RDWR : O_WRONLY) : O_RDONLY, fd = -1;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (flags & table[i].ours)
            mode |= table[i].system;
    enum fs_fault_kind kind = writes ? fs_enter(path) : FS_FAULT_NONE;
    if (!fs_refused(kind)) {
        do
            fd = open(path, mode | O_CLOEXEC, 0600);
        while (fd < 0 && errno == EINTR);
    }
    fs_leave(kind);
    if (fd < 0)
        return err_errno(err, errno, "cannot open '%s'", path);
    return fd;
}

int fs_close(int fd)
{
    return close(fd);
}

int fs_writev_all(int fd, struct iovec *iov, int count, struct err *err)
{
    enum fs_fault_kind kind = fs_enter_fd(fd);
    if (kind == FS_FAULT_FAIL)
        return err_errno(err, errno, "cannot write");
    fs_note_write(fd);
    if (kind == FS_FAULT_SHORT) {
        int errnum = errno;
        ssize_t half = write(fd, iov[0].iov_base, iov[0].iov_len / 2);
        return err_errno(err, errnum, "cannot write after %zd bytes", half);
    }
    while (count > 0) {
        if (iov->iov_len == 0) {
            iov++;
            count--;
            continue;
        }
        ssize_t n = writev(fd, iov, count < IOV_MAX ? count : IOV_MAX);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot write");
        for (size_t left = (size_t)n; left > 0;) {
            size_t step = left < iov->iov_len ? left : iov->iov_len;
            iov->iov_base = (char *)iov->iov_base + step;
            iov->iov_len -= step;
            left -= step;
            if (iov->iov_len == 0) {
                iov++;
                count--;
            }
        }
    }
    fs_leave(kind);
    return 0;
}

int fs_write_all(int fd, const void *bytes, size_t n, struct err *err)
{
    struct iovec one = {(void *)bytes, n};
    return fs_writev_all(fd, &one, 1, err);
}

int fs_pwrite_all(int fd, const void *bytes, size_t n, int64_t at, struct err *err)
{
    const char *p = bytes;
    enum fs_fault_kind kind = fs_enter_fd(fd);
    int errnum = errno;
    if (kind == FS_FAULT_FAIL)
        return err_errno(err, errnum, "cannot write");
    fs_note_write(fd);
    size_t left = kind == FS_FAULT_SHORT ? n / 2 : n;
    while (left > 0) {
        ssize_t wrote = pwrite(fd, p, left, at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_errno(err, errno, "cannot write");
        p += wrote;
        at += wrote;
        left -= (size_t)wrote;
    }
    fs_leave(kind);
    if (kind == FS_FAULT_SHORT)
        return err_errno(err, errnum, "cannot write after %zu bytes", n / 2);
    return 0;
}

int64_t fs_pread(int fd, void *out, size_t n, int64_t at, struct err *err)
{
    char *to = out;
    size_t got = 0;
    while (got < n) {
        ssize_t step = pread(fd, to + got, n - got, at + (int64_t)got);
        if (step < 0 && errno == EINTR)
            continue;
        if (step < 0)
            return err_errno(err, errno, "cannot read");
        if (step == 0)
            break;
        got += (size_t)step;
    }
    return (int64_t)got;
}

static int sync_with(int fd, int (*sync)(int), struct err *err)
{
    enum fs_fault_kind kind = fs_enter_fd(fd);
    int rc = fs_refused(kind) ? -1 : sync(fd);
    if (rc == 0)
        fs_note_synced(fd);
    fs_leave(kind);
    return rc ? err_errno(err, errno, "cannot sync") : 0;
}

int fs_sync(int fd, struct err *err)
{
    return sync_with(fd, fdatasync, err);
}

int fs_sync_all(int fd, struct err *err)
{
    return sync_with(fd, fsync, err);
}

void fs_sync_begin(int fd, int64_t at, int64_t n)
{
    if (sync_file_range(fd, at, n, SYNC_FILE_RANGE_WRITE))
        return; /* fs_sync() does the work then, and tells what is wrong */
}

int fs_sync_dir(const char *dir, struct err *err)
{
    int fd = fs_open(*dir ? dir : ".", FS_READ | FS_DIR, err);
    if (fd < 0)
        return -1;
    enum fs_fault_kind kind = fs_enter(dir);
    int rc = fs_refused(kind) ? -1 : fsync(fd);
    int errnum = errno;
    fs_leave(kind);
    fs_close(fd);
    return rc ? err_errno(err, errnum, "cannot sync the folder '%s'", dir) : 0;
}

int fs_truncate(int fd, int64_t size, struct err *err)
{
    enum fs_fault_kind kind = fs_enter_fd(fd);
    int rc = fs_refused(kind) ? -1 : ftruncate(fd, size);
    fs_leave(kind);
    return rc ? err_errno(err, errno, "cannot cut to %lld bytes", (long long)size) : 0;
}

int fs_stat(const char *path, struct fs_stat *out, struct err *err)
{
    struct stat st;
    if (stat(path, &st))
        return err_errno(err, errno, "cannot find '%s'", path);
    *out = (struct fs_stat){
        .size = st.st_size,
        .mtime_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000,
        .is_dir = S_ISDIR(st.st_mode),
        .is_file = S_ISREG(st.st_mode),
        .links = (int64_t)st.st_nlink,
    };
    return 0;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

void fs_touch(const char *path)
{
    if (utimensat(AT_FDCWD, path, NULL, 0))
        return;
}

static int make_dir(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    enum fs_fault_kind kind = fs_enter(path);
    int rc = fs_refused(kind) ? -1 : mkdir(path, 0700);
    int errnum = errno;
    fs_leave(kind);
    if (rc == 0 || (errnum == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    return err_errno(err, errnum, "cannot make the folder '%s'", path);
}

int fs_mkdirs(const char *path, struct err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return err_set(err, ERR_LIMIT, "cannot make a folder of %zu bytes of name", len);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (make_dir(part, err))
            return -1;
    }
    return 0;
}

int fs_unlink(const char *path, struct err *err)
{
    enum fs_fault_kind kind = fs_enter(path);
    int rc = fs_refused(kind) ? -1 : unlink(path);
    int errnum = errno;
    fs_leave(kind);
    if (rc == 0 || errnum == ENOENT)
        return 0;
    return err_errno(err, errnum, "cannot remove '%s'", path);
}

int fs_rename(const char *from, const char *to, struct err *err)
{
    enum fs_fault_kind kind = fs_enter(to);
    int rc = fs_refused(kind) ? -1 : rename(from, to);
    fs_leave(kind);
    return rc ? err_errno(err, errno, "cannot rename '%s' to '%s'", from, to) : 0;
}

int fs_link(const char *from, const char *to, struct err *err)
{
    enum fs_fault_kind kind = fs_enter(to);
    int rc = fs_refused(kind) ? -1 : link(from, to);
    fs_leave(kind);
    return rc ? err_errno(err, errno, "cannot create '%s'", to) : 0;
}

static int read_fd(int fd, size_t max_bytes, struct buf *out, struct err *err)
{
    size_t total = 0;
    for (;;) {
        char *to = buf_room(out, READ_STEP);
        size_t room = READ_STEP;
        char small[256];
        if (!to) { /* near the buffer's own maximum */
            out->overflow = false;
            to = small;
            room = sizeof small;
        }
        ssize_t n = read(fd, to, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot read");
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > max_bytes)
            return err_set(err, ERR_LIMIT, "larger than %zu bytes", max_bytes);
        if (to == small)
            buf_add(out, small, (size_t)n);
        else
            buf_took(out, (size_t)n);
        if (buf_check(out, "the text read", err))
            return -1;
    }
}

/* Makes room at once for what a file is said to hold; too much is left to read_fd() to refuse. */
static void reserve(struct buf *out, size_t n)
{
    if (n <= out->max && out->len <= out->max - n)
        (void)buf_room(out, n);
}

int fs_read_file(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    struct stat st;
    int fd = fs_open(path, FS_READ, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size <= max_bytes)
        reserve(out, (size_t)st.st_size + 1);
    int rc = read_fd(fd, max_bytes, out, err);
    fs_close(fd);
    return rc ? err_wrap(err, "file '%s'", path) : 0;
}

/* "<dir>/.<name>.<random>.tmp" beside `path`. */
static void temp_name(const char *path, char out[PATH_MAX])
{
    struct str dir = path_dir(str_z(path));
    struct str base = str_sub(path_base(str_z(path)), 0, TEMP_NAME_MAX);
    const char *slash = dir.len && dir.ptr[dir.len - 1] != '/' ? "/" : "";
    snprintf(out, PATH_MAX, "%.*s%s.%.*s.%016llx.tmp", STR_ARGS(dir), slash, STR_ARGS(base),
             (unsigned long long)random_u64());
}

static int write_temp(const char *temp, struct str bytes, struct err *err)
{
    int fd = fs_open(temp, FS_WRITE | FS_CREATE | FS_EXCL, err);
    if (fd < 0)
        return -1;
    int rc = fs_write_all(fd, bytes.ptr, bytes.len, err);
    if (rc == 0)
        rc = fs_sync(fd, err);
    fs_close(fd);
    return rc;
}

static int write_atomic(const char *path, struct str bytes, bool must_be_new, struct err *err)
{
    char temp[PATH_MAX], dir[PATH_MAX];
    struct err ignored;
    struct str d = path_dir(str_z(path));
    if (strlen(path) + 64 > PATH_MAX)
        return err_set(err, ERR_LIMIT, "the path '%.100s...' is too long", path);
    temp_name(path, temp);
    snprintf(dir, sizeof dir, "%.*s", STR_ARGS(d));
    int rc = write_temp(temp, bytes, err);
    if (rc == 0)
        rc = must_be_new ? fs_link(temp, path, err) : fs_rename(temp, path, err);
    if ((rc || must_be_new) && fs_unlink(temp, &ignored))
        return rc ? -1 : err_set(err, ignored.code, "%s", ignored.msg);
    return rc ? -1 : fs_sync_dir(dir, err);
}

int fs_write_file(const char *path, struct str bytes, struct err *err)
{
    if (write_atomic(path, bytes, false, err))
        return err_wrap(err, "cannot write the file '%s'", path);
    return 0;
}

int fs_write_file_new(const char *path, struct str bytes, struct err *err)
{
    if (write_atomic(path, bytes, true, err))
        return err_wrap(err, "cannot write the new file '%s'", path);
    return 0;
}
