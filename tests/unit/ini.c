/* conf: ini files, whole ones and wrong ones, and which section counts. */
#include "config.h"

#include "cache/conf.h"
#include "tests/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static char folder[] = "/tmp/spoolfs-conf-XXXXXX";

/* A path in the folder; overwritten by the next but three. */
static const char *in_folder(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void put_bytes(const char *name, const void *bytes, size_t len,
		      mode_t mode)
{
	FILE *f = fopen(in_folder(name), "w");

	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) ||
	    chmod(in_folder(name), mode))
		diag("can't write %s", in_folder(name));
}

static void put(const char *name, const char *text, mode_t mode)
{
	put_bytes(name, text, strlen(text), mode);
}

/* Read text as an ini over c. The error comes without the path before it,
 * NULL for none. */
static char *read_text(struct conf *c, const char *text, mode_t mode)
{
	const char *path = in_folder("t.ini");
	char *error = NULL, *tail;
	int err;

	put("t.ini", text, mode);
	err = conf_read(c, path, true, &error);
	if (!err)
		return NULL;
	if (err != -EINVAL || !error || strncmp(error, path, strlen(path))) {
		diag("%d, %s", err, error ? error : "no reason");
		free(error);
		return strdup("not what it should be");
	}
	tail = strdup(error + strlen(path));
	free(error);
	return tail;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_list(const struct conf_list *a, const struct conf_list *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]))
			return false;
	return a->n == b->n;
}

static bool same(const struct conf *a, const struct conf *b)
{
	return same_text(a->cache_dir, b->cache_dir) &&
	       a->cache_size == b->cache_size &&
	       a->min_free == b->min_free && a->max_age == b->max_age &&
	       same_list(&a->http, &b->http) &&
	       same_list(&a->http_names, &b->http_names) &&
	       same_list(&a->allow_origin, &b->allow_origin) &&
	       a->allow_users.n == b->allow_users.n &&
	       a->allow_users.all == b->allow_users.all &&
	       same_text(a->token, b->token) &&
	       same_list(&a->allow, &b->allow) &&
	       same_list(&a->deny, &b->deny) &&
	       a->private_targets == b->private_targets &&
	       a->max_clients == b->max_clients &&
	       a->max_requests == b->max_requests &&
	       a->max_header == b->max_header &&
	       same_text(a->control, b->control) &&
	       a->connect_timeout == b->connect_timeout &&
	       a->stall_timeout == b->stall_timeout &&
	       a->read_timeout == b->read_timeout &&
	       a->max_connections == b->max_connections &&
	       a->fill == b->fill && a->passthrough == b->passthrough &&
	       a->log_level == b->log_level &&
	       a->n_origins == b->n_origins && a->n_files == b->n_files;
}

static void test_example(void)
{
	struct conf c, before;
	char text[16384] = "", line[128];
	size_t n;
	const struct conf_key *table = conf_table(&n);
	FILE *f = fmemopen(text, sizeof(text), "w");

	conf_example(f);
	fclose(f);
	ok(!conf_init(&c) && !conf_init(&before), "defaults");
	is_str(read_text(&c, text, 0644), NULL, "the example is an ini");
	ok(same(&c, &before), "that changes nothing");
	for (size_t i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "\n;%s = ", table[i].name);
		ok(strstr(text, line) != NULL, "it shows %s", table[i].name);
	}
	conf_fini(&c);
	conf_fini(&before);
}

#define LISTEN "not ADDRESS:PORT, such as 127.0.0.1:4612 or [::1]:0, nor " \
	       "unix:PATH, nor off"
#define NOT_SECTION "not a section: [origin \"URL\"] or [file \"NAME\"]"
#define NOT_PAIR "neither \"KEY = VALUE\" nor a section"
#define NOT_NAME "[file]: not the name of a file (one component, none of " \
		 "http, https)"
#define NOT_URL "not a URL that can be fetched (http or https, no user name)"
#define NOT_ORIGIN "[origin]: not * nor a URL of http or https without user " \
		   "name and query"
