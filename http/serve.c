#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "brake.h"
#include "cache/conf.h"
#include "cache/log.h"
#include "cache/url.h"
#include "playlist_ahead.h"
#include "request.h"
#include "serve.h"

/* Bytes a connection may use besides those of its request's header: the
 * response's header and the chunks of a body of unknown length. libmicrohttpd
 * blanks all of it for each request, so no more than needed. */
#define ANSWER_MEMORY ((size_t)8 << 10)

#define THREADS_MIN 2u		/* with one, a big pread delays everybody */
#define THREADS_MAX 8u
#define CONNECTIONS_MAX 16384u
#define START_TIMEOUT 2		/* seconds */

/* ---- what libmicrohttpd calls ------------------------------------------------ */

static void on_log(void *cls, const char *fmt, va_list args)
{
	char line[256];
	size_t n;

	(void)cls;
	brake_mind(fmt);
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
	struct connection *of = *context;
	int on = 1;

	(void)cls;
	if (code != MHD_CONNECTION_NOTIFY_STARTED) {
		if (of)
			resource_fini(&of->last);
		free(of);
		return;
	}
	*context = calloc(1, sizeof(struct connection));
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

/* Nobody is parked before all threads are there: libmicrohttpd stops the others
 * when it can't have one, without a word to us, and ends the process where a
 * request is suspended. It is a matter of moments, unless that has happened. */
static bool await_start(struct serve *s)
{
	struct timespec until;
	int err = 0;

	if (atomic_load(&s->stands))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += START_TIMEOUT;
	pthread_mutex_lock(&s->lock);
	while (!atomic_load(&s->stands) && !s->failed && !err)
		err = pthread_cond_timedwait(&s->started, &s->lock, &until);
	pthread_mutex_unlock(&s->lock);
	return atomic_load(&s->stands);
}

static void tell_start(struct serve *s, bool stands)
{
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stands, stands);
	s->failed = !stands;
	pthread_cond_broadcast(&s->started);
	pthread_mutex_unlock(&s->lock);
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
		if (!await_start(r->serve))
			return MHD_NO;
		if (!has_body(connection))
			return MHD_YES;
	}
	return request_step(r);
}

/* What r asks for, without secrets. A path without the token may be one with
 * another token, and one with it may have it twice. */
static void name_request(const struct request *r, char *buf, size_t size)
{
	const char *token = r->conf->token;

	if (r->resource) {
		url_redact(r->resource->url, buf, size);
	} else if (!r->target.name ||
		   (token && (!r->token || strstr(r->target.name, token)))) {
		snprintf(buf, size, "something");
	} else {
		url_redact(r->target.name, buf + 1, size - 1);
		buf[0] = '/';
	}
}

static void log_request(const struct request *r,
			enum MHD_RequestTerminationCode how)
{
	char url[512], cut[128] = "";

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	name_request(r, url, sizeof(url));
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

/* ---- life ----------------------------------------------------------------------- */

static unsigned clamp(long n, unsigned min, unsigned max)
{
	if (n < (long)min)
		return min;
	return n > (long)max ? max : (unsigned)n;
}

/* Of each listener. A request may hold its socket and a descriptor of the data;
 * a third of all is for cache and mount. */
static unsigned connection_limit(const struct serve *s)
{
	unsigned most = 256, wanted = s->conf->max_clients;
	struct rlimit limit;
	rlim_t share;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		share = limit.rlim_cur / 3 / s->n_listeners;
		most = share > CONNECTIONS_MAX
			? CONNECTIONS_MAX
			: clamp((long)share, 2 * THREADS_MAX, CONNECTIONS_MAX);
	}
	return wanted > 0 && wanted < most ? wanted : most;
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
	unsigned connections = connection_limit(s);
	unsigned threads = clamp(sysconf(_SC_NPROCESSORS_ONLN), THREADS_MIN,
				 THREADS_MAX);

	/* Each thread has its share of the connections. */
	if (threads > connections)
		threads = connections;

	return MHD_start_daemon(
		MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
		MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, s,
		/* first, so that it hears about the others */
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_THREAD_POOL_SIZE, threads,
		MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVE_IDLE_TIMEOUT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)s->conf->max_header + ANSWER_MEMORY,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_END);
}

static void serve_free(struct serve *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		listen_close(&s->listeners[i].at);
	free(s->listeners);
	watch_free(s->watch);
	ahead_free(s->ahead);
	pthread_cond_destroy(&s->started);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Sockets that a service manager has made come in place of those that the
 * settings name. */
static int open_listeners(struct serve *s, char **error)
{
	const struct conf_list *http = &s->conf->http;
	const struct conf_users *users = &s->conf->allow_users;
	size_t inherited = listen_inherited();
	size_t n = inherited ? inherited : http->n;
	int rc = 0;

	s->listeners = calloc(n, sizeof(*s->listeners));
	if (!s->listeners)
		return -ENOMEM;
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct listener *l = &s->listeners[i].at;

		rc = inherited ? listen_inherit(i, l, error)
			       : listen_open(http->v[i],
					     users->all || users->n > 0, l,
					     error);
		s->n_listeners += rc == 0;
	}
	return rc;
}

/* The first that a URL can name. A client of a Unix socket says any host. */
static void choose_address(struct serve *s)
{
	s->at = s->listeners[0].at.address;
	s->address = "http://localhost/";
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (s->listeners[i].at.by_path)
			continue;
		s->at = s->address = s->listeners[i].at.address;
		return;
	}
}

static int start_daemons(struct serve *s)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct serve_listener *l = &s->listeners[i];

		l->daemon = start_daemon(s, l->at.fd);
		l->at.fd = -1;	/* it may have closed it, or not */
		if (!l->daemon)
			return -ENOMEM;
	}
	return 0;
}

/* MHD_stop_daemon alone would shut the sockets down, also for a service manager
 * that listens at them on. */
static void stop_daemons(struct serve *s)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct serve_listener *l = &s->listeners[i];

		if (!l->daemon)
			continue;
		l->at.fd = MHD_quiesce_daemon(l->daemon);
		MHD_stop_daemon(l->daemon);
	}
}

int serve_start(struct cache *c, const struct conf *conf, struct serve **out,
		char **error)
{
	struct serve *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int rc;

	*error = NULL;
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->started, &attr);
	pthread_condattr_destroy(&attr);
	s->cache = c;
	s->conf = conf;
	s->self = geteuid();
	rc = open_listeners(s, error);
	if (rc == 0)
		rc = ahead_new(c, &s->ahead);
	if (rc == 0)
		rc = watch_start(&s->watch);
	if (rc < 0)
		goto out;
	choose_address(s);
	rc = start_daemons(s);
	tell_start(s, rc == 0);
	if (rc < 0) {
		watch_stop(s->watch);
		stop_daemons(s);
	}
out:
	if (rc < 0) {
		if (!*error && asprintf(error, "http: %s", strerror(-rc)) < 0)
			*error = NULL;
		serve_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

const char *serve_address(const struct serve *s)
{
	return s->at;
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	/* Nobody is parked after cache_stop, but the watch may be about to
	 * resume a request it had taken before: let it finish. */
	watch_stop(s->watch);
	stop_daemons(s);
	serve_free(s);
}
