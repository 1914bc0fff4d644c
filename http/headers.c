#include "config.h"

#include "headers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cache/fresh.h"
#include "cache/url.h"

#define OCTETS "application/octet-stream"

const char *headers_x_cache(enum cache_found found, int unconfirmed)
{
	if (unconfirmed)
		return unconfirmed == -EHOSTUNREACH ||
		       unconfirmed == -ETIMEDOUT ? "OFFLINE" : "STALE";
	if (found == CACHE_FOUND_NOTHING)
		return "MISS";
	return found == CACHE_FOUND_ALL ? "HIT" : "PARTIAL";
}

enum cache_found headers_join(enum cache_found a, enum cache_found b)
{
	return a == b ? a : CACHE_FOUND_SOME;
}

/* Whether a name ends in ".ext", before any query. */
static bool has_extension(const char *name, const char *extension, size_t len)
{
	size_t whole = strcspn(name, "?");

	return whole > len && name[whole - len - 1] != '/' &&
	       !strncasecmp(name + whole - len, extension, len);
}

const char *headers_media_type(const struct conf_list *types, const char *sent,
			       const char *name)
{
	const char *guess = name ? url_media_type(name) : NULL;
	size_t len = sent ? strcspn(sent, "; \t") : 0;

	for (size_t i = 0; name && i < types->n; i++) {
		const char *space = strchr(types->v[i], ' ');

		if (space && has_extension(name, types->v[i],
					   space - types->v[i]))
			return space + 1;
	}
	if (len && (len != strlen(OCTETS) || strncasecmp(sent, OCTETS, len)))
		return sent;
	return guess ? guess : OCTETS;
}

bool headers_may_be_kept(const char *fields)
{
	struct fresh_headers h = FRESH_HEADERS_INIT;

	fresh_fields(&h, fields);
	return !h.no_store;
}

void headers_date(time_t t, char out[HEADERS_DATE_SIZE])
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
					"Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
					  "Jun", "Jul", "Aug", "Sep", "Oct",
					  "Nov", "Dec" };
	struct tm tm;

	out[0] = '\0';
	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return;
	snprintf(out, HEADERS_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT",
		 days[tm.tm_wday], tm.tm_mday % 100, months[tm.tm_mon],
		 (tm.tm_year + 1900) % 10000, tm.tm_hour % 100,
		 tm.tm_min % 100, tm.tm_sec % 100);
}

unsigned long long headers_age(time_t generated, time_t now)
{
	return now > generated ? (unsigned long long)now - generated : 0;
}

bool headers_replaced(const struct conf_list *settings, const struct field *f)
{
	for (size_t i = 0; i < settings->n; i++)
		if (!strncasecmp(settings->v[i], f->name, f->name_len) &&
		    settings->v[i][f->name_len] == ':')
			return true;
	return false;
}