#define TYPE "not .EXT TYPE/SUBTYPE, such as .mkv video/x-matroska"
#define QUERY "not names of parameters with commas between, nor *"
#define TOKEN_TEXT "not 8 to 128 letters, digits, '-', '_' and '~'"
#define N51 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define N255 N51 N51 N51 N51 N51
#define O "[origin \"https://h/\"]\n"
#define F "[file \"a\"]\n"

static const char *const wrong[][2] = {
	{ "nonsense = 1\n", ":1: unknown key \"nonsense\"" },
	{ "\n# c\n\nfill = some\n",
	  ":4: fill: not one of playing, all, none" },
	{ "read_timeout =\n", ":1: read_timeout: wants a value, SECONDS" },
	{ "read_timeout = ; 5\n", ":1: read_timeout: wants a value, SECONDS" },
	{ "read_timeout\n", ":1: " NOT_PAIR },
	{ "= 5\n", ":1: unknown key \"\"" },
	{ "fill = all\nread_timeout\nfill = some\n", ":2: " NOT_PAIR },
	{ "fill = some\nread_timeout\n",
	  ":1: fill: not one of playing, all, none" },
	{ "fill = all\nfill = all\n",
	  ":2: fill is given twice, first in line 1" },
	{ "http = 127.0.0.1:x\r\n", ":1: http: " LISTEN },
	{ "url = https://h/\n",
	  ":1: unknown key \"url\"; it belongs below [file \"NAME\"]" },
	{ "header = A: b\n",
	  ":1: unknown key \"header\"; it belongs below [origin \"URL\"]" },
	{ O "fill = all\n",
	  ":2: unknown key \"fill\"; it belongs above the first section" },
	{ O "url = https://h/\n",
	  ":2: unknown key \"url\"; it belongs below [file \"NAME\"]" },
	/* A continued value is not taken for a part of the one above. */
	{ O "header = A: b\n  c\n", ":3: " NOT_PAIR },
	{ O "header = A: b\n  c = d\n", ":3: unknown key \"c\"" },
	/* Sections. */
	{ "\xef\xbb\xbf" O O, ":2: [origin \"https://h/\"] is given twice" },
	{ "[file \"" N255 "x\"]\n", ":1: " NOT_NAME },
	{ "[file \"" N255 "\"]\n", ":1: [file \"" N255 "\"] has no url" },
	{ "[nonsense]\n", ":1: " NOT_SECTION },
	{ "[origin]\n", ":1: " NOT_SECTION },
	{ "[origin https://h/]\n", ":1: " NOT_SECTION },
	{ "[origin \"https://h/\"\n", ":1: " NOT_SECTION },
	{ "[origin \"https://h/]\n", ":1: " NOT_SECTION },
	{ "[origin \"https://h/\"] x\n", ":1: " NOT_SECTION },
	{ "[origins \"https://h/\"]\n", ":1: " NOT_SECTION },
	{ "[]\n", ":1: " NOT_SECTION },
	{ "[origin \"\"]\n", ":1: " NOT_ORIGIN },
	{ "[origin \"h\"]\n", ":1: " NOT_ORIGIN },
	{ "[origin \"https://u:p@h/\"]\n", ":1: " NOT_ORIGIN },
	{ "[origin \"https://h/?x\"]\n", ":1: " NOT_ORIGIN },
	{ O "[origin \"HTTPS://H:443\"]\n",
	  ":2: [origin \"https://h/\"] is given twice" },
	{ "[file \"\"]\n", ":1: " NOT_NAME }, { "[file \".\"]\n", ":1: " NOT_NAME },
	{ "[file \"..\"]\n", ":1: " NOT_NAME },
	{ "[file \"a/b\"]\n", ":1: " NOT_NAME },
	{ "[file \"a\tb\"]\n", ":1: " NOT_NAME },
	{ "[file \"http\"]\n", ":1: " NOT_NAME },
	{ "[file \"https\"]\n", ":1: " NOT_NAME },
	{ "[file \"https:\"]\n", ":1: " NOT_NAME },
	{ "[file \"-\"]\n", ":1: " NOT_NAME },
	{ "[file \"\xe9\"]\n", ":1: [file \"\xe9\"] has no url" },
	{ F "\n", ":1: [file \"a\"] has no url" },
	{ "\n" F O, ":2: [file \"a\"] has no url" },
	{ F "url = https://h/\n" F, ":3: [file \"a\"] is given twice" },
	{ F "url = h/x\n", ":2: url: " NOT_URL },
	{ F "url = https://u:p@h/\n", ":2: url: " NOT_URL },
	{ F "url = https://h/\nurl = https://h/\n",
	  ":3: url is given twice, first in line 2" },
	/* Headers, and nothing of their values in what is said. */
	{ O "header = SECRET\n", ":2: header: not NAME: VALUE" },
	{ O "header = : SECRET\n", ":2: header: not NAME: VALUE" },
	{ O "header = A b: SECRET\n", ":2: header: not NAME: VALUE" },
	{ O "header = A : SECRET\n", ":2: header: not NAME: VALUE" },
	{ O "header = A\x7f: SECRET\n", ":2: header: not NAME: VALUE" },
	{ O "header = A:\n", ":2: header: A has no value" },
	{ O "header = A:  \n", ":2: header: A has no value" },
	{ O "header = A: SEC\001RET\n", ":2: header: A has a control character" },
	{ O "header = A: SEC\x7fRET\n",
	  ":2: header: A has a control character" },
	{ O "header = A: SEC\rRET\n", ":2: header: A has a control character" },
	{ O "header = Range: bytes=0-\n",
	  ":2: header: Range is not for settings to say" },
	{ O "header = if-none-match: x\n",
	  ":2: header: if-none-match is not for settings to say" },
	{ O "header = ACCEPT-ENCODING: gzip\n",
	  ":2: header: ACCEPT-ENCODING is not for settings to say" },
	{ O "header = Connection: close\n",
	  ":2: header: Connection is not for settings to say" },
	{ O "header = Content-Length: 0\n",
	  ":2: header: Content-Length is not for settings to say" },
	{ O "header = Transfer-Encoding: chunked\n",
	  ":2: header: Transfer-Encoding is not for settings to say" },
	{ O "header = Expect: 100-continue\n",
	  ":2: header: Expect is not for settings to say" },
	{ O "header = Cookie: SECRET=1 ; b\n",
	  ":2: header: a ';' after a space would begin a comment; take out "
	  "the space, or use header_file" },
	/* The rest of an origin. */
	{ O "proxy = SECRET@h\n", ":2: proxy: not SCHEME://HOST[:PORT]" },
	{ O "proxy = http://\n", ":2: proxy: not SCHEME://HOST[:PORT]" },
	{ O "proxy = http:///x\n", ":2: proxy: not SCHEME://HOST[:PORT]" },
	{ O "proxy = ftp://SECRET@h\n", ":2: proxy: its scheme is not one of "
	  "http, https, socks4, socks4a, socks5, socks5h" },
	{ O "user_agent = a\001b\n", ":2: user_agent: has a control character" },
	/* What clients get, and what they may say. */
	{ O "response_header = SECRET\n",
	  ":2: response_header: not NAME: VALUE" },
	{ O "response_header = content-length: 1\n",
	  ":2: response_header: content-length is not for settings to say" },
	{ O "response_header = ETag: \"x\"\n",
	  ":2: response_header: ETag is not for settings to say" },
	{ O "response_header = Access-Control-Allow-Origin: *\n",
	  ":2: response_header: Access-Control-Allow-Origin is not for "
	  "settings to say" },
	{ O "response_header = A: SECRET ; b\n",
	  ":2: response_header: a ';' after a space would begin a comment; "
	  "take out the space" },
	{ O "forward_headers = Range\n",
	  ":2: forward_headers: Range is not passed on" },
	{ O "forward_headers = Cookie Sec-Fetch-Site\n",
	  ":2: forward_headers: Sec-Fetch-Site is not passed on" },
	{ O "forward_headers = Cookie,X\n",
	  ":2: forward_headers: not names of headers, nor none" },
	{ O "content_type = mkv video/x-matroska\n", ":2: content_type: " TYPE },
	{ O "content_type = .mkv\n", ":2: content_type: " TYPE },
	{ O "content_type = .mkv video\n", ":2: content_type: " TYPE },
	{ O "content_type = .mkv video/\n", ":2: content_type: " TYPE },
	{ O "content_type = .mkv video/x; y=z\n", ":2: content_type: " TYPE },
	{ O "content_type = .tar.gz a/b\n", ":2: content_type: " TYPE },
	{ O "ignore_query = a=b\n", ":2: ignore_query: " QUERY },
	{ O "ignore_query = a,*\n", ":2: ignore_query: " QUERY },
	{ O "ignore_query = ,\n", ":2: ignore_query: wants a value" },
	{ O "split_threshold = 1X\n",
	  ":2: split_threshold: not a size, such as 8M, nor auto, nor off" },
	{ O "max_age = never\n",
	  ":2: max_age: not a whole number from 0 to 315360000, nor origin" },
	{ O "no_cache = /a?b\n", ":2: no_cache: a path has no '?' or '#'" },
	{ O "copy_headers = 1\n", ":2: copy_headers: not one of yes, no" },
	{ O "save_headers = no\n",
	  ":2: save_headers: not one of all, essential" },
	{ "token = SECRET\n", ":1: token: " TOKEN_TEXT },
	{ "token = SECRET/SECRET\n", ":1: token: " TOKEN_TEXT },
	{ "[origin \"*\"]\n[origin \"*\"]\n",
	  ":2: [origin \"*\"] is given twice" },
	{ O "user_agent = a\nuser_agent = b\n",
	  ":3: user_agent is given twice, first in line 2" },
};

