#include "config.h"

#include "count.h"

static struct count_stripe *stripe(struct counts *c)
{
	static _Atomic unsigned threads;
	static _Thread_local unsigned mine;	/* 0: none yet */

	if (!mine)
		mine = 1 + threads++ % COUNT_STRIPES;
	return &c->stripes[mine - 1];
}

void count_read(struct counts *c, size_t bytes)
{
	struct count_stripe *s = stripe(c);

	count_one(&s->reads);
	count_more(&s->bytes, bytes);
}

void count_reads(struct counts *c, uint64_t *reads, uint64_t *bytes)
{
	*reads = *bytes = 0;
	for (unsigned i = 0; i < COUNT_STRIPES; i++) {
		*reads += c->stripes[i].reads;
		*bytes += c->stripes[i].bytes;
	}
}
