/* functions_text.c -- strings, binaries and regular expressions.
 *
 * Patterns are Java's. A constant pattern that RE2 reads alike goes to DuckDB's own functions; one
 * with look-around, possessive or back-reference constructs, or one known only at run time, goes to
 * the PCRE2 functions of the prelude (spark_re_*). */
#include "engine/print_int.h"

static const struct expr *arg(const struct expr *c, size_t i)
{
    return c->args.items[i];
}

/* Does RE2 read this Java pattern, and alike? */
static bool re2_reads(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], n = i + 1 < s.len ? s.ptr[i + 1] : 0;
        if (c == '\\') {
            if ((n >= '1' && n <= '9') || n == 'k' || n == 'G' || n == 'R' || n == 'h' || n == 'v' || n == 'X' || n == 'Z' ||
                n == 's' || n == 'S' || n == 'b' || n == 'B' || n == 'p' || n == 'P' || n == 'u' || n == 'e')
                return (n == 's' || n == 'S' || n == 'b' || n == 'B') && i + 2 <= s.len ? re2_reads(str_from(s, i + 2)) : false;
            i++;
        } else if (c == '(' && n == '?' && i + 2 < s.len && s.ptr[i + 2] != ':' && s.ptr[i + 2] != 'i') {
            return false;
        } else if ((c == '*' || c == '+' || c == '?' || c == '}') && n == '+') {
            return false;
        } else if (c == '[' && n && memchr(s.ptr + i, '&', s.len - i)) {
            return false; /* class intersection */
        } else if (c == '$' && i + 1 < s.len) {
            return false;
        }
    }
    return !s.len || s.ptr[s.len - 1] != '$'; /* Java's $ also matches before a last line break */
}

static bool native_pattern(const struct expr *pattern)
{
    return lit_is_text(pattern) && re2_reads(pattern->lit.text);
}

/* The groups of a pattern that RE2 reads. */
static int groups_of(struct str s)
{
    int n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '[')
            while (i + 1 < s.len && s.ptr[++i] != ']')
                i += s.ptr[i] == '\\';
        else
            n += s.ptr[i] == '(' && (i + 1 >= s.len || s.ptr[i + 1] != '?');
    }
    return n;
}

/* $1 → \1, \$ → $, \\ → \\ ; false if it holds what RE2's rewrites cannot say. */
static bool rewrite(struct buf *b, struct str r, int groups)
{
    for (size_t i = 0; i < r.len; i++) {
        char c = r.ptr[i], n = i + 1 < r.len ? r.ptr[i + 1] : 0;
        if (c == '\\') {
            if (n == '\\')
                buf_z(b, "\\\\");
            else
                buf_char(b, n);
            i++;
        } else if (c == '$') {
            bool two = i + 2 < r.len && r.ptr[i + 2] >= '0' && r.ptr[i + 2] <= '9';
            if (n < '0' || n > '9' || two || n - '0' > groups)
                return false;
            buf_char(b, '\\');
            buf_char(b, n);
            i++;
        } else {
            buf_char(b, c);
        }
    }
    return true;
}

static void rlike(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    const struct expr *pattern = arg(c, 1);
    struct str s = lit_is_text(pattern) ? pattern->lit.text : STR_NONE;
    bool end = s.len > 1 && s.ptr[s.len - 1] == '$' && s.ptr[s.len - 2] != '\\' && re2_reads(str_sub(s, 0, s.len - 1));
    if (!end) {
        print_template(p, b, native_pattern(pattern) ? "regexp_matches($1, $2)" : "spark_re_matches($1, $2)", c, w);
        return;
    }
    buf_z(b, "regexp_matches(");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ", ");
    duck_quote_text(b, str_fmt(p->a, "%.*s\\n?\\z", (int)s.len - 1, s.ptr));
    buf_char(b, ')');
}

