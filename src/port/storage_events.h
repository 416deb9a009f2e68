/* storage_events -- what happened to blobs: for blob triggers and the factory's storage events.
 *
 * The storage endpoint calls `emit` once for each blob or directory that a client created, replaced,
 * renamed or deleted, after the change is durable, in the order of the changes of one account. Files
 * that other parts write in place (lake, capture, a copy activity) pass by it. `subject` is what Event
 * Grid's events carry: /blobServices/default/containers/C/blobs/P.
 *
 * Calls: on the loop thread of the endpoint; nothing of the event outlives the call. */
#ifndef PAYSTREAK_PORT_STORAGE_EVENTS_H
#define PAYSTREAK_PORT_STORAGE_EVENTS_H
#include "base/base.h"

enum storage_change { STORAGE_CREATED, STORAGE_DELETED, STORAGE_RENAMED, STORAGE_CHANGE_COUNT };

struct storage_event {
    enum storage_change change;
    bool directory;
    const char *api;                 /* as in Azure's logs: "PutBlob", "PathFlush", "DeleteBlob" … */
    struct str account, container, path;
    struct str from;                 /* RENAMED: the path before */
    struct str etag, content_type;   /* CREATED */
    struct str subject;
    int64_t size;                    /* CREATED: bytes */
    struct tp at;
};

struct storage_events {
    void (*emit)(void *ctx, const struct storage_event *e);
    void *ctx;
};
#endif