static void test_wrong(void)
{
	struct conf c, before;

	ok(!conf_init(&c) && !conf_init(&before), "defaults");
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char text[1024], *error;

		error = read_text(&c, wrong[i][0], 0600);
		is_str(error, wrong[i][1], "wrong %zu", i);
		ok(!error || !strstr(error, "SECRET"), "keeps its secrets");
		free(error);
		/* Nor is something good before it taken. */
		snprintf(text, sizeof(text), "max_connections = 9\n%s",
			 wrong[i][0]);
		free(read_text(&c, text, 0600));
	}
	ok(same(&c, &before), "nothing of a wrong file is taken");
	conf_fini(&c);
	conf_fini(&before);
}

static const char whole[] =
	"\xef\xbb\xbf; the whole of it\r\n"
	"cache_dir = sub/cache ; relative to this file\r\n"
	"cache_size = 20G\n"
	"min_free = 1G\n"
	"max_age = 30\n"
	"\thttp=[::1]:0 unix:sock\n"
	"http_names = Media.Example ::1\n"
	"allow_origin = HTTPS://A.example:443 app://X\n"
	"token = 0123456789\n"
	"allow = https://A.example 0x7f.1 *.B.example.\n"
	"control = control\n"
	"allow = [fd00::1] 10.0.0.0/8\n"
	"connect_timeout: 11\n"
	"  stall_timeout = 12\n"
	"read_timeout = 13\n"
	"max_connections = 14\n"
	"fill = all\n"
	"passthrough = no\n"
	"log_level = debug\n"
	"\n"
	"[origin \"HTTPS://Example.com\"]  ; everything there\n"
	"    header = X-A:  b;c  d \n"
	"    header=Host: other\n"
	"    user_agent = Mozilla/5.0 (X11; Linux) \"x\"\n"
	"    proxy = socks5h://u:p@proxy:1080\n"
	"    ca_file = ca.pem\n"
	"[origin \"https://example.com/a/rather/long/path/that/inih/would/cut/\"]\n"
	"header_file = ~/tokens\n"
	"header = X-B: 2\n"
	"[ origin \"http://[::1]:8080/\" ]\n"
	"  [origin\t\"http://[::1]:8080/\"] # ipv6\n"
	"user_agent = six\n"
	"[origin \"*\"]\n"
	"response_header = X-C: 3;4\n"
	"response_header =Cache-Control:private\n"
	"copy_headers = yes\n"
	"save_headers = all\n"
	"forward_headers = Cookie X-D\n"
	"content_type = .MKV  video/x-Matroska\n"
	"content_type = .m4s video/iso.segment\n"
	"ignore_query = token, expires,sig\n"
	"split_threshold = 8M\n"
	"max_age = 60\n"
	"no_cache = *.m3u8 /live/*\n"
	"on_complete = /bin/true\n"
	"[file \"a [b] \"c\".mp4\"]\n"
	"url = https://h/a?b=c;d#e\n"
	"[file \"z\"]\n"
	"url = http://h";

