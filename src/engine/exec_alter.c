/* exec_alter -- ALTER TABLE and COMMENT ON TABLE of Delta tables: a table of actions, each over lake/dml.h.
 *
 * A statement is one commit. Names of columns are paths: a.b is the field b of a. */
#include "engine/session_int.h"
#include "lake/dml.h"

struct altering { struct arena *a; const struct stmt *st; struct lake_txn *x; };

static struct lake_path path_of(const struct expr *e) { return (struct lake_path){e->name.parts, e->name.count}; }

/* FIRST, AFTER name, or neither. */
static enum lake_place place_of_column(const struct stmt *st, struct str *after)
{
    *after = STR_NONE;
    if (str_eqz(st->position, "FIRST"))
        return LAKE_PLACE_FIRST;
    if (!st->position.len)
        return LAKE_PLACE_LAST;
    *after = str_from(st->position, strlen("AFTER "));
    return LAKE_PLACE_AFTER;
}

static int add_columns(struct altering *w, struct err *err)
{
    const struct type *added = session_columns_type(w->a, w->st);
    struct str after;
    enum lake_place place = place_of_column(w->st, &after);
    for (size_t i = 0; i < added->field_count; i++) {
        struct lake_path at = path_of(w->st->args.items[i]);
        at.count--; /* its parent */
        if (lake_txn_add_column(w->x, at, &added->fields[i], place, after, err))
            return -1;
    }
    return 0;
}

static int drop_columns(struct altering *w, struct err *err)
{
    for (size_t i = 0; i < w->st->args.count; i++) {
        struct lake_path at = path_of(w->st->args.items[i]);
        if (w->st->if_exists && at.count == 1 && !type_field_find(lake_txn_schema(w->x), at.parts[0]))
            continue;
        if (lake_txn_drop_column(w->x, at, err))
            return -1;
    }
    return 0;
}

static int rename_column(struct altering *w, struct err *err) { return lake_txn_rename_column(w->x, path_of(w->st->args.items[0]), w->st->key, err); }

static int alter_column(struct altering *w, const struct lake_alter_column *o, struct err *err)
{
    return lake_txn_alter_column(w->x, path_of(w->st->args.items[0]), o, err);
}

static int column_type(struct altering *w, struct err *err) { return alter_column(w, &(struct lake_alter_column){.type = w->st->columns[0].type}, err); }
static int column_not_null(struct altering *w, struct err *err) { return alter_column(w, &(struct lake_alter_column){.set_nullable = true}, err); }
static int column_nullable(struct altering *w, struct err *err) { return alter_column(w, &(struct lake_alter_column){.set_nullable = true, .nullable = true}, err); }
static int column_no_default(struct altering *w, struct err *err) { return alter_column(w, &(struct lake_alter_column){.drop_default = true}, err); }

static int column_default(struct altering *w, struct err *err)
{
    return alter_column(w, &(struct lake_alter_column){.set_default = true, .default_text = w->st->columns[0].default_text}, err);
}

static int column_comment(struct altering *w, struct err *err)
{
    return alter_column(w, &(struct lake_alter_column){.set_comment = true, .comment = w->st->columns[0].comment}, err);
}

static int column_position(struct altering *w, struct err *err)
{
    struct lake_alter_column o = {.set_place = true};
    o.place = place_of_column(w->st, &o.after);
    return alter_column(w, &o, err);
}

/* CHANGE COLUMN old new type: what differs. */
static int change_column(struct altering *w, struct err *err)
{
    const struct column_def *d = &w->st->columns[0];
    struct lake_path at = path_of(w->st->args.items[0]);
    struct lake_alter_column o = {.type = d->type, .set_comment = d->comment.ptr != NULL, .comment = d->comment, .set_place = w->st->position.len > 0};
    o.place = place_of_column(w->st, &o.after);
    if (lake_txn_alter_column(w->x, at, &o, err))
        return -1;
    return str_ieq(at.parts[at.count - 1], d->name) ? 0 : lake_txn_rename_column(w->x, at, d->name, err);
}

static int add_constraint(struct altering *w, struct err *err)
{
    if (!w->st->where)
        return stmt_err(w->st, ERR_UNSUPPORTED, err, "ADD CONSTRAINT %.*s %.*s: only CHECK (condition) is enforced", STR_ARGS(w->st->key), STR_ARGS(w->st->value));
    return lake_txn_add_constraint(w->x, w->st->key, w->st->value, err);
}

static int drop_constraint(struct altering *w, struct err *err) { return lake_txn_drop_constraint(w->x, w->st->key, w->st->if_exists, err); }

