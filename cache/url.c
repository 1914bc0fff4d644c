#include "config.h"

#include "url.h"

#include <curl/curl.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
		   "0123456789-._~"
#define SUB_DELIMS "!$&'()*+,;="
#define PATH_LEGAL UNRESERVED SUB_DELIMS ":@/"
/* More than RFC 3986 has: see url.h. */
#define QUERY_LEGAL PATH_LEGAL "?[]{}|\\^`"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int url_escape(const char *s)
{
	if (s[0] != '%' || hex_digit(s[1]) < 0 || hex_digit(s[2]) < 0)
		return -1;
	return hex_digit(s[1]) << 4 | hex_digit(s[2]);
}

static char *put_escape(char *out, unsigned char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	*out++ = '%';
	*out++ = digits[byte >> 4];
	*out++ = digits[byte & 15];
	return out;
}

/* s with every byte outside of legal, and every '%' that begins no escape,
 * percent-encoded. malloc'd, or NULL. */
static char *encode(const char *s, const char *legal)
{
	char *text = malloc(3 * strlen(s) + 1), *out = text;

	if (!text)
		return NULL;
	for (; *s; s++) {
		if (strchr(legal, *s) || url_escape(s) >= 0)
			*out++ = *s;
		else
			out = put_escape(out, *s);
	}
	*out = '\0';
	return text;
}

/* What libcurl's parser refuses before it knows which part it stands in:
 * controls, space, and, in a way that depends on the locale, all but ASCII.
 * It decodes escapes in a host, so nothing is lost there. */
static char *encode_for_curl(const char *s)
{
	char *text = malloc(3 * strlen(s) + 1), *out = text;

	if (!text)
		return NULL;
	for (; *s; s++) {
		if (*s > ' ' && *s < 0x7f)
			*out++ = *s;
		else
			out = put_escape(out, *s);
	}
	*out = '\0';
	return text;
}

/* 1 for ".", 2 for "..", in any spelling; 0 for anything else. */
static int dot_segment(const char *s, size_t len)
{
	int dots = 0;

	while (len) {
		size_t step = *s == '.' ? 1 : 3;

		if (step == 3 && (len < 3 || url_escape(s) != '.'))
			return 0;
		s += step;
		len -= step;
		if (++dots > 2)
			return 0;
	}
	return dots;
}

/* RFC 3986, 5.2.4, in place. path begins with '/'. Not left to libcurl, whose
 * idea of an escaped dot differs between versions: one key must not depend on
 * that. */
static void remove_dot_segments(char *path)
{
	char *in = path, *out = path;

	while (*in == '/') {
		size_t len = strcspn(in + 1, "/") + 1;
		int dots = dot_segment(in + 1, len - 1);
		bool last = !in[len];

		if (!dots) {
			memmove(out, in, len);
			out += len;
		}
		if (dots == 2)
			while (out > path && *--out != '/')
				;
		in += len;
		if (dots && last)
			*out++ = '/';
	}
	*out = '\0';
}

/* The path of a key from that of a sent URL, in place. */
static void canonize_path(char *path)
{
	char *in = path, *out = path;

	while (*in) {
		int byte = url_escape(in);

		if (byte < 0) {
			*out++ = *in++;
			continue;
		}
		if (byte && strchr(UNRESERVED, byte))
			*out++ = byte;
		else
			out = put_escape(out, byte);
		in += 3;
	}
	*out = '\0';
}

static int part_error(CURLUcode code)
{
	return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

/* A part as a copy of our own; *out NULL when the URL has no such part. */
static int get_part(CURLU *parsed, CURLUPart part, unsigned flags, char **out)
{
	char *text = NULL, *copy;
	CURLUcode code = curl_url_get(parsed, part, &text, flags);

	if (code == CURLUE_NO_QUERY || code == CURLUE_NO_PORT ||
	    code == CURLUE_NO_ZONEID) {
		curl_free(text);
		*out = NULL;
		return 0;
	}
	if (code) {
		curl_free(text);
		return part_error(code);
	}
	copy = strdup(text);
	curl_free(text);
	if (!copy)
		return -ENOMEM;
	*out = copy;
	return 0;
}

/* libcurl takes the encoding of a host from the locale of the thread, and
 * ours is always UTF-8. */
static int get_idn_host(CURLU *parsed, char **out)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL), old;
	int err;

	if (!utf8)
		return -EINVAL;
	old = uselocale(utf8);
	err = get_part(parsed, CURLUPART_HOST, CURLU_PUNYCODE, out);
	uselocale(old);
	freelocale(utf8);
	return err ? -EINVAL : 0;	/* 7.88 calls it lack of memory */
}

