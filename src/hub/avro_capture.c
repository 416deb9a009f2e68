#include "hub/avro_capture.h"
#include "hub/avro.h"
#include "hub/reader_int.h"
#include <stdio.h>
#include <string.h>

struct part {
    bool known;                      /* its progress was read */
    bool read_last;                  /* once more since the hub was told to stop */
    int64_t next;                    /* durable: in files that are closed */
    int64_t read;                    /* in the file that is open, if one is */
    int64_t window_us;               /* wall: begin of its window */
    int64_t named_s;                 /* the second that its last file is named after */
    int64_t retry_us;                /* mono: not before */
    int fd;                          /* -1: no file is open */
    char *temp;
    int64_t bytes;
    struct avro_file file;
};

struct target {
    struct str ns, hub, folder, name;
    int64_t interval_us, size_bytes;
    bool skip_empty;
    struct part *parts;
    int32_t part_count;
    uint8_t id[16];                  /* of the hub whose partitions these are */
};

/* What the hub's loop is asked: one question at a time. */
struct question {
    bool found;
    uint8_t id[16];
    struct hub_ranges there;         /* of all partitions */
    int64_t *given;                  /* offsets that files hold: none of them is given again */
    int32_t given_count;
    struct hub_range want;
    struct hub_reader *reader;
    struct err err;
};

struct avro_capture {
    struct hub *hub;
    struct arena *arena;
    struct ev_loop *loop;
    struct ev_thread *thread;
    struct ev_timer *timer;
    struct target *targets;
    size_t count, at;                /* at: the target that is looked at; count: resting */
    int32_t part;                    /* of it */
    bool stopping, last;             /* last: the round that closes the files */
    struct question q;
};

/* ------------------------------------------------------------------ the configuration */

static const char *const TOKENS[] = {"{Namespace}", "{EventHub}", "{PartitionId}", "{Year}", "{Month}", "{Day}", "{Hour}", "{Minute}", "{Second}"};

static int read_number(const struct doc *v, const char *name, int64_t min, int64_t max, int64_t *out, struct err *err)
{
    if (doc_i64(v, out) && *out >= min && *out <= max)
        return 0;
    return doc_err(v, ERR_INPUT, err, "%s is a number from %jd to %jd", name, (intmax_t)min, (intmax_t)max);
}

static int read_field(struct target *t, struct str name, const struct doc *v, struct err *err)
{
    const struct { const char *name; struct str *to; } texts[] = {
        {"namespace", &t->ns}, {"hub", &t->hub}, {"folder", &t->folder}, {"name", &t->name}};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (str_eqz(name, texts[i].name)) {
            *texts[i].to = doc_str(v, STR_NONE);
            return texts[i].to->len ? 0 : doc_err(v, ERR_INPUT, err, "%s is a text", texts[i].name);
        }
    if (str_eqz(name, "interval_s")) {
        int rc = read_number(v, "interval_s", 1, AVRO_MAX_INTERVAL_S, &t->interval_us, err);
        t->interval_us *= 1000000;
        return rc;
    }
    if (str_eqz(name, "size_bytes"))
        return read_number(v, "size_bytes", AVRO_MIN_SIZE_BYTES, AVRO_MAX_SIZE_BYTES, &t->size_bytes, err);
    if (str_eqz(name, "skip_empty") && doc_is(v, DOC_BOOL)) {
        t->skip_empty = v->boolean;
        return 0;
    }
    return doc_err(v, ERR_INPUT, err, "a capture has no '%.*s', or it is of another type", STR_ARGS(name));
}

