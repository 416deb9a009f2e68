/* The Git half: objects are read from the repository with libgit2, never from the work tree, and
 * nothing of the repository is run. Every call opens the repository anew, so calls may come from
 * any thread. */
#include "resolve/resolve_int.h"

#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int git_trouble(struct err *err, const char *repo)
{
    const git_error *e = git_error_last();
    return err_set(err, ERR_IO, "cannot read the Git repository '%s': %s", repo,
                   e && e->message ? e->message : "unknown reason");
}

static int open_repo(const char *path, git_repository **repo, struct err *err)
{
    int rc = git_repository_open_ext(repo, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    if (rc == GIT_ENOTFOUND)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Git repository", path);
    return rc ? git_trouble(err, path) : 0;
}

/* ---------------------------------------------------------------- remotes */

bool resolve_remote_name(struct str url, struct buf *out)
{
    struct str host, path, rest = url;
    int64_t scheme = str_find(url, STR("://")), at;
    if (scheme > 0) {
        if (str_starts_z(url, "file:"))
            return false;
        rest = str_from(url, (size_t)scheme + 3);
        at = str_chr(rest, '/');
    } else {
        at = str_chr(rest, ':'); /* git@host:owner/repo */
    }
    if (at <= 0 || (scheme <= 0 && str_chr(str_sub(rest, 0, (size_t)at), '/') >= 0))
        return false;
    host = str_sub(rest, 0, (size_t)at);
    path = str_from(rest, (size_t)at + 1);
    host = str_from(host, (size_t)(str_rchr(host, '@') + 1));
    if (str_chr(host, ':') >= 0)
        host = str_sub(host, 0, (size_t)str_chr(host, ':'));
    while (path.len && path.ptr[0] == '/')
        path = str_from(path, 1);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    if (str_ends_z(path, ".git"))
        path.len -= 4;
    if (!host.len || !path.len)
        return false;
    for (size_t i = 0; i < host.len; i++)
        buf_char(out, host.ptr[i] >= 'A' && host.ptr[i] <= 'Z' ? host.ptr[i] | 32 : host.ptr[i]);
    buf_char(out, '/');
    buf_str(out, path);
    return true;
}

/* Calls fn for each remote with its name and URL, until it says false. Walks the configuration itself:
 * git_remote_list() leaks in the regular expressions it uses. */
static void each_remote(git_repository *repo, bool (*fn)(void *ctx, struct str name, struct str url),
                        void *ctx)
{
    git_config *config = NULL;
    git_config_iterator *it = NULL;
    git_config_entry *e;
    if (git_repository_config_snapshot(&config, repo) || git_config_iterator_new(&it, config))
        goto out;
    while (git_config_next(&e, it) == 0) {
        struct str key = str_z(e->name);
        if (key.len > 11 && str_starts_z(key, "remote.") && str_ends_z(key, ".url") &&
            !fn(ctx, str_sub(key, 7, key.len - 11), str_z(e->value)))
            break;
    }
out:
    git_config_iterator_free(it);
    git_config_free(config);
}

struct remote_list { struct git_remote_name *out; size_t count, max; };

static bool note_remote(void *ctx, struct str name, struct str url)
{
    struct remote_list *l = ctx;
    struct buf text;
    (void)name;
    buf_init(&text);
    if (resolve_remote_name(url, &text))
        l->out[l->count++].text = mem_strdup(text.ptr);
    buf_release(&text);
    return l->count < l->max;
}

size_t resolve_git_remotes(const char *dir, char **workdir, struct git_remote_name *out, size_t max)
{
    git_repository *repo = NULL;
    struct remote_list list = {.out = out, .max = max};
    *workdir = NULL;
    if (git_repository_open_ext(&repo, dir, 0, NULL) == 0 && git_repository_workdir(repo)) {
        *workdir = mem_strdup(git_repository_workdir(repo));
        each_remote(repo, note_remote, &list);
    }
    git_repository_free(repo);
    return list.count;
}

/* ---------------------------------------------------------------- refs */

static bool is_commit_id(const char *ref)
{
    size_t n = strspn(ref, "0123456789abcdefABCDEF");
    return n >= 7 && n <= 40 && ref[n] == 0;
}

struct remote_ref { git_repository *repo; const char *ref; git_reference *found; };

static bool find_remote_ref(void *ctx, struct str name, struct str url)
{
    struct remote_ref *l = ctx;
    char spec[RESOLVE_MAX_NAME];
    (void)url;
    snprintf(spec, sizeof spec, "refs/remotes/%.*s/%s", STR_ARGS(name), l->ref);
    if (git_reference_lookup(&l->found, l->repo, spec))
        l->found = NULL;
    return l->found == NULL;
}

/* The commit's tree of a branch, tag, remote branch or commit id. false: there is no such ref. */
static bool find_tree(git_repository *repo, const char *ref, git_tree **tree)
{
    static const char *const forms[] = {"%s", "refs/heads/%s", "refs/tags/%s"};
    git_object *o = NULL;
    git_reference *r = NULL;
    bool ok = false;
    if (strlen(ref) > 1000)
        return false;
    for (size_t i = 0; i < COUNT_OF(forms) && !r; i++) {
        if (i == 0 && strncmp(ref, "refs/", 5) != 0 && strcmp(ref, "HEAD") != 0)
            continue;
        struct buf b;
        buf_init(&b);
        buf_z(&b, i == 0 ? "" : i == 1 ? "refs/heads/" : "refs/tags/");
        buf_z(&b, ref);
        if (git_reference_lookup(&r, repo, b.ptr))
            r = NULL;
        buf_release(&b);
    }
    if (!r) { /* a branch that only the remote has here */
        struct remote_ref look = {repo, ref, NULL};
        each_remote(repo, find_remote_ref, &look);
        r = look.found;
    }
    if (r)
        ok = git_reference_peel(&o, r, GIT_OBJECT_TREE) == 0;
    else if (is_commit_id(ref) && git_revparse_single(&o, repo, ref) == 0) {
        git_object *peeled = NULL;
        ok = git_object_peel(&peeled, o, GIT_OBJECT_TREE) == 0;
        git_object_free(o);
        o = peeled;
    }
    git_reference_free(r);
    if (ok && tree)
        *tree = (git_tree *)o;
    else
        git_object_free(o);
    return ok;
}

static int no_ref(struct err *err, const char *repo, const char *ref)
{
    return err_set(err, ERR_NOT_FOUND, "the Git repository '%s' has no branch, tag or commit '%s'",
                   repo, ref);
}

int resolve_git_has(const char *path, const char *ref, struct err *err)
{
    git_repository *repo = NULL;
    if (open_repo(path, &repo, err))
        return -1;
    bool ok = find_tree(repo, ref, NULL);
    git_repository_free(repo);
    return ok ? 0 : no_ref(err, path, ref);
}

int resolve_git_split(struct arena *a, const char *path, struct str ref_path, const char **ref,
                      struct str *rest, struct err *err)
{
    git_repository *repo = NULL;
    struct str full = ref_path;
    size_t end = 0;
    bool ok = false;
    if (open_repo(path, &repo, err))
        return -1;
    if (str_starts_z(full, "refs/heads/"))
        full = str_from(full, 11);
    else if (str_starts_z(full, "refs/tags/"))
        full = str_from(full, 10);
    for (int i = 0; i < RESOLVE_MAX_REF_SEGMENTS && !ok && end < full.len; i++) {
        end += i > 0;
        while (end < full.len && full.ptr[end] != '/')
            end++;
        *ref = str_cz(a, str_sub(full, 0, end));
        ok = find_tree(repo, *ref, NULL);
        *rest = str_from(full, end);
    }
    git_repository_free(repo);
    if (ok)
        return 0;
    int64_t first = str_chr(full, '/');
    return no_ref(err, path, str_cz(a, first > 0 ? str_sub(full, 0, (size_t)first) : full));
}

/* ---------------------------------------------------------------- objects */

/* A place being read: the repository and the object there. */
struct place { git_repository *repo; git_object *object; git_filemode_t mode; };

static void place_close(struct place *p)
{
    git_object_free(p->object);
    git_repository_free(p->repo);
    *p = (struct place){};
}

static int place_open(const struct resolved *at, struct place *p, struct err *err)
{
    git_tree *tree = NULL;
    git_tree_entry *entry = NULL;
    *p = (struct place){};
    if (open_repo(at->repo, &p->repo, err))
        return -1;
    if (!find_tree(p->repo, at->ref, &tree)) {
        no_ref(err, at->repo, at->ref);
        goto fail;
    }
    if (!at->path[0]) {
        p->object = (git_object *)tree;
        p->mode = GIT_FILEMODE_TREE;
        return 0;
    }
    if (git_tree_entry_bypath(&entry, tree, at->path)) {
        err_set(err, ERR_NOT_FOUND, "'%s' is not in the Git repository '%s' at %s", at->path,
                at->repo, at->ref);
        goto fail;
    }
    p->mode = git_tree_entry_filemode(entry);
    if (p->mode == GIT_FILEMODE_COMMIT || p->mode == GIT_FILEMODE_LINK) {
        err_set(err, ERR_UNSUPPORTED, "'%s' in '%s' is a %s, which is not followed", at->path,
                at->repo, p->mode == GIT_FILEMODE_LINK ? "symbolic link" : "submodule");
        goto fail;
    }
    if (git_tree_entry_to_object(&p->object, p->repo, entry)) {
        git_trouble(err, at->repo);
        goto fail;
    }
    git_tree_entry_free(entry);
    git_tree_free(tree);
    return 0;
fail:
    git_tree_entry_free(entry);
    git_tree_free(tree);
    place_close(p);
    return -1;
}

static int64_t commit_time_us(git_repository *repo, const char *ref)
{
    git_object *o = NULL, *c = NULL;
    int64_t t = 0;
    if (git_revparse_single(&o, repo, ref) == 0 &&
        git_object_peel(&c, o, GIT_OBJECT_COMMIT) == 0)
        t = (int64_t)git_commit_time((git_commit *)c) * 1000000;
    git_object_free(c);
    git_object_free(o);
    return t;
}

int git_stat(const struct resolved *at, struct resolved_stat *out, struct err *err)
{
    struct place p;
    if (place_open(at, &p, err))
        return -1;
    *out = (struct resolved_stat){.is_dir = p.mode == GIT_FILEMODE_TREE,
                                  .mtime_us = commit_time_us(p.repo, at->ref)};
    if (!out->is_dir)
        out->size = (int64_t)git_blob_rawsize((git_blob *)p.object);
    place_close(&p);
    return 0;
}

int git_read(const struct resolved *at, struct buf *out, struct err *err)
{
    struct place p;
    int rc = 0;
    if (place_open(at, &p, err))
        return -1;
    if (p.mode == GIT_FILEMODE_TREE)
        rc = err_set(err, ERR_INPUT, "'%s' in the Git repository '%s' is a folder", at->path,
                     at->repo);
    else
        buf_add(out, git_blob_rawcontent((git_blob *)p.object),
                (size_t)git_blob_rawsize((git_blob *)p.object));
    place_close(&p);
    return rc ? rc : buf_check(out, at->path, err);
}

struct listing {
    struct arena *a;
    struct resolved_entry *entries;
    size_t count, cap;
    int64_t mtime_us;
    git_repository *repo;
    bool deep;
};

static void list_tree(struct listing *l, const git_tree *tree, const char *prefix, int depth)
{
    for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *e = git_tree_entry_byindex(tree, i);
        git_filemode_t mode = git_tree_entry_filemode(e);
        const char *name = arena_printf(l->a, "%s%s", prefix, git_tree_entry_name(e));
        git_object *o = NULL;
        if (mode == GIT_FILEMODE_COMMIT || mode == GIT_FILEMODE_LINK ||
            git_tree_entry_to_object(&o, l->repo, e))
            continue;
        if (mode == GIT_FILEMODE_TREE && l->deep && depth < RESOLVE_MAX_GIT_DEPTH) {
            list_tree(l, (git_tree *)o, arena_printf(l->a, "%s/", name), depth + 1);
        } else {
            l->entries = arena_grow(l->a, l->entries, &l->cap, l->count + 1, sizeof *l->entries);
            l->entries[l->count++] = (struct resolved_entry){
                .name = name,
                .stat = {.size = mode == GIT_FILEMODE_TREE
                                     ? 0
                                     : (int64_t)git_blob_rawsize((git_blob *)o),
                         .mtime_us = l->mtime_us,
                         .is_dir = mode == GIT_FILEMODE_TREE}};
        }
        git_object_free(o);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct resolved_entry *)a)->name,
                  ((const struct resolved_entry *)b)->name);
}

int64_t git_entries(const struct resolved *at, bool deep, struct arena *a,
                    struct resolved_entry **out, struct err *err)
{
    struct place p;
    struct listing l = {.a = a, .deep = deep};
    if (place_open(at, &p, err))
        return -1;
    if (p.mode != GIT_FILEMODE_TREE) {
        place_close(&p);
        return err_set(err, ERR_INPUT, "'%s' in the Git repository '%s' is no folder", at->path,
                       at->repo);
    }
    l.repo = p.repo;
    l.mtime_us = commit_time_us(p.repo, at->ref);
    list_tree(&l, (git_tree *)p.object, "", 0);
    place_close(&p);
    if (l.count)
        qsort(l.entries, l.count, sizeof *l.entries, by_name);
    *out = l.entries;
    return (int64_t)l.count;
}
