#include "config.h"

#include "plan_view.h"

/* How far back and forth a reader may step and still be the same one: reads
 * that were made in parallel arrive in any order, players skip a track. */
#define STEP_FORTH PLAN_WINDOW_MIN
#define STEP_FORTH_FRESH ((uint64_t)128 << 10)

static bool continues(const struct plan_cursor *c, uint64_t off)
{
	uint64_t forth = c->window ? STEP_FORTH : STEP_FORTH_FRESH;

	return c->run && off >= minus(c->pos, least(c->run, PLAN_STEP_BACK)) &&
	       off <= plus(c->pos, forth);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Whether a is sooner given up than b: a place that was read only once tells
 * less than a sequence. */
static bool cheaper(const struct plan_cursor *a, const struct plan_cursor *b,
		    int64_t now_ms)
{
	bool rests_a = !a->run || later(a->used_ms, PLAN_IDLE_MS) <= now_ms;
	bool rests_b = !b->run || later(b->used_ms, PLAN_IDLE_MS) <= now_ms;

	if (rests_a != rests_b)
		return rests_a;
	if (!rests_a && !a->window != !b->window)
		return !a->window;
	return a->used_ms < b->used_ms;
}

static size_t choose_cursor(const struct plan_cursor *cur, size_t n,
			    uint64_t off, int64_t now_ms, bool *same)
{
	size_t near = NONE, cheap = 0;

	for (size_t i = 0; i < n; i++) {
		if (continues(&cur[i], off) &&
		    (near == NONE || distance(cur[i].pos, off) <
					 distance(cur[near].pos, off)))
			near = i;
		if (cheaper(&cur[i], &cur[cheap], now_ms))
			cheap = i;
	}
	*same = near != NONE;
	return *same ? near : cheap;
}

/* How far the places last used were read, as far as they tell what to expect
 * of the next one. now_ms: those that rest are forgotten. */
static uint64_t expect(const struct plan_cursor *cur, size_t n, int64_t now_ms)
{
	const struct plan_cursor *last = NULL, *before = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct plan_cursor *c = &cur[i];

		if (!c->run || later(c->used_ms, PLAN_IDLE_MS) <= now_ms)
			continue;
		if (!last || c->used_ms >= last->used_ms) {
			before = last;
			last = c;
		} else if (!before || c->used_ms >= before->used_ms) {
			before = c;
		}
	}
	if (!last)
		return 0;
	return least(most(last->run, before ? before->run : PLAN_PROBE),
		     PLAN_WINDOW_MIN);
}

/* Who goes to a new place has no use for what is ahead of the old one. */
static void leave_last(struct plan_cursor *cur, size_t n)
{
	struct plan_cursor *last = cur;

	for (size_t i = 1; i < n; i++)
		if (cur[i].used_ms > last->used_ms)
			last = &cur[i];
	last->left = last->run > 0;
}

/* It may well end where the places before did. */
static bool as_expected(const struct plan_cursor *c)
{
	return c->run <= c->taste && c->taste < PLAN_WINDOW_MIN;
}

/* A second read in sequence opens the window; so does a first one at the head
 * that the probe can't have answered. From then on starving doubles it, but
 * only after a whole window has been read. */
static void size_window(struct plan_cursor *c, bool same, bool head,
			bool missed)
{
	if (!c->window) {
		if ((!same && !head) || c->run <= PLAN_PROBE || as_expected(c))
			return;
		c->window = PLAN_WINDOW_MIN;
	} else {
		if (!missed || c->window >= PLAN_WINDOW_MAX ||
		    minus(c->pos, c->doubled_at) < c->window)
			return;
		c->window = least(2 * c->window, PLAN_WINDOW_MAX);
	}
	c->doubled_at = c->pos;
}

size_t plan_read(struct plan_cursor *cur, size_t n, uint64_t off, uint64_t len,
		 bool missed, int64_t now_ms)
{
	uint64_t end = plus(off, len);
	struct plan_cursor *c;
	bool same;
	size_t i = choose_cursor(cur, n, off, now_ms, &same);

	c = &cur[i];
	if (!len)
		return i;
	if (!same)
		leave_last(cur, n);
	c->left = false;
	if (!same)
		*c = (struct plan_cursor){ .pos = off,
					   .taste = expect(cur, n, now_ms) };
	c->used_ms = now_ms;
	if (missed)
		c->missed_ms = now_ms;
	if (end > c->pos || !same) {
		c->run = plus(c->run, end - most(c->pos, off));
		c->pos = end;
		if (same && missed)
			c->taste = most(c->taste, PLAN_PROBE);
		size_window(c, same, off == 0, missed);
	}
	return i;
}

bool plan_begun(const struct plan_cursor *c, enum plan_fill fill)
{
	return c->window || c->end || fill == PLAN_FILL_ALL;
}
