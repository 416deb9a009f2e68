/* err.c -- see err.h. Messages are formatted into a local buffer first, so that a caller may pass
 * parts of the very error it fills as arguments. A message cut to fit ends on a whole character. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const code_names[ERR_CODE_COUNT] = {
    [ERR_OK] = "OK",
    [ERR_USAGE] = "USAGE",
    [ERR_INPUT] = "INPUT",
    [ERR_UNSUPPORTED] = "UNSUPPORTED",
    [ERR_NOT_FOUND] = "NOT_FOUND",
    [ERR_EXISTS] = "EXISTS",
    [ERR_CONFLICT] = "CONFLICT",
    [ERR_LIMIT] = "LIMIT",
    [ERR_CORRUPT] = "CORRUPT",
    [ERR_IO] = "IO",
    [ERR_TIMEOUT] = "TIMEOUT",
    [ERR_CANCELED] = "CANCELED",
    [ERR_AUTH] = "AUTH",
    [ERR_DENIED] = "DENIED",
    [ERR_USER] = "USER",
    [ERR_INTERNAL] = "INTERNAL",
};

static const int exit_statuses[ERR_CODE_COUNT] = {
    [ERR_OK] = 0,        [ERR_USAGE] = 2,  [ERR_INPUT] = 1,    [ERR_UNSUPPORTED] = 1,
    [ERR_NOT_FOUND] = 1, [ERR_EXISTS] = 1, [ERR_CONFLICT] = 1, [ERR_LIMIT] = 1,
    [ERR_CORRUPT] = 3,   [ERR_IO] = 3,     [ERR_TIMEOUT] = 1,  [ERR_CANCELED] = 1,
    [ERR_AUTH] = 1,      [ERR_DENIED] = 1, [ERR_USER] = 1,     [ERR_INTERNAL] = 3,
};

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Copies `from` into the `cap` bytes of `to`; what does not fit is left off at a character. */
static void copy_cut(char *to, size_t cap, const char *from)
{
    size_t len = strlen(from);
    if (len >= cap) {
        len = cap - 1;
        while (len > 0 && is_continuation(from[len]))
            len--;
    }
    memcpy(to, from, len);
    to[len] = '\0';
}

static void fill(struct err *err, enum err_code code, const char *fmt, va_list ap)
{
    char msg[2 * sizeof err->msg];
    DCHECK(code > ERR_OK && code < ERR_CODE_COUNT);
    vsnprintf(msg, sizeof msg, fmt, ap);
    err->code = code;
    err->retriable = false;
    err->where.file[0] = '\0';
    err->where.line = err->where.col = 0;
    copy_cut(err->msg, sizeof err->msg, msg);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

int err_at(struct err *err, enum err_code code, const char *file, int line, int col,
           const char *fmt, ...)
{
    char file_copy[sizeof err->where.file];
    va_list ap;
    copy_cut(file_copy, sizeof file_copy, file ? file : "");
    va_start(ap, fmt);
    fill(err, code, fmt, ap);
    va_end(ap);
    return err_locate(err, file_copy, line, col);
}

/* The codes that callers tell apart; every other errno is ERR_IO. */
static const struct {
    int errnum;
    enum err_code code;
} errno_codes[] = {
    {ENOENT, ERR_NOT_FOUND},  {ENOTDIR, ERR_NOT_FOUND},  {EEXIST, ERR_EXISTS},
    {ETIMEDOUT, ERR_TIMEOUT}, {ECANCELED, ERR_CANCELED},
};

int err_errno(struct err *err, int errnum, const char *fmt, ...)
{
    enum err_code code = ERR_IO;
    char reason[128], msg[2 * sizeof err->msg];
    va_list ap;
    for (size_t i = 0; i < sizeof errno_codes / sizeof errno_codes[0]; i++)
        if (errno_codes[i].errnum == errnum)
            code = errno_codes[i].code;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    const char *text = strerror_r(errnum, reason, sizeof reason);
    err_set(err, code, "%s: %s", msg, text);
    err->retriable = errnum == EAGAIN || errnum == EINTR || errnum == EBUSY;
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char prefix[sizeof err->msg], msg[2 * sizeof err->msg + 4];
    va_list ap;
    DCHECK(err->code != ERR_OK);
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    snprintf(msg, sizeof msg, "%s: %s", prefix, err->msg);
    copy_cut(err->msg, sizeof err->msg, msg);
    return -1;
}

int err_locate(struct err *err, const char *file, int line, int col)
{
    if (err->where.file[0] || err->where.line)
        return -1;
    copy_cut(err->where.file, sizeof err->where.file, file ? file : "");
    err->where.line = line;
    err->where.col = col;
    return -1;
}

const char *err_code_name(enum err_code code)
{
    if ((unsigned)code >= ERR_CODE_COUNT)
        return "UNKNOWN";
    return code_names[code];
}

int err_exit_status(const struct err *err)
{
    if ((unsigned)err->code >= ERR_CODE_COUNT)
        return 3;
    return exit_statuses[err->code];
}

const char *err_text(const struct err *err, char *out, size_t out_bytes)
{
    const struct err_where *w = &err->where;
    char text[sizeof w->file + sizeof err->msg + 32], place[32] = "";
    if (out_bytes == 0)
        return out;
    if (w->line > 0 && w->col > 0)
        snprintf(place, sizeof place, "%d:%d", w->line, w->col);
    else if (w->line > 0)
        snprintf(place, sizeof place, "%d", w->line);
    const char *colon = w->file[0] && place[0] ? ":" : "";
    const char *blank = w->file[0] || place[0] ? ": " : "";
    snprintf(text, sizeof text, "%s%s%s%s%s", w->file, colon, place, blank, err->msg);
    copy_cut(out, out_bytes, text);
    return out;
}

_Noreturn void check_failed(const char *file, int line, const char *expr)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expr);
    abort();
}
