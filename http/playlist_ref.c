#include "config.h"

#include "playlist_ref.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a client resolves against, where its own name for us does not matter or
 * is none. */
#define SEEN_ROOT "http://endpoint.invalid/"

/* What may be copied as it stands: url.c would leave it alone. */
#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	     "0123456789-._~!$&'()*+,;=@/?%"

struct playlist_turner {
	struct playlist_base top;
	struct url *endpoint;	/* "http://HOST/" */
	char *root;		/* "/", "/TOKEN/", "http://HOST/TOKEN/" */
	char *prefix;		/* the path of it */
	unsigned odd;		/* references that were no plain ones */
	/* the last authority that was taken apart, as it stood, whether its base
	 * was https, and what it becomes: "https/host:port" */
	char *authority, *name;
	bool https;
};

/* ---- plain references -------------------------------------------------------- */

/* Escapes that are ones, and none of a dot. */
static bool plain_escapes(const char *s)
{
	for (s = strchr(s, '%'); s; s = strchr(s + 1, '%')) {
		int byte = url_escape(s);

		if (byte < 0 || byte == '.')
			return false;
	}
	return true;
}

/* How much of s may be copied; or also, to be left as it is, what everybody
 * encodes alike. */
static size_t span(const char *s, bool encoded)
{
	size_t n = strspn(s, SAFE);

	while (encoded && (s[n] == ' ' || s[n] & 0x80)) {
		n++;
		n += strspn(s + n, SAFE);
	}
	return n;
}

static bool is_plain(const char *s, bool encoded)
{
	size_t len = span(s, encoded), path = strcspn(s, "?");

	if (s[len] || s[0] == '.' || (len && s[len - 1] == '.') ||
	    !plain_escapes(s))
		return false;
	for (size_t i = 0; i + 1 < path; i++)
		if (s[i] == '/' && (s[i + 1] == '/' || s[i + 1] == '.'))
			return false;
	return true;
}

bool playlist_is_plain(const char *s)
{
	return is_plain(s, false);
}

/* Folders that the path of u is in. */
static size_t depth_of(const struct url *u)
{
	const char *path = u->sent + strlen(u->origin);
	size_t len = strcspn(path, "?"), depth = 0;

	for (size_t i = 0; i < len; i++)
		depth += path[i] == '/';
	return depth;
}

/* A plain relative one, perhaps some folders above, but not above the root. */
static bool stays_below(const struct playlist_base *base, const char *ref)
{
	size_t up = 0;

	for (; ref[0] == '.'; ref += strcspn(ref, "/") + 1) {
		if (strncmp(ref, "../", 3) == 0)
			up++;
		else if (strncmp(ref, "./", 2) != 0)
			return false;
	}
	return ref[0] && !strchr("/?#", ref[0]) && is_plain(ref, true) &&
	       (!up || up <= depth_of(base->url));
}

/* ---- bases ---------------------------------------------------------------------- */

void playlist_base_fini(struct playlist_base *base)
{
	url_free(base->url);
	url_free(base->seen);
	*base = (struct playlist_base){ 0 };
}

int playlist_resolve(const struct url *base, const char *ref, struct url **out)
{
	int rc = base ? url_resolve(base, ref, out) : url_parse(ref, out);

	return rc == -EPERM ? url_parse(ref, out) : rc;
}

/* The resource that the endpoint sees asked for, when a client resolves ref.
 * *out NULL: none. */
static int resolve_seen(const struct playlist_turner *t,
			const struct playlist_base *base, const char *ref,
			struct url **out)
{
	size_t len = strlen(t->prefix);
	struct url *u = NULL;
	const char *path;
	int rc = url_resolve(base->seen, ref, &u);

	*out = NULL;
	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	path = u->sent + strlen(u->origin) - 1;
	if (strcmp(u->origin, t->endpoint->origin) == 0 &&
	    strncmp(path, t->prefix, len) == 0) {
		rc = url_from_name(path + len, out);
		if (rc < 0)
			*out = NULL;
	}
	url_free(u);
	return rc == -ENOMEM ? rc : 0;
}

/* 1: ref leads back to u; 0: it does not; -ENOMEM. */
static int leads_back(const struct playlist_turner *t,
		      const struct playlist_base *base, const char *ref,
		      const struct url *u)
{
	struct url *seen;
	int rc = resolve_seen(t, base, ref, &seen);

	if (rc == 0 && seen)
		rc = strcmp(seen->key, u->key) == 0;
	url_free(seen);
	return rc;
}

