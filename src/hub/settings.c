#include "hub/settings.h"
#include <stdio.h>
#include <string.h>

#define GET(name) static void name(const struct setting *s, const struct plog_config *c, char out[SETTING_TEXT])
#define SET(name) static bool name(const struct setting *s, struct plog_config *c, struct str v)

static void put(char out[SETTING_TEXT], int64_t v) { snprintf(out, SETTING_TEXT, "%jd", (intmax_t)v); }

GET(get_retention_ms) { (void)s; put(out, c->retention_ms); }
GET(get_retention_bytes) { (void)s; put(out, c->retention_bytes); }
GET(get_segment_bytes) { (void)s; put(out, c->segment_bytes); }
GET(get_max_message) { (void)s; put(out, c->max_batch_bytes); }
GET(get_timestamp) { (void)s; snprintf(out, SETTING_TEXT, "%s", c->append_time ? "LogAppendTime" : "CreateTime"); }
GET(get_durability) { (void)s; snprintf(out, SETTING_TEXT, "%s", c->page_cache ? "page-cache" : "fsync"); }
GET(get_cleanup) { (void)s; snprintf(out, SETTING_TEXT, "%s", !c->compact ? "delete" : c->keep ? "compact" : "compact,delete"); }
GET(get_delete_retention) { (void)s; put(out, c->delete_retention_ms); }
GET(get_min_lag) { (void)s; put(out, c->min_lag_ms); }
GET(get_max_lag) { (void)s; put(out, c->max_lag_ms ? c->max_lag_ms : INT64_MAX); }
GET(get_segment_ms) { (void)s; put(out, c->segment_ms ? c->segment_ms : INT64_MAX); }
GET(get_isr) { (void)s; (void)c; put(out, 1); }

GET(get_dirty)
{
    (void)s;
    int n = snprintf(out, SETTING_TEXT, "%d.%03d", c->min_dirty_permille / 1000, c->min_dirty_permille % 1000);
    while (out[n - 1] == '0' && out[n - 2] != '.')
        out[--n] = 0;
}

GET(get_kept)
{
    int64_t v = c->kept[s->kept];
    if (s->words)
        snprintf(out, SETTING_TEXT, "%s", s->words[v]);
    else
        put(out, v);
}

static bool number(struct str v, int64_t min, int64_t max, int64_t *out)
{
    return str_i64(v, out) && *out >= min && *out <= max;
}

SET(set_retention_ms) { (void)s; return number(v, -1, INT64_MAX, &c->retention_ms); }
SET(set_retention_bytes) { (void)s; return number(v, -1, INT64_MAX, &c->retention_bytes); }
SET(set_segment_bytes) { (void)s; return number(v, 1 << 10, INT64_C(1) << 31, &c->segment_bytes); }
SET(set_delete_retention) { (void)s; return number(v, 0, INT64_MAX / 4, &c->delete_retention_ms); }
SET(set_min_lag) { (void)s; return number(v, 0, INT64_MAX, &c->min_lag_ms); }
SET(set_max_lag) { (void)s; return number(v, 1, INT64_MAX, &c->max_lag_ms); }
SET(set_segment_ms) { (void)s; return number(v, 1, INT64_MAX, &c->segment_ms); }
SET(set_isr) { (void)s; (void)c; return str_eqz(v, "1"); }

SET(set_max_message)
{
    int64_t n;
    (void)s;
    if (!number(v, 0, BATCH_MAX_BYTES, &n))
        return false;
    c->max_batch_bytes = (int32_t)n;
    return true;
}

SET(set_timestamp)
{
    (void)s;
    c->append_time = str_eqz(v, "LogAppendTime");
    return c->append_time || str_eqz(v, "CreateTime");
}

SET(set_durability)
{
    (void)s;
    c->page_cache = str_eqz(v, "page-cache");
    return c->page_cache || str_eqz(v, "fsync");
}

SET(set_cleanup)
{
    struct str word;
    bool compact = false, drop = false, good = v.len > 0;
    (void)s;
    while (good && str_split(&v, ',', &word)) {
        word = str_trim(word);
        compact = compact || str_eqz(word, "compact");
        drop = drop || str_eqz(word, "delete");
        good = str_eqz(word, "compact") || str_eqz(word, "delete");
    }
    c->compact = compact;
    c->keep = compact && !drop;
    return good;
}

SET(set_dirty)
{
    double d;
    (void)s;
    if (!str_f64(v, &d) || !(d >= 0 && d <= 1))
        return false;
    c->min_dirty_permille = (int32_t)(d * 1000 + 0.5);
    return true;
}

SET(set_kept)
{
    for (int64_t i = 0; s->words && i <= s->max; i++)
        if (str_eqz(v, s->words[i])) {
            c->kept[s->kept] = i;
            return true;
        }
    return !s->words && number(v, s->min, s->max, &c->kept[s->kept]);
}

enum { KEPT_COMPRESSION, KEPT_GZIP, KEPT_LZ4, KEPT_ZSTD, KEPT_DELETE_DELAY, KEPT_FLUSH_MESSAGES, KEPT_FLUSH_MS, KEPT_INDEX_INTERVAL,
       KEPT_PREALLOCATE, KEPT_INDEX_BYTES, KEPT_JITTER, KEPT_UNCLEAN, KEPT_COUNT };
_Static_assert((int)KEPT_COUNT == (int)PLOG_KEPT, "each kept setting has its place");

