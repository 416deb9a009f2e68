/* adf_int -- what the files of the expression language share: the tree, the table of functions,
 * and small helpers on values. */
#ifndef PAYSTREAK_FACTORY_EXPR_INT_H
#define PAYSTREAK_FACTORY_EXPR_INT_H
#include "factory/expr.h"

enum adf_node_kind {
    NODE_LITERAL,
    NODE_CALL,     /* fn, args */
    NODE_MEMBER,   /* args[0] . name */
    NODE_INDEX,    /* args[0] [ args[1] ] */
    NODE_JOIN,     /* interpolation: the strings of args, one after the other */
};

struct adf_node {
    enum adf_node_kind kind;
    size_t at;                  /* byte of the text where it starts */
    bool safe;                  /* ?. or ?[ */
    struct str name;            /* MEMBER: property; CALL: as written */
    const struct adf_fn *fn;
    const struct doc *value;    /* LITERAL */
    struct adf_node **args;
    size_t count;
};

struct adf_env {
    struct arena *a;
    const struct adf_scope *scope;
    struct str text;            /* the whole string */
    const struct doc *where;    /* its node, or NULL */
    enum adf_class cls;
    struct err *err;
};

/* One row of the function table. `args` are evaluated unless `lazy`; a lazy function evaluates
 * what it needs of node->args with adf_eval(). Returns NULL after adf_fail(). */
struct adf_fn {
    const char *name;
    int min, max;               /* arguments; max -1: any number */
    const struct doc *(*fn)(struct adf_env *e, const struct adf_node *node,
                            const struct doc *const *args, size_t count);
    bool lazy;
};
#define ADF_FN(fn_name)                                                                           \
    const struct doc *fn_name(struct adf_env *e, const struct adf_node *node,                    \
                              const struct doc *const *args, size_t count)

/* Tables end with a NULL name. */
extern const struct adf_fn adf_text_fns[], adf_list_fns[], adf_logic_fns[], adf_math_fns[],
    adf_convert_fns[], adf_xml_fns[], adf_date_fns[], adf_scope_fns[];
const struct adf_fn *adf_find_fn(struct str name);

/* NULL on error, with e->cls and e->err set. */
struct adf_node *adf_parse(struct adf_env *e) MUST_CHECK;
const struct doc *adf_eval(struct adf_env *e, const struct adf_node *node);

/* Sets the error at a node's place; returns NULL. */
const struct doc *adf_fail(struct adf_env *e, size_t at, enum adf_class cls, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* "'take' expects a string or an array as parameter 1, not null" */
const struct doc *adf_fail_type(struct adf_env *e, const struct adf_node *node, size_t arg,
                                 const char *expects, const struct doc *got);

/* Argument readers: false after adf_fail_type(). */
bool adf_arg_str(struct adf_env *e, const struct adf_node *node, const struct doc *const *args,
                  size_t i, struct str *out);
bool adf_arg_int(struct adf_env *e, const struct adf_node *node, const struct doc *const *args,
                  size_t i, int64_t *out);

static inline const struct doc *adf_str(struct adf_env *e, struct str s)
{
    return doc_new_str(e->a, s);
}
static inline const struct doc *adf_int(struct adf_env *e, int64_t v)
{
    return doc_new_i64(e->a, v);
}
static inline const struct doc *adf_bool(struct adf_env *e, bool v)
{
    return doc_new_bool(e->a, v);
}
const struct doc *adf_float(struct arena *a, double v); /* always with a point or exponent */
static inline bool adf_is_num(const struct doc *d)
{
    return d->kind == DOC_INT || d->kind == DOC_FLOAT;
}
/* Numbers equal across int and float; strings by byte; all else as doc_equal. */
bool adf_equal(const struct doc *a, const struct doc *b);
double adf_num(const struct doc *d);

/* Text in code points, as the functions count UTF-16 units. */
struct adf_chars { uint32_t *c; size_t count; };
struct adf_chars adf_decode(struct arena *a, struct str s);
struct str adf_encode(struct arena *a, const uint32_t *c, size_t count);
size_t adf_units(struct str s);                            /* UTF-16 length */
size_t adf_unit_to_byte(struct str s, size_t unit);        /* clipped to the end */
uint32_t adf_lower_char(uint32_t c);
uint32_t adf_upper_char(uint32_t c);
int adf_compare_text(struct arena *a, struct str x, struct str y); /* culture order: a < A < b */

/* .NET's shortest round-trip text of a double: 1, 0.1, 1E+20, NaN. */
void adf_put_double(struct buf *out, double v);

/* JSON as the engine reads it: single quotes and trailing commas too; "" is null. NULL if bad. */
const struct doc *adf_read_json(struct arena *a, struct str text);
/* Is it {"$content-type", "$content"}? Then the decoded bytes in the arena. */
bool adf_binary(struct arena *a, const struct doc *d, struct str *bytes, struct str *type);
const struct doc *adf_make_binary(struct adf_env *e, struct str bytes, struct str type);
/* json(xml(…)); NULL after adf_fail. */
const struct doc *adf_xml_to_json(struct adf_env *e, const struct adf_node *node, struct str xml);
#endif
