#include "config.h"

#include "order.h"

#include <errno.h>
#include <stdlib.h>

#include "core.h"
#include "fetch.h"

struct order {
	_Atomic int64_t since_ms;	/* 0: its turn has not come */
	uint64_t checks;		/* L: of the entry, when it was made */
	bool fresh;			/* L: the facts were, once */
	struct extent_set wanted;	/* L */
	struct watch_list watches;	/* the messenger's lock */

	/* orders' lock */
	struct entry *entry;		/* with a reference */
	struct order *prev, *next;
	bool queued, active;
};

/* ---- the line --------------------------------------------------------------- */

void orders_init(struct orders *q)
{
	*q = (struct orders){ 0 };
	pthread_mutex_init(&q->lock, NULL);
}

void orders_fini(struct orders *q)
{
	pthread_mutex_destroy(&q->lock);
}

size_t orders_total(struct orders *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->total;
	pthread_mutex_unlock(&q->lock);
	return n;
}

static void queue_locked(struct orders *q, struct order *o)
{
	o->queued = true;
	o->next = NULL;
	o->prev = q->last;
	if (o->prev)
		o->prev->next = o;
	else
		q->first = o;
	q->last = o;
}

static void unqueue_locked(struct orders *q, struct order *o)
{
	if (o->prev)
		o->prev->next = o->next;
	else
		q->first = o->next;
	if (o->next)
		o->next->prev = o->prev;
	else
		q->last = o->prev;
	o->queued = false;
}

/* Whose turn it is, with a reference, or NULL. */
static struct entry *next_turn(struct orders *q)
{
	struct order *o;
	struct entry *e = NULL;

	pthread_mutex_lock(&q->lock);
	o = q->active < ORDERS_ACTIVE ? q->first : NULL;
	if (o) {
		unqueue_locked(q, o);
		o->active = true;
		q->active++;
		o->since_ms = now_ms();
		e = o->entry;
		entry_ref(e);
	}
	pthread_mutex_unlock(&q->lock);
	return e;
}

static void give_turns(struct cache *c)
{
	struct entry *e;

	while ((e = next_turn(&c->orders))) {
		fetch_kick(c->fetch, e);
		entry_unref(e);
	}
}

static int enter(struct orders *q, struct order *o)
{
	int err = 0;

	pthread_mutex_lock(&q->lock);
	if (q->total < ORDERS_MAX) {
		q->total++;
		queue_locked(q, o);
	} else {
		err = -EBUSY;
	}
	pthread_mutex_unlock(&q->lock);
	return err;
}

static void leave(struct orders *q, struct order *o)
{
	pthread_mutex_lock(&q->lock);
	if (o->queued)
		unqueue_locked(q, o);
	if (o->active)
		q->active--;
	q->total--;
	pthread_mutex_unlock(&q->lock);
}

/* Its origin fails: it goes on, but another may have its turn meanwhile. True:
 * the place is free. */
static bool step_aside(struct orders *q, struct order *o)
{
	bool was;

	pthread_mutex_lock(&q->lock);
	was = o->active;
	if (was)
		q->active--;
	o->active = false;
	pthread_mutex_unlock(&q->lock);
	return was;
}

/* ---- making, ending --------------------------------------------------------- */

static struct order *order_new(struct entry *e)
{
	struct order *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->entry = e;
	entry_ref(e);
	return o;
}

static void order_free(struct order *o)
{
	entry_unref(o->entry);
	extent_fini(&o->wanted);
	free(o);
}

static void mark_locked(struct entry *e)
{
	e->ordered = e->order || e->check;
}

static int refusal_locked(struct entry *e)
{
	if (e->cache->stopping)
		return -ESHUTDOWN;
	return cache_is_past_locked(e) ? -EAGAIN : 0;
}

int order_fetch(struct entry *e, uint64_t start, uint64_t end,
		struct cache_watch *w)
{
	struct cache *c = e->cache;
	struct order *fresh = order_new(e), *o;
	int err = fresh ? 0 : -ENOMEM;

	if (err)
		return err;
	pthread_mutex_lock(&e->lock);
	o = e->order ? e->order : fresh;
	err = refusal_locked(e);
	if (!err)
		err = extent_add(&o->wanted, start, end);
	if (!err && o == fresh)
		err = enter(&c->orders, o);
	if (!err && w)
		messenger_watch(c->messenger, &o->watches, w);
	if (!err && o == fresh) {
		o->checks = e->checks;
		e->order = o;
	}
	mark_locked(e);
	pthread_mutex_unlock(&e->lock);
	if (err || o != fresh)
		order_free(fresh);
	if (!err)
		give_turns(c);
	if (!err && o != fresh)
		fetch_kick(c->fetch, e);
	return err;
}

int order_check(struct entry *e, struct cache_watch *w)
{
	struct cache *c = e->cache;
	struct order *fresh = order_new(e), *o;
	int err = fresh ? 0 : -ENOMEM;

	if (err)
		return err;
	fresh->since_ms = now_ms();
	pthread_mutex_lock(&e->lock);
	o = e->check ? e->check : fresh;
	err = refusal_locked(e);
	if (!err && e->state != ENTRY_KNOWN)
		err = -ENOENT;
	if (!err && !e->rec.version.etag && !e->rec.version.last_modified)
		err = -ENODATA;
	if (!err) {
		messenger_watch(c->messenger, &o->watches, w);
		o->checks = e->checks;
		e->check = o;
	}
	mark_locked(e);
	pthread_mutex_unlock(&e->lock);
	if (err || o != fresh)
		order_free(fresh);
	if (!err)
		fetch_kick(c->fetch, e);
	return err;
}

