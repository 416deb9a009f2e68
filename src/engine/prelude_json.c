/* prelude_json.c -- JSON text walked beside a type.
 *
 * The type is written as a code:
 *     { n:name code … }   struct, n the bytes of the name       [ code   array       < code code   map
 *     b 1 2 i l f d s D T n v   leaves: boolean, tinyint … timestamp, ntz, variant    m p,s;   decimal
 *
 * conform: from_json. Gives JSON with exactly the struct's fields, in its order, each a value that
 * DuckDB's strict cast takes; a value that Spark does not read as the type is null, malformed text
 * is a struct of nulls (null for another root). render: to_json. Gives Spark's spelling of JSON that
 * DuckDB wrote: null fields left out, Java's doubles, ISO timestamps. */
#include "engine/prelude_int.h"
#include <stdlib.h>

enum { MAX_DEPTH = 200, MAX_FIELDS = JSON_MAX_FIELDS };

struct walk {
    const char *p, *end;       /* the JSON text */
    bool bad;                  /* malformed */
    int depth;
};

static void blanks(struct walk *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\n' || *w->p == '\t' || *w->p == '\r'))
        w->p++;
}

static bool take(struct walk *w, char c)
{
    blanks(w);
    if (w->p < w->end && *w->p == c) {
        w->p++;
        return true;
    }
    return false;
}

/* The raw string with its quotes. */
static struct str raw_string(struct walk *w)
{
    const char *from = w->p++;
    while (w->p < w->end && *w->p != '"') {
        if ((unsigned char)*w->p < 0x20)
            w->bad = true;
        w->p += *w->p == '\\' ? 2 : 1;
    }
    if (w->p >= w->end) {
        w->bad = true;
        w->p = w->end;
        return STR_NONE;
    }
    w->p++;
    return str_of(from, (size_t)(w->p - from));
}

static bool digit_run(struct walk *w)
{
    const char *from = w->p;
    while (w->p < w->end && *w->p >= '0' && *w->p <= '9')
        w->p++;
    return w->p > from;
}

static void number(struct walk *w)
{
    if (w->p < w->end && *w->p == '-')
        w->p++;
    w->bad |= !digit_run(w);
    if (w->p < w->end && *w->p == '.') {
        w->p++;
        w->bad |= !digit_run(w);
    }
    if (w->p < w->end && (*w->p | 32) == 'e') {
        w->p++;
        if (w->p < w->end && (*w->p == '-' || *w->p == '+'))
            w->p++;
        w->bad |= !digit_run(w);
    }
}

static void word(struct walk *w, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(w->end - w->p) < n || memcmp(w->p, text, n) != 0)
        w->bad = true;
    else
        w->p += n;
}

static void skip_value(struct walk *w)
{
    blanks(w);
    if (w->p >= w->end || w->depth > MAX_DEPTH) {
        w->bad = true;
        return;
    }
    char open = *w->p;
    if (open == '"') {
        (void)raw_string(w);
    } else if (open == '{' || open == '[') {
        char close = open == '{' ? '}' : ']';
        w->p++;
        w->depth++;
        for (bool first = true; !w->bad && !take(w, close); first = false) {
            if (!first && !take(w, ','))
                w->bad = true;
            blanks(w);
            if (open == '{') {
                if (w->p >= w->end || *w->p != '"')
                    w->bad = true;
                else
                    (void)raw_string(w);
                if (!take(w, ':'))
                    w->bad = true;
            }
            if (!w->bad)
                skip_value(w);
        }
        w->depth--;
    } else if (open == 't' || open == 'f' || open == 'n') {
        word(w, open == 't' ? "true" : open == 'f' ? "false" : "null");
    } else {
        number(w);
    }
}

static struct str value_text(struct walk *w)
{
    blanks(w);
    const char *from = w->p;
    skip_value(w);
    return w->bad ? STR_NONE : str_of(from, (size_t)(w->p - from));
}

/* ------------------------------------------------------------------ codes */

static const char *code_end(const char *c);

static const char *field_name(const char *c, struct str *name)
{
    size_t n = 0;
    while (*c >= '0' && *c <= '9')
        n = n * 10 + (size_t)(*c++ - '0');
    *name = str_of(c + 1, n);
    return c + 1 + n;
}

