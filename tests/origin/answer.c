/* answer: what goes out for a request under a rule, right or wrong. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "origin.h"

#define CHUNK (64 * 1024)
#define SECOND INT64_C(1000000000)
#define BOUNDARY "spoolfs-test-boundary"

struct job {
	struct connection *c;
	struct rule *r;
	struct script *script;		/* whose lock guards r's counters */
	struct record *record;
	struct content k;
	unsigned status;
	char etag[160], modified[64];	/* empty: not sent */
	uint64_t start, end;		/* of k, what Content-Range says */
	uint64_t total;			/* NEVER: not to be said */
	char prefix[256], suffix[64];	/* around a multipart body */
	char own_text[64];		/* the body of an error */
	const char *location;
	char own_location[1024];	/* of a folder */
	bool head, closing;
};

const char *reason_of(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 206: return "Partial Content";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 416: return "Range Not Satisfiable";
	case 429: return "Too Many Requests";
	case 500: return "Internal Server Error";
	case 503: return "Service Unavailable";
	}
	return "Status";
}

/* Leave content aside and say only the status. */
static void plain(struct job *j, unsigned status)
{
	const struct rule *r = j->r;

	content_close(&j->k);
	memset(&j->k, 0, sizeof(j->k));
	j->k.fd = -1;
	snprintf(j->own_text, sizeof(j->own_text), "%u %s\n", status,
		 reason_of(status));
	j->k.text = r->body ? r->body : j->own_text;
	j->k.size = strlen(j->k.text);
	j->k.type = "text/plain";
	j->status = status;
	j->start = 0;
	j->end = status == 304 || status == 204 ? 0 : j->k.size;
	j->total = status == 416 ? j->total : NEVER;
	if (status != 304)
		j->etag[0] = j->modified[0] = '\0';
}

