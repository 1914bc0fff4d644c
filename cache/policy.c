#include "config.h"

#include "policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

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
	size_t len;
	int err, family;

	if (strpbrk(text, "/?#@") ||
	    (text[0] == '[' && text[strlen(text) - 1] != ']'))
		return -EINVAL;
	if (asprintf(&as_url, v6 ? "http://[%s]/" : "http://%s/",
		     text + (wild ? 2 : 0)) < 0)
		return -ENOMEM;
	err = url_parse(as_url, &u);
	free(as_url);
	if (err)
		return err == -ENOMEM ? err : -EINVAL;
	len = strlen(u->host);
	if (len > 1 && u->host[len - 1] == '.')
		u->host[--len] = '\0';
	family = parse_address(u->host, len, bytes);
	if (family ? wild : strpbrk(u->host, ":*[]") != NULL)
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
