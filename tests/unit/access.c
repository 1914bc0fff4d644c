/* access: who may ask, who may read the answer. */
#include "config.h"

#include "cache/conf.h"
#include "http/access.h"
#include "tests/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US 1000u
#define OTHER 1001u
#define TOKEN "a-token_of.32~characters-or-so-x"
#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

/* ---- settings ------------------------------------------------------------------- */

enum { PLAIN, NAMES, LISTED, ANY, FRIENDS, ALL_USERS, WITH_TOKEN, ALL_TOKEN,
       NULL_ORIGIN, N_SETTINGS };

static const char *const lines[N_SETTINGS] = {
	[PLAIN] = "",
	[NAMES] = "http_names=media.example nas 2001:db8::1",
	[LISTED] = "allow_origin=https://app.example http://localhost:3000",
	[ANY] = "allow_origin=*",
	[FRIENDS] = "allow_users=1001 1002",
	[ALL_USERS] = "allow_users=all",
	[WITH_TOKEN] = "allow_origin=https://app.example",
	[ALL_TOKEN] = "allow_origin=*",
	[NULL_ORIGIN] = "allow_origin=null",
};
static struct conf settings[N_SETTINGS];

static void make_settings(void)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		char line[200], *value, *error;

		conf_init(&settings[i]);
		snprintf(line, sizeof(line), "%s", lines[i]);
		value = strchr(line, '=');
		if (!value)
			continue;
		*value = '\0';
		is_int(conf_set(&settings[i], line, value + 1, &error), 0,
		       "%s", lines[i]);
	}
	settings[WITH_TOKEN].token = strdup(TOKEN);
	settings[ALL_TOKEN].token = strdup(TOKEN);
}

static const struct peer local = { .kind = PEER_USER, .uid = US,
				   .reached = "127.0.0.1" };
static const struct peer local6 = { .kind = PEER_USER, .uid = US,
				    .reached = "::1" };
static const struct peer root = { .kind = PEER_USER, .uid = 0,
				  .reached = "127.0.0.1" };
static const struct peer other = { .kind = PEER_USER, .uid = OTHER,
				   .reached = "127.0.0.1" };
static const struct peer stranger = { .kind = PEER_USER, .uid = 7777,
				      .reached = "127.0.0.1" };
static const struct peer unknown = { .kind = PEER_UNKNOWN, .uid = (uid_t)-1,
				     .reached = "127.0.0.1" };
static const struct peer far = { .kind = PEER_ELSEWHERE, .uid = (uid_t)-1,
				 .reached = "192.168.1.5" };
static const struct peer by_path = { .kind = PEER_USER, .uid = US,
				     .by_path = true };
static const struct peer other_by_path = { .kind = PEER_USER, .uid = OTHER,
					   .by_path = true };
static const struct peer unknown_by_path = { .kind = PEER_UNKNOWN,
					     .uid = (uid_t)-1,
					     .by_path = true };

/* ---- Host and user --------------------------------------------------------------- */

