/* translate -- Spark Connect's relations and expressions as our plan. Pure: messages in, tree out.
 *
 * The plan's nodes are those of the messages, so this is a table of small functions, one a kind
 * (rel_translate's is by rel_type_case). A kind without a row is refused by its name in the protocol.
 * Identifiers come as text and are parsed as SQL names. Depth is bounded by PLAN_MAX_DEPTH; messages
 * are scanned before they are unpacked (proto_check), since protobuf-c recurses. */
#ifndef PAYSTREAK_CONNECT_TRANSLATE_H
#define PAYSTREAK_CONNECT_TRANSLATE_H
#include "plan/plan.h"
#include "spark/connect/base.pb-c.h"

enum { PROTO_MAX_DEPTH = 400, PROTO_MAX_FIELDS = 500000 };

struct rel *rel_translate(struct arena *a, const Spark__Connect__Relation *m, struct err *err) MUST_CHECK;
struct expr *expr_translate(struct arena *a, const Spark__Connect__Expression *m, struct err *err) MUST_CHECK;
/* `a.b`.c as its parts. */
int names_translate(struct arena *a, const char *text, struct names *out, struct err *err) MUST_CHECK;
const struct type *type_translate(struct arena *a, const Spark__Connect__DataType *m, struct err *err) MUST_CHECK;
/* A type as a message in the arena; packed, not freed. */
Spark__Connect__DataType *type_message(struct arena *a, const struct type *t);
/* Are these bytes nested no deeper than PROTO_MAX_DEPTH as that message, with PROTO_MAX_FIELDS fields at most
 * in all? An empty message of two bytes takes a hundred unpacked, a column's name a
 * kilobyte of the plan's arena, which must not fill. ERR_LIMIT, ERR_CORRUPT. */
int proto_check(const ProtobufCMessageDescriptor *d, struct str bytes, struct err *err) MUST_CHECK;
/* The name that the protocol gives the set member of a oneof, for refusals. */
const char *oneof_name(const ProtobufCMessageDescriptor *d, int number);
#endif
