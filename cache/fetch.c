#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "cut.h"
#include "core.h"
#include "engine.h"
#include "fetch.h"
#include "log.h"
#include "save.h"

/* Data that nobody waits for is on disk at the latest after this. */
#define FLUSH_MS 200
/* An entry whose data flows is planned anew at most so often. */
#define REPLAN_MS 10
/* One that waits for a connection looks for one to take so often. */
#define UNMET_MS 500
#define IDLE_CONNECTIONS 64
/* How often it is looked how fast bytes come. */
#define METER_MS 500

void fetch_hot(struct fetch *f, struct entry *e)
{
	if (e->hot)
		return;
	e->hot = true;
	e->metered_ms = now_ms();
	e->metered = e->came;
	entry_ref(e);
	e->hot_prev = NULL;
	e->hot_next = f->hot;
	if (f->hot)
		f->hot->hot_prev = e;
	f->hot = e;
}

static void hot_remove(struct fetch *f, struct entry *e)
{
	if (e->hot_prev)
		e->hot_prev->hot_next = e->hot_next;
	else
		f->hot = e->hot_next;
	if (e->hot_next)
		e->hot_next->hot_prev = e->hot_prev;
	e->hot = false;
	e->connections = 0;
	e->rate = 0;
	entry_unref(e);
}

void fetch_changed(struct fetch *f, struct entry *e, bool save_at_once)
{
	saver_queue(f->saver, e, save_at_once);
	fetch_hot(f, e);
	e->plan_due = true;
}

static bool is_idle(const struct entry *e)
{
	return !e->plan_due && !e->claim.held && !e->ordered &&
		e->claim.priority == CLAIM_NONE &&
		e->wake_ms == INT64_MAX && !atomic_load(&e->n_waiters);
}

static void plan_due(struct fetch *f, int64_t now)
{
	struct entry *e, *next;

	for (e = f->hot; e; e = next) {
		entry_ref(e);		/* stays linked until we are past it */
		if (e->cut)
			cut_mend(e);
		if (e->plan_due)
			schedule_entry(f, e, now);
		next = e->hot_next;
		if (is_idle(e))
			hot_remove(f, e);
		entry_unref(e);
	}
}

/* Time. */

static void check_stalls(struct fetch *f, int64_t now)
{
	int64_t patience = live_now(f->live)->stall_timeout * INT64_C(1000);
	struct transfer *t, *next;
	curl_off_t connected;

	for (t = f->transfers; t; t = next) {
		next = t->all_next;
		if (t->abandoned) {
			schedule_stop(t);
			next = f->transfers;	/* others may have gone */
			continue;
		}
		/* Connecting has its own deadline. */
		connected = 0;
		curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T,
				  &connected);
		if (connected && now - t->progress_ms >= patience) {
			schedule_finished(f, t, CURLE_OPERATION_TIMEDOUT);
			next = f->transfers;
		}
	}
}

/* No connection was free for it: one may be, or somebody may have stalled. */
static bool is_due_again(struct fetch *f, struct entry *e, int64_t now)
{
	if (e->claim.priority == CLAIM_NONE)
		return false;
	return host_has_room(f, e) ||
		(e->claim.priority == PLAN_URGENT &&
		 now - e->planned_ms >= UNMET_MS);
}

/* How fast bytes of e come, over the last two measurements. */
static void meter(struct entry *e, int64_t now)
{
	uint64_t n = e->came - e->metered;

	if (now - e->metered_ms < METER_MS)
		return;
	e->rate = (e->rate + n * 1000 / (uint64_t)(now - e->metered_ms)) / 2;
	e->metered_ms = now;
	e->metered = e->came;
	if (n)
		cache_tell(e, CACHE_EVENT_PROGRESS, 0);
}

/* The settings say that servers may be asked, or that they may not, any more. */
static void look_offline(struct fetch *f)
{
	bool offline = live_now(f->live)->offline;
	struct entry *e;

	if (offline == f->offline)
		return;
	log_info(LOG_FETCH, offline ? "offline: no server is asked" :
				      "no longer offline");
	f->offline = offline;
	for (e = f->hot; e; e = e->hot_next)
		e->plan_due = true;
}

static void tick(struct fetch *f, int64_t now)
{
	struct entry *e, *next;

	look_offline(f);
	if (now < f->tick_ms)
		return;
	f->tick_ms = now + TICK_MS;
	host_forget(f);
	check_stalls(f, now);
	for (e = f->hot; e; e = next) {
		next = e->hot_next;
		meter(e, now);
		entry_expire(e, now, e->last_error ? e->last_error :
			     -ETIMEDOUT);
		if (now >= e->wake_ms || is_due_again(f, e, now))
			e->plan_due = true;
	}
}

