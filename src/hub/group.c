#include "hub/group.h"
#include <string.h>

static const char *const STATE_NAMES[GROUP_STATE_COUNT] = {
    [GROUP_EMPTY] = "Empty",
    [GROUP_PREPARING] = "PreparingRebalance",
    [GROUP_COMPLETING] = "CompletingRebalance",
    [GROUP_STABLE] = "Stable",
};

const char *group_state_name(const struct group *g)
{
    return STATE_NAMES[g->state];
}

/* ------------------------------------------------------------------ members */

static struct member *find_member(const struct group *g, struct str id)
{
    for (size_t i = 0; i < g->member_count; i++)
        if (str_eqz(id, g->members[i]->id))
            return g->members[i];
    return NULL;
}

static struct member *find_instance(const struct group *g, struct str instance)
{
    for (size_t i = 0; instance.ptr && i < g->member_count; i++)
        if (g->members[i]->instance && str_eqz(instance, g->members[i]->instance))
            return g->members[i];
    return NULL;
}

static void protocols_release(struct member *m)
{
    for (int32_t i = 0; i < m->protocol_count; i++) {
        mem_free(m->protocols[i].name);
        buf_release(&m->protocols[i].metadata);
    }
    mem_free(m->protocols);
    m->protocols = NULL;
    m->protocol_count = 0;
}

static void protocols_set(struct member *m, const struct join_request *q)
{
    protocols_release(m);
    m->protocols = mem_alloc(sizeof *m->protocols * (size_t)(q->protocol_count + 1));
    m->protocol_count = q->protocol_count;
    for (int32_t i = 0; i < q->protocol_count; i++) {
        m->protocols[i].name = str_dup(q->protocols[i].name);
        buf_init(&m->protocols[i].metadata);
        buf_str(&m->protocols[i].metadata, q->protocols[i].metadata);
    }
}

static bool protocols_same(const struct member *m, const struct join_request *q)
{
    if (m->protocol_count != q->protocol_count)
        return false;
    for (int32_t i = 0; i < m->protocol_count; i++)
        if (!str_eqz(q->protocols[i].name, m->protocols[i].name) ||
            !str_eq(q->protocols[i].metadata, buf_view(&m->protocols[i].metadata)))
            return false;
    return true;
}

static const struct buf *metadata_of(const struct member *m, const char *protocol)
{
    for (int32_t i = 0; protocol && i < m->protocol_count; i++)
        if (!strcmp(m->protocols[i].name, protocol))
            return &m->protocols[i].metadata;
    return NULL;
}

const struct buf *member_metadata(const struct member *m)
{
    return metadata_of(m, m->group->protocol);
}

static bool all_support(const struct group *g, struct str protocol, const struct member *but)
{
    for (size_t i = 0; i < g->member_count; i++) {
        const struct member *m = g->members[i];
        bool found = m == but;
        for (int32_t j = 0; j < m->protocol_count && !found; j++)
            found = str_eqz(protocol, m->protocols[j].name);
        if (!found)
            return false;
    }
    return true;
}

static bool protocols_fit(const struct group *g, const struct join_request *q, const struct member *self)
{
    size_t others = g->member_count - (self ? 1 : 0);
    if (q->protocol_count < 1 || q->protocol_count > GROUP_MAX_PROTOCOLS || !q->protocol_type.len)
        return false;
    if (!others)
        return true;
    if (!g->protocol_type || !str_eqz(q->protocol_type, g->protocol_type))
        return false;
    for (int32_t i = 0; i < q->protocol_count; i++)
        if (all_support(g, q->protocols[i].name, self))
            return true;
    return false;
}

static char *new_member_id(struct groups *g, const struct join_request *q)
{
    char id[UUID_TEXT];
    struct buf b;
    struct str front = q->instance.ptr ? q->instance : q->client_id;
    buf_init(&b);
    buf_printf(&b, "%.*s-%s", STR_ARGS(str_sub(front, 0, 200)), uuid_make(id));
    g->next_id++;
    return buf_detach(&b);
}

