#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "access.h"
#include "cache/conf.h"
#include "gate.h"
#include "request.h"

#define METHODS "GET, HEAD, OPTIONS"
#define PREFLIGHT_SECONDS "3600"	/* how long it holds */

/* What a page may read of an answer besides the few that Fetch lets it read
 * anyway; "*" for what settings and origins add. */
#define EXPOSED "Accept-Ranges, Age, Content-Length, Content-Range, Date, " \
	"ETag, Location, Retry-After, Via, X-Cache, *"

/* ---- the request ------------------------------------------------------------- */

int gate_target(struct request *r)
{
	size_t len;

	if (target_parse(r->text, &r->target) < 0) {
		r->target = (struct target){ .name = NULL };
		return 0;
	}
	if (!r->conf->token)
		return 0;
	len = access_token_len(r->target.name, r->conf->token);
	if (len == 0)
		return 0;
	r->target.name += len;
	r->token = true;
	if (asprintf(&r->token_path, "/%s", r->conf->token) < 0) {
		r->token_path = NULL;
		return -ENOMEM;
	}
	r->prefix = r->token_path;
	return 0;
}

#define FIELD(name, member) \
	{ name, sizeof(name) - 1, offsetof(struct access_request, member) }

static const struct {
	const char *name;
	size_t len, offset;
} fields[] = {
	FIELD("Host", host),
	FIELD("Origin", origin),
	FIELD("Referer", referer),
	FIELD("Sec-Fetch-Site", site),
	FIELD("Authorization", authorization),
	FIELD("Access-Control-Request-Method", asks_method),
	FIELD("Access-Control-Request-Headers", asks_headers),
	FIELD("Access-Control-Request-Private-Network", asks_private),
};

static enum MHD_Result take_field(void *cls, enum MHD_ValueKind kind,
				  const char *name, size_t len,
				  const char *value, size_t value_len)
{
	struct access_request *q = cls;
	const char **field;

	(void)kind;
	(void)value_len;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (fields[i].len != len ||
		    strncasecmp(fields[i].name, name, len) != 0)
			continue;
		field = (const char **)((char *)q + fields[i].offset);
		*field = *field || !value ? "" : value;
		q->hosts += field == &q->host;
		break;
	}
	return MHD_YES;
}

static const struct peer *peer_of(struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (!r->from->peer_known)
		peer_find(info ? info->connect_fd : -1, &r->from->peer);
	r->from->peer_known = true;
	return &r->from->peer;
}

static void gather(struct request *r, struct access_request *q)
{
	const char *name = r->target.name;

	*q = (struct access_request){
		.method = r->method, .http11 = r->http11,
		.own_page = name && strncmp(name, "-/", 2) == 0,
		.authority = r->target.authority,
		.authority_len = r->target.authority_len,
		.peer = peer_of(r), .self = r->serve->self,
	};
	MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND,
				    take_field, q);
	if (r->conf->token && access_is_bearer(q->authorization,
					       r->conf->token))
		r->token = true;
	q->token = r->token;
}

/* ---- how much ------------------------------------------------------------------ */

/* A user of this machine, or the address of another; of IPv6 the network, for
 * who has one address there has 2^64. */
static struct limit_key key_of(const struct peer *p)
{
	struct limit_key key = { { 1 } };
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (p->kind == PEER_USER || p->by_path) {
		memcpy(&key.bytes[8], &p->uid, sizeof(p->uid));
		return key;
	}
	memcpy(key.bytes, p->address, sizeof(key.bytes));
	if (memcmp(key.bytes, mapped, sizeof(mapped)) != 0)
		memset(&key.bytes[8], 0, 8);
	return key;
}

/* What is refused whatever it asks for does not count: any page can have the
 * browser of a user send it, who would be locked out. A wrong token does. */
static bool is_counted(const struct request *r, unsigned refused)
{
	return r->conf->max_requests > 0 && refused != MHD_HTTP_BAD_REQUEST &&
	       refused != MHD_HTTP_FORBIDDEN;
}

