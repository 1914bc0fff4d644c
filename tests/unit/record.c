/* The record format: there and back, and whatever bytes may come. */
#include "config.h"

#include "cache/fields.h"
#include "cache/store.h"
#include "tests/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

static struct store_record sample(void)
{
	struct store_record r = {
		.kind = STORE_FILE,
		.url = copy("https://Example.com/a%20film.mp4?id=1"),
		.key = copy("https://example.com/a%20film.mp4?id=1"),
		.generation = 0xc0ffee,
		.version = {
			.etag = copy("\"abc: def\""),
			.last_modified = copy("Sat, 01 Jan 2022 00:00:00 GMT"),
			.size = 1048576,
		},
		.content_type = copy("video/mp4"),
		.base = copy("https://cdn.example.com/f.mp4"),
		.ranges = true,
		.created = 1500000000,
		.fresh_until = 1700000000,
		.validated = 1600000000,
		.generated = 1599999990,
		.fields = copy("Cache-Control: max-age=60\n"
			       "X-Note: a: b\nEmpty: \n"),
	};

	extent_add(&r.present, 0, 65536);
	extent_add(&r.present, 131072, 196608);
	extent_add(&r.present, 262144, 1048576);
	return r;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same(const struct store_record *a, const struct store_record *b)
{
	return a->kind == b->kind && same_text(a->url, b->url) &&
	       same_text(a->key, b->key) && a->generation == b->generation &&
	       same_text(a->version.etag, b->version.etag) &&
	       same_text(a->version.last_modified, b->version.last_modified) &&
	       a->version.size == b->version.size &&
	       same_text(a->content_type, b->content_type) &&
	       same_text(a->base, b->base) &&
	       a->ranges == b->ranges && a->pinned == b->pinned &&
	       a->created == b->created &&
	       a->fresh_until == b->fresh_until &&
	       a->validated == b->validated &&
	       a->generated == b->generated &&
	       same_text(a->fields, b->fields) &&
	       a->present.n == b->present.n &&
	       a->present.total == b->present.total &&
	       (!a->present.n || !memcmp(a->present.v, b->present.v,
				a->present.n * sizeof(*a->present.v)));
}

/* Formats, parses, compares. */
static bool round_trip(const struct store_record *r)
{
	struct store_record back = { 0 };
	char *text = NULL;
	size_t len;
	bool good = store_format(r, &text, &len) == 0 && strlen(text) == len &&
		    store_parse(text, len, &back) == 0 && same(r, &back);

	store_record_fini(&back);
	free(text);
	return good;
}

static void test_text(void)
{
	static const char want[] =
		"spoolfs-meta 2\n"
		"kind: file\n"
		"url: https://Example.com/a%20film.mp4?id=1\n"
		"key: https://example.com/a%20film.mp4?id=1\n"
		"generation: 0000000000c0ffee\n"
		"size: 1048576\n"
		"etag: \"abc: def\"\n"
		"last-modified: Sat, 01 Jan 2022 00:00:00 GMT\n"
		"type: video/mp4\n"
		"base: https://cdn.example.com/f.mp4\n"
		"ranges: yes\n"
		"pinned: no\n"
		"created: 1500000000\n"
		"fresh-until: 1700000000\n"
		"validated: 1600000000\n"
		"generated: 1599999990\n"
		"field: Cache-Control: max-age=60\n"
		"field: X-Note: a: b\n"
		"field: Empty: \n"
		"present: 0-65536 131072-196608 262144-1048576\n"
		"checksum: ";
	struct store_record r = sample();
	char *text = NULL;
	size_t len = 0;

	is_int(store_format(&r, &text, &len), 0, "a record becomes text");
	ok(!strncmp(text, want, sizeof(want) - 1) &&
	   len == sizeof(want) - 1 + 17, "in the format that the header shows");
	free(text);
	ok(round_trip(&r), "and back");
	store_record_fini(&r);
	ok(!r.url && !r.present.v && !r.version.size, "fini leaves it zeroed");
}

static void test_fields(void)
{
	struct store_record r = sample(), empty = { 0 };

	free(r.version.etag);
	free(r.content_type);
	r.version.etag = r.content_type = NULL;
	r.version.size = REPLY_SIZE_UNKNOWN;
	ok(round_trip(&r), "absent etag and type, size unknown");
	r.content_type = copy("");
	ok(round_trip(&r), "an empty value is not an absent one");
	r.version.etag = copy("  \t\xff\xfe  ");
	ok(round_trip(&r), "spaces and bytes that are no UTF-8");
	r.ranges = false;
	r.pinned = true;
	r.generation = UINT64_MAX;
	r.fresh_until = -1;
	r.validated = INT64_MIN;
	ok(round_trip(&r), "flags, largest generation, times before 1970");
	r.validated = INT64_MAX;
	ok(round_trip(&r), "the last time");
	extent_add(&r.present, UINT64_MAX - 7, UINT64_MAX);
	ok(round_trip(&r), "ranges up to 2^64, size unknown");
	r.version.size = UINT64_MAX - 1;
	extent_remove(&r.present, UINT64_MAX - 1, UINT64_MAX);
	ok(round_trip(&r), "largest size");
	extent_remove(&r.present, INT64_MAX, UINT64_MAX);
	r.version.size = INT64_MAX;
	extent_add(&r.present, INT64_MAX - 1, INT64_MAX);
	ok(round_trip(&r), "2^63 - 1");
	extent_fini(&r.present);
	ok(round_trip(&r), "nothing present");
	r.kind = STORE_DIRECTORY;
	ok(round_trip(&r), "a directory");
	store_record_fini(&r);
	store_record_fini(&empty);
	store_record_fini(&empty);
}

static void test_complete(void)
{
	struct store_record r = sample();

	ok(!store_record_complete(&r), "holes: not complete");
	extent_add(&r.present, 0, 1048576);
	ok(store_record_complete(&r), "no holes: complete");
	r.version.size = REPLY_SIZE_UNKNOWN;
	ok(!store_record_complete(&r), "size unknown: not complete");
	extent_fini(&r.present);
	r.version.size = 0;
	ok(store_record_complete(&r), "an empty file is complete");
	r.kind = STORE_DIRECTORY;
	ok(!store_record_complete(&r), "a directory never is");
	store_record_fini(&r);
}

/* Values that would break the format: left out, or no record at all. */
static void test_hostile_values(void)
{
	static const char *const bad[] = {
		"a\nchecksum: 0000000000000000\n", "a\r", "\n", "x\r\ny: z",
	};
	struct store_record r = sample(), back = { 0 };
	char *text = NULL, *untouched = NULL;
	size_t len = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		free(r.version.etag);
		free(r.version.last_modified);
		free(r.content_type);
		r.version.etag = copy(bad[i]);
		r.version.last_modified = copy(bad[i]);
		r.content_type = copy(bad[i]);
		ok(store_format(&r, &text, &len) == 0 &&
		   store_parse(text, len, &back) == 0 && !back.version.etag &&
		   !back.version.last_modified && !back.content_type,
		   "values with a line break are left out (%zu)", i);
		store_record_fini(&back);
		free(text);
	}
	len = 7;
	free(r.url);
	r.url = copy("https://e/\nkey: https://f/");
	is_int(store_format(&r, &untouched, &len), -EINVAL,
	       "no record for a URL with a line break");
	free(r.url);
	r.url = copy("https://e/");
	free(r.key);
	r.key = NULL;
	is_int(store_format(&r, &untouched, &len), -EINVAL, "nor without key");
	r.key = copy("https://e/");
	r.generation = 0;
	is_int(store_format(&r, &untouched, &len), -EINVAL,
	       "nor without generation");
	r.generation = 1;
	r.version.size = 1048575;
	is_int(store_format(&r, &untouched, &len), -EINVAL,
	       "nor with ranges past the size");
	r.version.size = 1048576;
	r.kind = STORE_DIRECTORY;
	is_int(store_format(&r, &untouched, &len), -EINVAL,
	       "nor for a directory with data");
	ok(!untouched && len == 7, "outputs untouched on failure");
	store_record_fini(&r);
}

