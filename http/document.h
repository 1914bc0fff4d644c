/* document: a playlist for a client, rewritten (playlist.h).
 *
 * What the media type, else the extension, and the first bytes say is a
 * playlist is waited for until it is whole, rewritten, and answered from
 * memory: with a length and an ETag of its own, which goes by the text that
 * the client gets, so that ranges and conditions are about that. What the cache
 * has, and the mount shows, is the origin's.
 *
 * A playlist without a reference that has to be changed, one that is too long,
 * and one that is not understood, are answered as any other file.
 *
 * Part of a request: same thread, no locks.
 */
#ifndef SPOOL_DOCUMENT_H
#define SPOOL_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

struct request;

/* Longer ones are no playlists; … bytes. */
#define DOCUMENT_MAX ((size_t)8 << 20)
#define DOCUMENT_ETAG_MAX 40

struct document {
	bool settled;		/* whether it is one: see text */
	char *text;		/* the rewritten one; before, what is here */
	size_t len, max;	/* bytes, allocated */
	char etag[DOCUMENT_ETAG_MAX];
};

/* Facts of r are known. 0: r->document is settled, its text NULL when r is
 * answered as a file; -EAGAIN: await *min bytes from *off on first; as
 * cache_read. type: the media type that the answer will have. */
int document_take(struct request *r, const char *type, size_t *off,
		  size_t *min);

/* Forget what is known of it; leaves a zeroed one. */
void document_fini(struct document *d);

#endif
