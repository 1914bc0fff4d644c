#include "config.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

#define OPEN (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

static int open_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_all(int fd, char **text, size_t *len)
{
	struct stat st;
	char *buf;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if ((uintmax_t)st.st_size > TEXT_MAX)
		return -EFBIG;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	err = io_read(fd, buf, (size_t)st.st_size, 0);
	if (err) {
		free(buf);
		return err;
	}
	buf[st.st_size] = '\0';
	*text = buf;
	*len = (size_t)st.st_size;
	return 0;
}

int text_read(const char *dir, const char *file, char **text, size_t *len)
{
	int folder = open_folder(dir), fd, err;

	if (folder < 0)
		return folder;
	fd = openat(folder, file, O_RDONLY | OPEN);
	err = fd < 0 ? -errno : read_all(fd, text, len);
	if (fd >= 0)
		close(fd);
	close(folder);
	return err;
}

static int write_new(int folder, const char *name, const char *text, size_t len)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | OPEN,
			0600);
	int err = fd < 0 ? -errno : io_write(fd, text, len, 0);

	if (!err && fsync(fd) < 0)
		err = -errno;
	if (fd >= 0 && close(fd) < 0 && !err)
		err = -errno;
	return err;
}

int text_write(const char *dir, const char *file, const char *text, size_t len)
{
	int folder = open_folder(dir), err;
	char name[64];

	if (folder < 0)
		return folder;
	snprintf(name, sizeof(name), "%s.new", file);
	err = write_new(folder, name, text, len);
	if (!err && renameat(folder, name, folder, file) < 0)
		err = -errno;
	if (err)
		unlinkat(folder, name, 0);
	else if (fsync(folder) < 0)
		err = -errno;
	close(folder);
	return err;
}
