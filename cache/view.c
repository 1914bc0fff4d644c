/* What there is to see of the cache. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "evictor.h"

int cache_peek(struct cache *c, const char *url, struct cache_info *out)
{
	struct entry *e;
	int err = cache_entry(c, url, &e);

	if (err)
		return err;
	pthread_mutex_lock(&e->lock);
	err = e->state == ENTRY_NEW ? -ENOENT : entry_info_locked(e, out);
	pthread_mutex_unlock(&e->lock);
	entry_unref(e);
	return err;
}

static int present_text(const struct extent_set *present, char **text)
{
	char *s = NULL;
	size_t len, i;
	FILE *out = open_memstream(&s, &len);

	if (!out)
		return -ENOMEM;
	for (i = 0; i < present->n; i++)
		fprintf(out, "%s%" PRIu64 "-%" PRIu64, i ? " " : "",
			present->v[i].start, present->v[i].end - 1);
	if (fclose(out)) {
		free(s);
		return -ENOMEM;
	}
	*text = s;
	return 0;
}

int cache_ranges(struct cache *c, const char *url, char **text)
{
	struct extent_set present = { 0 };
	struct entry *e;
	int err = cache_entry(c, url, &e);

	if (err)
		return err;
	pthread_mutex_lock(&e->lock);
	err = e->state == ENTRY_KNOWN ? 0 : -ENOENT;
	if (!err)
		err = extent_copy(&present, &e->rec.present);
	if (!err)
		err = memory_subtract(e->memory, &present);
	pthread_mutex_unlock(&e->lock);
	entry_unref(e);
	if (!err)
		err = present_text(&present, text);
	extent_fini(&present);
	return err;
}


/* ---- one -------------------------------------------------------------------- */

void cache_view_fini(struct cache_view *v)
{
	cache_info_fini(&v->info);
	extent_fini(&v->present);
	*v = (struct cache_view){ 0 };
}

static unsigned count_files_locked(const struct entry *e)
{
	const struct cache_file *f;
	unsigned n = 0;

	for (f = e->files; f; f = f->next)
		n++;
	return n;
}

/* 1: there is nothing to see; 0; -ENOMEM. */
static int view_entry(struct entry *e, struct cache_view *out)
{
	struct cache_view v = { .loaded = true };
	int err = 0;

	pthread_mutex_lock(&e->lock);
	v.fetching = e->order;
	v.queued = order_queued_locked(e);
	v.validating = e->check;
	v.readers = count_files_locked(e);
	v.waiting = e->n_waiters;
	v.connections = e->connections;
	v.rate = e->rate;
	v.error = entry_refusal_locked(e);
	if (!v.error)
		v.error = e->trouble;
	if (e->state == ENTRY_NEW && !v.fetching && !v.waiting && !v.connections)
		err = 1;
	if (!err)
		err = entry_info_locked(e, &v.info);
	if (!err)
		err = extent_copy(&v.present, &e->rec.present);
	if (!err)
		err = memory_subtract(e->memory, &v.present);
	pthread_mutex_unlock(&e->lock);
	if (err)
		cache_view_fini(&v);
	else
		*out = v;
	return err;
}

int cache_view(struct cache *c, const char *url, struct cache_view *out)
{
	struct entry *e;
	int err = cache_entry(c, url, &e);

	if (err)
		return err;
	err = view_entry(e, out);
	entry_unref(e);
	return err == 1 ? -ENOENT : err;
}

int cache_path(struct cache *c, const char *url, char **path)
{
	static const char gone[] = " (deleted)";
	char link[64], text[PATH_MAX];
	struct entry *e;
	ssize_t n = -1;
	int err = cache_entry(c, url, &e);

	if (err)
		return err;
	pthread_mutex_lock(&e->lock);
	if (e->fd >= 0 && !e->detached) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", e->fd);
		n = readlink(link, text, sizeof(text) - 1);
	}
	pthread_mutex_unlock(&e->lock);
	entry_unref(e);
	if (n <= 0)
		return -ENOENT;
	text[n] = '\0';
	if (n > (ssize_t)strlen(gone) &&
	    strcmp(text + n - strlen(gone), gone) == 0)
		return -ENOENT;
	*path = strdup(text);
	return *path ? 0 : -ENOMEM;
}

int cache_url_of_name(struct cache *c, const char *name, char **url)
{
	struct store_record rec;
	int err = store_peek(c->store, name, &rec);

	if (err)
		return -ENOENT;
	*url = rec.url;
	rec.url = NULL;
	store_record_fini(&rec);
	return 0;
}

/* ---- all -------------------------------------------------------------------- */

struct looking {
	struct cache *cache;
	int (*fn)(void *ctx, const struct cache_view *v);
	void *ctx;
	char **seen;		/* names of entries in use; sorted for the
				   look into the store */
	size_t n, room;
};

