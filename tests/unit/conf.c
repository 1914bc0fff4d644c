/* conf: the table, its defaults, and values as of -o. */
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

static void truncate_to(const char *path, off_t size)
{
	if (truncate(path, size) || chmod(path, 0600))
		diag("can't shorten %s", path);
}

/* ---- defaults and the table ---------------------------------------------- */

static void test_defaults(void)
{
	struct conf c;

	setenv("HOME", folder, 1);
	unsetenv("XDG_CACHE_HOME");
	ok(!conf_init(&c), "defaults");
	is_str(c.cache_dir, in_folder(".cache/spoolfs"), "cache_dir");
	ok(c.cache_size == CONF_SIZE_UNSET && c.min_free == CONF_SIZE_UNSET &&
	   !c.max_age, "no limits but what suits the disk");
	ok(c.http.n == 1 && !strcmp(c.http.v[0], "127.0.0.1:4612"), "http");
	ok(!c.http_names.n && !c.allow_origin.n && !c.allow_users.n &&
	   !c.allow_users.all && !c.token, "for nobody but oneself");
	ok(!c.allow.n && !c.deny.n && c.private_targets && !c.offline,
	   "any target");
	ok(!c.max_clients && !c.max_requests, "as many as can be");
	is_uint(c.max_header, 8192, "max_header");
	is_str(c.control, "auto", "control");
	is_uint(c.connect_timeout, 10, "connect_timeout");
	is_uint(c.stall_timeout, 10, "stall_timeout");
	is_uint(c.read_timeout, 30, "read_timeout");
	is_uint(c.max_connections, 16, "max_connections");
	is_int(c.fill, PLAN_FILL_PLAYING, "fill");
	ok(c.passthrough, "passthrough");
	is_int(c.log_level, LOG_LEVEL_INFO, "log_level");
	ok(!c.n_origins && !c.n_files, "no sections");
	conf_fini(&c);
	conf_fini(&c);

	setenv("XDG_CACHE_HOME", "/var/x", 1);
	ok(!conf_init(&c), "defaults elsewhere");
	is_str(c.cache_dir, "/var/x/spoolfs", "XDG_CACHE_HOME");
	conf_fini(&c);
	setenv("XDG_CACHE_HOME", "relative", 1);
	ok(!conf_init(&c), "a relative folder does not count");
	is_str(c.cache_dir, in_folder(".cache/spoolfs"), "so says XDG");
	conf_fini(&c);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	ok(!conf_init(&c) && c.cache_dir[0] == '/', "without HOME");
	conf_fini(&c);
	setenv("HOME", folder, 1);
}

static void check_path(const char *want, const char *what)
{
	char *path = conf_default_path();

	is_str(path, want, "%s", what);
	free(path);
}

static void test_default_path(void)
{
	unsetenv("XDG_CONFIG_HOME");
	check_path(in_folder(".config/spoolfs/spoolfs.ini"), "the user's ini");
	setenv("XDG_CONFIG_HOME", "/etc/x", 1);
	check_path("/etc/x/spoolfs/spoolfs.ini", "XDG_CONFIG_HOME");
	unsetenv("XDG_CONFIG_HOME");
}

