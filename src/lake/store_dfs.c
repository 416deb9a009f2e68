/* store_dfs.c -- Azure Data Lake Storage Gen2 through its own endpoint, which makes a file in three steps.
 *
 *     page      GET    /C?resource=filesystem&recursive=true&directory=…&continuation=…
 *     put       PUT    /C/HIDDEN?resource=file, PATCH ?action=append&position=0, PATCH ?action=flush&position=N,
 *               PUT    /C/N  x-ms-rename-source: /C/HIDDEN  [If-None-Match: *]
 *     blocks    the same with an append each
 *     stat, get, remove   as the Blob endpoint
 * A file is there from its first step on, so that every write goes to a hidden name beside it,
 * ".<random>.tmp", and a rename, which is atomic, makes it appear whole. */
#include "lake/store_azure_int.h"
#include <string.h>

static int page(struct store *s, const struct store_list_opts *o, struct str next, struct store_page *out, struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    struct http_client_res res;
    struct http_client_req q = {.max_body = STORE_MAX_LIST_PAGE};
    struct err e;
    struct str all = str_fmt(a, "%s%s", s->prefix, o->prefix), dir = str_sub(all, 0, (size_t)(str_rchr(all, '/') + 1));
    azure_call_init(&c, s, a, "GET", "a listing");
    azure_param(&c, "resource", STR("filesystem"));
    azure_param(&c, "recursive", o->flat ? STR("false") : STR("true"));
    azure_param(&c, "maxResults", str_fmt(a, "%d", AZURE_PAGE_OBJECTS));
    if (dir.len)
        azure_param(&c, "directory", str_sub(dir, 0, dir.len - 1));
    if (next.len)
        azure_param(&c, "continuation", next);
    int rc = azure_call_do(&c, NULL, &q, &res, &e);
    if (rc == 0) {
        rc = store_list_dfs(out, buf_view(&res.body), err);
        out->next = str_copy(out->arena, http_client_header(&res, "x-ms-continuation"));
        http_client_res_release(&res);
    } else if (e.code == ERR_NOT_FOUND && !strstr(e.msg, "FilesystemNotFound")) {
        rc = 0; /* a folder that is not there has no files */
    } else {
        *err = e;
    }
    arena_free(a);
    return rc;
}

static int create(struct store *s, const char *name, struct arena *a, struct str *id, struct err *err)
{
    struct azure_call c;
    struct str dir = str_sub(str_z(name), 0, (size_t)(str_rchr(str_z(name), '/') + 1));
    char random[UUID_TEXT];
    *id = str_fmt(a, "%.*s.%s.tmp", STR_ARGS(dir), uuid_make(random));
    azure_call_init(&c, s, a, "PUT", "a new file");
    azure_param(&c, "resource", STR("file"));
    return azure_call_send(&c, id->ptr, STR_NONE, err);
}

static int append(struct store *s, struct str id, int64_t at, struct str bytes, struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    azure_call_init(&c, s, a, "PATCH", "an append");
    azure_param(&c, "action", STR("append"));
    azure_param(&c, "position", str_fmt(a, "%jd", (intmax_t)at));
    int rc = azure_call_send(&c, str_cz(a, id), bytes, err);
    arena_free(a);
    return rc;
}

static int finish(struct store *s, const char *name, struct str id, int64_t size, struct store_new *asked, struct err *err)
{
    struct arena *a = arena_new();
    struct azure *z = s->state;
    struct azure_call c;
    struct buf from;
    azure_call_init(&c, s, a, "PATCH", "a flush");
    azure_param(&c, "action", STR("flush"));
    azure_param(&c, "position", str_fmt(a, "%jd", (intmax_t)size));
    int rc = azure_call_send(&c, str_cz(a, id), STR_NONE, err);
    buf_init(&from);
    buf_printf(&from, "/%s/", z->container);
    percent_put(&from, str_z(s->prefix), "/");
    percent_put(&from, id, "/");
    if (z->sas)
        buf_printf(&from, "?%s", z->sas);
    azure_call_init(&c, s, a, "PUT", "a rename");
    store_header(&c.headers, "x-ms-rename-source", str_copy(a, buf_view(&from)));
    if (asked)
        store_header(&c.headers, "If-None-Match", STR("*"));
    if (rc == 0) {
        rc = azure_call_send(&c, name, STR_NONE, err);
        if (rc && asked)
            asked->untouched = c.unsent;
    }
    buf_release(&from);
    arena_free(a);
    return rc;
}

static void drop(struct store *s, const char *name, struct str id)
{
    struct arena *a = arena_new();
    struct err err;
    (void)name;
    if (azure_remove(s, str_cz(a, id), &err) && err.code != ERR_NOT_FOUND)
        log_err(LOG_WARN, "store", &err);
    arena_free(a);
}

static int put(struct store *s, const char *name, struct str bytes, struct store_new *asked, struct err *err)
{
    struct arena *a = arena_new();
    struct str id;
    if (asked)
        asked->untouched = true; /* up to the rename */
    int rc = create(s, name, a, &id, err);
    if (rc == 0) {
        if (bytes.len)
            rc = append(s, id, 0, bytes, err);
        if (rc == 0)
            rc = finish(s, name, id, (int64_t)bytes.len, asked, err);
        if (rc && !asked && err->code == ERR_NOT_FOUND && store_landed(s, name, (int64_t)bytes.len))
            rc = 0;
        if (rc && err->code != ERR_TIMEOUT && err->code != ERR_IO)
            drop(s, name, id);
    }
    arena_free(a);
    return rc;
}

/* A block's place is that of all before it: its mark tells its end. */
static int block(struct store *s, const char *name, struct str id, int number, struct str bytes, struct arena *keep, struct str *mark,
                 struct err *err)
{
    int64_t at = 0;
    (void)name;
    if (number && !str_i64(mark[-1], &at))
        return err_set(err, ERR_INTERNAL, "blocks out of order");
    *mark = str_fmt(keep, "%jd", (intmax_t)(at + (int64_t)bytes.len));
    return append(s, id, at, bytes, err);
}

static int end(struct store *s, const char *name, struct str id, const struct str *marks, int count, struct err *err)
{
    int64_t size = 0;
    CHECK(count > 0 && str_i64(marks[count - 1], &size));
    return finish(s, name, id, size, NULL, err);
}

const struct store_kind store_kind_dfs = {
    .name = "azure dfs", .close = azure_close, .page = page, .stat = azure_stat, .get = azure_get, .put = put,
    .begin = create, .block = block, .end = end, .abort = drop, .remove = azure_remove,
};