static int remember(struct looking *l, const char *name)
{
	size_t room = l->room ? 2 * l->room : 64;
	char **more;

	if (l->n == l->room) {
		more = reallocarray(l->seen, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->seen = more;
		l->room = room;
	}
	l->seen[l->n] = strdup(name);
	return l->seen[l->n] ? (l->n++, 0) : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_seen(const struct looking *l, const char *name)
{
	return l->n && bsearch(&name, l->seen, l->n, sizeof(*l->seen), by_name);
}

static int show(struct looking *l, struct cache_view *v)
{
	int r = v->info.directory ? 0 : l->fn(l->ctx, v);

	cache_view_fini(v);
	return r;
}

/* The entries in some buckets of the table, with references. Returns how many,
 * or -ENOMEM. */
static ssize_t grab(struct cache *c, size_t from, size_t to,
		    struct entry ***out)
{
	struct entry *e, **v;
	size_t i, n = 0;

	pthread_mutex_lock(&c->lock);
	for (i = from; i < to; i++)
		for (e = c->table[i]; e; e = e->table_next)
			n++;
	v = n ? calloc(n, sizeof(*v)) : NULL;
	n = 0;
	for (i = from; v && i < to; i++)
		for (e = c->table[i]; e; e = e->table_next) {
			e->refs++;
			v[n++] = e;
		}
	pthread_mutex_unlock(&c->lock);
	*out = v;
	return (ssize_t)n;
}

static int look_at_entry(struct looking *l, struct entry *e)
{
	struct cache_view v;
	int err = remember(l, e->name);

	if (!err)
		err = view_entry(e, &v);
	if (err)
		return err == 1 ? 0 : err;
	return show(l, &v);
}

/* In pieces, so that nobody waits long for the table. */
#define BUCKETS_AT_ONCE 64

static int look_at_entries(struct looking *l)
{
	struct entry **v;
	ssize_t i, n;
	int r = 0;

	for (size_t b = 0; b < CACHE_TABLE_SIZE && !r; b += BUCKETS_AT_ONCE) {
		n = grab(l->cache, b, b + BUCKETS_AT_ONCE, &v);
		for (i = 0; i < n; i++) {
			if (!r)
				r = look_at_entry(l, v[i]);
			entry_unref(v[i]);
		}
		free(v);
	}
	return r;
}

static int look_at_record(void *ctx, const char *name, uint64_t bytes,
			  time_t used)
{
	struct looking *l = ctx;
	struct store_record rec;
	struct cache_view v = { .used = used };
	int err;

	(void)bytes;
	if (is_seen(l, name) || store_peek(l->cache->store, name, &rec) < 0)
		return 0;
	err = record_info(&rec, rec.url, &v.info);
	v.present = rec.present;
	rec.present = (struct extent_set){ 0 };
	store_record_fini(&rec);
	if (err) {
		cache_view_fini(&v);
		return err;
	}
	return show(l, &v);
}

int cache_each(struct cache *c, bool loaded,
	       int (*fn)(void *ctx, const struct cache_view *v), void *ctx)
{
	struct looking l = { .cache = c, .fn = fn, .ctx = ctx };
	int r = look_at_entries(&l);

	if (!r && !loaded) {
		if (l.n)
			qsort(l.seen, l.n, sizeof(*l.seen), by_name);
		r = store_scan(c->store, look_at_record, &l);
	}
	while (l.n)
		free(l.seen[--l.n]);
	free(l.seen);
	return r;
}

/* ---- sums ------------------------------------------------------------------- */

void cache_totals(struct cache *c, struct cache_totals *out)
{
	const struct counts *n = &c->counts;
	struct cache_totals t = {
		.waits = n->waits,
		.bytes_fetched = n->fetched,
		.requests = n->requests,
		.retries = n->retries,
		.errors = n->errors,
		.completed = n->completed,
		.superseded = n->superseded,
		.evicted = n->evicted,
		.transfers = (unsigned)n->transfers,
		.waiting = (unsigned)n->waiting,
		.fetching = (unsigned)orders_total(&c->orders),
	};

	count_reads(&c->counts, &t.reads, &t.bytes_read);
	pthread_mutex_lock(&c->lock);
	t.entries = c->n_all;
	pthread_mutex_unlock(&c->lock);
	t.counted = evictor_totals(c->evictor, &t.files, &t.bytes);
	*out = t;
}

/* ---- events ----------------------------------------------------------------- */

void cache_subscribe(struct cache *c, struct cache_sink *s)
{
	messenger_subscribe(c->messenger, s);
}

void cache_unsubscribe(struct cache *c, struct cache_sink *s)
{
	messenger_unsubscribe(c->messenger, s);
}

void cache_tell(struct entry *e, enum cache_event_kind kind, int error)
{
	struct messenger *m = e->cache->messenger;
	struct cache_event ev = {
		.kind = kind, .url = e->url->sent, .rate = e->rate,
		.error = error,
	};

	if (!messenger_wanted(m))
		return;
	pthread_mutex_lock(&e->lock);
	ev.generation = e->rec.generation;
	ev.size = e->rec.version.size;
	ev.cached = e->rec.present.total - memory_total(e->memory);
	pthread_mutex_unlock(&e->lock);
	messenger_post(m, &ev);
}
