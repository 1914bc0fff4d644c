#include "config.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "cut.h"
#include "engine.h"
#include "fetch.h"
#include "log.h"
#include "save.h"

/* Enough to see whether a file system fills what a file is lengthened by. */
#define SAMPLE ((uint64_t)1 << 20)

/* Give an empty file its final length, unless that takes room on the disk (and
 * time: FAT writes the zeros). Nothing is lost when it can't be done. */
static void lengthen(int fd, uint64_t size)
{
	struct stat st;

	if (ftruncate(fd, size < SAMPLE ? size : SAMPLE) < 0 ||
	    size <= SAMPLE || fstat(fd, &st) < 0)
		return;
	if ((uint64_t)st.st_blocks * 512 >= SAMPLE ||
	    ftruncate(fd, size) < 0)
		log_debug(LOG_STORE, "a data file is not given its length");
}

void cut_begin_locked(struct entry *e)
{
	uint64_t size = e->rec.version.size;
	struct stat st;

	e->length = 0;
	if (fstat(e->fd, &st) == 0 && !st.st_size &&
	    size != REPLY_SIZE_UNKNOWN)
		lengthen(e->fd, size);
	if (fstat(e->fd, &st) == 0)
		e->length = st.st_size;
	if (e->length > size)
		e->length = size;
}

bool cut_shorter(int fd, uint64_t length)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_size < length;
}

bool cut_complete(const struct entry *e)
{
	return e->complete && cut_shorter(e->fd, e->rec.version.size);
}

void cut_forget(struct entry *e)
{
	if (cache_forget(e->cache, e))
		log_warn(LOG_STORE, "%s: the data file was cut short; dropped "
			 "from the cache", e->label);
}

int cut_report(struct entry *e, int fd)
{
	bool mine, cut;

	pthread_mutex_lock(&e->lock);
	mine = e->fd == fd;
	cut = mine && cut_shorter(fd, e->length);
	if (cut && !e->complete)
		e->cut = true;
	pthread_mutex_unlock(&e->lock);
	if (!mine)
		return 0;
	if (!cut)
		return -EIO;
	if (e->complete) {
		cut_forget(e);
		return -ESTALE;
	}
	fetch_kick(e->cache->fetch, e);
	return 0;
}

/* Go on with another file, which has nothing yet. */
static int renew(struct entry *e)
{
	struct extent_set left = { 0 };
	int fd, err = memory_present(e->memory, &left);

	if (!err)
		err = cache_create_data(e->cache, e, &fd);
	if (err) {
		extent_fini(&left);
		return err;
	}
	entry_renew(e, fd, &left);
	log_warn(LOG_STORE, "%s: the data file was cut short: fetching it "
		 "again", e->label);
	saver_queue(e->cache->saver, e, false);
	return 0;
}

int cut_check(struct entry *e)
{
	if (e->fd < 0 || e->complete ||
	    (!e->cut && !cut_shorter(e->fd, e->length)))
		return 0;
	return e->cut_fd >= 0 ? -ESTALE : renew(e);
}

void cut_mend(struct entry *e)
{
	struct entry *next;
	int err = cut_check(e);

	if (!err)
		return;
	next = cache_supersede(e->cache, e, true);
	if (next) {
		schedule_abandon(e, NULL);
		entry_unref(next);
	} else {
		entry_settle_all(e, err);
	}
}