static void answer_join(struct member *m, const struct join_result *r)
{
    struct join_wait *w = m->join;
    m->join = NULL;
    if (!w)
        return;
    w->member = NULL;
    w->fn(w->arg, r);
}

static void answer_sync(struct member *m, enum kerr error)
{
    struct sync_wait *w = m->sync;
    m->sync = NULL;
    if (!w)
        return;
    w->member = NULL;
    w->fn(w->arg, error, m);
}

static void refuse(struct join_wait *w, enum kerr error, const char *member_id)
{
    struct join_result r = {.error = error, .member_id = member_id, .leader_id = ""};
    w->fn(w->arg, &r);
}

static void on_session_end(void *arg);

static void session_restart(struct member *m)
{
    ev_timer_start(m->session, m->session_ms, 0);
}

static struct member *member_add(struct group *g, char *id, const struct join_request *q)
{
    struct member *m = NEW(struct member);
    m->group = g;
    m->id = id;
    m->instance = q->instance.ptr ? str_dup(q->instance) : NULL;
    m->client_id = str_dup(q->client_id);
    m->client_host = mem_strdup(q->client_host);
    buf_init(&m->assignment);
    m->session = ev_timer_new(g->groups->hub->loop, on_session_end, m);
    g->members = mem_grow(g->members, &g->member_cap, g->member_count + 1, sizeof(struct member *));
    g->members[g->member_count++] = m;
    if (!g->leader)
        g->leader = m;
    return m;
}

static void member_update(struct member *m, const struct join_request *q)
{
    m->session_ms = q->session_ms;
    m->rebalance_ms = q->rebalance_ms;
    protocols_set(m, q);
}

static void member_free(struct member *m)
{
    ev_timer_free(m->session);
    protocols_release(m);
    buf_release(&m->assignment);
    mem_free(m->id);
    mem_free(m->instance);
    mem_free(m->client_id);
    mem_free(m->client_host);
    mem_free(m);
}

/* Takes a member out; who waits for it is told so. */
static void member_remove(struct member *m, enum kerr why)
{
    struct group *g = m->group;
    struct join_result r = {.error = why, .member_id = m->id, .leader_id = ""};
    size_t i = 0;
    while (g->members[i] != m)
        i++;
    memmove(g->members + i, g->members + i + 1, (--g->member_count - i) * sizeof(struct member *));
    if (g->leader == m)
        g->leader = g->member_count ? g->members[0] : NULL;
    answer_join(m, &r);
    answer_sync(m, why);
    member_free(m);
}

/* ------------------------------------------------------------------ rebalance */

static void complete_join(struct group *g);

static void joined_result(struct group *g, struct member *m, struct join_result *r)
{
    *r = (struct join_result){.group = g, .member_id = m->id, .leader_id = g->leader->id, .with_members = m == g->leader};
}

static int32_t rebalance_ms(const struct group *g)
{
    int32_t ms = 0;
    for (size_t i = 0; i < g->member_count; i++)
        ms = g->members[i]->rebalance_ms > ms ? g->members[i]->rebalance_ms : ms;
    return ms;
}

static bool all_joined(const struct group *g)
{
    for (size_t i = 0; i < g->member_count; i++)
        if (!g->members[i]->join)
            return false;
    return map_count(g->pending) == 0;
}

static void maybe_complete(struct group *g)
{
    if (g->state == GROUP_PREPARING && !g->initial && all_joined(g))
        complete_join(g);
}

