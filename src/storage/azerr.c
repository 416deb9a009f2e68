/* azerr.c -- the table of errors, and how they are written. */
#include "storage/azerr.h"

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

void azxml_put(struct buf *out, struct str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char *as = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : c == '\r' ? "&#xD;" : NULL;
        if (!as && (c >= 0x20 || c == '\t' || c == '\n'))
            continue;
        buf_str(out, str_sub(text, from, i - from));
        buf_z(out, as ? as : "");
        from = i + 1;
    }
    buf_str(out, str_from(text, from));
}

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
        buf_printf(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>", az_code(e, false));
        azxml_put(out, buf_view(&text));
        buf_z(out, "</Message></Error>");
    }
    buf_release(&text);
}
