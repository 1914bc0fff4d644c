#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "control_queue.h"

void control_item_free(struct control_item *item)
{
	if (item)
		free(item->url);
	free(item);
}

void control_queue_init(struct control_queue *q)
{
	*q = (struct control_queue){ .end = &q->first };
}

void control_queue_fini(struct control_queue *q)
{
	struct control_item *item;

	while ((item = control_queue_take(q)))
		control_item_free(item);
}

struct control_item *control_queue_take(struct control_queue *q)
{
	struct control_item *item = q->first;

	if (!item)
		return NULL;
	q->first = item->next;
	if (!q->first)
		q->end = &q->first;
	q->n--;
	return item;
}

static bool is_same_progress(const struct control_item *item,
			     const struct cache_event *ev)
{
	return item->ev.kind == CACHE_EVENT_PROGRESS &&
	       ev->kind == CACHE_EVENT_PROGRESS &&
	       item->ev.generation == ev->generation &&
	       strcmp(item->url, ev->url) == 0;
}

/* True: a queued item says it now. */
static bool merge(struct control_queue *q, const struct cache_event *ev)
{
	for (struct control_item *i = q->first; i; i = i->next) {
		if (!is_same_progress(i, ev))
			continue;
		i->ev = *ev;
		i->ev.url = i->url;
		return true;
	}
	return false;
}

/* False: there is no progress to be pushed out. */
static bool make_room(struct control_queue *q)
{
	struct control_item **at = &q->first, *item;

	if (q->n < CONTROL_QUEUE_MAX)
		return true;
	while (*at && (*at)->ev.kind != CACHE_EVENT_PROGRESS)
		at = &(*at)->next;
	item = *at;
	if (!item)
		return false;
	*at = item->next;
	if (q->end == &item->next)
		q->end = at;
	control_item_free(item);
	q->n--;
	return true;
}

static struct control_item *item_new(const struct cache_event *ev)
{
	struct control_item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	item->ev = *ev;
	item->url = ev->url ? strdup(ev->url) : NULL;
	item->ev.url = item->url;
	if (!item->url && ev->url) {
		free(item);
		return NULL;
	}
	return item;
}

void control_queue_put(struct control_queue *q, const struct cache_event *ev)
{
	struct control_item *item;

	if (q->cut || merge(q, ev))
		return;
	item = make_room(q) ? item_new(ev) : NULL;
	if (!item) {
		q->cut = ev->kind != CACHE_EVENT_PROGRESS;
		return;
	}
	*q->end = item;
	q->end = &item->next;
	q->n++;
}
