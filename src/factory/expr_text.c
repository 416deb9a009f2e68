/* String functions. Positions and lengths count UTF-16 units, as the engine's strings do; a position
 * inside a surrogate pair is moved behind it. startsWith, endsWith, indexOf and lastIndexOf ignore
 * case; contains, replace and split do not. */
#include "factory/expr_int.h"

#include <string.h>

static struct str map_chars(struct adf_env *e, struct str s, uint32_t (*map)(uint32_t))
{
    struct adf_chars c = adf_decode(e->a, s);
    for (size_t i = 0; i < c.count; i++)
        c.c[i] = map(c.c[i]);
    return adf_encode(e->a, c.c, c.count);
}

static ADF_FN(fn_concat)
{
    struct buf b;
    const struct doc *out;
    (void)node;
    buf_init_max(&b, ADF_MAX_RESULT);
    for (size_t i = 0; i < count; i++)
        buf_str(&b, adf_to_string(e->a, args[i]));
    out = b.overflow ? adf_fail(e, node->at, ADF_OTHER, "the text grows beyond %d bytes",
                                 ADF_MAX_RESULT)
                     : adf_str(e, buf_view(&b));
    buf_release(&b);
    return out;
}

/* Where `needle` starts in `s`, without regard to case, in UTF-16 units; -1 if it does not. */
static int64_t find(struct adf_env *e, struct str s, struct str needle, bool last)
{
    struct adf_chars h = adf_decode(e->a, s), n = adf_decode(e->a, needle);
    int64_t found = -1;
    size_t units = 0;
    for (size_t i = 0; i + n.count <= h.count && (last || found < 0); i++) {
        size_t k = 0;
        while (k < n.count && adf_lower_char(h.c[i + k]) == adf_lower_char(n.c[k]))
            k++;
        if (k == n.count)
            found = (int64_t)units;
        units += h.c[i] > 0xffff ? 2 : 1;
    }
    return found;
}

static ADF_FN(fn_index_of)
{
    struct str s, needle;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_str(e, node, args, 1, &needle))
        return NULL;
    return adf_int(e, find(e, s, needle, false));
}

static ADF_FN(fn_last_index_of)
{
    struct str s, needle;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_str(e, node, args, 1, &needle))
        return NULL;
    if (!needle.len)
        return adf_int(e, s.len ? (int64_t)adf_units(s) - 1 : 0);
    return adf_int(e, find(e, s, needle, true));
}

/* Where the nth occurrence begins, in UTF-16 units; -1 if there are fewer. */
static int64_t occurrence(struct adf_env *e, struct str s, struct str needle, int64_t nth)
{
    int64_t at = -1;
    size_t from = 0;
    for (int64_t i = 0; i < nth; i++) {
        int64_t hit = from > adf_units(s) ? -1 : find(e, str_from(s, adf_unit_to_byte(s, from)), needle, false);
        if (hit < 0)
            return -1;
        at = (int64_t)from + hit;
        from = (size_t)at + (needle.len ? adf_units(needle) : 1);
    }
    return at;
}

static ADF_FN(fn_nth_index_of)
{
    struct str s, needle;
    int64_t nth;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_str(e, node, args, 1, &needle) ||
        !adf_arg_int(e, node, args, 2, &nth))
        return NULL;
    if (nth < 0) { /* counted from the end */
        int64_t all = 0;
        while (occurrence(e, s, needle, all + 1) >= 0)
            all++;
        nth = all + nth + 1;
        if (nth <= 0)
            return adf_int(e, -1);
    }
    return adf_int(e, occurrence(e, s, needle, nth));
}

static ADF_FN(fn_starts_with)
{
    struct str s, part;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_str(e, node, args, 1, &part))
        return NULL;
    return adf_bool(e, str_starts(map_chars(e, s, adf_lower_char),
                                   map_chars(e, part, adf_lower_char)));
}

static ADF_FN(fn_ends_with)
{
    struct str s, part;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_str(e, node, args, 1, &part))
        return NULL;
    s = map_chars(e, s, adf_lower_char);
    part = map_chars(e, part, adf_lower_char);
    return adf_bool(e, s.len >= part.len && str_eq(str_from(s, s.len - part.len), part));
}

static ADF_FN(fn_to_lower)
{
    struct str s;
    (void)count;
    return adf_arg_str(e, node, args, 0, &s) ? adf_str(e, map_chars(e, s, adf_lower_char)) : NULL;
}

static ADF_FN(fn_to_upper)
{
    struct str s;
    (void)count;
    return adf_arg_str(e, node, args, 0, &s) ? adf_str(e, map_chars(e, s, adf_upper_char)) : NULL;
}

static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static ADF_FN(fn_trim)
{
    struct str s;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s))
        return NULL;
    struct adf_chars c = adf_decode(e->a, s);
    size_t from = 0;
    while (c.count > from && is_space(c.c[c.count - 1]))
        c.count--;
    while (from < c.count && is_space(c.c[from]))
        from++;
    return adf_str(e, adf_encode(e->a, c.c + from, c.count - from));
}

