/* headers: what answers say of themselves, by tables. */
#include "config.h"

#include "http/headers.h"
#include "tests/tap.h"

#include <errno.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static struct conf_list list_of(const char *const *lines, size_t n)
{
	return (struct conf_list){ (char **)(uintptr_t)lines, n };
}

static void test_x_cache(void)
{
	static const struct {
		enum cache_found found;
		int unconfirmed;
		const char *want;
	} cases[] = {
		{ CACHE_FOUND_ALL, 0, "HIT" },
		{ CACHE_FOUND_SOME, 0, "PARTIAL" },
		{ CACHE_FOUND_NOTHING, 0, "MISS" },
		{ CACHE_FOUND_ALL, -EIO, "STALE" },
		{ CACHE_FOUND_SOME, -EIO, "STALE" },
		{ CACHE_FOUND_NOTHING, -ENOMEM, "STALE" },
		{ CACHE_FOUND_ALL, -EHOSTUNREACH, "OFFLINE" },
		{ CACHE_FOUND_ALL, -ETIMEDOUT, "OFFLINE" },
		{ CACHE_FOUND_NOTHING, -EHOSTUNREACH, "OFFLINE" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		is_str(headers_x_cache(cases[i].found, cases[i].unconfirmed),
		       cases[i].want, "%s: %zu", cases[i].want, i);
	is_int(headers_join(CACHE_FOUND_ALL, CACHE_FOUND_ALL), CACHE_FOUND_ALL,
	       "all of both is all");
	is_int(headers_join(CACHE_FOUND_NOTHING, CACHE_FOUND_NOTHING),
	       CACHE_FOUND_NOTHING, "nothing of either is nothing");
	is_int(headers_join(CACHE_FOUND_ALL, CACHE_FOUND_NOTHING),
	       CACHE_FOUND_SOME, "all of one is some");
}

static void test_media_type(void)
{
	static const char *const lines[] = {
		".mkv video/x-own", ".tar.gz application/x-tgz",
		".mp4 video/other",
	};
	const struct conf_list types = list_of(lines, COUNT(lines));
	static const struct {
		const char *sent, *name, *want;
	} cases[] = {
		/* the settings first */
		{ "video/mp4", "https/a/b.mkv", "video/x-own" },
		{ "text/html", "https/a/B.MKV", "video/x-own" },
		{ NULL, "https/a/b.mkv?x=.png", "video/x-own" },
		{ NULL, "https/a/b.tar.gz", "application/x-tgz" },
		{ "video/mp4", "https/a/b.mp4", "video/other" },
		/* the origin's */
		{ "video/webm", "https/a/b.webm", "video/webm" },
		{ "x/y; charset=z", "https/a/b.webm", "x/y; charset=z" },
		{ "a/b", "https/a/b", "a/b" },
		{ "a/b", NULL, "a/b" },
		{ "a/b", "https/a/.mkv", "a/b" },
		{ "a/b", "https/a/b.gz", "a/b" },
		{ "a/b", "https/a/x?b.mkv", "a/b" },
		{ "application/octet-streams", "https/a/b.webm",
		  "application/octet-streams" },
		/* by the extension */
		{ NULL, "https/a/b.webm", "video/webm" },
		{ "", "https/a/b.webm", "video/webm" },
		{ "application/octet-stream", "https/a/b.webm", "video/webm" },
		{ "Application/Octet-Stream; x=y", "https/a/b.webm",
		  "video/webm" },
		/* nothing to go by */
		{ NULL, "https/a/b", "application/octet-stream" },
		{ "application/octet-stream", "https/a/b.unknown",
		  "application/octet-stream" },
		{ NULL, NULL, "application/octet-stream" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		is_str(headers_media_type(&types, cases[i].sent, cases[i].name),
		       cases[i].want, "%s, %s",
		       cases[i].sent ? cases[i].sent : "nothing",
		       cases[i].name ? cases[i].name : "no name");
}

static void test_may_be_kept(void)
{
	static const struct {
		const char *fields;
		bool want;
	} cases[] = {
		{ NULL, true },
		{ "Cache-Control: max-age=60\n", true },
		{ "Cache-Control: no-store\n", false },
		{ "cache-control: max-age=60, No-Store\n", false },
		{ "Cache-Control: private\nVary: a\n"
		  "Cache-Control: no-store\n", false },
		{ "Cache-Control: x=\"no-store\"\n", true },
		{ "X-Note: no-store\n", true },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		ok(headers_may_be_kept(cases[i].fields) == cases[i].want,
		   "%zu: %s", i, cases[i].want ? "kept" : "not kept");
}

static void test_date(void)
{
	static const struct {
		time_t t;
		const char *want;
	} cases[] = {
		{ 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
		{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ -1, "Wed, 31 Dec 1969 23:59:59 GMT" },
		{ 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT" },
		{ 253402300800, "" },
		{ INT64_MAX, "" },
		{ INT64_MIN, "" },
	};
	char got[HEADERS_DATE_SIZE];

	for (size_t i = 0; i < COUNT(cases); i++) {
		headers_date(cases[i].t, got);
		is_str(got, cases[i].want, "the date of %jd",
		       (intmax_t)cases[i].t);
	}
}

static void test_age(void)
{
	is_uint(headers_age(100, 160), 60, "a minute old");
	is_uint(headers_age(100, 100), 0, "new");
	is_uint(headers_age(160, 100), 0, "the clock was set back");
	is_uint(headers_age(INT64_MIN, INT64_MAX), UINT64_MAX, "very old");
}

static void test_replaced(void)
{
	static const char *const lines[] = { "Cache-Control: no-cache", "X-Note: a" };
	const struct conf_list settings = list_of(lines, COUNT(lines));
	static const struct {
		const char *name;
		bool want;
	} cases[] = {
		{ "Cache-Control", true }, { "cache-control", true },
		{ "X-Note", true }, { "X-Not", false }, { "X-Notes", false },
		{ "Cache", false },
	};
	struct field f = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		f.name = cases[i].name;
		f.name_len = strlen(f.name);
		ok(headers_replaced(&settings, &f) == cases[i].want,
		   "%s: %s", f.name, cases[i].want ? "replaced" : "not replaced");
	}
}

int main(void)
{
	test_x_cache();
	test_media_type();
	test_may_be_kept();
	test_date();
	test_age();
	test_replaced();
	return done_testing();
}
