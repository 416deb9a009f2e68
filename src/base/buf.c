/* buf.c -- `struct buf` of str.h. An empty buffer points to one shared NUL, so that buf_init()
 * allocates nothing; `cap` is 0 then and counts the bytes before the NUL otherwise. */
#include "base/str.h"

#include <stdio.h>
#include <string.h>

static char empty[1];

void buf_init(struct buf *b)
{
    buf_init_max(b, BUF_DEFAULT_MAX);
}

void buf_init_max(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.ptr = empty, .max = max_bytes};
}

void buf_release(struct buf *b)
{
    if (b->cap)
        mem_free(b->ptr);
    b->ptr = empty;
    b->len = b->cap = 0;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->cap)
        b->ptr[0] = '\0';
}

void *buf_room(struct buf *b, size_t n)
{
    if (n > b->max || b->len > b->max - n) {
        b->overflow = true;
        return NULL;
    }
    if (b->len + n > b->cap || b->cap == 0) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        while (cap < b->len + n)
            cap *= 2;
        if (cap > b->max)
            cap = b->max ? b->max : 1;
        b->ptr = mem_realloc(b->cap ? b->ptr : NULL, cap + 1);
        b->ptr[b->len] = '\0';
        b->cap = cap;
    }
    return b->ptr + b->len;
}

void buf_took(struct buf *b, size_t n)
{
    CHECK(n <= b->cap - b->len);
    b->len += n;
    if (b->cap)
        b->ptr[b->len] = '\0';
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    void *to = buf_room(b, n);
    if (!to)
        return;
    memcpy(to, bytes, n);
    buf_took(b, n);
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_z(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_char(struct buf *b, char c)
{
    if (b->len < b->cap) {
        b->ptr[b->len++] = c;
        b->ptr[b->len] = '\0';
        return;
    }
    buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(small, sizeof small, fmt, ap);
    CHECK(len >= 0);
    if ((size_t)len < sizeof small) {
        buf_add(b, small, (size_t)len);
    } else {
        char *to = buf_room(b, (size_t)len);
        if (to) {
            vsnprintf(to, (size_t)len + 1, fmt, again);
            buf_took(b, (size_t)len);
        }
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_drop_front(struct buf *b, size_t n)
{
    CHECK(n <= b->len);
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->ptr, b->ptr + n, b->len + 1);
}

char *buf_detach(struct buf *b)
{
    char *p = b->cap ? b->ptr : mem_alloc(1);
    size_t max = b->max;
    buf_init_max(b, max);
    return p;
}

int buf_check(const struct buf *b, const char *what, struct err *err)
{
    if (!b->overflow)
        return 0;
    return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, b->max);
}
