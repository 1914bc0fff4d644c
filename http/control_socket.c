#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cache/hash.h"
#include "control_socket.h"

/* ---- the place -------------------------------------------------------------- */

/* The XDG Base Directory Specification: a folder that the user owns, and nobody
 * else may write to. After su or sudo it is another user's. */
static bool is_ours(const char *dir)
{
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && (st.st_mode & 022) == 0;
}

int control_socket_place(const char *cache_dir, char **path)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *dir = NULL;
	int n;

	if (runtime && runtime[0] == '/' && is_ours(runtime)) {
		if (asprintf(&dir, "%s/spoolfs", runtime) < 0)
			return -ENOMEM;
		/* A service may be shown it read-only. */
		if ((mkdir(dir, 0700) < 0 && errno != EEXIST) ||
		    !is_ours(dir) || access(dir, W_OK) < 0) {
			free(dir);
			dir = NULL;
		}
	}
	if (dir)
		n = asprintf(path, "%s/%016" PRIx64 ".sock", dir,
			     hash_text(cache_dir));
	else
		n = asprintf(path, "%s/control.sock", cache_dir);
	free(dir);
	return n < 0 ? -ENOMEM : 0;
}

/* ---- listening -------------------------------------------------------------- */

/* An address has room for 107 bytes of path: a longer one is reached through a
 * descriptor of its folder, to be closed after use (else -1). */
static int fill_address(const char *path, struct sockaddr_un *addr, int *dir)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int n;

	*dir = -1;
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, strlen(path));
		return 0;
	}
	if (!slash)
		return -ENAMETOOLONG;
	folder = strndup(path, (size_t)(slash - path));
	if (!folder)
		return -ENOMEM;
	*dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	n = *dir < 0 ? -errno : 0;
	free(folder);
	if (n < 0)
		return n;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path),
		     "/proc/self/fd/%d%s", *dir, slash);
	if ((size_t)n < sizeof(addr->sun_path))
		return 0;
	close(*dir);
	*dir = -1;
	return -ENAMETOOLONG;
}

/* Make way for a socket. 0, or why not. */
static int clear(const char *path, const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, rc = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	/* Not to be held up by one whose queue is full: that is in use. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
	    errno == EAGAIN)
		rc = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		rc = -errno;
	else if (unlink(path) < 0 && errno != ENOENT)
		rc = -errno;
	close(fd);
	return rc;
}

/* The mode of a socket before it is bound is that of its file, so that there is
 * no moment in which others may connect. */
static int bind_private(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int control_socket_listen(const char *path, struct control_socket *out)
{
	struct control_socket s = { .fd = -1 };
	struct sockaddr_un addr;
	struct stat st;
	int dir, rc = fill_address(path, &addr, &dir);

	if (rc < 0)
		return rc;
	rc = clear(path, &addr);
	if (rc == 0)
		rc = s.fd = bind_private(&addr);
	if (rc < 0)
		goto out;
	rc = 0;
	s.path = strdup(path);
	if (!s.path)
		rc = -ENOMEM;
	else if (lstat(path, &st) < 0)
		rc = -errno;
	if (rc < 0) {
		unlink(path);
		close(s.fd);
		free(s.path);
		goto out;
	}
	s.device = st.st_dev;
	s.inode = st.st_ino;
	*out = s;
out:
	if (dir >= 0)
		close(dir);
	return rc;
}

void control_socket_close(struct control_socket *s)
{
	struct stat st;

	if (s->path && lstat(s->path, &st) == 0 &&
	    st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->path);
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	*s = (struct control_socket){ .fd = -1 };
}

/* ---- who is there ------------------------------------------------------------ */

bool control_socket_is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}
