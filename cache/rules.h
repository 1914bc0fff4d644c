/* rules: what a section of the settings says of single URLs. Pure. */
#ifndef SPOOL_RULES_H
#define SPOOL_RULES_H

#include "conf.h"

/* url (as sent or a key) without the parameters of its query that tell no files
 * apart (ignore_query): the rest stays as it stands, in its order; a query of
 * which nothing is left goes with its '?'. 0: *out is malloc'd, or NULL when
 * there is nothing to take out; -ENOMEM. */
int rules_strip(const struct conf_list *ignore, const char *url, char **out);

/* Whether the path of a key fits a pattern (no_cache): one with a '/' the whole
 * path, another one its last component; '*', '?' and '[…]' as in glob(7), but
 * '*' fits '/' too. */
bool rules_path_fits(const struct conf_list *patterns, const char *key);

#endif
