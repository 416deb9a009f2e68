/* checkpoint_v2.c -- writing V2 checkpoints.
 *
 *     _delta_log/_sidecars/<version>.checkpoint.0000000001.0000000001.<uuid>.parquet    columns add, remove
 *     _delta_log/<version>.checkpoint.<uuid>.parquet     txn, metaData, protocol, domainMetadata (add and remove are
 *                                                         there and NULL: Delta on Spark asks for the columns), and
 *         checkpointMetadata {version}                    one row
 *         sidecar {path, sizeInBytes, modificationTime}   one row, the file above
 * The sidecar is there, durable, before the file that names it. A table without files or removes has no sidecar row's
 * rows, but the row all the same. */
#include "lake/checkpoint_v2.h"
#include "base/code.h"
#include <string.h>

#define SIDECARS LAKE_LOG_DIR "/_sidecars"

int checkpoint_make_file(struct duck_conn *c, struct str select, const char *path, struct fs_stat *st, struct err *err)
{
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "COPY (%.*s) TO ", STR_ARGS(select));
    duck_quote_text(&sql, str_z(path));
    buf_z(&sql, " (FORMAT parquet, COMPRESSION snappy)");
    int rc = duck_exec(c, buf_view(&sql), err), fd = rc ? -1 : fs_open(path, FS_READ, err);
    buf_release(&sql);
    if (fd < 0)
        return -1;
    rc = fs_sync(fd, err);
    fs_close(fd);
    return rc ? -1 : fs_stat(path, st, err);
}

/* Gives a file made in the stage its name in the log. */
static int place(struct arena *a, struct store *s, const char *made, const char *name, struct err *err)
{
    if (!store_is_local(s))
        return store_put_file(s, name, made, err);
    char *path = path_join(a, store_root(s), name);
    char *folder = str_cz(a, path_dir(str_z(path)));
    if (fs_mkdirs(folder, err) || fs_rename(made, path, err))
        return -1;
    return fs_sync_dir(folder, err);
}

int checkpoint_v2_write(struct arena *a, struct lake_table *t, struct duck_conn *c, struct str lines_sql, const char *dir, int64_t version,
                        int64_t *size, struct err *err)
{
    char id[UUID_TEXT];
    struct fs_stat side, top;
    struct err ignored;
    struct buf sql;
    char *made = arena_printf(a, "%s/.%s.v2.tmp", dir, uuid_make(id));
    char *base = arena_printf(a, "%020jd.checkpoint.0000000001.0000000001.%s.parquet", (intmax_t)version, id);
    buf_init(&sql);
    buf_printf(&sql, "SELECT \"add\", remove FROM %.*s WHERE \"add\" IS NOT NULL OR remove IS NOT NULL", STR_ARGS(lines_sql));
    int rc = checkpoint_make_file(c, buf_view(&sql), made, &side, err);
    if (rc == 0)
        rc = place(a, t->store, made, arena_printf(a, SIDECARS "/%s", base), err);
    buf_clear(&sql);
    buf_printf(&sql, "SELECT txn, \"add\", remove, metaData, protocol, domainMetadata, NULL::STRUCT(version BIGINT) AS checkpointMetadata, "
               "NULL::STRUCT(path VARCHAR, sizeInBytes BIGINT, modificationTime BIGINT) AS sidecar FROM %.*s WHERE \"add\" IS NULL AND remove IS NULL "
               "UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, {'version': %jd::BIGINT}, NULL "
               "UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, {'path': '%s', 'sizeInBytes': %jd::BIGINT, 'modificationTime': %jd::BIGINT}",
               STR_ARGS(lines_sql), (intmax_t)version, base, (intmax_t)(rc ? 0 : side.size), (intmax_t)(rc ? 0 : side.mtime_us / 1000));
    if (rc == 0)
        rc = checkpoint_make_file(c, buf_view(&sql), made, &top, err);
    if (rc == 0)
        rc = place(a, t->store, made, arena_printf(a, LAKE_LOG_DIR "/%020jd.checkpoint.%s.parquet", (intmax_t)version, uuid_make(id)), err);
    if (rc == 0)
        *size = side.size + top.size;
    buf_release(&sql);
    if (rc && fs_unlink(made, &ignored))
        log_err(LOG_WARN, "lake", &ignored);
    return rc;
}

int64_t checkpoint_v2_clean(struct arena *a, struct lake_table *t, int64_t version, int64_t before_us, struct err *err)
{
    struct store_entry *list;
    struct store_list_opts all = {.prefix = SIDECARS "/", .flat = true, .look = true};
    int64_t n = store_list(t->store, a, &all, &list, err), deleted = 0, of;
    for (int64_t i = 0; i < n; i++) {
        struct str name = path_base(str_z(list[i].name));
        if (name.len <= LAKE_VERSION_DIGITS || !str_i64(str_sub(name, 0, LAKE_VERSION_DIGITS), &of) || of >= version || list[i].mtime_us >= before_us)
            continue;
        if (store_remove(t->store, list[i].name, err))
            return -1;
        deleted++;
    }
    return n < 0 ? -1 : deleted;
}