static int read_target(struct avro_capture *c, const struct doc *d, struct target *t, struct err *err)
{
    *t = (struct target){.ns = str_z(c->hub->default_ns->name), .name = STR(AVRO_NAME), .interval_us = AVRO_INTERVAL_S * INT64_C(1000000), .size_bytes = AVRO_SIZE_BYTES};
    if (!doc_is(d, DOC_OBJECT))
        return doc_err(d, ERR_INPUT, err, "a capture is an object with hub and folder");
    for (size_t i = 0; i < d->count; i++)
        if (read_field(t, d->keys[i].name, d->items[i], err))
            return -1;
    if (!t->hub.len || !t->folder.len)
        return doc_err(d, ERR_INPUT, err, "a capture is an object with hub and folder");
    for (size_t i = 0; i < COUNT_OF(TOKENS); i++)
        if (str_find(t->name, str_z(TOKENS[i])) < 0)
            return doc_err(d, ERR_INPUT, err, "a capture's name holds %s", TOKENS[i]);
    if (!path_below(c->arena, ".", t->name))
        return doc_err(d, ERR_INPUT, err, "a capture's name stays in its folder");
    t->ns = str_lower(c->arena, t->ns);
    if (t->folder.ptr[0] != '/')
        t->folder = str_z(path_join(c->arena, c->hub->opts.state_dir, str_cz(c->arena, t->folder)));
    return 0;
}

static int read_targets(struct avro_capture *c, char *path, struct err *err)
{
    struct buf text;
    buf_init_max(&text, AVRO_MAX_FILE);
    int rc = fs_read_file(path, AVRO_MAX_FILE, &text, err);
    struct doc *d = rc ? NULL : doc_json(c->arena, path, str_copy(c->arena, buf_view(&text)), err);
    buf_release(&text);
    if (!d)
        return -1;
    if (!doc_is(d, DOC_ARRAY) || d->count > AVRO_MAX_TARGETS)
        return doc_err(d, ERR_INPUT, err, "captures are a list of at most %d", AVRO_MAX_TARGETS);
    c->targets = ARENA_ARRAY(c->arena, struct target, d->count);
    for (size_t i = 0; i < d->count; i++) {
        if (read_target(c, d->items[i], &c->targets[i], err))
            return -1;
        for (size_t j = 0; j < i; j++)
            if (str_eq(c->targets[j].ns, c->targets[i].ns) && str_eq(c->targets[j].hub, c->targets[i].hub))
                return doc_err(d->items[i], ERR_INPUT, err, "a hub has one capture");
    }
    c->count = d->count;
    return 0;
}

/* ------------------------------------------------------------------ progress */

static char *progress_path(struct avro_capture *c, struct arena *a, const struct target *t, int32_t p)
{
    return arena_printf(a, "%s/hub-capture/%.*s/%.*s/%d.json", c->hub->opts.state_dir, STR_ARGS(t->ns), STR_ARGS(t->hub), p);
}

static int make_folder_of(struct arena *a, const char *path, struct err *err)
{
    return fs_mkdirs(str_cz(a, path_dir(str_z(path))), err);
}

static int write_progress(struct avro_capture *c, const struct target *t, int32_t p, int64_t next, const char *file, struct err *err)
{
    struct arena *a = arena_new();
    struct doc *d = doc_new_object(a);
    struct buf b;
    char *path = progress_path(c, a, t, p);
    buf_init(&b);
    hex_put(&b, str_of((const char *)t->id, sizeof t->id));
    doc_set(a, d, STR("id"), doc_new_str(a, buf_view(&b)));
    doc_set(a, d, STR("next"), doc_new_i64(a, next));
    doc_set(a, d, STR("temp"), doc_new_str(a, str_z(t->parts[p].temp)));
    doc_set(a, d, STR("file"), doc_new_str(a, str_z(file)));
    buf_clear(&b);
    doc_write(&b, d);
    int rc = make_folder_of(a, path, err) || fs_write_file(path, buf_view(&b), err) ? -1 : 0;
    buf_release(&b);
    arena_free(a);
    return rc;
}

/* Gives the file its name; also what a crash left to do. */
static int publish(struct arena *a, const char *temp, const char *file, struct err *err)
{
    if (fs_rename(temp, file, err))
        return -1;
    return fs_sync_dir(str_cz(a, path_dir(str_z(file))), err);
}

/* What a process before us left under a temporary name, and did not say was a file. */
static void drop_temps(struct arena *a, const struct target *t, int32_t p)
{
    struct err ignored;
    char **names, *dir = str_cz(a, t->folder);
    char *prefix = arena_printf(a, ".%.*s.%.*s-%d.", STR_ARGS(t->ns), STR_ARGS(t->hub), p);
    int64_t n = fs_list(a, dir, &names, &ignored);
    for (int64_t i = 0; i < n; i++)
        if (strlen(names[i]) == strlen(prefix) + sizeof "0123456789abcdef.tmp" - 1 && str_starts_z(str_z(names[i]), prefix) && fs_unlink(path_join(a, dir, names[i]), &ignored))
            log_err(LOG_WARN, "hub", &ignored);
}

