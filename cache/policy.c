#include "config.h"

#include "policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "conf.h"
#include "url.h"

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

/* An address of either family in 16 bytes, IPv4 as ::ffff:0:0/96. */
struct address {
	unsigned char b[16];
};

/* ---- patterns ------------------------------------------------------------- */

/* An address as settings have it, brackets or not. 4, 6, or 0: it is none. */
static int parse_address(const char *text, size_t len, unsigned char bytes[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof(copy))
		return 0;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, copy, bytes) == 1 ? 6 : 0;
}

static int pattern_of_network(const char *text, size_t len, char **pattern)
{
	unsigned char bytes[16];
	char address[INET6_ADDRSTRLEN];
	int family = parse_address(text, len, bytes), bits = 0, end = 0;

	if (!family || strspn(text + len + 1, "0123456789") < 1 ||
	    sscanf(text + len + 1, "%3d%n", &bits, &end) != 1 ||
	    text[len + 1 + end] || bits > (family == 4 ? 32 : 128))
		return -EINVAL;
	inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, address,
		  sizeof(address));
	return asprintf(pattern, "%s/%d", address, bits) < 0 ? -ENOMEM : 0;
}

static int pattern_of_url(const char *text, char **pattern)
{
	struct url *u;
	int err = url_parse(text, &u);

	if (err)
		return err == -ENOMEM ? err : -EINVAL;
	if (strchr(u->key, '?')) {
		err = -EINVAL;
	} else {
		*pattern = u->key;
		u->key = NULL;
	}
	url_free(u);
	return err;
}

/* A host is what the URL parser makes of it: other letters than ASCII, and
 * addresses written as 0x7f.1 or 2130706433. */
static int pattern_of_host(const char *text, char **pattern)
{
	bool wild = !strncmp(text, "*.", 2);
	bool v6 = strchr(text, ':') && text[0] != '[';
	unsigned char bytes[16];
	char *as_url, address[INET6_ADDRSTRLEN];
	struct url *u;
	size_t len, dot;
	int err, family;

	if (strpbrk(text, "/?#@") ||
	    (text[0] == '[' && text[strlen(text) - 1] != ']'))
		return -EINVAL;
	text += wild ? 2 : 0;
	len = strlen(text);
	dot = len && text[len - 1] == '.';
	if (asprintf(&as_url, v6 ? "http://[%.*s]/" : "http://%.*s/",
		     (int)(len - dot), text) < 0)
		return -ENOMEM;
	err = url_parse(as_url, &u);
	free(as_url);
	if (err)
		return err == -ENOMEM ? err : -EINVAL;
	len = strlen(u->host);
	family = parse_address(u->host, len, bytes);
	if (family ? wild : strpbrk(u->host, ":*[]") ||
			    u->host[0] == '.' || u->host[len - 1] == '.' ||
			    strstr(u->host, ".."))
		err = -EINVAL;
	else if (family)
		inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, address,
			  sizeof(address));
	if (!err && asprintf(pattern, "%s%s", wild ? "*." : "",
			     family ? address : u->host) < 0)
		err = -ENOMEM;
	url_free(u);
	return err;
}

int policy_pattern(const char *text, char **pattern)
{
	const char *slash = strchr(text, '/');

	if (!strcmp(text, "*")) {
		*pattern = strdup(text);
		return *pattern ? 0 : -ENOMEM;
	}
	if (strstr(text, "://"))
		return pattern_of_url(text, pattern);
	return slash ? pattern_of_network(text, slash - text, pattern) :
		       pattern_of_host(text, pattern);
}

/* ---- addresses ------------------------------------------------------------ */

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct address of_v4(const unsigned char v4[4])
{
	struct address a;

	memcpy(a.b, mapped, 12);
	memcpy(a.b + 12, v4, 4);
	return a;
}

/* text, brackets or not. 4, 6, or 0: it is no address. */
static int read_address(const char *text, size_t len, struct address *out)
{
	unsigned char bytes[16];
	int family = parse_address(text, len, bytes);

	if (family == 4)
		*out = of_v4(bytes);
	else if (family == 6)
		memcpy(out->b, bytes, 16);
	return family;
}