static void check_more(const struct conf_origin *o)
{
	is_str(o->prefix, NULL, "for all others");
	is_uint(o->response_header.n, 2, "two headers");
	is_str(o->response_header.v[0], "X-C: 3;4", "one");
	is_str(o->response_header.v[1], "Cache-Control: private", "another");
	ok(o->copy_headers && o->save_headers == CONF_SAVE_ALL, "headers");
	is_uint(o->forward_headers.n, 2, "two to pass on");
	is_str(o->forward_headers.v[1], "X-D", "by name");
	is_uint(o->content_type.n, 2, "two types");
	is_str(o->content_type.v[0], ".mkv video/x-matroska", "in lower case");
	is_uint(o->ignore_query.n, 3, "three parameters");
	is_str(o->ignore_query.v[1], "expires", "of which one");
	is_uint(o->split_threshold, 8 << 20, "split_threshold");
	is_uint(o->max_age, 60, "max_age");
	is_uint(o->no_cache.n, 2, "two patterns");
	is_str(o->no_cache.v[1], "/live/*", "of which one");
	is_str(o->on_complete, "/bin/true", "on_complete");
}

static void test_whole(void)
{
	struct conf c, copy;
	char text[sizeof(whole)], *cut, *error;

	put("ca.pem", "x", 0644);
	put("tokens", "# secret\r\n\r\n  Authorization:Bearer x ; y\r\n"
	    "Cookie: \xc3\xbc\tb", 0600);
	/* A heading with a space inside the bracket is none. */
	strcpy(text, whole);
	ok(!conf_init(&c), "defaults");
	error = read_text(&c, text, 0600);
	is_str(error, ":30: " NOT_SECTION, "a heading with a gap");
	free(error);
	cut = strstr(text, "[ origin");
	memmove(cut, strchr(cut, '\n') + 1, strlen(strchr(cut, '\n') + 1) + 1);
	error = read_text(&c, text, 0600);
	is_str(error, NULL, "a whole file");
	free(error);

	is_str(c.cache_dir, in_folder("sub/cache"), "cache_dir");
	is_uint(c.cache_size, UINT64_C(20) << 30, "cache_size");
	is_uint(c.min_free, 1 << 30, "min_free");
	is_uint(c.max_age, 30, "max_age");
	is_uint(c.http.n, 2, "two places");
	is_str(c.http.v[0], "[::1]:0", "http");
	is_str(c.http.v[1] + 5, in_folder("sock"), "unix");
	is_uint(c.http_names.n, 2, "two names");
	is_str(c.http_names.v[0], "media.example", "in lower case");
	is_str(c.http_names.v[1], "[::1]", "an address in brackets");
	is_uint(c.allow_origin.n, 2, "two origins of pages");
	is_str(c.allow_origin.v[0], "https://a.example", "as browsers say it");
	is_str(c.allow_origin.v[1], "app://x", "of a scheme of its own");
	is_str(c.token, "0123456789", "token");
	is_uint(c.allow.n, 5, "allow, in two lines");
	is_str(c.allow.v[0], "https://a.example/", "a URL");
	is_str(c.allow.v[1], "127.0.0.1", "an address, however it is written");
	is_str(c.allow.v[2], "*.b.example", "a domain");
	is_str(c.allow.v[3], "fd00::1", "without brackets");
	is_str(c.allow.v[4], "10.0.0.0/8", "a network");
	is_str(c.control, in_folder("control"), "control");
	is_uint(c.connect_timeout, 11, "connect_timeout");
	is_uint(c.stall_timeout, 12, "stall_timeout");
	is_uint(c.read_timeout, 13, "read_timeout");
	is_uint(c.max_connections, 14, "max_connections");
	is_int(c.fill, PLAN_FILL_ALL, "fill");
	ok(!c.passthrough, "passthrough");
	is_int(c.log_level, LOG_LEVEL_DEBUG, "log_level");

	ok(!conf_copy(&copy, &c), "copied");
	conf_fini(&c);
	c = copy;
	if (!ok(c.n_origins == 4 && c.n_files == 2, "six sections"))
		return;
	is_str(c.origins[0].prefix, "https://example.com/", "canonical");
	is_uint(c.origins[0].headers.n, 2, "two headers");
	is_str(c.origins[0].headers.v[0], "X-A: b;c  d", "one");
	is_str(c.origins[0].headers.v[1], "Host: other", "another");
	is_str(c.origins[0].user_agent, "Mozilla/5.0 (X11; Linux) \"x\"",
	       "user_agent");
	is_str(c.origins[0].proxy, "socks5h://u:p@proxy:1080", "proxy");
	is_str(c.origins[0].ca_file, in_folder("ca.pem"), "ca_file");
	is_str(c.origins[1].prefix, "https://example.com/a/rather/long/path/"
	       "that/inih/would/cut/", "a long prefix");
	is_uint(c.origins[1].headers.n, 3, "three headers");
	is_str(c.origins[1].headers.v[0], "Authorization: Bearer x ; y",
	       "from the file");
	is_str(c.origins[1].headers.v[1], "Cookie: \xc3\xbc\tb", "its last line");
	is_str(c.origins[1].headers.v[2], "X-B: 2", "from the ini");
	is_str(c.origins[1].user_agent, NULL, "nothing else");
	is_str(c.origins[2].prefix, "http://[::1]:8080/", "brackets");
	ok(c.origins[2].split_threshold == CONF_SIZE_UNSET &&
	   c.origins[2].max_age == CONF_AGE_UNSET, "defaults of a section");
	check_more(&c.origins[3]);
	is_str(c.files[0].name, "a [b] \"c\".mp4", "a name");
	is_str(c.files[0].url, "https://h/a?b=c;d#e", "as given");
	is_str(c.files[1].url, "http://h", "no newline at the end");
	conf_fini(&c);
}

