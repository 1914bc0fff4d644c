/* fresh: how long a stored response may be used without asking (RFC 9111,
 * private cache).
 *
 * Pure: times come in as arguments (seconds since the epoch, local clock).
 */
#ifndef SPOOL_FRESH_H
#define SPOOL_FRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* No explicit lifetime: RFC 9111, 4.2.2 allows a heuristic. A tenth of the
 * time since the last change, within these bounds; the lower one when the
 * last change is not known. */
#define FRESH_HEURISTIC_MIN 60
#define FRESH_HEURISTIC_MAX (7 * 24 * 3600)

/* A longer number of seconds counts as this (RFC 9111, 1.2.2). */
#define FRESH_DELTA_MAX ((int64_t)1 << 31)

/* Nothing is fresh for longer than ten years. */
#define FRESH_LIFETIME_MAX ((int64_t)3653 * 24 * 3600)

/* What a response says about its own freshness. -1: not said. */
struct fresh_headers {
	int64_t max_age;	/* Cache-Control: max-age, seconds */
	int64_t age;		/* Age, seconds */
	time_t date, expires, last_modified;
	bool no_store, no_cache, must_revalidate;
	bool expires_invalid;	/* an Expires that is no date is in the past */
	bool changing;		/* not said, but known of a playlist: without a
				   lifetime of its own it has none */
};

#define FRESH_HEADERS_INIT { .max_age = -1, .age = -1, .date = -1, \
			     .expires = -1, .last_modified = -1 }

/* Merge the value of one Cache-Control field line into h. The smallest of
 * several max-age wins. A malformed max-age, or a quoted string that does not
 * end, counts as max-age=0 (RFC 9111, 4.2.1: invalid freshness information is
 * staleness). no-cache and no-store hold with or without an argument: a
 * no-cache limited to some fields is taken for all of them. Directives that
 * don't concern a private cache (s-maxage, private, proxy-revalidate …) and
 * unknown ones are ignored. len: bytes of value, no NUL needed. */
void fresh_cache_control(struct fresh_headers *h, const char *value,
			 size_t len);

/* Likewise all such lines among these fields (fields.h). */
void fresh_fields(struct fresh_headers *h, const char *fields);

/* h is what a 304 says, `brought` its fields: what it does not bring stays as
 * the stored answer had it (RFC 9111, 3.2), of which these are the fields and
 * the Last-Modified, or NULL. */
void fresh_keep(struct fresh_headers *h, const char *brought,
		const char *stored, const char *last_modified, time_t now);

/* Until when (local clock) the response is fresh, given when the request was
 * sent and its response arrived: fresh while now < the result. Between
 * response_time (stale on arrival) and response_time + FRESH_LIFETIME_MAX.
 * no_store and no_cache: response_time (usable for the one who asked, to be
 * validated by the next). Trusts neither clock further than RFC 9111, 4.2.3
 * does: a Date in the future makes nothing younger, one in the past makes the
 * response older. */
time_t fresh_until(const struct fresh_headers *h, time_t request_time,
		   time_t response_time);

/* When the response was made, by the local clock: response_time less its age on
 * arrival (RFC 9111, 4.2.3, corrected_initial_age). From then on its age is the
 * time passed since. */
time_t fresh_generated(const struct fresh_headers *h, time_t request_time,
		       time_t response_time);

/* An HTTP date in any of its three forms (RFC 9110, 5.6.7), in any letter case
 * but in GMT only (RFC 9111, 4.2); -1 if none. Spaces around it are skipped.
 * A date before 1970 counts as 1970. The day of the week must be one, but it
 * is not compared with the date. now: decides what century a year of two
 * digits means. */
time_t fresh_parse_date(const char *value, size_t len, time_t now);

/* A number of seconds: digits only, spaces around them skipped. At most
 * FRESH_DELTA_MAX; -1 if none. */
int64_t fresh_parse_delta(const char *value, size_t len);

#endif
