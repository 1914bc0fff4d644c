/* ctl_call: an HTTP client for the control socket, for spoolctl.
 *
 * libcurl over a Unix socket. Not thread-safe. No deadline: a daemon that has
 * the socket answers, or the connection breaks; ^C ends the rest.
 */
#ifndef SPOOL_HTTP_CTL_CALL_H
#define SPOOL_HTTP_CTL_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct ctl_client;

/* Of the daemon that has a cache folder. 0; -ESRCH: there is none; -ENOTSUP: it
 * has no control socket; -ENOMEM. */
int ctl_client_open(const char *cache_dir, struct ctl_client **out);
void ctl_client_close(struct ctl_client *client);
/* The same, with a complaint. NULL: said. */
struct ctl_client *ctl_client_need(const char *cache_dir);

struct ctl_reply {
	long status;		/* of HTTP */
	json_t *body;		/* NULL: none that is JSON */
};
void ctl_reply_fini(struct ctl_reply *r);
/* What an answer says is wrong; NULL: it is one of 2xx. Lives as long as it. */
const char *ctl_reply_error(const struct ctl_reply *r);

/* One request; body (a reference that is left alone) or NULL. 0; -ENOTCONN: the
 * daemon can't be reached, or has ended; -ENOMEM. */
int ctl_ask(struct ctl_client *client, const char *method, const char *path,
	    const json_t *body, struct ctl_reply *out);

/* A path with the value of a query behind it: "/entries?url=…", escaped.
 * Malloc'd or NULL. */
char *ctl_query(const char *path, const char *name, const char *value);

/* Several POSTs at once, `window` of them at a time. */
struct ctl_job {
	json_t *body;		/* the caller's */
	bool begun, done;
	int rc;			/* once done: as of ctl_ask */
	struct ctl_reply reply;	/* the caller frees it */
};
/* Until all are done, or tick says so: it is called several times a second;
 * true ends it, and what is under way is cut. on_done is called for each job
 * when it is done. 0 or -ENOMEM. */
int ctl_ask_all(struct ctl_client *client, const char *path,
		struct ctl_job *jobs, size_t n, size_t window,
		bool (*tick)(void *ctx),
		void (*on_done)(void *ctx, struct ctl_job *job), void *ctx);

/* A GET whose answer has no end, line by line (without its end). Non-zero from
 * fn ends it and is returned; else as ctl_ask, 0 when the daemon ends it;
 * -EBADMSG: a status that is not 200. */
int ctl_stream(struct ctl_client *client, const char *path,
	       int (*fn)(void *ctx, const char *line), void *ctx);

#endif
