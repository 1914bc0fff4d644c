/* playlist_segments: what a media playlist of HLS plays, or a SegmentList of
 * DASH (playlist_dash.h), one after the other, and how much of it to fetch
 * ahead.
 *
 * Pure.
 */
#ifndef SPOOL_PLAYLIST_SEGMENTS_H
#define SPOOL_PLAYLIST_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

/* More are not remembered; nor are those whose URLs take more bytes together. */
#define PLAYLIST_SEGMENTS_MAX 8192
#define PLAYLIST_URLS_MAX ((size_t)1 << 20)

/* So many segments are fetched ahead, and more while they are short. */
#define PLAYLIST_AHEAD 2
#define PLAYLIST_AHEAD_MAX 6
#define PLAYLIST_AHEAD_MS 6000

struct playlist_segment {
	uint64_t id;		/* of URL and start, a hash */
	uint64_t start, end;	/* bytes; end UINT64_MAX: all from start on */
	size_t url;		/* in urls */
	unsigned ms;		/* it plays for */
};

struct playlist_segments {
	struct playlist_segment *v;	/* in the order of the playlist */
	size_t n, max;		/* of them; allocated */
	size_t *by_id;		/* indices into v */
	char *urls;		/* as sent, each NUL-terminated */
	size_t urls_len;
};

/* url: of the playlist, behind redirects. Segments that are gaps, or that the
 * endpoint can't serve, are left out. 0; -EINVAL: no media playlist; -ENOMEM. */
int playlist_segments_new(const char *text, size_t len, const char *url,
			  struct playlist_segments *out);
/* The same by hand, from a zeroed one: add, in order, with all of seg but id and
 * url set; sort behind the last. 0; -EFBIG: more than there may be; -ENOMEM. */
int playlist_segments_add(struct playlist_segments *s, const char *sent,
			  const char *key, const struct playlist_segment *seg);
int playlist_segments_sort(struct playlist_segments *s);
void playlist_segments_fini(struct playlist_segments *s);

/* What id a segment of this URL (url.key) from this byte on has. */
uint64_t playlist_segment_id(const char *key, uint64_t start);
/* Its index, or s->n. */
size_t playlist_segments_find(const struct playlist_segments *s, uint64_t id);

/* How many of the segments behind index k to fetch ahead while k is played. */
size_t playlist_segments_ahead(const struct playlist_segments *s, size_t k);

#endif
