/* limit: how often somebody may ask.
 *
 * A bucket of tokens for each peer, written as the time at which it will be
 * full again: who has not asked for a second may ask `rate` times at once, and
 * then `rate` times a second. Pure: time is what the caller says it is.
 *
 * The memory is fixed: of more peers at once than there is room for, those who
 * have asked least are forgotten, which only means that they may ask more.
 *
 * Not thread-safe; no locks.
 */
#ifndef SPOOL_HTTP_LIMIT_H
#define SPOOL_HTTP_LIMIT_H

#include <stdint.h>

#define LIMIT_SETS 128u		/* a power of two */
#define LIMIT_WAYS 8u

/* Who asks: any 16 bytes. */
struct limit_key {
	unsigned char bytes[16];
};

/* Zeroed: nobody has asked. */
struct limit {
	struct limit_slot {
		struct limit_key key;
		int64_t full_us;	/* when its bucket is full again */
	} slots[LIMIT_SETS][LIMIT_WAYS];
};

/* key asks at now_us (monotonic), rate (> 0) requests a second being allowed.
 * 0: it may; else the µs until it may. */
int64_t limit_take(struct limit *l, const struct limit_key *key, unsigned rate,
		   int64_t now_us);

#endif
