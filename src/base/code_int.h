/* code_int -- what only the tests of code.c need. */
#ifndef PAYSTREAK_BASE_CODE_INT_H
#define PAYSTREAK_BASE_CODE_INT_H
#include "base/code.h"

uint32_t crc32c_portable(uint32_t seed, const void *bytes, size_t n); /* crc32c() without the instruction */
#endif
