/* save: the thread that makes data and records durable.
 *
 * Dirty entries are written at most SAVE_INTERVAL_MS after they became so;
 * that is what a kill may cost. Flushing may take as long as the disk likes:
 * neither readers nor transfers wait for it.
 */
#ifndef SPOOL_SAVE_H
#define SPOOL_SAVE_H

#include "entry.h"

#define SAVE_INTERVAL_MS 1000

struct saver;

int saver_start(struct store *store, struct saver **out);	/* 0, -errno */

/* Queue a dirty entry (at once: without the usual delay). Holds a reference
 * to it meanwhile. Any thread, no locks held but entry's save_lock. */
void saver_queue(struct saver *s, struct entry *e, bool at_once);

/* Save it now, if it is dirty, in the caller's thread: 0 or -errno, and it stays
 * dirty. No locks held. */
int save_now(struct store *s, struct entry *e);

/* Write what is queued, end the thread, free it. */
void saver_stop(struct saver *s);

#endif