static void http_date(time_t t, char *buf, size_t size)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(buf, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void name_version(struct job *j)
{
	static _Atomic unsigned flaps;
	const char *mode = j->r->etag, *tag = j->k.tag;

	if (!mode || !strcmp(mode, "strong"))
		snprintf(j->etag, sizeof(j->etag), "\"%s\"", tag);
	else if (!strcmp(mode, "weak"))
		snprintf(j->etag, sizeof(j->etag), "W/\"%s\"", tag);
	else if (!strcmp(mode, "flap"))
		snprintf(j->etag, sizeof(j->etag), "\"%s-%c\"", tag,
			 'a' + (int)(atomic_fetch_add(&flaps, 1) % 2));
	else if (strcmp(mode, "none") != 0)
		snprintf(j->etag, sizeof(j->etag), "%s", mode);
	mode = j->r->last_modified;
	if (!mode)
		http_date(j->k.mtime, j->modified, sizeof(j->modified));
	else if (strcmp(mode, "none") != 0)
		snprintf(j->modified, sizeof(j->modified), "%s", mode);
}

/* RFC 9110, 13.1.2 and 13.1.3: If-None-Match hides If-Modified-Since. */
static bool not_modified(const struct job *j)
{
	const char *match = request_header(&j->c->q, "If-None-Match");
	const char *since = request_header(&j->c->q, "If-Modified-Since");
	const char *opaque = strchr(j->etag, '"');

	if (!j->r->conditional)
		return false;
	if (match)
		return !strcmp(match, "*") || (opaque && strstr(match, opaque));
	return since && j->modified[0] && !strcmp(since, j->modified);
}

/* RFC 9110, 13.1.5: strong comparison, exact date. */
static bool if_range_holds(const struct job *j)
{
	const char *value = request_header(&j->c->q, "If-Range");

	if (!value || j->r->if_range == IF_RANGE_IGNORE)
		return true;
	if (j->r->if_range == IF_RANGE_NEVER)
		return false;
	if (*value == '"')
		return !strcmp(value, j->etag);
	return *value != 'W' && !strcmp(value, j->modified);
}

enum asked { ASKED_ALL, ASKED_RANGE, ASKED_NOTHING };

/* One byte range of RFC 9110, 14.1.2. Several: the whole, as is allowed. */
static enum asked parse_range(const char *value, uint64_t size,
			      uint64_t *start, uint64_t *end)
{
	uint64_t a, b = NEVER;
	const char *p;

	if (!value || strncasecmp(value, "bytes=", 6) || strchr(value, ','))
		return ASKED_ALL;
	p = value + 6;
	if (*p == '-') {
		if (!parse_size(p + 1, &p, &a) || *p)
			return ASKED_ALL;
		*start = a < size ? size - a : 0;
		*end = size;
		return a && size ? ASKED_RANGE : ASKED_NOTHING;
	}
	if (!parse_size(p, &p, &a) || *p++ != '-')
		return ASKED_ALL;
	if (*p && (!parse_size(p, &p, &b) || *p || b < a))
		return ASKED_ALL;
	if (a >= size)
		return ASKED_NOTHING;
	*start = a;
	*end = b < size - 1 ? b + 1 : size;
	return ASKED_RANGE;
}

static void multipart(struct job *j)
{
	snprintf(j->prefix, sizeof(j->prefix),
		 "\r\n--" BOUNDARY "\r\nContent-Type: %s\r\nContent-Range: "
		 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
		 j->k.type, j->start, j->end - 1, j->k.size);
	snprintf(j->suffix, sizeof(j->suffix), "\r\n--" BOUNDARY "--\r\n");
}

static void apply_range(struct job *j)
{
	const char *value = request_header(&j->c->q, "Range");
	int mode = j->r->ranges;
	uint64_t start, end;
	enum asked asked;

	if (!value || mode == RANGES_OFF || mode == RANGES_IGNORE ||
	    !if_range_holds(j))
		return;
	asked = parse_range(value, j->k.size, &start, &end);
	if (asked == ASKED_ALL)
		return;
	if (asked == ASKED_NOTHING || mode == RANGES_REFUSE) {
		plain(j, 416);
		return;
	}
	if (mode == RANGES_WRONG_START && end - start > 512)
		start += 512;
	else if (mode == RANGES_WRONG_START)
		start = start ? start - 1 : 0;
	if (mode == RANGES_WRONG_TOTAL)
		j->total += 1000 + j->c->requests;
	j->status = 206;
	j->start = start;
	j->end = end;
	if (mode == RANGES_MULTIPART)
		multipart(j);
}

/* Everything but the wire: status, content, part of it. */
static void decide(struct job *j)
{
	const struct request *q = &j->c->q;
	const struct rule *r = j->r;
	int status;

	j->head = !strcmp(q->method, "HEAD");
	if (r->redirect) {
		j->location = r->redirect;
		plain(j, r->status ? (unsigned)r->status : 302);
		return;
	}
	if ((!j->head && strcmp(q->method, "GET")) ||
	    (j->head && r->head_refused)) {
		plain(j, 405);
		return;
	}
	if (r->status >= 300 || r->status == 204) {
		plain(j, (unsigned)r->status);
		return;
	}
	status = content_open(r, origin.root, q->path, r->version == NEVER ?
			      version_of(q->path) : r->version, &j->k);
	if (status == 301) {
		snprintf(j->own_location, sizeof(j->own_location), "%.*s/",
			 (int)strcspn(q->target, "?"), q->target);
		j->location = j->own_location;
	}
	if (status) {
		plain(j, (unsigned)status);
		return;
	}
	name_version(j);
	j->status = 200;
	j->start = 0;
	j->end = j->total = j->k.size;
	if (not_modified(j))
		plain(j, 304);
	else
		apply_range(j);
	if (r->status)
		j->status = (unsigned)r->status;
}

static bool overridden(const struct rule *r, const char *name)
{
	size_t i, n = strlen(name);
	const char *h;

	for (i = 0; i < r->n_headers; i++) {
		h = r->headers[i].s;
		h += *h == '-';
		if (!strncasecmp(h, name, n) && (!h[n] || h[n] == ':'))
			return true;
	}
	return false;
}

__attribute__((format(printf, 4, 5)))
static void header(FILE *out, const struct rule *r, const char *name,
		   const char *fmt, ...)
{
	va_list ap;

	if (overridden(r, name))
		return;
	fprintf(out, "%s: ", name);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputs("\r\n", out);
}

static uint64_t body_length(const struct job *j)
{
	uint64_t len = j->end - j->start + strlen(j->prefix) +
		       strlen(j->suffix);

	return j->r->slice < 0 && len < (uint64_t)-j->r->slice ? 0 :
	       len + (uint64_t)j->r->slice;
}

static void range_headers(FILE *out, const struct job *j)
{
	const struct rule *r = j->r;

	if (j->status == 416 && j->total != NEVER)
		header(out, r, "Content-Range", "bytes */%" PRIu64, j->total);
	if (j->status == 206 && r->ranges == RANGES_STAR)
		header(out, r, "Content-Range", "bytes %" PRIu64 "-%" PRIu64
		       "/*", j->start, j->end - 1);
	else if (j->status == 206 && r->ranges != RANGES_NO_HEADER &&
		 !j->prefix[0])
		header(out, r, "Content-Range", "bytes %" PRIu64 "-%" PRIu64
		       "/%" PRIu64, j->start, j->end - 1, j->total);
	if (r->ranges == RANGES_OFF || r->ranges == RANGES_QUIET)
		header(out, r, "Accept-Ranges", "none");
	else if (j->etag[0] || j->modified[0])
		header(out, r, "Accept-Ranges", "bytes");
}

static void write_headers(FILE *out, struct job *j)
{
	const struct rule *r = j->r;
	char date[64];
	size_t i;

	http_date(time(NULL), date, sizeof(date));
	fprintf(out, "HTTP/1.1 %u %s\r\n", j->status,
		r->reason ? r->reason : reason_of(j->status));
	header(out, r, "Date", "%s", date);
	if (j->prefix[0])
		header(out, r, "Content-Type",
		       "multipart/byteranges; boundary=" BOUNDARY);
	else if (j->status != 304)
		header(out, r, "Content-Type", "%s", j->k.type);
	if (r->framing == FRAMING_CHUNKED && j->status != 304)
		header(out, r, "Transfer-Encoding", "chunked");
	else if (r->framing == FRAMING_LENGTH && j->status != 304)
		header(out, r, "Content-Length", "%" PRIu64,
		       body_length(j) + (uint64_t)r->lie);
	range_headers(out, j);
	if (j->etag[0])
		header(out, r, "ETag", "%s", j->etag);
	if (j->modified[0])
		header(out, r, "Last-Modified", "%s", j->modified);
	if (j->location)
		header(out, r, "Location", "%s", j->location);
	if (j->status == 405)
		header(out, r, "Allow", "GET, HEAD");
	if (j->closing)
		header(out, r, "Connection", "close");
	for (i = 0; i < r->n_headers; i++)
		if (r->headers[i].s[0] != '-') {
			fwrite(r->headers[i].s, 1, r->headers[i].len, out);
			fputs("\r\n", out);
		}
}

static bool send_interim(struct job *j)
{
	static const char block[] = "HTTP/1.1 103 Early Hints\r\n\r\n";
	uint64_t i;

	for (i = 0; i < j->r->interim; i++)
		if (!connection_send(j->c, block, sizeof(block) - 1))
			return false;
	return true;
}

static bool send_junk(struct job *j)
{
	size_t size = (size_t)j->r->junk_bytes + 64;
	char *line;
	bool ok = true;
	uint64_t i;
	int n;

	if (!j->r->junk)
		return true;
	line = malloc(size);
	if (!line)
		return false;
	for (i = 0; i < j->r->junk && ok; i++) {
		n = snprintf(line, 64, "X-Junk-%" PRIu64 ": ", i);
		memset(line + n, 'j', (size_t)j->r->junk_bytes);
		memcpy(line + n + j->r->junk_bytes, "\r\n", 2);
		ok = connection_send(j->c, line,
				     (size_t)n + j->r->junk_bytes + 2);
	}
	free(line);
	return ok;
}

static bool send_head(struct job *j)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool ok = false;

	if (!out)
		return false;
	write_headers(out, j);
	if (!fclose(out))
		ok = send_interim(j) && connection_send(j->c, text, len) &&
		     send_junk(j) && connection_send(j->c, "\r\n", 2);
	free(text);
	return ok;
}

