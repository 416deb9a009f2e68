/* place.c -- see place.h.
 *
 * A logged path is a URI: relative to the table, `file:` and the like, or the address of an object, whose
 * store is then opened on the folder it lies in. */
#include "lake/place.h"
#include <string.h>

static struct str decoded(struct arena *a, struct str logged)
{
    struct buf b;
    buf_init(&b);
    if (!percent_get(&b, logged)) {
        buf_clear(&b);
        buf_str(&b, logged);
    }
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

static bool split_address(struct arena *a, struct str address, int64_t size, struct store_want *out)
{
    int64_t slash = str_rchr(address, '/');
    *out = (struct store_want){str_cz(a, str_sub(address, 0, (size_t)slash)), str_cz(a, str_from(address, (size_t)slash + 1)), size, 0};
    return true;
}

bool place_want(struct arena *a, const char *dir, struct str logged, int64_t size, struct store_want *out)
{
    if (str_chr(logged, ':') > 0 && store_is_remote(logged))
        return split_address(a, decoded(a, logged), size, out);
    if (!store_is_remote(str_z(dir)) || str_starts_z(logged, "file:") || str_starts_z(logged, "/"))
        return false;
    *out = (struct store_want){dir, decoded(a, logged).ptr, size, 0};
    return true;
}

int place_check(const char *dir, const struct store_want *w, struct err *err)
{
    if (store_follows(str_z(w->root), str_z(dir)))
        return 0;
    return err_set(err, ERR_DENIED, "the log of '%s' names the file '%s/%s' at an endpoint that is not the table's: credentials do not go there",
                   dir, w->root, w->name);
}

char *store_place_of(struct arena *a, const struct store_want *w)
{
    return store_is_remote(str_z(w->root)) ? store_cache_path(a, w) : path_join(a, w->root, w->name);
}

char *place_join(struct arena *a, const char *dir, const char *name)
{
    return store_place_of(a, &(struct store_want){dir, name, -1, 0});
}

char *lake_file_path(struct arena *a, const char *dir, struct str logged)
{
    struct store_want w;
    if (place_want(a, dir, logged, -1, &w))
        return store_cache_path(a, &w);
    if (str_starts_z(logged, "file:")) {
        logged = str_from(logged, 5);
        while (logged.len > 1 && logged.ptr[1] == '/')
            logged = str_from(logged, 1);
    }
    struct str path = decoded(a, logged);
    return path.len && path.ptr[0] == '/' ? (char *)path.ptr : path_join(a, dir, path.ptr);
}

bool place_is_hidden(struct str path)
{
    struct str part;
    while (str_split(&path, '/', &part))
        if (part.len && (part.ptr[0] == '.' || (part.ptr[0] == '_' && (!path.len || str_chr(part, '=') < 0))))
            return true;
    return false;
}

struct wanted { struct arena *arena; const char *dir; struct store_want *items; size_t count, cap; };

static int want(struct wanted *w, struct str logged, int64_t size, struct err *err)
{
    struct store_want one;
    if (!place_want(w->arena, w->dir, logged, size, &one))
        return 0;
    if (place_check(w->dir, &one, err))
        return -1;
    w->items = arena_grow(w->arena, w->items, &w->cap, w->count + 1, sizeof *w->items);
    w->items[w->count++] = one;
    return 0;
}

static int want_vector(struct wanted *w, const struct lake_dv *dv, struct err *err)
{
    struct str file;
    if (!dv->storage || dv->storage == 'i')
        return 0;
    return lake_dv_file(w->arena, dv, &file, err) ? -1 : want(w, file, -1, err);
}

int place_pin_vector(struct store_pins *pins, const char *dir, const struct lake_dv *dv, struct err *err)
{
    struct wanted w = {.arena = arena_new(), .dir = dir};
    int rc = want_vector(&w, dv, err);
    if (rc == 0 && w.count)
        rc = store_pins_add(pins, w.items, w.count, err);
    arena_free(w.arena);
    return rc;
}

int place_pin(struct store_pins *pins, const char *dir, const struct lake_file *const *files, size_t count, struct err *err)
{
    struct wanted w = {.arena = arena_new(), .dir = dir};
    bool remote = store_is_remote(str_z(dir));
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!remote && files[i]->dv.storage != 'p' && str_chr(files[i]->path, ':') < 0)
            continue;
        rc = want(&w, files[i]->path, files[i]->size > 0 ? files[i]->size : -1, err);
        if (rc == 0)
            rc = want_vector(&w, &files[i]->dv, err);
    }
    if (rc == 0 && w.count)
        rc = store_pins_add(pins, w.items, w.count, err);
    arena_free(w.arena);
    return rc;
}
