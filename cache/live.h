/* live: the settings in force, and how they are replaced while all goes on.
 *
 * A struct conf never changes once it is in force; another one takes its place.
 * Those that were are kept until the end, so that a pointer to one stays good
 * for whoever is in the middle of something: a few kilobytes for each reload.
 * Nobody keeps such a pointer from one request to the next.
 */
#ifndef SPOOL_LIVE_H
#define SPOOL_LIVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "conf.h"

struct live_conf;

struct live {
	_Atomic(const struct conf *) now;

	pthread_mutex_t lock;	/* one reload at a time */
	struct live_conf *made;	/* by reloads */
	int (*load)(void *ctx, struct conf *out, char **error);
	void *ctx;
};

/* first must outlive l. */
void live_init(struct live *l, const struct conf *first);
void live_fini(struct live *l);

/* What is in force. Any thread, no lock. */
static inline const struct conf *live_now(struct live *l)
{
	return atomic_load_explicit(&l->now, memory_order_acquire);
}

/* How settings are loaded: 0 with *out, or -errno with *error as conf_read. */
void live_on_load(struct live *l,
		  int (*load)(void *ctx, struct conf *out, char **error),
		  void *ctx);

/* See cache_reload. */
int live_load(struct live *l, char **said);

#endif
