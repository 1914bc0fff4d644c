/* control_json: what the cache shows, as JSON.
 *
 * Pure. Each returns a new reference, NULL for want of memory. Bytes are
 * numbers, times seconds since 1970, ranges pairs [START, END) in bytes, what
 * is not known is null. URLs are whole, with queries that may be secret: all
 * but the totals are for the control socket alone.
 */
#ifndef SPOOL_HTTP_CONTROL_JSON_H
#define SPOOL_HTTP_CONTROL_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "cache/command.h"
#include "control_ask.h"

/* "not found", … : a negative errno of the cache as a word or two. */
const char *control_json_error(int error);

/* Whether something is going on with a file: it is being brought, validated or
 * read. */
bool control_json_is_active(const struct cache_view *v);
/* Whether state asks for it. */
bool control_json_is_wanted(const struct cache_view *v, enum ask_state state);

/* {"url": …, "size": …, "ranges": [[0, 65536]], …} */
json_t *control_json_view(const struct cache_view *v);
/* {"url": …, "generation": …, "size": …, "cached": …, "rate": …}, with "error"
 * for FAILED. */
json_t *control_json_event(const struct cache_event *ev);
const char *control_json_event_name(enum cache_event_kind kind);

/* Put the numbers of GET /status into an object. 0 or -ENOMEM. */
int control_json_totals(json_t *object, const struct cache_totals *t);

#endif