static void prepare_rebalance(struct group *g)
{
    struct hub *h = g->groups->hub;
    CHECK(g->state != GROUP_PREPARING);
    bool was_empty = g->state == GROUP_EMPTY;
    for (size_t i = 0; i < g->member_count; i++) {
        buf_clear(&g->members[i]->assignment);
        answer_sync(g->members[i], KERR_REBALANCE_IN_PROGRESS);
    }
    g->state = GROUP_PREPARING;
    int64_t delay = h->opts.initial_rebalance_ms;
    g->initial = was_empty && delay > 0;
    g->joined_since = false;
    if (g->initial) {
        int64_t most = rebalance_ms(g);
        g->initial_until_us = time_mono_us() + most * 1000;
        ev_timer_start(g->timer, delay < most ? delay : most, 0);
    } else {
        ev_timer_start(g->timer, rebalance_ms(g), 0);
        maybe_complete(g);
    }
}

static void lost_member(struct group *g)
{
    if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING)
        prepare_rebalance(g);
    else
        maybe_complete(g);
}

static void on_session_end(void *arg)
{
    struct member *m = arg;
    struct group *g = m->group;
    if (m->join)
        return; /* it waits for the others, not we for it */
    log_info("hub", "member '%s' of group '%s' is gone: no heartbeat", m->id, g->name);
    member_remove(m, KERR_UNKNOWN_MEMBER_ID);
    lost_member(g);
}

/* The protocol that most members like best of those that all support. */
static const char *vote(const struct group *g)
{
    const char *best = NULL;
    size_t best_votes = 0;
    for (int32_t i = 0; i < g->leader->protocol_count; i++) {
        const char *name = g->leader->protocols[i].name;
        size_t votes = 0;
        if (!all_support(g, str_z(name), NULL))
            continue;
        for (size_t j = 0; j < g->member_count; j++) {
            const struct member *m = g->members[j];
            for (int32_t k = 0; k < m->protocol_count; k++)
                if (all_support(g, str_z(m->protocols[k].name), NULL)) {
                    votes += !strcmp(m->protocols[k].name, name);
                    break;
                }
        }
        if (!best || votes > best_votes) {
            best = name;
            best_votes = votes;
        }
    }
    return best;
}

static void become_empty(struct group *g)
{
    g->state = GROUP_EMPTY;
    g->leader = NULL;
    ev_timer_stop(g->timer);
    mem_free(g->protocol);
    g->protocol = NULL;
}

static void complete_join(struct group *g)
{
    struct join_result r;
    size_t i = 0;
    g->initial = false;
    while (i < g->member_count)
        if (!g->members[i]->join && !g->members[i]->instance)
            member_remove(g->members[i], KERR_UNKNOWN_MEMBER_ID);
        else
            i++;
    g->generation++;
    if (!g->member_count) {
        become_empty(g);
        return;
    }
    if (!g->leader->join) /* a static member that is away cannot lead */
        for (i = 0; i < g->member_count; i++)
            if (g->members[i]->join) {
                g->leader = g->members[i];
                break;
            }
    const char *protocol = vote(g);
    CHECK(protocol); /* every join was checked against it */
    mem_free(g->protocol);
    g->protocol = mem_strdup(protocol);
    g->state = GROUP_COMPLETING;
    ev_timer_start(g->timer, rebalance_ms(g), 0);
    for (i = 0; i < g->member_count; i++) {
        joined_result(g, g->members[i], &r);
        session_restart(g->members[i]);
        answer_join(g->members[i], &r);
    }
}

/* A member id that was given out: the client is awaited with it for as long as a session lasts. */
struct pending_member { struct group *group; char *id; struct ev_timer *timer; };

static bool pending_remove(struct group *g, struct str id)
{
    struct pending_member *p = map_remove(g->pending, id);
    if (!p)
        return false;
    ev_timer_free(p->timer);
    mem_free(p->id);
    mem_free(p);
    return true;
}

static void pending_clear(struct group *g)
{
    size_t at = 0;
    struct str id;
    void *v;
    while (map_next(g->pending, &at, &id, &v)) {
        struct pending_member *p = v;
        ev_timer_free(p->timer);
        mem_free(p->id);
        mem_free(p);
    }
    map_free(g->pending);
    g->pending = map_new();
}

