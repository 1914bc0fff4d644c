#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops.h"
#include "park.h"

/* ---- attributes -------------------------------------------------------- */

void facts_of(const struct cache_info *info, struct tree_facts *out)
{
	*out = (struct tree_facts){
		.generation = info->generation,
		.size = info->size == CACHE_SIZE_UNKNOWN ? info->cached :
							   info->size,
		.cached = info->cached,
		.modified = info->modified,
		.complete = info->complete,
	};
}

static void attr_of(const struct mount *m, mode_t mode, uint64_t ino,
		    time_t modified, struct stat *out)
{
	*out = (struct stat){
		.st_ino = ino,
		.st_mode = mode,
		.st_nlink = S_ISDIR(mode) ? 2 : 1,
		.st_uid = m->uid,
		.st_gid = m->gid,
		.st_blksize = 128 << 10,
		.st_atim.tv_sec = modified,
		.st_mtim.tv_sec = modified,
		.st_ctim.tv_sec = modified,
	};
}

/* Returns how long the kernel may keep it: not at all while bytes may come, for
 * st_blocks is to tell the truth. */
double attr_of_file(const struct mount *m, const struct tree_node *node,
		    const struct tree_facts *facts, struct stat *out)
{
	uint64_t ino = facts->generation > 1 ? facts->generation :
					       tree_hash(node->key);

	attr_of(m, S_IFREG | 0444, ino, facts->modified, out);
	out->st_size = facts->size;
	out->st_blocks = (facts->cached + 511) / 512;
	return facts->complete ? TIMEOUT_COMPLETE : 0;
}

void attr_of_link(const struct mount *m, const struct tree_node *node,
		  struct stat *out)
{
	attr_of(m, S_IFLNK | 0777, tree_hash(node->key), m->started, out);
	out->st_size = (off_t)strlen(node->url);
}

void attr_of_folder(const struct mount *m, const struct tree_node *node,
		    struct stat *out)
{
	uint64_t ino = node->depth ? tree_hash(node->key) : FUSE_ROOT_ID;

	attr_of(m, S_IFDIR | 0555, ino, m->started, out);
}

/* The facts of a file's inode without asking the origin. 0; -EAGAIN: it has
 * to be asked; -ESTALE: the name has to be looked up again. */
static int known_facts(struct mount *m, struct tree_node *node,
		       struct tree_facts *out)
{
	struct cache_info info;
	bool open, folder;
	int r = cache_peek(m->cache, node->url, &info);

	if (r == 0) {
		folder = info.directory;
		facts_of(&info, out);
		cache_info_fini(&info);
		if (folder)
			return -ESTALE;
		if (tree_learn(m->tree, node, out) == 0)
			return 0;
	}
	open = tree_facts(m->tree, node, out);
	if (!out->generation)
		return -EAGAIN;
	/* A generation that is superseded or dropped: who has it open may go
	 * on looking at it. */
	return open ? 0 : -ESTALE;
}

/* Ask the origin, bind the inode. 0, -EAGAIN, -errno. */
static int learn_facts(struct park *p, struct tree_facts *out)
{
	struct cache_info info;
	bool folder;
	int r = cache_stat(p->file, &info);

	if (r < 0)
		return r;
	folder = info.directory;
	if (!folder)
		facts_of(&info, out);
	cache_info_fini(&info);
	return folder ? -ESTALE : tree_learn(p->mount->tree, p->node, out);
}

static void release_file(struct park *p)
{
	cache_close(p->file);
}

/* Have answer asked with a file of the node, until it says something. file:
 * to be used, or NULL. */
static void run_with_file(fuse_req_t req, struct tree_node *node,
			  struct cache_file *file,
			  const struct fuse_file_info *fi,
			  int (*answer)(struct park *p))
{
	struct park p = {
		.req = req,
		.mount = mount_of(req),
		.node = node,
		.file = file,
		.answer = answer,
		.release = release_file,
	};
	int r = file ? 0 : cache_open(p.mount->cache, node->url, &p.file);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (fi)
		p.open = *fi;
	park_run(&p);
}

static void reply_attr(fuse_req_t req, const struct tree_node *node,
		       const struct tree_facts *facts)
{
	struct stat attr;
	double timeout = attr_of_file(mount_of(req), node, facts, &attr);

	fuse_reply_attr(req, &attr, timeout);
}

static int answer_getattr(struct park *p)
{
	struct tree_facts facts;
	int r = learn_facts(p, &facts);

	if (r == 0)
		reply_attr(p->req, p->node, &facts);
	return r;
}

