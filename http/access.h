/* access: who may ask the endpoint for anything, and who may read the answer.
 *
 * Pure: from what a request says, what is known of its sender, and the
 * settings, to a verdict. gate.c gathers the values and carries the verdict
 * out. Nothing here looks at what is asked for.
 *
 * Everybody on this machine can reach a port of loopback, and every web page
 * can make the browser of whoever looks at it ask for anything there. So, in
 * this order:
 *
 *  - HOST must be a name of ours: of loopback, the address the client has
 *    reached us at, or one of http_names. A page under a name that its owner
 *    points here (DNS rebinding) can't have the browser send another one. A
 *    Unix socket is reached by its path, not by a name: any Host will do.
 *  - THE USER behind a peer on this machine must be root, ourselves or one of
 *    allow_users. A peer on this machine of whom the kernel does not say whose
 *    it is, is refused as well, but for allow_users = all or with the token:
 *    its address alone would let in everybody. Of a peer that is elsewhere
 *    nobody can know; whoever listens for such peers wants them.
 *  - THE SITE: what a browser marks as coming from another site or another
 *    origin than ours (Sec-Fetch-Site, Origin) must be from one of
 *    allow_origin. Who asks is said by Origin, and by Referer where a browser
 *    sends no Origin, with a plain <video>: a page can keep its origin out of
 *    that, not put another one in. A client that sends none of these is no
 *    browser, or one too old to tell.
 *  - THE TOKEN, if there is one, must be given: in the path or as
 *    "Authorization: Bearer". Not with OPTIONS, for a preflight has no header
 *    of the page's, and not for pages of our own ("/-/"), which know what of
 *    them is for everybody.
 */
#ifndef SPOOL_HTTP_ACCESS_H
#define SPOOL_HTTP_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "peer.h"

struct conf;

struct access_request {
	const char *method;
	bool http11;
	bool own_page;		/* below "/-/" */
	bool token;		/* the right one was given */

	/* Header fields; NULL: there is none. One that is there more than once
	 * is "", but for hosts > 1. */
	unsigned hosts;
	const char *host;
	const char *origin, *referer;
	const char *site;		/* Sec-Fetch-Site */
	const char *asks_method;	/* Access-Control-Request-Method */
	const char *asks_headers;	/* Access-Control-Request-Headers */
	const char *asks_private;	/* …-Request-Private-Network */
	const char *authorization;

	const char *authority;	/* of the target, or NULL */
	size_t authority_len;

	const struct peer *peer;
	uid_t self;		/* ours */
};

struct access_verdict {
	unsigned status;	/* 0: go on; else that of the answer */
	const char *text;	/* the answer's; "" with 204 */
	bool preflight;		/* the 204 is the answer to one */
	/* For every answer, whatever becomes of the request: */
	const char *allow_origin;	/* for Access-Control-Allow-Origin, or
					   NULL; "*", or points into the request */
	bool vary;		/* "Vary: Origin": others get another answer */
};

struct access_verdict access_decide(const struct access_request *q,
				    const struct conf *conf);

/* Whether given (len bytes) is the secret, in a time that does not tell how
 * much of it is right. */
bool access_is_secret(const char *given, size_t len, const char *secret);

/* The same of an Authorization field's value, "Bearer TOKEN" (RFC 6750, 2.1;
 * NULL: none). */
bool access_is_bearer(const char *value, const char *secret);

/* How many bytes of a target's name (target.h) are "TOKEN" and the '/' behind
 * it; 0: it does not begin with the token. */
size_t access_token_len(const char *name, const char *secret);

/* True for a list of header names, "a, b": nothing but what RFC 9110, 5.6.1
 * has in one. */
bool access_is_name_list(const char *text);

#endif
