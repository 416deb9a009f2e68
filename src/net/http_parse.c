/* http_parse.c -- HTTP/1.1 heads and chunked bodies, as RFC 9112 has them, read strictly.
 *
 * Strict, because what two parsers read differently is how requests are smuggled: lines end in
 * CRLF, names are tokens, no blank before the colon, no folded lines, one Content-Length at most,
 * never together with Transfer-Encoding, whose only coding is "chunked". */
#include "net/http_parse.h"
#include <string.h>

static int64_t refuse(struct err *err, int *status, int code, const char *msg)
{
    *status = code;
    return err_set(err, code == 413 || code == 414 || code == 431 ? ERR_LIMIT : ERR_INPUT, "%s", msg);
}

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char((unsigned char)s.ptr[i]))
            return false;
    return s.len > 0;
}

static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_target(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c == 0x7f || c == '#')
            return false;
    }
    return s.len > 0;
}

static int64_t parse_target(struct http_head *h, int *status, struct err *err)
{
    struct str t = h->target;
    if (t.len > HTTP_MAX_TARGET)
        return refuse(err, status, 414, "the request's target is too long");
    if (!is_target(t))
        return refuse(err, status, 400, "the request's target holds bytes that it must not");
    if (str_starts_z(t, "http://") || str_starts_z(t, "https://")) {
        struct str rest = str_from(t, (size_t)str_find(t, STR("://")) + 3);
        int64_t slash = str_chr(rest, '/');
        h->host = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
        t = slash < 0 ? STR("/") : str_from(rest, (size_t)slash);
    } else if (t.ptr[0] != '/' && !str_eqz(t, "*")) {
        return refuse(err, status, 400, "the request's target is no path");
    }
    int64_t mark = str_chr(t, '?');
    h->path = mark < 0 ? t : str_sub(t, 0, (size_t)mark);
    h->query = mark < 0 ? STR("") : str_from(t, (size_t)mark + 1);
    size_t depth = 0;
    for (size_t i = 0; i < h->path.len; i++)
        depth += h->path.ptr[i] == '/';
    if (depth > HTTP_MAX_DEPTH)
        return refuse(err, status, 414, "the request's path has too many segments");
    return 0;
}

static int64_t parse_request_line(struct str line, struct http_head *h, int *status, struct err *err)
{
    int64_t sp1 = str_chr(line, ' '), sp2 = str_rchr(line, ' ');
    if (sp1 <= 0 || sp2 <= sp1)
        return refuse(err, status, 400, "malformed request line");
    h->method = str_sub(line, 0, (size_t)sp1);
    h->target = str_sub(line, (size_t)sp1 + 1, (size_t)(sp2 - sp1 - 1));
    struct str version = str_from(line, (size_t)sp2 + 1);
    if (!is_token(h->method))
        return refuse(err, status, 400, "malformed request line");
    if (str_eqz(version, "HTTP/1.1"))
        h->minor = 1;
    else if (str_eqz(version, "HTTP/1.0"))
        h->minor = 0;
    else
        return refuse(err, status, str_starts_z(version, "HTTP/") ? 505 : 400, "HTTP/1.1 is spoken here");
    return parse_target(h, status, err);
}

static int64_t parse_field(struct arena *a, struct str line, struct http_head *h, int *status,
                           struct err *err)
{
    int64_t colon = str_chr(line, ':');
    if (h->header_count == HTTP_MAX_HEADERS)
        return refuse(err, status, 431, "too many headers");
    if (colon <= 0 || !is_token(str_sub(line, 0, (size_t)colon)))
        return refuse(err, status, 400, "malformed header");
    struct str value = str_trim(str_from(line, (size_t)colon + 1));
    if (!is_field_value(value))
        return refuse(err, status, 400, "a header holds bytes that it must not");
    h->headers[h->header_count++] =
        (struct http_header){str_lower(a, str_sub(line, 0, (size_t)colon)), value};
    return 0;
}

struct str http_head_header(const struct http_head *h, const char *lower_name)
{
    for (size_t i = 0; i < h->header_count; i++)
        if (str_eqz(h->headers[i].name, lower_name))
            return h->headers[i].value;
    return STR_NONE;
}

static bool list_has(struct str list, const char *word)
{
    struct str part;
    while (str_split(&list, ',', &part))
        if (str_ieqz(str_trim(part), word))
            return true;
    return false;
}

