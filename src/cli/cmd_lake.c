#include "cli/cmd_lake.h"
#include "lake/catalog.h"
#include "resolve/resolve.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_PARTS_MAX = 8 };

/* "s3://…", "dbfs:/…", "file:…": letters, then a colon. */
static bool has_scheme(struct str uri)
{
    int64_t colon = str_chr(uri, ':');
    for (int64_t i = 0; i < colon; i++) {
        char c = uri.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9' && i))
            return false;
    }
    return colon > 1;
}

static const char *without_slashes(struct arena *a, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return arena_strndup(a, path, n);
}

static int dir_of_uri(struct arena *a, const struct cli_args *args, struct str uri, const char **dir, struct err *err)
{
    struct resolver_names *names = resolve_new(cli_state_dir(a, args), cli_project_dir(a, args));
    struct resolved at;
    int rc = cli_bind_all(names, a, args, err);
    if (rc == 0)
        rc = resolve_name(names, a, uri, &at, err);
    if (rc == 0 && at.kind != RESOLVED_LOCAL && at.kind != RESOLVED_STORE)
        rc = err_set(err, ERR_UNSUPPORTED, "a table cannot lie at '%.*s': it is not served here; bind it to a folder", STR_ARGS(uri));
    if (rc == 0)
        *dir = without_slashes(a, at.kind == RESOLVED_STORE ? at.url : at.path);
    resolve_free(names);
    return rc;
}

/* main.gold.`a.b` → parts; backquotes may stand around a part, doubled inside. */
static int64_t name_parts(struct arena *a, struct str uri, struct str *parts, struct err *err)
{
    int64_t n = 0;
    size_t at = 0;
    while (at <= uri.len) {
        struct buf part;
        if (n == NAME_PARTS_MAX)
            return err_set(err, ERR_INPUT, "'%.*s' is no table name: it has too many parts", STR_ARGS(uri));
        buf_init(&part);
        bool quoted = at < uri.len && uri.ptr[at] == '`';
        for (at += quoted; at < uri.len; at++) {
            if (quoted && uri.ptr[at] == '`') {
                if (at + 1 == uri.len || uri.ptr[at + 1] != '`')
                    break;
                at++;
            } else if (!quoted && uri.ptr[at] == '.') {
                break;
            }
            buf_char(&part, uri.ptr[at]);
        }
        at += quoted;
        parts[n++] = str_copy(a, buf_view(&part));
        buf_release(&part);
        if (at < uri.len && uri.ptr[at] != '.')
            return err_set(err, ERR_INPUT, "'%.*s' is no table name", STR_ARGS(uri));
        at++;
    }
    return n;
}

struct localizer { const struct cli_args *args; };

static int localize(void *ctx, struct arena *a, struct str location, char **dir, struct err *err)
{
    const struct localizer *l = ctx;
    const char *found;
    if (dir_of_uri(a, l->args, location, &found, err))
        return -1;
    *dir = arena_strdup(a, found);
    return 0;
}

static int dir_of_name(struct arena *a, const struct cli_args *args, struct str uri, const char **dir, struct err *err)
{
    struct str parts[NAME_PARTS_MAX];
    struct lake_name name;
    struct lake_entry entry;
    struct localizer l = {args};
    const char *state = cli_state_dir(a, args);
    int64_t n = name_parts(a, uri, parts, err);
    if (n < 0 || lake_name_resolve(a, parts, (size_t)n, NULL, &name, err))
        return -1;
    if (!fs_exists(state))
        return err_set(err, ERR_NOT_FOUND, "'%.*s' is no folder, and there is no state in '%s' with a table of that name", STR_ARGS(uri), state);
    struct lake_catalog *k = lake_catalog_open(state, err);
    char *found = NULL;
    int rc = k ? lake_catalog_find(k, a, &name, &entry, err) : -1;
    if (rc == 0 && entry.kind == LAKE_NONE)
        rc = err_set(err, ERR_NOT_FOUND, "there is no table '%.*s'", STR_ARGS(lake_name_text(a, &name)));
    else if (rc == 0 && entry.kind == LAKE_VIEW)
        rc = err_set(err, ERR_INPUT, "'%.*s' is a view, it has no files: query it with paystreak sql", STR_ARGS(lake_name_text(a, &name)));
    else if (rc == 0 && entry.kind == LAKE_EXTERNAL && !str_ieqz(entry.format, "delta"))
        rc = err_set(err, ERR_UNSUPPORTED, "'%.*s' is a table of format '%.*s', not a Delta table", STR_ARGS(lake_name_text(a, &name)),
                     STR_ARGS(entry.format));
    if (rc == 0)
        rc = lake_entry_dir(&entry, a, localize, &l, &found, err);
    if (rc == 0)
        *dir = without_slashes(a, found);
    lake_catalog_close(k);
    return rc;
}

