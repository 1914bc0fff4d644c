#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core.h"
#include "evictor.h"
#include "cut.h"
#include "fetch.h"
#include "hash.h"
#include "latest.h"
#include "log.h"
#include "save.h"

/* The table. */

static struct entry **bucket_locked(struct cache *c, const char *key)
{
	return &c->table[hash_text(key) % CACHE_TABLE_SIZE];
}

static void table_insert_locked(struct cache *c, struct entry *e)
{
	struct entry **b = bucket_locked(c, e->url->key);

	e->table_next = *b;
	*b = e;
	e->in_table = true;
}

static void table_remove_locked(struct cache *c, struct entry *e)
{
	struct entry **p;

	if (!e->in_table)
		return;
	for (p = bucket_locked(c, e->url->key); *p != e; p = &(*p)->table_next)
		;
	*p = e->table_next;
	e->in_table = false;
}

static void all_insert_locked(struct cache *c, struct entry *e)
{
	e->all_prev = NULL;
	e->all_next = c->all;
	if (c->all)
		c->all->all_prev = e;
	c->all = e;
	c->n_all++;
}

static void all_remove_locked(struct cache *c, struct entry *e)
{
	if (e->all_prev)
		e->all_prev->all_next = e->all_next;
	else
		c->all = e->all_next;
	if (e->all_next)
		e->all_next->all_prev = e->all_prev;
	c->n_all--;
}

void entry_ref(struct entry *e)
{
	pthread_mutex_lock(&e->cache->lock);
	e->refs++;
	pthread_mutex_unlock(&e->cache->lock);
}

void entry_unref(struct entry *e)
{
	struct cache *c = e->cache;
	bool last;

	pthread_mutex_lock(&c->lock);
	last = --e->refs == 0;
	if (last) {
		table_remove_locked(c, e);
		all_remove_locked(c, e);
	}
	pthread_mutex_unlock(&c->lock);
	if (!last)
		return;
	if (e->opened)
		evictor_used(c->evictor, e->name);
	entry_destroy(e);
}

/* What the store remembers of a new entry. */
static void entry_load_locked(struct cache *c, struct entry *e)
{
	struct store_record rec = { 0 };
	int err, fd = -1;

	err = store_load(c->store, e->name, e->url->key, &rec);
	if (!err && rec.kind == STORE_FILE) {
		fd = store_data(c->store, e->name, store_record_complete(&rec));
		if (fd < 0)
			err = fd;
	}
	if (err) {
		store_record_fini(&rec);
		if (err == -ENOENT)
			return;
		e->detached = true;
		log_warn(LOG_STORE, "%s: its place in the cache can't be used: "
			 "%s", e->label, strerror(-err));
		return;
	}
	/* What nothing identifies can't be continued. */
	if (!rec.version.etag && !rec.version.last_modified &&
	    !store_record_complete(&rec))
		rec.fresh_until = rec.validated = 0;
	store_record_fini(&e->rec);
	e->rec = rec;
	e->fd = fd;
	e->ranges = rec.ranges ? PLAN_RANGES_YES : PLAN_RANGES_UNKNOWN;
	e->state = rec.kind == STORE_FILE ? ENTRY_KNOWN : ENTRY_DIRECTORY;
	e->complete = rec.kind == STORE_FILE && store_record_complete(&rec);
	e->told = e->final = e->complete;
	if (fd >= 0)
		cut_begin_locked(e);
}

static struct entry *find_locked(struct cache *c, const char *key)
{
	struct entry *e = *bucket_locked(c, key);

	while (e && strcmp(e->url->key, key) != 0)
		e = e->table_next;
	return e;
}

/* Put a new entry into the table: NULL, or the one that is there, with a
 * reference. Others find it at once: they wait for its lock, which the caller
 * has. */
static struct entry *claim(struct cache *c, struct entry *fresh)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find_locked(c, fresh->url->key);
	if (e) {
		e->refs++;
	} else {
		table_insert_locked(c, fresh);
		all_insert_locked(c, fresh);
	}
	pthread_mutex_unlock(&c->lock);
	return e;
}

/* The current entry of a URL, with a reference. Takes u. */
static int entry_get(struct cache *c, struct url *u, struct entry **out)
{
	struct entry *e;
	char *name;
	int err;

	pthread_mutex_lock(&c->lock);
	e = find_locked(c, u->key);
	if (e)
		e->refs++;
	pthread_mutex_unlock(&c->lock);
	if (e)
		goto found;

	err = url_name(u, &name);
	if (err) {
		url_free(u);
		return err;
	}
	struct entry *fresh = entry_new(c, u, name);
	if (!fresh)
		return -ENOMEM;
	u = NULL;
	pthread_mutex_lock(&fresh->lock);
	e = claim(c, fresh);
	if (e) {
		pthread_mutex_unlock(&fresh->lock);
		entry_destroy(fresh);
	} else {
		entry_load_locked(c, fresh);
		pthread_mutex_unlock(&fresh->lock);
		e = fresh;
	}
found:
	url_free(u);
	*out = e;
	return 0;
}

