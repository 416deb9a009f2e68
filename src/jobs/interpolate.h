/* interpolate -- ${…} references of a bundle.
 *
 * A reference is ${a.b.c} or ${a.b[0].c} of letters, digits, _ and -; anything else stays as it is,
 * also `${name}` without a dot, which belongs to Spark or to a shell. There is no escape. Pure. */
#ifndef PAYSTREAK_JOBS_INTERPOLATE_H
#define PAYSTREAK_JOBS_INTERPOLATE_H
#include "base/base.h"

/* Gives the value of a reference's path; NULL and no error: not ours, leave the text alone;
 * NULL and err->code set: an error, which gets the place of the text. */
typedef const struct doc *(*interpolate_fn)(void *ctx, struct str path, struct err *err);

/* A copy of `d` in which each reference is replaced; a text that is one reference takes the
 * value with its type, also a list or a map; within longer text a scalar's text is put in. Values
 * that hold references themselves are followed to BUNDLE_MAX_REFERENCES deep, a cycle is an error. */
struct doc *interpolate(struct arena *a, const struct doc *d, interpolate_fn get, void *ctx, struct err *err) MUST_CHECK;
#endif
