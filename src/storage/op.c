/* op.c -- what ops share: failing, headers of the answer, the account's folders, files in staging. */
#include "storage/op.h"
#include "storage/disk.h"
#include <stdio.h>
#include <string.h>

#define ACCOUNT_SCOPE "$account-encryption-key"

int op_fail(struct op *o, enum az_error e)
{
    CHECK(e != AZ_NONE);
    o->error = e;
    return -1;
}

int op_fail_why(struct op *o, enum az_error e, const char *fmt, ...)
{
    va_list ap;
    struct buf b;
    buf_init(&b);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    o->detail = str_copy(o->a, buf_view(&b));
    buf_release(&b);
    return op_fail(o, e);
}

int op_fail_err(struct op *o, const struct err *err)
{
    if (err->code == ERR_EXISTS)
        return op_fail_why(o, AZ_ResourceTypeMismatch, "%s", err->msg);
    log_err(LOG_ERROR, "storage", err);
    return op_fail_why(o, AZ_InternalError, "%s", err->code == ERR_IO ? "A file could not be read or written; the log says more." : "");
}

int op_refuse(struct op *o, const char *feature)
{
    return op_fail_why(o, AZ_FeatureNotSupported, "%s: not supported by this endpoint.", feature);
}

/* Headers that ask for what is not here, of whatever operation; `but`: the value that asks for nothing. */
enum az_error op_refused_header(struct op *o)
{
    static const struct { const char *header, *but, *feature; } rows[] = {
        {"x-ms-encryption-key", NULL, "customer-provided keys"}, {"x-ms-source-encryption-key", NULL, "customer-provided keys"},
        {"x-ms-encryption-scope", ACCOUNT_SCOPE, "encryption scopes"}, {"x-ms-default-encryption-scope", ACCOUNT_SCOPE, "encryption scopes"},
        {"x-ms-encryption-context", NULL, "encryption contexts"}, {"x-ms-immutability-policy-until-date", NULL, "immutability policies"},
        {"x-ms-legal-hold", "false", "legal holds"}, {"x-ms-if-tags", NULL, "conditions on tags (x-ms-if-tags)"},
        {"x-ms-source-if-tags", NULL, "conditions on tags (x-ms-source-if-tags)"}, {"x-ms-seal-blob", "false", "x-ms-seal-blob of a copy"},
        {"x-ms-structured-body", NULL, "structured message bodies (x-ms-structured-body)"}, {"x-ms-expiry-option", NULL, "expiry of files"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str v = op_header(o, rows[i].header);
        if (!v.len || (rows[i].but && str_ieqz(v, rows[i].but)))
            continue;
        (void)op_refuse(o, rows[i].feature);
        return o->error;
    }
    return AZ_NONE;
}

int op_i64(struct op *o, struct str text, const char *name, int64_t min, int64_t max, int64_t *out)
{
    int64_t n;
    if (!text.ptr)
        return 0;
    if (!str_i64(text, &n))
        return op_fail_why(o, AZ_InvalidQueryParameterValue, "%s takes a number, not '%.*s'.", name, STR_ARGS(text));
    if (n < min || n > max)
        return op_fail_why(o, AZ_OutOfRangeInput, "%s takes a number from %jd to %jd, not '%.*s'.", name, (intmax_t)min, (intmax_t)max, STR_ARGS(text));
    *out = n;
    return 0;
}

void op_set(struct op *o, const char *name, struct str value)
{
    o->out = arena_grow(o->a, o->out, &o->out_cap, o->out_count + 1, sizeof *o->out);
    o->out[o->out_count++] = (struct http_header){str_copy(o->a, str_z(name)), str_copy(o->a, value)};
}

void op_setf(struct op *o, const char *name, const char *fmt, ...)
{
    va_list ap;
    struct buf b;
    buf_init(&b);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    op_set(o, name, buf_view(&b));
    buf_release(&b);
}

int op_done(struct op *o, int status)
{
    o->status = status;
    o->run = NULL;
    return 0;
}

int op_then(struct op *o, enum op_lane lane, op_fn run)
{
    o->lane = lane;
    o->run = run;
    return 0;
}

void op_init(struct op *o, struct arena *a, struct storage *st)
{
    o->a = o->r.a = a;
    o->st = st;
    o->fd = o->up.fd = -1;
    uuid_make(o->id);
    buf_init_max(&o->text, STORAGE_MAX_XML);
    buf_init(&o->pending);
    buf_init(&o->writing);
    buf_init(&o->body);
    buf_init(&o->piece);
}

void op_release(struct op *o)
{
    struct buf *all[] = {&o->text, &o->pending, &o->writing, &o->body, &o->piece};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        buf_release(all[i]);
    if (o->fd >= 0)
        fs_close(o->fd);
    o->fd = -1;
    upload_drop(&o->up);
}

/* ---------------------------------------------------------------- the account */

/* What a crash left: deleted containers and directories, and files in staging that no row of blocks names. */
static int sweep(struct op *o, struct db *d, struct err *err)
{
    char **names, *trash = path_join(o->a, path_join(o->a, o->acct->dir, ".paystreak"), "trash");
    if (fs_exists(trash) && fs_remove_tree(trash, err))
        return -1;
    int64_t n = fs_list(o->a, o->acct->staging, &names, err);
    for (int64_t i = 0; i < n; i++) {
        struct disk_stat st;
        if (disk_stat(path_join(o->a, o->acct->staging, names[i]), &st, err))
            return -1;
        if (!st.exists || st.mtime_us >= o->acct->started_us) /* an upload of now */
            continue;
        if (db_query(d, err, "SELECT 1 FROM blocks WHERE file = ?", "t", str_z(names[i])))
            return -1;
        int some = db_row(d, err);
        db_done(d);
        if (some < 0 || (!some && fs_unlink(path_join(o->a, o->acct->staging, names[i]), err)))
            return -1;
    }
    return n < 0 ? -1 : 0;
}

struct db *op_db(struct op *o) { return o->acct->dbs[ev_worker_index()]; }

int op_begin(struct op *o, bool lazy)
{
    struct err err = {0};
    return db_begin(op_db(o), lazy, &err) ? op_fail_err(o, &err) : 0;
}

int op_commit(struct op *o, int rc)
{
    struct err err = {0};
    if (rc) {
        db_rollback(op_db(o));
        return -1;
    }
    return db_commit(op_db(o), &err) ? op_fail_err(o, &err) : 0;
}

/* A worker's connection may be there since a reader came: the first writer still has to make the folders and sweep.
 * A reader makes them where another part made the account's folder, or the account is asked what it holds. */
int op_open(struct op *o, bool write)
{
    struct account *ac = o->acct;
    int w = ev_worker_index();
    struct err err = {0};
    CHECK(w >= 0 && w < OP_MAX_WORKERS);
    if (ac->dbs[w] && (!write || ac->opened))
        return 0;
    char *own = path_join(o->a, ac->dir, ".paystreak"), *file = path_join(o->a, own, "meta.db");
    if (!write && o->r.level && !fs_exists(ac->dir))
        return op_fail(o, AZ_ContainerNotFound);
    if ((write || !fs_exists(ac->staging)) && (fs_mkdirs(ac->staging, &err) || fs_sync_dir(own, &err) || fs_sync_dir(ac->dir, &err)))
        return op_fail_err(o, &err);
    if (!ac->dbs[w] && !(ac->dbs[w] = db_open(file, &err)))
        return op_fail_err(o, &err);
    if (write && !ac->opened && sweep(o, ac->dbs[w], &err))
        return op_fail_err(o, &err);
    if (write) /* readers do not look at it while a writer works */
        ac->opened = true;
    return 0;
}

int64_t op_now(struct op *o)
{
    int64_t now = time_now().us;
    if (now <= o->acct->clock_us)
        now = o->acct->clock_us + 1;
    return o->acct->clock_us = now;
}

/* ---------------------------------------------------------------- staging */

int upload_begin(struct op *o, struct upload *u)
{
    char id[UUID_TEXT];
    struct err err = {0};
    if (fs_mkdirs(o->acct->staging, &err))
        return op_fail_err(o, &err);
    u->file = path_join(o->a, o->acct->staging, uuid_make(id));
    u->fd = fs_open(u->file, FS_READ | FS_WRITE | FS_CREATE | FS_EXCL, &err);
    if (u->fd < 0) {
        u->file = NULL;
        return op_fail_err(o, &err);
    }
    u->size = 0;
    u->crc = 0;
    u->md5_ctx = EVP_MD_CTX_new();
    CHECK(EVP_DigestInit_ex(u->md5_ctx, EVP_md5(), NULL) == 1);
    return 0;
}

int upload_write(struct op *o, struct upload *u, const void *bytes, size_t n)
{
    struct err err = {0};
    if (fs_write_all(u->fd, bytes, n, &err))
        return op_fail_err(o, &err);
    EVP_DigestUpdate(u->md5_ctx, bytes, n);
    u->crc = crc64_nvme(u->crc, bytes, n);
    u->size += (int64_t)n;
    return 0;
}

int upload_finish(struct op *o, struct upload *u)
{
    struct err err = {0};
    EVP_DigestFinal_ex(u->md5_ctx, u->md5, NULL);
    EVP_MD_CTX_free(u->md5_ctx);
    u->md5_ctx = NULL;
    le64_put(u->crc64, u->crc);
    int rc = disk_set_mtime(u->fd, time_now().us, &err) || fs_sync_all(u->fd, &err) ? -1 : 0;
    fs_close(u->fd);
    u->fd = -1;
    return rc ? op_fail_err(o, &err) : 0;
}

void upload_drop(struct upload *u)
{
    struct err ignored;
    EVP_MD_CTX_free(u->md5_ctx);
    u->md5_ctx = NULL;
    if (u->fd >= 0)
        fs_close(u->fd);
    u->fd = -1;
    if (u->file && fs_unlink(u->file, &ignored))
        log_err(LOG_WARN, "storage", &ignored);
    u->file = NULL;
}

/* CRC-64/NVME, as Azure's x-ms-content-crc64: reflected polynomial 0x9A6C9329AC4BC9B5. */
uint64_t crc64_nvme(uint64_t seed, const void *bytes, size_t n)
{
    static uint64_t table[8][256];
    static bool ready; /* filled the same by whoever comes first */
    const uint8_t *p = bytes;
    uint64_t c = ~seed;
    if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
        uint64_t made[256];
        for (uint64_t i = 0; i < 256; i++) {
            uint64_t v = i;
            for (int k = 0; k < 8; k++)
                v = v & 1 ? v >> 1 ^ UINT64_C(0x9A6C9329AC4BC9B5) : v >> 1;
            made[i] = v;
        }
        for (int i = 0; i < 256; i++) {
            uint64_t v = made[i];
            __atomic_store_n(&table[0][i], v, __ATOMIC_RELAXED);
            for (int k = 1; k < 8; k++) {
                v = made[v & 255] ^ v >> 8;
                __atomic_store_n(&table[k][i], v, __ATOMIC_RELAXED);
            }
        }
        __atomic_store_n(&ready, true, __ATOMIC_RELEASE);
    }
    for (; n >= 8; n -= 8, p += 8) {
        c ^= le64_get(p);
        c = table[7][c & 255] ^ table[6][c >> 8 & 255] ^ table[5][c >> 16 & 255] ^ table[4][c >> 24 & 255] ^ table[3][c >> 32 & 255] ^
            table[2][c >> 40 & 255] ^ table[1][c >> 48 & 255] ^ table[0][c >> 56];
    }
    for (; n; n--, p++)
        c = table[0][(c ^ *p) & 255] ^ c >> 8;
    return ~c;
}

