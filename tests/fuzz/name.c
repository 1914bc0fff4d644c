/* Names as people type them. Two lines: a name, and a base URL that it is
 * below of. */
#include "config.h"

#include <errno.h>

#include "cache/url.h"
#include "tests/fuzz/fuzz.h"

static bool is_error(int err)
{
	return err == -EINVAL || err == -ENAMETOOLONG || err == -ENOENT;
}

/* name -> URL -> name: may differ from what was typed, but stays. */
static void check_stable(const struct url *u)
{
	char *name, *again;
	struct url *back;
	int err = url_name(u, &name);

	must(err == 0 || err == -ENAMETOOLONG);
	if (err)
		return;
	err = url_from_name(name, &back);
	must(err == 0 || (err == -ENOENT && strstr(name, "%~")));
	if (!err) {
		must(!strcmp(back->key, u->key));
		must(url_name(back, &again) == 0 && !strcmp(again, name));
		url_free(back);
		free(again);
	}
	free(name);
}

/* "https/", "https:/" and "https://" are one. */
static void check_prefixes(const char *name, const struct url *u)
{
	static const char *const prefixes[] = { "%s/%s", "%s:/%s", "%s://%s" };
	const char *rest = name + strcspn(name, ":/");
	char *text;
	struct url *same;

	rest += strspn(rest, ":/");
	for (size_t i = 0; i < 3; i++) {
		must(asprintf(&text, prefixes[i], u->https ? "HTTPS" : "http",
			      rest) > 0);
		must(url_from_name(text, &same) == 0);
		must(!strcmp(same->sent, u->sent));
		url_free(same);
		free(text);
	}
}

static void check_name(const char *name)
{
	struct url *u;
	int err = url_from_name(name, &u);

	must(err == 0 || is_error(err));
	if (err)
		return;
	must(!strncasecmp(name, u->https ? "https" : "http",
			  u->https ? 5 : 4));
	must(fuzz_printable(u->sent) && !strchr(u->sent, '#'));
	check_stable(u);
	check_prefixes(name, u);
	url_free(u);
}

static void check_below(const char *base_text, const char *name)
{
	struct url *base, *folder, *u;
	char *text;
	int err;

	if (url_parse(base_text, &base))
		return;
	err = url_from_name_below(base, name, &u);
	must(err == 0 || is_error(err));
	if (!err) {
		size_t len = strcspn(base->sent, "?");

		must(asprintf(&text, "%.*s%s", (int)len, base->sent,
			      base->sent[len - 1] == '/' ? "" : "/") > 0);
		must(url_parse(text, &folder) == 0);
		must(!strncmp(u->key, folder->key, strlen(folder->key)));
		check_stable(u);
		url_free(folder);
		free(text);
		url_free(u);
	}
	url_free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *name = fuzz_line_string(&in), *base = fuzz_line_string(&in);

	url_name_is_file(name);
	url_media_type(name);
	check_name(name);
	check_below(base, name);
	free(name);
	free(base);
	return 0;
}
