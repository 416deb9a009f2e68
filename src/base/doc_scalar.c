/* doc_scalar.c -- what a plain YAML scalar is, as the Databricks CLI decides (go-yaml v3's rules,
 * which are YAML 1.2's core schema with some of 1.1, then its own).
 *
 *     null      empty, ~, null, Null, NULL
 *     boolean   true, True, TRUE, false, False, FALSE; yes, no, on and off are strings
 *     integer   decimal (leading zeros do not make it octal), 0x, 0o, with a sign
 *     float     digits with a point or an exponent; .inf, .nan and their spellings
 *     string    everything else, dates too
 *
 * Numbers enter the tree as text that is JSON: decimal, no plus, no leading zeros, digits on both
 * sides of a point; Infinity, -Infinity and NaN are written by doc_write() as strings. */
#include "base/doc_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool one_of(struct str s, const char *x, const char *y, const char *z)
{
    return str_eqz(s, x) || str_eqz(s, y) || str_eqz(s, z);
}

static bool all_digits(struct str s, const char *digits)
{
    for (size_t i = 0; i < s.len; i++)
        if (!s.ptr[i] || !strchr(digits, s.ptr[i]))
            return false;
    return s.len > 0;
}

/* The number in `s` to the base 8 or 16; false if it does not fit. */
static bool based_u64(struct str s, int base, uint64_t *out)
{
    char text[32];
    char *end;
    while (s.len > 1 && s.ptr[0] == '0')
        s = str_from(s, 1);
    if (s.len > 22 || (base == 16 && s.len > 16))
        return false;
    snprintf(text, sizeof text, "%.*s", STR_ARGS(s));
    uint64_t v = strtoull(text, &end, base);
    if (base == 8 && (s.len > 22 || (s.len == 22 && s.ptr[0] > '1')))
        return false;
    *out = v;
    return true;
}

/* An integer's text for the tree: decimal, no plus, no leading zeros. False: not an integer. */
static bool int_text(struct arena *a, struct str s, struct str *out)
{
    uint64_t v;
    bool minus = s.len && s.ptr[0] == '-';
    struct str body = s.len && (minus || s.ptr[0] == '+') ? str_from(s, 1) : s;
    struct str digits = str_from(body, 2);
    int base = str_starts_z(body, "0x") && all_digits(digits, "0123456789abcdefABCDEF") ? 16
               : str_starts_z(body, "0o") && all_digits(digits, "01234567")             ? 8
                                                                                        : 10;
    if (base != 10) {
        if (!based_u64(digits, base, &v))
            return false;
        *out = str_fmt(a, "%s%llu", minus && v ? "-" : "", (unsigned long long)v);
        return true;
    }
    if (!all_digits(body, "0123456789"))
        return false;
    while (body.len > 1 && body.ptr[0] == '0')
        body = str_from(body, 1);
    *out = str_fmt(a, "%s%.*s", minus && !str_eqz(body, "0") ? "-" : "", STR_ARGS(body));
    return true;
}

/* [-+]? ( .digits | digits [. digits?] ) ( [eE] [-+]? digits )? written so that it is JSON. */
static bool decimal_text(struct arena *a, struct str s, struct str *out)
{
    bool minus = s.len && s.ptr[0] == '-';
    if (s.len && (minus || s.ptr[0] == '+'))
        s = str_from(s, 1);
    size_t whole = 0, fraction = 0, at, exponent_at;
    while (whole < s.len && s.ptr[whole] >= '0' && s.ptr[whole] <= '9')
        whole++;
    at = whole;
    if (at < s.len && s.ptr[at] == '.')
        for (at++; at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9'; at++)
            fraction++;
    if (whole + fraction == 0)
        return false;
    exponent_at = at;
    if (at < s.len) {
        struct str exponent = str_from(s, at + 1);
        if (s.ptr[at] != 'e' && s.ptr[at] != 'E')
            return false;
        if (exponent.len && (exponent.ptr[0] == '-' || exponent.ptr[0] == '+'))
            exponent = str_from(exponent, 1);
        if (!all_digits(exponent, "0123456789"))
            return false;
    }
    size_t zeros = 0;
    while (zeros + 1 < whole && s.ptr[zeros] == '0')
        zeros++;
    struct str whole_text = whole ? str_sub(s, zeros, whole - zeros) : STR("0");
    const char *point = exponent_at > whole ? "." : "";
    struct str fraction_text = fraction ? str_sub(s, whole + 1, fraction)
                               : *point ? STR("0")
                                        : STR_NONE;
    struct str exponent_text = str_from(s, exponent_at);
    *out = str_fmt(a, "%s%.*s%s%.*s%.*s", minus ? "-" : "", STR_ARGS(whole_text), point,
                   STR_ARGS(fraction_text), STR_ARGS(exponent_text));
    return true;
}

static bool float_text(struct arena *a, struct str s, struct str *out)
{
    struct str body = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-') ? str_from(s, 1) : s;
    if (one_of(body, ".inf", ".Inf", ".INF")) {
        *out = s.ptr[0] == '-' ? STR("-Infinity") : STR("Infinity");
        return true;
    }
    if (one_of(s, ".nan", ".NaN", ".NAN")) {
        *out = STR("NaN");
        return true;
    }
    return decimal_text(a, s, out);
}

bool yaml_int_refused(struct str s)
{
    struct str body = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+') ? str_from(s, 1) : s;
    if (str_starts_z(body, "0b"))
        return all_digits(str_from(body, 2), "01_");
    return body.len && body.ptr[0] >= '0' && body.ptr[0] <= '9' && str_chr(body, '_') > 0 &&
           all_digits(body, "0123456789_");
}

void yaml_plain(struct arena *a, struct doc *d, struct str s)
{
    struct str text;
    if (s.len == 0 || str_eqz(s, "~") || one_of(s, "null", "Null", "NULL")) {
        d->kind = DOC_NULL;
    } else if (one_of(s, "true", "True", "TRUE") || one_of(s, "false", "False", "FALSE")) {
        d->kind = DOC_BOOL;
        d->boolean = s.ptr[0] == 't' || s.ptr[0] == 'T';
    } else if (int_text(a, s, &text)) {
        d->kind = DOC_INT;
        d->text = text;
    } else if (float_text(a, s, &text)) {
        d->kind = DOC_FLOAT;
        d->text = text;
    } else {
        d->kind = DOC_STRING;
    }
}
