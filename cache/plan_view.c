#include "config.h"

#include "plan_view.h"

/* Until measured. */
#define RATE_GUESS ((uint64_t)4 << 20)
#define LATENCY_GUESS_US 100000
/* Beyond these a measurement is a mistake; four times their product still
 * fits. */
#define RATE_MAX ((uint64_t)1 << 36)
#define LATENCY_MAX_US ((uint64_t)1 << 25)
/* What a timer and its thread may be late by. */
#define LATE_US 5000
/* The next request is made at least so much before the last one ends. */
#define LEAD_MIN ((uint64_t)128 << 10)
/* What one of several connections brings at once: as long as several round
 * trips take, so that these cost little, … */
#define PIECE_TRIPS 3
/* … and no less than this. */
#define PIECE_US 50000
#define PIECE_MIN ((uint64_t)2 << 20)
/* The window of one who has starved twice. */
#define STARVED (4 * PLAN_WINDOW_MIN)

void view_wake(struct plan *p, int64_t ms)
{
	if (ms < p->wake)
		p->wake = ms;
}

bool view_flight(const struct plan *p, size_t i, struct extent *f)
{
	size_t n = p->in->n_flights;

	if (i < n) {
		f->start = p->in->flights[i].pos;
		f->end = p->in->flights[i].end;
		for (size_t k = 0; k < p->n; k++) {
			const struct plan_action *a = &p->out[k];

			if (a->verb == PLAN_START || a->flight != i)
				continue;
			if (a->verb == PLAN_STOP)
				return false;
			f->end = least(f->end, a->end);
		}
	} else {
		if (p->out[i - n].verb != PLAN_START)
			return false;
		f->start = p->out[i - n].start;
		f->end = p->out[i - n].end;
	}
	return f->start < f->end;
}

size_t view_flights(const struct plan *p)
{
	return p->in->n_flights + p->n;
}

size_t view_over(const struct plan *p, uint64_t off, struct extent *f)
{
	for (size_t i = 0; i < view_flights(p); i++) {
		struct extent g;

		if (view_flight(p, i, &g) && g.start <= off && off < g.end) {
			*f = g;
			return i;
		}
	}
	return NONE;
}

uint64_t view_left(const struct plan *p, const struct extent *f)
{
	return minus(least(f->end, p->limit), f->start);
}

bool view_gap(const struct plan *p, uint64_t from, uint64_t limit,
	      struct extent *gap)
{
	struct extent hole, f;

	while (extent_hole(p->in->present, from, limit, &hole)) {
		from = hole.start;
		if (view_over(p, from, &f) != NONE) {
			from = f.end;
			continue;
		}
		for (size_t i = 0; i < view_flights(p); i++)
			if (view_flight(p, i, &f) && f.start > from)
				hole.end = least(hole.end, f.start);
		*gap = hole;
		return true;
	}
	return false;
}

bool view_missing(const struct plan *p, const struct plan_wait *w,
		  uint64_t *off)
{
	struct extent hole;

	if (!extent_hole(p->in->present, w->start, least(w->end, p->limit),
			 &hole))
		return false;
	*off = hole.start;
	return true;
}

bool view_idle(const struct plan *p, const struct plan_cursor *c)
{
	return !c->run || c->left ||
	       later(c->used_ms, PLAN_IDLE_MS) <= p->in->now_ms;
}

/* A player that has been sent somewhere reads all it can get, too, but not for
 * long: it may soon be sent elsewhere. */
unsigned view_lanes(const struct plan *p, const struct plan_cursor *c)
{
	return c->run >= PLAN_GREEDY ? p->lanes : 1;
}

bool view_early(const struct plan *p, const struct plan_cursor *c)
{
	return (!c->end || c->end == PLAN_END_OPEN) &&
	       c->run < PLAN_WINDOW_MIN && c->taste < PLAN_WINDOW_MIN &&
	       p->trip <= PLAN_WINDOW_FIRST / 2;
}

