/* playlist_template: segments whose URLs differ in one number only, as DASH has
 * them: which one a URL is, and what comes behind it.
 *
 * Pure.
 */
#ifndef SPOOL_PLAYLIST_TEMPLATE_H
#define SPOOL_PLAYLIST_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/url.h"

/* What stands where the number will be; a URL keeps it as it is in its
 * path and its query. */
#define PLAYLIST_TEMPLATE_MARK "~number~"
#define PLAYLIST_TEMPLATE_WIDTH_MAX 20
#define PLAYLIST_RUN_MAX ((uint64_t)1 << 40)

/* n segments, each of d units, the first one from t on. */
struct playlist_run {
	uint64_t t, d, n;	/* positive; t + n * d fits */
};

struct playlist_template {
	char *sent, *key;		/* of the URL, up to the number, … */
	char *sent_end, *key_end;	/* … and behind it */
	unsigned width;			/* digits at least */
	bool by_time;			/* the number is a run's t, or … */
	uint64_t first;			/* … counts from here on */
	struct playlist_run *runs;
	size_t n_runs;
	uint64_t timescale;		/* units a second, > 0 */
	uint64_t id;			/* of the Representation, a hash */
	size_t period;			/* that it is in */
	/* Where time 0 of the runs is on the clock, in seconds since 1970, when
	 * not all segments need be there yet: one is when it has ended. */
	bool dynamic;
	double epoch;
};

/* The URL's parts of *t from that of a segment with the mark in it. 0;
 * -EINVAL: the mark is not in its path or query, or twice; -ENOMEM. */
int playlist_template_set(struct playlist_template *t, const struct url *u);
void playlist_template_fini(struct playlist_template *t);

/* A number of decimal digits only, all of [s, s + len); 0 or -EINVAL. */
int playlist_template_number(const char *s, size_t len, uint64_t *out);

/* Adds a run. 0; -EINVAL: it is none, or longer than PLAYLIST_RUN_MAX; -ENOMEM. */
int playlist_template_add(struct playlist_template *t, uint64_t start,
			  uint64_t d, uint64_t n);

/* The index of the segment with this key (url.h): false when it is none. */
bool playlist_template_find(const struct playlist_template *t, const char *key,
			    uint64_t *index);

/* URL (sent: or its key) of the segment of this index, malloc'd; NULL: there is
 * none, or no memory. */
char *playlist_template_url(const struct playlist_template *t, uint64_t index,
			    bool sent);

/* A segment. */
struct playlist_counted {
	const struct playlist_template *t;
	uint64_t index;
};

/* What to fetch ahead while segment index of t, one of the n of an MPD, is
 * played: how many, as playlist_segments_ahead, and which. Behind the last one
 * of a Period come those of the same Representation in the next. now: seconds
 * since 1970. */
size_t playlist_template_ahead(const struct playlist_template *all, size_t n,
			       const struct playlist_template *t,
			       uint64_t index, double now,
			       struct playlist_counted *out);

#endif
