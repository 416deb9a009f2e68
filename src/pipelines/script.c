/* script.c -- a pipeline's SQL file as statements.
 *
 * `${key}` is filled in before a statement is parsed, and `SET key = value` holds for the statements
 * after it in the file. So a file is first cut at the semicolons that stand outside of strings,
 * quotes and comments; each piece then gets its parameters, its parse and its effect, in order. A
 * piece is padded with blanks to its own line and column, so that errors point at the user's text.
 *
 * SQL notebooks (first line `-- Databricks notebook source`) are the same, cell by cell; a cell of
 * another language is refused, but for %md. Other kinds of sources are refused by name. */
#include "pipelines/model.h"
#include <string.h>

#define NOTEBOOK_MARK "-- Databricks notebook source"

struct script {
    struct model *m;
    struct pipeline *pl;
    const char *shown;             /* the file's name in messages */
    struct map *params;            /* key -> struct str * in the model's arena */
    struct lake_scope names;
};

/* ---- cutting */

/* Past a string, quoted name or comment that starts at `at`, else `at`. */
static size_t skip_quoted(struct str t, size_t at)
{
    char c = t.ptr[at], next = at + 1 < t.len ? t.ptr[at + 1] : 0;
    size_t i = at;
    if (c == '\'' || c == '"' || c == '`') {
        bool raw = c != '`' && at > 0 && (t.ptr[at - 1] == 'r' || t.ptr[at - 1] == 'R');
        for (i++; i < t.len && t.ptr[i] != c; i++)
            if (t.ptr[i] == '\\' && c != '`' && !raw)
                i++;
        return i + 1 < t.len ? i + 1 : t.len;
    }
    if (c == '-' && next == '-') {
        while (i < t.len && t.ptr[i] != '\n')
            i++;
        return i;
    }
    if (c == '/' && next == '*') {
        int depth = 1;
        for (i += 2; i + 1 < t.len && depth; i++) {
            bool opens = t.ptr[i] == '/' && t.ptr[i + 1] == '*', closes = t.ptr[i] == '*' && t.ptr[i + 1] == '/';
            depth += opens - closes;
            i += opens || closes;
        }
        return depth ? t.len : i;
    }
    return at;
}

/* Length of the piece at the front of `t`, its semicolon included. */
static size_t piece_len(struct str t)
{
    size_t i = 0;
    while (i < t.len) {
        size_t past = skip_quoted(t, i);
        if (past == i && t.ptr[i] == ';')
            return i + 1;
        i = past == i ? i + 1 : past;
    }
    return t.len;
}

static void advance(struct str piece, int *line, int *col)
{
    for (size_t i = 0; i < piece.len; i++) {
        *col = piece.ptr[i] == '\n' ? 1 : *col + 1;
        *line += piece.ptr[i] == '\n';
    }
}

/* ---- statements */

static bool param(void *ctx, struct str key, struct str *value)
{
    const struct script *s = ctx;
    const struct str *found = map_get(s->params, key);
    if (found)
        *value = *found;
    return found != NULL;
}

static void set_param(struct script *s, struct str key, struct str value)
{
    struct str *copy = ARENA_NEW(s->m->arena, struct str);
    *copy = str_copy(s->m->arena, value);
    map_put(s->params, key, copy);
}

static int do_set(struct script *s, const struct stmt *st, struct err *err)
{
    if (!st->key.ptr || !st->value.ptr)
        return err_at(err, ERR_UNSUPPORTED, s->shown, st->at.line, st->at.col,
                      "SET in a pipeline gives a parameter its value: SET key = value");
    if (str_starts_z(st->key, "spark."))
        return err_at(err, ERR_UNSUPPORTED, s->shown, st->at.line, st->at.col,
                      "SET %.*s in a pipeline's file is not supported: put it into the pipeline's configuration", STR_ARGS(st->key));
    set_param(s, st->key, st->value);
    return 0;
}

static int do_use(struct script *s, const struct stmt *st, struct err *err)
{
    struct str last = st->name.parts[st->name.count - 1];
    if (str_ieqz(st->object, "CATALOG"))
        s->names.catalog = str_lower(s->m->arena, last);
    else if (st->name.count <= 2)
        s->names.schema = str_lower(s->m->arena, last);
    if (!str_ieqz(st->object, "CATALOG") && st->name.count == 2)
        s->names.catalog = str_lower(s->m->arena, st->name.parts[0]);
    if (st->name.count > 2)
        return err_at(err, ERR_INPUT, s->shown, st->at.line, st->at.col, "USE takes a catalog, a schema or catalog.schema");
    return 0;
}

