/* fuzz_kafka -- a client's bytes, as they come, against a running hub without authentication. Whatever
 * they are, the hub lives: it answers the next client's ApiVersions. Every API's decoder and handler
 * is behind this door. */
#include "hub/hub.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_INPUT = 1 << 20, WAIT_S = 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct ev_loop *loop;
static struct hub *hub;
static char dir[] = "/tmp/fuzz-kafka-XXXXXX";

static void end(void)
{
    struct err err;
    hub_stop(hub);
    ev_loop_free(loop);
    CHECK(fs_remove_tree(dir, &err) == 0);
}

static void start(void)
{
    struct err err;
    CHECK(mkdtemp(dir));
    log_set_level(LOG_ERROR);
    struct hub_opts o = {.state_dir = dir, .partitions = 2, .insecure_local = true, .auto_create = true, .initial_rebalance_ms = -1};
    loop = ev_loop_new("fuzz");
    hub = hub_start(loop, &o, &err);
    CHECK(hub);
    atexit(end);
}

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)hub_port(hub)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {WAIT_S, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
    return fd;
}

static void send_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    for (ssize_t put; n > 0; p += put, n -= (size_t)put)
        if ((put = send(fd, p, n, MSG_NOSIGNAL)) <= 0)
            return; /* the hub has closed it already */
}

static void must_answer(void)
{
    static const char ask[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, (char)0xff, (char)0xff};
    char head[10];
    int fd = dial();
    send_all(fd, ask, sizeof ask);
    CHECK(recv(fd, head, sizeof head, MSG_WAITALL) == sizeof head);
    CHECK(be32_get(head + 4) == 7 && be16_get(head + 8) == 0);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n > MAX_INPUT)
        return 0;
    if (!hub)
        start();
    int fd = dial();
    send_all(fd, bytes, n);
    shutdown(fd, SHUT_WR);
    must_answer();
    close(fd);
    return 0;
}
