#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "engine.h"
#include "log.h"

/* A transfer that has brought nothing for so long must make place for another
 * file's: in its body, or, not to end a slow answer again and again, before its
 * headers. */
#define STALLED_BODY_MS 1000
#define STALLED_HEADERS_MS 5000

#define FLIGHTS_MAX 64
#define CURSORS_MAX 64
/* Handles whose cursors one plan looks at, those that want one first. */
#define FILES_MAX 256
/* Waits that one plan looks at: half of them and a flight each are room for
 * more than there can be requests. */
#define WAITS_MAX 512

/* Transfers. */

static void transfer_link(struct fetch *f, struct transfer *t)
{
	t->all_next = f->transfers;
	if (f->transfers)
		f->transfers->all_prev = t;
	f->transfers = t;
	t->next = t->entry->transfers;
	t->entry->transfers = t;
	t->entry->claim.held++;
	count_one(&t->entry->cache->counts.transfers);
}

static void entry_unlink(struct transfer *t)
{
	struct transfer **p = &t->entry->transfers;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	t->entry->claim.held--;
}

static void transfer_end(struct transfer *t)
{
	struct fetch *f = t->fetch;
	struct host *h = t->host;

	if (t->all_prev)
		t->all_prev->all_next = t->all_next;
	else
		f->transfers = t->all_next;
	if (t->all_next)
		t->all_next->all_prev = t->all_prev;
	entry_unlink(t);
	t->entry->cache->counts.transfers--;
	h->came += t->body_bytes - t->counted_bytes;
	t->entry->plan_due = true;
	transfer_free(t);
	h->active--;
	host_offer(f, h);
}

void schedule_stop(struct transfer *t)
{
	curl_multi_remove_handle(t->fetch->multi, t->easy);
	if (t->phase == TRANSFER_BODY && !t->error && transfer_flush(t) == 0)
		fetch_changed(t->fetch, t->entry, false);
	host_measure(t, now_ms());
	transfer_end(t);
}

void schedule_abandon(struct entry *e, const struct transfer *keep)
{
	struct transfer *t;

	for (t = e->transfers; t; t = t->next)
		if (t != keep)
			t->abandoned = true;
}

void schedule_move(struct transfer *t, struct entry *to)
{
	entry_unlink(t);
	entry_unref(t->entry);
	t->entry = to;
	entry_ref(to);
	t->next = to->transfers;
	to->transfers = t;
	to->claim.held++;
	fetch_hot(t->fetch, to);
}

/* 0; -EACCES: it may not be asked for, and that is settled; -ENOMEM. */
static int transfer_start(struct fetch *f, struct entry *e, uint64_t start,
			  uint64_t end, enum plan_priority priority,
			  bool conditional)
{
	struct transfer *t = transfer_new(f, e, start, end, conditional);
	int err;

	if (!t)
		return -ENOMEM;
	t->host = host_get(f, t->target->origin);
	t->priority = t->planned = priority;
	err = t->host ? transfer_prepare(t, live_now(f->live)) : -ENOMEM;
	if (err == -EACCES)
		verdict_forbidden(t, now_ms());
	else if (!err && curl_multi_add_handle(f->multi, t->easy))
		err = -ENOMEM;
	if (err) {
		transfer_free(t);
		return err;
	}
	t->host->active++;
	transfer_link(f, t);
	count_one(&e->cache->counts.requests);
	log_debug(LOG_FETCH, "%s: %" PRIu64 "-%" PRIu64 "%s", e->label, start,
		  end, conditional ? " validate" : "");
	return 0;
}

/* A redirect may lead to another host. */
static void transfer_again(struct fetch *f, struct transfer *t)
{
	struct host *h = host_get(f, t->target->origin);

	if (h && h != t->host) {
		t->host->active--;
		t->host->came += t->body_bytes - t->counted_bytes;
		t->counted_bytes = t->body_bytes;
		host_offer(f, t->host);
		t->host = h;
		h->active++;
	}
	count_one(&t->entry->cache->counts.requests);
	if (curl_multi_add_handle(f->multi, t->easy))
		transfer_end(t);
}

void schedule_finished(struct fetch *f, struct transfer *t, CURLcode result)
{
	int64_t now = now_ms();

	host_measure(t, now);
	if (t->phase == TRANSFER_DISCARD && t->verdict == REPLY_RETRY &&
	    (t->reply.status == 429 || t->reply.status == 503))
		host_refused(f, t->host, now);
	curl_multi_remove_handle(f->multi, t->easy);
	if (t->abandoned || !verdict_done(t, result, live_now(f->live), now))
		transfer_end(t);
	else
		transfer_again(f, t);
}

