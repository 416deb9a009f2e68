/* status -- what `paystreak run` shows: a live board on a terminal, one line per change elsewhere,
 * JSON lines with --output json.
 *
 * The board is a list of rows in groups (address, stream, table, factory, job, function), keyed by
 * group and name. Whoever wires the parts sets rows; status_draw() paints them at most four times a
 * second. On a terminal the board is repainted in place with the log's last lines below it; colours
 * follow NO_COLOR, width and height are the terminal's. What does not fit goes in this order: lines
 * of the log, a job's tasks, the rows that changed longest ago; failures stay. Otherwise a row prints one line whenever its
 * state changes, and numbers are left to those lines.
 *
 * Thread: the main loop only. Painting goes to standard error when standard output is for JSON. */
#ifndef PAYSTREAK_CLI_STATUS_H
#define PAYSTREAK_CLI_STATUS_H
#include "base/base.h"

enum status_group { GROUP_ADDRESS, GROUP_FUNCTION, GROUP_STREAM, GROUP_TABLE, GROUP_FACTORY, GROUP_JOB, GROUP_COUNT };
enum status_mood { MOOD_IDLE, MOOD_BUSY, MOOD_GOOD, MOOD_BAD };
enum status_mode { STATUS_BOARD, STATUS_LINES, STATUS_JSON };

struct status_row {
    enum status_group group;
    char name[96];
    char state[48];          /* "running", "Succeeded", "waiting for silver.customers" … */
    char detail[160];        /* an address, an error, a duration */
    enum status_mood mood;
    int64_t rows;            /* -1: no number */
    double per_second;       /* < 0: no rate; maintained by status_rows() */
    int64_t changed_us;      /* monotonic time of the last change of `rows`; 0: never */
    int64_t warned, dropped, failed; /* expectation counts, -1: none declared */
    int64_t ms;              /* how long it took, -1: not known */
    int64_t rate_from_us, rate_from_rows; /* internal */
};

struct status;
struct status *status_new(enum status_mode mode, const char *title);
void status_free(struct status *s);
/* The row, made if absent. The pointer is good until the next call that makes a row. */
struct status_row *status_row(struct status *s, enum status_group group, const char *name);
/* Sets the state; outside a board, prints a line if it is new. */
void status_state(struct status *s, enum status_group group, const char *name, enum status_mood mood,
                  const char *state, const char *detail_fmt, ...) PRINTF_LIKE(6, 7);
void status_rows(struct status *s, enum status_group group, const char *name, int64_t rows);
void status_each(const struct status *s, void (*fn)(void *ctx, const struct status_row *row), void *ctx);
void status_note(struct status *s, struct str line);  /* a line of the log below the board */
void status_draw(struct status *s);
/* The board as text of at most `width` columns and `height` lines (0: as many as it takes). */
void status_render(const struct status *s, int width, int height, bool colour, struct buf *out);
#endif
