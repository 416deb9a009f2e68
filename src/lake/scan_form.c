/* scan_form.c -- see scan_form.h.
 *
 * VARIANT. Files of older writers hold the struct {metadata, value} without Parquet's annotation, and
 * DuckDB then sees a plain struct. Their footers tell, so tables with such columns are asked for them;
 * those files are arms of their own, read as structs and decoded by variant_bytes_to_variant(). A shredded
 * one DuckDB can only put together if it is annotated: it is given a copy with another footer.
 * Column mapping by id. Files name their columns as the table's physical names do, but for those of other
 * origin (Iceberg), where only the field ids in the footer tell. Those files are read by id.
 * Structs without a common field. Where column mapping let fields be dropped, a file may have a struct with none of
 * the fields that the table has there now. Such a struct is no null if the file says so, but DuckDB casts structs
 * only if a field is common to both. One of the file's fields is told for each, which is then asked for too. Ids are never given
 * twice: a table with as many fields as ids has dropped none, and its files are not asked.
 * Dates before 1582-10-15. Spark before 3.0, and later versions if asked to, wrote days of the Julian
 * calendar under Gregorian numbers, and say so in the footer. A file that may hold such a day (by its
 * statistics, or for want of them: inside arrays and maps) is asked, and its days are moved to those of the
 * same name: by +2 days in the first century to -10 in the sixteenth. Timestamps move alike, in UTC. Of a
 * file that says it was written in another zone, timestamps before 1900 would move by that zone's local times
 * too: it is refused. */
#include "lake/scan_form.h"
#include "lake/log_int.h"
#include "lake/parquet_footer.h"
#include "lake/skip.h"
#include <pthread.h>

enum { MAX_DEPTH = 100 };

/* ---- variants that files do not call so */

bool scan_has_kind(const struct type *t, enum type_kind kind, int depth)
{
    if (t->kind == kind || depth > MAX_DEPTH)
        return t->kind == kind;
    for (size_t i = 0; i < t->field_count; i++)
        if (scan_has_kind(t->fields[i].type, kind, depth + 1))
            return true;
    return (t->element && scan_has_kind(t->element, kind, depth + 1)) || (t->key && scan_has_kind(t->key, kind, depth + 1));
}

/* A folder of this process for annotated copies; gone with it. NULL on error. */
static const char *copies_dir(struct err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *dir;
    pthread_mutex_lock(&lock);
    if (!dir) {
        struct arena *a = arena_new();
        char *made = store_cache_stage(a, err);
        dir = made ? mem_strdup(made) : NULL;
        arena_free(a);
    }
    const char *got = dir;
    pthread_mutex_unlock(&lock);
    return got;
}

/* DuckDB puts a shredded variant together only if it is annotated: it gets a copy that is. */
static int annotate(struct scan_asked *p, const struct lake_file *f, struct err *err)
{
    const char *dir = copies_dir(err), *path = lake_file_path(p->arena, p->snap->dir, f->path);
    char id[UUID_TEXT];
    if (p->changes_rows)
        return err_set(err, ERR_UNSUPPORTED, "changing rows of the file '%.*s', which has a shredded VARIANT without Parquet's annotation", STR_ARGS(f->path));
    if (!dir)
        return -1;
    char *copy = arena_printf(p->arena, "%s/%016jx-%jd.parquet", dir, (uintmax_t)str_hash(str_z(path)), (intmax_t)f->size);
    char *half = arena_printf(p->arena, "%s.%s", copy, uuid_make(id));
    if (!fs_exists(copy) && (parquet_annotate(path, half, err) || fs_rename(half, copy, err)))
        return -1;
    if (!p->copies)
        p->copies = map_new();
    map_put(p->copies, f->path, copy);
    return 0;
}

/* 1 if the file's variants are plain structs, 0 if not, -1 on error. */
static int is_bare(struct scan_asked *p, const struct parquet_schema *s, const struct lake_file *f, struct err *err)
{
    bool bare = false, any_shredded = false, shredded;
    for (size_t i = 1; i < s->count; i++) {
        if (s->items[i].is_variant)
            return 0;
        if (!parquet_is_bare_variant(s, i, &shredded))
            continue;
        bare = true;
        any_shredded = any_shredded || shredded;
    }
    return any_shredded ? annotate(p, f, err) : bare;
}

/* ---- dates of the Julian calendar */

/* Conditions for a file that may hold values whose reading depends on the calendar. */
struct olds {
    struct arena *arena;
    const struct type *schema;
    enum type_kind kind;          /* TYPE_DATE or TYPE_TIMESTAMP */
    const struct lake_predicate **items;
    size_t count, cap;
};

