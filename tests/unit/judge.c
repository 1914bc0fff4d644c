/* reply: whether versions agree, and what a response is worth, by tables.
 *
 * Responses come in as header blocks, as from the network; what came out is
 * compared as a short text.
 */
#include "config.h"

#include "cache/reply.h"
#include "tests/tap.h"

#include <stdarg.h>
#include <stdlib.h>

#define NOW 1763800000
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define OLDER "Sun, 06 Nov 1994 08:49:36 GMT"

/* Lines end in \n. */
static int feed(struct reply *r, const char *text)
{
	size_t len;
	int rc = 0;

	for (; *text && !rc; text += len) {
		len = strcspn(text, "\n");
		len += text[len] == '\n';
		rc = reply_line(r, text, len, NOW);
	}
	return rc;
}

struct buffer {
	char text[2048];
	size_t len;
};

static void add(struct buffer *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct buffer *b, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(b->text + b->len, sizeof(b->text) - b->len, fmt, args);
	va_end(args);
	if (n > 0)
		b->len += (size_t)n;
}

static void add_number(struct buffer *b, const char *fmt, uint64_t n)
{
	char text[24] = "?";

	if (n == UINT64_MAX)
		return;
	snprintf(text, sizeof(text), "%" PRIu64, n);
	add(b, fmt, text);
}

/* A name for TAP: printable, one line. */
static const char *shown(const char *text, char buf[80])
{
	size_t n = 0;

	for (; *text && n < 79; text++) {
		if (*text == '\r')
			continue;
		buf[n++] = *text == '\n' ? '|' : *text == '#' ? '?' :
			   *text < ' ' || *text == 0x7f ? '.' : *text;
	}
	buf[n] = '\0';
	return buf;
}

static const struct if_range_case {
	const char *etag, *last_modified, *want;
} if_ranges[] = {
	{ NULL, NULL, NULL },
	{ "\"a\"", NULL, "\"a\"" },
	{ "\"a\"", DATE, "\"a\"" },
	{ "\"\"", NULL, "\"\"" },
	{ "\"\xc3\xa9\"", NULL, "\"\xc3\xa9\"" },
	{ NULL, DATE, DATE },
	{ NULL, "Sunday, 06-Nov-94 08:49:37 GMT",
	  "Sunday, 06-Nov-94 08:49:37 GMT" },
	{ NULL, "Thu, 01 Jan 1970 00:00:00 GMT",
	  "Thu, 01 Jan 1970 00:00:00 GMT" },
	{ NULL, "yesterday", NULL },
	{ NULL, "", NULL },
	/* a date must not stand in for a tag */
	{ "W/\"a\"", DATE, NULL },
	{ "W/\"a\"", NULL, NULL },
	/* what is no tag, is none */
	{ "a", DATE, DATE },
	{ "a", NULL, NULL },
	{ "\"a", DATE, DATE },
	{ "a\"", DATE, DATE },
	{ "\"", DATE, DATE },
	{ "\"a\"b\"", DATE, DATE },
	{ "\"a b\"", DATE, DATE },
	{ "\"a\", \"b\"", DATE, DATE },
	{ "W/a", DATE, DATE },
	{ "w/\"a\"", DATE, DATE },
	{ "W/", DATE, DATE },
	{ "", DATE, DATE },
};

static void test_if_range(void)
{
	for (size_t i = 0; i < sizeof(if_ranges) / sizeof(*if_ranges); i++) {
		const struct if_range_case *c = &if_ranges[i];
		struct reply_version v = {
			.etag = c->etag ? strdup(c->etag) : NULL,
			.last_modified = c->last_modified ?
						 strdup(c->last_modified) :
						 NULL,
		};

		is_str(reply_if_range(&v), c->want, "If-Range of %s, %s",
		       c->etag ? c->etag : "-",
		       c->last_modified ? c->last_modified : "-");
		reply_version_fini(&v);
		ok(!v.etag && !v.last_modified && v.size == REPLY_SIZE_UNKNOWN,
		   "a finished version knows nothing");
	}
}

