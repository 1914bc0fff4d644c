#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
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

/* ---- all records ------------------------------------------------------------------ */

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_record(const FTSENT *e)
{
	size_t len = strlen(LOOK_SUFFIX);

	return e->fts_info == FTS_F && e->fts_namelen > len &&
	       strcmp(e->fts_name + e->fts_namelen - len, LOOK_SUFFIX) == 0;
}

/* What goes meanwhile is passed over. */
static int look_at(const FTSENT *e,
		   int (*fn)(void *ctx, const char *path,
			     const struct store_record *r, time_t used,
			     int error), void *ctx)
{
	struct store_record r;
	int rc;

	if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
		return e->fts_errno == ENOENT ? 0 :
		       fn(ctx, e->fts_path, NULL, 0, -e->fts_errno);
	if (!is_record(e))
		return 0;
	rc = look_record(e->fts_path, &r);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return fn(ctx, e->fts_path, NULL, 0, rc);
	rc = fn(ctx, e->fts_path, &r, e->fts_statp->st_mtime, 0);
	store_record_fini(&r);
	return rc;
}

int look_each(const char *dir,
	      int (*fn)(void *ctx, const char *path, const struct store_record *r,
			time_t used, int error), void *ctx)
{
	char *roots[3] = { NULL };
	FTS *fts = NULL;
	FTSENT *e;
	int rc = 0;

	if (asprintf(&roots[0], "%s/http", dir) < 0 ||
	    asprintf(&roots[1], "%s/https", dir) < 0 ||
	    !(fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name)))
		rc = -ENOMEM;
	while (rc == 0) {
		errno = 0;
		e = fts_read(fts);
		if (!e) {
			rc = -errno;
			break;
		}
		rc = look_at(e, fn, ctx);
	}
	if (fts)
		fts_close(fts);
	free(roots[0]);
	free(roots[1]);
	return rc;
}

/* ---- the daemon ------------------------------------------------------------------- */

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