static int read_progress(struct avro_capture *c, const struct target *t, int32_t p, struct err *err)
{
    struct arena *a = arena_new();
    char *path = progress_path(c, a, t, p);
    struct part *x = &t->parts[p];
    struct buf b, id;
    int rc = 0;
    buf_init(&b);
    buf_init(&id);
    hex_put(&id, str_of((const char *)t->id, sizeof t->id));
    if (fs_exists(path)) {
        rc = fs_read_file(path, AVRO_MAX_FILE, &b, err);
        struct doc *d = rc ? NULL : doc_json(a, path, buf_view(&b), err);
        struct doc *next = d ? doc_need(d, "next", DOC_INT, err) : NULL;
        struct str temp = doc_str(doc_get(d, "temp"), STR("")), file = doc_str(doc_get(d, "file"), STR(""));
        rc = next ? 0 : -1;
        if (next && temp.len && fs_exists(str_cz(a, temp)))
            rc = publish(a, str_cz(a, temp), str_cz(a, file), err);
        if (rc == 0 && str_eq(doc_str(doc_get(d, "id"), STR("")), buf_view(&id)) && !doc_i64(next, &x->next))
            rc = doc_err(next, ERR_INPUT, err, "next is no offset");
    }
    if (rc == 0) {
        drop_temps(a, t, p);
        x->known = true;
        x->read = x->next;
    }
    buf_release(&b);
    buf_release(&id);
    arena_free(a);
    return rc;
}

/* ------------------------------------------------------------------ files */

static void give_up(struct part *x)
{
    struct err ignored;
    if (x->fd >= 0) {
        fs_close(x->fd);
        avro_release(&x->file);
        if (fs_unlink(x->temp, &ignored))
            log_err(LOG_WARN, "hub", &ignored);
    }
    mem_free(x->temp);
    x->temp = NULL;
    x->fd = -1;
    x->read = x->next;
}

static void failed(struct part *x, const struct err *err)
{
    log_err(LOG_ERROR, "hub", err);
    give_up(x);
    x->retry_us = time_mono_us() + AVRO_RETRY_MS * INT64_C(1000);
}

static int write_out(struct part *x, struct buf *b, struct err *err)
{
    int rc = fs_write_all(x->fd, b->ptr, b->len, err);
    x->bytes += (int64_t)b->len;
    buf_release(b);
    return rc;
}

static int open_file(const struct target *t, int32_t p, struct err *err)
{
    struct arena *a = arena_new();
    struct part *x = &t->parts[p];
    struct buf b;
    char *dir = str_cz(a, t->folder);
    char *path = path_join(a, dir, arena_printf(a, ".%.*s.%.*s-%d.%016jx.tmp", STR_ARGS(t->ns), STR_ARGS(t->hub), p, (uintmax_t)random_u64()));
    int rc = fs_mkdirs(dir, err);
    if (rc == 0 && (x->fd = fs_open(path, FS_WRITE | FS_CREATE | FS_EXCL, err)) < 0)
        rc = -1;
    if (rc == 0) {
        x->temp = mem_strdup(path);
        x->bytes = 0;
        buf_init(&b);
        avro_begin(&x->file, &b);
        rc = write_out(x, &b, err);
    }
    arena_free(a);
    return rc;
}

static int end_block(struct part *x, struct err *err)
{
    struct buf b;
    buf_init(&b);
    avro_end_block(&x->file, &b);
    return write_out(x, &b, err);
}

static void put_token(struct buf *b, const struct target *t, int32_t p, size_t token, const struct civil *c)
{
    const int numbers[] = {c->month, c->day, c->hour, c->minute, c->second};
    if (token == 0)
        buf_str(b, t->ns);
    else if (token == 1)
        buf_str(b, t->hub);
    else if (token == 2)
        buf_printf(b, "%d", p);
    else if (token == 3)
        buf_printf(b, "%04d", c->year);
    else
        buf_printf(b, "%02d", numbers[token - 4]);
}

