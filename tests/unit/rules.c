/* rules: parameters that don't count, paths that fit; documents. */
#include "config.h"

#include "cache/rules.h"
#include "cache/url.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static const struct {
	const char *ignore[4];
	const char *url, *want;		/* NULL: nothing to take out */
} stripped[] = {
	{ { "a" }, "https://h/x", NULL },
	{ { "a" }, "https://h/x?b=1", NULL },
	{ { NULL }, "https://h/x?a=1", NULL },
	{ { "a" }, "https://h/x?a=1", "https://h/x" },
	{ { "a" }, "https://h/x?a", "https://h/x" },
	{ { "a" }, "https://h/x?a=", "https://h/x" },
	{ { "a" }, "https://h/x?a=1&b=2", "https://h/x?b=2" },
	{ { "a" }, "https://h/x?b=2&a=1", "https://h/x?b=2" },
	{ { "a" }, "https://h/x?c=3&a=1&b=2", "https://h/x?c=3&b=2" },
	{ { "a" }, "https://h/x?b=2&a=1&c=3&a=4", "https://h/x?b=2&c=3" },
	{ { "a", "b" }, "https://h/x?b=2&a=1", "https://h/x" },
	{ { "a", "b" }, "https://h/x?c&b=2&a=1&d", "https://h/x?c&d" },
	{ { "a" }, "https://h/x?aa=1&A=2&ba=3", NULL },
	{ { "aa" }, "https://h/x?a=a&a=aa", NULL },
	{ { "a" }, "https://h/x?b=a&c=?a=1&a=2", "https://h/x?b=a&c=?a=1" },
	{ { "a" }, "https://h/x?&a=1&", "https://h/x?&" },
	{ { "a" }, "https://h/x?a=1&b=%2F+%20", "https://h/x?b=%2F+%20" },
	{ { "*" }, "https://h/x?b=2&c", "https://h/x" },
	{ { "*" }, "https://h/x?", "https://h/x" },
	{ { "*" }, "https://h/x", NULL },
};

static void test_strip(void)
{
	for (size_t i = 0; i < COUNT(stripped); i++) {
		struct conf_list ignore = { (char **)stripped[i].ignore, 0 };
		char *out = NULL;

		while (stripped[i].ignore[ignore.n])
			ignore.n++;
		is_int(rules_strip(&ignore, stripped[i].url, &out), 0, "%s",
		       stripped[i].url);
		is_str(out, stripped[i].want, "without what does not count");
		free(out);
	}
}

static const struct {
	const char *pattern, *key;
	bool fits;
} paths[] = {
	{ "*.m3u8", "https://h/a/b.m3u8", true },
	{ "*.m3u8", "https://h/a/b.m3u8?x=/y", true },
	{ "*.m3u8", "https://h/a/b.m3u8/c", false },
	{ "*.m3u8", "https://h/a?b.m3u8", false },
	{ "b", "https://h/a/b", true }, { "b", "https://h/b/a", false },
	{ "b", "https://b/", false },
	{ "/a/*", "https://h/a/b/c", true }, { "/a/*", "https://h/a/", true },
	{ "/a/*", "https://h/b/a/c", false }, { "/a", "https://h/a/b", false },
	{ "*/a/*", "https://h/b/a/c", true },
	{ "/?/[bc]", "https://h/a/c", true },
	{ "/?/[bc]", "https://h/a/d", false },
	{ "*", "https://h/", true }, { "[", "https://h/[", true },
	{ "a\\*", "https://h/a*", false },
};

static void test_paths(void)
{
	for (size_t i = 0; i < COUNT(paths); i++) {
		char *v[] = { (char *)"never", (char *)paths[i].pattern };
		struct conf_list patterns = { v, 2 };

		is_int(rules_path_fits(&patterns, paths[i].key), paths[i].fits,
		       "%s and %s", paths[i].key, paths[i].pattern);
		patterns.n = 0;
		ok(!rules_path_fits(&patterns, paths[i].key), "no pattern");
	}
}

static const struct {
	const char *name, *type;
	bool is;
} documents[] = {
	{ "https://h/a.m3u8", NULL, true }, { "https://h/a.m3u", NULL, true },
	{ "https://h/a.M3U8?x=y.mp4", NULL, true },
	{ "https://h/a.mpd", "text/plain", true },
	{ "https://h/a.pls", NULL, true }, { "https://h/a.xspf", NULL, true },
	{ "https://h/a.asx", NULL, true }, { "https://h/a.wvx", NULL, true },
	{ "https://h/live", "application/vnd.apple.mpegurl", true },
	{ "https://h/live", "Application/X-mpegURL; charset=utf-8", true },
	{ "https://h/live", "audio/mpegurl", true },
	{ "https://h/live", "application/dash+xml", true },
	{ "https://h/live", "audio/x-scpls", true },
	{ "https://h/live", "application/xspf+xml", true },
	{ "https://h/live", "video/x-ms-asx", true },
	{ "https://h/a.mp4", NULL, false }, { "https://h/a.ts", NULL, false },
	{ "https://h/a?b.m3u8", NULL, false }, { "https://h/live", NULL, false },
	{ "https://h/a", "application/dash+xmlx", false },
	{ "https://h/a", "application/dash", false },
	{ "https://h/a.asf", "video/x-ms-asf", false },
	{ "https://h/a.m4s", "video/iso.segment", false },
};

static void test_documents(void)
{
	for (size_t i = 0; i < COUNT(documents); i++)
		is_int(url_is_playlist(documents[i].name, documents[i].type),
		       documents[i].is, "%s of type %s", documents[i].name,
		       documents[i].type);
}

int main(void)
{
	test_strip();
	test_paths();
	test_documents();
	return done_testing();
}
