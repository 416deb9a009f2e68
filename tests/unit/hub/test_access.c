/* Who may connect and do what: bearer tokens, access control lists, quotas, and the file
 * that keeps them. */
#include "hub/access.h"
#include "hub/jwt.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

static struct arena *a;
static char dir[64];

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    snprintf(dir, sizeof dir, "/tmp/test_access.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    arena_free(a);
    return fs_remove_tree(dir, &err);
}

static struct str b64(const void *bytes, size_t n)
{
    struct buf b;
    buf_init(&b);
    base64_put(&b, str_of(bytes, n));
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

static void put_file(const char *name, const char *text)
{
    struct err err;
    assert_int_equal(fs_write_file(path_join(a, dir, name), str_z(text), &err), 0);
}

/* ------------------------------------------------------------------ tokens */

static struct str url(struct str s)
{
    char *out = str_cz(a, b64(s.ptr, s.len));
    size_t n = strcspn(out, "=");
    for (size_t i = 0; i < n; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    return str_of(out, n);
}

#define SECRET "0123456789abcdef0123456789abcdef"

static struct str signed_token(const char *header, const char *claims, const char *secret)
{
    unsigned char sum[64];
    unsigned n;
    struct str text = str_fmt(a, "%.*s.%.*s", STR_ARGS(url(str_z(header))), STR_ARGS(url(str_z(claims))));
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text.ptr, text.len, sum, &n);
    return str_fmt(a, "%.*s.%.*s", STR_ARGS(text), STR_ARGS(url(str_of((char *)sum, n))));
}

static void test_tokens(void **state)
{
    (void)state;
    struct err err;
    struct jwt_claims c;
    put_file(JWT_AUTH_FILE, "{\"max_reauth_ms\": 5, \"oauth\": {\"hs256\": \"" SECRET "\", \"clock_skew_s\": 2, \"principal_claim\": \"who\"}}");
    struct jwt_rules *k = jwt_open(dir, &err);
    assert_true(k && jwt_has_keys(k) && jwt_max_reauth_ms(k) == 5);
    const char *header = "{\"alg\":\"HS256\",\"kid\":\"any\"}", *claims = "{\"who\":\"me\",\"exp\":1000.5,\"iat\":900}";
    struct str good = signed_token(header, claims, SECRET);
    assert_int_equal(jwt_check(k, a, good, 950000, false, &c, &err), 0);
    assert_true(str_eqz(c.principal, "me") && c.expires_ms == 1000500);
    assert_int_equal(jwt_check(k, a, good, 1002499, false, &c, &err), 0); /* the skew */
    assert_int_equal(jwt_check(k, a, good, 1002500, false, &c, &err), -1);
    assert_int_equal(jwt_check(k, a, good, 897000, false, &c, &err), -1); /* not issued yet */
    for (size_t i = 0; i < good.len; i++) { /* no sign of it may be another, nor be missing */
        char *copy = str_cz(a, good);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        if (i + 1 < good.len) /* the last one has bits to spare */
            assert_int_equal(jwt_check(k, a, str_of(copy, good.len), 950000, false, &c, &err), -1);
        assert_int_equal(jwt_check(k, a, str_sub(good, 0, i), 950000, true, &c, &err), -1);
    }
    static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"HS512\"}", "{\"alg\":\"HS256\",\"crit\":[\"x\"]}", "{}", "[]", "{"};
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        assert_int_equal(jwt_check(k, a, signed_token(headers[i], claims, SECRET), 950000, false, &c, &err), -1);
    static const char *const others[] = {"{\"who\":\"me\"}", "{\"exp\":1000}", "{\"who\":\"\",\"exp\":1000}", "{\"who\":\"me\",\"exp\":\"1000\"}", "{\"who\":\"me\",\"exp\":1e300}",
                                         "{\"who\":7,\"exp\":1000}", "{\"who\":\"me\",\"exp\":-1}", "{\"who\":\"me\",\"exp\":1000,\"nbf\":\"x\"}"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_int_equal(jwt_check(k, a, signed_token(header, others[i], SECRET), 950000, false, &c, &err), -1);
    struct str unsigned_ = str_fmt(a, "%.*s.%.*s.", STR_ARGS(url(STR("{\"alg\":\"none\"}"))), STR_ARGS(url(str_z(claims))));
    assert_int_equal(jwt_check(k, a, unsigned_, 950000, false, &c, &err), -1);
    assert_int_equal(jwt_check(k, a, unsigned_, 950000, true, &c, &err), 0);
    jwt_close(k);
}

static void test_files_of_rules_that_are_refused(void **state)
{
    (void)state;
    struct err err;
    static const char *const bad[] = {
        "[]", "{\"other\": 1}", "{\"max_reauth_ms\": -1}", "{\"oauth\": []}", "{\"oauth\": {\"hs256\": \"short\"}}", "{\"oauth\": {\"issuer\": 1}}",
        "{\"oauth\": {\"jwks\": \"absent.json\"}}", "{\"oauth\": {\"jwks\": \"k.json\"}}", "{\"oauth\": {\"clock_skew_s\": 99999}}", "{\"oauth\": {\"nonsense\": 1}}"};
    put_file("k.json", "{\"keys\": [{\"kty\": \"RSA\", \"n\": \"AQAB\", \"e\": \"AQAB\"}]}");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        put_file(JWT_AUTH_FILE, bad[i]);
        err = (struct err){0};
        assert_null(jwt_open(dir, &err));
        assert_true(err.code == ERR_INPUT || err.code == ERR_NOT_FOUND);
    }
    put_file(JWT_AUTH_FILE, "{}");
    struct jwt_rules *k = jwt_open(dir, &err);
    assert_true(k && !jwt_has_keys(k));
    jwt_close(k);
}

