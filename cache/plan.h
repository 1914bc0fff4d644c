/* plan: what to request, or to stop, next. Pure policy.
 *
 * fetch takes a snapshot of an entry under its lock, asks plan_next, and
 * carries the answer out. The planner holds no state: the same snapshot gives
 * the same answer, so it can be asked as often as something changes, and
 * tested with tables and by simulation in virtual time.
 *
 * Laws, whatever the input:
 *   - never asks for a byte that is present, in flight, or past the size;
 *   - two flights never overlap;
 *   - progress: while somebody waits for a missing byte and a flight slot is
 *     free, that byte is in flight after the actions are carried out. (When
 *     one answer has no room for all of it, *wake_ms is now.)
 * One exception to the first and the last: where only the whole body can be
 * had (an origin without ranges, or one that does not say the size), it is
 * asked for from 0, whatever is present, by one flight; and while nothing at
 * all is known that one flight is the probe.
 *
 * When to ask: a waiter was published; plan_begun says so; a reader who goes on
 * got past plan_quiet_until or
 * its window changed; facts became known; a response began (its flight is
 * stoppable now); a flight ended; the lanes are other ones; *wake_ms has come.
 */
#ifndef SPOOL_PLAN_H
#define SPOOL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "extent.h"

#define PLAN_SIZE_UNKNOWN UINT64_MAX

/* A cursor is a place where someone reads. */
#define PLAN_WINDOW_MIN ((uint64_t)1152 << 10)	/* 1 MiB + the kernel's
						   overshoot of 128 KiB */
#define PLAN_WINDOW_FIRST ((uint64_t)256 << 10)	/* … of one who has read less,
						   where answers come soon */
#define PLAN_WINDOW_MAX ((uint64_t)64 << 20)
#define PLAN_PROBE ((uint64_t)64 << 10)		/* first look at a resource */
#define PLAN_BOUNDED ((uint64_t)8 << 20)	/* of a range whose end is
						   known, at once */
#define PLAN_SEQUENTIAL ((uint64_t)4 << 20)	/* read in one run: proves a
						   playback or a copy */
#define PLAN_GREEDY ((uint64_t)8 << 20)		/* read in one run: worth more
						   than one connection */
#define PLAN_FILL_CHUNK ((uint64_t)32 << 20)
#define PLAN_IDLE_MS 10000			/* a reader that rests so long
						   is no demand */

struct plan_cursor {
	uint64_t pos;		/* next byte expected to be read */
	uint64_t run;		/* bytes read in sequence up to pos */
	uint64_t window;	/* bytes wanted ahead of pos; 0: not begun */
	uint64_t doubled_at;	/* pos at which window last changed */
	int64_t used_ms;	/* when it was last used (monotonic) */
	int64_t missed_ms;	/* when bytes were last missing; 0: never */
	uint64_t taste;		/* bytes likely to be read here, going by the
				   places before; 0: nothing is known */
	uint64_t end;		/* will be read up to here, and no further;
				   PLAN_END_OPEN: from here on; 0: not said */
	bool left;		/* its reader has gone to a new place since */
};

#define PLAN_END_OPEN UINT64_MAX

/* Account for a read of [off, off + len) by one reader that owns cur[0..n):
 * continues the cursor it is near to (back by no more than it has read and
 * 1 MiB, or forward by less than PLAN_WINDOW_MIN: a longer jump is a seek),
 * else begins anew the one longest unused, one that was read only once before
 * one that reads in sequence. missed: the bytes were not here, so a sequential
 * reader starves and its window doubles (once per window read). The window
 * opens when a reader goes on in sequence past PLAN_PROBE bytes, or when its
 * first read is at 0 and wants more than those. One that begins anew is
 * expected to be read as far as the last two places were (two, for one short
 * one may be an index), but PLAN_WINDOW_MIN at most; if that is less, its
 * window opens only past it. The one used last is left then, until its reader
 * comes back. A read of nothing changes
 * nothing; so does the same read made again, as after waiting for it. Returns
 * the cursor's index. n >= 1; unused cursors are zeroed. end is the caller's:
 * 0 in a cursor that begins anew. */
