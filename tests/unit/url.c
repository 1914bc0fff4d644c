/* url: spellings, redirects, file types, and what reaches a log. */
#include "config.h"

#include "cache/url.h"
#include "tests/tap.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static struct url *const untouched = (struct url *)-1;

/* What a key keeps: legal, canonical, and so already as it is sent. */
static const char *const kept[] = {
	"http://h/",
	"https://h/a/b.mp4",
	"http://h:443/",
	"https://h:80/",
	"https://h:65535/x",
	"http://ex.com./a",
	"http://a_b-c.x/",
	"http://127.0.0.1:4612/x",
	"http://[::1]:8080/x",
	"http://h/!$&'()*+,;=:@-._~",
	"http://h/?[]{}|\\^`!$&'()*+,;=:@-._~/?",
	"http://h/%00%0A%25",
	"http://h/?%7e%2f",
	"http://h/a?",
	"http://h/a?b?c/d",
	"http://h//",
	"http://h//a///b/",
	"http://h/?/../x",
};

/* What is made legal or removed before it is sent; the key is the same. */
static const char *const made_legal[][2] = {
	{ "http://h", "http://h/" },
	{ "http://h?q", "http://h/?q" },
	{ "http://h#f", "http://h/" },
	{ "HTTPS://ExAmPle.COM/Path", "https://example.com/Path" },
	{ "https://h:443/", "https://h/" },
	{ "http://h:80/", "http://h/" },
	{ "http://h:080/", "http://h/" },
	{ "https://h:/x", "https://h/x" },
	{ "https:/h/x", "https://h/x" },
	{ "https:///h/x", "https://h/x" },
	{ "http://h%41%2ecom/", "http://ha.com/" },
	{ "http://0x7f.1/", "http://127.0.0.1/" },
	{ "http://2130706433/", "http://127.0.0.1/" },
	{ "http://[::FFFF:1.2.3.4]/", "http://[::ffff:1.2.3.4]/" },
	{ "http://[0:0:0:0:0:0:0:1]/", "http://[::1]/" },
	{ "https://b\xc3\xbc" "cher.de/\xc3\xbc",
	  "https://xn--bcher-kva.de/%C3%BC" },
	{ "https://B%C3%9CCHER.de/", "https://xn--bcher-kva.de/" },
	{ "http://h/a b", "http://h/a%20b" },
	{ "http://h/\t\"<>\\^`{|}[]\x7f",
	  "http://h/%09%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D%7F" },
	{ "http://h/100%", "http://h/100%25" },
	{ "http://h/%zz%4", "http://h/%25zz%254" },
	{ "http://h/\xff\xc3\xbc", "http://h/%FF%C3%BC" },
	{ "http://h/?a b\"<>\x01\xc3\xbc%", "http://h/?a%20b%22%3C%3E%01%C3%BC%25" },
	{ "http://h/a?b#c?d", "http://h/a?b" },
	{ "http://h/a#b#c", "http://h/a" },
	{ "http://h/.", "http://h/" },
	{ "http://h/..", "http://h/" },
	{ "http://h/a/b/c/./../../g", "http://h/a/g" },
	{ "http://h/a/..", "http://h/" },
	{ "http://h/a/b/..", "http://h/a/" },
	{ "http://h/a/.", "http://h/a/" },
	{ "http://h/../../a", "http://h/a" },
	{ "http://h/a//../b", "http://h/a/b" },
	{ "http://h/a/%2e%2E/b/%2e/c", "http://h/b/c" },
	{ "http://h/a/.%2e/b", "http://h/b" },
	{ "http://h/.../..a/b../.c", "http://h/.../..a/b../.c" },
};

/* What is sent as it is, but has a key of another spelling. */
static const char *const respelt[][2] = {
	{ "http://h/%7e%41%2d", "http://h/~A-" },
	{ "http://h/%2f%3f%2b%3a%c3%bc", "http://h/%2F%3F%2B%3A%C3%BC" },
	{ "http://h/%2e%2e%2e/", "http://h/.../" },
};

static const char *const refused[] = {
	"",
	"h/x",
	"/x",
	"//h/x",
	" http://h/",
	"http:",
	"http://",
	"http:h/x",
	"http:////h/x",
	"ftp://h/x",
	"file:///etc/passwd",
	"javascript:alert(1)",
	"http://u:p@h/",
	"http://u@h/",
	"http://@h/",
	"http://h\\@x/",
	"http://h/a\nb",
	"http://h/a\rb",
	"http://h:65536/",
	"http://h:-1/",
	"http://h:x/",
	"http://[::1/",
	"http://[fe80::1%25eth0]/",
	"http://[v1.x]/",
	"http://a b/",
	"http://a%20b/",
	"http://a%2fb/",
	"http://a%00b/",
	"http://a%0ab/",
	"http://a|b/",
	"http://./",
	"http://../x",
	"http://%2e%2e/x",
	"http://a..b/",
	"http://\xff/",
	"http://a\xe2\x80\xae" "b/",
	"http://a\xef\xbc\x8f" "b/",
	"http://\xef\xbb\xbf/a",	/* nothing is left of the host */
	"http://\xe3\x80\x82/",
};

