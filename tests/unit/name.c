/* url: URLs as names, names as URLs, one to one. */
#include "config.h"

#include "cache/url.h"
#include "tests/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200 X50 X50 X50 X50

static struct url *const untouched = (struct url *)-1;

static const char *const names[][2] = {
	{ "https://h/a/b.mp4", "https/h/a/b.mp4" },
	{ "http://H:8080/a", "http/h:8080/a" },
	{ "http://[::1]:81/a", "http/[::1]:81/a" },
	{ "http://h./a", "http/h./a" },
	{ "http://h", "http/h/%index" },
	{ "http://h/?q", "http/h/%index?q" },
	{ "http://h/a/", "http/h/a/%index" },
	{ "http://h//", "http/h/%empty/%index" },
	{ "http://h//a//b", "http/h/%empty/a/%empty/b" },
	{ "http://h/%25index", "http/h/%25index" },
	{ "http://h/%index", "http/h/%25index" },
	{ "http://h/a%25empty/x", "http/h/a%25empty/x" },
	{ "http://h/%25file", "http/h/%25file" },
	/* Shown decoded. */
	{ "http://h/a%20b", "http/h/a b" },
	{ "http://h/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D%23",
	  "http/h/\"<>\\^`{|}[]#" },
	{ "http://h/%C3%BC%e2%82%ac%F0%9F%8E%AC",
	  "http/h/\xc3\xbc\xe2\x82\xac\xf0\x9f\x8e\xac" },
	{ "http://h/%7Eme/%41", "http/h/~me/A" },
	/* Kept. */
	{ "http://h/a%2Fb%3Fc%25d", "http/h/a%2Fb%3Fc%25d" },
	{ "http://h/%00%01%0a%1f%7f", "http/h/%00%01%0A%1F%7F" },
	{ "http://h/%c2%85", "http/h/%C2%85" },
	{ "http://h/%c2%a0", "http/h/\xc2\xa0" },
	{ "http://h/%21$%26&%2b+%3A:%40@", "http/h/%21$%26&%2B+%3A:%40@" },
	{ "http://h/%c3/%bc", "http/h/%C3/%BC" },
	{ "http://h/%c3x%bc", "http/h/%C3x%BC" },
	{ "http://h/%c0%af%c1%bf", "http/h/%C0%AF%C1%BF" },
	{ "http://h/%e0%80%af", "http/h/%E0%80%AF" },
	{ "http://h/%ed%a0%80", "http/h/%ED%A0%80" },
	{ "http://h/%f4%90%80%80", "http/h/%F4%90%80%80" },
	{ "http://h/%ff%c3%bc%c3", "http/h/%FF\xc3\xbc%C3" },
	/* Queries as they are. */
	{ "http://h/v.mp4?id=1", "http/h/v.mp4?id=1" },
	{ "http://h/v?", "http/h/v?" },
	{ "http://h/v?a/b?c%2fd%2Fe%25s", "http/h/v?a%sb?c%2fd%2Fe%25s" },
	{ "http://h/v?%s", "http/h/v?%25s" },
	{ "http://h/v?%20%c3%bc[]", "http/h/v?%20%c3%bc[]" },
	{ "http://h/v?..", "http/h/v?.%_" },
	{ "http://h/v?x.meta", "http/h/v?x%_meta" },
	{ "http://h/v?x%2emeta", "http/h/v?x%2emeta" },
	{ "http://h/v.part?x", "http/h/v.part?x" },
	/* Suffixes and dots that mean something. */
	{ "http://h/x.meta", "http/h/x%_meta" },
	{ "http://h/x%2emet%61", "http/h/x%_meta" },
	{ "http://h/x.part/y", "http/h/x%_part/y" },
	{ "http://h/.part", "http/h/%_part" },
	{ "http://h/x.META", "http/h/x.META" },
	{ "http://h/x.meta.meta", "http/h/x.meta%_meta" },
	{ "http://h/x%25.meta", "http/h/x%25%_meta" },
	{ "http://h/film..", "http/h/film.%_" },
	{ "http://h/...", "http/h/..%_" },
	{ "http://h/.../x", "http/h/..%_/x" },
	{ "http://h/..x/.y", "http/h/..x/.y" },
	{ "http://h/%2e%2e%2ex", "http/h/...x" },
	{ "http://h/" X200, "http/h/" X200 },
};