static void regexp_replace(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    struct buf r, q;
    buf_init(&r);
    bool native = c->args.count == 3 && native_pattern(arg(c, 1)) && lit_is_text(arg(c, 2)) && rewrite(&r, arg(c, 2)->lit.text, groups_of(arg(c, 1)->lit.text));
    if (native) {
        buf_init(&q);
        duck_quote_text(&q, buf_view(&r));
        buf_z(b, "regexp_replace(");
        print_expr(p, b, arg(c, 0), P_ANY);
        buf_z(b, ", ");
        print_expr(p, b, arg(c, 1), P_ANY);
        buf_printf(b, ", %s, 'g')", q.ptr);
        buf_release(&q);
    } else {
        print_template(p, b, c->args.count == 3 ? "spark_re_replace($1, $2, $3, 1)" : "spark_re_replace($1, $2, $3, $4)", c, w);
    }
    buf_release(&r);
}

static void regexp_extract(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    int64_t group = 1;
    bool native = native_pattern(arg(c, 1)) && (c->args.count < 3 || expr_const_int(arg(c, 2), &group));
    bool all = str_eqz(c->func, "regexp_extract_all");
    if (!native && all) {
        print_fail(p, c->at, ERR_UNSUPPORTED, "regexp_extract_all() with this pattern is not supported");
        return;
    }
    if (!native) {
        print_template(p, b, c->args.count < 3 ? "spark_re_extract($1, $2, 1)" : "spark_re_extract($1, $2, $3)", c, w);
        return;
    }
    if (group < 0 || group > groups_of(arg(c, 1)->lit.text)) {
        print_fail(p, c->at, ERR_INPUT, "[INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX] the pattern of %.*s() has %d groups, group %jd "
                   "is asked for", STR_ARGS(c->func), groups_of(arg(c, 1)->lit.text), (intmax_t)group);
        return;
    }
    buf_z(b, all ? "regexp_extract_all(" : "regexp_extract(");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ", ");
    print_expr(p, b, arg(c, 1), P_ANY);
    buf_printf(b, ", %jd)", (intmax_t)group);
}

/* A pattern that is plain text: the text it matches, else NONE. */
static struct str plain_pattern(struct pr *p, struct str s)
{
    char *out = arena_alloc(p->a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 1 < s.len && !((s.ptr[i + 1] | 32) >= 'a' && (s.ptr[i + 1] | 32) <= 'z') &&
            !(s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9'))
            c = s.ptr[++i];
        else if (strchr(".^$*+?()[]{}|\\", c))
            return STR_NONE;
        out[n++] = c;
    }
    return str_of(out, n);
}

static void split(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    int64_t limit = -1;
    bool known = c->args.count < 3 || expr_const_int(arg(c, 2), &limit);
    struct str x = print_text(p, arg(c, 0), P_ANY), plain = STR_NONE;
    if (!known || !lit_is_text(arg(c, 1))) {
        print_fail(p, c->at, ERR_UNSUPPORTED, "split() needs a constant pattern and a constant limit");
        return;
    }
    plain = plain_pattern(p, arg(c, 1)->lit.text);
    struct buf q;
    buf_init(&q);
    duck_quote_text(&q, plain.len ? plain : arg(c, 1)->lit.text);
    if (limit > 0 && plain.len) {
        buf_printf(b, "spark_split_limit(%.*s, %s, %jd)", STR_ARGS(x), q.ptr, (intmax_t)limit);
    } else if (limit > 0 || (!plain.len && !native_pattern(arg(c, 1)))) {
        print_fail(p, c->at, ERR_UNSUPPORTED, "split() with this pattern%s is not supported", limit > 0 ? " and a limit" : "");
    } else {
        buf_printf(b, "%s(%.*s, %s)", plain.len ? "string_split" : "regexp_split_to_array", STR_ARGS(x), q.ptr);
    }
    buf_release(&q);
}

static void concat(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    if (!c->args.count) {
        buf_z(b, "''");
        return;
    }
    for (size_t i = 0; i < c->args.count; i++)
        if (arg(c, i)->kind == EXPR_LITERAL && arg(c, i)->lit.kind == LIT_NULL) { /* DuckDB would lose the type */
            print_template(p, b, "CAST(NULL AS $T)", c, NULL);
            return;
        }
    bool arrays = c->type->kind == TYPE_ARRAY;
    if (arrays) {
        buf_z(b, "CASE WHEN ");
        for (size_t i = 0; i < c->args.count; i++) {
            buf_z(b, i ? " AND " : "");
            print_expr(p, b, arg(c, i), P_ATOM);
            buf_z(b, " IS NOT NULL");
        }
        buf_z(b, " THEN ");
    }
    for (size_t i = 0; i < c->args.count; i++) {
        buf_z(b, i ? " || " : "");
        print_expr(p, b, arg(c, i), P_ADD);
    }
    buf_z(b, arrays ? " END" : "");
}

static void concat_ws(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool arrays = false;
    for (size_t i = 1; i < c->args.count; i++)
        arrays |= arg(c, i)->type->kind == TYPE_ARRAY;
    if (c->args.count == 1) {
        print_template(p, b, "CASE WHEN $1 IS NOT NULL THEN '' END", c, w);
        return;
    }
    if (!arrays) {
        print_template(p, b, "concat_ws($*)", c, w);
        return;
    }
    buf_z(b, "array_to_string(list_concat(");
    for (size_t i = 1; i < c->args.count; i++) {
        bool list = arg(c, i)->type->kind == TYPE_ARRAY;
        buf_printf(b, "%s%s", i > 1 ? ", " : "", list ? "coalesce(" : "[");
        print_expr(p, b, arg(c, i), P_ANY);
        buf_z(b, list ? ", [])" : "]");
    }
    buf_z(b, "), ");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_char(b, ')');
}

static void length(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, arg(c, 0)->type->kind == TYPE_BINARY ? "CAST(octet_length($1) AS INTEGER)" : "CAST(length($1) AS INTEGER)",
                   c, w);
}