static const char *code_end(const char *c)
{
    struct str name;
    switch (*c) {
    case '{':
        for (c++; *c != '}';)
            c = code_end(field_name(c, &name));
        return c + 1;
    case '[':
        return code_end(c + 1);
    case '<':
        return code_end(code_end(c + 1));
    case 'm':
        return strchr(c, ';') + 1;
    default:
        return c + 1;
    }
}

static void put_null(struct buf *out, const char *code)
{
    (void)code;
    buf_z(out, "null");
}

/* ------------------------------------------------------------------ from_json */

static void conform(struct walk *w, const char *code, struct buf *out);

static void conform_time(struct str raw, const char *code, struct buf *out)
{
    int64_t us;
    int32_t days;
    bool zoned;
    if (raw.len < 2 || raw.ptr[0] != '"') {
        put_null(out, code);
        return;
    }
    struct str s = str_sub(raw, 1, raw.len - 2);
    if (*code == 'D' && spark_date_of(s, &days)) {
        struct civil c = civil_of((struct tp){days * 86400000000LL});
        buf_printf(out, "\"%04d-%02d-%02d\"", c.year, c.month, c.day);
    } else if (*code != 'D' && spark_timestamp_of(s, &zoned, &us)) {
        struct civil c = civil_of((struct tp){us});
        buf_printf(out, "\"%04d-%02d-%02d %02d:%02d:%02d.%06d%s\"", c.year, c.month, c.day, c.hour, c.minute, c.second, c.us,
                   *code == 'T' ? "+00" : "");
    } else {
        put_null(out, code);
    }
}

static bool whole_number(struct str t, int64_t low, int64_t high)
{
    int64_t v;
    return t.len && t.ptr[0] != '+' && str_i64(t, &v) && v >= low && v <= high;
}

static void conform_number(struct str t, const char *code, struct buf *out)
{
    double d;
    bool quoted = t.len && t.ptr[0] == '"', number = !quoted && t.ptr[0] != 't' && t.ptr[0] != 'f' && t.ptr[0] != 'n';
    bool ok = false;
    switch (*code) {
    case '1':
        ok = number && whole_number(t, INT8_MIN, INT8_MAX);
        break;
    case '2':
        ok = number && whole_number(t, INT16_MIN, INT16_MAX);
        break;
    case 'i':
        ok = number && whole_number(t, INT32_MIN, INT32_MAX);
        break;
    case 'l':
        ok = number && whole_number(t, INT64_MIN, INT64_MAX);
        break;
    default: { /* f d m */
        struct str inner = quoted ? str_sub(t, 1, t.len - 2) : t;
        bool special = quoted && (str_eqz(inner, "NaN") || str_eqz(inner, "Infinity") || str_eqz(inner, "-Infinity"));
        ok = (number && str_f64(t, &d)) || (special && *code != 'm') || (quoted && *code == 'm' && str_f64(inner, &d));
        if (ok && *code == 'm') { /* what does not fit into the precision is null */
            int p = 0, s = 0;
            const char *c = code + 1;
            for (; *c != ','; c++)
                p = p * 10 + (*c - '0');
            for (c++; *c != ';'; c++)
                s = s * 10 + (*c - '0');
            double limit = 1;
            for (int i = 0; i < p - s; i++)
                limit *= 10;
            (void)str_f64(inner, &d);
            ok = d < limit && d > -limit;
            if (ok) {
                buf_printf(out, "\"%.*s\"", STR_ARGS(inner));
                return;
            }
        }
    }
    }
    if (ok)
        buf_str(out, t);
    else
        put_null(out, code);
}

static void conform_leaf(struct walk *w, const char *code, struct buf *out)
{
    struct str t = value_text(w);
    if (w->bad || !t.len)
        return;
    if (str_eqz(t, "null")) {
        put_null(out, code);
    } else if (*code == 's') {
        if (t.ptr[0] == '"')
            buf_str(out, t);
        else
            json_quote(out, t);
    } else if (*code == 'v') {
        buf_str(out, t);
    } else if (*code == 'b') {
        buf_str(out, str_eqz(t, "true") || str_eqz(t, "false") ? t : STR("null"));
    } else if (*code == 'D' || *code == 'T' || *code == 'n') {
        conform_time(t, code, out);
    } else {
        conform_number(t, code, out);
    }
}

/* Is the next value of this kind? Otherwise it is passed over and is null. */
static bool opens(struct walk *w, char open, struct buf *out)
{
    blanks(w);
    if (w->p < w->end && *w->p == open)
        return true;
    skip_value(w);
    buf_z(out, "null");
    return false;
}

