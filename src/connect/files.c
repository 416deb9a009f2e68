#include "connect/files.h"
#include "engine/print.h"
#include "lake/catalog.h"
#include "lake/write.h"
#include "resolve/resolve.h"
#include <string.h>

#define MODE(x) SPARK__CONNECT__WRITE_OPERATION__SAVE_MODE__SAVE_MODE_##x

static const struct format { const char *name, *extension, *copy; } FORMATS[] = {
    {"parquet", "snappy.parquet", "FORMAT parquet"}, {"csv", "csv", "FORMAT csv"}, {"json", "json", "FORMAT json"},
};

static struct str option(const Spark__Connect__WriteOperation *m, const char *name, struct str otherwise)
{
    for (size_t i = 0; i < m->n_options; i++)
        if (str_ieqz(str_z(m->options[i]->key), name))
            return str_z(m->options[i]->value);
    return otherwise;
}

/* `mode` is what the option holds for; NULL value: any. */
static const struct write_option { const char *name, *value; bool csv; Spark__Connect__WriteOperation__SaveMode mode; } OPTIONS[] = {
    {"header", NULL, true, MODE(UNSPECIFIED)}, {"sep", NULL, true, MODE(UNSPECIFIED)}, {"delimiter", NULL, true, MODE(UNSPECIFIED)},
    {"mergeSchema", "false", false, MODE(UNSPECIFIED)},
    {"overwriteSchema", "true", false, MODE(OVERWRITE)}, /* as an overwrite does here */
    {"partitionOverwriteMode", "static", false, MODE(UNSPECIFIED)},
};

int write_check_options(const Spark__Connect__WriteOperation *m, bool csv, struct err *err)
{
    for (size_t i = 0; i < m->n_options; i++) {
        struct str key = str_z(m->options[i]->key), value = str_z(m->options[i]->value);
        bool known = m->save_type_case == SPARK__CONNECT__WRITE_OPERATION__SAVE_TYPE_PATH && str_ieqz(key, "path");
        for (size_t k = 0; k < COUNT_OF(OPTIONS); k++)
            known |= str_ieqz(key, OPTIONS[k].name) && (csv || !OPTIONS[k].csv) && (!OPTIONS[k].value || str_ieqz(value, OPTIONS[k].value)) &&
                     (OPTIONS[k].mode == MODE(UNSPECIFIED) || OPTIONS[k].mode == m->mode);
        if (!known)
            return err_set(err, ERR_UNSUPPORTED, "option '%s' of write is not supported; its value is '%s'", m->options[i]->key, m->options[i]->value);
    }
    return 0;
}

static int copy_to(struct call *c, const Spark__Connect__WriteOperation *m, const struct format *f, struct rel *query, const char *file)
{
    struct session_plan plan;
    struct buf sql;
    struct session *s = c->client->session;
    if (session_plan(s, c->a, query, NULL, &plan, &c->err))
        return -1;
    buf_init(&sql);
    buf_printf(&sql, "COPY (%.*s) TO ", STR_ARGS(plan.sql));
    duck_quote_text(&sql, str_z(file));
    buf_printf(&sql, " (%s", f->copy);
    if (strcmp(f->name, "csv") == 0) {
        buf_printf(&sql, ", HEADER %s, DELIM ", str_ieqz(option(m, "header", STR("false")), "true") ? "true" : "false");
        duck_quote_text(&sql, option(m, "sep", option(m, "delimiter", STR(","))));
    }
    buf_z(&sql, ")");
    int rc = duck_exec(session_conn(s), buf_view(&sql), &c->err);
    if (rc)
        engine_error(&c->err);
    buf_release(&sql);
    session_plan_release(&plan);
    return rc;
}

static bool something_at(struct arena *a, const char *dir)
{
    char **names;
    struct err ignored;
    return fs_exists(dir) && fs_list(a, dir, &names, &ignored) != 0;
}

/* What was there goes aside first and comes back if the new folder does not get its place. */
static int replace_folder(struct call *c, const char *fresh, const char *dir)
{
    char *old = arena_printf(c->a, "%s.old", fresh);
    struct err ignored;
    bool there = fs_exists(dir);
    if (there && fs_rename(dir, old, &c->err))
        return -1;
    if (fs_rename(fresh, dir, &c->err)) {
        if (there)
            (void)!fs_rename(old, dir, &ignored);
        return -1;
    }
    return there ? fs_remove_tree(old, &c->err) : 0;
}

