/* fields: what is kept of a response's header, by tables. */
#include "config.h"

#include "cache/fields.h"
#include "tests/tap.h"

#include <stdlib.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static struct field field_of(const char *name, const char *value)
{
	return (struct field){ name, value, strlen(name), strlen(value) };
}

static void test_valid(void)
{
	static const struct {
		const char *name, *value;
		bool want;
	} cases[] = {
		{ "A", "b", true }, { "A", "", true }, { "A", "b c", true },
		{ "A", ": b", true }, { "A", "\xc3\xa9", true },
		{ "A", "b\tc", true }, { "x-!#$%&'*+.^_`|~9", "1", true },
		{ "", "b", false }, { "A b", "c", false }, { "A:", "c", false },
		{ "A\n", "c", false }, { "\xc3\xa9", "c", false },
		{ "A", " b", false }, { "A", "b ", false }, { "A", "\tb", false },
		{ "A", "b\r", false }, { "A", "b\nC: d", false },
		{ "A", "b\x7f", false }, { "A", "\x01", false },
	};
	struct field f;

	for (size_t i = 0; i < COUNT(cases); i++) {
		f = field_of(cases[i].name, cases[i].value);
		ok(field_valid(&f) == cases[i].want, "\"%s\": %s", f.name,
		   cases[i].want ? "valid" : "not valid");
	}
	f = (struct field){ "A\0b", "c", 3, 1 };
	ok(!field_valid(&f), "NUL in a name");
	f = (struct field){ "A", "b\0c", 1, 3 };
	ok(!field_valid(&f), "NUL in a value");
}

static void test_kept(void)
{
	static const char *const kept[] = {
		"Server", "Cache-Control", "Date", "Expires", "Vary", "Via",
		"Content-Disposition", "Content-Language", "Link", "X-Any",
		"Content-Security-Policy", "Prox", "Access-Contro",
	};
	static const char *const never[] = {
		"Connection", "keep-alive", "PROXY-AUTHENTICATE",
		"Proxy-Connection", "TE", "Trailer", "transfer-encoding",
		"Upgrade", "Content-Length", "Content-Range", "Content-Type",
		"Content-Encoding", "ETag", "Last-Modified", "Age", "X-Cache",
		"Repr-Digest", "Accept-Ranges", "Set-Cookie", "set-cookie2",
		"WWW-Authenticate", "Location", "Authorization",
		"Access-Control-Allow-Origin", "Clear-Site-Data", "Alt-Svc",
		"Strict-Transport-Security", "Cross-Origin-Resource-Policy",
	};
	struct field f;

	for (size_t i = 0; i < COUNT(kept); i++) {
		f = field_of(kept[i], "x");
		ok(field_kept(&f), "%s is kept", kept[i]);
	}
	for (size_t i = 0; i < COUNT(never); i++) {
		f = field_of(never[i], "x");
		ok(!field_kept(&f), "%s is not kept", never[i]);
	}
}

static void test_next(void)
{
	const char *text = "A: b\nEmpty: \nC: d: e\nlast: line";
	struct field f;

	ok(fields_next(&text, &f) && field_is(&f, "a") && f.value_len == 1 &&
	   *f.value == 'b', "a field");
	ok(fields_next(&text, &f) && field_is(&f, "EMPTY") && !f.value_len,
	   "one without a value");
	ok(fields_next(&text, &f) && f.value_len == 4 &&
	   !memcmp(f.value, "d: e", 4), "a colon in a value");
	ok(fields_next(&text, &f) && f.value_len == 4, "the last line");
	ok(!fields_next(&text, &f) && !fields_next(&text, &f), "the end");
	text = NULL;
	ok(!fields_next(&text, &f), "nothing");
	ok(fields_find("A: b\nC: d\nc: e\n", "C", &f) && *f.value == 'd',
	   "the first of a name");
	ok(!fields_find("A: b\n", "B", &f), "none of a name");
}

