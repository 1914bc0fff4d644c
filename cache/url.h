/* url: canonical URLs, and the mapping between URLs and names.
 *
 * Pure. Parsing, resolving and the rules for hosts rest on libcurl's URL API;
 * url.c is its only user (name.c holds the names, media.c the file types).
 * http and https only; no userinfo (credentials come from netrc or a
 * header_file, so that they never reach a name or a log) and no IPv6 zone.
 *
 * A resource has three spellings:
 *
 *   sent   the URL as it was given, made legal: scheme and host in lower case
 *          (a host in other letters than ASCII as xn--…), the default port,
 *          dot segments ("%2e" counts as a dot) and the fragment removed,
 *          illegal bytes percent-encoded, a '%' that begins no escape too.
 *          This goes to the origin.
 *   key    sent, but in the PATH escapes of unreserved characters are decoded
 *          and the hex digits of the rest are in upper case. The query is
 *          never touched. Two URLs are one resource exactly when their keys
 *          are equal (RFC 3986, 6.2.2).
 *   name   a relative path, the same in the mount and in the cache folder:
 *          "https/HOST[:PORT]/DIR/FILE?QUERY".
 *
 * Illegal in the path is what RFC 3986 does not allow there; in the query
 * only what browsers encode there too (controls, space, '"<>', bytes past
 * ASCII), since a signature may cover the rest as it stands.
 *
 * key -> name is injective. In the path a name shows what is readable
 * decoded: space, '"<>\^`{|}[]#' and valid UTF-8. It keeps escaped:
 * sub-delims, ':' and '@' that the key has escaped (they differ from the bare
 * ones), '%', '/', '?', controls (C1 too), invalid UTF-8. The first '?' of a
 * name begins the query, which is shown as it is. A '%' in a name begins an
 * escape of two hex digits or one of our own marks, which are not two hex
 * digits:
 *
 *   %s        a '/' inside a query
 *   %_        the last dot of a component that would end in ".meta", ".part"
 *             or ".."
 *   %empty    an empty component inside the path
 *   %index    last component of a URL whose path ends in '/'
 *   %~HASH    end of a shortened component (longer than URL_COMPONENT_MAX),
 *             HASH being 32 hex digits of the whole component. Such a name
 *             can't be turned back into a URL; the store knows it, and by the
 *             key in its record tells apart what one HASH stands for.
 *
 * The store adds "%file" and its suffixes to that. "." and ".." can't occur,
 * a component is never empty.
 */
#ifndef SPOOL_URL_H
#define SPOOL_URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 8192		/* bytes; a longer URL is -ENAMETOOLONG */
#define URL_HOST_MAX 255	/* bytes of host[:port], a component too */
#define URL_COMPONENT_MAX 200	/* bytes; leaves room for our suffixes */
#define URL_NAME_MAX 3584	/* bytes; with the cache folder before it a
				   name has to stay below PATH_MAX */

struct url {
	char *sent, *key;	/* NUL-terminated, see above */
	char *origin;		/* "https://host[:port]/", lower case, default
				   port dropped: what settings and caps go by */
	char *host;		/* "host[:port]" of it */
	bool https;
};

/* Parse an absolute URL. 0, -EINVAL (malformed, other scheme, userinfo, no
 * host, CR or LF), -ENAMETOOLONG or -ENOMEM. One to three slashes may follow
 * the scheme. */
int url_parse(const char *text, struct url **out);
void url_free(struct url *u);

/* Whether a key begins with a prefix, itself the key of a URL without query, at
 * a '/' or at its own end: https://a.example/ is no prefix of
 * https://a.example.net/. What begins a query ends a path. */
bool url_key_is_below(const char *key, const char *prefix);

/* The target of a redirect: ref (absolute or relative) against base.
 * Errors as url_parse; -EPERM when it leaves https for http. */
int url_resolve(const struct url *base, const char *ref, struct url **out);

/* The byte that the escape at s ("%2F") stands for; -1: s begins none. */
int url_escape(const char *s);

/* The name of a URL. Caller frees. 0 or -ENOMEM or -ENAMETOOLONG. */
int url_name(const struct url *u, char **name);

/* The URL of a name, as a person may type or paste it: relative, without
 * leading '/'. Accepts "https/…", "https:/…" and "https://…" alike (the
 * kernel collapses slashes), "http" likewise. Escapes that are valid are
 * kept as they are and everything else that is not legal is encoded, '#' too:
 * a name has no fragment. The first '?' begins the query, which may hold bare
 * slashes. One trailing ".." of a last component that is more than that
 * ("film..") is the marker "this is the file" and is taken off; a URL that
 * really ends so is written "film...." or "film.%2E".
 * 0, -EINVAL, -ENAMETOOLONG, -ENOMEM; -ENOENT for a shortened name. */
int url_from_name(const char *name, struct url **out);

/* Below a base URL (spoolfs URL MOUNTPOINT) names are relative to its path:
 * base "https://h/a/" and "b/c.mp4" give "https://h/a/b/c.mp4". A base that
 * does not end in '/' is taken as if it did; its query is no part of it.
 * Errors as url_from_name, -EINVAL for a name that leads out of the base. */
int url_from_name_below(const struct url *base, const char *name,
			struct url **out);

/* True when the last component of a name, or of the path of a URL, has the
 * extension of a file type that a server is sure to mean as a file (film.mp4,
 * a.m3u8, b.srt, c.pdf …), before any '?'. Case-insensitive. A host is no
 * file ("https/example.zip"). */
bool url_name_is_file(const char *name);

/* Media type by that extension ("video/mp4"), or NULL. */
const char *url_media_type(const char *name);

/* What names other resources and may change as they play. */
enum playlist_kind {
	PLAYLIST_NONE,
	PLAYLIST_M3U,		/* HLS, too */
	PLAYLIST_PLS,
	PLAYLIST_DASH,
	PLAYLIST_XSPF,
	PLAYLIST_ASX,
};

/* By a media type (with parameters). The one that ASX shares with films
 * (video/x-ms-asf) is none. */
enum playlist_kind url_playlist_kind(const char *type);

/* True for these: by the extension of a name or a URL, or by its media type
 * (NULL: not said). */
bool url_is_playlist(const char *name, const char *type);

/* text without userinfo, query and fragment, cut to size: for logs.
 * Works on anything, never fails; returns buf. */
char *url_redact(const char *text, char *buf, size_t size);

#endif
