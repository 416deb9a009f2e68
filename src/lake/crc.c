/* crc.c -- <version>.crc: one JSON object, written after its commit, never overwritten:
 *     {"txnId":"…","tableSizeBytes":n,"numFiles":n,"numMetadata":1,"numProtocol":1,"metadata":{…},"protocol":{…},
 *      "setTransactions":[…],"domainMetadata":[…]}
 * Readers take it as a check of their replay, or for protocol, metadata and counts alone. A table with
 * inCommitTimestamp has it in the file too.
 *
 * Cost. A local commit writes one from the totals of the snapshot that its handle has anyway, by a temporary file and a link, without an
 * fsync: a reader sees all of it or none, and what a power cut leaves, nothing or an empty file, counts as none to readers.
 * That takes 3 to 6 % of a small commit's time, so it is done by every LAKE_CHECKSUM_INTERVAL-th commit and by those that change metadata or
 * protocol. In an object store, where each write is a request, `lake checkpoint` alone writes one. The histogram of
 * file sizes, which Spark adds, asks for all files and is left out. */
#include "lake/crc.h"
#include "lake/log_int.h"
#include "lake/store_int.h"

enum { CRC_MAX_BYTES = 64 << 20 };

static char *crc_name(struct arena *a, const struct lake_snapshot *s)
{
    return arena_printf(a, LAKE_LOG_DIR "/%020jd.crc", (intmax_t)s->version);
}

static void put_crc(struct buf *out, const struct lake_snapshot *s, struct str txn_id)
{
    struct lake_meta m = {.id = s->id, .name = s->name, .description = s->description, .provider = STR("parquet"), .created_ms = s->created_ms,
                          .schema = s->schema, .schema_json = s->schema_json, .partition_columns = s->partition_columns,
                          .partition_count = s->partition_count, .properties = s->properties};
    struct lake_protocol p = {.min_reader = s->min_reader, .min_writer = s->min_writer, .reader_features = s->reader_features,
                              .writer_features = s->writer_features, .reader_feature_count = s->reader_feature_count,
                              .writer_feature_count = s->writer_feature_count};
    buf_char(out, '{');
    if (txn_id.len) {
        buf_z(out, "\"txnId\":");
        json_quote(out, txn_id);
        buf_char(out, ',');
    }
    buf_printf(out, "\"tableSizeBytes\":%jd,\"numFiles\":%zu,\"numMetadata\":1,\"numProtocol\":1", (intmax_t)s->size, s->file_count);
    if (lake_property_bool(s, "delta.enableInCommitTimestamps", false))
        buf_printf(out, ",\"inCommitTimestampOpt\":%jd", (intmax_t)s->timestamp_ms);
    buf_z(out, ",\"setTransactions\":[");
    for (size_t i = 0; i < s->txn_count; i++) {
        buf_z(out, i ? ",{\"appId\":" : "{\"appId\":");
        json_quote(out, s->txns[i].app_id);
        buf_printf(out, ",\"version\":%jd,\"lastUpdated\":%jd}", (intmax_t)s->txns[i].version, (intmax_t)s->txns[i].updated_ms);
    }
    buf_z(out, "],\"domainMetadata\":[");
    for (size_t i = 0; i < s->domains.count; i++) {
        buf_z(out, i ? ",{\"domain\":" : "{\"domain\":");
        json_quote(out, s->domains.items[i].key);
        buf_z(out, ",\"configuration\":");
        json_quote(out, s->domains.items[i].value);
        buf_z(out, ",\"removed\":false}");
    }
    buf_z(out, "],\"metadata\":");
    action_put_meta_body(out, &m);
    buf_z(out, ",\"protocol\":");
    action_put_protocol_body(out, &p);
    buf_char(out, '}');
}

