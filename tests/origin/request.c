/* request: what a client asks for, from the wire. Bounded and forgiving:
 * whatever comes, the worst answer is 400 and a closed connection. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "origin.h"

const char *request_header(const struct request *q, const char *name)
{
	size_t i;

	for (i = 0; i < q->n_headers; i++)
		if (!strcasecmp(q->headers[i].name, name))
			return q->headers[i].value;
	return NULL;
}

/* More bytes behind c->in. False at the end of the stream or on an error. */
static bool fill(struct connection *c)
{
	ssize_t n = connection_receive(c, c->in + c->in_len,
				       HEAD_MAX - c->in_len);

	if (n <= 0)
		return false;
	c->in_len += (size_t)n;
	return true;
}

static void consume(struct connection *c, size_t n)
{
	memmove(c->in, c->in + n, c->in_len - n);
	c->in_len -= n;
}

/* Length of the head with its empty line, or 0 while it is not all here. */
static size_t head_length(const struct connection *c)
{
	const char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);

	return end ? (size_t)(end - c->in) + 4 : 0;
}

static void decode(char *path)
{
	char hex[3] = { 0 }, *to = path, *p;

	for (p = path; *p && *p != '?'; p++) {
		if (*p == '%' && isxdigit((unsigned char)p[1]) &&
		    isxdigit((unsigned char)p[2]) && memcmp(p, "%00", 3)) {
			memcpy(hex, p + 1, 2);
			*to++ = (char)strtoul(hex, NULL, 16);
			p += 2;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

static bool parse_request_line(struct connection *c, char *line)
{
	struct request *q = &c->q;
	char *target = strchr(line, ' '), *version;

	if (!target || target == line)
		return false;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (!version || *target != '/')
		return false;
	*version++ = '\0';
	if (strncmp(version, "HTTP/1.", 7))
		return false;
	q->method = line;
	q->target = target;
	q->keep_alive = strcmp(version, "HTTP/1.0") != 0;
	q->path = strdup(target);
	if (!q->path)
		return false;
	decode(q->path);
	return true;
}

static bool parse_header(struct request *q, char *line)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (!colon || colon == line || q->n_headers == HEADERS_MAX)
		return false;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	q->headers[q->n_headers].name = line;
	q->headers[q->n_headers++].value = value;
	return true;
}

static bool parse_head(struct connection *c)
{
	char *p = c->head, *eol;
	bool first = true;

	for (; (eol = strstr(p, "\r\n")) && eol != p; p = eol + 2) {
		*eol = '\0';
		if (first ? !parse_request_line(c, p) :
			    !parse_header(&c->q, p))
			return false;
		first = false;
	}
	return !first;
}

/* 0 or a status. */
static int read_body(struct connection *c)
{
	struct request *q = &c->q;
	const char *value = request_header(q, "Content-Length"), *end;
	uint64_t len = 0;
	size_t n;

	if (request_header(q, "Transfer-Encoding"))
		return 501;
	if (value && (!parse_size(value, &end, &len) || *end))
		return 400;
	if (len > REQUEST_BODY_MAX)
		return 413;
	q->body = calloc(1, len + 1);
	if (!q->body)
		return 500;
	while (q->body_len < len) {
		if (!c->in_len && !fill(c))
			return 400;
		n = c->in_len < len - q->body_len ? c->in_len :
		    (size_t)(len - q->body_len);
		memcpy(q->body + q->body_len, c->in, n);
		q->body_len += n;
		consume(c, n);
	}
	return 0;
}

int request_read(struct connection *c)
{
	struct request *q = &c->q;
	const char *connection;
	size_t len;
	int status;

	free(q->path);
	free(q->body);
	memset(q, 0, sizeof(*q));
	while (!(len = head_length(c))) {
		if (c->in_len == HEAD_MAX)
			return 431;
		if (!fill(c))
			return c->in_len ? 400 : 0;
	}
	memcpy(c->head, c->in, len);
	c->head[len] = '\0';
	consume(c, len);
	if (memchr(c->head, '\0', len) || !parse_head(c))
		return 400;
	status = read_body(c);
	if (status)
		return status;
	connection = request_header(q, "Connection");
	if (connection && strcasestr(connection, "close"))
		q->keep_alive = false;
	return 1;
}
