/* forward: what a client says that the origin is to be told, by the setting
 * forward_headers of the resource's section.
 *
 * Pure, but for asking libmicrohttpd. Never on the way: what holds our own
 * token (an Authorization, or the Referer of a page that was asked for with it),
 * and what is no proper field.
 */
#ifndef SPOOL_FORWARD_H
#define SPOOL_FORWARD_H

#include <microhttpd.h>

#include "cache/conf.h"

/* Those fields of the request as "Name: value\n" lines, with the names as the
 * setting has them, at most FIELDS_MAX bytes: malloc'd in *out, or NULL for
 * none. token: ours, or NULL. 0 or -ENOMEM. */
int forward_select(struct MHD_Connection *connection,
		   const struct conf_list *names, const char *token,
		   char **out);

#endif