static void test_names(void)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		struct url *u = NULL, *back = NULL;
		char *name = NULL;

		if (!ok(!url_parse(names[i][0], &u), "%s", names[i][1]))
			continue;
		ok(!url_name(u, &name), "has a name");
		is_str(name, names[i][1], "this one");
		is_int(url_from_name(name, &back), 0, "and a way back");
		is_str(back ? back->key : NULL, u->key, "to the same key");
		free(name);
		url_free(back);
		url_free(u);
	}
}

static char *name_of(const char *text)
{
	struct url *u = NULL;
	char *name = NULL;

	if (!url_parse(text, &u))
		url_name(u, &name);
	url_free(u);
	return name;
}

/* A component of n pieces of 165 + bytes: where is it cut? */
static void test_cut(const char *piece, const char *shown, size_t keep)
{
	char text[1024] = "http://h/a";
	char *name;

	while (strlen(text) < 700)
		strcat(text, piece);
	name = name_of(text);
	if (!ok(name != NULL, "a name of many %s", piece))
		return;
	is_uint(strcspn(strrchr(name, '/') + 1, "~"), keep + 1,
		"%s is not cut in two", piece);
	ok(strncmp(name + 8, shown, strlen(shown)) == 0, "%s is shown", piece);
	free(name);
}

static void test_shortened(void)
{
	char *one = name_of("http://h/x" X200 "/y");
	char *two;
	struct url *u = untouched;

	/* The hash is part of what caches hold: it must not change. */
	is_str(one, "http/h/" X50 X50 X50 "xxxxxxxxxxxxxxxx"
	       "%~e7b5f423d4969ef3666fee9b430c6717/y", "201 bytes are too many");
	is_int(url_from_name(one, &u), -ENOENT, "no way back");
	ok(u == untouched, "and nothing given");
	free(one);
	one = name_of("http://h/" X200 X50 "1");
	two = name_of("http://h/" X200 X50 "2");
	ok(one && two && strcmp(one, two) != 0, "the whole component counts");
	free(one);
	free(two);
	one = name_of("http://h/v.mp4?" X200);
	ok(one && url_name_is_file(one), "a signed film is still a film");
	free(one);
	/* 166 bytes are kept at most: a and 55 of three bytes. */
	test_cut("%25", "%25", 166);
	test_cut("%2Fb", "%2Fb", 165);
	test_cut("%E2%82%AC", "\xe2\x82\xac", 166);
	test_cut("%C3%BC", "\xc3\xbc", 165);
	test_cut("%FF", "%FF", 166);
}

static void test_long_names(void)
{
	char text[URL_MAX + 1] = "http://h/";
	char *name = NULL;
	struct url *u = NULL;

	memset(text + 9, '/', 1000);
	ok(!url_parse(text, &u), "a thousand slashes");
	is_int(url_name(u, &name), -ENAMETOOLONG, "have no name");
	ok(!name, "and none is given");
	url_free(u);
	text[9 + (URL_NAME_MAX - 14) / 7] = '\0';
	name = name_of(text);
	ok(name && strlen(name) <= URL_NAME_MAX, "some hundred have");
	free(name);
}

