#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "brake.h"
#include "cache/log.h"
#include "control_call.h"
#include "control_json.h"

#define CONNECTIONS_MAX 64u

/* Further ones are told so; those beyond them are closed without a word. */
#define CONNECTIONS_REFUSED 8u

/* Of a connection that says nothing, in seconds; it does not count while a
 * handler waits. */
#define IDLE_TIMEOUT 60u

/* A header with a URL of 8 KiB, escaped, in its target. */
#define CONNECTION_MEMORY ((size_t)64 << 10)

/* ---- answers --------------------------------------------------------------------- */

enum MHD_Result call_respond(struct call *call, unsigned status,
			     struct MHD_Response *response, const char *type)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	call->status = status;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
				"no-store");
	result = MHD_queue_response(call->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* Takes object; NULL: no memory. */
static struct MHD_Response *json_response(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	struct MHD_Response *response = NULL;

	json_decref(object);
	if (text)
		response = MHD_create_response_from_buffer(
			strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(text);
	return response;
}

enum MHD_Result call_json(struct call *call, unsigned status, json_t *object)
{
	return call_respond(call, status, json_response(object),
			    "application/json");
}

enum MHD_Result call_error(struct call *call, unsigned status, int error,
			   const char *text)
{
	const char *code = strerrorname_np(-error);

	return call_json(call, status, json_pack(
		"{ss* ss*}", "error", text ? text : control_json_error(error),
		"code", code));
}

static enum MHD_Result refuse(struct call *call, const struct ask_error *error)
{
	struct MHD_Response *response = json_response(
		json_pack("{ss}", "error", error->reason));

	if (response && error->allow[0])
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
					error->allow);
	return call_respond(call, error->status, response, "application/json");
}

/* ---- waiting ---------------------------------------------------------------------- */

static int connection_fd(struct call *call)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		call->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* POLLHUP says that the other end is closed; one that was shut down for sending
 * alone is still being read. */
int call_wait(struct call *call, int fd, int timeout_ms, bool mind_stop)
{
	struct pollfd fds[3] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = connection_fd(call) },
		{ .fd = mind_stop ? call->control->stop_fd : -1,
		  .events = POLLIN },
	};
	uint64_t count;
	int n;

	do
		n = poll(fds, 3, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (fds[0].revents) {
		if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			return -errno;
		return 1;
	}
	if (fds[2].revents)
		return -ESHUTDOWN;
	return fds[1].revents ? -ECONNABORTED : 0;
}

/* ---- what libmicrohttpd calls ------------------------------------------------------ */

static void call_free(struct call *call)
{
	if (!call)
		return;
	free(call->target);
	free(call->body);
	free(call);
}

/* Who comes when there are too many is known by its socket's context. */
static void on_connection(void *cls, struct MHD_Connection *connection,
			  void **context, enum MHD_ConnectionNotificationCode code)
{
	struct control *c = cls;

	(void)connection;
	if (code != MHD_CONNECTION_NOTIFY_STARTED)
		atomic_fetch_sub(&c->connections, 1);
	else if (atomic_fetch_add(&c->connections, 1) >= CONNECTIONS_MAX)
		*context = c;
}

static bool is_too_many(struct call *call)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		call->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info && info->socket_context;
}

/* The request target as it was sent; libmicrohttpd takes it apart afterwards,
 * which nobody wants. NULL ends the connection. */
static void *on_target(void *cls, const char *text,
		       struct MHD_Connection *connection)
{
	struct call *call = calloc(1, sizeof(*call));
	char *query = strchr(text, '?');

	if (!call)
		return NULL;
	call->control = cls;
	call->connection = connection;
	call->target = strdup(text);
	if (!call->target) {
		call_free(call);
		return NULL;
	}
	if (query)
		query[1] = '\0';
	return call;
}

static enum MHD_Result on_begin(struct call *call)
{
	const char *length = MHD_lookup_connection_value(
		call->connection, MHD_HEADER_KIND,
		MHD_HTTP_HEADER_CONTENT_LENGTH);

