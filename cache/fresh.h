/* fresh: how long a stored response may be used without asking (RFC 9111,
 * private cache).
 *
 * Pure: times come in as arguments (seconds since the epoch, local clock).
 */
#ifndef SPOOL_FRESH_H
#define SPOOL_FRESH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* No explicit lifetime: RFC 9111, 4.2.2 allows a heuristic. A tenth of the
 * time since the last change, within these bounds. */
#define FRESH_HEURISTIC_MIN 60
#define FRESH_HEURISTIC_MAX (7 * 24 * 3600)

/* What a response says about its own freshness. -1: not said. */
struct fresh_headers {
	int64_t max_age;	/* Cache-Control: max-age, seconds */
	int64_t age;		/* Age, seconds */
	time_t date, expires, last_modified;
	bool no_store, no_cache, must_revalidate;
	bool expires_invalid;	/* an Expires that is no date is in the past */
};

#define FRESH_HEADERS_INIT { .max_age = -1, .age = -1, .date = -1, \
			     .expires = -1, .last_modified = -1 }

/* Merge the value of one Cache-Control field line into h. The smallest of
 * several max-age wins; unknown directives are ignored; a malformed max-age
 * counts as 0 (RFC 9111, 4.2.1). len: bytes of value, no NUL needed. */
void fresh_cache_control(struct fresh_headers *h, const char *value,
			 size_t len);

/* Until when (local clock) the response is fresh, given when the request was
 * sent and its response arrived. Never later than response_time +
 * 10 years. no_store and no_cache: response_time (usable for the one who
 * asked, to be validated by the next). */
time_t fresh_until(const struct fresh_headers *h, time_t request_time,
		   time_t response_time);

/* An HTTP date in any of its three forms (RFC 9110, 5.6.7); -1 if none. */
time_t fresh_parse_date(const char *value, size_t len);

#endif
