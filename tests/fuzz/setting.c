/* Single values. The input is KEY=VALUE, KEY of any section; what belongs to
 * no section is read as -o does. */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "cache/conf.h"
#include "cache/setting.h"
#include "cache/url.h"
#include "tests/fuzz/fuzz.h"

/* Room for the field of any section. */
union any {
	struct conf conf;
	struct conf_origin origin;
	struct conf_file file;
};

static void fini(enum conf_section section, union any *base)
{
	struct conf c = { 0 };

	if (section == CONF_GLOBAL) {
		conf_fini(&base->conf);
		return;
	}
	if (section == CONF_ORIGIN) {
		c.origins = malloc(sizeof(*c.origins));
		must(c.origins);
		c.origins[c.n_origins++] = base->origin;
	} else {
		c.files = malloc(sizeof(*c.files));
		must(c.files);
		c.files[c.n_files++] = base->file;
	}
	conf_fini(&c);
}

static const struct conf_key *find(const char *name)
{
	const struct conf_key *k = conf_find(CONF_GLOBAL, name);

	if (!k)
		k = conf_find(CONF_ORIGIN, name);
	return k ? k : conf_find(CONF_FILE, name);
}

static bool is_zero(const union any *base)
{
	static const union any zero;

	return !memcmp(base, &zero, sizeof(zero));
}

/* What was set, as text that can be set again; NULL: not text. */
static const char *text_of(const struct conf_key *k, const union any *base)
{
	const void *field = (const char *)base + k->offset;
	const struct conf_list *list = field;

	switch (k->type) {
	case CONF_NUMBER: case CONF_SECONDS: case CONF_SIZE: case CONF_BYTES:
	case CONF_SPLIT: case CONF_FILL: case CONF_AUTO: case CONF_LEVEL:
	case CONF_YES: case CONF_SAVE: case CONF_USERS:
	case CONF_HEADER_FILE: case CONF_TOKEN_FILE:
		return NULL;
	case CONF_HEADER: case CONF_RESPONSE_HEADER: case CONF_CONTENT_TYPE:
		must(list->n == 1);
		return list->v[0];
	case CONF_LISTEN: case CONF_HOSTS: case CONF_WEB_ORIGINS:
	case CONF_PATTERNS: case CONF_HEADER_NAMES: case CONF_QUERY:
	case CONF_PATHS:
		return list->n == 1 ? list->v[0] : NULL;
	default:
		return *(char *const *)field;
	}
}

static void check_value(const struct conf_key *k, const union any *base,
			const char *text)
{
	uint64_t size;
	struct url *u;
	unsigned n;

	switch (k->type) {
	case CONF_NUMBER:
		n = *(const unsigned *)((const char *)base + k->offset);
		must(n >= k->min && n <= k->max);
		must(n == strtoull(text, NULL, 10));
		break;
	case CONF_SIZE:
		size = *(const uint64_t *)((const char *)base + k->offset);
		must(size <= INT64_MAX ? size >= strtoull(text, NULL, 10) :
		     !strcmp(text, k->fallback));
		break;
	case CONF_FILL:
		must(!strcmp(text, "playing") || !strcmp(text, "all") ||
		     !strcmp(text, "none"));
		break;
	case CONF_AUTO:
		must(!strcmp(text, "auto") || !strcmp(text, "no"));
		break;
	case CONF_CACHE_DIR:
	case CONF_READABLE:
		must(text_of(k, base)[0] == '/');
		break;
	case CONF_LISTEN:
		must(!strcmp(text, "off") == !base->conf.http.n);
		break;
	case CONF_TOKEN:
		must(!strcmp(text, text_of(k, base)));
		must(text[strcspn(text, "/?#% ")] == '\0');
		break;
	case CONF_RESPONSE_HEADER:
		must(!strpbrk(text_of(k, base), "\r\n"));
		must(strncasecmp(text_of(k, base), "ETag:", 5) != 0);
		break;
	case CONF_URL:
		must(url_parse(text, &u) == 0);
		url_free(u);
		break;
	case CONF_HEADER:
		must(!strpbrk(text_of(k, base), "\r\n"));
		must(strncasecmp(text_of(k, base), "Range:", 6) != 0);
		break;
	default:
		break;
	}
}

/* Setting a value once more changes nothing. */
static void check_again(const struct conf_key *k, const union any *base)
{
	const char *text = text_of(k, base);
	union any again;
	char *reason = NULL;

	if (!text)
		return;
	memset(&again, 0, sizeof(again));
	must(setting_assign(k, &again, text, "/folder", &reason) == 0);
	must(!reason && fuzz_same(text, text_of(k, &again)));
	fini(k->section, &again);
}

static void check_assign(const struct conf_key *k, const char *text)
{
	union any base;
	char *reason = NULL;
	int err;

	memset(&base, 0, sizeof(base));
	err = setting_assign(k, &base, text, "/folder", &reason);
	if (err) {
		must(err == -EINVAL && reason && *reason);
		must(!strpbrk(reason, "\r\n"));
		must(k->type == CONF_HEADER_FILE || is_zero(&base));
	} else {
		must(!reason);
		check_value(k, &base, text);
		check_again(k, &base);
	}
	free(reason);
	fini(k->section, &base);
}

/* As of -o. */
static void check_set(const char *key, const char *text)
{
	struct conf c, before;
	char *error = NULL;
	int err;

	must(conf_init(&c) == 0);
	before = c;
	err = conf_set(&c, key, text, &error);
	must(err == 0 || err == -ENOENT || err == -EINVAL);
	must((err == -ENOENT) == !conf_find(CONF_GLOBAL, key));
	must((err == -EINVAL) == (error != NULL));
	if (error)
		must(!strncmp(error, "-o ", 3) && !strchr(error, '\n'));
	if (err)
		must(!memcmp(&c, &before, sizeof(c)));
	free(error);
	conf_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *key = fuzz_string(data, size), *value = strchr(key, '=');
	const struct conf_key *k;

	if (value)
		*value++ = '\0';
	k = find(key);
	/* Paths of anything on this machine are for the ini target, which
	 * knows its files. */
	if (k && value && k->type != CONF_HEADER_FILE &&
	    k->type != CONF_TOKEN_FILE)
		check_assign(k, value);
	if (!k || k->type != CONF_TOKEN_FILE)
		check_set(key, value);
	free(key);
	return 0;
}