	call->begun = true;
	if (!control_socket_is_ours(connection_fd(call)))
		return call_error(call, MHD_HTTP_FORBIDDEN, -EACCES,
				  "this socket is another user's");
	if (is_too_many(call))
		return call_error(call, MHD_HTTP_SERVICE_UNAVAILABLE, -EBUSY,
				  "too many connections at once");
	if (length && strtoull(length, NULL, 10) > ASK_BODY_MAX)
		return call_error(call, MHD_HTTP_CONTENT_TOO_LARGE, -EFBIG,
				  "the body is too large");
	return MHD_YES;
}

static bool take(struct call *call, const char *data, size_t len)
{
	char *body;

	if (call->len + len > ASK_BODY_MAX)
		return false;
	body = realloc(call->body, call->len + len);
	if (!body)
		return false;
	memcpy(body + call->len, data, len);
	call->body = body;
	call->len += len;
	return true;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
				  const char *path, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct call *call = *context;
	struct ask_error error;
	enum MHD_Result result;
	struct ask a;

	(void)cls;
	(void)connection;
	(void)path;
	(void)version;
	if (!call)
		return MHD_NO;
	if (!call->begun)
		return on_begin(call);
	if (*upload_size > 0) {
		if (!take(call, upload, *upload_size))
			return MHD_NO;
		*upload_size = 0;
		return MHD_YES;
	}
	if (ask_parse(method, call->target, call->body ? call->body : "",
		      call->len, &a, &error) < 0)
		return refuse(call, &error);
	result = call_do(call, &a);
	ask_fini(&a);
	return result;
}

static void on_completed(void *cls, struct MHD_Connection *connection,
			 void **context, enum MHD_RequestTerminationCode how)
{
	struct call *call = *context;

	(void)cls;
	(void)connection;
	(void)how;
	if (call)
		log_debug(LOG_HTTP, "control: %.*s %u",
			  (int)strcspn(call->target, "?"), call->target,
			  call->status);
	call_free(call);
	*context = NULL;
}

static void on_log(void *cls, const char *fmt, va_list args)
{
	(void)cls;
	(void)args;
	brake_mind(fmt);
}

/* ---- life --------------------------------------------------------------------------- */

static void set_error(char **error, const char *where, int rc)
{
	const char *why = rc == -EADDRINUSE ? "somebody listens there" :
			  rc == -EEXIST ? "there is something else" :
			  strerror(-rc);

	if (asprintf(error, "control: can't listen on %s: %s", where,
		     why) < 0)
		*error = NULL;
}

static int start_daemon(struct control *c)
{
	c->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC |
		MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, c,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, c->socket.fd,
		MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX + CONNECTIONS_REFUSED,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, c,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, c,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_END);
	c->socket.fd = -1;	/* its own; if it failed it may be closed */
	return c->daemon ? 0 : -ENOMEM;
}

static void control_free(struct control *c)
{
	control_socket_close(&c->socket);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	free(c);
}

int control_start(struct cache *cache, const struct control_setup *setup,
		  struct control **out, char **error)
{
	struct control *c = calloc(1, sizeof(*c));
	char *place = NULL;
	const char *path = setup->path;
	int rc = 0;

	*error = NULL;
	if (!c)
		return -ENOMEM;
	c->cache = cache;
	c->setup = *setup;
	c->socket.fd = -1;
	c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->stop_fd < 0)
		rc = -errno;
	if (rc == 0 && !path) {
		rc = control_socket_place(setup->cache_dir, &place);
		path = place;
	}
	if (rc == 0)
		rc = control_socket_listen(path, &c->socket);
	if (rc == 0)
		rc = start_daemon(c);
	if (rc < 0) {
		set_error(error, path ? path : "a socket", rc);
		control_free(c);
	} else {
		*out = c;
	}
	free(place);
	return rc;
}

const char *control_path(const struct control *c)
{
	return c->socket.path;
}

void control_stop(struct control *c)
{
	const uint64_t one = 1;

	if (!c)
		return;
	if (write(c->stop_fd, &one, sizeof(one)) < 0)
		log_error(LOG_HTTP, "control: %m");
	MHD_stop_daemon(c->daemon);
	control_free(c);
}
