/* policy, proxy: what may be asked for, and through whom. */
#include "config.h"

#include "cache/policy.h"
#include "cache/conf.h"
#include "cache/proxy.h"
#include "cache/url.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static struct url *parse(const char *text)
{
	struct url *u = NULL;

	if (url_parse(text, &u))
		diag("%s is no URL", text);
	return u;
}

/* Settings with these patterns; NULL: none. */
static struct conf settings(const char *allow, const char *deny, bool private)
{
	struct conf c;
	char *error;

	if (conf_init(&c) ||
	    (allow && conf_set(&c, "allow", allow, &error)) ||
	    (deny && conf_set(&c, "deny", deny, &error)))
		diag("allow=%s deny=%s is wrong", allow, deny);
	c.private_targets = private;
	return c;
}

/* ---- by URL --------------------------------------------------------------- */

enum { NO, YES, DIRECT };	/* DIRECT: not behind a proxy */

static const struct {
	const char *allow, *deny, *url;
	int may;
} by_url[] = {
	{ NULL, NULL, "https://a.example/", YES },
	{ "a.example", NULL, "https://a.example/x", YES },
	{ "a.example", NULL, "http://A.Example.:8080/x", YES },
	{ "a.example", NULL, "https://b.a.example/", NO },
	{ "a.example", NULL, "https://xa.example/", NO },
	{ "*.a.example", NULL, "https://b.a.example/", YES },
	{ "*.a.example", NULL, "https://c.b.a.example/", YES },
	{ "*.a.example", NULL, "https://a.example/", NO },
	{ "*.a.example", NULL, "https://xa.example/", NO },
	{ "*.a.example", NULL, "https://a.example.net/", NO },
	{ "https://a.example/f", NULL, "https://a.example/f", YES },
	{ "https://a.example/f", NULL, "https://a.example/f/x?y", YES },
	{ "https://a.example/f", NULL, "https://a.example/fx", NO },
	{ "https://a.example/f/", NULL, "https://a.example/f/../g", NO },
	{ "https://a.example/f/", NULL, "https://a.example/%66/x", YES },
	{ "https://a.example/", NULL, "http://a.example/", NO },
	{ "https://a.example/", NULL, "https://a.example:444/", NO },
	{ "https://a.example/", NULL, "https://a.example:443/", YES },
	{ "https://a.example/ b.example", NULL, "http://b.example/", YES },
	{ "*", NULL, "http://b.example/", YES },
	{ NULL, "a.example", "https://a.example/", NO },
	{ NULL, "a.example", "https://b.example/", YES },
	{ "a.example", "https://a.example/x/", "https://a.example/x/y", NO },
	{ "a.example", "https://a.example/x/", "https://a.example/y", YES },
	{ "*", "*", "https://a.example/", NO },
	/* Addresses, however they are written. */
	{ NULL, "127.0.0.1", "http://127.0.0.1/", NO },
	{ NULL, "127.0.0.1", "http://2130706433/", NO },
	{ NULL, "127.0.0.1", "http://0x7f.1/", NO },
	{ NULL, "127.0.0.1", "http://0177.0.0.1/", NO },
	{ NULL, "127.0.0.1", "http://127.0.0.1.:80/", NO },
	{ NULL, "127.0.0.1", "http://[::ffff:127.0.0.1]/", NO },
	{ NULL, "127.0.0.1", "http://[::ffff:7f00:1]/", NO },
	{ NULL, "127.0.0.1", "http://localhost/", NO },
	{ NULL, "127.0.0.1", "http://a.LOCALHOST./", NO },
	{ NULL, "127.0.0.1", "http://notlocalhost/", YES },
	{ NULL, "10.0.0.0/8", "http://10.255.0.1/", NO },
	{ NULL, "10.0.0.0/8", "http://11.0.0.1/", YES },
	{ NULL, "10.128.0.0/9", "http://10.127.255.255/", YES },
	{ NULL, "10.128.0.0/9", "http://10.128.0.0/", NO },
	{ NULL, "fd00::/8", "http://[fd12::1]/", NO },
	{ NULL, "fd00::/8", "http://[fc12::1]/", YES },
	{ NULL, "::/0", "http://[fc12::1]/", NO },
	{ NULL, "0.0.0.0/0", "http://1.2.3.4/", NO },
	{ NULL, "0.0.0.0/0", "http://[2003::1]/", YES },
	{ "10.0.0.0/8", NULL, "http://10.0.0.1/", YES },
	{ "10.0.0.0/8", NULL, "http://11.0.0.1/", NO },
	/* What only the address can say. */
	{ "10.0.0.0/8", NULL, "http://a.example/", DIRECT },
	{ "10.0.0.0/8 a.example", NULL, "http://a.example/", YES },
	{ "10.0.0.0/8", "a.example", "http://a.example/", NO },
	/* Not for a proxy to make an address of. */
	{ NULL, NULL, "http://169.254.43518./", DIRECT },
	{ NULL, NULL, "http://4chan.example/", YES },
	/* Metadata. */
	{ NULL, NULL, "http://169.254.169.254/latest/", NO },
	{ NULL, NULL, "http://[fe80::1]/", NO },
	{ NULL, NULL, "http://[fd00:ec2::254]/", NO },
	{ NULL, NULL, "http://[::ffff:a9fe:a9fe]/", NO },
	{ NULL, NULL, "http://2852039166/", NO },
	{ "*", NULL, "http://169.254.169.254/latest/", NO },
	{ "169.254.169.254", NULL, "http://169.254.169.254/x", YES },
	{ "169.254.0.0/16", NULL, "http://169.254.169.254/x", YES },
	{ "http://169.254.169.254/x/", NULL, "http://169.254.169.254/x/y", YES },
	{ "http://169.254.169.254/x/", NULL, "http://169.254.169.254/y", NO },
	{ "169.254.169.254", "169.254.0.0/16", "http://169.254.169.254/", NO },
};

