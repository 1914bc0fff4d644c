/* sim: the planner's laws as a check, and an engine, a link and readers in
 * virtual time to try it on.
 *
 * The simulated engine follows plan.h's contract to the letter: it asks
 * plan_next when a wait is published, a reader passes its quiet mark, a
 * response begins, a flight ends, the number of lanes changes or the alarm
 * rings, and at no other time.
 * What the planner forgets to ask for stays forgotten, and the reader hangs.
 */
#ifndef SPOOL_TESTS_SIM_H
#define SPOOL_TESTS_SIM_H

#include "cache/lanes.h"
#include "cache/plan.h"

#define SIM_FLIGHTS 32
#define SIM_READERS 64
#define SIM_CURSORS 4
#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

/* NULL, or which law of plan.h the answer breaks. Pure. */
const char *sim_broken_law(const struct plan_input *in,
			   const struct plan_action *out, size_t n,
			   int64_t wake_ms);

/* Whether two actions mean the same. */
bool sim_same(const struct plan_action *a, const struct plan_action *b);

/* Carry the actions out in the books: a snapshot's flights, room for
 * SIM_FLIGHTS. Started ones are not stoppable. Returns their new number. */
size_t sim_carry_out(struct plan_flight *flights, size_t n,
		     const struct plan_action *out, size_t n_out);

/* Pseudo-random numbers that are the same everywhere. */
uint64_t sim_random(uint64_t *state);

struct sim_link {
	uint64_t latency_us;	/* request to first byte; a new connection costs
				   as much once more */
	uint64_t rate;		/* bytes/s of one connection */
	uint64_t total;		/* … of all; 0: no limit but theirs */
	unsigned loss;		/* connections broken per GiB */
	unsigned most;		/* connections; to one more it says 429. 0: any
				   number */
	bool no_ranges;
	bool no_length;		/* … and the size is not said */
};

struct sim_step {
	uint64_t off, len;
	int64_t rest_us;	/* before it */
};

/* A reader: its next step from r->state; false when it has finished. */
struct sim_reader {
	bool (*next)(struct sim_reader *r, struct sim_step *step);
	uint64_t from, to;	/* for the readers below */
	uint64_t block;		/* bytes of a read */
	bool stream;		/* takes what there is, as HTTP does: waits
				   for one byte */
	uint64_t bitrate;	/* bytes/s a player consumes */
	uint64_t end;		/* said beforehand, as plan_cursor's */
	const struct sim_step *steps;
	size_t n_steps;
	int64_t begin_us;
	uint64_t seed;

	/* results */
	bool done;
	uint64_t got;		/* bytes */
	int64_t done_us;
	int64_t waited_us;	/* in all its reads */
	int64_t longest_us;	/* of one read */
	uint64_t reads, misses;

	/* the simulator's */
	uint64_t place;
	size_t step_nr;
	bool parked;
	struct sim_step now;
	int64_t due_us, parked_us;
	struct plan_cursor cursors[SIM_CURSORS];
	uint64_t quiet[SIM_CURSORS];
};

/* [from, to) as fast as it comes. */
bool sim_copy(struct sim_reader *r, struct sim_step *step);
/* [from, to) at bitrate. */
bool sim_play(struct sim_reader *r, struct sim_step *step);
/* n_steps blocks anywhere in [from, to). */
bool sim_seek(struct sim_reader *r, struct sim_step *step);
/* steps. */
bool sim_steps(struct sim_reader *r, struct sim_step *step);

struct sim {
	struct sim_link link;
	uint64_t size;
	enum plan_fill fill;
	unsigned max_flights;
	struct sim_reader readers[SIM_READERS];
	size_t n_readers;
	int64_t linger_us;	/* go on so long after the last reader is done,
				   its file still open */
	int64_t limit_us;	/* to give up at */

	/* results */
	const char *broken;	/* the first law, or NULL */
	bool stuck;		/* not done at limit_us */
	uint64_t pulled;	/* bytes sent by the origin, with what was in
				   the pipe of an aborted response */
	uint64_t requests, connections, aborts, asked, refused;
	size_t widest;		/* flights at once */
	int64_t end_us;
	struct extent_set present;	/* sim_fini frees it */

	/* the simulator's */
	struct plan_flight flights[SIM_FLIGHTS];
	struct sim_flight {
		int64_t first_us;	/* when its first byte comes */
		uint64_t whole_end;	/* of the response, uncut */
		double credit;		/* bytes the link owes it */
		bool refused;
	} more[SIM_FLIGHTS];
	size_t n_flights;
	unsigned idle_connections;
	bool known;		/* facts */
	bool due;		/* ask the planner */
	int64_t wake_ms;
	int64_t now_us;
	uint64_t rate, latency_us;
	struct lanes lanes;
	uint64_t came;		/* bytes since the lanes were counted */
	int64_t retry_us;	/* after a refusal: no request before */
	uint64_t random;
};

void sim_run(struct sim *s);
void sim_fini(struct sim *s);

#endif
