/* blob_props.c -- what is said of a blob: metadata, HTTP headers, tags, tier, lease; and batches.
 *
 * A batch is multipart/mixed of requests, each with its own Authorization; they run one after the
 * other in one turn of the lane, and each has its own answer. */
#include "storage/ops.h"
#include "storage/storage_int.h"
#include "storage/xml.h"
#include <string.h>

static int change_target(struct op *o, struct container *c, struct blob *b)
{
    return refuse_versions(o) || container_find(o, o->r.container, c) || blob_need(o, c, o->r.blob, b) ||
           lease_need(o, c->name, b->path, op_header(o, "x-ms-lease-id"), true) || cond_blob(o, b, false) ? -1 : 0;
}

static int changed(struct op *o, const struct container *c, struct blob *b, int status)
{
    if (blob_touch(o, c->name, b))
        return -1;
    put_etag(o, b->etag, b->changed_us);
    op_set(o, "x-ms-request-server-encrypted", STR("true"));
    return op_done(o, status);
}

int op_set_blob_metadata(struct op *o)
{
    struct container c;
    struct blob b;
    if (change_target(o, &c, &b) || !(b.meta = meta_of(o)))
        return -1;
    return changed(o, &c, &b, 200);
}

int op_set_blob_properties(struct op *o)
{
    struct container c;
    struct blob b;
    if (change_target(o, &c, &b))
        return -1;
    if (op_header(o, "x-ms-blob-content-length").ptr || op_header(o, "x-ms-sequence-number-action").ptr)
        return op_refuse(o, "page blobs");
    props_from(o, &b, "x-ms-blob-");
    return changed(o, &c, &b, 200);
}

/* Without a new ETag, as on Azure. */
static int keep_etag(struct op *o, const struct container *c, struct blob *b, int status)
{
    return blob_pin(o, b) || blob_row_save(o, c->name, b) ? -1 : op_done(o, status);
}

int op_set_blob_tags(struct op *o)
{
    struct container c;
    struct blob b;
    struct err err = {0};
    struct xml *root = azxml_read(o->a, buf_view(&o->text), &err);
    if (!root || !str_eqz(root->name, "Tags"))
        return op_fail_why(o, AZ_InvalidXmlDocument, "%s", root ? "The root is Tags." : err.msg);
    if (change_target(o, &c, &b))
        return -1;
    b.tags = doc_new_object(o->a);
    const struct xml *set = azxml_child(root, "TagSet");
    for (const struct xml *x = set ? set->first : NULL; x; x = x->next) {
        struct str key = azxml_text(x, "Key"), value = azxml_text(x, "Value");
        if (!key.len || !tag_ok(key, 128) || !tag_ok(value, 256) || b.tags->count >= 10)
            return op_fail_why(o, AZ_InvalidInput, "A blob has at most 10 tags, of letters, digits and ' +-./:=_'.");
        doc_set(o->a, b.tags, key, doc_new_str(o->a, value));
    }
    return keep_etag(o, &c, &b, 204);
}

int op_set_blob_tier(struct op *o)
{
    struct container c;
    struct blob b;
    char when[40];
    if (refuse_versions(o) || container_find(o, o->r.container, &c) || blob_need(o, &c, o->r.blob, &b) ||
        lease_need(o, c.name, b.path, op_header(o, "x-ms-lease-id"), false))
        return -1;
    if (b.type != 'B')
        return op_fail(o, AZ_InvalidBlobType);
    if (!op_header(o, "x-ms-access-tier").len)
        return op_fail_why(o, AZ_MissingRequiredHeader, "x-ms-access-tier is missing.");
    if (tier_of(o, &b))
        return -1;
    prop_set(o, &b, "tier-time", str_z(http_date(time_now(), when)));
    return keep_etag(o, &c, &b, 200);
}

int op_lease_blob(struct op *o)
{
    struct container c;
    struct blob b;
    if (refuse_versions(o) || container_find(o, o->r.container, &c) || blob_need(o, &c, o->r.blob, &b) || cond_blob(o, &b, false) ||
        lease_act(o, c.name, b.path))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    return 0;
}

int op_abort_copy(struct op *o)
{
    struct container c;
    struct blob b;
    if (change_target(o, &c, &b))
        return -1;
    return op_fail_why(o, AZ_InvalidHeaderValue, "There is no pending copy operation: copies here end with their request.");
}

/* ---------------------------------------------------------------- batches */

static struct str boundary_of(struct op *o)
{
    struct str type = op_header(o, "content-type");
    int64_t at = str_find(type, STR("boundary="));
    if (!str_starts_z(type, "multipart/mixed") || at < 0)
        return STR_NONE;
    struct str b = str_from(type, (size_t)at + 9), part;
    str_split(&b, ';', &part);
    if (part.len >= 2 && part.ptr[0] == '"')
        part = str_sub(part, 1, part.len - 2);
    return part;
}

static struct str part_header(struct str headers, const char *name)
{
    struct str line;
    while (str_split(&headers, '\n', &line)) {
        int64_t colon = str_chr(line, ':');
        if (colon > 0 && str_ieqz(str_trim(str_sub(line, 0, (size_t)colon)), name))
            return str_trim(str_from(line, (size_t)colon + 1));
    }
    return STR_NONE;
}