/* `path` names the value to the statistics; ptr NULL: they have none for it. */
static void find_olds(struct olds *o, const struct type *t, struct str path, int depth)
{
    static const struct str day = {"1582-10-15", 10}, time = {"1900-01-01", 10};
    if (depth > MAX_DEPTH)
        return;
    if (t->kind == o->kind) {
        struct lake_predicate *p = ARENA_NEW(o->arena, struct lake_predicate);
        *p = (struct lake_predicate){.op = path.ptr ? LAKE_LT : LAKE_ANY, .column = path, .values = t->kind == TYPE_DATE ? &day : &time, .value_count = 1};
        o->items = arena_grow(o->arena, o->items, &o->cap, o->count + 1, sizeof *o->items);
        o->items[o->count++] = p;
    }
    for (size_t i = 0; i < t->field_count; i++) {
        struct str name = t->fields[i].name, inner = STR_NONE;
        if (path.ptr && (depth || str_chr(path, '.') < 0) && str_chr(name, '.') < 0)
            inner = str_fmt(o->arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(name));
        find_olds(o, t->fields[i].type, inner.ptr && !type_field_find(o->schema, inner) ? inner : STR_NONE, depth + 1);
    }
    if (t->element)
        find_olds(o, t->element, STR_NONE, depth + 1);
    if (t->key)
        find_olds(o, t->key, STR_NONE, depth + 1);
}

/* Sets `form` in the forms of the files that may hold values of the kind before the calendars, and zones, agree. */
static void mark_old(const struct scan_asked *p, const struct lake_file *const *files, size_t count, enum type_kind kind, uint8_t form, uint8_t *forms)
{
    struct olds o = {.arena = p->arena, .schema = p->snap->schema, .kind = kind};
    for (size_t i = 0; i < p->count; i++)
        find_olds(&o, p->fields[i]->type, p->fields[i]->name, 0);
    struct lake_predicate any = {.op = LAKE_OR, .args = o.items, .arg_count = o.count};
    bool *may = ARENA_ARRAY(p->arena, bool, count + 1);
    if (o.count)
        lake_match_files(p->snap, files, count, &any, may);
    for (size_t i = 0; i < count; i++)
        forms[i] |= may[i] ? form : 0;
}

static bool has_int96(const struct parquet_schema *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].is_int96)
            return true;
    return false;
}

/* ---- columns by id */

int64_t scan_field_id(const struct type_field *f)
{
    int64_t id = 0;
    doc_i64(doc_get(f->metadata, "delta.columnMapping.id"), &id);
    return id;
}

static const struct type_field *field_by_id(const struct type *t, int64_t id, int depth)
{
    const struct type_field *found = NULL;
    for (size_t i = 0; i < t->field_count && !found && depth < MAX_DEPTH; i++)
        found = scan_field_id(&t->fields[i]) == id ? &t->fields[i] : field_by_id(t->fields[i].type, id, depth + 1);
    if (!found && t->element && depth < MAX_DEPTH)
        found = field_by_id(t->element, id, depth + 1);
    if (!found && t->key && depth < MAX_DEPTH)
        found = field_by_id(t->key, id, depth + 1);
    return found;
}

static bool is_top(const struct type *schema, const struct type_field *f)
{
    return f >= schema->fields && f < schema->fields + schema->field_count;
}

/* 1 if the file's names are not the physical ones, 0 if they are, -1 ERR_UNSUPPORTED: nested ones. */
static int needs_ids(const struct scan_asked *p, const struct parquet_schema *s, const struct lake_file *f, struct err *err)
{
    bool differs = false;
    for (size_t i = 1; i < s->count; i++) {
        const struct type_field *field = s->items[i].field_id > 0 ? field_by_id(p->snap->schema, s->items[i].field_id, 0) : NULL;
        if (!field || str_eq(lake_physical_name(p->snap, field), s->items[i].name))
            continue;
        if (!is_top(p->snap->schema, field))
            return err_set(err, ERR_UNSUPPORTED, "the file '%.*s' calls the nested field '%.*s' '%.*s': column mapping by id of nested fields",
                           STR_ARGS(f->path), STR_ARGS(field->name), STR_ARGS(s->items[i].name));
        differs = true;
    }
    return differs;
}

/* ---- structs without a common field */

static int64_t count_fields(const struct type *t, int depth, bool *nested)
{
    int64_t n = (int64_t)t->field_count;
    *nested = *nested || (depth && t->field_count);
    for (size_t i = 0; i < t->field_count && depth < MAX_DEPTH; i++)
        n += count_fields(t->fields[i].type, depth + 1, nested);
    if (t->element && depth < MAX_DEPTH)
        n += count_fields(t->element, depth + 1, nested);
    return t->key && depth < MAX_DEPTH ? n + count_fields(t->key, depth + 1, nested) : n;
}

static bool may_be_foreign(const struct scan_asked *p)
{
    int64_t ids;
    bool nested = false;
    if (p->snap->mapping == LAKE_MAP_NONE)
        return false;
    int64_t fields = count_fields(p->snap->schema, 0, &nested);
    return nested && (!str_i64(lake_property(p->snap, "delta.columnMapping.maxColumnId"), &ids) || ids != fields);
}