static bool begins_with(const struct address *a, const struct address *with,
			unsigned bits)
{
	unsigned char rest = 0xff << (8 - bits % 8);

	return !memcmp(a->b, with->b, bits / 8) &&
	       (bits % 8 == 0 || !((a->b[bits / 8] ^ with->b[bits / 8]) & rest));
}

/* network: ADDRESS or ADDRESS/BITS. */
static bool in_network(const char *network, const struct address *a)
{
	const char *slash = strchr(network, '/');
	size_t len = slash ? (size_t)(slash - network) : strlen(network);
	struct address with;
	int family = read_address(network, len, &with);
	unsigned bits = slash ? strtoul(slash + 1, NULL, 10) :
				family == 4 ? 32 : 128;

	if (family == 4)
		bits += 96;
	return family && bits <= 128 && begins_with(a, &with, bits);
}

bool policy_in_network(const char *network, const char *addr)
{
	struct address a;

	return read_address(addr, strlen(addr), &a) && in_network(network, &a);
}

/* The IPv4 address that an IPv6 one leads to. */
static bool embedded(const struct address *a, struct address *out)
{
	static const struct {
		const char *network;
		int at;			/* of the four bytes */
		unsigned char mask;	/* Teredo hides them from itself */
	} kinds[] = {
		{ "::/96", 12, 0 },		/* RFC 4291, 2.5.5.1 */
		{ "64:ff9b::/96", 12, 0 },	/* NAT64: RFC 6052 */
		{ "64:ff9b:1::/48", 12, 0 },	/* RFC 8215 */
		{ "2002::/16", 2, 0 },		/* 6to4: RFC 3056 */
		{ "2001::/32", 12, 0xff },	/* Teredo: RFC 4380 */
	};
	static const unsigned char isatap[] = { 0, 0x5e, 0xfe };
	unsigned char v4[4], mask = 0;
	int at = -1;

	for (size_t i = 0; i < COUNT(kinds) && at < 0; i++) {
		if (in_network(kinds[i].network, a)) {
			at = kinds[i].at;
			mask = kinds[i].mask;
		}
	}
	/* RFC 5214, 6.1: the third byte may say that it is a global one. */
	if (at < 0 && !(a->b[8] & ~2) && !memcmp(a->b + 9, isatap, 3))
		at = 12;
	if (at < 0)
		return false;
	for (int i = 0; i < 4; i++)
		v4[i] = a->b[at + i] ^ mask;
	*out = of_v4(v4);
	return true;
}

/* Of the link, or a cloud's for what it knows of its machines: credentials. */
static const char *const never[] = {
	"169.254.0.0/16", "fe80::/10", "fd00:ec2::254", "fd20:ce::254",
	"100.100.100.200", "168.63.129.16", "192.0.0.192",
};

static const char *const private[] = {
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	"172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"224.0.0.0/4", "240.0.0.0/4",
	"::/127", "fc00::/7", "fec0::/10", "ff00::/8",
};

/* What an address is judged by: itself, and what is in it. */
struct judged {
	struct address a[2];
	size_t n;
};

static struct judged judge(const struct address *a)
{
	struct judged j = { .a = { *a }, .n = 1 };

	if (embedded(a, &j.a[1]))
		j.n = 2;
	return j;
}

static bool is_in(const struct judged *j, const char *network)
{
	for (size_t i = 0; i < j->n; i++)
		if (in_network(network, &j->a[i]))
			return true;
	return false;
}

static bool is_in_any(const struct judged *j, const char *const *networks,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_in(j, networks[i]))
			return true;
	return false;
}

/* ---- URLs ----------------------------------------------------------------- */

void policy_host(const struct url *u, char *buf, size_t size)
{
	const char *host = u->host;
	size_t len;

	if (host[0] == '[')
		len = strcspn(++host, "]");
	else
		len = strcspn(host, ":");
	if (len && host[len - 1] == '.')
		len--;
	snprintf(buf, size, "%.*s", (int)len, host);
}

