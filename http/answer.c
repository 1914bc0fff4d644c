#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/url.h"
#include "range.h"
#include "request.h"

/* A missing range up to this size is waited for and sent at once; a larger one
 * is streamed while it comes. */
#define WHOLE_MAX ((uint64_t)64 << 10)

/* A range up to this size is sent from a buffer of its own, with its header in
 * one call; a larger one with sendfile. */
#define SMALL_MAX ((uint64_t)32 << 10)

/* Bytes taken from the cache at a time when streaming; each streamed answer
 * has a buffer of this size. */
#define BLOCK ((size_t)128 << 10)

/* … and how many of them may wait in its socket: they are fetched for a client
 * who may be about to leave. */
#define UNSENT_MAX (128 << 10)

/* ---- responses without a body of the cache ---------------------------------- */

/* Takes response, also NULL (no memory). */
static enum MHD_Result queue(struct request *r, unsigned status,
			     struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	r->status = status;
	r->phase = REQUEST_ANSWERED;
	gate_add(r, response);
	result = MHD_queue_response(r->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result queue_text(struct request *r, unsigned status,
				  const char *text, const char *header,
				  const char *value)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	if (*text)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
					"text/plain; charset=utf-8");
	if (header)
		MHD_add_response_header(response, header, value);
	r->counted = true;
	r->sent = r->head ? 0 : strlen(text);
	return queue(r, status, response);
}

enum MHD_Result answer_text(struct request *r, unsigned status,
			    const char *fmt, ...)
{
	enum MHD_Result result;
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		return MHD_NO;
	result = queue_text(r, status, text, NULL, NULL);
	free(text);
	return result;
}

enum MHD_Result answer_error(struct request *r, int error)
{
	static const struct {
		int error;
		unsigned status;
		const char *text;
	} table[] = {
		{ EINVAL, 400, "This path is not a URL that can be fetched.\n" },
		{ ENAMETOOLONG, 414, "This URL is too long.\n" },
		{ ENOENT, 404, "The origin does not have this resource.\n" },
		{ EACCES, 403, "The origin refuses access to this resource.\n" },
		{ ETIMEDOUT, 504, "The origin did not answer in time.\n" },
		{ EHOSTUNREACH, 502, "The origin can't be reached.\n" },
		{ EIO, 502, "The origin's answer can't be used.\n" },
		{ ESTALE, 502, "The resource changes again and again.\n" },
		{ ESHUTDOWN, 503, "spoolfs is shutting down.\n" },
		{ ENOMEM, 503, "Out of memory.\n" },
		{ EMFILE, 503, "Too many open files.\n" },
		{ ENFILE, 503, "Too many open files.\n" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].error == -error)
			return queue_text(r, table[i].status, table[i].text,
					  NULL, NULL);
	return answer_text(r, MHD_HTTP_BAD_GATEWAY,
			   "The resource can't be had: %s\n", strerror(-error));
}

static enum MHD_Result answer_unsatisfiable(struct request *r)
{
	char value[64];

	snprintf(value, sizeof(value), "bytes */%" PRIu64, r->info->size);
	return queue_text(r, MHD_HTTP_RANGE_NOT_SATISFIABLE,
			  "The resource ends before this range.\n",
			  MHD_HTTP_HEADER_CONTENT_RANGE, value);
}

/* ---- bodies -------------------------------------------------------------------- */

/* A body of unknown length that ends with the connection looks whole when it
 * is cut; a reset says that it is not. */
static void reset_connection(struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (info)
		connect(info->connect_fd, &none, sizeof(none));
}

static ssize_t cut_body(struct request *r, int error)
{
	if (error != -ECONNABORTED)
		r->error = error;
	if (!r->http11 && r->end == CACHE_SIZE_UNKNOWN)
		reset_connection(r);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	int woken = request_unpark(r);
	ssize_t n;

	if (woken < 0)
		return cut_body(r, woken);
	n = cache_read(r->file, buf, max, r->start + pos, 1);
	if (n > 0) {
		r->sent += (uint64_t)n;
		return n;
	}
	if (n == -EAGAIN) {
		/* 0 without a suspended connection would be a busy loop */
		request_park(r, r->start + pos, 1, true);
		return 0;
	}
	if (n == 0 && r->end == CACHE_SIZE_UNKNOWN)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return cut_body(r, n == 0 ? -EIO : (int)n);
}

