/* type_read.c -- types from text: Spark's DDL, Spark's JSON, DuckDB.
 *
 * One scanner over characters serves both grammars:
 *     type    := word ['(' int [',' int] ')'] | array<type> | map<type,type> | struct<[field,…]>
 *              | interval [unit [to unit]]
 *     field   := name [':'] type [NOT NULL] [COMMENT string] [DEFAULT|COLLATE …: refused]
 *     columns := field {',' field}
 *     duck    := word ['(' int [',' int] ')'] {'[' [int] ']'}, STRUCT(name type, …), MAP(k, v),
 *                TIMESTAMP WITH TIME ZONE, ENUM('a', …)
 * DuckDB's unsigned kinds widen to the next signed one, HUGEINT to decimal(38,0), UUID, TIME, JSON,
 * BIT and ENUM to string; its named types beyond those are refused. */
#include "plan/type.h"

#include <ctype.h>
#include <string.h>

struct scan {
    struct arena *a;
    struct str text;
    size_t at;
    int depth;
    struct err *err;
};

static const struct word {
    const char *text;
    enum type_kind kind;
} ddl_words[] =
    {
        {"bigint", TYPE_LONG},
        {"binary", TYPE_BINARY},
        {"boolean", TYPE_BOOLEAN},
        {"byte", TYPE_BYTE},
        {"char", TYPE_CHAR},
        {"character", TYPE_CHAR},
        {"date", TYPE_DATE},
        {"dec", TYPE_DECIMAL},
        {"decimal", TYPE_DECIMAL},
        {"double", TYPE_DOUBLE},
        {"float", TYPE_FLOAT},
        {"int", TYPE_INT},
        {"integer", TYPE_INT},
        {"long", TYPE_LONG},
        {"numeric", TYPE_DECIMAL},
        {"real", TYPE_FLOAT},
        {"short", TYPE_SHORT},
        {"smallint", TYPE_SHORT},
        {"string", TYPE_STRING},
        {"timestamp", TYPE_TIMESTAMP},
        {"timestamp_ltz", TYPE_TIMESTAMP},
        {"timestamp_ntz", TYPE_TIMESTAMP_NTZ},
        {"tinyint", TYPE_BYTE},
        {"varchar", TYPE_VARCHAR},
        {"variant", TYPE_VARIANT},
        {"void", TYPE_NULL},
        {"null", TYPE_NULL},
},
  duck_words[] = {
      {"BIGINT", TYPE_LONG},
      {"BIT", TYPE_STRING},
      {"BLOB", TYPE_BINARY},
      {"BOOLEAN", TYPE_BOOLEAN},
      {"DATE", TYPE_DATE},
      {"DOUBLE", TYPE_DOUBLE},
      {"FLOAT", TYPE_FLOAT},
      {"INTEGER", TYPE_INT},
      {"INTERVAL", TYPE_INTERVAL},
      {"JSON", TYPE_STRING},
      {"SMALLINT", TYPE_SHORT},
      {"TIME", TYPE_STRING},
      {"TIMESTAMP", TYPE_TIMESTAMP_NTZ},
      {"TIMESTAMPTZ", TYPE_TIMESTAMP},
      {"TIMESTAMP_S", TYPE_TIMESTAMP_NTZ},
      {"TIMESTAMP_MS", TYPE_TIMESTAMP_NTZ},
      {"TIMESTAMP_NS", TYPE_TIMESTAMP_NTZ},
      {"TIMETZ", TYPE_STRING},
      {"TINYINT", TYPE_BYTE},
      {"UBIGINT", TYPE_DECIMAL},
      {"UINTEGER", TYPE_LONG},
      {"USMALLINT", TYPE_INT},
      {"UTINYINT", TYPE_SHORT},
      {"UUID", TYPE_STRING},
      {"VARCHAR", TYPE_STRING},
      {"VARIANT", TYPE_VARIANT},
      {"NULL", TYPE_NULL},
      {"STRING", TYPE_STRING},
      {"TEXT", TYPE_STRING},
      {"INT", TYPE_INT},
      {"REAL", TYPE_FLOAT},
      {"BYTEA", TYPE_BINARY},
};

