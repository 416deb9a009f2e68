/* resolve_int -- what the files of this module share. */
#ifndef PAYSTREAK_RESOLVE_RESOLVE_INT_H
#define PAYSTREAK_RESOLVE_RESOLVE_INT_H
#include "resolve/resolve.h"

enum {
    RESOLVE_MAX_NAME = 8192,      /* bytes of a name or binding */
    RESOLVE_MAX_BINDINGS = 1000,
    RESOLVE_MAX_REMOTES = 50,
    RESOLVE_MAX_REF_SEGMENTS = 8, /* a/b/c as a branch name in a raw URL */
    RESOLVE_MAX_GIT_DEPTH = 100,  /* folders in folders, in a tree */
};

/* A remote of the project's checkout, as "host/owner/repo", host in lower case, no ".git". */
struct git_remote_name { char *text; };

/* The remotes of the repository that `dir` lies in. Returns how many; *workdir (mem_free) is its
 * top folder, NULL if `dir` is in none. */
size_t resolve_git_remotes(const char *dir, char **workdir, struct git_remote_name *out, size_t max);
/* Turns a remote's URL into "host/owner/repo"; false if it is no such thing (a local path). */
bool resolve_remote_name(struct str url, struct buf *out);
/* Takes the ref off the front of "ref/path": the shortest prefix that names a branch, tag or commit
 * of the repository. ERR_NOT_FOUND names what was looked for. */
int resolve_git_split(struct arena *a, const char *repo, struct str ref_path, const char **ref,
                      struct str *path, struct err *err) MUST_CHECK;
/* Does the repository have this ref? ERR_NOT_FOUND, ERR_IO if it does not open. */
int resolve_git_has(const char *repo, const char *ref, struct err *err) MUST_CHECK;

/* GIT halves of the public calls. */
int git_stat(const struct resolved *at, struct resolved_stat *out, struct err *err) MUST_CHECK;
int64_t git_entries(const struct resolved *at, bool deep, struct arena *a,
                    struct resolved_entry **out, struct err *err) MUST_CHECK;
int git_read(const struct resolved *at, struct buf *out, struct err *err) MUST_CHECK;

/* `rel` without ".", ".." and doubled slashes, no slash at the ends; ERR_INPUT if it leaves its
 * root or holds a NUL byte. `name` is for the message. */
int resolve_clean(struct arena *a, struct str name, struct str rel, const char **out,
                  struct err *err) MUST_CHECK;
#endif
