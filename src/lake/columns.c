/* columns.c -- ALTER TABLE: columns, constraints, features, clustering, domains.
 *
 * A column is named by a path; edit() walks it and gives the field to a function that makes the new one (or drops it),
 * building the types above anew: types are immutable. Renaming and dropping are changes of the schema alone, which
 * is why they need column mapping: files keep the physical names. Whatever rows must meet from now on is checked first
 * against the rows that are there, and those rows then count as read. */
#include "lake/dml_int.h"
#include "lake/schema.h"
#include <string.h>

struct edit;
/* Changes *f; returns 0, -1, or 1 to drop it. `owner`: the struct that holds it. */
typedef int (*edit_fn)(struct edit *e, const struct type *owner, struct type_field *f, struct err *err);
struct edit {
    struct lake_txn *x;
    struct lake_path path;
    edit_fn change;
    bool inside;                  /* the change is of what a struct holds, and may be of an element that is one */
    const void *arg;
    enum lake_place place; struct str after; bool move;
};

static int no_column(const struct edit *e, size_t depth, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "the table '%s' has no column '%.*s'", lake_table_dir(e->x->table), STR_ARGS(e->path.parts[depth]));
}

static const struct type *edit_type(struct edit *e, const struct type *t, size_t depth, struct err *err);

/* Moves fields[at] to where e->place says. */
static int move_field(struct edit *e, struct type_field *fields, size_t n, size_t at, struct err *err)
{
    struct type_field f = fields[at];
    size_t to = e->place == LAKE_PLACE_FIRST ? 0 : n - 1;
    memmove(&fields[at], &fields[at + 1], sizeof *fields * (n - at - 1));
    if (e->place == LAKE_PLACE_AFTER) {
        for (to = 0; to + 1 < n && !str_ieq(fields[to].name, e->after); to++)
            continue;
        if (to + 1 >= n)
            return err_set(err, ERR_NOT_FOUND, "there is no column '%.*s' to come after", STR_ARGS(e->after));
        to++;
    }
    memmove(&fields[to + 1], &fields[to], sizeof *fields * (n - to - 1));
    fields[to] = f;
    return 0;
}

static const struct type *edit_struct(struct edit *e, const struct type *t, size_t depth, struct err *err)
{
    struct type_field *fields = ARENA_ARRAY(e->x->arena, struct type_field, t->field_count + 1);
    size_t at = 0, n = t->field_count;
    while (at < n && !str_ieq(t->fields[at].name, e->path.parts[depth]))
        at++;
    if (at == n) {
        no_column(e, depth, err);
        return NULL;
    }
    memcpy(fields, t->fields, sizeof *fields * n);
    if (depth + 1 < e->path.count) {
        fields[at].type = edit_type(e, fields[at].type, depth + 1, err);
        return fields[at].type ? type_struct(e->x->arena, fields, n) : NULL;
    }
    int rc = e->change(e, t, &fields[at], err);
    if (rc < 0)
        return NULL;
    if (rc > 0)
        memmove(&fields[at], &fields[at + 1], sizeof *fields * (--n - at));
    else if (e->move && move_field(e, fields, n, at, err))
        return NULL;
    if (!n) {
        err_set(err, ERR_INPUT, "the column '%.*s' is the last one", STR_ARGS(e->path.parts[depth]));
        return NULL;
    }
    return type_struct(e->x->arena, fields, n);
}

/* What ends at an element can only change what is inside of it: an element has no name, and no place. */
static const struct type *edit_element(struct edit *e, const struct type *t, struct str part, struct err *err)
{
    struct type_field whole = {.name = part, .type = t};
    if (!e->inside) {
        err_set(err, ERR_UNSUPPORTED, "changing the elements of an array or map themselves");
        return NULL;
    }
    return e->change(e, NULL, &whole, err) ? NULL : whole.type;
}

