/* range: RFC 9110, 13 and 14 by tables. */
#include "config.h"

#include "http/range.h"
#include "tests/tap.h"

#include <stdlib.h>

#define UNKNOWN RANGE_SIZE_UNKNOWN
#define NOW 1763800000
#define BIG ((uint64_t)1 << 33)

static const struct parse_case {
	const char *field;
	uint64_t size;
	enum range_kind kind;
	struct range want[4];	/* up to the first empty one */
} parses[] = {
#define NONE RANGE_NONE, { { 0, 0 } }
#define UNSAT RANGE_UNSATISFIABLE, { { 0, 0 } }
#define SAT RANGE_SATISFIABLE
	{ NULL, 1000, NONE },
	/* one range */
	{ "bytes=0-499", 1000, SAT, { { 0, 500 } } },
	{ "bytes=500-999", 1000, SAT, { { 500, 1000 } } },
	{ "bytes=0-0", 1000, SAT, { { 0, 1 } } },
	{ "bytes=999-999", 1000, SAT, { { 999, 1000 } } },
	{ "bytes=0-", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=500-", 1000, SAT, { { 500, 1000 } } },
	{ "bytes=999-", 1000, SAT, { { 999, 1000 } } },
	{ "bytes=-500", 1000, SAT, { { 500, 1000 } } },
	{ "bytes=-1", 1000, SAT, { { 999, 1000 } } },
	{ "bytes=-1000", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=0-0", 1, SAT, { { 0, 1 } } },
	{ "bytes=-1", 1, SAT, { { 0, 1 } } },
	/* clamped */
	{ "bytes=500-1000", 1000, SAT, { { 500, 1000 } } },
	{ "bytes=500-99999", 1000, SAT, { { 500, 1000 } } },
	{ "bytes=-1001", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=-99999", 1000, SAT, { { 0, 1000 } } },
	/* large */
	{ "bytes=8589934590-", BIG, SAT, { { BIG - 2, BIG } } },
	{ "bytes=4294967296-4294967296", BIG, SAT,
	  { { (uint64_t)1 << 32, ((uint64_t)1 << 32) + 1 } } },
	{ "bytes=0-18446744073709551614", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=0-18446744073709551615", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=0-18446744073709551616", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=0-99999999999999999999999999", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=-18446744073709551616", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=-99999999999999999999999999", 1000, SAT, { { 0, 1000 } } },
	{ "bytes=0000000000000000000000000005-6", 1000, SAT, { { 5, 7 } } },
	/* not satisfiable */
	{ "bytes=1000-", 1000, UNSAT },
	{ "bytes=1000-1000", 1000, UNSAT },
	{ "bytes=18446744073709551615-", 1000, UNSAT },
	{ "bytes=18446744073709551616-", 1000, UNSAT },
	{ "bytes=99999999999999999999999999-", 1000, UNSAT },
	{ "bytes=-0", 1000, UNSAT },
	{ "bytes=-000", 1000, UNSAT },
	{ "bytes=0-", 0, UNSAT },
	{ "bytes=0-0", 0, UNSAT },
	{ "bytes=-0", 0, UNSAT },
	{ "bytes=1000-,2000-3000,-0", 1000, UNSAT },
	/* nothing to send a part of */
	{ "bytes=-1", 0, NONE },
	/* letter case and spaces */
	{ "Bytes=0-1", 1000, SAT, { { 0, 2 } } },
	{ "BYTES=0-1", 1000, SAT, { { 0, 2 } } },
	{ " \tbytes=0-1\t ", 1000, SAT, { { 0, 2 } } },
	{ "bytes= 0-1", 1000, SAT, { { 0, 2 } } },
	{ "bytes=, 0-1 ,", 1000, SAT, { { 0, 2 } } },
	/* several */
	{ "bytes=0-1,4-5", 1000, SAT, { { 0, 2 }, { 4, 6 } } },
	{ "bytes=0-1 , 4-5", 1000, SAT, { { 0, 2 }, { 4, 6 } } },
	{ "bytes=4-5,0-1", 1000, SAT, { { 4, 6 }, { 0, 2 } } },
	{ "bytes=0-1,2-3", 1000, SAT, { { 0, 2 }, { 2, 4 } } },
	{ "bytes=0-0,500-,-0", 1000, SAT, { { 0, 1 }, { 500, 1000 } } },
	{ "bytes=2000-3000,-1", 1000, SAT, { { 999, 1000 } } },
	{ "bytes=0-1,,\t4-5,", 1000, SAT, { { 0, 2 }, { 4, 6 } } },
	{ "bytes=0-0,2-2,4-4", 1000, SAT, { { 0, 1 }, { 2, 3 }, { 4, 5 } } },
	{ "bytes=0-1,1-2", 1000, NONE },
	{ "bytes=0-1,0-1", 1000, NONE },
	{ "bytes=500-600,-450", 1000, NONE },
	{ "bytes=0-,5-6", 1000, NONE },
	{ "bytes=5-6,0-", 1000, NONE },
	{ "bytes=0-1,x", 1000, NONE },
	{ "bytes=0-1,5-4", 1000, NONE },
	{ "bytes=0-1;4-5", 1000, NONE },
	{ "bytes=0-1 4-5", 1000, NONE },
	/* other units and no syntax */
	{ "", 1000, NONE },
	{ " ", 1000, NONE },
	{ "bytes", 1000, NONE },
	{ "bytes=", 1000, NONE },
	{ "bytes=,", 1000, NONE },
	{ "bytes=-", 1000, NONE },
	{ "bytes=--1", 1000, NONE },
	{ "bytes=1", 1000, NONE },
	{ "bytes=a-b", 1000, NONE },
	{ "bytes=0-b", 1000, NONE },
	{ "bytes=0x1-2", 1000, NONE },
	{ "bytes=0-1-2", 1000, NONE },
	{ "bytes=-1-2", 1000, NONE },
	{ "bytes=0 -1", 1000, NONE },
	{ "bytes=0- 1", 1000, NONE },
	{ "bytes=- 1", 1000, NONE },
	{ "bytes=+0-1", 1000, NONE },
	{ "bytes=0-+1", 1000, NONE },
	{ "bytes=1-0", 1000, NONE },
	{ "bytes=2000-1999", 1000, NONE },
	{ "bytes=0.5-1", 1000, NONE },
	{ "bytes=0-1\xc3\xa9", 1000, NONE },
	{ "bytes =0-1", 1000, NONE },
	{ "bytes:0-1", 1000, NONE },
	{ "bytes 0-1", 1000, NONE },
	{ "bytes=0-1/1000", 1000, NONE },
	{ "byte=0-1", 1000, NONE },
	{ "xbytes=0-1", 1000, NONE },
	{ "items=0-1", 1000, NONE },
	{ "seconds=1-2", 1000, NONE },
	{ "none", 1000, NONE },
	{ "0-1", 1000, NONE },
	{ "bytes=0-1\x01", 1000, NONE },
	/* unknown size */
	{ "bytes=0-", UNKNOWN, SAT, { { 0, RANGE_END_UNKNOWN } } },
	{ "bytes=5-", UNKNOWN, SAT, { { 5, RANGE_END_UNKNOWN } } },
	{ "bytes=5-9", UNKNOWN, SAT, { { 5, 10 } } },
	{ "bytes=5-18446744073709551615", UNKNOWN, SAT,
	  { { 5, RANGE_END_UNKNOWN } } },
	{ "bytes=9223372036854775807-", UNKNOWN, SAT,
	  { { INT64_MAX, RANGE_END_UNKNOWN } } },
	{ "bytes=9223372036854775808-", UNKNOWN, NONE },
	{ "bytes=18446744073709551615-", UNKNOWN, NONE },
	{ "bytes=99999999999999999999999-", UNKNOWN, NONE },
	{ "bytes=0-1,4-", UNKNOWN, SAT, { { 0, 2 }, { 4, RANGE_END_UNKNOWN } } },
	{ "bytes=4-,5-6", UNKNOWN, NONE },
	{ "bytes=-5", UNKNOWN, NONE },
	{ "bytes=-0", UNKNOWN, NONE },
	{ "bytes=0-1,-5", UNKNOWN, NONE },
	{ "bytes=9-5", UNKNOWN, NONE },
#undef NONE
#undef UNSAT
#undef SAT
};

static void test_parse(void)
{
	for (size_t i = 0; i < sizeof(parses) / sizeof(*parses); i++) {
		const struct parse_case *c = &parses[i];
		const char *name = c->field ? c->field : "no field";
		struct range_set set;
		size_t n = 0;

		memset(&set, 0xff, sizeof(set));
		is_int(range_parse(c->field, c->size, &set), c->kind,
		       "kind of %s (%" PRIu64 ")", name, c->size);
		while (n < 4 && c->want[n].end)
			n++;
		if (is_uint(set.n, n, "ranges in %s", name) && n)
			is_mem(set.v, c->want, n * sizeof(*set.v),
			       "ranges of %s", name);
	}
}

static void test_many(void)
{
	char field[1024] = "bytes=";
	struct range_set set;
	size_t len = strlen(field);

	for (int i = 0; i < RANGE_MAX; i++)
		len += snprintf(field + len, sizeof(field) - len, "%d-%d,",
				i * 10, i * 10 + 5);
	is_int(range_parse(field, 1000, &set), RANGE_SATISFIABLE,
	       "as many ranges as can be");
	is_uint(set.n, RANGE_MAX, "all of them");
	is_uint(set.v[RANGE_MAX - 1].end, RANGE_MAX * 10 - 4, "the last one");
	snprintf(field + len, sizeof(field) - len, "900-901");
	is_int(range_parse(field, 1000, &set), RANGE_NONE, "one more");
	is_uint(set.n, 0, "none of them");
	snprintf(field + len, sizeof(field) - len, "2000-2001");
	is_int(range_parse(field, 1000, &set), RANGE_NONE,
	       "one more beyond the end");
}

/* Whatever the field, what comes out lies in the resource. */
static void test_random(void)
{
	static const char alphabet[] = "0123456789--,, =";
	size_t wrong = 0, satisfied = 0;
	struct range_set set;
	char field[32];

	srandom(1);
	for (int i = 0; i < 200000; i++) {
		uint64_t size = random() % 40;
		size_t len = random() % 16;
		enum range_kind kind;

		strcpy(field, "bytes=");
		for (size_t k = 0; k < len; k++)
			field[6 + k] = alphabet[random() % 16];
		field[6 + len] = '\0';
		kind = range_parse(field, size, &set);
		satisfied += kind == RANGE_SATISFIABLE;
		wrong += (kind == RANGE_SATISFIABLE) != (set.n > 0);
		for (size_t k = 0; k < set.n; k++)
			wrong += set.v[k].start >= set.v[k].end ||
				 set.v[k].end > size;
	}
	is_uint(wrong, 0, "random fields: ranges lie in the resource");
	ok(satisfied > 1000, "random fields: %zu were ranges", satisfied);
}

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define DATE_850 "Sunday, 06-Nov-94 08:49:37 GMT"
#define DATE_C "Sun Nov  6 08:49:37 1994"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define EPOCH "Thu, 01 Jan 1970 00:00:00 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct if_range_case {
	const char *field, *etag, *last_modified;
	bool want;
} if_ranges[] = {
	{ NULL, NULL, NULL, true },
	{ NULL, "\"a\"", DATE, true },
	{ "\"a\"", "\"a\"", NULL, true },
	{ " \"a\"\t", "\"a\"", NULL, true },
	{ "\"\"", "\"\"", NULL, true },
	{ "\"a, b\"", "\"a, b\"", NULL, false },	/* not a legal tag */
	{ "\"a,b\"", "\"a,b\"", NULL, true },
	{ "\"b\"", "\"a\"", DATE, false },
	{ "\"A\"", "\"a\"", NULL, false },
	{ "\"a\"", NULL, DATE, false },
	{ "\"a\"", "W/\"a\"", NULL, false },
	{ "W/\"a\"", "W/\"a\"", NULL, false },
	{ "W/\"a\"", "\"a\"", NULL, false },
	{ "\"a\", \"b\"", "\"a\"", NULL, false },
	{ "\"a", "\"a", NULL, false },
	{ "\"", "\"", NULL, false },
	{ "a", "a", NULL, false },
	{ "*", "\"a\"", NULL, false },
	{ "", "\"a\"", DATE, false },
	{ "w/\"a\"", "\"a\"", DATE, false },
	{ DATE, NULL, DATE, true },
	{ DATE, "\"a\"", DATE, true },
	{ DATE_850, NULL, DATE, true },
	{ DATE_C, NULL, DATE, true },
	{ DATE, NULL, DATE_C, true },
	{ EARLIER, NULL, DATE, false },
	{ LATER, NULL, DATE, false },
	{ DATE, "\"a\"", NULL, false },
	{ DATE, NULL, "today", false },
	{ "today", NULL, "today", false },
	{ EPOCH, NULL, EPOCH, true },
};

static void test_if_range(void)
{
	for (size_t i = 0; i < sizeof(if_ranges) / sizeof(*if_ranges); i++) {
		const struct if_range_case *c = &if_ranges[i];
		struct range_validators ours = { c->etag, c->last_modified };

		is_int(range_if_range(c->field, &ours, NOW), c->want,
		       "If-Range %s, ETag %s, Last-Modified %s",
		       c->field ? c->field : "-", c->etag ? c->etag : "-",
		       c->last_modified ? c->last_modified : "-");
	}
}

static const struct condition_case {
	struct range_conditions asked;	/* if_match, if_unmodified_since,
					   if_none_match, if_modified_since */
	struct range_validators ours;
	enum range_outcome want;
} conditions[] = {
#define OURS { "\"a\"", DATE }
#define WEAK { "W/\"a\"", DATE }
#define NONE { NULL, NULL }
#define GO RANGE_PROCEED
#define SAME RANGE_NOT_MODIFIED
#define NO RANGE_FAILED
	{ { NULL, NULL, NULL, NULL }, OURS, GO },
	{ { NULL, NULL, NULL, NULL }, NONE, GO },
	/* If-Match: strong */
	{ { "\"a\"", NULL, NULL, NULL }, OURS, GO },
	{ { "\"b\", \"a\"", NULL, NULL, NULL }, OURS, GO },
	{ { "\"b\",\"a\"", NULL, NULL, NULL }, OURS, GO },
	{ { " , \"b\" ,, \"a\" ,", NULL, NULL, NULL }, OURS, GO },
	{ { "*", NULL, NULL, NULL }, OURS, GO },
	{ { " * ", NULL, NULL, NULL }, OURS, GO },
	{ { "*", NULL, NULL, NULL }, NONE, GO },
	{ { "*", NULL, NULL, NULL }, WEAK, GO },
	{ { "\"b\"", NULL, NULL, NULL }, OURS, NO },
	{ { "\"b\", \"c\"", NULL, NULL, NULL }, OURS, NO },
	{ { "\"aa\"", NULL, NULL, NULL }, OURS, NO },
	{ { "\"\"", NULL, NULL, NULL }, OURS, NO },
	{ { "\"x,\"a\"", NULL, NULL, NULL }, OURS, NO },
	{ { "W/\"a\"", NULL, NULL, NULL }, OURS, NO },
	{ { "\"a\"", NULL, NULL, NULL }, WEAK, NO },
	{ { "W/\"a\"", NULL, NULL, NULL }, WEAK, NO },
	{ { "\"a\"", NULL, NULL, NULL }, NONE, NO },
	{ { "", NULL, NULL, NULL }, OURS, NO },
	{ { "a", NULL, NULL, NULL }, OURS, NO },
	{ { "\"a", NULL, NULL, NULL }, OURS, NO },
	{ { "**", NULL, NULL, NULL }, OURS, NO },
	/* If-Unmodified-Since */
	{ { NULL, DATE, NULL, NULL }, OURS, GO },
	{ { NULL, LATER, NULL, NULL }, OURS, GO },
	{ { NULL, EARLIER, NULL, NULL }, OURS, NO },
	{ { NULL, "yesterday", NULL, NULL }, OURS, GO },
	{ { NULL, "", NULL, NULL }, OURS, GO },
	{ { NULL, EARLIER, NULL, NULL }, NONE, GO },
	{ { NULL, EARLIER, NULL, NULL }, { NULL, "yesterday" }, GO },
	/* … is not looked at beside If-Match */
	{ { "\"a\"", EARLIER, NULL, NULL }, OURS, GO },
	{ { "\"b\"", DATE, NULL, NULL }, OURS, NO },
	/* If-None-Match: weak */
	{ { NULL, NULL, "\"a\"", NULL }, OURS, SAME },
	{ { NULL, NULL, "W/\"a\"", NULL }, OURS, SAME },
	{ { NULL, NULL, "\"a\"", NULL }, WEAK, SAME },
	{ { NULL, NULL, "W/\"a\"", NULL }, WEAK, SAME },
	{ { NULL, NULL, "\"b\", W/\"a\"", NULL }, OURS, SAME },
	{ { NULL, NULL, "\"b,c\",\"a\"", NULL }, OURS, SAME },
	{ { NULL, NULL, "*", NULL }, OURS, SAME },
	{ { NULL, NULL, "*", NULL }, NONE, SAME },
	{ { NULL, NULL, "\"b\"", NULL }, OURS, GO },
	{ { NULL, NULL, "\"b\", \"c\"", NULL }, OURS, GO },
	{ { NULL, NULL, "\"A\"", NULL }, OURS, GO },
	{ { NULL, NULL, "\"a\"", NULL }, NONE, GO },
	{ { NULL, NULL, "", NULL }, OURS, GO },
	{ { NULL, NULL, "\"a", NULL }, OURS, GO },
	{ { NULL, NULL, "\"b\" \"a\"", NULL }, OURS, GO },
	{ { NULL, NULL, "w/\"a\"", NULL }, OURS, GO },
	{ { NULL, NULL, "W/\"", NULL }, OURS, GO },
	{ { NULL, NULL, "W/", NULL }, OURS, GO },
	{ { NULL, NULL, "W", NULL }, OURS, GO },
	/* an origin's ETag without quotes comes back as it was sent */
	{ { NULL, NULL, "abc", NULL }, { "abc", NULL }, SAME },
	{ { NULL, NULL, "x, abc ", NULL }, { "abc", NULL }, SAME },
	{ { NULL, NULL, "\"abc\"", NULL }, { "abc", NULL }, GO },
	{ { NULL, NULL, "abc", NULL }, { "\"abc\"", NULL }, GO },
	{ { "abc", NULL, NULL, NULL }, { "abc", NULL }, NO },
	/* If-Modified-Since */
	{ { NULL, NULL, NULL, DATE }, OURS, SAME },
	{ { NULL, NULL, NULL, DATE_850 }, OURS, SAME },
	{ { NULL, NULL, NULL, LATER }, OURS, SAME },
	{ { NULL, NULL, NULL, EARLIER }, OURS, GO },
	{ { NULL, NULL, NULL, "yesterday" }, OURS, GO },
	{ { NULL, NULL, NULL, "0" }, OURS, GO },
	{ { NULL, NULL, NULL, "" }, OURS, GO },
	{ { NULL, NULL, NULL, DATE }, NONE, GO },
	{ { NULL, NULL, NULL, DATE }, { "\"a\"", "yesterday" }, GO },
	{ { NULL, NULL, NULL, EPOCH }, { NULL, EPOCH }, SAME },
	{ { NULL, EPOCH, NULL, NULL }, OURS, NO },
	/* … is not looked at beside If-None-Match */
	{ { NULL, NULL, "\"b\"", DATE }, OURS, GO },
	{ { NULL, NULL, "\"a\"", EARLIER }, OURS, SAME },
	{ { NULL, NULL, "nonsense", DATE }, OURS, GO },
	/* 412 goes before 304 */
	{ { "\"b\"", NULL, "\"a\"", NULL }, OURS, NO },
	{ { "\"a\"", NULL, "\"a\"", NULL }, OURS, SAME },
	{ { NULL, EARLIER, NULL, DATE }, OURS, NO },
	{ { NULL, DATE, NULL, DATE }, OURS, SAME },
	{ { NULL, DATE, "\"b\"", NULL }, OURS, GO },
#undef OURS
#undef WEAK
#undef NONE
#undef GO
#undef SAME
#undef NO
};

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static void test_conditions(void)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		const struct condition_case *c = &conditions[i];

		is_int(range_precondition(&c->asked, &c->ours, NOW), c->want,
		       "match %s unmodified %s none %s modified %s; ETag %s",
		       or_dash(c->asked.if_match),
		       or_dash(c->asked.if_unmodified_since),
		       or_dash(c->asked.if_none_match),
		       or_dash(c->asked.if_modified_since),
		       or_dash(c->ours.etag));
	}
}

int main(void)
{
	test_parse();
	test_many();
	test_random();
	test_if_range();
	test_conditions();
	return done_testing();
}
