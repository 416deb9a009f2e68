/* history -- what DESCRIBE HISTORY and DESCRIBE DETAIL show of a table. */
#ifndef PAYSTREAK_LAKE_HISTORY_H
#define PAYSTREAK_LAKE_HISTORY_H
#include "lake/log.h"

struct lake_history_entry {
    int64_t version, timestamp_ms;
    struct str operation;         /* "WRITE"; empty if the commit does not say */
    const struct doc *parameters; /* operationParameters, operationMetrics: objects or NULL */
    const struct doc *metrics;
    const struct doc *info;       /* the whole commitInfo, NULL if there is none */
};
/* The newest `limit` commits (0: all) that are still in the log, newest first, in the arena. Returns
 * the count or -1; ERR_NOT_FOUND if there is no table. */
int64_t lake_history(struct arena *a, const char *dir, int64_t limit, struct lake_history_entry **out, struct err *err) MUST_CHECK;

/* The columns that the table is clustered by, by name, nested ones as "a.b"; in the arena. Returns how many. */
size_t lake_clustering(struct arena *a, const struct lake_snapshot *s, struct str **out);
/* One JSON object: format, id, name, description, location, createdAt, lastModified (ms),
 * partitionColumns, clusteringColumns, numFiles, sizeInBytes, properties, minReaderVersion,
 * minWriterVersion, tableFeatures, version, numRecords. */
void lake_detail_json(const struct lake_snapshot *s, struct buf *out);
/* The same for one commit: version, timestamp (ISO), operation … as Spark's DESCRIBE HISTORY names them. */
void lake_history_json(const struct lake_history_entry *e, struct buf *out);
#endif
