#include "config.h"

#include "playlist_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cache/command.h"
#include "cache/conf.h"
#include "playlist_segments.h"

/* Segments of a playlist that were asked for last: so many players each can be
 * told apart. */
#define RECENT 4

struct list {
	char *key;		/* NULL: free */
	uint64_t generation, used;
	struct playlist_segments segments;
	uint64_t recent[RECENT];	/* ids */
	size_t next_recent;
};

struct ahead {
	struct cache *cache;
	_Atomic unsigned n;	/* lists in use: read without the lock, too */
	pthread_mutex_t lock;
	uint64_t clock;		/* of `used` */
	struct list lists[AHEAD_LISTS];
};

int ahead_new(struct cache *c, struct ahead **out)
{
	struct ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->cache = c;
	pthread_mutex_init(&a->lock, NULL);
	*out = a;
	return 0;
}

static void list_fini(struct list *l)
{
	playlist_segments_fini(&l->segments);
	free(l->key);
	*l = (struct list){ 0 };
}

void ahead_free(struct ahead *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < AHEAD_LISTS; i++)
		list_fini(&a->lists[i]);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- playlists ---------------------------------------------------------------- */

static struct list *find_locked(struct ahead *a, const char *key)
{
	for (size_t i = 0; i < AHEAD_LISTS; i++)
		if (a->lists[i].key && strcmp(a->lists[i].key, key) == 0)
			return &a->lists[i];
	return NULL;
}

/* One for key: its own, with what was asked for of it; a free one; the one used
 * least recently. */
static struct list *claim_locked(struct ahead *a, char *key)
{
	struct list *l = find_locked(a, key);

	if (l) {
		free(key);
		return l;
	}
	l = &a->lists[0];
	for (size_t i = 1; i < AHEAD_LISTS; i++)
		if (a->lists[i].used < l->used)
			l = &a->lists[i];
	a->n += !l->key;
	list_fini(l);
	l->key = key;
	return l;
}

static bool known(struct ahead *a, const char *key, uint64_t generation)
{
	struct list *l;
	bool same;

	pthread_mutex_lock(&a->lock);
	l = find_locked(a, key);
	same = l && l->generation == generation;
	if (same)
		l->used = ++a->clock;
	pthread_mutex_unlock(&a->lock);
	return same;
}

void ahead_learn(struct ahead *a, const char *key, uint64_t generation,
		 const char *url, const char *text, size_t len)
{
	struct playlist_segments fresh, old;
	struct list *l;
	char *copy;

	if (known(a, key, generation) ||
	    playlist_segments_new(text, len, url, &fresh) < 0)
		return;
	copy = strdup(key);
	if (!copy) {
		playlist_segments_fini(&fresh);
		return;
	}
	pthread_mutex_lock(&a->lock);
	l = claim_locked(a, copy);
	old = l->segments;
	l->segments = fresh;
	l->generation = generation;
	l->used = ++a->clock;
	pthread_mutex_unlock(&a->lock);
	playlist_segments_fini(&old);
}

/* ---- playing ------------------------------------------------------------------ */

struct wanted {
	char *url;
	uint64_t start, end;
};

static bool asked_before(const struct list *l, uint64_t id)
{
	for (size_t i = 0; i < RECENT; i++)
		if (l->recent[i] == id)
			return true;
	return false;
}

/* What to fetch now that segment k of l is asked for; how many. */
static size_t choose_locked(struct list *l, size_t k, struct wanted *out)
{
	const struct playlist_segments *s = &l->segments;
	size_t n = 0, count = playlist_segments_ahead(s, k);
	bool again = asked_before(l, s->v[k].id);

	if (!again)
		l->recent[l->next_recent++ % RECENT] = s->v[k].id;
	if (again || k == 0 || !asked_before(l, s->v[k - 1].id))
		return 0;
	for (size_t i = k + 1; i <= k + count; i++) {
		out[n].url = strdup(s->urls + s->v[i].url);
		out[n].start = s->v[i].start;
		out[n].end = s->v[i].end == UINT64_MAX ? CACHE_SIZE_UNKNOWN :
							 s->v[i].end;
		n += out[n].url != NULL;
	}
	return n;
}

void ahead_asked(struct ahead *a, const char *key, uint64_t start)
{
	struct wanted wanted[PLAYLIST_AHEAD_MAX];
	size_t n = 0;
	uint64_t id;

	if (!a->n || cache_conf(a->cache)->fill == PLAN_FILL_NONE)
		return;
	id = playlist_segment_id(key, start);
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < AHEAD_LISTS && !n; i++) {
		struct list *l = &a->lists[i];
		size_t k = playlist_segments_find(&l->segments, id);

		if (k == l->segments.n)
			continue;
		l->used = ++a->clock;
		n = choose_locked(l, k, wanted);
	}
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < n; i++) {
		cache_fetch(a->cache, wanted[i].url, wanted[i].start,
			    wanted[i].end);
		free(wanted[i].url);
	}
}