void file_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct tree_node *node = node_of(m, ino);
	struct tree_facts facts;
	struct stat attr;
	int r;

	(void)fi;
	if (node->folder) {
		attr_of_folder(m, node, &attr);
		fuse_reply_attr(req, &attr, TIMEOUT_OPEN);
		return;
	}
	if (node->link) {
		attr_of_link(m, node, &attr);
		fuse_reply_attr(req, &attr, 0);
		return;
	}
	r = known_facts(m, node, &facts);
	if (r == 0)
		reply_attr(req, node, &facts);
	else if (r == -EAGAIN)
		run_with_file(req, node, NULL, NULL, answer_getattr);
	else
		fuse_reply_err(req, -r);
}

static int answer_access(struct park *p)
{
	struct tree_facts facts;
	int r = learn_facts(p, &facts);

	if (r == 0)
		fuse_reply_err(p->req, 0);
	return r;
}

void file_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct mount *m = mount_of(req);
	struct tree_node *node = node_of(m, ino);
	struct tree_facts facts;
	int r = 0;

	/* As the mode says: on EROFS here rm would not even ask. */
	if (mask & W_OK)
		r = node->folder ? -EROFS : -EACCES;
	else if ((mask & X_OK) && !node->folder)
		r = -EACCES;
	else if (!node->folder)
		r = known_facts(m, node, &facts);
	if (r == -EAGAIN)
		run_with_file(req, node, NULL, NULL, answer_access);
	else
		fuse_reply_err(req, -r);
}

/* ---- open files -------------------------------------------------------- */

struct handle *handle_new(struct mount *m, struct cache_file *file,
			  struct listing *listing)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->file = file;
	h->listing = listing;
	atomic_init(&h->refs, 1);
	pthread_mutex_lock(&m->lock);
	h->next = m->handles;
	if (h->next)
		h->next->prev = h;
	m->handles = h;
	pthread_mutex_unlock(&m->lock);
	return h;
}

static void handle_free(struct handle *h)
{
	cache_close(h->file);
	listing_free(h->listing);
	free(h);
}

void handle_put(struct mount *m, struct handle *h)
{
	if (atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	pthread_mutex_lock(&m->lock);
	if (h->prev)
		h->prev->next = h->next;
	else
		m->handles = h->next;
	if (h->next)
		h->next->prev = h->prev;
	pthread_mutex_unlock(&m->lock);
	handle_free(h);
}

void handles_free(struct mount *m)
{
	struct handle *h, *next;

	for (h = m->handles; h; h = next) {
		next = h->next;
		handle_free(h);
	}
	m->handles = NULL;
}

static void land(struct mount *m, struct cache_file *file,
		 uint64_t generation)
{
	struct landed *l, *oldest = m->landed;
	struct cache_file *out;

	pthread_mutex_lock(&m->lock);
	for (l = m->landed; l < m->landed + N_LANDED; l++)
		if (oldest->file && (!l->file || l->since < oldest->since))
			oldest = l;
	out = oldest->file;
	*oldest = (struct landed){ file, generation, time(NULL) };
	pthread_mutex_unlock(&m->lock);
	cache_close(out);
}

/* The landed file of a generation, or NULL. Closes those nobody came for. */
static struct cache_file *take_landed(struct mount *m, uint64_t generation)
{
	struct cache_file *file = NULL, *old[N_LANDED];
	time_t now = time(NULL);
	struct landed *l;
	size_t n = 0;

	pthread_mutex_lock(&m->lock);
	for (l = m->landed; l < m->landed + N_LANDED; l++) {
		if (!l->file)
			continue;
		if (!file && l->generation == generation)
			file = l->file;
		else if (now - l->since > LANDED_SECONDS)
			old[n++] = l->file;
		else
			continue;
		l->file = NULL;
	}
	pthread_mutex_unlock(&m->lock);
	while (n)
		cache_close(old[--n]);
	return file;
}

/* The data of a complete file, if the kernel may read it: it would not notice
 * that somebody has changed its length. */
static int whole_data(struct cache_file *file, uint64_t size)
{
	struct stat st;
	int fd;

	if (cache_read_fd(file, &fd, 1, 0, 1) < 0 || fd < 0 ||
	    fstat(fd, &st) < 0 || (uint64_t)st.st_size != size)
		return -1;
	return fd;
}

/* How the file is read, by its state; see mount.h. Returns the backing file, or
 * 0. */
static int32_t choose_mode(struct park *p, struct handle *h,
			   const struct tree_facts *facts)
{
	int32_t backing;

	/* Who wants no cache in between would have to align reads of a backing
	 * file, and not every file system of a cache has such reads. */
	p->open.direct_io = !facts->complete || p->open.flags & O_DIRECT;
	if (p->open.direct_io)
		return 0;
	h->whole = true;
	backing = passthrough_open(&p->mount->passthrough, p->node,
				   whole_data(h->file, facts->size));
	p->open.keep_cache = !backing;
	if (!backing)
		mount_read_ahead(p->mount);
	return backing;
}

static void close_handle(struct mount *m, struct tree_node *node,
			 struct handle *h)
{
	if (h->whole)
		passthrough_close(&m->passthrough, node);
	tree_closed(m->tree, node);
	handle_put(m, h);
}

static int answer_open(struct park *p)
{
	struct tree_facts facts = { 0 };
	struct handle *h;
	int32_t backing;
	int r = learn_facts(p, &facts);

	if (r == -ESTALE && facts.generation) {
		land(p->mount, p->file, facts.generation);
		p->file = NULL;
	}
	if (r < 0)
		return r;
	h = handle_new(p->mount, p->file, NULL);
	if (!h)
		return -ENOMEM;
	p->file = NULL;
	backing = choose_mode(p, h, &facts);
	tree_opened(p->mount->tree, p->node);
	p->open.fh = (uintptr_t)h;
	/* When the opener has been interrupted there will be no RELEASE. */
	if (passthrough_reply(p->req, &p->open, backing) < 0)
		close_handle(p->mount, p->node, h);
	return 0;
}

void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct tree_node *node = node_of(m, ino);
	struct tree_facts facts;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC)) {
		fuse_reply_err(req, EROFS);
	} else if (node->folder) {
		fuse_reply_err(req, EISDIR);
	} else {
		tree_facts(m->tree, node, &facts);
		run_with_file(req, node, take_landed(m, facts.generation), fi,
			      answer_open);
	}
}

