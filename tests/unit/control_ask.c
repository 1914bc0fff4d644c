/* control_ask: requests to the control socket. */
#include "config.h"

#include "http/control_ask.h"
#include "tests/tap.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *method, *target, *body;
	unsigned status;	/* 0: fine */
	enum ask_what what;
	const char *url, *name;
} requests[] = {
	{ "GET", "/status", "", 0, ASK_STATUS, NULL, NULL },
	{ "GET", "/status?", "", 0, ASK_STATUS, NULL, NULL },
	{ "GET", "/entries?url=https%3A%2F%2Fh%2Fa%2Bb+c&state=active", "", 0,
	  ASK_ENTRIES, "https://h/a+b c", NULL },
	{ "GET", "/entries?&&url=x&", "", 0, ASK_ENTRIES, "x", NULL },
	{ "GET", "/entries?url=50%", "", 0, ASK_ENTRIES, "50%", NULL },
	{ "POST", "/pin", "{\"url\": \"https://h/\\u0061\"}", 0, ASK_PIN,
	  "https://h/a", NULL },
	{ "POST", "/names", "{\"url\":\"u\",\"name\":\"n\"}", 0, ASK_NAME_ADD,
	  "u", "n" },
	{ "GET", "/names", "", 0, ASK_NAMES, NULL, NULL },
	{ "DELETE", "/names?name=n", "", 0, ASK_NAME_REMOVE, NULL, "n" },
	{ "POST", "/reload", "", 0, ASK_RELOAD, NULL, NULL },
	{ "POST", "/reload", "{}", 0, ASK_RELOAD, NULL, NULL },
	{ "GET", "/", "", 404, 0, NULL, NULL },
	{ "GET", "", "", 404, 0, NULL, NULL },
	{ "GET", "/statu", "", 404, 0, NULL, NULL },
	{ "GET", "/status/", "", 404, 0, NULL, NULL },
	{ "GET", "/names%00", "", 404, 0, NULL, NULL },
	{ "POST", "/status", "", 405, 0, NULL, NULL },
	{ "HEAD", "/status", "", 405, 0, NULL, NULL },
	{ "PUT", "/names", "{}", 405, 0, NULL, NULL },
	{ "GET", "/status", "{}", 400, 0, NULL, NULL },
	{ "GET", "/status?url=x", "", 400, 0, NULL, NULL },
	{ "GET", "/entries?url", "", 400, 0, NULL, NULL },
	{ "GET", "/entries?url=", "", 400, 0, NULL, NULL },
	{ "GET", "/entries?url=a&url=b", "", 400, 0, NULL, NULL },
	{ "GET", "/entries?url=%00", "", 400, 0, NULL, NULL },
	{ "GET", "/entries?url=%ff", "", 400, 0, NULL, NULL },
	{ "GET", "/entries?state=loaded", "", 0, ASK_ENTRIES, NULL, NULL },
	{ "GET", "/entries?state=some", "", 400, 0, NULL, NULL },
	{ "GET", "/entries?%75rl=x", "", 0, ASK_ENTRIES, "x", NULL },
	{ "GET", "/where", "", 400, 0, NULL, NULL },
	{ "POST", "/pin", "", 400, 0, NULL, NULL },
	{ "POST", "/pin?url=x", "", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\":1}", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\":null}", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\":\"a\",\"url\":\"b\"}", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\":\"a\",\"end\":1}", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\":\"a\",\"wait\":1}", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\":\"a\\u0000b\"}", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\":\"a\"} x", 400, 0, NULL, NULL },
	{ "POST", "/pin", "[\"url\"]", 400, 0, NULL, NULL },
	{ "POST", "/pin", "{\"url\"", 400, 0, NULL, NULL },
	{ "POST", "/pin", "\xff\xfe", 400, 0, NULL, NULL },
	{ "POST", "/names", "{\"url\":\"u\"}", 400, 0, NULL, NULL },
	{ "POST", "/log-level", "{\"level\":\"loud\"}", 400, 0, NULL, NULL },
	{ "POST", "/log-level", "{\"level\":3}", 400, 0, NULL, NULL },
};

