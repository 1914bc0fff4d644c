/* control_ask: what a request to the control socket asks for.
 *
 * Pure: method, request target and body in, a route and its values out. The
 * table of routes is the API as spoolfs-control(7) describes it. GET and DELETE
 * take their values from the query ("url=https%3A%2F%2F…", decoded as a form's),
 * POST takes them from a JSON object. A value that a route does not know, one
 * given twice and one that is missing are errors: nothing is ignored.
 */
#ifndef SPOOL_HTTP_CONTROL_ASK_H
#define SPOOL_HTTP_CONTROL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/log.h"

/* Bytes of a body; a URL has at most 8 KiB. */
#define ASK_BODY_MAX ((size_t)64 << 10)

enum ask_what {
	ASK_STATUS, ASK_METRICS, ASK_ENTRIES, ASK_EVENTS, ASK_WHERE, ASK_NAMES,
	ASK_FETCH, ASK_STOP, ASK_PIN, ASK_UNPIN, ASK_VALIDATE, ASK_RESET,
	ASK_DROP, ASK_NAME_ADD, ASK_NAME_REMOVE, ASK_RELOAD, ASK_LOG_LEVEL,
	ASK_COUNT
};

/* Values, as bits. */
enum ask_field {
	ASK_FIELD_URL = 1,	/* text */
	ASK_FIELD_NAME = 2,	/* text */
	ASK_FIELD_START = 4,	/* bytes */
	ASK_FIELD_END = 8,	/* bytes, exclusive */
	ASK_FIELD_STATE = 16,	/* all, active, inactive, partial,
				   loaded */
	ASK_FIELD_LEVEL = 32,	/* error, warning, info, debug */
	ASK_FIELD_WAIT = 64,	/* true or false */
};

enum ask_state { ASK_ALL, ASK_ACTIVE, ASK_INACTIVE, ASK_PARTIAL, ASK_LOADED };

struct ask_route {
	const char *method, *path;
	enum ask_what what;
	unsigned needs, takes;	/* of enum ask_field; takes: beyond these */
};
const struct ask_route *ask_routes(size_t *n);

struct ask {
	enum ask_what what;
	unsigned given;		/* of enum ask_field */
	char *url, *name;	/* never empty; else NULL */
	uint64_t start, end;	/* 0 and UINT64_MAX unless given; start < end */
	enum ask_state state;
	enum log_level level;
	bool wait;
};
void ask_fini(struct ask *a);	/* leaves it zeroed */

/* Why not. */
struct ask_error {
	unsigned status;	/* of HTTP: 400, 404, 405, 500 */
	char reason[128];	/* one line without its full stop; repeats
				   nothing that came but known words */
	char allow[64];		/* 405: for the Allow field */
};

/* target is the request target as sent; body has len bytes. 0; or -EINVAL,
 * -ENOMEM with *error filled in. */
int ask_parse(const char *method, const char *target, const char *body,
	      size_t len, struct ask *out, struct ask_error *error);

#endif
