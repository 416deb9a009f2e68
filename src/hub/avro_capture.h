/* avro_capture -- Capture as Event Hubs has it: a hub's events in Avro files, by time and size, each event once.
 *
 * What is captured stands in STATE/hub-capture.json, read at start:
 *     [{"namespace": "shop", "hub": "orders", "folder": "storage/account/container", "interval_s": 300,
 *       "size_bytes": 314572800, "skip_empty": false,
 *       "name": "{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}"}]
 * All but hub and folder may be left out; these are the values they then have (and the default namespace). A folder that is
 * not absolute is below STATE: storage/<account>/<container> is a container of the storage endpoint, whose blobs the files
 * are at once. A name holds each of the eight tokens, and ends up with ".avro" behind it.
 *
 * Each partition has windows of its own, one after the other: a file is closed when interval_s have passed since the window
 * began, or when it holds size_bytes, and is named after the window's begin, in UTC (two in one second: the later one is
 * named a second later). Nothing came: the file is empty, unless skip_empty. When the hub
 * stops, AVRO_READ_BYTES more are read, and files that hold events are closed early.
 *
 * Exactly once: a file grows under a temporary name, ".<hub>-<partition>.<16 hex digits>.tmp" in its folder, and is synced. Then
 *     STATE/hub-capture/<namespace>/<hub>/<partition>.json   {"id": hub's id, "next": offset, "temp": …, "file": …}
 * says durably up to where, and that this temporary file is the one: after that it is renamed. At start a file that is
 * still there under that name is renamed again; any other of ours is no file, and its events are read once more. So a crash at
 * any point leaves each event in one file. A hub that was deleted and made again has another id: it begins at its start.
 * Events that retention deletes before they are captured are lost to it, and that is said.
 *
 * Memory: one block of a partition's file and one window of log at a time, however far it is behind.
 * If writing fails, the file is given up, and begun again after AVRO_RETRY_MS.
 *
 * Thread: one of its own, with a loop; it asks the hub's loop for offsets and read handles. */
#ifndef PAYSTREAK_HUB_AVRO_CAPTURE_H
#define PAYSTREAK_HUB_AVRO_CAPTURE_H
#include "hub/hub_int.h"

enum {
    AVRO_MAX_TARGETS = 1000,
    AVRO_MAX_FILE = 1 << 20,          /* of hub-capture.json */
    AVRO_INTERVAL_S = 300, AVRO_MAX_INTERVAL_S = 900,
    AVRO_SIZE_BYTES = 300 << 20, AVRO_MIN_SIZE_BYTES = 1024, AVRO_MAX_SIZE_BYTES = 500 << 20,
    AVRO_LOOK_MS = 200,               /* between two looks for new events */
    AVRO_RETRY_MS = 1000,
    AVRO_READ_BYTES = 4 << 20,        /* of log, for one partition at a time */
};
#define AVRO_CAPTURE_FILE "hub-capture.json"
#define AVRO_NAME "{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}"

struct avro_capture;
/* Reads the file and starts; *out is NULL if there is nothing to capture. Errors: ERR_INPUT with the place. */
int avro_capture_start(struct hub *h, struct avro_capture **out, struct err *err) MUST_CHECK;
/* Closes the files; returns when they are on disk. The hub's loop still runs. NULL is allowed. */
void avro_capture_stop(struct avro_capture *c);
#endif
