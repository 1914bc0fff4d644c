/* playlist: documents rewritten, as wholes (tests/playlists, *.want) and reference
 * by reference. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/playlist.h"
#include "http/playlist_ref.h"
#include "http/playlist_segments.h"
#include "tests/tap.h"

#define HOST "localhost:4612"

/* ---- whole documents --------------------------------------------------------- */

static char *read_all(const char *name, const char *suffix, size_t *len)
{
	const char *top = getenv("top_srcdir");
	char *path, *text = NULL;
	FILE *f;
	long n;

	if (asprintf(&path, "%s/tests/playlists/%s%s", top ? top : ".",
		     name, suffix) < 0)
		return NULL;
	f = fopen(path, "rb");
	if (f && fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 0) {
		rewind(f);
		text = malloc((size_t)n + 1);
		if (text)
			*len = fread(text, 1, (size_t)n, f);
	}
	if (f)
		fclose(f);
	free(path);
	return text;
}

static const struct golden {
	const char *file, *url, *path, *prefix;
} goldens[] = {
	{ "master.m3u8", "https://example.com/films/1/master.m3u8?s=1",
	  "/https/example.com/films/1/master.m3u8?s=1", "/" },
	{ "live.m3u8", "https://example.com/live/2M/live.m3u8",
	  "/T0ken/https://example.com/live/2M/live.m3u8", "/T0ken/" },
	{ "crlf.m3u8", "http://example.com/crlf.m3u8",
	  "/http/example.com/crlf.m3u8", "/" },
	{ "variables.m3u8", "https://example.com/v/variables.m3u8",
	  "/https/example.com/v/variables.m3u8", "/" },
	{ "songs.m3u", "http://example.com/m/songs.m3u",
	  "/http/example.com/m/songs.m3u", "/" },
	{ "radio.pls", "http://example.com/m/radio.pls",
	  "/http/example.com/m/radio.pls", "/" },
	{ "live.mpd", "https://example.com/live/live.mpd",
	  "/https/example.com/live/live.mpd", "/" },
	{ "vod.mpd", "https://example.com/vod/vod.mpd",
	  "/https/example.com/vod/vod.mpd", "/" },
	{ "songs.xspf", "http://example.com/m/songs.xspf",
	  "/http/example.com/m/songs.xspf", "/" },
	{ "old.asx", "http://example.com/m/old.asx",
	  "/T0ken/http/example.com/m/old.asx", "/T0ken/" },
	{ "reference.asx", "http://example.com/m/reference.asx",
	  "/http/example.com/m/reference.asx", "/" },
	{ "redirected.m3u8", "https://cdn.example:8443/a/b/redirected.m3u8?t=1",
	  "/https/example.com/x/redirected.m3u8", "/" },
	{ "redirected.mpd", "https://cdn.example:8443/a/b/redirected.mpd?t=1",
	  "/https/example.com/x/redirected.mpd", "/" },
};

/* GOLDEN=FOLDER writes there what comes out, to be looked at. */
static void keep(const char *name, const char *text, size_t len)
{
	const char *folder = getenv("GOLDEN");
	char *path;
	FILE *f;

	if (!folder || asprintf(&path, "%s/%s.want", folder, name) < 0)
		return;
	f = fopen(path, "wb");
	if (f) {
		fwrite(text, 1, len, f);
		fclose(f);
	}
	free(path);
}

static void test_golden(const struct golden *g)
{
	const struct playlist_place place = { g->url, g->path, g->prefix,
					      HOST };
	size_t in_len = 0, want_len = 0, len = 0;
	char *in = read_all(g->file, "", &in_len), *out = NULL;
	char *want = read_all(g->file, ".want", &want_len);
	enum playlist_kind kind = playlist_kind(NULL, g->file);
	int rc = in ? playlist_rewrite(kind, in, in_len, &place, &out, &len)
		    : -ENOENT;

	ok(in && playlist_sniff(kind, in, in_len < PLAYLIST_SNIFF ?
				in_len : PLAYLIST_SNIFF), "%s: is one",
	   g->file);
	is_int(rc, 0, "%s: is rewritten", g->file);
	if (rc == 0)
		keep(g->file, out, len);
	if (ok(rc == 0 && want, "%s: is expected to be something", g->file) &&
	    is_uint(len, want_len, "%s: length", g->file))
		is_mem(out, want, len, "%s: what is expected", g->file);
	free(in);
	free(want);
	free(out);
}

