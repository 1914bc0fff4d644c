/* claim: who gets the next connection; and what that comes to for many. */
#include "config.h"

#include "cache/claim.h"
#include "tests/tap.h"

#define N 4

struct row {
	const char *what;
	struct {
		int priority;
		unsigned held;
	} claim[N];		/* in the order they join */
	size_t order[N];	/* who goes first, second … */
};

static const struct row rows[] = {
	{ "who has waited longer",
	  { { PLAN_URGENT, 0 }, { PLAN_URGENT, 0 }, { PLAN_URGENT, 0 },
	    { PLAN_URGENT, 0 } }, { 0, 1, 2, 3 } },
	{ "what is more urgent",
	  { { PLAN_BACKGROUND, 0 }, { PLAN_AHEAD, 0 }, { PLAN_URGENT, 0 },
	    { PLAN_AHEAD, 0 } }, { 2, 1, 3, 0 } },
	{ "who has fewer",
	  { { PLAN_URGENT, 5 }, { PLAN_URGENT, 1 }, { PLAN_URGENT, 0 },
	    { PLAN_URGENT, 1 } }, { 2, 1, 3, 0 } },
	{ "urgency comes before the number",
	  { { PLAN_AHEAD, 0 }, { PLAN_URGENT, 9 }, { PLAN_AHEAD, 1 },
	    { PLAN_URGENT, 2 } }, { 3, 1, 0, 2 } },
};

static void test_order(const struct row *r)
{
	struct claims q = { 0 };
	struct claim c[N];
	size_t i;

	for (i = 0; i < N; i++) {
		c[i] = (struct claim){ .priority = CLAIM_NONE,
				       .held = r->claim[i].held };
		claim_join(&q, &c[i], r->claim[i].priority);
	}
	for (i = 0; i < N; i++)
		is_uint(claim_before(&c[r->order[i]]), i, "%s: place %zu",
			r->what, i);
	for (i = 0; i < N; i++) {
		ok(claim_next(&q) == &c[r->order[i]], "%s: number %zu comes",
		   r->what, i);
		claim_leave(&c[r->order[i]]);
	}
	ok(!claim_next(&q) && !q.first, "%s: then nobody", r->what);
}

static void test_place(void)
{
	struct claim a = { .priority = CLAIM_NONE }, b = a;
	struct claims q = { 0 }, other = { 0 };

	claim_join(&q, &a, PLAN_AHEAD);
	claim_join(&q, &b, PLAN_URGENT);
	ok(claim_others(&q, &a) && !claim_others(&q, &b),
	   "who is read ahead for does not wait");
	b.held = 2;
	a.held = 1;
	ok(!claim_others(&q, &a), "nor does one with more make others share");
	a.held = 2;
	ok(claim_others(&q, &a), "but one with as many does");
	a.held = b.held = 0;
	claim_join(&q, &a, PLAN_URGENT);
	ok(claim_next(&q) == &a, "it keeps its place as it gets urgent");
	claim_reset(&a);
	ok(claim_next(&q) == &b && !claim_before(&b) && !claim_others(&q, &b),
	   "what is not said anew counts for nothing");
	claim_join(&q, &a, PLAN_AHEAD);
	ok(claim_next(&q) == &b, "it is as urgent as it was last said to be");
	claim_join(&q, &a, PLAN_URGENT);
	claim_join(&q, &a, PLAN_AHEAD);
	ok(claim_next(&q) == &a, "or as the most urgent of what was said");
	claim_leave(&a);
	claim_leave(&a);
	claim_join(&q, &a, PLAN_URGENT);
	ok(claim_next(&q) == &b, "who comes again comes last");
	claim_join(&other, &b, PLAN_URGENT);
	ok(claim_next(&q) == &a && claim_next(&other) == &b,
	   "another queue: out of the first");
}

/* So many files, each read as fast as it comes, share a few connections, and
 * some turns take longer than others. */
#define FILES 64
#define CONNECTIONS 16

static void test_turns(void)
{
	unsigned turns[FILES] = { 0 }, left[FILES], least, most;
	unsigned active = 0, random = 1;
	struct claims q = { 0 };
	struct claim c[FILES], *next;
	size_t i, step;

	for (i = 0; i < FILES; i++) {
		c[i] = (struct claim){ .priority = CLAIM_NONE };
		claim_join(&q, &c[i], PLAN_URGENT);
	}
	for (step = 0; step < 2000; step++) {
		while (active < CONNECTIONS && (next = claim_next(&q))) {
			claim_leave(next);
			next->held++;
			active++;
			random = random * 1103515245 + 12345;
			left[next - c] = 8 + (random >> 16) % 8;
		}
		for (i = 0; i < FILES; i++) {
			if (!c[i].held || --left[i])
				continue;
			turns[i]++;
			active--;
			c[i].held--;
			claim_join(&q, &c[i], PLAN_URGENT);
		}
	}
	least = most = turns[0];
	for (i = 1; i < FILES; i++) {
		least = turns[i] < least ? turns[i] : least;
		most = turns[i] > most ? turns[i] : most;
	}
	ok(least > 30, "everybody had turns: %u at least", least);
	ok(most - least <= least / 5, "nobody many more: %u", most);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		test_order(&rows[i]);
	test_place();
	test_turns();
	return done_testing();
}