/* "METHOD PATH HTTP/1.1", headers; a body is not looked at. */
static bool part_request(struct op *sub, struct str text)
{
    struct str line, rest = text, word;
    size_t cap = 0, n = 0;
    struct http_header *headers = NULL;
    if (!str_split(&rest, '\n', &line) || !str_split(&line, ' ', &sub->r.method) || !str_split(&line, ' ', &word))
        return false;
    int64_t q = str_chr(word, '?');
    sub->r.path = q < 0 ? word : str_sub(word, 0, (size_t)q);
    sub->r.query = q < 0 ? STR("") : str_from(word, (size_t)q + 1);
    while (str_split(&rest, '\n', &line)) {
        line = str_trim(line);
        int64_t colon = str_chr(line, ':');
        if (!line.len)
            break;
        if (colon <= 0 || n >= HTTP_MAX_HEADERS)
            return false;
        headers = arena_grow(sub->a, headers, &cap, n + 1, sizeof *headers);
        headers[n++] = (struct http_header){str_lower(sub->a, str_trim(str_sub(line, 0, (size_t)colon))), str_trim(str_from(line, (size_t)colon + 1))};
    }
    sub->r.headers = headers;
    sub->r.header_count = n;
    return str_starts_z(sub->r.path, "/");
}

static void put_part(struct op *o, struct op *sub, struct str id, struct str boundary)
{
    struct buf *b = &o->body;
    int status = sub->error != AZ_NONE ? az_status(sub->error) : sub->status;
    buf_printf(b, "--%.*s\r\nContent-Type: application/http\r\n", STR_ARGS(boundary));
    if (id.ptr)
        buf_printf(b, "Content-ID: %.*s\r\n", STR_ARGS(id));
    buf_printf(b, "\r\nHTTP/1.1 %d %s\r\n", status, http_reason(status));
    buf_printf(b, "x-ms-request-id: %s\r\nx-ms-version: 2025-07-05\r\n", sub->id);
    for (size_t i = 0; i < sub->out_count && sub->error == AZ_NONE; i++)
        buf_printf(b, "%.*s: %.*s\r\n", STR_ARGS(sub->out[i].name), STR_ARGS(sub->out[i].value));
    if (sub->error != AZ_NONE) {
        struct buf e;
        buf_init(&e);
        az_body(&e, sub->error, false, sub->detail, sub->id);
        buf_printf(b, "x-ms-error-code: %s\r\nContent-Type: application/xml\r\nContent-Length: %zu\r\n\r\n", az_code(sub->error, false), e.len);
        buf_str(b, buf_view(&e));
        buf_release(&e);
    }
    buf_z(b, "\r\n");
}

static int run_part(struct op *o, struct str part, struct str boundary)
{
    int64_t blank = str_find(part, STR("\r\n\r\n"));
    struct str headers = blank < 0 ? part : str_sub(part, 0, (size_t)blank);
    if (blank < 0)
        return op_fail_why(o, AZ_InvalidInput, "A part of the batch has no request.");
    struct op *sub = ARENA_NEW(o->a, struct op);
    op_init(sub, o->a, o->st);
    sub->r.host = o->r.host;
    sub->r.peer = o->r.peer;
    if (!part_request(sub, str_from(part, (size_t)blank + 4))) {
        op_release(sub);
        return op_fail_why(o, AZ_InvalidInput, "A part of the batch is no request.");
    }
    sub->error = op_admit_part(sub, o->acct);
    if (sub->error == AZ_NONE && sub->grant.policy.len)
        sub->error = op_authorize(sub);
    if (sub->error == AZ_NONE && sub->kind->run != op_delete_blob && sub->kind->run != op_set_blob_tier)
        sub->error = AZ_InvalidInput;
    if (sub->error == AZ_NONE && sub->kind->run(sub))
        CHECK(sub->error != AZ_NONE);
    put_part(o, sub, part_header(headers, "Content-ID"), boundary);
    for (size_t i = 0; i < sub->event_count && sub->error == AZ_NONE; i++) {
        o->batch_events = arena_grow(o->a, o->batch_events, &o->batch_cap, o->batch_count + 1, sizeof *o->batch_events);
        o->batch_events[o->batch_count++] = sub->events[i];
    }
    op_release(sub);
    return 0;
}

int op_batch(struct op *o)
{
    struct str boundary = boundary_of(o), rest = buf_view(&o->text);
    int parts = 0;
    if (!boundary.len)
        return op_fail_why(o, AZ_InvalidHeaderValue, "A batch is multipart/mixed with a boundary.");
    struct str mark = str_fmt(o->a, "--%.*s", STR_ARGS(boundary)), ours = str_fmt(o->a, "batchresponse_%s", o->id);
    int64_t at = str_find(rest, mark);
    if (at < 0)
        return op_fail_why(o, AZ_InvalidInput, "The batch has no part.");
    for (rest = str_from(rest, (size_t)at + mark.len); !str_starts_z(rest, "--");) {
        at = str_find(rest, mark);
        if (at < 0)
            return op_fail_why(o, AZ_InvalidInput, "The batch has no end.");
        if (++parts > STORAGE_MAX_BATCH)
            return op_fail_why(o, AZ_InvalidInput, "A batch has at most %d parts.", STORAGE_MAX_BATCH);
        if (run_part(o, str_sub(rest, 0, (size_t)at), ours))
            return -1;
        rest = str_from(rest, (size_t)at + mark.len);
    }
    buf_printf(&o->body, "--%.*s--\r\n", STR_ARGS(ours));
    o->content_type = arena_printf(o->a, "multipart/mixed; boundary=%.*s", STR_ARGS(ours));
    return op_done(o, 202);
}