/* Some builds of inih have it. */
extern int ini_max_line __attribute__((weak));

static void check_long(size_t value, bool fits)
{
	char *text = malloc(value + 64), *error;
	struct conf c;

	strcpy(text, F "url = https://h/");
	memset(text + strlen(text), 'x', value + 1);
	strcpy(text + strlen(F "url = https://h/") + value, "\n");
	ok(!conf_init(&c), "defaults");
	error = read_text(&c, text, 0600);
	if (fits)
		is_str(error, NULL, "%zu bytes of URL", value);
	else
		ok(error && !strncmp(error, ":2: longer than ", 16),
		   "%zu bytes are too many", value);
	conf_fini(&c);
	free(error);
	free(text);
}

static void test_lines(void)
{
	char text[65536], *error;
	struct conf c;

	ok(!conf_init(&c), "defaults");
	check_long(100, true);
	if (&ini_max_line)
		check_long(8000, true);
	else
		skip("this inih has a fixed limit");
	check_long(20000, false);
	/* What is beyond inih's own limit must come whole or not at all. */
	for (size_t n = 150; n < 400; n++) {
		snprintf(text, sizeof(text), F "url = https://h/%0*d\n",
			 (int)n, 7);
		error = read_text(&c, text, 0600);
		if (error ? strncmp(error, ":2: longer than ", 16) :
			    strlen(c.files[0].url) != n + 10)
			ok(false, "%zu bytes: %s", n, error ? error : "cut");
		free(error);
		conf_fini(&c);
		if (conf_init(&c))
			return;
	}
	memset(text, 'x', 60000);
	text[0] = '#';
	strcpy(text + 60000, "\nfill = some\n");
	error = read_text(&c, text, 0600);
	is_str(error, ":2: fill: not one of playing, all, none",
	       "a comment may be long");
	free(error);
	conf_fini(&c);
}