static void test_requests(void)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct ask a = { .url = (char *)"untouched" };
		struct ask_error error;
		int rc = ask_parse(requests[i].method, requests[i].target,
				   requests[i].body, strlen(requests[i].body),
				   &a, &error);

		is_int(rc, requests[i].status ? -EINVAL : 0, "%s %s %s",
		       requests[i].method, requests[i].target,
		       requests[i].body);
		if (rc < 0) {
			is_uint(error.status, requests[i].status, "... %s",
				error.reason);
			ok(error.reason[0], "... says why");
			is_str(a.url, "untouched", "... leaves out alone");
			continue;
		}
		is_int(a.what, requests[i].what, "... what");
		is_str(a.url, requests[i].url, "... its url");
		is_str(a.name, requests[i].name, "... its name");
		ask_fini(&a);
	}
}

static const struct {
	const char *values;
	bool good;
	uint64_t start, end;
} ranges[] = {
	{ "", true, 0, UINT64_MAX },
	{ ",\"start\":0", true, 0, UINT64_MAX },
	{ ",\"start\":5", true, 5, UINT64_MAX },
	{ ",\"end\":1", true, 0, 1 },
	{ ",\"start\":5,\"end\":7", true, 5, 7 },
	{ ",\"end\":9223372036854775807", true, 0, INT64_MAX },
	{ ",\"end\":9223372036854775808", false, 0, 0 },
	{ ",\"end\":0", false, 0, 0 },
	{ ",\"start\":7,\"end\":7", false, 0, 0 },
	{ ",\"start\":-1", false, 0, 0 },
	{ ",\"start\":1.5", false, 0, 0 },
	{ ",\"start\":\"1\"", false, 0, 0 },
	{ ",\"start\":true", false, 0, 0 },
	{ ",\"wait\":true", true, 0, UINT64_MAX },
	{ ",\"wait\":\"yes\"", false, 0, 0 },
	{ ",\"wait\":1", false, 0, 0 },
};

static void test_ranges(void)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct ask_error error;
		struct ask a;
		char body[128];
		int n = snprintf(body, sizeof(body), "{\"url\":\"u\"%s}",
				 ranges[i].values);
		int rc = ask_parse("POST", "/fetch", body, (size_t)n, &a,
				   &error);

		is_int(rc, ranges[i].good ? 0 : -EINVAL, "fetch %s", body);
		if (rc < 0)
			continue;
		is_uint(a.start, ranges[i].start, "... start");
		is_uint(a.end, ranges[i].end, "... end");
		ask_fini(&a);
	}
}

static void test_words(void)
{
	struct ask_error error;
	struct ask a;

	is_int(ask_parse("GET", "/entries?state=partial", "", 0, &a, &error), 0,
	       "a state");
	is_int(a.state, ASK_PARTIAL, "... which");
	ask_fini(&a);
	is_int(ask_parse("POST", "/log-level", "{\"level\":\"debug\"}", 17, &a,
			 &error), 0, "a level");
	is_int(a.level, LOG_LEVEL_DEBUG, "... which");
	ask_fini(&a);
	is_int(ask_parse("POST", "/fetch", "{\"url\":\"u\",\"wait\":true}", 23,
			 &a, &error), 0, "to wait");
	ok(a.wait, "... is heard");
	ask_fini(&a);
	ask_parse("PATCH", "/names", "", 0, &a, &error);
	is_str(error.allow, "GET, POST, DELETE", "what is allowed");
	ask_parse("DELETE", "/names", "", 0, &a, &error);
	is_str(error.allow, "", "nothing of that in another error");
}

/* Nothing of a request comes back in a reason: it may be a secret. */
static void test_reasons(void)
{
	static const char *const targets[] = {
		"/secret", "/entries?secret=1", "/entries?state=secret",
		"/status?url=secret", "/entries?secret",
	};
	struct ask_error error;
	struct ask a;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		ok(ask_parse("GET", targets[i], "", 0, &a, &error) < 0,
		   "%s is refused", targets[i]);
		ok(!strstr(error.reason, "secret"), "... without a word of it");
	}
}

static void test_routes(void)
{
	bool seen[ASK_COUNT] = { false };
	size_t n;
	const struct ask_route *r = ask_routes(&n);

	is_uint(n, ASK_COUNT, "as many routes as things to ask");
	for (size_t i = 0; i < n; i++) {
		ok(!seen[r[i].what], "%s %s is there once", r[i].method,
		   r[i].path);
		seen[r[i].what] = true;
	}
}

int main(void)
{
	test_requests();
	test_ranges();
	test_words();
	test_reasons();
	test_routes();
	return done_testing();
}