void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);

	close_handle(m, node_of(m, ino), handle_of(fi));
	fuse_reply_err(req, 0);
}

/* ---- reading ----------------------------------------------------------- */

/* A splice is three calls: worth it for so much. */
#define SPLICE_MIN (32 << 10)

static pthread_key_t buffer_key;
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;
static _Thread_local struct {
	char *data;
	size_t size;
} buffer;

static void buffer_key_make(void)
{
	pthread_key_create(&buffer_key, free);
}

/* The thread's own, so that a parked read needs none. NULL: no memory. */
static char *buffer_get(size_t size)
{
	char *data;

	if (size <= buffer.size)
		return buffer.data;
	pthread_once(&buffer_once, buffer_key_make);
	data = realloc(buffer.data, size);
	if (!data)
		return NULL;
	buffer.data = data;
	buffer.size = size;
	pthread_setspecific(buffer_key, data);
	return data;
}

/* Of a complete file that the kernel does not read itself: its pages, which
 * are copied once then, to the kernel's. 0 or -errno, as answer_read; 1: to be
 * answered from memory. */
static int splice_read(struct park *p)
{
	struct fuse_bufvec pages = FUSE_BUFVEC_INIT(0);
	ssize_t n;
	int fd;

	if (!p->handle->whole || p->min < SPLICE_MIN)
		return 1;
	n = cache_read_fd(p->file, &fd, p->min, p->off, p->min);
	if (n < 0)
		return n;
	if (n < SPLICE_MIN || fd < 0)
		return 1;
	pages.buf[0] = (struct fuse_buf){
		.size = n,
		.flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK,
		.fd = fd,
		.pos = p->off,
	};
	cache_taken(p->file, n);
	/* Whatever it says, it has replied. */
	fuse_reply_data(p->req, &pages, 0);
	return 0;
}

static int answer_read(struct park *p)
{
	int r = splice_read(p);
	struct cache_loan loan;
	char *data;
	ssize_t n;

	if (r <= 0)
		return r;
	data = buffer_get(p->min);
	if (!data)
		return -ENOMEM;
	/* Of a wait that failed, what has come is better than nothing: only
	 * files opened with direct_io wait, where a short read is no end. */
	n = cache_lend(p->file, data, p->min, p->off, p->status ? 1 : p->min,
		       &loan);
	if (n == -EAGAIN && p->status)
		n = p->status;
	if (n < 0)
		return n;
	fuse_reply_buf(p->req, loan.data, n);
	cache_return(&loan);
	return 0;
}

static void release_read(struct park *p)
{
	handle_put(p->mount, p->handle);
}

void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	struct park p = {
		.req = req,
		.mount = mount_of(req),
		.file = h->file,
		.off = off,
		.min = size,	/* less is the end of the file to the kernel */
		.handle = h,
		.answer = answer_read,
		.release = release_read,
	};

	(void)ino;
	atomic_fetch_add(&h->refs, 1);
	park_run(&p);
}