/* Bytes of the body, or MHD_SIZE_UNKNOWN. */
static uint64_t body_length(const struct request *r)
{
	return r->end == CACHE_SIZE_UNKNOWN ? MHD_SIZE_UNKNOWN
					    : r->end - r->start;
}

static void hold_back(struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int most = UNSENT_MAX;

	if (info)
		setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
			   &most, sizeof(most));
}

static struct MHD_Response *streamed(struct request *r)
{
	hold_back(r);
	r->counted = true;
	return MHD_create_response_from_callback(body_length(r), BLOCK,
						 read_body, r, NULL);
}

/* Only its length is told (HEAD, 304). One of unknown length is told by
 * ending the connection. */
static struct MHD_Response *untold(struct request *r)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		body_length(r), 1, read_body, r, NULL);

	r->counted = true;
	if (response && body_length(r) == MHD_SIZE_UNKNOWN)
		MHD_set_response_options(response,
					 MHD_RF_HTTP_1_0_COMPATIBLE_STRICT,
					 MHD_RO_END);
	return response;
}

static struct MHD_Response *from_file(struct request *r, int data)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct MHD_Response *response;
	int fd = info ? fcntl(data, F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)	/* also out of descriptors: as good, only slower */
		return streamed(r);
	response = MHD_create_response_from_fd_at_offset64(body_length(r), fd,
							   r->start);
	if (!response) {
		close(fd);
		return NULL;
	}
	r->sent = body_length(r);
	r->from_file = true;
	r->body = (struct watch_body){ .socket = info->connect_fd,
				       .data = data, .end = r->end };
	watch_body_add(r->serve->watch, &r->body);
	return response;
}

/* All of a small body. 0; as cache_read; -ENOMEM. */
static int copied(struct request *r, size_t len, struct MHD_Response **out)
{
	char *data = malloc(len);
	ssize_t n = -ENOMEM;

	if (data)
		n = cache_read(r->file, data, len, r->start, len);
	if (n < 0) {
		free(data);
		return (int)n;
	}
	*out = MHD_create_response_from_buffer(len, data,
					       MHD_RESPMEM_MUST_FREE);
	if (!*out)
		free(data);
	r->sent = len;
	return 0;
}

/* What can be sent now: the response in *out, or -EAGAIN with the number of
 * bytes to wait for in *min; -errno. */
static int make_body(struct request *r, size_t *min, struct MHD_Response **out)
{
	uint64_t len = body_length(r);
	size_t want = len > SSIZE_MAX ? SSIZE_MAX : (size_t)len;
	ssize_t n;
	int fd;

	if (len == 0) {
		*out = MHD_create_response_from_buffer(0, NULL,
						       MHD_RESPMEM_PERSISTENT);
		return 0;
	}
	*min = len <= WHOLE_MAX ? (size_t)len : 1;
	cache_expect(r->file, r->end < r->info->size ? r->end :
						      CACHE_SIZE_UNKNOWN);
	if (len <= SMALL_MAX)
		return copied(r, len, out);
	n = cache_read_fd(r->file, &fd, want, r->start, *min);
	if (n < 0)
		return (int)n;
	/* A descriptor is as good as the present bytes behind it. */
	if (fd >= 0 && len != MHD_SIZE_UNKNOWN && ((uint64_t)n == len || r->info->complete))
		*out = from_file(r, fd);
	else
		*out = streamed(r);
	return 0;
}

/* ---- the answer ------------------------------------------------------------------ */

static const char *media_type(const struct request *r)
{
	const char *type = r->info->content_type, *guess;

	if (type && strcasecmp(type, "application/octet-stream") != 0)
		return type;
	guess = r->resource->name ? url_media_type(r->resource->name) : NULL;
	return guess ? guess : "application/octet-stream";
}