static char *file_name(struct arena *a, const struct target *t, int32_t p, int64_t second)
{
    struct civil c = civil_of((struct tp){second * 1000000});
    struct str rest = t->name;
    struct buf b;
    buf_init(&b);
    while (rest.len) {
        size_t i = 0;
        while (i < COUNT_OF(TOKENS) && !str_starts_z(rest, TOKENS[i]))
            i++;
        if (i < COUNT_OF(TOKENS)) {
            put_token(&b, t, p, i, &c);
            rest = str_from(rest, strlen(TOKENS[i]));
        } else {
            buf_char(&b, rest.ptr[0]);
            rest = str_from(rest, 1);
        }
    }
    buf_z(&b, ".avro");
    char *out = path_join(a, str_cz(a, t->folder), b.ptr);
    buf_release(&b);
    return out;
}

/* The file is whole: durable, told of, and then there. */
static int close_file(struct avro_capture *c, const struct target *t, int32_t p, struct err *err)
{
    struct arena *a = arena_new();
    struct part *x = &t->parts[p];
    int64_t second = x->window_us / 1000000;
    second = second > x->named_s ? second : x->named_s + 1;
    char *file = file_name(a, t, p, second);
    while (fs_exists(file)) /* of a process before us */
        file = file_name(a, t, p, ++second);
    int rc = end_block(x, err) || fs_sync(x->fd, err) || make_folder_of(a, file, err) || fs_sync_dir(str_cz(a, t->folder), err) ? -1 : 0;
    if (rc == 0) { /* from here on the progress says whether it is a file: if we fail it is read again */
        rc = write_progress(c, t, p, x->read, file, err) || publish(a, x->temp, file, err) ? -1 : 0;
        x->next = rc ? x->next : x->read;
        x->known = rc == 0;
        x->named_s = second;
        fs_close(x->fd);
        avro_release(&x->file);
        mem_free(x->temp);
        x->fd = -1;
        x->temp = NULL;
    }
    arena_free(a);
    return rc;
}

static bool is_full(const struct target *t, const struct part *x)
{
    return x->bytes + (int64_t)x->file.records.len >= t->size_bytes;
}

struct adding { const struct target *target; struct part *part; };

static int add(void *ctx, const struct record *rec, struct err *err)
{
    struct adding *to = ctx;
    struct part *x = to->part;
    avro_add(&x->file, rec);
    x->read = rec->offset + 1;
    if (avro_block_full(&x->file) && end_block(x, err))
        return -1;
    return is_full(to->target, x); /* the rest is for the next file */
}

/* ------------------------------------------------------------------ the windows of a partition */

static void begin_window(struct part *x)
{
    x->window_us = time_now().us;
}

/* The window of a partition that has read all there is: over, or going on? */
static int look_at_window(struct avro_capture *c, const struct target *t, int32_t p, struct err *err)
{
    struct part *x = &t->parts[p];
    bool due = time_now().us - x->window_us >= t->interval_us;
    if (x->fd < 0 && (!due || t->skip_empty || c->stopping)) {
        if (due)
            begin_window(x);
        return 0;
    }
    if (!due && !c->stopping && !is_full(t, x))
        return 0;
    if (x->fd < 0 && open_file(t, p, err))
        return -1;
    int rc = close_file(c, t, p, err);
    begin_window(x);
    return rc;
}

static void go_on(void *arg);

/* ------------------------------------------------------------------ asking the hub's loop */

static void on_hub_look(void *arg)
{
    struct avro_capture *c = arg;
    struct target *t = &c->targets[c->at];
    struct question *q = &c->q;
    struct hub_ns *ns = map_get(c->hub->store->namespaces, t->ns);
    struct topic *topic = ns ? topic_find(ns, t->hub) : NULL;
    q->found = topic != NULL;
    q->there.count = topic ? topic->part_count : 0;
    q->there.items = mem_alloc(sizeof *q->there.items * (size_t)(q->there.count + 1));
    if (topic)
        memcpy(q->id, topic->id, sizeof q->id);
    for (int32_t i = 0; i < q->there.count; i++) {
        struct plog *log = topic->parts[i]->log;
        q->there.items[i] = (struct hub_range){i, log->start_offset, plog_stable_offset(log)};
    }
    ev_post(c->loop, go_on, c);
}

