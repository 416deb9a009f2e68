/* cmd_lake_maintain -- `paystreak lake` checkpoint, optimize, vacuum, restore, verify, convert, clone.
 *
 * Each prints one line or, with --output json, one object of what was done; verify and vacuum --dry-run
 * first a line or an object for each finding or file. Work of more than two seconds shows how far it
 * is on standard error, if that is a terminal. Losing a race to another writer is tried again. */
#include "cli/cmd_lake.h"
#include "cli/grid.h"
#include "lake/crc.h"
#include "lake/maintain.h"
#include "lake/optimize.h"
#include "lake/restore.h"
#include "lake/verify.h"
#include <stdio.h>
#include <unistd.h>

enum { RACES = 10, PROGRESS_AFTER_US = 2000000, PROGRESS_EVERY_US = 200000, BAR = 30 };

/* ---- how far it is */

struct progress { const char *what; int64_t since_us, shown_us; bool shown; };

static void progress_show(void *ctx, int64_t done, int64_t total)
{
    struct progress *p = ctx;
    int64_t now = time_mono_us();
    if (!isatty(STDERR_FILENO) || now - p->since_us < PROGRESS_AFTER_US || (now - p->shown_us < PROGRESS_EVERY_US && done < total))
        return;
    int full = total ? (int)(done * BAR / total) : BAR;
    fprintf(stderr, "\r%s [%.*s%*s] %jd of %jd files", p->what, full, "==============================", BAR - full, "", (intmax_t)done, (intmax_t)total);
    fflush(stderr);
    p->shown = true;
    p->shown_us = now;
}

static void progress_end(struct progress *p)
{
    if (p->shown)
        fputc('\n', stderr);
}

/* ---- what they share */

typedef int (*maintain_fn)(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err);

static int maintain(const struct cli_args *args, const char *what, maintain_fn fn)
{
    struct lake_target t;
    struct err err = {0};
    struct progress p = {.what = what, .since_us = time_mono_us()};
    int rc = lake_target_open(&t, args, &err);
    if (rc == 0)
        rc = fn(&t, args, &p, &err);
    for (int i = 0; rc && err.code == ERR_CONFLICT && err.retriable && i < RACES; i++)
        rc = fn(&t, args, &p, &err);
    progress_end(&p);
    fflush(stdout);
    int status = rc < 0 ? lake_fail(args, &err) : rc;
    lake_target_release(&t);
    return status;
}

struct number { const char *key; int64_t value; };

static void print_numbers(const struct number *n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%s\"%s\":%jd", i ? "," : "{", n[i].key, (intmax_t)n[i].value);
    printf("}\n");
}

/* ---- checkpoint */

static int do_checkpoint(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err)
{
    (void)p;
    int64_t cleaned = 0;
    if (lake_checkpoint(t->table, t->conn, err) || (cleaned = lake_clean_log(t->table, t->conn, err)) < 0)
        return -1;
    struct lake_snapshot *s = lake_table_latest(t->table, t->conn, err);
    int rc = s ? lake_crc_write(s, err) : -1;
    if (rc == 0 && args->json)
        print_numbers((struct number[]){{"version", s->version}, {"files", (int64_t)s->file_count}, {"logFilesDeleted", cleaned}}, 3);
    else if (rc == 0)
        printf("checkpoint of version %jd, %zu files; %jd old log files deleted\n", (intmax_t)s->version, s->file_count, (intmax_t)cleaned);
    lake_snapshot_unref(s);
    return rc;
}

int cmd_lake_checkpoint(const struct cli_args *args)
{
    return maintain(args, "checkpoint", do_checkpoint);
}

/* ---- optimize */

static size_t split_columns(struct arena *a, const char *text, struct str **out)
{
    struct str rest = str_z(text), part;
    size_t n = 0, cap = 0;
    *out = NULL;
    while (str_split(&rest, ',', &part)) {
        *out = arena_grow(a, *out, &cap, n + 1, sizeof **out);
        (*out)[n++] = str_trim(part);
    }
    return n;
}

