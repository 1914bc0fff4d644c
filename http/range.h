/* range: what part of a resource a request asks for, and under what
 * conditions (RFC 9110, 13 and 14).
 *
 * Pure. Knows nothing of connections; field values come as NUL-terminated
 * strings, NULL for a field that is not there, and are not kept.
 */
#ifndef SPOOL_RANGE_H
#define SPOOL_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define RANGE_SIZE_UNKNOWN UINT64_MAX
#define RANGE_END_UNKNOWN UINT64_MAX

/* More ranges than this in one field are no honest request: ignored. */
#define RANGE_MAX 16

enum range_kind {
	RANGE_NONE,		/* no Range, or one to be ignored: 200 */
	RANGE_SATISFIABLE,	/* 206 with v[0..n) */
	RANGE_UNSATISFIABLE,	/* 416 with "Content-Range: bytes * / SIZE" */
};

struct range {
	uint64_t start, end;	/* half open, bytes, start < end; end is
				   RANGE_END_UNKNOWN for "N-" of a resource of
				   unknown size */
};

struct range_set {
	size_t n;		/* > 0 when satisfiable, else 0 */
	struct range v[RANGE_MAX];	/* in the order asked for */
};

/* Parse a Range field for a resource of `size` bytes (or
 * RANGE_SIZE_UNKNOWN). *out is always set.
 *
 * "bytes" in any letter case; spaces and tabs around members and empty members
 * are allowed, as in any list. Ends are clamped to the size, a suffix longer
 * than the resource is all of it, unsatisfiable members beside satisfiable
 * ones are left out (RFC 9110, 14.1.2). Numbers of any length are understood.
 *
 * RANGE_NONE: NULL, another unit, any syntax error, a range that ends before
 * it starts, more than RANGE_MAX members, two ranges that overlap (14.2 allows
 * to ignore such), a suffix of a resource of unknown or no size.
 * A resource of unknown size satisfies every "N-" and "N-M" as they are, with
 * N up to INT64_MAX; for a larger N it is RANGE_NONE too. */
enum range_kind range_parse(const char *field, uint64_t size,
			    struct range_set *out);

/* Where a resource stands: its validators as sent to clients, or NULL. */
struct range_validators {
	const char *etag, *last_modified;
};

/* True when a Range field beside this If-Range is to be obeyed (13.1.5): no
 * If-Range, a strong ETag that equals ours, or a date equal to our
 * Last-Modified. now: for dates with a year of two digits. */
bool range_if_range(const char *if_range, const struct range_validators *ours,
		    time_t now);

struct range_conditions {
	const char *if_match, *if_unmodified_since;
	const char *if_none_match, *if_modified_since;
};

enum range_outcome {
	RANGE_PROCEED,		/* look at Range and If-Range next */
	RANGE_NOT_MODIFIED,	/* 304 */
	RANGE_FAILED,		/* 412 */
};

/* The conditions of a GET or HEAD on a resource that exists, in the order of
 * RFC 9110, 13.2.2. If-Match compares strongly, If-None-Match weakly; an
 * If-Match that makes no sense fails, an If-None-Match that makes none and
 * dates that are none are ignored, as are dates beside their If-(None-)Match
 * and dates for a resource that has none. now: as above. */
enum range_outcome range_precondition(const struct range_conditions *asked,
				      const struct range_validators *ours,
				      time_t now);

#endif
