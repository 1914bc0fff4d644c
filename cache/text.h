/* text: a small text file of ours in the cache folder, beside "lock": read as a
 * whole, replaced as a whole. */
#ifndef SPOOL_TEXT_H
#define SPOOL_TEXT_H

#include <stddef.h>

#define TEXT_MAX ((size_t)16 << 20)	/* bytes; more is not believed */

/* *text malloc'd, NUL-terminated, of *len bytes. 0; -ENOENT; -EFBIG; -EBADMSG:
 * no regular file; -ENOMEM; -errno. Nothing is followed. */
int text_read(const char *dir, const char *file, char **text, size_t *len);
/* Durably, mode 0600: after a crash the file is the old one or the new one.
 * 0 or -errno, and the old one stands. */
int text_write(const char *dir, const char *file, const char *text, size_t len);

#endif