static void check_parse(const char *text, const char *sent, const char *key)
{
	struct url *u = NULL, *again = NULL;

	if (!ok(!url_parse(text, &u), "%s parses", sent))
		return;
	is_str(u->sent, sent, "as it is sent");
	is_str(u->key, key, "its key");
	ok(!url_parse(u->sent, &again) && !strcmp(again->sent, u->sent) &&
	   !strcmp(again->key, u->key), "parsed again it stays the same");
	url_free(again);
	url_free(u);
}

static void test_parse(void)
{
	for (size_t i = 0; i < COUNT(kept); i++)
		check_parse(kept[i], kept[i], kept[i]);
	for (size_t i = 0; i < COUNT(made_legal); i++)
		check_parse(made_legal[i][0], made_legal[i][1],
			    made_legal[i][1]);
	for (size_t i = 0; i < COUNT(respelt); i++)
		check_parse(respelt[i][0], respelt[i][0], respelt[i][1]);
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct url *u = untouched;

		is_int(url_parse(refused[i], &u), -EINVAL, "refused %zu", i);
		ok(u == untouched, "and nothing given");
	}
	url_free(NULL);
}

static void test_parts(void)
{
	struct url *u = NULL;

	ok(!url_parse("HTTPS://[::1]:0443/x?y", &u), "an address");
	is_str(u->host, "[::1]", "host without the default port");
	is_str(u->origin, "https://[::1]/", "origin likewise");
	ok(u->https, "is https");
	url_free(u);
	ok(!url_parse("http://H:8080", &u), "a port");
	is_str(u->host, "h:8080", "host with a port");
	is_str(u->origin, "http://h:8080/", "origin with a port");
	ok(!u->https, "is not https");
	url_free(u);
}

/* A host of 63-byte labels and one of `last` bytes, or a path. */
static int parse_long(const char *head, size_t fill, const char *tail)
{
	char *text = malloc(strlen(head) + fill + strlen(tail) + 1);
	struct url *u = NULL;
	int err;

	strcpy(text, head);
	memset(text + strlen(head), 'a', fill);
	strcpy(text + strlen(head) + fill, tail);
	err = url_parse(text, &u);
	url_free(u);
	free(text);
	return err;
}

static void test_limits(void)
{
	is_int(parse_long("http://h/", URL_MAX - 9, ""), 0, "longest URL");
	is_int(parse_long("http://h/", URL_MAX - 8, ""), -ENAMETOOLONG,
	       "one byte more");
	is_int(parse_long("http://h/", URL_MAX - 10, " "), -ENAMETOOLONG,
	       "too long once it is legal");
	is_int(parse_long("http://", URL_HOST_MAX, "/"), 0, "longest host");
	is_int(parse_long("http://", URL_HOST_MAX - 1, ":8/"), -ENAMETOOLONG,
	       "host and port past a component");
}

/* RFC 3986, 5.4, and what libcurl does in its own way. */
static const char *const resolved[][2] = {
	{ "g", "http://a/b/c/g" },
	{ "./g", "http://a/b/c/g" },
	{ "g/", "http://a/b/c/g/" },
	{ "/g", "http://a/g" },
	{ "//g", "http://g/" },
	{ "?y", "http://a/b/c/d;p?y" },
	{ "g?y", "http://a/b/c/g?y" },
	{ "#s", "http://a/b/c/d;p?q" },
	{ "g#s", "http://a/b/c/g" },
	{ "g?y#s", "http://a/b/c/g?y" },
	{ ";x", "http://a/b/c/;x" },
	{ "g;x", "http://a/b/c/g;x" },
	{ "", "http://a/b/c/d;p?q" },
	{ ".", "http://a/b/c/" },
	{ "./", "http://a/b/c/" },
	{ "..", "http://a/b/" },
	{ "../", "http://a/b/" },
	{ "../g", "http://a/b/g" },
	{ "../..", "http://a/" },
	{ "../../", "http://a/" },
	{ "../../g", "http://a/g" },
	{ "../../../g", "http://a/g" },
	{ "/./g", "http://a/g" },
	{ "/../g", "http://a/g" },
	{ "g.", "http://a/b/c/g." },
	{ "..g", "http://a/b/c/..g" },
	{ "./../g", "http://a/b/g" },
	{ "./g/.", "http://a/b/c/g/" },
	{ "g/../h", "http://a/b/c/h" },
	{ "g;x=1/../y", "http://a/b/c/y" },
	{ "g?y/../x", "http://a/b/c/g?y/../x" },
	{ "?", "http://a/b/c/d;p?" },
	{ "g?u=http://x/y", "http://a/b/c/g?u=http://x/y" },
	{ "/g?u=//x/y", "http://a/g?u=//x/y" },
	{ "%2e%2e/g", "http://a/b/g" },
	{ "g//h", "http://a/b/c/g//h" },
	{ "g h?i j", "http://a/b/c/g%20h?i%20j" },
	{ "\xc3\xbc", "http://a/b/c/%C3%BC" },
	{ "HTTPS://O:443/x", "https://o/x" },
	{ "//o:8080/x", "http://o:8080/x" },
	{ "./a:b", "http://a/b/c/a:b" },
};

