#include "factory/date.h"

#include <stdio.h>
#include <string.h>

struct date_culture {
    const char *name;          /* language, or language-country */
    const char *months[12], *short_months[12], *days[7], *short_days[7];
    const char *am, *pm, *separator;
    const char *d, *D, *t, *T, *m, *y; /* standard patterns */
};

/* More specific names come first; a language alone serves all its countries. */
static const struct date_culture cultures[] = {
    {"en-GB",
     {"January", "February", "March", "April", "May", "June", "July", "August", "September",
      "October", "November", "December"},
     {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
     {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
     {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
     "am", "pm", "/", "dd/MM/yyyy", "dddd, d MMMM yyyy", "HH:mm", "HH:mm:ss", "d MMMM", "MMMM yyyy"},
    {"en",
     {"January", "February", "March", "April", "May", "June", "July", "August", "September",
      "October", "November", "December"},
     {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
     {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
     {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
     "AM", "PM", "/", "M/d/yyyy", "dddd, MMMM d, yyyy", "h:mm tt", "h:mm:ss tt", "MMMM d",
     "MMMM yyyy"},
    {"fr",
     {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
      "octobre", "novembre", "décembre"},
     {"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.",
      "déc."},
     {"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"},
     {"dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."},
     "AM", "PM", "/", "dd/MM/yyyy", "dddd d MMMM yyyy", "HH:mm", "HH:mm:ss", "d MMMM", "MMMM yyyy"},
    {"de",
     {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
      "November", "Dezember"},
     {"Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.",
      "Dez."},
     {"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
     {"So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"},
     "AM", "PM", ".", "dd.MM.yyyy", "dddd, d. MMMM yyyy", "HH:mm", "HH:mm:ss", "d. MMMM",
     "MMMM yyyy"},
    {"es",
     {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
      "octubre", "noviembre", "diciembre"},
     {"ene.", "feb.", "mar.", "abr.", "may.", "jun.", "jul.", "ago.", "sept.", "oct.", "nov.",
      "dic."},
     {"domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"},
     {"dom.", "lun.", "mar.", "mié.", "jue.", "vie.", "sáb."},
     "a. m.", "p. m.", "/", "d/M/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "H:mm", "H:mm:ss",
     "d 'de' MMMM", "MMMM 'de' yyyy"},
    {"it",
     {"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre",
      "ottobre", "novembre", "dicembre"},
     {"gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"},
     {"domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"},
     {"dom", "lun", "mar", "mer", "gio", "ven", "sab"},
     "AM", "PM", "/", "dd/MM/yyyy", "dddd d MMMM yyyy", "HH:mm", "HH:mm:ss", "d MMMM", "MMMM yyyy"},
    {"nl",
     {"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
      "oktober", "november", "december"},
     {"jan.", "feb.", "mrt.", "apr.", "mei", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec."},
     {"zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"},
     {"zo", "ma", "di", "wo", "do", "vr", "za"},
     "a.m.", "p.m.", "-", "dd-MM-yyyy", "dddd d MMMM yyyy", "HH:mm", "HH:mm:ss", "d MMMM",
     "MMMM yyyy"},
};
static const struct date_culture *const english = &cultures[1];

const struct date_culture *date_culture_find(struct str name)
{
    struct str language = name;
    int64_t dash = str_chr(name, '-');
    if (!name.len)
        return english;
    if (dash > 0)
        language = str_sub(name, 0, (size_t)dash);
    for (size_t i = 0; i < COUNT_OF(cultures); i++)
        if (str_ieqz(name, cultures[i].name) || str_ieqz(language, cultures[i].name))
            return &cultures[i];
    return NULL;
}

/* ---------------------------------------------------------------- ticks */

#define DAYS_TO_1970 719162

int64_t date_ticks(int year, int month, int day)
{
    return (days_from_civil(year, month, day) + DAYS_TO_1970) * DATE_TICKS_DAY;
}

struct date_parts date_split(struct date d)
{
    int64_t day = d.ticks / DATE_TICKS_DAY, in_day = d.ticks % DATE_TICKS_DAY;
    struct civil c = civil_of((struct tp){(day - DAYS_TO_1970) * INT64_C(86400000000)});
    int64_t s = in_day / DATE_TICKS_S;
    return (struct date_parts){
        .year = c.year, .month = c.month, .day = c.day, .weekday = (int)((day + 1) % 7),
        .hour = (int)(s / 3600), .minute = (int)(s / 60 % 60), .second = (int)(s % 60),
        .fraction = (int)(in_day % DATE_TICKS_S),
        .yearday = (int)(day - date_ticks(c.year, 1, 1) / DATE_TICKS_DAY) + 1};
}

struct date date_of_tp(struct tp t)
{
    return (struct date){t.us * 10 + DAYS_TO_1970 * DATE_TICKS_DAY, DATE_UTC};
}

struct tp date_tp(struct date d)
{
    return (struct tp){(d.ticks - DAYS_TO_1970 * DATE_TICKS_DAY) / 10};
}

bool date_add_ticks(struct date *d, int64_t ticks)
{
    int64_t sum;
    if (__builtin_add_overflow(d->ticks, ticks, &sum) || sum < 0 || sum > DATE_TICKS_MAX)
        return false;
    d->ticks = sum;
    return true;
}

bool date_add_months(struct date *d, int64_t months)
{
    struct date_parts p = date_split(*d);
    int64_t m;
    if (months < -120000 || months > 120000)
        return false;
    m = (int64_t)p.year * 12 + p.month - 1 + months;
    int year = (int)(m / 12), month = (int)(m % 12) + 1, day = p.day;
    if (m < 12 || year > 9999)
        return false;
    while (!civil_valid(year, month, day))
        day--;
    d->ticks = date_ticks(year, month, day) + d->ticks % DATE_TICKS_DAY;
    return true;
}

/* ---------------------------------------------------------------- reading */

struct reader { struct str s; };

static int at(const struct reader *r)
{
    return r->s.len ? (unsigned char)r->s.ptr[0] : -1;
}

static bool eat(struct reader *r, char c)
{
    if (at(r) != c)
        return false;
    r->s = str_from(r->s, 1);
    return true;
}

static void blanks(struct reader *r)
{
    while (eat(r, ' '))
        ;
}

/* Up to `max` digits; returns how many. */
static int digits(struct reader *r, int max, int *out)
{
    int n = 0;
    *out = 0;
    for (; n < max && at(r) >= '0' && at(r) <= '9'; n++) {
        *out = *out * 10 + (at(r) - '0');
        r->s = str_from(r->s, 1);
    }
    return n;
}

/* A word out of a list of names, in full or short; its index or -1. */
static int word(struct reader *r, const char *const *full, const char *const *brief, int count)
{
    size_t n = 0;
    while (n < r->s.len && ((r->s.ptr[n] | 32) >= 'a' && (r->s.ptr[n] | 32) <= 'z'))
        n++;
    struct str w = str_sub(r->s, 0, n);
    for (int i = 0; i < count; i++)
        if (str_ieqz(w, full[i]) || str_ieqz(w, brief[i])) {
            r->s = str_from(r->s, n);
            return i;
        }
    return -1;
}

static int full_year(int year, int width)
{
    return width > 2 ? year : year < 30 ? 2000 + year : 1900 + year;
}

static int month_word(struct reader *r)
{
    return word(r, english->months, english->short_months, 12) + 1;
}

/* The date part; false if it is none of the known forms. */
static bool read_day(struct reader *r, int *year, int *month, int *day)
{
    int a, b, c, width;
    if (word(r, english->days, english->short_days, 7) >= 0) {
        eat(r, ',');
        blanks(r);
    }
    if ((*month = month_word(r)) > 0) { /* March 5, 2024 */
        blanks(r);
        if (!digits(r, 2, day))
            return false;
        eat(r, ',');
        blanks(r);
        width = digits(r, 4, year);
        return width == 4;
    }
    if (!(width = digits(r, 4, &a)))
        return false;
    if (width <= 2 && (at(r) == ' ' || at(r) == '-')) { /* 05 Mar 2024, 05-Mar-2024 */
        struct reader before = *r;
        char sep = (char)at(r);
        r->s = str_from(r->s, 1);
        if ((*month = month_word(r)) > 0) {
            *day = a;
            width = eat(r, sep) ? digits(r, 4, year) : 0;
            *year = full_year(*year, width);
            return width >= 2;
        }
        *r = before;
    }
    char sep = (char)at(r);
    if ((sep != '-' && sep != '/') || !eat(r, sep) || !digits(r, 2, &b))
        return false;
    if (width == 4) {
        *year = a;
        *month = b;
        *day = 1;
        return !eat(r, sep) || digits(r, 2, day) > 0;
    }
    if (width > 2 || !eat(r, sep) || (width = digits(r, 4, &c)) < 2)
        return false;
    *month = a;
    *day = b;
    *year = full_year(c, width);
    return true;
}

static bool read_fraction(struct reader *r, int64_t *ticks)
{
    int64_t v = 0;
    int n = 0, next = 0;
    for (; at(r) >= '0' && at(r) <= '9'; r->s = str_from(r->s, 1), n++) {
        if (n < 7)
            v = v * 10 + (at(r) - '0');
        else if (n == 7)
            next = at(r) - '0';
    }
    for (int i = n; i < 7; i++)
        v *= 10;
    *ticks += v + (next >= 5);
    return n > 0;
}

static bool read_time(struct reader *r, int64_t *ticks)
{
    int h, m, s = 0, half = 0;
    int64_t fraction = 0;
    if (!digits(r, 2, &h) || !eat(r, ':') || !digits(r, 2, &m))
        return false;
    if (eat(r, ':')) {
        if (!digits(r, 2, &s))
            return false;
        if (eat(r, '.') && !read_fraction(r, &fraction))
            return false;
    }
    struct reader before = *r;
    blanks(r);
    if (r->s.len >= 2 && (r->s.ptr[1] | 32) == 'm' && ((r->s.ptr[0] | 32) == 'a' || (r->s.ptr[0] | 32) == 'p')) {
        half = (r->s.ptr[0] | 32) == 'a' ? 1 : 2;
        r->s = str_from(r->s, 2);
    } else {
        *r = before;
    }
    if (half && (h < 1 || h > 12))
        return false;
    if (half)
        h = h % 12 + (half == 2 ? 12 : 0);
    *ticks = ((int64_t)h * 3600 + m * 60 + s) * DATE_TICKS_S + fraction;
    return h < 24 && m < 60 && s < 60;
}

static bool read_zone(struct reader *r, struct date *out)
{
    int h, m = 0, sign;
    blanks(r);
    if (!r->s.len)
        return true;
    if (str_ieqz(r->s, "Z") || str_ieqz(r->s, "GMT") || str_ieqz(r->s, "UTC")) {
        out->kind = DATE_UTC;
        return true;
    }
    sign = at(r) == '-' ? -1 : 1;
    if ((!eat(r, '+') && !eat(r, '-')) || !digits(r, 2, &h))
        return false;
    eat(r, ':');
    if (r->s.len && digits(r, 2, &m) != 2)
        return false;
    if (r->s.len || h > 14 || m > 59)
        return false;
    out->kind = DATE_OFFSET;
    return date_add_ticks(out, -(int64_t)sign * (h * 60 + m) * 60 * DATE_TICKS_S);
}

bool date_read(struct str text, struct date *out)
{
    struct reader r = {str_trim(text)};
    int year, month, day;
    int64_t time = 0;
    *out = (struct date){.kind = DATE_PLAIN};
    if (!read_day(&r, &year, &month, &day) || year < 1 || !civil_valid(year, month, day))
        return false;
    out->ticks = date_ticks(year, month, day);
    if (!r.s.len)
        return true;
    if (!eat(&r, 'T') && !eat(&r, 't')) {
        if (at(&r) != ' ')
            return read_zone(&r, out);
        blanks(&r);
    }
    return read_time(&r, &time) && date_add_ticks(out, time) && read_zone(&r, out);
}

/* ---------------------------------------------------------------- printing */

struct printer {
    struct buf *out;
    struct date date;
    struct date_parts p;
    const struct date_culture *c;
};

static void number(struct printer *w, int v, int width)
{
    buf_printf(w->out, "%0*d", width, v);
}

static void fraction(struct printer *w, int n, bool drop_zeros)
{
    char text[8];
    for (int i = 6, v = w->p.fraction; i >= 0; i--, v /= 10)
        text[i] = (char)('0' + v % 10);
    while (drop_zeros && n > 0 && text[n - 1] == '0')
        n--;
    if (drop_zeros && n == 0 && w->out->len && w->out->ptr[w->out->len - 1] == '.')
        w->out->ptr[--w->out->len] = 0; /* "ss.FFF" loses its point too */
    buf_add(w->out, text, (size_t)n);
}

static void zone(struct printer *w, int n)
{
    static const char *const text[] = {"+0", "+00", "+00:00"};
    buf_z(w->out, text[n > 3 ? 2 : n - 1]);
}

static void zone_k(struct printer *w)
{
    buf_z(w->out, w->date.kind == DATE_UTC ? "Z" : w->date.kind == DATE_OFFSET ? "+00:00" : "");
}

static void year(struct printer *w, int n)
{
    if (n <= 2)
        number(w, w->p.year % 100, n);
    else
        number(w, w->p.year, n);
}

static void name_or_number(struct printer *w, int n, int v, const char *brief, const char *full)
{
    if (n <= 2)
        number(w, v, n);
    else
        buf_z(w->out, n == 3 ? brief : full);
}

/* One run of the letter `f`, n of them. false: not a format letter. */
static bool letter(struct printer *w, char f, int n)
{
    const struct date_parts *p = &w->p;
    const char *half = p->hour < 12 ? w->c->am : w->c->pm;
    switch (f) {
    case 'd': name_or_number(w, n, p->day, w->c->short_days[p->weekday], w->c->days[p->weekday]); return true;
    case 'M': name_or_number(w, n, p->month, w->c->short_months[p->month - 1], w->c->months[p->month - 1]); return true;
    case 'y': year(w, n); return true;
    case 'h': number(w, p->hour % 12 ? p->hour % 12 : 12, n > 2 ? 2 : n); return true;
    case 'H': number(w, p->hour, n > 2 ? 2 : n); return true;
    case 'm': number(w, p->minute, n > 2 ? 2 : n); return true;
    case 's': number(w, p->second, n > 2 ? 2 : n); return true;
    case 't': buf_add(w->out, half, n == 1 ? 1 : strlen(half)); return true;
    case 'g': buf_z(w->out, "AD"); return true;
    case 'z': zone(w, n); return true;
    case 'K': zone_k(w); return true;
    case 'f': fraction(w, n, false); return n <= 7;
    case 'F': fraction(w, n, true); return n <= 7;
    case ':': buf_char(w->out, ':'); return true;
    case '/': buf_z(w->out, w->c->separator); return true;
    default: return false;
    }
}

static int custom(struct printer *w, struct str f, struct err *err)
{
    for (size_t i = 0; i < f.len;) {
        char c = f.ptr[i];
        if (c == '\'' || c == '"') {
            int64_t end = str_chr(str_from(f, i + 1), c);
            if (end < 0)
                return err_set(err, ERR_INPUT, "the quotes in '%.*s' do not end", STR_ARGS(f));
            buf_str(w->out, str_sub(f, i + 1, (size_t)end));
            i += (size_t)end + 2;
        } else if (c == '\\' || c == '%') {
            if (++i >= f.len || (c == '%' && f.ptr[i] == '%'))
                return err_set(err, ERR_INPUT, "'%.*s' ends with %c", STR_ARGS(f), c);
            if (c == '\\')
                buf_char(w->out, f.ptr[i++]);
        } else {
            size_t n = 1;
            while (i + n < f.len && f.ptr[i + n] == c && strchr("dMyhHmstgzfF", c))
                n++;
            if (strchr("fF", c) && n > 7)
                return err_set(err, ERR_INPUT, "'%.*s' has more than 7 digits of a second",
                               STR_ARGS(f));
            if (!letter(w, c, (int)n))
                buf_char(w->out, c);
            i += strchr("dMyhHmstgzfF", c) ? n : 1;
        }
    }
    return 0;
}

/* The pattern of a standard letter; NULL if it is none. */
static const char *standard(const struct date_culture *c, char f, char scratch[100])
{
    static const struct { char letter; const char *pattern; } fixed[] = {
        {'o', "yyyy'-'MM'-'dd'T'HH':'mm':'ss.fffffffK"}, {'O', "yyyy'-'MM'-'dd'T'HH':'mm':'ss.fffffffK"},
        {'s', "yyyy'-'MM'-'dd'T'HH':'mm':'ss"},          {'u', "yyyy'-'MM'-'dd HH':'mm':'ss'Z'"},
        {'r', "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'"},    {'R', "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'"}};
    const struct { char letter; const char *date, *time; } cultural[] = {
        {'d', c->d, NULL}, {'D', c->D, NULL}, {'t', c->t, NULL}, {'T', c->T, NULL},
        {'m', c->m, NULL}, {'M', c->m, NULL}, {'y', c->y, NULL}, {'Y', c->y, NULL},
        {'f', c->D, c->t}, {'F', c->D, c->T}, {'U', c->D, c->T}, {'g', c->d, c->t},
        {'G', c->d, c->T}};
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        if (fixed[i].letter == f)
            return fixed[i].pattern;
    for (size_t i = 0; i < COUNT_OF(cultural); i++) {
        if (cultural[i].letter != f)
            continue;
        snprintf(scratch, 100, "%s%s%s", cultural[i].date, cultural[i].time ? " " : "",
                 cultural[i].time ? cultural[i].time : "");
        return scratch;
    }
    return NULL;
}

int date_print(struct buf *out, struct date d, struct str format,
               const struct date_culture *culture, struct err *err)
{
    struct printer w = {out, d, date_split(d), culture ? culture : english};
    char scratch[100];
    const char *pattern;
    if (format.len > DATE_FORMAT_MAX)
        return err_set(err, ERR_INPUT, "a date format of more than %d bytes", DATE_FORMAT_MAX);
    if (format.len > 1)
        return custom(&w, format, err);
    if (format.len && strchr("rRosuO", format.ptr[0]))
        w.c = english;
    pattern = standard(w.c, format.len ? format.ptr[0] : 'G', scratch);
    if (!pattern)
        return err_set(err, ERR_INPUT, "'%.*s' is no date format; a single letter of a custom "
                       "format is written %%%.*s", STR_ARGS(format), STR_ARGS(format));
    return custom(&w, str_z(pattern), err);
}
