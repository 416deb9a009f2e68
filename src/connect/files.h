/* files -- DataFrame.write.save(path): a Delta table at an address, or a folder of Parquet, CSV or JSON.
 *
 * A folder's new files are written beside it under a hidden name, fsynced by their rename into it:
 *     overwrite   the folder is moved aside, the new one takes its name, then the old one is deleted
 *     append      one more file, part-00000-<uuid>.<format>
 *     error       (the default) if there is something at the path
 *     ignore      nothing happens if there is
 * A file `_SUCCESS` is written last, as Spark does. Partitioned folders are refused. */
#ifndef PAYSTREAK_CONNECT_FILES_H
#define PAYSTREAK_CONNECT_FILES_H
#include "connect/connect_int.h"

/* Only options that are understood: one that is dropped would be a lie (replaceWhere, above all). `csv`:
 * those of CSV files too. */
int write_check_options(const Spark__Connect__WriteOperation *m, bool csv, struct err *err) MUST_CHECK;
int files_write(struct call *c, const Spark__Connect__WriteOperation *m, struct rel *query) MUST_CHECK;
#endif
