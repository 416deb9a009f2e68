/* tls.c -- TLS for server connections, through OpenSSL's memory BIOs.
 *
 * tcp.c owns the socket; here bytes from the wire go into one BIO and bytes for the wire are read
 * out of another, so nothing in here blocks or does I/O. Plain bytes that are to be sent before the
 * handshake is over wait in `early` and follow it. */
#include "net/tls.h"
#include "net/tls_int.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { TLS_MAX_EARLY = 1 << 20, TLS_CERT_DAYS = 825, TLS_MAX_NAMES_BYTES = 4096 };

struct tls {
    SSL_CTX *ctx;
    unsigned char alpn[32]; /* length byte, name; empty: none */
};

struct tls_conn {
    SSL *ssl;
    BIO *in, *out;
    struct buf early;
};

static int ssl_err(struct err *err, enum err_code code, const char *doing, const char *what)
{
    char text[200] = "no reason given";
    unsigned long e = ERR_get_error();
    if (e)
        ERR_error_string_n(e, text, sizeof text);
    ERR_clear_error();
    return err_set(err, code, "%s '%s': %s", doing, what, text);
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                       const unsigned char *in, unsigned inlen, void *arg)
{
    struct tls *t = arg;
    unsigned char *chosen = NULL;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, outlen, t->alpn, t->alpn[0] + 1u, in, inlen) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

struct tls *tls_new(const char *cert_path, const char *key_path, const char *alpn, struct err *err)
{
    struct tls *t = NEW(struct tls);
    t->ctx = SSL_CTX_new(TLS_server_method());
    CHECK(t->ctx);
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int rc = 0;
    if (SSL_CTX_use_certificate_chain_file(t->ctx, cert_path) != 1)
        rc = ssl_err(err, ERR_INPUT, "cannot use certificate", cert_path);
    else if (SSL_CTX_use_PrivateKey_file(t->ctx, key_path, SSL_FILETYPE_PEM) != 1)
        rc = ssl_err(err, ERR_INPUT, "cannot use key", key_path);
    if (rc != 0) {
        tls_free(t);
        return NULL;
    }
    if (alpn) {
        CHECK(strlen(alpn) < sizeof t->alpn);
        t->alpn[0] = (unsigned char)strlen(alpn);
        memcpy(t->alpn + 1, alpn, strlen(alpn));
        SSL_CTX_set_alpn_select_cb(t->ctx, choose_alpn, t);
    }
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    mem_free(t);
}

struct tls_conn *tls_conn_new(struct tls *t)
{
    struct tls_conn *c = NEW(struct tls_conn);
    c->ssl = SSL_new(t->ctx);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    CHECK(c->ssl && c->in && c->out);
    BIO_set_mem_eof_return(c->in, -1);
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_accept_state(c->ssl);
    buf_init_max(&c->early, TLS_MAX_EARLY);
    return c;
}

void tls_conn_free(struct tls_conn *c)
{
    if (!c)
        return;
    SSL_free(c->ssl); /* and both BIOs */
    buf_release(&c->early);
    mem_free(c);
}

static void pull(struct tls_conn *c, struct buf *wire)
{
    char *bytes;
    long n = BIO_get_mem_data(c->out, &bytes);
    if (n > 0)
        buf_add(wire, bytes, (size_t)n);
    (void)BIO_reset(c->out);
}

static int write_plain(struct tls_conn *c, struct str plain, struct err *err)
{
    while (plain.len > 0) {
        int n = SSL_write(c->ssl, plain.ptr, plain.len > (1 << 30) ? 1 << 30 : (int)plain.len);
        if (n <= 0)
            return ssl_err(err, ERR_IO, "TLS", "write");
        plain = str_from(plain, (size_t)n);
    }
    return 0;
}

int tls_conn_feed(struct tls_conn *c, struct str bytes, struct buf *plain, struct buf *wire,
                  bool *ended, struct err *err)
{
    int rc = 0;
    if (BIO_write(c->in, bytes.ptr, (int)bytes.len) != (int)bytes.len)
        return err_set(err, ERR_LIMIT, "TLS input of %zu bytes", bytes.len);
    for (;;) {
        char out[16 * 1024];
        int n = SSL_read(c->ssl, out, sizeof out);
        if (n > 0) {
            buf_add(plain, out, (size_t)n);
            continue;
        }
        int why = SSL_get_error(c->ssl, n);
        if (why == SSL_ERROR_ZERO_RETURN)
            *ended = true;
        else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            rc = ssl_err(err, ERR_IO, "TLS", "handshake or record");
        break;
    }
    if (rc == 0 && SSL_is_init_finished(c->ssl) && c->early.len > 0) {
        rc = write_plain(c, buf_view(&c->early), err);
        buf_clear(&c->early);
    }
    pull(c, wire); /* also the alert that explains a failure */
    return rc;
}

int tls_conn_send(struct tls_conn *c, struct str plain, struct buf *wire, struct err *err)
{
    if (!SSL_is_init_finished(c->ssl)) {
        buf_str(&c->early, plain);
        return buf_check(&c->early, "data before the TLS handshake", err);
    }
    int rc = write_plain(c, plain, err);
    pull(c, wire);
    return rc;
}

bool tls_conn_ready(const struct tls_conn *c)
{
    return SSL_is_init_finished(c->ssl);
}

const char *tls_conn_name(const struct tls_conn *c)
{
    return SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
}

void tls_conn_end(struct tls_conn *c, struct buf *wire)
{
    if (SSL_is_init_finished(c->ssl))
        SSL_shutdown(c->ssl);
    ERR_clear_error();
    pull(c, wire);
}

/* ------------------------------------------------------------------ self-signed certificates */

static void alt_names(const char *const *names, struct buf *out)
{
    buf_init_max(out, TLS_MAX_NAMES_BYTES);
    for (size_t i = 0; names[i]; i++) {
        bool address = names[i][strspn(names[i], "0123456789.")] == 0 || strchr(names[i], ':');
        buf_printf(out, "%s%s:%s", i ? "," : "", address ? "IP" : "DNS", names[i]);
    }
}

static int add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

static X509 *make_cert(EVP_PKEY *key, const char *const *names)
{
    X509 *cert = X509_new();
    struct buf alt;
    uint64_t serial = random_u64() >> 1;
    alt_names(names, &alt);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_time_adj_ex(X509_getm_notAfter(cert), TLS_CERT_DAYS, 0, NULL);
    X509_set_pubkey(cert, key);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"paystreak local", -1, -1, 0);
    X509_set_issuer_name(cert, subject);
    int ok = !alt.overflow && add_extension(cert, NID_subject_alt_name, alt.ptr) &&
             add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
             X509_sign(cert, key, EVP_sha256());
    buf_release(&alt);
    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

static int write_pem(BIO *bio, const char *path, struct err *err)
{
    char *bytes;
    long n = BIO_get_mem_data(bio, &bytes);
    return fs_write_file(path, str_of(bytes, (size_t)n), err);
}

int tls_make_self_signed(const char *cert_path, const char *key_path, const char *const *names,
                         struct err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? make_cert(key, names) : NULL;
    BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    int rc;
    if (!cert || !PEM_write_bio_X509(cert_pem, cert) ||
        !PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL))
        rc = ssl_err(err, ERR_INTERNAL, "cannot make certificate", cert_path);
    else
        rc = write_pem(key_pem, key_path, err);
    if (rc == 0)
        rc = write_pem(cert_pem, cert_path, err);
    BIO_free(cert_pem);
    BIO_free(key_pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}