static void foreign_push(struct scan_asked *p, const struct type *of, struct str name)
{
    for (size_t i = 0; i < p->foreign_count; i++)
        if (p->foreign[i].of == of && str_ieq(p->foreign[i].name, name))
            return;
    p->foreign = arena_grow(p->arena, p->foreign, &p->foreign_cap, p->foreign_count + 1, sizeof *p->foreign);
    p->foreign[p->foreign_count++] = (struct scan_foreign){of, name};
}

/* The child of the group `at` that has the name; 0: none. */
static size_t child_named(const struct parquet_schema *s, size_t at, struct str name)
{
    size_t child = at + 1;
    for (int64_t i = 0; i < s->items[at].children && child < s->count; i++, child = parquet_after(s, child))
        if (str_ieq(s->items[child].name, name))
            return child;
    return 0;
}

/* Looks through the structs in the group `at`, which holds a value of the type; true if one is foreign. */
static bool find_foreign(struct scan_asked *p, const struct parquet_schema *s, size_t at, const struct type *t, int depth)
{
    bool found = false, any = false;
    if (at >= s->count || !s->items[at].children || at + 1 >= s->count || depth > MAX_DEPTH)
        return false;
    for (size_t i = 0; i < t->field_count; i++) {
        size_t child = child_named(s, at, lake_physical_name(p->snap, &t->fields[i]));
        any = any || child;
        if (child && find_foreign(p, s, child, t->fields[i].type, depth + 1))
            found = true;
    }
    if (t->field_count && !any && depth) {
        foreign_push(p, t, s->items[at + 1].name);
        found = true;
    }
    size_t inner = at + 2; /* in the repeated group: the element, or the key */
    if (t->key && find_foreign(p, s, inner, t->key, depth + 1))
        found = true;
    if (t->key && inner < s->count)
        inner = parquet_after(s, inner);
    return (t->element && find_foreign(p, s, inner, t->element, depth + 1)) || found;
}

/* Which of the forms `old` the file really has. */
static int calendar_of(const struct parquet_schema *s, int old)
{
    struct str version = parquet_value(s, "org.apache.spark.version");
    bool early = version.len && version.ptr[0] < '3' && str_chr(version, '.') == 1;
    bool days = early || parquet_value(s, "org.apache.spark.legacyDateTime").ptr;
    bool times = has_int96(s) ? early || parquet_value(s, "org.apache.spark.legacyINT96").ptr : days;
    return old & ((days ? FORM_JULIAN_DATES : 0) | (times ? FORM_JULIAN_TIMES : 0));
}

static int check_zone(const struct parquet_schema *s, const struct lake_file *f, struct err *err)
{
    static const char *const utc[] = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z", "+00:00"};
    struct str zone = parquet_value(s, "org.apache.spark.timeZone");
    for (size_t i = 0; i < COUNT_OF(utc); i++)
        if (!zone.len || str_ieqz(zone, utc[i]))
            return 0;
    return err_set(err, ERR_UNSUPPORTED, "the file '%.*s' may hold timestamps before 1900 in the legacy calendar of the time zone '%.*s': only those of UTC are read",
                   STR_ARGS(f->path), STR_ARGS(zone));
}

/* What is special about a file, FORM_*; `old`: what it may be by its statistics. -1: it cannot be read. */
static int form_of(struct scan_asked *p, const struct lake_file *f, bool variants, bool foreign, int old, struct err *err)
{
    struct parquet_schema s;
    struct err ignored;
    bool ids = p->snap->mapping == LAKE_MAP_ID;
    if (!variants && !foreign && !old && !ids)
        return 0;
    if (parquet_schema_read(p->arena, lake_file_path(p->arena, p->snap->dir, f->path), &s, &ignored))
        return 0; /* DuckDB will say what is wrong with it */
    int bare = variants ? is_bare(p, &s, f, err) : 0, by_id = ids ? needs_ids(p, &s, f, err) : 0, calendar = calendar_of(&s, old);
    if (bare < 0 || by_id < 0 || (calendar & FORM_JULIAN_TIMES && check_zone(&s, f, err)))
        return -1;
    foreign = foreign && find_foreign(p, &s, 0, p->snap->schema, 0);
    return (bare ? FORM_BARE : 0) | (by_id ? FORM_BY_ID : 0) | (foreign ? FORM_FOREIGN : 0) | calendar;
}

int scan_forms(struct scan_asked *p, const struct lake_file *const *files, size_t count, uint8_t *forms, struct err *err)
{
    bool variants = false, foreign = may_be_foreign(p);
    for (size_t i = 0; i < p->count; i++)
        variants = variants || scan_has_kind(p->fields[i]->type, TYPE_VARIANT, 0);
    mark_old(p, files, count, TYPE_DATE, FORM_JULIAN_DATES, forms);
    mark_old(p, files, count, TYPE_TIMESTAMP, FORM_JULIAN_TIMES, forms);
    for (size_t i = 0; i < count; i++) {
        int form = form_of(p, files[i], variants, foreign, forms[i], err);
        if (form < 0)
            return -1;
        forms[i] = (uint8_t)form;
    }
    return 0;
}