/* Into structs, arrays and maps. */
static const struct type *edit_type(struct edit *e, const struct type *t, size_t depth, struct err *err)
{
    struct arena *a = e->x->arena;
    struct str part = e->path.parts[depth];
    bool key = t->kind == TYPE_MAP && str_ieqz(part, "key");
    bool element = (t->kind == TYPE_MAP && str_ieqz(part, "value")) || (t->kind == TYPE_ARRAY && str_ieqz(part, "element"));
    if (t->kind == TYPE_STRUCT)
        return edit_struct(e, t, depth, err);
    if (!key && !element) {
        no_column(e, depth, err);
        return NULL;
    }
    const struct type *inner = key ? t->key : t->element;
    inner = depth + 1 == e->path.count ? edit_element(e, inner, part, err) : edit_type(e, inner, depth + 1, err);
    if (!inner)
        return NULL;
    return t->kind == TYPE_ARRAY ? type_array(a, inner, t->contains_null)
                                 : type_map(a, key ? inner : t->key, key ? t->element : inner, t->contains_null);
}

static int edit(struct edit *e, struct err *err)
{
    if (!e->x->meta.schema || !e->path.count)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(e->x->table));
    const struct type *schema = edit_struct(e, e->x->meta.schema, 0, err);
    if (!schema)
        return -1;
    txn_set_schema(e->x, schema);
    return txn_settle(e->x, err);
}

static void name_operation(struct lake_txn *x, const char *operation, const char *key, struct str value)
{
    struct doc *parameters = doc_new_object(x->arena);
    if (key)
        doc_set(x->arena, parameters, str_z(key), doc_new_str(x->arena, value));
    dml_info(x, operation, parameters, NULL, 0);
}

/* ---- ADD COLUMN */

struct addition { const struct type_field *f; };

static int add_into(struct edit *e, const struct type *owner, struct type_field *parent, struct err *err)
{
    const struct addition *add = e->arg;
    (void)owner;
    if (parent->type->kind != TYPE_STRUCT)
        return err_set(err, ERR_INPUT, "the column '%.*s' is no struct", STR_ARGS(parent->name));
    size_t n = parent->type->field_count;
    struct type_field *fields = ARENA_ARRAY(e->x->arena, struct type_field, n + 1);
    memcpy(fields, parent->type->fields, sizeof *fields * n);
    fields[n] = *add->f;
    struct edit inner = {.x = e->x, .place = e->place, .after = e->after};
    if (move_field(&inner, fields, n + 1, n, err))
        return -1;
    parent->type = type_struct(e->x->arena, fields, n + 1);
    return 0;
}

int lake_txn_add_column(struct lake_txn *x, struct lake_path parent, const struct type_field *f, enum lake_place place, struct str after,
                        struct err *err)
{
    struct type_field top = {.type = x->meta.schema};
    struct addition add = {f};
    struct edit e = {.x = x, .path = parent, .change = add_into, .inside = true, .arg = &add, .place = place, .after = after};
    if (!x->snap || !x->meta.schema)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    if (!f->nullable && x->snap->file_count)
        return err_set(err, ERR_INPUT, "a NOT NULL column '%.*s' cannot be added to a table with rows", STR_ARGS(f->name));
    if (metadata_str(f, "CURRENT_DEFAULT").len && x->snap->file_count && !str_ieqz(metadata_str(f, "CURRENT_DEFAULT"), "NULL"))
        return err_set(err, ERR_UNSUPPORTED, "[WRONG_COLUMN_DEFAULTS_FOR_DELTA_ALTER_TABLE_ADD_COLUMN_NOT_SUPPORTED] adding the column '%.*s' with a "
                       "default: add it first, then ALTER COLUMN SET DEFAULT", STR_ARGS(f->name));
    if ((field_is_generated(f) || field_is_identity(f)) && x->snap->file_count)
        return err_set(err, ERR_UNSUPPORTED, "adding the generated or identity column '%.*s' to a table with rows", STR_ARGS(f->name));
    name_operation(x, "ADD COLUMNS", "columns", f->name);
    if (parent.count)
        return edit(&e, err);
    if (add_into(&e, NULL, &top, err))
        return -1;
    txn_set_schema(x, top.type);
    return txn_settle(x, err);
}

/* ---- RENAME, DROP */

static int need_mapping(const struct lake_txn *x, const char *what, struct err *err)
{
    if (meta_mapping(&x->meta) != LAKE_MAP_NONE)
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "[DELTA_UNSUPPORTED_%s_COLUMN] the table '%s' has no column mapping: set delta.columnMapping.mode = name first", what,
                   lake_table_dir(x->table));
}

