/* doc -- one tree for JSON and YAML documents, each value with its place in the file.
 *
 * Both readers give the same tree, so what is checked against a schema can say file:line:column.
 * Numbers keep their text: nothing is rounded on the way through. Nodes and strings live in the
 * arena given; the tree is immutable by convention once read (builders below make new ones).
 * Limits: DOC_MAX_DEPTH levels, DOC_MAX_BYTES of text. JSON is RFC 8259, UTF-8 checked, duplicate
 * keys: the last wins (as Azure and Python do), and doc_get finds it; a byte order mark is skipped.
 * YAML is 1.2's core schema as the Databricks CLI reads it: anchors, aliases and merge keys (<<)
 * are resolved; an alias bomb is cut off by DOC_MAX_NODES. */
#ifndef PAYSTREAK_BASE_DOC_H
#define PAYSTREAK_BASE_DOC_H
#include "base/str.h"

enum { DOC_MAX_DEPTH = 200, DOC_MAX_BYTES = 64 << 20, DOC_MAX_NODES = 4 << 20 };
enum { DOC_MAX_TREE_DEPTH = 1000 }; /* built trees may be deeper; past this writers and doc_equal abort */
enum doc_kind { DOC_NULL, DOC_BOOL, DOC_INT, DOC_FLOAT, DOC_STRING, DOC_ARRAY, DOC_OBJECT };

struct doc {
    enum doc_kind kind;
    int line, col;            /* 1-based place of the value's first byte; 0: built, not read */
    const char *file;         /* as given to the reader; NULL: built */
    bool boolean;             /* DOC_BOOL */
    uint32_t room;            /* doc_push's and doc_set's own */
    struct str text;          /* DOC_STRING: its value; DOC_INT, DOC_FLOAT: the number's text */
    size_t count;             /* DOC_ARRAY, DOC_OBJECT */
    struct doc **items;       /* count values */
    struct doc_key { struct str name; int line, col; } *keys; /* DOC_OBJECT: count keys */
};

/* Reads one document. `file` names it in errors (kept, not copied). NULL on error: ERR_INPUT with
 * the place, or ERR_LIMIT. An empty YAML document is DOC_NULL. */
struct doc *doc_json(struct arena *a, const char *file, struct str text, struct err *err) MUST_CHECK;
struct doc *doc_yaml(struct arena *a, const char *file, struct str text, struct err *err) MUST_CHECK;

struct doc *doc_get(const struct doc *obj, const char *key);   /* NULL if absent or not an object */
struct doc *doc_get_str(const struct doc *obj, struct str key);
struct doc *doc_iget(const struct doc *obj, const char *key);  /* case-insensitive key */
struct doc *doc_path(const struct doc *obj, const char *dotted); /* "a.b.c", objects only */
bool doc_is(const struct doc *d, enum doc_kind kind);          /* false for NULL */
bool doc_i64(const struct doc *d, int64_t *out);               /* DOC_INT in range */
bool doc_f64(const struct doc *d, double *out);                /* DOC_INT or DOC_FLOAT */
struct str doc_str(const struct doc *d, struct str otherwise); /* DOC_STRING's value, else `otherwise` */
bool doc_bool(const struct doc *d, bool otherwise);
struct str doc_text(const struct doc *d); /* a scalar as text: 'true' and 'false' too; NONE: null, a list, a mapping, NULL */
/* Required members: on absence or wrong kind an ERR_INPUT naming key, kind and place. */
struct doc *doc_need(const struct doc *obj, const char *key, enum doc_kind kind, struct err *err) MUST_CHECK;
int doc_err(const struct doc *at, enum err_code code, struct err *err, const char *fmt, ...)
    PRINTF_LIKE(4, 5); /* err_at the node's place; returns -1 */
const char *doc_kind_name(enum doc_kind kind);
bool doc_equal(const struct doc *a, const struct doc *b); /* numbers by text; key order ignored */

/* Builders. */
struct doc *doc_new_null(struct arena *a);
struct doc *doc_new_bool(struct arena *a, bool v);
struct doc *doc_new_i64(struct arena *a, int64_t v);
struct doc *doc_new_f64(struct arena *a, double v);      /* shortest text that reads back the same */
struct doc *doc_new_str(struct arena *a, struct str v);  /* copies */
struct doc *doc_new_array(struct arena *a);
struct doc *doc_new_object(struct arena *a);
void doc_push(struct arena *a, struct doc *array, struct doc *v);
void doc_set(struct arena *a, struct doc *obj, struct str key, struct doc *v); /* replaces */

/* Writers. Compact JSON without blanks; or indented by two blanks. */
void doc_write(struct buf *out, const struct doc *d);
void doc_write_pretty(struct buf *out, const struct doc *d);
void json_quote(struct buf *out, struct str s);          /* "…" with JSON escapes */
#endif
