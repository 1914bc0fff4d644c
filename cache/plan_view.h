/* plan_view: the picture that plan.c decides by, and the arithmetic under it.
 *
 * Private to the planner. The picture is a snapshot of an entry together with
 * the actions decided so far, so that each decision sees the ones before it:
 * a flight that was cut is short, one that was started is under way. Nothing
 * is decided here.
 *
 * Offsets and lengths are bytes. Sums saturate: nothing that a snapshot can
 * hold overflows.
 */
#ifndef SPOOL_PLAN_VIEW_H
#define SPOOL_PLAN_VIEW_H

#include "plan.h"

/* What is nearer than this to a flight no new request brings sooner; waits
 * that are nearer to each other share a request. */
#define PLAN_NEAR_MIN ((uint64_t)256 << 10)
/* How far back a reader may step and still be the same one: the largest reads
 * of the kernel, several of them made in parallel, arrive in any order. */
#define PLAN_STEP_BACK ((uint64_t)1 << 20)

#define NONE SIZE_MAX

struct plan {
	const struct plan_input *in;
	struct plan_action *out;
	size_t n;		/* actions so far */
	size_t running;		/* flights once these are carried out */
	uint64_t limit;		/* no byte is at or past it */
	uint64_t rate;		/* bytes/s, measured or guessed */
	uint64_t trip;		/* bytes that come until a new request's first,
				   and … */
	uint64_t trip_ms;	/* … how long that is */
	uint64_t near;		/* bytes that come sooner, to be sure */
	uint64_t split;		/* the same, or what the settings say */
	uint64_t lead;		/* bytes left of a flight when the next one is
				   asked for */
	uint64_t turn;		/* what a flight may bring before it makes way
				   for another reader */
	unsigned lanes;		/* flights for one reader */
	uint64_t piece;		/* the share of each, where there are several */
	uint64_t longest;	/* request */
	uint64_t served;	/* bit i: somebody waits for flight i */
	bool waiting;		/* somebody waits for a missing byte */
	bool unserved;		/* … that won't come soon by itself */
	bool displaced;		/* a wait took a request: background yields */
	bool cramped;		/* out is full: ask again at once */
	int64_t wake;
};

void view_init(struct plan *p, const struct plan_input *in,
	       struct plan_action *out);

/* The plan must be asked again at ms, or before. */
void view_wake(struct plan *p, int64_t ms);

/* How many flights there are to ask view_flight for: the given ones, then
 * one number for each action. */
size_t view_flights(const struct plan *p);
/* Flight i as it will be once the actions so far are carried out: [next byte,
 * end). False when there is none of this number, or nothing left of it. */
bool view_flight(const struct plan *p, size_t i, struct extent *f);
/* Which flight will bring the byte at off, or NONE. */
size_t view_over(const struct plan *p, uint64_t off, struct extent *f);
/* Bytes of f to come. */
uint64_t view_left(const struct plan *p, const struct extent *f);
/* How many flights with much left bring [from, to); those with little left
 * are one together, if they have much. */
unsigned view_busy(const struct plan *p, uint64_t from, uint64_t to);
/* Bytes to come of [from, to), by all flights. */
uint64_t view_backlog(const struct plan *p, uint64_t from, uint64_t to);
/* A given flight that no action touches yet and that can be ended. */
bool view_stoppable(const struct plan *p, size_t i);
/* Flight i, which is f, serves nobody who reads now: fill, or left over. */
bool view_background(const struct plan *p, size_t i, const struct extent *f);

/* The first stretch of [from, limit) that is neither here nor on its way. */
bool view_gap(const struct plan *p, uint64_t from, uint64_t limit,
	      struct extent *gap);
/* The first byte that w waits for. False: it has them all. */
bool view_missing(const struct plan *p, const struct plan_wait *w,
		  uint64_t *off);

/* Nobody reads at c (any more, or at the moment). */
bool view_idle(const struct plan *p, const struct plan_cursor *c);
/* How many flights may bring what a reader at c wants. */
unsigned view_lanes(const struct plan *p, const struct plan_cursor *c);
/* The reader at c has not read much yet, and may be about to stop: he gets less
 * ahead, where that does not make him wait. */
bool view_early(const struct plan *p, const struct plan_cursor *c);
/* How much is wanted ahead of a reader at c. 0: nothing yet. */
uint64_t view_ahead(const struct plan *p, const struct plan_cursor *c);
/* How much of it is worth a request: half of it, or, with several connections,
 * the share of one. */
uint64_t view_worth(const struct plan *p, const struct plan_cursor *c);
/* Where what is wanted ends. */
uint64_t view_horizon(const struct plan *p, const struct plan_cursor *c);
/* Some reader is where f is, or at most slack away from there. */
bool view_in_window(const struct plan *p, const struct extent *f,
		    uint64_t slack);

/* ---- plan_order.c: what was ordered ------------------------------------------ */

/* Some of it is not here. */
bool order_missing(const struct plan *p);
/* f brings some of it. */
bool order_holds(const struct plan *p, const struct extent *f);
/* The next piece to ask for, if it is time: behind all readers. */
bool order_next(const struct plan *p, struct extent *piece);

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline int64_t later(int64_t ms, uint64_t by)
{
	int64_t sum;

	if (by > INT64_MAX || __builtin_add_overflow(ms, (int64_t)by, &sum))
		return INT64_MAX;
	return sum;
}

#endif
