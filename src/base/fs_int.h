/* fs_int -- the seam between fs.c and the faults that tests set. */
#ifndef PAYSTREAK_BASE_FS_INT_H
#define PAYSTREAK_BASE_FS_INT_H
#include "base/fs.h"

/* Counts one mutating call and says what to do with it; for FAIL and SHORT errno is set. */
enum fs_fault_kind fs_enter(const char *path);
enum fs_fault_kind fs_enter_fd(int fd);
/* After the call: ends the process if the fault says so. */
void fs_leave(enum fs_fault_kind kind);
/* Before bytes are written to `fd`, and after it was synced: for what LOSE and TEAR take back. */
void fs_note_write(int fd);
void fs_note_synced(int fd);

/* Whether a call that takes no bytes fails: on FAIL and SHORT alike. */
static inline bool fs_refused(enum fs_fault_kind kind)
{
    return kind == FS_FAULT_FAIL || kind == FS_FAULT_SHORT;
}
#endif