/* What the headers say about the body and the connection. */
static int64_t parse_framing(struct http_head *h, int *status, struct err *err)
{
    size_t lengths = 0, codings = 0, hosts = 0;
    struct str length = STR_NONE, coding = STR_NONE, connection = http_head_header(h, "connection");
    for (size_t i = 0; i < h->header_count; i++) {
        const struct http_header *f = &h->headers[i];
        if (str_eqz(f->name, "content-length")) {
            length = f->value;
            lengths++;
        } else if (str_eqz(f->name, "transfer-encoding")) {
            coding = f->value;
            codings++;
        } else if (str_eqz(f->name, "host")) {
            h->host = h->host.ptr ? h->host : f->value;
            hosts++;
        }
    }
    if (lengths > 1 || codings > 1 || hosts > 1 || (lengths && codings))
        return refuse(err, status, 400, "contradictory headers: Content-Length, Transfer-Encoding or Host");
    h->content_length = -1;
    if (lengths) {
        uint64_t n;
        if (length.len == 0 || length.ptr[0] == '+' || !str_u64(length, &n) || n > INT64_MAX)
            return refuse(err, status, 400, "malformed Content-Length");
        h->content_length = (int64_t)n;
    }
    if (codings) {
        if (h->minor == 0)
            return refuse(err, status, 400, "HTTP/1.0 knows no Transfer-Encoding");
        if (!str_ieqz(coding, "chunked"))
            return refuse(err, status, 501, "the only transfer coding taken is 'chunked'");
        h->chunked = true;
    }
    h->keep_alive = h->minor == 1 ? !list_has(connection, "close") : list_has(connection, "keep-alive");
    struct str expect = http_head_header(h, "expect");
    if (expect.ptr && !str_ieqz(expect, "100-continue"))
        return refuse(err, status, 417, "the only expectation met is '100-continue'");
    h->expect_continue = expect.ptr != NULL && h->minor == 1;
    return 0;
}

int64_t http_head_parse(struct arena *a, struct str in, struct http_head *out, int *status,
                        struct err *err)
{
    int64_t end = str_find(str_sub(in, 0, HTTP_MAX_HEAD), STR("\r\n\r\n"));
    *out = (struct http_head){0};
    if (end < 0) {
        if (in.len >= HTTP_MAX_HEAD)
            return refuse(err, status, 431, "the request's head is too large");
        return 0;
    }
    struct str head = str_copy(a, str_sub(in, 0, (size_t)end + 2));
    out->headers = ARENA_ARRAY(a, struct http_header, HTTP_MAX_HEADERS);
    bool first = true;
    while (head.len > 0) {
        size_t eol = (size_t)str_find(head, STR("\r\n"));
        struct str line = str_sub(head, 0, eol);
        head = str_from(head, eol + 2);
        if (str_chr(line, '\n') >= 0 || str_chr(line, '\r') >= 0 || str_chr(line, 0) >= 0)
            return refuse(err, status, 400, "a line of the head holds a bare CR, LF or NUL");
        if (!first && line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
            return refuse(err, status, 400, "folded header lines are not taken");
        if ((first ? parse_request_line(line, out, status, err)
                   : parse_field(a, line, out, status, err)) != 0)
            return -1;
        first = false;
    }
    if (parse_framing(out, status, err) != 0)
        return -1;
    return end + 4;
}

/* ------------------------------------------------------------------ chunked bodies */

/* The line at the front of `in`, without CRLF; *taken gets its length with it. 1, 0: incomplete, -1. */
static int take_line(struct str in, size_t max, struct str *line, size_t *taken, struct err *err)
{
    int64_t lf = str_chr(str_sub(in, 0, max + 2), '\n');
    if (lf < 0)
        return in.len > max + 1 ? err_set(err, ERR_LIMIT, "a line of a chunked body is too long") : 0;
    if (lf == 0 || in.ptr[lf - 1] != '\r')
        return err_set(err, ERR_INPUT, "a line of a chunked body ends in a bare LF");
    *line = str_sub(in, 0, (size_t)lf - 1);
    *taken = (size_t)lf + 1;
    return 1;
}

static int parse_size(struct str line, uint64_t *size, struct err *err)
{
    int64_t semi = str_chr(line, ';'); /* extensions mean nothing to us */
    struct str hex = str_trim(semi < 0 ? line : str_sub(line, 0, (size_t)semi));
    *size = 0;
    if (hex.len == 0 || hex.len > 15)
        return err_set(err, ERR_INPUT, "malformed size of a chunk");
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0)
            return err_set(err, ERR_INPUT, "malformed size of a chunk");
        *size = *size * 16 + (uint64_t)digit;
    }
    return 0;
}