int lake_uri_dir(struct arena *a, const struct cli_args *args, struct str uri, const char **dir, struct err *err)
{
    char *z = str_cz(a, uri), cwd[PATH_MAX];
    if (has_scheme(uri))
        return dir_of_uri(a, args, uri, dir, err);
    if (str_chr(uri, '/') < 0 && !fs_exists(z))
        return dir_of_name(a, args, uri, dir, err);
    if (z[0] == '/') {
        if (!fs_exists(z)) /* /Volumes, /mnt, /dbfs */
            return dir_of_uri(a, args, uri, dir, err);
        *dir = without_slashes(a, z);
        return 0;
    }
    if (!getcwd(cwd, sizeof cwd))
        return err_set(err, ERR_IO, "the current folder has no name");
    while (str_starts_z(str_z(z), "./"))
        z += 2;
    *dir = without_slashes(a, *z && strcmp(z, ".") != 0 ? path_join(a, cwd, z) : arena_strdup(a, cwd));
    return 0;
}

int lake_target_open(struct lake_target *t, const struct cli_args *args, struct err *err)
{
    *t = (struct lake_target){.arena = arena_new()};
    if (lake_uri_dir(t->arena, args, str_z(args->words[0]), &t->dir, err))
        return -1;
    t->db = duck_new(&(struct duck_opts){}, err);
    t->conn = t->db ? duck_connect(t->db, err) : NULL;
    if (!t->conn || lake_register(t->db, err))
        return -1;
    t->table = lake_table_open(t->dir);
    return 0;
}

void lake_target_release(struct lake_target *t)
{
    lake_table_close(t->table);
    if (t->conn)
        duck_disconnect(t->conn);
    if (t->db)
        duck_free(t->db);
    arena_free(t->arena);
    *t = (struct lake_target){};
}

int lake_fail(const struct cli_args *args, const struct err *err)
{
    cli_fail(args, err);
    return err->code == ERR_USAGE ? 2 : err->code == ERR_INTERNAL ? 3 : 1;
}

int lake_timestamp(const struct cli_args *args, struct tp *out, struct err *err)
{
    struct str text = str_z(args->timestamp);
    int64_t ms;
    if (str_i64(text, &ms) && text.len > 4) {
        *out = (struct tp){ms * 1000};
        return 0;
    }
    if (!time_parse_iso(text, out))
        return err_set(err, ERR_USAGE, "--timestamp takes an ISO 8601 time like 2024-05-01T12:00:00Z, not '%s'", args->timestamp);
    return 0;
}

struct lake_snapshot *lake_target_snapshot(struct lake_target *t, const struct cli_args *args, struct err *err)
{
    struct tp when;
    if (args->version >= 0 && args->timestamp) {
        err_set(err, ERR_USAGE, "--version and --timestamp exclude each other");
        return NULL;
    }
    if (args->version >= 0)
        return lake_table_at(t->table, t->conn, args->version, err);
    if (!args->timestamp)
        return lake_table_latest(t->table, t->conn, err);
    return lake_timestamp(args, &when, err) ? NULL : lake_table_at_time(t->table, t->conn, when, err);
}
