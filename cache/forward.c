/* What clients of the endpoint want the origin to be told: cache_forward. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"

int cache_forward(struct cache_file *f, const char *fields)
{
	struct entry *e = f->entry;
	char *copy = fields ? strdup(fields) : NULL, *old;

	if (fields && !copy)
		return -ENOMEM;
	pthread_mutex_lock(&e->lock);
	old = e->forward;
	e->forward = copy;
	pthread_mutex_unlock(&e->lock);
	free(old);
	return 0;
}

char *entry_forward(struct entry *e)
{
	char *copy;

	pthread_mutex_lock(&e->lock);
	copy = e->forward ? strdup(e->forward) : NULL;
	pthread_mutex_unlock(&e->lock);
	return copy;
}
