/* base -- everything of layer 0 that most files need. */
#ifndef PAYSTREAK_BASE_BASE_H
#define PAYSTREAK_BASE_BASE_H
#include "base/code.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#endif
