/* access -- who is known to the hub besides its policies, and what holds for them: SCRAM users, access control lists,
 * quotas; of all namespaces, durable.
 *
 * One file, STATE/hub-access.json, mode 0600, written whole at each change: temporary file, fsync, rename.
 *     {"users": [{"namespace": "default", "name": "alice", "mechanism": "SCRAM-SHA-256", "iterations": 4096,
 *                 "salt": "…", "stored_key": "…", "server_key": "…"}],
 *      "acls": [{"namespace": "default", "resource": "TOPIC", "name": "orders", "pattern": "LITERAL", "principal":
 *                "User:alice", "host": "*", "operation": "READ", "permission": "ALLOW"}],
 *      "quotas": [{"namespace": "default", "user": "alice", "client_id": null, "producer_byte_rate": 1048576}]}
 * Bytes are base64; a quota's user or client_id that is null is the default one, one that is absent does not count.
 *
 * A change is made on a copy of the rows; they take the place of the old ones once they are on disk. So a change that
 * could not be written has not happened. Rows are immutable while they are current.
 * Thread: the hub loop, which waits for the disk at a change, as it does for hub.json. */
#ifndef PAYSTREAK_HUB_ACCESS_H
#define PAYSTREAK_HUB_ACCESS_H
#include "hub/acl.h"
#include "hub/quota.h"
#include "net/scram.h"

enum { ACCESS_MAX_ROWS = 5000 /* of each kind */, ACCESS_MAX_FILE = 16 << 20 };
#define ACCESS_FILE "hub-access.json"

struct access_user { struct str ns, name; struct scram_secret secret; }; /* one for each mechanism */
struct access_rows {
    struct arena *arena;
    struct access_user *users;
    struct acl *acls;
    struct quota *quotas;
    size_t user_count, user_cap, acl_count, acl_cap, quota_count, quota_cap;
};

struct access;
/* Errors: ERR_INPUT with the place, ERR_IO. */
struct access *access_open(const char *state_dir, struct err *err) MUST_CHECK;
void access_close(struct access *s); /* NULL is allowed */
/* What holds now; until the next access_commit(). */
const struct access_rows *access_rows(const struct access *s);
/* NULL: there is none. */
const struct access_user *access_user(const struct access_rows *r, const char *ns, struct str name, enum scram_mechanism m);

/* A copy to change: then access_commit() or access_drop(). */
struct access_rows *access_change(const struct access *s);
/* Errors: -1, and nothing has changed. ERR_LIMIT, ERR_IO. `r` is gone in any case. */
int access_commit(struct access *s, struct access_rows *r, struct err *err) MUST_CHECK;
void access_drop(struct access_rows *r);

void access_put_user(struct access_rows *r, const char *ns, struct str name, const struct scram_secret *secret);
bool access_remove_user(struct access_rows *r, const char *ns, struct str name, enum scram_mechanism m); /* false: none */
void access_put_acl(struct access_rows *r, const struct acl *a); /* once, however often it is put */
void access_remove_acl(struct access_rows *r, size_t index);
/* A limit of 0 is none; a quota without any is no row. */
void access_put_quota(struct access_rows *r, const char *ns, const struct quota_entity *of, enum quota_rate rate, double limit);
#endif
