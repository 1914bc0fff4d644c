#include "config.h"

#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "url.h"

#define TEMP_PREFIX ".%tmp."

static const char *const suffixes[PART_END] = {
	[PART_META] = ".meta", [PART_PART] = ".part", [PART_FINAL] = "",
	[PART_ASIDE] = "%file", [PART_TEMP] = "",
};

/* Where to look for data, by completeness. The second and third come up when
 * a rename was cut short or a folder came in between. */
static const enum part places[2][3] = {
	{ PART_PART, PART_FINAL, PART_ASIDE },
	{ PART_FINAL, PART_ASIDE, PART_PART },
};

struct part_name part_name(const char *leaf, enum part part)
{
	struct part_name n;

	snprintf(n.s, sizeof(n.s), "%s%s%s",
		 part == PART_TEMP ? TEMP_PREFIX : "", leaf, suffixes[part]);
	return n;
}

static bool ends_in(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len >= n && !memcmp(s + len - n, suffix, n);
}

bool part_component_ok(const char *c, size_t len)
{
	if (!len || len > URL_HOST_MAX || len > NAME_MAX)
		return false;
	if (c[0] == '.' && (len == 1 || (len == 2 && c[1] == '.')))
		return false;
	return strncmp(c, TEMP_PREFIX, strlen(TEMP_PREFIX)) != 0 &&
	       !ends_in(c, len, suffixes[PART_META]) &&
	       !ends_in(c, len, suffixes[PART_PART]) &&
	       !ends_in(c, len, suffixes[PART_ASIDE]);
}

bool part_cut_meta(char *name)
{
	size_t len = strlen(name);

	if (!ends_in(name, len, suffixes[PART_META]))
		return false;
	len -= strlen(suffixes[PART_META]);
	name[len] = '\0';
	return part_component_ok(name, len);
}

int part_stat(int dir, const char *leaf, enum part part, struct stat *st)
{
	if (fstatat(dir, part_name(leaf, part).s, st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(st->st_mode);
}

int part_open(int dir, const char *leaf, enum part part, int flags)
{
	struct stat st;
	int fd = openat(dir, part_name(leaf, part).s, flags | PART_OPEN, 0600);
	int err = 0;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EBADMSG;
	if (err)
		close(fd);
	return err ? err : fd;
}

int part_remove_locked(int dir, const char *leaf, enum part part)
{
	if (unlinkat(dir, part_name(leaf, part).s, 0) == 0)
		return 1;
	/* The final name may as well be a folder's. */
	if (errno == ENOENT || (part == PART_FINAL && errno == EISDIR))
		return 0;
	return -errno;
}

int parts_remove_locked(int dir, const char *leaf)
{
	int removed = 0, r;

	for (enum part p = 0; p < PART_END; p++) {
		r = part_remove_locked(dir, leaf, p);
		if (r < 0)
			return r;
		removed += r;
	}
	return removed;
}

int part_rename_locked(int dir, const char *leaf, enum part from, enum part to)
{
	if (renameat(dir, part_name(leaf, from).s,
		     dir, part_name(leaf, to).s) < 0)
		return -errno;
	return 0;
}

static int read_text(int fd, char **text, size_t *len)
{
	size_t n = 0, size;
	struct stat st;
	ssize_t r = 1;
	char *buf;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > (off_t)STORE_RECORD_MAX)
		return -EBADMSG;
	size = st.st_size;
	buf = malloc(size + 1);
	if (!buf)
		return -ENOMEM;
	while (r > 0 && n < size) {
		r = read(fd, buf + n, size - n);
		if (r > 0)
			n += r;
	}
	if (r < 0) {
		int err = -errno;

		free(buf);
		return err;
	}
	*text = buf;
	*len = n;
	return 0;
}

int parts_read_record(int dir, const char *leaf, struct store_record *out)
{
	char *text = NULL;
	size_t len = 0;
	int fd = part_open(dir, leaf, PART_META, O_RDONLY), err;

	if (fd < 0)
		return fd;
	err = read_text(fd, &text, &len);
	close(fd);
	if (err)
		return err;
	err = store_parse(text, len, out);
	free(text);
	return err;
}

int parts_check_ours(int dir, const char *leaf)
{
	struct store_record r = { 0 };
	int err = parts_read_record(dir, leaf, &r);

	store_record_fini(&r);
	if (err == -EPROTO)
		return -EEXIST;
	return err == -ENOENT || err == -EBADMSG ? 0 : err;
}

int parts_give_way_locked(int dir, const char *leaf)
{
	struct stat st;
	int err, r = part_stat(dir, leaf, PART_FINAL, &st);

	if (r <= 0)
		return r ? r : -ENOTDIR;
	err = parts_check_ours(dir, leaf);
	if (err)
		return err;
	r = part_stat(dir, leaf, PART_ASIDE, &st);
	if (r == 0)
		return part_rename_locked(dir, leaf, PART_FINAL, PART_ASIDE);
	/* The data is aside already, this file is nobody's. */
	if (r > 0)
		r = part_remove_locked(dir, leaf, PART_FINAL);
	return r < 0 ? r : 0;
}

int parts_find_fd(int dir, const char *leaf, int fd)
{
	struct stat mine, st;

	if (fstat(fd, &mine) < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		int found = part_stat(dir, leaf, places[0][i], &st);

		if (found < 0)
			return found;
		if (found && st.st_dev == mine.st_dev &&
		    st.st_ino == mine.st_ino)
			return places[0][i];
	}
	return -ESTALE;
}

int parts_find_any(int dir, const char *leaf, bool complete)
{
	struct stat st;

	for (int i = 0; i < 3; i++) {
		int found = part_stat(dir, leaf, places[complete][i], &st);

		if (found)
			return found < 0 ? found : (int)places[complete][i];
	}
	return -ENOENT;
}

static bool long_enough(const struct store_record *r, const struct stat *st)
{
	const struct extent_set *p = &r->present;
	uint64_t len = st->st_size;

	if (store_record_complete(r))
		return len == r->version.size;
	return !p->n || len >= p->v[p->n - 1].end;
}

/* Where the data that a record speaks of is: a part, -EBADMSG or -errno. */
static int find_by_record(int dir, const char *leaf,
			  const struct store_record *r)
{
	bool complete = store_record_complete(r);
	struct stat st;

	for (int i = 0; i < 3; i++) {
		int found = part_stat(dir, leaf, places[complete][i], &st);

		if (found < 0)
			return found;
		if (found && long_enough(r, &st))
			return places[complete][i];
	}
	return -EBADMSG;
}

int parts_place_locked(int dir, const char *leaf, enum part from,
		       bool complete)
{
	enum part to = PART_PART;
	struct stat st;
	int err;

	if (complete && from != PART_PART)
		return from;
	if (complete) {
		to = PART_FINAL;
		if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode))
			to = PART_ASIDE;
	}
	if (from == to)
		return to;
	err = part_rename_locked(dir, leaf, from, to);
	return err ? err : (int)to;
}

int parts_settle_locked(int dir, const char *leaf,
			const struct store_record *r)
{
	int place = PART_META;

	if (r->kind == STORE_FILE) {
		place = find_by_record(dir, leaf, r);
		if (place < 0)
			return place;
		place = parts_place_locked(dir, leaf, place,
					   store_record_complete(r));
		if (place < 0)
			return place;
	}
	for (enum part p = PART_PART; p < PART_END; p++)
		if ((int)p != place)
			part_remove_locked(dir, leaf, p);
	return 0;
}
