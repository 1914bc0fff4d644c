/* proxy: which proxy a request goes through. Pure.
 *
 * Decided here and not by libcurl, which would do the same but not say so: who
 * judges the address of a connection has to know whose it is.
 */
#ifndef SPOOL_PROXY_H
#define SPOOL_PROXY_H

#include "conf.h"

struct url;

/* The proxy of the section, else that of the environment, as curl(1) has it:
 * http_proxy (in lower case alone: HTTP_PROXY may be a request header of a
 * CGI's), https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, but for the hosts in
 * no_proxy, NO_PROXY. get: getenv. NULL: none. */
const char *proxy_of(const struct conf_origin *o, const struct url *u,
		     char *(*get)(const char *name));

#endif
