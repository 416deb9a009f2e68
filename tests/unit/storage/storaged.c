/* storaged -- the storage endpoint alone, for tests that drive it with real clients:
 *
 *   storaged STATE PORT QUEUE_PORT [insecure]
 *
 * prints {"port":…,"queue_port":…} and then each event as a line; ends on SIGTERM. Its key is
 * KEY below, its bearer token "test-token". FAULT=nth,kind[,part] sets a fault of base/fs. */
#include "storage/storage.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KEY[] = "c3RvcmFnZS1lbmRwb2ludC10ZXN0LWtleS0wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OQ==";

static void stop(void *arg) { ev_stop(arg); }

static void emit(void *ctx, const struct storage_event *e)
{
    static const char *const names[] = {"created", "deleted", "renamed"};
    struct buf b;
    (void)ctx;
    buf_init(&b);
    buf_printf(&b, "{\"event\":\"%s\",\"api\":\"%s\",\"size\":%jd,\"subject\":", names[e->change], e->api, (intmax_t)e->size);
    json_quote(&b, e->subject);
    printf("%s}\n", b.ptr);
    fflush(stdout);
    buf_release(&b);
}

static void set_fault(void)
{
    static struct fs_fault f;
    static char part[64], kind[16];
    const char *text = getenv("FAULT");
    long nth = 0;
    if (!text || sscanf(text, "%ld,%15[^,],%63s", &nth, kind, part) < 2)
        return;
    f = (struct fs_fault){.kind = strcmp(kind, "exit") == 0 ? FS_FAULT_EXIT : strcmp(kind, "lose") == 0 ? FS_FAULT_LOSE : strcmp(kind, "tear") == 0 ? FS_FAULT_TEAR
                                  : FS_FAULT_FAIL, .nth = nth, .path_part = part[0] ? part : NULL};
    fs_fault_set(&f);
}

int main(int argc, char **argv)
{
    static const struct storage_events events = {emit, NULL};
    struct err err = {0};
    if (argc < 4)
        return 2;
    struct ev_loop *loop = ev_loop_new("main");
    struct storage_opts opts = {.state_dir = argv[1], .port = (int)strtol(argv[2], NULL, 10), .queue_port = (int)strtol(argv[3], NULL, 10), .key = KEY,
                                .token = "test-token", .insecure_local = argc > 4, .events = &events};
    struct storage *s = storage_listen(loop, &opts, &err);
    if (!s) {
        fprintf(stderr, "storaged: %s\n", err.msg);
        return 1;
    }
    struct ev_signal *term = ev_signal_start(loop, SIGTERM, stop, loop);
    printf("{\"port\":%d,\"queue_port\":%d}\n", storage_port(s), storage_queue_port(s));
    fflush(stdout);
    set_fault();
    ev_run(loop);
    ev_signal_free(term);
    storage_free(s);
    ev_loop_free(loop);
    return 0;
}
