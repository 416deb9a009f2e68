/* test_auth -- the texts that are signed, and what each way of signing may. */
#include "storage/auth.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t KEY[] = "0123456789abcdef0123456789abcdef";
static const struct tp NOW = {INT64_C(1735732800000000)}; /* 2025-01-01T12:00:00Z */

static struct azreq request(struct arena *a, const char *method, const char *target, const char *const *headers)
{
    struct azreq r = {.a = a, .method = str_z(method), .host = STR("127.0.0.1:10000"), .peer = "127.0.0.1:5"};
    struct str t = str_z(target);
    int64_t q = str_chr(t, '?');
    struct http_header *list = ARENA_ARRAY(a, struct http_header, 32);
    r.path = q < 0 ? t : str_sub(t, 0, (size_t)q);
    r.query = q < 0 ? STR("") : str_from(t, (size_t)q + 1);
    for (size_t i = 0; headers && headers[i]; i += 2)
        list[r.header_count++] = (struct http_header){str_z(headers[i]), str_z(headers[i + 1])};
    r.headers = list;
    return r;
}

static struct auth_keys keys(void)
{
    return (struct auth_keys){.key = {KEY}, .len = {32}, .count = 1, .token = "secret-token", .now = NOW};
}

static void test_shared_key_text(void **state)
{
    static const char *const headers[] = {"x-ms-version", "2015-02-21", "x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT", "content-length", "0", NULL};
    struct arena *a = arena_new();
    struct buf b;
    (void)state;
    buf_init(&b);
    struct azreq r = request(a, "GET", "/mycontainer?comp=metadata&restype=container&timeout=20", headers);
    r.host = STR("myaccount.blob.core.windows.net");
    assert_int_equal(azreq_target(&r, false), AZ_NONE);
    auth_text_shared_key(&b, &r, false);
    assert_string_equal(b.ptr, "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                               "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20");
    buf_clear(&b);
    auth_text_shared_key(&b, &r, true);
    assert_string_equal(b.ptr, "GET\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer?comp=metadata");
    buf_release(&b);
    arena_free(a);
}

/* Signs as a client does; `lite` and `tamper` choose what is sent. */
static enum az_error signed_request(struct arena *a, const char *date, bool lite, bool tamper, const char *account)
{
    const char *headers[] = {"x-ms-date", date, "x-ms-version", "2021-12-02", "authorization", "", NULL};
    struct azreq r = request(a, "PUT", "/acct/box/a%20b?comp=block&blockid=AA%3D%3D&z=1&z=0", headers);
    struct buf text, sig;
    struct grant g;
    struct str why;
    struct auth_keys k = keys();
    buf_init(&text);
    buf_init(&sig);
    assert_int_equal(azreq_target(&r, false), AZ_NONE);
    r.header_count = 2;
    auth_text_shared_key(&text, &r, lite);
    auth_sign(&sig, KEY, 32, buf_view(&text));
    if (tamper)
        sig.ptr[3] ^= 1;
    headers[5] = arena_printf(a, "SharedKey%s %s:%s", lite ? "Lite" : "", account, sig.ptr);
    r = request(a, "PUT", "/acct/box/a%20b?comp=block&blockid=AA%3D%3D&z=1&z=0", headers);
    assert_int_equal(azreq_target(&r, false), AZ_NONE);
    enum az_error e = auth_check(&r, &k, &g, &why);
    assert_true(e != AZ_NONE || g.all);
    buf_release(&text);
    buf_release(&sig);
    return e;
}

static void test_shared_key(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    for (int lite = 0; lite < 2; lite++) {
        assert_int_equal(signed_request(a, "Wed, 01 Jan 2025 12:10:00 GMT", lite, false, "acct"), AZ_NONE);
        assert_int_equal(signed_request(a, "Wed, 01 Jan 2025 11:50:00 GMT", lite, false, "acct"), AZ_NONE);
        assert_int_equal(signed_request(a, "Wed, 01 Jan 2025 12:20:00 GMT", lite, false, "acct"), AZ_AuthenticationFailed);
        assert_int_equal(signed_request(a, "Wed, 01 Jan 2025 11:40:00 GMT", lite, false, "acct"), AZ_AuthenticationFailed);
        assert_int_equal(signed_request(a, "yesterday", lite, false, "acct"), AZ_AuthenticationFailed);
        assert_int_equal(signed_request(a, "Wed, 01 Jan 2025 12:00:00 GMT", lite, true, "acct"), AZ_AuthenticationFailed);
        assert_int_equal(signed_request(a, "Wed, 01 Jan 2025 12:00:00 GMT", lite, false, "other"), AZ_AuthenticationFailed);
    }
    arena_free(a);
}

static void test_headers_in_either_order(void **state)
{
    /* The service sorts "-" as nothing: x-ms-blob-type before or after x-ms-blobs is no matter of bytes. */
    static const char *const headers[] = {"x-ms-date", "Wed, 01 Jan 2025 12:00:00 GMT", "x-ms-a-b", "1", "x-ms-aa", "2", "authorization", "SharedKey acct:x", NULL};
    struct arena *a = arena_new();
    struct grant g;
    struct str why;
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct azreq r = request(a, "GET", "/acct/box?restype=container", headers);
        struct auth_keys k = keys();
        struct buf sig;
        buf_init(&sig);
        const char *text = order ? "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-aa:2\nx-ms-a-b:1\nx-ms-date:Wed, 01 Jan 2025 12:00:00 GMT\n/acct/acct/box\nrestype:container"
                                 : "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-a-b:1\nx-ms-aa:2\nx-ms-date:Wed, 01 Jan 2025 12:00:00 GMT\n/acct/acct/box\nrestype:container";
        auth_sign(&sig, KEY, 32, str_z(text));
        ((struct http_header *)(uintptr_t)r.headers)[3].value = str_fmt(a, "SharedKey acct:%s", sig.ptr);
        assert_int_equal(azreq_target(&r, false), AZ_NONE);
        assert_int_equal(auth_check(&r, &k, &g, &why), AZ_NONE);
        buf_release(&sig);
    }
    arena_free(a);
}