/* The code of the field with this name; *n its number. Members mostly come in the schema's order,
 * so the search starts at *from, the field after the last one found. */
static const char *find_field(const char *code, struct str key, size_t *n, const char **from, size_t *from_n)
{
    struct str name;
    const char *c = *from;
    size_t i = *from_n;
    for (int pass = 0; pass < 2; pass++) {
        for (; *c != '}'; i++) {
            const char *inner = field_name(c, &name);
            if (str_eq(name, key)) {
                *n = i;
                *from = code_end(inner);
                *from_n = i + 1;
                return inner;
            }
            c = code_end(inner);
        }
        c = code + 1;
        i = 0;
    }
    return NULL;
}

/* Takes a member out again: of a name that comes twice the last counts. `place` holds where each field's member, with
 * the comma before it, begins and how long it is; members are numbered by field. */
struct place { uint32_t at, len; };

static void drop_member(struct buf *out, struct place *place, size_t fields, size_t n)
{
    struct place p = place[n];
    memmove(out->ptr + p.at, out->ptr + p.at + p.len, out->len - p.at - p.len);
    out->len -= p.len;
    for (size_t i = 0; i < fields; i++)
        if (place[i].len && place[i].at > p.at)
            place[i].at -= p.len;
    place[n].len = 0;
}

/* Members in the order they come, then the missing ones as null; a comma before each but the first. */
static void conform_members(struct walk *w, const char *code, struct buf *out, bool *seen)
{
    struct place place[MAX_FIELDS] = {0};
    const char *from = code + 1;
    size_t from_n = 0, n, start = out->len;
    for (bool first = true; !w->bad && !take(w, '}'); first = false) {
        blanks(w);
        if ((!first && !take(w, ',')) || (blanks(w), w->p >= w->end) || *w->p != '"') {
            w->bad = true;
            return;
        }
        struct str key = raw_string(w);
        w->bad |= !take(w, ':');
        if (w->bad)
            return;
        const char *c = find_field(code, str_sub(key, 1, key.len - 2), &n, &from, &from_n);
        if (!c || n >= MAX_FIELDS) {
            skip_value(w);
            continue;
        }
        if (seen[n])
            drop_member(out, place, MAX_FIELDS, n);
        seen[n] = true;
        size_t at = out->len;
        buf_char(out, ',');
        buf_str(out, key);
        buf_char(out, ':');
        conform(w, c, out);
        place[n] = (struct place){(uint32_t)at, (uint32_t)(out->len - at)};
    }
    struct str name;
    const char *c = code + 1;
    for (n = 0; *c != '}'; n++) {
        c = field_name(c, &name);
        if (n >= MAX_FIELDS || !seen[n]) {
            buf_char(out, ',');
            json_quote(out, name);
            buf_z(out, ":null");
        }
        c = code_end(c);
    }
    if (out->len > start) /* the first one's comma */
        out->ptr[start] = ' ';
}

static void conform_struct(struct walk *w, const char *code, struct buf *out)
{
    bool seen[MAX_FIELDS] = {0};
    if (!opens(w, '{', out))
        return;
    w->p++;
    w->depth++;
    buf_char(out, '{');
    conform_members(w, code, out, seen);
    buf_char(out, '}');
    w->depth--;
}

static void conform_list(struct walk *w, const char *code, struct buf *out, char open, char close)
{
    const char *element = open == '{' ? code_end(code + 1) : code + 1;
    blanks(w);
    if (open == '[' && w->p < w->end && *w->p == '{' && *element == '{') { /* one struct counts as a list of it */
        buf_char(out, '[');
        conform(w, element, out);
        buf_char(out, ']');
        return;
    }
    if (!opens(w, open, out))
        return;
    w->p++;
    w->depth++;
    buf_char(out, open);
    for (bool first = true; !w->bad && !take(w, close); first = false) {
        w->bad |= !first && !take(w, ',');
        buf_z(out, first ? "" : ",");
        blanks(w);
        if (open == '{') {
            if (w->p >= w->end || *w->p != '"') {
                w->bad = true;
                break;
            }
            buf_str(out, raw_string(w));
            w->bad |= !take(w, ':');
            buf_char(out, ':');
        }
        if (!w->bad)
            conform(w, element, out);
    }
    buf_char(out, close);
    w->depth--;
}

