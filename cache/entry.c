#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core.h"
#include "cut.h"
#include "fields.h"
#include "io.h"
#include "latest.h"

enum waiter_state { WAITER_NEW, WAITER_PUBLISHED, WAITER_SETTLED,
		    WAITER_CANCELLED };

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct entry *entry_new(struct cache *c, struct url *url, char *name)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e) {
		url_free(url);
		free(name);
		return NULL;
	}
	e->cache = c;
	e->url = url;
	e->name = name;
	url_redact(url->sent, e->label, sizeof(e->label));
	e->refs = 1;
	e->fd = e->cut_fd = -1;
	e->claim = (struct claim){ .entry = e, .priority = CLAIM_NONE };
	e->rec.version.size = REPLY_SIZE_UNKNOWN;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->save_lock, NULL);
	return e;
}

struct entry *entry_like(struct entry *old)
{
	struct url *u = NULL;
	char *name = strdup(old->name);
	struct entry *e;

	if (!name || url_parse(old->url->sent, &u)) {
		free(name);
		return NULL;
	}
	e = entry_new(old->cache, u, name);
	if (e) {
		e->forward = entry_forward(old);
		latest_copy(e, old);
	}
	return e;
}

void entry_destroy(struct entry *e)
{
	if (e->fd >= 0)
		close(e->fd);
	if (e->cut_fd >= 0)
		close(e->cut_fd);
	memory_free(e->memory);
	store_record_fini(&e->rec);
	url_free(e->url);
	url_free(e->target);
	free(e->name);
	free(e->latest);
	free(e->forward);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->save_lock);
	free(e);
}

/* Settling.
 *
 * A waiter leaves the entry's list under the lock and its ready() runs after
 * the lock is gone; whoever unlinked it owns it from then on. */

struct settled {
	struct cache_waiter *head, *tail;
};

static void waiter_unlink_locked(struct entry *e, struct cache_waiter *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		e->waiters = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		e->last_waiter = w->prev;
	if (w->min)
		wait_remove(&e->waits, w);
	e->n_waiters--;
	e->cache->counts.waiting--;
}

static void waiter_settle_locked(struct entry *e, struct cache_waiter *w,
				 int status, struct settled *out)
{
	waiter_unlink_locked(e, w);
	atomic_store(&w->state, WAITER_SETTLED);
	w->status = status;
	w->next = NULL;
	if (out->tail)
		out->tail->next = w;
	else
		out->head = w;
	out->tail = w;
}

static void settled_run(const struct settled *s)
{
	struct cache_waiter *w, *next;

	for (w = s->head; w; w = next) {
		next = w->next;
		w->ready(w, w->status);
	}
}

/* True when the bytes a waiter wants, as far as the file has them, are here. */
static bool waiter_has_bytes_locked(const struct entry *e,
				    const struct cache_waiter *w)
{
	uint64_t size = e->rec.version.size;
	uint64_t end = w->off + w->min;

	if (w->off >= size)
		return true;
	if (end > size)
		end = size;
	return extent_contains(&e->rec.present, w->off, end);
}

/* The first byte that w waits for and that is not here. */
static uint64_t waiter_missing_locked(const struct entry *e,
				      const struct cache_waiter *w)
{
	return w->off + extent_run(&e->rec.present, w->off);
}

/* [start, end) has come: whom it was all for is settled, the others wait for
 * their next byte. */
static void settle_arrived_locked(struct entry *e, uint64_t start,
				  uint64_t end, struct settled *out)
{
	struct cache_waiter *w;

	while ((w = wait_first(&e->waits, start, end))) {
		if (waiter_has_bytes_locked(e, w)) {
			waiter_settle_locked(e, w, 0, out);
			continue;
		}
		wait_remove(&e->waits, w);
		wait_add(&e->waits, w, waiter_missing_locked(e, w));
	}
}

