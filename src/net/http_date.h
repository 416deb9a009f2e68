/* http_date -- instants as HTTP's headers write them: "Fri, 26 Jun 2015 23:39:12 GMT" (RFC 9110, 5.6.7: the
 * only form that is written; the two older ones are not read either). Pure; any thread. */
#ifndef PAYSTREAK_NET_HTTP_DATE_H
#define PAYSTREAK_NET_HTTP_DATE_H
#include "base/base.h"

enum { HTTP_DATE_BYTES = 40 };

/* Returns `out`. Parts of a second are left off. */
char *http_date(struct tp t, char out[HTTP_DATE_BYTES]);
/* Whole seconds. False if malformed or no real instant; the day's name is not looked at. */
bool http_date_parse(struct str s, struct tp *out);
#endif