static void test_etags(void)
{
	ok(reply_etag_equal("\"a\"", "\"a\""), "equal tags");
	ok(reply_etag_equal("W/\"a\"", "\"a\""), "weak and strong");
	ok(reply_etag_equal("\"a\"", "W/\"a\""), "strong and weak");
	ok(reply_etag_equal("W/\"a\"", "W/\"a\""), "weak and weak");
	ok(reply_etag_equal("a", "a"), "without quotes");
	ok(!reply_etag_equal("\"a\"", "\"b\""), "other tags");
	ok(!reply_etag_equal("\"a\"", "\"A\""), "letter case counts");
	ok(!reply_etag_equal("\"a\"", "a"), "quotes count");
	ok(!reply_etag_equal("W/a", "a"), "W/ of what is no tag counts");
	ok(!reply_etag_equal("w/\"a\"", "\"a\""), "w/ is not W/");
}

static void test_version_copy(void)
{
	struct reply_version v = { .etag = strdup("\"a\""), .size = 7 };
	struct reply_version w;

	is_int(reply_version_copy(&w, &v), 0, "copy");
	is_str(w.etag, "\"a\"", "its tag");
	is_str(w.last_modified, NULL, "its lack of a date");
	is_uint(w.size, 7, "its size");
	reply_version_fini(&v);
	is_str(w.etag, "\"a\"", "it is a copy");
	reply_version_fini(&w);
}

/* ---- judgement ------------------------------------------------------------- */

#define U REPLY_SIZE_UNKNOWN

/* What was asked: ranged, start, end, validating, first. */
#define PROBE { true, 0, 100, false, true }
#define FIRST { false, 0, U, false, true }
#define PART { true, 100, 200, false, false }
#define WHOLE { false, 0, U, false, false }
#define CHECK { false, 0, U, true, false }
#define CHECK_PART { true, 100, 200, true, false }

/* What is known: ETag, Last-Modified, size, is there anything at all. */
#define NEW { NULL, NULL, U, false }
#define BLANK { NULL, NULL, U, true }
#define SIZE { NULL, NULL, 1000, true }
#define TAG { "\"a\"", NULL, 1000, true }
#define WEAK { "W/\"a\"", NULL, 1000, true }
#define DATED { NULL, DATE, 1000, true }
#define BOTH { "\"a\"", DATE, 1000, true }
#define WEAK_BOTH { "W/\"a\"", DATE, 1000, true }
#define ENDLESS { "\"a\"", NULL, U, true }
#define EMPTY { NULL, NULL, 0, true }

/* Header blocks: status line, Content-Range, validators. */
#define OK "HTTP/1.1 200 OK\n"
#define PARTIAL "HTTP/1.1 206 Partial Content\n"
#define FIRST100 PARTIAL "Content-Range: bytes 0-99/1000\n"
#define SECOND100 PARTIAL "Content-Range: bytes 100-199/1000\n"
#define STAR100 PARTIAL "Content-Range: bytes 100-199/*\n"
#define BAD416 "HTTP/1.1 416 Range Not Satisfiable\n"
#define SAME304 "HTTP/1.1 304 Not Modified\n"
#define LENGTH "Content-Length: 1000\n"
#define ETAG_A "ETag: \"a\"\n"
#define ETAG_B "ETag: \"b\"\n"
#define ETAG_WEAK_A "ETag: W/\"a\"\n"
#define LM "Last-Modified: " DATE "\n"
#define LM_OLDER "Last-Modified: " OLDER "\n"

