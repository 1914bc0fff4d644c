/* memory: bytes the disk would not take.
 *
 * A full or failing disk ends keeping, not reading: what comes for an entry
 * then goes to a small unnamed file in memory, the oldest bytes making place
 * for the newest. They count as present, so that readers and the planner see
 * no difference, but they are never written down and an entry that holds any
 * is not complete.
 *
 * Refuses: to keep more than MEMORY_MAX for one entry.
 * Locks: every function under the entry's lock, but memory_new and
 * memory_free. Changed by the engine thread alone.
 */
#ifndef SPOOL_MEMORY_H
#define SPOOL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "extent.h"

#define MEMORY_MAX ((uint64_t)16 << 20)
/* Readers of such an entry get windows no larger than this: what is fetched
 * ahead of them must still be there when they come. */
#define MEMORY_WINDOW (MEMORY_MAX / 4)

struct memory;

struct memory *memory_new(void);	/* NULL: no memory */
void memory_free(struct memory *m);	/* NULL is fine */

/* Keep [off, off + len), none of which it has. What has to go for it, oldest
 * first, is taken out of present as well. 0; -ENOMEM, -errno: not kept. */
int memory_put(struct memory *m, const void *data, size_t len, uint64_t off,
	       struct extent_set *present);

/* Length in bytes of the run that begins at off and is in memory; 0: none. */
uint64_t memory_run(const struct memory *m, uint64_t off);
/* Bytes in memory. */
uint64_t memory_total(const struct memory *m);
/* First byte at or after off that is in memory, or UINT64_MAX. */
uint64_t memory_next(const struct memory *m, uint64_t off);
/* Copy bytes that memory_run has vouched for. 0 or -errno. */
int memory_get(const struct memory *m, void *buf, size_t len, uint64_t off);
/* A copy of the ranges in memory, over *out. 0 or -ENOMEM. */
int memory_present(const struct memory *m, struct extent_set *out);
/* Take what is in memory out of a copy of the present ranges. 0 or -ENOMEM. */
int memory_subtract(const struct memory *m, struct extent_set *present);

#endif