/* ---------------------------------------------------------------- SAS */

struct sas { const char *target, *fields; enum az_error check; const char *perms; char type; enum az_error allows; };

static enum az_error sas_check(struct arena *a, const struct sas *s, const char *method, struct grant *g, struct azreq *r)
{
    struct buf text, sig, enc;
    struct str why;
    struct auth_keys k = keys();
    buf_init(&text);
    buf_init(&sig);
    buf_init(&enc);
    *r = request(a, method, arena_printf(a, "%s%s%s", s->target, strchr(s->target, '?') ? "&" : "?", s->fields), NULL);
    assert_int_equal(azreq_target(r, false), AZ_NONE);
    bool known = auth_text_sas(&text, r);
    auth_sign(&sig, KEY, 32, buf_view(&text));
    percent_put(&enc, buf_view(&sig), "");
    *r = request(a, method, arena_printf(a, "%s%s%s&sig=%s", s->target, strchr(s->target, '?') ? "&" : "?", s->fields, known ? enc.ptr : "x"), NULL);
    assert_int_equal(azreq_target(r, false), AZ_NONE);
    enum az_error e = auth_check(r, &k, g, &why);
    buf_release(&text);
    buf_release(&sig);
    buf_release(&enc);
    return e;
}

static void test_sas(void **state)
{
#define LATE "se=2025-01-02T00:00:00Z&sv=2021-12-02"
    static const struct sas cases[] = {
        {"/acct/box/x", "sr=b&sp=r&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&" LATE, AZ_NONE, "w", 'o', AZ_AuthorizationPermissionMismatch},
        {"/acct/box/x", "sr=c&sp=rl&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box?restype=container&comp=list", "sr=c&sp=rl&" LATE, AZ_NONE, "l", 'c', AZ_NONE},
        {"/acct/box?restype=container", "sr=c&sp=rwdl&" LATE, AZ_NONE, "d", 'c', AZ_AuthorizationFailure},
        {"/acct/box/d/x", "sr=d&sdd=1&sp=r&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/d/x", "sr=d&sdd=1&sp=r&se=2025-01-02&sv=2018-03-28", AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=s&sp=r&" LATE, AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&se=2024-12-31T00:00:00Z&sv=2021-12-02", AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&st=2025-01-01T13:00Z&" LATE, AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&st=2025-01-01&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&sv=2021-12-02", AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&" LATE, AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&spr=https&" LATE, AZ_AuthorizationProtocolMismatch, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&spr=https,http&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&sip=127.0.0.1&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&sip=127.0.0.0-127.0.0.9&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&sip=10.0.0.1&" LATE, AZ_AuthorizationSourceIPMismatch, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&skoid=1&" LATE, AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&se=2025-01-02&sv=2012-02-12", AZ_AuthenticationFailed, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&se=2025-01-02&sv=2018-03-28", AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "sr=b&sp=r&se=2025-01-02&sv=2019-12-12", AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "ss=b&srt=o&sp=rw&" LATE, AZ_NONE, "r", 'o', AZ_NONE},
        {"/acct/box/x", "ss=b&srt=sc&sp=rw&" LATE, AZ_NONE, "r", 'o', AZ_AuthorizationResourceTypeMismatch},
        {"/acct/box/x", "ss=q&srt=sco&sp=rw&" LATE, AZ_AuthorizationServiceMismatch, "r", 'o', AZ_NONE},
        {"/acct/?comp=list", "ss=b&srt=s&sp=l&" LATE, AZ_NONE, "l", 's', AZ_NONE},
        {"/acct/?comp=list", "sr=c&sp=l&" LATE, AZ_AuthorizationFailure, "l", 's', AZ_NONE},
    };
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct grant g;
        struct azreq r;
        enum az_error e = sas_check(a, &cases[i], "GET", &g, &r);
        if (e != cases[i].check)
            fail_msg("%s %s: %s", cases[i].target, cases[i].fields, az_code(e, false));
        if (e == AZ_NONE && auth_allows(&g, &r, cases[i].perms, cases[i].type) != cases[i].allows)
            fail_msg("%s %s: allows", cases[i].target, cases[i].fields);
    }
    arena_free(a);
}

