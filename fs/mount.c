#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/command.h"
#include "cache/log.h"
#include "ops.h"

/* Parked reads count as background requests when they are asynchronous; at
 * the default of 12 the thirteenth would hold up the whole mount. The kernel
 * lowers it for an ordinary user to what the administrator allows. */
#define MAX_BACKGROUND 8192

/* KiB that the kernel reads ahead: unless it is told otherwise; and, where it
 * can be told, as much as a request of one piece may have. More does not fit
 * into a pipe. */
#define READ_AHEAD_DEFAULT 128
#define READ_AHEAD 512

/* ---- the session's operations ------------------------------------------ */

static void session_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mount *m = userdata;

	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = MAX_BACKGROUND;
	/* Never let the kernel drop pages on its own: a version is an inode. */
	conn->want &= ~FUSE_CAP_AUTO_INVAL_DATA;
	conn->want |= conn->capable & FUSE_CAP_EXPLICIT_INVAL_DATA;
	/* Answers from a complete file are spliced (file.c), copied and not
	 * moved: the pages stay the file's. */
	conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_MOVE);
	conn->want |= conn->capable & FUSE_CAP_SPLICE_WRITE;
	passthrough_negotiate(&m->passthrough, conn);
	log_debug(LOG_FUSE, "protocol %u.%u, requests up to %u KiB",
		  conn->proto_major, conn->proto_minor, conn->max_write >> 10);
}

static void session_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	int r = cache_statvfs(mount_of(req)->cache, &st);

	(void)ino;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}

/* The remote files are not ours to change. */

static void refuse_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
			   int to_set, struct fuse_file_info *fi)
{
	(void)ino;
	(void)attr;
	(void)to_set;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

static void refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
			 mode_t mode, dev_t rdev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)rdev;
	fuse_reply_err(req, EROFS);
}

static void refuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
			 mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	fuse_reply_err(req, EROFS);
}

static void refuse_create(fuse_req_t req, fuse_ino_t parent, const char *name,
			  mode_t mode, struct fuse_file_info *fi)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

static void refuse_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
			const char *name)
{
	(void)ino;
	(void)parent;
	(void)name;
	fuse_reply_err(req, EROFS);
}

static void refuse_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			    const char *value, size_t size, int flags)
{
	(void)ino;
	(void)name;
	(void)value;
	(void)size;
	(void)flags;
	fuse_reply_err(req, EROFS);
}

static void refuse_removexattr(fuse_req_t req, fuse_ino_t ino,
			       const char *name)
{
	(void)ino;
	(void)name;
	fuse_reply_err(req, EROFS);
}

/* Not here: flush (nothing to flush), lseek (holes in the cache are no holes
 * in the file; without it the kernel says so). */
static const struct fuse_lowlevel_ops operations = {
	.init = session_init,
	.lookup = names_lookup,
	.forget = names_forget,
	.forget_multi = names_forget_multi,
	.getattr = file_getattr,
	.access = file_access,
	.open = file_open,
	.read = file_read,
	.release = file_release,
	.opendir = names_opendir,
	.readdir = names_readdir,
	.releasedir = names_releasedir,
	.unlink = names_unlink,
	.rmdir = names_rmdir,
	.statfs = session_statfs,
	.getxattr = xattr_get,
	.listxattr = xattr_list,
	.setattr = refuse_setattr,
	.mknod = refuse_mknod,
	.mkdir = refuse_mkdir,
	.create = refuse_create,
	.symlink = links_symlink,
	.readlink = links_readlink,
	.link = refuse_link,
	.rename = links_rename,
	.setxattr = refuse_setxattr,
	.removexattr = refuse_removexattr,
};

/* ---- what libfuse says ------------------------------------------------- */

/* While a session is set up, by one thread, what libfuse has to say becomes
 * the reason of our own error; later it goes to the log. */
static char said[256];
static bool setting_up;

static void on_fuse_log(enum fuse_log_level level, const char *fmt,
			va_list args)
{
	char text[sizeof(said)], *line = text;

	vsnprintf(text, sizeof(text), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, "fuse: ", 6))
		line += 6;
	if (setting_up)
		memmove(said, line, strlen(line) + 1);
	else
		log_line(level <= FUSE_LOG_ERR ? LOG_LEVEL_ERROR :
			 level <= FUSE_LOG_NOTICE ? LOG_LEVEL_WARNING :
						    LOG_LEVEL_DEBUG,
			 LOG_FUSE, "%s", line);
}

static void listen_begin(void)
{
	fuse_set_log_func(on_fuse_log);
	said[0] = '\0';
	setting_up = true;
}

/* *error: "what: what libfuse said". */
static void listen_end(const char *what, char **error)
{
	setting_up = false;
	if (error && asprintf(error, "%s: %s", what,
			      said[0] ? said : "can't be mounted") < 0)
		*error = NULL;
}

/* ---- life -------------------------------------------------------------- */

static int session_create(struct mount *m, const char *options, char **error)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int r = fuse_opt_add_arg(&args, "spoolfs");

	if (r == 0 && *options)
		r = fuse_opt_add_arg(&args, "-o");
	if (r == 0 && *options)
		r = fuse_opt_add_arg(&args, options);
	if (r < 0)
		return -ENOMEM;
	listen_begin();
	m->session = fuse_session_new(&args, &operations, sizeof(operations),
				      m);
	listen_end("-o", m->session ? NULL : error);
	fuse_opt_free_args(&args);
	return m->session ? loop_init(&m->loop, m->session) : -EINVAL;
}