/* Where the file ends has become known. */
static void settle_past_end_locked(struct entry *e, struct settled *out)
{
	struct cache_waiter *w, *next;

	for (w = e->waiters; w; w = next) {
		next = w->next;
		if (w->min && waiter_has_bytes_locked(e, w))
			waiter_settle_locked(e, w, 0, out);
	}
}

static void settle_facts_locked(struct entry *e, int status,
				struct settled *out)
{
	struct cache_waiter *w, *next;

	for (w = e->waiters; w; w = next) {
		next = w->next;
		if (w->min == 0)
			waiter_settle_locked(e, w, status, out);
	}
}

/* What changes an entry. */

static uint64_t random_generation(void)
{
	uint64_t g = 0;

	while (g == 0)
		if (getrandom(&g, sizeof(g), 0) != sizeof(g))
			g = (uint64_t)now_ms() << 20 | (uint64_t)getpid();
	return g;
}

static void complete_locked(struct entry *e)
{
	if (store_record_complete(&e->rec) && !memory_total(e->memory))
		atomic_store_explicit(&e->complete, true,
				      memory_order_release);
}

int entry_publish(struct entry *e, uint64_t start, uint64_t end, uint64_t until)
{
	struct settled s = { 0 };
	int err;

	pthread_mutex_lock(&e->lock);
	err = extent_add(&e->rec.present, start, end);
	if (!err) {
		e->came += end - start;
		if (e->length < end)
			e->length = end;
		e->dirty = true;
		e->soon.start = end;
		e->soon.end = until - end < ENTRY_SOON ? until :
							 end + ENTRY_SOON;
		atomic_store(&e->held, false);
		complete_locked(e);
		settle_arrived_locked(e, start, end, &s);
	}
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
	return err;
}

int entry_keep_in_memory(struct entry *e, const void *data, size_t len,
			 uint64_t off)
{
	struct settled s = { 0 };
	struct memory *fresh = e->memory ? NULL : memory_new();
	int err = 0;

	pthread_mutex_lock(&e->lock);
	if (!e->memory)
		e->memory = fresh;
	if (!e->memory)
		err = -ENOMEM;
	if (!err)
		err = memory_put(e->memory, data, len, off, &e->rec.present);
	if (!err)
		err = extent_add(&e->rec.present, off, off + len);
	if (!err)
		settle_arrived_locked(e, off, off + len, &s);
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
	return err;
}

int entry_adopt(struct entry *e, const struct entry_facts *facts, int fd)
{
	struct settled s = { 0 };
	struct reply_version version = { 0 };
	char *type = NULL, *fields = NULL, *url = NULL, *key = NULL;
	char *base = NULL;
	bool pinned;

	if (reply_version_copy(&version, facts->version))
		return -ENOMEM;
	url = strdup(e->url->sent);
	key = strdup(e->url->key);
	if (facts->content_type)
		type = strdup(facts->content_type);
	if (facts->base)
		base = strdup(facts->base);
	if (facts->fields)
		fields = strdup(facts->fields);
	if (!url || !key || (facts->content_type && !type) ||
	    (facts->base && !base) ||
	    (facts->fields && !fields)) {
		reply_version_fini(&version);
		free(url);
		free(key);
		free(type);
		free(base);
		free(fields);
		return -ENOMEM;
	}

	pthread_mutex_lock(&e->lock);
	pinned = e->rec.pinned;		/* it is the URL that was pinned */
	store_record_fini(&e->rec);
	e->rec.pinned = pinned;
	e->rec.kind = STORE_FILE;
	e->rec.url = url;
	e->rec.key = key;
	e->rec.generation = random_generation();
	e->rec.version = version;
	e->rec.content_type = type;
	e->rec.base = base;
	e->rec.fields = fields;
	e->rec.ranges = facts->ranges == PLAN_RANGES_YES;
	e->rec.fresh_until = facts->fresh_until;
	e->rec.generated = facts->generated;
	e->rec.created = e->rec.validated = facts->now;
	e->unconfirmed = 0;
	e->checks++;
	e->revision++;
	e->ranges = facts->ranges;
	e->fd = fd;
	cut_begin_locked(e);
	e->error = 0;
	e->checked_ms = now_ms();
	e->state = ENTRY_KNOWN;
	e->young = !e->detached;
	e->dirty = true;
	complete_locked(e);
	settle_facts_locked(e, 0, &s);
	settle_past_end_locked(e, &s);
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
	return 0;
}

