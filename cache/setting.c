#include "config.h"

#include "setting.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "url.h"

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

int setting_refuse(char **reason, int err, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(reason, fmt, args);
	va_end(args);
	if (n < 0) {
		*reason = NULL;
		return -ENOMEM;
	}
	/* What it repeats may have line ends in it. */
	for (char *s = *reason; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	return err;
}

/* ---- paths and files ----------------------------------------------------- */

static const char *home(void)
{
	const char *path = getenv("HOME");
	const struct passwd *user;

	if (path && path[0] == '/')
		return path;
	user = getpwuid(getuid());	/* started by init, HOME is not set */
	return user && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

static char *join(const char *folder, const char *path)
{
	char *joined;

	return asprintf(&joined, "%s/%s", folder, path) < 0 ? NULL : joined;
}

char *setting_path(const char *text, const char *folder)
{
	if (text[0] == '/')
		return strdup(text);
	if (text[0] == '~' && text[1] == '/' && home())
		return join(home(), text + 2);
	return join(folder, text);
}

char *setting_xdg(const char *variable, const char *fallback)
{
	const char *base = getenv(variable);
	char *path;

	if (base && base[0] == '/')
		return join(base, "spoolfs");
	if (!home())
		return NULL;
	return asprintf(&path, "%s/%s/spoolfs", home(), fallback) < 0 ?
		NULL : path;
}

/* Up to size bytes of fd. -errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
	}
	return len;
}

int setting_read_file(const char *path, char **text, size_t *len,
		      bool *open_to_others, char **reason)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *buf = NULL;
	struct stat st;
	ssize_t n;
	int err = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (err)
		goto out;
	buf = malloc(SETTING_FILE_MAX + 1);
	if (!buf) {
		err = -ENOMEM;
		goto out;
	}
	n = read_all(fd, buf, SETTING_FILE_MAX + 1);
	if (n < 0)
		err = n;
	else if (n > SETTING_FILE_MAX)
		err = -EFBIG;
	if (err)
		goto out;
	buf[n] = '\0';
	*text = buf;
	*len = n;
	*open_to_others = S_ISREG(st.st_mode) && (st.st_mode & 066);
	buf = NULL;
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	if (err)
		return setting_refuse(reason, err, "%s", strerror(-err));
	return 0;
}

/* ---- values -------------------------------------------------------------- */

static int set_text(char **field, char *copy)
{
	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

static int set_number(unsigned *field, const char *text,
		      const struct conf_key *key, char **reason)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long n = strtoull(text, NULL, 10);

	/* strtoull would take a sign and space; past its end it saturates. */
	if (text[digits] || n < key->min || n > key->max)
		return setting_refuse(reason, -EINVAL,
				      "not a whole number from %u to %u",
				      key->min, key->max);
	*field = n;
	return 0;
}

/* Bytes, or of 1024 each K, M, G, T. */
static int set_size(uint64_t *field, const char *text,
		    const struct conf_key *key, char **reason)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
	unsigned shift = unit ? 10 * (unit - units + 1) : 0;
	uint64_t n = strtoull(text, NULL, 10);

	if (strcmp(text, key->fallback) == 0) {
		*field = CONF_SIZE_UNSET;
		return 0;
	}
	if (!digits || text[digits + !!unit] || n > (uint64_t)INT64_MAX >> shift)
		return setting_refuse(reason, -EINVAL, "not a size, such as "
				      "500M or 20G, nor %s", key->fallback);
	*field = n << shift;
	return 0;
}

static int set_fill(enum plan_fill *field, const char *text, char **reason)
{
	static const char *const words[] = {
		[PLAN_FILL_PLAYING] = "playing", [PLAN_FILL_ALL] = "all",
		[PLAN_FILL_NONE] = "none",
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(words[i], text) == 0) {
			*field = i;
			return 0;
		}
	}
	return setting_refuse(reason, -EINVAL,
			      "not one of playing, all, none");
}

