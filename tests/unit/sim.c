#include "config.h"

#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define STEP_US 500

uint64_t sim_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* ---- laws -----------------------------------------------------------------
 */

struct books {
	const struct plan_input *in;
	struct plan_flight f[2 * SIM_FLIGHTS];
	bool gone[2 * SIM_FLIGHTS];
	size_t n, running;
};

static bool probing(const struct plan_input *in)
{
	return in->ranges == PLAN_RANGES_UNKNOWN &&
	       (in->probe || in->size == PLAN_SIZE_UNKNOWN);
}

static bool whole(const struct plan_input *in)
{
	return !probing(in) && (in->ranges == PLAN_RANGES_NO ||
				in->size == PLAN_SIZE_UNKNOWN);
}

static bool in_flight(const struct books *b, uint64_t off)
{
	for (size_t i = 0; i < b->n; i++)
		if (!b->gone[i] && b->f[i].pos <= off && off < b->f[i].end)
			return true;
	return false;
}

static const char *check_start(const struct books *b,
			       const struct plan_action *a)
{
	const struct plan_input *in = b->in;

	if (b->running >= in->max_flights)
		return "more flights than allowed";
	if (a->start >= a->end)
		return "empty request";
	if (whole(in))
		return a->start || a->end != PLAN_SIZE_UNKNOWN
			       ? "not the whole body"
		       : b->running ? "a second request for the whole" : NULL;
	if (probing(in) && b->running)
		return "a second probe";
	if (in->size != PLAN_SIZE_UNKNOWN && a->end > in->size)
		return "past the size";
	if (a->end - a->start > PLAN_WINDOW_MAX + PLAN_PROBE)
		return "unbounded request";
	if (extent_run(in->present, a->start) ||
	    extent_next(in->present, a->start) < a->end)
		return "asks for present bytes";
	for (size_t i = 0; i < b->n; i++)
		if (!b->gone[i] && b->f[i].pos < b->f[i].end &&
		    b->f[i].pos < a->end && a->start < b->f[i].end)
			return "asks for bytes in flight";
	return NULL;
}

static const char *check_action(struct books *b, const struct plan_action *a)
{
	const char *broken;

	if (a->verb == PLAN_START) {
		broken = check_start(b, a);
		b->f[b->n++] = (struct plan_flight){ .pos = a->start,
						     .end = a->end };
		b->running++;
		return broken;
	}
	if (a->flight >= b->in->n_flights || b->gone[a->flight])
		return "no such flight";
	if (!b->f[a->flight].stoppable)
		return "ends a flight that can't be";
	if (a->verb == PLAN_STOP) {
		b->gone[a->flight] = true;
		b->running--;
		return NULL;
	}
	if (a->end <= b->f[a->flight].pos || a->end >= b->f[a->flight].end)
		return "cuts outside the flight";
	b->f[a->flight].end = a->end;
	return NULL;
}

static const char *check_progress(const struct books *b)
{
	const struct plan_input *in = b->in;
	struct extent hole;

	if (b->running >= in->max_flights)
		return NULL;
	for (size_t k = 0; k < in->n_waits; k++) {
		uint64_t end = in->waits[k].end;

		if (end > in->size)
			end = in->size;
		if (!extent_hole(in->present, in->waits[k].start, end, &hole))
			continue;
		if (probing(in) || whole(in) ? !b->running
					     : !in_flight(b, hole.start))
			return "somebody waits for nothing";
	}
	return NULL;
}

const char *sim_broken_law(const struct plan_input *in,
			   const struct plan_action *out, size_t n,
			   int64_t wake_ms)
{
	struct books b = { .in = in, .n = in->n_flights,
			   .running = in->n_flights };
	const char *broken = NULL;

	if (n > PLAN_ACTIONS_MAX)
		return "too many actions";
	for (size_t i = 0; i < b.n; i++)
		b.f[i] = in->flights[i];
	for (size_t i = 0; i < n && !broken; i++)
		broken = check_action(&b, &out[i]);
	if (broken)
		return broken;
	if (wake_ms < in->now_ms || (wake_ms == in->now_ms && !n))
		return "spins";
	return wake_ms == in->now_ms ? NULL : check_progress(&b);
}

bool sim_same(const struct plan_action *a, const struct plan_action *b)
{
	if (a->verb != b->verb)
		return false;
	if (a->verb == PLAN_START)
		return a->start == b->start && a->end == b->end &&
		       a->priority == b->priority;
	return a->flight == b->flight &&
	       (a->verb == PLAN_STOP || a->end == b->end);
}

