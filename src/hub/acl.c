#include "hub/acl.h"
#include <string.h>

static const char *const TYPES[ACL_TYPE_END] = {
    [ACL_TYPE_ANY] = "ANY", [ACL_TOPIC] = "TOPIC", [ACL_GROUP] = "GROUP", [ACL_CLUSTER] = "CLUSTER",
    [ACL_TRANSACTIONAL_ID] = "TRANSACTIONAL_ID", [ACL_DELEGATION_TOKEN] = "DELEGATION_TOKEN", [ACL_USER] = "USER"};
static const char *const PATTERNS[ACL_PATTERN_END] = {
    [ACL_PATTERN_ANY] = "ANY", [ACL_PATTERN_MATCH] = "MATCH", [ACL_LITERAL] = "LITERAL", [ACL_PREFIXED] = "PREFIXED"};
static const char *const PERMISSIONS[ACL_PERMISSION_END] = {[ACL_PERMISSION_ANY] = "ANY", [ACL_DENY] = "DENY", [ACL_ALLOW] = "ALLOW"};
static const char *const OPERATIONS[ACL_OPERATION_END] = {
    [ACL_OPERATION_ANY] = "ANY", [ACL_ALL] = "ALL", [ACL_READ] = "READ", [ACL_WRITE] = "WRITE", [ACL_CREATE] = "CREATE",
    [ACL_DELETE] = "DELETE", [ACL_ALTER] = "ALTER", [ACL_DESCRIBE] = "DESCRIBE", [ACL_CLUSTER_ACTION] = "CLUSTER_ACTION",
    [ACL_DESCRIBE_CONFIGS] = "DESCRIBE_CONFIGS", [ACL_ALTER_CONFIGS] = "ALTER_CONFIGS", [ACL_IDEMPOTENT_WRITE] = "IDEMPOTENT_WRITE",
    [ACL_CREATE_TOKENS] = "CREATE_TOKENS", [ACL_DESCRIBE_TOKENS] = "DESCRIBE_TOKENS", [ACL_TWO_PHASE_COMMIT] = "TWO_PHASE_COMMIT"};

static const char *name_of(const char *const *table, int end, int8_t v)
{
    return v > 0 && v < end ? table[v] : "UNKNOWN";
}

static int8_t of_name(const char *const *table, int end, struct str name)
{
    for (int i = 1; i < end; i++)
        if (str_eqz(name, table[i]))
            return (int8_t)i;
    return 0;
}

const char *acl_type_name(int8_t v) { return name_of(TYPES, ACL_TYPE_END, v); }
const char *acl_pattern_name(int8_t v) { return name_of(PATTERNS, ACL_PATTERN_END, v); }
const char *acl_operation_name(int8_t v) { return name_of(OPERATIONS, ACL_OPERATION_END, v); }
const char *acl_permission_name(int8_t v) { return name_of(PERMISSIONS, ACL_PERMISSION_END, v); }
int8_t acl_type_of(struct str name) { return of_name(TYPES, ACL_TYPE_END, name); }
int8_t acl_pattern_of(struct str name) { return of_name(PATTERNS, ACL_PATTERN_END, name); }
int8_t acl_operation_of(struct str name) { return of_name(OPERATIONS, ACL_OPERATION_END, name); }
int8_t acl_permission_of(struct str name) { return of_name(PERMISSIONS, ACL_PERMISSION_END, name); }

/* ------------------------------------------------------------------ rules and filters */

/* Does the rule's pattern cover that name? */
static bool covers(const struct acl *rule, struct str name)
{
    if (rule->pattern == ACL_PREFIXED)
        return str_starts(name, rule->name);
    return str_eqz(rule->name, "*") || str_eq(rule->name, name);
}

static bool resource_matches(const struct acl *f, const struct acl *rule)
{
    if (f->type != ACL_TYPE_ANY && f->type != rule->type)
        return false;
    if (f->pattern == ACL_PATTERN_MATCH)
        return !f->name.ptr || covers(rule, f->name);
    return (f->pattern == ACL_PATTERN_ANY || f->pattern == rule->pattern) && (!f->name.ptr || str_eq(f->name, rule->name));
}

bool acl_matches(const struct acl *f, const struct acl *rule)
{
    return str_eq(f->ns, rule->ns) && resource_matches(f, rule) && (!f->principal.ptr || str_eq(f->principal, rule->principal)) &&
           (!f->host.ptr || str_eq(f->host, rule->host)) && (f->operation == ACL_OPERATION_ANY || f->operation == rule->operation) &&
           (f->permission == ACL_PERMISSION_ANY || f->permission == rule->permission);
}

