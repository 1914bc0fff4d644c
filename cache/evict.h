/* evict: which files of the cache have to go.
 *
 * A list of the files that are kept, in the order of their last use, and the
 * choice among them. Pure: it knows names, sizes and times and touches no
 * disk. evictor.c tells it what the disk says and does what it decides.
 *
 * The file used least recently goes first, whole. A file in use never does:
 * who finds one in use says so with evict_use, which is the truth and makes it
 * the last in line.
 *
 * Costs about 80 bytes and the name a file; choosing and using take constant
 * time. Not thread-safe. Strings are copied.
 */
#ifndef SPOOL_EVICT_H
#define SPOOL_EVICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define EVICT_NONE UINT64_MAX	/* of a size: no limit */

struct evict;

struct evict_limits {
	uint64_t size;		/* bytes of all files, or EVICT_NONE */
	uint64_t min_free;	/* bytes free on the disk; 0: no floor */
	int64_t max_age;	/* seconds since the last use; 0: any */
};

/* The disk, as far as it matters. */
struct evict_room {
	uint64_t free;		/* bytes */
	uint64_t wanted;	/* bytes to be freed whatever the limits say */
	time_t now;
};

struct evict *evict_new(void);		/* NULL: no memory */
void evict_free(struct evict *v);	/* NULL is fine */

uint64_t evict_total(const struct evict *v);	/* bytes of all files */
size_t evict_count(const struct evict *v);

/* A file that was found on the disk; unless it is known already. After the
 * last of them evict_sort puts all in the order of their last use. False: no
 * memory. */
bool evict_add(struct evict *v, const char *name, uint64_t bytes, time_t used);
bool evict_sort(struct evict *v);

/* A file is used now, or has changed: it is the last in line, and due to be
 * looked at. One that is not known is of 0 bytes until then. False: no memory,
 * nothing changed. */
bool evict_use(struct evict *v, const char *name, time_t now);

/* The names that are due, which they are no more: an array of *n, malloc'd as
 * each of them. False: no memory, nothing changed. */
bool evict_due(struct evict *v, char ***names, size_t *n);
/* Nothing happens to a name that is not known. */
void evict_measured(struct evict *v, const char *name, uint64_t bytes);
void evict_forget(struct evict *v, const char *name);
/* It can't be removed (pinned, not ours): it counts, but is not chosen until
 * it is used again. */
void evict_keep(struct evict *v, const char *name);

/* Put the files of `from`, all of them due, behind those of v. False: no
 * memory, some are missing. */
bool evict_join(struct evict *v, const struct evict *from);

/* A round: the files that are used in it stay. */
void evict_begin(struct evict *v);
/* The file that has to go next, or NULL: the limits are kept, or nothing can
 * be done about it. Valid until v is changed. Ask again after evict_forget,
 * evict_keep or evict_use of it, with more room. *bytes: what it takes. */
const char *evict_next(const struct evict *v, const struct evict_limits *l,
		       const struct evict_room *room, uint64_t *bytes);

/* The floor of free space when nothing is said: EVICT_FLOOR, or that part of a
 * smaller disk. total: bytes of the disk. */
#define EVICT_FLOOR (UINT64_C(256) << 20)
#define EVICT_FLOOR_PART 16
uint64_t evict_floor(uint64_t total);

#endif
