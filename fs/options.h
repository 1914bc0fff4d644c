/* options: the command line, in the manner of sshfs.
 *
 *     spoolfs [options] [URL] MOUNTPOINT
 *
 * A -o option is, in this order: a key of the settings (conf.h); a mount
 * option for libfuse; an option of fstab that is no business of ours and is
 * tolerated; an error.
 */
#ifndef SPOOL_FS_OPTIONS_H
#define SPOOL_FS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cache/conf.h"

struct options {
	bool foreground, debug, no_mount, help, version;
	const char *config, *url, *mountpoint;	/* point into argv, or NULL */
	char **settings;	/* "KEY" or "KEY=VALUE", as of -o, in order */
	size_t n_settings;
};

/* 0; or -EINVAL, -ENOMEM with *error (malloc'd, one line; NULL for lack of
 * memory). argv may be reordered and must outlive *out. */
int options_parse(int argc, char **argv, struct options *out, char **error);
void options_fini(struct options *o);

/* Put the -o options over c, relative paths relative to folder (absolute);
 * *mount_options gets those for libfuse as one list, fsname and subtype added
 * (caller frees). Errors as above. */
int options_apply(const struct options *o, struct conf *c, const char *folder,
		  char **mount_options, char **error);

void options_help(FILE *out);

#endif
