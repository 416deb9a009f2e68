/* map -- a hash map from byte strings to pointers, in order of insertion.
 *
 * Keys are copied. Iteration order is insertion order (removal leaves it otherwise unchanged), so
 * that whatever is printed from a map is stable. Not thread-safe. */
#ifndef PAYSTREAK_BASE_MAP_H
#define PAYSTREAK_BASE_MAP_H
#include "base/str.h"

struct map; /* opaque */
struct map *map_new(void);
struct map *map_new_icase(void);              /* keys compare ASCII case-insensitively */
struct map *map_new_borrowed(void);           /* keys are not copied: their bytes outlive the map */
void map_free(struct map *m);                 /* values are the caller's */
size_t map_count(const struct map *m);
void *map_get(const struct map *m, struct str key); /* NULL if absent */
bool map_has(const struct map *m, struct str key);
void *map_put(struct map *m, struct str key, void *value); /* returns the value it replaced, or NULL */
void *map_remove(struct map *m, struct str key);    /* returns the value, or NULL */
/* Iterates: size_t at = 0; while (map_next(m, &at, &key, &value)) … Do not add or remove within. */
bool map_next(const struct map *m, size_t *at, struct str *key, void **value);
#endif
