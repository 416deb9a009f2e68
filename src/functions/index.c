/* index -- which functions an app has.
 *
 * Model v2: function_app.py; the worker runs its decorators and says what they made, with the place of
 * each binding and of its members in the source. Model v1: a folder with function.json for each
 * function; those are read here, so that their places are those of the file. An app is one or the other.
 * A function is left out if host.json's list of functions does not name it, or if it is disabled. */
#include "functions/functions_int.h"
#include <string.h>

static bool name_ok(struct str name)
{
    bool letter = name.len && ((name.ptr[0] | 32) >= 'a') && ((name.ptr[0] | 32) <= 'z');
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        letter = letter && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
    }
    return letter && name.len <= FUNCTION_NAME_MAX;
}

static bool truth(struct str s)
{
    return str_ieqz(s, "true") || str_eqz(s, "1");
}

static bool wanted(const struct functions_app *app, struct arena *a, struct str name)
{
    if (truth(settings_get(app->settings, str_fmt(a, "AzureWebJobs.%.*s.Disabled", STR_ARGS(name)))) ||
        truth(settings_get(app->settings, str_fmt(a, "AzureWebJobs__%.*s__Disabled", STR_ARGS(name)))))
        return false;
    if (!app->host.only)
        return true;
    for (size_t i = 0; i < app->host.only->count; i++)
        if (str_ieq(doc_str(app->host.only->items[i], STR_NONE), name))
            return true;
    return false;
}

/* Adds a function and checks its bindings. */
static int add(struct functions_app *app, struct str name, const struct doc *at, const struct doc *list, struct err *err)
{
    struct function *f = &app->functions[app->count];
    struct binding_env env = {app->settings, app->opts.names, app->opts.hub, app->opts.ctx};
    if (!name_ok(name))
        return doc_err(at, ERR_INPUT, err, "'%.*s' is no name for a function: letters, digits, _ and -, a letter first",
                       STR_ARGS(name));
    for (size_t i = 0; i < app->count; i++)
        if (str_ieq(app->functions[i].name, name))
            return doc_err(at, ERR_INPUT, err, "two functions are named '%.*s'", STR_ARGS(name));
    *f = (struct function){.app = app, .name = name, .at = at};
    if (bindings_read(&f->bindings, app->arena, &env, at, list, err))
        return err_wrap(err, "function '%.*s'", STR_ARGS(name));
    f->schedule = &f->bindings.trigger->schedule;
    f->trigger_type = f->bindings.trigger->type;
    f->producer = arena_printf(app->arena, "functions/%s/%.*s", app->name, STR_ARGS(name));
    f->monitored = f->bindings.trigger->monitor == MONITOR_ON ||
                   (f->bindings.trigger->monitor == MONITOR_AUTO && schedule_monitored(f->schedule, time_now()));
    app->count++;
    return 0;
}

/* ------------------------------------------------------------------ v1 */

static void put(struct arena *a, struct doc *obj, const char *key, struct str value)
{
    doc_set(a, obj, str_z(key), doc_new_str(a, value));
}

static int add_folder(struct functions_app *app, struct doc *list, const char *folder, struct err *err)
{
    struct arena *a = app->arena;
    const char *dir = path_join(a, app->dir, folder), *file = path_join(a, dir, "function.json");
    struct doc *d = settings_json(a, app_relative(app, file), file, err);
    if (!d)
        return -1;
    struct doc *disabled = doc_get(d, "disabled"), *script = doc_get(d, "scriptFile"), *entry = doc_get(d, "entryPoint");
    if (!doc_is(d, DOC_OBJECT))
        return doc_err(d, ERR_INPUT, err, "function.json must be an object");
    if (doc_bool(disabled, false) || (doc_is(disabled, DOC_STRING) && truth(settings_get(app->settings, disabled->text))) ||
        !wanted(app, a, str_z(folder)))
        return 0;
    if ((script && !doc_is(script, DOC_STRING)) || (entry && !doc_is(entry, DOC_STRING)))
        return doc_err(doc_is(script, DOC_STRING) ? entry : script ? script : entry, ERR_INPUT, err,
                       "scriptFile and entryPoint must be texts");
    if (script && !str_ends_z(script->text, ".py"))
        return doc_err(script, ERR_UNSUPPORTED, err, "scriptFile '%.*s': only Python functions run here", STR_ARGS(script->text));
    const struct doc *bindings = doc_need(d, "bindings", DOC_ARRAY, err);
    if (!bindings || add(app, str_z(folder), d, bindings, err))
        return -1;
    struct doc *said = doc_new_object(a);
    put(a, said, "name", str_z(folder));
    put(a, said, "dir", str_z(dir));
    put(a, said, "script", doc_str(script, STR("__init__.py")));
    put(a, said, "entry", doc_str(entry, STR("main")));
    put(a, said, "file", str_z(file));
    const struct doc *place = script ? script : d;
    doc_set(a, said, STR("line"), doc_new_i64(a, place->line));
    doc_set(a, said, STR("col"), doc_new_i64(a, place->col));
    doc_set(a, said, STR("bindings"), (struct doc *)bindings);
    doc_push(a, list, said);
    return 0;
}

