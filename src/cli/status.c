#include "cli/status.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NOTES_KEPT = 6, NOTE_BYTES = 400, RATE_WINDOW_US = 1000000, DRAW_EVERY_US = 250000, NARROWEST = 60 };

struct status {
    enum status_mode mode;
    char title[200];
    struct status_row *rows;
    size_t count, cap;
    char notes[NOTES_KEPT][NOTE_BYTES];
    size_t noted;
    int painted_lines;
    int64_t drawn_us, started_us;
};

static const char *const GROUP_NAMES[GROUP_COUNT] = {
    [GROUP_ADDRESS] = "listening", [GROUP_FUNCTION] = "functions", [GROUP_STREAM] = "event hubs",
    [GROUP_TABLE] = "tables",      [GROUP_FACTORY] = "factory",    [GROUP_JOB] = "jobs",
};
static const char *const GROUP_KEYS[GROUP_COUNT] = {"address", "function", "stream", "table", "factory", "job"};
static const struct { const char *colour, *mark; } MOODS[] = {
    [MOOD_IDLE] = {"\033[2m", "·"}, [MOOD_BUSY] = {"\033[36m", "›"}, [MOOD_GOOD] = {"\033[32m", "✓"}, [MOOD_BAD] = {"\033[31m", "✗"},
};

struct status *status_new(enum status_mode mode, const char *title)
{
    struct status *s = NEW(struct status);
    s->mode = mode;
    s->started_us = time_mono_us();
    snprintf(s->title, sizeof s->title, "%s", title);
    return s;
}

void status_free(struct status *s)
{
    if (s)
        mem_free(s->rows);
    mem_free(s);
}

struct status_row *status_row(struct status *s, enum status_group group, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].group == group && strcmp(s->rows[i].name, name) == 0)
            return &s->rows[i];
    s->rows = mem_grow(s->rows, &s->cap, s->count + 1, sizeof *s->rows);
    struct status_row *r = &s->rows[s->count++];
    *r = (struct status_row){.group = group, .rows = -1, .per_second = -1, .warned = -1, .dropped = -1, .failed = -1};
    snprintf(r->name, sizeof r->name, "%s", name);
    return r;
}

static void print_line(const struct status *s, const struct status_row *r)
{
    char when[40];
    struct buf b;
    buf_init(&b);
    if (s->mode == STATUS_JSON) {
        buf_printf(&b, "{\"time\":\"%s\",\"part\":\"%s\",\"name\":", time_iso(time_now(), 3, when), GROUP_KEYS[r->group]);
        json_quote(&b, str_z(r->name));
        buf_z(&b, ",\"state\":");
        json_quote(&b, str_z(r->state));
        if (r->detail[0]) {
            buf_z(&b, ",\"detail\":");
            json_quote(&b, str_z(r->detail));
        }
        buf_z(&b, "}\n");
        fputs(b.ptr, stdout);
        fflush(stdout);
    } else {
        fprintf(stderr, "%s %s %s: %s%s%s\n", time_iso(time_now(), 3, when), GROUP_KEYS[r->group], r->name, r->state,
                r->detail[0] ? ", " : "", r->detail);
    }
    buf_release(&b);
}

void status_state(struct status *s, enum status_group group, const char *name, enum status_mood mood,
                  const char *state, const char *detail_fmt, ...)
{
    struct status_row *r = status_row(s, group, name);
    bool news = strcmp(r->state, state) != 0;
    va_list ap;
    va_start(ap, detail_fmt);
    vsnprintf(r->detail, sizeof r->detail, detail_fmt, ap);
    va_end(ap);
    snprintf(r->state, sizeof r->state, "%s", state);
    r->mood = mood;
    if (news && s->mode != STATUS_BOARD)
        print_line(s, r);
}

void status_rows(struct status *s, enum status_group group, const char *name, int64_t rows)
{
    struct status_row *r = status_row(s, group, name);
    int64_t now = time_mono_us();
    if (rows != r->rows)
        r->changed_us = now;
    if (r->rows < 0) {
        r->rate_from_us = now;
        r->rate_from_rows = rows;
    }
    r->rows = rows;
    if (now - r->rate_from_us >= RATE_WINDOW_US) {
        r->per_second = (double)(rows - r->rate_from_rows) * 1e6 / (double)(now - r->rate_from_us);
        r->rate_from_us = now;
        r->rate_from_rows = rows;
    }
}

void status_each(const struct status *s, void (*fn)(void *ctx, const struct status_row *row), void *ctx)
{
    for (size_t i = 0; i < s->count; i++)
        fn(ctx, &s->rows[i]);
}

void status_note(struct status *s, struct str line)
{
    while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    if (s->mode != STATUS_BOARD) {
        fprintf(stderr, "%.*s\n", STR_ARGS(line));
        return;
    }
    snprintf(s->notes[s->noted++ % NOTES_KEPT], NOTE_BYTES, "%.*s", STR_ARGS(line));
}

