#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "cache/log.h"
#include "ops.h"

/* ---- what the kernel's headers may be too old to have -------------------- */

struct backing_map {		/* struct fuse_backing_map */
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)

/* ---- the agreement ------------------------------------------------------- */

#ifdef FUSE_CAP_PASSTHROUGH

static int take_over(struct passthrough *p, struct fuse_session *session)
{
	(void)p;
	(void)session;
	return 0;
}

void passthrough_negotiate(struct passthrough *p, struct fuse_conn_info *conn)
{
	if (p->device < 0 || !(conn->capable & FUSE_CAP_PASSTHROUGH))
		return;
	conn->want |= FUSE_CAP_PASSTHROUGH;
	conn->max_backing_stack_depth = 0;
	atomic_store(&p->on, true);
}

int passthrough_reply(fuse_req_t req, const struct fuse_file_info *open,
		      int32_t backing)
{
	struct fuse_file_info fi = *open;

	fi.backing_id = backing;
	return fuse_reply_open(req, &fi);
}

#else

/* Bit 37 of the flags of INIT, which is in flags2; see FUSE_INIT_EXT. */
#define INIT_PASSTHROUGH (UINT32_C(1) << 5)
/* Our own place in a stack of file systems: right above one that is not
 * stacked, with room for an overlay above us. */
#define STACK_DEPTH 1

struct open_out {		/* struct fuse_open_out */
	uint64_t fh;
	uint32_t open_flags;
	int32_t backing_id;
};
#define OPEN_PASSTHROUGH (UINT32_C(1) << 7)

struct init_reply {
	struct fuse_out_header header;
	struct fuse_init_out out;
};
/* struct fuse_init_out has max_stack_depth behind flags2. */
#define STACK_DEPTH_AT (offsetof(struct fuse_init_out, flags2) + 4)

/* Whether the kernel, in its INIT, offers it. */
static bool is_offer(const struct fuse_in_header *header, size_t len)
{
	const struct fuse_init_in *in = (const void *)(header + 1);

	return len >= sizeof(*header) + sizeof(*in) &&
	       header->opcode == FUSE_INIT && in->flags & FUSE_INIT_EXT &&
	       in->flags2 & INIT_PASSTHROUGH;
}

static ssize_t read_request(int fd, void *buf, size_t size, void *mount)
{
	struct passthrough *p = &((struct mount *)mount)->passthrough;
	const struct fuse_in_header *header = buf;
	ssize_t n = read(fd, buf, size);

	if (n > 0 && is_offer(header, n))
		atomic_store(&p->init, header->unique);
	return n;
}

/* libfuse's answer with what it does not know. */
static ssize_t accept_offer(struct passthrough *p, int fd,
			    const struct iovec *iov)
{
	const uint32_t depth = STACK_DEPTH;
	struct init_reply reply;

	reply.header = *(struct fuse_out_header *)iov[0].iov_base;
	memcpy(&reply.out, iov[1].iov_base, sizeof(reply.out));
	reply.out.flags |= FUSE_INIT_EXT;
	reply.out.flags2 |= INIT_PASSTHROUGH;
	memcpy((char *)&reply.out + STACK_DEPTH_AT, &depth, sizeof(depth));
	atomic_store(&p->on, true);	/* the next request may be an OPEN */
	return write(fd, &reply, sizeof(reply));
}

static ssize_t write_reply(int fd, struct iovec *iov, int count, void *mount)
{
	struct passthrough *p = &((struct mount *)mount)->passthrough;
	const struct fuse_out_header *header = iov[0].iov_base;
	uint64_t init = atomic_load_explicit(&p->init, memory_order_relaxed);

	if (!init || header->unique != init)
		return writev(fd, iov, count);
	atomic_store(&p->init, 0);
	if (header->error || count != 2 ||
	    iov[1].iov_len != sizeof(struct fuse_init_out))
		return writev(fd, iov, count);
	return accept_offer(p, fd, iov);
}

static ssize_t splice_reply(int pipe, off_t *from, int fd, off_t *to,
			    size_t len, unsigned int flags, void *mount)
{
	(void)mount;
	return splice(pipe, from, fd, to, len, flags);
}

/* Read and write for the session, which has its descriptor from mounting: it
 * is given the same one again. */
static int take_over(struct passthrough *p, struct fuse_session *session)
{
	static const struct fuse_custom_io io = {
		.read = read_request,
		.writev = write_reply,
		.splice_send = splice_reply,
	};

	return fuse_session_custom_io(session, &io, p->device);
}

void passthrough_negotiate(struct passthrough *p, struct fuse_conn_info *conn)
{
	(void)p;
	(void)conn;
}

int passthrough_reply(fuse_req_t req, const struct fuse_file_info *open,
		      int32_t backing)
{
	const struct open_out out = {
		.fh = open->fh,
		.open_flags = OPEN_PASSTHROUGH,
		.backing_id = backing,
	};

	if (!backing)
		return fuse_reply_open(req, open);
	return fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

#endif

void passthrough_attach(struct passthrough *p, struct fuse_session *session)
{
	/* For everybody else the kernel would agree, and refuse each file. */
	if (!p->wanted || geteuid())
		return;
	p->device = fuse_session_fd(session);
	if (take_over(p, session) < 0)
		p->device = -1;
}

/* ---- opens --------------------------------------------------------------- */

static int32_t backing_open_locked(struct passthrough *p, int fd)
{
	struct backing_map map = { .fd = fd };
	int32_t id;

	if (fd < 0 || !atomic_load(&p->on))
		return 0;
	id = ioctl(p->device, BACKING_OPEN, &map);
	if (id > 0)
		return id;
	if (!p->refused)	/* once: it will be the same for most files */
		log_info(LOG_FUSE, "no passthrough for a file: %s",
			 errno == ELOOP ? "the cache is on a stacked file "
					  "system" : strerror(errno));
	p->refused = true;
	return 0;
}

int32_t passthrough_open(struct passthrough *p, struct tree_node *node, int fd)
{
	int32_t backing;

	pthread_mutex_lock(&p->lock);
	if (node->whole_opens++ == 0)
		node->backing = backing_open_locked(p, fd);
	backing = node->backing;
	pthread_mutex_unlock(&p->lock);
	return backing;
}

void passthrough_close(struct passthrough *p, struct tree_node *node)
{
	uint32_t backing = 0;

	pthread_mutex_lock(&p->lock);
	if (--node->whole_opens == 0) {
		backing = node->backing;
		node->backing = 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (backing && ioctl(p->device, BACKING_CLOSE, &backing) < 0)
		log_warn(LOG_FUSE, "a backing file can't be closed: %m");
}

enum passthrough_mode passthrough_mode(struct passthrough *p,
				       const struct tree_node *node)
{
	enum passthrough_mode mode = PASSTHROUGH_NONE;

	pthread_mutex_lock(&p->lock);
	if (node->whole_opens)
		mode = node->backing ? PASSTHROUGH_BACKED : PASSTHROUGH_CACHED;
	pthread_mutex_unlock(&p->lock);
	return mode;
}

/* ---- life ---------------------------------------------------------------- */

void passthrough_init(struct passthrough *p, bool wanted)
{
	*p = (struct passthrough){ .wanted = wanted, .device = -1 };
	pthread_mutex_init(&p->lock, NULL);
}

void passthrough_fini(struct passthrough *p)
{
	pthread_mutex_destroy(&p->lock);
}
