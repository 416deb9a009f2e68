/* blob -- containers and blobs as they are on disk and in the metadata; finding, replacing, growing.
 *
 * What no row speaks of is derived: ETag from size and mtime, type block blob, content type
 * application/octet-stream. So files that other parts write are blobs without further ado.
 *
 * Replacing a blob: the new bytes are on disk in staging; a row for them is committed; the file is
 * renamed over the old one; its folder is synced. The rename decides. Growing one (append blobs, DFS
 * flush): a row that names the file itself is there first; bytes are written behind the row's size and
 * synced; a row with the new size is committed. The row decides. */
#ifndef PAYSTREAK_STORAGE_BLOB_H
#define PAYSTREAK_STORAGE_BLOB_H
#include "storage/op.h"

struct container { bool exists, has_row; struct str name, etag, acl; int64_t changed_us; struct doc *meta; char *dir; };

struct blob {
    bool exists, is_dir, has_row, grows; /* grows: its row names the file itself */
    char type;                        /* 'B' block, 'A' append, 'D' directory */
    struct str path;
    char *file;                       /* absolute */
    int64_t size;                     /* acknowledged bytes */
    int64_t file_size, mtime_us, id; /* of the file as it is; id: disk.h */
    int64_t row_mtime_us;
    int64_t created_us, changed_us;
    struct str etag;                  /* 0x8D…, without quotes */
    struct doc *props, *meta, *tags;  /* objects, never NULL */
};

/* Fails with ContainerNotFound. */
int container_find(struct op *o, struct str name, struct container *out);
int container_row_put(struct op *o, const struct container *c);   /* within a transaction */
/* A blob that is not there is no failure: out->exists. Directories are found too. */
int blob_find(struct op *o, const struct container *c, struct str path, struct blob *out);
int blob_need(struct op *o, const struct container *c, struct str path, struct blob *out); /* BlobNotFound, also of a directory in Blob */
int blob_row_put(struct op *o, struct str container, const struct blob *b); /* within a transaction */
int blob_row_save(struct op *o, struct str container, const struct blob *b); /* in one of its own */
/* Before the first row of a file that another part wrote: a row speaks of size and time, which must last as long. */
int blob_pin(struct op *o, const struct blob *b);
/* The row of `b` again, with a new ETag: properties changed. One transaction. */
int blob_touch(struct op *o, struct str container, struct blob *b);
struct blob_part { struct str id; int64_t bytes; };
/* Replaces it by the file of `up`, which it takes. `b` has path, type, props, meta, tags; the rest is filled. */
int blob_replace(struct op *o, const struct container *c, struct blob *b, struct upload *up, const struct blob_part *parts, size_t part_count);
/* Appends the bytes of files in staging. */
int blob_grow(struct op *o, const struct container *c, struct blob *b, struct str *files, size_t count);
/* Removes a folder that holds nothing but folders that nobody made by name: 1; 0 if it holds more; -1. */
int blob_prune(struct op *o, const struct container *c, struct str path, const char *dir);
int blob_remove(struct op *o, const struct container *c, const struct blob *b); /* a file, or an empty folder */
/* The names below a directory, or of all blobs (""): from `lo` on, before `hi`. */
struct below { struct str lo, hi; };
struct below blob_below(struct op *o, struct str path);
/* Drops staged blocks of a path, with `all` of those below it too, and their files. */
int blob_drop_blocks(struct op *o, struct str container, struct str path, bool all);
char *blob_stage_path(struct op *o, struct str file);

/* An object of texts as the metadata keeps it: JSON, NULL if it is empty. */
struct doc *object_of(struct op *o, struct str text);             /* never NULL */
struct str text_of(struct op *o, const struct doc *d);
struct str prop(const struct blob *b, const char *name);          /* STR_NONE if not set */
void prop_set(struct op *o, struct blob *b, const char *name, struct str value); /* empty: removes */
void blob_init(struct op *o, struct blob *b, struct str path, char type);
struct str etag_make(struct op *o, int64_t us);
/* x-ms-meta-… of the request. NULL on failure; an empty object if there are none. */
struct doc *meta_of(struct op *o);
/* May it name metadata? It is a header's name and an XML element's; `more`: letters beside those of an identifier. */
int meta_name_check(struct op *o, struct str name, const char *more);
/* What a blob keeps of HTTP's headers. */
enum { HTTP_PROP_COUNT = 6 };
extern const char *const HTTP_PROPS[HTTP_PROP_COUNT];
/* x-ms-blob-content-type and the like (prefix "x-ms-blob-" or "x-ms-"), Content-Type for Put Blob. */
void props_from(struct op *o, struct blob *b, const char *prefix);
int tier_of(struct op *o, struct blob *b);                        /* x-ms-access-tier, if it is there */
int tags_of(struct op *o, struct doc **out);                      /* x-ms-tags: a=b&c=d */
bool tag_ok(struct str s, size_t max);
void put_etag(struct op *o, struct str etag, int64_t changed_us); /* ETag and Last-Modified */
void put_meta(struct op *o, const struct doc *meta);
/* Sums that the client gave of the body: Content-MD5, x-ms-content-crc64. */
int sums_check(struct op *o, const struct upload *up);
struct str md5_text(struct op *o, const uint8_t md5[16]);         /* base64 */
struct str crc_text(struct op *o, const uint8_t crc64[8]);
struct str file_md5(struct op *o, const char *file, int64_t at, int64_t size);

/* lease.c: If-Match and its kin; prefix "" or "x-ms-source-". `read`: 304 instead of 412. */
int cond_check(struct op *o, const char *prefix, bool exists, struct str etag, int64_t changed_us, bool read);
static inline int cond_blob(struct op *o, const struct blob *b, bool read) { return cond_check(o, "", b->exists, b->etag, b->changed_us, read); }
int lease_need(struct op *o, struct str container, struct str path, struct str given, bool write);
void lease_put(struct op *o, struct str container, struct str path); /* x-ms-lease-status … of the answer */
struct lease_view { const char *status, *state, *duration; };
int lease_view(struct op *o, struct str container, struct str path, struct lease_view *out);
int lease_act(struct op *o, struct str container, struct str path);  /* the lease operations */
#endif