/* Write what has come: at once where somebody waits, else in a while. */
static void flush(struct fetch *f, int64_t now)
{
	bool all = now >= f->flush_ms;
	struct transfer *t;

	if (all)
		f->flush_ms = now + FLUSH_MS;
	for (t = f->transfers; t; t = t->all_next) {
		struct entry *e = t->entry;

		if (t->phase != TRANSFER_BODY || t->abandoned || t->error)
			continue;
		/* Before the look at who waits: who comes later sees it. */
		if (t->buffered)
			atomic_store(&e->held, true);
		if (t->buffered && (all || atomic_load(&e->n_waiters))) {
			t->error = transfer_flush(t);
			saver_queue(f->saver, e, false);
		}
		if (t->body_bytes != t->planned_bytes &&
		    now - e->planned_ms >= REPLAN_MS) {
			t->planned_bytes = t->body_bytes;
			e->plan_due = true;
		}
	}
}

/* The thread. */

static bool take_inbox(struct fetch *f)
{
	struct entry *e, *list;
	bool go_on;

	pthread_mutex_lock(&f->lock);
	list = f->inbox;
	f->inbox = NULL;
	go_on = !f->stopping;
	if (f->answered != f->asked) {
		f->answered = f->asked;
		pthread_cond_broadcast(&f->went_round);
	}
	pthread_mutex_unlock(&f->lock);
	while ((e = list)) {
		list = e->kick_next;
		pthread_mutex_lock(&f->lock);
		e->kicked = false;
		pthread_mutex_unlock(&f->lock);
		fetch_hot(f, e);
		e->plan_due = true;
		entry_unref(e);
	}
	return go_on;
}

static void take_finished(struct fetch *f)
{
	struct transfer *t;
	CURLMsg *msg;
	CURLcode result;
	int left;

	while ((msg = curl_multi_info_read(f->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		result = msg->data.result;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
				  (char **)&t);
		schedule_finished(f, t, result);
	}
}

static int wait_ms(const struct fetch *f)
{
	const struct entry *e;

	for (e = f->hot; e; e = e->hot_next)
		if (e->plan_due)
			return 0;
	return f->hot || f->transfers ? TICK_MS : INT32_MAX;
}

static void *fetch_main(void *arg)
{
	struct fetch *f = arg;
	int64_t now;
	int running;

	pthread_setname_np(pthread_self(), "engine");
	while (take_inbox(f)) {
		now = now_ms();
		tick(f, now);
		plan_due(f, now);
		curl_multi_perform(f->multi, &running);
		take_finished(f);
		flush(f, now_ms());
		curl_multi_poll(f->multi, NULL, 0, wait_ms(f), NULL);
	}
	while (f->transfers)
		schedule_stop(f->transfers);
	while (f->hot)
		hot_remove(f, f->hot);
	return NULL;
}

int fetch_start(struct live *live, struct saver *saver, struct fetch **out)
{
	struct fetch *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;
	int err;

	if (!f)
		return -ENOMEM;
	f->live = live;
	f->saver = saver;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->went_round, &attr);
	pthread_condattr_destroy(&attr);
	err = curl_global_init(CURL_GLOBAL_DEFAULT) ? ENOMEM : 0;
	if (!err) {
		f->multi = curl_multi_init();
		if (f->multi) {
			curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS,
					  (long)IDLE_CONNECTIONS);
			err = pthread_create(&f->thread, NULL, fetch_main, f);
		} else {
			err = ENOMEM;
		}
		if (err) {
			curl_multi_cleanup(f->multi);
			curl_global_cleanup();
		}
	}
	if (err) {
		pthread_cond_destroy(&f->went_round);
		pthread_mutex_destroy(&f->lock);
		free(f);
		return -err;
	}
	*out = f;
	return 0;
}

void fetch_kick(struct fetch *f, struct entry *e)
{
	bool wake = false;

	entry_ref(e);
	pthread_mutex_lock(&f->lock);
	if (!e->kicked && !f->stopping) {
		wake = !f->inbox;
		e->kicked = true;
		e->kick_next = f->inbox;
		f->inbox = e;
		e = NULL;
	}
	pthread_mutex_unlock(&f->lock);
	if (e)
		entry_unref(e);
	if (wake)
		curl_multi_wakeup(f->multi);
}

void fetch_wake(struct fetch *f)
{
	curl_multi_wakeup(f->multi);
}

bool fetch_alive(struct fetch *f, int timeout_ms)
{
	int64_t until_ms = now_ms() + timeout_ms;
	struct timespec until = {
		.tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000L,
	};
	uint64_t question;
	int err = 0;
	bool alive;

	pthread_mutex_lock(&f->lock);
	question = ++f->asked;
	pthread_mutex_unlock(&f->lock);
	curl_multi_wakeup(f->multi);
	pthread_mutex_lock(&f->lock);
	while (f->answered < question && !f->stopping && !err)
		err = pthread_cond_timedwait(&f->went_round, &f->lock, &until);
	alive = f->answered >= question;
	pthread_mutex_unlock(&f->lock);
	return alive;
}

void fetch_stop(struct fetch *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_mutex_unlock(&f->lock);
	curl_multi_wakeup(f->multi);
	pthread_join(f->thread, NULL);
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	host_free_all(f);
	curl_multi_cleanup(f->multi);
	curl_global_cleanup();
	pthread_cond_destroy(&f->went_round);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
