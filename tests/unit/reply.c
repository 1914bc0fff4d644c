/* reply: what header lines say, by a table: lines in, and what came out as a
 * short text. What that is worth is judge's matter.
 */
#include "config.h"

#include "cache/reply.h"
#include "tests/tap.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#define NOW 1763800000		/* Sat, 22 Nov 2025 08:26:40 GMT */
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define EPOCH "Thu, 01 Jan 1970 00:00:00 GMT"
#define OLDER "Sun, 06 Nov 1994 08:49:36 GMT"

/* One line from a heap copy, so that a sanitizer sees a byte too many. */
static int feed_line(struct reply *r, const char *line, size_t len)
{
	char *copy = malloc(len + !len);
	int rc;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, line, len);
	rc = reply_line(r, copy, len, NOW);
	free(copy);
	return rc;
}

/* Lines end in \n, kept; the first error ends it. */
static int feed(struct reply *r, const char *text)
{
	size_t len;
	int rc = 0;

	for (; *text && !rc; text += len) {
		len = strcspn(text, "\n");
		len += text[len] == '\n';
		rc = feed_line(r, text, len);
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

static void add_text(struct buffer *b, const char *name, const char *text)
{
	if (text)
		add(b, " %s=%s", name, text);
}

/* All that a reply holds and is not as reply_init leaves it. */
static const char *described(const struct reply *r, struct buffer *b)
{
	const struct fresh_headers *h = &r->fresh;

	b->len = 0;
	add(b, "%d", r->status);
	add_number(b, " length=%s", r->content_length);
	if (r->content_range_bad)
		add(b, " range=bad");
	else if (r->has_content_range && r->range_end == UINT64_MAX)
		add(b, " range=*/%" PRIu64, r->range_total);
	else if (r->has_content_range)
		add(b, " range=%" PRIu64 "-%" PRIu64, r->range_start,
		    r->range_end);
	if (!r->content_range_bad && r->range_end != UINT64_MAX)
		add_number(b, "/%s", r->range_total);
	add_text(b, "etag", r->etag);
	add_text(b, "modified", r->last_modified);
	add_text(b, "type", r->content_type);
	add_text(b, "location", r->location);
	add(b, "%s%s%s%s", r->encoded ? " encoded" : "",
	    r->transfer_coded ? " transfer-coded" : "",
	    r->multipart ? " multipart" : "",
	    r->accept_ranges_none ? " no-ranges" : "");
	add_number(b, " after=%s", (uint64_t)r->retry_after);
	add_number(b, " max-age=%s", (uint64_t)h->max_age);
	add_number(b, " age=%s", (uint64_t)h->age);
	add_number(b, " date=%s", (uint64_t)h->date);
	add_number(b, " expires=%s", (uint64_t)h->expires);
	add_number(b, " lm=%s", (uint64_t)h->last_modified);
	add(b, "%s%s%s%s", h->no_store ? " no-store" : "",
	    h->no_cache ? " no-cache" : "", h->must_revalidate ? " must" : "",
	    h->expires_invalid ? " expired" : "");
	return b->text;
}

static const struct line_case {
	const char *text;
	int rc;
	const char *want;	/* when rc is 0 */
} line_cases[] = {
	/* status lines */
	{ "HTTP/1.1 200 OK\r\n", 0, "200" },
	{ "HTTP/1.0 200 OK\r\n", 0, "200" },
	{ "HTTP/2 206 \r\n", 0, "206" },
	{ "HTTP/3 404\r\n", 0, "404" },
	{ "HTTP/1.1 200\n", 0, "200" },
	{ "HTTP/1.1 200", 0, "200" },
	{ "HTTP/1.1  503  Not: now\r\n", 0, "503" },
	{ "HTTP/1.1 999 Denied\r\n", 0, "999" },
	{ "HTTP/1.1 200 \xc3\xa9\r\n", 0, "200" },
	{ "HTTP/1.1 abc\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 20\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 99\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 099\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 1000\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 0200\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 200OK\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 -200\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 2e2\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 \r\n", -EBADMSG, NULL },
	{ "HTTP/1.1200\r\n", -EBADMSG, NULL },
	{ "HTTP/ 200\r\n", -EBADMSG, NULL },
	{ "HTTP/x 200\r\n", -EBADMSG, NULL },
	{ "HTTP/1. 200\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1.1 200\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 99999999999999999999999\r\n", -EBADMSG, NULL },
	{ "HTTP/99999999999999999999999 200\r\n", -EBADMSG, NULL },
	{ "HTTP/\r\n", -EBADMSG, NULL },
	{ "ICY 200 OK\r\n", 0, "0" },
	{ "", 0, "0" },
	/* a new block forgets the former one */
	{ "HTTP/1.1 103 Early\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n"
	  "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 0, "200 length=7" },
	{ "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n"
	  "Content-Encoding: gzip\r\nRetry-After: 5\r\nAge: 4\r\n"
	  "Transfer-Encoding: chunked\r\nCache-Control: no-store\r\n"
	  "Accept-Ranges: none\r\nContent-Range: x\r\nLast-Modified: " DATE
	  "\r\nContent-Type: multipart/byteranges\r\n\r\nHTTP/1.1 206 P\r\n"
	  "Content-Range: bytes 0-4/10\r\n", 0, "206 range=0-5/10" },
	/* names, colons, spaces */
	{ "content-LENGTH:5\r\n", 0, "0 length=5" },
	{ "Content-Length \t:\t 5 \t\r\n", 0, "0 length=5" },
	{ "Content-Length: 5\n", 0, "0 length=5" },
	{ "Content-Length: 5", 0, "0 length=5" },
	{ "Content-Length 5\r\n", 0, "0" },
	{ "XContent-Length: 5\r\nContent-LengthX: 6\r\n: 7\r\n:\r\n", 0, "0" },
	{ "Content\xc2\xad-Length: 5\r\n", 0, "0" },
	{ "no colon at all\r\n", 0, "0" },
	{ "Server: a: b: c\r\n", 0, "0" },
	/* lines that go on */
	{ "X: a\r\n b\r\n\tc\r\nContent-Length: 5\r\n", 0, "0 length=5" },
	{ "X: a\r\n Content-Length: 5\r\n", 0, "0" },
	{ "HTTP/1.1 200 OK\r\n Content-Length: 5\r\n", 0, "200" },
	{ "Content-Length: 5\r\n 6\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5\r\n\t\r\n", -EBADMSG, NULL },
	{ "Content-Range: bytes 0-1/2\r\n 3\r\n", -EBADMSG, NULL },
	{ "Cache-Control: max-age=5,\r\n no-store\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5\r\n\r\n x\r\n", 0, "0 length=5" },
	/* bytes that don't belong */
	{ "X: a\rb\r\n", -EBADMSG, NULL },
	{ "X: a\r\r\n", -EBADMSG, NULL },
	{ "\r\r\n", -EBADMSG, NULL },
	{ "ETag: \"a\001b\"\r\nContent-Type: a\177\r\nLocation: \033\r\n", 0,
	  "0" },
	{ "ETag: \"\xc3\xa9\"\r\nContent-Type: a;\tb\r\n", 0,
	  "0 etag=\"\xc3\xa9\" type=a;\tb" },
	/* lengths */
	{ "Content-Length: 0\r\n", 0, "0 length=0" },
	{ "Content-Length: 0005\r\n", 0, "0 length=5" },
	{ "Content-Length: 4294967296\r\n", 0, "0 length=4294967296" },
	{ "Content-Length: 9223372036854775807\r\n", 0,
	  "0 length=9223372036854775807" },
	{ "Content-Length: 9223372036854775808\r\n", -EBADMSG, NULL },
	{ "Content-Length: 18446744073709551615\r\n", -EBADMSG, NULL },
	{ "Content-Length: 18446744073709551616\r\n", -EBADMSG, NULL },
	{ "Content-Length: 18446744073709551621\r\n", -EBADMSG, NULL },
	{ "Content-Length: 99999999999999999999999999\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5\r\nContent-Length: 5\r\n", 0, "0 length=5" },
	{ "Content-Length: 5\r\nContent-Length: 6\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5, 5 ,5\r\n", 0, "0 length=5" },
	{ "Content-Length: 5, 6\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5,\r\n", -EBADMSG, NULL },
	{ "Content-Length: ,5\r\n", -EBADMSG, NULL },
	{ "Content-Length:\r\n", -EBADMSG, NULL },
	{ "Content-Length: -5\r\n", -EBADMSG, NULL },
	{ "Content-Length: +5\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5.0\r\n", -EBADMSG, NULL },
	{ "Content-Length: 0x5\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5 5\r\n", -EBADMSG, NULL },
	{ "Content-Length: 5 bytes\r\n", -EBADMSG, NULL },
	{ "Content-Length: five\r\n", -EBADMSG, NULL },
	/* ranges */
	{ "Content-Range: bytes 0-0/1\r\n", 0, "0 range=0-1/1" },
	{ "Content-Range: bytes 5-9/10\r\n", 0, "0 range=5-10/10" },
	{ "Content-Range: bytes 5-9/*\r\n", 0, "0 range=5-10" },
	{ "Content-Range: bytes */10\r\n", 0, "0 range=*/10" },
	{ "Content-Range: bytes */0\r\n", 0, "0 range=*/0" },
	{ "Content-Range: BYTES \t 5-9/10 \r\n", 0, "0 range=5-10/10" },
	{ "Content-Range: bytes 4294967296-4294967299/8589934592\r\n", 0,
	  "0 range=4294967296-4294967300/8589934592" },
	{ "Content-Range: bytes 0-9223372036854775806/9223372036854775807\r\n",
	  0, "0 range=0-9223372036854775807/9223372036854775807" },
	{ "Content-Range: bytes 0-9223372036854775806/*\r\n", 0,
	  "0 range=0-9223372036854775807" },
	{ "Content-Range: bytes 0-9223372036854775807/*\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 0-1/9223372036854775808\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes */9223372036854775808\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 0-18446744073709551615/*\r\n", 0,
	  "0 range=bad" },
	{ "Content-Range: bytes 18446744073709551616-18446744073709551617/"
	  "99999999999999999999\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 9-5/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-10/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 0-0/0\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes */*\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes -5/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-9\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-9/\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-9/10x\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-9/10, 11-12/13\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5 - 9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-9 / 10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes=5-9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes5-9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: 5-9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: items 5-9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes +5-9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes -5-9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 0x5-9/10\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes \r\n", 0, "0 range=bad" },
	{ "Content-Range:\r\n", 0, "0 range=bad" },
	{ "Content-Range: bytes 5-9/10\r\nContent-Range: bytes 5-9/10\r\n", 0,
	  "0 range=5-10/10" },
	{ "Content-Range: bytes 5-9/10\r\nContent-Range: bytes 5-9/11\r\n", 0,
	  "0 range=bad" },
	{ "Content-Range: bytes 5-9/10\r\nContent-Range: bytes 4-9/10\r\n", 0,
	  "0 range=bad" },
	{ "Content-Range: bytes 5-9/10\r\nContent-Range: x\r\n"
	  "Content-Range: bytes 5-9/10\r\n", 0, "0 range=bad" },
	/* codings */
	{ "Content-Encoding: identity\r\n", 0, "0" },
	{ "Content-Encoding:\r\n", 0, "0" },
	{ "Content-Encoding: IDENTITY, identity,\r\n", 0, "0" },
	{ "Content-Encoding: gzip\r\n", 0, "0 encoded" },
	{ "Content-Encoding: br\r\n", 0, "0 encoded" },
	{ "Content-Encoding: gzip, identity\r\n", 0, "0 encoded" },
	{ "Content-Encoding: identity, gzip\r\n", 0, "0 encoded" },
	{ "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", 0,
	  "0 encoded" },
	{ "Content-Encoding: gzip\r\nContent-Encoding: identity\r\n", 0,
	  "0 encoded" },
	{ "Content-Encoding: identityx\r\n", 0, "0 encoded" },
	{ "Transfer-Encoding: chunked\r\n", 0, "0 transfer-coded" },
	{ "Transfer-Encoding: identity\r\n", 0, "0" },
	{ "Transfer-Encoding: gzip, Chunked\r\n", 0,
	  "0 encoded transfer-coded" },
	/* media types */
	{ "Content-Type: video/mp4\r\n", 0, "0 type=video/mp4" },
	{ "Content-Type: multipart/byteranges; boundary=x\r\n", 0,
	  "0 type=multipart/byteranges; boundary=x multipart" },
	{ "Content-Type: Multipart/ByteRanges ;boundary=x\r\n", 0,
	  "0 type=Multipart/ByteRanges ;boundary=x multipart" },
	{ "Content-Type: multipart/byterangesx\r\n", 0,
	  "0 type=multipart/byterangesx" },
	{ "Content-Type: a\r\nContent-Type: b\r\n", 0, "0 type=a" },
	/* validators */
	{ "ETag: \"abc\"\r\n", 0, "0 etag=\"abc\"" },
	{ "ETag: W/\"abc\"\r\n", 0, "0 etag=W/\"abc\"" },
	{ "ETag: abc\r\n", 0, "0 etag=abc" },
	{ "ETag:  \t\r\n", 0, "0" },
	{ "ETag: \"a\"\r\nETag: \"b\"\r\n", 0, "0 etag=\"a\"" },
	{ "Last-Modified: " DATE "\r\n", 0, "0 modified=" DATE " lm=784111777" },
	{ "Last-Modified: " EPOCH "\r\nLast-Modified: " DATE "\r\n", 0,
	  "0 modified=" EPOCH " lm=0" },
	{ "Last-Modified: yesterday\r\n", 0, "0 modified=yesterday" },
	{ "Accept-Ranges: bytes\r\n", 0, "0" },
	{ "Accept-Ranges: None\r\n", 0, "0 no-ranges" },
	/* when to come again */
	{ "Retry-After: 120\r\n", 0, "0 after=120" },
	{ "Retry-After: 0\r\n", 0, "0 after=0" },
	{ "Retry-After: 86401\r\n", 0, "0 after=86400" },
	{ "Retry-After: 99999999999999999999999999\r\n", 0, "0 after=86400" },
	{ "Retry-After: -1\r\n", 0, "0" },
	{ "Retry-After: 1.5\r\n", 0, "0" },
	{ "Retry-After: soon\r\n", 0, "0" },
	{ "Retry-After:\r\n", 0, "0" },
	{ "Retry-After: Sat, 22 Nov 2025 08:27:40 GMT\r\n", 0, "0 after=60" },
	{ "Retry-After: Saturday, 22-Nov-25 08:27:40 GMT\r\n", 0,
	  "0 after=60" },
	{ "Retry-After: " DATE "\r\n", 0, "0 after=0" },
	{ "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", 0, "0 after=86400" },
	{ "Retry-After: 5\r\nRetry-After: 7\r\n", 0, "0 after=5" },
	{ "Retry-After: 0\r\nRetry-After: 7\r\n", 0, "0 after=0" },
	{ "Retry-After: " EPOCH "\r\n", 0, "0 after=0" },
	/* freshness */
	{ "Cache-Control: max-age=60\r\nCache-Control: no-cache, no-store\r\n"
	  "Cache-Control: must-revalidate\r\n", 0,
	  "0 max-age=60 no-store no-cache must" },
	{ "Age: 60\r\n", 0, "0 age=60" },
	{ "Age: 60, 70\r\nAge: 5\r\n", 0, "0 age=60" },
	{ "Age: 0\r\nAge: 5\r\n", 0, "0 age=0" },
	{ "Age: -60\r\n", 0, "0" },
	{ "Age: 99999999999999999999\r\n", 0, "0 age=2147483648" },
	{ "Date: " DATE "\r\nDate: " OLDER "\r\n", 0, "0 date=784111777" },
	{ "Date: " EPOCH "\r\nDate: " DATE "\r\n", 0, "0 date=0" },
	{ "Expires: " DATE "\r\n", 0, "0 expires=784111777" },
	{ "Expires: " EPOCH "\r\nExpires: " DATE "\r\n", 0, "0 expires=0" },
	{ "Expires: 0\r\n", 0, "0 expired" },
	{ "Expires: -1\r\nExpires: " DATE "\r\n", 0, "0 expired" },
	{ "Expires:\r\n", 0, "0 expired" },
	{ "Expires: " DATE "\r\nExpires: 0\r\n", 0, "0 expires=784111777" },
	/* where to */
	{ "Location: https://example.com/a?b=c:d\r\n", 0,
	  "0 location=https://example.com/a?b=c:d" },
	{ "Location: /a\r\nLocation: /b\r\n", 0, "0 location=/a" },
};

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

static void test_lines(void)
{
	struct buffer b;
	char name[80];

	for (size_t i = 0; i < sizeof(line_cases) / sizeof(*line_cases); i++) {
		const struct line_case *c = &line_cases[i];
		struct reply r;

		reply_init(&r);
		is_int(feed(&r, c->text), c->rc, "%s", shown(c->text, name));
		if (!c->rc)
			is_str(described(&r, &b), c->want, "says %s",
			       shown(c->want, name));
		reply_fini(&r);
	}
}

static void test_nul(void)
{
	static const struct {
		const char *line;
		size_t len;
	} bad[] = {
		{ "Content-Length: 5\0\r\n", 20 },
		{ "Content-Length: 5\0 6\r\n", 22 },
		{ "X\0Content-Length: 5\r\n", 21 },
		{ "\0", 1 },
		{ "HTTP/1.1 200\0 OK\r\n", 18 },
		{ "X: a\nContent-Length: 5\r\n", 24 },
		{ "X: a\r\nContent-Length: 5\r\n", 25 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct reply r;

		reply_init(&r);
		is_int(feed_line(&r, bad[i].line, bad[i].len), -EBADMSG,
		       "NUL or line end within line %zu", i);
		reply_fini(&r);
	}
}

static void test_long_values(void)
{
	static const struct {
		const char *name;
		size_t max;
	} fields[] = {
		{ "ETag: ", REPLY_VALUE_MAX },
		{ "Last-Modified: ", REPLY_VALUE_MAX },
		{ "Content-Type: ", REPLY_VALUE_MAX },
		{ "Location: ", REPLY_LOCATION_MAX },
	};
	char line[REPLY_LOCATION_MAX + 64];

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		size_t n = strlen(fields[i].name);

		for (int over = 0; over < 2; over++) {
			size_t len = fields[i].max + over;
			struct reply r;

			reply_init(&r);
			memcpy(line, fields[i].name, n);
			memset(line + n, 'x', len);
			is_int(feed_line(&r, line, n + len), 0, "%s%zu bytes",
			       fields[i].name, len);
			ok((r.etag || r.last_modified || r.content_type ||
			    r.location) == !over, "%s kept: %d",
			   fields[i].name, !over);
			reply_fini(&r);
		}
	}
}

static void test_limits(void)
{
	static char big[REPLY_HEADER_BYTES_MAX + 1];
	struct reply r;
	int n, rc = 0;

	memset(big, 'x', sizeof(big));
	reply_init(&r);
	is_int(feed_line(&r, big, sizeof(big) - 1), 0, "as much as can be");
	is_int(feed_line(&r, "X", 1), -EMSGSIZE, "one byte more");
	reply_fini(&r);

	reply_init(&r);
	is_int(feed_line(&r, big, sizeof(big)), -EMSGSIZE, "too much at once");
	reply_fini(&r);

	reply_init(&r);
	for (n = 0; n < 10000 && !rc; n++)
		rc = feed(&r, "X: y\r\n");
	is_int(rc, -EMSGSIZE, "10000 lines");
	is_int(n, REPLY_HEADER_LINES_MAX + 1, "refused at the first too many");
	reply_fini(&r);

	/* 1xx without end, each a new block */
	reply_init(&r);
	for (n = 0, rc = 0; n < 10000 && !rc; n++)
		rc = feed(&r, "HTTP/1.1 103 Early Hints\r\n\r\n");
	is_int(rc, -EMSGSIZE, "blocks without end");
	reply_fini(&r);

	reply_init(&r);
	for (n = 0, rc = 0; n < 1024 && !rc; n++)
		rc = feed_line(&r, big, 1024);
	is_int(rc, -EMSGSIZE, "1 MiB of header");
	is_int(n, 257, "refused at 256 KiB");
	reply_fini(&r);

	/* each field is looked for among all that Connection names */
	reply_init(&r);
	for (n = 0, rc = 0; n < 1024 && !rc; n++)
		rc = feed(&r, "Connection: a, b\r\n");
	is_int(rc, -EMSGSIZE, "Connection names too many");
	is_int(n, (REPLY_VALUE_MAX + 1) / 5 + 1, "refused at 1 KiB");
	reply_fini(&r);
}

/* What is collected for the cache to keep. */
static void test_fields(void)
{
	static const struct {
		const char *what, *lines, *fields, *connection;
	} cases[] = {
		{ "as they come",
		  "HTTP/1.1 200 OK\r\nServer:  a: b \r\nDate: " DATE "\r\n"
		  "Set-Cookie: c\r\nContent-Length: 5\r\nX-A:\r\n\r\n",
		  "Server: a: b\nDate: " DATE "\nX-A: \n", NULL },
		{ "of the last block",
		  "HTTP/1.1 302 Found\r\nX-A: 1\r\nConnection: a\r\n\r\n"
		  "HTTP/1.1 200 OK\r\nX-B: 2\r\n\r\n", "X-B: 2\n", NULL },
		{ "none", "HTTP/1.1 200 OK\r\n\r\n", NULL, NULL },
		{ "not those that go on", "HTTP/1.1 200 OK\r\nX-A: 1\r\n"
		  "X-B: 2\r\n 3\r\n\t4\r\nX-C: 5\r\n\r\n",
		  "X-A: 1\nX-C: 5\n", NULL },
		{ "not the one before, when what goes on is none",
		  "HTTP/1.1 200 OK\r\nX-A: 1\r\nno field\r\n 3\r\n\r\n",
		  "X-A: 1\n", NULL },
		{ "what Connection names",
		  "HTTP/1.1 200 OK\r\nConnection: close, X-A\r\n"
		  "connection: X-B\r\nX-C: 1\r\n\r\n", "X-C: 1\n",
		  "close, X-A,X-B" },
	};
	struct reply r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reply_init(&r);
		is_int(feed(&r, cases[i].lines), 0, "fields: %s",
		       cases[i].what);
		is_str(r.fields, cases[i].fields, "… are these");
		is_str(r.connection, cases[i].connection, "… and Connection");
		reply_fini(&r);
	}
}

int main(void)
{
	test_fields();
	test_lines();
	test_nul();
	test_long_values();
	test_limits();
	return done_testing();
}
