/* claim: who gets the next connection to a host, when there are fewer than are
 * wanted.
 *
 * Pure. An entry that found none joins the queue of the host. First comes what
 * is more urgent, then who has fewer connections, then who has waited longer;
 * who was given one goes to the end. So readers of many files take turns, and
 * one file with readers all over it is one among them.
 *
 * How long a turn is, and who must make place, is not decided here: plan.h,
 * schedule.c. Each function costs one pass over the queue at most.
 */
#ifndef SPOOL_CLAIM_H
#define SPOOL_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

#define CLAIM_NONE (-1)

struct entry;

/* Of one entry, which owns the memory. Begins with all else zero. */
struct claim {
	struct entry *entry;
	int priority;		/* enum plan_priority; CLAIM_NONE: is in no
				   queue, or about to leave it */
	unsigned held;		/* connections it has; kept by the owner */
	uint64_t since;
	struct claims *queue;
	struct claim *prev, *next;
};

/* Of one host. Zeroed: empty. Outlives its claims, or is forgotten with them. */
struct claims {
	struct claim *first;
	uint64_t last;
};

/* Ask for a connection. A claim keeps its place in the queue that it is in, and
 * the most urgent of the priorities it was joined with since claim_reset. */
void claim_join(struct claims *q, struct claim *c, enum plan_priority priority);
/* What c asks for will be said anew; until then it counts for nothing. */
void claim_reset(struct claim *c);
void claim_leave(struct claim *c);

/* How many of its queue go before c, which is in one. */
size_t claim_before(const struct claim *c);
/* Who comes next, or NULL. */
struct claim *claim_next(const struct claims *q);
/* Whether somebody else waits there for bytes who has no more connections than
 * c, which need not be in it: then c's are to be shared. */
bool claim_others(const struct claims *q, const struct claim *c);

#endif
