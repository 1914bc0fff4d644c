#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/url.h"
#include "where.h"

char *where_address(const char *at, const char *token, const struct url *u)
{
	const char *rest = strstr(u->sent, "://") + 3;
	size_t len = strlen(at), n = strlen(rest);
	char *out;

	if (len > 0 && at[len - 1] == '/')
		len--;
	/* ".." at the end is a mark of names; doubled it means itself. */
	if (asprintf(&out, "%.*s%s%s/%s/%s%s", (int)len, at,
		     token ? "/" : "", token ? token : "",
		     u->https ? "https" : "http", rest,
		     n > 2 && strcmp(rest + n - 2, "..") == 0 ? ".." : "") < 0)
		return NULL;
	return out;
}

/* How much of name is the base's folder. 0; -EXDEV: it is not below that. */
static int below(const char *name, const char *base, size_t *len)
{
	char *folder = NULL, *text = NULL;
	struct url *u = NULL;
	int rc;

	/* "x" names its folder's file: that folder is what counts. */
	if (asprintf(&text, "%s%sx", base,
		     base[0] && base[strlen(base) - 1] == '/' ? "" : "/") < 0)
		return -ENOMEM;
	rc = url_parse(text, &u);
	if (rc == 0)
		rc = url_name(u, &folder);
	if (rc == 0) {
		*len = strlen(folder) - 1;
		if (strncmp(name, folder, *len) != 0)
			rc = -EXDEV;
	}
	free(folder);
	free(text);
	url_free(u);
	return rc;
}

int where_path(const char *mount, const char *base, const struct url *u,
	       bool mark, char **path)
{
	size_t skip = 0;
	char *name;
	int rc = url_name(u, &name);

	if (rc < 0)
		return rc;
	if (base)
		rc = below(name, base, &skip);
	mark = mark && !strchr(name, '?') && !url_name_is_file(name);
	if (rc == 0 && asprintf(path, "%s/%s%s",
				strcmp(mount, "/") == 0 ? "" : mount,
				name + skip, mark ? ".." : "") < 0)
		rc = -ENOMEM;
	free(name);
	return rc;
}

char *where_named(const char *mount, const char *name)
{
	char *out;

	if (asprintf(&out, "%s/%s", strcmp(mount, "/") == 0 ? "" : mount,
		     name) < 0)
		return NULL;
	return out;
}
