/* evictor: the thread that keeps the cache within its limits.
 *
 * It alone reads the cache folder as a whole, measures files, writes down
 * when they were last used and removes those that evict.h chooses, so that a
 * slow disk holds up nobody else. The folder is read once, in the background,
 * and only when a limit asks for it: at the start with conf.cache_size or
 * conf.max_age, when the disk is nearly full with conf.min_free. From then on
 * it is told what changes (evictor_used).
 *
 * A file is removed only when nobody has its entry (a reader, a waiter, a
 * transfer, an unsaved record), which the cache's lock decides; who comes while
 * it is being removed waits for that and finds nothing known.
 *
 * Files that are used now may exceed every limit. Free space is looked at
 * every EVICTOR_IDLE_MS, and at once when anything is used, but for
 * EVICTOR_INTERVAL_MS after the last look.
 */
#ifndef SPOOL_EVICTOR_H
#define SPOOL_EVICTOR_H

#include "cache.h"

#define EVICTOR_INTERVAL_MS 1000
#define EVICTOR_IDLE_MS 30000
/* Freed at once when the disk takes no more, whatever it says of free space
 * (quotas, inodes): so much, or that part of a smaller disk. */
#define EVICTOR_URGENT (UINT64_C(64) << 20)
#define EVICTOR_URGENT_PART 16

struct evictor;

/* 0 or -errno. The cache must outlive it. */
int evictor_start(struct cache *c, struct evictor **out);

/* A file is being used or its files have changed: a name of the store. Any
 * thread; the lock is a leaf. Lack of memory costs accuracy. */
void evictor_used(struct evictor *v, const char *name);

/* The limits have changed. Any thread. */
void evictor_look(struct evictor *v);

/* The disk would not take something. Any thread; does not wait. */
void evictor_urge(struct evictor *v);

/* How many files there are and what they take on the disk. False: that is not
 * known yet, but will be soon. Any thread. */
bool evictor_totals(struct evictor *v, uint64_t *files, uint64_t *bytes);

/* End the thread, after the file it is removing. Idempotent. */
void evictor_stop(struct evictor *v);
/* Write down what was used meanwhile, free it. NULL is fine. */
void evictor_free(struct evictor *v);

#endif
