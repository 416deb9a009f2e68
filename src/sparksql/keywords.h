/* keywords -- the words of Spark SQL that the grammar looks for, and what each may not be.
 *
 * Spark enforces no ANSI reservations: nearly every keyword may be a name. What remains is where a
 * word must not be taken for a name:
 *     KWF_CLAUSE      begins or continues a clause: no alias without AS
 *     KWF_BY          does so only before BY
 *     KWF_OPERAND     does so only before an operand (OFFSET 5)
 *     KWF_CDC         no alias inside AUTO CDC's FROM
 *     KWF_RESERVED    no operand of an expression, even before '(' or '.'
 *     KWF_NO_OPERAND  an operand only before '(' or '.', as left('abc', 1)
 * Words that are looked for but never clash are compared by their text (accept_word()). */
#ifndef PAYSTREAK_SPARKSQL_KEYWORDS_H
#define PAYSTREAK_SPARKSQL_KEYWORDS_H
#include <stdint.h>

enum { KWF_CLAUSE = 1, KWF_BY = 2, KWF_OPERAND = 4, KWF_CDC = 8, KWF_RESERVED = 16, KWF_NO_OPERAND = 32 };

#define KEYWORDS(X) \
    X(ALL, 0) \
    X(AND, KWF_CLAUSE | KWF_RESERVED) \
    X(ANTI, KWF_CLAUSE) \
    X(ANY, 0) \
    X(APPLY, KWF_CDC) \
    X(AS, KWF_CLAUSE | KWF_RESERVED) \
    X(ASC, 0) \
    X(BETWEEN, KWF_CLAUSE | KWF_RESERVED) \
    X(BOTH, 0) \
    X(BY, KWF_RESERVED) \
    X(CASCADE, 0) \
    X(CASE, 0) \
    X(CAST, 0) \
    X(CATALOG, 0) \
    X(CLUSTER, KWF_BY) \
    X(COLLATE, 0) \
    X(COLUMNS, KWF_CDC) \
    X(COMMENT, 0) \
    X(CONSTRAINT, 0) \
    X(CROSS, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(CUBE, 0) \
    X(CURRENT, 0) \
    X(CURRENT_DATE, 0) \
    X(CURRENT_TIME, 0) \
    X(CURRENT_TIMESTAMP, 0) \
    X(CURRENT_USER, 0) \
    X(DATE, 0) \
    X(DATEADD, 0) \
    X(DATEDIFF, 0) \
    X(DATE_ADD, 0) \
    X(DATE_DIFF, 0) \
    X(DEFAULT, 0) \
    X(DELETE, 0) \
    X(DESC, 0) \
    X(DISTINCT, 0) \
    X(DISTRIBUTE, KWF_BY) \
    X(DIV, 0) \
    X(DROP, 0) \
    X(ELSE, KWF_CLAUSE | KWF_RESERVED) \
    X(END, KWF_CLAUSE) \
    X(ESCAPE, KWF_CLAUSE) \
    X(EXCEPT, KWF_CLAUSE | KWF_RESERVED) \
    X(EXCLUDE, 0) \
    X(EXISTS, 0) \
    X(EXTRACT, 0) \
    X(FALSE, 0) \
    X(FILTER, 0) \
    X(FIRST, 0) \
    X(FOLLOWING, 0) \
    X(FOR, KWF_CLAUSE) \
    X(FROM, KWF_CLAUSE | KWF_RESERVED) \
    X(FULL, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(GROUP, KWF_BY) \
    X(GROUPING, 0) \
    X(HAVING, KWF_CLAUSE | KWF_RESERVED) \
    X(IDENTIFIER, 0) \
    X(IF, 0) \
    X(IGNORE, KWF_CDC) \
    X(ILIKE, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(IN, KWF_CLAUSE | KWF_RESERVED) \
    X(INCLUDE, 0) \
    X(INNER, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(INSERT, 0) \
    X(INTERSECT, KWF_CLAUSE | KWF_RESERVED) \
    X(INTERVAL, 0) \
    X(INTO, KWF_CLAUSE | KWF_RESERVED) \
    X(IS, KWF_CLAUSE | KWF_RESERVED) \
    X(JOIN, KWF_CLAUSE | KWF_RESERVED) \
    X(JSON, 0) \
    X(KEYS, KWF_CDC) \
    X(LAST, 0) \
    X(LATERAL, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(LEADING, 0) \
    X(LEFT, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(LIKE, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(LIMIT, KWF_OPERAND) \
    X(LOCALTIMESTAMP, 0) \
    X(MAP, 0) \
    X(MERGE, 0) \
    X(MINUS, KWF_CLAUSE) \
    X(NAME, 0) \
    X(NATURAL, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(NOT, KWF_CLAUSE) \
    X(NULL, 0) \
    X(NULLS, 0) \
    X(OF, 0) \
    X(OFFSET, KWF_OPERAND) \
    X(ON, KWF_CLAUSE | KWF_RESERVED) \
    X(OR, KWF_CLAUSE | KWF_RESERVED) \
    X(ORDER, KWF_BY) \
    X(OUTER, 0) \
    X(OVER, 0) \
    X(OVERLAY, 0) \
    X(OVERWRITE, 0) \
    X(PARTITION, KWF_BY) \
    X(PIVOT, KWF_CLAUSE) \
    X(PLACING, 0) \
    X(POSITION, 0) \
    X(PRECEDING, 0) \
    X(QUALIFY, KWF_OPERAND) \
    X(QUERY, 0) \
    X(RANGE, 0) \
    X(RECURSIVE, 0) \
    X(REDUCE, 0) \
    X(REFRESH, 0) \
    X(REGEXP, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(REPLACE, 0) \
    X(RESPECT, 0) \
    X(RESTRICT, 0) \
    X(RIGHT, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(RLIKE, KWF_CLAUSE | KWF_NO_OPERAND) \
    X(ROLLUP, 0) \
    X(ROW, 0) \
    X(ROWS, 0) \
    X(SCHEMA, 0) \
    X(SELECT, KWF_CLAUSE | KWF_RESERVED) \
    X(SEMI, KWF_CLAUSE) \
    X(SEQUENCE, KWF_CDC) \
    X(SESSION_USER, 0) \
    X(SET, KWF_CLAUSE) \
    X(SETMINUS, KWF_CLAUSE) \
    X(SETS, 0) \
    X(SOME, 0) \
    X(SORT, KWF_BY) \
    X(STORED, KWF_CDC) \
    X(STREAM, 0) \
    X(STRUCT, 0) \
    X(SUBSTR, 0) \
    X(SUBSTRING, 0) \
    X(SYSTEM, KWF_CDC) \
    X(SYSTEM_TIME, 0) \
    X(SYSTEM_VERSION, 0) \
    X(TABLE, 0) \
    X(TABLESAMPLE, KWF_CLAUSE) \
    X(THEN, KWF_CLAUSE | KWF_RESERVED) \
    X(TIMEDIFF, 0) \
    X(TIMESTAMP, 0) \
    X(TIMESTAMPADD, 0) \
    X(TIMESTAMPDIFF, 0) \
    X(TIMESTAMP_LTZ, 0) \
    X(TIMESTAMP_NTZ, 0) \
    X(TO, 0) \
    X(TRACK, KWF_CDC) \
    X(TRAILING, 0) \
    X(TRIM, 0) \
    X(TRUE, 0) \
    X(TRUNCATE, 0) \
    X(TRY_CAST, 0) \
    X(UNBOUNDED, 0) \
    X(UNION, KWF_CLAUSE | KWF_RESERVED) \
    X(UNKNOWN, 0) \
    X(UNPIVOT, KWF_CLAUSE) \
    X(UPDATE, 0) \
    X(USING, KWF_CLAUSE | KWF_RESERVED) \
    X(VALUES, 0) \
    X(VERSION, 0) \
    X(VIEW, 0) \
    X(WATERMARK, KWF_CLAUSE) \
    X(WHEN, KWF_CLAUSE | KWF_RESERVED) \
    X(WHERE, KWF_CLAUSE | KWF_RESERVED) \
    X(WINDOW, 0) \
    X(WITH, KWF_CLAUSE | KWF_RESERVED) \
    X(WITHIN, 0)

enum kw {
    KW_NONE,
#define KEYWORD_ENUM(name, flags) KW_##name,
    KEYWORDS(KEYWORD_ENUM)
#undef KEYWORD_ENUM
    KW_COUNT
};

extern const uint8_t keyword_flags[]; /* by enum kw */
const char *kw_text(enum kw kw);      /* "SELECT" */
#endif
