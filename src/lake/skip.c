/* skip.c -- file skipping.
 *
 * Of each column a file tells, or does not: is a value there (rows - nullCount > 0), is a null there
 * (nullCount > 0), and bounds that hold for all values. A partition value is both bounds at once, or
 * nulls only. From these: may `column op value` be true for some row?
 *     =  lo <= v <= hi      <  lo < v      >  hi > v      <>  not (lo = v = hi), bounds being exact
 * NOT is pushed down to the comparisons, which leaves AND and OR. Each leaf errs towards yes.
 *
 * Bounds are what the writers make of them, so a maximum may be less exact than it looks:
 *   - timestamps are cut to milliseconds: a maximum stands for up to 1 ms more;
 *   - strings are cut, to 32 characters or 64 bytes, and the maximum made greater by a last
 *     character. Writers that only cut exist: a value that begins with a maximum of 32 bytes is kept;
 *   - a deletion vector makes bounds wider than the rows left, never narrower, and a null count of
 *     neither none nor all rows means nothing (we ask only for none and for all);
 *   - a double's bound may be that of a float column that was widened, in a float's digits: it stands for
 *     the float as well;
 *   - NaN is above all numbers in Spark. Some writers (Spark) say that it is there by a maximum of "NaN",
 *     others (delta-rs) leave it out of the maximum: no file is dropped for being below a number.
 * Numbers are compared as decimals of any length, exactly; doubles as doubles. A constant beside a float
 * may be a double or a float's digits: where only that decides, it cannot be told. */
#include "lake/skip.h"
#include "lake/log_int.h"
#include <math.h>
#include <string.h>

enum { CUT_BYTES = 32 /* the shortest that a writer cuts to: 32 characters are no fewer bytes */ };

/* What a file says of one column. Empty texts: not known. */
struct column {
    const struct type *type;
    bool may_value, may_null;
    bool exact;                   /* lo and hi are values that are there: a partition's */
    struct str lo, hi;            /* ptr NULL: unknown */
};

/* ---- comparing texts as values of a type: -1, 0, 1, or UNKNOWN */

enum { UNKNOWN = 2 };

static int sign_of(int64_t d)
{
    return d < 0 ? -1 : d > 0;
}

/* "-012.500" → sign, "12", "5"; false for anything but plain digits. */
static bool decimal_parts(struct str s, bool *negative, struct str *whole, struct str *fraction)
{
    *negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        s = str_from(s, 1);
    int64_t dot = str_chr(s, '.');
    *whole = dot < 0 ? s : str_sub(s, 0, (size_t)dot);
    *fraction = dot < 0 ? STR_NONE : str_from(s, (size_t)dot + 1);
    for (size_t i = 0; i < s.len; i++)
        if ((s.ptr[i] < '0' || s.ptr[i] > '9') && (int64_t)i != dot)
            return false;
    while (whole->len && whole->ptr[0] == '0')
        *whole = str_from(*whole, 1);
    while (fraction->len && fraction->ptr[fraction->len - 1] == '0')
        fraction->len--;
    return s.len > (dot >= 0);
}

static int compare_decimals(struct str a, struct str b)
{
    bool na, nb;
    struct str wa, wb, fa, fb;
    if (!decimal_parts(a, &na, &wa, &fa) || !decimal_parts(b, &nb, &wb, &fb))
        return UNKNOWN;
    na = na && (wa.len || fa.len); /* -0 */
    nb = nb && (wb.len || fb.len);
    if (na != nb)
        return na ? -1 : 1;
    int c = wa.len != wb.len ? (wa.len < wb.len ? -1 : 1) : sign_of(str_cmp(wa, wb));
    if (!c)
        c = sign_of(str_cmp(fa, fb)); /* without zeros at the end, text order is number order */
    return na ? -c : c;
}

static int compare_doubles(struct str a, struct str b)
{
    double x, y;
    if (!str_f64(a, &x) || !str_f64(b, &y) || isnan(x) || isnan(y))
        return UNKNOWN;
    return x < y ? -1 : x > y;
}

