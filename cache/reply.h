/* reply: from a response's status and headers to facts, or a refusal.
 *
 * Pure. fetch feeds header lines as they come; reply_judge then says what the
 * body is worth to an entry. This is where "correct bytes, always" is kept:
 * nothing is written to a cache file that was not accepted here.
 */
#ifndef SPOOL_REPLY_H
#define SPOOL_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "fresh.h"

#define REPLY_SIZE_UNKNOWN UINT64_MAX
/* A header block past these is an attack or a mistake: -EMSGSIZE. */
#define REPLY_HEADER_BYTES_MAX (256 * 1024)
#define REPLY_HEADER_LINES_MAX 1000
/* Longer values of the fields we keep count as absent. */
#define REPLY_VALUE_MAX 1024

/* Which version of a resource: what a response must agree with. Values are
 * as sent: etag with its quotes and W/. NULL: the origin gave none. */
struct reply_version {
	char *etag;
	char *last_modified;
	uint64_t size;		/* or REPLY_SIZE_UNKNOWN */
};

void reply_version_fini(struct reply_version *v);
int reply_version_copy(struct reply_version *dst,
		       const struct reply_version *src);	/* 0, -ENOMEM */

/* The value for If-Range, or NULL when there is no usable one: a strong
 * ETag, else Last-Modified (RFC 9110, 13.1.5). Points into v. */
const char *reply_if_range(const struct reply_version *v);

struct reply {
	int status;		/* 0 before a status line */
	uint64_t content_length;		/* or REPLY_SIZE_UNKNOWN */
	bool has_content_range, content_range_bad;
	uint64_t range_start, range_end;	/* half open; start == end ==
						   UINT64_MAX for "* / total" */
	uint64_t range_total;			/* or REPLY_SIZE_UNKNOWN */
	char *etag, *last_modified, *content_type, *location;
	bool encoded;		/* Content-Encoding other than identity */
	bool multipart;		/* multipart/byteranges */
	bool accept_ranges_none;
	int64_t retry_after;	/* seconds as said, -1 none; a date is turned
				   into seconds from `now` */
	struct fresh_headers fresh;
	size_t bytes, lines;	/* of header seen, for the limits */
};

void reply_init(struct reply *r);
void reply_fini(struct reply *r);

/* One line of a header block, CRLF optional, not NUL-terminated. A status
 * line ("HTTP/…") starts a new block and forgets the former one (1xx,
 * redirects) but not the counts. now: for Retry-After as a date.
 * Repeated Content-Length or Content-Range that disagree, or malformed ones,
 * make the reply unusable (content_range_bad, or -EBADMSG for a length).
 * 0, -EBADMSG, -EMSGSIZE, -ENOMEM. */
int reply_line(struct reply *r, const char *line, size_t len, time_t now);

/* What was asked. */
struct reply_asked {
	bool ranged;		/* a Range header was sent */
	uint64_t start, end;	/* that range, half open; 0, UINT64_MAX when
				   not ranged */
	bool validating;	/* If-None-Match or If-Modified-Since sent */
	bool first;		/* nothing is known of the resource yet */
};

enum reply_verdict {
	REPLY_DATA,		/* the body is bytes of this version from
				   out->start on */
	REPLY_CHANGED,		/* the body is bytes of ANOTHER version: start a
				   new generation; start as for REPLY_DATA */
	REPLY_CHANGED_ELSEWHERE,/* another version, but this body is of no use
				   (a 206 that does not begin where asked, say):
				   new generation, ask again */
	REPLY_NOT_MODIFIED,	/* 304 to a validation: still this version */
	REPLY_NO_RANGE,		/* the range can't be had (416 and no useful
				   total): ask again without Range */
	REPLY_REDIRECT,		/* follow location */
	REPLY_RETRY,		/* transient: try again, not before
				   out->retry_after seconds */
	REPLY_FAIL,		/* permanent: out->error */
};

struct reply_facts {
	uint64_t start;		/* offset in the file of the body's first byte */
	uint64_t end;		/* offset after its last, or REPLY_SIZE_UNKNOWN */
	uint64_t size;		/* of the file, or REPLY_SIZE_UNKNOWN */
	bool ranges;		/* the origin honours ranges: seen to (206), or
				   a 416 with a total */
	int error;		/* negative errno for FAIL and RETRY */
	int64_t retry_after;	/* seconds, 0 when not said */
};

/* Judge a complete header block against what was asked and the version the
 * entry is bound to (known NULL or all absent: not bound yet).
 *
 *  206  DATA when Content-Range is well formed, starts where asked, does not
 *       end past what was asked, its total is the known size (`*` is
 *       accepted when no size is known; with a known one too if the
 *       validators agree and are present), Content-Length if given equals the
 *       range, the body is neither encoded nor multipart, and the validators
 *       agree. A validator that differs or a different total: CHANGED when
 *       otherwise well formed. Anything else malformed: FAIL -EIO... except
 *       a wrong start, which is RETRY -EIO once per asker's patience.
 *  200  DATA from 0 when not bound, or the validators agree (strong
 *       comparison of ETags when both strong, weak otherwise; equal
 *       Last-Modified; equal size when both known). Otherwise CHANGED.
 *       Encoded: FAIL -EIO. ranges is false when a range was asked for.
 *       A 200 answer to If-Range with equal validators is DATA from 0, and
 *       ranges false.
 *  204, 205  FAIL -EIO. 304 when validating: NOT_MODIFIED, else RETRY.
 *  301 302 303 307 308 with a location: REDIRECT; without: FAIL -EIO.
 *  416  "* / 0": DATA with start = end = size = 0, ranges true (an empty
 *       file). "* / total" with another total than known: CHANGED_ELSEWHERE.
 *       Otherwise, if not bound: NO_RANGE; else RETRY -EIO.
 *  401 403 FAIL -EACCES. 404 410 FAIL -ENOENT. 408 425 429 500 502 503 504
 *       RETRY (408, 504: -ETIMEDOUT, else -EIO). Other 4xx and 5xx: FAIL
 *       -EIO. Other 2xx: FAIL -EIO. 1xx never get here.
 *
 * A weak validator that agrees is enough to continue one entry; a missing one
 * is not a difference (some origins leave ETag out of a 206), but when BOTH
 * sides have it, it must agree. */
enum reply_verdict reply_judge(const struct reply *r,
			       const struct reply_asked *asked,
			       const struct reply_version *known,
			       struct reply_facts *out);

#endif
