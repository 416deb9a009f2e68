/* TZif, RFC 8536. A file holds a header and data in 32 bits, then the same in 64 bits, then a POSIX
 * TZ rule for the time after the last transition:
 *    0  "TZif"   4  version '2' or more   20  six u32be counts: isut, isstd, leap, time, type, char
 *   44  time × i64be transitions, time × u8 type indexes, type × {i32be offset, u8 dst, u8 abbrev},
 *       chars, leap × 12, isstd, isut; then "\n" rule "\n"
 * Only version 2 and later files are read; leap seconds are ignored, as civil time does. */
#include "base/zone.h"
#include "base/code.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/time.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ZONE_FILE_MAX = 256 << 10, ZONE_HEADER = 44, DAY_S = 86400 };

/* Mm.w.d/time of a POSIX rule. */
struct switch_rule {
    int month, week, weekday;
    int32_t time_s;
};

struct zone {
    char *name;
    size_t count;           /* transitions */
    int64_t *at;            /* owned; ascending */
    int32_t *offset_after;  /* owned */
    int32_t offset_before;  /* before the first transition */
    bool has_rule, has_dst; /* after the last one */
    int32_t std_offset, dst_offset;
    struct switch_rule to_dst, to_std;
};

static const struct {
    const char *windows, *iana;
} windows_names[] = {
    {"Dateline Standard Time", "Etc/GMT+12"},
    {"UTC-11", "Etc/GMT+11"},
    {"Aleutian Standard Time", "America/Adak"},
    {"Hawaiian Standard Time", "Pacific/Honolulu"},
    {"Marquesas Standard Time", "Pacific/Marquesas"},
    {"Alaskan Standard Time", "America/Anchorage"},
    {"UTC-09", "Etc/GMT+9"},
    {"Pacific Standard Time (Mexico)", "America/Tijuana"},
    {"UTC-08", "Etc/GMT+8"},
    {"Pacific Standard Time", "America/Los_Angeles"},
    {"US Mountain Standard Time", "America/Phoenix"},
    {"Mountain Standard Time (Mexico)", "America/Mazatlan"},
    {"Mountain Standard Time", "America/Denver"},
    {"Yukon Standard Time", "America/Whitehorse"},
    {"Central America Standard Time", "America/Guatemala"},
    {"Central Standard Time", "America/Chicago"},
    {"Easter Island Standard Time", "Pacific/Easter"},
    {"Central Standard Time (Mexico)", "America/Mexico_City"},
    {"Canada Central Standard Time", "America/Regina"},
    {"SA Pacific Standard Time", "America/Bogota"},
    {"Eastern Standard Time (Mexico)", "America/Cancun"},
    {"Eastern Standard Time", "America/New_York"},
    {"Haiti Standard Time", "America/Port-au-Prince"},
    {"Cuba Standard Time", "America/Havana"},
    {"US Eastern Standard Time", "America/Indiana/Indianapolis"},
    {"Turks And Caicos Standard Time", "America/Grand_Turk"},
    {"Paraguay Standard Time", "America/Asuncion"},
    {"Atlantic Standard Time", "America/Halifax"},
    {"Venezuela Standard Time", "America/Caracas"},
    {"Central Brazilian Standard Time", "America/Cuiaba"},
    {"SA Western Standard Time", "America/La_Paz"},
    {"Pacific SA Standard Time", "America/Santiago"},
    {"Newfoundland Standard Time", "America/St_Johns"},
    {"Tocantins Standard Time", "America/Araguaina"},
    {"E. South America Standard Time", "America/Sao_Paulo"},
    {"SA Eastern Standard Time", "America/Cayenne"},
    {"Argentina Standard Time", "America/Argentina/Buenos_Aires"},
    {"Greenland Standard Time", "America/Nuuk"},
    {"Montevideo Standard Time", "America/Montevideo"},
    {"Magallanes Standard Time", "America/Punta_Arenas"},
    {"Saint Pierre Standard Time", "America/Miquelon"},
    {"Bahia Standard Time", "America/Bahia"},
    {"UTC-02", "Etc/GMT+2"},
    {"Azores Standard Time", "Atlantic/Azores"},
    {"Cape Verde Standard Time", "Atlantic/Cape_Verde"},
    {"UTC", "Etc/UTC"},
    {"GMT Standard Time", "Europe/London"},
    {"Greenwich Standard Time", "Atlantic/Reykjavik"},
    {"Sao Tome Standard Time", "Africa/Sao_Tome"},
    {"Morocco Standard Time", "Africa/Casablanca"},
    {"W. Europe Standard Time", "Europe/Berlin"},
    {"Central Europe Standard Time", "Europe/Budapest"},
    {"Romance Standard Time", "Europe/Paris"},
    {"Central European Standard Time", "Europe/Warsaw"},
    {"W. Central Africa Standard Time", "Africa/Lagos"},
    {"Jordan Standard Time", "Asia/Amman"},
    {"GTB Standard Time", "Europe/Bucharest"},
    {"Middle East Standard Time", "Asia/Beirut"},
    {"Egypt Standard Time", "Africa/Cairo"},
    {"E. Europe Standard Time", "Europe/Chisinau"},
    {"Syria Standard Time", "Asia/Damascus"},
    {"West Bank Standard Time", "Asia/Hebron"},
    {"South Africa Standard Time", "Africa/Johannesburg"},
    {"FLE Standard Time", "Europe/Kiev"},
    {"Israel Standard Time", "Asia/Jerusalem"},
    {"South Sudan Standard Time", "Africa/Juba"},
    {"Kaliningrad Standard Time", "Europe/Kaliningrad"},
    {"Sudan Standard Time", "Africa/Khartoum"},
    {"Libya Standard Time", "Africa/Tripoli"},
    {"Namibia Standard Time", "Africa/Windhoek"},
    {"Arabic Standard Time", "Asia/Baghdad"},
    {"Turkey Standard Time", "Europe/Istanbul"},
    {"Arab Standard Time", "Asia/Riyadh"},
    {"Belarus Standard Time", "Europe/Minsk"},
    {"Russian Standard Time", "Europe/Moscow"},
    {"E. Africa Standard Time", "Africa/Nairobi"},
    {"Iran Standard Time", "Asia/Tehran"},
    {"Arabian Standard Time", "Asia/Dubai"},
    {"Astrakhan Standard Time", "Europe/Astrakhan"},
    {"Azerbaijan Standard Time", "Asia/Baku"},
    {"Russia Time Zone 3", "Europe/Samara"},
    {"Mauritius Standard Time", "Indian/Mauritius"},
    {"Saratov Standard Time", "Europe/Saratov"},
    {"Georgian Standard Time", "Asia/Tbilisi"},
    {"Volgograd Standard Time", "Europe/Volgograd"},
    {"Caucasus Standard Time", "Asia/Yerevan"},
    {"Afghanistan Standard Time", "Asia/Kabul"},
    {"West Asia Standard Time", "Asia/Tashkent"},
    {"Ekaterinburg Standard Time", "Asia/Yekaterinburg"},
    {"Pakistan Standard Time", "Asia/Karachi"},
    {"Qyzylorda Standard Time", "Asia/Qyzylorda"},
    {"India Standard Time", "Asia/Calcutta"},
    {"Sri Lanka Standard Time", "Asia/Colombo"},
    {"Nepal Standard Time", "Asia/Katmandu"},
    {"Central Asia Standard Time", "Asia/Bishkek"},
    {"Bangladesh Standard Time", "Asia/Dhaka"},
    {"Omsk Standard Time", "Asia/Omsk"},
    {"Myanmar Standard Time", "Asia/Rangoon"},
    {"SE Asia Standard Time", "Asia/Bangkok"},
    {"Altai Standard Time", "Asia/Barnaul"},
    {"W. Mongolia Standard Time", "Asia/Hovd"},
    {"North Asia Standard Time", "Asia/Krasnoyarsk"},
    {"N. Central Asia Standard Time", "Asia/Novosibirsk"},
    {"Tomsk Standard Time", "Asia/Tomsk"},
    {"China Standard Time", "Asia/Shanghai"},
    {"North Asia East Standard Time", "Asia/Irkutsk"},
    {"Singapore Standard Time", "Asia/Singapore"},
    {"W. Australia Standard Time", "Australia/Perth"},
    {"Taipei Standard Time", "Asia/Taipei"},
    {"Ulaanbaatar Standard Time", "Asia/Ulaanbaatar"},
    {"Aus Central W. Standard Time", "Australia/Eucla"},
    {"Transbaikal Standard Time", "Asia/Chita"},
    {"Tokyo Standard Time", "Asia/Tokyo"},
    {"North Korea Standard Time", "Asia/Pyongyang"},
    {"Korea Standard Time", "Asia/Seoul"},
    {"Yakutsk Standard Time", "Asia/Yakutsk"},
    {"Cen. Australia Standard Time", "Australia/Adelaide"},
    {"AUS Central Standard Time", "Australia/Darwin"},
    {"E. Australia Standard Time", "Australia/Brisbane"},
    {"AUS Eastern Standard Time", "Australia/Sydney"},
    {"West Pacific Standard Time", "Pacific/Port_Moresby"},
    {"Tasmania Standard Time", "Australia/Hobart"},
    {"Vladivostok Standard Time", "Asia/Vladivostok"},
    {"Lord Howe Standard Time", "Australia/Lord_Howe"},
    {"Bougainville Standard Time", "Pacific/Bougainville"},
    {"Russia Time Zone 10", "Asia/Srednekolymsk"},
    {"Magadan Standard Time", "Asia/Magadan"},
    {"Norfolk Standard Time", "Pacific/Norfolk"},
    {"Sakhalin Standard Time", "Asia/Sakhalin"},
    {"Central Pacific Standard Time", "Pacific/Guadalcanal"},
    {"Russia Time Zone 11", "Asia/Kamchatka"},
    {"New Zealand Standard Time", "Pacific/Auckland"},
    {"UTC+12", "Etc/GMT-12"},
    {"Fiji Standard Time", "Pacific/Fiji"},
    {"Chatham Islands Standard Time", "Pacific/Chatham"},
    {"UTC+13", "Etc/GMT-13"},
    {"Tonga Standard Time", "Pacific/Tongatapu"},
    {"Samoa Standard Time", "Pacific/Apia"},
    {"Line Islands Standard Time", "Pacific/Kiritimati"},
};

