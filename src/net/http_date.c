#include "net/http_date.h"
#include <stdio.h>
#include <string.h>

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec", DAYS[] = "SunMonTueWedThuFriSat";

char *http_date(struct tp t, char out[HTTP_DATE_BYTES])
{
    struct civil c = civil_of(t);
    snprintf(out, HTTP_DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", DAYS + 3 * c.weekday, c.day, MONTHS + 3 * (c.month - 1), c.year,
             c.hour, c.minute, c.second);
    return out;
}

bool http_date_parse(struct str s, struct tp *out)
{
    char text[HTTP_DATE_BYTES], month[4] = {0};
    struct civil c = {0};
    if (s.len < 25 || s.len >= sizeof text)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    const char *comma = strchr(text, ',');
    if (!comma || sscanf(comma + 1, " %2d %3s %4d %2d:%2d:%2d GMT", &c.day, month, &c.year, &c.hour, &c.minute, &c.second) != 6)
        return false;
    const char *at = strlen(month) == 3 ? strstr(MONTHS, month) : NULL;
    if (!at || (at - MONTHS) % 3)
        return false;
    c.month = (int)(at - MONTHS) / 3 + 1;
    if (!civil_valid(c.year, c.month, c.day) || c.hour < 0 || c.hour > 23 || c.minute < 0 || c.minute > 59 || c.second < 0 || c.second > 60)
        return false;
    *out = civil_tp(&c);
    return true;
}
