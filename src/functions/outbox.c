#include "functions/outbox.h"
#include "base/code.h"
#include <string.h>

enum { OUTBOX_VERSION = 1, NUMBER_DIGITS = 15, HEAD_MAX_BYTES = 1 << 20 };
static const char DONE[] = ".done";

/* ------------------------------------------------------------------ the folder */

static char *record_path(struct arena *a, const struct outbox *o, int64_t number, bool done)
{
    return arena_printf(a, "%s/%0*jd%s", o->dir, NUMBER_DIGITS, (intmax_t)number, done ? DONE : "");
}

/* Is `name` that of a record? Temporary files of a crash are not. */
static bool record_name(const char *name, int64_t *number, bool *done)
{
    struct str s = str_z(name);
    *done = str_ends_z(s, DONE);
    if (*done)
        s.len -= sizeof DONE - 1;
    return s.len == NUMBER_DIGITS && str_i64(s, number) && *number >= 0;
}

static int forget(const struct outbox *o, struct arena *a, int64_t number, struct err *err)
{
    if (fs_unlink(record_path(a, o, number, false), err))
        return -1;
    return fs_unlink(record_path(a, o, number, true), err);
}

int outbox_open(struct outbox *o, const char *dir, struct err *err)
{
    struct arena *a = arena_new();
    char **names;
    int64_t count = 0;
    int rc = -1;
    *o = (struct outbox){.dir = mem_strdup(dir), .kept = -1};
    if (fs_mkdirs(dir, err) || (count = fs_list(a, dir, &names, err)) < 0)
        goto out;
    for (int64_t i = 0; i < count; i++) { /* sorted: "N" comes before "N.done", N before N+1 */
        int64_t number;
        bool done;
        if (!record_name(names[i], &number, &done)) {
            if (fs_unlink(path_join(a, dir, names[i]), err))
                goto out;
            continue;
        }
        if (o->kept >= 0 && o->kept != number && forget(o, a, o->kept, err))
            goto out;
        /* Both forms of one number: the name without ".done" was written later, to be published. */
        o->kept_done = done && o->kept != number;
        o->kept = number;
    }
    o->next = o->kept >= 0 ? o->kept + 1 : time_now_ms();
    rc = 0;
out:
    if (rc)
        outbox_release(o);
    arena_free(a);
    return rc;
}

void outbox_release(struct outbox *o)
{
    mem_free(o->dir);
    o->dir = NULL;
}

/* ------------------------------------------------------------------ records */

static void put_time(struct arena *a, struct doc *obj, const char *key, struct tp t)
{
    doc_set(a, obj, str_z(key), doc_new_i64(a, t.us));
}

static void put_text(struct arena *a, struct doc *obj, const char *key, struct str s)
{
    doc_set(a, obj, str_z(key), doc_new_str(a, s));
}

static struct doc *record_head(struct arena *a, const struct outbox_record *r, uint32_t sum)
{
    struct doc *head = doc_new_object(a), *outputs = doc_new_array(a);
    doc_set(a, head, STR("version"), doc_new_i64(a, OUTBOX_VERSION));
    put_text(a, head, "invocation", r->invocation);
    if (r->scheduled) {
        struct doc *s = doc_new_object(a);
        put_time(a, s, "last", r->schedule.last);
        put_time(a, s, "next", r->schedule.next);
        put_time(a, s, "updated", r->schedule.updated);
        doc_set(a, head, STR("schedule"), s);
    }
    doc_set(a, head, STR("crc32c"), doc_new_i64(a, sum));
    for (size_t i = 0; i < r->count; i++) {
        const struct output *o = &r->outputs[i];
        struct doc *d = doc_new_object(a);
        put_text(a, d, "to", o->to_blob ? STR("blob") : STR("hub"));
        if (o->to_blob) {
            put_text(a, d, "url", o->url);
        } else {
            put_text(a, d, "namespace", o->name_space);
            put_text(a, d, "hub", o->hub);
        }
        put_text(a, d, "type", o->type);
        doc_set(a, d, STR("bytes"), doc_new_i64(a, (int64_t)o->value.len));
        doc_push(a, outputs, d);
    }
    doc_set(a, head, STR("outputs"), outputs);
    return head;
}

