/* err -- how a failure travels up: one value, no allocation.
 *
 * A function that can fail returns int (0, or -1 on failure) or a signed count, and takes a
 * `struct err *err` as its last parameter, never NULL. On failure it has filled `*err`; on success
 * it has not touched it. Each layer may add context once with err_wrap(). Failures of the user's
 * artifacts say where: file, line and column of *their* file.
 *
 * Bugs of ours are not errors: CHECK() stops the program, in release builds too. */
#ifndef PAYSTREAK_BASE_ERR_H
#define PAYSTREAK_BASE_ERR_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
    ERR_OK = 0,
    ERR_USAGE,       /* wrong command line */
    ERR_INPUT,       /* the user's artifact or data is malformed */
    ERR_UNSUPPORTED, /* a construct by name that is refused */
    ERR_NOT_FOUND,
    ERR_EXISTS,
    ERR_CONFLICT,    /* a concurrent writer won */
    ERR_LIMIT,       /* a named limit is exceeded */
    ERR_CORRUPT,     /* bytes that we or a peer wrote do not decode */
    ERR_IO,          /* the operating system or a remote said no */
    ERR_TIMEOUT,
    ERR_CANCELED,
    ERR_AUTH,        /* who are you */
    ERR_DENIED,      /* you may not */
    ERR_USER,        /* the user's work failed: an expectation, raised code, a failed activity */
    ERR_INTERNAL,    /* our fault, caught before it did harm */
    ERR_CODE_COUNT
};

struct err_where {
    char file[256]; /* "" if unknown */
    int line, col;  /* 1-based, 0 if unknown; columns count bytes */
};

struct err {
    enum err_code code;
    bool retriable;
    struct err_where where;
    char msg[500];
};

/* All return -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_at(struct err *err, enum err_code code, const char *file, int line, int col,
           const char *fmt, ...) PRINTF_LIKE(6, 7);
int err_errno(struct err *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4); /* ": strerror" added */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3); /* prefixes "fmt: " */
int err_locate(struct err *err, const char *file, int line, int col);  /* only if not located yet */

/* The stable upper-case name, "ERR_INPUT" -> "INPUT". */
const char *err_code_name(enum err_code code);
/* Process exit status: 0 good, 1 the user's work failed, 2 wrong usage, 3 our fault. */
int err_exit_status(const struct err *err);
/* Writes "file:line:col: msg" (parts that are known) into `out`; returns `out`. */
const char *err_text(const struct err *err, char *out, size_t out_bytes);

_Noreturn void check_failed(const char *file, int line, const char *expr);
#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))
#ifdef NDEBUG
#define DCHECK(cond) ((void)sizeof((cond) ? 1 : 0))
#else
#define DCHECK(cond) CHECK(cond)
#endif
#define UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")
#endif
