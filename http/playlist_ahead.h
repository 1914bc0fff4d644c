/* playlist_ahead: fetches the next segments of a stream that is being played.
 *
 * It remembers the media playlists of HLS and the MPDs of DASH that were served
 * last. Who has asked for two segments of one rendition in them, one after the
 * other, plays that rendition, and has its next ones fetched in the background
 * (cache_fetch), behind whoever waits; at the end of a Period of DASH, of the
 * Representation of its id in the next. A playlist that is only looked at, or
 * probed, costs nothing.
 *
 * Any thread. One lock, a leaf; the cache is called without it.
 */
#ifndef SPOOL_PLAYLIST_AHEAD_H
#define SPOOL_PLAYLIST_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "playlist.h"

/* Playlists remembered: those used last. Each takes up to some MiB
 * (playlist_segments.h), usually some KiB. */
#define AHEAD_LISTS 8

struct ahead;

int ahead_new(struct cache *c, struct ahead **out);	/* 0 or -ENOMEM */
void ahead_free(struct ahead *a);			/* NULL is fine */

/* A playlist was served: the one of this key (url.h) in this generation, to be
 * found at url. What is neither a media playlist of HLS nor an MPD is
 * ignored. */
void ahead_learn(struct ahead *a, const char *key, uint64_t generation,
		 const char *url, enum playlist_kind kind, const char *text,
		 size_t len);

/* Somebody asks for this resource (url.key) from start on, and wants origins to
 * be told `fields` (cache_forward; NULL: nothing), also of what is fetched
 * now. */
void ahead_asked(struct ahead *a, const char *key, uint64_t start,
		 const char *fields);

#endif
