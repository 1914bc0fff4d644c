/* control_socket: where the control socket is, and who may use it.
 *
 * A Unix socket of mode 0600, so that the file system lets in its owner and
 * root alone; who is on the other end is asked of the kernel as well, for a
 * folder's rights can be changed and some file systems have none.
 */
#ifndef SPOOL_HTTP_CONTROL_SOCKET_H
#define SPOOL_HTTP_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/* Where the socket for this cache folder belongs unless the settings say:
 * $XDG_RUNTIME_DIR/spoolfs/HASH.sock, HASH being one of the folder's name;
 * without a XDG_RUNTIME_DIR of our own, "control.sock" in the cache folder.
 * Makes the folder "spoolfs". 0 with *path malloc'd; -ENOMEM. */
int control_socket_place(const char *cache_dir, char **path);

/* A listening socket that is there, to be taken away again. */
struct control_socket {
	int fd;
	char *path;
	dev_t device;
	ino_t inode;
};

/* Listen at path, in place of a socket that nobody listens on any more. 0;
 * -EADDRINUSE: somebody does; -EEXIST: there is something else; -ENAMETOOLONG:
 * its last component alone is too long for a socket; -errno. */
int control_socket_listen(const char *path, struct control_socket *out);
/* Remove the file if it is still this socket's; close fd unless it is -1. */
void control_socket_close(struct control_socket *s);

/* Whether the other end of a connection is this user or root. */
bool control_socket_is_ours(int fd);

#endif
