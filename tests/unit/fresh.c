/* fresh: RFC 9111, 4.2 by tables. */
#include "config.h"

#include "cache/fresh.h"
#include "tests/tap.h"

#include <stdlib.h>

#define TEN_YEARS FRESH_LIFETIME_MAX
#define NOW 1763800000		/* 2025-11-22T08:26:40Z */

static const struct date_case {
	const char *text;
	time_t now, want;
} dates[] = {
	/* the three forms, RFC 9110, 5.6.7 */
	{ "Sun, 06 Nov 1994 08:49:37 GMT", NOW, 784111777 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", NOW, 784111777 },
	{ "Sun Nov  6 08:49:37 1994", NOW, 784111777 },
	{ "Wed Nov 16 08:49:37 1994", NOW, 784975777 },
	{ "Wed Nov 06 08:49:37 1994", NOW, 784111777 },
	/* case, spaces around, wrong day of the week */
	{ "sun, 06 nov 1994 08:49:37 gmt", NOW, 784111777 },
	{ "SUNDAY, 06-NOV-94 08:49:37 GMT", NOW, 784111777 },
	{ " \tSun, 06 Nov 1994 08:49:37 GMT \t", NOW, 784111777 },
	{ "Mon, 06 Nov 1994 08:49:37 GMT", NOW, 784111777 },
	/* edges of the calendar */
	{ "Thu, 01 Jan 1970 00:00:00 GMT", NOW, 0 },
	{ "Wed, 31 Dec 1969 23:59:59 GMT", NOW, 0 },
	{ "Mon, 01 Jan 1900 00:00:00 GMT", NOW, 0 },
	{ "Sat, 01 Jan 0000 00:00:00 GMT", NOW, 0 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", NOW, 253402300799 },
	{ "Tue, 19 Jan 2038 03:14:08 GMT", NOW, 2147483648 },
	{ "Thu, 29 Feb 2024 00:00:00 GMT", NOW, 1709164800 },
	{ "Tue, 29 Feb 2000 00:00:00 GMT", NOW, 951782400 },
	{ "Sat, 31 Dec 2016 23:59:60 GMT", NOW, 1483228799 },
	{ "Wed, 29 Feb 2023 00:00:00 GMT", NOW, -1 },
	{ "Thu, 29 Feb 1900 00:00:00 GMT", NOW, -1 },
	{ "Sun, 31 Nov 1994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 00 Nov 1994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 32 Dec 1994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06 Nov 1994 24:00:00 GMT", NOW, -1 },
	{ "Sun, 06 Nov 1994 08:60:37 GMT", NOW, -1 },
	{ "Sun, 06 Nov 1994 08:49:61 GMT", NOW, -1 },
	/* years of two digits: never more than 50 years ahead */
	{ "Saturday, 22-Nov-75 08:26:40 GMT", NOW, 3341636800 },
	{ "Saturday, 22-Nov-75 08:26:41 GMT", NOW, 185876801 },
	{ "Saturday, 01-Jan-00 00:00:00 GMT", NOW, 946684800 },
	{ "Friday, 31-Dec-99 23:59:59 GMT", NOW, 946684799 },
	{ "Tuesday, 29-Feb-00 00:00:00 GMT", NOW, 951782400 },
	{ "Friday, 29-Feb-96 00:00:00 GMT", NOW, 825552000 },
	{ "Friday, 29-Feb-97 00:00:00 GMT", NOW, -1 },
	/* 2100 has no such day, 2000 has */
	{ "Tuesday, 29-Feb-00 00:00:00 GMT", 4133894400, 951782400 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 0, 784111777 },
	{ "Sunday, 06-Nov-19 08:49:37 GMT", 0, 0 },
	{ "Sunday, 06-Nov-1994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06-Nov-94 08:49:37 GMT", NOW, -1 },
	/* zones */
	{ "Sun, 06 Nov 1994 08:49:37 UTC", NOW, -1 },
	{ "Sun, 06 Nov 1994 08:49:37 +0000", NOW, -1 },
	{ "Sun, 06 Nov 1994 08:49:37 CET", NOW, -1 },
	{ "Sun, 06 Nov 1994 08:49:37", NOW, -1 },
	{ "Sun Nov  6 08:49:37 1994 GMT", NOW, -1 },
	/* not dates */
	{ "", NOW, -1 },
	{ " ", NOW, -1 },
	{ "0", NOW, -1 },
	{ "-1", NOW, -1 },
	{ "784111777", NOW, -1 },
	{ "Sun", NOW, -1 },
	{ "Sun, ", NOW, -1 },
	{ "Sun, 6 Nov 1994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06 Nov 94 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06 Nov 1994 8:49:37 GMT", NOW, -1 },
	{ "Sun, 06 Nov 1994 08:49 GMT", NOW, -1 },
	{ "Sun,06 Nov 1994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06  Nov 1994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT, x", NOW, -1 },
	{ "Sun, 06 Nov 19945 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06 Nov -994 08:49:37 GMT", NOW, -1 },
	{ "Sun, 06 Nox 1994 08:49:37 GMT", NOW, -1 },
	{ "Xun, 06 Nov 1994 08:49:37 GMT", NOW, -1 },
	{ "Sund, 06-Nov-94 08:49:37 GMT", NOW, -1 },
	{ "06 Nov 1994 08:49:37 GMT", NOW, -1 },
	{ "1994-11-06T08:49:37Z", NOW, -1 },
	{ "Sun Nov 6 08:49:37 1994", NOW, -1 },
	{ "S\xc3\xbcn, 06 Nov 1994 08:49:37 GMT", NOW, -1 },
};

/* Every prefix of a date is none, whatever comes behind it in memory. */
static void test_date_prefixes(void)
{
	static const char *const whole[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};

	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(whole[i]), wrong = 0;

		for (size_t n = 0; n < len; n++) {
			/* On the heap, for the address sanitizer. */
			char *part = malloc(n + !n);

			if (part)
				memcpy(part, whole[i], n);
			wrong += !part || fresh_parse_date(part, n, NOW) != -1;
			free(part);
		}
		is_uint(wrong, 0, "no prefix of \"%s\" is a date", whole[i]);
	}
}

static void test_dates(void)
{
	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
		const struct date_case *c = &dates[i];

		is_int(fresh_parse_date(c->text, strlen(c->text), c->now),
		       c->want, "date \"%s\"", c->text);
	}
	is_int(fresh_parse_date("Sun, 06 Nov 1994 08:49:37 GMT\0", 30, NOW), -1,
	       "a date with a NUL behind it");
}

