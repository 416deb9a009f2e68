/* function.json: comments and commas blanked, read, every binding checked: schedules, connections,
 * %SETTINGS%, blob paths. Whatever is in it, it is read or refused, and what is read can be used. */
#include "functions/bindings.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct arena *forever;
static struct binding_env env;

static void set_up(void)
{
    struct err err;
    forever = arena_new();
    setenv("HUB", "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=a", 1);
    setenv("STORE", "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a", 1);
    env.settings = settings_read(forever, "/nowhere", "app", &err);
    env.names = resolve_new("/nowhere/state", "/nowhere");
    CHECK(env.settings);
}

static void use(struct arena *a, const struct binding *b)
{
    struct tp next;
    if (b->role == BINDING_TIMER)
        (void)schedule_next(&b->schedule, (struct tp){INT64_C(1767225600000000)}, &next);
    if (b->path)
        CHECK(blob_path_make(b->path, a, (struct tp){0}, STR("f")).len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct err err;
    struct bindings b;
    if (!forever)
        set_up();
    struct arena *a = arena_new();
    struct doc *d = settings_json_text(a, "function.json", str_of((const char *)bytes, n), &err);
    if (!d)
        CHECK(err.code == ERR_INPUT || err.code == ERR_LIMIT);
    else if (bindings_read(&b, a, &env, d, doc_get(d, "bindings"), &err))
        CHECK(err.code != ERR_OK && err.where.line > 0);
    else
        for (size_t i = 0; i < b.count; i++)
            use(a, &b.all[i]);
    arena_free(a);
    return 0;
}