static void test_urls(void)
{
	for (size_t i = 0; i < COUNT(by_url); i++) {
		struct conf c = settings(by_url[i].allow, by_url[i].deny, true);
		struct url *u = parse(by_url[i].url);

		if (u) {
			is_int(policy_url(&c, u, false), by_url[i].may != NO,
			       "%s, allow %s, deny %s", by_url[i].url,
			       by_url[i].allow, by_url[i].deny);
			is_int(policy_url(&c, u, true), by_url[i].may == YES,
			       "through a proxy");
		}
		url_free(u);
		conf_fini(&c);
	}
}

/* ---- by address ----------------------------------------------------------- */

static const struct {
	const char *allow, *deny;
	const char *address;
	int may;		/* YES, NO; DIRECT: with private targets */
} by_address[] = {
	{ NULL, NULL, "93.184.216.34", YES },
	{ NULL, NULL, "2606:2800:220:1::1", YES },
	{ NULL, NULL, "127.0.0.1", DIRECT }, { NULL, NULL, "::1", DIRECT },
	{ NULL, NULL, "0.0.0.0", DIRECT }, { NULL, NULL, "::", DIRECT },
	{ NULL, NULL, "0.1.2.3", DIRECT },
	{ NULL, NULL, "10.1.2.3", DIRECT },
	{ NULL, NULL, "100.64.0.1", DIRECT },
	{ NULL, NULL, "100.128.0.1", YES }, { NULL, NULL, "100.63.0.1", YES },
	{ NULL, NULL, "172.16.0.1", DIRECT },
	{ NULL, NULL, "172.31.255.255", DIRECT },
	{ NULL, NULL, "172.32.0.1", YES }, { NULL, NULL, "172.15.0.1", YES },
	{ NULL, NULL, "192.168.0.1", DIRECT },
	{ NULL, NULL, "192.169.0.1", YES },
	{ NULL, NULL, "198.19.0.1", DIRECT },
	{ NULL, NULL, "224.0.0.1", DIRECT },
	{ NULL, NULL, "255.255.255.255", DIRECT },
	{ NULL, NULL, "fc00::1", DIRECT }, { NULL, NULL, "fdff::1", DIRECT },
	{ NULL, NULL, "fe00::1", YES }, { NULL, NULL, "ff02::1", DIRECT },
	{ NULL, NULL, "fec0::1", DIRECT },
	/* IPv4 inside of IPv6. */
	{ NULL, NULL, "::ffff:127.0.0.1", DIRECT },
	{ NULL, NULL, "::ffff:8.8.8.8", YES },
	{ NULL, NULL, "::127.0.0.1", DIRECT },
	{ NULL, NULL, "64:ff9b::10.0.0.1", DIRECT },
	{ NULL, NULL, "64:ff9b::8.8.8.8", YES },
	{ NULL, NULL, "64:ff9b:1::10.0.0.1", DIRECT },
	{ NULL, NULL, "2002:7f00:1::", DIRECT },
	{ NULL, NULL, "2002:808:808::", YES },
	{ NULL, NULL, "2001:0:1:2::80ff:fffe", DIRECT },
	{ NULL, NULL, "2001:0:1:2::f7f7:f7f7", YES },
	{ NULL, NULL, "2606::5efe:10.0.0.1", DIRECT },
	{ NULL, NULL, "2606::200:5efe:10.0.0.1", DIRECT },
	{ NULL, NULL, "2606::5efe:8.8.8.8", YES },
	/* Of the link, and of clouds. */
	{ NULL, NULL, "169.254.169.254", NO },
	{ NULL, NULL, "169.254.0.1", NO }, { NULL, NULL, "169.255.0.1", YES },
	{ NULL, NULL, "fe80::1", NO }, { NULL, NULL, "febf::1", NO },
	{ NULL, NULL, "fd00:ec2::254", NO },
	{ NULL, NULL, "fd00:ec2::253", DIRECT },
	{ NULL, NULL, "100.100.100.200", NO },
	{ NULL, NULL, "::ffff:169.254.169.254", NO },
	{ NULL, NULL, "64:ff9b::a9fe:a9fe", NO },
	{ NULL, NULL, "2002:a9fe:a9fe::1", NO },
	/* Named, or not. */
	{ "a.example", NULL, "169.254.169.254", NO },
	{ "a.example", NULL, "10.0.0.1", DIRECT },
	{ "https://a.example/", NULL, "10.0.0.1", DIRECT },
	{ "*", NULL, "10.0.0.1", DIRECT }, { "*", NULL, "169.254.0.1", NO },
	{ "10.0.0.0/8", NULL, "10.0.0.1", YES },
	{ "10.0.0.0/8", NULL, "64:ff9b::10.0.0.1", YES },
	{ "10.0.0.0/8", NULL, "8.8.8.8", NO },
	{ "10.0.0.0/8", NULL, "192.168.0.1", NO },
	{ "10.0.0.0/8 *", NULL, "8.8.8.8", YES },
	{ "10.0.0.0/8 *", NULL, "192.168.0.1", DIRECT },
	{ "10.0.0.0/8 b.example", NULL, "8.8.8.8", NO },
	{ "10.0.0.0/8", "10.0.0.1", "10.0.0.1", NO },
	{ NULL, "8.8.8.0/24", "8.8.8.8", NO },
	{ NULL, "8.8.8.0/24", "::ffff:8.8.8.8", NO },
	{ NULL, "8.8.8.0/24", "8.8.9.8", YES },
};

