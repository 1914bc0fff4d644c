#include "config.h"

#include "count.h"

/* All but the last stripe are of one thread each, which alone writes there. */
static void add(_Atomic uint64_t *n, uint64_t more, bool alone)
{
	if (alone)
		atomic_store_explicit(n, more + atomic_load_explicit(n,
				      memory_order_relaxed),
				      memory_order_relaxed);
	else
		count_more(n, more);
}

void count_read(struct counts *c, size_t bytes)
{
	static _Atomic unsigned threads;
	static _Thread_local unsigned mine;	/* 0: none yet */
	struct count_stripe *s;
	bool alone;

	if (!mine)
		mine = 1 + threads++;
	alone = mine < COUNT_STRIPES;
	s = &c->stripes[alone ? mine - 1 : COUNT_STRIPES - 1];
	add(&s->reads, 1, alone);
	add(&s->bytes, bytes, alone);
}

void count_reads(struct counts *c, uint64_t *reads, uint64_t *bytes)
{
	*reads = *bytes = 0;
	for (unsigned i = 0; i < COUNT_STRIPES; i++) {
		*reads += c->stripes[i].reads;
		*bytes += c->stripes[i].bytes;
	}
}