/* 60398 as "60,398". */
static void number(char out[32], int64_t v)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%jd", (intmax_t)v), at = 0;
    for (int i = 0; i < n; i++) {
        if (i && digits[i - 1] != '-' && (n - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
}

static void ago(char out[32], int64_t changed_us, int64_t now_us)
{
    double s = (double)(now_us - changed_us) / 1e6;
    if (!changed_us)
        out[0] = 0;
    else if (s < 60)
        snprintf(out, 32, "%.1f s ago", s);
    else
        snprintf(out, 32, "%.0f min ago", s / 60);
}

/* Cells seen on a terminal: bytes that do not continue a UTF-8 sequence. */
static size_t cells(const char *s, size_t n)
{
    size_t c = 0;
    for (size_t i = 0; i < n; i++)
        c += ((unsigned char)s[i] & 0xc0) != 0x80;
    return c;
}

/* Adds one line, cut to the width, in the row's colour. */
static void put_line(struct buf *out, const char *text, int width, const char *colour)
{
    size_t len = strlen(text);
    while (len && cells(text, len) > (size_t)width)
        len--;
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    if (colour)
        buf_z(out, colour);
    buf_add(out, text, len);
    if (colour)
        buf_z(out, "\033[0m");
    buf_char(out, '\n');
}

static void expectations(char out[96], const struct status_row *r)
{
    int at = 0;
    out[0] = 0;
    const struct { int64_t n; const char *word; } counts[] = {{r->warned, "warned"}, {r->dropped, "dropped"}, {r->failed, "failed"}};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        char n[32];
        if (counts[i].n < 1)
            continue;
        number(n, counts[i].n);
        at += snprintf(out + at, (size_t)(96 - at), "%s%s %s", at ? ", " : "", n, counts[i].word);
    }
}

static void row_text(char line[512], const struct status_row *r, int64_t now_us)
{
    char rows[32] = "", rate[32] = "", fresh[32] = "", expect[96];
    if (r->group == GROUP_ADDRESS) {
        snprintf(line, 512, "    %-12s %s", r->name, r->detail);
        return;
    }
    if (r->rows >= 0)
        number(rows, r->rows);
    if (r->per_second >= 0.5)
        snprintf(rate, sizeof rate, "%.0f/s", r->per_second);
    ago(fresh, r->changed_us, now_us);
    expectations(expect, r);
    snprintf(line, 512, "  %s %-28s %12s %9s  %-12s %-12s %s%s%s", MOODS[r->mood].mark, r->name, rows, rate, fresh, r->state, r->detail,
             r->detail[0] && expect[0] ? "  " : "", expect);
}

void status_render(const struct status *s, int width, bool colour, struct buf *out)
{
    int64_t now = time_mono_us(), up = (now - s->started_us) / 1000000;
    char line[512];
    snprintf(line, sizeof line, "paystreak  %s  up %02jd:%02jd:%02jd", s->title, (intmax_t)(up / 3600), (intmax_t)(up / 60 % 60), (intmax_t)(up % 60));
    put_line(out, line, width, colour ? "\033[1m" : NULL);
    for (int g = 0; g < GROUP_COUNT; g++) {
        bool any = false;
        for (size_t i = 0; i < s->count; i++) {
            if (s->rows[i].group != (enum status_group)g)
                continue;
            if (!any)
                put_line(out, GROUP_NAMES[g], width, colour ? "\033[2m" : NULL);
            any = true;
            row_text(line, &s->rows[i], now);
            put_line(out, line, width, colour && g != GROUP_ADDRESS ? MOODS[s->rows[i].mood].colour : NULL);
        }
    }
    size_t first = s->noted > NOTES_KEPT ? s->noted - NOTES_KEPT : 0;
    for (size_t i = first; i < s->noted; i++)
        put_line(out, s->notes[i % NOTES_KEPT], width, colour ? "\033[2m" : NULL);
    put_line(out, "Ctrl-C stops; the next run goes on from here", width, colour ? "\033[2m" : NULL);
}

void status_draw(struct status *s)
{
    struct winsize w = {0};
    int64_t now = time_mono_us();
    if (s->mode != STATUS_BOARD || now - s->drawn_us < DRAW_EVERY_US)
        return;
    s->drawn_us = now;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col < NARROWEST)
        w.ws_col = w.ws_col ? w.ws_col : 100;
    struct buf b;
    buf_init(&b);
    if (s->painted_lines)
        buf_printf(&b, "\033[%dA\033[J", s->painted_lines);
    size_t head = b.len;
    status_render(s, w.ws_col - 1, !getenv("NO_COLOR"), &b);
    s->painted_lines = 0;
    for (size_t i = head; i < b.len; i++)
        s->painted_lines += b.ptr[i] == '\n';
    fwrite(b.ptr, 1, b.len, stdout);
    fflush(stdout);
    buf_release(&b);
}
