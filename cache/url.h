/* url: canonical URLs, and the mapping between URLs and names.
 *
 * Pure. Parsing, resolving and percent-decoding rest on libcurl's URL API;
 * this is its only user. http and https only; no userinfo (credentials come
 * from netrc or a header_file, so that they never reach a name or a log).
 *
 * A resource has three spellings:
 *
 *   sent   the URL as it was given, made legal: illegal bytes percent-encoded,
 *          dot segments and fragment removed. This goes to the origin.
 *   key    sent, with scheme and host in lower case, the default port
 *          dropped, escapes of unreserved characters decoded and the hex
 *          digits of the rest in upper case in the PATH. The query is never
 *          touched. Two URLs are one resource exactly when their keys are
 *          equal (RFC 3986, 6.2.2).
 *   name   a relative path, the same in the mount and in the cache folder:
 *          "https/HOST[:PORT]/DIR/FILE?QUERY".
 *
 * key -> name is injective. A name shows what is readable decoded: space,
 * '"<>\^`{|}[]#' and valid UTF-8. It keeps escaped: sub-delims, ':' and '@'
 * that the key has escaped (they differ from the bare ones), '%', '/', '?',
 * controls, invalid UTF-8. After '%' a name has either two hex digits or one
 * of our own marks, whose first byte is no hex digit:
 *
 *   %s        a '/' inside a query
 *   %index    last component of a URL that ends in '/'
 *   %~HASH    end of a shortened component (longer than URL_COMPONENT_MAX),
 *             HASH being 32 hex digits of the whole component. Such a name
 *             can't be turned back into a URL; the store knows it.
 *   %2Emeta, %2Epart   a component that would end in ".meta" or ".part", or
 *             an escaped leading dot: "." and ".." can't occur.
 *
 * A component is never empty (an empty one inside a path is "%empty").
 */
#ifndef SPOOL_URL_H
#define SPOOL_URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 8192		/* bytes; a longer URL is -ENAMETOOLONG */
#define URL_COMPONENT_MAX 200	/* bytes; leaves room for our suffixes */

struct url {
	char *sent, *key;	/* NUL-terminated, see above */
	char *origin;		/* "https://host[:port]/", lower case, default
				   port dropped: what settings and caps go by */
	char *host;		/* "host[:port]" of it */
	bool https;
};

/* Parse an absolute URL. 0, -EINVAL (malformed, other scheme, userinfo,
 * no host, NUL or CR/LF), -ENAMETOOLONG or -ENOMEM. */
int url_parse(const char *text, struct url **out);
void url_free(struct url *u);

/* The target of a redirect: ref (absolute or relative) against base.
 * Errors as url_parse; -EPERM when it leaves https for http. */
int url_resolve(const struct url *base, const char *ref, struct url **out);

/* The name of a URL. Caller frees. 0 or -ENOMEM or -ENAMETOOLONG. */
int url_name(const struct url *u, char **name);

/* The URL of a name, as a person may type or paste it: relative, without
 * leading '/'. Accepts "https/…", "https:/…" and "https://…" alike (the
 * kernel collapses slashes), "http" likewise, escapes that are valid are
 * kept as they are and everything else that is not legal is encoded, '?'
 * begins the query in the last component. One trailing ".." on the last
 * component ("film..") is the marker "this is the file" and is taken off.
 * 0, -EINVAL, -ENAMETOOLONG, -ENOMEM; -ENOENT for a shortened name. */
int url_from_name(const char *name, struct url **out);

/* Below a base URL (spoolfs URL MOUNTPOINT) names are relative to its path:
 * base "https://h/a/" and "b/c.mp4" give "https://h/a/b/c.mp4". A base that
 * does not end in '/' is taken as if it did. Errors as url_from_name. */
int url_from_name_below(const struct url *base, const char *name,
			struct url **out);

/* True when the last component of a name has the extension of a file type
 * that a server is sure to mean as a file (film.mp4, a.m3u8, b.srt, c.pdf …),
 * before any '?'. Case-insensitive. */
bool url_name_is_file(const char *name);

/* Media type by that extension ("video/mp4"), or NULL. */
const char *url_media_type(const char *name);

/* text without userinfo, query and fragment, cut to size: for logs.
 * Works on anything, never fails; returns buf. */
char *url_redact(const char *text, char *buf, size_t size);

#endif
