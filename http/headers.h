/* headers: what an answer says besides its status and its bytes (RFC 9110, 8;
 * RFC 9111, 5).
 *
 * Pure.
 */
#ifndef SPOOL_HEADERS_H
#define SPOOL_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "cache/cache.h"
#include "cache/conf.h"
#include "cache/fields.h"

/* The value of X-Cache: HIT, PARTIAL, MISS: all, some or nothing of what is
 * answered was here. When it is used although it is no longer fresh and could
 * not be confirmed (cache_info.unconfirmed): OFFLINE, the origin could not be
 * reached; STALE, it had no use of an answer. */
const char *headers_x_cache(enum cache_found found, int unconfirmed);

/* Two parts of one answer together. */
enum cache_found headers_join(enum cache_found a, enum cache_found b);

/* The media type of a file: as the settings say for its extension, as the
 * origin says, unless that is nothing or application/octet-stream; by its
 * extension. types: conf_origin.content_type; sent: the origin's, or NULL; name:
 * of url.h, or NULL. Points into these or to a constant. */
const char *headers_media_type(const struct conf_list *types, const char *sent,
			       const char *name);

/* Whether an answer with these fields (fields.h) may be kept: no no-store. */
bool headers_may_be_kept(const char *fields);

/* An IMF-fixdate (RFC 9110, 5.6.7); "" for a time that is none. */
#define HEADERS_DATE_SIZE 32
void headers_date(time_t t, char out[HEADERS_DATE_SIZE]);

/* Whole seconds since `generated`, at least 0. */
unsigned long long headers_age(time_t generated, time_t now);

/* Whether a setting ("Name: value") says what f says. */
bool headers_replaced(const struct conf_list *settings, const struct field *f);

#endif