static void on_pending_end(void *arg)
{
    struct pending_member *p = arg;
    struct group *g = p->group;
    pending_remove(g, str_z(p->id));
    maybe_complete(g);
}

static void pending_add(struct group *g, const char *id, const struct join_request *q)
{
    struct pending_member *p = NEW(struct pending_member);
    *p = (struct pending_member){g, mem_strdup(id), ev_timer_new(g->groups->hub->loop, on_pending_end, p)};
    map_put(g->pending, str_z(id), p);
    ev_timer_start(p->timer, q->session_ms, 0);
}

static void on_group_timer(void *arg)
{
    struct group *g = arg;
    if (g->state == GROUP_PREPARING && g->initial) {
        int64_t left_ms = (g->initial_until_us - time_mono_us()) / 1000, delay = g->groups->hub->opts.initial_rebalance_ms;
        if (g->joined_since && left_ms > 0) {
            g->joined_since = false; /* somebody came: perhaps more do */
            ev_timer_start(g->timer, delay < left_ms ? delay : left_ms, 0);
            return;
        }
        complete_join(g);
    } else if (g->state == GROUP_PREPARING) {
        pending_clear(g);
        complete_join(g);
    } else if (g->state == GROUP_COMPLETING) {
        size_t i = 0;
        while (i < g->member_count)
            if (!g->members[i]->sync)
                member_remove(g->members[i], KERR_UNKNOWN_MEMBER_ID);
            else
                i++;
        prepare_rebalance(g);
    }
}

/* ------------------------------------------------------------------ join */

static void wait_join(struct member *m, struct join_wait *w)
{
    struct join_result again = {.error = KERR_REBALANCE_IN_PROGRESS, .member_id = m->id, .leader_id = ""};
    answer_join(m, &again); /* the client asked twice: only the newer one waits */
    ev_timer_stop(m->session);
    m->join = w;
    w->member = m;
}

static void answer_current(struct group *g, struct member *m, struct join_wait *w)
{
    struct join_result r;
    joined_result(g, m, &r);
    session_restart(m);
    w->fn(w->arg, &r);
}

static void join_as(struct group *g, struct member *m, bool fresh, bool same, struct join_wait *w)
{
    switch (g->state) {
    case GROUP_PREPARING:
        if (fresh && g->initial)
            g->joined_since = true;
        wait_join(m, w);
        maybe_complete(g);
        return;
    case GROUP_COMPLETING:
        if (!fresh && same) {
            answer_current(g, m, w); /* its answer was lost */
            return;
        }
        break;
    case GROUP_STABLE:
        if (!fresh && same && m != g->leader) {
            answer_current(g, m, w);
            return;
        }
        break;
    case GROUP_EMPTY:
    case GROUP_STATE_COUNT:
        break;
    }
    wait_join(m, w);
    prepare_rebalance(g);
}

/* A static member that comes back gets a new id, and the old one is fenced. While nothing about it
 * has changed the group need not rebalance. */
static void join_static(struct group *g, struct member *m, const struct join_request *q, struct join_wait *w)
{
    struct join_result fenced = {.error = KERR_FENCED_INSTANCE_ID, .member_id = m->id, .leader_id = ""}, r;
    bool same = protocols_same(m, q), leads = m == g->leader;
    char *old = m->id;
    answer_join(m, &fenced);
    answer_sync(m, KERR_FENCED_INSTANCE_ID);
    m->id = new_member_id(g->groups, q);
    member_update(m, q);
    if (g->state == GROUP_STABLE && same) {
        joined_result(g, m, &r);
        r.with_members = leads && q->can_skip;
        r.skip_assignment = leads && q->can_skip;
        if (leads && !q->can_skip)
            r.leader_id = old; /* an older client must not take itself for the leader and assign anew */
        session_restart(m);
        w->fn(w->arg, &r);
    } else {
        join_as(g, m, true, false, w);
    }
    mem_free(old);
}

