/* ops: what the files of the mount share among themselves. */
#ifndef SPOOL_FS_OPS_H
#define SPOOL_FS_OPS_H

#include <pthread.h>
#include <stdatomic.h>

#include "fuse.h"
#include "loop.h"
#include "mount.h"
#include "passthrough.h"
#include "tree.h"

/* How long the kernel may keep what we said, in seconds. A name that means a
 * file nothing is known of is asked for again at once. */
#define TIMEOUT_OPEN 1.0	/* may change: incomplete files, folders */
#define TIMEOUT_COMPLETE 30.0

struct listing;

/* An open file or folder. */
struct handle {
	struct cache_file *file;	/* one of … */
	struct listing *listing;	/* … both */
	bool whole;		/* passthrough_close is due */
	_Atomic int refs;	/* the kernel's, and one for each parked read */
	struct handle *prev, *next;	/* mount->lock */
};

/* Files whose OPEN found another generation than its inode's. The kernel
 * looks the name up again and opens the new inode; it gets this file, or a
 * resource that changes with every look could never be opened. */
#define N_LANDED 8
#define LANDED_SECONDS 2

struct landed {
	struct cache_file *file;	/* NULL: free */
	uint64_t generation;
	time_t since;
};

struct mount {
	/* immutable */
	struct cache *cache;
	struct tree *tree;
	struct fuse_session *session;
	struct loop loop;
	struct passthrough passthrough;	/* with a lock of its own */
	char *path;		/* once attached, and … */
	uint64_t mount_id;	/* … which of the mounts there is ours */
	dev_t device;
	uid_t uid;
	gid_t gid;
	time_t started;

	_Atomic bool reads_ahead;	/* mount_read_ahead has been called */

	pthread_mutex_t lock;
	struct handle *handles;	/* all of them */
	struct landed landed[N_LANDED];
};

static inline struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct tree_node *node_of(struct mount *m, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? tree_root(m->tree) :
				     (struct tree_node *)(uintptr_t)ino;
}

/* mount.c */

/* Have the kernel read further ahead of who reads complete files through its
 * cache, where we may say so (as root): requests of 128 KiB, its default, cost
 * as much again as what is in them. Once; cheap when it has been called. */
void mount_read_ahead(struct mount *m);

/* file.c */
void facts_of(const struct cache_info *info, struct tree_facts *out);
double attr_of_file(const struct mount *m, const struct tree_node *node,
		    const struct tree_facts *facts, struct stat *out);
void attr_of_link(const struct mount *m, const struct tree_node *node,
		  struct stat *out);
void attr_of_folder(const struct mount *m, const struct tree_node *node,
		    struct stat *out);
/* NULL: no memory, and file and listing still the caller's. */
struct handle *handle_new(struct mount *m, struct cache_file *file,
			  struct listing *listing);
void handle_put(struct mount *m, struct handle *h);
void handles_free(struct mount *m);	/* what is left at the end */
void file_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_access(fuse_req_t req, fuse_ino_t ino, int mask);
void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	       struct fuse_file_info *fi);
void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* names.c */
void listing_free(struct listing *l);
void names_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void names_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void names_forget_multi(fuse_req_t req, size_t count,
			struct fuse_forget_data *forgets);
void names_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void names_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi);
void names_releasedir(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi);
void names_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void names_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);

/* With allow_other others may look, but the cache is its owner's. */
bool names_may_change(fuse_req_t req);

/* links.c */
void links_symlink(fuse_req_t req, const char *url, fuse_ino_t parent,
		   const char *name);
void links_readlink(fuse_req_t req, fuse_ino_t ino);
void links_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		  fuse_ino_t new_parent, const char *new, unsigned flags);

/* xattr.c */
void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size);

#endif