/* What people type and paste. */
static const char *const typed[][2] = {
	{ "https/h/a", "https://h/a" },
	{ "https:/h/a", "https://h/a" },
	{ "https://h/a", "https://h/a" },
	{ "http://H:80/a", "http://h/a" },
	{ "HTTPS://h/a", "https://h/a" },
	{ "https/h", "https://h/" },
	{ "https/h/", "https://h/" },
	{ "https/h?q", "https://h/?q" },
	{ "https/h/a/", "https://h/a/" },
	{ "https/h//a", "https://h//a" },
	{ "https/h/a/%index", "https://h/a/" },
	{ "https/h/%empty/a", "https://h//a" },
	{ "https/h/%file", "https://h/%25file" },
	{ "https/h/%indexes", "https://h/%25indexes" },
	{ "https/h/a b", "https://h/a%20b" },
	{ "https/h/a%20b", "https://h/a%20b" },
	{ "https/h/%7e", "https://h/%7e" },
	{ "https/h/100%", "https://h/100%25" },
	{ "https/h/100%~b", "https://h/100%25~b" },
	{ "https/h/a#b", "https://h/a%23b" },
	{ "https/h/a?b#c", "https://h/a?b%23c" },
	{ "https/h/a\nb\x01", "https://h/a%0Ab%01" },
	{ "https/h/\xc3\xbc\xff", "https://h/%C3%BC%FF" },
	{ "https/h/a?u=http://x/y", "https://h/a?u=http://x/y" },
	{ "https/h/a?b%sc%_d%2e", "https://h/a?b/c.d%2e" },
	{ "https/h/%s", "https://h/%25s" },
	{ "https/b\xc3\xbc" "cher.de/", "https://xn--bcher-kva.de/" },
	{ "https/h/a/../b", "https://h/b" },
	{ "https/h/../../b", "https://h/b" },
	/* The marker. */
	{ "https/h/film..", "https://h/film" },
	{ "https/h/film....", "https://h/film.." },
	{ "https/h/film.%_..", "https://h/film.." },
	{ "https/h/a?id=1..", "https://h/a?id=1" },
	{ "https/h/a/..", "https://h/" },
	{ "https/h/a../b", "https://h/a../b" },
	{ "https/h/a/%index..", "https://h/a/" },
};

static const char *const mistyped[] = {
	"",
	"https",
	"https:",
	"https://",
	"https/?q",
	"httpsx/h/a",
	"ftp/h/a",
	"film.mp4",
	"https/u:p@h/a",
	"https/h#/a",
	"https/../a",
	"https/./a",
	"https/h../a",
	"https/h\n/a",
};

static const char *const unknown[] = {
	"https/h/xx%~0123456789abcdef0123456789abcdef",
	"https/h/%~0123456789abcdef0123456789abcdef/x",
};

static void check_no_url(const char *name, int error)
{
	struct url *u = untouched;

	is_int(url_from_name(name, &u), error, "\"%s\" is no URL", name);
	ok(u == untouched, "and nothing given");
}

static void test_typed(void)
{
	for (size_t i = 0; i < COUNT(typed); i++) {
		struct url *u = NULL;

		ok(!url_from_name(typed[i][0], &u), "typed %zu", i);
		is_str(u ? u->sent : NULL, typed[i][1], "its URL");
		url_free(u);
	}
	for (size_t i = 0; i < COUNT(mistyped); i++)
		check_no_url(mistyped[i], -EINVAL);
	for (size_t i = 0; i < COUNT(unknown); i++)
		check_no_url(unknown[i], -ENOENT);
}

static const char *const belows[][3] = {
	{ "https://h/a/", "b/c.mp4", "https://h/a/b/c.mp4" },
	{ "https://h/a", "b", "https://h/a/b" },
	{ "https://h", "b", "https://h/b" },
	{ "https://h/a?token=1", "b", "https://h/a/b" },
	{ "https://h/a/", "", "https://h/a/" },
	{ "https://h/a/", "%index", "https://h/a/" },
	{ "https://h/a/", "b c?d", "https://h/a/b%20c?d" },
	{ "https://h/a/", "film..", "https://h/a/film" },
	{ "https://h/%7ea/", "b", "https://h/%7ea/b" },
	{ "https://h/a/", "x/../b", "https://h/a/b" },
	{ "https://h/a/", "https:/o/x", "https://h/a/https:/o/x" },
};

