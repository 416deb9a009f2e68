/* commit_text.c -- a transaction as the text of a commit.
 *
 * One line an action, commitInfo first. Most of it is the same whatever version the commit gets; what is
 * not, is written for the version that is tried:
 *     inCommitTimestamp          now, or one millisecond after the commit before
 *     baseRowId                  each new file's first row id: on from the table's high-water mark, which
 *                                is moved in the domain delta.rowTracking
 *     defaultRowCommitVersion    the version
 * commitInfo's operationParameters and operationMetrics are maps of strings, as Spark reads them. */
#include "lake/txn_int.h"
#include <string.h>

static void put_value(struct buf *out, const struct doc *v)
{
    struct buf text; /* Spark reads both maps as strings to strings */
    if (v->kind == DOC_STRING) {
        json_quote(out, v->text);
        return;
    }
    buf_init(&text);
    doc_write(&text, v);
    json_quote(out, buf_view(&text));
    buf_release(&text);
}

static void put_strings(struct buf *out, const struct doc *d, bool *any)
{
    for (size_t i = 0; d && i < d->count; i++) {
        buf_z(out, *any ? "," : "");
        json_quote(out, d->keys[i].name);
        buf_char(out, ':');
        put_value(out, d->items[i]);
        *any = true;
    }
}

static bool has_ict(const struct lake_txn *x)
{
    return meta_property_bool(&x->meta, "delta.enableInCommitTimestamps");
}

bool commit_depends_on_version(const struct lake_txn *x)
{
    return has_ict(x) || txn_has_feature(x, "rowTracking");
}

static int64_t next_ms(const struct lake_txn *x)
{
    int64_t now = time_now_ms();
    return x->snap && now <= x->last_ms ? x->last_ms + 1 : now;
}

static void put_info(struct buf *out, const struct lake_txn *x, int64_t ms)
{
    bool any = false;
    struct str level = meta_property(&x->meta, "delta.isolationLevel");
    buf_z(out, "{\"commitInfo\":{");
    if (has_ict(x))
        buf_printf(out, "\"inCommitTimestamp\":%jd,", (intmax_t)ms);
    buf_printf(out, "\"timestamp\":%jd,\"operation\":", (intmax_t)ms);
    json_quote(out, str_z(x->operation));
    buf_z(out, ",\"operationParameters\":{");
    put_strings(out, x->parameters, &any);
    if (!any && !x->own_metrics)
        buf_printf(out, "\"mode\":\"%s\"", x->overwrite ? "Overwrite" : "Append");
    buf_z(out, "}");
    if (x->snap && x->snap->version >= 0) /* readers take it as unsigned: a new table has none */
        buf_printf(out, ",\"readVersion\":%jd", (intmax_t)x->snap->version);
    buf_printf(out, ",\"isolationLevel\":\"%s\",\"isBlindAppend\":%s,\"operationMetrics\":{",
               str_ieqz(level, "WriteSerializable") ? "WriteSerializable" : "Serializable",
               x->remove_count || x->read_all || x->read_count ? "false" : "true");
    if (!x->own_metrics)
        buf_printf(out, "\"numFiles\":\"%zu\",\"numRemovedFiles\":\"%zu\",\"numOutputRows\":\"%jd\",\"numOutputBytes\":\"%jd\"", x->add_count,
                   x->remove_count, (intmax_t)x->rows, (intmax_t)x->bytes);
    any = !x->own_metrics;
    put_strings(out, x->metrics, &any);
    buf_printf(out, "},\"engineInfo\":\"Paystreak\",\"txnId\":\"%s\"}}\n", x->id);
}