/* Bytes that a string can't hold, and files that are none. */
static void test_files(void)
{
	const char *path = in_folder("t.ini");
	char *error = NULL, *big = calloc(1, 2 << 20);
	struct conf c, before;

	ok(!conf_init(&c) && !conf_init(&before), "defaults");
	put_bytes("t.ini", "fill = all\nhttp = o\0ff\n", 23, 0600);
	is_int(conf_read(&c, path, true, &error), -EINVAL, "a NUL byte");
	ok(error && strstr(error, ":2: a NUL byte"), "in line 2");
	free(error);
	memset(big, '\n', 2 << 20);
	put_bytes("t.ini", big, 2 << 20, 0600);
	is_int(conf_read(&c, path, true, &error), -EFBIG, "a huge file");
	free(error);
	free(big);
	put("t.ini", "", 0644);
	is_int(conf_read(&c, path, true, &error), 0, "an empty file");
	is_int(conf_read(&c, folder, true, &error), -EISDIR, "a folder");
	free(error);
	path = in_folder("none.ini");
	is_int(conf_read(&c, path, false, &error), 0, "none is all right");
	is_int(conf_read(&c, path, true, &error), -ENOENT, "unless wanted");
	ok(error && !strncmp(error, path, strlen(path)) &&
	   strstr(error, "No such file"), "and why");
	free(error);
	ok(same(&c, &before), "nothing is taken");
	conf_fini(&c);
	conf_fini(&before);
}