/* ---------------------------------------------------------------- the rule after the table */

static bool rule_name(struct str *s)
{
    size_t n = 0;
    if (s->len && s->ptr[0] == '<') {
        int64_t end = str_chr(*s, '>');
        if (end < 0)
            return false;
        *s = str_from(*s, (size_t)end + 1);
        return true;
    }
    while (n < s->len && ((s->ptr[n] | 32) >= 'a' && (s->ptr[n] | 32) <= 'z'))
        n++;
    *s = str_from(*s, n);
    return n >= 3;
}

static int32_t rule_number(struct str *s)
{
    int32_t v = 0;
    while (s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9' && v < 100000) {
        v = v * 10 + (s->ptr[0] - '0');
        *s = str_from(*s, 1);
    }
    return v;
}

static int32_t rule_time(struct str *s) /* [+-]h[:m[:s]] */
{
    int32_t sign = 1, v, unit = 3600;
    if (s->len && (s->ptr[0] == '-' || s->ptr[0] == '+')) {
        sign = s->ptr[0] == '-' ? -1 : 1;
        *s = str_from(*s, 1);
    }
    v = rule_number(s) * unit;
    while (s->len && s->ptr[0] == ':' && unit > 1) {
        unit /= 60;
        *s = str_from(*s, 1);
        v += rule_number(s) * unit;
    }
    return sign * v;
}

