#include "config.h"

#include <stdlib.h>

#include "recent.h"

void recent_init(struct recent *r)
{
	*r = (struct recent){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void recent_fini(struct recent *r)
{
	size_t i;

	for (i = 0; i < RECENT_BLOCKS; i++)
		recent_give_back(r->blocks[i]);
	pthread_mutex_destroy(&r->lock);
}

void recent_give_back(struct recent_block *b)
{
	if (b && atomic_fetch_sub(&b->refs, 1) == 1)
		free(b);
}

/* The oldest block, unless somebody has it. */
static struct recent_block *take_oldest(struct recent *r)
{
	struct recent_block *b;

	pthread_mutex_lock(&r->lock);
	b = r->blocks[r->oldest];
	if (b && atomic_load(&b->refs) == 1)
		r->blocks[r->oldest] = NULL;
	else
		b = NULL;
	pthread_mutex_unlock(&r->lock);
	return b;
}

struct recent_block *recent_begin(struct recent *r, uint64_t generation,
				  uint64_t start)
{
	struct recent_block *b = take_oldest(r);

	if (!b)
		b = malloc(sizeof(*b));
	if (!b)
		return NULL;
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
	while (i < RECENT_BLOCKS && r->blocks[i] != b)
		i++;
	if (i == RECENT_BLOCKS) {
		old = r->blocks[r->oldest];
		atomic_fetch_add(&b->refs, 1);
		r->blocks[r->oldest] = b;
		r->oldest = (r->oldest + 1) % RECENT_BLOCKS;
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
	for (i = 0; i < RECENT_BLOCKS && !found; i++) {
		b = r->blocks[i];
		if (b && b->generation == generation && off >= b->start &&
		    off - b->start <= b->len && len <= b->len - (off - b->start))
			found = b;
	}
	if (found)
		atomic_fetch_add(&found->refs, 1);
	pthread_mutex_unlock(&r->lock);
	return found;
}