/* The address that the host of u is, without asking anybody. */
static bool literal(const struct url *u, struct address *out)
{
	static const unsigned char loopback[4] = { 127, 0, 0, 1 };
	static const char local[] = ".localhost";	/* RFC 6761, 6.3 */
	char host[URL_HOST_MAX + 1];
	size_t len;

	policy_host(u, host, sizeof(host));
	len = strlen(host);
	if (read_address(host, len, out))
		return true;
	if (strcasecmp(host, local + 1) &&
	    (len < sizeof(local) ||
	     strcasecmp(host + len - (sizeof(local) - 1), local)))
		return false;
	*out = of_v4(loopback);
	return true;
}

/* What some take for an address, though it is written as none: no name ends
 * so. */
static bool is_odd_number(const struct url *u)
{
	char host[URL_HOST_MAX + 1];
	const char *last;

	policy_host(u, host, sizeof(host));
	last = strrchr(host, '.');
	last = last ? last + 1 : host;
	return *last >= '0' && *last <= '9';
}

static bool is_url(const char *pattern)
{
	return strstr(pattern, "://");
}

static bool is_network(const char *pattern)
{
	unsigned char bytes[16];

	return !is_url(pattern) &&
	       parse_address(pattern, strcspn(pattern, "/"), bytes);
}

/* What is no network and fits by its text. */
static bool fits(const char *pattern, const struct url *u)
{
	char host[URL_HOST_MAX + 1];
	size_t len, end;

	if (is_url(pattern))
		return url_key_is_below(u->key, pattern);
	policy_host(u, host, sizeof(host));
	if (strncmp(pattern, "*.", 2) != 0)
		return !strcmp(pattern, "*") || !strcasecmp(pattern, host);
	len = strlen(host);
	end = strlen(pattern + 1);
	return len > end && !strcasecmp(host + len - end, pattern + 1);
}

static bool any_fits(const struct conf_list *list, const struct url *u)
{
	for (size_t i = 0; i < list->n; i++)
		if (!is_network(list->v[i]) && fits(list->v[i], u))
			return true;
	return false;
}

static bool any_has(const struct conf_list *list, const struct judged *j)
{
	for (size_t i = 0; i < list->n; i++)
		if (is_network(list->v[i]) && is_in(j, list->v[i]))
			return true;
	return false;
}

static bool has_network(const struct conf_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (is_network(list->v[i]))
			return true;
	return false;
}

/* An allow names the address of this URL. */
static bool is_named(const struct conf *c, const struct url *u,
		     const struct judged *j)
{
	struct address own;

	if (any_has(&c->allow, j))
		return true;
	if (!literal(u, &own))
		return false;
	for (size_t i = 0; i < c->allow.n; i++)
		if (is_url(c->allow.v[i]) && fits(c->allow.v[i], u))
			return true;
	return false;
}

/* ---- both ----------------------------------------------------------------- */

static bool may_be_at(const struct conf *c, const struct url *u,
		      const struct address *a)
{
	struct judged j = judge(a);

	if (any_has(&c->deny, &j))
		return false;
	if (is_named(c, u, &j))
		return true;
	if (is_in_any(&j, never, COUNT(never)) ||
	    (!c->private_targets && is_in_any(&j, private, COUNT(private))))
		return false;
	return !c->allow.n || any_fits(&c->allow, u);
}

bool policy_url(const struct conf *c, const struct url *u,
		bool resolved_elsewhere)
{
	struct address a;

	if (any_fits(&c->deny, u))
		return false;
	if (literal(u, &a))
		return may_be_at(c, u, &a);
	if (resolved_elsewhere && is_odd_number(u))
		return false;
	return !c->allow.n || any_fits(&c->allow, u) ||
	       (has_network(&c->allow) && !resolved_elsewhere);
}

bool policy_address(const struct conf *c, const struct url *u,
		    const struct sockaddr *addr)
{
	const struct sockaddr_in *v4 = (const void *)addr;
	const struct sockaddr_in6 *v6 = (const void *)addr;
	struct address a;

	if (addr->sa_family == AF_INET)
		a = of_v4((const unsigned char *)&v4->sin_addr);
	else if (addr->sa_family == AF_INET6)
		memcpy(a.b, &v6->sin6_addr, 16);
	else
		return false;
	return may_be_at(c, u, &a);
}

bool policy_address_text(const struct conf *c, const struct url *u,
			 const char *addr)
{
	struct address a;

	return read_address(addr, strcspn(addr, "%"), &a) &&
	       may_be_at(c, u, &a);
}