static const struct {
	int with;
	const struct peer *peer;
	const char *host;	/* NULL: none; "2": two */
	const char *authority;
	unsigned status;
} doors[] = {
	{ PLAIN, &local, "127.0.0.1:4612", NULL, 0 },
	{ PLAIN, &local, "localhost:4612", NULL, 0 },
	{ PLAIN, &local, "LOCALHOST", NULL, 0 },
	{ PLAIN, &local, "[::1]:4612", NULL, 0 },
	{ PLAIN, &local6, "[::1]:4612", NULL, 0 },
	{ PLAIN, &local, "evil.example", NULL, 403 },
	{ PLAIN, &local, "evil.example:4612", NULL, 403 },
	{ PLAIN, &local, "localhost.evil.example", NULL, 403 },
	{ PLAIN, &local, "127.0.0.1.evil.example:4612", NULL, 403 },
	{ PLAIN, &local, "user@localhost", NULL, 403 },
	{ PLAIN, &local, "", NULL, 403 },
	{ PLAIN, &local, "192.168.1.5", NULL, 403 },
	{ PLAIN, &far, "192.168.1.5:4612", NULL, 0 },
	{ PLAIN, &far, "192.168.1.6", NULL, 403 },
	{ PLAIN, &far, "nas", NULL, 403 },
	{ PLAIN, &local, NULL, NULL, 400 },
	{ PLAIN, &local, "2", NULL, 400 },
	{ PLAIN, &local, "localhost", "localhost:4612", 0 },
	{ PLAIN, &local, "localhost", "evil.example", 403 },
	{ PLAIN, &local, "evil.example", "localhost", 403 },
	{ NAMES, &local, "media.example", NULL, 0 },
	{ NAMES, &far, "Media.Example:80", NULL, 0 },
	{ NAMES, &far, "nas:4612", NULL, 0 },
	{ NAMES, &local, "x.media.example", NULL, 403 },
	{ NAMES, &local, "media.example.evil.example", NULL, 403 },
	{ NAMES, &local, "localhost", NULL, 0 },
	{ PLAIN, &local, "[2001:db8::1]:4612", NULL, 403 },
	{ NAMES, &local, "[2001:db8::1]:4612", NULL, 0 },
	{ NAMES, &far, "[2001:DB8:0::1]", NULL, 0 },
	{ NAMES, &local, "[2001:db8::2]:4612", NULL, 403 },
	{ PLAIN, &by_path, "whatever.example", NULL, 0 },
	{ PLAIN, &by_path, NULL, NULL, 400 },

	{ PLAIN, &root, "localhost", NULL, 0 },
	{ PLAIN, &other, "localhost", NULL, 403 },
	{ PLAIN, &unknown, "localhost", NULL, 403 },
	{ PLAIN, &far, "localhost", NULL, 0 },
	{ PLAIN, &other_by_path, "localhost", NULL, 403 },
	{ PLAIN, &unknown_by_path, "localhost", NULL, 403 },
	{ FRIENDS, &other, "localhost", NULL, 0 },
	{ FRIENDS, &other_by_path, "localhost", NULL, 0 },
	{ FRIENDS, &local, "localhost", NULL, 0 },
	{ FRIENDS, &root, "localhost", NULL, 0 },
	{ FRIENDS, &stranger, "localhost", NULL, 403 },
	{ FRIENDS, &unknown, "localhost", NULL, 403 },
	{ ALL_USERS, &stranger, "localhost", NULL, 0 },
	{ ALL_USERS, &unknown, "localhost", NULL, 0 },
	{ ALL_USERS, &unknown_by_path, "localhost", NULL, 0 },
	{ ALL_USERS, &stranger, "evil.example", NULL, 403 },
};

static struct access_request plain_request(void)
{
	return (struct access_request){
		.method = "GET", .http11 = true, .hosts = 1,
		.host = "127.0.0.1:4612", .peer = &local, .self = US,
	};
}

static void test_doors(void)
{
	for (size_t i = 0; i < COUNT(doors); i++) {
		struct access_request q = plain_request();
		struct access_verdict v;

		q.peer = doors[i].peer;
		q.host = doors[i].host;
		q.hosts = !q.host ? 0 : strcmp(q.host, "2") == 0 ? 2 : 1;
		q.authority = doors[i].authority;
		q.authority_len = q.authority ? strlen(q.authority) : 0;
		v = access_decide(&q, &settings[doors[i].with]);
		is_uint(v.status, doors[i].status,
			"{%s} peer %d/%d asks %s", lines[doors[i].with],
			doors[i].peer->kind, (int)doors[i].peer->uid,
			q.host ? q.host : "of no host");
		ok(v.status == 0 || *v.text, "... and is told why");
	}
}

static void test_old_http(void)
{
	struct access_request q = plain_request();

	q.http11 = false;
	q.host = NULL;
	q.hosts = 0;
	is_uint(access_decide(&q, &settings[PLAIN]).status, 0,
		"HTTP/1.0 needs no Host");
	q.origin = "http://127.0.0.1:4612";
	is_uint(access_decide(&q, &settings[PLAIN]).status, 403,
		"... but then no origin is ours");
}

