/* same -- values as Spark's oracle recorded them beside values as the engine renders them. */
#ifndef PAYSTREAK_TESTS_SAME_H
#define PAYSTREAK_TESTS_SAME_H
#include "base/doc.h"
#include <math.h>

static bool floats; /* the case has FLOATs: compared as such */

static bool close_enough(struct str a, struct str b)
{
    double x, y;
    if (!str_f64(a, &x) || !str_f64(b, &y))
        return false;
    return x == y || (floats && (float)x == (float)y) || fabs(x - y) <= 1e-12 * fmax(fabs(x), fabs(y));
}

static bool same_text(struct str want, struct str got) /* an instant's Z is not in what Python shows */
{
    if (str_eq(want, got))
        return true;
    return got.len == want.len + 1 && got.ptr[want.len] == 'Z' && str_starts(got, want);
}

static bool same(const struct doc *want, const struct doc *got);

/* "1 days 2 hours -3.5 seconds": months and seconds. */
static void read_interval(struct str s, double *months, double *seconds)
{
    static const struct { const char *unit; double months, seconds; } units[] = {
        {"years", 12, 0}, {"months", 1, 0}, {"days", 0, 86400}, {"hours", 0, 3600}, {"minutes", 0, 60}, {"seconds", 0, 1}};
    struct str number, unit;
    *months = *seconds = 0;
    while (str_split(&s, ' ', &number) && str_split(&s, ' ', &unit))
        for (size_t i = 0; i < COUNT_OF(units); i++) {
            double v;
            if (str_eqz(unit, units[i].unit) && str_f64(number, &v)) {
                *months += v * units[i].months;
                *seconds += v * units[i].seconds;
            }
        }
}

static bool same_interval(struct str want, struct str got)
{
    double wm, ws, gm, gs;
    read_interval(want, &wm, &ws);
    read_interval(got, &gm, &gs);
    return wm == gm && fabs(ws - gs) < 1e-7;
}

/* Both as JSON; NaN and Infinity, which JSON has not, as Python spells them. */
static bool same_variant(struct str want, struct str got)
{
    struct arena *a = arena_new();
    struct err err;
    struct doc *w = doc_json(a, "want", want, &err), *g = doc_json(a, "got", got, &err);
    bool ok = w && g ? same(w, g) : str_eqz(want, "inf") ? str_ieqz(got, "infinity") : str_ieq(want, got);
    arena_free(a);
    return ok;
}

static bool same(const struct doc *want, const struct doc *got)
{
    const struct doc *decimal = doc_get(want, "decimal");
    if (doc_get(want, "variant"))
        return got->kind == DOC_STRING && same_variant(doc_get(want, "variant")->text, got->text);
    if (doc_get(want, "interval"))
        return got->kind == DOC_STRING && same_interval(doc_get(want, "interval")->text, got->text);
    if (decimal)
        return (got->kind == DOC_FLOAT || got->kind == DOC_INT) && str_eq(decimal->text, got->text);
    if (want->kind == DOC_FLOAT || (want->kind == DOC_INT && got->kind == DOC_FLOAT))
        return (got->kind == DOC_FLOAT || got->kind == DOC_INT) && close_enough(want->text, got->text);
    if (want->kind != got->kind || want->count != got->count)
        return false;
    if (want->kind == DOC_STRING)
        return same_text(want->text, got->text);
    if (want->kind == DOC_INT)
        return str_eq(want->text, got->text);
    if (want->kind == DOC_BOOL)
        return want->boolean == got->boolean;
    for (size_t i = 0; i < want->count; i++) {
        const struct doc *g = want->kind == DOC_OBJECT ? doc_get_str(got, want->keys[i].name) : got->items[i];
        if (!g || !same(want->items[i], g))
            return false;
    }
    return true;
}
#endif
