/* where: a URL's address at the endpoint, and its path in the mount.
 *
 * Pure, and the same for the daemon, which knows where it is, and for spoolctl,
 * which has read it in the lock file.
 */
#ifndef SPOOL_HTTP_WHERE_H
#define SPOOL_HTTP_WHERE_H

#include <stdbool.h>

struct url;

/* At the endpoint that is reached at `at` ("http://127.0.0.1:4612/", with or
 * without its last '/') and wants to be shown `token`, unless that is NULL.
 * Malloc'd; NULL: no memory. */
char *where_address(const char *at, const char *token, const struct url *u);

/* In a mount at `mount`, of all URLs or, with base (else NULL), of those below
 * it. mark: with the mark of a file ("..") if the name needs it: it does not
 * look like one, and nothing is known of it that says so. 0 with *path
 * malloc'd; -EXDEV: it is not below base; as url_name. */
int where_path(const char *mount, const char *base, const struct url *u,
	       bool mark, char **path);
/* The same for a name of the settings, or one added. Malloc'd or NULL. */
char *where_named(const char *mount, const char *name);

#endif