/* µs until it may ask; 0: it may. */
static int64_t count(struct request *r)
{
	struct limit_key key = key_of(&r->from->peer);
	struct timespec now;
	int64_t wait_us;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&r->serve->lock);
	wait_us = limit_take(&r->serve->limit, &key, r->conf->max_requests,
			     now.tv_sec * INT64_C(1000000) +
			     now.tv_nsec / 1000);
	pthread_mutex_unlock(&r->serve->lock);
	return wait_us;
}

static size_t header_size(struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info ? info->header_size : 0;
}

/* ---- the answer ------------------------------------------------------------------ */

bool gate_answers(struct request *r, enum MHD_Result *result)
{
	struct access_request q;
	struct access_verdict v;
	int64_t wait_us;

	gather(r, &q);
	v = access_decide(&q, r->conf);
	r->gate = (struct gate){
		.allow_origin = v.allow_origin, .vary = v.vary,
		.preflight = v.preflight, .asks_headers = q.asks_headers,
		.asks_private = q.asks_private,
	};
	wait_us = is_counted(r, v.status) ? count(r) : 0;
	if (wait_us > 0) {
		r->gate.retry_after = 1 + (unsigned)(wait_us / 1000000);
		*result = answer_text(r, MHD_HTTP_TOO_MANY_REQUESTS,
				      "Too many requests.\n");
	} else if (strlen(r->text) > r->conf->max_header) {
		*result = answer_text(r, MHD_HTTP_URI_TOO_LONG,
				      "This request target is too long.\n");
	} else if (header_size(r) > r->conf->max_header) {
		*result = answer_text(
			r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
			"This header is too long.\n");
	} else if (v.status) {
		*result = answer_text(r, v.status, "%s", v.text);
	} else {
		return false;
	}
	return true;
}

static void add(struct MHD_Response *response, const char *name,
		const char *value)
{
	MHD_add_response_header(response, name, value);
}

static bool begins(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

/* Nothing that could hold a script, nor is taken for what does; a browser's own
 * page around a film or a PDF does not work in a sandbox. */
static bool is_inert(const char *type)
{
	return begins(type, "video/") || begins(type, "audio/") ||
	       (begins(type, "image/") && !begins(type, "image/svg")) ||
	       begins(type, "application/pdf");
}

static void add_safety(const struct request *r, struct MHD_Response *response)
{
	const char *type = MHD_get_response_header(
		response, MHD_HTTP_HEADER_CONTENT_TYPE);

	if (type && !is_inert(type)) {
		add(response, "X-Content-Type-Options", "nosniff");
		/* Beside the origin's own, if any. */
		add(response, "Content-Security-Policy", "sandbox");
	}
	/* For browsers that do not say which site asks. */
	if (r->conf->allow_origin.n == 0 &&
	    !MHD_get_response_header(response, "Cross-Origin-Resource-Policy"))
		add(response, "Cross-Origin-Resource-Policy", "same-origin");
}

static void add_preflight(const struct gate *g, struct MHD_Response *response)
{
	add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, METHODS);
	if (g->asks_headers && *g->asks_headers &&
	    access_is_name_list(g->asks_headers))
		add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS,
		    g->asks_headers);
	if (g->asks_private)
		add(response, "Access-Control-Allow-Private-Network", "true");
	add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE,
	    PREFLIGHT_SECONDS);
}

static void add_cors(const struct gate *g, struct MHD_Response *response)
{
	if (g->vary)
		add(response, MHD_HTTP_HEADER_VARY, "Origin");
	if (!g->allow_origin)
		return;
	add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN,
	    g->allow_origin);
	if (g->preflight)
		add_preflight(g, response);
	else
		add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS,
		    EXPOSED);
}

void gate_add(const struct request *r, struct MHD_Response *response)
{
	char seconds[16];

	add_safety(r, response);
	add_cors(&r->gate, response);
	switch (r->status) {
	case MHD_HTTP_NO_CONTENT:
	case MHD_HTTP_METHOD_NOT_ALLOWED:
		add(response, MHD_HTTP_HEADER_ALLOW, METHODS);
		break;
	case MHD_HTTP_UNAUTHORIZED:
		add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		    "Bearer realm=\"spoolfs\"");
		break;
	case MHD_HTTP_TOO_MANY_REQUESTS:
		snprintf(seconds, sizeof(seconds), "%u", r->gate.retry_after);
		add(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
		break;
	}
}
