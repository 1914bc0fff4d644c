/* latest: an entry's URL as it was last given.
 *
 * Where a section of the settings says that parameters of the query tell no
 * files apart (ignore_query), an entry's own URL, which is stored and shown,
 * does not have them; what the origin is asked is the URL as the last one who
 * opened it gave it: signatures expire. That one is kept in memory alone.
 */
#ifndef SPOOL_LATEST_H
#define SPOOL_LATEST_H

#include <stdbool.h>

struct cache;
struct entry;
struct url;

/* *url: what an entry of text goes by. *full: all of it, malloc'd, where that is
 * not the same, else NULL. 0 or as url_parse. */
int latest_parse(struct cache *c, const char *text, struct url **url,
		 char **full);

/* What e is to be asked for from now on; full is taken over, NULL does nothing.
 * Any thread, no lock. */
void latest_set(struct entry *e, char *full);

/* The URL to ask e's origin for, its key that of e. 0 or -ENOMEM. */
int latest_url(struct entry *e, struct url **out);

/* A newer one has come than the one that was sent. */
bool latest_is_newer(struct entry *e, const char *sent);

/* Let to be asked for as from was, unless somebody has given it another. */
void latest_copy(struct entry *to, struct entry *from);

#endif