static int write_folder(struct call *c, const Spark__Connect__WriteOperation *m, const struct format *f, struct rel *query, const char *dir)
{
    char id[UUID_TEXT];
    uuid_make(id);
    bool there = something_at(c->a, dir), append = m->mode == MODE(APPEND) && there;
    char *parent = str_cz(c->a, path_dir(str_z(dir))), *fresh = arena_printf(c->a, "%s/.write-%s", parent, id);
    char *name = arena_printf(c->a, "part-00000-%s-c000.%s", id, f->extension);
    if (there && m->mode == MODE(IGNORE))
        return 0;
    if (there && m->mode != MODE(APPEND) && m->mode != MODE(OVERWRITE))
        return err_set(&c->err, ERR_EXISTS, "[PATH_ALREADY_EXISTS] Path %s already exists. Set mode as \"overwrite\" to overwrite the existing path.", m->path);
    int rc = fs_mkdirs(fresh, &c->err);
    if (rc == 0)
        rc = copy_to(c, m, f, query, path_join(c->a, fresh, name));
    if (rc == 0)
        rc = append ? fs_rename(path_join(c->a, fresh, name), path_join(c->a, dir, name), &c->err) : replace_folder(c, fresh, dir);
    if (rc == 0)
        rc = fs_write_file(path_join(c->a, dir, "_SUCCESS"), STR(""), &c->err);
    struct err ignored;
    if (fs_exists(fresh))
        (void)!fs_remove_tree(fresh, &ignored);
    return rc;
}

static int write_delta(struct call *c, const Spark__Connect__WriteOperation *m, struct rel *query, const char *dir)
{
    struct session *s = c->client->session;
    struct engine *e = session_engine(s);
    struct session_plan plan;
    int64_t version;
    if (session_plan(s, c->a, query, NULL, &plan, &c->err))
        return -1;
    struct lake_txn *x = lake_txn_begin(lake_catalog_table(e->catalog, dir), session_conn(s), &c->err);
    bool there = x && lake_txn_snapshot(x);
    int rc = x ? 0 : -1;
    struct lake_spec spec = {.schema = plan.resolved->output};
    if (there && m->mode != MODE(APPEND) && m->mode != MODE(OVERWRITE) && m->mode != MODE(IGNORE))
        rc = err_set(&c->err, ERR_EXISTS, "[DELTA_PATH_EXISTS] Cannot write to already existent path %s without setting OVERWRITE = 'true'.", m->path);
    if (rc == 0 && !(there && m->mode == MODE(IGNORE))) {
        if (!there || m->mode == MODE(OVERWRITE))
            rc = lake_txn_create(x, &spec, &c->err);
        if (rc == 0 && there && m->mode == MODE(OVERWRITE))
            lake_txn_overwrite(x);
        if (rc == 0)
            rc = lake_txn_write(x, plan.sql, NULL, &c->err) < 0 ? -1 : 0;
        lake_txn_info(x, "WRITE", NULL, NULL);
        if (rc == 0)
            rc = lake_txn_commit(x, &version, &c->err);
        if (rc == 0 && e->on_commit)
            e->on_commit(e->on_commit_ctx, str_z(dir), version);
    }
    lake_txn_end(x);
    session_plan_release(&plan);
    return rc;
}

int files_write(struct call *c, const Spark__Connect__WriteOperation *m, struct rel *query)
{
    struct str source = m->source && *m->source ? str_z(m->source) : STR("delta");
    const struct format *f = NULL;
    struct resolved at;
    for (size_t i = 0; i < COUNT_OF(FORMATS); i++)
        if (str_ieqz(source, FORMATS[i].name))
            f = &FORMATS[i];
    if (!f && !str_ieqz(source, "delta"))
        return err_set(&c->err, ERR_UNSUPPORTED, "write.format('%.*s') is not supported: there are delta, parquet, csv and json", STR_ARGS(source));
    if (session_engine(c->client->session)->read_only)
        return err_set(&c->err, ERR_DENIED, "the state is in use by another process, only queries run beside it");
    if (m->n_partitioning_columns)
        return err_set(&c->err, ERR_UNSUPPORTED, "write.partitionBy() into a path is not supported: write a table with saveAsTable()");
    if (write_check_options(m, f && strcmp(f->name, "csv") == 0, &c->err) || resolve_name(session_engine(c->client->session)->names, c->a, str_z(m->path), &at, &c->err))
        return -1;
    if (at.kind != RESOLVED_LOCAL)
        return err_set(&c->err, ERR_UNSUPPORTED, "'%s' is not served here: nothing can be written there", m->path);
    size_t n = strlen(at.path);
    while (n > 1 && at.path[n - 1] == '/')
        n--;
    char *dir = arena_strndup(c->a, at.path, n);
    return f ? write_folder(c, m, f, query, dir) : write_delta(c, m, query, dir);
}