/* base->near, from the rest of it. */
static int look_around(const struct playlist_turner *t,
		       struct playlist_base *base)
{
	struct url *u;
	int rc;

	if (!base->url || !base->seen)
		return 0;
	rc = playlist_resolve(base->url, "x", &u);
	if (rc == 0) {
		rc = leads_back(t, base, "x", u);
		base->near = rc > 0;
		url_free(u);
	}
	return rc == -ENOMEM ? rc : 0;
}

int playlist_base_below(struct playlist_turner *t,
			const struct playlist_base *base, const char *ref,
			const char *shown, struct playlist_base *out)
{
	struct playlist_base below = { 0 };
	int rc = playlist_resolve(base->url, ref, &below.url);

	if (rc < 0)
		below.url = NULL;
	if (rc != -ENOMEM && base->seen) {
		rc = url_resolve(base->seen, shown, &below.seen);
		if (rc < 0)
			below.seen = NULL;
	}
	if (rc != -ENOMEM)
		rc = look_around(t, &below);
	if (rc < 0) {
		playlist_base_fini(&below);
		return rc;
	}
	*out = below;
	return 0;
}

/* ---- the turner ----------------------------------------------------------------- */

static int set_endpoint(struct playlist_turner *t, const char *host)
{
	char *text;
	int rc;

	if (asprintf(&text, "http://%s/", host) < 0)
		return -ENOMEM;
	rc = url_parse(text, &t->endpoint);
	free(text);
	if (rc < 0 && rc != -ENOMEM)
		rc = url_parse(SEEN_ROOT, &t->endpoint);
	return rc;
}

static int set_top(struct playlist_turner *t, const struct playlist_place *place)
{
	char *seen = NULL;
	int rc = url_parse(place->url, &t->top.url);

	if (rc < 0)
		return rc == -ENOMEM ? rc : -EINVAL;
	if (place->path[0] != '/')
		return -EINVAL;
	rc = set_endpoint(t, place->host);
	if (rc == 0 && asprintf(&seen, "%s%s", t->endpoint->origin,
				place->path + 1) < 0)
		rc = -ENOMEM;
	if (rc < 0)
		return rc;
	/* A path that is none of a URL: nothing leads back then. */
	rc = url_parse(seen, &t->top.seen);
	free(seen);
	if (rc < 0)
		t->top.seen = NULL;
	return rc == -ENOMEM ? rc : look_around(t, &t->top);
}

int playlist_turner_new(const struct playlist_place *place, bool absolute,
			struct playlist_turner **out)
{
	struct playlist_turner *t = calloc(1, sizeof(*t));
	int rc = -ENOMEM;

