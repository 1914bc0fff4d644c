/* wait against a naive search. */
#include "config.h"

#include <stdlib.h>

#include "cache/wait.h"
#include "tests/tap.h"

#define MANY 6000

static struct cache_waiter waiters[MANY];
static bool in[MANY];

static size_t depth(const struct cache_waiter *w)
{
	size_t left, right;

	if (!w)
		return 0;
	left = depth(w->left);
	right = depth(w->right);
	return 1 + (left > right ? left : right);
}

/* The least byte of [start, end) that one of the first n waits for, or end. */
static uint64_t naive(size_t n, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < n; i++)
		if (in[i] && waiters[i].missing >= start &&
		    waiters[i].missing < end)
			end = waiters[i].missing;
	return end;
}

static bool agrees(const struct wait_tree *t, size_t n, uint64_t start,
		   uint64_t end)
{
	const struct cache_waiter *w = wait_first(t, start, end);
	uint64_t want = naive(n, start, end);

	if (!w)
		return want == end;
	return in[w - waiters] && w->missing == want && want < end;
}

/* Few enough bytes that many wait for the same. */
static void test_random(void)
{
	struct wait_tree t = { 0 };
	const size_t n = 200;
	unsigned wrong = 0;

	srand(1);
	for (int i = 0; i < 50000; i++) {
		size_t k = rand() % n;
		uint64_t start = rand() % 64;

		if (in[k])
			wait_remove(&t, &waiters[k]);
		else
			wait_add(&t, &waiters[k], rand() % 60);
		in[k] = !in[k];
		wrong += !agrees(&t, n, start, start + rand() % 20);
	}
	is_int(wrong, 0, "the first in a range, as a search finds it");
	for (size_t k = 0; k < n; k++)
		if (in[k])
			wait_remove(&t, &waiters[k]);
	ok(!t.root, "empty when all are out");
}

static void test_edges(void)
{
	struct wait_tree t = { 0 };
	struct cache_waiter *a = &waiters[0], *b = &waiters[1];

	ok(!wait_first(&t, 0, UINT64_MAX), "nobody");
	wait_add(&t, a, 10);
	ok(!wait_first(&t, 0, 10), "not before");
	ok(!wait_first(&t, 11, UINT64_MAX), "not behind");
	ok(wait_first(&t, 10, 11) == a, "there");
	wait_add(&t, b, UINT64_MAX - 1);
	ok(wait_first(&t, 11, UINT64_MAX) == b, "the last byte there is");
	wait_remove(&t, a);
	wait_remove(&t, b);
}

/* In order of address and of byte: what makes a plain tree a list. */
static void test_balance(void)
{
	struct wait_tree t = { 0 };

	for (size_t i = 0; i < MANY; i++)
		wait_add(&t, &waiters[i], i * 131072);
	ok(depth(t.root) < 60, "%d in order: %zu deep", MANY, depth(t.root));
	for (size_t i = 0; i < MANY; i++)
		wait_remove(&t, &waiters[i]);
	for (size_t i = 0; i < MANY; i++)
		wait_add(&t, &waiters[i], 7);
	ok(depth(t.root) < 60, "for one byte: %zu deep", depth(t.root));
}

int main(void)
{
	test_edges();
	test_random();
	test_balance();
	return done_testing();
}
