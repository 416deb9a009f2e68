/* resolve -- a cloud name becomes a local part, or the real address that the user bound it to.
 *
 * Artifacts name things as Azure, Databricks and GitHub do. Without any setting these names mean
 * (STATE is the state folder, PROJECT the project folder):
 *
 *   abfss|abfs|wasbs|wasb://C@ACCT.{dfs,blob}.core.windows.net/P   LOCAL STATE/storage/ACCT/C/P
 *   https://ACCT.{dfs,blob}.core.windows.net/C/P[?sas]             the same
 *   dbfs:/P  /dbfs/P  /mnt/P                                       LOCAL STATE/storage/dbfs/[mnt/]P
 *   /Volumes/C/S/V/P  dbfs:/Volumes/…                              LOCAL STATE/volumes/C/S/V/P
 *   file:/P  file:///P  /P  rel/P                                  LOCAL (rel: below PROJECT)
 *   NS.servicebus.windows.net  sb://NS.servicebus…/HUB             HUB NS
 *   https://raw.githubusercontent.com/O/R/REF/P and the like,
 *     if O/R is a remote of PROJECT's own checkout                 GIT that checkout at REF
 *   any other http(s) URL                                          HTTP as it is
 *
 * Bindings, FROM=TO, come before all of these. The longest FROM that is a whole-segment prefix of
 * the name wins; of equal ones the one added last. TO is file:///P (file://./P and file:P/… are
 * relative to PROJECT), git+file:///P[?ref=R], http(s)://…, or an object store: an address of one (abfss://…,
 * wasbs://…, s3://…, azure+http(s)://HOST/ACCT/C/P, s3+http(s)://HOST/BUCKET/P), or `azure:` or `s3:` alone, which says that
 * the name is its own address, for real. The rest of the name is appended. An Event Hubs namespace as a whole
 * (sb://NS.servicebus.windows.net) leads to kafka://HOST:PORT, kafka+ssl://HOST:PORT, sb://HOST or `sb:`; hub/outside_conf.h
 * reads these. Its names stay HUB names, with the address as `url`.
 * Without ?ref= a Git binding takes the branch that FROM names, if the repository has it, else HEAD;
 * a FROM that stops before the branch (…/O/R) leaves the branch to the name.
 *
 * Names of Azure storage, Event Hubs, Databricks workspaces and buckets are never reached for real
 * unless bound: those with no local part are refused by name. Paths never leave their root: "..",
 * percent-encoded or not, is refused there; NUL bytes too.
 *
 * Percent-encoding is decoded in http(s) names and in TO, not in abfss:, dbfs: and file: names,
 * as Hadoop reads them.
 *
 * Threads: bindings are added at start; after that all calls are read-only and may come from any
 * thread. Calls that read block (disk, libgit2). */
#ifndef PAYSTREAK_RESOLVE_RESOLVE_H
#define PAYSTREAK_RESOLVE_RESOLVE_H
#include "base/base.h"

enum resolved_kind { RESOLVED_LOCAL, RESOLVED_GIT, RESOLVED_HTTP, RESOLVED_HUB, RESOLVED_STORE };

/* Where a name leads. Strings live in the arena given to resolve_name(); those that a kind does
 * not use are NULL. */
struct resolved {
    enum resolved_kind kind;
    bool bound;               /* a binding decided */
    const char *root;         /* LOCAL: the folder that `path` never leaves */
    const char *path;         /* LOCAL: absolute path; GIT: path in the tree, "" is its top */
    const char *repo;         /* GIT: the repository's folder */
    const char *ref;          /* GIT: branch, tag or commit; "HEAD" */
    const char *url;          /* HTTP; STORE: the address, as lake/store.h reads it; HUB: what it is bound to, or NULL */
    const char *name_space;   /* HUB: "ns" of ns.servicebus.windows.net, lower case */
    const char *hub;          /* HUB: the entity path, "" if the name has none */
    const char *account;      /* LOCAL storage names: the account … */
    const char *container;    /* … and the container, "" if the name stops before it */
};

struct resolver_names;

/* Caller owns it. Both folders are made absolute. Opens PROJECT's Git repository, if it is in one,
 * to learn its remotes. */
struct resolver_names *resolve_new(const char *state_dir, const char *project_dir);
void resolve_free(struct resolver_names *r); /* NULL is allowed */

/* Adds "FROM=TO". Errors: ERR_INPUT says what is wrong with the text. */
int resolve_bind(struct resolver_names *r, struct str from_to, struct err *err) MUST_CHECK;

/* Errors: ERR_UNSUPPORTED (a cloud name without local part, not bound), ERR_INPUT (malformed, or
 * leaves its root). The target need not exist, except that a GIT name's repository must open and
 * hold the ref (ERR_NOT_FOUND). */
int resolve_name(const struct resolver_names *r, struct arena *a, struct str name,
                 struct resolved *out, struct err *err) MUST_CHECK;

/* The namespaces that are bound, one after the other: struct of the i-th, false behind the last. Strings live as long as `r`. */
bool resolve_bound_hub(const struct resolver_names *r, size_t i, const char **name_space, const char **to);

/* The folders, absolute. */
const char *resolve_state_dir(const struct resolver_names *r);
const char *resolve_project_dir(const struct resolver_names *r);

/* Below: LOCAL and GIT only (for others ERR_UNSUPPORTED). Bytes are exact: of a Git blob the raw
 * content, no filters. */
struct resolved_stat { int64_t size, mtime_us; bool is_dir; };
int resolve_stat(const struct resolved *at, struct resolved_stat *out,
                 struct err *err) MUST_CHECK; /* ERR_NOT_FOUND */

/* One entry of a folder or, for resolve_walk, one file below it. */
struct resolved_entry { const char *name; struct resolved_stat stat; };
/* Entries of a folder, sorted by name; returns the count. ERR_NOT_FOUND if it is not there. */
int64_t resolve_list(const struct resolved *at, struct arena *a, struct resolved_entry **out,
                     struct err *err) MUST_CHECK;
/* All files below a folder, names relative to it, sorted. */
int64_t resolve_walk(const struct resolved *at, struct arena *a, struct resolved_entry **out,
                     struct err *err) MUST_CHECK;
/* The place `rel` below `at`, for LOCAL and GIT; ERR_INPUT if it leaves it. */
int resolve_below(const struct resolved *at, struct arena *a, struct str rel,
                  struct resolved *out, struct err *err) MUST_CHECK;

/* A file being read from its start. One thread at a time. */
struct resolved_file;
struct resolved_file *resolve_open(const struct resolved *at, int64_t *size_bytes,
                                   struct err *err) MUST_CHECK; /* NULL on error */
int64_t resolve_read(struct resolved_file *f, void *out, size_t n,
                     struct err *err) MUST_CHECK; /* bytes, 0 at the end */
void resolve_close(struct resolved_file *f); /* NULL is allowed */
/* The whole file, at most max_bytes (ERR_LIMIT). */
int resolve_read_all(const struct resolved *at, size_t max_bytes, struct buf *out,
                     struct err *err) MUST_CHECK;
#endif