static void conform(struct walk *w, const char *code, struct buf *out)
{
    if (w->depth > MAX_DEPTH)
        w->bad = true;
    else if (*code == '{')
        conform_struct(w, code, out);
    else if (*code == '[')
        conform_list(w, code, out, '[', ']');
    else if (*code == '<')
        conform_list(w, code, out, '{', '}');
    else
        conform_leaf(w, code, out);
}

static void null_struct(const char *code, struct buf *out)
{
    struct str name;
    buf_char(out, '{');
    const char *c = code + 1;
    for (bool first = true; *c != '}'; first = false) {
        c = field_name(c, &name);
        buf_z(out, first ? "" : ",");
        json_quote(out, name);
        buf_z(out, ":null");
        c = code_end(c);
    }
    buf_char(out, '}');
}

/* Spark takes 'text' too: such strings in double quotes, \' as ', " as \". */
static void double_quotes(struct buf *out, struct str s)
{
    char quote = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 1 < s.len) {
            if (s.ptr[i + 1] != '\'')
                buf_char(out, c);
            buf_char(out, s.ptr[++i]);
        } else if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? 0 : c;
            buf_char(out, '"');
        } else {
            if (quote && c == '"')
                buf_char(out, '\\');
            buf_char(out, c);
        }
    }
}

/* spark_json_conform(text, code). What follows the value is not looked at, as Spark's parser does. */
static int json_conform(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)err;
    struct str text = a[0].text;
    struct buf quoted;
    buf_init(&quoted);
    if (memchr(text.ptr ? text.ptr : "", '\'', text.len)) {
        double_quotes(&quoted, text);
        text = buf_view(&quoted);
    }
    struct walk w = {.p = text.ptr, .end = text.ptr + text.len};
    char stack[1024], *code = a[1].text.len < sizeof stack ? stack : mem_alloc(a[1].text.len + 1);
    memcpy(code, a[1].text.ptr, a[1].text.len);
    code[a[1].text.len] = '\0';
    blanks(&w);
    bool empty = w.p >= w.end, array_root = !empty && *code == '{' && *w.p == '[';
    if (!empty && !array_root) {
        conform(&w, code, out);
    }
    bool nothing = w.bad || array_root || str_eqz(buf_view(out), "null");
    if (empty || (nothing && *code != '{')) {
        *is_null = true;
    } else if (nothing) {
        buf_clear(out);
        null_struct(code, out);
    }
    if (code != stack)
        mem_free(code);
    buf_release(&quoted);
    return 0;
}

/* ------------------------------------------------------------------ to_json */

static void render(struct walk *w, const char *code, struct buf *out);

static void render_leaf(struct walk *w, const char *code, struct buf *out)
{
    struct str t = value_text(w);
    double d;
    bool zoned;
    int64_t us;
    if ((*code == 'd' || *code == 'f') && str_f64(t, &d)) {
        java_real(out, d, *code == 'f');
    } else if ((*code == 'T' || *code == 'n') && t.len > 2 && spark_timestamp_of(str_sub(t, 1, t.len - 2), &zoned, &us)) {
        struct civil c = civil_of((struct tp){us});
        buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
        buf_printf(out, c.us % 1000 ? ".%06d" : ".%03d", c.us % 1000 ? c.us : c.us / 1000);
        buf_z(out, *code == 'T' ? "Z\"" : "\"");
    } else if (*code == 'm' && t.len && t.ptr[0] != 'n') { /* all digits of the scale */
        int64_t scale = strtol(strchr(code, ',') + 1, NULL, 10), dot = str_chr(t, '.');
        buf_str(out, t);
        buf_z(out, scale && dot < 0 ? "." : "");
        for (int64_t have = dot < 0 ? 0 : (int64_t)t.len - dot - 1; have < scale; have++)
            buf_char(out, '0');
    } else {
        buf_str(out, t);
    }
}

static void render_struct(struct walk *w, const char *code, struct buf *out)
{
    struct str name;
    bool any = false;
    const char *c = code + 1;
    if (!take(w, '{')) {
        buf_str(out, value_text(w));
        return;
    }
    buf_char(out, '{');
    for (bool first = true; !take(w, '}') && !w->bad; first = false) {
        if (!first)
            (void)take(w, ',');
        blanks(w);
        struct str key = raw_string(w);
        (void)take(w, ':');
        c = field_name(c, &name);
        blanks(w);
        if (w->end - w->p >= 4 && memcmp(w->p, "null", 4) == 0) {
            w->p += 4;
        } else {
            buf_z(out, any ? "," : "");
            buf_str(out, key);
            buf_char(out, ':');
            render(w, c, out);
            any = true;
        }
        c = code_end(c);
    }
    buf_char(out, '}');
}