/* There and back for a day in every month of 400 years. */
static void test_date_round(void)
{
	size_t wrong = 0;
	char text[64];

	for (time_t t = 0; t < (time_t)400 * 366 * 86400; t += 2629743) {
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		wrong += fresh_parse_date(text, strlen(text), NOW) != t;
		strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm);
		wrong += fresh_parse_date(text, strlen(text), NOW) != t;
	}
	is_uint(wrong, 0, "dates of 400 years come back");
}

static const struct delta_case {
	const char *text;
	int64_t want;
} deltas[] = {
	{ "0", 0 },
	{ "60", 60 },
	{ " \t60 ", 60 },
	{ "0060", 60 },
	{ "2147483647", 2147483647 },
	{ "2147483648", 2147483648 },
	{ "2147483649", 2147483648 },
	{ "18446744073709551615", 2147483648 },
	{ "18446744073709551616", 2147483648 },
	{ "99999999999999999999999999999999999999999999999", 2147483648 },
	{ "", -1 },
	{ " ", -1 },
	{ "-1", -1 },
	{ "+1", -1 },
	{ "1.5", -1 },
	{ "1e3", -1 },
	{ "0x10", -1 },
	{ "6 0", -1 },
	{ "60s", -1 },
	{ "\"60\"", -1 },
	{ "60,70", -1 },
};

