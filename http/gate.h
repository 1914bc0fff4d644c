/* gate: carries out access.h for a request as libmicrohttpd has it.
 *
 * It gathers what the request says of itself, asks the kernel whose the other
 * end is (once a connection), counts requests (limit.h) but for those of a host,
 * user or site that is refused, and answers itself whatever must not go further:
 * refusals, and OPTIONS. To every answer it adds
 * what browsers must know: who may read it (CORS, Fetch 3.3), that it is not to
 * be taken for what it does not say it is, and that a page out of the cache
 * is nobody's page: it comes from our address, but is not us, so it gets
 * an origin of its own and no scripts (CSP sandbox).
 *
 * The token is taken out of the target here, before anybody else sees it; it is
 * in no log. Threads and locks: as request.h; the counters have a lock of their
 * own, a leaf.
 */
#ifndef SPOOL_HTTP_GATE_H
#define SPOOL_HTTP_GATE_H

#include <microhttpd.h>
#include <stdbool.h>

struct request;

/* What a request's answer says to a browser. */
struct gate {
	const char *allow_origin;	/* NULL: none */
	bool vary, preflight;
	const char *asks_headers;	/* of a preflight; NULL: none */
	bool asks_private;
	unsigned retry_after;		/* seconds, of a 429 */
};

/* Take r->text apart into r->target, without the token; r->prefix is where that
 * was. 0 or -ENOMEM. */
int gate_target(struct request *r);

/* Whether r is answered here, with *result; its header has been read. Else it
 * may go on. */
bool gate_answers(struct request *r, enum MHD_Result *result);

/* Complete a response to r, before it is queued. */
void gate_add(const struct request *r, struct MHD_Response *response);

#endif