/* A value against a bound that is a float, whichever digits it was printed with. */
static int compare_floats(struct str value, struct str bound)
{
    double v, b;
    if (!str_f64(value, &v) || !str_f64(bound, &b) || isnan(v) || isnan(b))
        return UNKNOWN;
    b = (float)b;
    if ((float)v == b && v != b)
        return UNKNOWN;
    return v < b ? -1 : v > b;
}

static bool parse_time(struct str s, int64_t *us)
{
    struct tp t;
    if (!time_parse_iso(s, &t))
        return false;
    *us = t.us;
    return true;
}

static int compare_times(struct str a, struct str b)
{
    int64_t x, y;
    return parse_time(a, &x) && parse_time(b, &y) ? (x < y ? -1 : x > y) : UNKNOWN;
}

static int compare(const struct type *t, struct str a, struct str b)
{
    switch (t->kind) {
    case TYPE_BYTE: case TYPE_SHORT: case TYPE_INT: case TYPE_LONG: case TYPE_DECIMAL: return compare_decimals(a, b);
    case TYPE_FLOAT: return compare_floats(a, b);
    case TYPE_DOUBLE: return compare_doubles(a, b);
    case TYPE_STRING: case TYPE_VARCHAR: return sign_of(str_cmp(a, b));
    case TYPE_DATE: case TYPE_TIMESTAMP: case TYPE_TIMESTAMP_NTZ: return compare_times(a, b);
    case TYPE_BOOLEAN: return str_ieq(a, b) ? 0 : str_ieqz(a, "false") ? -1 : 1;
    default: return UNKNOWN;
    }
}

/* A double against a bound that may be a float's: `side` 1 the upper one, -1 the lower. */
static int compare_loose(struct str value, struct str bound, int side)
{
    double v, b;
    if (!str_f64(value, &v) || !str_f64(bound, &b) || isnan(v) || isnan(b))
        return UNKNOWN;
    double as_float = (double)(float)b;
    if (side > 0 ? as_float > b : as_float < b)
        b = as_float;
    return v < b ? -1 : v > b;
}

static int compare_low(const struct column *c, struct str value)
{
    return c->type->kind == TYPE_DOUBLE && !c->exact ? compare_loose(value, c->lo, -1) : compare(c->type, value, c->lo);
}

/* The value against the column's upper bound, which may stand for a little more. */
static int compare_high(const struct column *c, struct str value)
{
    int64_t bound, v;
    if (c->exact)
        return compare(c->type, value, c->hi);
    if (c->type->kind == TYPE_DOUBLE)
        return compare_loose(value, c->hi, 1);
    if (c->type->kind == TYPE_TIMESTAMP || c->type->kind == TYPE_TIMESTAMP_NTZ) {
        if (!parse_time(c->hi, &bound) || !parse_time(value, &v))
            return UNKNOWN;
        return v < bound ? -1 : v > bound + 1000;
    }
    if (c->type->kind == TYPE_STRING || c->type->kind == TYPE_VARCHAR) {
        if (str_starts(value, c->hi) && c->hi.len >= CUT_BYTES)
            return 0;
    }
    return compare(c->type, value, c->hi);
}

/* ---- what a file says */

static struct str bound_text(const struct doc *d)
{
    return d && (d->kind == DOC_STRING || d->kind == DOC_INT || d->kind == DOC_FLOAT) ? d->text : STR_NONE;
}

/* Follows "a.b" through the schema, and through `docs` by physical names. */
static const struct type *follow(const struct lake_snapshot *s, struct str path, const struct doc *docs[3])
{
    const struct type *t = s->schema;
    const struct type_field *whole = type_field_find(t, path);
    struct str rest = path, part;
    while (t && t->kind == TYPE_STRUCT) {
        if (whole)
            part = path;
        else if (!str_split(&rest, '.', &part))
            return NULL;
        const struct type_field *f = type_field_find(t, part);
        if (!f)
            return NULL;
        for (int i = 0; i < 3; i++)
            docs[i] = docs[i] ? doc_get_str(docs[i], lake_physical_name(s, f)) : NULL;
        t = f->type;
        if (whole || !rest.len)
            return t;
    }
    return NULL;
}

