/* The file that keeps names which were given to URLs. */
#include "config.h"

#include <errno.h>

#include "cache/given.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct given_list l = { 0 }, again = { 0 };
	char *copy = fuzz_copy(data, size), *text;
	int err = given_parse(copy, size, &l);
	size_t len;

	must(err == 0 || err == -EBADMSG || err == -EPROTO);
	free(copy);
	for (size_t i = 0; i < l.n; i++) {
		must(given_is_name(l.v[i].name));
		must(!i || strcmp(l.v[i - 1].name, l.v[i].name) < 0);
	}
	if (!err) {
		must(given_format(&l, &text, &len) == 0);
		must(given_parse(text, len, &again) == 0);
		must(again.n == l.n);
		for (size_t i = 0; i < l.n; i++)
			must(!strcmp(again.v[i].name, l.v[i].name) &&
			     !strcmp(again.v[i].url, l.v[i].url));
		free(text);
	}
	given_list_fini(&again);
	given_list_fini(&l);
	return 0;
}
