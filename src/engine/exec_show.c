/* exec_show -- SHOW and DESCRIBE: what the catalog and a table's log know, as rows of text. */
#include "engine/session_int.h"
#include "lake/history.h"

void cells_init(struct cells *c, struct arena *a, const char *const *names, size_t cols)
{
    *c = (struct cells){.a = a, .names = names, .cols = cols};
    buf_init(&c->values);
}

void cells_add(struct cells *c, const struct str *row)
{
    buf_z(&c->values, c->rows++ ? ", (" : "(");
    for (size_t i = 0; i < c->cols; i++) {
        buf_z(&c->values, i ? ", " : "");
        if (row[i].ptr)
            duck_quote_text(&c->values, row[i]);
        else
            buf_z(&c->values, "NULL");
    }
    buf_char(&c->values, ')');
}

/* Spark's names of columns that are true or false: isTemporary, isMaterialized … */
static bool is_flag(const char *name) { return name[0] == 'i' && name[1] == 's' && name[2] >= 'A' && name[2] <= 'Z'; }

/* Reads the collected rows back through DuckDB, so that every result has one kind of reader. */
int cells_result(struct cells *c, struct session *s, struct session_result *out, struct err *err)
{
    struct type_field *fields = ARENA_ARRAY(c->a, struct type_field, c->cols);
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT ");
    for (size_t i = 0; i < c->cols; i++) {
        buf_z(&sql, i ? ", " : "");
        duck_quote_ident(&sql, str_z(c->names[i]));
        if (is_flag(c->names[i]))
            buf_z(&sql, "::BOOLEAN");
    }
    buf_z(&sql, " FROM (VALUES ");
    if (c->rows) {
        buf_str(&sql, buf_view(&c->values));
    } else {
        for (size_t i = 0; i < c->cols; i++)
            buf_z(&sql, i ? ", NULL::VARCHAR" : "(NULL::VARCHAR");
        buf_char(&sql, ')');
    }
    buf_z(&sql, ") AS t(");
    for (size_t i = 0; i < c->cols; i++) {
        fields[i] = (struct type_field){str_z(c->names[i]), type_of(is_flag(c->names[i]) ? TYPE_BOOLEAN : TYPE_STRING), true, STR_NONE, NULL};
        buf_z(&sql, i ? ", " : "");
        duck_quote_ident(&sql, fields[i].name);
    }
    buf_z(&sql, c->rows ? ")" : ") WHERE false");
    out->schema = type_struct(c->a, fields, c->cols);
    out->rows = duck_query(s->conn, buf_view(&sql), err);
    buf_release(&sql);
    buf_release(&c->values);
    return out->rows ? 0 : -1;
}

/* Spark's LIKE-less patterns: `*` any, `|` or. */
static bool matches(struct str pattern, struct str name)
{
    struct str one;
    if (!pattern.ptr)
        return true;
    while (str_split(&pattern, '|', &one))
        if (path_glob_match(one, name))
            return true;
    return false;
}

static void scope_of(struct session *s, struct arena *a, const struct stmt *st, struct str *catalog, struct str *schema)
{
    *catalog = st->name.count > 1 ? str_lower(a, st->name.parts[0]) : s->scope.catalog;
    *schema = st->name.count ? str_lower(a, st->name.parts[st->name.count - 1]) : s->scope.schema;
}

static int show_entries(struct session *s, struct arena *a, const struct stmt *st, bool views, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"namespace", "tableName", "isTemporary"};
    struct str catalog, schema;
    struct lake_entry *list;
    struct cells c;
    scope_of(s, a, st, &catalog, &schema);
    int64_t n = lake_list_entries(s->engine->catalog, a, catalog, schema, &list, err);
    if (n < 0)
        return -1;
    cells_init(&c, a, names, 3);
    for (int64_t i = 0; i < n; i++)
        if ((!views || list[i].kind == LAKE_VIEW) && matches(st->pattern, list[i].name.table))
            cells_add(&c, (struct str[]){list[i].name.schema, list[i].name.table, STR("false")});
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(s->views, &at, &key, &value))
        if (matches(st->pattern, key))
            cells_add(&c, (struct str[]){STR(""), key, STR("true")});
    return cells_result(&c, s, out, err);
}