int cache_entry(struct cache *c, const char *text, struct entry **out)
{
	struct url *u;
	char *full;
	int err = latest_parse(c, text, &u, &full);

	if (err)
		return err;
	err = entry_get(c, u, out);
	if (err)
		free(full);
	else
		latest_set(*out, full);
	return err;
}

int cache_entry_again(struct entry *e, struct entry **out)
{
	struct entry *current;
	int err;

	pthread_mutex_lock(&e->cache->lock);
	current = e->in_table ? e : find_locked(e->cache, e->url->key);
	if (current)
		current->refs++;
	pthread_mutex_unlock(&e->cache->lock);
	if (!current) {
		err = cache_entry(e->cache, e->url->sent, out);
		if (!err)
			latest_copy(*out, e);
		return err;
	}
	*out = current;
	return 0;
}

bool cache_is_past_locked(const struct entry *e)
{
	bool in_table;

	if (!e->detached)
		return e->superseded;
	pthread_mutex_lock(&e->cache->lock);
	in_table = e->in_table;
	pthread_mutex_unlock(&e->cache->lock);
	return !in_table;
}

int cache_on_current(struct cache *c, const char *url,
		     int (*fn)(struct entry *e, void *ctx), void *ctx)
{
	struct entry *e, *next;
	int err = cache_entry(c, url, &e);

	while (!err) {
		err = fn(e, ctx);
		if (err != -EAGAIN) {
			entry_unref(e);
			return err;
		}
		err = cache_entry_again(e, &next);
		entry_unref(e);
		e = next;
	}
	return err;
}

int cache_evict(struct cache *c, const char *url, const char *name)
{
	struct entry *e, *other;
	struct url *u;
	char *own;
	int err = url_parse(url, &u);

	if (err)
		return err;
	err = url_name(u, &own);
	if (err) {
		url_free(u);
		return err;
	}
	e = entry_new(c, u, own);
	if (!e)
		return -ENOMEM;
	if (strcmp(e->name, name) != 0) {
		entry_destroy(e);
		return -EEXIST;
	}
	pthread_mutex_lock(&e->save_lock);
	pthread_mutex_lock(&e->lock);
	other = claim(c, e);
	if (!other) {
		err = store_drop(c->store, name);
		/* What is left, for those who have come for it meanwhile. */
		entry_load_locked(c, e);
	}
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_unlock(&e->save_lock);
	if (!other) {
		if (!err) {
			count_one(&c->counts.evicted);
			cache_tell(e, CACHE_EVENT_EVICTED, 0);
		}
		entry_unref(e);
		return err;
	}
	entry_destroy(e);
	entry_unref(other);
	return -EBUSY;
}

void cache_stored(struct entry *e, int err)
{
	if (!err)
		evictor_used(e->cache->evictor, e->name);
	else if (err == -ENOSPC || err == -EDQUOT)
		evictor_urge(e->cache->evictor);
}

