#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "look.h"

#define LOCK_FILE_MAX 65536

/* All of a regular file of at most max bytes; malloc'd, NUL-terminated. */
static int read_file(const char *path, size_t max, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *buf = NULL;
	size_t n = 0;
	ssize_t got;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -EBADMSG;
	else if ((uintmax_t)st.st_size > max)
		rc = -EFBIG;
	if (rc < 0)
		goto out;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf) {
		rc = -ENOMEM;
		goto out;
	}
	while (n < (size_t)st.st_size) {
		got = read(fd, buf + n, (size_t)st.st_size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = -errno;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
out:
	close(fd);
	if (rc < 0) {
		free(buf);
		return rc;
	}
	buf[n] = '\0';
	*text = buf;
	*len = n;
	return 0;
}

int look_record(const char *path, struct store_record *out)
{
	char *text;
	size_t len;
	int rc = read_file(path, STORE_RECORD_MAX, &text, &len);

	if (rc < 0)
		return rc;
	rc = store_parse(text, len, out);
	free(text);
	return rc;
}

const char *look_record_error(int rc)
{
	if (rc == -EBADMSG || rc == -EFBIG)
		return "damaged record";
	if (rc == -EPROTO)
		return "record of another format version";
	return strerror(-rc);
}

/* True when somebody holds the flock of this file. Asked of the kernel's list,
 * for trying would take it. Some file systems have a device there that stat
 * does not show; then inode and process have to do. */
static bool is_locked(const struct stat *st, long pid)
{
	FILE *f = fopen("/proc/locks", "re");
	bool found = false;
	char line[256];

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned long long inode;
		unsigned dev_major, dev_minor;
		long owner;

		if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%llu", &owner,
			   &dev_major, &dev_minor, &inode) != 4)
			continue;
		found = inode == st->st_ino &&
			(owner == pid || (dev_major == major(st->st_dev) &&
					  dev_minor == minor(st->st_dev)));
	}
	fclose(f);
	return found;
}

/* The last "KEY=VALUE" of a text of lines; malloc'd, or NULL. */
static char *find_value(const char *text, const char *key)
{
	size_t len = strlen(key);
	const char *found = NULL;

	while (*text) {
		if (strncmp(text, key, len) == 0 && text[len] == '=')
			found = text + len + 1;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return found ? strndup(found, strcspn(found, "\n")) : NULL;
}

char *look_daemon(const char *dir, const char *key)
{
	char *path, *text = NULL, *pid, *value = NULL;
	struct stat st;
	size_t len;

	if (asprintf(&path, "%s/lock", dir) < 0)
		return NULL;
	if (stat(path, &st) == 0 &&
	    read_file(path, LOCK_FILE_MAX, &text, &len) == 0) {
		pid = find_value(text, "pid");
		if (pid && is_locked(&st, atol(pid)))
			value = find_value(text, key);
		free(pid);
	}
	free(text);
	free(path);
	return value;
}
