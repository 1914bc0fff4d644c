/* The endpoint's request target and Host. Three lines: a request target, a
 * Host field, a name. */
#include "config.h"

#include <errno.h>

#include "cache/url.h"
#include "http/target.h"
#include "tests/fuzz/fuzz.h"

static void check_host(const char *field, size_t len)
{
	char host[TARGET_HOST_MAX], again[TARGET_HOST_MAX];
	char text[TARGET_HOST_MAX + 2];
	char *copy = fuzz_copy(field, len);
	int err = target_host(copy, len, host), n;

	free(copy);
	must(err == 0 || err == -EINVAL);
	if (err)
		return;
	must(*host && strlen(host) < sizeof(host) && !strchr(host, '@'));
	must(memmem(field, len, host, strlen(host)));
	if (target_is_loopback(host))
		must(!strncasecmp(host, "localhost", 9) ||
		     target_same_address(host, host));
	must(target_same_address(host, "127.0.0.1") ==
	     target_same_address("127.0.0.1", host));
	/* As it would be written, it is the same host. */
	if (strchr(host, ']'))
		return;
	n = snprintf(text, sizeof(text),
		     strchr(host, ':') || *host == '[' ? "[%s]" : "%s", host);
	must(target_host(text, n, again) == 0 && !strcmp(again, host));
}

static void check_target(const char *text)
{
	const char *end = text + strlen(text);
	struct url *u;
	struct target t;
	int err = target_parse(text, &t);

	must(err == 0 || err == -EINVAL);
	must(err == 0 || text[0] != '/');
	if (err)
		return;
	must(t.name > text && t.name <= end);
	if (text[0] == '/')
		must(!t.authority && t.name == text + 1);
	if (t.authority) {
		must(t.authority_len > 0);
		must(t.authority + t.authority_len <= t.name);
		must(!memchr(t.authority, '/', t.authority_len));
		check_host(t.authority, t.authority_len);
	}
	/* Where the endpoint goes from here. */
	if (url_from_name(t.name, &u) == 0)
		url_free(u);
}

/* A name is itself however it is escaped, and nothing else is. */
static void check_name(const char *raw, const char *name)
{
	size_t len = strlen(name);
	char *escaped = malloc(3 * len + 1), *bare;

	must(escaped);
	for (size_t i = 0; i < len; i++)
		sprintf(escaped + 3 * i, "%%%02x", (unsigned char)name[i]);
	must(target_is_name(escaped, 3 * len, name));
	if (!strchr(name, '%'))
		must(target_is_name(name, len, name));
	must(!len || !target_is_name(escaped, 3 * len - 3, name));
	must(!target_is_name(escaped, 3 * len, "") || !len);
	free(escaped);

	bare = fuzz_copy(raw, strlen(raw));
	if (target_is_name(bare, strlen(raw), name))
		must(len <= strlen(raw));
	free(bare);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *target = fuzz_line_string(&in);
	char *host = fuzz_line_string(&in);
	char *name = fuzz_line_string(&in);

	check_target(target);
	check_host(host, strlen(host));
	check_name(target, name);
	free(target);
	free(host);
	free(name);
	return 0;
}
