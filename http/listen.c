#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listen.h"
#include "target.h"

#define INHERITED_FIRST 3	/* SD_LISTEN_FDS_START */
#define INHERITED_MAX 64

static int fail(char **error, const char *where, int err, const char *why)
{
	if (asprintf(error, "http: can't listen on %s: %s", where,
		     why ? why : strerror(-err)) < 0)
		*error = NULL;
	return err;
}

/* ---- where it is ---------------------------------------------------------------- */

static int path_address(const struct sockaddr_un *un, socklen_t len, char **out)
{
	size_t max = len > offsetof(struct sockaddr_un, sun_path)
		? len - offsetof(struct sockaddr_un, sun_path) : 0;

	if (asprintf(out, "unix:%.*s", (int)strnlen(un->sun_path, max),
		     un->sun_path) < 0)
		return -ENOMEM;
	return 0;
}

/* What a client on this machine writes; a wildcard is reached by loopback. */
static int find_address(int fd, struct listener *l)
{
	struct sockaddr_storage addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
	socklen_t len = sizeof(addr);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	bool v6;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	l->by_path = addr.ss_family == AF_UNIX;
	if (l->by_path)
		return path_address((struct sockaddr_un *)&addr, len,
				    &l->address);
	v6 = addr.ss_family == AF_INET6;
	if (v6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
	else if (!v6 && in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return -EADDRNOTAVAIL;
	if (asprintf(&l->address, v6 ? "http://[%s]:%s/" : "http://%s:%s/",
		     host, port) < 0) {
		l->address = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* ---- an address ------------------------------------------------------------------ */

/* "ADDRESS:PORT" apart: host has room for TARGET_HOST_MAX, *port points into
 * text. */
static int split_address(const char *text, char *host, const char **port)
{
	const char *colon = strrchr(text, ':');

	/* getaddrinfo takes 65537 for 1 */
	if (!colon || colon[1] == '\0' || strtoul(colon + 1, NULL, 10) > 65535)
		return -EINVAL;
	*port = colon + 1;
	return target_host(text, strlen(text), host);
}

static int bind_socket(const struct addrinfo *ai)
{
	int on = 1, rc;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (ai->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* Our own socket, for libmicrohttpd does not say why it could not have one. */
static int open_address(const char *where, char **error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE };
	struct addrinfo *list = NULL;
	char host[TARGET_HOST_MAX];
	const char *port;
	int rc;

	rc = split_address(where, host, &port);
	if (rc < 0)
		return fail(error, where, rc, "not ADDRESS:PORT");
	rc = getaddrinfo(host, port, &hints, &list);
	if (rc != 0)
		return fail(error, where, -EINVAL, gai_strerror(rc));
	rc = -EADDRNOTAVAIL;
	for (struct addrinfo *ai = list; ai && rc < 0; ai = ai->ai_next)
		rc = bind_socket(ai);
	freeaddrinfo(list);
	return rc < 0 ? fail(error, where, rc, NULL) : rc;
}

/* ---- a path ---------------------------------------------------------------------- */

static int open_path(const char *path, bool shared, struct control_socket *s)
{
	int rc = control_socket_listen(path, s);
	int fd;

	if (rc < 0)
		return rc;
	if (shared && chmod(path, 0666) < 0) {
		rc = -errno;
		control_socket_close(s);
		return rc;
	}
	fd = s->fd;
	s->fd = -1;
	return fd;
}

int listen_open(const char *where, bool shared, struct listener *out,
		char **error)
{
	struct listener l = { .fd = -1, .socket.fd = -1 };
	int rc;

	*error = NULL;
	if (strncmp(where, "unix:", 5) == 0) {
		rc = l.fd = open_path(where + 5, shared, &l.socket);
		if (rc < 0)
			return fail(error, where, rc, NULL);
		l.by_path = true;
		l.address = strdup(where);
		rc = l.address ? 0 : -ENOMEM;
	} else {
		rc = l.fd = open_address(where, error);
		if (rc < 0)
			return rc;
		rc = find_address(l.fd, &l);
	}
	if (rc < 0) {
		listen_close(&l);
		return fail(error, where, rc, NULL);
	}
	*out = l;
	return 0;
}

/* ---- sockets of a service manager -------------------------------------------------- */

static long number_of(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	long n;

	if (!text || !*text)
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end ? -1 : n;
}

size_t listen_inherited(void)
{
	long n = number_of("LISTEN_FDS");

	if (number_of("LISTEN_PID") != getpid() || n < 0 || n > INHERITED_MAX)
		return 0;
	return (size_t)n;
}

static bool is_listening(int fd)
{
	int type, listening;
	socklen_t type_len = sizeof(type), len = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening,
			  &len) == 0 &&
	       type == SOCK_STREAM && listening;
}

int listen_inherit(size_t i, struct listener *out, char **error)
{
	int fd = INHERITED_FIRST + (int)i, rc;
	struct listener l = { .fd = fd, .socket.fd = -1 };

	*error = NULL;
	if (!is_listening(fd))
		return fail(error, "a socket of the service manager", -EINVAL,
			    "it is not a listening stream socket");
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	rc = find_address(fd, &l);
	if (rc < 0)
		return fail(error, "a socket of the service manager", rc, NULL);
	*out = l;
	return 0;
}

void listen_close(struct listener *l)
{
	control_socket_close(&l->socket);
	if (l->fd >= 0)
		close(l->fd);
	free(l->address);
	*l = (struct listener){ .fd = -1, .socket.fd = -1 };
}
