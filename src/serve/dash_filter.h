/* dash_filter -- the filter widgets and dataset parameters of a Lakeview dashboard. Pure.
 *
 *   filter-single-select, filter-multi-select   the value is one of these
 *   filter-text-entry                           the value holds this text, whatever its case
 *   filter-date-picker, filter-date-range-picker  the day is this one, or between two (either may be open)
 *   range-slider                                the number is between two
 *
 * A filter says which field of a dataset, or which parameter, it sets: `encodings.fields[]` with a
 * fieldName or parameterName, and the query of the widget that names the dataset. It holds for the
 * widgets of its page, those of a PAGE_TYPE_GLOBAL_FILTERS page for all. What is selected comes from
 * the selections given (JSON: {"values": […]} or {"min": …, "max": …}), else from
 * `selection.defaultSelection`; nothing selected filters nothing. `:keyword` in a dataset's text becomes the
 * parameter's value as a literal of its dataType; of a MULTI one an array; of a RANGE `:keyword.min` and
 * `.max`. Dates may be relative as Lakeview writes them: now-7d/d. */
#ifndef PAYSTREAK_SERVE_DASH_FILTER_H
#define PAYSTREAK_SERVE_DASH_FILTER_H
#include "base/base.h"

struct dash_filters; /* lives in the arena */
/* `selections`: widget name → JSON text (char *), or NULL. One that does not read counts as none. */
struct dash_filters *dash_filters_new(struct arena *a, const struct doc *root, const struct map *selections);
bool dash_filter_is(struct str widget_type);
/* Writes "\nWHERE (…) AND (…)" of the filters that hold for `dataset` on a page; nothing if none is set. */
void dash_filters_where(const struct dash_filters *f, size_t page, struct str dataset, struct buf *out);
/* The dataset's text with its parameters in it. Errors: ERR_INPUT, a value is not of its parameter's type. */
int dash_filters_text(const struct dash_filters *f, size_t page, const struct doc *dataset, struct str text, struct buf *out,
                      struct err *err) MUST_CHECK;
/* Does a filter or parameter change what a dataset gives on a page? */
bool dash_filters_touch(const struct dash_filters *f, size_t page, const struct doc *dataset);
/* {"input":"multi","values":["a"],"min":null,"max":null} */
void dash_filter_json(const struct dash_filters *f, struct str widget, struct buf *out);
#endif