int outbox_write(struct outbox *o, struct outbox_record *r, struct err *err)
{
    struct arena *a = arena_new();
    struct buf b;
    uint32_t sum = 0;
    buf_init_max(&b, OUTBOX_MAX_BYTES);
    for (size_t i = 0; i < r->count; i++)
        sum = crc32c(sum, r->outputs[i].value.ptr, r->outputs[i].value.len);
    doc_write(&b, record_head(a, r, sum));
    buf_char(&b, '\n');
    for (size_t i = 0; i < r->count; i++)
        buf_str(&b, r->outputs[i].value);
    r->number = o->next;
    int rc = buf_check(&b, "the outputs of one invocation", err);
    if (rc == 0)
        rc = fs_write_file(record_path(a, o, r->number, false), buf_view(&b), err);
    if (rc == 0) {
        struct err ignored; /* what stays is removed at the next start */
        if (o->kept >= 0 && forget(o, a, o->kept, &ignored))
            log_err(LOG_WARN, "functions", &ignored);
        o->kept = r->number;
        o->kept_done = false;
        o->next = r->number + 1;
    }
    buf_release(&b);
    arena_free(a);
    return rc;
}

static int corrupt(struct err *err, const char *path)
{
    return err_set(err, ERR_CORRUPT, "the outbox record '%s' is damaged", path);
}

static bool read_time(const struct doc *obj, const char *key, struct tp *out)
{
    return doc_i64(doc_get(obj, key), &out->us);
}

static bool read_output(const struct doc *d, struct str *data, struct output *out)
{
    int64_t bytes;
    struct str to = doc_str(doc_get(d, "to"), STR_NONE);
    if (!doc_i64(doc_get(d, "bytes"), &bytes) || bytes < 0 || (uint64_t)bytes > data->len)
        return false;
    out->to_blob = str_eqz(to, "blob");
    out->type = doc_str(doc_get(d, "type"), STR_NONE);
    out->url = doc_str(doc_get(d, "url"), STR_NONE);
    out->name_space = doc_str(doc_get(d, "namespace"), STR_NONE);
    out->hub = doc_str(doc_get(d, "hub"), STR_NONE);
    out->value = str_sub(*data, 0, (size_t)bytes);
    *data = str_from(*data, (size_t)bytes);
    return out->to_blob ? out->url.len > 0 : str_eqz(to, "hub") && out->name_space.len && out->hub.len;
}

static bool read_record(struct arena *a, struct str text, struct outbox_record *out)
{
    struct err ignored;
    int64_t version, sum, newline = str_chr(text, '\n');
    if (newline < 0 || newline > HEAD_MAX_BYTES)
        return false;
    struct str data = str_from(text, (size_t)newline + 1);
    struct doc *head = doc_json(a, "", str_sub(text, 0, (size_t)newline), &ignored);
    const struct doc *outputs = doc_get(head, "outputs"), *schedule = doc_get(head, "schedule");
    if (!head || !doc_i64(doc_get(head, "version"), &version) || version != OUTBOX_VERSION ||
        !doc_i64(doc_get(head, "crc32c"), &sum) || sum != crc32c(0, data.ptr, data.len) ||
        !doc_is(outputs, DOC_ARRAY) || outputs->count > OUTBOX_MAX_OUTPUTS)
        return false;
    out->invocation = doc_str(doc_get(head, "invocation"), STR_NONE);
    out->scheduled = schedule != NULL;
    if (schedule && (!read_time(schedule, "last", &out->schedule.last) || !read_time(schedule, "next", &out->schedule.next) ||
                     !read_time(schedule, "updated", &out->schedule.updated)))
        return false;
    out->outputs = ARENA_ARRAY(a, struct output, outputs->count + 1);
    for (out->count = 0; out->count < outputs->count; out->count++)
        if (!read_output(outputs->items[out->count], &data, &out->outputs[out->count]))
            return false;
    return data.len == 0;
}

int outbox_read(const struct outbox *o, struct arena *a, struct outbox_record *out, struct err *err)
{
    struct buf b;
    const char *path = record_path(a, o, o->kept, o->kept_done);
    CHECK(o->kept >= 0);
    *out = (struct outbox_record){.number = o->kept};
    buf_init_max(&b, OUTBOX_MAX_BYTES);
    int rc = fs_read_file(path, OUTBOX_MAX_BYTES, &b, err);
    if (rc == 0 && !read_record(a, str_copy(a, buf_view(&b)), out))
        rc = corrupt(err, path);
    buf_release(&b);
    return rc;
}

