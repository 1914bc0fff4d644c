#include "config.h"

#include "setting_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "setting.h"

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static bool is_among(const char *name, size_t len, const char *const *names,
		     size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (len == strlen(names[i]) &&
		    !strncasecmp(name, names[i], len))
			return true;
	return false;
}

/* Those by which the engine asks for the right bytes, and those of one
 * connection (RFC 9110, 7.6.1), are not the user's. */
static bool request_is_ours(const char *name, size_t len)
{
	static const char *const ours[] = {
		"Accept-Encoding", "Connection", "Content-Length", "Expect",
		"HTTP2-Settings", "Keep-Alive", "Proxy-Authorization",
		"Proxy-Connection", "Range", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade",
	};

	return is_among(name, len, ours, COUNT(ours)) ||
	       (len > 3 && !strncasecmp(name, "If-", 3));
}

/* Those that say which bytes an answer has and how it ends, likewise. */
static bool response_is_ours(const char *name, size_t len)
{
	static const char *const ours[] = {
		"Accept-Ranges", "Age", "Connection", "Content-Encoding",
		"Content-Length", "Content-Range", "Content-Type", "Date", "ETag",
		"Keep-Alive", "Last-Modified", "Proxy-Authenticate",
		"Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
		"Upgrade", "Vary", "Via", "X-Cache",
	};

	return is_among(name, len, ours, COUNT(ours)) ||
	       (len > 15 && !strncasecmp(name, "Access-Control-", 15));
}

/* What a client says to us, of this connection or of its page. */
static bool client_is_ours(const char *name, size_t len)
{
	static const char *const ours[] = { "Host" };

	return request_is_ours(name, len) ||
	       is_among(name, len, ours, COUNT(ours)) ||
	       (len > 4 && !strncasecmp(name, "Sec-", 4));
}

/* Of a field name (RFC 9110, 5.1). */
static size_t name_length(const char *text)
{
	return strspn(text, "!#$%&'*+-.^_`|~0123456789"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz");
}

/* "Name:value" as "Name: value"; what is wrong with it is said without
 * repeating it. */
static int parse_header(const char *text,
			bool (*is_ours)(const char *name, size_t len),
			char **header, char **reason)
{
	size_t len = name_length(text);
	const char *value, *end = text + strlen(text);

	if (!len || text[len] != ':')
		return setting_refuse(reason, -EINVAL, "not NAME: VALUE");
	if (is_ours(text, len))
		return setting_refuse(reason, -EINVAL,
				      "%.*s is not for settings to say",
				      (int)len, text);
	value = text + len + 1;
	value += strspn(value, " \t");
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (end == value)
		return setting_refuse(reason, -EINVAL, "%.*s has no value",
				      (int)len, text);
	for (const char *s = value; s < end; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return setting_refuse(reason, -EINVAL,
					      "%.*s has a control character",
					      (int)len, text);
	if (asprintf(header, "%.*s: %.*s", (int)len, text, (int)(end - value),
		     value) < 0)
		return -ENOMEM;
	return 0;
}

int setting_header_add(struct conf_list *headers, const char *text,
		       char **reason)
{
	char *header;
	int err = parse_header(text, request_is_ours, &header, reason);

	return err ? err : setting_list_add(headers, header);
}

int setting_response_header_add(struct conf_list *headers, const char *text,
				char **reason)
{
	char *header;
	int err = parse_header(text, response_is_ours, &header, reason);

	return err ? err : setting_list_add(headers, header);
}

int setting_header_name(const char *text, char **name, char **reason)
{
	size_t len = name_length(text);

	if (!len || text[len])
		return setting_refuse(reason, -EINVAL,
				      "not names of headers, nor none");
	if (client_is_ours(text, len))
		return setting_refuse(reason, -EINVAL, "%s is not passed on",
				      text);
	*name = strdup(text);
	return *name ? 0 : -ENOMEM;
}

/* ---- files of them -------------------------------------------------------- */

/* One header a line; empty lines and those that begin with '#' don't count.
 * text is taken apart. */
static int add_lines(struct conf_list *headers, char *text, size_t len,
		     const char *path, char **reason)
{
	char *line = text, *end = text + len;

	for (unsigned n = 1; line < end; n++) {
		char *newline = memchr(line, '\n', end - line), *why = NULL;
		char *stop = newline ? newline : end;
		int err = 0;

		if (memchr(line, '\0', stop - line))
			return setting_refuse(reason, -EINVAL,
					      "%s:%u: a NUL byte", path, n);
		*stop = '\0';
		if (stop > line && stop[-1] == '\r')
			stop[-1] = '\0';
		line += strspn(line, " \t");
		if (*line && *line != '#')
			err = setting_header_add(headers, line, &why);
		if (why)
			err = setting_refuse(reason, err, "%s:%u: %s", path, n,
					     why);
		free(why);
		if (err)
			return err;
		line = stop + 1;
	}
	return 0;
}

int setting_header_file_add(struct conf_list *headers, const char *text,
			    const char *folder, char **reason)
{
	char *path, *content;
	size_t len;
	int err = setting_read_secret(text, folder, &path, &content, &len,
				      reason);

	if (err)
		return err;
	err = add_lines(headers, content, len, path, reason);
	free(content);
	free(path);
	return err;
}