static void test_policies(void **state)
{
    static const struct sas s = {"/acct/box/x", "sr=c&si=p&sv=2021-12-02", AZ_NONE, "r", 'o', AZ_NONE};
    struct arena *a = arena_new();
    struct grant g;
    struct azreq r;
    struct str why;
    (void)state;
    assert_int_equal(sas_check(a, &s, "GET", &g, &r), AZ_NONE);
    assert_true(str_eqz(g.policy, "p"));
    struct grant late = g, twice = g;
    assert_int_equal(auth_apply_policy(&g, STR("r"), STR(""), STR("2025-01-02"), NOW, &why), AZ_NONE);
    assert_int_equal(auth_allows(&g, &r, "r", 'o'), AZ_NONE);
    assert_int_equal(auth_apply_policy(&late, STR("r"), STR(""), STR("2024-01-02"), NOW, &why), AZ_AuthenticationFailed);
    twice.perms = STR("r");
    assert_int_equal(auth_apply_policy(&twice, STR("r"), STR(""), STR("2025-01-02"), NOW, &why), AZ_AuthenticationFailed);
    arena_free(a);
}

static void test_bearer(void **state)
{
    static const struct { const char *header; enum az_error want; } cases[] = {
        {"Bearer secret-token", AZ_NONE}, {"Bearer secret-tokem", AZ_AuthenticationFailed}, {"Bearer ", AZ_AuthenticationFailed},
        {"Bearer secret-token-and-more", AZ_AuthenticationFailed}, {"Basic x", AZ_InvalidAuthenticationInfo}, {"SharedKey x", AZ_InvalidAuthenticationInfo}};
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const headers[] = {"authorization", cases[i].header, NULL};
        struct azreq r = request(a, "GET", "/acct/box/x", headers);
        struct auth_keys k = keys();
        struct grant g;
        struct str why;
        assert_int_equal(azreq_target(&r, false), AZ_NONE);
        assert_int_equal(auth_check(&r, &k, &g, &why), cases[i].want);
    }
    struct azreq r = request(a, "GET", "/acct/box/x", NULL);
    struct auth_keys k = keys();
    struct grant g;
    struct str why;
    assert_int_equal(azreq_target(&r, false), AZ_NONE);
    assert_int_equal(auth_check(&r, &k, &g, &why), AZ_NoAuthenticationInformation);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_key_text), cmocka_unit_test(test_shared_key), cmocka_unit_test(test_headers_in_either_order), cmocka_unit_test(test_sas),
        cmocka_unit_test(test_policies), cmocka_unit_test(test_bearer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