static void join_new(struct group *g, const struct join_request *q, struct join_wait *w)
{
    struct member *known = find_instance(g, q->instance);
    if (known) {
        join_static(g, known, q, w);
        return;
    }
    if (g->member_count + map_count(g->pending) >= GROUP_MAX_MEMBERS) {
        refuse(w, KERR_GROUP_MAX_SIZE_REACHED, "");
        return;
    }
    char *id = new_member_id(g->groups, q);
    if (q->needs_known_id && !q->instance.ptr) {
        pending_add(g, id, q);
        refuse(w, KERR_MEMBER_ID_REQUIRED, id);
        mem_free(id);
        return;
    }
    struct member *m = member_add(g, id, q);
    member_update(m, q);
    join_as(g, m, true, false, w);
}

static void join_known(struct group *g, const struct join_request *q, struct join_wait *w)
{
    if (pending_remove(g, q->member_id)) {
        struct member *m = member_add(g, str_dup(q->member_id), q);
        member_update(m, q);
        join_as(g, m, true, false, w);
        return;
    }
    struct member *m = find_member(g, q->member_id), *by_instance = find_instance(g, q->instance);
    if (by_instance && by_instance != m) {
        refuse(w, KERR_FENCED_INSTANCE_ID, "");
        return;
    }
    if (!m) {
        refuse(w, KERR_UNKNOWN_MEMBER_ID, "");
        return;
    }
    bool same = protocols_same(m, q);
    member_update(m, q);
    join_as(g, m, false, same, w);
}

void group_join(struct groups *gs, const struct join_request *q, struct join_wait *w)
{
    w->member = NULL;
    if (!q->group.len) {
        refuse(w, KERR_INVALID_GROUP_ID, "");
        return;
    }
    if (q->session_ms < GROUP_MIN_SESSION_MS || q->session_ms > GROUP_MAX_SESSION_MS) {
        refuse(w, KERR_INVALID_SESSION_TIMEOUT, "");
        return;
    }
    struct group *g = group_find(gs, q->group);
    if (!g && q->member_id.len) {
        refuse(w, KERR_UNKNOWN_MEMBER_ID, "");
        return;
    }
    if (!g && !(g = groups_make(gs, q->group))) {
        refuse(w, KERR_GROUP_MAX_SIZE_REACHED, "");
        return;
    }
    if (!g->timer)
        g->timer = ev_timer_new(gs->hub->loop, on_group_timer, g);
    struct member *self = q->member_id.len ? find_member(g, q->member_id) : find_instance(g, q->instance);
    if (!protocols_fit(g, q, self)) {
        refuse(w, KERR_INCONSISTENT_GROUP_PROTOCOL, "");
        return;
    }
    if (!g->member_count) { /* the first member says what group it is; an empty one is still what it was */
        mem_free(g->protocol_type);
        g->protocol_type = str_dup(q->protocol_type);
    }
    if (q->member_id.len)
        join_known(g, q, w);
    else
        join_new(g, q, w);
}

void group_join_cancel(struct join_wait *w)
{
    struct member *m = w->member;
    if (!m)
        return;
    w->member = NULL;
    m->join = NULL;
    session_restart(m); /* the client has that long to come back */
}

/* ------------------------------------------------------------------ sync, heartbeat, leave */

/* The member these calls speak of; NULL and *error. */
static struct member *identify(struct group *g, struct str id, struct str instance, enum kerr *error)
{
    struct member *m = g ? find_member(g, id) : NULL, *by_instance = g ? find_instance(g, instance) : NULL;
    *error = by_instance && by_instance != m ? KERR_FENCED_INSTANCE_ID : KERR_UNKNOWN_MEMBER_ID;
    return by_instance && by_instance != m ? NULL : m;
}