/* Planning. */

/* The flights of the entry being planned, as the planner numbers them; NULL
 * for one that has ended since. */
struct flight_list {
	struct transfer *v[FLIGHTS_MAX];
	size_t n;
};

static bool is_stalled(const struct transfer *t, int64_t now)
{
	return now - t->progress_ms >= (t->phase == TRANSFER_BODY ?
					STALLED_BODY_MS : STALLED_HEADERS_MS);
}

/* How little a transfer is needed, so that e may have its place: 0, it is. */
static int dispensable(const struct transfer *t, const struct entry *e,
		       int64_t now)
{
	if (t->abandoned)
		return 0;
	if (t->entry != e && is_stalled(t, now))
		return 1 + PLAN_BACKGROUND;
	return t->phase == TRANSFER_BODY ? (int)t->priority : 0;
}

/* Make place on a full host for e, where somebody waits: end the transfer that
 * is needed least. One file's stalled readers don't lock out the others. */
static bool preempt(struct fetch *f, struct host *h, const struct entry *e,
		    struct flight_list *own)
{
	struct transfer *t, *victim = NULL;
	int64_t now = now_ms();
	int rank, best = 0;
	size_t i;

	for (t = f->transfers; t; t = t->all_next) {
		rank = t->host == h ? dispensable(t, e, now) : 0;
		if (rank > best) {
			victim = t;
			best = rank;
		}
	}
	if (!victim)
		return false;
	log_debug(LOG_PLAN, "%s: makes place", victim->entry->label);
	for (i = 0; i < own->n; i++)
		if (own->v[i] == victim)
			own->v[i] = NULL;
	schedule_stop(victim);
	return true;
}

/* A free connection goes to who has the first claim to it. */
static bool get_place(struct fetch *f, struct host *h, struct entry *e,
		      enum plan_priority priority, struct flight_list *own)
{
	unsigned cap = host_cap(f, h, now_ms());

	claim_join(&h->claims, &e->claim, priority);
	if (h->active + claim_before(&e->claim) >= cap &&
	    (h->active < cap || priority != PLAN_URGENT ||
	     !preempt(f, h, e, own)))
		return false;
	claim_leave(&e->claim);
	return true;
}

static void start_planned(struct fetch *f, struct entry *e,
			  const struct plan_action *a, bool conditional,
			  struct flight_list *own)
{
	struct host *h = host_of(f, e);

	if (!h || !get_place(f, h, e, a->priority, own))
		return;
	if (transfer_start(f, e, a->start, a->end, a->priority,
			   conditional) == -ENOMEM) {
		e->retry_ms = now_ms() + TICK_MS;
		e->last_error = -ENOMEM;
	}
}

/* Two readers side by side: who wants more counts. */
static void merge_cursor(struct plan_cursor *into, const struct plan_cursor *c)
{
	uint64_t taste = c->taste > into->taste ? c->taste : into->taste;
	bool further = c->end == into->end ? c->run > into->run :
		c->end == PLAN_END_OPEN ||
		(c->window && into->end != PLAN_END_OPEN);

	if (further)
		*into = *c;
	into->taste = taste;
}

/* The cursors worth planning for: those in use, near neighbours as one. */
static size_t snapshot_cursors_locked(struct entry *e, int64_t now,
				      struct plan_cursor *out)
{
	struct cache_file *file;
	const struct plan_cursor *c;
	size_t i, j, n = 0, left = FILES_MAX;

	for (file = e->files; file && left; file = file->next, left--)
		for (i = 0; i < FILE_CURSORS; i++) {
			c = &file->cursors[i];
			if (!c->run || now - c->used_ms > PLAN_IDLE_MS)
				continue;
			for (j = 0; j < n; j++)
				if (c->pos - out[j].pos + 65536 < 131072)
					break;
			if (j == CURSORS_MAX)
				continue;
			if (j == n)
				out[n++] = *c;
			else
				merge_cursor(&out[j], c);
		}
	for (j = 0; e->memory && j < n; j++)
		if (out[j].window > MEMORY_WINDOW)
			out[j].window = MEMORY_WINDOW;
	return n;
}

static void set_quiet_locked(struct entry *e, const struct plan_input *in)
{
	struct cache_file *file;
	size_t i, left = FILES_MAX;

	for (file = e->files; file && left; file = file->next, left--)
		for (i = 0; i < FILE_CURSORS; i++)
			if (file->cursors[i].run)
				file->quiet[i] = plan_quiet_until(
					in, &file->cursors[i]);
}

