/* loop: the threads that take the kernel's requests and run their handlers.
 *
 * libfuse has such a loop, whose threads come and go, each with a buffer of a
 * megabyte; when one of them can't have its buffer, the session ends and the
 * mount with it. Here all of that is made at the start, and serving needs no
 * memory but a handler's.
 *
 * The kernel gives each request to the thread that has waited longest. Were all
 * to wait, a reader would go round them, with cold caches, and anywhere among
 * the processors; so no more than a few wait, and the others rest until nobody
 * waits any more.
 */
#ifndef SPOOL_FS_LOOP_H
#define SPOOL_FS_LOOP_H

#include <pthread.h>
#include <semaphore.h>

#include "fuse.h"

struct loop {
	struct fuse_session *session;
	sem_t over;		/* posted by whoever ends the loop */
	_Atomic int ending;
	_Atomic int error;	/* that ended it */
	_Atomic int left;	/* threads that serve or will */

	pthread_mutex_t lock;
	pthread_cond_t wanted;	/* nobody waits */
	int waiting, resting;	/* threads, under lock */
};

/* 0 or -errno. The session stays the caller's. */
int loop_init(struct loop *l, struct fuse_session *session);

/* Serve until the file system is unmounted, its connection fails, or loop_end.
 * To be called once, by one thread. As many threads as can be had will do. 0;
 * or -errno when none can, or the connection's error. */
int loop_run(struct loop *l);

/* End loop_run soon, even when it has not begun. Async-signal-safe. */
void loop_end(struct loop *l);

/* After loop_run. */
void loop_destroy(struct loop *l);

#endif
