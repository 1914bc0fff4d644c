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
struct live;
struct saver;

/* live must outlive it. 0 or -errno. */
int fetch_start(struct live *live, struct saver *saver, struct fetch **out);

/* Look at this entry soon. Any thread, no lock held but at most the entry's.
 * Takes a reference of its own. */
void fetch_kick(struct fetch *f, struct entry *e);

/* Make the thread go round soon, without looking at any entry anew: for bytes
 * that it has and not published yet. Any thread. */
void fetch_wake(struct fetch *f);

/* Make the thread go round and wait for that, at most timeout_ms. False: it did
 * not, or there is none any more. Any thread but the engine's, no lock held. */
bool fetch_alive(struct fetch *f, int timeout_ms);

/* End all transfers and the thread. Waiters stay for the caller to settle.
 * fetch_kick afterwards does nothing. */
void fetch_stop(struct fetch *f);
void fetch_free(struct fetch *f);

#endif