static void test_deltas(void)
{
	for (size_t i = 0; i < sizeof(deltas) / sizeof(*deltas); i++)
		is_int(fresh_parse_delta(deltas[i].text,
					 strlen(deltas[i].text)),
		       deltas[i].want, "seconds \"%s\"", deltas[i].text);
}

/* no-store, no-cache, must-revalidate, an Expires that is no date */
enum { STORE = 1, CACHE = 2, MUST = 4, BAD = 8 };

static const struct control_case {
	const char *lines[3];
	int64_t max_age;
	int flags;
} controls[] = {
	{ { "" }, -1, 0 },
	{ { "," }, -1, 0 },
	{ { " , ,, " }, -1, 0 },
	{ { "max-age=60" }, 60, 0 },
	{ { "Max-Age=60" }, 60, 0 },
	{ { "max-age=0" }, 0, 0 },
	{ { "public, max-age=60, immutable" }, 60, 0 },
	{ { "public,max-age=60" }, 60, 0 },
	{ { ", max-age=60 ," }, 60, 0 },
	{ { "\tmax-age=60\t" }, 60, 0 },
	{ { "max-age=\"60\"" }, 60, 0 },
	{ { "max-age=99999999999999999999" }, FRESH_DELTA_MAX, 0 },
	/* the smallest counts, in a line and over lines */
	{ { "max-age=60, max-age=30" }, 30, 0 },
	{ { "max-age=30, max-age=60" }, 30, 0 },
	{ { "max-age=60", "max-age=30" }, 30, 0 },
	{ { "max-age=30", "max-age=60", "public" }, 30, 0 },
	/* malformed is stale */
	{ { "max-age" }, 0, 0 },
	{ { "max-age=" }, 0, 0 },
	{ { "max-age=-1" }, 0, 0 },
	{ { "max-age=1.5" }, 0, 0 },
	{ { "max-age=1h" }, 0, 0 },
	{ { "max-age=\"60" }, 0, 0 },
	{ { "max-age=\"" }, 0, 0 },
	{ { "max-age=\"\"" }, 0, 0 },
	{ { "max-age=60\"" }, 0, 0 },
	{ { "max-age=\"6\\0\"" }, 0, 0 },
	{ { "max-age=60;public" }, 0, 0 },
	{ { "max-age=60, max-age=x" }, 0, 0 },
	{ { "max-age=x, max-age=60" }, 0, 0 },
	{ { "x=\"unended, max-age=60" }, 0, 0 },
	{ { "max-age=60, x=\"unended, no-store" }, 0, 0 },
	{ { "max-age=60, x=\"ends in a backslash\\" }, 0, 0 },
	/* what is no directive of ours */
	{ { "s-maxage=60" }, -1, 0 },
	{ { "s-maxage=0, max-age=60" }, 60, 0 },
	{ { "immutable" }, -1, 0 },
	{ { "private, proxy-revalidate, no-transform" }, -1, 0 },
	{ { "xmax-age=1, max-agex=2, max-age2=3, max_age=4" }, -1, 0 },
	{ { "xno-store, no-storex, nostore, no-cachex, must-revalidatex" },
	  -1, 0 },
	{ { "stale-if-error=60, stale-while-revalidate=5" }, -1, 0 },
	{ { "=, =60, \"\", \"no-store\"" }, -1, 0 },
	/* commas and directives inside quotes are text */
	{ { "x=\"a, no-store, max-age=1\", max-age=60" }, 60, 0 },
	{ { "x=\"a\\\", no-store, max-age=1\", max-age=60" }, 60, 0 },
	{ { "x=\"a\\\\\", no-store, max-age=60" }, 60, STORE },
	{ { "no-cache=\"Set-Cookie, X-No\", max-age=60" }, 60, CACHE },
	/* flags */
	{ { "no-store" }, -1, STORE },
	{ { "No-Store" }, -1, STORE },
	{ { "no-cache" }, -1, CACHE },
	{ { "no-cache=\"Set-Cookie\"" }, -1, CACHE },
	{ { "no-cache=Set-Cookie" }, -1, CACHE },
	{ { "must-revalidate" }, -1, MUST },
	{ { "no-store=1" }, -1, STORE },
	{ { "no-cache, no-store, must-revalidate, max-age=0" }, 0,
	  STORE | CACHE | MUST },
	{ { "no-cache", "no-store", "must-revalidate" }, -1,
	  STORE | CACHE | MUST },
	{ { "no-store", "max-age=60", "public" }, 60, STORE },
};