static const struct permission {
	const char *text;
	mode_t mode;
	mode_t tokens;		/* of the header_file */
	const char *error;	/* a part of it, or NULL */
} permissions[] = {
	{ O "user_agent = x\n", 0644, 0600, NULL },
	{ O "proxy = http://h\n", 0644, 0600, NULL },
	{ O "header_file = tokens\n", 0644, 0600, NULL },
	{ O "header_file = tokens\n", 0644, 0400, NULL },
	{ O "header = A: SECRET\n", 0600, 0600, NULL },
	{ O "header = A: SECRET\n", 0640, 0600, ":2: holds a secret" },
	{ O "header = A: b\nheader = C: d\n", 0640, 0600, ":2: holds a" },
	{ O "header = A: SECRET\n", 0604, 0600, ":2: holds a secret" },
	{ O "header = A: SECRET\n", 0620, 0600, ":2: holds a secret" },
	{ "\n" O "\nproxy = http://u:SECRET@h\n", 0644, 0600,
	  ":4: holds a secret" },
	{ O "response_header = A: SECRET\n", 0640, 0600, ":2: holds a secret" },
	{ "token = SECRET-SECRET\n", 0640, 0600, ":1: holds a secret" },
	{ "token_file = token\n", 0644, 0600, NULL },
	{ O "on_complete = /bin/true\n", 0644, 0600, NULL },
	{ O "on_complete = /bin/true\n", 0664, 0600,
	  ":2: names a program to run and others may write the file" },
	{ O "on_complete = /bin/false\n" O, 0600, 0600, "twice" },
	{ O "on_complete = none\n", 0600, 0600, "none: No such file" },
	{ O "on_complete = /\n", 0600, 0600, ":2: on_complete: /: Is a dir" },
	{ O "header_file = tokens\n", 0600, 0640, "tokens: holds secrets" },
	{ O "header_file = tokens\n", 0600, 0602, "tokens: holds secrets" },
	{ O "header_file = none\n", 0600, 0600, "none: No such file" },
	{ O "ca_file = none\n", 0600, 0600, "none: No such file" },
	{ O "ca_file = /\n", 0600, 0600, ":2: ca_file: /: Is a directory" },
};

static void test_permissions(void)
{
	struct conf c;

	for (size_t i = 0; i < COUNT(permissions); i++) {
		const struct permission *p = &permissions[i];
		char *error;

		put("tokens", "A: SECRET\n", p->tokens);
		put("token", "SECRET-SECRET\n", 0600);
		ok(!conf_init(&c), "defaults");
		error = read_text(&c, p->text, p->mode);
		if (p->error)
			ok(error && strstr(error, p->error) &&
			   !strstr(error, "SECRET"), "%03o: %s",
			   (unsigned)p->mode, p->error);
		else
			is_str(error, NULL, "%03o is fine", (unsigned)p->mode);
		free(error);
		conf_fini(&c);
	}
}

static const char *const bad_headers[][2] = {
	{ "A: 1\nSECRET\n", "/tokens:2: not NAME: VALUE" },
	{ "\n#\nRange: x\n", "/tokens:3: Range is not for settings to say" },
	{ "A: SE\rCRET", "/tokens:1: A has a control character" },
};

