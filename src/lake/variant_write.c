#include "lake/variant_write.h"
#include "base/map.h"
#include "lake/variant.h"
#include <stdlib.h>
#include <string.h>

enum { BASIC_PRIMITIVE, BASIC_SHORT_TEXT, BASIC_OBJECT, BASIC_ARRAY, VERSION = 1, SORTED = 1 << 4, SHORT_MAX = 63, COUNT_SHORT_MAX = 255 };
enum { NUL, TRUE_VALUE, FALSE_VALUE, INT8, INT16, INT32, INT64, DOUBLE, DECIMAL4, DECIMAL8, DECIMAL16, LONG_TEXT = 16 };
enum { DECIMAL4_DIGITS = 9, DECIMAL8_DIGITS = 18, DECIMAL_DIGITS = 38, MAX_LEVELS = DOC_MAX_DEPTH + 1 };

struct writer {
    struct arena *a;
    struct map *ids;              /* name → its number plus one */
    struct str *names;            /* sorted */
    size_t name_count, name_cap;
};

static void put_le(struct buf *out, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_char(out, (char)(v >> (8 * i)));
}

static int width_of(uint64_t max)
{
    return max <= UINT8_MAX ? 1 : max <= UINT16_MAX ? 2 : max <= 0xFFFFFF ? 3 : 4;
}

static void put_head(struct buf *out, int basic, unsigned head)
{
    buf_char(out, (char)(head << 2 | (unsigned)basic));
}

/* ---- names */

static void collect(struct writer *w, const struct doc *d, int depth)
{
    CHECK(depth < MAX_LEVELS);
    for (size_t i = 0; (d->kind == DOC_OBJECT || d->kind == DOC_ARRAY) && i < d->count; i++) {
        if (d->kind == DOC_OBJECT && !map_put(w->ids, d->keys[i].name, w)) {
            w->names = arena_grow(w->a, w->names, &w->name_cap, w->name_count + 1, sizeof *w->names);
            w->names[w->name_count++] = d->keys[i].name;
        }
        collect(w, d->items[i], depth + 1);
    }
}

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void put_names(struct writer *w, struct buf *out)
{
    size_t total = 0;
    if (w->name_count)
        qsort(w->names, w->name_count, sizeof *w->names, by_bytes);
    for (size_t i = 0; i < w->name_count; i++) {
        map_put(w->ids, w->names[i], (void *)(uintptr_t)(i + 1));
        total += w->names[i].len;
    }
    int width = width_of(total > w->name_count ? total : w->name_count);
    buf_char(out, (char)(VERSION | SORTED | (width - 1) << 6));
    put_le(out, w->name_count, width);
    for (size_t i = 0, at = 0; i <= w->name_count; i++) {
        put_le(out, at, width);
        at += i < w->name_count ? w->names[i].len : 0;
    }
    for (size_t i = 0; i < w->name_count; i++)
        buf_str(out, w->names[i]);
}

/* ---- values */

static void put_text(struct buf *out, struct str s)
{
    if (s.len <= SHORT_MAX) {
        put_head(out, BASIC_SHORT_TEXT, (unsigned)s.len);
    } else {
        put_head(out, BASIC_PRIMITIVE, LONG_TEXT);
        put_le(out, s.len, 4);
    }
    buf_str(out, s);
}

static void put_integer(struct buf *out, int64_t v)
{
    static const struct { int64_t max; int type, bytes; } kinds[] = {{INT8_MAX, INT8, 1}, {INT16_MAX, INT16, 2}, {INT32_MAX, INT32, 4}, {INT64_MAX, INT64, 8}};
    size_t i = 0;
    while (v > kinds[i].max || v < -kinds[i].max - 1)
        i++;
    put_head(out, BASIC_PRIMITIVE, (unsigned)kinds[i].type);
    put_le(out, (uint64_t)v, kinds[i].bytes);
}

/* Digits, maybe with a sign and a point, if they are at most 38. */
static bool put_decimal(struct buf *out, struct str s)
{
    unsigned __int128 n = 0;
    int digits = 0, scale = 0;
    bool negative = s.len && s.ptr[0] == '-', point = false;
    for (size_t i = negative; i < s.len; i++) {
        if (s.ptr[i] == '.') {
            point = true;
            continue;
        }
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (unsigned)(s.ptr[i] - '0');
        digits += n != 0;
        scale += point;
        if (digits > DECIMAL_DIGITS || scale > DECIMAL_DIGITS)
            return false;
    }
    int precision = digits > scale ? digits : scale;
    int bytes = precision <= DECIMAL4_DIGITS ? 4 : precision <= DECIMAL8_DIGITS ? 8 : 16;
    put_head(out, BASIC_PRIMITIVE, bytes == 4 ? DECIMAL4 : bytes == 8 ? DECIMAL8 : DECIMAL16);
    buf_char(out, (char)scale);
    unsigned __int128 v = negative ? -n : n;
    put_le(out, (uint64_t)v, bytes < 8 ? bytes : 8);
    if (bytes == 16)
        put_le(out, (uint64_t)(v >> 64), 8);
    return true;
}