static void render_list(struct walk *w, const char *code, struct buf *out, char open, char close)
{
    const char *element = open == '{' ? code_end(code + 1) : code + 1;
    if (!take(w, open)) {
        buf_str(out, value_text(w));
        return;
    }
    buf_char(out, open);
    for (bool first = true; !take(w, close) && !w->bad; first = false) {
        if (!first)
            (void)take(w, ',');
        buf_z(out, first ? "" : ",");
        blanks(w);
        if (open == '{') {
            buf_str(out, raw_string(w));
            (void)take(w, ':');
            buf_char(out, ':');
        }
        render(w, element, out);
    }
    buf_char(out, close);
}

static void render(struct walk *w, const char *code, struct buf *out)
{
    blanks(w);
    if (*code == '{')
        render_struct(w, code, out);
    else if (*code == '[')
        render_list(w, code, out, '[', ']');
    else if (*code == '<')
        render_list(w, code, out, '{', '}');
    else
        render_leaf(w, code, out);
}

static int json_render(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct walk w = {.p = a[0].text.ptr, .end = a[0].text.ptr + a[0].text.len};
    char *code = mem_strndup(a[1].text.ptr, a[1].text.len);
    (void)ctx, (void)count, (void)is_null, (void)err;
    render(&w, code, out);
    mem_free(code);
    return 0;
}

/* ------------------------------------------------------------------ schema_of_json */

static const char *leaf_type(const struct doc *d)
{
    int64_t v;
    switch (d->kind) {
    case DOC_BOOL:
        return "BOOLEAN";
    case DOC_INT:
        return doc_i64(d, &v) ? "BIGINT" : "DECIMAL(38,0)";
    case DOC_FLOAT:
        return "DOUBLE";
    default:
        return "STRING";
    }
}

/* What types would have to be merged for, or left out. */
static bool schema_is_plain(const struct doc *d)
{
    int64_t v;
    if (d->kind == DOC_ARRAY && d->count > 1)
        for (size_t i = 0; i < d->count; i++)
            if (d->items[i]->kind != d->items[0]->kind || d->items[i]->kind == DOC_OBJECT || d->items[i]->kind == DOC_ARRAY)
                return false;
    if ((d->kind == DOC_OBJECT && !d->count) || (d->kind == DOC_INT && !doc_i64(d, &v)))
        return false;
    for (size_t i = 0; (d->kind == DOC_ARRAY || d->kind == DOC_OBJECT) && i < d->count; i++)
        if (!schema_is_plain(d->items[i]))
            return false;
    return true;
}

static void put_schema(struct buf *out, const struct doc *d)
{
    if (d->kind == DOC_ARRAY) {
        buf_z(out, "ARRAY<");
        if (d->count)
            put_schema(out, d->items[0]);
        else
            buf_z(out, "STRING");
        buf_char(out, '>');
    } else if (d->kind == DOC_OBJECT) {
        size_t *order = mem_alloc((d->count + 1) * sizeof *order);
        for (size_t i = 0; i < d->count; i++) {
            size_t at = i;
            while (at && str_cmp(d->keys[order[at - 1]].name, d->keys[i].name) > 0) {
                order[at] = order[at - 1];
                at--;
            }
            order[at] = i;
        }
        buf_z(out, "STRUCT<");
        for (size_t i = 0; i < d->count; i++) {
            buf_printf(out, "%s%.*s: ", i ? ", " : "", STR_ARGS(d->keys[order[i]].name));
            put_schema(out, d->items[order[i]]);
        }
        buf_char(out, '>');
        mem_free(order);
    } else {
        buf_z(out, leaf_type(d));
    }
}

static int schema_of(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct arena *arena = arena_new();
    struct doc *d = doc_json(arena, NULL, a[0].text, err);
    (void)ctx, (void)count, (void)is_null;
    int rc = d ? 0 : -1;
    if (d && !schema_is_plain(d))
        rc = err_set(err, ERR_UNSUPPORTED, "schema_of_json() of arrays with elements of several types, of empty objects and of integers "
                     "beyond BIGINT is not supported");
    else if (d)
        put_schema(out, d);
    arena_free(arena);
    return rc;
}