static void on_hub_reserve(void *arg)
{
    struct avro_capture *c = arg;
    struct target *t = &c->targets[c->at];
    struct question *q = &c->q;
    struct hub_ns *ns = map_get(c->hub->store->namespaces, t->ns);
    struct topic *topic = ns ? topic_find(ns, t->hub) : NULL;
    for (int32_t i = 0; topic && !memcmp(topic->id, q->id, sizeof q->id) && i < q->given_count && i < topic->part_count; i++)
        plog_skip_to(topic->parts[i]->log, q->given[i]);
    on_hub_look(c);
}

static void on_hub_read(void *arg)
{
    struct avro_capture *c = arg;
    struct target *t = &c->targets[c->at];
    struct question *q = &c->q;
    struct hub_ns *ns = map_get(c->hub->store->namespaces, t->ns);
    struct topic *topic = ns ? topic_find(ns, t->hub) : NULL;
    struct hub_ranges want = {1, mem_alloc(sizeof *want.items)};
    want.items[0] = q->want;
    q->err = (struct err){0};
    if (topic && !memcmp(topic->id, q->id, sizeof q->id))
        q->reader = reader_make(c->hub, topic, false, &want, AVRO_READ_BYTES, &q->err);
    mem_free(want.items);
    ev_post(c->loop, go_on, c);
}

/* ------------------------------------------------------------------ the round */

enum next { NEXT_ROUND, NEXT_TARGET, NEXT_WAIT };

static void forget_parts(struct target *t)
{
    for (int32_t i = 0; i < t->part_count; i++)
        give_up(&t->parts[i]);
    mem_free(t->parts);
    t->parts = NULL;
    t->part_count = 0;
}

/* Knows the hub's partitions; true: their progress was just read, and the log is to be asked to go on behind it. */
static bool adopt(struct avro_capture *c, struct target *t)
{
    struct question *q = &c->q;
    bool news = false;
    if (memcmp(t->id, q->id, sizeof t->id)) { /* made, or made anew */
        forget_parts(t);
        memcpy(t->id, q->id, sizeof t->id);
    }
    if (q->there.count > t->part_count) {
        t->parts = mem_realloc(t->parts, sizeof *t->parts * (size_t)q->there.count);
        for (; t->part_count < q->there.count; t->part_count++) {
            t->parts[t->part_count] = (struct part){.fd = -1};
            begin_window(&t->parts[t->part_count]);
        }
    }
    mem_free(q->given);
    q->given = mem_alloc(sizeof *q->given * (size_t)(t->part_count + 1));
    q->given_count = t->part_count;
    for (int32_t i = 0; i < t->part_count; i++) {
        struct part *x = &t->parts[i];
        struct err err;
        if (!x->known && time_mono_us() >= x->retry_us) {
            if (read_progress(c, t, i, &err))
                failed(x, &err);
            else
                news = news || x->next > 0;
        }
        q->given[i] = x->next;
    }
    return news;
}

/* What is there of a partition and not in its file. False: nothing. */
static bool wants(struct avro_capture *c, const struct target *t, int32_t p)
{
    struct part *x = &t->parts[p];
    const struct hub_range *there = &c->q.there.items[p];
    if (x->read < there->from) {
        if (x->read > 0 || there->from > 0)
            log_warn("hub", "events were deleted before they were captured hub=%.*s partition=%d from=%jd to=%jd", STR_ARGS(t->hub), p, (intmax_t)x->read,
                     (intmax_t)there->from);
        x->read = there->from;
    }
    c->q.want = (struct hub_range){p, x->read, there->to};
    if (x->read >= there->to || x->read_last)
        return false;
    x->read_last = c->stopping; /* what is there, unless it is far behind */
    return true;
}

static void take_read(struct avro_capture *c, const struct target *t)
{
    struct question *q = &c->q;
    struct part *x = &t->parts[c->part];
    struct adding ctx = {t, x};
    struct err err = q->err;
    int rc = q->reader ? 0 : err.code ? -1 : 1;
    if (rc == 0 && x->fd < 0)
        rc = open_file(t, c->part, &err);
    if (rc == 1) { /* the hub is gone */
        c->part = t->part_count;
        return;
    }
    if (rc == 0 && (rc = reader_each(q->reader, add, &ctx, &err)) == 0)
        x->read = hub_reader_ranges(q->reader)->items[0].to; /* also behind markers */
    hub_reader_free(q->reader);
    q->reader = NULL;
    if (rc < 0 || (is_full(t, x) && look_at_window(c, t, c->part, &err)))
        failed(x, &err);
}

