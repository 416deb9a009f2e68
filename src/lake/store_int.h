/* store_int -- what the kinds of stores give, and what those over HTTP share.
 *
 * A kind's calls are single tries with the errors of store.h; store.c repeats them. */
#ifndef PAYSTREAK_LAKE_STORE_INT_H
#define PAYSTREAK_LAKE_STORE_INT_H
#include "lake/store.h"
#include "net/http_client.h"
#include <pthread.h>

/* One page of a listing. */
struct store_page {
    struct arena *arena;
    struct store_entry *items;
    size_t count, cap;
    struct str next;                      /* where the next page begins; empty: none */
};
/* Of a put-if-absent that failed: did it fail before the store was asked to make the object? */
struct store_new { bool untouched; };
struct store_kind {
    const char *name;
    void (*close)(struct store *s);
    /* One page after `next` (empty: the first), names with the root's prefix on. */
    int (*page)(struct store *s, const struct store_list_opts *o, struct str next, struct store_page *out, struct err *err);
    int (*stat)(struct store *s, const char *name, struct store_entry *out, struct arena *a, struct err *err);
    /* at < 0: the whole object; else a range. */
    int (*get)(struct store *s, const char *name, int64_t at, int64_t n, struct http_client_req *q, struct http_client_res *res, struct err *err);
    /* `asked`: if it is absent; NULL: replaces. */
    int (*put)(struct store *s, const char *name, struct str bytes, struct store_new *asked, struct err *err);
    /* A large file: begin (id in the arena), the blocks in any order, end; abort on failure. */
    int (*begin)(struct store *s, const char *name, struct arena *a, struct str *id, struct err *err);
    int (*block)(struct store *s, const char *name, struct str id, int number, struct str bytes, struct arena *a, struct str *mark, struct err *err);
    int (*end)(struct store *s, const char *name, struct str id, const struct str *marks, int count, struct err *err);
    void (*abort)(struct store *s, const char *name, struct str id);
    int (*remove)(struct store *s, const char *name, struct err *err);
};
struct store {
    const struct store_kind *kind;        /* NULL: local files */
    char *root;                           /* as given; local: the folder */
    char *prefix;                         /* before every name within the container or bucket, "" or "a/b/" */
    void *state;                          /* the kind's own */
};

/* ---- local files (store_file.c) */
void store_file_open(struct store *s, struct str root);
int64_t store_file_list(struct store *s, struct arena *a, const struct store_list_opts *o, struct store_entry **out, struct err *err) MUST_CHECK;
int store_file_stat(struct store *s, const char *name, struct store_entry *out, struct err *err) MUST_CHECK;
int store_file_get(struct store *s, const char *name, size_t max, struct buf *out, struct store_mark *mark, struct err *err) MUST_CHECK;
int store_file_range(struct store *s, const char *name, int64_t at, int64_t n, struct buf *out, struct err *err) MUST_CHECK;
int store_file_copy(struct store *s, const char *name, const char *path, bool in, struct err *err) MUST_CHECK;
int store_file_put(struct store *s, const char *name, struct str bytes, struct err *err) MUST_CHECK;
int store_file_remove(struct store *s, const char *name, struct err *err) MUST_CHECK;
int store_file_stage(struct store *s, const char *dir, struct str bytes, char **temp, struct err *err) MUST_CHECK;
int store_file_restage(const char *temp, struct str bytes, struct err *err) MUST_CHECK;
enum store_outcome store_file_publish(struct store *s, const char *temp, const char *name, struct err *err) MUST_CHECK;
void store_file_unstage(const char *temp);
int store_file_sync(const char *path, struct err *err) MUST_CHECK;
/* Put if absent of what may be lost: it appears whole, nothing is fsynced. An object that is there already is left as it is. */
int store_file_put_eager(struct store *s, const char *name, struct str bytes, struct err *err) MUST_CHECK;

/* ---- the kinds */
extern const struct store_kind store_kind_s3;
int store_azure_open(struct store *s, struct str root, const struct store_settings *from, struct err *err) MUST_CHECK;
int store_s3_open(struct store *s, struct str root, const struct store_settings *from, struct err *err) MUST_CHECK;
/* By their forms. */
bool store_azure_is(struct str root);
bool store_s3_is(struct str root);
/* See store_follows(). */
bool store_azure_follows(struct str named, struct str by);

/* ---- store.c */
/* After a last step that did not find what it was to make the object of: is an object of that size there, so that an
 * earlier sending of the step landed? */
bool store_landed(struct store *s, const char *name, int64_t size);

/* ---- settings */
/* The first of the names, ended by NULL, that is set and not empty; NULL: none. */
const char *store_setting(const struct store_settings *from, const char *const *names);
/* What stands for `name` among the words that it may have; `otherwise` if it is not set. -1: ERR_INPUT lists them. */
struct store_word { const char *text; int value; };
int store_setting_word(const struct store_settings *from, const char *name, const struct store_word *words, size_t count, int otherwise,
                       struct err *err) MUST_CHECK;
/* true and 1, false and 0. */
int store_setting_bool(const struct store_settings *from, const char *name, bool otherwise, struct err *err) MUST_CHECK;

/* ---- over HTTP (store_http.c) */
enum { STORE_MAX_HEADERS = 24 };
struct store_headers { struct arena *arena; const char *list[STORE_MAX_HEADERS + 1]; size_t count; };
void store_header(struct store_headers *h, const char *name, struct str value);
struct str store_header_get(const struct store_headers *h, const char *name);
/* One request: 2xx is 0, other statuses and broken connections become errors by code as in store.h, with
 * the service's own code and message. `res` is released on error. */
int store_http(const char *what, struct http_client_req *q, struct http_client_res *res, struct err *err) MUST_CHECK;
/* "Tue, 24 Nov 2026 06:53:09 GMT"; -1 if malformed. */
int64_t store_http_date(struct str s);
void store_entry_of(struct arena *a, const struct http_client_res *res, const char *name, struct store_entry *out);

/* ---- store_list.c: answers of listings. Pure. */
int store_list_azure(struct store_page *out, struct str xml, struct err *err) MUST_CHECK;
int store_list_s3(struct store_page *out, struct str xml, struct err *err) MUST_CHECK;
int store_list_dfs(struct store_page *out, struct str json, struct err *err) MUST_CHECK;
/* The text of the first element of that name anywhere in an XML document; empty if none or malformed. */
struct str store_xml_text(struct arena *a, struct str xml, const char *element);
#endif