/* ------------------------------------------------------------------ publishing */

static int write_blob(struct arena *a, const struct output *o, const struct resolver_names *names, struct err *err)
{
    struct resolved at;
    if (resolve_name(names, a, o->url, &at, err))
        return -1;
    if (at.kind != RESOLVED_LOCAL)
        return err_set(err, ERR_UNSUPPORTED, "the blob '%.*s' is not served from a folder", STR_ARGS(o->url));
    if (fs_mkdirs(str_cz(a, path_dir(str_z(at.path))), err))
        return -1;
    return fs_write_file(at.path, o->value, err);
}

int outbox_blobs(struct outbox *o, const struct outbox_record *r, const struct resolver_names *names, struct err *err)
{
    struct arena *a = arena_new();
    bool any = false;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->count; i++) {
        if (!r->outputs[i].to_blob)
            continue;
        any = true;
        rc = write_blob(a, &r->outputs[i], names, err);
    }
    if (rc == 0 && any) {
        struct err ignored;
        o->kept_done = fs_rename(record_path(a, o, r->number, false), record_path(a, o, r->number, true), &ignored) == 0;
    }
    arena_free(a);
    return rc;
}

struct events_of { /* the events of one hub, while they are gathered */
    struct event *items;
    size_t count, cap;
};

static int add_event(struct arena *a, struct events_of *to, struct str body, struct err *err)
{
    if (body.len > EVENT_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "an event of %zu bytes: an event hub takes at most %d", body.len, EVENT_MAX_BYTES);
    to->items = arena_grow(a, to->items, &to->cap, to->count + 1, sizeof *to->items);
    to->items[to->count++] = (struct event){.body = body.ptr ? body : STR("")};
    return 0;
}

static bool looks_json_array(struct str s)
{
    s = str_trim(s);
    return s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']';
}

static int add_json(struct arena *a, struct events_of *to, const struct doc *d, struct err *err)
{
    struct buf b;
    if (doc_is(d, DOC_STRING))
        return add_event(a, to, d->text, err);
    buf_init(&b);
    doc_write(&b, d);
    int rc = add_event(a, to, str_copy(a, buf_view(&b)), err);
    buf_release(&b);
    return rc;
}

static int add_value(struct arena *a, struct events_of *to, const struct output *o, struct err *err)
{
    bool json = str_eqz(o->type, "json");
    if (!json && !(str_eqz(o->type, "string") && looks_json_array(o->value)))
        return add_event(a, to, o->value, err);
    struct doc *d = doc_json(a, "", o->value, err);
    if (!d)
        return json ? err_wrap(err, "the output for the event hub '%.*s'", STR_ARGS(o->hub))
                    : add_event(a, to, o->value, err);
    if (!doc_is(d, DOC_ARRAY))
        return add_json(a, to, d, err);
    for (size_t i = 0; i < d->count; i++)
        if (add_json(a, to, d->items[i], err))
            return -1;
    return 0;
}

int outbox_events(struct arena *a, const struct outbox_record *r, const char *producer, struct outbox_events *out,
                  struct err *err)
{
    struct events_of *of = ARENA_ARRAY(a, struct events_of, r->count + 1);
    *out = (struct outbox_events){.batches = ARENA_ARRAY(a, struct event_batch, r->count + 1)};
    for (size_t i = 0; i < r->count; i++) {
        const struct output *o = &r->outputs[i];
        size_t n = 0;
        if (o->to_blob)
            continue;
        /* One batch a hub, whatever the number of bindings: its number may be used once. */
        while (n < out->count && !(str_eqz(o->hub, out->batches[n].hub) && str_eqz(o->name_space, out->batches[n].ns)))
            n++;
        if (n == out->count)
            out->batches[out->count++] = (struct event_batch){.ns = str_cz(a, o->name_space), .hub = str_cz(a, o->hub),
                                                              .producer = producer, .number = r->number};
        if (add_value(a, &of[n], o, err))
            return -1;
    }
    for (size_t n = 0; n < out->count; n++) {
        out->batches[n].events = of[n].items;
        out->batches[n].count = of[n].count;
        out->events += (int64_t)of[n].count;
    }
    return 0;
}