bool acl_equal(const struct acl *a, const struct acl *b)
{
    return acl_matches(a, b) && a->type == b->type && a->pattern == b->pattern && a->operation == b->operation && a->permission == b->permission;
}

static bool in(int8_t v, int from, int end)
{
    return v >= from && v < end;
}

const char *acl_bad_filter(const struct acl *f)
{
    if (!in(f->type, ACL_TYPE_ANY, ACL_TYPE_END) || !in(f->pattern, ACL_PATTERN_ANY, ACL_PATTERN_END))
        return "the filter's resource or pattern type is unknown";
    if (!in(f->operation, ACL_OPERATION_ANY, ACL_OPERATION_END) || !in(f->permission, ACL_PERMISSION_ANY, ACL_PERMISSION_END))
        return "the filter's operation or permission is unknown";
    return NULL;
}

const char *acl_bad_rule(const struct acl *a)
{
    if (!in(a->type, ACL_TOPIC, ACL_TYPE_END) || !in(a->pattern, ACL_LITERAL, ACL_PATTERN_END))
        return "the rule's resource or pattern type is unknown, or no single one";
    if (!in(a->operation, ACL_ALL, ACL_OPERATION_END) || !in(a->permission, ACL_DENY, ACL_PERMISSION_END))
        return "the rule's operation or permission is unknown, or no single one";
    if (!a->name.len || a->name.len > ACL_MAX_TEXT)
        return "the resource's name is empty or too long";
    if (a->type == ACL_CLUSTER && !str_eqz(a->name, ACL_CLUSTER_NAME))
        return "the only name of a CLUSTER resource is " ACL_CLUSTER_NAME;
    if (!str_starts_z(a->principal, "User:") || a->principal.len > ACL_MAX_TEXT)
        return "a principal is User:<name>, or User:* for everybody";
    if (!a->host.len || a->host.len > ACL_MAX_TEXT)
        return "the host is an address, or * for every one";
    return NULL;
}

/* ------------------------------------------------------------------ decisions */

static bool concerns(const struct acl *rule, const struct acl_question *q)
{
    struct str who = str_from(rule->principal, sizeof "User:" - 1);
    return (str_eqz(who, "*") || str_eq(who, q->user)) && (str_eqz(rule->host, "*") || str_eq(rule->host, q->host));
}

static bool allows(const struct acl *rule, const struct acl_question *q)
{
    int8_t op = rule->operation;
    if (rule->permission != ACL_ALLOW || !concerns(rule, q))
        return false;
    if (op == ACL_ALL || op == (int8_t)q->operation)
        return true;
    if (q->operation == ACL_DESCRIBE)
        return op == ACL_READ || op == ACL_WRITE || op == ACL_DELETE || op == ACL_ALTER;
    return q->operation == ACL_DESCRIBE_CONFIGS && op == ACL_ALTER_CONFIGS;
}

static bool denies(const struct acl *rule, const struct acl_question *q)
{
    return rule->permission == ACL_DENY && concerns(rule, q) && (rule->operation == ACL_ALL || rule->operation == (int8_t)q->operation);
}

enum acl_answer acl_decide(const struct acl *rules, size_t count, const struct acl_question *q)
{
    bool any = false, allowed = false;
    for (size_t i = 0; i < count; i++) {
        const struct acl *rule = &rules[i];
        if (rule->type != (int8_t)q->type || !str_eqz(rule->ns, q->ns) || !covers(rule, q->name))
            continue;
        if (denies(rule, q))
            return ACL_DENIED;
        any = true;
        allowed = allowed || allows(rule, q);
    }
    return allowed ? ACL_ALLOWED : any ? ACL_DENIED : ACL_NO_RULE;
}

enum acl_answer acl_decide_any(const struct acl *rules, size_t count, const struct acl_question *q)
{
    struct acl_question everywhere = *q;
    everywhere.name = STR("*"); /* what holds for all names at once */
    enum acl_answer all = ACL_NO_RULE;
    for (size_t i = 0; i < count; i++) {
        const struct acl *rule = &rules[i];
        if (rule->type != (int8_t)q->type || !str_eqz(rule->ns, q->ns))
            continue;
        bool whole = rule->pattern == ACL_LITERAL && str_eqz(rule->name, "*");
        if (whole && denies(rule, &everywhere))
            return ACL_DENIED;
        if (allows(rule, &everywhere))
            all = ACL_ALLOWED;
        else if (whole && all == ACL_NO_RULE)
            all = ACL_DENIED;
    }
    return all;
}
