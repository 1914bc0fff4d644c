#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "body.h"
#include "multipart.h"

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

/* ---- streaming ------------------------------------------------------------- */

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

/* Bytes of the file from off on, at most max; or what libmicrohttpd is told
 * instead. */
static ssize_t read_bytes(struct request *r, uint64_t off, char *buf,
			  size_t max)
{
	ssize_t n = cache_read(r->file, buf, max, off, 1);

	if (n > 0)
		return n;
	if (n == -EAGAIN) {
		/* 0 without a suspended connection would be a busy loop */
		request_park(r, off, 1, true);
		return 0;
	}
	if (n == 0 && r->end == CACHE_SIZE_UNKNOWN)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return cut_body(r, n == 0 ? -EIO : (int)n);
}

static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	int woken = request_unpark(r);
	ssize_t n;

	if (woken < 0)
		return cut_body(r, woken);
	n = read_bytes(r, r->start + pos, buf, max);
	if (n > 0)
		r->sent += (uint64_t)n;
	return n;
}

static ssize_t read_parts(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	struct multipart_piece piece = multipart_at(r->parts, pos);
	int woken = request_unpark(r);
	ssize_t n;

	if (woken < 0)
		return cut_body(r, woken);
	if (max > piece.len)
		max = piece.len;
	if (piece.first)
		cache_expect(r->file, piece.off + piece.len);
	if (piece.text) {
		memcpy(buf, piece.text, max);
		n = (ssize_t)max;
	} else {
		n = read_bytes(r, piece.off, buf, max);
	}
	if (n > 0)
		r->sent += (uint64_t)n;
	return n;
}

/* Bytes of the body, or MHD_SIZE_UNKNOWN. */
static uint64_t body_length(const struct request *r)
{
	if (r->parts)
		return r->parts->length;
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
	return MHD_create_response_from_callback(
		body_length(r), BLOCK, r->parts ? read_parts : read_body, r,
		NULL);
}

/* ---- other ways ------------------------------------------------------------- */

/* One of unknown length is told by ending the connection. */
struct MHD_Response *body_untold(struct request *r)
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
	cache_taken(r->file, r->sent);
	r->from_file = true;
	r->body = (struct watch_body){ .socket = info->connect_fd,
				       .data = data, .end = r->end };
	watch_body_add(r->serve->watch, &r->body);
	return response;
}

/* Buffers of SMALL_MAX. Each thread keeps the one that was given back last: its
 * processor still has it at hand. */
static pthread_key_t spare;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;
static bool spare_made;

static void make_spare(void)
{
	spare_made = pthread_key_create(&spare, free) == 0;
}

static char *take_buffer(void)
{
	char *buf;

	pthread_once(&spare_once, make_spare);
	buf = spare_made ? pthread_getspecific(spare) : NULL;
	if (!buf)
		return malloc(SMALL_MAX);
	pthread_setspecific(spare, NULL);
	return buf;
}

static void give_back(void *buf)
{
	if (!spare_made || pthread_getspecific(spare) ||
	    pthread_setspecific(spare, buf) != 0)
		free(buf);
}

/* All of a small body. 0; as cache_read; -ENOMEM. */
static int copied(struct request *r, size_t len, struct MHD_Response **out)
{
	char *data = take_buffer();
	ssize_t n = -ENOMEM;

	if (data)
		n = cache_read(r->file, data, len, r->start, len);
	if (n < 0) {
		give_back(data);
		return (int)n;
	}
	*out = MHD_create_response_from_buffer_with_free_callback(len, data,
								  give_back);
	if (!*out)
		give_back(data);
	r->sent = len;
	return 0;
}

/* Streamed once the first part's first byte is here: an error before that can
 * still be said. */
static int make_parts(struct request *r, uint64_t *off, size_t *min,
		      struct MHD_Response **out)
{
	const struct multipart_part *part = &r->parts->v[0];
	ssize_t n;
	int fd;

	*off = part->start;
	*min = 1;
	cache_expect(r->file, part->end);
	n = cache_read_fd(r->file, &fd, 1, *off, 1);
	if (n < 0)
		return (int)n;
	*out = streamed(r);
	return 0;
}

static int make_range(struct request *r, size_t *min,
		      struct MHD_Response **out)
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
	if (fd >= 0 && len != MHD_SIZE_UNKNOWN &&
	    ((uint64_t)n == len || r->info->complete))
		*out = from_file(r, fd);
	else
		*out = streamed(r);
	return 0;
}

int body_make(struct request *r, uint64_t *off, size_t *min,
	      struct MHD_Response **out)
{
	if (r->parts)
		return make_parts(r, off, min, out);
	*off = r->start;
	return make_range(r, min, out);
}
