#include "config.h"

#include "plan_view.h"

/* An abort costs an HTTP/1.1 connection, which is a round trip: not for so
 * little, nor for what comes in one. */
#define ABORT_MIN PLAN_NEAR_MIN
/* A first read so near the end is after an index: take all of it. */
#define TAIL ((uint64_t)512 << 10)
/* Background fill holds back so long after a read at a new place, or one that
 * had to wait. */
#define SETTLE_MS 1000
/* The least that is worth a timer. */
#define LATE_MS 5

/* ---- actions --------------------------------------------------------------
 */

static bool room(struct plan *p, size_t n)
{
	if (PLAN_ACTIONS_MAX - p->n >= n)
		return true;
	p->cramped = true;
	return false;
}

static void start(struct plan *p, enum plan_priority priority, uint64_t from,
		  uint64_t to)
{
	p->out[p->n++] = (struct plan_action){ .verb = PLAN_START,
					       .priority = priority,
					       .start = from,
					       .end = to };
	p->running++;
}

static void cut(struct plan *p, size_t i, uint64_t end)
{
	if (i >= p->in->n_flights)
		p->out[i - p->in->n_flights].end = end;
	else
		p->out[p->n++] = (struct plan_action){ .verb = PLAN_CUT,
						       .flight = i,
						       .end = end };
}

static void stop(struct plan *p, size_t i)
{
	p->out[p->n++] = (struct plan_action){ .verb = PLAN_STOP,
					       .priority = PLAN_BACKGROUND,
					       .flight = i };
	p->running--;
}

/* ---- a place for a request ------------------------------------------------
 */

/* The background flight with most left to do, or NONE. */
static size_t background_flight(const struct plan *p)
{
	size_t found = NONE;
	uint64_t longest = 0;
	struct extent f;

	for (size_t i = 0; i < p->in->n_flights; i++) {
		if (!view_stoppable(p, i) || !view_flight(p, i, &f) ||
		    !view_background(p, i, &f) || view_left(p, &f) <= longest)
			continue;
		found = i;
		longest = view_left(p, &f);
	}
	return found;
}

/* Nothing is free for one who waits: see that something will soon be. Readers
 * that each have a flight take turns; a turn is long enough that the aborted
 * connection does not matter. */
static void shorten_longest(struct plan *p)
{
	uint64_t turn = p->turn, longest = 2 * turn;
	size_t found = NONE;
	struct extent f;

	for (size_t i = 0; i < p->in->n_flights; i++) {
		if (!view_flight(p, i, &f) || view_left(p, &f) <= turn)
			return;
		if (!view_stoppable(p, i) || view_left(p, &f) <= longest)
			continue;
		found = i;
		longest = view_left(p, &f);
	}
	if (found != NONE && view_flight(p, found, &f))
		cut(p, found, f.start + turn);
}

/* Readers of other resources wait for a connection: none is kept for long. */
static void shorten_all(struct plan *p)
{
	struct extent f;

	for (size_t i = 0; i < p->in->n_flights; i++)
		if (view_stoppable(p, i) && view_flight(p, i, &f) &&
		    view_left(p, &f) > 2 * p->turn && room(p, 1))
			cut(p, i, f.start + p->turn);
}

/* Make sure of a place, and of room for n actions beside what that takes. */
static bool make_place(struct plan *p, size_t n)
{
	while (p->running >= p->in->max_flights) {
		size_t victim = background_flight(p);

		if (victim == NONE || !room(p, n + 1))
			return false;
		stop(p, victim);
	}
	return room(p, n);
}

/* ---- urgent ---------------------------------------------------------------
 */

/* See what is waited for, without deciding anything yet. */
static void look_at_waits(struct plan *p)
{
	const struct plan_wait *w = p->in->waits;
	size_t n = p->in->n_flights;
	uint64_t all = n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX;
	struct extent f;
	uint64_t off;

	for (size_t k = 0; k < p->in->n_waits; k++) {
		size_t i;

		if (k && w[k].start == w[k - 1].start &&
		    w[k].end == w[k - 1].end)
			continue;
		if (!view_missing(p, &w[k], &off))
			continue;
		p->waiting = true;
		i = view_over(p, off, &f);
		if (i < 64)
			p->served |= (uint64_t)1 << i;
		if (i == NONE || off - f.start > p->split)
			p->unserved = true;
		/* The oldest are served first, so this is soon. */
		if (p->unserved && p->served == all)
			return;
	}
}

