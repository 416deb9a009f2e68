/* props.c -- table properties: those that Delta knows, and what they may be.
 *
 * A name that starts with delta. and is not here is refused, as Delta does it: a typing mistake would
 * else be kept and ignored. Other names are the user's own and free. */
#include "lake/txn_int.h"

enum kind { BOOL, COUNT, LIMIT, INTERVAL, SIZE, WORD, TEXT };
static const struct known { const char *name; enum kind kind; const char *words; } known[] = {
    {"appendOnly", BOOL, NULL},
    {"autoOptimize", BOOL, NULL},
    {"autoOptimize.autoCompact", WORD, "true false auto legacy"},
    {"autoOptimize.optimizeWrite", BOOL, NULL},
    {"checkpoint.partSize", COUNT, NULL},
    {"checkpoint.writeStatsAsJson", BOOL, NULL},
    {"checkpoint.writeStatsAsStruct", BOOL, NULL},
    {"checkpointInterval", COUNT, NULL},
    {"checkpointPolicy", WORD, "classic v2"},
    {"checkpointRetentionDuration", INTERVAL, NULL},
    {"columnMapping.maxColumnId", LIMIT, NULL},
    {"columnMapping.mode", WORD, "none name id"},
    {"compatibility.symlinkFormatManifest.enabled", BOOL, NULL},
    {"dataSkippingNumIndexedCols", LIMIT, NULL},
    {"dataSkippingStatsColumns", TEXT, NULL},
    {"deletedFileRetentionDuration", INTERVAL, NULL},
    {"enableChangeDataFeed", BOOL, NULL},
    {"enableDeletionVectors", BOOL, NULL},
    {"enableExpiredLogCleanup", BOOL, NULL},
    {"enableFullRetentionRollback", BOOL, NULL},
    {"enableIcebergCompatV1", BOOL, NULL},
    {"enableIcebergCompatV2", BOOL, NULL},
    {"enableIcebergWriterCompatV1", BOOL, NULL},
    {"enableInCommitTimestamps", BOOL, NULL},
    {"enableRowTracking", BOOL, NULL},
    {"enableTypeWidening", BOOL, NULL},
    {"enableVariantShredding", BOOL, NULL},
    {"inCommitTimestampEnablementTimestamp", LIMIT, NULL},
    {"inCommitTimestampEnablementVersion", LIMIT, NULL},
    {"isolationLevel", WORD, "Serializable WriteSerializable"},
    {"logRetentionDuration", INTERVAL, NULL},
    {"minReaderVersion", COUNT, NULL},
    {"minWriterVersion", COUNT, NULL},
    {"parquet.compression.codec", WORD, "snappy zstd gzip lz4 lz4_raw brotli uncompressed none"},
    {"parquet.format.version", TEXT, NULL},
    {"randomPrefixLength", COUNT, NULL},
    {"randomizeFilePrefixes", BOOL, NULL},
    {"requireCheckpointProtectionBeforeVersion", LIMIT, NULL},
    {"rowTracking.materializedRowCommitVersionColumnName", TEXT, NULL},
    {"rowTracking.materializedRowIdColumnName", TEXT, NULL},
    {"rowTrackingSuspended", BOOL, NULL},
    {"sampleRetentionDuration", INTERVAL, NULL},
    {"setTransactionRetentionDuration", INTERVAL, NULL},
    {"targetFileSize", SIZE, NULL},
    {"tuneFileSizesForRewrites", BOOL, NULL},
    {"universalFormat.enabledFormats", TEXT, NULL},
    {"workloadBasedColumns.columns", TEXT, NULL},
};

static bool is_word(struct str value, const char *words)
{
    struct str rest = str_z(words), word;
    while (str_split(&rest, ' ', &word))
        if (str_ieq(word, value))
            return true;
    return false;
}

/* "134217728", "128mb", "1g" */
static bool is_size(struct str v)
{
    int64_t n;
    size_t digits = 0;
    while (digits < v.len && v.ptr[digits] >= '0' && v.ptr[digits] <= '9')
        digits++;
    return str_i64(str_sub(v, 0, digits), &n) && (digits == v.len || is_word(str_trim(str_from(v, digits)), "b k kb m mb g gb"));
}

static bool is_good(const struct known *k, struct str v)
{
    int64_t n;
    switch (k->kind) {
    case BOOL: return str_ieqz(v, "true") || str_ieqz(v, "false");
    case COUNT: return str_i64(v, &n) && n > 0;
    case LIMIT: return str_i64(v, &n) && n >= -1;
    case INTERVAL: return lake_interval_ms(v, -1) >= 0;
    case SIZE: return is_size(v);
    case WORD: return is_word(v, k->words);
    case TEXT: return true;
    }
    return true;
}

int property_check(struct str key, struct str value, struct err *err)
{
    static const char prefix[] = "delta.";
    static const char *const families[] = {"delta.constraints.", "delta.feature.", "delta.rowFilter.", "delta.identity."};
    if (key.len < sizeof prefix || !str_ieqz(str_sub(key, 0, sizeof prefix - 1), prefix))
        return 0;
    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (str_starts_z(key, families[i]))
            return 0;
    struct str name = str_from(key, sizeof prefix - 1);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (!str_ieqz(name, known[i].name))
            continue;
        if (is_good(&known[i], value))
            return 0;
        return err_set(err, ERR_INPUT, "[DELTA_INVALID_CONFIGURATION] the table property %.*s cannot be '%.*s'%s%s", STR_ARGS(key),
                       STR_ARGS(value), known[i].words ? ", only one of: " : "", known[i].words ? known[i].words : "");
    }
    return err_set(err, ERR_INPUT, "[DELTA_UNKNOWN_CONFIGURATION] unknown table property '%.*s'", STR_ARGS(key));
}