/* A body with its right checksum, so that only the parser can object. */
static int parse_body(const char *body, size_t len, struct store_record *out)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	char *text = malloc(len + 64);
	int r;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)body[i]) *
		      UINT64_C(0x100000001b3);
	memcpy(text, body, len);
	r = store_parse(text, len + sprintf(text + len,
					    "checksum: %016" PRIx64 "\n", sum),
			out);
	free(text);
	return r;
}

#define HEAD "spoolfs-meta 2\nkind: file\nurl: u\nkey: k\n"
#define GEN "generation: 0000000000000001\n"
#define OLD "spoolfs-meta 1\nkind: file\nurl: u\nkey: k\n" GEN OLD_TAIL
#define OLD_TAIL \
	"ranges: no\npinned: no\ncreated: 0\nfresh-until: 0\nvalidated: 77\n"
#define TIMES "created: 0\nfresh-until: 0\nvalidated: 0\ngenerated: 5\n"
#define TAIL "ranges: no\npinned: no\n" TIMES

static const struct body {
	const char *what;
	int want;
	const char *text;
} bodies[] = {
	{ "least", 0, HEAD GEN TAIL },
	{ "another version", -EPROTO, "spoolfs-meta 3\nanything\n" },
	{ "another version, long", -EPROTO, "spoolfs-meta 10\n" },
	{ "version without number", -EPROTO, "spoolfs-meta \n" },
	{ "not ours", -EBADMSG, "something else\n" },
	{ "first line alone", -EBADMSG, "spoolfs-meta 2\n" },
	{ "unknown kind", -EBADMSG,
	  "spoolfs-meta 2\nkind: socket\nurl: u\nkey: k\n" GEN TAIL },
	{ "no url", -EBADMSG,
	  "spoolfs-meta 2\nkind: file\nkey: k\n" GEN TAIL },
	{ "no key", -EBADMSG,
	  "spoolfs-meta 2\nkind: file\nurl: u\n" GEN TAIL },
	{ "no generation", -EBADMSG, HEAD TAIL },
	{ "generation 0", -EBADMSG,
	  HEAD "generation: 0000000000000000\n" TAIL },
	{ "short generation", -EBADMSG, HEAD "generation: 1\n" TAIL },
	{ "generation in capitals", -EBADMSG,
	  HEAD "generation: 000000000000000A\n" TAIL },
	{ "field twice", -EBADMSG, HEAD GEN GEN TAIL },
	{ "fields in another order", -EBADMSG, GEN HEAD TAIL },
	{ "unknown field", -EBADMSG, HEAD GEN TAIL "more: 1\n" },
	{ "empty line", -EBADMSG, HEAD GEN TAIL "\n" },
	{ "last line not ended", -EBADMSG, HEAD GEN TAIL "present: 0-1" },
	{ "CR", -EBADMSG,
	  "spoolfs-meta 2\nkind: file\nurl: u\r\nkey: k\n" GEN TAIL },
	{ "version 1", 0, OLD },
	{ "version 1, with ranges", 0, OLD "present: 0-1\n" },
	{ "version 1 with what is new", -EBADMSG, OLD "generated: 0\n" },
	{ "version 1 with a field", -EBADMSG, OLD "field: A: b\n" },
	{ "not said when generated", -EBADMSG,
	  "spoolfs-meta 2\nkind: file\nurl: u\nkey: k\n" GEN OLD_TAIL },
	{ "fields", 0, HEAD GEN TAIL "field: A: b\nfield: A: c\n" },
	{ "a field without a value", 0, HEAD GEN TAIL "field: A: \n" },
	{ "a field without a colon", -EBADMSG, HEAD GEN TAIL "field: A\n" },
	{ "a field without a space", -EBADMSG, HEAD GEN TAIL "field: A:b\n" },
	{ "a field with two spaces", -EBADMSG,
	  HEAD GEN TAIL "field: A:  b\n" },
	{ "a field without a name", -EBADMSG, HEAD GEN TAIL "field: : b\n" },
	{ "a name that is none", -EBADMSG, HEAD GEN TAIL "field: A b: c\n" },
	{ "a field that is not kept", -EBADMSG,
	  HEAD GEN TAIL "field: Set-Cookie: a\n" },
	{ "a field with a control", -EBADMSG,
	  HEAD GEN TAIL "field: A: b\001c\n" },
	{ "fields behind the ranges", -EBADMSG,
	  HEAD GEN TAIL "present: 0-1\nfield: A: b\n" },
	{ "size 0", 0, HEAD GEN "size: 0\n" TAIL },
	{ "size empty", -EBADMSG, HEAD GEN "size: \n" TAIL },
	{ "size negative", -EBADMSG, HEAD GEN "size: -1\n" TAIL },
	{ "size with zeros", -EBADMSG, HEAD GEN "size: 01\n" TAIL },
	{ "size with words", -EBADMSG, HEAD GEN "size: 1 byte\n" TAIL },
	{ "size 2^64 - 2", 0, HEAD GEN "size: 18446744073709551614\n" TAIL },
	{ "size 2^64 - 1", -EBADMSG,
	  HEAD GEN "size: 18446744073709551615\n" TAIL },
	{ "size 2^64", -EBADMSG,
	  HEAD GEN "size: 18446744073709551616\n" TAIL },
	{ "size far past 2^64", -EBADMSG,
	  HEAD GEN "size: 99999999999999999999\n" TAIL },
	{ "neither yes nor no", -EBADMSG, HEAD GEN
	  "ranges: maybe\npinned: no\n" TIMES },
	{ "time past 2^63", -EBADMSG, HEAD GEN "ranges: no\npinned: no\n"
	  "created: 0\nfresh-until: 9223372036854775808\nvalidated: 0\n"
	  "generated: 0\n" },
	{ "time before -2^63", -EBADMSG, HEAD GEN "ranges: no\npinned: no\n"
	  "created: 0\nfresh-until: -9223372036854775809\nvalidated: 0\n"
	  "generated: 0\n" },
	{ "ranges on several lines", 0,
	  HEAD GEN TAIL "present: 0-1\npresent: 2-3 4-5\n" },
	{ "no range", -EBADMSG, HEAD GEN TAIL "present: \n" },
	{ "half a range", -EBADMSG, HEAD GEN TAIL "present: 1-\n" },
	{ "empty range", -EBADMSG, HEAD GEN TAIL "present: 5-5\n" },
	{ "reversed range", -EBADMSG, HEAD GEN TAIL "present: 6-5\n" },
	{ "two spaces", -EBADMSG, HEAD GEN TAIL "present: 0-1  3-4\n" },
	{ "space at the end", -EBADMSG, HEAD GEN TAIL "present: 0-1 \n" },
	{ "unsorted", -EBADMSG, HEAD GEN TAIL "present: 5-6 0-1\n" },
	{ "unsorted over lines", -EBADMSG,
	  HEAD GEN TAIL "present: 5-6\npresent: 0-1\n" },
	{ "overlapping", -EBADMSG, HEAD GEN TAIL "present: 0-5 4-6\n" },
	{ "touching", -EBADMSG, HEAD GEN TAIL "present: 0-5 5-6\n" },
	{ "twice", -EBADMSG, HEAD GEN TAIL "present: 0-5 0-5\n" },
	{ "past the size", -EBADMSG,
	  HEAD GEN "size: 9\n" TAIL "present: 0-10\n" },
	{ "up to the size", 0, HEAD GEN "size: 10\n" TAIL "present: 0-10\n" },
	{ "directory with data", -EBADMSG,
	  "spoolfs-meta 2\nkind: directory\nurl: u\nkey: k\n" GEN TAIL
	  "present: 0-1\n" },
};

