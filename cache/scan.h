/* scan: what takes room in the cache folder. Below store.c only.
 *
 * Looks at names, sizes and times, not into records. What a crash has left
 * without a record is swept away.
 */
#ifndef SPOOL_SCAN_H
#define SPOOL_SCAN_H

#include <pthread.h>
#include <sys/stat.h>

#include "store.h"

/* What the files of one name take on the disk, in bytes, and when its record
 * says that it was last used. 0; -ENOENT: no record, or one without data;
 * -errno. Without a lock a file that is renamed meanwhile may be missed. */
int scan_name(int dir, const char *leaf, uint64_t *bytes, time_t *used);

struct scan {
	int root;
	pthread_mutex_t *lock;	/* the store's */
	struct timespec began;	/* files changed before are no other's work */
	int (*fn)(void *ctx, const char *name, uint64_t bytes, time_t used);
	void *ctx;
};

/* As store_scan. */
int scan_all(const struct scan *s);

#endif
