/* io: whole reads and writes at a place of a file. */
#ifndef SPOOL_IO_H
#define SPOOL_IO_H

#include <stddef.h>
#include <stdint.h>

/* All len bytes at off, or an error: -ENODATA when the file ends before
 * (reading), -EIO when it takes no more (writing), else -errno. */
int io_read(int fd, void *buf, size_t len, uint64_t off);
int io_write(int fd, const void *buf, size_t len, uint64_t off);

#endif