/* Expressions are Spark text, unread here: a word in them that is the column's name counts as a use. */
static bool names_column(struct str text, struct str column)
{
    for (size_t at = 0; at + column.len <= text.len; at++) {
        if (!str_ieq(str_sub(text, at, column.len), column))
            continue;
        char before = at ? text.ptr[at - 1] : ' ', after = at + column.len < text.len ? text.ptr[at + column.len] : ' ';
        static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
        if (!strchr(word, before) && !strchr(word, after))
            return true;
    }
    return false;
}

static int check_unused(const struct lake_txn *x, struct str column, struct err *err)
{
    static const char prefix[] = "delta.constraints.";
    if (meta_is_partition(&x->meta, column))
        return err_set(err, ERR_UNSUPPORTED, "the column '%.*s' is one that the table is partitioned by", STR_ARGS(column));
    for (size_t i = 0; i < x->meta.properties.count; i++)
        if (str_starts_z(x->meta.properties.items[i].key, prefix) && names_column(x->meta.properties.items[i].value, column))
            return err_set(err, ERR_INPUT, "[DELTA_CONSTRAINT_DEPENDENT_COLUMN_CHANGE] the CHECK constraint '%.*s' needs the column '%.*s': drop it first",
                           STR_ARGS(str_from(x->meta.properties.items[i].key, sizeof prefix - 1)), STR_ARGS(column));
    for (size_t i = 0; i < x->meta.schema->field_count; i++)
        if (names_column(metadata_str(&x->meta.schema->fields[i], "delta.generationExpression"), column))
            return err_set(err, ERR_INPUT, "[DELTA_GENERATED_COLUMNS_DEPENDENT_COLUMN_CHANGE] the generated column '%.*s' needs the column '%.*s'",
                           STR_ARGS(x->meta.schema->fields[i].name), STR_ARGS(column));
    return 0;
}

static int rename_field(struct edit *e, const struct type *owner, struct type_field *f, struct err *err)
{
    const struct str *to = e->arg;
    if (!str_ieq(f->name, *to) && type_field_find(owner, *to))
        return err_set(err, ERR_EXISTS, "there is a column '%.*s' already", STR_ARGS(*to));
    f->name = *to;
    return 0;
}

int lake_txn_rename_column(struct lake_txn *x, struct lake_path column, struct str to, struct err *err)
{
    struct edit e = {.x = x, .path = column, .change = rename_field, .arg = &to};
    if (!x->snap || !column.count)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    if (need_mapping(x, "RENAME", err))
        return -1;
    bool partition = column.count == 1 && meta_is_partition(&x->meta, column.parts[0]);
    if (!partition && column.count == 1 && check_unused(x, column.parts[0], err))
        return -1;
    if (partition) {
        struct str *names = ARENA_ARRAY(x->arena, struct str, x->meta.partition_count);
        for (size_t i = 0; i < x->meta.partition_count; i++)
            names[i] = str_ieq(x->meta.partition_columns[i], column.parts[0]) ? str_copy(x->arena, to) : x->meta.partition_columns[i];
        x->meta.partition_columns = names;
    }
    name_operation(x, "RENAME COLUMN", "newColumnPath", to);
    return edit(&e, err);
}

static int drop_field(struct edit *e, const struct type *owner, struct type_field *f, struct err *err)
{
    (void)e, (void)owner, (void)f, (void)err;
    return 1;
}

int lake_txn_drop_column(struct lake_txn *x, struct lake_path column, struct err *err)
{
    struct edit e = {.x = x, .path = column, .change = drop_field};
    if (!x->snap || !column.count)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    if (need_mapping(x, "DROP", err) || (column.count == 1 && check_unused(x, column.parts[0], err)))
        return -1;
    name_operation(x, "DROP COLUMNS", "columns", column.parts[column.count - 1]);
    return edit(&e, err);
}

/* ---- ALTER COLUMN */