static const char *const unresolved[] = {
	"ftp://o/x",
	"file:///etc/passwd",
	"javascript:1",
	"http://u:p@o/",
	"//u@o/",
	"//",
	"/x\r\nA: b",
};

static void test_resolve(void)
{
	struct url *base, *secure, *u;

	if (!ok(!url_parse("http://a/b/c/d;p?q", &base) &&
		!url_parse("https://a/b/", &secure), "two bases"))
		return;
	for (size_t i = 0; i < COUNT(resolved); i++) {
		u = NULL;
		ok(!url_resolve(base, resolved[i][0], &u), "resolve \"%s\"",
		   resolved[i][0]);
		is_str(u ? u->sent : NULL, resolved[i][1], "its target");
		url_free(u);
	}
	for (size_t i = 0; i < COUNT(unresolved); i++) {
		u = untouched;
		is_int(url_resolve(base, unresolved[i], &u), -EINVAL,
		       "no target %zu", i);
		ok(u == untouched, "and nothing given");
	}
	u = untouched;
	is_int(url_resolve(secure, "http://a/b/c", &u), -EPERM,
	       "https is not left for http");
	ok(u == untouched, "and nothing given");
	ok(!url_resolve(secure, "//o/x", &u), "https to another host");
	is_str(u->sent, "https://o/x", "stays https");
	url_free(u);
	url_free(secure);
	url_free(base);
}

static void test_locale(void)
{
	struct url *u = NULL;

	/* Not what main would choose, but what a library may find. */
	setlocale(LC_ALL, "C");
	ok(!url_parse("http://b\xc3\xbc" "cher.de/", &u) &&
	   !strcmp(u->host, "xn--bcher-kva.de"), "IDN in the C locale");
	ok(uselocale((locale_t)0) == LC_GLOBAL_LOCALE, "the locale is back");
	url_free(u);
}

static const char *const redacts[][2] = {
	{ "https://h/a/b", "https://h/a/b" },
	{ "https://h/a?token=1", "https://h/a" },
	{ "https://h?token=1", "https://h" },
	{ "https://h/a#b", "https://h/a" },
	{ "https://u:p@h/a", "https://h/a" },
	{ "https://u:p@h:8080/a", "https://h:8080/a" },
	{ "https://u:p@q@h/a", "https://h/a" },
	{ "https:/u:p@h/a", "https:/h/a" },
	{ "https/u:p@h/a", "https/h/a" },
	{ "//u:p@h/a", "//h/a" },
	{ "u:p@h/a?b", "h/a" },
	{ "socks5://u:p@h:1080", "socks5://h:1080" },
	{ "https://h/@me/a@b", "https://h/@me/a@b" },
	{ "https://[::1]:8080/a", "https://[::1]:8080/a" },
	{ "https://u:pa/ss@h/a", "https://..." },
	{ "https://u:pa?ss@h/a", "https://..." },
	{ "https://u:pa#ss@h/a", "https://..." },
	{ "film.mp4", "film.mp4" },
	{ "film.mp4?x", "film.mp4" },
	{ "?x", "" },
	{ "", "" },
	{ "@", "" },
	{ "://", "://" },
};

static void test_redact(void)
{
	char buf[64], small[8] = "1234567";

	for (size_t i = 0; i < COUNT(redacts); i++)
		is_str(url_redact(redacts[i][0], buf, sizeof(buf)),
		       redacts[i][1], "redact %zu", i);
	is_str(url_redact("https://u:p@h/a", small, sizeof(small)), "https:/",
	       "cut to size");
	is_str(url_redact("abc", small, 1), "", "to nothing");
}


