/* store_list.c -- what a listing answers: Azure's and S3's XML, the Data Lake API's JSON. Pure.
 *
 * Azure Blob:  EnumerationResults { Blobs { Blob { Name, Properties { Last-Modified, Etag, Content-Length,
 *              ResourceType } }… , BlobPrefix… }, NextMarker }. A Name may be percent-encoded (Encoded="true").
 *              A folder of a hierarchical account is an entry with ResourceType directory (or metadata
 *              hdi_isfolder): it is no object, and left out.
 * S3:          ListBucketResult { Contents { Key, LastModified, ETag, Size }…, IsTruncated, NextContinuationToken }.
 * Data Lake:   {"paths": [{"name", "contentLength": "12", "lastModified", "etag", "isDirectory": "true"}]}.
 *
 * The XML is read as a stream by libxml2, without network, entities or document types; depth and text of
 * an element are limited. What is not known is skipped. */
#include "lake/store_int.h"
#include <libxml/xmlreader.h>
#include <string.h>

enum { MAX_XML_DEPTH = 16, MAX_XML_TEXT = 64 << 10 };

static void quiet(void *ctx, const char *msg, xmlParserSeverities severity, xmlTextReaderLocatorPtr at)
{
    (void)ctx, (void)msg, (void)severity, (void)at;
}

/* One element after the other: its name, its depth, its text. */
struct xml {
    xmlTextReaderPtr reader;
    char name[MAX_XML_DEPTH + 1][64];
    struct buf text;
    bool encoded;
};

enum xml_event { XML_OPEN, XML_CLOSE, XML_END, XML_BAD };

static enum xml_event xml_next(struct xml *x, int *depth)
{
    int got;
    while ((got = xmlTextReaderRead(x->reader)) == 1) {
        int type = xmlTextReaderNodeType(x->reader);
        *depth = xmlTextReaderDepth(x->reader);
        if (type == XML_READER_TYPE_DOCUMENT_TYPE || type == XML_READER_TYPE_ENTITY_REFERENCE || *depth > MAX_XML_DEPTH)
            return XML_BAD;
        if (type == XML_READER_TYPE_ELEMENT) {
            const char *name = (const char *)xmlTextReaderConstLocalName(x->reader);
            if (!name || strlen(name) >= sizeof x->name[0])
                return XML_BAD;
            memcpy(x->name[*depth], name, strlen(name) + 1);
            buf_clear(&x->text);
            xmlChar *encoded = xmlTextReaderGetAttribute(x->reader, BAD_CAST "Encoded");
            x->encoded = encoded && strcmp((const char *)encoded, "true") == 0;
            xmlFree(encoded);
            if (!xmlTextReaderIsEmptyElement(x->reader))
                return XML_OPEN;
            return XML_CLOSE;
        }
        if (type == XML_READER_TYPE_END_ELEMENT)
            return XML_CLOSE;
        if (type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA || type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE) {
            buf_z(&x->text, (const char *)xmlTextReaderConstValue(x->reader));
            if (x->text.overflow)
                return XML_BAD;
        }
    }
    return got == 0 ? XML_END : XML_BAD;
}

