/* amqp_ws -- the server side of WebSocket (RFC 6455), as much as AMQP over it needs.
 *
 * The client asks GET /$servicebus/websocket with Upgrade: websocket and the subprotocol AMQPWSB10 (or
 * amqp). After our 101 both sides send frames; AMQP's bytes are the payload of binary ones, cut anywhere:
 *
 *      0  fin 1 bit, reserved 3 bits, opcode 4 bits (0 goes on, 2 binary, 8 close, 9 ping, 10 pong)
 *      1  masked 1 bit, length 7 bits: below 126 itself; 126: u16 follows; 127: u64
 *         four bytes of mask, always from a client; then the payload, xored with the mask
 *
 * Pure; any thread. */
#ifndef PAYSTREAK_HUB_AMQP_WS_H
#define PAYSTREAK_HUB_AMQP_WS_H
#include "base/base.h"

enum { WS_MAX_FRAME = 1 << 20, WS_MAX_HEAD = 16 << 10, WS_MAX_CONTROL = 125 };

struct ws_in { bool closed; };

/* Answers the HTTP head at the front of `in`. Returns the bytes it took, 0 if it is not complete, -1 if it
 * is refused; `out` gets the answer either way. */
int64_t ws_upgrade(struct str in, struct buf *out);
/* Takes whole frames off `in`: payload is appended to `plain`, answers to pings and to a close to `out`.
 * Returns the bytes taken, -1 if malformed or too long. */
int64_t ws_feed(struct ws_in *w, struct str in, struct buf *plain, struct buf *out);
/* Appends one binary frame. */
void ws_put(struct buf *out, struct str payload);
#endif
