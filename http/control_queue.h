/* control_queue: events on their way to one client.
 *
 * Bounded: what a client does not take waits for it, each file's latest
 * progress and everything else, up to CONTROL_QUEUE_MAX. What is too much
 * pushes out the oldest progress; when there is none left the queue is cut:
 * nothing comes behind what is in it, so that nobody misses the end of a
 * download without knowing.
 *
 * No locks: the caller's.
 */
#ifndef SPOOL_HTTP_CONTROL_QUEUE_H
#define SPOOL_HTTP_CONTROL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "cache/command.h"

#define CONTROL_QUEUE_MAX 256

struct control_item {
	struct cache_event ev;	/* ev.url is url */
	char *url;
	struct control_item *next;
};

struct control_queue {
	struct control_item *first, **end;
	size_t n;
	bool cut;
};

void control_queue_init(struct control_queue *q);
/* Frees what is in it. */
void control_queue_fini(struct control_queue *q);

/* Behind the others, a copy. Want of memory counts as want of room. */
void control_queue_put(struct control_queue *q, const struct cache_event *ev);
/* The first; NULL: it is empty. To be freed by control_item_free. */
struct control_item *control_queue_take(struct control_queue *q);
void control_item_free(struct control_item *item);

#endif
