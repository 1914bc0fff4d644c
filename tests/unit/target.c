/* target: request targets, Host fields, names of the settings. */
#include "config.h"

#include "http/target.h"
#include "tests/tap.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *text;
	int rc;
	const char *authority, *name;	/* NULL: none */
} targets[] = {
	{ "/", 0, NULL, "" },
	{ "/https/h/a%20b?x=%2F&y=1?2", 0, NULL, "https/h/a%20b?x=%2F&y=1?2" },
	{ "/https://h/a", 0, NULL, "https://h/a" },
	{ "//h/a", 0, NULL, "/h/a" },
	{ "http://127.0.0.1:4612/https/h/a", 0, "127.0.0.1:4612", "https/h/a" },
	{ "HTTP://LocalHost/x", 0, "LocalHost", "x" },
	{ "http://h", 0, "h", "" },
	{ "http://h?x", 0, "h", "?x" },
	{ "http://h/a/b//c", 0, "h", "a/b//c" },
	{ "http:///a", -EINVAL, NULL, NULL },
	{ "https://h/a", -EINVAL, NULL, NULL },
	{ "h:443", -EINVAL, NULL, NULL },
	{ "*", -EINVAL, NULL, NULL },
	{ "", -EINVAL, NULL, NULL },
};

static void test_targets(void)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const char *text = targets[i].text;
		struct target t = { NULL, 0, "untouched" };
		char authority[64];

		is_int(target_parse(text, &t), targets[i].rc, "target \"%s\"",
		       text);
		if (targets[i].rc < 0) {
			is_str(t.name, "untouched", "... leaves out alone");
			continue;
		}
		is_str(t.name, targets[i].name, "... its name");
		snprintf(authority, sizeof(authority), "%.*s",
			 (int)t.authority_len, t.authority ? t.authority : "");
		is_str(t.authority ? authority : NULL, targets[i].authority,
		       "... its authority");
	}
}

static const struct {
	const char *field;
	const char *host;	/* NULL: -EINVAL */
	bool loopback;
} hosts[] = {
	{ "localhost", "localhost", true },
	{ "LOCALHOST:80", "LOCALHOST", true },
	{ "localhost.:4612", "localhost.", true },
	{ "localhost:", "localhost", true },
	{ "127.0.0.1:4612", "127.0.0.1", true },
	{ "127.255.3.4", "127.255.3.4", true },
	{ "[::1]:4612", "::1", true },
	{ "[::1]", "::1", true },
	{ "[0:0:0:0:0:0:0:1]:1", "0:0:0:0:0:0:0:1", true },
	{ "[::ffff:127.0.0.1]", "::ffff:127.0.0.1", true },
	{ "128.0.0.1", "128.0.0.1", false },
	{ "0.0.0.0", "0.0.0.0", false },
	{ "[::]", "::", false },
	{ "[::ffff:10.0.0.1]", "::ffff:10.0.0.1", false },
	{ "127.0.0.1.evil.example", "127.0.0.1.evil.example", false },
	{ "localhost.evil.example", "localhost.evil.example", false },
	{ "evil.example:4612", "evil.example", false },
	{ "127.1", "127.1", false },	/* no browser sends it so */
	{ "0x7f.0.0.1", "0x7f.0.0.1", false },
	{ "", NULL, false },
	{ ":80", NULL, false },
	{ "[]:80", NULL, false },
	{ "[::1", NULL, false },
	{ "[::1]x", NULL, false },
	{ "[::1]80", NULL, false },
	{ "localhost:80x", NULL, false },
	{ "localhost:808080", NULL, false },
	{ "localhost:80:80", NULL, false },
	{ "user@localhost", NULL, false },
	{ "evil.example@localhost:80", NULL, false },
};

static void test_hosts(void)
{
	char buf[TARGET_HOST_MAX], big[2 * TARGET_HOST_MAX];

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		const char *field = hosts[i].field;
		int rc = target_host(field, strlen(field), buf);

		is_str(rc < 0 ? NULL : buf, hosts[i].host, "host \"%s\"",
		       field);
		if (rc == 0)
			is_int(target_is_loopback(buf), hosts[i].loopback,
			       "... loopback or not");
	}
	memset(big, 'a', sizeof(big));
	is_int(target_host(big, TARGET_HOST_MAX - 1, buf), 0,
	       "the longest host");
	is_int(target_host(big, TARGET_HOST_MAX, buf), -EINVAL,
	       "one byte more");
	is_int(target_host("local\0host", 10, buf), -EINVAL, "a NUL");
}

static void test_same_address(void)
{
	ok(target_same_address("10.0.0.1", "10.0.0.1"), "itself");
	ok(target_same_address("::ffff:10.0.0.1", "10.0.0.1"), "mapped");
	ok(target_same_address("fe80::1", "FE80:0::0:1"), "two spellings");
	ok(!target_same_address("10.0.0.1", "10.0.0.2"), "another");
	ok(!target_same_address("example", "example"), "names are none");
	ok(!target_same_address("", ""), "nothing is none");
}

static const struct {
	const char *raw, *name;
	bool same;
} names[] = {
	{ "film.mp4", "film.mp4", true },
	{ "my%20film.mp4", "my film.mp4", true },
	{ "%66ilm.mp4", "film.mp4", true },
	{ "f%C3%BCr", "f\xc3\xbcr", true },
	{ "f\xc3\xbcr", "f\xc3\xbcr", true },
	{ "100%", "100%", true },
	{ "100%25", "100%", true },
	{ "100%2", "100%2", true },
	{ "100%zz", "100%zz", true },
	{ "film.mp", "film.mp4", false },
	{ "film.mp4x", "film.mp4", false },
	{ "film.mp4/", "film.mp4", false },
	{ "film.mp4%00", "film.mp4", false },
	{ "Film.mp4", "film.mp4", false },
	{ "", "a", false },
};

static void test_names(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is_int(target_is_name(names[i].raw, strlen(names[i].raw),
				      names[i].name),
		       names[i].same, "\"%s\" and \"%s\"", names[i].raw,
		       names[i].name);
	ok(target_is_name("a?b", 1, "a"), "only the given length counts");
	ok(target_is_name("a%41", 2, "a%"), "an escape past it too");
}

int main(void)
{
	test_targets();
	test_hosts();
	test_same_address();
	test_names();
	return done_testing();
}
