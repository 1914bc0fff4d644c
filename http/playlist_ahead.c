#include "config.h"

#include "playlist_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/command.h"
#include "cache/conf.h"
#include "playlist_dash.h"

/* Segments of a playlist that were asked for last. Players of it that each play
 * some renditions (picture, sound) can be told apart while all together play no
 * more. */
#define RECENT 16

struct list {
	char *key;		/* NULL: free */
	uint64_t generation, used;
	struct playlist_renditions renditions;
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
	playlist_renditions_fini(&l->renditions);
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

/* 0; an error of the two: it is none. */
static int read_playlist(enum playlist_kind kind, const char *text, size_t len,
			 const char *url, struct playlist_renditions *out)
{
	struct playlist_renditions r = { .n_lists = 1 };
	int rc;

	if (kind == PLAYLIST_DASH)
		return playlist_dash_new(text, len, url, out);
	if (kind != PLAYLIST_M3U)
		return -EINVAL;
	r.lists = malloc(sizeof(*r.lists));
	if (!r.lists)
		return -ENOMEM;
	rc = playlist_segments_new(text, len, url, r.lists);
	if (rc < 0)
		free(r.lists);
	else
		*out = r;
	return rc;
}

void ahead_learn(struct ahead *a, const char *key, uint64_t generation,
		 const char *url, enum playlist_kind kind, const char *text,
		 size_t len)
{
	struct playlist_renditions fresh, old;
	struct list *l;
	char *copy;

	if (known(a, key, generation) ||
	    read_playlist(kind, text, len, url, &fresh) < 0)
		return;
	copy = strdup(key);
	if (!copy) {
		playlist_renditions_fini(&fresh);
		return;
	}
	pthread_mutex_lock(&a->lock);
	l = claim_locked(a, copy);
	old = l->renditions;
	l->renditions = fresh;
	l->generation = generation;
	l->used = ++a->clock;
	pthread_mutex_unlock(&a->lock);
	playlist_renditions_fini(&old);
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

/* Whether this segment, which is asked for now, is the first that is, and comes
 * behind one that was. */
static bool goes_on_locked(struct list *l, uint64_t id, bool has_previous,
			   uint64_t previous)
{
	if (asked_before(l, id))
		return false;
	l->recent[l->next_recent++ % RECENT] = id;
	return has_previous && asked_before(l, previous);
}

/* What to fetch now that segment k of s is asked for; how many. */
static size_t choose_listed_locked(struct list *l,
				   const struct playlist_segments *s, size_t k,
				   struct wanted *out)
{
	size_t n = 0, count = playlist_segments_ahead(s, k);

	if (!goes_on_locked(l, s->v[k].id, k > 0, k ? s->v[k - 1].id : 0))
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

static size_t choose_counted_locked(struct list *l,
				    const struct playlist_template *t,
				    uint64_t k, uint64_t id, double now,
				    struct wanted *out)
{
	struct playlist_counted next[PLAYLIST_AHEAD_MAX];
	char *previous = k ? playlist_template_url(t, k - 1, false) : NULL;
	size_t n = 0, count = 0;

	if (goes_on_locked(l, id, previous != NULL, previous ?
			   playlist_segment_id(previous, 0) : 0))
		count = playlist_template_ahead(l->renditions.templates,
						l->renditions.n_templates, t, k,
						now, next);
	free(previous);
	for (size_t i = 0; i < count; i++) {
		out[n].url = playlist_template_url(next[i].t, next[i].index,
						   true);
		out[n].start = 0;
		out[n].end = CACHE_SIZE_UNKNOWN;
		n += out[n].url != NULL;
	}
	return n;
}

/* The same of whichever rendition of l has what is asked for. */
static size_t choose_locked(struct ahead *a, struct list *l, const char *key,
			    uint64_t start, struct wanted *out)
{
	const struct playlist_renditions *r = &l->renditions;
	uint64_t id = playlist_segment_id(key, start), at;
	size_t n = 0, k;

	for (size_t i = 0; i < r->n_lists && !n; i++) {
		k = playlist_segments_find(&r->lists[i], id);
		if (k == r->lists[i].n)
			continue;
		l->used = ++a->clock;
		n = choose_listed_locked(l, &r->lists[i], k, out);
	}
	for (size_t i = 0; i < r->n_templates && !n && start == 0; i++) {
		if (!playlist_template_find(&r->templates[i], key, &at))
			continue;
		l->used = ++a->clock;
		n = choose_counted_locked(l, &r->templates[i], at, id,
					  (double)time(NULL), out);
	}
	return n;
}

static void fetch(struct cache *c, const struct wanted *w, const char *fields)
{
	struct cache_file *f = NULL;

	if (!fields || (cache_open(c, w->url, &f) == 0 &&
			cache_forward(f, fields) == 0))
		cache_fetch(c, w->url, w->start, w->end);
	cache_close(f);
}

void ahead_asked(struct ahead *a, const char *key, uint64_t start,
		 const char *fields)
{
	struct wanted wanted[PLAYLIST_AHEAD_MAX];
	size_t n = 0;

	if (!a->n || cache_conf(a->cache)->fill == PLAN_FILL_NONE)
		return;
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < AHEAD_LISTS && !n; i++)
		n = choose_locked(a, &a->lists[i], key, start, wanted);
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < n; i++) {
		fetch(a->cache, &wanted[i], fields);
		free(wanted[i].url);
	}
}