static void add_headers(struct request *r, unsigned status,
			struct MHD_Response *response)
{
	const struct cache_info *info = r->info;
	char value[96];

	if (info->etag)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG,
					info->etag);
	if (info->last_modified)
		MHD_add_response_header(response,
					MHD_HTTP_HEADER_LAST_MODIFIED,
					info->last_modified);
	if (info->size != CACHE_SIZE_UNKNOWN)
		MHD_add_response_header(response,
					MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	if (status != MHD_HTTP_NOT_MODIFIED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
					media_type(r));
	if (status == MHD_HTTP_PARTIAL_CONTENT) {
		snprintf(value, sizeof(value),
			 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r->start,
			 r->end - 1, info->size);
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE,
					value);
	}
}

static const char *field(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
					   name);
}

/* Status and part of the file by the request's header (RFC 9110, 13.2.2). */
static unsigned decide(struct request *r)
{
	const struct range_validators ours = { r->info->etag,
					       r->info->last_modified };
	const struct range_conditions asked = {
		field(r, MHD_HTTP_HEADER_IF_MATCH),
		field(r, MHD_HTTP_HEADER_IF_UNMODIFIED_SINCE),
		field(r, MHD_HTTP_HEADER_IF_NONE_MATCH),
		field(r, MHD_HTTP_HEADER_IF_MODIFIED_SINCE),
	};
	time_t now = time(NULL);
	struct range_set set;

	r->start = 0;
	r->end = r->info->size;
	switch (range_precondition(&asked, &ours, now)) {
	case RANGE_NOT_MODIFIED:
		return MHD_HTTP_NOT_MODIFIED;
	case RANGE_FAILED:
		return MHD_HTTP_PRECONDITION_FAILED;
	case RANGE_PROCEED:
		break;
	}
	/* Range is for GET only (14.2); without a size there is no end to
	 * tell. */
	if (r->head || r->info->size == CACHE_SIZE_UNKNOWN ||
	    !range_if_range(field(r, MHD_HTTP_HEADER_IF_RANGE), &ours, now))
		return MHD_HTTP_OK;
	switch (range_parse(field(r, MHD_HTTP_HEADER_RANGE), r->info->size,
			    &set)) {
	case RANGE_NONE:
		return MHD_HTTP_OK;
	case RANGE_UNSATISFIABLE:
		return MHD_HTTP_RANGE_NOT_SATISFIABLE;
	case RANGE_SATISFIABLE:
		break;
	}
	if (set.n != 1)		/* several: the whole, as 14.2 allows */
		return MHD_HTTP_OK;
	r->start = set.v[0].start;
	r->end = set.v[0].end;
	return MHD_HTTP_PARTIAL_CONTENT;
}

enum MHD_Result answer_facts(struct request *r)
{
	struct MHD_Response *response = NULL;
	unsigned status;
	size_t min;
	int rc;

	if (r->info->directory)
		return answer_text(r, MHD_HTTP_NOT_FOUND,
				   "This is a folder; folders are not listed "
				   "here.\n");
	status = decide(r);
	if (status == MHD_HTTP_PRECONDITION_FAILED)
		return answer_text(r, status, "The resource is another "
				   "version than the one asked for.\n");
	if (status == MHD_HTTP_RANGE_NOT_SATISFIABLE)
		return answer_unsatisfiable(r);
	if (r->head || status == MHD_HTTP_NOT_MODIFIED) {
		response = untold(r);
	} else {
		rc = make_body(r, &min, &response);
		if (rc == -EAGAIN) {
			request_park(r, r->start, min, false);
			return MHD_YES;
		}
		if (rc == -ESTALE)
			rc = request_reopen(r);
		if (rc < 0)
			return answer_error(r, rc);
		if (r->phase == REQUEST_FACTS)
			return MHD_YES;		/* again, with the new one */
	}
	if (response)
		add_headers(r, status, response);
	return queue(r, status, response);
}
