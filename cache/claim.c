#include "config.h"

#include "claim.h"

void claim_join(struct claims *q, struct claim *c, enum plan_priority priority)
{
	if (c->queue != q)
		claim_leave(c);
	if (!c->queue) {
		c->queue = q;
		c->since = ++q->last;
		c->prev = NULL;
		c->next = q->first;
		if (c->next)
			c->next->prev = c;
		q->first = c;
	}
	if (c->priority == CLAIM_NONE || (int)priority < c->priority)
		c->priority = priority;
}

void claim_reset(struct claim *c)
{
	c->priority = CLAIM_NONE;
}

void claim_leave(struct claim *c)
{
	c->priority = CLAIM_NONE;
	if (!c->queue)
		return;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->queue->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->queue = NULL;
}

static bool goes_before(const struct claim *a, const struct claim *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->held != b->held ? a->held < b->held : a->since < b->since;
}

size_t claim_before(const struct claim *c)
{
	const struct claim *other;
	size_t n = 0;

	for (other = c->queue->first; other; other = other->next)
		n += other != c && other->priority != CLAIM_NONE &&
			goes_before(other, c);
	return n;
}

struct claim *claim_next(const struct claims *q)
{
	struct claim *c, *best = NULL;

	for (c = q->first; c; c = c->next)
		if (c->priority != CLAIM_NONE &&
		    (!best || goes_before(c, best)))
			best = c;
	return best;
}

bool claim_others(const struct claims *q, const struct claim *c)
{
	const struct claim *other;

	for (other = q->first; other; other = other->next)
		if (other != c && other->priority == PLAN_URGENT &&
		    other->held <= c->held)
			return true;
	return false;
}