static void check_below(const char *at, const char *name, const char *want,
			int error)
{
	struct url *base = NULL, *u = untouched;

	ok(!url_parse(at, &base), "base %s", at);
	is_int(url_from_name_below(base, name, &u), error, "\"%s\"", name);
	is_str(u == untouched ? NULL : u->sent, want, "its URL");
	if (u != untouched)
		url_free(u);
	url_free(base);
}

static void test_below(void)
{
	for (size_t i = 0; i < COUNT(belows); i++)
		check_below(belows[i][0], belows[i][1], belows[i][2], 0);
	check_below("https://h/a/", "../b", NULL, -EINVAL);
	check_below("https://h/a/", "%2e%2e/ab", NULL, -EINVAL);
	check_below("https://h/a/", "..", NULL, -EINVAL);
	check_below("https://h/a/", "%~0123456789abcdef0123456789abcdef", NULL,
		    -ENOENT);
}

/* ---- by chance, with a seed ---------------------------------------------- */

static uint32_t seed = 20240229;

static uint32_t chance(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)seed * below) >> 32);
}

/* What has a meaning somewhere, and what is near to it. */
static const char *const tokens[] = {
	"a", "b", "A", "%41", "%61", "/", "/", "//", "%2F", "%2f", "?", "?",
	"%3F", "%", "%%", "%2", "%25", "%25s", "%s", "%_", "%25.", "%index",
	"%25index", "%empty", "%25empty", "%file", "%25file", "%~", "%7E", "~",
	".", "..", "...", "%2E", "%2e%2e", ".meta", ".part", "%2Emeta", "meta",
	"%6deta", ".mp4", "%00", "%01", "%0A", "\x01", "\x7f", "%7F", " ", "%20",
	"+", "%2B", "%2b", ":", "%3A", "@", "%40", "&", "%26", "=", "%3D", ";",
	"!", "'", "(", "*", ",", "$", "\"", "%22", "<", ">", "\\", "%5C", "^",
	"`", "{", "|", "}", "[", "]", "%5B", "#", "%23", "-", "_", "\xc3\xbc",
	"%C3%BC", "%c3%bc", "%C3", "%BC", "\xc3", "\xff", "%FF", "%C2%85",
	"\xc2\x85", "\xe2\x82\xac", "%E2%82", "%AC", "%ED%A0%80",
	"%F0%9F%8E%AC", "0", "f", "F", "e",
	X50, X50 X50 X50 "xxxxx", X200 "yy",
};

static const char *const origins[] = {
	"http://h/", "https://h/", "https://h:8080/", "http://H:80/",
	"http://[::1]/", "http://a/",
};

static void random_url(char *text, size_t tokens_max)
{
	strcpy(text, origins[chance(COUNT(origins))]);
	for (size_t n = chance(tokens_max + 1); n; n--)
		strcat(text, tokens[chance(COUNT(tokens))]);
}

/* One component of a name: fit for a file system, not mistaken for a file of
 * the store's, every '%' of a known kind. */
static bool component_is_sound(const char *s, size_t len)
{
	if (!len || len > URL_COMPONENT_MAX || (len == 1 && *s == '.'))
		return false;
	if (len >= 2 && !memcmp(s + len - 2, "..", 2))
		return false;
	if (len >= 5 && (!memcmp(s + len - 5, ".meta", 5) ||
			 !memcmp(s + len - 5, ".part", 5)))
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
		if (s[i] == '%' && url_escape(s + i) < 0 &&
		    (i + 1 == len || !strchr("s_ei~", s[i + 1])))
			return false;
	}
	return true;
}

static bool name_is_sound(const char *name)
{
	while (*name) {
		size_t len = strcspn(name, "/");

		if (!component_is_sound(name, len))
			return false;
		name += len + (name[len] == '/');
	}
	return true;
}

struct pair {
	char *name, *key;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->name,
		      ((const struct pair *)b)->name);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key,
		      ((const struct pair *)b)->key);
}

