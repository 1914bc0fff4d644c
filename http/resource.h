/* resource: what a request target names.
 *
 * Who asks for pieces of a file asks for them on one connection, in requests
 * that differ in their Range alone. So a connection remembers what its last
 * target named and keeps it in use until it asks for something else: what is
 * known of it stays in memory between two requests, too.
 *
 * A resource is its connection's; the daemon's thread of that connection alone
 * touches it. No locks.
 */
#ifndef SPOOL_HTTP_RESOURCE_H
#define SPOOL_HTTP_RESOURCE_H

#include "cache/cache.h"

/* Zeroed: nothing is remembered. */
struct resource {
	const struct conf *conf;	/* what it means by these settings */
	char *text;		/* the request target, as sent */
	char *url, *key, *name;	/* of url.h; name may be NULL: too long for
				   one */
	struct cache_file *file;	/* in use, never read */
	struct cache_info info;		/* as of the last request */
};

/* Open what the target `text` names by these settings; name is its part behind
 * the address. The file is the caller's. 0; -ENOENT: no such name; as
 * url_from_name and cache_open; with an error nothing is remembered. */
int resource_open(struct resource *r, struct cache *c, const struct conf *conf,
		  const char *text, const char *name, struct cache_file **out);

/* Forget it. Leaves a zeroed one. */
void resource_fini(struct resource *r);

#endif