static int url_of_given(void *cache, const char *name, char **url)
{
	return cache_name_url(cache, name, url);
}

int mount_create(struct cache *cache, const struct conf *conf,
		 const char *base, const char *options, struct mount **out,
		 char **error)
{
	struct mount *m = calloc(1, sizeof(*m));
	int r = m ? 0 : -ENOMEM;

	*error = NULL;
	if (r < 0)
		goto out;
	m->cache = cache;
	m->uid = geteuid();
	m->gid = getegid();
	m->started = time(NULL);
	pthread_mutex_init(&m->lock, NULL);
	passthrough_init(&m->passthrough, conf->passthrough);
	r = tree_create(base, url_of_given, cache, &m->tree);
	if (r == -EINVAL)	/* not repeated here: it may hold a password */
		*error = strdup("the URL is not one of http or https that can "
				"be mounted");
	if (r == 0)
		r = session_create(m, options, error);
	if (r < 0) {
		mount_free(m);
		goto out;
	}
	*out = m;
out:
	if (r < 0 && !*error)
		*error = strdup(strerror(-r));
	return r;
}

static unsigned read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned n = 0;

	if (f && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

void mount_limit_timeout(struct conf *c)
{
	static const char *const paths[] = {
		"/proc/sys/fs/fuse/default_request_timeout",
		"/proc/sys/fs/fuse/max_request_timeout",
	};
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		unsigned kernel = read_number(paths[i]);
		unsigned limit = (unsigned)(kernel * UINT64_C(8) / 10);

		if (!kernel || c->read_timeout <= limit)
			continue;
		c->read_timeout = limit ? limit : 1;
		log_warn(LOG_FUSE, "read_timeout lowered to %u s: the kernel "
			 "aborts a mount after %u s", c->read_timeout, kernel);
	}
}

/* Which mount is on top at a path, asked in a way that never waits for its
 * daemon; 0: can't be told. device may be NULL. */
static uint64_t top_mount(const char *path, dev_t *device)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
		return 0;
	if (device)
		*device = makedev(st.stx_dev_major, st.stx_dev_minor);
	return st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
}

void mount_read_ahead(struct mount *m)
{
	char path[64];
	FILE *f;

	if (atomic_exchange(&m->reads_ahead, true))
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb",
		 major(m->device), minor(m->device));
	/* Somebody may have set it to what he likes. */
	if (read_number(path) != READ_AHEAD_DEFAULT)
		return;
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "%u", READ_AHEAD);
	if (fclose(f) == 0)
		log_debug(LOG_FUSE, "complete files are read ahead by %u KiB",
			  READ_AHEAD);
}

int mount_attach(struct mount *m, const char *path, char **error)
{
	int r;

	m->path = strdup(path);
	if (!m->path) {
		*error = NULL;
		return -ENOMEM;
	}
	listen_begin();
	r = fuse_session_mount(m->session, path);
	listen_end(path, r < 0 ? error : NULL);
	if (r < 0)
		return -EIO;
	m->mount_id = top_mount(path, &m->device);
	passthrough_attach(&m->passthrough, m->session);
	return 0;
}

int mount_loop(struct mount *m)
{
	return loop_run(&m->loop);
}

void mount_end(struct mount *m)
{
	loop_end(&m->loop);
}

void mount_detach(struct mount *m)
{
	struct pollfd fd = { .fd = fuse_session_fd(m->session) };
	bool gone = poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR);

	/* libfuse unmounts what is at the path as long as the connection
	 * lives; after a lazy unmount that may be somebody else's. */
	if (!gone && top_mount(m->path, NULL) != m->mount_id)
		return;
	fuse_session_unmount(m->session);
	/* It leaves a mount whose connection was cut by other means. */
	if (top_mount(m->path, NULL) == m->mount_id)
		mount_clear_stale(m->path);
}

void mount_free(struct mount *m)
{
	size_t i;

	if (!m)
		return;
	if (m->session) {
		loop_destroy(&m->loop);
		fuse_session_destroy(m->session);
	}
	for (i = 0; i < N_LANDED; i++)
		cache_close(m->landed[i].file);
	handles_free(m);
	tree_free(m->tree);
	passthrough_fini(&m->passthrough);
	pthread_mutex_destroy(&m->lock);
	free(m->path);
	free(m);
}

static int unmount_lazily(const char *path)
{
	char program[] = "fusermount3", unmount[] = "-uqz", end[] = "--";
	char *copy = strdup(path);
	char *argv[] = { program, unmount, end, copy, NULL };
	int r, status;
	pid_t pid;

	if (!copy)
		return -ENOMEM;
	r = -posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	while (r == 0 && waitpid(pid, &status, 0) < 0)
		r = errno == EINTR ? 0 : -errno;
	free(copy);
	if (r < 0)
		return r;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

/* The kernel may remember attributes of a root whose daemon has died. */
static bool is_dead(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS,
		     &st) < 0 && errno == ENOTCONN;
}

int mount_clear_stale(const char *path)
{
	int r = 0;

	while (r == 0 && is_dead(path)) {
		r = umount2(path, MNT_DETACH);
		if (r < 0)
			r = errno == EPERM ? unmount_lazily(path) : -errno;
	}
	return r;
}
