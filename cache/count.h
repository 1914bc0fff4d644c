/* count: what has happened how often, of a cache: for totals, see command.h.
 *
 * Counting must cost nothing that can be measured, a read from the cache being
 * some 200 ns: no lock, no order; reads, of which many threads make very many, are
 * counted in stripes, each of one thread as far as there are enough.
 */
#ifndef SPOOL_COUNT_H
#define SPOOL_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define COUNT_STRIPES 64

struct counts {
	_Atomic uint64_t fetched;	/* bytes */
	_Atomic uint64_t requests, retries, errors;
	_Atomic uint64_t completed, superseded, evicted, waits;
	_Atomic uint64_t transfers, waiting;	/* now */
	struct count_stripe {
		_Atomic uint64_t reads, bytes;
		char apart[64 - 2 * sizeof(uint64_t)];
	} stripes[COUNT_STRIPES];
};

static inline void count_more(_Atomic uint64_t *n, uint64_t more)
{
	atomic_fetch_add_explicit(n, more, memory_order_relaxed);
}

static inline void count_one(_Atomic uint64_t *n)
{
	count_more(n, 1);
}

/* A read of so many bytes was answered. */
void count_read(struct counts *c, size_t bytes);
void count_reads(struct counts *c, uint64_t *reads, uint64_t *bytes);

#endif