static int set_properties(struct altering *w, struct err *err)
{
    return lake_txn_set_properties(w->x, session_property_pairs(w->a, &w->st->properties), err);
}

static int unset_properties(struct altering *w, struct err *err)
{
    struct lake_pairs pairs = session_property_pairs(w->a, &w->st->properties);
    for (size_t i = 0; i < pairs.count; i++) {
        if (!w->st->if_exists && !lake_property(lake_txn_snapshot(w->x), str_cz(w->a, pairs.items[i].key)).ptr)
            return stmt_err(w->st, ERR_NOT_FOUND, err, "[UNSET_NONEXISTENT_PROPERTIES] the table has no property '%.*s': use IF EXISTS", STR_ARGS(pairs.items[i].key));
        pairs.items[i].is_null = true;
    }
    return lake_txn_set_properties(w->x, pairs, err);
}

static int cluster_by(struct altering *w, struct err *err)
{
    struct lake_path *paths;
    if (session_cluster_paths(w->a, w->st, &paths, err))
        return -1;
    return lake_txn_cluster_by(w->x, paths, w->st->cluster_by.count, err);
}

/* DROP FEATURE name [TRUNCATE HISTORY]: the parser keeps its text. */
static int drop_other(struct altering *w, struct err *err)
{
    struct str rest = str_trim(w->st->value), word, feature;
    if (!str_split(&rest, ' ', &word) || !str_ieqz(word, "FEATURE") || !str_split(&rest, ' ', &feature) || str_trim(rest).len)
        return stmt_err(w->st, ERR_UNSUPPORTED, err, "ALTER TABLE … DROP %.*s is not supported", STR_ARGS(w->st->value));
    return lake_txn_drop_feature(w->x, feature, err);
}

static int comment_on(struct altering *w, struct err *err) { return lake_txn_set_description(w->x, w->st->comment, err); }

static const struct action { const char *name; int (*run)(struct altering *w, struct err *err); } ACTIONS[] = {
    {"ADD COLUMNS", add_columns},
    {"DROP COLUMNS", drop_columns},
    {"RENAME COLUMN", rename_column},
    {"ALTER COLUMN TYPE", column_type},
    {"ALTER COLUMN SET NOT NULL", column_not_null},
    {"ALTER COLUMN DROP NOT NULL", column_nullable},
    {"ALTER COLUMN SET DEFAULT", column_default},
    {"ALTER COLUMN DROP DEFAULT", column_no_default},
    {"ALTER COLUMN COMMENT", column_comment},
    {"ALTER COLUMN POSITION", column_position},
    {"CHANGE COLUMN", change_column},
    {"ADD CONSTRAINT", add_constraint},
    {"DROP CONSTRAINT", drop_constraint},
    {"SET TBLPROPERTIES", set_properties},
    {"UNSET TBLPROPERTIES", unset_properties},
    {"CLUSTER BY", cluster_by},
    {"DROP", drop_other},
};

static int alter(struct session *s, struct arena *a, const struct stmt *st, int (*run)(struct altering *w, struct err *err), struct err *err)
{
    char *dir;
    int rc = -1;
    int64_t version = -1;
    if (session_table_dir(s, a, &st->name, &dir, err))
        return -1;
    struct altering w = {a, st, lake_txn_begin(lake_catalog_table(s->engine->catalog, dir), s->conn, err)};
    if (!w.x)
        return -1;
    if (!lake_txn_snapshot(w.x))
        stmt_err(st, ERR_NOT_FOUND, err, "[TABLE_OR_VIEW_NOT_FOUND] there is no table '%.*s'", STR_ARGS(st->name.parts[st->name.count - 1]));
    else
        rc = run(&w, err);
    if (rc == 0)
        rc = lake_txn_commit(w.x, &version, err);
    lake_txn_end(w.x);
    if (rc == 0)
        session_committed(s, dir, version);
    return rc;
}

int exec_alter(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    (void)hook, (void)out;
    for (size_t i = 0; i < COUNT_OF(ACTIONS); i++)
        if (str_eqz(st->object, "TABLE") && str_eqz(st->action, ACTIONS[i].name))
            return alter(s, a, st, ACTIONS[i].run, err);
    return stmt_err(st, ERR_UNSUPPORTED, err, "ALTER %.*s … %.*s is not supported", STR_ARGS(st->object), STR_ARGS(st->action));
}

int exec_comment(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    (void)hook, (void)out;
    if (!str_ieqz(st->object, "TABLE"))
        return stmt_err(st, ERR_UNSUPPORTED, err, "COMMENT ON %.*s is not supported", STR_ARGS(st->object));
    return alter(s, a, st, comment_on, err);
}