/* ---- one reference ------------------------------------------------------------ */

/* want NULL: it stays. */
static const struct one {
	const char *url, *path, *ref, *want;
} ones[] = {
#define AT "https://h.example/a/b.m3u8?q", "/https/h.example/a/b.m3u8?q"
	{ AT, "1.ts", NULL },
	{ AT, "sub/1.ts?x=/../y", NULL },
	{ AT, "../1.ts", NULL },
	{ AT, "../", NULL },
	{ AT, "../x/../y", NULL },
	{ AT, "./1.ts", NULL },
	{ AT, "?x", NULL },
	{ AT, "1%20x.ts", NULL },
	{ AT, "1%zz.ts", NULL },
	{ AT, "1 x.ts", NULL },
	{ AT, "a//b", NULL },
	{ AT, "#x", NULL },
	{ AT, "x#y", NULL },
	{ AT, "$Number%05d$.m4s", NULL },
	{ AT, "$Number$..m4s", NULL },
	{ AT, "a.b/", NULL },
	{ AT, ".", NULL },
	{ AT, "..", NULL },
	{ AT, "%2e%2e/x", NULL },
	{ AT, "./1 \xc3\xa4.ts", NULL },
	{ AT, "./.././1.ts?a b", NULL },
	{ AT, "./ /../x#y", NULL },
	/* past the root */
	{ AT, "../../x", "/https/h.example/x" },
	{ AT, "./.././../x", "/https/h.example/x" },
	{ AT, "a/../../../x?y#z", "/https/h.example/x?y#z" },
	{ AT, "%2e%2e/%2E%2E/x", "/https/h.example/x" },
	{ AT, "../..", "/https/h.example/" },
	/* the mark of the endpoint's names */
	{ AT, "x..", "/https/h.example/a/x...." },
	{ AT, "/x..?y..", "/https/h.example/x..?y...." },
	{ AT, "x?y..", "/https/h.example/a/x?y...." },
	{ AT, "x..?y", NULL },
	{ AT, "...", "/https/h.example/a/....." },
	/* from the root */
	{ AT, "/", "/https/h.example/" },
	{ AT, "/1.ts", "/https/h.example/1.ts" },
	{ AT, "/a/../1.ts", "/https/h.example/1.ts" },
	{ AT, "/https/h.example/1.ts", "/https/h.example/https/h.example/1.ts" },
	{ AT, "/a b", "/https/h.example/a%20b" },
	{ AT, "/a#b", "/https/h.example/a#b" },
	/* of the scheme */
	{ AT, "//c.example/1.ts", "/https/c.example/1.ts" },
	{ AT, "//c.example", "/https/c.example/" },
	{ AT, "//c.example:443/x", "/https/c.example/x" },
	{ AT, "///c.example/x", "/https/c.example/x" },
	/* absolute */
	{ AT, "https://h.example/a/1.ts", "/https/h.example/a/1.ts" },
	{ AT, "HTTPS://H.Example:443/A?B=C", "/https/h.example/A?B=C" },
	{ AT, "http://h.example/1.ts", "/http/h.example/1.ts" },
	{ AT, "http:///c.example/x", "/http/c.example/x" },
	{ AT, "https:/c.example/x", "/https/c.example/x" },
	{ AT, "http://h.example:8080?x", "/http/h.example:8080/?x" },
	{ AT, "http://[::1]:8080/x", "/http/[::1]:8080/x" },
	{ AT, "https://h.example/a/../../b//c", "/https/h.example/b//c" },
	{ AT, "https://h.example/%41%2f?%41", "/https/h.example/%41%2f?%41" },
	{ AT, "https://h.example/\xc3\xa4", "/https/h.example/%C3%A4" },
	{ AT, "https://\xc3\xa4.example/x", "/https/xn--4ca.example/x" },
	{ AT, "https://h.example/x|User-Agent=y",
	  "/https/h.example/x%7CUser-Agent=y" },
	/* not ours */
	{ AT, "", NULL },
	{ AT, "data:text/plain,x", NULL },
	{ AT, "skd://x/y", NULL },
	{ AT, "urn:uuid:1", NULL },
	{ AT, "ftp://h.example/x", NULL },
	{ AT, "https://u:p@h.example/x", NULL },
	{ AT, "https://", NULL },
	{ AT, "https:///x y", NULL },
	{ AT, "https://h.example:99999/x", NULL },
	{ AT, "C:\\x", NULL },
	/* with an open end */
	{ AT, "{$x}/1.ts", NULL },
	{ AT, "a/{$x}/../1.ts", NULL },
	{ AT, "/{$x}/1 .ts", "/https/h.example/{$x}/1 .ts" },
	{ AT, "//c.example?{$x}", NULL },
	{ AT, "///{$x}/1.ts", NULL },
	{ AT, "https://{$x}/1.ts", NULL },
	{ AT, "https://c.example{$x}/1.ts", NULL },
	{ AT, "https://c.example/{$x}/1.ts?{$y}",
	  "/https/c.example/{$x}/1.ts?{$y}" },
#undef AT
#define AT "http://h.example:81/", "/http://h.example:81"
	/* a path that is no folder's */
	{ AT, "x", "/http/h.example:81/x" },
	{ AT, "/x", "/http/h.example:81/x" },
#undef AT
#define AT "https://h.example/a/b/c", "/https:/h.example/a/b/c"
	/* other spellings of the scheme */
	{ AT, "../x", NULL },
	{ AT, "../../../x", "/https/h.example/x" },
#undef AT
#define AT "https://h.example/a/b.m3u8", "/film.m3u8"
	/* a name of the settings */
	{ AT, "1.ts", "/https/h.example/a/1.ts" },
	{ AT, "../1.ts", "/https/h.example/1.ts" },
	{ AT, "?x", "/https/h.example/a/b.m3u8?x" },
	{ AT, "a%20b$Number%05d$.ts", "/https/h.example/a/a%20b$Number%05d$.ts" },
	{ AT, ":x", "/https/h.example/a/:x" },
#undef AT
#define AT "https://h.example/a/b.m3u8?x=/y/z", \
	   "/https/h.example/c/%~0123456789abcdef0123456789abcdef"
	/* a shortened name beside a redirect */
	{ AT, "1.ts", "/https/h.example/a/1.ts" },
	{ AT, "../a/1.ts", NULL },
#undef AT
};