static int do_optimize(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err)
{
    struct lake_optimized r;
    struct str *columns;
    struct lake_optimize_opts o = {.progress = progress_show, .ctx = p};
    if (args->zorder) {
        o.zorder_count = split_columns(t->arena, args->zorder, &columns);
        o.zorder = columns;
    }
    struct lake_snapshot *s = lake_table_latest(t->table, t->conn, err);
    if (!s)
        return -1;
    if (args->where) {
        o.where_text = str_z(args->where);
        o.where = lake_predicate_parse(t->arena, s, o.where_text, err);
    }
    int rc = args->where && !o.where ? -1 : lake_optimize(t->table, t->conn, &o, &r, err);
    lake_snapshot_unref(s);
    if (rc)
        return -1;
    if (args->json)
        print_numbers((struct number[]){{"version", r.version}, {"numFilesConsidered", r.considered}, {"numFilesRemoved", r.removed},
                                        {"numFilesAdded", r.added}, {"bytesRemoved", r.removed_bytes}, {"bytesAdded", r.added_bytes},
                                        {"partitions", r.partitions}}, 7);
    else if (r.removed)
        printf("version %jd: %jd files became %jd (%jd bytes became %jd)\n", (intmax_t)r.version, (intmax_t)r.removed, (intmax_t)r.added,
               (intmax_t)r.removed_bytes, (intmax_t)r.added_bytes);
    else
        printf("nothing to do: version %jd, %jd files looked at\n", (intmax_t)r.version, (intmax_t)r.considered);
    return 0;
}

int cmd_lake_optimize(const struct cli_args *args)
{
    return maintain(args, "optimize", do_optimize);
}

/* ---- vacuum */

static int do_vacuum(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err)
{
    (void)p;
    char **paths;
    struct lake_vacuum_opts o = {.retention_ms = args->retain_hours < 0 ? -1 : args->retain_hours * 3600000, .dry_run = args->dry_run,
                                 .check_retention = !args->no_retention_check};
    int64_t n = lake_vacuum(t->table, t->conn, &o, t->arena, &paths, err);
    if (n < 0)
        return -1;
    struct buf b;
    buf_init(&b);
    for (int64_t i = 0; i < n && (args->dry_run || args->verbose); i++) {
        buf_clear(&b);
        if (args->json)
            json_quote(&b, str_z(paths[i]));
        else
            buf_z(&b, paths[i]);
        printf(args->json ? "{\"path\":%s}\n" : "%s\n", b.ptr);
    }
    buf_release(&b);
    if (args->json)
        printf("{\"dryRun\":%s,\"numFiles\":%jd}\n", args->dry_run ? "true" : "false", (intmax_t)n);
    else
        printf(args->dry_run ? "%jd files would be deleted\n" : "%jd files deleted\n", (intmax_t)n);
    return 0;
}

int cmd_lake_vacuum(const struct cli_args *args)
{
    return maintain(args, "vacuum", do_vacuum);
}

/* ---- restore */

static int do_restore(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err)
{
    (void)p;
    struct lake_restored r;
    if (args->version < 0 && !args->timestamp)
        return err_set(err, ERR_USAGE, "give --version or --timestamp");
    struct lake_snapshot *s = lake_target_snapshot(t, args, err);
    int rc = s ? lake_restore(t->table, t->conn, s->version, &r, err) : -1;
    if (rc == 0 && args->json)
        print_numbers((struct number[]){{"version", r.version}, {"restoredVersion", s->version}, {"numRestoredFiles", r.added},
                                        {"numRemovedFiles", r.removed}}, 4);
    else if (rc == 0)
        printf("version %jd is as version %jd was: %jd files back, %jd files out\n", (intmax_t)r.version, (intmax_t)s->version, (intmax_t)r.added,
               (intmax_t)r.removed);
    lake_snapshot_unref(s);
    return rc;
}