static const struct judge_case {
	const char *block;
	struct reply_asked asked;
	struct {
		const char *etag, *last_modified;
		uint64_t size;
		bool there;
	} known;
	const char *want;
} judge_cases[] = {
	/* 206 to a probe */
	{ FIRST100, PROBE, NEW, "DATA 0-100/1000 ranges" },
	{ FIRST100, PROBE, BLANK, "DATA 0-100/1000 ranges" },
	{ FIRST100 "Content-Length: 100\n" ETAG_A, PROBE, NEW,
	  "DATA 0-100/1000 ranges" },
	{ FIRST100 "Accept-Ranges: none\n", PROBE, NEW,
	  "DATA 0-100/1000 ranges" },
	{ PARTIAL "Content-Range: bytes 0-9/10\n", PROBE, NEW,
	  "DATA 0-10/10 ranges" },
	{ PARTIAL "Content-Range: bytes 0-99/*\n", PROBE, NEW,
	  "DATA 0-100/? ranges" },
	{ PARTIAL "Content-Range: bytes 0-99/8589934592\n", PROBE, NEW,
	  "DATA 0-100/8589934592 ranges" },
	{ PARTIAL "Content-Range: bytes 0-99/9223372036854775807\n", PROBE, NEW,
	  "DATA 0-100/9223372036854775807 ranges" },
	{ SECOND100, PROBE, NEW, "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 10-99/1000\n", PROBE, NEW, "NO-RANGE" },
	/* 206 that can't be used */
	{ FIRST100, FIRST, NEW, "FAIL EIO" },
	{ FIRST100, WHOLE, TAG, "FAIL EIO" },
	{ PARTIAL, PROBE, NEW, "NO-RANGE" },
	{ PARTIAL "Content-Length: 100\n", PROBE, NEW, "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes */1000\n", PROBE, NEW, "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 0-99\n", PROBE, NEW, "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 0-99/9223372036854775808\n", PROBE, NEW,
	  "NO-RANGE" },
	{ FIRST100 "Content-Range: bytes 0-98/1000\n", PROBE, NEW, "NO-RANGE" },
	{ FIRST100 "Content-Encoding: gzip\n", PROBE, NEW, "FAIL EIO" },
	{ FIRST100 "Transfer-Encoding: gzip, chunked\n", PROBE, NEW, "FAIL EIO" },
	{ FIRST100 "Content-Type: multipart/byteranges; boundary=x\n", PROBE,
	  NEW, "NO-RANGE" },
	{ PARTIAL "Content-Type: multipart/byteranges; boundary=x\n", PROBE,
	  NEW, "NO-RANGE" },
	{ FIRST100 "Content-Length: 99\n", PROBE, NEW, "FAIL EIO" },
	{ FIRST100 "Content-Length: 101\n", PROBE, NEW, "FAIL EIO" },
	{ FIRST100 "Content-Length: 1000\n", PROBE, NEW, "FAIL EIO" },
	{ FIRST100 "Content-Length: 5\nTransfer-Encoding: chunked\n", PROBE, NEW,
	  "DATA 0-100/1000 ranges" },
	{ PARTIAL "Content-Range: bytes 0-100/1000\n", PROBE, NEW, "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 100-200/1000\n" ETAG_A, PART, TAG,
	  "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 100-999/1000\n" ETAG_A, PART, TAG,
	  "NO-RANGE" },
	{ PARTIAL "Content-Encoding: br\n", PROBE, NEW, "FAIL EIO" },
	{ PARTIAL ETAG_B, PART, TAG, "NO-RANGE" },
	{ SECOND100 "Content-Length: 99\n" ETAG_A, PART, TAG, "FAIL EIO" },
	{ PARTIAL, CHECK_PART, TAG, "NO-RANGE" },
	{ PARTIAL, FIRST, NEW, "FAIL EIO" },
	{ PARTIAL, WHOLE, TAG, "FAIL EIO" },
	/* 206 that ends before what was asked */
	{ PARTIAL "Content-Range: bytes 100-100/1000\n" ETAG_A, PART, TAG,
	  "DATA 100-101/1000 ranges" },
	/* 206 to the known version */
	{ SECOND100, PART, SIZE, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_A, PART, TAG, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_A LM, PART, BOTH, "DATA 100-200/1000 ranges" },
	{ SECOND100 LM, PART, DATED, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_A, PART, WEAK, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_WEAK_A, PART, TAG, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_WEAK_A, PART, WEAK, "DATA 100-200/1000 ranges" },
	{ SECOND100 "ETag: a\n", PART, { "a", NULL, 1000, true },
	  "DATA 100-200/1000 ranges" },
	/* … what only one side has is no difference */
	{ SECOND100, PART, BOTH, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_A LM, PART, SIZE, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_A, PART, DATED, "DATA 100-200/1000 ranges" },
	{ SECOND100 LM, PART, TAG, "DATA 100-200/1000 ranges" },
	/* … the tag outranks the date when both are strong */
	{ SECOND100 ETAG_A LM_OLDER, PART, BOTH, "DATA 100-200/1000 ranges" },
	{ SECOND100 ETAG_WEAK_A LM_OLDER, PART, BOTH,
	  "CHANGED 100-200/1000 ranges" },
	{ SECOND100 ETAG_WEAK_A LM_OLDER, PART, WEAK_BOTH,
	  "CHANGED 100-200/1000 ranges" },
	/* 206 to another version */
	{ SECOND100 ETAG_B, PART, TAG, "CHANGED 100-200/1000 ranges" },
	{ SECOND100 ETAG_B, PART, WEAK, "CHANGED 100-200/1000 ranges" },
	{ SECOND100 "ETag: a\n", PART, TAG, "CHANGED 100-200/1000 ranges" },
	{ SECOND100 "ETag: \"A\"\n", PART, TAG, "CHANGED 100-200/1000 ranges" },
	{ SECOND100 ETAG_B LM, PART, BOTH, "CHANGED 100-200/1000 ranges" },
	{ SECOND100 LM_OLDER, PART, DATED, "CHANGED 100-200/1000 ranges" },
	{ PARTIAL "Content-Range: bytes 100-199/1001\n", PART, SIZE,
	  "CHANGED 100-200/1001 ranges" },
	{ PARTIAL "Content-Range: bytes 100-199/999\n" LM, PART, DATED,
	  "CHANGED 100-200/999 ranges" },
	{ PARTIAL "Content-Range: bytes 100-199/999\n" ETAG_WEAK_A, PART, TAG,
	  "CHANGED 100-200/999 ranges" },
	{ PARTIAL "Content-Range: bytes 100-149/150\n" ETAG_B, PART, TAG,
	  "CHANGED 100-150/150 ranges" },
	/* … that is the same one by its strong tag, but not by its size */
	{ PARTIAL "Content-Range: bytes 100-199/999\n" ETAG_A, PART, TAG,
	  "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 100-199/1001\n" ETAG_A LM_OLDER, PART,
	  BOTH, "NO-RANGE" },
	{ STAR100 ETAG_A, PART, { "\"a\"", NULL, 150, true }, "NO-RANGE" },
	/* 206 that starts elsewhere */
	{ PARTIAL "Content-Range: bytes 101-199/1000\n" ETAG_A, PART, TAG,
	  "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 0-99/1000\n" ETAG_A, PART, TAG,
	  "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 0-99/1000\nRetry-After: 9\n", PART, SIZE,
	  "NO-RANGE" },
	{ PARTIAL "Content-Range: bytes 0-99/1000\n" ETAG_B, PART, TAG,
	  "ELSEWHERE" },
	{ PARTIAL "Content-Range: bytes 0-99/2000\n" LM, PART, DATED,
	  "ELSEWHERE" },
	{ PARTIAL "Content-Range: bytes 0-99/2000\n" ETAG_A, PART, TAG,
	  "NO-RANGE" },
	/* 206 without a total */
	{ STAR100 ETAG_A, PART, TAG, "DATA 100-200/1000 ranges" },
	{ STAR100 LM, PART, DATED, "DATA 100-200/1000 ranges" },
	{ STAR100 ETAG_A, PART, { "\"a\"", NULL, 200, true },
	  "DATA 100-200/200 ranges" },
	{ STAR100 ETAG_A, PART, ENDLESS, "DATA 100-200/? ranges" },
	{ STAR100 ETAG_B, PART, TAG, "CHANGED 100-200/? ranges" },
	{ STAR100 ETAG_B, PART, ENDLESS, "CHANGED 100-200/? ranges" },
	{ STAR100 LM, PART, { NULL, DATE, 150, true },
	  "CHANGED 100-200/? ranges" },
	{ SECOND100 ETAG_A, PART, ENDLESS, "DATA 100-200/1000 ranges" },
	/* 206 that could be of any version */
	{ STAR100, PART, TAG, "NO-RANGE" },
	{ STAR100, PART, SIZE, "NO-RANGE" },
	{ STAR100 ETAG_A, PART, SIZE, "NO-RANGE" },
	{ STAR100, PART, BLANK, "NO-RANGE" },
	{ SECOND100, PART, BLANK, "NO-RANGE" },

	/* 200 to a probe */
	{ OK LENGTH, PROBE, NEW, "DATA 0-1000/1000 ignored" },
	{ OK LENGTH "Accept-Ranges: bytes\n", PROBE, NEW,
	  "DATA 0-1000/1000 ignored" },
	{ OK, PROBE, NEW, "DATA 0-?/? ignored" },
	{ OK "Content-Length: 0\n", PROBE, NEW, "DATA 0-0/0 ignored" },
	{ OK LENGTH "Transfer-Encoding: chunked\n", PROBE, NEW,
	  "DATA 0-?/? ignored" },
	{ OK LENGTH, FIRST, NEW, "DATA 0-1000/1000" },
	{ OK LENGTH, FIRST, BLANK, "DATA 0-1000/1000" },
	/* 200 that can't be used */
	{ OK LENGTH "Content-Encoding: gzip\n", PROBE, NEW, "FAIL EIO" },
	{ OK LENGTH "Content-Encoding: gzip\n", WHOLE, TAG, "FAIL EIO" },
	{ OK "Content-Type: multipart/byteranges\n", PROBE, NEW, "NO-RANGE" },
	{ OK "Content-Range: bytes 100-199/1000\n", PART, SIZE, "NO-RANGE" },
	{ OK "Content-Range: bytes 0-99/1000\n", PROBE, NEW, "NO-RANGE" },
	{ OK "Content-Range: bytes 0-99/*\n", PROBE, NEW, "NO-RANGE" },
	{ OK "Content-Range: bytes */1000\n", PROBE, NEW, "NO-RANGE" },
	{ OK "Content-Range: nonsense\n", PROBE, NEW, "NO-RANGE" },
	{ OK "Content-Type: multipart/byteranges\n", FIRST, NEW, "FAIL EIO" },
	{ OK "Content-Range: bytes 0-99/1000\n", WHOLE, TAG, "FAIL EIO" },
	{ OK LENGTH "Content-Range: bytes 0-999/1000\n", PROBE, NEW,
	  "DATA 0-1000/1000 ignored" },
	/* 200 to the known version: always from 0 */
	{ OK LENGTH, PART, SIZE, "DATA 0-1000/1000 ignored" },
	{ OK LENGTH ETAG_A, PART, TAG, "DATA 0-1000/1000 ignored" },
	{ OK LENGTH ETAG_WEAK_A, PART, TAG, "DATA 0-1000/1000 ignored" },
	{ OK LENGTH LM, PART, DATED, "DATA 0-1000/1000 ignored" },
	{ OK LENGTH, PART, BOTH, "DATA 0-1000/1000 ignored" },
	{ OK ETAG_A, PART, TAG, "DATA 0-?/? ignored" },
	{ OK LENGTH ETAG_A, WHOLE, TAG, "DATA 0-1000/1000" },
	{ OK LENGTH ETAG_A, CHECK, TAG, "DATA 0-1000/1000" },
	{ OK LENGTH ETAG_A LM_OLDER, WHOLE, BOTH, "DATA 0-1000/1000" },
	/* 200 with another version; If-Range excuses it */
	{ OK LENGTH ETAG_B, PART, TAG, "CHANGED 0-1000/1000" },
	{ OK LENGTH LM_OLDER, PART, DATED, "CHANGED 0-1000/1000" },
	{ OK "Content-Length: 1001\n", PART, DATED, "CHANGED 0-1001/1001" },
	{ OK LENGTH ETAG_B, PART, WEAK, "CHANGED 0-1000/1000 ignored" },
	{ OK "Content-Length: 1001\n", PART, SIZE,
	  "CHANGED 0-1001/1001 ignored" },
	{ OK LENGTH ETAG_B, WHOLE, TAG, "CHANGED 0-1000/1000" },
	{ OK ETAG_B, CHECK, TAG, "CHANGED 0-?/?" },
	{ OK LENGTH ETAG_A, WHOLE, EMPTY, "CHANGED 0-1000/1000" },
	{ OK "Content-Length: 0\n", WHOLE, SIZE, "CHANGED 0-0/0" },
	/* 200 that could be of any version */
	{ OK, WHOLE, TAG, "CHANGED 0-?/?" },
	{ OK, WHOLE, DATED, "CHANGED 0-?/?" },
	{ OK LM, WHOLE, ENDLESS, "CHANGED 0-?/?" },
	{ OK, WHOLE, SIZE, "DATA 0-?/?" },
	{ OK, WHOLE, BLANK, "DATA 0-?/?" },
	{ OK LENGTH, WHOLE, BLANK, "DATA 0-1000/1000" },

	/* other 2xx */
	{ "HTTP/1.1 201 Created\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 202 Accepted\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 204 No Content\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 205 Reset Content\n", PART, TAG, "FAIL EIO" },
	{ "HTTP/1.1 299 Whatever\n", PROBE, NEW, "FAIL EIO" },

	/* 304 */
	{ SAME304, CHECK, TAG, "SAME /1000" },
	{ SAME304 ETAG_A, CHECK, TAG, "SAME /1000" },
	{ SAME304 ETAG_A LM_OLDER, CHECK, BOTH, "SAME /1000" },
	{ SAME304 ETAG_WEAK_A, CHECK, TAG, "SAME /1000" },
	{ SAME304 LM, CHECK_PART, DATED, "SAME /1000" },
	{ SAME304 "Content-Length: 0\n", CHECK, TAG, "SAME /1000" },
	{ SAME304 "Content-Encoding: gzip\n", CHECK, TAG, "SAME /1000" },
	{ SAME304 ETAG_A, CHECK, ENDLESS, "SAME" },
	{ SAME304 ETAG_B, CHECK, TAG, "ELSEWHERE" },
	{ SAME304 LM_OLDER, CHECK, DATED, "ELSEWHERE" },
	{ SAME304, PART, TAG, "RETRY EIO" },
	{ SAME304, PROBE, NEW, "RETRY EIO" },
	{ SAME304, CHECK, NEW, "RETRY EIO" },

	/* redirects, and after them */
	{ "HTTP/1.1 301 M\nLocation: /x\n", PROBE, NEW, "REDIRECT" },
	{ "HTTP/1.1 302 M\nLocation: /x\n", PART, TAG, "REDIRECT" },
	{ "HTTP/1.1 303 M\nLocation: /x\n", PROBE, NEW, "REDIRECT" },
	{ "HTTP/1.1 307 M\nLocation: /x\n", CHECK, TAG, "REDIRECT" },
	{ "HTTP/1.1 308 M\nLocation: /x\n", PROBE, NEW, "REDIRECT" },
	{ "HTTP/1.1 302 M\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 302 M\nLocation:\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 300 M\nLocation: /x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 305 M\nLocation: /x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 399 M\nLocation: /x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 302 M\nLocation: /x\nContent-Length: 5\nETag: \"b\"\n\n"
	  SECOND100 ETAG_A, PART, TAG, "DATA 100-200/1000 ranges" },
	{ "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Hints\nLink: x\n\n" OK LENGTH,
	  FIRST, NEW, "DATA 0-1000/1000" },

	/* 416 */
	{ BAD416 "Content-Range: bytes */0\n", PROBE, NEW, "DATA 0-0/0 ranges" },
	{ BAD416 "Content-Range: bytes */0\n", PART, EMPTY, "NO-RANGE ranges" },
	{ BAD416 "Content-Range: bytes */0\n", PART, TAG, "ELSEWHERE ranges" },
	{ BAD416 "Content-Range: bytes */50\n", PART, TAG, "ELSEWHERE ranges" },
	{ BAD416 "Content-Range: bytes */1000\n" ETAG_B, PART, TAG,
	  "ELSEWHERE ranges" },
	{ BAD416 ETAG_B, PART, TAG, "ELSEWHERE" },
	{ BAD416 "Content-Range: bytes */1000\n", PART, TAG,
	  "NO-RANGE ranges" },
	{ BAD416, PART, TAG, "NO-RANGE" },
	{ BAD416 "Content-Range: nonsense\n", PART, TAG, "NO-RANGE" },
	{ BAD416 "Content-Range: bytes 100-199/1000\n", PART, TAG, "NO-RANGE" },
	{ BAD416 "Content-Range: bytes */100\n", PART, ENDLESS,
	  "DATA 100-100/100 ranges" },
	{ BAD416 "Content-Range: bytes */50\n", PART, ENDLESS,
	  "DATA 50-50/50 ranges" },
	{ BAD416 "Content-Range: bytes */50\n" ETAG_B, PART, ENDLESS,
	  "ELSEWHERE ranges" },
	{ BAD416 "Content-Range: bytes */101\n", PART, ENDLESS,
	  "NO-RANGE ranges" },
	{ BAD416, PART, ENDLESS, "NO-RANGE" },
	{ BAD416, PROBE, NEW, "NO-RANGE" },
	{ BAD416 "Content-Range: bytes */1000\n", PROBE, NEW,
	  "NO-RANGE ranges" },
	{ BAD416 "Content-Range: nonsense\n", PROBE, NEW, "NO-RANGE" },
	{ BAD416 "Content-Range: bytes */0\n", FIRST, NEW, "FAIL EIO" },
	{ BAD416, WHOLE, TAG, "FAIL EIO" },

	/* errors */
	{ "HTTP/1.1 400 x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 401 x\n", PROBE, NEW, "FAIL EACCES" },
	{ "HTTP/1.1 403 x\n", PART, TAG, "FAIL EACCES" },
	{ "HTTP/1.1 404 x\n", PROBE, NEW, "FAIL ENOENT" },
	{ "HTTP/1.1 405 x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 407 x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 408 x\n", PROBE, NEW, "RETRY ETIMEDOUT" },
	{ "HTTP/1.1 410 x\n", CHECK, TAG, "FAIL ENOENT" },
	{ "HTTP/1.1 412 x\n", PART, TAG, "FAIL EIO" },
	{ "HTTP/1.1 425 x\n", PROBE, NEW, "RETRY EIO" },
	{ "HTTP/1.1 429 x\nRetry-After: 7\n", PART, TAG, "RETRY EIO 7" },
	{ "HTTP/1.1 429 x\nRetry-After: 0\n", PART, TAG, "RETRY EIO" },
	{ "HTTP/1.1 451 x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 500 x\n", PROBE, NEW, "RETRY EIO" },
	{ "HTTP/1.1 501 x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 502 x\n", PROBE, NEW, "RETRY EIO" },
	{ "HTTP/1.1 503 x\nRetry-After: 99999999\n", PROBE, NEW,
	  "RETRY EIO 86400" },
	{ "HTTP/1.1 504 x\n", PART, TAG, "RETRY ETIMEDOUT" },
	{ "HTTP/1.1 505 x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 507 x\n", PROBE, NEW, "RETRY EIO" },
	{ "HTTP/1.1 511 x\n", PROBE, NEW, "FAIL EIO" },
	{ "HTTP/1.1 522 x\n", PROBE, NEW, "RETRY EIO" },
	{ "HTTP/1.1 999 x\n", PROBE, NEW, "RETRY EIO" },
	{ "HTTP/1.1 101 x\n", PROBE, NEW, "FAIL EIO" },
	{ "ICY 200 OK\n", PROBE, NEW, "FAIL EIO" },
	{ "", PROBE, NEW, "FAIL EIO" },
};

