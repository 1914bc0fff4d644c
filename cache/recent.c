#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "recent.h"

void recent_init(struct recent *r)
{
	*r = (struct recent){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void recent_fini(struct recent *r)
{
	while (r->n)
		recent_give_back(r->blocks[--r->n]);
	pthread_mutex_destroy(&r->lock);
}

void recent_give_back(struct recent_block *b)
{
	if (!b || atomic_fetch_sub(&b->refs, 1) > 1)
		return;
	atomic_fetch_sub(&b->of->alive, 1);
	free(b);
}

static struct recent_block *remove_locked(struct recent *r, size_t i)
{
	struct recent_block *b = r->blocks[i];

	r->n--;
	memmove(r->blocks + i, r->blocks + i + 1,
		(r->n - i) * sizeof(r->blocks[0]));
	return b;
}

/* The oldest block that nobody has, or NULL. */
static struct recent_block *take_oldest(struct recent *r)
{
	struct recent_block *b = NULL;
	size_t i;

	pthread_mutex_lock(&r->lock);
	for (i = 0; i < r->n && !b; i++)
		if (atomic_load(&r->blocks[i]->refs) == 1)
			b = remove_locked(r, i);
	pthread_mutex_unlock(&r->lock);
	return b;
}

struct recent_block *recent_begin(struct recent *r, uint64_t generation,
				  uint64_t start)
{
	struct recent_block *b = NULL;

	if (atomic_load(&r->alive) >= RECENT_BLOCKS)
		b = take_oldest(r);
	if (!b && (b = malloc(sizeof(*b))))
		atomic_fetch_add(&r->alive, 1);
	if (!b)
		return NULL;
	b->of = r;
	atomic_init(&b->refs, 1);
	b->generation = generation;
	b->start = start;
	b->len = 0;
	return b;
}

void recent_put(struct recent *r, struct recent_block *b, size_t len)
{
	struct recent_block *old = NULL;
	size_t i = 0;

	pthread_mutex_lock(&r->lock);
	b->len = len;
	while (i < r->n && r->blocks[i] != b)
		i++;
	if (i == r->n) {
		if (r->n == RECENT_BLOCKS)
			old = remove_locked(r, 0);
		atomic_fetch_add(&b->refs, 1);
		r->blocks[r->n++] = b;
	}
	pthread_mutex_unlock(&r->lock);
	recent_give_back(old);
}

struct recent_block *recent_find(struct recent *r, uint64_t generation,
				 uint64_t off, size_t len)
{
	struct recent_block *b, *found = NULL;
	size_t i;

	pthread_mutex_lock(&r->lock);
	for (i = 0; i < r->n && !found; i++) {
		b = r->blocks[i];
		if (b->generation == generation && off >= b->start &&
		    off - b->start <= b->len && len <= b->len - (off - b->start))
			found = b;
	}
	if (found)
		atomic_fetch_add(&found->refs, 1);
	pthread_mutex_unlock(&r->lock);
	return found;
}
