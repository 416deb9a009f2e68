/* hub_door -- a running hub without authentication, for fuzz targets that are a client's bytes. */
#ifndef PAYSTREAK_TESTS_FUZZ_HUB_DOOR_H
#define PAYSTREAK_TESTS_FUZZ_HUB_DOOR_H
#include "hub/hub.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DOOR_MAX_INPUT = 1 << 20, DOOR_WAIT_S = 20 };

static struct ev_loop *door_loop;
static struct hub *door_hub;
static char door_dir[] = "/tmp/fuzz-hub-XXXXXX";

static void door_close(void)
{
    struct err err;
    hub_stop(door_hub);
    ev_loop_free(door_loop);
    CHECK(fs_remove_tree(door_dir, &err) == 0);
}

static void door_open(void)
{
    struct err err;
    if (door_hub)
        return;
    CHECK(mkdtemp(door_dir));
    log_set_level(LOG_ERROR);
    struct hub_opts o = {.state_dir = door_dir, .port = -1, .partitions = 4, .insecure_local = true, .auto_create = true,
                         .amqp = {.on = true}, .https = {.on = true}};
    door_loop = ev_loop_new("fuzz");
    door_hub = hub_start(door_loop, &o, &err);
    CHECK(door_hub);
    atexit(door_close);
}

static int door_dial(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {DOOR_WAIT_S, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
    return fd;
}

static void door_send(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    for (ssize_t put; n > 0; p += put, n -= (size_t)put)
        if ((put = send(fd, p, n, MSG_NOSIGNAL)) <= 0)
            return; /* the hub has closed it already */
}

/* Another client asks `ask` and must hear `answer` first. */
static void door_must_answer(int port, const void *ask, size_t ask_len, const char *answer, size_t len)
{
    char got[64];
    int fd = door_dial(port);
    CHECK(len <= sizeof got);
    door_send(fd, ask, ask_len);
    CHECK(recv(fd, got, len, MSG_WAITALL) == (ssize_t)len && memcmp(got, answer, len) == 0);
    close(fd);
}
#endif
