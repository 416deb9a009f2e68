/* acl -- access control lists as Kafka has them, and what they decide.
 *
 * A rule says: on resources of one type whose name is this one (LITERAL; "*" is every one) or begins so (PREFIXED),
 * the principal ("User:alice", "User:*") from that host (an address, or "*") is allowed, or denied, an operation (or
 * ALL). A question is decided by the rules whose resource it matches:
 *     one denies it                      denied
 *     one allows it                      allowed. To be allowed READ, WRITE, DELETE or ALTER is to be allowed DESCRIBE,
 *                                        ALTER_CONFIGS is DESCRIBE_CONFIGS; denying does not imply
 *     there are rules, but none says     denied
 *     there are no rules                 no rule: the caller knows what then holds
 * Numbers are Kafka's, as they stand on the wire. Pure; any thread. */
#ifndef PAYSTREAK_HUB_ACL_H
#define PAYSTREAK_HUB_ACL_H
#include "base/base.h"

enum acl_type { ACL_TYPE_ANY = 1, ACL_TOPIC, ACL_GROUP, ACL_CLUSTER, ACL_TRANSACTIONAL_ID, ACL_DELEGATION_TOKEN, ACL_USER, ACL_TYPE_END };
enum acl_pattern { ACL_PATTERN_ANY = 1, ACL_PATTERN_MATCH, ACL_LITERAL, ACL_PREFIXED, ACL_PATTERN_END };
enum acl_permission { ACL_PERMISSION_ANY = 1, ACL_DENY, ACL_ALLOW, ACL_PERMISSION_END };
enum acl_operation {
    ACL_OPERATION_ANY = 1, ACL_ALL, ACL_READ, ACL_WRITE, ACL_CREATE, ACL_DELETE, ACL_ALTER, ACL_DESCRIBE, ACL_CLUSTER_ACTION,
    ACL_DESCRIBE_CONFIGS, ACL_ALTER_CONFIGS, ACL_IDEMPOTENT_WRITE, ACL_CREATE_TOKENS, ACL_DESCRIBE_TOKENS, ACL_TWO_PHASE_COMMIT,
    ACL_OPERATION_END,
};
enum { ACL_MAX_TEXT = 1024 };
#define ACL_CLUSTER_NAME "kafka-cluster" /* the one resource of type CLUSTER */

struct acl {
    struct str ns;                        /* the namespace it is of */
    int8_t type, pattern, operation, permission;
    struct str name, principal, host;
};

/* A rule in which numbers may be ANY (and the pattern MATCH: whatever decides about that name), texts ptr NULL: any. */
bool acl_matches(const struct acl *filter, const struct acl *rule);
bool acl_equal(const struct acl *a, const struct acl *b);
/* What makes it no rule that can be stored, or a filter that cannot be asked; NULL: nothing. */
const char *acl_bad_rule(const struct acl *a);
const char *acl_bad_filter(const struct acl *f);

enum acl_answer { ACL_NO_RULE, ACL_ALLOWED, ACL_DENIED };
struct acl_question { const char *ns; enum acl_type type; struct str name; enum acl_operation operation; struct str user, host; };
enum acl_answer acl_decide(const struct acl *rules, size_t count, const struct acl_question *q);
/* The same, on any resource of that type (q->name is not read): allowed if somewhere it is. */
enum acl_answer acl_decide_any(const struct acl *rules, size_t count, const struct acl_question *q);

/* Names in the file and in words: "TOPIC", "LITERAL", "READ", "ALLOW"; of_name 0: none. */
const char *acl_type_name(int8_t v);
const char *acl_pattern_name(int8_t v);
const char *acl_operation_name(int8_t v);
const char *acl_permission_name(int8_t v);
int8_t acl_type_of(struct str name);
int8_t acl_pattern_of(struct str name);
int8_t acl_operation_of(struct str name);
int8_t acl_permission_of(struct str name);
#endif
