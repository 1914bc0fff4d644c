#include "config.h"

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "folder.h"
#include "log.h"
#include "parts.h"
#include "scan.h"
#include "url.h"

struct store {
	int dir, lock_fd;
	struct timespec began;	/* by the clock of the file system */
	/* Held while names change that other names depend on: folders made
	 * and removed, data renamed. Never while something is flushed. */
	pthread_mutex_t lock;
};

/* ---- the store itself --------------------------------------------------- */

/* mkdir -p. Errors are told only where opening fails: a parent may refuse a
 * new folder and have the old one. */
static int open_making(const char *dir)
{
	char *path = strdup(dir);
	int fd, err = 0;

	if (!path)
		return -ENOMEM;
	for (char *p = path; *p; p++) {
		if (p == path || *p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST && !err)
			err = -errno;
		*p = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST && !err)
		err = -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && !err)
		err = -errno;
	free(path);
	return fd >= 0 ? fd : err;
}

/* flock goes with the open file: a second store of this process fails too. */
static int open_lock(int dir)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_APPEND | PART_OPEN,
			0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else if (ftruncate(fd, 0) < 0)
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

int store_open(const char *dir, struct store **out)
{
	struct store *s = calloc(1, sizeof(*s));
	struct stat st;
	int err;

	if (!s)
		return -ENOMEM;
	s->dir = open_making(dir);
	s->lock_fd = s->dir < 0 ? s->dir : open_lock(s->dir);
	if (s->lock_fd < 0) {
		err = s->lock_fd;
		if (s->dir >= 0)
			close(s->dir);
		free(s);
		return err;
	}
	/* A full disk is no reason not to start: the lock is what counts. */
	if (dprintf(s->lock_fd, "pid=%ld\n", (long)getpid()) < 0)
		log_warn(LOG_STORE, "%s/lock: %m", dir);
	if (fstat(s->lock_fd, &st) == 0)
		s->began = st.st_ctim;
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (ftruncate(s->lock_fd, 0) < 0)
		log_debug(LOG_STORE, "lock file not emptied: %m");
	close(s->lock_fd);
	close(s->dir);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n <= 0)
			return n ? -errno : -EIO;
		text += n;
		len -= n;
	}
	return 0;
}

int store_announce(struct store *s, const char *key, const char *value)
{
	char *line;
	int err;

	if (!*key || strpbrk(key, "=\r\n") || strpbrk(value, "\r\n"))
		return -EINVAL;
	if (asprintf(&line, "%s=%s\n", key, value) < 0)
		return -ENOMEM;
	err = write_all(s->lock_fd, line, strlen(line));
	free(line);
	return err;
}

int store_statvfs(struct store *s, struct statvfs *out)
{
	struct statvfs st;

	if (fstatvfs(s->dir, &st) < 0)
		return -errno;
	*out = st;
	return 0;
}

/* ---- one name ----------------------------------------------------------- */

/* A name that a record can have. */
static int check_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (!slash || strlen(slash + 1) > URL_COMPONENT_MAX)
		return -EINVAL;
	return folder_check(name);
}

/* Open the folder that the files of a name are in. */
static int open_parent(struct store *s, const char *name, const char **leaf)
{
	int err = check_name(name);

	if (err < 0)
		return err;
	*leaf = strrchr(name, '/') + 1;
	return folder_open(s->dir, name, *leaf - 1 - name);
}

static int make_parent_locked(struct store *s, const char *name,
			      const char **leaf)
{
	*leaf = strrchr(name, '/') + 1;
	return folder_make_locked(s->dir, name, *leaf - 1 - name);
}

static void prune(struct store *s, const char *name)
{
	pthread_mutex_lock(&s->lock);
	folder_prune_locked(s->dir, name);
	pthread_mutex_unlock(&s->lock);
}

/* Remove all files of a name, durably, and the folders that this empties.
 * Complete data gets the name of incomplete data first: when a crash comes in
 * between, it is either whole or swept away, never a file of nobody. */
static int forget(struct store *s, const char *name, int dir, const char *leaf)
{
	int data = -1, place, removed, err = 0;

	pthread_mutex_lock(&s->lock);
	place = parts_find_any(dir, leaf, true);
	/* A large file takes a while to go: with the last descriptor, not under
	 * the lock. */
	if (place >= 0)
		data = part_open(dir, leaf, place, O_RDONLY);
	if (place >= 0)
		parts_place_locked(dir, leaf, place, false);
	removed = parts_remove_locked(dir, leaf);
	pthread_mutex_unlock(&s->lock);
	if (removed > 0)
		err = folder_flush(dir);
	prune(s, name);
	if (data >= 0)
		close(data);
	return removed < 0 ? removed : err;
}

static int drop_damaged(struct store *s, const char *name, int dir,
			const char *leaf, const char *what)
{
	char shown[256];
	int err = forget(s, name, dir, leaf);

	log_warn(LOG_STORE, "%s: %s; %s",
		 url_redact(name, shown, sizeof(shown)), what,
		 err ? strerror(-err) : "dropped from the cache");
	return err ? err : -ENOENT;
}

