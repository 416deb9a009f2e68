/* stats.c -- per-file statistics: from DuckDB's COPY … RETURN_STATS to Delta's JSON.
 *
 * DuckDB gives a map from a leaf's quoted path ("s"."a") to strings: min, max, null_count, has_nan.
 * Delta wants {"numRecords":n,"minValues":{…},"maxValues":{…},"nullCount":{…}}, nested like the
 * schema, for the first delta.dataSkippingNumIndexedCols (32) leaves:
 *   numbers and decimals as JSON numbers, not for a double that has NaN or infinity;
 *   dates as text; timestamps cut to milliseconds, a maximum rounded up;
 *   strings cut to 32 characters, a cut maximum followed by U+10FFFF, greater than any rest;
 *   no minimum or maximum for booleans, binary, lists and maps; no null count within lists and maps. */
#include "lake/txn_int.h"
#include <math.h>
#include <string.h>

enum { STRING_CHARS = 32, DEFAULT_INDEXED = 32, MAX_DEPTH = 100 };
#define HIGHEST_CHAR "\xF4\x8F\xBF\xBF"

enum side { MIN, MAX, NULLS };

struct job {
    struct buf *out;
    const struct doc *columns;
    const struct lake_meta *meta;
    enum side side;
    int64_t leaves_left;
    struct str only;                  /* delta.dataSkippingStatsColumns: "a, s.y"; empty: the first ones */
};

/* Is the column of this dotted name one that has statistics, or in a struct that has? */
static bool is_listed(const struct job *j, struct str name)
{
    struct str rest = j->only, item;
    while (str_split(&rest, ',', &item)) {
        item = str_trim(item);
        if (item.len > 2 && item.ptr[0] == '`' && item.ptr[item.len - 1] == '`')
            item = str_sub(item, 1, item.len - 2);
        if (str_ieq(item, str_sub(name, 0, item.len)) && (name.len == item.len || name.ptr[item.len] == '.'))
            return item.len > 0;
    }
    return false;
}

static void put_ms(struct buf *out, struct str text, bool zone, bool up)
{
    struct tp t;
    char iso[40];
    struct buf fixed; /* "2024-01-02 03:04:05.999999+00" → ISO */
    buf_init(&fixed);
    buf_str(&fixed, text);
    if (zone && text.len > 3 && (text.ptr[text.len - 3] == '+' || text.ptr[text.len - 3] == '-'))
        buf_z(&fixed, ":00");
    char *blank = strchr(fixed.ptr, ' ');
    if (blank)
        *blank = 'T';
    if (time_parse_iso(buf_view(&fixed), &t)) {
        int64_t rest = ((t.us % 1000) + 1000) % 1000;
        t.us += up && rest ? 1000 - rest : -rest;
        time_iso(t, 3, iso);
        size_t n = strlen(iso);
        if (!zone && n && iso[n - 1] == 'Z')
            iso[n - 1] = '\0';
        json_quote(out, str_z(iso));
    }
    buf_release(&fixed);
}