/* Let what was sent arrive, then close with RST. */
static const char *reset(struct connection *c)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int64_t deadline = now_ns() + SECOND;
	int queued = 0;

	while (!ioctl(c->fd, SIOCOUTQ, &queued) && queued &&
	       now_ns() < deadline &&
	       connection_wait(c, now_ns() + SECOND / 1000, NULL))
		;
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return "reset";
}

/* Book n bytes on a link of `rate` and say when they are through. A sender
 * that is late may catch up a little, so that the rate is held on average. */
static int64_t book(int64_t *due, uint64_t rate, size_t n)
{
	int64_t earliest = now_ns() - SECOND / 10;

	if (*due < earliest)
		*due = earliest + SECOND / 10;
	*due += (int64_t)((uint64_t)n * SECOND / rate);
	return *due;
}

static bool pace(struct job *j, size_t n)
{
	struct rule *r = j->r;
	int64_t until = 0, due;

	if (r->rate)
		until = book(&j->c->due_ns, r->rate, n);
	if (r->link) {
		pthread_mutex_lock(&j->script->lock);
		due = book(&r->link_due_ns, r->link, n);
		pthread_mutex_unlock(&j->script->lock);
		until = due > until ? due : until;
	}
	return !until || connection_wait(j->c, until, NULL);
}