static void put_number(struct buf *out, const struct doc *d)
{
    int64_t v;
    double f = 0;
    uint64_t bits;
    if (d->kind == DOC_INT && doc_i64(d, &v)) {
        put_integer(out, v);
        return;
    }
    if (put_decimal(out, d->text))
        return;
    doc_f64(d, &f);
    memcpy(&bits, &f, sizeof bits);
    put_head(out, BASIC_PRIMITIVE, DOUBLE);
    put_le(out, bits, 8);
}

static void put_value(struct writer *w, struct buf *out, const struct doc *d, int depth);

struct member { struct str name; const struct doc *value; };

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* An object's members in order of names; of equal names the last counts, as doc_get() has it. */
static size_t members_of(struct writer *w, const struct doc *d, struct member **out)
{
    size_t n = 0;
    *out = ARENA_ARRAY(w->a, struct member, d->count + 1);
    for (size_t i = 0; i < d->count; i++)
        if (d->kind == DOC_ARRAY || doc_get_str(d, d->keys[i].name) == d->items[i])
            (*out)[n++] = (struct member){d->kind == DOC_ARRAY ? STR_NONE : d->keys[i].name, d->items[i]};
    if (d->kind == DOC_OBJECT && n)
        qsort(*out, n, sizeof **out, by_name);
    return n;
}

/* An object (whose `ids` are n numbers of id_width bytes) or an array of the values in `inner`. */
static void put_container(struct buf *out, struct str ids, int id_width, const size_t *offsets, size_t n, struct buf *inner)
{
    bool large = n > COUNT_SHORT_MAX;
    int offset_width = width_of(inner->len);
    put_head(out, id_width ? BASIC_OBJECT : BASIC_ARRAY,
             id_width ? (unsigned)(large << 4 | (id_width - 1) << 2 | (offset_width - 1)) : (unsigned)(large << 2 | (offset_width - 1)));
    put_le(out, n, large ? 4 : 1);
    buf_str(out, ids);
    for (size_t i = 0; i <= n; i++)
        put_le(out, offsets[i], offset_width);
    buf_str(out, buf_view(inner));
    out->overflow = out->overflow || inner->overflow;
    buf_release(inner);
}

static void put_members(struct writer *w, struct buf *out, const struct doc *d, int depth)
{
    struct member *m;
    struct buf inner, ids;
    size_t n = members_of(w, d, &m);
    size_t *offsets = ARENA_ARRAY(w->a, size_t, n + 1);
    int id_width = d->kind == DOC_OBJECT ? width_of(w->name_count) : 0;
    buf_init_max(&inner, VARIANT_MAX_BYTES);
    buf_init_max(&ids, VARIANT_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        offsets[i] = inner.len;
        put_value(w, &inner, m[i].value, depth + 1);
        if (id_width)
            put_le(&ids, (uint64_t)(uintptr_t)map_get(w->ids, m[i].name) - 1, id_width);
    }
    offsets[n] = inner.len;
    put_container(out, buf_view(&ids), id_width, offsets, n, &inner);
    buf_release(&ids);
}

static void put_value(struct writer *w, struct buf *out, const struct doc *d, int depth)
{
    CHECK(depth < MAX_LEVELS);
    switch (d->kind) {
    case DOC_NULL: put_head(out, BASIC_PRIMITIVE, NUL); break;
    case DOC_BOOL: put_head(out, BASIC_PRIMITIVE, d->boolean ? TRUE_VALUE : FALSE_VALUE); break;
    case DOC_INT: case DOC_FLOAT: put_number(out, d); break;
    case DOC_STRING: put_text(out, d->text); break;
    case DOC_ARRAY: case DOC_OBJECT: put_members(w, out, d, depth); break;
    }
}

int variant_put(struct buf *metadata, struct buf *value, const struct doc *d, struct err *err)
{
    struct writer w = {.a = arena_new(), .ids = map_new()};
    struct buf names, bytes;
    buf_init_max(&names, VARIANT_MAX_BYTES);
    buf_init_max(&bytes, VARIANT_MAX_BYTES);
    collect(&w, d, 0);
    put_names(&w, &names);
    put_value(&w, &bytes, d, 0);
    int rc = buf_check(&names, "a VARIANT's names", err) || buf_check(&bytes, "a VARIANT", err) ? -1 : 0;
    if (rc == 0) {
        buf_str(metadata, buf_view(&names));
        buf_str(value, buf_view(&bytes));
    }
    buf_release(&names);
    buf_release(&bytes);
    map_free(w.ids);
    arena_free(w.a);
    return rc;
}