size_t sim_carry_out(struct plan_flight *flights, size_t n,
		     const struct plan_action *out, size_t n_out)
{
	size_t total = n, kept = 0;

	for (size_t i = 0; i < n_out; i++) {
		if (out[i].verb == PLAN_CUT)
			flights[out[i].flight].end = out[i].end;
		else if (out[i].verb == PLAN_STOP)
			flights[out[i].flight].end = 0;
		else if (total < SIM_FLIGHTS)
			flights[total++] = (struct plan_flight){
				.pos = out[i].start, .end = out[i].end
			};
	}
	for (size_t i = 0; i < total; i++)
		if (flights[i].end || i >= n)
			flights[kept++] = flights[i];
	return kept;
}

/* ---- readers --------------------------------------------------------------
 */

bool sim_copy(struct sim_reader *r, struct sim_step *step)
{
	uint64_t off = r->from + r->place;

	if (off >= r->to)
		return false;
	step->off = off;
	step->len = r->to - off < r->block ? r->to - off : r->block;
	r->place += step->len;
	return true;
}

bool sim_play(struct sim_reader *r, struct sim_step *step)
{
	if (!sim_copy(r, step))
		return false;
	step->rest_us = step->len * 1000000 / r->bitrate;
	return true;
}

bool sim_seek(struct sim_reader *r, struct sim_step *step)
{
	if (r->step_nr++ >= r->n_steps)
		return false;
	step->off = r->from +
		    sim_random(&r->seed) % (r->to - r->from - r->block);
	step->len = r->block;
	return true;
}

bool sim_steps(struct sim_reader *r, struct sim_step *step)
{
	if (r->step_nr >= r->n_steps)
		return false;
	*step = r->steps[r->step_nr++];
	return true;
}

static void reader_next(struct sim *s, struct sim_reader *r)
{
	struct sim_step step = { 0 };

	if (!r->next(r, &step)) {
		r->done = true;
		r->done_us = s->now_us;
		return;
	}
	r->now = step;
	r->due_us = s->now_us + step.rest_us;
}

/* Bytes are there: all that were asked for, or what a stream can get. */
static void reader_take(struct sim *s, struct sim_reader *r, uint64_t n)
{
	r->got += n;
	r->now.off += n;
	r->now.len -= n;
	if (!r->now.len)
		reader_next(s, r);
}

/* How much of its step r could have now; 0: it must wait. */
static uint64_t takes(const struct sim *s, const struct sim_reader *r)
{
	uint64_t run = extent_run(&s->present, r->now.off);

	if (run >= r->now.len || r->now.off + run >= s->size)
		return r->now.len;
	return r->stream ? run : 0;
}

static uint64_t waits_for(const struct sim_reader *r)
{
	return r->stream ? 1 : r->now.len;
}

/* As the engine's face does it: what was waited for is accounted for once, and
 * the engine hears of it when it must. True: ask the planner. */
static bool account(struct sim *s, struct sim_reader *r, uint64_t len,
		    bool missed)
{
	struct plan_cursor *c = r->cursors;
	size_t i;

	for (i = 0; i < SIM_CURSORS && !missed; i++)
		if (c[i].run && c[i].pos == r->now.off + len) {
			c[i].used_ms = s->now_us / 1000;
			return false;
		}
	i = plan_read(c, SIM_CURSORS, r->now.off, len, missed,
		      s->now_us / 1000);
	c[i].end = r->end;
	if (c[i].run == len)
		r->quiet[i] = 0;
	return missed || c[i].pos > r->quiet[i];
}

static void reader_read(struct sim *s, struct sim_reader *r)
{
	uint64_t n = takes(s, r);

	r->reads++;
	r->misses += !n;
	s->due |= account(s, r, n ? n : waits_for(r), !n);
	if (n) {
		reader_take(s, r, n);
		return;
	}
	r->parked = true;
	r->parked_us = s->now_us;
}

static void reader_wake(struct sim *s, struct sim_reader *r)
{
	int64_t waited = s->now_us - r->parked_us;

	r->waited_us += waited;
	if (waited > r->longest_us)
		r->longest_us = waited;
	r->parked = false;
	reader_read(s, r);
}

static void readers_go_on(struct sim *s)
{
	for (size_t i = 0; i < s->n_readers; i++) {
		struct sim_reader *r = &s->readers[i];

		if (r->parked && takes(s, r))
			reader_wake(s, r);
		/* Warm reads are as fast as memory: some a step. */
		for (int k = 0; k < 8; k++)
			if (!r->done && !r->parked && r->due_us <= s->now_us)
				reader_read(s, r);
	}
}

/* ---- link -----------------------------------------------------------------
 */

static void drop_flight(struct sim *s, size_t i)
{
	s->n_flights--;
	memmove(&s->flights[i], &s->flights[i + 1],
		(s->n_flights - i) * sizeof(s->flights[0]));
	memmove(&s->more[i], &s->more[i + 1],
		(s->n_flights - i) * sizeof(s->more[0]));
	s->due = true;
}

