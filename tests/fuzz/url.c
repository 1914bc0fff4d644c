/* URLs, and their names. Two lines: a URL, and one that is relative to it or
 * stands for itself. */
#include "config.h"

#include <errno.h>

#include "cache/url.h"
#include "tests/fuzz/fuzz.h"

static bool is_error(int err)
{
	return err == -EINVAL || err == -ENAMETOOLONG;
}

/* One way to write an escape, and none where none is needed. */
static void check_key_path(const char *key)
{
	size_t len = strcspn(key, "?");

	for (const char *s = key; s < key + len; s++) {
		if (*s != '%')
			continue;
		must(url_escape(s) >= 0 && s + 3 <= key + len);
		must(strspn(s + 1, "0123456789ABCDEF") >= 2);
		must(url_escape(s) == 0 ||
		     !strchr("abcdefghijklmnopqrstuvwxyz0123456789-._~"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ", url_escape(s)));
	}
}

/* Every spelling of a URL is the URL. */
static void check_spellings(const struct url *u)
{
	struct url *sent, *key;

	must(fuzz_printable(u->sent) && fuzz_printable(u->key));
	must(!strpbrk(u->sent, "#\"<>") && !strpbrk(u->key, "#\"<>"));
	must(strlen(u->sent) <= URL_MAX && strlen(u->key) <= strlen(u->sent));
	must(!strncmp(u->sent, u->origin, strlen(u->origin)));
	must(!strncmp(u->key, u->origin, strlen(u->origin)));
	must(!strncmp(u->origin, u->https ? "https://" : "http://",
		      u->https ? 8 : 7));
	check_key_path(u->key);
	must(strlen(u->host) <= URL_HOST_MAX && !strpbrk(u->host, "/?#@\\%"));
	must(url_parse(u->sent, &sent) == 0);
	must(!strcmp(sent->sent, u->sent) && !strcmp(sent->key, u->key));
	must(url_parse(u->key, &key) == 0);
	must(!strcmp(key->key, u->key) && !strcmp(key->sent, u->key));
	url_free(sent);
	url_free(key);
}

static bool has_tail(const char *s, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len >= n && !memcmp(s + len - n, tail, n);
}

/* What a file system and the store need of a name. */
static void check_components(const char *name)
{
	const char *s = name;
	size_t n = 0, len;

	must(strlen(name) <= URL_NAME_MAX);
	for (;; s += len + 1, n++) {
		len = strcspn(s, "/");
		must(len > 0 && len <= (n == 1 ? URL_HOST_MAX :
					URL_COMPONENT_MAX));
		must(!(len == 1 && *s == '.'));
		must(!has_tail(s, len, ".."));
		must(n < 2 || (!has_tail(s, len, ".meta") &&
			       !has_tail(s, len, ".part") &&
			       !has_tail(s, len, "%file") &&
			       strncmp(s, ".%tmp", 5) != 0));
		for (size_t i = 0; i < len; i++)
			must((unsigned char)s[i] >= ' ' && s[i] != 0x7f);
		if (!s[len])
			break;
	}
	must(n >= 2);
}

/* The name below its origin. */
static void check_below(const struct url *u, const char *name)
{
	struct url *base, *below;
	const char *rest = name + 5 + u->https + strlen(u->host) + 1;

	must(url_parse(u->origin, &base) == 0);
	must(url_from_name_below(base, rest, &below) == 0);
	must(!strcmp(below->key, u->key));
	url_free(base);
	url_free(below);
}

/* What kind of file it is does not depend on the spelling. */
static void check_types(const struct url *u, const char *name)
{
	must(url_name_is_file(name) == url_name_is_file(u->key));
	must(fuzz_same(url_media_type(name), url_media_type(u->key)));
}

/* A name that is there; NULL: too long. */
static char *check_name(const struct url *u)
{
	char *name, *again;
	struct url *back;
	int err = url_name(u, &name);

	must(err == 0 || err == -ENAMETOOLONG);
	if (err)
		return NULL;
	check_components(name);
	err = url_from_name(name, &back);
	must(err == 0 || (err == -ENOENT && strstr(name, "%~")));
	if (err)
		return name;
	must(!strcmp(back->key, u->key));
	must(url_name(back, &again) == 0 && !strcmp(again, name));
	check_below(u, name);
	check_types(u, name);
	url_free(back);
	free(again);
	return name;
}

/* One resource, one name. */
static void check_injective(const struct url *a, const struct url *b)
{
	char *x = check_name(a), *y = check_name(b);

	if (x && y)
		must(!strcmp(x, y) == !strcmp(a->key, b->key));
	free(x);
	free(y);
}

static void check_resolve(const struct url *base, const char *ref)
{
	struct url *u, *again;
	int err = url_resolve(base, ref, &u);

	must(err == 0 || is_error(err) || (err == -EPERM && base->https));
	if (err)
		return;
	must(u->https || !base->https);
	check_spellings(u);
	must(url_resolve(base, u->sent, &again) == 0);
	must(!strcmp(again->sent, u->sent));
	if (!*ref)
		must(!strcmp(u->sent, base->sent));
	check_injective(base, u);
	url_free(u);
	url_free(again);
}

/* Nothing secret is left, whatever it was. */
static void check_redact(const char *text)
{
	char buf[80], *full = malloc(strlen(text) + 64), *with;
	const char *slashes = strstr(text, "://");

	must(full);
	must(url_redact(text, buf, sizeof(buf)) == buf);
	must(strlen(buf) < sizeof(buf) && !strpbrk(buf, "?#"));
	if (slashes && strspn(text, "abcdefghijklmnopqrstuvwxyz") ==
		       (size_t)(slashes - text)) {
		must(asprintf(&with, "%.*s://user:hunter2@%s",
			      (int)(slashes - text), text, slashes + 3) > 0);
		url_redact(with, full, strlen(text) + 64);
		must(strstr(text, "hunter2") || !strstr(full, "hunter2"));
		free(with);
	}
	free(full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *text = fuzz_line_string(&in), *ref = fuzz_line_string(&in);
	struct url *u, *other;
	int err = url_parse(text, &u);

	check_redact(text);
	url_name_is_file(text);
	url_media_type(text);
	must(err == 0 || is_error(err));
	if (!err) {
		check_spellings(u);
		free(check_name(u));
		check_resolve(u, ref);
		if (url_parse(ref, &other) == 0) {
			check_injective(u, other);
			url_free(other);
		}
		url_free(u);
	}
	free(text);
	free(ref);
	return 0;
}
