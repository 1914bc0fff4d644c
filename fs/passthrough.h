/* passthrough: the kernel reads complete files itself.
 *
 * From Linux 6.9 on, an open can name a backing file that the kernel reads,
 * splices and maps without asking us. It takes the right to mount
 * (CAP_SYS_ADMIN), and a backing file that is on no stacked file system. Where
 * it can't be had, complete files are opened with keep_cache.
 *
 * One mode an inode at a time: an open of one mode fails with EIO in the kernel
 * while the inode is open in the other (fs/fuse/iomode.c; direct_io takes no
 * part). So the first open of a complete file decides for all that come until
 * the last of them is closed, and they share one backing file.
 *
 * The kernel holds the backing file, not its name: it may be unlinked. It must
 * not get holes, nor grow or shrink. A mapping holds it beyond the RELEASE of
 * the file, so that nobody here can tell when it is not in use any more:
 * complete files are never punched.
 *
 * libfuse knows passthrough from 3.17 on. With an older one the two messages
 * that it can't write are written here; mounting is libfuse's in any case.
 *
 * Refuses: to know why a file is complete. Functions without another promise
 * may be called from any thread; the lock is a leaf.
 */
#ifndef SPOOL_FS_PASSTHROUGH_H
#define SPOOL_FS_PASSTHROUGH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse.h"

struct tree_node;

struct passthrough {
	bool wanted;
	int device;		/* the session's, or -1: off; immutable once
				   attached */
	_Atomic bool on;	/* agreed upon with the kernel */
	_Atomic uint64_t init;	/* the INIT that is being answered, or 0 */
	pthread_mutex_t lock;	/* also for what tree_node has for us */
	bool refused;		/* lock: has been logged */
};

/* How an inode is read. */
enum passthrough_mode {
	PASSTHROUGH_NONE,	/* no open of the complete file */
	PASSTHROUGH_CACHED,
	PASSTHROUGH_BACKED,
};

void passthrough_init(struct passthrough *p, bool wanted);
void passthrough_fini(struct passthrough *p);

/* After fuse_session_mount, before the session serves. userdata of the session
 * is the struct mount that p is in. */
void passthrough_attach(struct passthrough *p, struct fuse_session *session);

/* From the session's init. */
void passthrough_negotiate(struct passthrough *p, struct fuse_conn_info *conn);

/* An open of a complete file begins, to be ended by passthrough_close. fd: its
 * data, not needed after the return; -1: none that the kernel may read. Returns
 * the backing file for passthrough_reply, or 0: keep_cache. */
int32_t passthrough_open(struct passthrough *p, struct tree_node *node, int fd);
void passthrough_close(struct passthrough *p, struct tree_node *node);

enum passthrough_mode passthrough_mode(struct passthrough *p,
				       const struct tree_node *node);

/* As fuse_reply_open, with a backing file or 0. */
int passthrough_reply(fuse_req_t req, const struct fuse_file_info *open,
		      int32_t backing);

#endif