int store_load(struct store *s, const char *name, const char *key,
	       struct store_record *out)
{
	struct store_record r = { 0 };
	const char *leaf;
	int err, dir = open_parent(s, name, &leaf);

	if (dir < 0)
		return dir;
	err = parts_read_record(dir, leaf, &r);
	if (err == -EBADMSG) {
		err = drop_damaged(s, name, dir, leaf, "damaged record");
		goto out;
	}
	if (!err && key && strcmp(r.key, key) != 0)
		err = -EEXIST;
	if (err)
		goto out;
	pthread_mutex_lock(&s->lock);
	err = parts_settle_locked(dir, leaf, &r);
	pthread_mutex_unlock(&s->lock);
	if (err == -EBADMSG)
		err = drop_damaged(s, name, dir, leaf,
				   "data shorter than its record says");
	if (!err) {
		*out = r;
		r = (struct store_record){ 0 };
	}
out:
	close(dir);
	store_record_fini(&r);
	return err;
}

int store_data(struct store *s, const char *name, bool complete)
{
	const char *leaf;
	int fd, dir = open_parent(s, name, &leaf);

	if (dir < 0)
		return dir;
	pthread_mutex_lock(&s->lock);
	fd = parts_find_any(dir, leaf, complete);
	if (fd >= 0)
		fd = part_open(dir, leaf, fd, O_RDWR);
	pthread_mutex_unlock(&s->lock);
	close(dir);
	return fd;
}

/* Take away what the name had and make an empty .part in the folder dir.
 * *removed: there was something. */
static int renew_locked(int dir, const char *leaf, bool *removed)
{
	int r = parts_check_ours(dir, leaf);

	if (r < 0)
		return r;
	r = parts_remove_locked(dir, leaf);
	if (r < 0)
		return r;
	*removed = r > 0;
	return part_open(dir, leaf, PART_PART, O_RDWR | O_CREAT | O_EXCL);
}

int store_create(struct store *s, const char *name)
{
	bool removed = false;
	const char *leaf;
	int dir, fd, err = check_name(name);

	if (err)
		return err;
	pthread_mutex_lock(&s->lock);
	dir = make_parent_locked(s, name, &leaf);
	fd = dir < 0 ? dir : renew_locked(dir, leaf, &removed);
	pthread_mutex_unlock(&s->lock);
	/* The .part is there already, but empty: until it is flushed away, the
	 * old record can claim nothing of it. */
	err = fd < 0 ? fd : removed ? folder_flush(dir) : 0;
	if (err && fd >= 0) {
		close(fd);
		pthread_mutex_lock(&s->lock);
		part_remove_locked(dir, leaf, PART_PART);
		pthread_mutex_unlock(&s->lock);
	}
	if (dir >= 0)
		close(dir);
	if (err)
		prune(s, name);
	return err ? err : fd;
}

int store_scratch(struct store *s)
{
	int fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* Some file systems have no files without a name. */
	pthread_mutex_lock(&s->lock);
	part_remove_locked(s->dir, "scratch", PART_TEMP);
	fd = part_open(s->dir, "scratch", PART_TEMP, O_RDWR | O_CREAT | O_EXCL);
	part_remove_locked(s->dir, "scratch", PART_TEMP);
	pthread_mutex_unlock(&s->lock);
	return fd;
}

int store_drop(struct store *s, const char *name)
{
	const char *leaf;
	int err, dir = open_parent(s, name, &leaf);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	err = parts_check_ours(dir, leaf);
	if (!err)
		err = forget(s, name, dir, leaf);
	close(dir);
	return err;
}

/* ---- what takes room ----------------------------------------------------- */

int store_peek(struct store *s, const char *name, struct store_record *out)
{
	const char *leaf;
	int err, dir = open_parent(s, name, &leaf);

	if (dir < 0)
		return dir;
	err = parts_read_record(dir, leaf, out);
	close(dir);
	return err;
}

/* Set the time of a record of ours. */
static int touch(int dir, const char *leaf, time_t used)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_sec = used } };
	char head[STORE_KIND_BYTES];
	enum store_kind kind;
	int fd = part_open(dir, leaf, PART_META, O_RDONLY), err = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, head, sizeof(head), 0);
	if (n < 0 || store_parse_kind(head, n, &kind) < 0)
		err = n < 0 ? -errno : -EBADMSG;
	else if (futimens(fd, times) < 0)
		err = -errno;
	close(fd);
	return err;
}

int store_use(struct store *s, const char *name, time_t now, uint64_t *bytes)
{
	const char *leaf;
	time_t used;
	int err, dir = open_parent(s, name, &leaf);

	if (dir < 0)
		return dir;
	err = scan_name(dir, leaf, bytes, &used);
	/* A time that can't be set is no reason not to count. */
	if (!err && used != now)
		touch(dir, leaf, now);
	close(dir);
	return err;
}

int store_scan(struct store *s, int (*fn)(void *ctx, const char *name,
					  uint64_t bytes, time_t used),
	       void *ctx)
{
	struct scan scan = {
		.root = s->dir, .lock = &s->lock, .began = s->began,
		.fn = fn, .ctx = ctx,
	};

	return scan_all(&scan);
}