size_t plan_read(struct plan_cursor *cur, size_t n, uint64_t off, uint64_t len,
		 bool missed, int64_t now_ms);

enum plan_ranges { PLAN_RANGES_UNKNOWN, PLAN_RANGES_YES, PLAN_RANGES_NO };
enum plan_fill { PLAN_FILL_PLAYING, PLAN_FILL_ALL, PLAN_FILL_NONE };

/* Whether the planner must be asked because c was begun anew by a read of what
 * is here: not while nothing is wanted beyond that. */
bool plan_begun(const struct plan_cursor *c, enum plan_fill fill);

/* In order of right of way. */
enum plan_priority { PLAN_URGENT, PLAN_AHEAD, PLAN_BACKGROUND };

/* A request under way (or queued for a free connection). */
struct plan_flight {
	uint64_t pos;		/* next byte to come */
	uint64_t end;		/* will deliver up to here; PLAN_SIZE_UNKNOWN
				   when the response has no known end */
	bool stoppable;		/* false while its headers are out */
	int64_t since_ms;	/* when its body began to come (monotonic), if
				   it is stoppable */
};

/* Bytes somebody is parked on: the first missing one matters. */
struct plan_wait {
	uint64_t start, end;
};

struct plan_input {
	uint64_t size;		/* or PLAN_SIZE_UNKNOWN */
	enum plan_ranges ranges;
	bool probe;		/* facts are wanted and nothing is known */
	const struct extent_set *present;
	const struct plan_flight *flights;
	size_t n_flights;
	const struct plan_wait *waits;	/* oldest first */
	size_t n_waits;
	const struct plan_cursor *cursors;
	size_t n_cursors;
	unsigned max_flights;	/* of this entry at once, >= 1 */
	unsigned lanes;		/* … for one reader who has read PLAN_GREEDY and
				   starves; 0 is 1 */
	bool crowded;		/* readers of other resources wait for one of
				   their connections */
	enum plan_fill fill;
	const struct extent_set *ordered;	/* wanted without a reader, behind
						   all readers; or NULL */
	uint64_t split;		/* bytes that a wait has to be ahead of a flight
				   on the way to it to be asked for by itself;
				   0: decided by rate and latency */
	uint64_t rate;		/* bytes/s of one connection, 0 unknown */
	uint64_t latency_us;	/* request to first byte, 0 unknown */
	int64_t now_ms;		/* monotonic */
};

enum plan_verb {
	PLAN_START,	/* request [start, end) */
	PLAN_CUT,	/* flight `flight` shall end at `end` (> its pos):
			   somebody else fetches from there */
	PLAN_STOP,	/* flight `flight` serves nobody any more */
};

struct plan_action {
	enum plan_verb verb;
	enum plan_priority priority;
	size_t flight;		/* index in flights, for CUT and STOP */
	uint64_t start, end;	/* START: end may be PLAN_SIZE_UNKNOWN (no
				   Range end: whole body from 0) */
};

/* Two for a wait (a flight makes way, the request), and then some. */
#define PLAN_ACTIONS_MAX 8

/* Fills out (room for PLAN_ACTIONS_MAX), most urgent first, and says how
 * many. Actions are meant to be carried out together, in order. *wake_ms: when
 * to ask again though nothing happened (monotonic), or INT64_MAX. */
size_t plan_next(const struct plan_input *in, struct plan_action *out,
		 int64_t *wake_ms);

/* How far the reader at c may get before the planner must be asked again:
 * while its pos is at or below this, and its window the same, hits need not
 * wake the engine. Holds until the planner is next asked; a cursor that is
 * begun anew has no such mark. */
uint64_t plan_quiet_until(const struct plan_input *in,
			  const struct plan_cursor *c);

#endif
