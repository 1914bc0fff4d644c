#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "io.h"

int io_read(int fd, void *buf, size_t len, uint64_t off)
{
	char *p = buf;
	ssize_t n;

	for (; len; p += n, off += n, len -= n) {
		n = pread(fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
	}
	return 0;
}

int io_write(int fd, const void *buf, size_t len, uint64_t off)
{
	const char *p = buf;
	ssize_t n;

	for (; len; p += n, off += n, len -= n) {
		n = pwrite(fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}