static void test_one(const struct one *o, const char *prefix)
{
	char path[512], *out = NULL, want[512];
	const struct playlist_place place = { o->url, path, prefix, HOST };
	struct playlist_turner *t = NULL;
	int rc;

	snprintf(path, sizeof(path), "%s%s", prefix, o->path + 1);
	snprintf(want, sizeof(want), "%s%s", prefix,
		 o->want ? o->want + 1 : "");
	is_int(playlist_turner_new(&place, false, &t), 0, "a place: %s", path);
	if (!t)
		return;
	rc = playlist_turn(t, playlist_turner_top(t), o->ref, &out);
	is_int(rc, o->want ? 1 : 0, "%s below %s", o->ref, path);
	if (rc > 0)
		is_str(out, o->want ? want : NULL, "%s below %s", o->ref, path);
	if (rc > 0)
		free(out);
	playlist_turner_free(t);
}

/* "//HOST" under bases of several schemes. */
static void test_schemes(void)
{
	static const struct {
		const char *base, *want;
	} table[] = {
		{ "https://h.example/", "/https/c.example/x" },
		{ "http://h.example/", "/http/c.example/x" },
		{ "mms://h.example/", NULL },
		{ "https://g.example/", "/https/c.example/x" },
		{ "mms://h.example/", NULL },
	};
	const struct playlist_place place = {
		"https://h.example/a/b.mpd", "/x.mpd", "/", HOST,
	};
	struct playlist_turner *t = NULL;

	is_int(playlist_turner_new(&place, false, &t), 0, "a turner");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct playlist_base below = { 0 };
		char *out = NULL;

		playlist_base_below(t, playlist_turner_top(t), table[i].base,
				    table[i].base, &below);
		is_int(playlist_turn(t, &below, "//c.example/x", &out),
		       table[i].want ? 1 : 0, "below %s", table[i].base);
		is_str(out, table[i].want, "below %s", table[i].base);
		free(out);
		playlist_base_fini(&below);
	}
	playlist_turner_free(t);
}

