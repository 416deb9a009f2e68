/* datastore -- files behind a dataset: finding them, reading them, landing new ones.
 *
 * A *source file* is a place that resolve can read. What comes over HTTP is first fetched into a
 * temporary file of the state folder, so that all sources read the same way; it is removed with
 * datastore_drop(). Names beginning with "_tmp." are files that are being landed: they are never found.
 *
 * A landed file appears whole: it is written as "_tmp.<uuid>" beside its name, synced, renamed, and
 * its folder synced.
 *
 * Everything blocks: workers only. */
#ifndef PAYSTREAK_FACTORY_DATASTORE_H
#define PAYSTREAK_FACTORY_DATASTORE_H
#include "factory/data.h"

enum {
    DATASTORE_MAX_FILES = 1000000,
    DATASTORE_MAX_LIST = 64 << 20,       /* a fileListPath's file */
    DATASTORE_CHUNK = 256 << 10,
};

struct datastore_file {
    const char *rel;                 /* relative to the folder that was asked for */
    struct resolved at;
    struct resolved_stat stat;
    const char *temporary;           /* to be removed after use, or NULL */
    const char *shown;               /* for messages and $$FILEPATH: the name as the user knows it */
};

/* The container of a store as a place. LOCAL or GIT. */
int datastore_root(const struct resolver_names *names, struct arena *a, const struct data_at *at,
               struct resolved *root, struct err *err) MUST_CHECK;
/* Folder or file of the dataset, below its container. */
int datastore_place(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                struct resolved *out, struct err *err) MUST_CHECK;
/* The files that a dataset with these storeSettings names, in order of their names. *folder: the
 * dataset names many, not one file. ERR_NOT_FOUND if one is named and not there. */
int64_t datastore_find(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                   const struct doc *settings, struct datastore_file **out, bool *folder,
                   struct err *err) MUST_CHECK;
/* Fetches what an HTTP dataset names, by the same rules; one file. */
int datastore_fetch(const struct resolver_names *names, struct arena *a, const struct data_at *at,
                const struct doc *settings, atomic_bool *cancel, struct datastore_file *out,
                struct err *err) MUST_CHECK;
void datastore_drop(const struct datastore_file *f);
bool datastore_match(struct str pattern, struct str name); /* * ? and ^ as escape */
/* "2024-01-02T03:04:05Z" or .NET's other forms; false if it is none. */
bool datastore_time(struct str text, int64_t *us);
/* "_tmp.": not to be seen by readers. */
bool datastore_is_temporary(const char *name);

/* A file being landed. */
struct datastore_out;
/* Opens `rel` below `root` (LOCAL only: ERR_UNSUPPORTED) for writing; gzip: compress. */
struct datastore_out *datastore_create(const struct resolved *root, struct str rel, bool gzip,
                               struct err *err) MUST_CHECK;
int datastore_write(struct datastore_out *o, const void *bytes, size_t n, struct err *err) MUST_CHECK;
int64_t datastore_written(const struct datastore_out *o); /* bytes that went to the disk so far */
int datastore_commit(struct datastore_out *o, struct err *err) MUST_CHECK; /* frees it in any case */
void datastore_abort(struct datastore_out *o);                             /* NULL is allowed */

/* Bytes of a source file, decompressed and as UTF-8. */
struct datastore_in;
struct datastore_in *datastore_open(const struct datastore_file *f, bool gzip, struct str encoding,
                            struct err *err) MUST_CHECK;
int64_t datastore_read(struct datastore_in *in, void *out, size_t n, struct err *err) MUST_CHECK;
int64_t datastore_bytes_read(const struct datastore_in *in); /* from the file, as stored */
void datastore_close(struct datastore_in *in);               /* NULL is allowed */
int datastore_read_all(const struct datastore_file *f, bool gzip, struct str encoding, size_t max,
                   struct buf *out, struct err *err) MUST_CHECK;
/* The dataset's "compressionCodec" or "compression" is gzip. */
bool datastore_is_gzip(const struct data_at *at);
#endif
