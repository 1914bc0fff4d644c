/* body: what of a resource a client is sent, and how.
 *
 * A small range is waited for and sent from a buffer; what is all here is sent
 * with sendfile; anything else is streamed while it comes, by libmicrohttpd
 * asking for the next bytes, which suspends the connection when there are
 * none. Several ranges are streamed part by part.
 */
#ifndef SPOOL_BODY_H
#define SPOOL_BODY_H

#include "request.h"

/* A response with the part of the file that r->start and r->end, or r->parts,
 * say. 0: *out, or NULL without memory; -EAGAIN: await *min bytes from *off
 * on first; as cache_read. */
int body_make(struct request *r, uint64_t *off, size_t *min,
	      struct MHD_Response **out);

/* One that only tells the length of that (HEAD, 304). NULL: no memory. */
struct MHD_Response *body_untold(struct request *r);

#endif
