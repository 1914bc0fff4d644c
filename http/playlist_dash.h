/* playlist_dash: what an MPD plays (ISO/IEC 23009-1), one rendition after the
 * other: those of SegmentTemplate as templates, those of SegmentList as lists.
 *
 * A rendition without either is one file, which is read ahead as any other; one
 * whose template has $SubNumber$ or two numbers is left out. Of several
 * BaseURLs in one place the first counts. Where a live MPD does not list its
 * segments, those count that have been there for a segment's time by now.
 *
 * Pure.
 */
#ifndef SPOOL_PLAYLIST_DASH_H
#define SPOOL_PLAYLIST_DASH_H

#include <stddef.h>

#include "playlist_segments.h"
#include "playlist_template.h"

/* Longer ones are not looked at; bytes. */
#define PLAYLIST_DASH_MAX ((size_t)2 << 20)
/* More Representations are left out, … */
#define PLAYLIST_RENDITIONS_MAX 256
/* … and what comes behind so many segments and runs of them, of all renditions
 * together. */
#define PLAYLIST_PARTS_MAX 50000
/* … or bytes of URLs in lists. */
#define PLAYLIST_LISTS_MAX (4 * PLAYLIST_URLS_MAX)

/* Also what one HLS playlist plays: one list. */
struct playlist_renditions {
	struct playlist_segments *lists;
	size_t n_lists;
	struct playlist_template *templates;
	size_t n_templates;
};

/* url: of the document, behind redirects. 0; -EINVAL: no MPD that is understood
 * (XML with a DTD is not), or nothing in it to go by; -EFBIG; -ENOMEM. */
int playlist_dash_new(const char *text, size_t len, const char *url,
		      struct playlist_renditions *out);
void playlist_renditions_fini(struct playlist_renditions *r);

#endif
