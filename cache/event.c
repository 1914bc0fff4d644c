#include "config.h"

#include "event.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum watch_state { WATCH_WAITING, WATCH_DUE, WATCH_OVER };

struct messenger {
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t news, idle;
	bool stopping, stopped;
	struct cache_event *queue;	/* a ring; the URLs are its own */
	size_t first, n;
	bool lost;		/* some, since the last that found room */
	size_t watches;		/* that are not over */
	struct watch_list due;
	struct cache_watch *last_due;
	struct cache_sink *sinks;
	struct cache_sink *next_sink;	/* whose turn comes */
	const void *busy;		/* the sink or watch that is being told */

	_Atomic unsigned n_sinks;
};

/* ---- putting down ----------------------------------------------------------- */

bool messenger_wanted(const struct messenger *m)
{
	return atomic_load_explicit(&m->n_sinks, memory_order_relaxed) > 0;
}

void messenger_post(struct messenger *m, const struct cache_event *ev)
{
	char *url;

	if (!messenger_wanted(m))
		return;
	url = strdup(ev->url);
	pthread_mutex_lock(&m->lock);
	if (m->stopping || !m->sinks) {
		/* Nobody will ask. */
	} else if (url && m->n < EVENTS_MAX) {
		struct cache_event *slot =
			&m->queue[(m->first + m->n++) % EVENTS_MAX];

		*slot = *ev;
		slot->url = url;
		url = NULL;
		pthread_cond_signal(&m->news);
	} else {
		m->lost = true;
		pthread_cond_signal(&m->news);
	}
	pthread_mutex_unlock(&m->lock);
	free(url);
}

static void unlink_locked(struct messenger *m, struct cache_watch *w)
{
	if (w == m->last_due)
		m->last_due = w->prev;
	if (w->prev)
		w->prev->next = w->next;
	else
		w->list->first = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->list = NULL;
}

static void over_locked(struct messenger *m, struct cache_watch *w)
{
	unlink_locked(m, w);
	w->state = WATCH_OVER;
	m->watches--;
}

static void link_locked(struct watch_list *l, struct cache_watch *w)
{
	w->list = l;
	w->prev = NULL;
	w->next = l->first;
	if (w->next)
		w->next->prev = w;
	l->first = w;
}

void messenger_watch(struct messenger *m, struct watch_list *l,
		     struct cache_watch *w)
{
	pthread_mutex_lock(&m->lock);
	w->messenger = m;
	w->state = WATCH_WAITING;
	m->watches++;
	link_locked(l, w);
	pthread_mutex_unlock(&m->lock);
}

void messenger_join(struct messenger *m, struct watch_list *l,
		    struct watch_list *from)
{
	struct cache_watch *w;

	pthread_mutex_lock(&m->lock);
	while ((w = from->first)) {
		unlink_locked(m, w);
		link_locked(l, w);
	}
	pthread_mutex_unlock(&m->lock);
}

void messenger_settle(struct messenger *m, struct watch_list *l, int status)
{
	struct cache_watch *w;

	pthread_mutex_lock(&m->lock);
	while ((w = l->first)) {
		unlink_locked(m, w);
		w->state = WATCH_DUE;
		w->status = status;
		w->list = &m->due;
		w->next = NULL;
		w->prev = m->last_due;
		if (w->prev)
			w->prev->next = w;
		else
			m->due.first = w;
		m->last_due = w;
		pthread_cond_signal(&m->news);
	}
	pthread_mutex_unlock(&m->lock);
}

/* ---- telling ---------------------------------------------------------------- */

static void begin_locked(struct messenger *m, const void *whom)
{
	m->busy = whom;
	pthread_mutex_unlock(&m->lock);
}

static void end(struct messenger *m)
{
	pthread_mutex_lock(&m->lock);
	m->busy = NULL;
	pthread_cond_broadcast(&m->idle);
}