/* ------------------------------------------------------------------ schema_of_variant */

/* A number with a point is a decimal of just its digits, one with an exponent a double. */
static void put_variant_number(struct buf *out, struct str t)
{
    int64_t dot = str_chr(t, '.');
    size_t digits = 0;
    if (str_chr(t, 'e') >= 0 || str_chr(t, 'E') >= 0 || t.len > 38) {
        buf_z(out, "DOUBLE");
        return;
    }
    while (t.len && dot >= 0 && t.ptr[t.len - 1] == '0' && (int64_t)t.len > dot + 2)
        t.len--;
    size_t scale = dot < 0 ? 0 : t.len - (size_t)dot - 1;
    for (size_t i = 0; i < t.len; i++)
        digits += t.ptr[i] >= '0' && t.ptr[i] <= '9' && (digits || t.ptr[i] != '0');
    buf_printf(out, "DECIMAL(%zu,%zu)", digits > scale ? digits : scale ? scale : 1, scale);
}

static int put_variant_schema(struct buf *out, const struct doc *d, struct err *err);

/* The elements' common schema: VOID gives way, scalars of two kinds are VARIANT. */
static int put_elements(struct buf *out, const struct doc *d, struct err *err)
{
    struct buf one, common;
    int rc = 0;
    buf_init(&one);
    buf_init(&common);
    buf_z(&common, "VOID");
    for (size_t i = 0; i < d->count && rc == 0; i++) {
        buf_clear(&one);
        rc = put_variant_schema(&one, d->items[i], err);
        if (rc || str_eq(buf_view(&one), buf_view(&common)) || strcmp(one.ptr, "VOID") == 0)
            continue;
        bool first = strcmp(common.ptr, "VOID") == 0;
        if (!first && (strpbrk(one.ptr, "<(") || strpbrk(common.ptr, "<(")))
            rc = err_set(err, ERR_UNSUPPORTED, "schema_of_variant() of an array of %s and %s is not supported", common.ptr, one.ptr);
        buf_clear(&common);
        buf_z(&common, first ? one.ptr : "VARIANT");
    }
    buf_str(out, buf_view(&common));
    buf_release(&one);
    buf_release(&common);
    return rc;
}

static int put_variant_schema(struct buf *out, const struct doc *d, struct err *err)
{
    int64_t v;
    int rc = 0;
    switch (d->kind) {
    case DOC_NULL:
        buf_z(out, "VOID");
        break;
    case DOC_BOOL:
        buf_z(out, "BOOLEAN");
        break;
    case DOC_STRING:
        buf_z(out, "STRING");
        break;
    case DOC_INT:
    case DOC_FLOAT:
        if (d->kind == DOC_INT && doc_i64(d, &v))
            buf_z(out, "BIGINT");
        else
            put_variant_number(out, d->text);
        break;
    case DOC_ARRAY:
        buf_z(out, "ARRAY<");
        rc = put_elements(out, d, err);
        buf_char(out, '>');
        break;
    default: { /* an object's fields are ordered by name */
        struct str before = STR_NONE;
        buf_z(out, "OBJECT<");
        for (size_t n = 0; n < d->count && rc == 0; n++) {
            size_t next = d->count;
            for (size_t i = 0; i < d->count; i++)
                if ((!n || str_cmp(d->keys[i].name, before) > 0) &&
                    (next == d->count || str_cmp(d->keys[i].name, d->keys[next].name) < 0))
                    next = i;
            if (next == d->count)
                break;
            before = d->keys[next].name;
            buf_printf(out, "%s%.*s: ", n ? ", " : "", STR_ARGS(before));
            rc = put_variant_schema(out, d->items[next], err);
        }
        buf_char(out, '>');
    }
    }
    return rc;
}

static int schema_of_variant(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct arena *arena = arena_new();
    struct doc *d = doc_json(arena, NULL, a[0].text, err); /* which bounds the depth */
    (void)ctx, (void)count, (void)is_null;
    int rc = d ? put_variant_schema(out, d, err) : -1;
    arena_free(arena);
    return rc;
}

const struct native natives_json[] = {
    {"spark_json_conform", "ss", "s", json_conform, false, NULL}, {"spark_json_render", "ss", "s", json_render, false, NULL},
    {"spark_schema_of_json", "s", "s", schema_of, false, NULL}, {"spark_schema_of_variant", "s", "s", schema_of_variant, false, NULL},
    {0},
};