/* More readers than flights: they take turns, which must not be long. */
static bool scarce(const struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->in->n_cursors; i++)
		n += view_ahead(p, &p->in->cursors[i]) &&
		     !view_idle(p, &p->in->cursors[i]);
	return n > p->in->max_flights;
}

/* What w wants for itself: a little more than it asks for, but not much, for
 * a first read at a new place may be the only one. What is known of its reader
 * says how much. */
static uint64_t own_end(const struct plan *p, const struct plan_wait *w)
{
	uint64_t taste = 0, end = 0;

	for (size_t i = 0; i < p->in->n_cursors; i++) {
		const struct plan_cursor *c = &p->in->cursors[i];

		if (!c->run || w->end > c->pos ||
		    w->start < minus(c->pos, c->run))
			continue;
		taste = most(taste, c->taste);
		if (c->end)
			end = most(end, view_horizon(p, c));
	}
	if (end)
		return most(w->end, end);
	return most(w->end, plus(w->start, taste ? taste : PLAN_PROBE));
}

/* Let a request [want) serve the waits around it, too. */
static void gather(const struct plan *p, struct extent *want)
{
	const struct plan_wait *w = p->in->waits;
	struct extent gap;
	uint64_t off;

	for (size_t k = 0; k < p->in->n_waits; k++) {
		if (w[k].start > plus(want->end, PLAN_NEAR_MIN) ||
		    w[k].end < minus(want->start, PLAN_NEAR_MIN) ||
		    !view_missing(p, &w[k], &off))
			continue;
		if (off >= want->start && off <= plus(want->end, PLAN_NEAR_MIN))
			want->end = most(want->end, own_end(p, &w[k]));
		else if (off < want->start && want->start - off <= PLAN_NEAR_MIN &&
			 view_gap(p, off, want->start, &gap) &&
			 gap.start == off && gap.end == want->start)
			want->start = off;
	}
}

/* How far a request [want) should reach: to the horizon of the readers who are
 * there, and near the end to the end. */
static uint64_t reach(const struct plan *p, const struct extent *want)
{
	uint64_t end = want->end;
	bool bounded = false;

	for (size_t i = 0; i < p->in->n_cursors; i++) {
		const struct plan_cursor *c = &p->in->cursors[i];
		uint64_t back = least(c->run, PLAN_STEP_BACK);

		if (view_ahead(p, c) && want->start < view_horizon(p, c) &&
		    want->end >= minus(c->pos, back) && !view_idle(p, c))
			end = most(end, view_horizon(p, c));
		bounded |= c->end && want->start < c->end &&
			   want->start >= minus(c->pos, c->run);
	}
	if (!bounded && minus(p->limit, want->start) <= TAIL)
		end = p->limit;
	return least(end, plus(want->start, p->longest));
}

static void start_urgent(struct plan *p, const struct plan_wait *w,
			 uint64_t off)
{
	struct extent want = { off, own_end(p, w) }, gap;

	gather(p, &want);
	want.end = reach(p, &want);
	if (!view_gap(p, want.start, p->limit, &gap) ||
	    gap.start != want.start)
		return;
	want.end = least(want.end, gap.end);
	/* A remainder that is not worth a request of its own comes along. */
	if (gap.end - want.end < PLAN_PROBE)
		want.end = gap.end;
	start(p, PLAN_URGENT, gap.start, want.end);
	p->displaced = true;
}