/* libcurl lets pass what can't be a host and must not be a folder's name:
 * "..", "a|b", and a '/' that was full-width before IDN. */
static bool host_is_sane(const char *host)
{
	size_t len = strlen(host);

	if (host[0] == '[')
		return len > 2 && host[len - 1] == ']' &&
		       strspn(host + 1, "0123456789abcdef:.") == len - 2;
	return host[0] && host[0] != '.' && !strstr(host, "..") &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == len;
}

static bool is_ascii(const char *s)
{
	while (*s && !(*s & 0x80))
		s++;
	return !*s;
}

static int get_host(CURLU *parsed, char **out)
{
	char *zone = NULL, *host = NULL;
	int err = get_part(parsed, CURLUPART_ZONEID, 0, &zone);

	if (!err && zone)
		err = -EINVAL;
	free(zone);
	if (!err)
		err = get_part(parsed, CURLUPART_HOST, 0, &host);
	if (!err && !is_ascii(host)) {
		free(host);
		host = NULL;
		err = get_idn_host(parsed, &host);
	}
	for (char *s = host; !err && *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
	if (!err && !host_is_sane(host))
		err = -EINVAL;
	if (err)
		free(host);
	else
		*out = host;
	return err;
}

/* host, port and origin of u, https. */
static int set_authority(struct url *u, CURLU *parsed)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	int err = get_part(parsed, CURLUPART_SCHEME, 0, &scheme);

	if (!err) {
		u->https = strcmp(scheme, "https") == 0;
		if (!u->https && strcmp(scheme, "http") != 0)
			err = -EINVAL;
	}
	if (!err)
		err = get_host(parsed, &host);
	if (!err)
		err = get_part(parsed, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT,
			       &port);
	if (!err && asprintf(&u->host, "%s%s%s", host, port ? ":" : "",
			     port ? port : "") < 0) {
		u->host = NULL;
		err = -ENOMEM;
	}
	if (!err && strlen(u->host) > URL_HOST_MAX)
		err = -ENAMETOOLONG;
	if (!err && asprintf(&u->origin, "%s://%s/", scheme, u->host) < 0) {
		u->origin = NULL;
		err = -ENOMEM;
	}
	free(scheme);
	free(host);
	free(port);
	return err;
}

/* sent or key: origin has the first '/' of the path. */
static int join(char **out, const struct url *u, const char *path,
		const char *query)
{
	char *text;

	if (asprintf(&text, "%s%s%s%s", u->origin, path + 1, query ? "?" : "",
		     query ? query : "") < 0)
		return -ENOMEM;
	*out = text;
	return 0;
}

static int get_legal(CURLU *parsed, CURLUPart part, unsigned flags,
		     const char *legal, char **out)
{
	char *raw = NULL, *text = NULL;
	int err = get_part(parsed, part, flags, &raw);

	if (!err && raw) {
		text = encode(raw, legal);
		err = text ? 0 : -ENOMEM;
		free(raw);
	}
	if (!err)
		*out = text;
	return err;
}

static int set_spellings(struct url *u, CURLU *parsed)
{
	char *path = NULL, *query = NULL;
	unsigned flags = 0;
	int err = get_legal(parsed, CURLUPART_PATH, 0, PATH_LEGAL, &path);

#ifdef CURLU_GET_EMPTY		/* since 8.8.0; until then always given */
	flags = CURLU_GET_EMPTY;
#endif
	if (!err)
		err = get_legal(parsed, CURLUPART_QUERY, flags, QUERY_LEGAL,
				&query);
	if (!err) {
		remove_dot_segments(path);
		err = join(&u->sent, u, path, query);
	}
	if (!err) {
		canonize_path(path);
		err = join(&u->key, u, path, query);
	}
	if (!err && strlen(u->sent) > URL_MAX)
		err = -ENAMETOOLONG;
	free(path);
	free(query);
	return err;
}

