/* park: requests that wait for the network without a thread.
 *
 * A handler describes its request in a struct park and calls park_run, which
 * asks p->answer. When that says -EAGAIN the request goes to the heap, a
 * waiter for it is published with the engine, and the thread is free. Woken,
 * answer is asked again, on the engine's thread.
 *
 * EXACTLY ONE REPLY. At any time one party holds the request, and only it may
 * reply:
 *
 *   the thread that runs park_run or ready(), until cache_await has said true;
 *   then whoever wins the waiter: ready(), or interrupted() by cache_cancel.
 *
 * The interrupt function is registered before the waiter is published, or an
 * interrupt could find nothing to end. It may therefore run while the request
 * is still held by a thread, even on that very thread, inside
 * fuse_req_interrupt_func, where a reply would free the request under
 * libfuse's hands. So each round goes through two phases: in HELD it only
 * leaves a note, which the holder finds when it moves on to PARKED; in PARKED
 * it may win the waiter and reply. ready() first unregisters it, which waits
 * for one that runs. An interrupt that loses is not lost: libfuse remembers
 * it, and a round that begins anew finds it at once.
 *
 * What the request holds (its file) goes when the last party has let go of it,
 * since cache_await looks at the file even when the interrupt has won.
 */
#ifndef SPOOL_FS_PARK_H
#define SPOOL_FS_PARK_H

#include <stdatomic.h>

#include "cache/cache.h"
#include "fuse.h"

struct handle;
struct mount;
struct tree_node;

struct park {
	fuse_req_t req;
	struct mount *mount;
	struct tree_node *node;
	struct cache_file *file;	/* that is waited for */
	uint64_t off;			/* bytes waited for, or … */
	size_t min;			/* … 0: facts */
	int status;			/* the error that ended the wait for
					   bytes: answer has the last word */

	/* Reply and return 0; -EAGAIN: wait for file, off, min; another
	 * negative errno is the reply. Must not block. */
	int (*answer)(struct park *p);
	/* Give back what the request holds. Once, after the reply. */
	void (*release)(struct park *p);

	/* for answer and release */
	struct handle *handle;
	struct fuse_file_info open;

	/* private */
	struct cache_waiter waiter;
	_Atomic int phase, refs;
};

/* Answer a request, now or later. Takes what it holds. Never blocks. */
void park_run(const struct park *request);

#endif
