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
    *r = (struct status_row){.group = group, .rows = -1, .per_second = -1, .warned = -1, .dropped = -1, .failed = -1, .ms = -1};
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
    if (r->group == GROUP_FACTORY || r->group == GROUP_JOB) { /* no numbers: the state stands where they would */
        const char *task = strchr(r->name, '/');
        snprintf(line, 512, "  %s %s%-*s %-10s %s", MOODS[r->mood].mark, task ? "  " : "", task ? 28 : 30, task ? task + 1 : r->name, r->state, r->detail);
        return;
    }
    snprintf(line, 512, "  %s %-30s %12s %9s  %-12s %-9s %s%s%s", MOODS[r->mood].mark, r->name, rows, rate, fresh, r->state, r->detail,
             r->detail[0] && expect[0] ? "  " : "", expect);
}

/* What stays longest when the board is too high: failures, addresses, whole runs, then by age. */
static int64_t weight(const struct status_row *r)
{
    if (r->mood == MOOD_BAD)
        return INT64_MAX;
    if (r->group == GROUP_ADDRESS)
        return INT64_MAX - 1;
    if (r->group == GROUP_JOB || r->group == GROUP_FACTORY)
        return r->mood == MOOD_BUSY ? INT64_MAX - 2 : strchr(r->name, '/') ? -1 : INT64_MAX - 3;
    return r->changed_us;
}

/* Marks `excess` rows as hidden, the lightest first. */
static void hide_rows(const struct status *s, bool *hidden, size_t excess)
{
    for (; excess; excess--) {
        size_t at = s->count;
        for (size_t i = 0; i < s->count; i++)
            if (!hidden[i] && (at == s->count || weight(&s->rows[i]) < weight(&s->rows[at])))
                at = i;
        if (at == s->count || s->rows[at].mood == MOOD_BAD)
            return;
        hidden[at] = true;
    }
}

static void group_render(const struct status *s, enum status_group g, const bool *hidden, int width, bool colour, struct buf *out)
{
    int64_t now = time_mono_us();
    size_t quiet = 0, all = 0;
    char line[512];
    for (size_t i = 0; i < s->count; i++) {
        all += s->rows[i].group == g;
        quiet += s->rows[i].group == g && hidden[i];
    }
    if (!all)
        return;
    snprintf(line, sizeof line, quiet ? "%s (%zu of %zu not shown)" : "%s", GROUP_NAMES[g], quiet, all);
    put_line(out, line, width, colour ? "\033[2m" : NULL);
    for (size_t i = 0; i < s->count; i++) {
        if (s->rows[i].group != g || hidden[i])
            continue;
        row_text(line, &s->rows[i], now);
        if (!colour || g == GROUP_ADDRESS || s->rows[i].mood == MOOD_BAD) {
            put_line(out, line, width, colour && g != GROUP_ADDRESS ? MOODS[MOOD_BAD].colour : NULL);
            continue;
        }
        const char *mark = MOODS[s->rows[i].mood].mark; /* only the mark has a colour: "  ✓ name …" */
        buf_printf(out, "%s  %s\033[0m", MOODS[s->rows[i].mood].colour, mark);
        put_line(out, line + 2 + strlen(mark), width - 3, NULL);
    }
}

void status_render(const struct status *s, int width, int height, bool colour, struct buf *out)
{
    int64_t up = (time_mono_us() - s->started_us) / 1000000;
    size_t notes = s->noted < NOTES_KEPT ? s->noted : NOTES_KEPT, lines = s->count + 2;
    bool seen[GROUP_COUNT] = {false}, *hidden = mem_alloc(s->count + 1);
    char line[512];
    memset(hidden, 0, s->count + 1);
    for (size_t i = 0; i < s->count; i++) {
        lines += !seen[s->rows[i].group];
        seen[s->rows[i].group] = true;
    }
    while (height > 0 && notes > 1 && lines + notes > (size_t)height)
        notes--;
    if (height > 0 && lines + notes > (size_t)height)
        hide_rows(s, hidden, lines + notes - (size_t)height);
    snprintf(line, sizeof line, "paystreak  %s  up %02jd:%02jd:%02jd", s->title, (intmax_t)(up / 3600), (intmax_t)(up / 60 % 60), (intmax_t)(up % 60));
    put_line(out, line, width, colour ? "\033[1m" : NULL);
    for (int g = 0; g < GROUP_COUNT; g++)
        group_render(s, g, hidden, width, colour, out);
    for (size_t i = s->noted - notes; i < s->noted; i++)
        put_line(out, s->notes[i % NOTES_KEPT], width, colour ? "\033[2m" : NULL);
    put_line(out, "Ctrl-C stops; the next run goes on from here", width, colour ? "\033[2m" : NULL);
    mem_free(hidden);
}

/* Goes up to the board's first line and writes each line over the old one, so that nothing flickers. */
void status_draw(struct status *s)
{
    struct winsize w = {0};
    int64_t now = time_mono_us();
    if (s->mode != STATUS_BOARD || now - s->drawn_us < DRAW_EVERY_US)
        return;
    s->drawn_us = now;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col < NARROWEST)
        w.ws_col = w.ws_col ? w.ws_col : 100;
    struct buf text, b;
    buf_init(&text);
    buf_init(&b);
    status_render(s, w.ws_col - 1, w.ws_row ? w.ws_row - 1 : 0, !getenv("NO_COLOR"), &text);
    if (s->painted_lines)
        buf_printf(&b, "\033[%dA", s->painted_lines);
    s->painted_lines = 0;
    struct str rest = buf_view(&text), line;
    while (rest.len && str_split(&rest, '\n', &line)) {
        buf_printf(&b, "%.*s\033[K\n", STR_ARGS(line));
        s->painted_lines++;
    }
    buf_z(&b, "\033[J");
    fwrite(b.ptr, 1, b.len, stdout);
    fflush(stdout);
    buf_release(&b);
    buf_release(&text);
}