static void test_bases(void)
{
	const struct playlist_place place = {
		"https://h.example/a/b.mpd", "/x.mpd", "/", HOST,
	};
	struct playlist_base below = { 0 };
	struct playlist_turner *t = NULL;
	char *out = NULL;

	is_int(playlist_turner_new(&place, true, &t), 0, "a turner");
	is_int(playlist_turn(t, playlist_turner_top(t), "c/", &out), 1, "base");
	is_str(out, "http://" HOST "/https/h.example/a/c/", "absolute");
	is_int(playlist_base_below(t, playlist_turner_top(t), "c/",
				   "/https/h.example/a/c/", &below), 0,
	       "a base");
	ok(below.near, "that leads back");
	free(out);
	out = NULL;
	is_int(playlist_turn(t, &below, "1.ts", &out), 0, "below it");
	is_int(playlist_turn(t, &below, "/1.ts", &out), 1, "at its root");
	is_str(out, "http://" HOST "/https/h.example/1.ts", "at its root");
	free(out);
	out = NULL;
	playlist_base_fini(&below);
	is_int(playlist_base_below(t, playlist_turner_top(t), "mms://x/",
				   "mms://x/", &below), 0, "no base of ours");
	is_int(playlist_turn(t, &below, "1.ts", &out), 0, "below that");
	is_int(playlist_turn(t, &below, "/1.ts", &out), 0, "below that");
	is_int(playlist_turn(t, &below, "https://g.example/1.ts", &out), 1,
	       "absolute");
	free(out);
	playlist_base_fini(&below);
	playlist_turner_free(t);
}

static void test_places(void)
{
	static const struct {
		struct playlist_place place;
		int rc;
	} table[] = {
		{ { "https://h/x", "/https/h/x", "/", "l" }, 0 },
		{ { "x", "/https/h/x", "/", "l" }, -EINVAL },
		{ { "https://h/x", "", "/", "l" }, -EINVAL },
		{ { "https://h/x", "https/h/x", "/", "l" }, -EINVAL },
		{ { "https://h/x", "/\r\n", "/", "l" }, 0 },
	};
	struct playlist_turner *t;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		t = NULL;
		is_int(playlist_turner_new(&table[i].place, false, &t),
		       table[i].rc, "place %zu", i);
		playlist_turner_free(t);
	}
}

/* ---- what is one ----------------------------------------------------------------- */

