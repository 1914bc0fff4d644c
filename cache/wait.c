#include "config.h"

#include "wait.h"

static uint64_t rank(const struct cache_waiter *w)
{
	uint64_t h = (uintptr_t)w * UINT64_C(0x9e3779b97f4a7c15);

	return (h ^ h >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
}

static bool is_before(const struct cache_waiter *a,
		      const struct cache_waiter *b)
{
	return a->missing != b->missing ? a->missing < b->missing :
					  (uintptr_t)a < (uintptr_t)b;
}

void wait_add(struct wait_tree *t, struct cache_waiter *w, uint64_t off)
{
	struct cache_waiter **p = &t->root, *below;
	struct cache_waiter **left = &w->left, **right = &w->right;

	t->n++;
	w->missing = off;
	while (*p && rank(*p) > rank(w))
		p = is_before(w, *p) ? &(*p)->left : &(*p)->right;
	/* What is below has to go to either side of it. */
	for (below = *p; below;) {
		if (is_before(below, w)) {
			*left = below;
			left = &below->right;
			below = *left;
		} else {
			*right = below;
			right = &below->left;
			below = *right;
		}
	}
	*left = *right = NULL;
	*p = w;
}

void wait_remove(struct wait_tree *t, struct cache_waiter *w)
{
	struct cache_waiter **p = &t->root, *a = w->left, *b = w->right;

	t->n--;
	while (*p != w)
		p = is_before(w, *p) ? &(*p)->left : &(*p)->right;
	while (a && b) {
		if (rank(a) > rank(b)) {
			*p = a;
			p = &a->right;
			a = *p;
		} else {
			*p = b;
			p = &b->left;
			b = *p;
		}
	}
	*p = a ? a : b;
}

struct cache_waiter *wait_first(const struct wait_tree *t, uint64_t start,
				uint64_t end)
{
	struct cache_waiter *w = t->root, *found = NULL;

	while (w) {
		if (w->missing >= start) {
			found = w;
			w = w->left;
		} else {
			w = w->right;
		}
	}
	return found && found->missing < end ? found : NULL;
}