static void take_assignments(struct group *g, const struct sync_request *q)
{
    for (size_t i = 0; i < g->member_count; i++)
        buf_clear(&g->members[i]->assignment);
    for (int32_t i = 0; i < q->count; i++) {
        struct member *m = find_member(g, q->assignments[i].member_id);
        if (m) {
            buf_clear(&m->assignment);
            buf_str(&m->assignment, q->assignments[i].bytes);
        }
    }
    g->state = GROUP_STABLE;
    ev_timer_stop(g->timer);
    for (size_t i = 0; i < g->member_count; i++) {
        if (g->members[i]->sync)
            session_restart(g->members[i]);
        answer_sync(g->members[i], KERR_NONE);
    }
}

void group_sync(struct groups *gs, const struct sync_request *q, struct sync_wait *w)
{
    enum kerr error;
    struct group *g = group_find(gs, q->group);
    struct member *m = identify(g, q->member_id, q->instance, &error);
    w->member = NULL;
    if (m && q->generation != g->generation)
        error = KERR_ILLEGAL_GENERATION;
    else if (m && ((q->protocol_type.ptr && !str_eqz(q->protocol_type, g->protocol_type)) ||
                   (q->protocol.ptr && g->protocol && !str_eqz(q->protocol, g->protocol))))
        error = KERR_INCONSISTENT_GROUP_PROTOCOL;
    else if (m && g->state == GROUP_PREPARING)
        error = KERR_REBALANCE_IN_PROGRESS;
    else if (m && g->state == GROUP_STABLE)
        error = KERR_NONE;
    else if (m && g->state == GROUP_COMPLETING) {
        answer_sync(m, KERR_REBALANCE_IN_PROGRESS);
        m->sync = w;
        w->member = m;
        session_restart(m);
        if (m == g->leader)
            take_assignments(g, q);
        return;
    }
    if (error == KERR_NONE)
        session_restart(m);
    w->fn(w->arg, error, m);
}

void group_sync_cancel(struct sync_wait *w)
{
    if (w->member)
        w->member->sync = NULL;
    w->member = NULL;
}

enum kerr group_heartbeat(struct groups *gs, struct str group, int32_t generation, struct str member_id, struct str instance)
{
    enum kerr error;
    struct group *g = group_find(gs, group);
    struct member *m = identify(g, member_id, instance, &error);
    if (!m)
        return error;
    if (generation != g->generation)
        return KERR_ILLEGAL_GENERATION;
    if (!m->join)
        session_restart(m);
    return g->state == GROUP_PREPARING ? KERR_REBALANCE_IN_PROGRESS : KERR_NONE;
}

enum kerr group_leave(struct groups *gs, struct str group, struct str member_id, struct str instance)
{
    enum kerr error;
    struct group *g = group_find(gs, group);
    if (g && pending_remove(g, member_id)) {
        maybe_complete(g);
        return KERR_NONE;
    }
    struct member *m = instance.ptr && !member_id.len && g ? find_instance(g, instance) : identify(g, member_id, instance, &error);
    if (!m)
        return instance.ptr && !member_id.len ? KERR_UNKNOWN_MEMBER_ID : error;
    member_remove(m, KERR_UNKNOWN_MEMBER_ID);
    lost_member(g);
    return KERR_NONE;
}

void group_free(struct group *g)
{
    while (g->member_count)
        member_remove(g->members[0], KERR_COORDINATOR_NOT_AVAILABLE);
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(g->offsets, &at, &key, &v)) {
        struct committed *c = v;
        mem_free(c->metadata);
        mem_free(c->topic);
        mem_free(c);
    }
    map_free(g->offsets);
    pending_clear(g);
    map_free(g->pending);
    ev_timer_free(g->timer);
    mem_free(g->members);
    mem_free(g->name);
    mem_free(g->protocol);
    mem_free(g->protocol_type);
    mem_free(g);
}
