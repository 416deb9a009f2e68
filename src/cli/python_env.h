/* python_env -- which interpreter runs the users' Python, and where our Python parts lie for it. */
#ifndef PAYSTREAK_CLI_PYTHON_ENV_H
#define PAYSTREAK_CLI_PYTHON_ENV_H
#include "base/base.h"

/* PAYSTREAK_PYTHON, else the private environment beside the binary (../deps/venv), else python3 of
 * PATH; NULL if there is none. In the arena. */
const char *python_find(struct arena *a);
/* Writes the embedded python/ files below `dir` (those that differ). */
int python_unpack(struct arena *a, const char *dir, struct err *err) MUST_CHECK;
#endif