static void test_help(void)
{
	char help[8192] = "", *save = NULL;
	FILE *f = fmemopen(help, sizeof(help), "w");
	size_t n, column = 0, longest = 0, ragged = 0;
	const struct conf_key *table = conf_table(&n);

	conf_help(f);
	fclose(f);
	for (size_t i = 0; i < n; i++) {
		char key[64];
		const char *at;

		ok(*table[i].help && *table[i].value &&
		   table[i].help[strlen(table[i].help) - 1] != '.' &&
		   conf_find(table[i].section, table[i].name) == &table[i],
		   "%s is explained, once", table[i].name);
		if (table[i].section != CONF_GLOBAL)
			continue;
		snprintf(key, sizeof(key), "  -o %s=%s ", table[i].name,
			 table[i].value);
		at = strstr(help, key);
		if (!ok(at && strstr(at, table[i].help), "%s in the help",
			table[i].name))
			continue;
		if (!column)
			column = strstr(at, table[i].help) - at;
		ragged += column != (size_t)(strstr(at, table[i].help) - at);
	}
	is_uint(ragged, 0, "aligned");
	for (char *line = strtok_r(help, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		longest = strlen(line) > longest ? strlen(line) : longest;
	ok(longest < 80, "no line is too long");
}

/* ---- -o ------------------------------------------------------------------ */

static const char *const good[][2] = {
	{ "http", "0.0.0.0:0" }, { "http", "[::1]:65535" },
	{ "http", "[::]:1" }, { "http", "localhost:80" },
	{ "http", "127.0.0.1:1 [::1]:1\tunix:/run/x" },
	{ "http", "unix:~/x" }, { "http", "off" },
	{ "http_names", "a.example B.example." }, { "http_names", "10.0.0.1" },
	{ "http_names", "::1 [::2]" }, { "http_names", "none" },
	{ "allow_origin", "https://a.example http://b.example:8080" },
	{ "allow_origin", "null app://x" }, { "allow_origin", "*" },
	{ "allow_users", "own" }, { "allow_users", "0" },
	{ "allow_users", "root 1000" }, { "allow_users", "all" },
	{ "allow", "https://a.example/x/ *.b.example" }, { "allow", "10.0.0.1" },
	{ "deny", "fd00::/8" }, { "deny", "*" },
	{ "private_targets", "yes" }, { "private_targets", "no" },
	{ "offline", "no" }, { "offline", "yes" },
	{ "max_clients", "1000000" }, { "max_requests", "0" },
	{ "max_header", "4K" }, { "max_header", "1M" },
	{ "control", "~/c" }, { "control", "auto" }, { "control", "off" },
	{ "connect_timeout", "1" }, { "read_timeout", "3600" },
	{ "stall_timeout", "007" }, { "max_connections", "64" },
	{ "fill", "playing" }, { "fill", "all" }, { "fill", "none" },
	{ "passthrough", "auto" }, { "passthrough", "no" },
	{ "log_level", "error" }, { "log_level", "warning" },
	{ "log_level", "info" }, { "log_level", "debug" },
	{ "cache_dir", "/a b" }, { "max_age", "36500" }, { "max_age", "0" },
	{ "cache_size", "unlimited" }, { "cache_size", "0" },
	{ "cache_size", "9223372036854775807" }, { "cache_size", "8388607T" },
	{ "cache_size", "500M" }, { "min_free", "auto" }, { "min_free", "0K" },
};

#define SECONDS "not a whole number from 1 to 3600"
#define SIZE "not a size, such as 500M or 20G, nor unlimited"
#define LISTEN "not ADDRESS:PORT, such as 127.0.0.1:4612 or [::1]:0, nor " \
	       "unix:PATH, nor off"
#define N60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define HOST "not the name of a host, without port"
#define PAGE "not the origin of a page, such as https://example.com, nor *"
#define PATTERN "not the beginning of a URL, nor a host, *.DOMAIN, an " \
		"address or a network, such as 10.0.0.0/8"
static const char *const bad[][3] = {
	{ "read_timeout", "0", SECONDS }, { "read_timeout", "3601", SECONDS },
	{ "read_timeout", "-1", SECONDS }, { "read_timeout", "+1", SECONDS },
	{ "read_timeout", " 1", SECONDS }, { "read_timeout", "1 ", SECONDS },
	{ "read_timeout", "1s", SECONDS }, { "read_timeout", "1.5", SECONDS },
	{ "read_timeout", "0x10", SECONDS }, { "read_timeout", "x", SECONDS },
	{ "read_timeout", "4294967297", SECONDS },
	{ "read_timeout", "18446744073709551617", SECONDS },
	{ "read_timeout", "99999999999999999999999999", SECONDS },
	{ "read_timeout", "", "wants a value, SECONDS" },
	{ "cache_size", "8388608T", SIZE }, { "cache_size", "1P", SIZE },
	{ "cache_size", "9223372036854775808", SIZE },
	{ "cache_size", "99999999999999999999", SIZE },
	{ "cache_size", "99999999999999999999G", SIZE },
	{ "cache_size", "-1", SIZE }, { "cache_size", "1m", SIZE },
	{ "cache_size", "1MB", SIZE }, { "cache_size", "M", SIZE },
	{ "cache_size", "1.5G", SIZE }, { "cache_size", "1 G", SIZE },
	{ "cache_size", "auto", SIZE }, { "cache_size", "", "wants a value, SIZE" },
	{ "min_free", "unlimited",
	  "not a size, such as 500M or 20G, nor auto" },
	{ "max_age", "1d", "not a whole number from 0 to 36500" },
	{ "max_connections", "65", "not a whole number from 1 to 64" },
	{ "http", "127.0.0.1", LISTEN }, { "http", ":4612", LISTEN },
	{ "http", "4612", LISTEN }, { "http", "127.0.0.1:", LISTEN },
	{ "http", "127.0.0.1:65536", LISTEN },
	{ "http", "127.0.0.1:4294967376", LISTEN },
	{ "http", "127.0.0.1:-1", LISTEN }, { "http", "127.0.0.1:8x", LISTEN },
	{ "http", "127.0.0.1: 8", LISTEN }, { "http", "::1:80", LISTEN },
	{ "http", "[::1]", LISTEN }, { "http", "[::1:80", LISTEN },
	{ "http", "[]:80", LISTEN }, { "http", "[127.0.0.1]:80", LISTEN },
	{ "http", "[fe80::1%eth0]:80", LISTEN },
	{ "http", "256.0.0.1:80", LISTEN }, { "http", "example.com:80", LISTEN },
	{ "http", "127.0.0.1:80 off", LISTEN }, { "http", " ", "wants a value" },
	{ "http", "unix:", LISTEN },
	{ "http", "127.0.0.1:80,[::1]:80", LISTEN },
	{ "http", "unix:/" N60 N60,
	  "the path of a socket is shorter than 108 bytes" },
	{ "control", "/" N60 N60,
	  "the path of a socket is shorter than 108 bytes" },
	{ "http_names", "a:80", HOST }, { "http_names", "a/b", HOST },
	{ "http_names", "u@a", HOST }, { "http_names", "[::1]:80", HOST },
	{ "http_names", "a b:1", HOST },
	{ "allow_origin", "example.com", PAGE },
	{ "allow_origin", "https://a/", PAGE },
	{ "allow_origin", "https://a *", PAGE },
	{ "allow_origin", "https://*.a", PAGE },
	{ "allow_users", "no such user", "there is no user no" },
	{ "allow_users", "4294967295", "there is no user 4294967295" },
	{ "allow_users", "99999999999999999999",
	  "there is no user 99999999999999999999" },
	{ "allow", "", "wants a value, PATTERN" },
	{ "allow", "a:80", PATTERN }, { "allow", "a.*", PATTERN },
	{ "allow", "https://a/?q", PATTERN }, { "allow", "ftp://a/", PATTERN },
	{ "allow", "10.0.0.0/33", PATTERN }, { "allow", "10.0.0/8", PATTERN },
	{ "allow", "10.0.0.0/", PATTERN }, { "allow", "fd00::/129", PATTERN },
	{ "allow", "10.0.0.0/8x", PATTERN }, { "allow", "a ?b", PATTERN },
	{ "allow", "10.0..", PATTERN }, { "allow", ".a", PATTERN },
	{ "allow", "*.", PATTERN }, { "allow", "*..a", PATTERN },
	{ "deny", "*.10.0.0.1", PATTERN }, { "deny", "a/24", PATTERN },
	{ "private_targets", "auto", "not one of yes, no" },
	{ "max_clients", "1000001", "not a whole number from 0 to 1000000" },
	{ "max_header", "4095", "not a size from 4096 to 1048576 bytes" },
	{ "max_header", "2M", "not a size from 4096 to 1048576 bytes" },
	{ "max_header", "x", "not a size from 4096 to 1048576 bytes" },
	{ "http", "on", LISTEN }, { "http", "", "wants a value, ADDRESS:PORT" },
	{ "fill", "some", "not one of playing, all, none" },
	{ "fill", "ALL", "not one of playing, all, none" },
	{ "passthrough", "yes", "not one of auto, no" },
	{ "log_level", "loud", "not one of error, warning, info, debug" },
	{ "cache_dir", "", "wants a value, PATH" },
};

static void test_set(void)
{
	struct conf c, before;
	char want[256], *error;

	ok(!conf_init(&c), "defaults");
	memcpy(&before, &c, sizeof(c));
	for (size_t i = 0; i < COUNT(bad); i++) {
		error = NULL;
		snprintf(want, sizeof(want), "-o %s=%s: %s", bad[i][0],
			 bad[i][1], bad[i][2]);
		is_int(conf_set(&c, bad[i][0], bad[i][1], &error), -EINVAL,
		       "%s=%s is wrong", bad[i][0], bad[i][1]);
		is_str(error, want, "and why");
		free(error);
	}
	error = NULL;
	is_int(conf_set(&c, "fill", NULL, &error), -EINVAL, "no value at all");
	free(error);
	is_mem(&c, &before, sizeof(c), "nothing of this was taken");
	for (size_t i = 0; i < COUNT(good); i++) {
		error = NULL;
		is_int(conf_set(&c, good[i][0], good[i][1], &error), 0,
		       "%s=%s", good[i][0], good[i][1]);
		is_str(error, NULL, "nothing to say");
	}
	is_uint(c.http.n, 0, "http is off");
	is_uint(c.http_names.n, 0, "http_names");
	ok(c.allow_origin.n == 1 && !strcmp(c.allow_origin.v[0], "*"),
	   "allow_origin");
	ok(c.allow_users.n == 0 && c.allow_users.all, "allow_users");
	is_str(c.control, NULL, "control");
	ok(!c.private_targets, "private_targets");
	ok(c.offline, "offline");
	is_uint(c.max_header, 1 << 20, "max_header");
	is_str(c.cache_dir, "/a b", "cache_dir");
	is_uint(c.cache_size, 500 << 20, "cache_size");
	is_uint(c.min_free, 0, "min_free");
	is_uint(c.connect_timeout, 1, "connect_timeout");
	is_uint(c.read_timeout, 3600, "read_timeout");
	is_uint(c.stall_timeout, 7, "stall_timeout");
	is_uint(c.max_connections, 64, "max_connections");
	is_int(c.fill, PLAN_FILL_NONE, "fill");
	ok(!c.passthrough, "passthrough");
	is_int(c.log_level, LOG_LEVEL_DEBUG, "log_level");
	is_int(conf_set(&c, "allow_other", "", &error), -ENOENT,
	       "an option of somebody else");
	is_int(conf_set(&c, "header", "A: b", &error), -ENOENT,
	       "a key of a section");
	conf_fini(&c);
}

static void test_set_path(void)
{
	char cwd[256], want[512], *error;
	struct conf c;

	ok(!conf_init(&c) && getcwd(cwd, sizeof(cwd)), "defaults");
	ok(!conf_set(&c, "cache_dir", "~/cache", &error), "~/");
	is_str(c.cache_dir, in_folder("cache"), "is the home folder");
	snprintf(want, sizeof(want), "%s/sub/cache", cwd);
	ok(!conf_set(&c, "cache_dir", "sub/cache", &error), "relative");
	is_str(c.cache_dir, want, "to the current folder");
	conf_fini(&c);
}

static void test_token(void)
{
	struct conf c;
	char *error = NULL;
	FILE *f;

	ok(!conf_init(&c), "defaults");
	is_int(conf_set(&c, "token", "SECRET-SECRET", &error), -EINVAL,
	       "no token from -o");
	ok(error && !strstr(error, "SECRET"), "nor is it repeated");
	free(error);
	f = fopen(in_folder("token"), "w");
	ok(f && fputs("SECRET_-~123\r\nmore\n", f) >= 0 && !fclose(f) &&
	   !chmod(in_folder("token"), 0600), "a file");
	ok(!conf_set(&c, "token_file", in_folder("token"), &error), "of it is");
	is_str(c.token, "SECRET_-~123", "its first line");
	chmod(in_folder("token"), 0640);
	is_int(conf_set(&c, "token_file", in_folder("token"), &error), -EINVAL,
	       "others may read it");
	ok(error && strstr(error, "chmod 600"), "and why");
	free(error);
	truncate_to(in_folder("token"), 5);
	is_int(conf_set(&c, "token_file", in_folder("token"), &error), -EINVAL,
	       "a short one");
	ok(error && strstr(error, "token: not 8 to 128 letters, digits, '-', "
			   "'_' and '~'") && !strstr(error, "SECRE"),
	   "and why");
	free(error);
	is_str(c.token, "SECRET_-~123", "it stays as it was");
	unlink(in_folder("token"));
	conf_fini(&c);
}

static void test_copy(void)
{
	struct conf c, copy;
	char *error;

	ok(!conf_init(&c) && !conf_set(&c, "http", "off", &error) &&
	   !conf_set(&c, "allow_users", "root 4711", &error) &&
	   !conf_set(&c, "deny", "*.Example.com", &error) &&
	   !conf_set(&c, "deny", "10.0.0.0/8", &error), "http=off");
	ok(!conf_copy(&copy, &c), "is copied");
	is_uint(copy.http.n, 0, "as such");
	ok(copy.allow_users.n == 2 && copy.allow_users.v[0] == 0 &&
	   copy.allow_users.v[1] == 4711, "users");
	ok(copy.deny.n == 2 && copy.deny.v[0] != c.deny.v[0] &&
	   !strcmp(copy.deny.v[0], "*.example.com") &&
	   !strcmp(copy.deny.v[1], "10.0.0.0/8"), "lists");
	ok(copy.cache_dir != c.cache_dir && !strcmp(copy.cache_dir, c.cache_dir),
	   "what it points to too");
	conf_fini(&c);
	conf_fini(&copy);
}

/* ---- while the program runs ---------------------------------------------- */

static void set(struct conf *c, const char *key, const char *value)
{
	char *error;

	is_int(conf_set(c, key, value, &error), 0, "%s=%s", key, value);
}

static void test_keep(void)
{
	struct conf now, c;
	char *kept = NULL;

	ok(!conf_init(&now) && !conf_init(&c), "defaults");
	set(&now, "http", "127.0.0.1:1");
	set(&now, "control", "off");
	set(&c, "http", "127.0.0.1:1");
	set(&c, "control", "off");
	set(&c, "read_timeout", "7");
	set(&c, "cache_size", "1G");
	set(&c, "deny", "a.example");
	set(&c, "allow_users", "all");
	is_int(conf_keep(&c, &now, &kept), 0, "what can be changed is");
	is_str(kept, NULL, "nothing is kept");
	is_uint(c.read_timeout, 7, "a number");
	ok(c.deny.n == 1 && c.allow_users.all, "a list, users");

	set(&c, "http", "127.0.0.1:1 127.0.0.1:2");
	set(&c, "control", "/x");
	set(&c, "cache_dir", "/x");
	set(&c, "passthrough", "no");
	set(&c, "max_clients", "7");
	set(&c, "max_header", "32K");
	set(&c, "read_timeout", "8");
	c.files = calloc(1, sizeof(*c.files));
	c.n_files = 1;
	c.files[0] = (struct conf_file){ strdup("a"), strdup("https://h/") };
	is_int(conf_keep(&c, &now, &kept), 0, "what can't");
	is_str(kept, "cache_dir, http, max_clients, max_header, control, "
	       "passthrough, [file]", "is named");
	is_str(c.cache_dir, now.cache_dir, "a text stays");
	ok(c.cache_dir != now.cache_dir, "as a copy");
	is_str(c.control, NULL, "none stays none");
	ok(c.http.n == 1 && !strcmp(c.http.v[0], "127.0.0.1:1"), "a list");
	ok(c.passthrough && !c.max_clients && c.max_header == 8192,
	   "a word, numbers");
	is_uint(c.n_files, 0, "sections");
	is_uint(c.read_timeout, 8, "the rest is new");
	free(kept);
	conf_fini(&c);
	conf_fini(&now);
}

int main(void)
{
	if (!mkdtemp(folder))
		return skip_all("no folder for files");
	test_defaults();
	test_default_path();
	test_help();
	test_set();
	test_set_path();
	test_token();
	test_copy();
	test_keep();
	rmdir(folder);
	return done_testing();
}