static void test_cache_control(void)
{
	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++) {
		const struct control_case *c = &controls[i];
		struct fresh_headers h = FRESH_HEADERS_INIT;
		int flags;

		for (int n = 0; n < 3 && c->lines[n]; n++) {
			size_t len = strlen(c->lines[n]);
			char *copy = malloc(len + !len);

			if (!copy)
				return;
			memcpy(copy, c->lines[n], len);
			fresh_cache_control(&h, copy, len);
			free(copy);
		}
		flags = (h.no_store ? STORE : 0) | (h.no_cache ? CACHE : 0) |
			(h.must_revalidate ? MUST : 0);
		is_int(h.max_age, c->max_age, "max-age of %s", c->lines[0]);
		is_int(flags, c->flags, "flags of %s", c->lines[0]);
	}
}

/* Request at 1000000 - delay, response at 1000000. */
#define AT 1000000
#define NO (-1)

static const struct until_case {
	const char *what;
	int64_t max_age, age, date, expires, last_modified;
	int flags;
	int delay;
	int64_t want;		/* seconds behind AT */
} untils[] = {
	{ "max-age", 60, NO, NO, NO, NO, 0, 0, 60 },
	{ "max-age of 0", 0, NO, NO, NO, NO, 0, 0, 0 },
	{ "max-age with Date", 60, NO, AT, NO, NO, 0, 0, 60 },
	{ "apparent age", 60, NO, AT - 10, NO, NO, 0, 0, 50 },
	{ "Date in the future", 60, NO, AT + 10, NO, NO, 0, 0, 60 },
	{ "Age", 60, 20, AT, NO, NO, 0, 0, 40 },
	{ "Age of 0", 60, 0, AT, NO, NO, 0, 0, 60 },
	{ "delay of the response", 60, NO, AT, NO, NO, 0, 7, 53 },
	{ "Age and delay add up", 60, 20, NO, NO, NO, 0, 7, 33 },
	{ "apparent age above Age", 60, 5, AT - 30, NO, NO, 0, 0, 30 },
	{ "Age above apparent age", 60, 30, AT - 5, NO, NO, 0, 0, 30 },
	{ "clock went back during the request",
	  60, NO, AT, NO, NO, 0, -100, 60 },
	{ "stale on arrival", 60, 61, NO, NO, NO, 0, 0, 0 },
	{ "just stale on arrival", 60, 60, NO, NO, NO, 0, 0, 0 },
	{ "stale by our clock", 60, NO, 5, NO, NO, 0, 0, 0 },
	{ "stale by our clock, Date of 1970", 60, NO, 0, NO, NO, 0, 0, 0 },
	{ "max-age without end",
	  FRESH_DELTA_MAX, NO, AT, NO, NO, 0, 0, TEN_YEARS },
	{ "Age without end", 60, FRESH_DELTA_MAX, NO, NO, NO, 0, 0, 0 },
	{ "max-age and Age without end",
	  FRESH_DELTA_MAX, FRESH_DELTA_MAX, NO, NO, NO, 0, 0, 0 },
	{ "max-age over Expires in the past", 60, NO, AT, 5, NO, 0, 0, 60 },
	{ "max-age over Expires in the future",
	  60, NO, AT, AT + 999, NO, 0, 0, 60 },
	{ "max-age over a bad Expires", 60, NO, AT, NO, NO, BAD, 0, 60 },
	{ "max-age over the heuristic", 60, NO, AT, NO, 0, 0, 0, 60 },
	{ "Expires", NO, NO, AT, AT + 100, NO, 0, 0, 100 },
	{ "Expires is relative to Date",
	  NO, NO, AT + 500, AT + 600, NO, 0, 0, 100 },
	{ "Expires, old Date", NO, NO, AT - 50, AT + 100, NO, 0, 0, 100 },
	{ "Expires with Age", NO, 30, AT, AT + 100, NO, 0, 0, 70 },
	{ "Expires without Date", NO, NO, NO, AT + 100, NO, 0, 0, 100 },
	{ "Expires at Date", NO, NO, AT, AT, NO, 0, 0, 0 },
	{ "Expires before Date", NO, NO, AT, AT - 1, NO, 0, 0, 0 },
	{ "Expires of 1970", NO, NO, AT, 0, NO, 0, 0, 0 },
	{ "Expires of 9999", NO, NO, AT, 253402300799, NO, 0, 0, TEN_YEARS },
	{ "Date of 9999", NO, NO, 253402300799, AT + 5, NO, 0, 0, 0 },
	{ "bad Expires", NO, NO, AT, NO, NO, BAD, 0, 0 },
	{ "bad Expires over the heuristic", NO, NO, AT, NO, 0, BAD, 0, 0 },
	{ "heuristic: a tenth", NO, NO, AT, NO, AT - 10000, 0, 0, 1000 },
	{ "heuristic with Age", NO, 100, AT, NO, AT - 10000, 0, 0, 900 },
	{ "heuristic without Date", NO, NO, NO, NO, AT - 10000, 0, 0, 1000 },
	{ "heuristic: at least a minute", NO, NO, AT, NO, AT - 10, 0, 0, 60 },
	{ "heuristic: changed just now", NO, NO, AT, NO, AT, 0, 0, 60 },
	{ "heuristic: changed in the future",
	  NO, NO, AT, NO, AT + 100000, 0, 0, 60 },
	{ "heuristic: at most a week",
	  NO, NO, 1700000000, NO, 0, 0, 0, FRESH_HEURISTIC_MAX },
	{ "heuristic: nothing said", NO, NO, AT, NO, NO, 0, 0, 60 },
	{ "heuristic: nothing at all", NO, NO, NO, NO, NO, 0, 0, 60 },
	{ "no-store", 60, NO, NO, NO, NO, STORE, 0, 0 },
	{ "no-cache", 60, NO, NO, NO, NO, CACHE, 0, 0 },
	{ "no-cache over Expires", NO, NO, AT, AT + 100, NO, CACHE, 0, 0 },
	{ "must-revalidate is fresh until it is stale",
	  60, NO, NO, NO, NO, MUST, 0, 60 },
};

