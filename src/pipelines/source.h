/* source -- a streaming source of a flow: what is new, and the rows of a range.
 *
 * Delta: the first batch reads the table's snapshot at a version V, later ones the added files of
 * whole versions from V+1 on. A commit that removes rows stops the stream (skipChangeCommits passes
 * over it); one that only rearranges them (dataChange false) adds none.
 * Files: each file once, known by its path, in batches as they are found. A file must not change
 * after it was seen; of one that is planned, size and modification time are checked again.
 *
 * Thread: the worker that runs the flow. */
#ifndef PAYSTREAK_PIPELINES_SOURCE_H
#define PAYSTREAK_PIPELINES_SOURCE_H
#include "engine/files.h"
#include "lake/scan.h"
#include "pipelines/checkpoint.h"
#include "pipelines/model.h"

struct stream_source {
    enum source_kind kind;
    struct arena *arena;           /* the flow's runtime: lives as long as the source */
    size_t index;                  /* line in offsets/N */
    struct str key;                /* what makes it the same source in the next planning */
    struct place at;
    const char *dir;               /* DELTA: the table's folder */
    struct str shown;              /* for messages */
    bool skip_changes;
    int64_t starting_version;      /* -1: with the snapshot */
    struct file_source *files;     /* FILES */
    struct map *seen;              /* FILES: path -> (void *)1 */
    struct seen_files all;         /* FILES: what was ever planned, in the runtime's arena */
    int64_t newest_log;
    bool loaded;                   /* source_load() was called */
    bool ranged;                   /* the range below is ready to be printed */
    int64_t max_files;             /* maxFilesPerTrigger; 0: all */

    /* The batch being planned or run; set by source_range(). In the batch's arena. */
    struct source_offset from, to;
    struct lake_snapshot *snapshot;/* DELTA: whose schema is read; a reference of the binding's */
    struct lake_snapshot *whole;   /* DELTA: the first batch's; a reference of the source's own */
    const struct lake_file **adds; size_t add_count;
    struct data_file *list; size_t list_count;
};

/* Once, when the checkpoint is open: the log of files already seen. */
int source_load(struct stream_source *s, const struct checkpoint *c, struct err *err) MUST_CHECK;
/* The newest end offset: `out->kind` SOURCE_NONE if there is nothing yet. For files, lists the folder
 * and logs new ones durably. `a`: of the batch. */
int source_available(struct stream_source *s, const struct checkpoint *c, struct arena *a, struct session *session,
                     struct source_offset *out, struct err *err) MUST_CHECK;
/* Makes ready to print rows after `from` up to `to`; `a`: the batch's arena. */
int source_range(struct stream_source *s, struct arena *a, struct session *session, struct err *err) MUST_CHECK;
int source_print(const struct stream_source *s, struct buf *out, struct err *err) MUST_CHECK;
void source_done(struct stream_source *s);       /* forgets the range */
#endif
