/* xml, xpath and json(xml): JSON and XML convert as the engine's JSON library does it. An object with
 * one key is an element of that name; "@x" is an attribute, "#text" its text, an array repeats its
 * element, "?xml" is the declaration. Back: an element with nothing but text is a string, an empty
 * one null, repeated siblings an array. Documents are read without entities from outside, without
 * network access, and within libxml2's own limits. */
#include "factory/expr_int.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <string.h>

enum { XML_MAX_LEVELS = 100 };
#define XML_TYPE STR("application/xml;charset=utf-8")

static void silent(void *ctx, const char *fmt, ...)
{
    (void)ctx;
    (void)fmt;
}

static xmlDocPtr read_xml(struct str text)
{
    xmlSetGenericErrorFunc(NULL, silent);
    if (text.len > INT32_MAX)
        return NULL;
    return xmlReadMemory(text.ptr, (int)text.len, NULL, NULL,
                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

static struct str xml_str(const xmlChar *s)
{
    return str_z((const char *)s);
}

/* ---------------------------------------------------------------- JSON to markup */

static void put_escaped(struct buf *out, struct str s, bool attribute)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '<')
            buf_z(out, "&lt;");
        else if (c == '>')
            buf_z(out, "&gt;");
        else if (c == '&')
            buf_z(out, "&amp;");
        else if (c == '"' && attribute)
            buf_z(out, "&quot;");
        else
            buf_char(out, c);
    }
}

static struct str xml_scalar(struct adf_env *e, const struct doc *v)
{
    if (v->kind == DOC_BOOL)
        return v->boolean ? STR("true") : STR("false");
    return adf_to_string(e->a, v);
}

static bool put_element(struct adf_env *e, struct buf *out, struct str name, const struct doc *v,
                        int depth);

static bool put_children(struct adf_env *e, struct buf *out, const struct doc *v, int depth)
{
    for (size_t i = 0; i < v->count; i++) {
        struct str key = v->keys[i].name;
        if (key.len && key.ptr[0] == '@')
            continue;
        if (str_eqz(key, "#text"))
            put_escaped(out, xml_scalar(e, v->items[i]), false);
        else if (str_eqz(key, "#cdata-section"))
            buf_printf(out, "<![CDATA[%.*s]]>", STR_ARGS(xml_scalar(e, v->items[i])));
        else if (!put_element(e, out, key, v->items[i], depth))
            return false;
    }
    return true;
}

static bool put_element(struct adf_env *e, struct buf *out, struct str name, const struct doc *v,
                        int depth)
{
    if (depth > XML_MAX_LEVELS || !name.len)
        return false;
    if (v->kind == DOC_ARRAY) {
        for (size_t i = 0; i < v->count; i++)
            if (!put_element(e, out, name, v->items[i], depth + 1))
                return false;
        return true;
    }
    buf_printf(out, "<%.*s", STR_ARGS(name));
    for (size_t i = 0; v->kind == DOC_OBJECT && i < v->count; i++)
        if (v->keys[i].name.len > 1 && v->keys[i].name.ptr[0] == '@') {
            buf_printf(out, " %.*s=\"", STR_ARGS(str_from(v->keys[i].name, 1)));
            put_escaped(out, xml_scalar(e, v->items[i]), true);
            buf_char(out, '"');
        }
    size_t mark = out->len;
    buf_char(out, '>');
    if (v->kind == DOC_OBJECT && !put_children(e, out, v, depth + 1))
        return false;
    if (v->kind != DOC_OBJECT)
        put_escaped(out, xml_scalar(e, v), false);
    if (out->len == mark + 1 && v->kind != DOC_STRING) { /* nothing inside */
        out->len = mark;
        buf_z(out, " />");
        return true;
    }
    buf_printf(out, "</%.*s>", STR_ARGS(name));
    return true;
}

