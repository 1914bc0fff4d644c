/* What is asked of the cache besides reading. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "evictor.h"
#include "fetch.h"
#include "save.h"

struct range {
	uint64_t start, end;
	struct cache_watch *watch;
};

static int fetch_range(struct entry *e, void *ctx)
{
	const struct range *r = ctx;

	return order_fetch(e, r->start, r->end, r->watch);
}

static int check(struct entry *e, void *ctx)
{
	return order_check(e, ctx);
}

int cache_fetch_watched(struct cache *c, const char *url, uint64_t start,
			uint64_t end, struct cache_watch *w)
{
	struct range r = { start, end, w };

	if (start >= end)
		return -EINVAL;
	return cache_on_current(c, url, fetch_range, &r);
}

int cache_fetch(struct cache *c, const char *url, uint64_t start, uint64_t end)
{
	return cache_fetch_watched(c, url, start, end, NULL);
}

int cache_fetch_stop(struct cache *c, const char *url)
{
	struct entry *e;
	int err = cache_entry(c, url, &e);

	if (err)
		return err;
	if (order_end_fetch(e, -ECANCELED))
		fetch_kick(c->fetch, e);
	else
		err = -ENOENT;
	entry_unref(e);
	return err;
}

int cache_validate(struct cache *c, const char *url, struct cache_watch *w)
{
	return cache_on_current(c, url, check, w);
}

bool cache_watch_cancel(struct cache_watch *w)
{
	return messenger_cancel(w->messenger, w);
}

void cache_refused(struct entry *e, int error)
{
	count_one(&e->cache->counts.errors);
	if (!order_end_fetch(e, error))
		cache_tell(e, CACHE_EVENT_FAILED, error);
	order_end_check(e, error);
}

/* -EAGAIN: e is current no more; else as cache_pin. */
static int pin(struct entry *e, void *ctx)
{
	bool pinned = *(const bool *)ctx;
	int err = 0;

	pthread_mutex_lock(&e->lock);
	if (cache_is_past_locked(e)) {
		err = -EAGAIN;
	} else if (e->detached || (e->state != ENTRY_KNOWN && !e->heir)) {
		err = -ENOENT;
	} else if (e->rec.pinned != pinned) {
		e->rec.pinned = pinned;
		e->revision++;
		e->dirty = true;
	}
	pthread_mutex_unlock(&e->lock);
	if (!err)
		err = save_now(e->cache->store, e);
	if (!err)	/* what was found pinned may go now */
		evictor_used(e->cache->evictor, e->name);
	return err;
}

int cache_pin(struct cache *c, const char *url, bool pinned)
{
	return c->stopping ? -ESHUTDOWN :
		cache_on_current(c, url, pin, &pinned);
}

int cache_reset(struct cache *c, const char *url, struct cache_watch *w)
{
	bool pinned = false;
	struct entry *e;
	int err = cache_entry(c, url, &e);

	if (err)
		return err;
	pthread_mutex_lock(&e->lock);
	pinned = e->rec.pinned;
	pthread_mutex_unlock(&e->lock);
	entry_unref(e);
	err = cache_drop(c, url);
	if (!err)
		err = cache_entry(c, url, &e);
	if (err)
		return err;
	if (pinned) {
		pthread_mutex_lock(&e->lock);
		e->rec.pinned = true;
		pthread_mutex_unlock(&e->lock);
	}
	err = cache_fetch_watched(c, url, 0, CACHE_SIZE_UNKNOWN, w);
	entry_unref(e);
	return err;
}

/* ---- names ------------------------------------------------------------------ */

static const struct conf_file *section(struct cache *c, const char *name)
{
	const struct conf *conf = cache_conf(c);

	for (size_t i = 0; i < conf->n_files; i++)
		if (!strcmp(conf->files[i].name, name))
			return &conf->files[i];
	return NULL;
}

int cache_name_add(struct cache *c, const char *name, const char *url)
{
	return section(c, name) ? -EEXIST : given_add(&c->given, name, url);
}

int cache_name_move(struct cache *c, const char *from, const char *to)
{
	if (section(c, from))
		return -EPERM;
	return section(c, to) ? -EEXIST : given_move(&c->given, from, to);
}

int cache_name_remove(struct cache *c, const char *name)
{
	return section(c, name) ? -EPERM : given_remove(&c->given, name);
}

int cache_name_url(struct cache *c, const char *name, char **url)
{
	const struct conf_file *f = section(c, name);

	if (!f)
		return given_url(&c->given, name, url);
	*url = strdup(f->url);
	return *url ? 0 : -ENOMEM;
}

struct naming {
	struct cache *cache;
	int (*fn)(void *ctx, const char *name, const char *url);
	void *ctx;
};

static int show_given(void *ctx, const char *name, const char *url)
{
	struct naming *n = ctx;

	return section(n->cache, name) ? 0 : n->fn(n->ctx, name, url);
}

int cache_names(struct cache *c,
		int (*fn)(void *ctx, const char *name, const char *url),
		void *ctx)
{
	const struct conf *conf = cache_conf(c);
	struct naming n = { c, fn, ctx };
	int r = 0;

	for (size_t i = 0; i < conf->n_files && !r; i++)
		r = fn(ctx, conf->files[i].name, conf->files[i].url);
	return r ? r : given_each(&c->given, show_given, &n);
}
