/* A listing: what the store has, and what is too young for it. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

struct listed {
	char *component;
	bool is_folder;
};

struct listing {
	struct listed *v;
	size_t n, cap;
};

static int listing_add(void *ctx, const char *component, bool is_folder)
{
	struct listing *l = ctx;
	struct listed *grown;
	char *copy;

	if (l->n == l->cap) {
		grown = realloc(l->v, (2 * l->cap + 16) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		l->v = grown;
		l->cap = 2 * l->cap + 16;
	}
	copy = strdup(component);
	if (!copy)
		return -ENOMEM;
	l->v[l->n++] = (struct listed){ copy, is_folder };
	return 0;
}

static void listing_fini(struct listing *l)
{
	while (l->n)
		free(l->v[--l->n].component);
	free(l->v);
}

static int by_component(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int order = strcmp(x->component, y->component);

	return order ? order : x->is_folder - y->is_folder;
}

/* What follows a folder's name in a name below it, or NULL. */
static const char *below(const char *folder, const char *name)
{
	size_t n = strlen(folder);

	if (n == 0)
		return name;
	return strncmp(name, folder, n) == 0 && name[n] == '/' ?
		name + n + 1 : NULL;
}

/* Records that the saver has not written yet. The table's lock is held, the
 * entries' own are not: the kind of a record is set before `young` is. */
static int list_young_locked(struct cache *c, const char *folder,
			     struct listing *l)
{
	const struct entry *e;
	const char *rest;
	char *component;
	int err = 0;

	for (e = c->all; e && !err; e = e->all_next) {
		rest = e->in_table && e->young ? below(folder, e->name) : NULL;
		if (!rest)
			continue;
		component = strndup(rest, strcspn(rest, "/"));
		if (!component)
			return -ENOMEM;
		err = listing_add(l, component, strchr(rest, '/') ||
				  e->rec.kind == STORE_DIRECTORY);
		free(component);
	}
	return err;
}

static int list(struct cache *c, const char *name, struct listing *l)
{
	int err;

	/* The young ones first: what is saved meanwhile is then seen twice,
	 * not never. */
	pthread_mutex_lock(&c->lock);
	err = list_young_locked(c, name, l);
	pthread_mutex_unlock(&c->lock);
	if (err)
		return err;
	err = store_list(c->store, name, listing_add, l);
	return err == -ENOENT ? 0 : err;
}

int cache_list(struct cache *c, const char *name,
	       int (*fn)(void *ctx, const char *component, bool is_folder),
	       void *ctx)
{
	struct listing l = { 0 };
	size_t i;
	int r = list(c, name, &l);

	if (!r && !l.n && *name && !store_is_folder(c->store, name))
		r = -ENOENT;
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_component);
	for (i = 0; i < l.n && !r; i++)
		if (i == 0 || by_component(&l.v[i - 1], &l.v[i]) != 0)
			r = fn(ctx, l.v[i].component, l.v[i].is_folder);
	listing_fini(&l);
	return r;
}

bool cache_is_folder(struct cache *c, const char *name)
{
	struct listing l = { 0 };
	bool found;

	pthread_mutex_lock(&c->lock);
	list_young_locked(c, name, &l);
	pthread_mutex_unlock(&c->lock);
	found = l.n > 0 || store_is_folder(c->store, name);
	listing_fini(&l);
	return found;
}
