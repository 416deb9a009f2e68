/* travel -- which version of a Delta table a leaf reads, or which changes of it.
 *
 * Said by VERSION AS OF, TIMESTAMP AS OF, t@v1, or the reader's options versionAsOf, timestampAsOf;
 * changes by readChangeFeed with startingVersion or startingTimestamp and endingVersion or
 * endingTimestamp (both ends belong to the range), or by table_changes('t', start [, end]).
 * A time is any constant expression. One after the table's last commit is refused as Delta does.
 * An option that is not in the table of travel.c is refused by name. Thread: a worker. */
#ifndef PAYSTREAK_ENGINE_TRAVEL_H
#define PAYSTREAK_ENGINE_TRAVEL_H
#include "engine/session_int.h"

struct travelled {
    struct lake_snapshot *snapshot;  /* a reference for the caller */
    struct str changes;              /* the feed's relation in the arena; ptr NULL: the snapshot is read */
    const struct type *schema;
};
int travel_open(struct planning *p, struct arena *a, const struct rel *leaf, const char *dir, struct travelled *out,
                struct err *err) MUST_CHECK;
/* Refuses time travel and readChangeFeed of a leaf that is no Delta table; `what` it is. */
int travel_none(const struct rel *leaf, const char *what, struct err *err) MUST_CHECK;
/* table_changes()'s arguments as a leaf with a name and options. */
struct rel *travel_changes(struct arena *a, const struct rel *function, struct err *err) MUST_CHECK;
#endif