void op_event(struct op *o, enum storage_change change, bool directory, struct str path, struct str from, struct str etag, struct str type, int64_t size)
{
    if (o->event_count == OP_MAX_EVENTS)
        return;
    struct str subject = str_fmt(o->a, "/blobServices/default/containers/%.*s/blobs/%.*s", STR_ARGS(o->r.container), STR_ARGS(path));
    o->events[o->event_count++] = (struct storage_event){
        .change = change, .directory = directory, .api = o->kind->name, .account = o->acct->name, .container = o->r.container,
        .path = str_copy(o->a, path), .from = from.ptr ? str_copy(o->a, from) : STR_NONE, .etag = str_copy(o->a, etag),
        .content_type = str_copy(o->a, type), .subject = subject, .size = size, .at = time_now()};
}

/* ---------------------------------------------------------------- the table */

/* Does the request have what `key` says? "restype=container&comp=list": these with these values; a part
 * without value ("action=getStatus" has one, "resource=" has not) asks for the parameter's absence. */
static bool key_fits(const struct azreq *r, const char *key)
{
    struct str rest = str_z(key), part;
    if (!azreq_param(r, "comp").ptr && !azreq_param(r, "restype").ptr && !azreq_param(r, "resource").ptr && !azreq_param(r, "action").ptr)
        return !*key;
    struct str want[4] = {STR_NONE, STR_NONE, STR_NONE, STR_NONE};
    static const char *const names[4] = {"restype", "comp", "resource", "action"};
    while (str_split(&rest, '&', &part)) {
        int64_t eq = str_chr(part, '=');
        for (int i = 0; i < 4; i++)
            if (eq > 0 && str_eqz(str_sub(part, 0, (size_t)eq), names[i]))
                want[i] = str_from(part, (size_t)eq + 1);
    }
    for (int i = 0; i < 4; i++) {
        struct str have = azreq_param(r, names[i]);
        if (!(have.ptr ? have.len == want[i].len && str_ieq(have, want[i]) : !want[i].ptr))
            return false;
    }
    return true;
}

const struct op_kind *op_find(const struct azreq *r, bool *allowed)
{
    static const struct op_kind *const tables[] = {[SVC_BLOB] = BLOB_OPS, [SVC_DFS] = DFS_OPS, [SVC_QUEUE] = QUEUE_OPS};
    *allowed = false;
    for (const struct op_kind *k = tables[r->svc]; k->name; k++) {
        if (k->level != r->level || !key_fits(r, k->key))
            continue;
        if (str_eqz(r->method, k->method))
            return k;
        *allowed = true;
    }
    return NULL;
}