static const char *judged(enum reply_verdict verdict,
			  const struct reply_facts *f, struct buffer *b)
{
	static const char *const names[] = {
		[REPLY_DATA] = "DATA",
		[REPLY_CHANGED] = "CHANGED",
		[REPLY_CHANGED_ELSEWHERE] = "ELSEWHERE",
		[REPLY_NOT_MODIFIED] = "SAME",
		[REPLY_NO_RANGE] = "NO-RANGE",
		[REPLY_REDIRECT] = "REDIRECT",
		[REPLY_RETRY] = "RETRY",
		[REPLY_FAIL] = "FAIL",
	};

	b->len = 0;
	add(b, "%s", names[verdict]);
	if (verdict == REPLY_DATA || verdict == REPLY_CHANGED) {
		add(b, " %" PRIu64 "-", f->start);
		add_number(b, "%s", f->end);
		add(b, "%s", f->end == U ? "?/" : "/");
		add_number(b, "%s", f->size);
		add(b, "%s", f->size == U ? "?" : "");
	} else if (verdict == REPLY_NOT_MODIFIED) {
		add_number(b, " /%s", f->size);
	}
	if (f->error)
		add(b, " %s", strerrorname_np(-f->error));
	if (f->retry_after)
		add(b, " %" PRId64, f->retry_after);
	add(b, "%s%s", f->ranges ? " ranges" : "",
	    f->ranges_ignored ? " ignored" : "");
	return b->text;
}

