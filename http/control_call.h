/* control_call: one request on the control socket, for control.c, which speaks
 * HTTP, control_do.c, which does what it says, and control_events.c.
 *
 * A call belongs to the thread of its connection.
 */
#ifndef SPOOL_HTTP_CONTROL_CALL_H
#define SPOOL_HTTP_CONTROL_CALL_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "control.h"
#include "control_ask.h"
#include "control_socket.h"

struct control {
	struct cache *cache;
	struct control_setup setup;
	struct control_socket socket;
	struct MHD_Daemon *daemon;
	int stop_fd;		/* readable from control_stop on */
	atomic_uint connections;	/* refused ones, too */
};

struct call {
	struct control *control;
	struct MHD_Connection *connection;
	char *target;		/* as sent */
	char *body;
	size_t len;
	bool begun;		/* past the call in which a response would end
				   the connection */
	unsigned status;	/* of the response; 0: none */
};

/* control.c */

/* Takes the object; NULL is want of memory. */
enum MHD_Result call_json(struct call *call, unsigned status, json_t *object);
/* Takes response, also NULL. */
enum MHD_Result call_respond(struct call *call, unsigned status,
			     struct MHD_Response *response, const char *type);
/* {"error": TEXT, "code": "ENOENT"}; text NULL: what the error is called. */
enum MHD_Result call_error(struct call *call, unsigned status, int error,
			   const char *text);

/* Sleep until one of these: 1, fd is readable (it is emptied if it is an
 * eventfd); 0, timeout_ms (-1: none) is over; -ECONNABORTED, the client has
 * gone; with mind_stop -ESHUTDOWN, control_stop. */
int call_wait(struct call *call, int fd, int timeout_ms, bool mind_stop);

/* control_do.c */

/* Answer what was asked. */
enum MHD_Result call_do(struct call *call, const struct ask *a);
/* As call_error, with the status of an error of the cache. */
enum MHD_Result call_fail(struct call *call, int error, const char *text);

/* control_events.c: GET /events. */
enum MHD_Result call_events(struct call *call, const struct ask *a);

#endif