int lake_crc_write(const struct lake_snapshot *s, struct err *err)
{
    struct arena *a = arena_new();
    struct buf text;
    struct store *store = store_shared(s->dir, err);
    buf_init_max(&text, CRC_MAX_BYTES);
    put_crc(&text, s, STR_NONE);
    int rc = store ? buf_check(&text, "a checksum file", err) : -1;
    if (rc == 0 && store_put_new(store, crc_name(a, s), buf_view(&text), err) == STORE_FAILED)
        rc = -1;
    buf_release(&text);
    arena_free(a);
    return rc;
}

int lake_crc_write_eager(const struct lake_snapshot *s, struct str txn_id, struct err *err)
{
    struct store *store = store_shared(s->dir, err);
    struct buf text;
    if (!store)
        return -1;
    if (!store_is_local(store) || s->txn_count > CRC_EAGER_ITEMS || s->domains.count > CRC_EAGER_ITEMS || s->schema_json.len > CRC_EAGER_BYTES)
        return 0;
    struct arena *a = arena_new();
    buf_init_max(&text, CRC_EAGER_BYTES);
    put_crc(&text, s, txn_id);
    int rc = text.overflow ? 0 : store_file_put_eager(store, crc_name(a, s), buf_view(&text), err);
    buf_release(&text);
    arena_free(a);
    return rc;
}

/* Left by a power cut: the name without the bytes. */
static bool is_empty(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i])
            return false;
    return true;
}

static int differs(const struct lake_snapshot *s, const struct doc *d, struct err *err)
{
    const struct { const char *key; int64_t want; } counts[] = {
        {"tableSizeBytes", s->size}, {"numFiles", (int64_t)s->file_count}, {"numMetadata", 1}, {"numProtocol", 1}};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        int64_t got;
        if (doc_i64(doc_get(d, counts[i].key), &got) && got != counts[i].want)
            return err_set(err, ERR_CORRUPT, "%s is %jd, the log gives %jd", counts[i].key, (intmax_t)got, (intmax_t)counts[i].want);
    }
    const struct doc *meta = doc_get(d, "metadata"), *protocol = doc_get(d, "protocol");
    int64_t reader = s->min_reader, writer = s->min_writer;
    if (meta && !str_eq(doc_str(doc_get(meta, "id"), STR_NONE), s->id))
        return err_set(err, ERR_CORRUPT, "it is of a table with the id '%.*s'", STR_ARGS(doc_str(doc_get(meta, "id"), STR_NONE)));
    if (meta && !str_eq(doc_str(doc_get(meta, "schemaString"), STR_NONE), s->schema_json))
        return err_set(err, ERR_CORRUPT, "it has another schema");
    doc_i64(doc_get(protocol, "minReaderVersion"), &reader);
    doc_i64(doc_get(protocol, "minWriterVersion"), &writer);
    if (reader != s->min_reader || writer != s->min_writer)
        return err_set(err, ERR_CORRUPT, "it has another protocol, %jd and %jd", (intmax_t)reader, (intmax_t)writer);
    return 1;
}

int lake_crc_check(const struct lake_snapshot *s, struct err *err)
{
    struct arena *a = arena_new();
    struct buf text;
    struct store *store = store_shared(s->dir, err);
    struct err read_err;
    buf_init_max(&text, CRC_MAX_BYTES);
    int rc = store ? 0 : -1, got = store ? store_get(store, crc_name(a, s), CRC_MAX_BYTES, &text, NULL, &read_err) : -1;
    if (store && (got == 0 ? !is_empty(buf_view(&text)) : read_err.code != ERR_NOT_FOUND)) {
        struct doc *d = got == 0 ? doc_json(a, NULL, buf_view(&text), err) : (*err = read_err, NULL);
        if (d && d->kind != DOC_OBJECT)
            rc = err_set(err, ERR_CORRUPT, "it is no JSON object");
        else
            rc = d ? differs(s, d, err) : -1;
        if (!d && got == 0)
            err->code = ERR_CORRUPT;
    }
    buf_release(&text);
    arena_free(a);
    return rc;
}