static void serve_waits(struct plan *p)
{
	for (size_t k = 0; k < p->in->n_waits; k++) {
		const struct plan_wait *w = &p->in->waits[k];
		struct extent f;
		uint64_t off;
		size_t i;

		if (!view_missing(p, w, &off))
			continue;
		i = view_over(p, off, &f);
		if (i != NONE && off - f.start <= p->split)
			continue;
		if (i < p->in->n_flights && !view_stoppable(p, i))
			continue;
		if (!make_place(p, 2)) {
			if (room(p, 1))
				shorten_longest(p);
			return;
		}
		i = view_over(p, off, &f);
		if (i != NONE)
			cut(p, i, off);
		start_urgent(p, w, off);
	}
}

/* ---- read-ahead and fill --------------------------------------------------
 */

/* Is gap, of which the window shows [start, end), to be asked for yet? Or else
 * if it is the last there is of it. */
static bool is_due(const struct plan *p, const struct plan_cursor *c,
		   const struct extent *gap, uint64_t end)
{
	return end == gap->end || end == c->end ||
	       end - gap->start >= view_worth(p, c);
}

/* The next piece for the reader at c, if it is time. */
static bool next_piece(struct plan *p, const struct plan_cursor *c,
		       struct extent *piece)
{
	uint64_t end = view_horizon(p, c);
	struct extent gap;

	if (!view_gap(p, c->pos, end, &gap) ||
	    view_busy(p, c->pos, end) >= view_lanes(p, c) ||
	    !view_gap(p, gap.start, p->limit, &gap) ||
	    !is_due(p, c, &gap, least(end, gap.end)))
		return false;
	end = least(end, plus(gap.start, p->longest));
	*piece = (struct extent){ gap.start, least(end, gap.end) };
	return true;
}

static void read_ahead(struct plan *p)
{
	/* With the last free place a jump can be answered at once. */
	unsigned spare = p->in->max_flights > 2;
	struct extent piece;

	for (size_t i = 0; i < p->in->n_cursors; i++) {
		const struct plan_cursor *c = &p->in->cursors[i];

		if (!view_ahead(p, c) || view_idle(p, c))
			continue;
		while (next_piece(p, c, &piece)) {
			if (p->running + spare >= p->in->max_flights &&
			    background_flight(p) == NONE)
				return;
			if (!make_place(p, 1))
				return;
			start(p, PLAN_AHEAD, piece.start, piece.end);
		}
	}
}

/* Is it a playback or a copy? Not who has said where he will stop. */
static bool proves(const struct plan_cursor *c)
{
	return c->run >= PLAN_SEQUENTIAL && (!c->end || c->end == PLAN_END_OPEN);
}

/* Does anybody's reading allow the rest of the file to be fetched? */
static bool fill_allowed(const struct plan *p)
{
	for (size_t i = 0; i < p->in->n_cursors; i++) {
		const struct plan_cursor *c = &p->in->cursors[i];

		if (p->in->fill == PLAN_FILL_NONE || view_idle(p, c))
			continue;
		if (p->in->fill == PLAN_FILL_ALL || proves(c))
			return true;
	}
	return false;
}

/* Until when the reader at c is better off without: while he looks around, and
 * while he takes all that comes, which had better be what he waits for. */
static int64_t rival_until(const struct plan *p, const struct plan_cursor *c)
{
	if (p->in->fill == PLAN_FILL_ALL)
		return INT64_MIN;
	if (!view_ahead(p, c))
		return later(c->used_ms, SETTLE_MS);
	return c->missed_ms ? later(c->missed_ms, SETTLE_MS) : INT64_MIN;
}

/* The reader after whom to go on: the latest in sequence. NULL while the fill
 * would be in competition with one. */
static const struct plan_cursor *fill_after(struct plan *p)
{
	const struct plan_cursor *found = NULL;

	for (size_t i = 0; i < p->in->n_cursors; i++) {
		const struct plan_cursor *c = &p->in->cursors[i];

		if (view_idle(p, c))
			continue;
		if (rival_until(p, c) > p->in->now_ms) {
			view_wake(p, rival_until(p, c));
			return NULL;
		}
		if (!found || (!view_ahead(p, c) == !view_ahead(p, found) ?
			       c->used_ms > found->used_ms : view_ahead(p, c)))
			found = c;
	}
	return found;
}