static bool put_document(struct adf_env *e, struct buf *out, const struct doc *v)
{
    size_t roots = 0;
    for (size_t i = 0; i < v->count; i++) {
        struct str key = v->keys[i].name;
        if (str_eqz(key, "?xml")) {
            buf_z(out, "<?xml");
            for (size_t k = 0; k < v->items[i]->count; k++)
                buf_printf(out, " %.*s=\"%.*s\"", STR_ARGS(str_from(v->items[i]->keys[k].name, 1)),
                           STR_ARGS(xml_scalar(e, v->items[i]->items[k])));
            buf_z(out, "?>");
        } else if (roots++ || v->items[i]->kind == DOC_ARRAY ||
                   !put_element(e, out, key, v->items[i], 0)) {
            return false;
        }
    }
    return roots == 1;
}

static ADF_FN(fn_xml)
{
    struct buf b;
    struct str bytes, type;
    const struct doc *v = args[0], *out = NULL;
    (void)count;
    if (adf_binary(e->a, v, &bytes, &type))
        v = doc_new_str(e->a, bytes);
    if (v->kind != DOC_OBJECT && v->kind != DOC_STRING)
        return adf_fail_type(e, node, 0, "a string or an object", v);
    buf_init_max(&b, ADF_MAX_RESULT);
    if (v->kind == DOC_STRING)
        buf_str(&b, v->text);
    bool ok = v->kind == DOC_STRING || put_document(e, &b, v);
    xmlDocPtr doc = ok && !b.overflow ? read_xml(buf_view(&b)) : NULL;
    if (doc)
        out = adf_make_binary(e, buf_view(&b), XML_TYPE);
    else
        adf_fail(e, node->at, ADF_CONVERSION, "the value is no XML document: it needs one root");
    xmlFreeDoc(doc);
    buf_release(&b);
    return out;
}

/* ---------------------------------------------------------------- markup to JSON */

static struct str full_name(struct adf_env *e, const xmlNode *n)
{
    if (n->ns && n->ns->prefix)
        return str_fmt(e->a, "%s:%s", (const char *)n->ns->prefix, (const char *)n->name);
    return xml_str(n->name);
}

static void add_value(struct adf_env *e, struct doc *obj, struct str key, struct doc *v)
{
    struct doc *old = doc_get_str(obj, key), *list;
    if (!old) {
        doc_set(e->a, obj, str_copy(e->a, key), v);
        return;
    }
    if (old->kind != DOC_ARRAY || old->boolean == false) { /* boolean marks our own list */
        list = doc_new_array(e->a);
        list->boolean = true;
        doc_push(e->a, list, old);
        doc_set(e->a, obj, key, list);
        old = list;
    }
    doc_push(e->a, old, v);
}

static struct doc *element(struct adf_env *e, const xmlNode *n, int depth)
{
    struct doc *obj = doc_new_object(e->a);
    if (depth > XML_MAX_LEVELS)
        return obj;
    for (const xmlNs *ns = n->nsDef; ns; ns = ns->next)
        add_value(e, obj, ns->prefix ? str_fmt(e->a, "@xmlns:%s", (const char *)ns->prefix)
                                     : STR("@xmlns"),
                  doc_new_str(e->a, xml_str(ns->href)));
    for (const xmlAttr *at = n->properties; at; at = at->next) {
        xmlChar *v = xmlNodeListGetString(n->doc, at->children, 1);
        add_value(e, obj,
                  at->ns && at->ns->prefix ? str_fmt(e->a, "@%s:%s", (const char *)at->ns->prefix,
                                                     (const char *)at->name)
                                           : str_fmt(e->a, "@%s", (const char *)at->name),
                  doc_new_str(e->a, v ? xml_str(v) : STR("")));
        xmlFree(v);
    }
    for (const xmlNode *c = n->children; c; c = c->next) {
        if (c->type == XML_ELEMENT_NODE)
            add_value(e, obj, full_name(e, c), element(e, c, depth + 1));
        else if (c->type == XML_TEXT_NODE && str_trim(xml_str(c->content)).len)
            add_value(e, obj, STR("#text"), doc_new_str(e->a, xml_str(c->content)));
        else if (c->type == XML_CDATA_SECTION_NODE)
            add_value(e, obj, STR("#cdata-section"), doc_new_str(e->a, xml_str(c->content)));
    }
    if (obj->count == 0)
        return doc_new_null(e->a);
    if (obj->count == 1 && str_eqz(obj->keys[0].name, "#text") &&
        obj->items[0]->kind == DOC_STRING)
        return obj->items[0];
    return obj;
}

