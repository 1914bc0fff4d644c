/* fetch: the engine thread, sole owner of curl.
 *
 * Readers park waiters on entries and kick; the thread asks the planner what
 * to request, runs the transfers, publishes bytes and settles waiters. It
 * holds every deadline: connect, stall, the reader's, backoff.
 */
#ifndef SPOOL_FETCH_H
#define SPOOL_FETCH_H

#include "entry.h"

struct fetch;
struct saver;

int fetch_start(const struct conf *conf, struct saver *saver,
		struct fetch **out);	/* 0 or -errno */

/* Look at this entry soon. Any thread, no lock held but at most the entry's.
 * Takes a reference of its own. */
void fetch_kick(struct fetch *f, struct entry *e);

/* End all transfers and the thread. Waiters stay for the caller to settle.
 * fetch_kick afterwards does nothing. */
void fetch_stop(struct fetch *f);
void fetch_free(struct fetch *f);

#endif