/* ---- sites ----------------------------------------------------------------------- */

static const struct {
	int with;
	const char *site, *origin, *referer;
	unsigned status;
	const char *cors;	/* Access-Control-Allow-Origin */
} sites[] = {
	/* no browser, an old one, the user himself */
	{ PLAIN, NULL, NULL, NULL, 0, NULL },
	{ PLAIN, "none", NULL, NULL, 0, NULL },
	{ PLAIN, NULL, NULL, "https://evil.example/", 0, NULL },
	{ PLAIN, "none", NULL, "https://evil.example/", 0, NULL },
	/* our own pages */
	{ PLAIN, "same-origin", NULL, NULL, 0, NULL },
	{ PLAIN, "same-origin", "http://127.0.0.1:4612", NULL, 0, NULL },
	{ PLAIN, NULL, "http://127.0.0.1:4612", NULL, 0, NULL },
	{ PLAIN, NULL, "HTTP://127.0.0.1:4612", NULL, 0, NULL },
	/* other ones */
	{ PLAIN, "cross-site", NULL, NULL, 403, NULL },
	{ PLAIN, "same-site", NULL, NULL, 403, NULL },
	{ PLAIN, "Cross-Site", NULL, NULL, 403, NULL },
	{ PLAIN, "something-new", NULL, NULL, 403, NULL },
	{ PLAIN, "", NULL, NULL, 403, NULL },
	{ PLAIN, "cross-site", "http://127.0.0.1:4612", NULL, 403, NULL },
	{ PLAIN, NULL, "https://evil.example", NULL, 403, NULL },
	{ PLAIN, "same-origin", "https://evil.example", NULL, 403, NULL },
	{ PLAIN, "none", "https://evil.example", NULL, 403, NULL },
	{ PLAIN, NULL, "http://127.0.0.1:4613", NULL, 403, NULL },
	{ PLAIN, NULL, "http://127.0.0.1", NULL, 403, NULL },
	{ PLAIN, NULL, "http://localhost:4612", NULL, 403, NULL },
	{ PLAIN, NULL, "https://127.0.0.1:4612", NULL, 403, NULL },
	{ PLAIN, NULL, "http://127.0.0.1:4612.evil.example", NULL, 403, NULL },
	{ PLAIN, NULL, "null", NULL, 403, NULL },
	{ PLAIN, NULL, "", NULL, 403, NULL },
	{ PLAIN, "cross-site", NULL, "http://127.0.0.1:4612/", 403, NULL },
	/* listed ones */
	{ LISTED, "cross-site", "https://app.example", NULL, 0,
	  "https://app.example" },
	{ LISTED, NULL, "https://app.example", NULL, 0,
	  "https://app.example" },
	{ LISTED, "same-site", "http://localhost:3000", NULL, 0,
	  "http://localhost:3000" },
	{ LISTED, "cross-site", NULL, "https://app.example/watch?v=1", 0,
	  NULL },
	{ LISTED, "cross-site", NULL, "https://app.example", 0, NULL },
	{ LISTED, "cross-site", NULL, NULL, 403, NULL },
	{ LISTED, "cross-site", NULL, "https://app.example.evil.example/",
	  403, NULL },
	{ LISTED, "cross-site", NULL, "https://evil.example/?https://app.example",
	  403, NULL },
	{ LISTED, "cross-site", "https://evil.example", "https://app.example/",
	  403, NULL },
	{ LISTED, "cross-site", "https://app.example.evil.example", NULL, 403,
	  NULL },
	{ LISTED, NULL, "https://app.example:8443", NULL, 403, NULL },
	{ LISTED, NULL, "http://app.example", NULL, 403, NULL },
	{ LISTED, NULL, "null", NULL, 403, NULL },
	{ LISTED, NULL, "*", NULL, 403, NULL },
	{ LISTED, NULL, NULL, NULL, 0, NULL },
	/* anybody */
	{ ANY, "cross-site", "https://evil.example", NULL, 0, "*" },
	{ ANY, "cross-site", NULL, NULL, 0, "*" },
	{ ANY, NULL, "null", NULL, 0, "*" },
	{ ANY, NULL, NULL, NULL, 0, "*" },
	/* pages in files, and in sandboxes */
	{ NULL_ORIGIN, "cross-site", "null", NULL, 0, "null" },
	{ NULL_ORIGIN, "cross-site", "https://evil.example", NULL, 403, NULL },
	{ NULL_ORIGIN, "cross-site", NULL, NULL, 403, NULL },
	/* a name of ours, behind something that speaks TLS: below */
};

