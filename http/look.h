/* look: a cache folder as seen from outside.
 *
 * For spoolctl: reads what store.h describes, beside a running daemon or
 * without one. Takes no lock and changes nothing.
 */
#ifndef SPOOL_LOOK_H
#define SPOOL_LOOK_H

#include <time.h>

#include "cache/store.h"

/* The record in a ".meta" file. 0; -ENOENT and other -errno; -EBADMSG, -EPROTO
 * as store_parse; -EFBIG. */
int look_record(const char *path, struct store_record *out);
/* Such an error in words. */
const char *look_record_error(int rc);

#define LOOK_SUFFIX ".meta"	/* of records */

/* Every record below a cache folder, in the order of their names. fn gets it, or
 * NULL and why it can't be read (look_record_error; damaged ones too); used is
 * when the file was last used. Non-zero from fn stops and is returned. 0 or
 * -errno. */
int look_each(const char *dir,
	      int (*fn)(void *ctx, const char *path, const struct store_record *r,
			time_t used, int error), void *ctx);

/* What the daemon that has the cache folder `dir` says of itself in its lock
 * file (store_announce); malloc'd. NULL: there is no daemon, or it does not
 * say. */
char *look_daemon(const char *dir, const char *key);

#endif
