/* recent: the bytes that came last, still in memory.
 *
 * A reader that follows a download closely would have the kernel copy back out
 * of the data file what was copied into it a moment ago, which is the larger
 * part of what an answer costs. So the blocks in which transfers gather bytes
 * are not used again at once: the last few stay, of all transfers together.
 *
 * They are right whatever becomes of the data file, which has the same bytes:
 * nothing depends on finding them here. Whether bytes may be read is for the
 * entry to say, before anybody looks.
 *
 * Any thread, except where it says otherwise. The lock is a leaf.
 */
#ifndef SPOOL_RECENT_H
#define SPOOL_RECENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Written at once, so that a pwrite is worth its call. Blocks end at multiples
 * of it, where the reads of those who read a file as a whole end, too. */
#define RECENT_BLOCK ((size_t)128 << 10)
/* So many there are, or as many as transfers run. */
#define RECENT_BLOCKS 8

struct recent_block {
	struct recent *of;
	_Atomic unsigned refs;
	uint64_t generation;		/* of the entry */
	uint64_t start;			/* of data, in its file */
	size_t len;			/* lock: what may be read of data */
	char data[RECENT_BLOCK];
};

struct recent {
	pthread_mutex_t lock;
	struct recent_block *blocks[RECENT_BLOCKS];	/* oldest first */
	size_t n;
	_Atomic unsigned alive;		/* also those that have left */
};

void recent_init(struct recent *r);
void recent_fini(struct recent *r);

/* An empty block for bytes from start on, which nobody finds yet; the caller
 * writes to data and gives it back. It is an old one that nobody has, when
 * there are enough. NULL: no memory. Engine thread. */
struct recent_block *recent_begin(struct recent *r, uint64_t generation,
				  uint64_t start);
/* The first len bytes of b may be read from now on and change no more. Engine
 * thread. */
void recent_put(struct recent *r, struct recent_block *b, size_t len);

/* The block that has all of [off, off + len), to be given back; or NULL. */
struct recent_block *recent_find(struct recent *r, uint64_t generation,
				 uint64_t off, size_t len);
void recent_give_back(struct recent_block *b);	/* NULL is fine */

#endif
