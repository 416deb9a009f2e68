/* fuzz_access -- bytes as a bearer's token, as SCRAM's messages, and as the files that say who is known and which tokens
 * are good: nobody gets in, and rows that were read are written and read again the same. The first byte says which. */
#include "hub/access.h"
#include "hub/jwt.h"
#include "net/scram.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUT = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char dir[] = "/tmp/fuzz-access-XXXXXX";
static struct jwt_rules *rules;
static struct scram_secret secret;

static void put(struct arena *a, const char *name, struct str text)
{
    struct err err;
    CHECK(fs_write_file(path_join(a, dir, name), text, &err) == 0);
}

static void start(struct arena *a)
{
    struct err err;
    CHECK(mkdtemp(dir));
    put(a, JWT_AUTH_FILE, STR("{\"oauth\": {\"hs256\": \"a key that no input has, of 32 bytes\"}}"));
    rules = jwt_open(dir, &err);
    CHECK(rules);
    scram_make(&secret, SCRAM_SHA_256, STR("a password that no input has"));
}

static void token(struct arena *a, struct str in)
{
    struct jwt_claims claims;
    struct err err;
    CHECK(jwt_check(rules, a, in, 0, false, &claims, &err) == -1 && err.code == ERR_AUTH);
    if (jwt_check(rules, a, in, 0, true, &claims, &err) == 0)
        CHECK(claims.principal.len > 0 && claims.principal.len <= JWT_MAX_PRINCIPAL && claims.expires_ms > 0);
}

/* "first\nfinal": the server's nonce is not known to it. */
static void scram(struct arena *a, struct str in)
{
    struct str first = STR("");
    struct scram_first f;
    struct err err;
    struct buf b;
    str_split(&in, '\n', &first);
    if (scram_first_read(a, first, &f, &err))
        return;
    CHECK(f.user.len <= SCRAM_MAX_USER && f.nonce.len <= SCRAM_MAX_NONCE && f.header.len + f.bare.len == first.len);
    buf_init(&b);
    struct scram *s = scram_new(&f, &secret, &b);
    buf_clear(&b);
    CHECK(scram_final(s, in, &b, &err) == -1 && b.len == 0);
    scram_free(s);
    buf_release(&b);
}

static void access_file(struct arena *a, struct str in)
{
    struct err err;
    put(a, ACCESS_FILE, in);
    struct access *s = access_open(dir, &err);
    if (!s)
        return;
    CHECK(access_commit(s, access_change(s), &err) == 0);
    struct access *again = access_open(dir, &err);
    CHECK(again && access_rows(again)->user_count == access_rows(s)->user_count);
    CHECK(access_rows(again)->acl_count == access_rows(s)->acl_count && access_rows(again)->quota_count == access_rows(s)->quota_count);
    access_close(again);
    access_close(s);
}

static void auth_file(struct arena *a, struct str in)
{
    struct err err;
    put(a, JWT_AUTH_FILE, in);
    jwt_close(jwt_open(dir, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const how[])(struct arena *a, struct str in) = {token, scram, access_file, auth_file};
    if (n == 0 || n > MAX_INPUT)
        return 0;
    struct arena *a = arena_new();
    if (!rules)
        start(a);
    how[bytes[0] % COUNT_OF(how)](a, str_of((const char *)bytes + 1, n - 1));
    arena_free(a);
    return 0;
}