static int show_names(struct session *s, struct arena *a, const struct stmt *st, bool catalogs, struct session_result *out, struct err *err)
{
    static const char *const catalog_names[] = {"catalog"}, *const schema_names[] = {"databaseName"};
    struct str *list;
    struct cells c;
    int64_t n = catalogs ? lake_list_catalogs(s->engine->catalog, a, &list, err)
                         : lake_list_schemas(s->engine->catalog, a, st->name.count ? str_lower(a, st->name.parts[0]) : s->scope.catalog, &list, err);
    if (n < 0)
        return -1;
    cells_init(&c, a, catalogs ? catalog_names : schema_names, 1);
    for (int64_t i = 0; i < n; i++)
        if (matches(st->pattern, list[i]))
            cells_add(&c, &list[i]);
    return cells_result(&c, s, out, err);
}

/* The newest snapshot of the statement's table; the caller's reference. */
static struct lake_snapshot *table_snapshot(struct session *s, struct arena *a, const struct stmt *st, struct err *err)
{
    char *dir;
    if (session_table_dir(s, a, &st->name, &dir, err))
        return NULL;
    return lake_table_latest(lake_catalog_table(s->engine->catalog, dir), s->conn, err);
}

static int show_properties(struct session *s, struct arena *a, const struct stmt *st, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"key", "value"};
    struct cells c;
    struct lake_snapshot *snap = table_snapshot(s, a, st, err);
    if (!snap)
        return -1;
    cells_init(&c, a, names, 2);
    for (size_t i = 0; i < snap->properties.count; i++)
        cells_add(&c, (struct str[]){snap->properties.items[i].key, snap->properties.items[i].value});
    lake_snapshot_unref(snap);
    return cells_result(&c, s, out, err);
}

static const struct rel *named_rel(struct arena *a, const struct stmt *st)
{
    struct rel *r = rel_new(a, REL_TABLE, st->at);
    r->name = st->name;
    return r;
}

static struct str type_ddl(struct arena *a, const struct type *t)
{
    struct buf b;
    buf_init(&b);
    type_write_ddl(&b, t);
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

static int show_columns(struct session *s, struct arena *a, const struct stmt *st, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"col_name"};
    struct cells c;
    const struct type *t = session_schema_of(s, a, named_rel(a, st), NULL, err);
    if (!t)
        return -1;
    cells_init(&c, a, names, 1);
    for (size_t i = 0; i < t->field_count; i++)
        cells_add(&c, &t->fields[i].name);
    return cells_result(&c, s, out, err);
}

int exec_show(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
              struct session_result *out, struct err *err)
{
    (void)hook;
    if (str_ieqz(st->object, "TABLES"))
        return show_entries(s, a, st, false, out, err);
    if (str_ieqz(st->object, "VIEWS"))
        return show_entries(s, a, st, true, out, err);
    if (str_ieqz(st->object, "SCHEMAS") || str_ieqz(st->object, "DATABASES"))
        return show_names(s, a, st, false, out, err);
    if (str_ieqz(st->object, "CATALOGS"))
        return show_names(s, a, st, true, out, err);
    if (str_ieqz(st->object, "TBLPROPERTIES"))
        return show_properties(s, a, st, out, err);
    if (str_ieqz(st->object, "COLUMNS"))
        return show_columns(s, a, st, out, err);
    return stmt_err(st, ERR_UNSUPPORTED, err, "SHOW %.*s is not supported", STR_ARGS(st->object));
}

static int describe_history(struct session *s, struct arena *a, const struct stmt *st, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"version", "timestamp", "operation", "operationParameters", "operationMetrics"};
    struct lake_change *changes;
    struct cells c;
    char *dir, when[40];
    int64_t *versions;
    if (session_table_dir(s, a, &st->name, &dir, err))
        return -1;
    int64_t n = lake_versions(a, dir, &versions, err);
    if (n < 0 || (n > 0 && (n = lake_changes(a, dir, versions[0], versions[n - 1], &changes, err)) < 0))
        return -1;
    cells_init(&c, a, names, 5);
    for (int64_t i = n - 1; i >= 0; i--) {
        struct buf parts[2];
        const char *const keys[] = {"operationParameters", "operationMetrics"};
        struct str row[5] = {str_fmt(a, "%jd", (intmax_t)changes[i].version),
                             str_copy(a, str_z(time_iso((struct tp){changes[i].timestamp_ms * 1000}, 3, when))),
                             doc_str(doc_get(changes[i].info, "operation"), STR_NONE)};
        for (int k = 0; k < 2; k++) {
            const struct doc *d = doc_get(changes[i].info, keys[k]);
            buf_init(&parts[k]);
            if (d)
                doc_write(&parts[k], d);
            row[3 + k] = d ? buf_view(&parts[k]) : STR_NONE;
        }
        cells_add(&c, row);
        buf_release(&parts[0]);
        buf_release(&parts[1]);
    }
    return cells_result(&c, s, out, err);
}