/* ---- saving ------------------------------------------------------------- */

/* A record on its way to the disk. */
struct saving {
	const char *leaf;
	bool complete;
	int dir, temp, place;
};

static int flush_data(const struct store_record *r, int fd)
{
	const struct extent_set *p = &r->present;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (p->n && (uint64_t)st.st_size < p->v[p->n - 1].end)
		return -ESTALE;
	/* A finished file is exactly the resource, whatever came after it. */
	if (store_record_complete(r) &&
	    (uint64_t)st.st_size > r->version.size &&
	    ftruncate(fd, r->version.size) < 0)
		return -errno;
	return fdatasync(fd) < 0 ? -EIO : 0;
}

static int begin_locked(struct store *s, const char *name, int fd,
			struct saving *v)
{
	int err;

	v->dir = fd < 0 ? make_parent_locked(s, name, &v->leaf) :
			  open_parent(s, name, &v->leaf);
	if (v->dir < 0)
		return v->dir == -ENOENT && fd >= 0 ? -ESTALE : v->dir;
	v->place = fd < 0 ? parts_check_ours(v->dir, v->leaf) :
			    parts_find_fd(v->dir, v->leaf, fd);
	/* A file that is finished no more must not look so for a moment. */
	if (v->place >= 0 && fd >= 0 && !v->complete)
		v->place = parts_place_locked(v->dir, v->leaf, v->place, false);
	if (v->place < 0)
		return v->place;
	err = part_remove_locked(v->dir, v->leaf, PART_TEMP);
	if (err < 0)
		return err;
	v->temp = part_open(v->dir, v->leaf, PART_TEMP,
			    O_WRONLY | O_CREAT | O_EXCL);
	return v->temp < 0 ? v->temp : 0;
}

/* From here on the new record stands: a final name that can't be given now is
 * given by the next load. */
static int commit_locked(struct saving *v)
{
	int err = part_rename_locked(v->dir, v->leaf, PART_TEMP, PART_META);

	if (err)
		return err;
	if (v->complete)
		parts_place_locked(v->dir, v->leaf, v->place, true);
	return 0;
}

static int replace_record(struct store *s, const char *name, int fd,
			  struct saving *v, const char *text, size_t len)
{
	int err;

	pthread_mutex_lock(&s->lock);
	err = begin_locked(s, name, fd, v);
	pthread_mutex_unlock(&s->lock);
	if (v->temp >= 0) {
		err = write_all(v->temp, text, len);
		if (!err && fsync(v->temp) < 0)
			err = -errno;
		close(v->temp);
		pthread_mutex_lock(&s->lock);
		if (!err)
			err = commit_locked(v);
		if (err)
			part_remove_locked(v->dir, v->leaf, PART_TEMP);
		pthread_mutex_unlock(&s->lock);
	}
	if (v->dir >= 0)
		close(v->dir);
	return err;
}

int store_save(struct store *s, const char *name, const struct store_record *r,
	       int fd)
{
	struct saving v = { .dir = -1, .temp = -1,
			    .complete = store_record_complete(r) };
	size_t len;
	char *text;
	int err = check_name(name);

	if (!err && (fd >= 0) != (r->kind == STORE_FILE))
		err = -EINVAL;
	if (!err)
		err = store_format(r, &text, &len);
	if (err)
		return err;
	if (fd >= 0)
		err = flush_data(r, fd);
	if (!err)
		err = replace_record(s, name, fd, &v, text, len);
	if (err && fd < 0)
		prune(s, name);
	free(text);
	return err;
}

/* ---- listing ------------------------------------------------------------ */

int store_list(struct store *s, const char *name,
	       int (*fn)(void *ctx, const char *component, bool is_folder),
	       void *ctx)
{
	size_t len, next;
	char *all;
	DIR *d;
	int dir, r = folder_check(name);

	if (r)
		return r == -EINVAL ? -ENOENT : r;
	dir = folder_open(s->dir, name, strlen(name));
	if (dir < 0)
		return dir;
	d = fdopendir(dir);
	if (!d) {
		r = -errno;
		close(dir);
		return r;
	}
	pthread_mutex_lock(&s->lock);
	r = folder_read(d, &all, &len);
	pthread_mutex_unlock(&s->lock);
	if (r) {
		closedir(d);
		return r;
	}
	for (size_t i = 0; !r && i < len; i = next) {
		bool folder = all[i] == '/';
		char *c = all + i + 1;

		next = i + 1 + strlen(c) + 1;
		/* At the top other things may lie about: lost+found. */
		if (!*name && folder_check(c))
			continue;
		if (folder_recognise(dir, c, &folder))
			r = fn(ctx, c, folder);
	}
	free(all);
	closedir(d);
	return r;
}

bool store_is_folder(struct store *s, const char *name)
{
	int dir = folder_check(name);

	if (!dir)
		dir = folder_open(s->dir, name, strlen(name));
	if (dir < 0)
		return false;
	close(dir);
	return true;
}
