/* look: a cache folder as seen from outside.
 *
 * For spoolctl: reads what store.h describes, beside a running daemon or
 * without one. Takes no lock and changes nothing.
 */
#ifndef SPOOL_LOOK_H
#define SPOOL_LOOK_H

#include "cache/store.h"

/* The record in a ".meta" file. 0; -ENOENT and other -errno; -EBADMSG, -EPROTO
 * as store_parse; -EFBIG. */
int look_record(const char *path, struct store_record *out);
/* Such an error in words. */
const char *look_record_error(int rc);

/* What the daemon that has the cache folder `dir` says of itself in its lock
 * file (store_announce); malloc'd. NULL: there is no daemon, or it does not
 * say. */
char *look_daemon(const char *dir, const char *key);

#endif
