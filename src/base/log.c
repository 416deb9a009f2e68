/* log.c -- see log.h. A line is formatted whole, at most LINE_MAX_BYTES, and written by one
 * write(2), so lines of several threads and processes do not mix. Control bytes are written as
 * \xNN: what comes from outside cannot forge a line. */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

enum { LINE_MAX_BYTES = 4096, LEVEL_UNSET = -1 };

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static atomic_int level_max = LEVEL_UNSET;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*sink)(void *ctx, enum log_level level, struct str line);
static void *sink_ctx;

static int level_from_env(void)
{
    struct str name = str_z(getenv("PAYSTREAK_LOG"));
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (str_ieqz(name, level_names[i]))
            return i;
    return LOG_INFO;
}

void log_set_level(enum log_level level)
{
    atomic_store(&level_max, (int)level);
}

bool log_on(enum log_level level)
{
    int max = atomic_load_explicit(&level_max, memory_order_relaxed);
    if (max == LEVEL_UNSET) {
        int unset = LEVEL_UNSET;
        atomic_compare_exchange_strong(&level_max, &unset, level_from_env());
        max = atomic_load(&level_max);
    }
    return (int)level <= max;
}

void log_set_sink(void (*fn)(void *ctx, enum log_level level, struct str line), void *ctx)
{
    pthread_mutex_lock(&sink_lock);
    sink = fn;
    sink_ctx = ctx;
    pthread_mutex_unlock(&sink_lock);
}

/* Appends `msg` with control bytes escaped. */
static void add_escaped(struct buf *line, const char *msg)
{
    for (const char *p = msg; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7F)
            buf_printf(line, "\\x%02x", c);
        else
            buf_char(line, *p);
    }
}

static void emit(enum log_level level, struct str line)
{
    pthread_mutex_lock(&sink_lock);
    if (sink) {
        sink(sink_ctx, level, str_sub(line, 0, line.len - 1));
    } else {
        ssize_t ignored = write(STDERR_FILENO, line.ptr, line.len);
        (void)ignored; /* there is nobody left to tell */
    }
    pthread_mutex_unlock(&sink_lock);
}

void log_line(enum log_level level, const char *subject, const char *fmt, ...)
{
    char msg[LINE_MAX_BYTES], when[40];
    struct buf line;
    va_list ap;
    if (!log_on(level))
        return;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    buf_init_max(&line, 5 * LINE_MAX_BYTES);
    buf_printf(&line, "%s %-5s %s ", time_iso(time_now(), 3, when), level_names[level], subject);
    add_escaped(&line, msg);
    buf_char(&line, '\n');
    emit(level, buf_view(&line));
    buf_release(&line);
}

const char *log_value(struct str value, char out[LOG_VALUE_BYTES])
{
    bool quoted = value.len == 0;
    for (size_t i = 0; i < value.len; i++)
        quoted |= value.ptr[i] == ' ' || value.ptr[i] == '"' || value.ptr[i] == '=';
    size_t n = 0, room = LOG_VALUE_BYTES - 2; /* the closing quote and NUL */
    if (quoted)
        out[n++] = '"';
    for (size_t i = 0; i < value.len; i++) {
        bool escape = quoted && (value.ptr[i] == '"' || value.ptr[i] == '\\');
        if (n + 1 + escape > room)
            break;
        if (escape)
            out[n++] = '\\';
        out[n++] = value.ptr[i];
    }
    if (quoted)
        out[n++] = '"';
    out[n] = '\0';
    return out;
}

void log_err(enum log_level level, const char *subject, const struct err *err)
{
    char text[sizeof err->msg + sizeof err->where + 16];
    log_line(level, subject, "%s", err_text(err, text, sizeof text));
}