static bool may_at(const struct conf *c, const struct url *u, const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
	bool may;

	if (!is_v4 && inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
		diag("%s is no address", text);
	may = policy_address(c, u, is_v4 ? (void *)&v4 : (void *)&v6);
	is_int(policy_address_text(c, u, text), may, "%s as text", text);
	return may;
}

static void test_addresses(void)
{
	struct url *u = parse("https://a.example/");
	struct sockaddr other = { .sa_family = AF_UNIX };

	for (size_t i = 0; i < COUNT(by_address); i++) {
		const char *allow = by_address[i].allow;
		const char *deny = by_address[i].deny;
		struct conf c = settings(allow, deny, true);
		int may = by_address[i].may;

		is_int(may_at(&c, u, by_address[i].address), may != NO,
		       "%s, allow %s, deny %s", by_address[i].address, allow,
		       deny);
		conf_fini(&c);
		c = settings(allow, deny, false);
		is_int(may_at(&c, u, by_address[i].address), may == YES,
		       "no private targets");
		ok(!policy_address(&c, u, &other), "no internet address");
		ok(!policy_address_text(&c, u, "x"), "no address at all");
		conf_fini(&c);
	}
	url_free(u);
}

/* A URL that is named by its address is asked there, and no other is. */
static void test_named_url(void)
{
	struct conf c = settings("http://127.0.0.1:8080/x/ *", NULL, false);
	struct url *named = parse("http://127.0.0.1:8080/x/y");
	struct url *other = parse("http://127.0.0.1:8080/y");
	struct url *third = parse("http://a.example/");

	ok(policy_url(&c, named, false) && may_at(&c, named, "127.0.0.1"),
	   "the URL in allow");
	ok(!policy_url(&c, other, false), "another path");
	ok(policy_url(&c, third, false) && !may_at(&c, third, "127.0.0.1"),
	   "a name that leads there");
	url_free(named);
	url_free(other);
	url_free(third);
	conf_fini(&c);
}

/* ---- proxies -------------------------------------------------------------- */

static const char *environment[12];

static char *get(const char *name)
{
	for (size_t i = 0; environment[i]; i += 2)
		if (!strcmp(environment[i], name))
			return (char *)environment[i + 1];
	return NULL;
}

static const struct {
	const char *own, *url, *proxy;
	const char *environment[7];
} proxies[] = {
	{ NULL, "http://a.example/", NULL, { NULL } },
	{ "http://p", "http://a.example/", "http://p", { NULL } },
	{ "http://p", "http://a.example/", "http://p",
	  { "no_proxy", "*", "http_proxy", "http://q" } },
	{ NULL, "http://a.example/", "http://q", { "http_proxy", "http://q" } },
	{ NULL, "https://a.example/", NULL, { "http_proxy", "http://q" } },
	{ NULL, "http://a.example/", NULL, { "HTTP_PROXY", "http://q" } },
	{ NULL, "https://a.example/", "http://q",
	  { "HTTPS_PROXY", "http://q" } },
	{ NULL, "https://a.example/", "http://r",
	  { "HTTPS_PROXY", "http://q", "https_proxy", "http://r" } },
	{ NULL, "https://a.example/", "http://q",
	  { "HTTPS_PROXY", "http://q", "https_proxy", "" } },
	{ NULL, "https://a.example/", "http://q", { "all_proxy", "http://q" } },
	{ NULL, "http://a.example/", "http://q", { "ALL_PROXY", "http://q" } },
	{ NULL, "http://a.example/", "http://r",
	  { "ALL_PROXY", "http://q", "http_proxy", "http://r" } },
#define SPARED(list, host, proxy) { NULL, "http://" host "/", proxy, \
		{ "http_proxy", "http://q", "no_proxy", list } }
	SPARED("*", "a.example", NULL),
	SPARED("a.example", "a.example", NULL),
	SPARED("a.example", "A.Example.:8080", NULL),
	SPARED("b.example, a.example", "a.example", NULL),
	SPARED("b.example a.example", "x.a.example", NULL),
	SPARED(".a.example", "x.a.example", NULL),
	SPARED(".a.example", "a.example", NULL),
	SPARED("a.example.", "a.example", NULL),
	SPARED("a.example", "xa.example", "http://q"),
	SPARED("a.example", "a.example.net", "http://q"),
	SPARED("x.a.example", "a.example", "http://q"),
	SPARED("10.0.0.0/8", "10.1.2.3", NULL),
	SPARED("10.0.0.0/8", "11.1.2.3", "http://q"),
	SPARED("::1", "[::1]:80", NULL),
	SPARED("127.0.0.1", "127.0.0.1", NULL),
	SPARED(",, ,", "a.example", "http://q"),
	SPARED("", "a.example", "http://q"),
	{ NULL, "http://a.example/", NULL,
	  { "http_proxy", "http://q", "NO_PROXY", "a.example" } },
};

static void test_proxies(void)
{
	for (size_t i = 0; i < COUNT(proxies); i++) {
		const struct conf_origin o = { .proxy = (char *)proxies[i].own };
		struct url *u = parse(proxies[i].url);

		memcpy(environment, proxies[i].environment,
		       sizeof(proxies[i].environment));
		if (u)
			is_str(proxy_of(&o, u, get), proxies[i].proxy,
			       "proxy of %s, %zu", proxies[i].url, i);
		url_free(u);
	}
}

int main(void)
{
	test_urls();
	test_addresses();
	test_named_url();
	test_proxies();
	return done_testing();
}