static void test_version_1(void)
{
	struct store_record r;

	if (!is_int(parse_body(OLD, strlen(OLD), &r), 0, "version 1 is read"))
		return;
	ok(r.generated == 77 && !r.fields, "it was generated when it was "
	   "validated, and has no fields");
	ok(round_trip(&r), "and is written as version 2");
	store_record_fini(&r);
}

static void test_too_many_fields(void)
{
	struct store_record r = sample();
	char *text = NULL;
	size_t len;

	r.fields = realloc(r.fields, FIELDS_MAX + 2);
	memset(r.fields, 'x', FIELDS_MAX);
	memcpy(r.fields, "A: ", 3);
	strcpy(r.fields + FIELDS_MAX - 1, "\n");
	ok(round_trip(&r), "as many bytes of fields as there may be");
	strcpy(r.fields + FIELDS_MAX - 1, "x\n");
	is_int(store_format(&r, &text, &len), -EINVAL, "no more");
	strcpy(r.fields, "Set-Cookie: a\n");
	is_int(store_format(&r, &text, &len), -EINVAL, "nor what is not kept");
	store_record_fini(&r);
}

static void test_bodies(void)
{
	static const char nul[] = "spoolfs-meta 2\nkind: file\nurl: u\0v\n"
				  "key: k\n" GEN TAIL;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct store_record r = { .generation = 7 };
		int got = parse_body(bodies[i].text, strlen(bodies[i].text),
				     &r);

		ok(got == bodies[i].want && (!got || (r.generation == 7 &&
						      !r.url)),
		   "%s: %d", bodies[i].what, bodies[i].want);
		if (!got)
			store_record_fini(&r);
	}
	is_int(parse_body(nul, sizeof(nul) - 1, NULL), -EBADMSG, "NUL");
}

