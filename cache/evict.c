#include "config.h"

#include "evict.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define BUCKETS_MIN 64

struct file {
	struct file *same;		/* in its bucket */
	struct file *older, *newer;	/* in line, unless kept */
	uint64_t bytes;
	time_t used;
	unsigned round;			/* in which it was used */
	bool due;			/* those in line that are due are its
					   end: use makes both */
	bool kept;
	char name[];
};

struct evict {
	struct file **buckets;
	size_t n_buckets, n;
	struct file *oldest, *newest;
	uint64_t total;
	unsigned round;
};

struct evict *evict_new(void)
{
	struct evict *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->n_buckets = BUCKETS_MIN;
	v->buckets = calloc(v->n_buckets, sizeof(struct file *));
	if (!v->buckets) {
		free(v);
		return NULL;
	}
	v->round = 1;
	return v;
}

void evict_free(struct evict *v)
{
	struct file *f, *next;

	for (size_t i = 0; v && i < v->n_buckets; i++) {
		for (f = v->buckets[i]; f; f = next) {
			next = f->same;
			free(f);
		}
	}
	if (v)
		free(v->buckets);
	free(v);
}

uint64_t evict_total(const struct evict *v)
{
	return v->total;
}

size_t evict_count(const struct evict *v)
{
	return v->n;
}

/* ---- names --------------------------------------------------------------- */

static size_t hash(const char *name)
{
	uint64_t h = hash_text(name);

	return h ^ h >> 32;
}

static struct file **place_of(const struct evict *v, const char *name)
{
	struct file **p = &v->buckets[hash(name) & (v->n_buckets - 1)];

	while (*p && strcmp((*p)->name, name) != 0)
		p = &(*p)->same;
	return p;
}

/* As many buckets as files. Without memory they stay as they are. */
static void grow(struct evict *v)
{
	size_t n = v->n_buckets * 2;
	struct file **more = calloc(n, sizeof(struct file *));
	struct file *f, *next;

	if (!more)
		return;
	for (size_t i = 0; i < v->n_buckets; i++) {
		for (f = v->buckets[i]; f; f = next) {
			struct file **p = &more[hash(f->name) & (n - 1)];

			next = f->same;
			f->same = *p;
			*p = f;
		}
	}
	free(v->buckets);
	v->buckets = more;
	v->n_buckets = n;
}

/* ---- the line ------------------------------------------------------------- */

static void leave(struct evict *v, struct file *f)
{
	if (f->kept)
		return;
	if (f->older)
		f->older->newer = f->newer;
	else
		v->oldest = f->newer;
	if (f->newer)
		f->newer->older = f->older;
	else
		v->newest = f->older;
}

static void join(struct evict *v, struct file *f)
{
	f->kept = false;
	f->newer = NULL;
	f->older = v->newest;
	if (v->newest)
		v->newest->newer = f;
	else
		v->oldest = f;
	v->newest = f;
}

static struct file *insert(struct evict *v, const char *name)
{
	size_t size = strlen(name) + 1;
	struct file *f = calloc(1, sizeof(*f) + size), **p;

	if (!f)
		return NULL;
	memcpy(f->name, name, size);
	if (v->n >= v->n_buckets)
		grow(v);
	p = place_of(v, name);
	*p = f;
	v->n++;
	join(v, f);
	return f;
}

bool evict_add(struct evict *v, const char *name, uint64_t bytes, time_t used)
{
	struct file *f = *place_of(v, name);

	if (f)
		return true;
	f = insert(v, name);
	if (!f)
		return false;
	f->bytes = bytes;
	f->used = used;
	v->total += bytes;
	return true;
}

static int by_use(const void *a, const void *b)
{
	const struct file *x = *(struct file *const *)a;
	const struct file *y = *(struct file *const *)b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return strcmp(x->name, y->name);
}

bool evict_sort(struct evict *v)
{
	struct file **all = calloc(v->n + 1, sizeof(*all)), *f;
	size_t n = 0;

	if (!all)
		return false;
	for (f = v->oldest; f; f = f->newer)
		all[n++] = f;
	qsort(all, n, sizeof(*all), by_use);
	v->oldest = v->newest = NULL;
	for (size_t i = 0; i < n; i++)
		join(v, all[i]);
	free(all);
	return true;
}

bool evict_use(struct evict *v, const char *name, time_t now)
{
	struct file *f = *place_of(v, name);

	if (!f)
		f = insert(v, name);
	if (!f)
		return false;
	leave(v, f);
	join(v, f);
	f->used = now;
	f->round = v->round;
	f->due = true;
	return true;
}

/* ---- what is due ---------------------------------------------------------- */

static void free_names(char **names, size_t n)
{
	while (n)
		free(names[--n]);
	free(names);
}

bool evict_due(struct evict *v, char ***names, size_t *n)
{
	struct file *f;
	size_t count = 0;
	char **all;

	for (f = v->newest; f && f->due; f = f->older)
		count++;
	all = calloc(count + 1, sizeof(*all));
	if (!all)
		return false;
	count = 0;
	for (f = v->newest; f && f->due; f = f->older) {
		all[count] = strdup(f->name);
		if (!all[count++]) {
			free_names(all, count);
			return false;
		}
	}
	for (f = v->newest; f && f->due; f = f->older)
		f->due = false;
	*names = all;
	*n = count;
	return true;
}

void evict_measured(struct evict *v, const char *name, uint64_t bytes)
{
	struct file *f = *place_of(v, name);

	if (!f)
		return;
	v->total += bytes - f->bytes;
	f->bytes = bytes;
}

void evict_forget(struct evict *v, const char *name)
{
	struct file **p = place_of(v, name), *f = *p;

	if (!f)
		return;
	*p = f->same;
	leave(v, f);
	v->total -= f->bytes;
	v->n--;
	free(f);
}

void evict_keep(struct evict *v, const char *name)
{
	struct file *f = *place_of(v, name);

	if (!f)
		return;
	leave(v, f);
	f->kept = true;
	f->due = false;
}

bool evict_join(struct evict *v, const struct evict *from)
{
	const struct file *f;
	bool all = true;

	for (f = from->oldest; f; f = f->newer)
		if (!evict_use(v, f->name, f->used))
			all = false;
	return all;
}

/* ---- the choice ------------------------------------------------------------ */

void evict_begin(struct evict *v)
{
	v->round++;
}

const char *evict_next(const struct evict *v, const struct evict_limits *l,
		       const struct evict_room *room, uint64_t *bytes)
{
	const struct file *f = v->oldest;

	/* What was used since the round began is in use, as is all behind it. */
	if (!f || f->round == v->round)
		return NULL;
	if (v->total <= l->size && room->free >= l->min_free && !room->wanted &&
	    (!l->max_age || room->now - f->used <= l->max_age))
		return NULL;
	*bytes = f->bytes;
	return f->name;
}

uint64_t evict_floor(uint64_t total)
{
	uint64_t part = total / EVICT_FLOOR_PART;

	return part < EVICT_FLOOR ? part : EVICT_FLOOR;
}
