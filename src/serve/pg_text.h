/* pg_text -- PostgreSQL's lexical rules over Spark SQL: what a client of the wire sends, cut into
 * statements and rewritten for Spark's parser. Pure. */
#ifndef PAYSTREAK_SERVE_PG_TEXT_H
#define PAYSTREAK_SERVE_PG_TEXT_H
#include "base/base.h"

enum { PG_MAX_PARAMS = 65535 };

/* Takes the next statement off *rest, without its `;` and blanks around it; false at the end.
 * Empty statements are skipped. `;` in strings, quoted names and comments does not count. */
bool pg_next_statement(struct str *rest, struct str *statement);

/* The i-th word of a statement (from 0), comments skipped: bare words, quoted text without quotes, or
 * one punctuation character. NONE past the end. In the arena if it had to be unquoted. */
struct str pg_word(struct arena *a, struct str statement, size_t i);
/* What follows the i-th word. */
struct str pg_after_word(struct str statement, size_t i);

/* The highest $n in `statement`. */
int pg_param_count(struct str statement);

/* Where pieces of the rewritten text come from, to say positions of errors. */
struct pg_map { struct pg_span { size_t to, from; } *spans; size_t count, cap; };
size_t pg_map_back(const struct pg_map *m, size_t at); /* byte offset in the original */

/* Writes `statement` as Spark SQL: "name" -> `name`, 'a\b' -> 'a\\b', 'it''s' -> 'it\'s', $n -> what
 * `param` writes. The map's memory is in the arena. Errors: of `param`; ERR_INPUT for an open quote. */
int pg_rewrite(struct arena *a, struct str statement, struct buf *out, struct pg_map *map,
               int (*param)(void *arg, int n, struct buf *out, struct err *err), void *arg,
               struct err *err) MUST_CHECK;
#endif
