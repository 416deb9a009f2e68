/* parquet_footer.c -- the end of a Parquet file: <footer> <u32le its size> "PAR1".
 *
 * The footer is a Thrift struct FileMetaData in the compact protocol; its field 2 is the list of
 * SchemaElements, of which 1 is the physical type, 4 the name, 5 the number of children, 9 the field id
 * and 10 the LogicalType, a union whose member 16 is VARIANT; its field 5 is a list of keys (1) and
 * values (2) of the writer's own. Everything else is skipped by its type.
 * Compact protocol: a field is one byte, high half the step of its id (0: the id follows as a zigzag
 * varint), low half its type; a struct ends with a zero byte; a list is one byte, high half its length
 * (15: a varint follows), low half the type of its items. */
#include "lake/parquet_footer.h"

enum { TAIL_BYTES = 8, SKIP_DEPTH = 64 };
enum { T_STOP, T_TRUE, T_FALSE, T_I8, T_I16, T_I32, T_I64, T_DOUBLE, T_BINARY, T_LIST, T_SET, T_MAP, T_STRUCT, T_UUID };
enum { FILE_SCHEMA = 2, FILE_PAIRS = 5, EL_TYPE = 1, EL_NAME = 4, EL_CHILDREN = 5, EL_FIELD_ID = 9, EL_LOGICAL = 10, LOGICAL_VARIANT = 16, TYPE_INT96 = 3, PAIR_KEY = 1, PAIR_VALUE = 2 };

struct thrift { const uint8_t *at, *end, *start; bool bad; };

static uint8_t take_byte(struct thrift *t)
{
    if (t->at == t->end) {
        t->bad = true;
        return 0;
    }
    return *t->at++;
}

static uint64_t take_varint(struct thrift *t)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t b = take_byte(t);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    t->bad = true;
    return 0;
}