/* Parse text as far as libcurl does; relative to base, an absolute URL that we
 * made, when there is one. */
static int parse_text(const char *base, const char *text, CURLU **out)
{
	const unsigned flags = CURLU_DISALLOW_USER | CURLU_PATH_AS_IS;
	char *clean;
	CURLU *parsed;
	CURLUcode code = CURLUE_OK;

	if (strpbrk(text, "\r\n"))
		return -EINVAL;
	if (strlen(text) > URL_MAX)
		return -ENAMETOOLONG;
	clean = encode_for_curl(text);
	parsed = curl_url();
	if (!clean || !parsed)
		code = CURLUE_OUT_OF_MEMORY;
	if (!code && base)
		code = curl_url_set(parsed, CURLUPART_URL, base, flags);
	if (!code)
		code = curl_url_set(parsed, CURLUPART_URL, clean, flags);
	free(clean);
	if (code) {
		curl_url_cleanup(parsed);
		return part_error(code);
	}
	*out = parsed;
	return 0;
}

static int url_make(const char *base, const char *text, struct url **out)
{
	CURLU *parsed;
	struct url *u;
	int err = parse_text(base, text, &parsed);

	if (err)
		return err;
	u = calloc(1, sizeof(*u));
	err = u ? set_authority(u, parsed) : -ENOMEM;
	if (!err)
		err = set_spellings(u, parsed);
	curl_url_cleanup(parsed);
	if (err)
		url_free(u);
	else
		*out = u;
	return err;
}

int url_parse(const char *text, struct url **out)
{
	return url_make(NULL, text, out);
}

void url_free(struct url *u)
{
	if (!u)
		return;
	free(u->sent);
	free(u->key);
	free(u->origin);
	free(u->host);
	free(u);
}

int url_resolve(const struct url *base, const char *ref, struct url **out)
{
	struct url *u;
	int err;

	/* RFC 3986, 5.2.2: such a one is base itself; libcurl 7.88 loses the
	 * last component and the query. */
	if (ref[0] == '\0' || ref[0] == '#')
		err = url_make(NULL, base->sent, &u);
	else
		err = url_make(base->sent, ref, &u);
	if (err)
		return err;
	if (base->https && !u->https) {
		url_free(u);
		return -EPERM;
	}
	*out = u;
	return 0;
}

/* Where the authority of something like a URL or a name begins. */
static const char *authority(const char *text)
{
	const char *s = text + strcspn(text, ":/?#@");

	if (*s == ':' && s[1] == '/')
		return s + 1 + strspn(s + 1, "/");
	if (*s == '/' && ((s - text == 4 && !strncasecmp(text, "http", 4)) ||
			  (s - text == 5 && !strncasecmp(text, "https", 5))))
		return s + strspn(s, "/");
	return text + strspn(text, "/");
}

/* True when a ':' in [s, end), outside of brackets, is followed by more than
 * a port: half of a userinfo whose password has a '/', '?' or '#'. */
static bool has_odd_port(const char *s, const char *end)
{
	const char *bracket = memchr(s, ']', end - s);
	const char *colon;

	if (bracket)
		s = bracket;
	colon = memchr(s, ':', end - s);
	return colon && colon + 1 + strspn(colon + 1, "0123456789") < end;
}

char *url_redact(const char *text, char *buf, size_t size)
{
	const char *start = authority(text);
	const char *end = start + strcspn(start, "/?#"), *host = start, *at;

	while ((at = memchr(host, '@', end - host)))
		host = at + 1;
	if (has_odd_port(host, end))
		snprintf(buf, size, "%.*s...", (int)(start - text), text);
	else
		snprintf(buf, size, "%.*s%.*s", (int)(start - text), text,
			 (int)strcspn(host, "?#"), host);
	return buf;
}

bool url_key_is_below(const char *key, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(prefix, key, len) == 0 &&
	       (prefix[len - 1] == '/' || strchr("/?", key[len]));
}
