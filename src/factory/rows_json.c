/* JSON: a scan over the text finds where each value ends, so that one row at a time becomes a tree. */
#include "factory/expr_int.h"
#include "factory/rows.h"

#include <string.h>

struct json_in {
    struct rows_in base;
    struct arena *names_a, *a;    /* a: of the row */
    struct buf text;
    size_t at;
    bool array, started, ended;
    int64_t line, bytes;
    const struct doc *row, *first; /* first: read ahead for its keys */
    struct cell *cells;
};

static void skip_blanks(struct json_in *j)
{
    for (; j->at < j->text.len && strchr(" \t\r\n,", j->text.ptr[j->at]) && j->text.ptr[j->at]; j->at++)
        j->line += j->text.ptr[j->at] == '\n';
}

/* The end of the value that starts at j->at: quotes and brackets are counted, nothing is judged. */
static size_t value_end(const struct json_in *j)
{
    size_t i = j->at;
    int depth = 0;
    bool quoted = false;
    for (; i < j->text.len; i++) {
        char c = j->text.ptr[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (--depth <= 0)
                return i + (depth == 0);
        } else if (depth == 0 && strchr(" \t\r\n,", c)) {
            return i;
        }
    }
    return j->text.len;
}

static int next_value(struct json_in *j, struct err *err)
{
    skip_blanks(j);
    if (!j->started && j->at < j->text.len && j->text.ptr[j->at] == '[') {
        j->array = true;
        j->at++;
        skip_blanks(j);
    }
    j->started = true;
    if (j->array && j->at < j->text.len && j->text.ptr[j->at] == ']') {
        j->ended = true;
        return 0;
    }
    if (j->ended || j->at >= j->text.len)
        return j->array && !j->ended
                   ? err_at(err, ERR_INPUT, j->base.shown, (int)j->line, 0, "the array does not end")
                   : 0;
    size_t end = value_end(j);
    struct str text = str_sub(buf_view(&j->text), j->at, end > j->at ? end - j->at : 1);
    j->base.line = j->line;
    j->base.bad_row = false;
    arena_reset(j->a);
    j->row = doc_json(j->a, j->base.shown, text, err);
    for (size_t i = 0; i < text.len; i++)
        j->line += text.ptr[i] == '\n';
    j->at += text.len;
    if (!j->row) {
        if (err->where.line > 0)
            err->where.line += (int)j->base.line - 1;
        return -1;
    }
    if (j->row->kind != DOC_OBJECT) {
        j->base.bad_row = true;
        return err_at(err, ERR_INPUT, j->base.shown, (int)j->base.line, 0,
                      "a row is an object, not %s", doc_kind_name(j->row->kind));
    }
    return 1;
}

static int json_next(struct rows_in *in, const struct cell **cells, struct err *err)
{
    struct json_in *j = (struct json_in *)in;
    int rc = j->first ? 1 : next_value(j, err);
    j->first = NULL;
    if (rc != 1)
        return rc;
    for (size_t i = 0; i < in->count; i++) {
        const struct doc *v = doc_get_str(j->row, in->names[i]);
        j->cells[i] = !v || v->kind == DOC_NULL ? (struct cell){CELL_NULL, STR_NONE, NULL}
                      : v->kind == DOC_STRING   ? (struct cell){CELL_TEXT, v->text, NULL}
                                                : (struct cell){CELL_DOC, STR_NONE, v};
    }
    *cells = j->cells;
    return 1;
}

static const struct doc *json_whole(struct rows_in *in)
{
    return ((struct json_in *)in)->row;
}

static int64_t json_bytes(struct rows_in *in)
{
    return ((struct json_in *)in)->bytes;
}

static void json_close(struct rows_in *in)
{
    struct json_in *j = (struct json_in *)in;
    arena_free(j->a);
    arena_free(j->names_a);
    buf_release(&j->text);
    mem_free(j->cells);
    mem_free(j);
}

static const struct rows_in_type json_type = {json_next, json_whole, json_bytes, json_close};

static int read_text(struct json_in *j, struct datastore_in *in, struct err *err)
{
    char chunk[65536];
    int64_t got;
    while ((got = datastore_read(in, chunk, sizeof chunk, err)) > 0) {
        buf_add(&j->text, chunk, (size_t)got);
        if (j->text.len > ROWS_MAX_JSON)
            return err_set(err, ERR_LIMIT, "'%s' is larger than %d bytes", j->base.shown,
                           ROWS_MAX_JSON);
    }
    j->bytes = datastore_bytes_read(in);
    if (str_starts_z(buf_view(&j->text), "\xef\xbb\xbf"))
        j->at = 3;
    return got < 0 ? -1 : 0;
}

struct rows_in *json_open(struct datastore_in *in, const char *shown, struct err *err)
{
    struct json_in *j = NEW(struct json_in);
    j->base.type = &json_type;
    j->a = arena_new();
    j->names_a = arena_new();
    j->base.shown = arena_strdup(j->names_a, shown);
    j->line = 1;
    buf_init_max(&j->text, ROWS_MAX_JSON + 65536u);
    int rc = read_text(j, in, err);
    datastore_close(in);
    if (rc == 0 && (rc = next_value(j, err)) == 1) {
        j->first = j->row;
        j->base.count = j->row->count;
        j->base.names = ARENA_ARRAY(j->names_a, struct str, j->row->count + 1);
        for (size_t i = 0; i < j->row->count; i++)
            j->base.names[i] = str_copy(j->names_a, j->row->keys[i].name);
    }
    j->cells = mem_alloc((j->base.count + 1) * sizeof *j->cells);
    if (rc >= 0)
        return &j->base;
    json_close(&j->base);
    return NULL;
}

/* ---------------------------------------------------------------- writing */

struct json_out { struct rows_out base; bool array; };

static void json_header(struct rows_out *base, const struct str *names, size_t count)
{
    (void)names;
    (void)count;
    if (((struct json_out *)base)->array)
        buf_char(&base->b, '[');
}

static void put_cell(struct buf *b, const struct cell *c)
{
    if (c->kind == CELL_NULL)
        buf_z(b, "null");
    else if (c->kind == CELL_TEXT)
        json_quote(b, c->text);
    else
        doc_write(b, c->doc);
}

static int json_row(struct rows_out *base, const struct str *names, const struct cell *cells,
                    size_t count, struct err *err)
{
    struct json_out *o = (struct json_out *)base;
    bool first = true;
    (void)err;
    if (o->array && base->rows)
        buf_char(&base->b, ',');
    if (count == 1 && !names) { /* a row kept whole */
        doc_write(&base->b, cells[0].doc);
    } else {
        buf_char(&base->b, '{');
        for (size_t i = 0; i < count; i++) {
            if (cells[i].kind == CELL_NULL) /* as Azure: what is null is left out */
                continue;
            if (!first)
                buf_char(&base->b, ',');
            first = false;
            json_quote(&base->b, names[i]);
            buf_char(&base->b, ':');
            put_cell(&base->b, &cells[i]);
        }
        buf_char(&base->b, '}');
    }
    if (!o->array)
        buf_char(&base->b, '\n');
    base->rows++;
    return 0;
}

static void json_end(struct rows_out *base)
{
    if (((struct json_out *)base)->array)
        buf_z(&base->b, "]");
}

static const struct rows_out_type json_out_type = {json_header, json_row, json_end};

struct rows_out *json_writer(const struct doc *settings)
{
    struct json_out *o = NEW(struct json_out);
    o->base.type = &json_out_type;
    buf_init(&o->base.b);
    o->array = str_ieqz(data_text(settings, "filePattern"), "arrayOfObjects");
    return &o->base;
}
