/* doc_int -- what the parts of the YAML reader share. */
#ifndef PAYSTREAK_BASE_DOC_INT_H
#define PAYSTREAK_BASE_DOC_INT_H
#include "base/doc.h"

/* Sets kind, boolean and, for numbers, text of `d` by what the plain scalar `s` is. */
void yaml_plain(struct arena *a, struct doc *d, struct str s);
/* True for what go-yaml takes for an integer and the Databricks CLI then refuses: 1_000, 0b1. */
bool yaml_int_refused(struct str s);
#endif