static int set_auto(bool *field, const char *text, char **reason)
{
	bool is_auto = strcmp(text, "auto") == 0;

	if (!is_auto && strcmp(text, "no"))
		return setting_refuse(reason, -EINVAL, "not one of auto, no");
	*field = is_auto;
	return 0;
}

static int set_level(enum log_level *field, const char *text, char **reason)
{
	static const char *const words[] = {
		[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(words[i], text) == 0) {
			*field = i;
			return 0;
		}
	}
	return setting_refuse(reason, -EINVAL,
			      "not one of error, warning, info, debug");
}

/* host: what stands before the ":PORT". */
static bool is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char inner[INET6_ADDRSTRLEN];
	size_t len = strlen(host);

	if (host[0] != '[')
		return !strcasecmp(host, "localhost") ||
		       inet_pton(AF_INET, host, bytes) == 1;
	if (len < 2 || host[len - 1] != ']' || len - 2 >= sizeof(inner))
		return false;
	memcpy(inner, host + 1, len - 2);
	inner[len - 2] = '\0';
	return inet_pton(AF_INET6, inner, bytes) == 1;
}

static bool is_listen(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t len = colon ? colon - text : 0, digits;

	if (!len || len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	digits = strspn(colon + 1, "0123456789");
	return is_address(host) && digits && digits <= 5 &&
	       !colon[1 + digits] && atoi(colon + 1) <= 65535;
}

static int set_listen(char **field, const char *text, char **reason)
{
	if (strcmp(text, "off") == 0) {
		free(*field);
		*field = NULL;
		return 0;
	}
	if (!is_listen(text))
		return setting_refuse(reason, -EINVAL,
				      "not ADDRESS:PORT, such as "
				      "127.0.0.1:4612 or [::1]:0, nor off");
	return set_text(field, strdup(text));
}

static int set_proxy(char **field, const char *text, char **reason)
{
	static const char *const schemes[] = {
		"http", "https", "socks4", "socks4a", "socks5", "socks5h",
	};
	size_t len = strcspn(text, ":");

	if (strncmp(text + len, "://", 3) || strchr("/?#", text[len + 3]) ||
	    has_control(text) || strchr(text, ' '))
		return setting_refuse(reason, -EINVAL,
				      "not SCHEME://HOST[:PORT]");
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (len == strlen(schemes[i]) &&
		    !strncasecmp(text, schemes[i], len))
			return set_text(field, strdup(text));
	return setting_refuse(reason, -EINVAL, "its scheme is not one of "
			      "http, https, socks4, socks4a, socks5, socks5h");
}

static int set_readable(char **field, const char *text, const char *folder,
			char **reason)
{
	char *path = setting_path(text, folder);
	int err;

	if (!path)
		return -ENOMEM;
	if (access(path, R_OK) == 0)
		return set_text(field, path);
	err = setting_refuse(reason, -EINVAL, "%s: %s", path, strerror(errno));
	free(path);
	return err;
}

static int set_url(char **field, const char *text, char **reason)
{
	struct url *u;
	int err = url_parse(text, &u);

	if (err == -ENOMEM)
		return err;
	if (err)
		return setting_refuse(reason, -EINVAL, "not a URL that can be "
				      "fetched (http or https, no user name)");
	url_free(u);
	return set_text(field, strdup(text));
}

/* ---- headers ------------------------------------------------------------- */

/* Those by which the engine asks for the right bytes, and those of one
 * connection (RFC 9110, 7.6.1), are not the user's. */
static bool header_is_ours(const char *name, size_t len)
{
	static const char *const ours[] = {
		"Accept-Encoding", "Connection", "Content-Length", "Expect",
		"HTTP2-Settings", "Keep-Alive", "Proxy-Authorization",
		"Proxy-Connection", "Range", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade",
	};

	for (size_t i = 0; i < COUNT(ours); i++)
		if (len == strlen(ours[i]) && !strncasecmp(name, ours[i], len))
			return true;
	return len > 3 && !strncasecmp(name, "If-", 3);
}

/* "Name:value" as "Name: value"; what is wrong with it is said without
 * repeating it. */
static int parse_header(const char *text, char **header, char **reason)
{
	size_t len = strspn(text, "!#$%&'*+-.^_`|~0123456789"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz");
	const char *value, *end = text + strlen(text);

	if (!len || text[len] != ':')
		return setting_refuse(reason, -EINVAL, "not NAME: VALUE");
	if (header_is_ours(text, len))
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

static int add_header(struct conf_origin *o, const char *text, char **reason)
{
	char *header, **more;
	int err = parse_header(text, &header, reason);

	if (err)
		return err;
	more = realloc(o->headers, (o->n_headers + 1) * sizeof(*more));
	if (!more) {
		free(header);
		return -ENOMEM;
	}
	o->headers = more;
	o->headers[o->n_headers++] = header;
	return 0;
}

/* One header a line; empty lines and those that begin with '#' don't count.
 * text is taken apart. */
static int add_header_lines(struct conf_origin *o, char *text, size_t len,
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
			err = add_header(o, line, &why);
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

static int add_header_file(struct conf_origin *o, const char *text,
			   const char *folder, char **reason)
{
	char *path = setting_path(text, folder), *content = NULL, *why = NULL;
	size_t len;
	bool open_to_others;
	int err;

	if (!path)
		return -ENOMEM;
	err = setting_read_file(path, &content, &len, &open_to_others, &why);
	if (why)
		err = setting_refuse(reason, -EINVAL, "%s: %s", path, why);
	else if (!err && open_to_others)
		err = setting_refuse(reason, -EINVAL, "%s: holds secrets and "
				     "others may read or write it: chmod 600",
				     path);
	else if (!err)
		err = add_header_lines(o, content, len, path, reason);
	free(content);
	free(why);
	free(path);
	return err;
}

/* ---- any of them --------------------------------------------------------- */

int setting_assign(const struct conf_key *key, void *base, const char *text,
		   const char *folder, char **reason)
{
	void *field = (char *)base + key->offset;

	*reason = NULL;
	if (!text || !*text)
		return setting_refuse(reason, -EINVAL, "wants a value, %s",
				      key->value);
	switch (key->type) {
	case CONF_CACHE_DIR:
		return set_text(field, setting_path(text, folder));
	case CONF_LISTEN:
		return set_listen(field, text, reason);
	case CONF_NUMBER:
		return set_number(field, text, key, reason);
	case CONF_SIZE:
		return set_size(field, text, key, reason);
	case CONF_FILL:
		return set_fill(field, text, reason);
	case CONF_AUTO:
		return set_auto(field, text, reason);
	case CONF_LEVEL:
		return set_level(field, text, reason);
	case CONF_HEADER:
		return add_header(base, text, reason);
	case CONF_HEADER_FILE:
		return add_header_file(base, text, folder, reason);
	case CONF_TEXT:
		if (has_control(text))
			return setting_refuse(reason, -EINVAL,
					      "has a control character");
		return set_text(field, strdup(text));
	case CONF_PROXY:
		return set_proxy(field, text, reason);
	case CONF_READABLE:
		return set_readable(field, text, folder, reason);
	case CONF_URL:
		return set_url(field, text, reason);
	}
	return -EINVAL;
}

int setting_default(const struct conf_key *key, void *base)
{
	char **path = (char **)((char *)base + key->offset), *reason;
	int err;

	if (key->type == CONF_CACHE_DIR) {
		*path = setting_xdg("XDG_CACHE_HOME", ".cache");
		if (!*path)
			*path = strdup("/var/cache/spoolfs");
		return *path ? 0 : -ENOMEM;
	}
	if (!*key->fallback)
		return 0;
	err = setting_assign(key, base, key->fallback, "/", &reason);
	free(reason);
	return err;
}
