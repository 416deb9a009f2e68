/* settings -- the settings of a hub that Kafka's clients read and change, under Kafka's names.
 *
 * Most are fields of struct plog_config and act. Some are *kept*: whoever sets one reads it back, also after a restart, but there is
 * nothing here for it to change. They are about how Kafka writes and deletes its files (`flush.ms`: `durability` says when
 * a record is on the disk; `file.delete.delay.ms`, `index.interval.bytes`), about other brokers (`unclean.leader.election.enable`), and about
 * packing records anew (`compression.type`: batches stay as their producers packed them, whatever it says; readers see the same records).
 * One is not Kafka's: `durability`, `fsync` or `page-cache`, says what an acknowledgement waits for.
 * A name that is not in the table, and a value that would not hold, is refused by name.
 *
 * Pure; any thread. */
#ifndef PAYSTREAK_HUB_SETTINGS_H
#define PAYSTREAK_HUB_SETTINGS_H
#include "hub/kerr.h"
#include "hub/plog.h"

enum { SETTING_TEXT = 64, SETTING_COUNT = 25 };
/* Kafka's numbers. */
enum setting_type { SETTING_BOOLEAN = 1, SETTING_STRING = 2, SETTING_INT = 3, SETTING_LONG = 5, SETTING_DOUBLE = 6, SETTING_LIST = 7 };
enum setting_op { SETTING_SET, SETTING_DELETE, SETTING_APPEND, SETTING_SUBTRACT };

struct setting {
    const char *name;
    enum setting_type type;
    void (*get)(const struct setting *s, const struct plog_config *c, char out[SETTING_TEXT]);
    bool (*set)(const struct setting *s, struct plog_config *c, struct str value);
    int kept;                       /* its place in plog_config.kept, and what it is unless set */
    int64_t otherwise, min, max;
    const char *const *words;       /* a kept value is the place of one of these; NULL: it is a number */
};

extern const struct setting SETTINGS[SETTING_COUNT]; /* by name */
const struct setting *setting_find(struct str name);
/* What the kept ones are unless set. */
void settings_keep_defaults(struct plog_config *c);
/* Does `op` with the setting. Refused: INVALID_CONFIG, and *message names what. DELETE takes the value that `defaults` has. */
enum kerr setting_change(struct arena *a, struct plog_config *c, const struct plog_config *defaults, struct str name, int op, struct str value,
                         const char **message);
#endif