uint64_t view_ahead(const struct plan *p, const struct plan_cursor *c)
{
	uint64_t ahead = c->window;

	/* Enough for all connections to be tried. */
	if (view_lanes(p, c) > 1 && c->window >= STARVED)
		ahead = most(ahead, least((p->lanes + 1) * p->piece,
					  PLAN_WINDOW_MAX));
	if (c->end && c->end != PLAN_END_OPEN)
		return most(ahead, PLAN_BOUNDED);
	if (c->end)
		ahead = most(ahead, PLAN_WINDOW_MIN);
	return view_early(p, c) ? least(ahead, PLAN_WINDOW_FIRST) : ahead;
}

uint64_t view_worth(const struct plan *p, const struct plan_cursor *c)
{
	uint64_t half = view_ahead(p, c) / 2;

	return view_lanes(p, c) > 1 ? least(half, p->piece) : half;
}

uint64_t view_horizon(const struct plan *p, const struct plan_cursor *c)
{
	uint64_t limit = c->end ? least(c->end, p->limit) : p->limit;

	return least(plus(c->pos, view_ahead(p, c)), limit);
}

bool view_in_window(const struct plan *p, const struct extent *f,
		    uint64_t slack)
{
	for (size_t i = 0; i < p->in->n_cursors; i++) {
		const struct plan_cursor *c = &p->in->cursors[i];

		if (!view_idle(p, c) && f->end > minus(c->pos, slack) &&
		    f->start < plus(view_horizon(p, c), slack))
			return true;
	}
	return false;
}

bool view_background(const struct plan *p, size_t i, const struct extent *f)
{
	return i < 64 && !(p->served >> i & 1) && !view_in_window(p, f, 0);
}

bool view_stoppable(const struct plan *p, size_t i)
{
	for (size_t k = 0; k < p->n; k++)
		if (p->out[k].verb != PLAN_START && p->out[k].flight == i)
			return false;
	return i < p->in->n_flights && p->in->flights[i].stoppable;
}

unsigned view_busy(const struct plan *p, uint64_t from, uint64_t to)
{
	uint64_t left, little = 0;
	struct extent f;
	unsigned n = 0;

	for (size_t i = 0; i < view_flights(p); i++) {
		if (!view_flight(p, i, &f) || f.start >= to || f.end <= from)
			continue;
		left = least(f.end, to) - f.start;
		if (left > p->lead)
			n++;
		else
			little += left;
	}
	return n + (little > p->lead);
}

uint64_t view_backlog(const struct plan *p, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;
	struct extent f;

	for (size_t i = 0; i < view_flights(p); i++)
		if (view_flight(p, i, &f) && f.start < to && f.end > from)
			sum = plus(sum, least(f.end, to) - f.start);
	return sum;
}

void view_init(struct plan *p, const struct plan_input *in,
	       struct plan_action *out)
{
	uint64_t us = in->latency_us ? least(in->latency_us, LATENCY_MAX_US)
				     : LATENCY_GUESS_US;
	uint64_t rate = in->rate ? least(in->rate, RATE_MAX) : RATE_GUESS;
	uint64_t trip = rate * us / 1000000;

	*p = (struct plan){
		.in = in,
		.out = out,
		.running = in->n_flights,
		.limit = in->size,
		.rate = rate,
		.trip = trip,
		.trip_ms = (us + LATE_US) / 1000,
		.near = most(PLAN_NEAR_MIN, trip * 3 / 2),
		.split = in->split ? in->split :
				     most(PLAN_NEAR_MIN, trip * 3 / 2),
		.lead = most(LEAD_MIN, rate * ((in->lanes > 1 ? us : 2 * us) +
					       LATE_US) / 1000000),
		.lanes = in->lanes ? in->lanes : 1,
		.piece = most(PIECE_MIN, least(PLAN_WINDOW_MAX, rate *
				(PIECE_TRIPS * us + PIECE_US) / 1000000)),
		.wake = INT64_MAX,
	};
}