static bool xml_open(struct xml *x, struct str text)
{
    buf_init_max(&x->text, MAX_XML_TEXT);
    x->reader = text.len && text.len <= STORE_MAX_LIST_PAGE
                    ? xmlReaderForMemory(text.ptr, (int)text.len, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
                    : NULL;
    if (x->reader)
        xmlTextReaderSetErrorHandler(x->reader, quiet, NULL);
    return x->reader;
}

static void xml_close(struct xml *x)
{
    if (x->reader)
        xmlFreeTextReader(x->reader);
    buf_release(&x->text);
}

struct str store_xml_text(struct arena *a, struct str text, const char *element)
{
    struct xml x = {};
    struct str found = STR_NONE;
    int depth;
    enum xml_event e = xml_open(&x, text) ? XML_OPEN : XML_BAD;
    while (e < XML_END && !found.ptr) {
        e = xml_next(&x, &depth);
        if (e == XML_CLOSE && strcmp(x.name[depth], element) == 0)
            found = str_copy(a, buf_view(&x.text));
    }
    xml_close(&x);
    return found;
}

/* ---- entries */

struct taking { struct store_page *page; struct store_entry now; bool folder, truncated; };

static int page_add(struct store_page *p, const struct store_entry *e, struct err *err)
{
    if (!e->name || !e->name[0] || strlen(e->name) > STORE_MAX_NAME)
        return err_set(err, ERR_CORRUPT, "a listing names an object by %zu bytes", e->name ? strlen(e->name) : 0);
    p->items = arena_grow(p->arena, p->items, &p->cap, p->count + 1, sizeof *p->items);
    p->items[p->count++] = *e;
    return 0;
}

static void take_name(struct taking *t, const struct xml *x)
{
    struct buf plain;
    if (!x->encoded) {
        t->now.name = str_cz(t->page->arena, buf_view(&x->text));
        return;
    }
    buf_init(&plain);
    t->now.name = percent_get(&plain, buf_view(&x->text)) ? arena_strdup(t->page->arena, plain.ptr) : NULL;
    buf_release(&plain);
}

static void take_key(struct taking *t, const struct xml *x) { t->now.name = str_cz(t->page->arena, buf_view(&x->text)); }
static void take_http_date(struct taking *t, const struct xml *x) { t->now.mtime_us = store_http_date(buf_view(&x->text)); }

static void take_iso_date(struct taking *t, const struct xml *x)
{
    struct tp when;
    t->now.mtime_us = time_parse_iso(buf_view(&x->text), &when) ? when.us : -1;
}

static void take_etag(struct taking *t, const struct xml *x)
{
    struct str s = buf_view(&x->text);
    if (s.len > 1 && s.ptr[0] == '"')
        s = str_sub(s, 1, s.len - 2);
    t->now.etag = str_copy(t->page->arena, s);
}

static void take_size(struct taking *t, const struct xml *x)
{
    if (!str_i64(buf_view(&x->text), &t->now.size))
        t->now.size = -1;
}

static void take_folder(struct taking *t, const struct xml *x) { t->folder = t->folder || str_eqz(buf_view(&x->text), "directory"); }
static void take_hdi(struct taking *t, const struct xml *x) { t->folder = t->folder || str_ieqz(buf_view(&x->text), "true"); }
static void take_next(struct taking *t, const struct xml *x) { t->page->next = str_copy(t->page->arena, buf_view(&x->text)); }
static void take_truncated(struct taking *t, const struct xml *x) { t->truncated = str_eqz(buf_view(&x->text), "true"); }

/* An element by its depth, its own name and its parent's. */
struct rule { int depth; const char *parent, *name; void (*take)(struct taking *, const struct xml *); };
static const struct rule azure_rules[] = {
    {3, "Blob", "Name", take_name}, {4, "Properties", "Last-Modified", take_http_date}, {4, "Properties", "Etag", take_etag},
    {4, "Properties", "Content-Length", take_size}, {4, "Properties", "ResourceType", take_folder},
    {4, "Metadata", "hdi_isfolder", take_hdi}, {4, "Metadata", "Hdi_isfolder", take_hdi}, {1, "EnumerationResults", "NextMarker", take_next},
};
static const struct rule s3_rules[] = {
    {2, "Contents", "Key", take_key}, {2, "Contents", "LastModified", take_iso_date}, {2, "Contents", "ETag", take_etag},
    {2, "Contents", "Size", take_size}, {1, "ListBucketResult", "NextContinuationToken", take_next},
    {1, "ListBucketResult", "IsTruncated", take_truncated},
};
struct grammar { const char *root, *entry; int entry_depth; const struct rule *rules; size_t count; };

static int read_xml(struct store_page *out, struct str text, const struct grammar *g, struct err *err)
{
    struct xml x = {};
    struct taking t = {.page = out, .truncated = true};
    int depth = 0, rc = 0;
    bool rooted = false;
    enum xml_event e = xml_open(&x, text) ? XML_OPEN : XML_BAD;
    while (e < XML_END && rc == 0) {
        e = xml_next(&x, &depth);
        if (e >= XML_END)
            break;
        if (depth == 0 && strcmp(x.name[0], g->root)) {
            e = XML_BAD;
            break;
        }
        rooted = true;
        bool entry = depth == g->entry_depth && strcmp(x.name[depth], g->entry) == 0;
        if (e == XML_OPEN && entry) {
            t.now = (struct store_entry){.size = -1, .mtime_us = -1};
            t.folder = false;
        }
        if (e == XML_CLOSE && entry && !t.folder)
            rc = page_add(out, &t.now, err);
        for (size_t i = 0; e == XML_CLOSE && i < g->count; i++)
            if (g->rules[i].depth == depth && strcmp(g->rules[i].name, x.name[depth]) == 0 && strcmp(g->rules[i].parent, x.name[depth - 1]) == 0)
                g->rules[i].take(&t, &x);
        if (e == XML_CLOSE)
            buf_clear(&x.text);
    }
    xml_close(&x);
    if (rc == 0 && (e == XML_BAD || !rooted))
        rc = err_set(err, ERR_CORRUPT, "the answer of a listing is no %s", g->root);
    if (!t.truncated)
        out->next = STR_NONE;
    return rc;
}

int store_list_azure(struct store_page *out, struct str xml, struct err *err)
{
    static const struct grammar g = {"EnumerationResults", "Blob", 2, azure_rules, COUNT_OF(azure_rules)};
    if (str_starts_z(xml, "\xEF\xBB\xBF"))
        xml = str_from(xml, 3);
    return read_xml(out, xml, &g, err);
}

int store_list_s3(struct store_page *out, struct str xml, struct err *err)
{
    static const struct grammar g = {"ListBucketResult", "Contents", 1, s3_rules, COUNT_OF(s3_rules)};
    return read_xml(out, xml, &g, err);
}

int store_list_dfs(struct store_page *out, struct str json, struct err *err)
{
    struct arena *a = arena_new();
    struct doc *d = doc_json(a, NULL, json, err), *paths = doc_get(d, "paths");
    int rc = d ? 0 : -1;
    if (d && !doc_is(paths, DOC_ARRAY))
        rc = err_set(err, ERR_CORRUPT, "the answer of a listing has no paths");
    for (size_t i = 0; rc == 0 && i < paths->count; i++) {
        const struct doc *p = paths->items[i];
        struct store_entry e = {.size = -1};
        if (doc_bool(doc_get(p, "isDirectory"), false) || str_ieqz(doc_str(doc_get(p, "isDirectory"), STR_NONE), "true"))
            continue;
        struct str name = doc_str(doc_get(p, "name"), STR_NONE);
        e.name = name.len && memchr(name.ptr, 0, name.len) ? NULL : str_cz(out->arena, name);
        if (!doc_i64(doc_get(p, "contentLength"), &e.size) && !str_i64(doc_str(doc_get(p, "contentLength"), STR("0")), &e.size))
            e.size = -1;
        e.mtime_us = store_http_date(doc_str(doc_get(p, "lastModified"), STR_NONE));
        e.etag = str_copy(out->arena, doc_str(doc_get(p, "etag"), STR_NONE));
        rc = page_add(out, &e, err);
    }
    arena_free(a);
    return rc;
}
