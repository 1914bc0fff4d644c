#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cache/conf.h"
#include "cache/log.h"
#include "cache/url.h"
#include "request.h"
#include "serve.h"
#include "target.h"

/* Bytes a connection may use for its request's header, the response's header
 * and the chunks of a body of unknown length. A URL may have 8 KiB.
 * libmicrohttpd blanks all of it for each request, so no more than needed. */
#define CONNECTION_MEMORY (16 * 1024)

#define THREADS_MIN 2u		/* with one, a big pread delays everybody */
#define THREADS_MAX 8u
#define CONNECTIONS_MAX 16384u
#define ACCEPT_AGAIN_MS 50

/* ---- what libmicrohttpd calls ------------------------------------------------ */

/* Where a thread of libmicrohttpd that has no connection can't accept its first
 * one for want of a descriptor, it tries again without end. It says so each
 * time, in this thread, which has nothing else to do. */
static void brake(const char *fmt)
{
	const struct timespec pause = { .tv_nsec = ACCEPT_AGAIN_MS * 1000000 };

	if (strstr(fmt, "FIRST connection"))
		nanosleep(&pause, NULL);
}

static void on_log(void *cls, const char *fmt, va_list args)
{
	char line[256];
	size_t n;

	(void)cls;
	brake(fmt);
	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	vsnprintf(line, sizeof(line), fmt, args);
	n = strlen(line);
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	log_debug(LOG_HTTP, "libmicrohttpd: %s", line);
}

/* The only place that sees the request target as it was sent. What it returns
 * is the context of the request from now on; NULL ends the connection.
 *
 * libmicrohttpd goes on to take the query apart, and ends the connection when
 * some hundred parameters have used up its memory. Nobody wants them: the text
 * is in its own receive buffer, so cut it. */
static void *on_target(void *cls, const char *text,
		       struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	char *query = text ? strchr(text, '?') : NULL;
	struct request *r;

	if (!info || !info->socket_context)
		return NULL;
	r = request_new(cls, info->socket_context, text ? text : "");
	if (query)
		query[1] = '\0';
	return r;
}

/* Its path is not wanted either, and must not get into its messages. */
static size_t on_unescape(void *cls, struct MHD_Connection *connection,
			  char *text)
{
	(void)cls;
	(void)connection;
	text[0] = '\0';
	return 0;
}

/* A client that vanishes without a word (its machine lost power) must not keep
 * its connection for ever: an answer has no time-out. */
static void on_connection(void *cls, struct MHD_Connection *connection,
			  void **context, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	int on = 1;

	(void)cls;
	if (code != MHD_CONNECTION_NOTIFY_STARTED) {
		if (*context)
			resource_fini(*context);
		free(*context);
		return;
	}
	*context = calloc(1, sizeof(struct resource));
	info = MHD_get_connection_info(connection,
				       MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		setsockopt(info->connect_fd, SOL_SOCKET, SO_KEEPALIVE, &on,
			   sizeof(on));
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (length && strcmp(length, "0") != 0) ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* A response queued in the first call for a request ends its connection, since
 * a body could still follow; so wait for the second, unless one does follow:
 * we have no use for it. Called again after every resume. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
				  const char *path, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct request *r = *context;

	(void)cls;
	(void)path;
	(void)upload;
	if (!r)
		return MHD_NO;
	*upload_size = 0;
	if (!r->begun) {
		r->begun = true;
		r->connection = connection;
		snprintf(r->method, sizeof(r->method), "%s", method);
		r->head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
		r->http11 = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
		if (!has_body(connection))
			return MHD_YES;
	}
	return request_step(r);
}

static void log_request(const struct request *r,
			enum MHD_RequestTerminationCode how)
{
	char url[512], cut[128] = "";

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	url_redact(r->resource ? r->resource->url : r->text, url, sizeof(url));
	if (!r->begun) {
		log_info(LOG_HTTP, "%s: malformed request", url);
		return;
	}
	if (r->status == 0) {
		log_info(LOG_HTTP, "%s %s: the client left", r->method, url);
		return;
	}
	if (r->error)
		snprintf(cut, sizeof(cut), ", cut: %s",
			 r->error == -ESHUTDOWN ? "shutting down"
						: strerror(-r->error));
	else if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		snprintf(cut, sizeof(cut), ", the client left");
	if (r->counted || !cut[0])
		log_info(LOG_HTTP, "%s %s %u, %llu bytes%s", r->method, url,
			 r->status, (unsigned long long)r->sent, cut);
	else
		log_info(LOG_HTTP, "%s %s %u, of %llu bytes%s", r->method, url,
			 r->status, (unsigned long long)r->sent, cut);
}

static void on_completed(void *cls, struct MHD_Connection *connection,
			 void **context, enum MHD_RequestTerminationCode how)
{
	struct request *r = *context;

	(void)cls;
	if (!r)
		return;
	log_request(r, how);
	request_free(r);
	*context = NULL;
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
				  (unsigned)SERVE_IDLE_TIMEOUT);
}