int cache_create_data(struct cache *c, struct entry *e, int *fd)
{
	bool detached;
	int new = -1;

	pthread_mutex_lock(&e->save_lock);
	pthread_mutex_lock(&e->lock);
	detached = e->detached;
	pthread_mutex_unlock(&e->lock);
	if (!detached)
		new = store_create(c->store, e->name);
	if (new < 0) {
		if (!detached) {
			log_warn(LOG_STORE, "%s: not kept: %s", e->label,
				 strerror(-new));
			cache_stored(e, new);
		}
		new = store_scratch(c->store);
		if (new < 0) {
			new = memfd_create("spoolfs", MFD_CLOEXEC);
			if (new < 0)
				new = -errno;
			e->disk_retry_ms = INT64_MAX;
		}
		pthread_mutex_lock(&e->lock);
		e->detached = true;
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_unlock(&e->save_lock);
	if (new < 0)
		return new;
	*fd = new;
	return 0;
}

/* Take away what the store has of e. With e's save lock. */
static void unstore(struct cache *c, struct entry *e)
{
	int err = store_drop(c->store, e->name);

	if (err)
		log_warn(LOG_STORE, "%s: not removed: %s", e->label,
			 strerror(-err));
	cache_stored(e, 0);
}

/* Whether what the store has under e's name is e's. Likewise. */
static bool is_stored(struct cache *c, struct entry *e)
{
	bool current, detached;

	pthread_mutex_lock(&c->lock);
	current = e->in_table;
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_lock(&e->lock);
	detached = e->detached;
	pthread_mutex_unlock(&e->lock);
	return current && !detached;
}

struct entry *cache_supersede(struct cache *c, struct entry *old, bool forget)
{
	struct entry *e = entry_like(old);
	bool pinned;

	if (!e)
		return NULL;
	pthread_mutex_lock(&old->save_lock);
	if (forget && is_stored(c, old))
		unstore(c, old);
	pthread_mutex_lock(&c->lock);
	if (old->in_table) {
		table_remove_locked(c, old);
		table_insert_locked(c, e);
	} else {
		e->detached = true;
	}
	all_insert_locked(c, e);
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_lock(&old->lock);
	old->detached = true;
	pinned = old->rec.pinned;
	pthread_mutex_unlock(&old->lock);
	pthread_mutex_lock(&e->lock);
	e->rec.pinned = pinned;
	e->heir = !forget;
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_unlock(&old->save_lock);
	count_one(&c->counts.superseded);
	cache_tell(old, CACHE_EVENT_SUPERSEDED, 0);
	entry_supersede(old);
	order_move(old, e);
	return e;
}

/* Life. */

int cache_start(const struct conf *conf, struct cache **out)
{
	struct cache *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	live_init(&c->live, conf);
	pthread_mutex_init(&c->lock, NULL);
	orders_init(&c->orders);
	recent_init(&c->recent);
	err = store_open(conf->cache_dir, &c->store);
	given_init(&c->given, conf->cache_dir);
	if (!err)
		err = messenger_start(&c->messenger);
	if (!err)
		err = saver_start(c->store, &c->saver);
	if (!err)
		err = evictor_start(c, &c->evictor);
	if (!err)
		err = fetch_start(&c->live, c->saver, &c->fetch);
	if (!err) {
		err = hooks_start(c, &c->hooks);
		if (err)
			fetch_stop(c->fetch);
	}
	if (err) {
		fetch_free(c->fetch);
		evictor_free(c->evictor);
		saver_stop(c->saver);
		messenger_free(c->messenger);
		store_close(c->store);
		recent_fini(&c->recent);
		orders_fini(&c->orders);
		given_fini(&c->given);
		live_fini(&c->live);
		pthread_mutex_destroy(&c->lock);
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

/* The entry behind e, whose reference is given back for it; NULL: the first. */
static struct entry *next_entry(struct cache *c, struct entry *e)
{
	struct entry *next;

	pthread_mutex_lock(&c->lock);
	next = e ? e->all_next : c->all;
	if (next)
		next->refs++;
	pthread_mutex_unlock(&c->lock);
	if (e)
		entry_unref(e);
	return next;
}

void cache_stop(struct cache *c)
{
	struct entry *e = NULL;

	if (atomic_exchange(&c->stopping, true))
		return;
	evictor_stop(c->evictor);
	fetch_stop(c->fetch);
	while ((e = next_entry(c, e))) {
		entry_settle_all(e, -ESHUTDOWN);
		order_end_fetch(e, -ESHUTDOWN);
		order_end_check(e, -ESHUTDOWN);
	}
	saver_stop(c->saver);
	c->saver = NULL;
	hooks_stop(c->hooks);
	messenger_stop(c->messenger);
}

bool cache_alive(struct cache *c, int timeout_ms)
{
	return fetch_alive(c->fetch, timeout_ms);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	cache_stop(c);
	hooks_free(c->hooks);
	fetch_free(c->fetch);
	evictor_free(c->evictor);
	messenger_free(c->messenger);
	store_close(c->store);
	recent_fini(&c->recent);
	orders_fini(&c->orders);
	given_fini(&c->given);
	live_fini(&c->live);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* From now on this generation has no place in table and store. Under its
 * save_lock. */
static void leave(struct cache *c, struct entry *e)
{
	pthread_mutex_lock(&c->lock);
	table_remove_locked(c, e);
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_lock(&e->lock);
	e->detached = true;
	pthread_mutex_unlock(&e->lock);
}

/* Behind that, with no lock held: for those who have an interest in it. */
static void left(struct entry *e)
{
	if (e->state != ENTRY_NEW)
		cache_tell(e, CACHE_EVENT_DROPPED, 0);
	order_end_fetch(e, -ECANCELED);
	order_end_check(e, -ECANCELED);
	fetch_kick(e->cache->fetch, e);
}

bool cache_forget(struct cache *c, struct entry *e)
{
	bool mine;

	pthread_mutex_lock(&e->save_lock);
	pthread_mutex_lock(&c->lock);
	mine = e->in_table;
	pthread_mutex_unlock(&c->lock);
	if (mine) {
		unstore(c, e);
		leave(c, e);
	}
	pthread_mutex_unlock(&e->save_lock);
	if (mine)
		left(e);
	return mine;
}

/* -EAGAIN: e is current no more; else as cache_drop. */
static int drop(struct entry *e, void *ctx)
{
	struct cache *c = ctx;
	bool current;
	int err = -EAGAIN;

	pthread_mutex_lock(&e->save_lock);
	pthread_mutex_lock(&c->lock);
	current = e->in_table;
	pthread_mutex_unlock(&c->lock);
	if (current)
		err = store_drop(c->store, e->name);
	if (!err)
		leave(c, e);
	if (current)
		cache_stored(e, err);
	pthread_mutex_unlock(&e->save_lock);
	if (!err)
		left(e);
	return err;
}

int cache_drop(struct cache *c, const char *url)
{
	return cache_on_current(c, url, drop, c);
}

void cache_announce(struct cache *c, const char *key, const char *value)
{
	int err = store_announce(c->store, key, value);

	if (err)
		log_warn(LOG_STORE, "lock file: %s", strerror(-err));
}

int cache_statvfs(struct cache *c, struct statvfs *out)
{
	return store_statvfs(c->store, out);
}
