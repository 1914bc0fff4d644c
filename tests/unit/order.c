/* What the planner does with what was ordered (cache/plan_order.c). */
#include "config.h"

#include <string.h>

#include "cache/plan.h"
#include "tests/tap.h"

#define MIB ((uint64_t)1 << 20)
#define NOW 1000000
#define UNKNOWN PLAN_SIZE_UNKNOWN

/* A file of 400 MiB, all of it ordered, nothing here, nobody reads. */
struct scene {
	struct plan_input in;
	struct extent_set present, ordered;
	struct plan_flight flights[8];
	struct plan_wait wait;
	struct plan_cursor cursor;
	struct plan_action out[PLAN_ACTIONS_MAX];
	size_t n;
	int64_t wake;
};

static void set(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	extent_add(&s->ordered, 0, UINT64_MAX);
	s->in = (struct plan_input){
		.size = 400 * MIB, .ranges = PLAN_RANGES_YES,
		.present = &s->present, .ordered = &s->ordered,
		.flights = s->flights, .waits = &s->wait,
		.cursors = &s->cursor, .max_flights = 8, .lanes = 1,
		.fill = PLAN_FILL_PLAYING, .rate = 10 * MIB,
		.latency_us = 20000, .now_ms = NOW,
	};
}

static void ask(struct scene *s)
{
	s->n = plan_next(&s->in, s->out, &s->wake);
}

static void strike(struct scene *s)
{
	extent_fini(&s->present);
	extent_fini(&s->ordered);
}

/* The first action is a request of this, behind all others. */
static void is_request(const struct scene *s, uint64_t start, const char *what)
{
	ok(s->n && s->out[0].verb == PLAN_START &&
	   s->out[0].priority == PLAN_BACKGROUND && s->out[0].start == start,
	   "%s", what);
}

static void test_alone(void)
{
	struct scene s;

	set(&s);
	ask(&s);
	is_request(&s, 0, "what is ordered is asked for");
	is_uint(s.n, 1, "once");
	s.flights[0] = (struct plan_flight){ 0, 32 * MIB, true, NOW };
	s.in.n_flights = 1;
	ask(&s);
	is_uint(s.n, 0, "while that comes, no more, nor is it stopped");
	s.flights[0].pos = 32 * MIB - 1000;
	extent_add(&s.present, 0, 32 * MIB - 1000);
	ask(&s);
	is_request(&s, 32 * MIB, "before it ends, the next piece");
	s.in.ordered = NULL;
	s.flights[0].pos = 0;
	ask(&s);
	ok(s.n == 1 && s.out[0].verb == PLAN_STOP,
	   "when nothing is ordered any more it is stopped");
	strike(&s);

	set(&s);
	extent_add(&s.present, 0, 400 * MIB);
	ask(&s);
	is_uint(s.n, 0, "nothing is missing, nothing is asked for");
	extent_remove(&s.present, 100 * MIB, 101 * MIB);
	ask(&s);
	is_request(&s, 100 * MIB, "but a hole is");
	is_uint(s.out[0].end, 101 * MIB, "no more than that");
	strike(&s);

	set(&s);
	extent_remove(&s.ordered, 0, 7 * MIB);
	extent_remove(&s.ordered, 8 * MIB, UINT64_MAX);
	ask(&s);
	is_request(&s, 7 * MIB, "of a range, the range");
	is_uint(s.out[0].end, 8 * MIB, "to its end");
	strike(&s);
}

static void test_lanes(void)
{
	struct scene s;
	unsigned n = 0;

	set(&s);
	s.in.lanes = 4;
	ask(&s);
	for (size_t i = 0; i < s.n; i++)
		n += s.out[i].verb == PLAN_START;
	is_uint(n, 4, "with as many connections as pay");
	for (size_t i = 1; i < s.n; i++)
		is_uint(s.out[i].start, s.out[i - 1].end, "one behind the other");
	s.cursor = (struct plan_cursor){ .pos = 200 * MIB, .run = 1000,
					 .used_ms = NOW };
	s.in.n_cursors = 1;
	ask(&s);
	is_uint(s.n, 1, "one, where somebody reads");
	s.in.max_flights = 1;
	s.flights[0] = (struct plan_flight){ 300 * MIB, 301 * MIB, true, NOW };
	s.in.n_flights = 1;
	ask(&s);
	is_uint(s.n, 0, "none, when all are taken");
	strike(&s);
}

static void test_behind(void)
{
	struct scene s;

	set(&s);
	s.wait = (struct plan_wait){ 300 * MIB, 300 * MIB + 65536 };
	s.in.n_waits = 1;
	ask(&s);
	ok(s.n == 1 && s.out[0].priority == PLAN_URGENT &&
	   s.out[0].start == 300 * MIB, "who waits comes first, and alone");
	s.flights[0] = (struct plan_flight){ 0, 32 * MIB, true, NOW };
	s.in.n_flights = 1;
	s.in.max_flights = 1;
	ask(&s);
	ok(s.n == 2 && s.out[0].verb == PLAN_STOP &&
	   s.out[1].priority == PLAN_URGENT, "what was ordered makes place");
	strike(&s);
}

static void test_unknown(void)
{
	struct scene s;

	set(&s);
	s.in.size = UNKNOWN;
	s.in.ranges = PLAN_RANGES_UNKNOWN;
	ask(&s);
	is_request(&s, 0, "an unknown one is looked at");
	is_uint(s.out[0].end, PLAN_PROBE, "with a small request");
	s.in.ranges = PLAN_RANGES_NO;
	ask(&s);
	is_request(&s, 0, "one without ranges comes whole");
	is_uint(s.out[0].end, UNKNOWN, "from a request without any");
	s.flights[0] = (struct plan_flight){ 5 * MIB, UNKNOWN, true, 0 };
	s.in.n_flights = 1;
	ask(&s);
	is_uint(s.n, 0, "which goes on");
	s.in.ordered = NULL;
	ask(&s);
	ok(s.n == 1 && s.out[0].verb == PLAN_STOP, "as long as it is ordered");
	strike(&s);
}

int main(void)
{
	test_alone();
	test_lanes();
	test_behind();
	test_unknown();
	return done_testing();
}