static void add_wait(const struct cache_waiter *w, struct plan_wait *out,
		     size_t *n)
{
	if (w && w->min)
		out[(*n)++] = (struct plan_wait){ w->off, w->off + w->min };
}

/* Waits for bytes, oldest first. Of a crowd the oldest; one for each flight
 * that is waited for, which shows by it; and some of all in turn, those near
 * each other as one. */
static size_t snapshot_waits_locked(struct entry *e,
				    const struct plan_flight *flights,
				    size_t n_flights, struct plan_wait *out)
{
	bool crowd = e->waits.n > WAITS_MAX;
	const struct cache_waiter *w;
	size_t i, n = 0;

	for (w = e->waiters; w && n < (crowd ? WAITS_MAX / 2 : WAITS_MAX);
	     w = w->next)
		add_wait(w, out, &n);
	if (!crowd)
		return n;
	for (i = 0; i < n_flights; i++)
		add_wait(wait_first(&e->waits, flights[i].pos, flights[i].end),
			 out, &n);
	while (n < WAITS_MAX) {
		w = wait_first(&e->waits, e->looked_at, UINT64_MAX);
		e->looked_at = w ? w->missing + PLAN_PROBE : 0;
		if (!w)
			break;
		add_wait(w, out, &n);
	}
	return n;
}

static void snapshot_flights(struct entry *e, struct plan_flight *out,
			     struct flight_list *own, bool *validating)
{
	struct transfer *t;

	own->n = 0;
	for (t = e->transfers; t && own->n < FLIGHTS_MAX; t = t->next) {
		if (t->abandoned)
			continue;
		if (t->conditional && t->phase != TRANSFER_BODY) {
			*validating = true;
			continue;
		}
		out[own->n] = (struct plan_flight){
			/* What is not published is still to come. */
			.pos = t->pos - t->buffered, .end = t->end,
			.stoppable = t->phase == TRANSFER_BODY,
			.since_ms = t->body_ms ? t->body_ms : e->planned_ms,
		};
		own->v[own->n++] = t;
	}
}

/* A transfer that somebody waits for must not make place for others. */
static void set_priorities(const struct plan_input *in,
			   const struct flight_list *own)
{
	struct transfer *t;
	size_t i, j;

	for (i = 0; i < own->n; i++) {
		t = own->v[i];
		t->priority = t->planned;
		for (j = 0; j < in->n_waits; j++)
			if (in->waits[j].start < t->end &&
			    in->waits[j].end > t->pos) {
				t->priority = PLAN_URGENT;
				break;
			}
	}
}

static void carry_out(struct fetch *f, struct entry *e,
		      const struct plan_action *a, struct flight_list *own)
{
	struct transfer *t;

	if (a->verb == PLAN_START) {
		start_planned(f, e, a, false, own);
		return;
	}
	t = own->v[a->flight];
	if (t && a->verb == PLAN_CUT) {
		t->end = a->end;
	} else if (t) {
		own->v[a->flight] = NULL;
		schedule_stop(t);
	}
}

/* Ask the origin whether what we have still holds. Where it does without, not
 * if it could not be reached a moment ago. */
static void validate(struct fetch *f, struct entry *e, int64_t now,
		     enum plan_priority priority, struct flight_list *own)
{
	const struct plan_action ask = {
		.verb = PLAN_START, .priority = priority,
		/* The body of a changed one is kept. */
		.start = 0, .end = e->no_range ? PLAN_SIZE_UNKNOWN : PLAN_PROBE,
	};
	struct host *h = host_of(f, e);
	bool strict = entry_is_strict(e);

	if (!strict && h && now < h->down_until_ms && !e->ordered)
		entry_unconfirmed(e, -EHOSTUNREACH);
	else if (!strict || now >= e->retry_ms)
		start_planned(f, e, &ask, true, own);
	else if (e->retry_ms < e->wake_ms)
		e->wake_ms = e->retry_ms;
}

/* What the settings say of second connections. Without them a reader far ahead
 * gets the only one, when its turn comes. */
static void limit_splits(struct fetch *f, const struct entry *e,
			 struct plan_input *in)
{
	uint64_t split = conf_origin(live_now(f->live),
				     e->url->key)->split_threshold;

	if (split == CONF_SIZE_OFF)
		in->max_flights = 1;
	else if (split != CONF_SIZE_UNSET)
		in->split = split ? split : 1;
}

