#include "config.h"

#include "setting.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "setting_list.h"
#include "url.h"

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

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

/* Bytes, or of 1024 each K, M, G, T. False: it is no size. */
static bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
	unsigned shift = unit ? 10 * (unit - units + 1) : 0;
	uint64_t n = strtoull(text, NULL, 10);

	if (!digits || text[digits + !!unit] || n > (uint64_t)INT64_MAX >> shift)
		return false;
	*size = n << shift;
	return true;
}

static int set_size(uint64_t *field, const char *text,
		    const struct conf_key *key, char **reason)
{
	if (strcmp(text, key->fallback) == 0)
		*field = CONF_SIZE_UNSET;
	else if (!parse_size(text, field))
		return setting_refuse(reason, -EINVAL, "not a size, such as "
				      "500M or 20G, nor %s", key->fallback);
	return 0;
}

static int set_bytes(uint64_t *field, const char *text,
		     const struct conf_key *key, char **reason)
{
	uint64_t size;

	if (!parse_size(text, &size) || size < key->min || size > key->max)
		return setting_refuse(reason, -EINVAL,
				      "not a size from %u to %u bytes",
				      key->min, key->max);
	*field = size;
	return 0;
}

static int set_split(uint64_t *field, const char *text, char **reason)
{
	if (strcmp(text, "auto") == 0)
		*field = CONF_SIZE_UNSET;
	else if (strcmp(text, "off") == 0)
		*field = CONF_SIZE_OFF;
	else if (!parse_size(text, field))
		return setting_refuse(reason, -EINVAL, "not a size, such as "
				      "8M, nor auto, nor off");
	return 0;
}