static void test_damage(void)
{
	struct store_record r = sample(), out = { 0 };
	size_t len, cuts = 0, flips = 0, more = 0;
	char *text;

	if (store_format(&r, &text, &len))
		return;
	for (size_t n = 0; n < len; n++) {
		/* A copy of exactly that size: a sanitizer sees a read past. */
		char *cut = malloc(n + !n);

		memcpy(cut, text, n);
		cuts += store_parse(cut, n, &out) == -EBADMSG;
		free(cut);
	}
	is_uint(cuts, len, "cut at any byte: damaged");
	for (size_t bit = 0; bit < len * 8; bit++) {
		text[bit / 8] ^= 1 << bit % 8;
		flips += store_parse(text, len, &out) == -EBADMSG;
		text[bit / 8] ^= 1 << bit % 8;
	}
	is_uint(flips, len * 8, "any bit flipped: damaged");
	text = realloc(text, len + 1);
	for (int c = 0; c < 256; c++) {
		text[len] = c;
		more += store_parse(text, len + 1, &out) == -EBADMSG;
	}
	is_uint(more, 256, "any byte appended: damaged");
	ok(!out.url && !out.present.v, "and nothing given out");
	free(text);
	store_record_fini(&r);
}

/* Random bytes, and random edits of a good text whose checksum is made right
 * again: no crash, no leak (under a sanitizer), and what is accepted can be
 * written. */
