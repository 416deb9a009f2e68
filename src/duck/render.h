/* render -- values outside of results in the forms of duck_style; render.c has the table. Pure. */
#ifndef PAYSTREAK_DUCK_RENDER_H
#define PAYSTREAK_DUCK_RENDER_H
#include "duck/duck.h"

void render_f64(struct buf *out, double v, bool is_float, enum duck_style style); /* is_float: the digits of a float, but in EXACT */
void render_decimal(struct buf *out, __int128 unscaled, int scale);
void render_date(struct buf *out, int32_t days, enum duck_style style);           /* since 1970-01-01; not quoted */
void render_timestamp(struct buf *out, int64_t us, bool zone, enum duck_style style); /* since 1970-01-01 00:00 UTC; not quoted */
#endif