static void test_kinds(void)
{
	static const struct {
		const char *type, *name;
		enum playlist_kind want;
	} table[] = {
		{ NULL, NULL, PLAYLIST_NONE },
		{ "application/vnd.apple.mpegurl", "a", PLAYLIST_M3U },
		{ "Application/X-MPEGURL; charset=utf-8", NULL, PLAYLIST_M3U },
		{ "audio/mpegurl;x", NULL, PLAYLIST_M3U },
		{ "application/dash+xml", "a.m3u8", PLAYLIST_DASH },
		{ "audio/x-scpls", NULL, PLAYLIST_PLS },
		{ "application/xspf+xml", NULL, PLAYLIST_XSPF },
		{ "video/x-ms-asf", "a.asf", PLAYLIST_ASX },
		{ "video/mp4", "a.m3u8", PLAYLIST_NONE },
		{ "video/mp2t", "a.m3u8", PLAYLIST_NONE },
		{ "text/html", "a.m3u8", PLAYLIST_NONE },
		{ "text/plain", "a/b.m3u8", PLAYLIST_M3U },
		{ "text/plain; charset=utf-8", "b.M3U?x.mpd", PLAYLIST_M3U },
		{ "text/plain", "b.txt?x.m3u8", PLAYLIST_NONE },
		{ "application/octet-stream", "b.mpd", PLAYLIST_DASH },
		{ "text/xml", "b.mpd", PLAYLIST_DASH },
		{ NULL, "b.pls", PLAYLIST_PLS },
		{ NULL, "b.xspf", PLAYLIST_XSPF },
		{ NULL, "b.wax", PLAYLIST_ASX },
		{ "text/plain", "b.wmx", PLAYLIST_ASX },
		{ "text/plain", "b.asf", PLAYLIST_NONE },
		{ NULL, "a.m3u8/b", PLAYLIST_NONE },
		{ NULL, "m3u8", PLAYLIST_NONE },
		{ NULL, "a.ts", PLAYLIST_NONE },
		{ NULL, "", PLAYLIST_NONE },
		{ "", "b.m3u8", PLAYLIST_M3U },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		is_int(playlist_kind(table[i].type, table[i].name),
		       table[i].want, "kind of %s, %s",
		       table[i].type ? table[i].type : "-",
		       table[i].name ? table[i].name : "-");
}

static void test_sniff(void)
{
	static const struct {
		enum playlist_kind kind;
		const char *text;
		bool want;
	} table[] = {
		{ PLAYLIST_NONE, "#EXTM3U", false },
		{ PLAYLIST_M3U, "#EXTM3U\n", true },
		{ PLAYLIST_M3U, "\xef\xbb\xbf#EXTM3U\n", true },
		{ PLAYLIST_M3U, "a.mp3\n", true },
		{ PLAYLIST_M3U, "", false },
		{ PLAYLIST_M3U, "<html>", false },
		{ PLAYLIST_M3U, "G@\x11\x10", false },
		{ PLAYLIST_PLS, "\r\n[Playlist]\r\n", true },
		{ PLAYLIST_PLS, "File1=x", false },
		{ PLAYLIST_DASH, "\xef\xbb\xbf<?xml version='1.0'?>", true },
		{ PLAYLIST_DASH, "<MPD>", true },
		{ PLAYLIST_DASH, "{", false },
		{ PLAYLIST_DASH, "\xff\xfe<", false },
		{ PLAYLIST_XSPF, " <playlist>", true },
		{ PLAYLIST_ASX, "<asx>", true },
		{ PLAYLIST_ASX, "[reference]\n", true },
		{ PLAYLIST_ASX, "0&\xb2u\x8e", false },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		ok(playlist_sniff(table[i].kind, table[i].text,
				  strlen(table[i].text)) == table[i].want,
		   "sniff %zu", i);
	ok(!playlist_sniff(PLAYLIST_M3U, "#EXTM3U\n\0", 9), "sniff: a NUL");
}

/* ---- what is refused, what stays ---------------------------------------------------- */

static const struct playlist_place near = {
	"https://h.example/a/b", "/https/h.example/a/b", "/", HOST,
};

static int rewrite(enum playlist_kind kind, const char *text, size_t len,
		   char **out)
{
	size_t n = 0;
	char *data = NULL;
	int rc = playlist_rewrite(kind, text, len, &near, &data, &n);

	*out = NULL;
	if (rc == 0 && asprintf(out, "%.*s", (int)n, data) < 0)
		*out = NULL;
	free(data);
	return rc;
}

static void test_xml(void)
{
	/* want NULL: -EINVAL; "": the same as text */
	static const struct {
		enum playlist_kind kind;
		const char *text, *want;
	} table[] = {
#define MPD(x) "<MPD>" x "</MPD>"
		{ PLAYLIST_DASH, MPD("<BaseURL>/x</BaseURL>"),
		  MPD("<BaseURL>/https/h.example/x</BaseURL>") },
		{ PLAYLIST_DASH, MPD("<BaseURL>/x<!-- y --></BaseURL>"), "" },
		{ PLAYLIST_DASH, MPD("<BaseURL>/x<y/></BaseURL>"), "" },
		{ PLAYLIST_DASH, MPD("<BaseURL/><BaseURL></BaseURL>"), "" },
		{ PLAYLIST_DASH, MPD("<BaseURL a='>'>\n /x\n</BaseURL >"),
		  MPD("<BaseURL a='>'>\n /https/h.example/x\n</BaseURL >") },
		{ PLAYLIST_DASH, MPD("<![CDATA[<BaseURL>/x</BaseURL>]]>"), "" },
		{ PLAYLIST_DASH, MPD("<?x <BaseURL>/x</BaseURL>?>"), "" },
		{ PLAYLIST_DASH, MPD("<SegmentURL media = '/&#65;'/>"),
		  MPD("<SegmentURL media = '/https/h.example/A'/>") },
		{ PLAYLIST_DASH, MPD("<SegmentURL xmedia='/x' MEDIA='/y'/>"),
		  "" },
		{ PLAYLIST_DASH, MPD("<baseurl>/x</baseurl>"), "" },
		/* a base ends with its element */
		{ PLAYLIST_DASH,
		  MPD("<P><BaseURL>https://c/</BaseURL><SegmentURL media='/x'/>"
		      "</P><P><SegmentURL media='/x'/></P>"),
		  MPD("<P><BaseURL>/https/c/</BaseURL>"
		      "<SegmentURL media='/https/c/x'/></P>"
		      "<P><SegmentURL media='/https/h.example/x'/></P>") },
		/* one beside another is not below it */
		{ PLAYLIST_DASH,
		  MPD("<BaseURL>https://c/</BaseURL><BaseURL>/d/</BaseURL>"),
		  MPD("<BaseURL>/https/c/</BaseURL>"
		      "<BaseURL>/https/h.example/d/</BaseURL>") },
		/* Location knows no base */
		{ PLAYLIST_DASH,
		  MPD("<BaseURL>https://c/</BaseURL><Location>/l</Location>"),
		  MPD("<BaseURL>/https/c/</BaseURL>"
		      "<Location>/https/h.example/l</Location>") },
		/* not to be trusted */
		{ PLAYLIST_DASH, "<!DOCTYPE MPD [<!ENTITY x SYSTEM "
		  "\"file:///etc/passwd\">]>" MPD("<BaseURL>&x;</BaseURL>"),
		  NULL },
		{ PLAYLIST_XSPF, "<!DOCTYPE x><playlist/>", NULL },
		{ PLAYLIST_DASH, MPD("<BaseURL>&x;</BaseURL>"), NULL },
		{ PLAYLIST_DASH, MPD("<a></b>"), NULL },
		{ PLAYLIST_DASH, "<MPD>", NULL },
		{ PLAYLIST_DASH, "", NULL },
		{ PLAYLIST_DASH, "x", NULL },
		{ PLAYLIST_DASH, MPD("<a b=c/>"), NULL },
		{ PLAYLIST_DASH, MPD("<a b='<'/>"), NULL },
		{ PLAYLIST_DASH, MPD("") MPD(""), NULL },
		{ PLAYLIST_DASH, "<?xml version='1.0' encoding='UTF-7'?>"
		  MPD("+ADw-BaseURL+AD4-/x+ADw-/BaseURL+AD4-"), NULL },
		{ PLAYLIST_DASH, "<?xml version='1.0' encoding='ISO-8859-1'?>"
		  MPD("<BaseURL>/\xe9</BaseURL>"), "" },
		{ PLAYLIST_DASH, "<?xml version='1.0' encoding='UTF-8'?>"
		  MPD("<BaseURL>/\xc3\xa9</BaseURL>"),
		  "<?xml version='1.0' encoding='UTF-8'?>"
		  MPD("<BaseURL>/https/h.example/%C3%A9</BaseURL>") },
		{ PLAYLIST_DASH, "<?xml version='1.0' encoding='Latin-99'?>"
		  MPD(""), NULL },
		/* ASX is taken as it comes */
		{ PLAYLIST_ASX, "<ref href='/x", "" },
		{ PLAYLIST_ASX, "<ref href=/x></b></b></b><REF HREF=/y>",
		  "<ref href=http://" HOST "/https/h.example/x></b></b></b>"
		  "<REF HREF=http://" HOST "/https/h.example/y>" },
		{ PLAYLIST_ASX, "<ref href='/a&#233;&#x20AC;.wma'/>", "" },
		{ PLAYLIST_ASX, "<", "" },
		{ PLAYLIST_ASX, "<ref href", "" },
		{ PLAYLIST_ASX, "<ref href=", "" },
		{ PLAYLIST_ASX, "<!--", "" },
#undef MPD
	};
	char *out;
	int rc;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *want = table[i].want;

		rc = rewrite(table[i].kind, table[i].text,
			     strlen(table[i].text), &out);
		is_int(rc, want ? 0 : -EINVAL, "%s", table[i].text);
		is_str(out, want && !*want ? table[i].text : want, "%s",
		       table[i].text);
		free(out);
	}
}

static void test_deep(void)
{
	const size_t n = 100000;
	char *text = malloc(7 * n + 1), *out = NULL, *p = text;

	for (size_t i = 0; text && i < n; i++)
		p = stpcpy(p, "<a>");
	for (size_t i = 0; text && i < n; i++)
		p = stpcpy(p, "</a>");
	is_int(text ? rewrite(PLAYLIST_DASH, text, p - text, &out) : 0, -EINVAL,
	       "elements without end");
	is_int(text ? rewrite(PLAYLIST_ASX, text, p - text, &out) : -ENOMEM, 0,
	       "elements without end, ASX");
	if (text)
		is_mem(out, text, p - text, "stay");
	free(out);
	free(text);
}

/* n times line; what becomes of it */
static int many(const char *line, size_t n)
{
	size_t len = strlen(line);
	char *text = malloc(len * n), *out = NULL;
	int rc;

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, line, len);
	rc = rewrite(PLAYLIST_M3U, text, len * n, &out);
	free(text);
	free(out);
	return rc;
}

