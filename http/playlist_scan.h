/* playlist_scan: where the references of a document are. For playlist*.c. */
#ifndef SPOOL_PLAYLIST_SCAN_H
#define SPOOL_PLAYLIST_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "playlist.h"

enum playlist_role {
	PLAYLIST_REF,		/* relative to the base where it stands */
	PLAYLIST_BASE,		/* a base for what is at this depth and below;
				   itself relative to what is above */
	PLAYLIST_TOP,		/* relative to the document's own URL */
	PLAYLIST_HOME,		/* none: an empty place where a base for all of
				   the document, which has none, can stand; text
				   is the prefix of its elements, "mpd:" */
};

enum playlist_quoting {
	PLAYLIST_PLAIN,
	PLAYLIST_XML,		/* in an attribute or text of XML */
};

/* text[start, end) is a reference, without white space around it. */
struct playlist_ref {
	size_t start, end;
	const char *text;	/* decoded, NUL-terminated; for the call */
	enum playlist_role role;
	enum playlist_quoting quoting;
	unsigned depth;		/* of the element it stands in; 0 in lines */
	bool line;		/* all of a line of M3U */
};

struct playlist_scan {
	void *ctx;
	/* In the order of the document. 0, or an error that ends the scan. */
	int (*ref)(void *ctx, const struct playlist_ref *ref);
	/* An element of this depth ends. */
	void (*leave)(void *ctx, unsigned depth);
};

/* True when an M3U is one of HLS. */
bool playlist_is_hls(const char *text, size_t len);

/* 0; an error of ref(); -ENOMEM; -EINVAL as playlist_rewrite. */
int playlist_scan_m3u(const char *text, size_t len,
		      const struct playlist_scan *scan);
int playlist_scan_pls(const char *text, size_t len,
		      const struct playlist_scan *scan);
int playlist_scan_xml(enum playlist_kind kind, const char *text, size_t len,
		      const struct playlist_scan *scan);

/* Before libxml2 is asked about a document: 0; -EINVAL: it has something like a
 * DTD, and it better isn't. */
int playlist_xml_begin(const char *text, size_t len);

#endif
