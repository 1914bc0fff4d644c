/* listen: the sockets at which clients of the endpoint arrive.
 *
 * "ADDRESS:PORT" (IPv4, or IPv6 in brackets; port 0: any) or "unix:/PATH". A
 * Unix socket is made with mode 0600, takes the place of one that nobody
 * listens on any more, and is removed in the end. An IPv6 address is that
 * alone: [::] and 0.0.0.0 with the same port are two listeners.
 *
 * A service manager may hand over sockets that it has made (sd_listen_fds(3)):
 * they are used instead of those of the settings, and are its own to remove.
 */
#ifndef SPOOL_HTTP_LISTEN_H
#define SPOOL_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "control_socket.h"

struct listener {
	int fd;			/* -1: given to somebody who closes it */
	char *address;		/* "http://127.0.0.1:4612/", or "unix:/PATH" */
	bool by_path;
	struct control_socket socket;	/* of our own, at a path; its fd is -1 */
};

/* Listen there. shared: any user may connect to a Unix socket (who it is can
 * be asked of the kernel). 0; or -errno with *error (malloc'd, one line). */
int listen_open(const char *where, bool shared, struct listener *out,
		char **error);

/* How many sockets a service manager has handed over to this process. */
size_t listen_inherited(void);
/* The i-th of them. Errors as listen_open. */
int listen_inherit(size_t i, struct listener *out, char **error);

/* Leaves one that may be closed again. A zeroed one must not be. */
void listen_close(struct listener *l);

#endif
