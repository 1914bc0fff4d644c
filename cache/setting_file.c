#include "config.h"

#include "setting.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int setting_refuse(char **reason, int err, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(reason, fmt, args);
	va_end(args);
	if (n < 0) {
		*reason = NULL;
		return -ENOMEM;
	}
	/* What it repeats may have line ends in it. */
	for (char *s = *reason; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	return err;
}

/* ---- paths and files ----------------------------------------------------- */

static const char *home(void)
{
	const char *path = getenv("HOME");
	const struct passwd *user;

	if (path && path[0] == '/')
		return path;
	user = getpwuid(getuid());	/* started by init, HOME is not set */
	return user && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

static char *join(const char *folder, const char *path)
{
	char *joined;

	return asprintf(&joined, "%s/%s", folder, path) < 0 ? NULL : joined;
}

char *setting_path(const char *text, const char *folder)
{
	if (text[0] == '/')
		return strdup(text);
	if (text[0] == '~' && text[1] == '/' && home())
		return join(home(), text + 2);
	return join(folder, text);
}

int setting_socket_path(const char *text, const char *folder, char **path,
			char **reason)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	char *full = setting_path(text, folder);

	if (!full)
		return -ENOMEM;
	if (strlen(full) >= room) {
		free(full);
		return setting_refuse(reason, -EINVAL, "the path of a socket "
				      "is shorter than %zu bytes", room);
	}
	*path = full;
	return 0;
}

char *setting_xdg(const char *variable, const char *fallback)
{
	const char *base = getenv(variable);
	char *path;

	if (base && base[0] == '/')
		return join(base, "spoolfs");
	if (!home())
		return NULL;
	return asprintf(&path, "%s/%s/spoolfs", home(), fallback) < 0 ?
		NULL : path;
}

/* Up to size bytes of fd. -errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
	}
	return len;
}

int setting_read_file(const char *path, char **text, size_t *len,
		      bool *open_to_others, bool *written_by_others,
		      char **reason)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *buf = NULL;
	struct stat st;
	ssize_t n;
	int err = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (err)
		goto out;
	buf = malloc(SETTING_FILE_MAX + 1);
	if (!buf) {
		err = -ENOMEM;
		goto out;
	}
	n = read_all(fd, buf, SETTING_FILE_MAX + 1);
	if (n < 0)
		err = n;
	else if (n > SETTING_FILE_MAX)
		err = -EFBIG;
	if (err)
		goto out;
	buf[n] = '\0';
	*text = buf;
	*len = n;
	*open_to_others = S_ISREG(st.st_mode) && (st.st_mode & 066);
	*written_by_others = S_ISREG(st.st_mode) && (st.st_mode & 022);
	buf = NULL;
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	if (err)
		return setting_refuse(reason, err, "%s", strerror(-err));
	return 0;
}

int setting_read_secret(const char *text, const char *folder, char **path,
			char **content, size_t *len, char **reason)
{
	char *where = setting_path(text, folder), *found = NULL, *why = NULL;
	bool open_to_others, written;
	int err;

	if (!where)
		return -ENOMEM;
	err = setting_read_file(where, &found, len, &open_to_others, &written,
				&why);
	if (why)
		err = setting_refuse(reason, -EINVAL, "%s: %s", where, why);
	else if (!err && open_to_others)
		err = setting_refuse(reason, -EINVAL, "%s: holds secrets and "
				     "others may read or write it: chmod 600",
				     where);
	free(why);
	if (err) {
		free(found);
		free(where);
		return err;
	}
	*path = where;
	*content = found;
	return 0;
}