/* ------------------------------------------------------------------ access control lists */

static struct acl rule(const char *name, enum acl_pattern pattern, const char *who, enum acl_operation op, enum acl_permission p)
{
    return (struct acl){STR("ns"), ACL_TOPIC, (int8_t)pattern, (int8_t)op, (int8_t)p, str_z(name), str_z(who), STR("*")};
}

static enum acl_answer may(const struct acl *rules, size_t n, const char *user, enum acl_operation op, const char *name)
{
    return acl_decide(rules, n, &(struct acl_question){"ns", ACL_TOPIC, str_z(name), op, str_z(user), STR("1.2.3.4")});
}

static void test_decisions(void **state)
{
    (void)state;
    struct acl rules[] = {
        rule("orders", ACL_LITERAL, "User:ann", ACL_READ, ACL_ALLOW),     rule("or", ACL_PREFIXED, "User:bob", ACL_ALL, ACL_ALLOW),
        rule("orders", ACL_LITERAL, "User:bob", ACL_WRITE, ACL_DENY),     rule("all-of-us", ACL_LITERAL, "User:*", ACL_ALTER_CONFIGS, ACL_ALLOW),
        rule("all-of-us", ACL_LITERAL, "User:eve", ACL_DESCRIBE, ACL_DENY)};
    size_t n = COUNT_OF(rules);
    assert_int_equal(may(rules, n, "ann", ACL_READ, "orders"), ACL_ALLOWED);
    assert_int_equal(may(rules, n, "ann", ACL_DESCRIBE, "orders"), ACL_ALLOWED);
    assert_int_equal(may(rules, n, "ann", ACL_WRITE, "orders"), ACL_DENIED);
    assert_int_equal(may(rules, n, "ann", ACL_READ, "order"), ACL_DENIED); /* bob's prefix is a rule of it */
    assert_int_equal(may(rules, n, "ann", ACL_READ, "other"), ACL_NO_RULE);
    assert_int_equal(may(rules, n, "bob", ACL_READ, "orders"), ACL_ALLOWED);
    assert_int_equal(may(rules, n, "bob", ACL_WRITE, "orders"), ACL_DENIED);
    assert_int_equal(may(rules, n, "bob", ACL_WRITE, "orders2"), ACL_ALLOWED);
    assert_int_equal(may(rules, n, "eve", ACL_DESCRIBE_CONFIGS, "all-of-us"), ACL_ALLOWED);
    assert_int_equal(may(rules, n, "eve", ACL_DESCRIBE, "all-of-us"), ACL_DENIED);
    rules[0].host = STR("4.3.2.1");
    assert_int_equal(may(rules, n, "ann", ACL_READ, "orders"), ACL_DENIED); /* from elsewhere */
    struct acl_question any = {"ns", ACL_TOPIC, STR_NONE, ACL_WRITE, STR("bob"), STR("1.2.3.4")};
    assert_int_equal(acl_decide_any(rules, n, &any), ACL_ALLOWED);
    any.user = STR("ann");
    assert_int_equal(acl_decide_any(rules, n, &any), ACL_NO_RULE); /* hubs without rules are left */
    struct acl star = rule("*", ACL_LITERAL, "User:ann", ACL_WRITE, ACL_DENY);
    assert_int_equal(acl_decide_any(&star, 1, &any), ACL_DENIED);
    star.ns = STR("other");
    assert_int_equal(acl_decide_any(&star, 1, &any), ACL_NO_RULE);
    assert_int_equal(may(&star, 1, "ann", ACL_WRITE, "x"), ACL_NO_RULE);
}

