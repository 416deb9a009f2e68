/* sas -- shared access policies, their keys, and the tokens made with them.
 *
 * A policy is a name, a key and rights; it holds for a whole namespace, or one hub of it. Three are
 * always there, for all namespaces: RootManageSharedAccessKey with the state's key and all rights, and
 * SendOnly and ListenOnly, whose keys are derived from it: base64(HMAC-SHA256(root key, policy name)).
 * More stand in STATE/hub-policies.json:
 *     [{"name": "web", "key": "…", "rights": ["Send"], "namespace": "shop", "hub": "orders"}]
 * namespace and hub may be left out; then it holds for all.
 *
 * A token says which policy vouches for it, what it is good for, and until when:
 *     SharedAccessSignature sr=<uri>&sig=<signature>&se=<expiry>&skn=<policy>
 * each value percent-encoded; expiry in seconds since 1970; the signature is base64 of HMAC-SHA256, with
 * the key's text, of the uri as it stands in the token, a line feed, and the expiry. The uri's host names
 * the namespace, its path a hub or something within one; "" is all.
 *
 * A policy may be named "<namespace>~<policy>" by who makes the token: that says the namespace where a host
 * cannot (an address of loopback in a connection string). The signature does not cover the name: it is heard only
 * where the uri's host names no namespace, and a token for such a host is good for every namespace of its policy.
 * A host that names another one makes the token malformed.
 *
 * Namespaces: the first label of a host below ".servicebus." (any cloud) or ".localhost" is one; any
 * other host is the default namespace.
 * Immutable once made: any thread. */
#ifndef PAYSTREAK_HUB_SAS_H
#define PAYSTREAK_HUB_SAS_H
#include "base/base.h"

enum { SAS_MAX_TOKEN = 4096, SAS_MAX_POLICIES = 1000, SAS_MAX_FILE = 1 << 20, SAS_KEY_TEXT = 64 };
#define SAS_ROOT_POLICY "RootManageSharedAccessKey"
#define SAS_POLICY_FILE "hub-policies.json"

enum sas_right { SAS_SEND = 1, SAS_LISTEN = 2, SAS_MANAGE = 4 /* includes the others */ };

struct sas;
/* `root_key` NULL: the three are not there. Reads STATE's file if there is one. Errors: ERR_INPUT with its place. */
struct sas *sas_open(const char *state_dir, const char *root_key, struct err *err) MUST_CHECK;
void sas_close(struct sas *s); /* NULL is allowed */

/* What somebody may do, and where: strings are slices of what was given, or of `s`. */
struct sas_claim {
    unsigned rights;               /* 0: nothing */
    int64_t expires_ms;            /* 0: never */
    struct str ns;                 /* ptr NULL: any namespace */
    struct str path;               /* hub, or below one; "": all */
    struct str policy_hub;         /* of the policy, which limits it too; ptr NULL: any */
};

/* "<namespace>~<policy>": takes the namespace off the name and returns it; ptr NULL: it says none. */
struct str sas_split_policy(struct str *name);
/* Policy and key, as a connection string or a password has them. ERR_AUTH. */
int sas_check_key(const struct sas *s, struct str policy, struct str key, struct sas_claim *out, struct err *err) MUST_CHECK;
/* The policy of that name that is good for something in namespace `ns`, and its key. */
bool sas_find(const struct sas *s, struct str policy, const char *ns, struct str *key, struct sas_claim *out);
/* A token, at a time. Strings of *out live in `a`. ERR_AUTH: not ours, expired, malformed. */
int sas_check_token(const struct sas *s, struct arena *a, struct str token, int64_t now_ms, struct sas_claim *out,
                    struct err *err) MUST_CHECK;
/* The namespace that a token's policy name says, in `a`; ptr NULL: none. Nothing is checked. */
struct str sas_token_namespace(struct arena *a, struct str token);
/* Does the claim give one of `rights` in namespace `ns`, on `where`: a hub, or "<hub>/publishers/<name>"; ptr NULL: on the
 * whole namespace? A claim for something within a hub (…/Partitions/0, …/$management) is one for the hub, as clients
 * ask for them so; but that of a publisher is good for sending as this publisher only. */
bool sas_allows(const struct sas_claim *c, unsigned rights, const char *ns, struct str where);

/* The namespace that a host names; ptr NULL: the default one. */
struct str sas_namespace_of(struct str host);
struct sas_string { struct str host, policy, key, entity; };
/* A connection string's parts: "a=b;c=d"; names ignore case, values may hold '='. */
void sas_string_read(struct str text, struct sas_string *out);

/* The key of a derived policy ("SendOnly"), NUL-terminated. */
void sas_derive_key(const char *root_key, const char *policy, char out[SAS_KEY_TEXT]);
/* Makes a token for `uri`. */
void sas_token_write(struct buf *out, const char *policy, const char *key, struct str uri, int64_t expires_s);
#endif