static bool partition_column(const struct lake_snapshot *s, const struct lake_file *f, struct str name, struct column *c)
{
    const struct type_field *field = type_field_find(s->schema, name);
    if (!field || !lake_is_partition(s, field->name))
        return false;
    const struct lake_pair *v = lake_partition_value(f, lake_physical_name(s, field));
    bool is_null = !v || v->is_null || !v->value.len;
    *c = (struct column){.type = field->type, .may_value = !is_null, .may_null = is_null, .exact = true};
    if (!is_null)
        c->lo = c->hi = v->value;
    return true;
}

/* False: nothing is known of it. */
static bool look(const struct lake_snapshot *s, const struct lake_file *f, const struct doc *stats, struct str name, struct column *c)
{
    if (partition_column(s, f, name, c))
        return c->type->kind != TYPE_BINARY;
    const struct doc *docs[3] = {doc_get(stats, "minValues"), doc_get(stats, "maxValues"), doc_get(stats, "nullCount")};
    int64_t nulls = -1, rows = -1;
    *c = (struct column){.may_value = true, .may_null = true};
    c->type = follow(s, name, docs);
    if (!c->type || !stats)
        return false;
    doc_i64(doc_get(stats, "numRecords"), &rows);
    doc_i64(docs[2], &nulls);
    c->may_null = nulls != 0;
    c->may_value = rows < 0 || nulls < 0 || nulls < rows;
    c->lo = bound_text(docs[0]);
    c->hi = bound_text(docs[1]);
    return true;
}

/* ---- may it be true */

struct asked { const struct lake_snapshot *snap; const struct lake_file *file; const struct doc *stats; };

static bool may_compare(const struct column *c, enum lake_op op, struct str value)
{
    int low = c->lo.ptr ? compare_low(c, value) : UNKNOWN; /* the value against each bound */
    int high = c->hi.ptr ? compare_high(c, value) : UNKNOWN;
    if (!c->may_value)
        return false;
    if (!c->exact && (op == LAKE_GT || op == LAKE_GE) && (c->type->kind == TYPE_FLOAT || c->type->kind == TYPE_DOUBLE))
        return true; /* a NaN is greater */
    switch (op) {
    case LAKE_EQ: return low != -1 && high != 1;
    case LAKE_NE: return !(c->exact && low == 0);
    case LAKE_LT: return low == UNKNOWN || low > 0;
    case LAKE_LE: return low != -1;
    case LAKE_GT: return c->exact ? high == UNKNOWN || high < 0 : high == UNKNOWN || high <= 0;
    case LAKE_GE: return high != 1;
    default: return true;
    }
}

static bool may_start(const struct column *c, struct str prefix)
{
    if (!c->may_value || (c->type->kind != TYPE_STRING && c->type->kind != TYPE_VARCHAR))
        return c->may_value;
    /* All texts with the prefix lie from it on, and below every text that is greater without it. */
    if (c->hi.ptr && compare_high(c, prefix) == 1)
        return false;
    return !c->lo.ptr || str_starts(c->lo, prefix) || str_cmp(c->lo, prefix) < 0;
}

static bool leaf_may(const struct asked *q, const struct lake_predicate *p, enum lake_op op)
{
    struct column c;
    if (!look(q->snap, q->file, q->stats, p->column, &c))
        return true;
    switch (op) {
    case LAKE_IS_NULL: return c.may_null;
    case LAKE_NOT_NULL: return c.may_value;
    case LAKE_STARTS_WITH: return !p->value_count || may_start(&c, p->values[0]);
    case LAKE_IN:
        for (size_t i = 0; i < p->value_count; i++)
            if (may_compare(&c, LAKE_EQ, p->values[i]))
                return true;
        return false;
    case LAKE_NOT_IN:
        for (size_t i = 0; i < p->value_count; i++)
            if (!may_compare(&c, LAKE_NE, p->values[i]))
                return false;
        return c.may_value;
    default: return !p->value_count || may_compare(&c, op, p->values[0]);
    }
}