static void put_string(struct buf *out, struct str s, bool up)
{
    size_t at = 0, chars = 0;
    while (at < s.len && chars < STRING_CHARS) {
        at++;
        while (at < s.len && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
            at++;
        chars++;
    }
    if (!str_utf8_ok(s))
        return;
    if (at == s.len) {
        json_quote(out, s);
        return;
    }
    struct buf cut;
    buf_init(&cut);
    buf_str(&cut, str_sub(s, 0, at));
    if (up)
        buf_z(&cut, HIGHEST_CHAR);
    json_quote(out, buf_view(&cut));
    buf_release(&cut);
}

static void put_number(struct buf *out, struct str text)
{
    double v;
    if (str_f64(text, &v) && isfinite(v))
        buf_str(out, text);
}

/* Writes a bound's value, or nothing if it cannot be told. */
static void put_bound(struct buf *out, const struct type *t, struct str text, bool has_nan, bool up)
{
    switch (t->kind) {
    case TYPE_BYTE: case TYPE_SHORT: case TYPE_INT: case TYPE_LONG: case TYPE_DECIMAL:
        put_number(out, text);
        break;
    case TYPE_FLOAT: case TYPE_DOUBLE:
        if (!has_nan)
            put_number(out, text);
        break;
    case TYPE_DATE: json_quote(out, text); break;
    case TYPE_TIMESTAMP: put_ms(out, text, true, up); break;
    case TYPE_TIMESTAMP_NTZ: put_ms(out, text, false, up); break;
    case TYPE_STRING: case TYPE_CHAR: case TYPE_VARCHAR: put_string(out, text, up); break;
    default: break;
    }
}

static void put_leaf(struct job *j, const struct type *t, struct str path)
{
    const struct doc *c = doc_get_str(j->columns, path);
    if (!c || t->kind == TYPE_NULL)
        return;
    if (j->side == NULLS) {
        int64_t n;
        if (str_i64(doc_str(doc_get(c, "null_count"), STR_NONE), &n))
            buf_printf(j->out, "%jd", (intmax_t)n);
        return;
    }
    const struct doc *v = doc_get(c, j->side == MIN ? "min" : "max");
    if (!doc_is(v, DOC_STRING))
        return;
    bool has_nan = str_eqz(doc_str(doc_get(c, "has_nan"), STR_NONE), "true");
    put_bound(j->out, t, v->text, has_nan, j->side == MAX);
}

static void put_struct(struct job *j, const struct type *t, struct str path, struct str name, int depth)
{
    struct buf inner, named;
    bool any = false;
    buf_init(&inner);
    buf_init(&named);
    buf_char(j->out, '{');
    for (size_t i = 0; i < t->field_count && depth < MAX_DEPTH; i++) {
        const struct type_field *f = &t->fields[i];
        const struct type *ft = f->type;
        if (depth == 0 && meta_is_partition(j->meta, f->name))
            continue;
        buf_clear(&named);
        buf_printf(&named, "%.*s%s%.*s", STR_ARGS(name), name.len ? "." : "", STR_ARGS(f->name));
        if (ft->kind != TYPE_STRUCT && j->only.len && !is_listed(j, buf_view(&named)))
            continue;
        if (ft->kind != TYPE_STRUCT && !j->only.len && j->leaves_left-- <= 0)
            break;
        buf_clear(&inner);
        buf_str(&inner, path);
        if (path.len)
            buf_char(&inner, '.');
        struct str physical = meta_physical(j->meta, f);
        duck_quote_ident(&inner, physical);
        size_t before = j->out->len;
        buf_z(j->out, any ? "," : "");
        json_quote(j->out, physical);
        buf_char(j->out, ':');
        size_t value_at = j->out->len;
        if (ft->kind == TYPE_STRUCT)
            put_struct(j, ft, buf_view(&inner), buf_view(&named), depth + 1);
        else if (ft->kind != TYPE_ARRAY && ft->kind != TYPE_MAP)
            put_leaf(j, ft, buf_view(&inner));
        bool empty = j->out->len == value_at || (ft->kind == TYPE_STRUCT && j->out->len == value_at + 2);
        if (empty) {
            j->out->len = before;
            j->out->ptr[before] = '\0';
        }
        any = any || !empty;
    }
    buf_char(j->out, '}');
    buf_release(&inner);
    buf_release(&named);
}

static int64_t indexed_columns(const struct lake_meta *m)
{
    int64_t n;
    for (size_t i = 0; i < m->properties.count; i++)
        if (str_ieqz(m->properties.items[i].key, "delta.dataSkippingNumIndexedCols") &&
            str_i64(m->properties.items[i].value, &n))
            return n < 0 ? INT64_MAX : n;
    return DEFAULT_INDEXED;
}

int stats_put(struct buf *out, const struct type *schema, const struct lake_meta *meta, int64_t rows,
              const struct doc *columns, struct err *err)
{
    static const char *const names[] = {[MIN] = "minValues", [MAX] = "maxValues", [NULLS] = "nullCount"};
    buf_printf(out, "{\"numRecords\":%jd", (intmax_t)rows);
    for (int side = MIN; side <= NULLS; side++) {
        struct job j = {out, columns, meta, (enum side)side, indexed_columns(meta), meta_property(meta, "delta.dataSkippingStatsColumns")};
        buf_printf(out, ",\"%s\":", names[side]);
        put_struct(&j, schema, STR_NONE, STR_NONE, 0);
    }
    buf_char(out, '}');
    return buf_check(out, "file statistics", err);
}

struct str stats_loosened(struct arena *a, struct str stats, int64_t physical_rows)
{
    stats = str_trim(stats);
    if (stats.len < 3 || stats.ptr[stats.len - 1] != '}')
        return str_fmt(a, "{\"numRecords\":%jd,\"tightBounds\":false}", (intmax_t)physical_rows);
    if (str_find(stats, STR("\"tightBounds\":false")) >= 0)
        return stats;
    int64_t tight = str_find(stats, STR(",\"tightBounds\":true"));
    if (tight >= 0)
        stats = str_fmt(a, "%.*s%.*s", (int)tight, stats.ptr, STR_ARGS(str_from(stats, (size_t)tight + sizeof ",\"tightBounds\":true" - 1)));
    return str_fmt(a, "%.*s,\"tightBounds\":false}", (int)stats.len - 1, stats.ptr);
}

struct str stats_partition_value(struct arena *a, const struct type *t, struct str text)
{
    if (t->kind != TYPE_TIMESTAMP)
        return str_copy(a, text);
    /* "2021-03-04 05:06:07.123456+00" → "2021-03-04T05:06:07.123456Z" */
    struct str s = str_ends_z(text, "+00") ? str_sub(text, 0, text.len - 3) : text;
    char *z = arena_printf(a, "%.*sZ", STR_ARGS(s));
    char *blank = strchr(z, ' ');
    if (blank)
        *blank = 'T';
    return str_z(z);
}
