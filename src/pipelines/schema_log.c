#include "pipelines/schema_log.h"

enum { SCHEMA_LOG_MAX_BYTES = 16 << 20 };

static uint64_t options_hash(const struct file_source *f)
{
    uint64_t h = str_hash(f->uri);
    for (size_t i = 0; i < f->options.count; i++)
        h = h * 31 + (str_hash(f->options.keys[i]) ^ (str_hash(f->options.values[i]) * 3));
    return h;
}

static int corrupt(const char *path, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "'%s' is damaged: run a full refresh", path);
}

static int take(const char *path, struct str text, struct file_source *f, struct arena *a, struct err *err)
{
    struct str line, rest = str_copy(a, text);
    uint64_t hash;
    int64_t columns;
    if (!str_split(&rest, '\n', &line) || !str_eqz(line, "v1"))
        return corrupt(path, err);
    struct doc *d = doc_json(a, path, rest, err);
    if (!d || !str_u64(doc_str(doc_get(d, "options"), STR_NONE), &hash) || !doc_i64(doc_get(d, "dataColumns"), &columns))
        return corrupt(path, err);
    if (hash != options_hash(f) || !f->format)
        return 0;
    const struct type *t = type_read_json(a, doc_get(d, "schema"), err);
    if (!t || t->kind != TYPE_STRUCT || columns < 0 || (size_t)columns > t->field_count)
        return corrupt(path, err);
    f->schema = t;
    f->data_columns = (size_t)columns;
    f->rescued = doc_str(doc_get(d, "rescued"), STR_NONE);
    return 1;
}

int schema_log_read(const char *dir, size_t source, struct file_source *f, struct arena *a, struct err *err)
{
    char *path = arena_printf(a, "%s/schemas/%zu", dir, source);
    struct buf bytes;
    if (!fs_exists(path))
        return 0;
    buf_init_max(&bytes, SCHEMA_LOG_MAX_BYTES);
    int rc = fs_read_file(path, SCHEMA_LOG_MAX_BYTES, &bytes, err);
    if (!rc)
        rc = take(path, buf_view(&bytes), f, a, err);
    buf_release(&bytes);
    return rc;
}

int schema_log_write(const char *dir, size_t source, const struct file_source *f, struct err *err)
{
    struct arena *a = arena_new();
    char *folder = path_join(a, dir, "schemas");
    struct buf b;
    buf_init_max(&b, SCHEMA_LOG_MAX_BYTES);
    buf_printf(&b, "v1\n{\"options\":\"%ju\",\"dataColumns\":%zu,", (uintmax_t)options_hash(f), f->data_columns);
    if (f->rescued.ptr) {
        buf_z(&b, "\"rescued\":");
        json_quote(&b, f->rescued);
        buf_char(&b, ',');
    }
    buf_z(&b, "\"schema\":");
    type_write_json(&b, f->schema);
    buf_char(&b, '}');
    int rc = buf_check(&b, "an inferred schema", err);
    if (!rc)
        rc = fs_mkdirs(folder, err);
    if (!rc)
        rc = fs_write_file(arena_printf(a, "%s/%zu", folder, source), buf_view(&b), err);
    buf_release(&b);
    arena_free(a);
    return rc;
}