static void test_limits(void)
{
	char *out = NULL, *text;
	size_t len = (1 << 20) + 10;

	is_int(rewrite(PLAYLIST_M3U, "", 0, &out), 0, "nothing");
	is_str(out, "", "nothing");
	free(out);
	is_int(many("a#b\n", PLAYLIST_ODD_MAX), 0, "odd references");
	is_int(many("a#b\n", PLAYLIST_ODD_MAX + 1), -EFBIG, "too many");
	is_int(many("ab.ts\n", 4 * PLAYLIST_ODD_MAX), 0, "plain ones");
	is_int(many("./a \xc3\xa4.ts\n", 4 * PLAYLIST_ODD_MAX), 0,
	       "that clients encode as we do");
	is_int(many("//c.example/x.ts\n", 4 * PLAYLIST_ODD_MAX), 0,
	       "on one host, of the document's scheme");
	is_int(many("https://c.example/x.ts\n", 4 * PLAYLIST_ODD_MAX), 0,
	       "plain ones elsewhere");
	is_int(many("/\n", 3 << 20), -EFBIG, "that grow without end");
	text = malloc(len);
	if (text) {
		memset(text, 'x', len);
		memcpy(text, "https://", 8);
		is_int(rewrite(PLAYLIST_M3U, text, len, &out), 0,
		       "a line of 1 MiB");
		is_mem(out, text, len, "stays");
		free(out);
	}
	free(text);
	is_int(rewrite(PLAYLIST_NONE, "", 0, &out), -EINVAL, "no playlist");
}