static void test_until(void)
{
	for (size_t i = 0; i < sizeof(untils) / sizeof(*untils); i++) {
		const struct until_case *c = &untils[i];

		struct fresh_headers h = {
			.max_age = c->max_age,
			.age = c->age,
			.date = c->date,
			.expires = c->expires,
			.last_modified = c->last_modified,
			.no_store = c->flags & STORE,
			.no_cache = c->flags & CACHE,
			.must_revalidate = c->flags & MUST,
			.expires_invalid = c->flags & BAD,
		};

		is_int(fresh_until(&h, AT - c->delay, AT) - AT, c->want,
		       "until: %s", c->what);
	}
}

/* Whatever is said, the answer stays within its bounds. */
static void test_until_bounds(void)
{
	static const int64_t values[] = { -1, 0, 1, 60, AT, 1763800000,
					  FRESH_DELTA_MAX };
	static const time_t times[] = { -1, 0, AT, 1763800000, 253402300799 };
	size_t wrong = 0;

	for (int i = 0; i < 7 * 7 * 5 * 5 * 5; i++) {
		struct fresh_headers h = FRESH_HEADERS_INIT;
		time_t until;

		h.max_age = values[i % 7];
		h.age = values[i / 7 % 7];
		h.date = times[i / 49 % 5];
		h.expires = times[i / 245 % 5];
		h.last_modified = times[i / 1225 % 5];
		for (int k = 0; k < 5; k++) {
			until = fresh_until(&h, times[k], NOW);
			wrong += until < NOW || until > NOW + TEN_YEARS;
			until = fresh_until(&h, NOW, times[k]);
			wrong += until < times[k] ||
				 until > times[k] + TEN_YEARS;
		}
	}
	is_uint(wrong, 0, "always between now and ten years from now");
}

