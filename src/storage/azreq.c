/* azreq.c -- hosts, paths and queries taken apart. */
#include "storage/azreq.h"
#include "storage/storage.h"
#include <string.h>

#define RESERVED ".paystreak"

struct str az_decode(struct arena *a, struct str raw)
{
    struct buf b;
    if (!raw.len || !memchr(raw.ptr, '%', raw.len))
        return raw;
    buf_init(&b);
    struct str out = percent_get(&b, raw) ? str_copy(a, buf_view(&b)) : raw;
    buf_release(&b);
    return out;
}

/* ---------------------------------------------------------------- names */

static bool all_of(struct str s, const char *extra)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(extra, c))))
            return false;
    }
    return true;
}

bool az_account_ok(struct str s) { return s.len >= 3 && s.len <= 24 && all_of(s, ""); }

bool az_queue_ok(struct str s)
{
    return s.len >= 3 && s.len <= 63 && all_of(s, "-") && s.ptr[0] != '-' && s.ptr[s.len - 1] != '-' && str_find(s, STR("--")) < 0;
}

bool az_container_ok(struct str s)
{
    return az_queue_ok(s) || str_eqz(s, "$root") || str_eqz(s, "$web") || str_eqz(s, "$logs");
}

/* ".<name>.<16 hex digits>.tmp", as base/fs makes them. */
static bool is_temporary(struct str s)
{
    if (s.len < 22 || s.ptr[0] != '.' || !str_ends_z(s, ".tmp") || s.ptr[s.len - 21] != '.')
        return false;
    for (size_t i = s.len - 20; i < s.len - 4; i++)
        if (!strchr("0123456789abcdef", s.ptr[i]))
            return false;
    return true;
}

static bool is_special(struct str seg)
{
    return !seg.len || str_eqz(seg, ".") || str_eqz(seg, "..") || str_starts_z(seg, RESERVED) || is_temporary(seg);
}

/* The length of its file's name. */
static size_t file_name_len(struct str seg)
{
    size_t n = seg.len;
    if (!is_special(seg))
        return n;
    struct buf b;
    buf_init(&b);
    percent_put(&b, seg, "");
    n = sizeof RESERVED + b.len;
    buf_release(&b);
    return n;
}

enum az_error az_blob_ok(struct str name)
{
    struct str rest = name, part;
    size_t segments = 0;
    if (!name.len || name.len > STORAGE_MAX_NAME)
        return AZ_OutOfRangeInput;
    if (memchr(name.ptr, 0, name.len) || !str_utf8_ok(name))
        return AZ_InvalidUri;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20) /* XML has no way to list it */
            return AZ_InvalidResourceName;
    while (str_split(&rest, '/', &part))
        if (++segments > STORAGE_MAX_DEPTH || file_name_len(part) > STORAGE_MAX_SEGMENT)
            return AZ_OutOfRangeInput;
    return AZ_NONE;
}

