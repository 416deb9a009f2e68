/* xml -- the small XML that storage clients send (block lists, tags, policies, queue messages), read; and
 * that of answers, written.
 *
 * Elements with text; attributes are skipped; comments, CDATA and the XML declaration are read. What
 * can harm is not there: no DTD, no entities but the five and character references; and
 * no characters that XML 1.0 has not, since no answer could give them back. Nodes live in the
 * arena. Limits: XML_MAX_DEPTH, XML_MAX_NODES. */
#ifndef PAYSTREAK_STORAGE_XML_H
#define PAYSTREAK_STORAGE_XML_H
#include "base/base.h"

enum { XML_MAX_DEPTH = 16, XML_MAX_NODES = 200000 };

struct xml { struct str name, text; struct xml *first, *next; }; /* text: its own, decoded, of a leaf */

/* The root element, or NULL: ERR_INPUT, ERR_LIMIT. */
struct xml *azxml_read(struct arena *a, struct str in, struct err *err) MUST_CHECK;
struct xml *azxml_child(const struct xml *x, const char *name);  /* NULL if absent, also of NULL */
struct str azxml_text(const struct xml *x, const char *name);    /* of a child; STR_NONE if absent */

#define AZXML_HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
/* Appends text with the five characters that XML reserves escaped; bytes that XML 1.0 has no way to carry are dropped. */
void azxml_put(struct buf *out, struct str text);
void azxml_element(struct buf *out, const char *name, struct str text);
/* <Metadata> with an element for each member of `meta`, and `more`, which is XML. */
void azxml_meta(struct buf *out, const struct doc *meta, const char *more);
#endif