/* One row of what the lake tells; lists and objects as JSON text, times as ISO. */
static int describe_detail(struct session *s, struct arena *a, const struct stmt *st, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"format", "id", "name", "description", "location", "createdAt", "lastModified", "partitionColumns", "clusteringColumns",
                                        "numFiles", "sizeInBytes", "properties", "minReaderVersion", "minWriterVersion", "tableFeatures"};
    struct cells c;
    struct buf json;
    struct str row[COUNT_OF(names)];
    struct lake_snapshot *snap = table_snapshot(s, a, st, err);
    if (!snap)
        return -1;
    buf_init(&json);
    lake_detail_json(snap, &json);
    lake_snapshot_unref(snap);
    const struct doc *d = doc_json(a, "detail", str_copy(a, buf_view(&json)), err);
    for (size_t i = 0; d && i < COUNT_OF(names); i++) {
        const struct doc *v = doc_get(d, names[i]);
        char iso[40];
        int64_t ms;
        buf_clear(&json);
        if (v && v->kind != DOC_STRING)
            doc_write(&json, v);
        bool time = (str_eqz(str_z(names[i]), "createdAt") || str_eqz(str_z(names[i]), "lastModified")) && doc_i64(v, &ms);
        row[i] = !v || v->kind == DOC_NULL ? STR_NONE : time ? str_z(arena_strdup(a, time_iso((struct tp){ms * 1000}, 3, iso)))
                 : v->kind == DOC_STRING ? v->text : str_copy(a, buf_view(&json));
    }
    buf_release(&json);
    if (!d)
        return -1;
    cells_init(&c, a, names, COUNT_OF(names));
    cells_add(&c, row);
    return cells_result(&c, s, out, err);
}

/* DESCRIBE t c: what a column is. */
static int describe_column(struct session *s, struct arena *a, const struct stmt *st, const struct type *t, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"info_name", "info_value"};
    const struct type_field *f = type_field_find(t, st->key);
    struct cells c;
    if (!f)
        return stmt_err(st, ERR_INPUT, err, "[UNRESOLVED_COLUMN] there is no column '%.*s'", STR_ARGS(st->key));
    cells_init(&c, a, names, COUNT_OF(names));
    cells_add(&c, (struct str[]){STR("col_name"), f->name});
    cells_add(&c, (struct str[]){STR("data_type"), type_ddl(a, f->type)});
    cells_add(&c, (struct str[]){STR("comment"), f->comment.len ? f->comment : STR("NULL")});
    return cells_result(&c, s, out, err);
}

int exec_describe(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                  struct session_result *out, struct err *err)
{
    static const char *const names[] = {"col_name", "data_type", "comment"};
    struct cells c;
    if (st->history)
        return describe_history(s, a, st, out, err);
    if (st->detail)
        return describe_detail(s, a, st, out, err);
    if (st->object.len && !str_ieqz(st->object, "TABLE") && !str_ieqz(st->object, "QUERY"))
        return stmt_err(st, ERR_UNSUPPORTED, err, "DESCRIBE %.*s is not supported", STR_ARGS(st->object));
    if (st->value.len || st->partition_spec.count)
        return stmt_err(st, ERR_UNSUPPORTED, err, "DESCRIBE … %s is not supported", st->value.len ? "AS JSON" : "PARTITION");
    const struct type *t = session_schema_of(s, a, st->query ? st->query : named_rel(a, st), hook, err);
    if (!t)
        return -1;
    if (st->key.len)
        return describe_column(s, a, st, t, out, err);
    cells_init(&c, a, names, 3);
    for (size_t i = 0; i < t->field_count; i++)
        cells_add(&c, (struct str[]){t->fields[i].name, type_ddl(a, t->fields[i].type), t->fields[i].comment.len ? t->fields[i].comment : STR_NONE});
    return cells_result(&c, s, out, err);
}
