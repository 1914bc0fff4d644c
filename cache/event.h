/* event: the messenger's thread, which tells callers what has happened: events
 * to all who have subscribed, the end of a command to who watches it
 * (command.h).
 *
 * Who has something to tell only puts it down, and waits for nobody: events in a
 * queue of EVENTS_MAX, of which the last are lost when receivers are too slow; a
 * watch in its own memory, so that none ever is. The messenger's lock is a leaf,
 * held for no call. All functions may be called from any thread and with any
 * lock held, unless it says otherwise.
 */
#ifndef SPOOL_EVENT_H
#define SPOOL_EVENT_H

#include "command.h"

#define EVENTS_MAX 1024

struct messenger;

/* Watches of one matter. Zeroed: none. */
struct watch_list {
	struct cache_watch *first;
};

/* 0 or -errno. */
int messenger_start(struct messenger **out);
/* Tell what there is to tell, then end the thread; later events are dropped.
 * Waits for every matter that is watched to end, which others have to see to.
 * Idempotent. No lock held, not in a callback. */
void messenger_stop(struct messenger *m);
void messenger_free(struct messenger *m);	/* NULL is fine */

/* Whether anybody wants events: if not, none need be put together. */
bool messenger_wanted(const struct messenger *m);
/* *ev is copied. */
void messenger_post(struct messenger *m, const struct cache_event *ev);

/* w waits in the list for the end of its matter. */
void messenger_watch(struct messenger *m, struct watch_list *l,
		     struct cache_watch *w);
/* Those of `from` are of the same matter from now on. */
void messenger_join(struct messenger *m, struct watch_list *l,
		    struct watch_list *from);
/* The matter has ended: all of the list are told, which is empty then. */
void messenger_settle(struct messenger *m, struct watch_list *l, int status);

/* As cache_watch_cancel, cache_subscribe, cache_unsubscribe: no lock held. */
bool messenger_cancel(struct messenger *m, struct cache_watch *w);
void messenger_subscribe(struct messenger *m, struct cache_sink *s);
void messenger_unsubscribe(struct messenger *m, struct cache_sink *s);

#endif
