#include "config.h"

#include "setting_list.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy.h"
#include "setting.h"
#include "url.h"

/* ---- lists ---------------------------------------------------------------- */

void setting_list_free(struct conf_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct conf_list){ 0 };
}

int setting_list_add(struct conf_list *list, char *text)
{
	char **more = text ? reallocarray(list->v, list->n + 1, sizeof(*more)) :
			     NULL;

	if (!more) {
		free(text);
		return -ENOMEM;
	}
	list->v = more;
	list->v[list->n++] = text;
	return 0;
}

int setting_list_copy(struct conf_list *to, const struct conf_list *from)
{
	int err = 0;

	*to = (struct conf_list){ 0 };
	for (size_t i = 0; i < from->n && !err; i++)
		err = setting_list_add(to, strdup(from->v[i]));
	if (err)
		setting_list_free(to);
	return err;
}

/* Move what more has behind what list has. */
static int append(struct conf_list *list, struct conf_list *more)
{
	char **v = reallocarray(list->v, list->n + more->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	list->v = v;
	for (size_t i = 0; i < more->n; i++)
		v[list->n++] = more->v[i];
	free(more->v);
	*more = (struct conf_list){ 0 };
	return 0;
}

/* ---- words ---------------------------------------------------------------- */

static void lower(char *s)
{
	for (; *s; s++)
		*s = tolower((unsigned char)*s);
}

static int take(char **out, char *text)
{
	if (!text)
		return -ENOMEM;
	*out = text;
	return 0;
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

static int unix_listen(const char *text, const char *folder, char **out,
		       char **reason)
{
	char *path, *listen;
	int n, err = setting_socket_path(text, folder, &path, reason);

	if (err)
		return err;
	n = asprintf(&listen, "unix:%s", path);
	free(path);
	return n < 0 ? -ENOMEM : take(out, listen);
}

static int one_listen(const char *word, const char *folder, char **out,
		      char **reason)
{
	if (!strncmp(word, "unix:", 5) && word[5])
		return unix_listen(word + 5, folder, out, reason);
	if (!is_listen(word))
		return setting_refuse(reason, -EINVAL, "not ADDRESS:PORT, such "
				      "as 127.0.0.1:4612 or [::1]:0, nor "
				      "unix:PATH, nor off");
	return take(out, strdup(word));
}

/* What the host of a URL may be, as it stands there. */
static int one_host(const char *word, const char *folder, char **out,
		    char **reason)
{
	struct url *u = NULL;
	char *text;
	bool v6 = strchr(word, ':') && word[0] != '[';
	int err;

	(void)folder;
	if (asprintf(&text, v6 ? "http://[%s]/" : "http://%s/", word) < 0)
		return -ENOMEM;
	err = strpbrk(word, "/?#@") ||
	      (word[0] == '[' && word[strlen(word) - 1] != ']') ?
	      -EINVAL : url_parse(text, &u);
	free(text);
	if (err == -ENOMEM)
		return err;
	if (!err && (u->host[0] == '[' || !strchr(u->host, ':')))
		err = take(out, strdup(u->host));
	else
		err = setting_refuse(reason, -EINVAL,
				     "not the name of a host, without port");
	url_free(u);
	return err;
}

/* SCHEME://HOST[:PORT] as browsers write it (RFC 6454, 6.1), or "null". */
static int one_web_origin(const char *word, const char *folder, char **out,
			  char **reason)
{
	size_t scheme = strspn(word, "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789+.-");
	struct url *u;
	char *text;

	(void)folder;
	if (!strcmp(word, "null"))
		return take(out, strdup(word));
	if (!scheme || strncmp(word + scheme, "://", 3) || !word[scheme + 3] ||
	    strpbrk(word + scheme + 3, "/?#@*\\\""))
		return setting_refuse(reason, -EINVAL, "not the origin of a "
				      "page, such as https://example.com, "
				      "nor *");
	if (!url_parse(word, &u)) {
		text = strndup(u->origin, strlen(u->origin) - 1);
		url_free(u);
	} else {
		text = strdup(word);
		if (text)
			lower(text);
	}
	return take(out, text);
}

static int one_pattern(const char *word, const char *folder, char **out,
		       char **reason)
{
	int err = policy_pattern(word, out);

	(void)folder;
	if (err == -EINVAL)
		return setting_refuse(reason, err, "not the beginning of a "
				      "URL, nor a host, *.DOMAIN, an address "
				      "or a network, such as 10.0.0.0/8");
	return err;
}

static int one_header_name(const char *word, const char *folder, char **out,
			   char **reason)
{
	(void)folder;
	return setting_header_name(word, out, reason);
}

/* The name of a parameter as it stands in a query. */
static int one_parameter(const char *word, const char *folder, char **out,
			 char **reason)
{
	(void)folder;
	if (strpbrk(word, "=&#?*"))
		return setting_refuse(reason, -EINVAL, "not names of "
				      "parameters with commas between, nor *");
	return take(out, strdup(word));
}

static int one_path(const char *word, const char *folder, char **out,
		    char **reason)
{
	(void)folder;
	if (strpbrk(word, "?#") && word[0] == '/')
		return setting_refuse(reason, -EINVAL,
				      "a path has no '?' or '#'");
	return take(out, strdup(word));
}

/* ---- keys ----------------------------------------------------------------- */

struct words {
	enum conf_type type;
	int (*one)(const char *word, const char *folder, char **out,
		   char **reason);
	const char *between;
	const char *none, *any;	/* the word for an empty list, and one that
				   stands alone as it is; NULL: there is none */
};

static const struct words kinds[] = {
	{ CONF_LISTEN, one_listen, " \t", "off", NULL },
	{ CONF_HOSTS, one_host, " \t", "none", NULL },
	{ CONF_WEB_ORIGINS, one_web_origin, " \t", "none", "*" },
	{ CONF_PATTERNS, one_pattern, " \t", NULL, NULL },
	{ CONF_HEADER_NAMES, one_header_name, " \t", "none", NULL },
	{ CONF_QUERY, one_parameter, " \t,", "none", "*" },
	{ CONF_PATHS, one_path, " \t", NULL, NULL },
};

static const struct words *words_of(enum conf_type type)
{
	size_t i = 0;

	while (i + 1 < sizeof(kinds) / sizeof(kinds[0]) &&
	       kinds[i].type != type)
		i++;
	return &kinds[i];
}

static int split(const struct words *kind, char *text, const char *folder,
		 struct conf_list *list, char **reason)
{
	char *save = NULL, *word = strtok_r(text, kind->between, &save), *one;
	int err = 0;

	for (; word && !err; word = strtok_r(NULL, kind->between, &save)) {
		err = kind->one(word, folder, &one, reason);
		if (!err)
			err = setting_list_add(list, one);
	}
	if (!err && !list->n)
		err = setting_refuse(reason, -EINVAL, "wants a value");
	return err;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return true;
	return false;
}

int setting_list_assign(const struct conf_key *key, struct conf_list *field,
			const char *text, const char *folder, char **reason)
{
	const struct words *kind = words_of(key->type);
	struct conf_list list = { 0 };
	char *copy = strdup(text);
	int err = 0;

	if (!copy)
		return -ENOMEM;
	if (has_control(text))
		err = setting_refuse(reason, -EINVAL, "has a control character");
	else if (kind->any && !strcmp(text, kind->any))
		err = setting_list_add(&list, strdup(text));
	else if (!kind->none || strcmp(text, kind->none))
		err = split(kind, copy, folder, &list, reason);
	free(copy);
	if (!err && conf_is_repeatable(key)) {
		err = append(field, &list);
	} else if (!err) {
		setting_list_free(field);
		*field = list;
		return 0;
	}
	setting_list_free(&list);
	return err;
}

/* ---- users ---------------------------------------------------------------- */

static int add_user(struct conf_users *users, const char *word, char **reason)
{
	bool number = !word[strspn(word, "0123456789")];
	unsigned long long id = strtoull(word, NULL, 10);
	const struct passwd *user = number ? NULL : getpwnam(word);
	uid_t *more;

	/* The last one stands for "no such user" everywhere. */
	if (number ? id >= (uid_t)-1 : !user)
		return setting_refuse(reason, -EINVAL, "there is no user %s",
				      word);
	more = reallocarray(users->v, users->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	users->v = more;
	users->v[users->n++] = number ? (uid_t)id : user->pw_uid;
	return 0;
}

int setting_users_assign(struct conf_users *field, const char *text,
			 const char *fallback, char **reason)
{
	struct conf_users users = { .all = !strcmp(text, "all") };
	char *copy = strdup(text), *save = NULL, *word = NULL;
	int err = copy ? 0 : -ENOMEM;

	if (copy && !users.all && strcmp(text, fallback))
		word = strtok_r(copy, " \t", &save);
	for (; word && !err; word = strtok_r(NULL, " \t", &save))
		err = add_user(&users, word, reason);
	free(copy);
	if (err) {
		free(users.v);
		return err;
	}
	free(field->v);
	*field = users;
	return 0;
}