	if (!t)
		return -ENOMEM;
	t->prefix = strdup(place->prefix);
	if (asprintf(&t->root, "%s%s%s", absolute ? "http://" : "",
		     absolute ? place->host : "", place->prefix) < 0)
		t->root = NULL;
	if (t->prefix && t->root)
		rc = set_top(t, place);
	if (rc < 0) {
		playlist_turner_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

void playlist_turner_free(struct playlist_turner *t)
{
	if (!t)
		return;
	playlist_base_fini(&t->top);
	url_free(t->endpoint);
	free(t->root);
	free(t->prefix);
	free(t->authority);
	free(t->name);
	free(t);
}

const struct playlist_base *playlist_turner_top(const struct playlist_turner *t)
{
	return &t->top;
}

/* ---- turning --------------------------------------------------------------------- */

/* The name of u as a path: as it is sent, but that the endpoint takes ".." at
 * the end of a name for a mark of its own, which can be doubled (url.h). malloc'd
 * or NULL. */
static char *path_of(const struct url *u)
{
	const char *path = u->sent + strlen(u->origin) - 1;
	size_t len = strlen(path);
	bool marked = len > 2 && strcmp(path + len - 2, "..") == 0;
	char *text;

	if (asprintf(&text, "%s/%s%s%s", u->https ? "https" : "http", u->host,
		     path, marked ? ".." : "") < 0)
		return NULL;
	return text;
}

/* Whether the endpoint takes a path for u. */
static bool means(const char *path, const struct url *u)
{
	struct url *back;
	bool same;

	if (url_from_name(path, &back) < 0)
		return false;
	same = strcmp(back->key, u->key) == 0;
	url_free(back);
	return same;
}

static int turn_odd(struct playlist_turner *t, const struct playlist_base *base,
		    const char *ref, char **out)
{
	const char *fragment = strchr(ref, '#');
	struct url *u;
	char *path;
	int rc;

	if (t->odd++ == PLAYLIST_ODD_MAX)
		return -EFBIG;
	rc = playlist_resolve(base->url, ref, &u);
	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	rc = base->seen ? leads_back(t, base, ref, u) : 0;
	if (rc != 0) {
		url_free(u);
		return rc < 0 ? rc : 0;
	}
	path = path_of(u);
	if (!path)
		rc = -ENOMEM;
	else if (means(path, u))
		rc = asprintf(out, "%s%s%s", t->root, path,
			      fragment ? fragment : "") < 0 ? -ENOMEM : 1;
	free(path);
	url_free(u);
	return rc;
}

size_t playlist_authority_len(const char *ref)
{
	size_t n = 0, host;

	if (strncasecmp(ref, "https:", 6) == 0)
		n = 6;
	else if (strncasecmp(ref, "http:", 5) == 0)
		n = 5;
	if (ref[n] != '/' || ref[n + 1] != '/')
		return 0;
	n += 2;
	host = strcspn(ref + n, "/?#\\");
	return host && ref[n + host] == '/' ? n + host : 0;
}

/* "//HOST" goes by the scheme of its base. */
static bool is_same_authority(const struct playlist_turner *t,
			      const struct playlist_base *base, const char *ref,
			      size_t len)
{
	return t->authority && strlen(t->authority) == len &&
	       strncmp(t->authority, ref, len) == 0 &&
	       (ref[0] != '/' || (base->url && base->url->https == t->https));
}

/* What that becomes, in t->name. 1; 0: not for us; -EFBIG; -ENOMEM. */
static int take_authority(struct playlist_turner *t,
			  const struct playlist_base *base, const char *ref,
			  size_t len)
{
	char *authority, *name = NULL;
	struct url *u;
	int rc;

	if (is_same_authority(t, base, ref, len))
		return 1;
	if (t->odd++ == PLAYLIST_ODD_MAX)
		return -EFBIG;
	authority = strndup(ref, len);
	if (!authority)
		return -ENOMEM;
	rc = playlist_resolve(base->url, authority, &u);
	if (rc == 0) {
		rc = asprintf(&name, "%s/%s", u->https ? "https" : "http",
			      u->host) < 0 ? -ENOMEM : 1;
		url_free(u);
	} else if (rc != -ENOMEM) {
		rc = 0;
	}
	if (rc <= 0) {
		free(authority);
		return rc;
	}
	free(t->authority);
	free(t->name);
	t->authority = authority;
	t->name = name;
	t->https = base->url && base->url->https;
	return 1;
}

/* A plain path, absolute or relative, on the host of base. */
static int turn_path(const struct playlist_turner *t,
		     const struct playlist_base *base, const char *ref,
		     char **out)
{
	const struct url *u = base->url;
	const char *dir = u->sent + strlen(u->origin) - 1;
	size_t len = strcspn(dir, "?");

	while (dir[len - 1] != '/')
		len--;
	if (ref[0] == '/')
		len = 0;
	return asprintf(out, "%s%s/%s%.*s%s", t->root,
			u->https ? "https" : "http", u->host, (int)len, dir,
			ref) < 0 ? -ENOMEM : 1;
}

int playlist_turn(struct playlist_turner *t, const struct playlist_base *base,
		  const char *ref, char **out)
{
	size_t len = playlist_authority_len(ref);
	const char *open = strstr(ref, PLAYLIST_OPEN);
	int rc;

	if (ref[0] == '\0' || ref[0] == '#' || strlen(ref) > URL_MAX)
		return 0;
	if (base->near && stays_below(base, ref))
		return 0;
	/* Only what stands ahead of the open end can be turned. */
	if (open && (ref[len] != '/' || (len == 0 && ref[1] == '/')))
		return 0;
	if (!open && (!playlist_is_plain(ref + len) || ref[0] == '?'))
		return turn_odd(t, base, ref, out);
	if (len == 0)
		return base->url ? turn_path(t, base, ref, out) : 0;
	rc = take_authority(t, base, ref, len);
	if (rc <= 0)
		return rc;
	return asprintf(out, "%s%s%s", t->root, t->name, ref + len) < 0
		? -ENOMEM : 1;
}