static void octets(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool bits = str_eqz(c->func, "bit_length"), bin = arg(c, 0)->type->kind == TYPE_BINARY;
    print_template(p, b, bits ? (bin ? "CAST(8 * octet_length($1) AS INTEGER)" : "CAST(8 * strlen($1) AS INTEGER)")
                              : (bin ? "CAST(octet_length($1) AS INTEGER)" : "CAST(strlen($1) AS INTEGER)"), c, w);
}

static void substring(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    int64_t pos, len = 0;
    bool known = expr_const_int(arg(c, 1), &pos) && (c->args.count < 3 || expr_const_int(arg(c, 2), &len));
    if (!known || pos < 0 || len < 0) {
        print_template(p, b, c->args.count == 2 ? "spark_substring($1, $2, 2147483647)" : "spark_substring($1, $2, $3)", c, w);
        return;
    }
    buf_z(b, "substring(");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_printf(b, ", %jd", (intmax_t)(pos ? pos : 1));
    if (c->args.count == 3)
        buf_printf(b, ", %jd", (intmax_t)len);
    buf_char(b, ')');
}

/* trim(chars, s) in Spark's order; without chars only the blank is trimmed. */
static void trim(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    const char *fn = str_eqz(c->func, "ltrim") ? "ltrim" : str_eqz(c->func, "rtrim") ? "rtrim" : "trim";
    bool first = c->args.count == 1 || str_eqz(c->func, "btrim");
    (void)w;
    buf_printf(b, "%s(", fn);
    print_expr(p, b, arg(c, first ? 0 : 1), P_ANY);
    buf_z(b, ", ");
    if (c->args.count == 1)
        buf_z(b, "' '");
    else
        print_expr(p, b, arg(c, first ? 1 : 0), P_ANY);
    buf_char(b, ')');
}

static void pad(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool left = c->func.ptr[0] == 'l';
    print_template(p, b, c->args.count == 3 ? (left ? "spark_lpad($1, $2, $3)" : "spark_rpad($1, $2, $3)")
                                            : (left ? "lpad($1, spark_count($2), ' ')" : "rpad($1, spark_count($2), ' ')"), c, w);
}

static void locate(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->args.count == 2 ? "CAST(strpos($2, $1) AS INTEGER)" : "spark_locate($1, $2, $3)", c, w);
}

static void levenshtein(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->args.count == 2 ? "spark_distance($1, $2)"
                                            : "spark_levenshtein($1, $2, $3)", c, w);
}

static void overlay(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->args.count == 3 ? "spark_overlay($1, $2, $3, length($2))" : "spark_overlay($1, $2, $3, $4)", c, w);
}

static void replace(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->args.count == 2 ? "replace($1, $2, '')" : "replace($1, $2, $3)", c, w);
}

static void reverse(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->type->kind == TYPE_ARRAY ? "list_reverse($1)" : "reverse($1)", c, w);
}

