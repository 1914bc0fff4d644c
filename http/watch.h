/* watch: notices what libmicrohttpd does not: that the client of a parked
 * request has gone, that a file has become shorter than the body being sent.
 *
 * libmicrohttpd takes no look at a suspended connection, so that a request
 * whose client has closed would go on wanting bytes until some arrive or its
 * deadline passes. One thread sleeps on an epoll set of the parked clients'
 * sockets and tells the owner.
 *
 * "Gone" is a reset connection, or one the client has closed. A FIN alone does
 * not tell a closed socket from one that was only shut down for sending and is
 * still being read; for a client on this machine the kernel knows (its end
 * still belongs to somebody), for others a FIN is not taken as leaving.
 *
 * As to files: libmicrohttpd calls sendfile again and again, for ever, for
 * bytes that a file does not have any more. The thread looks at the files being
 * sent once a second and shuts the connection when one was cut short.
 */
#ifndef SPOOL_WATCH_H
#define SPOOL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch;

/* A body that is sent from a file. Embedded in the caller's struct. */
struct watch_body {
	/* the caller's */
	int socket, data;	/* open until watch_body_remove */
	uint64_t end;		/* the file must not be shorter */
	/* private */
	struct watch_body *prev, *next;
};

/* Embedded in the caller's struct. */
struct watch_item {
	/* the caller's */
	int fd;			/* connected socket; open until watch_remove */
	bool fin_is_gone;	/* don't ask who still reads */
	/* Runs at most once, on the watching thread, with the watch's lock
	 * held: must not call watch_*, must not block. */
	void (*gone)(struct watch_item *item);
	/* private */
	uint64_t id;
	struct watch_item *prev, *next;
};

int watch_start(struct watch **out);	/* 0 or -errno */
/* When it returns, no gone() is running and none will run. Items may still be
 * added and removed. NULL is fine. */
void watch_stop(struct watch *w);
/* After watch_stop, with no items left. NULL is fine. */
void watch_free(struct watch *w);

/* 0 or -errno; then the item is not watched, and watch_remove must not be
 * called. */
int watch_add(struct watch *w, struct watch_item *item);
/* When it returns, gone() is not running and will not run. */
void watch_remove(struct watch *w, struct watch_item *item);

/* From now on shut the connection when its file is too short. */
void watch_body_add(struct watch *w, struct watch_body *body);
void watch_body_remove(struct watch *w, struct watch_body *body);

#endif
