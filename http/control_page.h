/* control_page: what the names below "/-/" say on TCP.
 *
 *   healthy   "ok", or 503 when the engine does not answer: for whoever may
 *             ask at all; says nothing about anything
 *   metrics   numbers for a monitoring system (metrics.h): where a token is
 *             set, only with it. No URL and no name is in them
 *   status    the numbers of GET /status of the control socket: only with the
 *             token, so never where none is set
 *
 * Commands are not to be had here: those have a socket of their own
 * (control.h).
 */
#ifndef SPOOL_HTTP_CONTROL_PAGE_H
#define SPOOL_HTTP_CONTROL_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct cache;

struct control_page {
	unsigned status;	/* of HTTP */
	const char *type;	/* Content-Type; static */
	char *text;		/* NUL-terminated; the caller frees it */
	size_t len;
};

/* The page `name`: what follows "/-/", its query is ignored. token_set: the
 * settings have one; token_shown: this request has shown it. May take a second
 * when the engine is stuck. Not to be cached by anybody. 0 or -ENOMEM. */
int control_page(struct cache *c, const char *name, bool token_set,
		 bool token_shown, struct control_page *out);

/* The numbers of the status page: a new reference, or NULL. */
json_t *control_page_status(struct cache *c);

#endif