static void test_header_file(void)
{
	char long_line[20000] = O "header_file = tokens\n", *error;
	struct conf c;

	for (size_t i = 0; i < COUNT(bad_headers); i++) {
		put("tokens", bad_headers[i][0], 0600);
		ok(!conf_init(&c), "defaults");
		error = read_text(&c, O "header_file = tokens\n", 0600);
		ok(error && strstr(error, ":2: header_file: ") &&
		   strstr(error, bad_headers[i][1]) &&
		   !strstr(error, "SECRET"), "%s", bad_headers[i][1]);
		free(error);
		conf_fini(&c);
	}
	put_bytes("tokens", "A: b\nB: c\0d\n", 12, 0600);
	ok(!conf_init(&c), "defaults");
	error = read_text(&c, long_line, 0600);
	ok(error && strstr(error, "/tokens:2: a NUL byte"), "a NUL byte");
	free(error);
	memset(long_line, 'x', sizeof(long_line) - 1);
	memcpy(long_line, "A: ", 3);
	put("tokens", long_line, 0600);
	error = read_text(&c, O "header_file = tokens\n", 0600);
	is_str(error, NULL, "a line may be long there");
	is_str(c.n_origins ? c.origins[0].headers.v[0] : NULL, long_line,
	       "and comes whole");
	free(error);
	conf_fini(&c);
}

/* ---- which section ------------------------------------------------------- */

static const char *const found[][2] = {
	{ "https://a.example/", "all" }, { "https://a.example/x", "all" },
	{ "https://a.example/?q", "all" },
	{ "https://a.example/dir/x", "dir" }, { "https://a.example/dir/", "dir" },
	{ "https://a.example/dir", "all" },
	{ "https://a.example/file", "file" },
	{ "https://a.example/file?q", "file" },
	{ "https://a.example/file/x", "file" },
	{ "https://a.example/files", "all" },
	{ "https://a.example:8443/", "port" },
	{ "https://a.example:84430/", NULL },
	{ "https://a.example.net/", NULL }, { "http://a.example/", NULL },
	{ "https://b.example/", NULL },
};

static void test_origin(void)
{
	struct conf c;

	ok(!conf_init(&c), "defaults");
	is_str(read_text(&c,
			 "[origin \"https://a.example/dir/\"]\n"
			 "user_agent = dir\n"
			 "[origin \"https://a.example\"]\nuser_agent = all\n"
			 "[origin \"https://a.example/file\"]\n"
			 "user_agent = file\n"
			 "[origin \"https://a.example:8443/\"]\n"
			 "user_agent = port\n", 0600), NULL, "four origins");
	for (size_t i = 0; i < COUNT(found); i++) {
		const struct conf_origin *o = conf_origin(&c, found[i][0]);

		is_str(o->user_agent, found[i][1], "section of %s",
		       found[i][0]);
		is_uint(o->split_threshold, CONF_SIZE_UNSET, "defaults");
	}
	conf_fini(&c);
	ok(!conf_init(&c), "defaults");
	is_str(read_text(&c, "[origin \"*\"]\nuser_agent = others\n"
			 "[origin \"https://a.example/\"]\n", 0600), NULL,
	       "all others");
	for (size_t i = 0; i < COUNT(found); i++) {
		const struct conf_origin *o = conf_origin(&c, found[i][0]);
		bool is_a = !strncmp(found[i][0], "https://a.example/", 18);

		is_str(o->user_agent, is_a ? NULL : "others", "section of %s",
		       found[i][0]);
	}
	conf_fini(&c);
}

int main(void)
{
	static const char *const made[] = { "t.ini", "tokens", "token", "ca.pem" };

	if (!mkdtemp(folder))
		return skip_all("no folder for files");
	setenv("HOME", folder, 1);
	test_example();
	test_wrong();
	test_whole();
	test_lines();
	test_files();
	test_permissions();
	test_header_file();
	test_origin();
	for (size_t i = 0; i < COUNT(made); i++)
		unlink(in_folder(made[i]));
	rmdir(folder);
	return done_testing();
}