static void test_filters(void **state)
{
    (void)state;
    struct acl r = rule("pre", ACL_PREFIXED, "User:u", ACL_READ, ACL_ALLOW);
    struct acl f = {STR("ns"), ACL_TYPE_ANY, ACL_PATTERN_MATCH, ACL_OPERATION_ANY, ACL_PERMISSION_ANY, STR("prefix"), STR_NONE, STR_NONE};
    assert_true(acl_matches(&f, &r) && !acl_bad_filter(&f));
    f.pattern = ACL_PATTERN_ANY;
    assert_false(acl_matches(&f, &r));
    f.name = STR("pre");
    assert_true(acl_matches(&f, &r));
    f.pattern = ACL_LITERAL;
    assert_false(acl_matches(&f, &r));
    assert_non_null(acl_bad_rule(&f));
    assert_null(acl_bad_rule(&r));
    f.operation = 99;
    assert_non_null(acl_bad_filter(&f));
    r.principal = STR("Group:x");
    assert_non_null(acl_bad_rule(&r));
    for (int8_t i = 1; i < ACL_OPERATION_END; i++)
        assert_int_equal(acl_operation_of(str_z(acl_operation_name(i))), i);
}

/* ------------------------------------------------------------------ quotas */

static void test_the_limit_that_holds(void **state)
{
    (void)state;
    static const struct { bool user, client; const char *u, *c; } order[] = {
        {true, true, "u", "c"}, {true, true, "u", NULL}, {true, false, "u", NULL}, {true, true, NULL, "c"},
        {true, true, NULL, NULL}, {true, false, NULL, NULL}, {false, true, NULL, "c"}, {false, true, NULL, NULL}};
    struct quota q[COUNT_OF(order)];
    struct quota_who who = {"ns", STR("u"), STR("c")};
    struct quota_entity of;
    for (size_t i = 0; i < COUNT_OF(order); i++)
        q[i] = (struct quota){STR("ns"), {order[i].user, order[i].client, str_z(order[i].u), str_z(order[i].c)}, {(double)i + 1, 0}};
    for (size_t i = 0; i < COUNT_OF(order); i++) { /* without the first i the next one holds */
        assert_true(quota_limit(q + i, COUNT_OF(order) - i, &who, QUOTA_PRODUCE, &of) == (double)i + 1);
        assert_true(of.has_user == order[i].user && of.has_client == order[i].client);
    }
    assert_true(quota_limit(q, COUNT_OF(order), &who, QUOTA_FETCH, &of) == 0);
    who.ns = "other";
    assert_true(quota_limit(q, COUNT_OF(order), &who, QUOTA_PRODUCE, &of) == 0);
}

static void test_rates_and_waits(void **state)
{
    (void)state;
    struct quota q = {STR("ns"), {.has_client = true}, {1000, 0}};
    struct quota_who who = {"ns", STR("u"), STR("c")};
    struct quota_meter *m = quota_meter_new();
    assert_int_equal(quota_count(m, &q, 1, &who, QUOTA_PRODUCE, 10000, 5000), 0); /* ten seconds' worth */
    assert_int_equal(quota_count(m, &q, 1, &who, QUOTA_PRODUCE, 5000, 5000), 5000);
    who.client = STR("d");
    assert_int_equal(quota_count(m, &q, 1, &who, QUOTA_PRODUCE, 10, 5000), 0); /* each client his own */
    who.client = STR("c");
    int64_t now = 10000;
    assert_int_equal(quota_count(m, &q, 1, &who, QUOTA_PRODUCE, 0, now), 5000); /* nothing is forgotten yet: 15000 over ten seconds */
    assert_int_equal(quota_count(m, &q, 1, &who, QUOTA_PRODUCE, 0, 16001), 0); /* eleven seconds later it is */
    double sent = 0;
    for (now = 100000; now < 400000;) { /* over a long time who waits as told keeps to his limit */
        int64_t wait = quota_count(m, &q, 1, &who, QUOTA_PRODUCE, 700, now);
        sent += 700;
        now += wait + 100;
    }
    assert_true(sent / 300 > 950 && sent / 300 < 1100);
    char name[16];
    for (int i = 0; i < 3 * QUOTA_MAX_MEASURED; i++) { /* client ids without end are not kept */
        snprintf(name, sizeof name, "c%d", i);
        who.client = str_z(name);
        quota_count(m, &q, 1, &who, QUOTA_PRODUCE, 1, now);
    }
    quota_meter_free(m);
}

/* ------------------------------------------------------------------ the file */

static struct scram_secret secret_kept(void)
{
    struct scram_secret s = {.mechanism = SCRAM_SHA_512, .iterations = 4096, .salt = "saltsalt", .salt_bytes = 8};
    scram_of_password(&s, STR("pw"));
    return s;
}