static const char *const types[][2] = {
	{ "https/h/film.mp4", "video/mp4" },
	{ "https/h/film.MKV", "video/x-matroska" },
	{ "https/h/film.mp4?id=1", "video/mp4" },
	{ "https://h/film.mp4?a=/b.srt", "video/mp4" },
	{ "film.webm", "video/webm" },
	{ "dir.d/a.b.m3u8", "application/vnd.apple.mpegurl" },
	{ "a.mpd", "application/dash+xml" },
	{ "a.m4s", "video/iso.segment" },
	{ "a.ts", "video/mp2t" },
	{ "a.flac", "audio/flac" },
	{ "a.srt", "application/x-subrip" },
	{ "a.jpeg", "image/jpeg" },
	{ "a.html", "text/html" },
	{ "a.tar.gz", "application/gzip" },
	{ "https/h.zip/a.zip", "application/zip" },
	{ "https:/h.zip/a.zip", "application/zip" },
	/* None. */
	{ "", NULL },
	{ "mp4", NULL },
	{ ".mp4", NULL },
	{ "film.", NULL },
	{ "film.mp4/", NULL },
	{ "film.mp4/x", NULL },
	{ "film?x.mp4", NULL },
	{ "film.mp4x", NULL },
	{ "film.mp", NULL },
	{ "film.mp4%index", NULL },
	{ "a.wordprocessingmlwordprocessingml", NULL },
	/* A host is none. */
	{ "https/example.zip", NULL },
	{ "https:/example.zip", NULL },
	{ "HTTP://example.zip", NULL },
	{ "https/example.zip?a.zip", NULL },
	{ "https/example.zip/", NULL },
	{ "https.zip", "application/zip" },
};

/* Every extension of the table: a misplaced one is not found. */
static const char extensions[] =
	"3g2 3gp 7z aac ac3 aif aifc aiff amr ape apk apng appimage "
	"arrow arw asc asf ass asx atom au avi avif azw azw3 bin bmp "
	"bz2 cab caf cbr cbz cfg chm cmfa cmfv conf cpio cr2 crt css "
	"csv cue dat db deb dff dfxp diff divx diz djv djvu dll dmg dng "
	"doc docx dsf dts dv eac3 ec3 eml eot eps epub erofs exe exr "
	"f4v fb2 flac flatpak flv geojson gguf gif glb gltf gpx gz h264 "
	"h265 h5 hdf5 heic heif hevc htm html ico ics idx img ini iso "
	"ivf jar jfif jp2 jpe jpeg jpg js json jsonl jxl key kml kmz "
	"las laz lha log lrc lz lz4 lzh lzma m1v m2t m2ts m2v m3u m3u8 "
	"m4a m4b m4s m4v markdown mbox mbtiles md md5 mdf meta4 "
	"metalink mid midi mjpeg mjpg mjs mk3d mka mkv mobi mov mp2 mp3 "
	"mp4 mpc mpd mpe mpeg mpg mpga mpl msi mts mxf nc ndjson nef "
	"nfo npy npz nrg nzb obu odg odp ods odt oga ogg ogv ogx onnx "
	"opml opus otf ova pak par2 parquet patch pdf pem pgm pkg pls "
	"pmtiles png ppm ppt pptx ps psd qcow qcow2 qt ra rar rm rmvb "
	"rom rpm rss rst rtf safetensors sfv sh sha1 sha256 sha512 "
	"shtml sig smi snap snd spx sql sqlite sqlite3 sqsh squashfs "
	"srt ssa stl sub sup svg svgz swf tar tbz2 tex tga tgz thd tif "
	"tiff toml torrent ts tsv tta ttf ttml txt txz vcf vdi vhd vhdx "
	"vmdk vob vtt wad warc wasm wav wax weba webm webmanifest webp "
	"wim wma wmv wmx woff woff2 wpl wv wvx xcf xht xhtml xls xlsx xml "
	"xpi xsd xsl xspf xz y4m yaml yml zip zst zsync ";

static void test_media(void)
{
	char *words = strdup(extensions), *save = NULL;

	for (size_t i = 0; i < COUNT(types); i++) {
		is_str(url_media_type(types[i][0]), types[i][1], "type of %s",
		       types[i][0]);
		ok(url_name_is_file(types[i][0]) == (types[i][1] != NULL),
		   "%s a file", types[i][1] ? "surely" : "not surely");
	}
	for (char *word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		char name[32];

		snprintf(name, sizeof(name), "a.%s", word);
		ok(url_name_is_file(name), "%s is a file", name);
	}
	free(words);
}

int main(void)
{
	test_parse();
	test_parts();
	test_limits();
	test_resolve();
	test_locale();
	test_media();
	test_redact();
	return done_testing();
}
