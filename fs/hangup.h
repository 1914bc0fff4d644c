/* hangup: SIGHUP, which has the settings read anew.
 *
 * A daemon gets it from whoever asks for that. A program in the foreground of a
 * terminal gets it also when that is closed, and then it ends.
 */
#ifndef SPOOL_FS_HANGUP_H
#define SPOOL_FS_HANGUP_H

struct cache;
struct hangup;

/* Wait for SIGHUP, which is blocked in all threads, in one of its own. 0 or
 * -errno. c must outlive it. */
int hangup_watch(struct cache *c, struct hangup **out);

/* End the thread, after the reload it may be in. NULL is fine. */
void hangup_unwatch(struct hangup *h);

#endif
