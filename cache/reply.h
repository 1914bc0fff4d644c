/* reply: from a response's status and headers to facts, or a refusal.
 *
 * Pure. fetch feeds header lines as they come; reply_judge then says what the
 * body is worth to an entry. This is where "correct bytes, always" is kept:
 * nothing is written to a cache file that was not accepted here.
 *
 * reply.c reads the lines, judge.c compares versions and judges.
 */
#ifndef SPOOL_REPLY_H
#define SPOOL_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "fresh.h"

#define REPLY_SIZE_UNKNOWN UINT64_MAX
/* Sizes and offsets above this can't be files here (off_t): refused. */
#define REPLY_SIZE_MAX ((uint64_t)INT64_MAX)
/* A header block past these is an attack or a mistake: -EMSGSIZE. */
#define REPLY_HEADER_BYTES_MAX (256 * 1024)
#define REPLY_HEADER_LINES_MAX 1000
/* Longer values of the fields we keep count as absent; signed locations are
 * long. Connection may not name more than this: -EMSGSIZE. */
#define REPLY_VALUE_MAX 1024
#define REPLY_LOCATION_MAX 8192
/* Bytes of fields that are looked through for what is kept. */
#define REPLY_FIELDS_MAX ((size_t)16 << 10)
/* Nobody is made to wait longer than a day. */
#define REPLY_RETRY_AFTER_MAX (24 * 3600)

/* Which version of a resource: what a response must agree with. Values are
 * as sent: etag with its quotes and W/. NULL: the origin gave none. */
struct reply_version {
	char *etag;
	char *last_modified;
	uint64_t size;		/* or REPLY_SIZE_UNKNOWN */
};

void reply_version_fini(struct reply_version *v);
/* dst: uninitialised or finished. 0, or -ENOMEM with dst untouched. */
int reply_version_copy(struct reply_version *dst,
		       const struct reply_version *src);

/* True for an entity tag with quotes and nothing illegal in it (RFC 9110,
 * 8.8.3) that is not weak. */
bool reply_etag_strong(const char *etag);
/* RFC 9110, 8.8.3.2: equal but for W/. An ETag without quotes is kept as it
 * is, and equals only itself. */
bool reply_etag_equal(const char *a, const char *b);

/* The value for If-Range, or NULL when there is no usable one: a strong ETag,
 * else, only when the origin gave no (well formed) ETag, a Last-Modified that
 * is a date (RFC 9110, 13.1.5 forbids the date beside an entity tag). NULL is
 * no loss of safety: reply_judge looks at what comes. Points into v. */
const char *reply_if_range(const struct reply_version *v);

struct reply {
	int status;		/* 0 before a status line */
	uint64_t content_length;		/* or REPLY_SIZE_UNKNOWN */
	bool has_content_range, content_range_bad;
	uint64_t range_start, range_end;	/* half open; start == end ==
						   UINT64_MAX for "* / total" */
	uint64_t range_total;			/* or REPLY_SIZE_UNKNOWN */
	char *etag, *last_modified, *content_type, *location;
	bool encoded;		/* Content-Encoding other than identity, or
				   Transfer-Encoding other than chunked */
	bool transfer_coded;	/* Transfer-Encoding: content_length is not
				   the length of the body (RFC 9112, 6.3) */
	bool multipart;		/* multipart/byteranges */
	bool accept_ranges_none;
	int64_t retry_after;	/* seconds, -1 none; a date is turned into
				   seconds from `now`; at most
				   REPLY_RETRY_AFTER_MAX */
	struct fresh_headers fresh;
	char *fields;		/* fields.h: those that may be kept */
	size_t fields_len, fields_before;	/* … without the last line */
	char *connection;	/* values of Connection, as a list */
	size_t bytes, lines;	/* of header seen, for the limits */
	bool in_field;		/* the last line was a field we use */
	time_t now;		/* at that line */
};

void reply_init(struct reply *r);
void reply_fini(struct reply *r);

