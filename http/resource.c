#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/command.h"
#include "cache/url.h"
#include "resource.h"
#include "target.h"

static bool is_url_name(const char *name)
{
	size_t n = strncmp(name, "https", 5) == 0 ? 5 : 4;

	return strncmp(name, "http", 4) == 0 &&
	       (name[n] == '/' || (name[n] == ':' && name[n + 1] == '/'));
}

/* A name in the root, of those that were given to URLs. */
struct wanted {
	const char *name;
	size_t len;
	char *url;
};

static int compare(void *ctx, const char *name, const char *url)
{
	struct wanted *w = ctx;

	if (!target_is_name(w->name, w->len, name))
		return 0;
	w->url = strdup(url);
	return w->url ? 1 : -ENOMEM;
}

static int url_of_given(struct cache *c, const char *name, char **url)
{
	struct wanted w = { name, strcspn(name, "?"), NULL };
	int rc = cache_names(c, compare, &w);

	*url = w.url;
	return rc < 0 ? rc : w.url ? 0 : -ENOENT;
}

static int url_of_name(struct cache *c, const char *name, char **url)
{
	struct url *u;
	int rc;

	if (!is_url_name(name))
		return url_of_given(c, name, url);
	rc = url_from_name(name, &u);
	if (rc == -ENOENT)
		return cache_url_of_name(c, name, url);
	if (rc < 0)
		return rc;
	*url = strdup(u->sent);
	url_free(u);
	return *url ? 0 : -ENOMEM;
}

/* The last component and its extension serve for the media type. */
static int take_names(struct resource *r)
{
	struct url *u;
	int rc = url_parse(r->url, &u);

	if (rc < 0)
		return rc;
	rc = url_name(u, &r->name);
	if (rc == -ENAMETOOLONG)
		rc = 0;
	r->key = rc == 0 ? strdup(u->key) : NULL;
	url_free(u);
	return rc == 0 && !r->key ? -ENOMEM : rc;
}

static int find(struct resource *r, struct cache *c, const char *text,
		const char *name)
{
	int rc = url_of_name(c, name, &r->url);

	if (rc == 0)
		rc = cache_open(c, r->url, &r->file);
	if (rc == 0)
		rc = take_names(r);
	if (rc < 0)
		return rc;
	r->text = strdup(text);
	return r->text ? 0 : -ENOMEM;
}

/* What was given to a URL may have been given to another. */
static bool is_remembered(const struct resource *r, const struct conf *conf,
			  const char *text, const char *name)
{
	return r->conf == conf && r->text && is_url_name(name) &&
	       strcmp(r->text, text) == 0;
}

int resource_open(struct resource *r, struct cache *c, const struct conf *conf,
		  const char *text, const char *name, struct cache_file **out)
{
	int rc = 0;

	if (!is_remembered(r, conf, text, name)) {
		resource_fini(r);
		r->conf = conf;
		rc = find(r, c, text, name);
	}
	if (rc == 0)
		rc = cache_open_again(r->file, out);
	if (rc < 0)
		resource_fini(r);
	return rc;
}

void resource_fini(struct resource *r)
{
	cache_close(r->file);
	cache_info_fini(&r->info);
	free(r->text);
	free(r->url);
	free(r->key);
	free(r->name);
	*r = (struct resource){ 0 };
}