/* ---- listening ---------------------------------------------------------------- */

static void set_error(char **error, const char *where, const char *why)
{
	if (asprintf(error, "http: can't listen on %s: %s", where, why) < 0)
		*error = NULL;
}

/* "ADDRESS:PORT" apart: *host is malloc'd, *port points into text. */
static int split_address(const char *text, char **host, const char **port)
{
	const char *colon = strrchr(text, ':');
	char buf[TARGET_HOST_MAX];
	int rc;

	/* getaddrinfo takes 65537 for 1 */
	if (!colon || colon[1] == '\0' || strtoul(colon + 1, NULL, 10) > 65535)
		return -EINVAL;
	rc = target_host(text, strlen(text), buf);
	if (rc < 0)
		return rc;
	*host = strdup(buf);
	if (!*host)
		return -ENOMEM;
	*port = colon + 1;
	return 0;
}

static int bind_socket(const struct addrinfo *ai)
{
	int on = 1, rc;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* Our own socket, for libmicrohttpd does not say why it could not have one. */
static int listen_on(struct serve *s, const char *where, char **error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE };
	struct addrinfo *list = NULL;
	const char *port;
	int rc;

	rc = split_address(where, &s->host, &port);
	if (rc < 0) {
		set_error(error, where, "not ADDRESS:PORT");
		return rc;
	}
	rc = getaddrinfo(s->host, port, &hints, &list);
	if (rc != 0) {
		set_error(error, where, gai_strerror(rc));
		return -EINVAL;
	}
	rc = -EADDRNOTAVAIL;
	for (struct addrinfo *ai = list; ai && rc < 0; ai = ai->ai_next)
		rc = bind_socket(ai);
	freeaddrinfo(list);
	if (rc < 0)
		set_error(error, where, strerror(-rc));
	return rc;
}

/* What a client on this machine writes; a wildcard is reached by loopback. */
static int find_address(int fd, char **out)
{
	struct sockaddr_storage addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
	socklen_t len = sizeof(addr);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	bool v6;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	v6 = addr.ss_family == AF_INET6;
	if (v6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
	else if (!v6 && in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return -EADDRNOTAVAIL;
	if (asprintf(out, v6 ? "http://[%s]:%s/" : "http://%s:%s/", host,
		     port) < 0) {
		*out = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* ---- life ----------------------------------------------------------------------- */

static unsigned clamp(long n, unsigned min, unsigned max)
{
	if (n < (long)min)
		return min;
	return n > (long)max ? max : (unsigned)n;
}

/* A request may hold its socket and a descriptor of the data; a third of all
 * is for cache and mount. */
static unsigned connection_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	if (limit.rlim_cur > 3 * CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	return clamp((long)(limit.rlim_cur / 3), 2 * THREADS_MAX,
		     CONNECTIONS_MAX);
}

/* poll, not epoll: parked connections are not in the set, so it stays small;
 * and with epoll a failing epoll_ctl drops a connection without telling us, or
 * ends the process.
 *
 * libmicrohttpd ends the process ("panic") when it finds its own state broken:
 * stopped with suspended connections, a socket of its own closed by us, its
 * mutexes corrupt. We do none of these. */
static struct MHD_Daemon *start_daemon(struct serve *s, int fd)
{
	unsigned threads = clamp(sysconf(_SC_NPROCESSORS_ONLN), THREADS_MIN,
				 THREADS_MAX);

	return MHD_start_daemon(
		MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
		MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, s,
		/* first, so that it hears about the others */
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_THREAD_POOL_SIZE, threads,
		MHD_OPTION_CONNECTION_LIMIT, connection_limit(),
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVE_IDLE_TIMEOUT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_END);
}

static void serve_free(struct serve *s)
{
	watch_free(s->watch);
	free(s->host);
	free(s->address);
	free(s);
}

int serve_start(struct cache *c, const struct conf *conf, struct serve **out,
		char **error)
{
	struct serve *s = calloc(1, sizeof(*s));
	int rc, fd = -1;

	*error = NULL;
	if (!s)
		return -ENOMEM;
	s->cache = c;
	s->conf = conf;
	rc = fd = listen_on(s, conf->http.v[0], error);
	if (rc < 0)
		goto out;
	rc = find_address(fd, &s->address);
	if (rc == 0)
		rc = watch_start(&s->watch);
	if (rc < 0) {
		close(fd);
		goto out;
	}
	s->daemon = start_daemon(s, fd);
	if (!s->daemon) {	/* it may have closed fd, or not */
		watch_stop(s->watch);
		rc = -ENOMEM;
	}
out:
	if (rc < 0) {
		if (!*error)
			set_error(error, conf->http.v[0], strerror(-rc));
		serve_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

const char *serve_address(const struct serve *s)
{
	return s->address;
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	/* Nobody is parked after cache_stop, but the watch may be about to
	 * resume a request it had taken before: let it finish. */
	watch_stop(s->watch);
	MHD_stop_daemon(s->daemon);
	serve_free(s);
}