static const char *const CODECS[] = {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"};
static const char *const NO_YES[] = {"false", "true"};

#define ACTS(name, type, what) {name, type, get_##what, set_##what, -1, 0, 0, 0, NULL}
#define KEEPS(name, type, place, otherwise, min, max) {name, type, get_kept, set_kept, place, otherwise, min, max, NULL}
#define KEEPS_WORD(name, type, place, words) {name, type, get_kept, set_kept, place, 0, 0, (int64_t)COUNT_OF(words) - 1, words}

const struct setting SETTINGS[SETTING_COUNT] = {
    ACTS("cleanup.policy", SETTING_LIST, cleanup),
    KEEPS("compression.gzip.level", SETTING_INT, KEPT_GZIP, -1, -1, 9),
    KEEPS("compression.lz4.level", SETTING_INT, KEPT_LZ4, 9, 1, 17),
    KEEPS_WORD("compression.type", SETTING_STRING, KEPT_COMPRESSION, CODECS),
    KEEPS("compression.zstd.level", SETTING_INT, KEPT_ZSTD, 3, -131072, 22),
    ACTS("delete.retention.ms", SETTING_LONG, delete_retention),
    ACTS("durability", SETTING_STRING, durability),
    KEEPS("file.delete.delay.ms", SETTING_LONG, KEPT_DELETE_DELAY, 60000, 0, INT64_MAX),
    KEEPS("flush.messages", SETTING_LONG, KEPT_FLUSH_MESSAGES, INT64_MAX, 1, INT64_MAX),
    KEEPS("flush.ms", SETTING_LONG, KEPT_FLUSH_MS, INT64_MAX, 0, INT64_MAX),
    KEEPS("index.interval.bytes", SETTING_INT, KEPT_INDEX_INTERVAL, 4096, 0, INT32_MAX),
    ACTS("max.compaction.lag.ms", SETTING_LONG, max_lag),
    ACTS("max.message.bytes", SETTING_INT, max_message),
    ACTS("message.timestamp.type", SETTING_STRING, timestamp),
    ACTS("min.cleanable.dirty.ratio", SETTING_DOUBLE, dirty),
    ACTS("min.compaction.lag.ms", SETTING_LONG, min_lag),
    ACTS("min.insync.replicas", SETTING_INT, isr),
    KEEPS_WORD("preallocate", SETTING_BOOLEAN, KEPT_PREALLOCATE, NO_YES),
    ACTS("retention.bytes", SETTING_LONG, retention_bytes),
    ACTS("retention.ms", SETTING_LONG, retention_ms),
    ACTS("segment.bytes", SETTING_INT, segment_bytes),
    KEEPS("segment.index.bytes", SETTING_INT, KEPT_INDEX_BYTES, 10 << 20, 4, INT32_MAX),
    KEEPS("segment.jitter.ms", SETTING_LONG, KEPT_JITTER, 0, 0, INT64_MAX),
    ACTS("segment.ms", SETTING_LONG, segment_ms),
    KEEPS_WORD("unclean.leader.election.enable", SETTING_BOOLEAN, KEPT_UNCLEAN, NO_YES),
};

const struct setting *setting_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(SETTINGS); i++)
        if (str_eqz(name, SETTINGS[i].name))
            return &SETTINGS[i];
    return NULL;
}

void settings_keep_defaults(struct plog_config *c)
{
    for (size_t i = 0; i < COUNT_OF(SETTINGS); i++)
        if (SETTINGS[i].kept >= 0)
            c->kept[SETTINGS[i].kept] = SETTINGS[i].otherwise;
}

static bool listed(struct str list, struct str word)
{
    struct str w;
    while (str_split(&list, ',', &w))
        if (str_eq(str_trim(w), str_trim(word)))
            return true;
    return false;
}

/* The list `now` with the words of `change` added, or without them. */
static struct str list_changed(struct arena *a, struct str now, struct str change, bool append)
{
    struct buf b;
    struct str all[2] = {now, append ? change : STR("")}, w;
    buf_init(&b);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        while (all[i].len && str_split(&all[i], ',', &w)) {
            w = str_trim(w);
            if (append ? !listed(buf_view(&b), w) : !listed(change, w))
                buf_printf(&b, "%s%.*s", b.len ? "," : "", STR_ARGS(w));
        }
    struct str s = str_copy(a, buf_view(&b));
    buf_release(&b);
    return s;
}

enum kerr setting_change(struct arena *a, struct plog_config *c, const struct plog_config *defaults, struct str name, int op, struct str value,
                         const char **message)
{
    const struct setting *s = setting_find(name);
    char now[SETTING_TEXT];
    *message = NULL;
    if (!s)
        *message = arena_printf(a, "the setting '%.*s' is not supported", STR_ARGS(name));
    else if (op < SETTING_SET || op > SETTING_SUBTRACT)
        *message = arena_printf(a, "'%.*s': there is no operation %d", STR_ARGS(name), op);
    else if ((op == SETTING_APPEND || op == SETTING_SUBTRACT) && s->type != SETTING_LIST)
        *message = arena_printf(a, "'%.*s' is no list, which APPEND and SUBTRACT are for", STR_ARGS(name));
    else if (op != SETTING_DELETE && !value.ptr)
        *message = arena_printf(a, "'%.*s' has no value", STR_ARGS(name));
    if (*message)
        return KERR_INVALID_CONFIG;
    if (op != SETTING_SET) {
        s->get(s, op == SETTING_DELETE ? defaults : c, now);
        value = op == SETTING_DELETE ? str_z(now) : list_changed(a, str_z(now), value, op == SETTING_APPEND);
    }
    if (s->set(s, c, value))
        return KERR_NONE;
    *message = arena_printf(a, "'%.*s' is no supported value of '%.*s'", STR_ARGS(value), STR_ARGS(name));
    return KERR_INVALID_CONFIG;
}