static int do_statement(struct script *s, const struct stmt *st, const char *file, struct err *err)
{
    if (st->kind == STMT_SET)
        return do_set(s, st, err);
    if (st->kind == STMT_USE)
        return do_use(s, st, err);
    struct query_scope *scope = ARENA_NEW(s->m->arena, struct query_scope);
    *scope = (struct query_scope){file, s->names, s->pl};
    map_put(s->m->scopes, str_of((const char *)&scope->file, sizeof scope->file), scope);
    return model_statement(s->m, s->pl, st, scope, err);
}

static int do_piece(struct script *s, struct str piece, int line, int col, struct err *err)
{
    struct arena *a = s->m->arena;
    struct stmts stmts = {};
    struct buf text;
    buf_init_max(&text, PIPELINE_MAX_FILE_BYTES * 2);
    buf_printf(&text, "%*s", col - 1, "");
    sparksql_substitute(&text, piece, param, s);
    const char *file = arena_strdup(a, s->shown);
    int rc = buf_check(&text, "a statement", err);
    if (!rc)
        rc = sparksql_parse(a, file, line, str_copy(a, buf_view(&text)), &stmts, err);
    buf_release(&text);
    for (size_t i = 0; !rc && i < stmts.count; i++)
        rc = do_statement(s, stmts.items[i], file, err);
    return rc;
}

static int do_text(struct script *s, struct str text, int line, struct err *err)
{
    int col = 1;
    while (text.len) {
        struct str piece = str_sub(text, 0, piece_len(text));
        if (do_piece(s, piece, line, col, err))
            return -1;
        advance(piece, &line, &col);
        text = str_from(text, piece.len);
    }
    return 0;
}

/* ---- files */

static int do_notebook(struct script *s, struct str text, struct err *err)
{
    struct cell *cells;
    int64_t n = sparksql_cells(s->m->arena, text, &cells);
    for (int64_t i = 0; i < n; i++) {
        const struct cell *c = &cells[i];
        if (c->magic && (str_ieqz(c->language, "md") || str_ieqz(c->language, "md-sandbox")))
            continue;
        if (c->magic && !str_ieqz(c->language, "sql"))
            return err_at(err, ERR_UNSUPPORTED, s->shown, c->line, 1,
                          "a cell of language '%%%.*s' in a pipeline's SQL notebook is not supported", STR_ARGS(c->language));
        if (do_text(s, c->text, c->line, err))
            return -1;
    }
    return 0;
}

static int check_kind(const char *path, const char *shown, struct err *err)
{
    static const struct { const char *suffix, *what; } refused[] = {
        {".py", "a Python source"}, {".ipynb", "a Jupyter notebook"}, {".scala", "a Scala source"},
        {".r", "an R source"}, {".R", "an R source"}, {".jar", "a Java library"}, {".whl", "a Python wheel"},
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (str_ends_z(str_z(path), refused[i].suffix))
            return err_at(err, ERR_UNSUPPORTED, shown, 1, 1, "%s of a pipeline is not supported: pipelines take SQL files and SQL notebooks",
                          refused[i].what);
    if (!str_ends_z(str_z(path), ".sql"))
        return err_at(err, ERR_UNSUPPORTED, shown, 1, 1, "a pipeline's source must be a .sql file");
    return 0;
}

/* The path as the user knows it: below the project. */
static const char *shown_path(const struct model *m, const char *path)
{
    struct str p = str_z(path), root = str_z(m->engine ? m->engine->project_dir : NULL);
    if (root.len && str_starts(p, root) && p.len > root.len + 1 && p.ptr[root.len] == '/')
        return arena_strdup(m->arena, path + root.len + 1);
    return arena_strdup(m->arena, path);
}

int script_read(struct model *m, struct pipeline *pl, const char *path, struct err *err)
{
    struct script s = {m, pl, shown_path(m, path), map_new(), pl->names};
    struct buf bytes;
    buf_init_max(&bytes, PIPELINE_MAX_FILE_BYTES);
    for (size_t i = 0; i < pl->setting_count; i++)
        set_param(&s, pl->settings[i].key, pl->settings[i].value);
    int rc = check_kind(path, s.shown, err);
    if (!rc && (rc = fs_read_file(path, PIPELINE_MAX_FILE_BYTES, &bytes, err)) != 0)
        err_locate(err, s.shown, 1, 1);
    struct str text = str_copy(m->arena, buf_view(&bytes));
    if (!rc)
        rc = str_starts_z(text, NOTEBOOK_MARK) ? do_notebook(&s, text, err) : do_text(&s, text, 1, err);
    buf_release(&bytes);
    map_free(s.params);
    return rc;
}