static void test_select(void)
{
	static const struct {
		const char *what, *received, *named;
		bool all;
		const char *want;
	} cases[] = {
		{ "nothing", NULL, NULL, true, NULL },
		{ "all, the essential ones first",
		  "Server: x\nDate: d\nX-A: 1\nCache-Control: c\n", NULL, true,
		  "Date: d\nCache-Control: c\nServer: x\nX-A: 1\n" },
		{ "the essential ones",
		  "Server: x\nDate: d\nX-A: 1\nVary: v\nvary: w\nExpires: 0\n",
		  NULL, false, "Date: d\nVary: v\nvary: w\nExpires: 0\n" },
		{ "none of them essential", "Server: x\n", NULL, false, NULL },
		{ "those named by Connection",
		  "X-A: 1\nX-B: 2\nX-C: 3\n", "close, x-a ,X-C", true,
		  "X-B: 2\n" },
		{ "an essential one named", "Date: d\nVary: v\n", "date", true,
		  "Vary: v\n" },
		{ "a part of a name", "X-A: 1\n", "X, X-AB,,", true,
		  "X-A: 1\n" },
		{ "several of a name", "Link: 1\nX: y\nLink: 2\n", NULL, true,
		  "Link: 1\nX: y\nLink: 2\n" },
	};
	char *got;

	for (size_t i = 0; i < COUNT(cases); i++) {
		got = NULL;
		is_int(fields_select(cases[i].received, cases[i].named,
				     cases[i].all, &got), 0, "%s: done",
		       cases[i].what);
		is_str(got, cases[i].want, "%s", cases[i].what);
		ok(fields_sound(got), "%s: sound", cases[i].what);
		free(got);
	}
}

static void test_update(void)
{
	static const struct {
		const char *what, *kept, *newer, *want;
	} cases[] = {
		{ "nothing", NULL, NULL, NULL },
		{ "nothing new", "A: 1\nB: 2\n", NULL, "A: 1\nB: 2\n" },
		{ "nothing old", NULL, "A: 1\n", "A: 1\n" },
		{ "one in place of another", "A: 1\nB: 2\n", "b: 3\n",
		  "b: 3\nA: 1\n" },
		{ "one in place of two", "A: 1\nA: 2\nB: 3\n", "A: 4\n",
		  "A: 4\nB: 3\n" },
		{ "two in place of one", "A: 1\n", "A: 2\nA: 3\n",
		  "A: 2\nA: 3\n" },
	};
	char *got;

	for (size_t i = 0; i < COUNT(cases); i++) {
		got = NULL;
		is_int(fields_update(cases[i].kept, cases[i].newer, &got), 0,
		       "%s: done", cases[i].what);
		is_str(got, cases[i].want, "%s", cases[i].what);
		free(got);
	}
}

static void test_bounds(void)
{
	static char large[FIELDS_MAX];
	char *text = NULL, *grown = NULL;
	struct field f = { "A", large, 1, FIELDS_MAX - 4 };
	size_t len = 0;

	memset(large, 'x', sizeof(large));
	is_int(fields_add(&text, &len, FIELDS_MAX, &f), 0, "a large one");
	is_uint(len, FIELDS_MAX, "fits to the last byte");
	f = field_of("Date", "today");
	is_int(fields_add(&text, &len, FIELDS_MAX, &f), 0, "one more");
	is_uint(len, FIELDS_MAX, "is left out");
	is_uint(strlen(text), FIELDS_MAX, "and the text as it was");
	ok(fields_sound(text), "sound");
	is_int(fields_update(text, "Date: now\n", &grown), 0, "an update");
	is_str(grown, "Date: now\n", "comes before what was there");
	free(grown);
	free(text);
	ok(!fields_sound("") && !fields_sound("A: b") && !fields_sound("A:b\n") &&
	   !fields_sound("A: b\n\n") && !fields_sound("Location: b\n"),
	   "what is not sound");
}

int main(void)
{
	test_valid();
	test_kept();
	test_next();
	test_select();
	test_update();
	test_bounds();
	return done_testing();
}
