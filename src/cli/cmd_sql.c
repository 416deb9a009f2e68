/* cmd_sql -- `paystreak sql`: statements over the project's tables, rows as a table or JSON lines.
 *
 * If no other process owns the state this one takes it, and every statement runs. Beside a running
 * project queries read the same tables at their newest versions; a script that does more is run by the
 * owner, whose client this command then is (control.h). */
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/sql_print.h"
#include "cli/project.h"
#include "cli/state.h"
#include "engine/session.h"
#include "resolve/resolve.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SQL_FILE_MAX = 64 << 20 };

static int read_statement(struct arena *a, const struct cli_args *args, struct str *text, const char **name, struct err *err)
{
    *name = args->file ? args->file : "statement";
    if (args->word_count) {
        *text = str_z(args->words[0]);
        return 0;
    }
    struct buf b;
    buf_init_max(&b, SQL_FILE_MAX);
    int rc = 0;
    if (args->file && strcmp(args->file, "-") != 0) {
        rc = fs_read_file(args->file, SQL_FILE_MAX, &b, err);
    } else if (isatty(STDIN_FILENO)) {
        rc = err_set(err, ERR_USAGE, "give a statement, --file FILE, or statements on standard input");
    } else {
        char chunk[65536];
        ssize_t n;
        while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
            buf_add(&b, chunk, (size_t)n);
        rc = buf_check(&b, "standard input", err);
    }
    *text = str_copy(a, buf_view(&b));
    buf_release(&b);
    return rc;
}

/* Nothing but statements that read? One that does not parse is left to whoever runs it. */
static bool only_reads(struct arena *a, const char *name, struct str text)
{
    static const enum stmt_kind reads[] = {STMT_QUERY, STMT_SHOW, STMT_DESCRIBE, STMT_EXPLAIN, STMT_USE, STMT_SET};
    struct stmts stmts = {0};
    struct err ignored;
    if (sparksql_parse(a, name, 1, text, &stmts, &ignored))
        return true;
    for (size_t i = 0; i < stmts.count; i++) {
        bool read = false;
        for (size_t k = 0; k < COUNT_OF(reads); k++)
            read |= stmts.items[i]->kind == reads[k];
        if (!read)
            return false;
    }
    return true;
}

static int run_sql(struct arena *a, const struct cli_args *args, struct str text, const char *name, struct err *err)
{
    char *dir = cli_state_dir(a, args), *project = cli_project_dir(a, args);
    struct err busy;
    bool owner = true;
    struct state *state = args->state || fs_exists(dir) ? state_open(dir, true, "sql", &busy) : state_open(dir, false, "sql", &busy);
    if (!state && busy.code == ERR_EXISTS) {
        owner = false;
        if (!only_reads(a, name, text) && args->bind_count)
            return err_set(err, ERR_USAGE, "--bind has no effect on what writes: the owner of the state runs it, with its own bindings");
        if (!only_reads(a, name, text))
            return control_sql(dir, args->json, name, text, &busy, err);
        state = state_open(dir, false, "sql", err);
    } else if (!state) {
        *err = busy;
    }
    if (!state)
        return -1;
    struct resolver_names *names = resolve_new(dir, project);
    int rc = cli_bind_all(names, a, args, err);
    struct engine *e = rc == 0 ? engine_open(dir, project, names, NULL, err) : NULL;
    struct session *s = NULL;
    if (e) {
        e->read_only = !owner;
        s = session_new(e, err);
    }
    rc = -1;
    if (s) {
        session_search_path(s, STR(CLI_SEARCH_PATH));
        rc = sql_print_script(s, stdout, args->json, name, text, err);
    }
    fflush(stdout);
    session_free(s);
    engine_close(e);
    resolve_free(names);
    state_close(state);
    return rc;
}

int cmd_sql(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct str text;
    const char *name;
    int rc = read_statement(a, args, &text, &name, &err);
    if (rc == 0)
        rc = run_sql(a, args, text, name, &err);
    int status = rc ? cli_fail(args, &err) : 0;
    arena_free(a);
    return status;
}