/* Fails if the rows that are there break `breach`, a DuckDB condition over t. */
static int check_rows(struct lake_txn *x, const char *breach, const char *what, struct err *err)
{
    struct lake_dml_metrics m;
    struct rewrite w;
    struct buf sql;
    int64_t n = 0;
    bool found = false;
    if (!x->snap || !x->snap->file_count)
        return 0;
    w = (struct rewrite){.x = x, .m = &m};
    x->read_all = true;
    buf_init(&sql);
    buf_z(&sql, "SELECT 1 FROM ");
    int rc = dml_put_target(&w, false, &sql, err);
    buf_printf(&sql, " WHERE %s LIMIT 1", breach);
    if (rc == 0)
        rc = duck_scalar_i64(x->conn, buf_view(&sql), &n, &found, err);
    buf_release(&sql);
    if (rc == 0 && found)
        return err_set(err, ERR_USER, "[DELTA_NEW_%s_VIOLATION] rows of the table '%s' break it already", what, lake_table_dir(x->table));
    return rc;
}

static int alter_field(struct edit *e, const struct type *owner, struct type_field *f, struct err *err)
{
    const struct lake_alter_column *o = e->arg;
    struct arena *a = e->x->arena;
    (void)owner;
    if (o->type && !type_equal(o->type, f->type)) {
        if (!type_can_widen(f->type, o->type, false))
            return err_set(err, ERR_UNSUPPORTED, "[DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP] the column '%.*s' cannot become that type", STR_ARGS(f->name));
        if (!meta_property_bool(&e->x->meta, "delta.enableTypeWidening"))
            return err_set(err, ERR_UNSUPPORTED, "[DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP] widening the column '%.*s': set delta.enableTypeWidening = true first",
                           STR_ARGS(f->name));
        f->metadata = metadata_type_change(a, f->metadata, f->type, o->type, STR_NONE);
        f->type = o->type;
    }
    if (o->set_nullable)
        f->nullable = o->nullable;
    if (o->set_comment) {
        f->comment = o->comment;
        f->metadata = metadata_with(a, f->metadata, "comment", o->comment.len ? doc_new_str(a, o->comment) : NULL);
    }
    if (o->set_default || o->drop_default)
        f->metadata = metadata_with(a, f->metadata, "CURRENT_DEFAULT", o->set_default ? doc_new_str(a, o->default_text) : NULL);
    return 0;
}

int lake_txn_alter_column(struct lake_txn *x, struct lake_path column, const struct lake_alter_column *o, struct err *err)
{
    struct edit e = {.x = x, .path = column, .change = alter_field, .arg = o, .place = o->place, .after = o->after, .move = o->set_place};
    if (!x->snap || !column.count)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    if (o->set_nullable && !o->nullable) {
        struct buf breach;
        buf_init(&breach);
        buf_z(&breach, "t");
        for (size_t i = 0; i < column.count; i++) {
            buf_char(&breach, '.');
            duck_quote_ident(&breach, column.parts[i]);
        }
        buf_z(&breach, " IS NULL");
        int rc = check_rows(x, breach.ptr, "NOT_NULL", err);
        buf_release(&breach);
        if (rc)
            return -1;
    }
    if (o->type && column.count == 1 && meta_is_partition(&x->meta, column.parts[0]))
        return err_set(err, ERR_UNSUPPORTED, "changing the type of the partition column '%.*s'", STR_ARGS(column.parts[0]));
    name_operation(x, "CHANGE COLUMN", "column", column.parts[column.count - 1]);
    return edit(&e, err);
}

/* ---- constraints */

int lake_txn_add_constraint(struct lake_txn *x, struct str name, struct str spark, struct err *err)
{
    struct str lower = str_lower(x->arena, name);
    char *key = arena_printf(x->arena, "delta.constraints.%.*s", STR_ARGS(lower));
    struct buf duck;
    if (!x->snap)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    if (meta_property(&x->meta, key).ptr)
        return err_set(err, ERR_EXISTS, "[DELTA_CONSTRAINT_ALREADY_EXISTS] the table has a constraint '%.*s'", STR_ARGS(name));
    buf_init(&duck);
    int rc = expr_print(x, spark, "CHECK constraint", name, x->meta.schema, LAKE_TARGET_ALIAS, &duck, err);
    if (rc == 0)
        rc = check_rows(x, arena_printf(x->arena, "(%s) IS NOT TRUE", duck.ptr), "CHECK_CONSTRAINT", err);
    buf_release(&duck);
    if (rc)
        return -1;
    txn_put_property(x, key, spark);
    name_operation(x, "ADD CONSTRAINT", "name", name);
    return txn_settle(x, err);
}

