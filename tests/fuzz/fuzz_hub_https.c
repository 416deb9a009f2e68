/* fuzz_hub_https -- a client's bytes, as they come, against a running hub's HTTPS port: events from headers,
 * batches from JSON, descriptions. Whatever they are, the hub answers the next client. */
#include "fuzz/hub_door.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char ask[] = "GET /$Resources/EventHubs HTTP/1.1\r\nHost: localhost\r\n\r\n", answer[] = "HTTP/1.1 200 OK";
    if (n > DOOR_MAX_INPUT)
        return 0;
    door_open();
    int fd = door_dial(hub_https_port(door_hub));
    door_send(fd, bytes, n);
    shutdown(fd, SHUT_WR);
    door_must_answer(hub_https_port(door_hub), ask, sizeof ask - 1, answer, sizeof answer - 1);
    close(fd);
    return 0;
}
