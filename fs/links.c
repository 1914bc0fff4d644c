/* links: names given to URLs at run time, as files are handled:
 *
 *     ln -s URL MNT/NAME      adds one
 *     mv MNT/NAME MNT/OTHER   gives it another name
 *     rm MNT/NAME             takes it away (names.c)
 *
 * What has been added is a file, as a name of the settings is: the kernel takes
 * the answer to symlink(2) for a link, which it forgets at the next look.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/command.h"
#include "ops.h"

/* Only the owner of the cache changes it, and only in the root. */
static int refusal(fuse_req_t req, fuse_ino_t parent)
{
	if (parent != FUSE_ROOT_ID)
		return -EROFS;
	return names_may_change(req) ? 0 : -EACCES;
}

static int enter_link(struct mount *m, const char *name, const char *url,
		      struct fuse_entry_param *e)
{
	struct tree_node *node;
	int r = tree_enter_link(m->tree, name, url, &node);

	if (r < 0)
		return r;
	e->ino = (uintptr_t)node;
	attr_of_link(m, node, &e->attr);
	return 0;
}

void links_symlink(fuse_req_t req, const char *url, fuse_ino_t parent,
		   const char *name)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e = { 0 };	/* to be asked for again at once */
	char *had;
	int r = refusal(req, parent);

	/* cache_name_add would take the same URL once more. */
	if (r == 0 && cache_name_url(m->cache, name, &had) == 0) {
		free(had);
		r = -EEXIST;
	}
	if (r == 0)
		r = cache_name_add(m->cache, name, url);
	if (r == 0)
		r = enter_link(m, name, url, &e);
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_entry(req, &e) < 0)
		tree_forget(m->tree, node_of(m, e.ino), 1);
}

void links_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct tree_node *node = node_of(mount_of(req), ino);

	if (node->link)
		fuse_reply_readlink(req, node->url);
	else
		fuse_reply_err(req, EINVAL);
}

/* With the place of a name that was added; ln -sf does that. */
static int replace(struct mount *m, const char *name, const char *new)
{
	char *url;
	int r = cache_name_url(m->cache, name, &url);

	if (r < 0)
		return r;
	free(url);
	r = cache_name_remove(m->cache, new);
	return r < 0 ? r : cache_name_move(m->cache, name, new);
}

void links_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		  fuse_ino_t new_parent, const char *new, unsigned flags)
{
	struct mount *m = mount_of(req);
	int r = refusal(req, parent);

	if (r == 0 && new_parent != FUSE_ROOT_ID)
		r = -EROFS;
	if (r == 0 && (flags & ~RENAME_NOREPLACE))
		r = -EINVAL;
	if (r == 0)
		r = cache_name_move(m->cache, name, new);
	if (r == -EEXIST && !flags)
		r = replace(m, name, new);
	/* What is there by another name than those is not ours to move. */
	if (r == -ENOENT || r == -EPERM)
		r = -EROFS;
	fuse_reply_err(req, -r);
}