static bool rule_switch(struct str *s, struct switch_rule *out)
{
    if (!str_starts_z(*s, ",M"))
        return false;
    *s = str_from(*s, 2);
    out->month = rule_number(s);
    *s = str_from(*s, 1);
    out->week = rule_number(s);
    *s = str_from(*s, 1);
    out->weekday = rule_number(s);
    out->time_s = 7200;
    if (s->len && s->ptr[0] == '/') {
        *s = str_from(*s, 1);
        out->time_s = rule_time(s);
    }
    return out->month >= 1 && out->month <= 12 && out->week >= 1 && out->week <= 5 &&
           out->weekday <= 6;
}

static void read_rule(struct zone *z, struct str s)
{
    if (!rule_name(&s))
        return;
    z->std_offset = -rule_time(&s);
    z->has_rule = true;
    if (!s.len || !rule_name(&s))
        return;
    z->dst_offset = s.len && s.ptr[0] != ',' ? -rule_time(&s) : z->std_offset + 3600;
    z->has_dst = rule_switch(&s, &z->to_dst) && rule_switch(&s, &z->to_std);
}

/* The civil second of a year at which a rule switches, in the time before it. */
static int64_t switch_at(const struct switch_rule *r, int year)
{
    int64_t first = days_from_civil(year, r->month, 1);
    int weekday = (int)(((first + 4) % 7 + 7) % 7);
    int day = 1 + (r->weekday - weekday + 7) % 7 + (r->week - 1) * 7;
    while (!civil_valid(year, r->month, day))
        day -= 7;
    return (first + day - 1) * DAY_S + r->time_s;
}

static int32_t rule_offset(const struct zone *z, int64_t unix_s)
{
    if (!z->has_dst)
        return z->std_offset;
    struct civil c = civil_of((struct tp){(unix_s + z->std_offset) * 1000000});
    int64_t dst = switch_at(&z->to_dst, c.year) - z->std_offset;
    int64_t std = switch_at(&z->to_std, c.year) - z->dst_offset;
    bool on = dst < std ? unix_s >= dst && unix_s < std : unix_s >= dst || unix_s < std;
    return on ? z->dst_offset : z->std_offset;
}

/* ---------------------------------------------------------------- the file */

static size_t block_bytes(const uint8_t *h, size_t time_bytes)
{
    size_t isut = be32_get(h + 20), isstd = be32_get(h + 24), leap = be32_get(h + 28),
           times = be32_get(h + 32), types = be32_get(h + 36), chars = be32_get(h + 40);
    return times * (time_bytes + 1) + types * 6 + chars + leap * (time_bytes + 4) + isstd + isut;
}