/* When it was made, beside the time of its arrival; its request took 5 s. */
static void test_generated(void)
{
	static const struct {
		int64_t age;
		time_t date;	/* beside the arrival; 1: not said */
		int want;
		const char *what;
	} cases[] = {
		{ -1, 1, -5, "nothing said: as old as its request" },
		{ -1, 0, -5, "a Date of now" },
		{ -1, -100, -100, "an old Date" },
		{ -1, 100, -5, "a Date to come" },
		{ 60, 0, -65, "Age, and the time it took" },
		{ 60, -100, -100, "a Date older than that" },
		{ 60, -61, -65, "one that is younger" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fresh_headers h = FRESH_HEADERS_INIT;

		h.age = cases[i].age;
		if (cases[i].date != 1)
			h.date = NOW + cases[i].date;
		is_int(fresh_generated(&h, NOW - 5, NOW) - NOW, cases[i].want,
		       "%s", cases[i].what);
	}
}

/* What a 304 leaves unsaid. */
static void test_keep(void)
{
	static const char stored[] = "Cache-Control: max-age=50\n"
		"Expires: Thu, 01 Jan 1970 00:00:07 GMT\n";
	static const char changed[] = "Thu, 01 Jan 1970 00:00:03 GMT";
	static const struct {
		const char *brought, *stored, *last_modified;
		int max_age, expires, modified;
		const char *what;
	} cases[] = {
		{ NULL, NULL, NULL, -1, -1, -1, "nothing, of nothing" },
		{ NULL, stored, changed, 50, 7, 3, "all of it" },
		{ "Cache-Control: private\n", stored, changed, -1, 7, 3,
		  "Cache-Control brought" },
		{ "Expires: 0\n", stored, changed, 50, -1, 3,
		  "Expires brought" },
		{ "X: y\n", "Expires: 0\n", "no date", -1, -1, -1,
		  "what makes no sense" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fresh_headers h = FRESH_HEADERS_INIT;

		fresh_keep(&h, cases[i].brought, cases[i].stored,
			   cases[i].last_modified, NOW);
		is_int(h.max_age, cases[i].max_age, "%s: max-age",
		       cases[i].what);
		is_int(h.expires, cases[i].expires, "%s: Expires",
		       cases[i].what);
		is_int(h.last_modified, cases[i].modified, "%s: Last-Modified",
		       cases[i].what);
		ok(h.expires_invalid == (i == 4), "%s: a bad Expires",
		   cases[i].what);
	}
}

/* A playlist lives as long as it says, and no longer. */
static void test_changing(void)
{
	struct fresh_headers h = FRESH_HEADERS_INIT;

	h.changing = true;
	is_int(fresh_until(&h, NOW, NOW) - NOW, 0, "nothing said");
	h.last_modified = NOW - 1000000;
	h.date = NOW;
	is_int(fresh_until(&h, NOW, NOW) - NOW, 0, "an old one");
	h.expires = NOW + 30;
	is_int(fresh_until(&h, NOW, NOW) - NOW, 30, "Expires");
	h.max_age = 5;
	is_int(fresh_until(&h, NOW, NOW) - NOW, 5, "max-age");
	h.age = 2;
	is_int(fresh_until(&h, NOW, NOW) - NOW, 3, "max-age and Age");
}

int main(void)
{
	test_changing();
	test_keep();
	test_generated();
	test_dates();
	test_date_prefixes();
	test_date_round();
	test_deltas();
	test_cache_control();
	test_until();
	test_until_bounds();
	return done_testing();
}