/* ---- DuckDB's values */

static int corrupt(struct err *err)
{
    return err_set(err, ERR_CORRUPT, "a VARIANT value is damaged");
}

static uint64_t le_at(const uint8_t *at, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* Where the value that starts at `from` ends: where the next one starts. */
static size_t slot_end(const size_t *sorted, size_t n, size_t from)
{
    size_t lo = 0, hi = n; /* sorted[n] is the end of all */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (sorted[mid] > from)
            hi = mid;
        else
            lo = mid + 1;
    }
    return sorted[lo];
}

static int mend(struct arena *a, struct buf *out, struct str v, int depth, struct err *err);

static int mend_members(struct arena *a, struct buf *out, struct str v, bool object, int depth, struct err *err)
{
    const uint8_t *at = (const uint8_t *)v.ptr;
    unsigned head = at[0] >> 2;
    size_t count_width = (object ? head >> 4 & 1 : head >> 2 & 1) ? 4 : 1, id_width = object ? (head >> 2 & 3) + 1 : 0, offset_width = (head & 3) + 1;
    if (v.len < 1 + count_width)
        return corrupt(err);
    size_t n = le_at(at + 1, (int)count_width), ids = 1 + count_width, table = ids + n * id_width, values = table + (n + 1) * offset_width;
    if (n > v.len || values > v.len)
        return corrupt(err);
    size_t *offsets = ARENA_ARRAY(a, size_t, n + 1), *sorted = ARENA_ARRAY(a, size_t, n + 1);
    for (size_t i = 0; i <= n; i++)
        offsets[i] = sorted[i] = le_at(at + table + i * offset_width, (int)offset_width);
    qsort(sorted, n + 1, sizeof *sorted, by_size);
    if (sorted[n] != offsets[n] || offsets[n] > v.len - values)
        return corrupt(err);
    struct buf inner;
    buf_init_max(&inner, VARIANT_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        struct str slot = str_sub(v, values + offsets[i], slot_end(sorted, n, offsets[i]) - offsets[i]);
        offsets[i] = inner.len;
        if (mend(a, &inner, slot, depth + 1, err)) {
            buf_release(&inner);
            return -1;
        }
    }
    offsets[n] = inner.len;
    put_container(out, str_sub(v, ids, n * id_width), (int)id_width, offsets, n, &inner);
    return 0;
}

static int mend(struct arena *a, struct buf *out, struct str v, int depth, struct err *err)
{
    if (!v.len)
        return corrupt(err);
    if (depth > VARIANT_MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "a VARIANT value is nested deeper than %d levels", VARIANT_MAX_DEPTH);
    int basic = v.ptr[0] & 3;
    if (basic == BASIC_OBJECT || basic == BASIC_ARRAY)
        return mend_members(a, out, v, basic == BASIC_OBJECT, depth, err);
    if (v.ptr[0] == BASIC_SHORT_TEXT && v.len == SHORT_MAX + 2)
        put_text(out, str_from(v, 1));
    else
        buf_str(out, v);
    return 0;
}

int variant_mend(struct buf *out, struct str value, struct err *err)
{
    struct arena *a = arena_new();
    int rc = mend(a, out, value, 0, err);
    arena_free(a);
    return rc;
}

/* ---- the functions */

static int one_part(struct str json, bool names, struct buf *out, struct err *err)
{
    struct buf other;
    struct arena *a = arena_new();
    struct doc *d = doc_json(a, NULL, json, err);
    buf_init(&other);
    int rc = d ? variant_put(names ? out : &other, names ? &other : out, d, err) : -1;
    buf_release(&other);
    arena_free(a);
    return rc;
}

static int names_part(void *ctx, const struct duck_arg *args, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)is_null;
    return one_part(args[0].text, true, out, err);
}

static int value_part(void *ctx, const struct duck_arg *args, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)is_null;
    return one_part(args[0].text, false, out, err);
}

static int mended(void *ctx, const struct duck_arg *args, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)is_null;
    return variant_mend(out, args[0].text, err);
}

int lake_variant_write_register(struct duck *db, struct err *err)
{
    const char *const text[] = {"VARCHAR"}, *const bytes[] = {"BLOB"};
    return duck_scalar_register(db, LAKE_VARIANT_NAMES_FUNCTION, text, 1, "BLOB", false, names_part, NULL, err) ||
           duck_scalar_register(db, LAKE_VARIANT_VALUE_FUNCTION, text, 1, "BLOB", false, value_part, NULL, err) ||
           duck_scalar_register(db, LAKE_VARIANT_MEND_FUNCTION, bytes, 1, "BLOB", false, mended, NULL, err) ? -1 : 0;
}