static bool header_ok(struct str s)
{
    return s.len >= ZONE_HEADER && memcmp(s.ptr, "TZif", 4) == 0 && s.ptr[4] >= '2';
}

static bool read_zone(struct zone *z, struct str s)
{
    if (!header_ok(s) || block_bytes((const uint8_t *)s.ptr, 4) > s.len)
        return false;
    s = str_from(s, ZONE_HEADER + block_bytes((const uint8_t *)s.ptr, 4));
    if (!header_ok(s))
        return false;
    const uint8_t *h = (const uint8_t *)s.ptr;
    size_t times = be32_get(h + 32), types = be32_get(h + 36), body = block_bytes(h, 8);
    if (s.len < ZONE_HEADER + body || types == 0)
        return false;
    const uint8_t *at = h + ZONE_HEADER, *index = at + times * 8, *type = index + times;
    z->count = times;
    z->at = mem_alloc(times * sizeof *z->at + 1);
    z->offset_after = mem_alloc(times * sizeof *z->offset_after + 1);
    z->offset_before = (int32_t)be32_get(type);
    for (size_t i = 0; i < times; i++) {
        if (index[i] >= types)
            return false;
        z->at[i] = (int64_t)be64_get(at + i * 8);
        z->offset_after[i] = (int32_t)be32_get(type + index[i] * 6);
    }
    read_rule(z, str_trim(str_from(s, ZONE_HEADER + body)));
    return true;
}

static void zone_free(struct zone *z)
{
    mem_free(z->name);
    mem_free(z->at);
    mem_free(z->offset_after);
    mem_free(z);
}

static struct zone *load(struct str name, struct err *err)
{
    struct zone *z = NEW(struct zone);
    struct buf path, bytes;
    const char *dir = getenv("TZDIR");
    buf_init(&path);
    buf_init(&bytes);
    buf_printf(&path, "%s/%.*s", dir ? dir : "/usr/share/zoneinfo", STR_ARGS(name));
    z->name = str_dup(name);
    bool ok =
        fs_read_file(path.ptr, ZONE_FILE_MAX, &bytes, err) == 0 && read_zone(z, buf_view(&bytes));
    buf_release(&path);
    buf_release(&bytes);
    if (ok)
        return z;
    zone_free(z);
    err_set(err, ERR_INPUT, "there is no time zone '%.*s' on this machine", STR_ARGS(name));
    return NULL;
}

static bool name_ok(struct str s)
{
    if (!s.len || s.len > 80 || s.ptr[0] == '/' || str_find(s, STR("..")) >= 0)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20)
            return false;
    return true;
}

const struct zone *zone_find(struct str name, struct err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct map *known;
    struct str iana = name;
    struct zone *z;
    if (!name_ok(name)) {
        err_set(err, ERR_INPUT, "'%.*s' is no time zone", STR_ARGS(name));
        return NULL;
    }
    for (size_t i = 0; i < sizeof windows_names / sizeof *windows_names; i++)
        if (str_ieqz(name, windows_names[i].windows))
            iana = str_z(windows_names[i].iana);
    pthread_mutex_lock(&lock);
    if (!known)
        known = map_new();
    z = map_get(known, iana);
    if (!z && (z = load(iana, err)))
        map_put(known, iana, z);
    pthread_mutex_unlock(&lock);
    return z;
}

bool zone_is_utc(const struct zone *z)
{
    return z->count == 0 && z->offset_before == 0 &&
           (!z->has_rule || (z->std_offset == 0 && !z->has_dst));
}

int32_t zone_offset(const struct zone *z, int64_t unix_s)
{
    size_t lo = 0, hi = z->count; /* before lo: at or before the instant */
    if (z->has_rule && (z->count == 0 || unix_s >= z->at[z->count - 1]))
        return rule_offset(z, unix_s);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (z->at[mid] <= unix_s)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? z->offset_after[lo - 1] : z->offset_before;
}

int zone_instants(const struct zone *z, int64_t local_s, int64_t unix_s[2])
{
    int32_t offsets[2] = {zone_offset(z, local_s - DAY_S), zone_offset(z, local_s + DAY_S)};
    int n = 0;
    for (int i = 0; i < 2; i++) {
        int64_t t = local_s - offsets[i];
        if (zone_offset(z, t) == offsets[i] && (n == 0 || t != unix_s[0]))
            unix_s[n++] = t;
    }
    if (n == 2 && unix_s[0] > unix_s[1]) {
        int64_t t = unix_s[0];
        unix_s[0] = unix_s[1];
        unix_s[1] = t;
    }
    return n;
}
