/* flow.c -- flows of declarative pipelines: CREATE FLOW, the FLOW clause of a streaming table, AUTO
 * CDC and its old name APPLY CHANGES.
 *
 *     spec := FROM source KEYS (…) {IGNORE NULL UPDATES | APPLY AS DELETE WHEN c | APPLY AS
 * TRUNCATE WHEN c | SEQUENCE BY e | COLUMNS list | STORED AS SCD TYPE n | TRACK HISTORY ON list}…
 *     list := a, b | (a, b) | * EXCEPT (a, b)
 *
 * The clauses come in any order, each once; KEYS and SEQUENCE BY must be there. */
#include "sparksql/parse_int.h"

static struct rel *cdc_source(struct parser *p)
{
    p->pipeline_source = true;
    struct rel *r = relation_primary(p);
    p->pipeline_source = false;
    return r;
}

static void columns(struct parser *p, struct exprs *out)
{
    bool paren = accept_op(p, OP_LPAREN);
    do {
        struct expr *c = expr_new(p->a, EXPR_COLUMN, here(p));
        c->name = names(p, "a column");
        exprs_push(p->a, out, c);
    } while (accept_op(p, OP_COMMA));
    if (paren)
        expect_op(p, OP_RPAREN);
}

static void columns_or_star(struct parser *p, struct exprs *some, struct exprs *all_but)
{
    if (!is_op(p, OP_STAR)) {
        columns(p, some);
        return;
    }
    advance(p);
    if (accept_kw(p, KW_EXCEPT))
        columns(p, all_but);
}

static void stored_as(struct parser *p, struct cdc_spec *c)
{
    struct place at = here(p);
    expect_kw(p, KW_AS);
    if (is_word(p, "BITEMPORAL"))
        refuse(p, at, "STORED AS BITEMPORAL", "use SCD TYPE 2");
    if (!accept_word(p, "SCD") || !accept_word(p, "TYPE"))
        syntax_error(p, "SCD TYPE 1 or SCD TYPE 2");
    at = here(p);
    int64_t type = integer(p, "1 or 2");
    if (!p->failed && type != 1 && type != 2)
        fail_at(p, at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] SCD TYPE is 1 or 2, not %jd",
                (intmax_t)type);
    c->scd_type = (int)type;
}

static void apply_as(struct parser *p, struct cdc_spec *c)
{
    expect_kw(p, KW_AS);
    bool delete = is_kw(p, KW_DELETE);
    if (!delete &&!is_kw(p, KW_TRUNCATE))
        syntax_error(p, "DELETE WHEN or TRUNCATE WHEN");
    advance(p);
    expect_kw(p, KW_WHEN);
    struct expr *cond = expression(p);
    *(delete ? &c->delete_when : &c->truncate_when) = cond;
}

static void ignore_null_updates(struct parser *p, struct cdc_spec *c)
{
    expect_kw(p, KW_NULL);
    if (!accept_word(p, "UPDATES"))
        syntax_error(p, "UPDATES");
    if (is_kw(p, KW_ON))
        refuse(p, here(p), "IGNORE NULL UPDATES ON some columns",
               "leave ON away to ignore nulls in all of them");
    c->ignore_null_updates = true;
}

static bool cdc_clause(struct parser *p, struct cdc_spec *c)
{
    struct place at = here(p);
    if (accept_word(p, "KEYS")) {
        columns(p, &c->keys);
    } else if (accept_kw(p, KW_IGNORE)) {
        ignore_null_updates(p, c);
    } else if (accept_word(p, "APPLY")) {
        apply_as(p, c);
    } else if (is_word(p, "SYSTEM")) {
        refuse(p, at, "SYSTEM SEQUENCE BY", NULL);
    } else if (accept_word(p, "SEQUENCE")) {
        expect_kw(p, KW_BY);
        c->sequence_by = expression(p);
    } else if (is_word(p, "COLUMNS") && peek_kw(p, 1, KW_TO)) {
        refuse(p, at, "COLUMNS TO UPDATE", NULL);
    } else if (accept_word(p, "COLUMNS")) {
        columns_or_star(p, &c->columns, &c->except_columns);
    } else if (accept_word(p, "STORED")) {
        stored_as(p, c);
    } else if (accept_word(p, "TRACK")) {
        if (!accept_word(p, "HISTORY"))
            syntax_error(p, "HISTORY ON");
        expect_kw(p, KW_ON);
        columns_or_star(p, &c->track, &c->track_except);
    } else if (is_kw(p, KW_WHERE)) {
        refuse(p, at, "WHERE in APPLY CHANGES", "filter in a view and read that");
    } else {
        return false;
    }
    return !p->failed;
}

