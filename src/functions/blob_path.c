#include "functions/blob_path.h"
#include "base/code.h"
#include <string.h>

enum piece_kind { PIECE_TEXT, PIECE_GUID, PIECE_TIME, PIECE_FUNCTION };

struct piece {
    enum piece_kind kind;
    struct str text; /* of TEXT; the format of GUID and TIME */
};

struct blob_path {
    struct piece *pieces;
    size_t count, cap;
};

static const struct { const char *name; enum piece_kind kind; } EXPRESSIONS[] = {
    {"rand-guid", PIECE_GUID},   {"datetime", PIECE_TIME},         {"sys.utcnow", PIECE_TIME},
    {"sys.randguid", PIECE_GUID}, {"sys.methodname", PIECE_FUNCTION},
};

/* .NET's custom date formats: a run of one letter, with the lengths that are known. */
static const struct time_token { char letter; int max; } TIME_TOKENS[] = {
    {'y', 4}, {'M', 2}, {'d', 2}, {'H', 2}, {'h', 2}, {'m', 2}, {'s', 2}, {'f', 6},
};

static void put_number(struct buf *out, char letter, int len, const struct civil *c)
{
    static const int scale[] = {0, 100000, 10000, 1000, 100, 10, 1};
    int v = 0;
    if (letter == 'f') {
        buf_printf(out, "%0*d", len, c->us / scale[len]);
        return;
    }
    if (letter == 'y')
        v = len <= 2 ? c->year % 100 : c->year;
    else if (letter == 'M')
        v = c->month;
    else if (letter == 'd')
        v = c->day;
    else if (letter == 'H')
        v = c->hour;
    else if (letter == 'h')
        v = c->hour % 12 ? c->hour % 12 : 12;
    else if (letter == 'm')
        v = c->minute;
    else
        v = c->second;
    buf_printf(out, "%0*d", len, v);
}

/* The length of the token at the front of `rest`; 0: a letter that is not known. */
static size_t token_len(struct str rest)
{
    size_t run = 1;
    while (run < rest.len && rest.ptr[run] == rest.ptr[0])
        run++;
    for (size_t i = 0; i < COUNT_OF(TIME_TOKENS); i++)
        if (TIME_TOKENS[i].letter == rest.ptr[0])
            return run <= (size_t)TIME_TOKENS[i].max && !(run == 3 && rest.ptr[0] != 'f') ? run : 0;
    return 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Writes `format` at `c` (out NULL: only checks); false: a token that is not known. */
static bool put_time(struct buf *out, struct str format, const struct civil *c)
{
    while (format.len) {
        char first = format.ptr[0];
        size_t used = 1;
        struct str literal = str_sub(format, 0, 1);
        if (first == '\'' || first == '"') {
            int64_t end = str_chr(str_from(format, 1), first);
            if (end < 0)
                return false;
            literal = str_sub(format, 1, (size_t)end);
            used = (size_t)end + 2;
        } else if (first == '\\') {
            literal = str_sub(format, 1, 1);
            used = 2;
        } else if (is_letter(first) && first != 'T' && first != 'Z') {
            used = token_len(format);
            if (used == 0)
                return false;
            literal = STR_NONE;
            if (out)
                put_number(out, first, (int)used, c);
        }
        if (out)
            buf_str(out, literal);
        format = str_from(format, used);
    }
    return true;
}

static void push(struct blob_path *p, struct arena *a, enum piece_kind kind, struct str text)
{
    if (kind == PIECE_TEXT && !text.len)
        return;
    p->pieces = arena_grow(a, p->pieces, &p->cap, p->count + 1, sizeof *p->pieces);
    p->pieces[p->count++] = (struct piece){kind, text};
}

static int parse_expression(struct blob_path *p, struct arena *a, struct str inner, struct err *err)
{
    int64_t colon = str_chr(inner, ':');
    struct str name = colon < 0 ? inner : str_sub(inner, 0, (size_t)colon);
    struct str format = colon < 0 ? STR_NONE : str_from(inner, (size_t)colon + 1);
    for (size_t i = 0; i < COUNT_OF(EXPRESSIONS); i++) {
        if (!str_ieqz(name, EXPRESSIONS[i].name))
            continue;
        enum piece_kind kind = EXPRESSIONS[i].kind;
        if (kind == PIECE_TIME && !put_time(NULL, format, NULL))
            return err_set(err, ERR_UNSUPPORTED, "the date format '%.*s' is not supported", STR_ARGS(format));
        if (kind == PIECE_GUID && format.len && !str_eqz(format, "N") && !str_eqz(format, "D") && !str_eqz(format, "B"))
            return err_set(err, ERR_UNSUPPORTED, "the GUID format '%.*s' is not supported; N, D and B are", STR_ARGS(format));
        push(p, a, kind, format);
        return 0;
    }
    return err_set(err, ERR_UNSUPPORTED, "the binding expression '{%.*s}' is not known to this trigger; {rand-guid}, "
                   "{datetime:…}, {sys.utcnow}, {sys.randguid}, {sys.methodname} are", STR_ARGS(inner));
}

struct blob_path *blob_path_parse(struct arena *a, struct str text, struct err *err)
{
    struct blob_path *p = ARENA_NEW(a, struct blob_path);
    int64_t slash = str_chr(text, '/'), open;
    if (text.len > BLOB_PATH_MAX)
        return err_set(err, ERR_LIMIT, "a blob path of %zu bytes; at most %d", text.len, BLOB_PATH_MAX), NULL;
    if (slash <= 0 || (size_t)slash + 1 == text.len)
        return err_set(err, ERR_INPUT, "the blob path '%.*s' must be CONTAINER/BLOB", STR_ARGS(text)), NULL;
    while ((open = str_chr(text, '{')) >= 0) {
        struct str tail = str_from(text, (size_t)open + 1);
        int64_t close = str_chr(tail, '}');
        if (close < 0)
            return err_set(err, ERR_INPUT, "a '{' has no '}' in the blob path"), NULL;
        push(p, a, PIECE_TEXT, str_sub(text, 0, (size_t)open));
        if (parse_expression(p, a, str_sub(tail, 0, (size_t)close), err))
            return NULL;
        text = str_from(tail, (size_t)close + 1);
    }
    push(p, a, PIECE_TEXT, text);
    return p;
}

static void put_guid(struct buf *out, struct str format)
{
    char id[UUID_TEXT];
    uuid_make(id);
    if (str_eqz(format, "B"))
        buf_printf(out, "{%s}", id);
    else
        for (const char *c = id; *c; c++)
            if (*c != '-' || !str_eqz(format, "N"))
                buf_char(out, *c);
}

struct str blob_path_make(const struct blob_path *p, struct arena *a, struct tp now, struct str function)
{
    struct civil c = civil_of(now);
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < p->count; i++) {
        const struct piece *piece = &p->pieces[i];
        if (piece->kind == PIECE_TEXT)
            buf_str(&b, piece->text);
        else if (piece->kind == PIECE_GUID)
            put_guid(&b, piece->text);
        else if (piece->kind == PIECE_FUNCTION)
            buf_str(&b, function);
        else
            put_time(&b, piece->text.len ? piece->text : STR("yyyy-MM-ddTHH-mm-ssZ"), &c);
    }
    struct str made = str_copy(a, buf_view(&b));
    buf_release(&b);
    return made;
}

struct str blob_url(struct arena *a, struct str account, struct str path)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "https://%.*s.blob.core.windows.net/", STR_ARGS(account));
    percent_put(&b, path, "/");
    struct str url = str_copy(a, buf_view(&b));
    buf_release(&b);
    return url;
}
