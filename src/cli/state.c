#include "cli/state.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { STATE_FILE_MAX = 64 << 10 };

static const struct { const char *name; size_t offset; } KEYS[] = {
    {"sas", offsetof(struct state_keys, sas)},           {"token", offsetof(struct state_keys, token)},
    {"password", offsetof(struct state_keys, password)}, {"function", offsetof(struct state_keys, function)},
    {"login", offsetof(struct state_keys, login)},       {"storage", offsetof(struct state_keys, storage)},
};

static int format_check(struct arena *a, const char *dir, struct err *err)
{
    char *path = path_join(a, dir, "format");
    struct buf text;
    int64_t version;
    if (!fs_exists(path))
        return fs_write_file(path, STR("1\n"), err);
    buf_init_max(&text, STATE_FILE_MAX);
    int rc = fs_read_file(path, STATE_FILE_MAX, &text, err);
    if (rc == 0 && !str_i64(str_trim(buf_view(&text)), &version))
        rc = err_set(err, ERR_CORRUPT, "'%s' does not hold a version; is this a state folder?", path);
    else if (rc == 0 && version > STATE_FORMAT)
        rc = err_set(err, ERR_UNSUPPORTED, "state '%s' has format %jd, this program knows up to %d: use the newer program", dir,
                     (intmax_t)version, STATE_FORMAT);
    buf_release(&text);
    return rc;
}

/* 32 random bytes as base64: what Azure's own keys look like. */
static void key_make(char *out, size_t out_bytes)
{
    uint8_t bytes[32];
    struct buf b;
    buf_init(&b);
    random_bytes(bytes, sizeof bytes);
    base64_put(&b, str_of((char *)bytes, sizeof bytes));
    for (size_t i = 0; i < b.len; i++) /* safe in a URL and in a connection string */
        if (b.ptr[i] == '+' || b.ptr[i] == '/' || b.ptr[i] == '=')
            b.ptr[i] = 'A';
    CHECK(b.len < out_bytes);
    memcpy(out, b.ptr, b.len + 1);
    buf_release(&b);
}

static int keys_load(struct arena *a, const char *dir, struct state_keys *keys, struct err *err)
{
    char *path = path_join(a, dir, "keys");
    struct doc *doc = doc_new_object(a);
    struct buf text;
    bool made = false;
    int rc = 0;
    buf_init_max(&text, STATE_FILE_MAX);
    if (fs_exists(path)) {
        rc = fs_read_file(path, STATE_FILE_MAX, &text, err);
        if (rc == 0 && !(doc = doc_json(a, path, str_copy(a, buf_view(&text)), err)))
            rc = -1;
    }
    for (size_t i = 0; i < COUNT_OF(KEYS) && rc == 0; i++) {
        char *slot = (char *)keys + KEYS[i].offset;
        struct str have = doc_str(doc_get(doc, KEYS[i].name), STR_NONE);
        if (have.len && have.len < sizeof keys->sas) {
            memcpy(slot, have.ptr, have.len);
            slot[have.len] = 0;
            continue;
        }
        key_make(slot, sizeof keys->sas);
        doc_set(a, doc, str_z(KEYS[i].name), doc_new_str(a, str_z(slot)));
        made = true;
    }
    if (rc == 0 && made) {
        buf_clear(&text);
        doc_write_pretty(&text, doc);
        buf_char(&text, '\n');
        rc = fs_write_file(path, buf_view(&text), err);
    }
    buf_release(&text);
    return rc;
}

static int lock_take(struct arena *a, const char *dir, const char *command, struct err *err)
{
    char *path = path_join(a, dir, "lock"), when[40];
    int fd = fs_open(path, FS_READ | FS_WRITE | FS_CREATE, err);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        char who[200] = {0};
        struct err ignored;
        int64_t n = fs_pread(fd, who, sizeof who - 1, 0, &ignored);
        fs_close(fd);
        if (n < 0)
            who[0] = 0;
        return err_set(err, ERR_EXISTS, "state '%s' is in use by another process: %s", dir, str_trim(str_z(who)).len ? who : "unknown");
    }
    struct str text = str_fmt(a, "{\"pid\":%d,\"command\":\"%s\",\"started\":\"%s\"}\n", getpid(), command,
                              time_iso(time_now(), 0, when));
    if (fs_truncate(fd, 0, err) || fs_pwrite_all(fd, text.ptr, text.len, 0, err)) {
        fs_close(fd);
        return -1;
    }
    return fd;
}

struct state *state_open(const char *dir, bool own, const char *command, struct err *err)
{
    struct arena *a = arena_new();
    struct state *s = NEW(struct state);
    s->lock_fd = -1;
    s->dir = mem_strdup(dir);
    int rc = own ? fs_mkdirs(dir, err) : fs_exists(dir) ? 0 : err_set(err, ERR_NOT_FOUND, "there is no state in '%s': run the project first, or give --state", dir);
    if (rc == 0)
        rc = format_check(a, dir, err);
    if (rc == 0 && own && (s->lock_fd = lock_take(a, dir, command, err)) < 0)
        rc = -1;
    if (rc == 0)
        rc = keys_load(a, dir, &s->keys, err);
    arena_free(a);
    if (rc == 0)
        return s;
    state_close(s);
    return NULL;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    if (s->lock_fd >= 0)
        fs_close(s->lock_fd);
    mem_free(s->dir);
    mem_free(s);
}