/* One line of a header block, CRLF optional, not NUL-terminated. A status
 * line ("HTTP/…") starts a new block and forgets the former one (1xx,
 * redirects) but not the counts. Trailers must not be fed. now: for
 * Retry-After as a date, and for years of two digits.
 *
 * Lines that are no field, and fields of no interest, are skipped. Of a
 * repeated field the first counts, except: Cache-Control is merged, any coding
 * of any Content-Encoding or Transfer-Encoding counts, and a Content-Length or
 * Content-Range that is malformed or disagrees with another makes the reply
 * unusable (-EBADMSG for a length, content_range_bad for a range). A kept
 * value that is empty, too long or has controls in it counts as absent.
 *
 * What may be kept of all fields (fields.h) is collected in r->fields, up to
 * REPLY_FIELDS_MAX bytes; what is continued on another line is not.
 *
 * 0; -EBADMSG (also: a malformed status line; NUL or a bare CR or LF anywhere;
 * the continuation of a field we use on a second line, which RFC 9112, 5.2
 * has abolished); -EMSGSIZE; -ENOMEM. After an error r is good for reply_fini
 * only. */
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
				   new generation, ask again, not validating */
	REPLY_NOT_MODIFIED,	/* 304 to a validation: still this version */
	REPLY_NO_RANGE,		/* to a Range only: ranges of this resource
				   can't be had or not be trusted: ask again
				   without Range */
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
	bool ranges_ignored;	/* a 200 to a Range, with no If-Range that
				   could excuse it. Neither: not known */
	int error;		/* negative errno for FAIL and RETRY */
	int64_t retry_after;	/* seconds, 0 when not said */
};

/* Judge a complete header block against what was asked and the version the
 * entry is bound to. Not bound yet: known is NULL, or asked->first and nothing
 * of *known is set. (Without `first` an entry whose origin says nothing about
 * versions is still bound to what it has.) *out is always filled in.
 *
 * Does the response AGREE with the known version? What only one side has is
 * no difference (some origins leave ETag out of a 206). What both have must be
 * equal: size; ETag, by weak comparison; Last-Modified, which is not looked at
 * when two strong ETags are equal (as in RFC 9110, 13.2.2: the tag outranks
 * the date, in which the machines of one origin may differ). Equal
 * validators or, for want of them, an equal size: agrees. Something differs:
 * DIFFERS. Nothing to compare: UNKNOWN.
 *
 *  206  FAIL -EIO when no range was asked for, when it is encoded, or when the
 *       range is longer than Content-Length or shorter. NO_RANGE when it is
 *       multipart, its Content-Range missing or malformed, or ends past what
 *       was asked. (It may end before that.) Then, when not bound: DATA, or NO_RANGE if it
 *       starts elsewhere than asked. When bound: DIFFERS: CHANGED, or
 *       CHANGED_ELSEWHERE if it starts elsewhere; NO_RANGE if nothing but the
 *       size differs and two strong ETags are equal, for then one of the two
 *       is wrong. UNKNOWN: NO_RANGE, for such pieces can't be known to belong
 *       together (RFC 9110, 15.3.7.3). AGREES: DATA, or NO_RANGE if it starts
 *       elsewhere. A total of `*` leaves the known size as it is; a range
 *       beyond that DIFFERS.
 *  200  FAIL -EIO when encoded. When multipart, or when a Content-Range says
 *       that it is not the whole file: NO_RANGE, FAIL -EIO if no range was
 *       asked for. DATA from 0 when not bound or AGREES; CHANGED
 *       when it DIFFERS. UNKNOWN: CHANGED when we had a validator; DATA when
 *       the origin never gave one, for then the bytes alone can tell, and the
 *       caller compares those it has. ranges is false, whatever Accept-Ranges
 *       says.
 *  other 2xx  FAIL -EIO.
 *  304  NOT_MODIFIED when validating and bound and not DIFFERS (size is not
 *       compared). DIFFERS: CHANGED_ELSEWHERE, for such an answer must not
 *       be used to update what is stored (RFC 9111, 4.3.4), and an older
 *       Last-Modified is what a file put back from a backup shows. Not
 *       validating: RETRY -EIO.
 *  301 302 303 307 308 with a location: REDIRECT; without: FAIL -EIO, as
 *       other 3xx.
 *  416  FAIL -EIO when no range was asked for.
 *       "* / 0", not bound: DATA with start = end = size = 0 (an empty file).
 *       Bound, and validators or total differ: CHANGED_ELSEWHERE.
 *       Bound, size not known, "* / total" at or before the start asked for:
 *       DATA with start = end = size = total: that is where the file ends.
 *       Otherwise NO_RANGE.
 *  401 403 FAIL -EACCES. 404 410 FAIL -ENOENT. 408 425 429 and 5xx RETRY
 *       (408, 504: -ETIMEDOUT, else -EIO; from 600 on as 5xx: RFC 9110, 15),
 *       but 501 505 506 508 510 511 FAIL -EIO, as other 4xx.
 *  no status, 1xx  FAIL -EIO. */
enum reply_verdict reply_judge(const struct reply *r,
			       const struct reply_asked *asked,
			       const struct reply_version *known,
			       struct reply_facts *out);

#endif
