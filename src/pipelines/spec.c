#include "pipelines/spec.h"
#include <stdio.h>
#include <string.h>

static int check_keys(const struct doc *d, const char *const *known, const char *what, struct err *err)
{
    for (size_t i = 0; i < d->count; i++) {
        char all[300] = "";
        bool found = false;
        for (size_t k = 0; known[k]; k++) {
            found |= str_eqz(d->keys[i].name, known[k]);
            size_t n = strlen(all);
            snprintf(all + n, sizeof all - n, "%s%s", k ? ", " : "", known[k]);
        }
        if (!found) {
            err_set(err, ERR_INPUT, "%s has no key '%.*s'; there are %s", what, STR_ARGS(d->keys[i].name), all);
            return err_locate(err, d->file, d->keys[i].line, d->keys[i].col);
        }
    }
    return 0;
}

/* A text of the description; NONE if it is not there. */
static int read_text(const struct doc *d, const char *key, struct str *out, struct err *err)
{
    const struct doc *v = doc_get(d, key);
    if (v && v->kind != DOC_STRING)
        return doc_err(v, ERR_INPUT, err, "%s is a text", key);
    *out = doc_str(v, STR_NONE);
    return 0;
}

int spec_configuration(struct arena *a, const struct doc *conf, struct options *out, struct err *err)
{
    int rc = 0;
    conf = doc_is(conf, DOC_NULL) ? NULL : conf;
    size_t n = conf ? conf->count : 0;
    *out = (struct options){0};
    if (conf && conf->kind != DOC_OBJECT)
        return doc_err(conf, ERR_INPUT, err, "configuration maps names to texts");
    *out = (struct options){ARENA_ARRAY(a, struct str, n + 1), ARENA_ARRAY(a, struct str, n + 1), n};
    for (size_t i = 0; i < n; i++) {
        const struct doc *v = conf->items[i];
        out->keys[i] = conf->keys[i].name;
        out->values[i] = doc_text(v);
        if (!out->values[i].ptr && rc == 0)
            rc = doc_err(v, ERR_INPUT, err, "the value of '%.*s' is a text", STR_ARGS(conf->keys[i].name));
    }
    return rc;
}

struct file_list { struct str *files; size_t count, cap; };

static void add_file(struct arena *a, struct file_list *l, char *path)
{
    struct str p = str_z(path);
    if (!str_ends_z(p, ".sql") && !str_ends_z(p, ".py"))
        return;
    for (size_t i = 0; i < l->count; i++)
        if (str_eq(l->files[i], p))
            return;
    l->files = arena_grow(a, l->files, &l->cap, l->count + 1, sizeof *l->files);
    l->files[l->count++] = p;
}

static int read_glob(struct arena *a, const char *dir, const struct doc *include, struct file_list *l, struct err *err)
{
    struct str pattern = include->text;
    bool folder = str_ends_z(pattern, "/**");
    if (folder)
        pattern = str_sub(pattern, 0, pattern.len - 3);
    if (str_chr(pattern, '*') >= 0 || str_chr(pattern, '?') >= 0 || str_chr(pattern, '[') >= 0)
        return doc_err(include, ERR_INPUT, err, "include is a file's path, or a folder's with /** behind it");
    char *path = pattern.len && pattern.ptr[0] == '/' ? str_cz(a, pattern) : path_join(a, dir, str_cz(a, pattern));
    if (!folder) {
        if (!fs_exists(path))
            return doc_err(include, ERR_NOT_FOUND, err, "there is no file '%.*s'", STR_ARGS(pattern));
        add_file(a, l, path);
        return 0;
    }
    char **found;
    if (!fs_exists(path))
        return doc_err(include, ERR_NOT_FOUND, err, "there is no folder '%.*s'", STR_ARGS(pattern));
    int64_t n = fs_walk(a, path, &found, err);
    for (int64_t i = 0; i < n; i++)
        add_file(a, l, path_join(a, path, found[i]));
    return n < 0 ? -1 : 0;
}

static int read_libraries(struct arena *a, const char *dir, const struct doc *libraries, struct file_list *l, struct err *err)
{
    static const char *const lib_keys[] = {"glob", NULL}, *const glob_keys[] = {"include", NULL};
    if (!doc_is(libraries, DOC_ARRAY))
        return doc_err(libraries, ERR_INPUT, err, "libraries is a list: [{glob: {include: transformations/**}}]");
    for (size_t i = 0; i < libraries->count; i++) {
        const struct doc *lib = libraries->items[i];
        if (!doc_is(lib, DOC_OBJECT))
            return doc_err(lib, ERR_INPUT, err, "a library is {glob: {include: PATH}}");
        if (check_keys(lib, lib_keys, "a library", err))
            return -1;
        struct doc *glob = doc_need(lib, "glob", DOC_OBJECT, err);
        struct doc *include = glob && check_keys(glob, glob_keys, "glob", err) == 0 ? doc_need(glob, "include", DOC_STRING, err) : NULL;
        if (!include || read_glob(a, dir, include, l, err))
            return -1;
    }
    return 0;
}

int spec_read(struct arena *a, const char *file, struct pipeline_def *out, struct err *err)
{
    static const char *const keys[] = {"name", "storage", "catalog", "database", "schema", "configuration", "libraries", NULL};
    struct buf text;
    struct file_list l = {0};
    struct str storage, database, schema;
    buf_init_max(&text, SPEC_MAX_BYTES);
    int rc = fs_read_file(file, SPEC_MAX_BYTES, &text, err);
    struct doc *d = rc == 0 ? doc_yaml(a, arena_strdup(a, file), str_copy(a, buf_view(&text)), err) : NULL;
    buf_release(&text);
    if (!d)
        return -1;
    if (d->kind != DOC_OBJECT)
        return doc_err(d, ERR_INPUT, err, "a pipeline's description is a mapping with name and libraries");
    *out = (struct pipeline_def){.at = d};
    const struct doc *name = check_keys(d, keys, "a pipeline's description", err) == 0 ? doc_need(d, "name", DOC_STRING, err) : NULL;
    if (!name || read_text(d, "storage", &storage, err) || read_text(d, "catalog", &out->catalog, err) || read_text(d, "database", &database, err) ||
        read_text(d, "schema", &schema, err) || spec_configuration(a, doc_get(d, "configuration"), &out->configuration, err))
        return -1;
    if (database.len && schema.len)
        return doc_err(doc_get(d, "schema"), ERR_INPUT, err, "database and schema are one thing: give one of them");
    out->name = name->text;
    out->schema = schema.len ? schema : database;
    const struct doc *libraries = doc_get(d, "libraries");
    if (libraries && read_libraries(a, str_cz(a, path_dir(str_z(file))), libraries, &l, err))
        return -1;
    out->files = l.files;
    out->file_count = l.count;
    return l.count ? 0 : doc_err(libraries ? libraries : d, ERR_INPUT, err, "pipeline '%.*s' has no files: libraries names none that end in .sql", STR_ARGS(name->text));
}
