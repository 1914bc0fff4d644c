#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "cache/url.h"
#include "target.h"

int target_parse(const char *text, struct target *out)
{
	static const char scheme[] = "http://";
	struct target t = { 0 };

	if (text[0] == '/') {
		t.name = text + 1;
	} else if (strncasecmp(text, scheme, sizeof(scheme) - 1) == 0) {
		t.authority = text + sizeof(scheme) - 1;
		t.authority_len = strcspn(t.authority, "/?#");
		if (t.authority_len == 0)
			return -EINVAL;
		t.name = t.authority + t.authority_len;
		if (*t.name == '/')
			t.name++;
	} else {
		return -EINVAL;
	}
	*out = t;
	return 0;
}

/* RFC 3986, 3.2.3: digits, perhaps none. */
static bool is_port(const char *s, size_t len)
{
	if (len > 5)
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

int target_host(const char *field, size_t len, char *buf)
{
	const char *host = field, *end = field + len, *after;
	size_t n;

	if (len > 0 && field[0] == '[') {
		host++;
		after = memchr(host, ']', (size_t)(end - host));
		if (!after)
			return -EINVAL;
		n = (size_t)(after - host);
		after++;
	} else {
		after = memchr(host, ':', len);
		if (!after)
			after = end;
		n = (size_t)(after - host);
	}
	if (n == 0 || n >= TARGET_HOST_MAX || memchr(host, '\0', n) ||
	    memchr(host, '@', n))
		return -EINVAL;
	if (after < end &&
	    (*after != ':' || !is_port(after + 1, (size_t)(end - after - 1))))
		return -EINVAL;
	memcpy(buf, host, n);
	buf[n] = '\0';
	return 0;
}

/* As an IPv6 address, IPv4 mapped into it. */
static bool numeric(const char *host, struct in6_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, host, out) == 1)
		return true;
	if (inet_pton(AF_INET, host, &v4) != 1)
		return false;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = 0xff;
	out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &v4, sizeof(v4));
	return true;
}

bool target_is_loopback(const char *host)
{
	struct in6_addr a;

	if (strcasecmp(host, "localhost") == 0 ||
	    strcasecmp(host, "localhost.") == 0)
		return true;
	if (!numeric(host, &a))
		return false;
	return IN6_IS_ADDR_LOOPBACK(&a) ||
	       (IN6_IS_ADDR_V4MAPPED(&a) && a.s6_addr[12] == 127);
}

bool target_same_address(const char *a, const char *b)
{
	struct in6_addr x, y;

	return numeric(a, &x) && numeric(b, &y) &&
	       memcmp(&x, &y, sizeof(x)) == 0;
}

bool target_is_name(const char *raw, size_t len, const char *name)
{
	size_t i = 0;

	for (; *name; name++) {
		int byte;

		if (i == len)
			return false;
		byte = len - i > 2 ? url_escape(raw + i) : -1;
		i += byte < 0 ? 1 : 3;
		if (byte < 0)
			byte = (unsigned char)raw[i - 1];
		if (byte != (unsigned char)*name)
			return false;
	}
	return i == len;
}