void entry_renew(struct entry *e, int fd, struct extent_set *present)
{
	struct extent_set gone;
	struct settled s = { 0 };
	struct cache_waiter *w;

	pthread_mutex_lock(&e->lock);
	e->cut_fd = e->fd;	/* somebody may be reading it */
	e->fd = fd;
	gone = e->rec.present;
	e->rec.present = *present;
	cut_begin_locked(e);
	e->cut = false;
	e->dirty = true;
	/* While it was cut nobody was given what is in memory, nor put where
	 * what is missing now finds them. */
	settle_past_end_locked(e, &s);
	for (w = e->waiters; w; w = w->next) {
		if (!w->min)
			continue;
		wait_remove(&e->waits, w);
		wait_add(&e->waits, w, waiter_missing_locked(e, w));
	}
	pthread_mutex_unlock(&e->lock);
	extent_fini(&gone);
	*present = (struct extent_set){ 0 };
	settled_run(&s);
}

/* The origin has been asked, whatever it said. */
static void checked_locked(struct entry *e, int unconfirmed,
			   struct settled *out)
{
	e->checked_ms = now_ms();
	e->error = 0;
	e->unconfirmed = unconfirmed;
	e->checks++;
	e->revision++;
	settle_facts_locked(e, 0, out);
}

void entry_confirm(struct entry *e, time_t fresh_until, time_t generated,
		   const char *fields)
{
	struct settled s = { 0 };
	char *all;

	pthread_mutex_lock(&e->lock);
	e->rec.fresh_until = fresh_until;
	e->rec.generated = generated;
	e->rec.validated = time(NULL);
	/* Without memory the old ones have to do. */
	if (fields && fields_update(e->rec.fields, fields, &all) == 0) {
		free(e->rec.fields);
		e->rec.fields = all;
	}
	e->dirty = true;
	checked_locked(e, 0, &s);
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
}

void entry_unconfirmed(struct entry *e, int error)
{
	struct settled s = { 0 };

	pthread_mutex_lock(&e->lock);
	if (entry_is_strict(e))
		settle_facts_locked(e, error, &s);
	else
		checked_locked(e, error, &s);
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
}

int entry_set_size(struct entry *e, uint64_t size)
{
	const struct extent_set *p = &e->rec.present;
	struct settled s = { 0 };

	if (p->n && p->v[p->n - 1].end > size)
		return -ESTALE;
	pthread_mutex_lock(&e->lock);
	e->rec.version.size = size;
	e->dirty = true;
	complete_locked(e);
	settle_past_end_locked(e, &s);
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
	return 0;
}

void entry_set_ranges(struct entry *e, enum plan_ranges ranges)
{
	pthread_mutex_lock(&e->lock);
	e->ranges = ranges;
	e->rec.ranges = ranges == PLAN_RANGES_YES;
	pthread_mutex_unlock(&e->lock);
}

void entry_set_directory(struct entry *e)
{
	struct settled s = { 0 };
	char *url = strdup(e->url->sent), *key = strdup(e->url->key);

	pthread_mutex_lock(&e->lock);
	store_record_fini(&e->rec);
	e->rec.kind = STORE_DIRECTORY;
	e->rec.url = url;
	e->rec.key = key;
	e->rec.generation = random_generation();
	e->rec.version.size = REPLY_SIZE_UNKNOWN;
	e->rec.created = e->rec.validated = time(NULL);
	e->state = ENTRY_DIRECTORY;
	e->young = true;
	e->dirty = url && key;
	while (e->waiters)
		waiter_settle_locked(e, e->waiters, 0, &s);
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
}

