/* log -- one line an event on standard error: `time level subject msg key=value …`.
 *
 * Messages start lower case and end without full stop; values with blanks or quotes are quoted.
 * Secrets never pass here. Thread-safe (one write(2) a line). Level from PAYSTREAK_LOG
 * (error, warn, info, debug; default info) or log_set_level(). */
#ifndef PAYSTREAK_BASE_LOG_H
#define PAYSTREAK_BASE_LOG_H
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
void log_set_level(enum log_level level);
bool log_on(enum log_level level);
/* Redirects lines to `fn` (NULL: standard error), as the status display does. */
void log_set_sink(void (*fn)(void *ctx, enum log_level level, struct str line), void *ctx);
void log_line(enum log_level level, const char *subject, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define log_error(subject, ...) log_line(LOG_ERROR, subject, __VA_ARGS__)
#define log_warn(subject, ...) log_line(LOG_WARN, subject, __VA_ARGS__)
#define log_info(subject, ...) log_line(LOG_INFO, subject, __VA_ARGS__)
#define log_debug(subject, ...) (log_on(LOG_DEBUG) ? log_line(LOG_DEBUG, subject, __VA_ARGS__) : (void)0)
/* A value for a line: as it is, or in quotes if it holds blanks, quotes or nothing; cut to fit. */
enum { LOG_VALUE_BYTES = 256 };
const char *log_value(struct str value, char out[LOG_VALUE_BYTES]);
void log_err(enum log_level level, const char *subject, const struct err *err); /* err_text as message */
#endif