/* ---- segments ------------------------------------------------------------------------ */

static void test_segments(void)
{
	static const char text[] =
		"\xef\xbb\xbf#EXTM3U\r\n#EXT-X-TARGETDURATION:4\r\n"
		"#EXT-X-MAP:URI=\"init.mp4\"\r\n"
		"#EXTINF:4.004,a\r\n1.ts\r\n"
		"#EXTINF:3,\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n/%32.ts?q\n"
		"#EXTINF:4,\n#EXT-X-GAP\ngap.ts\n"
		"#EXTINF:1.5,\n#EXT-X-BYTERANGE:100@50\nall.ts\n"
		"#EXTINF:2,\n#EXT-X-BYTERANGE:20\nall.ts\n"
		"#EXT-X-BYTERANGE:7\nother.ts\n"
		"skd://none\n"
		"#EXTINF:99999999999999999999,\nhttp://c.example/x.ts\n"
		"http://c.example/y.ts\n../z.ts\n?w\n"
		"http://c.example/%32.ts\n//c.example/v.ts\n"
		"http:///c.example/x\nhttp:///d.example/x";
	static const struct {
		const char *url, *key;
		uint64_t start, end;
		unsigned ms;
	} want[] = {
#define AT "https://h.example/"
		{ AT "a/1.ts", NULL, 0, UINT64_MAX, 4004 },
		{ AT "%32.ts?q", AT "2.ts?q", 0, UINT64_MAX, 3000 },
		{ AT "a/all.ts", NULL, 50, 150, 1500 },
		{ AT "a/all.ts", NULL, 150, 170, 2000 },
		{ AT "a/other.ts", NULL, 0, 7, 0 },
		{ "http://c.example/x.ts", NULL, 0, UINT64_MAX, 3600000 },
		{ "http://c.example/y.ts", NULL, 0, UINT64_MAX, 0 },
		{ AT "z.ts", NULL, 0, UINT64_MAX, 0 },
		{ AT "a/b.m3u8?w", NULL, 0, UINT64_MAX, 0 },
		{ "http://c.example/%32.ts", "http://c.example/2.ts", 0,
		  UINT64_MAX, 0 },
		{ "https://c.example/v.ts", NULL, 0, UINT64_MAX, 0 },
		{ "http://c.example/x", NULL, 0, UINT64_MAX, 0 },
		{ "http://d.example/x", NULL, 0, UINT64_MAX, 0 },
#undef AT
	};
	const size_t n = sizeof(want) / sizeof(want[0]);
	struct playlist_segments s = { 0 };

	is_int(playlist_segments_new(text, sizeof(text) - 1,
				     "https://h.example/a/b.m3u8?x", &s), 0,
	       "segments");
	is_uint(s.n, n, "so many");
	for (size_t i = 0; i < n && i < s.n; i++) {
		const char *key = want[i].key ? want[i].key : want[i].url;

		is_str(s.urls + s.v[i].url, want[i].url, "segment %zu", i);
		is_uint(s.v[i].start, want[i].start, "start of %zu", i);
		is_uint(s.v[i].end, want[i].end, "end of %zu", i);
		is_uint(s.v[i].ms, want[i].ms, "ms of %zu", i);
		is_uint(playlist_segments_find(&s, playlist_segment_id(
				key, want[i].start)), i, "%zu is found", i);
	}
	is_uint(playlist_segments_find(&s, playlist_segment_id(
			"https://h.example/a/all.ts", 51)), s.n, "no segment");
	playlist_segments_fini(&s);
	is_int(playlist_segments_new("#EXTM3U\na.mp3\n", 14,
				     "https://h.example/", &s), -EINVAL,
	       "songs are no segments");
	is_int(playlist_segments_new(
		"#EXT-X-STREAM-INF:X\na\n#EXT-X-TARGETDURATION:1\n", 44,
		"https://h.example/", &s), -EINVAL, "a master has none");
}

