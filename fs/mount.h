/* mount: the cache as a file system.
 *
 * Speaks libfuse's low-level interface. Handlers run in the threads of loop.h and
 * never wait for the network: what has to wait is parked (park.h). mount.c has
 * the session, names.c what is about names, file.c what is about one file,
 * xattr.c the extended attributes.
 *
 * A file is opened by its state, and no two modes meet on one inode:
 *   incomplete   direct_io: readers can be interrupted, no page is ever locked
 *                waiting for the network
 *   complete     passthrough, where it can be had (passthrough.h);
 *                else keep_cache: the kernel's pages are the file's for good,
 *                since an inode is one version of the remote file
 * Pages are therefore never invalidated.
 */
#ifndef SPOOL_FS_MOUNT_H
#define SPOOL_FS_MOUNT_H

#include "cache/cache.h"
#include "cache/conf.h"

struct mount;

/* Prepare. base: the URL whose tree is the root, or NULL. options: for
 * libfuse, comma-separated, "" for none. cache and conf must outlive it.
 * 0; or -errno with *error (malloc'd, one line). */
int mount_create(struct cache *cache, const struct conf *conf,
		 const char *base, const char *options, struct mount **out,
		 char **error);

/* The kernel may be set to abort a whole mount for one request that is too
 * old (sysctl fs.fuse.*_request_timeout). Lower c->read_timeout, which bounds
 * every answer, to 0.8 of that. Before cache_start. */
void mount_limit_timeout(struct conf *c);

/* Mount at an absolute path. From now on mount_detach is due. Errors as
 * above. */
int mount_attach(struct mount *m, const char *path, char **error);

/* Serve until unmounted or mount_end. 0 or -errno. */
int mount_loop(struct mount *m);

/* End mount_loop soon. From any thread or signal handler. */
void mount_end(struct mount *m);

/* Unmount; readers that are left get an error. After mount_loop, and after
 * cache_stop, whose answers to parked requests need the mount. */
void mount_detach(struct mount *m);

/* Closes what was still open. Before cache_free. NULL is fine. */
void mount_free(struct mount *m);

/* Take away a mount at path whose daemon is gone (ENOTCONN). 0, also when
 * there was none; or -errno. */
int mount_clear_stale(const char *path);

#endif
