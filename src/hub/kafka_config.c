/* kafka_config.c -- reading and changing settings: DescribeConfigs, IncrementalAlterConfigs, AlterConfigs.
 *
 * Settings (settings.h) are of hubs. The broker shows what a new hub gets. AlterConfigs, the older of the two, replaces everything: what
 * it does not name goes back to its default. A resource changes as a whole or not at all. */
#include "hub/kafka_int.h"
#include "hub/settings.h"
#include <string.h>

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4 };

/* Settings are of hubs, other resources have none. */
static enum kerr resource(struct kreq *r, int8_t type, struct str name, struct topic **out)
{
    *out = NULL;
    return type == RESOURCE_TOPIC ? kreq_topic(r, name, out) : KERR_INVALID_REQUEST;
}

/* ------------------------------------------------------------------ DescribeConfigs */

struct describe { int8_t type; struct str name; struct str *keys; int32_t count; };

static void put_synonym(struct kout *o, const struct setting *s, const char *value, int8_t source)
{
    kout_str(o, str_z(s->name));
    kout_nstr(o, str_z(value));
    kout_i8(o, source);
    kout_tags(o);
}

static void put_setting(struct kreq *r, const struct setting *s, const struct plog_config *c, const struct plog_config *defaults, bool synonyms)
{
    struct kout *o = &r->out;
    char value[SETTING_TEXT], otherwise[SETTING_TEXT];
    s->get(s, c, value);
    s->get(s, defaults, otherwise);
    bool is_default = !strcmp(value, otherwise);
    kout_str(o, str_z(s->name));
    kout_nstr(o, str_z(value));
    kout_bool(o, false); /* read only */
    kout_i8(o, is_default ? KAFKA_SET_BY_DEFAULT : KAFKA_SET_BY_TOPIC);
    kout_bool(o, false); /* sensitive */
    kout_count(o, !synonyms ? 0 : is_default ? 1 : 2);
    if (synonyms && !is_default)
        put_synonym(o, s, value, KAFKA_SET_BY_TOPIC);
    if (synonyms)
        put_synonym(o, s, otherwise, KAFKA_SET_BY_DEFAULT);
    if (r->version >= 3) {
        kout_i8(o, (int8_t)s->type);
        kout_nstr(o, STR_NONE);
    }
    kout_tags(o);
}

static bool wanted(const struct describe *d, const char *name)
{
    for (int32_t i = 0; i < d->count; i++)
        if (str_eqz(d->keys[i], name))
            return true;
    return d->count < 0;
}

static void put_described(struct kreq *r, const struct describe *d, bool synonyms)
{
    struct kout *o = &r->out;
    struct plog_config defaults = topic_default_config(r->hub->store);
    struct topic *t;
    enum kerr error = resource(r, d->type, d->name, &t);
    if (d->type == RESOURCE_BROKER)
        error = KERR_NONE;
    int32_t n = 0;
    for (size_t i = 0; error == KERR_NONE && i < SETTING_COUNT; i++)
        n += wanted(d, SETTINGS[i].name);
    kout_i16(o, (int16_t)error);
    kout_nstr(o, STR_NONE);
    kout_i8(o, d->type);
    kout_str(o, d->name);
    kout_count(o, n);
    for (size_t i = 0; n > 0 && i < SETTING_COUNT; i++)
        if (wanted(d, SETTINGS[i].name))
            put_setting(r, &SETTINGS[i], t ? &t->cfg : &defaults, &defaults, synonyms);
    kout_tags(o);
}

void kafka_describe_configs(struct kreq *r)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    struct describe *d = KREQ_ARRAY(r, struct describe, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        d[i].type = kin_i8(in);
        d[i].name = kin_str(in);
        d[i].count = kin_count(in);
        d[i].keys = KREQ_ARRAY(r, struct str, d[i].count);
        for (int32_t j = 0; j < d[i].count && !in->bad; j++)
            d[i].keys[j] = kin_str(in);
        kin_tags(in);
    }
    bool synonyms = kin_bool(in);
    if (r->version >= 3)
        kin_bool(in); /* documentation */
    if (!kreq_read_all(r))
        return;
    kout_i32(&r->out, 0);
    kout_count(&r->out, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++)
        put_described(r, &d[i], synonyms);
    kout_tags(&r->out);
    kreq_done(r);
}

/* ------------------------------------------------------------------ changing */

struct alter { int8_t type; struct str name; enum kerr error; const char *message; struct topic *t; struct plog_config cfg; };

static void read_change(struct kreq *r, struct alter *a, const struct plog_config *defaults, bool incremental)
{
    struct kin *in = &r->in;
    const char *message = NULL;
    struct str name = kin_str(in);
    int8_t op = incremental ? kin_i8(in) : SETTING_SET;
    struct str value = kin_nstr(in);
    kin_tags(in);
    if (in->bad || a->error != KERR_NONE)
        return;
    a->error = setting_change(r->arena, &a->cfg, defaults, name, op, value, &message);
    a->message = message;
}

static void change(struct kreq *r, bool incremental)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    struct plog_config defaults = topic_default_config(r->hub->store);
    int32_t n = kin_count(in);
    struct alter *a = KREQ_ARRAY(r, struct alter, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        a[i].type = kin_i8(in);
        a[i].name = kin_str(in);
        a[i].error = resource(r, a[i].type, a[i].name, &a[i].t);
        a[i].cfg = a[i].t && incremental ? a[i].t->cfg : defaults;
        int32_t changes = kin_count(in);
        for (int32_t j = 0; j < changes && !in->bad; j++)
            read_change(r, &a[i], &defaults, incremental);
        kin_tags(in);
    }
    bool only_check = kin_bool(in);
    if (!kreq_read_all(r))
        return;
    kout_i32(o, 0);
    kout_count(o, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        struct err err;
        if (a[i].error == KERR_NONE && !only_check) {
            a[i].t->cfg = a[i].cfg;
            if (topic_save(a[i].t, &err))
                a[i].error = kerr_of(&err);
        }
        kout_i16(o, (int16_t)a[i].error);
        kout_nstr(o, str_z(a[i].message));
        kout_i8(o, a[i].type);
        kout_str(o, a[i].name);
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

void kafka_incremental_alter_configs(struct kreq *r)
{
    change(r, true);
}

void kafka_alter_configs(struct kreq *r)
{
    change(r, false);
}