int lake_txn_drop_constraint(struct lake_txn *x, struct str name, bool if_exists, struct err *err)
{
    struct str lower = str_lower(x->arena, name);
    char *key = arena_printf(x->arena, "delta.constraints.%.*s", STR_ARGS(lower));
    if (!meta_property(&x->meta, key).ptr)
        return if_exists ? 0 : err_set(err, ERR_NOT_FOUND, "[DELTA_CONSTRAINT_DOES_NOT_EXIST] the table has no constraint '%.*s'", STR_ARGS(name));
    txn_put_property(x, key, STR_NONE);
    name_operation(x, "DROP CONSTRAINT", "name", name);
    return txn_settle(x, err);
}

/* ---- domains, clustering, comment */

static void put_domain(struct lake_txn *x, struct str name, struct str configuration, bool removed)
{
    x->domains = arena_grow(x->arena, x->domains, &x->domain_cap, x->domain_count + 1, sizeof *x->domains);
    x->domains[x->domain_count++] = (struct txn_domain){str_copy(x->arena, name), str_copy(x->arena, configuration), removed};
}

int lake_txn_set_domain(struct lake_txn *x, struct str domain, struct str configuration, struct err *err)
{
    if (str_starts_z(domain, "delta."))
        return err_set(err, ERR_INPUT, "domains named delta.* are Delta's own");
    txn_need_feature(x, "domainMetadata");
    put_domain(x, domain, configuration.ptr ? configuration : STR(""), !configuration.ptr);
    return txn_settle(x, err);
}

static const struct type_field *field_at(const struct type *t, struct lake_path p)
{
    const struct type_field *f = NULL;
    for (size_t i = 0; i < p.count; i++) {
        f = t && t->kind == TYPE_STRUCT ? type_field_find(t, p.parts[i]) : NULL;
        if (!f)
            return NULL;
        t = f->type;
    }
    return f;
}

int lake_txn_cluster_by(struct lake_txn *x, const struct lake_path *columns, size_t count, struct err *err)
{
    enum { MOST = 4 };
    struct buf json;
    int rc = 0;
    if (x->meta.partition_count && count)
        return err_set(err, ERR_INPUT, "the table '%s' is partitioned: it cannot be clustered too", lake_table_dir(x->table));
    if (count > MOST)
        return err_set(err, ERR_LIMIT, "CLUSTER BY takes at most %d columns", MOST);
    buf_init(&json);
    buf_z(&json, "{\"clusteringColumns\":[");
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct type *t = x->meta.schema;
        if (!field_at(t, columns[i]))
            rc = err_set(err, ERR_NOT_FOUND, "the table has no column '%.*s'", STR_ARGS(columns[i].parts[columns[i].count - 1]));
        buf_z(&json, i ? ",[" : "[");
        for (size_t k = 0; k < columns[i].count && rc == 0; k++) {
            const struct type_field *f = type_field_find(t, columns[i].parts[k]);
            buf_z(&json, k ? "," : "");
            json_quote(&json, meta_physical(&x->meta, f));
            t = f->type;
        }
        buf_char(&json, ']');
    }
    buf_z(&json, "],\"domainName\":\"" CLUSTERING_DOMAIN "\"}");
    if (rc == 0) {
        txn_need_feature(x, "clustering");
        put_domain(x, STR(CLUSTERING_DOMAIN), buf_view(&json), false);
        name_operation(x, "CLUSTER BY", NULL, STR_NONE);
        x->protocol_changed = true;
        rc = txn_settle(x, err);
    }
    buf_release(&json);
    return rc;
}

int lake_txn_set_description(struct lake_txn *x, struct str text, struct err *err)
{
    x->meta.description = str_copy(x->arena, text);
    x->meta_changed = true;
    name_operation(x, "SET TBLPROPERTIES", NULL, STR_NONE);
    return txn_settle(x, err);
}
