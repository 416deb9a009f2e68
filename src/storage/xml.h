/* xml -- the small XML that storage clients send: block lists, tags, policies, queue messages.
 *
 * Elements with text; attributes are skipped; comments, CDATA and the XML declaration are read. What
 * can harm is not there: no DTD, no entities but the five and character references. Nodes live in the
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
#endif
