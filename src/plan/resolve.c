/* resolve.c -- entry points of resolution, scopes, leaves and errors.
 *
 * Resolution walks the unresolved tree once, bottom up. Each relation gives back a new node and a
 * scope; expressions above it are resolved in that scope. What Spark does in repeated rule batches is
 * done here in one pass, since every construct can be typed as soon as its inputs are. */
#include "plan/resolve_int.h"
#include <stdio.h>

void *res_fail(struct rs *rs, struct place at, enum err_code code, const char *fmt, ...)
{
    char msg[sizeof rs->err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    err_at(rs->err, code, at.file, at.line, at.col, "%s", msg);
    return NULL;
}

struct scope *scope_new(struct rs *rs)
{
    struct scope *s = ARENA_NEW(rs->a, struct scope);
    s->outer = rs->outer;
    return s;
}

struct scope_col *scope_add(struct rs *rs, struct scope *s, struct str name, const struct type *type, bool nullable)
{
    s->cols = arena_grow(rs->a, s->cols, &s->cap, s->count + 1, sizeof *s->cols);
    struct scope_col *c = &s->cols[s->count++];
    *c = (struct scope_col){.name = name, .type = type, .nullable = nullable};
    return c;
}

void scope_append(struct rs *rs, struct scope *s, const struct scope *from)
{
    for (size_t i = 0; i < from->count; i++)
        *scope_add(rs, s, STR_NONE, NULL, true) = from->cols[i];
}

const struct type *scope_type(struct rs *rs, const struct scope *s)
{
    struct type_field *fields = ARENA_ARRAY(rs->a, struct type_field, s->count + 1);
    for (size_t i = 0; i < s->count; i++) {
        const struct scope_col *c = &s->cols[i];
        fields[i] = (struct type_field){.name = c->name, .type = c->type, .nullable = c->nullable,
                                        .comment = c->comment, .metadata = c->metadata};
    }
    return type_struct(rs->a, fields, s->count);
}

void scope_qualify(struct scope *s, struct str table)
{
    for (size_t i = 0; i < s->count; i++) {
        s->cols[i].qual[0] = s->cols[i].qual[1] = STR_NONE;
        s->cols[i].qual[2] = s->cols[i].hidden == HIDDEN_BEHIND ? STR_NONE : table;
    }
}

struct expr *column_ref(struct rs *rs, const struct scope *s, size_t ordinal, struct place at)
{
    struct expr *e = expr_new(rs->a, EXPR_COLUMN, at);
    CHECK(ordinal < s->count);
    e->name.parts = arena_copy(rs->a, &s->cols[ordinal].name, sizeof(struct str));
    e->name.count = 1;
    e->type = s->cols[ordinal].type;
    e->nullable = s->cols[ordinal].nullable;
    e->input = (int)ordinal;
    return e;
}

struct str type_text(struct rs *rs, const struct type *t)
{
    struct buf b;
    buf_init(&b);
    type_write_ddl(&b, t);
    struct str s = str_upper(rs->a, buf_view(&b));
    buf_release(&b);
    return s;
}

struct rel *rel_finish(struct rs *rs, struct rel *r, const struct scope *s)
{
    if (s->count > RESOLVE_MAX_COLUMNS)
        return res_fail(rs, r->at, ERR_LIMIT, "a relation has more than %d columns", RESOLVE_MAX_COLUMNS);
    r->output = scope_type(rs, s);
    return r;
}

struct rel *rel_copy(struct rs *rs, const struct rel *r)
{
    return arena_copy(rs->a, r, sizeof *r);
}

struct rel *rel_pick(struct rs *rs, struct rel *input, const struct scope *s, const size_t *ordinals, size_t count,
                     struct scope **out)
{
    struct rel *p = rel_new(rs->a, REL_PROJECT, input->at);
    struct scope *to = scope_new(rs);
    p->input = input;
    for (size_t i = 0; i < count; i++) {
        exprs_push(rs->a, &p->exprs, column_ref(rs, s, ordinals[i], input->at));
        *scope_add(rs, to, STR_NONE, NULL, true) = s->cols[ordinals[i]];
    }
    *out = to;
    return rel_finish(rs, p, to);
}

struct rel *rel_drop_hidden(struct rs *rs, struct rel *r, struct scope **s)
{
    size_t count = 0, *shown = ARENA_ARRAY(rs->a, size_t, (*s)->count + 1);
    for (size_t i = 0; i < (*s)->count; i++)
        if ((*s)->cols[i].hidden == SHOWN)
            shown[count++] = i;
    return count == (*s)->count ? r : rel_pick(rs, r, *s, shown, count, s);
}

/* Names of a leaf as a message shows them: `a`.`b`. */
static struct str names_text(struct rs *rs, const struct rel *r)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < r->name.count; i++)
        buf_printf(&b, "%s`%.*s`", i ? "." : "", STR_ARGS(r->name.parts[i]));
    struct str s = str_copy(rs->a, buf_view(&b));
    buf_release(&b);
    return s;
}

