/* where: addresses and paths of URLs. */
#include "config.h"

#include "cache/url.h"
#include "http/where.h"
#include "tests/tap.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
	const char *at, *token, *url, *want;
} addresses[] = {
	{ "http://127.0.0.1:4612/", NULL, "https://h/a?b=/c#d",
	  "http://127.0.0.1:4612/https/h/a?b=/c" },
	{ "http://[::1]:80", "s3cret", "HTTP://H:81/a%20b",
	  "http://[::1]:80/s3cret/http/h:81/a%20b" },
	{ "http://x/", NULL, "https://h/a..", "http://x/https/h/a...." },
	{ "http://x/", NULL, "https://h", "http://x/https/h/" },
};

static const struct {
	const char *mount, *base, *url;
	bool mark;
	int rc;
	const char *want;
} paths[] = {
	{ "/m", NULL, "https://h/a/b.mp4", true, 0, "/m/https/h/a/b.mp4" },
	{ "/", NULL, "https://h/b.mp4", false, 0, "/https/h/b.mp4" },
	{ "/m", NULL, "https://h/b", true, 0, "/m/https/h/b.." },
	{ "/m", NULL, "https://h/b", false, 0, "/m/https/h/b" },
	{ "/m", NULL, "https://h/b?c", true, 0, "/m/https/h/b?c" },
	{ "/m", "https://h/a", "https://h/a/b.mp4", false, 0, "/m/b.mp4" },
	{ "/m", "https://h/a/", "https://h/a/b/c.mp4", false, 0, "/m/b/c.mp4" },
	{ "/m", "https://h/a/", "https://h/ab.mp4", false, -EXDEV, NULL },
	{ "/m", "https://h/a/", "http://h/a/b.mp4", false, -EXDEV, NULL },
};

static void test_addresses(void)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct url *u;
		char *got;

		is_int(url_parse(addresses[i].url, &u), 0, "%s",
		       addresses[i].url);
		got = where_address(addresses[i].at, addresses[i].token, u);
		is_str(got, addresses[i].want, "... its address");
		free(got);
		url_free(u);
	}
}

static void test_paths(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char *got = NULL;
		struct url *u;

		is_int(url_parse(paths[i].url, &u), 0, "%s", paths[i].url);
		is_int(where_path(paths[i].mount, paths[i].base, u,
				  paths[i].mark, &got), paths[i].rc,
		       "... below %s in %s",
		       paths[i].base ? paths[i].base : "all", paths[i].mount);
		is_str(got, paths[i].want, "... its path");
		free(got);
		url_free(u);
	}
}

int main(void)
{
	char *got;

	test_addresses();
	test_paths();
	got = where_named("/", "film");
	is_str(got, "/film", "a name in the root");
	free(got);
	return done_testing();
}