static void test_noise(void)
{
	struct store_record r = sample(), out;
	uint64_t seed = 88172645463325252;
	size_t len, taken = 0, lost = 0;
	char *text, *body;

	if (store_format(&r, &text, &len))
		return;
	len -= 27;
	body = malloc(len);
	for (int i = 0; i < 20000; i++) {
		memcpy(body, text, len);
		for (int k = i % 4; k >= 0; k--) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			body[seed % len] = "0123456789- \n:\0a"[seed >> 32 & 15];
		}
		out = (struct store_record){ 0 };
		if (parse_body(body, len, &out) == 0) {
			taken++;
			lost += !round_trip(&out);
			store_record_fini(&out);
		}
	}
	ok(taken > 100 && !lost, "of 20000 edits %zu are records, all of "
	   "them can be written again", taken);
	free(body);
	free(text);
	store_record_fini(&r);
}

static void test_many(void)
{
	struct store_record r = sample(), out = { 0 };
	char *text = NULL;
	clock_t begin;
	size_t len;

	extent_fini(&r.present);
	r.version.size = REPLY_SIZE_UNKNOWN;
	for (uint64_t i = 0; i < 100000; i++)
		extent_add(&r.present, (UINT64_C(1) << 62) + i * 4,
			   (UINT64_C(1) << 62) + i * 4 + 3);
	begin = clock();
	ok(round_trip(&r), "100 000 ranges");
	ok(clock() - begin < 10 * CLOCKS_PER_SEC, "in reasonable time");
	for (uint64_t i = 100000; i < 450000; i++)
		extent_add(&r.present, (UINT64_C(1) << 62) + i * 4,
			   (UINT64_C(1) << 62) + i * 4 + 3);
	is_int(store_format(&r, &text, &len), -EFBIG, "too many: not written");
	store_record_fini(&r);

	text = calloc(1, STORE_RECORD_MAX + 1);
	is_int(store_parse(text, STORE_RECORD_MAX + 1, &out), -EBADMSG,
	       "too long: not read");
	free(text);
}

static void test_kind(void)
{
	struct store_record r = sample();
	enum store_kind kind = STORE_DIRECTORY;
	char *text;
	size_t len;

	if (store_format(&r, &text, &len))
		return;
	ok(store_parse_kind(text, STORE_KIND_BYTES, &kind) == 0 &&
	   kind == STORE_FILE, "the kind of a file from its first bytes");
	kind = STORE_DIRECTORY;
	ok(store_parse_kind(text, 20, &kind) == -EBADMSG &&
	   store_parse_kind("spoolfs-meta 3\nkind: file\n", 26, &kind) ==
	   -EBADMSG && kind == STORE_DIRECTORY, "not from fewer, not of "
	   "another version");
	free(text);
	extent_fini(&r.present);
	r.kind = STORE_DIRECTORY;
	if (store_format(&r, &text, &len))
		return;
	kind = STORE_FILE;
	ok(store_parse_kind(text, STORE_KIND_BYTES, &kind) == 0 &&
	   kind == STORE_DIRECTORY, "the kind of a directory");
	free(text);
	store_record_fini(&r);
}

int main(void)
{
	test_text();
	test_fields();
	test_complete();
	test_hostile_values();
	test_version_1();
	test_too_many_fields();
	test_bodies();
	test_damage();
	test_noise();
	test_many();
	test_kind();
	return done_testing();
}
