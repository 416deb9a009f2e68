/* embed -- the files that live in the binary: the Python parts and the web pages.
 *
 * The table is made at build time by scripts/embed; its names are paths in the project
 * ("python/…", "web/…"). Read-only, any thread. */
#ifndef PAYSTREAK_BASE_EMBED_H
#define PAYSTREAK_BASE_EMBED_H
#include "base/str.h"

struct embed_file { const char *name; const char *bytes; size_t len; };
extern const struct embed_file embed_table[]; /* ends with a NULL name */

static inline struct str embed_find(const char *name)
{
    for (const struct embed_file *f = embed_table; f->name; f++)
        if (str_eqz(str_z(name), f->name))
            return str_of(f->bytes, f->len);
    return STR_NONE;
}
#endif
