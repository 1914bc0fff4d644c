/* transfer: one HTTP request of the engine, from its headers to the last byte
 * on disk. Engine thread only.
 *
 * transfer.c speaks to curl and keeps the bytes; what an answer means for the
 * entry is decided in verdict.c, what to request next in schedule.c.
 */
#ifndef SPOOL_TRANSFER_H
#define SPOOL_TRANSFER_H

#include <curl/curl.h>

#include "entry.h"
#include "recent.h"

#define TRANSFER_BUFFER RECENT_BLOCK
#define TRANSFER_REDIRECTS 10

enum transfer_phase {
	TRANSFER_HEADERS,	/* the answer is not judged yet */
	TRANSFER_BODY,		/* its bytes are the entry's */
	TRANSFER_DISCARD,	/* its bytes are nobody's (redirect, error) */
};

struct transfer {
	struct fetch *fetch;
	struct entry *entry;		/* holds a reference */
	struct host *host;		/* host.h */
	struct transfer *next;		/* of the same entry */
	struct transfer *all_prev, *all_next;
	CURL *easy;
	struct curl_slist *headers;
	struct url *target;		/* what is asked now */
	unsigned redirects;
	const struct conf *conf;	/* in force when it was prepared */
	bool proxied;		/* connections are a proxy's */
	bool forbidden;		/* an address that may not be asked, … */
	unsigned sockets;	/* … and those that may, of this request */
	enum plan_priority priority, planned;

	struct reply reply;
	struct reply_asked asked;
	bool conditional;	/* a validation, not a flight */
	enum transfer_phase phase;
	enum reply_verdict verdict;	/* once phase is not HEADERS */
	struct reply_facts facts;
	int error;		/* why we ended it ourselves; 0 if we did not */
	bool done;		/* ended by us, all is well */
	bool abandoned;		/* worth nothing any more: ended soon, unread */

	uint64_t pos, end;	/* next byte from the network; where to stop */
	struct recent_block *block;	/* ends at pos */
	size_t buffered;	/* of it, not written yet */
	bool compare;		/* bytes that are here already must be equal */

	time_t asked_at;
	int64_t started_ms;	/* the same, monotonic */
	int64_t progress_ms;	/* last sign of life */
	int64_t body_ms;	/* first byte of the body */
	uint64_t body_bytes, planned_bytes;
	uint64_t counted_bytes;		/* by the host's lanes */
	uint64_t new_bytes;	/* of them: were not here before */
	bool notified;		/* TLS said that the connection ends */
};

/* A request for [start, end) (end PLAN_SIZE_UNKNOWN: without Range) of e, not
 * yet handed to curl. NULL: no memory. */
struct transfer *transfer_new(struct fetch *f, struct entry *e, uint64_t start,
			      uint64_t end, bool conditional);
void transfer_free(struct transfer *t);

/* (Re)build the request for t->target: after transfer_new, and after a
 * redirect. 0; -EACCES: it may not be asked for (policy.h); -ENOMEM. conf stays
 * valid as long as t. */
int transfer_prepare(struct transfer *t, const struct conf *conf);

/* Write what is buffered to the entry's file and publish it. 0; -errno of the
 * disk; -ESTALE when bytes that were here differ from the origin's. */
int transfer_flush(struct transfer *t);

/* Whether a body whose length nothing told is all here, curl having seen the end
 * of its connection. Over TLS only where the peer said so (RFC 9112, 9.8):
 * anybody can cut a connection. */
bool transfer_saw_end(const struct transfer *t);

/* Called by the header callback when a block is complete: decides what the
 * body is (verdict.c). Sets phase, pos and end. 0 to go on, else to end. */
int verdict_headers(struct transfer *t);

/* The settings forbid to ask what t is about to: refuse it to everybody. */
void verdict_forbidden(struct transfer *t, int64_t now);

/* Called when curl is done with t: what it means for the entry. Returns true
 * when t goes on with another request (a redirect). */
bool verdict_done(struct transfer *t, CURLcode result, const struct conf *conf,
		  int64_t now);

#endif