static ADF_FN(fn_replace)
{
    struct str s, from, to;
    struct buf b;
    int64_t at;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_str(e, node, args, 1, &from) ||
        !adf_arg_str(e, node, args, 2, &to))
        return NULL;
    if (!from.len)
        return adf_fail(e, node->at, ADF_ARGUMENT_RANGE, "'replace' cannot replace an empty text");
    buf_init_max(&b, ADF_MAX_RESULT);
    while ((at = str_find(s, from)) >= 0) {
        buf_str(&b, str_sub(s, 0, (size_t)at));
        buf_str(&b, to);
        s = str_from(s, (size_t)at + from.len);
    }
    buf_str(&b, s);
    const struct doc *out =
        b.overflow ? adf_fail(e, node->at, ADF_OTHER, "the text grows beyond %d bytes",
                               ADF_MAX_RESULT)
                   : adf_str(e, buf_view(&b));
    buf_release(&b);
    return out;
}

static ADF_FN(fn_split)
{
    struct str s, sep;
    struct doc *out = doc_new_array(e->a);
    int64_t at;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_str(e, node, args, 1, &sep))
        return NULL;
    while (sep.len && (at = str_find(s, sep)) >= 0) {
        doc_push(e->a, out, doc_new_str(e->a, str_sub(s, 0, (size_t)at)));
        s = str_from(s, (size_t)at + sep.len);
    }
    doc_push(e->a, out, doc_new_str(e->a, s));
    return out;
}

/* [from, from + len) of a string in UTF-16 units; the caller checked the range. */
static const struct doc *part(struct adf_env *e, struct str s, int64_t from, int64_t len)
{
    size_t a = adf_unit_to_byte(s, (size_t)from), b = adf_unit_to_byte(s, (size_t)(from + len));
    return adf_str(e, str_sub(s, a, b - a));
}

static ADF_FN(fn_substring)
{
    struct str s;
    int64_t from, len;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_int(e, node, args, 1, &from))
        return NULL;
    int64_t units = (int64_t)adf_units(s);
    len = units - from;
    if (count > 2 && !adf_arg_int(e, node, args, 2, &len))
        return NULL;
    if (from < 0 || from >= units || len < 0 || len > units - from)
        return adf_fail(e, node->at, ADF_ARGUMENT_RANGE,
                         "'substring' from %jd for %jd is outside a text of length %jd",
                         (intmax_t)from, (intmax_t)len, (intmax_t)units);
    return part(e, s, from, len);
}

static int64_t clip(int64_t v, int64_t units)
{
    v = v < 0 ? v + units : v;
    return v < 0 ? 0 : v > units ? units : v;
}

static ADF_FN(fn_slice)
{
    struct str s;
    int64_t from, to;
    if (!adf_arg_str(e, node, args, 0, &s) || !adf_arg_int(e, node, args, 1, &from))
        return NULL;
    int64_t units = (int64_t)adf_units(s);
    to = units;
    if (count > 2 && !adf_arg_int(e, node, args, 2, &to))
        return NULL;
    from = clip(from, units);
    to = clip(to, units);
    return part(e, s, from, to > from ? to - from : 0);
}

static ADF_FN(fn_guid)
{
    static const struct { char format; const char *before, *after; bool dashes; } formats[] = {
        {'D', "", "", true}, {'N', "", "", false}, {'B', "{", "}", true}, {'P', "(", ")", true}};
    char text[UUID_TEXT];
    struct str format = STR("D");
    struct buf b;
    uuid_make(text);
    if (count && !adf_arg_str(e, node, args, 0, &format))
        return NULL;
    if (str_ieqz(format, "X")) {
        struct str t = str_z(text);
        return adf_str(e, str_fmt(e->a,
            "{0x%.8s,0x%.4s,0x%.4s,{0x%.2s,0x%.2s,0x%.2s,0x%.2s,0x%.2s,0x%.2s,0x%.2s,0x%.2s}}",
            t.ptr, t.ptr + 9, t.ptr + 14, t.ptr + 19, t.ptr + 21, t.ptr + 24, t.ptr + 26,
            t.ptr + 28, t.ptr + 30, t.ptr + 32, t.ptr + 34));
    }
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (format.len != 1 || (format.ptr[0] & ~32) != formats[i].format)
            continue;
        buf_init(&b);
        buf_z(&b, formats[i].before);
        for (const char *p = text; *p; p++)
            if (*p != '-' || formats[i].dashes)
                buf_char(&b, *p);
        buf_z(&b, formats[i].after);
        const struct doc *out = adf_str(e, buf_view(&b));
        buf_release(&b);
        return out;
    }
    return adf_fail(e, node->at, ADF_BAD_FORMAT, "'guid' knows the formats D, N, B, P and X");
}

const struct adf_fn adf_text_fns[] = {
    {"concat", 1, -1, fn_concat, false},
    {"endsWith", 2, 2, fn_ends_with, false},
    {"guid", 0, 1, fn_guid, false},
    {"indexOf", 2, 2, fn_index_of, false},
    {"lastIndexOf", 2, 2, fn_last_index_of, false},
    {"nthIndexOf", 3, 3, fn_nth_index_of, false},
    {"replace", 3, 3, fn_replace, false},
    {"slice", 2, 3, fn_slice, false},
    {"split", 2, 2, fn_split, false},
    {"startsWith", 2, 2, fn_starts_with, false},
    {"substring", 2, 3, fn_substring, false},
    {"toLower", 1, 1, fn_to_lower, false},
    {"toUpper", 1, 1, fn_to_upper, false},
    {"trim", 1, 1, fn_trim, false},
    {},
};