static void fill(struct plan *p)
{
	const struct plan_cursor *c;
	struct extent gap;

	if (p->waiting || view_backlog(p, 0, p->limit) > p->lead ||
	    p->running >= p->in->max_flights || p->running > 1)
		return;
	c = fill_after(p);
	if (!c || (!view_gap(p, c->pos, p->limit, &gap) &&
		   !view_gap(p, 0, p->limit, &gap)))
		return;
	if (room(p, 1))
		start(p, PLAN_BACKGROUND, gap.start,
		      least(gap.end, plus(gap.start, PLAN_FILL_CHUNK)));
}

/* Flights that serve nobody any more, or must give way. */
static void stop_idle(struct plan *p, bool filling)
{
	uint64_t little = most(ABORT_MIN, p->near);
	struct extent f;

	for (size_t i = 0; i < p->in->n_flights; i++) {
		if (!view_flight(p, i, &f) || view_left(p, &f) <= little ||
		    !view_background(p, i, &f))
			continue;
		if ((filling || order_holds(p, &f)) && !p->displaced)
			continue;
		if (!filling && view_in_window(p, &f, PLAN_WINDOW_MIN))
			continue;
		if (view_stoppable(p, i) && room(p, 1))
			stop(p, i);
	}
}

/* ---- the whole ------------------------------------------------------------
 */

/* Nothing is known yet: one small request, whose answer tells what the
 * resource is. */
static void plan_probe(struct plan *p)
{
	struct extent want, gap;
	bool used = p->in->probe || p->waiting;

	if (p->in->n_flights || !(used || order_missing(p)) ||
	    !view_gap(p, 0, p->limit, &gap))
		return;
	want.start = gap.start;
	want.end = plus(gap.start, PLAN_PROBE);
	gather(p, &want);
	start(p, used ? PLAN_URGENT : PLAN_BACKGROUND, want.start,
	      least(reach(p, &want), gap.end));
}

/* The origin gives all or nothing; or where all ends is not known. */
static bool whole(const struct plan_input *in)
{
	return in->ranges == PLAN_RANGES_NO || in->size == PLAN_SIZE_UNKNOWN;
}

static bool whole_wanted(const struct plan *p)
{
	struct extent hole;

	if (p->waiting || p->in->probe)
		return true;
	if (!extent_hole(p->in->present, 0, p->limit, &hole))
		return false;
	for (size_t i = 0; i < p->in->n_cursors; i++) {
		const struct plan_cursor *c = &p->in->cursors[i];

		if (!view_idle(p, c) && view_ahead(p, c) &&
		    !extent_contains(p->in->present, c->pos, view_horizon(p, c)))
			return true;
	}
	return fill_allowed(p);
}

/* Nobody reads what the whole body's flight i brings. Who asked what this is may
 * be about to: it is kept for as long as it would take to ask again. */
static void stop_whole(struct plan *p, size_t i)
{
	const struct plan_flight *f = &p->in->flights[i];
	int64_t until = later(f->since_ms, p->trip_ms);
	struct extent e = { f->pos, f->end };

	if (!f->stoppable || view_left(p, &e) <= ABORT_MIN)
		return;
	if (until > p->in->now_ms)
		view_wake(p, until);
	else if (room(p, 1))
		stop(p, i);
}

/* One request for the whole body, kept while somebody reads. */
static void plan_whole(struct plan *p)
{
	bool used = p->waiting || p->in->probe;

	if (!p->in->n_flights) {
		if (whole_wanted(p))
			start(p, used ? PLAN_URGENT : PLAN_AHEAD, 0,
			      PLAN_SIZE_UNKNOWN);
		else if (order_missing(p))
			start(p, PLAN_BACKGROUND, 0, PLAN_SIZE_UNKNOWN);
		return;
	}
	for (size_t i = 0; i < p->in->n_cursors; i++)
		used |= !view_idle(p, &p->in->cursors[i]);
	used |= order_missing(p);
	for (size_t i = 0; i < p->in->n_flights && !used; i++)
		stop_whole(p, i);
}

