/* ctl_view: what is known of files in use, and of one file, for people. */
#ifndef SPOOL_HTTP_CTL_VIEW_H
#define SPOOL_HTTP_CTL_VIEW_H

#include "ctl.h"

/* Views of the files that the daemon has in memory, by their keys: what it knows
 * of them has perhaps not been saved yet. Empty without a daemon. A new
 * reference, or NULL. */
json_t *ctl_live(const struct ctl *ctl);

/* All about a file: its record (or NULL), whose path that is, and the view of
 * the daemon (or NULL). Exit status. */
int ctl_put_info(const struct ctl *ctl, const struct store_record *r,
		 json_t *live, const char *path);

#endif