int index_folders(struct functions_app *app, struct err *err)
{
    struct arena *a = app->arena;
    char **names;
    bool v2 = fs_exists(path_join(a, app->dir, "function_app.py"));
    int64_t count = fs_list(a, app->dir, &names, err), found = 0;
    struct doc *list = doc_new_array(a);
    if (count < 0)
        return -1;
    app->functions = ARENA_ARRAY(a, struct function, FUNCTIONS_MAX);
    for (int64_t i = 0; i < count; i++) {
        const char *file = path_join(a, path_join(a, app->dir, names[i]), "function.json");
        if (!fs_exists(file))
            continue;
        if (v2)
            return err_at(err, ERR_UNSUPPORTED, app_relative(app, file), 1, 1,
                          "an app with function_app.py has no function.json: Azure would leave this function out");
        if (++found > FUNCTIONS_MAX)
            return err_set(err, ERR_LIMIT, "more than %d functions in '%s'", FUNCTIONS_MAX, app->dir);
        if (add_folder(app, list, names[i], err))
            return -1;
    }
    if (!v2 && !found)
        return err_at(err, ERR_NOT_FOUND, app_relative(app, app->dir), 0, 0,
                      "no functions: neither function_app.py nor a folder with function.json");
    app->folders = v2 ? NULL : list;
    return 0;
}

/* ------------------------------------------------------------------ v2 */

static void set_place(struct doc *d, const char *file, const struct doc *pair)
{
    int64_t line = 0, col = 0;
    d->file = file;
    if (doc_is(pair, DOC_ARRAY) && pair->count == 2) {
        (void)doc_i64(pair->items[0], &line);
        (void)doc_i64(pair->items[1], &col);
        d->line = (int)line;
        d->col = (int)col;
    }
}

/* Puts the places of the app's source on a binding that the worker reported. */
static void place_binding(struct doc *binding, const struct doc *function, const struct doc *places)
{
    const struct doc *of = doc_get_str(places, doc_str(doc_get(binding, "name"), STR_NONE));
    set_place(binding, function->file, doc_get(of, ""));
    if (!doc_get(of, "")) {
        binding->line = function->line;
        binding->col = function->col;
    }
    for (size_t i = 0; doc_is(binding, DOC_OBJECT) && i < binding->count; i++) {
        struct doc *member = binding->items[i];
        member->line = binding->line;
        member->col = binding->col;
        set_place(member, function->file, doc_get_str(of, binding->keys[i].name));
    }
}

static int add_loaded(struct functions_app *app, struct doc *d, struct err *err)
{
    struct str name = doc_str(doc_get(d, "name"), STR_NONE), file = doc_str(doc_get(d, "file"), STR_NONE);
    struct doc *bindings = doc_get(d, "bindings");
    int64_t line = 0, col = 0;
    if (app->count == FUNCTIONS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d functions in '%s'", FUNCTIONS_MAX, app->dir);
    (void)doc_i64(doc_get(d, "line"), &line);
    (void)doc_i64(doc_get(d, "col"), &col);
    d->file = app_relative(app, str_cz(app->arena, file));
    d->line = (int)line;
    d->col = (int)col;
    if (!wanted(app, app->arena, name))
        return 0;
    for (size_t i = 0; doc_is(bindings, DOC_ARRAY) && i < bindings->count; i++)
        place_binding(bindings->items[i], d, doc_get(d, "places"));
    return add(app, name, d, bindings, err);
}

int index_loaded(struct functions_app *app, const struct doc *functions, struct err *err)
{
    struct buf text;
    if (app->folders)
        return 0;
    /* A copy of our own: the frame goes. */
    if (!functions)
        return err_set(err, ERR_CORRUPT, "the worker found no list of functions");
    buf_init(&text);
    doc_write(&text, functions);
    struct doc *list = doc_json(app->arena, "", str_copy(app->arena, buf_view(&text)), err);
    buf_release(&text);
    if (!list)
        return -1;
    for (size_t i = 0; i < list->count; i++)
        if (add_loaded(app, list->items[i], err))
            return -1;
    return 0;
}
