/* stmt_dump.c -- a statement as text, for tests: its kind and name, then one line for each member
 * that is set, then its plan. */
#include "sparksql/sparksql.h"

static void names(struct buf *out, const char *label, const struct names *n)
{
    if (n->count == 0)
        return;
    buf_printf(out, "  %s ", label);
    for (size_t i = 0; i < n->count; i++)
        buf_printf(out, "%s%.*s", i ? "." : "", STR_ARGS(n->parts[i]));
    buf_char(out, '\n');
}

static void str(struct buf *out, const char *label, struct str s)
{
    if (s.ptr && (s.len || label[0] == 'v'))
        buf_printf(out, "  %s: %.*s\n", label, STR_ARGS(s));
}

static void expr(struct buf *out, const char *label, const struct expr *e)
{
    if (!e)
        return;
    buf_printf(out, "  %s: ", label);
    expr_dump(out, e);
    buf_char(out, '\n');
}

static void exprs(struct buf *out, const char *label, const struct exprs *list)
{
    if (list->count == 0)
        return;
    buf_printf(out, "  %s: ", label);
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            buf_z(out, ", ");
        expr_dump(out, list->items[i]);
    }
    buf_char(out, '\n');
}

static void options(struct buf *out, const char *label, const struct options *o)
{
    for (size_t i = 0; i < o->count; i++)
        buf_printf(out, "  %s %.*s = %.*s\n", label, STR_ARGS(o->keys[i]), STR_ARGS(o->values[i]));
}

static void rel(struct buf *out, const char *label, const struct rel *r)
{
    if (!r)
        return;
    buf_printf(out, "  %s:\n", label);
    plan_dump(out, r);
}

static void flags(struct buf *out, const struct stmt *s)
{
    const struct {
        bool on;
        const char *word;
    } all[] = {{s->or_replace, "or replace"},
               {s->or_refresh, "or refresh"},
               {s->if_not_exists, "if not exists"},
               {s->if_exists, "if exists"},
               {s->temporary, "temporary"},
               {s->global, "global"},
               {s->private_, "private"},
               {s->external, "external"},
               {s->overwrite, "overwrite"},
               {s->by_name, "by name"},
               {s->extended, "extended"},
               {s->detail, "detail"},
               {s->history, "history"},
               {s->cascade, "cascade"},
               {s->live, "live"},
               {s->cluster_auto, "cluster auto"},
               {s->schema_evolution, "schema evolution"},
               {s->full, "full"},
               {s->dry_run, "dry run"},
               {s->flow.once, "once"},
               {s->flow.by_name, "flow by name"}};
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (!all[i].on)
            continue;
        buf_z(out, first ? "  " : ", ");
        buf_z(out, all[i].word);
        first = false;
    }
    if (!first)
        buf_char(out, '\n');
}

static void columns(struct buf *out, const struct stmt *s)
{
    for (size_t i = 0; i < s->column_count; i++) {
        const struct column_def *c = &s->columns[i];
        buf_printf(out, "  column %.*s", STR_ARGS(c->name));
        if (c->type) {
            buf_char(out, ' ');
            type_write_ddl(out, c->type);
        }
        buf_printf(out, "%s%s", c->not_null ? " not null" : "", c->identity ? " identity" : "");
        if (c->comment.len)
            buf_printf(out, " comment '%.*s'", STR_ARGS(c->comment));
        buf_char(out, '\n');
        expr(out, "  default", c->default_value);
        expr(out, "  generated", c->generated);
    }
}

static void expectations(struct buf *out, const struct stmt *s)
{
    static const char *const words[] = {"warn", "drop", "fail"};
    for (size_t i = 0; i < s->expectation_count; i++) {
        const struct expectation *e = &s->expectations[i];
        buf_printf(out, "  expect %.*s %s: ", STR_ARGS(e->name), words[e->on]);
        expr_dump(out, e->cond);
        buf_printf(out, " <%.*s>\n", STR_ARGS(e->cond_text));
    }
    for (size_t i = 0; i < s->constraint_count; i++)
        buf_printf(out, "  constraint %.*s\n", STR_ARGS(s->constraints[i]));
}

static void flow(struct buf *out, const struct flow_def *f)
{
    static const char *const kinds[] = {"", "insert", "auto cdc", "replace where"};
    if (f->kind == FLOW_NONE)
        return;
    buf_printf(out, "  flow %s", kinds[f->kind]);
    if (f->kind == FLOW_AUTO_CDC)
        buf_printf(out, " scd %d%s", f->cdc.scd_type,
                   f->cdc.ignore_null_updates ? " ignore nulls" : "");
    buf_char(out, '\n');
    names(out, "into", &f->target);
    expr(out, "replace where", f->replace_where);
    exprs(out, "keys", &f->cdc.keys);
    expr(out, "delete when", f->cdc.delete_when);
    expr(out, "truncate when", f->cdc.truncate_when);
    expr(out, "sequence by", f->cdc.sequence_by);
    exprs(out, "columns", &f->cdc.columns);
    exprs(out, "except columns", &f->cdc.except_columns);
    exprs(out, "track", &f->cdc.track);
    exprs(out, "track except", &f->cdc.track_except);
    rel(out, "source", f->cdc.source);
    rel(out, "query", f->query);
}

static void actions(struct buf *out, const struct stmt *s)
{
    static const char *const whens[] = {"matched", "not matched", "not matched by source"};
    static const char *const ops[] = {"update", "delete", "insert"};
    for (size_t i = 0; i < s->action_count; i++) {
        const struct merge_action *m = &s->actions[i];
        buf_printf(out, "  when %s: %s%s\n", whens[m->when], ops[m->op], m->star ? " *" : "");
        expr(out, "  and", m->cond);
        exprs(out, "  columns", &m->columns);
        exprs(out, "  values", &m->values);
    }
}

void stmt_dump(struct buf *out, const struct stmt *s)
{
    buf_printf(out, "%s", stmt_kind_name(s->kind));
    for (size_t i = 0; i < s->name.count; i++)
        buf_printf(out, "%s%.*s", i ? "." : " ", STR_ARGS(s->name.parts[i]));
    buf_char(out, '\n');
    str(out, "object", s->object);
    str(out, "action", s->action);
    flags(out, s);
    str(out, "key", s->key);
    str(out, "value", s->value);
    str(out, "pattern", s->pattern);
    str(out, "position", s->position);
    str(out, "using", s->using_format);
    str(out, "location", s->location);
    str(out, "comment", s->comment);
    str(out, "schedule", s->schedule);
    names(out, "to", &s->rename_to);
    columns(out, s);
    expectations(out, s);
    exprs(out, "partitioned by", &s->partitioned_by);
    exprs(out, "cluster by", &s->cluster_by);
    options(out, "property", &s->properties);
    options(out, "option", &s->table_options);
    options(out, "partition", &s->partition_spec);
    exprs(out, "args", &s->args);
    if (s->returns) {
        buf_z(out, "  returns ");
        type_write_ddl(out, s->returns);
        buf_char(out, '\n');
    }
    expr(out, "version", s->version);
    expr(out, "timestamp", s->timestamp);
    exprs(out, "set", &s->assignments_to);
    exprs(out, "to", &s->assignments_value);
    expr(out, "where", s->where);
    flow(out, &s->flow);
    if (s->target)
        rel(out, "target", s->target);
    rel(out, "source", s->source);
    expr(out, "on", s->on);
    actions(out, s);
    if (s->query && s->kind == STMT_QUERY)
        plan_dump(out, s->query);
    else
        rel(out, "query", s->query);
    if (s->inner)
        stmt_dump(out, s->inner);
}