static void plan(struct fetch *f, struct host *h, struct entry *e, int64_t now)
{
	struct plan_flight flights[FLIGHTS_MAX];
	struct flight_list own;
	struct plan_cursor cursors[CURSORS_MAX];
	struct plan_action actions[PLAN_ACTIONS_MAX];
	struct plan_wait waits[WAITS_MAX];
	bool facts, asks, validating = false;
	size_t i, n = 0;
	struct plan_input in = {
		.present = &e->rec.present,
		.flights = flights, .cursors = cursors, .waits = waits,
		.max_flights = 1,
		.fill = live_now(f->live)->fill,
		.now_ms = now,
	};

	if (h)
		host_facts(f, h, e, &in);
	limit_splits(f, e, &in);
	snapshot_flights(e, flights, &own, &validating);
	in.n_flights = own.n;
	pthread_mutex_lock(&e->lock);
	in.size = e->rec.version.size;
	in.ranges = e->state == ENTRY_KNOWN ? e->ranges :
		e->no_range ? PLAN_RANGES_NO : PLAN_RANGES_UNKNOWN;
	in.n_waits = snapshot_waits_locked(e, flights, own.n, waits);
	facts = e->n_waiters > e->waits.n;
	in.n_cursors = snapshot_cursors_locked(e, now, cursors);
	if (e->memory)
		in.fill = PLAN_FILL_NONE;
	in.probe = facts && e->state == ENTRY_NEW;
	in.ordered = order_wanted_locked(e);
	asks = order_asks_locked(e, &facts);
	n = plan_next(&in, actions, &e->wake_ms);
	e->soon = (struct extent){ 0, 0 };
	set_quiet_locked(e, &in);
	if (e->waits.n > WAITS_MAX && e->wake_ms > now + TICK_MS)
		e->wake_ms = now + TICK_MS;
	pthread_mutex_unlock(&e->lock);

	set_priorities(&in, &own);
	if ((facts || asks) && e->state == ENTRY_KNOWN && !validating)
		validate(f, e, now, facts ? PLAN_URGENT : PLAN_BACKGROUND,
			 &own);
	for (i = 0; i < n; i++)
		if (actions[i].verb != PLAN_START || now >= e->retry_ms)
			carry_out(f, e, &actions[i], &own);
	if (now < e->retry_ms && e->retry_ms < e->wake_ms && n)
		e->wake_ms = e->retry_ms;
	/* More to do than one answer could hold. */
	if (e->wake_ms <= now && e->claim.priority == CLAIM_NONE &&
	    now >= e->retry_ms)
		e->plan_due = true;
}

/* Nothing is asked: what is here has to do, and who waits for more is told. */
static void do_without(struct entry *e)
{
	bool facts, asks;

	while (e->transfers)
		schedule_stop(e->transfers);
	pthread_mutex_lock(&e->lock);
	facts = e->n_waiters > e->waits.n;
	asks = order_asks_locked(e, &facts);
	pthread_mutex_unlock(&e->lock);
	if ((facts || asks) && e->state == ENTRY_KNOWN)
		entry_unconfirmed(e, -EHOSTUNREACH);
	entry_settle_all(e, -EHOSTUNREACH);
	order_end_check(e, -EHOSTUNREACH);
	order_end_fetch(e, -EHOSTUNREACH);
}

/* What others want to know of e: that it is complete, that an order has come to
 * its end, how it fares. */
static void notice(struct entry *e, int64_t now)
{
	if (e->complete && !e->told) {
		e->told = true;
		count_one(&e->cache->counts.completed);
		cache_tell(e, CACHE_EVENT_COMPLETE, 0);
	}
	order_settle(e, now);
	e->trouble = e->last_error;
}

void schedule_entry(struct fetch *f, struct entry *e, int64_t now)
{
	struct host *h = host_of(f, e);

	e->plan_due = false;
	notice(e, now);
	e->wake_ms = INT64_MAX;
	e->planned_ms = now;
	claim_reset(&e->claim);
	if (f->offline)
		do_without(e);
	else if (e->state != ENTRY_DIRECTORY && !e->superseded)
		plan(f, h, e, now);
	if (e->claim.priority == CLAIM_NONE)
		claim_leave(&e->claim);
	if (e->ordered && e->wake_ms > now + ORDER_LOOK_MS)
		e->wake_ms = now + ORDER_LOOK_MS;
	e->connections = e->claim.held;
	if (h)
		host_offer(f, h);
}
