#include "hub/quota.h"
#include <string.h>

enum { MAX_WAIT_MS = 3600 * 1000 };
const char *const QUOTA_NAMES[QUOTA_RATES] = {[QUOTA_PRODUCE] = "producer_byte_rate", [QUOTA_FETCH] = "consumer_byte_rate"};

struct sample { int64_t start_ms; double sum; };
struct meter { struct sample samples[QUOTA_SAMPLES]; int used, current; };
struct quota_meter { struct map *rates; };

static bool same_name(bool has_a, struct str a, bool has_b, struct str b)
{
    return has_a == has_b && (!has_a || ((a.ptr == NULL) == (b.ptr == NULL) && str_eq(a, b)));
}

bool quota_same_entity(const struct quota_entity *a, const struct quota_entity *b)
{
    return same_name(a->has_user, a->user, b->has_user, b->user) && same_name(a->has_client, a->client, b->has_client, b->client);
}

static double limit_of(const struct quota *quotas, size_t count, const char *ns, enum quota_rate rate, const struct quota_entity *of)
{
    for (size_t i = 0; i < count; i++)
        if (str_eqz(quotas[i].ns, ns) && quota_same_entity(&quotas[i].of, of))
            return quotas[i].limits[rate];
    return 0;
}

double quota_limit(const struct quota *quotas, size_t count, const struct quota_who *who, enum quota_rate rate, struct quota_entity *of)
{
    struct str user = who->user, client = who->client.ptr ? who->client : STR(""), any = STR_NONE;
    const struct quota_entity order[] = {
        {true, true, user, client}, {true, true, user, any}, {true, false, user, any}, {true, true, any, client},
        {true, true, any, any},     {true, false, any, any}, {false, true, any, client}, {false, true, any, any}};
    for (size_t i = 0; count > 0 && i < COUNT_OF(order); i++) {
        double limit = limit_of(quotas, count, who->ns, rate, &order[i]);
        if (limit <= 0)
            continue;
        *of = order[i];
        of->user = of->has_user ? user : any;
        of->client = of->has_client ? client : any;
        return limit;
    }
    return 0;
}

/* ------------------------------------------------------------------ rates */

static void drop_old(struct quota_meter *m, int64_t now_ms)
{
    struct map *kept = map_new();
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(m->rates, &at, &key, &v)) {
        struct meter *r = v;
        if (now_ms - r->samples[r->current].start_ms < QUOTA_SAMPLES * QUOTA_SAMPLE_MS && map_count(kept) < QUOTA_MAX_MEASURED / 2)
            map_put(kept, key, r);
        else
            mem_free(r);
    }
    map_free(m->rates);
    m->rates = kept;
}

static struct meter *meter_of(struct quota_meter *m, const char *ns, enum quota_rate rate, const struct quota_entity *of, int64_t now_ms)
{
    struct buf key;
    buf_init(&key);
    buf_printf(&key, "%s%c%d%d%d%c%.*s%c%.*s", ns, 0, rate, of->has_user, of->has_client, 0, STR_ARGS(of->user), 0, STR_ARGS(of->client));
    struct meter *r = map_get(m->rates, buf_view(&key));
    if (!r) {
        if (map_count(m->rates) >= QUOTA_MAX_MEASURED) /* client ids are anybody's */
            drop_old(m, now_ms);
        r = NEW(struct meter);
        map_put(m->rates, buf_view(&key), r);
    }
    buf_release(&key);
    return r;
}

static void count(struct meter *r, double bytes, int64_t now_ms)
{
    struct sample *s = &r->samples[r->current];
    if (r->used == 0 || now_ms - s->start_ms >= QUOTA_SAMPLE_MS) {
        r->current = r->used == 0 ? 0 : (r->current + 1) % QUOTA_SAMPLES;
        r->used = r->used < QUOTA_SAMPLES ? r->used + 1 : r->used;
        s = &r->samples[r->current];
        *s = (struct sample){now_ms, 0};
    }
    s->sum += bytes;
}

/* Bytes a second; *span_ms is what they were divided by. */
static double measure(const struct meter *r, int64_t now_ms, double *span_ms)
{
    int64_t oldest = now_ms, least = (QUOTA_SAMPLES - 1) * QUOTA_SAMPLE_MS;
    double sum = 0;
    for (int i = 0; i < r->used; i++) {
        const struct sample *s = &r->samples[i];
        if (now_ms - s->start_ms >= QUOTA_SAMPLES * QUOTA_SAMPLE_MS)
            continue;
        sum += s->sum;
        oldest = s->start_ms < oldest ? s->start_ms : oldest;
    }
    int64_t span = now_ms - oldest;
    if (span / QUOTA_SAMPLE_MS < QUOTA_SAMPLES - 1) /* as if the whole windows that are missing had been empty */
        span = least + span % QUOTA_SAMPLE_MS;
    *span_ms = (double)span;
    return sum * 1000 / *span_ms;
}

int64_t quota_count(struct quota_meter *m, const struct quota *quotas, size_t quota_count_, const struct quota_who *who, enum quota_rate rate,
                    double bytes, int64_t now_ms)
{
    struct quota_entity of;
    double limit = quota_limit(quotas, quota_count_, who, rate, &of), span_ms;
    if (limit <= 0)
        return 0;
    struct meter *r = meter_of(m, who->ns, rate, &of, now_ms);
    count(r, bytes, now_ms);
    double found = measure(r, now_ms, &span_ms);
    double wait_ms = found > limit ? (found - limit) / limit * span_ms : 0;
    return wait_ms > MAX_WAIT_MS ? MAX_WAIT_MS : (int64_t)(wait_ms + 0.5);
}

struct quota_meter *quota_meter_new(void)
{
    struct quota_meter *m = NEW(struct quota_meter);
    m->rates = map_new();
    return m;
}

void quota_meter_free(struct quota_meter *m)
{
    size_t at = 0;
    struct str key;
    void *v;
    if (!m)
        return;
    while (map_next(m->rates, &at, &key, &v))
        mem_free(v);
    map_free(m->rates);
    mem_free(m);
}
