/* extent against tables of edges and against a naive bitmap. */
#include "config.h"

#include "cache/extent.h"
#include "tests/tap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX UINT64_MAX

/* Sorted, disjoint, not touching, not empty, and the total is right. */
static bool sound(const struct extent_set *s)
{
	uint64_t total = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].start >= s->v[i].end)
			return false;
		if (i && s->v[i].start <= s->v[i - 1].end)
			return false;
		total += s->v[i].end - s->v[i].start;
	}
	return total == s->total && s->n <= s->cap;
}

struct step {
	char verb;		/* '+' add, '-' remove, 0 end */
	uint64_t start, end;
};

static const struct edge {
	const char *what;
	struct step steps[6];
	struct extent want[4];	/* up to the first empty one */
} edges[] = {
	{ "empty range adds nothing", { { '+', 5, 5 } }, { { 0, 0 } } },
	{ "reversed range adds nothing", { { '+', 6, 5 } }, { { 0, 0 } } },
	{ "one byte at 0", { { '+', 0, 1 } }, { { 0, 1 } } },
	{ "last possible byte", { { '+', MAX - 1, MAX } }, { { MAX - 1, MAX } } },
	{ "everything", { { '+', 0, MAX } }, { { 0, MAX } } },
	{ "everything twice", { { '+', 0, MAX }, { '+', 0, MAX } },
	  { { 0, MAX } } },
	{ "everything over two ends",
	  { { '+', 0, 1 }, { '+', MAX - 1, MAX }, { '+', 0, MAX } },
	  { { 0, MAX } } },
	{ "touching after", { { '+', 0, 10 }, { '+', 10, 20 } }, { { 0, 20 } } },
	{ "touching before", { { '+', 10, 20 }, { '+', 0, 10 } }, { { 0, 20 } } },
	{ "touching at the end of the world",
	  { { '+', 5, MAX - 1 }, { '+', MAX - 1, MAX } }, { { 5, MAX } } },
	{ "one byte apart", { { '+', 0, 10 }, { '+', 11, 20 } },
	  { { 0, 10 }, { 11, 20 } } },
	{ "bridge of one byte",
	  { { '+', 0, 10 }, { '+', 11, 20 }, { '+', 10, 11 } }, { { 0, 20 } } },
	{ "inside", { { '+', 0, 10 }, { '+', 3, 4 } }, { { 0, 10 } } },
	{ "same", { { '+', 3, 9 }, { '+', 3, 9 } }, { { 3, 9 } } },
	{ "over several",
	  { { '+', 10, 11 }, { '+', 20, 21 }, { '+', 30, 31 }, { '+', 15, 25 } },
	  { { 10, 11 }, { 15, 25 }, { 30, 31 } } },
	{ "swallows several",
	  { { '+', 10, 11 }, { '+', 20, 21 }, { '+', 30, 31 }, { '+', 5, 31 } },
	  { { 5, 31 } } },
	{ "overlaps two halves", { { '+', 0, 10 }, { '+', 20, 30 },
				   { '+', 5, 25 } }, { { 0, 30 } } },
	{ "remove from nothing", { { '-', 0, MAX } }, { { 0, 0 } } },
	{ "remove empty range", { { '+', 0, 9 }, { '-', 4, 4 } }, { { 0, 9 } } },
	{ "remove reversed range", { { '+', 0, 9 }, { '-', 5, 4 } },
	  { { 0, 9 } } },
	{ "remove touching before and after",
	  { { '+', 5, 9 }, { '-', 0, 5 }, { '-', 9, 20 } }, { { 5, 9 } } },
	{ "remove head", { { '+', 5, 9 }, { '-', 0, 6 } }, { { 6, 9 } } },
	{ "remove tail", { { '+', 5, 9 }, { '-', 8, 20 } }, { { 5, 8 } } },
	{ "remove middle", { { '+', 5, 9 }, { '-', 6, 8 } },
	  { { 5, 6 }, { 8, 9 } } },
	{ "remove exactly", { { '+', 5, 9 }, { '-', 5, 9 } }, { { 0, 0 } } },
	{ "remove over several",
	  { { '+', 0, 10 }, { '+', 20, 30 }, { '+', 40, 50 }, { '-', 5, 45 } },
	  { { 0, 5 }, { 45, 50 } } },
	{ "remove a hole", { { '+', 0, 10 }, { '+', 20, 30 }, { '-', 10, 20 } },
	  { { 0, 10 }, { 20, 30 } } },
	{ "hole in everything", { { '+', 0, MAX }, { '-', 1, MAX - 1 } },
	  { { 0, 1 }, { MAX - 1, MAX } } },
	{ "all of everything", { { '+', 0, MAX }, { '-', 0, MAX } },
	  { { 0, 0 } } },
	{ "split a full buffer",	/* 4 slots are what a set begins with */
	  { { '+', 0, 2 }, { '+', 10, 12 }, { '+', 20, 22 }, { '+', 30, 39 },
	    { '-', 2, 30 }, { '-', 31, 38 } },
	  { { 0, 2 }, { 30, 31 }, { 38, 39 } } },
};