/* Timestamps in commits that begin on a table with versions: readers must know from where on. */
static void put_meta(struct buf *out, const struct lake_txn *x, int64_t version, int64_t ms)
{
    struct lake_meta m = x->meta;
    bool was_on = x->snap && lake_property_bool(x->snap, "delta.enableInCommitTimestamps", false);
    if (has_ict(x) && x->snap && !was_on) {
        struct lake_pair *items = ARENA_ARRAY(x->arena, struct lake_pair, m.properties.count + 2);
        size_t n = 0;
        for (size_t i = 0; i < m.properties.count; i++)
            if (!str_starts_z(m.properties.items[i].key, "delta.inCommitTimestampEnablement"))
                items[n++] = m.properties.items[i];
        items[n++] = (struct lake_pair){STR("delta.inCommitTimestampEnablementVersion"), str_fmt(x->arena, "%jd", (intmax_t)version), false};
        items[n++] = (struct lake_pair){STR("delta.inCommitTimestampEnablementTimestamp"), str_fmt(x->arena, "%jd", (intmax_t)ms), false};
        m.properties = (struct lake_pairs){items, n};
    }
    action_put_meta(out, &m);
}

static void put_domain(struct buf *out, struct str name, struct str configuration, bool removed)
{
    buf_z(out, "{\"domainMetadata\":{\"domain\":");
    json_quote(out, name);
    buf_z(out, ",\"configuration\":");
    json_quote(out, configuration);
    buf_printf(out, ",\"removed\":%s}}\n", removed ? "true" : "false");
}

/* Adds with row ids of their own keep them; the others are numbered from *mark on. */
static void put_numbered(struct buf *out, const struct lake_file *f, int64_t version, int64_t *mark)
{
    struct lake_file numbered = *f;
    struct buf extra;
    if (str_find(f->extra, STR("\"baseRowId\":")) >= 0) {
        action_put_add(out, f);
        return;
    }
    buf_init(&extra);
    buf_str(&extra, f->extra);
    buf_printf(&extra, ",\"baseRowId\":%jd,\"defaultRowCommitVersion\":%jd", (intmax_t)*mark + 1, (intmax_t)version);
    *mark += f->rows > 0 ? f->rows : 0;
    *mark += f->dv.cardinality;
    numbered.extra = buf_view(&extra);
    action_put_add(out, &numbered);
    buf_release(&extra);
}

static void put_cdc(struct buf *out, const struct lake_file *f)
{
    buf_z(out, "{\"cdc\":{\"path\":");
    json_quote(out, f->path);
    buf_z(out, ",\"partitionValues\":{");
    for (size_t i = 0; i < f->partition.count; i++) {
        buf_z(out, i ? "," : "");
        json_quote(out, f->partition.items[i].key);
        buf_char(out, ':');
        if (f->partition.items[i].is_null)
            buf_z(out, "null");
        else
            json_quote(out, f->partition.items[i].value);
    }
    buf_printf(out, "},\"size\":%jd,\"dataChange\":false}}\n", (intmax_t)f->size);
}

void commit_put(struct buf *out, struct lake_txn *x, int64_t version)
{
    int64_t ms = next_ms(x), mark = x->row_id_mark;
    bool tracked = txn_has_feature(x, "rowTracking");
    put_info(out, x, ms);
    if (x->protocol_changed)
        action_put_protocol(out, &x->protocol);
    if (x->meta_changed)
        put_meta(out, x, version, ms);
    for (size_t i = 0; i < x->app_count; i++)
        action_put_txn(out, &x->apps[i]);
    for (size_t i = 0; i < x->remove_count; i++) {
        x->removes[i].deleted_ms = ms;
        action_put_remove(out, &x->removes[i]);
    }
    for (size_t i = 0; i < x->add_count; i++) {
        if (tracked)
            put_numbered(out, &x->adds[i], version, &mark);
        else
            action_put_add(out, &x->adds[i]);
    }
    for (size_t i = 0; i < x->changes.count; i++)
        put_cdc(out, &x->changes.items[i]);
    for (size_t i = 0; i < x->domain_count; i++)
        put_domain(out, x->domains[i].name, x->domains[i].configuration, x->domains[i].removed);
    if (mark != x->row_id_mark)
        put_domain(out, STR(ROW_TRACKING_DOMAIN), str_fmt(x->arena, "{\"rowIdHighWaterMark\":%jd}", (intmax_t)mark), false);
}
