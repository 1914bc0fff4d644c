/* playlist: documents that name other resources (HLS, DASH, M3U, PLS, XSPF,
 * ASX), rewritten so that every reference leads back through the endpoint.
 *
 * Pure: text in, text out. A reference that leads back as it stands stays as
 * it is, byte for byte; so does everything that is no reference, and a
 * reference to what the endpoint does not serve (data:, skd:, a URL with a
 * password). What is rewritten becomes a path ("/https/HOST/…"), so that it
 * holds under whatever name the client has reached the endpoint; in formats
 * whose readers take such a path for a local file (M3U, PLS, XSPF, ASX) a URL
 * with the Host of the client. A base below one that is rewritten is, too. An
 * MPD whose plain references would lead elsewhere gets a BaseURL, by which they
 * lead back as they stand.
 *
 *   playlist.c        which documents, and rewriting: any format
 *   playlist_list.c   where the references are in lines: HLS, M3U, PLS
 *   playlist_xml.c    … in elements: DASH, XSPF, ASX
 *   playlist_ref.*    what one reference becomes
 */
#ifndef SPOOL_PLAYLIST_H
#define SPOOL_PLAYLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "cache/url.h"

/* A rewritten document may have so many bytes, … */
#define PLAYLIST_TEXT_MAX ((size_t)32 << 20)
/* … and so many references that have to be looked at closely (5 to 10 us
 * each); plain ones are not counted. */
#define PLAYLIST_ODD_MAX 50000

/* So many first bytes tell whether it is one. */
#define PLAYLIST_SNIFF 512

/* What a resource may be, by its media type (with parameters, as sent; NULL:
 * not said) and, where that says little, by the extension of name, a path with
 * its query, if any (NULL: none). */
enum playlist_kind playlist_kind(const char *type, const char *name);

/* Whether it is what playlist_kind took it for, by its first bytes: len of
 * them, PLAYLIST_SNIFF or all there are. */
bool playlist_sniff(enum playlist_kind kind, const char *text, size_t len);

/* Where a document is. Strings are not kept. */
struct playlist_place {
	const char *url;	/* at its origin, absolute, behind redirects:
				   its references are relative to this */
	const char *path;	/* at the endpoint, as the client has asked for
				   it: "/https/host/dir/a.m3u8?q" */
	const char *prefix;	/* of every path there: "/", or "/TOKEN/" */
	const char *host;	/* the client's Host: "127.0.0.1:4612" */
};

/* *out (malloc'd, *out_len bytes, not terminated) is the document for the
 * client. 0; -EINVAL: not a document that we understand to its end (XML with
 * a DTD, or that is not well-formed, or in an encoding without ASCII): better
 * left as it is; -EFBIG: past the limits above; -ENOMEM. */
int playlist_rewrite(enum playlist_kind kind, const char *text, size_t len,
		     const struct playlist_place *place, char **out,
		     size_t *out_len);

#endif