static void test_sites(void)
{
	for (size_t i = 0; i < COUNT(sites); i++) {
		struct access_request q = plain_request();
		int with = sites[i].with;
		struct access_verdict v;

		q.site = sites[i].site;
		q.origin = sites[i].origin;
		q.referer = sites[i].referer;
		v = access_decide(&q, &settings[with]);
		is_uint(v.status, sites[i].status,
			"{%s} site %s, origin %s, referer %s", lines[with],
			q.site ? q.site : "-", q.origin ? q.origin : "-",
			q.referer ? q.referer : "-");
		is_str(v.allow_origin, sites[i].cors, "... may be read by");
		is_int(v.vary, with == LISTED || with == NULL_ORIGIN,
		       "... Vary");
		ok(!v.preflight, "... is no preflight");
	}
}

static void test_tls_in_front(void)
{
	struct access_request q = plain_request();

	q.host = "media.example";
	q.origin = "https://media.example";
	is_uint(access_decide(&q, &settings[NAMES]).status, 0,
		"a page of a name of ours, by TLS");
	q.origin = "https://other.example";
	is_uint(access_decide(&q, &settings[NAMES]).status, 403,
		"... not another one");
	q.host = "[2001:db8::1]";
	q.origin = "https://[2001:db8::1]";
	is_uint(access_decide(&q, &settings[NAMES]).status, 0,
		"... an address that is named");
	q.host = "whatever.example";
	q.origin = "https://whatever.example";
	q.peer = &by_path;
	is_uint(access_decide(&q, &settings[PLAIN]).status, 0,
		"... any name through a Unix socket");
	q.origin = "https://evil.example";
	is_uint(access_decide(&q, &settings[PLAIN]).status, 403,
		"... where others are foreign as well");
}

/* ---- OPTIONS and the token ------------------------------------------------------- */

static void test_options(void)
{
	struct access_request q = plain_request();
	struct access_verdict v;

	q.method = "OPTIONS";
	v = access_decide(&q, &settings[PLAIN]);
	is_uint(v.status, 204, "OPTIONS of no page");
	ok(!v.preflight, "... is no preflight");
	q.origin = "https://app.example";
	q.site = "cross-site";
	q.asks_method = "GET";
	is_uint(access_decide(&q, &settings[PLAIN]).status, 403,
		"a preflight of a page not allowed");
	v = access_decide(&q, &settings[LISTED]);
	is_uint(v.status, 204, "of one that is");
	ok(v.preflight, "... is one");
	is_str(v.allow_origin, "https://app.example", "... for it");
	v = access_decide(&q, &settings[WITH_TOKEN]);
	is_uint(v.status, 204, "... needs no token");
	ok(v.preflight, "... which it can't send");
	v = access_decide(&q, &settings[ANY]);
	ok(v.preflight, "of anybody, where all are");
	q.asks_method = NULL;
	v = access_decide(&q, &settings[LISTED]);
	is_uint(v.status, 204, "OPTIONS of a page, no preflight");
	ok(!v.preflight, "... is none");
	q.peer = &other;
	is_uint(access_decide(&q, &settings[ANY]).status, 403,
		"of another user: no");
	q.peer = &local;
	q.host = "evil.example";
	is_uint(access_decide(&q, &settings[ANY]).status, 403,
		"under another name: no");
}

