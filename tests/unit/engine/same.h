/* same -- values as Spark's oracle recorded them beside values as the engine renders them. */
#ifndef PAYSTREAK_TESTS_SAME_H
#define PAYSTREAK_TESTS_SAME_H
#include "base/doc.h"
#include <math.h>

static bool close_enough(struct str a, struct str b)
{
    double x, y;
    if (!str_f64(a, &x) || !str_f64(b, &y))
        return false;
    return x == y || fabs(x - y) <= 1e-12 * fmax(fabs(x), fabs(y));
}

static bool same_text(struct str want, struct str got) /* an instant's Z is not in what Python shows */
{
    if (str_eq(want, got))
        return true;
    return got.len == want.len + 1 && got.ptr[want.len] == 'Z' && str_starts(got, want);
}

static bool same(const struct doc *want, const struct doc *got)
{
    const struct doc *decimal = doc_get(want, "decimal");
    if (doc_get(want, "interval_us"))
        return got->kind == DOC_STRING;
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
