/* order: what was ordered of an entry without a reader (command.h): that ranges
 * of it are fetched, that the origin is asked whether it still holds. An entry
 * has one order of each kind at most; who asks again joins it.
 *
 * The engine looks at an order when it plans the entry: order_wanted_locked is
 * what the planner sees, order_settle ends what is done or hopeless. Of all the
 * entries of which ranges are ordered ORDERS_ACTIVE have their turn at once, not
 * counting those whose origin fails; the others wait in line, and cost nothing
 * but memory.
 *
 * An order holds a reference to its entry. Locks: entry->lock for the order, the
 * orders' own for the line. Who ends one has a reference to the entry and no
 * lock.
 */
#ifndef SPOOL_ORDER_H
#define SPOOL_ORDER_H

#include <pthread.h>

#include "event.h"

#define ORDERS_ACTIVE 256
#define ORDERS_MAX 65536
/* An entry of which something is ordered is planned so often at least. */
#define ORDER_LOOK_MS 1000

struct entry;
struct order;

/* Of a cache: those that wait for their turn, oldest first. */
struct orders {
	pthread_mutex_t lock;
	struct order *first, *last;
	size_t active, total;
};

void orders_init(struct orders *q);
void orders_fini(struct orders *q);
size_t orders_total(struct orders *q);

/* Order [start, end) of e, with a watch or without: 0; -EAGAIN: e is current no
 * more, ask for the one that is; -EBUSY; -ESHUTDOWN; -ENOMEM. */
int order_fetch(struct entry *e, uint64_t start, uint64_t end,
		struct cache_watch *w);
/* Order that the origin be asked: 0; -ENOENT: nothing is known; -ENODATA:
 * nothing to tell versions by; and as above. */
int order_check(struct entry *e, struct cache_watch *w);

/* End what is ordered of e; its watches are told. False: nothing was. */
bool order_end_fetch(struct entry *e, int status);
bool order_end_check(struct entry *e, int status);

/* Another generation has taken over: it is to be fetched instead. */
void order_move(struct entry *old, struct entry *to);

/* ---- for the engine thread -------------------------------------------------- */

/* The ranges to be fetched now, or NULL. */
const struct extent_set *order_wanted_locked(const struct entry *e);
/* Whether the origin has to be asked: by an order to, or before something is
 * fetched (*urgent is left as it is). */
bool order_asks_locked(const struct entry *e, bool *urgent);
/* End what has been done, or can't be. */
void order_settle(struct entry *e, int64_t now);

/* ---- for views ---------------------------------------------------------------- */

bool order_queued_locked(const struct entry *e);

#endif