/* The place of text among n words. -1: none of them. */
static int word_index(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (words[i] && strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static int set_fill(enum plan_fill *field, const char *text, char **reason)
{
	static const char *const words[] = {
		[PLAN_FILL_PLAYING] = "playing", [PLAN_FILL_ALL] = "all",
		[PLAN_FILL_NONE] = "none",
	};
	int i = word_index(text, words, COUNT(words));

	if (i < 0)
		return setting_refuse(reason, -EINVAL,
				      "not one of playing, all, none");
	*field = i;
	return 0;
}

static int set_level(enum log_level *field, const char *text, char **reason)
{
	static const char *const words[] = {
		[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
	};
	int i = word_index(text, words, COUNT(words));

	if (i < 0)
		return setting_refuse(reason, -EINVAL,
				      "not one of error, warning, info, debug");
	*field = i;
	return 0;
}

static int set_save(enum conf_save *field, const char *text, char **reason)
{
	static const char *const words[] = {
		[CONF_SAVE_ESSENTIAL] = "essential", [CONF_SAVE_ALL] = "all",
	};
	int i = word_index(text, words, COUNT(words));

	if (i < 0)
		return setting_refuse(reason, -EINVAL,
				      "not one of all, essential");
	*field = i;
	return 0;
}

/* yes: the word for true; the other one is "no". */
static int set_bool(bool *field, const char *text, const char *yes,
		    char **reason)
{
	bool is_yes = strcmp(text, yes) == 0;

	if (!is_yes && strcmp(text, "no"))
		return setting_refuse(reason, -EINVAL, "not one of %s, no",
				      yes);
	*field = is_yes;
	return 0;
}

static int set_seconds(unsigned *field, const char *text,
		       const struct conf_key *key, char **reason)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long n = strtoull(text, NULL, 10);

	if (strcmp(text, key->fallback) == 0) {
		*field = CONF_AGE_UNSET;
		return 0;
	}
	if (text[digits] || n < key->min || n > key->max)
		return setting_refuse(reason, -EINVAL, "not a whole number "
				      "from %u to %u, nor %s", key->min,
				      key->max, key->fallback);
	*field = n;
	return 0;
}

#define TOKEN_MIN 8
#define TOKEN_MAX 128

/* It has to do as a component of a path as it is, and no name of ours is as
 * long. */
static int set_token(char **field, const char *text, char **reason)
{
	size_t len = strlen(text);

	if (text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_~")] ||
	    len < TOKEN_MIN || len > TOKEN_MAX)
		return setting_refuse(reason, -EINVAL, "not %u to %u letters, "
				      "digits, '-', '_' and '~'", TOKEN_MIN,
				      TOKEN_MAX);
	return set_text(field, strdup(text));
}

/* The first line of a file. */
static int set_token_file(char **field, const char *text, const char *folder,
			  char **reason)
{
	char *path, *content, *why = NULL;
	size_t len;
	int err = setting_read_secret(text, folder, &path, &content, &len,
				      reason);

	if (err)
		return err;
	content[strcspn(content, "\r\n")] = '\0';
	err = set_token(field, content, &why);
	if (why)
		err = setting_refuse(reason, err, "%s: %s", path, why);
	free(why);
	free(content);
	free(path);
	return err;
}

static int set_control(char **field, const char *text, const char *folder,
		       char **reason)
{
	char *path;
	int err;

	if (strcmp(text, "off") == 0) {
		free(*field);
		*field = NULL;
		return 0;
	}
	if (strcmp(text, "auto") == 0)
		return set_text(field, strdup(text));
	err = setting_socket_path(text, folder, &path, reason);
	return err ? err : set_text(field, path);
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

/* Of a file, for which mode is access(2)'s. */
static int set_path(char **field, const char *text, const char *folder,
		    int mode, char **reason)
{
	char *path = setting_path(text, folder);
	struct stat st;
	int err = 0;

	if (!path)
		return -ENOMEM;
	if (access(path, mode) < 0 || stat(path, &st) < 0)
		err = errno;
	else if (S_ISDIR(st.st_mode))
		err = EISDIR;
	if (!err)
		return set_text(field, path);
	err = setting_refuse(reason, -EINVAL, "%s: %s", path, strerror(err));
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

/* ".EXT TYPE/SUBTYPE", in lower case, one space between. */
static int add_content_type(struct conf_list *types, const char *text,
			    char **reason)
{
	static const char token[] = "!#$&^_.+-0123456789"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t ext = strcspn(text, " \t");
	const char *type = text + ext + strspn(text + ext, " \t");
	size_t major = strspn(type, token);
	size_t minor = type[major] == '/' ? strspn(type + major + 1, token) : 0;
	char *both;

	if (text[0] != '.' || ext < 2 || memchr(text, '/', ext) ||
	    memchr(text + 1, '.', ext - 1) || !major || !minor ||
	    type[major + 1 + minor])
		return setting_refuse(reason, -EINVAL, "not .EXT TYPE/SUBTYPE, "
				      "such as .mkv video/x-matroska");
	if (asprintf(&both, "%.*s %s", (int)ext, text, type) < 0)
		return -ENOMEM;
	for (char *s = both; *s; s++)
		*s = tolower((unsigned char)*s);
	return setting_list_add(types, both);
}

/* ---- any of them --------------------------------------------------------- */

static int assign_list(const struct conf_key *key, void *field,
		       const char *text, const char *folder, char **reason)
{
	switch (key->type) {
	case CONF_HEADER:
		return setting_header_add(field, text, reason);
	case CONF_HEADER_FILE:
		return setting_header_file_add(field, text, folder, reason);
	case CONF_RESPONSE_HEADER:
		return setting_response_header_add(field, text, reason);
	case CONF_CONTENT_TYPE:
		return add_content_type(field, text, reason);
	default:
		return setting_list_assign(key, field, text, folder, reason);
	}
}

static int assign_text(const struct conf_key *key, char **field,
		       const char *text, const char *folder, char **reason)
{
	switch (key->type) {
	case CONF_CACHE_DIR:
		return set_text(field, setting_path(text, folder));
	case CONF_TOKEN:
		return set_token(field, text, reason);
	case CONF_TOKEN_FILE:
		return set_token_file(field, text, folder, reason);
	case CONF_CONTROL:
		return set_control(field, text, folder, reason);
	case CONF_PROXY:
		return set_proxy(field, text, reason);
	case CONF_READABLE:
		return set_path(field, text, folder, R_OK, reason);
	case CONF_PROGRAM:
		return set_path(field, text, folder, X_OK, reason);
	case CONF_URL:
		return set_url(field, text, reason);
	default:
		if (has_control(text))
			return setting_refuse(reason, -EINVAL,
					      "has a control character");
		return set_text(field, strdup(text));
	}
}

static int assign_value(const struct conf_key *key, void *field,
			const char *text, char **reason)
{
	switch (key->type) {
	case CONF_NUMBER:
		return set_number(field, text, key, reason);
	case CONF_SECONDS:
		return set_seconds(field, text, key, reason);
	case CONF_SIZE:
		return set_size(field, text, key, reason);
	case CONF_BYTES:
		return set_bytes(field, text, key, reason);
	case CONF_SPLIT:
		return set_split(field, text, reason);
	case CONF_FILL:
		return set_fill(field, text, reason);
	case CONF_AUTO:
		return set_bool(field, text, "auto", reason);
	case CONF_YES:
		return set_bool(field, text, "yes", reason);
	case CONF_LEVEL:
		return set_level(field, text, reason);
	default:
		return set_save(field, text, reason);
	}
}

int setting_assign(const struct conf_key *key, void *base, const char *text,
		   const char *folder, char **reason)
{
	void *field = (char *)base + key->offset;

	*reason = NULL;
	if (!text || !*text)
		return setting_refuse(reason, -EINVAL, "wants a value, %s",
				      key->value);
	switch (setting_holds(key->type)) {
	case HOLDS_LIST:
		return assign_list(key, field, text, folder, reason);
	case HOLDS_TEXT:
		return assign_text(key, field, text, folder, reason);
	case HOLDS_USERS:
		return setting_users_assign(field, text, key->fallback, reason);
	case HOLDS_VALUE:
		break;
	}
	return assign_value(key, field, text, reason);
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

int setting_defaults(enum conf_section section, void *base)
{
	size_t n;
	const struct conf_key *key = conf_table(&n);
	int err = 0;

	for (; n && !err; n--, key++)
		if (key->section == section)
			err = setting_default(key, base);
	return err;
}