/* How much to send at once: little on a slow link, never past a point. */
static size_t step(const struct rule *r, uint64_t sent, uint64_t left,
		   uint64_t stall)
{
	uint64_t points[] = { r->drop, r->reset, stall }, n = CHUNK;
	uint64_t rate = r->rate && (!r->link || r->rate < r->link) ?
			r->rate : r->link;
	size_t i;

	if (rate)
		n = rate / 50 < 1 ? 1 : rate / 50 < CHUNK ? rate / 50 : CHUNK;
	for (i = 0; i < 3; i++)
		if (points[i] > sent && points[i] - sent < n)
			n = points[i] - sent;
	return (size_t)(n < left ? n : left);
}

static bool send_piece(struct job *j, const void *buf, size_t n)
{
	char size[32];
	int len;

	if (j->r->framing != FRAMING_CHUNKED)
		return connection_send(j->c, buf, n);
	len = snprintf(size, sizeof(size), "%zx\r\n", n);
	return connection_send(j->c, size, (size_t)len) &&
	       connection_send(j->c, buf, n) &&
	       connection_send(j->c, "\r\n", 2);
}

/* After how many bytes of this body it stalls. */
static uint64_t stall_point(const struct job *j)
{
	uint64_t wall = j->r->wall;

	if (wall != NEVER)
		wall = wall > j->start ? wall - j->start : 0;
	return wall < j->r->stall ? wall : j->r->stall;
}

/* Bytes [start, start + len) of the content. NULL, or why it ended early. */
static const char *send_content(struct job *j, uint64_t len)
{
	const struct rule *r = j->r;
	char buf[CHUNK];
	uint64_t sent = 0, releases = release_count();
	uint64_t stall = stall_point(j);
	size_t n;

	while (sent < len) {
		if (sent >= r->reset)
			return reset(j->c);
		if (sent >= r->drop)
			return "drop";
		if (sent >= stall) {
			if (!connection_wait(j->c, INT64_MAX, &releases))
				return "peer";
			stall = NEVER;
		}
		n = step(r, sent, len - sent, stall);
		content_read(&j->k, buf, n, j->start + sent);
		if (!send_piece(j, buf, n))
			return "peer";
		sent += n;
		record_update(j->record, j->status, r->line, sent);
		if (!pace(j, n))
			return "peer";
	}
	return NULL;
}

static const char *send_body(struct job *j)
{
	uint64_t extra = strlen(j->prefix) + strlen(j->suffix);
	uint64_t len = body_length(j);
	const char *why;

	if (j->head || j->status == 304 || j->status == 204)
		return NULL;
	if (extra && !send_piece(j, j->prefix, strlen(j->prefix)))
		return "peer";
	why = send_content(j, len > extra ? len - extra : 0);
	if (why)
		return why;
	if (extra && !send_piece(j, j->suffix, strlen(j->suffix)))
		return "peer";
	if (j->r->framing == FRAMING_CHUNKED &&
	    !connection_send(j->c, "0\r\n\r\n", 5))
		return "peer";
	return NULL;
}

/* What happens ahead of the status line. NULL: go on. */
static const char *before(struct job *j)
{
	const struct rule *r = j->r;
	uint64_t releases = release_count();

	if (r->delay_ms && !connection_wait(j->c, now_ns() +
					    (int64_t)r->delay_ms * 1000000,
					    NULL))
		return "peer";
	if (r->stall == BEFORE &&
	    !connection_wait(j->c, INT64_MAX, &releases))
		return "peer";
	if (r->reset == BEFORE)
		return reset(j->c);
	return r->drop == BEFORE ? "drop" : NULL;
}

static const char *respond(struct job *j)
{
	const struct rule *r = j->r;
	const char *why = before(j);

	if (why)
		return why;
	decide(j);
	j->closing = !j->c->q.keep_alive || r->close_after || r->lie ||
		     r->framing == FRAMING_CLOSE;
	record_update(j->record, j->status, r->line, 0);
	return send_head(j) ? send_body(j) : "peer";
}

bool answer(struct connection *c)
{
	struct job j = { .c = c, .script = origin_script(), .k.fd = -1,
			 .total = NEVER };
	const char *why;

	j.r = script_match(j.script, &c->q);
	j.record = record_begin(c);
	why = respond(&j);
	content_close(&j.k);
	record_end(j.record, why ? why : "ok");
	c->cut = why != NULL;
	origin_script_put(j.script);
	return !why && !j.closing;
}

bool answer_simple(struct connection *c, unsigned status, const char *body,
		   size_t len)
{
	char head[256];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %u %s\r\n"
			 "Content-Type: text/plain\r\nContent-Length: %zu\r\n"
			 "\r\n", status, reason_of(status), len);

	return connection_send(c, head, (size_t)n) &&
	       connection_send(c, body, len) && c->q.keep_alive;
}
