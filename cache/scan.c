#include "config.h"

#include "scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "log.h"
#include "parts.h"
#include "url.h"

#define BLOCK 512	/* of st_blocks */

int scan_name(int dir, const char *leaf, uint64_t *bytes, time_t *used)
{
	uint64_t sum = 0;
	struct stat st;
	time_t when = 0;
	int found = 0;

	/* In this order data that becomes complete meanwhile is seen. */
	for (enum part p = PART_META; p <= PART_ASIDE; p++) {
		int r = part_stat(dir, leaf, p, &st);

		if (r < 0)
			return r;
		if (p == PART_META) {
			if (!r)
				return -ENOENT;
			when = st.st_mtime;
		} else {
			found |= r;
		}
		if (r)
			sum += (uint64_t)st.st_blocks * BLOCK;
	}
	if (!found)
		return -ENOENT;
	*bytes = sum;
	*used = when;
	return 0;
}

/* ---- what a crash has left ------------------------------------------------ */

/* Cut the name of data that has, or of a record that will have, another name
 * soon. */
static bool cut_fleeting(const char *name, struct part_name *leaf,
			 enum part *part)
{
	size_t prefix = strlen(part_name("", PART_TEMP).s);
	size_t suffix = strlen(part_name("", PART_PART).s);
	size_t len = strlen(name);

	*part = PART_PART;
	if (len >= sizeof(leaf->s))
		return false;
	*leaf = (struct part_name){ 0 };
	if (!strncmp(name, part_name("", PART_TEMP).s, prefix)) {
		*part = PART_TEMP;
		memcpy(leaf->s, name + prefix, len - prefix);
	} else if (len > suffix) {
		memcpy(leaf->s, name, len - suffix);
	}
	return part_component_ok(leaf->s, strlen(leaf->s)) &&
	       !strcmp(part_name(leaf->s, *part).s, name);
}

/* Ours: of the kind we make. Nobody's: there is no record, and it has not
 * been changed by this process, which alone has the folder. */
static bool is_stray_locked(const struct scan *s, int dir, const char *leaf,
			    enum part part)
{
	const struct timespec *b = &s->began;
	struct stat st, meta;

	if (part_stat(dir, leaf, part, &st) != 1)
		return false;
	if (part == PART_PART && part_stat(dir, leaf, PART_META, &meta) != 0)
		return false;
	return st.st_uid == geteuid() && st.st_nlink == 1 &&
	       (st.st_mode & 07777) == 0600 &&
	       (st.st_ctim.tv_sec < b->tv_sec ||
		(st.st_ctim.tv_sec == b->tv_sec &&
		 st.st_ctim.tv_nsec < b->tv_nsec));
}

/* True: it was one, and is gone. */
static bool sweep(const struct scan *s, int dir, const char *file)
{
	struct part_name leaf;
	enum part part;
	bool gone;

	if (!cut_fleeting(file, &leaf, &part))
		return false;
	pthread_mutex_lock(s->lock);
	gone = is_stray_locked(s, dir, leaf.s, part) &&
	       part_remove_locked(dir, leaf.s, part) > 0;
	pthread_mutex_unlock(s->lock);
	return gone;
}

/* ---- all folders ------------------------------------------------------------ */

struct todo {
	struct todo *next;
	char path[];
};

static int push(struct todo **list, const char *path, const char *component)
{
	size_t size = strlen(path) + 1 + strlen(component) + 1;
	struct todo *t = malloc(sizeof(*t) + size);

	if (!t)
		return -ENOMEM;
	snprintf(t->path, size, "%s%s%s", path, *path ? "/" : "", component);
	t->next = *list;
	*list = t;
	return 0;
}

static int scan_file(const struct scan *s, int dir, const char *path,
		     const char *leaf)
{
	char name[URL_NAME_MAX + 1];
	uint64_t bytes;
	time_t used;
	int n = snprintf(name, sizeof(name), "%s/%s", path, leaf);

	if (n >= (int)sizeof(name) || scan_name(dir, leaf, &bytes, &used))
		return 0;
	return s->fn(s->ctx, name, bytes, used);
}

static int scan_entries(const struct scan *s, int dir, const char *path,
			char *all, size_t len, struct todo **list,
			unsigned *swept)
{
	size_t next;
	int r = 0;

	for (size_t i = 0; !r && i < len; i = next) {
		char *c = all + i + 1;

		next = i + 1 + strlen(c) + 1;
		if (all[i] == '/' && part_component_ok(c, strlen(c)))
			r = push(list, path, c);
		else if (all[i] != '/' && part_cut_meta(c))
			r = scan_file(s, dir, path, c);
		else if (all[i] != '/')
			*swept += sweep(s, dir, c);
	}
	return r;
}

static void prune(const struct scan *s, const char *path)
{
	char *below;

	if (asprintf(&below, "%s/", path) < 0)
		return;
	pthread_mutex_lock(s->lock);
	folder_prune_locked(s->root, below);
	pthread_mutex_unlock(s->lock);
	free(below);
}

static int scan_folder(const struct scan *s, const char *path,
		       struct todo **list)
{
	int dir = folder_open(s->root, path, strlen(path)), r;
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	unsigned swept = 0;
	size_t len;
	char *all;

	/* What can't be read takes no part. */
	if (!d) {
		if (dir >= 0)
			close(dir);
		return 0;
	}
	/* Without the lock, which a slow disk could hold up: what is renamed
	 * meanwhile is in use and will be looked at again. */
	r = folder_read(d, &all, &len);
	if (!r) {
		r = scan_entries(s, dir, path, all, len, list, &swept);
		free(all);
	}
	closedir(d);
	if (swept) {
		log_info(LOG_STORE, "swept away what a crash has left: "
			 "%u files", swept);
		prune(s, path);
	}
	return r == -ENOMEM || r > 0 ? r : 0;
}

int scan_all(const struct scan *s)
{
	struct todo *list = NULL, *t;
	int r = push(&list, "", "http");

	if (!r)
		r = push(&list, "", "https");
	while ((t = list)) {
		list = t->next;
		if (!r && folder_check(t->path) == 0)
			r = scan_folder(s, t->path, &list);
		free(t);
	}
	return r;
}