static bool may(const struct asked *q, const struct lake_predicate *p, bool negated, int depth)
{
    static const enum lake_op opposite[] = {
        [LAKE_EQ] = LAKE_NE, [LAKE_NE] = LAKE_EQ, [LAKE_LT] = LAKE_GE, [LAKE_LE] = LAKE_GT, [LAKE_GT] = LAKE_LE, [LAKE_GE] = LAKE_LT,
        [LAKE_IN] = LAKE_NOT_IN, [LAKE_NOT_IN] = LAKE_IN, [LAKE_STARTS_WITH] = LAKE_NOT_NULL, [LAKE_IS_NULL] = LAKE_NOT_NULL,
        [LAKE_NOT_NULL] = LAKE_IS_NULL, [LAKE_AND] = LAKE_OR, [LAKE_OR] = LAKE_AND, [LAKE_NOT] = LAKE_NOT, [LAKE_ANY] = LAKE_ANY};
    if (depth > LAKE_PREDICATE_DEPTH)
        return true;
    if (p->op == LAKE_NOT)
        return !p->arg_count || may(q, p->args[0], !negated, depth + 1);
    enum lake_op op = negated ? opposite[p->op] : p->op;
    if (op == LAKE_ANY)
        return true;
    if (op != LAKE_AND && op != LAKE_OR)
        return leaf_may(q, p, op);
    for (size_t i = 0; i < p->arg_count; i++)
        if (may(q, p->args[i], negated, depth + 1) != (op == LAKE_AND))
            return op == LAKE_OR;
    return op == LAKE_AND;
}

static bool file_may(struct arena *scratch, const struct lake_snapshot *s, const struct lake_file *f, const struct lake_predicate *p)
{
    struct err ignored;
    arena_reset(scratch);
    struct str stats = lake_file_stats(scratch, f);
    struct asked q = {s, f, stats.len ? doc_json(scratch, NULL, stats, &ignored) : NULL};
    return may(&q, p, false, 0);
}

bool lake_may_match(const struct lake_snapshot *s, const struct lake_file *f, const struct lake_predicate *p)
{
    struct arena *scratch = arena_new();
    bool m = !p || file_may(scratch, s, f, p);
    arena_free(scratch);
    return m;
}

void lake_match_files(const struct lake_snapshot *s, const struct lake_file *const *files, size_t count, const struct lake_predicate *p, bool *may)
{
    struct arena *scratch = arena_new();
    for (size_t i = 0; i < count; i++)
        may[i] = file_may(scratch, s, files[i], p);
    arena_free(scratch);
}

size_t lake_prune(struct arena *a, const struct lake_snapshot *s, const struct lake_predicate *p, const struct lake_file ***out)
{
    size_t n = 0;
    struct arena *scratch = arena_new();
    *out = ARENA_ARRAY(a, const struct lake_file *, s->file_count + 1);
    for (size_t i = 0; i < s->file_count; i++)
        if (!p || file_may(scratch, s, s->files[i], p))
            (*out)[n++] = s->files[i];
    arena_free(scratch);
    return n;
}

static bool partitions_only(const struct lake_snapshot *s, const struct lake_predicate *p, int depth)
{
    if (depth > LAKE_PREDICATE_DEPTH || p->op == LAKE_ANY)
        return false;
    for (size_t i = 0; i < p->arg_count; i++)
        if (!partitions_only(s, p->args[i], depth + 1))
            return false;
    return p->op == LAKE_AND || p->op == LAKE_OR || p->op == LAKE_NOT || lake_is_partition(s, p->column);
}

bool lake_partition_only(const struct lake_snapshot *s, const struct lake_predicate *p)
{
    return partitions_only(s, p, 0);
}