/* The response is given up: what the origin had sent is paid for. */
static void abort_flight(struct sim *s, size_t i)
{
	uint64_t pipe = s->link.rate * s->link.latency_us / 1000000;
	uint64_t left = s->more[i].whole_end - s->flights[i].pos;

	if (s->more[i].first_us <= s->now_us)
		s->pulled += left < pipe ? left : pipe;
	s->aborts++;
	drop_flight(s, i);
}

static void start_flight(struct sim *s, const struct plan_action *a)
{
	bool all = s->link.no_ranges;
	uint64_t end = all || a->end > s->size ? s->size : a->end;
	int64_t wait = s->link.latency_us;
	size_t i = s->n_flights++;

	if (s->idle_connections) {
		s->idle_connections--;
	} else {
		wait += s->link.latency_us;
		s->connections++;
	}
	s->requests++;
	if (s->n_flights > s->widest)
		s->widest = s->n_flights;
	s->flights[i] = (struct plan_flight){ .pos = all ? 0 : a->start,
					      .end = a->end };
	s->more[i] = (struct sim_flight){
		s->now_us + wait, end, 0,
		s->link.most && s->n_flights > s->link.most
	};
}

static void arrive(struct sim *s, size_t i, uint64_t bytes)
{
	struct plan_flight *f = &s->flights[i];
	uint64_t end = f->end < s->more[i].whole_end ? f->end
						     : s->more[i].whole_end;
	uint64_t n = end - f->pos < bytes ? end - f->pos : bytes;

	if (extent_add(&s->present, f->pos, f->pos + n) < 0)
		abort();
	f->pos += n;
	s->pulled += n;
	s->came += n;
	if (f->pos < end) {
		if (s->link.loss && sim_random(&s->random) % (1024 * MIB) <
					    n * s->link.loss)
			abort_flight(s, i);
		return;
	}
	if (end < s->more[i].whole_end) {
		abort_flight(s, i);
		return;
	}
	s->idle_connections++;
	drop_flight(s, i);
}

static void first_byte(struct sim *s, size_t i)
{
	s->flights[i].stoppable = true;
	s->flights[i].since_ms = s->now_us / 1000;
	if (s->link.no_ranges)
		s->flights[i].end = s->link.no_length ? PLAN_SIZE_UNKNOWN
						      : s->size;
	s->known = true;
	s->rate = s->link.rate;
	s->latency_us = s->link.latency_us;
	s->due = true;
}

static size_t served(const struct sim *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_flights; i++)
		n += s->flights[i].stoppable;
	return n;
}

static void refuse(struct sim *s, size_t i)
{
	s->refused++;
	s->retry_us = s->now_us + 250000;
	s->idle_connections++;
	lanes_refused(&s->lanes, served(s), s->now_us / 1000);
	drop_flight(s, i);
}

static void link_goes_on(struct sim *s)
{
	double share = s->link.rate;
	size_t active = 0, before;

	for (size_t i = 0; i < s->n_flights; i++)
		active += s->more[i].first_us <= s->now_us;
	if (active && s->link.total && share > (double)s->link.total / active)
		share = (double)s->link.total / active;
	for (size_t i = 0; i < s->n_flights;) {
		before = s->n_flights;
		if (s->more[i].first_us <= s->now_us) {
			struct sim_flight *m = &s->more[i];
			uint64_t n;

			if (m->refused) {
				refuse(s, i);
				continue;
			}
			if (!s->flights[i].stoppable)
				first_byte(s, i);
			m->credit += share * STEP_US / 1000000;
			n = m->credit;
			m->credit -= n;
			arrive(s, i, n);
		}
		i += s->n_flights == before;
	}
}

/* ---- engine ---------------------------------------------------------------
 */

static int older(const void *a, const void *b)
{
	const struct sim_reader *const *x = a, *const *y = b;

	return ((*x)->parked_us > (*y)->parked_us) -
	       ((*x)->parked_us < (*y)->parked_us);
}

static size_t parked_waits(const struct sim *s, struct plan_wait *waits)
{
	const struct sim_reader *parked[SIM_READERS];
	size_t n = 0;

	for (size_t i = 0; i < s->n_readers; i++)
		if (s->readers[i].parked)
			parked[n++] = &s->readers[i];
	qsort(parked, n, sizeof(parked[0]), older);
	for (size_t i = 0; i < n; i++)
		waits[i] = (struct plan_wait){
			parked[i]->now.off,
			parked[i]->now.off + waits_for(parked[i])
		};
	return n;
}

static void snapshot(const struct sim *s, struct plan_input *in,
		       struct plan_wait *waits, struct plan_cursor *cursors)
{
	bool length = s->known && !(s->link.no_length &&
				    extent_run(&s->present, 0) < s->size);
	size_t n_cursors = 0;

