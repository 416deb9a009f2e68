/* type -- Spark SQL's data types: one tree, its spellings, and the rules between types.
 *
 * Spellings: DDL ("decimal(10,2)", "struct<a:int,b:array<string>>"), Delta/Spark JSON
 * ("{\"type\":\"struct\",\"fields\":[…]}"), DuckDB ("STRUCT(a INTEGER)"). Types are immutable and
 * live in an arena (or are the constants of TYPE_OF). */
#ifndef PAYSTREAK_PLAN_TYPE_H
#define PAYSTREAK_PLAN_TYPE_H
#include "base/base.h"

enum type_kind { TYPE_NULL /* void */, TYPE_BOOLEAN, TYPE_BYTE, TYPE_SHORT, TYPE_INT, TYPE_LONG, TYPE_FLOAT,
    TYPE_DOUBLE, TYPE_DECIMAL, TYPE_STRING, TYPE_CHAR, TYPE_VARCHAR, TYPE_BINARY, TYPE_DATE,
    TYPE_TIMESTAMP /* instant, LTZ */, TYPE_TIMESTAMP_NTZ, TYPE_INTERVAL_YM, TYPE_INTERVAL_DT,
    TYPE_INTERVAL /* calendar */, TYPE_ARRAY, TYPE_MAP, TYPE_STRUCT, TYPE_VARIANT, TYPE_UNKNOWN };

/* Key in a field's metadata: the column is there by name but no part of `*` nor of a relation's
 * visible output, as `_metadata` of file sources. */
#define TYPE_FIELD_HIDDEN "hidden"

struct type;
struct type_field { struct str name; const struct type *type; bool nullable; struct str comment;
                    const struct doc *metadata; /* object or NULL */ };
struct type {
    enum type_kind kind;
    int precision, scale;              /* DECIMAL; length in `precision` for CHAR, VARCHAR */
    const struct type *element;        /* ARRAY: element; MAP: value */
    const struct type *key;            /* MAP */
    bool contains_null;                /* ARRAY element, MAP value */
    const struct type_field *fields;   /* STRUCT */
    size_t field_count;
};

const struct type *type_of(enum type_kind kind);          /* the constant of a plain kind */
const struct type *type_decimal(struct arena *a, int precision, int scale);
const struct type *type_array(struct arena *a, const struct type *element, bool contains_null);
const struct type *type_map(struct arena *a, const struct type *key, const struct type *value, bool contains_null);
const struct type *type_struct(struct arena *a, const struct type_field *fields, size_t count); /* copies */
/* INTERVAL_YM and INTERVAL_DT carry their range: start field in `precision`, end field in `scale`
 * (YEAR 0, MONTH 1; DAY 0, HOUR 1, MINUTE 2, SECOND 3). type_of() gives the full range. */
const struct type *type_interval(struct arena *a, enum type_kind kind, int start, int end);
bool type_equal(const struct type *a, const struct type *b);         /* ignores nullability, comments, interval ranges */
bool type_is_numeric(const struct type *t);
bool type_is_integral(const struct type *t);
bool type_is_orderable(const struct type *t);
const struct type_field *type_field_find(const struct type *st, struct str name); /* case-insensitive */

void type_write_ddl(struct buf *out, const struct type *t);          /* Spark's simpleString/sql lower case */
void type_write_json(struct buf *out, const struct type *t);         /* Delta schemaString form */
void type_write_duck(struct buf *out, const struct type *t);         /* DuckDB's type text */
const struct type *type_read_json(struct arena *a, const struct doc *d, struct err *err) MUST_CHECK;
/* DuckDB's type text ("DECIMAL(10,2)", "STRUCT(a INTEGER, b VARCHAR[])", "MAP(VARCHAR, BLOB)", HUGEINT → decimal(38,0)). */
const struct type *type_read_duck(struct arena *a, struct str text, struct err *err) MUST_CHECK;
/* DDL of one type, or of a column list "a INT, b STRING NOT NULL COMMENT 'x'" → struct. */
const struct type *type_read_ddl(struct arena *a, struct str text, struct err *err) MUST_CHECK;
/* DDL of one type at the front of `text`, blanks and comments skipped; `*used` is the bytes it takes
 * or, on error, where it goes wrong. For parsers that meet a type inside their own text. */
const struct type *type_read_ddl_front(struct arena *a, struct str text, size_t *used, struct err *err) MUST_CHECK;
enum { TYPE_MAX_DEPTH = 100, TYPE_MAX_FIELDS = 100000, DECIMAL_MAX_PRECISION = 38 };
#define TYPE_CHAR_KEY "__CHAR_VARCHAR_TYPE_STRING" /* field metadata: the declared CHAR or VARCHAR type */
const char *type_kind_name(enum type_kind kind); /* "int", "struct": DDL's word without parameters */

/* Spark's tightest common type of two, as coalesce, CASE, UNION and array() find it: NULL yields to
 * all, numbers widen (decimals keep range, then scale), dates to timestamps, a string yields to what
 * it meets (BIGINT or DOUBLE if that is a number); nested types field by field. NULL: there is none.
 * The first is ANSI mode, Spark 4's default; the second ANSI off, where a string wins. */
const struct type *type_common(struct arena *a, const struct type *x, const struct type *y);
const struct type *type_common_legacy(struct arena *a, const struct type *x, const struct type *y);
/* Can a value of `from` be cast to `to` (explicit CAST)? */
bool type_can_cast(const struct type *from, const struct type *to);
#endif
