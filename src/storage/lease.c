/* lease.c -- conditions on requests, and leases.
 *
 * A lease is a row: id, seconds (-1: infinite), until, broken (the instant from which it is broken).
 *   available: no row · leased: until is ahead, or infinite · expired: until is past
 *   breaking: broken is set and ahead · broken: broken is past
 * What is expired or broken hinders nobody. */
#include "storage/blob.h"
#include <string.h>

enum { LEASE_MIN_S = 15, LEASE_MAX_S = 60, BREAK_MAX_S = 60 };
enum state { AVAILABLE, LEASED, EXPIRED, BREAKING, BROKEN };
struct lease { enum state state; struct str id; int64_t seconds, until, broken; };

/* ---------------------------------------------------------------- conditions */

static bool has_etag(struct str list, struct str etag)
{
    struct str part;
    while (str_split(&list, ',', &part)) {
        part = str_trim(part);
        if (str_starts_z(part, "W/"))
            part = str_from(part, 2);
        if (part.len >= 2 && part.ptr[0] == '"' && part.ptr[part.len - 1] == '"')
            part = str_sub(part, 1, part.len - 2);
        if (str_eqz(part, "*") || str_eq(part, etag))
            return true;
    }
    return false;
}

/* Of these If-None-Match: * means "only if it is new", and they say so when it is not. */
static bool creates(const char *name)
{
    static const char *const names[] = {"PutBlob", "PutBlockList", "PathCreate", "PathRename"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

int cond_check(struct op *o, const char *prefix, bool exists, struct str etag, int64_t changed_us, bool read)
{
    bool source = *prefix;
    enum az_error no = source ? AZ_SourceConditionNotMet : AZ_ConditionNotMet, same = read && !source ? AZ_NotModified : no;
    struct str match = op_header(o, arena_printf(o->a, "%sif-match", prefix)), none = op_header(o, arena_printf(o->a, "%sif-none-match", prefix));
    struct str since = op_header(o, arena_printf(o->a, "%sif-modified-since", prefix)), before = op_header(o, arena_printf(o->a, "%sif-unmodified-since", prefix));
    struct tp t;
    int64_t changed_s = changed_us / 1000000;
    if (match.len && (!exists || !has_etag(match, etag)))
        return op_fail(o, no);
    if (none.len && exists && has_etag(none, etag)) {
        if (!read && !source && str_eqz(str_trim(none), "*") && creates(o->kind->name))
            return op_fail(o, AZ_BlobAlreadyExists);
        return op_fail(o, same);
    }
    if (since.len && exists) {
        if (!http_date_parse(since, &t))
            return op_fail_why(o, AZ_InvalidHeaderValue, "If-Modified-Since is no date.");
        if (!none.len && changed_s <= t.us / 1000000)
            return op_fail(o, same);
    }
    if (before.len) {
        if (!http_date_parse(before, &t))
            return op_fail_why(o, AZ_InvalidHeaderValue, "If-Unmodified-Since is no date.");
        if (!match.len && (!exists || changed_s > t.us / 1000000))
            return op_fail(o, no);
    }
    return 0;
}

/* ---------------------------------------------------------------- reading leases */

static int load(struct op *o, struct str c, struct str p, struct lease *l)
{
    struct db *d = op_db(o);
    struct err err = {0};
    int64_t now = time_now().us;
    *l = (struct lease){0};
    if (db_query(d, &err, "SELECT id, seconds, until, broken FROM leases WHERE c = ? AND p = ?", "tt", c, p))
        return op_fail_err(o, &err);
    int row = db_row(d, &err);
    if (row == 1) {
        *l = (struct lease){.id = db_str(d, o->a, 0), .seconds = db_i64(d, 1), .until = db_i64(d, 2), .broken = db_i64(d, 3)};
        if (l->broken)
            l->state = now < l->broken ? BREAKING : BROKEN;
        else
            l->state = l->seconds < 0 || now < l->until ? LEASED : EXPIRED;
    }
    db_done(d);
    return row < 0 ? op_fail_err(o, &err) : 0;
}

int lease_need(struct op *o, struct str c, struct str p, struct str given, bool write)
{
    struct lease l;
    bool blob = p.len;
    if (load(o, c, p, &l))
        return -1;
    bool active = l.state == LEASED || l.state == BREAKING;
    if (!given.len)
        return active && write ? op_fail(o, AZ_LeaseIdMissing) : 0;
    if (!active)
        return op_fail(o, blob ? AZ_LeaseNotPresentWithBlobOperation : AZ_LeaseNotPresentWithContainerOperation);
    if (!str_ieq(given, l.id))
        return op_fail(o, blob ? AZ_LeaseIdMismatchWithBlobOperation : AZ_LeaseIdMismatchWithContainerOperation);
    return 0;
}

int lease_view(struct op *o, struct str c, struct str p, struct lease_view *out)
{
    static const char *const states[] = {"available", "leased", "expired", "breaking", "broken"};
    struct lease l;
    if (load(o, c, p, &l))
        return -1;
    *out = (struct lease_view){l.state == LEASED || l.state == BREAKING ? "locked" : "unlocked", states[l.state],
                               l.state == LEASED ? (l.seconds < 0 ? "infinite" : "fixed") : NULL};
    return 0;
}

void lease_put(struct op *o, struct str c, struct str p)
{
    struct lease_view v;
    if (lease_view(o, c, p, &v))
        return;
    op_set(o, "x-ms-lease-status", str_z(v.status));
    op_set(o, "x-ms-lease-state", str_z(v.state));
    if (v.duration)
        op_set(o, "x-ms-lease-duration", str_z(v.duration));
}

/* ---------------------------------------------------------------- the operations */

static bool id_ok(struct str id)
{
    size_t hex = 0;
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];
        hex += (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
        if (!strchr("0123456789abcdefABCDEF-{}()", c))
            return false;
    }
    return hex == 32;
}

static int save(struct op *o, struct str c, struct str p, const struct lease *l)
{
    struct db *d = op_db(o);
    struct err err = {0};
    if (db_begin(d, false, &err) ||
        (l ? db_run(d, &err, "INSERT OR REPLACE INTO leases(c, p, id, seconds, until, broken) VALUES (?,?,?,?,?,?)", "tttiii", c, p, l->id, l->seconds, l->until, l->broken)
           : db_run(d, &err, "DELETE FROM leases WHERE c = ? AND p = ?", "tt", c, p)) ||
        db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    return 0;
}

static void renewed(struct lease *l)
{
    l->broken = 0;
    l->until = l->seconds < 0 ? 0 : time_now().us + l->seconds * 1000000;
}

static int acquire(struct op *o, struct str c, struct str p, struct lease *l)
{
    struct str proposed = op_header(o, "x-ms-proposed-lease-id");
    int64_t seconds = 0;
    char fresh[UUID_TEXT];
    if (!op_header(o, "x-ms-lease-duration").ptr && o->r.svc == SVC_DFS)
        seconds = -1;
    if (op_i64(o, op_header(o, "x-ms-lease-duration"), "x-ms-lease-duration", -1, LEASE_MAX_S, &seconds))
        return -1;
    if (seconds != -1 && seconds < LEASE_MIN_S)
        return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-lease-duration is -1 or from %d to %d.", LEASE_MIN_S, LEASE_MAX_S);
    if (proposed.len && !id_ok(proposed))
        return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-proposed-lease-id is no GUID.");
    if (l->state == BREAKING)
        return op_fail(o, str_ieq(proposed, l->id) ? AZ_LeaseIsBreakingAndCannotBeAcquired : AZ_LeaseAlreadyPresent);
    if (l->state == LEASED && !(proposed.len && str_ieq(proposed, l->id)))
        return op_fail(o, AZ_LeaseAlreadyPresent);
    *l = (struct lease){.id = proposed.len ? str_lower(o->a, proposed) : str_copy(o->a, str_z(uuid_make(fresh))), .seconds = seconds};
    renewed(l);
    if (save(o, c, p, l))
        return -1;
    op_set(o, "x-ms-lease-id", l->id);
    return op_done(o, 201);
}

static int renew(struct op *o, struct str c, struct str p, struct lease *l)
{
    if (l->state == AVAILABLE || !str_ieq(op_header(o, "x-ms-lease-id"), l->id))
        return op_fail(o, AZ_LeaseIdMismatchWithLeaseOperation);
    if (l->state == BREAKING || l->state == BROKEN)
        return op_fail(o, AZ_LeaseIsBrokenAndCannotBeRenewed);
    renewed(l);
    if (save(o, c, p, l))
        return -1;
    op_set(o, "x-ms-lease-id", l->id);
    return op_done(o, 200);
}

static int change(struct op *o, struct str c, struct str p, struct lease *l)
{
    struct str proposed = op_header(o, "x-ms-proposed-lease-id");
    if (!id_ok(proposed))
        return op_fail_why(o, proposed.ptr ? AZ_InvalidHeaderValue : AZ_MissingRequiredHeader, "x-ms-proposed-lease-id must be a GUID.");
    if (l->state == BREAKING)
        return op_fail(o, AZ_LeaseIsBreakingAndCannotBeChanged);
    if (l->state != LEASED)
        return op_fail(o, AZ_LeaseNotPresentWithLeaseOperation);
    if (!str_ieq(op_header(o, "x-ms-lease-id"), l->id) && !str_ieq(proposed, l->id))
        return op_fail(o, AZ_LeaseIdMismatchWithLeaseOperation);
    l->id = str_lower(o->a, proposed);
    if (save(o, c, p, l))
        return -1;
    op_set(o, "x-ms-lease-id", l->id);
    return op_done(o, 200);
}

static int give_back(struct op *o, struct str c, struct str p, struct lease *l)
{
    if (l->state == AVAILABLE || !str_ieq(op_header(o, "x-ms-lease-id"), l->id))
        return op_fail(o, AZ_LeaseIdMismatchWithLeaseOperation);
    return save(o, c, p, NULL) ? -1 : op_done(o, 200);
}

static int break_it(struct op *o, struct str c, struct str p, struct lease *l)
{
    int64_t period = -1, now = time_now().us, left = 0;
    if (op_i64(o, op_header(o, "x-ms-lease-break-period"), "x-ms-lease-break-period", 0, BREAK_MAX_S, &period))
        return -1;
    if (l->state == AVAILABLE)
        return op_fail(o, AZ_LeaseNotPresentWithLeaseOperation);
    if (l->state == LEASED && l->seconds >= 0)
        left = (l->until - now + 999999) / 1000000;
    else if (l->state == BREAKING)
        left = (l->broken - now + 999999) / 1000000;
    else if (l->state == LEASED)
        left = period < 0 ? 0 : period;
    if (period >= 0 && period < left)
        left = period;
    l->broken = now + left * 1000000;
    if (save(o, c, p, l))
        return -1;
    op_setf(o, "x-ms-lease-time", "%jd", (intmax_t)left);
    return op_done(o, 202);
}

int lease_act(struct op *o, struct str c, struct str p)
{
    static const struct { const char *name; int (*act)(struct op *, struct str, struct str, struct lease *); } actions[] = {
        {"acquire", acquire}, {"renew", renew}, {"change", change}, {"release", give_back}, {"break", break_it}};
    struct str action = op_header(o, "x-ms-lease-action");
    struct lease l;
    if (!action.ptr)
        return op_fail_why(o, AZ_MissingRequiredHeader, "x-ms-lease-action is missing.");
    if (load(o, c, p, &l))
        return -1;
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (str_ieqz(action, actions[i].name))
            return actions[i].act(o, c, p, &l);
    return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-lease-action '%.*s' is not known.", STR_ARGS(action));
}