static void fill(struct access_rows *r)
{
    struct scram_secret s = secret_kept();
    access_put_user(r, "ns", STR("zo\xc3\xab"), &s);
    access_put_acl(r, &(struct acl){STR("ns"), ACL_GROUP, ACL_PREFIXED, ACL_READ, ACL_DENY, STR("g\""), STR("User:zo\xc3\xab"), STR("*")});
    access_put_quota(r, "ns", &(struct quota_entity){.has_user = true, .has_client = true, .client = STR("c")}, QUOTA_FETCH, 12.5);
}

static void check_filled(const struct access_rows *r)
{
    struct scram_secret s = secret_kept();
    const struct access_user *u = access_user(r, "ns", STR("zo\xc3\xab"), SCRAM_SHA_512);
    assert_true(u && u->secret.iterations == 4096 && !memcmp(u->secret.stored_key, s.stored_key, 64) && !memcmp(u->secret.server_key, s.server_key, 64));
    assert_true(r->user_count == 1 && r->acl_count == 1 && r->quota_count == 1);
    assert_true(str_eqz(r->acls[0].name, "g\"") && r->acls[0].permission == ACL_DENY && r->acls[0].pattern == ACL_PREFIXED);
    assert_true(r->quotas[0].limits[QUOTA_FETCH] == 12.5 && r->quotas[0].of.has_user && !r->quotas[0].of.user.ptr && str_eqz(r->quotas[0].of.client, "c"));
}

static void test_what_is_kept_comes_back(void **state)
{
    (void)state;
    struct err err;
    struct stat st;
    struct access *s = access_open(dir, &err);
    struct access_rows *r = access_change(s);
    fill(r);
    fill(r); /* the same again: once */
    assert_int_equal(access_commit(s, r, &err), 0);
    check_filled(access_rows(s));
    access_close(s);
    assert_int_equal(stat(path_join(a, dir, ACCESS_FILE), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    s = access_open(dir, &err);
    check_filled(access_rows(s));
    r = access_change(s);
    assert_true(access_remove_user(r, "ns", STR("zo\xc3\xab"), SCRAM_SHA_512));
    assert_false(access_remove_user(r, "ns", STR("zo\xc3\xab"), SCRAM_SHA_256));
    access_remove_acl(r, 0);
    access_put_quota(r, "ns", &access_rows(s)->quotas[0].of, QUOTA_FETCH, 0);
    check_filled(access_rows(s)); /* as it was, until it is on disk */
    assert_int_equal(access_commit(s, r, &err), 0);
    assert_true(access_rows(s)->user_count == 0 && access_rows(s)->acl_count == 0 && access_rows(s)->quota_count == 0);
    access_close(s);
}

static void test_a_change_that_fails_has_not_happened(void **state)
{
    (void)state;
    struct err err;
    struct access *s = access_open(dir, &err);
    struct access_rows *r = access_change(s);
    fill(r);
    assert_int_equal(access_commit(s, r, &err), 0);
    int failed = 0;
    for (int64_t nth = 1;; nth++) {
        r = access_change(s);
        access_remove_acl(r, 0);
        fs_fault_set(&(struct fs_fault){.kind = FS_FAULT_FAIL, .nth = nth, .path_part = dir});
        int rc = access_commit(s, r, &err);
        fs_fault_set(NULL);
        if (rc == 0)
            break;
        failed++;
        check_filled(access_rows(s));
    }
    assert_true(failed >= 3);
    assert_int_equal(access_rows(s)->acl_count, 0);
    access_close(s);
}

static void test_files_that_are_refused(void **state)
{
    (void)state;
    struct err err;
    static const char *const bad[] = {
        "[]", "{\"users\": 1}", "{\"users\": [{}]}", "{\"acls\": [{\"namespace\": \"n\"}]}",
        "{\"users\": [{\"namespace\": \"n\", \"name\": \"u\", \"mechanism\": \"SCRAM-SHA-256\", \"iterations\": 4096, \"salt\": \"AA==\", \"stored_key\": \"AA==\", \"server_key\": \"AA==\"}]}",
        "{\"quotas\": [{\"namespace\": \"n\", \"producer_byte_rate\": 1}]}", "{\"quotas\": [{\"namespace\": \"n\", \"user\": 5, \"producer_byte_rate\": 1}]}",
        "{\"quotas\": [{\"namespace\": \"n\", \"user\": null}]}", "{\"quotas\": [{\"namespace\": \"n\", \"user\": \"u\", \"producer_byte_rate\": 0}]}",
        "{\"acls\": [{\"namespace\": \"n\", \"resource\": \"CLUSTER\", \"name\": \"x\", \"pattern\": \"LITERAL\", \"principal\": \"User:x\", \"host\": \"*\", \"operation\": \"ALTER\", \"permission\": \"ALLOW\"}]}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        put_file(ACCESS_FILE, bad[i]);
        err = (struct err){0};
        assert_null(access_open(dir, &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_of_rules_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decisions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_limit_that_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rates_and_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_kept_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_change_that_fails_has_not_happened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_that_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