static int64_t take_zigzag(struct thrift *t)
{
    uint64_t v = take_varint(t);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static struct str take_binary(struct thrift *t)
{
    uint64_t n = take_varint(t);
    if (t->bad || n > (uint64_t)(t->end - t->at)) {
        t->bad = true;
        return STR_NONE;
    }
    struct str s = str_of((const char *)t->at, (size_t)n);
    t->at += n;
    return s;
}

/* The next field of a struct: its type, T_STOP at the end; *id is stepped on. */
static int take_field(struct thrift *t, int64_t *id)
{
    uint8_t b = take_byte(t);
    if (t->bad || !(b & 15))
        return T_STOP;
    *id = b >> 4 ? *id + (b >> 4) : take_zigzag(t);
    return b & 15;
}

static uint64_t take_list(struct thrift *t, int *type)
{
    uint8_t b = take_byte(t);
    *type = b & 15;
    return b >> 4 == 15 ? take_varint(t) : b >> 4;
}

static void skip(struct thrift *t, int type, bool in_list, int depth);

static void skip_struct(struct thrift *t, int depth)
{
    int64_t id = 0;
    for (int type; (type = take_field(t, &id)) != T_STOP && !t->bad;)
        skip(t, type, false, depth + 1);
}

static void skip_items(struct thrift *t, int type, int depth)
{
    int of, of_value = 0;
    uint64_t n;
    if (type == T_MAP) {
        n = take_varint(t);
        uint8_t kinds = n ? take_byte(t) : 0;
        of = kinds >> 4;
        of_value = kinds & 15;
    } else {
        n = take_list(t, &of);
    }
    for (uint64_t i = 0; i < n && !t->bad; i++) {
        skip(t, of, true, depth + 1);
        if (type == T_MAP)
            skip(t, of_value, true, depth + 1);
    }
}

static void skip_bytes(struct thrift *t, size_t n)
{
    if ((size_t)(t->end - t->at) < n)
        t->bad = true;
    else
        t->at += n;
}

static void skip(struct thrift *t, int type, bool in_list, int depth)
{
    if (depth > SKIP_DEPTH)
        t->bad = true;
    if (t->bad)
        return;
    switch (type) {
    case T_TRUE: case T_FALSE: skip_bytes(t, in_list); break;
    case T_I8: skip_bytes(t, 1); break;
    case T_I16: case T_I32: case T_I64: take_varint(t); break;
    case T_DOUBLE: skip_bytes(t, 8); break;
    case T_UUID: skip_bytes(t, 16); break;
    case T_BINARY: take_binary(t); break;
    case T_LIST: case T_SET: case T_MAP: skip_items(t, type, depth); break;
    case T_STRUCT: skip_struct(t, depth); break;
    default: t->bad = true; break;
    }
}

static bool take_logical(struct thrift *t)
{
    int64_t id = 0;
    bool variant = false;
    for (int type; (type = take_field(t, &id)) != T_STOP && !t->bad;) {
        variant = variant || id == LOGICAL_VARIANT;
        skip(t, type, false, 0);
    }
    return variant;
}

static void take_element(struct thrift *t, struct arena *a, struct parquet_element *e)
{
    int64_t id = 0;
    e->field_id = -1;
    for (int type; (type = take_field(t, &id)) != T_STOP && !t->bad;) {
        e->last_id = id;
        if (id == EL_TYPE && type == T_I32)
            e->is_int96 = take_zigzag(t) == TYPE_INT96;
        else if (id == EL_NAME && type == T_BINARY)
            e->name = str_copy(a, take_binary(t));
        else if (id == EL_CHILDREN && type == T_I32)
            e->children = take_zigzag(t);
        else if (id == EL_FIELD_ID && type == T_I32)
            e->field_id = take_zigzag(t);
        else if (id == EL_LOGICAL && type == T_STRUCT)
            e->is_variant = take_logical(t);
        else
            skip(t, type, false, 0);
    }
}

static void take_pair(struct thrift *t, struct arena *a, struct parquet_pair *p)
{
    int64_t id = 0;
    for (int type; (type = take_field(t, &id)) != T_STOP && !t->bad;) {
        if (id == PAIR_KEY && type == T_BINARY)
            p->key = str_copy(a, take_binary(t));
        else if (id == PAIR_VALUE && type == T_BINARY)
            p->value = str_copy(a, take_binary(t));
        else
            skip(t, type, false, 0);
    }
}

static void take_schema(struct thrift *t, struct arena *a, struct parquet_schema *out)
{
    int of;
    uint64_t n = take_list(t, &of);
    if (of != T_STRUCT || n > PARQUET_ELEMENTS_MAX || n > (uint64_t)(t->end - t->at)) {
        t->bad = true;
        return;
    }
    out->items = ARENA_ARRAY(a, struct parquet_element, n + 1);
    const uint8_t *start = t->start;
    for (out->count = 0; out->count < n && !t->bad; out->count++) {
        take_element(t, a, &out->items[out->count]);
        out->items[out->count].end = (size_t)(t->at - start) - 1;
    }
}

static void take_pairs(struct thrift *t, struct arena *a, struct parquet_schema *out)
{
    int of;
    uint64_t n = take_list(t, &of);
    if (of != T_STRUCT || n > PARQUET_PAIRS_MAX) {
        t->bad = true;
        return;
    }
    out->pairs = ARENA_ARRAY(a, struct parquet_pair, n + 1);
    for (out->pair_count = 0; out->pair_count < n && !t->bad; out->pair_count++)
        take_pair(t, a, &out->pairs[out->pair_count]);
}

int parquet_schema_decode(struct arena *a, struct str footer, struct parquet_schema *out, struct err *err)
{
    struct thrift t = {(const uint8_t *)footer.ptr, (const uint8_t *)footer.ptr + footer.len, (const uint8_t *)footer.ptr, false};
    int64_t id = 0;
    *out = (struct parquet_schema){};
    for (int type; (type = take_field(&t, &id)) != T_STOP && !t.bad;) {
        if (id == FILE_SCHEMA && type == T_LIST)
            take_schema(&t, a, out);
        else if (id == FILE_PAIRS && type == T_LIST)
            take_pairs(&t, a, out);
        else
            skip(&t, type, false, 0);
    }
    return t.bad || !out->count ? err_set(err, ERR_CORRUPT, "a Parquet footer that does not decode") : 0;
}

struct str parquet_value(const struct parquet_schema *s, const char *key)
{
    for (size_t i = 0; i < s->pair_count; i++)
        if (str_eqz(s->pairs[i].key, key))
            return s->pairs[i].value.ptr ? s->pairs[i].value : STR("");
    return STR_NONE;
}

size_t parquet_after(const struct parquet_schema *s, size_t at)
{
    int64_t open = 1;
    while (at < s->count && open > 0)
        open += s->items[at++].children - 1;
    return at;
}

bool parquet_is_bare_variant(const struct parquet_schema *s, size_t at, bool *shredded)
{
    bool metadata = false, value = false, other = false;
    const struct parquet_element *e = &s->items[at];
    *shredded = false;
    if (e->is_variant || e->children < 2 || e->children > 3)
        return false;
    size_t child = at + 1;
    for (int64_t i = 0; i < e->children && child < s->count; i++, child = parquet_after(s, child)) {
        bool leaf = !s->items[child].children;
        metadata = metadata || (leaf && str_eqz(s->items[child].name, "metadata"));
        value = value || (leaf && str_eqz(s->items[child].name, "value"));
        *shredded = *shredded || str_eqz(s->items[child].name, "typed_value");
        other = other || (!str_eqz(s->items[child].name, "metadata") && !str_eqz(s->items[child].name, "value") && !str_eqz(s->items[child].name, "typed_value"));
    }
    return metadata && !other && (value || *shredded) && (e->children == 2 || *shredded);
}

/* The footer with LogicalType VARIANT, version 1, as the last member of each bare variant. */
static int put_annotated(struct buf *out, struct str footer, const struct parquet_schema *s, struct err *err)
{
    static const uint8_t variant[] = {0x0c, 0x20, 0x13, 0x01, 0x00, 0x00}; /* union member 16: struct {1: i8 1}, both ended */
    size_t from = 0;
    bool shredded;
    for (size_t i = 0; i < s->count; i++) {
        const struct parquet_element *e = &s->items[i];
        if (!parquet_is_bare_variant(s, i, &shredded))
            continue;
        if (e->last_id >= EL_LOGICAL || e->end < from || e->end > footer.len)
            return err_set(err, ERR_UNSUPPORTED, "a VARIANT without annotation that has members after it");
        buf_str(out, str_sub(footer, from, e->end - from));
        buf_char(out, (char)((EL_LOGICAL - e->last_id) << 4 | T_STRUCT));
        buf_add(out, variant, sizeof variant);
        from = e->end;
    }
    buf_str(out, str_from(footer, from));
    return 0;
}

int parquet_annotate(const char *path, const char *to, struct err *err)
{
    struct buf file, out;
    struct arena *a = arena_new();
    struct parquet_schema s;
    buf_init_max(&file, PARQUET_COPY_MAX_BYTES);
    buf_init_max(&out, PARQUET_COPY_MAX_BYTES);
    int rc = fs_read_file(path, PARQUET_COPY_MAX_BYTES, &file, err);
    uint32_t size = rc == 0 && file.len >= TAIL_BYTES ? le32_get(file.ptr + file.len - TAIL_BYTES) : 0;
    if (rc == 0 && (!size || size > file.len - TAIL_BYTES))
        rc = err_set(err, ERR_CORRUPT, "'%s' is no Parquet file", path);
    if (rc == 0) {
        size_t at = file.len - TAIL_BYTES - size;
        struct str footer = str_sub(buf_view(&file), at, size);
        buf_str(&out, str_sub(buf_view(&file), 0, at));
        rc = parquet_schema_decode(a, footer, &s, err);
        if (rc == 0)
            rc = put_annotated(&out, footer, &s, err);
        uint8_t tail[TAIL_BYTES] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
        le32_put(tail, (uint32_t)(out.len - at));
        buf_add(&out, tail, sizeof tail);
    }
    if (rc == 0)
        rc = buf_check(&out, "a copy of a Parquet file", err);
    if (rc == 0) {
        int fd = fs_open(to, FS_WRITE | FS_CREATE | FS_TRUNC, err);
        rc = fd < 0 ? -1 : fs_write_all(fd, out.ptr, out.len, err);
        if (fd >= 0)
            fs_close(fd);
    }
    buf_release(&file);
    buf_release(&out);
    arena_free(a);
    return rc;
}

int parquet_schema_read(struct arena *a, const char *path, struct parquet_schema *out, struct err *err)
{
    struct fs_stat st;
    uint8_t tail[TAIL_BYTES];
    if (fs_stat(path, &st, err))
        return -1;
    int fd = fs_open(path, FS_READ, err);
    if (fd < 0)
        return -1;
    int64_t got = st.size < TAIL_BYTES ? 0 : fs_pread(fd, tail, TAIL_BYTES, st.size - TAIL_BYTES, err);
    uint32_t size = got == TAIL_BYTES ? le32_get(tail) : 0;
    int rc = got < 0 ? -1 : 0;
    if (rc == 0 && (got != TAIL_BYTES || !str_eqz(str_of((char *)tail + 4, 4), "PAR1") || !size || size > PARQUET_FOOTER_MAX_BYTES ||
                    size > st.size - TAIL_BYTES))
        rc = err_set(err, ERR_CORRUPT, "'%s' is no Parquet file", path);
    char *bytes = rc == 0 ? mem_alloc(size) : NULL;
    if (rc == 0)
        rc = fs_pread(fd, bytes, size, st.size - TAIL_BYTES - size, err) == (int64_t)size ? 0 : err_set(err, ERR_CORRUPT, "'%s' is cut short", path);
    if (rc == 0 && parquet_schema_decode(a, str_of(bytes, size), out, err))
        rc = err_wrap(err, "'%s'", path);
    mem_free(bytes);
    fs_close(fd);
    return rc;
}