/* Ranges that go on and on. */
static void test_endless_ranges(void)
{
	static const char text[] = "#EXT-X-TARGETDURATION:1\n"
#define NEXT "#EXT-X-BYTERANGE:99999999999999999999\na.ts\n"
		NEXT NEXT NEXT NEXT NEXT NEXT;
#undef NEXT
	struct playlist_segments s = { 0 };

	is_int(playlist_segments_new(text, sizeof(text) - 1,
				     "https://h.example/", &s), 0, "ranges");
	ok(s.n > 0 && s.n < 6, "not those past the last byte there can be");
	for (size_t i = 0; i < s.n; i++)
		ok(s.v[i].start < s.v[i].end, "range %zu ends behind its start",
		   i);
	playlist_segments_fini(&s);
}

static void test_ahead(void)
{
	static const struct {
		unsigned ms[10];
		size_t n, k, want;
	} table[] = {
		{ { 10000, 10000, 10000, 10000 }, 4, 0, 2 },
		{ { 10000, 10000, 10000, 10000 }, 4, 2, 1 },
		{ { 10000, 10000, 10000, 10000 }, 4, 3, 0 },
		{ { 10000, 10000, 10000, 10000 }, 4, 4, 0 },
		{ { 2000, 2000, 2000, 2000, 2000, 2000 }, 6, 0, 3 },
		{ { 1000, 9000, 1, 1, 1, 1, 1, 1, 1, 1 }, 10, 0, 2 },
		{ { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 10, 0, 6 },
		{ { 0 }, 0, 0, 0 },
	};
	struct playlist_segment v[10];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct playlist_segments s = { .v = v, .n = table[i].n };

		for (size_t k = 0; k < 10; k++)
			v[k] = (struct playlist_segment){
				.ms = table[i].ms[k] };
		is_uint(playlist_segments_ahead(&s, table[i].k),
			table[i].want, "ahead %zu", i);
	}
}

/* More than are remembered: the first ones. */
static void test_many_segments(void)
{
	const size_t n = PLAYLIST_SEGMENTS_MAX + 10;
	struct playlist_segments s = { 0 };
	char *text = malloc(32 + 8 * n), *p = text;

	if (!text)
		return;
	p = stpcpy(p, "#EXT-X-TARGETDURATION:1\n");
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%06zu\n", i);
	is_int(playlist_segments_new(text, p - text, "https://h.example/",
				     &s), 0, "many");
	is_uint(s.n, PLAYLIST_SEGMENTS_MAX, "as many as there may be");
	is_uint(playlist_segments_find(&s, playlist_segment_id(
			"https://h.example/008191", 0)), 8191, "the last");
	playlist_segments_fini(&s);
	free(text);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++)
		test_golden(&goldens[i]);
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		test_one(&ones[i], "/");
		test_one(&ones[i], "/T0ken/");
	}
	test_schemes();
	test_bases();
	test_places();
	test_kinds();
	test_sniff();
	test_xml();
	test_deep();
	test_limits();
	test_segments();
	test_endless_ranges();
	test_ahead();
	test_many_segments();
	return done_testing();
}
