#include "hub/amqp_ws.h"
#include "net/http_parse.h"
#include <openssl/sha.h>
#include <string.h>

enum { OP_MORE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10, FIN = 0x80, MASKED = 0x80 };
#define WS_PATH "/$servicebus/websocket"
#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static void put_accept(struct buf *out, struct str key)
{
    unsigned char sum[SHA_DIGEST_LENGTH];
    struct buf b;
    buf_init(&b);
    buf_str(&b, key);
    buf_z(&b, WS_GUID);
    SHA1((const unsigned char *)b.ptr, b.len, sum);
    base64_put(out, str_of((char *)sum, sizeof sum));
    buf_release(&b);
}

static struct str subprotocol(struct str offered)
{
    struct str part;
    while (str_split(&offered, ',', &part)) {
        part = str_trim(part);
        if (str_ieqz(part, "AMQPWSB10") || str_ieqz(part, "amqp"))
            return part;
    }
    return STR_NONE;
}

static const char *refusal(const struct http_head *h)
{
    struct str origin = http_head_header(h, "origin"); /* a foreign page of a browser is none of our clients */
    int64_t at = str_find(origin, STR("://"));
    bool own = !origin.ptr || (at > 0 && str_ieq(str_from(origin, (size_t)at + 3), h->host));
    if (!str_eqz(h->method, "GET") || !(str_ieqz(h->path, WS_PATH) || str_ieqz(h->path, WS_PATH "/")))
        return "404 Not Found";
    if (!str_ieqz(http_head_header(h, "upgrade"), "websocket") || !http_head_header(h, "sec-websocket-key").len ||
        !str_eqz(http_head_header(h, "sec-websocket-version"), "13"))
        return "400 Bad Request";
    return own ? NULL : "403 Forbidden";
}

int64_t ws_upgrade(struct str in, struct buf *out)
{
    struct arena *a = arena_new();
    struct http_head h;
    struct err err;
    int status;
    int64_t n = http_head_parse(a, in, &h, &status, &err);
    const char *no = n < 0 || (n == 0 && in.len > WS_MAX_HEAD) ? "400 Bad Request" : n > 0 ? refusal(&h) : NULL;
    if (no) {
        buf_printf(out, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", no);
        n = -1;
    } else if (n > 0) {
        struct str protocol = subprotocol(http_head_header(&h, "sec-websocket-protocol"));
        buf_z(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
        put_accept(out, http_head_header(&h, "sec-websocket-key"));
        if (protocol.ptr)
            buf_printf(out, "\r\nSec-WebSocket-Protocol: %.*s", STR_ARGS(protocol));
        buf_z(out, "\r\n\r\n");
    }
    arena_free(a);
    return n;
}

static void put_frame(struct buf *out, uint8_t opcode, struct str payload)
{
    uint8_t head[10] = {FIN | opcode};
    size_t n = 2;
    if (payload.len < 126) {
        head[1] = (uint8_t)payload.len;
    } else if (payload.len <= UINT16_MAX) {
        head[1] = 126;
        be16_put(head + 2, (uint16_t)payload.len);
        n = 4;
    } else {
        head[1] = 127;
        be64_put(head + 2, payload.len);
        n = 10;
    }
    buf_add(out, head, n);
    buf_str(out, payload);
}

void ws_put(struct buf *out, struct str payload)
{
    put_frame(out, OP_BINARY, payload);
}

/* The length of the header at the front, 0 if it is not all there; *len is the payload's. */
static size_t frame_head(struct str in, uint64_t *len)
{
    const uint8_t *p = (const uint8_t *)in.ptr;
    if (in.len < 2)
        return 0;
    unsigned small = p[1] & 127;
    size_t n = (small == 127 ? 10 : small == 126 ? 4 : 2) + 4;
    if (in.len < n)
        return 0;
    *len = small == 127 ? be64_get(p + 2) : small == 126 ? be16_get(p + 2) : small;
    return n;
}

int64_t ws_feed(struct ws_in *w, struct str in, struct buf *plain, struct buf *out)
{
    size_t taken = 0, head;
    uint64_t len;
    while (!w->closed && (head = frame_head(str_from(in, taken), &len))) {
        const uint8_t *p = (const uint8_t *)in.ptr + taken, *mask = p + head - 4;
        uint8_t op = p[0] & 15;
        bool control = op >= OP_CLOSE;
        if (len > WS_MAX_FRAME || !(p[1] & MASKED) || (p[0] & 0x70) || (control && (len > WS_MAX_CONTROL || !(p[0] & FIN))) ||
            op == OP_TEXT || (op > OP_BINARY && op < OP_CLOSE) || op > OP_PONG)
            return -1;
        if (in.len - taken - head < len)
            break;
        struct buf *to = plain, tmp;
        buf_init(&tmp);
        if (control)
            to = &tmp;
        uint8_t *room = buf_room(to, len);
        if (!room)
            return -1;
        for (size_t i = 0; i < len; i++)
            room[i] = p[head + i] ^ mask[i % 4];
        buf_took(to, len);
        if (op == OP_PING)
            put_frame(out, OP_PONG, buf_view(&tmp));
        else if (op == OP_CLOSE) {
            put_frame(out, OP_CLOSE, buf_view(&tmp));
            w->closed = true;
        }
        buf_release(&tmp);
        taken += head + len;
    }
    return (int64_t)taken;
}