/* One step. Returns the bytes taken, 0 if more are needed, -1. */
static int64_t chunk_step(struct http_chunked *d, struct str in, struct buf *body, struct err *err)
{
    struct str line;
    size_t taken = 0;
    int rc;
    switch (d->state) {
    case CHUNK_SIZE:
        if ((rc = take_line(in, HTTP_MAX_CHUNK_LINE, &line, &taken, err)) <= 0)
            return rc;
        if (parse_size(line, &d->left, err) != 0)
            return -1;
        d->state = d->left ? CHUNK_DATA : CHUNK_TRAILER;
        return (int64_t)taken;
    case CHUNK_DATA:
        taken = in.len < d->left ? in.len : (size_t)d->left;
        buf_add(body, in.ptr, taken);
        if (buf_check(body, "the request's body", err) != 0)
            return -1;
        d->left -= taken;
        if (d->left == 0)
            d->state = CHUNK_DATA_END;
        return (int64_t)taken;
    case CHUNK_DATA_END:
        if ((rc = take_line(in, 0, &line, &taken, err)) <= 0)
            return rc;
        d->state = CHUNK_SIZE;
        return (int64_t)taken;
    case CHUNK_TRAILER:
        if ((rc = take_line(in, HTTP_MAX_TRAILER, &line, &taken, err)) <= 0)
            return rc;
        d->trailer_bytes += taken;
        if (d->trailer_bytes > HTTP_MAX_TRAILER)
            return err_set(err, ERR_LIMIT, "trailers of a chunked body are too large");
        if (line.len == 0)
            d->state = CHUNK_DONE;
        return (int64_t)taken;
    case CHUNK_DONE:
        break;
    }
    return 0;
}

int64_t http_chunked_feed(struct http_chunked *d, struct str in, struct buf *body, struct err *err)
{
    size_t at = 0;
    while (d->state != CHUNK_DONE && at < in.len) {
        int64_t n = chunk_step(d, str_from(in, at), body, err);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        at += (size_t)n;
    }
    return (int64_t)at;
}

/* ------------------------------------------------------------------ routes, queries, hosts */

/* Takes "/segment" off the front; false at the end. */
static bool next_segment(struct str *rest, struct str *segment)
{
    if (rest->len == 0 || rest->ptr[0] != '/')
        return false;
    *rest = str_from(*rest, 1);
    int64_t slash = str_chr(*rest, '/');
    *segment = slash < 0 ? *rest : str_sub(*rest, 0, (size_t)slash);
    *rest = str_from(*rest, segment->len);
    return true;
}

static bool is_param(struct str segment, struct str *name, bool *rest_of_path)
{
    if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
        return false;
    *name = str_sub(segment, 1, segment.len - 2);
    *rest_of_path = str_ends_z(*name, "...");
    if (*rest_of_path)
        name->len -= 3;
    return true;
}

/* Walks pattern and path together; with `want`, *value gets that parameter's raw text. */
static bool walk(const char *pattern, struct str path, const char *want, struct str *value)
{
    struct str p = str_z(pattern), pseg, seg, name;
    while (next_segment(&p, &pseg)) {
        bool rest_of_path;
        struct str before = path;
        bool some = next_segment(&path, &seg);
        if (is_param(pseg, &name, &rest_of_path)) {
            struct str found = rest_of_path ? str_from(before, 1) : seg;
            if (!some || (!rest_of_path && seg.len == 0))
                return false;
            if (want && str_eqz(name, want))
                *value = found;
            if (rest_of_path)
                return true;
        } else if (!some || !str_eq(pseg, seg)) {
            return false;
        }
    }
    return path.len == 0;
}

bool http_route_fits(const char *pattern, struct str path)
{
    return walk(pattern, path, NULL, NULL);
}

static struct str decode(struct arena *a, struct str raw, bool plus_is_blank)
{
    struct buf b;
    buf_init_max(&b, HTTP_MAX_TARGET + 1);
    char *copy = str_cz(a, raw);
    for (size_t i = 0; plus_is_blank && i < raw.len; i++)
        if (copy[i] == '+')
            copy[i] = ' ';
    bool ok = percent_get(&b, str_of(copy, raw.len));
    struct str out = ok ? str_copy(a, buf_view(&b)) : str_of(copy, raw.len);
    buf_release(&b);
    return out;
}

struct str http_route_param(struct arena *a, const char *pattern, struct str path, const char *name)
{
    struct str value = STR_NONE;
    if (!walk(pattern, path, name, &value) || !value.ptr)
        return STR_NONE;
    return decode(a, value, false);
}

bool http_query_next(struct arena *a, struct str *rest, struct str *name, struct str *value)
{
    struct str part;
    while (str_split(rest, '&', &part)) {
        if (part.len == 0)
            continue;
        int64_t eq = str_chr(part, '=');
        *name = decode(a, eq < 0 ? part : str_sub(part, 0, (size_t)eq), true);
        *value = eq < 0 ? str_copy(a, STR("")) : decode(a, str_from(part, (size_t)eq + 1), true);
        return true;
    }
    return false;
}

struct str http_host_name(struct str host)
{
    if (host.len > 0 && host.ptr[0] == '[') {
        int64_t end = str_chr(host, ']');
        return end < 0 ? host : str_sub(host, 1, (size_t)end - 1);
    }
    int64_t colon = str_chr(host, ':');
    return colon < 0 ? host : str_sub(host, 0, (size_t)colon);
}

bool http_host_fits(struct str name, const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++) {
        struct str want = str_z(names[i]);
        bool below = want.len > 0 && want.ptr[0] == '.';
        if (below && name.len <= want.len)
            continue;
        if (str_ieq(below ? str_from(name, name.len - want.len) : name, want))
            return true;
    }
    return false;
}
