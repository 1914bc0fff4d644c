/* wait: the parked readers of an entry by the byte that each waits for, so
 * that a block which arrives finds its readers among thousands that wait for
 * something else.
 *
 * A treap: a search tree by that byte and a heap by a hash of the address,
 * which keeps it balanced by luck alone. Intrusive, so that parking needs no
 * memory. O(log n) each.
 *
 * Pure; under the lock of the entry.
 */
#ifndef SPOOL_WAIT_H
#define SPOOL_WAIT_H

#include "cache.h"

/* Zeroed: empty. */
struct wait_tree {
	struct cache_waiter *root;
	size_t n;
};

/* Add w, which is in no tree, as one who waits for the byte at off. */
void wait_add(struct wait_tree *t, struct cache_waiter *w, uint64_t off);
/* Take out w, which is in it. */
void wait_remove(struct wait_tree *t, struct cache_waiter *w);
/* Who waits for the first byte of [start, end) that anybody waits for, or
 * NULL. */
struct cache_waiter *wait_first(const struct wait_tree *t, uint64_t start,
				uint64_t end);

#endif
