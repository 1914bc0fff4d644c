/* A request to the control socket. A line with method and target, then the
 * body. */
#include "config.h"

#include <errno.h>

#include "http/control_ask.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *line = fuzz_line_string(&in), *target = strchr(line, ' ');
	size_t len = in.end - in.p;
	char *body = fuzz_copy(in.p, len);
	struct ask_error error;
	struct ask a;
	int rc;

	if (target)
		*target++ = '\0';
	rc = ask_parse(line, target ? target : "", body, len, &a, &error);
	must(rc == 0 || rc == -EINVAL);
	if (rc < 0) {
		must(error.status >= 400 && error.status < 500);
		must(error.reason[0] && !strchr(error.reason, '\n'));
		must((error.status == 405) == (error.allow[0] != '\0'));
	} else {
		size_t n;
		const struct ask_route *r = ask_routes(&n);

		while (r->what != a.what)
			r++;
		must(!strcmp(r->method, line) && (a.given & r->needs) == r->needs);
		must(!(a.given & ~(r->needs | r->takes)));
		must(a.start < a.end);
		must(!a.url == !(a.given & ASK_FIELD_URL) && (!a.url || *a.url));
		must(!a.name == !(a.given & ASK_FIELD_NAME));
		ask_fini(&a);
	}
	free(body);
	free(line);
	return 0;
}
