/* azerr.c -- the table of errors, and how they are written. */
#include "storage/azerr.h"
#include "storage/xml.h"

static const struct { int status; const char *code, *dfs, *text; } rows[AZ_COUNT] = {
    [AZ_NONE] = {500, "InternalError", NULL, "no error"},
#define X(name, http, dfs_name, words) [AZ_##name] = {http, #name, dfs_name, words},
    AZ_ERRORS(X)
#undef X
};

int az_status(enum az_error e) { return rows[e].status; }

const char *az_code(enum az_error e, bool dfs)
{
    if (e == AZ_NotModified)
        return "ConditionNotMet";
    return dfs && rows[e].dfs ? rows[e].dfs : rows[e].code;
}

const char *az_text(enum az_error e) { return rows[e].text; }

void az_body(struct buf *out, enum az_error e, bool dfs, struct str detail, const char *request_id)
{
    char when[40];
    struct buf text;
    buf_init(&text);
    buf_z(&text, rows[e].text);
    if (detail.len)
        buf_printf(&text, " %.*s", STR_ARGS(detail));
    buf_printf(&text, "\nRequestId:%s\nTime:%s", request_id, time_iso(time_now(), 7, when));
    if (dfs) {
        buf_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":", az_code(e, true));
        json_quote(out, buf_view(&text));
        buf_z(out, "}}");
    } else {
        buf_printf(out, AZXML_HEAD "<Error><Code>%s</Code>", az_code(e, false));
        azxml_element(out, "Message", buf_view(&text));
        buf_z(out, "</Error>");
    }
    buf_release(&text);
}