static struct order *take(struct entry *e, struct order **slot)
{
	struct order *o;

	pthread_mutex_lock(&e->lock);
	o = *slot;
	*slot = NULL;
	mark_locked(e);
	pthread_mutex_unlock(&e->lock);
	return o;
}

/* Worth an event: not what somebody has told us to do. */
static bool is_failure(int status)
{
	return status && status != -ECANCELED && status != -ESHUTDOWN;
}

bool order_end_fetch(struct entry *e, int status)
{
	struct order *o = take(e, &e->order);

	if (!o)
		return false;
	leave(&e->cache->orders, o);
	if (is_failure(status))
		cache_tell(e, CACHE_EVENT_FAILED, status);
	messenger_settle(e->cache->messenger, &o->watches, status);
	order_free(o);
	give_turns(e->cache);
	return true;
}

bool order_end_check(struct entry *e, int status)
{
	struct order *o = take(e, &e->check);

	if (!o)
		return false;
	messenger_settle(e->cache->messenger, &o->watches, status);
	order_free(o);
	return true;
}

/* Let `to` have o, or what there is ordered of it already have o's. */
static int hand_over(struct entry *to, struct order *o)
{
	int err = 0;

	pthread_mutex_lock(&to->lock);
	if (cache_is_past_locked(to))
		err = -ECANCELED;
	for (size_t i = 0; to->order && i < o->wanted.n && !err; i++)
		err = extent_add(&to->order->wanted, o->wanted.v[i].start,
				 o->wanted.v[i].end);
	if (to->order && !err)
		messenger_join(to->cache->messenger, &to->order->watches,
			       &o->watches);
	if (!to->order && !err) {
		o->checks = UINT64_MAX;	/* this version is an answer */
		to->order = o;
		err = 1;
	}
	mark_locked(to);
	pthread_mutex_unlock(&to->lock);
	return err;
}

void order_move(struct entry *old, struct entry *to)
{
	struct orders *q = &old->cache->orders;
	struct order *o = take(old, &old->order);
	int err;

	order_end_check(old, -ESTALE);
	if (!o)
		return;
	entry_ref(to);
	pthread_mutex_lock(&q->lock);
	o->entry = to;
	pthread_mutex_unlock(&q->lock);
	entry_unref(old);
	err = hand_over(to, o);
	if (err <= 0) {
		leave(q, o);
		messenger_settle(to->cache->messenger, &o->watches, err);
		order_free(o);
		give_turns(to->cache);
	}
	fetch_kick(to->cache->fetch, to);
}

/* ---- the engine's look ------------------------------------------------------ */

const struct extent_set *order_wanted_locked(const struct entry *e)
{
	return e->order && e->order->since_ms ? &e->order->wanted : NULL;
}

bool order_queued_locked(const struct entry *e)
{
	return e->order && !e->order->since_ms;
}

/* Whether o may go by what is known of e. */
static bool is_fresh_locked(const struct entry *e, const struct order *o)
{
	return o->fresh || e->checks != o->checks ||
	       time(NULL) < entry_fresh_until_locked(e);
}

bool order_asks_locked(const struct entry *e, bool *urgent)
{
	if (e->state != ENTRY_KNOWN)
		return false;
	if (e->check) {
		*urgent = true;
		return true;
	}
	return order_wanted_locked(e) && !is_fresh_locked(e, e->order);
}

static bool has_all_locked(const struct entry *e, const struct extent_set *s)
{
	uint64_t size = e->rec.version.size, end;

	for (size_t i = 0; i < s->n; i++) {
		end = s->v[i].end < size ? s->v[i].end : size;
		if (s->v[i].start < end &&
		    !extent_contains(&e->rec.present, s->v[i].start, end))
			return false;
	}
	return true;
}

/* How it has ended, or -EAGAIN. */
static int fetch_status_locked(const struct entry *e, struct order *o,
			       int64_t now)
{
	int64_t patience = cache_conf(e->cache)->read_timeout * INT64_C(1000);

	if (!o->since_ms)
		return -EAGAIN;
	if (e->state == ENTRY_DIRECTORY)
		return -EISDIR;
	if (cache_is_past_locked(e))		/* who has seen to that ends it */
		return -EAGAIN;
	if (e->detached)
		return e->no_store ? -EPERM : -ENOSPC;
	if (e->memory)
		return -ENOSPC;
	if (e->state == ENTRY_NEW)
		return e->last_error && now - o->since_ms >= patience ?
			e->last_error : -EAGAIN;
	o->fresh = is_fresh_locked(e, o);
	return o->fresh && has_all_locked(e, &o->wanted) ? 0 : -EAGAIN;
}

static int check_status_locked(const struct entry *e, const struct order *o,
			       int64_t now)
{
	int64_t patience = cache_conf(e->cache)->read_timeout * INT64_C(1000);

	if (e->checks != o->checks)
		return e->unconfirmed;
	return now - o->since_ms >= patience ? -ETIMEDOUT : -EAGAIN;
}

void order_settle(struct entry *e, int64_t now)
{
	int fetched = -EAGAIN, checked = -EAGAIN;
	bool stepped = false;

	if (!e->ordered)
		return;
	pthread_mutex_lock(&e->lock);
	if (e->order)
		fetched = fetch_status_locked(e, e->order, now);
	if (e->order && e->failures)
		stepped = step_aside(&e->cache->orders, e->order);
	if (e->check)
		checked = check_status_locked(e, e->check, now);
	pthread_mutex_unlock(&e->lock);
	if (fetched != -EAGAIN)
		order_end_fetch(e, fetched);
	else if (stepped)
		give_turns(e->cache);
	if (checked != -EAGAIN)
		order_end_check(e, checked);
}