static void test_judge(void)
{
	for (size_t i = 0; i < sizeof(judge_cases) / sizeof(*judge_cases);
	     i++) {
		const struct judge_case *c = &judge_cases[i];
		struct reply_version known = {
			.etag = c->known.etag ? strdup(c->known.etag) : NULL,
			.last_modified = c->known.last_modified ?
						 strdup(c->known.last_modified) :
						 NULL,
			.size = c->known.size,
		};
		struct reply_facts facts;
		struct buffer b;
		struct reply r;
		char name[80];
		enum reply_verdict verdict;

		memset(&facts, 0xff, sizeof(facts));
		reply_init(&r);
		is_int(feed(&r, c->block), 0, "%s", shown(c->block, name));
		verdict = reply_judge(&r, &c->asked,
				      c->known.there ? &known : NULL, &facts);
		is_str(judged(verdict, &facts, &b), c->want,
		       "judged, knowing %s, %s, %" PRId64,
		       known.etag ? known.etag : "-",
		       known.last_modified ? "date" : "-",
		       (int64_t)known.size);
		reply_fini(&r);
		reply_version_fini(&known);
	}
}

/* Whatever a response holds: bytes are taken only from where they were asked
 * for, or from 0; never past the size; never for another version. */
static void test_laws(void)
{
	static const char *const blocks[] = {
		OK, PARTIAL, BAD416, SAME304, FIRST100, SECOND100, STAR100,
		"Content-Range: bytes 0-99/1000\n",
		"Content-Range: bytes 50-149/200\n",
		"Content-Range: bytes */1000\n", "Content-Range: bytes */0\n",
		LENGTH, "Content-Length: 100\n", "Content-Length: 0\n",
		"Transfer-Encoding: chunked\n", "Content-Encoding: gzip\n",
		ETAG_A, ETAG_B, ETAG_WEAK_A, LM, LM_OLDER,
	};
	static const struct reply_asked asked[] = { PROBE, FIRST, PART, WHOLE,
						    CHECK, CHECK_PART };
	size_t taken = 0, wrong = 0;

	srandom(1);
	for (int i = 0; i < 300000; i++) {
		const struct reply_asked *a = &asked[random() % 6];
		char etag[] = "\"a\"", date[] = DATE;
		struct reply_version known = {
			.etag = random() % 2 ? etag : NULL,
			.last_modified = random() % 2 ? date : NULL,
			.size = random() % 2 ? 1000 : U,
		};
		enum reply_verdict verdict;
		struct reply_facts f;
		struct reply r;
		int rc;

		reply_init(&r);
		rc = feed(&r, blocks[random() % 7]);
		for (int n = random() % 5; n && !rc; n--)
			rc = feed(&r, blocks[7 + random() % 14]);
		verdict = reply_judge(&r, a, &known, &f);
		if (!rc && verdict == REPLY_DATA) {
			taken++;
			wrong += f.start != 0 && f.start != a->start;
			wrong += r.status == 206 && f.start != a->start;
			wrong += f.end != U && f.size != U && f.end > f.size;
			wrong += f.size != U && known.size != U &&
				 f.size != known.size;
			wrong += r.status == 206 && f.end > a->end;
			wrong += r.encoded && f.start != f.end;
			wrong += known.etag && r.etag &&
				 !reply_etag_equal(known.etag, r.etag);
		}
		wrong += verdict == REPLY_NOT_MODIFIED && !a->validating;
		reply_fini(&r);
	}
	is_uint(wrong, 0, "random responses: no law is broken");
	ok(taken > 1000, "random responses: %zu were taken", taken);
}

int main(void)
{
	test_if_range();
	test_etags();
	test_version_copy();
	test_judge();
	test_laws();
	return done_testing();
}