const struct doc *adf_xml_to_json(struct adf_env *e, const struct adf_node *node, struct str xml)
{
    xmlDocPtr doc = read_xml(xml);
    struct doc *out = doc_new_object(e->a), *declaration = doc_new_object(e->a);
    if (!doc)
        return adf_fail(e, node->at, ADF_CONVERSION, "the value is no XML document");
    if (str_starts_z(str_trim(xml), "<?xml")) {
        doc_set(e->a, declaration, STR("@version"), doc_new_str(e->a, xml_str(doc->version)));
        if (doc->encoding)
            doc_set(e->a, declaration, STR("@encoding"), doc_new_str(e->a, xml_str(doc->encoding)));
        doc_set(e->a, out, STR("?xml"), declaration);
    }
    xmlNode *root = xmlDocGetRootElement(doc);
    doc_set(e->a, out, str_copy(e->a, full_name(e, root)), element(e, root, 0));
    xmlFreeDoc(doc);
    return out;
}

/* ---------------------------------------------------------------- xpath */

static const struct doc *node_value(struct adf_env *e, xmlDocPtr doc, xmlNode *n)
{
    if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE ||
        n->type == XML_ATTRIBUTE_NODE) {
        xmlChar *text = xmlNodeGetContent(n);
        const struct doc *v = adf_str(e, xml_str(text));
        xmlFree(text);
        return v;
    }
    xmlBufferPtr b = xmlBufferCreate();
    xmlNodeDump(b, doc, n, 0, 0);
    const struct doc *v = adf_make_binary(e, xml_str(xmlBufferContent(b)), XML_TYPE);
    xmlBufferFree(b);
    return v;
}

static const struct doc *xpath_value(struct adf_env *e, xmlDocPtr doc, xmlXPathObjectPtr r)
{
    struct doc *list;
    switch (r->type) {
    case XPATH_BOOLEAN:
        return adf_bool(e, r->boolval);
    case XPATH_NUMBER:
        return adf_float(e->a, r->floatval);
    case XPATH_STRING:
        return adf_str(e, xml_str(r->stringval));
    default:
        list = doc_new_array(e->a);
        for (int i = 0; r->nodesetval && i < r->nodesetval->nodeNr; i++)
            doc_push(e->a, list, (struct doc *)node_value(e, doc, r->nodesetval->nodeTab[i]));
        return list;
    }
}

static ADF_FN(fn_xpath)
{
    struct str bytes, type, path;
    const struct doc *out = NULL;
    xmlXPathObjectPtr r = NULL;
    (void)count;
    if (!adf_binary(e->a, args[0], &bytes, &type))
        return adf_fail_type(e, node, 0, "an XML value", args[0]);
    if (!adf_arg_str(e, node, args, 1, &path))
        return NULL;
    xmlDocPtr doc = read_xml(bytes);
    xmlXPathContextPtr ctx = doc ? xmlXPathNewContext(doc) : NULL;
    if (ctx)
        r = xmlXPathEvalExpression((const xmlChar *)str_cz(e->a, path), ctx);
    if (r)
        out = xpath_value(e, doc, r);
    else
        adf_fail(e, node->at, ADF_CONVERSION, doc ? "'%.*s' is no XPath expression"
                                                    : "%.*s: the value is no XML document",
                  STR_ARGS(path));
    xmlXPathFreeObject(r);
    xmlXPathFreeContext(ctx);
    xmlFreeDoc(doc);
    return out;
}

const struct adf_fn adf_xml_fns[] = {
    {"xml", 1, 1, fn_xml, false},
    {"xpath", 2, 2, fn_xpath, false},
    {},
};