static void tell_sinks_locked(struct messenger *m, const struct cache_event *ev)
{
	struct cache_sink *s;

	m->next_sink = m->sinks;
	while ((s = m->next_sink)) {
		m->next_sink = s->next;
		begin_locked(m, s);
		s->event(s, ev);	/* it may be gone now */
		end(m);
	}
}

static void tell_event_locked(struct messenger *m)
{
	struct cache_event ev = m->queue[m->first];

	m->first = (m->first + 1) % EVENTS_MAX;
	m->n--;
	tell_sinks_locked(m, &ev);
	free((char *)ev.url);
}

static void tell_loss_locked(struct messenger *m)
{
	const struct cache_event lost = { .kind = CACHE_EVENT_LOST };

	m->lost = false;
	tell_sinks_locked(m, &lost);
}

static void tell_watch_locked(struct messenger *m)
{
	struct cache_watch *w = m->due.first;
	int status = w->status;

	over_locked(m, w);
	begin_locked(m, w);
	w->done(w, status);
	end(m);
}

static void *messenger_main(void *arg)
{
	struct messenger *m = arg;

	pthread_setname_np(pthread_self(), "messenger");
	pthread_mutex_lock(&m->lock);
	for (;;) {
		if (m->n)
			tell_event_locked(m);
		else if (m->lost)	/* behind all that was queued */
			tell_loss_locked(m);
		else if (m->due.first)
			tell_watch_locked(m);
		else if (m->stopping && !m->watches)
			break;
		else
			pthread_cond_wait(&m->news, &m->lock);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* Wait until whom is not being told any more, unless it asks itself. */
static void wait_for_locked(struct messenger *m, const void *whom)
{
	while (m->busy == whom && !pthread_equal(m->thread, pthread_self()))
		pthread_cond_wait(&m->idle, &m->lock);
}

bool messenger_cancel(struct messenger *m, struct cache_watch *w)
{
	bool taken;

	pthread_mutex_lock(&m->lock);
	taken = w->state != WATCH_OVER;
	if (taken)
		over_locked(m, w);
	else
		wait_for_locked(m, w);
	if (m->stopping)
		pthread_cond_signal(&m->news);
	pthread_mutex_unlock(&m->lock);
	return taken;
}

void messenger_subscribe(struct messenger *m, struct cache_sink *s)
{
	pthread_mutex_lock(&m->lock);
	s->next = m->sinks;
	m->sinks = s;
	m->n_sinks++;
	pthread_mutex_unlock(&m->lock);
}

void messenger_unsubscribe(struct messenger *m, struct cache_sink *s)
{
	struct cache_sink **p;

	pthread_mutex_lock(&m->lock);
	for (p = &m->sinks; *p && *p != s; p = &(*p)->next)
		;
	if (*p) {
		*p = s->next;
		m->n_sinks--;
	}
	if (m->next_sink == s)
		m->next_sink = s->next;
	wait_for_locked(m, s);
	pthread_mutex_unlock(&m->lock);
}

/* ---- life ------------------------------------------------------------------- */

int messenger_start(struct messenger **out)
{
	struct messenger *m = calloc(1, sizeof(*m));
	int err = ENOMEM;

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->news, NULL);
	pthread_cond_init(&m->idle, NULL);
	m->stopped = true;
	m->queue = calloc(EVENTS_MAX, sizeof(*m->queue));
	if (m->queue)
		err = pthread_create(&m->thread, NULL, messenger_main, m);
	if (err) {
		messenger_free(m);
		return -err;
	}
	m->stopped = false;
	*out = m;
	return 0;
}

void messenger_stop(struct messenger *m)
{
	if (!m || m->stopped)
		return;
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_signal(&m->news);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	m->stopped = true;
}

void messenger_free(struct messenger *m)
{
	if (!m)
		return;
	messenger_stop(m);
	free(m->queue);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->news);
	pthread_cond_destroy(&m->idle);
	free(m);
}