void auto_cdc(struct parser *p, struct flow_def *f)
{
    struct place at = here(p);
    f->kind = FLOW_AUTO_CDC;
    f->cdc.scd_type = 1;
    if (is_kw(p, KW_FROM) && str_ieqz(tok_text(p, peek(p, 1)), "SNAPSHOT") && name_follows(p, 2))
        refuse(p, at, "AUTO CDC FROM SNAPSHOT in SQL", "write it in Python");
    expect_kw(p, KW_FROM);
    f->cdc.source = cdc_source(p);
    while (cdc_clause(p, &f->cdc))
        ;
    if (!f->cdc.keys.count)
        fail_at(p, at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] AUTO CDC needs KEYS (columns)");
    if (!f->cdc.sequence_by)
        fail_at(p, at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] AUTO CDC needs SEQUENCE BY");
    if ((f->cdc.track.count || f->cdc.track_except.count) && f->cdc.scd_type != 2)
        fail_at(p, at, ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] TRACK HISTORY ON needs STORED AS SCD TYPE 2");
    if (f->cdc.truncate_when && f->cdc.scd_type != 1)
        fail_at(p, at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] APPLY AS TRUNCATE WHEN needs SCD TYPE 1");
}

static bool replace_where(struct parser *p, struct flow_def *f)
{
    if (!accept_kws(p, KW_REPLACE, KW_WHERE))
        return false;
    f->kind = FLOW_REPLACE_WHERE;
    f->replace_where = expression(p);
    f->by_name = accept_kws(p, KW_BY, KW_NAME);
    f->query = query(p);
    return true;
}

void flow_clause(struct parser *p, struct stmt *s)
{
    struct flow_def *f = &s->flow;
    if (accept_kw(p, KW_INSERT)) {
        f->kind = FLOW_INSERT;
        f->once = accept_word(p, "ONCE");
        f->by_name = accept_kws(p, KW_BY, KW_NAME);
        size_t from = p->at;
        f->query = query(p);
        s->query_text = text_since(p, from);
    } else if (accept_word(p, "AUTO")) {
        if (!accept_word(p, "CDC"))
            syntax_error(p, "CDC");
        f->once = accept_word(p, "ONCE");
        auto_cdc(p, f);
    } else if (!replace_where(p, f)) {
        syntax_error(p, "INSERT, AUTO CDC or REPLACE WHERE");
    }
}

void create_flow(struct parser *p, struct stmt *s)
{
    struct flow_def *f = &s->flow;
    s->name = f->name = names(p, "a flow");
    if (accept_kw(p, KW_COMMENT))
        s->comment = f->comment = string(p, "the comment as a string");
    expect_kw(p, KW_AS);
    bool insert = accept_kw(p, KW_INSERT);
    bool apply = !insert && accept_word(p, "APPLY");
    if (!insert && !apply && !accept_word(p, "AUTO"))
        syntax_error(p, "INSERT INTO or AUTO CDC INTO");
    if (!insert && !accept_word(p, apply ? "CHANGES" : "CDC"))
        syntax_error(p, apply ? "CHANGES INTO" : "CDC INTO");
    f->once = is_word(p, "ONCE") && peek_kw(p, 1, KW_INTO) && accept_word(p, "ONCE");
    expect_kw(p, KW_INTO);
    if (is_word(p, "ONCE") && name_follows(p, 1) && !peek_kw(p, 1, KW_BY) &&
        !peek_kw(p, 1, KW_REPLACE) && !peek_kw(p, 1, KW_SELECT))
        f->once = accept_word(p, "ONCE");
    f->target = table_names(p, "a streaming table");
    if (!insert) {
        auto_cdc(p, f);
        return;
    }
    if (replace_where(p, f))
        return;
    f->kind = FLOW_INSERT;
    f->by_name = accept_kws(p, KW_BY, KW_NAME);
    size_t from = p->at;
    f->query = query(p);
    s->query_text = text_since(p, from);
}