static void plan_ranges(struct plan *p)
{
	bool filling = fill_allowed(p);
	struct extent piece;

	if (p->unserved)
		serve_waits(p);
	stop_idle(p, filling);
	if (p->in->crowded)
		shorten_all(p);
	/* What is left over for want of room was more urgent. */
	if (!p->cramped)
		read_ahead(p);
	while (!p->cramped && order_next(p, &piece) && room(p, 1))
		start(p, PLAN_BACKGROUND, piece.start, piece.end);
	if (!p->cramped && filling)
		fill(p);
}

/* How long so many bytes will take; at least what a timer is good for. */
static uint64_t millis(const struct plan *p, uint64_t bytes)
{
	return LATE_MS + least(bytes / p->rate, INT32_MAX) * 1000 +
	       bytes % p->rate * 1000 / p->rate;
}

/* When time alone changes the answer: a reader becomes idle, a flight comes
 * to where the next one is due. */
static void set_alarm(struct plan *p)
{
	struct extent f;

	for (size_t i = 0; i < p->in->n_cursors; i++)
		if (!view_idle(p, &p->in->cursors[i]) && view_flights(p))
			view_wake(p, later(p->in->cursors[i].used_ms,
					 PLAN_IDLE_MS));
	for (size_t i = 0; i < view_flights(p) && p->in->n_cursors; i++)
		if (view_flight(p, i, &f) && view_left(p, &f) > p->lead)
			view_wake(p, later(p->in->now_ms,
					   millis(p, view_left(p, &f) -
						  p->lead)));
	if (p->cramped)
		p->wake = p->in->now_ms;
}

size_t plan_next(const struct plan_input *in, struct plan_action *out,
		 int64_t *wake_ms)
{
	struct plan p;

	view_init(&p, in, out);
	p.turn = most(PLAN_WINDOW_MIN, 2 * p.near);
	p.longest = in->crowded ? least(p.turn, PLAN_WINDOW_MAX)
		  : scarce(&p) ? least(2 * p.turn, PLAN_WINDOW_MAX)
		  : p.lanes > 1 ? p.piece : PLAN_WINDOW_MAX;
	look_at_waits(&p);
	if (in->ranges == PLAN_RANGES_UNKNOWN &&
	    (in->probe || in->size == PLAN_SIZE_UNKNOWN))
		plan_probe(&p);
	else if (whole(in))
		plan_whole(&p);
	else
		plan_ranges(&p);
	set_alarm(&p);
	*wake_ms = p.wake;
	return p.n;
}

/* Where c's progress makes its next piece due, if nothing else changes. */
static uint64_t due_at(const struct plan *p, const struct plan_cursor *c)
{
	uint64_t ahead = view_ahead(p, c), stop = c->end ? c->end : UINT64_MAX, at;
	struct extent gap;

	if (!view_gap(p, c->pos, p->limit, &gap) || gap.start >= stop)
		return UINT64_MAX;
	if (!ahead)
		return c->pos;
	if (whole(p->in))
		return minus(gap.start, ahead);
	at = least(minus(least(gap.end, stop), ahead),
		   minus(gap.start, ahead - view_worth(p, c)));
	/* Due already: held back by flights, whose progress will tell. */
	return at > c->pos ? at - 1 : gap.start;
}

uint64_t plan_quiet_until(const struct plan_input *in,
			  const struct plan_cursor *c)
{
	struct extent gap;
	uint64_t until;
	struct plan p;

	view_init(&p, in, NULL);
	if (!extent_hole(in->present, 0, p.limit, &gap))
		return UINT64_MAX;
	if (view_idle(&p, c))
		return 0;
	until = due_at(&p, c);
	if (in->fill == PLAN_FILL_PLAYING && c->run < PLAN_SEQUENTIAL)
		until = least(until, plus(c->pos,
					  PLAN_SEQUENTIAL - 1 - c->run));
	if (view_early(&p, c))
		until = least(until, plus(c->pos, PLAN_WINDOW_MIN - 1 - c->run));
	if (p.lanes > 1 && c->run < PLAN_GREEDY)
		until = least(until, plus(c->pos, PLAN_GREEDY - 1 - c->run));
	return until;
}
