#include "config.h"

#include "rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

static bool is_ignored(const struct conf_list *ignore, const char *parameter,
		       size_t len)
{
	size_t name = 0;

	while (name < len && parameter[name] != '=')
		name++;
	for (size_t i = 0; i < ignore->n; i++)
		if (!strcmp(ignore->v[i], "*") ||
		    (strlen(ignore->v[i]) == name &&
		     !memcmp(ignore->v[i], parameter, name)))
			return true;
	return false;
}

int rules_strip(const struct conf_list *ignore, const char *url, char **out)
{
	const char *in = strchr(url, '?'), *query;
	char *text, *to, mark = '?';
	size_t len;
	bool taken = false;

	*out = NULL;
	if (!ignore->n || !in)
		return 0;
	text = malloc(strlen(url) + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, url, in - url);
	to = text + (in - url);
	for (query = in + 1;; query += len + 1) {
		len = strcspn(query, "&");
		if (is_ignored(ignore, query, len)) {
			taken = true;
		} else {
			*to++ = mark;
			mark = '&';
			memcpy(to, query, len);
			to += len;
		}
		if (!query[len])
			break;
	}
	*to = '\0';
	if (taken)
		*out = text;
	else
		free(text);
	return 0;
}

bool rules_path_fits(const struct conf_list *patterns, const char *key)
{
	const char *path = strstr(key, "://"), *last;
	char copy[URL_MAX + 1];
	size_t len;

	path = path ? strchr(path + 3, '/') : NULL;
	len = path ? strcspn(path, "?") : 0;
	if (!patterns->n || !path || len >= sizeof(copy))
		return false;
	memcpy(copy, path, len);
	copy[len] = '\0';
	last = strrchr(copy, '/') + 1;
	for (size_t i = 0; i < patterns->n; i++)
		if (!fnmatch(patterns->v[i], strchr(patterns->v[i], '/') ?
			     copy : last, FNM_NOESCAPE))
			return true;
	return false;
}
