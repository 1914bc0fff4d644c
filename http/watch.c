#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache/log.h"
#include "peer.h"
#include "watch.h"

#define WAKE_ID 0	/* of no item */
#define BODIES_MS 1000

struct watch {
	int epoll, wake;
	pthread_t thread;
	pthread_mutex_t lock;
	/* lock */
	uint64_t last_id;
	struct watch_item *items;
	struct watch_body *bodies;
	bool looking;		/* the thread wakes by itself to look at them */
	bool stopping;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

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

static bool is_cut(const struct watch_body *body)
{
	struct stat st;

	return fstat(body->data, &st) == 0 &&
	       (uint64_t)st.st_size < body->end;
}

/* Returns how long to sleep until the next look, in ms; -1: for ever. */
static int look_at_bodies(struct watch *w, int64_t *next)
{
	const struct watch_body *body;
	int64_t now = now_ms();

	pthread_mutex_lock(&w->lock);
	if (now >= *next) {
		*next = now + BODIES_MS;
		w->looking = w->bodies;
		for (body = w->bodies; body; body = body->next)
			if (is_cut(body))
				shutdown(body->socket, SHUT_RDWR);
	}
	now = w->looking ? *next - now : -1;
	pthread_mutex_unlock(&w->lock);
	return (int)now;
}

/* Woken to stop, or to begin looking at bodies. */
static bool goes_on(struct watch *w)
{
	eventfd_t n;
	bool stopping;

	eventfd_read(w->wake, &n);
	pthread_mutex_lock(&w->lock);
	stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return !stopping;
}

static void *watch_run(void *arg)
{
	struct watch *w = arg;
	struct epoll_event ev[16];
	int64_t next_ms = 0;

	for (;;) {
		int n = epoll_wait(w->epoll, ev, 16,
				   look_at_bodies(w, &next_ms));

		for (int i = 0; i < n; i++)
			if (ev[i].data.u64 != WAKE_ID)
				handle_event(w, &ev[i]);
			else if (!goes_on(w))
				return NULL;
	}
}

int watch_start(struct watch **out)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = WAKE_ID };
	struct watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	w->last_id = WAKE_ID;
	w->wake = eventfd(0, EFD_CLOEXEC);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0 || w->wake < 0 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &ev) < 0) {
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
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_mutex_unlock(&w->lock);
	eventfd_write(w->wake, 1);
	pthread_join(w->thread, NULL);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->wake >= 0)
		close(w->wake);
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

/* Wakes the thread once a second at most, however many bodies come and go. */
void watch_body_add(struct watch *w, struct watch_body *body)
{
	bool wake;

	pthread_mutex_lock(&w->lock);
	wake = !w->looking;
	w->looking = true;
	body->prev = NULL;
	body->next = w->bodies;
	if (body->next)
		body->next->prev = body;
	w->bodies = body;
	pthread_mutex_unlock(&w->lock);
	if (wake)
		eventfd_write(w->wake, 1);
}

void watch_body_remove(struct watch *w, struct watch_body *body)
{
	pthread_mutex_lock(&w->lock);
	if (body->prev)
		body->prev->next = body->next;
	else
		w->bodies = body->next;
	if (body->next)
		body->next->prev = body->prev;
	pthread_mutex_unlock(&w->lock);
}