static bool equals(const struct extent_set *s, const struct extent *want,
		   size_t max)
{
	size_t n = 0;

	while (n < max && want[n].end)
		n++;
	return s->n == n && (!n || !memcmp(s->v, want, n * sizeof(*want)));
}

static void test_edges(void)
{
	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		struct extent_set s = { 0 };
		bool good = true;

		for (const struct step *t = edges[i].steps;
		     t < edges[i].steps + 6 && t->verb; t++) {
			int r = t->verb == '+' ?
				extent_add(&s, t->start, t->end) :
				extent_remove(&s, t->start, t->end);

			good = good && r == 0 && sound(&s);
		}
		ok(good && equals(&s, edges[i].want, 4), "%s", edges[i].what);
		extent_fini(&s);
	}
}

static void test_queries(void)
{
	struct extent_set s = { 0 };
	struct extent hole = { 7, 7 };

	ok(extent_run(&s, 0) == 0 && extent_next(&s, 0) == MAX &&
	   extent_contains(&s, 9, 9) && !extent_contains(&s, 0, 1),
	   "the empty set has no member");
	ok(extent_hole(&s, 3, MAX, &hole) && hole.start == 3 && hole.end == MAX,
	   "the empty set is one hole");
	extent_add(&s, 0, MAX);
	hole = (struct extent){ 7, 7 };
	ok(!extent_hole(&s, 0, MAX, &hole) && hole.start == 7 && hole.end == 7,
	   "no hole in everything; output untouched");
	ok(extent_run(&s, 0) == MAX && extent_run(&s, MAX - 1) == 1 &&
	   extent_run(&s, MAX) == 0, "runs up to the end of the world");
	ok(extent_contains(&s, 0, MAX) && extent_next(&s, MAX - 1) == MAX - 1 &&
	   extent_next(&s, MAX) == MAX, "members up to the end of the world");
	extent_fini(&s);
	ok(!s.v && !s.n && !s.cap && !s.total, "fini leaves an empty set");

	extent_add(&s, 10, 20);
	extent_add(&s, 30, 40);
	ok(extent_hole(&s, 15, 25, &hole) && hole.start == 20 && hole.end == 25,
	   "a hole is clipped at limit");
	ok(extent_hole(&s, 22, 99, &hole) && hole.start == 22 && hole.end == 30,
	   "a hole is clipped at from");
	ok(!extent_hole(&s, 12, 20, &hole) && !extent_hole(&s, 5, 5, &hole) &&
	   !extent_hole(&s, 6, 5, &hole), "nothing missing, empty, reversed");
	ok(!extent_contains(&s, 19, 21) && extent_contains(&s, 10, 20) &&
	   !extent_contains(&s, 15, 35), "contains does not jump holes");
	extent_fini(&s);
}

