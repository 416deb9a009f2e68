/* fs -- file calls behind one seam.
 *
 * Every module writes and reads files through these calls, so that tests can make the n-th call
 * fail, stop the process after the n-th write, or lose and tear unsynced writes (fs_fault_set).
 * All calls block: never on a loop thread, but at start and for the hub's own log. Paths are C
 * strings. Thread-safe. */
#ifndef PAYSTREAK_BASE_FS_H
#define PAYSTREAK_BASE_FS_H
#include "base/str.h"
#include <sys/uio.h>

/* Open flags. */
enum { FS_READ = 1, FS_WRITE = 2, FS_CREATE = 4, FS_EXCL = 8, FS_APPEND = 16, FS_TRUNC = 32, FS_DIR = 64 };
struct fs_stat { int64_t size, mtime_us; bool is_dir, is_file; int64_t links; };

int fs_open(const char *path, int flags, struct err *err) MUST_CHECK;  /* fd; mode 0600/0700 below state */
int fs_close(int fd);
int fs_write_all(int fd, const void *bytes, size_t n, struct err *err) MUST_CHECK;
int fs_writev_all(int fd, struct iovec *iov, int count, struct err *err) MUST_CHECK; /* iov is consumed */
int fs_pwrite_all(int fd, const void *bytes, size_t n, int64_t at, struct err *err) MUST_CHECK;
int64_t fs_pread(int fd, void *out, size_t n, int64_t at, struct err *err) MUST_CHECK; /* short at end */
int fs_sync(int fd, struct err *err) MUST_CHECK;          /* fdatasync */
int fs_sync_all(int fd, struct err *err) MUST_CHECK;      /* fsync: its times too */
/* Lets the disk begin with n bytes at `at`: a hint before fs_sync() of several files, so that they go
 * out together. Nothing is durable by it, and it cannot fail. */
void fs_sync_begin(int fd, int64_t at, int64_t n);
int fs_sync_dir(const char *dir, struct err *err) MUST_CHECK;
int fs_truncate(int fd, int64_t size, struct err *err) MUST_CHECK;
int fs_stat(const char *path, struct fs_stat *out, struct err *err) MUST_CHECK; /* ERR_NOT_FOUND */
bool fs_exists(const char *path);
void fs_touch(const char *path);                             /* its mtime is now; a hint, it cannot fail */
int fs_mkdirs(const char *path, struct err *err) MUST_CHECK; /* like mkdir -p, 0700 */
int fs_unlink(const char *path, struct err *err) MUST_CHECK; /* absent is no error */
int fs_rename(const char *from, const char *to, struct err *err) MUST_CHECK;
int fs_link(const char *from, const char *to, struct err *err) MUST_CHECK;  /* ERR_EXISTS if `to` is there */
int fs_remove_tree(const char *path, struct err *err) MUST_CHECK;
int fs_read_file(const char *path, size_t max_bytes, struct buf *out, struct err *err) MUST_CHECK;
/* Atomic and durable: temporary file beside it, fsync, rename, fsync of the folder. */
int fs_write_file(const char *path, struct str bytes, struct err *err) MUST_CHECK;
/* The same, but ERR_EXISTS if the file is there already (by a link): put-if-absent. */
int fs_write_file_new(const char *path, struct str bytes, struct err *err) MUST_CHECK;
/* Names in a folder, sorted, without . and ..; in the arena. Returns count or -1. */
int64_t fs_list(struct arena *a, const char *dir, char ***names, struct err *err) MUST_CHECK;
/* All regular files below `dir`, relative paths, sorted. */
int64_t fs_walk(struct arena *a, const char *dir, char ***paths, struct err *err) MUST_CHECK;
char *path_join(struct arena *a, const char *dir, const char *name);
struct str path_base(struct str path);
struct str path_dir(struct str path);
/* Resolves "." and ".." in `rel` without touching the disk; NULL if it leaves its root. */
char *path_below(struct arena *a, const char *root, struct str rel);

/* Faults, for tests. Counted over mutating calls (open for write, write, sync, rename, link, unlink,
 * truncate, mkdir) whose path holds `path_part` (NULL: all). The `nth` call, from 1: FAIL fails with
 * `errnum` (0: EIO) and does nothing; SHORT does so after writing half of its bytes; EXIT is carried
 * out, then the process ends at once with FS_FAULT_EXIT_STATUS; LOSE and TEAR do as EXIT and cut
 * unsynced bytes off the files written since fs_fault_set: all, or half. Later calls go on as always. */
enum { FS_FAULT_EXIT_STATUS = 86 };
enum fs_fault_kind { FS_FAULT_NONE, FS_FAULT_FAIL, FS_FAULT_SHORT, FS_FAULT_EXIT,
                     FS_FAULT_LOSE, FS_FAULT_TEAR };
struct fs_fault { enum fs_fault_kind kind; int64_t nth; int errnum; const char *path_part; };
void fs_fault_set(const struct fs_fault *f);  /* NULL: off */
int64_t fs_fault_calls(void);                 /* mutating calls seen since fs_fault_set */
#endif
