/* request: one HTTP request from its target to its last byte.
 *
 * serve.c owns the daemon and hands the events of libmicrohttpd in here;
 * request.c waits for what the cache does not know yet of the resource;
 * answer.c turns facts into a response, body.c makes its body.
 *
 * Threads. A request belongs to the daemon's thread of its connection, which
 * alone touches it, but for the time it is parked: then connection suspended,
 * waiter published. Whoever settles the waiter (the engine by ready(), or the
 * watch by cache_cancel; exactly one of them) writes `woken` and resumes the
 * connection; resuming orders that write before the daemon thread's reads.
 * Suspended connections are never closed by the daemon, so a parked request
 * does not go away.
 *
 * Locks: none of its own; serve.lock, a leaf, for what all requests count.
 */
#ifndef SPOOL_REQUEST_H
#define SPOOL_REQUEST_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "document.h"
#include "gate.h"
#include "limit.h"
#include "listen.h"
#include "peer.h"
#include "resource.h"
#include "target.h"
#include "watch.h"

/* A keep-alive connection without a request ends after so many seconds; one
 * with a request is never timed out, so that a paused player may rest. */
#define SERVE_IDLE_TIMEOUT 60

/* A host, in brackets, with a port. */
#define REQUEST_HOST_MAX (TARGET_HOST_MAX + 16)

struct ahead;
struct multipart;

struct serve {
	struct cache *cache;
	const struct conf *conf;
	struct serve_listener {
		struct listener at;
		struct MHD_Daemon *daemon;
	} *listeners;
	size_t n_listeners;
	const char *at;		/* of serve_address */
	const char *address;	/* "http://127.0.0.1:4612/", always a URL */
	uid_t self;		/* the user we run as */
	struct watch *watch;
	struct ahead *ahead;
	atomic_bool stands;	/* serve_start can't fail any more */
	pthread_mutex_t lock;
	pthread_cond_t started;	/* it stands, or has failed */
	/* lock */
	bool failed;
	struct limit limit;
};

/* What is kept with a connection. */
struct connection {
	struct resource last;
	bool peer_known;
	struct peer peer;	/* once peer_known */
};

enum request_phase {
	REQUEST_NEW,		/* nothing looked at yet */
	REQUEST_FACTS,		/* which resource is known; its facts are not */
	REQUEST_BYTES,		/* facts known; waits for all of a small range */
	REQUEST_ANSWERED,	/* a response is queued */
};

struct request {
	struct serve *serve;
	const struct conf *conf;	/* in force when it came */
	struct connection *from;
	struct MHD_Connection *connection;
	char *text;		/* the request target as sent */
	struct target target;	/* of it, without the token; its name is NULL
				   when it is no target of ours */
	const char *prefix;	/* "/TOKEN", the token being a part of the path
				   of whoever asks so, or "" */
	char *token_path;	/* that */
	bool token;		/* the right one was given */
	struct gate gate;
	bool begun;		/* past the call in which a response would end
				   the connection */
	bool http11;
	char method[16];	/* printable, cut */
	bool head;
	enum request_phase phase;

	struct resource *resource;	/* the connection's, once it is this
					   request's */
	struct cache_file *file;
	const struct conf_origin *origin;	/* the resource's settings */
	const struct cache_info *info;	/* its facts, once known */
	unsigned reopened;	/* since a newer version took over */

	struct cache_waiter waiter;
	struct watch_item watched;
	bool watching, parked;
	int woken;		/* 0, or the error the waiter was settled with;
				   -ECONNABORTED: the client has gone */

	struct document document;	/* rewritten, if it is one */

	/* the answer */
	unsigned status;
	uint64_t start, end;	/* the part of the file that is the body; end
				   CACHE_SIZE_UNKNOWN: up to its end */
	struct multipart *parts;	/* several ranges instead, or NULL */
	char boundary[33];	/* of them */
	bool looked;
	enum cache_found found;	/* of that, when the request came; if looked */
	struct watch_body body;	/* when `from_file`: sent with sendfile */
	bool from_file;
	uint64_t sent;		/* of it, given to the daemon */
	bool counted;		/* sent is kept (not with sendfile) */
	int error;		/* what cut the body */
};

/* request.c */

/* NULL: no memory. */
struct request *request_new(struct serve *s, struct connection *from,
			    const char *text);
void request_free(struct request *r);

/* Go on as far as possible: until a response is queued or the request parked.
 * MHD_NO: end the connection. */
enum MHD_Result request_step(struct request *r);

/* Suspend until [off, off + min) is here (min 0: facts), an error, or the
 * client has gone. The caller returns to the daemon at once. */
void request_park(struct request *r, uint64_t off, size_t min, bool in_body);
/* First thing after a resume: 0 or the error that ended the wait. Harmless
 * when not parked. */
int request_unpark(struct request *r);

/* "HOST:PORT" as the client calls us: past the gate one that access.h has taken
 * for ours, or, of a client of a Unix socket, any text. */
void request_host(const struct request *r, char buf[REQUEST_HOST_MAX]);

/* Another version took over before anything was sent: begin again with that
 * one. 0, or -errno when that has happened too often. */
int request_reopen(struct request *r);

/* answer.c */

/* A short text as the whole answer. */
enum MHD_Result answer_text(struct request *r, unsigned status,
			    const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One that nobody keeps; takes text. */
enum MHD_Result answer_page(struct request *r, unsigned status,
			    const char *type, char *text, size_t len);
/* What a negative errno of the cache means to a client. */
enum MHD_Result answer_error(struct request *r, int error);
/* Facts are known: decide and queue the response, or park for a small range. */
enum MHD_Result answer_facts(struct request *r);

#endif
