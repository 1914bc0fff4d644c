/* scratch: for tests of the store: a folder of their own, and data that tells
 * whose it is. */
#ifndef SPOOL_TESTS_SCRATCH_H
#define SPOOL_TESTS_SCRATCH_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/store.h"
#include "tests/tap.h"

#define FILM "https/h/films/film.mp4"
#define CHILD FILM "/child"
#define SIZE 10000

static char scratch[PATH_MAX];	/* the test's folder */
static int scratch_at = -1;	/* open */
static struct store *store;	/* in it */

static inline int scratch_remove_one(const char *path, const struct stat *st,
				     int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_remove(void)
{
	nftw(scratch, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	close(scratch_at);
}

static inline bool scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(scratch, sizeof(scratch), "%s/spool-test-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(scratch))
		return false;
	scratch_at = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch_at >= 0;
}

static unsigned scratch_files;

static inline int scratch_count_one(const char *path, const struct stat *st,
				    int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	scratch_files += ftw->level > 0 && strcmp(path + ftw->base, "lock");
	return 0;
}

/* How many files and folders there are, but for the lock. */
static inline unsigned scratch_count(void)
{
	scratch_files = 0;
	nftw(scratch, scratch_count_one, 16, FTW_PHYS);
	return scratch_files;
}

/* Remove everything but the lock. */
static inline int scratch_remove_other(const char *path, const struct stat *st,
				       int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	if (ftw->level > 0 && strcmp(path + ftw->base, "lock") != 0)
		return remove(path);
	return 0;
}

static inline void scratch_remove_below(void)
{
	nftw(scratch, scratch_remove_other, 16, FTW_DEPTH | FTW_PHYS);
}

/* Regular file, folder …: its S_IFMT; 0: there is none. */
static inline mode_t scratch_type(const char *path)
{
	struct stat st;

	return fstatat(scratch_at, path, &st, AT_SYMLINK_NOFOLLOW) ? 0 :
	       st.st_mode & S_IFMT;
}

static inline bool scratch_put(const char *path, const void *data, size_t len)
{
	int fd = openat(scratch_at, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	bool good = fd >= 0 && pwrite(fd, data, len, 0) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return good;
}

/* A record of another version, or at least of another first line. */
static inline void put_version(const char *path, char version)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	char text[128];
	int n = snprintf(text, sizeof(text), "spoolfs-meta %c\nnews\n",
			 version);

	for (int i = 0; i < n; i++)
		sum = (sum ^ (unsigned char)text[i]) *
		      UINT64_C(0x100000001b3);
	n += snprintf(text + n, sizeof(text) - n, "checksum: %016" PRIx64 "\n",
		      sum);
	scratch_put(path, text, n);
}

/* The byte at off in the data of a generation. */
static inline unsigned char pattern(uint64_t generation, uint64_t off)
{
	return off * 31 + (off >> 8) * 7 + generation * 101;
}

static inline bool pattern_write(int fd, uint64_t generation, uint64_t start,
				 uint64_t end)
{
	unsigned char buf[4096];

	while (start < end) {
		size_t n = end - start < sizeof(buf) ? end - start :
						       sizeof(buf);

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(generation, start + i);
		if (pwrite(fd, buf, n, start) != (ssize_t)n)
			return false;
		start += n;
	}
	return true;
}

/* True when every byte that a record claims is the one it should be. */
static inline bool pattern_holds(int fd, const struct store_record *r)
{
	unsigned char buf[4096];

	for (size_t x = 0; x < r->present.n; x++) {
		uint64_t off = r->present.v[x].start;

		while (off < r->present.v[x].end) {
			uint64_t left = r->present.v[x].end - off;
			size_t n = left < sizeof(buf) ? left : sizeof(buf);

			if (pread(fd, buf, n, off) != (ssize_t)n)
				return false;
			for (size_t i = 0; i < n; i++)
				if (buf[i] != pattern(r->generation, off + i))
					return false;
			off += n;
		}
	}
	return true;
}

/* A record for a name, with [0, present) of size bytes. */
static inline struct store_record record_of(const char *name,
					    uint64_t generation,
					    uint64_t present, uint64_t size)
{
	struct store_record r = {
		.generation = generation,
		.version.size = size,
		.url = strdup(name),
		.key = strdup(name),
		.ranges = true,
	};

	extent_add(&r.present, 0, present);
	return r;
}

/* Generation g of a name with [0, present) of SIZE bytes, saved. The fd or
 * -errno. */
static inline int make(const char *name, uint64_t g, uint64_t present)
{
	struct store_record r = record_of(name, g, present, SIZE);
	int fd = store_create(store, name), err;

	if (fd >= 0) {
		pattern_write(fd, g, 0, present);
		err = store_save(store, name, &r, fd);
		if (err) {
			close(fd);
			fd = err;
		}
	}
	store_record_fini(&r);
	return fd;
}

static inline int made(const char *name, uint64_t g, uint64_t present)
{
	int fd = make(name, g, present);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Loads a name; how much is present and true of generation g; or -errno. */
static inline int loaded(const char *name, uint64_t g)
{
	struct store_record r;
	int fd, n = store_load(store, name, name, &r);

	if (n)
		return n;
	fd = store_data(store, name, store_record_complete(&r));
	n = r.generation == g && fd >= 0 && pattern_holds(fd, &r) ?
	    (int)r.present.total : -ENODATA;
	if (fd >= 0)
		close(fd);
	store_record_fini(&r);
	return n;
}

static inline int save(const char *name, uint64_t g, uint64_t present, int fd)
{
	struct store_record r = record_of(name, g, present, SIZE);
	int err = store_save(store, name, &r, fd);

	store_record_fini(&r);
	return err;
}

static inline int save_directory(const char *name)
{
	struct store_record r = record_of(name, 5, 0, REPLY_SIZE_UNKNOWN);
	int err;

	r.kind = STORE_DIRECTORY;
	err = store_save(store, name, &r, -1);
	store_record_fini(&r);
	return err;
}

/* A fresh start for the next test: all that this one made must be gone. */
static inline void clear(const char *test)
{
	store_drop(store, FILM);
	store_drop(store, CHILD);
	is_uint(scratch_count(), 0, "%s: nothing is left behind", test);
}

#endif
