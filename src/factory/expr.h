/* expr -- the expression language of Data Factory: text in, typed value out.
 *
 * Where expressions live in a document:
 *   "@f(…)"                              the whole string is one expression; its value has a type
 *   "a @{f(…)} b"                        interpolation; the value is always a string
 *   "@@…"                                the text after the first @; "@@{" inside a string is "@{"
 *   {"value": "…", "type": "Expression"} the same as the bare string, anywhere
 * Any other string is itself. Grammar (white space anywhere between tokens):
 *   expr     := literal | call accessor*
 *   call     := name '(' [expr {',' expr}] ')'
 *   accessor := ['?'] '.' name | ['?'] '[' expr ']'
 *   literal  := 'text' ('' is a quote) | -5 | 1.5 | 1e3 | true | false | null
 * Functions, properties, activities and variables are found without regard to case.
 *
 * Values are `struct doc`. Integers are 64-bit and stay integers; a float keeps a point or exponent
 * in its text. Binary and XML values are objects {"$content-type": …, "$content": base64}.
 *
 * Pure but for utcNow, guid, rand and the time zone files. Any thread. Limits below. */
#ifndef PAYSTREAK_FACTORY_EXPR_H
#define PAYSTREAK_FACTORY_EXPR_H
#include "base/base.h"

enum {
    ADF_MAX_DEPTH = 100,        /* calls within calls */
    ADF_MAX_TEXT = 256 << 10,   /* bytes of one expression */
    ADF_MAX_RESULT = 64 << 20,  /* bytes of one string */
    ADF_MAX_RANGE = 100000,     /* items of range() */
};

/* What went wrong, beside the message; adf_class_name() gives "argument-type" and so on. */
enum adf_class {
    ADF_OK, ADF_SYNTAX, ADF_UNDEFINED_FUNCTION, ADF_ARGUMENT_COUNT, ADF_ARGUMENT_TYPE,
    ADF_ARGUMENT_RANGE, ADF_CONVERSION, ADF_BAD_DATETIME, ADF_BAD_FORMAT, ADF_DIVIDE,
    ADF_OVERFLOW, ADF_INDEX_RANGE, ADF_MISSING_PROPERTY, ADF_NOT_SELECTABLE, ADF_OTHER,
};
const char *adf_class_name(enum adf_class cls);

/* What pipeline(), item() … mean. NULL: not available here, naming it is an error. */
struct adf_scope {
    const struct doc *pipeline, *dataset, *linked_service, *item, *trigger, *trigger_body;
    /* {output, status, error} of a finished activity; the value of a variable. NULL: no such. */
    const struct doc *(*activity)(void *ctx, struct str name);
    const struct doc *(*variable)(void *ctx, struct str name);
    void *ctx;
};

/* The value of a string as the table above says. `at` (NULL allowed) gives errors their place: the
 * string's node in the user's file. *cls (NULL allowed) is set on error. NULL on error. */
const struct doc *adf_text(struct arena *a, const struct adf_scope *scope, struct str text,
                            const struct doc *at, enum adf_class *cls, struct err *err) MUST_CHECK;

/* The document with every string and Expression in it evaluated, to any depth. */
const struct doc *adf_doc(struct arena *a, const struct adf_scope *scope, const struct doc *d,
                           struct err *err) MUST_CHECK;

/* string(): what interpolation and concat print: True, 1, compact JSON. */
struct str adf_to_string(struct arena *a, const struct doc *v);

/* Does this string hold an expression, so that its value is not known before the run? */
bool adf_is_dynamic(struct str text);
/* Is it {"value": …, "type": "Expression"}? Then its "value". Else NULL. */
const struct doc *adf_wrapped(const struct doc *d);

/* Checks without evaluating: syntax, function names, argument counts; and reports each reference
 * with a literal name: activity('x'), variables('x'), pipeline().parameters.x … */
enum adf_ref { ADF_REF_ACTIVITY, ADF_REF_VARIABLE, ADF_REF_PARAMETER, ADF_REF_GLOBAL,
                ADF_REF_DATASET, ADF_REF_LINKED_SERVICE, ADF_REF_ITEM, ADF_REF_TRIGGER };
struct adf_refs {
    int (*ref)(void *ctx, enum adf_ref kind, struct str name, const struct doc *at,
               struct err *err); /* -1 stops the walk */
    void *ctx;
};
int adf_check(const struct doc *d, const struct adf_refs *refs, struct err *err) MUST_CHECK;
#endif
