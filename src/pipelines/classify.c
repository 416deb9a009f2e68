#include "pipelines/classify.h"
#include "plan/functions.h"

struct known { struct str name; bool streams; const struct known *up; };
struct walk { const struct known *ctes; struct err *err; };

static int walk(struct walk *w, const struct rel *r);

static int refuse(struct walk *w, const struct rel *r, const char *what)
{
    return err_at(w->err, ERR_UNSUPPORTED, r->at.file, r->at.line, r->at.col,
                  "[STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION] %s over a stream is not supported: do it in a materialized view over the streaming table",
                  what);
}

static bool has_stream(const struct expr *e, void *ctx)
{
    struct walk *w = ctx;
    struct err ignored, *real = w->err;
    w->err = &ignored;
    bool hit = e->sub && walk(w, e->sub) != 0;
    w->err = real;
    return hit;
}

static int check_exprs(struct walk *w, const struct rel *r, const struct exprs *list, bool streams)
{
    for (size_t i = 0; i < list->count; i++) {
        if (streams && expr_has_window(list->items[i]))
            return err_at(w->err, ERR_UNSUPPORTED, r->at.file, r->at.line, r->at.col,
                          "[NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING] window functions over a stream are not supported: use them in a materialized view over the streaming table");
        if (expr_any(list->items[i], has_stream, w))
            return refuse(w, r, "a subquery");
    }
    return 0;
}

static int walk_with(struct walk *w, const struct rel *r)
{
    const struct known *outer = w->ctes;
    struct known all[100];
    size_t n = r->cte_count < COUNT_OF(all) ? r->cte_count : COUNT_OF(all);
    for (size_t i = 0; i < n; i++) {
        int rc = walk(w, r->ctes[i]);
        if (rc < 0)
            return -1;
        all[i] = (struct known){r->cte_names[i], rc == 1, w->ctes};
        w->ctes = &all[i];
    }
    int rc = n < r->cte_count ? refuse(w, r, "WITH of more than 100 queries") : walk(w, r->input);
    w->ctes = outer;
    return rc;
}

static int walk_join(struct walk *w, const struct rel *r)
{
    static const struct { bool from_left, from_right; const char *name; } joins[] = {
        [JOIN_INNER] = {true, true, "an inner join"}, [JOIN_CROSS] = {true, true, "a cross join"},
        [JOIN_LEFT] = {true, false, "a left outer join from a static table"},
        [JOIN_RIGHT] = {false, true, "a right outer join to a static table"},
        [JOIN_FULL] = {false, false, "a full outer join"},
        [JOIN_SEMI] = {true, false, "a left semi join with a stream on its right"},
        [JOIN_ANTI] = {true, false, "a left anti join with a stream on its right"},
    };
    int left = walk(w, r->input), right = left < 0 ? -1 : walk(w, r->right);
    if (left < 0 || right < 0)
        return -1;
    if (left && right)
        return refuse(w, r, "a join of two streams");
    if ((left && !joins[r->join].from_left) || (right && !joins[r->join].from_right))
        return refuse(w, r, joins[r->join].name);
    return left || right;
}

static int walk_setop(struct walk *w, const struct rel *r)
{
    int left = walk(w, r->input), right = left < 0 ? -1 : walk(w, r->right);
    if (left < 0 || right < 0)
        return -1;
    if ((left || right) && r->op != SETOP_UNION)
        return refuse(w, r, r->op == SETOP_EXCEPT ? "EXCEPT" : "INTERSECT");
    if ((left || right) && !r->all)
        return refuse(w, r, "UNION without ALL");
    if (left != right)
        return refuse(w, r, "a union with a static table");
    return left;
}

static int walk_leaf(struct walk *w, const struct rel *r)
{
    for (const struct known *k = w->ctes; r->kind == REL_TABLE && !r->bound && r->name.count == 1 && k; k = k->up)
        if (str_ieq(k->name, r->name.parts[0]))
            return k->streams;
    return r->streaming;
}

/* What over a stream cannot be; NULL: it can. */
static const char *refused(const struct rel *r)
{
    switch (r->kind) {
    case REL_AGGREGATE: return "an aggregate";
    case REL_SORT: return "ORDER BY";
    case REL_LIMIT: case REL_TAIL: return "LIMIT";
    case REL_DEDUP: return "dropDuplicates";
    case REL_WATERMARK: return "WATERMARK";
    case REL_SAMPLE: return "TABLESAMPLE";
    case REL_PIVOT: return "PIVOT";
    case REL_PROJECT: return r->distinct ? "SELECT DISTINCT" : NULL;
    default: return NULL;
    }
}

static int walk(struct walk *w, const struct rel *r)
{
    if (r->kind == REL_WITH)
        return walk_with(w, r);
    if (r->kind == REL_JOIN)
        return walk_join(w, r);
    if (r->kind == REL_SETOP)
        return walk_setop(w, r);
    int streams = r->input ? walk(w, r->input) : walk_leaf(w, r);
    if (streams < 0)
        return -1;
    if (streams && refused(r))
        return refuse(w, r, refused(r));
    const struct exprs lone = {(struct expr *[]){r->cond}, r->cond != NULL, 1};
    if (check_exprs(w, r, &r->exprs, streams) || check_exprs(w, r, &r->groups, streams) ||
        check_exprs(w, r, &r->args, streams) || check_exprs(w, r, &lone, streams))
        return -1;
    return streams;
}

int classify_stream(const struct rel *resolved, struct err *err)
{
    struct walk w = {NULL, err};
    return walk(&w, resolved);
}

/* ---- results that change by themselves */

static void find_mood(void *ctx, const struct rel *r)
{
    bool *moody = ctx;
    const struct exprs *lists[] = {&r->exprs, &r->groups, &r->args, &r->order};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (size_t k = 0; k < lists[i]->count; k++)
            *moody = *moody || expr_has_flag(lists[i]->items[k], FN_VOLATILE | FN_QUERY_TIME);
    *moody = *moody || (r->cond && expr_has_flag(r->cond, FN_VOLATILE | FN_QUERY_TIME));
}

bool plan_is_moody(const struct rel *resolved)
{
    bool moody = false;
    rel_visit(resolved, find_mood, &moody);
    return moody;
}