static void test_token(void)
{
	struct access_request q = plain_request();
	const struct conf *with = &settings[WITH_TOKEN];

	is_uint(access_decide(&q, with).status, 401, "no token");
	q.token = true;
	is_uint(access_decide(&q, with).status, 0, "the token");
	q.host = "evil.example";
	is_uint(access_decide(&q, with).status, 403, "... is not all");
	q.host = "127.0.0.1";
	q.peer = &other;
	is_uint(access_decide(&q, with).status, 403,
		"... another user with it: no");
	q.peer = &unknown;
	is_uint(access_decide(&q, with).status, 0,
		"... nobody knows who, with it: yes");
	q.token = false;
	is_uint(access_decide(&q, with).status, 403, "... without: no");
	q.peer = &far;
	q.host = "192.168.1.5";
	is_uint(access_decide(&q, with).status, 401, "another machine");
	q.peer = &by_path;
	is_uint(access_decide(&q, with).status, 401, "a Unix socket");
	q.own_page = true;
	is_uint(access_decide(&q, with).status, 0,
		"pages of our own see for themselves");
	q = plain_request();
	q.origin = "https://app.example";
	is_str(access_decide(&q, with).allow_origin, "https://app.example",
	       "a page may read that it lacks the token");
}

static void test_secret(void)
{
	ok(access_is_secret(TOKEN, strlen(TOKEN), TOKEN), "the secret");
	ok(!access_is_secret(TOKEN, strlen(TOKEN) - 1, TOKEN), "a part");
	ok(!access_is_secret(TOKEN "x", strlen(TOKEN) + 1, TOKEN), "more");
	ok(!access_is_secret("", 0, TOKEN), "nothing");
	ok(!access_is_secret("b-token_of.32~characters-or-so-x",
			     strlen(TOKEN), TOKEN), "another first byte");
	ok(!access_is_secret("a-token_of.32~characters-or-so-y",
			     strlen(TOKEN), TOKEN), "another last byte");
	ok(access_is_bearer("Bearer " TOKEN, TOKEN), "Bearer");
	ok(access_is_bearer("bearer   " TOKEN, TOKEN), "bearer, spaces");
	ok(!access_is_bearer("Bearer " TOKEN "x", TOKEN), "more");
	ok(!access_is_bearer("Bearer", TOKEN), "nothing");
	ok(!access_is_bearer("Basic " TOKEN, TOKEN), "Basic");
	ok(!access_is_bearer(TOKEN, TOKEN), "bare");
	ok(!access_is_bearer(NULL, TOKEN), "no field");
	is_uint(access_token_len(TOKEN "/https/h/a", TOKEN),
		strlen(TOKEN) + 1, "in front of a path");
	is_uint(access_token_len(TOKEN, TOKEN), strlen(TOKEN), "all of it");
	is_uint(access_token_len(TOKEN "?x", TOKEN), strlen(TOKEN),
		"before a query");
	is_uint(access_token_len("https/h/" TOKEN "/a", TOKEN), 0, "inside");
	is_uint(access_token_len(TOKEN "x/a", TOKEN), 0, "part of a name");
	is_uint(access_token_len("/" TOKEN "/a", TOKEN), 0, "behind a slash");
	is_uint(access_token_len("", TOKEN), 0, "no name");
}

static void test_name_lists(void)
{
	ok(access_is_name_list("range, if-range,x-own"), "names");
	ok(access_is_name_list(""), "none");
	ok(!access_is_name_list("range: 1"), "a colon");
	ok(!access_is_name_list("a\r\nb"), "a line end");
	ok(!access_is_name_list("a\"b"), "a quote");
	ok(!access_is_name_list("\xc3\xbc"), "beyond ASCII");
}

int main(void)
{
	make_settings();
	test_doors();
	test_old_http();
	test_sites();
	test_tls_in_front();
	test_options();
	test_token();
	test_secret();
	test_name_lists();
	for (size_t i = 0; i < N_SETTINGS; i++)
		conf_fini(&settings[i]);
	return done_testing();
}
