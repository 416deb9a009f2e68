/* model -- the files of a factory folder, by kind and name, and what stands in them.
 *
 * Every file is {"name", "properties": {…}}. Names are found without regard to case, by the "name"
 * inside, else by the file's. A file may start with a byte order mark or be UTF-16. A file that
 * does not parse keeps its error; whoever refers to it gets that error. Immutable once loaded. */
#ifndef PAYSTREAK_FACTORY_MODEL_H
#define PAYSTREAK_FACTORY_MODEL_H
#include "base/base.h"

enum model_kind { MODEL_PIPELINE, MODEL_DATASET, MODEL_SERVICE, MODEL_TRIGGER, MODEL_DATAFLOW,
                  MODEL_KINDS };

enum {
    MODEL_MAX_FILES = 20000,
    MODEL_MAX_FILE = 16 << 20,
    MODEL_MAX_ACTIVITIES = 1000,  /* in one pipeline */
    MODEL_MAX_NESTING = 4,        /* containers inside one another */
};

struct model_item {
    enum model_kind kind;
    const char *name;
    const char *file;             /* as errors name it: "pipeline/x.json" below the folder given */
    const struct doc *doc;        /* NULL: broken, see err */
    const struct doc *props;      /* "properties"; NULL: broken */
    struct err err;
};

struct model {
    struct arena *a;
    const char *dir, *name;       /* the factory's name */
    struct map *items[MODEL_KINDS];
    const struct doc *globals;    /* name -> {type, value}; an empty object if none */
};

struct model *model_load(const char *dir, struct err *err) MUST_CHECK; /* ERR_NOT_FOUND */
void model_free(struct model *m); /* NULL is allowed */
/* NULL if there is none of that name. */
struct model_item *model_find(const struct model *m, enum model_kind kind, struct str name);
const char *model_kind_name(enum model_kind kind); /* "pipeline", "linked service" … */

/* The item that {"referenceName": …} names. Errors at the reference's place: ERR_NOT_FOUND, or the
 * error of the file. */
struct model_item *model_ref(const struct model *m, enum model_kind kind, const struct doc *ref,
                             struct err *err) MUST_CHECK;

/* "parameters" or "variables" of a resource; an empty object if absent or []. */
const struct doc *model_params(const struct model_item *item, const char *key);
/* A value as a parameter of the declared type: strings become numbers, booleans, arrays. */
const struct doc *model_coerce(struct arena *a, struct str name, const struct doc *decl,
                               const struct doc *value, struct err *err) MUST_CHECK;
/* Object of declared parameters, `given` over defaults. Errors: ERR_INPUT at `at` for a missing or
 * an undeclared one. */
const struct doc *model_bind(struct arena *a, const struct doc *declared, const struct doc *given,
                             const struct doc *at, struct err *err) MUST_CHECK;

const struct doc *doc_deep_copy(struct arena *a, const struct doc *d);
/* "1.02:03:04" or "02:03:04" in milliseconds; false if it is neither. */
bool model_span_ms(struct str text, int64_t *ms);
#endif
