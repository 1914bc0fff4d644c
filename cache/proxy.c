#include "config.h"

#include "proxy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy.h"
#include "url.h"

/* The first of two variables that says something. */
static const char *either(char *(*get)(const char *name), const char *a,
			  const char *b)
{
	const char *value = get(a);

	if ((!value || !*value) && b)
		value = get(b);
	return value && *value ? value : NULL;
}

/* One of no_proxy: a host, which stands for all below it too, with or without a
 * dot before it; an address or a network. */
static bool is_spared(const char *word, size_t len, const char *host)
{
	char name[URL_HOST_MAX + 1];
	size_t end = strlen(host);

	if (len && word[0] == '.') {
		word++;
		len--;
	}
	if (len && word[len - 1] == '.')
		len--;
	if (!len || len >= sizeof(name))
		return false;
	memcpy(name, word, len);
	name[len] = '\0';
	if (policy_in_network(name, host))
		return true;
	return end >= len && !strcasecmp(host + end - len, name) &&
	       (end == len || host[end - len - 1] == '.');
}

static bool is_direct(const char *list, const struct url *u)
{
	char host[URL_HOST_MAX + 1];
	size_t len;

	if (!list)
		return false;
	if (!strcmp(list, "*"))
		return true;
	policy_host(u, host, sizeof(host));
	for (; *list; list += len) {
		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (is_spared(list, len, host))
			return true;
	}
	return false;
}

const char *proxy_of(const struct conf_origin *o, const struct url *u,
		     char *(*get)(const char *name))
{
	const char *proxy;

	if (o->proxy)
		return o->proxy;
	if (is_direct(either(get, "no_proxy", "NO_PROXY"), u))
		return NULL;
	proxy = u->https ? either(get, "https_proxy", "HTTPS_PROXY") :
			   either(get, "http_proxy", NULL);
	return proxy ? proxy : either(get, "all_proxy", "ALL_PROXY");
}
