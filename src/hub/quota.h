/* quota -- byte rates of clients, as Kafka limits them: which limit holds, how fast somebody was, how long he waits.
 *
 * A limit is of an entity: a user, a client id, or both; each by name, or the default one for those without a limit of
 * their own. The first of these that has a limit for the rate holds, in Kafka's order, default written *:
 *     user u and client c; u and *; u; * and c; * and *; *; client c; client *
 * What is measured against it is the rate of that user with that client id, of that user, or of that client id.
 *
 * Rates are Kafka's sampled ones: 11 samples of a second, and the time they span, at least ten seconds. Who is over his
 * limit waits until his rate would have fallen to it: (rate - limit) / limit * span. So ten seconds' worth may come at once.
 * Thread: one. */
#ifndef PAYSTREAK_HUB_QUOTA_H
#define PAYSTREAK_HUB_QUOTA_H
#include "base/base.h"

enum quota_rate { QUOTA_PRODUCE, QUOTA_FETCH, QUOTA_RATES };
enum { QUOTA_SAMPLES = 11, QUOTA_SAMPLE_MS = 1000, QUOTA_MAX_MEASURED = 10000 };
extern const char *const QUOTA_NAMES[QUOTA_RATES]; /* "producer_byte_rate", "consumer_byte_rate" */

struct quota_entity { bool has_user, has_client; struct str user, client; }; /* has, and ptr NULL: the default */
struct quota { struct str ns; struct quota_entity of; double limits[QUOTA_RATES]; /* 0: none */ };
bool quota_same_entity(const struct quota_entity *a, const struct quota_entity *b);

/* Who sends or fetches. */
struct quota_who { const char *ns; struct str user, client; };
/* The limit that holds, 0: none; *of says whose rate it is measured against. */
double quota_limit(const struct quota *quotas, size_t count, const struct quota_who *who, enum quota_rate rate, struct quota_entity *of);

struct quota_meter;
struct quota_meter *quota_meter_new(void);
void quota_meter_free(struct quota_meter *m); /* NULL is allowed */
/* Counts bytes of `who`; returns for how many ms he has to wait now. */
int64_t quota_count(struct quota_meter *m, const struct quota *quotas, size_t count, const struct quota_who *who, enum quota_rate rate,
                    double bytes, int64_t now_ms);
#endif
