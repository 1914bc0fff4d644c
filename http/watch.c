#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cache/log.h"
#include "peer.h"
#include "watch.h"

#define STOP_ID 0	/* of no item */

struct watch {
	int epoll, stop;
	pthread_t thread;
	pthread_mutex_t lock;
	/* lock */
	uint64_t last_id;
	struct watch_item *items;
};

/* An event may be older than the removal of its item, and the item's memory
 * may be gone: hence ids, not pointers. */
static struct watch_item *find_locked(struct watch *w, uint64_t id)
{
	struct watch_item *item = w->items;

	while (item && item->id != id)
		item = item->next;
	return item;
}

static void arm(struct watch *w, const struct watch_item *item, int op,
		uint32_t events)
{
	struct epoll_event ev = { .events = events | EPOLLONESHOT,
				  .data.u64 = item->id };

	if (epoll_ctl(w->epoll, op, item->fd, &ev) < 0)
		log_debug(LOG_HTTP, "a client can't be watched");
}

static void handle_event(struct watch *w, const struct epoll_event *ev)
{
	struct watch_item *item;

	pthread_mutex_lock(&w->lock);
	item = find_locked(w, ev->data.u64);
	if (item) {
		if ((ev->events & (EPOLLHUP | EPOLLERR)) ||
		    item->fin_is_gone || peer_left(item->fd))
			item->gone(item);
		else	/* sends no more, still reads */
			arm(w, item, EPOLL_CTL_MOD, 0);
	}
	pthread_mutex_unlock(&w->lock);
}

static void *watch_run(void *arg)
{
	struct watch *w = arg;
	struct epoll_event ev[16];

	for (;;) {
		int n = epoll_wait(w->epoll, ev, 16, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == STOP_ID)
				return NULL;
			handle_event(w, &ev[i]);
		}
	}
}

int watch_start(struct watch **out)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = STOP_ID };
	struct watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	w->last_id = STOP_ID;
	w->stop = eventfd(0, EFD_CLOEXEC);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0 || w->stop < 0 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->stop, &ev) < 0) {
		rc = -errno;
		goto fail;
	}
	rc = -pthread_create(&w->thread, NULL, watch_run, w);
	if (rc < 0)
		goto fail;
	*out = w;
	return 0;
fail:
	watch_free(w);
	return rc;
}

void watch_stop(struct watch *w)
{
	if (!w)
		return;
	eventfd_write(w->stop, 1);
	pthread_join(w->thread, NULL);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->stop >= 0)
		close(w->stop);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int watch_add(struct watch *w, struct watch_item *item)
{
	struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLONESHOT };
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	ev.data.u64 = item->id = ++w->last_id;
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, item->fd, &ev) < 0) {
		rc = -errno;
	} else {
		item->prev = NULL;
		item->next = w->items;
		if (item->next)
			item->next->prev = item;
		w->items = item;
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

void watch_remove(struct watch *w, struct watch_item *item)
{
	pthread_mutex_lock(&w->lock);
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, item->fd, NULL);
	if (item->prev)
		item->prev->next = item->next;
	else
		w->items = item->next;
	if (item->next)
		item->next->prev = item->prev;
	pthread_mutex_unlock(&w->lock);
}