	for (size_t i = 0; i < s->n_readers; i++)
		for (size_t k = 0; k < SIM_CURSORS; k++)
			cursors[n_cursors++] = s->readers[i].cursors[k];
	*in = (struct plan_input){
		.size = length ? s->size : PLAN_SIZE_UNKNOWN,
		.ranges = !s->known ? PLAN_RANGES_UNKNOWN
			  : s->link.no_ranges ? PLAN_RANGES_NO
					      : PLAN_RANGES_YES,
		.probe = !s->known,
		.present = &s->present,
		.flights = s->flights,
		.n_flights = s->n_flights,
		.waits = waits,
		.n_waits = parked_waits(s, waits),
		.cursors = cursors,
		.n_cursors = n_cursors,
		.max_flights = lanes_cap(&s->lanes, s->max_flights,
					 s->now_us / 1000),
		.lanes = lanes_allowed(&s->lanes, s->max_flights,
				       s->now_us / 1000),
		.fill = s->fill,
		.rate = s->rate,
		.latency_us = s->latency_us,
		.now_ms = s->now_us / 1000,
	};
}

static void carry_out(struct sim *s, const struct plan_action *out, size_t n)
{
	bool stop[SIM_FLIGHTS] = { false };

	for (size_t i = 0; i < n; i++) {
		if (out[i].verb == PLAN_STOP)
			stop[out[i].flight] = true;
		else if (out[i].verb == PLAN_CUT)
			s->flights[out[i].flight].end = out[i].end;
	}
	for (size_t i = s->n_flights; i-- > 0;)
		if (stop[i])
			abort_flight(s, i);
	for (size_t i = 0; i < n; i++)
		if (out[i].verb == PLAN_START && s->now_us >= s->retry_us)
			start_flight(s, &out[i]);
}

static void count_lanes(struct sim *s)
{
	unsigned before = lanes_allowed(&s->lanes, s->max_flights,
					s->now_us / 1000);

	if (s->now_us % 10000 || !s->n_flights)
		return;
	lanes_count(&s->lanes, before, served(s), s->came, s->now_us / 1000);
	s->came = 0;
	s->due |= lanes_allowed(&s->lanes, s->max_flights,
				s->now_us / 1000) != before;
}

static void ask_planner(struct sim *s)
{
	struct plan_wait waits[SIM_READERS];
	struct plan_cursor cursors[SIM_READERS * SIM_CURSORS];
	struct plan_action out[PLAN_ACTIONS_MAX];
	struct plan_input in;
	size_t n;

	snapshot(s, &in, waits, cursors);
	n = plan_next(&in, out, &s->wake_ms);
	s->asked++;
	s->due = false;
	if (!s->broken)
		s->broken = sim_broken_law(&in, out, n, s->wake_ms);
	if (s->broken)
		return;
	carry_out(s, out, n);
	s->due = s->wake_ms <= in.now_ms && s->now_us >= s->retry_us;
	if (s->now_us < s->retry_us && n && s->retry_us / 1000 < s->wake_ms)
		s->wake_ms = s->retry_us / 1000;
	snapshot(s, &in, waits, cursors);
	for (size_t i = 0; i < s->n_readers; i++)
		for (size_t k = 0; k < SIM_CURSORS; k++)
			s->readers[i].quiet[k] = plan_quiet_until(
				&in, &s->readers[i].cursors[k]);
}

static bool all_done(struct sim *s)
{
	for (size_t i = 0; i < s->n_readers; i++)
		if (!s->readers[i].done)
			return false;
	return true;
}

void sim_run(struct sim *s)
{
	int64_t stop_at = INT64_MAX;

	s->wake_ms = INT64_MAX;
	s->due = true;
	if (!s->max_flights)
		s->max_flights = 6;
	for (size_t i = 0; i < s->n_readers; i++) {
		struct sim_reader *r = &s->readers[i];

		reader_next(s, r);
		r->due_us += r->begin_us;
	}
	for (; !s->broken && s->now_us < s->limit_us; s->now_us += STEP_US) {
		link_goes_on(s);
		readers_go_on(s);
		count_lanes(s);
		for (int k = 0; k < 4 && !s->broken; k++)
			if (s->due || s->wake_ms <= s->now_us / 1000)
				ask_planner(s);
		if (stop_at == INT64_MAX && all_done(s)) {
			s->end_us = s->now_us;
			stop_at = s->now_us + s->linger_us;
		}
		if (s->now_us >= stop_at)
			break;
	}
	s->stuck = stop_at == INT64_MAX;
}

void sim_fini(struct sim *s)
{
	extent_fini(&s->present);
}
