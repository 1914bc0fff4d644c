/* lanes: how many connections to a host shall serve one reader at once.
 *
 * Pure, values in and out; time comes as an argument. Connections are added in
 * steps, 1, 2, 4 …, as long as each step is measured to pay: what all of them
 * bring together is a quarter more than before. A step that has not paid is
 * tried again after LANES_RETRY_MS. A host that refuses (429, 503) is left
 * with those that it was serving, and its readers with one each, for a while;
 * one that refuses when it was serving none has not too many.
 *
 * It does not decide who gets a connection, nor for what: plan.h, schedule.c.
 */
#ifndef SPOOL_LANES_H
#define SPOOL_LANES_H

#include <stdint.h>

#define LANES_LEVELS 7		/* 1 to 64 */
#define LANES_RETRY_MS 30000
#define LANES_CALM_MS 30000	/* after a refusal; doubles up to … */
#define LANES_CALM_MAX_MS 480000

/* Of one host. All zero: nothing is known. */
struct lanes {
	struct lanes_level {
		uint64_t rate;		/* bytes/s of about 1 << i connections
					   together, smoothed */
		unsigned samples;
		int64_t at_ms;		/* the last one */
	} level[LANES_LEVELS];
	uint64_t each;			/* bytes/s of one connection, smoothed;
					   0: not known */

	/* the measurement under way */
	int64_t since_ms, last_ms;
	uint64_t bytes, busy_ms;

	/* refused */
	int64_t calm_until_ms;
	int64_t calm_ms;		/* how long the last time */
	unsigned served;		/* connections it was serving, or 0 */
};

/* Account for bytes that came since the last call, from all connections of the
 * host, busy of which are in the body of an answer, while so many were allowed.
 * To be called every 10 ms or so while anything comes. now_ms: monotonic. */
void lanes_count(struct lanes *l, unsigned allowed, unsigned busy,
		 uint64_t bytes, int64_t now_ms);

/* The host has refused a request while it was serving so many. */
void lanes_refused(struct lanes *l, unsigned served, int64_t now_ms);

/* How many connections one reader may have who could use more, 1 to max. */
unsigned lanes_allowed(const struct lanes *l, unsigned max, int64_t now_ms);

/* How many the host takes, 1 to max. */
unsigned lanes_cap(const struct lanes *l, unsigned max, int64_t now_ms);

#endif
