/* glob -- Hadoop's path patterns: `*` and `?` within one path segment, `[a-z]`, `{x,y}`, and `**`
 * across segments. Matching backtracks over `*` only; braces expand by trying each alternative. */
#include "engine/files.h"

enum { GLOB_MAX_DEPTH = 64 };

static bool match(struct str pat, struct str path, int depth);

/* `[abc]`, `[a-z]`, `[!a]` at the front of `pat`; sets *used to its length, 0 if it is no class. */
static bool class_match(struct str pat, char c, size_t *used)
{
    size_t at = 1;
    bool negate = at < pat.len && (pat.ptr[at] == '!' || pat.ptr[at] == '^'), hit = false;
    if (negate)
        at++;
    size_t first = at;
    for (; at < pat.len && (pat.ptr[at] != ']' || at == first); at++) {
        if (at + 2 < pat.len && pat.ptr[at + 1] == '-' && pat.ptr[at + 2] != ']') {
            hit |= c >= pat.ptr[at] && c <= pat.ptr[at + 2];
            at += 2;
        } else {
            hit |= c == pat.ptr[at];
        }
    }
    *used = at < pat.len ? at + 1 : 0;
    return hit != negate;
}

/* Tries each alternative of the `{…}` at the front of `pat` followed by the rest of it. */
static bool brace_match(struct str pat, struct str path, int depth)
{
    int nested = 0;
    size_t end = 0, from = 1;
    for (end = 0; end < pat.len; end++) {
        if (pat.ptr[end] == '{')
            nested++;
        else if (pat.ptr[end] == '}' && --nested == 0)
            break;
    }
    if (end == pat.len)
        return false;
    nested = 0;
    bool hit = false;
    for (size_t at = 1; at <= end && !hit; at++) {
        char c = pat.ptr[at];
        if (c == '{')
            nested++;
        else if (c == '}' && at < end)
            nested--;
        if ((c == ',' && nested == 0) || at == end) {
            struct buf whole;
            buf_init(&whole);
            buf_add(&whole, pat.ptr + from, at - from);
            buf_str(&whole, str_from(pat, end + 1));
            hit = match(buf_view(&whole), path, depth + 1);
            buf_release(&whole);
            from = at + 1;
        }
    }
    return hit;
}

static bool star_match(struct str pat, struct str path, int depth)
{
    bool across = pat.len > 1 && pat.ptr[1] == '*';
    struct str rest = str_from(pat, across ? 2 : 1);
    if (across && rest.len && rest.ptr[0] == '/' && match(str_from(rest, 1), path, depth + 1))
        return true; /* `**` and its slash stand for no folder */
    for (size_t at = 0;; at++) {
        if (match(rest, str_from(path, at), depth + 1))
            return true;
        if (at >= path.len || (!across && path.ptr[at] == '/'))
            return false;
    }
}

static bool match(struct str pat, struct str path, int depth)
{
    if (depth > GLOB_MAX_DEPTH)
        return false;
    while (pat.len) {
        size_t used;
        switch (pat.ptr[0]) {
        case '*':
            return star_match(pat, path, depth);
        case '{':
            return brace_match(pat, path, depth);
        case '?':
            if (!path.len || path.ptr[0] == '/')
                return false;
            used = 1;
            break;
        case '[':
            if (!path.len || path.ptr[0] == '/' || !class_match(pat, path.ptr[0], &used) || !used)
                return false;
            break;
        case '\\':
            if (pat.len > 1)
                pat = str_from(pat, 1);
            /* fall through */
        default:
            if (!path.len || path.ptr[0] != pat.ptr[0])
                return false;
            used = 1;
        }
        pat = str_from(pat, used);
        path = str_from(path, 1);
    }
    return path.len == 0;
}

bool path_glob_match(struct str pattern, struct str path)
{
    return match(pattern, path, 0);
}
