#include "config.h"

#include <string.h>
#include <strings.h>

#include "access.h"
#include "cache/conf.h"
#include "target.h"

/* ---- Host -------------------------------------------------------------------- */

/* One of http_names, where IPv6 stands in brackets. */
static bool is_listed(const struct conf_list *names, const char *host)
{
	char name[TARGET_HOST_MAX];

	for (size_t i = 0; i < names->n; i++)
		if (target_host(names->v[i], strlen(names->v[i]), name) == 0 &&
		    (strcasecmp(name, host) == 0 ||
		     target_same_address(name, host)))
			return true;
	return false;
}

static bool is_our_host(const struct access_request *q,
			const struct conf *conf, const char *field, size_t len)
{
	char host[TARGET_HOST_MAX];

	return target_host(field, len, host) == 0 &&
	       (target_is_loopback(host) ||
		target_same_address(host, q->peer->reached) ||
		is_listed(&conf->http_names, host));
}

/* RFC 9112, 3.2: one Host, and only HTTP/1.0 may leave it out. */
static bool is_host_missing(const struct access_request *q)
{
	return q->hosts > 1 || (q->hosts == 0 && q->http11);
}

static bool is_host_fine(const struct access_request *q,
			 const struct conf *conf)
{
	if (q->peer->by_path)
		return true;
	if (q->host && !is_our_host(q, conf, q->host, strlen(q->host)))
		return false;
	return !q->authority ||
	       is_our_host(q, conf, q->authority, q->authority_len);
}

/* ---- the user ---------------------------------------------------------------- */

static bool is_user_fine(const struct access_request *q,
			 const struct conf *conf)
{
	const struct conf_users *users = &conf->allow_users;
	uid_t uid = q->peer->uid;

	if (q->peer->kind == PEER_ELSEWHERE || users->all)
		return true;
	if (q->peer->kind == PEER_UNKNOWN)
		return q->token;
	if (uid == 0 || uid == q->self)
		return true;
	for (size_t i = 0; i < users->n; i++)
		if (users->v[i] == uid)
			return true;
	return false;
}

/* ---- the site ---------------------------------------------------------------- */

/* The bytes of "SCHEME://AUTHORITY" that a URL begins with, or of all of it
 * when it is no such thing. */
static size_t origin_len(const char *url)
{
	const char *colon = strstr(url, "://");

	return colon ? (size_t)(colon + 3 - url) + strcspn(colon + 3, "/?#")
		     : strlen(url);
}

static bool same_text(const char *a, const char *b, size_t b_len)
{
	return strlen(a) == b_len && strncasecmp(a, b, b_len) == 0;
}

/* A browser writes Host and Origin alike. Under a name of http_names something
 * in front of us may speak TLS. */
static bool is_our_origin(const struct access_request *q,
			  const struct conf *conf, const char *origin)
{
	char host[TARGET_HOST_MAX];

	if (!q->host)
		return false;
	if (strncasecmp(origin, "http://", 7) == 0)
		return strcasecmp(origin + 7, q->host) == 0;
	return strncasecmp(origin, "https://", 8) == 0 &&
	       strcasecmp(origin + 8, q->host) == 0 &&
	       target_host(q->host, strlen(q->host), host) == 0 &&
	       (q->peer->by_path || is_listed(&conf->http_names, host));
}

/* "none": the user did it, by hand or a bookmark (Fetch Metadata, 2.4). */
static bool is_site_fine(const struct access_request *q,
			 const struct conf *conf)
{
	return (!q->site || strcasecmp(q->site, "none") == 0 ||
		strcasecmp(q->site, "same-origin") == 0) &&
	       (!q->origin || is_our_origin(q, conf, q->origin));
}

static bool allows_all(const struct conf *conf)
{
	return conf->allow_origin.n == 1 &&
	       strcmp(conf->allow_origin.v[0], "*") == 0;
}

/* Whether the settings name the origin that asks. */
static bool is_site_allowed(const struct access_request *q,
			    const struct conf *conf)
{
	const char *who = q->origin ? q->origin : q->referer;
	size_t len;

	if (allows_all(conf))
		return true;
	if (!who)
		return false;
	len = q->origin ? strlen(who) : origin_len(who);
	for (size_t i = 0; i < conf->allow_origin.n; i++)
		if (same_text(conf->allow_origin.v[i], who, len))
			return true;
	return false;
}

/* What a page may read of an answer (Fetch, 3.3, "HTTP responses"). */
static void add_cors(struct access_verdict *v, const struct access_request *q,
		     const struct conf *conf)
{
	if (allows_all(conf)) {
		v->allow_origin = "*";
		return;
	}
	v->vary = conf->allow_origin.n > 0;
	if (q->origin && is_site_allowed(q, conf))
		v->allow_origin = q->origin;
}

/* ---- the token --------------------------------------------------------------- */

bool access_is_secret(const char *given, size_t len, const char *secret)
{
	size_t n = strlen(secret);
	unsigned char differs = len != n;

	for (size_t i = 0; i < n; i++)
		differs |= (unsigned char)secret[i] ^
			   (unsigned char)(i < len ? given[i] : 0);
	return !differs;
}

bool access_is_bearer(const char *value, const char *secret)
{
	if (!value || strncasecmp(value, "Bearer ", 7) != 0)
		return false;
	value += 7 + strspn(value + 7, " ");
	return access_is_secret(value, strlen(value), secret);
}

size_t access_token_len(const char *name, const char *secret)
{
	size_t len = strcspn(name, "/?");

	if (!access_is_secret(name, len, secret))
		return 0;
	return len + (name[len] == '/');
}

/* ---- the verdict -------------------------------------------------------------- */

bool access_is_name_list(const char *text)
{
	return text[strspn(text, "!#$%&'*+-.^_`|~0123456789, \t"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static void refuse(struct access_verdict *v, unsigned status, const char *text)
{
	v->status = status;
	v->text = text;
}

struct access_verdict access_decide(const struct access_request *q,
				    const struct conf *conf)
{
	struct access_verdict v = { .text = "" };

	add_cors(&v, q, conf);
	if (is_host_missing(q))
		refuse(&v, 400, "One Host field is needed.\n");
	else if (!is_host_fine(q, conf))
		refuse(&v, 403, "This Host is not served here (setting "
		       "http_names).\n");
	else if (!is_user_fine(q, conf) && q->peer->kind == PEER_UNKNOWN)
		refuse(&v, 403, "The kernel does not say which user asks; a "
		       "token, a Unix socket or allow_users helps.\n");
	else if (!is_user_fine(q, conf))
		refuse(&v, 403, "This user is not served here (setting "
		       "allow_users).\n");
	else if (!is_site_fine(q, conf) && !is_site_allowed(q, conf))
		refuse(&v, 403, "Pages of this site are not served here "
		       "(setting allow_origin).\n");
	else if (strcmp(q->method, "OPTIONS") == 0)
		v.status = 204;
	else if (conf->token && !q->token && !q->own_page)
		refuse(&v, 401, "A token is needed.\n");
	v.preflight = v.status == 204 && v.allow_origin && q->asks_method;
	return v;
}
