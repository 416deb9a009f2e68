/* disk -- folders and files of an account: parents made durable, files moved to their place. */
#ifndef PAYSTREAK_STORAGE_DISK_H
#define PAYSTREAK_STORAGE_DISK_H
#include "base/base.h"

/* id: never 0; of inode and birth, since an inode's number is soon given to another file. */
struct disk_stat { bool exists, is_dir; int64_t size, mtime_us, id; };

int disk_stat(const char *path, struct disk_stat *out, struct err *err) MUST_CHECK; /* absent is no error */
int disk_fstat(int fd, struct disk_stat *out, struct err *err) MUST_CHECK;
/* Makes the folders of `rel` (a file's path: its last segment is not made) below `root`, each on disk
 * before the next. ERR_EXISTS: one of them is a file. */
int disk_parents(struct arena *a, const char *root, struct str rel, struct err *err) MUST_CHECK;
int disk_mkdir(const char *path, struct err *err) MUST_CHECK;  /* one, on disk; ERR_EXISTS */
/* Renames and syncs the folders of both. */
int disk_move(struct arena *a, const char *from, const char *to, struct err *err) MUST_CHECK;
int disk_unlink(struct arena *a, const char *path, struct err *err) MUST_CHECK;
/* Removes a folder that holds nothing but such folders; false, and nothing is removed, if it holds a file. */
bool disk_prune(struct arena *a, const char *dir);
int disk_set_mtime(int fd, int64_t us, struct err *err) MUST_CHECK;
#endif
