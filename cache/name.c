#include "config.h"

#include "url.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HASH_BYTES (2 + 32)	/* "%~" and hex digits */

/* Length of the well-formed UTF-8 character that begins with lead byte c
 * (RFC 3629), 0 for none. *low, *high: what the second byte may be. C1
 * controls count as none. */
static size_t utf8_length(unsigned char c, int *low, int *high)
{
	*low = c == 0xe0 || c == 0xc2 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

/* How many of the escapes at s make up one character that a name shows
 * decoded, and its bytes; 0: the escape stays. */
static size_t shown(const char *s, char bytes[4])
{
	int c = url_escape(s), low, high;
	size_t len, i;

	bytes[0] = c;
	if (c < 0x80)
		return c && strchr(" \"<>\\^`{|}[]#", c) ? 1 : 0;
	len = utf8_length(c, &low, &high);
	for (i = 1; i < len; i++) {
		c = url_escape(s + 3 * i);
		if (c < low || c > high)
			return 0;
		bytes[i] = c;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

/* [s, s + len) of a key's path, one component, as a name shows it. */
static char *put_path_component(char *out, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		char bytes[4];
		size_t n = *s == '%' ? shown(s, bytes) : 0;

		if (n) {
			memcpy(out, bytes, n);
			out += n;
			s += 3 * n;
		} else {
			*out++ = *s++;
		}
	}
	return out;
}

static char *put_query(char *out, const char *query)
{
	*out++ = '?';
	for (; *query; query++) {
		if (*query == '/')
			out = stpcpy(out, "%s");
		else
			*out++ = *query;
	}
	return out;
}

static bool ends_with(const char *s, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len >= n && memcmp(s + len - n, tail, n) == 0;
}

/* Keep [s, out) from looking like a file of the store's or like the marker of
 * url_from_name. */
static char *hide_dot(char *s, char *out)
{
	size_t len = out - s, tail = 0;

	if (ends_with(s, len, ".meta") || ends_with(s, len, ".part"))
		tail = 5;
	else if (ends_with(s, len, ".."))
		tail = 1;
	if (!tail)
		return out;
	memmove(out - tail + 2, out - tail + 1, tail - 1);
	memcpy(out - tail, "%_", 2);
	return out + 1;
}

/* Bytes of the piece at s that must not be cut: an escape, a mark, a UTF-8
 * character. */
static size_t piece(const char *s)
{
	size_t n = 1;

	if (*s == '%')
		return url_escape(s) >= 0 ? 3 : 2;
	while (((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* FNV-1a of 128 bits. It need not withstand an attack: what somebody makes
 * collide are two names of one folder of his own, which the store tells apart
 * by their keys. */
static unsigned __int128 hash(const char *s, size_t len)
{
	const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
	unsigned __int128 h = (unsigned __int128)0x6c62272e07bb0142 << 64 |
			      0x62b821756295c58d;

	while (len--)
		h = (h ^ (unsigned char)*s++) * prime;
	return h;
}

/* Shorten the component [s, out) when a file system would not take it. */
static char *shorten(char *s, char *out)
{
	size_t len = out - s, keep = 0;
	unsigned __int128 h;

	if (len <= URL_COMPONENT_MAX)
		return out;
	*out = '\0';
	h = hash(s, len);
	while (keep + piece(s + keep) <= URL_COMPONENT_MAX - HASH_BYTES)
		keep += piece(s + keep);
	return s + keep +
	       sprintf(s + keep, "%%~%016llx%016llx",
		       (unsigned long long)(h >> 64), (unsigned long long)h);
}

int url_name(const struct url *u, char **name)
{
	const char *path = u->key + strlen(u->origin) - 1;
	const char *end = path + strcspn(path, "?");
	/* A key's '/' grows most, to "/%empty"; hide_dot adds a byte, the NUL
	 * is one. */
	char *text = malloc(16 + 7 * strlen(u->key)), *out, *s;

	if (!text)
		return -ENOMEM;
	out = text + sprintf(text, "http%s/%s", u->https ? "s" : "", u->host);
	while (path < end) {
		size_t len = strcspn(++path, "/?");

		*out++ = '/';
		s = out;
		if (len)
			out = put_path_component(out, path, len);
		else
			out = stpcpy(out, path < end ? "%empty" : "%index");
		path += len;
		if (path == end && *end)
			out = put_query(out, end + 1);
		out = shorten(s, hide_dot(s, out));
	}
	*out = '\0';
	if (out - text > URL_NAME_MAX) {
		free(text);
		return -ENAMETOOLONG;
	}
	*name = text;
	return 0;
}

/* "%_", and inside a query "%s": the byte it stands for, 0 for none. */
static char dot_or_slash(const char *s, bool in_query)
{
	if (s[1] == '_')
		return '.';
	return in_query && s[1] == 's' ? '/' : 0;
}

static bool is_empty_component(const char *s, size_t len)
{
	return len == 6 && (!memcmp(s, "%empty", 6) || !memcmp(s, "%index", 6));
}

/* [s, s + len) of a name, a component or (in_query) what follows the first
 * '?', as part of a URL. url_parse encodes the rest. */
static char *put_url_part(char *out, const char *s, size_t len, bool in_query)
{
	const char *end = s + len;

	for (; s < end; s++) {
		char mark = *s == '%' ? dot_or_slash(s, in_query) : 0;

		if (mark) {
			*out++ = mark;
			s++;
		} else if (*s == '#' || (unsigned char)*s < ' ') {
			out += sprintf(out, "%%%02X", (unsigned char)*s);
		} else {
			*out++ = *s;
		}
	}
	return out;
}

/* How much of a name's path counts: all but a marker "..". */
static size_t unmarked_length(const char *path)
{
	size_t len = strlen(path);
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	if (strlen(last) > 2 && ends_with(path, len, ".."))
		return len - 2;
	return len;
}

static bool is_shortened(const char *path)
{
	while ((path = strstr(path, "%~"))) {
		path += 2;
		if (strspn(path, "0123456789abcdef") >= HASH_BYTES - 2)
			return true;
	}
	return false;
}

/* Parse "prefix" + path, path being that of a name: its components are
 * joined to what prefix ends in. */
static int parse_below(const char *prefix, size_t prefix_len, const char *path,
		       struct url **out)
{
	const char *end = path + unmarked_length(path);
	char *text, *to;
	int err;

	if (is_shortened(path))
		return -ENOENT;
	if (prefix_len + strlen(path) > URL_MAX)
		return -ENAMETOOLONG;
	text = malloc(prefix_len + 3 * strlen(path) + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, prefix, prefix_len);
	to = text + prefix_len;

	for (const char *s = path; s < end;) {
		size_t left = end - s, len = strcspn(s, "/?");

		if (len > left)
			len = left;
		if (!is_empty_component(s, len))
			to = put_url_part(to, s, len, false);
		s += len;
		if (s < end && *s == '?') {
			to = put_url_part(to, s, end - s, true);
			break;
		}
		if (s < end)
			*to++ = *s++;
	}
	*to = '\0';
	err = url_parse(text, out);
	free(text);
	return err;
}

/* Past "https/", "https:/", "https://…" of a name: where its host begins;
 * NULL when it does not begin so. */
static const char *name_host(const char *name, bool *https)
{
	size_t len;

	if (strncasecmp(name, "http", 4) != 0)
		return NULL;
	len = 4;
	*https = name[len] == 's' || name[len] == 'S';
	len += *https;
	len += name[len] == ':';
	if (name[len] != '/')
		return NULL;
	return name + len + strspn(name + len, "/");
}

int url_from_name(const char *name, struct url **out)
{
	bool https = false;
	const char *host = name_host(name, &https);
	char *prefix;
	size_t len;
	int err;

	if (!host)
		return -EINVAL;
	len = strcspn(host, "/?");
	if (len == 0 || memchr(host, '#', len))
		return -EINVAL;
	if (asprintf(&prefix, "http%s://%.*s/", https ? "s" : "", (int)len,
		     host) < 0)
		return -ENOMEM;
	host += len + (host[len] == '/');
	err = parse_below(prefix, strlen(prefix), host, out);
	free(prefix);
	return err;
}

int url_from_name_below(const struct url *base, const char *name,
			struct url **out)
{
	struct url *root = NULL, *u = NULL;
	char *folder;
	size_t len = strcspn(base->sent, "?");
	int err;

	if (base->sent[len - 1] == '/')
		err = asprintf(&folder, "%.*s", (int)len, base->sent);
	else
		err = asprintf(&folder, "%.*s/", (int)len, base->sent);
	if (err < 0)
		return -ENOMEM;
	err = url_parse(folder, &root);
	if (!err)
		err = parse_below(folder, strlen(folder), name, &u);
	if (!err && strncmp(u->key, root->key, strlen(root->key)) != 0)
		err = -EINVAL;
	free(folder);
	url_free(root);
	if (err)
		url_free(u);
	else
		*out = u;
	return err;
}
