#include "config.h"

#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"

static bool scheme_ok(const char *c, size_t len)
{
	return (len == 4 || len == 5) && !memcmp(c, "https", len);
}

int folder_check(const char *name)
{
	size_t n = 0;

	while (*name) {
		size_t len = strcspn(name, "/");

		if (n ? !part_component_ok(name, len) : !scheme_ok(name, len))
			return -EINVAL;
		if (++n > STORE_DEPTH_MAX)
			return -ENAMETOOLONG;
		name += len;
		if (*name && !*++name)
			return -EINVAL;
	}
	return 0;
}

static int enter(int dir, const char *component)
{
	int fd = openat(dir, component,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
}

static int enter_making_locked(int dir, const char *component)
{
	int fd = enter(dir, component), err;

	if (fd != -ENOENT)
		return fd;
	if (mkdirat(dir, component, 0700) < 0) {
		if (errno != EEXIST)
			return -errno;
		err = parts_give_way_locked(dir, component);
		if (err)
			return err;
		if (mkdirat(dir, component, 0700) < 0)
			return -errno;
	}
	return enter(dir, component);
}

static int walk(int root, const char *name, size_t len,
		int (*step)(int dir, const char *component))
{
	const char *end = name + len;
	/* Not a duplicate of root: that would share its place in readdir. */
	int fd = enter(root, ".");

	while (fd >= 0 && name < end) {
		struct part_name c;
		size_t n = strcspn(name, "/");
		int up = fd;

		memcpy(c.s, name, n);
		c.s[n] = '\0';
		fd = step(up, c.s);
		close(up);
		name += n + 1;
	}
	return fd;
}

int folder_open(int root, const char *name, size_t len)
{
	return walk(root, name, len, enter);
}

int folder_make_locked(int root, const char *name, size_t len)
{
	return walk(root, name, len, enter_making_locked);
}

void folder_prune_locked(int root, const char *name)
{
	char *path = strdup(name), *slash;
	bool removed = true;

	while (removed && path && (slash = strrchr(path, '/'))) {
		const char *leaf;
		int dir;

		*slash = '\0';
		slash = strrchr(path, '/');
		leaf = slash ? slash + 1 : path;
		dir = folder_open(root, path, slash ? slash - path : 0);
		removed = dir >= 0 && unlinkat(dir, leaf, AT_REMOVEDIR) == 0;
		if (dir >= 0)
			close(dir);
	}
	free(path);
}

int folder_flush(int dir)
{
	/* EINVAL: a file system that can't do that for folders. */
	return fsync(dir) < 0 && errno != EINVAL ? -errno : 0;
}

static bool is_folder_on_disk(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

int folder_read(DIR *d, char **out, size_t *len)
{
	char *buf = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&buf, &n);
	struct dirent *e;
	int err;

	if (!f)
		return -ENOMEM;
	while ((errno = 0, e = readdir(d))) {
		bool folder = e->d_type == DT_UNKNOWN ?
			is_folder_on_disk(dirfd(d), e->d_name) :
			e->d_type == DT_DIR;

		fprintf(f, "%c%s%c", folder ? '/' : '.', e->d_name, '\0');
	}
	err = errno ? -errno : ferror(f) ? -ENOMEM : 0;
	if (fclose(f) != 0 && !err)
		err = -ENOMEM;
	if (err) {
		free(buf);
		return err;
	}
	*out = buf;
	*len = n;
	return 0;
}

bool folder_recognise(int dir, char *name, bool *is_folder)
{
	char head[STORE_KIND_BYTES];
	enum store_kind kind;
	ssize_t n;
	int fd;

	if (*is_folder)
		return part_component_ok(name, strlen(name));
	if (!part_cut_meta(name))
		return false;
	fd = part_open(dir, name, PART_META, O_RDONLY);
	if (fd < 0)
		return false;
	n = pread(fd, head, sizeof(head), 0);
	close(fd);
	if (n < 0 || store_parse_kind(head, n, &kind) < 0)
		return false;
	*is_folder = kind == STORE_DIRECTORY;
	/* A folder on disk too has an entry of its own. */
	return !*is_folder || !is_folder_on_disk(dir, name);
}