static const struct type *type_at(struct scan *s);

/* Blanks, line comments and (nested) block comments. */
static void skip_blank(struct scan *s)
{
    for (;;) {
        while (s->at < s->text.len && isspace((unsigned char)s->text.ptr[s->at]))
            s->at++;
        struct str rest = str_from(s->text, s->at);
        if (str_starts_z(rest, "--")) {
            int64_t nl = str_chr(rest, '\n');
            s->at = nl < 0 ? s->text.len : s->at + (size_t)nl;
        } else if (str_starts_z(rest, "/*")) {
            int64_t end = str_find(str_from(rest, 2), STR("*/"));
            if (end < 0)
                return;
            s->at += (size_t)end + 4;
        } else {
            return;
        }
    }
}

static bool accept(struct scan *s, char c)
{
    skip_blank(s);
    if (s->at >= s->text.len || s->text.ptr[s->at] != c)
        return false;
    s->at++;
    return true;
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The word at the cursor without taking it; empty if there is none. */
static struct str peek_word(struct scan *s)
{
    skip_blank(s);
    size_t end = s->at;
    while (end < s->text.len && is_word_byte(s->text.ptr[end]))
        end++;
    return str_sub(s->text, s->at, end - s->at);
}

static bool accept_word(struct scan *s, const char *word)
{
    struct str w = peek_word(s);
    if (!str_ieqz(w, word))
        return false;
    s->at += w.len;
    return true;
}

static int fail(struct scan *s, const char *expected)
{
    skip_blank(s);
    struct str near = str_sub(s->text, s->at, 30);
    if (near.len == 0)
        return err_set(s->err, ERR_INPUT, "data type ends where %s is expected", expected);
    int64_t stop = 0;
    while ((size_t)stop < near.len && is_word_byte(near.ptr[stop]))
        stop++;
    near.len = stop ? (size_t)stop : 1;
    return err_set(s->err, ERR_INPUT, "%s is expected at '%.*s' in a data type", expected,
                   STR_ARGS(near));
}

static int expect(struct scan *s, char c)
{
    char what[] = {'\'', c, '\'', 0};
    return accept(s, c) ? 0 : fail(s, what);
}

static int integer(struct scan *s, int *out)
{
    struct str w = peek_word(s);
    int64_t v;
    if (!str_i64(w, &v) || v < 0 || v > INT32_MAX)
        return fail(s, "a number");
    s->at += w.len;
    *out = (int)v;
    return 0;
}

/* A quoted run: `quote` doubled or (not in backticks) behind a backslash stands for itself. */
static int quoted(struct scan *s, char quote, struct str *out)
{
    struct buf b;
    size_t from = s->at;
    if (expect(s, quote) < 0)
        return -1;
    buf_init(&b);
    for (; s->at < s->text.len; s->at++) {
        char c = s->text.ptr[s->at];
        bool more = s->at + 1 < s->text.len;
        if (c == '\\' && quote == '\'' && more)
            c = s->text.ptr[++s->at];
        else if (c == quote && more && s->text.ptr[s->at + 1] == quote)
            s->at++;
        else if (c == quote)
            break;
        buf_char(&b, c);
    }
    bool closed = s->at < s->text.len;
    *out = str_copy(s->a, buf_view(&b));
    buf_release(&b);
    if (!closed) {
        s->at = from;
        return err_set(s->err, ERR_INPUT, "quote %c is not closed in a data type", quote);
    }
    s->at++;
    return 0;
}

static int field_name(struct scan *s, char quote, struct str *out)
{
    skip_blank(s);
    if (s->at < s->text.len && s->text.ptr[s->at] == quote)
        return quoted(s, quote, out);
    struct str w = peek_word(s);
    if (w.len == 0)
        return fail(s, "a field name");
    s->at += w.len;
    *out = str_copy(s->a, w);
    return 0;
}

/* One "name[:] type [NOT NULL] [COMMENT 'text']". */
static int field(struct scan *s, struct type_field *f)
{
    *f = (struct type_field){.nullable = true};
    if (field_name(s, '`', &f->name) < 0)
        return -1;
    (void)accept(s, ':');
    f->type = type_at(s);
    if (!f->type)
        return -1;
    for (;;) {
        if (accept_word(s, "not")) {
            if (!accept_word(s, "null"))
                return fail(s, "NULL");
            f->nullable = false;
        } else if (accept_word(s, "comment")) {
            skip_blank(s);
            char q = s->at < s->text.len && s->text.ptr[s->at] == '"' ? '"' : '\'';
            if (quoted(s, q, &f->comment) < 0)
                return -1;
        } else {
            return 0;
        }
    }
}

/* Fields up to, not including, `close` (0: the end of the text). */
static const struct type *fields(struct scan *s, char close)
{
    struct type_field *items = NULL;
    size_t count = 0, cap = 0;
    skip_blank(s);
    if (close && s->at < s->text.len && s->text.ptr[s->at] == close)
        return type_struct(s->a, NULL, 0);
    do {
        if (count == TYPE_MAX_FIELDS) {
            err_set(s->err, ERR_LIMIT, "data type has more than %d fields", TYPE_MAX_FIELDS);
            return NULL;
        }
        items = arena_grow(s->a, items, &cap, count + 1, sizeof *items);
        if (field(s, &items[count]) < 0)
            return NULL;
        count++;
    } while (accept(s, ','));
    return type_struct(s->a, items, count);
}

static const struct type *nested(struct scan *s, struct str word)
{
    const struct type *t = NULL, *key = NULL;
    if (expect(s, '<') < 0)
        return NULL;
    if (str_ieqz(word, "struct")) {
        t = fields(s, '>');
    } else if (str_ieqz(word, "array")) {
        const struct type *element = type_at(s);
        t = element ? type_array(s->a, element, true) : NULL;
    } else {
        key = type_at(s);
        if (!key || expect(s, ',') < 0)
            return NULL;
        const struct type *value = type_at(s);
        t = value ? type_map(s->a, key, value, true) : NULL;
    }
    return t && expect(s, '>') == 0 ? t : NULL;
}

/* "(p)" or "(p, s)" if it is there; -1 on error, else how many numbers. */
static int parameters(struct scan *s, int *p, int *q)
{
    if (!accept(s, '('))
        return 0;
    if (integer(s, p) < 0)
        return -1;
    if (!accept(s, ','))
        return expect(s, ')') < 0 ? -1 : 1;
    return integer(s, q) < 0 || expect(s, ')') < 0 ? -1 : 2;
}

static const struct type *decimal(struct scan *s, int precision, int scale)
{
    if (parameters(s, &precision, &scale) < 0)
        return NULL;
    if (precision < 1 || precision > DECIMAL_MAX_PRECISION || scale > precision) {
        err_set(s->err, ERR_INPUT,
                "decimal(%d,%d) is no type: precision is 1 to %d, scale at most the precision",
                precision, scale, DECIMAL_MAX_PRECISION);
        return NULL;
    }
    return type_decimal(s->a, precision, scale);
}

static const struct type *chars(struct scan *s, enum type_kind kind)
{
    int length = 0, unused;
    int n = parameters(s, &length, &unused);
    if (n < 0)
        return NULL;
    if (n != 1 || length < 1) {
        err_set(s->err, ERR_INPUT, "%s needs a length of at least 1, as in %s(10)",
                type_kind_name(kind), type_kind_name(kind));
        return NULL;
    }
    struct type *t = ARENA_NEW(s->a, struct type);
    *t = (struct type){.kind = kind, .precision = length};
    return t;
}

/* interval_units[0..1] are YEAR and MONTH, the rest DAY to SECOND. */
static const char *const interval_units[] = {"year", "month", "day", "hour", "minute", "second"};

static int interval_unit(struct scan *s)
{
    for (int i = 0; i < (int)COUNT_OF(interval_units); i++)
        if (accept_word(s, interval_units[i]))
            return i;
    return -1;
}

static const struct type *interval(struct scan *s)
{
    int start = interval_unit(s);
    if (start < 0)
        return type_of(TYPE_INTERVAL);
    int end = start;
    size_t before = s->at;
    if (accept_word(s, "to")) {
        end = interval_unit(s);
        if (end < 0 || end <= start || (start < 2) != (end < 2)) {
            s->at = before;
            fail(s, "an interval range such as DAY TO SECOND or YEAR TO MONTH");
            return NULL;
        }
    }
    return start < 2 ? type_interval(s->a, TYPE_INTERVAL_YM, start, end)
                     : type_interval(s->a, TYPE_INTERVAL_DT, start - 2, end - 2);
}

static const struct word *word_find(const struct word *words, size_t count, struct str w)
{
    for (size_t i = 0; i < count; i++)
        if (str_ieqz(w, words[i].text))
            return &words[i];
    return NULL;
}

/* What may stand behind TIMESTAMP: WITHOUT TIME ZONE, WITH LOCAL TIME ZONE. */
static const struct type *timestamp(struct scan *s)
{
    size_t before = s->at;
    if (accept_word(s, "without") && accept_word(s, "time") && accept_word(s, "zone"))
        return type_of(TYPE_TIMESTAMP_NTZ);
    s->at = before;
    if (accept_word(s, "with") && accept_word(s, "local") && accept_word(s, "time") &&
        accept_word(s, "zone"))
        return type_of(TYPE_TIMESTAMP);
    s->at = before;
    return type_of(TYPE_TIMESTAMP);
}

static const struct type *named(struct scan *s, struct str w)
{
    const struct word *found = word_find(ddl_words, COUNT_OF(ddl_words), w);
    if (!found) {
        s->at -= w.len;
        err_set(s->err, ERR_INPUT, "[UNSUPPORTED_DATATYPE] Unsupported data type '%.*s'",
                STR_ARGS(w));
        return NULL;
    }
    if (found->kind == TYPE_DECIMAL)
        return decimal(s, 10, 0);
    if (str_ieqz(w, "timestamp"))
        return timestamp(s);
    if (found->kind == TYPE_CHAR || found->kind == TYPE_VARCHAR)
        return chars(s, found->kind);
    if (found->kind == TYPE_STRING && accept_word(s, "collate")) {
        struct str collation = peek_word(s);
        if (!str_ieqz(collation, "utf8_binary")) {
            err_set(s->err, ERR_UNSUPPORTED, "COLLATE %.*s: only UTF8_BINARY is supported",
                    STR_ARGS(collation));
            return NULL;
        }
        s->at += collation.len;
    }
    return type_of(found->kind);
}

static const struct type *type_at(struct scan *s)
{
    const struct type *t;
    if (s->depth == TYPE_MAX_DEPTH) {
        err_set(s->err, ERR_LIMIT, "data type is nested deeper than %d levels", TYPE_MAX_DEPTH);
        return NULL;
    }
    struct str w = peek_word(s);
    if (w.len == 0) {
        fail(s, "a data type");
        return NULL;
    }
    s->at += w.len;
    s->depth++;
    if (str_ieqz(w, "array") || str_ieqz(w, "map") || str_ieqz(w, "struct"))
        t = nested(s, w);
    else if (str_ieqz(w, "interval"))
        t = interval(s);
    else
        t = named(s, w);
    s->depth--;
    return t;
}

const struct type *type_read_ddl_front(struct arena *a, struct str text, size_t *used,
                                       struct err *err)
{
    struct scan s = {.a = a, .text = text, .err = err};
    const struct type *t = type_at(&s);
    *used = s.at;
    return t;
}

/* A column list if the text is one ("a INT, …"), else one type. A lone word, or one followed by
 * what only a type has behind it, is a type. */
const struct type *type_read_ddl(struct arena *a, struct str text, struct err *err)
{
    struct scan one = {.a = a, .text = text, .err = err}, list = one;
    struct err first;
    one.err = &first;
    const struct type *t = type_at(&one);
    skip_blank(&one);
    if (t && one.at == text.len)
        return t;
    struct err second;
    list.err = &second;
    t = fields(&list, 0);
    skip_blank(&list);
    if (t && list.at == text.len)
        return t;
    if (t)
        fail(&list, "',' or the end");
    /* A list is meant if its reading got past the first word, and no shorter than the type's. */
    struct scan word = {.a = a, .text = text, .err = err};
    word.at += peek_word(&word).len;
    *err = list.at > word.at && list.at >= one.at && first.code == ERR_INPUT ? second : first;
    return NULL;
}

/* ---- JSON ---- */

static const struct type *json_type(struct arena *a, const struct doc *d, int depth,
                                    struct err *err);

static int json_field(struct arena *a, const struct doc *d, int depth, struct type_field *f,
                      struct err *err)
{
    const struct doc *name = doc_need(d, "name", DOC_STRING, err);
    if (!name)
        return -1;
    const struct doc *type = doc_get(d, "type");
    if (!type)
        return doc_err(d, ERR_INPUT, err, "field '%.*s' of a schema has no type",
                       STR_ARGS(name->text));
    *f =
        (struct type_field){.name = name->text, .nullable = doc_bool(doc_get(d, "nullable"), true)};
    const struct doc *meta = doc_get(d, "metadata");
    if (doc_is(meta, DOC_OBJECT) && meta->count)
        f->metadata = meta;
    f->comment = doc_str(doc_get(f->metadata, "comment"), STR_NONE);
    struct str declared = doc_str(doc_get(f->metadata, TYPE_CHAR_KEY), STR_NONE);
    f->type = declared.len ? type_read_ddl(a, declared, err) : json_type(a, type, depth, err);
    return f->type ? 0 : -1;
}

static const struct type *json_struct(struct arena *a, const struct doc *d, int depth,
                                      struct err *err)
{
    const struct doc *list = doc_need(d, "fields", DOC_ARRAY, err);
    if (!list)
        return NULL;
    struct type_field *items = ARENA_ARRAY(a, struct type_field, list->count ? list->count : 1);
    for (size_t i = 0; i < list->count; i++)
        if (json_field(a, list->items[i], depth, &items[i], err) < 0)
            return NULL;
    return type_struct(a, items, list->count);
}

static const struct type *json_named(struct arena *a, const struct doc *d, struct err *err)
{
    struct scan s = {.a = a, .text = d->text, .err = err};
    const struct type *t = type_at(&s);
    if (t && s.at < s.text.len)
        fail(&s, "the end"), t = NULL;
    if (!t)
        err_locate(err, d->file, d->line, d->col);
    return t;
}

static const struct type *json_type(struct arena *a, const struct doc *d, int depth,
                                    struct err *err)
{
    if (depth > TYPE_MAX_DEPTH) {
        doc_err(d, ERR_LIMIT, err, "data type is nested deeper than %d levels", TYPE_MAX_DEPTH);
        return NULL;
    }
    if (doc_is(d, DOC_STRING))
        return json_named(a, d, err);
    struct str kind = doc_str(doc_get(d, "type"), STR_NONE);
    if (str_eqz(kind, "struct"))
        return json_struct(a, d, depth + 1, err);
    if (str_eqz(kind, "array") && doc_get(d, "elementType")) {
        const struct type *e = json_type(a, doc_get(d, "elementType"), depth + 1, err);
        return e ? type_array(a, e, doc_bool(doc_get(d, "containsNull"), true)) : NULL;
    }
    if (str_eqz(kind, "map") && doc_get(d, "keyType") && doc_get(d, "valueType")) {
        const struct type *k = json_type(a, doc_get(d, "keyType"), depth + 1, err);
        const struct type *v = k ? json_type(a, doc_get(d, "valueType"), depth + 1, err) : NULL;
        return v ? type_map(a, k, v, doc_bool(doc_get(d, "valueContainsNull"), true)) : NULL;
    }
    if (str_eqz(kind, "udt") && doc_get(d, "sqlType"))
        return json_type(a, doc_get(d, "sqlType"), depth + 1, err);
    doc_err(d, ERR_INPUT, err, "'%.*s' is no data type of a JSON schema", STR_ARGS(kind));
    return NULL;
}

const struct type *type_read_json(struct arena *a, const struct doc *d, struct err *err)
{
    return json_type(a, d, 0, err);
}

/* ---- DuckDB ---- */

static const struct type *duck_at(struct scan *s);

static const struct type *duck_struct(struct scan *s)
{
    struct type_field *items = NULL;
    size_t count = 0, cap = 0;
    if (expect(s, '(') < 0)
        return NULL;
    do {
        items = arena_grow(s->a, items, &cap, count + 1, sizeof *items);
        items[count] = (struct type_field){.nullable = true};
        if (field_name(s, '"', &items[count].name) < 0)
            return NULL;
        items[count].type = duck_at(s);
        if (!items[count].type)
            return NULL;
        count++;
    } while (accept(s, ','));
    return expect(s, ')') < 0 ? NULL : type_struct(s->a, items, count);
}

static const struct type *duck_map(struct scan *s)
{
    const struct type *key, *value;
    if (expect(s, '(') < 0 || !(key = duck_at(s)) || expect(s, ',') < 0 || !(value = duck_at(s)) ||
        expect(s, ')') < 0)
        return NULL;
    return type_map(s->a, key, value, true);
}

static const struct type *duck_enum(struct scan *s)
{
    struct str label;
    if (expect(s, '(') < 0)
        return NULL;
    do {
        skip_blank(s);
        if (quoted(s, '\'', &label) < 0)
            return NULL;
    } while (accept(s, ','));
    return expect(s, ')') < 0 ? NULL : type_of(TYPE_STRING);
}

static const struct type *duck_named(struct scan *s, struct str w)
{
    if (str_ieqz(w, "DECIMAL") || str_ieqz(w, "NUMERIC"))
        return decimal(s, 18, 3);
    if (str_ieqz(w, "HUGEINT") || str_ieqz(w, "UHUGEINT") || str_ieqz(w, "BIGNUM"))
        return type_decimal(s->a, DECIMAL_MAX_PRECISION, 0);
    if (str_ieqz(w, "UBIGINT"))
        return type_decimal(s->a, 20, 0);
    if ((str_ieqz(w, "TIMESTAMP") || str_ieqz(w, "TIME")) && accept_word(s, "WITH")) {
        if (!accept_word(s, "TIME") || !accept_word(s, "ZONE")) {
            fail(s, "TIME ZONE");
            return NULL;
        }
        return type_of(str_ieqz(w, "TIME") ? TYPE_STRING : TYPE_TIMESTAMP);
    }
    const struct word *found = word_find(duck_words, COUNT_OF(duck_words), w);
    if (!found) {
        err_set(s->err, ERR_UNSUPPORTED, "DuckDB type '%.*s' has no Spark type", STR_ARGS(w));
        return NULL;
    }
    int unused;
    if (parameters(s, &unused, &unused) < 0) /* VARCHAR(10) is VARCHAR there */
        return NULL;
    return type_of(found->kind);
}

static const struct type *duck_at(struct scan *s)
{
    const struct type *t;
    int length;
    if (s->depth == TYPE_MAX_DEPTH) {
        err_set(s->err, ERR_LIMIT, "data type is nested deeper than %d levels", TYPE_MAX_DEPTH);
        return NULL;
    }
    struct str w = peek_word(s);
    if (w.len == 0 && s->at < s->text.len && s->text.ptr[s->at] == '"') {
        if (quoted(s, '"', &w) < 0) /* DuckDB prints the type of a bare NULL as "NULL" */
            return NULL;
    } else {
        s->at += w.len;
    }
    s->depth++;
    t = str_ieqz(w, "STRUCT") ? duck_struct(s)
        : str_ieqz(w, "MAP")  ? duck_map(s)
        : str_ieqz(w, "ENUM") ? duck_enum(s)
                              : duck_named(s, w);
    s->depth--;
    for (int dims = 0; t && accept(s, '['); dims++) {
        if (dims == TYPE_MAX_DEPTH) {
            err_set(s->err, ERR_LIMIT, "data type is nested deeper than %d levels", TYPE_MAX_DEPTH);
            return NULL;
        }
        if ((!accept(s, ']') && (integer(s, &length) < 0 || expect(s, ']') < 0)))
            return NULL;
        t = type_array(s->a, t, true);
    }
    return t;
}

const struct type *type_read_duck(struct arena *a, struct str text, struct err *err)
{
    struct scan s = {.a = a, .text = text, .err = err};
    const struct type *t = duck_at(&s);
    skip_blank(&s);
    if (t && s.at < text.len) {
        fail(&s, "the end");
        return NULL;
    }
    return t;
}
