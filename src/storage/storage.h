/* storage -- the folders STATE/storage/<account>/<container>/ served as Azure Blob, Data Lake (DFS)
 * and Queue REST, for unmodified clients.
 *
 * One listener serves Blob and DFS, told apart by host name or by the shape of the request, a second
 * one serves Queue. Both take host style (<account>.blob.localhost) and the emulator's path style
 * (http://127.0.0.1:PORT/<account>/…). Every account name of the right form is served, with one key;
 * devstoreaccount1 also takes the emulator's published key.
 *
 * What is acknowledged is on disk. A blob's bytes are a plain file at its path, so the rest of the
 * program reads it in place, and files that it makes are blobs. Thread: the loop's; work goes to
 * workers. */
#ifndef PAYSTREAK_STORAGE_STORAGE_H
#define PAYSTREAK_STORAGE_STORAGE_H
#include "ev/ev.h"
#include "port/storage_events.h"

enum {
    STORAGE_DEFAULT_PORT = 10000,            /* Blob and DFS; Queue is the next one, as the emulator has it */
    STORAGE_KEY_BYTES = 128,                 /* of a key's base64 text, with NUL */
    STORAGE_PIECE = 1 << 20,                 /* of a body, in memory at a time, each way */
    STORAGE_MAX_XML = 8 << 20,               /* a body that is read whole: block lists (the longest have 6 MB), policies, messages, batches */
    STORAGE_MAX_PUT = 2000,                  /* MiB of one Put Blob or Put Block, and of one append */
    STORAGE_MAX_BLOCKS = 50000,
    STORAGE_MAX_UNCOMMITTED = 100000,
    STORAGE_MAX_NAME = 1024,                 /* bytes of a blob's name */
    STORAGE_MAX_SEGMENT = 255,               /* bytes between two slashes, as file systems have it */
    STORAGE_MAX_DEPTH = 63,                  /* segments of a name */
    STORAGE_MAX_PAGE = 5000,                 /* entries of a listing's page */
    STORAGE_MAX_META = 8192,                 /* bytes of metadata */
    STORAGE_MAX_BATCH = 256,
    STORAGE_MAX_ACCOUNTS = 1000,
    STORAGE_MAX_MESSAGE = 64 << 10,          /* bytes of a queue message */
    STORAGE_MD5_RANGE = 4 << 20,             /* a range whose MD5 a reader may ask for */
};

struct storage; /* opaque */

struct storage_opts {
    const char *state_dir;
    const char *host;                        /* NULL: 127.0.0.1 */
    int port, queue_port;                    /* 0: any free one */
    const char *key;                         /* base64: what SharedKey and SAS are signed with, for every account */
    const char *token;                       /* bearer; NULL: none is taken */
    bool insecure_local;                     /* no key is asked */
    const struct storage_events *events;     /* NULL: nobody listens; kept, not copied */
};

struct storage *storage_listen(struct ev_loop *loop, const struct storage_opts *opts, struct err *err) MUST_CHECK;
/* Stops listening; requests in work end. NULL is allowed; the loop must still be turned. */
void storage_free(struct storage *s);
int storage_port(const struct storage *s);        /* Blob and DFS */
int storage_queue_port(const struct storage *s);
/* Any thread: the connection string of `account`, in the arena. `key`: as in the options. */
struct str storage_connection(struct arena *a, const char *host, int port, int queue_port, const char *key, struct str account);
/* The account that a storage connection string names with a key; STR_NONE if `value` is none. */
struct str storage_account_of(struct arena *a, struct str value);
/* `value` if it is no storage connection string; else the one that leads here, for the same account
 * (UseDevelopmentStorage=true: devstoreaccount1). */
struct str storage_rewrite(const struct storage *s, struct arena *a, struct str value);

extern const char STORAGE_EMULATOR_ACCOUNT[], STORAGE_EMULATOR_KEY[];
#endif
