/* core: the cache itself: cache.c has its table and its life; for all that work
 * on it. */
#ifndef SPOOL_CORE_H
#define SPOOL_CORE_H

#include "count.h"
#include "entry.h"
#include "event.h"
#include "given.h"
#include "hook.h"
#include "order.h"
#include "live.h"
#include "recent.h"

#define CACHE_TABLE_SIZE 4096

struct cache {
	struct live live;
	struct store *store;
	struct saver *saver;
	struct evictor *evictor;
	struct fetch *fetch;
	struct recent recent;
	struct messenger *messenger;
	struct orders orders;
	struct given given;
	struct hooks *hooks;
	struct counts counts;
	_Atomic bool stopping;

	pthread_mutex_t lock;
	struct entry *table[CACHE_TABLE_SIZE];	/* the current generations */
	struct entry *all;			/* every entry: … */
	unsigned n_all;				/* … so many */
};

/* The current entry of a URL, made and loaded if need be, with a reference.
 * 0; -EINVAL, -ENAMETOOLONG, -ENOMEM. */
int cache_entry(struct cache *c, const char *url, struct entry **out);
/* The same for the URL of an entry, whatever has become of that one. */
int cache_entry_again(struct entry *e, struct entry **out);
/* Whether e has been dropped or superseded. Under its lock. */
bool cache_is_past_locked(const struct entry *e);
/* Have fn act on the current entry of a URL; when it says -EAGAIN, that one is
 * current no more: then on the next. What fn says, or as cache_entry. */
int cache_on_current(struct cache *c, const char *url,
		     int (*fn)(struct entry *e, void *ctx), void *ctx);

/* Take e out of the table, and what it has in the store away. False: it is in
 * the table no more, and what the store has is another's. */
bool cache_forget(struct cache *c, struct entry *e);

/* Remove what the store has under a name, a file of this URL, if nobody has
 * its entry. 0; -EBUSY: somebody has; -EEXIST: the name is another URL's; else
 * as url_parse and store_drop. Waits for the disk; so does, meanwhile, who
 * opens that URL. */
int cache_evict(struct cache *c, const char *url, const char *name);

#endif