static struct rel *leaf_failed(struct rs *rs, const struct rel *r)
{
    struct str name = r->kind == REL_TABLE ? names_text(rs, r) : r->func;
    if (rs->err->code != ERR_NOT_FOUND || rs->err->msg[0] == '[') {
        err_locate(rs->err, r->at.file, r->at.line, r->at.col);
        return NULL;
    }
    if (r->kind == REL_FUNCTION)
        return res_fail(rs, r->at, ERR_NOT_FOUND,
                        "[UNRESOLVABLE_TABLE_VALUED_FUNCTION] Could not resolve %.*s to a table-valued function",
                        STR_ARGS(name));
    return res_fail(rs, r->at, ERR_NOT_FOUND,
                    "[TABLE_OR_VIEW_NOT_FOUND] The table or view %.*s cannot be found. Verify the spelling and "
                    "correctness of the schema and catalog",
                    STR_ARGS(name));
}

/* A leaf's own column that stars leave out. */
static bool is_metadata(const struct rel *r, struct str name)
{
    return r->kind != REL_LOCAL && str_eqz(name, "_metadata");
}

static struct scope *leaf_scope(struct rs *rs, const struct rel *r, const struct leaf_info *info)
{
    struct scope *s = scope_new(rs);
    for (size_t i = 0; i < info->schema->field_count; i++) {
        const struct type_field *f = &info->schema->fields[i];
        struct scope_col *c = scope_add(rs, s, f->name, f->type, f->nullable);
        c->comment = f->comment;
        c->metadata = f->metadata;
        c->hidden = is_metadata(r, f->name) ? HIDDEN : SHOWN;
        memcpy(c->qual, info->qualifier, sizeof c->qual);
    }
    return s;
}

/* Qualifiers by the name as written, where the callback gave none. */
static void default_qualifier(const struct rel *r, struct leaf_info *info)
{
    if (r->kind != REL_TABLE || info->qualifier[2].len)
        return;
    for (size_t i = 0; i < 3 && i < r->name.count; i++)
        info->qualifier[2 - i] = r->name.parts[r->name.count - 1 - i];
}

static struct rel *resolve_view(struct rs *rs, const struct rel *r, const struct leaf_info *info, struct scope **out)
{
    struct rs inner = *rs;
    if (rs->view_depth >= RESOLVE_MAX_VIEW_DEPTH)
        return res_fail(rs, r->at, ERR_LIMIT, "views are nested more than %d deep", RESOLVE_MAX_VIEW_DEPTH);
    inner.view_depth++;
    inner.ctes = NULL;
    inner.outer = NULL;
    if (info->view_ctx)
        inner.leaf_ctx = info->view_ctx;
    struct rel *v = res_rel(&inner, info->view, out);
    if (v)
        v = rel_drop_hidden(&inner, v, out);
    if (!v)
        return NULL;
    for (size_t i = 0; i < (*out)->count; i++)
        memcpy((*out)->cols[i].qual, info->qualifier, sizeof info->qualifier);
    (*out)->outer = rs->outer;
    if (v->kind == REL_ALIAS)
        return v;
    struct rel *alias = rel_new(rs->a, REL_ALIAS, r->at);
    alias->input = v;
    alias->alias = info->qualifier[2].len ? info->qualifier[2] : r->func;
    return rel_finish(rs, alias, *out);
}

struct rel *res_view_leaf(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct leaf_info info = {0};
    if (rs->env->leaf(rs->leaf_ctx, rs->a, r, &info, rs->err))
        return leaf_failed(rs, r);
    default_qualifier(r, &info);
    if (info.view)
        return resolve_view(rs, r, &info, out);
    struct rel *leaf = rel_copy(rs, r);
    CHECK(info.schema && info.schema->kind == TYPE_STRUCT);
    leaf->bound = info.bound;
    *out = leaf_scope(rs, r, &info);
    return rel_finish(rs, leaf, *out);
}

static void rs_init(struct rs *rs, struct arena *a, const struct resolver *env, struct err *err)
{
    *rs = (struct rs){.a = a, .env = env, .leaf_ctx = env->ctx, .err = err,
                      .now = env->now.us ? env->now : time_now()};
}

struct rel *plan_resolve(struct arena *a, const struct rel *r, const struct resolver *env, struct err *err)
{
    struct rs rs;
    struct scope *s = NULL;
    rs_init(&rs, a, env, err);
    struct rel *out = res_rel(&rs, r, &s);
    return out ? rel_drop_hidden(&rs, out, &s) : NULL;
}

struct expr *plan_resolve_expr(struct arena *a, const struct expr *e, const struct type *input,
                               const struct resolver *env, struct err *err)
{
    struct rs rs;
    rs_init(&rs, a, env, err);
    struct scope *s = scope_new(&rs);
    for (size_t i = 0; i < input->field_count; i++)
        scope_add(&rs, s, input->fields[i].name, input->fields[i].type, input->fields[i].nullable);
    struct ex x = {.rs = &rs, .in = s, .no_aggregate = "an expression over one row"};
    return res_expr(&x, e);
}