struct str az_disk_path(struct arena *a, struct str name)
{
    struct buf b;
    struct str rest = name;
    buf_init(&b);
    for (bool first = true, more = true; more; first = false) {
        int64_t slash = str_chr(rest, '/');
        struct str seg = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
        more = slash >= 0;
        rest = more ? str_from(rest, (size_t)slash + 1) : STR("");
        if (!first)
            buf_char(&b, '/');
        if (!is_special(seg)) {
            buf_str(&b, seg);
            continue;
        }
        buf_z(&b, RESERVED "%");
        percent_put(&b, seg, "");
    }
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

bool az_segment_of(struct arena *a, struct str file_name, struct str *segment)
{
    if (str_starts_z(file_name, RESERVED "%")) {
        struct str raw = str_from(file_name, sizeof RESERVED);
        *segment = str_copy(a, az_decode(a, raw));
        return true;
    }
    *segment = file_name;
    return !is_temporary(file_name) && !str_starts_z(file_name, RESERVED) && str_utf8_ok(file_name);
}

/* ---------------------------------------------------------------- parameters */

struct str azreq_param(const struct azreq *r, const char *name)
{
    for (size_t i = 0; i < r->param_count; i++)
        if (str_eqz(r->params[i].name, name))
            return r->params[i].value;
    return STR_NONE;
}

struct str azreq_header(const struct azreq *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (str_ieqz(r->headers[i].name, name))
            return r->headers[i].value;
    return STR_NONE;
}

static void read_params(struct azreq *r)
{
    struct str rest = r->query, part;
    size_t cap = 0;
    while (str_split(&rest, '&', &part)) {
        int64_t eq = str_chr(part, '=');
        if (!part.len)
            continue;
        r->params = arena_grow(r->a, r->params, &cap, r->param_count + 1, sizeof *r->params);
        r->params[r->param_count++] = (struct az_param){
            str_lower(r->a, az_decode(r->a, eq < 0 ? part : str_sub(part, 0, (size_t)eq))),
            eq < 0 ? STR("") : az_decode(r->a, str_from(part, (size_t)eq + 1))};
    }
}

/* ---------------------------------------------------------------- the target */

/* "acct.blob.localhost", "acct.dfs.core.windows.net"; false: no host of an account. */
static bool host_account(struct azreq *r, enum service *svc)
{
    static const struct { const char *label; enum service svc; } kinds[] = {{"blob", SVC_BLOB}, {"dfs", SVC_DFS}, {"queue", SVC_QUEUE}};
    struct str rest = http_host_name(r->host), account, label;
    if (!str_split(&rest, '.', &account) || !str_split(&rest, '.', &label))
        return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_ieqz(label, kinds[i].label)) {
            *svc = kinds[i].svc;
            r->account = str_lower(r->a, account);
            return true;
        }
    return false;
}

/* On the port that Blob and DFS share: which of the two is meant? */
static enum service blob_or_dfs(const struct azreq *r)
{
    bool blob = azreq_param(r, "restype").ptr || azreq_param(r, "comp").ptr || azreq_header(r, "x-ms-blob-type").ptr;
    if (blob)
        return SVC_BLOB;
    if (azreq_param(r, "resource").ptr || azreq_param(r, "action").ptr || str_eqz(r->method, "PATCH") ||
        azreq_header(r, "x-ms-rename-source").ptr || azreq_param(r, "recursive").ptr)
        return SVC_DFS;
    return str_find(azreq_header(r, "accept"), STR("application/json")) >= 0 ? SVC_DFS : SVC_BLOB;
}

enum az_error azreq_target(struct azreq *r, bool queue_port)
{
    enum service svc = queue_port ? SVC_QUEUE : SVC_BLOB;
    struct str rest = r->path, part;
    read_params(r);
    if (rest.len && rest.ptr[0] == '/')
        rest = str_from(rest, 1);
    if (!host_account(r, &svc)) {
        int64_t slash = str_chr(rest, '/');
        part = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
        rest = slash < 0 ? STR("") : str_from(rest, (size_t)slash + 1);
        r->account = az_decode(r->a, part);
    }
    r->svc = svc == SVC_QUEUE ? svc : svc == SVC_DFS ? (blob_or_dfs(r) == SVC_BLOB && azreq_param(r, "restype").ptr ? SVC_BLOB : SVC_DFS) : blob_or_dfs(r);
    if (!az_account_ok(r->account))
        return AZ_InvalidUri;
    int64_t slash = str_chr(rest, '/');
    r->container = az_decode(r->a, slash < 0 ? rest : str_sub(rest, 0, (size_t)slash));
    r->blob = slash < 0 ? STR("") : az_decode(r->a, str_from(rest, (size_t)slash + 1));
    r->level = r->blob.len ? 2 : r->container.len ? 1 : 0;
    if (r->svc != SVC_QUEUE && r->level == 1 && !azreq_param(r, "restype").ptr && r->svc == SVC_BLOB &&
        !str_eqz(azreq_param(r, "comp"), "list")) { /* a blob of the root container: /name */
        r->blob = r->container;
        r->container = STR("$root");
        r->level = 2;
    }
    if (r->level && !(r->svc == SVC_QUEUE ? az_queue_ok(r->container) : az_container_ok(r->container)))
        return AZ_InvalidResourceName;
    if (r->svc == SVC_DFS)
        while (r->blob.len && r->blob.ptr[r->blob.len - 1] == '/')
            r->blob.len--;
    if (r->level == 2 && r->svc == SVC_DFS && !r->blob.len)
        r->level = 1;
    return r->level == 2 ? az_blob_ok(r->blob) : AZ_NONE;
}