static bool utf8_charset(struct pr *p, const struct expr *c)
{
    const struct expr *s = arg(c, c->args.count - 1);
    if (lit_is_text(s) && (str_ieqz(s->lit.text, "utf-8") || str_ieqz(s->lit.text, "utf8")))
        return true;
    print_fail(p, s->at, ERR_UNSUPPORTED, "%.*s() knows the character set 'UTF-8' only", STR_ARGS(c->func));
    return false;
}

static void encode(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    if (utf8_charset(p, c))
        print_template(p, b, str_eqz(c->func, "encode") ? "encode($1)" : "decode($1)", c, w);
}

static void to_binary(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    struct str f = c->args.count == 1 ? STR("hex") : lit_is_text(arg(c, 1)) ? arg(c, 1)->lit.text : STR_NONE;
    if (str_ieqz(f, "hex"))
        print_template(p, b, "unhex($1)", c, w);
    else if (str_ieqz(f, "utf-8") || str_ieqz(f, "utf8"))
        print_template(p, b, "encode($1)", c, w);
    else if (str_ieqz(f, "base64"))
        print_template(p, b, "spark_unbase64($1)", c, w);
    else
        print_fail(p, c->at, ERR_UNSUPPORTED, "the format of to_binary() must be 'hex', 'utf-8' or 'base64'");
}

/* One conversion by DuckDB's printf; NULL is shown as null, in the conversion's width. */
static void put_conversion(struct pr *p, struct buf *b, struct str spec, const struct expr *a)
{
    char conv = spec.ptr[spec.len - 1];
    struct str x = print_text(p, a, P_ATOM);
    const struct type *to = type_of(conv == 's' ? TYPE_STRING : conv == 'd' || conv == 'x' ? TYPE_LONG : TYPE_DOUBLE);
    struct buf q;
    if (a->type->kind >= TYPE_ARRAY && conv == 's')
        print_fail(p, a->at, ERR_UNSUPPORTED, "%%s of this type is not supported: cast it to STRING");
    buf_init(&q);
    duck_quote_text(&q, spec);
    x = cast_text(p, x, a->type, to, false, a->at);
    if (conv == 'x' && a->type->kind < TYPE_LONG && type_is_integral(a->type)) /* as many bits as Java's type has */
        x = str_fmt(p->a, "((%.*s) & %jd::BIGINT)", STR_ARGS(x), ((intmax_t)1 << integer_bits(a->type)) - 1);
    buf_printf(b, a->nullable ? "coalesce(printf(%s, %.*s), " : "printf(%s, %.*s)", q.ptr, STR_ARGS(x));
    if (a->nullable) {
        size_t n = 1 + (spec.ptr[1] == '-');
        while (n < spec.len && spec.ptr[n] == '0')
            n++;
        size_t width = 0;
        while (n + width < spec.len && ((spec.ptr[n + width] >= '0' && spec.ptr[n + width] <= '9') || spec.ptr[n + width] == '.'))
            width++;
        buf_printf(b, "printf('%%%s%.*ss', 'null'))", spec.ptr[1] == '-' ? "-" : "", (int)width, spec.ptr + n);
    }
    buf_release(&q);
}

static void format_string(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    const struct expr *f = arg(c, 0);
    size_t n = 1, from = 0;
    if (!lit_is_text(f)) {
        print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() needs a constant format", STR_ARGS(c->func));
        return;
    }
    struct str s = f->lit.text;
    struct buf plain;
    buf_init(&plain);
    for (size_t i = 0; i <= s.len && !p->failed; i++) {
        if (i < s.len && s.ptr[i] != '%')
            continue;
        buf_add(&plain, s.ptr + from, i - from);
        size_t at = i;
        if (i < s.len)
            for (i++; i < s.len && strchr("-0123456789.", s.ptr[i]); i++)
                continue;
        char conv = i < s.len ? s.ptr[i] : 0;
        from = i + 1;
        if (conv == '%') {
            buf_char(&plain, '%');
            continue;
        }
        if (plain.len || at >= s.len) {
            duck_quote_text(b, buf_view(&plain));
            buf_z(b, at < s.len ? " || " : "");
            buf_clear(&plain);
        }
        if (at >= s.len)
            break;
        if (n >= c->args.count || !conv || !strchr("sdfegx", conv)) {
            print_fail(p, f->at, ERR_UNSUPPORTED, "conversion %%%c of %.*s() is not supported", conv ? conv : ' ', STR_ARGS(c->func));
            break;
        }
        put_conversion(p, b, str_sub(s, at, i + 1 - at), arg(c, n++));
        buf_z(b, " || ");
    }
    buf_release(&plain);
}

