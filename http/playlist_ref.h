/* playlist_ref: what a reference in a document becomes.
 *
 * A client resolves a reference against the path it knows the document by; the
 * author meant it against the document's URL. Where both come to the same
 * resource the reference stays. That one rule covers what is relative, paths
 * that climb past the root, redirected documents, names of the settings, and
 * the token.
 *
 * Pure. For playlist*.c.
 */
#ifndef SPOOL_PLAYLIST_REF_H
#define SPOOL_PLAYLIST_REF_H

#include <stdbool.h>

#include "cache/url.h"
#include "playlist.h"

/* In a reference: from here on it is not known yet, the client puts something
 * in. */
#define PLAYLIST_OPEN "{$"

/* The URL that ref stands for; base NULL: only an absolute one does. An http
 * reference of an https document is one: the author says so, which no redirect
 * does. 0; errors as url_parse. */
int playlist_resolve(const struct url *base, const char *ref, struct url **out);

/* What references are relative to. */
struct playlist_base {
	struct url *url;	/* what the author means; NULL: nothing that we
				   serve */
	struct url *seen;	/* what the client resolves against, on a host
				   of no meaning */
	bool near;		/* plain relative references lead back */
};

struct playlist_turner;

/* A path with its query, relative or from the root, from whose spelling nothing
 * follows: no dot segments, fragment, empty components, bytes to be encoded,
 * marks at its end. */
bool playlist_is_plain(const char *s);

/* Length of "https://HOST:PORT" or "//HOST:PORT" ahead of ref's path; 0: no
 * path behind it, or nothing of the kind. */
size_t playlist_authority_len(const char *ref);

/* For one document. absolute: references become URLs, not paths. 0; -EINVAL: a
 * place that is none; -ENOMEM. */
int playlist_turner_new(const struct playlist_place *place, bool absolute,
			struct playlist_turner **out);
void playlist_turner_free(struct playlist_turner *t);

/* The document's own. */
const struct playlist_base *playlist_turner_top(const struct playlist_turner *t);

/* 1: *out (malloc'd) has to stand in ref's place; 0: ref stays; -EFBIG: more
 * than PLAYLIST_ODD_MAX; -ENOMEM. */
int playlist_turn(struct playlist_turner *t, const struct playlist_base *base,
		  const char *ref, char **out);

/* The base that ref is, relative to base; the client sees `shown` in its
 * place. 0, also when it is none we serve (an empty one), or -ENOMEM. */
int playlist_base_below(struct playlist_turner *t,
			const struct playlist_base *base, const char *ref,
			const char *shown, struct playlist_base *out);
void playlist_base_fini(struct playlist_base *base);

#endif