void entry_refuse(struct entry *e, int error)
{
	pthread_mutex_lock(&e->lock);
	e->error = error;
	e->error_until_ms = now_ms() + ENTRY_REFUSAL_MS;
	pthread_mutex_unlock(&e->lock);
	entry_settle_all(e, error);
	cache_refused(e, error);
}

void entry_settle_all(struct entry *e, int error)
{
	entry_expire(e, INT64_MAX, error);
}

int64_t entry_expire(struct entry *e, int64_t now, int error)
{
	struct settled s = { 0 };
	int64_t next = INT64_MAX;

	pthread_mutex_lock(&e->lock);
	while (e->waiters && e->waiters->deadline_ms <= now)
		waiter_settle_locked(e, e->waiters, error, &s);
	if (e->waiters)
		next = e->waiters->deadline_ms;
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
	return next;
}

void entry_supersede(struct entry *e)
{
	struct settled s = { 0 };

	pthread_mutex_lock(&e->lock);
	e->superseded = true;
	while (e->waiters)
		waiter_settle_locked(e, e->waiters,
				     e->waiters->min ? -ESTALE : 0, &s);
	pthread_mutex_unlock(&e->lock);
	settled_run(&s);
}

/* What looks at one. */

int entry_copy_locked(const struct entry *e, void *buf, size_t len,
		      uint64_t off)
{
	char *p = buf;
	uint64_t n;
	int err = 0;

	for (; len && !err; p += n, off += n, len -= n) {
		n = memory_run(e->memory, off);
		if (n) {
			n = n < len ? n : len;
			err = memory_get(e->memory, p, n, off);
		} else {
			n = memory_next(e->memory, off) - off;
			n = n < len ? n : len;
			err = io_read(e->fd, p, n, off);
		}
	}
	return err;
}

int entry_refusal_locked(struct entry *e)
{
	if (e->error && now_ms() >= e->error_until_ms)
		e->error = 0;
	return e->error;
}

/* Waiters. */

void cache_waiter_init(struct cache_waiter *w, struct cache_file *f,
		       uint64_t off, size_t min,
		       void (*ready)(struct cache_waiter *w, int status))
{
	*w = (struct cache_waiter){
		.file = f, .off = off, .min = min, .ready = ready,
	};
	if (w->min > UINT64_MAX - off)
		w->min = UINT64_MAX - off;
	atomic_init(&w->state, WAITER_NEW);
}

bool entry_park_locked(struct entry *e, struct cache_waiter *w)
{
	struct cache_waiter *before = e->last_waiter;
	int expected = WAITER_NEW;

	w->entry = e;
	if (!atomic_compare_exchange_strong(&w->state, &expected,
					    WAITER_PUBLISHED))
		return false;
	while (before && before->deadline_ms > w->deadline_ms)
		before = before->prev;
	w->prev = before;
	w->next = before ? before->next : e->waiters;
	if (w->prev)
		w->prev->next = w;
	else
		e->waiters = w;
	if (w->next)
		w->next->prev = w;
	else
		e->last_waiter = w;
	if (w->min)
		wait_add(&e->waits, w, waiter_missing_locked(e, w));
	e->n_waiters++;
	count_one(&e->cache->counts.waiting);
	return true;
}

bool cache_cancel(struct cache_waiter *w)
{
	int state = WAITER_NEW;
	bool taken = false;

	if (atomic_compare_exchange_strong(&w->state, &state,
					   WAITER_CANCELLED))
		return true;
	if (state != WAITER_PUBLISHED)
		return false;
	pthread_mutex_lock(&w->entry->lock);
	if (atomic_load(&w->state) == WAITER_PUBLISHED) {
		waiter_unlink_locked(w->entry, w);
		atomic_store(&w->state, WAITER_CANCELLED);
		taken = true;
	}
	pthread_mutex_unlock(&w->entry->lock);
	return taken;
}