static void mask(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    static const char *const defaults[] = {"", "'X'", "'x'", "'n'", "NULL"};
    (void)w;
    buf_z(b, "spark_mask(");
    for (size_t i = 0; i < 5; i++) {
        buf_z(b, i ? ", " : "");
        if (i < c->args.count)
            print_expr(p, b, arg(c, i), P_ANY);
        else
            buf_z(b, defaults[i]);
    }
    print_template(p, b, ", upper($1), lower($1))", c, NULL);
}

static void parse_url(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->args.count == 2 ? "spark_parse_url($1, $2, '')" : "spark_parse_url($1, $2, $3)", c, w);
}

static void to_number(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    struct str f = arg(c, 1)->lit.text;
    if (str_find(f, STR("PR")) >= 0 || str_find(f, STR("MI")) >= 0)
        print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() with MI or PR in its format is not supported", STR_ARGS(c->func));
    print_template(p, b, str_starts_z(c->func, "try_") ? "CAST(spark_to_number($1, $2, false) AS $T)"
                                                       : "CAST(spark_to_number($1, $2, true) AS $T)", c, w);
}

static void to_char(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    enum type_kind k = arg(c, 0)->type->kind;
    if (k == TYPE_TIMESTAMP || k == TYPE_TIMESTAMP_NTZ || k == TYPE_DATE)
        print_template(p, b, k == TYPE_TIMESTAMP ? "spark_date_format(spark_utc($1), $2)"
                                                 : "spark_date_format(CAST($1 AS TIMESTAMP), $2)", c, w);
    else
        print_fail(p, c->at, ERR_UNSUPPORTED, "to_char() of a number is not supported: use format_number()");
}

static void regexp_other(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool native = native_pattern(arg(c, 1));
    if (str_eqz(c->func, "regexp_count"))
        print_template(p, b, "spark_re_count($1, $2)", c, w);
    else if (str_eqz(c->func, "regexp_instr"))
        print_template(p, b, "spark_re_instr($1, $2)", c, w);
    else
        print_template(p, b, native ? "CASE WHEN regexp_matches($1, $2) THEN regexp_extract($1, $2) END"
                                    : "CASE WHEN spark_re_matches($1, $2) THEN spark_re_extract($1, $2, 0) END", c, w);
}

static void format_number(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    if (!type_is_integral(arg(c, 1)->type))
        print_fail(p, c->at, ERR_UNSUPPORTED, "format_number() with a pattern is not supported: give the number of decimals");
    print_template(p, b, "spark_format_number(CAST($1 AS VARCHAR), $2)", c, w);
}

