#include "config.h"

#include "document.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/hash.h"
#include "cache/log.h"
#include "playlist.h"
#include "playlist_ahead.h"
#include "request.h"

/* Bytes waited for at a time: each wait has a deadline of its own. */
#define STEP ((size_t)64 << 10)

void document_fini(struct document *d)
{
	free(d->text);
	*d = (struct document){ 0 };
}

static int settle_as_file(struct document *d)
{
	document_fini(d);
	d->settled = true;
	return 0;
}

/* ---- where the client sees it ---------------------------------------------------- */

/* The path of a request target, as sent. */
static const char *path_of(const struct request *r)
{
	const char *authority = r->target.authority;

	return authority ? authority + r->target.authority_len : r->text;
}

/* ---- reading it ------------------------------------------------------------------ */

static int make_room(struct document *d)
{
	size_t max = d->max ? 2 * d->max : STEP;
	char *grown;

	if (d->max - d->len >= STEP)
		return 0;
	grown = realloc(d->text, max);
	if (!grown)
		return -ENOMEM;
	d->text = grown;
	d->max = max;
	return 0;
}

/* 0: all of it is in d->text, or it is settled as a file. */
static int read_all(struct request *r, enum playlist_kind kind, size_t *off,
		    size_t *min)
{
	struct document *d = &r->document;
	bool looked = d->len >= PLAYLIST_SNIFF;
	ssize_t n;
	int rc;

	for (;;) {
		rc = make_room(d);
		if (rc < 0)
			return rc;
		*off = d->len;
		*min = looked ? STEP : PLAYLIST_SNIFF - d->len;
		n = cache_read(r->file, d->text + d->len, d->max - d->len,
			       d->len, *min);
		if (n < 0)
			return (int)n;
		d->len += (size_t)n;
		if (!looked && !playlist_sniff(kind, d->text,
					       d->len < PLAYLIST_SNIFF ?
					       d->len : PLAYLIST_SNIFF))
			return settle_as_file(d);
		if (n == 0)
			return 0;
		if (d->len > DOCUMENT_MAX)
			return settle_as_file(d);
		looked = d->len >= PLAYLIST_SNIFF;
	}
}

/* ---- the client's text ----------------------------------------------------------- */

/* One text of one version. */
static void set_etag(struct document *d, uint64_t generation)
{
	snprintf(d->etag, sizeof(d->etag), "\"%016" PRIx64 "-%016" PRIx64 "\"",
		 generation, hash_add(HASH_NOTHING, d->text, d->len));
}

static int rewrite(struct request *r, enum playlist_kind kind)
{
	struct document *d = &r->document;
	char host[REQUEST_HOST_MAX], prefix[512], *out;
	const struct playlist_place place = {
		.url = r->info->base ? r->info->base : r->info->url,
		.path = path_of(r), .prefix = prefix, .host = host,
	};
	size_t len;
	int rc;

	if (!r->head)
		ahead_learn(r->serve->ahead, r->resource->key,
			    r->info->generation, place.url, kind, d->text,
			    d->len);
	request_host(r, host);
	rc = snprintf(prefix, sizeof(prefix), "%s/", r->prefix);
	if (rc < 0 || (size_t)rc >= sizeof(prefix))
		return settle_as_file(d);
	rc = playlist_rewrite(kind, d->text, d->len, &place, &out, &len);
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0) {
		log_debug(LOG_HTTP, "a playlist that is not understood goes "
			  "out as it is: %s", strerror(-rc));
		return settle_as_file(d);
	}
	if (len == d->len && memcmp(out, d->text, len) == 0) {
		free(out);
		return settle_as_file(d);
	}
	free(d->text);
	*d = (struct document){ .settled = true, .text = out, .len = len,
				.max = len };
	set_etag(d, r->info->generation);
	return 0;
}

int document_take(struct request *r, const char *type, size_t *off,
		  size_t *min)
{
	struct document *d = &r->document;
	enum playlist_kind kind;
	int rc;

	if (d->settled)
		return 0;
	kind = playlist_kind(type, r->resource->name);
	if (kind == PLAYLIST_NONE || r->info->size == 0 ||
	    (r->info->size != CACHE_SIZE_UNKNOWN &&
	     r->info->size > DOCUMENT_MAX))
		return settle_as_file(d);
	cache_expect(r->file, r->info->size);
	rc = read_all(r, kind, off, min);
	if (rc < 0 || d->settled)
		return rc;
	return rewrite(r, kind);
}