int cmd_lake_restore(const struct cli_args *args)
{
    return maintain(args, "restore", do_restore);
}

/* ---- verify */

struct verify_ctx { struct progress *progress; bool json; };

static void print_finding(void *ctx, const struct lake_finding *f)
{
    const struct verify_ctx *v = ctx;
    struct buf b;
    if (!v->json) {
        printf("%s: %.*s %s\n", f->check, STR_ARGS(f->path), f->problem);
        return;
    }
    buf_init(&b);
    buf_printf(&b, "{\"check\":\"%s\",\"path\":", f->check);
    json_quote(&b, f->path);
    buf_z(&b, ",\"problem\":");
    json_quote(&b, str_z(f->problem));
    printf("%s}\n", b.ptr);
    buf_release(&b);
}

static void verify_progress(void *ctx, int64_t done, int64_t total)
{
    progress_show(((struct verify_ctx *)ctx)->progress, done, total);
}

static int do_verify(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err)
{
    struct lake_verified r;
    struct verify_ctx v = {p, args->json};
    struct lake_verify_opts o = {.full = args->full, .found = print_finding, .progress = verify_progress, .ctx = &v};
    if (lake_verify(t->table, t->conn, &o, &r, err))
        return -1;
    if (args->json)
        print_numbers((struct number[]){{"version", r.version}, {"files", r.files}, {"bytes", r.bytes}, {"rows", r.rows}, {"findings", r.findings}}, 5);
    else
        printf("version %jd: %jd files, %jd bytes, %jd rows; %jd finding%s\n", (intmax_t)r.version, (intmax_t)r.files, (intmax_t)r.bytes,
               (intmax_t)r.rows, (intmax_t)r.findings, r.findings == 1 ? "" : "s");
    return r.findings ? 1 : 0;
}

int cmd_lake_verify(const struct cli_args *args)
{
    return maintain(args, "verify", do_verify);
}

/* ---- convert, clone */

static void print_made(const struct cli_args *args, const char *dir, const struct lake_restored *r)
{
    if (args->json)
        print_numbers((struct number[]){{"version", r->version}, {"numFiles", r->added}, {"bytes", r->added_bytes}}, 3);
    else
        printf("'%s' is a Delta table, version %jd: %jd files, %jd bytes\n", dir, (intmax_t)r->version, (intmax_t)r->added, (intmax_t)r->added_bytes);
}

static int do_convert(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err)
{
    (void)p;
    struct lake_restored r;
    struct lake_convert_opts o = {};
    if (args->partition_by && !(o.partition = type_read_ddl(t->arena, str_z(args->partition_by), err)))
        return err_wrap(err, "--partition-by");
    if (o.partition && o.partition->kind != TYPE_STRUCT)
        return err_set(err, ERR_USAGE, "--partition-by takes columns with types, e.g. 'day DATE, region STRING'");
    if (lake_convert(t->table, t->conn, &o, &r, err))
        return -1;
    print_made(args, t->dir, &r);
    return 0;
}

int cmd_lake_convert(const struct cli_args *args)
{
    return maintain(args, "convert", do_convert);
}

static int do_clone(struct lake_target *t, const struct cli_args *args, struct progress *p, struct err *err)
{
    (void)p;
    struct lake_restored r;
    const char *dir;
    struct lake_snapshot *s = lake_target_snapshot(t, args, err);
    if (!s)
        return -1;
    struct str to = str_chr(str_z(args->words[1]), '/') < 0 ? str_fmt(t->arena, "./%s", args->words[1]) : str_z(args->words[1]);
    struct lake_table *made = lake_uri_dir(t->arena, args, to, &dir, err) ? NULL : lake_table_open(dir);
    int rc = made ? lake_clone(s, made, t->conn, &r, err) : -1;
    if (rc == 0)
        print_made(args, dir, &r);
    lake_table_close(made);
    lake_snapshot_unref(s);
    return rc;
}

int cmd_lake_clone(const struct cli_args *args)
{
    return maintain(args, "clone", do_clone);
}