const struct fn_row fn_rows_text[] = {
    {"rlike", NULL, 0, rlike, NULL}, {"regexp_like", NULL, 0, rlike, NULL}, {"regexp", NULL, 0, rlike, NULL},
    {"regexp_replace", NULL, 0, regexp_replace, NULL}, {"regexp_extract", NULL, 0, regexp_extract, NULL},
    {"regexp_extract_all", NULL, 0, regexp_extract, NULL}, {"regexp_count", NULL, 0, regexp_other, NULL},
    {"regexp_instr", NULL, 0, regexp_other, NULL}, {"regexp_substr", NULL, 0, regexp_other, NULL},
    {"split", NULL, 0, split, NULL}, {"concat", NULL, P_OTHER, concat, NULL}, {"||", NULL, P_OTHER, concat, NULL},
    {"concat_ws", NULL, 0, concat_ws, NULL}, {"ascii", "ascii($1)", 0, NULL, NULL},
    {"base64", "spark_base64($1)", 0, NULL, NULL}, {"bit_length", NULL, 0, octets, NULL}, {"octet_length", NULL, 0, octets, NULL},
    {"length", NULL, 0, length, NULL}, {"len", NULL, 0, length, NULL}, {"char_length", NULL, 0, length, NULL},
    {"character_length", NULL, 0, length, NULL}, {"btrim", NULL, 0, trim, NULL}, {"trim", NULL, 0, trim, NULL},
    {"ltrim", NULL, 0, trim, NULL}, {"rtrim", NULL, 0, trim, NULL},
    {"char", "spark_chr($1)", 0, NULL, NULL}, {"chr", "spark_chr($1)", 0, NULL, NULL},
    {"contains", "contains($1, $2)", 0, NULL, NULL}, {"startswith", "starts_with($1, $2)", 0, NULL, NULL},
    {"endswith", "ends_with($1, $2)", 0, NULL, NULL}, {"crc32", "spark_crc32($1)", 0, NULL, NULL},
    {"elt", "spark_item([$2*], @1 - 1)", 0, NULL, NULL}, {"encode", NULL, 0, encode, NULL}, {"decode", NULL, 0, encode, NULL},
    {"find_in_set", "spark_find_in_set($1, $2)", 0, NULL, NULL}, {"format_number", NULL, 0, format_number, NULL},
    {"format_string", NULL, P_OTHER, format_string, NULL}, {"printf", NULL, P_OTHER, format_string, NULL},
    {"hex", "hex($1)", 0, NULL, NULL}, {"initcap", "spark_initcap($1)", 0, NULL, NULL},
    {"instr", "CAST(strpos($1, $2) AS INTEGER)", 0, NULL, NULL}, {"locate", NULL, 0, locate, NULL},
    {"position", NULL, 0, locate, NULL}, {"lcase", "spark_lower($1)", 0, NULL, NULL}, {"lower", "spark_lower($1)", 0, NULL, NULL},
    {"ucase", "spark_upper($1)", 0, NULL, NULL}, {"upper", "spark_upper($1)", 0, NULL, NULL},
    {"left", "left($1, spark_count($2))", 0, NULL, NULL}, {"right", "right($1, spark_count($2))", 0, NULL, NULL},
    {"levenshtein", NULL, 0, levenshtein, NULL}, {"lpad", NULL, 0, pad, NULL}, {"rpad", NULL, 0, pad, NULL},
    {"luhn_check", "spark_luhn_check($1)", 0, NULL, NULL}, {"mask", NULL, 0, mask, NULL}, {"md5", "md5($1)", 0, NULL, NULL},
    {"overlay", NULL, 0, overlay, NULL}, {"parse_url", NULL, 0, parse_url, NULL},
    {"quote", "'''' || replace(replace(@1, '\\', '\\\\'), '''', '\\''') || ''''", P_OTHER, NULL, NULL},
    {"repeat", "repeat($1, spark_count($2))", 0, NULL, NULL}, {"replace", NULL, 0, replace, NULL},
    {"reverse", NULL, 0, reverse, NULL}, {"sha", "sha1($1)", 0, NULL, NULL}, {"sha1", "sha1($1)", 0, NULL, NULL},
    {"sha2", "spark_sha2($1, $2)", 0, NULL, NULL}, {"soundex", "spark_soundex($1)", 0, NULL, NULL},
    {"space", "repeat(' ', spark_count($1))", 0, NULL, NULL}, {"split_part", "spark_split_part($1, $2, $3)", 0, NULL, NULL},
    {"substr", NULL, 0, substring, NULL}, {"substring", NULL, 0, substring, NULL},
    {"substring_index", "spark_substring_index($1, $2, $3)", 0, NULL, NULL}, {"to_binary", NULL, 0, to_binary, NULL},
    {"to_char", NULL, 0, to_char, NULL}, {"to_varchar", NULL, 0, to_char, NULL}, {"to_number", NULL, 0, to_number, NULL},
    {"try_to_number", NULL, 0, to_number, NULL}, {"translate", "translate($1, $2, $3)", 0, NULL, NULL},
    {"unbase64", "spark_unbase64($1)", 0, NULL, NULL}, {"unhex", "TRY(unhex($1))", 0, NULL, NULL},
    {"url_decode", "spark_url_decode($1)", 0, NULL, NULL}, {"url_encode", "spark_url_encode($1)", 0, NULL, NULL},
    {0},
};