static void test_copy(void)
{
	struct extent_set a = { 0 }, b = { 0 };

	ok(extent_copy(&b, &a) == 0 && b.n == 0, "copy of the empty set");
	for (uint64_t i = 0; i < 100; i++)
		extent_add(&a, i * 10, i * 10 + 3);
	ok(extent_copy(&b, &a) == 0 && sound(&b) && b.n == 100 &&
	   b.total == 300 && !memcmp(a.v, b.v, 100 * sizeof(*a.v)) &&
	   a.v != b.v, "copy is equal and its own");
	extent_remove(&a, 10, MAX);
	ok(extent_copy(&b, &a) == 0 && sound(&b) && b.n == 1 && b.total == 3,
	   "a smaller set over a larger one");
	ok(extent_copy(&b, &b) == 0 && b.n == 1, "copy onto itself");
	extent_fini(&a);
	extent_fini(&b);
}

/* A window of SPAN bytes at base, as one bool a byte. */
#define SPAN 300

static bool same_as_bitmap(const struct extent_set *s, uint64_t base,
			   const bool *bit)
{
	size_t i = 0, x = 0;

	while (i < SPAN) {
		size_t start = i;

		if (!bit[i]) {
			i++;
			continue;
		}
		while (i < SPAN && bit[i])
			i++;
		if (x == s->n || s->v[x].start != base + start ||
		    s->v[x].end != base + i)
			return false;
		x++;
	}
	return x == s->n;
}

static bool same_answers(const struct extent_set *s, uint64_t base,
			 const bool *bit, size_t a, size_t b)
{
	size_t run = a, next = a, hole, hole_end;
	struct extent out;

	while (run < SPAN && bit[run])
		run++;
	while (next < SPAN && !bit[next])
		next++;
	for (hole = a; hole < b && bit[hole]; hole++)
		;
	for (hole_end = hole; hole_end < b && !bit[hole_end]; hole_end++)
		;
	if (extent_run(s, base + a) != run - a)
		return false;
	if (extent_next(s, base + a) != (next < SPAN ? base + next : MAX))
		return false;
	if (extent_contains(s, base + a, base + b) != (run >= b || a >= b))
		return false;
	if (extent_hole(s, base + a, base + b, &out) != (hole < b))
		return false;
	return hole >= b ||
	       (out.start == base + hole && out.end == base + hole_end);
}

/* xorshift64: the same walk every time. */
static uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void walk(uint64_t base, uint64_t seed, int steps, const char *where)
{
	struct extent_set s = { 0 };
	bool bit[SPAN] = { false };
	int step;

	for (step = 0; step < steps; step++) {
		size_t a = chance(&seed) % (SPAN + 1);
		size_t len = chance(&seed) % (chance(&seed) % 8 ? 12 : SPAN);
		size_t b = a + len > SPAN ? SPAN : a + len;
		bool add = chance(&seed) % 2;
		int r = add ? extent_add(&s, base + a, base + b) :
			      extent_remove(&s, base + a, base + b);

		for (size_t i = a; i < b; i++)
			bit[i] = add;
		a = chance(&seed) % (SPAN + 1);
		b = chance(&seed) % (SPAN + 1);
		if (r < 0 || !sound(&s) || !same_as_bitmap(&s, base, bit) ||
		    !same_answers(&s, base, bit, a, b))
			break;
	}
	ok(step == steps, "%d random operations agree with a bitmap, %s",
	   steps, where);
	extent_fini(&s);
}

int main(void)
{
	test_edges();
	test_queries();
	test_copy();
	walk(0, 88172645463325252, 50000, "at 0");
	walk((UINT64_C(1) << 63) - 150, 2685821657736338717, 25000,
	     "around 2^63");
	walk(MAX - SPAN, 1181783497276652981, 25000, "at the end of the world");
	return done_testing();
}
