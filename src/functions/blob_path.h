/* blob_path -- the path of a blob binding, with its binding expressions.
 *
 *   container/folder/{datetime:yyyy/MM/dd}/{rand-guid}.json
 *
 * Known expressions: {rand-guid} and {rand-guid:N|D|B}, {datetime:FORMAT} and {DateTime} (UTC, without
 * a format yyyy-MM-ddTHH-mm-ssZ), {sys.utcnow}, {sys.randguid}, {sys.methodname}. FORMAT knows .NET's
 * yyyy yy MM M dd d HH H hh h mm m ss s fff…f, 'quoted' and \escaped text; other letters are refused.
 * Any other expression names a part of a trigger's message, which a timer does not have, and is
 * refused when the app is read. Pure; any thread. */
#ifndef PAYSTREAK_FUNCTIONS_BLOB_PATH_H
#define PAYSTREAK_FUNCTIONS_BLOB_PATH_H
#include "base/base.h"

enum { BLOB_PATH_MAX = 1024 };

struct blob_path;
/* `text` has its settings expanded already. NULL: ERR_INPUT, ERR_UNSUPPORTED. */
struct blob_path *blob_path_parse(struct arena *a, struct str text, struct err *err) MUST_CHECK;
/* The path for one invocation. */
struct str blob_path_make(const struct blob_path *p, struct arena *a, struct tp now, struct str function);
/* "https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB", percent-encoded, of a path made. */
struct str blob_url(struct arena *a, struct str account, struct str path);
#endif