#define PAIRS 40000

/* Names of different keys that are equal, and equal keys with different
 * names. */
static void test_one_to_one(struct pair *pairs, size_t n)
{
	size_t clashes = 0, splits = 0, same = 0;

	qsort(pairs, n, sizeof(*pairs), by_name);
	for (size_t i = 1; i < n; i++) {
		bool one_name = !strcmp(pairs[i - 1].name, pairs[i].name);
		bool one_key = !strcmp(pairs[i - 1].key, pairs[i].key);

		if (one_name && !one_key && clashes++ < 5)
			diag("%s: %s, %s", pairs[i].name, pairs[i - 1].key,
			     pairs[i].key);
		same += one_name;
	}
	qsort(pairs, n, sizeof(*pairs), by_key);
	for (size_t i = 1; i < n; i++)
		splits += !strcmp(pairs[i - 1].key, pairs[i].key) &&
			  strcmp(pairs[i - 1].name, pairs[i].name);
	is_uint(clashes, 0, "different keys, different names");
	is_uint(splits, 0, "one key, one name");
	ok(same > n / 20, "and the samples met (%zu of %zu)", same, n);
}

static void test_by_chance(void)
{
	struct pair *pairs = calloc(PAIRS, sizeof(*pairs));
	size_t n = 0, unsound = 0, lost = 0, unparsed = 0, shortened = 0;

	while (n < PAIRS) {
		char text[8192];
		struct url *u = NULL, *back = NULL;
		int err;

		random_url(text, n % 2 ? 4 : 12);
		if (url_parse(text, &u) || url_name(u, &pairs[n].name)) {
			unparsed++;
			diag("no name: %s", text);
			url_free(u);
			break;
		}
		pairs[n].key = strdup(u->key);
		unsound += !name_is_sound(pairs[n].name);
		err = url_from_name(pairs[n].name, &back);
		if (err == -ENOENT && strstr(pairs[n].name, "%~"))
			shortened++;
		else if ((err || strcmp(back->key, u->key)) && lost++ < 5)
			diag("%s: %s: %s", u->key, pairs[n].name,
			     err ? strerror(-err) : back->key);
		url_free(back);
		url_free(u);
		n++;
	}
	is_uint(unparsed, 0, "every one of them has a name");
	is_uint(unsound, 0, "a sound one");
	is_uint(lost, 0, "that leads back to the key");
	ok(shortened > 0 && shortened < n / 2, "%zu are shortened", shortened);
	test_one_to_one(pairs, n);
	for (size_t i = 0; i < n; i++) {
		free(pairs[i].name);
		free(pairs[i].key);
	}
	free(pairs);
}

/* Whatever is typed gets an answer, and one that is itself a URL. */
static void test_noise(void)
{
	size_t bad = 0, urls = 0;

	for (int i = 0; i < 40000; i++) {
		char text[256] = "", buf[32];
		struct url *u = NULL, *again = NULL;
		int err;

		if (chance(4))
			strcpy(text, chance(2) ? "http/" : "https://h/");
		for (uint32_t n = chance(8); n; n--) {
			const char *token = tokens[chance(COUNT(tokens))];
			char byte[2] = { (char)(1 + chance(255)), 0 };

			if (strlen(token) > 8 || chance(3) == 0)
				token = byte;
			strcat(text, token);
		}
		url_redact(text, buf, sizeof(buf));
		err = i % 2 ? url_parse(text, &u) : url_from_name(text, &u);
		if (err)
			continue;
		urls++;
		bad += url_parse(u->sent, &again) ||
		       strcmp(u->key, again->key) || strlen(buf) > 31;
		url_free(again);
		url_free(u);
	}
	is_uint(bad, 0, "noise yields nothing but URLs");
	ok(urls > 1000, "%zu of them", urls);
}

int main(void)
{
	test_names();
	test_shortened();
	test_long_names();
	test_typed();
	test_below();
	test_by_chance();
	test_noise();
	return done_testing();
}
