/* fs_fault.c -- the faults of fs.h: each mutating call passes fs_enter() with its path, which
 * counts it and says what the fault set by a test asks for. Without a fault that is one relaxed
 * load. A call on a descriptor finds its path through /proc/self/fd.
 *
 * LOSE and TEAR end the process as a power cut would: each file written since the fault was set is
 * cut back to its size at the last sync (LOSE), or to the middle of what was not synced (TEAR).
 * Known by device and inode, held by a descriptor of our own. Bytes overwritten in place and names
 * not synced are not taken back. */
#include "base/fs_int.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITTEN_MAX = 256 }; /* files that LOSE and TEAR can know at once */

struct written {
    dev_t device;
    ino_t inode;
    int fd; /* owned */
    int64_t synced_bytes;
};

static atomic_bool fault_on;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static struct fs_fault fault;
static char path_part[256];
static int64_t calls;
static struct written written[WRITTEN_MAX];
static int written_count;

void fs_fault_set(const struct fs_fault *f)
{
    pthread_mutex_lock(&lock);
    fault = f ? *f : (struct fs_fault){0};
    calls = 0;
    path_part[0] = '\0';
    if (f && f->path_part)
        snprintf(path_part, sizeof path_part, "%s", f->path_part);
    for (int i = 0; i < written_count; i++)
        close(written[i].fd);
    written_count = 0;
    pthread_mutex_unlock(&lock);
    atomic_store(&fault_on, f != NULL);
}

int64_t fs_fault_calls(void)
{
    pthread_mutex_lock(&lock);
    int64_t n = calls;
    pthread_mutex_unlock(&lock);
    return n;
}

enum fs_fault_kind fs_enter(const char *path)
{
    enum fs_fault_kind kind = FS_FAULT_NONE;
    int errnum = 0;
    if (!atomic_load_explicit(&fault_on, memory_order_relaxed))
        return FS_FAULT_NONE;
    pthread_mutex_lock(&lock);
    bool counts = path_part[0] == '\0' || strstr(path, path_part);
    if (counts && ++calls == fault.nth) {
        kind = fault.kind;
        errnum = fault.errnum ? fault.errnum : EIO;
    }
    pthread_mutex_unlock(&lock);
    if (fs_refused(kind))
        errno = errnum;
    return kind;
}

enum fs_fault_kind fs_enter_fd(int fd)
{
    char link[64], path[PATH_MAX];
    if (!atomic_load_explicit(&fault_on, memory_order_relaxed))
        return FS_FAULT_NONE;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return fs_enter(path);
}

static bool takes_back(enum fs_fault_kind kind)
{
    return kind == FS_FAULT_LOSE || kind == FS_FAULT_TEAR;
}

static struct written *written_find(const struct stat *st)
{
    for (int i = 0; i < written_count; i++)
        if (written[i].device == st->st_dev && written[i].inode == st->st_ino)
            return &written[i];
    return NULL;
}

/* What the file is when first written counts as synced. */
void fs_note_write(int fd)
{
    struct stat st;
    if (!atomic_load_explicit(&fault_on, memory_order_relaxed))
        return;
    pthread_mutex_lock(&lock);
    if (takes_back(fault.kind) && fstat(fd, &st) == 0 && !written_find(&st)) {
        CHECK(written_count < WRITTEN_MAX);
        int own = dup(fd);
        CHECK(own >= 0);
        written[written_count++] = (struct written){st.st_dev, st.st_ino, own, st.st_size};
    }
    pthread_mutex_unlock(&lock);
}

void fs_note_synced(int fd)
{
    struct stat st;
    if (!atomic_load_explicit(&fault_on, memory_order_relaxed))
        return;
    pthread_mutex_lock(&lock);
    struct written *w = fstat(fd, &st) == 0 ? written_find(&st) : NULL;
    if (w)
        w->synced_bytes = st.st_size;
    pthread_mutex_unlock(&lock);
}

void fs_leave(enum fs_fault_kind kind)
{
    struct stat st;
    if (kind != FS_FAULT_EXIT && !takes_back(kind))
        return;
    pthread_mutex_lock(&lock); /* not given back: nobody writes any more */
    for (int i = 0; takes_back(kind) && i < written_count; i++) {
        struct written *w = &written[i];
        if (fstat(w->fd, &st) || st.st_size <= w->synced_bytes)
            continue;
        int64_t kept = kind == FS_FAULT_TEAR ? (st.st_size - w->synced_bytes) / 2 : 0;
        int rc = ftruncate(w->fd, w->synced_bytes + kept);
        CHECK(rc == 0);
    }
    _exit(FS_FAULT_EXIT_STATUS);
}
