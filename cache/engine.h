/* engine: what the parts of the engine thread share.
 *
 *   fetch.c      the thread: inbox, deadlines, curl's loop
 *   schedule.c   what the planner says, carried out: caps, precedence
 *   host.c       what is known of hosts, who waits for a connection to one
 *   transfer.c   one request: curl's callbacks, bytes to disk
 *   verdict.c    what an answer, or the lack of one, means for the entry
 *
 * Engine thread only.
 */
#ifndef SPOOL_ENGINE_H
#define SPOOL_ENGINE_H

#include "host.h"
#include "live.h"
#include "transfer.h"

/* How often deadlines are looked at while anybody waits. */
#define TICK_MS 100

struct fetch {
	struct live *live;
	struct saver *saver;
	CURLM *multi;
	pthread_t thread;

	pthread_mutex_t lock;		/* the inbox */
	struct entry *inbox;
	bool stopping;
	uint64_t asked, answered;	/* signs of life, counted */
	pthread_cond_t went_round;

	/* engine thread */
	struct host *hosts;
	struct entry *hot;		/* entries with something to do */
	struct transfer *transfers;	/* all */
	bool offline;			/* as it was planned for last */
	int64_t tick_ms, flush_ms;
};

/* schedule.c */

/* Ask the planner about e and do what it says. */
void schedule_entry(struct fetch *f, struct entry *e, int64_t now);
/* End a transfer that serves nobody any more, keeping what it brought. Not
 * inside a callback of curl. */
void schedule_stop(struct transfer *t);
/* curl is done with t. */
void schedule_finished(struct fetch *f, struct transfer *t, CURLcode result);
/* The other transfers of this entry, all but keep, are worth nothing any more:
 * what they bring is not taken. Usable inside curl's callbacks. */
void schedule_abandon(struct entry *e, const struct transfer *keep);
/* Move t to another entry (a newer generation), with its reference. */
void schedule_move(struct transfer *t, struct entry *to);

/* fetch.c */

/* An entry with something to do; holds a reference. */
void fetch_hot(struct fetch *f, struct entry *e);
/* The entry has changed: save it, and look at it again. */
void fetch_changed(struct fetch *f, struct entry *e, bool save_at_once);

#endif