/* Goes through a target's partitions until the hub's loop has to be asked. */
static enum next go_through(struct avro_capture *c, struct target *t)
{
    for (; c->part < t->part_count && c->part < c->q.there.count; c->part++) {
        struct part *x = &t->parts[c->part];
        struct err err;
        if (!x->known || time_mono_us() < x->retry_us)
            continue;
        if (wants(c, t, c->part)) {
            ev_post(c->hub->loop, on_hub_read, c);
            return NEXT_WAIT;
        }
        if (look_at_window(c, t, c->part, &err))
            failed(x, &err);
    }
    return NEXT_TARGET;
}

static void on_timer(void *arg);

static void rest(struct avro_capture *c)
{
    if (!c->stopping) {
        ev_timer_start(c->timer, AVRO_LOOK_MS, 0);
    } else if (!c->last) {
        c->last = true;
        ev_defer(c->loop, on_timer, c);
    } else {
        ev_stop(c->loop);
    }
}

enum { PART_LOOK = -2, PART_RESERVE = -1 };

static void next_target(struct avro_capture *c, size_t at)
{
    mem_free(c->q.there.items);
    c->q.there = (struct hub_ranges){0};
    c->at = at;
    c->part = PART_LOOK;
    if (at >= c->count)
        rest(c);
    else
        ev_post(c->hub->loop, on_hub_look, c);
}

/* The hub's loop has answered. */
static void go_on(void *arg)
{
    struct avro_capture *c = arg;
    struct target *t = &c->targets[c->at];
    if (!c->q.found) {
        forget_parts(t);
        memset(t->id, 0, sizeof t->id);
        next_target(c, c->at + 1);
        return;
    }
    if (c->part >= 0) {
        take_read(c, t);
    } else if (c->part == PART_LOOK && adopt(c, t)) {
        mem_free(c->q.there.items);
        c->part = PART_RESERVE;
        ev_post(c->hub->loop, on_hub_reserve, c);
        return;
    } else {
        c->part = 0;
    }
    if (go_through(c, t) == NEXT_TARGET)
        next_target(c, c->at + 1);
}

static void on_timer(void *arg)
{
    next_target(arg, 0);
}

/* ------------------------------------------------------------------ start and stop */

static void capture_free(struct avro_capture *c)
{
    for (size_t i = 0; i < c->count; i++)
        forget_parts(&c->targets[i]);
    ev_timer_free(c->timer);
    if (c->loop)
        ev_loop_free(c->loop);
    mem_free(c->q.there.items);
    mem_free(c->q.given);
    arena_free(c->arena);
    mem_free(c);
}

int avro_capture_start(struct hub *h, struct avro_capture **out, struct err *err)
{
    struct avro_capture *c = NEW(struct avro_capture);
    c->hub = h;
    c->arena = arena_new();
    char *path = path_join(c->arena, h->opts.state_dir, AVRO_CAPTURE_FILE);
    int rc = fs_exists(path) ? read_targets(c, path, err) : 0;
    *out = NULL;
    if (rc || c->count == 0) {
        capture_free(c);
        return rc;
    }
    c->at = c->count;
    c->loop = ev_loop_new("hub-capture");
    c->timer = ev_timer_new(c->loop, on_timer, c);
    ev_timer_start(c->timer, 0, 0);
    c->thread = ev_thread_start("hub-capture", c->loop);
    *out = c;
    return 0;
}

static void on_stop(void *arg)
{
    struct avro_capture *c = arg;
    c->stopping = true;
    if (c->at >= c->count) { /* resting */
        ev_timer_stop(c->timer);
        rest(c);
    }
}

void avro_capture_stop(struct avro_capture *c)
{
    if (!c)
        return;
    ev_post(c->loop, on_stop, c);
    ev_thread_join(c->thread);
    capture_free(c);
}
