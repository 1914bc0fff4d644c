/* cut: data files that somebody else has made shorter.
 *
 * The cache folder is the user's: a program may truncate a data file while it
 * is in use. What was behind the new end is gone, and a later write of ours
 * would make the file long again with a hole of zeros in it. So the engine
 * compares before and after it writes, readers of an incomplete file compare
 * after they have read, and nothing more is written to a file that was cut:
 *
 *  - an incomplete entry begins anew with another file, once, and what readers
 *    still want is fetched again; the second time it is superseded;
 *  - a complete one is dropped: open handles read what is left and get
 *    -ESTALE for the rest, the next open finds a new generation.
 *
 * A new data file is as long as the resource from the start (where holes cost
 * nothing), so that a cut shows whatever has been written since. Of unknown
 * length it is as long as what was written, and a cut between a look and the
 * write that follows it is missed.
 *
 * Refuses: to notice what keeps the length, such as zeros written over data.
 */
#ifndef SPOOL_CUT_H
#define SPOOL_CUT_H

#include "entry.h"

/* Set the length that e->fd's file must keep from now on. With e->lock, or
 * before anybody else knows e. */
void cut_begin_locked(struct entry *e);

/* Whether the file behind fd is shorter than length. */
bool cut_shorter(int fd, uint64_t length);

/* A complete file that is shorter than it has to be. */
bool cut_complete(const struct entry *e);

/* What should have been in fd, which the caller had from e, was not there.
 * 0: ask e again, there is or will be another file; -ESTALE: it is gone for
 * good; -EIO: the file was not cut. Any thread, no locks held. */
int cut_report(struct entry *e, int fd);

/* Take a cut complete entry out of table and store, once. As cut_report. */
void cut_forget(struct entry *e);

/* The engine, before it uses the file: 0: it is as it should be, perhaps a new
 * one with nothing in it; -ESTALE, -errno: give this generation up. */
int cut_check(struct entry *e);

/* The same outside of a transfer: what can't be mended is superseded. */
void cut_mend(struct entry *e);

#endif
