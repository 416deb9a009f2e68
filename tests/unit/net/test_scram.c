/* SCRAM, the server's side: secrets as in the RFC's example, the exchange, what is refused. */
#include "net/scram.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
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

static struct scram_secret secret_of(enum scram_mechanism m, const char *password, const char *salt, int iterations)
{
    struct scram_secret s = {.mechanism = m, .iterations = iterations};
    struct buf b;
    buf_init(&b);
    assert_true(base64_get(&b, str_z(salt)));
    memcpy(s.salt, b.ptr, s.salt_bytes = b.len);
    buf_release(&b);
    scram_of_password(&s, str_z(password));
    return s;
}

/* RFC 7677's example: its messages are signed by the keys that we keep. */
static void test_the_keys_are_those_of_the_rfc(void **state)
{
    (void)state;
    struct scram_secret s = secret_of(SCRAM_SHA_256, "pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096);
    const char *text = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
                       "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    unsigned char sum[SCRAM_MAX_KEY];
    unsigned n;
    assert_non_null(HMAC(EVP_sha256(), s.server_key, 32, (const unsigned char *)text, strlen(text), sum, &n));
    assert_true(str_eqz(b64(sum, n), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
}

/* A client's final message for what the server said, with its own nonce `repeat` times in front. */
static struct str client_final(const struct scram_secret *s, struct str first, const char *password, struct str server, int repeat, const char *header)
{
    unsigned char salted[64], key[64], stored[64], sig[64];
    unsigned n = (unsigned)scram_key_bytes(s->mechanism);
    const EVP_MD *md = n == 32 ? EVP_sha256() : EVP_sha512();
    struct str nonce = str_from(server, 2), bare = str_from(first, strlen(header));
    nonce.len = (size_t)str_chr(nonce, ',');
    struct str mine = str_from(bare, (size_t)str_find(bare, STR(",r=")) + 3);
    struct str without = str_fmt(a, "c=%.*s,r=%.*s%.*s", STR_ARGS(b64(header, strlen(header))), repeat * (int)mine.len, mine.ptr, STR_ARGS(nonce));
    struct str text = str_fmt(a, "%.*s,%.*s,%.*s", STR_ARGS(bare), STR_ARGS(server), STR_ARGS(without));
    assert_int_equal(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), s->salt, (int)s->salt_bytes, s->iterations, md, (int)n, salted), 1);
    HMAC(md, salted, (int)n, (const unsigned char *)"Client Key", 10, key, &n);
    EVP_Digest(key, n, stored, &n, md, NULL);
    HMAC(md, stored, (int)n, (const unsigned char *)text.ptr, text.len, sig, &n);
    for (unsigned i = 0; i < n; i++)
        key[i] ^= sig[i];
    return str_fmt(a, "%.*s,p=%.*s", STR_ARGS(without), STR_ARGS(b64(key, n)));
}

static bool exchange(const struct scram_secret *s, const char *header, const char *password, int repeat, int flip)
{
    struct str first = str_fmt(a, "%sn=user,r=abcDEF", header);
    struct scram_first f;
    struct err err;
    struct buf b;
    buf_init(&b);
    assert_int_equal(scram_first_read(a, first, &f, &err), 0);
    struct scram *x = scram_new(&f, s, &b);
    struct str last = client_final(s, first, password, str_copy(a, buf_view(&b)), repeat, header);
    if (flip >= 0 && flip < (int)last.len)
        ((char *)last.ptr)[flip] ^= 1;
    buf_clear(&b);
    bool good = scram_final(x, last, &b, &err) == 0;
    assert_true(good ? str_starts_z(buf_view(&b), "v=") : b.len == 0);
    scram_free(x);
    buf_release(&b);
    return good;
}

static void test_a_client_is_who_knows_the_password(void **state)
{
    (void)state;
    for (int m = 1; m <= SCRAM_MECHANISMS; m++) {
        struct scram_secret s = secret_of((enum scram_mechanism)m, "p\xc3\xa4ss", "c2FsdHNhbHQ=", 4096);
        assert_true(exchange(&s, "n,,", "p\xc3\xa4ss", 0, -1));
        assert_true(exchange(&s, "n,a=user,", "p\xc3\xa4ss", 0, -1));
        assert_true(exchange(&s, "y,,", "p\xc3\xa4ss", 0, -1));
        assert_true(exchange(&s, "n,,", "p\xc3\xa4ss", 1, -1)); /* as librdkafka did */
        assert_false(exchange(&s, "n,,", "pass", 0, -1));
        assert_false(exchange(&s, "n,,", "", 0, -1));
        for (int i = 0; i < 60; i++)
            assert_false(exchange(&s, "n,,", "p\xc3\xa4ss", 0, i)); /* a bit of header, nonce or proof */
        assert_int_equal(scram_of_name(str_z(scram_name((enum scram_mechanism)m))), m);
    }
    assert_int_equal(scram_of_name(STR("SCRAM-SHA-1")), 0);
}

static void test_first_messages_that_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "n", "n,", "n,,", "n,,n=", "n,,n=u", "n,,n=u,r=", "p=tls-unique,,n=u,r=x", "x,,n=u,r=x", "n,b=u,n=u,r=x",
                                      "n,a=other,n=u,r=x", "n,,r=x,n=u", "n,,n=u=2,r=x", "n,,n=u=41,r=x", "n,,n=\xff,r=x", "n,,n=u,r=x,tokenauth=true"};
    struct scram_first f;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(scram_first_read(a, str_z(bad[i]), &f, &err), -1);
    assert_int_equal(scram_first_read(a, STR("n,,n=a=2Cb=3D,r=x,ext=1"), &f, &err), 0);
    assert_true(str_eqz(f.user, "a,b=") && str_eqz(f.nonce, "x") && str_eqz(f.bare, "n=a=2Cb=3D,r=x,ext=1") && str_eqz(f.header, "n,,"));
    assert_int_equal(scram_first_read(a, STR("n,,n=,r=x"), &f, &err), 0);
    assert_int_equal(f.user.len, 0);
}

static void test_a_fresh_secret_has_a_salt_of_its_own(void **state)
{
    struct scram_secret s, again;
    (void)state;
    scram_make(&s, SCRAM_SHA_256, STR("pencil"));
    scram_make(&again, SCRAM_SHA_256, STR("pencil"));
    assert_true(exchange(&s, "n,,", "pencil", 0, -1));
    assert_false(exchange(&s, "n,,", "pen", 0, -1));
    assert_memory_not_equal(s.salt, again.salt, s.salt_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_keys_are_those_of_the_rfc, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_is_who_knows_the_password, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_messages_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_fresh_secret_has_a_salt_of_its_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
