/* extent: a set of disjoint byte ranges, kept sorted and merged.
 *
 * Pure: no locks, no I/O. The owner (an entry, a test) brings its own lock.
 * Ranges are half open, [start, end), in bytes. Touching ranges are merged,
 * so two extents of a set are always separated by at least one missing byte.
 */
#ifndef SPOOL_EXTENT_H
#define SPOOL_EXTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct extent {
	uint64_t start, end;
};

struct extent_set {
	struct extent *v;	/* sorted, disjoint, not touching */
	size_t n, cap;
	uint64_t total;		/* sum of all lengths, bytes */
};

/* A zeroed struct is a valid empty set. extent_fini leaves such a one. */
void extent_fini(struct extent_set *s);

/* Add or remove [start, end). An empty range changes nothing.
 * 0, or -ENOMEM with the set unchanged. */
int extent_add(struct extent_set *s, uint64_t start, uint64_t end);
int extent_remove(struct extent_set *s, uint64_t start, uint64_t end);

/* Copy src over dst (an initialised set). 0 or -ENOMEM, dst unchanged. */
int extent_copy(struct extent_set *dst, const struct extent_set *src);

/* Length in bytes of the unbroken run of members that begins at off; 0 when
 * off is not a member. O(log n). */
uint64_t extent_run(const struct extent_set *s, uint64_t off);

/* True when every byte of [start, end) is a member; true for an empty one. */
bool extent_contains(const struct extent_set *s, uint64_t start, uint64_t end);

/* The first maximal run of missing bytes that intersects [from, limit),
 * clipped to it. False when nothing is missing there. O(log n). */
bool extent_hole(const struct extent_set *s, uint64_t from, uint64_t limit,
		 struct extent *out);

/* First member at or after off, or UINT64_MAX when there is none. */
uint64_t extent_next(const struct extent_set *s, uint64_t off);

#endif
