/* eval -- expressions outside of a run: one text with parameters, or a case of a file of cases.
 *
 * A case is an object: "expression", and "context" with what its names stand for: "pipeline" (the
 * properties of pipeline(), with dataset and linkedService as dataset() and linkedService()),
 * "variables", "activities", "item". Its answer is {"id", "value"} or {"id", "error": class}. */
#include "factory/expr.h"
#include "factory/factory.h"

struct case_names { const struct doc *variables, *activities; };

static const struct doc *lookup(const struct doc *in, struct str name)
{
    for (size_t i = 0; doc_is(in, DOC_OBJECT) && i < in->count; i++)
        if (str_ieq(in->keys[i].name, name))
            return in->items[i];
    return NULL;
}

static const struct doc *case_activity(void *ctx, struct str name) { return lookup(((struct case_names *)ctx)->activities, name); }
static const struct doc *case_variable(void *ctx, struct str name) { return lookup(((struct case_names *)ctx)->variables, name); }

static struct doc *bare_pipeline(struct arena *a, const struct doc *params)
{
    struct doc *pipeline = doc_new_object(a);
    doc_set(a, pipeline, STR("parameters"), params ? (struct doc *)params : doc_new_object(a));
    doc_set(a, pipeline, STR("globalParameters"), doc_new_object(a));
    return pipeline;
}

int factory_eval(struct str text, const struct doc *params, struct buf *json, struct err *err)
{
    struct arena *a = arena_new();
    struct adf_scope scope = {.pipeline = bare_pipeline(a, params)};
    const struct doc *v = adf_text(a, &scope, text, NULL, NULL, err);
    if (v)
        doc_write(json, v);
    arena_free(a);
    return v ? 0 : -1;
}

int factory_eval_case(const struct doc *one, struct buf *json, struct err *err)
{
    const struct doc *expression = doc_need(one, "expression", DOC_STRING, err), *context = doc_get(one, "context"), *id = doc_get(one, "id");
    if (!expression)
        return -1;
    struct arena *a = arena_new();
    struct case_names names = {doc_get(context, "variables"), doc_get(context, "activities")};
    const struct doc *pipeline = doc_get(context, "pipeline");
    struct adf_scope scope = {.pipeline = pipeline ? pipeline : bare_pipeline(a, NULL), .item = doc_get(context, "item"),
                              .dataset = doc_get(pipeline, "dataset"), .linked_service = doc_get(pipeline, "linkedService"),
                              .activity = case_activity, .variable = case_variable, .ctx = &names};
    enum adf_class class = ADF_OK;
    struct err failed;
    const struct doc *v = adf_text(a, &scope, expression->text, expression, &class, &failed);
    buf_z(json, "{\"id\":");
    doc_write(json, id ? id : doc_new_null(a));
    if (v) {
        buf_z(json, ",\"value\":");
        doc_write(json, v);
    } else {
        buf_printf(json, ",\"error\":\"%s\",\"message\":", adf_class_name(class));
        json_quote(json, str_z(failed.msg));
    }
    buf_char(json, '}');
    arena_free(a);
    return 0;
}
