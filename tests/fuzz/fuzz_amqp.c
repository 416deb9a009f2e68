/* fuzz_amqp -- a client's bytes, as they come, against a running hub's AMQP port: headers, SASL, frames,
 * sessions, links, $cbs, $management, WebSocket. Whatever they are, the hub answers the next client. */
#include "fuzz/hub_door.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char header[] = {'A', 'M', 'Q', 'P', 0, 1, 0, 0};
    if (n > DOOR_MAX_INPUT)
        return 0;
    door_open();
    int fd = door_dial(hub_amqp_port(door_hub));
    door_send(fd, bytes, n);
    shutdown(fd, SHUT_WR);
    door_must_answer(hub_amqp_port(door_hub), header, sizeof header, header, sizeof header);
    close(fd);
    return 0;
}
