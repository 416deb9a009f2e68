/* lane.c -- who may work on an account, and when: one writer, or many readers, in order of arrival. */
#include "storage/storage_int.h"

static void work(void *arg)
{
    struct op *o = arg;
    op_fn run = o->run;
    o->run = NULL;
    if (o->lane != LANE_FREE && op_open(o, o->lane == LANE_WRITE))
        return;
    if (o->lane != LANE_FREE && o->grant.policy.len && op_authorize(o))
        return;
    if (run(o)) {
        CHECK(o->error != AZ_NONE);
        o->run = NULL;
    }
}

static void next(struct account *ac);
static void done(void *arg)
{
    struct op *o = arg;
    struct account *ac = o->acct;
    if (o->held == LANE_WRITE) /* the phase may have set another lane for the next one */
        ac->writing = false;
    else if (o->held == LANE_READ)
        ac->readers--;
    op_tell(o);
    if (o->run)
        lane_enter(o);
    else
        op_answer(o);
    next(ac);
}

static bool may_start(const struct account *ac, const struct op *o)
{
    return !ac->writing && (o->lane == LANE_READ || ac->readers == 0);
}

static void next(struct account *ac)
{
    while (ac->first && may_start(ac, ac->first)) {
        struct op *o = ac->first;
        ac->first = o->next_waiting;
        if (!ac->first)
            ac->last = &ac->first;
        o->held = o->lane;
        if (o->lane == LANE_WRITE)
            ac->writing = true;
        else
            ac->readers++;
        ev_work(ac->st->loop, work, done, o);
    }
}

void lane_enter(struct op *o)
{
    struct account *ac = o->acct;
    o->held = LANE_FREE;
    if (o->lane == LANE_FREE) {
        ev_work(ac->st->loop, work, done, o);
        return;
    }
    o->next_waiting = NULL;
    *ac->last = o;
    ac->last = &o->next_waiting;
    next(ac);
}
